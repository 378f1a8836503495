"""Handing receipts over: the issued bytes first, marked copies afterwards; each is logged.

Only the log of handings-over decides what is a copy, so that no first one comes out as a
duplicate. Flushes, never commits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.documents.receipt import ReceiptDocument, render_receipt
from charity.errors import N_, refuse, refuse_if
from charity.messages.addresses import parse_email
from charity.messages.service import File, send_mail
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record
from charity.places.models import Org
from charity.receipts import rules
from charity.receipts.composing import Press, org_url
from charity.receipts.models import Receipt, ReceiptPrint
from charity.receipts.service import load_receipt, need
from charity.receipts.storage import read_document
from charity.sealed import keyed_hash

register_acts(
    {
        "receipts.hand_over": N_("Handed a receipt over"),
        "receipts.mail": N_("Sent a receipt by mail"),
    }
)
register_labels(
    {
        "is_copy": N_("Marked as a copy"),
        "to_email_hash": N_("Mail address (keyed hash)"),
    }
)


@dataclass(frozen=True, slots=True)
class IssuedFile:
    """A receipt as handed over.

    Attributes:
        name: file name.
        data: the PDF.
        is_copy: whether it is marked 补打.
        is_void: whether it is marked 作废.
    """

    name: str
    data: bytes
    is_copy: bool
    is_void: bool


def original_bytes(receipt: Receipt, press: Press) -> bytes:
    """Return the issued bytes of a receipt.

    Raises:
        Refused: ``receipt_bytes_missing``, ``receipt_bytes_changed``.
    """
    data = read_document(press.data_dir, receipt.bytes_sha256)
    if data is None:
        raise refuse("receipt_bytes_missing", number=receipt.number)
    if hashlib.sha256(data).hexdigest() != receipt.bytes_sha256:
        raise refuse("receipt_bytes_changed", number=receipt.number)
    return data


def log_print(session: Session, *, actor: Actor, receipt: Receipt, act: str) -> bool:
    """Write that a receipt is handed over; return whether this is a copy of what was before.

    The receipt's row must be locked, or two first copies would both be the original.
    """
    earlier = session.scalar(
        select(func.count())
        .select_from(ReceiptPrint)
        .where(ReceiptPrint.org_id == receipt.org_id, ReceiptPrint.receipt_id == receipt.id)
    )
    position = int(earlier or 0) + 1
    session.add(
        ReceiptPrint(
            org_id=receipt.org_id,
            receipt_id=receipt.id,
            position=position,
            act=act,
            is_copy=position > 1,
            printed_by=actor.user_id,
            printed_by_name=clean_line(actor.name, 80),
            printed_at=actor.at,
        )
    )
    session.flush()
    return position > 1


def copy_of(
    session: Session, *, actor: Actor, receipt_id: int, press: Press, act: str = "download"
) -> IssuedFile:
    """Return a receipt to hand over: the issued bytes first, marked copies afterwards.

    Only the log of handings-over decides; a void receipt always comes out marked 作废.

    Args:
        actor: needs ``receipts.issue`` or ``receipts.void``.
        act: a key of ``rules.ACTS``.

    Raises:
        Refused: ``permission_missing``, ``receipt_unknown``, ``receipt_bytes_missing``,
            ``receipt_bytes_changed``.
    """
    if not actor.may("receipts.void"):
        need(actor, "receipts.issue")
    receipt = load_receipt(session, actor.org_id, receipt_id)
    is_void = receipt.state == "void"
    is_copy = log_print(session, actor=actor, receipt=receipt, act=act)
    if is_copy or is_void:
        document = ReceiptDocument.from_json(receipt.snapshot)
        data = render_receipt(document, copy=is_copy, void=is_void)
    else:
        data = original_bytes(receipt, press)
    record(
        session,
        actor=actor,
        act="receipts.hand_over",
        subject_kind="receipt",
        subject_no=receipt.number,
        is_copy=is_copy,
    )
    return IssuedFile(f"{receipt.number}.pdf", data, is_copy, is_void)


def mail_receipt(session: Session, *, actor: Actor, receipt_id: int, to: str, press: Press) -> IssuedFile:
    """Send a valid receipt to the donor; the mail waits in the outbox for its worker.

    Args:
        actor: needs ``receipts.issue``.
        to: one mail address; logged as a keyed hash only.

    Raises:
        Refused: ``permission_missing``, ``receipt_unknown``, ``receipt_void``,
            ``email_malformed`` and those of :func:`copy_of`.
    """
    need(actor, "receipts.issue")
    receipt = load_receipt(session, actor.org_id, receipt_id)
    refuse_if(rules.check_void(receipt.state, receipt.number))
    address = parse_email(to)
    org = session.get_one(Org, actor.org_id)
    file = copy_of(session, actor=actor, receipt_id=receipt_id, press=press, act="mail")
    root = org_url(org, press.public_url)
    words = rules.MAIL_WORDS[receipt.language]
    values = {
        "number": receipt.number,
        "url": f"{root}/verify/{receipt.verify_code}",
        "lookup": f"{root}/lookup?number={receipt.number}",
        "org": org.name_en if receipt.language == "en" and org.name_en else org.name,
    }
    send_mail(
        session,
        actor=actor,
        to=address,
        subject=words.subject.format(**values),
        body=words.body.format(**values),
        files=[File(file.name, "application/pdf", file.data)],
    )
    record(
        session,
        actor=actor,
        act="receipts.mail",
        subject_kind="receipt",
        subject_no=receipt.number,
        is_copy=file.is_copy,
        to_email_hash=keyed_hash(address),
    )
    return file
