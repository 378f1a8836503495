"""Givers in the office: found, masked, looked at with a reason, merged and parted, their promises."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from charity.donations.donor_queries import donor_rows
from charity.donations.models import Pledge
from charity.donations.service import DonorEntry
from charity.errors import Problem
from tests.giving import gift_form, key_of
from tests.receipting import Desk
from tests.support.pages import faults, page

DONORS = "/office/donors"
PAIRS = "/office/donors/duplicates"
PHONE = "13812345678"


def giver(desk: Desk, name: str = "王芳", phone: str = PHONE, kind: str = "person") -> str:
    """Record a gift and return the number of its donor."""
    gift = desk.give(donor=DonorEntry(kind, name=name, phone=phone), is_posted=False, is_another=True)
    return donor_rows(desk.session, desk.org_id, [gift.donor_id])[0].public_no


def test_donors_are_found_by_initials_and_their_numbers_masked(desk: Desk, clerk: FlaskClient) -> None:
    number = giver(desk)
    giver(desk, "海岱市鸿运机械制造有限责任公司", "", "company")
    assert faults(page(clerk.get(DONORS))) == []
    for query in ("text=wf", "text=王芳", f"text={number}", "kind=person"):
        rows = json.loads(clerk.get(f"{DONORS}.json?{query}").text)["rows"]
        assert [row["name"] for row in rows] == ["王芳"]
    row = page(clerk.get(DONORS)).table("Donors")[1]
    assert "138****5678" in " ".join(page(clerk.get(f"{DONORS}?text=wf")).table("Donors")[1])
    assert row[0].startswith("海岱市") and PHONE not in clerk.get(f"{DONORS}.csv").text


def test_the_list_of_donors_goes_on_page_by_page(
    desk: Desk, clerk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from charity.donations import queries

    monkeypatch.setattr(queries, "PAGE_ROWS", 1)
    giver(desk, "安宁", "")
    giver(desk, "白云", "")
    first = page(clerk.get(DONORS))
    following = page(clerk.get(next(url for url in first.links if "after=" in url)))
    assert [first.table("Donors")[1][0], following.table("Donors")[1][0]] == ["安宁", "白云"]


def test_no_donor_is_said(clerk: FlaskClient) -> None:
    assert "No donor fits this filter" in clerk.get(DONORS).text
    assert clerk.get(f"{DONORS}/P-0000").status_code == 404


def test_a_number_is_shown_once_to_who_says_why(desk: Desk, clerk: FlaskClient) -> None:
    url = f"{DONORS}/{giver(desk)}"
    shown = clerk.get(url)
    assert faults(page(shown)) == [] and "138****5678" in shown.text and PHONE not in shown.text
    chosen = shown.text.split('name="identifier" value="')[1].split('"')[0]
    refused = clerk.post(f"{url}/reveal", data={"identifier": chosen, "reason": ""})
    assert refused.status_code == 422 and PHONE not in refused.text
    wrong = clerk.post(f"{url}/reveal", data={"identifier": "1", "reason": "回访"})
    assert wrong.status_code == 422 and "no such number" in wrong.text
    seen = clerk.post(f"{url}/reveal", data={"identifier": chosen, "reason": "回访捐赠人"})
    assert seen.status_code == 200 and PHONE in seen.text and seen.headers["Cache-Control"] == "no-store"
    after = clerk.get(url).text
    assert PHONE not in after and "回访捐赠人" in after


def test_who_may_not_see_numbers_is_not_asked_why(desk: Desk, reader: FlaskClient) -> None:
    url = f"{DONORS}/{giver(desk)}"
    assert "See a number in clear" not in reader.get(url).text
    for act in ("reveal", "edit", "part"):
        assert reader.post(f"{url}/{act}").status_code == 403
    assert reader.get(PAIRS).status_code == 403


def test_a_donor_is_changed_unless_somebody_else_was_faster(desk: Desk, clerk: FlaskClient) -> None:
    url = f"{DONORS}/{giver(desk)}"
    shown = clerk.get(f"{url}/edit")
    assert faults(page(shown)) == []
    version = shown.text.split('name="version"')[1].split('value="')[1].split('"')[0]
    sent = {"kind": "person", "name": "王方", "publish_choice": "name", "version": version, "note": "常客"}
    assert clerk.post(f"{url}/edit", data=sent | {"name": "长" * 500}).status_code == 422
    assert clerk.post(f"{url}/edit", data=sent).status_code == 303
    assert "王方" in clerk.get(url).text and "full name" in clerk.get(url).text
    stale = clerk.post(f"{url}/edit", data=sent)
    assert stale.status_code == 422 and "Someone changed this donor" in stale.text and "常客" in stale.text


def test_two_records_of_one_donor_are_merged_and_parted(desk: Desk, clerk: FlaskClient) -> None:
    first, second = giver(desk), giver(desk, phone="13987654321")
    assert faults(page(clerk.get(PAIRS))) == [] and first in clerk.get(PAIRS).text
    sent = {"first": first, "second": second, "act": "into_first", "reason": ""}
    refused = clerk.post(PAIRS, data=sent)
    assert refused.status_code == 422 and "required" in refused.text
    assert clerk.post(PAIRS, data=sent | {"reason": "同一人换号"}).status_code == 303
    assert "No two donors look alike" in clerk.get(PAIRS).text
    twice = clerk.post(PAIRS, data=sent | {"reason": "同一人换号"})
    assert twice.status_code == 422 and "part of another donor already" in twice.text
    assert second in clerk.get(f"{DONORS}/{first}").text
    merged = f"{DONORS}/{second}"
    assert faults(page(clerk.get(merged))) == [] and "This donor was found to be" in clerk.get(merged).text
    assert faults(page(clerk.get(f"{merged}/part"))) == []
    assert clerk.post(f"{merged}/part", data={"reason": ""}).status_code == 422
    assert clerk.post(f"{merged}/part", data={"reason": "弄错了"}).status_code == 303
    again = clerk.post(f"{merged}/part", data={"reason": "弄错了"})
    assert again.status_code == 422 and "stands alone" in again.text


def test_two_different_donors_are_not_proposed_again(desk: Desk, clerk: FlaskClient) -> None:
    sent = {"first": giver(desk), "second": giver(desk, phone="13987654321"), "act": "distinct"}
    unknown = clerk.post(PAIRS, data=sent | {"first": "P-0", "reason": "同名"})
    assert unknown.status_code == 422 and "no such donor" in unknown.text
    odd = clerk.post(PAIRS, data=sent | {"act": "", "reason": "同名"})
    assert odd.status_code == 422 and Problem("pair_act_missing").sentence() in odd.text
    assert clerk.post(PAIRS, data=sent | {"reason": "同名不同人"}).status_code == 303
    assert "No two donors look alike" in clerk.get(PAIRS).text


def pledge_form(client: FlaskClient, **values: str) -> dict[str, str]:
    key = key_of(client.get("/office/pledges/new").text)
    sent = {"key": key, "kind": "company", "name": "海岱市鸿运机械制造有限责任公司", "amount": "1000.00"}
    return sent | {"promised_on": "2026-03-01", "due_on": "2026-03-10"} | values


def test_a_promise_is_recorded_once_kept_by_gifts_and_withdrawn(desk: Desk, clerk: FlaskClient) -> None:
    assert "No promise is recorded" in clerk.get("/office/pledges").text
    sent = pledge_form(clerk)
    for _again in range(2):
        assert clerk.post("/office/pledges/new", data=sent).status_code == 303
    desk.session.rollback()
    assert desk.session.execute(select(func.count()).select_from(Pledge)).scalar_one() == 1
    listed = page(clerk.get("/office/pledges"))
    assert faults(listed) == [] and "8 days overdue" in listed.text
    number = desk.session.scalars(select(Pledge.public_no)).one()
    shown = clerk.get(f"/office/gifts/new?pledge={number}")
    assert 'value="1000.00"' in shown.text
    donor = shown.text.split('name="donor_no" value="')[1].split('"')[0]
    gift = gift_form(clerk, pledge_no=number, donor_no=donor, amount="400.00")
    assert clerk.post("/office/gifts/new", data=gift).status_code == 303
    row = page(clerk.get("/office/pledges")).table("Promises, by the day they are due")[1]
    assert row[1:4] == ["1,000.00", "400.00", "600.00"]
    url = f"/office/pledges/{number}/withdraw"
    assert faults(page(clerk.get(url))) == []
    assert clerk.post(url, data={"reason": "企业停产"}).status_code == 303
    again = clerk.post(url, data={"reason": "企业停产"})
    assert again.status_code == 422 and "withdrawn already" in again.text
    assert "企业停产" in clerk.get("/office/pledges.csv").text


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"amount": "0.005"}, "two decimals"),
        ({"amount": "0"}, "more than zero"),
        ({"promised_on": "2026-03-19", "due_on": ""}, "after today"),
        ({"due_on": "2026-02-01"}, "cannot be due before"),
        ({"name": "长" * 500}, "these are 500"),
    ],
)
def test_a_wrong_promise_is_refused_and_kept(
    clerk: FlaskClient, values: dict[str, str], sentence: str
) -> None:
    refused = clerk.post("/office/pledges/new", data=pledge_form(clerk, agreement_ref="XY-1", **values))
    assert refused.status_code == 422 and sentence in page(refused).text and "XY-1" in refused.text


def test_who_may_only_read_records_no_promise(reader: FlaskClient) -> None:
    assert reader.get("/office/pledges").status_code == 200
    assert reader.post("/office/pledges/new").status_code == 403
    assert reader.post("/office/pledges/C-1/withdraw").status_code == 403
