"""Charts are worked out in integers: from zero, to scale, adding up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.web.charts import WIDTH, Point, bar_chart, share_bar, waterfall

amounts = st.integers(-10_000_000_000_000, 10_000_000_000_000)


def points(figures: list[int]) -> list[Point]:
    return [Point(str(place), fen) for place, fen in enumerate(figures)]


def test_the_largest_figure_fills_the_width_and_half_of_it_half() -> None:
    bars = bar_chart("t", points([100, 50, 0])).bars
    assert [(bar.x, bar.width) for bar in bars] == [(0, 1000), (0, 500), (0, 0)]


def test_a_negative_figure_goes_to_the_left_of_zero() -> None:
    chart = bar_chart("t", points([300, -100]))
    assert chart.zero_x == 250
    assert [(bar.x, bar.width) for bar in chart.bars] == [(250, 750), (0, 250)]


def test_what_is_not_zero_can_be_seen() -> None:
    assert bar_chart("t", points([10_000_000, 1])).bars[1].width == 2


def test_nothing_at_all_draws_nothing() -> None:
    assert [bar.width for bar in bar_chart("t", points([0, 0])).bars] == [0, 0]
    assert bar_chart("t", []).bars == ()


@given(st.lists(amounts, max_size=20))
def test_a_bar_never_leaves_the_drawing(figures: list[int]) -> None:
    for bar in bar_chart("t", points(figures)).bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert (bar.width == 0) == (bar.point.fen == 0)


@given(st.lists(amounts, min_size=1, max_size=12))
def test_a_step_begins_where_the_last_one_ended(figures: list[int]) -> None:
    bars = waterfall("t", points([*figures, sum(figures)])).bars
    ends = [{bar.x, bar.x + bar.width} for bar in bars]
    assert all(0 <= edge <= WIDTH for pair in ends for edge in pair)
    gaps = [min(abs(a - b) for a in ends[i] for b in ends[i + 1]) for i in range(len(ends) - 1)]
    assert max(gaps) <= 2  # a step too small to see is drawn two units wide


def test_a_step_hangs_between_the_levels() -> None:
    bars = waterfall("t", points([100, 100, -50, 150])).bars
    assert [(bar.x, bar.width) for bar in bars] == [(0, 500), (500, 500), (750, 250), (0, 750)]


def test_a_level_below_zero_moves_the_zero_line() -> None:
    chart = waterfall("t", points([100, -200, -100]))
    assert chart.zero_x == 500
    assert [(bar.x, bar.width) for bar in chart.bars] == [(500, 500), (0, 1000), (0, 500)]


def test_a_closing_figure_that_is_not_the_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="must be the sum"):
        waterfall("t", points([100, 50, 149]))


@given(st.lists(st.integers(0, 10_000_000_000_000), min_size=1, max_size=10).filter(any))
def test_shares_add_up_to_the_whole(figures: list[int]) -> None:
    bars = share_bar("t", points(figures)).bars
    assert sum(bar.width for bar in bars) == WIDTH
    assert sum(bar.share_bp for bar in bars) == 10_000
    assert [bar.x for bar in bars] == [sum(b.width for b in bars[:place]) for place in range(len(bars))]


@pytest.mark.parametrize("figures", [[-1, 2], [0, 0]])
def test_a_share_of_less_than_nothing_is_refused(figures: list[int]) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        share_bar("t", points(figures))


def test_the_finding_is_the_text_where_none_is_given() -> None:
    assert bar_chart("finding", points([1])).text == "finding"
