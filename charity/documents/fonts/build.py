"""Rebuild the vendored fonts and the style sheet that offers the rare characters.

Run by a developer, never by the product; the result is committed. In any folder::

    npm pack @expo-google-fonts/noto-sans-sc@0.4.3
    python3 -m venv fonts-venv && fonts-venv/bin/pip install fonttools==4.68.0 brotli==1.2.1
    fonts-venv/bin/python charity/documents/fonts/build.py expo-google-fonts-noto-sans-sc-0.4.3.tgz

The same package and tools give the same bytes; the SHA-256 of each file is printed and
stands in NOTICE. ReportLab reads TrueType outlines only, hence this source: Debian's and
Google's CJK packages carry PostScript outlines or a variable font that draws as Thin.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parent
STATIC = FONTS.parents[2] / "static"
REGULAR = "package/400Regular/NotoSansSC_400Regular.ttf"
BOLD = "package/700Bold/NotoSansSC_700Bold.ttf"
LICENCE = "package/LICENSE_FONT"

#: Characters of 通用规范汉字表 (2013) in CJK Extension A, which neither GBK nor Big5 has.
EXTENSION_A = (
    "㑇㑊㕮㘎㙍㙘㙦㛃㛚㛹㟃㠇㠓㤘㥄㧐㧑㧟㫰㬊㬎㬚㭎㭕㮾㰀㳇㳘㳚㴔㵐㶲㸆㸌㺄㻬㽏㿠䁖䂮䃅䃎䅟䌹䎃䎖䏝䏡䏲䐃䓖䓛䓨䓫䓬"
    "䗖䗛䗪䗴䜣䝙䢺䢼䣘䥽䦃䲟䲠䲢䴓䴔䴕䴖䴗䴘䴙䶮"
)
#: Tables that shape text or set it upright; ReportLab reads none of them.
UNUSED_TABLES = ("GSUB", "GPOS", "GDEF", "vhea", "vmtx", "VORG", "BASE", "STAT", "gasp")


def double_byte_repertoire(codec: str) -> set[int]:
    """Return the code points of a two-byte Chinese encoding, private use left out."""
    found = set()
    for lead in range(0x81, 0xFF):
        for trail in range(0x40, 0xFF):
            try:
                text = bytes((lead, trail)).decode(codec)
            except UnicodeDecodeError:
                continue
            if len(text) == 1 and not 0xE000 <= ord(text) <= 0xF8FF:
                found.add(ord(text))
    return found


def make_subset(source: bytes, target: Path, keep: set[int] | None = None, flavor: str | None = None) -> None:
    """Write a font with fewer code points and without tables nobody reads.

    Args:
        source: the whole TrueType file.
        target: where to write.
        keep: code points to keep; all when None.
        flavor: ``woff2`` for web pages, None for plain TrueType.
    """
    options = subset.Options(
        hinting=False, layout_features=[], name_IDs=["*"], notdef_outline=True, glyph_names=False
    )
    options.drop_tables += UNUSED_TABLES
    options.flavor = flavor
    font = subset.load_font(io.BytesIO(source), options)
    have = set(font.getBestCmap())
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=have if keep is None else keep & have)
    subsetter.subset(font)
    # The time of the build would make every build differ.
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    subset.save_font(font, target, options)
    data = target.read_bytes()
    print(f"{hashlib.sha256(data).hexdigest()}  {target.name}  {len(data):,} bytes")


def unicode_ranges(points: Iterable[int]) -> str:
    """Return code points as a CSS ``unicode-range`` value, runs joined."""
    runs: list[list[int]] = []
    for point in sorted(points):
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return ", ".join(f"U+{a:X}" if a == b else f"U+{a:X}-{b:X}" for a, b in runs)


def style_sheet(points: Iterable[int]) -> str:
    """Return the ``@font-face`` rule by which a browser fetches the rare characters."""
    lines: list[str] = []
    for part in unicode_ranges(points).split(", "):
        if not lines or len(lines[-1]) + len(part) > 100:
            lines.append(f"    {part}")
        else:
            lines[-1] += f", {part}"
    ranges = ",\n".join(lines)
    return (
        "/* Made by charity/documents/fonts/build.py: characters of the national list that most\n"
        "   systems lack. Fetched only by a page that shows one; put Rare first in font-family. */\n"
        "@font-face {\n"
        "  font-family: Rare;\n"
        '  src: url("../fonts/NotoSansSC-rare.woff2") format("woff2");\n'
        "  font-display: swap;\n"
        f"  unicode-range:\n{ranges};\n"
        "}\n"
    )


def main(package: str) -> None:
    """Build everything from the npm package file."""
    with tarfile.open(package) as archive:
        files = {}
        for name in (REGULAR, BOLD, LICENCE):
            member = archive.extractfile(name)
            if member is None:
                raise SystemExit(f"{package} has no {name}")
            files[name] = member.read()
    have = set(TTFont(io.BytesIO(files[REGULAR]), lazy=True).getBestCmap())
    common = {c for c in have if c < 0x2E80 or 0x3000 <= c < 0x3100 or 0xFE00 <= c < 0x10000}
    encoded = double_byte_repertoire("gbk") | double_byte_repertoire("big5")
    rare = {c for c in have if c > 0xFFFF or 0x9FA6 <= c <= 0x9FFF} | (set(map(ord, EXTENSION_A)) & have)
    for folder in (STATIC / "fonts", STATIC / "css"):
        folder.mkdir(parents=True, exist_ok=True)
    make_subset(files[REGULAR], FONTS / "NotoSansSC-Regular.ttf")
    make_subset(files[BOLD], FONTS / "NotoSansSC-Bold.ttf", common | encoded | rare)
    make_subset(files[REGULAR], STATIC / "fonts" / "NotoSansSC-rare.woff2", rare, "woff2")
    (STATIC / "css" / "rare.css").write_text(style_sheet(rare), encoding="utf-8")
    (FONTS / "OFL.txt").write_bytes(files[LICENCE])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
