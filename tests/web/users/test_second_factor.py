"""The second step, who must set one up, acts on money that ask again, sessions on the profile."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import Problem
from charity.users import policies
from charity.users.door_rules import FACTOR_TRIES, Policy
from tests.builders import NOON, make_actor, make_org, make_user
from tests.builders import sign_in as signed_in
from tests.doors import GOOD, actor_of, acts, digits_at, enrol_app, mails, set_password, sign_in
from tests.support.pages import page

if TYPE_CHECKING:
    from tests.conftest import Clock

FACTOR = "/office/profile/second-factor"


@pytest.fixture
def org_id(app: Flask, session: Session) -> int:
    return make_org(session).id


@pytest.fixture
def lisi(session: Session, org_id: int) -> Actor:
    """A chief accountant with a mail address, a password and English pages."""
    make_user(
        session,
        org_id=org_id,
        username="lisi",
        roles=("chief_accountant",),
        email="li@example.org",
        display_name="李四",
    )
    set_password(session, "lisi")
    return actor_of(session, "lisi", org_id=org_id, at=NOON)


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return new_visitor(app)


def new_visitor(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("language", "en")
    return client


def demand(session: Session, org_id: int, policy: Policy) -> None:
    actor = make_actor(org_id, "users.manage")
    transact(
        lambda own: policies.set_policy(own, actor=actor, policy=policy, reason="理事会决议"), session=session
    )


def second(client: FlaskClient, code: str) -> Any:
    return client.post("/sign-in/second", data={"factor_code": code})


def test_the_password_alone_opens_nothing_any_more(
    visitor: FlaskClient, lisi: Actor, session: Session, clock: Clock
) -> None:
    secret, _ = enrol_app(session, lisi)
    clock.advance(minutes=2)
    first = sign_in(visitor, "lisi", next="/office/profile")
    assert first.headers["Location"] == "/sign-in/second"
    assert visitor.get("/office/").status_code == 302
    assert "Second step" in page(visitor.get("/sign-in/second")).title
    wrong = second(visitor, "000000")
    assert wrong.status_code == 422 and "not right, or was used before" in wrong.get_data(as_text=True)
    inside = second(visitor, digits_at(secret, clock()))
    assert inside.headers["Location"] == "/office/profile", "one is where one wanted to be"
    assert visitor.get("/office/profile").status_code == 200
    assert acts(session)[-3:] == ["users.first_step", "users.factor_refused", "users.sign_in"]


def test_the_second_step_needs_the_first(visitor: FlaskClient, lisi: Actor) -> None:
    assert visitor.get("/sign-in/second").headers["Location"] == "/sign-in"
    assert second(visitor, "123456").headers["Location"] == "/sign-in"


def test_the_second_step_waits_ten_minutes(
    visitor: FlaskClient, lisi: Actor, session: Session, clock: Clock
) -> None:
    secret, _ = enrol_app(session, lisi)
    sign_in(visitor, "lisi")
    clock.advance(minutes=10, seconds=1)
    assert second(visitor, digits_at(secret, clock())).headers["Location"] == "/sign-in"


def test_a_recovery_code_opens_once_and_is_told_by_mail(
    app: Flask, lisi: Actor, session: Session, clock: Clock
) -> None:
    _, codes = enrol_app(session, lisi)
    for expected in (303, 422):
        visitor = new_visitor(app)
        sign_in(visitor, "lisi")
        assert second(visitor, codes[3]).status_code == expected
    assert any("9" in mail.body and "恢复码" in mail.body for mail in mails(session))


def test_codes_are_not_guessed(visitor: FlaskClient, lisi: Actor, session: Session, clock: Clock) -> None:
    secret, _ = enrol_app(session, lisi)
    clock.advance(minutes=2)
    sign_in(visitor, "lisi")
    statuses = [second(visitor, "000000").status_code for _ in range(FACTOR_TRIES.name)]
    assert statuses == [422] * FACTOR_TRIES.name
    locked = second(visitor, digits_at(secret, clock()))
    assert locked.status_code == 429, "not even with the right one"
    assert Problem("factor_locked").sentence() in page(locked).text


def test_a_right_code_of_yesterday_s_cookie_is_worth_nothing(
    visitor: FlaskClient, lisi: Actor, session: Session, clock: Clock
) -> None:
    """The half session is spent by the whole one: its cookie, kept by somebody, opens nothing."""
    secret, _ = enrol_app(session, lisi)
    clock.advance(minutes=2)
    sign_in(visitor, "lisi")
    with visitor.session_transaction() as cookie:
        half = cookie["half"]
    second(visitor, digits_at(secret, clock()))
    clock.advance(minutes=1)
    with visitor.session_transaction() as cookie:
        cookie.clear()
        cookie["half"] = half
    assert second(visitor, digits_at(secret, clock())).headers["Location"] == "/sign-in"


def test_who_moves_money_sets_one_up_at_the_next_sign_in(
    app: Flask, lisi: Actor, session: Session, org_id: int, clock: Clock
) -> None:
    """A session that is open goes on: the day's work is not broken off."""
    before = new_visitor(app)
    sign_in(before, "lisi")
    demand(session, org_id, Policy("money"))
    assert before.get("/office/").status_code == 200
    visitor = new_visitor(app)
    sign_in(visitor, "lisi")
    assert visitor.get("/office/").headers["Location"] == FACTOR
    assert visitor.post("/office/profile", data={"language": "en"}).headers["Location"] == FACTOR
    assert "Set one up to go on" in visitor.get(FACTOR).get_data(as_text=True)
    enrol(visitor, clock)
    assert visitor.get("/office/").status_code == 200


