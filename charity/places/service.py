"""Acts on the map: found an org, add, rename, close and import units. Never commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, Refused, refuse, refuse_if
from charity.ids import new_id
from charity.messages.addresses import parse_email
from charity.names import clean_line
from charity.oplog import rules as log_rules
from charity.oplog.rules import Change
from charity.oplog.service import record
from charity.places import rules
from charity.places.models import Org, Qualification, Unit
from charity.web.cache import ORG_TOPIC, bump

log_rules.register_acts(
    {
        "places.found_org": N_("Set up an organisation"),
        "places.change_org": N_("Changed an organisation's details"),
        "places.record_qualification": N_("Recorded a qualification"),
        "places.add_unit": N_("Added a unit to the map"),
        "places.rename_unit": N_("Renamed a unit"),
        "places.close_unit": N_("Closed a unit"),
        "places.import_units": N_("Read a list of units"),
    }
)
log_rules.register_subjects({"org": N_("Organisation"), "unit": N_("Unit")})
log_rules.register_labels(
    {
        "name": N_("Name"),
        "short_name": N_("Short name"),
        "name_en": N_("English name"),
        "credit_code": N_("Social credit code"),
        "is_public_fundraiser": N_("May raise funds in public"),
        "contact_number": N_("Phone for the public"),
        "contact_mail": N_("Mail for the public"),
        "host": N_("Host name"),
        "kind": N_("Kind"),
        "number": N_("Number"),
        "from_on": N_("First day"),
        "until_on": N_("Last day"),
        "replaced_by": N_("Replaced by"),
        "skipped": N_("Known already"),
    }
)


@dataclass(frozen=True, slots=True)
class OrgDetails:
    """What is to be known of an org.

    Attributes:
        name: full Chinese name.
        short_name: name for headings.
        name_en: English name; may be empty.
        credit_code: unified social credit code; empty until known.
        is_public_fundraiser: whether it may raise funds in public.
        contact_phone: where anybody reports an error by phone; may be empty.
        contact_mail: the same by mail; may be empty.
        host: host name of its own; empty for none.
    """

    name: str
    short_name: str
    name_en: str = ""
    credit_code: str = ""
    is_public_fundraiser: bool = False
    contact_phone: str = ""
    contact_mail: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What reading a list did: units added, units known already."""

    added: int
    known: int


def _refuse_unless_keeper(session: Session, actor: Actor) -> None:
    """Refuse whoever may not change the map, which all orgs share."""
    org = session.get(Org, actor.org_id)
    if not actor.may("places.manage") or org is None or not org.is_default:
        raise refuse("places_may_not")


def credit_code_of(text: str) -> str | None:
    """Return a social credit code in its stored form, None for an empty text.

    Raises:
        Refused: ``credit_code_malformed``.
    """
    from stdnum.cn import uscc
    from stdnum.exceptions import ValidationError

    if not text.strip():
        return None
    try:
        return str(uscc.validate(text))
    except ValidationError:
        raise refuse("credit_code_malformed", "credit_code", code=text[:30]) from None


def _mail_of(text: str) -> str:
    """Return a mail address in its stored form; empty for an empty text."""
    if not text.strip():
        return ""
    try:
        return parse_email(text)
    except Refused as refused:
        raise Refused(replace(refused.problems[0], where="contact_mail")) from None


def _check_details(session: Session, details: OrgDetails, own_id: int | None) -> list[Problem]:
    problems = []
    if not details.name or not details.short_name:
        problems.append(Problem("org_name_missing", {}, "name"))
    for column, code, where, value in (
        (Org.credit_code, "org_credit_code_taken", "credit_code", credit_code_of(details.credit_code)),
        (Org.host, "org_host_taken", "host", details.host.strip().lower() or None),
    ):
        if value is not None:
            other = session.scalar(select(Org.id).where(column == value, Org.id != (own_id or 0)))
            if other is not None:
                problems.append(Problem(code, {"value": value}, where))
    return problems


def _check_identity(
    session: Session, code: str, slug: str, is_default: bool, reserved: frozenset[str]
) -> list[Problem]:
    problems = rules.check_slug(slug, reserved)
    for column, taken, where, value in (
        (Org.code, "org_code_taken", "code", code),
        (Org.slug, "org_slug_taken", "slug", slug),
    ):
        if session.scalar(select(Org.id).where(column == value)) is not None:
            problems.append(Problem(taken, {"value": value}, where))
    if is_default and (name := session.scalar(select(Org.name).where(Org.is_default))) is not None:
        problems.append(Problem("org_default_taken", {"name": name}, "is_default"))
    return problems


