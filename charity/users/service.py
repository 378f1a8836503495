"""Acts on logins, membership, roles and passwords. Never commits.

Whoever manages users works inside the own org; nobody gives a role to himself, and the
last administrator stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity import sealed
from charity.db import Actor
from charity.errors import N_, refuse, refuse_if, register
from charity.ids import new_id
from charity.messages.addresses import parse_email, parse_phone
from charity.names import clean_line, fold_text, search_text
from charity.oplog import rules as log_rules
from charity.oplog.rules import Change
from charity.oplog.service import record
from charity.places.models import Unit
from charity.users import credentials, queries, rules
from charity.users.links import LinkClaim
from charity.users.models import Membership, RoleGrant, User
from charity.users.passwords import NewPassword

PROBLEMS = register(
    {
        "users_may_not": N_("Your role does not manage logins. Ask an administrator."),
        "user_missing": N_("There is no such person in this organisation."),
        "user_name_missing": N_("The person needs a name to sign with."),
        "username_taken": N_(
            "This login name is taken. If it belongs to the same person, tick “has a login already”."
        ),
        "username_unknown": N_("There is no login of this name; check it, or make a new one."),
        "member_already": N_("This person already works here."),
        "member_missing": N_("This person does not work here any more."),
        "reason_missing": N_("Give a reason; it is kept in the operation log."),
        "grant_to_self": N_("Nobody gives a role to himself; another administrator does."),
        "self_ended": N_("You cannot end your own membership; another administrator does."),
        "role_not_held": N_("This person does not hold that role."),
        "administrator_last": N_("This is the last administrator. Name another one first."),
        "password_wrong": N_("The present password is not right."),
        "user_elsewhere": N_(
            "This login was made by another organisation; only that one changes name and addresses or"
            " makes links to choose a password."
        ),
        "link_too_soon": N_(
            "You changed this person's mail address. Another administrator makes the link, or you do from"
            " %(at)s on: nobody who gives roles should be able to sign in as those who hold them."
        ),
        "login_closed": N_("This login was closed by the organisation that made it; it opens it again."),
        "language_unknown": N_("There is no such language."),
    }
)

log_rules.register_acts(
    {
        "users.add_user": N_("Made a login"),
        "users.add_member": N_("Took a person into the organisation"),
        "users.change_user": N_("Changed a person's details"),
        "users.end_membership": N_("Ended a person's membership"),
        "users.grant_role": N_("Gave a role"),
        "users.revoke_role": N_("Took a role back"),
        "users.make_link": N_("Made a link to choose a password"),
        "users.ask_link": N_("Asked for a link to choose a password"),
        "users.change_password": N_("Changed the own password"),
        "users.choose_password": N_("Chose a password by link"),
    }
)
log_rules.register_subjects({"user": N_("Login")})
log_rules.register_labels(
    {
        "role": N_("Role"),
        "display_name": N_("Name of the person"),
        "unit": N_("Unit"),
        "email_hash": N_("Mail address (hash)"),
        "phone_hash": N_("Phone number (hash)"),
        "username_hash": N_("Login name typed (hash)"),
        "is_mailed": N_("Sent by mail"),
    }
)


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a person.

    Attributes:
        display_name: the name signed with.
        email: mail address as typed; empty for none.
        phone: phone number as typed; empty for none.
        unit_code: the unit the person sits at; empty for the whole org.
    """

    display_name: str
    email: str = ""
    phone: str = ""
    unit_code: str = ""


def _refuse_unless_manager(actor: Actor) -> None:
    if not actor.may("users.manage"):
        raise refuse("users_may_not")


def _unit_id(session: Session, code: str) -> int | None:
    if not code:
        return None
    found = session.scalar(select(Unit.id).where(Unit.code == code))
    if found is None:
        raise refuse("unit_missing", "unit_code", code=code[:20])
    return found


def _hash(value: str | None, purpose: str) -> str:
    return sealed.keyed_hash(value, purpose) if value else ""


def _columns(details: Details) -> dict[str, Any]:
    name = clean_line(details.display_name, 80)
    if not name:
        raise refuse("user_name_missing", "display_name")
    return {
        "display_name": name,
        "email": parse_email(details.email) if details.email.strip() else None,
        "phone": parse_phone(details.phone) if details.phone.strip() else None,
    }


