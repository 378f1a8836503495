"""Reads of staged files for pages: lists, one file with its verdicts, its rows page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.errors import SENTENCES, Problem
from charity.imports.kinds import Booked
from charity.imports.models import ImportFile, ImportMapping, ImportRow
from charity.imports.rules import VERDICTS, Tally, possible_actions
from charity.imports.stored_rows import row_value
from charity.intake.rows import IncomingRow
from charity.jobs.models import Job
from charity.jobs.rules import ENDED

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of the list.

    Attributes:
        open_count: rows that wait for a person; ``booked_count`` became events.
        is_working: a job is reading, judging or booking it.
        is_sound: it agrees with itself, so that it can be booked.
    """

    number: str
    name: str
    form: str
    place: str
    state: str
    row_count: int
    open_count: int
    booked_count: int
    first_on: date | None
    last_on: date | None
    dropped_by: str
    dropped_at: datetime
    is_working: bool
    is_sound: bool
    cursor: int


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of a file as the preview shows it.

    Attributes:
        reason: why the judge says so, or why it could not be booked; None when it speaks
            for itself.
        actions: what a person may choose.
        event: what it became; None before.
        is_open: whether it waits for a person.
    """

    row_no: int
    on: date | None
    amount_fen: int
    is_credit: bool
    name: str
    words: str
    reference: str
    verdict: str
    reason: Problem | None
    target: str
    decision: str
    action: str
    state: str
    actions: tuple[str, ...]
    event: Booked | None
    is_open: bool


def find_file(session: Session, org_id: int, number: str) -> ImportFile | None:
    """Return a file of these books by its number; None where there is none."""
    return session.scalar(
        select(ImportFile).where(ImportFile.org_id == org_id, ImportFile.public_no == number)
    )


def file_of_bytes(session: Session, org_id: int, sha256: str) -> ImportFile | None:
    """Return the last file dropped with these bytes, set aside or not; None when there is none."""
    return session.scalar(
        select(ImportFile)
        .where(ImportFile.org_id == org_id, ImportFile.sha256 == sha256)
        .order_by(ImportFile.id.desc())
        .limit(1)
    )


def list_files(
    session: Session, org_id: int, *, before: int | None = None, limit: int = PAGE_ROWS
) -> list[FileRow]:
    """Return dropped files, newest first, one more than ``limit`` when there are more.

    Args:
        before: cursor of the last file of the page before.
    """
    query = select(ImportFile, Job.state).outerjoin(
        Job, (Job.org_id == ImportFile.org_id) & (Job.id == ImportFile.job_id)
    )
    query = query.where(ImportFile.org_id == org_id)
    if before is not None:
        query = query.where(ImportFile.id < before)
    found = session.execute(query.order_by(ImportFile.id.desc()).limit(limit + 1)).all()
    counts = _counts(session, org_id, [file.id for file, _state in found])
    return [
        FileRow(
            number=file.public_no,
            name=file.name,
            form=file.form,
            place=file.place,
            state=file.state,
            row_count=file.row_count,
            open_count=counts.get(file.id, (0, 0))[0],
            booked_count=counts.get(file.id, (0, 0))[1],
            first_on=file.first_on,
            last_on=file.last_on,
            dropped_by=file.dropped_by_name,
            dropped_at=file.dropped_at,
            is_working=state is not None and state not in ENDED,
            is_sound=file.is_sound,
            cursor=file.id,
        )
        for file, state in found
    ]


def _counts(session: Session, org_id: int, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return file → rows that wait for a person, rows booked."""
    if not ids:
        return {}
    rows = session.execute(
        select(ImportRow.file_id, sum_of(_is_open()), sum_of(case((ImportRow.state == "booked", 1), else_=0)))
        .where(ImportRow.org_id == org_id, ImportRow.file_id.in_(ids))
        .group_by(ImportRow.file_id)
    )
    return {file_id: (open_count, booked) for file_id, open_count, booked in rows}


def _is_open() -> Any:
    """Return 1 for a row that waits for a person, else 0."""
    waits = (ImportRow.state == "parked") | ((ImportRow.state == "staged") & (ImportRow.action == ""))
    return case((waits, 1), else_=0)


def _is_unanswered() -> ColumnElement[bool]:
    """Return the condition of rows their verdict still holds for."""
    is_asked = ImportRow.verdict.in_(("ask", "error"))
    return or_(
        ImportRow.state == "parked", and_(ImportRow.state == "staged", or_(~is_asked, ImportRow.action == ""))
    )


