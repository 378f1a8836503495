"""People and roles in the office: taken in, given roles, and what the law refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import unit_of_work
from charity.errors import Problem, Refused
from charity.messages.models import Message
from charity.places.models import Org
from charity.users import service
from tests.builders import make_actor, make_org, make_user, sign_in
from tests.support.pages import faults, page

if TYPE_CHECKING:
    from tests.conftest import Clock


@pytest.fixture
def admin(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    client = as_role("administrator")
    client.set_cookie("language", "en")
    return client


def take_in(admin: FlaskClient, username: str = "li.si", **values: str) -> Any:
    data = {"username": username, "display_name": "李四", **values}
    return admin.post("/office/new-person", data=data)


def grant(admin: FlaskClient, role: str, username: str = "li.si", reason: str = "任命文件 12 号") -> Any:
    return admin.post(f"/office/people/{username}/grant", data={"role": role, "reason": reason})


def test_a_person_with_mail_is_taken_in_and_mailed_a_link(admin: FlaskClient, session: Session) -> None:
    response = take_in(admin, email="li@example.org")
    assert response.headers["Location"] == "/office/people/li.si"
    (mail,) = session.scalars(select(Message))
    assert mail.recipient == "li@example.org" and "72" in mail.body
    shown = page(admin.get("/office/people/li.si"))
    assert faults(shown) == [] and "not chosen yet" in shown.text


def test_the_link_in_the_mail_works(admin: FlaskClient, app: Flask, session: Session) -> None:
    take_in(admin, email="li@example.org")
    (mail,) = session.scalars(select(Message))
    found = re.search(r"(/password/choose/\S+)", mail.body)
    assert found is not None
    words = {"new": "correct horse battery", "again": "correct horse battery"}
    assert app.test_client().post(found[1], data=words).status_code == 200


def test_a_link_for_a_person_with_mail_is_never_shown(admin: FlaskClient, app: Flask) -> None:
    take_in(admin, email="li@example.org")
    for server, told in (("", "No mail server is set up"), ("smtp://127.0.0.1:1", "on its way by mail")):
        app.extensions["charity.settings"] = replace(app.extensions["charity.settings"], smtp_url=server)
        response = admin.post("/office/people/li.si/link")
        assert "/password/choose/" not in response.get_data(as_text=True)
        assert told in response.get_data(as_text=True)


def test_a_link_for_a_person_without_mail_is_shown_to_hand_over_and_logged(
    admin: FlaskClient, app: Flask, session: Session
) -> None:
    take_in(admin)
    response = admin.post("/office/people/li.si/link")
    found = re.search(r"http://127\.0\.0\.1:5000(/password/choose/[^<\s]+)", response.get_data(as_text=True))
    assert found is not None and response.headers["Cache-Control"] == "no-store"
    assert app.test_client().get(found[1]).status_code == 200
    assert "Made a link to choose a password" in page(admin.get("/office/people/li.si")).text


def test_who_changed_the_address_makes_no_link_for_a_while(
    admin: FlaskClient, app: Flask, session: Session, clock: Clock
) -> None:
    """Changing or clearing the address and making a link would be a way into other people's work."""
    take_in(admin, email="li@example.org")
    cleared = admin.post("/office/people/li.si/change", data={"display_name": "李四", "email": ""})
    assert cleared.status_code == 303
    told = session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert told is not None and told.recipient == "li@example.org" and "took this mail address" in told.body
    refused = admin.post("/office/people/li.si/link")
    assert refused.status_code == 422
    assert "/password/choose/" not in refused.get_data(as_text=True)
    make_user(
        session, org_id=session.scalars(select(Org.id)).one(), username="other", roles=("administrator",)
    )
    assert "/password/choose/" in sign_in(app, "other").post("/office/people/li.si/link").get_data(
        as_text=True
    )
    clock.advance(hours=73)
    again = sign_in(app, "administrator").post("/office/people/li.si/link")
    assert "/password/choose/" in again.get_data(as_text=True)


