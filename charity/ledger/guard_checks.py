"""The guards of money and goods derived again from the posted lines and the holds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.findings import LIMIT, Finding, amount, compare
from charity.ledger.models import Fund, GuardRule, Period
from charity.ledger.sealed_models import (
    FundGuard,
    FundMonth,
    Hold,
    HoldEvent,
    StockGuard,
    Voucher,
    VoucherLine,
)
from charity.periods import Month


def _guarded_lines(guard: str) -> Any:
    """Return the join condition of lines with what counts for a guard on their day."""
    return (
        (GuardRule.guard == guard)
        & (GuardRule.fund_kind == Fund.kind)
        & (GuardRule.account_id == VoucherLine.account_id)
        & (GuardRule.from_on <= VoucherLine.voucher_on)
        & or_(GuardRule.until_on.is_(None), GuardRule.until_on >= VoucherLine.voucher_on)
    )


def check_guards(session: Session, org_id: int) -> list[Finding]:
    """Derive what each fund and earmark can spend, now, at month ends, and in goods."""
    line = VoucherLine
    net = line.debit_fen - line.credit_fen
    joined = (
        select(line.fund_id, line.earmark_id, line.month, sum_of(net))
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(GuardRule, _guarded_lines("money"))
        .where(line.org_id == org_id)
        .group_by(line.fund_id, line.earmark_id, line.month)
    )
    moved: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for fund_id, earmark_id, month, fen in session.execute(joined):
        moved[fund_id, earmark_id][month] = fen
    held = _held(session, org_id)
    funds = dict(session.execute(select(Fund.id, Fund.code).where(Fund.org_id == org_id)).all())
    found = []
    for guard in session.scalars(select(FundGuard).where(FundGuard.org_id == org_id)):
        key = (guard.fund_id, guard.earmark_id)
        expected = sum(moved.get(key, {}).values()) - held.get(key, 0)
        where = f"fund {funds.get(guard.fund_id, guard.fund_id)} earmark {guard.earmark_id}"
        if (guard.available_fen, guard.held_fen) != (expected, held.get(key, 0)):
            kept = f"{amount(guard.available_fen)} / {amount(guard.held_fen)}"
            lines = f"{amount(expected)} / {amount(held.get(key, 0))}"
            found.append(Finding("guards", where, f"the guard keeps {kept}, the lines give {lines}"))
        if isinstance(guard.available_fen, int) and guard.available_fen < 0 and guard.incident_id is None:
            found.append(Finding("guards", where, f"is overdrawn by {amount(-guard.available_fen)}"))
    missing = {key for key, months in moved.items() if any(months.values())} - {
        (g.fund_id, g.earmark_id)
        for g in session.scalars(select(FundGuard).where(FundGuard.org_id == org_id))
    }
    found += [
        Finding("guards", f"fund {funds.get(key[0], key[0])}", "has no guard") for key in sorted(missing)
    ]
    return (found + _check_month_ends(session, org_id, moved, funds) + _check_stock(session, org_id))[:LIMIT]


def check_holds(session: Session, org_id: int) -> list[Finding]:
    """Derive whether each hold was placed by whoever it says, and settled by a voucher that pays it."""
    placed, ended = HoldEvent.__table__.alias("placed"), HoldEvent.__table__.alias("ended")
    rows = session.execute(
        select(Hold, placed.c.acted_by, placed.c.acted_at, ended.c.kind, ended.c.voucher_id)
        .outerjoin(
            placed,
            and_(placed.c.org_id == Hold.org_id, placed.c.hold_id == Hold.id, placed.c.step_no == 1),
        )
        .outerjoin(
            ended, and_(ended.c.org_id == Hold.org_id, ended.c.hold_id == Hold.id, ended.c.step_no == 2)
        )
        .where(Hold.org_id == org_id)
        .order_by(Hold.id)
    ).all()
    taken = _taken(session, org_id)
    used: set[int] = set()
    found = []
    for hold, by, at, kind, voucher_id in rows:
        messages = []
        if (by, at) != (hold.placed_by, hold.placed_at):
            messages.append("was placed by somebody else, or at another time, than its first step says")
        if kind == "settled":
            fen = taken.get((voucher_id, hold.fund_id, hold.earmark_id), 0)
            if not -hold.amount_fen <= fen < 0:
                messages.append(f"holds {amount(hold.amount_fen)}, its voucher moves {amount(fen)}")
            if voucher_id in used:
                messages.append("is settled by a voucher that settles another one")
            used.add(voucher_id)
        found += [Finding("holds", f"hold {hold.subject}", message) for message in messages]
    return found[:LIMIT]


def _taken(session: Session, org_id: int) -> dict[tuple[int, int, int], int]:
    """Return what each voucher that settles a hold moves per fund and earmark, in fen, signed."""
    line = VoucherLine
    settled = select(HoldEvent.voucher_id).where(HoldEvent.org_id == org_id, HoldEvent.kind == "settled")
    rows = session.execute(
        select(line.voucher_id, line.fund_id, line.earmark_id, sum_of(line.debit_fen - line.credit_fen))
        .join(Voucher, and_(Voucher.org_id == line.org_id, Voucher.id == line.voucher_id))
        .join(Fund, and_(Fund.org_id == line.org_id, Fund.id == line.fund_id))
        .join(GuardRule, _guarded_lines("money"))
        .where(line.org_id == org_id, line.voucher_id.in_(settled))
        .group_by(line.voucher_id, line.fund_id, line.earmark_id)
    )
    return {(voucher_id, fund_id, earmark_id): fen for voucher_id, fund_id, earmark_id, fen in rows}


def _held(session: Session, org_id: int) -> dict[tuple[int, int], int]:
    """Return what open holds set aside, by fund and earmark."""
    ended = select(HoldEvent.hold_id).where(HoldEvent.org_id == org_id, HoldEvent.step_no == 2)
    rows = session.execute(
        select(Hold.fund_id, Hold.earmark_id, sum_of(Hold.amount_fen))
        .join(
            HoldEvent,
            (HoldEvent.org_id == Hold.org_id) & (HoldEvent.hold_id == Hold.id) & (HoldEvent.step_no == 1),
        )
        .where(Hold.org_id == org_id, Hold.id.not_in(ended))
        .group_by(Hold.fund_id, Hold.earmark_id)
    )
    return {(fund_id, earmark_id): fen for fund_id, earmark_id, fen in rows}


def _check_month_ends(
    session: Session, org_id: int, moved: dict[tuple[int, int], dict[int, int]], funds: dict[int, str]
) -> list[Finding]:
    """Derive what could be spent at each month's end."""
    found = []
    kept: dict[tuple[int, int], set[int]] = defaultdict(set)
    for row in session.scalars(select(FundMonth).where(FundMonth.org_id == org_id)):
        kept[row.fund_id, row.earmark_id].add(row.month)
        months = moved.get((row.fund_id, row.earmark_id), {})
        expected = sum(fen for month, fen in months.items() if month <= row.month)
        if row.available_fen != expected:
            where = f"fund {funds.get(row.fund_id, row.fund_id)} {Month.from_code(row.month)}"
            has = amount(row.available_fen)
            found.append(Finding("month ends", where, f"keeps {has}, the lines give {amount(expected)}"))
    opened = session.scalars(select(Period.month).where(Period.org_id == org_id).order_by(Period.month)).all()
    for key, months in sorted(moved.items()):
        for month in opened:
            if month >= min(months) and month not in kept[key]:
                where = f"fund {funds.get(key[0], key[0])} {Month.from_code(month)}"
                found.append(Finding("month ends", where, "has no row for this month"))
    return found


def _check_stock(session: Session, org_id: int) -> list[Finding]:
    """Derive the value of goods in store."""
    line = VoucherLine
    fresh = session.execute(
        select(line.fund_id, line.earmark_id, line.account_id, sum_of(line.debit_fen - line.credit_fen))
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(GuardRule, _guarded_lines("stock"))
        .where(line.org_id == org_id)
        .group_by(line.fund_id, line.earmark_id, line.account_id)
    )
    stock = StockGuard
    kept = session.execute(
        select(stock.fund_id, stock.earmark_id, stock.account_id, stock.value_fen).where(
            stock.org_id == org_id
        )
    )
    return compare("stock", fresh, kept, 3, lambda key: f"fund {key[0]} account {key[2]}")
