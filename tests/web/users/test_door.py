"""The door: who comes in, who does not, and that the answer never tells who exists."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import transact
from charity.errors import Problem
from charity.messages.models import Message
from charity.oplog.models import OpLogEntry
from charity.users import credentials, queries, service
from charity.users.links import make_token
from charity.users.passwords import Passwords, passwords_for
from tests.builders import make_actor, make_org, make_user
from tests.support.pages import page

if TYPE_CHECKING:
    from charity.config import Settings
    from tests.conftest import Clock

GOOD, NEW = "correct horse battery", "another horse battery"


@pytest.fixture
def org_id(app: Flask, session: Session) -> int:
    return make_org(session).id


@pytest.fixture
def lisi(session: Session, org_id: int) -> str:
    """A cashier with a mail address and a password."""
    make_user(
        session,
        org_id=org_id,
        username="lisi",
        roles=("cashier",),
        email="li@example.org",
        display_name="李四",
    )
    set_password(session, "lisi", GOOD)
    return "lisi"


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return new_visitor(app)


def new_visitor(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("language", "en")
    return client


def set_password(session: Session, username: str, text: str, passwords: Passwords | None = None) -> None:
    made = (passwords or passwords_for("test")).hash(text)

    def work(own: Session) -> None:
        user = own.scalars(select(service.User).where(service.User.username == username)).one()
        user.password_hash = made

    transact(work, session=session)


def sign_in(client: FlaskClient, username: str = "lisi", password: str = GOOD, **values: str) -> Any:
    return client.post("/sign-in", data={"username": username, "password": password, **values})


def acts(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(OpLogEntry.act).order_by(OpLogEntry.id)))


def mails(session: Session) -> list[Message]:
    session.rollback()
    return list(session.scalars(select(Message).order_by(Message.id)))


def test_a_member_comes_in_and_goes_out(visitor: FlaskClient, lisi: str, session: Session) -> None:
    assert sign_in(visitor).headers["Location"] == "/office/"
    shown = page(visitor.get("/office/"))
    assert "李四" in shown.text and "Cashier" in shown.text
    assert visitor.post("/sign-out").headers["Location"] == "/sign-in"
    assert visitor.get("/office/").status_code == 302
    assert acts(session)[-2:] == ["users.sign_in", "users.sign_out"]


def test_the_login_name_may_be_typed_as_an_input_method_does(visitor: FlaskClient, lisi: str) -> None:
    assert sign_in(visitor, " ＬｉＳｉ ").status_code == 303


def test_after_signing_in_one_is_where_one_wanted_to_be(visitor: FlaskClient, lisi: str) -> None:
    led = visitor.get("/office/profile").headers["Location"]
    assert led == "/sign-in?next=/office/profile"
    assert 'value="/office/profile"' in visitor.get(led).get_data(as_text=True)
    assert sign_in(visitor, next="/office/profile").headers["Location"] == "/office/profile"


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "http://[x", "//["],
)
def test_nobody_is_led_to_another_site(visitor: FlaskClient, lisi: str, wanted: str) -> None:
    form = visitor.get("/sign-in", query_string={"next": wanted}).get_data(as_text=True)
    assert re.search(r'name="next"[^>]*value=""', form)
    assert sign_in(visitor, next=wanted).headers["Location"] == "/office/"


def test_the_answer_does_not_tell_who_exists(app: Flask, session: Session, org_id: int, lisi: str) -> None:
    make_user(session, org_id=org_id, username="without-password")
    make_user(session, org_id=org_id, username="gone")
    set_password(session, "gone", GOOD)
    on = make_actor().at.date()
    transact(
        lambda own: service.end_membership(own, actor=make_actor(org_id), username="gone", reason="x", on=on),
        session=session,
    )
    answers = set()
    for username, password in (
        ("lisi", "wrong password"),
        ("nobody", GOOD),
        ("gone", GOOD),
        ("without-password", "nobody has this password"),
    ):
        response = sign_in(new_visitor(app), username, password)
        text = re.sub(r'value="[^"]*"', "", response.get_data(as_text=True))
        answers.add((response.status_code, text))
    ((status, text),) = answers
    assert status == 422 and Problem("sign_in_wrong").sentence() in text


def test_an_unknown_login_takes_a_hash_too(
    visitor: FlaskClient, org_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    real = Passwords.matches

    def matches(self: Passwords, stored: str, password: str) -> bool:
        checked.append(stored)
        return real(self, stored, password)

    monkeypatch.setattr(Passwords, "matches", matches)
    sign_in(visitor, "nobody")
    assert checked == [""]


def test_a_refusal_is_logged_without_what_was_typed(
    visitor: FlaskClient, lisi: str, session: Session
) -> None:
    sign_in(visitor, "lisi", "wrong password")
    sign_in(visitor, "my secret passphrase", "x")
    session.rollback()
    entries = session.scalars(select(OpLogEntry).where(OpLogEntry.act == "users.sign_in_refused")).all()
    assert [entry.subject_no for entry in entries] == ["lisi", ""]
    assert "passphrase" not in str([entry.details for entry in entries]) + str([e.search for e in entries])
    assert all(entry.address_hash for entry in entries)


def test_a_password_never_comes_back_on_the_page(visitor: FlaskClient, lisi: str) -> None:
    assert "wrong-password" not in sign_in(visitor, "lisi", "wrong-password").get_data(as_text=True)


def test_a_login_is_locked_by_its_name_first(app: Flask, lisi: str, session: Session, org_id: int) -> None:
    """A neighbour behind the same address still comes in."""
    make_user(session, org_id=org_id, username="wangwu", roles=("accountant",))
    set_password(session, "wangwu", GOOD)
    visitor = new_visitor(app)
    for _ in range(credentials.SIGN_IN_TRIES.name_here):
        assert sign_in(visitor, "lisi", "wrong password").status_code == 422
    locked = sign_in(visitor, "lisi", GOOD)
    assert locked.status_code == 429 and Problem("sign_in_locked").sentence() in locked.get_data(as_text=True)
    assert sign_in(visitor, "wangwu", GOOD).status_code == 303


def test_guesses_from_elsewhere_lock_nobody_out(app: Flask, visitor: FlaskClient, lisi: str) -> None:
    """Whoever guesses at a name from one address closes that door to himself alone."""
    stranger = new_visitor(app)
    stranger.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    for _ in range(credentials.SIGN_IN_TRIES.name_here + 20):
        sign_in(stranger, "lisi", "wrong password")
    assert sign_in(stranger).status_code == 429
    assert sign_in(visitor).status_code == 303


def test_an_address_without_tries_left_counts_at_no_name(
    app: Flask, visitor: FlaskClient, lisi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "SIGN_IN_TRIES", credentials.Tries(5, 4, 2, 900))
    stranger = new_visitor(app)
    stranger.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    for number in range(2):
        sign_in(stranger, f"name{number}", "x")
    for _ in range(10):
        assert sign_in(stranger, "lisi", "wrong password").status_code == 429
    assert sign_in(visitor).status_code == 303


def test_right_passwords_are_not_counted(visitor: FlaskClient, lisi: str) -> None:
    for _ in range(credentials.SIGN_IN_TRIES.name_here + 2):
        assert sign_in(visitor).status_code == 303
        visitor.post("/sign-out")


def test_no_link_goes_to_an_address_somebody_else_has_just_put_there(
    visitor: FlaskClient, lisi: str, session: Session, org_id: int, clock: Clock
) -> None:
    """An administrator changes the address and asks for a link as if he had forgotten the password."""
    details = service.Details("李四", "mine@example.org")
    actor = make_actor(org_id, at=clock())
    transact(
        lambda own: service.change_user(
            own, actor=actor, username="lisi", details=details, on=clock().date()
        ),
        session=session,
    )
    assert visitor.post("/password/forgot", data={"username": "lisi"}).status_code == 200
    assert mails(session) == []
    clock.advance(hours=73)
    visitor.post("/password/forgot", data={"username": "lisi"})
    assert [mail.recipient for mail in mails(session)] == ["mine@example.org"]


def test_a_lock_ends_by_itself(visitor: FlaskClient, lisi: str, clock: Clock) -> None:
    for _ in range(credentials.SIGN_IN_TRIES.name_here + 1):
        sign_in(visitor, "lisi", "wrong password")
    clock.advance(minutes=30)
    assert sign_in(visitor).status_code == 303


def test_an_address_that_tries_many_names_is_locked(
    visitor: FlaskClient, lisi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "SIGN_IN_TRIES", replace(credentials.SIGN_IN_TRIES, address=3))
    for number in range(3):
        sign_in(visitor, f"name{number}", "x")
    assert sign_in(visitor).status_code == 429


def test_when_too_many_sign_in_at_once_one_is_asked_to_wait(
    visitor: FlaskClient, lisi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charity.users.passwords.PATIENCE_S", 0.01)
    turns = passwords_for("test")._turns
    held = [turns.acquire(blocking=False) for _ in range(4)]
    try:
        response = sign_in(visitor)
    finally:
        for _ in held:
            turns.release()
    assert response.status_code == 503 and "try again in a moment" in response.get_data(as_text=True)


def test_a_hash_of_an_older_cost_is_made_anew(visitor: FlaskClient, lisi: str, session: Session) -> None:
    set_password(session, "lisi", GOOD, Passwords(memory_kib=32, passes=1, at_once=1))
    assert sign_in(visitor).status_code == 303
    session.rollback()
    session.expire_all()
    found = queries.credentials(session, "lisi")
    assert found is not None and "m=16," in found.password_hash


def test_a_session_ends_when_nothing_happens(visitor: FlaskClient, lisi: str, clock: Clock) -> None:
    sign_in(visitor)
    clock.advance(minutes=59)
    assert visitor.get("/office/profile").status_code == 200
    clock.advance(minutes=59)
    assert visitor.get("/office/profile").status_code == 200, "each request of the office counts"
    clock.advance(minutes=61)
    assert visitor.get("/office/profile").status_code == 302


def test_a_session_ends_after_a_working_day(visitor: FlaskClient, lisi: str, clock: Clock) -> None:
    sign_in(visitor)
    for _ in range(24):
        clock.advance(minutes=30)
        visitor.get("/office/profile")
    assert visitor.get("/office/profile").status_code == 200
    clock.advance(minutes=1)
    assert visitor.get("/office/profile").status_code == 302


def test_a_public_page_does_not_keep_a_session_alive(visitor: FlaskClient, lisi: str, clock: Clock) -> None:
    sign_in(visitor)
    for _ in range(3):
        clock.advance(minutes=25)
        visitor.get("/sign-in")
    assert visitor.get("/office/profile").status_code == 302


@pytest.mark.parametrize("token", ["nonsense", None, 7])
def test_a_cookie_without_its_row_is_no_session(visitor: FlaskClient, lisi: str, token: Any) -> None:
    sign_in(visitor)
    with visitor.session_transaction() as cookie:
        cookie["token"] = token
    assert visitor.get("/office/profile").status_code == 302


def test_nothing_of_an_earlier_session_is_left(visitor: FlaskClient, lisi: str) -> None:
    with visitor.session_transaction() as cookie:
        cookie["left_behind"] = "x"
    sign_in(visitor)
    with visitor.session_transaction() as cookie:
        assert "left_behind" not in cookie
        assert cookie["_user_id"].startswith("1.lisi")


def test_a_stranger_to_this_org_is_told_so_and_can_leave(app: Flask, session: Session, lisi: str) -> None:
    make_org(session, code="XJ", name="夏津县慈善总会", name_en="Xiajin")
    visitor = new_visitor(app)
    assert sign_in(visitor).status_code == 303
    assert visitor.get("/xj/office/").status_code == 403
    assert visitor.post("/xj/sign-out").headers["Location"] == "/xj/sign-in"
    assert visitor.get("/office/").status_code == 302


def test_the_language_of_the_profile_comes_with_the_login(
    visitor: FlaskClient, lisi: str, session: Session
) -> None:
    def work(own: Session) -> None:
        own.scalars(select(service.User)).one().language = "zh_Hans"

    transact(work, session=session)
    assert "language=zh_Hans" in sign_in(visitor).headers["Set-Cookie"]


def test_pages_with_secrets_are_kept_by_nobody(visitor: FlaskClient, lisi: str) -> None:
    for address in ("/sign-in", "/password/forgot", "/password/choose/x"):
        assert visitor.get(address).headers["Cache-Control"] == "no-store"


def test_whoever_asks_for_a_link_gets_the_same_answer(app: Flask, lisi: str, session: Session) -> None:
    answers = set()
    for username in ("lisi", "nobody"):
        response = new_visitor(app).post("/password/forgot", data={"username": username})
        answers.add((response.status_code, response.get_data(as_text=True)))
    ((status, text),) = answers
    assert status == 200 and "If the login exists" in text
    (mail,) = mails(session)
    assert mail.recipient == "li@example.org" and mail.subject in ("Choose a password", "设置密码")


def link_in(mail: Message) -> str:
    found = re.search(r"http://127\.0\.0\.1:5000(/\S+)", mail.body)
    assert found is not None, mail.body
    return found[1]


def test_a_link_from_the_mail_sets_a_password_once(
    app: Flask, lisi: str, session: Session, clock: Clock
) -> None:
    old = new_visitor(app)
    sign_in(old)
    visitor = new_visitor(app)
    visitor.post("/password/forgot", data={"username": "lisi"})
    link = link_in(mails(session)[0])
    assert visitor.get(link).status_code == 200
    saved = visitor.post(link, data={"new": NEW, "again": NEW})
    assert "The password is saved" in page(saved).title
    assert old.get("/office/").status_code == 302, "every other session has ended"
    assert sign_in(visitor, "lisi", GOOD).status_code == 422
    assert sign_in(visitor, "lisi", NEW).status_code == 303
    again = visitor.post(link, data={"new": GOOD, "again": GOOD})
    assert again.status_code == 410 and "no longer valid" in again.get_data(as_text=True)


def test_a_link_lasts_half_an_hour(visitor: FlaskClient, lisi: str, session: Session, clock: Clock) -> None:
    visitor.post("/password/forgot", data={"username": "lisi"})
    link = link_in(mails(session)[0])
    clock.advance(minutes=30)
    assert visitor.get(link).status_code == 200
    clock.advance(seconds=1)
    assert visitor.get(link).status_code == 410


def test_a_link_leads_to_our_own_host_whatever_the_request_says(
    visitor: FlaskClient, lisi: str, session: Session
) -> None:
    forged: Any = {"base_url": "http://evil.example", "has_token": False}
    form = visitor.get("/password/forgot", base_url="http://evil.example").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token is not None
    visitor.post("/password/forgot", data={"username": "lisi", "csrf_token": token[1]}, **forged)
    assert "evil" not in mails(session)[0].body


def test_links_are_not_asked_for_without_end(visitor: FlaskClient, lisi: str, session: Session) -> None:
    answers = [
        visitor.post("/password/forgot", data={"username": "lisi"})
        for _ in range(credentials.LINK_TRIES.name_here + 1)
    ]
    assert [answer.status_code for answer in answers] == [200] * credentials.LINK_TRIES.name_here + [429]
    assert Problem("links_locked").sentence() in page(answers[-1]).text
    assert len(mails(session)) == credentials.LINK_TRIES.name_here


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"new": "short", "again": "short"}, "Take at least 10 characters"),
        ({"new": NEW, "again": GOOD}, Problem("password_not_repeated").sentence()),
        ({"new": "xx lisi 2026 yy", "again": "xx lisi 2026 yy"}, "must not contain the login name"),
        ({"new": "", "again": ""}, "This field is required."),
    ],
)
def test_a_weak_password_is_refused_at_its_field(
    visitor: FlaskClient, lisi: str, settings: Settings, clock: Clock, values: dict[str, str], sentence: str
) -> None:
    token = make_token(settings.secret_key, username="lisi", epoch=1, at=clock(), life=timedelta(hours=1))
    response = visitor.post(f"/password/choose/{token}", data=values)
    assert response.status_code == 422 and sentence in response.get_data(as_text=True)


def test_the_own_password_is_changed_and_told_by_mail(app: Flask, lisi: str, session: Session) -> None:
    visitor, elsewhere = new_visitor(app), new_visitor(app)
    sign_in(visitor)
    sign_in(elsewhere)
    wrong = visitor.post("/office/profile/password", data={"current": "x", "new": NEW, "again": NEW})
    assert wrong.status_code == 422 and "present password is not right" in wrong.get_data(as_text=True)
    differing = visitor.post("/office/profile/password", data={"current": GOOD, "new": NEW, "again": GOOD})
    assert differing.status_code == 422
    changed = visitor.post("/office/profile/password", data={"current": GOOD, "new": NEW, "again": NEW})
    assert changed.headers["Location"] == "/office/profile"
    assert visitor.get("/office/profile").status_code == 200, "one stays signed in here"
    assert elsewhere.get("/office/profile").status_code == 302
    assert mails(session)[-1].subject == "您的密码已更改", "in the language of the person"
    assert acts(session)[-1] == "users.change_password"


def test_a_link_of_the_profile_chooses_the_language(
    visitor: FlaskClient, lisi: str, session: Session
) -> None:
    sign_in(visitor)
    response = visitor.post("/office/profile", data={"language": "zh_Hant"})
    assert "language=zh_Hant" in response.headers["Set-Cookie"]
    cleared = visitor.post("/office/profile", data={"language": ""})
    assert "language=;" in cleared.headers["Set-Cookie"]
    assert visitor.post("/office/profile", data={"language": "tlh"}).status_code == 422


def test_a_forged_form_is_refused(app: Flask, lisi: str) -> None:
    visitor: Any = new_visitor(app)
    response = visitor.post("/sign-in", data={"username": "lisi", "password": GOOD}, has_token=False)
    assert response.status_code == 400


@pytest.mark.parametrize("role", ["cashier", "supervisor"])
def test_everyone_has_a_profile(as_role: Callable[..., FlaskClient], role: str) -> None:
    assert as_role(role).get("/office/profile").status_code == 200
