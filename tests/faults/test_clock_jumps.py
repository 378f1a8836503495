"""The clock of the machine is wrong, and is set right again: nothing is lost, nothing counts twice.

The app's own clock is handed to every act; the machine's makes the ids. A process that begins after
the clock was set back knows nothing of the ids before it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity import ids
from charity.config import Settings
from charity.db import Actor, transact
from charity.jobs import service, worker
from charity.jobs.service import LeaseLost
from charity.ledger.checks import run_checks
from charity.ledger.models import Draft
from charity.periods import business_date
from charity.proofs import checks as proof_checks
from charity.proofs.chaining import unchained
from charity.proofs.presence_checks import START_GRACE
from charity.proofs.sequencer import SessionRunner, sequence
from charity.users.credentials import session_has_ended
from charity.web.limits import spend
from tests.books import Ledger, open_books
from tests.receipting import open_desk

NOON = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
JUMPS = [timedelta(hours=-3), timedelta(days=-40), timedelta(days=365)]
GIFT = "2026-03-05 捐款\n  借 1002@B1 10.00 F1\n  贷 410102 10.00 F1"


class Machine:
    """The clock of the machine, under the ids."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.set(NOON)

    def set(self, at: datetime, *, is_new_process: bool = True) -> None:
        """Set the clock; a new process has forgotten the ids it gave."""
        self.patch.setattr(ids, "time", SimpleNamespace(time=at.timestamp))
        if is_new_process:
            self.patch.setattr(ids, "_last_ms", 0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def ledger(machine: Machine, session: Session) -> Ledger:
    """Books with three open months, at noon on 18 March."""
    opened = open_books(session)
    opened.open_months("2026-01", "2026-03")
    opened.at = NOON
    return opened


def test_ids_rise_while_the_clock_of_a_process_is_set_back(machine: Machine) -> None:
    before = ids.new_ids(3)
    machine.set(NOON - timedelta(days=2), is_new_process=False)
    after = ids.new_ids(3)
    assert sorted(before + after) == before + after


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("is_wrong_first", [False, True])
def test_posting_goes_on_in_order_and_the_log_takes_all_of_it_up(
    ledger: Ledger, machine: Machine, settings: Settings, jump: timedelta, is_wrong_first: bool
) -> None:
    """The clock jumps, or was wrong and is set right; numbers go on, and no log entry is passed by."""
    clocks = [NOON, NOON + jump][:: -1 if is_wrong_first else 1]
    posted = []
    for at in clocks:
        machine.set(at)
        ledger.at = at
        posted += ledger.post(f"{GIFT}\n\n{GIFT}")
        runner = SessionRunner(ledger.session)
        sequence(runner, org_id=ledger.org_id, at=at, settings=settings)
        ledger.session.rollback()
        assert unchained(ledger.session, ledger.org_id, is_full=True) == []
    assert [voucher.number for voucher in posted] == [1, 2, 3, 4]
    assert ledger.guard()["F1"] == ("40.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []
    found = run_checks(ledger.session, ledger.org_id, proof_checks.checks(settings.data_dir))
    # Vouchers a day older than the log look like a log begun anew; that suspicion is not given up.
    is_suspect = clocks[0] - clocks[1] > START_GRACE
    assert [finding.message.rpartition(": ")[2] for finding in found] == ["it was begun anew"] * is_suspect
    made = ledger.session.scalars(select(Draft.made_at).where(Draft.org_id == ledger.org_id)).all()
    assert sorted(made) == sorted(clocks * 2)


@pytest.fixture
def job(session: Session) -> Iterator[int]:
    """A job that waits."""
    kinds = dict(service._kinds)
    service.register_handler("testing.clock", lambda _context: None, title="Wait")
    actor = Actor(7, 1, "王会计", frozenset(), NOON)
    yield transact(lambda own: service.enqueue(own, actor=actor, kind="testing.clock").id, session=session)
    service._kinds.clear()
    service._kinds.update(kinds)


def _claim(session: Session, at: datetime) -> service.Claim | None:
    return transact(
        lambda own: service.claim(own, worker="w", at=at, lease_s=worker.LEASE_S), session=session
    )


@pytest.mark.parametrize("jump", [timedelta(days=365), timedelta(days=-3)])
def test_a_job_whose_worker_died_does_not_wait_for_the_clock(
    session: Session, job: int, jump: timedelta
) -> None:
    """A lease until three days from now is none that a right clock gave."""
    first = _claim(session, NOON)
    second = _claim(session, NOON + jump)
    assert first is not None and second is not None and second.job_id == job
    with pytest.raises(LeaseLost):
        transact(lambda own: service.finish(own, first, at=NOON, result={}), session=session)
    transact(lambda own: service.finish(own, second, at=NOON + jump, result={}), session=session)


def test_a_living_worker_keeps_its_job_when_the_clock_is_set_back(session: Session, job: int) -> None:
    held, earlier = _claim(session, NOON), NOON - timedelta(days=3)
    assert held is not None
    transact(
        lambda own: service.renew(own, held, at=earlier, lease_s=worker.LEASE_S, done=1), session=session
    )
    assert _claim(session, earlier) is None
    assert _claim(session, earlier - timedelta(minutes=5)) is None


@pytest.mark.parametrize(
    ("began", "seen", "has_ended"),
    [
        (timedelta(minutes=-9), timedelta(minutes=-1), False),
        (timedelta(minutes=4), timedelta(minutes=5), False),
        (timedelta(minutes=-9), timedelta(days=365), True),
        (timedelta(days=365), timedelta(days=365), True),
        (timedelta(days=-365), timedelta(minutes=-1), True),
    ],
)
def test_a_session_begun_by_a_wrong_clock_has_ended(
    began: timedelta, seen: timedelta, has_ended: bool
) -> None:
    """A clock that runs a few minutes ahead signs nobody out; one that ran a year ahead does."""
    assert session_has_ended(NOON + began, NOON + seen, NOON) is has_ended


@pytest.mark.parametrize("jump", JUMPS)
def test_a_lock_out_neither_stays_for_ever_nor_opens_the_door(session: Session, jump: timedelta) -> None:
    """After the jump as many tries are left as in any other window, and no more."""

    def tries(at: datetime) -> list[bool]:
        spent = partial(spend, name="sign_in", subject="lisi", limit=5, window_s=900, at=at)
        return [transact(spent, session=session) for _ in range(8)]

    assert tries(NOON).count(True) == 5
    assert tries(NOON + jump).count(True) == 5
    assert tries(NOON + jump).count(True) == 0


def test_receipts_are_numbered_without_a_gap_in_the_year_they_are_issued(
    session: Session, settings: Settings
) -> None:
    """The clock shows next year for one receipt, and is set back; each year has 1, 2, 3 of its own."""
    desk = open_desk(session, settings.data_dir)
    numbers = []
    for on in (date(2026, 3, 18), date(2027, 3, 18), date(2026, 3, 18), date(2026, 3, 17), date(2027, 3, 18)):
        gift = desk.give()
        desk.on = on
        receipt = desk.issue(gift)
        numbers.append(receipt.number)
        desk.on = date(2026, 3, 18)
    assert numbers == ["2026-000001", "2027-000001", "2026-000002", "2026-000003", "2027-000002"]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"])
def test_the_day_is_that_of_china_wherever_the_server_believes_to_be(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """On the days of leap seconds, and of changes to summer time elsewhere, midnight is midnight."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for day in (date(2016, 12, 31), date(2015, 6, 30), date(2026, 3, 8), date(2026, 11, 1)):
            midnight = datetime(day.year, day.month, day.day, 16, 0, tzinfo=UTC)
            assert business_date(midnight - timedelta(microseconds=1)) == day
            assert business_date(midnight) == day + timedelta(days=1)
            last = datetime(day.year, day.month, day.day, 23, 59, 59, 999_999, tzinfo=UTC)
            assert business_date(last) == business_date(last + timedelta(microseconds=1))
        first = ids.new_id()
        assert ids.new_id() > first
    finally:
        monkeypatch.undo()
        time.tzset()
