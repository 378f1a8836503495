"""Lists and statements on paper."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import pikepdf
import pytest
from pypdf import PdfReader

from charity.documents.columns import Column, ValueMisplaced
from charity.documents.tables import Row, TableReport, render_table
from charity.errors import Refused
from tests.unit.documents import reading
from tests.unit.documents.samples import RARE, TABLE


def long_table(count: int = 120) -> TableReport:
    rows = [Row((date(2026, 3, 1), f"第 {n} 笔捐赠", 100 * n, 0)) for n in range(1, count + 1)]
    total = Row((None, "合计", sum(100 * n for n in range(1, count + 1)), 0), "total")
    return replace(TABLE, rows=(*rows, total))


def pages(data: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]


def test_a_table_is_archival_tagged_and_embeds_its_fonts() -> None:
    reading.check_sound(render_table(TABLE))
    reading.check_sound(render_table(replace(long_table(), is_demo=True)))


def test_a_table_says_what_it_is_as_of_when_and_in_what_unit(tmp_path: Path) -> None:
    text = reading.poppler_text(render_table(TABLE), tmp_path)
    for said in (
        "收支明细表",
        "某某市慈善总会",
        "截至 2026年3月31日",
        "单位：元",
        "口径：仅市本级。",
        "本期",
    ):
        assert said in text
    assert TABLE.sha256[:16] in text


def test_figures_are_grouped_zero_is_a_dash_and_minus_stays() -> None:
    text = reading.pypdf_text(render_table(TABLE))
    for said in ("12,345.67", "-100.00", "12,245.67", "–", "2026-03-05"):
        assert said in text
    assert "0.00–" not in text


def test_the_structure_is_a_table_with_heads() -> None:
    found = reading.tags(render_table(TABLE))
    assert found.count("H1") == found.count("Table") == 1
    # Two rows of heads, a heading, two lines and a total.
    assert found.count("TR") == 6
    assert found.count("TH") == 3 + 4 + 1
    assert found.count("TD") == 3 * 4


def test_heads_and_page_numbers_repeat_and_only_the_first_head_is_read_out() -> None:
    data = render_table(long_table())
    found = pages(data)
    assert len(found) == 4
    for number, text in enumerate(found, 1):
        assert f"第 {number} 页，共 4 页" in text
        assert "摘要" in text
    assert reading.tags(data).count("TH") == 7
    assert reading.tags(data).count("Table") == 1


@pytest.mark.parametrize("count", range(30, 75))
def test_a_total_never_stands_alone_on_a_page(count: int) -> None:
    last = pages(render_table(long_table(count)))[-1]
    assert "合计" in last
    assert f"第 {count} 笔捐赠" in last


def test_a_heading_never_stands_alone_at_the_foot() -> None:
    rows = [Row((None, f"行 {n}", 100, 0)) for n in range(200)]
    for place in range(0, 200, 5):
        rows[place] = Row((f"第 {place} 组",), "heading")
    for text in pages(render_table(replace(TABLE, rows=tuple(rows)))):
        lines = [line for line in text.splitlines() if line.startswith(("行 ", "第 ")) and "页" not in line]
        assert not (lines[-1].startswith("第 ") and lines[-1].endswith("组"))


def test_many_columns_turn_the_page_then_shrink_and_stay_whole() -> None:
    def width(report: TableReport) -> float:
        with pikepdf.open(io.BytesIO(render_table(report))) as pdf:
            return float(pdf.pages[0].MediaBox[2])

    def wide(count: int) -> TableReport:
        columns = (Column("科目"), *(Column(f"第{n}列", "money") for n in range(count)))
        return replace(TABLE, columns=columns, rows=(Row(("库存现金", *([123456789012] * count))),))

    assert width(wide(3)) < 600
    assert width(wide(8)) > 800
    text = reading.pypdf_text(render_table(wide(24)))
    assert text.count("1,234,567,890.12") == 24
    assert "第23列" in text.replace(" ", "")
    assert width(replace(wide(8), is_landscape=False)) < 600


def test_long_text_is_broken_not_cut() -> None:
    name = "某某经济技术开发区新能源装备制造股份有限公司工会委员会" * 8
    assert name in reading.pypdf_text(render_table(replace(TABLE, rows=(Row((None, name, 1, 0)),))))


def test_a_text_longer_than_a_page_goes_on_overleaf() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(6000))
    data = render_table(replace(TABLE, rows=(Row((None, text, 1, 0)), *TABLE.rows)))
    reading.check_sound(data)
    assert len(pages(data)) > 2
    assert not set(text) - set(reading.pypdf_text(data))


def test_no_rows_are_said() -> None:
    data = render_table(replace(TABLE, rows=(), empty="本月无关联方交易"))
    reading.check_sound(data)
    assert "本月无关联方交易" in reading.pypdf_text(data)


@pytest.mark.parametrize(
    ("language", "foot"),
    [("zh_Hans", "第 1 页，共 1 页"), ("zh_Hant", "第 1 頁，共 1 頁"), ("en", "Page 1 of 1")],
)
def test_the_foot_speaks_the_language(language: str, foot: str) -> None:
    assert foot in reading.pypdf_text(render_table(replace(TABLE, language=language)))


def test_every_kind_of_value_is_read_as_people_write_it() -> None:
    columns = tuple(Column(kind, kind) for kind in ("text", "money", "count", "date", "time", "share"))
    rows = (Row((RARE, -5, 1234567, date(2026, 1, 2), 95, 1234)), Row(("未经审计", "见附注", 0, None, 0, 0)))
    text = reading.pypdf_text(render_table(replace(TABLE, columns=columns, rows=rows)))
    for said in (RARE, "-0.05", "1,234,567", "2026-01-02", "1:35", "12.34%", "见附注"):
        assert said in text


def test_the_hash_follows_every_cell_and_text() -> None:
    rows = (*TABLE.rows[:-1], replace(TABLE.rows[-1], values=(None, "合计", 1224568, 0)))
    others = [replace(TABLE, rows=rows), replace(TABLE, as_of="截至今日"), replace(TABLE, notes=())]
    assert len({TABLE.sha256, *(other.sha256 for other in others)}) == 4


def test_the_same_table_gives_the_same_bytes() -> None:
    assert render_table(long_table(400)) == render_table(long_table(400))


def test_a_character_no_font_has_is_named_with_its_row() -> None:
    with pytest.raises(Refused) as refused:
        render_table(replace(TABLE, rows=(TABLE.rows[1], Row((None, "𠮷", 1, 0)))))
    assert [problem.where for problem in refused.value.problems] == ["rows-1"]


@pytest.mark.parametrize("value", [1.5, True, date(2026, 1, 1)])
def test_a_value_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(ValueMisplaced, match="收入"):
        render_table(replace(TABLE, rows=(Row((None, "甲", value, 0)),)))


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="row 0 has 2 values"):
        render_table(replace(TABLE, rows=(Row((None, "甲")),)))


def test_a_table_without_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one column"):
        render_table(replace(TABLE, columns=(), rows=()))
