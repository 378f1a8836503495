"""The log says what happened and where, in which request, and names nobody."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from charity.config import Settings
from charity.errors import Refused, refuse
from charity.web import logs
from tests.books import Ledger
from tests.builders import client_as

#: What people type, and what must never stand in a log.
CANARIES = (
    "欧阳秀兰",
    "ouyangxiulan",
    "13912345678",
    "371402199001011234",
    "xiulan@example.org",
    "6222021234567890123",
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines."""
    out = io.StringIO()
    undo = logs.configure(out)
    yield out
    undo()


@pytest.fixture
def settings(settings: Settings, stream: io.StringIO) -> Settings:
    """Settings with a log of JSON lines; what the app changes about logging goes with ``stream``."""
    return replace(settings, log_form="json", trusted_proxies=1)


@pytest.fixture
def app(app: Flask, stream: io.StringIO) -> Flask:
    """The app, whose lines go to the stream."""
    logs.configure(stream)
    return app


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_is_one_line_with_its_name(app: Flask, books: Ledger, stream: io.StringIO) -> None:
    answer = app.test_client().get("/disclosure/funds")
    line = lines(stream)[-1]
    assert line["message"] == "answered a request"
    assert (line["endpoint"], line["method"], line["status"]) == ("disclosure.funds", "GET", 200)
    assert line["request"] == answer.headers["X-Request-ID"]
    assert line["took_ms"] >= 0
    app.test_client().get("/disclosure/funds")
    assert lines(stream)[-1]["endpoint"] == "cached page"


def test_a_proxy_may_name_the_request_and_nobody_else_may_write_into_the_log(
    app: Flask, books: Ledger, stream: io.StringIO
) -> None:
    client = app.test_client()
    given = "0123456789abcdef0123456789abcdef"
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    forged = client.get("/healthz", headers={"X-Request-ID": '"}{"level":"x'}).headers["X-Request-ID"]
    assert len(forged) == 16
    assert all(set(line) >= {"at", "level", "logger", "message", "where"} for line in lines(stream))


def test_what_people_type_stands_nowhere_in_the_log(app: Flask, books: Ledger, stream: io.StringIO) -> None:
    """Canaries in the path, the query, the form, the headers, a crash, and an error of the database."""
    name, pinyin, phone, identity, mail, account = CANARIES
    client, clerk = app.test_client(), client_as(app, "gift_clerk")
    client.get(f"/{name}/{phone}?q={mail}", headers={"User-Agent": pinyin, "Referer": f"http://x/{identity}"})
    client.post("/sign-in", data={"username": pinyin, "password": account})
    clerk.get(f"/office/gifts?text={name}{phone}")
    clerk.post("/office/donors/new", data={"name": name, "phone": phone, "email": mail})

    def crash(*_: object, **__: object):
        raise ValueError(f"{name} {phone} {identity}")

    kept = app.view_functions["users.profile"]
    crash.access = kept.access  # type: ignore[attr-defined]
    app.view_functions["users.profile"] = crash
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert clerk.get(f"/office/profile?q={name}").status_code == 500
    with app.app_context():
        from charity.db import db

        try:
            db.session.execute(
                text("SELECT no_such FROM places_org WHERE name = :name"), {"name": name + phone}
            )
        except Exception:
            logging.getLogger("charity.test").exception("the query for %s failed", phone)
    logging.getLogger("other.library").warning(f"ready-made text about {pinyin}")
    logging.getLogger("other.library").warning("about %s", name)
    said = stream.getvalue()
    assert "users.profile" in said
    assert [
        canary for canary in CANARIES if canary in said or canary.encode("unicode_escape").decode() in said
    ] == []


def test_a_refusal_of_a_page_or_a_sign_in_can_be_looked_into(
    app: Flask, books: Ledger, stream: io.StringIO
) -> None:
    """Who, what, from where; the address of the page never, it may hold a link."""
    clerk = client_as(app, "cashier")
    assert clerk.get("/office/people").status_code == 403
    app.test_client().post("/password/choose/unspent-token", has_token=False)
    app.test_client().post("/sign-in", data={"username": "cashier", "password": "a wrong one"})
    found = [line for line in lines(stream) if line["logger"] == "charity.security"]
    told = [[line[name] for name in ("kind", "permission", "login", "endpoint", "address")] for line in found]
    assert told == [
        ["PermissionMissing", "users.manage", "cashier", "users.people", "127.0.0.1"],
        ["CSRFError", "", "", "users.choose_password", "127.0.0.1"],
        ["sign_in_wrong", "", "cashier", "users.sign_in", "127.0.0.1"],
    ]
    assert "unspent" not in stream.getvalue()


def test_a_crash_is_told_by_kind_and_place(app: Flask, stream: io.StringIO) -> None:
    try:
        try:
            raise KeyError("13912345678")
        except KeyError as error:
            raise RuntimeError("欧阳秀兰") from error
    except RuntimeError:
        logging.getLogger("charity.x").exception("it broke %s times", 3)
    error = lines(stream)[-1]["error"]
    assert error["kinds"] == ["RuntimeError", "KeyError"]
    assert "test_a_crash_is_told_by_kind_and_place" in error["frames"][0]
    assert lines(stream)[-1]["message"] == "it broke 3 times"


def test_a_refusal_is_told_by_its_codes(app: Flask, stream: io.StringIO) -> None:
    try:
        raise refuse("backup_running", since="13912345678")
    except Refused:
        logging.getLogger("charity.x").exception("refused")
    assert lines(stream)[-1]["error"]["codes"] == ["backup_running"]


@pytest.mark.parametrize(
    ("logger", "message", "args", "shown"),
    [
        ("charity.a", "plain words", (), "plain words"),
        ("charity.a", "%s of %s", (3, 12), "3 of 12"),
        ("charity.a", "phone %s", (13912345678,), "phone …"),
        ("charity.a", "name %s", ("ouyang",), "name …"),
        ("charity.a", "%(count)d rows", ({"count": 7},), "7 rows"),
        ("other", "ready made", (), "…"),
        ("other", "template %r", ("x",), "template …"),
        ("charity.a", ValueError("欧阳"), (), "…"),
    ],
)
def test_only_counts_are_filled_into_a_message(logger, message, args, shown) -> None:
    record = logging.LogRecord(logger, logging.INFO, "x.py", 1, message, args, None)
    assert logs.message_of(record) == shown
