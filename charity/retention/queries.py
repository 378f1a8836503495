"""What is kept, by class and year, and what holds it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, extract, func, select
from sqlalchemy.orm import Session

from charity.donations.models import Donation
from charity.imports.models import ImportFile
from charity.jobs.models import Job
from charity.ledger.models import Attachment, Period
from charity.ledger.sealed_models import Voucher
from charity.messages.models import Message
from charity.oplog.models import OpLogEntry
from charity.receipts.models import Invoice, Receipt
from charity.retention import rules
from charity.retention.models import LegalHold


@dataclass(frozen=True, slots=True)
class KeptRow:
    """Records of one class and year.

    Attributes:
        class_code: key of :data:`charity.retention.rules.CLASSES`.
        year: accounting year.
        count: how many there are.
        standing: kept, held, may_go.
        may_go_from: first day on which they may go; None for never.
    """

    class_code: str
    year: int
    count: int
    standing: rules.Standing
    may_go_from: date | None


def _year_of(column: Any) -> ColumnElement[int]:
    return cast(extract("year", column), Integer)


#: Class → (table's class, its year); a class without one is kept on paper or elsewhere.
_COUNTED: Mapping[str, tuple[Any, Callable[[], ColumnElement[int]]]] = {
    "vouchers": (Voucher, lambda: Voucher.month // 100),
    "papers": (Attachment, lambda: _year_of(Attachment.stored_at)),
    "months": (Period, lambda: Period.month // 100),
    "receipts": (Receipt, lambda: _year_of(Receipt.issued_on)),
    "invoices": (Invoice, lambda: _year_of(Invoice.issued_on)),
    "gifts": (Donation, lambda: _year_of(Donation.received_on)),
    "bank_files": (ImportFile, lambda: _year_of(ImportFile.dropped_at)),
    "log": (OpLogEntry, lambda: _year_of(OpLogEntry.at)),
    "messages": (Message, lambda: _year_of(Message.created_at)),
    "jobs": (Job, lambda: _year_of(Job.created_at)),
}


def counted_classes() -> frozenset[str]:
    """Return the classes whose records this system itself keeps."""
    return frozenset(_COUNTED)


def kept(session: Session, org_id: int, on: date) -> list[KeptRow]:
    """Return an org's records by class, in the order of the classes, oldest year first.

    Args:
        org_id: whose.
        on: today; decides which term applies and what may go.
    """
    spans = [
        rules.HoldSpan(hold.class_code, hold.from_year, hold.until_year)
        for hold in holds(session, org_id)
        if hold.released_at is None
    ]
    rows = []
    for code, record_class in rules.CLASSES.items():
        if code not in _COUNTED:
            continue
        table, year_of = _COUNTED[code]
        year = cast(year_of(), Integer).label("year")
        query = select(year, func.count()).select_from(table).where(table.org_id == org_id)
        if code == "months":
            query = query.where(~Period.is_open)
        for found_year, count in session.execute(query.group_by(year).order_by(year)):
            state, from_on = rules.standing(record_class, found_year, spans, on)
            rows.append(KeptRow(code, found_year, count, state, from_on))
    return rows


def holds(session: Session, org_id: int) -> Sequence[LegalHold]:
    """Return an org's holds, those that stand first, newest first."""
    query = select(LegalHold).where(LegalHold.org_id == org_id)
    rows = session.scalars(query.order_by(LegalHold.id.desc())).all()
    return sorted(rows, key=lambda hold: hold.released_at is not None)


def hold_over(
    session: Session, org_id: int, class_codes: Collection[str], first_year: int, last_year: int
) -> LegalHold | None:
    """Return the oldest hold that stands over records of some classes and years; None without one."""
    return session.scalar(
        select(LegalHold)
        .where(
            LegalHold.org_id == org_id,
            LegalHold.released_at.is_(None),
            LegalHold.class_code.in_(("", *class_codes)),
            LegalHold.from_year <= last_year,
            LegalHold.until_year >= first_year,
        )
        .order_by(LegalHold.id)
        .limit(1)
    )
