"""What the file says of itself, against what was counted: totals and running balance.

Imports errors, money and this package. A file's own total lines never become rows; they
are read, compared, and a difference is a problem of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from charity.errors import N_, Problem, Refused, register
from charity.intake.cells import PADDING, PLACEHOLDERS, parse_amount
from charity.intake.rows import IncomingRow
from charity.intake.vocabulary import fold_header
from charity.money import format_yuan

PROBLEMS = register(
    {
        "balance_broken": N_(
            "The running balance breaks at row %(row)s: %(expected)s was expected, the file says %(found)s. "
            "A row is missing or out of order; export the whole period again."
        ),
        "opening_differs": N_("The file states an opening balance of %(stated)s; its rows give %(counted)s."),
        "closing_differs": N_("The file states a closing balance of %(stated)s; its rows give %(counted)s."),
        "total_count_differs": N_(
            "The file states %(stated)s rows, %(counted)s were found; it is incomplete or was changed. "
            "Download it again."
        ),
        "total_in_count_differs": N_(
            "The file states %(stated)s rows of money in, %(counted)s were found; download it again."
        ),
        "total_out_count_differs": N_(
            "The file states %(stated)s rows of money out, %(counted)s were found; download it again."
        ),
        "total_in_differs": N_(
            "The file states %(stated)s yuan in, its rows give %(counted)s; download it again and compare."
        ),
        "total_out_differs": N_(
            "The file states %(stated)s yuan out, its rows give %(counted)s; download it again and compare."
        ),
        "total_refund_differs": N_(
            "The file states %(stated)s yuan of refunds, its rows give %(counted)s; "
            "download it again and compare."
        ),
        "total_fee_differs": N_(
            "The file states %(stated)s yuan of fees, its rows give %(counted)s; "
            "download it again and compare."
        ),
        "total_printed_differs": N_(
            "The file states %(stated)s yuan as the sum of its amounts, they add up to %(counted)s; download "
            "it again and compare."
        ),
        "total_line_differs": N_(
            "The total in row %(row)s is %(stated)s, the rows above it give %(counted)s; correct one of them."
        ),
        "totals_missing": N_(
            "The bill ends without its total lines; it is probably cut off. Download it again."
        ),
        "totals_unreadable": N_("The total “%(text)s” in row %(row)s cannot be read and was not compared."),
    }
)

#: Total → the problem code of its difference.
TOTAL_CODES = {
    "count": "total_count_differs",
    "in_count": "total_in_count_differs",
    "out_count": "total_out_count_differs",
    "in_fen": "total_in_differs",
    "out_fen": "total_out_differs",
    "refund_fen": "total_refund_differs",
    "fee_fen": "total_fee_differs",
    "printed_fen": "total_printed_differs",
}

#: Headings of total lines → field of Totals; empty: known, and not compared.
_LABELS = {
    "总交易单数": "count",
    "总笔数": "count",
    "资金流水总笔数": "count",
    "交易笔数": "count",
    "合计笔数": "count",
    "总交易笔数": "count",
    "总收入笔数": "in_count",
    "收入笔数": "in_count",
    "收入总笔数": "in_count",
    "贷方笔数": "in_count",
    "贷方总笔数": "in_count",
    "总支出笔数": "out_count",
    "支出笔数": "out_count",
    "支出总笔数": "out_count",
    "借方笔数": "out_count",
    "借方总笔数": "out_count",
    "总交易额": "in_fen",
    "应结订单总金额": "in_fen",
    "总收入金额": "in_fen",
    "收入总金额": "in_fen",
    "收入合计": "in_fen",
    "贷方总金额": "in_fen",
    "贷方合计": "in_fen",
    "总支出金额": "out_fen",
    "支出总金额": "out_fen",
    "支出合计": "out_fen",
    "借方总金额": "out_fen",
    "借方合计": "out_fen",
    "总退款金额": "refund_fen",
    "退款总金额": "refund_fen",
    "手续费总金额": "fee_fen",
    "总手续费金额": "fee_fen",
    "收入金额": "in_fen",
    "支出金额": "out_fen",
    "总代金券或立减优惠退款金额": "",
    "总企业红包退款金额": "",
    "充值券退款总金额": "",
    "订单总金额": "",
    "申请退款总金额": "",
    "总实收金额": "",
}
_OPENING = ("期初余额", "上期余额", "上页余额", "承前余额", "起始余额")
_CLOSING = ("期末余额", "本期余额", "当前余额", "结束余额", "截止余额")
_INLINE = re.compile(
    r"(?P<side>收入|贷方|支出|借方)(?:合计|总计|总额|总金额|总)?[:：]\s*(?:(?P<count>\d+)\s*笔)?[,，、\s]*"
    r"(?:共|金额)?[:：]?\s*(?:[¥￥]?-?(?P<amount>\d[\d,]*\.\d{1,2})\s*元?)?"
)
_BALANCE = re.compile(
    rf"(?P<word>{'|'.join(_OPENING + _CLOSING)})[:：]?\s*[¥￥]?(?P<amount>-?\d[\d,]*\.\d\d)"
)
_PRINTED = re.compile(r"商家实收共?[:：]?\s*(-?\d[\d,]*\.\d\d)\s*元")
_COUNT = re.compile(r"(?:共|合计[:：]|总计[:：])\s*(\d+)\s*笔")


@dataclass(slots=True)
class Totals:
    """Totals of a file, fen; None where the file does not say.

    Attributes:
        count: rows; ``in_count`` and ``out_count`` by direction.
        in_fen: money in; for a payment channel the payments before refunds.
        out_fen: money out.
        refund_fen: refunds, positive.
        fee_fen: fees, less the fees given back.
        printed_fen: the amount column added up as printed, whatever each row means; Alipay only.
    """

    count: int | None = None
    in_count: int | None = None
    out_count: int | None = None
    in_fen: int | None = None
    out_fen: int | None = None
    refund_fen: int | None = None
    fee_fen: int | None = None
    printed_fen: int | None = None

    def add(self, name: str, value: int) -> None:
        """Add to one total; a file of several bills states each total several times."""
        setattr(self, name, (getattr(self, name) or 0) + value)

    def as_dict(self) -> dict[str, int]:
        """Return the totals that are known."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(slots=True)
