"""Each page opens for whom it should, for nobody else, and breaks for no one."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.routing.converters import NumberConverter
from werkzeug.test import TestResponse

from charity.users.rules import PERMISSIONS, ROLES
from charity.web.access import Access, access_of
from tests.builders import client_as
from tests.contracts import access_table
from tests.support import source

VISITOR = "visitor"
COLUMNS = (VISITOR, *ROLES)
#: Acts after which a session is over on the server, whatever its cookie says.
ENDING = frozenset({"users.sign_out", "users.end_other_sessions"})
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def mark(access: Access, column: str) -> str:
    """Return what a declaration means for a column of the table."""
    if access.kind == "public":
        return "+"
    if column == VISITOR:
        return ">"
    return "+" if access.kind == "signed_in" or access.permission in ROLES[column].permissions else "-"


def declared(app: Flask) -> dict[str, str]:
    """Return the table as the endpoints declare it."""
    found = {}
    for endpoint in sorted(app.view_functions):
        access = access_of(app, endpoint)
        assert access is not None, f"{endpoint} does not say who may open it"
        found[endpoint] = "".join(mark(access, column) for column in COLUMNS)
    return found


def test_the_table_says_what_the_endpoints_declare(app: Flask) -> None:
    table = declared(app)
    assert len(table) > 5
    wanted = "\n".join(f"{endpoint:40} {marks}" for endpoint, marks in table.items())
    assert access_table.rows() == table, f"the declarations say:\n{wanted}"


def test_every_page_may_be_opened_by_somebody() -> None:
    """A permission that no role holds is a page that nobody can use."""
    assert [endpoint for endpoint, marks in access_table.rows().items() if "+" not in marks] == []


def test_every_permission_asked_for_is_known() -> None:
    asked = {
        code
        for path in source.package_files()
        for code in re.findall(r"(?:permission_required\(|\.may\()\s*\"([\w.]+)\"", source.text(path))
    }
    assert len(asked) > 10
    assert sorted(asked - set(PERMISSIONS)) == []


def addresses(app: Flask) -> list[tuple[str, str, str]]:
    """Return endpoint, method and an address of every rule, arguments filled with anything."""
    rules = app.url_map.iter_rules()
    return [(r.endpoint, m, _address(r)) for r in rules for m in _METHODS if m in (r.methods or ())]


def _address(rule: Rule) -> str:
    """Return an address of a rule: the first known word, a number, or any text."""
    given = dict(rule.defaults or {})
    for name in rule.arguments - set(given):
        converter = rule._converters[name]
        words = sorted(getattr(converter, "items", ()))
        given[name] = words[0] if words else 1 if isinstance(converter, NumberConverter) else "x"
    built = rule.build(given)
    assert built is not None, f"no address for {rule}"
    return built[1]


def outcome(response: TestResponse) -> str:
    """Return an answer's mark: refused, led to sign in, or let through."""
    if response.status_code == 403:
        return "-"
    is_led = response.status_code in (302, 303) and "sign-in" in response.headers.get("Location", "")
    return ">" if is_led or response.status_code == 401 else "+"


def copy_of(client: FlaskClient, app: Flask) -> FlaskClient:
    """Return a client with the same session: an act may end it."""
    copied = app.test_client()
    with client.session_transaction() as old, copied.session_transaction() as new:
        new.update(old)
    return copied


@pytest.mark.slow
def test_every_endpoint_answers_as_the_table_says(app: Flask) -> None:
    clients = {
        column: app.test_client() if column == VISITOR else client_as(app, column) for column in COLUMNS
    }
    table = access_table.rows()
    wrong, tried = [], 0
    for endpoint, method, address in addresses(app):
        for column, expected in zip(COLUMNS, table[endpoint], strict=True):
            response = copy_of(clients[column], app).open(address, method=method)
            response.close()
            tried += 1
            if endpoint in ENDING and column != VISITOR:
                clients[column] = client_as(app, column)
            # A public sign-in page may lead anywhere; only what is closed must refuse.
            found = "+" if expected == "+" and outcome(response) == ">" else outcome(response)
            if found != expected or response.status_code >= 500:
                wrong.append(f"{column}: {method} {address}: {response.status_code}, not {expected}")
    assert tried > 5 * len(COLUMNS)
    assert wrong == []


def test_a_login_of_another_org_is_refused(app: Flask) -> None:
    client_as(app, "administrator")  # founds the default org
    stranger = client_as(app, "chief_accountant", org_code="COUNTY")
    table = access_table.rows()
    wrong = []
    for endpoint, method, address in addresses(app):
        if table[endpoint][0] == "+":
            continue
        response = copy_of(stranger, app).open(address, method=method)
        if response.status_code != 403:
            wrong.append(f"{method} {address}: {response.status_code}")
    assert wrong == []
