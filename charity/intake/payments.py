"""Rows of the payment channels' merchant bills: WeChat trade bill v2, Alipay statement.

Imports errors, money and this package. A payment and its refund are two rows; the
refund names the payment by the channel's own order number. Amounts are what the
channel settles to us, fees stand apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from operator import itemgetter

from charity.errors import N_, Problem, Refused, register
from charity.intake.cells import PADDING, PLACEHOLDERS, is_damaged_number, parse_amount, parse_moment
from charity.intake.limits import cell_address
from charity.intake.recognise import Recognition
from charity.intake.rows import IncomingRow, LineHasher
from charity.intake.table import Table
from charity.intake.totals import StatedTotals

PROBLEMS = register(
    {
        "reference_missing": N_("The row has no order number, so it cannot be told from another one."),
        "refund_exceeds_payment": N_("More is given back than was paid on the order %(reference)s."),
        "refund_unfinished": N_(
            "The refund is not finished (%(status)s); check it on the platform before it is booked."
        ),
        "status_unknown": N_("The state “%(status)s” is not known; check the order on the platform."),
    }
)


_ODD = ("\x1f=", "\x1f#", "\x1fErr:", "\ufffd")
_ERROR = re.compile(r"#(?:REF!|N/A|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|ERR)|Err:5\d\d")


class CellReader:
    """Reads the mapped cells of one row after another and gathers its problems.

    Attributes:
        headers: the file's headings.
        cells: the row at hand as it stands in the file.
        problems: of the row at hand.
        shared: gives what every channel's row has: our account, purpose, payer, remark, currency.
    """

    def __init__(self, recognition: Recognition, rows: Sequence[Sequence[str]]) -> None:
        """Prepare for the rows of one table.

        Args:
            recognition: which column holds which field.
            rows: the table; its first rows tell how its cells are padded.
        """
        sample = [cell[:1] + cell[-1:] for row in rows[:500] for cell in row if cell]
        is_padded = any(mark in PADDING and not mark.isspace() for marks in sample for mark in marks)
        # None strips blanks of every kind, three times as fast as a set of characters.
        self._padding = PADDING if is_padded else None
        self.headers = recognition.headers
        self.cells: tuple[str, ...] = ()
        self.problems: list[Problem] = []
        self._width = len(recognition.headers)
        self._unit_fen = recognition.unit_fen
        self._columns = recognition.columns
        self._used = sorted(set(recognition.columns.values()))
        # A field without a column has the place -1: an empty text at the end of the values.
        self._places = {name: self._used.index(column) for name, column in recognition.columns.items()}
        self._pick = _picker(self._used)
        self._values: list[str] = []
        self._row_index = 0
        self.shared = self.picker("own_account", "purpose", "counterparty_account", "remark", "currency")

    def take(self, row: Sequence[str], row_index: int) -> None:
        """Make a row the one at hand."""
        self._row_index, self.problems, self.cells = row_index, [], tuple(row)
        excess = len(row) - self._width
        if excess < 0:
            self.cells += ("",) * -excess
        elif excess and any(cell.strip(PADDING) for cell in row[self._width :]):
            self.note("row_cells_shifted")
        padding = self._padding
        values = [cell.strip(padding) for cell in self._pick(self.cells)]
        values.append("")
        self._values = values
        joined = "\x1f" + "\x1f".join(values)
        if _ODD[0] in joined or _ODD[1] in joined or _ODD[2] in joined or _ODD[3] in joined:
            self._check_odd_values()

    def _check_odd_values(self) -> None:
        for column, text in zip(self._used, self._values, strict=False):
            address = cell_address(self._row_index, column)
            if text.startswith("=") and len(text) > 1:
                self.note("cell_formula", cell=address)
            elif _ERROR.match(text):
                self.note("cell_error", cell=address, text=text[:20])
            if "\ufffd" in text:
                self.note("character_broken")

    def note(self, code: str, where: str = "", **params: object) -> None:
        """Add a problem to the row at hand."""
        self.problems.append(Problem(code, params, where))

    def text(self, name: str) -> str:
        """Return a field's cell, empty when there is no such column."""
        return self._values[self._places.get(name, -1)]

    def picker(self, *names: str) -> Callable[[], tuple[str, ...]]:
        """Return a function that gives several fields' cells of the row at hand at once."""
        pick = itemgetter(*(self._places.get(name, -1) for name in names))
        return lambda: pick(self._values)

    def number(self, name: str) -> str:
        """Return an order or account number; one that lost digits is a problem."""
        return self.whole(name, self._values[self._places.get(name, -1)])

    def whole(self, name: str, text: str) -> str:
        """Return a number already picked; one that lost digits is a problem."""
        if text[-3:-2] in ("+", "E") and is_damaged_number(text):
            address = cell_address(self._row_index, self._columns[name])
            self.note("number_damaged", name, text=text[:40], cell=address)
        return text

    def fen(self, name: str) -> int:
        """Return a field's amount, 0 when blank or unreadable (then with a problem)."""
        text = self._values[self._places.get(name, -1)]
        if not text or text in PLACEHOLDERS:
            return 0
        try:
            return parse_amount(text, self._unit_fen)
        except Refused as refused:
            self.problems.extend(Problem(item.code, item.params, "amount") for item in refused.problems)
            return 0

    def moment(self, name: str, year: int | None = None) -> tuple[date | None, datetime | None]:
        """Return a field's day and moment; a blank or unreadable one is a problem."""
        text = self._values[self._places.get(name, -1)]
        if not text:
            self.note("row_date_missing", "day")
            return None, None
        try:
            return parse_moment(text, year)
        except Refused as refused:
            self.problems.extend(Problem(item.code, item.params, "day") for item in refused.problems)
            return None, None


