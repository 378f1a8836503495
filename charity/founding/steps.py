"""The steps of a set-up, the same at the command line and on the page.

The founding is one transaction; settings are kept after it, and the code is spent last. If the
machine stops in between, the settings are written by hand and the links printed again; nothing
of the books is half done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings, write_settings_file
from charity.db import transact
from charity.errors import N_, refuse, register
from charity.founding import code
from charity.founding.plan import Plan, read_plan
from charity.founding.service import Founded, found_federation
from charity.founding.trials import try_mail, try_sms
from charity.messages.delivery import parse_server
from charity.messages.gateway import parse_gateway
from charity.places.models import Org
from charity.users.credentials import INVITE_LIFE
from charity.users.links import make_token
from charity.users.models import RoleGrant, User

PROBLEMS = register(
    {"setup_nobody_waits": N_("The administrators have chosen their passwords; no link is made any more.")}
)


def judge(settings: Settings, data: Mapping[str, Any], reserved: frozenset[str]) -> Plan:
    """Return the plan of a file, of answers or of the page.

    Raises:
        Refused: everything that is wrong with it.
    """
    return read_plan(data, reserved, is_demo=settings.is_demo)


def try_mail_of(plan: Plan, to: str, at: datetime) -> None:
    """Send a test mail through the server of a plan.

    Raises:
        Refused: what the server said.
    """
    sender = plan.mail["sender"] or "charity@localhost"
    try_mail(parse_server(plan.mail["url"]), sender=sender, to=to, at=at)


def try_sms_of(plan: Plan, to: str) -> None:
    """Send a test message through the gateway of a plan.

    Raises:
        Refused: what the gateway said.
    """
    sms = plan.sms
    gateway = parse_gateway(sms["url"], sms["token"], sms["fields"] or "phone,text", sms["format"] or "json")
    try_sms(gateway, to=to)


def found(settings: Settings, plan: Plan, units: bytes, at: datetime, reserved: frozenset[str]) -> Founded:
    """Keep the settings, found the federation, spend the code.

    Raises:
        Refused: ``setup_done`` and what the features refuse.
    """

    def work(session: Session) -> Founded:
        return found_federation(session, plan=plan, units=units, at=at, reserved=reserved)

    # A plan that the features refuse must leave no settings; one that is done twice neither.
    founded = transact(work)
    write_settings_file(settings.data_dir, plan.settings())
    code.spend(settings.data_dir)
    return founded


def try_out(plan: Plan, units: bytes, at: datetime, reserved: frozenset[str]) -> None:
    """Found the federation and undo it: what the features refuse is refused, and nothing stays.

    Raises:
        Refused: as :func:`found` does.
    """

    def work(session: Session) -> None:
        found_federation(session, plan=plan, units=units, at=at, reserved=reserved)
        raise _Undone

    with contextlib.suppress(_Undone):
        transact(work)


class _Undone(Exception):
    """Ends a transaction that was only to be tried."""


def links(settings: Settings, founded: Founded, at: datetime, address: str) -> list[tuple[str, str]]:
    """Return name and link of each administrator, to choose a password within three days.

    Args:
        address: public address of the installation.
    """
    found = []
    for username, name, epoch in founded.administrators:
        token = make_token(settings.secret_key, username=username, epoch=epoch, at=at, life=INVITE_LIFE)
        found.append((f"{name} ({username})", f"{address.rstrip('/')}/password/choose/{token}"))
    return found


def founded_before(session: Session) -> Founded:
    """Return what was founded, with the administrators who have no password yet.

    Raises:
        Refused: ``setup_nobody_waits``.
    """
    org = session.scalars(select(Org).where(Org.is_default)).one()
    waiting = session.scalars(
        select(User)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(
            RoleGrant.org_id == org.id,
            RoleGrant.role == "administrator",
            RoleGrant.granted_by == 0,
            RoleGrant.revoked_at.is_(None),
            User.password_hash == "",
            User.is_active,
        )
        .order_by(User.username)
    ).all()
    if not waiting:
        raise refuse("setup_nobody_waits")
    return Founded(org.id, org.name, tuple((u.username, u.display_name, u.session_epoch) for u in waiting))
