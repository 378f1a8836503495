"""Gifts checked against the books: every figure derived again from the posted lines.

Each check is a function ``(session, org_id) -> list[Finding]``; ``flask check`` runs them,
tests run them after every journey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from charity.db import sum_of
from charity.donations.clearing import CLEARING
from charity.donations.models import Allocation, Donation, Donor, Refund, SlipBatch
from charity.imports.models import ImportFile, ImportRow
from charity.ledger.checks import LIMIT, Check, Finding
from charity.ledger.models import Account, Draft, Earmark, Fund, MoneyPlace
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.money import format_yuan

#: Accounts a line of a gift may stand on.
GIFT_ACCOUNTS = ("410101", "410102", "2601", "220901")


def _is_standing(draft: type[Draft]) -> ColumnElement[bool]:
    """Return the condition of drafts whose voucher is posted and was not reversed in full."""
    red = aliased(Voucher)
    reversal = select(red.id).where(red.org_id == draft.org_id, red.reverses_id == draft.voucher_id)
    return and_(draft.state == "posted", ~reversal.exists())


def _booked(org_id: int) -> Subquery:
    """Return gift → what its posted lines sum to, credit less debit."""
    line = VoucherLine
    return (
        select(line.source_id.label("gift_id"), sum_of(line.credit_fen - line.debit_fen).label("fen"))
        .where(line.org_id == org_id, line.source_kind == "gift")
        .group_by(line.source_id)
        .subquery()
    )


def _refunded(org_id: int) -> Subquery:
    """Return gift → what posted refunds gave back."""
    return (
        select(Refund.donation_id.label("gift_id"), sum_of(Refund.amount_fen).label("fen"))
        .join(Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id))
        .where(Refund.org_id == org_id, _is_standing(Draft))
        .group_by(Refund.donation_id)
        .subquery()
    )


def check_gifts_in_books(session: Session, org_id: int) -> list[Finding]:
    """Compare each gift with its posted lines: the amount less refunds, or nothing before posting."""
    booked, refunded = _booked(org_id), _refunded(org_id)
    own = case((_is_standing(Draft), Donation.amount_fen), else_=0)
    expected = own - func.coalesce(refunded.c.fen, 0)
    found = func.coalesce(booked.c.fen, 0)
    query = (
        select(Donation.public_no, expected, found)
        .outerjoin(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
        .outerjoin(booked, booked.c.gift_id == Donation.id)
        .outerjoin(refunded, refunded.c.gift_id == Donation.id)
        .where(Donation.org_id == org_id, expected != found)
        .order_by(Donation.id)
    )
    return [
        Finding("gifts_in_books", number, f"should stand at {_yuan(want)}, its lines sum to {_yuan(have)}")
        for number, want, have in session.execute(query.limit(LIMIT))
    ]


def check_gift_lines(session: Session, org_id: int) -> list[Finding]:
    """Find lines that name a gift which is not there, or stand on an account no gift stands on."""
    line = VoucherLine
    query = (
        select(Voucher.month, Voucher.word, Voucher.number, line.line_no, Account.code, Donation.id)
        .join(Voucher, (Voucher.org_id == line.org_id) & (Voucher.id == line.voucher_id))
        .join(Account, Account.id == line.account_id)
        .outerjoin(Donation, (Donation.org_id == line.org_id) & (Donation.id == line.source_id))
        .where(
            line.org_id == org_id,
            line.source_kind == "gift",
            or_(Donation.id.is_(None), Account.code.not_in(GIFT_ACCOUNTS)),
        )
    )
    return [
        Finding(
            "gift_lines",
            f"{month} {word}-{number:04d} line {line_no}",
            "names no gift of these books" if gift_id is None else f"stands on account {code}",
        )
        for month, word, number, line_no, code, gift_id in session.execute(query.limit(LIMIT))
    ]


def check_gift_funds(session: Session, org_id: int) -> list[Finding]:
    """Compare, fund by fund, what gifts are allocated with what their posted lines say."""
    line = VoucherLine
    lines = (
        select(Fund.code, Earmark.code, sum_of(line.credit_fen - line.debit_fen))
        .join(Account, Account.id == line.account_id)
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(line.org_id == org_id, line.source_kind == "gift", Account.code != "220901")
        .group_by(Fund.code, Earmark.code)
    )
    booked = {(fund, earmark): fen for fund, earmark, fen in session.execute(lines)}
    for key, fen in _allocated(session, org_id).items():
        booked[key] = booked.get(key, 0) - fen
    return [
        Finding("gift_funds", f"{fund}/{earmark}", f"lines and allocations differ by {_yuan(fen)}")
        for (fund, earmark), fen in sorted(booked.items())
        if fen
    ][:LIMIT]


def _allocated(session: Session, org_id: int) -> dict[tuple[str, str], int]:
    """Return (fund, earmark) → what posted gifts are allocated to it, less posted refunds."""
    claim = aliased(Draft)
    is_booked = and_(_is_standing(Draft), or_(Donation.claim_draft_id.is_(None), _is_standing(claim)))
    gifts = (
        select(Fund.code, Earmark.code, sum_of(Allocation.amount_fen))
        .join(Donation, (Donation.org_id == Allocation.org_id) & (Donation.id == Allocation.donation_id))
        .join(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
        .outerjoin(claim, (claim.org_id == Donation.org_id) & (claim.id == Donation.claim_draft_id))
        .join(Fund, (Fund.org_id == Allocation.org_id) & (Fund.id == Allocation.fund_id))
        .join(Earmark, (Earmark.org_id == Allocation.org_id) & (Earmark.id == Allocation.earmark_id))
        .where(Allocation.org_id == org_id, is_booked)
        .group_by(Fund.code, Earmark.code)
    )
    result = {(fund, earmark): fen for fund, earmark, fen in session.execute(gifts)}
    refunds = (
        select(Refund.parts, Allocation.position, Fund.code, Earmark.code)
        .join(Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id))
        .join(
            Allocation,
            (Allocation.org_id == Refund.org_id) & (Allocation.donation_id == Refund.donation_id),
        )
        .join(Fund, (Fund.org_id == Allocation.org_id) & (Fund.id == Allocation.fund_id))
        .join(Earmark, (Earmark.org_id == Allocation.org_id) & (Earmark.id == Allocation.earmark_id))
        .where(Refund.org_id == org_id, _is_standing(Draft))
    )
    for parts, position, fund, earmark in session.execute(refunds):
        result[fund, earmark] = result.get((fund, earmark), 0) - parts[position - 1]
    return result


def check_unclaimed(session: Session, org_id: int) -> list[Finding]:
    """Compare the unclaimed gifts with what their lines leave on 220901."""
    line = VoucherLine
    balance = session.scalar(
        select(sum_of(line.credit_fen - line.debit_fen))
        .join(Account, Account.id == line.account_id)
        .where(line.org_id == org_id, line.source_kind == "gift", Account.code == "220901")
    )
    claim = aliased(Draft)
    is_claimed = and_(Donation.claim_draft_id.is_not(None), _is_standing(claim))
    waiting = session.scalar(
        select(sum_of(Donation.amount_fen))
        .join(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
        .outerjoin(claim, (claim.org_id == Donation.org_id) & (claim.id == Donation.claim_draft_id))
        .where(
            Donation.org_id == org_id,
            _is_standing(Draft),
            or_(Donation.nature == "unidentified", Donation.claim_draft_id.is_not(None)),
            ~func.coalesce(is_claimed, literal(False)),
        )
    )
    if balance == waiting:
        return []
    text = f"unclaimed gifts are {_yuan(waiting or 0)}, their lines leave {_yuan(balance or 0)} on 220901"
    return [Finding("unclaimed", "220901", text)]


def check_allocations(session: Session, org_id: int) -> list[Finding]:
    """Find gifts whose parts do not sum to them, or that say so wrongly."""
    parts = (
        select(Allocation.donation_id, sum_of(Allocation.amount_fen).label("fen"))
        .where(Allocation.org_id == org_id)
        .group_by(Allocation.donation_id)
        .subquery()
    )
    total = func.coalesce(parts.c.fen, 0)
    expected = case((and_(Donation.is_allocated, Donation.nature == "gift"), Donation.amount_fen), else_=0)
    query = (
        select(Donation.public_no, expected, total)
        .outerjoin(parts, parts.c.donation_id == Donation.id)
        .where(Donation.org_id == org_id, expected != total)
    )
    return [
        Finding("allocations", number, f"its parts should sum to {_yuan(want)}, they sum to {_yuan(have)}")
        for number, want, have in session.execute(query.limit(LIMIT))
    ]


def check_references(session: Session, org_id: int) -> list[Finding]:
    """Find an order number of a platform that two gifts carry."""
    query = (
        select(Donation.channel, Donation.reference, func.count())
        .where(
            Donation.org_id == org_id,
            Donation.reference != "",
            Donation.channel.in_(("wechat", "alipay")),
        )
        .group_by(Donation.channel, Donation.reference)
        .having(func.count() > 1)
    )
    return [
        Finding("references", f"{channel} {reference}", f"{count} gifts carry this order number")
        for channel, reference, count in session.execute(query.limit(LIMIT))
    ]


def check_clearing(session: Session, org_id: int) -> list[Finding]:
    """Find a fund of which a platform has paid out more than it took in."""
    line = VoucherLine
    balance = sum_of(line.debit_fen - line.credit_fen)
    query = (
        select(MoneyPlace.code, Fund.code, Earmark.code, balance)
        .join(Account, Account.id == line.account_id)
        .join(MoneyPlace, (MoneyPlace.org_id == line.org_id) & (MoneyPlace.id == line.money_place_id))
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(line.org_id == org_id, Account.code == CLEARING)
        .group_by(MoneyPlace.code, Fund.code, Earmark.code)
        .having(balance < 0)
    )
    return [
        Finding("clearing", f"{place} {fund}/{earmark}", f"platform clearing stands at {_yuan(fen)}")
        for place, fund, earmark, fen in session.execute(query.limit(LIMIT))
    ]


def check_merges(session: Session, org_id: int) -> list[Finding]:
    """Find a donor that belongs to one which itself belongs to another."""
    root = aliased(Donor)
    query: Select[Any] = (
        select(Donor.id)
        .join(root, (root.org_id == Donor.org_id) & (root.id == Donor.root_id))
        .where(Donor.org_id == org_id, root.root_id != root.id)
    )
    return [
        Finding("merges", f"donor {donor_id}", "belongs to a donor that belongs to another")
        for donor_id in session.scalars(query.limit(LIMIT))
    ]


def check_slips(session: Session, org_id: int) -> list[Finding]:
    """Compare each pile of slips with the gifts it made."""
    count, total = func.count(Donation.id), sum_of(Donation.amount_fen)
    query = (
        select(SlipBatch.public_no, SlipBatch.slip_count, SlipBatch.total_fen, count, total)
        .outerjoin(Donation, (Donation.org_id == SlipBatch.org_id) & (Donation.source_id == SlipBatch.id))
        .where(SlipBatch.org_id == org_id)
        .group_by(SlipBatch.public_no, SlipBatch.slip_count, SlipBatch.total_fen)
        .having(or_(count != SlipBatch.slip_count, total != SlipBatch.total_fen))
    )
    return [
        Finding("slips", number, f"{slips} slips of {_yuan(fen)} made {gifts} gifts of {_yuan(have)}")
        for number, slips, fen, gifts, have in session.execute(query.limit(LIMIT))
    ]


def check_imports(session: Session, org_id: int) -> list[Finding]:
    """Find booked rows without an event, booked files with open rows, and gifts without their row."""
    found = [
        Finding("imports", f"row {row_no}", "is booked but names no event")
        for row_no in session.scalars(
            select(ImportRow.row_no)
            .where(ImportRow.org_id == org_id, ImportRow.state == "booked", ImportRow.event_id.is_(None))
            .limit(LIMIT)
        )
    ]
    found += [
        Finding("imports", number, "is booked but has rows that wait")
        for number in session.scalars(
            select(ImportFile.public_no)
            .join(ImportRow, (ImportRow.org_id == ImportFile.org_id) & (ImportRow.file_id == ImportFile.id))
            .where(
                ImportFile.org_id == org_id,
                ImportFile.state == "booked",
                ImportRow.state.in_(("staged", "parked")),
            )
            .distinct()
            .limit(LIMIT)
        )
    ]
    row = aliased(ImportRow)
    same = select(row.id).where(
        row.org_id == Donation.org_id,
        row.file_id == Donation.source_id,
        row.row_no == Donation.row_no,
        row.state == "booked",
        row.event_id == Donation.id,
    )
    lost = (
        select(Donation.public_no)
        .join(ImportFile, (ImportFile.org_id == Donation.org_id) & (ImportFile.id == Donation.source_id))
        .where(Donation.org_id == org_id, ~same.exists())
        .limit(LIMIT)
    )
    found += [
        Finding("imports", number, "comes from a row that is not booked") for number in session.scalars(lost)
    ]
    return found[:LIMIT]


def _yuan(fen: int) -> str:
    return format_yuan(int(fen))


CHECKS: Sequence[Check] = (
    check_gifts_in_books,
    check_gift_lines,
    check_gift_funds,
    check_unclaimed,
    check_allocations,
    check_references,
    check_clearing,
    check_merges,
    check_slips,
    check_imports,
)
