"""Settings of the books: what there is, adding to it, and rules that two people approve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from charity import sealed
from charity.ledger import setup_routes
from charity.ledger.models import Earmark, Fund, MoneyPlace, PostingRule
from tests.books import Ledger
from tests.entries import value_of
from tests.support.pages import page

FUND = {
    "code": "F4",
    "name": "助学基金",
    "name_en": "School fund",
    "kind": "restricted",
    "purpose": "资助困难学生",
    "document_ref": "协议 2026-04",
    "on": "2026-03-18",
}
EARMARK = {
    "fund": "F2",
    "code": "F2-HEART",
    "name": "先心病手术",
    "text": "仅用于先天性心脏病患儿手术",
    "source": "provider",
    "document_ref": "捐赠协议 17",
    "on": "2026-03-18",
}
PLACE = {
    "code": "B2",
    "name": "募捐专户",
    "kind": "bank",
    "institution": "建设银行",
    "number": "6217 0000 1234 5678",
    "holds_agency": "y",
    "on": "2026-03-18",
}
#: Address → (what is added, list it appears in, what is seen there).
ADDED: list[tuple[str, dict[str, str], str, str]] = [
    ("funds/new", FUND, "funds", "助学基金"),
    ("earmarks/new", EARMARK, "funds", "仅用于先天性心脏病患儿手术"),
    ("places/new", PLACE, "places", "募捐专户 …5678"),
    ("projects/new", {"code": "P-1", "name": "困境儿童助学"}, "tags", "困境儿童助学"),
    ("designations/new", {"code": "RES", "name": "应急储备", "document_ref": "理事会 3"}, "tags", "应急储备"),
    ("dimensions/1/name", {"name": "乡镇"}, "dimensions", "1 · 乡镇"),
    ("rules/new", {"code": "P02", "text": "渠道日汇总", "on": "2026-03-18"}, "rules", "渠道日汇总"),
    ("years/new", {"year": "2027", "words": "three", "closing": "month"}, "years", "three words"),
]


@pytest.mark.parametrize(("url", "data", "listed", "seen"), ADDED)
def test_the_chief_accountant_adds_and_everybody_of_the_books_sees_it(
    chief: FlaskClient,
    auditor: FlaskClient,
    url: str,
    data: dict[str, str],
    listed: str,
    seen: str,
) -> None:
    assert chief.get(f"/office/setup/{url}").status_code == 200
    response = chief.post(f"/office/setup/{url}", data=data)
    assert response.headers["Location"] == f"/office/setup/{listed}"
    assert seen in page(auditor.get(f"/office/setup/{listed}")).text


@pytest.mark.parametrize(("url", "data", "listed", "seen"), ADDED)
def test_nobody_else_adds(
    ledger: Ledger,
    as_role: Callable[..., FlaskClient],
    url: str,
    data: dict[str, str],
    listed: str,
    seen: str,
) -> None:
    for role in ("accountant", "reviewer", "auditor"):
        client = as_role(role)
        assert client.get(f"/office/setup/{url}").status_code == 403
        assert client.post(f"/office/setup/{url}", data=data).status_code == 403
        assert seen not in page(client.get(f"/office/setup/{listed}")).text


FIXED = setup_routes.PROBLEMS["year_fixed"] % {"year": 2026}


@pytest.mark.parametrize(
    ("url", "data", "sentence", "kept"),
    [
        ("funds/new", FUND | {"code": "F1"}, "The code F1 is taken", "name"),
        ("funds/new", FUND | {"code": "基金"}, "Use letters, digits", "name"),
        ("funds/new", FUND | {"on": "morgen"}, "is not a date", "code"),
        ("earmarks/new", EARMARK | {"code": "F1"}, "The code F1 is taken", "name"),
        ("earmarks/new", EARMARK | {"source": "council"}, "Not a valid choice", "name"),
        ("places/new", PLACE | {"code": "B1"}, "The code B1 is taken", "name"),
        ("years/new", {"year": "2026", "words": "single", "closing": "year"}, FIXED, "year"),
        ("years/new", {"year": "26", "words": "single", "closing": "year"}, "between 2000 and 2100", "year"),
    ],
)
def test_what_is_refused_is_named_and_kept(
    chief: FlaskClient, url: str, data: dict[str, str], sentence: str, kept: str
) -> None:
    response = chief.post(f"/office/setup/{url}", data=data)
    assert response.status_code == 422
    assert sentence in page(response).text
    assert value_of(response.get_data(as_text=True), kept) == data[kept]


def test_of_a_number_only_the_tail_and_a_keyed_hash_are_kept(chief: FlaskClient, ledger: Ledger) -> None:
    chief.post("/office/setup/places/new", data=PLACE)
    ledger.session.rollback()
    place = ledger.session.scalars(select(MoneyPlace).where(MoneyPlace.code == "B2")).one()
    assert place.number_tail == "5678"
    assert place.number_hash == sealed.keyed_hash("6217000012345678")
    assert "6217" not in page(chief.get("/office/setup/places")).text


def test_a_fund_comes_with_its_charter(chief: FlaskClient, ledger: Ledger) -> None:
    chief.post("/office/setup/funds/new", data=FUND)
    ledger.session.rollback()
    fund = ledger.session.scalars(select(Fund).where(Fund.code == "F4")).one()
    charter = ledger.session.scalars(select(Earmark).where(Earmark.fund_id == fund.id)).one()
    assert charter.is_default and fund.document_ref == "协议 2026-04"
    form = page(chief.get("/office/setup/earmarks/new")).text
    assert "F4 助学基金" in form


def test_a_dimension_gets_its_values_once_it_has_a_name(chief: FlaskClient, ledger: Ledger) -> None:
    url = "/office/setup/dimensions/2/values/new"
    assert chief.get(url).status_code == 404
    assert chief.get("/office/setup/dimensions/3/name").status_code == 404
    chief.post("/office/setup/dimensions/2/name", data={"name": "车辆"})
    assert value_of(chief.get("/office/setup/dimensions/2/name").get_data(as_text=True), "name") == "车辆"
    value = {"code": "V1", "name": "救助车一号"}
    assert chief.post(url, data=value).status_code == 303
    again = chief.post(url, data=value)
    assert again.status_code == 422 and "The code V1 is taken" in page(again).text
    assert "救助车一号" in page(chief.get("/office/setup/dimensions")).text


def test_a_posting_rule_is_in_force_after_two_others_have_approved_it(
    chief: FlaskClient, reviewer: FlaskClient, ledger: Ledger, as_role: Callable[..., FlaskClient]
) -> None:
    chief.post("/office/setup/rules/new", data={"code": "P02", "text": "渠道日汇总", "on": "2026-03-01"})
    ledger.session.rollback()
    rule_id = ledger.session.execute(select(PostingRule.id)).scalar_one()
    url = f"/office/setup/rules/{rule_id}/approve"
    assert chief.post(url).status_code == 403, "its author has no say"
    assert "waits for approval" in page(reviewer.get("/office/setup/rules")).text
    assert reviewer.post(url).status_code == 303
    twice = reviewer.post(url)
    assert twice.status_code == 422 and "two people who did not write it" in page(twice).text
    approver = as_role("approver")
    approver.set_cookie("language", "en")
    assert approver.post(url).status_code == 303
    shown = page(approver.get("/office/setup/rules"))
    assert "in force" in shown.text and "reviewer、approver" in shown.text
    chief.post("/office/setup/rules/new", data={"code": "P02", "text": "新版", "on": "2026-04-01"})
    assert [row[0] for row in page(chief.get("/office/setup/rules")).table("Posting rules")[1:]] == [
        "P02 · 2",
        "P02 · 1",
    ]
    assert approver.post("/office/setup/rules/12345/approve").status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [("410102", ["410102"]), ("捐赠收入", ["4101", "410101", "410102"]), ("yhck", ["1002", "100291"])],
)
def test_the_chart_is_searched_by_code_name_and_pinyin(
    auditor: FlaskClient, query: str, expected: list[str]
) -> None:
    response = auditor.get("/office/setup/chart", query_string={"text": query})
    rows: list[Any] = next(iter(page(response).tables.values()))[1:]
    assert [row[0] for row in rows] == expected


def test_a_heading_of_the_chart_says_that_nothing_is_booked_on_it(auditor: FlaskClient) -> None:
    response = auditor.get("/office/setup/chart?text=4101")
    rows = next(iter(page(response).tables.values()))[1:]
    assert rows[0][4] == "heading, nothing is booked on it"
    assert rows[2][4] == "restricted funds only"
    assert "No account fits" in page(auditor.get("/office/setup/chart?text=zzz")).text
