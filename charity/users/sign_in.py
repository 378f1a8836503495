"""What a sign-in, a refusal and a sign-out leave behind. Never commits.

Checking the password takes memory and time, so it happens between two transactions,
never inside one: on SQLite a writing transaction would make everybody wait.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity import sealed
from charity.db import Actor
from charity.errors import N_
from charity.oplog import rules as log_rules
from charity.oplog.service import record
from charity.users import credentials
from charity.users.models import User
from charity.users.queries import LoginUser

log_rules.register_acts(
    {
        "users.sign_in": N_("Signed in"),
        "users.first_step": N_("Gave the right password; the second factor is awaited"),
        "users.sign_in_refused": N_("Was refused at sign-in"),
        "users.password_refused": N_("Gave a wrong password where it is asked again"),
        "users.sign_out": N_("Signed out"),
    }
)


def record_first_step(session: Session, *, actor: Actor, user: LoginUser, new_hash: str = "") -> None:
    """Log a right password whose second factor is awaited; a sign-in that ends here is seen."""
    _keep_hash(session, user, new_hash)
    record(session, actor=actor, act="users.first_step", subject_kind="user", subject_no=user.username)


def _keep_hash(session: Session, user: LoginUser, new_hash: str) -> None:
    """Keep the password's hash at today's cost if it was made anew."""
    if new_hash:
        row = session.scalars(select(User).where(User.id == user.id).with_for_update()).one()
        if row.session_epoch == user.session_epoch:
            row.password_hash = new_hash


def record_sign_in(
    session: Session, *, actor: Actor, user: LoginUser, new_hash: str = "", factor: str = ""
) -> None:
    """Log a sign-in and the second factor shown; keep the password's hash made anew.

    Args:
        session: a writing session.
        actor: at the door.
        user: who signs in.
        new_hash: empty when the hash stands as it is.
        factor: app, passkey or recovery_code; empty for none.
    """
    _keep_hash(session, user, new_hash)
    own = Actor(user.id, actor.org_id, user.name, frozenset(), actor.at)
    details = {"factor": factor} if factor else {}
    record(session, actor=own, act="users.sign_in", subject_kind="user", subject_no=user.username, **details)


def record_refusal(session: Session, *, actor: Actor, username: str, is_known: bool) -> None:
    """Log a refused sign-in.

    What was typed is kept only when it is a login name: people type passwords into the
    wrong field.
    """
    if is_known:
        record(session, actor=actor, act="users.sign_in_refused", subject_kind="user", subject_no=username)
    else:
        hashed = sealed.keyed_hash(username, "username")
        record(session, actor=actor, act="users.sign_in_refused", username_hash=hashed)


def record_wrong_password(session: Session, *, actor: Actor, username: str) -> None:
    """Log that a page of the own login was given a wrong password."""
    record(session, actor=actor, act="users.password_refused", subject_kind="user", subject_no=username)


def record_sign_out(session: Session, *, actor: Actor, user: LoginUser) -> None:
    """Log a sign-out."""
    record(session, actor=actor, act="users.sign_out", subject_kind="user", subject_no=user.username)


def mailable_user(session: Session, *, actor: Actor, username: str) -> tuple[LoginUser, str] | None:
    """Return a login and its mail address for a link that was asked for, and log that it was.

    None for unknown, closed and mail-less logins, and while an address that somebody else
    put there is new; the page answers all alike, and each leaves one line in the log.
    """
    user = session.scalar(select(User).where(User.username == username))
    found = _login_and_mail(user, actor) if user is not None else None
    details: dict[str, Any] = {"is_mailed": found is not None}
    if user is None:
        details["username_hash"] = sealed.keyed_hash(username, "username")
    else:
        details |= {"subject_kind": "user", "subject_no": user.username}
    record(session, actor=actor, act="users.ask_link", **details)
    return found


def _login_and_mail(user: User, actor: Actor) -> tuple[LoginUser, str] | None:
    if not user.is_active or user.email is None:
        return None
    rests_until = credentials.email_rests_until(user.email_changed_at)
    if user.email_changed_by != user.id and rests_until is not None and actor.at < rests_until:
        return None
    login = LoginUser(user.id, user.display_name, user.username, user.session_epoch, user.language)
    return login, user.email
