"""Drop a file, see what it is, fix, book: the pages an accountant goes through each morning."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import db
from charity.imports import reading
from charity.imports.models import ImportFile, ImportRow
from charity.imports.reading import Answers
from charity.intake.read import ParsedFile
from charity.ledger.models import Draft
from tests.gifts import Move, Pay, bank_export, donor_list, wechat_bill
from tests.support import source
from tests.support.pages import Page

BANK = bank_export(
    [Move("5.00", "甲某", "捐款"), Move("6.00", "乙某", ""), Move("7.00", "丙某", "", is_out=True)]
)


@pytest.fixture
def accountant(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return as_role("accountant")


def page(response: object) -> Page:
    return Page.of(response.get_data(as_text=True))  # type: ignore[attr-defined]


def token(client: FlaskClient, address: str = "/office/imports") -> str:
    import re

    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(address).get_data(as_text=True))
    assert found
    return found[1]


def drop(client: FlaskClient, *files: tuple[bytes, str]) -> object:
    data = {"csrf_token": token(client), "files": [(io.BytesIO(data), name) for data, name in files]}
    return client.post("/office/imports", data=data, content_type="multipart/form-data")


def post(client: FlaskClient, address: str, **values: str) -> object:
    return client.post(address, data={"csrf_token": token(client), **values})


def address_of(app: Flask) -> str:
    with app.app_context():
        newest = select(ImportFile.public_no).order_by(ImportFile.id.desc())
        number = db.session.scalars(newest.execution_options(across_orgs=True)).first()
        db.session.remove()
    return f"/office/imports/{number}"


def states(app: Flask) -> list[tuple[int, str, str]]:
    with app.app_context():
        query = select(ImportRow.row_no, ImportRow.state, ImportRow.action).order_by(ImportRow.row_no)
        query = query.execution_options(across_orgs=True)
        found = [tuple(row) for row in db.session.execute(query)]
        db.session.remove()
    return found  # type: ignore[return-value]


def test_an_empty_desk_says_what_will_appear(accountant: FlaskClient) -> None:
    response = accountant.get("/office/imports?lang=en", headers={"Accept-Language": "en"})
    assert response.status_code == 200
    found = page(response)
    assert "No file was dropped yet." in found.text
    assert found.unlabelled == []


def test_a_dropped_file_leads_to_its_preview(accountant: FlaskClient, app: Flask) -> None:
    response = drop(accountant, (BANK, "银行.csv"))
    assert response.status_code == 303  # type: ignore[attr-defined]
    assert response.location == address_of(app)  # type: ignore[attr-defined]
    found = page(accountant.get(address_of(app), headers={"Accept-Language": "en"}))
    assert found.title.startswith("银行.csv")
    rows = found.table("Rows of the file")
    assert [row[0] for row in rows[1:]] == ["2", "3", "4"]
    assert "to be decided" in rows[2][4]
    assert "Nothing in this row says that it is a gift" in rows[2][4]
    assert rows[1][5] == "非限定资金"
    totals = found.table("What the file states and what was counted")
    assert ["Money in", "11.00", "11.00", "agrees"] in totals
    assert found.unlabelled == []
    assert found.repeated_ids == []


def test_several_files_are_dropped_at_once_and_a_wrong_one_says_why(
    accountant: FlaskClient, app: Flask
) -> None:
    response = drop(accountant, (BANK, "bank.csv"), (b"%PDF-1.7", "scan.pdf"))
    assert response.status_code == 422  # type: ignore[attr-defined]
    found = page(response)
    assert "scan.pdf" in found.text
    assert "bank.csv" in found.text
    bill = wechat_bill([Pay("41", "1.00")])
    both = drop(accountant, (bill, "a.csv"), (wechat_bill([Pay("42", "1.00")]), "b.csv"))
    assert both.location == "/office/imports"  # type: ignore[attr-defined]


def test_dropping_nothing_asks_for_a_file(accountant: FlaskClient) -> None:
    assert drop(accountant).status_code == 422  # type: ignore[attr-defined]


def test_the_same_file_again_leads_to_the_first(accountant: FlaskClient, app: Flask) -> None:
    first = drop(accountant, (BANK, "a.csv"))
    again = drop(accountant, (BANK, "b.csv"))
    assert again.location == first.location  # type: ignore[attr-defined]


def test_one_key_sends_a_row_to_220901_and_the_file_is_booked(
    accountant: FlaskClient, app: Flask, work: Callable[[], None]
) -> None:
    drop(accountant, (BANK, "bank.csv"))
    address = address_of(app)
    assert 'data-key="u"' in accountant.get(address).get_data(as_text=True)
    decided = post(accountant, f"{address}/decide", decide="3:unidentified")
    assert decided.status_code == 303  # type: ignore[attr-defined]
    assert states(app)[1] == (3, "staged", "unidentified")
    booked = post(accountant, f"{address}/book")
    assert booked.status_code == 303  # type: ignore[attr-defined]
    running = accountant.get(address)
    assert "data-progress" in running.get_data(as_text=True)
    status = accountant.get(f"{address}/progress.json").get_json()
    assert (status["state"], status["total"]) == ("queued", 3)
    work()
    assert [state for _row, state, _action in states(app)] == ["booked", "booked", "skipped"]
    with app.app_context():
        totals = sorted(db.session.scalars(select(Draft.total_fen), execution_options={"across_orgs": True}))
        db.session.remove()
    assert totals == [500, 600]
    assert accountant.get(f"{address}/progress.json").get_json()["state"] == "done"
    booked_page = page(accountant.get(address))
    assert sum("/office/gifts/D-" in link for link in booked_page.links) == 2
    assert "/office/gifts/D-" in accountant.get(f"{address}/rows/2").get_data(as_text=True)


def test_a_decision_goes_on_to_the_next_row_that_waits(accountant: FlaskClient, app: Flask) -> None:
    moves = [Move(f"{n}.00", f"某{n}", "") for n in range(1, 4)]
    drop(accountant, (bank_export(moves), "bank.csv"))
    address = address_of(app)
    decided = post(accountant, f"{address}/decide?verdict=ask", decide="2:gift")
    assert decided.location == f"{address}?verdict=ask&at=3#row-3"  # type: ignore[attr-defined]
    assert "data-focus" in accountant.get(decided.location.partition("#")[0]).get_data(as_text=True)  # type: ignore[attr-defined]


def test_all_rows_of_a_kind_are_decided_at_once(accountant: FlaskClient, app: Flask) -> None:
    drop(accountant, (bank_export([Move("5.00", "甲", ""), Move("6.00", "乙", "")]), "bank.csv"))
    address = address_of(app)
    assert "220901" in page(accountant.get(f"{address}?verdict=ask")).text
    post(accountant, f"{address}/decide-all", verdict="ask", action="unidentified")
    assert [action for _row, _state, action in states(app)] == ["unidentified"] * 2


@pytest.mark.parametrize("decide", ["3:fee", "99:gift", "x:gift", ""])
def test_a_decision_that_cannot_be_is_refused_with_a_sentence(
    accountant: FlaskClient, app: Flask, decide: str
) -> None:
    drop(accountant, (BANK, "bank.csv"))
    response = post(accountant, f"{address_of(app)}/decide", decide=decide)
    assert response.status_code == 422  # type: ignore[attr-defined]
    assert "error-summary" in response.get_data(as_text=True)  # type: ignore[attr-defined]


def test_a_list_asks_for_its_place_and_its_days(accountant: FlaskClient, app: Flask) -> None:
    drop(accountant, (donor_list([["李四", "200"]], head="捐赠人,捐赠金额"), "list.csv"))
    address = address_of(app)
    refused = post(accountant, f"{address}/book")
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert post(accountant, f"{address}/place", place="XX").status_code == 422  # type: ignore[attr-defined]
    assert post(accountant, f"{address}/place", place="C1").status_code == 303  # type: ignore[attr-defined]
    assert post(accountant, f"{address}/days", received_on="2026-3-16").status_code == 303  # type: ignore[attr-defined]
    found = page(accountant.get(address, headers={"Accept-Language": "en"}))
    assert "2026-03-16" in found.text
    assert states(app) == [(3, "staged", "gift")]


def test_an_unknown_file_asks_about_its_columns_once(accountant: FlaskClient, app: Flask) -> None:
    data = "甲列,乙列,丙列\r\n王五,30.00,2026-03-17\r\n".encode()
    drop(accountant, (data, "odd.csv"))
    address = address_of(app)
    assert accountant.get(address).location == f"{address}/columns"
    asked = page(accountant.get(f"{address}/columns", headers={"Accept-Language": "en"}))
    assert asked.table("Columns of the file")[1][:2] == ["甲列", "王五"]
    shared = {"form": "donor_list", "unit": "元", "channel": "", "direction": ""}
    wrong = post(accountant, f"{address}/columns", **shared, **{"column-0": "day"})
    assert wrong.status_code == 422  # type: ignore[attr-defined]
    answer = {"column-0": "counterparty_name", "column-1": "amount", "column-2": "day"}
    right = post(accountant, f"{address}/columns", **shared, **answer)
    assert right.location == address  # type: ignore[attr-defined]
    drop(accountant, (data.replace(b"30.00", b"31.00"), "odd2.csv"))
    assert address_of(app) != address
    assert accountant.get(address_of(app)).status_code == 200
    known = wechat_bill([Pay("41", "1.00")])
    drop(accountant, (known, "bill.csv"))
    assert accountant.get(f"{address_of(app)}/columns").location == address_of(app)


def test_a_file_is_read_while_others_can_write(
    accountant: FlaskClient, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a long one takes seconds; the one writing transaction is not held for them."""
    path = session.get_bind().engine.url.database
    read: list[str] = []

    def parse(own: Session, org_id: int, data: bytes, name: str, answers: Answers) -> ParsedFile:
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # raises while somebody writes
        other.execute("ROLLBACK")
        other.close()
        read.append(name)
        return usual(own, org_id, data, name, answers)

    usual = reading.parse
    monkeypatch.setattr(reading, "parse", parse)
    drop(accountant, ("甲列,乙列,丙列\r\n王五,30.00,2026-03-17\r\n".encode(), "odd.csv"))
    answer = {"column-0": "counterparty_name", "column-1": "amount", "column-2": "day"}
    shared = {"form": "donor_list", "unit": "元", "channel": "", "direction": ""}
    address = address_of(app)
    right = post(accountant, f"{address}/columns", **shared, **answer)
    assert right.location == address  # type: ignore[attr-defined]
    drop(accountant, (donor_list([["李四", "200"]], head="捐赠人,捐赠金额"), "list.csv"))
    days = post(accountant, f"{address_of(app)}/days", received_on="2026-3-16")
    assert days.status_code == 303  # type: ignore[attr-defined]
    assert set(read) == {"odd.csv", "list.csv"} and len(read) >= 4


