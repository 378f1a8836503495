"""What gifts hold against vouchers: nothing enters twice, nothing is given back that is not there.

Imports ``db`` and lower, the ledger and this feature; registers itself with the ledger. A
draft may wait for days; whether it still fits the gift is known when it is posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.donations.models import Donation
from charity.donations.rules import REFUND_STEP
from charity.donations.standing import posted_fen
from charity.errors import N_, Problem, register
from charity.ledger.objections import register_objection
from charity.ledger.rules import DraftVoucher
from charity.money import format_yuan

PROBLEMS = register(
    {
        "gift_entered": N_(
            "Gift %(gift)s stands in a voucher already, posted or being prepared; "
            "it is not booked a second time."
        ),
        "gift_given_back": N_(
            "Gift %(gift)s would stand at %(stands)s yuan in the books while %(gone)s yuan of it are given "
            "back. Post the gift before its refund; correct the refund before the gift."
        ),
    }
)


@dataclass(slots=True)
class _Change:
    """What a batch does to one gift, in fen: enters it, changes it otherwise, gives it back."""

    entered: int = 0
    entries: int = 0
    changed: int = 0
    gone: int = 0


def _changes(drafts: Sequence[DraftVoucher]) -> dict[int, _Change]:
    """Return gift → what the batch does to it."""
    found: dict[int, _Change] = {}
    for draft in drafts:
        own: dict[int, int] = {}
        for line in draft.lines:
            if line.source_kind != "gift" or line.source_id is None:
                continue
            change, fen = found.setdefault(line.source_id, _Change()), line.credit_fen - line.debit_fen
            if (line.source_step or 0) >= REFUND_STEP:
                change.gone -= fen
            else:
                own[line.source_id] = own.get(line.source_id, 0) + fen
        enters = draft.colour == "blue" and draft.corrects_id is None
        for gift_id, fen in own.items():
            if enters and fen > 0:
                found[gift_id].entered += fen
                found[gift_id].entries += 1
            else:
                found[gift_id].changed += fen
    return found


def check_gifts(session: Session, org_id: int, drafts: Sequence[DraftVoucher]) -> list[Problem]:
    """Return why vouchers cannot be posted beside what stands of their gifts.

    Args:
        drafts: one batch; it is judged as it would stand when all of it is posted.
    """
    changes = _changes(drafts)
    posted = posted_fen(session, org_id, list(changes))
    problems: list[tuple[int, str, dict[str, object]]] = []
    for gift_id, change in changes.items():
        stands, gone = posted.get(gift_id, (0, 0))
        if change.entries and (change.entries > 1 or stands + change.changed > 0):
            problems.append((gift_id, "gift_entered", {}))
        after, back = stands + change.entered + change.changed, gone + change.gone
        if (change.gone > 0 or change.changed < 0) and back > after:
            values: dict[str, object] = {"stands": format_yuan(after), "gone": format_yuan(back)}
            problems.append((gift_id, "gift_given_back", values))
    if not problems:
        return []
    wanted = [gift_id for gift_id, _code, _values in problems[:10]]
    numbers = dict(
        session.execute(
            select(Donation.id, Donation.public_no).where(Donation.org_id == org_id, Donation.id.in_(wanted))
        ).all()
    )
    return [
        Problem(code, {"gift": numbers.get(gift_id, "?"), **values})
        for gift_id, code, values in problems[:10]
    ]


register_objection("donations", check_gifts)
