"""A refused request leaves one line in the log of the process, whatever is in its address."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "charity.security"]


def test_a_page_one_may_not_open_is_noted_with_who_and_what(
    as_role: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert as_role("cashier").get("/office/people").status_code == 403
    (line,) = lines(caplog)
    assert "permission='users.manage'" in line and "cashier" in line and "path='/office/people'" in line


def test_a_forged_form_is_noted(
    as_role: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        as_role("cashier").post("/office/profile", data={"language": "en"}, has_token=False)
    assert "kind=CSRFError" in lines(caplog)[0]


def test_nothing_in_an_address_begins_a_new_line(
    as_role: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        as_role("cashier").post("/office/people/x%0DWARNING%20forged/link")
    assert all("\r" not in line for line in lines(caplog))
    assert any("x\\rWARNING forged" in line for line in lines(caplog))
