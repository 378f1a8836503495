"""Donor lists: messy headings, titles, sections, totals; what is unclear is asked about."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from charity.intake.people import is_identity, is_phone, is_unnamed
from charity.intake.read import ParsedFile, read_file
from charity.intake.rows import IncomingRow
from tests.unit.intake.making import csv_bytes, csv_rows, xlsx
from tests.unit.intake.refusing import assert_refused

_HEADER = ["序号", "捐款人", "捐款金额(元)", "捐款日期", "意向"]


def _list(
    *rows: list[str], header: list[str] = _HEADER, above: tuple[list[str], ...] = (), **answers: Any
) -> ParsedFile:
    return read_file(csv_rows([*above, header, *rows]), "list.csv", **answers)


def _codes(parsed: ParsedFile) -> list[str]:
    for problem in parsed.problems:
        assert "%(" not in problem.sentence()
    return [problem.code for problem in parsed.problems]


def _problems(row: IncomingRow) -> list[str]:
    for problem in row.problems:
        assert "%(" not in problem.sentence()
    return [problem.code for problem in row.problems]


def _one(**cells: str) -> IncomingRow:
    """Return the row of a list with these columns; name, amount and day are filled in."""
    all_cells = {"姓名": "苏禾青", "金额": "100.00", "日期": "2026-11-08"} | cells
    return read_file(csv_rows([list(all_cells), list(all_cells.values())]), "list.csv").rows[0]


def test_a_gift_is_read_whole() -> None:
    row = _one(
        捐赠意向="急难救助",
        是否匿名="否",
        联系电话="199 0000 0001",
        身份证号="37010119900101003x",
        捐赠方式="微信转账",
        票据抬头="苏禾青",
        地址="海岱市临河路1号",
        备注="替父母捐",
        流水号="TX1",
    )
    assert (row.channel, row.kind_hint, row.is_credit, row.amount_fen) == ("wechat", "payment", True, 10_000)
    assert (row.counterparty_name, row.donor_kind_hint, row.publish_as) == ("苏禾青", "person", "name")
    assert (row.occurred_on, row.fund_hint, row.remark) == (date(2026, 11, 8), "急难救助", "替父母捐")
    assert (row.phone, row.id_number, row.receipt_title) == ("19900000001", "37010119900101003X", "苏禾青")
    assert (row.address, row.reference) == ("海岱市临河路1号", "TX1")


def test_titles_sections_totals_and_notes_are_no_gifts() -> None:
    parsed = _list(
        ["一、单位捐款", "", "", "", ""],
        ["1", "海岱市麦穗食品有限公司", "20,000.00", "2026-11-03", "发展帮扶"],
        ["", "小计", "20,000.00", "", ""],
        ["二、个人捐款", "", "", "", ""],
        ["2", "苏禾青", "200", "2026-11-06", ""],
        [],
        _HEADER,
        ["3", "陆知遥", "0.5万", "2026-11-07", ""],
        ["", "小计", "5,200.00", "", ""],
        ["合计", "", "25,200.00", "", ""],
        ["注：以上善款均已入账", "", "", "", ""],
        ["", "制表人：温以宁", "", "审核人：陆知遥", ""],
        above=(["捐款登记表"], ["填报单位：海岱站", "", "", "单位：元"]),
    )
    assert (_codes(parsed), len(parsed.rows)) == ([], 3)
    assert [row.amount_fen for row in parsed.rows] == [2_000_000, 20_000, 500_000]
    assert [number for number, _ in parsed.notes] == [4, 7, 10, 14, 15]
    assert parsed.totals.stated.in_fen == parsed.totals.counted.in_fen == 2_520_000


@pytest.mark.parametrize("word", ["合计", "合  计：", "总计", "合计（大写）：贰佰元整"])
def test_a_total_may_stand_under_the_names_or_in_the_first_column(word: str) -> None:
    gift = ["1", "苏禾青", "200", "2026-11-06", ""]
    for total in ([word, "", "200.00", "", ""], ["", word, "200.00", "", ""]):
        parsed = _list(gift, total)
        assert (_codes(parsed), len(parsed.rows), parsed.totals.stated.in_fen) == ([], 1, 20_000)


def test_a_total_may_stand_in_its_own_words() -> None:
    gift = ["1", "苏禾青", "200", "2026-11-06", ""]
    assert _codes(_list(gift, ["合计：200.00元", "", "", "", ""])) == []
    assert _codes(_list(gift, ["合计：201.00元", "", "", "", ""])) == ["total_line_differs"]
    assert _codes(_list(gift, ["合计：壹笔", "", "", "", ""])) == []


@pytest.mark.parametrize(
    ("label", "amount", "codes"),
    [
        ("小计", "200.00", []),
        ("小计", "300.00", ["total_line_differs"]),
        ("合计", "300.00", []),
        ("合计", "200.00", []),
        ("合计", "250.00", ["total_line_differs"]),
        ("合计", "三百", ["totals_unreadable"]),
    ],
)
def test_a_subtotal_is_its_block_and_a_total_its_block_or_all(
    label: str, amount: str, codes: list[str]
) -> None:
    parsed = _list(
        ["1", "苏禾青", "100", "2026-11-06", ""],
        ["", "小计", "100.00", "", ""],
        ["2", "陆知遥", "200", "2026-11-06", ""],
        ["", label, amount, "", ""],
    )
    assert (_codes(parsed), len(parsed.rows)) == (codes, 2)


def test_amounts_in_ten_thousands_are_read_by_their_heading() -> None:
    parsed = _list(
        ["1", "苏禾青", "3.5", "2026-11-06", ""],
        ["合计", "", "3.5", "", ""],
        header=["序号", "捐款人", "捐赠金额（万元）", "日期", "意向"],
    )
    assert (_codes(parsed), parsed.rows[0].amount_fen) == ([], 3_500_000)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"金额": "壹佰元"}, "amount_in_words"),
        ({"金额": "100元/月"}, "amount_per_period"),
        ({"金额": "100-200"}, "amount_ambiguous"),
        ({"金额": "棉被"}, "amount_unreadable"),
        ({"金额": ""}, "row_amount_missing"),
        ({"金额": "-100"}, "row_amount_not_positive"),
        ({"金额": "0"}, "row_amount_not_positive"),
        ({"姓名": ""}, "row_name_missing"),
        ({"日期": ""}, "row_date_missing"),
        ({"日期": "11月5日"}, "year_missing"),
        ({"日期": "11/12/2026"}, "date_ambiguous"),
        ({"日期": "2026年11月"}, "date_incomplete"),
        ({"是否匿名": "看情况"}, "choice_unclear"),
        ({"捐赠方式": "物资"}, "gift_in_kind"),
        ({"身份证号": "3.70101E+17"}, "number_damaged"),
        ({"姓名": "=A1"}, "cell_formula"),
        ({"金额": "#REF!"}, "cell_error"),
    ],
)
def test_what_is_unclear_is_asked_at_its_row(cells: dict[str, str], code: str) -> None:
    row = _one(**cells)
    assert code in _problems(row)
    assert not row.is_bookable


@pytest.mark.parametrize(
    ("cells", "code"),
    [({"电话": "1990000"}, "phone_doubtful"), ({"身份证号": "370101199001010001"}, "id_number_doubtful")],
)
def test_a_doubtful_number_is_only_noted(cells: dict[str, str], code: str) -> None:
    row = _one(**{"电话": "", **cells})
    if code == "phone_doubtful":
        row = _one(电话="12345")
    assert (_problems(row), row.is_bookable) == ([code], True)


def test_the_answered_year_completes_the_days() -> None:
    parsed = _list(["1", "苏禾青", "100", "11月5日", ""], year=2026)
    assert parsed.rows[0].occurred_on == date(2026, 11, 5)


def test_a_title_that_names_the_very_month_completes_its_days() -> None:
    parsed = _list(
        ["1", "苏禾青", "100", "11月5日", ""],
        ["2", "陆知遥", "100", "12月5日", ""],
        above=(["2026年11月捐款名单"],),
    )
    assert parsed.rows[0].occurred_on == date(2026, 11, 5)
    assert _problems(parsed.rows[1]) == ["year_missing"]


def test_a_title_that_names_two_years_asks() -> None:
    parsed = _list(["1", "苏禾青", "100", "11月5日", ""], above=(["2025年11月至2026年11月捐款名单"],))
    assert _problems(parsed.rows[0]) == ["year_missing"]


def test_a_list_without_days_asks_once_for_all_rows() -> None:
    data = csv_bytes("姓名,金额", "苏禾青,100", "陆知遥,200")
    assert _codes(read_file(data, "x")) == ["date_column_missing"]
    answered = read_file(data, "x", received_on=date(2026, 11, 20))
    assert (_codes(answered), {row.occurred_on for row in answered.rows}) == ([], {date(2026, 11, 20)})


def test_the_answered_day_fills_blank_days_only() -> None:
    rows = (["1", "苏禾青", "100", "", ""], ["2", "陆知遥", "100", "2026-11-08", ""])
    parsed = _list(*rows, received_on=date(2026, 11, 20))
    assert [row.occurred_on for row in parsed.rows] == [date(2026, 11, 20), date(2026, 11, 8)]


@pytest.mark.parametrize(
    ("cells", "choice"),
    [
        ({"是否匿名": "是"}, "anonymous"),
        ({"是否匿名": "√"}, "anonymous"),
        ({"是否匿名": "否"}, "name"),
        ({"是否匿名": ""}, ""),
        ({"是否公开": "否"}, "anonymous"),
        ({"是否公开": "是"}, "name"),
        ({"公示方式": "隐名"}, "masked"),
        ({"公示方式": "实名"}, "name"),
        ({"姓名": "爱心人士"}, "anonymous"),
        ({"姓名": "无名氏", "是否公开": "是"}, "anonymous"),
        ({}, ""),
    ],
)
def test_the_choice_of_the_name_is_read(cells: dict[str, str], choice: str) -> None:
    assert _one(**cells).publish_as == choice


@pytest.mark.parametrize(
    ("method", "channel"),
    [
        ("微信", "wechat"),
        ("支付宝扫码", "alipay"),
        ("现金", "cash"),
        ("对公转账", "bank"),
        ("POS", "bank"),
        ("", "other"),
    ],
)
def test_the_way_of_giving_is_the_channel(method: str, channel: str) -> None:
    assert _one(捐赠方式=method).channel == channel


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ({"类别": "企业"}, "body"),
        ({"类别": "个人"}, "person"),
        ({"姓名": "海岱市云帆纺织有限公司"}, "body"),
        ({"姓名": "ABC"}, ""),
    ],
)
def test_the_kind_of_donor_is_hinted_at(cells: dict[str, str], kind: str) -> None:
    assert _one(**cells).donor_kind_hint == kind


def test_a_body_stands_in_for_a_missing_person() -> None:
    assert _one(姓名="", 单位名称="海岱市第九实验小学").counterparty_name == "海岱市第九实验小学"


def test_the_credit_code_stands_in_for_the_identity_number() -> None:
    assert _one(身份证号="", 统一社会信用代码="53370000999900001d").id_number == "53370000999900001D"


def test_a_row_with_a_name_and_no_amount_is_kept_and_a_remark_is_not() -> None:
    parsed = _list(["", "苏禾青", "", "", ""], ["", "备注：无", "", "", ""])
    assert [_problems(row)[0] for row in parsed.rows] == ["row_amount_missing"]
    assert [number for number, _ in parsed.notes] == [3]


def test_a_serial_number_alone_is_no_gift() -> None:
    parsed = _list(["1", "苏禾青", "100", "2026-11-08", ""], ["2", "", "", "", ""])
    assert (len(parsed.rows), parsed.notes) == (1, ())


def test_a_name_merged_over_two_gifts_is_refused() -> None:
    def finish(_book: Any, sheet: Any) -> None:
        sheet.merge_range(1, 0, 2, 0, "苏禾青")

    rows = [["捐款人", "金额", "日期"], ["", 100, "2026-11-08"], ["", 200, "2026-11-08"]]
    with assert_refused("cells_merged") as problem:
        read_file(xlsx(rows, finish), "x")
    assert problem[0].params["cells"] == "A2:A3"


def test_merged_titles_and_total_lines_do_no_harm() -> None:
    def finish(_book: Any, sheet: Any) -> None:
        sheet.merge_range(0, 0, 1, 2, "捐款名单")
        sheet.merge_range(4, 0, 5, 0, "合计")

    rows = [[], [], ["捐款人", "金额", "日期"], ["苏禾青", 100, "2026-11-08"], ["", 100, ""], []]
    parsed = read_file(xlsx(rows, finish), "x")
    assert (len(parsed.rows), _codes(parsed)) == (1, [])


def test_further_filled_sheets_are_named() -> None:
    rows = [["捐款人", "金额", "日期"], ["苏禾青", 100, "2026-11-08"]]
    parsed = read_file(xlsx(rows, 说明=["有字"]), "x")
    assert (_codes(parsed), parsed.is_bookable) == (["sheets_left"], True)


def test_the_list_is_found_on_a_later_sheet() -> None:
    def finish(book: Any, _sheet: Any) -> None:
        later = book.add_worksheet("名册")
        later.write_row(0, 0, ["捐款人", "金额", "日期"])
        later.write_row(1, 0, ["苏禾青", 100, "2026-11-08"])

    assert read_file(xlsx([["本表说明"]], finish), "x").sheet == "名册"


def test_overlapping_lists_share_hashes_and_every_part_tells() -> None:
    first = _one().line_hash
    assert _one().line_hash == first
    assert _one(姓名="苏 禾青").line_hash == first
    for cells in (
        {"姓名": "陆知遥"},
        {"金额": "100.01"},
        {"日期": "2026-11-09"},
        {"电话": "19900000001"},
        {"意向": "助学"},
    ):
        assert _one(**cells).line_hash != first


def test_equal_gifts_of_one_list_are_told_apart() -> None:
    parsed = _list(*[["", "爱心人士", "100", "2026-11-08", ""]] * 3)
    assert len({row.line_hash for row in parsed.rows}) == 3


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("37010119900101003X", True),
        ("370101199001010001", False),
        ("53370000999900001D", True),
        ("53370000999900001A", False),
        ("370101900101001", True),
        ("E12345678", True),
        ("12", False),
    ],
)
def test_identity_numbers_are_checked(text: str, is_right: bool) -> None:
    assert is_identity(text) is is_right


@pytest.mark.parametrize(
    ("text", "is_right"), [("19900000001", True), ("05341234567", True), ("1990000", True), ("12345", False)]
)
def test_phone_numbers_are_checked(text: str, is_right: bool) -> None:
    assert is_phone(text) is is_right


@pytest.mark.parametrize(
    ("name", "is_none"),
    [("爱心人士", True), ("匿名", True), ("好心人", True), ("无名氏", True), ("苏禾青", False)],
)
def test_a_name_may_say_that_there_is_none(name: str, is_none: bool) -> None:
    assert is_unnamed(name) is is_none
