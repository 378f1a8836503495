"""The books checked against themselves: every law derived again from the posted lines.

A check is a function ``(session, org_id) -> list[Finding]`` and names the first wrong
rows it meets. ``flask check`` runs those of all features; tests run them after journeys.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import case, func, literal, or_, select
from sqlalchemy.orm import Session

from charity import triggers
from charity.db import sum_of
from charity.ledger.attachments import attachment_path
from charity.ledger.commitments import differing_fields
from charity.ledger.models import Account, Attachment, Fund, GuardRule, Period, VoucherCounter
from charity.ledger.reading import PostedRecord, each_voucher, read_vouchers
from charity.ledger.rules import TAKEN_OVER_SERIES
from charity.ledger.sealed_models import (
    Balance,
    CashFlowTotal,
    DayTotal,
    FundGuard,
    FundMonth,
    Hold,
    HoldEvent,
    StockGuard,
    Voucher,
    VoucherAttachment,
    VoucherLine,
)
from charity.money import format_yuan
from charity.periods import Month

#: Findings of one check at the most; the first ones name the place.
LIMIT = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be.

    Attributes:
        check: name of the check.
        where: the row, as people say it.
        message: what differs, in English.
    """

    check: str
    where: str
    message: str


Check = Callable[[Session, int], list[Finding]]


def check_triggers(session: Session, org_id: int) -> list[Finding]:
    """Compare the database's triggers with their text."""
    return [Finding("triggers", "database", text) for text in triggers.compare(session.connection())]


def check_vouchers(session: Session, org_id: int) -> list[Finding]:
    """Derive every voucher again: sums, funds, colour, people, numbers, order and commitments."""
    found: list[Finding] = []
    last: dict[tuple[int, str], tuple[int, date]] = {}
    for record in each_voucher(session, org_id):
        where = f"{record.month} {record.number_text}"
        messages = _check_header(record) + _check_lines(record)
        head = record.header
        number, on = last.get((head["month"], head["word"]), (0, date.min))
        if head["number"] != number + 1:
            messages.append(f"follows number {number}: a number is missing or was given twice")
        if head["voucher_on"] < on:
            messages.append(f"is dated {head['voucher_on']}, before the voucher in front of it ({on})")
        last[head["month"], head["word"]] = (head["number"], head["voucher_on"])
        found += [Finding("vouchers", where, message) for message in messages]
        if len(found) >= LIMIT:
            return found[:LIMIT]
    return found


def _check_header(record: PostedRecord) -> list[str]:
    """Return what is wrong with a header beside its lines."""
    head, lines = record.header, [line.value for line in record.lines]
    messages = []
    if [line.line_no for line in record.lines] != list(range(1, head["line_count"] + 1)):
        messages.append(f"has {len(lines)} lines in place of {head['line_count']}")
    debit, credit = sum(line.debit_fen for line in lines), sum(line.credit_fen for line in lines)
    if not debit == credit == head["total_fen"]:
        sums = f"debit {format_yuan(debit)}, credit {format_yuan(credit)}"
        messages.append(f"does not balance: {sums}, total {format_yuan(head['total_fen'])}")
    excess: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        excess[line.fund, line.earmark] += line.debit_fen - line.credit_fen
    messages += [
        f"does not balance in fund {fund} ({earmark}): {format_yuan(fen)}"
        for (fund, earmark), fen in excess.items()
        if fen
    ]
    is_red = head["colour"] == "red"
    if any(
        (line.debit_fen or line.credit_fen) > 0 if is_red else (line.debit_fen or line.credit_fen) < 0
        for line in lines
    ):
        messages.append(f"has a line of the wrong sign for a {head['colour']} voucher")
    if not Month.from_code(head["month"]).holds(head["voucher_on"]):
        messages.append(f"is dated {head['voucher_on']}, outside its month")
    return messages + _check_people(head)


def _check_people(head: Any) -> list[str]:
    """Return which two steps one person took."""
    people = {
        "reviewer": head["reviewer_id"],
        "cashier": head["cashier_id"],
        "poster": head["poster_id"],
    }
    messages = [
        f"maker and {role} are one person" for role, person in people.items() if person == head["maker_id"]
    ]
    if head["cashier_id"] is not None and head["cashier_id"] in (head["reviewer_id"], head["poster_id"]):
        messages.append("the cashier also reviewed or posted it")
    return messages


def _check_lines(record: PostedRecord) -> list[str]:
    """Return the fields of lines whose commitment no longer fits."""
    messages = []
    for line, values in zip(record.lines, record.committed_values(), strict=True):
        try:
            fields = differing_fields(line.salt, values, line.commitments)
        except ValueError:
            fields = ["salt"]
        if len(fields) > len(values) // 2:
            fields = ["salt"]
        if fields:
            messages.append(f"line {line.line_no}: changed after posting: {', '.join(fields)}")
    return messages


