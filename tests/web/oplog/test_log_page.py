"""The log as people read it: filtered, paged, taken along as a file in plain language."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.oplog import queries
from charity.oplog.rules import Change, register_acts
from charity.oplog.service import record
from charity.places.models import Org
from tests.builders import make_actor
from tests.support.pages import faults, page

if TYPE_CHECKING:
    from tests.conftest import Clock

register_acts({"testing.paid": "Paid a test"})
CAPTION = "Entries, newest first"


@pytest.fixture
def reader(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    client = as_role("supervisor")
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def actor(reader: FlaskClient, session: Session, clock: Clock) -> Actor:
    org_id = session.scalars(select(Org.id)).one()
    return make_actor(org_id, name="张三丰", at=clock() + timedelta(minutes=1))


def write(session: Session, actor: Actor, **values: object) -> None:
    transact(lambda own: record(own, actor=actor, act="testing.paid", **values), session=session)  # type: ignore[arg-type]


def test_an_entry_reads_as_a_sentence_with_old_and_new(
    reader: FlaskClient, actor: Actor, session: Session
) -> None:
    write(
        session, actor, subject_kind="user", subject_no="lisi", amount_fen=Change(100, 123450), reason="更正"
    )
    shown = page(reader.get("/office/log"))
    assert faults(shown) == []
    assert shown.table(CAPTION)[1] == [
        "2026-03-18 12:01:00", "张三丰", "Paid a test", "Login lisi",
        "Amount (yuan): 1.00 → 1,234.50 Reason: 更正",
    ]  # fmt: skip


def test_codes_of_roles_are_shown_in_words(reader: FlaskClient) -> None:
    assert "Role: Supervisor" in page(reader.get("/office/log")).text


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("who=zsf", True),
        ("who=lisi", False),
        ("from_on=2026-03-18&until_on=2026-03-18", True),
        ("until_on=2026-03-17", False),
        ("act=testing.paid", True),
        ("act=users.sign_in", False),
        ("text=更正", True),
        ("text=no such thing", False),
    ],
)
def test_the_log_is_asked_by_person_time_act_and_content(
    reader: FlaskClient, actor: Actor, session: Session, query: str, is_found: bool
) -> None:
    write(session, actor, reason="更正")
    rows = page(reader.get(f"/office/log?{query}")).tables.get(CAPTION, [])
    assert any("Paid a test" in row for row in rows) is is_found


def test_a_date_that_cannot_be_read_is_said(reader: FlaskClient) -> None:
    response = reader.get("/office/log?from_on=gestern")
    assert response.status_code == 200 and "is not a date" in response.get_data(as_text=True)


def test_older_pages_are_a_link_that_keeps_the_filter(
    reader: FlaskClient, actor: Actor, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(queries.PAGE_ROWS + 5):
        write(session, replace(actor, at=actor.at + timedelta(seconds=number)), summary=f"number {number}")
    first = page(reader.get("/office/log?act=testing.paid"))
    (older,) = [link for link in first.links if "cursor=" in link]
    assert "act=testing.paid" in older
    second = page(reader.get(older))
    assert (len(first.table(CAPTION)), len(second.table(CAPTION))) == (queries.PAGE_ROWS + 1, 6)
    assert "number 4" in second.text and "number 5 " not in second.text


def test_the_file_holds_the_whole_search_in_plain_language(
    reader: FlaskClient, actor: Actor, session: Session
) -> None:
    for number in range(queries.PAGE_ROWS + 5):
        write(session, actor, summary=f"=number {number}")
    response = reader.get("/office/log.csv?act=testing.paid")
    assert response.headers["Content-Disposition"] == 'attachment; filename="operation-log.csv"'
    rows = list(csv.reader(io.StringIO(response.get_data().decode("utf-8-sig"))))
    assert rows[0][:3] == ["Time", "Person", "Act"] and len(rows) == queries.PAGE_ROWS + 6
    assert rows[1][2] == "Paid a test" and not rows[1][4].startswith("=")
    found = json.loads(reader.get("/office/log.json?act=testing.paid").data)
    assert len(found["rows"]) == queries.PAGE_ROWS + 5


def test_what_is_typed_is_never_markup(reader: FlaskClient, actor: Actor, session: Session) -> None:
    write(session, actor, summary="<script>alert(1)</script>")
    assert "<script>alert" not in reader.get("/office/log").get_data(as_text=True)


def test_an_act_in_the_office_is_logged_with_its_address_as_a_hash(
    as_role: Callable[..., FlaskClient], session: Session
) -> None:
    admin = as_role("administrator")
    admin.post("/office/new-person", data={"username": "li.si", "display_name": "李四"})
    org_id = session.scalars(select(Org.id)).one()
    (row,) = queries.search_entries(
        session, org_id, queries.LogFilter(act="users.add_user", text="lisi")
    ).rows
    assert len(row.address_hash) == 64


def test_an_empty_log_says_what_will_appear(reader: FlaskClient) -> None:
    assert "Every act of everyone appears here" in page(reader.get("/office/log?text=nothing")).text
