"""Which org, which unit, what lies below; asked by every feature above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from charity.places import rules
from charity.places.models import Org, Qualification, Unit


@dataclass(frozen=True, slots=True)
class OrgFacts:
    """A legal entity as documents and pages name it.

    Attributes:
        id: inner key.
        code: short code.
        slug: first part of its addresses.
        name: full Chinese name.
        short_name: name for headings.
        name_en: English name; may be empty.
        credit_code: unified social credit code; empty until entered.
        legal_form: association, foundation, service_body.
        is_public_fundraiser: whether it may raise funds in public.
        contact_phone: where an error is reported by phone; may be empty.
        contact_mail: the same by mail; may be empty.
        host: host name of its own; empty for none.
        is_default: whether pages without a prefix are its own.
        is_demo: whether everything about it is invented.
        opened_on: first day of its books.
        unit_id: the unit it works in; None for everything.
    """

    id: int
    code: str
    slug: str
    name: str
    short_name: str
    name_en: str
    credit_code: str
    legal_form: rules.LegalForm
    is_public_fundraiser: bool
    contact_phone: str
    contact_mail: str
    host: str
    is_default: bool
    is_demo: bool
    opened_on: date
    unit_id: int | None


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit.

    Attributes:
        id: inner key.
        code: digits.
        name: Chinese name.
        name_en: English name; may be empty.
        kind: city, county, township, village.
        path: codes from the city down, each closed by a dot.
        from_on: first day in use.
        until_on: last day in use; None while open.
        depth: 0 for a city.
    """

    id: int
    code: str
    name: str
    name_en: str
    kind: rules.Kind
    path: str
    from_on: date
    until_on: date | None

    @property
    def depth(self) -> int:
        """How many units stand above it."""
        return self.path.count(".") - 1


def _facts(org: Org) -> OrgFacts:
    return OrgFacts(
        id=org.id,
        code=org.code,
        slug=org.slug,
        name=org.name,
        short_name=org.short_name,
        name_en=org.name_en,
        credit_code=org.credit_code or "",
        legal_form=org.legal_form,
        is_public_fundraiser=org.is_public_fundraiser,
        contact_phone=org.contact_phone,
        contact_mail=org.contact_mail,
        host=org.host or "",
        is_default=org.is_default,
        is_demo=org.is_demo,
        opened_on=org.opened_on,
        unit_id=org.unit_id,
    )


def org_of_request(session: Session, slug: str | None, host: str) -> OrgFacts | None:
    """Return the org an address belongs to: by slug, then by host, then the default one."""
    if slug:
        org = session.scalar(select(Org).where(Org.slug == slug))
    else:
        found = session.scalars(select(Org).where(or_(Org.host == host.lower(), Org.is_default))).all()
        org = min(found, key=lambda one: one.host != host.lower(), default=None)
    return _facts(org) if org else None


def org_facts(session: Session, org_id: int) -> OrgFacts | None:
    """Return one org by its inner key."""
    org = session.get(Org, org_id)
    return _facts(org) if org else None


def list_orgs(session: Session) -> tuple[OrgFacts, ...]:
    """Return every org, the default one first, then by code."""
    return tuple(
        _facts(org) for org in session.scalars(select(Org).order_by(Org.is_default.desc(), Org.code))
    )


def prefix_slugs(session: Session) -> frozenset[str]:
    """Return the slugs of the orgs that are reached by a prefix."""
    return frozenset(session.scalars(select(Org.slug).where(Org.is_default.is_(False))))


def _row(unit: Unit) -> UnitRow:
    return UnitRow(
        id=unit.id,
        code=unit.code,
        name=unit.name,
        name_en=unit.name_en,
        kind=unit.kind,
        path=unit.path,
        from_on=unit.from_on,
        until_on=unit.until_on,
    )


def _open_on(on: date) -> ColumnElement[bool]:
    return and_(Unit.from_on <= on, or_(Unit.until_on.is_(None), Unit.until_on >= on))


def find_unit(session: Session, code: str) -> UnitRow | None:
    """Return the unit with a code, open or closed."""
    unit = session.scalar(select(Unit).where(Unit.code == code))
    return _row(unit) if unit else None


def get_unit(session: Session, unit_id: int) -> UnitRow | None:
    """Return a unit by its inner key."""
    unit = session.get(Unit, unit_id)
    return _row(unit) if unit else None


def unit_path(session: Session, unit_id: int) -> tuple[UnitRow, ...]:
    """Return the units from the city down to this one, itself last; empty for an unknown one."""
    unit = session.get(Unit, unit_id)
    if unit is None:
        return ()
    codes = unit.path.rstrip(".").split(".")
    rows = session.scalars(select(Unit).where(Unit.code.in_(codes)).order_by(Unit.path))
    return tuple(_row(row) for row in rows)


def units_below(session: Session, unit_id: int | None, on: date | None = None) -> tuple[UnitRow, ...]:
    """Return a unit and all that lies below it, in the order of the map.

    Args:
        session: any session.
        unit_id: where to begin; None for the whole map.
        on: only those in use on this day; None for closed ones as well, since records made
            in a closed township still belong to those above it.
    """
    query = select(Unit).order_by(Unit.path)
    if unit_id is not None:
        path = session.scalar(select(Unit.path).where(Unit.id == unit_id))
        if path is None:
            return ()
        query = query.where(Unit.path.startswith(path, autoescape=True))
    if on is not None:
        query = query.where(_open_on(on))
    return tuple(_row(unit) for unit in session.scalars(query))


def unit_ids_below(session: Session, unit_id: int | None) -> frozenset[int] | None:
    """Return the keys of what a login at a unit sees; None when it sees everything."""
    return None if unit_id is None else frozenset(unit.id for unit in units_below(session, unit_id))


def unit_choices(units: Sequence[UnitRow]) -> list[tuple[str, str]]:
    """Return code and name for a list of choices, indented by depth."""
    return [(unit.code, "　" * unit.depth + unit.name) for unit in units]


@dataclass(frozen=True, slots=True)
class QualificationRow:
    """What an org is entitled to.

    Attributes:
        kind: code of :data:`charity.places.rules.QUALIFICATIONS`.
        number: of the certificate or announcement.
        issued_by: who granted it.
        from_on, until_on: first and last day; None where there is no last one.
        holds: whether it holds on the day asked for.
    """

    kind: rules.Qualification
    number: str
    issued_by: str
    from_on: date
    until_on: date | None
    holds: bool


def qualifications(session: Session, org_id: int, on: date) -> tuple[QualificationRow, ...]:
    """Return an org's qualifications, by kind, the newest first."""
    rows = session.scalars(
        select(Qualification)
        .where(Qualification.org_id == org_id)
        .order_by(Qualification.kind, Qualification.from_on.desc())
    )
    return tuple(
        QualificationRow(
            row.kind,
            row.number,
            row.issued_by,
            row.from_on,
            row.until_on,
            rules.is_open(row.from_on, row.until_on, on),
        )
        for row in rows
    )
