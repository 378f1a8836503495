"""The whole table of states and acts, deadlines by date, and what the law keeps."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from charity.privacy import rules
from charity.users.rules import PERMISSIONS, ROLES, permissions_of

BOTH = frozenset({"privacy.handle", "privacy.decide"})


@pytest.mark.parametrize(("state", "act"), list(product(rules.STATES, rules.ACTS)))
def test_every_state_and_act_is_as_the_table_says(state: str, act: str) -> None:
    found = rules.check_act(state, act, permissions=BOTH, is_recorder=False)
    transition = rules.TRANSITIONS.get((state, act))
    assert [problem.code for problem in found] == ([] if transition else ["request_act"])
    if transition is None:
        return
    lacking = rules.check_act(state, act, permissions=BOTH - {transition.permission}, is_recorder=False)
    assert [problem.code for problem in lacking] == ["request_may_not"]
    own = rules.check_act(state, act, permissions=BOTH, is_recorder=True)
    assert [problem.code for problem in own] == (["request_second"] if transition.is_second_person else [])


def test_what_is_decided_stays_decided() -> None:
    ends = set(rules.STATES) - {state for state, _ in rules.TRANSITIONS}
    assert ends == {"fulfilled", "refused", "withdrawn"}
    assert {one.state for one in rules.TRANSITIONS.values()} <= set(rules.STATES)


def test_the_permissions_are_real_and_no_role_handles_and_decides() -> None:
    assert {one.permission for one in rules.TRANSITIONS.values()} == BOTH <= set(PERMISSIONS)
    for role in ROLES:
        assert len(permissions_of([role]) & BOTH) < 2


def test_an_answer_is_due_in_thirty_days() -> None:
    assert rules.due_on(date(2026, 3, 18)) == date(2026, 4, 17)
    assert rules.due_on(date(2019, 1, 1)) == date(2019, 1, 31), "the earliest rule known"
    assert all(rule.source and rule.days > 0 for rule in rules.DEADLINES)


@pytest.mark.parametrize("kind", rules.SUBJECTS)
def test_what_is_kept_names_its_law_and_its_time(kind: str) -> None:
    erased, kept = rules.erased_and_kept(kind)
    assert erased and kept
    assert {one.key for one in (*erased, *kept)} == {one.key for one in rules.HOLDINGS[kind]}
    assert all(one.kept_for for one in kept) and not any(one.kept_for for one in erased)


def test_every_reason_names_its_source() -> None:
    assert all(sentence and "条" in source for sentence, source in rules.REASONS.values())
