"""Restoring a backup into an empty place, and looking whether all of it is there.

Nothing that exists is touched: the target is an empty folder and, on PostgreSQL, an empty
database. A backup of an earlier release is brought to this version's schema on the way.
Afterwards the proof log is marked, so that nothing is signed before the last published
head is known to lie in these books, and everybody has to sign in anew.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, func, inspect, make_url, select, update
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from charity import grants, schema
from charity.config import Settings
from charity.db import prepare_engine, transact
from charity.errors import refuse
from charity.ledger.sealed_models import Voucher
from charity.places.models import Org
from charity.proofs.checkpoints import contains, find_log
from charity.proofs.checks import RESTORED
from charity.proofs.note_rules import BadNote, read_note
from charity.proofs.restoration import mark_restored
from charity.upkeep.archives import file_sha256, manifest_of, unpack
from charity.upkeep.checking import find_all
from charity.upkeep.keyfile import is_own, misfits
from charity.upkeep.models import Backup
from charity.upkeep.revisions import known_revisions, revision_of, trigger_differences
from charity.upkeep.rules import FILES, FOLDERS, Manifest, foreign_path
from charity.upkeep.snapshots import run_program
from charity.users.restoration import close_doors

#: Sentences of a report that are kept.
KEPT_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was restored.

    Attributes:
        archive: file name of the backup.
        sha256: of the archive, in hexadecimal.
        manifest: what it says of itself.
        settings: of the installation it was restored to.
        vouchers: posted vouchers found there, over all orgs.
        findings: what is not as it must be, in English; only the triggers unless verified.
        is_verified: everything was derived again.
    """

    archive: str
    sha256: str
    manifest: Manifest
    settings: Settings
    vouchers: int
    findings: tuple[str, ...]
    is_verified: bool


def restore_backup(
    archive: Path,
    settings: Settings,
    *,
    target: Path,
    url: str = "",
    at: datetime,
    is_verified: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
) -> Restored:
    """Restore a backup to an empty data folder and, on PostgreSQL, an empty database.

    Args:
        archive: the backup.
        settings: of this installation: its keys open what is restored.
        target: the data folder; empty, but for ``keys/``.
        url: the owner's address of an empty database; for SQLite empty.
        at: the present instant.
        is_verified: derive everything again afterwards.
        tell: gets a line of progress now and then.

    Raises:
        Refused: see ``charity.upkeep.rules.PROBLEMS``; nothing is left behind then.
    """
    manifest = manifest_of(archive)
    there = _target_settings(settings, manifest, target, url)
    _check_target(manifest, there)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.chmod(0o700)  # one that was there already may have been open to others
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=target) as scratch:
        if not manifest.seal:
            tell("Its list carries no seal, as of the first release: only its hash tells whose it is.")
        tell("Reading the backup and holding each file to its hash …")
        unpack(archive, manifest, Path(scratch))
        tell("Putting the database in place …")
        _place_database(Path(scratch) / manifest.database.path, there)
        findings = _place_files(Path(scratch) / FILES, target)
    findings += _settle(manifest, there, archive.name, at, tell)
    if is_verified:
        tell("Deriving everything again …")
        findings += verify(there, manifest)
    return Restored(
        archive=archive.name,
        sha256=file_sha256(archive),
        manifest=manifest,
        settings=there,
        vouchers=sum(org.vouchers for org in manifest.orgs),
        findings=tuple(findings),
        is_verified=is_verified,
    )


def _target_settings(settings: Settings, manifest: Manifest, target: Path, url: str) -> Settings:
    """Return the settings of the installation that is being restored.

    Raises:
        Refused: ``target_wrong_kind``.
    """
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    kind = make_url(url).get_backend_name() if url else "sqlite"
    if kind != manifest.dialect or (kind == "sqlite" and url):
        raise refuse("target_wrong_kind", dialect=manifest.dialect, target=kind)
    url = url or f"sqlite:///{target.resolve() / 'charity.db'}"
    return replace(settings, data_dir=target.resolve(), database_url=url, owner_url=url)


def _check_target(manifest: Manifest, there: Settings) -> None:
    """Refuse a target that holds anything, keys that do not fit, and a newer backup.

    Raises:
        Refused: ``archive_foreign``, ``archive_forged``, ``archive_newer``, ``key_does_not_fit``,
            ``target_not_empty``.
    """
    if path := foreign_path(manifest):
        raise refuse("archive_foreign", path=path[:200])
    if manifest.revision not in known_revisions():
        raise refuse("archive_newer", revision=manifest.revision)
    for name in misfits(there, manifest.keys):
        raise refuse("key_does_not_fit", name=name)
    if manifest.seal and not is_own(manifest, there):
        raise refuse("archive_forged")
    if there.data_dir.exists() and any(each.name != "keys" for each in there.data_dir.iterdir()):
        raise refuse("target_not_empty", target=there.data_dir)
    if manifest.dialect == "postgresql":
        engine = create_engine(there.owner_url, poolclass=NullPool, hide_parameters=True)
        if inspect(engine).get_table_names():
            raise refuse("target_not_empty", target=make_url(there.owner_url).database)


