"""Official invoices are registered once, never exceed their gift, and are voided or taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError

from charity.errors import Refused
from charity.receipts import invoice_queries, invoices
from charity.receipts.invoices import InvoiceEntry
from charity.receipts.models import Invoice
from tests.receipting import VOIDS, Desk

ENTRY = InvoiceEntry("37060126", "0000000001", "a1b2c3", date(2026, 3, 18), 50_000)


def register(desk: Desk, donation_id: int, entry: InvoiceEntry = ENTRY, **values: Any) -> Invoice:
    return desk.run(invoices.register_invoice, donation_id=donation_id, entry=entry, on=desk.on, **values)


def refusal(desk: Desk, verb: Any, **values: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        desk.run(verb, **values)
    desk.session.rollback()
    return caught.value.codes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"invoice_code": "37A"}, "invoice_code_wrong"),
        ({"invoice_number": "12"}, "invoice_number_wrong"),
        ({"check_code": "!"}, "invoice_check_code_wrong"),
        ({"issued_on": date(2026, 3, 19)}, "invoice_future"),
        ({"amount_fen": 0}, "invoice_amount"),
        ({"amount_fen": 50_001}, "invoice_exceeds_gift"),
    ],
)
def test_a_wrong_invoice_is_refused(desk: Desk, change: dict[str, Any], code: str) -> None:
    gift = desk.give()
    entry = replace(ENTRY, **change)
    values = {"donation_id": gift.id, "entry": entry, "on": desk.on}
    assert refusal(desk, invoices.register_invoice, **values) == [code]


def test_a_number_is_registered_once(desk: Desk) -> None:
    register(desk, desk.give().id)
    values = {"donation_id": desk.give().id, "entry": ENTRY, "on": desk.on}
    assert refusal(desk, invoices.register_invoice, **values) == ["invoice_duplicate"]


def test_invoices_never_exceed_their_gift(desk: Desk) -> None:
    gift = desk.give()
    register(desk, gift.id, replace(ENTRY, amount_fen=30_000))
    second = replace(ENTRY, invoice_number="0000000002", amount_fen=20_001)
    values = {"donation_id": gift.id, "entry": second, "on": desk.on}
    assert refusal(desk, invoices.register_invoice, **values) == ["invoice_exceeds_gift"]
    register(desk, gift.id, replace(second, amount_fen=20_000))


def test_a_void_invoice_makes_room(desk: Desk) -> None:
    gift = desk.give()
    first = register(desk, gift.id)
    values = {"actor": desk.reviewer(), "invoice_id": first.id}
    assert refusal(desk, invoices.void_invoice, **values, reason="") == ["reason_missing"]
    desk.run(invoices.void_invoice, **values, reason="开错")
    assert refusal(desk, invoices.void_invoice, **values, reason="开错") == ["invoice_not_open"]
    register(desk, gift.id, replace(ENTRY, invoice_number="0000000002"))


def test_a_red_invoice_takes_one_back_once(desk: Desk) -> None:
    gift = desk.give()
    first = register(desk, gift.id)
    red = replace(ENTRY, invoice_number="0000000002")
    values = {"actor": desk.reviewer(), "invoice_id": first.id, "on": desk.on}
    made = desk.run(invoices.red_invoice, **values, entry=red)
    assert (made.state, made.amount_fen, made.red_of_id) == ("red", -50_000, first.id)
    assert invoices.invoiced_fen(desk.session, desk.org_id, gift.id) == 0
    third = replace(ENTRY, invoice_number="0000000003")
    assert refusal(desk, invoices.red_invoice, **values, entry=third) == ["invoice_reddened"]
    again = {"actor": desk.reviewer(), "invoice_id": made.id, "on": desk.on, "entry": third}
    assert refusal(desk, invoices.red_invoice, **again) == ["invoice_not_open"]
    rows = invoice_queries.invoices_of_gift(desk.session, desk.org_id, gift.id)
    assert [(r.red_of, r.reddened_by) for r in rows] == [
        ("", "37060126 0000000002"),
        ("37060126 0000000001", ""),
    ]


def test_a_red_invoice_is_not_older_than_the_first(desk: Desk) -> None:
    first = register(desk, desk.give().id)
    red = replace(ENTRY, invoice_number="0000000002", issued_on=date(2026, 3, 17))
    values = {"actor": desk.reviewer(), "invoice_id": first.id, "on": desk.on, "entry": red}
    assert refusal(desk, invoices.red_invoice, **values) == ["invoice_red_early"]


def test_an_unknown_invoice_is_refused(desk: Desk) -> None:
    values = {"actor": desk.reviewer(), "invoice_id": 1, "reason": "x"}
    assert refusal(desk, invoices.void_invoice, **values) == ["invoice_unknown"]


def test_registering_and_voiding_are_two_permissions(desk: Desk) -> None:
    gift = desk.give()
    first = register(desk, gift.id)
    reviewer = desk.clerk(VOIDS)
    values = {"donation_id": gift.id, "entry": ENTRY, "on": desk.on}
    assert refusal(desk, invoices.register_invoice, actor=reviewer, **values) == ["permission_missing"]
    assert refusal(desk, invoices.void_invoice, invoice_id=first.id, reason="x") == ["permission_missing"]
    red = {"invoice_id": first.id, "entry": ENTRY, "on": desk.on}
    assert refusal(desk, invoices.red_invoice, **red) == ["permission_missing"]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE receipts_invoice SET amount_fen = 1", "DELETE FROM receipts_invoice"],
)
def test_the_database_keeps_the_register(desk: Desk, owner_connection: Connection, statement: str) -> None:
    register(desk, desk.give().id)
    desk.session.rollback()
    with pytest.raises(DatabaseError):
        owner_connection.execute(text(statement))
