"""What the pages of receipts share: the blueprint, the press, finding or 404."""

from __future__ import annotations

from flask import Blueprint, abort
from sqlalchemy.orm import Session

from charity.db import Actor, db
from charity.receipts import invoice_queries, queries
from charity.receipts.composing import Press
from charity.web.context import current_actor, settings, today

blueprint = Blueprint("receipts", __name__)


def press() -> Press:
    """Return where issued documents are kept and which address is printed on them."""
    house = settings()
    return Press(house.data_dir, house.public_url, house.is_demo)


def reading() -> Session:
    """Return the request's session, for reading."""
    return db.session()


def me() -> Actor:
    """Return who asks."""
    return current_actor()


def receipt_or_404(number: str) -> queries.ReceiptPage:
    """Return a receipt of the reader's org by number."""
    found = queries.find_receipt(reading(), me().org_id, number)
    if found is None:
        abort(404)
    return found


def gift_or_404(public_no: str) -> queries.GiftRow:
    """Return a gift of the reader's org by number."""
    found = queries.find_gift(reading(), me().org_id, public_no.strip().upper(), today())
    if found is None:
        abort(404)
    return found


def invoice_or_404(code: str, number: str) -> invoice_queries.InvoiceRow:
    """Return an official invoice of the reader's org."""
    found = invoice_queries.find_invoice(reading(), me().org_id, code, number)
    if found is None:
        abort(404)
    return found
