"""Who a login is, what it may do in an org, and who works there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.names import fold_text, pinyin_key
from charity.periods import business_date
from charity.places.models import Unit
from charity.users import rules
from charity.users.models import Membership, RoleGrant, User

LIST_ROWS = 500


@dataclass(frozen=True, slots=True)
class LoginUser:
    """A login as a session knows it; has what Flask-Login asks for.

    Attributes:
        id: inner key.
        name: the name signed with.
        username: the login name.
        session_epoch: sessions of another epoch are over.
        language: code chosen in the profile; empty to follow the browser.
    """

    id: int
    name: str
    username: str
    session_epoch: int
    language: str
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """Return what the session cookie names: epoch and login name, no inner key."""
        return f"{self.session_epoch}.{self.username}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against.

    Attributes:
        user: the login.
        password_hash: empty until a password was chosen.
        is_active: whether it may sign in.
    """

    user: LoginUser
    password_hash: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What a login is in an org on a day.

    Attributes:
        unit_id: the place it sits at; None for the whole org.
        roles: codes of the roles held.
    """

    unit_id: int | None
    roles: frozenset[str]

    @property
    def permissions(self) -> frozenset[str]:
        """What the roles allow."""
        return rules.permissions_of(self.roles)


@dataclass(frozen=True, slots=True)
class Member:
    """A person of an org as lists show it.

    Attributes:
        username: the login name, part of addresses.
        name: the name signed with.
        roles: codes of the roles held, in the order of the table of roles.
        unit_name: where the person sits; empty for the whole org.
        unit_code: its code; empty for the whole org.
        from_on: first day of the membership.
        until_on: last day; None while it lasts.
        is_current: whether the membership holds on the day asked for.
        has_password: whether the person has chosen one.
        has_email: whether links can be mailed.
        is_home: whether this org made the login, and so may change its name and addresses.
    """

    username: str
    name: str
    roles: tuple[str, ...]
    unit_name: str
    unit_code: str
    from_on: date
    until_on: date | None
    is_current: bool
    has_password: bool
    has_email: bool
    is_home: bool


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One role as given, and perhaps taken back.

    Attributes:
        role: its code.
        reason: why it was given.
        granted_by: name of who gave it; empty for the command line.
        granted_at: when.
        revoked_by: name of who took it back; empty while held or for the command line.
        revoked_at: when; None while held.
        revoke_reason: why it was taken back.
    """

    role: str
    reason: str
    granted_by: str
    granted_at: datetime
    revoked_by: str
    revoked_at: datetime | None
    revoke_reason: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Mail address and phone number in clear, for the form that changes them."""

    email: str
    phone: str


def _login(user: User) -> LoginUser:
    return LoginUser(user.id, user.display_name, user.username, user.session_epoch, user.language)


def user_of_session(session: Session, session_id: str) -> LoginUser | None:
    """Return the login a session cookie names; None when its epoch is over or it is closed."""
    epoch, _, username = session_id.partition(".")
    user = session.scalar(select(User).where(User.username == username))
    if user is None or not user.is_active or epoch != str(user.session_epoch):
        return None
    return _login(user)


def credentials(session: Session, username: str) -> Credentials | None:
    """Return what a sign-in under a folded login name is checked against."""
    user = session.scalar(select(User).where(User.username == username))
    return Credentials(_login(user), user.password_hash, user.is_active) if user else None


def _current(on: date) -> ColumnElement[bool]:
    return and_(Membership.from_on <= on, or_(Membership.until_on.is_(None), Membership.until_on >= on))


def _held(org_id: int, user_id: int | None = None) -> list[ColumnElement[bool]]:
    conditions = [RoleGrant.org_id == org_id, RoleGrant.revoked_at.is_(None)]
    return conditions if user_id is None else [*conditions, RoleGrant.user_id == user_id]


def standing(session: Session, org_id: int, user_id: int, on: date) -> Standing | None:
    """Return what a login is in an org on a day; None for one who is no member then."""
    membership = session.scalar(
        select(Membership).where(Membership.org_id == org_id, Membership.user_id == user_id, _current(on))
    )
    if membership is None:
        return None
    roles = session.scalars(select(RoleGrant.role).where(*_held(org_id, user_id)))
    return Standing(membership.unit_id, frozenset(roles))


def actor_of(session: Session, org_id: int, user_id: int, at: datetime) -> Actor | None:
    """Return a login as it may act now, for jobs that run in its name; None when it may not."""
    user = session.get(User, user_id)
    found = standing(session, org_id, user_id, business_date(at))
    if user is None or not user.is_active or found is None:
        return None
    return Actor(user.id, org_id, user.display_name, found.permissions, at, found.unit_id)


def contact(session: Session, username: str) -> Contact:
    """Return a login's own mail address and phone number."""
    user = session.scalars(select(User).where(User.username == username)).one()
    return Contact(user.email or "", user.phone or "")


def user_id_of(session: Session, username: str) -> int | None:
    """Return the key of a login name; None for none."""
    return session.scalar(select(User.id).where(User.username == username))


def mail_of(session: Session, user_id: int) -> tuple[LoginUser, str] | None:
    """Return a login with its mail address; None for one without."""
    user = session.get(User, user_id)
    return (_login(user), user.email) if user is not None and user.email else None


