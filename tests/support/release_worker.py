"""A worker as a server runs it, in a process of its own, that is killed at a statement of its posting.

Run as ``python -m tests.support.release_worker INSTANT DIE_AT`` with the app's environment. It
carries out the jobs that wait and prints how many statements and commits posting took. With
``DIE_AT`` it sends itself SIGKILL before that one: nothing of it is tidied up.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, event

from charity import create_app
from charity.config import load_settings
from charity.db import db
from charity.jobs.worker import Worker


class _Counter:
    """Counts what is sent to the database from the first look at a draft on."""

    def __init__(self, die_at: int) -> None:
        self.count, self._die_at = 0, die_at

    def step(self) -> None:
        """Take one more step, or die before it."""
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, _connection: Any, _cursor: Any, text: str, *_more: Any) -> None:
        """Count a statement."""
        if self.count or "FROM ledger_draft" in text:
            self.step()

    def commit(self, _connection: Any) -> None:
        """Count a commit, before it is sent."""
        if self.count:
            self.step()


def main(instant: str, die_at: int) -> None:
    """Work until nothing waits."""
    at = datetime.fromisoformat(instant)
    app = create_app(load_settings(dict(os.environ)), clock=lambda: at)
    counter = _Counter(die_at)
    event.listen(Engine, "before_cursor_execute", counter.statement)
    event.listen(Engine, "commit", counter.commit)
    with app.app_context():
        worker = Worker(db.engine, lambda: at, threading.Event())
        while worker.run_one():
            pass
    sys.stdout.write(f"{counter.count}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
