"""Acts on receipts: issue, void, issue in place, waive.

One verb per act; flushes, never commits. What a receipt says is judged before a number is
used for it, so that no number is lost to a refusal.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.documents.receipt import ReceiptDocument, check_receipt, render_receipt
from charity.donations.models import Donation
from charity.donations.publication import set_receipt_state
from charity.donations.refunds import load_donation
from charity.errors import N_, refuse, refuse_if, register
from charity.ids import new_code, new_id
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels, register_subjects
from charity.oplog.service import record
from charity.receipts import rules
from charity.receipts.composing import Composed, Press, Wording, compose, number_it
from charity.receipts.models import Receipt, ReceiptCounter
from charity.receipts.storage import keep_document

PROBLEMS = register({"reason_missing": N_("Give a reason; it is kept in the operation log.")})
register_acts(
    {
        "receipts.issue": N_("Issued a receipt"),
        "receipts.void": N_("Voided a receipt"),
    }
)
register_subjects({"receipt": N_("Receipt")})
register_labels(
    {
        "gift": N_("Gift"),
        "replaces": N_("In place of"),
    }
)


def need(actor: Actor, permission: str) -> None:
    """Refuse an actor who does not hold a permission."""
    if not actor.may(permission):
        raise refuse("permission_missing", permission=permission)


def load_receipt(session: Session, org_id: int, receipt_id: int) -> Receipt:
    """Return a receipt of these books, locked for change.

    Raises:
        Refused: ``receipt_unknown``.
    """
    row = session.scalar(
        select(Receipt)
        .where(Receipt.org_id == org_id, Receipt.id == receipt_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise refuse("receipt_unknown")
    return row


def valid_receipt(session: Session, org_id: int, donation_id: int) -> Receipt | None:
    """Return the valid receipt of a gift, if it has one."""
    return session.scalar(
        select(Receipt).where(
            Receipt.org_id == org_id, Receipt.donation_id == donation_id, Receipt.state == "issued"
        )
    )


def issue_receipt(
    session: Session,
    *,
    actor: Actor,
    donation_id: int,
    on: date,
    key: str,
    press: Press,
    wording: Wording | None = None,
    batch_id: int | None = None,
    replaces: Receipt | None = None,
) -> Receipt:
    """Issue the receipt of a gift.

    Args:
        actor: needs ``receipts.issue``; printed as 经办人.
        donation_id: a gift whose income line is posted.
        on: the day of issue; its year is that of the number.
        key: of the form or batch; the same key gives the same receipt.
        press: where the issued bytes are kept.
        wording: what the office chose; None for the ordinary.
        batch_id: the batch it is issued in.
        replaces: the voided receipt it stands for.

    Raises:
        Refused: ``permission_missing``, ``donation_unknown``, ``receipt_language_unknown``,
            ``receipt_gift_unposted``, ``receipt_exists``, and what ``check_receipt`` finds.

    Source: 慈善法 (2023) art. 38; design 4 (issued documents are snapshots).
    """
    need(actor, "receipts.issue")
    chosen = wording or Wording()
    refuse_if(rules.check_language(chosen.language))
    # The gift's row is locked first: of two clicks the second finds the receipt of the first.
    donation = load_donation(session, actor.org_id, donation_id)
    known = session.scalar(
        select(Receipt).where(
            Receipt.org_id == actor.org_id,
            Receipt.request_key == key[:60],
            Receipt.donation_id == donation.id,
        )
    )
    if known is not None:
        return known
    if other := valid_receipt(session, actor.org_id, donation_id):
        raise refuse("receipt_exists", gift=donation.public_no, number=other.number)
    composed = compose(session, actor=actor, donation=donation, wording=chosen, on=on, press=press)
    refuse_if(check_receipt(composed.document))
    receipt = _draw(session, actor, donation, composed, press, key, batch_id, replaces)
    _record_issue(session, actor, donation, receipt, composed, replaces)
    return receipt


def _draw(
    session: Session,
    actor: Actor,
    donation: Donation,
    composed: Composed,
    press: Press,
    key: str,
    batch_id: int | None,
    replaces: Receipt | None,
) -> Receipt:
    """Give a receipt its number and codes and write it down."""
    number = _Number(session, actor.org_id, composed.document.issued_on.year)
    verify_code = new_code(rules.VERIFY_CODE_LENGTH)
    document = number_it(
        composed.document,
        number=number.text,
        check_code=new_code(rules.CHECK_CODE_LENGTH),
        verify_url=f"{composed.document.verify_url}/verify/{verify_code}",
        replaces_number=replaces.number if replaces else "",
    )
    return _insert(session, actor, donation, document, number, verify_code, press, key, batch_id, replaces)


def _record_issue(
    session: Session,
    actor: Actor,
    donation: Donation,
    receipt: Receipt,
    composed: Composed,
    replaces: Receipt | None,
) -> None:
    """Mark the gift and log the act."""
    state = "anonymous" if composed.is_nameless else "issued"
    set_receipt_state(
        session, actor=actor, donation_id=donation.id, receipt_state=state, reason=receipt.number
    )
    record(
        session,
        actor=actor,
        act="receipts.issue",
        subject_kind="receipt",
        subject_no=receipt.number,
        gift=donation.public_no,
        amount_fen=receipt.amount_fen,
        replaces=replaces.number if replaces else "",
    )


class _Number:
    """The next number of a year, taken in the transaction that uses it."""

    def __init__(self, session: Session, org_id: int, year: int) -> None:
        """Raise the counter by one; a rollback lowers it again, so no number is lost."""
        step = (
            update(ReceiptCounter)
            .where(ReceiptCounter.org_id == org_id, ReceiptCounter.year == year)
            .values(last_no=ReceiptCounter.last_no + 1)
            .returning(ReceiptCounter.last_no)
            .execution_options(synchronize_session=False)
        )
        found = session.scalar(step)
        if found is None:
            dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            first = dialect.insert(ReceiptCounter).values(org_id=org_id, year=year, last_no=0)
            session.execute(first.on_conflict_do_nothing())
            found = session.scalar(step)
        self.year, self.sequence = year, int(found or 0)
        self.text = rules.receipt_number(year, self.sequence)


def _insert(
    session: Session,
    actor: Actor,
    donation: Donation,
    document: ReceiptDocument,
    number: _Number,
    verify_code: str,
    press: Press,
    key: str,
    batch_id: int | None,
    replaces: Receipt | None,
) -> Receipt:
    """Draw the receipt, keep its bytes, write its row."""
    receipt = Receipt(
        org_id=actor.org_id,
        id=new_id(),
        year=number.year,
        sequence=number.sequence,
        number=number.text,
        check_code=document.check_code,
        verify_code=verify_code,
        donation_id=donation.id,
        state="issued",
        snapshot=document.to_json(),
        snapshot_sha256=document.sha256,
        bytes_sha256=keep_document(press.data_dir, render_receipt(document)),
        language=document.language,
        amount_fen=document.amount_fen,
        issued_on=document.issued_on,
        issued_by=actor.user_id,
        issued_by_name=clean_line(actor.name, 80),
        issued_at=actor.at,
        reissued_from_id=replaces.id if replaces else None,
        batch_id=batch_id,
        request_key=key[:60],
    )
    session.add(receipt)
    session.flush()
    return receipt


def void_receipt(session: Session, *, actor: Actor, receipt_id: int, reason: str) -> Receipt:
    """Void a receipt; it keeps its number, and its gift waits for a receipt again.

    Args:
        actor: needs ``receipts.void``.
        reason: kept on the receipt and in the log.

    Raises:
        Refused: ``permission_missing``, ``receipt_unknown``, ``receipt_void``, ``reason_missing``.

    Source: 会计法 (2024) art. 14; 会计基础工作规范 art. 55 (作废 keeps the form).
    """
    need(actor, "receipts.void")
    receipt = load_receipt(session, actor.org_id, receipt_id)
    refuse_if(rules.check_void(receipt.state, receipt.number))
    words = clean_line(reason, 400)
    if not words:
        raise refuse("reason_missing", "reason")
    receipt.state, receipt.void_reason = "void", words
    receipt.voided_by, receipt.voided_by_name = actor.user_id, clean_line(actor.name, 80)
    receipt.voided_at = actor.at
    donation = load_donation(session, actor.org_id, receipt.donation_id)
    donation.receipt_state = "none"
    donation.version += 1
    session.flush()
    record(
        session,
        actor=actor,
        act="receipts.void",
        subject_kind="receipt",
        subject_no=receipt.number,
        gift=donation.public_no,
        amount_fen=receipt.amount_fen,
        reason=words,
    )
    return receipt


def reissue_receipt(
    session: Session,
    *,
    actor: Actor,
    receipt_id: int,
    on: date,
    key: str,
    press: Press,
    wording: Wording | None = None,
) -> Receipt:
    """Issue another receipt in place of a voided one; each names the other.

    Args:
        actor: needs ``receipts.issue``; who voids is somebody else by their roles.
        receipt_id: the voided one.

    Raises:
        Refused: ``receipt_unknown``, ``receipt_not_void``, ``receipt_replaced`` and all of
            :func:`issue_receipt`.
    """
    need(actor, "receipts.issue")
    old = load_receipt(session, actor.org_id, receipt_id)
    later = replacement(session, old)
    if later is None or later.request_key != key[:60]:
        refuse_if(rules.check_reissue(old.state, old.number, later.number if later else ""))
    return issue_receipt(
        session,
        actor=actor,
        donation_id=old.donation_id,
        on=on,
        key=key,
        press=press,
        wording=wording or Wording(language=old.language),
        replaces=old,
    )


def replacement(session: Session, receipt: Receipt) -> Receipt | None:
    """Return the receipt issued in place of another, if there is one."""
    return session.scalar(
        select(Receipt)
        .where(Receipt.org_id == receipt.org_id, Receipt.reissued_from_id == receipt.id)
        .order_by(Receipt.id.desc())
        .limit(1)
    )


def waive_receipt(session: Session, *, actor: Actor, donation_id: int, kind: str, reason: str) -> Donation:
    """Record that a gift goes without a receipt: the giver is unknown, or waives it.

    Args:
        actor: needs ``receipts.issue``.
        kind: ``anonymous`` or ``waived``.
        reason: e.g. the donor's word; kept in the log.

    Raises:
        Refused: ``permission_missing``, ``receipt_waiver_kind``, ``receipt_gift_has_one``,
            ``reason_missing``, ``donation_unknown``.

    Source: 慈善法 (2023) art. 38: anonymous and waived receipts are put on record.
    """
    need(actor, "receipts.issue")
    if kind not in ("anonymous", "waived"):
        raise refuse("receipt_waiver_kind", "kind")
    donation = load_donation(session, actor.org_id, donation_id)
    if receipt := valid_receipt(session, actor.org_id, donation_id):
        raise refuse("receipt_gift_has_one", gift=donation.public_no, number=receipt.number)
    set_receipt_state(session, actor=actor, donation_id=donation_id, receipt_state=kind, reason=reason)
    return donation
