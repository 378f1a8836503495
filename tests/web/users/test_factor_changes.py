"""What changes a second factor, and what a stolen cookie or a known password alone cannot do."""

from __future__ import annotations

import html
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from webauthn.helpers import base64url_to_bytes

from charity.config import Settings
from charity.db import Actor, transact
from charity.errors import Problem
from charity.users import factors, policies
from charity.users.door_rules import FACTOR_TRIES, Policy
from charity.users.passwords import passwords_for
from tests.builders import NOON, make_actor, make_org, make_user
from tests.builders import sign_in as signed_in
from tests.doors import GOOD, actor_of, acts, digits_at, enrol_app, set_password, sign_in
from tests.service.users.test_factors import SITE, key_of
from tests.service.users.test_passkeys import made_by_a_device
from tests.support.pages import page

if TYPE_CHECKING:
    from tests.conftest import Clock

FACTOR = "/office/profile/second-factor"
GRANT = {"role": "cashier", "reason": "x"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The app at an address where passkeys work."""
    return replace(settings, public_url=SITE[1])


@pytest.fixture
def org_id(app: Flask, session: Session) -> int:
    return make_org(session).id


@pytest.fixture
def boss(session: Session, org_id: int) -> Actor:
    """An administrator with a password, where acts ask again after five minutes; and 王五."""
    make_user(session, org_id=org_id, username="boss", roles=("administrator",), email="b@example.org")
    make_user(session, org_id=org_id, username="wangwu", roles=())
    set_password(session, "boss")
    actor, rules = make_actor(org_id, "users.manage"), Policy("offered", 5)
    transact(
        lambda own: policies.set_policy(own, actor=actor, policy=rules, reason="理事会决议"), session=session
    )
    return actor_of(session, "boss", org_id=org_id, at=NOON)


@pytest.fixture
def inside(app: Flask, boss: Actor) -> FlaskClient:
    """Whoever holds the cookie of an open session, which has shown no second factor."""
    return english(signed_in(app, "boss"))


def english(client: FlaskClient) -> FlaskClient:
    client.set_cookie("language", "en")
    return client


def question_in(answer: Any) -> bytes:
    """Return what a page asks a device to sign."""
    shown = html.unescape(answer.get_data(as_text=True))
    found = re.search(r'"challenge": ?"([A-Za-z0-9_-]+)"', shown)
    assert found is not None, shown
    return base64url_to_bytes(found[1])


def grant(client: FlaskClient) -> int:
    return client.post("/office/people/wangwu/grant", data=GRANT).status_code


def keep(client: FlaskClient, question: bytes) -> Any:
    answer = {"name": "x", "credential": made_by_a_device(question)}
    return client.post(f"{FACTOR}/passkey/keep", data=answer)


def test_what_was_asked_to_show_a_key_takes_no_new_one(
    inside: FlaskClient, boss: Actor, session: Session
) -> None:
    """An act held back asks for a key; its question does not add one, nor let the act through."""
    key_of(session, boss, number=99)
    held = inside.post("/office/people/wangwu/grant", data=GRANT)
    assert held.status_code == 403
    refused = keep(inside, question_in(held))
    assert refused.status_code == 422 and Problem("passkey_refused").sentence() in page(refused).text
    assert grant(inside) == 403
    assert len(factors.factors_of(session, boss.user_id).passkeys) == 1
    assert "users.add_factor" not in acts(session)


def guess(client: FlaskClient, text: str) -> Any:
    """Give a password on the page that changes it."""
    new = "entirely new words"
    return client.post("/office/profile/password", data={"current": text, "new": new, "again": new})


def test_the_present_password_is_not_guessed_where_it_is_changed(
    app: Flask, inside: FlaskClient, boss: Actor, session: Session
) -> None:
    """All pages that ask for it count together, and what is refused is logged."""
    sentence = Problem("password_locked").sentence()
    half = FACTOR_TRIES.name // 2
    assert {guess(inside, f"wrong words {n}").status_code for n in range(half)} == {422}
    for n in range(half, FACTOR_TRIES.name):
        assert inside.post(f"{FACTOR}/app/begin", data={"current": f"wrong words {n}"}).status_code == 422
    locked = guess(inside, GOOD)
    assert locked.status_code == 429 and sentence in page(locked).text, "not even the right one"
    elsewhere = english(signed_in(app, "boss"))
    assert sentence in page(elsewhere.post(f"{FACTOR}/app/begin", data={"current": GOOD})).text
    assert acts(session).count("users.password_refused") == FACTOR_TRIES.name


def test_right_passwords_are_not_counted_where_they_are_asked_again(inside: FlaskClient, boss: Actor) -> None:
    for _ in range(FACTOR_TRIES.name + 2):
        weak = inside.post("/office/profile/password", data={"current": GOOD, "new": "x", "again": "x"})
        assert weak.status_code == 422 and "Take at least" in weak.get_data(as_text=True)
    assert guess(inside, GOOD).status_code == 303


def test_a_busy_machine_spends_no_tries_where_the_password_is_asked_again(
    inside: FlaskClient, boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as busy:
        busy.setattr("charity.users.passwords.PATIENCE_S", 0)
        busy.setattr(passwords_for("test"), "_turns", threading.BoundedSemaphore(1))
        passwords_for("test")._turns.acquire()
        statuses = {guess(inside, GOOD).status_code for _ in range(FACTOR_TRIES.name + 1)}
    assert statuses == {503}
    assert guess(inside, GOOD).status_code == 303


def secret_in(answer: Any) -> str:
    """Return the secret a page shows for an app; empty for none."""
    found = re.search(r"<code>([A-Z2-7]{4}(?: [A-Z2-7]{4}){7})</code>", answer.get_data(as_text=True))
    return found[1].replace(" ", "") if found else ""


def test_an_app_is_set_up_by_the_session_that_gave_the_password(
    app: Flask, inside: FlaskClient, boss: Actor, session: Session, clock: Clock
) -> None:
    """A cookie stolen beforehand neither sees the secret that waits nor confirms it."""
    owner = english(app.test_client())
    sign_in(owner, "boss")
    assert owner.post(f"{FACTOR}/app/begin", data={"current": GOOD}).status_code == 303
    assert inside.get(f"{FACTOR}/app").headers["Location"] == FACTOR
    secret = secret_in(owner.get(f"{FACTOR}/app"))
    stolen = inside.post(f"{FACTOR}/app", data={"code": digits_at(secret, clock())})
    assert stolen.status_code == 303 and not factors.factors_of(session, boss.user_id).is_any
    assert owner.post(f"{FACTOR}/app", data={"code": digits_at(secret, clock())}).status_code == 200
    session.rollback()
    assert factors.factors_of(session, boss.user_id).has_app


def begin_passkey(client: FlaskClient, **shown: str) -> Any:
    return client.post(f"{FACTOR}/passkey", data={"current": GOOD, "name": "x", **shown})


@pytest.mark.parametrize("shown", [{}, {"factor_code": "000000"}, {"factor_credential": "{}"}])
def test_a_factor_is_not_changed_by_the_password_alone(
    inside: FlaskClient, boss: Actor, session: Session, shown: dict[str, str]
) -> None:
    """Nor does anything tried open an act that asks for the factor itself."""
    enrol_app(session, boss)
    key = key_of(session, boss, number=99)
    before = factors.factors_of(session, boss.user_id)
    known = {"current": GOOD, **shown}
    tried = [
        inside.post(f"{FACTOR}/codes", data=known),
        inside.post(f"{FACTOR}/app/remove", data=known),
        inside.post(f"{FACTOR}/passkey/{key}/remove", data=known),
        begin_passkey(inside, **shown),
    ]
    assert [answer.status_code for answer in tried] == [422] * 4
    assert all('name="factor_code"' in answer.get_data(as_text=True) for answer in tried)
    if not shown:
        assert all(Problem("factor_again").sentence() in page(answer).text for answer in tried)
    session.rollback()
    assert factors.factors_of(session, boss.user_id) == before
    assert grant(inside) == 403


def test_a_second_app_asks_for_the_passkey_or_a_code(
    inside: FlaskClient, boss: Actor, session: Session, clock: Clock
) -> None:
    key_of(session, boss, number=99)
    codes = transact(lambda own: factors.make_codes(own, actor=boss), session=session)
    shown = inside.get(FACTOR).get_data(as_text=True)
    assert 'name="factor_code"' in shown and 'data-passkey="get"' in shown
    assert inside.post(f"{FACTOR}/app/begin", data={"current": GOOD}).status_code == 422
    code = {"current": GOOD, "factor_code": codes[0]}
    assert inside.post(f"{FACTOR}/app/begin", data=code).status_code == 303
    secret = secret_in(inside.get(f"{FACTOR}/app"))
    assert inside.post(f"{FACTOR}/app", data={"code": digits_at(secret, clock())}).status_code == 303
    assert acts(session)[-3:] == ["users.use_code", "users.prove", "users.add_factor"]


def test_what_is_set_up_beside_a_factor_is_no_proof_of_it(
    inside: FlaskClient, boss: Actor, session: Session, clock: Clock
) -> None:
    """The first one counts as shown, as the password is all there was; a further one does not."""
    secret, codes = enrol_app(session, boss)
    asked = begin_passkey(inside, factor_code=codes[0])
    assert grant(inside) == 303, "the code just shown counts"
    inside.post("/office/people/wangwu/revoke/cashier", data={"reason": "x"})
    clock.advance(minutes=4)
    assert keep(inside, question_in(asked)).status_code == 303
    clock.advance(minutes=2)
    assert grant(inside) == 403, "the key that was added does not"
    shown = GRANT | {"factor_code": digits_at(secret, clock())}
    assert inside.post("/office/people/wangwu/grant", data=shown).status_code == 303


def test_what_was_begun_before_the_first_factor_ends_with_it(
    app: Flask, inside: FlaskClient, boss: Actor, session: Session, clock: Clock
) -> None:
    """Whoever knows the password begins beforehand, and finishes after the owner: nothing is left."""
    question = question_in(begin_passkey(inside))
    owner = english(app.test_client())
    sign_in(owner, "boss")
    owner.post(f"{FACTOR}/app/begin", data={"current": GOOD})
    secret = secret_in(owner.get(f"{FACTOR}/app"))
    assert owner.post(f"{FACTOR}/app", data={"code": digits_at(secret, clock())}).status_code == 200
    assert grant(owner) == 303, "the first factor counts as shown"
    assert keep(inside, question).status_code == 422
    assert not factors.factors_of(session, boss.user_id).passkeys


def test_the_password_is_asked_beside_the_factor(inside: FlaskClient, boss: Actor, session: Session) -> None:
    _, codes = enrol_app(session, boss)
    tried = {"current": "wrong", "factor_code": codes[0]}
    assert inside.post(f"{FACTOR}/codes", data=tried).status_code == 422
    session.rollback()
    assert factors.factors_of(session, boss.user_id).codes_left == 10, "the code is not spent by it"


def test_factors_are_not_guessed_where_they_are_changed(
    inside: FlaskClient, boss: Actor, session: Session
) -> None:
    enrol_app(session, boss)
    tried = {"current": GOOD, "factor_code": "000000"}
    statuses = [inside.post(f"{FACTOR}/codes", data=tried).status_code for _ in range(FACTOR_TRIES.name + 1)]
    assert statuses == [422] * FACTOR_TRIES.name + [429]
