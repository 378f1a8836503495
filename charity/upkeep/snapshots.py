"""One consistent view of the whole database, as a file and as a session on the very same state.

May import ``db`` and lower. On SQLite it is a copy through the backup interface, which
waits for nobody; on PostgreSQL ``pg_dump`` joins the snapshot of a read transaction.
"""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from charity.errors import refuse


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database at one instant.

    Attributes:
        dialect: ``sqlite`` or ``postgresql``.
        file: the database as a file that :mod:`charity.upkeep.restoring` takes.
        session: reads the same state; for reading only.
    """

    dialect: str
    file: Path
    session: Session


@contextmanager
def take_snapshot(url: str, folder: Path) -> Iterator[Snapshot]:
    """Give a snapshot of a database; its file goes with the folder.

    Args:
        url: as the app sees it; no right to write is needed.
        folder: an empty one with room for the database.

    Raises:
        Refused: ``program_missing``, ``backup_failed``.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with _sqlite(Path(parsed.database or ""), folder) as taken:
            yield taken
    else:
        with _postgresql(parsed, folder) as taken:
            yield taken


@contextmanager
def _sqlite(path: Path, folder: Path) -> Iterator[Snapshot]:
    """Copy the file while others read and write it, then pack the copy."""
    copy = folder / "copy.sqlite"
    with (
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        # In one go: it reads one state of the write-ahead log and blocks no writer.
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    packed = folder / "database.sqlite.gz"
    with copy.open("rb") as plain, gzip.open(packed, "wb", compresslevel=1) as into:
        shutil.copyfileobj(plain, into, 1024 * 1024)
    engine = create_engine(
        "sqlite://",
        poolclass=NullPool,
        hide_parameters=True,
        creator=lambda: sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True),
    )
    with Session(engine) as session:
        yield Snapshot("sqlite", packed, session)
    engine.dispose()


@contextmanager
def _postgresql(url: URL, folder: Path) -> Iterator[Snapshot]:
    """Open a read transaction, and have ``pg_dump`` write what it sees."""
    dump = folder / "database.dump"
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        run_program(
            "pg_dump",
            url,
            f"--file={dump}",
            f"--snapshot={snapshot}",
            "--format=custom",
            "--compress=1",
            "--no-owner",
            "--no-privileges",
        )
        with Session(connection) as session:
            yield Snapshot("postgresql", dump, session)
    engine.dispose()


def run_program(name: str, url: URL, *arguments: str) -> None:
    """Run a program of PostgreSQL's on a database; the password stands in no argument.

    Raises:
        Refused: ``program_missing``; ``backup_failed`` with the last line it said.
    """
    done = subprocess.run(
        [find_program(name), *arguments], env=libpq_environ(url), capture_output=True, text=True
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"{name} ended with {done.returncode}"]
        raise refuse("backup_failed", reason=said[-1][:300])


def find_program(name: str) -> str:
    """Return where a program of PostgreSQL's stands.

    Raises:
        Refused: ``program_missing``.
    """
    found = shutil.which(name) or next(
        iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))[::-1]), None
    )
    if found is None:
        raise refuse("program_missing", program=name)
    return found


def libpq_environ(url: URL) -> dict[str, str]:
    """Return the environment that leads PostgreSQL's own programs to a database."""
    host = url.query.get("host") or url.host
    values = {
        "PGHOST": host if isinstance(host, str) else "",
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.database or "",
        "PGSSLMODE": str(url.query.get("sslmode") or ""),
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **{name: value for name, value in values.items() if value}}
