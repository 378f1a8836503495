"""Gifts checked against the books: every figure derived again from the posted lines.

Each check is a function ``(session, org_id) -> list[Finding]``; ``flask check`` runs them,
tests run them after every journey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from charity.db import sum_of
from charity.donations.clearing import CLEARING
from charity.donations.models import Allocation, Donation, Donor, Refund, SlipBatch
from charity.donations.rules import REFUND_STEP
from charity.donations.standing import UNCLAIMED, claim_fell, is_entry
from charity.imports.models import ImportFile, ImportRow
from charity.ledger.checks import LIMIT, Check, Finding
from charity.ledger.models import Account, Draft, Earmark, Fund, MoneyPlace
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.money import format_yuan

#: Accounts a line of a gift may stand on.
GIFT_ACCOUNTS = ("410101", "410102", "2601", UNCLAIMED)


def _is_standing(draft: type[Draft]) -> ColumnElement[bool]:
    """Return the condition of drafts whose voucher is posted and was not reversed in full."""
    red = aliased(Voucher)
    reversal = select(red.id).where(red.org_id == draft.org_id, red.reverses_id == draft.voucher_id)
    return and_(draft.state == "posted", ~reversal.exists())


def _entries(org_id: int) -> Subquery:
    """Return gift and voucher → what the voucher's lines add to the gift, and take as refunds."""
    line = VoucherLine
    fen = line.credit_fen - line.debit_fen
    is_refund = func.coalesce(line.source_step, 0) >= REFUND_STEP
    return (
        select(
            line.source_id.label("gift_id"),
            line.voucher_id,
            sum_of(case((is_refund, 0), else_=fen)).label("fen"),
            sum_of(case((is_refund, -fen), else_=0)).label("gone"),
        )
        .where(line.org_id == org_id, line.source_kind == "gift")
        .group_by(line.source_id, line.voucher_id)
        .subquery()
    )


