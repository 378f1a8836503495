"""Logins: made, changed, given passwords; and what stays in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from charity.db import transact
from charity.errors import Refused
from charity.oplog.queries import LogFilter, search_entries, story
from charity.users import queries, service, sign_in
from charity.users.links import LinkClaim
from charity.users.models import User
from charity.users.passwords import new_password, passwords_for
from charity.users.service import Details

if TYPE_CHECKING:
    from tests.service.users.conftest import Office

DAY = date(2026, 3, 18)
CHEAP = passwords_for("test")
GOOD = "correct horse battery"


def codes(work: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.codes


def test_a_new_login_belongs_to_the_org_and_has_no_password(office: Office) -> None:
    office.add("Li.Si", name="李四", email="li@example.org", phone="13800001234", unit_code="371427")
    (member,) = queries.list_members(office.session, office.actor.org_id, DAY)
    assert (member.username, member.name, member.unit_name) == ("li.si", "李四", "夏津县")
    assert (member.has_password, member.has_email, member.roles) == (False, True, ())
    assert office.logged("li.si") == ["users.add_user"]


def test_addresses_are_sealed_and_logged_as_hashes_only(office: Office) -> None:
    office.add("lisi", email="li@example.org", phone="13800001234")
    stored = str(office.session.execute(text("SELECT email, phone FROM users_user")).one())
    logged = str(office.session.execute(text("SELECT * FROM oplog_entry")).all())
    assert "example.org" not in stored + logged and "13800001234" not in stored + logged
    assert queries.contact(office.session, "lisi") == queries.Contact("li@example.org", "+8613800001234")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"username": "X"}, "username_malformed"),
        ({"username": "wang"}, "username_taken"),
        ({"details": Details(" ")}, "user_name_missing"),
        ({"details": Details("李四", email="x")}, "email_malformed"),
        ({"details": Details("李四", phone="x")}, "phone_malformed"),
        ({"details": Details("李四", unit_code="999999")}, "unit_missing"),
    ],
)
def test_what_makes_a_login_unclear_is_refused(office: Office, values: dict[str, Any], code: str) -> None:
    office.add("wang")
    wanted = {"username": "lisi", "details": Details("李四"), **values}
    assert codes(lambda: office.act(service.add_user, **wanted)) == [code]
    assert len(queries.list_members(office.session, office.actor.org_id, DAY)) == 1


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        (service.add_user, {"username": "wang", "details": Details("王五")}),
        (service.add_member, {"username": "lisi", "unit_code": ""}),
        (service.change_user, {"username": "lisi", "details": Details("李四")}),
        (service.grant_role, {"username": "lisi", "role": "cashier", "reason": "x"}),
        (service.revoke_role, {"username": "lisi", "role": "cashier", "reason": "x"}),
        (service.end_membership, {"username": "lisi", "reason": "x"}),
        (service.record_link, {"username": "lisi", "is_mailed": True}),
    ],
)
def test_only_who_manages_logins_manages_them(
    office: Office, verb: Callable[..., Any], values: dict[str, Any]
) -> None:
    cashier = office.add("lisi", "cashier")
    assert codes(lambda: office.act(verb, actor=cashier, **values)) == ["users_may_not"]


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        (service.change_user, {"details": Details("李四")}),
        (service.grant_role, {"role": "cashier", "reason": "x"}),
        (service.revoke_role, {"role": "cashier", "reason": "x"}),
        (service.end_membership, {"reason": "x"}),
        (service.record_link, {"is_mailed": True}),
    ],
)
def test_people_of_another_org_are_not_there(
    office: Office, other: Office, verb: Callable[..., Any], values: dict[str, Any]
) -> None:
    other.add("lisi", "cashier")
    assert codes(lambda: office.act(verb, username="lisi", **values)) == ["user_missing"]
    assert codes(lambda: office.act(verb, username="nobody", **values)) == ["user_missing"]
    assert queries.find_member(office.session, office.actor.org_id, "lisi", DAY) is None


def test_details_are_changed_with_old_and_new_in_the_log(office: Office) -> None:
    office.add("lisi", email="li@example.org")
    wanted = Details("李思", email="new@example.org", unit_code="371427")
    office.act(service.change_user, username="lisi", details=wanted)
    (changed, _) = story(office.session, office.actor.org_id, "user", "lisi")
    assert changed.details["display_name"] == {"old": "李四", "new": "李思"}
    assert changed.details["unit"] == {"old": "", "new": "371427"}
    assert set(changed.details["email_hash"]) == {"old", "new"}
    assert [m.name for m in queries.list_members(office.session, office.actor.org_id, DAY, text="lisi")] == [
        "李思"
    ]


def test_saving_details_unchanged_leaves_no_entry(office: Office) -> None:
    office.add("lisi", email="li@example.org")
    office.act(service.change_user, username="lisi", details=Details("李四", email="li@example.org"))
    assert office.logged("lisi") == ["users.add_user"]


@pytest.mark.parametrize("wanted", ["李", "lisi", "ls", "li.si"])
def test_people_are_found_by_name_pinyin_initials_and_login(office: Office, wanted: str) -> None:
    office.add("li.si", name="李四")
    office.add("wangwu", name="王五")
    found = queries.list_members(office.session, office.actor.org_id, DAY, text=wanted)
    assert [member.name for member in found] == ["李四"]


def test_people_stand_in_the_order_of_their_pinyin(office: Office) -> None:
    for username, name in (("zhang", "张三"), ("an", "安然"), ("wang", "王五"), ("shan", "单雄")):
        office.add(username, name=name)
    names = [member.name for member in queries.list_members(office.session, office.actor.org_id, DAY)]
    assert names == ["安然", "单雄", "王五", "张三"]


def test_those_who_left_are_listed_when_asked_for(office: Office) -> None:
    office.add("lisi")
    office.act(service.end_membership, username="lisi", reason="退休")
    tomorrow = DAY + timedelta(days=1)
    assert queries.list_members(office.session, office.actor.org_id, tomorrow) == ()
    (member,) = queries.list_members(office.session, office.actor.org_id, tomorrow, with_former=True)
    assert not member.is_current


def test_the_own_password_is_changed_and_other_sessions_end(office: Office) -> None:
    lisi = office.add("lisi", "cashier")
    choose(office, "lisi")
    before = queries.credentials(office.session, "lisi")
    assert before is not None
    new = new_password(CHEAP, "lisi", "another horse battery")
    transact(
        lambda own: service.change_password(own, actor=lisi, seen_epoch=before.user.session_epoch, new=new),
        session=office.session,
    )
    after = queries.credentials(office.session, "lisi")
    assert after is not None and CHEAP.matches(after.password_hash, "another horse battery")
    assert queries.user_of_session(office.session, before.user.get_id()) is None
    assert office.logged("lisi")[0] == "users.change_password"


def test_a_password_changed_meanwhile_is_not_changed_over(office: Office) -> None:
    lisi = office.add("lisi")
    new = new_password(CHEAP, "lisi", GOOD)
    work = lambda: transact(  # noqa: E731
        lambda own: service.change_password(own, actor=lisi, seen_epoch=99, new=new), session=office.session
    )
    assert codes(work) == ["password_wrong"]


def choose(office: Office, username: str, **values: Any) -> User:
    found = queries.credentials(office.session, username)
    epoch = found.user.session_epoch if found else 1
    claim = LinkClaim(**{"username": username, "epoch": epoch, "until": office.actor.at, **values})
    new = new_password(CHEAP, username, GOOD)
    anonymous = replace(office.actor, permissions=frozenset(), name="")
    return transact(
        lambda own: service.choose_password(own, actor=anonymous, claim=claim, new=new),
        session=office.session,
    )


def test_a_link_works_once(office: Office) -> None:
    office.add("lisi")
    choose(office, "lisi", epoch=1)
    assert codes(lambda: choose(office, "lisi", epoch=1)) == ["link_expired"]
    entries = search_entries(office.session, office.actor.org_id, LogFilter(act="users.choose_password")).rows
    assert [row.user_name for row in entries] == ["李四"]


def test_a_link_of_one_who_has_left_is_spent(office: Office) -> None:
    office.add("lisi")
    office.act(service.end_membership, username="lisi", reason="退休")
    assert codes(lambda: choose(office, "lisi")) == ["link_expired"]
    assert codes(lambda: choose(office, "nobody")) == ["link_expired"]


def test_making_a_link_for_somebody_is_logged(office: Office) -> None:
    office.add("lisi")
    office.act(service.record_link, username="lisi", is_mailed=False)
    assert office.logged("lisi")[0] == "users.make_link"


def test_who_changed_the_address_makes_no_link_at_once(office: Office) -> None:
    office.add("lisi", email="li@example.org")
    office.act(service.change_user, username="lisi", details=Details("李四", email="wang@example.org"))
    link = {"username": "lisi", "is_mailed": True}
    assert codes(lambda: office.act(service.record_link, **link)) == ["link_too_soon"]


def test_the_language_is_one_of_those_there_are(office: Office) -> None:
    lisi = office.add("lisi")
    known = frozenset({"en", "zh_Hans"})

    def choose_language(code: str) -> None:
        transact(
            lambda own: service.choose_language(own, actor=lisi, language=code, known=known),
            session=office.session,
        )

    choose_language("en")
    found = queries.credentials(office.session, "lisi")
    assert found is not None and found.user.language == "en"
    choose_language("")
    assert codes(lambda: choose_language("tlh")) == ["language_unknown"]


def test_a_refused_sign_in_keeps_a_known_name_and_only_a_hash_of_anything_else(office: Office) -> None:
    office.add("lisi")
    nobody = replace(office.actor, name="", permissions=frozenset())

    def refused(own: Session) -> None:
        sign_in.record_refusal(own, actor=nobody, username="lisi", is_known=True)
        sign_in.record_refusal(own, actor=nobody, username="my password 123", is_known=False)

    transact(refused, session=office.session)
    wrong_field, known = search_entries(
        office.session, office.actor.org_id, LogFilter(act="users.sign_in_refused")
    ).rows
    assert known.subject_no == "lisi"
    assert "password" not in str(wrong_field) and len(wrong_field.details["username_hash"]) == 64


def test_a_sign_in_and_a_sign_out_stand_in_the_log_under_the_persons_name(office: Office) -> None:
    lisi = office.add("lisi")
    found = queries.credentials(office.session, "lisi")
    assert found is not None
    nobody = replace(office.actor, name="", permissions=frozenset())
    transact(
        lambda own: sign_in.record_sign_in(own, actor=nobody, user=found.user, new_hash="$new"),
        session=office.session,
    )
    transact(lambda own: sign_in.record_sign_out(own, actor=lisi, user=found.user), session=office.session)
    rows = search_entries(office.session, office.actor.org_id, LogFilter(who="李四")).rows
    assert [row.act for row in rows] == ["users.sign_out", "users.sign_in"]
    renewed = queries.credentials(office.session, "lisi")
    assert renewed is not None and renewed.password_hash == "$new"


def test_a_link_is_mailed_to_known_active_people_with_an_address_only(office: Office) -> None:
    office.add("mailed", email="li@example.org")
    office.add("mailless")
    office.add("gone", email="gone@example.org")
    office.act(service.end_membership, username="gone", reason="退休")
    nobody = replace(office.actor, name="", permissions=frozenset())

    def ask(username: str) -> object:
        return transact(
            lambda own: sign_in.mailable_user(own, actor=nobody, username=username), session=office.session
        )

    found = ask("mailed")
    assert isinstance(found, tuple) and found[1] == "li@example.org"
    assert [ask(name) for name in ("mailless", "gone", "nobody")] == [None, None, None]
    assert office.logged("mailed")[0] == "users.ask_link"


def test_a_session_cookie_names_no_inner_key(office: Office) -> None:
    office.add("li.si")
    found = queries.credentials(office.session, "li.si")
    assert found is not None
    assert found.user.get_id() == "1.li.si"
    assert queries.user_of_session(office.session, "1.li.si") == found.user
    for broken in ("", "1", "2.li.si", "x.li.si", "1.nobody"):
        assert queries.user_of_session(office.session, broken) is None