def found_org(
    session: Session,
    *,
    actor: Actor,
    code: str,
    slug: str,
    details: OrgDetails,
    legal_form: rules.LegalForm,
    opened_on: date,
    is_default: bool = False,
    is_demo: bool = False,
    unit_id: int | None = None,
    reserved: frozenset[str] = frozenset(),
) -> Org:
    """Set up a legal entity with its own books; done once, from the command line.

    Args:
        session: the writing session.
        actor: holds ``places.manage``; the log entry stands in the new org's own log.
        code: short code for numbers and files.
        slug: first part of its addresses.
        details: see :class:`OrgDetails`.
        legal_form: its form in law.
        opened_on: first day of its books.
        is_default: whether pages without a prefix are its own.
        is_demo: whether everything about it is invented.
        unit_id: the unit it works in; None for everything.
        reserved: first parts of addresses the site itself uses.

    Raises:
        Refused: ``places_may_not``, ``org_slug_malformed``, ``org_slug_reserved``,
            ``org_slug_taken``, ``org_code_taken``, ``org_credit_code_taken``, ``org_host_taken``,
            ``org_default_taken``, ``org_name_missing``, ``credit_code_malformed``,
            ``email_malformed``.
    """
    if not actor.may("places.manage"):
        raise refuse("places_may_not")
    refuse_if(
        _check_identity(session, code, slug, is_default, reserved) + _check_details(session, details, None)
    )
    org = Org(
        id=new_id(),
        code=code,
        slug=slug,
        legal_form=legal_form,
        is_default=is_default,
        is_demo=is_demo,
        opened_on=opened_on,
        unit_id=unit_id,
        **_columns(details),
    )
    session.add(org)
    session.flush()
    own = replace(actor, org_id=org.id)
    record(session, actor=own, act="places.found_org", subject_kind="org", subject_no=code, name=org.name)
    return org


def _columns(details: OrgDetails) -> dict[str, Any]:
    return {
        "name": clean_line(details.name, 80),
        "short_name": clean_line(details.short_name, 20),
        "name_en": clean_line(details.name_en, 120),
        "credit_code": credit_code_of(details.credit_code),
        "is_public_fundraiser": details.is_public_fundraiser,
        "contact_phone": clean_line(details.contact_phone, 40),
        "contact_mail": _mail_of(details.contact_mail),
        "host": details.host.strip().lower() or None,
    }


def change_org(session: Session, *, actor: Actor, details: OrgDetails) -> Org:
    """Change what is known of the actor's own org.

    Raises:
        Refused: ``places_may_not``, ``org_missing``, ``org_name_missing``,
            ``org_credit_code_taken``, ``org_host_taken``, ``credit_code_malformed``,
            ``email_malformed``.
    """
    if not actor.may("places.manage"):
        raise refuse("places_may_not")
    org = session.get(Org, actor.org_id, with_for_update=True)
    if org is None:
        raise refuse("org_missing")
    refuse_if(_check_details(session, details, org.id))
    changes: dict[str, Any] = {}
    for name, value in _columns(details).items():
        if getattr(org, name) != value:
            # The log keeps no phone number of anybody's; this one is public and goes by another name.
            shown = "contact_number" if name == "contact_phone" else name
            changes[shown] = Change(getattr(org, name), value)
            setattr(org, name, value)
    if changes:
        session.flush()
        bump(session, org.id, ORG_TOPIC)
        record(
            session, actor=actor, act="places.change_org", subject_kind="org", subject_no=org.code, **changes
        )
    return org


def record_qualification(
    session: Session,
    *,
    actor: Actor,
    kind: str,
    number: str,
    from_on: date,
    until_on: date | None,
    issued_by: str = "",
) -> Qualification:
    """Record what the actor's org is entitled to, and for how long; a renewal is recorded beside it.

    A certificate for public fundraising that still holds also marks the org as one that may raise funds in
    public.

    Raises:
        Refused: ``places_may_not``, ``qualification_unknown``, ``qualification_dates``,
            ``qualification_twice``, ``qualification_number_missing``, ``org_missing``.
    """
    if not actor.may("places.manage"):
        raise refuse("places_may_not")
    if kind not in rules.QUALIFICATIONS:
        raise refuse("qualification_unknown", "kind", text=kind[:30])
    if until_on is not None and until_on < from_on:
        raise refuse("qualification_dates", "until_on", until=until_on, start=from_on)
    if not (plain := clean_line(number, 80)):
        raise refuse("qualification_number_missing", "number")
    org = session.get(Org, actor.org_id, with_for_update=True)
    if org is None:
        raise refuse("org_missing")
    if session.get(Qualification, (org.id, kind, from_on)) is not None:
        raise refuse("qualification_twice", "from_on", start=from_on)
    row = Qualification(
        org_id=org.id,
        kind=kind,
        from_on=from_on,
        until_on=until_on,
        number=plain,
        issued_by=clean_line(issued_by, 80),
    )
    session.add(row)
    if kind == "public_fundraising" and (until_on is None or until_on >= actor.at.date()):
        org.is_public_fundraiser = True
    session.flush()
    record(
        session,
        actor=actor,
        act="places.record_qualification",
        subject_kind="org",
        subject_no=org.code,
        kind=kind,
        number=plain,
        from_on=from_on,
        until_on=until_on,
    )
    return row


