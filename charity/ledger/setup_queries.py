"""Reads for the settings of the books: chart, funds, places of money, dimensions, rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.models import (
    Account,
    Designation,
    DimensionKind,
    DimensionValue,
    Earmark,
    Fund,
    MoneyPlace,
    PostingRule,
    ProjectTag,
)
from charity.names import fold_text, search_text


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of the chart."""

    code: str
    name: str
    name_other: str
    kind: str
    normal_side: str
    restriction: str
    statement_line: str
    is_postable: bool
    is_money: bool
    from_on: date
    until_on: date | None


def account_rows(session: Session, *, text: str = "", is_english: bool = False) -> list[AccountRow]:
    """Return the chart in the order of codes, narrowed down by code, name or pinyin."""
    wanted = fold_text(text)
    rows = session.scalars(select(Account).order_by(Account.chart, Account.code))
    return [
        AccountRow(
            row.code,
            row.name_en if is_english else row.name_zh,
            row.name_zh if is_english else row.name_en,
            row.kind,
            row.normal_side,
            row.restriction,
            row.statement_line,
            row.is_postable,
            row.is_money,
            row.from_on,
            row.until_on,
        )
        for row in rows
        if not wanted
        or row.code.startswith(wanted)
        or wanted in search_text(row.name_zh)
        or wanted in fold_text(row.name_en)
    ]


@dataclass(frozen=True, slots=True)
class EarmarkRow:
    """A purpose below a fund; the charter is the fund's own."""

    code: str
    name: str
    text: str
    source: str
    document_ref: str
    is_default: bool
    from_on: date
    until_on: date | None


@dataclass(frozen=True, slots=True)
class FundRow:
    """A fund with its earmarks, the charter first."""

    code: str
    name: str
    name_en: str
    kind: str
    purpose: str
    document_ref: str
    opened_on: date
    closed_on: date | None
    earmarks: tuple[EarmarkRow, ...]


def fund_rows(session: Session, org_id: int) -> list[FundRow]:
    """Return the funds of an org in order, each with its earmarks."""
    earmarks: dict[int, list[EarmarkRow]] = {}
    for row in session.scalars(
        select(Earmark).where(Earmark.org_id == org_id).order_by(Earmark.is_default.desc(), Earmark.code)
    ):
        earmarks.setdefault(row.fund_id, []).append(
            EarmarkRow(
                row.code,
                row.name,
                row.text,
                row.source,
                row.document_ref,
                row.is_default,
                row.from_on,
                row.until_on,
            )
        )
    funds = session.scalars(select(Fund).where(Fund.org_id == org_id).order_by(Fund.position, Fund.code))
    return [
        FundRow(
            fund.code,
            fund.name,
            fund.name_en,
            fund.kind,
            fund.purpose,
            fund.document_ref,
            fund.opened_on,
            fund.closed_on,
            tuple(earmarks.get(fund.id, ())),
        )
        for fund in funds
    ]


@dataclass(frozen=True, slots=True)
class MoneyPlaceRow:
    """A bank account, merchant number or cash box."""

    code: str
    name: str
    kind: str
    institution: str
    number_tail: str
    account: str
    agency_account: str
    is_main: bool
    opened_on: date
    closed_on: date | None


def money_place_rows(session: Session, org_id: int) -> Iterator[MoneyPlaceRow]:
    """Yield the places of money of an org by code."""
    codes = dict(session.execute(select(Account.id, Account.code)).all())
    rows = session.scalars(select(MoneyPlace).where(MoneyPlace.org_id == org_id).order_by(MoneyPlace.code))
    for row in rows:
        yield MoneyPlaceRow(
            row.code,
            row.name,
            row.kind,
            row.institution,
            row.number_tail,
            codes[row.account_id],
            codes[row.agency_account_id] if row.agency_account_id is not None else "",
            row.is_main,
            row.opened_on,
            row.closed_on,
        )


@dataclass(frozen=True, slots=True)
class TagRow:
    """A project or a designation: code, name, paper."""

    code: str
    name: str
    document_ref: str = ""


def project_rows(session: Session, org_id: int) -> list[TagRow]:
    """Return the projects the books know, by code."""
    rows = session.execute(
        select(ProjectTag.code, ProjectTag.name).where(ProjectTag.org_id == org_id).order_by(ProjectTag.code)
    )
    return [TagRow(code, name) for code, name in rows]


def designation_rows(session: Session, org_id: int) -> list[TagRow]:
    """Return the council's designations, by code."""
    rows = session.execute(
        select(Designation.code, Designation.name, Designation.document_ref)
        .where(Designation.org_id == org_id)
        .order_by(Designation.code)
    )
    return [TagRow(code, name, paper) for code, name, paper in rows]


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """One of the two dimensions an org defines itself, with its values."""

    slot: int
    name: str
    values: tuple[TagRow, ...]


def dimension_rows(session: Session, org_id: int) -> list[DimensionRow]:
    """Return both user-defined dimensions; the name is empty while one is not used."""
    names = dict(
        session.execute(
            select(DimensionKind.slot, DimensionKind.name).where(DimensionKind.org_id == org_id)
        ).all()
    )
    values: dict[int, list[TagRow]] = {}
    for slot, code, name in session.execute(
        select(DimensionValue.slot, DimensionValue.code, DimensionValue.name)
        .where(DimensionValue.org_id == org_id)
        .order_by(DimensionValue.slot, DimensionValue.code)
    ):
        values.setdefault(slot, []).append(TagRow(code, name))
    return [DimensionRow(slot, names.get(slot, ""), tuple(values.get(slot, ()))) for slot in (1, 2)]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One version of a posting rule.

    Attributes:
        state: ``in_force``, ``waiting`` (for approvals), ``coming`` or ``superseded``.
    """

    id: int
    code: str
    version: int
    text: str
    from_on: date
    author_id: int
    first_approver_id: int | None
    second_approver_id: int | None
    approved_at: datetime | None
    state: str


def rule_rows(session: Session, org_id: int, on: date) -> list[RuleRow]:
    """Return every version of every posting rule, by code, the newest version first.

    Args:
        on: today; the newest approved version that has begun is in force.
    """
    rows = session.scalars(
        select(PostingRule)
        .where(PostingRule.org_id == org_id)
        .order_by(PostingRule.code, PostingRule.version.desc())
    )
    found: list[RuleRow] = []
    in_force: set[str] = set()
    for row in rows:
        if row.approved_at is None:
            state = "waiting"
        elif row.from_on > on:
            state = "coming"
        elif row.code in in_force:
            state = "superseded"
        else:
            state = "in_force"
            in_force.add(row.code)
        found.append(
            RuleRow(
                row.id,
                row.code,
                row.version,
                row.text,
                row.from_on,
                row.author_id,
                row.first_approver_id,
                row.second_approver_id,
                row.approved_at,
                state,
            )
        )
    return found
