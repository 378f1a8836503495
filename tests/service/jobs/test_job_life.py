"""The life of a job walked whole: what people and workers do with it, in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from charity.db import transact
from charity.jobs import rules, service
from charity.jobs.models import Job
from charity.jobs.service import Claim, LeaseLost
from tests.service.jobs.conftest import OWNER, START
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

LATER = START + timedelta(hours=1)
ACTS = ("cancel", "claim", "claim later", "renew", "finish", "fail", "stop", "release")
#: A worker whose claim does not count any more writes nothing.
GONE, ENDED = "lost", "job_ended"
#: State → answer to each of ``ACTS``; a claim that finds nothing leaves the state as it is.
LIFE: dict[str, tuple[str, ...]] = {
    "queued": ("cancelled", "running", "running", GONE, GONE, GONE, GONE, GONE),
    "running": ("running", "running", "running", "running", "done", "failed", "cancelled", "queued"),
    "done": (ENDED, "done", "done", GONE, GONE, GONE, GONE, GONE),
    "failed": (ENDED, "failed", "failed", GONE, GONE, GONE, GONE, GONE),
    "cancelled": (ENDED, "cancelled", "cancelled", GONE, GONE, GONE, GONE, GONE),
}
#: State → what a worker that claimed the job did before.
WAYS: dict[str, Callable[[Session, Claim], None]] = {
    "queued": service.release,
    "running": lambda own, held: None,
    "done": partial(service.finish, at=START, result={}),
    "failed": partial(service.fail, at=START, problems=[]),
    "cancelled": partial(service.stop, at=START),
}


def begin(session: Session, state: str) -> Claim:
    """Start a job, claim it and bring it into a state; return the claim."""
    service.register_handler("testing.life", print, title="Count to three")
    transact(lambda own: service.enqueue(own, actor=OWNER, kind="testing.life").id, session=session)
    held = transact(lambda own: service.claim(own, worker="a", at=START, lease_s=60), session=session)
    assert held is not None
    transact(lambda own: WAYS[state](own, held), session=session)
    return held


@pytest.mark.parametrize("state", LIFE)
def test_every_act_in_every_state(session: Session, state: str) -> None:
    held = begin(session, state)
    verbs: dict[str, Callable[[], Any]] = {
        "cancel": lambda: service.cancel(session, actor=OWNER, job_id=held.job_id),
        "claim": lambda: service.claim(session, worker="b", at=START, lease_s=60),
        "claim later": lambda: service.claim(session, worker="b", at=LATER, lease_s=60),
        "renew": lambda: service.renew(session, held, at=START, lease_s=60, done=1),
        "finish": lambda: service.finish(session, held, at=START, result={}),
        "fail": lambda: service.fail(session, held, at=START, problems=[]),
        "stop": lambda: service.stop(session, held, at=START),
        "release": lambda: service.release(session, held),
    }

    def now() -> str:
        return session.get_one(Job, (held.org_id, held.job_id), populate_existing=True).state

    found = {}
    for act in ACTS:
        try:
            found[act] = answer(session, verbs[act], now)
        except LeaseLost:
            found[act] = GONE
    assert found == dict(zip(ACTS, LIFE[state], strict=True))
    assert (now(), set(LIFE)) == (state, set(rules.STATES))


@pytest.mark.parametrize("act", ["renew", "finish", "fail", "stop", "release"])
def test_a_worker_whose_job_another_took_over_writes_nothing(session: Session, act: str) -> None:
    """Its lease ran out an hour ago; the job is running still, for somebody else."""
    held = begin(session, "running")
    other = transact(lambda own: service.claim(own, worker="b", at=LATER, lease_s=60), session=session)
    assert other is not None
    values: dict[str, dict[str, Any]] = {
        "renew": {"at": LATER, "lease_s": 60},
        "finish": {"at": LATER, "result": {}},
        "fail": {"at": LATER, "problems": []},
        "stop": {"at": LATER},
        "release": {},
    }
    with pytest.raises(LeaseLost):
        transact(lambda own: getattr(service, act)(own, held, **values[act]), session=session)
    row = session.get_one(Job, (held.org_id, held.job_id), populate_existing=True)
    assert (row.state, row.lease_by) == ("running", other.token)


def test_a_running_job_that_is_to_stop_is_not_taken_over(session: Session) -> None:
    held = begin(session, "running")
    transact(lambda own: service.cancel(own, actor=OWNER, job_id=held.job_id), session=session)
    assert transact(lambda own: service.claim(own, worker="b", at=LATER, lease_s=60), session=session) is None
    assert session.get_one(Job, (held.org_id, held.job_id), populate_existing=True).state == "cancelled"
