"""An office whose logins are managed from the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.ids import new_id
from charity.oplog.queries import story
from charity.places.models import Org, Unit
from charity.users import queries, service
from charity.users.passwords import passwords_for
from charity.users.service import Details

if TYPE_CHECKING:
    from tests.conftest import Clock

DAY = date(2026, 3, 18)
CHEAP = passwords_for("test")


class Office:
    """An org, and whoever may manage its logins."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self.session = session
        self.actor = actor

    def act(self, verb: Callable[..., Any], **values: Any) -> Any:
        """Run a verb in a transaction, as the manager and today unless said otherwise."""
        values = {"actor": self.actor, "on": DAY, **values}
        return transact(lambda own: verb(own, **values), session=self.session)

    def add(self, username: str, *roles: str, name: str = "李四", **details: Any) -> Actor:
        """Add a person with roles; return it as it may act."""
        self.act(service.add_user, username=username, details=Details(name, **details))
        for role in roles:
            self.grant(username, role)
        return self.person(username.casefold())

    def grant(self, username: str, role: str, **values: Any) -> None:
        self.act(service.grant_role, username=username, role=role, reason="任职", **values)

    def person(self, username: str) -> Actor:
        found = queries.credentials(self.session, username)
        assert found is not None
        actor = queries.actor_of(self.session, self.actor.org_id, found.user.id, self.actor.at)
        assert actor is not None
        return actor

    def roles(self, username: str) -> tuple[str, ...]:
        member = queries.find_member(self.session, self.actor.org_id, username, DAY)
        assert member is not None
        return member.roles

    def logged(self, username: str) -> list[str]:
        return [row.act for row in story(self.session, self.actor.org_id, "user", username)]


@pytest.fixture
def office(session: Session, clock: Clock) -> Office:
    """A city federation with a county on its map, managed from the command line."""

    def work(own: Session) -> int:
        city = Unit(id=new_id(), code="371400", name="德州市", kind="city", path="371400.", from_on=DAY)
        own.add(city)
        own.flush()
        county = Unit(id=new_id(), code="371427", name="夏津县", kind="county", path="x.", from_on=DAY)
        county.parent_id = city.id
        own.add(county)
        return make_org(own, "DZ")

    org_id = transact(work, session=session)
    return Office(session, Actor(0, org_id, "系统", frozenset({"users.manage"}), clock.instant))


@pytest.fixture
def other(session: Session, office: Office) -> Office:
    """A second legal entity on the same site."""
    org_id = transact(lambda own: make_org(own, "XJ"), session=session)
    return Office(session, replace(office.actor, org_id=org_id))


def make_org(session: Session, code: str) -> int:
    org = Org(
        id=new_id(),
        code=code,
        slug=code.lower(),
        name=f"{code}慈善总会",
        short_name="慈善",
        legal_form="association",
        opened_on=DAY,
    )
    session.add(org)
    session.flush()
    return org.id
