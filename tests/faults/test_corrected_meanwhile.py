"""A correction that waited while its voucher was taken back in full says so, and nothing else.

The state machine found it: the database's guard refused the posting, and the person read a code.
"""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from charity.errors import Refused
from charity.ledger import corrections
from charity.ledger.checks import run_checks
from tests.books import Ledger, open_books

GIFT = "2026-03-02 捐款\n  借 1002@B1 100.00 F1\n  贷 410102 100.00 F1"
ON = date(2026, 3, 5)

pytestmark = pytest.mark.both_databases


@pytest.fixture
def ledger(session: Session) -> Ledger:
    """Books with three open months."""
    opened = open_books(session)
    opened.open_months("2026-01", "2026-03")
    return opened


def _approved(ledger: Ledger, voucher_id: int, fen: int) -> int:
    """Return an approved correction: down to an amount, or back in full for nothing."""
    if fen:
        values = {"voucher_id": voucher_id, "amounts": {1: fen, 2: fen}, "on": ON}
        draft_id = int(ledger.act(corrections.difference_voucher, "maker", **values).id)
    else:
        draft_id = int(ledger.act(corrections.reverse_voucher, "maker", voucher_id=voucher_id, on=ON).id)
    ledger.approve(draft_id)
    return draft_id


@pytest.mark.parametrize("fen", [0, 4_000, 14_000])
@pytest.mark.parametrize("is_together", [False, True])
def test_what_was_taken_back_is_not_corrected_any_more(ledger: Ledger, fen: int, is_together: bool) -> None:
    """A second reversal, less and more, posted after the reversal or in one batch behind it."""
    (gift,) = ledger.post(GIFT)
    late, red = _approved(ledger, gift.voucher_id, fen), _approved(ledger, gift.voucher_id, 0)
    if not is_together:
        ledger.post_drafts(red)
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(*[red] * is_together, late)
    assert caught.value.codes == ["voucher_reversed"]
    assert ledger.guard()["F1"] == ("100.00" if is_together else "0.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []
