"""The life of a draft walked whole: each state by each act, and who must not take which step."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from charity.ledger import states
from charity.ledger.states import DraftFacts

#: State → act → state after it; every other act is refused.
LIFE = {
    "draft": {"edit": "draft", "submit": "submitted", "discard": "discarded"},
    "submitted": {"recall": "draft", "review": "reviewed", "return": "draft"},
    "reviewed": {"return": "draft", "sign": "signed", "post": "posted"},
    "signed": {"return": "draft", "post": "posted"},
    "posted": {},
    "discarded": {},
}
#: Act → the permission it asks for.
RIGHTS = {
    "edit": "ledger.draft",
    "submit": "ledger.draft",
    "recall": "ledger.draft",
    "review": "ledger.review",
    "return": "ledger.review",
    "sign": "ledger.sign",
    "post": "ledger.post",
    "discard": "ledger.draft",
}
ALL = frozenset(RIGHTS.values())
MAKER, EARLIER_MAKER, REVIEWER, CASHIER, STRANGER = 11, 10, 12, 13, 14


def draft(state: str, **changes: object) -> DraftFacts:
    """Return a money voucher that two people wrote and the right others signed so far."""
    signed = {"reviewer_id": None, "cashier_id": None}
    if state in ("reviewed", "signed", "posted"):
        signed["reviewer_id"] = REVIEWER
    if state in ("signed", "posted"):
        signed["cashier_id"] = CASHIER
    facts = DraftFacts(state, True, False, MAKER, frozenset({EARLIER_MAKER, MAKER}), **signed)
    return replace(facts, **changes)  # type: ignore[arg-type]


def answer(act: str, facts: DraftFacts, actor_id: int, rights: frozenset[str] = ALL) -> list[str]:
    """Return the codes of a step's refusal; the state after it where it is allowed."""
    problems = states.check_step(act, facts, actor_id, rights)
    return [problem.code for problem in problems] or [states.next_state(facts.state, act)]


def who_may(state: str, act: str) -> int:
    """Return somebody who stands in nobody's way."""
    return MAKER if act == "recall" else STRANGER


def test_the_table_names_every_state_and_every_act() -> None:
    assert set(LIFE) == set(states.STATES) == set(states.STATE_LABELS)
    assert set(RIGHTS) == set(states.ACTS) == set(states.ACT_LABELS)


@pytest.mark.parametrize(("state", "act"), list(product(LIFE, RIGHTS)))
def test_every_act_in_every_state(state: str, act: str) -> None:
    expected = LIFE[state].get(act, "draft_wrong_state")
    if (state, act) == ("reviewed", "post"):
        expected = "cashier_missing"
    assert answer(act, draft(state), who_may(state, act)) == [expected]


@pytest.mark.parametrize(("state", "act"), list(product(LIFE, RIGHTS)))
def test_without_the_right_no_act_is_taken_in_any_state(state: str, act: str) -> None:
    expected = "permission_missing" if act in LIFE[state] else "draft_wrong_state"
    assert answer(act, draft(state), who_may(state, act), ALL - {RIGHTS[act]}) == [expected]


#: (act, who takes it) → why not; whoever else takes it may.
SAME_PERSON = {
    ("review", MAKER): "maker_is_reviewer",
    ("review", EARLIER_MAKER): "maker_is_reviewer",
    ("sign", MAKER): "maker_is_cashier",
    ("sign", EARLIER_MAKER): "maker_is_cashier",
    ("sign", REVIEWER): "reviewer_is_cashier",
    ("post", MAKER): "maker_is_poster",
    ("post", EARLIER_MAKER): "maker_is_poster",
    ("post", CASHIER): "cashier_is_poster",
    ("recall", EARLIER_MAKER): "only_maker_recalls",
    ("recall", REVIEWER): "only_maker_recalls",
    ("recall", CASHIER): "only_maker_recalls",
    ("recall", STRANGER): "only_maker_recalls",
}
#: Act → the state in which it is tried.
FROM = {
    "edit": "draft",
    "submit": "draft",
    "recall": "submitted",
    "review": "submitted",
    "return": "signed",
    "sign": "reviewed",
    "post": "signed",
    "discard": "draft",
}


@pytest.mark.parametrize(
    ("act", "actor_id"), list(product(RIGHTS, (MAKER, EARLIER_MAKER, REVIEWER, CASHIER, STRANGER)))
)
def test_whoever_took_an_earlier_step_does_not_take_this_one(act: str, actor_id: int) -> None:
    """Maker, reviewer, cashier and poster, by law (会计法 art. 35); everybody holds every right here."""
    expected = SAME_PERSON.get((act, actor_id), LIFE[FROM[act]][act])
    assert answer(act, draft(FROM[act]), actor_id) == [expected]


def test_what_moves_no_money_is_posted_without_the_cashier_and_not_signed() -> None:
    facts = draft("reviewed", has_money=False)
    assert answer("post", facts, STRANGER) == ["posted"]
    assert answer("sign", facts, STRANGER) == ["draft_wrong_state"]


def test_what_nobody_reviewed_is_posted_only_when_an_approved_rule_made_it() -> None:
    facts = draft("reviewed", has_money=False, reviewer_id=None)
    assert answer("post", facts, STRANGER) == ["reviewer_missing"]
    assert answer("post", replace(facts, is_rule_made=True), STRANGER) == ["posted"]
