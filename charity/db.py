"""The database: base class, sessions, units of work, retries.

The only place that commits. ``unit_of_work`` ends the request's read transaction and
begins a writing one at once (``BEGIN IMMEDIATE`` on SQLite), so that a transaction
never has to be upgraded. On SQLite an authorizer plays the part of PostgreSQL's app
role: what only triggers may write, statements of the app may not.
"""

from __future__ import annotations

import errno
import os
import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Engine,
    Integer,
    MetaData,
    cast,
    event,
    func,
    text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: 63-bit key; INTEGER on SQLite, whose BIGINT would not be a row id.
Id = BigInteger().with_variant(Integer(), "sqlite")
#: Fen, minutes and counts.
Big = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """An instant in UTC; SQLite gives it back without its zone, which is put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant carries its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMING), type_annotation_map={int: Big, datetime: Instant}
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, where and when; built by the shell and handed to every service verb.

    Attributes:
        user_id: the login that acts.
        org_id: the org whose books are meant.
        name: the name signed with.
        permissions: what this login may do in this org.
        at: the instant of the act, UTC.
        unit_id: the place the login sits at; None for the whole org.
    """

    user_id: int
    org_id: int
    name: str
    permissions: frozenset[str]
    at: datetime
    unit_id: int | None = field(default=None)

    def may(self, permission: str) -> bool:
        """Say whether this login holds a permission in this org."""
        return permission in self.permissions


def sum_of(column: Any) -> Any:
    """Return SQL for an exact integer sum, 0 over no rows.

    PostgreSQL sums BIGINT into NUMERIC, which would reach Python as a Decimal.
    """
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def whole_numbers(*columns: str) -> CheckConstraint:
    """Return the check that columns hold whole numbers, none allowed.

    PostgreSQL knows it by the type; SQLite would store a fraction or a text in an integer
    column, and every sum over it would be wrong.

    Args:
        columns: names of columns of the table the check stands in.
    """
    condition = " AND ".join(f"typeof({column}) IN ('integer', 'null')" for column in columns)
    return CheckConstraint(condition, name="whole_numbers").ddl_if(dialect="sqlite")


#: Tables that only triggers may write, by name; features add theirs at import.
TRIGGER_ONLY: set[str] = set()
#: Tables that may only grow.
APPEND_ONLY: set[str] = set()
#: Tables that only the owner writes, when the schema is sealed: what the guards go by.
OWNER_ONLY: set[str] = set()

#: What a statement of the app may do on SQLite; anything else is refused. Tables, triggers and
#: views are the owner's, other files are nobody's.
_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    }
)
#: What the app may ask SQLite about itself; none of them changes how a statement is judged.
_READ_PRAGMAS = frozenset(
    {
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "foreign_key_check",
        "integrity_check",
        "quick_check",
        "page_count",
        "page_size",
        "freelist_count",
        "data_version",
        "schema_version",
    }
)


def _authorize(
    action: int, first: str | None, second: str | None, base: str | None, trigger: str | None
) -> int:
    """Refuse on SQLite what PostgreSQL's grants refuse to the app role, and what would unmake a guard."""
    if action in _ALLOWED:
        is_allowed = True
    elif action in (sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE):
        is_allowed = first not in APPEND_ONLY and _may_write(first, trigger)
    elif action == sqlite3.SQLITE_INSERT:
        is_allowed = _may_write(first, trigger)
    else:
        # A value given with a pragma (second) sets it, or narrows what is read.
        is_allowed = action == sqlite3.SQLITE_PRAGMA and first in _READ_PRAGMAS
    return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY


def _may_write(table: str | None, trigger: str | None) -> bool:
    """Say whether a statement of the app, or a trigger it set off, may write a table."""
    if table in OWNER_ONLY or (table or "").startswith("sqlite_"):
        return False
    return table not in TRIGGER_ONLY or trigger is not None


