"""Refusals of gifts that no story of their own tells: rows that are no gift, papers that are missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from charity.donations import claims, refunds, service, slips
from charity.donations.refunds import NewRefund
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry
from charity.donations.slips import Pile, Slip
from charity.errors import Problem, Refused
from charity.imports.service import decide_rows
from charity.ledger import drafting, setup
from charity.ledger.judging import draft_value
from tests.books import PAPER
from tests.gifts import TODAY, Move, Office, bank_export, donor_list

pytestmark = pytest.mark.sqlite_only

OWN = "9999000088888888"
LI = DonorEntry("person", "李四")

#: (row of a statement, verdict, why); the gift without a word for its fund is booked and waits for one.
ROWS = [
    (Move("5.00", "甲", "捐款", at="2026-03-19 10:00:00"), "error", "row_future"),
    (Move("5.00", "甲" * 201, "捐款"), "error", "row_name_long"),
    (Move("5.00", "市财政局", "捐款 补助资金"), "ask", "row_may_be_grant"),
    (Move("5.00", "甲公司", "房租"), "ask", "row_may_not_be_gift"),
    (Move("5.00", "本会", "捐款", account=OWN), "other", "row_own_transfer"),
    (Move("5.00", "某商店", "货款", is_out=True), "other", "row_money_out"),
    (Move("5.00", "甲", "捐款"), "new", ""),
]


def test_a_row_that_is_no_gift_says_why(office: Office) -> None:
    office.open_account("B9", "一般户", OWN)
    file = office.stage(bank_export([move for move, *_ in ROWS]), place="B1")
    assert [(row.verdict, row.reason) for row in office.rows(file)] == [(what, why) for _, what, why in ROWS]


def test_a_gift_of_unclear_purpose_is_booked_and_waits_for_its_fund(office: Office) -> None:
    file = office.stage(donor_list([["甲", "5", "2026-03-17", "某村的路", ""]]), "list.csv", place="B1")
    (row,) = office.rows(file)
    assert (row.verdict, row.reason, row.target) == ("new", "purpose_unclear", "?")


def test_a_payout_of_nobody_known_is_parked_though_a_person_decided_it(office: Office) -> None:
    """Two platforms have a place, and the row names neither."""
    values = {"code": "W2", "name": "第二平台", "kind": "merchant", "account": "100901"}
    office.ledger.act(setup.open_money_place, "chief", on=date(2026, 1, 1), **values)
    file = office.stage(bank_export([Move("5.00", "某支付有限公司", "结算款")]))
    assert office.verdicts(file) == ["ask"]
    office.act(decide_rows, file_id=file.id, row_nos=[2], action="settlement")
    office.book(file)
    (row,) = office.rows(file)
    assert (row.state, row.reason) == ("parked", "settlement_place_unknown")


def test_a_slip_without_a_name_is_named_by_its_row(office: Office) -> None:
    of = Pile("C1", "cash", date(2026, 3, 17), 2, 300)
    rows = (Slip(0, LI, 100), Slip(1, DonorEntry("person", ""), 200))
    with pytest.raises(Refused) as caught:
        office.act(slips.book_slips, pile=of, slips=rows, on=TODAY, key="K", data_dir=office.data_dir)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("slip_name_missing", "slips-1-name")


def test_money_is_not_given_back_without_a_paper(office: Office) -> None:
    entry = GiftEntry(LI, 800, "bank", "B1", TODAY, parts=(Part("F2"),), attachments=(PAPER,))
    gift = office.act(service.record_donation, gift=entry, on=TODAY, key="K")
    office.post_all()
    refund = NewRefund(
        donation_id=gift.id, amount_fen=100, on=TODAY, place="B1", reason="撤回", event_key="form:1"
    )
    became = office.act(refunds.record_refund, refund=refund, on=TODAY)
    assert isinstance(became, Problem)
    assert became.code == "refund_paper"


def test_unclaimed_money_is_not_given_to_anybody_without_a_paper(office: Office) -> None:
    """Its receipt got a paper at the voucher; that one tells of the money and not of the giver."""
    entry = GiftEntry(LI, 800, "bank", "B1", TODAY, is_unidentified=True)
    gift = office.act(service.record_donation, gift=entry, on=TODAY, key="K")
    (draft,) = office.drafts()
    value = replace(draft_value(draft), attachments=(PAPER,))
    office.act(drafting.edit_draft, draft_id=draft.id, version=draft.version, draft=value)
    office.post_all()
    facts = {"donation_id": gift.id, "donor": LI, "parts": [Part("F2")], "reason": "本人来访", "on": TODAY}
    with pytest.raises(Refused) as caught:
        office.act(claims.claim_unidentified, **facts)
    assert caught.value.codes == ["claim_paper"]
