"""A passkey from making to signing in, in a real browser with an authenticator of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from charity.users.models import User
from tests.builders import make_org, make_user
from tests.doors import GOOD, acts, set_password
from tests.support.screen import open_screen, serve

pytestmark = pytest.mark.browser


@pytest.fixture
def address(app: Flask, session: Session) -> Iterator[str]:
    """The app at localhost, where browsers give passkeys without TLS; 李四 has a password."""
    org = make_org(session)
    make_user(session, org_id=org.id, username="lisi", roles=("cashier",), display_name="李四")
    set_password(session, "lisi")
    with serve(app) as numbers:
        named = numbers.replace("127.0.0.1", "localhost")
        known = app.extensions["charity.settings"]
        app.extensions["charity.settings"] = replace(known, public_url=named)
        yield named


def add_authenticator(page: Any) -> tuple[Any, str]:
    """Give a tab an authenticator that answers by itself; return the channel and its id."""
    channel = page.context.new_cdp_session(page)
    channel.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = channel.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return channel, made["authenticatorId"]


def sign_in(page: Any, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#username", "lisi")
    page.fill("#password", GOOD)
    page.click("[data-submit]")


def add_passkey(page: Any, address: str) -> None:
    page.goto(f"{address}/office/profile/second-factor")
    page.click("a[href$='/passkey']")
    page.fill("#name", "办公室电脑")
    page.fill("#current", GOOD)
    page.click("[data-submit]")
    page.click("[data-passkey=create]")
    page.wait_for_selector(".codes")


def test_a_passkey_is_made_and_signs_in(browser: Any, address: str, session: Session) -> None:
    with open_screen(browser, address, 360) as screen:
        page = screen.page
        channel, authenticator = add_authenticator(page)
        sign_in(page, address)
        add_passkey(page, address)
        assert len(page.query_selector_all(".codes li")) == 10
        assert screen.faults() == []
        page.goto(f"{address}/office/profile/second-factor")
        assert "办公室电脑" in page.inner_text("main")
        assert screen.faults() == []
        for link in ("a[href$='/codes']", "a[href$='/remove']", "a[href$='/passkey']"):
            page.goto(f"{address}/office/profile/second-factor")
            page.click(link)
            assert screen.faults() == []
        page.goto(f"{address}/office/profile/second-factor")
        page.fill("#current", GOOD)
        page.click("[data-passkey=get]")
        page.wait_for_url("**/app")
        assert screen.faults() == []
        page.click(".desk-bar form.act button")
        sign_in(page, address)
        page.wait_for_url("**/sign-in/second")
        assert screen.faults() == []
        page.click("[data-passkey=get]")
        page.wait_for_url("**/office/")
        kept = channel.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})["credentials"]
        assert [one["rpId"] for one in kept] == ["localhost"] and kept[0]["signCount"] > 1
    assert [act for act in acts(session) if act.startswith("users.")][-6:] == [
        "users.add_factor",
        "users.make_codes",
        "users.prove",
        "users.sign_out",
        "users.first_step",
        "users.sign_in",
    ]


def test_an_authenticator_without_the_key_does_not_sign_in(browser: Any, address: str) -> None:
    with open_screen(browser, address, 1440) as screen:
        page = screen.page
        channel, authenticator = add_authenticator(page)
        sign_in(page, address)
        add_passkey(page, address)
        channel.send("WebAuthn.clearCredentials", {"authenticatorId": authenticator})
        page.click(".desk-bar form.act button")
        sign_in(page, address)
        page.wait_for_url("**/sign-in/second")
        page.click("[data-passkey=get]")
        page.wait_for_function("document.querySelector('[data-passkey-said]').textContent !== ''")
        assert page.url.endswith("/sign-in/second")


def test_an_answer_to_another_question_is_refused(browser: Any, address: str, session: Session) -> None:
    """What the device signed for one page is kept and sent with another: the question was spent."""
    with open_screen(browser, address, 1440) as screen:
        page = screen.page
        add_authenticator(page)
        sign_in(page, address)
        add_passkey(page, address)
        page.click(".desk-bar form.act button")
        sign_in(page, address)
        page.wait_for_url("**/sign-in/second")
        page.evaluate("HTMLFormElement.prototype.submit = () => {}")
        page.click("[data-passkey=get]")
        page.wait_for_function("document.querySelector('[name=factor_credential]').value !== ''")
        answer = page.input_value("[name=factor_credential]")
        page.reload()  # asks anew
        page.evaluate("text => { document.querySelector('[name=factor_credential]').value = text }", answer)
        page.click("[data-submit]")
        page.wait_for_selector("[data-code=passkey_refused]")
    assert acts(session)[-1] == "users.factor_refused"
    assert session.query(User).count() >= 1
