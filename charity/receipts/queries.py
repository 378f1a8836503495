"""Reads of the office: receipts, gifts without one, batches.

Reads → frozen dataclasses. The donor's name stands in office rows only; public rows are
made in ``path_queries`` and hold none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from charity.documents.receipt import ReceiptDocument
from charity.donations.models import Donation, Donor
from charity.ledger.models import Account
from charity.ledger.sealed_models import VoucherLine
from charity.names import fold_text
from charity.receipts.gift_lines import INCOME_ACCOUNTS, gift_lines, net_fen
from charity.receipts.models import Receipt, ReceiptBatch, ReceiptPrint
from charity.receipts.rules import fold_number

#: Rows of a page, and of a file.
PAGE_ROWS = 50
FILE_ROWS = 20_000
#: Days without a receipt from which a gift stands out.
LATE_DAYS = 30


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """What the list is asked for; empty fields ask nothing.

    Attributes:
        text: number of receipt or gift, or part of the donor's name.
        state: issued or void.
        from_on, until_on: dates of issue, both included.
    """

    text: str = ""
    state: str = ""
    from_on: date | None = None
    until_on: date | None = None


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt of the list; the amount in fen."""

    number: str
    state: str
    issued_on: date
    amount_fen: int
    title: str
    gift: str
    issued_by_name: str
    void_reason: str
    year: int
    sequence: int


def like_pattern(text: str) -> str:
    """Return a pattern that finds a text anywhere."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _found(query: Select[*tuple[Any, ...]], wanted: ReceiptFilter) -> Select[*tuple[Any, ...]]:
    """Return the query with the filter's conditions."""
    if wanted.state:
        query = query.where(Receipt.state == wanted.state)
    if wanted.from_on:
        query = query.where(Receipt.issued_on >= wanted.from_on)
    if wanted.until_on:
        query = query.where(Receipt.issued_on <= wanted.until_on)
    if wanted.text:
        name = Donor.search_text.like(like_pattern(fold_text(wanted.text)), escape="\\")
        query = query.where(
            or_(
                Receipt.number == fold_number(wanted.text),
                Donation.public_no == wanted.text.upper(),
                name,
            )
        )
    return query


def list_receipts(
    session: Session,
    org_id: int,
    wanted: ReceiptFilter,
    *,
    before: tuple[int, int] | None = None,
    limit: int = PAGE_ROWS,
) -> list[ReceiptRow]:
    """Return receipts by number, the newest first.

    Args:
        before: year and sequence of the last row of the page before; None for the first.
        limit: how many at most.
    """
    query = _found(
        select(Receipt, Donation.public_no)
        .join(Donation, (Donation.org_id == Receipt.org_id) & (Donation.id == Receipt.donation_id))
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .where(Receipt.org_id == org_id),
        wanted,
    )
    if before is not None:
        query = query.where(
            (Receipt.year < before[0]) | and_(Receipt.year == before[0], Receipt.sequence < before[1])
        )
    rows = session.execute(query.order_by(Receipt.year.desc(), Receipt.sequence.desc()).limit(limit))
    return [_row(receipt, gift) for receipt, gift in rows]


def _row(receipt: Receipt, gift: str) -> ReceiptRow:
    """Return a receipt as a row of the list."""
    return ReceiptRow(
        number=receipt.number,
        state=receipt.state,
        issued_on=receipt.issued_on,
        amount_fen=receipt.amount_fen,
        title=ReceiptDocument.from_json(receipt.snapshot).donor_title,
        gift=gift,
        issued_by_name=receipt.issued_by_name,
        void_reason=receipt.void_reason,
        year=receipt.year,
        sequence=receipt.sequence,
    )


@dataclass(frozen=True, slots=True)
class PrintRow:
    """One handing-over of a receipt."""

    act: str
    is_copy: bool
    printed_by_name: str
    printed_at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """One receipt with its history.

    Attributes:
        document: what it says.
        replaced_by, replaces: numbers of its neighbours; empty for none.
        books_fen: what the books hold of its gift now; another amount asks for a new receipt.
    """

    id: int
    number: str
    state: str
    gift: str
    donation_id: int
    document: ReceiptDocument
    verify_code: str
    bytes_sha256: str
    issued_by_name: str
    issued_at: datetime
    void_reason: str
    voided_by_name: str
    voided_at: datetime | None
    replaces: str
    replaced_by: str
    batch_no: str
    books_fen: int
    prints: tuple[PrintRow, ...]


