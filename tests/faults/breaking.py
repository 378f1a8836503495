"""A database that fails at the k-th call, and what can be said of it afterwards.

A call is a statement or a commit. It fails before it arrives, or, a commit, after it has been
done and before anybody is told. Every second failure takes the connection with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from charity.db import Base


class Broken(OperationalError):
    """What the driver raises when the disk or the line fails; nobody tries such a thing again."""


@dataclass
class Breaker:
    """Counts the calls of an engine and fails one of them.

    Attributes:
        calls: how many there have been since :meth:`arm`.
        fails_at: which of them fails, from 1; none when 0.
        is_late: whether a commit fails after it has been done.
        committed: how many commits have been done.
        failed_commit: whether the call that failed was a commit.
        busy: calls of a writing transaction that find the database busy, once each.
    """

    calls: int = 0
    fails_at: int = 0
    is_late: bool = False
    committed: int = 0
    failed_commit: bool = False
    busy: list[int] = field(default_factory=list)

    def arm(self, fails_at: int, *, is_late: bool = False) -> None:
        """Begin to count anew; the call of that number will fail."""
        self.calls, self.committed, self.failed_commit, self.busy = 0, 0, False, []
        self.fails_at, self.is_late = fails_at, is_late

    def arm_busy(self, calls: int) -> None:
        """Let up to three calls of so many find the database busy, early and in the middle."""
        self.arm(0)
        self.busy = sorted({1, calls // 4, calls // 2} - {0})

    @property
    def has_failed(self) -> bool:
        """Whether the call that was to fail has come."""
        return 0 < self.fails_at <= self.calls

    def count(self) -> bool:
        """Count a call; say whether it is the one that fails.

        Raises:
            Broken: it finds the database busy; the next try begins to count anew.
        """
        self.calls += 1
        if self.busy and self.calls == self.busy[0]:
            self.calls = 0
            self.busy.pop(0)
            raise Broken("busy", None, Exception("database is locked"))
        return self.calls == self.fails_at

    def error(self) -> Broken:
        """Return the failure of the present call."""
        return Broken(f"call {self.calls}", None, Exception("disk I/O error"))


@contextmanager
def breaking(engine: Engine) -> Iterator[Breaker]:
    """Give the breaker of an engine; afterwards nothing fails any more."""
    breaker = Breaker()
    commit = engine.dialect.do_commit

    def before(connection: Connection, *_: Any) -> None:
        if breaker.busy and not connection.get_execution_options().get("is_write"):
            return  # a plain read waits for nobody
        if breaker.count():
            if breaker.calls % 2:
                connection.invalidate()
            raise breaker.error()

    def do_commit(connection: Any) -> None:
        is_its_turn = breaker.count()
        breaker.failed_commit = breaker.failed_commit or is_its_turn
        if is_its_turn and not breaker.is_late:
            raise breaker.error()
        commit(connection)
        breaker.committed += 1
        if is_its_turn:
            raise breaker.error()

    event.listen(engine, "before_cursor_execute", before)
    engine.dialect.do_commit = do_commit  # type: ignore[assignment, method-assign]
    try:
        yield breaker
    finally:
        engine.dialect.do_commit = commit  # type: ignore[method-assign]
        event.remove(engine, "before_cursor_execute", before)


#: Counts how often public pages were made anew: a repeat may do that, and it changes no book.
PAGES = "web_topic_version"


def digest(connection: Connection, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return table → SHA-256 over all its rows, in hexadecimal; ``PAGES`` is left out.

    Args:
        connection: not the one that acts, so that it sees what is committed.
        without: tables that are left out too.
    """
    found = {}
    for table in Base.metadata.sorted_tables:
        if table.name == PAGES or table.name in without:
            continue
        rows = sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table.name}")))  # noqa: S608
        found[table.name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


def sizes(session: Session, org_id: int, without: frozenset[str]) -> dict[str, int]:
    """Return how many rows each table has for an org, those without any left out."""
    result = {}
    for table in Base.metadata.sorted_tables:
        if "org_id" in table.columns and table.name not in without:
            query = select(func.count()).select_from(table).where(table.c.org_id == org_id)
            if count := session.execute(query).scalar_one():
                result[table.name] = count
    return result
