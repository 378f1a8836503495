"""Around 31 December: whose year a correction bears, what is carried where, what a close asks for."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import create_engine, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import begin_write, prepare_engine, unit_of_work
from charity.errors import Refused
from charity.ledger import closing, corrections, posting, setup
from charity.ledger.checks import run_checks
from charity.ledger.models import MoneyPlace, Period
from charity.ledger.queries import trial_balance
from charity.periods import Month
from tests.books import Ledger, open_books, read_journal
from tests.service.ledger.test_laws import aid, gift

THIRTEENTH = Month(2026, 13)


def codes_of(call: object, *args: object, **values: object) -> list[str]:
    """Return the codes an act is refused with."""
    with pytest.raises(Refused) as refused:
        call(*args, **values)  # type: ignore[operator]
    return refused.value.codes


def test_a_voucher_of_last_year_is_not_reversed_in_this_one_though_month_13_is_open(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-03-05", "100", "F2"))
    ledger.open_months("2027-01", "2027-01")
    ledger.act(setup.open_month, "chief", month=THIRTEENTH)
    values = {"voucher_id": posted.voucher_id, "on": date(2027, 1, 9)}
    assert codes_of(ledger.act, corrections.reverse_voucher, "maker", **values) == ["correction_prior_year"]


def test_it_is_reversed_in_month_13_of_its_own_year(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-03-05", "100", "F2"))
    ledger.open_months("2027-01", "2027-01")
    for number in range(1, 13):
        ledger.act(closing.close_month, "chief", month=Month(2026, number), on=date(2027, 1, 9))
    ledger.act(setup.open_month, "chief", month=THIRTEENTH)
    values = {"voucher_id": posted.voucher_id, "on": date(2026, 12, 31)}
    red = ledger.act(corrections.reverse_voucher, "maker", **values)
    assert red.month == THIRTEENTH.code


def test_what_month_13_adjusts_is_carried_there_and_not_again_by_january(session: Session) -> None:
    """Month by month: 5.00 adjusted in month 13, 7.00 given in January; each is carried once."""
    ledger = open_books(session, code="YEAR")
    ledger.act(setup.open_year, "chief", year=2026, closing="month")
    ledger.act(setup.open_year, "chief", year=2027, closing="month")
    ledger.open_months("2026-12", "2026-12")
    ledger.open_months("2027-01", "2027-01")
    ledger.act(setup.open_month, "chief", month=THIRTEENTH)
    ledger.post(f"2026-12-31 #{THIRTEENTH} 审计调整\n  借 1501 5.00 GEN\n  贷 410101 5.00 GEN")
    ledger.post(gift("2027-01-05", "7", "GEN"))
    january, thirteenth = (
        ledger.act(closing.make_closing_draft, "maker", month=month) for month in (Month(2027, 1), THIRTEENTH)
    )
    assert (january.total_fen, thirteenth.total_fen) == (700, 500)
    ledger.run([thirteenth])
    ledger.run([january])
    left = {
        row.account: row.closing_fen
        for row in trial_balance(ledger.session, ledger.org_id, Month(2027, 1)).rows
    }
    assert (left["3101"], left.get("410101", 0)) == (-1200, 0)
    assert run_checks(ledger.session, ledger.org_id) == []


def test_with_a_year_end_closing_nothing_is_carried_in_march(ledger: Ledger) -> None:
    ledger.act(setup.open_year, "chief", year=2027, closing="year")
    ledger.open_months("2027-01", "2027-03")
    ledger.post(gift("2027-03-05", "100", "F2"))
    refused = codes_of(ledger.act, closing.make_closing_draft, "maker", month=Month(2027, 3))
    assert refused == ["carry_not_here"]


def test_month_13_stays_open_until_the_audit_is_signed(ledger: Ledger, session: Session) -> None:
    ledger.open_months("2027-01", "2027-01")
    on = date(2027, 1, 9)
    for number in range(1, 13):
        ledger.act(closing.close_month, "chief", month=Month(2026, number), on=on)
    ledger.act(setup.open_month, "chief", month=THIRTEENTH)
    assert "close_audit" in codes_of(ledger.act, closing.close_month, "chief", month=THIRTEENTH, on=on)
    begin_write(session)
    with pytest.raises(DBAPIError, match="audit_missing"):
        session.execute(
            update(Period)
            .where(Period.org_id == ledger.org_id, Period.month == THIRTEENTH.code)
            .values(is_open=False, closed_by=1, closed_at=datetime(2027, 1, 9, tzinfo=UTC))
        )
    session.rollback()
    ledger.act(closing.sign_audit, "chief", year=2026, audited_on=on)
    ledger.act(closing.close_month, "chief", month=THIRTEENTH, on=on)
    assert not session.get_one(Period, (ledger.org_id, THIRTEENTH.code)).is_open
    ledger.act(closing.sign_audit, "chief", year=2026, audited_on=on)
    later = {"year": 2026, "audited_on": date(2027, 1, 10)}
    assert codes_of(ledger.act, closing.sign_audit, "chief", **later) == ["audit_signed"]


def test_january_waits_for_month_13_of_the_year_before_to_be_opened(ledger: Ledger) -> None:
    ledger.open_months("2027-01", "2027-02")
    for number in range(1, 13):
        ledger.act(closing.close_month, "chief", month=Month(2026, number), on=date(2027, 2, 9))
    close = {"month": Month(2027, 1), "on": date(2027, 2, 9)}
    assert codes_of(ledger.act, closing.close_month, "chief", **close) == ["close_month13"]
    ledger.act(setup.open_month, "chief", month=THIRTEENTH)
    ledger.act(closing.close_month, "chief", **close)


@pytest.mark.postgresql_only
def test_a_month_opened_beside_a_posting_waits_for_it(session: Session, settings: Settings) -> None:
    """500.00 come in while April is opened: April begins with all 1,500.00."""
    ledger = open_books(session)
    ledger.open_months("2026-03", "2026-03")
    ledger.post(gift("2026-03-01", "1000", "F1"))
    (voucher,) = read_journal(gift("2026-03-02", "500", "F1"))
    draft = ledger.draft(voucher)
    ledger.approve(draft)
    begin_write(session)
    posting.post_drafts(session, actor=ledger.actor("chief"), draft_ids=[draft], on=ledger.on)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)

    def open_april() -> None:
        with Session(engine) as other, unit_of_work(other):
            setup.open_month(other, actor=ledger.actor("chief"), month=Month(2026, 4))

    opener = threading.Thread(target=open_april)
    opener.start()
    opener.join(0.5)
    assert opener.is_alive()
    session.commit()
    opener.join(30)
    engine.dispose()
    ledger.post(aid("2026-04-05", "1500", "F1"))
    assert run_checks(ledger.session, ledger.org_id) == []


def test_a_purse_that_is_no_longer_short_is_not_frozen(ledger: Ledger) -> None:
    """A correction of fact is prepared while F2 is short; 20,000.00 come in before it is posted."""
    (first,) = ledger.post(gift("2026-03-05", "10000", "F2"))
    ledger.post(aid("2026-03-20", "9500", "F2"))
    drafts = ledger.act(
        corrections.correct_fact,
        "maker",
        voucher_id=first.voucher_id,
        amounts={1: 100_000, 2: 100_000},
        on=date(2026, 4, 3),
        reason="金额录错",
    )
    ledger.post(gift("2026-04-02", "20000", "F2"))
    ledger.run(drafts)
    ledger.post(aid("2026-04-05", "1", "F2"))
    assert run_checks(ledger.session, ledger.org_id) == []


def test_a_place_of_money_that_was_given_up_takes_no_voucher(ledger: Ledger, session: Session) -> None:
    with unit_of_work(session) as own:
        own.execute(update(MoneyPlace).where(MoneyPlace.code == "B1").values(closed_on=date(2026, 2, 1)))
    assert (
        codes_of(ledger.post, gift("2026-03-05", "100", "F2"))
        == ["money_place_wrong", "money_place_wrong"][:1]
    )
