"""Reads of drafts: lists, the queues of review, cash and posting, and one draft's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import Problem, refuse
from charity.ids import key_of
from charity.ledger import states
from charity.ledger.drafting import facts
from charity.ledger.judging import draft_value
from charity.ledger.models import (
    Attachment,
    Draft,
)
from charity.ledger.naming import BookNames
from charity.ledger.people import rule_reviews
from charity.ledger.rules import (
    DraftLine,
)
from charity.ledger.sheets import Sheet, draft_sheet

T = TypeVar("T")

OPEN_STATES = ("draft", "submitted", "reviewed", "signed")
PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class DraftFilter:
    """What a list of drafts shows; an empty field does not filter.

    Attributes:
        states: any of these.
        queue: ``review``, ``sign`` or ``post``: what waits for that act.
        maker_ids: made by one of these logins; empty finds nothing.
        least_fen, most_fen: total, both included.
        text: part of the summary or the reference.
    """

    states: tuple[str, ...] = OPEN_STATES
    queue: str = ""
    month: int | None = None
    from_on: date | None = None
    until_on: date | None = None
    maker_ids: tuple[int, ...] | None = None
    least_fen: int | None = None
    most_fen: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One draft in a list.

    Attributes:
        debits, credits: names of the accounts on each side, each once.
        purses: funds (and earmarks) it touches, as (fund code, text).
        problem: why the reader may not take the queue's step; None when he may.
        cursor: where the rows after this one begin.
    """

    id: int
    voucher_on: date
    month: int
    summary: str
    total_fen: int
    state: str
    kind: str
    colour: str
    maker_id: int
    reviewer_id: int | None
    line_count: int
    attachment_count: int
    is_rule_made: bool
    returned_reason: str
    set_id: int | None
    debits: tuple[str, ...]
    credits: tuple[str, ...]
    purses: tuple[tuple[str, str], ...]
    problem: Problem | None
    cursor: str


_QUEUES: Mapping[str, ColumnElement[bool]] = {
    "review": Draft.state == "submitted",
    "sign": and_(Draft.state == "reviewed", Draft.has_money),
    "post": or_(Draft.state == "signed", and_(Draft.state == "reviewed", ~Draft.has_money)),
}


