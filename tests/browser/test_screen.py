"""The screen notices what a person would: a page that is too wide, mute, or broken."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support.screen import open_screen, serve

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="zh-Hans"><head><title>页</title></head>
<body><main><h1>页</h1>{}</main></body></html>"""


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "axe: image-alt"),
        ('<p><input name="amount"></p>', "axe: label"),
        ('<p style="width: 500px">宽</p>', "pixels wider than the screen"),
        ("<script>undefined_function()</script>", "script: undefined_function is not defined"),
        ('<script>console.error("no")</script>', "console: no"),
    ],
)
def test_a_fault_is_seen(browser: Any, body: str, fault: str) -> None:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: PAGE.format(body))
    app.add_url_rule("/favicon.ico", endpoint="icon", view_func=lambda: ("", 204))
    with serve(app) as address, open_screen(browser, address, 360) as screen:
        screen.open("/")
        assert [found for found in screen.faults() if fault in found]


def test_a_whole_page_has_no_fault(browser: Any) -> None:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: PAGE.format("<p>好</p>"))
    app.add_url_rule("/favicon.ico", endpoint="icon", view_func=lambda: ("", 204))
    with serve(app) as address, open_screen(browser, address, 360) as screen:
        screen.open("/")
        assert screen.faults() == []
