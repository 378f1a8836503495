"""The work of import jobs without a worker: for the command line, which waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from charity.db import Actor, db, transact

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InlineRun:
    """Runs chunks one after another, each in its own transaction.

    Attributes:
        who: who acts.
        session: the session to use; that of the app's context when None.
    """

    who: Actor
    session: Session | None = None

    @property
    def org_id(self) -> int:
        """The org of the file."""
        return self.who.org_id

    def actor(self, session: Session) -> Actor:
        """Return who acts."""
        return self.who

    def transact(
        self,
        work: Callable[[Session], T],
        *,
        done: int | None = None,
        total: int | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> T:
        """Run one chunk; there is nobody to report progress to."""
        return transact(work, session=self.session)

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a query."""
        session = self.session if self.session is not None else db.session()
        session.rollback()
        return work(session)
