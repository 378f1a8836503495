"""The server as an operator starts it: ``wsgi:app`` in a process of its own that imports nothing else.

A test imports more than the server does: a booker of files that only the tests and the
commands imported once ended every dropped file in an error, with the whole suite green.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import transact
from charity.donations.models import Donation
from charity.users.models import User
from charity.users.passwords import passwords_for
from tests.builders import make_user
from tests.gifts import Office
from tests.support import source
from tests.support.databases import KEYS
from tests.support.offices import database

__all__ = ["database"]

PASSWORD = "a long sentence nobody else uses"
SAMPLES = source.ROOT / "docs" / "samples"

#: Serves ``wsgi:app`` on a free port and says which one.
SERVER = """
from werkzeug.serving import make_server
from wsgi import app
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""

#: Names each register of the app, and what importing the rest of the package adds to one.
REGISTERS = """
import importlib, json, pkgutil, sys
import charity, wsgi
from charity import schema

def sizes():
    return {
        f"{name}.{variable}": len(value)
        for name, module in list(sys.modules.items())
        if name.startswith("charity") and module is not None
        for variable, value in vars(module).items()
        if isinstance(value, dict | list | set) and not variable.startswith("__")
    }

schema.load_tables()  # as start-up does to compare the guards
before = sizes()
for module in pkgutil.walk_packages(charity.__path__, "charity."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
after = sizes()
grown = sorted(name for name, size in before.items() if after[name] != size)
print(json.dumps({"known": sorted(name for name, size in before.items() if size), "grown": grown}))
"""


def _environ(settings: Settings) -> dict[str, str]:
    """Return the environment of the demo's server on a test's database, and nothing of the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    return {
        **kept,
        **KEYS,
        "CHARITY_ENV": "demo",
        "CHARITY_DATA": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "DATABASE_OWNER_URL": settings.owner_url,
    }


class Browser:
    """A person at the pages of a server: cookies, forms with their token, uploads."""

    def __init__(self, address: str) -> None:
        self._address = address
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(jar, _StayHere())

    def get(self, path: str) -> str:
        """Return the text of a page."""
        with self._opener.open(self._address + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, page: str, **fields: str | Path) -> tuple[int, str]:
        """Send a form of a page; return the status and where it leads, or the page that refuses."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(page))
        assert token is not None, f"no form on {page}"
        body = b""
        for name, value in {"csrf_token": token[1], **fields}.items():
            file = f'; filename="{value.name}"\r\nContent-Type: text/csv' if isinstance(value, Path) else ""
            head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
            data = value.read_bytes() if isinstance(value, Path) else value.encode()
            body += head.encode() + data + b"\r\n"
        request = urllib.request.Request(self._address + path, data=body + b"--edge--\r\n")
        request.add_header("Content-Type", "multipart/form-data; boundary=edge")
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers.get("Location") or answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Gives a redirect back instead of following it."""

    def http_error_303(self, req, fp, code, msg, headers):  # type: ignore[no-untyped-def]
        return fp


@pytest.fixture
def served(office: Office, settings: Settings) -> Iterator[Browser]:
    """An accountant signed in, by password, at a server that was just started."""
    make_user(office.session, org_id=office.org_id, username="zhang", roles=("accountant",))
    stored = passwords_for("test").hash(PASSWORD)
    transact(
        lambda own: own.execute(update(User).values(password_hash=stored)),
        session=office.session,
    )
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=source.ROOT,
        env=_environ(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        port = server.stdout.readline().strip()
        assert port, "the server did not start"
        browser = Browser(f"http://127.0.0.1:{port}")
        status, where = browser.post("/sign-in", "/sign-in", username="zhang", password=PASSWORD)
        assert (status, where.startswith("/")) == (303, True), where
        yield browser
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def _wait_until_booked(browser: Browser, address: str) -> dict[str, object]:
    """Return what the progress bar is told once the worker beside the server is done."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        progress = dict(json.loads(browser.get(f"{address}/progress.json")))
        if progress["state"] not in ("queued", "running"):
            return progress
    raise AssertionError("the worker did not come to the file")


def test_dropped_files_are_shown_and_booked(served: Browser, office: Office, session: Session) -> None:
    """A bill and a bank's export go through the pages, and the worker beside the server books them."""
    booked = 0
    for name, place in (("wechat_trade_20261118.csv", "W1"), ("abc_new_202611.csv", "B1")):
        status, where = served.post("/office/imports", "/office/imports", files=SAMPLES / name)
        assert (status, where.startswith("/office/imports/I-")) == (303, True), where[:2000]
        assert name in served.get(where)
        assert served.post(f"{where}/place", where, place=place)[0] == 303
        assert served.post(f"{where}/book", where)[0] == 303
        assert _wait_until_booked(served, where)["state"] == "done"
        session.rollback()
        gifts = len(session.scalars(select(Donation.id)).all())
        assert gifts > booked
        booked = gifts
        assert "/office/gifts/D-" in served.get(where)


@pytest.mark.sqlite_only
def test_serving_fills_every_register(settings: Settings) -> None:
    """No module that only a command or a test imports puts anything into a register of the app."""
    ran = subprocess.run(
        [sys.executable, "-c", REGISTERS],
        cwd=source.ROOT,
        env=_environ(settings),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert {"charity.imports.kinds._bookers", "charity.jobs.service._kinds"} <= set(answer["known"])
    assert answer["grown"] == []
