"""What is kept is counted by class and year; holds are placed and released by two people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import Actor, unit_of_work
from charity.errors import Refused
from charity.oplog.models import OpLogEntry
from charity.retention import queries, service
from charity.retention.models import LegalHold
from charity.retention.rules import HoldSpan
from tests.books import Ledger, open_books
from tests.support.walking import answer

AT = datetime(2026, 12, 31, 5, 0, tzinfo=UTC)
GIFT = "2026-01-05 捐款\n  借 1002@B1 1.00 F1\n  贷 410102 1.00 F1"
BANK = HoldSpan("bank_files", 2026, 2026)


@pytest.fixture
def ledger(session: Session) -> Ledger:
    opened = open_books(session)
    opened.open_months("2026-01", "2026-02")
    opened.post(GIFT)
    return opened


def keeper(ledger: Ledger, user_id: int = 1, permission: str = "retention.hold") -> Actor:
    return Actor(user_id, ledger.org_id, f"keeper {user_id}", frozenset({permission}), AT)


def place(ledger: Ledger, span: HoldSpan = BANK) -> int:
    with unit_of_work(ledger.session) as work:
        return service.place_hold(work, actor=keeper(ledger), span=span, reason="审计署进点审计").id


def release(ledger: Ledger, hold_id: int, actor: Actor) -> None:
    with unit_of_work(ledger.session) as work:
        service.release_hold(work, actor=actor, hold_id=hold_id, reason="审计结束")


def codes_of(act) -> list[str]:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.codes


def test_records_are_counted_by_class_and_year(ledger: Ledger) -> None:
    rows = queries.kept(ledger.session, ledger.org_id, date(2026, 12, 31))
    found = {(row.class_code, row.year): row for row in rows}
    assert found["vouchers", 2026].count == 1
    assert found["papers", 2026].count == 1
    assert found["vouchers", 2026].may_go_from == date(2057, 1, 1)
    assert {row.standing for row in rows} == {"kept"}
    assert "months" not in {row.class_code for row in rows}, "an open month is no archive yet"


def test_what_may_go_is_only_told_and_a_hold_keeps_it(ledger: Ledger) -> None:
    """Thirty-one years on the voucher may go, and is there still; a hold of all classes keeps it."""
    later = date(2057, 1, 1)

    def voucher() -> str:
        rows = queries.kept(ledger.session, ledger.org_id, later)
        return next(row.standing for row in rows if row.class_code == "vouchers")

    assert voucher() == "may_go"
    hold_id = place(ledger, HoldSpan("", 2026, 2026))
    assert voucher() == "held"
    release(ledger, hold_id, keeper(ledger, 2))
    assert voucher() == "may_go"


def test_a_hold_is_told_in_the_operation_log(ledger: Ledger) -> None:
    release(ledger, place(ledger), keeper(ledger, 2))
    acts = ledger.session.scalars(select(OpLogEntry.act).order_by(OpLogEntry.id.desc()).limit(2)).all()
    assert list(acts) == ["retention.release", "retention.hold"]


def test_who_placed_a_hold_does_not_release_it(ledger: Ledger) -> None:
    hold_id = place(ledger)
    assert codes_of(lambda: release(ledger, hold_id, keeper(ledger))) == ["hold_releaser_is_placer"]


def test_a_hold_is_released_once(ledger: Ledger) -> None:
    hold_id = place(ledger)
    release(ledger, hold_id, keeper(ledger, 2))
    assert codes_of(lambda: release(ledger, hold_id, keeper(ledger, 3))) == ["hold_released"]


def test_another_orgs_hold_is_not_there(ledger: Ledger) -> None:
    hold_id, other = place(ledger), replace(keeper(ledger, 2), org_id=1)
    assert codes_of(lambda: release(ledger, hold_id, other)) == ["hold_missing"]


def test_holds_ask_for_the_permission(ledger: Ledger) -> None:
    hold_id, reader = place(ledger), keeper(ledger, 2, "retention.read")
    assert codes_of(lambda: release(ledger, hold_id, reader)) == ["permission_missing"]
    with pytest.raises(Refused) as refused, unit_of_work(ledger.session) as work:
        service.place_hold(work, actor=reader, span=BANK, reason="x")
    assert refused.value.codes == ["permission_missing"]


@pytest.mark.parametrize(
    "statement",
    [
        delete(LegalHold),
        update(LegalHold).values(until_year=2020, from_year=2020),
        update(LegalHold).values(released_by=1, released_at=AT),
    ],
)
def test_the_database_itself_keeps_a_hold(ledger: Ledger, statement) -> None:
    place(ledger)
    with pytest.raises(DBAPIError), unit_of_work(ledger.session) as work:
        work.execute(statement)
    assert ledger.session.scalars(select(LegalHold)).one().released_at is None


#: State of a hold → answer to a release by who placed it, by somebody else, and without a reason.
HOLDS = {
    "placed": ("hold_releaser_is_placer", "released", "hold_reason_missing"),
    "released": ("hold_released", "hold_released", "hold_released"),
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("state", HOLDS)
def test_every_release_of_a_hold_in_every_state(ledger: Ledger, state: str) -> None:
    hold_id, own = place(ledger), ledger.session
    if state == "released":
        release(ledger, hold_id, keeper(ledger, 2))

    def now() -> str:
        hold = own.get_one(LegalHold, (ledger.org_id, hold_id))
        return "placed" if hold.released_at is None else "released"

    tries = ((keeper(ledger), "审计结束"), (keeper(ledger, 3), "审计结束"), (keeper(ledger, 3), " "))
    found = tuple(
        answer(own, partial(service.release_hold, own, actor=who, hold_id=hold_id, reason=why), now)
        for who, why in tries
    )
    assert found == HOLDS[state]
