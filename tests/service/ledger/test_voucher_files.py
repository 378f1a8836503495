"""Vouchers by file: taken whole, once, through three people."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from charity.db import unit_of_work
from charity.errors import Refused
from charity.ledger.checks import run_checks
from charity.ledger.reading import read_voucher
from charity.ledger.sealed_models import Voucher
from charity.ledger.voucher_files import import_vouchers
from tests.books import Ledger

HEAD = "date,word,summary,account,fund,earmark,debit,credit,project,money_place,cash_flow,ref,reverses\n"
GIFT = HEAD + (
    "2026-03-05,,捐款,1002,F1,,1000.00,,,B1,,G-1,\n"
    "2026-03-05,,捐款,410102,F1,,,1000.00,,,,G-1,\n"
    "2026-03-06,,救助,510102,F1,,300.00,,,,,A-1,\n"
    "2026-03-06,,救助,1002,F1,,,300.00,,B1,,A-1,\n"
)
RED = HEAD + (
    "2026-03-09,,冲救助,510102,F1,,-300.00,,,,,R-1,A-1\n2026-03-09,,冲救助,1002,F1,,,-300.00,,B1,,R-1,A-1\n"
)
LESS = HEAD + (
    "2026-03-08,,订正,1002,F1,,-100.00,,,B1,,D-1,2026-03 记-1\n"
    "2026-03-08,,订正,410102,F1,,,-100.00,,,,D-1,2026-03 记-1\n"
)


def take(ledger: Ledger, text: str | bytes, tmp_path: Path, **roles: str) -> list[Any]:
    """Take a file with the usual three people."""
    people = {"maker": "maker", "reviewer": "reviewer", "cashier": "cashier", **roles}
    data = text.encode() if isinstance(text, str) else text
    with unit_of_work(ledger.session) as session:
        return import_vouchers(
            session,
            **{role: ledger.actor(name) if name else None for role, name in people.items()},
            data=data,
            name="vouchers.csv",
            on=date(2026, 12, 31),
            data_dir=tmp_path,
        )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text.replace("捐款", "捐" * 201), "csv_too_long"),
        (lambda text: text.replace("G-1", "G" * 81), "csv_too_long"),
        (lambda text: text.replace("捐款", "捐\0款"), "csv_control"),
        (lambda text: text.replace("捐款", "捐" * 200_000), "csv_broken"),
    ],
    ids=["summary", "ref", "control character", "field without end"],
)
def test_what_the_books_cannot_keep_is_named_on_both_databases(
    ledger: Ledger, tmp_path: Path, change: Any, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        take(ledger, change(GIFT), tmp_path)
    assert set(refused.value.codes) == {code}
    assert refused.value.problems[0].params["row"] in (2, 3)


def test_a_file_is_posted_through_three_people_and_books_nothing_twice(
    ledger: Ledger, tmp_path: Path
) -> None:
    first = take(ledger, GIFT, tmp_path)
    assert [(v.ref, v.word, v.number, v.was_there_before) for v in first] == [
        ("G-1", "记", 1, False),
        ("A-1", "记", 2, False),
    ]
    again = take(ledger, GIFT, tmp_path)
    assert [v.was_there_before for v in again] == [True, True]
    assert ledger.guard()["F1"] == ("700.00", "0.00")
    assert ledger.session.scalar(select(func.count()).select_from(Voucher)) == 2
    assert run_checks(ledger.session, ledger.org_id) == []


def test_red_lines_that_take_all_back_are_a_reversal_and_less_is_a_difference(
    ledger: Ledger, tmp_path: Path
) -> None:
    take(ledger, GIFT, tmp_path)
    take(ledger, LESS, tmp_path)
    take(ledger, RED, tmp_path)
    assert ledger.guard()["F1"] == ("900.00", "0.00")
    headers = {
        row.ref: row for row in ledger.session.scalars(select(Voucher).where(Voucher.org_id == ledger.org_id))
    }
    assert headers["R-1"].reverses_id == headers["A-1"].id and headers["R-1"].colour == "red"
    assert headers["D-1"].corrects_id == headers["G-1"].id and headers["D-1"].reverses_id is None


def test_without_a_reviewer_they_stay_drafts(ledger: Ledger, tmp_path: Path) -> None:
    drafts = take(ledger, GIFT, tmp_path, reviewer="", cashier="")
    assert {v.state for v in drafts} == {"draft"} and {v.number for v in drafts} == {None}
    posted = take(ledger, GIFT, tmp_path)
    assert [v.number for v in posted] == [1, 2]


def test_month_13_is_written_as_such(ledger: Ledger, tmp_path: Path) -> None:
    from charity.ledger import setup
    from charity.periods import Month

    ledger.act(setup.open_month, "chief", month=Month(2026, 13))
    text = HEAD + "2026-13,,调整,1501,GEN,,5.00,,,,,T-1,\n2026-13,,调整,410101,GEN,,,5.00,,,,T-1,\n"
    (voucher,) = take(ledger, text, tmp_path)
    assert str(voucher.month) == "2026-13"
    record = read_voucher(ledger.session, ledger.org_id, ledger.session.scalar(select(Voucher.id)) or 0)
    assert record.header["voucher_on"] == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GIFT.encode("utf-16"), "csv_not_utf8"),
        ("date,summary\n", "csv_columns"),
        (HEAD, "csv_empty"),
        (GIFT.replace("1000.00", "1000.005", 1), "csv_row"),
        (GIFT.replace("2026-03-05", "2026-02-30"), "csv_row"),
        (GIFT.replace("G-1", "", 1), "csv_ref_missing"),
        (GIFT.replace("2026-03-05,,捐款,410102", "2026-03-07,,捐款,410102"), "csv_mixed"),
        (RED, "csv_target_unknown"),
        (GIFT.replace("2026-03-05,,", "2026-03-05,收,"), "word_derived"),
        (GIFT.replace("300.00", "1300.00"), "fund_overdrawn"),
        (
            GIFT.replace(",1000.00,,,B1", ",-1000.00,,,B1").replace(",,1000.00,", ",,-1000.00,"),
            "red_without_target",
        ),
    ],
)
def test_a_file_that_cannot_be_taken_leaves_nothing_behind(
    ledger: Ledger, tmp_path: Path, text: str | bytes, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        take(ledger, text, tmp_path)
    assert code in caught.value.codes
    ledger.session.rollback()
    assert ledger.session.scalar(select(func.count()).select_from(Voucher)) == 0


def test_a_ref_taken_for_something_else_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    take(ledger, GIFT, tmp_path)
    with pytest.raises(Refused) as caught:
        take(ledger, GIFT.replace("300.00", "200.00"), tmp_path)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("csv_ref_taken", "A-1")
    assert "A-1 was imported before with other contents: 2026-03 记-0002" in problem.sentence()


def test_every_row_that_is_wrong_is_named_at_once(ledger: Ledger, tmp_path: Path) -> None:
    text = GIFT.replace("1000.00", "1000.005", 1).replace("2026-03-06", "2026-02-30").replace("G-1", "", 1)
    with pytest.raises(Refused) as caught:
        take(ledger, text, tmp_path)
    places = [(problem.code, problem.where) for problem in caught.value.problems]
    assert places == [("csv_ref_missing", "row 2"), ("csv_row", "row 4")]


def test_accounts_and_funds_that_are_not_there_are_named_with_their_rows(
    ledger: Ledger, tmp_path: Path
) -> None:
    text = GIFT.replace("410102,F1", "9999,F1", 1)
    text += "2026-03-08,,捐款,1002,F9,,5.00,,,B1,,G-9,\n2026-03-08,,捐款,410102,F9,,,5.00,,,,G-9,\n"
    with pytest.raises(Refused) as caught:
        take(ledger, text, tmp_path)
    places = [(problem.code, problem.where) for problem in caught.value.problems]
    assert ("account_unknown", "G-1, row 3") in places
    assert [place for place in places if place[0] == "fund_unknown"] == [
        ("fund_unknown", "G-9, row 6"),
        ("fund_unknown", "G-9, row 7"),
    ]


def test_the_maker_cannot_review_his_own_file(ledger: Ledger, tmp_path: Path) -> None:
    ledger.ids["reviewer"] = ledger.ids["maker"]
    with pytest.raises(Refused) as caught:
        take(ledger, GIFT, tmp_path)
    assert caught.value.codes == ["maker_is_reviewer"]
