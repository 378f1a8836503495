"""What keeps a draft from being submitted, and whether its money is there.

The voucher form, submitting, reviewing and signing all ask here, so that no page promises
what the act then refuses. Posting judges again, inside its own transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.errors import N_, Problem, register
from charity.ledger.books import load_books
from charity.ledger.models import Draft, Period
from charity.ledger.rules import (
    Books,
    DraftLine,
    DraftVoucher,
    check_attachments,
    check_draft,
    guarded_deltas,
    takes_restricted,
)
from charity.ledger.spending import Spending, check_each_spending
from charity.periods import Month

PROBLEMS = register(
    {
        "period_closed": N_("%(month)s is closed; date the voucher in %(next)s."),
        "period_all_closed": N_(
            "%(month)s is closed, and no later month is open; whoever closes months opens the next one."
        ),
        "period_not_open": N_(
            "%(month)s is not open yet; whoever closes months opens it, or date the voucher earlier."
        ),
    }
)


def draft_value(row: Draft) -> DraftVoucher:
    """Return a stored draft as the value the rules judge."""
    return DraftVoucher(
        voucher_on=row.voucher_on,
        month=Month.from_code(row.month),
        summary=row.summary,
        lines=tuple(DraftLine.from_json(line) for line in row.lines),
        kind=row.kind,
        colour=row.colour,
        reverses_id=row.reverses_id,
        corrects_id=row.corrects_id,
        attachments=tuple(row.attachments),
    )


def check_submission(session: Session, org_id: int, draft: DraftVoucher, books: Books) -> list[Problem]:
    """Return what keeps a completed draft from being submitted; empty when it is sound.

    Args:
        draft: as it would be saved, re-tag lines included.
        books: the codes on its day.
    """
    month = check_month(session, org_id, draft.month)
    return check_draft(draft, books) + check_attachments(draft) + month


def check_month(session: Session, org_id: int, month: Month) -> list[Problem]:
    """Return whether a month takes no vouchers: closed, or not opened yet."""
    period = session.get(Period, (org_id, month.code))
    if period is not None and period.is_open:
        return []
    if period is None:
        return [Problem("period_not_open", {"month": month}, "voucher_on")]
    later = session.scalar(
        select(Period.month)
        .where(Period.org_id == org_id, Period.is_open, Period.month > month.code)
        .order_by(Period.month)
        .limit(1)
    )
    if later is None:
        return [Problem("period_all_closed", {"month": month}, "voucher_on")]
    return [Problem("period_closed", {"month": month, "next": Month.from_code(later)}, "voucher_on")]


def check_value_money(
    session: Session,
    org_id: int,
    draft: DraftVoucher,
    books: Books,
    beside: Sequence[DraftVoucher] = (),
    hold_id: int | None = None,
) -> list[Problem]:
    """Return the overdrafts that a voucher not stored yet would make now.

    Args:
        draft: completed.
        books: the codes on its day.
        beside: completed vouchers of its set that are posted in front of it.
        hold_id: hold it pays.
    """
    items: list[Spending] = [(other, _known_deltas(other, books), None) for other in beside]
    items.append((draft, _known_deltas(draft, books), hold_id))
    return check_each_spending(session, org_id, [items])


def check_money(session: Session, org_id: int, rows: Iterable[Draft]) -> list[Problem]:
    """Return the drafts whose money is not there now; no promise of another draft counts.

    Each is judged alone, the drafts of one set together. A correction of fact that
    declares an incident may overdraw its fund.

    Args:
        rows: drafts of these books that are not posted.

    Source: design of the ledger 3.1(5); 慈善法 (2023) art. 54.
    """
    books: dict[date, Books] = {}
    groups: list[list[Spending]] = []
    seen: set[int] = set()
    for row in rows:
        if row.set_id is None or row.set_id not in seen:
            groups.append(_group(session, row, books))
        if row.set_id is not None:
            seen.add(row.set_id)
    return check_each_spending(session, org_id, groups)


def _group(session: Session, row: Draft, books: dict[date, Books]) -> list[Spending]:
    """Return a draft, or its whole set, in the order of posting."""
    rows: Sequence[Draft] = [row]
    if row.set_id is not None:
        query = select(Draft).where(
            Draft.org_id == row.org_id,
            Draft.set_id == row.set_id,
            Draft.state.not_in(("posted", "discarded")),
        )
        rows = session.scalars(query.order_by(Draft.id)).all()
    found: list[tuple[tuple[int, date, bool], Spending]] = []
    for member in rows:
        if member.incident_reason:
            continue
        if member.voucher_on not in books:
            books[member.voucher_on] = load_books(session, row.org_id, member.voucher_on)
        codes, draft = books[member.voucher_on], draft_value(member)
        deltas = _known_deltas(draft, codes)
        order = (member.month, member.voucher_on, takes_restricted(deltas, codes))
        found.append((order, (draft, deltas, member.hold_id)))
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def _known_deltas(draft: DraftVoucher, books: Books) -> Mapping[tuple[str, str], int]:
    """Return the guarded changes of a draft that may still be unsound."""
    known = {(earmark.fund, code) for code, earmark in books.earmarks.items()}
    return guarded_deltas((line for line in draft.lines if (line.fund, line.earmark) in known), books)
