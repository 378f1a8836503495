"""Orgs and units: small tables that all orgs of an installation share."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id
from charity.places.rules import KINDS, LEGAL_FORMS, QUALIFICATIONS, Kind, LegalForm
from charity.places.rules import Qualification as QualificationKind

_KINDS = ", ".join(f"'{kind}'" for kind in KINDS)
_QUALIFICATIONS = ", ".join(f"'{kind}'" for kind in QUALIFICATIONS)
_FORMS = ", ".join(f"'{form}'" for form in LEGAL_FORMS)


class Unit(Base):
    """A city, county, township or village; closed, never deleted."""

    __tablename__ = "places_unit"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_KINDS})", name="kind_known"),
        CheckConstraint("(kind = 'city') = (parent_id IS NULL)", name="city_on_top"),
        CheckConstraint("until_on IS NULL OR until_on >= from_on", name="dates_in_order"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: 6, 9 or 12 digits; a unit that gets another code is another unit.
    code: Mapped[str] = mapped_column(String(12), unique=True)
    #: Chinese name.
    name: Mapped[str] = mapped_column(String(60))
    #: English name; may be empty.
    name_en: Mapped[str] = mapped_column(String(80), default="")
    #: city, county, township, village.
    kind: Mapped[Kind] = mapped_column(String(8))
    #: The unit it belongs to; None for a city.
    parent_id: Mapped[int | None] = mapped_column(Id, ForeignKey("places_unit.id"), index=True)
    #: Codes from the city down to itself, each closed by a dot; what lies below begins with it.
    path: Mapped[str] = mapped_column(String(60), unique=True)
    #: First day in use.
    from_on: Mapped[date] = mapped_column(Date)
    #: Last day in use; None while open.
    until_on: Mapped[date | None] = mapped_column(Date)
    #: What took its place when it was closed, if one unit did.
    replaced_by_id: Mapped[int | None] = mapped_column(Id, ForeignKey("places_unit.id"))


class Org(Base):
    """A legal entity with its own books."""

    __tablename__ = "places_org"
    __table_args__ = (
        CheckConstraint(f"legal_form IN ({_FORMS})", name="form_known"),
        Index(
            "uq_places_org_default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Short code used in numbers and file names, e.g. ``DZ``.
    code: Mapped[str] = mapped_column(String(12), unique=True)
    #: First part of its addresses, e.g. ``xiajin``.
    slug: Mapped[str] = mapped_column(String(30), unique=True)
    #: Full Chinese name (全称).
    name: Mapped[str] = mapped_column(String(80))
    #: Name for headings (简称).
    short_name: Mapped[str] = mapped_column(String(20))
    #: English name; may be empty.
    name_en: Mapped[str] = mapped_column(String(120), default="")
    #: Unified social credit code (统一社会信用代码), 18 characters; None until entered.
    credit_code: Mapped[str | None] = mapped_column(String(18), unique=True)
    #: association, foundation, service_body.
    legal_form: Mapped[LegalForm] = mapped_column(String(16))
    #: Whether it holds the certificate for public fundraising (公开募捐资格), 慈善法 (2023) art. 22.
    is_public_fundraiser: Mapped[bool] = mapped_column(Boolean, default=False)
    #: Phone and mail under which anybody reports an error; empty until entered.
    contact_phone: Mapped[str] = mapped_column(String(40), default="")
    contact_mail: Mapped[str] = mapped_column(String(120), default="")
    #: Host name that is its own; None when it is reached by path or as the default.
    host: Mapped[str | None] = mapped_column(String(120), unique=True)
    #: Whether pages without a prefix are its own; at most one.
    is_default: Mapped[bool] = mapped_column(Boolean, default=False)
    #: Whether its people, gifts and figures are invented.
    is_demo: Mapped[bool] = mapped_column(Boolean, default=False)
    #: First day of its books here.
    opened_on: Mapped[date] = mapped_column(Date)
    #: The unit it works in; sees it and what lies below. None: everything.
    unit_id: Mapped[int | None] = mapped_column(Id, ForeignKey("places_unit.id"))


class Qualification(Base):
    """What an org is entitled to, by whom and for how long; a renewal is a row of its own."""

    __tablename__ = "places_qualification"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_QUALIFICATIONS})", name="kind_known"),
        CheckConstraint("until_on IS NULL OR until_on >= from_on", name="dates_in_order"),
    )

    org_id: Mapped[int] = mapped_column(
        Id, ForeignKey("places_org.id"), primary_key=True, autoincrement=False
    )
    #: public_fundraising, charity, tax_exempt, tax_deductible.
    kind: Mapped[QualificationKind] = mapped_column(String(20), primary_key=True)
    #: First day it holds.
    from_on: Mapped[date] = mapped_column(Date, primary_key=True)
    #: Last day it holds; None where it has none.
    until_on: Mapped[date | None] = mapped_column(Date)
    #: Number of the certificate or announcement.
    number: Mapped[str] = mapped_column(String(80))
    #: Who granted it.
    issued_by: Mapped[str] = mapped_column(String(80), default="")
