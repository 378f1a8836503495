"""The workbook by which books come from another system: its sheets, and their rows as values.

Pure: text in, frozen rows or problems out. The template and the reading are made from the
same table of columns, so that the two cannot part.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from charity.errors import N_, Problem, Refused, refuse, register
from charity.ledger.chart import CASH_FLOW_ITEMS
from charity.ledger.chart_mapping import NEW_CHART, OLD_CHART
from charity.money import parse_yuan
from charity.names import clean_line
from charity.periods import Month, parse_date

PROBLEMS = register(
    {
        "opening_sheet_missing": N_("The workbook has no sheet “%(sheet)s”; fill in the template."),
        "opening_heading_missing": N_(
            "Sheet %(sheet)s: the column “%(column)s” is missing; keep the headings."
        ),
        "opening_cell_missing": N_("%(at)s: the column “%(column)s” is empty."),
        "opening_cell_unreadable": N_(
            "%(at)s: “%(text)s” in the column “%(column)s” cannot be read: %(why)s"
        ),
        "opening_cell_too_long": N_("%(at)s: the text in the column “%(column)s” is longer than %(limit)s."),
        "opening_word_unknown": N_("%(at)s: “%(text)s” is none of %(words)s."),
        "opening_number": N_("“%(text)s” is not a number; write it like 12 or, for a quantity, 12.500."),
        "opening_rows_too_many": N_("Sheet %(sheet)s has more than %(limit)s rows; sum them up by account."),
    }
)

Kind = Literal["text", "money", "date", "month", "count", "quantity", "item", "party"]

#: Rows of one sheet; books of a city have some hundred.
MAX_ROWS = 5_000
INFO, BALANCES, MONTHS, CASH, YEARS, PARTIES, STOCK, HOLDS, TICKETS, NUMBERS = (
    "基本信息",
    "科目余额",
    "分月发生额",
    "现金流量",
    "前三年指标",
    "往来款",
    "存货",
    "已批未付",
    "未开票据",
    "原凭证号",
)  # fmt: skip
#: Lines of the first sheet: key → heading.
INFO_LINES = {"start": "启用月份", "system": "原系统名称", "chart": "原科目制度"}
#: Kinds of a party, as the sheet says them → as they are kept.
PARTY_KINDS = {"单位": "company", "个人": "person", "政府部门": "public_body", "社会组织": "organisation"}
_ITEM_CODES = {name: code for code, name, *_ in CASH_FLOW_ITEMS}


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """One column: key, heading, how it is read, whether it must be filled, what it is for."""

    key: str
    title: str
    kind: Kind = "text"
    is_required: bool = False
    limit: int = 80
    help: str = ""


def _purse(is_place: bool = False) -> tuple[SheetColumn, ...]:
    place = SheetColumn("place", "资金存放处", help="现金、银行存款、其他货币资金填写：本系统的存放处编码")
    return (
        SheetColumn("fund", "基金", is_required=True, help="本系统的基金编码，如 F1、GEN"),
        SheetColumn("earmark", "限定用途", help="本系统的限定用途编码；不填即基金章程"),
        *((place,) if is_place else ()),
    )


_ACCOUNT = (
    SheetColumn("account", "科目编码", is_required=True, help="原系统的科目编码"),
    SheetColumn("new_account", "新科目编码", help="2004 年科目一分为多时填写 2026 年科目"),
)
_MONEY: Kind = "money"

#: Sheet → its columns, in order.
SHEETS: Mapping[str, tuple[SheetColumn, ...]] = {
    BALANCES: (
        *_ACCOUNT,
        SheetColumn("name", "科目名称", help="仅供核对，不读取"),
        *_purse(is_place=True),
        SheetColumn("opening_debit", "年初借方余额", _MONEY),
        SheetColumn("opening_credit", "年初贷方余额", _MONEY),
        SheetColumn("debit", "本年累计借方", _MONEY, help="启用月份之前各月发生额合计，不含结转收支的凭证"),
        SheetColumn("credit", "本年累计贷方", _MONEY),
        SheetColumn("closing_debit", "期末借方余额", _MONEY, help="启用月份前一月末"),
        SheetColumn("closing_credit", "期末贷方余额", _MONEY),
    ),
    MONTHS: (
        SheetColumn("month", "月份", "month", is_required=True, help="如 2026-03"),
        *_ACCOUNT,
        *_purse(is_place=True),
        SheetColumn("debit", "借方发生额", _MONEY),
        SheetColumn("credit", "贷方发生额", _MONEY),
    ),
    CASH: (
        SheetColumn("month", "月份", "month", help="填了“分月发生额”时必填"),
        SheetColumn("fund", "基金", is_required=True),
        SheetColumn("item", "现金流量项目", "item", is_required=True, help="项目名称见填表说明"),
        SheetColumn("amount", "金额", _MONEY, is_required=True, help="流入、流出均填正数"),
    ),
    YEARS: (
        SheetColumn("year", "年度", "count", is_required=True),
        SheetColumn("income", "收入合计", _MONEY, is_required=True),
        SheetColumn("programme", "慈善活动支出", _MONEY, is_required=True),
        SheetColumn("admin", "管理费用", _MONEY, is_required=True),
        SheetColumn("expense", "费用合计", _MONEY, is_required=True),
        SheetColumn("net_assets", "年末净资产", _MONEY, is_required=True),
        SheetColumn("restricted", "其中：限定性净资产", _MONEY, is_required=True),
    ),
    PARTIES: (
        *_ACCOUNT,
        *_purse(),
        SheetColumn("name", "往来单位或个人", is_required=True, limit=120),
        SheetColumn("kind", "类别", "party", is_required=True, help="单位、个人、政府部门或社会组织"),
        SheetColumn("debit", "借方（应收）", _MONEY),
        SheetColumn("credit", "贷方（应付）", _MONEY),
        SheetColumn("on", "发生日期", "date"),
        SheetColumn("ref", "原凭证号"),
    ),
    STOCK: (
        *_ACCOUNT,
        *_purse(),
        SheetColumn("item", "品名规格", is_required=True, limit=120),
        SheetColumn("unit", "计量单位", is_required=True, limit=20),
        SheetColumn("quantity", "数量", "quantity", is_required=True),
        SheetColumn("value", "金额", _MONEY, is_required=True),
        SheetColumn("store", "存放地点"),
        SheetColumn("expires_on", "有效期至", "date"),
    ),
    HOLDS: (
        *_purse(),
        SheetColumn("subject", "事项编号", is_required=True, help="个案或合同编号，不写姓名"),
        SheetColumn("amount", "金额", _MONEY, is_required=True),
        SheetColumn("ask_on", "复核日期", "date", help="到期询问是否仍要支付"),
    ),
    TICKETS: (
        SheetColumn("name", "捐赠人", is_required=True, limit=120),
        SheetColumn("amount", "金额", _MONEY, is_required=True),
        SheetColumn("on", "收款日期", "date", is_required=True),
        SheetColumn("ref", "原捐赠编号"),
    ),
    NUMBERS: (
        SheetColumn("month", "月份", "month", is_required=True),
        SheetColumn("word", "凭证字", is_required=True, limit=4),
        SheetColumn("first", "起号", "count", is_required=True),
        SheetColumn("last", "止号", "count", is_required=True),
        SheetColumn("number", "张数", "count", is_required=True),
    ),
}


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a sheet.

    Attributes:
        sheet, number: where it stands; numbers as the spreadsheet shows them.
        cells: key of the column → value: text, fen, day, month, count or thousandths;
            an empty amount is 0, other empty cells are None or an empty text.
    """

    sheet: str
    number: int
    cells: Mapping[str, Any]

    @property
    def at(self) -> str:
        """Return sheet and row, as people find them."""
        return f"{self.sheet} {self.number}"

    def text(self, key: str) -> str:
        """Return the text of a column."""
        return str(self.cells[key] or "")

    def fen(self, key: str) -> int:
        """Return the amount of a column, in fen."""
        return int(self.cells[key] or 0)

    def day(self, key: str) -> date | None:
        """Return the day of a column, None when it is empty."""
        found: date | None = self.cells[key]
        return found

    def month(self) -> Month | None:
        """Return the month of the row, None when it is empty."""
        found: Month | None = self.cells["month"]
        return found


