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
        ("booked", "new", True, "", ["row_ended"]),
        ("skipped", "ask", True, "", ["row_ended"]),
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


#: State of a file → act → state after it; every other act is refused.
FILES = {
    "unmapped": {"map": "reading", "cancel": "cancelled"},
    "reading": {"read": "judged", "cancel": "cancelled"},
    "judged": {
        "map": "reading",
        "place": "judged",
        "decide": "judged",
        "book": "judged",
        "finish": "booked",
        "cancel": "cancelled",
    },
    "booked": {},
    "cancelled": {},
}


@pytest.mark.parametrize("state", FILES)
@pytest.mark.parametrize("act", ["map", "read", "place", "decide", "book", "finish", "cancel"])
def test_the_life_of_a_file_is_a_table(state: str, act: str) -> None:
    problems = [problem.code for problem in rules.check_file_act(state, act)]
    expected = FILES[state].get(act)
    assert problems == ([] if expected else ["import_state"])
    assert rules.TRANSITIONS.get((state, act)) == expected


def test_the_tables_name_every_state() -> None:
    assert set(FILES) == set(rules.FILE_STATES)
    assert set(ROWS) == set(rules.ROW_STATES)


#: State of a row to be decided about → answer to a choice, to leaving it out, to taking back.
ROWS = {
    "staged": ([], [], []),
    "parked": ([], [], []),
    "booked": (["row_ended"], ["row_ended"], ["row_ended"]),
    "skipped": (["row_ended"], ["row_ended"], ["row_ended"]),
}


@pytest.mark.parametrize("verdict", sorted(rules.VERDICTS))
@pytest.mark.parametrize("state", ROWS)
def test_a_row_is_decided_about_until_it_has_ended(state: str, verdict: str) -> None:
    """A row in the books offers nothing, one that cannot be read only to be left out."""
    choices = ("gift", "skip", "")
    for action, codes in zip(choices, ROWS[state], strict=True):
        never = {"booked": ("gift", "skip"), "error": ("gift",)}.get(verdict, ())
        expected = codes or (["decision_not_possible"] if action in never else [])
        found = rules.check_decision(5, state, verdict, True, action)
        assert [problem.code for problem in found] == expected
