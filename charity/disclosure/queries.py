"""Public figures: funds, their movement, posted gifts; each carries its date.

Every figure is a sum over posted lines. Rows are built from a short list of fields; no
query here selects a number, a remark, a reason or the name of a person who is helped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.disclosure.models import GiftTotal
from charity.disclosure.rules import MonthFigure, PeriodFigure, display_name, merge_small
from charity.donations.models import Donation, Donor
from charity.ledger.models import Account, Earmark, Fund, Period, VoucherCounter
from charity.ledger.queries import FundCard, fund_cards
from charity.ledger.sealed_models import Balance, Voucher, VoucherLine
from charity.periods import Month

#: Rows of a page, and of a file at one address.
PAGE_ROWS = 50
FILE_ROWS = 20_000


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


def year_span(year: int) -> tuple[Month, Month]:
    """Return the first and last month of a year, month 13 included."""
    return Month(year, 1), Month(year, 13)


def fund_periods(session: Session, org_id: int, fund_id: int, year: int) -> list[PeriodFigure]:
    """Return a fund's year month by month, small months merged."""
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
    return merge_small([MonthFigure(*row) for row in rows])


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


@dataclass(frozen=True, slots=True)
class GiftFilter:
    """The named filters of the list of gifts; empty means all.

    Attributes:
        month: month booked.
        fund: code of a fund.
        channel: bank, wechat, alipay, cash, other.
        after: the last row of the page before: month, word, number and line.
    """

    month: Month | None = None
    fund: str = ""
    channel: str = ""
    after: tuple[int, str, int, int] | None = None


@dataclass(frozen=True, slots=True)
class GiftRow:
    """One posted line of a gift, as the public sees it.

    Attributes:
        public_no: random number of the gift.
        received_on, booked_on: the day the money came, the day it was booked.
        name: as the giver chose; a message id where ``is_unnamed``.
        amount_fen: None where the giver does not want it shown; negative for a refund.
        earmark: what it is for.
        voucher: number of the voucher, e.g. ``2026-03 记-0007``.
    """

    public_no: str
    received_on: date
    booked_on: date
    name: str
    is_unnamed: bool
    amount_fen: int | None
    fund: str
    fund_name: str
    earmark: str
    channel: str
    voucher: str
    key: str


@dataclass(frozen=True, slots=True)
class GiftTotals:
    """Totals of a named filter, in fen; hidden amounts only where five or more are merged."""

    shown_fen: int
    shown_count: int
    hidden_fen: int | None
    hidden_count: int


def _gift_accounts(session: Session) -> list[int]:
    """Return the accounts gifts are income on (捐赠收入)."""
    return list(session.scalars(select(Account.id).where(Account.code.in_(("410101", "410102")))))


def gift_rows(session: Session, org_id: int, wanted: GiftFilter, limit: int) -> list[GiftRow]:
    """Return posted gifts, the newest booked first.

    Each fund and account is read along its own index and the parts are merged, so that
    a page costs the same however many gifts there are.

    Args:
        limit: rows at the most.
    """
    funds = select(Fund.id).where(Fund.org_id == org_id)
    if wanted.fund:
        funds = funds.where(Fund.code == wanted.fund)
    after = _place_of(session, org_id, wanted.after)
    found: list[Any] = []
    for fund_id in session.scalars(funds).all():
        for account_id in _gift_accounts(session):
            found += session.execute(_gift_query(org_id, fund_id, account_id, wanted, after, limit)).all()
    found.sort(key=lambda row: (row.voucher_on, row.voucher_id, row.line_no), reverse=True)
    return [_gift_row(row) for row in found[:limit]]


def _place_of(
    session: Session, org_id: int, key: tuple[int, str, int, int] | None
) -> tuple[date, int, int] | None:
    """Return date, inner id and line of a row named by its public numbers; None for no row."""
    if key is None:
        return None
    month, word, number, line_no = key
    row = session.execute(
        select(Voucher.voucher_on, Voucher.id).where(
            Voucher.org_id == org_id, Voucher.month == month, Voucher.word == word, Voucher.number == number
        )
    ).one_or_none()
    return (row[0], row[1], line_no) if row else None


