"""Workbooks: values as typed, errors shown, and everything hostile refused before it is read."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from datetime import datetime, time
from typing import Any

import pytest

from charity.intake import sheets
from charity.intake.archive import Archive
from charity.intake.limits import Bounds
from charity.intake.read import read_file
from charity.intake.table import read_table, read_tables
from charity.intake.workbook import number_text, read_workbook
from tests.unit.intake import making
from tests.unit.intake.making import xlsx_cell
from tests.unit.intake.refusing import assert_refused

_ONE = xlsx_cell("A1", "<v>1</v>")

_ROWS = [["捐款人", "金额", "日期"], ["苏禾青", "100.5", "2026-11-08"], ["陆知遥", "20", "2026-11-09"]]
_TYPED = [["捐款人", "金额", "日期"], ["苏禾青", 100.5, "2026-11-08"], ["陆知遥", 20, "2026-11-09"]]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("xlsx", making.xlsx(_TYPED)),
        ("xls", making.xls(making.biff_stream(_TYPED))),
        ("xls", making.xls(making.biff_stream(_TYPED), pad=False)),
        ("ods", making.ods("".join(making.ods_row(*row) for row in _ROWS))),
    ],
)
def test_each_kind_of_workbook_gives_the_same_table(kind: str, data: bytes) -> None:
    table = read_table(data, "名单.dat")
    assert (table.kind, table.sheet, table.rows) == (kind, "名单", _ROWS)


def test_the_kind_is_told_by_content_and_not_by_name() -> None:
    assert read_table(making.xlsx(_TYPED), "名单.csv").kind == "xlsx"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (1234.5600000000001, "1234.56"),
        (-12.5, "-12.5"),
        (1e-7, "0.0000001"),
        (999999999999999.0, "999999999999999"),
        (6222021234567890123.0, "6.22202123456789E+18"),
        (1e15, "1E+15"),
    ],
)
def test_a_number_comes_out_as_it_was_typed(value: float, text: str) -> None:
    assert number_text(value) == text


def test_dates_times_and_truth_come_out_as_text() -> None:
    def finish(book: Any, sheet: Any) -> None:
        texts = ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "hh:mm:ss", "[h]:mm")
        day, moment, clock, hours = (book.add_format({"num_format": text}) for text in texts)
        sheet.write_datetime(0, 0, datetime(2026, 11, 5), day)
        sheet.write_datetime(0, 1, datetime(2026, 11, 5, 10, 11, 12), moment)
        sheet.write_datetime(0, 2, time(8, 35, 33), clock)
        sheet.write_number(0, 3, 1.5, hours)
        sheet.write_boolean(0, 4, True)

    rows = read_table(making.xlsx([], finish), "x").rows
    assert rows == [["2026-11-05", "2026-11-05 10:11:12", "08:35:33", "36:00:00", "TRUE"]]


def test_an_error_value_stays_visible() -> None:
    first = xlsx_cell("A1", "<v>1</v>") + xlsx_cell("B1", "<v>#REF!</v>", "e")
    rows = read_table(making.xlsx_rows((1, first), (3, xlsx_cell("C3", "<v>#N/A</v>", "e"))), "x").rows
    assert (rows[0][:2], rows[2][2]) == (["1", "#REF!"], "#N/A")


def test_an_error_value_of_the_old_kind_stays_visible() -> None:
    data = making.xls(making.biff_stream(_TYPED, extra=making.error_cell(1, 1, 42)))
    assert read_table(data, "x").rows[1] == ["苏禾青", "#N/A", "2026-11-08"]


def test_an_error_value_of_an_ods_stays_visible() -> None:
    error = making.ods_cell("#DIV/0!", 'calcext:value-type="error"')
    data = making.ods(making.ods_row("捐款人", "金额") + making.ods_line(error))
    assert read_table(data, "x").rows[1][0] == "#DIV/0!"


@pytest.mark.parametrize("value", ["", "<v></v>", "<v/>"])
def test_a_formula_that_was_never_computed_is_named(value: str) -> None:
    cells = xlsx_cell("B2", f"<f>A1*2</f>{value}") + xlsx_cell("C2", "<v>1</v>")
    with assert_refused("formula_without_value") as problem:
        read_table(making.xlsx_rows((1, xlsx_cell("A1", "<v>1</v>")), (2, cells)), "名单.xlsx")
    assert (problem[0].params["cell"], problem[0].params["sheet"]) == ("B2", "名单")


def test_a_formula_with_its_value_is_read() -> None:
    cells = xlsx_cell("A1", "<f>1+1</f><v>2</v>") + xlsx_cell("B1", "<f>x</f><v></v>", "str")
    assert read_table(making.xlsx_rows((1, cells)), "x").rows[0][0] == "2"


def test_sheets_that_are_hidden_or_blank_are_left_out() -> None:
    def finish(book: Any, _sheet: Any) -> None:
        book.add_worksheet("藏").hide()

    data = making.xlsx(_TYPED, finish, 空=[], 另一张=["有字"])
    tables = read_tables(data, "x")
    assert [table.sheet for table in tables] == ["名单", "另一张"]
    assert tables[0].other_sheets == ("另一张",)


def test_a_workbook_of_blank_sheets_is_empty() -> None:
    with assert_refused("file_empty"):
        read_table(making.xlsx([]), "x")


def test_too_many_sheets_are_refused() -> None:
    with assert_refused("sheets_too_many"):
        read_table(making.xlsx(_TYPED, **{f"第{number}张": ["1"] for number in range(25)}), "x")


def test_a_cell_over_the_limit_is_named_by_row_and_column() -> None:
    with assert_refused("cell_too_long") as problem:
        read_table(making.xlsx([*_TYPED, ["顾南星", "长" * 6_000]]), "x")
    assert (problem[0].params["cell"], problem[0].params["row"]) == ("B4", 4)


# -- what must never reach the reader -------------------------------------------------


@pytest.mark.parametrize("cell", ["XFD1048576", "A1048576", "ZZ2", "A200001", "IW1"])
def test_a_cell_at_the_far_end_is_refused_before_it_is_laid_out(cell: str) -> None:
    row = int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    with assert_refused("sheet_too_wide"):
        read_table(making.xlsx_rows((1, _ONE), (row, xlsx_cell(cell, "<v>1</v>"))), "x")


def test_a_far_cell_that_hides_in_a_near_row_is_refused() -> None:
    with assert_refused("sheet_too_wide"):
        read_table(making.xlsx_rows((1, _ONE + xlsx_cell("XFD1048576", "<v>1</v>"))), "x")


def test_a_far_cell_in_a_row_without_number_is_refused() -> None:
    body = '<row r="199999"/><row/><row/><row/><row><c><v>1</v></c></row>'
    with assert_refused("sheet_too_wide"):
        read_table(making.xlsx_with_sheet(f'<row r="1">{_ONE}</row>{body}'), "x")


def test_a_rectangle_of_too_many_cells_is_refused() -> None:
    with assert_refused("sheet_too_wide"):
        read_table(making.xlsx_rows((1, _ONE), (190_000, xlsx_cell("GZ190000", "<v>1</v>"))), "x")


def test_a_far_cell_without_a_value_does_no_harm() -> None:
    data = making.xlsx_rows((1, _ONE), (1_048_576, '<c r="XFD1048576" s="1"/>'))
    assert read_table(data, "x").rows == [["1"]]


def test_a_far_cell_of_the_old_kind_is_refused() -> None:
    with assert_refused("sheet_too_wide"):
        read_table(making.xls(making.biff_stream(_TYPED, extra=making.number_cell(65_535, 255, 1.0))), "x")


@pytest.mark.parametrize(
    "row",
    [
        making.ods_line(making.ods_cell("1"), 1_000_000),
        making.ods_line(making.ods_cell("1", 'table:number-columns-repeated="16000"')),
    ],
)
def test_an_ods_that_repeats_itself_is_refused(row: str) -> None:
    with assert_refused("sheet_too_wide"):
        read_table(making.ods(making.ods_row("捐款人") + row), "x")


def test_blank_rows_repeated_to_the_end_of_an_ods_do_no_harm() -> None:
    rest = making.ods_line('<table:table-cell table:number-columns-repeated="16384"/>', 1_048_574)
    assert read_table(making.ods(making.ods_row("捐款人", "金额") + rest), "x").rows == [["捐款人", "金额"]]


def test_many_tables_of_an_ods_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charity.intake.sheets.MAX_CELLS", 6)
    table = "".join(making.ods_row("甲", "乙") for _ in range(2))
    with assert_refused("sheet_too_wide"):
        read_table(making.ods(f'{table}</table:table><table:table table:name="二">{table}'), "x")


def test_one_string_copied_over_and_over_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charity.intake.sheets.MAX_SHEET_CHARACTERS", 100_000)
    with assert_refused("sheet_too_heavy") as problem:
        read_table(making.xlsx([["长" * 4_000] * 30]), "x")
    assert problem[0].params["sheet"] == "名单"
    with assert_refused("sheet_too_heavy"):
        read_table(making.xls(making.biff_stream([["长" * 2_000] * 60])), "x")
    repeated = making.ods_cell("长" * 4_000, 'table:number-columns-repeated="30"')
    with assert_refused("sheet_too_heavy"):
        read_table(making.ods(making.ods_line(repeated)), "x")


def _bomb(size: int, *, claimed: int | None = None) -> bytes:
    """Return an XLSX with one part of zeros, whose directory may claim another size."""
    stream = io.BytesIO(making.xlsx(_TYPED))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/much.xml", bytes(size))
    data = stream.getvalue()
    if claimed is not None:
        # Both headers carry size and unpacked size side by side; only the second is changed.
        packed = len(zlib.compress(bytes(size), 6)) - 6
        data = data.replace(struct.pack("<II", packed, size), struct.pack("<II", packed, claimed))
    return data


def test_a_part_that_expands_too_much_is_refused_unopened() -> None:
    with assert_refused("file_zip_bomb") as problem:
        read_table(_bomb(40 * 2**20), "x")
    assert problem[0].params["part"] == "xl/media/much.xml"


def test_a_directory_that_lies_about_a_size_is_caught() -> None:
    data = _bomb(40 * 2**20, claimed=1_000)
    assert zipfile.ZipFile(io.BytesIO(data)).getinfo("xl/media/much.xml").file_size == 1_000
    with assert_refused("file_zip_bomb"):
        read_table(data, "x")


def _sheets(*bodies: str) -> bytes:
    """Return an XLSX with one sheet for each body of rows, named S1, S2 …"""
    base = making.xlsx(_TYPED)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    odd = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    numbers = range(1, len(bodies) + 1)
    names = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
    links = "".join(
        f'<Relationship Id="r{n}" Type="{odd}/worksheet" Target="worksheets/s{n}.xml"/>' for n in numbers
    )
    changed = {
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{odd}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/'
        f'2006/relationships">{links}</Relationships>',
    }
    stream = io.BytesIO(making.repacked(base, {part: text.encode() for part, text in changed.items()}))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as parts:
        for number, body in zip(numbers, bodies, strict=True):
            sheet = f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
            parts.writestr(f"xl/worksheets/s{number}.xml", sheet)
    return stream.getvalue()


_ROW = "<row>" + "<c><v>7</v></c>" * 50 + "</row>"


def test_many_small_parts_that_expand_too_much_together_are_refused_unopened() -> None:
    data = _sheets(*[_ROW * 9_000] * 4)
    assert len(data) < 150_000
    with assert_refused("file_zip_bomb"):
        read_workbook(data, "xlsx", "x")


def test_a_walk_stops_at_the_rows_and_cells_that_may_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def start(self: sheets._XlsxWalk, tag: str, attributes: dict[str, str]) -> None:
        read.append(tag)
        usual(self, tag, attributes)

    usual = sheets._XlsxWalk.start
    monkeypatch.setattr(sheets._XlsxWalk, "start", start)
    with assert_refused("sheet_too_wide") as problem:
        read_workbook(_sheets(_ROW * 400), "xlsx", "x", Bounds(rows=10))
    assert (problem[0].params["sheet"], problem[0].params["row"]) == ("S1", 11)
    assert len(read) < 11 * 101 + 5
    read.clear()
    with assert_refused("sheet_too_wide") as problem:
        read_workbook(_sheets(_ROW * 4, _ROW * 400), "xlsx", "x", Bounds(cells=100))
    assert problem[0].params["sheet"] == "S2"
    assert len(read) == 601


def test_sheets_together_span_no_more_than_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charity.intake.sheets.MAX_CELLS", 150)
    assert len(read_workbook(_sheets(_ROW, _ROW), "xlsx", "x")) == 2
    with assert_refused("sheet_too_wide"):
        read_workbook(_sheets(_ROW * 2, _ROW * 2), "xlsx", "x")


def test_strings_are_counted_no_further_than_may_be_read() -> None:
    with assert_refused("sheet_too_heavy"):
        read_workbook(making.xlsx([["甲", "乙", "丙"]]), "xlsx", "x", Bounds(cells=2))


def test_only_the_sheets_asked_for_are_read() -> None:
    found = read_workbook(_sheets(_ROW, _ROW, _ROW), "xlsx", "x", Bounds(sheets=frozenset({"S2", "S9"})))
    assert [sheet.sheet for sheet in found] == ["S2"]


@pytest.mark.parametrize("name", ["x.xlsx", "x.zip"])
def test_a_directory_that_is_too_long_is_not_even_listed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = making.crowded_zip(2_001)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # opening it would raise
    with assert_refused("file_unreadable"):
        read_file(data, name, None)
    with assert_refused("file_unreadable"):
        Archive(data, name)


def test_parts_that_are_large_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charity.intake.archive.MAX_UNPACKED_BYTES", 2_000)
    with assert_refused("file_zip_bomb"):
        read_table(making.xlsx(_TYPED), "x")


def test_parts_that_share_their_bytes_are_refused() -> None:
    data = making.xlsx(_TYPED)
    end = data.rindex(b"PK\x05\x06")
    start = struct.unpack_from("<I", data, end + 16)[0]
    entry = data[start : data.index(b"PK\x01\x02", start + 4)]
    name_size = struct.unpack_from("<H", entry, 28)[0]
    copies = b"".join(
        entry[:46] + f"{number:0{name_size}d}".encode() + entry[46 + name_size :] for number in range(400)
    )
    counts = struct.unpack_from("<H", data, end + 10)[0] + 400
    tail = (
        data[end : end + 8] + struct.pack("<HHII", counts, counts, end - start + len(copies), start) + b"\0\0"
    )
    with assert_refused("file_zip_bomb"):
        read_table(data[:end] + copies + tail, "x")


def test_entities_are_never_expanded() -> None:
    kind = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>'
    sheet = b'<worksheet><sheetData><row><c t="str"><v>&a;</v></c></row></sheetData></worksheet>'
    with assert_refused("file_unreadable"):
        read_table(making.repacked(making.xlsx(_TYPED), {"xl/worksheets/sheet1.xml": kind + sheet}), "x")


@pytest.mark.parametrize("part", ["content.xml", "xl/workbook.bin"])
def test_a_zip_that_is_two_workbooks_at_once_is_refused(part: str) -> None:
    with assert_refused("file_unreadable") as problem:
        read_table(making.repacked(making.xlsx(_TYPED), {part: b"<x/>"}), "x")
    assert problem[0].params["part"] == part


def test_an_ods_that_is_also_an_xlsx_is_refused() -> None:
    data = making.repacked(
        making.ods(making.ods_row("捐款人")), {"xl/workbook.bin": b"", "xl/worksheets/a": b""}
    )
    with assert_refused("file_unreadable"):
        read_table(data, "x")


@pytest.mark.parametrize("reference", ["A", "1", "AAAA1", "甲1", "A1B", "A-1", "a" * 5000 + "1"])
def test_a_cell_with_an_odd_address_is_refused(reference: str) -> None:
    with assert_refused("file_unreadable"):
        read_table(making.xlsx_with_sheet(f'<row r="1"><c r="{reference}"><v>1</v></c></row>'), "x")


@pytest.mark.parametrize(
    "payload",
    [
        struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 0xFFFF, 0),
        struct.pack("<IIHHH", 256, 3, 0, 3, 0),
        struct.pack("<HHHHH", 0, 3, 9, 3, 0),
        b"\0",
    ],
)
def test_a_claimed_size_of_an_old_sheet_is_not_believed(payload: bytes) -> None:
    data = making.xls(making.biff_stream(_TYPED, extra=making.record(0x200, payload)))
    with assert_refused("file_unreadable"):
        read_table(data, "x")


def test_an_old_sheet_that_begins_where_none_does_is_refused() -> None:
    stream = making.biff_stream(_TYPED)
    at = stream.index(struct.pack("<HH", 0x85, 12)) + 4
    moved = stream[:at] + struct.pack("<I", struct.unpack_from("<I", stream, at)[0] + 20) + stream[at + 4 :]
    with assert_refused("file_unreadable"):
        read_table(making.xls(moved), "x")


def test_a_chart_inside_an_old_sheet_hides_no_cell_from_the_walk() -> None:
    chart = (
        making.record(0x809, b"\x00\x06" + bytes(14))
        + making.number_cell(65_535, 255, 1.0)
        + making.record(0x0A, b"")
    )
    with assert_refused("sheet_too_wide"):
        read_table(making.xls(making.biff_stream(_TYPED, extra=chart)), "x")


def test_a_claimed_number_of_strings_is_not_believed() -> None:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    strings = f'<sst xmlns="{space}" count="1" uniqueCount="4294967295"><si><t>a</t></si></sst>'
    with assert_refused("file_unreadable"):
        read_table(making.repacked(making.xlsx(_TYPED), {"xl/sharedStrings.xml": strings.encode()}), "x")


def test_an_unknown_encoding_of_a_part_is_refused() -> None:
    xml = b'<?xml version="1.0" encoding="NOCODE-8"?><worksheet><sheetData/></worksheet>'
    with assert_refused("file_unreadable"):
        read_table(making.repacked(making.xlsx(_TYPED), {"xl/worksheets/sheet1.xml": xml}), "x")


# -- damaged files --------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 30, 400, 3_000])
def test_a_workbook_without_its_end_is_cut_off(cut: int) -> None:
    with assert_refused("workbook_truncated"):
        read_table(making.xlsx(_TYPED)[:-cut], "x")


def test_an_old_workbook_without_its_end_is_cut_off() -> None:
    with assert_refused("workbook_truncated"):
        read_table(making.xls(making.biff_stream(_TYPED))[:-1_000], "x")


def test_an_old_workbook_whose_sectors_run_in_a_circle_is_refused() -> None:
    data = bytearray(making.xls(making.biff_stream(_TYPED)))
    struct.pack_into("<I", data, 512 + 4 * 4, 3)
    with assert_refused("file_unreadable"):
        read_table(bytes(data), "x")


def test_a_damaged_part_is_refused() -> None:
    data = bytearray(making.xlsx(_TYPED))
    start = data.index(b"xl/worksheets/sheet1.xml")
    data[start + 60 : start + 64] = b"\x00\xff\x00\xff"
    with assert_refused("file_unreadable"):
        read_table(bytes(data), "x")


def test_broken_xml_is_assert_refused_its_part() -> None:
    with assert_refused("file_unreadable") as problem:
        read_table(
            making.repacked(making.xlsx(_TYPED), {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData>"}), "x"
        )
    assert problem[0].params["part"] == "xl/worksheets/sheet1.xml"


def test_what_the_reader_cannot_open_is_refused() -> None:
    with assert_refused("file_unreadable"):
        read_table(
            making.repacked(making.xlsx(_TYPED), {"xl/_rels/workbook.xml.rels": b"<Relationships/>"}), "x"
        )


def test_an_archive_is_asked_to_be_unpacked() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as parts:
        parts.writestr("账单.csv", "a,b\n")
    with assert_refused("file_archive"):
        read_table(stream.getvalue(), "x")


def test_a_zip_with_a_password_is_named_so() -> None:
    data = bytearray(making.xlsx(_TYPED))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    with assert_refused("file_encrypted"):
        read_table(bytes(data), "x")


def test_an_office_file_with_a_password_is_named_so() -> None:
    with assert_refused("file_encrypted"):
        read_table(making.xls(b"secret", stream_name="EncryptedPackage"), "x")
    locked = making.biff_stream(_TYPED, before=struct.pack("<HHH", 0x2F, 2, 0))
    with assert_refused("file_encrypted"):
        read_table(making.xls(locked), "x")


def test_a_workbook_of_excel_95_is_asked_to_be_saved_anew() -> None:
    stream = making.biff_stream(_TYPED)
    with assert_refused("workbook_too_old"):
        read_table(making.xls(stream[:4] + b"\x00\x05" + stream[6:], stream_name="Book"), "x")


def test_another_office_file_is_no_table() -> None:
    with assert_refused("file_not_table"):
        read_table(making.xls(b"text", stream_name="WordDocument"), "x")