class FileTotals:
    """What the file states and what was counted.

    Attributes:
        stated: from the file's own total lines.
        counted: over all rows, those with problems included.
    """

    stated: Totals = field(default_factory=Totals)
    counted: Totals = field(default_factory=Totals)

    def differences(self) -> list[Problem]:
        """Return one problem (:data:`TOTAL_CODES`) for each stated total the rows do not give."""
        counted = self.counted.as_dict()
        return [
            Problem(
                TOTAL_CODES[name],
                {"stated": _shown(name, stated), "counted": _shown(name, counted.get(name, 0))},
            )
            for name, stated in self.stated.as_dict().items()
            if stated != counted.get(name, 0)
        ]


def _shown(name: str, value: int) -> str:
    return str(value) if name.endswith("count") else format_yuan(value)


def counted_totals(rows: Iterable[IncomingRow], *, is_channel: bool) -> Totals:
    """Return the totals of rows.

    Args:
        rows: all rows of the file.
        is_channel: a payment channel's file, where refunds and fees stand apart.
    """
    count = in_count = in_fen = out_fen = refund_fen = fee_fen = 0
    for row in rows:
        count += 1
        fee_fen += row.fee_fen
        if row.is_credit:
            in_count += 1
            in_fen += row.amount_fen
        else:
            out_fen += row.amount_fen
            if row.kind_hint == "refund":
                refund_fen += row.amount_fen
    totals = Totals(count, in_count, count - in_count, in_fen, out_fen)
    if is_channel:
        totals.refund_fen, totals.fee_fen = refund_fen, fee_fen
    return totals


def is_label_row(cells: Sequence[str]) -> bool:
    """Say whether a row consists of the headings of total lines."""
    words = [fold_header(cell) for cell in cells if cell.strip(PADDING)]
    return len(words) >= 2 and all(word in _LABELS for word in words)


