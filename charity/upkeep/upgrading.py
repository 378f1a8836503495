"""Upgrading the schema, after looking whether it may be done now.

The books only go forward, so the way back is a backup: without a fresh one that holds
every voucher nothing is begun.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.engine import Connection

from charity import schema
from charity.config import Settings
from charity.errors import N_, Problem, Refused, refuse_if, register
from charity.upkeep.archives import manifest_of
from charity.upkeep.backups import newest_archive
from charity.upkeep.revisions import known_revisions, revision_of, trigger_differences
from charity.upkeep.rules import FRESH_FOR, Manifest

#: Bytes that stay free whatever the size of the database.
SPARE_BYTES = 100 * 1024 * 1024

PROBLEMS = register(
    {
        "upgrade_backup_missing": N_(
            "There is no backup in CHARITY_BACKUP_DIR to go back to. Make one there first (flask backup), or "
            "name one that lies elsewhere: flask upgrade --backup FILE."
        ),
        "upgrade_backup_old": N_("The newest backup (%(name)s) is older than a day. Make a fresh one first."),
        "upgrade_backup_other": N_(
            "The backup %(name)s does not hold these books as they stand: %(what)s. Stop server and worker "
            "and make a fresh one."
        ),
        "upgrade_disk_low": N_("%(free)s MB are free, %(wanted)s MB are wanted. Make room first."),
        "upgrade_revision_unknown": N_(
            "The database is of revision %(revision)s, which this version does not know: it belongs to a "
            "newer one."
        ),
        "upgrade_triggers_differ": N_(
            "The guards of the database are not as its release left them: %(what)s. Restore a backup and "
            "look into it."
        ),
        "upgrade_jobs_open": N_(
            "%(count)s jobs are waiting or running. Let them end, or cancel them, then stop the worker."
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands before an upgrade.

    Attributes:
        revision: its own; empty for an empty database.
        newest: of this version.
        backup: file name of the backup to go back to; empty for an empty database.
        vouchers: org code → posted vouchers.
    """

    revision: str
    newest: str
    backup: str
    vouchers: dict[str, int]


def check_upgrade(
    connection: Connection, settings: Settings, *, at: datetime, archive: Path | None = None
) -> tuple[Standing, list[Problem]]:
    """Return where a database stands, and why it may not be upgraded now.

    Args:
        connection: the owner's, for reading.
        settings: the data folder, the folder of backups.
        at: the present instant.
        archive: the backup to go back to; the newest of the folder when None.

    Problems: ``upgrade_revision_unknown``, ``upgrade_triggers_differ``,
    ``upgrade_jobs_open``, ``upgrade_disk_low``, ``upgrade_backup_missing``,
    ``upgrade_backup_old``, ``upgrade_backup_other``, ``archive_unreadable``.
    """
    revision, known = revision_of(connection), known_revisions()
    if not revision:
        return Standing("", known[-1], "", {}), []
    if revision not in known:
        standing = Standing(revision, known[-1], "", {})
        return standing, [Problem("upgrade_revision_unknown", {"revision": revision})]
    vouchers = _vouchers(connection)
    backup, problems = _backup_problems(settings, revision, vouchers, at, archive)
    problems = [*_state_problems(connection, settings), *problems]
    return Standing(revision, known[-1], backup, vouchers), problems


def _vouchers(connection: Connection) -> dict[str, int]:
    """Return the posted vouchers of each org; plain SQL, since the schema may be any release's."""
    rows = connection.execute(
        text(
            "SELECT o.code, (SELECT COUNT(*) FROM ledger_voucher v WHERE v.org_id = o.id)"
            " FROM places_org o ORDER BY o.code"
        )
    )
    return {str(code): int(count) for code, count in rows}


def _state_problems(connection: Connection, settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with the database itself, its jobs and its disk."""
    if differences := trigger_differences(connection):
        yield Problem("upgrade_triggers_differ", {"what": "; ".join(differences[:3])})
    count = connection.scalar(text("SELECT COUNT(*) FROM jobs_job WHERE state IN ('queued', 'running')"))
    if count:
        yield Problem("upgrade_jobs_open", {"count": count})
    url, wanted = make_url(settings.owner_url), SPARE_BYTES
    if url.get_backend_name() == "sqlite":
        # A migration that fills a new column writes every page of a table once more.
        wanted += 2 * Path(url.database or "").stat().st_size
    free = shutil.disk_usage(settings.data_dir).free
    if free < wanted:
        yield Problem("upgrade_disk_low", {"free": free // 2**20, "wanted": -(-wanted // 2**20)})


def _backup_problems(
    settings: Settings, revision: str, vouchers: dict[str, int], at: datetime, archive: Path | None
) -> tuple[str, list[Problem]]:
    """Return the backup to go back to, and what is wrong with it."""
    try:
        found = (archive, manifest_of(archive)) if archive else newest_archive(settings.backup_dir)
    except Refused as refused:
        return "", list(refused.problems)
    if found is None:
        return "", [Problem("upgrade_backup_missing")]
    path, manifest = found
    problems = []
    if at - manifest.made_at > FRESH_FOR:
        problems.append(Problem("upgrade_backup_old", {"name": path.name}))
    if what := _difference(manifest, revision, vouchers):
        problems.append(Problem("upgrade_backup_other", {"name": path.name, "what": what}))
    return path.name, problems


def _difference(manifest: Manifest, revision: str, vouchers: dict[str, int]) -> str:
    """Return how a backup differs from the database; empty when it holds it."""
    if manifest.revision != revision:
        return f"revision {manifest.revision} in place of {revision}"
    held = {org.code: org.vouchers for org in manifest.orgs}
    for code, count in vouchers.items():
        if held.get(code) != count:
            return f"{code}: {held.get(code, 0)} vouchers in place of {count}"
    return ""


def upgrade(
    settings: Settings,
    *,
    at: datetime,
    archive: Path | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Standing:
    """Bring the database to this version's schema, if nothing stands against it.

    Args:
        settings: with the owner's address.
        at: the present instant.
        archive: see :func:`check_upgrade`.
        tell: gets a line of progress now and then.

    Returns:
        Where the database stood before.

    Raises:
        Refused: see :func:`check_upgrade`; nothing was changed then.
    """
    tell("Looking whether the upgrade may be done …")
    with schema.owner_engine(settings) as engine, engine.connect() as connection:
        standing, problems = check_upgrade(connection, settings, at=at, archive=archive)
    refuse_if(problems)
    tell(f"Upgrading from {standing.revision or 'nothing'} to {standing.newest} …")
    schema.upgrade(settings)
    return standing
