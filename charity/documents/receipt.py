"""The donation receipt (捐赠确认函): its snapshot and its page.

Ours is a letter of thanks that proves a gift was entered. It is not, and must never look
like, the state's 公益事业捐赠票据: no code of an invoice, no supervision seal (监制章), and
a sentence that says so. A seal is printed only when the snapshot names its hash and the
caller hands over exactly that picture.
Source: 慈善法 (2023) art. 38; 财综〔2024〕1号 art. 5–6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

from charity.documents import fonts, snapshot
from charity.documents.receipt_words import WORDS, ReceiptWords
from charity.documents.words import Language
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.money import format_yuan

GiftKind = Literal["money", "goods", "property", "securities", "equity", "rights", "other"]

PROBLEMS = register(
    {
        "receipt_text_too_long": N_("This is %(length)s characters long; a receipt has room for %(limit)s."),
        "receipt_field_missing": N_("A receipt cannot be issued without this."),
        "receipt_amount_not_positive": N_(
            "A receipt confirms a gift, so its amount must be above zero; for a refund, void the receipt."
        ),
        "receipt_allocations_differ": N_(
            "The allocations add up to ¥%(booked)s, but the gift is ¥%(amount)s; correct the allocations."
        ),
        "receipt_seal_differs": N_("The seal picture is not the one this receipt was issued with."),
    }
)

#: Longest text of each field, in characters; a page has room for these and no more.
LIMITS = {
    "org_name": 100,
    "org_contact": 100,
    "donor_title": 500,
    "items": 280,
    "valuation": 60,
    "channel": 60,
    "purpose": 200,
    "handler": 30,
    "reviewer": 30,
    "receipt_number": 40,
    "check_code": 20,
    "replaces_number": 40,
    "verify_url": 200,
}
#: The same for each part of a gift.
PART_LIMITS = {"fund_name": 40, "earmark_name": 50, "voucher_number": 30}
_REQUIRED = ("org_name", "donor_title", "receipt_number", "check_code", "verify_url", "handler", "reviewer")


@dataclass(frozen=True, slots=True)
class Allocation:
    """Where a part of the gift was booked.

    Attributes:
        fund_code: decides the colour, e.g. ``F2``.
        fund_name: as printed.
        earmark_name: narrower purpose; empty where the fund's charter is all.
        amount_fen: the part, in fen, above zero.
        voucher_number: e.g. ``2026-03 记-12`` with its line, two with 、 between, or the first
            and how many there are; empty while not posted.
    """

    fund_code: str
    fund_name: str
    earmark_name: str
    amount_fen: int
    voucher_number: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptDocument:
    """What a receipt says, whole. The page is drawn from this and nothing else.

    Attributes:
        language: of the fixed words; names and data are printed as they are.
        org_name: the legal entity that received the gift.
        org_contact: address or phone in one line; may be empty.
        receipt_number: number in the year's sequence, e.g. ``2026-000123``.
        check_code: the 10 random characters that open the verify page.
        verify_url: address in the QR code, with the check code in it.
        donor_title: how the donor asked to be named here, e.g. 爱心人士.
        amount_fen: in fen, above zero; for goods the fair value.
        kind: what was given.
        items: for goods: names and quantities; may be empty for money.
        valuation: how the value was found; empty for money.
        received_on: the day it arrived.
        channel: how it arrived, e.g. 银行转账.
        purpose: the donor's stated purpose; empty for none.
        allocations: parts that sum to the amount; empty while not booked.
        handler: 经办人. reviewer: 复核人.
        issued_on: date of issue.
        replaces_number: the voided receipt this one stands for; may be empty.
        seal_sha256: hash of the locked seal picture; empty for no seal.
        is_demo: printed across the page.
    """

    FORMAT: ClassVar[str] = "receipt/1"

    language: Language
    org_name: str
    receipt_number: str
    check_code: str
    verify_url: str
    donor_title: str
    amount_fen: int
    kind: GiftKind
    received_on: date
    channel: str
    handler: str
    reviewer: str
    issued_on: date
    purpose: str = ""
    allocations: tuple[Allocation, ...] = ()
    items: str = ""
    valuation: str = ""
    org_contact: str = ""
    replaces_number: str = ""
    seal_sha256: str = ""
    is_demo: bool = False

    def to_json(self) -> str:
        """Return the snapshot as canonical JSON."""
        return snapshot.dump(self)

    @classmethod
    def from_json(cls, text: str) -> ReceiptDocument:
        """Return the snapshot stored as JSON.

        Raises:
            SnapshotUnreadable: another format, or fields that do not fit.
        """
        return snapshot.load(cls, text)

    @property
    def sha256(self) -> str:
        """Return the hash of the snapshot; its first 16 digits stand on the page."""
        return snapshot.digest(self)

    @property
    def words(self) -> ReceiptWords:
        """Return the fixed words in this receipt's language."""
        return WORDS[self.language]


