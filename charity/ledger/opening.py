"""Taking books over from another system: proposed by one person, approved by another, once.

The workbook is kept as a source document; the second person approves its very bytes, which
are read again before, and judged again in, the transaction that takes them. The year's opening and the
turnover of the months passed become vouchers of the kind ``opening`` in series of their
own (期初, 前期), so that no number of the year's words is used. All or nothing: months
opened, vouchers posted, months closed, holds placed, lists kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.intake.limits import Bounds
from charity.intake.workbook import read_workbook
from charity.ledger import closing, drafting, posting, setup, spending
from charity.ledger.attachments import read_attachment, store_attachment
from charity.ledger.books import load_books
from charity.ledger.models import BookYear, Period, VoucherCounter
from charity.ledger.opening_kept import keep_lists
from charity.ledger.opening_models import Opening, OwedTicket
from charity.ledger.opening_plan import OpeningPlan, judge
from charity.ledger.opening_rows import HOLDS, INFO, MAX_ROWS, SHEETS, OpeningFile, read_sheets
from charity.ledger.opening_rules import number_refs, purse_of
from charity.ledger.rules import OPENING_SERIES, TAKEN_OVER_SERIES, DraftLine, DraftVoucher
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels, register_subjects
from charity.oplog.service import record
from charity.periods import Month

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

#: Read of a workbook at most: a sheet far longer than it may be, and all of them together.
_BOUNDS = Bounds(rows=2 * MAX_ROWS, cells=1_000_000, sheets=frozenset({INFO, *SHEETS}))

#: Problems told at once; a column in the wrong place has one a row.
MAX_SHOWN = 200

PROBLEMS = register(
    {
        "opening_more": N_("There are %(count)s more; correct these first."),
        "opening_taken": N_(
            "Books were taken over already, with %(month)s as their first month; it is done once."
        ),
        "opening_months_open": N_(
            "Months of these books are open already, the first is %(month)s; books are taken "
            "over before that."
        ),
        "opening_closing_monthly": N_(
            "%(year)s carries income and expense forward each month; books taken over within "
            "a year carry them "
            "forward at its end. Choose that for the year."
        ),
        "opening_none": N_("Nothing waits for approval; it may have been taken or withdrawn meanwhile."),
        "opening_same_person": N_("Whoever prepared an opening cannot approve it; another person does."),
        "ticket_unknown": N_("There is no such invoice to be issued; it may have been recorded already."),
        "ticket_number_missing": N_("Write the number of the invoice that was issued."),
    }
)
register_acts(
    {
        "ledger.propose_opening": N_("Prepared the take-over of books"),
        "ledger.withdraw_opening": N_("Withdrew the take-over of books"),
        "ledger.take_opening": N_("Took books over from another system"),
        "ledger.issue_owed": N_("Recorded an invoice owed from before"),
    }
)
register_subjects({"opening": N_("Opening"), "owed_ticket": N_("Invoice owed from before")})
register_labels({"system": N_("Other system"), "invoice_number": N_("Number of the invoice")})


@dataclass(frozen=True, slots=True)
class OpeningBook:
    """A workbook as read, before any transaction: reading takes seconds, judging does not.

    Attributes:
        sha256: of its bytes.
        file: its sheets as values; None when they cannot be read.
        problems: why they cannot.
    """

    sha256: str
    file: OpeningFile | None
    problems: tuple[Problem, ...]


def read_book(data: bytes, name: str) -> OpeningBook:
    """Return the known sheets of a workbook as values; asks no database.

    Args:
        data: the workbook as it came.
        name: its name, for the sentences.

    Raises:
        Refused: the file is no workbook, or holds far more than books need; see
            :func:`charity.intake.workbook.read_workbook`.
    """
    sheets = {sheet.sheet.strip(): sheet.rows for sheet in read_workbook(data, "xlsx", name, _BOUNDS)}
    file, problems = read_sheets(sheets)
    return OpeningBook(hashlib.sha256(data).hexdigest(), file, tuple(problems))


def read_opening(
    session: Session, *, org_id: int, book: OpeningBook, today: date
) -> tuple[OpeningPlan | None, list[Problem]]:
    """Return the plan of a workbook, or everything that keeps it from being taken.

    Args:
        book: the workbook as read.
        today: business date.
    """
    file, problems = book.file, list(book.problems)
    if file is None:
        return None, problems
    books = load_books(session, org_id, Month(file.start.year, 1).first_on)
    plan, problems = judge(file, books, today)
    if len(problems) > MAX_SHOWN:
        more = Problem("opening_more", {"count": len(problems) - MAX_SHOWN})
        problems = [*problems[:MAX_SHOWN], more]
    return plan, problems or _check_state(session, org_id, file)


def _check_state(session: Session, org_id: int, file: OpeningFile) -> list[Problem]:
    """Return why these books cannot take an opening any more, or not this one."""
    taken = session.scalar(
        select(Opening.start_month).where(Opening.org_id == org_id, Opening.state == "taken")
    )
    if taken is not None:
        return [Problem("opening_taken", {"month": Month.from_code(taken)})]
    first = session.scalar(
        select(Period.month).where(Period.org_id == org_id).order_by(Period.month).limit(1)
    )
    if first is not None:
        return [Problem("opening_months_open", {"month": Month.from_code(first)})]
    year = session.get(BookYear, (org_id, file.start.year))
    if year is not None and year.closing == "month" and file.start.number > 1:
        return [Problem("opening_closing_monthly", {"year": file.start.year})]
    return []


def waiting(session: Session, org_id: int, *, for_update: bool = False) -> Opening | None:
    """Return the opening that waits for its second person, None when there is none."""
    query = select(Opening).where(Opening.org_id == org_id, Opening.state == "proposed")
    return session.scalar(query.with_for_update() if for_update else query)


def propose_opening(
    session: Session,
    *,
    actor: Actor,
    data: bytes,
    name: str,
    data_dir: Path,
    today: date,
    book: OpeningBook | None = None,
) -> Opening:
    """Keep a workbook that ties, for a second person to approve.

    The same bytes again give the same answer; another workbook takes the place of the one
    that waited.

    Args:
        actor: needs ``ledger.draft``.
        data: the workbook.
        name: its name.
        data_dir: the data folder.
        today: business date.
        book: the workbook as :func:`read_book` gave it before the transaction; None to read it now.

    Raises:
        Refused: ``permission_missing``, or everything that does not tie.
    """
    if not actor.may("ledger.draft"):
        raise refuse("permission_missing", permission="ledger.draft")
    book = book or read_book(data, name)
    plan, problems = read_opening(session, org_id=actor.org_id, book=book, today=today)
    refuse_if(problems)
    assert plan is not None
    sha256 = store_attachment(
        session,
        actor=actor,
        data=data,
        name=name,
        media_type=MEDIA_TYPE,
        data_dir=data_dir,
        is_sealed=True,  # it names debtors and donors
    )
    known = waiting(session, actor.org_id, for_update=True)
    if known is not None and known.sha256 == sha256:
        return known
    if known is not None:
        known.state, known.reason = "withdrawn", "另一份工作簿取代"
        session.flush()
    row = _proposed(actor, plan, sha256)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:  # a second tab was faster
        raise refuse("opening_none") from error
    _log(session, actor, "ledger.propose_opening", row)
    return row


def _proposed(actor: Actor, plan: OpeningPlan, sha256: str) -> Opening:
    """Return the row of a workbook that waits for its second person."""
    return Opening(
        org_id=actor.org_id,
        sha256=sha256,
        start_month=plan.file.start.code,
        system=plan.file.system,
        proposer_id=actor.user_id,
        proposed_at=actor.at,
        approver_id=None,
        taken_at=None,
    )


def _log(session: Session, actor: Actor, act: str, row: Opening, **details: Any) -> None:
    """Log a step of an opening."""
    record(
        session,
        actor=actor,
        act=act,
        subject_kind="opening",
        subject_no=str(Month.from_code(row.start_month)),
        system=row.system,
        **details,
    )


def kept_book(session: Session, *, org_id: int, sha256: str, data_dir: Path) -> OpeningBook:
    """Return a workbook that was handed in before, read again from its bytes.

    Raises:
        Refused: see :func:`read_book`; ``attachment_unknown``, ``attachment_missing_bytes``.
    """
    stored, data = read_attachment(session, org_id=org_id, sha256=sha256, data_dir=data_dir)
    return read_book(data, stored.name)


def withdraw_opening(session: Session, *, actor: Actor, reason: str) -> None:
    """Put the opening that waits aside; the reason is kept.

    Raises:
        Refused: ``permission_missing``, ``opening_none``, ``reason_missing``.
    """
    if not (actor.may("ledger.draft") or actor.may("ledger.review")):
        raise refuse("permission_missing", permission="ledger.draft")
    row = waiting(session, actor.org_id, for_update=True)
    if row is None:
        raise refuse("opening_none")
    if not (why := clean_line(reason, 200)):
        raise refuse("reason_missing", "reason")
    row.state, row.reason = "withdrawn", why
    session.flush()
    _log(session, actor, "ledger.withdraw_opening", row, reason=why)


def approve_opening(
    session: Session,
    *,
    actor: Actor,
    sha256: str,
    data_dir: Path,
    today: date,
    book: OpeningBook | None = None,
) -> Opening:
    """Take the books over: everything in this transaction, or nothing.

    Approved twice it answers with what was taken.

    Args:
        actor: needs ``ledger.review``, ``ledger.post`` and ``ledger.close``; not the proposer.
        sha256: the workbook the person saw.
        data_dir: the data folder.
        today: business date.
        book: those bytes as :func:`read_book` gave them before the transaction; None to read them now.

    Raises:
        Refused: ``permission_missing``, ``opening_none``, ``opening_same_person``, and what
            does not tie any more.
    """
    for permission in ("ledger.review", "ledger.post", "ledger.close"):
        if not actor.may(permission):
            raise refuse("permission_missing", permission=permission)
    row = waiting(session, actor.org_id, for_update=True)
    if row is None or row.sha256 != sha256:
        taken = session.scalar(
            select(Opening).where(
                Opening.org_id == actor.org_id, Opening.state == "taken", Opening.sha256 == sha256
            )
        )
        if taken is None:
            raise refuse("opening_none")
        return taken
    if row.proposer_id == actor.user_id:
        raise refuse("opening_same_person")
    if book is None or book.sha256 != sha256:
        book = kept_book(session, org_id=actor.org_id, sha256=sha256, data_dir=data_dir)
    plan, problems = read_opening(session, org_id=actor.org_id, book=book, today=today)
    refuse_if(problems)
    assert plan is not None
    # What the proposer did was done with a right held then; the approver answers for now.
    maker = Actor(
        row.proposer_id, actor.org_id, "", frozenset({"ledger.draft", "ledger.hold"}), row.proposed_at
    )
    _take(session, maker, actor, row, plan, today)
    row.state, row.approver_id, row.taken_at = "taken", actor.user_id, actor.at
    session.flush()
    count = len(plan.vouchers)
    _log(session, actor, "ledger.take_opening", row, count=count)
    return row


def _take(session: Session, maker: Actor, actor: Actor, row: Opening, plan: OpeningPlan, today: date) -> None:
    """Open months, post the opening and the months passed, close them, keep the rest."""
    start = plan.file.start
    months = [Month(start.year, number) for number in range(1, start.number + 1)]
    for month in months:
        setup.open_month(session, actor=actor, month=month)
    refs = number_refs(plan.file.rows)
    for place, (month, lines) in enumerate(plan.vouchers):
        series = OPENING_SERIES if plan.has_opening and place == 0 else TAKEN_OVER_SERIES
        _post(session, maker, actor, row, (month, lines, series, refs.get(month, "")), today)
    for month in months[:-1]:
        closing.close_month(session, actor=actor, month=month, on=today)
    for hold in plan.file.rows[HOLDS]:
        fund, earmark = purse_of(hold, load_books(session, actor.org_id, today))
        spending.place_hold(
            session,
            actor=maker,
            fund=fund,
            earmark=earmark,
            amount_fen=hold.fen("amount"),
            subject=hold.text("subject"),
            on=today,
            ask_on=hold.day("ask_on"),
            idempotency_key=f"opening-hold-{hold.number}",
        )
    keep_lists(session, actor=actor, plan=plan)


def _post(
    session: Session,
    maker: Actor,
    actor: Actor,
    row: Opening,
    voucher: tuple[Month, Sequence[DraftLine], str, str],
    today: date,
) -> None:
    """Post one voucher of the opening through the ordinary steps, in its own series."""
    month, lines, series, ref = voucher
    is_start = series == OPENING_SERIES
    session.add(VoucherCounter(org_id=actor.org_id, month=month.code, word=series, last_no=0, is_open=True))
    session.flush()
    draft = DraftVoucher(
        month.first_on if is_start else month.last_on,
        month,
        _summary(month, row.system, is_start),
        tuple(lines),
        kind="opening",
        attachments=(row.sha256,),
    )
    key = f"opening-{month.code}-{series}-{row.id}"
    origin = drafting.DraftOrigin(idempotency_key=key, ref=ref)
    made = drafting.make_draft(session, actor=maker, draft=draft, origin=origin)
    made.series = series
    drafting.submit_drafts(session, actor=maker, draft_ids=[made.id])
    drafting.review_drafts(session, actor=actor, draft_ids=[made.id])
    posting.post_drafts(session, actor=actor, draft_ids=[made.id], on=today)


def _summary(month: Month, system: str, is_start: bool) -> str:
    """Return the summary of a voucher of the opening."""
    if is_start:
        return f"{month.year}年年初余额"
    return f"{month.year}年{month.number}月前期发生额（自{system}转入）"


def issue_owed(session: Session, *, actor: Actor, ticket_id: int, invoice_number: str) -> None:
    """Record the number of an invoice that was owed from before and is now issued.

    Raises:
        Refused: ``permission_missing``, ``ticket_unknown``, ``ticket_number_missing``.
    """
    if not actor.may("ledger.draft"):
        raise refuse("permission_missing", permission="ledger.draft")
    ticket = session.scalar(
        select(OwedTicket)
        .where(OwedTicket.org_id == actor.org_id, OwedTicket.id == ticket_id)
        .with_for_update()
    )
    if ticket is None or ticket.invoice_number is not None:
        raise refuse("ticket_unknown")
    if not (number := clean_line(invoice_number, 40)):
        raise refuse("ticket_number_missing", "invoice_number")
    ticket.invoice_number, ticket.issued_by, ticket.issued_at = number, actor.user_id, actor.at
    session.flush()
    record(
        session,
        actor=actor,
        act="ledger.issue_owed",
        subject_kind="owed_ticket",
        subject_no=ticket.ref,
        invoice_number=number,
    )
