"""Money set aside: placed once, settled by its own payment, or given back with a reason."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from charity.errors import Refused
from charity.ledger import drafting, setup, spending
from charity.ledger.checks import run_checks
from charity.ledger.models import Draft
from tests.books import Ledger
from tests.service.ledger.test_laws import aid, gift, refused


def test_a_hold_pays_with_less_than_was_set_aside(ledger: Ledger) -> None:
    ledger.post(gift("2026-03-01", "1000", "F1"))
    hold_id = ledger.hold("F1", "1000")
    assert ledger.guard()["F1"] == ("0.00", "1,000.00")
    assert refused(ledger, aid("2026-03-02", "900", "F1")) == ["fund_overdrawn"]
    ledger.session.rollback()
    for row in ledger.session.scalars(select(Draft).where(Draft.state == "signed")):
        ledger.act(drafting.return_draft, "reviewer", draft_id=row.id, reason="改用预留款")
        ledger.act(drafting.discard_draft, "maker", draft_id=row.id, reason="改用预留款", on=date(2026, 3, 2))
    ledger.post(aid("2026-03-02", "900", "F1"), hold_id=hold_id)
    assert ledger.guard()["F1"] == ("100.00", "0.00")
    with pytest.raises(Refused) as caught:
        ledger.act(spending.release_hold, "maker", hold_id=hold_id, reason="不再需要")
    assert caught.value.codes == ["hold_ended"]
    assert run_checks(ledger.session, ledger.org_id) == []


def _paid_by(ledger: Ledger, journal: str, hold_id: int) -> list[str]:
    """Return the codes with which a voucher that names a hold is refused."""
    with pytest.raises(Refused) as caught:
        ledger.post(journal, hold_id=hold_id)
    return caught.value.codes


def test_a_hold_is_settled_by_its_own_payment_alone(ledger: Ledger) -> None:
    """F1 and F2 have 1,000.00 each; 100.00 of F1 is held."""
    ledger.post(gift("2026-03-01", "1000", "F1"))
    ledger.post(gift("2026-03-01", "1000", "F2"))
    hold_id = ledger.hold("F1", "100")
    assert _paid_by(ledger, aid("2026-03-02", "100", "F2"), hold_id) == ["hold_not_paid"]
    assert _paid_by(ledger, aid("2026-03-02", "100.01", "F1"), hold_id) == ["hold_too_small"]
    assert _paid_by(ledger, gift("2026-03-02", "5", "F1"), hold_id) == ["hold_not_paid"]
    no_money = "2026-03-02 物资\n  借 1201 5.00 F1\n  贷 410102 5.00 F1"
    assert _paid_by(ledger, no_money, hold_id) == ["hold_not_paid"]
    ledger.session.rollback()
    assert ledger.guard()["F1"] == ("900.00", "100.00")
    ledger.post(aid("2026-03-03", "100", "F1"), hold_id=hold_id)
    assert ledger.guard()["F1"] == ("900.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []


@pytest.mark.parametrize(
    "other", [{"fund": "F2"}, {"earmark": "F1-FIRE"}, {"amount_fen": 101}, {"subject": "CASE-2"}], ids=str
)
def test_a_key_gives_the_same_hold_or_none(ledger: Ledger, other: dict[str, object]) -> None:
    ledger.act(
        setup.open_earmark,
        "chief",
        fund="F1",
        code="F1-FIRE",
        name="火灾救助",
        text="仅用于火灾救助",
        source="provider",
        on=date(2026, 1, 1),
    )
    for fund, earmark in (("F1", ""), ("F1", "F1-FIRE"), ("F2", "")):
        ledger.post(gift("2026-03-01", "1000", fund, earmark))
    values = {"fund": "F1", "earmark": "", "amount_fen": 100, "subject": "CASE-1", "on": date(2026, 3, 2)}
    first = ledger.act(spending.place_hold, "maker", idempotency_key="k", **values)
    assert ledger.act(spending.place_hold, "maker", idempotency_key="k", **values) == first
    with pytest.raises(Refused) as caught:
        ledger.act(spending.place_hold, "maker", idempotency_key="k", **{**values, **other})
    assert caught.value.codes == ["key_reused"]


def test_a_released_hold_gives_the_money_back(ledger: Ledger) -> None:
    ledger.post(gift("2026-03-01", "1000", "F1"))
    hold_id = ledger.hold("F1", "400")
    with pytest.raises(Refused) as caught:
        ledger.act(spending.release_hold, "maker", hold_id=hold_id, reason=" ")
    assert caught.value.codes == ["reason_missing"]
    ledger.act(spending.release_hold, "maker", hold_id=hold_id, reason="撤回申请")
    assert ledger.guard()["F1"] == ("1,000.00", "0.00")
