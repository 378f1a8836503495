"""The worker: claims jobs, runs their handlers, renews leases, ends rows.

Knows no Flask beyond an app context for the handlers. The invariant: the effect of a
chunk and its progress commit together, and only while the claim counts; so a job that
is taken over goes on exactly where the last committed chunk ended.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from charity.db import Actor, db, forget_plans, transact
from charity.errors import Problem, Refused
from charity.ids import new_code
from charity.jobs import rules, service
from charity.jobs.service import Claim, LeaseLost

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: How long a claim counts without renewal, and how often it is renewed, in seconds.
LEASE_S = 60
HEARTBEAT_S = 15.0
#: How long an idle worker waits before it looks again, in seconds.
POLL_S = 0.5


class Cancelled(Exception):
    """A person asked the job to stop; raised inside the handler."""


class ShuttingDown(Exception):
    """The worker is being shut down; raised inside the handler, the job goes back."""


class AppLike(Protocol):
    """What the worker needs of a Flask app."""

    @property
    def config(self) -> Any:
        """Holds ``CLOCK``."""

    def app_context(self) -> AbstractContextManager[Any]:
        """Open an app context."""


@dataclass
class JobContext:
    """What a handler works with.

    Attributes:
        claim: the job as taken.
        checkpoint: where the last committed chunk ended; empty at the first start.
    """

    claim: Claim
    checkpoint: dict[str, Any]
    _engine: Engine
    _clock: Callable[[], datetime]
    _stop: threading.Event
    _lost: threading.Event = field(default_factory=threading.Event)

    @property
    def org_id(self) -> int:
        """The org of the job."""
        return self.claim.org_id

    @property
    def params(self) -> Mapping[str, Any]:
        """What the act that enqueued the job handed over."""
        return self.claim.params

    @property
    def now(self) -> datetime:
        """The present instant, UTC."""
        return self._clock()

    def actor(self, session: Session) -> Actor:
        """Return who acts, with the permissions held now.

        Raises:
            Refused: ``job_owner_gone``.
        """
        return service.job_actor(session, self.claim, self._clock())

    def transact(
        self,
        work: Callable[[Session], T],
        *,
        done: int | None = None,
        total: int | None = None,
        checkpoint: Mapping[str, Any] | Callable[[T], Mapping[str, Any]] | None = None,
    ) -> T:
        """Run one chunk in a fresh session; its effect and its progress commit together.

        Args:
            work: gets the session, returns the chunk's result; run again on deadlock.
            done: steps finished after this chunk.
            total: steps in all.
            checkpoint: where to go on if the worker dies after this chunk; a function gets the
                chunk's result.

        Raises:
            Cancelled: a person asked to stop, before the chunk began.
            ShuttingDown: the worker is being shut down, before the chunk began.
            LeaseLost: another worker has the job; the chunk is rolled back.
        """
        self._go_on()

        def chunk(session: Session) -> tuple[T, Mapping[str, Any] | None]:
            forget_plans(session)  # tables grow while a long job fills them
            result = work(session)
            reached = checkpoint(result) if callable(checkpoint) else checkpoint
            # Last, so that the row is locked for a moment only: heartbeats and a person's
            # cancel write to it as well.
            service.renew(
                session,
                self.claim,
                at=self._clock(),
                lease_s=LEASE_S,
                done=done,
                total=total,
                checkpoint=reached,
            )
            return result, reached

        with Session(self._engine) as session:
            result, reached = transact(chunk, session=session)
        if reached is not None:
            self.checkpoint = dict(reached)
        return result

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a query in a fresh session."""
        self._go_on()
        with Session(self._engine) as session:
            return work(session)

    def progress(self, done: int, total: int | None = None) -> None:
        """Write how far the work is, for chunks that change nothing else."""
        self.transact(lambda _session: None, done=done, total=total)

    @property
    def is_cancelled(self) -> bool:
        """Whether a person asked the job to stop; for handlers that tidy up first."""
        with Session(self._engine) as session:
            return service.is_cancel_asked(session, self.claim)

    def _go_on(self) -> None:
        if self._lost.is_set():
            raise LeaseLost(self.claim.token)
        if self._stop.is_set():
            raise ShuttingDown
        if self.is_cancelled:
            raise Cancelled


class _Heartbeat(threading.Thread):
    """Renews the lease while a handler computes without touching the database."""

    def __init__(self, context: JobContext, interval_s: float) -> None:
        super().__init__(name="job-heartbeat", daemon=True)
        self._context = context
        self._interval_s = interval_s
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._interval_s):
            try:
                self.beat()
            except LeaseLost:
                self._context._lost.set()
                return
            except DBAPIError:
                # The database was busy or away for a moment; the lease outlasts that.
                logger.warning("the lease of job %s was not renewed", self._context.claim.job_id)

    def beat(self) -> None:
        """Renew the lease once."""
        context = self._context
        with Session(context._engine) as session:
            transact(
                lambda own: service.renew(own, context.claim, at=context._clock(), lease_s=LEASE_S),
                session=session,
            )

    def end(self) -> None:
        """Stop, and wait for a beat under way."""
        self._ended.set()
        self.join()


