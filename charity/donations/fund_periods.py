"""A fund's year in periods the public may see, and what it has spent since one of them.

Two pages show sums of the same fund: its own, and the path of a gift. Both take their
borders from here, or the difference of the two would be what neither may show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.donations.total_models import GiftTotal
from charity.ledger.models import Account
from charity.ledger.sealed_models import Balance
from charity.ledger.small_cells import MonthFigure, PeriodFigure, merge_small
from charity.periods import Month


def year_span(year: int) -> tuple[Month, Month]:
    """Return the first and last month of a year, month 13 included."""
    return Month(year, 1), Month(year, 13)


def hidden_gifts(session: Session, org_id: int, first: Month, last: Month) -> Mapping[tuple[int, int], int]:
    """Return (fund id, month code) → posted lines of gifts whose amount is not shown.

    Args:
        first, last: both included.
    """
    rows = session.execute(
        select(GiftTotal.fund_id, GiftTotal.month, sum_of(GiftTotal.line_count))
        .where(
            GiftTotal.org_id == org_id,
            GiftTotal.month >= first.code,
            GiftTotal.month <= last.code,
            GiftTotal.shows_amount.is_(False),
        )
        .group_by(GiftTotal.fund_id, GiftTotal.month)
    )
    return {(fund_id, month): int(count) for fund_id, month, count in rows}


def hidden_by_year(session: Session, org_id: int) -> Mapping[tuple[int, int], int]:
    """Return (fund id, year) → posted lines of gifts whose amount is not shown."""
    found: Counter[tuple[int, int]] = Counter()
    for (fund_id, month), count in hidden_gifts(session, org_id, Month(1900, 1), Month(9999, 13)).items():
        found[fund_id, month // 100] += count
    return found


def fund_periods(session: Session, org_id: int, fund_id: int, year: int) -> list[PeriodFigure]:
    """Return a fund's year month by month, small months merged; a month without movement is left out."""
    first, last = year_span(year)
    net = Balance.credit_fen - Balance.debit_fen
    rows = session.execute(
        select(
            Balance.month,
            sum_of(case((Account.kind == "income", net), else_=0)),
            sum_of(case((Account.kind == "expense", -net), else_=0)),
            sum_of(case((Account.kind == "net_asset", net), else_=0)),
            sum_of(case((Account.kind == "expense", Balance.line_count), else_=0)),
        )
        .join(Account, Account.id == Balance.account_id)
        .where(
            Balance.org_id == org_id,
            Balance.fund_id == fund_id,
            Balance.month >= first.code,
            Balance.month <= last.code,
            Balance.entry_class == "normal",
            Account.kind.in_(("income", "expense", "net_asset")),
        )
        .group_by(Balance.month)
        .order_by(Balance.month)
    )
    hidden = hidden_gifts(session, org_id, first, last)
    figures = [
        MonthFigure(month, in_fen, out_fen, moved_fen, payments, hidden.get((fund_id, month), 0))
        for month, in_fen, out_fen, moved_fen, payments in rows
    ]
    return merge_small(figures)


@dataclass(frozen=True, slots=True)
class SpentSince:
    """What a fund has spent from a month on.

    Attributes:
        since: the first month counted.
        fen: posted expense from there on, closing entries left out.
    """

    since: Month
    fen: int


def spent_since(session: Session, org_id: int, fund_id: int, month: Month) -> SpentSince:
    """Return what a fund has spent from the public period on that holds a month.

    Borders of periods are those of the fund's own page, so that two answers of this
    differ by whole periods only.

    Args:
        month: in which the gift was booked.
    """
    held = [p for p in fund_periods(session, org_id, fund_id, month.year) if p.last >= month.code]
    later_fen = session.scalar(
        select(sum_of(Balance.debit_fen - Balance.credit_fen))
        .join(Account, Account.id == Balance.account_id)
        .where(
            Balance.org_id == org_id,
            Balance.fund_id == fund_id,
            Balance.month > year_span(month.year)[1].code,
            Balance.entry_class == "normal",
            Account.kind == "expense",
        )
    )
    since = Month.from_code(min(held[0].first, month.code)) if held else month
    return SpentSince(since, sum(p.out_fen for p in held) + int(later_fen or 0))
