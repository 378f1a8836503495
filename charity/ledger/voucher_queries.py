"""Reads of posted vouchers: the list with its filters, one voucher's page, what it is tied to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ids import key_of
from charity.ledger.draft_queries import AttachmentView, attachment_views, like
from charity.ledger.models import Account, Fund
from charity.ledger.naming import BookNames
from charity.ledger.people import rule_reviews
from charity.ledger.reading import PostedRecord, read_voucher, read_vouchers
from charity.ledger.rules import number_text
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.ledger.sheets import Sheet, voucher_sheet
from charity.periods import Month

PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class VoucherFilter:
    """What a list of vouchers shows; an empty field does not filter.

    Attributes:
        month: ``YYYYMM``.
        fund, account: codes that one line must carry; an account's code may be its beginning.
        least_fen, most_fen: total without sign, both included.
        kind: normal, opening, closing or correction; ``red`` for red ones.
        text: part of the summary, of a line's summary or of the reference.
    """

    month: int | None = None
    word: str = ""
    number: int | None = None
    from_on: date | None = None
    until_on: date | None = None
    fund: str = ""
    account: str = ""
    least_fen: int | None = None
    most_fen: int | None = None
    kind: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class VoucherRow:
    """One voucher in a list.

    Attributes:
        debits, credits: names of the accounts on each side, each once.
        purses: (fund code, text) of the funds it touches.
        cursor: where the rows after this one begin.
    """

    id: int
    month: int
    word: str
    number: int
    voucher_on: date
    summary: str
    total_fen: int
    kind: str
    colour: str
    attachment_count: int
    is_reversed: bool
    debits: tuple[str, ...]
    credits: tuple[str, ...]
    purses: tuple[tuple[str, str], ...]
    cursor: str

    @property
    def number_text(self) -> str:
        """Return the number as people say it: ``记-0007``."""
        return number_text(self.word, self.number)


def _conditions(org_id: int, wanted: VoucherFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter."""
    found: list[ColumnElement[bool]] = [Voucher.org_id == org_id]
    for value, condition in (
        (wanted.month, Voucher.month == wanted.month),
        (wanted.word or None, Voucher.word == wanted.word),
        (wanted.number, Voucher.number == wanted.number),
        (wanted.from_on, Voucher.voucher_on >= (wanted.from_on or date.min)),
        (wanted.until_on, Voucher.voucher_on <= (wanted.until_on or date.max)),
        (wanted.least_fen, func.abs(Voucher.total_fen) >= (wanted.least_fen or 0)),
        (wanted.most_fen, func.abs(Voucher.total_fen) <= (wanted.most_fen or 0)),
    ):
        if value is not None:
            found.append(condition)
    if wanted.kind == "red":
        found.append(Voucher.colour == "red")
    elif wanted.kind:
        found.append(Voucher.kind == wanted.kind)
    if wanted.text:
        pattern = f"%{like(wanted.text)}%"
        found.append(
            or_(
                Voucher.summary.ilike(pattern, escape="\\"),
                Voucher.ref.ilike(pattern, escape="\\"),
                _has_line(VoucherLine.summary.ilike(pattern, escape="\\")),
            )
        )
    if wanted.fund or wanted.account:
        found.append(_has_line(*_line_conditions(org_id, wanted)))
    return found