@dataclass(frozen=True, slots=True)
class OpeningFile:
    """What a workbook says.

    Attributes:
        start: first month kept here.
        system: name of the old system.
        chart: ``2004`` or ``2026``.
        rows: sheet → its rows, in order.
    """

    start: Month
    system: str
    chart: str
    rows: Mapping[str, tuple[SheetRow, ...]]


def read_sheets(sheets: Mapping[str, Sequence[Sequence[str]]]) -> tuple[OpeningFile | None, list[Problem]]:
    """Return what the sheets of a workbook say, or everything that cannot be read.

    Args:
        sheets: name of a sheet → its rows of text, the first row included. A sheet that is
            missing counts as empty, but for the first two.

    Problems: ``opening_sheet_missing``, ``opening_heading_missing``, ``opening_cell_missing``,
    ``opening_cell_unreadable``, ``opening_cell_too_long``, ``opening_word_unknown``,
    ``opening_rows_too_many``.
    """
    missing = [name for name in (INFO, BALANCES) if name not in sheets]
    if missing:
        return None, [Problem("opening_sheet_missing", {"sheet": name}) for name in missing]
    info, problems = _read_info(sheets[INFO])
    found: dict[str, tuple[SheetRow, ...]] = {}
    for name, columns in SHEETS.items():
        rows, more = _read_rows(name, columns, sheets.get(name, ()))
        found[name] = rows
        problems += more
    if problems or info is None:
        return None, problems
    return OpeningFile(info["start"], info["system"], info["chart"], found), []


