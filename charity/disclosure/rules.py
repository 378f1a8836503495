"""What the public may see of a gift or a payment; pure.

A natural person without a recorded choice is 爱心人士; months with fewer than five payments
are merged, because a single one would tell whom it went to.
Source: 慈善法 (2023) art. 82; 个人信息保护法 art. 25.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from charity.errors import N_
from charity.names import mask_name

#: Fewer than this many payments are never a row of their own.
SMALL = 5

#: What stands in place of a name, by kind of donor: English message ids.
UNNAMED = {
    "person": N_("A kind giver"),
    "anonymous": N_("A kind giver"),
    "group": N_("A group of kind givers"),
    "company": N_("A kind organisation"),
    "public_body": N_("A kind organisation"),
    "organisation": N_("A kind organisation"),
}


def display_name(name: str, kind: str, publish_as: str) -> tuple[str, bool]:
    """Return how a giver is called in public, and whether that is a message id.

    Args:
        name: as recorded; may be empty.
        kind: of the donor.
        publish_as: the gift's choice: name, masked or anonymous.
    """
    if publish_as == "name" and name:
        return name, False
    if publish_as == "masked" and name:
        return mask_name(name), False
    return UNNAMED.get(kind, UNNAMED["person"]), True


@dataclass(frozen=True, slots=True)
class MonthFigure:
    """One month of a fund: fen in and out, net-asset moves, and how many payments."""

    month: int
    in_fen: int
    out_fen: int
    moved_fen: int
    payments: int


@dataclass(frozen=True, slots=True)
class PeriodFigure:
    """One or more months of a fund, merged until no payment stands alone."""

    first: int
    last: int
    in_fen: int
    out_fen: int
    moved_fen: int


def merge_small(months: Sequence[MonthFigure], small: int = SMALL) -> list[PeriodFigure]:
    """Return months in order, merged so that none shows fewer than ``small`` payments.

    A month without payments stands alone unless it is caught between; a remainder at the
    end joins the period before it. Where the whole has fewer, it is one period: the
    total of a fund is published by law.
    """
    groups: list[list[MonthFigure]] = []
    current: list[MonthFigure] = []
    for month in sorted(months, key=lambda m: m.month):
        current.append(month)
        payments = sum(m.payments for m in current)
        if payments == 0 or payments >= small:
            groups.append(current)
            current = []
    if current:
        while groups and 0 < sum(m.payments for m in current) < small:
            current = groups.pop() + current
        groups.append(current)
    return [
        PeriodFigure(
            group[0].month,
            group[-1].month,
            sum(m.in_fen for m in group),
            sum(m.out_fen for m in group),
            sum(m.moved_fen for m in group),
        )
        for group in groups
    ]
