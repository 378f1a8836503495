"""Making a backup: database, files and proof log as of one instant, in one archive.

The database comes first, the files after it: a file is written before the row that names
it and is never removed, so every file a row of the snapshot names is there. The proof log
alone is told apart, because its head is replaced: what is kept of it is made to fit the
snapshot. Keys are never in it.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import Engine, func, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import transact
from charity.errors import Refused, refuse
from charity.ids import new_id
from charity.ledger.sealed_models import Voucher
from charity.places.models import Org
from charity.proofs.checkpoints import last_checkpoint
from charity.proofs.folder import ALL_LOGS, LogFolder
from charity.proofs.models import ProofLog
from charity.proofs.note_rules import BadNote, read_note
from charity.proofs.publishing import tile_bytes
from charity.proofs.tile_rules import WIDTH, Tile, new_tiles, parse_tile_path
from charity.upkeep.archives import ArchiveWriter, manifest_of, writing
from charity.upkeep.keyfile import fingerprints, sealed_list
from charity.upkeep.models import Backup
from charity.upkeep.revisions import revision_of
from charity.upkeep.rules import (
    FILES,
    FOLDERS,
    GIVEN_UP_AFTER,
    BackedUpOrg,
    Manifest,
    Member,
    archive_name,
    newest,
    surplus,
)
from charity.upkeep.snapshots import Snapshot, take_snapshot


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made.

    Attributes:
        path: the archive.
        manifest: what it says of itself.
        sha256: of the archive, in hexadecimal.
        size: of the archive, in bytes.
        removed: names of older ones that were removed for it.
    """

    path: Path
    manifest: Manifest
    sha256: str
    size: int
    removed: tuple[str, ...]


def make_backup(
    engine: Engine,
    settings: Settings,
    *,
    at: datetime,
    folder: Path | None = None,
    keep: int | None = None,
    is_scheduled: bool = False,
) -> Made:
    """Make a backup while everything goes on, record it, and remove what is surplus.

    Args:
        engine: the app's.
        settings: the data folder, the keys, the database.
        at: the present instant.
        folder: where to; that of the settings when None.
        keep: how many of the newest stay; that of the settings when None, 0 keeps all.
        is_scheduled: the schedule asked for it.

    Raises:
        Refused: ``backup_folder_missing``, ``backup_folder_inside``, ``backup_running``,
            ``program_missing``, ``backup_failed``.
    """
    into = _checked_folder(folder or settings.backup_dir, settings)
    manifest_id = secrets.token_hex(16)
    path = into / archive_name(at, manifest_id)
    key = _begin(engine, path, manifest_id, at, is_scheduled=is_scheduled)
    try:
        manifest, sha256, size = _write(settings, path, manifest_id, at)
    except Refused as refused:
        _end(engine, key, state="failed", at=at, problem=refused.problems[0].sentence())
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        _end(engine, key, state="failed", at=at, problem=reason)
        raise refuse("backup_failed", reason=reason) from error
    except BaseException as error:
        _end(engine, key, state="failed", at=at, problem=type(error).__name__)
        raise
    _end(engine, key, state="done", at=at, revision=manifest.revision, sha256=sha256, size=size)
    removed = surplus([each.name for each in into.iterdir()], settings.backup_keep if keep is None else keep)
    for name in removed:
        (into / name).unlink()
    return Made(path, manifest, sha256, size, tuple(removed))