def enrol(visitor: FlaskClient, clock: Clock) -> list[str]:
    """Set an app up by the pages; return the recovery codes shown."""
    assert visitor.post(f"{FACTOR}/app/begin", data={"current": GOOD}).headers["Location"] == f"{FACTOR}/app"
    shown = visitor.get(f"{FACTOR}/app").get_data(as_text=True)
    assert "<svg" in shown and "otpauth" not in shown, "the secret is drawn, not written into an address"
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", shown)
    assert secret is not None
    wrong = visitor.post(f"{FACTOR}/app", data={"code": "1"})
    assert wrong.status_code == 422
    confirmed = visitor.post(f"{FACTOR}/app", data={"code": digits_at(secret[1].replace(" ", ""), clock())})
    codes = re.findall(r"<code>([0-9A-Z-]{29})</code>", confirmed.get_data(as_text=True))
    assert confirmed.status_code == 200 and len(codes) == 10
    assert confirmed.headers["Cache-Control"] == "no-store"
    return codes


def test_without_an_encrypted_address_there_is_no_passkey(
    app: Flask, visitor: FlaskClient, lisi: Actor
) -> None:
    app.extensions["charity.settings"] = replace(
        app.extensions["charity.settings"], public_url="http://books.haidai.example"
    )
    sign_in(visitor, "lisi")
    answer = visitor.post(f"{FACTOR}/passkey", data={"current": GOOD, "name": "办公室电脑"})
    assert answer.status_code == 422 and Problem("passkey_impossible").sentence() in page(answer).text


def test_a_change_of_factors_asks_for_the_password_and_is_told(
    visitor: FlaskClient, lisi: Actor, session: Session, clock: Clock
) -> None:
    sign_in(visitor, "lisi")
    wrong = visitor.post(f"{FACTOR}/app/begin", data={"current": "wrong"})
    assert wrong.status_code == 422 and "present password is not right" in wrong.get_data(as_text=True)
    codes = enrol(visitor, clock)
    assert mails(session)[-1].subject == "您的第二重验证已更改"
    for path in ("app/remove", "codes"):
        assert 'name="factor_code"' in visitor.get(f"{FACTOR}/{path}").get_data(as_text=True)
        wrong_password = {"current": "wrong", "factor_code": codes[0]}
        assert visitor.post(f"{FACTOR}/{path}", data=wrong_password).status_code == 422
    proved = {"current": GOOD, "factor_code": codes[0]}
    made = visitor.post(f"{FACTOR}/codes", data=proved)
    assert made.status_code == 200, "a wrong password has not spent the code"
    (code, *_) = re.findall(r"<code>([0-9A-Z-]{29})</code>", made.get_data(as_text=True))
    removed = visitor.post(f"{FACTOR}/app/remove", data={"current": GOOD, "factor_code": code})
    assert removed.status_code == 303
    assert visitor.post(f"{FACTOR}/codes", data={"current": GOOD}).status_code == 422
    assert [act for act in acts(session) if "factor" in act] == ["users.add_factor", "users.remove_factor"]


