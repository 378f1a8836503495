"""Promises to give (承诺): a register beside the books; gifts reduce them (P12).

Imports ``db`` and lower and this feature. No promise ever makes a voucher line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.matching import find_or_make_donors
from charity.donations.models import Donor, Pledge
from charity.donations.service import DonorEntry, need
from charity.errors import N_, refuse, register
from charity.ids import new_id, new_public_no
from charity.money import MAX_FEN, format_yuan
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_subjects
from charity.oplog.service import record

PROBLEMS = register(
    {
        "pledge_amount": N_("A promise is for more than zero and at most %(most)s yuan."),
        "pledge_future": N_("%(on)s is after today; give the day on which it was promised."),
        "pledge_due": N_("The money cannot be due before it was promised."),
        "pledge_ended": N_("This promise has been withdrawn already."),
    }
)
register_acts(
    {
        "donations.pledge": N_("Recorded a promise"),
        "donations.withdraw_pledge": N_("Recorded that a promise was withdrawn"),
    }
)
register_subjects({"pledge": N_("Promise")})


@dataclass(frozen=True, slots=True)
class PledgeEntry:
    """A promise as typed; ``donor`` is left aside when ``donor_id`` names one that is known."""

    donor: DonorEntry
    amount_fen: int
    promised_on: date
    due_on: date | None = None
    donor_id: int | None = None
    stated_purpose: str = ""
    agreement_ref: str = ""
    attachments: tuple[str, ...] = ()


def record_pledge(session: Session, *, actor: Actor, pledge: PledgeEntry, on: date, key: str) -> Pledge:
    """Record a promise; it makes no entry in the books.

    Args:
        actor: needs ``donations.record``.
        pledge: as typed.
        on: today.
        key: the form's key; the same key gives the same promise.

    Raises:
        Refused: ``pledge_amount``, ``pledge_future``, ``pledge_due``, ``gift_donor_unknown``
            and what is wrong with the donor.

    Source: posting rule P12.
    """
    need(actor, "donations.record")
    event_key = f"form:{key}"
    known = session.scalar(select(Pledge).where(Pledge.org_id == actor.org_id, Pledge.event_key == event_key))
    if known is not None:
        return known
    if not 0 < pledge.amount_fen <= MAX_FEN:
        raise refuse("pledge_amount", "amount", most=format_yuan(MAX_FEN))
    if pledge.promised_on > on:
        raise refuse("pledge_future", "promised_on", on=pledge.promised_on)
    if pledge.due_on is not None and pledge.due_on < pledge.promised_on:
        raise refuse("pledge_due", "due_on")
    donor_id = pledge.donor_id
    if donor_id is None:
        donor_id = find_or_make_donors(session, actor=actor, facts=[pledge.donor.facts()])[0]
    elif session.get(Donor, (actor.org_id, donor_id)) is None:
        raise refuse("gift_donor_unknown", "donor_id")
    row = Pledge(
        org_id=actor.org_id,
        id=new_id(),
        public_no=new_public_no("C"),
        donor_id=donor_id,
        amount_fen=pledge.amount_fen,
        promised_on=pledge.promised_on,
        due_on=pledge.due_on,
        stated_purpose=clean_line(pledge.stated_purpose, 400),
        agreement_ref=clean_line(pledge.agreement_ref, 120),
        attachments=list(pledge.attachments),
        event_key=event_key,
        recorded_by=actor.user_id,
        recorded_at=actor.at,
    )
    session.add(row)
    session.flush()
    record(
        session,
        actor=actor,
        act="donations.pledge",
        subject_kind="pledge",
        subject_no=row.public_no,
        amount_fen=row.amount_fen,
    )
    return row


def withdraw_pledge(session: Session, *, actor: Actor, pledge_id: int, reason: str) -> Pledge:
    """Record that nothing more of a promise will come; what came stays.

    Raises:
        Refused: ``pledge_unknown``, ``pledge_ended``, ``reason_missing``.
    """
    need(actor, "donations.record")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    row = session.get(Pledge, (actor.org_id, pledge_id), with_for_update=True)
    if row is None:
        raise refuse("pledge_unknown")
    if row.state != "open":
        raise refuse("pledge_ended")
    row.state, row.withdrawn_reason = "withdrawn", clean_line(reason, 400)
    session.flush()
    record(
        session,
        actor=actor,
        act="donations.withdraw_pledge",
        subject_kind="pledge",
        subject_no=row.public_no,
        reason=row.withdrawn_reason,
    )
    return row
