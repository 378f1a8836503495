"""The list of what is kept until when, and holds by two people through their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import prepare_engine
from tests.books import open_books

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def books(settings: Settings) -> Iterator[None]:
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        open_books(session)
    engine.dispose()
    yield


def test_the_list_says_terms_sources_and_what_nobody_has_verified(
    as_role: Callable[..., FlaskClient],
) -> None:
    page = as_role("auditor").get("/office/retention", headers=ENGLISH).text
    for words in ("Vouchers", "30 years", "for ever", "kept elsewhere", "第79号令", "to be verified"):
        assert words in page
    assert as_role("auditor").get("/office/retention/hold").status_code == 403
    assert as_role("gift_clerk").get("/office/retention").status_code == 403


def test_the_list_by_year_is_a_file(as_role: Callable[..., FlaskClient]) -> None:
    answer = as_role("auditor").get("/office/retention.json", headers=ENGLISH)
    keys = [column["key"] for column in answer.json["columns"]]
    assert keys == ["record_class", "year", "count", "term", "may_go_from", "standing", "source"]
    assert any(row["record_class"] == "Operation log" for row in answer.json["rows"])


def test_two_people_place_and_release_a_hold(as_role: Callable[..., FlaskClient]) -> None:
    keeper, chief = as_role("archivist"), as_role("chief_accountant")
    sent = {"class_code": "vouchers", "from_year": "2026", "until_year": "2027", "reason": "诉讼保全"}
    refused = keeper.post("/office/retention/hold", data={**sent, "until_year": "2025"})
    assert refused.status_code == 422
    assert "诉讼保全" in refused.text
    assert keeper.post("/office/retention/hold", data=sent).status_code == 303
    page = keeper.get("/office/retention", headers=ENGLISH).text
    assert "诉讼保全" in page
    assert "Release …" not in page, "who placed it does not release it"
    page = chief.get("/office/retention", headers=ENGLISH).text
    address = page.partition("/office/retention/hold/")[2].partition('"')[0]
    assert chief.get(f"/office/retention/hold/{address}").status_code == 200
    assert keeper.post(f"/office/retention/hold/{address}", data={"reason": "x"}).status_code == 422
    assert chief.post(f"/office/retention/hold/{address}", data={"reason": "已结案"}).status_code == 303
    assert "已结案" in chief.get("/office/retention").text
    assert chief.get("/office/retention/hold/1/release").status_code == 404