def test_the_settings_of_the_installation_ask_too(app: Flask, visitor: FlaskClient, lisi: Actor) -> None:
    app.extensions["charity.settings"] = replace(app.extensions["charity.settings"], second_factor="everyone")
    sign_in(visitor, "lisi")
    assert visitor.get("/office/").headers["Location"] == FACTOR


def test_an_act_on_money_asks_again_and_loses_nothing(
    visitor: FlaskClient, lisi: Actor, session: Session, org_id: int, clock: Clock
) -> None:
    """Posting asks for the digits, carries what was typed, and then lets acts pass for a while."""
    secret, _ = enrol_app(session, lisi)
    demand(session, org_id, Policy("money", 30))
    clock.advance(minutes=2)
    sign_in(visitor, "lisi")
    second(visitor, digits_at(secret, clock()))
    act = {"ids": ["7", "9"], "note": "a “quoted” <b>"}
    assert "Show that it is you" not in visitor.post("/office/post", data=act).get_data(as_text=True)
    clock.advance(minutes=31)
    held = visitor.post("/office/post", data=act)
    shown = held.get_data(as_text=True)
    assert held.status_code == 403 and "Show that it is you" in shown
    assert re.findall(r'name="ids" value="(\d)"', shown) == ["7", "9"]
    assert "a “quoted” &lt;b&gt;" in shown
    assert visitor.post("/office/post", data={**act, "factor_code": "000000"}).status_code == 403
    code = digits_at(secret, clock())
    done = visitor.post("/office/post", data={**act, "factor_code": code})
    assert "Show that it is you" not in done.get_data(as_text=True)
    assert "users.prove" in acts(session)
    again = visitor.post("/office/post", data=act)
    assert "Show that it is you" not in again.get_data(as_text=True)
    assert visitor.get("/office/").status_code == 200, "reading never asks"


def test_an_act_on_money_without_any_factor_leads_to_setting_one_up(
    visitor: FlaskClient, lisi: Actor, session: Session, org_id: int
) -> None:
    sign_in(visitor, "lisi")
    demand(session, org_id, Policy("offered", 30))
    held = visitor.post("/office/post", data={"ids": "7"})
    assert held.status_code == 403 and "has no second factor yet" in held.get_data(as_text=True)


def test_a_sign_in_from_a_new_device_is_told_by_mail(app: Flask, lisi: Actor, session: Session) -> None:
    office = new_visitor(app)
    for _ in range(2):
        sign_in(office, "lisi")
    assert mails(session) == [], "the first device, and the same again, alarm nobody"
    agent = "Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Safari/537.36"
    stranger = new_visitor(app)
    stranger.post("/sign-in", data={"username": "lisi", "password": GOOD}, headers={"User-Agent": agent})
    (mail,) = mails(session)
    assert mail.subject == "新设备登录提醒"
    assert "Chrome · Android" in mail.body and "127.0.0.1" in mail.body and "2026-03-18 12:00" in mail.body


def test_the_profile_lists_sessions_and_ends_them(app: Flask, lisi: Actor, session: Session) -> None:
    here, there, third = (new_visitor(app) for _ in range(3))
    for client in (here, there, third):
        sign_in(client, "lisi")
    shown = here.get("/office/profile").get_data(as_text=True)
    assert shown.count("this one") == 1 and "End all others" in shown
    ends = re.findall(r'action="(/office/profile/sessions/\d+/end)"', shown)
    assert len(ends) == 2
    here.post(ends[0])
    open_ones = [client.get("/office/profile").status_code for client in (here, there, third)]
    assert open_ones[0] == 200 and sorted(open_ones[1:]) == [200, 302]
    here.post("/office/profile/sessions/end-others")
    assert [c.get("/office/profile").status_code for c in (here, there, third)] == [200, 302, 302]
    assert here.post(ends[0]).status_code == 422, "it has ended already"


