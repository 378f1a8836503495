"""Donors are matched where they surely are one, proposed where they may be, merged by people."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from charity.donations import donors, service
from charity.donations.models import Donation, Donor, DonorIdentifier
from charity.donations.service import DonorEntry
from charity.errors import Refused
from charity.ledger.models import Party
from charity.oplog.models import OpLogEntry
from tests.gifts import TODAY, Move, Office, Pay, assert_sound, bank_export, donor_list, wechat_bill

PHONE, OTHER_PHONE = "13805341234", "13905341234"
ID_NUMBER = "371402198001010012"


def add(office: Office, name: str = "张三", kind: str = "person", **values: str) -> int:
    return office.act(donors.add_donor, donor=DonorEntry(kind, name, **values)).id


def book_list(office: Office, *rows: tuple[str, ...], yuan: str = "10") -> list[int]:
    """Book a list of donors and return whom each gift belongs to."""
    data = donor_list([[name, yuan, "2026-03-17", "", phone] for name, phone in rows])
    file = office.stage(data, place="B1")
    office.book(file)
    query = select(Donation.donor_id).where(Donation.source_id == file.id).order_by(Donation.row_no)
    return list(office.session.scalars(query))


def pairs(office: Office) -> list[tuple[int, int, bool, tuple[str, ...]]]:
    office.session.rollback()
    found = donors.propose_duplicates(office.session, office.org_id)
    return [(pair.first_id, pair.second_id, pair.is_likely, pair.reasons) for pair in found]


def refusal(office: Office, verb: object, **values: object) -> list[str]:
    with pytest.raises(Refused) as refused:
        office.act(verb, **values)  # type: ignore[arg-type]
    return refused.value.codes


def test_a_donor_is_a_handle_in_the_ledger_that_tells_nothing(office: Office) -> None:
    donor_id = add(office)
    party = office.session.get_one(Party, (office.org_id, donor_id))
    assert party.kind == "person"
    assert party.public_no.startswith("P-")


def test_the_same_name_and_phone_are_the_same_giver(office: Office) -> None:
    known = add(office, phone=PHONE)
    assert book_list(office, ("张三", PHONE), ("张三", PHONE)) == [known, known]


def test_the_same_name_alone_is_a_new_giver_and_a_question(office: Office) -> None:
    known = add(office)
    first, second = book_list(office, ("张三", ""), ("张三", OTHER_PHONE))
    assert len({known, first, second}) == 3
    assert {(pair[0], pair[2], pair[3]) for pair in pairs(office)} == {(known, False, ("name",))}


def test_the_same_phone_under_another_name_is_a_question(office: Office) -> None:
    first = add(office, phone=PHONE)
    second = book_list(office, ("李四", PHONE))[0]
    assert pairs(office) == [(first, second, False, ("phone",))]


def test_one_identity_number_with_two_names_is_likely_one_person(office: Office) -> None:
    first = add(office, "张三", id_number=ID_NUMBER)
    second = add(office, "张叁", id_number=ID_NUMBER)
    assert pairs(office) == [(first, second, True, ("id_number",))]


def test_two_records_with_name_and_phone_in_common_are_likely_one(office: Office) -> None:
    first, second = add(office, phone=PHONE), add(office, phone=PHONE)
    assert pairs(office) == [(first, second, True, ("name", "phone"))]


def test_the_same_name_with_another_identity_number_is_another_person(office: Office) -> None:
    add(office, phone=PHONE, id_number=ID_NUMBER)
    other = service.DonorEntry("person", "张三", phone=PHONE, id_number="371421201506300027")
    entry = service.GiftEntry(other, 1_000, "bank", "B1", TODAY)
    gift = office.act(service.record_donation, gift=entry, on=TODAY, key="K")
    assert gift.donor_id != office.session.scalars(select(Donor.id).order_by(Donor.id)).first()


def test_a_body_is_known_by_its_full_name(office: Office) -> None:
    moves = [Move("10.00", "德州某某有限公司", "捐款"), Move("20.00", "德州某某 有限公司", "捐款")]
    office.book(office.stage(bank_export(moves)))
    firm = office.session.scalars(select(Donor)).one()
    assert (firm.kind, firm.name) == ("company", "德州某某有限公司")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("德州某某建设集团有限公司", "company"),
        ("德州市民政局", "public_body"),
        ("某某实验小学", "public_body"),
        ("德州市某某商会", "organisation"),
        ("王五", "person"),
    ],
)
def test_the_kind_of_a_giver_shows_in_the_name(office: Office, name: str, kind: str) -> None:
    office.book(office.stage(bank_export([Move("10.00", name, "捐款")])))
    assert office.session.scalars(select(Donor.kind)).one() == kind


def test_a_payer_of_a_platform_is_known_by_the_account_alone(office: Office) -> None:
    pays = [
        Pay("41", "1.00", payer="openid-a"),
        Pay("42", "2.00", payer="openid-b"),
        Pay("43", "3.00", payer="openid-a"),
    ]
    office.book(office.stage(wechat_bill(pays)))
    ids = list(office.session.scalars(select(Donation.donor_id).order_by(Donation.row_no)))
    assert ids[0] == ids[2] != ids[1]
    assert {donor.kind for donor in office.session.scalars(select(Donor))} == {"person"}
    assert set(office.session.scalars(select(Donation.publish_as))) == {"anonymous"}


def test_givers_of_whom_nothing_is_known_share_one_record(office: Office) -> None:
    first, second = book_list(office, ("爱心人士", ""), ("无名氏", ""))
    assert first == second
    donor = office.session.get_one(Donor, (office.org_id, first))
    assert (donor.kind, donor.name) == ("anonymous", "")


def test_numbers_are_sealed_and_matched_by_their_hash(office: Office) -> None:
    add(office, phone=PHONE, id_number=ID_NUMBER)
    raw = str(
        office.session.connection().exec_driver_sql("SELECT value, masked FROM donations_identifier").all()
    )
    assert PHONE not in raw
    assert ID_NUMBER not in raw
    assert "138****1234" in raw


def test_a_merge_moves_nothing_and_can_be_undone(office: Office) -> None:
    gifts = book_list(office, ("张三", PHONE), ("张三", OTHER_PHONE))
    office.post_all()
    first, second = gifts
    office.act(donors.merge_donors, donor_id=second, into_id=first, reason="本人电话确认")
    office.session.expire_all()
    assert office.session.get_one(Donor, (office.org_id, second)).root_id == first
    assert list(office.session.scalars(select(Donation.donor_id).order_by(Donation.row_no))) == gifts
    assert pairs(office) == []
    assert book_list(office, ("张三", OTHER_PHONE), yuan="11") == [first]
    office.act(donors.part_donor, donor_id=second, reason="看错了")
    office.session.expire_all()
    assert office.session.get_one(Donor, (office.org_id, second)).root_id == second
    assert_sound(office)


def test_parting_takes_along_what_was_merged_before(office: Office) -> None:
    a, b, c = (add(office, name) for name in ("张三", "张叁", "章三"))
    office.act(donors.merge_donors, donor_id=a, into_id=b, reason="同一人")
    office.act(donors.merge_donors, donor_id=b, into_id=c, reason="同一人")
    assert {donor.root_id for donor in office.session.scalars(select(Donor))} == {c}
    office.act(donors.part_donor, donor_id=b, reason="不是同一人")
    roots = {donor.id: donor.root_id for donor in office.session.scalars(select(Donor))}
    assert roots == {a: b, b: b, c: c}


def test_donors_found_to_be_different_are_not_proposed_again(office: Office) -> None:
    first, second = add(office, phone=PHONE), add(office, phone=PHONE)
    office.act(donors.keep_distinct, donor_id=second, other_id=first, reason="父子同名")
    assert pairs(office) == []


def test_a_merge_is_refused_for(office: Office) -> None:
    person, other, firm = add(office), add(office, "李四"), add(office, "某公司", "company")
    nobody = book_list(office, ("爱心人士", ""))[0]
    merge = donors.merge_donors
    assert refusal(office, merge, donor_id=person, into_id=other, reason=" ") == ["reason_missing"]
    assert refusal(office, merge, donor_id=person, into_id=person, reason="x") == ["donor_same"]
    assert refusal(office, merge, donor_id=person, into_id=1, reason="x") == ["donor_unknown"]
    assert refusal(office, merge, donor_id=person, into_id=nobody, reason="x") == ["donor_shared"]
    assert refusal(office, merge, donor_id=person, into_id=firm, reason="x") == ["donor_kinds_differ"]
    office.act(merge, donor_id=person, into_id=other, reason="x")
    third = add(office, "王五")
    assert refusal(office, merge, donor_id=third, into_id=person, reason="x") == ["donor_merged"]


def test_parting_and_keeping_apart_are_refused_for(office: Office) -> None:
    person = add(office)
    assert refusal(office, donors.part_donor, donor_id=person, reason="x") == ["donor_not_merged"]
    assert refusal(office, donors.part_donor, donor_id=person, reason="") == ["reason_missing"]
    keep = donors.keep_distinct
    assert refusal(office, keep, donor_id=person, other_id=person, reason="x") == ["donor_same"]
    assert refusal(office, keep, donor_id=person, other_id=1, reason="x") == ["donor_unknown"]
    assert refusal(office, keep, donor_id=person, other_id=person, reason="") == ["reason_missing"]


def test_a_donor_is_edited_by_one_person_at_a_time(office: Office) -> None:
    donor_id = add(office)
    values = {"donor": DonorEntry("person", "张三丰", phone=PHONE), "note": "", "on": TODAY}
    edited = office.act(donors.edit_donor, donor_id=donor_id, version=1, publish_choice="masked", **values)
    assert (edited.name, edited.publish_choice, edited.chosen_on) == ("张三丰", "masked", TODAY)
    edit = {"donor_id": donor_id, "publish_choice": "", **values}
    assert refusal(office, donors.edit_donor, version=1, **edit) == ["donor_changed"]
    edit["publish_choice"] = "shout"
    assert refusal(office, donors.edit_donor, version=2, **edit) == ["publication_unknown"]
    gift = book_list(office, ("张三丰", PHONE))
    assert gift == [donor_id]
    assert office.session.scalars(select(Donation.publish_as)).one() == "masked"


def test_the_record_of_unknown_givers_stays_as_it_is(office: Office) -> None:
    nobody = book_list(office, ("爱心人士", ""))[0]
    values = {"donor": DonorEntry("person", "张三"), "note": "", "on": TODAY, "publish_choice": ""}
    assert refusal(office, donors.edit_donor, donor_id=nobody, version=1, **values) == ["donor_shared"]


def test_a_number_is_revealed_with_a_reason_that_stays(office: Office) -> None:
    donor_id = add(office, phone=PHONE)
    number = office.session.scalars(select(DonorIdentifier)).one()
    reveal = donors.reveal_identifier
    values = {"donor_id": donor_id, "identifier_id": number.id}
    assert refusal(office, reveal, reason=" ", **values) == ["reason_missing"]
    assert refusal(office, reveal, donor_id=1, identifier_id=number.id, reason="x") == ["identifier_unknown"]
    assert office.act(reveal, reason="电话回访", **values) == "+8613805341234"
    entry = office.session.scalars(select(OpLogEntry).where(OpLogEntry.act == "donations.reveal")).one()
    assert entry.details["reason"] == "电话回访"
    assert PHONE not in str(entry.details)
    office.permissions = frozenset({"donations.record"})
    assert refusal(office, reveal, reason="x", **values) == ["permission_missing"]


def test_a_clerk_sees_who_has_the_same_name(office: Office) -> None:
    donor_id = add(office)
    found = donors.similar_donors(office.session, office.org_id, " 张　三 ")
    assert [donor.id for donor in found] == [donor_id]
    assert donors.similar_donors(office.session, office.org_id, "") == ()
