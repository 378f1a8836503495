"""The job row: what is to be done, how far it is, and who holds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id
from charity.jobs.rules import STATES, State

_STATES = ", ".join(f"'{state}'" for state in STATES)


class Job(Base):
    """One piece of long work of one org."""

    __tablename__ = "jobs_job"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state_known"),
        CheckConstraint("done >= 0 AND total >= 0", name="counted_up"),
        CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease_while_running"),
        # At most one job of a lane runs at a time, whatever two workers believe.
        Index(
            "uq_jobs_job_lane_running",
            "org_id",
            "lane",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        Index("ix_jobs_job_state", "state", "lease_until"),
        Index("ix_jobs_job_created_by", "org_id", "created_by", "id"),
    )

    #: The org whose books the work concerns.
    org_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Time-ordered key, made by the app; jobs are taken up in this order.
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: ``feature.verb`` of a registered handler.
    kind: Mapped[str] = mapped_column(String(60))
    #: queued, running, done, failed, cancelled.
    state: Mapped[State] = mapped_column(String(12), default="queued")
    #: Jobs of one lane and org run one after another; None runs beside anything.
    lane: Mapped[str | None] = mapped_column(String(40))
    #: Steps finished, 0…total.
    done: Mapped[int] = mapped_column(default=0)
    #: Steps in all; 0 while unknown.
    total: Mapped[int] = mapped_column(default=0)
    #: What the handler needs to know.
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: Where the handler goes on after its worker died; written with the chunk it covers.
    checkpoint: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: What came of it: ``text`` and ``params`` of a sentence, ``url`` of the page to look at.
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: Why it failed: a list of ``{"code", "params"}``.
    problem: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    #: Until when the holder's word counts, UTC; past that anyone may take the job over.
    lease_until: Mapped[datetime | None]
    #: The claim that holds it: worker and a random part, new at each claim.
    lease_by: Mapped[str] = mapped_column(String(80), default="")
    #: A person asked to stop; honoured at the next chunk.
    cancel_asked: Mapped[bool] = mapped_column(Boolean, default=False)
    #: How often it was claimed.
    tries: Mapped[int] = mapped_column(default=0)
    #: The login in whose name it runs.
    created_by: Mapped[int] = mapped_column(Id)
    #: The name of that login at the time.
    created_by_name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    #: First claim.
    started_at: Mapped[datetime | None]
    #: Done, failed or cancelled.
    ended_at: Mapped[datetime | None]
    #: Rises at each change; a claim is an UPDATE on the version that was seen.
    version: Mapped[int] = mapped_column(default=1)
