"""Text files: encodings, delimiters, quotation marks, limits, files that are cut off."""

from __future__ import annotations

import pytest

from charity.intake import limits
from charity.intake.table import Table, read_table
from charity.intake.text import read_rows
from tests.unit.intake.making import csv_bytes, csv_rows, wechat_bill, wechat_line
from tests.unit.intake.refusing import assert_refused

_LINES = (
    "捐款人,金额,日期,备注",
    "苏禾青,100.00,2026-11-08,为患病学生",
    "陆知遥,20.50,2026-11-09,祝平安健康",
)
_ROWS = [line.split(",") for line in _LINES]
_BIG5_LINES = (
    "捐贈人,金額,日期,備註",
    "蘇禾青,100.00,2026-11-08,為患病學生盡一點心意與祝福",
    "陸知遙,20.50,2026-11-09,祝大家平安健康萬事如意",
)


def _read(data: bytes) -> Table:
    return read_table(data, "名单.csv")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("gbk", "GB18030"),
        ("gb18030", "GB18030"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
    ],
)
def test_the_encoding_is_found_from_the_bytes(encoding: str, shown: str) -> None:
    table = _read(csv_bytes(*_LINES, encoding=encoding))
    assert (table.encoding, table.rows) == (shown, _ROWS)


def test_a_rare_character_of_gb18030_is_read() -> None:
    assert _read(csv_bytes(*_LINES, "𬭎䶮,1.00,2026-11-10,", encoding="gb18030")).rows[3][0] == "𬭎䶮"


def test_big5_is_taken_when_it_is_sure() -> None:
    table = _read(csv_bytes(*_BIG5_LINES, encoding="big5"))
    assert (table.encoding, table.rows[1][0]) == ("Big5", "蘇禾青")


def test_an_unknown_encoding_is_assert_refused_its_line() -> None:
    data = (
        csv_bytes("name,amount", encoding="ascii")
        + "名前,寄付金額,メモありがとうございます\r\n".encode("shift_jis") * 9
    )
    with assert_refused("file_encoding_unknown") as problem:
        _read(data)
    assert problem[0].params["line"] == 2


def test_a_name_the_bank_cut_inside_a_character_is_kept() -> None:
    data = csv_bytes(*_LINES * 20, encoding="gbk").replace(
        "为患病学生".encode("gbk"), "为患病学生".encode("gbk")[:-1], 1
    )
    table = _read(data)
    assert table.rows[1][3].startswith("为患病学")
    assert "\ufffd" in table.rows[1][3]
    assert len(table.rows) == 60


