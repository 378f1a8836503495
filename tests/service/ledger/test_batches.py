"""Batches: what can be posted is, what cannot is parked with its reason."""

from __future__ import annotations

from datetime import date

from charity.ledger import batches
from charity.ledger.checks import run_checks
from tests.books import Ledger, read_journal

TODAY = date(2026, 12, 31)


def _drafts(ledger: Ledger, count: int) -> list[int]:
    """Return approved drafts: gifts of 10.00 to F1 on one day."""
    text = "2026-03-{day:02d} 捐款\n  借 1002@B1 10.00 F1\n  贷 410102 10.00 F1"
    ids = [ledger.draft(read_journal(text.format(day=1 + n // 4))[0]) for n in range(count)]
    ledger.approve(*ids)
    return ids


def test_one_bad_draft_never_sinks_the_others(ledger: Ledger) -> None:
    ids = _drafts(ledger, 7)
    bad = ledger.draft(read_journal("2026-03-02 救助\n  借 510102 99.00 F2\n  贷 1002@B1 99.00 F2")[0])
    ledger.post("2026-03-01 捐款\n  借 1002@B1 99.00 F2\n  贷 410102 99.00 F2")
    ledger.approve(bad)
    ledger.hold("F2", "99.00")  # the money is gone again before it is posted
    groups = [[key] for key in [*ids[:3], bad, *ids[3:]]]
    posted, parked = ledger.act(batches.post_or_park, "chief", groups=groups, on=TODAY)
    assert len(posted) == 7
    assert {key: problem.code for key, problem in parked.items()} == {bad: "fund_overdrawn"}
    again, _ = ledger.act(batches.post_or_park, "chief", groups=groups, on=TODAY)
    assert [voucher.was_posted_before for voucher in again] == [True] * 7
    assert ledger.guard()["F1"] == ("70.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []
