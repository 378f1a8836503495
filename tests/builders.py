"""One builder a noun: what a test needs to be there, made with as few words as it can.

They go through the services, so that nothing is built that the product would refuse.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, db, unit_of_work
from charity.places.models import Org
from charity.places.service import OrgDetails, found_org
from charity.users import queries, service, sessions
from charity.users.models import User
from charity.users.rules import PERMISSIONS

NOON = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
OPENED_ON = date(2026, 1, 1)


def make_actor(org_id: int = 0, *permissions: str, at: datetime = NOON, **values: Any) -> Actor:
    """Return somebody who acts; with every permission when none is named."""
    held = frozenset(permissions or PERMISSIONS)
    known = {"user_id": 0, "name": "命令行", "unit_id": None} | values
    return Actor(org_id=org_id, permissions=held, at=at, **known)


def make_org(session: Session, *, code: str = "CITY", **values: Any) -> Org:
    """Found an org; the first one is the default."""
    is_first = session.scalar(select(Org.id).limit(1)) is None
    details = OrgDetails(
        name=values.pop("name", "海岱市慈善总会"),
        short_name=values.pop("short_name", "市慈善总会"),
        name_en=values.pop("name_en", "Haidai Charity Federation"),
        is_public_fundraiser=values.pop("is_public_fundraiser", True),
    )
    known = {
        "slug": code.lower(),
        "legal_form": "association",
        "opened_on": OPENED_ON,
        "is_default": is_first,
    }
    with unit_of_work(session) as work:
        org = found_org(work, actor=make_actor(), code=code, details=details, **(known | values))
        work.flush()
        work.expunge(org)
    return org


def make_user(
    session: Session, *, org_id: int, username: str = "zhang.san", roles: tuple[str, ...] = (), **values: Any
) -> User:
    """Make a login that holds roles in an org."""
    on = values.pop("on", OPENED_ON)
    details = service.Details(**({"display_name": username} | values))
    actor = make_actor(org_id)
    with unit_of_work(session) as work:
        user = service.add_user(work, actor=actor, username=username, details=details, on=on)
        for role in roles:
            service.grant_role(work, actor=actor, username=username, role=role, reason="测试", on=on)
        work.flush()
        work.expunge(user)
    return user


def client_as(app: Flask, role: str, *, org_code: str = "") -> FlaskClient:
    """Return a client signed in as somebody who holds one role in an org.

    The org (the default one unless named) and the login are made when they are missing.
    """
    username = role.replace("_", "-") + (f"-{org_code.lower()}" if org_code else "")
    with app.app_context():
        session = db.session()
        wanted = Org.code == org_code if org_code else Org.is_default
        org = session.scalar(select(Org).where(wanted)) or make_org(session, code=org_code or "CITY")
        if queries.credentials(session, username) is None:
            make_user(session, org_id=org.id, username=username, roles=(role,))
        db.session.remove()
    return sign_in(app, username)


def sign_in(app: Flask, username: str) -> FlaskClient:
    """Return a client with the session a login would have just after signing in."""
    at = app.config["CLOCK"]()
    with app.app_context():
        found = queries.credentials(db.session(), username)
        assert found is not None, f"no login {username}"
        where = sessions.Where("Firefox · Linux", f"browser of {username}", "127.0.0.1")
        with unit_of_work(db.session()) as work:
            token = sessions.begin(work, user=found.user, where=where, stage="whole", at=at)
        db.session.remove()
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = found.user.get_id()
        cookie["_fresh"] = True
        cookie["token"] = token
    return client
