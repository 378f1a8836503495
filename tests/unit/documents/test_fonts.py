"""Fonts: the national list is covered, what is missing is named, a fallback can be added."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from charity import create_app
from charity.config import load_settings, resource_dir
from charity.documents import fonts
from charity.documents.fonts import build
from charity.documents.fonts.typefaces import EmbeddedFace, components, to_unicode
from charity.documents.receipt import render_receipt
from charity.errors import Refused
from tests.support.source import ROOT
from tests.unit.documents import reading
from tests.unit.documents.samples import RARE, RECEIPT


@pytest.fixture
def fallback(tmp_path: Path) -> Iterator[Path]:
    """A font that has 𠮷 alone, put together of two boxes, set as the operator's."""
    path = tmp_path / "fallback.ttf"
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for point in ((950, 0), (950, 800), (50, 800)):
        pen.lineTo(point)
    pen.closePath()
    box = pen.glyph()
    pen = TTGlyphPen({"box": box})
    pen.addComponent("box", (0.5, 0, 0, 0.5, 0, 0))
    pen.addComponent("box", (1, 0, 0, 1, 500, 0))
    both = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "unused", "ji", "box"])
    builder.setupCharacterMap({0x20BB7: "ji"})
    builder.setupGlyf({".notdef": box, "unused": box, "ji": both, "box": box})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "unused", "ji", "box"), (1000, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Fallback", "styleName": "Regular", "psName": "Fallback-Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    fonts.use_fallback(path)
    yield path
    fonts.use_fallback(None)


def test_the_vendored_files_are_the_ones_the_notice_names() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    named = re.findall(r"^  (\S+\.(?:ttf|woff2)) .*\n    sha256 ([0-9a-f]{64})$", notice, re.MULTILINE)
    assert len(named) == 3
    for path, digest in named:
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest
    assert "SIL OPEN FONT LICENSE" in (fonts.FOLDER / "OFL.txt").read_text(encoding="utf-8")


def test_both_faces_have_what_chinese_names_are_written_with() -> None:
    encoded = {chr(code) for name in ("gbk", "big5") for code in build.double_byte_repertoire(name)}
    names = {ch for ch in encoded if "\u4e00" <= ch <= "\u9fff"} | set(build.EXTENSION_A) | set(RARE)
    plain, bold = fonts.faces()[0], fonts.faces(bold=True)[0]
    assert len(names) > 20_900
    assert not names - plain.widths.keys()
    assert not names - bold.widths.keys()


def test_the_web_font_is_asked_for_exactly_its_characters() -> None:
    style = (resource_dir("static") / "css" / "rare.css").read_text(encoding="utf-8")
    ranges = re.findall(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?", style)
    points = {chr(p) for low, high in ranges for p in range(int(low, 16), int(high or low, 16) + 1)}
    assert len(points) == 596
    assert points <= fonts.faces()[0].widths.keys()
    assert set(RARE) <= points
    assert build.style_sheet(map(ord, points)) == style
    assert (resource_dir("static") / "fonts" / "NotoSansSC-rare.woff2").read_bytes()[:4] == b"wOF2"


def test_missing_characters_are_named_once_in_order() -> None:
    assert fonts.missing_characters("王㛃") == ""
    assert fonts.missing_characters("𠮷野\ue000𠮷😀") == "𠮷\ue000😀"
    assert fonts.describe("𠮷") == "𠮷 (U+20BB7)"


def test_a_problem_stands_at_its_field() -> None:
    (problem,) = fonts.check_printable({"donor_title": "𠮷", "purpose": "助学"})
    assert (problem.code, problem.where) == ("character_not_printable", "donor_title")
    assert "𠮷 (U+20BB7)" in problem.sentence()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("王\u200b䶮\ufeff", "王䶮"),
        ("葛\U000e0100城", "葛城"),
        ("Jose\u0301", "José"),
        ("a\tb\nc", "a b c"),
        ("a\x07b", "ab"),
        ("\uf9d0", "\uf9d0"),
        ("\ue000", "\ue000"),
    ],
)
def test_what_has_no_shape_is_left_out_and_nothing_else_changes(text: str, seen: str) -> None:
    assert fonts.visible(text) == seen


def test_bold_text_borrows_from_the_plain_face_what_it_lacks() -> None:
    plain, bold = fonts.faces()[0], fonts.faces(bold=True)[0]
    lacking = next(ch for ch in plain.widths if ch not in bold.widths)
    assert [(face.name, piece) for face, piece in fonts.runs(f"善{lacking}善", bold=True)] == [
        (fonts.BOLD, "善"),
        (fonts.REGULAR, lacking),
        (fonts.BOLD, "善"),
    ]


