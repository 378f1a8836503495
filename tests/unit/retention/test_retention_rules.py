"""Terms run from the first day after the year; a hold beats them; another person releases it."""

from __future__ import annotations

from datetime import date

import pytest

from charity.retention.rules import (
    CLASSES,
    HoldSpan,
    RetentionClass,
    RetentionTerm,
    check_hold,
    check_release,
    may_go_from,
    standing,
)

TEN = RetentionClass("bank_files", "", (RetentionTerm(date(2016, 1, 1), 10, "law"),))


def term(years) -> RetentionTerm:
    return RetentionTerm(date(2016, 1, 1), years, "law")


@pytest.mark.parametrize(
    ("years", "year", "first"),
    [(10, 2026, date(2037, 1, 1)), (30, 2026, date(2057, 1, 1)), ("permanent", 2026, None)],
)
def test_a_term_counts_from_the_day_after_the_year(years, year, first) -> None:
    assert may_go_from(term(years), year) == first


@pytest.mark.parametrize(("on", "expected"), [(date(2036, 12, 31), "kept"), (date(2037, 1, 1), "may_go")])
def test_the_last_day_of_a_term_still_counts(on: date, expected: str) -> None:
    assert standing(TEN, 2026, [], on) == (expected, date(2037, 1, 1))


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        (HoldSpan("bank_files", 2026, 2026), "held"),
        (HoldSpan("", 2020, 2030), "held"),
        (HoldSpan("vouchers", 2026, 2026), "may_go"),
        (HoldSpan("bank_files", 2027, 2030), "may_go"),
    ],
)
def test_a_hold_beats_the_term_of_what_it_names(hold: HoldSpan, expected: str) -> None:
    assert standing(TEN, 2026, [hold], date(2040, 1, 1))[0] == expected


def test_a_term_that_changes_applies_from_its_day() -> None:
    changed = RetentionClass("x", "", (term(10), RetentionTerm(date(2030, 1, 1), 15, "new law")))
    assert changed.term(date(2029, 12, 31)).years == 10
    assert changed.term(date(2030, 1, 1)).years == 15


def test_terms_of_the_law_are_those_of_the_archives_rule() -> None:
    """79号令: 凭证、账簿 30; 中期报告、对账单 10; 年度报告、销毁清册 永久. Not one is verified yet."""
    on = date(2026, 3, 18)
    years = {code: each.term(on).years for code, each in CLASSES.items() if each.is_books}
    assert {code for code, value in years.items() if value == "permanent"} == {
        "annual_reports",
        "destructions",
    }
    assert {code for code, value in years.items() if value == 10} == {"bank_files", "interim_reports"}
    assert [code for code, each in CLASSES.items() if each.term(on).is_verified] == []


@pytest.mark.parametrize(
    ("span", "reason", "codes"),
    [
        (HoldSpan("vouchers", 2026, 2026), "审计", []),
        (HoldSpan("", 2020, 2026), "诉讼", []),
        (HoldSpan("other", 2026, 2026), "审计", ["hold_class_unknown"]),
        (HoldSpan("vouchers", 2026, 2025), "审计", ["hold_years_reversed"]),
        (HoldSpan("vouchers", 2026, 2026), "  ", ["hold_reason_missing"]),
    ],
)
def test_a_hold_names_class_years_and_reason(span: HoldSpan, reason: str, codes: list[str]) -> None:
    assert [problem.code for problem in check_hold(span, reason)] == codes


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({}, []),
        ({"is_released": True}, ["hold_released"]),
        ({"user_id": 1}, ["hold_releaser_is_placer"]),
        ({"reason": " "}, ["hold_reason_missing"]),
    ],
)
def test_a_hold_is_released_once_by_another_person(values, codes: list[str]) -> None:
    known = {"is_released": False, "placed_by": 1, "user_id": 2, "reason": "结案"} | values
    assert [problem.code for problem in check_release(**known)] == codes