def check_gifts_in_books(session: Session, org_id: int) -> list[Finding]:
    """Compare each gift with the posted voucher made for it: its lines sum to what was recorded.

    A correction changes what stands afterwards, in vouchers of its own; the original stays.
    """
    line = VoucherLine
    own = (
        select(line.source_id, line.voucher_id, sum_of(line.credit_fen - line.debit_fen).label("fen"))
        .where(line.org_id == org_id, is_entry())
        .group_by(line.source_id, line.voucher_id)
        .subquery()
    )
    found = func.coalesce(own.c.fen, 0)
    query = (
        select(Donation.public_no, Donation.amount_fen, found)
        .join(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
        .outerjoin(own, and_(own.c.source_id == Donation.id, own.c.voucher_id == Draft.voucher_id))
        .where(Donation.org_id == org_id, Draft.state == "posted", Donation.amount_fen != found)
        .order_by(Donation.id)
    )
    return [
        Finding("gifts_in_books", number, f"was recorded at {_yuan(want)}, its voucher says {_yuan(have)}")
        for number, want, have in session.execute(query.limit(LIMIT))
    ]


def check_gift_entries(session: Session, org_id: int) -> list[Finding]:
    """Find gifts that stand twice, below zero, or below what was given back of them."""
    entries, red = _entries(org_id), aliased(Voucher)
    reversal = select(red.id).where(red.org_id == Voucher.org_id, red.reverses_id == Voucher.id)
    brings = and_(
        entries.c.fen > 0, Voucher.colour == "blue", Voucher.corrects_id.is_(None), ~reversal.exists()
    )
    times, stands, gone = sum_of(case((brings, 1), else_=0)), sum_of(entries.c.fen), sum_of(entries.c.gone)
    query = (
        select(Donation.public_no, times, stands, gone)
        .join(entries, entries.c.gift_id == Donation.id)
        .join(Voucher, (Voucher.org_id == Donation.org_id) & (Voucher.id == entries.c.voucher_id))
        .where(Donation.org_id == org_id)
        .group_by(Donation.id, Donation.public_no)
        .having(or_(times > 1, stands < 0, gone < 0, gone > stands))
        .order_by(Donation.id)
    )
    found = []
    for number, count, fen, back in session.execute(query.limit(LIMIT)):
        text = f"stands at {_yuan(fen)} in the books, and {_yuan(back)} of it was given back"
        if count > 1:
            text = f"is brought in by {count} vouchers that stand"
        found.append(Finding("gift_entries", number, text))
    return found


def check_gift_vouchers(session: Session, org_id: int) -> list[Finding]:
    """Find vouchers that move a gift and are neither its own, its claim's, a refund's nor a correction."""
    entries, red = _entries(org_id), aliased(Voucher)
    own, claim = aliased(Draft), aliased(Draft)
    reversal = select(red.id).where(red.org_id == Voucher.org_id, red.reverses_id == Voucher.id)
    refund = (
        select(Refund.id)
        .join(Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id))
        .where(
            Refund.org_id == org_id,
            Refund.donation_id == entries.c.gift_id,
            Draft.voucher_id == entries.c.voucher_id,
        )
    )
    is_own = or_(
        func.coalesce(own.voucher_id, 0) == entries.c.voucher_id,
        func.coalesce(claim.voucher_id, 0) == entries.c.voucher_id,
        refund.exists(),
    )
    query = (
        select(Donation.public_no, Voucher.month, Voucher.word, Voucher.number)
        .join(entries, entries.c.gift_id == Donation.id)
        .join(Voucher, (Voucher.org_id == Donation.org_id) & (Voucher.id == entries.c.voucher_id))
        .outerjoin(own, (own.org_id == Donation.org_id) & (own.id == Donation.draft_id))
        .outerjoin(claim, (claim.org_id == Donation.org_id) & (claim.id == Donation.claim_draft_id))
        .where(Donation.org_id == org_id, Voucher.kind != "correction", ~is_own, ~reversal.exists())
        .order_by(Donation.id)
    )
    return [
        Finding("gift_vouchers", number, f"is moved by {month} {word}-{no:04d}, which was not made for it")
        for number, month, word, no in session.execute(query.limit(LIMIT))
    ]


