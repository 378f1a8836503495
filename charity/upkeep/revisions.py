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
from charity.config import resource_dir
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


def known_revisions() -> list[str]:
    """Return the revisions of this version, oldest first."""
    directory = ScriptDirectory(str(resource_dir("migrations")))
    return [revision.revision for revision in directory.walk_revisions()][::-1]


def revision_of(connection: Connection) -> str:
    """Return where a database stands; empty before the first migration."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def released_triggers(revision: str) -> list[Trigger]:
    """Return the triggers a revision was sealed with; the newest one's stand in the code.

    Args:
        revision: one of the known ones.
    """
    if revision == known_revisions()[-1]:
        schema.load_tables()
        return triggers.registered()
    rows = json.loads(seals_path(revision).read_text(encoding="utf-8"))
    return [Trigger(**row) for row in rows]


def trigger_differences(connection: Connection) -> list[str]:
    """Return how the triggers of a database differ from what its revision was sealed with.

    Args:
        connection: any role's.

    Returns:
        One sentence a difference; one that says so for a revision this version does not know.
    """
    revision = revision_of(connection)
    if revision not in known_revisions():
        return [f"the revision {revision or '(none)'} is not known to this version"]
    return triggers.compare(connection, released_triggers(revision))
