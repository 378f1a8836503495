"""Where money of each channel can arrive: cash in a cash box, a transfer in a bank account.

Imports ``db`` and lower, the ledger and this feature; reads only. A place that gifts cannot
arrive at is not offered, and refused when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from charity.donations.rules import platform_of
from charity.errors import N_, Problem, register
from charity.ledger.models import MoneyPlace

PROBLEMS = register(
    {
        "gift_place_cash": N_(
            "Cash goes into a cash box, and %(place)s is none. "
            "Choose the cash box, or the way the money came."
        ),
        "gift_place_bank": N_(
            "A bank transfer arrives in a bank account, and %(place)s is none. "
            "Choose the account, or the way the money came."
        ),
        "gift_place_platform": N_(
            "A gift by WeChat or Alipay arrives at that platform's merchant number, "
            "or in a bank account once it is paid out; %(place)s is neither."
        ),
        "gift_place_transit": N_("At %(place)s lies money on its way out; no gift arrives there."),
    }
)

#: Channel → kinds of places its money arrives at, the usual one first.
KINDS: Mapping[str, tuple[str, ...]] = {
    "bank": ("bank",),
    "wechat": ("merchant", "bank"),
    "alipay": ("merchant", "bank"),
    "cash": ("cash",),
    "other": ("bank", "cash", "merchant"),
}


@dataclass(frozen=True, slots=True)
class Landing:
    """A place of money as gifts see it.

    Attributes:
        kind: ``bank``, ``merchant``, ``cash`` or ``transit``.
        platform: ``wechat`` or ``alipay`` where its name says so; empty otherwise.
    """

    code: str
    name: str
    kind: str
    platform: str
    is_main: bool


def landings(session: Session, org_id: int, on: date) -> tuple[Landing, ...]:
    """Return the places of money open on a day, in the order of codes."""
    rows = session.scalars(
        select(MoneyPlace)
        .where(
            MoneyPlace.org_id == org_id,
            MoneyPlace.opened_on <= on,
            or_(MoneyPlace.closed_on.is_(None), MoneyPlace.closed_on >= on),
        )
        .order_by(MoneyPlace.code)
    )
    return tuple(
        Landing(row.code, row.name, row.kind, platform_of(f"{row.name} {row.institution}"), row.is_main)
        for row in rows
    )


def suits(place: Landing, channel: str) -> bool:
    """Say whether money of a channel can arrive at a place."""
    if place.kind not in KINDS.get(channel, ()):
        return False
    is_platform = channel in ("wechat", "alipay") and place.kind == "merchant"
    return not is_platform or place.platform in (channel, "")


def fitting_places(places: Sequence[Landing], channel: str) -> list[str]:
    """Return the codes of the places a channel's money can arrive at, the usual one first."""
    kinds = KINDS.get(channel, ())
    fitting = [place for place in places if suits(place, channel)]
    fitting.sort(key=lambda place: (kinds.index(place.kind), not place.is_main, place.code))
    return [place.code for place in fitting]


def channel_at(place: Landing | None, channel: str) -> str:
    """Return the channel of a gift that a list leaves open, as its place of money tells it."""
    if place is None or channel != "other":
        return channel
    if place.kind == "merchant":
        return place.platform or channel
    return place.kind if place.kind in ("bank", "cash") else channel


def check_landing(place: Landing | None, channel: str) -> list[Problem]:
    """Return why a channel's money cannot arrive at a place; an unknown place is another's problem."""
    if place is None or channel not in KINDS or suits(place, channel):
        return []
    code = {"cash": "cash", "bank": "bank"}.get(channel, "platform")
    if place.kind == "transit":
        code = "transit"
    return [Problem(f"gift_place_{code}", {"place": place.name}, "place")]
