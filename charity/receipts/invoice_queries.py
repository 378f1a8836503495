"""Reads of the register of official invoices (公益事业捐赠票据).

Reads → frozen dataclasses; the donor's name is not among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from charity.donations.models import Donation
from charity.receipts.models import Invoice
from charity.receipts.queries import PAGE_ROWS, like_pattern


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One official invoice of the register; the amount in fen, negative on a red one.

    Attributes:
        red_of: code and number of the one it takes back; empty for none.
        reddened_by: code and number of the one that took it back; empty for none.
        gift_fen: amount of the gift it was made out for.
    """

    id: int
    invoice_code: str
    invoice_number: str
    check_code: str
    issued_on: date
    amount_fen: int
    state: str
    gift: str
    gift_fen: int
    red_of: str
    reddened_by: str
    registered_by_name: str
    void_reason: str


def _invoices(org_id: int) -> Select[*tuple[Any, ...]]:
    """Return the query of invoices with their gifts and red counterparts."""
    old, red = aliased(Invoice), aliased(Invoice)
    return (
        select(
            Invoice,
            Donation.public_no,
            Donation.amount_fen,
            old.invoice_code + " " + old.invoice_number,
            red.invoice_code + " " + red.invoice_number,
        )
        .join(Donation, (Donation.org_id == Invoice.org_id) & (Donation.id == Invoice.donation_id))
        .outerjoin(old, (old.org_id == Invoice.org_id) & (old.id == Invoice.red_of_id))
        .outerjoin(red, (red.org_id == Invoice.org_id) & (red.red_of_id == Invoice.id))
        .where(Invoice.org_id == org_id)
    )


def _invoice_row(row: Any) -> InvoiceRow:
    """Return an invoice as a row of the register."""
    invoice, gift, gift_fen, red_of, reddened_by = row
    return InvoiceRow(
        id=invoice.id,
        invoice_code=invoice.invoice_code,
        invoice_number=invoice.invoice_number,
        check_code=invoice.check_code,
        issued_on=invoice.issued_on,
        amount_fen=invoice.amount_fen,
        state=invoice.state,
        gift=gift,
        gift_fen=gift_fen,
        red_of=red_of or "",
        reddened_by=reddened_by or "",
        registered_by_name=invoice.registered_by_name,
        void_reason=invoice.void_reason,
    )


def list_invoices(
    session: Session,
    org_id: int,
    *,
    text: str = "",
    state: str = "",
    before: int | None = None,
    limit: int = PAGE_ROWS,
) -> list[InvoiceRow]:
    """Return the register, last registered first.

    Args:
        text: part of the number, or the number of the gift; empty for all.
        state: a key of ``rules.INVOICE_STATES``; empty for all.
        before: key of the last row of the page before.
    """
    query = _invoices(org_id)
    if text:
        pattern = like_pattern(text.strip())
        query = query.where(
            or_(Invoice.invoice_number.like(pattern, escape="\\"), Donation.public_no == text.upper())
        )
    if state:
        query = query.where(Invoice.state == state)
    if before is not None:
        query = query.where(Invoice.id < before)
    return [_invoice_row(row) for row in session.execute(query.order_by(Invoice.id.desc()).limit(limit))]


def find_invoice(session: Session, org_id: int, code: str, number: str) -> InvoiceRow | None:
    """Return one invoice by code and number; None when there is none."""
    query = _invoices(org_id).where(Invoice.invoice_code == code, Invoice.invoice_number == number)
    row = session.execute(query).first()
    return _invoice_row(row) if row is not None else None


def invoices_of_gift(session: Session, org_id: int, donation_id: int) -> list[InvoiceRow]:
    """Return the official invoices of one gift, first registered first."""
    query = _invoices(org_id).where(Invoice.donation_id == donation_id).order_by(Invoice.id)
    return [_invoice_row(row) for row in session.execute(query)]
