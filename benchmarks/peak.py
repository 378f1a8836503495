"""A peak: sixteen clients stage and release for a minute while one poster posts, killed once half-way.

What was acknowledged is counted against what is posted; nothing may be lost, doubled or out of
number, and no check may find anything. Beside it the bare driver writes the same rows, with as
many commits, over one connection and with nothing checked.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from benchmarks import Measure
from benchmarks._bare import Bare, Place, Times, file_place, server_place
from benchmarks._peak import STAGED, Client
from charity import sealed
from charity.config import system_clock
from charity.db import Base, prepare_engine
from charity.jobs import service as jobs
from charity.jobs.models import Job
from charity.jobs.worker import LEASE_S, Worker
from charity.ledger.batches import KIND
from charity.ledger.checks import run_checks
from charity.ledger.models import Draft
from charity.ledger.sealed_models import Voucher
from charity.places.models import Org
from charity.users.models import User
from charity.users.queries import actor_of
from tests.books import open_books
from tests.builders import make_user
from tests.support import databases, postgres

CLIENTS, SECONDS = 16, 60
ROLES = {
    "maker": "accountant",
    "reviewer": "reviewer",
    "cashier": "cashier",
    "chief": "chief_accountant",
}
_ROOT = str(Path(__file__).parents[1])


@dataclass(frozen=True, slots=True)
class Soak:
    """What came of a peak.

    Attributes:
        acknowledged: vouchers whose release or posting a client was told of.
        posted: vouchers in the books.
        lost: acknowledged and not posted.
        doubled: posted more than once.
        gaps: numbers missing between the first and the last.
        parked: released and refused.
        findings: of all checks of the ledger.
        taken_over: releases that a second poster had to take over.
        poster_s: seconds during which releases were carried out, those taken over left out.
        by_poster: vouchers posted in them.
        seconds: from the clients' start until nothing waited.
        drain_s: of them after the last client had ended.
        drained: vouchers posted in that time.
    """

    acknowledged: int
    posted: int
    lost: int
    doubled: int
    gaps: int
    parked: int
    findings: int
    taken_over: int
    poster_s: float
    by_poster: int
    seconds: float = 0.0
    drain_s: float = 0.0
    drained: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether all that was acknowledged is posted once, in order, and every check is content."""
        wrong = (self.lost, self.doubled, self.gaps, self.parked, self.findings)
        return self.acknowledged == self.posted > 0 and not any(wrong)


def open_office(url: str) -> None:
    """Open books for March and logins for their staff in a migrated database."""
    sealed.configure(bytes.fromhex(databases.KEYS["CHARITY_FIELD_KEY"]))
    with _session(url) as session:
        ledger = open_books(session)
        ledger.open_months("2026-01", "2026-03")
        for role in ROLES.values():
            make_user(session, org_id=ledger.org_id, username=role.replace("_", "."), roles=(role,))


