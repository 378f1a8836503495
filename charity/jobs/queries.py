"""How far a job is, and which jobs there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from charity.db import Actor
from charity.errors import Problem
from charity.jobs import rules
from charity.jobs.models import Job
from charity.jobs.service import kind_of

LIST_ROWS = 50

#: A page asks again each second; what the handler was told may be long and is not shown.
_SHOWN = (defer(Job.params), defer(Job.checkpoint))


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job as its page shows it.

    Attributes:
        id: the key, part of the address.
        title: English message id of the kind of work.
        state: queued, running, done, failed, cancelled.
        done: steps finished.
        total: steps in all; 0 while unknown.
        percent: 0…100; None while the total is unknown.
        seconds_left: at the pace so far; None while nothing is known or it has ended.
        is_stopping: somebody asked to cancel and the chunk under way is being finished.
        problems: why it failed.
        result: ``text``, ``params``, ``url`` as the handler left them.
        created_by_name: who started it.
        created_at: when it was asked for.
        ended_at: when it was done, failed or cancelled.
        may_cancel: whether the reader may cancel it now.
    """

    id: int
    title: str
    state: rules.State
    done: int
    total: int
    percent: int | None
    seconds_left: int | None
    is_stopping: bool
    problems: tuple[Problem, ...]
    result: Mapping[str, Any]
    created_by_name: str
    created_at: datetime
    ended_at: datetime | None
    may_cancel: bool

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in rules.ENDED


def _status(job: Job, reader: Actor, at: datetime) -> JobStatus:
    kind = kind_of(job.kind)
    problems = rules.check_cancel(
        job.state, created_by=job.created_by, user_id=reader.user_id, may_cancel=reader.may("jobs.cancel")
    )
    is_running = job.state == "running"
    return JobStatus(
        id=job.id,
        title=kind.title if kind else job.kind,
        state=job.state,
        done=job.done,
        total=job.total,
        percent=100 if job.state == "done" else rules.percent(job.done, job.total),
        seconds_left=rules.seconds_left(job.done, job.total, job.started_at, at) if is_running else None,
        is_stopping=is_running and job.cancel_asked,
        problems=tuple(rules.problem_of(kept) for kept in job.problem),
        result=dict(job.result),
        created_by_name=job.created_by_name,
        created_at=job.created_at,
        ended_at=job.ended_at,
        may_cancel=not problems and not job.cancel_asked,
    )


def job_status(session: Session, reader: Actor, job_id: int, at: datetime) -> JobStatus | None:
    """Return one job of the reader's org; None when there is none or it is not the reader's to see.

    One sees one's own jobs, and with ``jobs.read`` everyone's.
    """
    job = session.get(Job, (reader.org_id, job_id), options=_SHOWN)
    if job is None or (job.created_by != reader.user_id and not reader.may("jobs.read")):
        return None
    return _status(job, reader, at)


def list_jobs(session: Session, reader: Actor, at: datetime, limit: int = LIST_ROWS) -> tuple[JobStatus, ...]:
    """Return the latest jobs the reader may see, newest first."""
    query = select(Job).where(Job.org_id == reader.org_id).options(*_SHOWN)
    if not reader.may("jobs.read"):
        query = query.where(Job.created_by == reader.user_id)
    jobs = session.scalars(query.order_by(Job.id.desc()).limit(limit))
    return tuple(_status(job, reader, at) for job in jobs)
