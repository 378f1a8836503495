"""Months open in order and close for good: what is in the way is named with its cure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from charity.ledger.models import BookYear, Draft, Period
from tests.books import Ledger, read_journal
from tests.entries import value_of
from tests.support.pages import page

GIFT = """
2026-01-05 普通捐款
  借 1002@B1  500.00  GEN
  贷 410101   500.00  GEN
"""


def is_open(ledger: Ledger, month: int) -> bool | None:
    ledger.session.rollback()
    ledger.session.expire_all()
    period = ledger.session.get(Period, (ledger.org_id, month))
    return None if period is None else period.is_open


def test_the_months_are_listed_with_what_they_hold(auditor: FlaskClient, ledger: Ledger) -> None:
    ledger.post(GIFT)
    ledger.draft(read_journal(GIFT.replace("01-05", "02-05"))[0])
    rows = page(auditor.get("/office/months")).table("Months of the books")[1:]
    assert [row[:4] for row in rows] == [
        ["2026-03", "open", "0", "0"],
        ["2026-02", "open", "0", "1"],
        ["2026-01", "open", "1", "0"],
    ]
    assert "/office/months/2026-01/close" in page(auditor.get("/office/months")).links


def test_the_next_month_is_opened_by_one_button(chief: FlaskClient, ledger: Ledger) -> None:
    assert "Open 2026-04" in page(chief.get("/office/months")).text
    assert chief.post("/office/months/2026-04/open").status_code == 303
    assert chief.post("/office/months/2026-04/open").status_code == 303, "twice is once"
    assert is_open(ledger, 202604) is True
    gap = chief.post("/office/months/2026-06/open")
    assert gap.status_code == 422 and "Open 2026-05 first" in page(gap).text


def test_a_month_is_closed_for_good_after_a_page_that_says_so(chief: FlaskClient, ledger: Ledger) -> None:
    ledger.post(GIFT)
    shown = page(chief.get("/office/months/2026-01/close"))
    assert "2026-01 will be closed, 1 vouchers in all" in shown.text
    assert "not even the administrator" in shown.text
    assert chief.post("/office/months/2026-01/close").status_code == 303
    assert is_open(ledger, 202601) is False
    assert chief.post("/office/months/2026-01/close").status_code == 303, "a double click does no harm"
    row = page(chief.get("/office/months")).table("Months of the books")[-1]
    assert row[1] == "closed" and row[4] == "2026-12-31 chief-accountant" or "chief-accountant" in row[4]
    assert chief.get("/office/months/2026-01/close").status_code == 303


def test_what_is_in_the_way_leads_to_its_cure(chief: FlaskClient, ledger: Ledger) -> None:
    ledger.post(GIFT)
    ledger.draft(read_journal(GIFT.replace("01-05", "02-05"))[0])
    shown = page(chief.get("/office/months/2026-02/close"))
    assert "1 drafts of 2026-02 are not posted" in shown.text
    assert "2026-01 is still open" in shown.text
    assert {"/office/drafts?month=2026-02", "/office/months"} <= set(shown.links)
    refused = chief.post("/office/months/2026-02/close")
    assert refused.status_code == 422 and "The month was not closed" in page(refused).text
    assert is_open(ledger, 202602) is True
    assert "is not over yet" in page(chief.get("/office/months/2026-03/close")).text


def test_a_statement_that_differs_keeps_the_month_open_until_it_agrees(
    cashier: FlaskClient, chief: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(GIFT)
    url = "/office/months/2026-01/balances"
    assert value_of(cashier.get(url).get_data(as_text=True), "on") == "2026-01-31"
    entered = {"place": "B1", "on": "2026-01-31", "balance": "480", "source": "对账单 1 月"}
    wrong = cashier.post(url, data=entered | {"balance": "vierhundert"})
    assert wrong.status_code == 422
    assert value_of(wrong.get_data(as_text=True), "balance") == "vierhundert"
    assert cashier.post(url, data=entered).status_code == 303
    rows = page(cashier.get(url)).table("Places of money")[1:]
    assert ["B1 基本户", "500.00", "2026-01-31 对账单 1 月", "480.00", "500.00", "differs"] in rows
    blocked = page(chief.get("/office/months/2026-01/close"))
    assert "the statement says 480.00" in blocked.text and url in blocked.links
    again = entered | {"balance": "500.00", "source": "对账单更正"}
    assert cashier.post(url, data=again).status_code == 303
    assert "will be closed" in page(chief.get("/office/months/2026-01/close")).text


def test_an_auditor_enters_no_statement(auditor: FlaskClient, ledger: Ledger) -> None:
    url = "/office/months/2026-01/balances"
    assert "Enter a statement" not in page(auditor.get(url)).text
    entered = {"place": "B1", "on": "2026-01-31", "balance": "1", "source": "x"}
    assert auditor.post(url, data=entered).status_code == 403


def test_the_year_s_end_is_carried_forward_audited_and_closed(
    ledger: Ledger, clock: Any, as_role: Callable[..., FlaskClient]
) -> None:
    ledger.post(GIFT)
    clock.set(datetime(2027, 2, 1, 4, tzinfo=UTC))
    ledger.on = date(2027, 2, 1)
    chief, accountant = as_role("chief_accountant"), as_role("accountant")
    for client in (chief, accountant):
        client.set_cookie("language", "en")
    for month in range(4, 13):
        assert chief.post(f"/office/months/2026-{month:02d}/open").status_code == 303
    assert "Open 2026 audit adjustments" in page(chief.get("/office/months")).text
    assert chief.post("/office/months/2026-13/open").status_code == 303
    for month in range(1, 13):
        assert chief.post(f"/office/months/2026-{month:02d}/close").status_code == 303
    blocked = page(chief.get("/office/months/2026-13/close"))
    assert "are not carried forward yet" in blocked.text

    url = "/office/months/2026-13/carry-forward"
    shown = page(accountant.get(url))
    assert shown.table("To be carried forward")[1] == ["General money", "500.00", "–zero", "500.00"]
    made = accountant.post(url)
    assert made.status_code == 303
    ledger.session.rollback()
    draft = ledger.session.scalars(select(Draft).where(Draft.kind == "closing")).one()
    assert made.headers["Location"] == f"/office/drafts/{draft.id}"
    ledger.approve(draft.id)
    ledger.post_drafts(draft.id)
    assert "Everything is carried forward" in page(accountant.get(url)).text
    nothing = accountant.post(url)
    assert nothing.status_code == 422 and "nothing to carry forward" in page(nothing).text

    audit = chief.post("/office/years/2026/audit", data={"audited_on": "x"})
    assert audit.status_code == 422 and "is not a date" in page(audit).text
    assert chief.post("/office/years/2026/audit", data={"audited_on": "2027-01-28"}).status_code == 303
    ledger.session.rollback()
    ledger.session.expire_all()
    assert ledger.session.get_one(BookYear, (ledger.org_id, 2026)).audited_on == date(2027, 1, 28)
    closed = chief.post("/office/months/2026-13/close")
    assert closed.status_code == 303, page(closed).text
    assert is_open(ledger, 202613) is False


def test_the_first_month_of_the_books_is_chosen(
    app: Any, session: Any, ledger: Ledger, as_role: Callable[..., FlaskClient]
) -> None:
    chief = as_role("chief_accountant", org_code="XIAJIN")
    chief.set_cookie("language", "en")
    shown = chief.get("/xiajin/office/months")
    assert "The books have no month yet" in page(shown).text
    assert value_of(shown.get_data(as_text=True), "month") == "2026-03"
    wrong = chief.post("/xiajin/office/months/first", data={"month": "März"})
    assert wrong.status_code == 422 and "is not a month" in page(wrong).text
    assert chief.post("/xiajin/office/months/first", data={"month": "2026-02"}).status_code == 303
    rows = page(chief.get("/xiajin/office/months")).table("Months of the books")
    assert rows[1][0] == "2026-02"


@pytest.mark.parametrize("role", ["accountant", "cashier", "auditor"])
def test_only_who_closes_months_opens_and_closes_them(
    ledger: Ledger, as_role: Callable[..., FlaskClient], role: str
) -> None:
    client = as_role(role)
    for url in ("/office/months/2026-04/open", "/office/months/2026-01/close", "/office/years/2026/audit"):
        assert client.post(url).status_code == 403
    assert is_open(ledger, 202604) is None and is_open(ledger, 202601) is True


def test_a_month_that_is_none_has_no_page(chief: FlaskClient, ledger: Ledger) -> None:
    for url in ("2026-14/close", "2030-01/close", "x/close"):
        assert chief.get(f"/office/months/{url}").status_code == 404
