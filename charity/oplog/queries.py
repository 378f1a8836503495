"""Reading the operation log: by person, time and content, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from charity.names import fold_text
from charity.oplog.models import OpLogEntry
from charity.periods import CHINA, as_utc

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a reader looks for; an empty field does not filter.

    Attributes:
        who: part of a name, of its pinyin or of its initials.
        from_on: first business day, included.
        until_on: last business day, included.
        text: part of the number, summary or values.
        act: an act code, or a feature followed by a dot for all its acts.
        subject_kind: with ``subject_no``, one subject's whole story.
        subject_no: see ``subject_kind``.
    """

    who: str = ""
    from_on: date | None = None
    until_on: date | None = None
    text: str = ""
    act: str = ""
    subject_kind: str = ""
    subject_no: str = ""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One entry as read.

    Attributes:
        at: the instant, UTC.
        user_name: the name at that time; empty for the system.
        act: ``feature.verb``.
        subject_kind: what was acted on.
        subject_no: its number.
        summary: the actor's line.
        details: values by name, ``{"old": …, "new": …}`` for a change.
        address_hash: keyed hash of the address; empty when there was none.
        cursor: where the page after this row begins.
    """

    at: datetime
    user_name: str
    act: str
    subject_kind: str
    subject_no: str
    summary: str
    details: dict[str, Any]
    address_hash: str
    cursor: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page, newest first.

    Attributes:
        rows: at most the number asked for.
        next_cursor: hand it to the next call; empty on the last page.
    """

    rows: tuple[LogRow, ...]
    next_cursor: str


def _escaped(text: str) -> str:
    """Return folded text for LIKE with its wildcards taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _midnight(day: date) -> datetime:
    return as_utc(datetime.combine(day, time(), CHINA))


def _after(cursor: str) -> ColumnElement[bool] | None:
    """Return the condition of rows older than a cursor; a broken one starts over."""
    instant, _, number = cursor.partition("~")
    try:
        at, entry_id = as_utc(datetime.fromisoformat(instant)), int(number)
    except ValueError:
        return None
    return or_(OpLogEntry.at < at, and_(OpLogEntry.at == at, OpLogEntry.id < entry_id))


def _conditions(org_id: int, wanted: LogFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [OpLogEntry.org_id == org_id]
    if who := fold_text(wanted.who):
        found.append(OpLogEntry.user_search.like(f"%{_escaped(who)}%", escape="\\"))
    if wanted.from_on is not None:
        found.append(OpLogEntry.at >= _midnight(wanted.from_on))
    if wanted.until_on is not None:
        found.append(OpLogEntry.at < _midnight(wanted.until_on + timedelta(days=1)))
    if text := fold_text(wanted.text):
        found.append(OpLogEntry.search.like(f"%{_escaped(text)}%", escape="\\"))
    if wanted.act.endswith("."):
        found.append(OpLogEntry.act.like(f"{_escaped(wanted.act)}%", escape="\\"))
    elif wanted.act:
        found.append(OpLogEntry.act == wanted.act)
    if wanted.subject_kind:
        found.append(OpLogEntry.subject_kind == wanted.subject_kind)
        found.append(OpLogEntry.subject_no == wanted.subject_no)
    return found


def _row(entry: OpLogEntry) -> LogRow:
    return LogRow(
        at=entry.at,
        user_name=entry.user_name,
        act=entry.act,
        subject_kind=entry.subject_kind,
        subject_no=entry.subject_no,
        summary=entry.summary,
        details=dict(entry.details),
        address_hash=entry.address_hash,
        cursor=f"{entry.at.isoformat()}~{entry.id}",
    )


def search_entries(
    session: Session,
    org_id: int,
    wanted: LogFilter | None = None,
    *,
    cursor: str = "",
    limit: int = PAGE_ROWS,
) -> LogPage:
    """Return one page of entries, newest first.

    Args:
        session: any session.
        org_id: whose log.
        wanted: filters that all must hold; None for everything.
        cursor: ``next_cursor`` of the page before; empty for the first.
        limit: how many rows.
    """
    conditions = _conditions(org_id, wanted or LogFilter())
    older = _after(cursor)
    if older is not None:
        conditions.append(older)
    query = select(OpLogEntry).where(*conditions).order_by(OpLogEntry.at.desc(), OpLogEntry.id.desc())
    entries = session.scalars(query.limit(limit + 1)).all()
    rows = tuple(_row(entry) for entry in entries[:limit])
    return LogPage(rows, rows[-1].cursor if len(entries) > limit else "")


def every_entry(session: Session, org_id: int, wanted: LogFilter) -> Iterator[LogRow]:
    """Yield all entries of a search, newest first, a thousand at a time, for the export."""
    cursor = ""
    while True:
        page = search_entries(session, org_id, wanted, cursor=cursor, limit=1000)
        yield from page.rows
        if not page.next_cursor:
            return
        cursor = page.next_cursor


def story(
    session: Session, org_id: int, subject_kind: str, subject_no: str, limit: int = 100
) -> tuple[LogRow, ...]:
    """Return what was done to one subject, newest first."""
    wanted = LogFilter(subject_kind=subject_kind, subject_no=subject_no)
    return search_entries(session, org_id, wanted, limit=limit).rows
