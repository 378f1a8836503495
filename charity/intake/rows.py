"""The values that come out of a file: rows, and the keys that tell two of them apart.

Imports errors and names. A row is a statement of the file, not yet a gift: it may carry
problems, and the one that books decides. Amounts are integers of fen.
"""

from __future__ import annotations

from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple

from charity.errors import N_, Problem, register
from charity.names import fold_text

PROBLEMS = register(
    {
        "row_amount_missing": N_("The row has no amount; fill it in or delete the row."),
        "row_amount_not_positive": N_(
            "The amount must be larger than zero; a refund is recorded as a refund."
        ),
        "row_amount_zero": N_("The amount is zero; there is nothing to book."),
        "cell_error": N_("The cell %(cell)s holds the error %(text)s; mend the formula and save again."),
        "cell_formula": N_(
            "The cell %(cell)s begins with “=” and is only text in this file; put the value itself there."
        ),
        "row_cells_shifted": N_(
            "The row has more cells than the heading; a comma inside a cell has probably shifted it."
        ),
        "character_broken": N_("A character of this row is broken; compare it with the original."),
        "row_currency_foreign": N_(
            "The currency is %(currency)s; only yuan (CNY) can be booked from a file."
        ),
        "row_date_missing": N_("The row has no date; fill it in."),
        "row_twice": N_("The number %(reference)s stands in this file more than once with the same amount."),
        "row_name_missing": N_("The row names no donor; fill in a name, or 爱心人士 where none is known."),
        "number_damaged": N_(
            "The number “%(text)s” in %(cell)s lost its last digits in a spreadsheet; "
            "use the file as downloaded."
        ),
    }
)

#: Problems that inform the reader and do not keep the row from being booked.
NOTE_CODES = frozenset(
    {
        "amount_red",
        "balance_unreadable",
        "character_broken",
        "id_number_doubtful",
        "phone_doubtful",
        "row_twice",
        "time_unreadable",
    }
)

CHANNELS = ("wechat", "alipay", "bank", "cash", "other")
KIND_HINTS = (
    "payment",
    "refund",
    "transfer_back",
    "settlement",
    "payout",
    "interest",
    "fee",
    "neutral",
    "other",
)


class IncomingRow(NamedTuple):
    """One row of money in or out, as the file states it.

    A named tuple, where other values are frozen dataclasses: a file makes a hundred
    thousand of them, and setting 36 frozen fields takes ten times as long. A changed
    copy comes from ``row._replace(...)``.

    Attributes:
        row_no: the row's number in the file as a spreadsheet shows it, from 1.
        channel: ``wechat``, ``alipay``, ``bank``, ``cash`` or ``other``.
        kind_hint: what the row seems to be, one of :data:`KIND_HINTS`; a hint, a person decides.
        occurred_on: the day the payment happened, local; None when the file does not say.
        occurred_at: the moment, local and naive; None when the file has only a day.
        booked_on: the bank's booking day where the file gives one beside the day of the
            payment, else None.
        amount_fen: the amount, never negative; 0 with a problem when it cannot be read.
        is_credit: money in (True) or out (False).
        fee_fen: the channel's fee; positive taken from us, negative given back.
        balance_fen: the balance after the row; None when the file has none.
        reference: the bank's serial number or the channel's own number of this payment or refund.
        merchant_reference: our number sent with the payment or refund.
        refund_of: the channel's number of the payment that a refund gives back or a fee was
            taken for; else empty.
        status: the channel's word for the state, as written.
        own_account: our account or merchant number.
        counterparty_name: the other side's name.
        counterparty_account: the other side's account, or the payer's id in the channel.
        counterparty_bank: the other side's bank.
        summary: 摘要, the bank's or platform's word for the row.
        purpose: 用途 or the name of the good paid for.
        remark: 附言 and 备注, the payer's own words.
        fund_hint: the words that may name a fund or purpose, as written.
        donor_kind_hint: ``person``, ``body`` or empty when the name does not tell.
        problems: what is wrong with this row; see :data:`NOTE_CODES`.
        phone: as written, blanks removed.
        id_number: identity number or unified social credit code, upper case.
        address: as written.
        publish_as: ``name``, ``masked`` or ``anonymous``; empty when no choice is recorded.
        receipt_title: 票据抬头, the name the official invoice is to bear.
        line_hash: 64 hexadecimal digits; the same row in two exports of one place has the same.
        headers: the file's headings, shared by all rows.
        cells: the row's cells as they stand in the file.
    """

    row_no: int
    channel: str
    kind_hint: str
    occurred_on: date | None
    occurred_at: datetime | None
    amount_fen: int
    is_credit: bool
    line_hash: str
    headers: tuple[str, ...]
    cells: tuple[str, ...]
    booked_on: date | None = None
    fee_fen: int = 0
    balance_fen: int | None = None
    reference: str = ""
    merchant_reference: str = ""
    refund_of: str = ""
    status: str = ""
    own_account: str = ""
    counterparty_name: str = ""
    counterparty_account: str = ""
    counterparty_bank: str = ""
    summary: str = ""
    purpose: str = ""
    remark: str = ""
    fund_hint: str = ""
    donor_kind_hint: str = ""
    problems: tuple[Problem, ...] = ()
    phone: str = ""
    id_number: str = ""
    address: str = ""
    publish_as: str = ""
    receipt_title: str = ""

    @property
    def raw(self) -> dict[str, str]:
        """Return the cells by heading; a heading that stands twice carries its column number."""
        cells: dict[str, str] = {}
        for column, text in enumerate(self.cells):
            heading = self.headers[column].strip() if column < len(self.headers) else ""
            if not heading or heading in cells:
                heading = f"{heading}#{column + 1}"
            cells[heading] = text
        return cells

    @property
    def signed_fen(self) -> int:
        """Return the amount as it moves the balance: positive in, negative out."""
        return self.amount_fen if self.is_credit else -self.amount_fen

    @property
    def is_bookable(self) -> bool:
        """Say whether nothing but notes stands at the row."""
        return all(problem.code in NOTE_CODES for problem in self.problems)


class LineHasher:
    """Gives each row of one file its line hash.

    Two rows of one file that are alike in every part are told apart by a counter, so
    that the same two rows in an overlapping export get the same two hashes. The parts
    leave out the row's place in the file and everything an export may pad or reword.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        #: Whether the row hashed last is like one before it in every part.
        self.is_repeat = False

    def hash_of(self, *parts: str) -> str:
        """Return the hash of a row's telling parts, already normalised."""
        content = "\x1f".join(parts).encode()
        line_hash = sha256(content).hexdigest()
        count = self._counts.get(line_hash, 0) + 1
        self._counts[line_hash], self.is_repeat = count, count > 1
        return line_hash if count == 1 else sha256(b"%b\x1e%d" % (content, count)).hexdigest()


def same_row_key(row: IncomingRow) -> str:
    """Return a key that two rows share when a person should ask whether they are one.

    Day, direction, amount and the other side. Rows with equal ``line_hash`` are
    surely the same; rows with only this key in common may be (another export form, a
    list typed from the bank's file) and are asked about, never dropped.
    """
    side = fold_text(row.counterparty_name) or clean_side(row)
    parts = (str(row.occurred_on or ""), "in" if row.is_credit else "out", str(row.amount_fen), side)
    return sha256("\x1f".join(parts).encode()).hexdigest()


def clean_side(row: IncomingRow) -> str:
    """Return what names the other side when the row has no name."""
    return row.counterparty_account or row.phone or row.reference
