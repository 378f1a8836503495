"""Administrators at the door: a lost second factor, every session of a login. Never commits.

What an administrator could do alone – send himself a new way in – takes two people here,
and neither of them may be the person. The operator's command line is the last way, for a
federation whose administrators have all lost theirs; it is logged like any other act.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, refuse_if
from charity.ids import new_id
from charity.names import clean_line
from charity.oplog import rules as log_rules
from charity.oplog.service import record
from charity.users import door_rules, factors, queries
from charity.users.door_models import FactorReset
from charity.users.models import User

log_rules.register_acts(
    {
        "users.ask_reset": N_("Asked to take off a lost second factor"),
        "users.confirm_reset": N_("Took off a lost second factor, as the second administrator"),
        "users.decline_reset": N_("Declined to take off a second factor"),
        "users.force_reset": N_("Took off a second factor by command line"),
    }
)


@dataclass(frozen=True, slots=True)
class ResetRow:
    """A reset that waits.

    Attributes:
        reason: how the asker made sure who asks.
        asked_by: name of the first administrator.
        asked_by_id: key of the first administrator.
        asked_at: when.
        is_expired: whether it has waited too long to be confirmed.
    """

    reason: str
    asked_by: str
    asked_by_id: int
    asked_at: datetime
    is_expired: bool


def _user(session: Session, actor: Actor, username: str, on: date) -> User:
    """Return a member of the actor's org whose login that org made, locked.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, ``user_elsewhere``.
    """
    if not actor.may("users.manage"):
        raise refuse("users_may_not")
    user = session.scalar(select(User).where(User.username == username).with_for_update())
    if user is None or queries.standing(session, actor.org_id, user.id, on) is None:
        raise refuse("user_missing")
    if user.home_org_id != actor.org_id:
        raise refuse("user_elsewhere")
    return user


def _waiting(session: Session, user_id: int) -> FactorReset | None:
    return session.scalar(
        select(FactorReset).where(FactorReset.user_id == user_id, FactorReset.state == "asked")
    )


def waiting_reset(session: Session, *, org_id: int, username: str, at: datetime) -> ResetRow | None:
    """Return the reset that waits for a person; None when none of this org does."""
    found = session.execute(
        select(FactorReset, User.display_name)
        .join(User, User.id == FactorReset.asked_by, isouter=True)
        .where(
            FactorReset.user_id == select(User.id).where(User.username == username).scalar_subquery(),
            FactorReset.org_id == org_id,
            FactorReset.state == "asked",
        )
    ).first()
    if found is None:
        return None
    row, name = found
    is_expired = at - row.asked_at > door_rules.RESET_WAIT
    return ResetRow(row.reason, name or "", row.asked_by, row.asked_at, is_expired)


def to_confirm(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """Return login name and name of those whose reset waits for this administrator."""
    rows = session.execute(
        select(User.username, User.display_name)
        .join(FactorReset, FactorReset.user_id == User.id)
        .where(
            FactorReset.org_id == actor.org_id,
            FactorReset.state == "asked",
            FactorReset.asked_at >= actor.at - door_rules.RESET_WAIT,
            FactorReset.asked_by != actor.user_id,
            FactorReset.user_id != actor.user_id,
        )
        .order_by(FactorReset.asked_at)
    )
    return [(username, name) for username, name in rows]


def ask_reset(session: Session, *, actor: Actor, username: str, reason: str, on: date) -> User:
    """Ask that a person's second factor be taken off.

    A reset that has waited too long makes room for the new one.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, ``reset_of_self``, ``reset_needless``,
            ``reason_missing``, ``reset_pending``.
    """
    user = _user(session, actor, username, on)
    if user.id == actor.user_id:
        raise refuse("reset_of_self")
    if not factors.factors_of(session, user.id).is_any:
        raise refuse("reset_needless")
    if not (why := clean_line(reason, 200)):
        raise refuse("reason_missing", "reason")
    earlier = _waiting(session, user.id)
    if earlier is not None:
        if actor.at - earlier.asked_at <= door_rules.RESET_WAIT:
            raise refuse("reset_pending")
        # One asker cannot decline the own reset; an old one simply goes.
        session.delete(earlier)
        session.flush()
    session.add(
        FactorReset(
            id=new_id(),
            user_id=user.id,
            org_id=actor.org_id,
            state="asked",
            reason=why,
            asked_by=actor.user_id,
            asked_at=actor.at,
        )
    )
    session.flush()
    _log(session, actor, "users.ask_reset", username, why)
    return user


def _log(session: Session, actor: Actor, act: str, username: str, reason: str) -> None:
    record(session, actor=actor, act=act, subject_kind="user", subject_no=username, reason=reason)


def decide_reset(session: Session, *, actor: Actor, username: str, act: str, on: date) -> User:
    """Confirm or decline a reset; confirmed, every factor and every session of the person goes.

    Args:
        session: a writing session.
        actor: the second administrator.
        username: whose second factor.
        act: ``confirm`` or ``decline``.
        on: today.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, and the problems of
            :func:`charity.users.door_rules.check_reset`.
    """
    user = _user(session, actor, username, on)
    row = _waiting(session, user.id)
    if row is None:
        raise refuse("reset_missing")
    refuse_if(
        door_rules.check_reset(
            state=row.state,
            act=act,
            user_id=user.id,
            asked_by=row.asked_by,
            actor_id=actor.user_id,
            asked_at=row.asked_at,
            at=actor.at,
        )
    )
    if act == "decline" and actor.user_id == row.asked_by:
        session.delete(row)
    else:
        row.state = door_rules.next_reset_state(row.state, act) or row.state
        row.decided_by, row.decided_at = actor.user_id, actor.at
    if act == "confirm":
        factors.drop_all(session, user.id)
        user.session_epoch += 1
    session.flush()
    _log(session, actor, f"users.{act}_reset", username, row.reason)
    return user


def force_reset(session: Session, *, actor: Actor, username: str, reason: str) -> User:
    """Take off every second factor of a login at once; for the operator's command line alone.

    Raises:
        Refused: ``username_unknown``, ``reset_needless``, ``reason_missing``.
    """
    user = session.scalar(select(User).where(User.username == username).with_for_update())
    if user is None:
        raise refuse("username_unknown", "username")
    if not factors.factors_of(session, user.id).is_any:
        raise refuse("reset_needless")
    if not (why := clean_line(reason, 200)):
        raise refuse("reason_missing", "reason")
    factors.drop_all(session, user.id)
    user.session_epoch += 1
    session.flush()
    _log(session, actor, "users.force_reset", username, why)
    return user


def end_sessions(session: Session, *, actor: Actor, username: str, on: date) -> User:
    """End every session of a person's login; links to choose a password are spent with them.

    Raises:
        Refused: ``users_may_not``, ``user_missing``.
    """
    user = _user(session, actor, username, on)
    user.session_epoch += 1
    session.flush()
    record(session, actor=actor, act="users.end_sessions", subject_kind="user", subject_no=username)
    return user
