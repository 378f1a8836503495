"""How a gift is shown, and why it has no receipt: choices of the giver, kept with reasons.

Imports ``db`` and lower and this feature. Anonymity belongs to the gift, not to the giver.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.models import Donation
from charity.donations.recording import TOPIC
from charity.donations.refunds import load_donation
from charity.donations.rules import check_publication
from charity.donations.service import need
from charity.errors import N_, refuse, refuse_if, register
from charity.names import clean_line
from charity.oplog.rules import Change, register_acts, register_labels
from charity.oplog.service import record
from charity.web.cache import bump

PROBLEMS = register(
    {
        "gift_changed": N_("Someone changed this gift meanwhile; reload it and make your change again."),
        "receipt_state_unknown": N_("This is not a state a receipt can be in."),
    }
)
register_acts(
    {
        "donations.publish": N_("Changed how a gift is shown"),
        "donations.receipt_state": N_("Recorded whether a gift has a receipt"),
    }
)
register_labels(
    {
        "publish_as": N_("Shown to the public as"),
        "shows_amount": N_("Amount shown to the public"),
        "receipt_state": N_("Receipt"),
    }
)

#: Whether a gift has its receipt → label.
RECEIPT_STATES = {
    "none": N_("no receipt yet"),
    "issued": N_("receipt issued"),
    "anonymous": N_("issued without a name and kept"),
    "waived": N_("waived by the giver"),
}


def set_publication(
    session: Session,
    *,
    actor: Actor,
    donation_id: int,
    version: int,
    publish_as: str,
    shows_amount: bool,
    reason: str,
) -> Donation:
    """Change how the public sees a gift; the next page shows it.

    Args:
        actor: needs ``donations.record``.
        version: the version the page was loaded with.
        publish_as: name, masked or anonymous.
        shows_amount: whether the amount is shown.
        reason: e.g. the donor's letter; kept in the log.

    Raises:
        Refused: ``publication_unknown``, ``reason_missing``, ``gift_changed``, ``donation_unknown``.

    Source: 慈善法 (2023) art. 82; 个人信息保护法 art. 15, 25.
    """
    need(actor, "donations.record")
    refuse_if(check_publication(publish_as))
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    donation = load_donation(session, actor.org_id, donation_id)
    if donation.version != version:
        raise refuse("gift_changed")
    before = (donation.publish_as, donation.shows_amount)
    donation.publish_as, donation.shows_amount = publish_as, shows_amount
    donation.version += 1
    session.flush()
    bump(session, actor.org_id, TOPIC)
    record(
        session,
        actor=actor,
        act="donations.publish",
        subject_kind="donation",
        subject_no=donation.public_no,
        publish_as=Change(before[0], publish_as),
        shows_amount=Change(before[1], shows_amount),
        reason=clean_line(reason, 400),
    )
    return donation


def set_receipt_state(
    session: Session, *, actor: Actor, donation_id: int, receipt_state: str, reason: str
) -> Donation:
    """Record that a gift has its receipt, or why it has none.

    Args:
        actor: needs ``donations.record`` or ``receipts.issue``.
        receipt_state: none, issued, anonymous or waived.
        reason: for waived and anonymous; kept in the log.

    Raises:
        Refused: ``receipt_state_unknown``, ``reason_missing``, ``donation_unknown``.

    Source: 慈善法 (2023) art. 38: a donor may waive it; that is recorded.
    """
    need(actor, "receipts.issue", "donations.record")
    if receipt_state not in RECEIPT_STATES:
        raise refuse("receipt_state_unknown", "receipt_state")
    if receipt_state in ("anonymous", "waived") and not reason.strip():
        raise refuse("reason_missing", "reason")
    donation = load_donation(session, actor.org_id, donation_id)
    before, donation.receipt_state = donation.receipt_state, receipt_state
    donation.version += 1
    session.flush()
    record(
        session,
        actor=actor,
        act="donations.receipt_state",
        subject_kind="donation",
        subject_no=donation.public_no,
        receipt_state=Change(before, receipt_state),
        reason=clean_line(reason, 400),
    )
    return donation
