"""The row is the truth: chunks commit with their progress, and a dead worker's job goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import Refused, refuse
from charity.jobs import queries, rules, service, worker
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


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
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


def make_worker(session: Session, clock: Clock, stop: threading.Event | None = None) -> worker.Worker:
    return worker.Worker(session.get_bind(), clock, stop or threading.Event(), name="test")  # type: ignore[arg-type]


def handle(kind: str, lane: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
        service.register_handler(kind, handler, title="Count to three", lane=lane)
        return handler

    return decorate


def start(session: Session, kind: str, params: Mapping[str, Any] | None = None, actor: Actor = OWNER) -> int:
    return transact(
        lambda own: service.enqueue(own, actor=actor, kind=kind, params=params, total=3).id, session=session
    )


def row(session: Session, job_id: int) -> Job:
    session.rollback()
    session.expire_all()
    return session.get_one(Job, (1, job_id))


def count_step(context: worker.JobContext, step: int) -> None:
    """Leave one visible effect, with its progress."""

    def work(session: Session) -> None:
        record(session, actor=context.actor(session), act="testing.counted", summary=str(step))

    context.transact(work, done=step, total=3, checkpoint={"step": step})


def steps_counted(session: Session) -> list[str]:
    session.rollback()
    query = select(OpLogEntry.summary).where(OpLogEntry.act == "testing.counted").order_by(OpLogEntry.id)
    return list(session.scalars(query))


def test_a_job_is_run_to_its_end_with_its_result(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> Mapping[str, Any]:
        for step in (1, 2, 3):
            count_step(context, step)
        return {"text": "Counted %(count)s", "params": {"count": context.params["upto"]}}

    job_id = start(session, "testing.count", {"upto": 3})
    clock.advance(seconds=5)
    assert make_worker(session, clock).run_one()
    job = row(session, job_id)
    assert (job.state, job.done, job.total, job.tries) == ("done", 3, 3, 1)
    assert job.result == {"text": "Counted %(count)s", "params": {"count": 3}}
    assert (job.started_at, job.ended_at, job.lease_until) == (clock.instant, clock.instant, None)
    assert steps_counted(session) == ["1", "2", "3"]


def test_an_idle_worker_finds_nothing(session: Session, clock: Clock) -> None:
    assert not make_worker(session, clock).run_one()


def test_a_job_whose_act_fails_was_never_there(session: Session, clock: Clock) -> None:
    handle("testing.count")(lambda context: None)

    def act(own: Session) -> None:
        service.enqueue(own, actor=OWNER, kind="testing.count")
        raise RuntimeError("the act fails")

    with pytest.raises(RuntimeError):
        transact(act, session=session)
    assert not make_worker(session, clock).run_one()


def test_an_unknown_kind_is_refused_at_once(session: Session) -> None:
    with pytest.raises(Refused) as refused:
        start(session, "testing.unheard_of")
    assert refused.value.codes == ["job_kind_unknown"]


def test_a_kind_that_is_gone_after_an_upgrade_fails_with_a_sentence(session: Session, clock: Clock) -> None:
    handle("testing.count")(lambda context: None)
    job_id = start(session, "testing.count")
    service._kinds.clear()
    make_worker(session, clock).run_one()
    assert row(session, job_id).problem == [{"code": "job_kind_unknown", "params": {"kind": "testing.count"}}]


def test_jobs_are_taken_in_the_order_they_were_asked_for(session: Session, clock: Clock) -> None:
    taken: list[int] = []
    handle("testing.count")(lambda context: taken.append(context.claim.job_id))
    wanted = [start(session, "testing.count") for _ in range(3)]
    own = make_worker(session, clock)
    while own.run_one():
        pass
    assert taken == wanted


def test_a_refusal_is_kept_with_its_words(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise refuse("job_kind_unknown", kind="x")

    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    status = queries.job_status(session, OWNER, job_id, clock.instant)
    assert status is not None and status.state == "failed"
    assert [problem.code for problem in status.problems] == ["job_kind_unknown"]


def test_something_unexpected_gets_a_number_to_ask_with(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise ZeroDivisionError

    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    job = row(session, job_id)
    assert job.state == "failed" and job.problem[0]["code"] == "job_broke"
    assert len(job.problem[0]["params"]["reference"]) == 8


def test_the_owner_of_a_job_must_still_work_here(session: Session, clock: Clock) -> None:
    handle("testing.count")(lambda context: count_step(context, 1))
    job_id = start(session, "testing.count")
    service.register_actor_loader(lambda _session, _org_id, _user_id, _at: None)
    make_worker(session, clock).run_one()
    assert row(session, job_id).problem == [{"code": "job_owner_gone", "params": {"name": "王会计"}}]
    assert steps_counted(session) == []


def test_a_waiting_job_is_cancelled_at_once(session: Session, clock: Clock) -> None:
    handle("testing.count")(lambda context: count_step(context, 1))
    job_id = start(session, "testing.count")
    transact(lambda own: service.cancel(own, actor=OWNER, job_id=job_id), session=session)
    assert not make_worker(session, clock).run_one()
    assert row(session, job_id).state == "cancelled"


def test_a_running_job_stops_at_the_end_of_its_chunk(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        count_step(context, 1)
        assert not context.is_cancelled
        with Session(session.get_bind()) as other:
            transact(lambda own: service.cancel(own, actor=BOSS, job_id=context.claim.job_id), session=other)
        assert context.is_cancelled
        count_step(context, 2)

    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    assert (row(session, job_id).state, steps_counted(session)) == ("cancelled", ["1"])


def test_another_ones_job_cannot_be_cancelled(session: Session) -> None:
    handle("testing.count")(lambda context: None)
    job_id = start(session, "testing.count")
    stranger = Actor(8, 1, "李四", frozenset(), START)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.cancel(own, actor=stranger, job_id=job_id), session=session)
    assert refused.value.codes == ["job_not_yours"]


def test_a_job_of_another_org_is_not_there(session: Session) -> None:
    handle("testing.count")(lambda context: None)
    job_id = start(session, "testing.count")
    foreign = Actor(7, 2, "王会计", frozenset({"jobs.cancel", "jobs.read"}), START)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.cancel(own, actor=foreign, job_id=job_id), session=session)
    assert refused.value.codes == ["job_missing"]
    assert queries.job_status(session, foreign, job_id, START) is None


def test_an_ended_job_cannot_be_cancelled(session: Session, clock: Clock) -> None:
    handle("testing.count")(lambda context: None)
    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.cancel(own, actor=OWNER, job_id=job_id), session=session)
    assert refused.value.codes == ["job_ended"]


def test_a_silent_workers_job_goes_on_where_its_last_chunk_ended(session: Session, clock: Clock) -> None:
    dies = True

    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        for step in range(context.checkpoint.get("step", 0) + 1, 4):
            if step == 3 and dies:
                raise SystemExit("as good as killed: nothing is written after this")
            count_step(context, step)

    job_id = start(session, "testing.count")
    with pytest.raises(SystemExit):
        make_worker(session, clock).run_one()
    assert row(session, job_id).state == "running"
    assert not make_worker(session, clock).run_one(), "the lease still counts"
    dies = False
    clock.advance(seconds=worker.LEASE_S + 1)
    assert make_worker(session, clock).run_one()
    assert (row(session, job_id).state, row(session, job_id).tries) == ("done", 2)
    assert steps_counted(session) == ["1", "2", "3"]


def test_a_worker_that_was_asleep_leaves_no_trace(session: Session, clock: Clock) -> None:
    """It wakes after another has taken over and finished; its chunk is rolled back."""

    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        if context.claim.token not in seen:
            seen.append(context.claim.token)
        if len(seen) == 1:
            clock.advance(seconds=worker.LEASE_S + 1)
            assert make_worker(session, clock).run_one()
        count_step(context, len(seen))

    seen: list[str] = []
    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    assert (row(session, job_id).state, steps_counted(session)) == ("done", ["2"])


def test_a_job_that_keeps_killing_workers_is_given_up(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise SystemExit

    job_id = start(session, "testing.count")
    for _ in range(rules.MAX_TRIES):
        with pytest.raises(SystemExit):
            make_worker(session, clock).run_one()
        clock.advance(seconds=worker.LEASE_S + 1)
    make_worker(session, clock).run_one()
    job = row(session, job_id)
    assert (job.state, job.problem[0]["code"]) == ("failed", "job_gave_up")
    assert not make_worker(session, clock).run_one()


def test_a_silent_workers_job_that_was_to_be_cancelled_does_not_go_on(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise SystemExit

    job_id = start(session, "testing.count")
    with pytest.raises(SystemExit):
        make_worker(session, clock).run_one()
    transact(lambda own: service.cancel(own, actor=OWNER, job_id=job_id), session=session)
    assert row(session, job_id).state == "running"
    clock.advance(seconds=worker.LEASE_S + 1)
    make_worker(session, clock).run_one()
    assert (row(session, job_id).state, row(session, job_id).tries) == ("cancelled", 1)


def test_shutting_down_gives_the_job_back(session: Session, clock: Clock) -> None:
    ending = threading.Event()

    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        for step in range(context.checkpoint.get("step", 0) + 1, 4):
            count_step(context, step)
            if step == 2:
                ending.set()

    job_id = start(session, "testing.count")
    make_worker(session, clock, ending).run_one()
    job = row(session, job_id)
    assert (job.state, job.done, job.tries) == ("queued", 2, 0)
    ending = threading.Event()
    make_worker(session, clock).run_one()
    assert (row(session, job_id).state, steps_counted(session)) == ("done", ["1", "2", "3"])


def test_a_failed_chunk_leaves_neither_effect_nor_progress(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        count_step(context, 1)

        def work(own: Session) -> None:
            record(own, actor=context.actor(own), act="testing.counted", summary="2")
            raise refuse("job_kind_unknown", kind="x")

        context.transact(work, done=2, checkpoint={"step": 2})

    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    job = row(session, job_id)
    assert (job.done, job.checkpoint, steps_counted(session)) == (1, {"step": 1}, ["1"])


def test_one_job_of_a_lane_runs_at_a_time(session: Session, clock: Clock) -> None:
    order: list[str] = []

    @handle("testing.count", lane="posting")
    def count(context: worker.JobContext) -> None:
        order.append("in")
        assert not make_worker(session, clock).run_one(), "the second waits for the lane"
        order.append("out")

    start(session, "testing.count")
    start(session, "testing.count")
    own = make_worker(session, clock)
    while own.run_one():
        pass
    assert order == ["in", "out", "in", "out"]


def test_lanes_of_two_orgs_do_not_wait_for_each_other(session: Session, clock: Clock) -> None:
    depth: list[int] = []

    @handle("testing.count", lane="posting")
    def count(context: worker.JobContext) -> None:
        depth.append(context.org_id)
        if context.org_id == 1:
            assert make_worker(session, clock).run_one()

    start(session, "testing.count")
    start(session, "testing.count", actor=Actor(7, 2, "王会计", frozenset(), START))
    make_worker(session, clock).run_one()
    assert depth == [1, 2]


def test_the_database_itself_holds_a_lane_to_one_running_job(session: Session) -> None:
    handle("testing.count", lane="posting")(lambda context: None)
    first, second = start(session, "testing.count"), start(session, "testing.count")

    def run_both(own: Session) -> None:
        for job_id in (first, second):
            job = own.get_one(Job, (1, job_id))
            job.state, job.lease_until = "running", START
        own.flush()

    with pytest.raises(IntegrityError):
        transact(run_both, session=session)


def test_a_heartbeat_keeps_the_lease_while_nothing_is_written(session: Session, clock: Clock) -> None:
    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        clock.advance(seconds=worker.LEASE_S - 1)
        worker._Heartbeat(context, 15).beat()
        clock.advance(seconds=worker.LEASE_S - 1)
        assert not make_worker(session, clock).run_one()

    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    assert row(session, job_id).state == "done"


def test_the_beating_heart_notices_that_the_job_was_taken(session: Session, clock: Clock) -> None:
    noticed = threading.Event()

    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        if noticed.is_set():
            return
        noticed.set()
        clock.advance(seconds=worker.LEASE_S + 1)
        make_worker(session, clock).run_one()
        assert context._lost.wait(20)
        count_step(context, 1)

    job_id = start(session, "testing.count")
    own = make_worker(session, clock)
    own.heartbeat_s = 0.01
    own.run_one()
    assert (row(session, job_id).state, steps_counted(session)) == ("done", [])


def test_progress_and_time_left_on_the_page(session: Session, clock: Clock) -> None:
    seen: list[queries.JobStatus | None] = []

    @handle("testing.count")
    def count(context: worker.JobContext) -> None:
        clock.advance(seconds=10)
        context.progress(1, 3)
        seen.append(
            context.read(lambda own: queries.job_status(own, OWNER, context.claim.job_id, clock.instant))
        )

    job_id = start(session, "testing.count")
    make_worker(session, clock).run_one()
    (running,) = seen
    assert running is not None
    assert (running.state, running.percent, running.seconds_left, running.may_cancel) == (
        "running",
        33,
        20,
        True,
    )
    session.rollback()
    session.expire_all()
    done = queries.job_status(session, OWNER, job_id, clock.instant)
    assert done is not None
    assert (done.state, done.percent, done.seconds_left, done.may_cancel) == ("done", 100, None, False)


def test_one_sees_ones_own_jobs_and_with_permission_all(session: Session) -> None:
    handle("testing.count")(lambda context: None)
    job_id = start(session, "testing.count")
    stranger = Actor(8, 1, "李四", frozenset(), START)
    assert queries.job_status(session, stranger, job_id, START) is None
    assert queries.list_jobs(session, stranger, START) == ()
    assert [job.id for job in queries.list_jobs(session, OWNER, START)] == [job_id]
    assert [job.id for job in queries.list_jobs(session, BOSS, START)] == [job_id]


def test_a_start_and_a_cancel_are_logged(session: Session) -> None:
    handle("testing.count")(lambda context: None)
    job_id = start(session, "testing.count")
    transact(lambda own: service.cancel(own, actor=BOSS, job_id=job_id), session=session)
    query = select(OpLogEntry.act, OpLogEntry.user_name).order_by(OpLogEntry.id)
    assert list(session.execute(query)) == [("jobs.enqueue", "王会计"), ("jobs.cancel", "刘主任")]


def test_housekeeping_runs_and_its_troubles_stop_nobody(session: Session, clock: Clock) -> None:
    ran: list[datetime] = []

    def breaks(_at: datetime) -> None:
        raise ZeroDivisionError

    worker.register_periodic("testing.breaks", 3600, breaks)
    worker.register_periodic("testing.runs", 3600, ran.append)
    own = make_worker(session, clock)
    own.run_due()
    own.run_due()
    assert ran == [START]


def test_two_handlers_for_one_kind_are_refused() -> None:
    handle("testing.count")(lambda context: None)
    with pytest.raises(ValueError, match="two handlers"):
        handle("testing.count")(lambda context: {})


_KILLED = """
import sys, threading
from datetime import UTC, datetime
from sqlalchemy import create_engine
from charity import sealed
from charity.db import Actor, prepare_engine
from charity.jobs import service, worker
from charity.oplog.rules import register_acts
from charity.oplog.service import record

