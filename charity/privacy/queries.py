"""The register of requests as pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.oplog.models import OpLogEntry
from charity.privacy.models import DataRequest
from charity.users.models import User

LIST_ROWS = 500


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request of the register.

    Attributes:
        public_no: its number.
        subject_kind: donor or user.
        subject_no: number of the donor, or login name.
        kind: copy, correct, erase.
        state: key of ``rules.STATES``.
        received_on: when it came in.
        due_on: last day for the answer.
        days_late: days past the last day while it is open; 0 else.
    """

    public_no: str
    subject_kind: str
    subject_no: str
    kind: str
    state: str
    received_on: date
    due_on: date
    days_late: int


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """One request in full.

    Attributes:
        row: as the register shows it.
        wish: in the person's words.
        recorded_by: name of who wrote it down.
        recorded_by_id: key of who wrote it down.
        recorded_at: when.
        verified_how: how the person showed who it is; empty until then.
        verified_by: name of who made sure; empty until then.
        refusal: key of the reason; empty unless refused.
        answer: what the person was told; empty until decided.
        decided_by: name of who decided; empty until then.
        decided_at: when; None until then.
    """

    row: RequestRow
    wish: str
    recorded_by: str
    recorded_by_id: int
    recorded_at: datetime
    verified_how: str
    verified_by: str
    refusal: str
    answer: str
    decided_by: str
    decided_at: datetime | None


def _row(request: DataRequest, on: date) -> RequestRow:
    is_open = request.state in ("received", "verified")
    return RequestRow(
        request.public_no,
        request.subject_kind,
        request.subject_no,
        request.kind,
        request.state,
        request.received_on,
        request.due_on,
        max(0, (on - request.due_on).days) if is_open else 0,
    )


def count_in_state(session: Session, org_id: int, state: str) -> int:
    """Return how many requests stand in a state of ``rules.STATES``."""
    query = select(func.count()).where(DataRequest.org_id == org_id, DataRequest.state == state)
    return session.execute(query).scalar_one()


def list_requests(session: Session, org_id: int, on: date) -> Sequence[RequestRow]:
    """Return the register, open requests first by the day they are due, then the latest decided."""
    rows = session.scalars(
        select(DataRequest)
        .where(DataRequest.org_id == org_id)
        .order_by(
            DataRequest.state.not_in(("received", "verified")), DataRequest.due_on, DataRequest.id.desc()
        )
        .limit(LIST_ROWS)
    )
    return tuple(_row(row, on) for row in rows)


def find_request(session: Session, org_id: int, public_no: str, on: date) -> RequestFacts | None:
    """Return one request by its number; None when there is none."""
    row = session.scalar(
        select(DataRequest).where(DataRequest.org_id == org_id, DataRequest.public_no == public_no.upper())
    )
    if row is None:
        return None
    ids = {row.recorded_by, row.verified_by, row.decided_by} - {None}
    found = session.execute(select(User.id, User.display_name).where(User.id.in_(ids))).all()
    names: dict[int, str] = dict(found)
    return RequestFacts(
        row=_row(row, on),
        wish=row.wish,
        recorded_by=names.get(row.recorded_by, ""),
        recorded_by_id=row.recorded_by,
        recorded_at=row.recorded_at,
        verified_how=row.verified_how,
        verified_by=names.get(row.verified_by or 0, ""),
        refusal=row.refusal,
        answer=row.answer,
        decided_by=names.get(row.decided_by or 0, ""),
        decided_at=row.decided_at,
    )


def is_handed_over(session: Session, org_id: int, public_no: str) -> bool:
    """Say whether the copy of a request was handed over; the operation log knows."""
    entry = session.scalar(
        select(OpLogEntry.id)
        .where(
            OpLogEntry.org_id == org_id,
            OpLogEntry.subject_kind == "data_request",
            OpLogEntry.subject_no == public_no,
            OpLogEntry.act == "privacy.hand_over",
        )
        .limit(1)
    )
    return entry is not None
