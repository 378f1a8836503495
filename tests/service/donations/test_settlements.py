"""Platforms: gifts in full, payouts by fund, fees on general money, refunds against their gift."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from charity.db import transact
from charity.donations import purposes, refunds, service, settings
from charity.donations.models import BankItem, Donation, Refund, Settlement
from charity.donations.refunds import NewRefund
from charity.errors import Problem, Refused
from charity.imports import service as import_service
from tests.gifts import TODAY, Move, Office, Pay, assert_sound, bank_export, wechat_bill

TENPAY = "财付通支付科技有限公司"


@pytest.fixture
def platform(office: Office) -> Office:
    """Two days of WeChat: F2 100.00 and GEN 50.00 on the 16th, F1 30.00 on the 17th; 0.6 % fee."""
    for word, fund in (("医疗", "F2"), ("急难", "F1")):
        office.act(purposes.learn_purpose, keyword=word, fund=fund, on=TODAY)
    first = [
        Pay("41", "100.00", "医疗救助", "2026-03-16 10:00:00", "o1", "0.60"),
        Pay("42", "50.00", "捐款", "2026-03-16 11:00:00", "o2", "0.30"),
    ]
    second = [Pay("43", "30.00", "急难救助", "2026-03-17 10:00:00", "o3", "0.18")]
    office.book(office.stage(wechat_bill(first)))
    office.book(office.stage(wechat_bill(second)))
    return office


def payout(yuan: str, at: str = "2026-03-18 09:00:00", words: str = "微信支付结算款") -> Move:
    return Move(yuan, TENPAY, words, at)


GENERAL = """
2026-03-01 普通捐款
  借 1002@B1  100.00  GEN
  贷 410101   100.00  GEN"""


def pay_out(office: Office, *moves: Move, opening: str = "100000.00") -> list[tuple[str, str]]:
    file = office.stage(bank_export(moves, opening=opening))
    office.book(file)
    return [(row.state, row.reason) for row in office.rows(file)]


def test_a_payout_of_two_days_gives_each_fund_its_own(platform: Office) -> None:
    """149.10 and 29.82 arrive together; the fee of 1.08 stands on general money."""
    assert pay_out(platform, payout("178.92")) == [("booked", "")]
    platform.post_all()
    assert platform.ledger.balances() == {
        ("1002", "F1"): 3_000,
        ("1002", "F2"): 10_000,
        ("1002", "GEN"): 4_892,
        ("410101", "GEN"): -5_000,
        ("410102", "F1"): -3_000,
        ("410102", "F2"): -10_000,
        ("540101", "GEN"): 108,
    }
    settled = platform.session.scalars(select(Settlement)).one()
    assert (settled.net_fen, settled.fee_fen) == (17_892, 108)
    assert (settled.from_on, settled.until_on) == (date(2026, 3, 16), date(2026, 3, 17))
    assert_sound(platform)


def test_a_payout_that_the_bills_explain_counts_as_reviewed(platform: Office) -> None:
    pay_out(platform, payout("149.10"))
    draft = next(draft for draft in platform.drafts() if "结算" in draft.summary)
    assert (draft.state, draft.posting_rule_id is not None) == ("reviewed", True)


def test_payouts_in_the_wrong_order_each_pay_their_day(platform: Office) -> None:
    platform.ledger.post(GENERAL)
    assert pay_out(platform, payout("29.82"), payout("149.10", "2026-03-18 10:00:00")) == [("booked", "")] * 2
    platform.post_all()
    assert ("100901", "F1") not in platform.ledger.balances()
    assert_sound(platform)


def test_two_payouts_of_one_morning_do_not_take_the_same_money(platform: Office) -> None:
    pay_out(platform, payout("149.10"))
    assert pay_out(platform, payout("149.10"), opening="7.00") == [("parked", "settlement_uncovered")]


def test_a_payout_before_its_bill_is_parked_until_the_bill_is_booked(office: Office) -> None:
    file = office.stage(bank_export([payout("9.94")]))
    office.book(file)
    assert [(row.state, row.reason) for row in office.rows(file)] == [("parked", "settlement_uncovered")]
    office.book(office.stage(wechat_bill([Pay("41", "10.00", fee="0.06")])))
    office.book(file)
    assert [row.state for row in office.rows(file)] == ["booked"]
    office.post_all()
    assert office.ledger.balances()["1002", "GEN"] == 994
    assert_sound(office)


def test_a_payout_no_day_explains_asks_for_the_fee(platform: Office) -> None:
    file = platform.stage(bank_export([payout("120.00")]))
    platform.book(file)
    row = platform.rows(file)[0]
    assert (row.state, row.reason) == ("parked", "settlement_differs")
    assert row.reason_params == {"net": "120.00", "nearest": "149.10", "place": "募捐平台"}
    platform.act(
        import_service.decide_rows, file_id=file.id, row_nos=[2], action="settlement", params={"fee_fen": 72}
    )
    platform.book(file)
    draft = next(draft for draft in platform.drafts() if "结算" in draft.summary)
    assert (draft.state, draft.posting_rule_id) == ("draft", None)
    platform.post_all()
    # The oldest day first: all of F2's 100.00, then 20.72 of general money.
    assert platform.ledger.balances()["100901", "GEN"] == 2_928
    assert ("100901", "F2") not in platform.ledger.balances()
    assert_sound(platform)


def test_a_fee_below_zero_is_refused(platform: Office) -> None:
    file = platform.stage(bank_export([payout("120.00")]))
    platform.act(
        import_service.decide_rows, file_id=file.id, row_nos=[2], action="settlement", params={"fee_fen": -1}
    )
    platform.book(file)
    assert platform.rows(file)[0].reason == "settlement_fee"


def test_a_filed_plan_lets_its_fund_bear_the_fee(platform: Office) -> None:
    chief = platform.ledger.actor("chief")
    transact(
        lambda own: settings.decide_setting(
            own,
            actor=chief,
            name="fee_plans",
            value={"F1": "51371400MJE000001-A26001"},
            from_on=date(2026, 3, 1),
            source="募捐方案备案",
        ),
        session=platform.session,
    )
    pay_out(platform, payout("178.92"))
    platform.post_all()
    balances = platform.ledger.balances()
    assert (balances["540102", "F1"], balances["540101", "GEN"]) == (18, 90)
    assert balances["1002", "F1"] == 2_982
    assert_sound(platform)


def test_a_refund_takes_back_what_its_gift_brought(platform: Office) -> None:
    file = platform.stage(
        wechat_bill([Pay("41", "20.00", refund_no="91", fee="-0.12", at="2026-03-17 12:00:00")])
    )
    assert [(row.verdict, row.action) for row in platform.rows(file)] == [("refund", "refund")]
    platform.book(file)
    refund = platform.session.scalars(select(Refund)).one()
    assert (refund.amount_fen, refund.fee_back_fen, refund.parts) == (2_000, 12, [["F2", "F2", 2_000]])
    draft = platform.drafts("draft")[0]
    assert draft.summary.startswith("退还捐赠 D-")
    assert draft.posting_rule_id is None
    assert pay_out(platform, payout("159.04")) == [("booked", "")]
    platform.post_all()
    balances = platform.ledger.balances()
    assert (balances["410102", "F2"], balances["1002", "F2"]) == (-8_000, 8_000)
    assert_sound(platform)


def test_a_refund_is_never_more_than_what_is_left_of_its_gift(platform: Office) -> None:
    platform.book(platform.stage(wechat_bill([Pay("41", "60.00", refund_no="91")])))
    file = platform.stage(wechat_bill([Pay("41", "60.00", refund_no="92")]))
    platform.book(file)
    row = platform.rows(file)[0]
    assert (row.state, row.reason, row.reason_params) == ("parked", "refund_too_large", {"left": "40.00"})


def test_a_refund_whose_gift_is_not_known_asks(platform: Office) -> None:
    file = platform.stage(wechat_bill([Pay("999", "1.00", refund_no="91")]))
    assert [(row.verdict, row.reason) for row in platform.rows(file)] == [("ask", "row_refund_unmatched")]
    platform.act(import_service.decide_rows, file_id=file.id, row_nos=[2], action="refund")
    platform.book(file)
    assert platform.rows(file)[0].reason == "refund_gift_unknown"


def test_a_refund_waits_while_the_platform_holds_too_little(platform: Office) -> None:
    pay_out(platform, payout("178.92"))
    file = platform.stage(wechat_bill([Pay("41", "20.00", refund_no="91")]))
    platform.book(file)
    row = platform.rows(file)[0]
    assert (row.state, row.reason) == ("parked", "refund_uncovered")


def record_refund(office: Office, gift_id: int, fen: int, **values: object) -> int | Problem:
    refund = NewRefund(
        **{  # type: ignore[arg-type]
            "donation_id": gift_id,
            "amount_fen": fen,
            "on": TODAY,
            "place": "B1",
            "reason": "捐赠人撤回",
            "event_key": f"form:{fen}",
            **values,
        }
    )
    return office.act(refunds.record_refund, refund=refund, on=TODAY)


def test_a_refund_needs_a_reason_a_posted_gift_and_a_known_giver(platform: Office) -> None:
    gift_id = platform.session.scalars(select(Donation.id).where(Donation.reference == "41")).one()
    with pytest.raises(Refused) as refused:
        record_refund(platform, gift_id, 100, reason=" ")
    assert refused.value.codes == ["reason_missing"]
    with pytest.raises(Refused) as refused:
        record_refund(platform, 1, 100)
    assert refused.value.codes == ["donation_unknown"]
    platform.permissions = frozenset({"donations.record"})
    with pytest.raises(Refused) as refused:
        record_refund(platform, gift_id, 100)
    assert refused.value.codes == ["permission_missing"]
    donor = service.DonorEntry("person", "李四")
    entry = service.GiftEntry(donor, 500, "bank", "B1", TODAY)
    waiting = platform.act(service.record_donation, gift=entry, on=TODAY, key="K9")
    unknown = service.GiftEntry(donor, 700, "bank", "B1", TODAY, is_unidentified=True)
    unclaimed = platform.act(service.record_donation, gift=unknown, on=TODAY, key="K8")
    platform.permissions = frozenset({"ledger.draft"})
    for gift, code in ((waiting, "refund_not_posted"), (unclaimed, "refund_unidentified")):
        became = record_refund(platform, gift.id, 100)
        assert isinstance(became, Problem)
        assert became.code == code


def test_interest_fees_and_returned_transfers_are_drafted_for_a_person(office: Office) -> None:
    office.ledger.post(GENERAL)
    office.ledger.post(
        """
