"""The life of a gift walked whole: every act from the day it is recorded to its claim or reversal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from charity.donations import claims, refunds, service
from charity.donations.models import Donation
from charity.donations.queries import GIFT_STATES, GiftFilter, count_in_state, list_gifts
from charity.donations.refunds import NewRefund
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry
from charity.errors import Problem, Refused
from charity.ledger import corrections, drafting
from charity.ledger.models import Draft
from tests.books import PAPER
from tests.gifts import TODAY, Office, assert_sound
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

LI = DonorEntry("person", "李四")
ACTS = ("allocate", "draft", "to 220901", "claim", "give back")
IN, ENTERED, NO, EARLY = "gift_in_books", "gift_entered", "claim_not_waiting", "refund_not_posted"
WHOSE = "refund_unidentified"
#: State of a gift → answer to each of ``ACTS``: its nature and the states of its vouchers, oldest
#: first. What waits for its purpose is not drafted; a claim that came to nothing is made anew.
LIFE = {
    "waiting": ("gift reviewed", "gift", "unidentified reviewed", NO, EARLY),
    "drafted": (IN, ENTERED, IN, NO, EARLY),
    "undrafted": ("gift discarded reviewed", "gift discarded reviewed", IN, NO, EARLY),
    "posted": (IN, ENTERED, IN, NO, "gift posted draft"),
    "reversed": ("gift posted posted reviewed", "gift posted posted reviewed", IN, NO, EARLY),
    "unidentified drafted": (IN, ENTERED, IN, "claim_not_posted", WHOSE),
    "unidentified": (IN, ENTERED, IN, "gift posted reviewed", WHOSE),
    "claim drafted": (IN, ENTERED, IN, NO, EARLY),
    "claim discarded": (IN, ENTERED, IN, "gift posted discarded reviewed", EARLY),
    "claim reversed": (IN, ENTERED, IN, "gift posted posted posted reviewed", EARLY),
    "claimed": (IN, ENTERED, IN, NO, "gift posted posted draft"),
}
#: State → what the list of gifts says of it, where it is called otherwise there.
SHOWN = {
    "unidentified drafted": "unidentified",
    "claim drafted": "posted",
    "claim discarded": "unidentified",
    "claim reversed": "unidentified",
    "claimed": "posted",
}


def bring(office: Office, state: str) -> int:
    """Record a gift of 8.00 and bring it into a state; return its id."""
    known: dict[str, Any] = {"parts": (Part("F2"),)}
    if state == "waiting":
        known = {"stated_purpose": "某村的路"}
    if state.startswith(("unidentified", "claim")):
        known = {"is_unidentified": True}
    entry = GiftEntry(LI, 800, "bank", "B1", TODAY, attachments=(PAPER,), **known)
    gift_id = office.act(service.record_donation, gift=entry, on=TODAY, key="K").id
    if state in ("posted", "reversed", "unidentified") or state.startswith("claim"):
        office.post_all()
    if state.startswith("claim"):
        office.act(claims.claim_unidentified, attachments=(PAPER,), **claim(gift_id))
    if state in ("claimed", "claim reversed"):
        office.post_all()
    if state in ("undrafted", "claim discarded"):
        draft_id = office.drafts("reviewed")[-1].id
        office.ledger.act(drafting.return_draft, "reviewer", draft_id=draft_id, reason="重录")
        office.act(drafting.discard_draft, draft_id=draft_id, reason="重录", on=TODAY)
    if state in ("reversed", "claim reversed"):
        voucher_id = office.drafts("posted")[-1].voucher_id
        red = office.act(corrections.reverse_voucher, voucher_id=voucher_id, on=TODAY)
        office.ledger.run([red])
    return int(gift_id)


def claim(gift_id: int) -> dict[str, Any]:
    """Return what a claim says."""
    return {"donation_id": gift_id, "donor": LI, "parts": [Part("F2")], "reason": "来访", "on": TODAY}


@pytest.mark.parametrize("state", LIFE)
def test_every_act_on_a_gift_in_every_state(office: Office, state: str) -> None:
    gift_id = bring(office, state)
    own, clerk = office.session, office.clerk()
    many: dict[str, Any] = {"actor": clerk, "donation_ids": [gift_id], "on": TODAY}
    refund = NewRefund(
        donation_id=gift_id,
        amount_fen=100,
        on=TODAY,
        place="B1",
        reason="撤回",
        event_key="form:1",
        paper=PAPER,
    )

    def give_back() -> None:
        became = refunds.record_refund(own, actor=clerk, refund=refund, on=TODAY)
        if isinstance(became, Problem):
            raise Refused(became)

    verbs: dict[str, Callable[[], Any]] = {
        "allocate": partial(service.allocate, own, parts=[Part("F3")], **many),
        "draft": partial(service.draft_gift, own, actor=clerk, donation_id=gift_id, on=TODAY),
        "to 220901": partial(service.book_unclaimed, own, **many),
        "claim": partial(claims.claim_unidentified, own, actor=clerk, attachments=(PAPER,), **claim(gift_id)),
        "give back": give_back,
    }

    def now() -> str:
        gift = own.get_one(Donation, (office.org_id, gift_id))
        states = own.scalars(select(Draft.state).order_by(Draft.id)).all()
        return " ".join([gift.nature, *states])

    (row,) = list_gifts(own, office.org_id, GiftFilter())
    assert row.state == SHOWN.get(state, state)
    assert count_in_state(own, office.org_id, row.state) == 1
    found = {act: answer(own, verbs[act], now) for act in ACTS}
    assert found == dict(zip(ACTS, LIFE[state], strict=True))
    assert_sound(office)


def test_the_walk_names_every_state_of_the_list() -> None:
    assert set(GIFT_STATES) - {"held"} <= set(LIFE)