def _conditions(org_id: int, wanted: DraftFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter."""
    found: list[ColumnElement[bool]] = [Draft.org_id == org_id]
    found.append(_QUEUES[wanted.queue] if wanted.queue else Draft.state.in_(wanted.states))
    for value, condition in (
        (wanted.month, Draft.month == wanted.month),
        (wanted.from_on, Draft.voucher_on >= (wanted.from_on or date.min)),
        (wanted.until_on, Draft.voucher_on <= (wanted.until_on or date.max)),
        (wanted.maker_ids, Draft.maker_id.in_(wanted.maker_ids or ())),
        (wanted.least_fen, func.abs(Draft.total_fen) >= (wanted.least_fen or 0)),
        (wanted.most_fen, func.abs(Draft.total_fen) <= (wanted.most_fen or 0)),
    ):
        if value is not None:
            found.append(condition)
    if wanted.text:
        pattern = f"%{like(wanted.text)}%"
        found.append(or_(Draft.summary.ilike(pattern, escape="\\"), Draft.ref.ilike(pattern, escape="\\")))
    return found


def like(text: str) -> str:
    """Return text for LIKE with its wildcards taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def list_drafts(
    session: Session,
    actor: Actor,
    wanted: DraftFilter,
    names: BookNames,
    *,
    cursor: str = "",
    limit: int = PAGE_ROWS,
) -> tuple[tuple[DraftRow, ...], str]:
    """Return one page of drafts by date, and the cursor of the next; empty on the last page.

    Args:
        actor: the reader; a queue says which rows he may not act on, and why.
        wanted: the filter.
        names: for accounts and funds.
        cursor: ``DraftRow.cursor`` of the last row before; empty for the first page.
        limit: how many rows.
    """
    conditions = _conditions(actor.org_id, wanted)
    on, _, number = cursor.partition("~")
    if (key := key_of(number)) is not None:
        try:
            day = date.fromisoformat(on)
        except ValueError:
            day = date.min
        conditions.append(or_(Draft.voucher_on > day, and_(Draft.voucher_on == day, Draft.id > key)))
    query = select(Draft).where(*conditions).order_by(Draft.voucher_on, Draft.id).limit(limit + 1)
    rows = session.scalars(query).all()
    found = tuple(_row(row, wanted.queue, actor, names) for row in rows[:limit])
    return found, found[-1].cursor if len(rows) > limit else ""


def read_rows(
    session: Session, actor: Actor, draft_ids: Sequence[int], act: str, names: BookNames
) -> tuple[DraftRow, ...]:
    """Return drafts by date with what keeps the reader from an act; unknown ids are left out."""
    rows: list[Draft] = []
    for start in range(0, len(draft_ids), 500):
        rows += session.scalars(
            select(Draft).where(Draft.org_id == actor.org_id, Draft.id.in_(draft_ids[start : start + 500]))
        )
    rows.sort(key=lambda row: (row.month, row.voucher_on, row.id))
    return tuple(_row(row, act, actor, names) for row in rows)


def find_drafts(session: Session, org_id: int, wanted: DraftFilter, limit: int) -> list[int]:
    """Return the drafts a filter finds, by month and date, at most so many."""
    query = select(Draft.id).where(*_conditions(org_id, wanted))
    return list(session.scalars(query.order_by(Draft.month, Draft.voucher_on, Draft.id).limit(limit)))


def count_drafts(session: Session, org_id: int, wanted: DraftFilter) -> int:
    """Return how many drafts a filter finds."""
    query = select(func.count()).select_from(Draft).where(*_conditions(org_id, wanted))
    return session.execute(query).scalar_one()


def _row(row: Draft, act: str, actor: Actor, names: BookNames) -> DraftRow:
    """Return one draft for a list."""
    lines = [DraftLine.from_json(line) for line in row.lines]
    own = [line for line in lines if not line.is_retag] or lines
    problems = states.check_step(act, facts(row), actor.user_id, actor.permissions) if act else []
    return DraftRow(
        id=row.id,
        voucher_on=row.voucher_on,
        month=row.month,
        summary=row.summary,
        total_fen=row.total_fen,
        state=row.state,
        kind=row.kind,
        colour=row.colour,
        maker_id=row.maker_id,
        reviewer_id=row.reviewer_id,
        line_count=len(lines),
        attachment_count=len(row.attachments),
        is_rule_made=row.posting_rule_id is not None,
        returned_reason=row.returned_reason,
        set_id=row.set_id,
        debits=_once(names.account(line.account) for line in own if line.debit_fen),
        credits=_once(names.account(line.account) for line in own if line.credit_fen),
        purses=_once((line.fund, names.purse(line.fund, line.earmark)) for line in lines),
        problem=problems[0] if problems else None,
        cursor=f"{row.voucher_on.isoformat()}~{row.id}",
    )


def _once(values: Iterable[T]) -> tuple[T, ...]:
    """Return values in order, each once."""
    return tuple(dict.fromkeys(values))


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """A source document as listed: its hash, name, kind and size in bytes."""

    sha256: str
    name: str
    media_type: str
    size: int


def attachment_views(session: Session, org_id: int, hashes: Sequence[str]) -> tuple[AttachmentView, ...]:
    """Return stored attachments in the order asked; unknown ones are left out."""
    rows = {
        row.sha256: AttachmentView(row.sha256, row.name, row.media_type, row.size)
        for row in session.scalars(
            select(Attachment).where(Attachment.org_id == org_id, Attachment.sha256.in_(hashes))
        )
    }
    return tuple(rows[sha256] for sha256 in dict.fromkeys(hashes) if sha256 in rows)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft as its page shows it.

    Attributes:
        sheet: the voucher as on paper.
        acts: steps of the table of states that the reader may take now.
        refusals: step → why the reader may not take it, though the state would allow it.
    """

    row: DraftRow
    ref: str
    version: int
    has_money: bool
    sheet: Sheet
    attachments: tuple[AttachmentView, ...]
    voucher_id: int | None
    target_id: int | None
    incident_reason: str
    is_editable: bool
    acts: tuple[str, ...]
    refusals: Mapping[str, Problem]


#: A draft with more lines is not offered in the form: such ones come from files.
FORM_LINES = 200


def draft_view(session: Session, actor: Actor, row: Draft, names: BookNames) -> DraftView:
    """Return a draft as its page shows it to one reader."""
    acts: list[str] = []
    refusals: dict[str, Problem] = {}
    for act in states.ACTS:
        if (row.state, act) not in states.STEPS:
            continue
        problems = states.check_step(act, facts(row), actor.user_id, actor.permissions)
        if not problems:
            acts.append(act)
        elif problems[0].code not in ("permission_missing", "draft_wrong_state"):
            refusals[act] = problems[0]
    lines = draft_value(row).lines
    is_editable = "edit" in acts and row.colour == "blue" and len(lines) <= FORM_LINES
    rules = rule_reviews(session, row.org_id, [row.posting_rule_id])
    return DraftView(
        row=_row(row, "", actor, names),
        ref=row.ref,
        version=row.version,
        has_money=row.has_money,
        sheet=draft_sheet(row, names, rules.get(row.posting_rule_id or 0)),
        attachments=attachment_views(session, row.org_id, row.attachments),
        voucher_id=row.voucher_id,
        target_id=row.reverses_id or row.corrects_id,
        incident_reason=row.incident_reason,
        is_editable=is_editable and row.kind in ("normal", "correction", "opening"),
        acts=tuple(acts),
        refusals=refusals,
    )


def read_draft(session: Session, org_id: int, draft_id: int) -> Draft:
    """Return a draft for reading only.

    Raises:
        Refused: ``draft_unknown``.
    """
    row = session.get(Draft, (org_id, draft_id))
    if row is None:
        raise refuse("draft_unknown")
    return row


def sisters(session: Session, org_id: int, row: Draft) -> tuple[Draft, ...]:
    """Return the other drafts of the same set, in the order they were made."""
    if row.set_id is None:
        return ()
    query = select(Draft).where(Draft.org_id == org_id, Draft.set_id == row.set_id, Draft.id != row.id)
    return tuple(session.scalars(query.order_by(Draft.id)))


def whole_sets(session: Session, org_id: int, draft_ids: Sequence[int]) -> list[int]:
    """Return drafts with the others of their sets that wait too: they are posted together."""
    found = list(draft_ids)
    for start in range(0, len(draft_ids), 500):
        part = draft_ids[start : start + 500]
        sets = select(Draft.set_id).where(
            Draft.org_id == org_id, Draft.id.in_(part), Draft.set_id.is_not(None)
        )
        found += session.scalars(
            select(Draft.id)
            .where(Draft.org_id == org_id, Draft.set_id.in_(sets), Draft.state.in_(OPEN_STATES))
            .order_by(Draft.id)
        )
    return list(dict.fromkeys(found))


def next_waiting(session: Session, actor: Actor, row: Draft) -> int | None:
    """Return the draft after this one that waits for a step the reader may take; None for none."""
    for queue, permission in (("review", "ledger.review"), ("sign", "ledger.sign"), ("post", "ledger.post")):
        if not actor.may(permission):
            continue
        conditions = [*_conditions(actor.org_id, DraftFilter(queue=queue)), Draft.id != row.id]
        later = or_(
            Draft.voucher_on > row.voucher_on, and_(Draft.voucher_on == row.voucher_on, Draft.id > row.id)
        )
        query = select(Draft).where(*conditions).order_by(Draft.voucher_on, Draft.id).limit(20)
        for condition in (later, ~later):
            for other in session.scalars(query.where(condition)):
                if not states.check_step(queue, facts(other), actor.user_id, actor.permissions):
                    return other.id
    return None


def draft_lines(row: Draft) -> tuple[DraftLine, ...]:
    """Return the lines a person entered: all but the re-tags, in order."""
    return tuple(line for line in draft_value(row).lines if not line.is_retag)
