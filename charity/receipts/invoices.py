"""The register of official invoices (公益事业捐赠票据): registered, voided, taken back in red.

They are issued by the finance bureau's platform; here their code, number and check code
are kept beside the gift, so that both can be reconciled. Nothing here draws one.
Source: 财综〔2024〕1号; 慈善法 (2023) art. 38.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, sum_of
from charity.donations.models import Donation
from charity.donations.refunds import load_donation
from charity.donations.standing import posted_fen
from charity.errors import N_, Problem, refuse, refuse_if
from charity.ids import new_id
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_subjects
from charity.oplog.service import record
from charity.receipts import rules
from charity.receipts.models import Invoice
from charity.receipts.service import need

register_acts(
    {
        "receipts.register_invoice": N_("Registered an official invoice"),
        "receipts.void_invoice": N_("Recorded that an official invoice is void"),
        "receipts.red_invoice": N_("Registered a red official invoice"),
    }
)
register_subjects({"invoice": N_("Official invoice")})


@dataclass(frozen=True, slots=True)
class InvoiceEntry:
    """An official invoice as typed from the paper or the platform.

    Attributes:
        amount_fen: above zero; not used for a red one, which takes the whole back.
    """

    invoice_code: str
    invoice_number: str
    check_code: str
    issued_on: date
    amount_fen: int


def invoice_text(invoice_code: str, invoice_number: str) -> str:
    """Return how people name an invoice: ``37060124 0012345678``."""
    return f"{invoice_code} {invoice_number}"


def register_invoice(
    session: Session, *, actor: Actor, donation_id: int, entry: InvoiceEntry, on: date
) -> Invoice:
    """Register an official invoice that the platform issued for a gift.

    Args:
        actor: needs ``receipts.issue``.
        donation_id: the gift it was made out for.
        on: today.

    Raises:
        Refused: ``permission_missing``, ``donation_unknown``, ``invoice_…_wrong``,
            ``invoice_future``, ``invoice_amount``, ``invoice_duplicate``,
            ``invoice_exceeds_gift``.
    """
    need(actor, "receipts.issue")
    donation = load_donation(session, actor.org_id, donation_id)
    refuse_if(_check(session, actor, entry, entry.amount_fen, on))
    invoiced = invoiced_fen(session, actor.org_id, donation.id)
    posted = posted_fen(session, actor.org_id, [donation.id])
    given = posted[donation.id][0] if donation.id in posted else donation.amount_fen
    refuse_if(rules.check_invoice_total(donation.public_no, given, invoiced, entry.amount_fen))
    return _insert(session, actor, donation, entry, entry.amount_fen, None)


def void_invoice(session: Session, *, actor: Actor, invoice_id: int, reason: str) -> Invoice:
    """Record that the platform voided an invoice (作废); its number stays taken.

    Args:
        actor: needs ``receipts.void``.
        reason: kept on the row and in the log.

    Raises:
        Refused: ``permission_missing``, ``invoice_unknown``, ``invoice_not_open``,
            ``invoice_reddened``, ``reason_missing``.
    """
    need(actor, "receipts.void")
    invoice, number = _open_invoice(session, actor, invoice_id, "void")
    words = clean_line(reason, 400)
    if not words:
        raise refuse("reason_missing", "reason")
    invoice.state, invoice.void_reason = "void", words
    invoice.voided_by, invoice.voided_by_name = actor.user_id, clean_line(actor.name, 80)
    invoice.voided_at = actor.at
    session.flush()
    record(
        session,
        actor=actor,
        act="receipts.void_invoice",
        subject_kind="invoice",
        subject_no=number,
        amount_fen=invoice.amount_fen,
        reason=words,
    )
    return invoice


def red_invoice(session: Session, *, actor: Actor, invoice_id: int, entry: InvoiceEntry, on: date) -> Invoice:
    """Register the red invoice with which the platform took an earlier one back, in full.

    Args:
        actor: needs ``receipts.void``.
        invoice_id: the one taken back; it stays registered and names the red one.
        entry: code, number, check code and date of the red one.
        on: today.

    Raises:
        Refused: ``permission_missing``, ``invoice_unknown``, ``invoice_not_open``,
            ``invoice_reddened``, ``invoice_red_early``, ``invoice_duplicate`` and what is
            wrong with the entry.
    """
    need(actor, "receipts.void")
    old, _number = _open_invoice(session, actor, invoice_id, "red")
    problems = _check(session, actor, entry, old.amount_fen, on)
    if entry.issued_on < old.issued_on:
        problems.append(Problem("invoice_red_early", {"on": old.issued_on}, "issued_on"))
    refuse_if(problems)
    donation = load_donation(session, actor.org_id, old.donation_id)
    return _insert(session, actor, donation, entry, -old.amount_fen, old)


def invoiced_fen(session: Session, org_id: int, donation_id: int) -> int:
    """Return what the invoices of a gift come to, red ones taken off, void ones left out."""
    query = select(sum_of(Invoice.amount_fen)).where(
        Invoice.org_id == org_id, Invoice.donation_id == donation_id, Invoice.state != "void"
    )
    return int(session.scalar(query) or 0)


def _check(session: Session, actor: Actor, entry: InvoiceEntry, amount_fen: int, on: date) -> list[Problem]:
    """Return what is wrong with an entry, and whether its number is taken."""
    problems = rules.check_invoice(
        entry.invoice_code, entry.invoice_number, entry.check_code, entry.issued_on, amount_fen, on=on
    )
    gift = session.scalar(
        select(Donation.public_no)
        .join(Invoice, (Invoice.org_id == Donation.org_id) & (Invoice.donation_id == Donation.id))
        .where(
            Invoice.org_id == actor.org_id,
            Invoice.invoice_code == entry.invoice_code,
            Invoice.invoice_number == entry.invoice_number,
        )
    )
    if gift is not None:
        number = invoice_text(entry.invoice_code, entry.invoice_number)
        problems.append(Problem("invoice_duplicate", {"invoice": number, "gift": gift}, "invoice_number"))
    return problems


def _open_invoice(session: Session, actor: Actor, invoice_id: int, act: str) -> tuple[Invoice, str]:
    """Return an invoice on which an act can be done, locked, and how it is named."""
    row = session.scalar(
        select(Invoice)
        .where(Invoice.org_id == actor.org_id, Invoice.id == invoice_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise refuse("invoice_unknown")
    red = session.scalar(
        select(Invoice.id).where(Invoice.org_id == actor.org_id, Invoice.red_of_id == invoice_id)
    )
    number = invoice_text(row.invoice_code, row.invoice_number)
    refuse_if(rules.check_invoice_act(row.state, act, number, is_reddened=red is not None))
    return row, number


def _insert(
    session: Session,
    actor: Actor,
    donation: Donation,
    entry: InvoiceEntry,
    amount_fen: int,
    red_of: Invoice | None,
) -> Invoice:
    """Write an invoice and log it."""
    invoice = Invoice(
        org_id=actor.org_id,
        id=new_id(),
        invoice_code=entry.invoice_code,
        invoice_number=entry.invoice_number,
        check_code=entry.check_code,
        issued_on=entry.issued_on,
        amount_fen=amount_fen,
        state="red" if red_of else "registered",
        red_of_id=red_of.id if red_of else None,
        donation_id=donation.id,
        registered_by=actor.user_id,
        registered_by_name=clean_line(actor.name, 80),
        registered_at=actor.at,
    )
    session.add(invoice)
    session.flush()
    record(
        session,
        actor=actor,
        act="receipts.red_invoice" if red_of else "receipts.register_invoice",
        subject_kind="invoice",
        subject_no=invoice_text(entry.invoice_code, entry.invoice_number),
        gift=donation.public_no,
        amount_fen=amount_fen,
        replaces=invoice_text(red_of.invoice_code, red_of.invoice_number) if red_of else "",
    )
    return invoice
