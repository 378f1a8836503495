"""Rows of donor lists: typed by people, printed by offices, with messy headings.

Imports errors, money and this package. Title lines, section lines, repeated headings,
subtotals and blank lines are told from gifts; what could be two things is asked about,
row by row, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from charity.errors import N_, Problem, Refused, register
from charity.intake.cells import PADDING, clean_account, parse_amount
from charity.intake.payments import CellReader
from charity.intake.people import donor_kind_hint, is_identity, is_phone, is_unnamed
from charity.intake.recognise import Recognition
from charity.intake.rows import IncomingRow, LineHasher
from charity.intake.table import Table
from charity.intake.totals import RunningSums, StatedTotals, is_blank
from charity.intake.vocabulary import total_label
from charity.names import clean_line, fold_text

PROBLEMS = register(
    {
        "choice_unclear": N_("“%(text)s” does not say whether the name may be published."),
        "date_column_missing": N_("No column of %(name)s tells the day; give the day for all rows."),
        "gift_in_kind": N_("The row is a gift of goods (%(text)s); record it under goods with its value."),
        "id_number_doubtful": N_("“%(text)s” is not a right identity number or credit code; check it."),
        "phone_doubtful": N_("“%(text)s” is not a phone number; check it."),
    }
)

_CHANNELS = (
    ("wechat", re.compile(r"微信|财付通")),
    ("alipay", re.compile(r"支付宝")),
    ("cash", re.compile(r"现金|现场|募捐箱|捐款箱")),
    ("bank", re.compile(r"转账|银行|对公|汇款|网银|电汇|支票|刷卡|POS", re.IGNORECASE)),
)
_GOODS = re.compile(r"物资|实物|物品|捐物")
_SECTION = re.compile(r"[（(]?[一二三四五六七八九十\d]+[)）、.．].{0,40}")
_REMARK_LINE = re.compile(
    r"(?:注|备注|说明|制表|填表|审核|复核|经办|负责|单位负责|会计|出纳|日期|时间|联系|地址|电话|盖章|签字)[^:：]{0,8}[:：].*|以上.*|注[:：]?.*"
)
_YES = frozenset({"是", "匿名", "y", "yes", "1", "true", "√", "✓", "✔"})
_NO = frozenset({"否", "不", "不匿名", "n", "no", "0", "false", "×", "x", "公开", "实名"})
_OPEN = frozenset(
    {"是", "公开", "公示", "实名", "实名公示", "全名", "y", "yes", "1", "true", "√", "✓", "✔", "同意", "愿意"}
)
_CLOSED = frozenset(
    {"否", "不", "不公开", "不公示", "匿名", "n", "no", "0", "false", "×", "x", "不同意", "不愿意"}
)
_MASKED = frozenset({"隐名", "脱敏", "部分隐藏", "化名", "昵称", "姓氏"})


@dataclass(frozen=True, slots=True)
class DonorFile:
    """The rows of a donor list.

    Attributes:
        rows: file order.
        row_indexes: the rows' indexes in the table, from 0.
        notes: (row number, text) of lines that are neither gifts nor totals.
        problems: about the list as a whole.
    """

    rows: list[IncomingRow]
    row_indexes: list[int]
    notes: list[tuple[int, str]]
    problems: list[Problem]


class _DonorReader:
    """Reads one list."""

    def __init__(
        self,
        table: Table,
        recognition: Recognition,
        year: int | None,
        received_on: date | None,
    ) -> None:
        self.cells = CellReader(recognition, table.rows)
        self._hasher = LineHasher()
        self._year, self._received_on = year, received_on
        self._months = _title_months(table, recognition)
        self._has_day = "day" in recognition.columns
        self._channel = recognition.channel

    def row(self, row_no: int) -> IncomingRow:
        """Return the row at hand."""
        cells = self.cells
        name = clean_line(cells.text("counterparty_name") or cells.text("body_name"), 120)
        if not name:
            cells.note("row_name_missing", "counterparty_name")
        amount_fen = self._amount()
        occurred_on, occurred_at = self._when()
        method = cells.text("method")
        if _GOODS.search(method):
            cells.note("gift_in_kind", "method", text=method[:40])
        id_number, phone = self._id_number(), self._phone()
        fund_hint, remark = cells.text("fund_hint"), cells.text("remark")
        reference = cells.number("reference")
        kind = cells.text("donor_kind")
        return IncomingRow(
            row_no=row_no,
            channel=self._channel
            or next((word for word, found in _CHANNELS if found.search(method)), "other"),
            kind_hint="payment",
            occurred_on=occurred_on,
            occurred_at=occurred_at,
            amount_fen=amount_fen,
            is_credit=True,
            reference=reference,
            counterparty_name=name,
            remark=remark,
            purpose=fund_hint,
            fund_hint=fund_hint or remark,
            donor_kind_hint=_kind_of(kind) or donor_kind_hint(name),
            phone=phone,
            id_number=id_number,
            address=cells.text("address"),
            publish_as=self._publish_as(name),
            receipt_title=cells.text("receipt_title"),
            problems=tuple(cells.problems),
            line_hash=self._hash(
                name, amount_fen, occurred_on, occurred_at, reference, phone, id_number, fund_hint
            ),
            headers=cells.headers,
            cells=cells.cells,
        )

    def _hash(self, name: str, amount_fen: int, on: date | None, at: datetime | None, *others: str) -> str:
        parts = [fold_text(name), str(amount_fen), str(at or on or ""), *map(fold_text, others)]
        if not amount_fen or on is None:
            parts += self.cells.cells
        return self._hasher.hash_of("list", *parts)

    def _amount(self) -> int:
        cells = self.cells
        text = cells.text("amount")
        if is_blank(text):
            cells.note("row_amount_missing", "amount")
            return 0
        fen = cells.fen("amount")
        if fen <= 0 and not any(problem.where == "amount" for problem in cells.problems):
            cells.note("row_amount_not_positive", "amount")
        return max(fen, 0)

    def _when(self) -> tuple[date | None, datetime | None]:
        cells = self.cells
        if not self._has_day or (not cells.text("day") and self._received_on):
            return self._received_on, None
        text = cells.text("day")
        found = re.match(r"(\d{1,2})\s*[月./-]", text)
        year = self._year
        if year is None and found:
            # A title that names this very month (2026年11月捐款名单) says the year as well.
            years = {of_year for of_year, month in self._months if month == int(found[1])}
            year = years.pop() if len(years) == 1 else None
        return cells.moment("day", year)

    def _id_number(self) -> str:
        number = clean_account(self.cells.number("id_number") or self.cells.number("credit_code")).upper()
        if is_blank(number):
            return ""
        if not is_identity(number) and not any(
            problem.code == "number_damaged" for problem in self.cells.problems
        ):
            self.cells.note("id_number_doubtful", "id_number", text=number[:24])
        return number

    def _phone(self) -> str:
        phone = clean_account(self.cells.number("phone"))
        if is_blank(phone):
            return ""
        if not all(map(is_phone, re.split(r"[,;/、，；]", phone))):
            self.cells.note("phone_doubtful", "phone", text=phone[:24])
        return phone

    def _publish_as(self, name: str) -> str:
        anonymous = self.cells.text("is_anonymous").casefold()
        public = self.cells.text("is_public").casefold()
        if is_unnamed(name):
            return "anonymous"
        if anonymous in _YES or public in _CLOSED:
            return "anonymous"
        if anonymous in _MASKED or public in _MASKED:
            return "masked"
        if anonymous in _NO or public in _OPEN:
            return "name"
        if not is_blank(anonymous) or not is_blank(public):
            self.cells.note("choice_unclear", "publish_as", text=(anonymous or public)[:20])
        return ""


def _kind_of(text: str) -> str:
    if re.search(r"单位|企业|公司|机构|组织|法人|团体", text):
        return "body"
    return "person" if re.search(r"个人|自然人|居民", text) else ""


def read_donor_list(
    table: Table,
    recognition: Recognition,
    stated: StatedTotals,
    year: int | None = None,
    received_on: date | None = None,
) -> DonorFile:
    """Return the gifts of a donor list.

    Args:
        table: the list.
        recognition: ``donor_list``.
        stated: takes in total lines.
        year: the year of days written without one, as a person answered; None asks.
        received_on: the day of rows that state none, as a person answered; None asks.
    """
    lines = _DonorLines(recognition, stated)
    reader = _DonorReader(table, recognition, year, received_on)
    rows: list[IncomingRow] = []
    for index in range(recognition.data_row, len(table.rows)):
        if lines.is_gift(table.rows[index], index):
            reader.cells.take(table.rows[index], index)
            rows.append(reader.row(index + 1))
            lines.sums.add(rows[-1].amount_fen)
    problems = list(lines.sums.problems)
    stated.totals.in_fen = (
        lines.sums.stated_fen if lines.sums.stated_fen is not None else stated.totals.in_fen
    )
    if "day" not in recognition.columns and received_on is None:
        problems.append(Problem("date_column_missing", {"name": table.name}, "day"))
    return DonorFile(rows, [row.row_no - 1 for row in rows], lines.notes, problems)


def _title_months(table: Table, recognition: Recognition) -> frozenset[tuple[int, int]]:
    """Return the (year, month) pairs that the title lines name."""
    titles = " ".join(cell for row in table.rows[: max(recognition.header_row, 0)] for cell in row)
    found = re.findall(r"(20\d\d)\s*[年.-]\s*(\d{1,2})\s*月?", titles)
    return frozenset((int(of_year), int(month)) for of_year, month in found)


class _DonorLines:
    """Tells gifts from the other lines of a list."""

    def __init__(self, recognition: Recognition, stated: StatedTotals) -> None:
        columns = recognition.columns
        self._headers = recognition.headers
        self._stated = stated
        self._amount = columns["amount"]
        self._names = [columns[name] for name in ("counterparty_name", "body_name") if name in columns]
        self._serial = columns.get("serial", -1)
        self._unit_fen = recognition.unit_fen
        self.sums = RunningSums()
        self.notes: list[tuple[int, str]] = []

    def is_gift(self, row: Sequence[str], index: int) -> bool:
        """Say whether a line is a gift; total lines are compared, the rest is noted."""
        cells = [cell.strip(PADDING) for cell in row]
        filled = [(column, cell) for column, cell in enumerate(cells) if cell and column != self._serial]
        serial = cells[self._serial] if 0 <= self._serial < len(cells) else ""
        label = total_label(serial) or (total_label(filled[0][1]) if filled else "")
        if label:
            self._take_total(label, cells, index)
            return False
        if not filled:
            if serial and not serial.isdigit():
                self._note(index, serial)
            return False
        if tuple(cells) == self._headers:
            self._note(index, " ".join(cell for _, cell in filled))
            return False
        if self._amount < len(cells) and not is_blank(cells[self._amount]):
            return True
        return self._is_gift_without_amount(filled, serial, index)

    def _is_gift_without_amount(self, filled: list[tuple[int, str]], serial: str, index: int) -> bool:
        first = filled[0][1]
        is_remark = _REMARK_LINE.fullmatch(first) or (len(filled) == 1 and _SECTION.fullmatch(serial + first))
        if self._stated.take([cell for _, cell in filled], index):
            return False
        if is_remark or not any(column in self._names for column, _ in filled):
            self._note(index, " ".join(cell for _, cell in filled))
            return False
        return True

    def _note(self, index: int, text: str) -> None:
        self.notes.append((index + 1, text[:80]))

    def _take_total(self, label: str, cells: Sequence[str], index: int) -> None:
        """Compare a total line; its sum stands under the amounts or in the label itself."""
        text = cells[self._amount] if self._amount < len(cells) else ""
        if is_blank(text) or total_label(text):
            inside = re.search(r"(\d[\d,，]*(?:\.\d+)?\s*万?)元", " ".join(cells))
            text = inside[1] if inside else ""
        if is_blank(text):
            self._note(index, " ".join(filter(None, cells)))
            return
        try:
            self.sums.compare(label, parse_amount(text, self._unit_fen), index)
        except Refused:
            self._stated.note_unreadable(text, index)