def check_corrections(session: Session, org_id: int) -> list[Finding]:
    """Find vouchers of which their corrections have taken back more than there was."""
    line, voucher = VoucherLine, Voucher
    target = func.coalesce(voucher.reverses_id, voucher.corrects_id)
    corrected = select(target).where(voucher.org_id == org_id, target.is_not(None))
    of = func.coalesce(target, voucher.id)
    rows = session.execute(
        select(of)
        .join(line, (line.org_id == voucher.org_id) & (line.voucher_id == voucher.id))
        .where(voucher.org_id == org_id, of.in_(corrected), ~line.is_retag)
        .group_by(of, line.account_id, line.fund_id, line.earmark_id, line.debit_fen != 0)
        .having(func.sum(line.debit_fen + line.credit_fen) < 0)
        .limit(LIMIT)
    )
    ids = sorted({row[0] for row in rows})
    names = {record.header["id"]: record for record in read_vouchers(session, org_id, ids)}
    return [
        Finding(
            "corrections",
            f"{names[key].month} {names[key].number_text}" if key in names else f"voucher {key}",
            "its corrections take back more than there was",
        )
        for key in ids
    ]


def check_orphans(session: Session, org_id: int) -> list[Finding]:
    """Find lines without a header; nothing may count that is not sealed."""
    ids = session.scalars(
        select(VoucherLine.voucher_id)
        .where(
            VoucherLine.org_id == org_id,
            ~select(Voucher.id)
            .where(Voucher.org_id == VoucherLine.org_id, Voucher.id == VoucherLine.voucher_id)
            .exists(),
        )
        .distinct()
        .limit(LIMIT)
    )
    return [Finding("orphans", f"voucher {key}", "lines stand without their header") for key in ids]


def check_counters(session: Session, org_id: int) -> list[Finding]:
    """Compare each counter with the numbers given, and its state with its month's."""
    rows = session.execute(
        select(
            VoucherCounter.month,
            VoucherCounter.word,
            VoucherCounter.last_no,
            VoucherCounter.is_open,
            Period.is_open,
            Period.closed_at,
            select(func.coalesce(func.max(Voucher.number), 0))
            .where(
                Voucher.org_id == VoucherCounter.org_id,
                Voucher.month == VoucherCounter.month,
                Voucher.word == VoucherCounter.word,
            )
            .scalar_subquery(),
        )
        .join(Period, (Period.org_id == VoucherCounter.org_id) & (Period.month == VoucherCounter.month))
        .where(VoucherCounter.org_id == org_id)
        .order_by(VoucherCounter.month, VoucherCounter.word)
    )
    found = []
    for month, word, last_no, counter_open, period_open, closed_at, highest in rows:
        where = f"{Month.from_code(month)} {word}"
        if last_no != highest:
            found.append(
                Finding("counters", where, f"the counter says {last_no}, the last number is {highest}")
            )
        if bool(counter_open) != bool(period_open) or bool(period_open) != (closed_at is None):
            found.append(Finding("counters", where, "a closed month stands open again"))
    return found[:LIMIT]


def check_balances(session: Session, org_id: int) -> list[Finding]:
    """Compare kept balances with the sums over lines."""
    entry_class = case(
        (VoucherLine.is_retag, literal("retag")),
        (Voucher.kind == "correction", literal("normal")),
        ((Voucher.kind == "opening") & (Voucher.word == TAKEN_OVER_SERIES), literal("normal")),
        else_=Voucher.kind,
    )
    line = VoucherLine
    fresh = session.execute(
        select(
            line.account_id,
            line.fund_id,
            line.earmark_id,
            line.month,
            entry_class,
            sum_of(line.debit_fen),
            sum_of(line.credit_fen),
        )
        .join(Voucher, (Voucher.org_id == line.org_id) & (Voucher.id == line.voucher_id))
        .where(line.org_id == org_id)
        .group_by(line.account_id, line.fund_id, line.earmark_id, line.month, entry_class)
    )
    kept = session.execute(
        select(
            Balance.account_id,
            Balance.fund_id,
            Balance.earmark_id,
            Balance.month,
            Balance.entry_class,
            Balance.debit_fen,
            Balance.credit_fen,
        ).where(Balance.org_id == org_id)
    )
    accounts = dict(session.execute(select(Account.id, Account.code)).all())
    funds = dict(session.execute(select(Fund.id, Fund.code).where(Fund.org_id == org_id)).all())

    def name(key: tuple[Any, ...]) -> str:
        return (
            f"{accounts.get(key[0], key[0])} {funds.get(key[1], key[1])} {Month.from_code(key[3])} {key[4]}"
        )

    return _compare("balances", fresh, kept, 5, name)


def _compare(
    check: str, fresh: Any, kept: Any, width: int, name: Callable[[tuple[Any, ...]], str]
) -> list[Finding]:
    """Return where two sets of rows differ; the first ``width`` columns are the key."""
    want = {tuple(row[:width]): tuple(row[width:]) for row in fresh}
    have = {tuple(row[:width]): tuple(row[width:]) for row in kept}
    found = []
    for key in sorted(want.keys() | have.keys(), key=str):
        expected, present = want.get(key), have.get(key)
        if expected != present and (any(expected or ()) or any(present or ())):
            shown = _amounts(present), _amounts(expected)
            found.append(Finding(check, name(key), f"kept {shown[0]}, the lines give {shown[1]}"))
            if len(found) >= LIMIT:
                break
    return found