def _make_private(path: str) -> None:
    """Make the file of a database for its owner only; its log takes the mode over from it."""
    if path and not path.startswith((":", "file:")):
        with suppress(OSError):  # it is there, or SQLite says why it cannot be
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def prepare_engine(engine: Engine, *, is_owner: bool = False) -> None:
    """Install the connection rules of this project on an engine.

    Args:
        engine: any engine that will see the project's tables.
        is_owner: True for migrations only; the SQLite authorizer is left out.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "do_connect")
    def _make(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
        _make_private(str(arguments[0]) if arguments else "")

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "foreign_keys=ON",
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=15000",
            "recursive_triggers=ON",
            "cache_size=-32000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not is_owner:
            connection.set_authorizer(_authorize)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get("is_write") or is_owner
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


#: ``org_id`` bound to a value: a join alone would still read every org's rows.
_BOUND_ORG = re.compile(r"\borg_id\s*(?:=|IN)\s*(?:\?|\(|%|:|\$)", re.I)


def watch_orgs(engine: Engine) -> None:
    """Fail a statement on a growing table that names no org; for development and tests.

    Tables that grow are keyed by their org first, so that a province can distribute them by
    it. A job that serves every org says so with the execution option ``across_orgs``.
    """
    names = "|".join(
        table.name
        for table in Base.metadata.tables.values()
        if len(table.primary_key) > 1 and "org_id" in table.primary_key
    )
    growing = re.compile(rf'\b(?:FROM|JOIN|UPDATE)\s+"?({names})\b', re.I)

    @event.listens_for(engine, "before_cursor_execute")
    def _look(
        _connection: Connection, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool
    ) -> None:
        options = context.execution_options if context is not None else {}
        if options.get("across_orgs") or _BOUND_ORG.search(statement):
            return
        if found := growing.search(statement):
            raise RuntimeError(f"a statement on {found[1]} names no org: {statement[:300]}")


def forget_plans(session: Session) -> None:
    """Have PostgreSQL plan anew what this connection runs, the queries of triggers included.

    A plan made while a table was empty is kept for the connection's life, and in a
    trigger there is no other way to be rid of it: an import that fills empty books ran
    seven times as long. Nothing to do on SQLite.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("DISCARD PLANS"))


def begin_write(session: Session) -> None:
    """End the session's read transaction and begin a writing one at once."""
    session.rollback()
    session.connection(execution_options={"is_write": True})


def begin_snapshot(session: Session) -> None:
    """End the session's transaction; the next one reads one state of the books throughout.

    On SQLite every reading transaction does; PostgreSQL would show each statement what
    others have committed meanwhile, and sums would seem to disagree beside a running server.
    """
    session.rollback()
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


@contextmanager
def unit_of_work(session: Session | None = None) -> Iterator[Session]:
    """Open one writing transaction; commit at the end, roll back on any error.

    Args:
        session: the session to use; the request's own when None.
    """
    own = session if session is not None else db.session()
    begin_write(own)
    try:
        yield own
        own.commit()
    except BaseException:
        own.rollback()
        raise


#: The same act came twice at one moment; tried again, it finds what was done.
_REPEATED = re.compile("(?:idempotency|event|request)_key")
_RETRY_STATES = frozenset({"40001", "40P01", "55P03"})


def is_transient(error: BaseException) -> bool:
    """Say whether a database error asks for the same transaction once more."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error, OperationalError) and "database is locked" in str(error.orig):
        return True
    if isinstance(error, IntegrityError) and _REPEATED.search(str(error.orig)):
        return True
    return getattr(error.orig, "sqlstate", None) in _RETRY_STATES


def is_disk_full(error: BaseException) -> bool:
    """Say whether an error means that a disk has no room left: the database's, or that of the files."""
    if isinstance(error, DBAPIError):
        is_full = "database or disk is full" in str(error.orig)
        return is_full or getattr(error.orig, "sqlstate", None) == "53100"
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def transact(work: Callable[[Session], T], *, session: Session | None = None, tries: int = 5) -> T:
    """Run one unit of work, whole, up to five times while the database asks for it.

    Args:
        work: gets the session, returns the result; must have no effect outside it.
        session: the session to use; the request's own when None.
        tries: how often at most.
    """
    for attempt in range(1, tries + 1):
        try:
            with unit_of_work(session) as own:
                return work(own)
        except DBAPIError as error:
            if attempt == tries or not is_transient(error):
                raise
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)
    raise AssertionError("unreachable")
