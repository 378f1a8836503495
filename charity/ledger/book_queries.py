"""One account's page: its lines in the order of the books, with the balance after each.

A page is read by key and merged over the funds, so that the thousandth page costs what
the first does but for one sum inside the month.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ids import key_of
from charity.ledger.models import Account, Earmark, Fund, MoneyPlace
from charity.ledger.naming import BookNames
from charity.ledger.rules import TAKEN_OVER_SERIES, number_text
from charity.ledger.sealed_models import Balance, Voucher, VoucherLine
from charity.periods import Month

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class BookFilter:
    """Which lines of an account are shown.

    Attributes:
        month: the month of the books.
        fund: code of one fund; empty for all. Inside one fund re-tags are shown, over all
            funds they move nothing and are left out.
    """

    account: str
    month: Month
    fund: str = ""


@dataclass(frozen=True, slots=True)
class BookRow:
    """One line of an account.

    Attributes:
        balance_fen: debit less credit after this line.
        cursor: where the rows after this one begin.
    """

    voucher_on: date
    word: str
    number: int
    line_no: int
    summary: str
    fund: str
    purse: str
    place: str
    debit_fen: int
    credit_fen: int
    balance_fen: int
    is_retag: bool
    cursor: str

    @property
    def number_text(self) -> str:
        """Return the number as people say it: ``记-0007``."""
        return number_text(self.word, self.number)


@dataclass(frozen=True, slots=True)
class BookPage:
    """One page of an account in a month.

    Attributes:
        opening_fen: balance before the month; an opening voucher of the month is in it.
        before_fen: balance before the first row of this page.
        debit_fen, credit_fen: turnover of the whole month.
        next_cursor: hand it to the next call; empty on the last page.
    """

    opening_fen: int
    before_fen: int
    debit_fen: int
    credit_fen: int
    rows: tuple[BookRow, ...]
    next_cursor: str

    @property
    def closing_fen(self) -> int:
        """Return the balance at the end of the month."""
        return self.opening_fen + self.debit_fen - self.credit_fen


_KEY = (VoucherLine.voucher_on, VoucherLine.voucher_id, VoucherLine.line_no)


def book_page(
    session: Session,
    org_id: int,
    wanted: BookFilter,
    names: BookNames,
    *,
    cursor: str = "",
    limit: int = PAGE_ROWS,
) -> BookPage:
    """Return one page of an account's lines in a month, oldest first, with running balances.

    Args:
        org_id: whose books.
        wanted: account, month and fund.
        names: for funds and places.
        cursor: ``next_cursor`` of the page before; empty for the first.
        limit: how many rows.
    """
    opening, debit, credit = _sums(session, org_id, wanted)
    after = _read_cursor(cursor)
    before = opening if after is None else opening + _sum_until(session, org_id, wanted, after)
    rows = list(_rows(session, org_id, wanted, names, after, before, limit + 1))
    more = rows[limit - 1].cursor if len(rows) > limit else ""
    return BookPage(opening, before, debit, credit, tuple(rows[:limit]), more)


def each_row(session: Session, org_id: int, wanted: BookFilter, names: BookNames) -> Iterator[BookRow]:
    """Yield every line of an account in a month, for a file."""
    cursor = ""
    while True:
        page = book_page(session, org_id, wanted, names, cursor=cursor, limit=1000)
        yield from page.rows
        if not page.next_cursor:
            return
        cursor = page.next_cursor


def _sums(session: Session, org_id: int, wanted: BookFilter) -> tuple[int, int, int]:
    """Return the balance before the month, and its turnover; from the kept balances."""
    month = wanted.month.code
    turnover = ("normal", "closing", "retag") if wanted.fund else ("normal", "closing")
    base = (
        select(sum_of(Balance.debit_fen), sum_of(Balance.credit_fen))
        .join(Account, Account.id == Balance.account_id)
        .where(
            Balance.org_id == org_id,
            Account.code == wanted.account,
            Balance.entry_class.in_((*turnover, "opening")),
        )
    )
    if wanted.fund:
        base = base.join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id)).where(
            Fund.code == wanted.fund
        )
    is_opening = (Balance.month == month) & (Balance.entry_class == "opening")
    before_debit, before_credit = session.execute(base.where((Balance.month < month) | is_opening)).one()
    debit, credit = session.execute(
        base.where(Balance.month == month, Balance.entry_class.in_(turnover))
    ).one()
    return before_debit - before_credit, debit, credit


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where the lines of one filter are found: by account and fund, as the index has them."""

    accounts: tuple[int, ...]
    funds: tuple[int, ...]
    openings: tuple[int, ...]


def _scope(session: Session, org_id: int, wanted: BookFilter) -> _Scope:
    """Return accounts and funds of a filter, and the month's opening vouchers, by id."""
    funds = select(Fund.id).where(Fund.org_id == org_id).order_by(Fund.id)
    openings = select(Voucher.id).where(
        Voucher.org_id == org_id,
        Voucher.month == wanted.month.code,
        Voucher.kind == "opening",
        Voucher.word != TAKEN_OVER_SERIES,
    )
    has_opening = session.scalar(
        select(Balance.month)
        .where(Balance.org_id == org_id, Balance.month == wanted.month.code, Balance.entry_class == "opening")
        .limit(1)
    )
    return _Scope(
        accounts=tuple(session.scalars(select(Account.id).where(Account.code == wanted.account))),
        funds=tuple(session.scalars(funds.where(Fund.code == wanted.fund) if wanted.fund else funds)),
        openings=tuple(session.scalars(openings)) if has_opening is not None else (),
    )


