"""An office with open books for every test, copied from one that is opened once a worker.

Opening an org with chart, funds, months and approved rules takes as long as many a test;
a copy of the file, or of the database, takes milliseconds.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from charity.db import prepare_engine
from charity.places.models import Org
from tests.books import Ledger
from tests.gifts import Office, open_office
from tests.support import databases
from tests.support.databases import Database

#: Two folders of tests share these fixtures, and each opens an office of its own.
_numbers = itertools.count(1)


def _open(database: Database, folder: Path) -> None:
    """Open the office in a database, as the app does."""
    engine = create_engine(database.url)
    prepare_engine(engine)
    with Session(engine) as session:
        open_office(session, folder)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_office(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with an open office that every SQLite test copies."""
    folder = tmp_path_factory.mktemp("office")
    database = databases.copy_sqlite(sqlite_template, folder)
    _open(database, folder)
    path = folder / "charity.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture(scope="session")
def postgresql_office(
    request: pytest.FixtureRequest, postgresql_template: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The name of the database with an open office that every PostgreSQL test copies."""
    server = request.getfixturevalue("postgres_server")
    name = f"template_office_{next(_numbers)}"
    server.create(name, postgresql_template)
    _open(databases.postgresql_database(server, name), tmp_path_factory.mktemp("office"))
    return name


@pytest.fixture
def database(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[Database]:
    """A database of this test's own with an open office in it."""
    if dialect == "sqlite":
        yield databases.copy_sqlite(request.getfixturevalue("sqlite_office"), tmp_path)
        return
    server = request.getfixturevalue("postgres_server")
    with databases.copy_postgresql(server, request.getfixturevalue("postgresql_office")) as copy:
        yield copy


@pytest.fixture
def office(session: Session, tmp_path: Path) -> Office:
    """An office with three funds, a bank account, a WeChat number, cash and approved rules."""
    org_id = session.scalars(select(Org.id)).one()
    session.rollback()
    return Office(Ledger(session, org_id), tmp_path)
