"""The desks a voucher passes: review, cash, posting; by whom, in which order, and never twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from charity.ledger import corrections, drafting
from charity.ledger.models import Draft
from charity.ledger.sealed_models import Voucher
from charity.oplog.models import OpLogEntry
from charity.users.models import User
from tests.books import Ledger, read_journal
from tests.entries import value_of
from tests.support.pages import page

GIFTS = """
2026-03-02 收到捐款甲
  借 1002@B1  100.00  GEN
  贷 410101   100.00  GEN

2026-03-05 收到捐款乙
  借 1002@B1  250.00  F2
  贷 410102   250.00  F2
"""
ACCRUAL = """
2026-03-06 计提工资
  借 530101  40.00  GEN
  贷 2204    40.00  GEN
"""


def prepared(ledger: Ledger, journal: str, state: str = "submitted") -> list[int]:
    """Return drafts of a journal brought to a state."""
    ids = [ledger.draft(voucher) for voucher in read_journal(journal)]
    if state != "draft":
        ledger.act(drafting.submit_drafts, "maker", draft_ids=ids)
    if state in ("reviewed", "signed"):
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=ids)
    if state == "signed":
        ledger.act(drafting.sign_drafts, "cashier", draft_ids=ids)
    return ids


def states(ledger: Ledger) -> list[str]:
    ledger.session.rollback()
    ledger.session.expire_all()
    return [row.state for row in ledger.session.scalars(select(Draft).order_by(Draft.voucher_on, Draft.id))]


def vouchers(ledger: Ledger) -> list[Voucher]:
    ledger.session.rollback()
    return list(ledger.session.scalars(select(Voucher).order_by(Voucher.month, Voucher.number)))


def marked(*ids: int, **values: Any) -> dict[str, Any]:
    return {"ids": [str(key) for key in ids], **values}


def test_what_is_submitted_waits_for_the_reviewer(reviewer: FlaskClient, ledger: Ledger) -> None:
    prepared(ledger, GIFTS)
    prepared(ledger, ACCRUAL, "draft")
    rows = page(reviewer.get("/office/review")).table("2 vouchers")
    assert [row[1:3] for row in rows[1:]] == [["2026-03-02", "收到捐款甲"], ["2026-03-05", "收到捐款乙"]]
    assert rows[2][4:6] == ["Medical aid fund", "250.00"]


def test_many_are_reviewed_at_once(reviewer: FlaskClient, ledger: Ledger) -> None:
    ids = prepared(ledger, GIFTS)
    response = reviewer.post("/office/review", data=marked(*ids))
    assert response.headers["Location"] == "/office/review"
    assert "2 vouchers are reviewed" in page(reviewer.get("/office/review")).text
    assert states(ledger) == ["reviewed", "reviewed"]


def test_a_voucher_goes_back_with_a_reason_from_the_queue_and_from_its_page(
    reviewer: FlaskClient, ledger: Ledger
) -> None:
    first, second = prepared(ledger, GIFTS)
    without = reviewer.post("/office/review", data=marked(first, act="return", reason=" "))
    assert without.status_code == 422 and "Give a reason" in page(without).text
    assert f'value="{first}"' in without.get_data(as_text=True)
    assert (
        reviewer.post("/office/review", data=marked(first, act="return", reason="缺发票")).status_code == 303
    )
    url = f"/office/drafts/{second}/return"
    refused = reviewer.post(url, data={"reason": ""})
    assert refused.status_code == 422 and "Give a reason" in page(refused).text
    assert reviewer.post(url, data={"reason": "日期有误"}).status_code == 303
    assert states(ledger) == ["draft", "draft"]
    reasons = [row.returned_reason for row in ledger.session.scalars(select(Draft).order_by(Draft.id))]
    assert reasons == ["缺发票", "日期有误"]


def test_with_nothing_marked_one_is_told(reviewer: FlaskClient, chief: FlaskClient, ledger: Ledger) -> None:
    prepared(ledger, GIFTS)
    for client, url in ((reviewer, "/office/review"), (chief, "/office/post")):
        response = client.post(url)
        assert response.status_code == 422
        assert "Mark at least one voucher first" in page(response).text
    back = reviewer.post("/office/review", data={"act": "return", "reason": "附件不清"})
    assert back.status_code == 422
    assert value_of(back.get_data(as_text=True), "reason") == "附件不清"


def test_ids_of_nothing_are_passed_over(reviewer: FlaskClient, ledger: Ledger) -> None:
    response = reviewer.post("/office/review", data={"ids": ["x", "9" * 30, "-1"]})
    assert response.status_code == 422
    gone = reviewer.post("/office/review", data={"ids": ["12345"]})
    assert gone.status_code == 422 and "no such draft" in page(gone).text


def test_the_cashier_signs_only_what_moves_money(cashier: FlaskClient, ledger: Ledger) -> None:
    money = prepared(ledger, GIFTS, "reviewed")
    prepared(ledger, ACCRUAL, "reviewed")
    assert len(page(cashier.get("/office/sign")).table("2 vouchers")) == 3
    assert cashier.post("/office/sign", data=marked(*money)).status_code == 303
    assert states(ledger) == ["signed", "signed", "reviewed"]


def test_before_posting_a_page_says_what_will_happen(chief: FlaskClient, ledger: Ledger) -> None:
    ids = prepared(ledger, GIFTS, "signed") + prepared(ledger, ACCRUAL, "reviewed")
    response = chief.post("/office/post", data=marked(*ids))
    shown = page(response)
    assert response.status_code == 200
    assert shown.headings == ["Post 3 vouchers"]
    assert "3 vouchers, ¥390.00 in all" in shown.text
    assert shown.table("Numbers to be given, in the order of dates")[1] == [
        "2026-03",
        "记-0001 … 记-0003",
        "3",
        "390.00",
    ]
    funds = shown.table("What each fund can spend")[1:]
    assert ["Medical aid fund", "–zero", "250.00", "250.00"] in funds
    assert vouchers(ledger) == []


def test_posting_gives_numbers_by_date_and_twice_is_once(chief: FlaskClient, ledger: Ledger) -> None:
    first, second = prepared(ledger, GIFTS, "signed")
    data = marked(second, first, act="post")
    assert chief.post("/office/post", data=data).status_code == 303
    text = page(chief.get("/office/post")).text
    assert "2 vouchers are posted: 2026-03 记-0001 … 记-0002" in text
    assert chief.post("/office/post", data=data).status_code == 303
    found = vouchers(ledger)
    assert [(v.number, v.summary, v.poster_id) for v in found] == [
        (1, "收到捐款甲", ledger.ids["chief"]),
        (2, "收到捐款乙", ledger.ids["chief"]),
    ]


def test_a_voucher_dated_before_the_last_one_is_named_before_posting(
    chief: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(ACCRUAL)
    ids = prepared(ledger, GIFTS, "signed")
    response = chief.post("/office/post", data=marked(*ids))
    text = page(response).text
    assert "These keep the whole from being posted" in text
    assert "numbers follow the dates" in text
    assert "Post these" not in text
    refused = chief.post("/office/post", data=marked(*ids, act="post"))
    assert refused.status_code == 422
    assert len(vouchers(ledger)) == 1


AIDS = """
2026-03-07 支付救助甲
  借 510102   30.00  F1
  贷 1002@B1  30.00  F1

