"""Closed years derived again from the posted lines: opened, audited, carried forward whole.

Imports ``db`` and lower; ``checks`` calls it. A balance of a later year is the sum of all lines
before it, so a year that was carried forward whole leaves the next one nothing to begin with
but what its own last balance sheet says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.findings import LIMIT, Finding, amount
from charity.ledger.models import Account, BookYear, Earmark, Fund, Period
from charity.ledger.sealed_models import VoucherLine
from charity.periods import Month

#: Prior-year adjustments, which month 13 leaves at zero.
_PRIOR_YEAR = ("320101", "320102")


def check_carried(session: Session, org_id: int) -> list[Finding]:
    """Find closed years that were not carried forward whole, audited, or given their month 13.

    Source: posting rules P48 and P49; 财会〔2024〕25号.
    """
    periods = dict(session.execute(select(Period.month, Period.is_open).where(Period.org_id == org_id)).all())
    years = {row.year: row for row in session.scalars(select(BookYear).where(BookYear.org_id == org_id))}
    found = [Finding("carried", str(month), text) for month, text in _month13_faults(periods, years)]
    for code in sorted(code for code, is_open in periods.items() if not is_open):
        month = Month.from_code(code)
        is_monthly = month.year in years and years[month.year].closing == "month"
        if month.number == 13 or is_monthly:
            found += [Finding("carried", str(month), text) for text in _left_open(session, org_id, month)]
        if len(found) >= LIMIT:
            break
    return found[:LIMIT]


def _month13_faults(
    periods: Mapping[int, bool], years: Mapping[int, BookYear]
) -> Iterator[tuple[Month, str]]:
    """Yield each month 13 that was passed over, or closed before its audit was signed."""
    for year in sorted({code // 100 for code in periods}):
        thirteenth, january = Month(year, 13), Month(year + 1, 1)
        if thirteenth.code in periods:
            is_audited = year in years and years[year].audited_on is not None
            if not periods[thirteenth.code] and not is_audited:
                yield thirteenth, "is closed, and the audit of its year is not signed"
        elif Month(year, 12).code in periods and not periods.get(january.code, True):
            yield thirteenth, f"was never opened, and {january} is closed"


def _left_open(session: Session, org_id: int, month: Month) -> Iterator[str]:
    """Yield what a closed month left on income and expense, and month 13 on prior-year adjustments."""
    line = VoucherLine
    sums = (
        select(Account.code, Fund.code, Earmark.code, sum_of(line.debit_fen - line.credit_fen))
        .join(Account, Account.id == line.account_id)
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(line.org_id == org_id, line.month <= month.code)
        .group_by(Account.code, Fund.code, Earmark.code)
        .having(func.sum(line.debit_fen - line.credit_fen) != 0)
        .order_by(Account.code, Fund.code, Earmark.code)
        .limit(LIMIT)
    )
    result = sums.where(Account.kind.in_(("income", "expense")), line.month >= Month(month.year, 1).code)
    adjusted = sums.where(Account.code.in_(_PRIOR_YEAR))
    for query in (result, adjusted) if month.number == 13 else (result,):
        for account, fund, earmark, fen in session.execute(query):
            purse = fund if fund == earmark else f"{fund}/{earmark}"
            yield f"is closed, and {account} of {purse} still holds {amount(fen)}"
