"""What the public learns of a receipt: that it is genuine, and the path of its money.

Rows are built from a short list of fields; none holds a name, a purpose in the donor's own
words, or an inner key. A number that is unknown and a code that does not fit go the same
way, so that nobody learns which numbers exist.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.donations.fund_periods import SpentSince, spent_since
from charity.donations.models import Donation
from charity.ids import fold_code
from charity.ledger.reading import read_voucher
from charity.periods import Month, business_date
from charity.proofs.queries import inclusion_of, openings
from charity.receipts.gift_lines import GiftPart, gift_lines, gift_parts
from charity.receipts.models import Receipt
from charity.receipts.rules import CHECK_CODE_LENGTH, fold_number, fold_verify_code

#: Fields of the own line laid open in its proof: what the donor knows anyway. The party is
#: not among them, so the file can be handed on without naming anybody.
OPENED = ("date", "summary", "account", "amount", "fund", "earmark")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verify page says.

    Attributes:
        state: ``issued``, ``void`` or ``unknown``; then nothing else is said.
        replaced_by: number of the receipt issued in place of a void one; may be empty.
    """

    state: str
    number: str = ""
    issued_on: date | None = None
    amount_fen: int = 0
    voided_on: date | None = None
    replaced_by: str = ""


def verify(session: Session, org_id: int, code: str) -> Verdict:
    """Return whether a receipt of this org carries a code, and its state.

    Args:
        code: as typed or scanned; folded here.
    """
    receipt = session.scalar(
        select(Receipt).where(Receipt.org_id == org_id, Receipt.verify_code == fold_verify_code(code))
    )
    # Asked in every case, so that an unknown code takes the same way.
    later = session.scalar(
        select(Receipt.number)
        .where(Receipt.org_id == org_id, Receipt.reissued_from_id == (receipt.id if receipt else 0))
        .order_by(Receipt.id.desc())
        .limit(1)
    )
    if receipt is None:
        return Verdict("unknown")
    return Verdict(
        state=receipt.state,
        number=receipt.number,
        issued_on=receipt.issued_on,
        amount_fen=receipt.amount_fen,
        voided_on=business_date(receipt.voided_at) if receipt.voided_at else None,
        replaced_by=later or "",
    )


@dataclass(frozen=True, slots=True)
class PathPart:
    """One part of a gift on its way; amounts in fen.

    Attributes:
        position: 1, 2, 3 …; names its proof.
        purpose, purpose_en: narrower than the fund; empty for its charter.
        voucher, line_no, booked_on: where it was booked; these name its proof.
        line_month: of that voucher.
        spent: what the fund has spent from the public period of that month on; that may have
            begun before the gift, and then says nothing of it.
        is_proven: whether a published checkpoint holds its line.
    """

    position: int
    fund_code: str
    fund_name: str
    fund_name_en: str
    purpose: str
    purpose_en: str
    amount_fen: int
    voucher: str
    line_no: int
    booked_on: date
    line_month: Month
    spent: SpentSince
    is_proven: bool


@dataclass(frozen=True, slots=True)
class PathCard:
    """The path of a gift as its receipt's holder sees it."""

    number: str
    state: str
    issued_on: date
    amount_fen: int
    received_on: date
    parts: tuple[PathPart, ...]

    @property
    def books_fen(self) -> int:
        """Return what the books hold of the gift now."""
        return sum(part.amount_fen for part in self.parts)


def _match(session: Session, org_id: int, number: str, check_code: str) -> Receipt | None:
    """Return the receipt both fit; the way is the same for no number and for a wrong code."""
    receipt = session.scalar(
        select(Receipt).where(Receipt.org_id == org_id, Receipt.number == fold_number(number))
    )
    stored = receipt.check_code if receipt else "0" * CHECK_CODE_LENGTH
    given = fold_code(check_code)[:CHECK_CODE_LENGTH].ljust(CHECK_CODE_LENGTH)
    # Without a receipt the comparison could be met by ten noughts, hence both conditions.
    fits = hmac.compare_digest(stored.encode(), given.encode("utf-8", "replace"))
    return receipt if fits and receipt is not None else None


def _parts(session: Session, org_id: int, receipt: Receipt) -> list[GiftPart]:
    lines = gift_lines(session, org_id, [receipt.donation_id]).get(receipt.donation_id, [])
    return gift_parts(session, org_id, lines)


def look_up(session: Session, org_id: int, number: str, check_code: str) -> PathCard | None:
    """Return the path of the gift behind a receipt; None unless number and check code fit.

    Args:
        number: as typed.
        check_code: the ten characters, as typed.
    """
    receipt = _match(session, org_id, number, check_code)
    if receipt is None:
        return None
    received_on = session.scalar(
        select(Donation.received_on).where(Donation.org_id == org_id, Donation.id == receipt.donation_id)
    )
    parts = _parts(session, org_id, receipt)
    return PathCard(
        number=receipt.number,
        state=receipt.state,
        issued_on=receipt.issued_on,
        amount_fen=receipt.amount_fen,
        received_on=received_on or receipt.issued_on,
        parts=tuple(_path(session, org_id, position, part) for position, part in enumerate(parts, 1)),
    )


def _path(session: Session, org_id: int, position: int, part: GiftPart) -> PathPart:
    """Return one part with what its fund has spent since."""
    month = Month.from_code(part.line.month)
    proof = inclusion_of(session, org_id, part.line.voucher_id, part.line.line_no)
    return PathPart(
        position=position,
        fund_code=part.fund_code,
        fund_name=part.fund_name,
        fund_name_en=part.fund_name_en,
        purpose=part.earmark_name,
        purpose_en=part.earmark_name_en,
        amount_fen=part.amount_fen,
        voucher=part.line.voucher_number,
        line_no=part.line.line_no,
        booked_on=part.line.voucher_on,
        line_month=month,
        spent=spent_since(session, org_id, part.line.fund_id, month),
        is_proven=proof is not None,
    )


def proof_of(
    session: Session, org_id: int, number: str, check_code: str, position: int
) -> dict[str, object] | None:
    """Return the proof of one's own line as ``verify.py`` reads it, its known fields laid open.

    Args:
        position: the part, from 1.

    Returns:
        None unless number and code fit, and a published checkpoint holds the line.
    """
    receipt = _match(session, org_id, number, check_code)
    parts = _parts(session, org_id, receipt) if receipt else []
    if receipt is None or not 1 <= position <= len(parts):
        return None
    line = parts[position - 1].line
    bundle = inclusion_of(session, org_id, line.voucher_id, line.line_no)
    if bundle is None:
        return None
    opened = openings(read_voucher(session, org_id, line.voucher_id), line.line_no, OPENED)
    return bundle.as_json() | {"openings": [[each.field, each.value, each.salt] for each in opened]}
