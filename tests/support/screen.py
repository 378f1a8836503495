"""The app in a real browser: a server on a port of its own, and a page that remembers what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

#: Width in pixels → what it stands for.
WIDTHS = {360: "phone", 1440: "desk"}


@contextmanager
def serve(app: Flask) -> Iterator[str]:
    """Serve the app by threads of this process; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Screen:
    """One tab of a browser.

    Attributes:
        page: Playwright's page.
        address: of the server.
        errors: what its console and its scripts complained of.
    """

    page: Any
    address: str
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Open a path and return Playwright's page."""
        self.page.goto(self.address + path)
        return self.page

    def faults(self) -> list[str]:
        """Return what is wrong with the open page: accessibility, width, script errors."""
        found = [
            f"axe: {v['id']}: {v['nodes'][0]['html'][:120]}"
            for v in Axe().run(self.page).response["violations"]
        ]
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wide > 0:
            found.append(f"{wide} pixels wider than the screen")
        found += self.errors
        self.errors.clear()
        return found


@contextmanager
def open_screen(
    browser: Any, address: str, width: int, client: FlaskClient | None = None
) -> Iterator[Screen]:
    """Give a tab of a width; signed in as a test client is, if one is given."""
    context = browser.new_context(locale="zh-CN", viewport={"width": width, "height": 900})
    if client is not None:
        name = client.application.config["SESSION_COOKIE_NAME"]
        cookie = client.get_cookie(name)
        assert cookie is not None, "the client is not signed in"
        context.add_cookies([{"name": name, "value": cookie.value, "url": address}])
    page = context.new_page()
    screen = Screen(page, address)
    page.on("pageerror", lambda error: screen.errors.append(f"script: {error}"))
    page.on(
        "console",
        lambda line: screen.errors.append(f"console: {line.text}") if line.type == "error" else None,
    )
    try:
        yield screen
    finally:
        context.close()
