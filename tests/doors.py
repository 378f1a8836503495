"""What tests at the door need: passwords that are set, apps that are enrolled, mails and the log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyotp
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.messages.models import Message
from charity.oplog.models import OpLogEntry
from charity.users import factors
from charity.users.models import User
from charity.users.passwords import passwords_for
from tests.builders import make_actor

GOOD = "correct horse battery"


def actor_of(session: Session, username: str, *, org_id: int, at: datetime) -> Actor:
    """Return a login as it acts at the door."""
    user = session.scalars(select(User).where(User.username == username)).one()
    return make_actor(org_id, "ledger.read", at=at, user_id=user.id, name=user.display_name)


def set_password(session: Session, username: str, text: str = GOOD) -> None:
    """Give a login a password."""
    made = passwords_for("test").hash(text)

    def work(own: Session) -> None:
        own.scalars(select(User).where(User.username == username)).one().password_hash = made

    transact(work, session=session)


def enrol_app(session: Session, actor: Actor) -> tuple[str, tuple[str, ...]]:
    """Set up an app; return its secret and the recovery codes. The digits of now are used up."""
    secret = transact(lambda own: factors.begin_app(own, actor=actor, session_id=1), session=session)
    digits = digits_at(secret, actor.at)
    codes = transact(
        lambda own: factors.confirm_app(own, actor=actor, session_id=1, code=digits), session=session
    )
    return secret, codes


def digits_at(secret: str, at: datetime) -> str:
    """Return what the app shows at an instant."""
    return pyotp.TOTP(secret).at(at)


def sign_in(client: FlaskClient, username: str, password: str = GOOD, **values: str) -> Any:
    """Send the first step of a sign-in."""
    return client.post("/sign-in", data={"username": username, "password": password, **values})


def acts(session: Session) -> list[str]:
    """Return the acts of the log in their order."""
    session.rollback()
    return list(session.scalars(select(OpLogEntry.act).order_by(OpLogEntry.id)))


def mails(session: Session) -> list[Message]:
    """Return the mails written, in their order."""
    session.rollback()
    return list(session.scalars(select(Message).order_by(Message.id)))
