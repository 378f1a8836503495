"""Every page in a real browser: accessible, no wider than a phone, without a complaint."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support.crawl import walk
from tests.support.demo import client_of
from tests.support.screen import WIDTHS, open_screen, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", WIDTHS, ids=WIDTHS.get)
@pytest.mark.parametrize("who", ["visitor", "chief_accountant", "cashier", "gift_clerk", "administrator"])
def test_every_page_is_accessible_and_fits(demo: Flask, browser: Any, who: str, width: int) -> None:
    client = None if who == "visitor" else client_of(demo, who)
    starts = ("/",) if client is None else ("/office/",)
    pages = walk(demo, client or demo.test_client(), *starts).shown
    assert len(pages) > 3
    wrong = []
    with serve(demo) as address, open_screen(browser, address, width, client) as screen:
        for path in pages.values():
            screen.open(path)
            wrong += [f"{path}: {fault}" for fault in screen.faults()]
    assert wrong == []
