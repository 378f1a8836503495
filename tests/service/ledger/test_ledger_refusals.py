"""Refusals of the ledger that no story of its own tells: one act each, refused with one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from charity.db import unit_of_work
from charity.errors import Refused
from charity.ledger import attachments, closing, corrections, drafting, printing, reading, setup, spending
from charity.ledger.models import MoneyPlace
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.periods import Month
from tests.books import PAPER, Ledger, read_journal
from tests.service.ledger.test_laws import gift

pytestmark = pytest.mark.sqlite_only

ON = date(2026, 3, 1)
MARCH = Month(2026, 3)
NOWHERE = 7


def codes_of(act: Callable[..., Any], *args: Any, **values: Any) -> list[str]:
    """Return the codes an act is refused with."""
    with pytest.raises(Refused) as caught:
        act(*args, **values)
    return caught.value.codes


def money(**first: Any) -> DraftVoucher:
    """Return a gift of 10.00 to GEN with one change of its first line."""
    debit = replace(DraftLine("1002", debit_fen=1000, fund="GEN", money_place="B1"), **first)
    lines = (debit, DraftLine("410101", credit_fen=1000, fund="GEN"))
    return DraftVoucher(ON, MARCH, "捐款", lines, attachments=(PAPER,))


def submit(ledger: Ledger, draft: DraftVoucher) -> list[str]:
    """Return the codes with which a draft is not submitted."""
    draft_id = ledger.draft(draft)
    return codes_of(ledger.act, drafting.submit_drafts, "maker", draft_ids=[draft_id])


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (money(credit_fen=1000), "line_one_side"),
        (money(summary="长" * 201), "summary_too_long"),
        (replace(money(), summary=" "), "summary_missing"),
        (replace(money(), month=Month(2026, 4)), "date_outside_month"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_that_cannot_be_read_by_others_is_not_submitted(
    ledger: Ledger, draft: DraftVoucher, code: str
) -> None:
    assert code in submit(ledger, draft)


def test_value_moves_between_funds_only_where_cash_can_be_tagged_anew(ledger: Ledger) -> None:
    """The management share of F1 is taken while no place of money is the main one."""
    with unit_of_work(ledger.session) as work:
        work.execute(update(MoneyPlace).values(is_main=False))
    share = "net_asset_change=management_share"
    (move,) = read_journal(f"2026-03-05 管理费\n  借 3102 1.00 F1 {share}\n  贷 3101 1.00 GEN {share}")
    assert submit(ledger, move) == ["retag_place_missing"]


@pytest.mark.parametrize(
    ("month", "closed", "code"),
    [
        (Month(2027, 1), 0, "period_not_open"),
        (Month(2026, 1), 1, "period_closed"),
        (Month(2026, 12), 12, "period_all_closed"),
    ],
    ids=str,
)
def test_a_month_that_takes_nothing_says_what_to_do(
    ledger: Ledger, month: Month, closed: int, code: str
) -> None:
    for number in range(1, closed + 1):
        ledger.act(closing.close_month, "chief", month=Month(2026, number), on=date(2027, 1, 3))
    draft = replace(money(), voucher_on=month.first_on, month=month)
    assert submit(ledger, draft) == [code]


def test_only_the_maker_takes_a_voucher_back_from_review(ledger: Ledger) -> None:
    draft_id = ledger.draft(money())
    ledger.act(drafting.submit_drafts, "maker", draft_ids=[draft_id])
    ledger.ids["maker"] = 21
    assert codes_of(ledger.act, drafting.recall_draft, "maker", draft_id=draft_id) == ["only_maker_recalls"]


def test_a_hold_of_nothing_is_refused(ledger: Ledger) -> None:
    assert codes_of(ledger.hold, "F1", "0") == ["hold_amount"]


#: Code → the act on something that is not in these books.
UNKNOWN: dict[str, tuple[Callable[..., Any], str, dict[str, Any]]] = {
    "hold_unknown": (spending.release_hold, "maker", {"hold_id": NOWHERE, "reason": "撤回"}),
    "draft_unknown": (drafting.submit_drafts, "maker", {"draft_ids": [NOWHERE]}),
    "voucher_unknown": (corrections.reverse_voucher, "maker", {"voucher_id": NOWHERE, "on": ON}),
    "incident_unknown": (corrections.cover_incident, "chief", {"incident_id": NOWHERE, "note": "补足"}),
    "account_code_unknown": (
        setup.open_money_place,
        "chief",
        {"code": "B9", "name": "专户", "kind": "bank", "account": "9999", "on": ON},
    ),
    "audit_needs_month13": (closing.sign_audit, "chief", {"year": 2026, "audited_on": ON}),
}


@pytest.mark.parametrize("code", UNKNOWN)
def test_what_is_not_there_is_named(ledger: Ledger, code: str) -> None:
    verb, role, values = UNKNOWN[code]
    assert codes_of(ledger.act, verb, role, **values) == [code]


def test_a_council_does_not_restrict_money(ledger: Ledger) -> None:
    values = {"fund": "F1", "code": "F1-X", "name": "定向", "text": "理事会决定", "on": ON}
    assert codes_of(ledger.act, setup.open_earmark, "chief", source="council", **values) == ["earmark_source"]


def test_a_voucher_of_other_books_is_not_read(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-03-05", "10", "GEN"))
    read = reading.read_voucher
    assert codes_of(read, ledger.session, ledger.org_id + 1, posted.voucher_id) == ["voucher_unknown"]


def test_an_empty_file_is_no_paper(ledger: Ledger, tmp_path: Path) -> None:
    values = {"data": b"", "name": "slip.pdf", "media_type": "application/pdf", "data_dir": tmp_path}
    assert codes_of(ledger.act, attachments.store_attachment, "maker", **values) == ["attachment_empty"]


def test_a_paper_whose_file_is_gone_sends_to_the_backup(ledger: Ledger, tmp_path: Path) -> None:
    values = {"data": b"%PDF-", "name": "slip.pdf", "media_type": "application/pdf", "data_dir": tmp_path}
    sha256 = ledger.act(attachments.store_attachment, "maker", **values)
    wanted = {"org_id": ledger.org_id, "sha256": sha256, "data_dir": tmp_path}
    assert attachments.read_attachment(ledger.session, **wanted)[1] == b"%PDF-"
    attachments.attachment_path(tmp_path, sha256).unlink()
    assert codes_of(attachments.read_attachment, ledger.session, **wanted) == ["attachment_missing_bytes"]


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "print_nothing"),
        ([NOWHERE], "print_nothing"),
        (list(range(printing.PRINT_LIMIT + 1)), "print_too_many"),
    ],
    ids=["none marked", "none there", "too many"],
)
def test_what_cannot_be_printed_is_said(ledger: Ledger, ids: list[int], code: str) -> None:
    assert codes_of(printing.voucher_documents, ledger.session, ledger.org_id, ids) == [code]
