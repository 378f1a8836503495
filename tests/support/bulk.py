"""Many vouchers at once: gifts that are signed already, written past the desks of their signers."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import insert

from charity.db import unit_of_work
from charity.ids import new_id
from charity.ledger import posting
from charity.ledger.books import load_books
from charity.ledger.completion_rules import complete
from charity.ledger.models import Draft
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.periods import Month
from tests.books import Ledger

#: The date of the gifts.
ON = date(2026, 3, 5)
#: Vouchers posted in one transaction.
_AT_ONCE = 500


def signed_gifts(ledger: Ledger, count: int, paper: str) -> list[int]:
    """Write signed drafts of gifts of 100.00 to F2; return their keys.

    Args:
        ledger: with March open.
        count: of drafts.
        paper: SHA-256 of their source document.
    """
    books = load_books(ledger.session, ledger.org_id, ON)
    lines = (
        DraftLine("1002", debit_fen=10_000, fund="F2", money_place="B1"),
        DraftLine("410102", credit_fen=10_000, fund="F2"),
    )
    whole = complete(DraftVoucher(ON, Month.of(ON), "捐款", lines), books)
    signed: dict[str, Any] = {
        "org_id": ledger.org_id,
        "state": "signed",
        "kind": "normal",
        "colour": "blue",
        "voucher_on": ON,
        "month": int(f"{ON:%Y%m}"),
        "summary": "捐款",
        "lines": [line.to_json() for line in whole.lines],
        "attachments": [paper],
        "has_money": True,
        "total_fen": 10_000,
        "ref": "",
        "request_sha256": "0" * 64,
        "incident_reason": "",
        "maker_id": 11,
        "makers": [11],
        "made_at": ledger.at,
        "reviewer_id": 12,
        "reviewed_at": ledger.at,
        "cashier_id": 13,
        "signed_at": ledger.at,
        "returned_reason": "",
        "version": 1,
    }
    ids = [new_id() for _ in range(count)]
    with unit_of_work(ledger.session) as session:
        session.execute(insert(Draft), [{**signed, "id": key, "idempotency_key": f"k{key}"} for key in ids])
    return ids


def post_many(ledger: Ledger, count: int, paper: str) -> None:
    """Post such gifts through the ledger's own posting, many in a transaction; arguments as above."""
    for start in range(0, count, _AT_ONCE):
        ids = signed_gifts(ledger, min(_AT_ONCE, count - start), paper)
        with unit_of_work(ledger.session) as session:
            posting.post_drafts(session, actor=ledger.actor("chief"), draft_ids=ids, on=date(2026, 12, 31))
