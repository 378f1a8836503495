"""A closed year leaves nothing to its successor but its last balance sheet; who changes that is named."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Connection, text

from charity.errors import Refused
from charity.ledger import closing, setup
from charity.ledger.checks import run_checks
from charity.ledger.queries import trial_balance
from charity.ledger.year_checks import check_carried
from charity.periods import Month
from tests.books import Ledger, open_books
from tests.service.ledger.test_laws import aid, gift
from tests.service.ledger.test_tampering import drop_triggers

DECEMBER, THIRTEENTH, JANUARY = Month(2026, 12), Month(2026, 13), Month(2027, 1)
ON = date(2027, 2, 3)


@pytest.fixture
def books(session: object) -> Ledger:
    """Books from December 2026 on: gifts and aid, an audit adjustment in month 13, gifts in January."""
    ledger = open_books(session)  # type: ignore[arg-type]
    ledger.open_months("2026-12", "2027-02")
    ledger.act(setup.open_month, "chief", month=THIRTEENTH)
    ledger.post("2026-12-01 !opening 年初余额\n  借 1002@B1 500.00 GEN\n  贷 3101 500.00 GEN")
    ledger.post(gift("2026-12-05", "1000", "F2"))
    ledger.post(aid("2026-12-06", "300", "F2"))
    ledger.post(gift("2026-12-07", "80", "GEN"))
    ledger.post(f"2026-12-31 #{THIRTEENTH} 审计调整\n  借 1501 5.00 GEN\n  贷 410101 5.00 GEN")
    ledger.post(gift("2027-01-05", "7", "F2"))
    return ledger


def close_the_year(ledger: Ledger) -> None:
    """Close December and January, carry the year forward, sign its audit and close month 13."""
    ledger.act(closing.close_month, "chief", month=DECEMBER, on=ON)
    ledger.act(closing.close_month, "chief", month=JANUARY, on=ON)
    ledger.run([ledger.act(closing.make_closing_draft, "maker", month=THIRTEENTH)])
    ledger.act(closing.sign_audit, "chief", year=2026, audited_on=ON)
    ledger.act(closing.close_month, "chief", month=THIRTEENTH, on=ON)


@pytest.mark.parametrize("fund", ["", "F2", "GEN"])
def test_the_next_year_opens_with_what_the_closed_one_ended_with(books: Ledger, fund: str) -> None:
    """December's 1,085.00 less 300.00 stand in net assets; January's 7.00 are not among them."""
    close_the_year(books)
    ended = trial_balance(books.session, books.org_id, THIRTEENTH, fund)
    begun = trial_balance(books.session, books.org_id, JANUARY, fund)
    closing_fen = {row.account: row.closing_fen for row in ended.rows if row.closing_fen}
    opening_fen = {row.account: row.opening_fen for row in begun.rows if row.opening_fen}
    assert opening_fen == closing_fen
    assert {code for code in opening_fen if code[0] in "45"} == set()
    net_assets = {"": (-58_500, -70_000), "F2": (0, -70_000), "GEN": (-58_500, 0)}[fund]
    assert (opening_fen.get("3101", 0), opening_fen.get("3102", 0)) == net_assets
    assert run_checks(books.session, books.org_id) == []


def test_month_13_is_not_closed_over_a_prior_year_adjustment(books: Ledger) -> None:
    """3201 holds 9.00; they belong to net assets before the year is closed."""
    adjustment = "借 1501 9.00 GEN\n  贷 320101 9.00 GEN net_asset_change=prior_year"
    books.post(f"2026-12-31 #{THIRTEENTH} 更正上年差错\n  {adjustment}")
    with pytest.raises(Refused) as caught:
        close_the_year(books)
    assert caught.value.codes == ["close_prior_year"]


def close_by_hand(owner: Connection, month: Month) -> None:
    """Close a month as only the owner can: counters and period, with nothing asked."""
    for table in ("ledger_period", "ledger_voucher_counter"):
        drop_triggers(owner, table)
    owner.execute(
        text("UPDATE ledger_voucher_counter SET is_open = :no WHERE month = :month"),
        {"no": False, "month": month.code},
    )
    owner.execute(
        text(
            "UPDATE ledger_period SET is_open = :no, closed_by = opened_by, closed_at = opened_at"
            " WHERE month = :month"
        ),
        {"no": False, "month": month.code},
    )


def told(ledger: Ledger) -> list[str]:
    """Return what the check of carried years names."""
    ledger.session.rollback()
    return [f"{finding.where}: {finding.message}" for finding in check_carried(ledger.session, ledger.org_id)]


def test_a_year_that_the_owner_closed_uncarried_is_named(books: Ledger, owner_connection: Connection) -> None:
    """Nothing else finds it: every voucher, balance and counter is as it must be."""
    books.act(closing.close_month, "chief", month=DECEMBER, on=ON)
    books.act(closing.close_month, "chief", month=JANUARY, on=ON)
    books.act(closing.sign_audit, "chief", year=2026, audited_on=ON)
    assert told(books) == []
    close_by_hand(owner_connection, THIRTEENTH)
    assert told(books) == [
        "2026-13: is closed, and 410101 of GEN still holds -85.00",
        "2026-13: is closed, and 410102 of F2 still holds -1,000.00",
        "2026-13: is closed, and 510102 of F2 still holds 300.00",
    ]
    others = {f.check for f in run_checks(books.session, books.org_id)}
    assert others == {"carried", "triggers"}


_CARRIED = (
    "UPDATE ledger_voucher_line SET {} WHERE voucher_id ="
    " (SELECT id FROM ledger_voucher WHERE kind = 'closing') AND account_id ="
    " (SELECT id FROM ledger_account WHERE code = '{}')"
)
#: Change of the owner's → (table whose triggers go first, statement, what is told).
TAMPERINGS = {
    "carried less": (
        "ledger_voucher_line",
        _CARRIED.format("debit_fen = debit_fen - 100", "410101"),
        "2026-13: is closed, and 410101 of GEN still holds -1.00",
    ),
    "carried to prior years": (
        "ledger_voucher_line",
        _CARRIED.format("account_id = (SELECT id FROM ledger_account WHERE code = '320102')", "3102"),
        "2026-13: is closed, and 320102 of F2 still holds -700.00",
    ),
    "carried in the next year": (
        "ledger_voucher_line",
        _CARRIED.format("month = 202701", "510102"),
        "2026-13: is closed, and 510102 of F2 still holds 300.00",
    ),
    "the audit taken back": (
        "ledger_book_year",
        "UPDATE ledger_book_year SET audited_on = NULL WHERE year = 2026",
        "2026-13: is closed, and the audit of its year is not signed",
    ),
    "month 13 taken away": (
        "ledger_period",
        "DELETE FROM ledger_period WHERE month = 202613",
        "2026-13: was never opened, and 2027-01 is closed",
    ),
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("change", TAMPERINGS)
def test_a_change_to_a_closed_year_is_named(books: Ledger, owner_connection: Connection, change: str) -> None:
    table, statement, sentence = TAMPERINGS[change]
    close_the_year(books)
    drop_triggers(owner_connection, table)
    owner_connection.execute(text(statement))
    assert told(books) == [sentence]


@pytest.mark.sqlite_only
def test_books_that_close_monthly_are_carried_month_by_month(
    session: object, owner_connection: Connection
) -> None:
    """The owner closes December over 80.00 of income; January, still open, is let be."""
    ledger = open_books(session)  # type: ignore[arg-type]
    ledger.act(setup.open_year, "chief", year=2026, closing="month")
    ledger.open_months("2026-12", "2027-01")
    ledger.post(gift("2026-12-07", "80", "GEN"))
    ledger.post(gift("2027-01-05", "7", "F2"))
    assert told(ledger) == []
    close_by_hand(owner_connection, DECEMBER)
    assert told(ledger) == ["2026-12: is closed, and 410101 of GEN still holds -80.00"]