def test_broken_utf8_is_not_taken_for_gbk() -> None:
    data = csv_bytes(*_LINES * 20).replace("为患病学生".encode(), "为患病学生".encode()[:-1], 1)
    table = _read(data)
    assert table.encoding == "UTF-8"
    assert table.rows[4] == _ROWS[1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_text_that_ends_inside_a_character_is_cut_off(encoding: str) -> None:
    data = csv_bytes(*_LINES, encoding=encoding)[:-2]
    with assert_refused("file_truncated") as problem:
        _read(data[:-1])
    assert problem[0].params["line"] == 3


def test_utf16_that_ends_inside_a_character_is_cut_off() -> None:
    with assert_refused("file_truncated"):
        _read(csv_bytes(*_LINES, encoding="utf-16")[:-1])


def test_a_text_that_ends_inside_a_row_is_cut_off() -> None:
    data = csv_bytes(*_LINES, *_LINES[1:] * 3, "苏禾青,100.0")[:-2]
    with assert_refused("file_truncated") as problem:
        _read(data)
    assert problem[0].params["line"] == 10


def test_a_short_total_line_at_the_end_is_no_cut() -> None:
    data = csv_bytes(*_LINES, *_LINES[1:] * 3, "合计,482.00")[:-2]
    assert _read(data).rows[-1] == ["合计", "482.00"]


def test_a_text_that_ends_inside_quotation_marks_is_cut_off() -> None:
    with assert_refused("file_truncated"):
        _read(csv_bytes(*_LINES, '温以宁,1.00,2026-11-10,"替父')[:-2])


def test_a_quotation_mark_that_swallows_rows_is_refused() -> None:
    rows = [*_LINES, '顾南星,1.00,2026-11-10,"未关', *_LINES[1:], '姜晚照,2.00,2026-11-11,"好"', _LINES[1]]
    with assert_refused("quote_unclosed") as problem:
        _read(csv_bytes(*rows))
    assert problem[0].params["line"] == 4


def test_a_cell_of_several_lines_is_one_cell() -> None:
    rows = [*_ROWS, ["顾南星", "1.00", "2026-11-10", "第一行\n第二行"]]
    assert _read(csv_rows(rows)).rows[3][3] == "第一行\n第二行"


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    assert _read(csv_bytes(*(line.replace(",", delimiter) for line in _LINES))).rows == _ROWS


def test_thousands_commas_do_not_win_over_tabs() -> None:
    table = _read(csv_bytes("捐款人\t金额\t合计", "苏禾青\t1,234.00\t5,678.00", "陆知遥\t9,000.00\t1,000.00"))
    assert table.rows[1] == ["苏禾青", "1,234.00", "5,678.00"]


def test_a_spreadsheets_own_word_for_the_delimiter_is_followed() -> None:
    table = _read(csv_bytes("sep=;", *(line.replace(",", ";") for line in _LINES)))
    assert table.rows == [[], *_ROWS]


def test_blank_lines_keep_the_row_numbers() -> None:
    assert _read(csv_bytes("", _LINES[0], "", _LINES[1])).rows == [[], _ROWS[0], [], _ROWS[1]]


def test_text_kept_by_an_equals_sign_is_unwrapped() -> None:
    assert (
        _read(csv_bytes("捐款人,电话,金额", '苏禾青,"=""019900000001""",5.00')).rows[1][1] == "019900000001"
    )


def test_a_wechat_bill_is_split_at_its_backticks() -> None:
    good = '"急难",救助'
    table = _read(wechat_bill(wechat_line(1, good=good), totals="1,10.00,0.00,0.00,0.06"))
    assert good in table.rows[1]
    assert len(table.rows[1]) == len(table.rows[0])


@pytest.mark.parametrize("data", [b"", b"\r\n \r\n", b"\x00" * 50])
def test_an_empty_file_is_refused(data: bytes) -> None:
    with assert_refused("file_empty"):
        _read(data)


def test_a_file_of_delimiters_alone_is_empty() -> None:
    with assert_refused("file_empty"):
        _read(b",,,\r\n,,,\r\n")


@pytest.mark.parametrize(
    "data", ["一封信，没有表格。\r\n再见。\r\n".encode(), bytes(range(1, 32)) * 20 + b"a,b\n1,2\n"]
)
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with assert_refused("file_not_table"):
        _read(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"%PDF-1.7 ...", "file_is_pdf"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "file_is_picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "file_is_picture"),
        (b"Rar!\x1a\x07\x00", "file_archive"),
        (b"\x1f\x8b\x08\x00abc", "file_archive"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "file_is_markup"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Workbook/>", "file_is_markup"),
    ],
)
def test_a_file_of_another_kind_is_told_what_to_do(data: bytes, code: str) -> None:
    with assert_refused(code):
        _read(data)


def test_a_file_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charity.intake.table.MAX_BYTES", 2**20)
    with assert_refused("file_too_large") as problem:
        _read(b"a,b\n" * 300_000)
    assert problem[0].params["limit"] == 1


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charity.intake.text.MAX_ROWS", 5)
    with assert_refused("rows_too_many"):
        read_rows("a,b\n" * 6, "x")
    with assert_refused("rows_too_many"):
        read_rows("时间,金额\n" + "`1,`2\n" * 6, "x")
    assert len(read_rows("a,b\n" * 5, "x")) == 5


def test_too_many_columns_are_assert_refused_the_row() -> None:
    wide = "姓名,金额\n" + ",".join("1" * 300) + "\n"
    with assert_refused("columns_too_many") as problem:
        read_rows(wide, "x")
    assert problem[0].params["row"] == 2


def test_blank_cells_beyond_the_last_column_do_no_harm() -> None:
    assert len(read_rows("姓名,金额\n甲,1.00" + "," * 400 + "\n", "x")) == 2


def test_a_cell_of_ten_megabytes_is_named_by_row_and_column() -> None:
    data = csv_bytes(*_LINES, "顾南星,1.00,2026-11-10," + "长" * 3_500_000)
    with assert_refused("cell_too_long") as problem:
        _read(data)
    assert (problem[0].params["cell"], problem[0].params["row"], problem[0].where) == ("D4", 4, "D4")


@pytest.mark.parametrize("size", [limits.MAX_CELL_CHARACTERS + 1, 140_000])
def test_a_cell_over_the_limit_is_named(size: int) -> None:
    with assert_refused("cell_too_long") as problem:
        _read(csv_bytes(*_LINES, f'顾南星,"{"9" * size}",2026-11-10,'))
    assert problem[0].params["cell"] == "B4"


def test_a_long_cell_of_a_wechat_bill_is_named() -> None:
    with assert_refused("cell_too_long") as problem:
        _read(wechat_bill(wechat_line(1, good="长" * 6_000), totals="1,10.00,0.00,0.00,0.06"))
    assert problem[0].params["cell"] == "U2"


def test_a_cell_at_the_limit_is_read() -> None:
    text = "9" * limits.MAX_CELL_CHARACTERS
    assert _read(csv_bytes(*_LINES, f"顾南星,1.00,2026-11-10,{text}")).rows[3][3] == text