def _lines(org_id: int, wanted: BookFilter, scope: _Scope, fund_id: int) -> list[ColumnElement[bool]]:
    """Return the conditions of one fund's lines of the account in the month, by the index."""
    accounts = scope.accounts
    found: list[ColumnElement[bool]] = [
        VoucherLine.org_id == org_id,
        # One account is compared, not listed, so that the index gives the order too.
        VoucherLine.account_id == accounts[0] if len(accounts) == 1 else VoucherLine.account_id.in_(accounts),
        VoucherLine.fund_id == fund_id,
        VoucherLine.voucher_on >= wanted.month.first_on,
        VoucherLine.voucher_on <= wanted.month.last_on,
        VoucherLine.month == wanted.month.code,
    ]
    if not wanted.fund:
        found.append(~VoucherLine.is_retag)
    if scope.openings:
        found.append(VoucherLine.voucher_id.not_in(scope.openings))
    return found


def _read_cursor(cursor: str) -> tuple[date, int, int] | None:
    """Return the key a cursor stands for; None for the beginning and for a broken one."""
    parts = cursor.split("~")
    if len(parts) != 3:
        return None
    voucher_id, line_no = key_of(parts[1]), key_of(parts[2])
    if voucher_id is None or line_no is None:
        return None
    try:
        return date.fromisoformat(parts[0]), voucher_id, line_no
    except ValueError:
        return None


def _after(key: tuple[date, int, int]) -> ColumnElement[bool]:
    """Return the condition of lines after a key."""
    on, voucher_id, line_no = key
    return or_(
        VoucherLine.voucher_on > on,
        and_(
            VoucherLine.voucher_on == on,
            tuple_(VoucherLine.voucher_id, VoucherLine.line_no) > (voucher_id, line_no),
        ),
    )


def _sum_until(session: Session, org_id: int, wanted: BookFilter, key: tuple[date, int, int]) -> int:
    """Return debit less credit of the month's lines up to a key, that one included."""
    total, scope = 0, _scope(session, org_id, wanted)
    for fund_id in scope.funds:
        query = select(sum_of(VoucherLine.debit_fen - VoucherLine.credit_fen)).where(
            *_lines(org_id, wanted, scope, fund_id), VoucherLine.voucher_on <= key[0], ~_after(key)
        )
        total += session.execute(query).scalar_one()
    return total


def _rows(
    session: Session,
    org_id: int,
    wanted: BookFilter,
    names: BookNames,
    after: tuple[date, int, int] | None,
    balance: int,
    limit: int,
) -> Iterator[BookRow]:
    """Yield at most ``limit`` lines after a key, merged over the funds by key."""
    parts, scope = [], _scope(session, org_id, wanted)
    for fund_id in scope.funds:
        conditions = _lines(org_id, wanted, scope, fund_id)
        if after is not None:
            conditions += [VoucherLine.voucher_on >= after[0], _after(after)]
        query = (
            select(VoucherLine, Voucher.word, Voucher.number, Fund.code, Earmark.code, MoneyPlace.code)
            .join(Voucher, (Voucher.org_id == VoucherLine.org_id) & (Voucher.id == VoucherLine.voucher_id))
            .join(Fund, (Fund.org_id == VoucherLine.org_id) & (Fund.id == VoucherLine.fund_id))
            .join(Earmark, (Earmark.org_id == VoucherLine.org_id) & (Earmark.id == VoucherLine.earmark_id))
            .outerjoin(
                MoneyPlace,
                (MoneyPlace.org_id == VoucherLine.org_id) & (MoneyPlace.id == VoucherLine.money_place_id),
            )
            .where(*conditions)
            .order_by(*_KEY)
            .limit(limit)
        )
        parts.append(session.execute(query).all())
    merged = heapq.merge(*parts, key=lambda row: (row[0].voucher_on, row[0].voucher_id, row[0].line_no))
    for count, (line, word, number, fund, earmark, place) in enumerate(merged):
        if count == limit:
            return
        balance += line.debit_fen - line.credit_fen
        yield BookRow(
            voucher_on=line.voucher_on,
            word=word,
            number=number,
            line_no=line.line_no,
            summary=line.summary,
            fund=fund,
            purse=names.purse(fund, earmark),
            place=names.places.get(place, "") if place else "",
            debit_fen=line.debit_fen,
            credit_fen=line.credit_fen,
            balance_fen=balance,
            is_retag=line.is_retag,
            cursor=f"{line.voucher_on.isoformat()}~{line.voucher_id}~{line.line_no}",
        )


def last_month(session: Session, org_id: int, account: str, until: int, fund: str = "") -> Month | None:
    """Return the last month in which an account moved, not after one; None when it never did.

    Args:
        until: ``YYYYMM``.
    """
    query = (
        select(Balance.month)
        .join(Account, Account.id == Balance.account_id)
        .where(Balance.org_id == org_id, Account.code == account, Balance.month <= until)
        .order_by(Balance.month.desc())
        .limit(1)
    )
    if fund:
        query = query.join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id)).where(
            Fund.code == fund
        )
    found = session.scalar(query)
    return Month.from_code(found) if found is not None else None
