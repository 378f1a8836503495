"""Verdict, decision and action: one place puts them together."""

from __future__ import annotations

import pytest

from charity.imports import rules


@pytest.mark.parametrize(
    ("verdict", "decision", "action"),
    [
        ("new", "", "gift"),
        ("new", "unidentified", "unidentified"),
        ("ask", "", ""),
        ("ask", "gift", "gift"),
        ("error", "", ""),
        ("other", "", "skip"),
        ("booked", "", "skip"),
        ("booked", "gift", "skip"),  # what is in the books is never booked again
    ],
)
def test_what_booking_does_with_a_row(verdict: str, decision: str, action: str) -> None:
    assert rules.action_of(verdict, decision) == action


def test_every_verdict_has_a_word_and_an_action() -> None:
    assert set(rules.VERDICTS) == set(rules.DEFAULT_ACTIONS)
    assert set(rules.DEFAULT_ACTIONS.values()) <= {"", *rules.ACTIONS}
    assert set(rules.ACTION_KEYS) == set(rules.ACTIONS)
    assert len(set(rules.ACTION_KEYS.values())) == len(rules.ACTION_KEYS)


@pytest.mark.parametrize("verdict", sorted(rules.VERDICTS))
@pytest.mark.parametrize("is_credit", [True, False])
def test_only_what_fits_the_direction_is_offered(verdict: str, is_credit: bool) -> None:
    actions = rules.possible_actions(verdict, is_credit)
    if verdict == "booked":
        assert actions == ()
    elif verdict == "error":
        assert actions == ("skip",)
    else:
        assert ("gift" in actions) == is_credit
        assert ("fee" in actions) == (not is_credit)
        assert "skip" in actions


@pytest.mark.parametrize(
    ("state", "verdict", "is_credit", "action", "codes"),
    [
        ("staged", "ask", True, "gift", []),
        ("parked", "new", True, "skip", []),
        ("staged", "ask", True, "", []),
        ("booked", "new", True, "skip", ["row_ended"]),
        ("skipped", "other", True, "gift", ["row_ended"]),
        ("staged", "ask", False, "gift", ["decision_not_possible"]),
        ("staged", "error", True, "gift", ["decision_not_possible"]),
        ("staged", "booked", True, "gift", ["decision_not_possible"]),
    ],
)
def test_a_decision_is_refused_for(
    state: str, verdict: str, is_credit: bool, action: str, codes: list[str]
) -> None:
    found = rules.check_decision(5, state, verdict, is_credit, action)
    assert [problem.code for problem in found] == codes


@pytest.mark.parametrize("state", sorted(rules.FILE_STATES))
@pytest.mark.parametrize("act", ["map", "read", "place", "decide", "book", "finish", "cancel"])
def test_the_life_of_a_file_is_a_table(state: str, act: str) -> None:
    problems = rules.check_file_act(state, act)
    assert (not problems) == ((state, act) in rules.TRANSITIONS)
    assert [problem.code for problem in problems] in ([], ["import_state"])
    if state in ("booked", "cancelled"):
        assert problems
