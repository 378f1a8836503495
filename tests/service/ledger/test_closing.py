"""Months open in order and close one way; carrying forward again carries the difference."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Connection, select, text

from charity.errors import Refused
from charity.ledger import closing, setup
from charity.ledger.checks import run_checks
from charity.ledger.queries import trial_balance
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from tests.books import Ledger, open_books, read_journal
from tests.service.ledger.test_laws import aid, gift
from tests.service.ledger.test_tampering import drop_triggers


@pytest.mark.parametrize("closing_mode", ["month", "year"])
def test_carrying_forward_again_carries_only_the_difference(session: object, closing_mode: str) -> None:
    ledger = open_books(session, code="YEAR")  # type: ignore[arg-type]
    ledger.act(setup.open_year, "chief", year=2026, closing=closing_mode)
    ledger.open_months("2026-12", "2026-12")
    ledger.post(gift("2026-12-01", "1000", "F1"))
    ledger.post(aid("2026-12-02", "300", "F1"))
    if closing_mode == "year":
        ledger.act(closing.close_month, "chief", month=Month(2026, 12), on=date(2027, 1, 3))
        ledger.act(setup.open_month, "chief", month=Month(2026, 13))
        ledger.act(closing.sign_audit, "chief", year=2026, audited_on=date(2027, 1, 3))
    month = Month(2026, 12 if closing_mode == "month" else 13)
    with pytest.raises(Refused) as caught:
        ledger.act(closing.close_month, "chief", month=month, on=date(2027, 1, 3))
    assert caught.value.codes == ["close_carry_forward"]
    ledger.run([ledger.act(closing.make_closing_draft, "maker", month=month)])
    late = f"2026-12-31 #{month} 补记\n  借 1501 5.00 GEN\n  贷 410101 5.00 GEN"
    ledger.post(late)
    second = ledger.act(closing.make_closing_draft, "maker", month=month)
    assert second.total_fen == 500
    ledger.run([second])
    with pytest.raises(Refused) as nothing:
        ledger.act(closing.make_closing_draft, "maker", month=month)
    assert nothing.value.codes == ["nothing_to_carry"]
    ledger.act(closing.close_month, "chief", month=month, on=date(2027, 1, 3))
    assert run_checks(ledger.session, ledger.org_id) == []
    open_rows = trial_balance(ledger.session, ledger.org_id, month)
    assert [r.account for r in open_rows.rows if r.closing_fen] == ["1002", "1501", "3101", "3102"]


def test_every_blocker_of_a_close_is_named(ledger: Ledger) -> None:
    ledger.draft(read_journal(gift("2026-02-05", "10", "GEN"))[0])
    ledger.post(gift("2026-02-06", "10", "GEN"))
    ledger.act(
        closing.state_balance,
        "maker",
        money_place="B1",
        on=date(2026, 2, 28),
        balance_fen=999,
        source="对账单",
    )
    found = closing.close_blockers(ledger.session, ledger.org_id, Month(2026, 2), date(2026, 2, 20))
    assert [b.problem.code for b in found] == [
        "close_not_over",
        "close_earlier_open",
        "close_drafts",
        "close_assertion",
    ]
    with pytest.raises(Refused):
        ledger.act(closing.close_month, "chief", month=Month(2026, 2), on=date(2026, 2, 20))


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("account", "codes"),
    [("2601", ["close_agency", "close_unbalanced"]), ("410101", ["close_unbalanced"])],
)
def test_balances_that_do_not_tie_keep_every_month_open(
    ledger: Ledger, owner_connection: Connection, account: str, codes: list[str]
) -> None:
    """No voucher can bring it about: the owner has raised a kept balance by 1.00."""
    ledger.post("2026-01-04 代收\n  借 100291@B1 5.00 AGENCY\n  贷 2601 5.00 AGENCY")
    ledger.post(gift("2026-01-05", "10", "GEN"))
    drop_triggers(owner_connection, "ledger_balance")
    owner_connection.execute(
        text(
            "UPDATE ledger_balance SET credit_fen = credit_fen + 100"
            " WHERE account_id = (SELECT id FROM ledger_account WHERE code = :code)"
        ),
        {"code": account},
    )
    ledger.session.rollback()
    with pytest.raises(Refused) as caught:
        ledger.act(closing.close_month, "chief", month=Month(2026, 1), on=date(2026, 2, 2))
    assert caught.value.codes == codes


def test_a_closed_month_is_not_closed_again_and_takes_nothing(ledger: Ledger) -> None:
    ledger.act(closing.close_month, "chief", month=Month(2026, 1), on=date(2026, 2, 2))
    with pytest.raises(Refused) as caught:
        ledger.act(closing.close_month, "chief", month=Month(2026, 1), on=date(2026, 2, 2))
    assert caught.value.codes == ["close_not_open"]


def test_months_open_in_order_and_month_13_after_december(ledger: Ledger) -> None:
    with pytest.raises(Refused) as gap:
        ledger.act(setup.open_month, "chief", month=Month(2027, 2))
    assert gap.value.codes == ["period_gap"]
    with pytest.raises(Refused) as early:
        ledger.act(setup.open_month, "chief", month=Month(2027, 13))
    assert early.value.codes == ["month13_early"]
    ledger.act(setup.open_month, "chief", month=Month(2026, 13))
    ledger.post("2026-12-31 #2026-13 审计调整\n  借 1501 5.00 GEN\n  贷 410101 5.00 GEN")
    numbers = ledger.session.execute(select(Voucher.month, Voucher.number)).all()
    assert [tuple(row) for row in numbers] == [(202613, 1)]
