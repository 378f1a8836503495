"""Acts on jobs: enqueue, cancel; and what a worker does to a row: claim, renew, end.

Never commits. Every write of a worker is conditional on its claim, so that a worker
that was asleep while another took over cannot leave a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if
from charity.ids import new_code, new_id
from charity.jobs import rules
from charity.jobs.models import Job
from charity.oplog import rules as log_rules
from charity.oplog.service import record

log_rules.register_acts(
    {"jobs.enqueue": N_("Started a job"), "jobs.cancel": N_("Cancelled a job")},
)
log_rules.register_labels({"work": N_("Work"), "done": N_("Steps done"), "total": N_("Steps in all")})

_kinds: dict[str, rules.Kind] = {}
_load_actor: Callable[[Session, int, int, datetime], Actor | None] | None = None


class LeaseLost(Exception):
    """Another worker has taken the job over; whatever was under way is rolled back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job as its worker took it.

    Attributes:
        org_id: the org.
        job_id: the job.
        token: proves the claim at each write.
        kind: the registered kind's name.
        params: what the handler needs to know.
        checkpoint: where an earlier worker got to; empty at the first claim.
        done: steps finished so far.
        total: steps in all; 0 while unknown.
        created_by: the login in whose name it runs.
        created_by_name: its name at the time.
    """

    org_id: int
    job_id: int
    token: str
    kind: str
    params: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    done: int
    total: int
    created_by: int
    created_by_name: str


def register_handler(
    kind: str,
    handler: Callable[[Any], Mapping[str, Any] | None],
    *,
    title: str,
    lane: str | None = None,
) -> None:
    """Register who does a kind of work; called by features at import.

    Args:
        kind: ``feature.verb``.
        handler: gets a :class:`charity.jobs.worker.JobContext`; returns the result:
            ``text`` (English message id), ``params`` of it, ``url`` of the page to look at.
        title: English message id shown above the progress bar.
        lane: jobs of one lane and org run one after another, e.g. ``posting``.

    Raises:
        ValueError: a malformed kind, or a second handler for it.
    """
    rules.check_kind_name(kind)
    wanted = rules.Kind(kind, title, handler, lane)
    if _kinds.setdefault(kind, wanted) != wanted:
        raise ValueError(f"two handlers for the jobs of kind {kind}")
    log_rules.register_words("work", {kind: title})


def kind_of(name: str) -> rules.Kind | None:
    """Return a registered kind, or None."""
    return _kinds.get(name)


def register_actor_loader(load: Callable[[Session, int, int, datetime], Actor | None]) -> None:
    """Register how the login of a job is looked up: ``(session, org_id, user_id, at)``.

    Its permissions are asked anew when the job runs: who left meanwhile acts no more.
    """
    global _load_actor
    _load_actor = load


def job_actor(session: Session, claim: Claim, at: datetime) -> Actor:
    """Return who the job acts as.

    Raises:
        Refused: ``job_owner_gone``.
    """
    actor = _load_actor(session, claim.org_id, claim.created_by, at) if _load_actor else None
    if actor is None:
        raise refuse("job_owner_gone", name=claim.created_by_name)
    return actor


def enqueue(
    session: Session,
    *,
    actor: Actor,
    kind: str,
    params: Mapping[str, Any] | None = None,
    total: int = 0,
    job_id: int | None = None,
    url: str = "",
) -> Job:
    """Write a job in the transaction of the act that wants it.

    Args:
        session: the writing session of the act.
        actor: in whose name, and for which org.
        kind: a registered kind.
        params: JSON values for the handler; no sensitive values in clear.
        total: steps in all, if known already.
        job_id: key the asking page was made with, so that a second press asks for the same
            job: one of the same person, kind and params is answered as it stands.
        url: page that tells what comes of it, also when it fails or is cancelled.

    Raises:
        Refused: ``job_kind_unknown``, ``job_key_reused``.
    """
    known = kind_of(kind)
    if known is None:
        raise refuse("job_kind_unknown", kind=kind)
    job = Job(
        org_id=actor.org_id,
        id=job_id or new_id(),
        kind=kind,
        state="queued",
        lane=known.lane,
        total=total,
        params=dict(params or {}),
        result={"url": url} if url else {},
        created_by=actor.user_id,
        created_by_name=actor.name,
        created_at=actor.at,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:
        # A second press while the first was being written.
        first = asked_before(session, actor=actor, kind=kind, params=job.params, job_id=job.id)
        if first is None:
            raise
        return first
    record(session, actor=actor, act="jobs.enqueue", work=kind)
    return job


def asked_before(
    session: Session, *, actor: Actor, kind: str, params: Mapping[str, Any], job_id: int
) -> Job | None:
    """Return the job that stands under a page's key, if the same was asked; None when it is free.

    Raises:
        Refused: ``job_key_reused``: another person, kind or params.
    """
    job = session.get(Job, (actor.org_id, job_id))
    if job is not None and (job.kind, job.created_by, job.params) != (kind, actor.user_id, dict(params)):
        raise refuse("job_key_reused")
    return job


def cancel(session: Session, *, actor: Actor, job_id: int) -> Job:
    """Cancel a waiting job, or ask a running one to stop at the end of its chunk.

    Raises:
        Refused: ``job_missing``, ``job_not_yours``, ``job_ended``.
    """
    job = session.get(Job, (actor.org_id, job_id), with_for_update=True)
    if job is None:
        raise refuse("job_missing")
    refuse_if(
        rules.check_cancel(
            job.state,
            created_by=job.created_by,
            user_id=actor.user_id,
            may_cancel=actor.may("jobs.cancel"),
        )
    )
    if job.state == "queued":
        job.state, job.ended_at = "cancelled", actor.at
    job.cancel_asked = True
    job.version += 1
    session.flush()
    record(
        session,
        actor=actor,
        act="jobs.cancel",
        work=job.kind,
        done=job.done,
        total=job.total,
    )
    return job


def _is_claimable(at: datetime) -> Any:
    """Return the condition of jobs that wait in a free lane or whose worker is silent."""
    other = aliased(Job)
    lane_taken = exists().where(
        other.org_id == Job.org_id, other.lane == Job.lane, other.state == "running", other.id != Job.id
    )
    # A lease that reaches far ahead was given by a clock that has been set back since.
    latest = at + timedelta(seconds=rules.LONGEST_LEASE_S)
    is_left = or_(Job.lease_until < at, Job.lease_until > latest)
    return or_(and_(Job.state == "queued", ~lane_taken), and_(Job.state == "running", is_left))


def has_work(session: Session, at: datetime) -> bool:
    """Say whether a claim would find a job; a plain read, so that idle workers lock nothing."""
    query = select(Job.id).where(_is_claimable(at)).limit(1)
    return session.execute(query, execution_options={"across_orgs": True}).first() is not None


def claim(session: Session, *, worker: str, at: datetime, lease_s: int) -> Claim | None:
    """Take the oldest job that waits or was left by a dead worker; None when there is none.

    A left job that was asked to stop is cancelled, and one left too often is failed;
    both count as nothing to do.

    Args:
        session: a writing session.
        worker: name of the worker, for people.
        at: the present instant.
        lease_s: for how many seconds the claim counts without renewal.
    """
    query = select(Job).where(_is_claimable(at)).order_by(Job.id).limit(1)
    job = session.scalars(
        query.with_for_update(skip_locked=True), execution_options={"across_orgs": True}
    ).first()
    if job is None:
        return None
    if job.cancel_asked:
        _end(job, "cancelled", at)
        return None
    if job.tries >= rules.MAX_TRIES:
        job.problem = [rules.stored(Problem("job_gave_up", {"count": job.tries}))]
        _end(job, "failed", at)
        return None
    token = f"{worker[:60]}/{new_code(12)}"
    seen = job.version
    changed = session.execute(
        update(Job)
        .where(Job.org_id == job.org_id, Job.id == job.id, Job.version == seen)
        .values(
            state="running",
            lease_by=token,
            lease_until=at + timedelta(seconds=lease_s),
            tries=Job.tries + 1,
            started_at=job.started_at or at,
            version=seen + 1,
        )
    )
    if _count(changed) != 1:
        return None
    return Claim(
        org_id=job.org_id,
        job_id=job.id,
        token=token,
        kind=job.kind,
        params=dict(job.params),
        checkpoint=dict(job.checkpoint),
        done=job.done,
        total=job.total,
        created_by=job.created_by,
        created_by_name=job.created_by_name,
    )


def _count(result: Any) -> int:
    """Return how many rows a statement changed."""
    assert isinstance(result, CursorResult)
    return result.rowcount


def _end(job: Job, state: rules.State, at: datetime) -> None:
    job.state, job.ended_at, job.lease_until, job.lease_by = state, at, None, ""
    job.version += 1


def _held(session: Session, held: Claim, values: Mapping[str, Any]) -> None:
    """Change the row, provided that the claim still counts.

    Raises:
        LeaseLost: another worker holds the job, or it has ended.
    """
    changed = session.execute(
        update(Job)
        .where(
            Job.org_id == held.org_id,
            Job.id == held.job_id,
            Job.state == "running",
            Job.lease_by == held.token,
        )
        .values(version=Job.version + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if _count(changed) != 1:
        raise LeaseLost(held.token)


def renew(
    session: Session,
    held: Claim,
    *,
    at: datetime,
    lease_s: int,
    done: int | None = None,
    total: int | None = None,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Prolong the lease and write how far the work is; None leaves a figure as it is.

    Raises:
        LeaseLost: see :func:`_held`.
    """
    values: dict[str, Any] = {"lease_until": at + timedelta(seconds=lease_s)}
    if done is not None:
        values["done"] = done
    if total is not None:
        values["total"] = total
    if checkpoint is not None:
        values["checkpoint"] = dict(checkpoint)
    _held(session, held, values)


