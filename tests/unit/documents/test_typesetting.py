"""Lines broken as Chinese is read, and text fitted into a box."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.documents.fonts import text_width
from charity.documents.typesetting import fit, longest_unit, wrap
from charity.errors import Refused

TEXT = st.text(alphabet="善款用于救助，。；：（）《》“”、…—%¥ abcXYZ0123456789.-/&\n", max_size=120)
CLOSING, OPENING = "，。；：）》”、%", "（《“¥"


@given(text=TEXT, letters=st.integers(6, 40))
def test_no_line_begins_with_closing_or_ends_with_opening_punctuation(text: str, letters: int) -> None:
    for paragraph in text.splitlines():
        lines = wrap(paragraph, letters * 9, 9)
        for before, line in zip(lines, lines[1:], strict=False):
            # A run of marks wider than a line must be cut somewhere.
            if longest_unit(paragraph) > letters:
                continue
            assert line[:1] not in tuple(CLOSING)
            assert before[-1:] not in tuple(OPENING)


@given(text=TEXT, letters=st.integers(3, 40))
def test_lines_fit_the_width_and_give_the_text_back(text: str, letters: int) -> None:
    lines = wrap(text, letters * 9, 9)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
    assert all(text_width(line, 9) <= letters * 9 + 0.02 for line in lines)


def test_words_numbers_and_amounts_hold_together() -> None:
    text = "共收到捐款¥12,345.67元，编号2026-000123。Thank you very much"
    lines = wrap(text, 80, 9)
    for whole in ("¥12,345.67", "2026-000123。", "Thank", "much"):
        assert any(whole in line for line in lines)


def test_an_address_is_broken_after_its_punctuation() -> None:
    lines = wrap("https://cishan.example/verify/7Q2M9KXW3F", 60, 7)
    assert len(lines) > 2
    assert all(line[-1] in "/.-" for line in lines[:-1])


def test_a_line_end_in_the_text_begins_a_new_line_and_an_indent_stays() -> None:
    assert wrap("甲\n　　乙", 100, 9) == ["甲", "　　乙"]


def test_nothing_gives_one_empty_line() -> None:
    assert wrap("", 100, 9) == [""]


def test_one_or_two_characters_do_not_stand_alone_on_the_last_line() -> None:
    lines = wrap("善" * 21, 20 * 9, 9)
    assert len(lines) == 2
    assert len(lines[-1]) > 2


def test_a_short_name_has_its_largest_size() -> None:
    block = fit("李晓㛃", 300, 40, largest=14, smallest=6)
    assert (block.lines, block.size, block.is_cut) == (("李晓㛃",), 14, False)


def test_one_smaller_line_goes_before_two_lines() -> None:
    block = fit("善" * 26, 300, 60, largest=14, smallest=6)
    assert len(block.lines) == 1
    assert 14 * 2 / 3 <= block.size < 14
    assert len(fit("善" * 26, 300, 60, largest=14, smallest=6, one_line=False).lines) == 2


def test_lines_are_added_before_letters_shrink_further() -> None:
    block = fit("善" * 60, 300, 60, largest=14, smallest=6)
    assert (len(block.lines), block.size) == (3, 14)


def test_lines_of_a_name_are_alike_in_length() -> None:
    first, second = fit("善" * 37, 300, 60, largest=14, smallest=6).lines
    assert abs(len(first) - len(second)) <= 1


@given(letters=st.integers(1, 500))
def test_up_to_five_hundred_characters_fit_whole(letters: int) -> None:
    block = fit("善" * letters, 377, 62, largest=14.5, smallest=5)
    assert not block.is_cut
    assert "".join(block.lines) == "善" * letters
    assert block.height <= 62


def test_what_cannot_fit_says_that_it_is_cut() -> None:
    block = fit("善" * 500, 60, 20, largest=9, smallest=6)
    assert block.is_cut
    assert block.lines[-1].endswith("…")
    assert block.height <= 20
    assert all(text_width(line, block.size) <= 60 for line in block.lines)


@pytest.mark.parametrize("text", ["𠮷", "善\ue000款"])
def test_a_character_no_font_has_cannot_be_set(text: str) -> None:
    with pytest.raises(Refused) as refused:
        wrap(text, 100, 9)
    assert refused.value.codes == ["character_not_printable"]
