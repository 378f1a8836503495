"""Clean databases, fast: migrated once into a template, copied for each test."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from charity import schema
from charity.config import Settings, load_settings
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


def sqlite_database(path: Path) -> Database:
    """Return the database of a file."""
    return Database("sqlite", f"sqlite:///{path}", f"sqlite:///{path}")


def postgresql_database(server: PostgresServer, name: str) -> Database:
    """Return a database of the tests' server."""
    return Database("postgresql", server.url(name, APP), server.url(name, OWNER))


def sqlite_template(folder: Path) -> Path:
    """Build the SQLite template and return its file, without a write-ahead log beside it."""
    path = folder / "template.db"
    schema.upgrade(make_settings(folder, sqlite_database(path)))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def postgresql_template(server: PostgresServer, folder: Path) -> str:
    """Build the PostgreSQL template and return its name."""
    server.create("template_charity")
    schema.upgrade(make_settings(folder, postgresql_database(server, "template_charity")))
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
