"""Loading what the codes of an org's books mean on a day. Imports ``db`` and lower.

Read for every batch, so the statements are built once and ask for columns, not records.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from charity.ledger.models import (
    Account,
    BookYear,
    CashFlowItem,
    Designation,
    DimensionValue,
    Earmark,
    Fund,
    GuardRule,
    MoneyPlace,
    ProjectTag,
)
from charity.ledger.rules import AccountInfo, Books, EarmarkInfo, FundInfo, PlaceInfo
from charity.places.models import Org

_ORG: Any = bindparam("org_id")
_ON: Any = bindparam("on")

_CODE = select(Org.code).where(Org.id == _ORG)
_YEAR = select(BookYear.words, BookYear.chart).where(
    BookYear.org_id == _ORG, BookYear.year == bindparam("year")
)
_ACCOUNTS = (
    select(
        Account.id,
        Account.code,
        Account.name_zh,
        Account.name_en,
        Account.kind,
        Account.restriction,
        Account.is_postable,
        Account.is_money,
    )
    .where(
        Account.chart == bindparam("chart"),
        Account.from_on <= _ON,
        or_(Account.until_on.is_(None), Account.until_on >= _ON),
    )
    .order_by(Account.code)
)
_FUNDS = (
    select(Fund.id, Fund.code, Fund.name, Fund.kind, Fund.opened_on, Fund.closed_on)
    .where(Fund.org_id == _ORG)
    .order_by(Fund.position, Fund.code)
)
_EARMARKS = (
    select(Earmark.id, Earmark.code, Earmark.name, Earmark.fund_id, Earmark.is_default)
    .where(
        Earmark.org_id == _ORG,
        or_(Earmark.until_on.is_(None), Earmark.until_on >= _ON),
    )
    .order_by(Earmark.code)
)
_PLACES = (
    select(
        MoneyPlace.id,
        MoneyPlace.code,
        MoneyPlace.name,
        MoneyPlace.account_id,
        MoneyPlace.agency_account_id,
        MoneyPlace.is_main,
    )
    .where(
        MoneyPlace.org_id == _ORG,
        or_(MoneyPlace.closed_on.is_(None), MoneyPlace.closed_on >= _ON),
    )
    .order_by(MoneyPlace.code)
)
_DESIGNATIONS = select(Designation.code, Designation.id).where(Designation.org_id == _ORG)
_PROJECTS = select(ProjectTag.code, ProjectTag.id).where(ProjectTag.org_id == _ORG)
_ITEMS = select(CashFlowItem.code, CashFlowItem.id)
_DIMENSIONS = select(DimensionValue.slot, DimensionValue.code, DimensionValue.id).where(
    DimensionValue.org_id == _ORG
)
_GUARDED = select(GuardRule.guard, GuardRule.fund_kind, GuardRule.account_id).where(
    GuardRule.from_on <= _ON, or_(GuardRule.until_on.is_(None), GuardRule.until_on >= _ON)
)


def load_books(session: Session, org_id: int, on: date) -> Books:
    """Return the codes of an org's books as they stand on a day.

    Args:
        session: any session.
        org_id: whose books.
        on: the day of the voucher; decides the chart and the guards.
    """
    values: dict[str, Any] = {"org_id": org_id, "on": on, "year": on.year}

    def rows(statement: Any) -> list[Any]:
        return list(session.execute(statement, values).all())

    year = rows(_YEAR)
    words, values["chart"] = (year[0].words, year[0].chart) if year else ("single", "cn-2026")
    accounts = {row.code: AccountInfo(*row) for row in rows(_ACCOUNTS)}
    codes = {account.id: account.code for account in accounts.values()}
    funds, earmarks = _funds(rows(_FUNDS), rows(_EARMARKS))
    return Books(
        on=on,
        org_code=session.execute(_CODE, values).scalar_one(),
        words=words,
        accounts=accounts,
        funds=funds,
        earmarks=earmarks,
        places=_places(rows(_PLACES), codes),
        designations={row.code: row.id for row in rows(_DESIGNATIONS)},
        projects={row.code: row.id for row in rows(_PROJECTS)},
        cash_flow_items={row.code: row.id for row in rows(_ITEMS)},
        dimensions={(row.slot, row.code): row.id for row in rows(_DIMENSIONS)},
        guarded=frozenset(
            (row.guard, row.fund_kind, codes[row.account_id])
            for row in rows(_GUARDED)
            if row.account_id in codes
        ),
    )


def _funds(
    fund_rows: list[Any], earmark_rows: list[Any]
) -> tuple[dict[str, FundInfo], dict[str, EarmarkInfo]]:
    """Return the funds and earmarks of an org by code."""
    names = {row.id: row.code for row in fund_rows}
    defaults = {row.fund_id: row.code for row in earmark_rows if row.is_default}
    funds = {
        row.code: FundInfo(
            row.id, row.code, row.name, row.kind, row.opened_on, row.closed_on, defaults.get(row.id, "")
        )
        for row in fund_rows
    }
    return funds, {
        row.code: EarmarkInfo(row.id, row.code, row.name, names[row.fund_id]) for row in earmark_rows
    }


def _places(rows: list[Any], codes: dict[int, str]) -> dict[str, PlaceInfo]:
    """Return the places of money of an org by code, with their accounts by code."""
    return {
        row.code: PlaceInfo(
            row.id,
            row.code,
            row.name,
            codes[row.account_id],
            codes.get(row.agency_account_id) if row.agency_account_id is not None else None,
            row.is_main,
        )
        for row in rows
        if row.account_id in codes
    }
