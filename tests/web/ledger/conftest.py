"""Books with their staff behind the pages: accountant, reviewer, cashier, chief accountant.

The books are opened once a worker and copied for each test.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from charity import sealed
from charity.db import prepare_engine
from charity.places.models import Org
from charity.users.models import User
from tests.books import Ledger, open_books
from tests.builders import make_user
from tests.support import databases

#: Part played in ``tests.books`` → role.
STAFF = {
    "maker": "accountant",
    "reviewer": "reviewer",
    "cashier": "cashier",
    "chief": "chief_accountant",
}
TODAY = date(2026, 3, 18)


def _username(role: str) -> str:
    return role.replace("_", "-")


@pytest.fixture(scope="session")
def sqlite_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean database with an org's books, open from January to March 2026."""
    folder = tmp_path_factory.mktemp("books")
    database = databases.copy_sqlite(sqlite_template, folder)
    settings = databases.make_settings(folder, database)
    sealed.configure(settings.field_key)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        ledger = open_books(session)
        for role in STAFF.values():
            make_user(session, org_id=ledger.org_id, username=_username(role), roles=(role,))
        ledger.open_months("2026-01", "2026-03")
    engine.dispose()
    path = folder / "charity.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def ledger(app: Flask, session: Session) -> Ledger:
    """Those books, as they stand on 18 March."""
    opened = Ledger(session, session.execute(select(Org.id)).scalar_one())
    ids = dict(session.execute(select(User.username, User.id)).all())
    opened.ids = {part: ids[_username(role)] for part, role in STAFF.items()}
    opened.on = TODAY
    return opened


def _english(client: FlaskClient) -> FlaskClient:
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def accountant(ledger: Ledger, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("accountant"))


@pytest.fixture
def reviewer(ledger: Ledger, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("reviewer"))


@pytest.fixture
def cashier(ledger: Ledger, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("cashier"))


@pytest.fixture
def chief(ledger: Ledger, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("chief_accountant"))


@pytest.fixture
def auditor(ledger: Ledger, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("auditor"))
