"""The language: the reader's choice, then the browser's, then simplified Chinese."""

from __future__ import annotations

import pytest
from flask_babel import force_locale, gettext

from charity.web.routes import safe_next


def test_the_default_is_simplified_chinese(visitor) -> None:
    text = visitor.get("/fail/404").text
    assert '<html lang="zh-Hans">' in text
    assert "没有这个页面" in text


def test_the_browser_is_heard(visitor) -> None:
    assert '<html lang="en">' in visitor.get("/fail/404", headers={"Accept-Language": "en-GB"}).text


def test_the_readers_choice_stands_over_the_browsers(visitor) -> None:
    answer = visitor.get("/language/zh_Hant?next=/fail/404")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/fail/404")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    page = visitor.get("/fail/404", headers={"Accept-Language": "en"})
    assert '<html lang="zh-Hant">' in page.text


def test_an_unknown_language_is_not_found(visitor) -> None:
    assert visitor.get("/language/fr").status_code == 404


def test_a_cookie_nobody_set_is_ignored(visitor) -> None:
    visitor.set_cookie("language", "../../etc")
    assert '<html lang="zh-Hans">' in visitor.get("/fail/404").text


def test_the_switch_leads_back_to_the_same_page_of_the_same_org(visitor) -> None:
    text = visitor.get("/xiajin/fail/404?page=2").text
    assert "/xiajin/language/en?next=/xiajin/fail/404?page%3D2" in text


def test_the_switch_stays_at_the_org_without_an_address(visitor) -> None:
    assert visitor.get("/xiajin/language/en").headers["Location"] == "/xiajin/"


@pytest.mark.parametrize("address", ["/", "/office/?page=2", "/捐赠"])
def test_an_address_of_this_site_is_gone_on_to(address) -> None:
    assert safe_next(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "office",
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "///evil.example",
        "/ok\r\nSet-Cookie: a=b",
        "http:///office",
    ],
)
def test_an_address_elsewhere_is_not(address) -> None:
    assert safe_next(address) == ""


@pytest.mark.parametrize(
    "address", ["//[", "http://[x", "/\\[", "https://[::1", "//]x[/", "//a\u2100b", "http://[v]/"]
)
def test_what_is_no_address_leads_home(visitor, address) -> None:
    assert safe_next(address) == ""
    answer = visitor.get("/language/en", query_string={"next": address})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_traditional_falls_back_to_simplified_and_english_to_its_ids(shell) -> None:
    with shell.test_request_context():
        with force_locale("zh_Hant"):
            from charity.web.locale import CatalogueDomain

            domain = CatalogueDomain()
            assert domain.gettext("There is no such page") != "There is no such page"
        with force_locale("en"):
            assert gettext("There is no such page") == "There is no such page"


def test_outside_a_request_the_default_language_is_used(shell) -> None:
    with shell.app_context():
        assert gettext("There is no such page") == "没有这个页面"


def test_english_pages_show_the_english_name_of_the_org(visitor) -> None:
    visitor.set_cookie("language", "en")
    assert "Dezhou Charity Federation" in visitor.get("/fail/404").text
