"""An office with open books behind the pages of dropped files, and a worker that runs its jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from charity.db import db
from charity.jobs.worker import Worker
from tests.support.offices import database, office, postgresql_office, sqlite_office

__all__ = ["database", "office", "postgresql_office", "sqlite_office"]


@pytest.fixture
def work(app: Flask) -> Callable[[], None]:
    """Run every job that waits, as a worker beside the server does."""

    def run() -> None:
        with app.app_context():
            worker = Worker(db.engine, app.config["CLOCK"], threading.Event(), name="test")
            while worker.run_one():
                pass

    return run
