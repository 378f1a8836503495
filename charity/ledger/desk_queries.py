"""What waits in the books, counted for the overview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.draft_queries import DraftFilter, count_drafts
from charity.ledger.fund_queries import HoldFilter, sum_holds
from charity.ledger.models import Account, Draft, Period, PostingRule
from charity.ledger.sealed_models import Balance
from charity.periods import Month

#: Receipts nobody has identified yet (待认领).
UNCLAIMED = "220901"


@dataclass(frozen=True, slots=True)
class OwnDrafts:
    """Drafts a person has made: given back, being prepared, on their way."""

    returned: int
    preparing: int
    under_way: int
    last_reason: str


def own_drafts(session: Session, org_id: int, user_id: int) -> OwnDrafts:
    """Return how a person's own drafts stand."""
    own = (Draft.org_id == org_id, Draft.maker_id == user_id)
    returned = select(func.count()).where(*own, Draft.state == "draft", Draft.returned_reason != "")
    preparing = select(func.count()).where(*own, Draft.state == "draft", Draft.returned_reason == "")
    under_way = select(func.count()).where(*own, Draft.state.in_(("submitted", "reviewed", "signed")))
    reason = session.scalar(
        select(Draft.returned_reason)
        .where(*own, Draft.state == "draft", Draft.returned_reason != "")
        .order_by(Draft.id.desc())
        .limit(1)
    )
    counts = [session.execute(query).scalar_one() for query in (returned, preparing, under_way)]
    return OwnDrafts(counts[0], counts[1], counts[2], reason or "")


def queue_count(session: Session, org_id: int, queue: str) -> int:
    """Return how many drafts wait in a queue: review, sign or post."""
    return count_drafts(session, org_id, DraftFilter(queue=queue))


def unclaimed_fen(session: Session, org_id: int) -> int:
    """Return the money that came in and nobody has identified, in fen."""
    fen = session.execute(
        select(sum_of(Balance.credit_fen - Balance.debit_fen))
        .join(Account, Account.id == Balance.account_id)
        .where(Balance.org_id == org_id, Account.code == UNCLAIMED)
    ).scalar_one()
    return int(fen)


def months_over(session: Session, org_id: int, on: date) -> list[Month]:
    """Return the open calendar months that are over, in order."""
    codes = session.scalars(
        select(Period.month)
        .where(Period.org_id == org_id, Period.is_open, Period.month % 100 != 13)
        .order_by(Period.month)
    )
    return [month for month in map(Month.from_code, codes) if month.last_on < on]


def rules_to_approve(session: Session, org_id: int, user_id: int) -> int:
    """Return how many posting rules wait for this person's approval."""
    rows = session.scalars(
        select(PostingRule).where(PostingRule.org_id == org_id, PostingRule.approved_at.is_(None))
    )
    return sum(1 for row in rows if user_id not in (row.author_id, row.first_approver_id))


def holds_to_ask(session: Session, org_id: int, on: date) -> tuple[int, int]:
    """Return how many holds should be asked about, and their sum in fen."""
    return sum_holds(session, org_id, HoldFilter(due_on=on))
