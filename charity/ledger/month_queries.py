"""Reads about months: who closed them, which may be opened, what is carried forward, statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.closing import place_balance
from charity.ledger.models import (
    Account,
    BalanceAssertion,
    BookYear,
    Earmark,
    Fund,
    MoneyPlace,
    Period,
)
from charity.ledger.naming import BookNames
from charity.ledger.sealed_models import Balance
from charity.periods import Month


def closed_by(session: Session, org_id: int) -> dict[int, int]:
    """Return month code → login that closed it."""
    rows = session.execute(
        select(Period.month, Period.closed_by).where(Period.org_id == org_id, Period.closed_by.is_not(None))
    )
    return {month: user_id for month, user_id in rows if user_id is not None}


def next_months(known: Sequence[Month]) -> tuple[Month | None, Month | None]:
    """Return the calendar month and the month 13 that may be opened next; None for none.

    Args:
        known: every month that was ever opened.
    """
    calendar = sorted(month for month in known if month.number != 13)
    if not calendar:
        return None, None
    ended = [month.year for month in calendar if month.number == 12]
    waiting = [year for year in ended if Month(year, 13) not in known]
    return calendar[-1].next(), Month(waiting[-1], 13) if waiting else None


@dataclass(frozen=True, slots=True)
class YearRow:
    """The settings of one year of books.

    Attributes:
        words: ``single`` (记) or ``three`` (收/付/转).
        closing: ``month`` (月结转) or ``year`` (年结转).
        audited_on: day on which the audit was signed; None: statements say 未经审计.
        has_month13: whether its audit adjustments were opened.
    """

    year: int
    words: str
    closing: str
    chart: str
    audited_on: date | None
    has_month13: bool


def years(session: Session, org_id: int) -> list[YearRow]:
    """Return the years of the books, newest first."""
    thirteenths = set(
        session.scalars(select(Period.month).where(Period.org_id == org_id, Period.month % 100 == 13))
    )
    rows = session.scalars(select(BookYear).where(BookYear.org_id == org_id).order_by(BookYear.year.desc()))
    return [
        YearRow(
            row.year,
            row.words,
            row.closing,
            row.chart,
            row.audited_on,
            row.year * 100 + 13 in thirteenths,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class CarryRow:
    """What one fund and earmark carries forward, in fen: income less expense goes to net assets."""

    fund: str
    purse: str
    income_fen: int
    expense_fen: int
    net_fen: int


def carry_rows(session: Session, org_id: int, month: Month, names: BookNames) -> Iterator[CarryRow]:
    """Yield the income and expense still open up to a month, per fund and earmark."""
    rows = session.execute(
        select(
            Fund.code,
            Earmark.code,
            Account.kind,
            sum_of(Balance.credit_fen - Balance.debit_fen),
        )
        .join(Account, Account.id == Balance.account_id)
        .join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id))
        .join(Earmark, (Earmark.org_id == Balance.org_id) & (Earmark.id == Balance.earmark_id))
        .where(Balance.org_id == org_id, Balance.month <= month.code, Account.kind.in_(("income", "expense")))
        .group_by(Fund.position, Fund.code, Earmark.code, Account.kind)
        .order_by(Fund.position, Fund.code, Earmark.code)
    )
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for fund, earmark, kind, fen in rows:
        sums.setdefault((fund, earmark), {})[kind] = fen
    for (fund, earmark), parts in sums.items():
        income, expense = parts.get("income", 0), -parts.get("expense", 0)
        if income or expense:
            yield CarryRow(fund, names.purse(fund, earmark), income, expense, income - expense)


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One place of money at a month's end.

    Attributes:
        booked_fen: what the books say at the end of the month.
        stated_on, stated_fen, source: the last statement of the month; None and empty
            without one.
        stated_booked_fen: what the books say on the statement's day.
    """

    code: str
    name: str
    booked_fen: int
    stated_on: date | None
    stated_fen: int | None
    stated_booked_fen: int
    source: str

    @property
    def is_matching(self) -> bool:
        """Say whether the statement and the books agree."""
        return self.stated_fen is not None and self.stated_fen == self.stated_booked_fen


def place_rows(session: Session, org_id: int, month: Month) -> list[PlaceRow]:
    """Return every place of money in use in a month, with what its statement says."""
    places = session.scalars(
        select(MoneyPlace)
        .where(
            MoneyPlace.org_id == org_id,
            MoneyPlace.opened_on <= month.last_on,
            or_(MoneyPlace.closed_on.is_(None), MoneyPlace.closed_on >= month.first_on),
        )
        .order_by(MoneyPlace.code)
    )
    found = []
    for place in places:
        stated = session.scalar(
            select(BalanceAssertion)
            .where(
                BalanceAssertion.org_id == org_id,
                BalanceAssertion.money_place_id == place.id,
                BalanceAssertion.on >= month.first_on,
                BalanceAssertion.on <= month.last_on,
            )
            .order_by(BalanceAssertion.on.desc(), BalanceAssertion.id.desc())
            .limit(1)
        )
        booked = place_balance(session, org_id, place.id, month.last_on)
        found.append(
            PlaceRow(
                code=place.code,
                name=place.name,
                booked_fen=booked,
                stated_on=stated.on if stated else None,
                stated_fen=stated.balance_fen if stated else None,
                stated_booked_fen=place_balance(session, org_id, place.id, stated.on) if stated else booked,
                source=stated.source if stated else "",
            )
        )
    return found