def _picker(columns: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return a function that takes some cells of a row at once."""
    if len(columns) == 1:
        only = columns[0]
        return lambda row: (row[only],)
    return itemgetter(*columns)


def read_wechat(table: Table, recognition: Recognition, stated: StatedTotals) -> list[IncomingRow]:
    """Return the rows of a WeChat merchant trade bill, file order.

    Args:
        table: the bill.
        recognition: ``wechat_merchant_v2``.
        stated: takes in the bill's total lines.
    """
    reader = _WechatReader(table, recognition)
    rows = []
    for index, cells in data_rows(table, recognition, stated):
        reader.cells.take(cells, index)
        rows.append(reader.row(index + 1))
    return _with_refund_sums(rows)


def data_rows(
    table: Table, recognition: Recognition, stated: StatedTotals
) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield (index, cells) of the rows that are data; total lines go to ``stated``."""
    time_column = recognition.columns["time"]
    for index, cells in enumerate(table.rows[recognition.data_row :], recognition.data_row):
        first = cells[time_column].lstrip(PADDING) if time_column < len(cells) else ""
        if not first[:1].isdigit() or len(first) < 8:
            if not any(cell.strip(PADDING) for cell in cells) or stated.take(cells, index):
                continue
            if _is_comment(cells, recognition):
                continue
        yield index, cells


def _is_comment(cells: Sequence[str], recognition: Recognition) -> bool:
    """Say whether a row is a comment line or the headings once more."""
    stripped = [cell.strip(PADDING) for cell in cells]
    filled = [cell for cell in stripped if cell]
    return filled[0].startswith("#") or len(filled) == 1 or tuple(stripped) == recognition.headers


class _WechatReader:
    """Reads the rows of one WeChat bill."""

    def __init__(self, table: Table, recognition: Recognition) -> None:
        self.cells = CellReader(recognition, table.rows)
        self._hasher = LineHasher()
        self._numbers = self.cells.picker(
            "status", "reference", "merchant_reference", "refund_reference", "refund_merchant_reference"
        )

    def row(self, row_no: int) -> IncomingRow:
        """Return the row at hand."""
        cells = self.cells
        status, order, ours, refund_reference, refund_ours = self._numbers()
        status = status.upper()
        refund_fen = cells.fen("refund_amount") if status != "SUCCESS" else 0
        is_refund = status == "REFUND" or (status == "REVOKED" and refund_fen > 0)
        moment = cells.moment("refunded_at" if is_refund and cells.text("refunded_at") else "time")
        cells.whole("reference", order)
        if is_refund:
            amount_fen = refund_fen
            reference, ours = cells.whole("refund_reference", refund_reference), refund_ours
            if (state := cells.text("refund_status").upper()) not in ("SUCCESS", ""):
                cells.note("refund_unfinished", "status", status=state[:40])
        else:
            amount_fen, reference = cells.fen("amount"), order
            if status != "SUCCESS":
                cells.note("status_unknown", "status", status=status[:40])
        return _channel_row(
            cells,
            self._hasher,
            row_no,
            channel="wechat",
            is_refund=is_refund,
            moment=moment,
            amount_fen=amount_fen,
            reference="" if reference == "0" else reference,
            merchant_reference="" if ours == "0" else ours,
            refund_of=order if is_refund else "",
            status=status,
        )


def _channel_row(
    reader: CellReader,
    hasher: LineHasher,
    row_no: int,
    *,
    channel: str,
    is_refund: bool,
    moment: tuple[date | None, datetime | None],
    amount_fen: int,
    reference: str,
    merchant_reference: str,
    refund_of: str,
    status: str,
) -> IncomingRow:
    """Return a row of a payment channel, with the checks that all channels share."""
    fee_fen = reader.fen("fee")
    own_account, purpose, payer, remark, currency = reader.shared()
    if currency not in ("CNY", "", "RMB", "人民币"):
        reader.note("row_currency_foreign", "currency", currency=currency[:20])
    if not reference:
        reader.note("reference_missing", "reference")
    if amount_fen <= 0 and not any(problem.where == "amount" for problem in reader.problems):
        reader.note("row_amount_not_positive", "amount")
    kind_hint = "refund" if is_refund else "payment"
    amount_fen = max(amount_fen, 0)
    identity = reference or "\x1e".join(reader.cells)
    line_hash = hasher.hash_of(channel, own_account, kind_hint, identity, str(amount_fen))
    # By position, in the order of the fields: keywords cost more than all the rest of a row.
    return IncomingRow(
        row_no,
        channel,
        kind_hint,
        moment[0],
        moment[1],
        amount_fen,
        not is_refund,
        line_hash,
        reader.headers,
        reader.cells,
        None,
        fee_fen,
        None,
        reference,
        merchant_reference,
        refund_of,
        status,
        own_account,
        "",
        payer,
        "",
        "",
        purpose,
        remark,
        purpose,
        "",
        tuple(reader.problems),
    )


def _with_refund_sums(rows: list[IncomingRow]) -> list[IncomingRow]:
    """Return the rows; a refund that brings its order below zero carries a problem."""
    paid: dict[str, int] = {}
    refunds = [row for row in rows if row.refund_of]
    if not refunds:
        return rows
    for row in rows:
        if not row.refund_of and row.reference:
            paid[row.reference] = paid.get(row.reference, 0) + row.amount_fen
    exceeding: dict[int, Problem] = {}
    for row in refunds:
        if row.refund_of in paid:
            paid[row.refund_of] -= row.amount_fen
            if paid[row.refund_of] < 0:
                exceeding[row.row_no] = Problem(
                    "refund_exceeds_payment", {"reference": row.refund_of}, "amount"
                )
    return [
        row._replace(problems=(*row.problems, exceeding[row.row_no])) if row.row_no in exceeding else row
        for row in rows
    ]


def read_alipay(table: Table, recognition: Recognition, stated: StatedTotals) -> list[IncomingRow]:
    """Return the rows of an Alipay merchant statement (业务明细), file order.

    A refund (业务类型 退款) is written with a plus in some exports and a minus in others;
    the kind decides the direction, not the sign.
    """
    reader, hasher = CellReader(recognition, table.rows), LineHasher()
    rows = []
    for index, cells in data_rows(table, recognition, stated):
        reader.take(cells, index)
        status = reader.text("status")
        is_refund = "退" in status
        if not is_refund and status not in ("交易", "在线支付", "转账", "收款"):
            reader.note("status_unknown", "status", status=status[:40])
        order = reader.number("reference")
        amount_fen = reader.fen("amount")
        moment = reader.moment("time")
        refund_reference = reader.number("refund_reference")
        rows.append(
            _channel_row(
                reader,
                hasher,
                index + 1,
                channel="alipay",
                is_refund=is_refund,
                moment=moment,
                amount_fen=abs(amount_fen) if is_refund else amount_fen,
                reference=(refund_reference or f"{order}/退款") if is_refund else order,
                merchant_reference=reader.number("merchant_reference"),
                refund_of=order if is_refund else "",
                status=status,
            )
        )
    return _with_refund_sums(rows)
