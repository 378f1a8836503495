"""Trial balance and account pages: they tie, they lead to their lines, and they are files."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook

from charity.ledger import book_queries
from tests.books import Ledger
from tests.support.pages import page

BOOKS = """
2026-01-01 !opening 年初余额
  借 1002@B1  1,000.00  F2
  贷 3102     1,000.00  F2

2026-01-08 医疗捐款
  借 1002@B1  100.00  F2
  贷 410102   100.00  F2

2026-01-09 =1+1
  借 530101   30.00  GEN
  贷 2209     30.00  GEN

2026-02-10 提取管理费
  借 3102   10.00  F2   net_asset_change=management_share
  贷 3101   10.00  GEN  net_asset_change=management_share
"""


@pytest.fixture
def books(ledger: Ledger) -> Ledger:
    ledger.post(BOOKS)
    return ledger


def rows(response: Any) -> list[list[str]]:
    return next(iter(page(response).tables.values()))[1:]


def test_the_trial_balance_shows_equal_sums_in_pairs(auditor: FlaskClient, books: Ledger) -> None:
    response = auditor.get("/office/trial-balance?month=2026-01")
    found = rows(response)
    assert found[1][:3] == ["1002 Bank deposits", "1,000.00", "–zero"]
    assert found[-1] == ["Total", "1,000.00", "1,000.00", "130.00", "130.00", "1,130.00", "1,130.00"]
    assert "It ties: opening ¥1,000.00, turnover ¥130.00, closing ¥1,130.00" in page(response).text


def test_inside_one_fund_re_tags_count_and_over_all_funds_they_do_not(
    auditor: FlaskClient, books: Ledger
) -> None:
    whole = rows(auditor.get("/office/trial-balance?month=2026-02"))
    assert [row[3:5] for row in whole if row[0].startswith("1002")] == [["–zero", "–zero"]]
    fund = rows(auditor.get("/office/trial-balance?month=2026-02&fund=F2"))
    assert [row[3:5] for row in fund if row[0].startswith("1002")] == [["–zero", "10.00"]]


def test_each_account_leads_to_its_lines(auditor: FlaskClient, books: Ledger) -> None:
    links = page(auditor.get("/office/trial-balance?month=2026-01&fund=F2")).links
    assert "/office/accounts/1002?month=2026-01&fund=F2" in links


def test_an_account_shows_its_lines_with_the_balance_after_each(auditor: FlaskClient, books: Ledger) -> None:
    found = rows(auditor.get("/office/accounts/1002?month=2026-01"))
    assert found[0][1] == "Opening balance" and found[0][-1] == "Dr 1,000.00"
    assert found[1] == [
        "2026-01-08",
        "记-0002",
        "医疗捐款",
        "Medical aid fund",
        "基本户",
        "100.00",
        "",
        "Dr 1,100.00",
    ]
    payable = rows(auditor.get("/office/accounts/2209?month=2026-01"))
    assert payable[1][-1] == "Cr 30.00"


def test_a_re_tag_is_seen_inside_its_fund_only(auditor: FlaskClient, books: Ledger) -> None:
    inside = rows(auditor.get("/office/accounts/1002?month=2026-02&fund=GEN"))
    assert inside[1][2] == "提取管理费 cash re-tag" and inside[1][-1] == "Dr 10.00"
    assert "did not move in this month" in page(auditor.get("/office/accounts/1002?month=2026-02")).text


def test_an_account_opens_at_its_last_month_that_moved(auditor: FlaskClient, books: Ledger) -> None:
    assert "2026-01" in page(auditor.get("/office/accounts/410102")).text
    assert page(auditor.get("/office/accounts/3101")).tables.keys() == {
        "3101 Net assets without restrictions 2026-02"
    }
    assert auditor.get("/office/accounts/9999").status_code == 404


def test_a_long_account_goes_on_page_by_page(
    auditor: FlaskClient, books: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 6):
        fund = f"F{day % 3 + 1}"
        lines = f"  借 1002@B1  {day}.00  {fund}\n  贷 410102  {day}.00  {fund}"
        books.post(f"2026-03-0{day} 捐款{day}\n{lines}")
    monkeypatch.setattr(book_queries.book_page, "__kwdefaults__", {"cursor": "", "limit": 2})
    url, seen = "/office/accounts/1002?month=2026-03", []
    while url:
        response = auditor.get(url)
        lines = rows(response)
        seen += [(row[2], row[-1]) for row in lines[1:]]
        following = [link for link in page(response).links if "after=" in link]
        url = following[-1] if following else ""
    assert seen == [
        ("捐款1", "Dr 1,101.00"),
        ("捐款2", "Dr 1,103.00"),
        ("捐款3", "Dr 1,106.00"),
        ("捐款4", "Dr 1,110.00"),
        ("捐款5", "Dr 1,115.00"),
    ]


def test_the_books_are_handed_over_as_files(auditor: FlaskClient, books: Ledger) -> None:
    lines = auditor.get("/office/accounts/530101.csv?month=2026-01").data.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Date,Number,Summary")
    assert lines[2] == "2026-01-09,记-0003,'=1+1,General money,,30.00,,30.00", "a formula stays text"
    sheet = CalamineWorkbook.from_filelike(
        io.BytesIO(auditor.get("/office/accounts/1002.xlsx?month=2026-01").data)
    ).get_sheet_by_index(0)
    values = [row for row in sheet.to_python() if any(row)]
    assert values[-1][-1] == 1100.0 and values[0][0] == "海岱市慈善总会"
    trial = auditor.get("/office/trial-balance.csv?month=2026-01").data.decode("utf-8-sig").splitlines()
    assert trial[1] == "1002,Bank deposits,1000.00,0.00,100.00,0.00,1100.00,0.00"
    book = auditor.get("/office/trial-balance.xlsx?month=2026-01&fund=F2")
    assert book.headers["Content-Disposition"] == 'attachment; filename="trial-balance-2026-01-F2.xlsx"'
    assert auditor.get("/office/accounts/1002.csv").status_code == 404, "a file is of one month"


def test_before_the_first_voucher_the_books_say_so(auditor: FlaskClient, ledger: Ledger) -> None:
    assert "Nothing is booked up to this month" in page(auditor.get("/office/trial-balance")).text
    assert "did not move in this month" in page(auditor.get("/office/accounts/1002")).text


def test_the_books_are_closed_to_who_may_not_read_them(ledger: Ledger, as_role: Any) -> None:
    clerk = as_role("gift_clerk")
    for url in (
        "/office/trial-balance",
        "/office/accounts/1002",
        "/office/accounts/1002.csv",
        "/office/funds",
    ):
        assert clerk.get(url).status_code == 403
