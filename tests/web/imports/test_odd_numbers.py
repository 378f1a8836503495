"""Numbers in addresses that are none: digits of other scripts, and more than a database holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from charity.ids import key_of

#: Arguments of pages that take a number or a cursor out of the address.
NAMES = ("before", "after", "at", "key", "from", "year", "page")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("7", 7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("99999999999999999999", None),
        ("²", None),
        ("٣", None),
        ("-1", None),
        ("", None),
    ],
)
def test_a_key_is_a_number_the_database_can_hold(text: str, key: int | None) -> None:
    assert key_of(text) == key


@pytest.mark.parametrize(
    "odd", ["²", "9223372036854775808", "2026-03-01~²", "a-²", "2026-9223372036854775808"]
)
def test_no_list_breaks_on_an_odd_number(app: Flask, as_role: Callable[..., FlaskClient], odd: str) -> None:
    clients = [as_role(role) for role in ("accountant", "reviewer", "gift_clerk", "administrator")]
    pages = [
        rule.rule.partition("<")[0].removesuffix(".")
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and set(rule.arguments) <= {"fmt"} and rule.endpoint != "static"
    ]
    assert len(pages) > 40
    broken = [
        path
        for path in sorted(set(pages))
        for client in clients
        if client.get(path, query_string=dict.fromkeys(NAMES, odd)).status_code >= 500
    ]
    assert broken == []
