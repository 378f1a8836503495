"""The house canvas keeps its promises whatever is drawn on it."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import date

import pikepdf
import pytest
from PIL import ImageCms

from charity.documents.archival import DocumentInfo, srgb_profile
from charity.documents.canvas import A4, HouseCanvas, number
from charity.documents.colours import CINNABAR, INK, SLATE, Colour, fund_colour
from charity.documents.qr import qr_path
from charity.documents.tagging import text_string
from tests.unit.documents import reading

INFO = DocumentInfo("Title <&> 题", "Org & 某会", "Subject", "zh_Hans", date(2026, 3, 6))


def test_whatever_is_drawn_is_marked() -> None:
    canvas = HouseCanvas(INFO, A4)
    canvas.rectangle(10, 10, 50, 50, fill=INK, stroke=CINNABAR)
    canvas.disc(100, 100, 5, fill=SLATE)
    canvas.rule(0, 0, 10, 10, colour=INK, dash=(1, 2))
    canvas.text(50, 200, "善款", 12, tag="H1")
    canvas.outlined(200, 300, "作废", 40, colour=CINNABAR, weight=1)
    with canvas.content("P"), canvas.placed(10, 10, angle=30), canvas.clipped(0, 0, 50, 50):
        canvas.text(0, 0, "斜", 10)
    canvas.end_page()
    data = canvas.finish()
    reading.check_sound(data)
    assert reading.tags(data) == ["Document", "H1", "P", "P"]


def test_reading_order_is_free_of_drawing_order() -> None:
    canvas = HouseCanvas(INFO, A4)
    first = canvas.node("H1")
    canvas.text(50, 200, "后读", 12, tag="H2")
    canvas.text(50, 300, "先读", 12, tag=first)
    canvas.end_page()
    assert reading.tags(canvas.finish()) == ["Document", "H1", "H2"]


def test_an_element_may_go_on_over_pages() -> None:
    canvas = HouseCanvas(INFO, A4)
    table = canvas.node("Table")
    for page in range(3):
        with canvas.within(table), canvas.row():
            canvas.text(50, 200, f"第{page}页", 12, tag="TD")
        canvas.end_page()
    data = canvas.finish()
    reading.check_sound(data)
    assert reading.tags(data).count("Table") == 1
    assert reading.tags(data).count("TR") == 3


def test_marked_content_does_not_nest() -> None:
    canvas = HouseCanvas(INFO, A4)
    with pytest.raises(RuntimeError, match="nest"), canvas.content("P"), canvas.artifact():
        pass


def test_text_without_a_tag_is_refused_outside_of_an_artifact() -> None:
    canvas = HouseCanvas(INFO, A4)
    with canvas.artifact():
        assert canvas.text(0, 0, "脚注", 7, tag=None) == pytest.approx(14)
    with pytest.raises(RuntimeError, match="tag"):
        canvas.text(0, 0, "正文", 7, tag=None)


def test_text_stands_where_it_is_aligned() -> None:
    canvas = HouseCanvas(INFO, A4)
    for align, x in (("left", 100), ("center", 100), ("right", 100)):
        assert canvas.text(x, 50, "四个汉字", 10, align=align, spacing=2) == pytest.approx(46)
    canvas.end_page()
    with pikepdf.open(io.BytesIO(canvas.finish())) as pdf:
        starts = [
            float(step.operands[4])
            for step in pikepdf.parse_content_stream(pdf.pages[0])
            if str(step.operator) == "Tm"
        ]
    assert starts == [100, 77, 54]


def test_metadata_says_the_same_twice_and_is_escaped() -> None:
    canvas = HouseCanvas(INFO, A4)
    canvas.text(0, 0, "善", 10)
    canvas.end_page()
    with pikepdf.open(io.BytesIO(canvas.finish())) as pdf:
        with pdf.open_metadata() as metadata:
            assert metadata["dc:title"] == str(pdf.docinfo.Title) == INFO.title
            assert metadata["dc:creator"] == [INFO.author]
            assert metadata["xmp:CreateDate"] == "2026-03-06T00:00:00+08:00"
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "B")
        assert bool(pdf.Root.MarkInfo.Marked)
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
        assert "/Trans" not in pdf.pages[0].obj


def test_the_colour_profile_is_srgb() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    primary = profile.profile.red_primary
    assert primary is not None
    assert primary[1][:2] == pytest.approx((0.6484, 0.3309), abs=1e-3)


def test_a_font_reportlab_would_not_embed_never_gets_in() -> None:
    canvas = HouseCanvas(INFO, A4)
    canvas.rule(0, 0, 10, 10, colour=INK)
    canvas.end_page()
    data = canvas.finish()
    assert b"Helvetica" not in data
    assert reading.fonts_not_embedded(data) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.001, "-0"), (1.005, "1"), (12.346, "12.35"), (595.2756, "595.28"), (1e-9, "0")],
)
def test_coordinates_have_two_decimals_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_colours_are_written_as_shares_of_one() -> None:
    assert Colour("ff8000").operands == "1 0.502 0"
    assert fund_colour("F1") != fund_colour("F2") != fund_colour("F3")
    assert fund_colour("GEN") == fund_colour("AGENCY") == SLATE


def test_text_strings_need_no_escapes() -> None:
    assert text_string("(善)") == "<FEFF002855840029>"


def test_a_code_has_a_quiet_zone_and_whole_modules() -> None:
    code = qr_path("https://cishan.example/verify/7Q2M9KXW3F")
    cells = [tuple(map(int, part.split())) for part in code.operators.split(" re") if part]
    assert all(x >= 4 and x + width <= code.modules - 4 and height == 1 for x, y, width, height in cells)
    assert all(4 <= y < code.modules - 4 for _, y, _, _ in cells)
    assert qr_path("https://cishan.example/verify/7Q2M9KXW3F") is code


def test_naming_a_document_loads_no_pdf_library() -> None:
    program = (
        "import sys\n"
        "from charity.documents import bundle, receipt, spreadsheet, tables, voucher\n"
        "print(sorted({'reportlab', 'pikepdf', 'segno', 'xlsxwriter', 'PIL'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
