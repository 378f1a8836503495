"""Every page opens as everybody who may: each link that is shown is followed and looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from charity import create_app
from charity.config import load_settings
from charity.db import db
from charity.places.models import Org
from charity.users.models import RoleGrant, User
from charity.users.rules import ROLES
from charity.web.access import access_of
from tests.builders import client_as, sign_in
from tests.support import source
from tests.support.crawl import Walk, walk
from tests.support.visitor import Visitor

pytestmark = pytest.mark.slow

#: Endpoint → why no link leads to it.
UNLINKED = {
    "static": "style, scripts and pictures are no pages",
    "web.health": "asked by a monitor",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app on the demo's data, as ``dev.py demo`` makes it."""
    folder = tmp_path_factory.mktemp("demo")
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ |= {"CHARITY_ENV": "demo", "CHARITY_DATA": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "charity.demo", "--data", str(folder)],
        cwd=source.ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    app = create_app(load_settings(environ))
    app.test_client_class = Visitor
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def client_of(app: Flask, role: str) -> FlaskClient:
    """Return a client signed in as one of the demo's people with a role, or as a new one."""
    with app.app_context():
        username = db.session.scalar(
            select(User.username)
            .join(RoleGrant, RoleGrant.user_id == User.id)
            .join(Org, Org.id == RoleGrant.org_id)
            .where(RoleGrant.role == role, RoleGrant.revoked_at.is_(None), Org.is_default)
        )
        db.session.remove()
    return sign_in(app, username) if username else client_as(app, role)


@pytest.fixture(scope="module")
def walks(demo: Flask) -> dict[str, Walk]:
    """A walk as a visitor and as each role."""
    found = {"visitor": walk(demo, demo.test_client(), "/")}
    for role in ROLES:
        found[role] = walk(demo, client_of(demo, role), "/", "/office/")
    return found


@pytest.mark.parametrize("who", ["visitor", *ROLES])
def test_every_link_shown_leads_to_a_whole_page(walks: dict[str, Walk], who: str) -> None:
    assert walks[who].pages > 3
    assert walks[who].wrong == []


def test_every_page_is_reached_by_somebody(demo: Flask, walks: dict[str, Walk]) -> None:
    reached = set().union(*(found.visited for found in walks.values()))
    pages = {rule.endpoint for rule in demo.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert sorted(pages - reached - set(UNLINKED)) == [], "no link leads there"
    assert sorted(set(UNLINKED) - pages) == []


def test_a_visitor_reaches_only_what_is_public(demo: Flask, walks: dict[str, Walk]) -> None:
    closed = {
        endpoint
        for endpoint in walks["visitor"].visited
        if endpoint and (access := access_of(demo, endpoint)) and access.kind != "public"
    }
    # The link «Office» leads a visitor to the door.
    assert closed <= {"web.office"}


@pytest.mark.parametrize("language", ["en", "zh_Hans", "zh_Hant"])
def test_public_pages_are_whole_in_every_language(demo: Flask, language: str) -> None:
    visitor = demo.test_client()
    visitor.get(f"/language/{language}")
    found = walk(demo, visitor, "/")
    assert found.pages > 3
    assert found.wrong == []