def _search(name: str, username: str) -> str:
    return f"{search_text(name)} {fold_text(username)}"[:300]


def _user_by_name(session: Session, username: str) -> User | None:
    # The row is the lock of everything about one person: two administrators who give two
    # roles at once would otherwise each check against what was before the other.
    return session.scalar(select(User).where(User.username == username).with_for_update())


def _last_membership(session: Session, org_id: int, user_id: int) -> Membership | None:
    return session.scalar(
        select(Membership)
        .where(Membership.org_id == org_id, Membership.user_id == user_id)
        .order_by(Membership.from_on.desc(), Membership.id.desc())
        .limit(1)
    )


def _member(session: Session, actor: Actor, username: str, on: date) -> tuple[User, Membership]:
    user = _user_by_name(session, username)
    if user is None:
        raise refuse("user_missing")
    membership = _last_membership(session, actor.org_id, user.id)
    if membership is None:
        raise refuse("user_missing")
    if membership.until_on is not None and membership.until_on < on:
        raise refuse("member_missing")
    return user, membership


def _refuse_unless_home(actor: Actor, user: User) -> None:
    """Refuse what reaches beyond the own org: a login may serve others too."""
    if user.home_org_id != actor.org_id:
        raise refuse("user_elsewhere")


def _join(session: Session, actor: Actor, user: User, unit_id: int | None, on: date) -> None:
    session.add(Membership(org_id=actor.org_id, id=new_id(), user_id=user.id, unit_id=unit_id, from_on=on))
    session.flush()


def add_user(session: Session, *, actor: Actor, username: str, details: Details, on: date) -> User:
    """Make a login and take the person into the actor's org; roles are given afterwards.

    The login has no password: the person chooses one through a link.

    Raises:
        Refused: ``users_may_not``, ``username_malformed``, ``username_taken``,
            ``user_name_missing``, ``unit_missing``, ``email_malformed``, ``phone_malformed``.
    """
    _refuse_unless_manager(actor)
    folded = credentials.fold_username(username)
    refuse_if(credentials.check_username(folded))
    if _user_by_name(session, folded) is not None:
        raise refuse("username_taken", "username")
    columns = _columns(details)
    user = User(
        id=new_id(),
        username=folded,
        home_org_id=actor.org_id,
        sort_key=queries.sort_key(columns["display_name"]),
        search=_search(columns["display_name"], folded),
        created_at=actor.at,
        **columns,
    )
    session.add(user)
    session.flush()
    _join(session, actor, user, _unit_id(session, details.unit_code), on)
    record(
        session,
        actor=actor,
        act="users.add_user",
        subject_kind="user",
        subject_no=folded,
        display_name=user.display_name,
        unit=details.unit_code,
        email_hash=_hash(user.email, "email"),
        phone_hash=_hash(user.phone, ""),
    )
    return user


def add_member(session: Session, *, actor: Actor, username: str, unit_code: str, on: date) -> User:
    """Take a person who has a login already into the actor's org, or back into it.

    Raises:
        Refused: ``users_may_not``, ``username_unknown``, ``member_already``, ``login_closed``,
            ``unit_missing``.
    """
    _refuse_unless_manager(actor)
    folded = credentials.fold_username(username)
    user = _user_by_name(session, folded)
    if user is None:
        raise refuse("username_unknown", "username")
    unit_id = _unit_id(session, unit_code)
    last = _last_membership(session, actor.org_id, user.id)
    if last is None or (last.until_on is not None and last.until_on < on):
        _join(session, actor, user, unit_id, on)
    elif last.until_on is None:
        raise refuse("member_already", "username")
    else:
        # Ended today by mistake, or for a later day: the same membership goes on.
        last.until_on, last.unit_id = None, unit_id
    if not user.is_active and user.home_org_id != actor.org_id:
        raise refuse("login_closed", "username")
    user.is_active = True
    session.flush()
    record(
        session,
        actor=actor,
        act="users.add_member",
        subject_kind="user",
        subject_no=folded,
        display_name=user.display_name,
        unit=unit_code,
    )
    return user


