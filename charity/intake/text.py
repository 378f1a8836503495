"""Text files: bytes → characters → cells.

Imports errors and this package's limits and vocabulary. The encoding is found from the
bytes, never from the name. GBK is read as GB18030, which contains it. Text that could be
two things is refused; a name that a bank cut in the middle of a character is kept, with
the broken character shown as such, when there are few of them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from charity.errors import N_, Refused, refuse, register
from charity.intake.limits import MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_ROWS, cell_address
from charity.intake.vocabulary import is_heading, total_label

PROBLEMS = register(
    {
        "file_encoding_unknown": N_(
            "The text of %(name)s is in an unknown encoding (first doubt in line %(line)s); "
            "open it in Excel or WPS and save it as XLSX or as CSV UTF-8."
        ),
        "file_truncated": N_(
            "%(name)s is cut off: it ends in line %(line)s in the middle of a row; download it again."
        ),
        "quote_unclosed": N_(
            "The quotation mark in line %(line)s of %(name)s swallows the rows after it; download the "
            "file again, or open it in Excel or WPS and save it as XLSX."
        ),
        "file_not_table": N_(
            "%(name)s holds no table of rows and columns; drop a CSV or Excel file as exported."
        ),
        "rows_too_many": N_("%(name)s has more than %(limit)s rows; split it by date."),
        "columns_too_many": N_("Row %(row)s of %(name)s has more than %(limit)s columns."),
        "cell_too_long": N_(
            "The cell %(cell)s (row %(row)s) of %(name)s holds more than %(limit)s characters; "
            "shorten it and save again."
        ),
    }
)

DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_LINES = 60
_REPLACEMENT = "\ufffd"


def decode(data: bytes, name: str) -> tuple[str, str]:
    """Return the text and the encoding's name.

    Raises:
        Refused: ``file_encoding_unknown``, ``file_truncated`` or ``file_not_table``.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        return _strict(data[3:], "utf-8", name), "UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(data[2:], "utf-16-le" if data[0] == 0xFF else "utf-16-be", name), "UTF-16"
    if b"\x00" in data[:4096]:
        odd, even = data[1:4096:2].count(0), data[0:4096:2].count(0)
        return _utf16(data, "utf-16-le" if odd >= even else "utf-16-be", name), "UTF-16"
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as error:
        is_cut = error.end == len(data) and "end of data" in error.reason
        if is_cut and not data[: error.start].isascii():
            raise _cut_off(data, error.start, name) from None
    return _chinese(data, name)


