"""Which language a browser's wish means; Werkzeug's best match answers zh-HK with English."""

from __future__ import annotations

import pytest

from charity.web.locale import language_of, language_of_environ


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh_Hans"),
        ("zh", "zh_Hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_Hans"),
        ("zh-SG", "zh_Hans"),
        ("zh-TW", "zh_Hant"),
        ("zh-HK,zh;q=0.9,en;q=0.8", "zh_Hant"),
        ("zh-MO", "zh_Hant"),
        ("zh-Hant", "zh_Hant"),
        ("zh-Hant-TW", "zh_Hant"),
        ("zh_TW", "zh_Hant"),
        ("zh-Hans-HK", "zh_Hans"),
        ("en-GB,zh;q=0.5", "en"),
        ("en;q=0.4,zh-TW;q=0.8", "zh_Hant"),
        ("en;q=0,zh-CN", "zh_Hans"),
        ("fr,de;q=0.9,en;q=0.1", "en"),
        ("fr", "zh_Hans"),
        ("*", "zh_Hans"),
        (";;;q=", "zh_Hans"),
    ],
)
def test_a_wish_means_a_language(header: str, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize(
    ("cookie", "language"),
    [
        ("language=en", "en"),
        ("a=b; language=zh_Hant", "zh_Hant"),
        ("language=xx", "zh_Hans"),
        ("xlanguage=en", "zh_Hans"),
    ],
)
def test_a_choice_stands_over_a_wish(cookie: str, language: str) -> None:
    environ = {"HTTP_COOKIE": cookie, "HTTP_ACCEPT_LANGUAGE": "zh-CN"}
    assert language_of_environ(environ) == language
