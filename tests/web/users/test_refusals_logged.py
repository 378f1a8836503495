"""A refused request leaves one line in the log of the process, whatever is in its address."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from charity.users.credentials import SIGN_IN_TRIES
from tests.builders import make_org, make_user
from tests.doors import sign_in


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "charity.security"]


def test_a_page_one_may_not_open_is_noted_with_who_and_what(
    as_role: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert as_role("cashier").get("/office/people").status_code == 403
    (line,) = lines(caplog)
    assert "permission='users.manage'" in line and "cashier" in line and "endpoint='users.people'" in line


def test_a_forged_form_is_noted(
    as_role: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        as_role("cashier").post("/office/profile", data={"language": "en"}, has_token=False)
    assert "kind='CSRFError'" in lines(caplog)[0]


def test_an_address_stands_nowhere_in_the_log(
    app: Flask, as_role: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    """A link of a password that is not chosen yet, or the name of a person."""
    with caplog.at_level(logging.WARNING):
        as_role("cashier").post("/office/people/x%0DWARNING%20forged/link")
        answer = app.test_client().post("/password/choose/unspent-token", has_token=False)
        assert answer.status_code == 400
    first, second = lines(caplog)
    assert "endpoint='users.make_link'" in first and "endpoint='users.choose_password'" in second
    for word in ("unspent", "forged", "/", "\r"):
        assert word not in first + second


def test_a_refused_sign_in_is_noted_with_the_login_and_the_address(
    app: Flask, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that nobody has may be a password in the wrong field and is left out."""
    make_user(session, org_id=make_org(session).id, username="lisi")
    client = app.test_client()
    with caplog.at_level(logging.WARNING):
        sign_in(client, "lisi", "a wrong one")
        sign_in(client, "my own secret", "a wrong one")
    found = [record.said for record in caplog.records if record.name == "charity.security"]
    assert [(said["kind"], said["login"], said["address"]) for said in found] == [
        ("sign_in_wrong", "lisi", "127.0.0.1"),
        ("sign_in_wrong", "", "127.0.0.1"),
    ]


def test_too_many_tries_are_noted_too(app: Flask, session: Session, caplog: pytest.LogCaptureFixture) -> None:
    make_user(session, org_id=make_org(session).id, username="lisi")
    client = app.test_client()
    with caplog.at_level(logging.WARNING):
        for _ in range(SIGN_IN_TRIES.name + 1):
            sign_in(client, "lisi", "a wrong one")
    assert "kind='sign_in_locked'" in lines(caplog)[-1] and "login='lisi'" in lines(caplog)[-1]
