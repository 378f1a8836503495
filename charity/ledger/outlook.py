"""What posting a set of drafts would do: numbers, sums, funds afterwards; nothing is written.

The answer is a forecast: posting itself judges again, inside its transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import Problem
from charity.ledger import states
from charity.ledger.books import load_books
from charity.ledger.drafting import facts
from charity.ledger.entry_queries import available, held_by
from charity.ledger.judging import check_month, draft_value
from charity.ledger.models import Draft, VoucherCounter
from charity.ledger.naming import BookNames
from charity.ledger.rules import (
    Books,
    DraftVoucher,
    check_attachments,
    check_draft,
    derive_word,
    guarded_deltas,
    takes_restricted,
)
from charity.ledger.sealed_models import Voucher
from charity.ledger.spending import check_spending
from charity.periods import Month


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers that would be given in one month and word."""

    month: Month
    word: str
    first_no: int
    last_no: int
    count: int
    total_fen: int


@dataclass(frozen=True, slots=True)
class FundChange:
    """What a fund and earmark could spend before and after, in fen."""

    fund: str
    purse: str
    before_fen: int
    change_fen: int
    after_fen: int


@dataclass(frozen=True, slots=True)
class PostingOutlook:
    """What posting would do.

    Attributes:
        count: vouchers.
        total_fen: sum of their totals.
        numbers: per month and word, in order.
        funds: what could be spent before and after.
        problems: draft → what keeps it back; empty when all may be posted.
        shortages: every fund that posting them in order would overdraw.
    """

    count: int
    total_fen: int
    numbers: tuple[NumberRange, ...]
    funds: tuple[FundChange, ...]
    problems: Mapping[int, Problem]
    shortages: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """One draft that may be posted, with what follows from it.

    Attributes:
        takes: whether it stands behind the others of its set, see ``rules.takes_restricted``.
    """

    row: Draft
    draft: DraftVoucher
    word: str
    deltas: Mapping[tuple[str, str], int]
    takes: bool


def posting_outlook(
    session: Session, actor: Actor, draft_ids: Sequence[int], on: date, names: BookNames
) -> PostingOutlook:
    """Return what posting these drafts would do.

    Args:
        actor: who would post.
        draft_ids: at most some hundreds; those posted already are left out.
        on: today.
        names: for funds.
    """
    rows: list[Draft] = []
    for start in range(0, len(draft_ids), 500):
        part = draft_ids[start : start + 500]
        rows += session.scalars(select(Draft).where(Draft.org_id == actor.org_id, Draft.id.in_(part)))
    place = {draft_id: number for number, draft_id in enumerate(draft_ids)}
    rows = [row for row in rows if row.state != "posted"]
    rows.sort(key=lambda row: (row.month, row.voucher_on, place[row.id]))
    books: dict[date, Books] = {}
    problems: dict[int, Problem] = {}
    judged: list[_Judged] = []
    for row in rows:
        if row.voucher_on not in books:
            books[row.voucher_on] = load_books(session, actor.org_id, row.voucher_on)
        codes, draft = books[row.voucher_on], draft_value(row)
        if found := _check_row(row, draft, codes, actor, on):
            problems[row.id] = found[0]
        else:
            word = derive_word(draft.lines, codes)
            deltas = guarded_deltas(draft.lines, codes)
            takes = row.set_id is not None and takes_restricted(deltas, codes)
            judged.append(_Judged(row, draft, word, deltas, takes))
    counters = _counters(session, actor.org_id)
    problems |= _check_counters(session, actor.org_id, judged, counters)
    judged = [item for item in judged if item.row.id not in problems]
    return PostingOutlook(
        count=len(rows),
        total_fen=sum(row.total_fen for row in rows),
        numbers=tuple(_numbers(judged, counters)),
        funds=tuple(_funds(session, actor.org_id, judged, names)),
        problems=problems,
        shortages=tuple(_shortages(session, actor.org_id, judged)),
    )


def _check_row(row: Draft, draft: DraftVoucher, books: Books, actor: Actor, on: date) -> list[Problem]:
    """Return what keeps one draft back by itself."""
    problems = states.check_step("post", facts(row), actor.user_id, actor.permissions)
    if row.voucher_on > on:
        problems.append(Problem("voucher_future", {"on": on}, "voucher_on"))
    return problems or check_draft(draft, books) + check_attachments(draft)


def _counters(session: Session, org_id: int) -> dict[tuple[int, str], int]:
    """Return (month, word) → last number of the months that are open."""
    rows = session.execute(
        select(VoucherCounter.month, VoucherCounter.word, VoucherCounter.last_no).where(
            VoucherCounter.org_id == org_id, VoucherCounter.is_open
        )
    )
    return {(month, word): last_no for month, word, last_no in rows}


def _check_counters(
    session: Session, org_id: int, judged: Sequence[_Judged], counters: Mapping[tuple[int, str], int]
) -> dict[int, Problem]:
    """Return drafts whose month is not open, or that are dated before the last one posted (序时)."""
    problems: dict[int, Problem] = {}
    last_days: dict[tuple[int, str], date | None] = {}
    for item in judged:
        key = (item.row.month, item.word)
        if key not in counters:
            month = Month.from_code(item.row.month)
            found = check_month(session, org_id, month)
            problems[item.row.id] = found[0] if found else Problem("period_not_open", {"month": month})
            continue
        if key not in last_days:
            last_days[key] = session.scalar(
                select(func.max(Voucher.voucher_on)).where(
                    Voucher.org_id == org_id, Voucher.month == key[0], Voucher.word == key[1]
                )
            )
        last_on = last_days[key]
        if last_on is not None and item.row.voucher_on < last_on:
            values = {"on": item.row.voucher_on, "word": item.word, "number": counters[key], "last": last_on}
            problems[item.row.id] = Problem("date_before_last", values, "voucher_on")
    return problems


def _numbers(judged: Sequence[_Judged], counters: Mapping[tuple[int, str], int]) -> Iterator[NumberRange]:
    """Yield the numbers that would be given."""
    groups: dict[tuple[int, str], list[_Judged]] = defaultdict(list)
    for item in judged:
        groups[item.row.month, item.word].append(item)
    for (month, word), group in sorted(groups.items()):
        last = counters[month, word]
        total = sum(item.row.total_fen for item in group)
        yield NumberRange(Month.from_code(month), word, last + 1, last + len(group), len(group), total)


def _funds(
    session: Session, org_id: int, judged: Sequence[_Judged], names: BookNames
) -> Iterator[FundChange]:
    """Yield what each fund touched could spend before and after."""
    before = available(session, org_id)
    changes: dict[tuple[str, str], int] = defaultdict(int)
    for item in judged:
        for key, fen in item.deltas.items():
            changes[key] += fen
    held = held_by(session, org_id, [item.row.hold_id for item in judged])
    for (fund, earmark), change in sorted(changes.items()):
        now = before.get((fund, earmark), 0)
        # A voucher that pays a hold gives the hold back and takes its own amount.
        moved = change + held.get((fund, earmark), 0)
        yield FundChange(fund, names.purse(fund, earmark), now, moved, now + moved)


def _shortages(session: Session, org_id: int, judged: Sequence[_Judged]) -> list[Problem]:
    """Return the overdrafts; a correction of fact that declares an incident may make one."""
    order = sorted(judged, key=lambda item: (item.row.month, item.row.voucher_on, item.takes))
    items = [(item.draft, item.deltas, item.row.hold_id) for item in order if not item.row.incident_reason]
    return check_spending(session, org_id, items)
