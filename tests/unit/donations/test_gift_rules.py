"""What a gift must be, how it is divided and shown, and the control totals of a pile."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.donations import rules
from charity.donations.rules import Part
from charity.money import MAX_FEN
from charity.names import KIND_PERSON

TODAY = date(2026, 3, 18)

amounts = st.integers(min_value=1, max_value=MAX_FEN)


def codes(problems: list[rules.Problem]) -> list[str]:
    return [problem.code for problem in problems]


def test_a_sound_gift_has_no_problem() -> None:
    assert rules.check_gift(1, TODAY, "bank", on=TODAY) == []


@pytest.mark.parametrize(
    ("amount", "received_on", "channel", "code"),
    [
        (0, TODAY, "bank", "gift_amount"),
        (-1, TODAY, "bank", "gift_amount"),
        (MAX_FEN + 1, TODAY, "bank", "gift_amount"),
        (100, date(2026, 3, 19), "bank", "gift_future"),
        (100, TODAY, "pigeon", "gift_channel_unknown"),
    ],
)
def test_a_gift_is_refused_for(amount: int, received_on: date, channel: str, code: str) -> None:
    assert codes(rules.check_gift(amount, received_on, channel, on=TODAY)) == [code]


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("person", " ", "gift_name_missing"),
        ("robot", "张三", "gift_kind_unknown"),
        ("company", "德" * 201, "gift_name_long"),
    ],
)
def test_a_donor_is_refused_for(kind: str, name: str, code: str) -> None:
    assert codes(rules.check_donor(kind, name)) == [code]


def test_a_giver_who_is_not_known_needs_no_name() -> None:
    assert rules.check_donor("anonymous", "") == []


@pytest.mark.parametrize(
    ("kind", "name", "publish_as", "shown"),
    [
        ("person", "张三丰", "anonymous", KIND_PERSON),
        ("person", "张三丰", "masked", "张*丰"),
        ("person", "欧阳小明", "name", "欧阳小明"),
        ("person", "", "name", KIND_PERSON),
        ("anonymous", "", "anonymous", KIND_PERSON),
        ("company", "德州某某有限公司", "name", "德州某某有限公司"),
        ("company", "德州某某有限公司", "anonymous", "爱心单位"),
        ("company", "德州某某有限公司", "masked", "爱心单位"),
    ],
)
def test_the_public_reads_a_giver_as_chosen(kind: str, name: str, publish_as: str, shown: str) -> None:
    assert rules.shown_name(kind, name, publish_as) == shown


@pytest.mark.parametrize("kind", sorted(rules.DONOR_KINDS))
def test_people_without_a_choice_are_not_named(kind: str) -> None:
    is_natural = kind in ("person", "anonymous")
    assert rules.default_publication(kind) == ("anonymous" if is_natural else "name")


def test_an_unknown_way_of_showing_is_refused() -> None:
    assert codes(rules.check_publication("shout")) == ["publication_unknown"]


def test_the_open_line_takes_the_rest() -> None:
    parts = rules.close_allocation(10_000, [Part("F1", amount_fen=3_000), Part("F2")])
    assert parts == [Part("F1", amount_fen=3_000), Part("F2", amount_fen=7_000)]


def test_a_line_of_zero_falls_away() -> None:
    given_parts = [Part("F1", amount_fen=0), Part("F2", amount_fen=10_000), Part("F3")]
    assert rules.check_allocation(10_000, given_parts) == []
    assert rules.close_allocation(10_000, given_parts) == [Part("F2", amount_fen=10_000)]


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], "allocation_missing"),
        ([Part("F1", amount_fen=0)], "allocation_missing"),
        ([Part("F1", amount_fen=9_999)], "allocation_short"),
        ([Part("F1", amount_fen=10_001)], "allocation_over"),
        ([Part("F1", amount_fen=-1), Part("F2")], "allocation_negative"),
        ([Part("F1"), Part("F2")], "allocation_open_twice"),
        ([Part("F1", amount_fen=1), Part("F1")], "allocation_twice"),
    ],
)
def test_an_allocation_is_refused_for(parts: list[Part], code: str) -> None:
    assert codes(rules.check_allocation(10_000, parts)) == [code]


@given(amounts, st.lists(st.integers(min_value=0, max_value=10**9), max_size=6), st.booleans())
def test_a_sound_allocation_always_sums_to_the_gift(total: int, shares: list[int], is_open: bool) -> None:
    parts = [Part(f"F{number}", amount_fen=fen) for number, fen in enumerate(shares)]
    parts += [Part("GEN")] if is_open else []
    if rules.check_allocation(total, parts):
        return
    closed = rules.close_allocation(total, parts)
    assert sum(part.amount_fen or 0 for part in closed) == total
    assert all(part.amount_fen for part in closed)


@given(st.lists(amounts, min_size=1, max_size=6), st.data())
def test_refunds_never_take_more_than_is_left_of_a_part(parts: list[int], data: st.DataObject) -> None:
    gone = [0] * len(parts)
    for _ in range(3):
        left = sum(parts) - sum(gone)
        if not left:
            break
        refund = data.draw(st.integers(min_value=1, max_value=left))
        taken = rules.refund_parts(parts, gone, refund)
        assert sum(taken) == refund
        gone = [before + now for before, now in zip(gone, taken, strict=True)]
        assert all(0 <= back <= part for back, part in zip(gone, parts, strict=True))


def test_a_refund_of_more_than_is_left_is_refused() -> None:
    assert codes(rules.check_refund(101, 100)) == ["refund_too_large"]
    assert codes(rules.check_refund(0, 100)) == ["refund_too_large"]
    assert rules.check_refund(100, 100) == []
    with pytest.raises(ValueError, match="at most"):
        rules.refund_parts([100], [0], 101)


def test_a_pile_must_fit_what_was_counted() -> None:
    assert rules.check_slips(2, 300, [100, 200]) == []
    assert codes(rules.check_slips(3, 300, [100, 200])) == ["slip_count_differs"]
    assert codes(rules.check_slips(2, 301, [100, 200])) == ["slip_total_differs"]
    assert codes(rules.check_slips(1, 1, [100, 200])) == ["slip_count_differs", "slip_total_differs"]
    assert codes(rules.check_slips(0, 0, [])) == ["slips_missing"]


@pytest.mark.parametrize(
    ("received_on", "booked_on"),
    [
        (date(2026, 3, 17), date(2026, 3, 17)),  # the day it came
        (date(2026, 3, 5), date(2026, 3, 10)),  # later numbers are given already
        (date(2026, 1, 31), date(2026, 3, 18)),  # its month is closed
        (date(2025, 12, 31), date(2026, 3, 18)),
    ],
)
def test_a_gift_is_booked_as_near_to_its_day_as_the_books_allow(received_on: date, booked_on: date) -> None:
    found = rules.booking_day(
        received_on, on=TODAY, open_months=(202602, 202603), last_posted={202603: date(2026, 3, 10)}
    )
    assert found == booked_on


def test_a_gift_of_a_closed_month_does_not_go_before_the_last_voucher_of_this_one() -> None:
    last = {202603: date(2026, 3, 18)}
    assert rules.booking_day(date(2026, 1, 2), on=TODAY, open_months=(202603,), last_posted=last) == TODAY
