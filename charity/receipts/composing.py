"""From a gift in the books to what its receipt says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

from sqlalchemy.orm import Session

from charity.db import Actor
from charity.documents.receipt import Allocation, ReceiptDocument
from charity.documents.words import Language
from charity.donations.models import Donation, Donor
from charity.errors import refuse
from charity.ledger.people import signer_names
from charity.names import clean_line
from charity.places.models import Org
from charity.receipts.gift_lines import GiftPart, gift_lines, gift_parts
from charity.receipts.rules import CHANNEL_TEXTS, NAMELESS

#: Line of the voucher, which names the proof, by language of the document.
_LINE = {"zh_Hans": "{} 第{}行", "zh_Hant": "{} 第{}行", "en": "{} line {}"}
#: How a gift on several vouchers names them: the first, and how many there are.
_MORE = {"zh_Hans": "{} 等{}张凭证", "zh_Hant": "{} 等{}張憑證", "en": "{}, {} in all"}
#: Between the purposes of a gift of several parts.
_BETWEEN = {"zh_Hans": "、", "zh_Hant": "、", "en": ", "}
#: Most characters of a purpose.
_PURPOSE_LENGTH = 200
#: Stands in fields of a preview that are given at issue only.
UNSET = "—"


@dataclass(frozen=True, slots=True)
class Press:
    """Where issued documents are kept and what is printed on every one.

    Attributes:
        data_dir: the data folder.
        public_url: address of the public pages; the QR code leads there.
        is_demo: print 演示 across each page.
    """

    data_dir: Path
    public_url: str
    is_demo: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """What the office may choose about a receipt.

    Attributes:
        language: of the fixed words.
        title: how the donor asked to be named; empty for the name on record.
        purpose: the donor's purpose; None for the words a person wrote down with the gift,
            else for what it was booked to.
    """

    language: str = "zh_Hans"
    title: str = ""
    purpose: str | None = None


def org_url(org: Org, public_url: str) -> str:
    """Return the address of an org's public pages, without a slash at the end."""
    root = public_url.rstrip("/")
    return root if org.is_default else f"{root}/{org.slug}"


def donor_title(donor: Donor, language: str) -> tuple[str, bool]:
    """Return how a donor is named on a receipt, and whether that names nobody.

    Who asked to stay anonymous, or left no name, is 爱心人士 unless another title is asked for.
    """
    name = clean_line(donor.receipt_title or donor.name, 500)
    if donor.kind == "anonymous" or not name or donor.publish_choice == "anonymous":
        return NAMELESS[language], True
    return name, False


@dataclass(frozen=True, slots=True)
class Composed:
    """A receipt ready but for its number and codes.

    Attributes:
        document: what it will say; number, codes and address still :data:`UNSET`.
        is_nameless: whether the donor is not named on it.
        parts: where the gift stands in the books.
    """

    document: ReceiptDocument
    is_nameless: bool
    parts: tuple[GiftPart, ...]


def compose(
    session: Session, *, actor: Actor, donation: Donation, wording: Wording, on: date, press: Press
) -> Composed:
    """Return what the receipt of a gift says.

    Args:
        donation: a gift of the actor's org.
        wording: what the office chose.
        on: the day of issue.

    Raises:
        Refused: ``receipt_gift_unposted``: no income line of it stands in the books.
    """
    lines = gift_lines(session, actor.org_id, [donation.id]).get(donation.id, [])
    parts = gift_parts(session, actor.org_id, lines)
    if not parts:
        raise refuse("receipt_gift_unposted", gift=donation.public_no)
    org = session.get_one(Org, donation.org_id)
    own = session.get_one(Donor, (donation.org_id, donation.donor_id))
    donor = own if own.root_id == own.id else session.get_one(Donor, (donation.org_id, own.root_id))
    title, is_nameless = donor_title(donor, wording.language)
    if asked := clean_line(wording.title, 501):
        is_nameless = asked in NAMELESS.values()
        title = NAMELESS[wording.language] if is_nameless else asked
    purpose = wording.purpose
    # What the form offered in another language is not the office's own wording.
    if purpose is None or purpose in {_purpose(parts, language) for language in _LINE}:
        purpose = _purpose(parts, wording.language)
    document = ReceiptDocument(
        language=cast(Language, wording.language),
        org_name=org.name_en if wording.language == "en" and org.name_en else org.name,
        receipt_number=UNSET,
        check_code=UNSET,
        verify_url=org_url(org, press.public_url),
        donor_title=title,
        amount_fen=sum(part.amount_fen for part in parts),
        kind="money",
        received_on=donation.received_on,
        channel=CHANNEL_TEXTS[wording.language][donation.channel],
        handler=clean_line(actor.name, 30),
        reviewer=clean_line(_reviewer(session, parts), 30),
        issued_on=on,
        purpose=clean_line(purpose, 401),
        allocations=tuple(_allocation(part, wording.language) for part in parts),
        is_demo=press.is_demo or org.is_demo,
    )
    return Composed(document, is_nameless, tuple(parts))


def _purpose(parts: Sequence[GiftPart], language: str) -> str:
    """Return the purpose printed unless the office words it: what the gift was booked to.

    A donor's own words may name whom they want to help, and no paper of ours does.
    """
    names = dict.fromkeys(part.earmark_in(language) or part.fund_in(language) for part in parts)
    return _BETWEEN[language].join(names)[:_PURPOSE_LENGTH]


def _reviewer(session: Session, parts: Sequence[GiftPart]) -> str:
    """Return who checked the gift's voucher, or posted it where a rule had been approved for it."""
    line = parts[0].line
    checker = line.reviewer_id if line.reviewer_id is not None else line.poster_id
    return signer_names(session, [checker]).get(checker, UNSET)


def _allocation(part: GiftPart, language: str) -> Allocation:
    """Return a part as printed."""
    first, *others = part.vouchers or ("",)
    voucher = _MORE[language].format(first, len(others) + 1)
    if not others:
        voucher = _LINE[language].format(part.line.voucher_number, part.line.line_no)
    elif len(others) == 1:
        voucher = f"{first}、{others[0]}"
    purse = (part.fund_code, part.fund_in(language), part.earmark_in(language))
    return Allocation(*purse, part.amount_fen, voucher)


def number_it(
    document: ReceiptDocument, *, number: str, check_code: str, verify_url: str, replaces_number: str
) -> ReceiptDocument:
    """Return the document with what is given at issue only."""
    return replace(
        document,
        receipt_number=number,
        check_code=check_code,
        verify_url=verify_url,
        replaces_number=replaces_number,
    )
