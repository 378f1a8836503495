"""Acts on staged rows: decide, and book what is decided.

One verb per act; flushes, never commits. Booking itself is a job, see ``booking``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if
from charity.imports import reading
from charity.imports.kinds import booker_of
from charity.imports.models import ImportFile, ImportRow
from charity.imports.rules import action_of, check_decision, check_file_act
from charity.imports.staging import load_file, load_for, need
from charity.jobs.models import Job
from charity.jobs.service import enqueue
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record

register_acts(
    {
        "imports.decide": N_("Decided about rows of a file"),
        "imports.book": N_("Started to book a file"),
        "imports.hand_out": N_("Downloaded a file that was read in"),
    }
)
register_labels({"action": N_("Decision")})


def decide_rows(
    session: Session,
    *,
    actor: Actor,
    file_id: int,
    row_nos: Sequence[int],
    action: str,
    params: Mapping[str, Any] | None = None,
) -> list[ImportRow]:
    """Choose what booking does with rows instead of their verdicts' own action.

    Args:
        actor: needs ``imports.book``.
        row_nos: rows of the file.
        action: a key of ``rules.ACTIONS``; empty takes an earlier decision back.
        params: what else was said, e.g. ``{"fee_fen": 120}`` of a settlement.

    Raises:
        Refused: ``import_state``, ``import_running``, ``row_unknown``, ``row_ended``,
            ``decision_not_possible``; nothing is decided then.
    """
    need(actor, "imports.book")
    file = load_for(session, actor, file_id, "decide")
    rows: list[ImportRow] = []
    for start in range(0, len(row_nos), reading.CHUNK):
        part = row_nos[start : start + reading.CHUNK]
        query = select(ImportRow).where(
            ImportRow.org_id == actor.org_id, ImportRow.file_id == file.id, ImportRow.row_no.in_(part)
        )
        rows += session.scalars(query.order_by(ImportRow.row_no).execution_options(populate_existing=True))
    if len(rows) != len(set(row_nos)):
        raise refuse("row_unknown")
    problems: list[Problem] = []
    for row in rows:
        problems += check_decision(row.row_no, row.state, row.verdict, row.is_credit, action)
    refuse_if(problems)
    for row in rows:
        row.decision, row.decision_params = action, dict(params or {})
        row.decided_by, row.decided_at = actor.user_id, actor.at
        row.action, row.state = action_of(row.verdict, action), "staged"
    session.flush()
    record(
        session,
        actor=actor,
        act="imports.decide",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        action=action or "–",
        count=len(rows),
    )
    return rows


def decide_alike(
    session: Session, *, actor: Actor, file_id: int, verdict: str, action: str
) -> list[ImportRow]:
    """Choose one action for every open row of a verdict, as :func:`decide_rows` does.

    Args:
        verdict: rows of this verdict that nobody has decided about.
    """
    row_nos = session.scalars(
        select(ImportRow.row_no).where(
            ImportRow.org_id == actor.org_id,
            ImportRow.file_id == file_id,
            ImportRow.verdict == verdict,
            ImportRow.decision == "",
            ImportRow.state.in_(("staged", "parked")),
        )
    ).all()
    if not row_nos:
        return []
    return decide_rows(session, actor=actor, file_id=file_id, row_nos=row_nos, action=action)


def check_bookable(session: Session, file: ImportFile) -> list[Problem]:
    """Return why nothing of a file can be booked now."""
    problems = check_file_act(file.state, "book")
    if problems:
        return problems
    if not file.is_sound:
        problems += [Problem("import_not_bookable"), *reading.file_problems(file, notes=False)]
    if not file.place:
        problems.append(Problem("import_place_missing", where="place"))
    if booker_of(file.form) is None:
        problems.append(Problem("import_form_unbookable"))
    return problems


def prepare_booking(session: Session, *, actor: Actor, file_id: int) -> tuple[ImportFile, int]:
    """Refuse a file that cannot be booked; let parked rows be tried again.

    Args:
        actor: needs ``imports.book``.

    Returns:
        The file, locked, and how many rows wait to be booked.

    Raises:
        Refused: ``import_state``, ``import_running``, ``import_not_bookable``,
            ``import_place_missing``, ``import_nothing``, ``permission_missing``.
    """
    need(actor, "imports.book")
    file = load_for(session, actor, file_id, "book")
    refuse_if(check_bookable(session, file))
    waiting = (ImportRow.org_id == file.org_id, ImportRow.file_id == file.id, ImportRow.action != "")
    # What was parked is tried again: the reason may be gone, a bill booked meanwhile.
    session.execute(
        update(ImportRow)
        .where(*waiting, ImportRow.state == "parked")
        .values(state="staged")
        .execution_options(synchronize_session=False)
    )
    count = session.scalar(
        select(func.count()).select_from(ImportRow).where(*waiting, ImportRow.state == "staged")
    )
    if not count:
        raise refuse("import_nothing")
    return file, count


def start_booking(session: Session, *, actor: Actor, file_id: int) -> Job:
    """Book what is decided of a file, by a job that can be watched, cancelled and resumed.

    Args:
        actor: needs ``imports.book``; becomes the maker of the drafts.

    Raises:
        Refused: see :func:`prepare_booking`.
    """
    file, count = prepare_booking(session, actor=actor, file_id=file_id)
    job = enqueue(session, actor=actor, kind="imports.book", params={"file_id": file.id}, total=count)
    file.job_id = job.id
    session.flush()
    record(
        session,
        actor=actor,
        act="imports.book",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        count=count,
    )
    return job


def hand_out(session: Session, *, actor: Actor, file_id: int, reason: str) -> None:
    """Note who was handed a file as it was dropped, and why: it holds numbers in clear.

    Args:
        actor: needs ``imports.read``.

    Raises:
        Refused: ``permission_missing``, ``reason_missing``, ``import_unknown``.

    Source: 个人信息保护法 art. 28, 51.
    """
    need(actor, "imports.read")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    file = load_file(session, actor.org_id, file_id)
    record(
        session,
        actor=actor,
        act="imports.hand_out",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        reason=clean_line(reason, 400),
    )
