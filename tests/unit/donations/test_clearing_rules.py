"""Whose money a platform pays out: oldest first, and the fee where it belongs."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.donations.clearing_rules import (
    Coverage,
    Lot,
    PlatformDay,
    match_days,
    open_lots,
    settlement_lines,
    take_lots,
)

D1, D2, D3 = (date(2026, 3, day) for day in (1, 2, 3))
GENERAL = ("GEN", "GEN")

keys = st.sampled_from([("F1", "F1"), ("F2", "F2"), ("F2", "HEART"), GENERAL])
lots = st.lists(
    st.builds(
        lambda day, key, fen: Lot(D1 + timedelta(days=day), key[0], key[1], fen),
        st.integers(0, 20),
        keys,
        st.integers(1, 10**8),
    ),
    max_size=12,
)


def test_the_oldest_money_of_a_fund_is_taken_first() -> None:
    additions = [Lot(D2, "F1", "F1", 50), Lot(D1, "F1", "F1", 100), Lot(D1, "F2", "F2", 70)]
    assert open_lots(additions, {("F1", "F1"): 120}) == [Lot(D1, "F2", "F2", 70), Lot(D2, "F1", "F1", 30)]


def test_a_sum_takes_the_oldest_lots_whatever_their_fund() -> None:
    held = [Lot(D1, "F2", "F2", 70), Lot(D2, "F1", "F1", 30), Lot(D3, "GEN", "GEN", 10)]
    assert take_lots(held, 80) == {("F2", "F2"): 70, ("F1", "F1"): 10}


def test_more_than_is_held_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="holds less"):
        take_lots([Lot(D1, "F1", "F1", 70)], 71)


@given(lots, st.data())
def test_no_fund_is_ever_taken_below_what_it_has(additions: list[Lot], data: st.DataObject) -> None:
    taken: dict[tuple[str, str], int] = defaultdict(int)
    for _ in range(3):
        held = open_lots(additions, taken)
        total = sum(lot.fen for lot in held)
        if not total:
            break
        fen = data.draw(st.integers(1, total))
        now = take_lots(held, fen)
        assert sum(now.values()) == fen
        for key, part in now.items():
            taken[key] += part
            assert taken[key] <= sum(lot.fen for lot in additions if (lot.fund, lot.earmark) == key)


def test_a_run_of_days_explains_a_payout() -> None:
    days = [PlatformDay(D1, 10_000, 60), PlatformDay(D2, 5_000, 30)]
    assert match_days(days, 9_940) == Coverage(D1, D1, 10_000, 60)
    assert match_days(days, 14_910) == Coverage(D1, D2, 15_000, 90)


def test_a_single_later_day_explains_a_payout_in_the_wrong_order() -> None:
    days = [PlatformDay(D1, 10_000, 60), PlatformDay(D2, 5_000, 30)]
    assert match_days(days, 4_970) == Coverage(D2, D2, 5_000, 30)


def test_what_no_day_explains_stays_a_question() -> None:
    assert match_days([PlatformDay(D1, 10_000, 60)], 9_941) is None
    assert match_days([], 1) is None


def test_a_run_that_begins_later_is_found_when_it_is_the_only_one() -> None:
    """The platform holds the first day back; 50.00 and 30.00 of the next two arrive together."""
    days = [
        PlatformDay(date(2026, 3, 1 + number), fen, 0) for number, fen in enumerate((10_000, 5_000, 3_000))
    ]
    assert match_days(days, 8_000) == Coverage(days[1].on, days[2].on, 8_000, 0)
    twice = [PlatformDay(date(2026, 3, 1 + n), fen, 0) for n, fen in enumerate((9, 1, 4, 3, 2, 3))]
    assert match_days(twice, 5) is None


def lines(
    taken: dict[tuple[str, str], int], fee: int, bearers: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    return [(line.role, line.fund, str(line.fen)) for line in settlement_lines(taken, fee, GENERAL, bearers)]


def test_general_money_keeps_its_own_fee_and_that_of_others_back() -> None:
    assert lines({("F2", "F2"): 10_000, GENERAL: 5_000}, 90) == [
        ("bank", "F2", "10000"),
        ("bank", "GEN", "4910"),
        ("fee", "GEN", "90"),
        ("clearing", "F2", "10000"),
        ("clearing", "GEN", "5000"),
    ]


def test_without_general_money_in_the_payout_the_fund_gets_the_rest_by_re_tag() -> None:
    assert lines({("F2", "F2"): 10_000}, 60) == [
        ("bank", "F2", "9940"),
        ("fee", "GEN", "60"),
        ("clearing", "F2", "10000"),
    ]


def test_a_filed_plan_lets_the_fund_bear_its_fee() -> None:
    assert lines({("F1", "F1"): 20_000}, 120, ("F1",)) == [
        ("bank", "F1", "19880"),
        ("fee", "F1", "120"),
        ("clearing", "F1", "20000"),
    ]


@given(
    st.dictionaries(keys, st.integers(1, 10**9), min_size=1),
    st.integers(0, 100),
    st.sets(st.sampled_from(["F1", "F2"])),
)
def test_a_settlement_balances_and_its_bank_lines_are_what_arrived(
    taken: dict[tuple[str, str], int], percent: int, bearers: set[str]
) -> None:
    gross = sum(taken.values())
    fee = gross * percent // 101
    sums: dict[str, int] = defaultdict(int)
    for line in settlement_lines(taken, fee, GENERAL, bearers):
        assert line.fen > 0
        sums[line.role] += line.fen
        if line.role == "fee" and line.fund not in bearers:
            assert line.fund == "GEN"
    assert sums == {
        name: fen for name, fen in (("bank", gross - fee), ("fee", fee), ("clearing", gross)) if fen
    }
