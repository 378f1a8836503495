"""A restore lets nobody in by what was closed after the backup: sessions, links, codes, resets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import unit_of_work
from charity.errors import Refused
from charity.ids import new_id
from charity.users import factors, sessions
from charity.users.door_models import AuthenticatorApp, FactorReset, OpenSession, RecoveryCode
from charity.users.models import User
from charity.users.queries import LoginUser
from tests.builders import make_user
from tests.doors import actor_of, digits_at, enrol_app
from tests.service.upkeep.conftest import AT, House

Opened = Callable[[Settings], Session]
LATER = AT + timedelta(hours=1)


@pytest.fixture
def token(house: House) -> str:
    """Sign somebody in, with app, codes, an open question and a reset asked for; give the token."""
    session, org_id = house.ledger.session, house.ledger.org_id
    make_user(session, org_id=org_id, username="lisi")
    enrol_app(session, actor_of(session, "lisi", org_id=org_id, at=AT))
    user = session.scalars(select(User).where(User.username == "lisi")).one()
    login = LoginUser(user.id, user.display_name, user.username, user.session_epoch, user.language)
    session.rollback()
    where = sessions.Where("Firefox", "x" * 43, "192.0.2.1")
    with unit_of_work(session) as work:
        token = sessions.begin(work, user=login, where=where, stage="whole", at=AT)
        row = work.scalars(select(OpenSession)).one()
        row.challenge, row.challenge_at = "abc", AT
        work.add(
            FactorReset(
                id=new_id(),
                user_id=login.id,
                org_id=org_id,
                state="asked",
                reason="lost",
                asked_by=1,
                asked_at=AT,
            )
        )
    return token


def test_nothing_that_was_open_in_the_backup_opens_a_door(house: House, token: str, opened: Opened) -> None:
    before = house.ledger.session.scalars(select(User.session_epoch).order_by(User.id)).all()
    session = opened(house.restore(house.back_up().path, at=LATER).settings)
    assert sessions.find(session, token, LATER) is None
    after = session.scalars(select(User.session_epoch).order_by(User.id)).all()
    assert len(after) == len(before) > 0 and all(new > old for old, new in zip(before, after, strict=True))
    row = session.scalars(select(OpenSession)).one()
    assert (row.ended_how, row.challenge, row.challenge_at) == ("restored", "", None)
    assert session.scalars(select(RecoveryCode).where(RecoveryCode.used_at.is_(None))).all() == []
    assert session.scalars(select(FactorReset)).all() == []


def test_digits_shown_before_the_restore_are_not_taken_again(
    house: House, token: str, opened: Opened
) -> None:
    session = opened(house.restore(house.back_up().path, at=LATER).settings)
    secret = session.scalars(select(AuthenticatorApp.secret)).one()
    session.rollback()
    actor = actor_of(session, "lisi", org_id=house.ledger.org_id, at=LATER)
    session.rollback()
    with pytest.raises(Refused), unit_of_work(session) as work:
        factors.use_code(work, actor=actor, code=digits_at(secret, LATER))
    later = actor_of(session, "lisi", org_id=house.ledger.org_id, at=LATER + timedelta(seconds=30))
    session.rollback()
    with unit_of_work(session) as work:
        assert factors.use_code(work, actor=later, code=digits_at(secret, later.at)) == "app"


def test_a_second_restore_of_the_same_backup_ends_what_was_made_after_the_first(
    house: House, token: str, opened: Opened
) -> None:
    """An epoch that came after the first restore never comes again with the second."""
    archive = house.back_up().path
    epochs = []
    for minutes in (0, 5):
        session = opened(house.restore(archive, at=LATER + timedelta(minutes=minutes)).settings)
        epochs.append(session.scalars(select(User.session_epoch).where(User.username == "lisi")).one())
    assert epochs[1] > epochs[0] + 1
