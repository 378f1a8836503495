"""Bank exports: sides, signs, moments, balances, total lines, what a row seems to be."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from charity.intake.read import ParsedFile, read_file
from charity.intake.rows import IncomingRow
from tests.unit.intake.making import csv_bytes, csv_rows

_HEADER = ["交易日期", "借方", "贷方", "余额", "对方户名", "摘要"]


def _export(*rows: list[str], header: list[str] = _HEADER, above: tuple[list[str], ...] = ()) -> ParsedFile:
    return read_file(csv_rows([*above, header, *rows]), "bank.csv")


def _codes(parsed: ParsedFile) -> list[str]:
    for problem in parsed.problems:
        assert "%(" not in problem.sentence()
    return [problem.code for problem in parsed.problems]


def _problems(row: IncomingRow) -> list[str]:
    for problem in row.problems:
        assert "%(" not in problem.sentence()
    return [problem.code for problem in row.problems]


def _one(cells: dict[str, str]) -> IncomingRow:
    """Return the row of a file with these columns; day and summary are filled in."""
    all_cells = {"交易日期": "20261108", "摘要": "转账", "对方户名": "苏禾青"} | cells
    return read_file(csv_rows([list(all_cells), list(all_cells.values())]), "bank.csv").rows[0]


@pytest.mark.parametrize("unused", ["", "0", "0.00", "-", "--", "—"])
def test_the_unused_side_may_be_written_in_many_ways(unused: str) -> None:
    parsed = _export(
        ["20261108", unused, "1,000.00", "2,000.00", "苏禾青", "转存"],
        ["20261109", "300.00", unused, "1,700.00", "某医院", "转支"],
    )
    assert [(row.is_credit, row.amount_fen) for row in parsed.rows] == [(True, 100_000), (False, 30_000)]
    assert (_codes(parsed), parsed.opening_fen, parsed.closing_fen) == ([], 100_000, 170_000)


@pytest.mark.parametrize(
    ("word", "is_credit"),
    [
        ("贷", True),
        ("借", False),
        ("贷 Cr", True),
        ("借 Dr", False),
        ("收入", True),
        ("支出", False),
        ("收", True),
        ("付", False),
        ("来账", True),
        ("往账", False),
        ("C", True),
        ("D", False),
        ("转入", True),
        ("转出", False),
    ],
)
def test_one_amount_takes_its_side_from_a_word(word: str, is_credit: bool) -> None:
    row = _one({"借贷标志": word, "金额": "12.30"})
    assert (row.is_credit, row.amount_fen, row.signed_fen) == (
        is_credit,
        1_230,
        1_230 if is_credit else -1_230,
    )


@pytest.mark.parametrize(("text", "is_credit"), [("+10.00", True), ("10.00", True), ("-10.00", False)])
def test_one_amount_takes_its_side_from_its_sign(text: str, is_credit: bool) -> None:
    header = ["交易日期", "交易金额", "余额", "摘要"]
    parsed = _export(["20261107", "-1.00", "9.00", "费"], ["20261108", text, "", "转"], header=header)
    assert (parsed.rows[1].is_credit, parsed.rows[1].amount_fen) == (is_credit, 1_000)


def test_a_minus_beside_the_word_for_out_says_it_twice() -> None:
    row = _one({"借贷标志": "借", "金额": "-12.30"})
    assert (row.is_credit, row.amount_fen, _problems(row)) == (False, 1_230, [])


@pytest.mark.parametrize(
    ("cells", "is_credit"),
    [
        ({"借方": "-12.30", "贷方": "", "余额": "1"}, True),
        ({"借方": "", "贷方": "-12.30", "余额": "1"}, False),
        ({"借贷标志": "贷", "金额": "-12.30"}, False),
    ],
)
def test_a_red_amount_goes_the_other_way_and_says_so(cells: dict[str, str], is_credit: bool) -> None:
    row = _one(cells)
    assert (row.is_credit, row.amount_fen, _problems(row)) == (is_credit, 1_230, ["amount_red"])
    assert row.is_bookable


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"借方": "1.00", "贷方": "2.00", "余额": "1"}, "amount_both_sides"),
        ({"借方": "", "贷方": "", "余额": "1"}, "row_amount_missing"),
        ({"借方": "0.00", "贷方": "0.00", "余额": "1"}, "row_amount_zero"),
        ({"借方": "一百", "贷方": "", "余额": "1"}, "amount_in_words"),
        ({"借贷标志": "冻结", "金额": "5.00"}, "direction_unknown"),
        ({"借/贷": "借", "借方发生额": "", "贷方发生额": "5.00"}, "direction_contradictory"),
        ({"借贷标志": "贷", "金额": "5.00", "币种": "美元"}, "row_currency_foreign"),
        ({"借贷标志": "贷", "金额": "5.00", "交易流水号": "1.23457E+17"}, "number_damaged"),
        ({"借贷标志": "贷", "金额": "5.00", "摘要": "=A1"}, "cell_formula"),
        ({"借贷标志": "贷", "金额": "5.00", "对方户名": "#N/A"}, "cell_error"),
        ({"借贷标志": "贷", "金额": "5.00", "交易日期": "11/12/2026"}, "date_ambiguous"),
    ],
)
def test_a_bad_cell_is_a_problem_of_its_row(cells: dict[str, str], code: str) -> None:
    row = _one(cells)
    assert _problems(row) == [code]
    assert not row.is_bookable


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"余额": "xx,yyy.zz"}, "balance_unreadable"),
        ({"交易时间": "早上"}, "time_unreadable"),
        ({"摘要": "转\ufffd"}, "character_broken"),
    ],
)
def test_what_does_not_touch_the_money_is_only_noted(cells: dict[str, str], code: str) -> None:
    row = _one({"借贷标志": "贷", "金额": "5.00", **cells})
    assert (_problems(row), row.is_bookable) == ([code], True)


@pytest.mark.parametrize("word", ["", "CNY", "人民币", "人民币元", "RMB", "-", "156"])
def test_yuan_has_many_names(word: str) -> None:
    assert _problems(_one({"借贷标志": "贷", "金额": "5.00", "币种": word})) == []


def test_the_moment_is_put_together_from_its_columns() -> None:
    row = _one({"借贷标志": "贷", "金额": "5.00", "交易时间": "83533"})
    assert row.occurred_at == datetime(2026, 11, 8, 8, 35, 33)


def test_a_moment_of_its_own_leaves_the_other_day_as_the_booking_day() -> None:
    row = _one({"借贷标志": "贷", "金额": "5.00", "交易时间": "20261107 23:59:59"})
    assert (row.occurred_on, row.booked_on) == (date(2026, 11, 7), date(2026, 11, 8))
    assert row.occurred_at == datetime(2026, 11, 7, 23, 59, 59)


def test_the_booking_day_has_its_own_column() -> None:
    row = _one({"借贷标志": "贷", "金额": "5.00", "记账日期": "20261109"})
    assert (row.occurred_on, row.booked_on) == (date(2026, 11, 8), date(2026, 11, 9))


def test_a_file_with_booking_days_alone_takes_them() -> None:
    rows = csv_rows([["记账日期", "借方", "贷方", "余额", "摘要"], ["20261109", "", "1.00", "1.00", "转"]])
    row = read_file(rows, "x").rows[0]
    assert (row.occurred_on, row.booked_on) == (date(2026, 11, 9), None)


def test_the_other_side_is_the_payer_of_money_in_and_the_payee_of_money_out() -> None:
    header = ["交易日期", "交易金额", "余额", "付款人名称", "付款人账号", "收款人名称", "收款人账号"]
    parsed = _export(
        ["20261108", "5.00", "5.00", "苏禾青", "9999-1", "慈善会", "9999-9"],
        ["20261109", "-5.00", "0.00", "慈善会", "9999-9", "某医院", "9999-2"],
        header=header,
    )
    assert [(row.counterparty_name, row.counterparty_account) for row in parsed.rows] == [
        ("苏禾青", "99991"),
        ("某医院", "99992"),
    ]


def test_remarks_of_two_columns_are_kept_together() -> None:
    row = _one({"借贷标志": "贷", "金额": "5.00", "附言": "助学", "备注": "一日捐", "用途": "捐款"})
    assert (row.remark, row.purpose, row.fund_hint, row.summary) == (
        "助学 一日捐",
        "捐款",
        "助学 一日捐",
        "转账",
    )
    same = _one({"借贷标志": "贷", "金额": "5.00", "附言": "助学", "备注": "助学", "用途": "捐款"})
    assert same.remark == "助学"


@pytest.mark.parametrize(
    ("side", "cells", "kind"),
    [
        ("贷", {"附言": "捐急难救助"}, "payment"),
        ("贷", {"摘要": "结息"}, "interest"),
        ("贷", {"摘要": "退汇"}, "transfer_back"),
        ("贷", {"摘要": "来账退回"}, "transfer_back"),
        ("贷", {"对方户名": "财付通支付科技有限公司"}, "settlement"),
        ("贷", {"对方户名": "支付宝（中国）网络技术有限公司客户备付金"}, "settlement"),
        ("贷", {"对方户名": "支付宝-苏禾青"}, "payment"),
        ("贷", {"附言": "微信支付结算款"}, "settlement"),
        ("借", {"摘要": "转账手续费"}, "fee"),
        ("借", {"摘要": "账户管理费"}, "fee"),
        ("借", {"附言": "退捐款"}, "refund"),
        ("借", {"附言": "救助款"}, "other"),
    ],
)
def test_a_row_is_hinted_at_by_its_words(side: str, cells: dict[str, str], kind: str) -> None:
    assert _one({"借贷标志": side, "金额": "5.00", **cells}).kind_hint == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("苏禾青", "person"),
        ("阿卜杜拉·买买提", "person"),
        ("海岱市云帆纺织有限公司", "body"),
        ("海岱市第九实验小学", "body"),
        ("爱心人士", ""),
        ("A1", ""),
        ("", ""),
    ],
)
def test_a_name_hints_at_a_person_or_a_body(name: str, kind: str) -> None:
    assert _one({"借贷标志": "贷", "金额": "5.00", "对方户名": name}).donor_kind_hint == kind


# -- running balance ------------------------------------------------------------------

_GOOD = [
    ["20261108", "", "100.00", "1,100.00", "苏禾青", "转存"],
    ["20261109", "300.00", "", "800.00", "某医院", "转支"],
    ["20261110", "", "50.00", "850.00", "陆知遥", "转存"],
]


@pytest.mark.parametrize("rows", [_GOOD, _GOOD[::-1]])
def test_the_balance_runs_on_in_either_order_of_time(rows: list[list[str]]) -> None:
    parsed = _export(*rows)
    assert (_codes(parsed), parsed.balance_breaks) == ([], ())
    assert (parsed.opening_fen, parsed.closing_fen) == (100_000, 85_000)
    assert (parsed.first_on, parsed.last_on) == (date(2026, 11, 8), date(2026, 11, 10))


@pytest.mark.parametrize(("rows", "row_no", "expected"), [(_GOOD, 3, 115_000), (_GOOD[::-1], 3, 80_000)])
def test_the_first_break_of_the_balance_is_named(rows: list[list[str]], row_no: int, expected: int) -> None:
    parsed = _export(*(row for row in rows if row[0] != "20261109"))
    assert _codes(parsed) == ["balance_broken"]
    found = parsed.balance_breaks[0]
    assert (found.row_no, found.expected_fen) == (row_no, expected)
    assert parsed.problems[0].where == str(row_no)


def test_a_row_that_cannot_be_read_is_no_break() -> None:
    bad = ["20261109", "三百", "", "800.00", "某医院", "转支"]
    parsed = _export(_GOOD[0], bad, _GOOD[2])
    assert (_codes(parsed), [_problems(row) for row in parsed.rows]) == ([], [[], ["amount_in_words"], []])


def test_stated_balances_are_compared() -> None:
    above = (["期初余额：1,000.00"], ["期末余额", "850.00"])
    assert _codes(_export(*_GOOD, above=above)) == []
    wrong = (["期初余额：1,000.01"], ["期末余额", "850.01"])
    assert _codes(_export(*_GOOD, above=wrong)) == ["opening_differs", "closing_differs"]


def test_rows_of_two_own_accounts_are_no_chain() -> None:
    header = [*_HEADER, "本方账号"]
    parsed = _export([*_GOOD[0], "99991"], [*_GOOD[1], "99992"], header=header)
    assert _codes(parsed) == ["accounts_mixed"]
    assert (parsed.opening_fen, parsed.own_account) == (None, "")


# -- lines that are no rows -----------------------------------------------------------


def test_a_total_line_is_compared_and_is_no_row() -> None:
    parsed = _export(*_GOOD, ["合计", "300.00", "150.00", "", "", ""])
    assert (_codes(parsed), len(parsed.rows)) == ([], 3)
    assert parsed.totals.stated.as_dict() == {"in_fen": 15_000, "out_fen": 30_000}


def test_subtotals_of_pages_and_a_grand_total_are_compared() -> None:
    parsed = _export(
        _GOOD[0], ["本页小计", "0.00", "100.00", "", "", ""], *_GOOD[1:],
        ["本页小计", "300.00", "50.00", "", "", ""], ["总计", "300.00", "150.00", "", "", ""],
    )  # fmt: skip
    assert (_codes(parsed), len(parsed.rows)) == ([], 3)


def test_a_wrong_total_line_is_named_once() -> None:
    parsed = _export(*_GOOD, ["合计", "300.00", "150.01", "", "", ""])
    assert _codes(parsed) == ["total_line_differs"]
    assert parsed.problems[0].where == "5"


def test_a_total_that_cannot_be_read_says_so() -> None:
    assert _codes(_export(*_GOOD, ["合计", "三百", "150.00", "", "", ""])) == ["totals_unreadable"]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ("2,150.00,1,300.00", []),
        ("3,150.00,1,300.00", ["total_in_count_differs"]),
        ("2,150.01,1,300.00", ["total_in_differs"]),
        ("2,150.00,2,300.00", ["total_out_count_differs"]),
        ("2,150.00,1,300.01", ["total_out_differs"]),
    ],
)
def test_two_footer_lines_of_counts_and_sums_are_compared(values: str, codes: list[str]) -> None:
    footer = (["总收入笔数", "总收入金额", "总支出笔数", "总支出金额"], values.split(","))
    parsed = _export(*_GOOD, *footer)
    assert (_codes(parsed), len(parsed.rows)) == (codes, 3)


def test_totals_in_a_sentence_are_compared() -> None:
    note = ["收入：2笔 150.00元", "支出：1笔 300.00元", "共3笔"]
    assert _codes(_export(*_GOOD, above=(note,))) == []
    assert _codes(_export(*_GOOD, ["收入：2笔 150.01元", "", "", "", "", ""])) == ["total_in_differs"]


def test_notes_and_repeated_headings_are_kept_as_notes() -> None:
    parsed = _export(_GOOD[0], _HEADER, *_GOOD[1:], ["本回单仅供参考", "", "", "", "", ""])
    assert (_codes(parsed), len(parsed.rows), parsed.notes) == ([], 3, ((6, "本回单仅供参考"),))


def test_a_row_without_a_day_but_with_money_is_kept() -> None:
    parsed = _export(_GOOD[0], ["", "300.00", "", "800.00", "某医院", "转支"], _GOOD[2])
    assert [_problems(row) for row in parsed.rows] == [[], ["row_date_missing"], []]


@pytest.mark.parametrize(
    "above",
    [
        ["账号：9999 0000 0001"],
        ["户名：某会", "账号", "999900000001"],
        ["[HISTORYDETAIL]", "查询账号:999900000001 某会"],
    ],
)
def test_our_account_may_stand_above_the_headings(above: list[str]) -> None:
    parsed = _export(*_GOOD, above=(above,))
    assert (parsed.own_account, {row.own_account for row in parsed.rows}) == (
        "999900000001",
        {"999900000001"},
    )


def test_a_file_with_headings_alone_has_no_rows() -> None:
    parsed = _export()
    assert (_codes(parsed), parsed.is_bookable, parsed.rows) == (["rows_absent"], True, ())


def test_tabs_after_numbers_are_stripped() -> None:
    data = csv_bytes(
        "[HISTORYDETAIL]",
        ",".join(_HEADER),
        '20261108\t,\t,100.00\t,"1,100.00\t",苏禾青\t,转存',
        encoding="gbk",
    )
    row = read_file(data, "x").rows[0]
    assert (row.amount_fen, row.balance_fen, row.counterparty_name) == (10_000, 110_000, "苏禾青")


# -- the same row in two files --------------------------------------------------------


def test_overlapping_exports_share_hashes() -> None:
    first, second = _export(*_GOOD[:2]), _export(*_GOOD[1:])
    assert first.rows[1].line_hash == second.rows[0].line_hash
    assert len({row.line_hash for row in (*first.rows, *second.rows)}) == 3


def test_another_export_form_of_the_same_account_shares_hashes() -> None:
    plain = _export(*_GOOD)
    other = _export(
        *(
            [row[0] + " 10:00:00", row[1] or "-", row[2] or "0", row[3], row[4], "电子转账", "附"]
            for row in _GOOD
        ),
        header=["交易时间", "支出金额", "收入金额", "账户余额", "对方名称", "交易类型", "附言"],
    )
    assert [row.line_hash for row in plain.rows] == [row.line_hash for row in other.rows]


def test_equal_rows_of_one_file_are_told_apart_by_their_number() -> None:
    twins = [["20261108", "", "100.00", "", "苏禾青", "转存"]] * 3
    whole, part = _export(*twins), _export(*twins[:2])
    assert len({row.line_hash for row in whole.rows}) == 3
    assert [row.line_hash for row in part.rows] == [row.line_hash for row in whole.rows[:2]]


@pytest.mark.parametrize("column", range(6))
def test_every_telling_part_changes_the_hash(column: int) -> None:
    other = ["20261109", "", "100.01", "1,100.01", "苏禾白", "转存"]
    changed = list(_GOOD[0])
    changed[column] = other[column]
    is_telling = column in (0, 2, 3, 4)
    assert (_export(changed).rows[0].line_hash != _export(_GOOD[0]).rows[0].line_hash) is is_telling


def test_without_a_balance_serial_moment_and_words_tell_rows_apart() -> None:
    base = {"借贷标志": "贷", "金额": "5.00"}
    assert _one({**base, "附言": "甲"}).line_hash != _one({**base, "附言": "乙"}).line_hash
    serial = {**base, "交易流水号": "1"}
    assert _one({**serial, "附言": "甲"}).line_hash == _one({**serial, "附言": "乙"}).line_hash
    assert _one(serial).line_hash != _one({**serial, "交易流水号": "2"}).line_hash
    assert _one({**base, "交易时间": "101112"}).line_hash != _one({**base, "交易时间": "101113"}).line_hash


def test_a_row_that_could_not_be_read_is_like_itself_only() -> None:
    base = {"借贷标志": "贷", "余额": "9.00"}
    assert _one({**base, "金额": "约五"}).line_hash != _one({**base, "金额": "约六"}).line_hash