@dataclass
class _Periodic:
    """Something the worker does now and then, beside jobs."""

    name: str
    every_s: float
    run: Callable[[datetime], None]


_periodic: dict[str, _Periodic] = {}


def register_periodic(name: str, every_s: float, run: Callable[[datetime], None]) -> None:
    """Register housekeeping that every worker does in its idle moments.

    Args:
        name: ``feature.verb``; registering it again replaces it.
        every_s: seconds between two runs of one worker. Several workers may run it at
            once, so it must claim what it touches.
        run: gets the instant; runs inside an app context; an error is logged, not raised.
    """
    rules.check_kind_name(name)
    _periodic[name] = _Periodic(name, every_s, run)


@dataclass
class Worker:
    """One worker: a loop in a thread of the demo, or ``flask worker`` on a server.

    Attributes:
        engine: the app's database.
        clock: the present instant, UTC.
        stop: set when the process ends.
        name: for people who look at a job's row.
    """

    engine: Engine
    clock: Callable[[], datetime]
    stop: threading.Event
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    heartbeat_s: float = HEARTBEAT_S
    _due: dict[str, float] = field(default_factory=dict)

    def run_one(self) -> bool:
        """Claim one job and run it to its end; return whether there was anything to do."""
        with Session(self.engine) as session:
            if not service.has_work(session, self.clock()):
                return False
        claim = self._claim()
        if claim is not None:
            self._run(claim)
        return True

    def run_due(self) -> None:
        """Run the housekeeping whose time has come."""
        for item in list(_periodic.values()):
            if time.monotonic() < self._due.get(item.name, 0.0):
                continue
            self._due[item.name] = time.monotonic() + item.every_s
            try:
                item.run(self.clock())
            except Exception:  # noqa: BLE001 - one housekeeper's trouble must not stop the others.
                logger.exception("%s failed", item.name, extra={"said": {"kind": item.name}})

    def _claim(self) -> Claim | None:
        with Session(self.engine) as session:
            try:
                return transact(
                    lambda own: service.claim(own, worker=self.name, at=self.clock(), lease_s=LEASE_S),
                    session=session,
                )
            except IntegrityError:
                # Two workers reached for two jobs of one lane; the index let one pass.
                return None

    def _run(self, claim: Claim) -> None:
        context = JobContext(claim, dict(claim.checkpoint), self.engine, self.clock, self.stop)
        heartbeat = _Heartbeat(context, self.heartbeat_s)
        heartbeat.start()
        try:
            end = self._outcome(context)
        finally:
            heartbeat.end()
        if end is None:
            return
        with Session(self.engine) as session:
            try:
                transact(end, session=session)
            except LeaseLost:
                logger.warning("job %s was taken over before it ended here", claim.job_id)

    def _outcome(self, context: JobContext) -> Callable[[Session], None] | None:
        """Run the handler; return how the row is to be ended, None when it is another's now."""
        claim = context.claim
        try:
            kind = service.kind_of(claim.kind)
            if kind is None:
                raise Refused(Problem("job_kind_unknown", {"kind": claim.kind}))
            result = dict(kind.handler(context) or {})
            return lambda session: service.finish(session, claim, at=self.clock(), result=result)
        except Cancelled:
            return lambda session: service.stop(session, claim, at=self.clock())
        except ShuttingDown:
            return lambda session: service.release(session, claim)
        except LeaseLost:
            logger.warning("job %s was taken over by another worker", claim.job_id)
            return None
        except Refused as refused:
            problems = refused.problems
        except Exception:  # noqa: BLE001 - whatever a handler does, the row must tell its end.
            reference = new_code(8)
            logger.exception(
                "job %s of kind %s broke, reference %s",
                claim.job_id,
                claim.kind,
                reference,
                extra={"said": {"kind": claim.kind, "reference": reference}},
            )
            problems = (Problem("job_broke", {"reference": reference}),)
        return lambda session: service.fail(session, claim, at=self.clock(), problems=problems)


def run_worker(app: AppLike, stop_event: threading.Event, *, poll_s: float = POLL_S) -> None:
    """Work until the event is set; the body of ``flask worker`` and of the demo's thread.

    Args:
        app: the wired app; handlers run inside its context.
        stop_event: set it to end after the chunk under way; its job goes back to the queue.
        poll_s: how long to wait when there is nothing to do, in seconds.
    """
    with app.app_context():
        worker = Worker(db.engine, app.config["CLOCK"], stop_event)
    while not stop_event.is_set():
        has_worked = False
        try:
            with app.app_context():
                worker.run_due()
                has_worked = worker.run_one()
        except DBAPIError:
            logger.exception("the worker could not reach the database")
        if not has_worked:
            stop_event.wait(poll_s)


def start_thread(app: AppLike) -> threading.Event:
    """Start a worker beside the web server of the demo; return the event that stops it."""
    stop_event = threading.Event()
    thread = threading.Thread(target=run_worker, args=(app, stop_event), name="job-worker", daemon=True)
    thread.start()

    def end() -> None:
        stop_event.set()
        thread.join(5)

    atexit.register(end)
    return stop_event