def test_signing_out_ends_the_session_on_the_server(visitor: FlaskClient, lisi: Actor) -> None:
    """A cookie that somebody copied is worth nothing afterwards."""
    sign_in(visitor, "lisi")
    with visitor.session_transaction() as cookie:
        copied = dict(cookie)
    out = visitor.post("/sign-out")
    assert out.headers["Clear-Site-Data"] == '"cache"'
    with visitor.session_transaction() as cookie:
        cookie.update(copied)
    assert visitor.get("/office/").status_code == 302


def test_a_change_of_password_gives_this_session_a_new_token(visitor: FlaskClient, lisi: Actor) -> None:
    sign_in(visitor, "lisi")
    with visitor.session_transaction() as cookie:
        copied = dict(cookie)
    new = {"current": GOOD, "new": "another horse battery", "again": "another horse battery"}
    visitor.post("/office/profile/password", data=new)
    assert visitor.get("/office/").status_code == 200
    with visitor.session_transaction() as cookie:
        cookie.update(copied)
    assert visitor.get("/office/").status_code == 302


def test_administrators_reset_together_and_end_sessions(
    app: Flask, as_role: Callable[..., FlaskClient], lisi: Actor, session: Session, org_id: int
) -> None:
    enrol_app(session, lisi)
    first = as_role("administrator")
    first.set_cookie("language", "en")
    asked = first.post("/office/people/lisi/second-factor", data={"reason": "当面核对身份证"})
    assert asked.headers["Location"] == "/office/people/lisi"
    mine = first.get("/office/people/lisi").get_data(as_text=True)
    assert "Another administrator than the one who asked" in mine and "Confirm: take it off" not in mine
    assert first.post("/office/people/lisi/second-factor/confirm").status_code == 422
    make_user(session, org_id=org_id, username="admin2", roles=("administrator",))
    other = signed_in(app, "admin2")
    other.set_cookie("language", "en")
    told = "Second factor to be taken off"
    assert told in other.get("/office/").get_data(as_text=True)
    assert told not in first.get("/office/").get_data(as_text=True)
    assert "Confirm: take it off" in other.get("/office/people/lisi").get_data(as_text=True)
    assert other.post("/office/people/lisi/second-factor/confirm").status_code == 303
    assert told not in other.get("/office/").get_data(as_text=True)
    assert [mail.subject for mail in mails(session)][-2:] == [
        "您的第二重验证即将被解除",
        "您的第二重验证已被解除",
    ]
    victim = new_visitor(app)
    assert sign_in(victim, "lisi").headers["Location"] == "/office/"
    other.post("/office/people/lisi/end-sessions")
    assert victim.get("/office/").status_code == 302


def test_the_rules_of_sign_in_are_set_on_their_page(
    as_role: Callable[..., FlaskClient], session: Session
) -> None:
    client = as_role("administrator")
    client.set_cookie("language", "en")
    wanted = {"second_factor": "money", "step_up_min": "30", "reason": "理事会决议"}
    assert client.post("/office/sign-in-rules", data={**wanted, "step_up_min": "3"}).status_code == 422
    assert client.post("/office/sign-in-rules", data=wanted).status_code == 303
    shown = page(client.get("/office/sign-in-rules")).text
    assert "理事会决议" in shown and "after 30 minutes" in shown
    assert acts(session)[-1] == "users.set_policy"


def test_passkeys_are_not_offered_at_an_address_in_numbers(visitor: FlaskClient, lisi: Actor) -> None:
    sign_in(visitor, "lisi")
    assert "Passkeys need an encrypted address" in visitor.get(FACTOR).get_data(as_text=True)
    tried = visitor.post(f"{FACTOR}/passkey", data={"current": GOOD, "name": "x"})
    assert tried.status_code == 422
    assert visitor.post(f"{FACTOR}/passkey/keep", data={"credential": "{}"}).status_code == 422


def test_a_passkey_that_is_not_there_cannot_be_removed(visitor: FlaskClient, lisi: Actor) -> None:
    sign_in(visitor, "lisi")
    assert visitor.get(f"{FACTOR}/passkey/7/remove").status_code == 200
    gone = visitor.post(f"{FACTOR}/passkey/7/remove", data={"current": GOOD})
    assert gone.status_code == 422 and "no such passkey" in gone.get_data(as_text=True)


