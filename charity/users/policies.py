"""What an org asks at the door: read, and set by an administrator. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, refuse_if
from charity.ids import new_id
from charity.names import clean_line
from charity.oplog import rules as log_rules
from charity.oplog.rules import Change
from charity.oplog.service import record
from charity.users import door_rules, factors, queries, sessions
from charity.users.door_models import SignInPolicy
from charity.users.door_rules import Policy
from charity.users.models import Membership, User

log_rules.register_acts({"users.set_policy": N_("Changed what is asked at sign-in")})
log_rules.register_labels(
    {"second_factor": N_("Second factor"), "step_up_min": N_("Minutes a second factor counts")}
)
log_rules.register_words("second_factor", door_rules.DEMANDS)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One setting of the rules.

    Attributes:
        policy: what was set.
        reason: why.
        set_by: by whom.
        set_at: when.
    """

    policy: Policy
    reason: str
    set_by: str
    set_at: datetime


def own_policy(session: Session, org_id: int) -> Policy:
    """Return what the org itself has set last; nothing asked when it never did."""
    row = session.scalar(
        select(SignInPolicy).where(SignInPolicy.org_id == org_id).order_by(SignInPolicy.id.desc()).limit(1)
    )
    return Policy(row.second_factor, row.step_up_min) if row else Policy()


def policy_of(session: Session, org_id: int, floor: Policy) -> Policy:
    """Return what is asked in an org: its own row and the installation's setting, the stricter of each."""
    return door_rules.stricter(own_policy(session, org_id), floor)


def history(session: Session, org_id: int) -> Sequence[PolicyRow]:
    """Return every setting of an org's rules, the latest first."""
    rows = session.execute(
        select(SignInPolicy, User.display_name)
        .join(User, User.id == SignInPolicy.set_by, isouter=True)
        .where(SignInPolicy.org_id == org_id)
        .order_by(SignInPolicy.id.desc())
    )
    return tuple(
        PolicyRow(Policy(row.second_factor, row.step_up_min), row.reason, name or "", row.set_at)
        for row, name in rows
    )


def is_demanded_of(session: Session, *, user_id: int, floor: Policy, on: date) -> bool:
    """Say whether any org a login works in asks it for a second factor."""
    query = select(Membership.org_id).where(Membership.user_id == user_id, Membership.until_on.is_(None))
    orgs = session.scalars(query, execution_options={"across_orgs": True})
    for org_id in orgs.all():
        standing = queries.standing(session, org_id, user_id, on)
        if standing and door_rules.is_demanded(policy_of(session, org_id, floor), standing.roles):
            return True
    return False


def demand_at_once(session: Session, *, user_id: int, floor: Policy, on: date) -> None:
    """Have a login that was just given rights set up a second factor, if it is asked for one now.

    Open sessions go on with the next request where it is set up: who signed in with no money
    in hand is not to move any for the rest of the day.

    Args:
        session: the writing session of the act.
        user_id: who was given a role, or taken into an org.
        floor: what the installation asks.
        on: today.
    """
    session.flush()
    if factors.factors_of(session, user_id).is_any:
        return
    if is_demanded_of(session, user_id=user_id, floor=floor, on=on):
        sessions.ask_to_enrol(session, user_id=user_id)


def set_policy(session: Session, *, actor: Actor, policy: Policy, reason: str) -> None:
    """Set what the own org asks at the door; it holds from each person's next sign-in.

    Raises:
        Refused: ``users_may_not``, ``reason_missing``, and the problems of
            :func:`charity.users.door_rules.check_policy`.
    """
    if not actor.may("users.manage"):
        raise refuse("users_may_not")
    refuse_if(door_rules.check_policy(policy))
    if not (why := clean_line(reason, 200)):
        raise refuse("reason_missing", "reason")
    before = own_policy(session, actor.org_id)
    session.add(
        SignInPolicy(
            org_id=actor.org_id,
            id=new_id(),
            second_factor=policy.second_factor,
            step_up_min=policy.step_up_min,
            reason=why,
            set_by=actor.user_id,
            set_at=actor.at,
        )
    )
    session.flush()
    record(
        session,
        actor=actor,
        act="users.set_policy",
        second_factor=Change(before.second_factor, policy.second_factor),
        step_up_min=Change(before.step_up_min, policy.step_up_min),
        reason=why,
    )
