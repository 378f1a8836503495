"""Sheets of the old XLS (BIFF8 in a compound file), walked once before they are read.

Imports errors, the limits and the facts of a sheet. Banks still export it. The same
dangers as in :mod:`charity.intake.sheets`: a cell at the far end, a string copied a
million times, an error value that would come out as a blank. Only record headers and
positions are read here; the values come from the reader.

Source: [MS-CFB] 2.2–2.6 (compound file), [MS-XLS] 2.4 (records).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from charity.errors import N_, Refused, refuse, register
from charity.intake.limits import MAX_SHEET_CHARACTERS
from charity.intake.sheets import SheetFacts

PROBLEMS = register(
    {
        "workbook_too_old": N_(
            "%(name)s is a workbook of Excel 95 or older, whose Chinese text cannot be read safely; open it "
            "in Excel or WPS and save it as XLSX."
        ),
    }
)

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_END = 0xFFFFFFFA  # sector numbers from here on are marks, not sectors
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
_BOUNDSHEET, _SST, _CONTINUE, _FILEPASS, _DIMENSIONS = 0x85, 0xFC, 0x3C, 0x2F, 0x200
_BOF, _EOF = 0x809, 0x0A
_BIFF8 = b"\x00\x06"
_LABELSST, _FORMULA, _BOOLERR, _MULRK = 0xFD, 0x06, 0x205, 0xBD
#: Records of one cell that carry a value: NUMBER, RK, LABEL, RSTRING and the four above.
_CELLS = frozenset({0x203, 0x27E, 0x204, 0xD6, _LABELSST, _FORMULA, _BOOLERR, _MULRK})


class _Damaged(Exception):
    """The container or a record does not hang together."""


class _Compound:
    """A compound file: named streams chained through a table of sectors."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise _Damaged
        self._size = 1 << shift
        first_directory, self._cutoff, first_mini, _count, first_difat, _difats = struct.unpack_from(
            "<I4xIIIII", data, 48
        )
        self._table = self._sector_table(first_difat)
        self.streams = dict(self._entries(self._chain(first_directory)))
        root = self.streams.get("Root Entry", (_END, 0))
        self._mini = self._chain(root[0]) if root[0] < _END else b""
        self._mini_table = _words(self._chain(first_mini)) if first_mini < _END else ()

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        sector = self._data[start : start + self._size]
        if not sector:
            raise _Damaged
        return sector

    def _sector_table(self, next_difat: int) -> tuple[int, ...]:
        numbers = list(struct.unpack_from("<109I", self._data, 76))
        seen: set[int] = set()
        while next_difat < _END and next_difat not in seen:
            seen.add(next_difat)
            words = _words(self._sector(next_difat))
            numbers += words[:-1]
            next_difat = words[-1]
        return tuple(word for number in numbers if number < _END for word in _words(self._sector(number)))

    def _chain(self, number: int) -> bytes:
        sectors: list[bytes] = []
        seen: set[int] = set()
        while number < _END:
            if number in seen or number >= len(self._table):
                raise _Damaged
            seen.add(number)
            sectors.append(self._sector(number))
            number = self._table[number]
        return b"".join(sectors)

    def _entries(self, directory: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
        for start in range(0, len(directory) - 127, 128):
            size = struct.unpack_from("<H", directory, start + 64)[0]
            if 2 <= size <= 64:
                entry_name = directory[start : start + size - 2].decode("utf-16-le", "replace")
                first, length = struct.unpack_from("<II", directory, start + 116)
                yield entry_name, (first, length)

    def read(self, stream: str) -> bytes:
        """Return a stream's bytes; a short one lies in the small sectors of the root."""
        first, length = self.streams[stream]
        if length >= self._cutoff:
            return self._chain(first)[:length]
        pieces: list[bytes] = []
        seen: set[int] = set()
        while first < _END:
            if first in seen or first >= len(self._mini_table):
                raise _Damaged
            seen.add(first)
            pieces.append(self._mini[first * 64 : first * 64 + 64])
            first = self._mini_table[first]
        return b"".join(pieces)[:length]


def _words(sector: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(sector) // 4}I", sector[: len(sector) // 4 * 4])


def _records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (offset, record type, payload)."""
    position, end = 0, len(stream)
    while position + 4 <= end:
        kind, size = struct.unpack_from("<HH", stream, position)
        if position + 4 + size > end:
            raise _Damaged
        yield position, kind, stream[position + 4 : position + 4 + size]
        position += 4 + size


def _string_sizes(pieces: list[bytes]) -> list[int]:
    """Return the length of each shared string; a string may run on into the next piece."""
    total = struct.unpack_from("<I", pieces[0], 4)[0]
    sizes: list[int] = []
    number, position = 0, 8
    for _ in range(min(total, MAX_SHEET_CHARACTERS)):
        if position >= len(pieces[number]):
            number, position = number + 1, 0
        if number >= len(pieces):
            break
        length, flags = struct.unpack_from("<HB", pieces[number], position)
        position += 3
        runs = extension = 0
        if flags & 8:
            runs = struct.unpack_from("<H", pieces[number], position)[0]
            position += 2
        if flags & 4:
            extension = struct.unpack_from("<I", pieces[number], position)[0]
            position += 4
        sizes.append(length)
        left = length
        while left:
            width = 2 if flags & 1 else 1
            here = min(left, (len(pieces[number]) - position) // width)
            left, position = left - here, position + here * width
            if left:
                number, position = number + 1, 1
                flags = pieces[number][0]
        rest = 4 * runs + extension
        while rest > len(pieces[number]) - position:
            rest -= len(pieces[number]) - position
            number, position = number + 1, 0
        position += rest
    return sizes


def _walk(stream: bytes, name: str) -> list[SheetFacts]:
    """Return the facts of the sheets, in the order in which the workbook names them."""
    by_offset: dict[int, SheetFacts] = {}
    offsets: list[int] = []
    pieces: list[bytes] = []
    sizes: list[int] | None = None
    # A chart may stand inside a sheet; a cell counts for everything that is open around it.
    opened: list[SheetFacts] = []
    previous = 0
    for offset, kind, payload in _records(stream):
        if kind in _CELLS:
            sizes = _string_sizes(pieces) if sizes is None and pieces else sizes
            for facts in opened:
                _note_cell(facts, kind, payload, sizes or [])
        elif kind == _BOF:
            if payload[:2] != _BIFF8:
                raise refuse("workbook_too_old", name=name)
            opened.append(by_offset.setdefault(offset, SheetFacts()))
        elif kind == _EOF:
            del opened[-1:]
        elif kind == _DIMENSIONS:
            _check_dimensions(payload)
        elif kind == _FILEPASS:
            raise refuse("file_encrypted", name=name)
        elif kind == _BOUNDSHEET:
            offsets.append(struct.unpack_from("<I", payload)[0])
        elif kind == _SST or (kind == _CONTINUE and previous == _SST):
            pieces.append(payload)
            kind = _SST
        previous = kind
    if any(offset not in by_offset for offset in offsets):
        # The reader would start where this walk has not been.
        raise _Damaged
    return [by_offset[offset] for offset in offsets]


def _check_dimensions(payload: bytes) -> None:
    """Refuse a claimed size beyond the format's own; the reader sets memory aside for it."""
    if len(payload) not in (10, 14):
        raise _Damaged
    form = "<IIHH" if len(payload) == 14 else "<HHHH"
    first_row, rows, first_column, columns = struct.unpack_from(form, payload)
    is_possible = first_row <= max(rows - 1, 0) and first_column <= max(columns - 1, 0)
    if rows > 65_536 or columns > 256 or not is_possible:
        raise _Damaged


def _note_cell(facts: SheetFacts, kind: int, payload: bytes, sizes: list[int]) -> None:
    row, column = struct.unpack_from("<HH", payload)
    last = struct.unpack_from("<H", payload, len(payload) - 2)[0] if kind == _MULRK else column
    if row >= facts.rows:
        facts.rows = row + 1
    if last >= facts.columns:
        facts.columns = last + 1
    if kind == _LABELSST:
        index = struct.unpack_from("<I", payload, 6)[0]
        facts.characters += sizes[index] if index < len(sizes) else 0
    elif kind == _BOOLERR and payload[7]:
        facts.errors[row, column] = _ERRORS.get(payload[6], "#ERR")
    elif kind == _FORMULA and payload[12:14] == b"\xff\xff" and payload[6] == 2:
        facts.errors[row, column] = _ERRORS.get(payload[8], "#ERR")


def facts_of_xls(data: bytes, name: str) -> list[SheetFacts]:
    """Return the facts of an XLS's sheets, in the workbook's order.

    Raises:
        Refused: ``file_encrypted``, ``file_not_table`` (another Office file),
            ``file_unreadable``, ``workbook_too_old``, ``workbook_truncated`` or as
            :meth:`SheetFacts.check`.
    """
    try:
        compound = _Compound(data)
        if "EncryptedPackage" in compound.streams:
            raise refuse("file_encrypted", name=name)
        stream = next((key for key in compound.streams if key.casefold() in ("workbook", "book")), None)
        if stream is None:
            raise refuse("file_not_table", name=name)
        found = _walk(compound.read(stream), name)
    except (_Damaged, struct.error, IndexError, UnicodeError):
        raise _cut(data, name) from None
    for number, facts in enumerate(found, 1):
        facts.check(name, str(number))
    return found


def _cut(data: bytes, name: str) -> Refused:
    """Return why: a compound file is made of whole sectors, a cut one seldom is."""
    is_cut = (len(data) - 512) % 512 != 0
    return refuse("workbook_truncated" if is_cut else "file_unreadable", name=name, part="Workbook")