@contextmanager
def _session(url: str) -> Iterator[Session]:
    engine = create_engine(url)
    prepare_engine(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


class _Process:
    """A client or a poster, and the lines it has printed."""

    def __init__(self, kind: str, **order: object) -> None:
        self._started = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._peak", kind, json.dumps(order)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": _ROOT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: list[str] = []
        self._half = threading.Event()
        self._half_at = 0
        self._reader = threading.Thread(target=self._read, daemon=True)

    def wait_ready(self) -> _Process:
        """Wait until it has started."""
        assert self._started.stdout is not None
        if self._started.stdout.readline() != "ready\n":
            raise AssertionError("a process did not start")
        return self

    def _read(self) -> None:
        assert self._started.stdout is not None
        for line in self._started.stdout:
            self.told.append(line.strip())
            if self._half_at and len(self.told) >= self._half_at:
                self._half.set()
        self._half.set()

    def begin(self, half_at: int = 0) -> None:
        """Let it begin; after so many lines half of its work is done."""
        assert self._started.stdin is not None
        self._half_at = half_at
        self._reader.start()
        self._started.stdin.write("begin\n")
        self._started.stdin.flush()

    @property
    def is_working(self) -> bool:
        """Whether it has not ended."""
        return self._started.poll() is None

    def wait_half(self, seconds: float) -> None:
        """Wait until half of the work is done, or so many seconds if any are given."""
        self._half.wait(seconds or None)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._started.kill()
        self._close()

    def end(self) -> None:
        """Tell a poster to end once nothing waits, and wait for it."""
        self._started.send_signal(signal.SIGTERM)
        if self._close():
            raise AssertionError("the poster stopped early")

    def wait(self) -> None:
        """Wait for a client's end."""
        if self._close():
            raise AssertionError("a client stopped early")

    def _close(self) -> int:
        """Wait for the end and close the pipes; return the exit code."""
        code = self._started.wait()
        self._reader.join()
        for pipe in (self._started.stdin, self._started.stdout):
            assert pipe is not None
            pipe.close()
        return code


def soak(
    url: str, *, clients: int = CLIENTS, seconds: float = SECONDS, rounds: int = 0, stagings: int = 3
) -> Soak:
    """Let clients stage and release, the poster die and its heir finish; return what came of it.

    Args:
        url: books as :func:`open_office` leaves them.
        clients: processes.
        seconds: how long they work; 0 to count rounds instead.
        rounds: of each client.
        stagings: transactions of 20 vouchers that go into one release.
    """
    known, asked = _known(url), system_clock()
    order = {**_who(url), "url": url, "seconds": seconds, "rounds": rounds, "stagings": stagings}
    first = _Process("poster", url=url, ahead_s=0)
    # Its clock is ahead, so that it finds the dead one's lease run out.
    heir = _Process("poster", url=url, ahead_s=LEASE_S + 1)
    running = [_Process("client", number=number, **order) for number in range(clients)]
    for process in (first, heir, *running):
        process.wait_ready()
    first.begin()
    began = time.perf_counter()
    for process in running:
        process.begin(half_at=rounds * stagings * STAGED // 2)
    running[0].wait_half(seconds / 2)
    _wait_posting(url, running)
    first.kill()
    heir.begin()
    for process in running:
        process.wait()
    ended, before = time.perf_counter(), _known(url)
    heir.end()
    drained = time.perf_counter()
    found = _judge(url, known, {key for process in running for key in process.told}, asked)
    return replace(
        found, seconds=drained - began, drain_s=drained - ended, drained=found.posted - len(before - known)
    )


def _wait_posting(url: str, running: Sequence[_Process]) -> None:
    """Wait until the poster is in the middle of a release, or every client has ended."""
    query = select(Job.id).where(Job.kind == KIND, Job.state == "running").limit(1)
    with _session(url) as session:
        while any(process.is_working for process in running):
            if session.execute(query, execution_options={"across_orgs": True}).first() is not None:
                return
            session.rollback()
            time.sleep(0.01)


def _who(url: str) -> dict[str, object]:
    """Return the org and the logins of its staff."""
    with _session(url) as session:
        org_id = session.scalars(select(Org.id)).one()
        names = dict(session.execute(select(User.username, User.id)).all())
    return {"org_id": org_id, "ids": {part: names[role.replace("_", ".")] for part, role in ROLES.items()}}


def _known(url: str) -> frozenset[str]:
    """Return the keys of the vouchers in the books."""
    with _session(url) as session:
        query = select(Voucher.idempotency_key)
        return frozenset(session.scalars(query, execution_options={"across_orgs": True}))


def fill(url: str, rounds: int = 10) -> None:
    """Stage and post a thousand vouchers by one client, so that the books are not empty."""
    jobs.register_actor_loader(actor_of)
    with _session(url) as session:
        client = Client(session, {**_who(url), "number": 900, "stagings": 5})
        for number in range(rounds):
            client.round(number)
        worker = Worker(session.connection().engine, system_clock, threading.Event())
        while worker.run_one():
            pass


def _judge(url: str, known: frozenset[str], told: set[str], since: datetime) -> Soak:
    """Compare what clients were told with what stands in the books, and in the releases since then."""
    org_id = _who(url)["org_id"]
    with _session(url) as session:
        rows = session.execute(
            select(Voucher.idempotency_key, Voucher.number).where(Voucher.org_id == org_id)
        ).all()
        done = session.scalar(
            select(func.count()).select_from(Draft).where(Draft.org_id == org_id, Draft.state == "posted")
        )
        of_peak = (Job.org_id == org_id, Job.kind == KIND, Job.created_at >= since)
        released = session.scalars(select(Job).where(*of_peak)).all()
        findings = run_checks(session, int(str(org_id)))
    keys, numbers = [row[0] for row in rows], sorted(row[1] for row in rows)
    # A release taken over was begun by one clock and ended by the other.
    whole = [job for job in released if job.tries == 1]
    spans = [job.ended_at - job.started_at for job in whole if job.ended_at and job.started_at]
    return Soak(
        acknowledged=len(told),
        posted=len(keys) - len(known),
        lost=len(told - set(keys)),
        doubled=len(keys) - len(set(keys)) + abs(len(keys) - (done or 0)),
        gaps=sum(later - number - 1 for number, later in itertools.pairwise([0, *numbers])),
        parked=sum(job.checkpoint.get("parked_count", 0) + (job.state != "done") for job in released),
        findings=len(findings),
        taken_over=sum(job.tries > 1 for job in released),
        poster_s=sum(span.total_seconds() for span in spans),
        by_poster=sum(job.checkpoint["posted"] for job in whole),
    )


@contextmanager
def _sqlite() -> Iterator[tuple[Place, Place]]:
    """Give opened books for the peak, and the same for the bare driver, without triggers."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file = databases.sqlite_template(root)
        open_office(f"sqlite:///{file}")
        fill(f"sqlite:///{file}")
        sqlite3.connect(file).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
        for name in ("peak.db", "bare.db"):
            shutil.copyfile(file, root / name)
        bare = file_place(root / "bare.db")
        connection = bare.connect()
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.close()
        yield file_place(root / "peak.db"), bare


@contextmanager
def _postgresql() -> Iterator[tuple[Place, Place]]:
    """Give the same on a server that is safe against power loss."""
    programs = postgres.binaries()
    if programs is None:
        raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.start_server(programs, is_durable=True) as server,
    ):
        template = databases.postgresql_template(server, Path(folder))
        url = databases.postgresql_database(server, template).url
        open_office(url)
        fill(url)
        server.run("ANALYZE", database=template)
        for name in ("peak", "bare"):
            server.create(name, template)
        server.run(
            *(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL' for table in Base.metadata.tables), database="bare"
        )
        peak, bare = (
            server_place(server, name, databases.postgresql_database(server, name).url)
            for name in ("peak", "bare")
        )
        yield peak, bare


def _rows(name: str, found: Soak, bare: Times) -> list[Measure]:
    """Return the rows of the table for one database."""
    counted = (
        f"{found.acknowledged:,} acknowledged, {found.posted:,} posted; lost {found.lost}, doubled "
        f"{found.doubled}, gaps {found.gaps}, parked {found.parked}, findings {found.findings}; "
        f"{found.taken_over} release taken over after kill -9"
    )
    alone = f"; after the clients {found.drained:,} in {found.drain_s:.1f} s" if found.drained else ""
    return [
        Measure(
            f"peak, {name}: staged, signed, released and posted, {CLIENTS} clients {SECONDS} s",
            found.posted / found.seconds,
            "/s",
            found.posted / (bare.staging_s + bare.posting_s),
            counted,
        ),
        Measure(
            f"peak, {name}: the poster's part, beside the clients",
            found.by_poster / found.poster_s,
            "/s",
            found.posted / bare.posting_s,
            f"{found.by_poster:,} vouchers in {found.poster_s:.1f} s{alone}",
        ),
    ]


def run() -> list[Measure]:
    """Return vouchers a second through the whole peak and of the poster, beside the bare driver's."""
    measures: list[Measure] = []
    for name, books in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with books() as (place, before):
            found = soak(place.url)
            if not found.is_sound:
                raise AssertionError(f"{name}: {found}")
            measures += _rows(name, found, Bare(place, before).write())
    return measures
