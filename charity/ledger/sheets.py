"""A voucher as it looks on paper, prepared or posted: what pages and prints show.

Nothing is computed here but sums of the lines shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from charity.errors import N_
from charity.ledger.judging import draft_value
from charity.ledger.models import Draft
from charity.ledger.naming import BookNames, LineView
from charity.ledger.people import RuleReview
from charity.ledger.reading import PostedRecord

#: Word of a voucher → title of the sheet.
TITLES = {
    "记": N_("Accounting voucher"),
    "收": N_("Receipt voucher"),
    "付": N_("Payment voucher"),
    "转": N_("Transfer voucher"),
}


@dataclass(frozen=True, slots=True)
class Signature:
    """Who did one of the four steps of a voucher, and when; nobody yet: both None.

    Attributes:
        earlier_ids: who else wrote or changed it before the maker.
        rule: the approved rule that reviewed it in a person's place.
    """

    label: str
    user_id: int | None
    at: datetime | None
    earlier_ids: tuple[int, ...] = ()
    rule: RuleReview | None = None

    @property
    def people(self) -> tuple[int | None, ...]:
        """Return every login this signature names."""
        return (self.user_id, *self.earlier_ids, *(self.rule.people if self.rule else ()))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A voucher as on paper.

    Attributes:
        title: message id of its title.
        word: 记, 收, 付 or 转; empty while not posted.
        number: within month and word; 0 while not posted.
        month: ``YYYYMM`` or ``YYYY13``.
        debit_fen, credit_fen: sums of the lines, re-tags left out: they move no money.
        signatures: 制单, 稽核, 出纳, 记账, in this order.
    """

    title: str
    word: str
    number: int
    voucher_on: date
    month: int
    kind: str
    colour: str
    lines: tuple[LineView, ...]
    debit_fen: int
    credit_fen: int
    attachment_count: int
    signatures: tuple[Signature, ...]

    @property
    def people(self) -> tuple[int | None, ...]:
        """Return every login its signatures name."""
        return tuple(key for signature in self.signatures for key in signature.people)

    @property
    def is_red(self) -> bool:
        """Say whether the voucher takes back."""
        return self.colour == "red"

    @property
    def is_month13(self) -> bool:
        """Say whether the date does not tell the month: audit adjustments."""
        return self.month % 100 == 13


def draft_sheet(row: Draft, names: BookNames, rule: RuleReview | None = None) -> Sheet:
    """Return a draft as on paper.

    Args:
        rule: the rule that made it; a person who reviewed it stands before it.
    """
    draft = draft_value(row)
    return Sheet(
        title=TITLES["记"],
        word="",
        number=0,
        voucher_on=row.voucher_on,
        month=row.month,
        kind=row.kind,
        colour=row.colour,
        lines=tuple(names.line(n, line, row.summary) for n, line in enumerate(draft.lines, start=1)),
        debit_fen=sum(line.debit_fen for line in draft.lines if not line.is_retag),
        credit_fen=sum(line.credit_fen for line in draft.lines if not line.is_retag),
        attachment_count=len(row.attachments),
        signatures=(
            Signature(N_("Maker"), row.maker_id, row.made_at, _earlier(row.makers, row.maker_id)),
            Signature(
                N_("Reviewer"), row.reviewer_id, row.reviewed_at, rule=None if row.reviewer_id else rule
            ),
            Signature(N_("Cashier"), row.cashier_id, row.signed_at),
            Signature(N_("Posted by"), None, None),
        ),
    )


def _earlier(makers: Iterable[int], maker_id: int) -> tuple[int, ...]:
    """Return who wrote a voucher before its maker, in order."""
    return tuple(key for key in makers if key != maker_id)


def earlier_makers(header: Mapping[str, Any]) -> tuple[int, ...]:
    """Return who wrote a posted voucher before its maker, in order."""
    return _earlier((int(key) for key in header["makers"].split(",")), header["maker_id"])


def voucher_sheet(record: PostedRecord, names: BookNames, rule: RuleReview | None = None) -> Sheet:
    """Return a posted voucher as on paper.

    Args:
        rule: the rule that made it; a person who reviewed it stands before it.
    """
    header = record.header
    return Sheet(
        title=TITLES.get(header["word"], TITLES["记"]),
        word=header["word"],
        number=header["number"],
        voucher_on=header["voucher_on"],
        month=header["month"],
        kind=header["kind"],
        colour=header["colour"],
        lines=tuple(names.line(line.line_no, line.value) for line in record.lines),
        debit_fen=sum(line.value.debit_fen for line in record.lines if not line.value.is_retag),
        credit_fen=sum(line.value.credit_fen for line in record.lines if not line.value.is_retag),
        attachment_count=len(record.attachments),
        signatures=(
            Signature(N_("Maker"), header["maker_id"], header["made_at"], earlier_makers(header)),
            Signature(
                N_("Reviewer"),
                header["reviewer_id"],
                header["reviewed_at"],
                rule=None if header["reviewer_id"] else rule,
            ),
            Signature(N_("Cashier"), header["cashier_id"], header["signed_at"]),
            Signature(N_("Posted by"), header["poster_id"], header["posted_at"]),
        ),
    )
