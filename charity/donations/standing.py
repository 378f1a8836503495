"""What stands in the books of a gift: its posted lines, with all that corrected them.

Imports ``db`` and lower, the ledger and this feature; reads only. A gift's row keeps what was
recorded and never changes once it is posted; a correction of fact (difference voucher, or red
reversal with the right voucher in blue) changes what stands, and refunds are events of their
own. So everything that asks what a gift is now asks here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from charity.db import sum_of
from charity.donations.models import Allocation, Donation, Refund
from charity.donations.rules import REFUND_STEP
from charity.ledger.models import Account, Draft, Earmark, Fund
from charity.ledger.sealed_models import Voucher, VoucherLine

#: 待认领: what nobody has claimed is no fund's yet.
UNCLAIMED = "220901"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Purse:
    """What stands of a gift in one fund and earmark; codes and names, amounts in fen.

    Attributes:
        earmark_name: empty for the fund's charter.
        fen: what the gift brought, corrections counted, refunds not; 0 where money was given
            back of a purse that a correction emptied.
        gone_fen: what refunds gave back of it, those under way included.
    """

    fund: str
    fund_name: str
    earmark: str
    earmark_name: str
    fen: int
    gone_fen: int

    @property
    def left_fen(self) -> int:
        """Return what has not been given back."""
        return self.fen - self.gone_fen


@dataclass(frozen=True, slots=True)
class Entry:
    """One posted voucher that holds lines of a gift.

    Attributes:
        role: ``original``, ``correction`` (it changed what the gift is) or ``refund``.
        fen: what its lines add to the gift; negative takes back.
    """

    month: int
    word: str
    number: int
    voucher_on: date
    role: str
    fen: int

    @property
    def text(self) -> str:
        """Return the number as people say it: ``2026-03 记-0007``."""
        return f"{self.month // 100}-{self.month % 100:02d} {self.word}-{self.number:04d}"


def is_entry() -> ColumnElement[bool]:
    """Return the condition of lines that say what a gift is; those of refunds are left out."""
    return and_(
        VoucherLine.source_kind == "gift",
        func.coalesce(VoucherLine.source_step, 0) < REFUND_STEP,
    )


def stands() -> ScalarSelect[Any]:
    """Return what the books hold of ``Donation``, in fen, to stand in a query of gifts.

    NULL before anything was posted, 0 once all of it was taken back; refunds are not counted.
    """
    line = VoucherLine
    return (
        select(func.sum(line.credit_fen - line.debit_fen))
        .where(line.org_id == Donation.org_id, line.source_id == Donation.id, is_entry())
        .correlate(Donation)
        .scalar_subquery()
    )


def claim_fell() -> ColumnElement[bool]:
    """Return the condition that the claim of ``Donation`` came to nothing, to stand in a query of gifts.

    Its voucher was discarded, or was posted and taken back: all of the money stands on 220901
    as before. One that was made anew in the same set as its reversal has not fallen.
    """
    claim, line = aliased(Draft), VoucherLine
    claimed = select(func.sum(line.credit_fen - line.debit_fen)).join(Account, Account.id == line.account_id)
    in_funds = claimed.where(
        line.org_id == claim.org_id, line.source_id == Donation.id, is_entry(), Account.code != UNCLAIMED
    )
    ended = select(claim.id).where(
        claim.org_id == Donation.org_id,
        claim.id == Donation.claim_draft_id,
        claim.state.in_(("posted", "discarded")),
        func.coalesce(in_funds.correlate(claim, Donation).scalar_subquery(), 0) == 0,
    )
    return and_(Donation.claim_draft_id.is_not(None), ended.correlate(Donation).exists())


def given_fen() -> ColumnElement[int]:
    """Return what ``Donation`` is, in fen: what stands in the books, before that what was recorded."""
    return func.coalesce(stands(), Donation.amount_fen)


def posted_fen(session: Session, org_id: int, gift_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return gift → what stands of it and what was given back, in fen, as posted.

    Gifts without a posted line are left out.
    """
    line, found = VoucherLine, dict[int, tuple[int, int]]()
    fen = line.credit_fen - line.debit_fen
    of_entry = func.coalesce(line.source_step, 0) < REFUND_STEP
    entered, gone = sum_of(case((of_entry, fen), else_=0)), sum_of(case((of_entry, 0), else_=-fen))
    for start in range(0, len(gift_ids), _CHUNK):
        rows = session.execute(
            select(line.source_id, entered, gone)
            .where(
                line.org_id == org_id,
                line.source_id.in_(gift_ids[start : start + _CHUNK]),
                line.source_kind == "gift",
            )
            .group_by(line.source_id)
        )
        found.update({gift_id: (int(stands_now), int(back)) for gift_id, stands_now, back in rows})
    return found


