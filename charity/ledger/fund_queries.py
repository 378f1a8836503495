"""What each fund and earmark is made of, and the money set aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ids import key_of
from charity.ledger.models import Account, Earmark, Fund
from charity.ledger.naming import BookNames
from charity.ledger.sealed_models import Balance, FundGuard, Hold, HoldEvent, Incident, IncidentCover

#: Own money in hand, money the bank is paying out, goods in store: what a card tells apart.
CASH = ("1001", "1002", "100191", "100291")
TRANSIT = ("100902",)
GOODS = ("1201", "1801")


@dataclass(frozen=True, slots=True)
class PurseRow:
    """What one fund and earmark is made of, in fen.

    ``net_assets = spendable + held + transit + goods + other`` for restricted money, whose
    payables are off what may be spent; for general money ``… − payables``; for agency
    money the amount held for others.
    """

    fund: str
    fund_name: str
    fund_kind: str
    earmark: str
    earmark_name: str
    net_assets_fen: int
    spendable_fen: int
    held_fen: int
    transit_fen: int
    goods_fen: int
    other_fen: int
    payables_fen: int
    is_frozen: bool


def purse_rows(session: Session, org_id: int, names: BookNames) -> list[PurseRow]:
    """Return what every fund and earmark is made of, in the order of funds.

    An earmark on which nothing was ever booked is left out, but a fund's charter stays.
    """
    sums = _sums(session, org_id)
    guards = {
        (guard.fund_id, guard.earmark_id): guard
        for guard in session.scalars(select(FundGuard).where(FundGuard.org_id == org_id))
    }
    rows = session.execute(
        select(Fund, Earmark)
        .join(Earmark, (Earmark.org_id == Fund.org_id) & (Earmark.fund_id == Fund.id))
        .where(Fund.org_id == org_id)
        .order_by(Fund.position, Fund.code, Earmark.is_default.desc(), Earmark.code)
    )
    found = []
    for fund, earmark in rows:
        key = (fund.id, earmark.id)
        if key in sums or earmark.is_default:
            found.append(_row(fund, earmark, sums.get(key, {}), guards.get(key), names))
    return found


def _sums(session: Session, org_id: int) -> dict[tuple[int, int], dict[tuple[str, str], int]]:
    """Return (fund, earmark) → (kind, account) → debit less credit, in fen."""
    query = (
        select(
            Balance.fund_id,
            Balance.earmark_id,
            Account.kind,
            Account.code,
            sum_of(Balance.debit_fen - Balance.credit_fen),
        )
        .join(Account, Account.id == Balance.account_id)
        .where(Balance.org_id == org_id)
        .group_by(Balance.fund_id, Balance.earmark_id, Account.kind, Account.code)
    )
    result: dict[tuple[int, int], dict[tuple[str, str], int]] = defaultdict(dict)
    for fund_id, earmark_id, kind, code, fen in session.execute(query):
        result[fund_id, earmark_id][kind, code] = fen
    return result


def _row(
    fund: Fund,
    earmark: Earmark,
    sums: Mapping[tuple[str, str], int],
    guard: FundGuard | None,
    names: BookNames,
) -> PurseRow:
    """Return one purse from its sums."""

    def total(codes: tuple[str, ...]) -> int:
        return sum(fen for (_, code), fen in sums.items() if code in codes)

    assets = sum(fen for (kind, _), fen in sums.items() if kind in ("asset", "contra_asset"))
    payables = -sum(fen for (kind, code), fen in sums.items() if kind == "liability" and code != "2601")
    cash, transit, goods = total(CASH), total(TRANSIT), total(GOODS)
    held = guard.held_fen if guard else 0
    return PurseRow(
        fund=fund.code,
        fund_name=names.fund(fund.code),
        fund_kind=fund.kind,
        earmark=earmark.code,
        earmark_name=names.earmark(fund.code, earmark.code),
        net_assets_fen=assets - payables,
        spendable_fen=cash - held - (payables if fund.kind == "restricted" else 0),
        held_fen=held,
        transit_fen=transit,
        goods_fen=goods,
        other_fen=assets - cash - transit - goods,
        payables_fen=0 if fund.kind == "restricted" else payables,
        is_frozen=guard is not None and guard.incident_id is not None,
    )


@dataclass(frozen=True, slots=True)
class HoldRow:
    """Money set aside for one payment.

    Attributes:
        subject: code of what it is for.
        ask_on: day from which somebody is asked whether it still stands; None: never.
        is_due: whether that day has come.
        cursor: where the rows after this one begin.
    """

    id: int
    fund: str
    purse: str
    amount_fen: int
    subject: str
    placed_on: date
    placed_by: int
    placed_at: datetime
    ask_on: date | None
    is_due: bool
    cursor: str


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """Which open holds are shown; an empty field does not filter."""

    fund: str = ""
    text: str = ""
    due_on: date | None = None


def _hold_conditions(org_id: int, wanted: HoldFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of open holds."""
    ended = exists().where(
        HoldEvent.org_id == Hold.org_id, HoldEvent.hold_id == Hold.id, HoldEvent.step_no == 2
    )
    found: list[ColumnElement[bool]] = [Hold.org_id == org_id, ~ended]
    if wanted.fund:
        found.append(Fund.code == wanted.fund)
    if wanted.text:
        found.append(Hold.subject.contains(wanted.text, autoescape=True))
    if wanted.due_on is not None:
        found.append(Hold.ask_on <= wanted.due_on)
    return found