def is_cancel_asked(session: Session, held: Claim) -> bool:
    """Say whether a person asked the job to stop."""
    query = select(Job.cancel_asked).where(Job.org_id == held.org_id, Job.id == held.job_id)
    return bool(session.scalar(query))


def finish(session: Session, held: Claim, *, at: datetime, result: Mapping[str, Any]) -> None:
    """Write the end of a job that did all it was to do."""
    ended = {"ended_at": at, "lease_until": None, "lease_by": ""}
    _held(session, held, {"state": "done", "result": dict(result), **ended})


def fail(session: Session, held: Claim, *, at: datetime, problems: Sequence[Problem]) -> None:
    """Write the end of a job that could not go on, and why."""
    stored = [rules.stored(problem) for problem in problems]
    ended = {"ended_at": at, "lease_until": None, "lease_by": ""}
    _held(session, held, {"state": "failed", "problem": stored, **ended})


def stop(session: Session, held: Claim, *, at: datetime) -> None:
    """Write that a job stopped because a person asked for it."""
    _held(session, held, {"state": "cancelled", "ended_at": at, "lease_until": None, "lease_by": ""})


def release(session: Session, held: Claim) -> None:
    """Give a job back to the queue, because the worker is shut down; it counts as no try."""
    _held(session, held, {"state": "queued", "lease_until": None, "lease_by": "", "tries": Job.tries - 1})
