"""Rules that make drafts: two people approve one, and only then it stands in for a reviewer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from charity.errors import Refused
from charity.ledger import drafting, setup
from charity.ledger.reading import read_voucher
from tests.books import Ledger, read_journal
from tests.service.ledger.test_laws import gift


def test_a_posting_rule_needs_two_people_who_did_not_write_it(ledger: Ledger) -> None:
    rule = ledger.act(setup.write_posting_rule, "chief", code="P01", text="非限定捐款", on=date(2026, 1, 1))
    with pytest.raises(Refused) as caught:
        ledger.act(setup.approve_posting_rule, "chief", rule_id=rule.id)
    assert caught.value.codes == ["rule_same_person"]
    ledger.act(setup.approve_posting_rule, "reviewer", rule_id=rule.id)
    assert setup.rule_in_force(ledger.session, ledger.org_id, "P01", date(2026, 3, 1)) is None
    ledger.ids["chief"] = 99
    ledger.act(setup.approve_posting_rule, "chief", rule_id=rule.id)
    found = setup.rule_in_force(ledger.session, ledger.org_id, "P01", date(2026, 3, 1))
    assert found is not None and found.id == rule.id


def test_a_rule_made_draft_counts_as_reviewed_but_never_as_signed(ledger: Ledger) -> None:
    rule_id = ledger.approved_rule("P01")
    (voucher,) = read_journal(gift("2026-03-01", "10", "GEN"))
    draft_id = ledger.draft(voucher, posting_rule_id=rule_id)
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(draft_id)
    assert caught.value.codes == ["cashier_missing"]
    ledger.act(drafting.sign_drafts, "cashier", draft_ids=[draft_id])
    (posted,) = ledger.post_drafts(draft_id)
    header = read_voucher(ledger.session, ledger.org_id, posted.voucher_id).header
    assert header["reviewer_id"] is None and header["posting_rule_id"] == rule_id


def _written(ledger: Ledger) -> int:
    return int(ledger.act(setup.write_posting_rule, "chief", code="P01", text="捐款", on=date(2026, 1, 1)).id)


def _approved_once(ledger: Ledger) -> int:
    rule_id = _written(ledger)
    ledger.act(setup.approve_posting_rule, "reviewer", rule_id=rule_id)
    return rule_id


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(lambda ledger: 424_242, id="invented"),
        pytest.param(_written, id="written"),
        pytest.param(_approved_once, id="approved by one"),
        pytest.param(lambda ledger: ledger.approved_rule("P01", date(2026, 3, 2)), id="not in force yet"),
    ],
)
def test_only_a_rule_two_people_approved_stands_in_for_a_reviewer(
    ledger: Ledger, rule: Callable[[Ledger], int]
) -> None:
    rule_id = rule(ledger)
    (voucher,) = read_journal(gift("2026-03-01", "10", "GEN"))
    with pytest.raises(Refused) as caught:
        ledger.draft(voucher, posting_rule_id=rule_id)
    assert caught.value.codes == ["rule_not_approved"]
