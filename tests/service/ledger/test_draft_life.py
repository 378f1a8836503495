"""The life of a draft through the services: every act in every state, done or refused as the table says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from charity.db import begin_write
from charity.errors import Refused
from charity.ledger import drafting, posting
from charity.ledger.models import Draft
from tests.books import Ledger, read_journal

pytestmark = pytest.mark.sqlite_only

ACTS = ("edit", "submit", "recall", "review", "return", "sign", "post", "discard")
NO = "draft_wrong_state"
GIFT = "2026-03-05 捐款\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN"
GOODS = "2026-03-05 物资\n  借 1201 10.00 GEN\n  贷 410101 10.00 GEN"

#: Journal and state → answer to each of ``ACTS``: the state after it, or the code of the refusal.
#: What was posted answers with its voucher again.
LIFE = {
    (GIFT, "draft"): ("draft", "submitted", NO, NO, NO, NO, NO, "discarded"),
    (GIFT, "submitted"): (NO, NO, "draft", "reviewed", "draft", NO, NO, NO),
    (GIFT, "reviewed"): (NO, NO, NO, NO, "draft", "signed", "cashier_missing", NO),
    (GIFT, "signed"): (NO, NO, NO, NO, "draft", NO, "posted", NO),
    (GIFT, "posted"): (NO, NO, NO, NO, NO, NO, "posted", NO),
    (GIFT, "discarded"): (NO, NO, NO, NO, NO, NO, NO, NO),
    (GOODS, "reviewed"): (NO, NO, NO, NO, "draft", NO, "posted", NO),
}
#: State → the acts that lead to it.
WAYS = {
    "draft": (),
    "submitted": ("submit",),
    "reviewed": ("submit", "review"),
    "signed": ("submit", "review", "sign"),
    "posted": ("submit", "review", "sign", "post"),
    "discarded": ("discard",),
}
VERBS: dict[str, tuple[Callable[..., Any], str]] = {
    "edit": (drafting.edit_draft, "maker"),
    "submit": (drafting.submit_drafts, "maker"),
    "recall": (drafting.recall_draft, "maker"),
    "review": (drafting.review_drafts, "reviewer"),
    "return": (drafting.return_draft, "reviewer"),
    "sign": (drafting.sign_drafts, "cashier"),
    "post": (posting.post_drafts, "chief"),
    "discard": (drafting.discard_draft, "maker"),
}


def take(ledger: Ledger, act: str, row: Draft, journal: str) -> None:
    """Take one step with a draft, by the person whose step it is."""
    verb, role = VERBS[act]
    values: dict[str, Any] = {"draft_id": row.id}
    if act in ("submit", "review", "sign", "post"):
        values = {"draft_ids": [row.id]}
    if act == "edit":
        values |= {"version": row.version, "draft": read_journal(journal)[0]}
    if act in ("return", "discard"):
        values["reason"] = "金额录错"
    if act in ("post", "discard"):
        values["on"] = date(2026, 3, 31)
    verb(ledger.session, actor=ledger.actor(role), **values)


def answer(ledger: Ledger, act: str, draft_id: int, journal: str) -> str:
    """Return what an act answers, and take it back."""
    begin_write(ledger.session)
    row = ledger.session.get_one(Draft, (ledger.org_id, draft_id))
    before = row.state
    try:
        take(ledger, act, row, journal)
    except Refused as refused:
        (code,) = refused.codes
        assert row.state == before, "a refusal changes nothing"
        return code
    else:
        return row.state
    finally:
        ledger.session.rollback()


@pytest.mark.parametrize(("journal", "state"), LIFE, ids=lambda value: value.partition("\n")[0])
def test_every_act_in_every_state(ledger: Ledger, journal: str, state: str) -> None:
    draft_id = ledger.draft(read_journal(journal)[0])
    for act in WAYS[state]:
        if journal != GOODS or act != "sign":
            begin_write(ledger.session)
            take(ledger, act, ledger.session.get_one(Draft, (ledger.org_id, draft_id)), journal)
            ledger.session.commit()
    found = {act: answer(ledger, act, draft_id, journal) for act in ACTS}
    assert found == dict(zip(ACTS, LIFE[journal, state], strict=True))