2026-03-01 拨入
  借 1002@B1  1,000.00  F1
  贷 410102   1,000.00  F1

2026-03-02 救助
  借 510102     300.00  F1
  贷 1002@B1    300.00  F1"""
    )
    moves = [
        Move("12.34", "", "结息"),
        Move("5.00", "", "手续费", is_out=True),
        Move("300.00", "某某", "退汇 户名不符"),
    ]
    file = office.stage(bank_export(moves))
    assert office.verdicts(file) == ["interest", "fee", "returned"]
    assert office.rows(file)[2].target == "2026-03 记-0003"
    office.book(file)
    assert {draft.state for draft in office.drafts() if draft.batch_id} == {"draft"}
    office.post_all()
    balances = office.ledger.balances()
    assert (balances["490101", "GEN"], balances["530101", "GEN"]) == (-1_234, 500)
    assert (balances["2209", "F1"], balances["1002", "F1"]) == (-30_000, 100_000)
    item = office.session.scalars(select(BankItem).where(BankItem.kind == "returned")).one()
    assert item.original_voucher_id is not None
    assert_sound(office)


def test_a_returned_transfer_without_its_payment_asks(office: Office) -> None:
    file = office.stage(bank_export([Move("300.00", "某某", "退汇")]))
    assert [(row.verdict, row.reason) for row in office.rows(file)] == [("ask", "row_return_unmatched")]


def test_interest_follows_the_dated_decision(office: Office) -> None:
    chief = office.ledger.actor("chief")
    transact(
        lambda own: settings.decide_setting(
            own, actor=chief, name="interest_fund", value="F3", from_on=date(2026, 3, 1), source="协议"
        ),
        session=office.session,
    )
    office.book(office.stage(bank_export([Move("12.34", "", "结息")])))
    office.post_all()
    assert office.ledger.balances() == {("1002", "F3"): 1_234, ("490102", "F3"): -1_234}
