"""What a dropped file may cost: sizes at which reading stops with a sentence.

Imports the standard library only. The limits bound memory and time for a hostile file;
an honest day's file stays far below them (100,000 WeChat rows are about 30 MB).
"""

from __future__ import annotations

from dataclasses import dataclass

#: Largest file taken in, bytes.
MAX_BYTES = 64 * 2**20
#: Largest file in an exchange format of banks, bytes; 100,000 movements of camt.053 are about 30 MB.
MAX_STATEMENT_BYTES = 32 * 2**20
#: Largest sum of a workbook's unpacked parts, bytes.
MAX_UNPACKED_BYTES = 256 * 2**20
#: A part, or all parts together, that unpack to more than this many times their packed size are refused …
MAX_EXPANSION = 200
#: … once they are larger than this, bytes: small parts of blanks pack well and harm nobody.
EXPANSION_FREE_BYTES = 8 * 2**20
#: Most parts of a workbook.
MAX_PARTS = 2_000
#: Most rows of a table.
MAX_ROWS = 200_000
#: Most columns of a table; the last one is IV, as in the old Excel.
MAX_COLUMNS = 256
#: Most cells of the rectangle a sheet spans, blanks included.
MAX_CELLS = 10_000_000
#: Most characters of a cell.
MAX_CELL_CHARACTERS = 5_000
#: Most characters of all cells of a workbook's sheet together.
MAX_SHEET_CHARACTERS = 64 * 2**20
#: Most sheets of a workbook that are looked at.
MAX_SHEETS = 20
#: Most cells that the sheets of a workbook write down, all of them together.
MAX_WRITTEN_CELLS = 5_000_000
#: The header stands in one of the first rows.
HEADER_ROWS = 40


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a workbook is read at most; a walk over it stops there.

    Attributes:
        rows: of each sheet, read or not.
        cells: written down in all sheets together; also the most strings they share.
        sheets: names of the sheets that are read; None for all that are shown.
    """

    rows: int = MAX_ROWS
    cells: int = MAX_WRITTEN_CELLS
    sheets: frozenset[str] | None = None


#: What an export of a bank, a platform or an office may hold.
USUAL = Bounds()
#: Marks of a sheet for each of its cells, at most: the cell, its value, its formula, its row.
TAGS_A_CELL = 6


def column_letters(column: int) -> str:
    """Return the letters of a column as a spreadsheet shows them; 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_address(row: int, column: int) -> str:
    """Return the address of a cell as a spreadsheet shows it; (0, 0) is A1."""
    return f"{column_letters(column)}{row + 1}"
