"""Long work as a page: with and without JavaScript, for whoever started it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity import create_app
from charity.config import Settings
from charity.db import transact
from charity.errors import refuse
from charity.jobs import service, worker
from charity.jobs.models import Job
from charity.places.models import Org
from charity.users.models import User
from charity.users.queries import actor_of
from tests.support.pages import faults, page

if TYPE_CHECKING:
    from tests.conftest import Clock


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    before = dict(service._kinds)
    yield
    service._kinds.clear()
    service._kinds.update(before)


@pytest.fixture
def accountant(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    client = as_role("accountant")
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def start(accountant: FlaskClient, session: Session, clock: Clock) -> Callable[..., int]:
    """Start a job in the accountant's name; return its key."""

    def run(handler: Callable[[Any], Any]) -> int:
        service.register_handler("testing.count", handler, title="Count to four")
        user = session.scalars(select(User).where(User.username == "accountant")).one()
        actor = actor_of(session, session.scalars(select(Org.id)).first() or 0, user.id, clock())
        assert actor is not None
        return transact(
            lambda own: service.enqueue(own, actor=actor, kind="testing.count", total=4).id, session=session
        )

    return run


def work(session: Session, clock: Clock) -> None:
    worker.Worker(session.get_bind(), clock, threading.Event(), name="test").run_one()  # type: ignore[arg-type]


def test_a_waiting_job_asks_again_without_javascript_and_with_it(
    accountant: FlaskClient, start: Callable[..., int]
) -> None:
    job_id = start(lambda context: None)
    response = accountant.get(f"/office/jobs/{job_id}")
    text = response.get_data(as_text=True)
    assert faults(page(response)) == []
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in text
    assert f'data-progress="/office/jobs/{job_id}.json"' in text and "js/progress.js" in text
    assert "Count to four" in text and "Waiting to start" in text


def test_the_bar_is_told_how_far_it_is(
    accountant: FlaskClient, start: Callable[..., int], session: Session, clock: Clock
) -> None:
    seen: list[Any] = []

    def handler(context: worker.JobContext) -> None:
        clock.advance(seconds=30)
        context.progress(1)
        seen.append(accountant.get(f"/office/jobs/{context.claim.job_id}.json").get_json())

    start(handler)
    work(session, clock)
    (answer,) = seen
    assert (answer["state"], answer["done"], answer["total"], answer["percent"]) == ("running", 1, 4, 25)
    assert (answer["seconds_left"], answer["sentence"]) == (90, "about 2 minutes left")


def test_a_finished_job_says_what_came_of_it_and_where(
    accountant: FlaskClient, start: Callable[..., int], session: Session, clock: Clock
) -> None:
    result = {"text": "%(count)s rows were read.", "params": {"count": 12}, "url": "/office/profile"}
    job_id = start(lambda context: result)
    work(session, clock)
    text = accountant.get(f"/office/jobs/{job_id}").get_data(as_text=True)
    assert "12 rows were read." in text and 'href="/office/profile"' in text and "refresh" not in text
    assert accountant.get(f"/office/jobs/{job_id}.json").get_json()["result_url"] == "/office/profile"


def test_a_job_does_not_lead_to_another_site(
    accountant: FlaskClient, start: Callable[..., int], session: Session, clock: Clock
) -> None:
    job_id = start(lambda context: {"url": "//evil.example"})
    work(session, clock)
    assert "evil" not in accountant.get(f"/office/jobs/{job_id}").get_data(as_text=True)


def test_a_failed_job_says_why(
    accountant: FlaskClient, start: Callable[..., int], session: Session, clock: Clock
) -> None:
    def handler(context: worker.JobContext) -> None:
        raise refuse("amount_too_large", text="1e99")

    job_id = start(handler)
    work(session, clock)
    shown = page(accountant.get(f"/office/jobs/{job_id}"))
    assert "“1e99” is too large to be booked." in shown.text


def test_a_job_is_cancelled_by_whoever_started_it(
    accountant: FlaskClient, start: Callable[..., int], session: Session
) -> None:
    job_id = start(lambda context: None)
    assert accountant.post(f"/office/jobs/{job_id}/cancel").status_code == 303
    session.rollback()
    assert session.scalars(select(Job.state)).one() == "cancelled"
    again = accountant.post(f"/office/jobs/{job_id}/cancel")
    assert again.status_code == 422 and "already ended" in again.get_data(as_text=True)


def test_others_do_not_see_it_but_those_who_may(
    start: Callable[..., int], as_role: Callable[..., FlaskClient]
) -> None:
    job_id = start(lambda context: None)
    for path in ("", ".json"):
        assert as_role("cashier").get(f"/office/jobs/{job_id}{path}").status_code == 404
        assert as_role("chief_accountant").get(f"/office/jobs/{job_id}{path}").status_code == 200
        assert (
            as_role("chief_accountant", org_code="XJ").get(f"/xj/office/jobs/{job_id}{path}").status_code
            == 404
        )
    assert as_role("cashier").post(f"/office/jobs/{job_id}/cancel").status_code == 404
    assert as_role("supervisor").post(f"/office/jobs/{job_id}/cancel").status_code == 422
    assert "Count to four" not in as_role("cashier").get("/office/jobs").get_data(as_text=True)
    assert "Count to four" in as_role("chief_accountant").get("/office/jobs").get_data(as_text=True)


def test_the_demo_starts_its_worker_with_the_first_request_and_once(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    started: list[Flask] = []
    monkeypatch.setattr(worker, "start_thread", started.append)
    demo = create_app(replace(settings, environment="demo"), clock=clock)
    assert started == [], "commands make an app as well"
    for _ in range(2):
        demo.test_client().get("/healthz")
    assert started == [demo]


def test_the_worker_of_the_demo_does_the_work_and_stops(
    app: Flask, accountant: FlaskClient, start: Callable[..., int], session: Session
) -> None:
    did = threading.Event()
    job_id = start(lambda context: did.set())
    stop = worker.start_thread(app)
    assert did.wait(30)
    for _ in range(600):
        if state_of(accountant, job_id) == "done":
            break
        stop.wait(0.05)
    stop.set()
    assert state_of(accountant, job_id) == "done"


def state_of(client: FlaskClient, job_id: int) -> str:
    return str(client.get(f"/office/jobs/{job_id}.json").get_json()["state"])
