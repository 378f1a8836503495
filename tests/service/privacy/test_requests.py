"""A request of a data person from the letter to the answer; what the law keeps is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.donations import donors
from charity.donations.models import Donation, Donor, DonorIdentifier
from charity.donations.service import DonorEntry
from charity.errors import Refused
from charity.privacy import holdings, queries, service
from charity.privacy.models import DataRequest
from charity.privacy.service import Wish
from charity.retention import service as retention
from charity.retention.rules import HoldSpan
from charity.users import service as users
from charity.users.models import User
from tests.builders import OPENED_ON, make_actor, make_org, make_user
from tests.doors import acts
from tests.gifts import NOON, TODAY, Office, donor_list

PHONE, ID_NUMBER, ADDRESS = "13805341234", "371402198001010012", "解放路一号"


@pytest.fixture
def clerk(office: Office) -> Actor:
    rights = ("privacy.read", "privacy.handle", "donations.reveal")
    return make_actor(office.org_id, *rights, at=NOON, user_id=11, name="收件人")


@pytest.fixture
def decider(office: Office) -> Actor:
    return make_actor(office.org_id, "privacy.read", "privacy.decide", at=NOON, user_id=12, name="审批人")


@pytest.fixture
def donor_no(office: Office) -> str:
    """A donor with everything on record, and a gift that was booked."""
    office.book(office.stage(donor_list([["张三", "10", "2026-03-17", "", PHONE]]), place="B1"))
    key = office.session.scalars(
        select(Donor.id).where(Donor.org_id == office.org_id, Donor.name == "张三")
    ).one()
    office.act(
        donors.edit_donor,
        donor_id=key,
        version=1,
        donor=DonorEntry("person", "张三", id_number=ID_NUMBER, address=ADDRESS),
        publish_choice="",
        note="喜欢收到信",
        on=TODAY,
    )
    return donors.public_no_of(office.session, office.org_id, key)


def run(office: Office, work: Any) -> Any:
    return transact(work, session=office.session)


def refusal(office: Office, work: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        run(office, work)
    return caught.value.codes


def record(actor: Actor, number: str, **values: Any) -> Any:
    wish = Wish(
        **(
            {
                "subject_kind": "donor",
                "subject_no": number,
                "kind": "copy",
                "text": "我想知道贵会留有我的哪些信息",
                "received_on": TODAY,
            }
            | values
        )
    )
    return lambda own: service.record_request(own, actor=actor, wish=wish, on=TODAY).public_no


def granted(office: Office, clerk: Actor, decider: Actor, number: str, **values: Any) -> str:
    """Bring a request to its grant; return its number."""
    public_no = run(office, record(clerk, number, **values))
    run(office, lambda own: service.verify_identity(own, actor=clerk, public_no=public_no, how="当面核对"))
    run(
        office,
        lambda own: service.fulfil_request(
            own, actor=decider, public_no=public_no, answer="已办理", on=TODAY
        ),
    )
    return public_no


def test_a_copy_holds_everything_and_each_handing_over_is_logged(
    office: Office, clerk: Actor, decider: Actor, donor_no: str
) -> None:
    number = granted(office, clerk, decider, donor_no)
    row, held = run(office, lambda own: service.copy_for(own, actor=clerk, public_no=number))
    assert row.subject_no == donor_no
    assert held["name"][0]["name"] == "张三"
    assert [one["number"] for one in held["tax_numbers"]] == [ID_NUMBER]
    assert [one["number"] for one in held["contact_numbers"]] == ["+86" + PHONE]
    assert held["address"] == [{"address": ADDRESS}]
    assert [one["amount_yuan"] for one in held["gifts"]] == ["10.00"]
    assert acts(office.session)[-4:] == [
        "privacy.record",
        "privacy.verify",
        "privacy.fulfil",
        "privacy.hand_over",
    ]


def test_a_copy_is_handed_over_once_and_soon(
    office: Office, clerk: Actor, decider: Actor, donor_no: str
) -> None:
    number = granted(office, clerk, decider, donor_no)
    later = replace(clerk, at=NOON + timedelta(days=31))
    assert refusal(office, lambda own: service.copy_for(own, actor=later, public_no=number)) == [
        "request_copy_late"
    ]
    last = replace(clerk, at=NOON + timedelta(days=30))
    assert run(office, lambda own: service.copy_for(own, actor=last, public_no=number))[1]["name"]
    assert refusal(office, lambda own: service.copy_for(own, actor=clerk, public_no=number)) == [
        "request_handed_over"
    ]
    assert acts(office.session).count("privacy.hand_over") == 1


def test_who_may_not_see_numbers_hands_over_no_copy_of_a_donor(
    office: Office, clerk: Actor, decider: Actor, donor_no: str
) -> None:
    number = granted(office, clerk, decider, donor_no)
    administrator = replace(clerk, permissions=frozenset({"privacy.read", "privacy.handle"}))
    assert refusal(office, lambda own: service.copy_for(own, actor=administrator, public_no=number)) == [
        "request_may_not"
    ]
    make_user(office.session, org_id=office.org_id, username="lisi")
    own_number = granted(office, clerk, decider, "lisi", subject_kind="user")
    _row, held = run(office, lambda own: service.copy_for(own, actor=administrator, public_no=own_number))
    assert held["login"][0]["username"] == "lisi"


def test_a_deletion_takes_what_no_law_keeps_and_leaves_the_books(
    office: Office, clerk: Actor, decider: Actor, donor_no: str
) -> None:
    granted(office, clerk, decider, donor_no, kind="erase")
    key = holdings.subject_id(office.session, office.org_id, "donor", donor_no)
    assert key is not None
    held = holdings.gather(office.session, office.org_id, "donor", key)
    assert (held["address"], held["note"], held["contact_numbers"]) == ([], [], [])
    assert held["name"][0]["name"] == "张三" and held["tax_numbers"] and held["gifts"]
    entry = office.session.execute(
        text("SELECT details FROM oplog_entry WHERE act = 'privacy.fulfil'")
    ).scalar_one()
    assert "address" in str(entry) and "receipts" in str(entry)
    assert PHONE not in str(entry) and ADDRESS not in str(entry), "nothing of what went is logged"
    assert office.session.scalars(select(Donation.id).where(Donation.donor_id == key)).all()


@pytest.mark.parametrize(
    ("span", "is_held"),
    [
        (HoldSpan("", 1990, 2200), True),
        (HoldSpan("gifts", 2026, 2026), True),
        (HoldSpan("messages", 2020, 2026), True),
        (HoldSpan("gifts", 1990, 2025), False),
        (HoldSpan("vouchers", 1990, 2200), False),
    ],
)
def test_a_legal_hold_stops_a_deletion_until_it_is_released(
    office: Office, clerk: Actor, decider: Actor, donor_no: str, span: HoldSpan, is_held: bool
) -> None:
    keeper, other = (
        make_actor(office.org_id, "retention.hold", at=NOON, user_id=key, name="保管人") for key in (21, 22)
    )
    hold_id = run(
        office,
        lambda own: retention.place_hold(own, actor=keeper, span=span, reason="（2026）鲁1502民初12号").id,
    )
    number = run(office, record(clerk, donor_no, kind="erase"))
    run(office, lambda own: service.verify_identity(own, actor=clerk, public_no=number, how="当面核对"))

    def decide(own: Session) -> None:
        service.fulfil_request(own, actor=decider, public_no=number, answer="已办理", on=TODAY)

    def phones() -> list[str]:
        office.session.rollback()
        found = select(DonorIdentifier.kind).where(DonorIdentifier.kind == "phone")
        return list(office.session.scalars(found))

    if is_held:
        with pytest.raises(Refused) as caught:
            run(office, decide)
        assert caught.value.codes == ["request_held"]
        assert "鲁1502民初12号" in caught.value.problems[0].sentence()
        assert phones() == ["phone"]
        state = select(DataRequest.state).where(DataRequest.public_no == number)
        assert office.session.scalar(state) == "verified"
        run(
            office,
            lambda own: retention.release_hold(own, actor=other, hold_id=hold_id, reason="案件已结"),
        )
    run(office, decide)
    assert phones() == []


def test_a_merged_donor_is_held_and_erased_as_one(
    office: Office, clerk: Actor, decider: Actor, donor_no: str
) -> None:
    root = holdings.subject_id(office.session, office.org_id, "donor", donor_no)
    other = office.act(donors.add_donor, donor=DonorEntry("person", "张三", phone="13905341234")).id
    office.act(donors.merge_donors, donor_id=other, into_id=root, reason="同一人")
    granted(office, clerk, decider, donor_no, kind="erase")
    office.session.rollback()
    left = office.session.scalars(
        select(DonorIdentifier.kind).where(DonorIdentifier.donor_id.in_([root, other]))
    ).all()
    assert left == ["id_number"]


def test_a_refusal_has_a_reason_the_law_knows(
    office: Office, clerk: Actor, decider: Actor, donor_no: str
) -> None:
    number = run(office, record(clerk, donor_no, kind="erase"))

    def refuse(actor, reason, answer):
        return lambda own: service.refuse_request(
            own, actor=actor, public_no=number, reason=reason, answer=answer
        )

    assert refusal(office, refuse(decider, "because", "x")) == ["request_reason"]
    assert refusal(office, refuse(decider, "retention", " ")) == ["request_answer"]
    assert refusal(office, refuse(clerk, "retention", "x")) == ["request_may_not"]
    run(office, refuse(decider, "retention", "会计档案保管期未满，仅作保存。"))
    found = queries.find_request(office.session, office.org_id, number, TODAY)
    assert found is not None and (found.row.state, found.refusal) == ("refused", "retention")


def test_whoever_writes_a_request_down_does_not_decide(office: Office, clerk: Actor, donor_no: str) -> None:
    both = replace(clerk, permissions=clerk.permissions | {"privacy.decide"})
    number = run(office, record(both, donor_no))
    run(office, lambda own: service.verify_identity(own, actor=both, public_no=number, how="x"))

    def decide(own):
        return service.fulfil_request(own, actor=both, public_no=number, answer="x", on=TODAY)

    assert refusal(office, decide) == ["request_second"]

    def tamper(own: Any) -> None:
        row = own.scalars(select(DataRequest)).one()
        row.state, row.decided_by = "fulfilled", row.recorded_by
        own.flush()

    with pytest.raises(Exception, match="second_person"):
        run(office, tamper)


def test_what_is_not_granted_is_not_handed_over(
    office: Office, clerk: Actor, decider: Actor, donor_no: str
) -> None:
    number = run(office, record(clerk, donor_no))

    def copy(actor):
        return lambda own: service.copy_for(own, actor=actor, public_no=number)

    assert refusal(office, copy(clerk)) == ["request_not_open"]
    assert refusal(office, copy(decider)) == ["request_may_not"]
    run(office, lambda own: service.withdraw_request(own, actor=clerk, public_no=number))
    assert refusal(office, copy(clerk)) == ["request_not_open"]


def test_what_a_request_is_refused_for(office: Office, clerk: Actor, decider: Actor, donor_no: str) -> None:
    assert refusal(office, record(decider, donor_no)) == ["request_may_not"]
    assert refusal(office, record(clerk, donor_no, kind="forget")) == ["request_kind"]
    assert refusal(office, record(clerk, donor_no, text=" ")) == ["request_wish"]
    assert refusal(office, record(clerk, donor_no, received_on=date(2026, 3, 19))) == ["request_day"]
    assert refusal(office, record(clerk, "D-0000-0000-00")) == ["request_subject"]
    assert refusal(office, record(clerk, "nobody", subject_kind="user")) == ["request_subject"]
    number = run(office, record(clerk, donor_no))

    def how(own):
        return service.verify_identity(own, actor=clerk, public_no=number, how=" ")

    assert refusal(office, how) == ["request_how"]

    def gone(own):
        return service.withdraw_request(own, actor=clerk, public_no="P-0")

    assert refusal(office, gone) == ["request_missing"]
    other = replace(clerk, org_id=office.org_id + 1)

    def foreign(own):
        return service.withdraw_request(own, actor=other, public_no=number)

    assert refusal(office, foreign) == ["request_missing"], "of another org there is none"


def test_a_member_of_staff_is_erased_after_leaving(office: Office, clerk: Actor, decider: Actor) -> None:
    make_user(
        office.session,
        org_id=office.org_id,
        username="lisi",
        roles=("coordinator",),
        email="li@example.org",
        phone="13805341234",
    )
    number = run(office, record(clerk, "LiSi", subject_kind="user", kind="erase"))
    run(office, lambda own: service.verify_identity(own, actor=clerk, public_no=number, how="当面"))

    def fulfil(own):
        return service.fulfil_request(own, actor=decider, public_no=number, answer="x", on=TODAY)

    assert refusal(office, fulfil) == ["request_staff"]
    ended = TODAY - timedelta(days=1)
    run(
        office,
        lambda own: users.end_membership(
            own, actor=make_actor(office.org_id), username="lisi", reason="离职", on=ended
        ),
    )
    run(office, fulfil)
    user = office.session.scalars(select(User).where(User.username == "lisi")).one()
    assert (user.email, user.phone, user.display_name) == (None, None, "lisi")
    held = holdings.gather(office.session, office.org_id, "user", user.id)
    assert held["contact"] == held["sessions"] == held["factors"] == []
    assert held["login"][1]["role"] == "coordinator", "who signed what stays"
    assert OPENED_ON < TODAY


def test_wish_and_answer_are_sealed(office: Office, clerk: Actor, decider: Actor, donor_no: str) -> None:
    granted(office, clerk, decider, donor_no)
    office.session.rollback()
    stored = str(office.session.execute(text("SELECT wish, answer FROM privacy_request")).all())
    assert "哪些信息" not in stored and "已办理" not in stored


def test_the_register_shows_what_is_late(office: Office, clerk: Actor, donor_no: str) -> None:
    run(office, record(clerk, donor_no, received_on=date(2026, 2, 1)))
    (row,) = queries.list_requests(office.session, office.org_id, TODAY)
    assert (row.due_on, row.days_late) == (date(2026, 3, 3), 15)


def test_a_login_is_erased_by_the_organisation_that_made_it(
    office: Office, clerk: Actor, decider: Actor
) -> None:
    """Another one, in which the person worked as well, has nothing of it to delete."""
    home = make_org(office.session, code="XJ", name="夏津县慈善总会", name_en="Xiajin")
    make_user(office.session, org_id=home.id, username="lisi", email="li@example.org")
    here, there = make_actor(office.org_id), make_actor(home.id)
    ended = {"username": "lisi", "reason": "离职", "on": TODAY - timedelta(days=1)}
    day = {"username": "lisi", "unit_code": "", "on": OPENED_ON}
    run(office, lambda own: users.add_member(own, actor=here, **day))
    for actor in (there, here):
        run(office, lambda own, who=actor: users.end_membership(own, actor=who, **ended))
    number = run(office, record(clerk, "lisi", subject_kind="user", kind="erase"))
    run(office, lambda own: service.verify_identity(own, actor=clerk, public_no=number, how="当面"))

    def fulfil(own):
        return service.fulfil_request(own, actor=decider, public_no=number, answer="x", on=TODAY)

    assert refusal(office, fulfil) == ["request_elsewhere"]
    user = office.session.scalars(select(User).where(User.username == "lisi")).one()
    assert (user.is_active, user.email) == (False, "li@example.org")
