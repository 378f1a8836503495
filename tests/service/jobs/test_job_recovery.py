"""Workers die, sleep and meet: what was committed stands, nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import refuse
from charity.jobs import rules, service, worker
from charity.jobs.models import Job
from charity.oplog.service import record

if TYPE_CHECKING:
    from charity.config import Settings
    from tests.conftest import Clock
    from tests.service.jobs.conftest import Bench


def test_a_silent_workers_job_goes_on_where_its_last_chunk_ended(clock: Clock, bench: Bench) -> None:
    dies = True

    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        for step in range(context.checkpoint.get("step", 0) + 1, 4):
            if step == 3 and dies:
                raise SystemExit("as good as killed: nothing is written after this")
            bench.step(context, step)

    job_id = bench.start("testing.count")
    with pytest.raises(SystemExit):
        bench.worker().run_one()
    assert bench.row(job_id).state == "running"
    assert not bench.worker().run_one(), "the lease still counts"
    dies = False
    clock.advance(seconds=worker.LEASE_S + 1)
    assert bench.worker().run_one()
    assert (bench.row(job_id).state, bench.row(job_id).tries) == ("done", 2)
    assert bench.steps() == ["1", "2", "3"]


def test_a_worker_that_was_asleep_leaves_no_trace(clock: Clock, bench: Bench) -> None:
    """It wakes after another has taken over and finished; its chunk is rolled back."""

    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        if context.claim.token not in seen:
            seen.append(context.claim.token)
        if len(seen) == 1:
            clock.advance(seconds=worker.LEASE_S + 1)
            assert bench.worker().run_one()
        bench.step(context, len(seen))

    seen: list[str] = []
    job_id = bench.start("testing.count")
    bench.worker().run_one()
    assert (bench.row(job_id).state, bench.steps()) == ("done", ["2"])


def test_a_job_that_keeps_killing_workers_is_given_up(clock: Clock, bench: Bench) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise SystemExit

    job_id = bench.start("testing.count")
    for _ in range(rules.MAX_TRIES):
        with pytest.raises(SystemExit):
            bench.worker().run_one()
        clock.advance(seconds=worker.LEASE_S + 1)
    bench.worker().run_one()
    job = bench.row(job_id)
    assert (job.state, job.problem[0]["code"]) == ("failed", "job_gave_up")
    assert not bench.worker().run_one()


def test_a_silent_workers_job_that_was_to_be_cancelled_does_not_go_on(
    session: Session, clock: Clock, bench: Bench
) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise SystemExit

    job_id = bench.start("testing.count")
    with pytest.raises(SystemExit):
        bench.worker().run_one()
    transact(lambda own: service.cancel(own, actor=bench.OWNER, job_id=job_id), session=session)
    assert bench.row(job_id).state == "running"
    clock.advance(seconds=worker.LEASE_S + 1)
    bench.worker().run_one()
    assert (bench.row(job_id).state, bench.row(job_id).tries) == ("cancelled", 1)


def test_shutting_down_gives_the_job_back(bench: Bench) -> None:
    ending = threading.Event()

    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        for step in range(context.checkpoint.get("step", 0) + 1, 4):
            bench.step(context, step)
            if step == 2:
                ending.set()

    job_id = bench.start("testing.count")
    bench.worker(ending).run_one()
    job = bench.row(job_id)
    assert (job.state, job.done, job.tries) == ("queued", 2, 0)
    ending = threading.Event()
    bench.worker().run_one()
    assert (bench.row(job_id).state, bench.steps()) == ("done", ["1", "2", "3"])


def test_a_failed_chunk_leaves_neither_effect_nor_progress(bench: Bench) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        bench.step(context, 1)

        def work(own: Session) -> None:
            record(own, actor=context.actor(own), act="testing.counted", summary="2")
            raise refuse("job_kind_unknown", kind="x")

        context.transact(work, done=2, checkpoint={"step": 2})

    job_id = bench.start("testing.count")
    bench.worker().run_one()
    job = bench.row(job_id)
    assert (job.done, job.checkpoint, bench.steps()) == (1, {"step": 1}, ["1"])


def test_one_job_of_a_lane_runs_at_a_time(bench: Bench) -> None:
    order: list[str] = []

    @bench.handle("testing.count", lane="posting")
    def count(context: worker.JobContext) -> None:
        order.append("in")
        assert not bench.worker().run_one(), "the second waits for the lane"
        order.append("out")

    bench.start("testing.count")
    bench.start("testing.count")
    own = bench.worker()
    while own.run_one():
        pass
    assert order == ["in", "out", "in", "out"]


def test_lanes_of_two_orgs_do_not_wait_for_each_other(bench: Bench) -> None:
    depth: list[int] = []

    @bench.handle("testing.count", lane="posting")
    def count(context: worker.JobContext) -> None:
        depth.append(context.org_id)
        if context.org_id == 1:
            assert bench.worker().run_one()

    bench.start("testing.count")
    bench.start("testing.count", actor=Actor(7, 2, "王会计", frozenset(), bench.START))
    bench.worker().run_one()
    assert depth == [1, 2]


def test_the_database_itself_holds_a_lane_to_one_running_job(session: Session, bench: Bench) -> None:
    bench.handle("testing.count", lane="posting")(lambda context: None)
    first, second = bench.start("testing.count"), bench.start("testing.count")

    def run_both(own: Session) -> None:
        for job_id in (first, second):
            job = own.get_one(Job, (1, job_id))
            job.state, job.lease_until = "running", bench.START
        own.flush()

    with pytest.raises(IntegrityError):
        transact(run_both, session=session)


def test_a_heartbeat_keeps_the_lease_while_nothing_is_written(clock: Clock, bench: Bench) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        clock.advance(seconds=worker.LEASE_S - 1)
        worker._Heartbeat(context, 15).beat()
        clock.advance(seconds=worker.LEASE_S - 1)
        assert not bench.worker().run_one()

    job_id = bench.start("testing.count")
    bench.worker().run_one()
    assert bench.row(job_id).state == "done"


def test_the_beating_heart_notices_that_the_job_was_taken(clock: Clock, bench: Bench) -> None:
    noticed = threading.Event()

    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        if noticed.is_set():
            return
        noticed.set()
        clock.advance(seconds=worker.LEASE_S + 1)
        bench.worker().run_one()
        assert context._lost.wait(20)
        bench.step(context, 1)

    job_id = bench.start("testing.count")
    own = bench.worker()
    own.heartbeat_s = 0.01
    own.run_one()
    assert (bench.row(job_id).state, bench.steps()) == ("done", [])


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


def test_a_job_survives_kill_9_in_the_middle_of_a_chunk(session: Session, clock: Clock, bench: Bench) -> None:
    """The third step was written but not committed when the process died: it is done once."""
    bench.handle("testing.count")(lambda context: bench.step(context, context.checkpoint["step"] + 1))
    job_id = bench.start("testing.count")
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
    assert bench.worker().run_one()
    assert (bench.row(job_id).state, bench.row(job_id).tries) == ("done", 2)
    assert bench.steps() == ["1", "2", "3"]


_STOPPED = """
import sys
from charity import cli, create_app
from charity.db import Actor
from charity.jobs import service

