"""Money that first came in March is not promised to a voucher of January.

The state machine found it: a month before the first money of a fund and earmark has no row of its
own, so the review let the voucher through, and the posting said that somebody had spent meanwhile.
"""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from charity.errors import Refused
from charity.ledger import drafting
from charity.ledger.checks import run_checks
from tests.books import open_books, read_journal

GIFT = "2026-03-02 捐款\n  借 1002@B1 100.00 F1\n  贷 410102 100.00 F1"
AID = "2026-01-20 救助\n  借 510102 40.00 F1\n  贷 1002@B1 40.00 F1"

pytestmark = pytest.mark.both_databases


def test_the_review_refuses_what_its_own_month_cannot_pay(session: Session) -> None:
    ledger = open_books(session)
    ledger.open_months("2026-01", "2026-03")
    ledger.post(GIFT)
    draft_id = ledger.draft(read_journal(AID)[0])
    ledger.act(drafting.submit_drafts, "maker", draft_ids=[draft_id])
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    assert caught.value.codes == ["fund_overdrawn_later"]
    assert "2026-01" in str(caught.value)
    assert run_checks(ledger.session, ledger.org_id) == []
