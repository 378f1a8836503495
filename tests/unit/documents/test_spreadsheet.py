"""XLSX and CSV: exact figures, text that is never a formula, nothing dropped silently."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from charity.documents import spreadsheet
from charity.documents.columns import Column, ValueMisplaced, groups
from charity.documents.spreadsheet import Sheet, guarded, write_csv, write_xlsx
from charity.errors import Refused
from charity.money import MAX_FEN, parse_yuan
from tests.unit.documents.samples import RARE

COLUMNS = (
    Column("编号"),
    Column("捐赠人"),
    Column("日期", "date"),
    Column("金额", "money"),
    Column("笔数", "count"),
    Column("时长", "time"),
    Column("占比", "share"),
)
ROWS = (
    ("000123", RARE, date(2026, 3, 5), 1234567, 3, 95, 1234),
    ("000124", "=1+1", None, -50, 0, 0, -1),
    ("000125", "https://a.example", date(2026, 3, 6), None, None, None, None),
)
SHEET = Sheet("捐赠", COLUMNS, ROWS)
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "－1", "=cmd|' /C calc'!A0"]


def cells(data: bytes, name: str) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name(name).to_python()


def lines(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_workbook_is_read_back_as_it_was_written() -> None:
    head, first, second, third = cells(write_xlsx([SHEET]), "捐赠")
    assert head == [column.title for column in COLUMNS]
    assert first == ["000123", RARE, date(2026, 3, 5), 12345.67, 3.0, timedelta(minutes=95), 0.1234]
    assert second[:2] == ["000124", "=1+1"]
    assert second[3] == -0.5
    assert third[1] == "https://a.example"
    assert third[3] == ""


def test_no_text_is_a_formula_or_a_link() -> None:
    sheet = Sheet("表", (Column("文本"),), [(text,) for text in FORMULAS])
    data = write_xlsx([sheet])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        body = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in body
    assert "hyperlink" not in body
    assert [row[0] for row in cells(data, "表")[1:]] == FORMULAS


@given(st.lists(st.integers(-MAX_FEN, MAX_FEN), min_size=1, max_size=30))
def test_money_comes_back_to_the_fen_from_both_files(amounts: list[int]) -> None:
    columns = (Column("金额", "money"),)
    rows = [(fen,) for fen in amounts]
    from_xlsx = [row[0] for row in cells(write_xlsx([Sheet("表", columns, rows)]), "表")[1:]]
    assert [Decimal(repr(value)) * 100 for value in from_xlsx] == amounts
    from_csv = [row[0] for row in lines(write_csv(columns, rows, bom=False))[1:]]
    assert [parse_yuan(text) for text in from_csv] == amounts


def test_notes_groups_and_totals_stand_where_they_belong() -> None:
    columns = (Column("项目"), Column("借方", "money", "本期"), Column("贷方", "money", "本期"))
    sheet = Sheet("表", columns, [("甲", 100, 0)], notes=("某表", "截至 2026-03-31"), totals=("合计", 100, 0))
    found = cells(write_xlsx([sheet]), "表")
    assert [row[0] for row in found] == ["某表", "截至 2026-03-31", "", "项目", "甲", "合计"]
    assert found[2][1] == "本期"
    assert found[5][1:] == [1.0, 0.0]


def test_the_same_rows_give_the_same_bytes() -> None:
    assert write_xlsx([SHEET], title="捐赠") == write_xlsx([SHEET], title="捐赠")
    assert write_csv(COLUMNS, ROWS, bom=True) == write_csv(COLUMNS, ROWS, bom=True)


def test_tabs_have_names_a_tab_can_have() -> None:
    names = ["2026/03 [记]:*?", "捐" * 40, "捐" * 40, "a", "A", "", "'甲'"]
    data = write_xlsx([Sheet(name, (Column("甲"),), []) for name in names])
    found = CalamineWorkbook.from_filelike(io.BytesIO(data)).sheet_names
    assert found == ["2026_03 _记____", "捐" * 31, "捐" * 27 + " (2)", "a", "A (2)", "Sheet", "甲"]


def test_a_workbook_without_sheets_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sheet"):
        write_xlsx([])


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "MAX_ROWS", 5)
    columns = (Column("甲"),)
    write_xlsx([Sheet("表", columns, [("a",)] * 3, totals=("z",))])
    with pytest.raises(Refused) as refused:
        write_xlsx([Sheet("表", columns, [("a",)] * 4)])
    assert refused.value.codes == ["sheet_too_long"]
    assert "表" in str(refused.value)


def test_a_text_too_long_for_a_cell_is_refused_not_dropped() -> None:
    write_xlsx([Sheet("表", (Column("甲"),), [("a" * 32_767,)])])
    with pytest.raises(Refused) as refused:
        write_xlsx([Sheet("表", (Column("甲"),), [("a" * 32_768,)])])
    assert refused.value.codes == ["sheet_text_too_long"]


def test_csv_follows_the_standard() -> None:
    data = write_csv((Column("甲"), Column("乙")), [('说 "好"', "a,b"), ("一\r\n二", "")], bom=False)
    assert data == '甲,乙\r\n"说 ""好""","a,b"\r\n"一\r\n二",\r\n'.encode()


