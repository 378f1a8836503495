"""From a gift to the books: rules, drafts, vouchers, fund by fund."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from charity.db import transact
from charity.donations import drafts, service, settings
from charity.donations.models import Donation
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry
from charity.errors import Refused
from charity.ledger import corrections, drafting, setup
from charity.ledger.attachments import store_attachment
from tests.gifts import TODAY, Office, Pay, assert_sound, donor_list, wechat_bill

ZHANG = DonorEntry("person", "张三", phone="13805341234")
FIRM = DonorEntry("company", "德州某某有限公司", credit_code="91371400MA3ABCDE1C")


def gift(amount_fen: int = 10_000, **values: object) -> GiftEntry:
    facts: dict[str, object] = {
        "donor": ZHANG,
        "amount_fen": amount_fen,
        "channel": "bank",
        "place": "B1",
        "received_on": date(2026, 3, 17),
        **values,
    }
    return GiftEntry(**facts)  # type: ignore[arg-type]


def record(office: Office, entry: GiftEntry, key: str = "K1") -> Donation:
    return office.act(service.record_donation, gift=entry, on=TODAY, key=key)


def paper(office: Office, data: bytes = b"agreement") -> str:
    return office.act(
        store_attachment, data=data, name="协议.pdf", media_type="application/pdf", data_dir=office.data_dir
    )


def refusal(office: Office, verb: object, **values: object) -> list[str]:
    with pytest.raises(Refused) as refused:
        office.act(verb, **values)  # type: ignore[arg-type]
    return refused.value.codes


def test_a_gift_with_papers_has_a_voucher_of_its_own_by_rule(office: Office) -> None:
    """P01 and P02: free and restricted money of one gift, each in its fund."""
    entry = gift(parts=(Part("F2", amount_fen=7_000), Part("GEN")), attachments=(paper(office),))
    donation = record(office, entry)
    draft = office.drafts()[0]
    assert (draft.state, draft.ref, donation.draft_id) == ("reviewed", donation.public_no, draft.id)
    assert draft.summary == f"收银行捐赠 {donation.public_no}"
    assert "张三" not in str(draft.lines)
    office.post_all()
    balances = office.ledger.balances()
    assert balances["410102", "F2"] == -7_000
    assert balances["410101", "GEN"] == -3_000
    assert balances["1002", "F2"] == 7_000
    assert_sound(office)


def test_a_gift_without_a_paper_waits_in_the_makers_hands(office: Office) -> None:
    record(office, gift(parts=(Part("F1"),)))
    assert [(draft.state, draft.posting_rule_id) for draft in office.drafts()] == [("draft", None)]


def test_without_a_rule_in_force_a_person_reviews(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.ledger.act(setup.write_posting_rule, "chief", code="P02", text="新版", on=date(2026, 1, 1))
    before = date(2025, 12, 31)
    assert setup.rule_in_force(office.session, office.org_id, "P02", before) is None
    office.session.rollback()
    # What two people approved is not taken back, so the rules are looked for before they began.
    real = setup.rule_in_force
    monkeypatch.setattr(
        drafts, "rule_in_force", lambda own, org_id, code, on: real(own, org_id, code, before)
    )
    record(office, gift(parts=(Part("F1"),), attachments=(paper(office),)))
    draft = office.drafts()[0]
    assert (draft.state, draft.posting_rule_id) == ("draft", None)


def test_agency_money_stands_on_its_own_accounts(office: Office) -> None:
    """P16: Dr 100291 / Cr 2601, per matter."""
    office.ledger.act(
        setup.open_earmark,
        "chief",
        fund="AGENCY",
        code="AG-1",
        name="某小学",
        text="捐赠人指定某小学",
        source="agency",
        on=TODAY,
    )
    record(office, gift(parts=(Part("AGENCY", "AG-1"),), attachments=(paper(office),)))
    office.post_all()
    assert office.ledger.balances() == {("100291", "AGENCY"): 10_000, ("2601", "AGENCY"): -10_000}
    assert office.ledger.guard()["AGENCY/AG-1"] == ("100.00", "0.00")
    assert_sound(office)


def test_the_learned_words_decide_and_unclear_ones_wait(office: Office) -> None:
    free = record(office, gift(stated_purpose="捐款"), "K1")
    unclear = record(office, gift(20_000, stated_purpose="给村里的孩子"), "K2")
    assert (free.is_allocated, free.draft_id is not None) == (True, True)
    assert (unclear.is_allocated, unclear.draft_id) == (False, None)
    office.act(service.allocate, donation_ids=[unclear.id], parts=[Part("F3")], on=TODAY)
    office.session.refresh(unclear)
    assert unclear.draft_id is not None


def test_the_same_form_sent_twice_is_one_gift(office: Office) -> None:
    assert record(office, gift()).id == record(office, gift()).id
    assert len(office.session.scalars(select(Donation)).all()) == 1


def test_a_gift_that_looks_the_same_is_asked_about_once(office: Office) -> None:
    record(office, gift(), "K1")
    assert refusal(office, service.record_donation, gift=gift(), on=TODAY, key="K2") == ["gift_alike"]
    assert record(office, gift(is_another=True), "K2").amount_fen == 10_000


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (gift(0), "gift_amount"),
        (gift(received_on=date(2026, 3, 19)), "gift_future"),
        (gift(channel="pigeon"), "gift_channel_unknown"),
        (gift(donor=DonorEntry("person", "")), "gift_name_missing"),
        (gift(donor=DonorEntry("person", "张" * 500)), "gift_name_long"),
        (gift(donor=DonorEntry("robot", "张三")), "gift_kind_unknown"),
        (gift(donor=DonorEntry("person", "张三", id_number="371402198001010013")), "id_number_wrong"),
        (gift(donor=DonorEntry("company", "某厂", credit_code="51371400MJE0000018")), "credit_code_wrong"),
        (gift(donor=DonorEntry("person", "张三", phone="123")), "phone_wrong"),
        (gift(donor=DonorEntry("person", "张三", account="1")), "account_wrong"),
        (gift(place="XX"), "gift_place_unknown"),
        (gift(publish_as="shout"), "publication_unknown"),
        (gift(donor_id=1), "gift_donor_unknown"),
        (gift(pledge_id=1), "pledge_unknown"),
        (gift(parts=(Part("F9"),)), "gift_fund_unknown"),
        (gift(parts=(Part("F1", "F2"),)), "gift_earmark_unknown"),
        (gift(place="W1", channel="wechat", parts=(Part("AGENCY"),)), "gift_agency_place"),
        (gift(parts=(Part("F1", amount_fen=9_999),)), "allocation_short"),
        (gift(parts=(Part("F1", amount_fen=10_001),)), "allocation_over"),
    ],
)
def test_a_gift_is_refused_for(office: Office, entry: GiftEntry, code: str) -> None:
    assert refusal(office, service.record_donation, gift=entry, on=TODAY, key="K") == [code]
    assert office.session.scalars(select(Donation)).all() == []


def test_recording_needs_the_permission(office: Office) -> None:
    office.permissions = frozenset({"donations.read"})
    assert refusal(office, service.record_donation, gift=gift(), on=TODAY, key="K") == ["permission_missing"]
    assert refusal(office, drafts.draft_donations, on=TODAY) == ["permission_missing"]


def test_a_clerk_who_makes_no_vouchers_leaves_the_gift_to_the_accountant(office: Office) -> None:
    office.permissions = frozenset({"donations.record"})
    donation = record(office, gift())
    assert donation.draft_id is None
    office.permissions = frozenset({"ledger.draft"})
    made = office.act(drafts.draft_donations, on=TODAY)
    assert [draft.total_fen for draft in made] == [10_000]
    assert office.act(drafts.draft_donations, on=TODAY) == []


def test_a_day_of_a_channel_is_one_voucher_and_a_large_gift_its_own(office: Office) -> None:
    pays = [
        Pay("41", "10.00"),
        Pay("42", "20.00"),
        Pay("43", "50000.00"),
        Pay("44", "5.00", at="2026-03-16 23:59:59"),
    ]
    office.book(office.stage(wechat_bill(pays)))
    made = [(draft.voucher_on, draft.total_fen, draft.state) for draft in office.drafts()]
    assert sorted(made) == [
        (date(2026, 3, 16), 500, "reviewed"),
        (date(2026, 3, 17), 3_000, "reviewed"),
        (date(2026, 3, 17), 5_000_000, "reviewed"),
    ]
    many = next(draft for draft in office.drafts() if draft.total_fen == 3_000)
    assert many.summary == "收2026-03-17微信捐赠 2笔"
    assert len([line for line in many.lines if "debit_fen" in line]) == 1
    credits = [line for line in many.lines if "credit_fen" in line]
    assert [line["source_kind"] for line in credits] == ["gift", "gift"]
    assert all("party_id" in line and "source_id" in line for line in credits)


def test_the_limit_of_a_large_gift_is_a_dated_decision(office: Office) -> None:
    values = {"name": "own_voucher_limit_fen", "from_on": date(2026, 3, 1)}
    chief = office.ledger.actor("chief")
    transact(
        lambda own: settings.decide_setting(own, actor=chief, value=1_500, source="理事会决议", **values),  # type: ignore[arg-type]
        session=office.session,
    )
    office.book(office.stage(wechat_bill([Pay("41", "10.00"), Pay("42", "20.00"), Pay("43", "4.00")])))
    assert sorted(draft.total_fen for draft in office.drafts()) == [1_400, 2_000]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "unheard_of"}, "setting_unknown"),
        ({"value": "viel"}, "setting_value"),
        ({"value": 0}, "setting_value"),
        ({"source": " "}, "setting_source"),
    ],
)
def test_a_setting_is_refused_for(office: Office, changes: dict[str, object], code: str) -> None:
    values = {"name": "own_voucher_limit_fen", "value": 1, "from_on": TODAY, "source": "决议", **changes}
    office.permissions = frozenset({"ledger.setup"})
    assert refusal(office, settings.decide_setting, **values) == [code]


def test_a_decision_is_replaced_by_a_later_one_only(office: Office) -> None:
    values = {"name": "interest_fund", "from_on": TODAY, "source": "决议"}
    assert refusal(office, settings.decide_setting, value="F1", **values) == ["permission_missing"]
    office.permissions = frozenset({"ledger.setup"})
    office.act(settings.decide_setting, value="F1", **values)
    assert refusal(office, settings.decide_setting, value="F2", **values) == ["setting_taken"]
    assert settings.setting_of(office.session, office.org_id, "interest_fund", date(2026, 3, 17)) == "GEN"
    assert settings.setting_of(office.session, office.org_id, "interest_fund", TODAY) == "F1"


def test_many_gifts_are_split_into_vouchers_that_the_books_take(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "LINE_LIMIT", 3)
    office.book(office.stage(wechat_bill([Pay(f"42{n}", "1.00") for n in range(8)])))
    assert sorted(len(draft.lines) for draft in office.drafts()) == [3, 4, 4]
    office.post_all()
    assert_sound(office)


def test_a_gift_of_last_month_is_booked_in_it_while_it_is_open(office: Office) -> None:
    donation = record(office, gift(received_on=date(2026, 2, 27)))
    draft = office.drafts()[0]
    assert (draft.voucher_on, draft.month) == (date(2026, 2, 27), 202602)
    assert donation.received_on == date(2026, 2, 27)


def test_a_gift_never_goes_before_a_posted_voucher_of_its_month(office: Office) -> None:
    record(office, gift(attachments=(paper(office),)), "K1")
    office.post_all()
    record(office, gift(20_000, received_on=date(2026, 3, 2)), "K2")
    assert [draft.voucher_on for draft in office.drafts("draft")] == [date(2026, 3, 17)]


def test_a_gift_of_the_last_evening_of_the_year_stays_in_its_year(office: Office) -> None:
    office.ledger.open_months("2026-05", "2026-12")
    office.at = datetime(2027, 1, 2, 2, 0, tzinfo=UTC)
    office.on = date(2027, 1, 2)
    office.ledger.open_months("2027-01", "2027-01")
    data = wechat_bill(
        [Pay("51", "1.00", at="2026-12-31 23:59:59"), Pay("52", "2.00", at="2027-01-01 00:00:00")]
    )
    office.book(office.stage(data))
    gifts = office.session.scalars(select(Donation).order_by(Donation.id)).all()
    assert [row.received_on for row in gifts] == [date(2026, 12, 31), date(2027, 1, 1)]
    assert gifts[0].received_at == datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert [draft.month for draft in office.drafts()] == [202612, 202701]


def test_a_discarded_draft_lets_the_gift_be_allocated_and_drafted_anew(office: Office) -> None:
    donation = record(office, gift(parts=(Part("F1"),)))
    assert refusal(office, service.allocate, donation_ids=[donation.id], parts=[Part("F2")], on=TODAY) == [
        "gift_in_books"
    ]
    draft_id = office.drafts()[0].id
    office.act(drafting.discard_draft, draft_id=draft_id, reason="基金选错", on=TODAY)
    office.act(service.allocate, donation_ids=[donation.id], parts=[Part("F2")], on=TODAY)
    fresh = office.drafts("draft")[0]
    assert fresh.id != draft_id
    assert fresh.lines[0]["fund"] == "F2"


def test_a_reversed_gift_is_drafted_anew_in_its_right_fund(office: Office) -> None:
    donation = record(office, gift(parts=(Part("F1"),), attachments=(paper(office),)))
    gift_id = donation.id
    posted = office.post_all()[0]
    assert refusal(office, service.allocate, donation_ids=[gift_id], parts=[Part("F2")], on=TODAY) == [
        "gift_in_books"
    ]
    red = office.act(corrections.reverse_voucher, voucher_id=posted.voucher_id, on=TODAY)
    office.ledger.run([red])
    assert_sound(office)
    office.act(service.allocate, donation_ids=[gift_id], parts=[Part("F2")], on=TODAY)
    office.post_all()
    assert office.ledger.balances() == {("1002", "F2"): 10_000, ("410102", "F2"): -10_000}
    assert_sound(office)


def test_the_database_keeps_a_posted_gift_as_it_is(office: Office) -> None:
    donation = record(office, gift(parts=(Part("F1"),), attachments=(paper(office),)))
    office.post_all()
    for statement in (
        "UPDATE donations_donation SET amount_fen = 1 WHERE id = :id",
        "UPDATE donations_donation SET received_on = '2026-01-01' WHERE id = :id",
        "DELETE FROM donations_allocation WHERE donation_id = :id",
        "UPDATE donations_allocation SET amount_fen = 1 WHERE donation_id = :id",
        "DELETE FROM donations_donation WHERE id = :id",
    ):
        with pytest.raises(DBAPIError, match="gift_in_posted_voucher|FOREIGN KEY|foreign key"):
            transact(
                lambda own, statement=statement: own.execute(text(statement), {"id": donation.id}),
                session=office.session,
            )


def test_several_gifts_go_to_one_fund_in_one_act(office: Office) -> None:
    data = donor_list([[name, "20", "2026-03-17", "修路", ""] for name in ("甲某", "乙某", "丙某")])
    office.book(office.stage(data, place="C1"))
    ids = list(office.session.scalars(select(Donation.id).where(Donation.is_allocated.is_(False))))
    assert len(ids) == 3
    two = [Part("F1", amount_fen=500), Part("F3")]
    assert refusal(office, service.allocate, donation_ids=ids, parts=two, on=TODAY) == [
        "allocation_split_many"
    ]
    office.act(service.allocate, donation_ids=ids, parts=[Part("F3")], on=TODAY)
    assert [draft.total_fen for draft in office.drafts()] == [6_000]
    office.post_all()
    assert office.ledger.balances() == {("1001", "F3"): 6_000, ("410102", "F3"): -6_000}
    assert_sound(office)


def test_a_gift_that_cannot_be_drafted_says_why_and_does_not_hold_up_the_others(
    office: Office, owner_connection: Connection
) -> None:
    office.book(office.stage(wechat_bill([Pay("41", "1.00")])))
    donation = office.session.scalars(select(Donation)).one()
    assert donation.blocked_by == ""
    office.session.rollback()
    owner_connection.execute(text("UPDATE ledger_account SET until_on = '2026-01-31' WHERE code = '410101'"))
    office.book(office.stage(wechat_bill([Pay("42", "2.00")])))
    blocked = office.session.scalars(select(Donation).where(Donation.reference == "42")).one()
    assert (blocked.draft_id, blocked.blocked_by) == (None, "account_unknown")