def _read_info(rows: Sequence[Sequence[str]]) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Return month, system and chart of the first sheet."""
    given = {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}
    problems: list[Problem] = []
    for title in INFO_LINES.values():
        if not given.get(title):
            problems.append(Problem("opening_cell_missing", {"at": INFO, "column": title}))
    if problems:
        return None, problems
    chart = given[INFO_LINES["chart"]][:4]
    if chart not in (OLD_CHART, NEW_CHART):
        values = {"at": INFO, "text": given[INFO_LINES["chart"]][:20], "words": f"{OLD_CHART}, {NEW_CHART}"}
        problems.append(Problem("opening_word_unknown", values))
    title = INFO_LINES["start"]
    start, problem = _value(SheetColumn("start", title, "month"), INFO, given[title])
    if problem is not None or problems:
        return None, [*problems, *([problem] if problem else [])]
    return {"start": start, "system": clean_line(given[INFO_LINES["system"]], 60), "chart": chart}, []


def _read_rows(
    sheet: str, columns: Sequence[SheetColumn], rows: Sequence[Sequence[str]]
) -> tuple[tuple[SheetRow, ...], list[Problem]]:
    """Return the rows of one sheet below its line of headings."""
    filled = [(n, row) for n, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    if not filled:
        return (), []
    first = columns[0].title
    head = next(((n, row) for n, row in filled if first in [cell.strip() for cell in row]), None)
    if head is None:
        return (), [Problem("opening_heading_missing", {"sheet": sheet, "column": first})]
    places = {cell.strip(): place for place, cell in enumerate(head[1]) if cell.strip()}
    missing = [column for column in columns if column.title not in places]
    if missing:
        return (), [Problem("opening_heading_missing", {"sheet": sheet, "column": c.title}) for c in missing]
    body = [(n, row) for n, row in filled if n > head[0]]
    if len(body) > MAX_ROWS:
        return (), [Problem("opening_rows_too_many", {"sheet": sheet, "limit": MAX_ROWS})]
    found, problems = [], []
    for number, row in body:
        cells: dict[str, Any] = {}
        for column, problem in _cells(f"{sheet} {number}", columns, places, row, cells):
            problems.append(problem)
            cells[column.key] = None
        found.append(SheetRow(sheet, number, cells))
    return tuple(found), problems


def _cells(
    at: str,
    columns: Sequence[SheetColumn],
    places: Mapping[str, int],
    row: Sequence[str],
    cells: dict[str, Any],
) -> Iterator[tuple[SheetColumn, Problem]]:
    """Read the cells of a row into a mapping; yield what cannot be read."""
    for column in columns:
        place = places[column.title]
        text = unicodedata.normalize("NFKC", row[place]).strip() if place < len(row) else ""
        if not text:
            cells[column.key] = 0 if column.kind == "money" else None
            if column.is_required:
                yield column, Problem("opening_cell_missing", {"at": at, "column": column.title})
            continue
        cells[column.key], problem = _value(column, at, text)
        if problem is not None:
            yield column, problem


def _value(column: SheetColumn, at: str, text: str) -> tuple[Any, Problem | None]:
    """Return the value of a cell, or why it cannot be read."""
    values = {"at": at, "column": column.title, "text": text[:40]}
    if column.kind == "text":
        if len(text) > column.limit:
            return None, Problem("opening_cell_too_long", {**values, "limit": column.limit})
        # A code that a spreadsheet took for a number comes back as 1002.0.
        return clean_line(re.sub(r"^(\d+)\.0+$", r"\1", text), column.limit), None
    words = {"item": _ITEM_CODES, "party": PARTY_KINDS}.get(column.kind)
    if words is not None:
        if text in words or text in words.values():
            return words.get(text, text), None
        return None, Problem("opening_word_unknown", {"at": at, "text": text[:40], "words": "、".join(words)})
    try:
        return _read(column.kind, text), None
    except Refused as refused:
        return None, Problem("opening_cell_unreadable", {**values, "why": refused.problems[0].sentence()})


def _read(kind: Kind, text: str) -> Any:
    """Return an amount, a day, a month, a count or a quantity."""
    if kind == "money":
        return parse_yuan(text)
    if kind == "date":
        return parse_date(re.sub(r"[./年月]", "-", text.split(" ")[0].split("T")[0]).rstrip("日"))
    if kind == "month":
        parts = re.fullmatch(r"(\d{4})[-./年]?(\d{1,2})(?:月|-01.*)?", text)
        return Month.parse(f"{parts[1]}-{parts[2]:0>2}" if parts else text)
    # Quantities have three decimals; read as ten times an amount's two, never as a fraction.
    match = re.fullmatch(r"(\d{1,12})(?:\.(\d{1,3})0*)?", text.replace(",", ""))
    if match is None or (kind == "count" and (match[2] or "").strip("0")):
        raise refuse("opening_number", text=text[:40])
    return int(match[1]) if kind == "count" else int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))