def find_receipt(session: Session, org_id: int, number: str) -> ReceiptPage | None:
    """Return one receipt by number; None when there is none."""
    row = session.execute(
        select(Receipt, Donation.public_no)
        .join(Donation, (Donation.org_id == Receipt.org_id) & (Donation.id == Receipt.donation_id))
        .where(Receipt.org_id == org_id, Receipt.number == number)
    ).first()
    if row is None:
        return None
    receipt, gift = row
    prints = session.execute(
        select(ReceiptPrint.act, ReceiptPrint.is_copy, ReceiptPrint.printed_by_name, ReceiptPrint.printed_at)
        .where(ReceiptPrint.org_id == org_id, ReceiptPrint.receipt_id == receipt.id)
        .order_by(ReceiptPrint.position)
    )
    later = session.scalar(
        select(Receipt.number)
        .where(Receipt.org_id == org_id, Receipt.reissued_from_id == receipt.id)
        .order_by(Receipt.id.desc())
        .limit(1)
    )
    batch = session.get(ReceiptBatch, (org_id, receipt.batch_id)) if receipt.batch_id else None
    document = ReceiptDocument.from_json(receipt.snapshot)
    return ReceiptPage(
        id=receipt.id,
        number=receipt.number,
        state=receipt.state,
        gift=gift,
        donation_id=receipt.donation_id,
        document=document,
        verify_code=receipt.verify_code,
        bytes_sha256=receipt.bytes_sha256,
        issued_by_name=receipt.issued_by_name,
        issued_at=receipt.issued_at,
        void_reason=receipt.void_reason,
        voided_by_name=receipt.voided_by_name,
        voided_at=receipt.voided_at,
        replaces=document.replaces_number,
        replaced_by=later or "",
        batch_no=batch.public_no if batch else "",
        books_fen=net_fen(gift_lines(session, org_id, [receipt.donation_id]).get(receipt.donation_id, [])),
        prints=tuple(PrintRow(*values) for values in prints),
    )


@dataclass(frozen=True, slots=True)
class GiftRow:
    """A gift as the issuing of receipts sees it; the amount in fen.

    Attributes:
        booked_fen: what of it stands in the books as income; 0: not posted yet.
        age_days: since the money arrived.
    """

    id: int
    gift: str
    donor: str
    received_on: date
    channel: str
    amount_fen: int
    booked_fen: int
    age_days: int
    receipt_state: str

    @property
    def is_late(self) -> bool:
        """Say whether it has waited longer than it should."""
        return self.age_days > LATE_DAYS


def _gift_rows(session: Session, org_id: int, query: Select[*tuple[Any, ...]], today: date) -> list[GiftRow]:
    """Return gifts of a query with what the books hold of them."""
    rows = session.execute(query).all()
    lines = gift_lines(session, org_id, [gift.id for gift, _ in rows])
    return [
        GiftRow(
            id=gift.id,
            gift=gift.public_no,
            donor=name,
            received_on=gift.received_on,
            channel=gift.channel,
            amount_fen=gift.amount_fen,
            booked_fen=net_fen(lines.get(gift.id, [])),
            age_days=(today - gift.received_on).days,
            receipt_state=gift.receipt_state,
        )
        for gift, name in rows
    ]


