"""The ways out of a locked door: a link by mail, an administrator, a moment of patience."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from charity.db import db, transact
from charity.oplog.models import OpLogEntry
from charity.users import service
from charity.users.credentials import SIGN_IN_TRIES
from charity.users.passwords import passwords_for
from tests.builders import make_actor, make_org, make_user
from tests.builders import sign_in as signed_in
from tests.doors import GOOD, mails, set_password, sign_in
from tests.support.pages import page

NEW = "another horse battery"


@pytest.fixture
def org_id(app: Flask, session: Session) -> int:
    return make_org(session).id


@pytest.fixture
def lisi(session: Session, org_id: int) -> str:
    """A cashier with a mail address and a password."""
    make_user(session, org_id=org_id, username="lisi", roles=("cashier",), email="li@example.org")
    set_password(session, "lisi")
    return "lisi"


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return new_visitor(app)


def new_visitor(app: Flask, address: str = "127.0.0.1") -> FlaskClient:
    client = app.test_client()
    client.set_cookie("language", "en")
    client.environ_base["REMOTE_ADDR"] = address
    return client


def newest_link(session: Session) -> str:
    """Return the path of the link in the newest mail."""
    found = re.search(r"/password/choose/\S+", mails(session)[-1].body)
    assert found is not None
    return found[0]


def lock(app: Flask) -> None:
    """Guess at the name from so many addresses that it is locked everywhere."""
    for number in range(SIGN_IN_TRIES.name // SIGN_IN_TRIES.name_here):
        stranger = new_visitor(app, f"198.51.100.{number}")
        for _ in range(SIGN_IN_TRIES.name_here):
            sign_in(stranger, "lisi", "wrong password")


def test_a_name_locked_on_purpose_opens_with_a_password_chosen_by_link(
    app: Flask, visitor: FlaskClient, lisi: str, session: Session
) -> None:
    lock(app)
    assert sign_in(visitor, "lisi").status_code == 429
    visitor.post("/password/forgot", data={"username": "lisi"})
    link = newest_link(session)
    assert sign_in(visitor, "lisi").status_code == 429, "asking for a link alone opens nothing"
    assert visitor.post(link, data={"new": NEW, "again": NEW}).status_code == 200
    assert sign_in(visitor, "lisi", NEW).status_code == 303


def test_whoever_mistyped_the_password_too_often_opens_the_door_by_link(
    visitor: FlaskClient, lisi: str, session: Session
) -> None:
    """The tries at the name from this address are forgotten as well."""
    for _ in range(SIGN_IN_TRIES.name_here):
        sign_in(visitor, "lisi", "wrong password")
    assert sign_in(visitor, "lisi").status_code == 429
    visitor.post("/password/forgot", data={"username": "lisi"})
    visitor.post(newest_link(session), data={"new": NEW, "again": NEW})
    assert sign_in(visitor, "lisi", NEW).status_code == 303


def test_a_busy_machine_spends_nobody_s_tries(
    visitor: FlaskClient, lisi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as busy:
        busy.setattr("charity.users.passwords.PATIENCE_S", 0)
        busy.setattr(passwords_for("test"), "_turns", threading.BoundedSemaphore(1))
        passwords_for("test")._turns.acquire()
        statuses = {sign_in(visitor, "lisi").status_code for _ in range(SIGN_IN_TRIES.name_here + 1)}
    assert statuses == {503}
    assert sign_in(visitor, "lisi", GOOD).status_code == 303


def change_mail(client: FlaskClient, username: str, email: str) -> Any:
    details = {"display_name": "李四", "email": email, "phone": "", "unit_code": ""}
    return client.post(f"/office/people/{username}/change", data=details, follow_redirects=True)


def test_a_link_mailed_to_a_wrong_address_lapses_with_its_correction(
    as_role: Callable[..., FlaskClient], visitor: FlaskClient, lisi: str, session: Session
) -> None:
    """Whoever reads the old address signs in with it no more, nor goes on with what is open."""
    office = as_role("administrator")
    office.set_cookie("language", "en")
    office.post("/office/people/lisi/link")
    link = newest_link(session)
    sign_in(visitor, "lisi")
    told = "links sent earlier have lapsed"
    same = change_mail(office, "lisi", "li@example.org")
    assert told not in same.get_data(as_text=True)
    assert visitor.get(link).status_code == 200 and visitor.get("/office/").status_code == 200
    changed = change_mail(office, "lisi", "right@example.org")
    assert told in page(changed).text
    assert visitor.post(link, data={"new": NEW, "again": NEW}).status_code == 410
    assert visitor.get("/office/").status_code == 302
    assert sign_in(visitor, "lisi").status_code == 303


def test_an_administrator_who_changes_the_own_address_stays_signed_in(
    as_role: Callable[..., FlaskClient], app: Flask
) -> None:
    here = as_role("administrator")
    elsewhere = signed_in(app, "administrator")
    assert change_mail(here, "administrator", "me@example.org").status_code == 200
    assert here.get("/office/").status_code == 200
    assert elsewhere.get("/office/").status_code == 302


def test_as_much_is_done_for_whom_no_link_goes_to(
    app: Flask, lisi: str, session: Session, org_id: int
) -> None:
    """The same statements, so that the time of the answer tells nothing; and one mail alone."""
    make_user(session, org_id=org_id, username="mailless")
    make_user(session, org_id=org_id, username="gone", email="gone@example.org")
    actor, on = make_actor(org_id), make_actor().at.date()
    transact(
        lambda own: service.end_membership(own, actor=actor, username="gone", reason="退休", on=on),
        session=session,
    )
    with app.app_context():
        engine = db.engine
    done = list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        done.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    found = {}
    for name in ("lisi", "mailless", "gone", "nobody"):
        done.clear()
        answer = new_visitor(app).post("/password/forgot", data={"username": name})
        found[name] = [one for one in done if one.split()[0] in ("INSERT", "UPDATE", "SELECT")]
        assert answer.status_code == 200
    event.remove(engine, "before_cursor_execute", note)
    assert any("INTO messages_" in one for one in found["lisi"])
    assert all(statements == found["lisi"] for statements in found.values())
    assert [mail.recipient for mail in mails(session)] == ["li@example.org"]
    session.rollback()
    rows = session.scalars(select(OpLogEntry).where(OpLogEntry.act == "users.ask_link")).all()
    assert [row.subject_no for row in rows] == ["lisi", "mailless", "gone", ""]