def test_a_mark_of_order_stands_in_front_where_asked() -> None:
    assert write_csv(COLUMNS, ROWS, bom=True).startswith(b"\xef\xbb\xbf")
    assert not write_csv(COLUMNS, ROWS, bom=False).startswith(b"\xef\xbb\xbf")


def test_csv_values_read_as_files_want_them() -> None:
    _, first, second, third = lines(write_csv(COLUMNS, ROWS, bom=True))
    assert first == ["000123", RARE, "2026-03-05", "12345.67", "3", "1:35", "12.34%"]
    assert second == ["000124", "'=1+1", "", "-0.50", "0", "0:00", "-0.01%"]
    assert third[3:] == [""] * 4


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_looks_like_a_formula_is_guarded_in_cells_and_heads(text: str) -> None:
    data = write_csv((Column(text), Column("金额", "money")), [(text, -50)], bom=False)
    for head in lines(data):
        assert head[0] == f"'{text}"
    assert lines(data)[1][1] == "-0.50"


@given(st.text(max_size=20))
def test_guarding_changes_nothing_else(text: str) -> None:
    assert guarded(text) in (text, f"'{text}")
    assert not guarded(text).lstrip(" ").startswith(tuple("=+-@\t\r\n＝＋－＠"))


def test_a_text_among_figures_is_guarded_as_text() -> None:
    data = write_csv((Column("金额", "money"),), [("未经审计",), ("=1",)], bom=False)
    assert [row[0] for row in lines(data)[1:]] == ["未经审计", "'=1"]


def test_a_long_file_comes_in_pieces() -> None:
    rows = ((f"{n:06d}", "某" * 20, None, n, n, n, n) for n in range(5_000))
    pieces = list(spreadsheet.iterate_csv(COLUMNS, rows, bom=True))
    assert len(pieces) > 3
    assert len(lines(b"".join(pieces))) == 5_001


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Column("金额", "money"), 1.5),
        (Column("金额", "money"), True),
        (Column("金额", "money"), date(2026, 1, 1)),
        (Column("日期", "date"), 20260101),
        (Column("名称"), 5),
    ],
)
def test_a_value_of_another_kind_is_refused_in_both(column: Column, value: object) -> None:
    with pytest.raises(ValueMisplaced, match=column.title):
        write_csv((column,), [(value,)], bom=False)
    with pytest.raises(ValueMisplaced, match=column.title):
        write_xlsx([Sheet("表", (column,), [(value,)])])


def test_a_row_of_another_length_is_refused_in_both() -> None:
    with pytest.raises(ValueError, match="zip"):
        write_csv(COLUMNS, [("a",)], bom=False)
    with pytest.raises(ValueError, match="zip"):
        write_xlsx([replace(SHEET, rows=[("a",)])])


def test_neighbours_under_one_group_are_one_run() -> None:
    columns = [
        Column("a", group="甲"),
        Column("b", group="甲"),
        Column("c"),
        Column("d"),
        Column("e", group="甲"),
    ]
    assert groups(columns) == [("甲", 0, 2), ("", 2, 1), ("", 3, 1), ("甲", 4, 1)]
