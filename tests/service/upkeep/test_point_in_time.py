"""PostgreSQL comes back as it stood at any instant, from a base backup and archived WAL.

A real server of its own archives its log as docs/operations.md says; the books are then
brought back to an instant between two postings.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from charity import schema, triggers
from charity.config import Settings
from charity.errors import Refused
from charity.ledger import checks
from charity.proofs.checks import CHECKS as PROOF_CHECKS
from charity.proofs.sequencer import SessionRunner, sequence
from tests.books import Ledger, open_books
from tests.service.upkeep.conftest import AT, GIFT
from tests.support import databases, needs, postgres, source
from tests.support.postgres import PostgresServer

pytestmark = [pytest.mark.postgresql_only, pytest.mark.postgres, pytest.mark.slow]


class Cluster:
    """One PostgreSQL server with a data folder, a WAL archive and its own socket."""

    def __init__(self, programs: str, base: Path) -> None:
        self.programs, self.base = programs, base
        self.archive = base / "archive"
        self.who = postgres._unprivileged()
        self.server = PostgresServer(base)

    def run(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        environ = {"PATH": f"{self.programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.base)}
        done = subprocess.run(
            [f"{self.programs}/{name}", *arguments],
            cwd=self.base,
            env=environ,
            capture_output=True,
            text=True,
            **self.who,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @contextlib.contextmanager
    def running(self, data: Path, *settings: str) -> Iterator[None]:
        """Run the server on a data folder."""
        log = self.base / "log"
        options = [part for value in settings for part in ("-c", value)]
        with log.open("ab") as out:
            process = subprocess.Popen(
                [
                    f"{self.programs}/postgres",
                    "-D",
                    str(data),
                    "-k",
                    str(self.base),
                    "-c",
                    "listen_addresses=",
                    *options,
                ],
                cwd=self.base,
                env={"PATH": f"{self.programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.base)},
                stdout=out,
                stderr=out,
                preexec_fn=postgres._die_with_parent,
                **self.who,
            )
        try:
            postgres._wait(process, self.server, log)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def documented(setting: str) -> str:
    """Return a setting as docs/operations.md tells it, with the folder of the test."""
    guide = source.text(source.ROOT / "docs" / "operations.md")
    line = next(line for line in guide.splitlines() if line.startswith(f"{setting} = "))
    return line.partition(" = ")[2].strip("'")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A new server, not started, in a folder that goes afterwards."""
    programs = postgres.binaries() or needs.missing("PostgreSQL")
    base = Path(tempfile.mkdtemp(prefix="pg-", dir=postgres._roomy_folder()))
    (base / "parent").write_text(str(os.getpid()))
    made = Cluster(programs, base)
    (base / "archive").mkdir()
    for path in (base, base / "archive"):
        if made.who:
            os.chown(path, made.who["user"], made.who["group"])
    made.run(
        "initdb",
        "-D",
        f"{base}/data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    )
    yield made
    shutil.rmtree(base, ignore_errors=True)


def vouchers(settings: Settings) -> int:
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        count = connection.execute(text("SELECT COUNT(*) FROM ledger_voucher")).scalar_one()
    engine.dispose()
    return int(count)


def lose_an_afternoon(cluster: Cluster, settings: Settings) -> tuple[Ledger, str]:
    """Post one voucher, note the instant, post two more and publish; return books and instant."""
    engine = create_engine(settings.database_url)
    with Session(engine) as session:
        ledger = open_books(session)
        ledger.open_months("2026-01", "2026-03")
        ledger.post(GIFT)
        sign(session, ledger, settings)
        instant = session.execute(text("SELECT clock_timestamp()::text")).scalar_one()
        session.rollback()
        ledger.post(GIFT)
        ledger.post(GIFT)
        sign(session, ledger, settings)
    engine.dispose()
    assert vouchers(settings) == 3
    cluster.server.run("SELECT pg_switch_wal()")
    return ledger, str(instant)


def check_books(settings: Settings, org_id: int) -> None:
    """Hold restored books to every check of the database, and the log to its refusal."""
    with schema.owner_engine(settings) as owner, owner.connect() as connection:
        assert triggers.compare(connection) == []
    engine = create_engine(settings.database_url)
    with Session(engine) as session:
        every = (*checks.CHECKS, *PROOF_CHECKS)
        assert [finding for check in every for finding in check(session, org_id)] == []
        with pytest.raises(Refused) as refused:
            sign(session, Ledger(session, org_id), settings)
        assert refused.value.codes == ["checkpoint_not_contained"]
    engine.dispose()


def test_the_books_come_back_as_they_stood_at_an_instant(cluster: Cluster, tmp_path: Path) -> None:
    """Post one, note the instant, post two more, lose the disk: one voucher is there again.

    What was published after that instant is still in the data folder, so the sequencer
    sees that these books are older, and signs nothing.
    """
    archive = documented("archive_command").replace("/srv/charity-wal", str(cluster.archive))
    restore = documented("restore_command").replace("/srv/charity-wal", str(cluster.archive))
    data, back = cluster.base / "data", cluster.base / "back"
    roles = (postgres.OWNER, postgres.APP, postgres.AUDITOR)
    with cluster.running(data, "archive_mode=on", f"archive_command={archive}", "wal_level=replica"):
        cluster.server.run(*(f"CREATE ROLE {role} LOGIN" for role in roles))
        cluster.server.create("charity")
        made = databases.postgresql_database(cluster.server, "charity")
        settings = databases.make_settings(tmp_path, made)
        schema.upgrade(settings)
        where = ("-h", str(cluster.base), "-U", "postgres", "-D", str(back))
        cluster.run("pg_basebackup", *where, "-X", "none", "-c", "fast")
        ledger, instant = lose_an_afternoon(cluster, settings)
    shutil.rmtree(data)
    (back / "recovery.signal").touch()
    if cluster.who:
        os.chown(back / "recovery.signal", cluster.who["user"], cluster.who["group"])
    target = (f"recovery_target_time={instant}", "recovery_target_action=promote")
    with cluster.running(back, f"restore_command={restore}", *target):
        assert vouchers(settings) == 1
        check_books(settings, ledger.org_id)


def sign(session: Session, ledger: Ledger, settings: Settings) -> None:
    """Bring the proof log up to date and publish it."""
    sequence(SessionRunner(session), org_id=ledger.org_id, at=AT, settings=settings)
