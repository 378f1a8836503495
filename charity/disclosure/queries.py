"""Public figures: funds and their movement; each carries its date. Gifts: ``gift_queries``.

Every figure is a sum over posted lines. Rows are built from a short list of fields; no
query here selects a number, a remark, a reason or the name of a person who is helped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.donations.fund_periods import year_span
from charity.ledger.models import Account, Fund, Period, VoucherCounter
from charity.ledger.queries import FundCard, fund_cards
from charity.ledger.sealed_models import Balance, Voucher
from charity.periods import Month


@dataclass(frozen=True, slots=True)
class Movement:
    """What a fund had, got, gave and has, in fen: opening + in − out + moved = closing."""

    code: str
    name: str
    name_en: str
    kind: str
    opening_fen: int
    in_fen: int
    out_fen: int
    moved_fen: int

    @property
    def closing_fen(self) -> int:
        """Return what is left."""
        return self.opening_fen + self.in_fen - self.out_fen + self.moved_fen


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the public figures reach: the last voucher's day and the last closed month."""

    year: int
    last_on: date | None
    closed_month: Month | None


def standing(session: Session, org_id: int, today: date) -> Standing:
    """Return up to when the books are posted; the year is that of the last voucher."""
    last_month = session.scalar(select(func.max(Voucher.month)).where(Voucher.org_id == org_id))
    last_on = None
    if last_month is not None:
        # Numbers follow the dates, so that the last number of each word has its last date;
        # a maximum over the month would walk all its vouchers.
        last_on = session.scalar(
            select(func.max(Voucher.voucher_on))
            .join(
                VoucherCounter,
                (VoucherCounter.org_id == Voucher.org_id)
                & (VoucherCounter.month == Voucher.month)
                & (VoucherCounter.word == Voucher.word)
                & (VoucherCounter.last_no == Voucher.number),
            )
            .where(VoucherCounter.org_id == org_id, VoucherCounter.month == last_month)
        )
    closed = session.scalar(
        select(func.max(Period.month)).where(Period.org_id == org_id, Period.is_open.is_(False))
    )
    return Standing(
        last_on.year if last_on else today.year, last_on, Month.from_code(closed) if closed else None
    )


def _net_assets(first: int, last: int) -> tuple[Any, Any, Any, Any]:
    """Return SQL for opening, in, out and moved of the net assets between two months."""
    net = Balance.credit_fen - Balance.debit_fen
    is_now = and_(Balance.month >= first, Balance.month <= last)
    is_before = or_(Balance.month < first, and_(is_now, Balance.entry_class == "opening"))
    is_turnover = and_(is_now, Balance.entry_class == "normal")
    return (
        sum_of(case((is_before, net), else_=0)),
        sum_of(case((and_(is_turnover, Account.kind == "income"), net), else_=0)),
        sum_of(case((and_(is_turnover, Account.kind == "expense"), -net), else_=0)),
        sum_of(case((and_(is_turnover, Account.kind == "net_asset"), net), else_=0)),
    )


def movements(session: Session, org_id: int, first: Month, last: Month) -> list[Movement]:
    """Return each fund's movement over a span of months, in order; agency money is left out.

    Closing vouchers only carry income and expense to net assets and change no column.

    Args:
        first, last: both included; month 13 belongs to its year.
    """
    opening, came_in, went_out, moved = _net_assets(first.code, last.code)
    rows = session.execute(
        select(Fund.code, Fund.name, Fund.name_en, Fund.kind, opening, came_in, went_out, moved)
        .join(Balance, (Balance.org_id == Fund.org_id) & (Balance.fund_id == Fund.id))
        .join(Account, Account.id == Balance.account_id)
        .where(
            Fund.org_id == org_id,
            Fund.kind != "agency",
            Balance.month <= last.code,
            Account.kind.in_(("net_asset", "income", "expense")),
        )
        .group_by(Fund.code, Fund.name, Fund.name_en, Fund.kind, Fund.position)
        .order_by(Fund.position, Fund.code)
    )
    return [Movement(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class KindFigure:
    """A sum of a fund by account, for “how computed”: account and fen."""

    account: str
    name_zh: str
    name_en: str
    fen: int


def fund_accounts(session: Session, org_id: int, fund_id: int, year: int, kind: str) -> list[KindFigure]:
    """Return a fund's income or expense of a year by account, in chart order.

    Args:
        kind: ``income`` or ``expense``.
    """
    first, last = year_span(year)
    net = Balance.credit_fen - Balance.debit_fen
    amount = sum_of(net) if kind == "income" else sum_of(-net)
    rows = session.execute(
        select(Account.code, Account.name_zh, Account.name_en, amount)
        .join(Account, Account.id == Balance.account_id)
        .where(
            Balance.org_id == org_id,
            Balance.fund_id == fund_id,
            Balance.month >= first.code,
            Balance.month <= last.code,
            Balance.entry_class == "normal",
            Account.kind == kind,
        )
        .group_by(Account.code, Account.name_zh, Account.name_en)
        .order_by(Account.code)
    )
    return [KindFigure(*row) for row in rows]


def public_cards(session: Session, org_id: int) -> list[FundCard]:
    """Return what each fund is made of, in order."""
    return fund_cards(session, org_id)


def find_fund(session: Session, org_id: int, code: str) -> Fund | None:
    """Return a fund by its code."""
    return session.scalar(select(Fund).where(Fund.org_id == org_id, Fund.code == code))
