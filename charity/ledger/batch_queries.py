"""Reads of releases: how far the poster is, what it posted, what it left and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import Problem
from charity.jobs import rules as job_rules
from charity.jobs.models import Job
from charity.ledger.batches import KIND, Progress
from charity.ledger.draft_queries import DraftRow, read_rows
from charity.ledger.naming import BookNames
from charity.periods import Month


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A release that the poster has not finished: how many of how many, and who released it."""

    id: int
    done: int
    total: int
    released_by: str


@dataclass(frozen=True, slots=True)
class NumbersGiven:
    """Numbers given in one month and word; others may have posted in between."""

    month: Month
    word: str
    first_no: int
    last_no: int
    count: int


@dataclass(frozen=True, slots=True)
class BatchView:
    """A release as its page shows it, also while it runs or when it stopped early.

    Attributes:
        state: queued, running, done, failed, cancelled.
        done, total: drafts looked at, and in all.
        posted: vouchers posted by it.
        before: drafts that somebody had posted meanwhile.
        parked_count: drafts that were not posted; the first of them stand in ``parked``.
        parked: each with its reason; it shows the state the draft has now.
        problems: why the whole stopped.
        released_by_id, released_by: the login, and its name at the time.
    """

    id: int
    state: job_rules.State
    done: int
    total: int
    posted: int
    before: int
    numbers: tuple[NumbersGiven, ...]
    parked_count: int
    parked: tuple[tuple[DraftRow, Problem], ...]
    problems: tuple[Problem, ...]
    released_by_id: int
    released_by: str
    released_at: datetime
    ended_at: datetime | None


def open_batches(session: Session, org_id: int) -> tuple[OpenBatch, ...]:
    """Return the releases that wait for the poster or that it works on, in their order."""
    rows = session.execute(
        select(Job.id, Job.done, Job.total, Job.created_by_name)
        .where(Job.org_id == org_id, Job.kind == KIND, Job.state.in_(("queued", "running")))
        .order_by(Job.id)
    )
    return tuple(OpenBatch(*row) for row in rows)


def batch_view(session: Session, actor: Actor, job_id: int, names: BookNames) -> BatchView | None:
    """Return a release of the reader's org; None where there is none."""
    job = session.get(Job, (actor.org_id, job_id))
    if job is None or job.kind != KIND:
        return None
    progress = Progress(**job.checkpoint)
    reasons = {key: job_rules.problem_of(kept) for key, kept in progress.parked}
    rows = read_rows(session, actor, list(reasons), "", names)
    return BatchView(
        id=job.id,
        state=job.state,
        done=job.done,
        total=job.total,
        posted=progress.posted,
        before=progress.before,
        numbers=_numbers(progress.numbers),
        parked_count=progress.parked_count,
        parked=tuple((row, reasons[row.id]) for row in rows),
        problems=tuple(job_rules.problem_of(kept) for kept in job.problem),
        released_by_id=job.created_by,
        released_by=job.created_by_name,
        released_at=job.created_at,
        ended_at=job.ended_at,
    )


def _numbers(found: Mapping[str, list[int]]) -> tuple[NumbersGiven, ...]:
    """Return the numbers of a checkpoint in the order of months and words."""
    result = []
    for key, (first, last, count) in sorted(found.items()):
        month, _, word = key.partition(" ")
        result.append(NumbersGiven(Month.from_code(int(month)), word, first, last, count))
    return tuple(result)
