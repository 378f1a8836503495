"""The overview: what waits for each person, by the role, each with the page where it is done."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask.testing import FlaskClient

from charity.ledger import drafting, setup, spending
from charity.web import desk
from tests.books import Ledger, read_journal
from tests.support.pages import page

GIFT = """
2026-03-02 收到捐款
  借 1002@B1  100.00  GEN
  贷 410101   100.00  GEN
"""


def prepared(ledger: Ledger, state: str) -> int:
    draft_id = ledger.draft(read_journal(GIFT)[0])
    if state != "draft":
        ledger.act(drafting.submit_drafts, "maker", draft_ids=[draft_id])
    if state in ("reviewed", "signed"):
        ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    if state == "signed":
        ledger.act(drafting.sign_drafts, "cashier", draft_ids=[draft_id])
    if state == "returned":
        ledger.act(drafting.return_draft, "reviewer", draft_id=draft_id, reason="附件不清")
    return draft_id


def test_everybody_is_greeted_and_sees_only_what_the_role_has_to_do(
    accountant: FlaskClient, reviewer: FlaskClient, cashier: FlaskClient, chief: FlaskClient, ledger: Ledger
) -> None:
    for state in ("draft", "returned", "submitted", "reviewed", "signed"):
        prepared(ledger, state)
    shown = page(accountant.get("/office/"))
    assert shown.headings == ["Welcome, accountant"]
    assert "1 Drafts of mine that were given back 附件不清" in shown.text
    assert "1 Drafts of mine that are not complete" in shown.text
    assert "3 Drafts of mine under review" in shown.text
    assert "Vouchers to review" not in shown.text
    assert "/office/drafts?mine=1&state=draft" in shown.links
    assert "1 Vouchers to review" in page(reviewer.get("/office/")).text
    assert "1 Money vouchers to sign as cashier" in page(cashier.get("/office/")).text
    assert "1 Vouchers ready to be posted" in page(chief.get("/office/")).text


def test_months_that_are_over_wait_for_who_closes_them(
    chief: FlaskClient, auditor: FlaskClient, ledger: Ledger
) -> None:
    shown = page(chief.get("/office/"))
    assert "2026-01 is over and still open" in shown.text
    assert "/office/months/2026-01/close" in shown.links
    assert "Nothing waits for you" in page(auditor.get("/office/")).text


def test_a_day_without_an_open_month_is_said(ledger: Ledger, clock: Any, as_role: Any) -> None:
    clock.advance(days=20)
    chief = as_role("chief_accountant")
    chief.set_cookie("language", "en")
    assert "No month is open for vouchers of today" in page(chief.get("/office/")).text


def test_unidentified_money_rules_and_holds_stand_on_the_desk(
    accountant: FlaskClient, reviewer: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(GIFT.replace("410101 ", "220901 "))
    ledger.act(
        spending.place_hold,
        "maker",
        fund="GEN",
        earmark="",
        amount_fen=4000,
        subject="CASE-7",
        on=date(2026, 3, 2),
        ask_on=date(2026, 3, 10),
    )
    ledger.act(setup.write_posting_rule, "chief", code="P02", text="渠道日汇总", on=date(2026, 3, 1))
    shown = page(accountant.get("/office/"))
    assert "is not identified: ¥100.00" in shown.text
    assert "/office/accounts/220901" in shown.links
    assert "1 Money set aside long ago; does it still stand? ¥40.00" in shown.text
    assert "1 Posting rules to approve" in page(reviewer.get("/office/")).text


def test_the_bar_names_the_open_months(accountant: FlaskClient, ledger: Ledger) -> None:
    assert "Open month: 2026-01 – 2026-03" in page(accountant.get("/office/")).text


def test_a_feature_registers_once_and_in_its_order(monkeypatch: Any) -> None:
    monkeypatch.setattr(desk, "_sources", {})
    first, second = desk.Waiting("a", "/a"), desk.Waiting("b", "/b", 2)
    desk.register("late", lambda _session, _actor: [second], order=20)
    desk.register("early", lambda _session, _actor: [], order=5)
    desk.register("early", lambda _session, _actor: [first], order=5)
    assert desk.waiting(None, None) == (first, second)  # type: ignore[arg-type]
