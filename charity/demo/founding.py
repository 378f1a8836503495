"""Setting the invented federation up: map, orgs, staff, books, rules, funds with papers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from charity import sealed
from charity.db import Actor, unit_of_work
from charity.demo.cast import FUNDS, STAFF, UNITS
from charity.demo.office import Office
from charity.demo.papers import BANK_ACCOUNT, MERCHANT
from charity.donations.drafts import POSTING_RULES
from charity.donations.identifiers import plain
from charity.donations.purposes import learn_purpose
from charity.ledger import chart, setup
from charity.periods import Month
from charity.places import service as places
from charity.places.models import Org
from charity.places.queries import find_unit
from charity.places.rules import NewUnit
from charity.users import service as users
from charity.users.passwords import Passwords, new_password

#: The same for every login of the demo; printed at the start.
PASSWORD = "haidai demo 2026"  # noqa: S105

_ALL = frozenset({"places.manage", "users.manage"})


def found(session: Session, at: datetime, first: Month, passwords: Passwords) -> tuple[Org, Org]:
    """Set up two orgs with their staff, and return them.

    Args:
        at: the instant of the founding.
        first: first month of the books.
        passwords: how passwords are hashed.
    """
    on = first.first_on
    with unit_of_work(session) as work:
        chart.install_chart(work)
        founder = Actor(0, 0, "founder", _ALL, at)
        city = places.found_org(
            work,
            actor=founder,
            code="HAIDAI",
            slug="haidai",
            details=places.OrgDetails(
                "海岱市慈善总会",
                "海岱慈善",
                "Haidai Charity Federation",
                "51990000MJE000001N",
                True,
                contact_phone="0000-8800123",
                contact_mail="jiucuo@haidai.example",
            ),
            legal_form="association",
            opened_on=on,
            is_default=True,
            is_demo=True,
        )
        actor = Actor(0, city.id, "founder", _ALL, at)
        for code, name, name_en, kind, parent in UNITS:
            places.add_unit(work, actor=actor, unit=NewUnit(code, name, kind, parent, name_en, on))  # type: ignore[arg-type]
        linxi = find_unit(work, "990001")
        county = places.found_org(
            work,
            actor=founder,
            code="LINXI",
            slug="linxi",
            details=places.OrgDetails(
                "临溪县慈善总会",
                "临溪慈善",
                "Linxi County Charity Federation",
                "51990001MJE0000015",
                False,
                contact_phone="0000-8800456",
                contact_mail="jiucuo@linxi.example",
            ),
            legal_form="association",
            opened_on=on,
            is_demo=True,
            unit_id=linxi.id if linxi else None,
        )
        for org in (city, county):
            _hire(work, Actor(0, org.id, "founder", _ALL, at), org.code, passwords)
    return city, county


def _hire(session: Session, actor: Actor, org_code: str, passwords: Passwords) -> None:
    """Give the staff of an org their logins, roles and the demo's password."""
    on = actor.at.astimezone(UTC).date()
    new = new_password(passwords, "nobody", PASSWORD)
    for person in STAFF:
        if person.org != org_code:
            continue
        details = users.Details(person.name, unit_code=person.unit)
        user = users.add_user(session, actor=actor, username=person.username, details=details, on=on)
        user.password_hash, user.password_at = new.hash, actor.at
        for role in person.roles:
            users.grant_role(
                session, actor=actor, username=person.username, role=role, reason="岗位设置", on=on
            )
    session.flush()


def open_books(office: Office, first: Month, last: Month, *, is_city: bool) -> None:
    """Open funds, places of money, posting rules and learned words of one org."""
    on = first.first_on
    office.on = on
    with unit_of_work(office.session) as work:
        chief = office.actor("chief")
        for position, (code, name, name_en, kind, colour, purpose, purpose_en, paper) in enumerate(FUNDS):
            setup.open_fund(
                work,
                actor=chief,
                code=code,
                name=name,
                name_en=name_en,
                kind=kind,
                purpose=purpose,
                purpose_en=purpose_en,
                document_ref=paper,
                colour=colour,
                position=position,
                on=on,
            )
        for values in _money_places(is_city):
            setup.open_money_place(work, actor=chief, on=on, **values)
        if is_city:
            setup.open_earmark(
                work,
                actor=chief,
                fund="F2",
                code="F2-HEART",
                name="儿童先天性心脏病救助",
                name_en="Children’s congenital heart disease",
                text="仅用于未成年人先天性心脏病手术的自付费用。",
                source="provider",
                on=on,
                document_ref="捐赠协议 海慈捐协〔2026〕7号",
            )
        for month in _months(first, last):
            setup.open_month(work, actor=chief, month=month)
    _approve_rules(office)
    with unit_of_work(office.session) as work:
        maker = office.actor("make")
        for word, fund in (("急难", "F1"), ("医疗", "F2"), ("发展帮扶", "F3"), ("不限定", "GEN")):
            learn_purpose(work, actor=maker, keyword=word, fund=fund, on=on)


def _months(first: Month, last: Month) -> list[Month]:
    """Return the months from first to last."""
    found_months = [first]
    while found_months[-1] < last:
        found_months.append(found_months[-1].next())
    return found_months


def _money_places(is_city: bool) -> list[dict[str, Any]]:
    """Return the places of money: a bank account, cash, transit, and the city's platforms."""
    number = BANK_ACCOUNT if is_city else "99990000000000000502"
    rows: list[dict[str, Any]] = [
        {
            "code": "B1",
            "name": "示例银行基本户",
            "kind": "bank",
            "account": "1002",
            "agency_account": "100291",
            "number_tail": number[-4:],
            "number_hash": sealed.keyed_hash(plain(number)),
            "institution": "示例银行海岱支行",
            "is_main": True,
        },
        {"code": "C1", "name": "现金", "kind": "cash", "account": "1001", "agency_account": "100191"},
        {"code": "T1", "name": "代发在途", "kind": "transit", "account": "100902"},
    ]
    if is_city:
        rows.append(
            {
                "code": "W1",
                "name": "微信支付商户号",
                "kind": "merchant",
                "account": "100901",
                "number_tail": MERCHANT[-4:],
                "number_hash": sealed.keyed_hash(plain(MERCHANT)),
                "institution": "财付通（微信支付）",
            }
        )
        rows.append(
            {
                "code": "A1",
                "name": "支付宝商户号",
                "kind": "merchant",
                "account": "100901",
                "institution": "支付宝",
            }
        )
    return rows


def _approve_rules(office: Office) -> None:
    """Write the posting rules and have two people approve them."""
    for code, text in POSTING_RULES.items():
        rule = office.act(setup.write_posting_rule, "chief", code=code, text=text, on=office.on)
        for duty in ("review", "second"):
            office.act(setup.approve_posting_rule, duty, rule_id=rule.id)
