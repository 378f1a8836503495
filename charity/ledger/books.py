"""Loading what the codes of an org's books mean on a day. Imports ``db`` and lower."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import or_, select
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


def load_books(session: Session, org_id: int, on: date) -> Books:
    """Return the codes of an org's books as they stand on a day.

    Args:
        session: any session.
        org_id: whose books.
        on: the day of the voucher; decides the chart and the guards.
    """
    org = session.execute(select(Org.code).where(Org.id == org_id)).scalar_one()
    year = session.get(BookYear, (org_id, on.year))
    accounts = _accounts(session, on, year.chart if year else "cn-2026")
    codes = {account.id: account.code for account in accounts.values()}
    funds, earmarks = _funds(session, org_id)
    places = session.scalars(select(MoneyPlace).where(MoneyPlace.org_id == org_id).order_by(MoneyPlace.code))
    return Books(
        on=on,
        org_code=org,
        words=year.words if year else "single",
        accounts=accounts,
        funds=funds,
        earmarks=earmarks,
        places={p.code: _place(p, codes) for p in places if p.account_id in codes},
        designations=_codes(session, Designation, org_id),
        projects=_codes(session, ProjectTag, org_id),
        cash_flow_items=dict(session.execute(select(CashFlowItem.code, CashFlowItem.id)).all()),
        dimensions={
            (slot, code): value
            for slot, code, value in session.execute(
                select(DimensionValue.slot, DimensionValue.code, DimensionValue.id).where(
                    DimensionValue.org_id == org_id
                )
            )
        },
        guarded=_guarded(session, on, codes),
    )


def _accounts(session: Session, on: date, chart: str) -> dict[str, AccountInfo]:
    """Return the accounts of a chart in force on a day, by code, in the order of codes."""
    rows = session.scalars(
        select(Account)
        .where(
            Account.chart == chart,
            Account.from_on <= on,
            or_(Account.until_on.is_(None), Account.until_on >= on),
        )
        .order_by(Account.code)
    )
    return {
        a.code: AccountInfo(
            a.id, a.code, a.name_zh, a.name_en, a.kind, a.restriction, a.is_postable, a.is_money
        )
        for a in rows
    }


def _funds(session: Session, org_id: int) -> tuple[dict[str, FundInfo], dict[str, EarmarkInfo]]:
    """Return the funds and earmarks of an org by code."""
    fund_rows: Sequence[Fund] = session.scalars(
        select(Fund).where(Fund.org_id == org_id).order_by(Fund.position, Fund.code)
    ).all()
    names = {fund.id: fund.code for fund in fund_rows}
    earmark_rows = session.scalars(
        select(Earmark).where(Earmark.org_id == org_id).order_by(Earmark.code)
    ).all()
    defaults = {earmark.fund_id: earmark.code for earmark in earmark_rows if earmark.is_default}
    funds = {
        f.code: FundInfo(f.id, f.code, f.name, f.kind, f.opened_on, f.closed_on, defaults.get(f.id, ""))
        for f in fund_rows
    }
    return funds, {e.code: EarmarkInfo(e.id, e.code, e.name, names[e.fund_id]) for e in earmark_rows}


def _place(place: MoneyPlace, codes: dict[int, str]) -> PlaceInfo:
    """Return a money place with its accounts by code."""
    agency = codes.get(place.agency_account_id) if place.agency_account_id is not None else None
    return PlaceInfo(place.id, place.code, place.name, codes[place.account_id], agency, place.is_main)


def _codes(session: Session, model: type[Designation] | type[ProjectTag], org_id: int) -> dict[str, int]:
    """Return code → id of a small table of the org."""
    return dict(session.execute(select(model.code, model.id).where(model.org_id == org_id)).all())


def _guarded(session: Session, on: date, codes: dict[int, str]) -> frozenset[tuple[str, str, str]]:
    """Return the (guard, kind of fund, account code) triples in force on a day."""
    rows = session.execute(
        select(GuardRule.guard, GuardRule.fund_kind, GuardRule.account_id).where(
            GuardRule.from_on <= on, or_(GuardRule.until_on.is_(None), GuardRule.until_on >= on)
        )
    )
    return frozenset((guard, kind, codes[account]) for guard, kind, account in rows if account in codes)
