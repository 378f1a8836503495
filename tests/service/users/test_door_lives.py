"""Resets of a second factor, memberships and sessions walked whole: every act in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.users import factor_resets, queries, service, sessions
from charity.users.door_models import FactorReset
from charity.users.models import User
from charity.users.service import Details
from tests.builders import NOON, OPENED_ON, make_actor, make_org, make_user
from tests.doors import actor_of, enrol_app
from tests.service.users.conftest import DAY
from tests.service.users.test_factors import HERE
from tests.support.walking import answer

if TYPE_CHECKING:
    from tests.service.users.conftest import Office

pytestmark = pytest.mark.sqlite_only

ACTS = ("ask", "confirm by asker", "confirm by second", "decline by asker", "decline by second", "by oneself")
NONE = ("asked", *["reset_missing"] * 4, "reset_of_self")
#: State of a reset → answer to each of ``ACTS``: the states of the person's resets, oldest first.
#: Whoever asked and declines takes the asking back; an old one makes room for a new one.
RESETS = {
    "none": NONE,
    "asked": ("reset_pending", "reset_needs_second", "done", "", "declined", "reset_of_self"),
    "a day old": ("asked", "reset_needs_second", "reset_expired", "", "declined", "reset_of_self"),
    "declined": ("declined asked", *NONE[1:]),
    "done": ("reset_needless", *NONE[1:]),
}


@pytest.mark.parametrize("state", RESETS)
def test_every_act_on_a_reset_in_every_state(session: Session, state: str) -> None:
    org_id = make_org(session).id
    people: dict[str, Actor] = {}
    at = NOON + timedelta(hours=25 if state == "a day old" else 1)
    for username in ("lisi", "asker", "second"):
        make_user(session, org_id=org_id, username=username)
        user_id = actor_of(session, username, org_id=org_id, at=NOON).user_id
        people[username] = make_actor(org_id, "users.manage", at=at, user_id=user_id)
    enrol_app(session, actor_of(session, "lisi", org_id=org_id, at=NOON))
    here: dict[str, Any] = {"username": "lisi", "on": OPENED_ON}

    def ask(own: Session, who: str, **when: Any) -> None:
        actor = make_actor(org_id, "users.manage", user_id=people[who].user_id, **when)
        factor_resets.ask_reset(own, actor=actor, reason="当面核对", **here)

    def decide(own: Session, who: str, act: str) -> None:
        factor_resets.decide_reset(own, actor=people[who], act=act, **here)

    if state != "none":
        transact(lambda own: ask(own, "asker", at=NOON), session=session)
    if state in ("declined", "done"):
        act = "decline" if state == "declined" else "confirm"
        transact(lambda own: decide(own, "second", act), session=session)
    verbs: dict[str, Callable[[], Any]] = {
        "ask": partial(ask, session, "second", at=at),
        "confirm by asker": partial(decide, session, "asker", "confirm"),
        "confirm by second": partial(decide, session, "second", "confirm"),
        "decline by asker": partial(decide, session, "asker", "decline"),
        "decline by second": partial(decide, session, "second", "decline"),
        "by oneself": partial(ask, session, "lisi", at=at),
    }

    def now() -> str:
        return " ".join(session.scalars(select(FactorReset.state).order_by(FactorReset.id)))

    assert tuple(answer(session, verbs[act], now) for act in ACTS) == RESETS[state]


LATER = DAY + timedelta(days=1)
#: State of a membership, as it is the day after → answer to taking in, ending, giving a role and
#: changing the name.
MEMBERS = {
    "no login": ("username_unknown", "user_missing", "user_missing", "user_missing"),
    "elsewhere": ("here", "user_missing", "user_missing", "user_missing"),
    "here": ("member_already", "ended", "here", "here"),
    "ended": ("here", "member_missing", "member_missing", "member_missing"),
}


@pytest.mark.parametrize("state", MEMBERS)
def test_every_act_on_a_membership_in_every_state(office: Office, state: str) -> None:
    own, org_id = office.session, office.actor.org_id
    if state == "elsewhere":
        county = make_org(own, code="COUNTY").id
        make_user(own, org_id=county, username="lisi")
    if state in ("here", "ended"):
        office.add("lisi")
    if state == "ended":
        office.act(service.end_membership, username="lisi", reason="退休")
    here: dict[str, Any] = {"actor": office.actor, "username": "lisi", "on": LATER}
    verbs: list[Callable[[], Any]] = [
        partial(service.add_member, own, unit_code="", **here),
        partial(service.end_membership, own, reason="退休", **here),
        partial(service.grant_role, own, role="cashier", reason="任职", **here),
        partial(service.change_user, own, details=Details("李斯"), **here),
    ]

    def now() -> str:
        user_id = own.scalars(select(User.id).where(User.username == "lisi")).one()
        stands = queries.standing(own, org_id, user_id, LATER + timedelta(days=1))
        return "ended" if stands is None else "here"

    assert tuple(answer(own, verb, now) for verb in verbs) == MEMBERS[state]


def test_who_ended_today_returns_the_same_day_without_a_role(office: Office) -> None:
    office.add("lisi", "cashier")
    office.act(service.end_membership, username="lisi", reason="退休")
    office.act(service.add_member, username="lisi", unit_code="")
    assert office.roles("lisi") == (), "roles are given anew"


#: State of a session → whether its token opens the office, and whether its owner can end it.
SESSIONS = {
    "half": ("half", "session_missing"),
    "whole": ("whole", "ended"),
    "idle": ("", "session_missing"),
    "ended": ("", "session_missing"),
    "closed": ("", "session_missing"),
    "of an old password": ("", "session_missing"),
}


@pytest.mark.parametrize("state", SESSIONS)
def test_every_state_of_a_session(session: Session, state: str) -> None:
    org_id = make_org(session).id
    make_user(session, org_id=org_id, username="lisi", roles=("cashier",))
    lisi = actor_of(session, "lisi", org_id=org_id, at=NOON)
    login = queries.LoginUser(lisi.user_id, lisi.name, "lisi", 1, "")
    stage = "half" if state == "half" else "whole"
    token = transact(
        lambda own: sessions.begin(own, user=login, where=HERE, stage=stage, at=NOON), session=session
    )
    found = sessions.find(session, token, NOON)
    assert found is not None
    key = found.id
    if state == "ended":
        transact(lambda own: sessions.end_own(own, actor=lisi, session_id=key), session=session)
    if state == "closed":
        transact(lambda own: sessions.close(own, session_id=key, how="out", at=NOON), session=session)
    if state == "of an old password":
        transact(lambda own: setattr(own.get_one(User, lisi.user_id), "session_epoch", 2), session=session)
    at = NOON + (timedelta(days=90) if state == "idle" else timedelta(minutes=1))
    opened = sessions.find(session, token, at)
    actor = make_actor(org_id, at=at, user_id=lisi.user_id)
    end = answer(session, partial(sessions.end_own, session, actor=actor, session_id=key), lambda: "ended")
    assert (opened.stage if opened else "", end) == SESSIONS[state]