def test_drawing_a_missing_character_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        list(fonts.runs("𠮷"))
    assert refused.value.codes == ["character_not_printable"]


def test_the_operators_font_fills_the_gap(fallback: Path) -> None:
    assert fonts.missing_characters("𠮷野") == ""
    data = render_receipt(replace(RECEIPT, donor_title="𠮷野"))
    reading.check_sound(data)
    assert "𠮷野：" in reading.pypdf_text(data)
    assert b"Fallback-Regular" in data


def test_a_fallback_that_is_gone_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(fonts.FallbackFontUnusable, match="cannot be read"):
        fonts.use_fallback(tmp_path / "none.ttf")


def test_a_fallback_without_truetype_outlines_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "cff.otf"
    path.write_bytes(b"OTTO" + b"\0" * 60)
    with pytest.raises(fonts.FallbackFontUnusable, match="no TrueType outlines"):
        fonts.use_fallback(path)


def test_a_broken_fallback_says_which_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.ttf"
    path.write_bytes(b"\0\1\0\0" + b"\0" * 60)
    fonts.use_fallback(path)
    try:
        with pytest.raises(fonts.FallbackFontUnusable, match="broken.ttf"):
            fonts.faces()
    finally:
        fonts.use_fallback(None)


def test_fonts_are_read_once_however_many_ask() -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(fonts.faces()[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_beyond_the_basic_plane_the_map_has_surrogates() -> None:
    assert "<01> <D871DC7E>" not in to_unicode([0x20, 0x2CB2D])
    assert f"<01> <{'𬬭'.encode('utf-16-be').hex().upper()}>" in to_unicode([0x20, 0x2CB2D])
    assert "100 beginbfchar" in to_unicode(list(range(0x4E00, 0x4E00 + 150)))
    assert "50 beginbfchar" in to_unicode(list(range(0x4E00, 0x4E00 + 150)))


@pytest.fixture(scope="module")
def whole() -> TTFont:
    return TTFont(fonts.FOLDER / "NotoSansSC-Regular.ttf")


@given(points=st.lists(st.sampled_from([ord(ch) for ch in f"善Aéüñ½…人{RARE}"]), min_size=1, unique=True))
def test_a_subset_is_a_font_with_the_same_shapes(whole: TTFont, points: list[int]) -> None:
    face = fonts.faces()[0].font.face
    assert isinstance(face, EmbeddedFace)
    made = TTFont(io.BytesIO(face.makeSubset(points)), checkChecksums=2)
    names = made["cmap"].tables[0].cmap
    for code, point in enumerate(points):
        original = whole.getBestCmap()[point]
        assert _shape(made, names[code]) == _shape(whole, original)
        assert made["hmtx"][names[code]] == whole["hmtx"][original]


def _shape(font: TTFont, name: str) -> list[Any]:
    glyphs = font.getGlyphSet()
    pen = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(pen)
    return pen.value


def test_a_glyph_put_together_of_others_keeps_its_parts(fallback: Path) -> None:
    made = TTFont(io.BytesIO(EmbeddedFace(str(fallback)).makeSubset([0x20BB7])), checkChecksums=2)
    assert made["maxp"].numGlyphs == 3
    assert _shape(made, made["cmap"].tables[0].cmap[0]) == _shape(TTFont(fallback), "ji")


def test_parts_of_a_composite_glyph_are_found_and_renumbered() -> None:
    words = b"\xff\xff" + b"\0" * 8 + b"\x00\x29\x00\x07" + b"\0" * 6 + b"\x00\x42\x00\x09" + b"\0" * 6
    assert components(words) == [(7, 12), (9, 22)]
    assert components(b"\0\1" + b"\0" * 20) == []


def test_the_operators_font_comes_from_the_settings(tmp_path: Path) -> None:
    font = tmp_path / "broken.ttf"
    font.write_bytes(b"no font")
    environ = {"CHARITY_ENV": "test", "CHARITY_DATA": str(tmp_path), "CHARITY_FALLBACK_FONT": str(font)}
    with pytest.raises(fonts.FallbackFontUnusable, match="broken.ttf"):
        create_app(load_settings(environ))
    del environ["CHARITY_FALLBACK_FONT"]
    assert load_settings(environ).fallback_font is None