class StatedTotals:
    """Gathers what total lines and notes of a file state, row by row.

    Attributes:
        totals: the totals stated.
        opening_fen: balance before the first row, None when not stated.
        closing_fen: balance after the last row, None when not stated.
        problems: totals that could not be read.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self.opening_fen: int | None = None
        self.closing_fen: int | None = None
        self.problems: list[Problem] = []
        self._labels: list[str] = []

    @property
    def awaits_values(self) -> bool:
        """Say whether the line before was the headings of totals, so that this one has their values."""
        return bool(self._labels)

    def take(self, cells: Sequence[str], row_index: int) -> bool:
        """Take in a row that is no data; return whether it was part of a total.

        Args:
            cells: the row.
            row_index: its index in the table, from 0.
        """
        if self._labels:
            return self._take_values(cells, row_index)
        if is_label_row(cells):
            self._labels = [fold_header(cell) for cell in cells]
            return True
        return self._take_notes(cells, row_index)

    def _take_values(self, cells: Sequence[str], row_index: int) -> bool:
        if not any(cell.strip(PADDING) for cell in cells):
            return False
        labels, self._labels = self._labels, []
        for label, cell in zip(labels, cells, strict=False):
            name, text = _LABELS.get(label, ""), cell.strip(PADDING)
            if name and text:
                self.state(name, text, row_index)
        return True

    def state(self, name: str, text: str, row_index: int) -> None:
        """Add a stated total; one that cannot be read is a problem."""
        try:
            value = parse_amount(text)
        except Refused:
            self.note_unreadable(text, row_index)
            return
        if name.endswith("count"):
            if value % 100:
                self.note_unreadable(text, row_index)
                return
            value //= 100
        self.totals.add(name, value)

    def note_unreadable(self, text: str, row_index: int) -> None:
        """Note a total that cannot be read, and so was not compared."""
        self.problems.append(
            Problem("totals_unreadable", {"text": text[:40], "row": row_index + 1}, str(row_index + 1))
        )

    def _take_notes(self, cells: Sequence[str], row_index: int) -> bool:
        """Read “label：value” inside one cell, or a label and its value in two cells."""
        filled = [cell.strip(PADDING) for cell in cells if cell.strip(PADDING)]
        is_total = False
        for cell, following in zip(filled, [*filled[1:], ""], strict=False):
            label = fold_header(cell)
            if _LABELS.get(label) and re.fullmatch(r"-?[\d,]+(\.\d+)?元?笔?", following):
                self.state(_LABELS[label], following.rstrip("笔"), row_index)
                is_total = True
            for word in (*_OPENING, *_CLOSING):
                if label == word and re.fullmatch(r"-?[\d,]+\.\d\d元?", following):
                    self._balance(word, following)
            is_total = self._take_inline(cell, row_index) or is_total
        return is_total

    def _take_inline(self, cell: str, row_index: int) -> bool:
        is_total = False
        for found in _INLINE.finditer(cell):
            side = "in" if found["side"] in ("收入", "贷方") else "out"
            if found["count"]:
                self.totals.add(f"{side}_count", int(found["count"]))
            if found["amount"]:
                self.state(f"{side}_fen", found["amount"], row_index)
            is_total = is_total or bool(found["count"] or found["amount"])
        if count := _COUNT.search(cell):
            self.totals.add("count", int(count[1]))
        if printed := _PRINTED.search(cell):
            self.state("printed_fen", printed[1], row_index)
        for found in _BALANCE.finditer(cell):
            self._balance(found["word"], found["amount"])
        return is_total or bool(count or printed)

    def _balance(self, word: str, text: str) -> None:
        try:
            value = parse_amount(text)
        except Refused:
            return
        if word in _OPENING:
            self.opening_fen = value
        else:
            self.closing_fen = value


class RunningSums:
    """Compares total lines inside a list: subtotals with their block, totals with either.

    A list printed over several pages carries a 合计 at the foot of each page as often as
    a grand one; a total line is right when it is the sum of its block or of all rows.
    """

    def __init__(self) -> None:
        self._block_fen = self._all_fen = 0
        self.stated_fen: int | None = None
        self.problems: list[Problem] = []

    def add(self, amount_fen: int) -> None:
        """Count a row."""
        self._block_fen += amount_fen
        self._all_fen += amount_fen

    def compare(self, label: str, stated_fen: int, row_index: int) -> None:
        """Compare a total line (``小计`` or ``合计``) with the rows above it."""
        expected = {self._block_fen} if label == "小计" else {self._block_fen, self._all_fen}
        if label != "小计":
            # A page's own 合计 says nothing of the whole list.
            is_page = stated_fen == self._block_fen != self._all_fen
            self.stated_fen = None if is_page else stated_fen
        if stated_fen not in expected:
            counted = self._block_fen if label == "小计" else self._all_fen
            params = {
                "row": row_index + 1,
                "stated": format_yuan(stated_fen),
                "counted": format_yuan(counted),
            }
            self.problems.append(Problem("total_line_differs", params, str(row_index + 1)))
        self._block_fen = 0


@dataclass(frozen=True, slots=True)
class BalanceBreak:
    """A row whose balance does not follow from its neighbour.

    Attributes:
        row_no: the row's number in the file.
        expected_fen: the balance that would follow.
        found_fen: the balance the file gives.
    """

    row_no: int
    expected_fen: int
    found_fen: int


@dataclass(frozen=True, slots=True)
class BalanceChain:
    """The running balance of one account's rows.

    Attributes:
        opening_fen: before the earliest row; None without balances.
        closing_fen: after the latest row.
        is_newest_first: the file runs backwards in time.
        breaks: every break, file order.
    """

    opening_fen: int | None
    closing_fen: int | None
    is_newest_first: bool
    breaks: tuple[BalanceBreak, ...]


def balance_chain(rows: Sequence[IncomingRow]) -> BalanceChain:
    """Return the running balance over rows of one account, in whichever order of time fits.

    A row without a readable amount or balance interrupts the chain; it is not a break,
    since the row says itself what is wrong.
    """
    with_balance = [row for row in rows if row.balance_fen is not None]
    if not with_balance:
        return BalanceChain(None, None, False, ())
    oldest_first = list(_breaks(rows, newest_first=False))
    newest_first = list(_breaks(rows, newest_first=True)) if oldest_first else []
    is_newest_first = bool(oldest_first) and len(newest_first) < len(oldest_first)
    if len(oldest_first) == len(newest_first) and oldest_first:
        is_newest_first = _runs_backwards(rows)
    first, last = with_balance[0], with_balance[-1]
    if is_newest_first:
        first, last = last, first
    opening = (first.balance_fen or 0) - first.signed_fen
    breaks = newest_first if is_newest_first else oldest_first
    return BalanceChain(opening, last.balance_fen, is_newest_first, tuple(breaks))


def _breaks(rows: Sequence[IncomingRow], *, newest_first: bool) -> Iterable[BalanceBreak]:
    before: IncomingRow | None = None
    for row in rows:
        is_unread = row.problems and any(problem.where == "amount" for problem in row.problems)
        if row.balance_fen is None or is_unread:
            before = None
            continue
        if before is not None and before.balance_fen is not None:
            if newest_first:
                expected = before.balance_fen - before.signed_fen
            else:
                expected = before.balance_fen + row.signed_fen
            if expected != row.balance_fen:
                yield BalanceBreak(row.row_no, expected, row.balance_fen)
        before = row


def _runs_backwards(rows: Sequence[IncomingRow]) -> bool:
    days = [row.booked_on or row.occurred_on for row in rows]
    known = [day for day in days if day is not None]
    return len(known) > 1 and known[0] > known[-1]


def balance_problems(chain: BalanceChain, stated: StatedTotals) -> list[Problem]:
    """Return the first break and every stated balance that the rows do not give."""
    problems = []
    if chain.breaks:
        first = chain.breaks[0]
        params = {
            "row": first.row_no,
            "expected": format_yuan(first.expected_fen),
            "found": format_yuan(first.found_fen),
        }
        problems.append(Problem("balance_broken", params, str(first.row_no)))
    for code, said, counted in (
        ("opening_differs", stated.opening_fen, chain.opening_fen),
        ("closing_differs", stated.closing_fen, chain.closing_fen),
    ):
        if said is not None and counted is not None and said != counted:
            problems.append(Problem(code, {"stated": format_yuan(said), "counted": format_yuan(counted)}))
    return problems


def is_blank(text: str) -> bool:
    """Say whether a stripped cell states nothing."""
    return not text or text in PLACEHOLDERS
