"""More than a handful at once: the page before, the release, its progress, what stays and why."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from charity.db import db
from charity.jobs.models import Job
from charity.jobs.worker import Worker
from charity.ledger import drafting
from charity.ledger.batches import AT_ONCE
from charity.ledger.sealed_models import Voucher
from tests.books import Ledger, read_journal
from tests.support.pages import faults, page

GIFT = "2026-03-05 捐款\n  借 1002@B1 10.00 F1\n  贷 410102 10.00 F1"


@pytest.fixture
def waiting(ledger: Ledger) -> list[int]:
    """Signed drafts of gifts, one more than a person posts at once."""
    ids = [ledger.draft(read_journal(GIFT)[0]) for _ in range(AT_ONCE + 1)]
    ledger.approve(*ids)
    return ids


def work(app: Flask) -> None:
    """Carry out the jobs that wait."""
    with app.app_context():
        own = Worker(db.engine, app.config["CLOCK"], threading.Event())
        while own.run_one():
            pass


def fields(text: str) -> dict[str, str]:
    """Return what the form of the page before a release sends."""
    return dict(re.findall(r'name="(key|drafts)" value="([^"]*)"', text))


def numbers(ledger: Ledger) -> list[int]:
    ledger.session.rollback()
    return list(ledger.session.scalars(select(Voucher.number).order_by(Voucher.number)))


def test_many_are_released_followed_and_looked_at(
    app: Flask, chief: FlaskClient, auditor: FlaskClient, ledger: Ledger, waiting: list[int]
) -> None:
    """What is marked is looked at first; it is posted behind the page, but for one sent back meanwhile."""
    before = chief.post("/office/post", data={"ids": waiting, "act": "post"})
    assert page(before).headings == ["Release 51 vouchers for posting"]
    assert "51 vouchers, ¥510.00 in all" in page(before).text
    assert page(before).table("Numbers to be given, in the order of dates")[1][1] == "记-0001 … 记-0051"
    assert numbers(ledger) == []
    released = chief.post("/office/batches", data=fields(before.get_data(as_text=True)))
    job_url = released.headers["Location"]
    assert released.status_code == 303 and job_url.startswith("/office/jobs/")
    assert "51 vouchers are handed to the poster" in page(chief.get(job_url)).text
    queue = chief.get("/office/post")
    assert "chief-accountant released 51 vouchers; 0 of them are done" in page(queue).text
    ledger.act(drafting.return_draft, "reviewer", draft_id=waiting[0], reason="缺附件")
    work(app)
    shown = page(chief.get(job_url))
    assert faults(page(before)) == faults(page(queue)) == []
    assert "Posted 50 of 51; 1 could not be posted." in shown.text
    batch_url = job_url.replace("/jobs/", "/batches/")
    assert batch_url in shown.links
    for reader in (chief, auditor):
        answer = reader.get(batch_url)
        assert faults(page(answer)) == []
        assert "50 of 51 are posted." in page(answer).text
        assert page(answer).table("Numbers given")[1] == ["2026-03", "记-0001 … 记-0050", "50"]
        row = page(answer).table("1 voucher was not posted")[1]
        assert row[0] == "2026-03-05 捐款" and "now stands as “being prepared”" in row[1]
    assert numbers(ledger) == list(range(1, 51))
    chief.set_cookie("language", "zh_Hans")
    assert page(chief.get(batch_url)).table("1 张凭证未能记账")[1][1].startswith("这张凭证目前是“制单中”")


def test_a_second_press_leads_to_the_same_release(
    app: Flask, chief: FlaskClient, ledger: Ledger, waiting: list[int]
) -> None:
    form = fields(chief.post("/office/post", data={"ids": waiting}).get_data(as_text=True))
    first, second = (chief.post("/office/batches", data=form) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    work(app)
    third = chief.post("/office/batches", data=form)
    assert third.headers["Location"] == first.headers["Location"]
    assert ledger.session.scalars(select(Job.id).where(Job.kind == "ledger.post")).one()
    assert numbers(ledger) == list(range(1, 52))


def test_everything_the_filter_finds_is_released(
    app: Flask, chief: FlaskClient, ledger: Ledger, waiting: list[int]
) -> None:
    """The button carries the filter, not the rows of the page; what it does not find stays."""
    other = ledger.draft(read_journal(GIFT.replace("捐款", "另一笔"))[0])
    ledger.approve(other)
    queue = chief.get("/office/post?text=捐款").get_data(as_text=True)
    assert "Post all 51 found here" in queue and 'formaction="/office/post?text=' in queue
    before = chief.post("/office/post?text=捐款", data={"act": "all"})
    assert page(before).headings == ["Release 51 vouchers for posting"]
    chief.post("/office/batches", data=fields(before.get_data(as_text=True)))
    work(app)
    assert len(numbers(ledger)) == 51
    assert "另一笔" in page(chief.get("/office/post")).text
    nothing = chief.post("/office/post?text=nichts", data={"act": "all"})
    assert nothing.status_code == 422


def test_what_cannot_be_posted_is_named_before_the_release(
    chief: FlaskClient, ledger: Ledger, waiting: list[int]
) -> None:
    """One is dated after today; the others may be released with it."""
    late = ledger.draft(read_journal(GIFT.replace("03-05", "03-30"))[0])
    ledger.approve(late)
    shown = page(chief.post("/office/post", data={"ids": [*waiting, late]}))
    assert "1 voucher cannot be posted as it stands and would stay in the queue" in shown.text
    assert "cannot be dated after today" in shown.text and "Release these 52 vouchers" in shown.text


def test_a_release_nobody_can_make_sense_of_is_refused(chief: FlaskClient, ledger: Ledger) -> None:
    for form in (
        {},
        {"key": "x", "drafts": "1.1"},
        {"key": "5", "drafts": "x.y 7"},
        {"key": "5", "drafts": "7.1"},
    ):
        answer = chief.post("/office/batches", data=form)
        assert answer.status_code == 422
        assert "Nothing was released" in page(answer).text


def test_the_page_of_a_release_is_for_readers_of_the_books(
    app: Flask, chief: FlaskClient, as_role: Callable[..., FlaskClient], waiting: list[int]
) -> None:
    """The administrator sees that work runs, and nothing of the vouchers; a stranger's number is nowhere."""
    form = fields(chief.post("/office/post", data={"ids": waiting}).get_data(as_text=True))
    url = chief.post("/office/batches", data=form).headers["Location"]
    work(app)
    administrator = as_role("administrator")
    assert administrator.get(url).status_code == 200
    assert "/office/batches/" not in administrator.get(url).get_data(as_text=True)
    assert administrator.get(url.replace("/jobs/", "/batches/")).status_code == 403
    assert chief.get("/office/batches/12345").status_code == 404


def test_a_release_that_waits_is_cancelled(chief: FlaskClient, ledger: Ledger, waiting: list[int]) -> None:
    form = fields(chief.post("/office/post", data={"ids": waiting}).get_data(as_text=True))
    url = chief.post("/office/batches", data=form).headers["Location"]
    assert chief.post(f"{url}/cancel").status_code == 303
    batch_url = url.replace("/jobs/", "/batches/")
    assert batch_url in page(chief.get(url)).links
    assert "51 were not looked at and wait in the queue" in page(chief.get(batch_url)).text
    assert numbers(ledger) == []
