"""Posted gifts as the public sees them: rows by the givers' choices, totals, what is left over.

What a giver chose is applied here and nowhere later. Rows are built from a short list of
fields; no query here selects a remark, a phone or an account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.disclosure.rules import display_name, row_kind
from charity.donations.fund_periods import hidden_by_year
from charity.donations.models import Donation, Donor
from charity.donations.total_models import GiftTotal
from charity.ledger.models import Account, Earmark, Fund
from charity.ledger.sealed_models import Balance, Voucher, VoucherLine
from charity.ledger.small_cells import SMALL
from charity.periods import Month

#: Rows of a page, and of a file at one address.
PAGE_ROWS = 50
FILE_ROWS = 20_000
#: Gifts asked for in one query.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class GiftFilter:
    """The named filters of the list of gifts; empty means all.

    Attributes:
        month: month booked.
        fund: code of a fund.
        channel: bank, wechat, alipay, cash, other.
        on: the day received or booked.
        number: public number of a gift.
        after: the last row of the page before: month, word, number and line.
    """

    month: Month | None = None
    fund: str = ""
    channel: str = ""
    on: date | None = None
    number: str = ""
    after: tuple[int, str, int, int] | None = None

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is filtered."""
        return self.has_remainder and self.month is None and not self.fund

    @property
    def has_totals(self) -> bool:
        """Say whether sums are kept for this filter."""
        return self.on is None and not self.number

    @property
    def has_remainder(self) -> bool:
        """Say whether income booked without a gift can be told for this filter."""
        return self.has_totals and not self.channel


@dataclass(frozen=True, slots=True)
class GiftRow:
    """One posted line of a gift, as the public sees it.

    Attributes:
        public_no: random number of the gift.
        received_on, booked_on: the day the money came, the day it was booked.
        name: as the giver chose; a message id where ``is_unnamed``.
        amount_fen: None where the giver does not want it shown; negative takes back.
        kind: gift, refund, or correction (of an entry; no money moved).
        earmark, earmark_en: what it is for, narrower than the fund; empty for its charter.
        voucher: number of the voucher, e.g. ``2026-03 记-0007``.
        line_no: its line there, which names its proof.
        key: where the next page begins.
    """

    public_no: str
    received_on: date
    booked_on: date
    name: str
    is_unnamed: bool
    amount_fen: int | None
    kind: str
    fund: str
    fund_name: str
    fund_name_en: str
    earmark: str
    earmark_en: str
    channel: str
    voucher: str
    line_no: int
    key: str


@dataclass(frozen=True, slots=True)
class GiftTotals:
    """Totals of a named filter, in fen; hidden amounts only in the sum of all, from five on."""

    shown_fen: int
    shown_count: int
    hidden_fen: int | None
    hidden_count: int


@dataclass(frozen=True, slots=True)
class Remainder:
    """Income of a fund from gifts that no row shows, because it was entered as a voucher by hand.

    Attributes:
        fund, fund_name, fund_name_en: the fund.
        fen: credit less debit, in fen.
        line_count: posted lines.
    """

    fund: str
    fund_name: str
    fund_name_en: str
    fen: int
    line_count: int


def _gift_accounts(session: Session) -> list[int]:
    """Return the accounts gifts are income on (捐赠收入)."""
    return list(session.scalars(select(Account.id).where(Account.code.in_(("410101", "410102")))))


def gift_rows(session: Session, org_id: int, wanted: GiftFilter, limit: int) -> list[GiftRow]:
    """Return posted gifts, the newest booked first.

    Args:
        limit: rows at the most.
    """
    after = _place_of(session, org_id, wanted.after)
    found = {(row.voucher_id, row.line_no): row for row in _found(session, org_id, wanted, after, limit)}
    rows = sorted(found.values(), key=lambda row: (row.voucher_on, *_place(row)), reverse=True)[:limit]
    unnamed = _unnamed(session, org_id, rows)
    return [_gift_row(row, is_unnamed=row.donation_id in unnamed) for row in rows]


def _place(row: Any) -> tuple[int, int]:
    return row.voucher_id, row.line_no


