"""One cell → an amount, a day, a moment; what can be read in two ways is asked."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.errors import Refused
from charity.intake.cells import clean_account, is_damaged_number, parse_amount, parse_clock, parse_moment
from charity.money import MAX_FEN, format_yuan, parse_yuan
from tests.unit.intake.refusing import assert_refused

_WAN = 1_000_000


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0.01", 1),
        ("0", 0),
        ("100", 10_000),
        ("1,234.50", 123_450),
        ("12,345,678.90", 1_234_567_890),
        ("-12.30", -1_230),
        ("+10000.00", 1_000_000),
        ("7.79000", 779),
        ("-0.60000", -60),
        ("１，２３４．５０元", 123_450),
        ("￥66.60", 6_660),
        ("3.5万元", 3_500_000),
        ("5万", 5_000_000),
        ("100元整", 10_000),
        ("100圆", 10_000),
    ],
)
def test_an_amount_is_read_exactly(text: str, fen: int) -> None:
    assert parse_amount(text) == fen


@pytest.mark.parametrize(
    ("text", "unit_fen", "fen"),
    [
        ("3.5", _WAN, 3_500_000),
        ("1,000", _WAN, 1_000_000_000),
        ("5万", _WAN, 5_000_000),
        ("2.5", 100_000, 250_000),
        ("12345", 1, 12_345),
        ("0.0001", _WAN, 100),
    ],
)
def test_the_unit_of_the_column_is_applied(text: str, unit_fen: int, fen: int) -> None:
    assert parse_amount(text, unit_fen) == fen


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("一千", "amount_in_words"),
        ("壹佰元整", "amount_in_words"),
        ("3千", "amount_in_words"),
        ("100元/月", "amount_per_period"),
        ("每人50", "amount_per_period"),
        ("50/人", "amount_per_period"),
        ("100-200", "amount_ambiguous"),
        ("100+50", "amount_ambiguous"),
        ("约500", "amount_ambiguous"),
        ("(100.00)", "amount_ambiguous"),
        ("1,23", "amount_ambiguous"),
        ("1.234,50", "amount_ambiguous"),
        ("1.005", "amount_too_fine"),
        ("0.00600", "amount_too_fine"),
        ("棉被20床", "amount_unreadable"),
        ("100美元", "amount_unreadable"),
        ("2000000000000.00", "amount_too_large"),
        ("１２３４５６７８９０１２３４.00", "amount_too_large"),
    ],
)
def test_an_unclear_amount_is_asked_about(text: str, code: str) -> None:
    with assert_refused(code) as problem:
        parse_amount(text)
    assert problem[0].params["text"] == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("300元", "amount_unit_contradictory"),
        ("￥300", "amount_unit_contradictory"),
        ("0.0000001", "amount_too_fine"),
        ("100000000", "amount_too_large"),
        ("十", "amount_in_words"),
    ],
)
def test_an_amount_that_fights_its_column_is_asked_about(text: str, code: str) -> None:
    with assert_refused(code):
        parse_amount(text, _WAN)


def test_yuan_in_a_column_of_thousands_is_asked_about() -> None:
    with assert_refused("amount_unit_contradictory") as problem:
        parse_amount("5万", 100_000)
    assert problem[0].params["unit"] == "千元"


@given(st.integers(-MAX_FEN, MAX_FEN), st.booleans())
def test_the_short_way_agrees_with_the_careful_one(fen: int, is_grouped: bool) -> None:
    text = format_yuan(fen, grouped=is_grouped)
    assert parse_amount(text) == fen == parse_yuan(text)


@given(st.text(alphabet="0123456789,.-+ 万元￥１２", max_size=12))
def test_whatever_is_read_is_what_the_careful_way_reads(text: str) -> None:
    try:
        fen = parse_amount(text)
    except Refused:
        return
    plain = text.strip().removeprefix("+")
    assert fen == parse_yuan(plain[:-3] if plain[-6:-5] == "." else plain)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-05 10:11:12", datetime(2026, 11, 5, 10, 11, 12)),
        ("20261105 10:11:12", datetime(2026, 11, 5, 10, 11, 12)),
        ("20261105101112", datetime(2026, 11, 5, 10, 11, 12)),
        ("20261105 101112", datetime(2026, 11, 5, 10, 11, 12)),
        ("202611051011", datetime(2026, 11, 5, 10, 11)),
        ("2026-11-05-10.11.12.123456", datetime(2026, 11, 5, 10, 11, 12)),
        ("2026/11/5 8:05", datetime(2026, 11, 5, 8, 5)),
        ("2026年11月5日 下午3点20分", datetime(2026, 11, 5, 15, 20)),
        ("2026/11/5 12:30:00 AM", datetime(2026, 11, 5, 0, 30)),
        ("2026-11-05T10:11:12", datetime(2026, 11, 5, 10, 11, 12)),
        ("46331.5", datetime(2026, 11, 5, 12, 0)),
    ],
)
def test_a_moment_is_read(text: str, moment: datetime) -> None:
    assert parse_moment(text) == (moment.date(), moment)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-05",
        "20261105",
        "2026/11/5",
        "2026.11.05",
        "2026年11月5日",
        "２０２６年１１月５日",
        "2026年11月5日 星期四",
        "46331",
    ],
)
def test_a_day_is_read(text: str) -> None:
    assert parse_moment(text) == (date(2026, 11, 5), None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("11月5日", "year_missing"),
        ("11.5", "year_missing"),
        ("11/12/2026", "date_ambiguous"),
        ("26-11-05", "date_ambiguous"),
        ("26年11月5日", "date_ambiguous"),
        ("2026年11月", "date_incomplete"),
        ("2026-11", "date_incomplete"),
        ("202611", "date_incomplete"),
        ("2026-11-31", "row_date_unreadable"),
        ("2026-11-05 25:00:00", "row_date_unreadable"),
        ("1889-11-05", "row_date_unreadable"),
        ("99999", "row_date_unreadable"),
        ("上周", "row_date_unreadable"),
        ("2026-11-05T10+08:00", "row_date_unreadable"),
    ],
)
def test_an_unclear_day_is_asked_about(text: str, code: str) -> None:
    with assert_refused(code):
        parse_moment(text)


def test_a_day_without_a_year_takes_the_answered_one() -> None:
    assert parse_moment("3月5日", 2026) == (date(2026, 3, 5), None)


def test_the_answered_year_does_not_touch_a_day_that_has_its_own() -> None:
    assert parse_moment("2025-03-05", 2026) == (date(2025, 3, 5), None)


def test_the_twenty_ninth_of_february_needs_its_year() -> None:
    assert parse_moment("2月29日", 2028) == (date(2028, 2, 29), None)
    with assert_refused("row_date_unreadable"):
        parse_moment("2月29日", 2026)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("083533", time(8, 35, 33)),
        ("83533", time(8, 35, 33)),
        ("533", time(0, 5, 33)),
        ("0", time(0, 0)),
        ("8:35", time(8, 35)),
        ("08:35:33", time(8, 35, 33)),
        ("0.5", time(12, 0)),
        (".25", time(6, 0)),
    ],
)
def test_a_time_of_day_is_read_even_without_its_leading_zero(text: str, clock: time) -> None:
    assert parse_clock(text) == clock


@pytest.mark.parametrize("text", ["836070", "25:00", "1234567", "早上", "08:61"])
def test_an_impossible_time_of_day_is_refused(text: str) -> None:
    with assert_refused("time_unreadable"):
        parse_clock(text)


@pytest.mark.parametrize(
    ("text", "is_damaged"), [("6.22202E+18", True), ("4.00123e+27", True), ("6222020000", False)]
)
def test_a_number_a_spreadsheet_shortened_is_known(text: str, is_damaged: bool) -> None:
    assert is_damaged_number(text) is is_damaged


def test_an_account_loses_blanks_and_marks_only() -> None:
    assert clean_account("'9999 0000-0001") == "999900000001"
    assert clean_account("9999****0001") == "9999****0001"