def change_user(session: Session, *, actor: Actor, username: str, details: Details, on: date) -> User:
    """Change a person's name, addresses and unit; with the mail address links and sessions lapse.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, ``member_missing``, ``user_elsewhere``,
            ``user_name_missing``, ``unit_missing``, ``email_malformed``, ``phone_malformed``.
    """
    _refuse_unless_manager(actor)
    user, membership = _member(session, actor, username, on)
    _refuse_unless_home(actor, user)
    columns, unit_id = _columns(details), _unit_id(session, details.unit_code)
    changes: dict[str, Any] = {}
    if user.display_name != columns["display_name"]:
        changes["display_name"] = Change(user.display_name, columns["display_name"])
    for name, purpose in (("email", "email"), ("phone", "")):
        if getattr(user, name) != columns[name]:
            changes[f"{name}_hash"] = Change(
                _hash(getattr(user, name), purpose), _hash(columns[name], purpose)
            )
    if membership.unit_id != unit_id:
        old = session.get(Unit, membership.unit_id) if membership.unit_id else None
        changes["unit"] = Change(old.code if old else "", details.unit_code)
    if not changes:
        return user
    if user.email != columns["email"]:
        user.email_changed_by, user.email_changed_at = actor.user_id, actor.at
        user.session_epoch += 1
    for name, value in columns.items():
        setattr(user, name, value)
    user.sort_key = queries.sort_key(user.display_name)
    user.search = _search(user.display_name, user.username)
    membership.unit_id = unit_id
    session.flush()
    record(session, actor=actor, act="users.change_user", subject_kind="user", subject_no=username, **changes)
    return user


def _reason(text: str) -> str:
    if not (reason := clean_line(text, 200)):
        raise refuse("reason_missing", "reason")
    return reason


def _held_roles(session: Session, org_id: int, user_id: int) -> list[RoleGrant]:
    query = select(RoleGrant).where(
        RoleGrant.org_id == org_id, RoleGrant.user_id == user_id, RoleGrant.revoked_at.is_(None)
    )
    return list(session.scalars(query))


def grant_role(
    session: Session, *, actor: Actor, username: str, role: str, reason: str, on: date
) -> RoleGrant:
    """Give a person a role, unless the duties it brings exclude one held already.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, ``member_missing``, ``reason_missing``,
            ``grant_to_self``, and the problems of :func:`charity.users.rules.check_grant`.
    """
    _refuse_unless_manager(actor)
    user, _ = _member(session, actor, username, on)
    if user.id == actor.user_id:
        raise refuse("grant_to_self", "role")
    held = [grant.role for grant in _held_roles(session, actor.org_id, user.id)]
    refuse_if(rules.check_grant(held, role))
    grant = RoleGrant(
        org_id=actor.org_id,
        id=new_id(),
        user_id=user.id,
        role=role,
        reason=_reason(reason),
        granted_by=actor.user_id,
        granted_at=actor.at,
    )
    session.add(grant)
    session.flush()
    record(
        session,
        actor=actor,
        act="users.grant_role",
        subject_kind="user",
        subject_no=username,
        role=role,
        reason=grant.reason,
    )
    return grant


def _revoke(session: Session, actor: Actor, grant: RoleGrant, reason: str) -> None:
    grant.revoked_by, grant.revoked_at, grant.revoke_reason = actor.user_id, actor.at, reason
    session.flush()


def revoke_role(session: Session, *, actor: Actor, username: str, role: str, reason: str, on: date) -> None:
    """Take a role back; it ends with the next request of that person.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, ``member_missing``, ``reason_missing``,
            ``role_not_held``, ``administrator_last``.
    """
    _refuse_unless_manager(actor)
    user, _ = _member(session, actor, username, on)
    found = [grant for grant in _held_roles(session, actor.org_id, user.id) if grant.role == role]
    if not found:
        raise refuse("role_not_held", "role")
    why = _reason(reason)
    is_manager = role in rules.ROLES and "users.manage" in rules.ROLES[role].permissions
    if is_manager and queries.is_last_administrator(session, actor.org_id, user.id, on):
        raise refuse("administrator_last")
    _revoke(session, actor, found[0], why)
    record(
        session,
        actor=actor,
        act="users.revoke_role",
        subject_kind="user",
        subject_no=username,
        role=role,
        reason=why,
    )


