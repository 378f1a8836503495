"""Roles: who may give what to whom, what excludes what, and who may still act."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor, prepare_engine, transact
from charity.errors import Refused
from charity.ids import new_id
from charity.users import queries, rules, service
from charity.users.models import RoleGrant
from charity.users.passwords import passwords_for

if TYPE_CHECKING:
    from tests.service.users.conftest import Office

DAY = date(2026, 3, 18)
CHEAP = passwords_for("test")
GOOD = "correct horse battery"


def codes(work: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.codes


def test_a_role_counts_with_the_next_request(office: Office) -> None:
    office.add("lisi")
    assert office.person("lisi").permissions == frozenset()
    office.grant("lisi", "cashier")
    assert office.person("lisi").may("ledger.sign")
    assert office.logged("lisi") == ["users.grant_role", "users.add_user"]


def test_roles_that_exclude_one_another_by_law_are_refused(office: Office) -> None:
    office.add("lisi", "cashier")
    assert codes(lambda: office.grant("lisi", "reviewer")) == ["cashier_reviews", "cashier_posts"]
    assert office.roles("lisi") == ("cashier",)


def test_after_the_first_is_taken_back_the_other_can_be_given(office: Office) -> None:
    office.add("lisi", "cashier")
    office.act(service.revoke_role, username="lisi", role="cashier", reason="轮岗")
    office.grant("lisi", "reviewer")
    assert office.roles("lisi") == ("reviewer",)
    grants = queries.grants_of(office.session, office.actor.org_id, "lisi")
    assert [(grant.role, grant.revoke_reason) for grant in grants] == [("reviewer", ""), ("cashier", "轮岗")]


def test_roles_in_two_orgs_are_judged_apart(office: Office, other: Office) -> None:
    office.add("lisi", "cashier")
    other.act(service.add_member, username="lisi", unit_code="")
    other.grant("lisi", "reviewer")
    assert (office.roles("lisi"), other.roles("lisi")) == (("cashier",), ("reviewer",))
    assert not office.person("lisi").may("ledger.review")


def test_the_database_itself_holds_a_role_to_one_grant_and_not_to_oneself(office: Office) -> None:
    lisi = office.add("lisi", "cashier")
    row = {"org_id": office.actor.org_id, "id": new_id(), "user_id": lisi.user_id, "role": "cashier",
           "reason": "x", "granted_by": 0, "granted_at": office.actor.at, "revoke_reason": ""}  # fmt: skip
    for values in (row, {**row, "role": "coordinator", "granted_by": lisi.user_id}):
        with pytest.raises(IntegrityError):
            transact(
                lambda own, values=values: own.execute(insert(RoleGrant), values), session=office.session
            )


def test_nobody_gives_a_role_to_himself(office: Office) -> None:
    boss = office.add("boss", "administrator")
    assert codes(lambda: office.grant("boss", "coordinator", actor=boss)) == ["grant_to_self"]


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        (service.grant_role, {"role": "coordinator"}),
        (service.revoke_role, {"role": "cashier"}),
        (service.end_membership, {}),
    ],
)
def test_a_reason_is_asked_for(office: Office, verb: Callable[..., Any], values: dict[str, Any]) -> None:
    office.add("lisi", "cashier")
    assert codes(lambda: office.act(verb, username="lisi", reason="  ", **values)) == ["reason_missing"]


def test_a_role_that_is_not_held_cannot_be_taken_back(office: Office) -> None:
    office.add("lisi")
    work = lambda: office.act(service.revoke_role, username="lisi", role="cashier", reason="x")  # noqa: E731
    assert codes(work) == ["role_not_held"]


def test_the_last_administrator_stays(office: Office) -> None:
    first = office.add("first", "administrator")

    def revoke(username: str) -> None:
        office.act(service.revoke_role, username=username, role="administrator", reason="x")

    assert codes(lambda: revoke("first")) == ["administrator_last"]
    assert codes(lambda: office.act(service.end_membership, username="first", reason="x")) == [
        "administrator_last"
    ]
    office.add("second", "administrator")
    office.act(service.end_membership, username="second", reason="离职", actor=first)
    assert codes(lambda: revoke("first")) == ["administrator_last"], "one who has left does not count"
    office.add("third", "administrator")
    revoke("first")
    assert office.roles("third") == ("administrator",)


def test_nobody_ends_the_own_membership(office: Office) -> None:
    boss = office.add("boss", "administrator")
    work = lambda: office.act(service.end_membership, actor=boss, username="boss", reason="x")  # noqa: E731
    assert codes(work) == ["self_ended"]


def test_who_leaves_loses_roles_and_login_at_once(office: Office) -> None:
    lisi = office.add("lisi", "cashier")
    found = queries.credentials(office.session, "lisi")
    assert found is not None
    cookie = found.user.get_id()
    assert queries.user_of_session(office.session, cookie) is not None
    office.act(service.end_membership, username="lisi", reason="退休")
    assert queries.user_of_session(office.session, cookie) is None
    assert queries.actor_of(office.session, lisi.org_id, lisi.user_id, office.actor.at) is None
    member = queries.find_member(office.session, lisi.org_id, "lisi", DAY)
    assert member is not None and (member.is_current, member.roles) == (False, ())
    assert office.logged("lisi")[0] == "users.end_membership"


def test_who_leaves_one_org_stays_in_the_other(office: Office, other: Office) -> None:
    office.add("lisi", "cashier")
    other.act(service.add_member, username="lisi", unit_code="371427")
    other.grant("lisi", "reviewer")
    office.act(service.end_membership, username="lisi", reason="调动")
    assert other.person("lisi").may("ledger.review")
    found = queries.credentials(office.session, "lisi")
    assert found is not None and found.is_active


def test_who_has_left_is_given_nothing_until_taken_in_again(office: Office) -> None:
    office.add("lisi", "cashier")
    office.act(service.end_membership, username="lisi", reason="退休", on=DAY - timedelta(days=0))
    tomorrow = DAY + timedelta(days=1)
    assert codes(lambda: office.grant("lisi", "cashier", on=tomorrow)) == ["member_missing"]
    office.act(service.add_member, username="lisi", unit_code="", on=tomorrow)
    office.grant("lisi", "cashier", on=tomorrow)
    member = queries.find_member(office.session, office.actor.org_id, "lisi", tomorrow)
    assert member is not None and (member.is_current, member.roles) == (True, ("cashier",))


def test_an_end_by_mistake_is_undone_the_same_day(office: Office) -> None:
    office.add("lisi", "cashier")
    office.act(service.end_membership, username="lisi", reason="弄错了人")
    office.act(service.add_member, username="lisi", unit_code="371427")
    member = queries.find_member(office.session, office.actor.org_id, "lisi", DAY)
    assert member is not None
    assert (member.is_current, member.until_on, member.unit_code, member.roles) == (True, None, "371427", ())


def test_a_member_is_not_taken_in_twice(office: Office) -> None:
    office.add("lisi")
    work = lambda: office.act(service.add_member, username="lisi", unit_code="")  # noqa: E731
    assert codes(work) == ["member_already"]
    work = lambda: office.act(service.add_member, username="nobody", unit_code="")  # noqa: E731
    assert codes(work) == ["username_unknown"]


def test_a_membership_holds_from_its_first_day_to_its_last(office: Office) -> None:
    lisi = office.add("lisi", "cashier")
    org_id = office.actor.org_id
    assert queries.standing(office.session, org_id, lisi.user_id, DAY - timedelta(days=1)) is None
    assert queries.standing(office.session, org_id, lisi.user_id, DAY) is not None


def test_the_self_check_sees_who_works_here(office: Office) -> None:
    def problems() -> list[str]:
        found = rules.check_staff(queries.staff(office.session, office.actor.org_id, DAY))
        return [problem.code for problem in found]

    office.add("zhang", "accountant", name="张三")
    office.add("wang", "chief_accountant", name="王五")
    assert problems() == ["staff_no_cashier", "staff_one_administrator"]
    office.add("li", "cashier", name="李四")
    office.add("a1", "administrator", name="赵一")
    office.add("a2", "administrator", name="赵一")
    assert problems() == []
    assert list(queries.staff(office.session, office.actor.org_id, DAY)) == [
        "李四", "王五", "张三", "赵一 (a1)", "赵一 (a2)",
    ]  # fmt: skip


def test_no_permission_in_an_org_one_does_not_belong_to(office: Office, other: Office) -> None:
    lisi = office.add("lisi", "cashier")
    assert queries.standing(office.session, other.actor.org_id, lisi.user_id, DAY) is None
    assert queries.actor_of(office.session, other.actor.org_id, lisi.user_id, office.actor.at) is None


@pytest.mark.parametrize("way", ["revoke_role", "end_membership"])
def test_of_two_administrators_who_remove_each_other_at_once_one_stays(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """On PostgreSQL both stand before the question who is left; SQLite lets one write at a time."""
    first, second = (office.add(name, "administrator", name=name) for name in ("zhao", "qian"))
    start, met, results = threading.Barrier(2), list[int](), list[str]()
    is_last = queries.is_last_administrator
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    is_parallel = engine.dialect.name == "postgresql"

    def judged(*values: Any) -> bool:
        if is_parallel and len(met) < 2:  # once each, however often a transaction is tried again
            met.append(1)
            start.wait()
        return is_last(*values)

    def run(actor: Actor, username: str) -> None:
        values: dict[str, Any] = {"username": username, "reason": "轮岗", "on": DAY}
        if way == "revoke_role":
            values["role"] = "administrator"
        with Session(engine) as own:
            if not is_parallel:
                start.wait()
            try:
                transact(lambda it: getattr(service, way)(it, actor=actor, **values), session=own)
                results.append("done")
            except Refused as refused:
                results.extend(refused.codes)

    monkeypatch.setattr(queries, "is_last_administrator", judged)
    pairs = [(first, "qian"), (second, "zhao")]
    threads = [threading.Thread(target=run, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    office.session.rollback()
    assert sorted(results) == ["administrator_last", "done"]
    left = queries.staff(office.session, office.actor.org_id, DAY)
    assert [roles for roles in left.values() if roles] == [frozenset({"administrator"})]
