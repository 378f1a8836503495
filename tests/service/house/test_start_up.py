"""The app serves nothing from books whose guards are not as declared, and heals by itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from charity import create_app, schema, triggers
from charity.config import Settings
from charity.db import db, prepare_engine

SEAL = "ledger_voucher_seal"


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], Flask]]:
    """Start the app as a server does, on whatever the database is by then."""
    started: list[Flask] = []

    def run() -> Flask:
        started.append(create_app(settings))
        return started[-1]

    yield run
    for app in started:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def drop_the_seal(owner: Connection) -> None:
    """Drop the guard that checks a voucher, as an owner could."""
    table = " ON ledger_voucher" if owner.dialect.name == "postgresql" else ""
    owner.exec_driver_sql(f"DROP TRIGGER {SEAL}{table}")


def statuses(app: Flask) -> list[int]:
    """Return how the office's door and the monitor's address answer."""
    client = app.test_client()
    return [client.get(path).status_code for path in ("/sign-in", "/healthz")]


def test_sealed_books_are_served(app: Flask) -> None:
    assert statuses(app) == [200, 200]


def test_a_guard_that_is_missing_closes_the_house_until_it_stands_again(
    start: Callable[[], Flask], owner_connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    drop_the_seal(owner_connection)
    with caplog.at_level(logging.CRITICAL):
        app = start()
    assert f"the trigger {SEAL} is missing" in caplog.text
    assert statuses(app) == [503, 503]
    triggers.install(owner_connection)
    assert statuses(app) == [200, 200]


def test_another_revision_is_not_served(start: Callable[[], Flask], owner_connection: Connection) -> None:
    owner_connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    app = start()
    assert statuses(app) == [503, 503]
    owner_connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{schema.head()}'")
    assert statuses(app) == [200, 200]


def test_the_commands_run_all_the_same_so_that_an_operator_can_mend(
    start: Callable[[], Flask], owner_connection: Connection
) -> None:
    drop_the_seal(owner_connection)
    app = start()
    result = CliRunner().invoke(FlaskGroup(create_app=lambda: app, set_debug_flag=False), ["check"])
    assert result.exit_code == 1
    assert f"the trigger {SEAL} is missing" in result.output


@pytest.mark.sqlite_only
def test_a_database_of_one_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """And so are the files beside it, whatever the umask says."""
    engine = create_engine(f"sqlite:///{tmp_path}/new.db")
    prepare_engine(engine, is_owner=True)
    before = os.umask(0o022)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
            found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("new.db*")}
    finally:
        os.umask(before)
        engine.dispose()
    assert found == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}


def test_no_value_of_a_statement_stands_in_the_words_of_its_error(app: Flask, settings: Settings) -> None:
    """Neither the app's nor the owner's: the words of an error go to the journal."""
    statement = text("SELECT no_such FROM places_org WHERE name = :name")
    with app.app_context(), schema.owner_engine(settings) as owner:
        for engine in (db.engine, owner):
            with engine.connect() as connection, pytest.raises(DBAPIError) as raised:
                connection.execute(statement, {"name": "13912345678"})
            assert "13912345678" not in str(raised.value)
            assert "no_such" in str(raised.value)
