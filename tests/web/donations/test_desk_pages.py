"""Piles of slips, the queue of unclear purposes, learned words and unclaimed money."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from charity.db import transact
from charity.donations.models import Allocation, Donation, PurposeRule, SlipBatch
from charity.donations.service import DonorEntry
from charity.ledger import drafting
from tests.gifts import TODAY
from tests.giving import pile_form
from tests.receipting import Desk
from tests.support.pages import faults, page

SLIPS = "/office/gifts/slips"
QUEUE = "/office/gifts/purposes"
WORDS = "/office/gifts/words"


def count(desk: Desk, model: type = Donation) -> int:
    desk.session.rollback()
    return desk.session.execute(select(func.count()).select_from(model)).scalar_one()


def test_a_pile_is_recorded_once_when_count_and_sum_agree(desk: Desk, clerk: FlaskClient) -> None:
    shown = page(clerk.get(SLIPS))
    assert faults(shown) == [] and len(shown.table("Slips; an empty row is no slip")) == 21
    sent = pile_form(clerk, ("王芳", "20"), ("李明", "30.50"), expected_total="50.50")
    assert clerk.post(SLIPS, data=sent).status_code == 303
    assert clerk.post(SLIPS, data=sent).status_code == 303
    assert count(desk, SlipBatch) == 1 and count(desk) == 2
    assert "2 slips, together ¥50.50, were recorded" in clerk.get("/office/gifts").text


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"expected_count": "3"}, "You counted 3 slips, 2 are entered"),
        ({"expected_total": "51.00"}, "a difference of -0.50"),
        ({"slips-1-amount": "0.005"}, "two decimals"),
        ({"slips-1-name": "长" * 500}, "these are 500"),
        ({"slips-1-name": "", "slips-1-kind": "person"}, "Row 2 has no name"),
        ({"place": "B1"}, "Cash goes into a cash box"),
        ({"slips-1-amount": ""}, "more than zero"),
        ({"expected_count": "many"}, "Not a valid integer value"),
    ],
)
def test_a_pile_that_does_not_agree_is_kept_on_the_page_and_not_booked(
    desk: Desk, clerk: FlaskClient, values: dict[str, str], sentence: str
) -> None:
    sent = pile_form(clerk, ("王芳", "20"), ("李明", "30.50"), expected_total="50.50")
    refused = clerk.post(SLIPS, data=sent | values | {"is_sure": "y", "force": "1"})
    assert refused.status_code == 422 and sentence in page(refused).text
    assert faults(page(refused)) == [] and "王芳" in refused.text
    assert all(value in refused.text for value in values.values())
    assert count(desk) == 0


def test_cash_goes_into_the_cash_box_unless_somebody_says_otherwise(clerk: FlaskClient) -> None:
    """A page offers places gifts can arrive at, the usual one of the channel first."""
    for address, chosen in (
        (SLIPS, "C1"),
        ("/office/gifts/new", "B1"),
        ("/office/gifts/new?channel=wechat", "W1"),
    ):
        field = clerk.get(address).text.partition('name="place"')[2].partition("</select>")[0]
        assert re.findall(r'<option selected value="(\w+)"', field) == [chosen]
        assert 'value="T1"' not in field


def test_a_slip_without_a_name_that_is_anonymous_is_of_an_unknown_giver(
    desk: Desk, clerk: FlaskClient
) -> None:
    sent = pile_form(clerk, ("", "20"), expected_total="20", **{"slips-0-publish_as": "anonymous"})
    assert clerk.post(SLIPS, data=sent).status_code == 303
    assert count(desk) == 1


def test_more_rows_come_without_losing_any(clerk: FlaskClient) -> None:
    more = clerk.post(SLIPS, data=pile_form(clerk, ("王芳", "20"), expected_total="20", act="more"))
    assert more.status_code == 200 and "王芳" in more.text
    assert len(page(more).table("Slips; an empty row is no slip")) == 41


def waiting(desk: Desk, words: str, yuan_fen: int = 5_000) -> Donation:
    return desk.give(yuan_fen, parts=(), stated_purpose=words, is_posted=False)


def decide(client: FlaskClient, gift: Donation, fund: str, **values: str) -> int:
    return client.post(QUEUE, data={"gift": gift.public_no, "fund": fund} | values).status_code


def test_one_key_says_the_fund_and_the_next_gift_comes(desk: Desk, clerk: FlaskClient) -> None:
    first, second = waiting(desk, "给山里娃买棉衣"), waiting(desk, "修桥")
    shown = page(clerk.get(QUEUE))
    assert faults(shown) == [] and "给山里娃买棉衣" in shown.text and "2 gifts wait" in shown.text
    later = next(url for url in shown.links if "after=" in url)
    behind = page(clerk.get(later)).text
    assert "修桥" in behind and "给山里娃买棉衣" not in behind
    assert decide(clerk, first, "F3") == 303
    follows = page(clerk.get(QUEUE)).text
    assert "修桥" in follows and "1 gift was allocated to" in follows
    assert decide(clerk, second, "F9") == 422 and decide(clerk, second, "F1") == 303
    assert "No gift waits for its purpose" in clerk.get(QUEUE).text


def test_the_queue_sends_what_a_browser_sends(desk: Desk, clerk: FlaskClient) -> None:
    """The hidden fields of the form come first, then the button: none of them is the fund."""
    gift = waiting(desk, "修桥")
    form = clerk.get(QUEUE).text.partition("data-fund-keys")[2].partition("</form>")[0]
    sent = re.findall(r'<input[^>]*type="hidden"[^>]*>', form)
    names = [re.findall(r'name="([^"]*)"', field)[0] for field in sent]
    assert sorted(names) == ["csrf_token", "gift"]
    values = [(name, gift.public_no if name == "gift" else "") for name in names] + [("fund", "F1")]
    answer = clerk.post(QUEUE, data=MultiDict(values))
    assert (answer.status_code, answer.location) == (303, QUEUE)
    assert count(desk, Allocation) == 1
    pressed_none = clerk.post(QUEUE, data={"gift": waiting(desk, "补路").public_no})
    assert pressed_none.status_code == 422 and "Press the button of a fund." in pressed_none.text


def test_a_gift_nobody_can_place_lies_in_220901_until_it_is_known(
    desk: Desk, clerk: FlaskClient, accountant: FlaskClient
) -> None:
    gift = waiting(desk, "请多保重")
    assert clerk.post(QUEUE, data={"gift": gift.public_no, "act": "unclaimed"}).status_code == 303
    assert "1 gift lies in 220901" in clerk.get(QUEUE).text
    assert accountant.post(f"/office/gifts/{gift.public_no}/draft").status_code == 303
    desk.office.post_all()
    url = f"/office/gifts/{gift.public_no}/claim"
    # Its giver is known: the claim begins with that one, and another may be chosen.
    assert "捐赠人1" in accountant.get(url).text
    assert "捐赠人1" not in accountant.get(f"{url}?donor=").text
    assert accountant.post(QUEUE, data={"gift": gift.public_no, "act": "unclaimed"}).status_code == 403


def test_gifts_of_the_same_words_go_together_unless_unticked(desk: Desk, clerk: FlaskClient) -> None:
    gifts = [waiting(desk, "修桥铺路", 1_000 + n) for n in range(3)]
    assert "2 further gifts have exactly these words" in clerk.get(QUEUE).text
    assert decide(clerk, gifts[0], "F1") == 303
    assert "2 gifts wait" in clerk.get(QUEUE).text
    assert decide(clerk, gifts[1], "F1", with_same="y") == 303
    assert count(desk, Allocation) == 3


def test_a_word_learned_in_the_queue_decides_later_gifts(desk: Desk, clerk: FlaskClient) -> None:
    gift, other = waiting(desk, "买棉衣过冬"), waiting(desk, "棉衣两件")
    assert decide(clerk, gift, "F3", keyword="捐") == 422
    assert count(desk, PurposeRule) == 0
    assert decide(clerk, gift, "F3", keyword="棉衣") == 303
    assert "No gift waits" in clerk.get(QUEUE).text
    assert desk.gift(other.id).is_allocated
    assert decide(clerk, gift, "F1") == 303
    assert "was allocated meanwhile" in clerk.get(QUEUE).text


def test_a_word_is_taught_and_forgotten(desk: Desk, clerk: FlaskClient) -> None:
    assert faults(page(clerk.get(WORDS))) == [] and "No word is learned yet" in clerk.get(WORDS).text
    refused = clerk.post(WORDS, data={"keyword": "捐款", "fund": "F2"})
    assert refused.status_code == 422 and "捐款" in refused.text
    assert clerk.post(WORDS, data={"keyword": "长" * 500, "fund": "F2"}).status_code == 422
    assert clerk.post(WORDS, data={"keyword": "先心病", "fund": "F2"}).status_code == 303
    found = page(clerk.get(WORDS))
    assert faults(found) == [] and found.table("Words in force")[1][0] == "先心病"
    desk.session.rollback()
    rule = desk.session.scalars(select(PurposeRule.id)).one()
    for _again in range(2):
        assert clerk.post(f"{WORDS}/{rule}/forget").status_code == 303
    assert "There is no such rule in force" in clerk.get(WORDS).text


def unclaimed(desk: Desk, *, is_posted: bool = True) -> Donation:
    return desk.give(
        80_000,
        donor=DonorEntry("anonymous"),
        parts=(),
        is_unidentified=True,
        is_posted=is_posted,
        reference="HW-9",
        received_on=date(2026, 3, 10),
    )


def test_unclaimed_money_finds_its_giver_once(desk: Desk, accountant: FlaskClient) -> None:
    gift = unclaimed(desk)
    found = page(accountant.get("/office/gifts/unidentified"))
    assert faults(found) == []
    assert found.table("Unclaimed money, oldest first")[1][:4] == [
        gift.public_no,
        "2026-03-10",
        "8",
        "800.00",
    ]
    url = f"/office/gifts/{gift.public_no}/claim"
    assert faults(page(accountant.get(url))) == []
    sent = {"kind": "person", "name": "赵大海", "parts-0-fund": "F2", "reason": ""}
    refused = accountant.post(url, data=sent)
    assert refused.status_code == 422 and "赵大海" in refused.text
    assert accountant.post(url, data=sent | {"reason": "持回单来认"}).status_code == 303
    assert accountant.post(url, data=sent | {"reason": "持回单来认"}).status_code == 303
    shown = page(accountant.get(f"/office/gifts/{gift.public_no}"))
    assert "赵大海" in shown.text and "持回单来认" in shown.text
    assert "No money waits for its giver" in accountant.get("/office/gifts/unidentified").text


def test_money_whose_claim_was_discarded_waits_for_its_giver_again(
    desk: Desk, accountant: FlaskClient
) -> None:
    gift = unclaimed(desk)
    url = f"/office/gifts/{gift.public_no}/claim"
    sent = {"kind": "person", "name": "赵大海", "parts-0-fund": "F2", "reason": "持回单来认"}
    assert accountant.post(url, data=sent).status_code == 303
    draft = desk.office.drafts("draft")[0]
    maker = desk.office.ledger.actor("maker")
    maker = replace(maker, user_id=draft.maker_id)
    transact(
        lambda own: drafting.discard_draft(own, actor=maker, draft_id=draft.id, reason="认错人", on=TODAY),
        session=desk.session,
    )
    waiting = page(accountant.get("/office/gifts/unidentified"))
    assert waiting.table("Unclaimed money, oldest first")[1][0] == gift.public_no
    assert accountant.get(url).status_code == 200
    assert accountant.post(url, data=sent | {"name": "钱小河", "donor_no": ""}).status_code == 303
    assert "钱小河" in page(accountant.get(f"/office/gifts/{gift.public_no}")).text


def test_money_not_posted_yet_is_not_claimed(desk: Desk, accountant: FlaskClient) -> None:
    gift = unclaimed(desk, is_posted=False)
    sent = {"kind": "person", "name": "赵大海", "parts-0-fund": "F2", "reason": "持回单来认"}
    refused = accountant.post(f"/office/gifts/{gift.public_no}/claim", data=sent)
    assert refused.status_code == 422 and "is not posted yet" in refused.text
    more = accountant.post(f"/office/gifts/{gift.public_no}/claim", data=sent | {"act": "line"})
    assert more.status_code == 200 and 'name="parts-2-fund"' in more.text


def test_who_does_not_record_gifts_is_kept_out(desk: Desk, reader: FlaskClient, clerk: FlaskClient) -> None:
    for url in (SLIPS, QUEUE, WORDS):
        assert reader.get(url).status_code == reader.post(url).status_code == 403
    assert reader.post(f"{WORDS}/1/forget").status_code == 403
    assert reader.get("/office/gifts/unidentified").status_code == 200
    assert clerk.get(f"/office/gifts/{unclaimed(desk).public_no}/claim").status_code == 403


def test_the_overview_tells_clerk_and_accountant_what_their_gifts_wait_for(
    desk: Desk, clerk: FlaskClient, accountant: FlaskClient
) -> None:
    """One gift without a purpose, one without its voucher."""
    waiting(desk, "修桥")
    assert decide(clerk, waiting(desk, "补路"), "F3") == 303
    unclear, undrafted = "1 Gifts whose purpose is unclear", "1 Gifts whose voucher is still to be made"
    assert unclear in page(clerk.get("/office/")).text
    assert undrafted not in page(clerk.get("/office/")).text
    assert undrafted in page(accountant.get("/office/")).text
