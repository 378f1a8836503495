"""Piles of slips, learned words, unclaimed money, promises, and how a gift is shown."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from charity.donations import claims, pledges, publication, purposes, service, slips
from charity.donations.models import Allocation, Donation, Pledge, PurposeRule, SlipBatch
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry
from charity.donations.slips import Pile, Slip
from charity.errors import Refused
from charity.ledger import setup
from charity.ledger.attachments import read_attachment, store_attachment
from charity.ledger.sealed_models import VoucherLine
from tests.gifts import TODAY, Move, Office, assert_sound, bank_export

ZHANG, LI = DonorEntry("person", "张三", phone="13805341234"), DonorEntry("person", "李四")


def refusal(office: Office, verb: object, **values: object) -> list[str]:
    with pytest.raises(Refused) as refused:
        office.act(verb, **values)  # type: ignore[arg-type]
    return refused.value.codes


def pile(count: int, fen: int) -> Pile:
    return Pile("C1", "cash", date(2026, 3, 17), count, fen)


def enter(office: Office, of: Pile, *rows: Slip, key: str = "K") -> SlipBatch:
    return office.act(slips.book_slips, pile=of, slips=rows, on=TODAY, key=key, data_dir=office.data_dir)


SLIPS = (
    Slip(0, ZHANG, 5_000, "医疗救助", "F2"),
    Slip(1, LI, 3_000, "捐款", reference="0012"),
    Slip(2, DonorEntry("anonymous"), 2_000),
)


def test_a_pile_that_fits_what_was_counted_is_booked_with_its_list(office: Office) -> None:
    batch = enter(office, pile(3, 10_000), *SLIPS)
    assert (batch.slip_count, batch.total_fen) == (3, 10_000)
    drafts = office.drafts()
    assert [(draft.total_fen, draft.state, draft.attachments) for draft in drafts] == [
        (10_000, "reviewed", [batch.sha256])
    ]
    _row, sheet = read_attachment(
        office.session, org_id=office.org_id, sha256=batch.sha256, data_dir=office.data_dir
    )
    text = sheet.decode("utf-8-sig")
    assert "张三" in text
    assert "100.00" in text
    office.post_all()
    assert office.ledger.balances()["1001", "F2"] == 5_000
    assert_sound(office)


def test_the_same_pile_sent_twice_is_one_pile(office: Office) -> None:
    assert enter(office, pile(3, 10_000), *SLIPS).id == enter(office, pile(3, 10_000), *SLIPS).id
    assert len(office.session.scalars(select(Donation)).all()) == 3


@pytest.mark.parametrize(
    ("of", "codes"),
    [
        (pile(4, 10_000), ["slip_count_differs"]),
        (pile(3, 10_001), ["slip_total_differs"]),
        (pile(2, 1), ["slip_count_differs", "slip_total_differs"]),
    ],
)
def test_control_totals_cannot_be_clicked_away(office: Office, of: Pile, codes: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        enter(office, of, *SLIPS)
    assert refused.value.codes == codes
    assert office.session.scalars(select(Donation)).all() == []


def test_a_wrong_slip_is_named_by_its_row_and_nothing_is_kept(office: Office) -> None:
    wrong = Slip(7, DonorEntry("person", "王五", phone="123"), 100, fund="F9")
    with pytest.raises(Refused) as refused:
        enter(office, pile(2, 5_100), SLIPS[0], wrong)
    assert [(problem.code, problem.where) for problem in refused.value.problems] == [
        ("phone_wrong", "slips-7-phone")
    ]
    with pytest.raises(Refused) as refused:
        enter(office, pile(2, 5_100), SLIPS[0], Slip(7, LI, 100, fund="F9"))
    assert [(problem.code, problem.where) for problem in refused.value.problems] == [
        ("gift_fund_unknown", "slips-7-fund")
    ]
    assert office.session.scalars(select(Donation)).all() == []


def test_an_empty_pile_is_refused(office: Office) -> None:
    with pytest.raises(Refused) as refused:
        enter(office, pile(0, 0))
    assert refused.value.codes == ["slips_missing"]


def waiting_gift(office: Office, words: str, key: str) -> Donation:
    entry = GiftEntry(ZHANG, 1_000 + len(key), "bank", "B1", TODAY, stated_purpose=words)
    return office.act(service.record_donation, gift=entry, on=TODAY, key=key)


def test_a_learned_word_allocates_what_waits_and_what_comes(office: Office) -> None:
    first = waiting_gift(office, "给村里修路", "K1")
    assert not first.is_allocated
    rule = office.act(purposes.learn_purpose, keyword="修路", fund="F3", on=TODAY)
    office.session.refresh(first)
    assert (first.is_allocated, first.draft_id is not None) == (True, True)
    part = office.session.scalars(select(Allocation)).one()
    assert part.rule_id == rule.id
    assert waiting_gift(office, "修路款", "K22").is_allocated


def test_a_word_learned_anew_is_a_new_version_and_a_forgotten_one_asks_again(office: Office) -> None:
    first = office.act(purposes.learn_purpose, keyword="修路", fund="F3", on=TODAY)
    second = office.act(purposes.learn_purpose, keyword="修 路", fund="F1", on=TODAY)
    assert (first.version, second.version) == (1, 2)
    office.session.refresh(first)
    assert first.retired_at is not None
    office.act(purposes.forget_purpose, rule_id=second.id)
    assert not waiting_gift(office, "修路", "K1").is_allocated
    assert refusal(office, purposes.forget_purpose, rule_id=second.id) == ["purpose_rule_unknown"]


def test_a_place_can_have_a_default_and_an_earmark_its_word(office: Office) -> None:
    office.ledger.act(
        setup.open_earmark,
        "chief",
        fund="F2",
        code="F2-HEART",
        name="心脏病",
        text="只用于心脏病",
        source="provider",
        on=TODAY,
    )
    office.act(purposes.learn_purpose, keyword="", place="W1", fund="F1", on=TODAY)
    office.act(purposes.learn_purpose, keyword="心脏病", fund="F2", earmark="F2-HEART", on=TODAY)
    rules = office.session.scalars(select(PurposeRule).order_by(PurposeRule.id)).all()
    assert [(rule.keyword, rule.money_place_id != 0) for rule in rules] == [("", True), ("心脏病", False)]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"keyword": "捐款", "fund": "F1"}, "keyword_empty"),
        ({"keyword": "", "fund": "F1"}, "keyword_empty"),
        ({"keyword": "修" * 41, "fund": "F1"}, "keyword_long"),
        ({"keyword": "修路", "fund": "F9"}, "gift_fund_unknown"),
        ({"keyword": "修路", "fund": "F1", "earmark": "F2"}, "gift_earmark_unknown"),
        ({"keyword": "修路", "fund": "F1", "place": "XX"}, "gift_place_unknown"),
        ({"keyword": "修路", "fund": "AGENCY", "place": "W1"}, "gift_agency_place"),
    ],
)
def test_a_word_is_refused_for(office: Office, values: dict[str, str], code: str) -> None:
    assert refusal(office, purposes.learn_purpose, on=TODAY, **values) == [code]


def unclaimed(office: Office) -> Donation:
    file = office.stage(bank_export([Move("800.00", "李某", "")]))
    from charity.imports.service import decide_rows

    office.act(decide_rows, file_id=file.id, row_nos=[2], action="unidentified")
    office.book(file)
    return office.session.scalars(select(Donation)).one()


def claim(office: Office, donation: Donation, **values: object) -> object:
    facts: dict[str, object] = {
        "donation_id": donation.id,
        "donor": ZHANG,
        "parts": [Part("F2", amount_fen=50_000), Part("GEN")],
        "reason": "本人持汇款回单来访",
        "on": TODAY,
        **values,
    }
    return office.act(claims.claim_unidentified, **facts)


def test_unclaimed_money_moves_into_its_funds_once_its_giver_is_known(office: Office) -> None:
    """P53: Dr 220901 / Cr 4101 with the re-tag of cash; the receipt stays as posted."""
    donation = unclaimed(office)
    office.post_all()
    assert_sound(office)
    slip = office.act(
        store_attachment, data=b"slip", name="回单.jpg", media_type="image/jpeg", data_dir=office.data_dir
    )
    claim(office, donation, attachments=(slip,))
    office.session.refresh(donation)
    assert (donation.nature, donation.publish_as) == ("gift", "anonymous")
    assert [draft.state for draft in office.drafts("reviewed")] == ["reviewed"]
    assert_sound(office)
    office.post_all()
    balances = office.ledger.balances()
    assert balances[("1002", "F2")] == 50_000
    assert balances[("410101", "GEN")] == -30_000
    assert ("220901", "GEN") not in balances
    retags = office.session.scalars(select(VoucherLine).where(VoucherLine.is_retag)).all()
    assert len(retags) == 2
    assert_sound(office)


def test_unclaimed_money_can_turn_out_to_be_agency_money(office: Office) -> None:
    donation = unclaimed(office)
    office.post_all()
    claim(office, donation, parts=[Part("AGENCY")])
    draft = office.drafts("draft")[0]
    office.act(_attach, draft_id=draft.id, data_dir=office.data_dir)
    office.post_all()
    assert office.ledger.balances() == {("100291", "AGENCY"): 80_000, ("2601", "AGENCY"): -80_000}
    assert_sound(office)


def _attach(session: object, *, actor: object, draft_id: int, data_dir: Path) -> None:
    """Attach a paper to a draft, as its maker does at the voucher form."""
    from dataclasses import replace

    from charity.ledger.drafting import edit_draft, load_draft
    from charity.ledger.judging import draft_value

    row = load_draft(session, actor.org_id, draft_id)  # type: ignore[attr-defined, arg-type]
    sha = store_attachment(
        session,
        actor=actor,
        data=b"x",
        name="x",
        media_type="",
        data_dir=data_dir,  # type: ignore[arg-type]
    )
    value = replace(draft_value(row), attachments=(sha,))
    edit_draft(session, actor=actor, draft_id=draft_id, version=row.version, draft=value)  # type: ignore[arg-type]


def test_a_claim_is_refused_for(office: Office) -> None:
    donation = unclaimed(office)

    def refused(**values: object) -> list[str]:
        with pytest.raises(Refused) as found:
            claim(office, donation, **values)
        return found.value.codes

    assert refused() == ["claim_not_posted"]
    office.post_all()
    assert refused(reason=" ") == ["claim_reason"]
    assert refused(donation_id=1) == ["donation_unknown"]
    assert refused(donor_id=1) == ["gift_donor_unknown"]
    assert refused(parts=[Part("F9")]) == ["gift_fund_unknown"]
    office.permissions = frozenset({"donations.record"})
    assert refused() == ["permission_missing"]
    office.permissions = frozenset({"ledger.draft"})
    claim(office, donation)
    assert refused() == ["claim_not_waiting"]


def promise(office: Office, **values: object) -> Pledge:
    facts: dict[str, object] = {
        "donor": ZHANG,
        "amount_fen": 20_000_000,
        "promised_on": date(2026, 3, 1),
        "due_on": date(2026, 12, 31),
        **values,
    }
    entry = pledges.PledgeEntry(**facts)  # type: ignore[arg-type]
    return office.act(pledges.record_pledge, pledge=entry, on=TODAY, key="K1")


def test_a_promise_makes_no_entry_and_gifts_name_it(office: Office) -> None:
    """P12."""
    pledge = promise(office)
    assert office.drafts() == []
    assert promise(office).id == pledge.id
    entry = GiftEntry(ZHANG, 5_000, "bank", "B1", TODAY, donor_id=pledge.donor_id, pledge_id=pledge.id)
    gift = office.act(service.record_donation, gift=entry, on=TODAY, key="K2")
    assert gift.pledge_id == pledge.id
    withdrawn = office.act(pledges.withdraw_pledge, pledge_id=pledge.id, reason="企业停产")
    assert withdrawn.state == "withdrawn"
    assert refusal(office, pledges.withdraw_pledge, pledge_id=pledge.id, reason="又") == ["pledge_ended"]
    assert refusal(office, pledges.withdraw_pledge, pledge_id=pledge.id, reason="") == ["reason_missing"]
    assert refusal(office, pledges.withdraw_pledge, pledge_id=1, reason="x") == ["pledge_unknown"]
    again = GiftEntry(ZHANG, 6_000, "bank", "B1", TODAY, donor_id=pledge.donor_id, pledge_id=pledge.id)
    assert refusal(office, service.record_donation, gift=again, on=TODAY, key="K3") == ["pledge_unknown"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"amount_fen": 0}, "pledge_amount"),
        ({"promised_on": TODAY + timedelta(days=1)}, "pledge_future"),
        ({"due_on": date(2026, 2, 28)}, "pledge_due"),
        ({"donor_id": 1}, "gift_donor_unknown"),
    ],
)
def test_a_promise_is_refused_for(office: Office, values: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        promise(office, **values)
    assert refused.value.codes == [code]


def test_how_a_gift_is_shown_changes_with_a_reason(office: Office) -> None:
    gift = office.act(
        service.record_donation, gift=GiftEntry(ZHANG, 1_000, "bank", "B1", TODAY), on=TODAY, key="K"
    )
    values = {"donation_id": gift.id, "publish_as": "name", "shows_amount": False, "reason": "捐赠人来信"}
    version = gift.version
    shown = office.act(publication.set_publication, version=version, **values)
    assert (shown.publish_as, shown.shows_amount) == ("name", False)
    change = publication.set_publication
    assert refusal(office, change, version=version, **values) == ["gift_changed"]
    assert refusal(office, change, version=version + 1, **{**values, "reason": ""}) == ["reason_missing"]
    assert refusal(office, change, version=version + 1, **{**values, "publish_as": "x"}) == [
        "publication_unknown"
    ]


def test_why_a_gift_has_no_receipt_is_recorded(office: Office) -> None:
    gift = office.act(
        service.record_donation, gift=GiftEntry(ZHANG, 1_000, "bank", "B1", TODAY), on=TODAY, key="K"
    )
    state = publication.set_receipt_state
    values = {"donation_id": gift.id, "receipt_state": "waived"}
    assert refusal(office, state, reason=" ", **values) == ["reason_missing"]
    assert office.act(state, reason="电话告知不需要", **values).receipt_state == "waived"
    assert refusal(office, state, donation_id=gift.id, receipt_state="lost", reason="x") == [
        "receipt_state_unknown"
    ]
