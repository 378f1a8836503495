"""Rows of bank exports, in whichever form: two amount columns, one with a direction, one signed.

Imports errors, money and this package. 借 is money out and 贷 is money in: the words are
the bank's, seen from its own books.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from charity.errors import N_, Refused, register
from charity.intake.cells import PADDING, PLACEHOLDERS, clean_account, parse_amount, parse_clock
from charity.intake.payments import CellReader
from charity.intake.people import donor_kind_hint
from charity.intake.recognise import Recognition
from charity.intake.rows import IncomingRow, LineHasher
from charity.intake.table import Table
from charity.intake.totals import RunningSums, StatedTotals, is_blank
from charity.intake.vocabulary import total_label
from charity.names import fold_text

PROBLEMS = register(
    {
        "amount_both_sides": N_("The row has an amount on both sides, money in and money out; correct it."),
        "amount_red": N_(
            "The amount is negative on its side (红字): it was read as money going the other way."
        ),
        "balance_unreadable": N_(
            "The balance “%(text)s” cannot be read; the row was not checked against it."
        ),
        "direction_contradictory": N_("The row says %(direction)s, but the amount stands on the other side."),
        "direction_unknown": N_("“%(text)s” does not say whether money came in or went out."),
    }
)

_CURRENCIES = frozenset(
    {"", "CNY", "RMB", "人民币", "人民币元", "156", "001", "01", "CNY人民币", "人民币CNY"}
)
_IN = re.compile(r"贷|收入|转入|来账|存入|进账|汇入|^收|^入|^C(?:R|REDIT)?\b|^\+", re.IGNORECASE)
_OUT = re.compile(r"借|支出|转出|往账|支取|出账|汇出|^支|^付|^出|^D(?:R|EBIT)?\b|^-", re.IGNORECASE)

_TELLING = re.compile(
    r"退汇|退票|汇款退回|来账退回|冲正|冲账|冲销|抹账|结息|利息|手续费|工本费|管理费|汇划费|服务费|年费|短信费|"
    r"财付通|微信支付|支付宝|银联商务|网银在线|结算款|提现|退款|退捐|退还"
)
_BACK = ("退汇", "退票", "汇款退回", "来账退回", "冲正", "冲账", "冲销", "抹账")
#: Out: a gift given back. In: something we had paid comes back, which is no gift either.
_GIVEN_BACK = ("退款", "退捐", "退还")
_FEE = ("手续费", "工本费", "管理费", "汇划费", "服务费", "年费", "短信费")
_PLATFORM = ("财付通", "微信支付", "支付宝", "银联商务", "网银在线")
#: A platform's own account; 支付宝-李四 is a person who paid through it.
_COMPANY = re.compile(r"公司|备付金|结算|商户")


@dataclass(frozen=True, slots=True)
class BankFile:
    """The rows of a bank export.

    Attributes:
        rows: file order.
        notes: (row number, text) of lines that are neither rows nor totals.
    """

    rows: list[IncomingRow]
    notes: list[tuple[int, str]]


class _BankReader:
    """Reads one export; what does not change from row to row is settled once."""

    def __init__(self, table: Table, recognition: Recognition) -> None:
        self.cells = CellReader(recognition, table.rows)
        self._hasher = LineHasher()
        self._own_account = own_account_above(table, recognition)
        columns = recognition.columns
        self._texts = self.cells.picker(
            "summary",
            "purpose",
            "remark",
            "remark_more",
            "currency",
            "counterparty_bank",
            "merchant_reference",
            "own_account",
        )
        self._has_sides = {"debit", "credit"} <= columns.keys()
        self._has_direction = "direction" in columns
        self._unsigned_is_credit = recognition.unsigned_is_credit
        self._unit_fen = recognition.unit_fen
        self._channel = recognition.channel or "bank"
        self._day = next((name for name in ("day", "booked") if name in columns), "time")
        self._has_clock = "time" in columns and self._day != "time"
        self._has_joined = "counterparty" in columns and "counterparty_name" not in columns
        self._has_parties = "payer_name" in columns or "payee_name" in columns

    def row(self, row_no: int) -> IncomingRow:
        """Return the row at hand."""
        cells = self.cells
        occurred_on, occurred_at, booked_on = self._when()
        amount_fen, is_credit = self._amount()
        summary, purpose, remark, more, currency, bank, ours, own_account = map(_said, self._texts())
        if currency and currency.upper() not in _CURRENCIES and not is_blank(currency):
            cells.note("row_currency_foreign", "currency", currency=currency[:20])
        name, account = self._other_side(is_credit)
        if more and more != remark:
            remark = f"{remark} {more}" if remark else more
        reference = cells.number("reference")
        balance_fen = self._balance()
        line_hash = self._hash(
            occurred_on, occurred_at, amount_fen, is_credit, balance_fen, reference, account or _folded(name)
        )
        if self._hasher.is_repeat and reference and balance_fen is None:
            cells.note("row_twice", reference=reference[:40])
        # By position, in the order of the fields: keywords cost more than all the rest of a row.
        return IncomingRow(
            row_no,
            self._channel,
            _kind_hint(f"{summary} {purpose} {remark} {name}", name, is_credit),
            occurred_on,
            occurred_at,
            amount_fen,
            is_credit,
            line_hash,
            cells.headers,
            cells.cells,
            booked_on,
            cells.fen("fee"),
            balance_fen,
            reference,
            ours,
            "",
            "",
            clean_account(own_account or self._own_account),
            name,
            account,
            bank,
            summary,
            purpose,
            remark,
            remark or purpose,
            donor_kind_hint(name),
            tuple(cells.problems),
        )

    def _hash(
        self,
        occurred_on: date | None,
        occurred_at: datetime | None,
        amount_fen: int,
        is_credit: bool,
        balance_fen: int | None,
        reference: str,
        side: str,
    ) -> str:
        """Return the line hash: what the bank booked, not how this export words it.

        With a running balance, day, side, amount, other side and balance are enough, and
        every export form of a bank that has them agrees. Without one, the moment, the
        serial number and, failing that too, the texts tell rows apart.
        """
        booked = f"{self._channel} {'in' if is_credit else 'out'} {amount_fen} {_day_text(occurred_on)}"
        if balance_fen is not None:
            parts: tuple[str, ...] = (booked, side, f"balance {balance_fen}")
        elif reference:
            parts = (booked, side, f"serial {reference}")
        else:
            texts = [_folded(self.cells.text(field)) for field in ("summary", "purpose", "remark")]
            parts = (booked, side, str(occurred_at), *texts)
        if not amount_fen or occurred_on is None:
            # A row that could not be read is only like a row that reads the same.
            parts += self.cells.cells
        return self._hasher.hash_of(*parts)

    def _when(self) -> tuple[date | None, datetime | None, date | None]:
        cells = self.cells
        day, moment = cells.moment(self._day)
        booked_on = None
        if self._has_clock:
            text = cells.text("time")
            if len(text) >= 10:
                happened, at = cells.moment("time")
                if at is not None and happened != day:
                    booked_on, day = day, happened
                moment = at or moment
            elif text and day is not None and moment is None:
                try:
                    moment = datetime.combine(day, parse_clock(text))
                except Refused as refused:
                    cells.note("time_unreadable", "time", **refused.problems[0].params)
        if self._day == "day" and cells.text("booked"):
            booked_on = cells.moment("booked")[0]
        return day, moment, booked_on

    def _amount(self) -> tuple[int, bool]:
        """Return the amount and whether it is money in; problems go to the row."""
        cells = self.cells
        if self._has_sides:
            out_fen, in_fen = cells.fen("debit"), cells.fen("credit")
            if out_fen and in_fen:
                cells.note("amount_both_sides", "amount")
                return 0, in_fen > out_fen
            signed, is_credit = (in_fen, True) if in_fen else (out_fen, False)
            if self._has_direction and signed:
                said = _direction(cells.text("direction"))
                if said is not None and said != is_credit:
                    cells.note("direction_contradictory", "amount", direction=cells.text("direction")[:10])
        else:
            signed = cells.fen("amount")
            told = self._told_direction(signed)
            is_credit = signed >= 0 if told is None else told
            if told is None:
                signed = abs(signed)
        if signed < 0:
            cells.note("amount_red", "direction")
            signed, is_credit = -signed, not is_credit
        if not signed and not any(problem.where == "amount" for problem in cells.problems):
            is_written = any(cells.text(name).strip("-") for name in ("debit", "credit", "amount"))
            cells.note("row_amount_zero" if is_written else "row_amount_missing", "amount")
        return signed, is_credit

    def _told_direction(self, signed: int) -> bool | None:
        """Return what the direction column says; None when the sign alone decides."""
        if not self._has_direction:
            return self._unsigned_is_credit if signed > 0 else None
        text = self.cells.text("direction")
        told = _direction(text)
        if told is None and signed:
            self.cells.note("direction_unknown", "amount", text=text[:20])
        # With both a sign and a word, a minus on 借 only repeats the word.
        return None if told is False and signed < 0 else told

    def _other_side(self, is_credit: bool) -> tuple[str, str]:
        cells = self.cells
        name, account = cells.text("counterparty_name"), cells.number("counterparty_account")
        if self._has_joined:
            name, account = split_party(cells.text("counterparty"))
        if self._has_parties:
            side = "payer" if is_credit else "payee"
            name = name or cells.text(f"{side}_name")
            account = account or cells.number(f"{side}_account")
        name, account = _said(name), _said(account)
        return name, clean_account(account)

    def _balance(self) -> int | None:
        text = self.cells.text("balance")
        if not _said(text):
            return None
        try:
            return parse_amount(text, self._unit_fen)
        except Refused:
            self.cells.note("balance_unreadable", "balance", text=text[:40])
            return None


@lru_cache(maxsize=16_384)
def _said(text: str) -> str:
    """Return a text, empty when it only fills the cell (``-``, ``---------``)."""
    return "" if text in PLACEHOLDERS or not text.strip("-—－") else text


def split_party(text: str) -> tuple[str, str]:
    """Return name and account of the other side written in one cell.

    ``张三 6222000011112222``, ``6222****2222/张三`` and either alone; an account has at least
    six digits or stars.
    """
    found = re.fullmatch(r"([\d*]{6,32})[\s/]*(.*)", text) or re.fullmatch(r"(.*?)[\s/]*([\d*]{6,32})", text)
    if found is None:
        return text, ""
    first, second = found[1].strip(" /"), found[2].strip(" /")
    return (second, first) if re.fullmatch(r"[\d*]{6,32}", first) else (first, second)


@lru_cache(maxsize=4_096)
def _folded(text: str) -> str:
    return fold_text(text)


@lru_cache(maxsize=4_096)
def _day_text(day: date | None) -> str:
    return str(day or "")


@lru_cache(maxsize=256)
def _direction(text: str) -> bool | None:
    """Return whether a word of direction means money in; None when it says neither."""
    is_in, is_out = _IN.search(text) is not None, _OUT.search(text) is not None
    return is_in if is_in != is_out else None


def _kind_hint(text: str, name: str, is_credit: bool) -> str:
    """Return what a row seems to be, from the bank's and the payer's words."""
    if _TELLING.search(text) is None:
        return "payment" if is_credit else "other"
    if any(word in text for word in _BACK):
        return "transfer_back"
    if is_credit:
        if "结息" in text or "利息" in text:
            return "interest"
        if any(word in text for word in _GIVEN_BACK):
            return "transfer_back"
        if "结算款" in text or (any(word in name for word in _PLATFORM) and _COMPANY.search(name)):
            return "settlement"
        return "payment"
    if any(word in text for word in _GIVEN_BACK):
        return "refund"
    return "fee" if any(word in text for word in _FEE) else "other"


class _BankLines:
    """Tells rows, total lines and notes of one export apart."""

    def __init__(self, recognition: Recognition, stated: StatedTotals) -> None:
        columns = recognition.columns
        self._headers = recognition.headers
        self._stated = stated
        self._days = [columns[name] for name in ("day", "booked", "time") if name in columns]
        self._amounts = [columns[name] for name in ("debit", "credit", "amount") if name in columns]
        self._sides = [
            (columns[name], is_in) for name, is_in in (("debit", False), ("credit", True)) if name in columns
        ]
        self._sums = {True: RunningSums(), False: RunningSums()}
        self.notes: list[tuple[int, str]] = []

    def is_row(self, cells: Sequence[str], index: int) -> bool:
        """Say whether a line is a row; total lines and notes are put aside."""
        first = self._days[0]
        if self._stated.awaits_values:
            self._stated.take(cells, index)
            return False
        if first < len(cells) and cells[first].lstrip(PADDING)[:1].isdigit():
            return True
        stripped = [cell.strip(PADDING) for cell in cells]
        filled = [cell for cell in stripped if cell]
        if not filled or tuple(stripped) == self._headers:
            return False
        label = total_label(filled[0])
        if label and len(filled) > 1 and self._take_total_row(label, stripped, index):
            return False
        if self._stated.take(cells, index):
            return False
        has_amount = any(
            column < len(stripped) and not is_blank(stripped[column]) for column in self._amounts
        )
        has_day = any(column < len(stripped) and stripped[column][:1].isdigit() for column in self._days)
        if has_day or (has_amount and len(filled) > 2):
            return True
        self.notes.append((index + 1, " ".join(filled)[:80]))
        return False

    def count(self, row: IncomingRow) -> None:
        """Count a row for the total lines below it."""
        self._sums[row.is_credit].add(row.amount_fen)

    def _take_total_row(self, label: str, cells: Sequence[str], index: int) -> bool:
        """Compare a 合计 line whose sums stand under the amount columns."""
        is_taken = False
        for column, is_in in self._sides:
            if column < len(cells) and not is_blank(cells[column]):
                is_taken = True
                try:
                    self._sums[is_in].compare(label, parse_amount(cells[column]), index)
                except Refused:
                    self._stated.note_unreadable(cells[column], index)
        return is_taken

    def finish(self) -> None:
        """Hand what the total lines gave over to the file's totals."""
        for is_in, name in ((True, "in_fen"), (False, "out_fen")):
            self._stated.problems.extend(self._sums[is_in].problems)
            if self._sums[is_in].stated_fen is not None:
                setattr(self._stated.totals, name, self._sums[is_in].stated_fen)