def _found(
    session: Session, org_id: int, wanted: GiftFilter, after: tuple[date, int, int] | None, limit: int
) -> Iterator[Any]:
    """Yield the first rows of each index that holds some; a row may come twice.

    Each fund and account is read along its own index and the parts are merged, so that
    a page costs the same however many gifts there are. A day costs the gifts of that day.
    """
    base = _gift_query(org_id, wanted, after).limit(limit)
    accounts = _gift_accounts(session)
    # Added to nothing, so that no index on the account is taken for the gift's own.
    is_income = (VoucherLine.account_id + 0).in_(accounts)
    if wanted.number:
        of_number = select(Donation.id).where(Donation.org_id == org_id, Donation.public_no == wanted.number)
        if (donation_id := session.scalar(of_number)) is not None:
            on_day = _is_of(wanted.on) if wanted.on else ()
            yield from session.execute(base.where(VoucherLine.source_id == donation_id, is_income, *on_day))
        return
    funds = select(Fund.id).where(Fund.org_id == org_id)
    if wanted.fund:
        funds = funds.where(Fund.code == wanted.fund)
    for fund_id in session.scalars(funds).all():
        for account_id in accounts:
            query = base.where(VoucherLine.account_id == account_id, VoucherLine.fund_id == fund_id)
            if wanted.on:
                query = query.where(VoucherLine.voucher_on == wanted.on)
            yield from session.execute(query)
    if wanted.on:
        # Named by their keys: as a condition on the join SQLite would walk every line there is.
        came = select(Donation.id).where(Donation.org_id == org_id, Donation.received_on == wanted.on)
        query = base.where(VoucherLine.source_id.in_(came), is_income)
        yield from session.execute(query.where(Fund.code == wanted.fund) if wanted.fund else query)


def _is_of(on: date) -> tuple[Any, ...]:
    """Return the condition of gifts received or booked on a day."""
    return (or_(Donation.received_on == on, VoucherLine.voucher_on == on),)


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


