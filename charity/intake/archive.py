"""The zip around a modern workbook, checked before any of it is parsed.

Imports errors and the limits. The directory is read first: number of parts, methods,
sizes, expansion. A directory may lie, so each part is then unpacked in small steps and
reading stops at the limit; nothing is ever unpacked to disk.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from charity.errors import N_, Refused, refuse, register
from charity.intake.limits import EXPANSION_FREE_BYTES, MAX_EXPANSION, MAX_PARTS, MAX_UNPACKED_BYTES

PROBLEMS = register(
    {
        "file_zip_bomb": N_(
            "The part %(part)s of %(name)s unpacks to far more than a workbook needs; it was not opened. "
            "Copy the rows into a new workbook and save that."
        ),
        "file_unreadable": N_(
            "%(name)s is damaged and cannot be read (%(part)s); download it again, or open it in "
            "Excel or WPS and save it anew."
        ),
        "file_archive": N_("%(name)s is an archive; unpack it and drop the file inside."),
        "file_encrypted": N_("%(name)s is protected by a password; save it without one and drop it again."),
        "workbook_truncated": N_(
            "%(name)s is cut off: the end of the workbook is missing; download it again."
        ),
    }
)

#: What the library raises over a directory that is damaged.
_DAMAGES = (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, struct.error, IndexError)
_STEP = 2**20
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


def _most_entries(data: bytes) -> int:
    """Return how many entries the directory of a ZIP can have at most, without listing it.

    The library makes an object of each entry it finds and believes no count; the count in
    the end record may lie. Every entry begins with the same four bytes.
    """
    return data.count(b"PK\x01\x02")


class Unlistable(Exception):
    """A ZIP whose directory cannot be read.

    Attributes:
        is_long: it holds more entries than anybody wants listed; else it is damaged.
    """

    def __init__(self, *, is_long: bool = False) -> None:
        self.is_long = is_long


def listed(data: bytes, most: int) -> list[zipfile.ZipInfo]:
    """Return the directory of a ZIP.

    Args:
        data: the whole file.
        most: entries it may have.

    Raises:
        Unlistable: it is damaged or has more.
    """
    if _most_entries(data) > most:
        raise Unlistable(is_long=True)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            return opened.infolist()
    except _DAMAGES as error:
        raise Unlistable() from error


class Archive:
    """A workbook's parts, unpacked on demand within one common limit."""

    def __init__(self, data: bytes, name: str, *, encrypted: str = "file_encrypted") -> None:
        """Read the directory and refuse what no workbook needs.

        Args:
            data: the whole file.
            name: for the sentences.
            encrypted: the code that refuses a part under a password.

        Raises:
            Refused: ``workbook_truncated``, ``file_unreadable``, ``file_zip_bomb`` or the
                code of ``encrypted``.
        """
        self._data, self._name, self._encrypted = data, name, encrypted
        self._left = MAX_UNPACKED_BYTES
        try:
            parts = listed(data, MAX_PARTS)
        except Unlistable:
            # The end record of 22 bytes closes a zip; without it the rest was not sent.
            is_whole = b"PK\x05\x06" in data[-66_000:-18]
            code = "file_unreadable" if is_whole else "workbook_truncated"
            raise refuse(code, name=name, part="zip") from None
        self.parts = {part.filename: part for part in parts}
        if len(self.parts) != len(parts):
            raise refuse("file_unreadable", name=name, part="zip")
        if sum(part.compress_size for part in parts) > len(data):
            raise self._bomb("zip")
        for part in parts:
            self._check(part)
        unpacked = sum(part.file_size for part in parts)
        is_large = unpacked > EXPANSION_FREE_BYTES
        if unpacked > MAX_UNPACKED_BYTES or (is_large and unpacked > MAX_EXPANSION * len(data)):
            raise self._bomb(max(parts, key=lambda part: part.file_size).filename)

    def _check(self, part: zipfile.ZipInfo) -> None:
        if part.flag_bits & 0x1:
            raise refuse(self._encrypted, name=self._name)
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refuse("file_unreadable", name=self._name, part=part.filename[:80])
        is_large = part.file_size > EXPANSION_FREE_BYTES
        if is_large and part.file_size > MAX_EXPANSION * max(part.compress_size, 1):
            raise self._bomb(part.filename)

    def _bomb(self, part: str) -> Refused:
        return refuse("file_zip_bomb", name=self._name, part=part[:80])

    def read(self, part_name: str) -> bytes:
        """Return a part's bytes; each byte counts against the common limit.

        Raises:
            Refused: ``file_unreadable`` (also: shorter or longer than the directory says)
                or ``file_zip_bomb``.
        """
        part = self.parts[part_name]
        packed = self._packed(part)
        if part.compress_type == zipfile.ZIP_STORED:
            unpacked = packed
        else:
            unpacked = self._inflate(packed, part)
        if len(unpacked) != part.file_size or zlib.crc32(unpacked) != part.CRC:
            raise refuse("file_unreadable", name=self._name, part=part.filename[:80])
        self._left -= len(unpacked)
        if self._left < 0:
            raise self._bomb(part.filename)
        return unpacked

    def _packed(self, part: zipfile.ZipInfo) -> bytes:
        header = self._data[part.header_offset : part.header_offset + _LOCAL_HEADER.size]
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise refuse("file_unreadable", name=self._name, part=part.filename[:80])
        name_size, extra_size = _LOCAL_HEADER.unpack(header)[-2:]
        start = part.header_offset + _LOCAL_HEADER.size + name_size + extra_size
        return self._data[start : start + part.compress_size]

    def _inflate(self, packed: bytes, part: zipfile.ZipInfo) -> bytes:
        inflater = zlib.decompressobj(-15)
        pieces: list[bytes] = []
        size, rest = 0, packed
        try:
            while not inflater.eof:
                piece = inflater.decompress(rest, _STEP)
                rest = inflater.unconsumed_tail
                size += len(piece)
                pieces.append(piece)
                if size > part.file_size or size > self._left:
                    # More than the directory says: the lie itself is the reason to stop.
                    raise self._bomb(part.filename)
                if not piece and not rest:
                    break
        except zlib.error:
            raise refuse("file_unreadable", name=self._name, part=part.filename[:80]) from None
        return b"".join(pieces)