def tallies(session: Session, org_id: int, file_id: int) -> list[Tally]:
    """Return the rows of a file that are not done with, by verdict, in the order of :data:`rules.VERDICTS`.

    What is booked, left out, or asked about and answered is in none of them.
    """
    rows = session.execute(
        select(
            ImportRow.verdict,
            func.count(),
            sum_of(case((ImportRow.is_credit, ImportRow.amount_fen), else_=0)),
            sum_of(case((ImportRow.is_credit, 0), else_=ImportRow.amount_fen)),
            sum_of(_is_open()),
        )
        .where(ImportRow.org_id == org_id, ImportRow.file_id == file_id, _is_unanswered())
        .group_by(ImportRow.verdict)
    )
    found = {row[0]: Tally(*row) for row in rows}
    return [found[verdict] for verdict in VERDICTS if verdict in found]


def count_states(session: Session, org_id: int, file_id: int) -> Mapping[str, int]:
    """Return how many rows of a file are in each state; ``ready`` are staged and decided."""
    # PostgreSQL does not see that an expression with a parameter groups by itself: it is summed.
    rows = session.execute(
        select(ImportRow.state, func.count(), sum_of(case((ImportRow.action != "", 1), else_=0)))
        .where(ImportRow.org_id == org_id, ImportRow.file_id == file_id)
        .group_by(ImportRow.state)
    )
    counts: dict[str, int] = {"staged": 0, "booked": 0, "skipped": 0, "parked": 0, "ready": 0}
    for state, count, decided in rows:
        counts[state] += count
        if state in ("staged", "parked"):
            counts["ready"] += decided
    return counts


def page_of_rows(
    session: Session,
    org_id: int,
    file_id: int,
    *,
    verdict: str = "",
    after: int = 0,
    only_open: bool = False,
    limit: int = PAGE_ROWS,
) -> list[RowView]:
    """Return rows of a file in its order, one more than ``limit`` when there are more.

    Args:
        verdict: a key of :data:`rules.VERDICTS`, of which those done with are left out; empty
            for all rows.
        after: number of the last row of the page before.
        only_open: rows that wait for a person only.
    """
    query = select(ImportRow).where(
        ImportRow.org_id == org_id, ImportRow.file_id == file_id, ImportRow.row_no > after
    )
    if verdict:
        query = query.where(ImportRow.verdict == verdict, _is_unanswered())
    if only_open:
        query = query.where(_is_open() == 1)
    rows = session.scalars(query.order_by(ImportRow.row_no).limit(limit + 1))
    return [row_view(row) for row in rows]


def next_open_row(session: Session, org_id: int, file_id: int, after: int) -> int | None:
    """Return the number of the next row that waits for a person, from the top again at the end."""
    query = select(ImportRow.row_no).where(
        ImportRow.org_id == org_id, ImportRow.file_id == file_id, _is_open() == 1
    )
    order = query.order_by(ImportRow.row_no).limit(1)
    found = session.scalar(order.where(ImportRow.row_no > after))
    return found if found is not None else session.scalar(order)


def row_view(row: ImportRow) -> RowView:
    """Return a row as the preview shows it."""
    reason = Problem(row.reason, row.reason_params) if row.reason in SENTENCES else None
    is_ended = row.state in ("booked", "skipped")
    return RowView(
        row_no=row.row_no,
        on=row.on,
        amount_fen=row.amount_fen,
        is_credit=row.is_credit,
        name=row.name,
        words=row.words,
        reference=row.reference,
        verdict=row.verdict,
        reason=reason,
        target=row.target,
        decision=row.decision,
        action=row.action,
        state=row.state,
        actions=() if is_ended else possible_actions(row.verdict, row.is_credit),
        event=Booked(row.event_kind, row.event_id) if row.event_id is not None else None,
        is_open=row.state == "parked" or (row.state == "staged" and row.action == ""),
    )


def find_row(
    session: Session, org_id: int, file_id: int, row_no: int
) -> tuple[RowView, IncomingRow, ImportRow] | None:
    """Return one row as shown, as it was read, and as it is kept; None where there is none."""
    row = session.scalar(
        select(ImportRow).where(
            ImportRow.org_id == org_id, ImportRow.file_id == file_id, ImportRow.row_no == row_no
        )
    )
    return (row_view(row), row_value(row.content), row) if row is not None else None


def count_waiting(session: Session, org_id: int) -> tuple[int, int]:
    """Return how many files wait to be booked, and how many rows of them wait for a person."""
    files = session.scalars(
        select(ImportFile.id).where(ImportFile.org_id == org_id, ImportFile.state.in_(("unmapped", "judged")))
    ).all()
    counts = _counts(session, org_id, files)
    return len(files), sum(open_count for open_count, _booked in counts.values())


def remembered_answers(session: Session, org_id: int) -> list[ImportMapping]:
    """Return the answers about columns that are remembered, the latest first."""
    return list(
        session.scalars(
            select(ImportMapping)
            .where(ImportMapping.org_id == org_id)
            .order_by(ImportMapping.answered_at.desc())
        )
    )
