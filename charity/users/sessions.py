"""Sessions as rows: begun, noted, proved, listed and ended. Never commits.

The cookie carries a random token; the row keeps its hash, so that a reader of the
database cannot sign in as anybody. A session ends on the server: with idleness, with
time, by an act, and with the epoch of its login.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse
from charity.ids import new_id
from charity.names import clean_line
from charity.oplog import rules as log_rules
from charity.oplog.service import record
from charity.users import credentials, door_rules
from charity.users.door_models import OpenSession
from charity.users.models import User
from charity.users.queries import LoginUser

log_rules.register_acts(
    {
        "users.end_session": N_("Ended a session of the own login"),
        "users.end_sessions": N_("Ended every session of a login"),
    }
)
log_rules.register_labels({"device": N_("Device")})


@dataclass(frozen=True, slots=True)
class Where:
    """From where somebody signs in.

    Attributes:
        device: browser and system in words; may be empty.
        device_token: the long-lived cookie of this browser.
        address: network address.
    """

    device: str
    device_token: str
    address: str


@dataclass(frozen=True, slots=True)
class Found:
    """A session that lasts.

    Attributes:
        id: inner key.
        user: whose.
        stage: ``half`` or ``whole``.
        seen_at: the last request noted.
        proved_at: when a second factor was last shown; None for never.
        must_enrol: whether a second factor must be set up first.
    """

    id: int
    user: LoginUser
    stage: str
    seen_at: datetime
    proved_at: datetime | None
    must_enrol: bool


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as its owner sees it.

    Attributes:
        id: key of the row, for the button that ends it.
        device: browser and system; may be empty.
        address: network address of the sign-in.
        started_at: when it began.
        seen_at: the last request noted.
        is_proved: whether a second factor was shown.
        is_this: whether the reader is looking through it.
    """

    id: int
    device: str
    address: str
    started_at: datetime
    seen_at: datetime
    is_proved: bool
    is_this: bool