def open_holds(
    session: Session,
    org_id: int,
    wanted: HoldFilter,
    names: BookNames,
    on: date,
    *,
    cursor: str = "",
    limit: int = 100,
) -> tuple[tuple[HoldRow, ...], str]:
    """Return one page of open holds, the oldest first, and the cursor of the next.

    Args:
        org_id: whose books.
        wanted: the filter.
        names: for funds.
        on: today.
        cursor: ``HoldRow.cursor`` of the last row before; empty for the first page.
        limit: how many rows.
    """
    conditions = _hold_conditions(org_id, wanted)
    if (key := key_of(cursor)) is not None:
        conditions.append(Hold.id > key)
    rows = session.execute(
        select(Hold, Fund.code, Earmark.code)
        .join(Fund, (Fund.org_id == Hold.org_id) & (Fund.id == Hold.fund_id))
        .join(Earmark, (Earmark.org_id == Hold.org_id) & (Earmark.id == Hold.earmark_id))
        .where(*conditions)
        .order_by(Hold.id)
        .limit(limit + 1)
    ).all()
    found = tuple(_hold(hold, fund, names.purse(fund, earmark), on) for hold, fund, earmark in rows[:limit])
    return found, found[-1].cursor if len(rows) > limit else ""


def _hold(hold: Hold, fund: str, purse: str, on: date) -> HoldRow:
    """Return one hold for a list."""
    return HoldRow(
        id=hold.id,
        fund=fund,
        purse=purse,
        amount_fen=hold.amount_fen,
        subject=hold.subject,
        placed_on=hold.placed_on,
        placed_by=hold.placed_by,
        placed_at=hold.placed_at,
        ask_on=hold.ask_on,
        is_due=hold.ask_on is not None and hold.ask_on <= on,
        cursor=str(hold.id),
    )


def read_hold(session: Session, org_id: int, hold_id: int, names: BookNames, on: date) -> HoldRow | None:
    """Return one open hold; None when there is none, or it has ended."""
    row = session.execute(
        select(Hold, Fund.code, Earmark.code)
        .join(Fund, (Fund.org_id == Hold.org_id) & (Fund.id == Hold.fund_id))
        .join(Earmark, (Earmark.org_id == Hold.org_id) & (Earmark.id == Hold.earmark_id))
        .where(*_hold_conditions(org_id, HoldFilter()), Hold.id == hold_id)
    ).one_or_none()
    return _hold(row[0], row[1], names.purse(row[1], row[2]), on) if row else None


def sum_holds(session: Session, org_id: int, wanted: HoldFilter) -> tuple[int, int]:
    """Return how many open holds a filter finds, and their sum in fen."""
    count, total = session.execute(
        select(func.count(), sum_of(Hold.amount_fen))
        .join(Fund, (Fund.org_id == Hold.org_id) & (Fund.id == Hold.fund_id))
        .where(*_hold_conditions(org_id, wanted))
    ).one()
    return count, total


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """An incident of an overdrawn fund, open or covered.

    Attributes:
        available_fen: what the fund can spend now; below zero while it is short.
        covered_at: when it ended; None while it is open.
    """

    id: int
    purse: str
    fund: str
    month: int
    reason: str
    available_fen: int
    declared_by: int
    seconded_by: int
    declared_at: datetime
    covered_by: int | None
    covered_at: datetime | None
    note: str


def incident_stories(session: Session, org_id: int, names: BookNames, limit: int = 50) -> list[IncidentStory]:
    """Return the incidents, open ones first, then the latest covered ones."""

    rows = session.execute(
        select(
            Incident,
            Fund.code,
            Earmark.code,
            FundGuard.available_fen,
            IncidentCover.covered_by,
            IncidentCover.covered_at,
            IncidentCover.note,
        )
        .outerjoin(
            IncidentCover,
            (IncidentCover.org_id == Incident.org_id) & (IncidentCover.incident_id == Incident.id),
        )
        .join(Fund, (Fund.org_id == Incident.org_id) & (Fund.id == Incident.fund_id))
        .join(Earmark, (Earmark.org_id == Incident.org_id) & (Earmark.id == Incident.earmark_id))
        .outerjoin(
            FundGuard,
            (FundGuard.org_id == Incident.org_id)
            & (FundGuard.fund_id == Incident.fund_id)
            & (FundGuard.earmark_id == Incident.earmark_id),
        )
        .where(Incident.org_id == org_id)
        .order_by(IncidentCover.incident_id.is_not(None), Incident.id.desc())
        .limit(limit)
    )
    return [
        IncidentStory(
            id=incident.id,
            purse=names.purse(fund, earmark),
            fund=fund,
            month=incident.month,
            reason=incident.reason,
            available_fen=available or 0,
            declared_by=incident.declared_by,
            seconded_by=incident.seconded_by,
            declared_at=incident.declared_at,
            covered_by=covered_by,
            covered_at=covered_at,
            note=note or "",
        )
        for incident, fund, earmark, available, covered_by, covered_at, note in rows
    ]
