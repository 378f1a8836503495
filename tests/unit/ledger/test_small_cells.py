"""No public period tells of one payment or of one hidden gift."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from charity.ledger.small_cells import SMALL, MonthFigure, merge_small


def month(code: int, payments: int, hidden: int = 0) -> MonthFigure:
    return MonthFigure(code, 0, 100 * payments, 0, payments, hidden)


def spans(months: list[MonthFigure]) -> list[tuple[int, int]]:
    return [(period.first - 202600, period.last - 202600) for period in merge_small(months)]


def test_months_with_few_payments_are_merged_until_there_are_five() -> None:
    assert spans([month(202601, 2), month(202602, 3), month(202603, 7), month(202604, 1)]) == [(1, 2), (3, 4)]


def test_months_without_payments_stand_alone() -> None:
    assert spans([month(202601, 0), month(202602, 6), month(202603, 0)]) == [(1, 1), (2, 2), (3, 3)]


def test_one_to_four_hidden_gifts_are_merged_as_well() -> None:
    """One gift of hidden amount in January: its income less what is listed would be the amount."""
    assert spans([month(202601, 9, 1), month(202602, 9, 0), month(202603, 9, 4)]) == [(1, 3)]
    assert spans([month(202601, 9, 5), month(202602, 9, 1)]) == [(1, 2)]
    assert spans([month(202601, 9, 5), month(202602, 9, 0)]) == [(1, 1), (2, 2)]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=13))
def test_no_period_tells_of_few_and_nothing_is_lost(counts: list[tuple[int, int]]) -> None:
    months = [month(202600 + n, *count) for n, count in enumerate(counts, start=1)]
    periods = merge_small(months)
    assert sum(p.out_fen for p in periods) == sum(m.out_fen for m in months)
    for period in periods:
        held = [m for m in months if period.first <= m.month <= period.last]
        sums = (sum(m.payments for m in held), sum(m.hidden for m in held))
        assert len(periods) == 1 or not any(0 < n < SMALL for n in sums)