def test_another_organisation_reaches_no_further_than_its_own_books(
    admin: FlaskClient, as_role: Callable[..., FlaskClient], app: Flask, session: Session
) -> None:
    """A county takes in the city's accountant: it may give roles of its own, and nothing else."""
    take_in(admin, email="li@example.org")
    make_org(session, code="COUNTY")
    county = as_role("administrator", org_code="COUNTY")
    joined = county.post("/county/office/new-person", data={"username": "li.si", "has_login": "y"})
    assert joined.status_code == 303
    shown = county.get("/county/office/people/li.si").get_data(as_text=True)
    assert "/office/people/li.si/link" not in shown and "li@example.org" not in shown
    assert county.get("/county/office/people/li.si/change").status_code == 403
    assert county.post("/county/office/people/li.si/link").status_code == 403
    actor = make_actor(session.scalars(select(Org.id).where(Org.code == "COUNTY")).one())
    verbs: tuple[tuple[Any, dict[str, Any]], ...] = (
        (service.change_user, {"details": service.Details("张三", "evil@example.org")}),
        (service.record_link, {"is_mailed": False}),
    )
    for verb, values in verbs:
        with pytest.raises(Refused) as refused, unit_of_work(session) as own:
            verb(own, actor=actor, username="li.si", on=date(2026, 3, 18), **values)
        assert refused.value.problems[0].code == "user_elsewhere"


def test_a_login_its_own_organisation_closed_is_opened_by_no_other(
    admin: FlaskClient, as_role: Callable[..., FlaskClient], session: Session
) -> None:
    take_in(admin)
    admin.post("/office/people/li.si/end", data={"reason": "离职"})
    make_org(session, code="COUNTY")
    county = as_role("administrator", org_code="COUNTY")
    county.set_cookie("language", "en")
    joined = county.post("/county/office/new-person", data={"username": "li.si", "has_login": "y"})
    assert joined.status_code == 422 and Problem("login_closed").sentence() in page(joined).text


def test_what_was_typed_stays_when_something_is_refused(admin: FlaskClient) -> None:
    response = take_in(admin, username="X!", email="li@example.org")
    text = response.get_data(as_text=True)
    assert response.status_code == 422 and 'value="X!"' in text and 'value="li@example.org"' in text
    assert "2 to 30 small letters" in text


def test_a_person_from_another_org_keeps_the_login(
    admin: FlaskClient, as_role: Callable[..., FlaskClient]
) -> None:
    as_role("cashier", org_code="XJ")
    assert "is taken" in take_in(admin, username="cashier-xj").get_data(as_text=True)
    assert take_in(admin, username="cashier-xj", has_login="y").status_code == 303
    assert "cashier-xj" in page(admin.get("/office/people")).text


def test_what_the_law_keeps_apart_is_refused_with_its_article(admin: FlaskClient) -> None:
    take_in(admin)
    assert grant(admin, "cashier").status_code == 303
    response = grant(admin, "reviewer")
    assert response.status_code == 422
    assert "Accounting Law 2024, art. 35" in response.get_data(as_text=True)
    assert "Cashier" in page(admin.get("/office/people/li.si")).text


def test_a_role_is_taken_back_with_a_reason(admin: FlaskClient) -> None:
    take_in(admin)
    grant(admin, "cashier")
    address = "/office/people/li.si/revoke/cashier"
    assert faults(page(admin.get(address))) == []
    assert admin.post(address, data={"reason": ""}).status_code == 422
    assert admin.post(address, data={"reason": "轮岗"}).status_code == 303
    history = page(admin.get("/office/people/li.si")).table("History of roles")
    assert history[1][0] == "Cashier" and "轮岗" in history[1][2]


def test_nobody_gives_a_role_to_himself(admin: FlaskClient) -> None:
    response = grant(admin, "coordinator", username="administrator")
    assert response.status_code == 422 and "Nobody gives a role to himself" in response.get_data(as_text=True)