def _has_line(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that one line of the voucher fulfils all of these."""
    return exists().where(
        VoucherLine.org_id == Voucher.org_id, VoucherLine.voucher_id == Voucher.id, *conditions
    )


def _line_conditions(org_id: int, wanted: VoucherFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what one line must carry."""
    if wanted.fund:
        funds = select(Fund.id).where(Fund.org_id == org_id, Fund.code == wanted.fund)
        yield VoucherLine.fund_id.in_(funds)
    if wanted.account:
        codes = select(Account.id).where(Account.code.startswith(wanted.account, autoescape=True))
        yield VoucherLine.account_id.in_(codes)


def list_vouchers(
    session: Session,
    org_id: int,
    wanted: VoucherFilter,
    names: BookNames,
    *,
    cursor: str = "",
    limit: int = PAGE_ROWS,
) -> tuple[tuple[VoucherRow, ...], str]:
    """Return one page of vouchers, the newest number first, and the cursor of the next.

    Args:
        org_id: whose books.
        wanted: the filter.
        names: for accounts and funds.
        cursor: ``VoucherRow.cursor`` of the last row before; empty for the first page.
        limit: how many rows.
    """
    conditions = _conditions(org_id, wanted)
    month, _, rest = cursor.partition("~")
    word, _, number = rest.partition("~")
    if (month_key := key_of(month)) is not None and (number_key := key_of(number)) is not None:
        place = tuple_(Voucher.month, Voucher.word, Voucher.number)
        conditions.append(place < (month_key, word, number_key))
    query = (
        select(Voucher)
        .where(*conditions)
        .order_by(Voucher.month.desc(), Voucher.word.desc(), Voucher.number.desc())
        .limit(limit + 1)
    )
    rows = session.scalars(query).all()
    shown = rows[:limit]
    records = {r.header["id"]: r for r in read_vouchers(session, org_id, [row.id for row in shown])}
    reversed_ids = _reversed(session, org_id, [row.id for row in shown])
    found = tuple(_row(records[row.id], row.id in reversed_ids, names) for row in shown)
    return found, found[-1].cursor if len(rows) > limit else ""


def _row(record: PostedRecord, is_reversed: bool, names: BookNames) -> VoucherRow:
    """Return one voucher for a list."""
    header, lines = record.header, [line.value for line in record.lines]
    own = [line for line in lines if not line.is_retag] or lines
    return VoucherRow(
        id=header["id"],
        month=header["month"],
        word=header["word"],
        number=header["number"],
        voucher_on=header["voucher_on"],
        summary=header["summary"],
        total_fen=header["total_fen"],
        kind=header["kind"],
        colour=header["colour"],
        attachment_count=len(record.attachments),
        is_reversed=is_reversed,
        debits=tuple(dict.fromkeys(names.account(line.account) for line in own if line.debit_fen)),
        credits=tuple(dict.fromkeys(names.account(line.account) for line in own if line.credit_fen)),
        purses=tuple(dict.fromkeys((line.fund, names.purse(line.fund, line.earmark)) for line in lines)),
        cursor=f"{header['month']}~{header['word']}~{header['number']}",
    )


def _reversed(session: Session, org_id: int, ids: Sequence[int]) -> set[int]:
    """Return which of these vouchers a red one has taken back in full."""
    query = select(Voucher.reverses_id).where(Voucher.org_id == org_id, Voucher.reverses_id.in_(ids))
    return {key for key in session.scalars(query) if key is not None}


def sum_vouchers(session: Session, org_id: int, wanted: VoucherFilter) -> tuple[int, int]:
    """Return how many vouchers a filter finds, and the sum of their totals in fen."""
    query = select(func.count(), sum_of(Voucher.total_fen)).where(*_conditions(org_id, wanted))
    count, total = session.execute(query).one()
    return count, total


def words_in_use(session: Session, org_id: int) -> list[str]:
    """Return the words of the books, in use so far."""
    query = select(Voucher.word).where(Voucher.org_id == org_id).distinct().order_by(Voucher.word)
    return list(session.scalars(query))


@dataclass(frozen=True, slots=True)
class Relative:
    """Another voucher tied to one: its number and what it is to it.

    Attributes:
        tie: ``reverses``, ``reversed_by``, ``corrects``, ``corrected_by`` or ``set``.
    """

    tie: str
    month: Month
    word: str
    number: int
    summary: str

    @property
    def number_text(self) -> str:
        """Return the number as people say it, with its month."""
        return f"{self.month} {number_text(self.word, self.number)}"


@dataclass(frozen=True, slots=True)
class VoucherView:
    """A posted voucher as its page shows it.

    Attributes:
        header: columns of the voucher.
        relatives: what it corrects, what corrects it, the others of its set.
        attachments: source documents, those added after posting behind the others.
        late_count: how many were added after posting.
        sources: (kind, id) of the business events its lines stand for, each once.
    """

    header: Mapping[str, Any]
    sheet: Sheet
    relatives: tuple[Relative, ...]
    attachments: tuple[AttachmentView, ...]
    late_count: int
    sources: tuple[tuple[str, int], ...]

    @property
    def month(self) -> Month:
        """Return the month of the books."""
        return Month.from_code(self.header["month"])

    @property
    def number_text(self) -> str:
        """Return the number as people say it: ``记-0007``."""
        return number_text(self.header["word"], self.header["number"])

    @property
    def people(self) -> tuple[int | None, ...]:
        """Return the logins that signed."""
        return self.sheet.people


def voucher_view(session: Session, org_id: int, voucher_id: int, names: BookNames) -> VoucherView:
    """Return a posted voucher as its page shows it.

    Raises:
        Refused: ``voucher_unknown``.
    """
    record = read_voucher(session, org_id, voucher_id)
    header = record.header
    sources = dict.fromkeys(
        (line.value.source_kind, line.value.source_id)
        for line in record.lines
        if line.value.source_kind and line.value.source_id is not None
    )
    rules = rule_reviews(session, org_id, [header["posting_rule_id"]])
    return VoucherView(
        header=header,
        sheet=voucher_sheet(record, names, rules.get(header["posting_rule_id"] or 0)),
        relatives=tuple(_relatives(session, org_id, header)),
        attachments=attachment_views(session, org_id, record.attachments),
        late_count=len(record.attachments) - header["attachment_count"],
        sources=tuple((kind, key) for kind, key in sources if key is not None),
    )


def _relatives(session: Session, org_id: int, header: Mapping[str, Any]) -> Iterator[Relative]:
    """Yield the vouchers tied to one, each once, in the order of what matters."""
    own = header["id"]
    ties: list[tuple[str, ColumnElement[bool]]] = [
        ("reversed_by", Voucher.reverses_id == own),
        ("corrected_by", Voucher.corrects_id == own),
    ]
    if header["reverses_id"] is not None:
        ties.insert(0, ("reverses", Voucher.id == header["reverses_id"]))
    if header["corrects_id"] is not None:
        ties.insert(0, ("corrects", Voucher.id == header["corrects_id"]))
    if header["set_id"] is not None:
        ties.append(("set", and_(Voucher.set_id == header["set_id"], Voucher.id != own)))
    seen: set[int] = set()
    for tie, condition in ties:
        query = (
            select(Voucher.id, Voucher.month, Voucher.word, Voucher.number, Voucher.summary)
            .where(Voucher.org_id == org_id, condition)
            .order_by(Voucher.month, Voucher.word, Voucher.number)
            .limit(50)
        )
        for key, month, word, number, summary in session.execute(query):
            if key not in seen:
                seen.add(key)
                yield Relative(tie, Month.from_code(month), word, number, summary)


def neighbours(session: Session, org_id: int, header: Mapping[str, Any]) -> tuple[int, int]:
    """Return the numbers before and after in the same month and word; 0 where there is none."""
    last = session.execute(
        select(func.max(Voucher.number)).where(
            Voucher.org_id == org_id, Voucher.month == header["month"], Voucher.word == header["word"]
        )
    ).scalar_one()
    number = header["number"]
    return number - 1, number + 1 if number < last else 0
