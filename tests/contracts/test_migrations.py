"""The migrations make what the models say, on both databases, and seal it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from charity import schema, triggers
from charity.config import Settings
from charity.db import Base
from tests.support import source
from tests.support.catalogue import describe
from tests.support.databases import Database, make_settings, postgresql_database, sqlite_database

pytestmark = pytest.mark.both_databases


@pytest.fixture
def empty(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if dialect == "sqlite":
        yield sqlite_database(tmp_path / "empty.db")
        return
    server = request.getfixturevalue("postgres_server")
    server.create("empty")
    yield postgresql_database(server, "empty")
    server.drop("empty")


@pytest.fixture
def empty_settings(empty: Database, tmp_path: Path) -> Settings:
    return make_settings(tmp_path, empty)


def describe_migrated(settings: Settings) -> list[str]:
    schema.upgrade(settings)
    with schema.owner_engine(settings) as engine, engine.connect() as connection:
        return describe(connection)


@pytest.fixture
def modelled(empty_settings: Settings) -> list[str]:
    """What the models say, created at once and then thrown away."""
    with (
        schema.owner_engine(empty_settings) as engine,
        engine.connect() as connection,
        connection.begin() as transaction,
    ):
        schema.create_tables(connection, empty_settings)
        found = describe(connection)
        transaction.rollback()
    return found


def test_the_migrations_equal_the_models(modelled: list[str], empty_settings: Settings) -> None:
    assert len(modelled) > 100
    migrated = describe_migrated(empty_settings)
    assert sorted(set(modelled) - set(migrated)) == [], "in the models only"
    assert sorted(set(migrated) - set(modelled)) == [], "in the migrations only"


def test_the_triggers_equal_their_text(owner_connection: Connection) -> None:
    assert len(triggers.registered()) > 5
    assert triggers.compare(owner_connection) == []


def test_a_second_upgrade_changes_nothing(empty_settings: Settings) -> None:
    first = describe_migrated(empty_settings)
    assert first
    assert describe_migrated(empty_settings) == first


def test_books_never_go_backward(settings: Settings) -> None:
    with pytest.raises(RuntimeError, match="books only go forward"):
        command.downgrade(schema.migration_config(settings), "base")


@pytest.mark.sqlite_only
def test_flask_db_upgrade_makes_a_database(tmp_path: Path) -> None:
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ |= {"CHARITY_ENV": "development", "CHARITY_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=source.ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    settings = make_settings(tmp_path, sqlite_database(tmp_path / "charity.db"))
    with schema.owner_engine(settings) as engine, engine.connect() as connection:
        assert triggers.compare(connection) == []


@pytest.mark.sqlite_only
def test_the_revisions_are_one_line_without_batch_mode(settings: Settings) -> None:
    directory = ScriptDirectory.from_config(schema.migration_config(settings))
    assert len(directory.get_heads()) == 1
    texts = [Path(revision.path).read_text(encoding="utf-8") for revision in directory.walk_revisions()]
    assert not [text for text in texts if "batch_alter_table" in text], (
        "it would drop a sealed table's triggers"
    )


def test_every_declared_table_is_known() -> None:
    schema.load_tables()
    declared = {
        name
        for path in source.package_files()
        for name in re.findall(r'__tablename__ = "(\w+)"', source.text(path))
    }
    assert declared
    assert declared == set(Base.metadata.tables)


def test_every_trigger_stands_on_a_known_table() -> None:
    schema.load_tables()
    assert {trigger.table for trigger in triggers.registered()} <= set(Base.metadata.tables)