def test_ending_a_membership_has_a_page_that_says_what_it_means(
    admin: FlaskClient, app: Flask, as_role: Callable[..., FlaskClient]
) -> None:
    cashier = as_role("cashier")
    assert cashier.get("/office/").status_code == 200
    address = "/office/people/cashier/end"
    assert "sessions end at once" in page(admin.get(address)).text
    assert admin.post(address, data={"reason": "退休"}).status_code == 303
    assert cashier.get("/office/").status_code == 302
    listed = page(admin.get("/office/people", query_string={"with_former": "y"}))
    assert ["cashier", "cashier"] in [row[:2] for row in listed.table("People")]


def test_a_new_role_opens_its_pages_with_the_next_request(
    admin: FlaskClient, as_role: Callable[..., FlaskClient]
) -> None:
    coordinator = as_role("coordinator")
    assert coordinator.get("/office/log").status_code == 403
    admin.post("/office/people/coordinator/revoke/coordinator", data={"reason": "x"})
    grant(admin, "supervisor", username="coordinator")
    assert coordinator.get("/office/log").status_code == 200


def test_details_are_changed(admin: FlaskClient) -> None:
    take_in(admin, email="li@example.org", phone="13800001234")
    form = admin.get("/office/people/li.si/change").get_data(as_text=True)
    assert 'value="li@example.org"' in form and "+8613800001234" in form
    changed = admin.post("/office/people/li.si/change", data={"display_name": "李思"})
    assert changed.status_code == 303
    assert page(admin.get("/office/people/li.si")).headings == ["李思"]


def test_the_list_is_searched_and_taken_along(admin: FlaskClient) -> None:
    take_in(admin)
    found = page(admin.get("/office/people", query_string={"text": "lisi"})).table("People")
    assert [row[0] for row in found[1:]] == ["李四"]
    rows = json.loads(admin.get("/office/people.json").data)["rows"]
    assert {row["username"] for row in rows} == {"administrator", "li.si"}
    assert "li.si" in admin.get("/office/people.csv?text=lisi").get_data(as_text=True)
    assert "fits this filter" in page(admin.get("/office/people?text=nobody")).text


@pytest.mark.parametrize("path", ["", "/change", "/grant", "/end", "/revoke/cashier"])
def test_a_person_of_another_org_is_not_there(
    admin: FlaskClient, as_role: Callable[..., FlaskClient], path: str
) -> None:
    as_role("cashier", org_code="XJ")
    assert admin.get(f"/office/people/cashier-xj{path}").status_code == 404
    assert admin.post("/office/people/cashier-xj/link").status_code == 404


def test_nobody_makes_links_for_those_who_have_left(admin: FlaskClient, clock: Clock) -> None:
    take_in(admin)
    admin.post("/office/people/li.si/end", data={"reason": "退休"})
    assert admin.post("/office/people/li.si/link").status_code == 404


def test_the_self_check_says_what_is_missing_and_then_that_all_is_well(
    app: Flask, as_role: Callable[..., FlaskClient], session: Session, admin: FlaskClient
) -> None:
    supervisor = as_role("supervisor")
    supervisor.set_cookie("language", "en")
    short = page(supervisor.get("/office/staff"))
    assert faults(short) == [] and "Nobody may make vouchers" in short.text
    org_id = session.scalars(select(Org.id)).one()
    for username, name, role in (
        ("zhang", "张三", "accountant"),
        ("wang", "王五", "chief_accountant"),
        ("li", "李四", "cashier"),
        ("zhao", "赵六", "administrator"),
    ):
        make_user(session, org_id=org_id, username=username, display_name=name, roles=(role,))
    whole = page(supervisor.get("/office/staff"))
    assert "This staff can run a month" in whole.text
    assert ["张三", "Accountant", "nothing against it"] in whole.table("People and their roles")
