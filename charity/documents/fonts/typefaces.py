"""TrueType faces as ReportLab embeds them, with four of its habits mended.

ReportLab 5.1 keeps a reading position inside the face while it cuts a subset, so two
threads would spoil each other's glyphs; it writes characters beyond U+FFFF into the
ToUnicode map with five digits, so that 𬭎 is copied as Ⲵ; it formats each width as a
float; and it carries name tables nobody reads. Here a subset is a pure function.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from reportlab.pdfbase import pdfdoc, pdfmetrics, ttfonts

#: Flags of a component in a composite glyph (OpenType, table ``glyf``).
_WORDS, _SCALE, _MORE, _SCALE_XY, _SCALE_2X2 = 0x0001, 0x0008, 0x0020, 0x0040, 0x0080
#: Tables of hinting programs, copied where the font has them.
_PROGRAMS = ("cvt ", "fpgm", "prep")


@dataclass(frozen=True, slots=True)
class Typeface:
    """One face: its registered font and the width of each character it has.

    Attributes:
        name: name in ReportLab's registry.
        font: the dynamic font that hands out subset codes.
        widths: character → advance in thousandths of the size.
    """

    name: str
    font: EmbeddedFont
    widths: dict[str, int]

    @classmethod
    def open(cls, name: str, path: Path) -> Typeface:
        """Read a TrueType file and register it with ReportLab under a name."""
        font = EmbeddedFont(name, str(path))
        pdfmetrics.registerFont(font)
        drawn = font.face.charToGlyph
        widths = {
            chr(code): round(width)
            for code, width in font.face.charWidths.items()
            if drawn.get(code) and unicodedata.category(chr(code)) not in ("Cc", "Cf")
        }
        return cls(name, font, widths)

    def text_width(self, text: str) -> int:
        """Return the advance of characters this face has, in thousandths of the size."""
        return sum([self.widths[ch] for ch in text])


class EmbeddedFace(ttfonts.TTFontFace):  # type: ignore[misc]
    """A face whose subsets are cut without shared state."""

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self._glyphs: bytes = self.get_table("glyf")
        self._tables: dict[str, bytes] = {tag: self.get_table(tag) for tag in ("hhea", "maxp", "head")}
        self._programs: dict[str, bytes] = {
            tag: self.get_table(tag) for tag in _PROGRAMS if tag in self.table
        }

    def _glyph(self, index: int) -> bytes:
        return self._glyphs[self.glyphPos[index] : self.glyphPos[index + 1]]

    def makeSubset(self, subset: list[int]) -> bytes:  # noqa: N802 - ReportLab calls it so
        """Return a TrueType file with the glyphs of these characters, in this order.

        Args:
            subset: code points; the place in the list is the code in the PDF's text.
        """
        order: dict[int, int] = {0: 0}
        places = [order.setdefault(self.charToGlyph.get(code, 0), len(order)) for code in subset]
        queue = list(order)
        for index in queue:
            for part, _ in components(self._glyph(index)):
                if part not in order:
                    order[part] = len(order)
                    queue.append(part)
        data = [renumbered(self._glyph(index), order) for index in queue]
        metrics = [self.hmetrics[index] for index in queue]
        return font_file(self._tables, self._programs, data, metrics, places)


class EmbeddedFont(ttfonts.TTFont):  # type: ignore[misc]
    """A dynamic font that embeds only what was drawn and can be copied as text."""

    def __init__(self, name: str, filename: str) -> None:
        # Not super().__init__, which would read ten megabytes a second time for its own face.
        self.fontName = name
        self.face = EmbeddedFace(filename)
        self.encoding = ttfonts.TTEncoding()
        self.state: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._asciiReadable = False
        self.shapable = False

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - ReportLab calls it so
        """Write one font object for each 256 characters drawn."""
        state = self.state[doc]
        state.frozen = 1
        for number, subset in enumerate(state.subsets):
            internal = self.getSubsetInternalName(number, doc)[1:]
            name = f"{ttfonts.SUBSETN(number).decode()}+{self.face.name.decode()}"
            font = pdfdoc.PDFTrueTypeFont()
            font.Name = internal
            font.BaseFont = name
            font.FirstChar = 0
            font.LastChar = len(subset) - 1
            widths = [self.face.charWidths.get(code, self.face.defaultWidth) for code in subset]
            font.Widths = f"[{' '.join(str(round(width)) for width in widths)}]"
            unicode_map = pdfdoc.PDFStream(content=to_unicode(subset), filters=[pdfdoc.PDFZCompress])
            font.ToUnicode = doc.Reference(unicode_map, f"toUnicode:{internal}")
            font.FontDescriptor = self.face.addSubsetObjects(doc, name, subset)
            doc.Reference(font, internal)
            doc.idToObject["BasicFonts"].dict[internal] = font
        del self.state[doc]


def to_unicode(subset: list[int]) -> str:
    """Return the CMap that turns codes back into text; UTF-16 beyond U+FFFF.

    Source: ISO 32000-1, 9.10.3.
    """
    pairs = [
        f"<{code:02X}> <{chr(point).encode('utf-16-be').hex().upper()}>" for code, point in enumerate(subset)
    ]
    lines = [
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def",
        "1 begincodespacerange\n<00> <FF>\nendcodespacerange",
    ]
    for start in range(0, len(pairs), 100):  # A block holds a hundred pairs at most.
        block = pairs[start : start + 100]
        lines += [f"{len(block)} beginbfchar", *block, "endbfchar"]
    return "\n".join([*lines, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"])


def components(glyph: bytes) -> list[tuple[int, int]]:
    """Return the parts of a composite glyph as (glyph index, offset of that index)."""
    if len(glyph) < 10 or glyph[0] < 0x80:
        return []
    found, position, flags = [], 10, _MORE
    while flags & _MORE:
        flags, index = struct.unpack_from(">HH", glyph, position)
        found.append((index, position + 2))
        position += 8 if flags & _WORDS else 6
        if flags & _SCALE:
            position += 2
        elif flags & _SCALE_XY:
            position += 4
        elif flags & _SCALE_2X2:
            position += 8
    return found


def renumbered(glyph: bytes, order: dict[int, int]) -> bytes:
    """Return a glyph's data with its parts under their new numbers, padded to four bytes."""
    parts = components(glyph)
    if parts:
        data = bytearray(glyph)
        for index, offset in parts:
            struct.pack_into(">H", data, offset, order[index])
        glyph = bytes(data)
    return glyph + b"\0" * (-len(glyph) % 4)