def test_a_row_in_full_hides_the_numbers_of_people(accountant: FlaskClient, app: Flask) -> None:
    rows = [["李四", "很多", "2026-03-17", "助学", "13805341234"]]
    drop(accountant, (donor_list(rows), "list.csv"))
    text = accountant.get(f"{address_of(app)}/rows/3").get_data(as_text=True)
    assert "138****1234" in text
    assert "13805341234" not in text
    assert accountant.get(f"{address_of(app)}/rows/99").status_code == 404


def test_the_fee_of_a_payout_is_noted_at_its_row(accountant: FlaskClient, app: Flask) -> None:
    move = Move("99.40", "财付通支付科技有限公司", "微信支付结算款")
    drop(accountant, (bank_export([move]), "bank.csv"))
    address = f"{address_of(app)}/rows/2"
    assert post(accountant, address, fee="x").status_code == 422  # type: ignore[attr-defined]
    assert post(accountant, address, fee="0.60").status_code == 303  # type: ignore[attr-defined]
    with app.app_context():
        row = db.session.scalars(select(ImportRow), execution_options={"across_orgs": True}).one()
        assert (row.decision, row.decision_params) == ("settlement", {"fee_fen": 60})
        db.session.remove()


def test_a_file_is_set_aside_on_a_page_that_says_what_happens(accountant: FlaskClient, app: Flask) -> None:
    drop(accountant, (BANK, "bank.csv"))
    address = f"{address_of(app)}/aside"
    asked = page(accountant.get(address, headers={"Accept-Language": "en"}))
    assert "Nothing of its 3 rows is booked" in asked.text
    assert post(accountant, address, reason="").status_code == 422  # type: ignore[attr-defined]
    assert post(accountant, address, reason="拖错了").location == "/office/imports"  # type: ignore[attr-defined]
    assert {state for _row, state, _action in states(app)} == {"skipped"}


