"""Reviewing and signing refuse what the fund cannot pay now; a draft alone may wait."""

from __future__ import annotations

from datetime import date

import pytest

from charity.errors import Refused
from charity.ledger import corrections, drafting, setup
from charity.ledger.checks import run_checks
from charity.ledger.judging import check_money
from charity.ledger.models import Draft
from tests.books import Ledger, read_journal

GIFT = """
2026-03-01 收到捐款
  借 1002@B1  100.00  F1
  贷 410102   100.00  F1
"""
AID = """
2026-03-07 支付救助
  借 510102   60.00  F1
  贷 1002@B1  60.00  F1
"""


def submitted(ledger: Ledger, journal: str) -> list[int]:
    """Return the drafts of a journal, submitted."""
    ids = [ledger.draft(voucher) for voucher in read_journal(journal)]
    ledger.act(drafting.submit_drafts, "maker", draft_ids=ids)
    return ids


def state(ledger: Ledger, draft_id: int) -> str:
    ledger.session.rollback()
    return ledger.session.get_one(Draft, (ledger.org_id, draft_id)).state


def test_a_payment_waits_as_a_draft_and_is_reviewed_once_its_money_is_there(ledger: Ledger) -> None:
    (draft_id,) = submitted(ledger, AID)
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    (problem,) = caught.value.problems
    assert problem.code == "fund_overdrawn"
    assert problem.params["available"] == "0.00" and problem.params["needed"] == "60.00"
    assert problem.params["vouchers"] == "2026-03-07 支付救助"
    assert str(problem.params["fund"]) == "急难救助基金"
    assert state(ledger, draft_id) == "submitted"
    ledger.post(GIFT)
    ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    assert state(ledger, draft_id) == "reviewed"


def test_money_that_is_only_drafted_does_not_count(ledger: Ledger) -> None:
    ids = submitted(ledger, GIFT + AID)
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=ids)
    assert caught.value.codes == ["fund_overdrawn"]
    assert [state(ledger, key) for key in ids] == ["submitted", "submitted"]


def test_drafts_that_wait_take_nothing_from_one_another(ledger: Ledger) -> None:
    """Each is judged alone; posting is what refuses the second."""
    ledger.post(GIFT)
    ids = submitted(ledger, AID + AID)
    ledger.act(drafting.review_drafts, "reviewer", draft_ids=ids)
    ledger.act(drafting.sign_drafts, "cashier", draft_ids=ids)
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(*ids)
    (problem,) = caught.value.problems
    assert (problem.params["short"], problem.params["needed"]) == ("20.00", "120.00")


def test_the_cashier_does_not_sign_what_was_spent_meanwhile(ledger: Ledger) -> None:
    ledger.post(GIFT)
    (draft_id,) = submitted(ledger, AID)
    ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    ledger.hold("F1", "50.00")
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.sign_drafts, "cashier", draft_ids=[draft_id])
    assert caught.value.codes == ["fund_overdrawn"]
    assert state(ledger, draft_id) == "reviewed"


def test_an_earmark_that_never_had_money_is_short_beside_its_fund(ledger: Ledger) -> None:
    """Medical aid has 500.00, heart disease nothing; both payments are refused, each by its name."""
    values = {"name": "先心病", "name_en": "Heart disease", "text": "先心病", "source": "provider"}
    ledger.act(setup.open_earmark, "chief", fund="F2", code="F2-HEART", on=date(2026, 1, 1), **values)
    ledger.post(GIFT.replace("F1", "F2"))
    heart = AID.replace("  F1", "  F2/F2-HEART")
    ids = submitted(ledger, heart + AID.replace("  F1", "  F2").replace("60.00", "100.01"))
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=ids)
    names = [(str(p.params["fund"]), p.params["short"]) for p in caught.value.problems]
    assert sorted(names) == [("医疗救助基金", "0.01"), ("医疗救助基金／先心病", "60.00")]


def test_a_voucher_through_payables_needs_the_money_too(ledger: Ledger) -> None:
    (draft_id,) = submitted(ledger, AID.replace("1002@B1", "2209"))
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    assert caught.value.codes == ["fund_overdrawn"]


def test_a_set_is_judged_whole(ledger: Ledger) -> None:
    """Aid booked to the wrong fund is taken back and booked right: the red gives before the blue takes."""
    ledger.post(GIFT)
    posted = ledger.post(AID.replace("60.00", "100.00"))
    right = read_journal(AID.replace("60.00", "90.00"))[0].lines
    drafts = ledger.act(
        corrections.correct_voucher,
        "maker",
        voucher_id=posted[0].voucher_id,
        lines=right,
        on=date(2026, 3, 9),
    )
    assert check_money(ledger.session, ledger.org_id, [drafts[1]]) == []
    ledger.run(drafts)
    assert ledger.guard()["F1"] == ("10.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []


def test_whoever_wrote_a_draft_once_never_checks_or_posts_it(ledger: Ledger) -> None:
    """Another changes one word and hands it in; the first has become reviewer meanwhile."""
    (voucher,) = read_journal(GIFT)
    draft_id = ledger.draft(voucher)
    ledger.ids["maker"] = 21
    ledger.act(drafting.edit_draft, "maker", draft_id=draft_id, version=1, draft=voucher)
    ledger.act(drafting.submit_drafts, "maker", draft_ids=[draft_id])
    usual, ledger.ids["reviewer"] = ledger.ids["reviewer"], 11
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    assert caught.value.codes == ["maker_is_reviewer"]
    ledger.ids["reviewer"] = usual
    ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    cashier, ledger.ids["cashier"] = ledger.ids["cashier"], 11
    with pytest.raises(Refused) as signing:
        ledger.act(drafting.sign_drafts, "cashier", draft_ids=[draft_id])
    assert signing.value.codes == ["maker_is_cashier"]
    ledger.ids["cashier"] = cashier
    ledger.act(drafting.sign_drafts, "cashier", draft_ids=[draft_id])
    chief, ledger.ids["chief"] = ledger.ids["chief"], 11
    with pytest.raises(Refused) as posting:
        ledger.post_drafts(draft_id)
    assert posting.value.codes == ["maker_is_poster"]
    ledger.ids["chief"] = chief
    ledger.post_drafts(draft_id)
