"""A claim that came to nothing: its money waits for a giver as before, and is claimed anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charity.donations import claims
from charity.donations.queries import GiftFilter, list_gifts
from charity.donations.rules import Part
from charity.donations.service import DonorEntry
from charity.ledger import corrections
from charity.ledger.reading import read_voucher
from tests.books import PAPER
from tests.gifts import TODAY, Office, assert_sound
from tests.service.donations.test_gift_life import bring, claim


@pytest.mark.parametrize("state", ["claim discarded", "claim reversed"])
def test_a_claim_that_came_to_nothing_is_made_anew(office: Office, state: str) -> None:
    """The first was for F2; the money is for F3, and another gave it."""
    gift_id = bring(office, state)
    facts = claim(gift_id) | {"donor": DonorEntry("person", "王五"), "parts": [Part("F3")]}
    office.act(claims.claim_unidentified, attachments=(PAPER,), **facts)
    assert_sound(office)
    office.post_all()
    assert office.ledger.balances() == {("1002", "F3"): 800, ("410102", "F3"): -800}
    (row,) = list_gifts(office.session, office.org_id, GiftFilter())
    assert (row.donor, row.state, [part.fund for part in row.parts]) == ("王五", "posted", ["F3"])
    assert_sound(office)


def test_a_claim_corrected_in_one_set_stands(office: Office) -> None:
    """Red and right blue together: the money is in F3, and nobody is asked for its giver again."""
    office.ledger.post("2026-03-18 捐款\n  借 1002@B1 9.00 GEN\n  贷 410101 9.00 GEN")
    gift_id = bring(office, "claimed")
    voucher_id = office.drafts("posted")[-1].voucher_id
    posted = read_voucher(office.session, office.org_id, voucher_id)
    own = [line.value for line in posted.lines if not line.value.is_retag]
    lines = [replace(line, fund="F3", earmark="") if line.fund == "F2" else line for line in own]
    drafts = office.act(corrections.correct_voucher, voucher_id=voucher_id, lines=lines, on=TODAY)
    office.ledger.run(drafts)
    (row,) = list_gifts(office.session, office.org_id, GiftFilter())
    assert (row.id, row.state) == (gift_id, "posted")
    assert_sound(office)
