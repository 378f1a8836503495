"""Bytes of any file → a table of text, or a sentence that says why not.

Imports errors and this package. The kind of file is told from its first bytes, never
from its name. Nothing is half-read: either the whole table comes out or a refusal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from charity.errors import N_, refuse, register
from charity.intake import biff, text
from charity.intake.limits import MAX_BYTES
from charity.intake.workbook import read_workbook

PROBLEMS = register(
    {
        "file_empty": N_("%(name)s is empty; export it again."),
        "file_too_large": N_("%(name)s is larger than %(limit)s MB; split it by date."),
        "file_is_pdf": N_("%(name)s is a PDF; ask the bank or platform for the Excel or CSV export."),
        "file_is_picture": N_("%(name)s is a picture; amounts are read from Excel or CSV files only."),
        "file_is_markup": N_(
            "%(name)s is a web page saved under another name; open it in Excel or WPS and save it as XLSX."
        ),
    }
)

_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")
_ARCHIVES = (b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it stands in a file; every cell is text.

    Attributes:
        kind: ``csv`` (any delimited text), ``xlsx``, ``xls`` or ``ods``.
        sheet: the sheet's name, empty for text.
        encoding: the text's encoding, empty for workbooks.
        rows: one list of cells a row, blank rows kept, so that index + 1 is the row number.
        sha256: of the file, hexadecimal.
        name: the file's name as dropped.
        size_bytes: of the file.
        merged: merged cells as (first row, first column, last row, last column), from 0.
        other_sheets: names of further visible sheets that hold anything.
    """

    kind: str
    sheet: str
    encoding: str
    rows: list[list[str]] = field(repr=False)
    sha256: str
    name: str
    size_bytes: int
    merged: tuple[tuple[int, int, int, int], ...] = ()
    other_sheets: tuple[str, ...] = ()


def read_tables(data: bytes, name: str) -> list[Table]:
    """Return every table of a file: one for text, one a filled visible sheet for a workbook.

    Args:
        data: the whole file.
        name: its name as dropped; used in sentences only.

    Raises:
        Refused: one problem that says what is wrong, where, and what to do.
    """
    name = name[:120]
    kind = _kind_of(data, name)
    sha256 = hashlib.sha256(data).hexdigest()
    if kind == "csv":
        decoded, encoding = text.decode(data, name)
        _refuse_binary(decoded, name)
        rows = text.read_rows(decoded, name)
        if not rows:
            raise refuse("file_empty", name=name)
        return [Table("csv", "", encoding, rows, sha256, name, len(data))]
    sheets = read_workbook(data, kind, name)
    if not sheets:
        raise refuse("file_empty", name=name)
    names = [sheet.sheet for sheet in sheets]
    return [
        Table(
            kind, sheet.sheet, "", sheet.rows, sha256, name, len(data), sheet.merged,
            tuple(other for other in names if other != sheet.sheet),
        )
        for sheet in sheets
    ]  # fmt: skip


def read_table(data: bytes, name: str) -> Table:
    """Return the first table of a file; see :func:`read_tables`."""
    return read_tables(data, name)[0]


def _kind_of(data: bytes, name: str) -> str:
    if not data.strip(b" \t\r\n\x00"):
        raise refuse("file_empty", name=name)
    if len(data) > MAX_BYTES:
        raise refuse("file_too_large", name=name, limit=MAX_BYTES // 2**20)
    head = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"%PDF"):
        raise refuse("file_is_pdf", name=name)
    if data.startswith(_PICTURES) and b"\x00" in data[:512]:
        raise refuse("file_is_picture", name=name)
    if data.startswith(_ARCHIVES):
        raise refuse("file_archive", name=name)
    if head[:1] == b"<" and head[1:2].lower() in b"!?htm":
        raise refuse("file_is_markup", name=name)
    if data.startswith(biff.SIGNATURE):
        return "xls"
    if data.startswith(b"PK\x03\x04"):
        return _kind_of_zip(data, name)
    return "csv"


def _kind_of_zip(data: bytes, name: str) -> str:
    """Return which workbook a zip is; another zip is refused as an archive."""
    directory = data[-2_000_000:]
    if b"xl/workbook" in directory:
        return "xlsx"
    if b"opendocument.spreadsheet" in data[:200] or b"content.xml" in directory:
        return "ods"
    if b"[Content_Types].xml" in data[:4_000] and b"word/" not in data and b"ppt/" not in data:
        return "xlsx"
    raise refuse("file_archive", name=name)


def _refuse_binary(decoded: str, name: str) -> None:
    """Refuse text that is no text: more than a few control characters."""
    sample = decoded[:20_000]
    controls = sum(ch < " " and ch not in "\t\r\n\x0c\x1a" for ch in sample)
    if controls * 50 > len(sample):
        raise refuse("file_not_table", name=name)