def _gift_query(
    org_id: int,
    fund_id: int,
    account_id: int,
    wanted: GiftFilter,
    after: tuple[date, int, int] | None,
    limit: int,
) -> Any:
    """Return the query for the gifts of one fund and account."""
    line = VoucherLine
    query = (
        select(
            line.voucher_on,
            line.voucher_id,
            line.line_no,
            (line.credit_fen - line.debit_fen).label("amount_fen"),
            Donation.public_no,
            Donation.received_on,
            Donation.publish_as,
            Donation.shows_amount,
            Donation.channel,
            Donor.name,
            Donor.kind,
            Fund.code.label("fund"),
            Fund.name.label("fund_name"),
            Earmark.name.label("earmark"),
            Voucher.month,
            Voucher.word,
            Voucher.number,
        )
        .join(Voucher, (Voucher.org_id == line.org_id) & (Voucher.id == line.voucher_id))
        .join(Donation, (Donation.org_id == line.org_id) & (Donation.id == line.source_id))
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(
            line.org_id == org_id,
            line.account_id == account_id,
            line.fund_id == fund_id,
            line.source_kind == "gift",
        )
        .order_by(line.voucher_on.desc(), line.voucher_id.desc(), line.line_no.desc())
        .limit(limit)
    )
    if wanted.month is not None:
        query = query.where(
            line.voucher_on >= wanted.month.first_on,
            line.voucher_on <= wanted.month.last_on,
            line.month == wanted.month.code,
        )
    if wanted.channel:
        query = query.where(Donation.channel == wanted.channel)
    return query if after is None else query.where(*_behind(after))


def _behind(after: tuple[date, int, int]) -> tuple[Any, ...]:
    """Return the conditions of rows that stand behind one in the list."""
    on, voucher_id, line_no = after
    line = VoucherLine
    earlier_line = and_(line.voucher_id == voucher_id, line.line_no < line_no)
    return (
        line.voucher_on <= on,
        or_(line.voucher_on < on, line.voucher_id < voucher_id, earlier_line),
    )


def _gift_row(row: Any) -> GiftRow:
    """Return a row with the giver's choices applied."""
    name, is_unnamed = display_name(row.name, row.kind, row.publish_as)
    return GiftRow(
        public_no=row.public_no,
        received_on=row.received_on,
        booked_on=row.voucher_on,
        name=name,
        is_unnamed=is_unnamed,
        amount_fen=row.amount_fen if row.shows_amount else None,
        fund=row.fund,
        fund_name=row.fund_name,
        earmark=row.earmark,
        channel=row.channel,
        voucher=f"{Month.from_code(row.month)} {row.word}-{row.number:04d}",
        key=f"{row.month}.{row.word}.{row.number}.{row.line_no}",
    )


def gift_totals(session: Session, org_id: int, wanted: GiftFilter, small: int) -> GiftTotals:
    """Return the totals of a named filter from kept totals.

    Args:
        small: hidden amounts of fewer gifts than this are not summed up either.
    """
    total = GiftTotal
    query = (
        select(total.shows_amount, sum_of(total.amount_fen), sum_of(total.line_count))
        .where(total.org_id == org_id)
        .group_by(total.shows_amount)
    )
    if wanted.month is not None:
        query = query.where(total.month == wanted.month.code)
    if wanted.channel:
        query = query.where(total.channel == wanted.channel)
    if wanted.fund:
        query = query.join(Fund, (Fund.org_id == total.org_id) & (Fund.id == total.fund_id)).where(
            Fund.code == wanted.fund
        )
    sums = {bool(shown): (fen, count) for shown, fen, count in session.execute(query)}
    shown_fen, shown_count = sums.get(True, (0, 0))
    hidden_fen, hidden_count = sums.get(False, (0, 0))
    return GiftTotals(shown_fen, shown_count, hidden_fen if hidden_count >= small else None, hidden_count)


def gift_months(session: Session, org_id: int) -> Sequence[Month]:
    """Return the months in which gifts were booked, the newest first."""
    codes = session.scalars(
        select(GiftTotal.month).where(GiftTotal.org_id == org_id).distinct().order_by(GiftTotal.month.desc())
    )
    return [Month.from_code(code) for code in codes]
