"""Correcting what is posted: only lawful ways, each shown before it is taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from charity.ledger.models import Draft
from charity.ledger.sealed_models import Incident, Voucher
from charity.web.forms import new_key
from tests.books import PAPER, Ledger
from tests.entries import entry, gift, value_of
from tests.support.pages import page

GIFT = """
2026-03-02 医疗捐款
  借 1002@B1  1,000.00  F2
  贷 410102   1,000.00  F2
"""
SPENT = """
2026-03-05 医疗救助 A-2026-0001
  借 510102   700.00  F2
  贷 1002@B1  700.00  F2
"""
GENERAL = """
2026-03-01 普通捐款
  借 1002@B1  900.00  GEN
  贷 410101   900.00  GEN
"""
AT = "/office/vouchers/2026-03/记/1"


def drafts(ledger: Ledger) -> list[Draft]:
    """Return the drafts that are not posted yet, oldest first."""
    ledger.session.rollback()
    ledger.session.expire_all()
    query = select(Draft).where(Draft.state != "posted").order_by(Draft.id)
    return list(ledger.session.scalars(query))


def carry_out(ledger: Ledger) -> None:
    """Review, sign and post what was submitted, as its people do."""
    from charity.ledger import drafting

    rows = drafts(ledger)
    ids = [row.id for row in rows]
    ledger.act(drafting.review_drafts, "reviewer", draft_ids=ids)
    money = [row.id for row in rows if row.has_money]
    if money:
        ledger.act(drafting.sign_drafts, "cashier", draft_ids=money)
    ledger.post_drafts(*ids)


def right_amounts(*yuan: str, **values: str) -> dict[str, Any]:
    data = {"idempotency_key": values.pop("key", None) or new_key(), "on": "2026-03-18", "act": "submit"}
    for number, amount in enumerate(yuan):
        data |= {f"lines-{number}-line_no": str(number + 1), f"lines-{number}-amount": amount}
    return data | values


def test_the_lawful_ways_are_offered_with_the_prescribed_summaries(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(GIFT)
    shown = page(accountant.get(f"{AT}/correct"))
    for way in ("Take it back in full", "Take it back and enter it right", "Only amounts are wrong"):
        assert way in shown.text
    assert "注销3月2日记-0001号凭证" in shown.text and "订正3月2日记-0001号凭证" in shown.text
    assert "can spend ¥1,000.00 now, ¥0.00 afterwards" in shown.text


def test_a_reversal_in_full_is_prepared_submitted_and_posted(accountant: FlaskClient, ledger: Ledger) -> None:
    ledger.post(GIFT)
    data = {"idempotency_key": new_key(), "on": "2026-03-18"}
    first = accountant.post(f"{AT}/correct", data=data)
    (red,) = drafts(ledger)
    assert first.headers["Location"] == f"/office/drafts/{red.id}"
    assert (red.state, red.colour, red.summary) == ("submitted", "red", "注销3月2日记-0001号凭证")
    assert accountant.post(f"{AT}/correct", data=data).status_code == 303, "a double click is one"
    assert len(drafts(ledger)) == 1
    assert "already being prepared" in page(accountant.get(f"{AT}/correct")).text
    carry_out(ledger)
    assert ledger.guard()["F2"] == ("0.00", "0.00")
    refused = page(accountant.get(f"{AT}/correct"))
    assert "has been reversed already" in refused.text
    assert "Take it back in full" not in refused.text


def test_a_date_in_a_month_that_is_not_open_is_refused_and_kept(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(GIFT)
    response = accountant.post(f"{AT}/correct", data={"idempotency_key": new_key(), "on": "2026-04-01"})
    assert response.status_code == 422
    assert "No open month holds 2026-04-01" in page(response).text
    assert value_of(response.get_data(as_text=True), "on") == "2026-04-01"
    assert drafts(ledger) == []


def test_the_right_voucher_is_written_beside_the_red_one(accountant: FlaskClient, ledger: Ledger) -> None:
    """The gift of 2 March was for emergencies, not for medical aid."""
    ledger.post(GIFT)
    form = accountant.get(f"{AT}/anew")
    markup = form.get_data(as_text=True)
    assert value_of(markup, "lines-0-account") == "1002 Bank deposits"
    assert value_of(markup, "attachments") == PAPER
    data = entry(*gift("1000", "F1", "410102"))
    response = accountant.post(f"{AT}/anew", data=data)
    assert response.status_code == 303
    assert accountant.post(f"{AT}/anew", data=data).status_code == 303, "a double click is one"
    red, blue = drafts(ledger)
    assert (red.colour, blue.colour) == ("red", "blue") and red.set_id == blue.set_id is not None
    assert blue.summary == "订正3月2日记-0001号凭证"
    assert "Posted together with" in page(accountant.get(f"/office/drafts/{red.id}")).text
    carry_out(ledger)
    assert ledger.guard() == {"F1": ("1,000.00", "0.00"), "F2": ("0.00", "0.00")}


def test_a_right_voucher_that_is_wrong_is_refused_with_everything_kept(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(GIFT)
    lines = (
        {"account": "1002", "fund": "F1", "debit": "5"},
        {"account": "410102", "fund": "F1", "credit": "6"},
    )
    response = accountant.post(f"{AT}/anew", data=entry(*lines))
    assert response.status_code == 422
    assert "differ by -1.00" in page(response).text
    assert value_of(response.get_data(as_text=True), "lines-1-credit") == "6"
    assert drafts(ledger) == []
    looked = accountant.post(f"{AT}/anew", data=entry(*lines, act="preview"))
    assert looked.status_code == 200 and "differ by -1.00" in page(looked).text


def test_only_amounts_are_corrected_by_the_difference(accountant: FlaskClient, ledger: Ledger) -> None:
    ledger.post(GIFT)
    markup = accountant.get(f"{AT}/amounts").get_data(as_text=True)
    assert value_of(markup, "lines-0-amount") == "1000.00"
    ahead = accountant.post(f"{AT}/amounts", data=right_amounts("1200", "1200", act="preview"))
    assert ahead.status_code == 200 and drafts(ledger) == []
    assert ["Medical aid fund", "200.00", "200.00", "1,000.00", "1,200.00"] in page(ahead).table("Per fund")
    data = right_amounts("1200", "1200")
    assert accountant.post(f"{AT}/amounts", data=data).status_code == 303
    assert accountant.post(f"{AT}/amounts", data=data).status_code == 303, "a double click is one"
    (more,) = drafts(ledger)
    assert (more.colour, more.total_fen, more.state) == ("blue", 20_000, "submitted")
    carry_out(ledger)
    assert value_of(accountant.get(f"{AT}/amounts").get_data(as_text=True), "lines-0-amount") == "1200.00"


@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        (("1000", "1000"), "there is nothing to correct"),
        (("900", "1000"), "differ by"),
        (("0.005", "1000"), "finer than one fen"),
        (("-1", "1000"), "must not be negative"),
    ],
)
def test_wrong_right_amounts_are_refused_and_kept(
    accountant: FlaskClient, ledger: Ledger, amounts: tuple[str, str], sentence: str
) -> None:
    ledger.post(GIFT)
    response = accountant.post(f"{AT}/amounts", data=right_amounts(*amounts, reason="笔误"))
    assert response.status_code == 422
    assert sentence in page(response).text
    assert value_of(response.get_data(as_text=True), "lines-0-amount") == amounts[0]
    assert "笔误" in response.get_data(as_text=True)
    assert drafts(ledger) == []


def test_a_correction_of_fact_asks_for_a_reason_and_general_money_bears_it(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    """The gift was really 600; 700 of it are spent."""
    ledger.post(GENERAL + GIFT + SPENT)
    at = "/office/vouchers/2026-03/记/2"
    assert "That is too little: the money has been spent" in page(accountant.get(f"{at}/correct")).text
    response = accountant.post(f"{at}/amounts", data=right_amounts("600", "600"))
    text = page(response).text
    assert response.status_code == 422
    assert "This corrects a fact and would overdraw a fund" in text
    assert "¥100.00 too little. A further voucher moves that much spending to general money" in text
    assert "Give a reason" in text
    data = right_amounts("600", "600", reason="银行退回 400 元")
    assert accountant.post(f"{at}/amounts", data=data).status_code == 303
    difference, cover = drafts(ledger)
    assert cover.set_id == difference.set_id
    assert (difference.total_fen, cover.total_fen) == (-40_000, 10_000)
    carry_out(ledger)
    assert ledger.guard() == {"F2": ("0.00", "0.00"), "GEN": ("800.00", "0.00")}


def test_where_general_money_cannot_bear_it_the_fund_is_frozen_and_says_so(
    accountant: FlaskClient, chief: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(GIFT + SPENT)
    data = right_amounts("600", "600", reason="银行退回 400 元", act="preview")
    text = page(accountant.post(f"{AT}/amounts", data=data)).text
    assert "general money cannot bear it. The fund will be frozen" in text
    assert accountant.post(f"{AT}/amounts", data=data | {"act": "submit"}).status_code == 303
    (difference,) = drafts(ledger)
    shown = page(chief.get(f"/office/drafts/{difference.id}"))
    assert "Posting this leaves a fund frozen until it is covered. Reason: 银行退回 400 元" in shown.text
    carry_out(ledger)
    assert ledger.guard()["F2"] == ("-100.00", "0.00")
    assert len(list(ledger.session.scalars(select(Incident)))) == 1
    assert "Medical aid fund is frozen" in page(chief.get("/office/funds")).text


def test_an_error_of_a_past_year_goes_through_3201(
    ledger: Ledger, clock: Any, as_role: Callable[..., FlaskClient]
) -> None:
    ledger.post(GIFT)
    ledger.open_months("2026-04", "2026-12")
    ledger.open_months("2027-01", "2027-01")
    clock.set(clock.instant.replace(year=2027, month=1, day=5))
    accountant = as_role("accountant")
    accountant.set_cookie("language", "en")
    shown = page(accountant.get(f"{AT}/correct"))
    assert "Errors of a past year are corrected in blue through account 3201" in shown.text
    assert "Take it back in full" not in shown.text
    (prior,) = [link for link in shown.links if "prior=" in link]
    markup = accountant.get(prior).get_data(as_text=True)
    assert value_of(markup, "lines-1-account").startswith("320102 ")
    assert re.search(r'value="prior_year" selected|selected value="prior_year"', markup)
    assert value_of(markup, "lines-0-debit") == "" and value_of(markup, "lines-0-summary").startswith("订正")
    blocked = accountant.get(f"{AT}/anew")
    assert blocked.status_code == 422 and "past year" in page(blocked).text
    amounts = accountant.post(f"{AT}/amounts", data=right_amounts("1", "1", on="2027-01-05"))
    assert amounts.status_code == 422 and "past year" in page(amounts).text


def test_a_red_voucher_and_an_opening_are_not_corrected(accountant: FlaskClient, ledger: Ledger) -> None:
    ledger.post("2026-01-01 !opening 年初余额\n  借 1002@B1  5.00  GEN\n  贷 3101  5.00  GEN")
    opening = page(accountant.get("/office/vouchers/2026-01/记/1/correct"))
    assert "Opening and closing vouchers are not corrected" in opening.text
    ledger.post(GIFT)
    accountant.post(f"{AT}/correct", data={"idempotency_key": new_key(), "on": "2026-03-18"})
    carry_out(ledger)
    red = page(accountant.get("/office/vouchers/2026-03/记/2/correct"))
    assert "it is not reversed itself" in red.text


@pytest.mark.parametrize("role", ["reviewer", "cashier", "chief_accountant", "auditor"])
def test_only_an_accountant_prepares_corrections(
    ledger: Ledger, as_role: Callable[..., FlaskClient], role: str
) -> None:
    ledger.post(GIFT)
    client = as_role(role)
    for way in ("correct", "anew", "amounts"):
        assert client.get(f"{AT}/{way}").status_code == 403
        assert client.post(f"{AT}/{way}").status_code == 403
    assert len(list(ledger.session.scalars(select(Voucher)))) == 1
    assert ledger.on == date(2026, 3, 18)