def _gift_query(org_id: int, wanted: GiftFilter, after: tuple[date, int, int] | None) -> Any:
    """Return the query for gifts by month, channel and page, the newest first."""
    line = VoucherLine
    query = (
        select(
            line.voucher_on,
            line.voucher_id,
            line.line_no,
            (line.credit_fen - line.debit_fen).label("amount_fen"),
            Donation.id.label("donation_id"),
            Donation.public_no,
            Donation.received_on,
            Donation.publish_as,
            Donation.shows_amount,
            Donation.channel,
            Donor.name,
            Donor.kind,
            Fund.code.label("fund"),
            Fund.name.label("fund_name"),
            Fund.name_en.label("fund_name_en"),
            Earmark.name.label("earmark"),
            Earmark.name_en.label("earmark_en"),
            Earmark.is_default.label("is_charter"),
            Voucher.month,
            Voucher.word,
            Voucher.number,
            Voucher.kind.label("voucher_kind"),
        )
        .join(Voucher, (Voucher.org_id == line.org_id) & (Voucher.id == line.voucher_id))
        .join(Donation, (Donation.org_id == line.org_id) & (Donation.id == line.source_id))
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(line.org_id == org_id, line.source_kind == "gift")
        .order_by(line.voucher_on.desc(), line.voucher_id.desc(), line.line_no.desc())
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


def _unnamed(session: Session, org_id: int, rows: Sequence[Any]) -> set[int]:
    """Return the gifts of hidden amount that must not carry a name either.

    A fund's total of a year is public by law. What the shown amounts leave of it is the
    hidden ones; beside a name that is the amount of one, unless five or more share it.
    A gift of several parts carries one number on all its rows, so that one part which
    tells is enough.
    """
    hidden = sorted({r.donation_id for r in rows if not r.shows_amount and r.publish_as != "anonymous"})
    if not hidden:
        return set()
    line, accounts = VoucherLine, _gift_accounts(session)
    places: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for start in range(0, len(hidden), _CHUNK):
        found = session.execute(
            select(line.source_id, line.fund_id, line.month).where(
                line.org_id == org_id,
                line.source_id.in_(hidden[start : start + _CHUNK]),
                line.source_kind == "gift",
                (line.account_id + 0).in_(accounts),
            )
        )
        for donation_id, fund_id, month in found:
            if donation_id is not None:
                places[donation_id].add((fund_id, month // 100))
    counts = hidden_by_year(session, org_id)
    return {gift for gift in hidden if any(counts.get(place, 0) < SMALL for place in places[gift])}


def _gift_row(row: Any, *, is_unnamed: bool) -> GiftRow:
    """Return a row with the giver's choices applied."""
    name, is_message = display_name(row.name, row.kind, "anonymous" if is_unnamed else row.publish_as)
    return GiftRow(
        public_no=row.public_no,
        received_on=row.received_on,
        booked_on=row.voucher_on,
        name=name,
        is_unnamed=is_message,
        amount_fen=row.amount_fen if row.shows_amount else None,
        kind=row_kind(row.voucher_kind, row.amount_fen),
        fund=row.fund,
        fund_name=row.fund_name,
        fund_name_en=row.fund_name_en,
        earmark="" if row.is_charter else row.earmark,
        earmark_en="" if row.is_charter else row.earmark_en,
        channel=row.channel,
        voucher=f"{Month.from_code(row.month)} {row.word}-{row.number:04d}",
        line_no=row.line_no,
        key=f"{row.month}.{row.word}.{row.number}.{row.line_no}",
    )


def gift_totals(session: Session, org_id: int, wanted: GiftFilter) -> GiftTotals:
    """Return the totals of a named filter from kept totals; a day and a number have none.

    Hidden amounts are summed over the whole list only: two filters that overlap would
    give single amounts by subtraction.
    """
    if not wanted.has_totals:
        return GiftTotals(0, 0, None, 0)
    total = GiftTotal
    query = (
        select(total.shows_amount, sum_of(total.amount_fen), sum_of(total.line_count))
        .where(total.org_id == org_id)
        .group_by(total.shows_amount)
    )
    if wanted.channel:
        query = query.where(total.channel == wanted.channel)
    query = _narrowed(query, total, wanted)
    sums = {bool(shown): (fen, count) for shown, fen, count in session.execute(query)}
    shown_fen, shown_count = sums.get(True, (0, 0))
    hidden_fen, hidden_count = sums.get(False, (0, 0))
    tells = wanted.is_whole and hidden_count >= SMALL
    return GiftTotals(shown_fen, shown_count, hidden_fen if tells else None, hidden_count)


def _narrowed(query: Any, table: Any, wanted: GiftFilter) -> Any:
    """Return a query over kept sums with the filter's month and fund."""
    if wanted.month is not None:
        query = query.where(table.month == wanted.month.code)
    if wanted.fund:
        is_its = (Fund.org_id == table.org_id) & (Fund.id == table.fund_id)
        query = query.join(Fund, is_its).where(Fund.code == wanted.fund)
    return query


def remainders(session: Session, org_id: int, wanted: GiftFilter, year: int | None = None) -> list[Remainder]:
    """Return what 捐赠收入 holds beside the rows of the list, so that both together are its sum.

    Args:
        wanted: month and fund count; for a channel, a day or a number there is nothing to tell.
        year: the months of this year only; None for all.

    Returns:
        One for each fund that has some, in the order of the funds.
    """
    if not wanted.has_remainder:
        return []
    in_books = (
        select(Balance.fund_id, sum_of(Balance.credit_fen - Balance.debit_fen), sum_of(Balance.line_count))
        .where(
            Balance.org_id == org_id,
            Balance.entry_class == "normal",
            Balance.account_id.in_(_gift_accounts(session)),
        )
        .group_by(Balance.fund_id)
    )
    in_rows = (
        select(GiftTotal.fund_id, sum_of(GiftTotal.amount_fen), sum_of(GiftTotal.line_count))
        .where(GiftTotal.org_id == org_id)
        .group_by(GiftTotal.fund_id)
    )
    left: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for query, table, sign in ((in_books, Balance, 1), (in_rows, GiftTotal, -1)):
        if year is not None:
            query = query.where(table.month.between(year * 100, year * 100 + 13))
        for fund_id, fen, count in session.execute(_narrowed(query, table, wanted)):
            left[fund_id][0] += sign * fen
            left[fund_id][1] += sign * count
    funds = session.scalars(select(Fund).where(Fund.org_id == org_id).order_by(Fund.position, Fund.code))
    return [
        Remainder(fund.code, fund.name, fund.name_en, *left[fund.id]) for fund in funds if any(left[fund.id])
    ]


def gift_months(session: Session, org_id: int) -> Sequence[Month]:
    """Return the months in which gifts were booked, the newest first."""
    codes = session.scalars(
        select(GiftTotal.month).where(GiftTotal.org_id == org_id).distinct().order_by(GiftTotal.month.desc())
    )
    return [Month.from_code(code) for code in codes]