def test_the_operator_takes_a_factor_off_by_command(app: Flask, lisi: Actor, session: Session) -> None:
    enrol_app(session, lisi)
    with app.app_context():
        runner = app.test_cli_runner()
        done = runner.invoke(args=["reset-second-factor", "lisi", "--reason", "两位管理员手机均遗失"])
        again = runner.invoke(args=["reset-second-factor", "lisi", "--reason", "x"])
    assert (done.exit_code, again.exit_code) == (0, 1), done.output
    assert "no second factor" in again.output
    assert acts(session)[-1] == "users.force_reset"


def test_a_forgotten_password_does_not_pass_the_second_factor(
    app: Flask, lisi: Actor, session: Session, clock: Clock
) -> None:
    secret, _ = enrol_app(session, lisi)
    clock.advance(minutes=2)
    visitor = new_visitor(app)
    visitor.post("/password/forgot", data={"username": "lisi"})
    link = re.search(r"http://[^/]+(/password/choose/\S+)", mails(session)[-1].body)
    assert link is not None
    new = "another horse battery"
    assert visitor.post(link[1], data={"new": new, "again": new}).status_code == 200
    assert visitor.get("/office/").status_code == 302, "the link itself opens nothing"
    assert sign_in(visitor, "lisi", new).headers["Location"] == "/sign-in/second"
    assert visitor.get("/office/").status_code == 302
    assert second(visitor, digits_at(secret, clock())).status_code == 303


def test_a_role_that_asks_for_a_factor_asks_at_the_next_request(
    app: Flask, as_role: Callable[..., FlaskClient], session: Session, org_id: int, clock: Clock
) -> None:
    """Whoever signed in without money in hand does not go on with it for the rest of the day."""
    for name in ("wangwu", "zhaoliu"):
        make_user(session, org_id=org_id, username=name, roles=("gift_clerk",))
        set_password(session, name)
    enrol_app(session, actor_of(session, "zhaoliu", org_id=org_id, at=NOON))
    demand(session, org_id, Policy("money"))
    bare, held, office = new_visitor(app), signed_in(app, "zhaoliu"), as_role("administrator")
    sign_in(bare, "wangwu")
    for name, role in (("wangwu", "archivist"), ("wangwu", "reviewer"), ("zhaoliu", "reviewer")):
        assert [client.get("/office/").status_code for client in (bare, held)] == [200, 200]
        given = office.post(f"/office/people/{name}/grant", data={"role": role, "reason": "任职"})
        assert given.status_code == 303
        if (name, role) == ("wangwu", "reviewer"):
            assert bare.get("/office/").headers["Location"] == FACTOR
            enrol(bare, clock)
    assert held.get("/office/").status_code == 200, "who has one is not asked to set one up"


def test_another_organisation_may_ask_for_a_factor_at_once(
    app: Flask, as_role: Callable[..., FlaskClient], lisi: Actor, session: Session, visitor: FlaskClient
) -> None:
    other = make_org(session, code="XJ", name="夏津县慈善总会", name_en="Xiajin")
    demand(session, other.id, Policy("everyone"))
    sign_in(visitor, "lisi")
    assert visitor.get("/office/").status_code == 200
    taken_in = {"username": "lisi", "has_login": "y", "display_name": "", "unit_code": ""}
    answer = as_role("administrator", org_code="XJ").post("/xj/office/new-person", data=taken_in)
    assert answer.status_code == 303
    assert visitor.get("/office/").headers["Location"] == FACTOR


def test_a_session_that_waits_for_a_factor_set_up_elsewhere_signs_in_anew(
    app: Flask, lisi: Actor, session: Session, org_id: int, clock: Clock
) -> None:
    """It neither goes on by the password alone nor is asked to set up what there is already."""
    demand(session, org_id, Policy("money"))
    here, there = new_visitor(app), new_visitor(app)
    for client in (here, there):
        sign_in(client, "lisi")
        assert client.get("/office/").headers["Location"] == FACTOR
    enrol(here, clock)
    assert here.get("/office/").status_code == 200
    assert there.get(FACTOR).headers["Location"] == "/sign-in"
    assert there.get("/office/").headers["Location"].startswith("/sign-in")
    assert sign_in(there, "lisi").headers["Location"] == "/sign-in/second"
