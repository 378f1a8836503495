"""Founding a federation: everything in one transaction, once. Never commits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity import sealed
from charity.db import Actor
from charity.donations.drafts import POSTING_RULES
from charity.errors import N_, refuse, register
from charity.founding.plan import PLACE_ACCOUNTS, Cells, Plan
from charity.ledger import chart, setup
from charity.ledger.models import MoneyPlace
from charity.places import service as places
from charity.places.models import Org
from charity.users import service as users
from charity.users.models import User

PROBLEMS = register(
    {
        "setup_done": N_("This installation is set up already; that is done once. Sign in to change it."),
    }
)

#: What the set-up may do; it acts in nobody's name and only while there is no org.
_RIGHTS = frozenset({"places.manage", "users.manage", "ledger.setup"})


@dataclass(frozen=True, slots=True)
class Founded:
    """What was founded.

    Attributes:
        org_id: its inner key.
        name: its full name.
        administrators: login name, name and session epoch of each, for their links.
    """

    org_id: int
    name: str
    administrators: tuple[tuple[str, str, int], ...]


def is_founded(session: Session) -> bool:
    """Say whether the installation has an org, so that the set-up is over."""
    return session.scalar(select(Org.id).limit(1)) is not None


def found_federation(
    session: Session, *, plan: Plan, units: bytes, at: datetime, reserved: frozenset[str]
) -> Founded:
    """Set up the first org with everything it begins with.

    Args:
        plan: one that was read without a problem.
        units: CSV list of units (code, name …); empty for none.
        at: the instant.
        reserved: first parts of addresses the site itself uses.

    Raises:
        Refused: ``setup_done``, and what the features refuse: a social credit code that is
            none, a unit without the one above it …
    """
    if is_founded(session):
        raise refuse("setup_done")
    on = plan.org["books_from"]
    try:
        org = _found_org(session, plan, at, reserved)
    except IntegrityError as error:  # two pages sent in one moment: the indexes let one through
        raise refuse("setup_done") from error
    actor = Actor(0, org.id, "set-up", _RIGHTS, at)
    if units:
        places.import_units(session, actor=actor, content=units, on=on)
    for row in plan.qualifications:
        places.record_qualification(session, actor=actor, **row)
    _open_books(session, actor, plan)
    people = tuple(_appoint(session, actor, row, plan) for row in plan.administrators)
    return Founded(org.id, org.name, tuple((p.username, p.display_name, p.session_epoch) for p in people))


def _found_org(session: Session, plan: Plan, at: datetime, reserved: frozenset[str]) -> Org:
    """Install the chart and found the org."""
    chart.install_chart(session)
    return places.found_org(
        session,
        actor=Actor(0, 0, "set-up", _RIGHTS, at),
        code=plan.org["code"],
        slug=plan.org["slug"],
        details=places.OrgDetails(
            plan.org["name"], plan.org["short_name"], plan.org["name_en"], plan.org["credit_code"]
        ),
        legal_form=plan.org["legal_form"],
        opened_on=plan.org["books_from"],
        is_default=True,
        reserved=reserved,
    )


def _open_books(session: Session, actor: Actor, plan: Plan) -> None:
    """Open funds with their charters, places of money, and write the posting rules.

    The rules wait for two people who approve them; no month is opened, so that books of
    another system can still be taken over.
    """
    on = plan.org["books_from"]
    for position, row in enumerate(plan.funds):
        values = {**row, "colour": row["colour"] or "general"}
        setup.open_fund(session, actor=actor, on=on, position=position, **values)
    for row in plan.places:
        _open_place(session, actor, row, plan)
    kinds = {row["kind"] for row in plan.places}
    if "transit" not in kinds:
        taken = session.scalar(
            select(MoneyPlace.id).where(MoneyPlace.org_id == actor.org_id, MoneyPlace.code == "T1")
        )
        code = "T1" if taken is None else "TRANSIT"
        setup.open_money_place(
            session, actor=actor, code=code, name="代发在途", kind="transit", account="100902", on=on
        )
    for code, text in POSTING_RULES.items():
        setup.write_posting_rule(session, actor=actor, code=code, text=text, on=on)


def _open_place(session: Session, actor: Actor, row: Cells, plan: Plan) -> None:
    """Open one place of money; of its number only the tail and a keyed hash are kept."""
    number = re.sub(r"[^0-9A-Za-z]", "", row["number"])
    own, agency = PLACE_ACCOUNTS[row["kind"]]
    setup.open_money_place(
        session,
        actor=actor,
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        account=own,
        agency_account=agency if row["holds_agency"] else "",
        number_tail=number[-4:],
        number_hash=sealed.keyed_hash(number) if number else "",
        institution=row["institution"],
        is_main=row["is_main"],
        on=plan.org["books_from"],
    )


def _appoint(session: Session, actor: Actor, row: Cells, plan: Plan) -> User:
    """Make the login of an administrator; the person chooses the password by link."""
    on = min(plan.org["books_from"], actor.at.date())
    user = users.add_user(
        session,
        actor=actor,
        username=row["username"],
        details=users.Details(row["name"], row["email"], row["phone"]),
        on=on,
    )
    users.grant_role(
        session, actor=actor, username=user.username, role="administrator", reason="系统初始化", on=on
    )
    return user