def test_a_file_that_contradicts_itself_shows_where(accountant: FlaskClient, app: Flask) -> None:
    drop(accountant, (wechat_bill([Pay("41", "1.00")], stated={"paid": "2.00"}), "bill.csv"))
    found = page(accountant.get(address_of(app), headers={"Accept-Language": "en"}))
    assert ["Money in", "2.00", "1.00", "differs"] in found.table("What the file states and what was counted")
    assert post(accountant, f"{address_of(app)}/book").status_code == 422  # type: ignore[attr-defined]


def test_the_cashier_drops_and_the_accountant_books(as_role: Callable[..., FlaskClient], app: Flask) -> None:
    cashier = as_role("cashier")
    drop(cashier, (BANK, "bank.csv"))
    address = address_of(app)
    assert cashier.get(address).status_code == 200
    assert "data-key=" not in cashier.get(address).get_data(as_text=True)
    assert post(cashier, f"{address}/book").status_code == 403  # type: ignore[attr-defined]
    assert post(cashier, f"{address}/decide", decide="3:gift").status_code == 403  # type: ignore[attr-defined]


def test_pages_are_for_those_who_may(as_role: Callable[..., FlaskClient], client: FlaskClient) -> None:
    read_only = as_role("auditor").get("/office/imports")
    assert read_only.status_code == 200
    assert b"data-drop" not in read_only.data
    assert as_role("auditor").post("/office/imports").status_code == 403
    assert as_role("coordinator").get("/office/imports").status_code == 403
    assert client.get("/office/imports").status_code in (302, 303)