def _gifts(org_id: int, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Return the query of gifts with their donors' names."""
    root = aliased(Donor)
    return (
        select(Donation, root.name)
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .join(root, (root.org_id == Donor.org_id) & (root.id == Donor.root_id))
        .where(Donation.org_id == org_id, *conditions)
    )


def find_gift(session: Session, org_id: int, public_no: str, today: date) -> GiftRow | None:
    """Return one gift by number; None when there is none."""
    found = _gift_rows(session, org_id, _gifts(org_id, Donation.public_no == public_no), today)
    return found[0] if found else None


def gifts_without_receipt(
    session: Session,
    org_id: int,
    today: date,
    *,
    after: tuple[date, int] | None = None,
    limit: int = PAGE_ROWS,
) -> list[GiftRow]:
    """Return gifts that have neither receipt nor a recorded reason for none, the oldest first.

    Args:
        after: day and key of the last row of the page before; None for the first.
    """
    query = _gifts(org_id, Donation.receipt_state == "none", Donation.nature == "gift")
    if after is not None:
        query = query.where(
            (Donation.received_on > after[0]) | and_(Donation.received_on == after[0], Donation.id > after[1])
        )
    query = query.order_by(Donation.received_on, Donation.id).limit(limit)
    return _gift_rows(session, org_id, query, today)


@dataclass(frozen=True, slots=True)
class AgeFigure:
    """How many gifts of one age wait for a receipt, and their sum in fen."""

    from_days: int
    until_days: int | None
    count: int
    amount_fen: int

    @property
    def over_days(self) -> int:
        """Return the days which gifts of the oldest class are over."""
        return self.from_days - 1


#: Days at which a new class of age begins.
AGES = (0, 8, 31, 91)


def waiting_by_age(session: Session, org_id: int, today: date) -> list[AgeFigure]:
    """Return the gifts without receipt by age, the youngest class first; every class is there."""
    rows = session.execute(
        select(Donation.received_on, func.count(), func.sum(Donation.amount_fen))
        .where(Donation.org_id == org_id, Donation.receipt_state == "none", Donation.nature == "gift")
        .group_by(Donation.received_on)
    ).all()
    result = []
    for start, end in zip(AGES, (*AGES[1:], None), strict=True):
        inside = [
            (count, int(fen))
            for on, count, fen in rows
            if start <= max(0, (today - on).days) and (end is None or max(0, (today - on).days) < end)
        ]
        until = None if end is None else end - 1
        result.append(
            AgeFigure(start, until, sum(count for count, _ in inside), sum(fen for _, fen in inside))
        )
    return result


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A valid receipt whose gift the books hold at another amount by now; fen."""

    number: str
    gift: str
    amount_fen: int
    books_fen: int


def changed_since(session: Session, org_id: int) -> list[ChangedRow]:
    """Return valid receipts whose gift was given back or reversed since, in the order of numbers.

    Only gifts with a line that takes something back are looked at.
    """
    taken = (
        select(VoucherLine.source_id)
        .join(Account, Account.id == VoucherLine.account_id)
        .where(
            VoucherLine.org_id == org_id,
            VoucherLine.source_kind == "gift",
            Account.code.in_(INCOME_ACCOUNTS),
            (VoucherLine.debit_fen != 0) | (VoucherLine.credit_fen < 0),
        )
    )
    rows = session.execute(
        select(Receipt.number, Donation.public_no, Receipt.amount_fen, Receipt.donation_id)
        .join(Donation, (Donation.org_id == Receipt.org_id) & (Donation.id == Receipt.donation_id))
        .where(Receipt.org_id == org_id, Receipt.state == "issued", Receipt.donation_id.in_(taken))
        .order_by(Receipt.year, Receipt.sequence)
    ).all()
    lines = gift_lines(session, org_id, [row[3] for row in rows])
    found = [ChangedRow(*row[:3], net_fen(lines.get(row[3], []))) for row in rows]
    return [row for row in found if row.amount_fen != row.books_fen]


@dataclass(frozen=True, slots=True)
class BatchPage:
    """A batch of receipts with the gifts that were left out and why."""

    public_no: str
    receipt_count: int
    amount_fen: int
    first: str
    last: str
    left_out: tuple[tuple[str, str], ...]
    made_by_name: str
    made_at: datetime


def find_batch(session: Session, org_id: int, public_no: str) -> BatchPage | None:
    """Return one batch; None when there is none."""
    batch = session.scalar(
        select(ReceiptBatch).where(ReceiptBatch.org_id == org_id, ReceiptBatch.public_no == public_no)
    )
    if batch is None:
        return None
    numbers: Sequence[str] = session.scalars(
        select(Receipt.number)
        .where(Receipt.org_id == org_id, Receipt.batch_id == batch.id)
        .order_by(Receipt.year, Receipt.sequence)
    ).all()
    return BatchPage(
        public_no=batch.public_no,
        receipt_count=batch.receipt_count,
        amount_fen=batch.amount_fen,
        first=numbers[0] if numbers else "",
        last=numbers[-1] if numbers else "",
        left_out=tuple((str(gift), str(code)) for gift, code in batch.left_out),
        made_by_name=batch.made_by_name,
        made_at=batch.made_at,
    )