def _checked_folder(folder: Path | None, settings: Settings) -> Path:
    """Return a folder for backups that is there and does not go down with the data folder.

    Raises:
        Refused: ``backup_folder_missing``, ``backup_folder_inside``, ``backup_failed``.
    """
    if folder is None:
        raise refuse("backup_folder_missing")
    folder = folder.resolve()
    if folder.is_relative_to(settings.data_dir.resolve()):
        raise refuse("backup_folder_inside", folder=folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise refuse("backup_failed", reason=error.strerror or "") from error
    return folder


def _begin(engine: Engine, path: Path, manifest_id: str, at: datetime, *, is_scheduled: bool) -> int | None:
    """Record that a backup is under way; None where the schema is older than the record.

    Raises:
        Refused: ``backup_running``.
    """
    if not inspect(engine).has_table(Backup.__tablename__):
        return None
    row = Backup(
        id=new_id(),
        state="running",
        is_scheduled=is_scheduled,
        manifest_id=manifest_id,
        name=path.name,
        folder=str(path.parent),
        started_at=at,
    )
    key = row.id

    def work(session: Session) -> None:
        running = session.scalars(select(Backup).where(Backup.state == "running")).first()
        if running is not None:
            if at - running.started_at < GIVEN_UP_AFTER:
                raise refuse("backup_running", since=f"{running.started_at:%Y-%m-%d %H:%M} UTC")
            running.state, running.ended_at, running.problem = "failed", at, "it was interrupted"
            session.flush()
        session.add(row)

    with Session(engine) as session:
        try:
            transact(work, session=session)
        except IntegrityError:
            raise refuse("backup_running", since=f"{at:%Y-%m-%d %H:%M} UTC") from None
    return key


def _end(engine: Engine, key: int | None, *, at: datetime, **values: object) -> None:
    """Record how a backup ended."""
    if key is None:
        return

    def work(session: Session) -> None:
        row = session.get_one(Backup, key)
        for name, value in values.items():
            setattr(row, name, value)
        row.ended_at = at

    with Session(engine) as session:
        transact(work, session=session)


def _write(settings: Settings, path: Path, manifest_id: str, at: datetime) -> tuple[Manifest, str, int]:
    """Write the archive; return its manifest, SHA-256 and bytes."""
    heads = _published_heads(settings.data_dir)
    with (
        tempfile.TemporaryDirectory(prefix=".taking-", dir=path.parent) as scratch,
        take_snapshot(settings.database_url, Path(scratch)) as snapshot,
        writing(path, at) as archive,
    ):
        database = archive.add_file(snapshot.file.name, snapshot.file)
        files = [*_add_logs(archive, snapshot.session, settings, heads), *_add_files(archive, settings)]
        manifest = Manifest(
            id=manifest_id,
            made_at=at,
            product=product_version(),
            dialect=snapshot.dialect,
            revision=revision_of(snapshot.session.connection()),
            database=database,
            files=tuple(sorted(files, key=lambda member: member.path)),
            orgs=tuple(_orgs(snapshot)),
            keys=fingerprints(settings),
        )
        manifest = sealed_list(manifest, settings)
        sha256, size = archive.close(manifest)
    return manifest, sha256, size


def product_version() -> str:
    """Return the version of the installed product; ``source`` in a checkout."""
    try:
        return version("charity-ledger")
    except PackageNotFoundError:
        return "source"


def _orgs(snapshot: Snapshot) -> Iterator[BackedUpOrg]:
    """Yield the books of each org as the snapshot holds them."""
    session = snapshot.session
    for org_id, code in session.execute(select(Org.id, Org.code).order_by(Org.code)).all():
        vouchers = session.scalar(select(func.count()).select_from(Voucher).where(Voucher.org_id == org_id))
        last = last_checkpoint(session, org_id)
        yield BackedUpOrg(code, vouchers or 0, last.tree_size if last else 0, last.note if last else "")


def _published_heads(data_dir: Path) -> dict[str, str]:
    """Return the published checkpoint of every log, read before the database is."""
    found = {}
    for path in (data_dir / ALL_LOGS).glob("*/checkpoint"):
        text = LogFolder(path.parent).read_checkpoint()
        if text is not None:
            found[path.parent.name] = text
    return found


def _add_logs(
    archive: ArchiveWriter, session: Session, settings: Settings, heads: dict[str, str]
) -> Iterator[Member]:
    """Add each log's last checkpoint and its published tiles, as the snapshot has them.

    A checkpoint in a file may be ahead of its row, when the process died in between; its
    leaves are never ahead of theirs. So the larger of both is kept, and both are in the tree.
    """
    for log in session.scalars(select(ProofLog).order_by(ProofLog.org_id)):
        last = last_checkpoint(session, log.org_id)
        sizes, note = [last.tree_size if last else 0], last.note if last else ""
        published = heads.get(log.folder, "")
        if sizes[0] < _size_of(published) <= log.tree_size:
            sizes, note = [*sizes, _size_of(published)], published
        if not note:
            continue
        base = f"{FILES}/{ALL_LOGS}/{log.folder}"
        yield archive.add_bytes(f"{base}/checkpoint", note.encode())
        folder = LogFolder.of(settings.data_dir, log.folder)
        wanted = dict.fromkeys(tile for size in sizes for tile in new_tiles(0, size))
        for tile in wanted:
            # A full tile never changes; a partial one may go while this is written.
            data = folder.read_tile(tile) if tile.width == WIDTH else None
            yield archive.add_bytes(f"{base}/tile/{tile.path}", data or tile_bytes(session, log, tile))
        for tile in _earlier_partials(folder, max(sizes)):
            data = folder.read_tile(tile)
            if tile not in wanted and data is not None:
                yield archive.add_bytes(f"{base}/tile/{tile.path}", data)


def _earlier_partials(folder: LogFolder, size: int) -> Iterator[Tile]:
    """Yield the partial tiles of heads before, which readers who hold one still ask for."""
    root = folder.root / "tile"
    for path in sorted(root.rglob("*.p/*")):
        tile = parse_tile_path(path.relative_to(root).as_posix())
        if tile is not None and tile.before <= size:
            yield tile


def _size_of(note: str) -> int:
    """Return how many leaves a published checkpoint covers; 0 when it cannot be read."""
    try:
        return read_note(note).head.size
    except BadNote:
        return 0


def _add_files(archive: ArchiveWriter, settings: Settings) -> Iterator[Member]:
    """Add every folder the product keeps files in, but the logs, which stand there already.

    Everything else of the data folder is left out: database, keys, settings, what an operator
    put there. So are files that are still being written, which no row names yet.
    """
    for top in (settings.data_dir / name for name in FOLDERS if name != ALL_LOGS):
        if top.is_symlink() or not top.is_dir():
            continue
        for path in sorted(top.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith((".", "tmp")):
                inside = path.relative_to(settings.data_dir).as_posix()
                yield archive.add_file(f"{FILES}/{inside}", path)


def newest_archive(folder: Path | None) -> tuple[Path, Manifest] | None:
    """Return the newest backup of a folder and its manifest; None when there is none.

    Raises:
        Refused: ``archive_unreadable``.
    """
    if folder is None or not folder.is_dir():
        return None
    name = newest(each.name for each in folder.iterdir())
    return (folder / name, manifest_of(folder / name)) if name else None


def last_done_at(session: Session) -> datetime | None:
    """Return when the newest finished backup began; None before the first."""
    return session.scalar(select(func.max(Backup.started_at)).where(Backup.state == "done"))
