"""Words name a fund only where they do so clearly."""

from __future__ import annotations

import pytest

from charity.donations.purpose_rules import Keyword, PurposeBook, Target, check_keyword, fold_keyword

GENERAL = Target("GEN", "GEN")
MEDICAL, HEART = Target("F2", "F2", True, 1), Target("F2", "HEART", False, 2)
URGENT = Target("F1", "F1", True, 3)
VILLAGE = Target("F3", "ROAD", False, 4)


@pytest.fixture
def book() -> PurposeBook:
    rules = [
        Keyword(fold_keyword("医疗"), MEDICAL),
        Keyword(fold_keyword("心脏病"), HEART),
        Keyword(fold_keyword("急难"), URGENT),
        Keyword(fold_keyword("修路"), MEDICAL),
        Keyword(fold_keyword("修路"), VILLAGE, place_id=7),
        Keyword("", URGENT, place_id=9),
    ]
    return PurposeBook(rules, GENERAL)


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("", GENERAL),
        ("捐款", GENERAL),
        ("爱心捐款 20260317", GENERAL),
        ("慈善一日捐", GENERAL),
        ("医疗救助", MEDICAL),
        ("医 疗", MEDICAL),
        ("医疗救助 心脏病患儿", HEART),  # the narrower purpose of the same fund
        ("医疗和急难", None),  # two funds: a person says which
        ("给村里的孩子", None),  # a purpose nobody has decided yet
    ],
)
def test_the_words_of_a_giver_lead_to(book: PurposeBook, words: str, target: Target | None) -> None:
    assert book.target_of(words) == target


def test_a_place_has_its_own_words_and_its_own_default(book: PurposeBook) -> None:
    assert book.target_of("修路") == MEDICAL
    assert book.target_of("修路", 7) == VILLAGE
    assert book.target_of("捐款", 9) == URGENT
    assert book.target_of("医疗", 9) == MEDICAL


def test_without_rules_free_money_is_free_and_a_purpose_is_a_question() -> None:
    empty = PurposeBook([], GENERAL)
    assert empty.target_of("捐款") == GENERAL
    assert empty.target_of("医疗") is None


@pytest.mark.parametrize(
    ("keyword", "code"),
    [("捐款", "keyword_empty"), ("医", "keyword_empty"), (" ", "keyword_empty"), ("医" * 41, "keyword_long")],
)
def test_a_keyword_is_refused_for(keyword: str, code: str) -> None:
    assert [problem.code for problem in check_keyword(keyword)] == [code]


def test_a_keyword_that_says_something_is_learned() -> None:
    assert check_keyword("心脏病") == []
