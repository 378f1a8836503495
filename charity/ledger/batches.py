"""Posting many at once: a person releases a batch, a job carries it out.

One poster per org: the job runs in the lane ``posting``. Each chunk is one transaction;
what cannot be posted is parked with its reason and the rest goes on, and a killed worker
goes on where the last chunk ended, because a posted draft is never taken again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, Refused, refuse, register
from charity.jobs.models import Job
from charity.jobs.service import enqueue, register_handler
from charity.ledger.models import Draft
from charity.ledger.posting import post_drafts
from charity.oplog.rules import register_acts
from charity.oplog.service import record

PROBLEMS = register(
    {
        "batch_empty": N_(
            "No draft of this batch is ready to be posted: they wait for review or the cashier."
        ),
    }
)
register_acts({"ledger.release_batch": N_("Released a batch for posting")})

#: Drafts posted in one transaction: short enough that a person at the desk hardly waits.
CHUNK = 200

#: Reasons kept of what could not be posted.
_KEPT = 50


def _is_ready() -> Any:
    """Return the condition of drafts that may be posted."""
    return or_(
        and_(Draft.state == "reviewed", ~Draft.has_money), and_(Draft.state == "signed", Draft.has_money)
    )


def ready_drafts(session: Session, org_id: int, batch_id: int, until: date) -> list[int]:
    """Return the drafts of a staged batch that may be posted, in the order of dates.

    Args:
        batch_id: the staged batch.
        until: last date taken.
    """
    return list(
        session.scalars(
            select(Draft.id)
            .where(Draft.org_id == org_id, Draft.batch_id == batch_id, Draft.voucher_on <= until, _is_ready())
            .order_by(Draft.month, Draft.voucher_on, Draft.id)
        )
    )


def release_batch(session: Session, *, actor: Actor, draft_ids: Sequence[int], on: date) -> Job:
    """Release drafts for posting; the job acts, and the person is recorded as 记账.

    Args:
        actor: needs ``ledger.post``.
        draft_ids: any number.
        on: today; nothing is dated after it.

    Raises:
        Refused: ``permission_missing``, ``batch_empty``.
    """
    if not actor.may("ledger.post"):
        raise refuse("permission_missing", permission="ledger.post")
    if not draft_ids:
        raise refuse("batch_empty")
    params = {"draft_ids": list(draft_ids), "on": on.isoformat()}
    job = enqueue(session, actor=actor, kind="ledger.post", params=params, total=len(draft_ids))
    record(session, actor=actor, act="ledger.release_batch", subject_kind="draft", count=len(draft_ids))
    return job


def post_or_park(
    session: Session, *, actor: Actor, draft_ids: Sequence[int], on: date
) -> tuple[int, dict[int, Problem]]:
    """Post what can be posted and say why the rest cannot; one bad draft never sinks the others.

    Each try stands behind a savepoint; a chunk that is refused is halved until the bad
    ones stand alone. Drafts of one set are only ever tried together.

    Returns:
        How many were posted, and draft id → problem of those that were not.
    """
    try:
        with session.begin_nested():
            return len(post_drafts(session, actor=actor, draft_ids=draft_ids, on=on)), {}
    except Refused as refused:
        if len(draft_ids) == 1 or refused.codes == ["set_incomplete"]:
            return 0, dict.fromkeys(draft_ids, refused.problems[0])
    middle = len(draft_ids) // 2
    count, parked = 0, {}
    for part in (draft_ids[:middle], draft_ids[middle:]):
        posted, refused_ones = post_or_park(session, actor=actor, draft_ids=part, on=on)
        count += posted
        parked.update(refused_ones)
    return count, parked


def _run(context: Any) -> Mapping[str, Any]:
    """Post a released batch, chunk by chunk."""
    ids: list[int] = list(context.params["draft_ids"])
    on = date.fromisoformat(context.params["on"])
    posted, parked = 0, dict[str, str]()
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]

        def work(session: Session, chunk: Sequence[int] = chunk) -> tuple[int, dict[int, Problem]]:
            return post_or_park(session, actor=context.actor(session), draft_ids=chunk, on=on)

        # A chunk done before a kill answers with its vouchers again and changes nothing.
        count, refused_ones = context.transact(work, done=start + len(chunk), total=len(ids))
        posted += count
        parked.update({str(key): problem.code for key, problem in refused_ones.items()})
    return {
        "text": N_("Posted %(posted)s of %(total)s; %(parked)s could not be posted."),
        "params": {"posted": posted, "total": len(ids), "parked": len(parked)},
        "parked": dict(list(parked.items())[:_KEPT]),
    }


register_handler("ledger.post", _run, title=N_("Posting vouchers"), lane="posting")