sealed.configure(b"k" * 32)
register_acts({"testing.counted": "Counted one step"})
service.register_actor_loader(lambda s, org_id, user_id, at: Actor(user_id, org_id, "x", frozenset(), at))

def count(context):
    for step in (1, 2):
        context.transact(
            lambda s: record(s, actor=context.actor(s), act="testing.counted", summary=str(step)),
            done=step, checkpoint={"step": step})
    def third(session):
        record(session, actor=context.actor(session), act="testing.counted", summary="3")
        print("ready", flush=True)
        sys.stdin.read()
    context.transact(third, done=3)

service.register_handler("testing.count", count, title="Count to three")
engine = create_engine(sys.argv[1])
prepare_engine(engine)
clock = lambda: datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
worker.Worker(engine, clock, threading.Event(), name="killed").run_one()
"""


def test_a_job_survives_kill_9_in_the_middle_of_a_chunk(session: Session, clock: Clock) -> None:
    """The third step was written but not committed when the process died: it is done once."""
    handle("testing.count")(lambda context: count_step(context, context.checkpoint["step"] + 1))
    job_id = start(session, "testing.count")
    session.close()
    url = session.get_bind().engine.url.render_as_string(hide_password=False)
    root = str(Path(__file__).resolve().parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, url],
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    clock.advance(seconds=worker.LEASE_S + 1)
    assert make_worker(session, clock).run_one()
    assert (row(session, job_id).state, row(session, job_id).tries) == ("done", 2)
    assert steps_counted(session) == ["1", "2", "3"]


def test_many_workers_do_each_job_once(session: Session, clock: Clock) -> None:
    handle("testing.count")(lambda context: count_step(context, 1))
    for _ in range(12):
        start(session, "testing.count")

    def work() -> None:
        own = make_worker(session, clock)
        while own.run_one():
            pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    session.rollback()
    assert (
        session.scalar(select(func.count()).select_from(Job).where(Job.state == "done", Job.tries == 1)) == 12
    )
    assert len(steps_counted(session)) == 12