def _strict(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if error.end == len(data) and "end of data" in error.reason:
            raise _cut_off(data, error.start, name) from None
        if text := _with_few_broken(data, encoding):
            return text
        raise _unknown(data, error.start, name) from None


def _utf16(data: bytes, encoding: str, name: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if len(data) - error.start <= 3:
            raise refuse("file_truncated", name=name, line=data.count(b"\n") + 1) from None
        raise _unknown(data, error.start, name) from None
    if "\x00" in text:
        raise refuse("file_not_table", name=name)
    return text


def _chinese(data: bytes, name: str) -> tuple[str, str]:
    """Return text of one of the Chinese double-byte encodings, or broken UTF-8."""
    if text := _with_few_broken(data, "utf-8"):
        return text, "UTF-8"
    common, common_big5, pairs = _common_shares(data[:65_536])
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        if error.end == len(data) and "incomplete" in error.reason and common >= 0.5:
            raise _cut_off(data, error.start, name) from None
        text, position = _with_few_broken(data, "gb18030"), error.start
    else:
        position = next(index for index, byte in enumerate(data) if byte > 0x7F)
    if common_big5 >= 0.9 and common < 0.6 and pairs >= 20:
        return _strict(data, "big5hkscs", name), "Big5"
    if text and (common >= 0.5 or pairs < 4):
        return text, "GB18030"
    raise _unknown(data, position, name)


def _common_shares(data: bytes) -> tuple[float, float, int]:
    """Return how many of the double-byte characters are everyday ones, in GBK and in Big5.

    Both codes put their everyday characters in one block (GB2312 level 1: B0–D7, Big5
    level 1: A4–C6). Real text lies almost wholly in the block of its own code; read in
    the other one it scatters.

    Returns:
        share in GBK, share in Big5, number of characters seen (punctuation left out).
    """
    pairs = [
        pair for pair in re.findall(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]", data) if not 0xA1 <= pair[0] <= 0xA3
    ]
    if not pairs:
        return 0.0, 0.0, 0
    gbk = sum(0xB0 <= lead <= 0xD7 and trail >= 0xA1 for lead, trail in pairs)
    big5 = sum(0xA4 <= lead <= 0xC6 and (trail <= 0x7E or trail >= 0xA1) for lead, trail in pairs)
    return gbk / len(pairs), big5 / len(pairs), len(pairs)


def _with_few_broken(data: bytes, encoding: str) -> str:
    """Return the text with its broken characters shown, empty when there are many."""
    head = data[:65_536].decode(encoding, "replace")
    if head.count(_REPLACEMENT) > max(4, head.count("\n") // 25):
        return ""
    text = data.decode(encoding, "replace")
    broken = text.count(_REPLACEMENT)
    whole = sum(map(len, re.findall(r"[\u3400-\u9fff]+", text)))
    return text if broken <= max(3, text.count("\n") // 50) and whole >= 20 * broken else ""


def _cut_off(data: bytes, position: int, name: str) -> Refused:
    return refuse("file_truncated", name=name, line=data.count(b"\n", 0, position) + 1)


def _unknown(data: bytes, position: int, name: str) -> Refused:
    return refuse("file_encoding_unknown", name=name, line=data.count(b"\n", 0, position) + 1)


def read_rows(text: str, name: str) -> list[list[str]]:
    """Return the cells of a delimited text, one list a row, blank lines kept as empty lists.

    Raises:
        Refused: ``file_not_table``, ``file_truncated``, ``quote_unclosed``,
            ``rows_too_many``, ``columns_too_many`` or ``cell_too_long``.
    """
    text = text.rstrip("\x1a\x00")
    first, _, rest = text.partition("\n")
    if found := re.fullmatch(r"sep=(.)\r?", first):
        delimiter, text = found[1], rest
    else:
        delimiter = find_delimiter(text, name)
    marks = text.count("\n`")
    is_wechat = delimiter == "," and marks > 0 and marks * 2 > text.count("\n") - 4
    rows = _split_backticks(text, name) if is_wechat else _parse(text, delimiter, name)
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if found:
        rows.insert(0, [])
    if '="' in text and not is_wechat:
        rows = [[_unwrap(cell) for cell in row] for row in rows]
    if not is_wechat:
        _check_quote_at_end(text, name)
    _check_end(text, rows, name)
    return rows


def find_delimiter(text: str, name: str) -> str:
    """Return the delimiter under which most headings are recognised, else the most even one.

    Raises:
        Refused: ``file_not_table``.
    """
    sample = [line for line in text[:200_000].splitlines() if line.strip()][:_SAMPLE_LINES]
    best, best_score = "", (0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = list(csv.reader(sample, delimiter=delimiter))
        except csv.Error:
            # A cell over the csv module's own limit: the real reading says where.
            rows = [line.split(delimiter) for line in sample]
        widths = [len(row) for row in rows if len(row) > 1]
        even = max((widths.count(width) for width in set(widths)), default=0)
        headings = max((sum(map(is_heading, row[:MAX_COLUMNS])) for row in rows if len(row) > 1), default=0)
        if even and (headings, even) > best_score:
            best, best_score = delimiter, (headings, even)
    if not best or (best_score[0] == 0 and best_score[1] * 2 < len(sample)):
        raise refuse("file_not_table", name=name)
    return best


def _parse(text: str, delimiter: str, name: str) -> list[list[str]]:
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 0
    # No cell of one line is longer than the line: most files need no look at each cell.
    has_long_lines = max(map(len, text.split("\n"))) > MAX_CELL_CHARACTERS
    try:
        for row in reader:
            is_long = has_long_lines
            if reader.line_num - line > 1:
                _check_swallowed(row, delimiter, line + 1, name)
                is_long = True
            line = reader.line_num
            if len(row) > MAX_COLUMNS:
                _check_width(row, len(rows), name)
            if is_long and row and max(map(len, row)) > MAX_CELL_CHARACTERS:
                raise _too_long(row, len(rows), name)
            rows.append(row)
            if len(rows) > MAX_ROWS:
                raise refuse("rows_too_many", name=name, limit=MAX_ROWS)
    except csv.Error:
        raise _broken_record(text, delimiter, line, len(rows), name) from None
    return rows


def _split_backticks(text: str, name: str) -> list[list[str]]:
    """Return the cells of a WeChat merchant bill, without the backtick before each.

    WeChat quotes nothing: a comma or a quotation mark may stand in the name of a good,
    and only the backtick after a comma tells where the next cell begins.
    """
    rows: list[list[str]] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        row = line[1:].split(",`") if line[:1] == "`" else line.split(",")
        if len(line) > MAX_CELL_CHARACTERS and max(map(len, row)) > MAX_CELL_CHARACTERS:
            raise _too_long(row, len(rows), name)
        if len(row) > MAX_COLUMNS:
            _check_width(row, len(rows), name)
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise refuse("rows_too_many", name=name, limit=MAX_ROWS)
    return rows


def _check_width(row: list[str], row_index: int, name: str) -> None:
    if any(cell.strip() for cell in row[MAX_COLUMNS:]):
        number = row_index + 1
        raise refuse("columns_too_many", str(number), name=name, row=number, limit=MAX_COLUMNS)


def _too_long(row: list[str], row_index: int, name: str) -> Refused:
    column = next(index for index, cell in enumerate(row) if len(cell) > MAX_CELL_CHARACTERS)
    address = cell_address(row_index, column)
    return refuse(
        "cell_too_long", address, name=name, cell=address, row=row_index + 1, limit=MAX_CELL_CHARACTERS
    )


def _broken_record(text: str, delimiter: str, line: int, row_index: int, name: str) -> Refused:
    """Return why the csv module gave up: a cell over its limit, in the record after ``line``."""
    stream = io.StringIO(text, newline="")
    for _ in range(line):
        stream.readline()
    start = stream.read(csv.field_size_limit())
    # The quarter of a megabyte read here is less than one overlong cell, so it is cut inside it.
    row = next(csv.reader([start.replace("\r", " ").replace("\n", " ")], delimiter=delimiter), [])
    if any(len(cell) > MAX_CELL_CHARACTERS for cell in row):
        return _too_long(row, row_index, name)
    return refuse("quote_unclosed", str(row_index + 1), name=name, line=line + 1)


def _check_swallowed(row: list[str], delimiter: str, line: int, name: str) -> None:
    """Refuse a record in which an unclosed quotation mark has swallowed whole rows."""
    for cell in row:
        if "\n" in cell or "\r" in cell:
            parts = cell.splitlines()
            if len(parts) > 50 or any(part.count(delimiter) >= max(2, len(row) - 1) for part in parts):
                raise refuse("quote_unclosed", str(line), name=name, line=line)


def _check_quote_at_end(text: str, name: str) -> None:
    """Refuse a text that ends inside quotation marks."""
    body = text.rstrip("\r\n \t")
    last = re.split(r"[\r\n]", body[-MAX_CELL_CHARACTERS:])[-1]
    if last.count('"') % 2 and re.search(r'(?:^|[,\t;|])"[^"]*$', last):
        raise _cut_in_line(body, name)


def _check_end(text: str, rows: list[list[str]], name: str) -> None:
    """Refuse a text whose last row was cut: it has fewer cells than all rows before it."""
    if len(rows) < 4 or text.endswith(("\n", "\r")):
        return
    first_cell = next(cell for cell in rows[-1] if cell.strip())
    if first_cell.startswith("#") or total_label(first_cell):
        return
    widths = {len(row) for row in rows[-25:-1]}
    if len(widths) == 1 and 1 < len(rows[-1]) < widths.pop():
        raise _cut_in_line(text.rstrip(), name)


def _cut_in_line(body: str, name: str) -> Refused:
    line = body.count("\n") + 1
    return refuse("file_truncated", str(line), name=name, line=line)


def _unwrap(cell: str) -> str:
    """Return the text of ``="00123"``, the way exports keep a spreadsheet from eating zeros."""
    found = re.fullmatch(r'="([^"]*)"', cell.strip())
    return found[1] if found else cell


def broken_rows(rows: list[list[str]]) -> Iterator[int]:
    """Yield the indexes of rows that hold a broken character."""
    for index, row in enumerate(rows):
        if any(_REPLACEMENT in cell for cell in row):
            yield index
