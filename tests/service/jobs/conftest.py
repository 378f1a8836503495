"""A bench to try the worker on: invented kinds of work, one step leaving one visible effect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.jobs import service, worker
from charity.jobs.models import Job
from charity.oplog.models import OpLogEntry
from charity.oplog.rules import register_acts
from charity.oplog.service import record

if TYPE_CHECKING:
    from tests.conftest import Clock

register_acts({"testing.counted": "Counted one step"})

START = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
OWNER = Actor(user_id=7, org_id=1, name="王会计", permissions=frozenset({"imports.stage"}), at=START)
BOSS = Actor(
    user_id=9, org_id=1, name="刘主任", permissions=frozenset({"jobs.cancel", "jobs.read"}), at=START
)


class Bench:
    """Starts jobs, makes workers, looks at rows."""

    START, OWNER, BOSS = START, OWNER, BOSS

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session = session
        self.clock = clock

    def worker(self, stop: threading.Event | None = None) -> worker.Worker:
        return worker.Worker(self.session.get_bind(), self.clock, stop or threading.Event(), name="test")

    def handle(
        self, kind: str, lane: str | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
            service.register_handler(kind, handler, title="Count to three", lane=lane)
            return handler

        return decorate

    def start(self, kind: str, params: Mapping[str, Any] | None = None, actor: Actor = OWNER) -> int:
        return transact(
            lambda own: service.enqueue(own, actor=actor, kind=kind, params=params, total=3).id,
            session=self.session,
        )

    def row(self, job_id: int) -> Job:
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(Job, (1, job_id))

    def step(self, context: worker.JobContext, step: int) -> None:
        """Leave one visible effect, with its progress."""

        def work(session: Session) -> None:
            record(session, actor=context.actor(session), act="testing.counted", summary=str(step))

        context.transact(work, done=step, total=3, checkpoint={"step": step})

    def steps(self) -> list[str]:
        self.session.rollback()
        query = select(OpLogEntry.summary).where(OpLogEntry.act == "testing.counted").order_by(OpLogEntry.id)
        return list(self.session.scalars(query))


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """Leave the registers of kinds and housekeeping as they were."""
    kinds, loader, periodic = dict(service._kinds), service._load_actor, dict(worker._periodic)
    service.register_actor_loader(
        lambda _session, org_id, user_id, at: Actor(user_id, org_id, "王会计", frozenset(), at)
    )
    yield
    service._kinds.clear()
    service._kinds.update(kinds)
    service._load_actor = loader
    worker._periodic.clear()
    worker._periodic.update(periodic)


@pytest.fixture
def bench(session: Session, clock: Clock) -> Bench:
    return Bench(session, clock)
