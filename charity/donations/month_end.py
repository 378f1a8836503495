"""What gifts and dropped files hold against closing a month: money that is not in the books yet.

Imports ``db`` and lower, the imports engine, the ledger and this feature; registers itself
with the ledger. It speaks for the files too, which stand below the ledger.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from charity.donations.models import Donation
from charity.errors import N_, Problem, register
from charity.imports.models import ImportFile, ImportRow
from charity.ledger.blockers import Blocker, register_blockers
from charity.ledger.models import Draft
from charity.periods import Month

PROBLEMS = register(
    {
        "close_gifts_unclear": N_(
            "%(count)s gifts received up to %(until)s wait for their purpose. Say what they are for, or book "
            "them as unclaimed (220901) until that is known."
        ),
        "close_gifts_held": N_(
            "%(count)s gifts received up to %(until)s were held back. See why, and draft their vouchers."
        ),
        "close_gifts_undrafted": N_(
            "%(count)s gifts received up to %(until)s have no voucher yet. Draft their vouchers."
        ),
        "close_rows_open": N_(
            "%(count)s rows of dropped files dated up to %(until)s are neither booked nor left out."
        ),
        "close_files_unread": N_(
            "%(count)s dropped files are not read yet: name their columns, or put them aside."
        ),
    }
)

#: Problem code → state of the list of gifts that shows them, page, label of the link.
_GIFTS = {
    "close_gifts_unclear": ("waiting", "donations.unclear", N_("Say what they are for")),
    "close_gifts_held": ("held", "donations.gifts", N_("Gifts held back")),
    "close_gifts_undrafted": ("undrafted", "donations.gifts", N_("Gifts without a voucher")),
}


def month_blockers(session: Session, org_id: int, month: Month) -> list[Blocker]:
    """Return the gifts and rows dated in or before a month that are in no voucher."""
    until = month.last_on
    blockers = []
    for code, count in zip(_GIFTS, _gift_counts(session, org_id, until), strict=True):
        if count:
            state, endpoint, label = _GIFTS[code]
            values = (
                {} if endpoint == "donations.unclear" else {"state": state, "until_on": until.isoformat()}
            )
            problem = Problem(code, {"count": count, "until": until})
            blockers.append(Blocker(problem, endpoint, values, label))
    return blockers + _file_blockers(session, org_id, until)


def _gift_counts(session: Session, org_id: int, until: date) -> tuple[int, int, int]:
    """Return how many gifts of unclear purpose, held back, and without a voucher came in by a day."""
    is_unclear = ~Donation.is_allocated
    has_no_draft = or_(Donation.draft_id.is_(None), Draft.state == "discarded")
    counts = []
    for condition in (
        is_unclear,
        and_(~is_unclear, has_no_draft, Donation.blocked_by != ""),
        and_(~is_unclear, has_no_draft, Donation.blocked_by == ""),
    ):
        counts.append(
            session.scalar(
                select(func.count())
                .select_from(Donation)
                .outerjoin(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
                .where(Donation.org_id == org_id, Donation.received_on <= until, condition)
            )
            or 0
        )
    return counts[0], counts[1], counts[2]


def _file_blockers(session: Session, org_id: int, until: date) -> list[Blocker]:
    """Return the rows that are neither booked nor left out, and files whose rows are not known yet."""
    blockers = []
    files = session.execute(
        select(ImportFile.public_no, func.count())
        .join(ImportRow, and_(ImportRow.org_id == ImportFile.org_id, ImportRow.file_id == ImportFile.id))
        .where(
            ImportFile.org_id == org_id,
            ImportFile.state.in_(("reading", "judged")),
            ImportRow.state.in_(("staged", "parked")),
            ImportRow.on <= until,
        )
        .group_by(ImportFile.public_no)
    ).all()
    if files:
        one = len(files) == 1
        endpoint, values = ("imports.file", {"number": files[0][0]}) if one else ("imports.files", {})
        problem = Problem("close_rows_open", {"count": sum(count for _no, count in files), "until": until})
        blockers.append(Blocker(problem, endpoint, values, N_("Go to the files")))
    unread = session.scalar(
        select(func.count())
        .select_from(ImportFile)
        .where(
            ImportFile.org_id == org_id,
            ImportFile.state == "unmapped",
            or_(ImportFile.first_on.is_(None), ImportFile.first_on <= until),
        )
    )
    if unread:
        problem = Problem("close_files_unread", {"count": unread})
        blockers.append(Blocker(problem, "imports.files", {}, N_("Go to the files")))
    return blockers


register_blockers("donations", month_blockers)
