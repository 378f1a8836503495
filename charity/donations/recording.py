"""Writing gifts down, one or five hundred at once, with their donors and parts.

Imports ``db`` and lower, the ledger and this feature. The only place that inserts gifts;
the form, the grid of slips and the files all come here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.matching import DonorFacts, find_or_make_donors
from charity.donations.models import Allocation, Donation, Donor, PurposeRule
from charity.donations.purpose_rules import Keyword, PurposeBook, Target
from charity.donations.rules import default_publication
from charity.ids import new_ids, new_public_no
from charity.ledger.models import Earmark, Fund
from charity.names import fold_text
from charity.web.cache import bump

#: Topic of the public pages that depend on gifts.
TOPIC = "donations"


@dataclass(frozen=True, slots=True)
class FixedPart:
    """One part of a gift with its keys; ``rule_id`` is None where a person chose it."""

    fund_id: int
    earmark_id: int
    amount_fen: int
    rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewGift:
    """One gift about to be written down.

    Attributes:
        donor: what is known of the giver; ignored when ``donor_id`` is given.
        donor_id: a donor a person chose; None to find or make one.
        parts: sums to the amount; empty while the purpose is unclear, and for money that
            nobody has claimed yet.
        publish_as: empty for the donor's recorded choice, else the default of the kind.
        event_key: names the event once for all.
        nature: ``gift`` or ``unidentified``.
    """

    donor: DonorFacts
    amount_fen: int
    channel: str
    money_place_id: int
    received_on: date
    event_key: str
    donor_id: int | None = None
    fee_fen: int = 0
    reference: str = ""
    received_at: datetime | None = None
    stated_purpose: str = ""
    parts: tuple[FixedPart, ...] = ()
    publish_as: str = ""
    shows_amount: bool = True
    nature: str = "gift"
    unit_id: int | None = None
    pledge_id: int | None = None
    attachments: tuple[str, ...] = ()
    source_id: int | None = None
    source_form: str = ""
    row_no: int | None = None


def same_gift_key(received_on: date, amount_fen: int, name: str) -> str:
    """Return what two entries of one gift share however they came in; empty without a name."""
    folded = fold_text(name)
    if not folded:
        return ""
    return hashlib.sha256(f"{received_on}|{amount_fen}|{folded}".encode()).hexdigest()


def insert_gifts(session: Session, *, actor: Actor, gifts: Sequence[NewGift]) -> list[int]:
    """Write gifts with their donors and parts and return their keys, in order.

    Args:
        actor: recorded as who wrote them down.
        gifts: sound ones; what is wrong with a gift is found before.
    """
    if not gifts:
        return []
    unmatched = [gift.donor for gift in gifts if gift.donor_id is None]
    matched = iter(find_or_make_donors(session, actor=actor, facts=unmatched))
    donor_ids = [gift.donor_id if gift.donor_id is not None else next(matched) for gift in gifts]
    choices = _choices(session, actor.org_id, donor_ids)
    ids = new_ids(len(gifts))
    rows, parts = [], []
    for gift_id, donor_id, gift in zip(ids, donor_ids, gifts, strict=True):
        kind, name, choice = choices[donor_id]
        publish_as = gift.publish_as or choice or default_publication(kind)
        rows.append(_gift_row(actor, gift_id, donor_id, gift, publish_as, name))
        parts += _part_rows(actor.org_id, gift_id, gift.parts)
    session.connection().execute(insert(Donation), rows)
    if parts:
        session.connection().execute(insert(Allocation), parts)
    bump(session, actor.org_id, TOPIC)
    return ids


def _choices(session: Session, org_id: int, donor_ids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
    """Return donor → (kind, name, recorded choice)."""
    result: dict[int, tuple[str, str, str]] = {}
    wanted = sorted(set(donor_ids))
    for start in range(0, len(wanted), 500):
        rows = session.execute(
            select(Donor.id, Donor.kind, Donor.name, Donor.publish_choice).where(
                Donor.org_id == org_id, Donor.id.in_(wanted[start : start + 500])
            )
        )
        result.update({row[0]: (row[1], row[2], row[3]) for row in rows})
    return result


def _gift_row(
    actor: Actor, gift_id: int, donor_id: int, gift: NewGift, publish_as: str, name: str
) -> dict[str, object]:
    """Return the columns of a gift."""
    return {
        "org_id": actor.org_id,
        "id": gift_id,
        "public_no": new_public_no("D"),
        "donor_id": donor_id,
        "amount_fen": gift.amount_fen,
        "fee_fen": gift.fee_fen,
        "channel": gift.channel,
        "money_place_id": gift.money_place_id,
        "reference": gift.reference[:80],
        "received_on": gift.received_on,
        "received_at": gift.received_at,
        "stated_purpose": gift.stated_purpose[:400],
        "nature": gift.nature,
        "is_allocated": bool(gift.parts) or gift.nature == "unidentified",
        "publish_as": publish_as,
        "shows_amount": gift.shows_amount,
        "unit_id": gift.unit_id,
        "pledge_id": gift.pledge_id,
        "attachments": list(gift.attachments),
        "draft_id": None,
        "blocked_by": "",
        "claim_draft_id": None,
        "receipt_state": "none",
        "source_id": gift.source_id,
        "source_form": gift.source_form,
        "row_no": gift.row_no,
        "event_key": gift.event_key[:120],
        "same_key": same_gift_key(gift.received_on, gift.amount_fen, name),
        "recorded_by": actor.user_id,
        "recorded_at": actor.at,
        "version": 1,
    }


def _part_rows(org_id: int, gift_id: int, parts: Sequence[FixedPart]) -> list[dict[str, object]]:
    """Return the rows of a gift's parts, numbered from 1."""
    return [
        {
            "org_id": org_id,
            "donation_id": gift_id,
            "position": position,
            "fund_id": part.fund_id,
            "earmark_id": part.earmark_id,
            "amount_fen": part.amount_fen,
            "rule_id": part.rule_id,
        }
        for position, part in enumerate(parts, start=1)
    ]


