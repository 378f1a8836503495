"""Headers, cookies and proxies."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest

import charity
from charity.config import Settings


@pytest.fixture
def made(settings: Settings):
    """Make an app with other settings: ``made(trusted_proxies=1)``."""
    return lambda **changes: charity.create_app(replace(settings, **changes))


def test_nothing_inline_and_nothing_from_elsewhere_is_allowed(visitor) -> None:
    policy = dict(
        part.split(" ", 1) for part in visitor.get("/where").headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["object-src"] == policy["frame-src"] == "'none'"
    sources = {policy[name] for name in policy if name.endswith("-src") and policy[name] != "'none'"}
    assert sources == {"'self'"}
    assert policy["form-action"] == "'self'"


@pytest.mark.parametrize("path", ["/where", "/fail/404", "/static/css/base.css", "/cached"])
def test_every_answer_carries_the_headers(visitor, path) -> None:
    headers = visitor.get(path, buffered=True).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_pages_have_no_inline_script_style_or_handler(member) -> None:
    text = member("reviewer").get("/office/patterns").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


def test_office_pages_are_not_stored_and_public_ones_are_asked_for_again(visitor, member) -> None:
    office = member("reviewer").get("/office/").headers
    assert (office["Cache-Control"], office["X-Robots-Tag"]) == ("no-store", "noindex")
    assert "X-Robots-Tag" not in visitor.get("/where").headers
    assert visitor.get("/where").headers["Cache-Control"] == "private, no-cache"


def test_a_file_with_its_hash_is_kept_for_ever_and_without_it_is_asked_for(visitor) -> None:
    text = visitor.get("/fail/404").text
    address = re.search(r'href="(/static/css/base\.css\?v=[0-9a-f]{12})"', text)
    assert address is not None
    assert "immutable" in visitor.get(address[1], buffered=True).headers["Cache-Control"]
    assert visitor.get("/static/css/base.css", buffered=True).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("query", ["?v=000000000000", "?v=", "?v", "?w=1", "?v=000000000000&v={hash}"])
def test_a_file_under_another_hash_is_not_kept(visitor, query) -> None:
    """The address of the next release, asked for before it is there, must not pin the old file."""
    found = re.search(r"base\.css\?v=([0-9a-f]{12})", visitor.get("/fail/404").text)
    assert found is not None
    headers = visitor.get(f"/static/css/base.css{query.format(hash=found[1])}", buffered=True).headers
    assert (headers["Cache-Control"], headers["X-Accel-Expires"]) == ("no-cache", "0")


def test_a_missing_file_is_not_kept(visitor) -> None:
    answer = visitor.get("/static/nothing.css?v=000000000000")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("address", "name", "is_secure"),
    [("http://10.0.0.5:8000", "session", False), ("https://charity.example", "__Host-session", True)],
)
def test_cookie_security_follows_the_public_address(made, address, name, is_secure) -> None:
    app = made(public_url=address)
    assert app.config["SESSION_COOKIE_NAME"] == name
    assert app.config["SESSION_COOKIE_SECURE"] is is_secure
    assert app.config["SESSION_COOKIE_HTTPONLY"] is True
    assert app.config["SESSION_COOKIE_SAMESITE"] == "Lax"
    headers = app.test_client().get("/healthz").headers
    assert ("Strict-Transport-Security" in headers) is is_secure


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "198.51.100.9", "127.0.0.1"),
        (1, "198.51.100.9", "198.51.100.9"),
        (1, "203.0.113.1, 198.51.100.9", "198.51.100.9"),
        (2, "203.0.113.1, 198.51.100.9", "203.0.113.1"),
    ],
)
def test_only_the_trusted_proxies_are_believed(made, proxies, forwarded, seen) -> None:
    app = made(trusted_proxies=proxies)
    with app.test_client() as client:
        client.get("/healthz", headers={"X-Forwarded-For": forwarded, "X-Forwarded-Host": "evil.example"})
        from flask import request

        assert request.remote_addr == seen
        assert request.host == "localhost"


@pytest.mark.parametrize(
    ("proxies", "read", "lang"),
    [(0, "en", "zh-Hans"), (1, "en", "en"), (1, "-", "zh-Hant"), (1, "", "zh-Hant"), (1, None, "zh-Hans")],
)
def test_the_language_the_proxy_has_read_stands_over_the_cookie(made, proxies, read, lang) -> None:
    """Only behind a proxy; one that says nothing leaves the cookie to be read here."""
    client = made(trusted_proxies=proxies).test_client()
    client.set_cookie("language", "zh_Hans")
    headers = {"Accept-Language": "zh-TW"} | ({} if read is None else {"X-Charity-Language": read})
    assert f'<html lang="{lang}">' in client.get("/no/such/page", headers=headers).text


def test_production_without_tls_runs_and_warns(made, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        made(environment="production", public_url="http://10.0.0.5")
    assert "cross the network in clear" in caplog.text


def test_production_with_tls_does_not_warn(made, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        made(environment="production", public_url="https://charity.example")
    assert caplog.text == ""
