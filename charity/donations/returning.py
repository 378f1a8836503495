"""Finding what a row of a file gives back, or is already, when the file does not name it.

Imports ``db`` and lower, the ledger, imports and this feature; reads only. One gift that fits
is an answer; none, or several, is a question to a person.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.donations.models import Donation, Donor, Refund
from charity.imports.models import ImportFile, ImportRow
from charity.ledger.models import Draft, MoneyPlace
from charity.names import fold_text

#: How long after a gift its return is looked for.
GIFT_DAYS = 366


@dataclass(frozen=True, slots=True)
class Given:
    """A gift that a row gives back: its key and its number."""

    id: int
    number: str


def find_gift(
    session: Session, org_id: int, *, place: str, name: str, amount_fen: int, on: date
) -> Given | None:
    """Return the one gift of this giver and amount, at this place, of which nothing was given back.

    Args:
        place: code of the bank account.
        name: of the other side.
        amount_fen: in fen.
        on: the day it went out; gifts of the last ``GIFT_DAYS`` are looked at.

    Returns:
        None when there is none, or several, so that a person must say.
    """
    folded = fold_text(name)[:200]
    if not folded:
        return None
    gone = select(Refund.donation_id).join(
        Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id)
    )
    gone = gone.where(Refund.org_id == org_id, Draft.state != "discarded")
    rows = session.execute(
        select(Donation.id, Donation.public_no)
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .join(
            MoneyPlace,
            (MoneyPlace.org_id == Donation.org_id) & (MoneyPlace.id == Donation.money_place_id),
        )
        .where(
            Donation.org_id == org_id,
            MoneyPlace.code == place,
            Donation.nature == "gift",
            Donation.amount_fen == amount_fen,
            Donation.received_on.between(on - timedelta(days=GIFT_DAYS), on),
            Donor.folded == folded,
            Donation.id.not_in(gone),
        )
        .limit(2)
    ).all()
    return Given(*rows[0]) if len(rows) == 1 else None


def other_refund(
    session: Session, org_id: int, *, gift: str, amount_fen: int, on: date, file_id: int
) -> bool:
    """Say whether this sum was given back of a gift on this day already, by another file or by hand.

    Two kinds of bill of one platform may name one refund by two numbers.
    """
    found = session.scalar(
        select(Refund.id)
        .join(Donation, (Donation.org_id == Refund.org_id) & (Donation.id == Refund.donation_id))
        .join(Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id))
        .where(
            Refund.org_id == org_id,
            Donation.public_no == gift,
            Refund.amount_fen == amount_fen,
            Refund.refunded_on == on,
            Draft.state != "discarded",
            Draft.batch_id.is_distinct_from(file_id),
        )
        .limit(1)
    )
    return found is not None


#: Day, fen and whether money came in: what two forms of one movement have in common.
Movement = tuple[date, int, bool]


def booked_elsewhere(
    session: Session, org_id: int, *, place: str, form: str, days: Collection[date]
) -> dict[Movement, str]:
    """Return the movements of a bank account that files of another form booked on these days.

    Two forms of one account's statement share neither clock nor balance nor always a
    reference, so that no fingerprint of a row tells that it is the same movement.

    Returns:
        movement → name of the file that booked it.
    """
    if not place or not days:
        return {}
    files = dict(
        session.execute(
            select(ImportFile.id, ImportFile.name).where(
                ImportFile.org_id == org_id,
                ImportFile.place == place,
                ImportFile.form != form,
                ImportFile.first_on <= max(days),
                ImportFile.last_on >= min(days),
            )
        ).all()
    )
    rows = session.execute(
        select(ImportRow.file_id, ImportRow.on, ImportRow.amount_fen, ImportRow.is_credit).where(
            ImportRow.org_id == org_id,
            ImportRow.file_id.in_(files),
            ImportRow.state == "booked",
            ImportRow.on.in_(set(days)),
        )
    )
    return {(row.on, row.amount_fen, row.is_credit): files[row.file_id] for row in rows if row.on}