def drafted_purses(session: Session, org_id: int, gift_id: int) -> tuple[Purse, ...]:
    """Return where a gift will stand by its allocation, while its voucher is being prepared."""
    pending = _pending(session, org_id, [gift_id])
    rows = session.execute(
        select(Fund.code, Fund.name, Earmark.code, Earmark.name, Earmark.is_default, Allocation.amount_fen)
        .join(Fund, and_(Fund.org_id == Allocation.org_id, Fund.id == Allocation.fund_id))
        .join(Earmark, and_(Earmark.org_id == Allocation.org_id, Earmark.id == Allocation.earmark_id))
        .where(Allocation.org_id == org_id, Allocation.donation_id == gift_id)
        .order_by(Allocation.position)
    )
    return tuple(
        Purse(
            fund,
            fund_name,
            earmark,
            "" if is_charter else name,
            fen,
            pending.get((gift_id, fund, earmark), 0),
        )
        for fund, fund_name, earmark, name, is_charter, fen in rows
    )


def purses_of(session: Session, org_id: int, gift_ids: Sequence[int]) -> dict[int, tuple[Purse, ...]]:
    """Return gift → where it stands, as its posted lines say, in the order they were posted.

    Money that nobody has claimed stands in no purse; a purse that a correction emptied is left out.
    """
    pending = _pending(session, org_id, gift_ids)
    line, found = VoucherLine, dict[int, list[Purse]]()
    fen = line.credit_fen - line.debit_fen
    of_entry = func.coalesce(line.source_step, 0) < REFUND_STEP
    for start in range(0, len(gift_ids), _CHUNK):
        rows = session.execute(
            select(
                line.source_id,
                Fund.code,
                Fund.name,
                Earmark.code,
                Earmark.name,
                Earmark.is_default,
                sum_of(case((of_entry, fen), else_=0)).label("entered"),
                sum_of(case((of_entry, 0), else_=-fen)).label("gone"),
            )
            .join(Account, Account.id == line.account_id)
            .join(Fund, and_(Fund.org_id == line.org_id, Fund.id == line.fund_id))
            .join(Earmark, and_(Earmark.org_id == line.org_id, Earmark.id == line.earmark_id))
            .where(
                line.org_id == org_id,
                line.source_id.in_(gift_ids[start : start + _CHUNK]),
                line.source_kind == "gift",
                Account.code != UNCLAIMED,
            )
            .group_by(line.source_id, Fund.code, Fund.name, Earmark.code, Earmark.name, Earmark.is_default)
            .order_by(line.source_id, func.min(line.voucher_id), func.min(line.line_no))
        )
        for gift_id, fund, fund_name, earmark, name, is_charter, entered, gone in rows:
            gone += pending.get((gift_id, fund, earmark), 0)
            own = "" if is_charter else name
            if entered or gone:
                found.setdefault(gift_id, []).append(
                    Purse(fund, fund_name, earmark, own, int(entered), int(gone))
                )
    return {gift_id: tuple(purses) for gift_id, purses in found.items()}


def _pending(session: Session, org_id: int, gift_ids: Sequence[int]) -> Mapping[tuple[int, str, str], int]:
    """Return (gift, fund, earmark) → what refunds under way will give back."""
    found: dict[tuple[int, str, str], int] = {}
    for start in range(0, len(gift_ids), _CHUNK):
        rows = session.execute(
            select(Refund.donation_id, Refund.parts)
            .join(Draft, and_(Draft.org_id == Refund.org_id, Draft.id == Refund.draft_id))
            .where(
                Refund.org_id == org_id,
                Refund.donation_id.in_(gift_ids[start : start + _CHUNK]),
                Draft.state.not_in(("posted", "discarded")),
            )
        )
        for gift_id, parts in rows:
            for fund, earmark, fen in parts:
                key = (gift_id, fund, earmark)
                found[key] = found.get(key, 0) + fen
    return found


def entries_of(session: Session, org_id: int, gift_id: int) -> tuple[Entry, ...]:
    """Return the posted vouchers that say what a gift is, in the order of posting.

    A voucher whose lines of the gift cancel out, as those of a claim do, is left out.
    """
    line = VoucherLine
    is_refund = func.coalesce(line.source_step, 0) >= REFUND_STEP
    rows = session.execute(
        select(
            Voucher.month,
            Voucher.word,
            Voucher.number,
            Voucher.voucher_on,
            Voucher.kind,
            is_refund.label("is_refund"),
            sum_of(line.credit_fen - line.debit_fen),
        )
        .join(Voucher, and_(Voucher.org_id == line.org_id, Voucher.id == line.voucher_id))
        .where(line.org_id == org_id, line.source_id == gift_id, line.source_kind == "gift")
        .group_by(
            Voucher.id,
            Voucher.month,
            Voucher.word,
            Voucher.number,
            Voucher.voucher_on,
            Voucher.kind,
            Voucher.posted_at,
            "is_refund",
        )
        .order_by(Voucher.posted_at, Voucher.month, Voucher.number)
    )
    return tuple(
        Entry(month, word, number, on, _role(kind, of_refund), int(fen))
        for month, word, number, on, kind, of_refund, fen in rows
        if fen
    )


def _role(kind: str, of_refund: bool) -> str:
    if of_refund:
        return "refund"
    return "correction" if kind == "correction" else "original"
