"""What the books say of gifts: their posted income lines, reversals and refunds included."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.models import Account, Earmark, Fund
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.periods import Month

#: 捐赠收入 by restriction; money held for others (2601) is no income and has no receipt.
INCOME_ACCOUNTS = ("410101", "410102")
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class GiftLine:
    """One posted income line of a gift; credit less debit in fen, negative takes back."""

    donation_id: int
    voucher_id: int
    line_no: int
    month: int
    word: str
    number: int
    voucher_on: date
    posted_at: datetime
    reviewer_id: int | None
    poster_id: int
    fund_id: int
    earmark_id: int
    amount_fen: int

    @property
    def voucher_number(self) -> str:
        """Return the voucher's number as people say it: ``2026-03 记-0007``."""
        return f"{Month.from_code(self.month)} {self.word}-{self.number:04d}"


@dataclass(frozen=True, slots=True)
class GiftPart:
    """What stands in the books of one part of a gift, after all that took some back.

    Attributes:
        line: the last line that brought it in.
        vouchers: numbers of the vouchers that made it what it is, the first one first; those
            that a reversal took back in full are left out.
        fund_code, fund_name, fund_name_en: the fund.
        earmark_name, earmark_name_en: empty where the fund's charter is all.
        amount_fen: what is left of it, above zero.
    """

    line: GiftLine
    vouchers: tuple[str, ...]
    fund_code: str
    fund_name: str
    fund_name_en: str
    earmark_name: str
    earmark_name_en: str
    amount_fen: int

    def fund_in(self, language: str) -> str:
        """Return the fund's name in a language of documents."""
        return self.fund_name_en if language == "en" and self.fund_name_en else self.fund_name

    def earmark_in(self, language: str) -> str:
        """Return the narrower purpose in a language of documents; empty for the charter."""
        return self.earmark_name_en if language == "en" and self.earmark_name_en else self.earmark_name


def gift_lines(session: Session, org_id: int, donation_ids: Sequence[int]) -> dict[int, list[GiftLine]]:
    """Return gift → its posted income lines in the order of posting; a gift without any is left out."""
    found: dict[int, list[GiftLine]] = defaultdict(list)
    for start in range(0, len(donation_ids), _CHUNK):
        query = (
            select(
                VoucherLine.source_id,
                VoucherLine.voucher_id,
                VoucherLine.line_no,
                VoucherLine.month,
                Voucher.word,
                Voucher.number,
                VoucherLine.voucher_on,
                Voucher.posted_at,
                Voucher.reviewer_id,
                Voucher.poster_id,
                VoucherLine.fund_id,
                VoucherLine.earmark_id,
                VoucherLine.credit_fen - VoucherLine.debit_fen,
            )
            .join(Voucher, (Voucher.org_id == VoucherLine.org_id) & (Voucher.id == VoucherLine.voucher_id))
            .join(Account, Account.id == VoucherLine.account_id)
            .where(
                VoucherLine.org_id == org_id,
                VoucherLine.source_id.in_(donation_ids[start : start + _CHUNK]),
                VoucherLine.source_kind == "gift",
                Account.code.in_(INCOME_ACCOUNTS),
            )
            .order_by(Voucher.month, Voucher.posted_at, Voucher.number, VoucherLine.line_no)
        )
        for row in session.execute(query):
            line = GiftLine(*_values(row))
            found[line.donation_id].append(line)
    return dict(found)


def _values(row: Iterable[Any]) -> tuple[Any, ...]:
    """Return a row's values; the types of so many columns are beyond the checker."""
    return tuple(row)


def net_fen(lines: Sequence[GiftLine], *, until: datetime | None = None) -> int:
    """Return what the lines leave of a gift, in fen.

    Args:
        until: count what was posted up to this instant; None for all.
    """
    return sum(line.amount_fen for line in lines if until is None or line.posted_at <= until)


def gift_parts(session: Session, org_id: int, lines: Sequence[GiftLine]) -> list[GiftPart]:
    """Return the parts of one gift that the books still hold, in the order they were posted."""
    sums: dict[tuple[int, int], int] = defaultdict(int)
    last: dict[tuple[int, int], GiftLine] = {}
    vouchers: dict[tuple[int, int], list[str]] = defaultdict(list)
    for line in lines:
        key = (line.fund_id, line.earmark_id)
        sums[key] += line.amount_fen
        if line.amount_fen > 0:
            last[key] = line
        if sums[key] == 0:
            vouchers[key].clear()
        elif line.voucher_number not in vouchers[key]:
            vouchers[key].append(line.voucher_number)
    names = _purses(session, org_id, list(sums))
    return [
        GiftPart(last[key], tuple(vouchers[key]), *names[key], amount_fen=fen)
        for key, fen in sums.items()
        if fen > 0 and key in last
    ]


def _purses(
    session: Session, org_id: int, keys: Sequence[tuple[int, int]]
) -> Mapping[tuple[int, int], tuple[str, str, str, str, str]]:
    """Return (fund, earmark) → code and names of the fund, names of the narrower purpose."""
    purse = (Fund.code, Fund.name, Fund.name_en, Earmark.name, Earmark.name_en)
    rows = session.execute(
        select(Fund.id, Earmark.id, *purse, Earmark.is_default)
        .join(Earmark, (Earmark.org_id == Fund.org_id) & (Earmark.fund_id == Fund.id))
        .where(Fund.org_id == org_id, Earmark.id.in_([earmark for _, earmark in keys]))
    )
    return {
        (fund_id, earmark_id): (*names[:3], *(("", "") if is_charter else names[3:]))
        for fund_id, earmark_id, *names, is_charter in rows
    }
