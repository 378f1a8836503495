"""What is held about one person, gathered for the copy the person is handed.

Reads donors, gifts, receipts and logins; the shape of the file is a list of sections in
the order of ``rules.HOLDINGS``, each with its rows, so that a person can read it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.donations.donor_queries import donor_id_of
from charity.donations.models import Donation, Donor, DonorIdentifier
from charity.money import format_yuan
from charity.oplog.models import OpLogEntry
from charity.privacy import rules
from charity.receipts.models import Receipt
from charity.users.door_models import OpenSession
from charity.users.factors import factors_of
from charity.users.models import Membership, RoleGrant, User

Row = dict[str, Any]
#: Kinds of number that vouchers and invoices rest on; the others only reach a person.
TAX_NUMBERS = frozenset({"id_number", "credit_code"})


def subject_id(session: Session, org_id: int, kind: str, number: str) -> int | None:
    """Return the key of a person by kind and number; None when there is none in the org."""
    if kind == "donor":
        found = donor_id_of(session, org_id, number)
        shared = session.scalar(
            select(Donor.shared_key).where(Donor.org_id == org_id, Donor.id == (found or 0))
        )
        return None if shared else found
    return session.scalar(
        select(User.id)
        .join(Membership, Membership.user_id == User.id)
        .where(User.username == number.strip().casefold(), Membership.org_id == org_id)
        .limit(1)
    )


def merged_ids(session: Session, org_id: int, donor_id: int) -> Sequence[int]:
    """Return a donor's key and those found to be the same donor."""
    query = select(Donor.id).where(Donor.org_id == org_id, Donor.root_id == donor_id)
    return sorted({donor_id, *session.scalars(query)})


def first_year(session: Session, org_id: int, kind: str, key: int) -> int:
    """Return the first year of which something is held about a person: a gift, or the record itself."""
    if kind != "donor":
        return session.get_one(User, key).created_at.year
    ids = merged_ids(session, org_id, key)
    made = session.scalar(select(func.min(Donor.made_at)).where(Donor.org_id == org_id, Donor.id.in_(ids)))
    given = session.scalar(
        select(func.min(Donation.received_on)).where(Donation.org_id == org_id, Donation.donor_id.in_(ids))
    )
    return min(day.year for day in (made, given) if day is not None)


def gather(
    session: Session, org_id: int, kind: str, key: int, *, is_own: bool = False
) -> dict[str, list[Row]]:
    """Return what is held about a person: key of ``rules.HOLDINGS`` → rows, amounts in yuan as text.

    Args:
        session: any session.
        org_id: the org that is asked. Of a login another org has made it holds roles and log
            entries; addresses, sign-ins and second factors are that other one's to give.
        kind: ``donor`` or ``user``.
        key: inner key of the person.
        is_own: whether the person reads the own login, which may be read whole anywhere.
    """
    if kind == "donor":
        found = _of_donor(session, org_id, key)
    else:
        found = _of_membership(session, org_id, key)
        home_id = session.scalar(select(User.home_org_id).where(User.id == key))
        found |= _of_login(session, key) if is_own or home_id == org_id else {}
    return {holding.key: found.get(holding.key, []) for holding in rules.HOLDINGS[kind]}


def _of_donor(session: Session, org_id: int, donor_id: int) -> dict[str, list[Row]]:
    ids = merged_ids(session, org_id, donor_id)
    donors = session.scalars(select(Donor).where(Donor.org_id == org_id, Donor.id.in_(ids))).all()
    numbers = session.scalars(
        select(DonorIdentifier)
        .where(DonorIdentifier.org_id == org_id, DonorIdentifier.donor_id.in_(ids))
        .order_by(DonorIdentifier.id)
    ).all()
    gifts = session.scalars(
        select(Donation)
        .where(Donation.org_id == org_id, Donation.donor_id.in_(ids))
        .order_by(Donation.received_on, Donation.id)
    ).all()
    receipts = session.execute(
        select(Receipt.number, Receipt.state, Receipt.amount_fen)
        .join(Donation, (Donation.org_id == Receipt.org_id) & (Donation.id == Receipt.donation_id))
        .where(Receipt.org_id == org_id, Donation.donor_id.in_(ids))
        .order_by(Receipt.number)
    ).all()
    as_number = [(one.kind in TAX_NUMBERS, {"kind": one.kind, "number": one.value}) for one in numbers]
    return {
        "name": [
            {
                "name": one.name,
                "kind": one.kind,
                "receipt_title": one.receipt_title,
                "shown_as": one.publish_choice,
            }
            for one in donors
        ],
        "tax_numbers": [row for is_tax, row in as_number if is_tax],
        "contact_numbers": [row for is_tax, row in as_number if not is_tax],
        "address": [{"address": one.address} for one in donors if one.address],
        "note": [{"note": one.note} for one in donors if one.note],
        "gifts": [
            {
                "number": one.public_no,
                "received_on": one.received_on.isoformat(),
                "amount_yuan": format_yuan(one.amount_fen, grouped=False),
                "channel": one.channel,
                "own_words": one.stated_purpose,
                "shown_as": one.publish_as,
            }
            for one in gifts
        ],
        "receipts": [
            {"number": number, "state": state, "amount_yuan": format_yuan(fen, grouped=False)}
            for number, state, fen in receipts
        ],
    }


def _of_membership(session: Session, org_id: int, user_id: int) -> dict[str, list[Row]]:
    """Return what any org holds about one who works in it."""
    user = session.get_one(User, user_id)
    roles = session.scalars(
        select(RoleGrant)
        .where(RoleGrant.org_id == org_id, RoleGrant.user_id == user_id)
        .order_by(RoleGrant.id)
    )
    entries = session.scalar(
        select(func.count())
        .select_from(OpLogEntry)
        .where(OpLogEntry.org_id == org_id, OpLogEntry.user_id == user_id)
    )
    return {
        "login": [
            {"name": user.display_name, "username": user.username, "since": user.created_at.isoformat()},
            *(
                {
                    "role": one.role,
                    "granted_at": one.granted_at.isoformat(),
                    "revoked_at": one.revoked_at.isoformat() if one.revoked_at else "",
                }
                for one in roles
            ),
        ],
        "log": [{"entries": entries or 0}] if entries else [],
    }


def _of_login(session: Session, user_id: int) -> dict[str, list[Row]]:
    """Return what the org that made a login holds besides."""
    user, held = session.get_one(User, user_id), factors_of(session, user_id)
    sessions = session.scalars(
        select(OpenSession).where(OpenSession.user_id == user_id).order_by(OpenSession.started_at)
    )
    return {
        "contact": [{"email": user.email or "", "phone": user.phone or ""}]
        if user.email or user.phone
        else [],
        "sessions": [
            {"device": one.device, "address": one.address, "started_at": one.started_at.isoformat()}
            for one in sessions
        ],
        "factors": (
            [{"app": held.has_app, "passkeys": [one.name for one in held.passkeys]}] if held.is_any else []
        ),
    }