def _amounts(values: tuple[Any, ...] | None) -> str:
    """Return amounts for a message."""
    return "nothing" if values is None else " / ".join(format_yuan(int(value)) for value in values)


def check_days(session: Session, org_id: int) -> list[Finding]:
    """Compare day totals and cash-flow totals with the sums over lines."""
    line = VoucherLine
    own = (line.org_id == org_id, ~line.is_retag)
    days = session.execute(
        select(
            line.money_place_id,
            line.account_id,
            line.voucher_on,
            sum_of(line.debit_fen),
            sum_of(line.credit_fen),
        )
        .where(*own, line.money_place_id.is_not(None))
        .group_by(line.money_place_id, line.account_id, line.voucher_on)
    )
    kept_days = session.execute(
        select(
            DayTotal.money_place_id, DayTotal.account_id, DayTotal.on, DayTotal.debit_fen, DayTotal.credit_fen
        ).where(DayTotal.org_id == org_id)
    )
    flows = session.execute(
        select(
            line.month, line.fund_id, line.cash_flow_item_id, sum_of(line.debit_fen), sum_of(line.credit_fen)
        )
        .where(*own, line.cash_flow_item_id.is_not(None))
        .group_by(line.month, line.fund_id, line.cash_flow_item_id)
    )
    total = CashFlowTotal
    kept_flows = session.execute(
        select(total.month, total.fund_id, total.cash_flow_item_id, total.debit_fen, total.credit_fen).where(
            total.org_id == org_id
        )
    )
    return _compare("day totals", days, kept_days, 3, lambda key: f"place {key[0]} {key[2]}") + _compare(
        "cash flow", flows, kept_flows, 3, lambda key: f"{Month.from_code(key[0])} item {key[2]}"
    )


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
            kept = f"{format_yuan(guard.available_fen)} / {format_yuan(guard.held_fen)}"
            lines = f"{format_yuan(expected)} / {format_yuan(held.get(key, 0))}"
            found.append(Finding("guards", where, f"the guard keeps {kept}, the lines give {lines}"))
        if guard.available_fen < 0 and guard.incident_id is None:
            found.append(Finding("guards", where, f"is overdrawn by {format_yuan(-guard.available_fen)}"))
    missing = {key for key, months in moved.items() if any(months.values())} - {
        (g.fund_id, g.earmark_id)
        for g in session.scalars(select(FundGuard).where(FundGuard.org_id == org_id))
    }
    found += [
        Finding("guards", f"fund {funds.get(key[0], key[0])}", "has no guard") for key in sorted(missing)
    ]
    return (found + _check_month_ends(session, org_id, moved, funds) + _check_stock(session, org_id))[:LIMIT]


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
    for row in session.scalars(select(FundMonth).where(FundMonth.org_id == org_id)):
        months = moved.get((row.fund_id, row.earmark_id), {})
        expected = sum(fen for month, fen in months.items() if month <= row.month)
        if row.available_fen != expected:
            where = f"fund {funds.get(row.fund_id, row.fund_id)} {Month.from_code(row.month)}"
            kept = format_yuan(row.available_fen)
            found.append(
                Finding("month ends", where, f"keeps {kept}, the lines give {format_yuan(expected)}")
            )
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
    return _compare("stock", fresh, kept, 3, lambda key: f"fund {key[0]} account {key[2]}")


def attachment_check(data_dir: Path) -> Check:
    """Return the check that hashes every attachment's bytes again.

    Args:
        data_dir: the data folder with the store.
    """

    def check_attachments(session: Session, org_id: int) -> list[Finding]:
        """Hash the bytes of every attachment that a voucher or a row names."""
        linked = select(VoucherAttachment.sha256).where(VoucherAttachment.org_id == org_id).distinct()
        names = dict(
            session.execute(
                select(Attachment.sha256, Attachment.name).where(Attachment.org_id == org_id)
            ).all()
        )
        found = []
        for sha256 in sorted(set(session.scalars(linked)) | names.keys()):
            path = attachment_path(data_dir, sha256)
            where = f"{names.get(sha256, 'attachment')} {sha256[:12]}"
            if sha256 not in names:
                found.append(Finding("attachments", where, "its row is missing"))
            elif not path.exists():
                found.append(Finding("attachments", where, "its file is missing"))
            elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                found.append(Finding("attachments", where, "its bytes were changed"))
        return found[:LIMIT]

    return check_attachments


CHECKS: Sequence[Check] = (
    check_triggers,
    check_vouchers,
    check_corrections,
    check_orphans,
    check_counters,
    check_balances,
    check_days,
    check_guards,
)


def run_checks(session: Session, org_id: int, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Run checks one after another and return all they find."""
    return [finding for check in checks for finding in check(session, org_id)]