def font_file(
    tables: dict[str, bytes],
    programs: dict[str, bytes],
    glyphs: list[bytes],
    metrics: list[tuple[int, int]],
    places: list[int],
) -> bytes:
    """Return a TrueType file of the given glyphs, as PDF asks for it.

    Args:
        tables: the original ``head``, ``hhea`` and ``maxp``.
        programs: hinting tables to copy.
        glyphs: the data of each glyph, padded.
        metrics: (advance, left side bearing) of each glyph.
        places: glyph of each character code.

    Source: ISO 32000-1, 9.9: only these tables are read of an embedded simple font.
    """
    offsets = [0]
    for data in glyphs:
        offsets.append(offsets[-1] + len(data))
    flat = [value & 0xFFFF for pair in metrics for value in pair]
    count = len(glyphs)
    made = {
        **programs,
        "glyf": b"".join(glyphs),
        "head": patched(patched(tables["head"], 8, b"\0\0\0\0"), 50, b"\0\1"),
        "hhea": patched(tables["hhea"], 34, struct.pack(">H", count)),
        "hmtx": struct.pack(f">{len(flat)}H", *flat),
        "loca": struct.pack(f">{len(offsets)}L", *offsets),
        "maxp": patched(tables["maxp"], 4, struct.pack(">H", count)),
        "cmap": struct.pack(
            f">4HL5H{len(places)}H", 0, 1, 1, 0, 12, 6, 10 + 2 * len(places), 0, 0, len(places), *places
        ),
    }
    return assembled(made)


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    """Return data with some bytes replaced."""
    return data[:offset] + value + data[offset + len(value) :]


def assembled(tables: dict[str, bytes]) -> bytes:
    """Return a TrueType file: table directory with checksums, then the tables."""
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    directory = [
        struct.pack(">L4H", 0x10000, count, power * 16, power.bit_length() - 1, (count - power) * 16)
    ]
    body: list[bytes] = []
    offset = 12 + 16 * count
    head = 0
    for tag in sorted(tables):
        data = tables[tag] + b"\0" * (-len(tables[tag]) % 4)
        if tag == "head":
            head = offset
        directory.append(tag.encode() + struct.pack(">3L", checksum(data), offset, len(tables[tag])))
        body.append(data)
        offset += len(data)
    file = b"".join(directory + body)
    return patched(file, head + 8, struct.pack(">L", (0xB1B0AFBA - checksum(file)) & 0xFFFFFFFF))


def checksum(data: bytes) -> int:
    """Return the OpenType checksum of data whose length divides by four."""
    total: int = sum(struct.unpack(f">{len(data) // 4}L", data))
    return total & 0xFFFFFFFF
