"""Databases as released versions left them: their schema, their guards, and books inside.

The books are posted by today's code and carried over row by row, as far as the release
had the columns; its own guards, kept at its release, are then put in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic import command
from sqlalchemy import Engine, column, insert, inspect, select
from sqlalchemy import table as light_table
from sqlalchemy.engine import Connection

from charity import grants, schema, triggers
from charity.config import Settings
from charity.db import Base
from charity.upkeep.revisions import released_triggers

#: Rows carried over at once.
_AT_ONCE = 500


def make_release(settings: Settings, revision: str, source: Engine) -> None:
    """Make an empty database one of a released revision that holds the rows of another.

    Args:
        settings: with the owner's address of the empty database.
        revision: the release.
        source: a database of today's schema.
    """
    config = schema.migration_config(settings)
    config.attributes["is_draft"] = True  # today's guards may stand on tables it does not have
    command.upgrade(config, revision)
    schema.load_tables()
    with schema.owner_engine(settings) as engine:
        with engine.begin() as target, source.connect() as rows:
            _carry_over(rows, target)
        with engine.begin() as target:
            triggers.install(target, released_triggers(revision))
            grants.install(target, settings)


def _carry_over(rows: Connection, target: Connection) -> None:
    """Insert every row of one database into another, in the columns both have."""
    present = inspect(target)
    for table in Base.metadata.sorted_tables:
        if not present.has_table(table.name):
            continue
        names = {found["name"] for found in present.get_columns(table.name)}
        columns = [known for known in table.columns if known.name in names]
        # The release knows neither the columns that came later nor their defaults.
        released = light_table(table.name, *(column(known.name, known.type) for known in columns))
        query = select(*columns).order_by(*table.primary_key.columns)
        for chunk in rows.execution_options(yield_per=_AT_ONCE).execute(query).partitions():
            values: Sequence[dict[str, Any]] = [
                {known.name: value for known, value in zip(columns, row, strict=True)} for row in chunk
            ]
            target.execute(insert(released), values)
