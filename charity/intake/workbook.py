"""Workbooks (XLSX, XLS, ODS) → sheets of text, through calamine.

Imports errors, the limits and the walks that go first. A number becomes the digits it
was typed with, a date its ISO form; an error value stays visible; a formula that was
never computed is refused, because its cell would look empty.
"""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import python_calamine
from python_calamine import SheetTypeEnum, SheetVisibleEnum

from charity.errors import N_, Refused, refuse, register
from charity.intake.archive import Archive
from charity.intake.biff import facts_of_xls
from charity.intake.limits import MAX_CELL_CHARACTERS, MAX_SHEETS, USUAL, Bounds, cell_address
from charity.intake.sheets import SheetFacts, facts_of_ods, facts_of_xlsx

PROBLEMS = register(
    {
        "formula_without_value": N_(
            "The formula in %(cell)s of the sheet %(sheet)s in %(name)s was never computed; open the file "
            "in Excel or WPS and save it once."
        ),
        "sheets_too_many": N_("%(name)s has more than %(limit)s sheets; drop the one with the rows alone."),
    }
)


@dataclass(frozen=True, slots=True)
class SheetText:
    """One sheet as text.

    Attributes:
        sheet: the sheet's name.
        rows: one list of cells a row, from row 1 and column A, padded to equal width.
        merged: (first row, first column, last row, last column), from 0.
    """

    sheet: str
    rows: list[list[str]]
    merged: tuple[tuple[int, int, int, int], ...]


def read_workbook(data: bytes, kind: str, name: str, bounds: Bounds = USUAL) -> list[SheetText]:
    """Return the visible sheets that hold anything, in order.

    Args:
        data: the file.
        kind: ``xlsx``, ``xls`` or ``ods``.
        name: the file's name, for the sentences.
        bounds: how much is read at most; rows and cells hold for XLSX.

    Raises:
        Refused: see the walks; also ``file_encrypted``, ``file_unreadable``,
            ``formula_without_value``, ``cell_too_long``, ``sheets_too_many``.
    """
    in_order = facts_of_xls(data, name) if kind == "xls" else []
    facts: dict[str, SheetFacts] = {}
    if kind != "xls":
        archive = Archive(data, name)
        facts = facts_of_xlsx(archive, name, bounds) if kind == "xlsx" else facts_of_ods(archive, name)
    try:
        with python_calamine.load_workbook(io.BytesIO(data)) as workbook:
            facts |= dict(zip(workbook.sheet_names, in_order, strict=False))
            shown = [
                sheet.name
                for sheet in workbook.sheets_metadata
                if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
            ]
            if len(shown) > MAX_SHEETS:
                raise refuse("sheets_too_many", name=name, limit=MAX_SHEETS)
            if bounds.sheets is not None:
                shown = [sheet for sheet in shown if sheet.strip() in bounds.sheets]
            sheets = [_read_sheet(workbook, sheet, facts.get(sheet), name) for sheet in shown]
    except Refused:
        raise
    except python_calamine.PasswordError:
        raise refuse("file_encrypted", name=name) from None
    except BaseException as error:
        # A panic of the Rust reader derives from BaseException alone.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise refuse("file_unreadable", name=name, part=kind.upper()) from None
        raise
    return [sheet for sheet in sheets if any(any(row) for row in sheet.rows)]


def _read_sheet(
    workbook: python_calamine.CalamineWorkbook, sheet: str, facts: SheetFacts | None, name: str
) -> SheetText:
    if facts is None:
        raise refuse("file_unreadable", name=name, part=sheet)
    if facts.uncomputed:
        address = cell_address(*facts.uncomputed[0])
        raise refuse("formula_without_value", address, name=name, sheet=sheet, cell=address)
    opened = workbook.get_sheet_by_name(sheet)
    rows = [[_text(value) for value in row] for row in opened.to_python(skip_empty_area=False)]
    for (row, column), error in facts.errors.items():
        _put(rows, row, column, error)
    for row, cells in enumerate(rows):
        if cells and max(map(len, cells)) > MAX_CELL_CHARACTERS:
            column = next(index for index, cell in enumerate(cells) if len(cell) > MAX_CELL_CHARACTERS)
            address = cell_address(row, column)
            raise refuse(
                "cell_too_long", address, name=name, cell=address, row=row + 1, limit=MAX_CELL_CHARACTERS
            )
    while rows and not any(rows[-1]):
        rows.pop()
    ranges = opened.merged_cell_ranges or []
    merged = [(*first, *last) for first, last in ranges] or facts.merged
    return SheetText(sheet, rows, tuple(sorted(merged)))


def _put(rows: list[list[str]], row: int, column: int, text: str) -> None:
    """Write an error value into its place; the reader drops one at the edge of a sheet."""
    rows += [[] for _ in range(row + 1 - len(rows))]
    rows[row] += [""] * (column + 1 - len(rows[row]))
    rows[row][column] = text


def number_text(value: float) -> str:
    """Return a number as it was typed.

    A spreadsheet keeps 15 significant digits; what a sum carries beyond them
    (``0.30000000000000004``) is the shadow of binary arithmetic, not an amount. A
    number that needs more digits stays in its short form (``6.22202E+18``): its last
    digits are lost, and the reader of the row says so.
    """
    if value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if abs(value) >= 10**15 or value != value:
        return f"{value:.15G}" if "E" in f"{value:.15G}" else f"{value:.14E}"
    return format(Decimal(f"{value:.15g}").normalize(), "f")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dt.datetime):
        rounded = value + dt.timedelta(microseconds=500_000) if value.microsecond >= 500_000 else value
        return rounded.replace(microsecond=0).isoformat(sep=" ")
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(value, dt.time):
        return value.replace(microsecond=0).isoformat()
    return value.isoformat() if isinstance(value, dt.date) else str(value)
