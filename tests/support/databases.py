"""Clean databases, fast: migrated once into a template, copied for each test."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from charity import grants, schema, triggers
from charity.config import Settings, load_settings, resource_dir
from charity.db import Base
from tests.support.postgres import APP, OWNER, PostgresServer

#: Keys of the tests: fixed, so that a golden file is the same everywhere.
KEYS = {
    "CHARITY_SECRET_KEY": "11" * 32,
    "CHARITY_FIELD_KEY": "22" * 32,
    "CHARITY_SIGN_KEY": "33" * 32,
}


@dataclass(frozen=True, slots=True)
class Database:
    """One clean database.

    Attributes:
        dialect: ``sqlite`` or ``postgresql``.
        url: as the app sees it: the app role, or the file.
        owner_url: as the owner sees it.
    """

    dialect: str
    url: str
    owner_url: str


def make_settings(folder: Path, database: Database, **environ: str) -> Settings:
    """Return the settings of a test; further ones are given as in the environment."""
    return load_settings(
        {
            "CHARITY_ENV": "test",
            "CHARITY_DATA": str(folder),
            "DATABASE_URL": database.url,
            "DATABASE_OWNER_URL": database.owner_url,
            **KEYS,
            **environ,
        }
    )


def build(settings: Settings) -> None:
    """Bring an empty database to what the app expects.

    Through the migrations; while a release is being written and none exists yet, from
    the models, which tests/contracts/test_migrations.py holds to be the same.
    """
    if any((resource_dir("migrations") / "versions").glob("*.py")):
        schema.upgrade(settings)
        return
    with schema.owner_engine(settings) as engine, engine.begin() as connection:
        _create_what_stands(connection, settings)


def _create_what_stands(connection: Connection, settings: Settings) -> None:
    """Create the tables whose foreign keys resolve: features are still being written."""
    schema.load_tables()
    tables = set(Base.metadata.tables.values())
    while broken := {
        table
        for table in tables
        if any(
            key.target_fullname.rsplit(".", 1)[0] not in {t.name for t in tables}
            for key in table.foreign_keys
        )
    }:
        tables -= broken
    Base.metadata.create_all(connection, tables=sorted(tables, key=lambda table: table.name))
    names = {table.name for table in tables}
    triggers.install(connection, [trigger for trigger in triggers.registered() if trigger.table in names])
    grants.install(connection, settings)


def sqlite_database(path: Path) -> Database:
    """Return the database of a file."""
    return Database("sqlite", f"sqlite:///{path}", f"sqlite:///{path}")


def postgresql_database(server: PostgresServer, name: str) -> Database:
    """Return a database of the tests' server."""
    return Database("postgresql", server.url(name, APP), server.url(name, OWNER))


def sqlite_template(folder: Path) -> Path:
    """Build the SQLite template and return its file, without a write-ahead log beside it."""
    path = folder / "template.db"
    build(make_settings(folder, sqlite_database(path)))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def postgresql_template(server: PostgresServer, folder: Path) -> str:
    """Build the PostgreSQL template and return its name."""
    server.create("template_charity")
    build(make_settings(folder, postgresql_database(server, "template_charity")))
    return "template_charity"


_numbers = itertools.count(1)


def copy_sqlite(template: Path, folder: Path) -> Database:
    """Return a clean database of its own in a folder."""
    path = folder / "charity.db"
    shutil.copyfile(template, path)
    return sqlite_database(path)


@contextmanager
def copy_postgresql(server: PostgresServer, template: str) -> Iterator[Database]:
    """Give a clean database of its own, dropped afterwards."""
    name = f"charity_{next(_numbers)}"
    server.create(name, template)
    try:
        yield postgresql_database(server, name)
    finally:
        server.drop(name)
