"""States of a job as one table, and figures that do not promise too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.jobs import rules

AT = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)

ALLOWED = {
    ("queued", "claim"): "running",
    ("running", "claim"): "running",
    ("queued", "cancel"): "cancelled",
    ("running", "cancel"): "running",
    ("running", "stop"): "cancelled",
    ("running", "finish"): "done",
    ("running", "fail"): "failed",
    ("running", "release"): "queued",
}


@pytest.mark.parametrize(("state", "act"), list(product(rules.STATES, get_args(rules.Act))))
def test_every_state_and_act(state: rules.State, act: rules.Act) -> None:
    assert rules.next_state(state, act) == ALLOWED.get((state, act))


def test_nothing_leaves_an_ended_state() -> None:
    assert not [state for state, _ in rules.TRANSITIONS if state in rules.ENDED]


def test_the_starter_may_cancel() -> None:
    assert rules.check_cancel("queued", created_by=1, user_id=1, may_cancel=False) == []


def test_someone_with_the_permission_may_cancel() -> None:
    assert rules.check_cancel("running", created_by=1, user_id=2, may_cancel=True) == []


def test_others_may_not_cancel() -> None:
    problems = rules.check_cancel("queued", created_by=1, user_id=2, may_cancel=False)
    assert [problem.code for problem in problems] == ["job_not_yours"]


@pytest.mark.parametrize("state", sorted(rules.ENDED))
def test_an_ended_job_cannot_be_cancelled(state: rules.State) -> None:
    problems = rules.check_cancel(state, created_by=1, user_id=1, may_cancel=False)
    assert [problem.code for problem in problems] == ["job_ended"]


@pytest.mark.parametrize(
    ("done", "total", "wanted"), [(0, 0, None), (0, 3, 0), (1, 3, 33), (2, 3, 66), (3, 3, 100), (5, 3, 100)]
)
def test_percent_reaches_100_only_at_the_end(done: int, total: int, wanted: int | None) -> None:
    assert rules.percent(done, total) == wanted


def test_time_left_at_the_pace_so_far() -> None:
    assert rules.seconds_left(25, 100, AT, AT + timedelta(seconds=10)) == 30


@pytest.mark.parametrize(("done", "total", "started"), [(0, 100, AT), (5, 0, AT), (5, 100, None)])
def test_no_time_is_named_while_nothing_is_known(done: int, total: int, started: datetime | None) -> None:
    assert rules.seconds_left(done, total, started, AT) is None


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(0, 100_000))
def test_time_left_is_never_negative_and_ends_at_zero(done: int, more: int, elapsed: int) -> None:
    left = rules.seconds_left(done, done + more, AT, AT + timedelta(seconds=elapsed))
    assert left is not None and left >= 0
    assert rules.seconds_left(done, done, AT, AT + timedelta(seconds=elapsed)) == 0


@pytest.mark.parametrize("name", ["post", "Imports.stage", "imports.stage-rows"])
def test_a_malformed_kind_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"feature\.verb"):
        rules.check_kind_name(name)
