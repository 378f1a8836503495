"""How migrations run: as the owner, in one transaction, on SQLite and PostgreSQL.

Started by ``flask db …`` (settings from the environment) or ``charity.schema.upgrade``
(settings handed over). There is no batch mode: it would re-create a sealed table
without its triggers. After each upgrade triggers and grants are installed and compared.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import CheckConstraint
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

from charity import schema
from charity.config import Settings, load_settings
from charity.db import Base

config = context.config


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | bool:
    """Write the project's own types as plain SQLAlchemy ones: a migration outlives the code.

    A check that stands on one database only keeps saying so.
    """
    if kind == "type" and isinstance(item, TypeDecorator) and type(item).__module__.startswith("charity."):
        return f"sa.{item.impl_instance!r}"
    if kind == "check" and (condition := _condition_of(item)):
        return f"sa.CheckConstraint({str(item.sqltext)!r}, name=op.f({str(item.name)!r})).ddl_if({condition})"
    return False


def _condition_of(check: CheckConstraint) -> str:
    """Return what a check's ``ddl_if`` says in the models; Alembic's own copy forgets it."""
    for original in Base.metadata.tables[check.table.name].constraints:
        condition = getattr(original, "_ddl_if", None)
        if condition is not None and str(original.name) == str(check.name):
            return f"dialect={condition.dialect!r}"
    return ""


def _is_upgrade() -> bool:
    """Say whether this run moves the database, rather than reading where it stands."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


def run(connection: Connection, settings: Settings) -> None:
    """Run the wanted migrations on a connection, then seal the database."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=False,
        render_item=render_item,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    if _is_upgrade() and not config.attributes.get("is_draft"):
        for role in schema.seal(connection, settings):
            config.print_stdout("There is no role %s, so it got no rights; make it and upgrade again.", role)


def main() -> None:
    """Open the owner's connection and run everything in one transaction."""
    if context.is_offline_mode():
        raise SystemExit("Migrations seal the database as they go; run them on it, not into a file.")
    settings = config.attributes.get("settings") or load_settings()
    schema.load_tables()
    with schema.owner_engine(settings) as engine, engine.begin() as connection:
        run(connection, settings)


main()
