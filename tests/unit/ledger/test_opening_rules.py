"""What does not tie is told with sheet, row and amount; every refusal has its story."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from charity.errors import Problem
from charity.intake.workbook import read_workbook
from charity.ledger import chart
from charity.ledger.opening_plan import OpeningPlan, judge
from charity.ledger.opening_rows import (
    BALANCES,
    CASH,
    HOLDS,
    INFO,
    MONTHS,
    NUMBERS,
    PARTIES,
    STOCK,
    TICKETS,
    YEARS,
    read_sheets,
)
from charity.ledger.opening_template import EXPLANATION, template
from charity.ledger.rules import AccountInfo, Books, EarmarkInfo, FundInfo, PlaceInfo
from charity.money import MAX_FEN
from tests.openings import START, balance, by_month, story, workbook

TODAY = date(2026, 9, 3)
Rows = dict[str, list[dict[str, str]]]


def books() -> Books:
    """Return the codes of an org with two restricted funds, GEN, AGENCY and three places."""
    import csv

    path = chart.ROOT / "ledger" / "data" / "chart_2026.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    accounts = {
        row["code"]: AccountInfo(
            number,
            row["code"],
            row["name_zh"],
            row["name_en"],
            row["type"],
            row["restricted"],
            row["restricted"] != "split" and row["code"] != "1421",
            row["code"][:4] in ("1001", "1002", "1009"),
        )
        for number, row in enumerate(rows, start=1)
    }
    kinds = {"F1": "restricted", "F2": "restricted", "GEN": "general", "AGENCY": "agency"}
    opened = date(2026, 1, 1)
    funds = {
        code: FundInfo(number, code, code, kind, opened, None, code)
        for number, (code, kind) in enumerate(kinds.items(), start=1)
    }
    earmarks = {code: EarmarkInfo(info.id, code, code, code) for code, info in funds.items()}
    earmarks["F2-HEART"] = EarmarkInfo(9, "F2-HEART", "F2-HEART", "F2")
    places = {
        "B1": PlaceInfo(1, "B1", "基本户", "1002", "100291", True),
        "C1": PlaceInfo(2, "C1", "现金", "1001", "100191", False),
        "W1": PlaceInfo(3, "W1", "平台", "100901", None, False),
    }
    guarded = {("money", "restricted", code) for code in ("1001", "1002", "2209")}
    guarded |= {("money", "general", code) for code in ("1001", "1002")}
    guarded |= {("money", "agency", code) for code in ("100191", "100291")}
    items = {code: number for number, (code, *_) in enumerate(chart.CASH_FLOW_ITEMS, start=1)}
    return Books(
        opened, "CITY", "single", accounts, funds, earmarks, places, {}, {}, items, {}, frozenset(guarded)
    )


def read(rows: Rows, **info: str) -> tuple[OpeningPlan | None, list[Problem]]:
    """Judge a workbook as the service does."""
    data = workbook(rows, START | info)
    file, problems = read_sheets({s.sheet: s.rows for s in read_workbook(data, "xlsx", "期初.xlsx")})
    return judge(file, books(), TODAY) if file is not None else (None, problems)


def test_the_story_ties() -> None:
    for rows in (story(), by_month()):
        plan, problems = read(rows)
        assert problems == []
        assert plan is not None
        purse = {p.fund: p for p in plan.purses}["F1"]
        assert (purse.opening_fen, purse.in_fen, purse.out_fen, purse.closing_fen) == (
            40_000_000,
            30_000_000,
            25_000_000,
            45_000_000,
        )


def change(sheet: str, row: int, **cells: str) -> Callable[[Rows], None]:
    """Return an act that changes cells of one row."""

    def act(rows: Rows) -> None:
        rows[sheet][row] |= cells

    return act


def add(sheet: str, *more: dict[str, str]) -> Callable[[Rows], None]:
    """Return an act that adds rows to a sheet."""

    def act(rows: Rows) -> None:
        rows.setdefault(sheet, []).extend(more)

    return act


def drop(sheet: str) -> Callable[[Rows], None]:
    """Return an act that empties a sheet."""
    return lambda rows: rows.update({sheet: []})


PARTY = {"account": "2209", "fund": "F1", "name": "某公司", "kind": "单位", "credit": "8000"}
GOODS = {"account": "1201", "fund": "F1", "item": "大米", "unit": "袋", "quantity": "3", "value": "300"}
NUMBER = {"month": "2026-08", "word": "记", "first": "1", "last": "9", "number": "9"}
#: What is wrong, in the story told as one sum → the code, and words the sentence must have.
WRONG: list[tuple[Callable[[Rows], None], str, list[str]]] = [
    (change(BALANCES, 0, closing_debit="449999.99"), "opening_row_differs", [f"{BALANCES} 2", "-0.01"]),
    (change(BALANCES, 1, opening_credit="399000"), "opening_unbalanced", ["F1", "1,000.00", "年初余额"]),
    (change(BALANCES, 2, credit="299000"), "opening_unbalanced", ["F1", "本年累计发生额"]),
    (change(BALANCES, 2, opening_credit="5"), "opening_result_open", [f"{BALANCES} 4", "410102"]),
    (change(BALANCES, 0, fund="F9"), "opening_fund_unknown", [f"{BALANCES} 2", "F9"]),
    (change(BALANCES, 0, earmark="F2-HEART"), "opening_earmark_unknown", ["F2-HEART"]),
    (change(BALANCES, 0, place=""), "opening_place_unknown", [f"{BALANCES} 2", "1002"]),
    (change(BALANCES, 0, place="C1"), "opening_place_unknown", ["C1"]),
    (change(BALANCES, 1, fund="GEN"), "opening_fund_kind", ["3102", "GEN"]),
    (add(BALANCES, balance("3101", "GEN")), "opening_twice", [f"{BALANCES} 8", "7"]),
    (change(BALANCES, 0, account="9999", place=""), "mapping_unknown", ["9999", "2026"]),
    (change(BALANCES, 1, account="1421"), "mapping_heading", ["1421"]),
    (change(CASH, 0, amount="299000"), "opening_cash_differs", ["-1,000.00"]),
    (change(CASH, 0, fund="F9"), "opening_cash_fund", [f"{CASH} 2", "F9"]),
    (change(CASH, 0, fund="F2"), "opening_cash_room", ["F2", "300,000.00"]),
    (add(PARTIES, PARTY), "opening_items_differ", [PARTIES, "2209", "-8,000.00"]),
    (add(STOCK, GOODS), "opening_items_differ", [STOCK, "1201", "300.00"]),
    (add(STOCK, GOODS | {"quantity": "0"}), "opening_quantity", [f"{STOCK} 2"]),
    (add(HOLDS, {"fund": "F1", "subject": "A", "amount": "0"}), "opening_hold_amount", [f"{HOLDS} 2"]),
    (
        add(HOLDS, {"fund": "F1", "subject": "A", "amount": "450000.01"}),
        "opening_hold_short",
        ["F1", "450,000.00", "0.01"],
    ),
    (
        add(TICKETS, {"name": "某人", "amount": "-5", "on": "2026-08-01"}),
        "opening_hold_amount",
        [f"{TICKETS} 2"],
    ),
    (drop(YEARS), "opening_year_missing", ["2025", "500,000.00"]),
    (change(YEARS, 0, net_assets="500001"), "opening_year_differs", [f"{YEARS} 2", "1.00"]),
    (change(YEARS, 0, restricted="1"), "opening_year_differs", ["限定性净资产"]),
    (change(YEARS, 0, year="2021"), "opening_year_outside", ["2023", "2025"]),
    (add(NUMBERS, NUMBER | {"first": "10"}), "opening_numbers", [f"{NUMBERS} 2"]),
    (add(NUMBERS, NUMBER | {"month": "2026-09"}), "opening_numbers", [f"{NUMBERS} 2"]),
    (drop(BALANCES), "opening_empty", []),
    (
        change(BALANCES, 0, opening_debit="12.345"),
        "opening_cell_unreadable",
        [f"{BALANCES} 2", "年初借方余额"],
    ),
    (change(YEARS, 0, year="去年"), "opening_cell_unreadable", ["去年"]),
    (change(BALANCES, 0, fund=""), "opening_cell_missing", [f"{BALANCES} 2", "基金"]),
    (change(CASH, 0, item="卖废品"), "opening_word_unknown", ["卖废品"]),
    (add(PARTIES, PARTY | {"name": "名" * 121}), "opening_cell_too_long", ["120"]),
]


@pytest.mark.parametrize(("act", "code", "words"), WRONG, ids=[f"{n}-{w[1]}" for n, w in enumerate(WRONG)])
def test_what_does_not_tie_is_told_with_sheet_row_and_amount(
    act: Callable[[Rows], None], code: str, words: list[str]
) -> None:
    rows = story()
    act(rows)
    plan, problems = read(rows)
    assert plan is None
    found = [problem.sentence() for problem in problems if problem.code == code]
    assert found, [problem.sentence() for problem in problems]
    assert any(all(word in sentence for word in words) for sentence in found), found


@pytest.mark.parametrize("quantity", ["三袋", "1.2345", "-3"])
def test_a_quantity_that_is_none_is_told_why(quantity: str) -> None:
    rows = story()
    add(STOCK, GOODS | {"quantity": quantity})(rows)
    (problem,) = (p for p in read(rows)[1] if p.code == "opening_cell_unreadable")
    assert problem.params["why"] == Problem("opening_number", {"text": quantity}).sentence()


#: The same for the story told month by month.
WRONG_MONTHS: list[tuple[Callable[[Rows], None], str, list[str]]] = [
    (change(MONTHS, 0, debit="99000"), "opening_months_differ", [f"{BALANCES} 2", "-1,000.00"]),
    (change(MONTHS, 0, month="2026-09"), "opening_month_outside", [f"{MONTHS} 2", "2026-08"]),
    (change(MONTHS, 1, month="2026-03"), "opening_unbalanced", [MONTHS, "2026-02"]),
    (change(CASH, 0, month=""), "opening_cash_month", [f"{CASH} 2"]),
    (
        add(MONTHS, {"month": "2026-02", "account": "5101", "fund": "GEN", "debit": "7"}),
        "opening_months_differ",
        [f"{MONTHS} 8", "7.00"],
    ),
]


@pytest.mark.parametrize(("act", "code", "words"), WRONG_MONTHS, ids=[w[1] for w in WRONG_MONTHS])
def test_months_that_do_not_make_up_the_year_are_told(
    act: Callable[[Rows], None], code: str, words: list[str]
) -> None:
    rows = by_month()
    act(rows)
    plan, problems = read(rows)
    assert plan is None
    found = [problem.sentence() for problem in problems if problem.code == code]
    assert any(all(word in sentence for word in words) for sentence in found), problems


def test_a_fund_that_was_overdrawn_in_a_month_is_told() -> None:
    """F1 paid 450,000 in February and got 300,000 in July: 50,000 below nothing between."""
    rows = by_month()
    for row in rows[MONTHS] + rows[CASH]:
        early = row["month"] == "2026-02"
        if "debit" in row and row["account"] == "1002":
            row |= {"debit": "" if early else "300000", "credit": "450000" if early else ""}
        elif row.get("account") == "4101":
            row["credit"] = "" if early else "300000"
        elif row.get("account") == "5101":
            row["debit"] = "450000" if early else ""
    rows[CASH] = [
        {"month": "2026-02", "fund": "F1", "item": "提供捐赠或者资助支付的现金", "amount": "450000"},
        {"month": "2026-07", "fund": "F1", "item": "接受捐赠收到的现金", "amount": "300000"},
    ]
    rows[BALANCES][0] = balance("1002", "F1", "400000", "300000", "450000", "250000", place="B1")
    rows[BALANCES][3] = balance("5101", "F1", debit="450000", closing="450000")
    plan, problems = read(rows)
    assert plan is None
    assert [(p.code, p.params["amount"], str(p.params["month"])) for p in problems] == [
        ("opening_overdrawn", "-50,000.00", "2026-02")
    ]


@pytest.mark.parametrize(
    ("start", "code"), [("2025-12", "opening_start_early"), ("2026-10", "opening_start_late")]
)
def test_books_begin_with_the_chart_of_2026_and_in_a_month_that_has_begun(start: str, code: str) -> None:
    assert [problem.code for problem in read(story(), start=start)[1]] == [code]


def test_books_that_begin_in_january_have_no_turnover() -> None:
    assert "opening_turnover_early" in [problem.code for problem in read(story(), start="2026-01")[1]]


@pytest.mark.parametrize("key", ["start", "system", "chart"])
def test_the_first_sheet_is_filled_in(key: str) -> None:
    assert [problem.code for problem in read(story(), **{key: ""})[1]] == ["opening_cell_missing"]


def test_the_chart_is_one_of_two() -> None:
    assert [problem.code for problem in read(story(), chart="1998")[1]] == ["opening_word_unknown"]


def test_a_workbook_without_the_sheets_or_headings_is_told() -> None:
    assert [p.code for p in read_sheets({INFO: [["启用月份", "2026-09"]]})[1]] == ["opening_sheet_missing"]
    info = [["启用月份", "2026-09"], ["原系统名称", "旧"], ["原科目制度", "2026"]]
    problems = read_sheets({INFO: info, BALANCES: [["科目编码", "基金"], ["1002", "F1"]]})[1]
    assert {p.code for p in problems} == {"opening_heading_missing"}
    many = [["月份", "凭证字", "起号", "止号", "张数"]] + [["2026-01", "记", "1", "1", "1"]] * 5_001
    problems = read_sheets({INFO: info, BALANCES: [], NUMBERS: many})[1]
    assert [p.code for p in problems] == ["opening_rows_too_many"]


def test_a_number_is_a_number() -> None:
    rows = story()
    add(STOCK, GOODS | {"quantity": "1.2345"})(rows)
    assert "opening_cell_unreadable" in [p.code for p in read(rows)[1]]
    assert MAX_FEN > 0


def test_turnover_below_nothing_goes_to_the_other_side() -> None:
    """A red entry of the old system: −1,000 of debit is 1,000 of credit here."""
    rows = story()
    change(BALANCES, 3, debit="-1000", closing_debit="", closing_credit="1000")(rows)
    change(BALANCES, 0, credit="-1000", closing_debit="701000")(rows)
    change(CASH, 1, amount="-1000")(rows)
    plan, problems = read(rows)
    assert problems == []
    assert plan is not None
    lines = [line for _, part in plan.vouchers for line in part]
    assert all(line.debit_fen >= 0 and line.credit_fen >= 0 for line in lines)
    back = [line for line in lines if line.cash_flow == "aid_out"]
    assert [(line.debit_fen, line.credit_fen) for line in back] == [(100_000, 0)]


def test_the_template_has_the_sheets_that_are_read_and_one_that_explains() -> None:
    data = template([("F1", "F1", "急难救助基金")], [("B1", "基本户")])
    sheets = {sheet.sheet: sheet.rows for sheet in read_workbook(data, "xlsx", "模板.xlsx")}
    assert list(sheets)[0] == EXPLANATION
    text = "\n".join("\t".join(row) for row in sheets[EXPLANATION])
    for word in (
        "启用月份",
        "急难救助基金",
        "基本户",
        "接受捐赠收到的现金（流入）",
        "1601 无形资产",
        "选择 1601、1602",
    ):
        assert word in text
    assert [problem.code for problem in read_sheets(sheets)[1]] == ["opening_cell_missing"] * 3


def test_agency_money_stands_on_the_agency_account_of_its_place() -> None:
    rows: Any = story()
    rows[BALANCES] += [
        balance("1002", "AGENCY", "700", closing="700", place="B1"),
        balance("2601", "AGENCY", "-700", closing="-700"),
    ]
    plan, problems = read(rows)
    assert problems == []
    assert plan is not None
    assert {line.account for line in plan.vouchers[0][1] if line.fund == "AGENCY"} == {"100291", "2601"}
