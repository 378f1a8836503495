"""Spreadsheets: XLSX workbooks and CSV files of typed columns.

Invariants: text is never a formula or a link, whoever wrote it; money is exact to the fen;
the same rows give the same bytes. Pure: no clock, no database.
Source: RFC 4180; OWASP, CSV injection.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from charity.documents.columns import Column, Value, check_value, groups, plain_text
from charity.errors import N_, refuse, register

PROBLEMS = register(
    {
        "sheet_too_long": N_(
            "The sheet “%(name)s” has %(rows)s rows; a spreadsheet holds %(limit)s. Export it as CSV instead."
        ),
        "sheet_text_too_long": N_(
            "A text of %(length)s characters is too long for a cell (%(limit)s). Export it as CSV instead."
        ),
    }
)

#: Limits of the file format (ECMA-376; Excel specifications).
MAX_ROWS, MAX_TEXT = 1_048_576, 32_767
#: The workbook's date of making; fixed, so that the same rows give the same bytes.
_MADE_AT = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
#: What a spreadsheet program takes for the beginning of a formula, full width included.
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
_SHEET_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")

_FORMATS = {
    "text": "@",
    "money": "#,##0.00;[Red]-#,##0.00",
    "count": "#,##0;[Red]-#,##0",
    "date": "yyyy-mm-dd",
    "time": "[h]:mm",
    "share": "0.00%",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook.

    Attributes:
        name: of its tab; what a tab cannot show is replaced, and it is cut at 31.
        columns: at least one.
        rows: values in the order of the columns.
        notes: lines above the table, e.g. title, as-of date, source.
        totals: the last row in bold; empty for none.
    """

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]
    notes: Sequence[str] = ()
    totals: Sequence[Value] = ()


def write_xlsx(sheets: Sequence[Sheet], *, title: str = "", author: str = "") -> bytes:
    """Return a workbook.

    Money is a number of yuan with two decimals, exact to the fen for every amount that
    can be booked; a date is a date; text stays text, leading zeros and ``=`` included.

    Args:
        sheets: at least one.
        title: of the workbook's properties.
        author: likewise.

    Raises:
        Refused: ``sheet_too_long`` or ``sheet_text_too_long``; nothing is dropped silently.
        ValueMisplaced: a value is not of its column's kind.
    """
    import xlsxwriter

    if not sheets:
        raise ValueError("a workbook has at least one sheet")
    target = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(target, options) as workbook:
        workbook.set_properties({"title": title, "author": author, "created": _MADE_AT})
        formats = _formats(workbook)
        taken: set[str] = set()
        for sheet in sheets:
            _write_sheet(workbook.add_worksheet(_tab_name(sheet.name, taken)), sheet, formats)
    return target.getvalue()


def _formats(workbook: Any) -> dict[str, Any]:
    font = {"font_name": "Microsoft YaHei", "font_size": 10}
    found = {kind: workbook.add_format({**font, "num_format": code}) for kind, code in _FORMATS.items()}
    for kind, code in _FORMATS.items():
        found[f"total-{kind}"] = workbook.add_format({**font, "num_format": code, "bold": True, "top": 1})
    head = {**font, "bold": True, "bottom": 1, "align": "center", "valign": "vcenter", "text_wrap": True}
    found["head"] = workbook.add_format(head)
    found["note"] = workbook.add_format({**font, "num_format": "@"})
    return found


def _tab_name(name: str, taken: set[str]) -> str:
    """Return a name a tab can have that no other has; case does not part names."""
    plain = _SHEET_FORBIDDEN.sub("_", name).strip().strip("'") or "Sheet"
    candidate, number = plain[:31], 1
    while candidate.casefold() in taken:
        number += 1
        suffix = f" ({number})"
        candidate = plain[: 31 - len(suffix)] + suffix
    taken.add(candidate.casefold())
    return candidate


