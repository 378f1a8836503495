"""Roles: what they may do, which exclude one another by law, who can run a month."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.users import rules
from charity.users.rules import ROLES, check_grant, permissions_of

ALL = sorted(ROLES)

#: What two roles held by one person are refused for, in either order. Whatever is not
#: here may be combined. The first block is law.
REFUSED = {
    ("cashier", "reviewer"): ["cashier_reviews", "cashier_posts"],
    ("cashier", "chief_accountant"): ["cashier_reviews", "cashier_posts"],
    ("cashier", "archivist"): ["cashier_keeps_archive"],
    ("cashier", "accountant"): ["cashier_makes"],
    ("accountant", "reviewer"): ["maker_reviews", "maker_posts"],
    ("accountant", "chief_accountant"): ["maker_reviews", "maker_posts"],
    ("chief_accountant", "reviewer"): ["rule_author_approves"],
    ("chief_accountant", "approver"): ["rule_author_approves"],
    ("cashier", "approver"): ["payer_approves"],
    ("case_worker", "approver"): ["intake_approves"],
    ("case_worker", "cashier"): ["intake_pays"],
    ("cashier", "gift_clerk"): ["cashier_records_gifts"],
    **{
        ("administrator", role): ["administrator_keeps_books"]
        for role in (
            "accountant", "reviewer", "cashier", "chief_accountant", "approver", "gift_clerk", "archivist",
        )
    },
    **{
        (watcher, role): ["watcher_acts"]
        for watcher in ("supervisor", "auditor")
        for role in ALL
        if role != watcher
    },
}  # fmt: skip


def expected(first: str, second: str) -> list[str]:
    return REFUSED.get((first, second)) or REFUSED.get((second, first)) or []


@pytest.mark.parametrize(("held", "asked"), list(permutations(ALL, 2)))
def test_every_pair_of_roles(held: str, asked: str) -> None:
    assert [problem.code for problem in check_grant([held], asked)] == expected(held, asked)


def test_the_first_role_is_never_refused() -> None:
    assert [role for role in ALL if check_grant([], role)] == []


def test_an_unknown_role_is_refused() -> None:
    assert [problem.code for problem in check_grant([], "wizard")] == ["role_unknown"]


def test_a_role_held_already_is_refused() -> None:
    assert [problem.code for problem in check_grant(["cashier"], "cashier")] == ["role_held"]


def test_a_role_of_another_version_excludes_nothing_and_allows_nothing() -> None:
    assert check_grant(["wizard"], "cashier") == []
    assert permissions_of(["wizard"]) == frozenset()
    assert rules.duties_of(["wizard"]) == frozenset()


def test_refusals_by_law_name_the_law_and_come_first() -> None:
    (first, *_) = check_grant(["accountant", "gift_clerk"], "cashier")
    assert first.code == "cashier_makes" and "Accounting Law 2024, art. 35" in first.sentence()


def test_every_permission_has_words_and_a_role_that_gives_it() -> None:
    assert permissions_of(ALL) == set(rules.PERMISSIONS)


@pytest.mark.parametrize(
    ("permission", "duty"),
    [
        ("ledger.draft", "make"),
        ("imports.book", "make"),
        ("ledger.review", "review"),
        ("ledger.sign", "cash"),
        ("ledger.post", "post"),
        ("ledger.setup", "write_rules"),
        ("ledger.approve_rule", "approve_rules"),
        ("donations.record", "record_gifts"),
        ("users.manage", "administer"),
    ],
)
def test_a_permission_and_the_duty_the_law_separates_go_together(permission: str, duty: str) -> None:
    for role in ROLES.values():
        assert (permission in role.permissions) == (duty in role.duties), role.code


@pytest.mark.parametrize("role", ["supervisor", "auditor"])
def test_a_watcher_reads_everything_and_changes_nothing(role: str) -> None:
    reads = {code for code in rules.PERMISSIONS if code.endswith(".read")}
    assert ROLES[role].permissions == reads


def test_an_administrator_has_no_say_in_the_books() -> None:
    of_books = ("ledger.", "imports.", "donations.", "receipts.", "disclosure.")
    assert not [code for code in ROLES["administrator"].permissions if code.startswith(of_books)]


@given(st.lists(st.sampled_from(ALL), max_size=6))
def test_roles_granted_one_by_one_never_join_duties_the_law_separates(asked: list[str]) -> None:
    held: list[str] = []
    for role in asked:
        if not check_grant(held, role):
            held.append(role)
    duties = rules.duties_of(held)
    assert not [pair for pair in rules.CONFLICTS if set(pair) <= duties]
    assert "watch" not in duties or len(held) == 1
    permissions = permissions_of(held)
    assert not {"ledger.sign", "ledger.review"} <= permissions
    assert not {"ledger.sign", "ledger.draft"} <= permissions
    assert not {"ledger.draft", "ledger.review"} <= permissions
    assert not {"ledger.draft", "ledger.post"} <= permissions
    assert not {"users.manage", "ledger.draft"} <= permissions


def test_a_combination_that_stands_already_is_named() -> None:
    codes = [problem.code for problem in rules.check_roles(["cashier", "accountant", "wizard"])]
    assert codes == ["cashier_makes"]
    assert rules.check_roles(["accountant", "gift_clerk"]) == []


#: Offices that can run a month. 张 makes, 王 reviews and posts, 李 is the cashier.
STAFFED = [
    {"张": {"accountant"}, "王": {"reviewer"}, "李": {"cashier"}},
    {"张": {"accountant"}, "王": {"chief_accountant"}, "李": {"cashier"}},
    {"张": {"accountant", "gift_clerk"}, "王": {"chief_accountant"}, "李": {"cashier"}, "赵": {"approver"}},
    {"张": {"accountant"}, "王": {"reviewer"}, "李": {"cashier"}, "赵": {"chief_accountant"}},
    {"张": {"accountant"}, "王": {"reviewer"}, "李": {"cashier", "coordinator"}, "赵": {"administrator"}},
]

SHORT = [
    ({}, ["staff_no_maker", "staff_no_reviewer", "staff_no_cashier", "staff_no_poster", "staff_no_closer"]),
    ({"王": {"reviewer"}, "李": {"cashier"}}, ["staff_no_maker"]),
    ({"张": {"accountant"}, "李": {"cashier"}}, ["staff_no_reviewer", "staff_no_poster", "staff_no_closer"]),
    ({"张": {"accountant"}, "王": {"reviewer"}}, ["staff_no_cashier"]),
    # Combinations that cannot be granted, but may stand in an older database.
    ({"张": {"accountant", "cashier"}, "王": {"reviewer"}}, ["staff_too_few"]),
    ({"张": {"accountant", "reviewer", "cashier"}}, ["staff_too_few"]),
]


@pytest.mark.parametrize("staff", STAFFED)
def test_three_or_four_people_run_a_month(staff: dict[str, set[str]]) -> None:
    assert rules.can_run_month(staff) == []
    found = rules.find_staffing(staff)
    assert found is not None
    assert len({found.maker, found.reviewer, found.cashier}) == 3
    assert found.poster not in (found.maker, found.cashier)


@pytest.mark.parametrize("staff", STAFFED)
def test_the_roles_of_such_an_office_can_be_granted(staff: dict[str, set[str]]) -> None:
    assert [rules.check_roles(roles) for roles in staff.values()] == [[] for _ in staff]


@pytest.mark.parametrize(("staff", "codes"), SHORT)
def test_what_an_office_lacks_is_named(staff: dict[str, set[str]], codes: list[str]) -> None:
    assert [problem.code for problem in rules.can_run_month(staff)] == codes


def test_two_people_never_run_a_month() -> None:
    grantable = [
        roles for size in (1, 2, 3) for roles in combinations(ALL, size) if not rules.check_roles(roles)
    ]
    for first in grantable:
        for second in grantable:
            assert rules.can_run_month({"张": set(first), "王": set(second)}) != []


def test_a_single_administrator_is_warned_of() -> None:
    staff = {**STAFFED[0], "赵": {"administrator"}}
    assert [problem.code for problem in rules.check_staff(staff)] == ["staff_one_administrator"]
    assert rules.check_staff({**staff, "钱": {"administrator"}}) == []
