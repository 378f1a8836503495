"""The books checked against themselves: every law derived again from the posted lines.

A check is a function ``(session, org_id) -> list[Finding]`` and names the first wrong
rows it meets. ``flask check`` runs those of all features; tests run them after journeys.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import case, func, literal, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.attachments import stored_bytes
from charity.ledger.chart_checks import check_catalogue, check_chart, check_triggers
from charity.ledger.commitments import differing_fields
from charity.ledger.findings import LIMIT, Check, Finding, compare
from charity.ledger.guard_checks import check_guards, check_holds
from charity.ledger.law_checks import bad_numbers, law_faults, load_laws
from charity.ledger.master_checks import MASTER_CHECKS
from charity.ledger.models import Account, Attachment, Fund, Period, VoucherCounter
from charity.ledger.reading import PostedRecord, each_voucher, read_vouchers
from charity.ledger.rules import TAKEN_OVER_SERIES
from charity.ledger.sealed_models import (
    Balance,
    CashFlowTotal,
    DayTotal,
    Voucher,
    VoucherAttachment,
    VoucherLine,
)
from charity.ledger.year_checks import check_carried
from charity.money import format_yuan
from charity.periods import Month
from charity.sealed import SealBroken


def check_vouchers(session: Session, org_id: int) -> list[Finding]:
    """Derive every voucher again: sums, funds, colour, people, numbers, order and commitments."""
    found: list[Finding] = []
    last: dict[tuple[int, str], tuple[int, date]] = {}
    laws = load_laws(session, org_id)
    for record in each_voucher(session, org_id):
        where = f"{record.month} {record.number_text}"
        if bad := bad_numbers(record):
            return (found + [Finding("vouchers", where, message) for message in bad])[:LIMIT]
        messages = _check_header(record) + _check_lines(record) + list(law_faults(record, laws))
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
    own = [line for line in lines if not line.is_retag]
    debit, credit = sum(line.debit_fen for line in own), sum(line.credit_fen for line in own)
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
    messages += [
        f"line {line.line_no}: has an amount on both sides, or on none"
        for line in record.lines
        if (line.value.debit_fen != 0) == (line.value.credit_fen != 0)
    ]
    return messages + _check_people(head)


def _check_people(head: Any) -> list[str]:
    """Return which two steps one person took."""
    people = {
        "reviewer": head["reviewer_id"],
        "cashier": head["cashier_id"],
        "poster": head["poster_id"],
    }
    makers = {head["maker_id"], *(int(maker) for maker in head["makers"].split(",") if maker.isdigit())}
    messages = [f"maker and {role} are one person" for role, person in people.items() if person in makers]
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


__all__ = [
    "CHECKS",
    "LIMIT",
    "SHARED",
    "Check",
    "Finding",
    "attachment_check",
    "check_triggers",
    "run_checks",
]

#: What makes two lines the same line of a voucher and its corrections, beside the side.
_LINE_KEY = (
    "account_id fund_id earmark_id designation_id project_id source_kind source_id source_step money_place_id"
    " place_id party_id counterparty_org_id activity_class cash_flow_item_id quantity_milli unit"
    " beneficiary_code net_asset_change dimension1_id dimension2_id"
).split()


def check_corrections(session: Session, org_id: int) -> list[Finding]:
    """Find vouchers of which corrections took back more than there was, or a reversal not all."""
    line, voucher = VoucherLine, Voucher
    target = func.coalesce(voucher.reverses_id, voucher.corrects_id)
    corrected = select(target).where(voucher.org_id == org_id, target.is_not(None))
    of = func.coalesce(target, voucher.id)
    left = func.sum(line.debit_fen + line.credit_fen)
    rows = session.execute(
        select(of, left)
        .join(line, (line.org_id == voucher.org_id) & (line.voucher_id == voucher.id))
        .where(voucher.org_id == org_id, of.in_(corrected), ~line.is_retag)
        .group_by(of, *(getattr(line, name) for name in _LINE_KEY), line.debit_fen != 0)
        .having(left != 0)
    ).all()
    is_reversed = set(
        session.scalars(
            select(voucher.reverses_id).where(voucher.org_id == org_id, voucher.reverses_id.is_not(None))
        )
    )
    over = {key for key, fen in rows if fen < 0}
    under = {key for key, fen in rows if fen > 0 and key in is_reversed} - over
    ids = sorted(over | under)[:LIMIT]
    names = {record.header["id"]: record for record in read_vouchers(session, org_id, ids)}
    return [
        Finding(
            "corrections",
            f"{names[key].month} {names[key].number_text}" if key in names else f"voucher {key}",
            "its corrections take back more than there was"
            if key in over
            else "was reversed, and something of it is left",
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

    return compare("balances", fresh, kept, 5, name)


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
    return compare("day totals", days, kept_days, 3, lambda key: f"place {key[0]} {key[2]}") + compare(
        "cash flow", flows, kept_flows, 3, lambda key: f"{Month.from_code(key[0])} item {key[2]}"
    )


def _wrong_bytes(data_dir: Path, sha256: str) -> str:
    """Return what is wrong with the bytes of an attachment; empty when they fit their hash."""
    try:
        data = stored_bytes(data_dir, sha256)
    except SealBroken:
        return "its bytes were changed, or are sealed with another key"
    if data is None:
        return "its file is missing"
    return "" if hashlib.sha256(data).hexdigest() == sha256 else "its bytes were changed"


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
            where = f"{names.get(sha256, 'attachment')} {sha256[:12]}"
            wrong = _wrong_bytes(data_dir, sha256) if sha256 in names else "its row is missing"
            if wrong:
                found.append(Finding("attachments", where, wrong))
        return found[:LIMIT]

    return check_attachments


#: What stands once for all orgs, and also where there is none yet.
SHARED: Sequence[Check] = (check_catalogue, check_chart)

CHECKS: Sequence[Check] = (
    check_triggers,
    *SHARED,
    check_vouchers,
    check_corrections,
    check_orphans,
    check_counters,
    check_balances,
    check_days,
    check_guards,
    check_holds,
    check_carried,
    *MASTER_CHECKS,
)


def run_checks(session: Session, org_id: int, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Run checks one after another and return all they find."""
    return [finding for check in checks for finding in check(session, org_id)]
