"""Merging of months so that a public sum tells of no single person; pure.

Two things can be found from a public figure by subtraction: a payment, and through it whom
it went to; and a gift whose giver does not want the amount shown. So no period that the
public sees holds one to four of either.
Source: 慈善法 (2023) art. 82; 个人信息保护法 art. 25.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Fewer payments, or gifts of hidden amount, than this are never told as a sum of their own.
SMALL = 5


@dataclass(frozen=True, slots=True)
class MonthFigure:
    """One month of a fund.

    Attributes:
        month: of the books, ``YYYYMM``.
        in_fen, out_fen, moved_fen: fen in and out, and net-asset moves.
        payments: how many payments it holds.
        hidden: how many gifts whose amount is not shown.
    """

    month: int
    in_fen: int
    out_fen: int
    moved_fen: int
    payments: int
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class PeriodFigure:
    """One or more months of a fund, merged until nothing in them stands alone."""

    first: int
    last: int
    in_fen: int
    out_fen: int
    moved_fen: int


def merge_small(months: Sequence[MonthFigure], small: int = SMALL) -> list[PeriodFigure]:
    """Return months in order, merged so that none shows few payments or few hidden gifts.

    A month without either stands alone unless it is caught between; a remainder at the
    end joins the period before it. Where the whole has fewer, it is one period: the
    total of a fund is published by law.

    Args:
        small: one to this less one are few.
    """
    groups: list[list[MonthFigure]] = []
    current: list[MonthFigure] = []
    for month in sorted(months, key=lambda m: m.month):
        current.append(month)
        if not _tells_of_one(current, small):
            groups.append(current)
            current = []
    if current:
        while groups and _tells_of_one(current, small):
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


def _tells_of_one(months: Sequence[MonthFigure], small: int) -> bool:
    """Say whether the sums of these months tell of so few that one could be made out."""
    counts = (sum(m.payments for m in months), sum(m.hidden for m in months))
    return any(0 < count < small for count in counts)