def read_bank(table: Table, recognition: Recognition, stated: StatedTotals) -> BankFile:
    """Return the rows of a bank export.

    Args:
        table: the export.
        recognition: one of the bank forms.
        stated: takes in total lines above and below the rows.
    """
    for index in range(max(recognition.header_row, 0)):
        stated.take(table.rows[index], index)
    reader = _BankReader(table, recognition)
    lines = _BankLines(recognition, stated)
    rows: list[IncomingRow] = []
    for index, cells in enumerate(table.rows[recognition.data_row :], recognition.data_row):
        if lines.is_row(cells, index):
            reader.cells.take(cells, index)
            rows.append(reader.row(index + 1))
            lines.count(rows[-1])
    lines.finish()
    return BankFile(rows, lines.notes)


_OWN_ACCOUNT = re.compile(r"(?:账号|帐号|账户|帐户|卡号)[:：]\s*([0-9*][0-9*\- ]{5,40})")


def own_account_above(table: Table, recognition: Recognition) -> str:
    """Return our account as a line above the headings gives it, empty when none does."""
    for row in table.rows[: max(recognition.header_row, 0)]:
        filled = [cell.strip(PADDING) for cell in row if cell.strip(PADDING)]
        for cell, following in zip(filled, [*filled[1:], ""], strict=False):
            if found := _OWN_ACCOUNT.search(cell):
                return clean_account(found[1])
            if re.fullmatch(r"(?:本方|查询)?(?:账号|帐号|卡号)[:：]?", cell) and re.fullmatch(
                r"[\d*\- ]{6,40}", following
            ):
                return clean_account(following)
    return ""
