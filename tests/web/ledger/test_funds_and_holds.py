"""What funds can spend, money set aside, and a fund found overdrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from charity.ledger import corrections, setup, spending
from charity.ledger.sealed_models import HoldEvent, Incident, IncidentCover
from charity.money import parse_yuan
from tests.books import Ledger
from tests.support.pages import page

BOOKS = """
2026-01-01 !opening 年初余额
  借 1002@B1  1,000.00  F2
  借 1201       300.00  F2
  借 1501       500.00  GEN
  借 1002@B1    200.00  GEN
  贷 2209        50.00  GEN
  贷 3102     1,300.00  F2
  贷 3101       650.00  GEN
"""


def hold(ledger: Ledger, yuan: str, **values: Any) -> int:
    return int(
        ledger.act(
            spending.place_hold,
            "maker",
            fund="F2",
            earmark=values.pop("earmark", ""),
            amount_fen=parse_yuan(yuan),
            subject=values.pop("subject", "CASE-1"),
            on=date(2026, 3, 1),
            **values,
        )
    )


def test_the_parts_of_a_fund_add_up(auditor: FlaskClient, ledger: Ledger) -> None:
    ledger.post(BOOKS)
    hold(ledger, "150")
    rows = {row[0]: row[1:] for row in page(auditor.get("/office/funds")).table("Per fund")[1:]}
    assert rows["Medical aid fund"] == ["1,300.00", "850.00", "150.00", "–zero", "300.00", "–zero", "–zero"]
    assert rows["General money"] == ["650.00", "200.00", "–zero", "–zero", "–zero", "500.00", "50.00"]


def test_an_earmark_stands_below_its_fund_and_the_table_is_a_file(
    auditor: FlaskClient, ledger: Ledger
) -> None:
    ledger.act(
        setup.open_earmark,
        "chief",
        fund="F2",
        code="F2-HEART",
        name="先心病手术",
        text="先心病",
        source="provider",
        on=date(2026, 1, 1),
    )
    ledger.post("2026-01-02 先心病捐款\n  借 1002@B1  80.00  F2/F2-HEART\n  贷 410102  80.00  F2/F2-HEART")
    rows = {row[0]: row[1] for row in page(auditor.get("/office/funds")).table("Per fund and earmark")[1:]}
    assert rows["Medical aid fund 先心病手术"] == "80.00"
    text = auditor.get("/office/funds.csv").data.decode("utf-8-sig")
    assert "F2,Medical aid fund,F2-HEART,先心病手术,80.00,80.00" in text
    found = auditor.get("/office/funds.json").get_json()
    assert any(row["net_assets_fen"] == 8000 for row in found["rows"])


def test_money_set_aside_is_listed_and_given_back_with_a_reason(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    ledger.post(BOOKS)
    hold_id = hold(ledger, "150")
    shown = page(accountant.get("/office/holds"))
    (row,) = shown.table("1 hold · ¥150.00")[1:]
    assert row[:3] == ["CASE-1", "Medical aid fund", "150.00"] and row[4] == "accountant"
    url = f"/office/holds/{hold_id}/release"
    assert "¥150.00 goes back to what Medical aid fund can spend" in page(accountant.get(url)).text
    refused = accountant.post(url, data={"reason": " "})
    assert refused.status_code == 422 and "Give a reason" in page(refused).text
    assert accountant.post(url, data={"reason": "申请撤回"}).status_code == 303
    assert ledger.guard()["F2"] == ("1,000.00", "0.00")
    assert accountant.post(url, data={"reason": "申请撤回"}).status_code == 404, "it has ended"
    assert "Nothing is set aside" in page(accountant.get("/office/holds")).text


def test_holds_to_ask_about_are_marked_and_found(accountant: FlaskClient, ledger: Ledger) -> None:
    ledger.post(BOOKS)
    hold(ledger, "10", subject="CASE-OLD", ask_on=date(2026, 3, 18))
    hold(ledger, "20", subject="CASE-NEW", ask_on=date(2026, 3, 19))
    assert page(accountant.get("/office/holds")).text.count("still standing?") == 1
    due = page(accountant.get("/office/holds?due=1"))
    assert "CASE-OLD" in due.text and "CASE-NEW" not in due.text
    assert "CASE-NEW" in page(accountant.get("/office/holds?text=NEW&fund=F2")).text
    assert "Nothing is set aside" in page(accountant.get("/office/holds?fund=GEN")).text


@pytest.mark.parametrize("role", ["reviewer", "cashier", "auditor"])
def test_who_may_only_read_gives_nothing_back(
    ledger: Ledger, as_role: Callable[..., FlaskClient], role: str
) -> None:
    ledger.post(BOOKS)
    hold_id = hold(ledger, "10")
    client = as_role(role)
    assert client.get(f"/office/holds/{hold_id}/release").status_code == 403
    assert client.post(f"/office/holds/{hold_id}/release", data={"reason": "x"}).status_code == 403
    assert len(list(ledger.session.scalars(select(HoldEvent)))) == 1


def frozen(ledger: Ledger) -> int:
    """Overdraw F1 by a correction of fact; return the incident."""
    posted = ledger.post(
        """
2026-03-02 捐款
  借 1002@B1  100.00  F1
  贷 410102   100.00  F1

2026-03-03 救助 A-2026-0009
  借 510102   80.00  F1
  贷 1002@B1  80.00  F1
"""
    )
    drafts = ledger.act(
        corrections.correct_fact,
        "maker",
        voucher_id=posted[0].voucher_id,
        amounts={1: 5000, 2: 5000},
        on=date(2026, 3, 4),
        reason="银行退回 50 元",
    )
    ledger.run(drafts)
    return ledger.session.execute(select(Incident.id)).scalar_one()


def test_a_frozen_fund_stands_by_name_until_it_is_covered(chief: FlaskClient, ledger: Ledger) -> None:
    incident = frozen(ledger)
    shown = page(chief.get("/office/funds"))
    assert "Emergency aid fund is frozen" in shown.text and "银行退回 50 元" in shown.text
    assert "Declared by accountant, seconded by reviewer" in shown.text
    assert "money must come in" in shown.text
    url = f"/office/funds/incidents/{incident}/cover"
    early = chief.post(url, data={"note": "补足"})
    assert early.status_code == 422 and "is short 30.00" in page(early).text
    ledger.post("2026-03-05 补足捐款\n  借 1002@B1  40.00  F1\n  贷 410102  40.00  F1")
    assert "End the incident" in page(chief.get("/office/funds")).text
    assert chief.post(url, data={"note": "张女士补捐"}).status_code == 303
    again = chief.post(url, data={"note": "x"})
    assert again.status_code == 422 and "no such open incident" in page(again).text
    after = page(chief.get("/office/funds"))
    assert "is frozen" not in after.text and "张女士补捐" in after.text
    assert ledger.session.execute(select(IncidentCover.covered_by)).scalar_one() == ledger.ids["chief"]


def test_an_accountant_does_not_end_an_incident(accountant: FlaskClient, ledger: Ledger) -> None:
    incident = frozen(ledger)
    assert accountant.post(f"/office/funds/incidents/{incident}/cover", data={"note": "x"}).status_code == 403