def _place_database(file: Path, there: Settings) -> None:
    """Put the database of a backup in place."""
    if there.owner_url.startswith("sqlite"):
        path = Path(there.owner_url.removeprefix("sqlite:///"))
        part = path.with_name(f".{path.name}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with gzip.open(file, "rb") as packed, os.fdopen(handle, "wb") as plain:
            shutil.copyfileobj(packed, plain, 1024 * 1024)
            plain.flush()
            os.fsync(plain.fileno())
        os.replace(part, path)
        return
    url = make_url(there.owner_url)
    run_program(
        "pg_restore",
        url,
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={url.database}",
        str(file),
    )


def _place_files(source: Path, target: Path) -> list[str]:
    """Move the product's own unpacked folders into the data folder, for their owner only.

    Returns:
        What was left out: an earlier release backed up every folder of the data folder.
    """
    tops = sorted(source.iterdir()) if source.is_dir() else []
    for top in tops:
        if top.name in FOLDERS:
            for path in (top, *top.rglob("*")):
                path.chmod(0o700 if path.is_dir() else 0o600)
            os.replace(top, target / top.name)
    others = [top.name for top in tops if top.name not in FOLDERS]
    return [f"files: {name}/ of the backup was left out, it is no folder of the product" for name in others]


def _settle(
    manifest: Manifest, there: Settings, name: str, at: datetime, tell: Callable[[str], None]
) -> list[str]:
    """Compare the triggers, upgrade an older schema, give the roles their rights, mark the log."""
    with schema.owner_engine(there) as engine:
        with engine.connect() as connection:
            findings = [f"database: {line}" for line in trigger_differences(connection)]
            is_old = revision_of(connection) != known_revisions()[-1]
        if is_old:
            tell(f"Upgrading from revision {manifest.revision} …")
            schema.upgrade(there)
        else:
            with engine.begin() as connection:
                grants.install(connection, there)
        _mark(engine, manifest, name, at)
    return findings


def _mark(engine: Engine, manifest: Manifest, name: str, at: datetime) -> None:
    """Mark each log as restored, let nobody in who has not signed in anew, note the backup as done."""

    def work(session: Session) -> None:
        for org_id in session.scalars(select(Org.id).order_by(Org.id)).all():
            mark_restored(session, org_id=org_id, at=at, backup=name)
        close_doors(session, at=at)
        session.execute(
            update(Backup)
            .where(Backup.state == "running", Backup.manifest_id == manifest.id)
            .values(state="done", ended_at=at, revision=manifest.revision)
        )

    with Session(engine) as session:
        transact(work, session=session)


def verify(there: Settings, manifest: Manifest) -> list[str]:
    """Derive everything in a restored installation again; return what is not as it must be.

    Triggers are compared by text, each org's vouchers are counted, each published head is
    sought in the tree, and every check of ``flask check`` runs, the files included.
    """
    engine = create_engine(there.database_url, poolclass=NullPool, hide_parameters=True)
    prepare_engine(engine)
    with Session(engine) as session:
        found = [
            *_check_pages(session),
            *(f"database: {line}" for line in trigger_differences(session.connection())),
        ]
        orgs = {code: org_id for org_id, code in session.execute(select(Org.id, Org.code))}
        for org in manifest.orgs:
            found += _check_org(session, orgs.get(org.code), org.code, org.vouchers, org.checkpoint)
        for code, finding in find_all(session, [(key, code) for code, key in orgs.items()], there.data_dir):
            if finding.check != RESTORED:
                found.append(f"{code}  {finding.check}  {finding.where}: {finding.message}")
    engine.dispose()
    return found


def _check_pages(session: Session) -> list[str]:
    """Let SQLite walk through its whole file."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    rows = session.connection().exec_driver_sql("PRAGMA integrity_check")
    return [f"database: {line}" for (line,) in rows if line != "ok"]


def _check_org(session: Session, org_id: int | None, code: str, vouchers: int, checkpoint: str) -> list[str]:
    """Return what an org lacks of what the manifest says of it."""
    if org_id is None:
        return [f"{code}  backup: this org is not in the restored books"]
    found = session.scalar(select(func.count()).select_from(Voucher).where(Voucher.org_id == org_id))
    problems = [] if found == vouchers else [f"{code}  backup: {found} vouchers in place of {vouchers}"]
    log = find_log(session, org_id)
    if checkpoint and log is not None:
        try:
            head = read_note(checkpoint).head
        except BadNote as bad:
            return [*problems, f"{code}  backup: its checkpoint cannot be read: {bad}"]
        if not contains(session, log, head):
            problems.append(f"{code}  backup: the tree does not contain its checkpoint of {head.size} leaves")
    elif checkpoint:
        problems.append(f"{code}  backup: its proof log is missing")
    return problems
