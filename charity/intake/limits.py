"""What a dropped file may cost: sizes at which reading stops with a sentence.

Imports the standard library only. The limits bound memory and time for a hostile file;
an honest day's file stays far below them (100,000 WeChat rows are about 30 MB).
"""

from __future__ import annotations

#: Largest file taken in, bytes.
MAX_BYTES = 64 * 2**20
#: Largest file in an exchange format of banks, bytes; 100,000 movements of camt.053 are about 30 MB.
MAX_STATEMENT_BYTES = 32 * 2**20
#: Largest sum of a workbook's unpacked parts, bytes.
MAX_UNPACKED_BYTES = 256 * 2**20
#: A part that unpacks to more than this many times its packed size is refused …
MAX_EXPANSION = 200
#: … once it is larger than this, bytes: small parts of blanks pack well and harm nobody.
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
#: The header stands in one of the first rows.
HEADER_ROWS = 40


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
