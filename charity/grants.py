"""Grants: what the app role and the auditor role may do on PostgreSQL.

Imports the standard library, SQLAlchemy, ``config`` and ``db`` only. The owner runs the
migrations and hands out rights afterwards; the app never owns a table. The invariant:
what only triggers or the owner write, and what may only grow, is refused to the app by the database
itself. On SQLite the authorizer of ``charity.db`` plays this part.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from charity.config import Settings, UnsafeSettings
from charity.db import APPEND_ONLY, OWNER_ONLY, TRIGGER_ONLY

#: Written by the migrations alone.
_MIGRATION_TABLE = "alembic_version"


def table_rights(table: str) -> frozenset[str]:
    """Return the rights of the app role on a table, as PostgreSQL names them."""
    if table == _MIGRATION_TABLE or table in TRIGGER_ONLY or table in OWNER_ONLY:
        return frozenset({"SELECT"})
    if table in APPEND_ONLY:
        return frozenset({"SELECT", "INSERT"})
    return frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


def install(connection: Connection, settings: Settings) -> list[str]:
    """Give both roles exactly their rights; run by the owner after the migrations.

    Args:
        connection: the owner's, inside a transaction; on SQLite nothing is done.
        settings: names the two roles.

    Returns:
        The roles that do not exist yet, which got nothing.
    """
    if connection.dialect.name != "postgresql":
        return []
    missing = [role for role in (settings.app_role, settings.auditor_role) if not _has_role(connection, role)]
    owner = str(connection.exec_driver_sql("SELECT current_user").scalar_one())
    if settings.app_role not in (*missing, owner):
        _grant_app(connection, settings.app_role)
    if settings.auditor_role not in (*missing, owner):
        role = _quoted(settings.auditor_role)
        _withdraw(connection, role)
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    return missing


def refuse_unsafe_role(engine: Engine, settings: Settings) -> None:
    """Refuse to run as a role that could pass the guards.

    Args:
        engine: the app's own.
        settings: development and test may run as any role.

    Raises:
        UnsafeSettings: the role is a superuser, may become one, may replicate, owns a
            table, or is a member of a role that does.
    """
    if engine.dialect.name != "postgresql" or settings.environment in ("development", "test"):
        return
    with engine.connect() as connection:
        found = _powers(connection)
    if found:
        raise UnsafeSettings(
            f"The database role of DATABASE_URL {', '.join(found)}, so it could change posted vouchers. "
            f"Run the app as {settings.app_role} and keep the owner's role for DATABASE_OWNER_URL."
        )


def _powers(connection: Connection) -> list[str]:
    """Return what the current role may do that the app must not, in words."""
    is_super, may_make_roles, may_replicate, is_writer, owns_tables, owns_database = (
        connection.exec_driver_sql(
            "SELECT bool_or(r.rolsuper), bool_or(r.rolcreaterole), bool_or(r.rolreplication),"
            " bool_or(r.rolname = 'pg_write_all_data'),"
            " EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            "         AND c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'MEMBER')),"
            " EXISTS (SELECT FROM pg_database d WHERE d.datname = current_database()"
            "         AND pg_has_role(d.datdba, 'MEMBER'))"
            " FROM pg_roles r WHERE pg_has_role(r.oid, 'MEMBER')"
        ).one()
    )
    if is_super:
        return ["is a superuser"]
    words = {
        "may make roles": may_make_roles,
        "may replicate": may_replicate,
        "may write all data": is_writer,
        "owns tables": owns_tables,
        "owns the database": owns_database,
    }
    return [word for word, is_true in words.items() if is_true]


def _grant_app(connection: Connection, name: str) -> None:
    """Give the app role its rights, table by table."""
    role = _quoted(name)
    _withdraw(connection, role)
    for rights, tables in _tables_by_rights(_tables(connection)).items():
        names = ", ".join(_quoted(table) for table in tables)
        connection.exec_driver_sql(f"GRANT {', '.join(sorted(rights))} ON {names} TO {role}")
    connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")


def _withdraw(connection: Connection, role: str) -> None:
    """Take every right away, so that what was granted once by hand does not stay."""
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        connection.exec_driver_sql(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM {role}")
    connection.exec_driver_sql(f"REVOKE CREATE ON SCHEMA public FROM {role}")
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {role}")


def _tables(connection: Connection) -> list[str]:
    """Return the tables of the schema, by name."""
    rows = connection.exec_driver_sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'm') ORDER BY relname"
    )
    return [name for (name,) in rows]


def _tables_by_rights(tables: Iterable[str]) -> dict[frozenset[str], list[str]]:
    """Return the tables grouped by the app's rights."""
    groups: dict[frozenset[str], list[str]] = {}
    for table in tables:
        groups.setdefault(table_rights(table), []).append(table)
    return groups


def _has_role(connection: Connection, name: str) -> bool:
    """Say whether the server knows a role."""
    found = connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %(name)s", {"name": name})
    return found.first() is not None


def _quoted(name: str) -> str:
    """Return an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'
