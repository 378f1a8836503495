"""Corrections that waited too long: what is left of a voucher stays at zero or above."""

from __future__ import annotations

from datetime import date

import pytest

from charity.errors import Refused
from charity.ledger import corrections
from charity.ledger.checks import run_checks
from tests.books import Ledger

GIFTS = """
2026-03-01 捐款
  借 1002@B1  500.00  F1
  贷 410102   500.00  F1

2026-03-02 捐款
  借 1002@B1  100.00  F1
  贷 410102   100.00  F1
"""
ON = date(2026, 3, 5)


def _less(ledger: Ledger, voucher_id: int, fen: int) -> int:
    """Return an approved draft that brings a voucher down to an amount."""
    values = {"voucher_id": voucher_id, "amounts": {1: fen, 2: fen}, "on": ON}
    draft_id = int(ledger.act(corrections.difference_voucher, "maker", **values).id)
    ledger.approve(draft_id)
    return draft_id


def test_a_second_difference_never_takes_more_than_is_left(ledger: Ledger) -> None:
    """100.00 less 60.00 leaves 40.00; the other draft, made of 100.00 too, would leave -20.00."""
    gift = ledger.post(GIFTS)[1].voucher_id
    first, second = _less(ledger, gift, 4_000), _less(ledger, gift, 4_000)
    ledger.post_drafts(first)
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(second)
    assert caught.value.codes == ["correction_stale"]
    assert ledger.guard()["F1"] == ("540.00", "0.00")


def test_two_differences_posted_together_are_held_to_the_same(ledger: Ledger) -> None:
    gift = ledger.post(GIFTS)[1].voucher_id
    drafts = _less(ledger, gift, 4_000), _less(ledger, gift, 4_000)
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(*drafts)
    assert caught.value.codes == ["correction_stale"]


def test_a_reversal_takes_back_what_is_left_when_it_is_posted(ledger: Ledger) -> None:
    """The red draft of 100.00 waits while 60.00 are taken off: it would take 60.00 back twice."""
    gift = ledger.post(GIFTS)[1].voucher_id
    red = int(ledger.act(corrections.reverse_voucher, "maker", voucher_id=gift, on=ON).id)
    ledger.approve(red)
    ledger.post_drafts(_less(ledger, gift, 4_000))
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(red)
    assert caught.value.codes == ["correction_stale"]
    fresh = ledger.act(corrections.reverse_voucher, "maker", voucher_id=gift, on=ON)
    ledger.run([fresh])
    assert ledger.guard()["F1"] == ("500.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []


def test_a_difference_is_not_corrected_by_itself(ledger: Ledger) -> None:
    gift = ledger.post(GIFTS)[1].voucher_id
    (difference,) = ledger.post_drafts(_less(ledger, gift, 15_000))
    with pytest.raises(Refused) as caught:
        ledger.act(corrections.reverse_voucher, "maker", voucher_id=difference.voucher_id, on=ON)
    assert caught.value.codes == ["correction_of_difference"]
