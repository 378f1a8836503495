"""Two people who act at once, held and let go at named points: the same outcome every time.

The first stops before it writes, or before it commits; then the second runs, until it has ended or
waits for the first. On PostgreSQL both are really under way; on SQLite the second waits
at its ``BEGIN IMMEDIATE``. Nothing here sleeps: who waits is asked of the database.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from charity.db import prepare_engine
from charity.errors import Problem, Refused

#: What one of the two does, on a session of its own.
Work = Callable[[Session], Any]

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.I)
#: Longer than any lock is waited for; reached only when something hangs.
_LONG_S = 120


@dataclass
class Side:
    """One of the two, with a connection and a thread of its own.

    Attributes:
        work: what it does.
        engine: its own.
        holds_at: ``write`` or ``commit``, where it stops once; nowhere when empty.
        answer: ``done``, the code of the refusal, or the kind of an error; empty while under way.
    """

    work: Work
    engine: Engine
    holds_at: str = ""
    answer: str = ""
    pids: list[int] = field(default_factory=list)
    stands: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    waits: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        event.listen(self.engine, "before_cursor_execute", self._before)
        event.listen(self.engine, "commit", lambda _connection: self._stand("commit"))
        if self.engine.dialect.name == "postgresql":
            event.listen(self.engine, "connect", lambda raw, _: self.pids.append(raw.info.backend_pid))

    def _run(self) -> None:
        with Session(self.engine) as session:
            try:
                result = self.work(session)
                self.answer = result.code if isinstance(result, Problem) else "done"
            except Refused as refused:
                self.answer = refused.codes[0]
            except Exception as error:  # noqa: BLE001 - an error is an answer too, and never the right one.
                self.answer = f"{type(error).__name__}: {error}"[:300]
        self.stands.set()

    def _before(self, _connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "BEGIN IMMEDIATE":
            self.waits.set()
        if _WRITES.match(statement):
            self._stand("write")

    def _stand(self, place: str) -> None:
        """Stop at a place until let go, once."""
        if self.holds_at == place:
            self.holds_at = ""
            self.stands.set()
            assert self.go.wait(_LONG_S), "nobody let it go"

    def has_ended(self) -> bool:
        """Say whether it has an answer."""
        self.thread.join(0.005)
        return not self.thread.is_alive()

    def waits_for_other(self, watcher: Connection) -> bool:
        """Say whether it waits for a lock."""
        if self.engine.dialect.name == "sqlite":
            return self.waits.is_set()
        query = text("SELECT count(*) FROM unnest(CAST(:pids AS int[])) p WHERE pg_blocking_pids(p) <> '{}'")
        found = watcher.execute(query, {"pids": self.pids}).scalar_one()
        watcher.rollback()
        return bool(found)


@contextmanager
def engines(url: str) -> Iterator[Callable[[], Engine]]:
    """Give a maker of engines of the app role; they are gone afterwards."""
    made: list[Engine] = []

    def make() -> Engine:
        engine = create_engine(url)
        prepare_engine(engine)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.dispose()


def interleave(url: str, first: Work, second: Work, place: str) -> tuple[str, str]:
    """Run two acts at once and return their answers.

    Args:
        url: of the database.
        first: stops at the place while the second runs, and goes on when that one ends or waits.
        second: the other act.
        place: ``write`` before its first write, ``commit`` before it is committed.
    """
    with engines(url) as make, make().connect() as watcher:
        early, late = Side(first, make(), place), Side(second, make())
        early.thread.start()
        assert early.stands.wait(_LONG_S), "the first came to no end"
        late.thread.start()
        while not late.has_ended() and not late.waits_for_other(watcher):
            pass
        early.go.set()
        for side in (early, late):
            side.thread.join(_LONG_S)
            assert not side.thread.is_alive(), "two acts wait for one another"
        return early.answer, late.answer
