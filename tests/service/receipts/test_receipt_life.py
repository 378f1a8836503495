"""The lives of receipts, of gifts that want one, and of official invoices walked whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from charity.donations.models import Donation
from charity.receipts import handing, invoices, rules, service
from charity.receipts.invoices import InvoiceEntry
from charity.receipts.models import Invoice, Receipt
from tests.receipting import Desk
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

ACTS = ("void", "reissue", "hand over", "mail")
#: State of a receipt → answer to each of ``ACTS``: the states of the gift's receipts, oldest first.
#: A void one is still handed over, marked as void.
RECEIPTS = {
    "issued": ("void", "receipt_not_void", "issued", "issued"),
    "void": ("receipt_void", "void issued", "void", "receipt_void"),
    "replaced": ("receipt_void", "receipt_replaced", "void issued", "receipt_void"),
    "void beside another": ("receipt_void", "receipt_exists", "void issued", "receipt_void"),
}


@pytest.mark.parametrize("state", RECEIPTS)
def test_every_act_on_a_receipt_in_every_state(desk: Desk, state: str) -> None:
    gift = desk.give()
    receipt = desk.issue(gift)
    again = {"receipt_id": receipt.id, "on": desk.on, "press": desk.press}
    if state != "issued":
        desk.void(receipt)
    if state == "replaced":
        desk.run(service.reissue_receipt, key="first", **again)
    if state == "void beside another":
        desk.issue(gift)
    own, clerk, reviewer = desk.session, desk.clerk(), desk.reviewer()
    one = {"receipt_id": receipt.id}
    verbs: dict[str, Callable[[], Any]] = {
        "void": partial(service.void_receipt, own, actor=reviewer, reason="金额有误", **one),
        "reissue": partial(service.reissue_receipt, own, actor=clerk, key="next", **again),
        "hand over": partial(handing.copy_of, own, actor=clerk, act="download", press=desk.press, **one),
        "mail": partial(handing.mail_receipt, own, actor=clerk, to="a@b.cn", press=desk.press, **one),
    }

    def now() -> str:
        return " ".join(own.scalars(select(Receipt.state).order_by(Receipt.id)))

    found = tuple(answer(own, verbs[act], now) for act in ACTS)
    assert found == RECEIPTS[state]
    assert set(rules.STATES) <= set(RECEIPTS)


ONE = "receipt_gift_has_one"
#: What is on record of a gift's receipt → answer to issuing one, and to putting on record that
#: there is none: an anonymous giver, one who waives it.
GIFTS = {
    "none": ("issued", "anonymous", "waived"),
    "issued": ("receipt_exists", ONE, ONE),
    "anonymous": ("issued", "anonymous", "waived"),
    "waived": ("issued", "anonymous", "waived"),
}


@pytest.mark.parametrize("state", GIFTS)
def test_every_act_on_a_gift_that_wants_a_receipt(desk: Desk, state: str) -> None:
    """Whoever waived a receipt may ask for it later."""
    gift = desk.give()
    waive = {"donation_id": gift.id, "reason": "捐赠人声明"}
    if state == "issued":
        desk.issue(gift)
    if state in ("anonymous", "waived"):
        desk.run(service.waive_receipt, kind=state, **waive)
    own, clerk = desk.session, desk.clerk()
    issue = {"donation_id": gift.id, "on": desk.on, "key": "k", "press": desk.press}
    verbs: list[Callable[[], Any]] = [
        partial(service.issue_receipt, own, actor=clerk, **issue),
        partial(service.waive_receipt, own, actor=clerk, kind="anonymous", **waive),
        partial(service.waive_receipt, own, actor=clerk, kind="waived", **waive),
    ]

    def now() -> str:
        return own.get_one(Donation, (desk.org_id, gift.id)).receipt_state

    assert tuple(answer(own, verb, now) for verb in verbs) == GIFTS[state]


ENTRY = InvoiceEntry("37060126", "0000000001", "a1b2c3", date(2026, 3, 18), 50_000)
SHUT, REDDENED = "invoice_not_open", "invoice_reddened"
#: State of an invoice → answer to voiding it, taking it back by a red one, and registering another
#: for the same gift: the states of the gift's invoices, oldest first.
INVOICES = {
    "registered": ("void", "registered red", "invoice_exceeds_gift"),
    "void": (SHUT, SHUT, "void registered"),
    "taken back": (REDDENED, REDDENED, "registered red registered"),
    "red": (SHUT, SHUT, "registered red registered"),
}


@pytest.mark.parametrize("state", INVOICES)
def test_every_act_on_an_invoice_in_every_state(desk: Desk, state: str) -> None:
    gift = desk.give()
    first = desk.run(invoices.register_invoice, donation_id=gift.id, entry=ENTRY, on=desk.on)
    key, reviewer = first.id, desk.reviewer()
    red = replace(ENTRY, invoice_number="0000000002")
    if state == "void":
        desk.run(invoices.void_invoice, actor=reviewer, invoice_id=key, reason="抬头有误")
    if state in ("taken back", "red"):
        second = desk.run(invoices.red_invoice, actor=reviewer, invoice_id=key, entry=red, on=desk.on)
        key = second.id if state == "red" else key
    own = desk.session
    other, back = (replace(ENTRY, invoice_number=f"000000000{number}") for number in (3, 4))
    verbs: list[Callable[[], Any]] = [
        partial(invoices.void_invoice, own, actor=reviewer, invoice_id=key, reason="抬头有误"),
        partial(invoices.red_invoice, own, actor=reviewer, invoice_id=key, entry=back, on=desk.on),
        partial(
            invoices.register_invoice,
            own,
            actor=desk.clerk(),
            donation_id=gift.id,
            entry=other,
            on=desk.on,
        ),
    ]

    def now() -> str:
        return " ".join(own.scalars(select(Invoice.state).order_by(Invoice.id)))

    assert tuple(answer(own, verb, now) for verb in verbs) == INVOICES[state]
    assert set(rules.INVOICE_STATES) <= set(INVOICES)