def hash_of(token: str) -> str:
    """Return what is kept of a token; it has 256 bits of chance, so that a plain hash will do."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """Return a fresh token of 256 bits."""
    return secrets.token_urlsafe(32)


def begin(
    session: Session,
    *,
    user: LoginUser,
    where: Where,
    stage: str,
    at: datetime,
    proved_at: datetime | None = None,
    must_enrol: bool = False,
) -> str:
    """Begin a session and return the token for its cookie.

    Of more than :data:`charity.users.door_rules.SESSIONS_MOST` the oldest ends.

    Args:
        session: a writing session.
        user: whose.
        where: from where.
        stage: ``half`` or ``whole``.
        at: the present instant.
        proved_at: when a second factor was shown.
        must_enrol: whether one must be set up first.
    """
    token = new_token()
    session.add(
        OpenSession(
            id=new_id(),
            user_id=user.id,
            token_hash=hash_of(token),
            epoch=user.session_epoch,
            stage=stage,
            device=clean_line(where.device, 80),
            device_hash=hash_of(where.device_token),
            address=where.address,
            started_at=at,
            seen_at=at,
            proved_at=proved_at,
            must_enrol=must_enrol,
        )
    )
    session.flush()
    for row in _open_rows(session, user.id, at)[door_rules.SESSIONS_MOST :]:
        row.ended_at, row.ended_how = at, "self"
    return token


def _has_ended(row: OpenSession, epoch: int, at: datetime) -> bool:
    if row.ended_at is not None or row.epoch != epoch:
        return True
    if row.stage == "half":
        return at - row.started_at > door_rules.HALF_LIFE
    return credentials.session_has_ended(row.started_at, row.seen_at, at)


def find(session: Session, token: str, at: datetime) -> Found | None:
    """Return the session a token names; None when there is none or it is over."""
    query = select(OpenSession, User).join(User).where(OpenSession.token_hash == hash_of(token))
    found = session.execute(query).first()
    if found is None:
        return None
    row, user = found
    if not user.is_active or _has_ended(row, user.session_epoch, at):
        return None
    login = LoginUser(user.id, user.display_name, user.username, user.session_epoch, user.language)
    return Found(row.id, login, row.stage, row.seen_at, row.proved_at, row.must_enrol)


def note(session: Session, *, session_id: int, at: datetime) -> None:
    """Note a request, so that a session ends with idleness and not at work."""
    session.execute(update(OpenSession).where(OpenSession.id == session_id).values(seen_at=at))


def prove(session: Session, *, session_id: int, at: datetime) -> None:
    """Note that a second factor was shown in a session, or set up."""
    session.execute(
        update(OpenSession).where(OpenSession.id == session_id).values(proved_at=at, must_enrol=False)
    )


def ask_to_enrol(session: Session, *, user_id: int) -> None:
    """Have every open session of a login set up a second factor before anything else."""
    session.execute(
        update(OpenSession)
        .where(OpenSession.user_id == user_id, OpenSession.stage == "whole", OpenSession.ended_at.is_(None))
        .values(must_enrol=True)
    )


def carry_on(session: Session, *, session_id: int, epoch: int) -> str:
    """Let one session outlive a change of password; return its new token."""
    token = new_token()
    session.execute(
        update(OpenSession).where(OpenSession.id == session_id).values(epoch=epoch, token_hash=hash_of(token))
    )
    return token


def _open_rows(session: Session, user_id: int, at: datetime) -> list[OpenSession]:
    """Return the sessions of a login that last, the latest seen first."""
    epoch = session.scalar(select(User.session_epoch).where(User.id == user_id))
    rows = session.scalars(
        select(OpenSession)
        .where(OpenSession.user_id == user_id, OpenSession.stage == "whole", OpenSession.ended_at.is_(None))
        .order_by(OpenSession.seen_at.desc(), OpenSession.id.desc())
    )
    return [row for row in rows if not _has_ended(row, epoch or 0, at)]


def list_open(session: Session, *, user_id: int, current_id: int, at: datetime) -> Sequence[SessionRow]:
    """Return the sessions of a login that last, the latest seen first."""
    return tuple(
        SessionRow(
            row.id,
            row.device,
            row.address,
            row.started_at,
            row.seen_at,
            row.proved_at is not None,
            row.id == current_id,
        )
        for row in _open_rows(session, user_id, at)
    )


def is_new_device(session: Session, *, user_id: int, device_token: str) -> bool:
    """Say whether a login that has been used before was never used from this browser."""
    mine = (OpenSession.user_id == user_id, OpenSession.stage == "whole")
    known = session.scalar(
        select(OpenSession.id).where(*mine, OpenSession.device_hash == hash_of(device_token)).limit(1)
    )
    if known is not None:
        return False
    return session.scalar(select(OpenSession.id).where(*mine).limit(1)) is not None


def close(session: Session, *, session_id: int, how: str, at: datetime) -> None:
    """End one session, whatever it is; ending it twice changes nothing."""
    session.execute(
        update(OpenSession)
        .where(OpenSession.id == session_id, OpenSession.ended_at.is_(None))
        .values(ended_at=at, ended_how=how)
    )


def end_own(session: Session, *, actor: Actor, session_id: int) -> None:
    """End a session of the own login.

    Raises:
        Refused: ``session_missing``.
    """
    row = next((row for row in _open_rows(session, actor.user_id, actor.at) if row.id == session_id), None)
    if row is None:
        raise refuse("session_missing")
    row.ended_at, row.ended_how = actor.at, "self"
    session.flush()
    record(session, actor=actor, act="users.end_session", device=row.device)


def end_others(session: Session, *, actor: Actor, current_id: int) -> int:
    """End every other session of the own login; return how many there were."""
    rows = [row for row in _open_rows(session, actor.user_id, actor.at) if row.id != current_id]
    for row in rows:
        row.ended_at, row.ended_how = actor.at, "self"
    session.flush()
    if rows:
        record(session, actor=actor, act="users.end_session", count=len(rows))
    return len(rows)


def forget(session: Session, *, at: datetime) -> int:
    """Delete sessions older than the memory of devices; return how many."""
    done = session.execute(delete(OpenSession).where(OpenSession.started_at < at - door_rules.SESSION_MEMORY))
    return int(getattr(done, "rowcount", 0))