def end_membership(session: Session, *, actor: Actor, username: str, reason: str, on: date) -> None:
    """End a person's work here: roles are taken back at once, the login too if it has no other org.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, ``member_missing``, ``reason_missing``,
            ``self_ended``, ``administrator_last``.
    """
    _refuse_unless_manager(actor)
    user, membership = _member(session, actor, username, on)
    why = _reason(reason)
    if user.id == actor.user_id:
        raise refuse("self_ended")
    if queries.is_last_administrator(session, actor.org_id, user.id, on):
        raise refuse("administrator_last")
    grants = _held_roles(session, actor.org_id, user.id)
    for grant in grants:
        _revoke(session, actor, grant, why)
    membership.until_on = on
    others = select(Membership.id).where(
        Membership.user_id == user.id, Membership.org_id != actor.org_id, Membership.until_on.is_(None)
    )
    elsewhere = session.scalar(others, execution_options={"across_orgs": True})
    if elsewhere is None:
        user.is_active = False
        user.session_epoch += 1
    session.flush()
    record(
        session,
        actor=actor,
        act="users.end_membership",
        subject_kind="user",
        subject_no=username,
        role=[grant.role for grant in grants],
        reason=why,
    )


def record_link(session: Session, *, actor: Actor, username: str, is_mailed: bool, on: date) -> User:
    """Allow a manager to make a link for a person who has forgotten the password, and log it.

    Raises:
        Refused: ``users_may_not``, ``user_missing``, ``member_missing``, ``user_elsewhere``,
            ``link_too_soon``.
    """
    _refuse_unless_manager(actor)
    user, _ = _member(session, actor, username, on)
    _refuse_unless_home(actor, user)
    rests_until = credentials.email_rests_until(user.email_changed_at)
    if user.email_changed_by == actor.user_id and rests_until is not None and actor.at < rests_until:
        raise refuse("link_too_soon", at=f"{rests_until:%Y-%m-%d %H:%M} UTC")
    record(
        session,
        actor=actor,
        act="users.make_link",
        subject_kind="user",
        subject_no=username,
        is_mailed=is_mailed,
    )
    return user


def _set_password(user: User, new: NewPassword, actor: Actor) -> None:
    user.password_hash = new.hash
    user.password_at = actor.at
    user.session_epoch += 1


def change_password(session: Session, *, actor: Actor, seen_epoch: int, new: NewPassword) -> User:
    """Change the own password; every other session ends.

    Args:
        session: the writing session.
        actor: whose password.
        seen_epoch: session epoch of the login when the present password was found right.
        new: made, and found good enough, before the transaction began.

    Raises:
        Refused: ``password_wrong`` when it was changed meanwhile.
    """
    user = session.scalars(select(User).where(User.id == actor.user_id).with_for_update()).one()
    if user.session_epoch != seen_epoch:
        raise refuse("password_wrong", "current")
    _set_password(user, new, actor)
    session.flush()
    record(session, actor=actor, act="users.change_password", subject_kind="user", subject_no=user.username)
    return user


def choose_password(session: Session, *, actor: Actor, claim: LinkClaim, new: NewPassword) -> User:
    """Choose a password through a link; the link, and every session, is spent.

    Args:
        session: the writing session.
        actor: of the request, signed in or not; the log names the person of the link.
        claim: what the link says, its signature and time checked already.
        new: made, and found good enough, before the transaction began.

    Raises:
        Refused: ``link_expired``.
    """
    user = _user_by_name(session, claim.username)
    if user is None or not user.is_active or user.session_epoch != claim.epoch:
        raise refuse("link_expired")
    _set_password(user, new, actor)
    session.flush()
    own = Actor(user.id, actor.org_id, user.display_name, frozenset(), actor.at)
    record(session, actor=own, act="users.choose_password", subject_kind="user", subject_no=user.username)
    return user


def choose_language(session: Session, *, actor: Actor, language: str, known: frozenset[str]) -> User:
    """Choose the language of the own pages and mails; empty to follow the browser.

    Raises:
        Refused: ``language_unknown``.
    """
    if language and language not in known:
        raise refuse("language_unknown", "language")
    user = session.scalars(select(User).where(User.id == actor.user_id).with_for_update()).one()
    user.language = language
    session.flush()
    return user
