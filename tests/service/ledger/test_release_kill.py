"""Power loss while the poster works: killed at any line, a release neither loses nor doubles."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from charity.jobs.worker import LEASE_S
from charity.ledger.models import Draft
from charity.ledger.sealed_models import Voucher
from tests.books import Ledger
from tests.service.ledger.posters import Desk, open_desk, real_logins
from tests.support.databases import KEYS

if TYPE_CHECKING:
    from charity.config import Settings
    from tests.conftest import Clock

ROOT = Path(__file__).parents[3]
#: How often the poster is killed, on each database, and vouchers of a release: two chunks.
KILLS, COUNT = 5, 60


@pytest.fixture
def desk(ledger: Ledger, clock: Clock) -> Iterator[Desk]:
    with real_logins():
        yield open_desk(ledger, clock)


def _work(desk: Desk, settings: Settings, die_at: int = 0) -> tuple[int, str]:
    """Run a worker process on the books; return its exit code and what it printed."""
    desk.session.rollback()
    environ = {
        **os.environ,
        **KEYS,
        "PYTHONPATH": str(ROOT),
        "CHARITY_ENV": "test",
        "CHARITY_DATA": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
    }
    command = [
        sys.executable,
        "-m",
        "tests.support.release_worker",
        desk.clock.instant.isoformat(),
        str(die_at),
    ]
    ended = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    return ended.returncode, ended.stdout


@pytest.mark.slow
def test_a_release_survives_kill_9_of_its_poster_at_any_statement(desk: Desk, settings: Settings) -> None:
    """A first release is carried out whole and tells how many statements that takes.

    Then the poster of one release after another dies, each at a later statement, commits
    included; once the lease has run out another worker goes on where it stopped.
    """
    whole = desk.release(desk.gifts(COUNT))
    code, told = _work(desk, settings)
    assert (code, desk.outcome(whole)) == (0, ("done", COUNT, {}))
    statements, seen = int(told), set[int]()
    for kill in range(1, KILLS + 1):
        ids = desk.gifts(COUNT)
        job_id = desk.release(ids)
        code, _told = _work(desk, settings, die_at=statements * kill // (KILLS + 1))
        assert code == -signal.SIGKILL
        left = desk.job(job_id)
        assert left.state == "running" and not desk.worker().run_one(), "the dead one's lease still counts"
        assert desk.states(ids).count("posted") == left.done
        seen.add(left.done)
        desk.clock.advance(seconds=LEASE_S + 1)
        assert desk.worker().run_one()
        assert desk.outcome(job_id) == ("done", COUNT, {})
        assert desk.job(job_id).tries == 2
    assert len(seen) > 1, "it died in one chunk only"
    total = COUNT * (KILLS + 1)
    assert len(desk.numbers()) == total and desk.is_sound()
    assert desk.ledger.guard()["F1"][0] == f"{total * 10:,}.00"
    org_id = desk.ledger.org_id
    keys = select(func.count(func.distinct(Voucher.idempotency_key))).where(Voucher.org_id == org_id)
    drafts = select(func.count()).select_from(Draft).where(Draft.org_id == org_id, Draft.state == "posted")
    assert desk.session.scalar(keys) == desk.session.scalar(drafts) == total