def _write_sheet(sheet: Any, source: Sheet, formats: dict[str, Any]) -> None:
    row = 0
    for note in source.notes:
        _write_text(sheet, row, 0, note, formats["note"])
        row += 1
    if any(column.group for column in source.columns):
        for group, first, number in groups(source.columns):
            if group and number > 1:
                sheet.merge_range(row, first, row, first + number - 1, "", formats["head"])
            if group:
                _write_text(sheet, row, first, group, formats["head"])
        row += 1
    widths = [_width(column.title) for column in source.columns]
    for place, column in enumerate(source.columns):
        _write_text(sheet, row, place, column.title, formats["head"])
    head = row
    row += 1
    for values in source.rows:
        if row >= MAX_ROWS - 1:
            raise refuse("sheet_too_long", name=source.name, rows=f"{row + 1:,d}+", limit=f"{MAX_ROWS:,d}")
        _write_row(sheet, row, source.columns, values, formats, "", widths)
        row += 1
    last = row - 1
    if source.totals:
        _write_row(sheet, row, source.columns, source.totals, formats, "total-", widths)
    sheet.freeze_panes(head + 1, 0)
    if last > head:
        sheet.autofilter(head, 0, last, len(source.columns) - 1)
    for place, width in enumerate(widths):
        sheet.set_column(place, place, min(60, width + 2))


def _width(text: str) -> int:
    """Return the width of a text in columns of a screen: Han characters take two."""
    return sum(2 if ch > "\u2e7f" else 1 for ch in text[:60])


def _write_row(
    sheet: Any,
    row: int,
    columns: Sequence[Column],
    values: Sequence[Value],
    formats: dict[str, Any],
    prefix: str,
    widths: list[int],
) -> None:
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        check_value(column, value)
        style = formats[prefix + column.kind]
        if value is None:
            if prefix:
                sheet.write_blank(row, place, None, style)
            continue
        if row < 200:
            widths[place] = max(widths[place], _width(plain_text(column, value, grouped=True)))
        if isinstance(value, str):
            _write_text(sheet, row, place, value, formats[prefix + "text"])
        elif isinstance(value, date):
            sheet.write_datetime(row, place, value, style)
        else:
            # Two decimals of a Decimal survive the way through the file's binary fraction.
            scale = {"money": 100, "share": 10_000, "time": 1_440}.get(column.kind)
            sheet.write_number(row, place, value if scale is None else Decimal(value) / scale, style)


def _write_text(sheet: Any, row: int, place: int, text: str, style: Any) -> None:
    if len(text) > MAX_TEXT:
        raise refuse("sheet_text_too_long", length=f"{len(text):,d}", limit=f"{MAX_TEXT:,d}")
    sheet.write_string(row, place, text, style)


def write_csv(columns: Sequence[Column], rows: Iterable[Sequence[Value]], *, bom: bool) -> bytes:
    """Return a CSV file in UTF-8 with CRLF line ends and a head line.

    Money is yuan as a plain decimal text (``-1234.50``), a date ``YYYY-MM-DD``, a share
    ``12.34%``, time ``hours:minutes``. A text that a spreadsheet would take for a formula
    gets an apostrophe in front; figures keep their minus.

    Args:
        columns: at least one.
        rows: values in the order of the columns.
        bom: begin with a byte order mark, without which Excel takes UTF-8 for GBK.

    Raises:
        ValueMisplaced: a value is not of its column's kind.
    """
    return b"".join(iterate_csv(columns, rows, bom=bom))


def iterate_csv(columns: Sequence[Column], rows: Iterable[Sequence[Value]], *, bom: bool) -> Iterator[bytes]:
    """Yield a CSV file in pieces of about 64 KiB, for exports of any length."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    if bom:
        buffer.write("\ufeff")
    writer.writerow([guarded(column.title) for column in columns])
    for values in rows:
        writer.writerow([_csv_cell(column, value) for column, value in zip(columns, values, strict=True)])
        if buffer.tell() > 65_536:
            yield buffer.getvalue().encode("utf-8")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8")


def _csv_cell(column: Column, value: Value) -> str:
    text = plain_text(column, value, grouped=False)
    return guarded(text) if isinstance(value, str) else text


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    Example: ``=1+1`` → ``'=1+1``. Blanks in front do not hide a formula from every
    program, so they are looked through.
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
