"""Money: capital amounts by the rules' own vectors, reading, showing and splitting."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.errors import Refused
from charity.money import MAX_FEN, capital_yuan, format_wan, format_yuan, parse_yuan, split_fen

#: Yuan → capital form without 人民币. Source: 会计基础工作规范 art. 52; the first rows of the
#: published rules on filling in payment bills; the rest by the same rules.
CAPITALS = {
    "0.00": "零元整",
    "0.01": "壹分",
    "0.05": "伍分",
    "0.10": "壹角整",
    "0.50": "伍角整",
    "1.00": "壹元整",
    "1.01": "壹元零壹分",
    "10.00": "壹拾元整",
    "10.01": "壹拾元零壹分",
    "10.10": "壹拾元零壹角整",
    "20.05": "贰拾元零伍分",
    "101.00": "壹佰零壹元整",
    "110.00": "壹佰壹拾元整",
    "325.04": "叁佰贰拾伍元零肆分",
    "1001.00": "壹仟零壹元整",
    "1100.05": "壹仟壹佰元零伍分",
    "1409.50": "壹仟肆佰零玖元伍角整",
    "1680.32": "壹仟陆佰捌拾元零叁角贰分",
    "6007.14": "陆仟零柒元壹角肆分",
    "16409.02": "壹万陆仟肆佰零玖元零贰分",
    "107000.53": "壹拾万柒仟元零伍角叁分",
    "10001.00": "壹万零壹元整",
    "10010.00": "壹万零壹拾元整",
    "10050.30": "壹万零伍拾元零叁角整",
    "100010.00": "壹拾万零壹拾元整",
    "1000001.00": "壹佰万零壹元整",
    "10000100.00": "壹仟万零壹佰元整",
    "10020003.04": "壹仟零贰万零叁元零肆分",
    "12345678.90": "壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角整",
    "99999999.99": "玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分",
    "100000001.00": "壹亿零壹元整",
    "100010000.00": "壹亿零壹万元整",
    "200008127.94": "贰亿零捌仟壹佰贰拾柒元玖角肆分",
    "1000010000.00": "壹拾亿零壹万元整",
    "1234567890.12": "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元零壹角贰分",
    "1000100000000.00": "壹万零壹亿元整",
    "-500.00": "负伍佰元整",
}
_DIGITS = {digit: value for value, digit in enumerate("零壹贰叁肆伍陆柒捌玖")}
_UNITS = {"拾": 10, "佰": 100, "仟": 1000}


def fen_of(yuan: str) -> int:
    """Return the fen of a plain amount, independently of the code under test."""
    return int(Decimal(yuan) * 100)


def read_capital(text: str) -> int:
    """Return the fen of a capital amount, as a person adds it up."""
    plain = text.removeprefix("人民币")
    sign = -1 if plain.startswith("负") else 1
    total = group = digit = fen = 0
    for ch in plain.removeprefix("负").removesuffix("整"):
        if ch in _DIGITS:
            digit = _DIGITS[ch]
        elif ch in _UNITS:
            group, digit = group + digit * _UNITS[ch], 0
        elif ch == "万":
            total, group, digit = total + (group + digit) * 10**4, 0, 0
        elif ch == "亿":
            total, group, digit = (total + group + digit) * 10**8, 0, 0
        elif ch == "元":
            total, group, digit = total + group + digit, 0, 0
        else:
            fen, digit = fen + digit * {"角": 10, "分": 1}[ch], 0
    return sign * (total * 100 + fen)


@pytest.mark.parametrize(("yuan", "capital"), CAPITALS.items())
def test_capital_amounts_follow_the_rules(yuan: str, capital: str) -> None:
    assert capital_yuan(fen_of(yuan)) == f"人民币{capital}"


@given(st.integers(-(10**17), 10**17).filter(lambda fen: abs(fen) < 10**18))
def test_a_capital_amount_reads_back_as_the_same_amount(fen: int) -> None:
    assert read_capital(capital_yuan(fen)) == fen


@given(st.integers(1, MAX_FEN))
def test_a_capital_amount_keeps_the_rules_of_zero_and_end(fen: int) -> None:
    text = capital_yuan(fen)
    assert "零零" not in text
    assert not any(bad in text for bad in ("零元", "零万", "零亿", "亿万", "零拾", "零佰", "零仟"))
    assert text.endswith("分") == (fen % 10 != 0)
    assert text.endswith("整") == (fen % 10 == 0)
    assert ("角" in text) == (fen // 10 % 10 != 0)
    if fen >= 100 and fen % 100 and fen // 10 % 10 == 0:
        assert "元零" in text


@pytest.mark.parametrize("amount", [1.0, "100", True, None, Decimal(1)])
def test_a_capital_amount_of_anything_but_fen_is_refused(amount: object) -> None:
    with pytest.raises(TypeError):
        capital_yuan(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize("fen", [10**18, -(10**18)])
def test_a_capital_amount_beyond_its_units_is_refused(fen: int) -> None:
    assert capital_yuan(10**18 - 1)
    with pytest.raises(ValueError, match="too large"):
        capital_yuan(fen)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("1234.5", 123450),
        ("1234.50", 123450),
        ("1,234,567.89", 123456789),
        ("１，２３４．５０元", 123450),
        ("3.5万元", 3500000),
        ("3.5万", 3500000),
        ("0.000001万元", 1),
        ("-12.00", -1200),
        ("−12", -1200),
        ("¥1,000", 100000),
        ("￥ 0.01", 1),
        ("-¥5", -500),
        ("¥-5", -500),
        ("人民币 88元", 8800),
        ("CNY 1", 100),
        (" 7 ", 700),
        ("0", 0),
        ("007", 700),
        ("1.2300", 123),
        ("100000000000", MAX_FEN),
    ],
)
def test_an_amount_is_read_as_people_and_files_write_it(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "amount_unreadable"),
        ("元", "amount_unreadable"),
        ("NaN", "amount_unreadable"),
        ("1e3", "amount_unreadable"),
        ("1 000", "amount_unreadable"),
        ("--1", "amount_unreadable"),
        ("1.", "amount_unreadable"),
        (".5", "amount_unreadable"),
        ("壹佰元", "amount_unreadable"),
        ("$5", "amount_unreadable"),
        ("1,23", "amount_ambiguous"),
        ("1.234,50", "amount_ambiguous"),
        ("12,34,567", "amount_ambiguous"),
        ("0.005", "amount_too_fine"),
        ("1.001元", "amount_too_fine"),
        ("0.0000001万", "amount_too_fine"),
        ("100000000000.01", "amount_too_large"),
        ("-100000000001", "amount_too_large"),
    ],
)
def test_an_amount_that_cannot_be_read_exactly_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_yuan(text)
    assert refused.value.codes == [code]
    assert text[:40] in refused.value.problems[0].sentence()


@given(st.integers(-MAX_FEN, MAX_FEN), st.booleans())
def test_what_is_shown_reads_back_as_the_same_amount(fen: int, grouped: bool) -> None:
    text = format_yuan(fen, grouped=grouped)
    assert parse_yuan(text) == fen
    assert Decimal(text.replace(",", "")) * 100 == fen
    assert (text.count(",") > 0) == (grouped and abs(fen) >= 100_000)


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123456789, "1,234,567.89"), (-100000, "-1,000.00")],
)
def test_yuan_are_shown_to_the_fen(fen: int, text: str) -> None:
    assert format_yuan(fen) == text
    assert format_yuan(fen, grouped=False) == text.replace(",", "")


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "0.00"),
        (4_999, "0.00"),
        (5_000, "0.01"),
        (1_000_000, "1.00"),
        (-5_000, "-0.01"),
        (12_345_678_900, "12,345.68"),
    ],
)
def test_headlines_round_half_up_to_a_hundredth_of_ten_thousand(fen: int, text: str) -> None:
    assert format_wan(fen) == text


@given(st.integers(-MAX_FEN, MAX_FEN), st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_parts_sum_to_the_total_and_lie_within_a_fen_of_their_share(
    total_fen: int, weights: list[int]
) -> None:
    parts = split_fen(total_fen, weights)
    assert sum(parts) == total_fen
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - total_fen * weight) < whole
        assert weight or not part


@given(st.integers(0, MAX_FEN), st.lists(st.integers(0, 100), min_size=1, max_size=8).filter(any))
def test_a_negative_total_splits_as_the_mirror(total_fen: int, weights: list[int]) -> None:
    assert split_fen(-total_fen, weights) == [-part for part in split_fen(total_fen, weights)]


def test_the_odd_fen_go_to_the_largest_remainder_then_to_the_earlier_part() -> None:
    assert split_fen(100, [1, 1, 1]) == [34, 33, 33]
    assert split_fen(5, [1, 1]) == [3, 2]
    assert split_fen(10, [6, 3, 0]) == [7, 3, 0]


@pytest.mark.parametrize("weights", [[0, 0], [1, -1], [3, -1]])
def test_weights_that_share_nothing_out_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split_fen(100, weights)
