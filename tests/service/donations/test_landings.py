"""Where money of each channel arrives: a cash pile does not lie in an Alipay account."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from charity.donations import service
from charity.donations.channels import KINDS, Landing, fitting_places, suits
from charity.donations.models import Donation
from charity.donations.rules import CHANNELS, Part
from charity.donations.service import DonorEntry, GiftEntry
from charity.errors import Refused
from tests.gifts import TODAY, Office, donor_list

PLACES = (
    Landing("A1", "支付宝商户号", "merchant", "alipay", is_main=False),
    Landing("B0", "专户", "bank", "", is_main=False),
    Landing("B1", "基本户", "bank", "", is_main=True),
    Landing("C1", "现金", "cash", "", is_main=False),
    Landing("T1", "代发在途", "transit", "", is_main=False),
    Landing("W1", "微信支付商户号", "merchant", "wechat", is_main=False),
)


@pytest.mark.parametrize(
    ("channel", "codes"),
    [
        ("bank", ["B1", "B0"]),
        ("cash", ["C1"]),
        ("wechat", ["W1", "B1", "B0"]),
        ("alipay", ["A1", "B1", "B0"]),
        ("other", ["B1", "B0", "C1", "A1", "W1"]),
    ],
)
def test_each_channel_has_its_places_the_usual_one_first(channel: str, codes: list[str]) -> None:
    assert fitting_places(PLACES, channel) == codes
    assert set(KINDS) == set(CHANNELS)
    assert not any(suits(place, channel) for place in PLACES if place.kind == "transit")


@pytest.mark.parametrize(
    ("channel", "place", "code"),
    [
        ("cash", "B1", "gift_place_cash"),
        ("bank", "C1", "gift_place_bank"),
        ("wechat", "C1", "gift_place_platform"),
        ("bank", "T1", "gift_place_transit"),
        ("bank", "XX", "gift_place_unknown"),
    ],
)
def test_a_place_the_money_cannot_have_reached_is_refused(
    office: Office, channel: str, place: str, code: str
) -> None:
    entry = GiftEntry(DonorEntry("person", "张三"), 100, channel, place, TODAY, parts=(Part("F1"),))
    with pytest.raises(Refused) as refused:
        office.act(service.record_donation, gift=entry, on=TODAY, key="K")
    assert refused.value.codes == [code]
    assert refused.value.problems[0].where == "place"


def test_a_list_of_a_bank_account_brings_bank_transfers(office: Office) -> None:
    """A list does not say how the money came; its place of money does, also on the receipt."""
    file = office.stage(donor_list([["李四", "200", "2026-03-17", "助学", ""]]), place="B1")
    office.book(file)
    assert office.session.scalars(select(Donation.channel)).all() == ["bank"]