def check_receipt(document: ReceiptDocument) -> list[Problem]:
    """Return what keeps a receipt from being printed, before a number is used for it.

    Problems: ``receipt_field_missing``, ``receipt_text_too_long``,
    ``receipt_amount_not_positive``, ``receipt_allocations_differ``,
    ``character_not_printable``; ``where`` is the field's name.
    """
    texts = {name: getattr(document, name) for name in LIMITS}
    limits = dict(LIMITS)
    for place, part in enumerate(document.allocations):
        for name, limit in PART_LIMITS.items():
            texts[f"allocations-{place}-{name}"] = getattr(part, name)
            limits[f"allocations-{place}-{name}"] = limit
    problems = [Problem("receipt_field_missing", where=name) for name in _REQUIRED if not texts[name].strip()]
    problems += [
        Problem("receipt_text_too_long", {"length": len(text), "limit": limits[name]}, name)
        for name, text in texts.items()
        if len(text) > limits[name]
    ]
    if document.amount_fen <= 0:
        problems.append(Problem("receipt_amount_not_positive", where="amount_fen"))
    booked_fen = sum(part.amount_fen for part in document.allocations)
    if document.allocations and booked_fen != document.amount_fen:
        amounts = {"booked": format_yuan(booked_fen), "amount": format_yuan(document.amount_fen)}
        problems.append(Problem("receipt_allocations_differ", amounts, "allocations"))
    return problems + fonts.check_printable(texts)


def render_receipt(
    document: ReceiptDocument, *, copy: bool = False, void: bool = False, seal: bytes | None = None
) -> bytes:
    """Return the receipt as one A5 page, PDF/A-2b, tagged.

    Args:
        document: the snapshot.
        copy: mark it 补打; only the log of issues decides this.
        void: mark it 作废; the number stays.
        seal: the picture whose hash the snapshot names; None for none.

    Raises:
        Refused: any problem of :func:`check_receipt`, or ``receipt_seal_differs``.
    """
    void_numbers = {document.receipt_number} if void else set()
    return render_receipts([document], copy=copy, void_numbers=void_numbers, seal=seal)


def render_receipts(
    documents: Iterable[ReceiptDocument],
    *,
    copy: bool = False,
    void_numbers: Collection[str] = (),
    seal: bytes | None = None,
) -> bytes:
    """Return receipts as one file, a page each, fonts shared.

    Args:
        documents: at least one snapshot, of one org.
        copy: mark every page 补打.
        void_numbers: numbers to mark 作废.
        seal: the picture named by those snapshots that name one.

    Raises:
        Refused: as :func:`render_receipt`.
        ValueError: no document.
    """
    pages = list(documents)
    if not pages:
        raise ValueError("a file of receipts has at least one")
    for document in pages:
        refuse_if(check_receipt(document))
        if document.seal_sha256 != (
            hashlib.sha256(seal).hexdigest() if seal and document.seal_sha256 else ""
        ):
            raise refuse("receipt_seal_differs", "seal_sha256")
    from charity.documents.receipt_page import draw_receipts

    return draw_receipts(pages, copy=copy, void_numbers=frozenset(void_numbers), seal=seal)
