"""A PostgreSQL server of the tests' own: started, used and gone with the test run.

It listens on a Unix socket only and keeps nothing safe (``fsync=off``). Its first user
is a superuser nobody's code runs as; ``charity_owner``, ``charity_app`` and
``charity_auditor`` are made in it as docs/operations.md asks of a real one.
"""

from __future__ import annotations

import ctypes
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWNER, APP, AUDITOR = "charity_owner", "charity_app", "charity_auditor"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "900s",
    "log_min_messages": "fatal",
}
#: Settings that gain time and would lose data.
_UNSAFE = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server.

    Attributes:
        folder: where its socket stands.
    """

    folder: Path

    def url(self, database: str, role: str) -> str:
        """Return the SQLAlchemy URL of a database as a role."""
        return f"postgresql+psycopg://{role}@/{database}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each in its own transaction."""
        import psycopg

        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname=database, autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def create(self, name: str, template: str = "template0") -> None:
        """Create a database of the owner's, from a template if one is named."""
        self.run(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}" STRATEGY file_copy')

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def binaries() -> str | None:
    """Return the folder of the newest server binaries on this machine, or None."""
    found = [str(Path(path).resolve().parent) for path in [shutil.which("initdb")] if path]
    for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"):
        found += sorted(
            glob.glob(pattern), key=lambda p: [int(n) for n in re.findall(r"\d+", p)], reverse=True
        )
    return next(
        (f for f in found if all(os.access(f"{f}/{x}", os.X_OK) for x in ("initdb", "postgres"))), None
    )


def _roomy_folder() -> str:
    """Return where databases are copied fastest: in memory where there is a gigabyte free.

    A copy of a database is a few hundred small files: 20 ms in memory, 300 ms on a disk.
    """
    memory = "/dev/shm"
    if Path(memory).is_dir() and shutil.disk_usage(memory).free > 2**30:
        return memory
    return "/tmp"


def _sweep(folder: Path) -> None:
    """Remove what runs left that were killed: their servers are gone, their folders are not."""
    for left in folder.glob("pg-*/parent"):
        try:
            os.kill(int(left.read_text()), 0)
        except ProcessLookupError:
            shutil.rmtree(left.parent, ignore_errors=True)
        except (OSError, ValueError):
            continue


def _unprivileged() -> dict[str, Any]:
    """Return what runs the server as somebody else than root, which it refuses."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("running as root, and no unprivileged user is known to this machine")


def _die_with_parent() -> None:
    """Let the server go down with a test run that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG: a fast shutdown


def _wait(server: subprocess.Popen[bytes], running: PostgresServer, log: Path) -> None:
    """Return once the server answers.

    Raises:
        RuntimeError: it stopped; the end of its log is told.
    """
    import psycopg

    while True:
        try:
            psycopg.connect(host=str(running.folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:]) from None
            time.sleep(0.02)
        else:
            return


@contextmanager
def start_server(programs: str, *, is_durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server from the binaries in a folder; it ends with the block.

    Args:
        programs: the folder of the binaries.
        is_durable: on disk and safe against power loss, as an office's is; for measuring.
    """
    who = _unprivileged()
    roomy = Path(tempfile.gettempdir() if is_durable else _roomy_folder())
    chosen = {name: text for name, text in _SETTINGS.items() if not (is_durable and name in _UNSAFE)}
    _sweep(roomy)
    base = Path(tempfile.mkdtemp(prefix="pg-", dir=roomy))  # short: a socket's name stops at 107 bytes
    (base / "parent").write_text(str(os.getpid()))
    if who:
        os.chown(base, who["user"], who["group"])
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(base)}
    init = ["initdb", "-D", f"{base}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    settings = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    with (base / "log").open("wb") as log:
        common = {"cwd": base, "env": environ, "stdout": log, "stderr": log, **who}
        subprocess.run(
            [f"{programs}/{init[0]}", *init[1:], "--locale=C.UTF-8", "--no-sync"], check=True, **common
        )
        server = subprocess.Popen(
            [f"{programs}/postgres", "-D", f"{base}/data", "-k", str(base), *settings],
            preexec_fn=_die_with_parent,
            **common,
        )
    running = PostgresServer(base)
    try:
        _wait(server, running, base / "log")
        running.run(*(f"CREATE ROLE {role} LOGIN NOSUPERUSER" for role in (OWNER, APP, AUDITOR)))
        yield running
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(base, ignore_errors=True)
