"""Write the next migration from the models: ``python migrations/make.py 0001 "first release"``.

A developer's tool. It brings an empty SQLite database to the present head, compares it
with the models and writes the difference to ``versions/``. Read what it wrote: a column
of a posted table can be added, never changed (docs/development.md).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from charity import schema
from charity.config import load_settings


def make_migration(revision: str, message: str) -> Path:
    """Write one migration and return its file.

    Args:
        revision: its number, four digits; one migration per release.
        message: what the release brings, a few words.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = schema.migration_config(load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": folder}))
        # Not sealed: the newest triggers may stand on tables this migration is to make.
        config.attributes["is_draft"] = True
        command.upgrade(config, "head")
        written = command.revision(config, message=message, rev_id=revision, autogenerate=True)
    if written is None or isinstance(written, list):
        raise RuntimeError("exactly one migration is written at a time")
    return Path(written.path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(make_migration(sys.argv[1], sys.argv[2]))
