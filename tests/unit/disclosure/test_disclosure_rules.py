"""What the public may see: names by choice, single payments never alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from charity.disclosure.rules import SMALL, MonthFigure, display_name, merge_small


def test_a_person_without_a_choice_is_a_kind_giver() -> None:
    assert display_name("张三丰", "person", "anonymous") == ("A kind giver", True)
    assert display_name("张三丰", "person", "masked") == ("张*丰", False)
    assert display_name("海岱云帆纺织有限公司", "company", "name") == ("海岱云帆纺织有限公司", False)
    assert display_name("", "company", "name") == ("A kind organisation", True)


def month(code: int, payments: int, out_fen: int = 100) -> MonthFigure:
    return MonthFigure(code, 0, out_fen if payments else 0, 0, payments)


def test_months_with_few_payments_are_merged_until_there_are_five() -> None:
    found = merge_small([month(202601, 2), month(202602, 3), month(202603, 7), month(202604, 1)])
    assert [(p.first, p.last) for p in found] == [(202601, 202602), (202603, 202604)]


def test_months_without_payments_stand_alone() -> None:
    found = merge_small([month(202601, 0), month(202602, 6), month(202603, 0)])
    assert [(p.first, p.last) for p in found] == [(202601, 202601), (202602, 202602), (202603, 202603)]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=13))
def test_no_period_shows_a_single_payment_and_nothing_is_lost(counts: list[int]) -> None:
    months = [month(202600 + n, count, out_fen=count * 10) for n, count in enumerate(counts, start=1)]
    periods = merge_small(months)
    assert sum(p.out_fen for p in periods) == sum(counts) * 10
    by_code = {m.month: m.payments for m in months}
    sums = [sum(n for code, n in by_code.items() if p.first <= code <= p.last) for p in periods]
    assert all(n == 0 or n >= SMALL for n in sums) or sum(counts) < SMALL
