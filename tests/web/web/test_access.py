"""Who may open a page: declared on the view, enforced at the door."""

from __future__ import annotations

import pytest
from flask import Flask

from charity.web.access import Access, UndeclaredAccess, access_of, check_declared


def test_a_view_says_who_may_open_it(shell: Flask) -> None:
    assert access_of(shell, "probe.where") == Access("public")
    assert access_of(shell, "probe.members") == Access("signed_in")
    assert access_of(shell, "probe.review") == Access("permission", "probe.review")
    assert access_of(shell, "static") == Access("public")


def test_every_endpoint_of_the_app_declares_its_access(shell: Flask) -> None:
    check_declared(shell)
    assert all(access_of(shell, endpoint) for endpoint in shell.view_functions)


def test_an_undeclared_endpoint_is_refused_by_name(shell: Flask) -> None:
    shell.add_url_rule("/open", "open_end", lambda: "open")
    with pytest.raises(UndeclaredAccess, match="open_end"):
        check_declared(shell)
    with pytest.raises(UndeclaredAccess, match="open_end"):
        shell.test_client().get("/open")


def test_the_cache_keeps_the_declaration_of_the_view(shell: Flask) -> None:
    assert access_of(shell, "probe.cached") == Access("public")


def test_a_visitor_is_led_to_sign_in_and_back(visitor) -> None:
    answer = visitor.get("/review?page=2")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/probe/sign-in?next=/review?page%3D2"


def test_a_visitor_who_posts_is_led_to_sign_in_before_any_token_is_asked(visitor) -> None:
    answer = visitor.post("/review", has_token=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/probe/sign-in")


def test_a_member_with_the_permission_comes_in(member) -> None:
    assert member("reviewer").get("/review").text == "reviewed"


def test_a_member_without_it_is_told_which_permission_is_missing(member) -> None:
    answer = member("cashier").get("/review", headers={"Accept-Language": "en"})
    assert answer.status_code == 403
    assert "Review probes (probe.review)" in answer.text
    assert "ask an administrator" in answer.text


def test_any_member_opens_a_page_for_the_signed_in(member) -> None:
    assert member("cashier").get("/members").json == {"name": "cashier", "org": 1, "may": ["probe.pay"]}


def test_a_login_of_another_org_is_no_member(member) -> None:
    answer = member("stranger").get("/members", headers={"Accept-Language": "en"})
    assert answer.status_code == 403
    assert "not a member of this organisation" in answer.text


def test_membership_of_one_org_opens_no_page_of_another(member) -> None:
    assert member("reviewer").get("/xiajin/review").status_code == 403


def test_the_office_shows_who_sits_there(member) -> None:
    text = member("reviewer").get("/office/").text
    assert "市慈善总会" in text
    assert "reviewer · role of reviewer" in text
    assert "2026-03" in text