def check_refunds(session: Session, org_id: int) -> list[Finding]:
    """Compare each posted refund with what its voucher's lines take back."""
    entries = _entries(org_id)
    found = func.coalesce(entries.c.gone, 0)
    query = (
        select(Donation.public_no, Refund.amount_fen, found)
        .join(Donation, (Donation.org_id == Refund.org_id) & (Donation.id == Refund.donation_id))
        .join(Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id))
        .outerjoin(
            entries,
            and_(entries.c.gift_id == Refund.donation_id, entries.c.voucher_id == Draft.voucher_id),
        )
        .where(Refund.org_id == org_id, Draft.state == "posted", Refund.amount_fen != found)
        .order_by(Refund.id)
    )
    return [
        Finding("refunds", number, f"{_yuan(want)} was given back, the voucher says {_yuan(have)}")
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
    """Compare, fund by fund, what gifts were allocated with what the vouchers made for them say."""
    allocated, booked = _allocated(session, org_id), _booked(session, org_id)
    differences = {
        key: booked.get(key, 0) - allocated.get(key, 0) for key in booked.keys() | allocated.keys()
    }
    return [
        Finding("gift_funds", f"{fund}/{earmark}", f"lines and allocations differ by {_yuan(fen)}")
        for (fund, earmark), fen in sorted(differences.items())
        if fen
    ][:LIMIT]


def _own_drafts(org_id: int) -> Select[Any]:
    """Return gift → the draft whose voucher brought it into its funds, where that still stands."""
    own, claim = aliased(Draft), aliased(Draft)
    is_claim = Donation.claim_draft_id.is_not(None)
    is_booked = or_(and_(is_claim, _is_standing(claim)), and_(~is_claim, _is_standing(own)))
    return (
        select(Donation.id.label("gift_id"), case((is_claim, claim.voucher_id), else_=own.voucher_id))
        .join(own, (own.org_id == Donation.org_id) & (own.id == Donation.draft_id))
        .outerjoin(claim, (claim.org_id == Donation.org_id) & (claim.id == Donation.claim_draft_id))
        .where(Donation.org_id == org_id, is_booked)
    )


def _booked(session: Session, org_id: int) -> dict[tuple[str, str], int]:
    """Return (fund, earmark) → what the vouchers made for gifts brought, corrections left out."""
    line, own = VoucherLine, _own_drafts(org_id).subquery()
    rows = session.execute(
        select(Fund.code, Earmark.code, sum_of(line.credit_fen - line.debit_fen))
        .join(own, and_(own.c.gift_id == line.source_id, own.c[1] == line.voucher_id))
        .join(Account, Account.id == line.account_id)
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(line.org_id == org_id, is_entry(), Account.code != UNCLAIMED)
        .group_by(Fund.code, Earmark.code)
    )
    return {(fund, earmark): int(fen) for fund, earmark, fen in rows}


def _allocated(session: Session, org_id: int) -> dict[tuple[str, str], int]:
    """Return (fund, earmark) → what the gifts of those vouchers are allocated to it."""
    own = _own_drafts(org_id).subquery()
    rows = session.execute(
        select(Fund.code, Earmark.code, sum_of(Allocation.amount_fen))
        .join(own, own.c.gift_id == Allocation.donation_id)
        .join(Fund, (Fund.org_id == Allocation.org_id) & (Fund.id == Allocation.fund_id))
        .join(Earmark, (Earmark.org_id == Allocation.org_id) & (Earmark.id == Allocation.earmark_id))
        .where(Allocation.org_id == org_id)
        .group_by(Fund.code, Earmark.code)
    )
    return {(fund, earmark): int(fen) for fund, earmark, fen in rows}


def check_unclaimed(session: Session, org_id: int) -> list[Finding]:
    """Compare each gift with what its lines leave on 220901: all of it until claimed, then nothing."""
    line, claim = VoucherLine, aliased(Draft)
    left = (
        select(
            line.source_id.label("gift_id"),
            sum_of(line.credit_fen - line.debit_fen).label("stands"),
            sum_of(case((Account.code == UNCLAIMED, line.credit_fen - line.debit_fen), else_=0)).label(
                "unclaimed"
            ),
        )
        .join(Account, Account.id == line.account_id)
        .where(line.org_id == org_id, is_entry())
        .group_by(line.source_id)
        .subquery()
    )
    # A claim taken back and made anew in one set is claimed; one taken back alone is not.
    made = or_(_is_standing(claim), and_(claim.state == "posted", ~claim_fell()))
    is_claimed = and_(Donation.claim_draft_id.is_not(None), func.coalesce(made, false()))
    waits = and_(or_(Donation.nature == "unidentified", Donation.claim_draft_id.is_not(None)), ~is_claimed)
    expected = case((waits, left.c.stands), else_=0)
    query = (
        select(Donation.public_no, expected, left.c.unclaimed)
        .join(left, left.c.gift_id == Donation.id)
        .outerjoin(claim, (claim.org_id == Donation.org_id) & (claim.id == Donation.claim_draft_id))
        .where(Donation.org_id == org_id, expected != left.c.unclaimed)
        .order_by(Donation.id)
    )
    return [
        Finding("unclaimed", number, f"should leave {_yuan(want)} on 220901, its lines leave {_yuan(have)}")
        for number, want, have in session.execute(query.limit(LIMIT))
    ]


def check_allocations(session: Session, org_id: int) -> list[Finding]:
    """Find gifts whose parts do not sum to them, or that say so wrongly.

    Money that was claimed is divided as it stood then; :func:`check_gift_funds` compares that.
    """
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
        .where(
            Donation.org_id == org_id,
            expected != total,
            or_(Donation.claim_draft_id.is_(None), total == 0),
        )
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
    check_gift_entries,
    check_gift_vouchers,
    check_refunds,
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
