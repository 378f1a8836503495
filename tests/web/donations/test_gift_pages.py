"""Gifts in the office: listed, found, written down once, shown as the giver wants, given back."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from charity.donations.models import Allocation, Donation, Refund
from charity.donations.service import DonorEntry
from tests.books import PAPER
from tests.giving import gift_form, key_of
from tests.receipting import Desk
from tests.support.pages import faults, page

NEW = "/office/gifts/new"


def count(desk: Desk) -> int:
    desk.session.rollback()
    return desk.session.execute(select(func.count()).select_from(Donation)).scalar_one()


def test_the_empty_list_says_what_will_stand_there(clerk: FlaskClient) -> None:
    found = page(clerk.get("/office/gifts"))
    assert faults(found) == [] and "Gifts appear here when" in found.text


def test_a_gift_is_written_down_once_however_often_it_is_sent(desk: Desk, clerk: FlaskClient) -> None:
    sent = gift_form(clerk, stated_purpose="给孩子们")
    first, second = clerk.post(NEW, data=sent), clerk.post(NEW, data=sent)
    assert first.status_code == second.status_code == 303
    assert first.location == second.location and count(desk) == 1
    found = page(clerk.get(first.location))
    assert faults(found) == []
    assert "李晓㛃" in found.text and "100.00" in found.text and "waits for its voucher" in found.text
    rows = page(clerk.get("/office/gifts")).table("Gifts, newest first")
    assert rows[1][2:4] == ["李晓㛃", "100.00"] and "waits for its voucher" in rows[1][5]


def test_the_last_line_of_an_allocation_takes_the_rest(desk: Desk, clerk: FlaskClient) -> None:
    sent = gift_form(clerk, **{"parts-0-amount": "30.00", "parts-1-fund": "F1"})
    assert clerk.post(NEW, data=sent).status_code == 303
    fens = desk.session.scalars(select(Allocation.amount_fen).order_by(Allocation.position)).all()
    assert fens == [3_000, 7_000]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("amount", "0.005", "two decimals"),
        ("amount", "0", "more than zero"),
        ("name", "长" * 500, "these are 500"),
        ("received_on", "2026-03-19", "after today"),
        ("phone", "12", "phone number"),
        ("parts-0-amount", "200.00", "more than the gift"),
        ("place", "X9", "Not a valid choice"),
    ],
)
def test_what_is_refused_keeps_every_value(
    desk: Desk, clerk: FlaskClient, field: str, value: str, sentence: str
) -> None:
    sent = gift_form(clerk, stated_purpose="给孩子们买书", reference="NO-77")
    refused = clerk.post(NEW, data=sent | {field: value})
    assert refused.status_code == 422
    shown = page(refused)
    assert faults(shown) == [] and sentence in shown.text
    assert "给孩子们买书" in refused.text and "NO-77" in refused.text
    assert field == "place" or value in refused.text
    assert key_of(refused.text) == sent["key"] and count(desk) == 0


def test_a_gift_that_looks_the_same_is_asked_about_once(desk: Desk, clerk: FlaskClient) -> None:
    company = {"kind": "company", "name": "海岱市鸿运机械制造有限责任公司"}
    assert clerk.post(NEW, data=gift_form(clerk, **company)).status_code == 303
    again = gift_form(clerk, **company)
    asked = clerk.post(NEW, data=again)
    assert asked.status_code == 422 and "same day, amount and name" in asked.text
    assert 'name="is_another"' in asked.text
    assert clerk.post(NEW, data=again | {"is_another": "y"}).status_code == 303
    assert count(desk) == 2


def test_a_person_of_a_known_name_is_chosen_or_said_to_be_another(desk: Desk, clerk: FlaskClient) -> None:
    known = desk.give(donor=DonorEntry("person", name="王芳", phone="13812345678"), is_posted=False)
    sent = gift_form(clerk, name="王芳", amount="8.00")
    asked = clerk.post(NEW, data=sent)
    assert asked.status_code == 422 and "Donors of this name are known" in asked.text
    assert "138****5678" in asked.text and "13812345678" not in asked.text
    looked = clerk.post(NEW, data=sent | {"act": "look"})
    assert looked.status_code == 200 and "Is it one of these?" in looked.text
    row = page(clerk.get("/office/donors")).links
    number = next(url.rpartition("/")[2] for url in row if url.startswith("/office/donors/P"))
    assert clerk.post(NEW, data=sent | {"known": number}).status_code == 303
    desk.session.rollback()
    assert desk.session.scalars(select(Donation.donor_id).order_by(Donation.id)).all() == [known.donor_id] * 2
    other = gift_form(clerk, name="王芳", amount="9.00", known="new")
    assert clerk.post(NEW, data=other).status_code == 303
    desk.session.rollback()
    assert len(set(desk.session.scalars(select(Donation.donor_id)))) == 2


def test_another_line_keeps_what_was_typed(clerk: FlaskClient) -> None:
    shown = clerk.post(NEW, data=gift_form(clerk, act="line"))
    assert shown.status_code == 200 and 'name="parts-2-fund"' in shown.text and "李晓㛃" in shown.text


def test_papers_come_with_the_gift_and_stay_when_it_is_refused(desk: Desk, clerk: FlaskClient) -> None:
    sent = gift_form(clerk, amount="", files=(io.BytesIO(b"%PDF-1.4 slip"), "回单.pdf"))
    refused = clerk.post(NEW, data=sent, content_type="multipart/form-data")
    assert refused.status_code == 422 and "回单.pdf" in refused.text
    sha256 = refused.text.split('name="attachments" value="')[1][:64]
    kept = gift_form(clerk, attachments=sha256)
    assert "回单.pdf" in clerk.get(clerk.post(NEW, data=kept).location).text
    empty = gift_form(clerk, name="周明", files=(io.BytesIO(b""), "空.pdf"))
    wrong = clerk.post(NEW, data=empty, content_type="multipart/form-data")
    assert wrong.status_code == 422 and "空.pdf is empty" in wrong.text and count(desk) == 1


def test_the_next_gift_begins_where_the_last_one_ended(clerk: FlaskClient) -> None:
    done = clerk.post(
        NEW, data=gift_form(clerk, act="next", channel="cash", place="C1", received_on="2026-03-16")
    )
    assert done.location == "/office/gifts/new?channel=cash&place=C1&received_on=2026-03-16"
    assert 'value="2026-03-16"' in clerk.get(done.location).text


@pytest.mark.parametrize(
    "query",
    ["text=wangfang", "text=wf", "text=王芳", "text=REF-1", "least=40&most=60", "fund=F1", "channel=bank"]
    + ["from_on=2026-03-15&until_on=2026-03-15", "state=drafted"],
)
def test_the_list_finds_one_gift_among_others(desk: Desk, clerk: FlaskClient, query: str) -> None:
    from datetime import date

    from charity.donations.rules import Part

    desk.give(
        5_000,
        donor=DonorEntry("person", name="王芳"),
        is_posted=False,
        received_on=date(2026, 3, 15),
        reference="REF-1",
        parts=(Part("F1"),),
    )
    clerk.post(NEW, data=gift_form(clerk, channel="cash", place="C1"))
    rows = json.loads(clerk.get(f"/office/gifts.json?{query}").text)["rows"]
    assert [row["donor"] for row in rows] == ["王芳"] and rows[0]["amount_fen"] == 5_000
    assert faults(page(clerk.get(f"/office/gifts?{query}"))) == []


def test_the_list_goes_on_page_by_page(desk: Desk, clerk: FlaskClient, monkeypatch: Any) -> None:
    from charity.donations import queries

    monkeypatch.setattr(queries, "PAGE_ROWS", 2)
    numbers = [desk.give(1_000 + n, is_posted=False).public_no for n in range(5)]
    seen, url = [], "/office/gifts?channel=bank"
    for _page in range(3):
        shown = page(clerk.get(url))
        seen += [row[0] for row in shown.table("Gifts, newest first")[1:]]
        url = next((link for link in shown.links if "before=" in link), "")
    assert seen == numbers[::-1]


def test_the_file_of_the_list_says_fund_state_and_voucher(desk: Desk, reader: FlaskClient) -> None:
    gift = desk.give(12_345)
    text = reader.get("/office/gifts.csv").text
    for said in (gift.public_no, "123.45", "in the books", "2026-03 记-0001"):
        assert said in text
    odd = reader.get("/office/gifts?fmt=x&endpoint=y&_anchor=z")
    assert odd.status_code == 200


def test_the_accountant_drafts_what_waits(desk: Desk, clerk: FlaskClient, accountant: FlaskClient) -> None:
    url = clerk.post(NEW, data=gift_form(clerk)).location
    assert clerk.post(f"{url}/draft").status_code == 403
    assert "Draft its voucher" in accountant.get(url).text
    assert accountant.post(f"{url}/draft").status_code == 303
    assert "voucher being prepared" in accountant.get(url).text
    clerk.post(NEW, data=gift_form(clerk, name="周明", amount="7.00"))
    assert accountant.post("/office/gifts/draft-all").status_code == 303
    assert "1 voucher was drafted" in accountant.get("/office/gifts").text
    accountant.post("/office/gifts/draft-all")
    assert "No voucher could be drafted" in accountant.get("/office/gifts").text


def test_how_a_gift_is_shown_changes_with_a_reason(desk: Desk, clerk: FlaskClient) -> None:
    gift = desk.give(donor=DonorEntry("person", name="李晓明"))
    url = f"/office/gifts/{gift.public_no}/publication"
    assert faults(page(clerk.get(url))) == []
    sent = {"publish_as": "name", "version": str(gift.version), "reason": ""}
    refused = clerk.post(url, data=sent)
    assert refused.status_code == 422 and "required" in refused.text
    assert clerk.post(url, data=sent | {"reason": "本人来信"}).status_code == 303
    shown = page(clerk.get(f"/office/gifts/{gift.public_no}"))
    assert "李晓明 (full name)" in shown.text and "本人来信" in shown.text
    stale = clerk.post(url, data=sent | {"reason": "又改"})
    assert stale.status_code == 422 and "Someone changed this gift" in stale.text


def test_a_gift_in_a_voucher_is_not_allocated_anew(desk: Desk, clerk: FlaskClient) -> None:
    free = clerk.post(NEW, data=gift_form(clerk)).location
    assert faults(page(clerk.get(f"{free}/allocate"))) == []
    more = clerk.post(f"{free}/allocate", data={"act": "line", "parts-0-fund": "F1"})
    assert more.status_code == 200 and 'name="parts-1-fund"' in more.text
    short = clerk.post(f"{free}/allocate", data={"parts-0-fund": "F1", "parts-0-amount": "1.00"})
    assert short.status_code == 422 and "99.00" in short.text
    assert clerk.post(f"{free}/allocate", data={"parts-0-fund": "F1"}).status_code == 303
    booked = f"/office/gifts/{desk.give().public_no}"
    assert "/allocate" not in clerk.get(booked).text
    refused = clerk.post(f"{booked}/allocate", data={"parts-0-fund": "F1"})
    assert refused.status_code == 422 and "is in a voucher" in refused.text


def test_a_refund_is_recorded_once_and_never_more_than_is_left(desk: Desk, accountant: FlaskClient) -> None:
    gift = desk.give(50_000)
    url = f"/office/gifts/{gift.public_no}/refund"
    shown = accountant.get(url)
    assert faults(page(shown)) == []
    sent = {"key": key_of(shown.text), "amount": "600.00", "refunded_on": "2026-03-18", "place": "B1"}
    refused = accountant.post(url, data=sent | {"reason": "重复转账"})
    assert refused.status_code == 422 and "At most 500.00 yuan" in refused.text and "重复转账" in refused.text
    later = accountant.post(url, data=sent | {"refunded_on": "2026-03-19", "reason": "重复转账"})
    assert later.status_code == 422 and "This day has not come yet" in later.text
    right = sent | {"amount": "200.00", "reason": "重复转账"}
    bare = accountant.post(url, data=right)
    assert bare.status_code == 422 and "Attach the bank&#39;s slip" in bare.text
    right |= {"attachments": PAPER}
    assert accountant.post(url, data=right).status_code == 303
    said = "1 is with its maker, to be completed and submitted."
    assert said in accountant.get(f"/office/gifts/{gift.public_no}").text
    assert accountant.post(url, data=right).status_code == 303
    desk.session.rollback()
    assert desk.session.scalars(select(Refund.amount_fen)).all() == [20_000]
    found = page(accountant.get(f"/office/gifts/{gift.public_no}"))
    assert faults(found) == [] and found.table("Given back")[1][1] == "200.00" and "300.00" in found.text


def test_who_may_only_read_sees_no_act_and_is_refused(desk: Desk, reader: FlaskClient, app: Flask) -> None:
    gift = desk.give(is_posted=False)
    url = f"/office/gifts/{gift.public_no}"
    shown = reader.get(url)
    assert shown.status_code == 200
    for act in ("publication", "allocate", "refund", "claim"):
        assert f"{url}/{act}" not in shown.text
        assert reader.get(f"{url}/{act}").status_code == reader.post(f"{url}/{act}").status_code == 403
    assert reader.get(NEW).status_code == 403
    assert app.test_client().get(url).status_code in (302, 303, 401)


def test_an_unknown_gift_has_no_page(clerk: FlaskClient) -> None:
    for act in ("", "/publication", "/allocate"):
        assert clerk.get(f"/office/gifts/D-0000{act}").status_code == 404
