"""Revisions of the schema: which are known, where a database stands, how each was sealed.

May import ``schema`` and lower. The triggers of every released revision are kept beside
the migrations; the newest one's stand in the code.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from charity import schema, triggers
from charity.config import Settings, resource_dir
from charity.triggers import Trigger


def seals_path(revision: str) -> Path:
    """Return the file with the triggers of a released revision."""
    return resource_dir("migrations") / "seals" / f"{revision}.json"


def keep_seals(revision: str) -> Path:
    """Write every declared trigger as those of a revision, and return the file.

    Args:
        revision: the one that is being released.

    Raises:
        FileExistsError: it was released before; what was sealed then stays.
    """
    path = seals_path(revision)
    path.parent.mkdir(exist_ok=True)
    rows = [asdict(trigger) for trigger in triggers.registered()]
    with path.open("x", encoding="utf-8") as file:
        file.write(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    return path


def known_revisions(settings: Settings) -> list[str]:
    """Return the revisions of this version, oldest first."""
    directory = ScriptDirectory.from_config(schema.migration_config(settings))
    return [revision.revision for revision in directory.walk_revisions()][::-1]


def revision_of(connection: Connection) -> str:
    """Return where a database stands; empty before the first migration."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def released_triggers(revision: str, known: list[str]) -> list[Trigger] | None:
    """Return the triggers a revision was sealed with.

    Args:
        revision: one of the known ones.
        known: all of this version, oldest first.

    Returns:
        None for the newest: what the code declares.
    """
    if revision == known[-1]:
        return None
    rows = json.loads(seals_path(revision).read_text(encoding="utf-8"))
    return [Trigger(**row) for row in rows]


def trigger_differences(connection: Connection, settings: Settings) -> list[str]:
    """Return how the triggers of a database differ from what its revision was sealed with.

    Args:
        connection: any role's.
        settings: where the migrations stand.

    Returns:
        One sentence a difference; one that says so for a revision this version does not know.
    """
    schema.load_tables()
    revision, known = revision_of(connection), known_revisions(settings)
    if revision not in known:
        return [f"the revision {revision or '(none)'} is not known to this version"]
    return triggers.compare(connection, released_triggers(revision, known))