def _known(unit: Unit) -> rules.KnownUnit:
    return rules.KnownUnit(unit.code, unit.name, unit.kind, unit.from_on, unit.until_on)


def _known_units(session: Session, *codes: str) -> Mapping[str, rules.KnownUnit]:
    """Return units by code: all of them when no code is named."""
    query = select(Unit)
    if codes:
        query = query.where(Unit.code.in_(codes))
    return {unit.code: _known(unit) for unit in session.scalars(query)}


def _insert(session: Session, unit: rules.NewUnit) -> Unit:
    parent = session.scalar(select(Unit).where(Unit.code == unit.parent_code)) if unit.parent_code else None
    row = Unit(
        id=new_id(),
        code=unit.code,
        name=clean_line(unit.name, 60),
        name_en=clean_line(unit.name_en, 80),
        kind=unit.kind,
        parent_id=parent.id if parent else None,
        path=rules.path_of(parent.path if parent else "", unit.code),
        from_on=unit.from_on,
    )
    session.add(row)
    session.flush()
    return row


def add_unit(session: Session, *, actor: Actor, unit: rules.NewUnit) -> Unit:
    """Add one unit to the map.

    Raises:
        Refused: ``places_may_not`` and the problems of :func:`charity.places.rules.check_unit`.
    """
    _refuse_unless_keeper(session, actor)
    refuse_if(rules.check_unit(unit, _known_units(session, unit.code, unit.parent_code)))
    row = _insert(session, unit)
    record(
        session,
        actor=actor,
        act="places.add_unit",
        subject_kind="unit",
        subject_no=unit.code,
        name=unit.name,
        from_on=unit.from_on,
    )
    return row


def _own_unit(session: Session, code: str) -> Unit:
    unit = session.scalar(select(Unit).where(Unit.code == code).with_for_update())
    if unit is None:
        raise refuse("unit_missing", code=code[:20])
    return unit


def rename_unit(session: Session, *, actor: Actor, code: str, name: str, name_en: str = "") -> Unit:
    """Change the name of a unit that keeps its code.

    Raises:
        Refused: ``places_may_not``, ``unit_missing``, ``unit_name_missing``.
    """
    _refuse_unless_keeper(session, actor)
    unit = _own_unit(session, code)
    if not (wanted := clean_line(name, 60)):
        raise refuse("unit_name_missing", "name")
    old = unit.name
    unit.name, unit.name_en = wanted, clean_line(name_en, 80)
    session.flush()
    record(
        session,
        actor=actor,
        act="places.rename_unit",
        subject_kind="unit",
        subject_no=code,
        name=Change(old, wanted),
    )
    return unit


def close_unit(
    session: Session, *, actor: Actor, code: str, until_on: date, replaced_by_code: str = ""
) -> Unit:
    """Close a unit with a last day; records made in it go on naming it.

    Args:
        session: the writing session.
        actor: an administrator of the default org.
        code: the unit.
        until_on: last day in use.
        replaced_by_code: what takes its place, if one unit does.

    Raises:
        Refused: ``places_may_not``, ``unit_missing``, ``unit_closed_already``,
            ``unit_dates_reversed``, ``unit_has_open_below``.
    """
    _refuse_unless_keeper(session, actor)
    unit = _own_unit(session, code)
    open_below = session.scalar(
        select(func.count())
        .select_from(Unit)
        .where(
            Unit.path.startswith(unit.path, autoescape=True),
            Unit.id != unit.id,
            or_(Unit.until_on.is_(None), Unit.until_on > until_on),
        )
    )
    refuse_if(rules.check_close(_known(unit), until_on, open_below or 0))
    if replaced_by_code:
        unit.replaced_by_id = _own_unit(session, replaced_by_code).id
    unit.until_on = until_on
    session.flush()
    record(
        session,
        actor=actor,
        act="places.close_unit",
        subject_kind="unit",
        subject_no=code,
        name=unit.name,
        until_on=until_on,
        replaced_by=replaced_by_code,
    )
    return unit


def import_units(session: Session, *, actor: Actor, content: bytes, on: date) -> Imported:
    """Add the units of a CSV list, all or none; those known already are passed over.

    Args:
        session: the writing session.
        actor: an administrator of the default org.
        content: the file as it was sent.
        on: first day in use of rows that name none.

    Raises:
        Refused: ``places_may_not``; the problems of :func:`charity.places.rules.read_units`
            and :func:`charity.places.rules.judge_units`, each with the row it stands in.
    """
    _refuse_unless_keeper(session, actor)
    units = rules.read_units(rules.decode_list(content), on)
    fresh, problems = rules.judge_units(units, _known_units(session))
    refuse_if(problems)
    for unit in fresh:
        _insert(session, unit)
    record(
        session,
        actor=actor,
        act="places.import_units",
        count=len(fresh),
        skipped=len(units) - len(fresh),
    )
    return Imported(len(fresh), len(units) - len(fresh))