def test_files_of_another_org_are_not_there(accountant: FlaskClient) -> None:
    assert accountant.get("/office/imports/I-0000-0000-00").status_code == 404


def test_the_overview_tells_what_waits(accountant: FlaskClient) -> None:
    drop(accountant, (BANK, "bank.csv"))
    found = page(accountant.get("/office/", headers={"Accept-Language": "en"}))
    assert "Files to book" in found.text
    assert "1 row waits for a decision" in found.text


def test_a_row_once_decided_or_booked_asks_no_more(
    accountant: FlaskClient, app: Flask, work: Callable[[], None]
) -> None:
    """The chip counts what is open; a booked row says how far its voucher is."""
    accountant.set_cookie("language", "en")
    drop(accountant, (BANK, "bank.csv"))
    address = address_of(app)
    first = page(accountant.get(address))
    assert "to be decided 1" in first.text
    assert "Nothing in this row says that it is a gift" in first.text
    post(accountant, f"{address}/decide", decide="3:unidentified")
    decided = page(accountant.get(address))
    assert "to be decided" not in decided.text
    assert "Nothing in this row says" not in decided.text
    assert "To 220901, not identified" in decided.table("Rows of the file")[2][4]
    post(accountant, f"{address}/book")
    work()
    booked = page(accountant.get(address))
    assert [row[4] for row in booked.table("Rows of the file")[1:3]] == ["reviewed"] * 2
    assert "2 rows are recorded. 2 vouchers were made from this file:" in booked.text
    assert sum("/drafts/" in link and link[-1].isdigit() for link in booked.links) == 2
    row = page(accountant.get(f"{address}/rows/3"))
    assert "reviewed" in row.text
    assert "Nothing in this row says" not in row.text


def test_where_a_row_goes_is_said_by_name(accountant: FlaskClient, app: Flask) -> None:
    accountant.set_cookie("language", "en")
    bill = wechat_bill([Pay("41", "5.00", "捐款"), Pay("41", "1.00", refund_no="9")])
    drop(accountant, (bill, "bill.csv"))
    rows = page(accountant.get(address_of(app))).table("Rows of the file")
    assert [row[5] for row in rows[1:]] == ["非限定资金", "row 2 of this file"]
    assert "募捐平台" in page(accountant.get("/office/imports")).table("Dropped files")[1]


def test_totals_say_each_thing_once(accountant: FlaskClient, app: Flask) -> None:
    accountant.set_cookie("language", "en")
    drop(accountant, (BANK, "bank.csv"))
    totals = page(accountant.get(address_of(app))).table("What the file states and what was counted")
    assert ["Balance before", "100,000.00", "–", ""] in totals
    assert ["Balance after", "100,004.00", "100,004.00", "agrees"] in totals
    bill = wechat_bill([Pay("41", "5.00"), Pay("41", "1.00", refund_no="9")])
    drop(accountant, (bill, "bill.csv"))
    names = [
        row[0]
        for row in page(accountant.get(address_of(app))).table("What the file states and what was counted")
    ]
    assert "Refunds" in names
    assert "Money out" not in names


def test_the_page_says_what_the_file_says_of_its_account(accountant: FlaskClient, app: Flask) -> None:
    accountant.set_cookie("language", "en")
    drop(accountant, ((source.ROOT / "docs/samples/icbc_old_202610.csv").read_bytes(), "icbc.csv"))
    text = page(accountant.get(address_of(app))).text
    assert "The file states the account ending in 0002; the place chosen has no number on record." in text
