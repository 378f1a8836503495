"""Every page in a real browser: accessible, no wider than a phone, without a complaint."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support.crawl import walk
from tests.support.demo import client_of
from tests.support.screen import WIDTHS, open_screen, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]


#: Who looks; whoever comes later opens the desk and what nobody before could open.
WHO = ("visitor", "chief_accountant", "cashier", "gift_clerk", "administrator")


@pytest.mark.parametrize("width", WIDTHS, ids=WIDTHS.get)
def test_every_page_is_accessible_and_fits(demo: Flask, browser: Any, width: int) -> None:
    wrong: list[str] = []
    seen: set[str] = set()
    with serve(demo) as address:
        for who in WHO:
            client = None if who == "visitor" else client_of(demo, who)
            start = "/" if client is None else "/office/"
            pages = walk(demo, client or demo.test_client(), start).shown
            assert len(pages) > 3
            with open_screen(browser, address, width, client) as screen:
                for endpoint, path in pages.items():
                    if endpoint in seen and path != start:
                        continue
                    screen.open(path)
                    wrong += [f"{who} {path}: {fault}" for fault in screen.faults()]
            seen |= pages.keys()
    assert wrong == []