2026-03-08 支付救助乙
  借 510102   20.00  F1
  贷 1002@B1  20.00  F1

2026-03-08 支付医疗
  借 510102    5.00  F2
  贷 1002@B1   5.00  F2
"""


def spent_meanwhile(ledger: Ledger) -> list[int]:
    """Return signed payments whose money was set aside for others before they are posted."""
    for fund, yuan in (("F1", "50.00"), ("F2", "5.00")):
        ledger.post(f"2026-03-01 捐款\n  借 1002@B1 {yuan} {fund}\n  贷 410102 {yuan} {fund}")
    ids = prepared(ledger, AIDS, "signed")
    ledger.hold("F1", "50.00")
    ledger.hold("F2", "5.00")
    return ids


def test_every_overdraft_is_named_before_posting_with_its_vouchers(
    chief: FlaskClient, ledger: Ledger
) -> None:
    ids = spent_meanwhile(ledger)
    shown = page(chief.post("/office/post", data=marked(*ids)))
    first = "Emergency aid fund is short 50.00: it can spend 0.00, 50.00 is asked (2026-03-07 支付救助甲；"
    assert first in shown.text and "2026-03-08 支付救助乙" in shown.text
    assert "Medical aid fund is short 5.00" in shown.text
    assert ["Emergency aid fund", "–zero", "−50.00 (less)", "−50.00 (too little)"] in shown.table(
        "What each fund can spend"
    )
    assert "Post these" not in shown.text


def test_an_overdraft_is_refused_and_said_once(chief: FlaskClient, ledger: Ledger) -> None:
    ids = spent_meanwhile(ledger)
    refused = chief.post("/office/post", data=marked(*ids, act="post"))
    shown = page(refused).text
    assert refused.status_code == 422
    assert shown.count("Emergency aid fund is short") == shown.count("Medical aid fund is short") == 1
    assert "Post these" not in shown
    assert len(vouchers(ledger)) == 2


def test_what_cannot_be_paid_is_not_reviewed(reviewer: FlaskClient, ledger: Ledger) -> None:
    """The draft may wait for its money; whoever reviews reads what is missing."""
    ids = prepared(ledger, AIDS)
    shown = page(reviewer.get(f"/office/drafts/{ids[0]}"))
    assert "Emergency aid fund is short 30.00" in shown.text
    assert "Nobody can review it until the money is there." in shown.text
    assert f"/office/drafts/{ids[0]}/review" not in reviewer.get(f"/office/drafts/{ids[0]}").get_data(
        as_text=True
    )
    refused = reviewer.post("/office/review", data=marked(*ids))
    assert refused.status_code == 422 and "Medical aid fund is short 5.00" in page(refused).text
    assert states(ledger) == ["submitted"] * 3


def test_a_voucher_of_tomorrow_waits(chief: FlaskClient, ledger: Ledger) -> None:
    ids = prepared(ledger, GIFTS.replace("2026-03-05", "2026-03-19"), "signed")
    shown = page(chief.post("/office/post", data=marked(*ids)))
    assert "cannot be dated after today" in shown.text


def test_the_drafts_of_a_set_are_posted_together(chief: FlaskClient, ledger: Ledger) -> None:
    posted = ledger.post(GIFTS)
    lines = read_journal(GIFTS)[0].lines
    drafts = ledger.act(
        corrections.correct_voucher,
        "maker",
        voucher_id=posted[0].voucher_id,
        lines=lines,
        on=date(2026, 3, 9),
    )
    ledger.approve(*(draft.id for draft in drafts))
    response = chief.post("/office/post", data=marked(drafts[0].id))
    assert page(response).headings == ["Post 2 vouchers"]
    assert chief.post("/office/post", data=marked(drafts[0].id, act="post")).status_code == 303
    assert len(vouchers(ledger)) == 4


def test_one_draft_goes_its_whole_way_by_its_page(
    accountant: FlaskClient, reviewer: FlaskClient, cashier: FlaskClient, chief: FlaskClient, ledger: Ledger
) -> None:
    (draft_id,) = prepared(ledger, GIFTS.split("\n\n")[0], "draft")
    url = f"/office/drafts/{draft_id}"
    assert accountant.post(f"{url}/submit").status_code == 303
    assert accountant.post(f"{url}/recall").status_code == 303
    assert accountant.post(f"{url}/submit").status_code == 303
    assert reviewer.post(f"{url}/review").status_code == 303
    assert cashier.post(f"{url}/sign").status_code == 303
    shown = page(chief.get(url))
    assert "accountant" in shown.text and "reviewer" in shown.text and "cashier" in shown.text
    assert chief.post("/office/post", data=marked(draft_id, act="post")).status_code == 303
    assert "It became 2026-03 记-0001" in page(accountant.get(url)).text


def test_a_step_out_of_turn_is_refused_on_the_same_page(reviewer: FlaskClient, ledger: Ledger) -> None:
    (draft_id, _other) = prepared(ledger, GIFTS, "reviewed")
    response = reviewer.post(f"/office/drafts/{draft_id}/review")
    assert response.status_code == 422
    assert "Reload the page to see what happened" in page(response).text


def test_a_discarded_draft_leaves_its_reason_in_the_log(accountant: FlaskClient, ledger: Ledger) -> None:
    (draft_id, _other) = prepared(ledger, GIFTS, "draft")
    refused = accountant.post(f"/office/drafts/{draft_id}/discard", data={"reason": ""})
    assert refused.status_code == 422
    url = f"/office/drafts/{draft_id}/discard"
    assert accountant.post(url, data={"reason": "重复填制"}).status_code == 303
    assert states(ledger)[0] == "discarded"
    logged = ledger.session.scalars(select(OpLogEntry).where(OpLogEntry.act == "ledger.discard")).one()
    assert logged.details["reason"] == "重复填制"


def test_who_may_not_take_the_step_reads_why(
    reviewer: FlaskClient, ledger: Ledger, as_role: Callable[..., FlaskClient]
) -> None:
    """A login that makes and reviews in turn cannot review its own voucher."""
    ledger.ids["maker"] = ledger.session.execute(
        select(User.id).where(User.username == "reviewer")
    ).scalar_one()
    ids = prepared(ledger, GIFTS)
    shown = page(reviewer.get("/office/review"))
    assert "Whoever made or changed a voucher cannot review it" in shown.text
    assert f'value="{ids[0]}"' not in reviewer.get("/office/review").get_data(as_text=True)
    refused = reviewer.post("/office/review", data=marked(*ids))
    assert refused.status_code == 422
    assert states(ledger) == ["submitted", "submitted"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"text": "乙"}, ["收到捐款乙"]),
        ({"least": "200"}, ["收到捐款乙"]),
        ({"most": "150"}, ["收到捐款甲", "计提工资"]),
        ({"from_on": "2026-03-05"}, ["收到捐款乙", "计提工资"]),
        ({"until_on": "2026-03-04"}, ["收到捐款甲"]),
        ({"month": "2026-02"}, []),
        ({"state": "submitted"}, ["收到捐款甲", "收到捐款乙"]),
        ({"state": "discarded"}, []),
        ({"maker": "accountant"}, ["收到捐款甲", "收到捐款乙", "计提工资"]),
        ({"maker": "nobody"}, []),
        ({"mine": "1"}, []),
    ],
)
def test_the_list_of_drafts_is_narrowed_down(
    reviewer: FlaskClient, ledger: Ledger, query: dict[str, str], expected: list[str]
) -> None:
    prepared(ledger, GIFTS)
    prepared(ledger, ACCRUAL, "draft")
    shown = page(reviewer.get("/office/drafts", query_string=query))
    rows = next(iter(shown.tables.values()), [[]])[1:]
    assert [row[1] for row in rows] == expected


def test_a_filter_that_cannot_be_read_is_named(reviewer: FlaskClient, ledger: Ledger) -> None:
    prepared(ledger, GIFTS)
    shown = page(reviewer.get("/office/drafts", query_string={"least": "zwei", "from_on": "2026-13-01"}))
    assert "is not an amount in yuan" in shown.text and "is not a date" in shown.text
    assert shown.tables == {}


@pytest.mark.parametrize(
    ("role", "url"),
    [
        ("accountant", "/office/review"),
        ("cashier", "/office/review"),
        ("accountant", "/office/sign"),
        ("reviewer", "/office/sign"),
        ("accountant", "/office/post"),
        ("cashier", "/office/post"),
        ("auditor", "/office/post"),
    ],
)
def test_each_desk_is_for_its_own_people(
    ledger: Ledger, as_role: Callable[..., FlaskClient], role: str, url: str
) -> None:
    client = as_role(role)
    assert client.get(url).status_code == 403
    assert client.post(url, data=marked(1)).status_code == 403


def test_the_next_that_waits_is_one_link_away(reviewer: FlaskClient, ledger: Ledger) -> None:
    first, second = prepared(ledger, GIFTS)
    assert f"/office/drafts/{second}" in page(reviewer.get(f"/office/drafts/{first}")).links
    assert f"/office/drafts/{first}" in page(reviewer.get(f"/office/drafts/{second}")).links
