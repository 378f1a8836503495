"""Records of receipts: issued ones, their numbers, who got them, official invoices.

What a receipt said is kept twice: as the snapshot in the row, and as the issued bytes
under their hash in the data folder. ``sealing`` holds both to stay as they are.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, Base
from charity.ids import new_id


def _org_key() -> Mapped[int]:
    """Return the org's part of a primary key."""
    return mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)


def _key() -> Mapped[int]:
    """Return a row's own part of a primary key."""
    return mapped_column(primary_key=True, default=new_id, autoincrement=False)


class ReceiptCounter(Base):
    """The last number of receipts given in a year; grows by one, never back."""

    __tablename__ = "receipts_counter"
    __table_args__ = (CheckConstraint("last_no >= 0", name="last_no"),)

    org_id: Mapped[int] = _org_key()
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_no: Mapped[int] = mapped_column(Integer, default=0)


class Receipt(Base):
    """An issued receipt (捐赠确认函); of a gift at most one is valid."""

    __tablename__ = "receipts_receipt"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "donation_id"], ["donations_donation.org_id", "donations_donation.id"]
        ),
        ForeignKeyConstraint(
            ["org_id", "reissued_from_id"], ["receipts_receipt.org_id", "receipts_receipt.id"]
        ),
        UniqueConstraint("org_id", "year", "sequence"),
        UniqueConstraint("org_id", "number"),
        UniqueConstraint("org_id", "verify_code"),
        UniqueConstraint("org_id", "request_key"),
        CheckConstraint("state IN ('issued','void')", name="state"),
        CheckConstraint(
            "(state = 'void') = (voided_at IS NOT NULL)"
            " AND (state = 'void') = (voided_by IS NOT NULL) AND (state = 'void') = (void_reason <> '')",
            name="void_whole",
        ),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("language IN ('zh_Hans','zh_Hant','en')", name="language"),
        Index(
            "ux_receipts_receipt_valid",
            "org_id",
            "donation_id",
            unique=True,
            sqlite_where=text("state = 'issued'"),
            postgresql_where=text("state = 'issued'"),
        ),
        Index("ix_receipts_receipt_donation", "org_id", "donation_id"),
        Index("ix_receipts_receipt_from", "org_id", "reissued_from_id"),
        Index("ix_receipts_receipt_batch", "org_id", "batch_id"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: Year of issue and running number in it, from 1; the number is made of both.
    year: Mapped[int] = mapped_column(Integer)
    sequence: Mapped[int] = mapped_column(Integer)
    #: E.g. ``2026-000001``.
    number: Mapped[str] = mapped_column(String(40))
    #: 10 random characters printed on it; with the number they open the look-up.
    check_code: Mapped[str] = mapped_column(String(10))
    #: 20 random characters; the last part of the address in the QR code.
    verify_code: Mapped[str] = mapped_column(String(20))
    donation_id: Mapped[int]
    #: issued or void.
    state: Mapped[str] = mapped_column(String(8), default="issued")
    #: What it says, as canonical JSON, and the SHA-256 of that text.
    snapshot: Mapped[str] = mapped_column(Text)
    snapshot_sha256: Mapped[str] = mapped_column(String(64))
    #: SHA-256 of the issued file.
    bytes_sha256: Mapped[str] = mapped_column(String(64))
    #: Language of its fixed words.
    language: Mapped[str] = mapped_column(String(8))
    #: What it confirms, in fen.
    amount_fen: Mapped[int]
    issued_on: Mapped[date]
    issued_by: Mapped[int]
    issued_by_name: Mapped[str] = mapped_column(String(80))
    issued_at: Mapped[datetime]
    #: Why it was voided, by whom and when.
    void_reason: Mapped[str] = mapped_column(String(400), default="")
    voided_by: Mapped[int | None]
    voided_by_name: Mapped[str] = mapped_column(String(80), default="")
    voided_at: Mapped[datetime | None]
    #: The voided receipt it stands for.
    reissued_from_id: Mapped[int | None]
    #: The batch it was issued in.
    batch_id: Mapped[int | None]
    #: Key of the form or batch that asked for it; the same key gives the same receipt.
    request_key: Mapped[str] = mapped_column(String(60))


class ReceiptPrint(Base):
    """One handing-over of a receipt: the original first, copies afterwards."""

    __tablename__ = "receipts_print"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "receipt_id"], ["receipts_receipt.org_id", "receipts_receipt.id"]),
        UniqueConstraint("org_id", "receipt_id", "position"),
        CheckConstraint("act IN ('download','mail','batch')", name="act"),
        CheckConstraint("is_copy = (position > 1)", name="first_is_original"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    receipt_id: Mapped[int]
    #: 1, 2, 3 … of this receipt.
    position: Mapped[int] = mapped_column(Integer)
    #: download, mail or batch.
    act: Mapped[str] = mapped_column(String(10))
    #: Whether it was marked 补打.
    is_copy: Mapped[bool] = mapped_column(Boolean)
    printed_by: Mapped[int]
    printed_by_name: Mapped[str] = mapped_column(String(80))
    printed_at: Mapped[datetime]


class ReceiptBatch(Base):
    """Receipts issued together, as one file to print and one bundle to hand on."""

    __tablename__ = "receipts_batch"
    __table_args__ = (UniqueConstraint("org_id", "public_no"),)

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: Random number by which the office names it.
    public_no: Mapped[str] = mapped_column(String(20))
    receipt_count: Mapped[int] = mapped_column(Integer)
    #: Sum of its receipts, in fen.
    amount_fen: Mapped[int]
    #: Gifts left out: pairs of the gift's number and the problem's code.
    left_out: Mapped[list[Any]] = mapped_column(JSON)
    #: SHA-256 of the merged file and of the bundle; empty when nothing was issued.
    pdf_sha256: Mapped[str] = mapped_column(String(64))
    zip_sha256: Mapped[str] = mapped_column(String(64))
    made_by: Mapped[int]
    made_by_name: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime]