def count(context):
    context.progress(1)
    print("ready", flush=True)
    while True:
        context.progress(1)

service.register_handler("testing.count", count, title="Count to three")
app = create_app()
with app.app_context():
    cli.worker_command.callback()
"""


def test_a_worker_that_is_told_to_stop_gives_its_job_back(bench: Bench, settings: Settings) -> None:
    bench.handle("testing.count")(lambda context: None)
    job_id = bench.start("testing.count")
    bench.session.close()
    root = str(Path(__file__).resolve().parents[3])
    environ = {
        **os.environ,
        "PYTHONPATH": root,
        "CHARITY_ENV": "test",
        "CHARITY_DATA": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "CHARITY_SECRET_KEY": settings.secret_key,
        "CHARITY_FIELD_KEY": settings.field_key.hex(),
        "CHARITY_SIGN_KEY": settings.sign_key.hex(),
    }
    command = [sys.executable, "-c", _STOPPED]
    with subprocess.Popen(command, cwd=root, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    job = bench.row(job_id)
    assert (job.state, job.done, job.tries) == ("queued", 1, 0)


def test_many_workers_do_each_job_once(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: bench.step(context, 1))
    for _ in range(12):
        bench.start("testing.count")

    def work() -> None:
        own = bench.worker()
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
    assert len(bench.steps()) == 12
