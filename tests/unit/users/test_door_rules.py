"""Who must have a second factor, when it is asked again, who may take one off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from charity.users import door_rules as rules
from charity.users.door_rules import Policy
from charity.users.rules import ROLES

AT = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Policy(), Policy(), Policy()),
        (Policy("money"), Policy(), Policy("money")),
        (Policy("money"), Policy("everyone"), Policy("everyone")),
        (Policy("money", 0), Policy("offered", 30), Policy("money", 30)),
        (Policy("offered", 15), Policy("offered", 30), Policy("offered", 15)),
    ],
)
def test_the_stricter_of_setting_and_org_holds(one: Policy, other: Policy, both: Policy) -> None:
    assert rules.stricter(one, other) == rules.stricter(other, one) == both


@pytest.mark.parametrize("role", ROLES)
def test_whoever_books_moves_money_or_gives_roles_is_asked(role: str) -> None:
    money = {"accountant", "reviewer", "chief_accountant", "cashier", "approver", "administrator"}
    assert rules.is_demanded(Policy("money"), [role]) is (role in money)
    assert rules.is_demanded(Policy("everyone"), [role])
    assert not rules.is_demanded(Policy(), [role])
    assert rules.is_demanded(Policy("offered", 30), [role]) is (role in money), "else no act could be proved"


@pytest.mark.parametrize(
    ("minutes", "age_min", "is_fresh"), [(0, None, True), (30, None, False), (30, 30, True), (30, 31, False)]
)
def test_a_proof_grows_old(minutes: int, age_min: int | None, is_fresh: bool) -> None:
    proved_at = None if age_min is None else AT - timedelta(minutes=age_min)
    assert rules.proof_is_fresh(Policy("money", minutes), proved_at, AT) is is_fresh


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (Policy("sometimes"), "policy_unknown"),
        (Policy("money", 4), "step_up_range"),
        (Policy("money", 721), "step_up_range"),
        (Policy("money", -5), "step_up_range"),
    ],
)
def test_a_policy_out_of_range_is_refused(policy: Policy, code: str) -> None:
    assert [problem.code for problem in rules.check_policy(policy)] == [code]
    assert rules.check_policy(Policy("money", 30)) == rules.check_policy(Policy()) == []


def test_a_reset_takes_two_people_and_neither_is_the_person() -> None:
    """The whole product: who asks, who acts, which act, in which state."""
    person, first, second = 1, 2, 3
    for state, act, actor in product(("asked", "done", "declined"), ("confirm", "decline"), (1, 2, 3)):
        found = rules.check_reset(
            state=state, act=act, user_id=person, asked_by=first, actor_id=actor, asked_at=AT, at=AT
        )
        codes = [problem.code for problem in found]
        if state != "asked":
            assert codes == ["reset_missing"]
        elif actor == person:
            assert codes == ["reset_of_self"]
        elif actor == first and act == "confirm":
            assert codes == ["reset_needs_second"]
        else:
            assert codes == []
            assert actor == second or act == "decline"


def test_a_reset_waits_a_day_and_can_be_declined_after_that() -> None:
    late = AT + timedelta(hours=24, seconds=1)
    for act, codes in (("confirm", ["reset_expired"]), ("decline", [])):
        found = rules.check_reset(
            state="asked", act=act, user_id=1, asked_by=2, actor_id=3, asked_at=AT, at=late
        )
        assert [problem.code for problem in found] == codes


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/130.0 MicroMessenger/8.0", "WeChat · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Safari/604.1", "Safari · iPhone"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_a_device_is_named_as_far_as_its_browser_tells(agent: str, words: str) -> None:
    assert rules.device_words(agent) == words


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://charity.example", ("charity.example", "https://charity.example")),
        ("https://charity.example:8443/books", ("charity.example", "https://charity.example:8443")),
        ("http://localhost:5000", ("localhost", "http://localhost:5000")),
        ("http://charity.example", None),
        ("https://10.0.0.5", None),
        ("http://127.0.0.1:5000", None),
        ("https://[::1]:5000", None),
    ],
)
def test_passkeys_need_a_name_and_tls_or_localhost(address: str, site: tuple[str, str] | None) -> None:
    assert rules.passkey_site(address) == site