class Invoice(Base):
    """An official invoice (公益事业捐赠票据) of the finance bureau's platform, as registered here."""

    __tablename__ = "receipts_invoice"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "donation_id"], ["donations_donation.org_id", "donations_donation.id"]
        ),
        ForeignKeyConstraint(["org_id", "red_of_id"], ["receipts_invoice.org_id", "receipts_invoice.id"]),
        UniqueConstraint("org_id", "invoice_code", "invoice_number"),
        UniqueConstraint("org_id", "red_of_id"),
        CheckConstraint("state IN ('registered','void','red')", name="state"),
        CheckConstraint(
            "(state = 'red') = (red_of_id IS NOT NULL) AND (state = 'red') = (amount_fen < 0)"
            " AND amount_fen <> 0",
            name="red_takes_back",
        ),
        CheckConstraint(
            "(state = 'void') = (voided_at IS NOT NULL)"
            " AND (state = 'void') = (voided_by IS NOT NULL) AND (state = 'void') = (void_reason <> '')",
            name="void_whole",
        ),
        Index("ix_receipts_invoice_donation", "org_id", "donation_id"),
        Index("ix_receipts_invoice_issued", "org_id", "issued_on", "id"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: 票据代码, digits as printed.
    invoice_code: Mapped[str] = mapped_column(String(12))
    #: 票据号码, digits as printed.
    invoice_number: Mapped[str] = mapped_column(String(20))
    #: 校验码 of the platform, as printed.
    check_code: Mapped[str] = mapped_column(String(20))
    issued_on: Mapped[date]
    #: fen; negative on a red one.
    amount_fen: Mapped[int]
    #: registered; void (作废); red (红字, takes an earlier one back).
    state: Mapped[str] = mapped_column(String(10), default="registered")
    red_of_id: Mapped[int | None]
    #: The gift it was made out for.
    donation_id: Mapped[int]
    registered_by: Mapped[int]
    registered_by_name: Mapped[str] = mapped_column(String(80))
    registered_at: Mapped[datetime]
    void_reason: Mapped[str] = mapped_column(String(400), default="")
    voided_by: Mapped[int | None]
    voided_by_name: Mapped[str] = mapped_column(String(80), default="")
    voided_at: Mapped[datetime | None]


APPEND_ONLY.update({"receipts_batch", "receipts_print"})