def insert_parts(session: Session, org_id: int, gift_id: int, parts: Sequence[FixedPart]) -> None:
    """Write the parts of a gift that had none."""
    session.connection().execute(insert(Allocation), _part_rows(org_id, gift_id, parts))


def load_purposes(session: Session, org_id: int, on: date) -> PurposeBook:
    """Return the learned words in force, ready to be asked; unrestricted money goes to GEN.

    Args:
        on: today; a word whose fund or earmark is closed is left out.
    """
    rows = session.execute(
        select(PurposeRule, Fund.code, Earmark.code, Earmark.is_default)
        .join(Fund, (Fund.org_id == PurposeRule.org_id) & (Fund.id == PurposeRule.fund_id))
        .join(Earmark, (Earmark.org_id == PurposeRule.org_id) & (Earmark.id == PurposeRule.earmark_id))
        .where(
            PurposeRule.org_id == org_id,
            PurposeRule.retired_at.is_(None),
            Fund.opened_on <= on,
            or_(Fund.closed_on.is_(None), Fund.closed_on >= on),
            or_(Earmark.until_on.is_(None), Earmark.until_on >= on),
        )
        .order_by(PurposeRule.keyword, PurposeRule.money_place_id)
    )
    keywords = [
        Keyword(rule.keyword, Target(fund, earmark, is_charter, rule.id), rule.money_place_id or None)
        for rule, fund, earmark, is_charter in rows
    ]
    general = session.scalar(
        select(Earmark.code)
        .join(Fund, (Fund.org_id == Earmark.org_id) & (Fund.id == Earmark.fund_id))
        .where(Earmark.org_id == org_id, Fund.code == "GEN", Earmark.is_default)
    )
    return PurposeBook(keywords, Target("GEN", general or "GEN"))