def _ordered(roles: Sequence[str]) -> tuple[str, ...]:
    known = [code for code in rules.ROLES if code in roles]
    return (*known, *sorted(set(roles) - set(known)))


def _roles_by_user(session: Session, org_id: int) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for user_id, role in session.execute(select(RoleGrant.user_id, RoleGrant.role).where(*_held(org_id))):
        found[user_id].append(role)
    return found


def list_members(
    session: Session, org_id: int, on: date, *, text: str = "", with_former: bool = False
) -> tuple[Member, ...]:
    """Return the people of an org in the order of their names.

    Args:
        session: any session.
        org_id: the org.
        on: the day on which the membership must hold.
        text: part of the name, its pinyin, its initials or the login name; empty for all.
        with_former: whether those who have left are listed as well, once each.
    """
    query = (
        select(User, Membership, Unit)
        .join(Membership, Membership.user_id == User.id)
        .join(Unit, Unit.id == Membership.unit_id, isouter=True)
        .where(Membership.org_id == org_id)
        .order_by(User.sort_key, User.username, Membership.from_on.desc(), Membership.id.desc())
        .limit(LIST_ROWS)
    )
    if not with_former:
        query = query.where(_current(on))
    if folded := fold_text(text):
        query = query.where(User.search.contains(folded, autoescape=True))
    roles = _roles_by_user(session, org_id)
    members: dict[int, Member] = {}
    for user, membership, unit in session.execute(query):
        members.setdefault(user.id, _member(user, membership, unit, roles.get(user.id, []), on))
    return tuple(members.values())


def _member(user: User, membership: Membership, unit: Unit | None, roles: Sequence[str], on: date) -> Member:
    is_current = membership.from_on <= on and (membership.until_on is None or membership.until_on >= on)
    return Member(
        username=user.username,
        name=user.display_name,
        roles=_ordered(roles) if is_current else (),
        unit_name=unit.name if unit else "",
        unit_code=unit.code if unit else "",
        from_on=membership.from_on,
        until_on=membership.until_on,
        is_current=is_current and user.is_active,
        has_password=bool(user.password_hash),
        has_email=user.email is not None,
        is_home=user.home_org_id == membership.org_id,
    )


def find_member(session: Session, org_id: int, username: str, on: date) -> Member | None:
    """Return one person of an org, present or former; None for one who never belonged to it."""
    found = session.execute(
        select(User, Membership, Unit)
        .join(Membership, Membership.user_id == User.id)
        .join(Unit, Unit.id == Membership.unit_id, isouter=True)
        .where(Membership.org_id == org_id, User.username == username)
        .order_by(Membership.from_on.desc(), Membership.id.desc())
        .limit(1)
    ).first()
    if found is None:
        return None
    user, membership, unit = found
    roles = session.scalars(select(RoleGrant.role).where(*_held(org_id, user.id))).all()
    return _member(user, membership, unit, roles, on)


def grants_of(session: Session, org_id: int, username: str) -> tuple[GrantRow, ...]:
    """Return every role a person was given in an org, the latest first."""
    grants = session.scalars(
        select(RoleGrant)
        .join(User, User.id == RoleGrant.user_id)
        .where(RoleGrant.org_id == org_id, User.username == username)
        .order_by(RoleGrant.granted_at.desc(), RoleGrant.id.desc())
    ).all()
    ids = {grant.granted_by for grant in grants} | {grant.revoked_by for grant in grants}
    found = session.execute(select(User.id, User.display_name).where(User.id.in_(ids - {None})))
    names: dict[int, str] = dict(found.all())
    return tuple(
        GrantRow(
            role=grant.role,
            reason=grant.reason,
            granted_by=names.get(grant.granted_by, ""),
            granted_at=grant.granted_at,
            revoked_by=names.get(grant.revoked_by or 0, ""),
            revoked_at=grant.revoked_at,
            revoke_reason=grant.revoke_reason,
        )
        for grant in grants
    )


def staff(session: Session, org_id: int, on: date) -> dict[str, frozenset[str]]:
    """Return name → roles of everyone who works in an org on a day, in the order of names.

    Two people of one name are told apart by their login names.
    """
    members = [member for member in list_members(session, org_id, on) if member.is_current]
    names = [member.name for member in members]
    return {
        f"{member.name} ({member.username})" if names.count(member.name) > 1 else member.name: frozenset(
            member.roles
        )
        for member in members
    }


def sort_key(name: str) -> str:
    """Return what a person's name is ordered by."""
    return pinyin_key(name)[:240]


def is_last_administrator(session: Session, org_id: int, user_id: int, on: date) -> bool:
    """Say whether nobody but this person may give roles in an org on a day."""
    managers = [code for code, role in rules.ROLES.items() if "users.manage" in role.permissions]
    held = session.scalars(
        select(RoleGrant.user_id).where(
            RoleGrant.org_id == org_id, RoleGrant.role.in_(managers), RoleGrant.revoked_at.is_(None)
        )
    ).all()
    others = set(held) - {user_id}
    return user_id in held and not any(standing(session, org_id, other, on) is not None for other in others)
