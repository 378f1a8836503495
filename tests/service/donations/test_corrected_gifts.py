"""What the books hold of a gift after corrections, refunds and second thoughts; the check stays green."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charity.donations import queries, refunds, service
from charity.donations.models import Donation
from charity.donations.refunds import NewRefund
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry
from charity.errors import Problem, Refused
from charity.ledger import corrections
from charity.ledger.attachments import store_attachment
from charity.ledger.reading import read_voucher
from charity.ledger.rules import DraftLine
from tests.gifts import TODAY, Office, assert_sound


def keep_paper(office: Office) -> str:
    return office.act(
        store_attachment, data=b"slip", name="a.pdf", media_type="application/pdf", data_dir=office.data_dir
    )


@pytest.fixture
def donation(office: Office) -> Donation:
    """A gift of 350.00 for emergency aid, with its paper; its voucher is prepared."""
    paper = keep_paper(office)
    entry = GiftEntry(
        DonorEntry("person", "张三"), 35_000, "bank", "B1", TODAY, parts=(Part("F1"),), attachments=(paper,)
    )
    gift_id = office.act(service.record_donation, gift=entry, on=TODAY, key="K1").id
    found = office.session.get_one(Donation, (office.org_id, gift_id))
    office.session.expunge(found)
    office.session.rollback()
    return found


def fill_the_fund(office: Office) -> None:
    """Give emergency aid 1,000.00 of somebody else's, so that money is not what is short."""
    other = GiftEntry(
        DonorEntry("person", "李四"),
        100_000,
        "bank",
        "B1",
        TODAY,
        parts=(Part("F1"),),
        attachments=(keep_paper(office),),
    )
    office.act(service.record_donation, gift=other, on=TODAY, key="other")


def facts(office: Office, donation: Donation) -> queries.GiftFacts:
    office.session.rollback()
    found = queries.find_gift(office.session, office.org_id, donation.public_no)
    assert found is not None
    return found


def give_back(office: Office, donation: Donation, fen: int) -> int | Problem:
    refund = NewRefund(donation.id, fen, TODAY, "B1", "捐赠人撤回", f"form:{fen}", paper=keep_paper(office))
    return office.act(refunds.record_refund, refund=refund, on=TODAY)


def make_anew(office: Office, voucher_id: int, fund: str) -> None:
    """Reverse a voucher and make it anew in another fund, as the page 冲销并重做 does."""
    lines = [
        replace(line.value, fund=fund, earmark=fund, account=account_of(line.value, fund))
        for line in read_voucher(office.session, office.org_id, voucher_id).lines
    ]
    office.session.rollback()
    office.act(
        corrections.correct_voucher,
        voucher_id=voucher_id,
        lines=lines,
        on=TODAY,
        attachments=(keep_paper(office),),
    )
    office.post_all()


def account_of(line: DraftLine, fund: str) -> str:
    return "1002" if line.debit_fen else ("410101" if fund == "GEN" else "410102")


def test_a_gift_that_is_not_posted_is_not_given_back(office: Office, donation: Donation) -> None:
    """Its draft may still be discarded; then money would have left for an income that never was."""
    became = give_back(office, donation, 7_800)
    assert isinstance(became, Problem)
    assert became.code == "refund_not_posted"
    office.post_all()
    assert isinstance(give_back(office, donation, 7_800), int)
    office.post_all()
    assert (facts(office, donation).row.amount_fen, facts(office, donation).left_fen) == (35_000, 27_200)
    assert_sound(office)


def test_a_voucher_made_anew_carries_its_gift_on(office: Office, donation: Donation) -> None:
    """The blue voucher is the gift now: it is not drafted a second time, and no receipt doubles."""
    voucher_id = office.post_all()[0].voucher_id
    make_anew(office, voucher_id, "F2")
    with pytest.raises(Refused) as refused:
        office.act(service.draft_gift, donation_id=donation.id, on=TODAY)
    assert refused.value.codes == ["gift_entered"]
    found = facts(office, donation)
    assert (found.row.state, found.row.amount_fen, found.is_free) == ("posted", 35_000, False)
    assert [(part.fund, part.amount_fen) for part in found.row.parts] == [("F2", 35_000)]
    assert [entry.role for entry in found.entries] == ["original", "correction", "correction"]
    assert_sound(office)


def test_a_gift_in_another_fund_is_given_back_from_there(office: Office, donation: Donation) -> None:
    make_anew(office, office.post_all()[0].voucher_id, "F2")
    assert isinstance(give_back(office, donation, 5_000), int)
    office.post_all()
    assert office.ledger.balances()["1002", "F2"] == 30_000
    assert ("1002", "F1") not in office.ledger.balances()
    assert_sound(office)


@pytest.mark.parametrize("right_fen", [3_500, 350_000])
def test_a_difference_changes_what_the_gift_is(office: Office, donation: Donation, right_fen: int) -> None:
    """350.00 was typed for 35.00 or 3,500.00: the gift keeps what was recorded and shows what stands."""
    voucher_id = office.post_all()[0].voucher_id
    amounts = {1: right_fen, 2: right_fen}
    office.act(corrections.difference_voucher, voucher_id=voucher_id, amounts=amounts, on=TODAY)
    office.post_all()
    found = facts(office, donation)
    assert (found.row.recorded_fen, found.row.amount_fen, found.left_fen) == (35_000, right_fen, right_fen)
    assert [(part.fund, part.amount_fen) for part in found.row.parts] == [("F1", right_fen)]
    assert [entry.fen for entry in found.entries] == [35_000, right_fen - 35_000]
    assert_sound(office)
    became = give_back(office, donation, right_fen + 1)
    assert isinstance(became, Problem)
    assert became.code == "refund_too_large"


def test_a_gift_is_not_corrected_below_what_was_given_back(office: Office, donation: Donation) -> None:
    voucher_id = office.post_all()[0].voucher_id
    fill_the_fund(office)
    office.post_all()
    give_back(office, donation, 30_000)
    office.post_all()
    office.act(corrections.difference_voucher, voucher_id=voucher_id, amounts={1: 3_500, 2: 3_500}, on=TODAY)
    with pytest.raises(Refused) as refused:
        office.post_all()
    assert refused.value.codes == ["gift_given_back"]
    assert_sound(office)


def test_a_reversed_gift_cannot_be_posted_beside_the_draft_of_its_refund(
    office: Office, donation: Donation
) -> None:
    """Two drafts wait; whichever is posted first, the other one no longer fits."""
    voucher_id = office.post_all()[0].voucher_id
    fill_the_fund(office)
    office.post_all()
    give_back(office, donation, 7_800)
    red = office.act(corrections.reverse_voucher, voucher_id=voucher_id, on=TODAY)
    office.ledger.run([red])
    with pytest.raises(Refused) as refused:
        office.post_all()
    assert refused.value.codes == ["gift_given_back"]
    assert facts(office, donation).row.state == "reversed"
    assert_sound(office)
