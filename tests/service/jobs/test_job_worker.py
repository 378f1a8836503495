"""The row is the truth: a job comes with its act, ends with its words, and is cancelled in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import Refused, refuse
from charity.jobs import queries, service, worker
from charity.oplog.models import OpLogEntry

if TYPE_CHECKING:
    from tests.conftest import Clock
    from tests.service.jobs.conftest import Bench


def test_a_job_is_run_to_its_end_with_its_result(clock: Clock, bench: Bench) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> Mapping[str, Any]:
        for step in (1, 2, 3):
            bench.step(context, step)
        return {"text": "Counted %(count)s", "params": {"count": context.params["upto"]}}

    job_id = bench.start("testing.count", {"upto": 3})
    clock.advance(seconds=5)
    assert bench.worker().run_one()
    job = bench.row(job_id)
    assert (job.state, job.done, job.total, job.tries) == ("done", 3, 3, 1)
    assert job.result == {"text": "Counted %(count)s", "params": {"count": 3}}
    assert (job.started_at, job.ended_at, job.lease_until) == (clock.instant, clock.instant, None)
    assert bench.steps() == ["1", "2", "3"]


def test_an_idle_worker_finds_nothing(bench: Bench) -> None:
    assert not bench.worker().run_one()


def test_a_job_whose_act_fails_was_never_there(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)

    def act(own: Session) -> None:
        service.enqueue(own, actor=bench.OWNER, kind="testing.count")
        raise RuntimeError("the act fails")

    with pytest.raises(RuntimeError):
        transact(act, session=session)
    assert not bench.worker().run_one()


def test_an_unknown_kind_is_refused_at_once(bench: Bench) -> None:
    with pytest.raises(Refused) as refused:
        bench.start("testing.unheard_of")
    assert refused.value.codes == ["job_kind_unknown"]


def test_a_kind_that_is_gone_after_an_upgrade_fails_with_a_sentence(bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)
    job_id = bench.start("testing.count")
    service._kinds.clear()
    bench.worker().run_one()
    assert bench.row(job_id).problem == [{"code": "job_kind_unknown", "params": {"kind": "testing.count"}}]


def test_jobs_are_taken_in_the_order_they_were_asked_for(bench: Bench) -> None:
    taken: list[int] = []
    bench.handle("testing.count")(lambda context: taken.append(context.claim.job_id))
    wanted = [bench.start("testing.count") for _ in range(3)]
    own = bench.worker()
    while own.run_one():
        pass
    assert taken == wanted


def test_a_refusal_is_kept_with_its_words(session: Session, clock: Clock, bench: Bench) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise refuse("job_kind_unknown", kind="x")

    job_id = bench.start("testing.count")
    bench.worker().run_one()
    status = queries.job_status(session, bench.OWNER, job_id, clock.instant)
    assert status is not None and status.state == "failed"
    assert [problem.code for problem in status.problems] == ["job_kind_unknown"]


def test_something_unexpected_gets_a_number_to_ask_with(bench: Bench) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        raise ZeroDivisionError

    job_id = bench.start("testing.count")
    bench.worker().run_one()
    job = bench.row(job_id)
    assert job.state == "failed" and job.problem[0]["code"] == "job_broke"
    assert len(job.problem[0]["params"]["reference"]) == 8


def test_the_owner_of_a_job_must_still_work_here(bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: bench.step(context, 1))
    job_id = bench.start("testing.count")
    service.register_actor_loader(lambda _session, _org_id, _user_id, _at: None)
    bench.worker().run_one()
    assert bench.row(job_id).problem == [{"code": "job_owner_gone", "params": {"name": "王会计"}}]
    assert bench.steps() == []


def test_a_waiting_job_is_cancelled_at_once(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: bench.step(context, 1))
    job_id = bench.start("testing.count")
    transact(lambda own: service.cancel(own, actor=bench.OWNER, job_id=job_id), session=session)
    assert not bench.worker().run_one()
    assert bench.row(job_id).state == "cancelled"


def test_a_running_job_stops_at_the_end_of_its_chunk(session: Session, bench: Bench) -> None:
    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        bench.step(context, 1)
        assert not context.is_cancelled
        with Session(session.get_bind()) as other:
            transact(
                lambda own: service.cancel(own, actor=bench.BOSS, job_id=context.claim.job_id), session=other
            )
        assert context.is_cancelled
        bench.step(context, 2)

    job_id = bench.start("testing.count")
    bench.worker().run_one()
    assert (bench.row(job_id).state, bench.steps()) == ("cancelled", ["1"])


def test_another_ones_job_cannot_be_cancelled(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)
    job_id = bench.start("testing.count")
    stranger = Actor(8, 1, "李四", frozenset(), bench.START)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.cancel(own, actor=stranger, job_id=job_id), session=session)
    assert refused.value.codes == ["job_not_yours"]


def test_a_job_of_another_org_is_not_there(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)
    job_id = bench.start("testing.count")
    foreign = Actor(7, 2, "王会计", frozenset({"jobs.cancel", "jobs.read"}), bench.START)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.cancel(own, actor=foreign, job_id=job_id), session=session)
    assert refused.value.codes == ["job_missing"]
    assert queries.job_status(session, foreign, job_id, bench.START) is None


def test_an_ended_job_cannot_be_cancelled(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)
    job_id = bench.start("testing.count")
    bench.worker().run_one()
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.cancel(own, actor=bench.OWNER, job_id=job_id), session=session)
    assert refused.value.codes == ["job_ended"]


def test_progress_and_time_left_on_the_page(session: Session, clock: Clock, bench: Bench) -> None:
    seen: list[queries.JobStatus | None] = []

    @bench.handle("testing.count")
    def count(context: worker.JobContext) -> None:
        clock.advance(seconds=10)
        context.progress(1, 3)
        seen.append(
            context.read(
                lambda own: queries.job_status(own, bench.OWNER, context.claim.job_id, clock.instant)
            )
        )

    job_id = bench.start("testing.count")
    bench.worker().run_one()
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
    done = queries.job_status(session, bench.OWNER, job_id, clock.instant)
    assert done is not None
    assert (done.state, done.percent, done.seconds_left, done.may_cancel) == ("done", 100, None, False)


def test_one_sees_ones_own_jobs_and_with_permission_all(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)
    job_id = bench.start("testing.count")
    stranger = Actor(8, 1, "李四", frozenset(), bench.START)
    assert queries.job_status(session, stranger, job_id, bench.START) is None
    assert queries.list_jobs(session, stranger, bench.START) == ()
    assert [job.id for job in queries.list_jobs(session, bench.OWNER, bench.START)] == [job_id]
    assert [job.id for job in queries.list_jobs(session, bench.BOSS, bench.START)] == [job_id]


def test_a_start_and_a_cancel_are_logged(session: Session, bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)
    job_id = bench.start("testing.count")
    transact(lambda own: service.cancel(own, actor=bench.BOSS, job_id=job_id), session=session)
    query = select(OpLogEntry.act, OpLogEntry.user_name).order_by(OpLogEntry.id)
    assert list(session.execute(query)) == [("jobs.enqueue", "王会计"), ("jobs.cancel", "刘主任")]


def test_housekeeping_runs_and_its_troubles_stop_nobody(bench: Bench) -> None:
    ran: list[datetime] = []

    def breaks(_at: datetime) -> None:
        raise ZeroDivisionError

    worker.register_periodic("testing.breaks", 3600, breaks)
    worker.register_periodic("testing.runs", 3600, ran.append)
    own = bench.worker()
    own.run_due()
    own.run_due()
    assert ran == [bench.START]


def test_two_handlers_for_one_kind_are_refused(bench: Bench) -> None:
    bench.handle("testing.count")(lambda context: None)
    with pytest.raises(ValueError, match="two handlers"):
        bench.handle("testing.count")(lambda context: {})
