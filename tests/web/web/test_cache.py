"""A public page is served from memory exactly as long as nothing behind it has changed."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import transact, unit_of_work
from charity.web.cache import FormOnCachedPage, bump
from charity.web.models import TopicVersion

pytestmark = pytest.mark.both_databases


def test_a_page_is_made_once(visitor, counter) -> None:
    first, second = visitor.get("/cached"), visitor.get("/cached")
    assert counter.runs == 1
    assert first.data == second.data
    assert dict(first.headers) == dict(second.headers)
    assert first.headers["Content-Security-Policy"]
    assert first.headers["Cache-Control"] == "public, no-cache"
    assert first.headers["Vary"] == "Accept-Language, Cookie"


def test_a_browser_that_has_the_page_gets_304(visitor, counter) -> None:
    mark = visitor.get("/cached").headers["ETag"]
    answer = visitor.get("/cached", headers={"If-None-Match": mark})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", mark)
    assert counter.runs == 1


def test_another_worker_answers_304_without_making_the_page(shell, visitor, counter) -> None:
    mark = visitor.get("/cached").headers["ETag"]
    front = shell.extensions["charity.page_front"]
    front.store.__init__()
    assert visitor.get("/cached", headers={"If-None-Match": mark}).status_code == 304
    assert counter.runs == 1


def test_a_change_shows_in_the_next_response(visitor, counter, session) -> None:
    visitor.get("/cached")
    transact(lambda s: bump(s, 1, "ledger"), session=session)
    assert "run 2" in visitor.get("/cached").text
    assert counter.runs == 2


def test_a_new_name_of_the_org_shows_in_the_next_response(visitor, counter, session) -> None:
    visitor.get("/cached")
    transact(lambda s: bump(s, 1, "org"), session=session)
    visitor.get("/cached")
    assert counter.runs == 2


def test_a_change_elsewhere_leaves_the_page(visitor, counter, session) -> None:
    visitor.get("/cached")
    transact(lambda s: bump(s, 1, "projects"), session=session)
    transact(lambda s: bump(s, 2, "ledger"), session=session)
    visitor.get("/cached")
    assert counter.runs == 1


def test_a_change_that_is_rolled_back_changes_nothing(visitor, counter, session) -> None:
    visitor.get("/cached")
    with pytest.raises(RuntimeError), unit_of_work(session):
        bump(session, 1, "ledger")
        raise RuntimeError("the act failed")
    visitor.get("/cached")
    assert counter.runs == 1


def test_the_next_business_day_makes_the_page_anew(visitor, counter, clock) -> None:
    clock.set(datetime(2026, 3, 18, 15, 59))
    visitor.get("/cached")
    clock.set(datetime(2026, 3, 18, 16, 0))  # midnight in China
    visitor.get("/cached")
    assert counter.runs == 2


@pytest.mark.parametrize("other", ["/cached?page=2", "/xiajin/cached"])
def test_another_address_is_another_page(visitor, counter, other) -> None:
    visitor.get("/cached")
    visitor.get(other)
    assert counter.runs == 2


def test_another_language_is_another_page(visitor, counter) -> None:
    assert 'lang="zh-Hans"' in visitor.get("/cached").text
    assert 'lang="en"' in visitor.get("/cached", headers={"Accept-Language": "en"}).text
    visitor.set_cookie("language", "zh_Hant")
    assert 'lang="zh-Hant"' in visitor.get("/cached").text
    assert counter.runs == 3


def test_a_member_sees_the_same_page_as_everybody(visitor, member, counter) -> None:
    assert member("reviewer").get("/cached").data == visitor.get("/cached").data
    assert counter.runs == 1


def test_an_answer_with_a_cookie_is_not_kept(shell, visitor, counter) -> None:
    from flask import session as login

    def remember(response):
        login["seen"] = counter.runs
        return response

    shell.after_request(remember)
    visitor.get("/cached")
    shell.after_request_funcs[None].remove(remember)
    assert "Set-Cookie" not in visitor.get("/cached").headers
    assert counter.runs == 2


def test_a_head_request_gets_the_headers_alone(visitor, counter) -> None:
    visitor.get("/cached")
    answer = visitor.head("/cached")
    assert (answer.status_code, answer.data, counter.runs) == (200, b"", 1)
    assert int(answer.headers["Content-Length"]) > 500


def test_a_page_with_a_form_is_never_cached(visitor) -> None:
    with pytest.raises(FormOnCachedPage, match="probe.cached_form"):
        visitor.get("/cached-form")


def test_a_topic_rises_once_with_each_transaction_that_touches_it(session: Session) -> None:
    transact(lambda s: bump(s, 1, "a", "a", "b"), session=session)
    transact(lambda s: bump(s, 1, "a"), session=session)
    rows = session.execute(select(TopicVersion.topic, TopicVersion.version).order_by("topic"))
    assert [tuple(row) for row in rows] == [("a", 2), ("b", 1)]


def test_files_are_cached_with_their_own_headers(visitor) -> None:
    first, second = visitor.get("/gifts.csv"), visitor.get("/gifts.csv")
    assert dict(first.headers) == dict(second.headers)
    assert first.headers["Content-Disposition"] == 'attachment; filename="gifts.csv"'


def test_a_connection_the_server_has_closed_is_replaced(shell, visitor, counter) -> None:
    visitor.get("/cached")
    for connection in shell.extensions["charity.page_front"]._versions._idle:
        connection.close()
    assert visitor.get("/cached").status_code == 200
    assert counter.runs == 1
