"""Which corrections of a posted voucher are lawful on a day, and what each would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import Problem, Refused
from charity.ledger.books import load_books
from charity.ledger.corrections import cancel_summary, correctable_voucher, remainder
from charity.ledger.draft_queries import OPEN_STATES
from charity.ledger.entry_queries import Preview, available, preview
from charity.ledger.models import Draft
from charity.ledger.naming import BookNames, LineView
from charity.ledger.reading import PostedRecord, read_voucher
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.periods import Month


@dataclass(frozen=True, slots=True)
class AmountLeft:
    """One line of a voucher whose amount may be corrected.

    Attributes:
        line: as posted.
        left_fen: what stands now, after earlier differences; on the line's own side.
    """

    line: LineView
    left_fen: int
    is_debit: bool


@dataclass(frozen=True, slots=True)
class CorrectionOutlook:
    """What may be done about a posted voucher.

    Attributes:
        refusal: why nothing may be done this way; None when it may.
        is_prior_year: whether the way is a blue voucher through 3201.
        cancel_text: the prescribed summary of the red voucher.
        correct_text: the prescribed summary of a correcting one.
        amounts: lines with what is left of them.
        reversal: what a reversal in full would book; None when refused.
        pending: drafts that correct this voucher already, by id.
    """

    record: PostedRecord
    refusal: Problem | None
    is_prior_year: bool
    cancel_text: str
    correct_text: str
    amounts: tuple[AmountLeft, ...]
    reversal: Preview | None
    pending: tuple[int, ...]


def correction_outlook(
    session: Session, actor: Actor, voucher_id: int, on: date, names: BookNames
) -> CorrectionOutlook:
    """Return what may be done about a posted voucher on a day.

    Args:
        actor: the reader.
        voucher_id: any posted voucher of these books.
        on: date of the correction.
        names: for the lines.

    Raises:
        Refused: ``voucher_unknown``.
    """
    refusal: Problem | None = None
    try:
        record = correctable_voucher(session, actor, voucher_id, on)
    except Refused as refused:
        record = read_voucher(session, actor.org_id, voucher_id)
        refusal = refused.problems[0]
    amounts: tuple[AmountLeft, ...] = ()
    reversal = None
    if refusal is None:
        books = load_books(session, actor.org_id, on)
        parts = remainder(session, actor.org_id, record)
        amounts = tuple(_amounts(record, {part.line: part.fen for part in parts}, names))
        red = tuple(_with_amount(part.line, -part.fen) for part in parts if part.fen)
        reversal = preview(session, actor.org_id, _voucher(record, red, on, "red"), books, names)
    pending = session.scalars(
        select(Draft.id).where(
            Draft.org_id == actor.org_id,
            or_(Draft.reverses_id == voucher_id, Draft.corrects_id == voucher_id),
            Draft.state.in_(OPEN_STATES),
        )
    )
    return CorrectionOutlook(
        record=record,
        refusal=refusal,
        is_prior_year=refusal is not None and refusal.code == "correction_prior_year",
        cancel_text=cancel_summary(record, "注销"),
        correct_text=cancel_summary(record, "订正"),
        amounts=amounts,
        reversal=reversal,
        pending=tuple(pending),
    )


def _amounts(record: PostedRecord, left: dict[DraftLine, int], names: BookNames) -> Iterator[AmountLeft]:
    """Yield what is left, line by line; lines alike in all but the amount are one."""
    for posted in record.lines:
        if posted.value in left:
            fen = left.pop(posted.value)
            yield AmountLeft(names.line(posted.line_no, posted.value), fen, posted.value.debit_fen != 0)


def _with_amount(line: DraftLine, fen: int) -> DraftLine:
    """Return a line with another amount on its own side."""
    is_debit = line.debit_fen != 0
    return replace(line, debit_fen=fen if is_debit else 0, credit_fen=0 if is_debit else fen)


def _voucher(record: PostedRecord, lines: Sequence[DraftLine], on: date, colour: str) -> DraftVoucher:
    """Return a correcting voucher for a look ahead."""
    return DraftVoucher(
        voucher_on=on,
        month=Month.of(on),
        summary=cancel_summary(record, "订正"),
        lines=tuple(lines),
        kind="correction",
        colour=colour,
        corrects_id=record.header["id"],
    )


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A fund that a correction of amounts would overdraw.

    Attributes:
        short_fen: by how much.
        is_borne: whether general money can bear it; else the fund is frozen.
    """

    fund: str
    purse: str
    short_fen: int
    is_borne: bool


def difference_preview(
    session: Session,
    org_id: int,
    outlook: CorrectionOutlook,
    amounts: Mapping[int, int],
    books: Books,
    names: BookNames,
) -> tuple[Preview | None, tuple[Shortfall, ...]]:
    """Return what correcting amounts would book, and the restricted funds it would overdraw.

    Args:
        amounts: line number of the original → right amount in fen.
        books: the codes on the correction's day.
    """
    changes = []
    values = {posted.line_no: posted.value for posted in outlook.record.lines}
    for row in outlook.amounts:
        given = amounts.get(row.line.number, row.left_fen) - row.left_fen
        if given:
            changes.append(_with_amount(values[row.line.number], given))
    if not changes:
        return None, ()
    is_blue = all(line.debit_fen + line.credit_fen > 0 for line in changes)
    draft = _voucher(outlook.record, changes, books.on, "blue" if is_blue else "red")
    found = preview(session, org_id, draft, books, names)
    general = next((p.after_fen or 0 for p in found.purses if p.fund == "GEN"), None)
    if general is None:
        general = _general(session, org_id, books)
    shortfalls = []
    for purse in found.purses:
        if purse.is_short and purse.after_fen is not None and books.funds[purse.fund].kind == "restricted":
            short = -purse.after_fen
            is_borne = general >= short
            general -= short if is_borne else 0
            shortfalls.append(Shortfall(purse.fund, purse.purse, short, is_borne))
    return found, tuple(shortfalls)


def _general(session: Session, org_id: int, books: Books) -> int:
    """Return what general money can bear now, in fen."""
    charter = books.funds["GEN"].default_earmark if "GEN" in books.funds else ""
    return available(session, org_id).get(("GEN", charter), 0)


def prior_year_lines(record: PostedRecord, books: Books) -> tuple[DraftLine, ...]:
    """Return the lines by which an error of a past year is corrected, amounts left open.

    Income and expense of the past are replaced by 3201 of the same restriction; the other
    lines stand as they were.

    Source: 会计基础工作规范 art. 51; 民非制度 财会〔2024〕25号 on 3201.
    """
    summary = cancel_summary(record, "订正")
    lines = []
    for posted in record.lines:
        value = posted.value
        if value.is_retag:
            continue
        bare = replace(value, debit_fen=0, credit_fen=0, summary=summary, cash_flow="")
        account = books.accounts.get(value.account)
        if account is not None and account.kind in ("income", "expense"):
            code = "320102" if account.restriction == "yes" else "320101"
            bare = replace(bare, account=code, net_asset_change="prior_year", activity_class="")
        lines.append(bare)
    return tuple(lines)
