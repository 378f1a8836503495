"""What gifts put on a person's desk: purposes to find, vouchers to make."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.models import Donation
from charity.web import desk
from charity.web.desk import Waiting


def waiting(session: Session, actor: Actor) -> list[Waiting]:
    """Return what waits among the gifts for one person; each count reads its own small index."""
    found = []
    if actor.may("donations.record"):
        unclear = select(func.count()).where(Donation.org_id == actor.org_id, ~Donation.is_allocated)
        if count := session.execute(unclear).scalar_one():
            found.append(Waiting(_("Gifts whose purpose is unclear"), url_for("donations.unclear"), count))
    if actor.may("ledger.draft"):
        undrafted = select(func.count()).where(
            Donation.org_id == actor.org_id,
            Donation.draft_id.is_(None),
            Donation.is_allocated,
            Donation.blocked_by == "",
        )
        if count := session.execute(undrafted).scalar_one():
            url = url_for("donations.gifts", state="undrafted")
            found.append(Waiting(_("Gifts whose voucher is still to be made"), url, count))
    return found


desk.register("donations", waiting, order=20)
