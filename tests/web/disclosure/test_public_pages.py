"""The public pages: figures that add up, open their rows, and are the same in every form."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.checks import run_checks
from charity.money import parse_yuan
from charity.places.models import Org
from charity.web.filters import months
from tests.support.pages import faults, page


def rows_of(app: Flask, path: str) -> list[dict[str, str]]:
    """Return a table as programs read it."""
    text = app.test_client().get(path + ("&" if "?" in path else "?") + "plain=1").data.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def in_english(app: Flask) -> FlaskClient:
    """Return a visitor whose browser asks for English."""
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def test_opening_in_out_and_moved_give_what_is_left_per_fund_and_in_all(public: Flask) -> None:
    funds = public.test_client().get("/disclosure/funds.json").get_json()["rows"]
    assert [row["code"] for row in funds] == ["F1", "F2", "F3", "GEN"]
    for row in funds:
        moved = row["opening_fen"] + row["in_fen"] - row["out_fen"] + row["moved_fen"]
        assert moved == row["closing_fen"]
        parts = ("spendable_fen", "held_fen", "in_transit_fen", "goods_fen", "other_fen")
        assert sum(row[key] for key in parts) - row["payables_fen"] == row["closing_fen"]
    home = page(public.test_client().get("/"))
    total = sum(row["closing_fen"] for row in funds)
    assert f"¥{total // 100:,}.{total % 100:02d}" in home.text


def test_gifts_reconcile_to_donation_income_and_csv_equals_json(public: Flask, books: Session) -> None:
    client = public.test_client()
    as_json = client.get("/disclosure/donations.json").get_json()["rows"]
    as_csv = rows_of(public, "/disclosure/donations.csv")
    assert len(as_json) == len(as_csv) > 50
    assert [row["amount_fen"] for row in as_json] == [parse_yuan(row["amount_fen"]) for row in as_csv]
    for code in ("F1", "F2", "F3", "GEN"):
        fund = client.get(f"/disclosure/donations.json?fund={code}").get_json()["rows"]
        shown = page(client.get(f"/disclosure/donations?fund={code}"))
        total = sum(row["amount_fen"] for row in fund)
        assert f"{total // 100:,}.{total % 100:02d}" in shown.text
    for org in books.scalars(select(Org)).all():
        assert run_checks(books, org.id) == []


def test_filters_and_paging_give_every_gift_once(public: Flask) -> None:
    client = in_english(public)
    seen: list[str] = []
    path = "/disclosure/donations"
    while path:
        found = page(client.get(path))
        table = found.tables["Gifts, the newest booked first"]
        seen += [" ".join(row) for row in table[1:]]
        older = [link for link in found.links if "after=" in link]
        path = older[-1] if older and older[-1] != path else ""
        assert len(seen) < 1000
    assert len(seen) == len(client.get("/disclosure/donations.json").get_json()["rows"])


def test_what_cannot_be_read_is_not_there(public: Flask) -> None:
    client = public.test_client()
    for path in (
        "/disclosure/donations?month=2026-99",
        "/disclosure/donations?channel=telex",
        "/disclosure/donations?after=x",
        "/disclosure/donations?after=202601.记.99999999999999999999.1",
        "/disclosure/donations?after=202601.记.².1",
        "/disclosure/donations?fund=<F1>",
        "/disclosure/donations?on=2026-02-30",
        "/disclosure/donations?number=<x>",
        "/disclosure/funds/F9",
        "/disclosure/funds/AGENCY",
    ):
        assert client.get(path).status_code == 404, path


def test_a_county_shows_its_own_books(public: Flask) -> None:
    city = public.test_client().get("/disclosure/funds.json").get_json()["rows"]
    county = public.test_client().get("/linxi/disclosure/funds.json").get_json()["rows"]
    assert county != city and county[0]["code"] == "F1"
    assert "临溪县慈善总会" in page(public.test_client().get("/linxi/")).text


def test_a_page_is_answered_from_the_cache_until_something_is_posted(public: Flask) -> None:
    client = public.test_client()
    first = client.get("/disclosure/funds")
    again = client.get("/disclosure/funds", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_empty_books_say_so(app: Flask) -> None:
    from sqlalchemy.orm import Session as OrmSession

    from charity.db import db
    from tests.books import open_books

    with app.app_context():
        session = OrmSession(db.engine)
        open_books(session)
        session.close()
    shown = page(in_english(app).get("/"))
    assert "nothing is posted yet" in shown.text
    assert page(app.test_client().get("/disclosure/donations")).headings
    assert page(app.test_client().get("/disclosure/funds/F1")).headings


def test_a_filter_that_finds_nothing_shows_what_was_asked_and_the_way_back(public: Flask) -> None:
    client = in_english(public)
    for asked, shown in (
        ("month=2025-01", '<option value="2025-01" selected>2025-01'),
        ("month=2026-13", '<option value="2026-13" selected>2026 audit adjustments'),
        ("fund=F9", '<option value="F9" selected>F9'),
        ("on=2025-01-05", 'value="2025-01-05"'),
        ("number=d-0000-0000-oo", 'value="D-0000-0000-00"'),
    ):
        answer = client.get(f"/disclosure/donations?{asked}")
        assert answer.status_code == 200 and shown in answer.text, asked
        found = page(answer)
        assert "No gift is booked under this filter." in found.text and "Clear the filter" in found.text
        assert "/disclosure/donations" in found.links


def test_a_gift_is_found_by_its_number_and_leads_to_its_proof(public: Flask) -> None:
    client = in_english(public)
    row = client.get("/disclosure/donations.json").get_json()["rows"][0]
    found = page(client.get(f"/disclosure/donations?number={row['public_no'].lower()}"))
    assert len(found.table("Gifts, the newest booked first")) == 2
    assert f"{row['voucher']}, line {row['line_no']}" in found.text
    assert any(
        link.startswith("/proofs?") and f"line={row['line_no']}#answer" in link for link in found.links
    )


def test_a_long_file_comes_in_parts_that_lead_to_one_another(
    public: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charity.disclosure.gift_queries.FILE_ROWS", 20)
    client = public.test_client()
    path, numbers, parts = "/disclosure/donations.json?fund=F1", [], 0
    while path:
        answer = client.get(path)
        body = answer.get_json()
        numbers += [(row["voucher"], row["line_no"]) for row in body["rows"]]
        path, parts = body.get("next", ""), parts + 1
        assert answer.headers.get("Link", "") == (f'<{path}>; rel="next"' if path else "")
    assert parts > 1 and len(set(numbers)) == len(numbers)
    monkeypatch.undo()
    whole = client.get("/disclosure/donations.json?fund=F1&again=1").get_json()  # the first part is cached
    assert [(row["voucher"], row["line_no"]) for row in whole["rows"]] == numbers


def test_a_file_says_whose_it_is_and_up_to_when(public: Flask) -> None:
    client = public.test_client()
    body = client.get("/disclosure/donations.json?fund=F1").get_json()
    assert (body["org"], body["filter"]) == ("HAIDAI", {"fund": "F1"})
    assert body["shown_fen"] == sum(row["amount_fen"] for row in body["rows"] if row["kind"] != "by_hand")
    name = client.get("/disclosure/donations.csv?fund=F1").headers["Content-Disposition"]
    assert f'"gifts-haidai-F1-{body["as_of"]}.csv"' in name


def test_what_was_entered_by_hand_is_the_last_row_of_the_file(public: Flask) -> None:
    """The county keeps its few gifts as vouchers: none is listed, and the file says how much it is."""
    client = in_english(public)
    body = client.get("/linxi/disclosure/donations.json").get_json()
    assert body["by_hand_fen"] == sum(row["amount_fen"] for row in body["rows"]) > 0
    assert {(row["kind"], row["public_no"]) for row in body["rows"]} == {("by_hand", "")}
    amount = f"¥{body['by_hand_fen'] // 100:,}.00"
    text = page(client.get("/linxi/disclosure/donations")).text
    assert f"Not listed singly (entered by hand): {amount}" in text
    assert (
        "is not listed singly, because it was entered by hand"
        in page(client.get(f"/linxi/disclosure/funds/{body['rows'][0]['fund_code']}")).text
    )


def test_every_public_page_says_where_an_error_is_reported(public: Flask) -> None:
    client = in_english(public)
    for path in ("/", "/disclosure/funds", "/disclosure/donations", "/proofs", "/lookup", "/verify"):
        assert "/contact" in page(client.get(path)).links, path
    found = page(client.get("/contact"))
    assert faults(found) == [] and "jiucuo@haidai.example" in found.text
    assert "mailto:jiucuo@linxi.example" in page(client.get("/linxi/contact")).links


def test_the_figures_of_the_home_page_open_their_rows(public: Flask) -> None:
    links = page(in_english(public).get("/")).links
    assert {"/disclosure/donations?fund=F1", "/disclosure/funds/F1#accounts", "/disclosure/funds.csv"} <= set(
        links
    )


def test_the_funds_say_what_they_are_for_and_add_up(public: Flask) -> None:
    client = in_english(public)
    funds = client.get("/disclosure/funds.json").get_json()["rows"]
    found = page(client.get("/disclosure/funds"))
    rows = found.table("The funds in 2026, in yuan")
    total = sum(row["closing_fen"] for row in funds)
    assert rows[-1][:2] == ["All together", f"{total // 100:,}.{total % 100:02d}"]
    assert all(len(row[0]) > 40 for row in rows[1:-1])


def test_months_are_named_as_people_write_them(public: Flask) -> None:
    client = public.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "zh-CN"
    assert "2026年初有多少" in client.get("/").text and "年年初" not in client.get("/").text
    assert "2026年0" not in page(client.get("/disclosure/donations")).text
    with public.test_request_context(headers={"Accept-Language": "zh-CN"}):
        assert months(202606, 202607) == "2026年6月至7月"
        assert months(202612, 202613) == "2026年12月至2026年审计调整期"
    with public.test_request_context(headers={"Accept-Language": "en"}):
        assert months(202606, 202607) == "2026-06 to 2026-07" and months(202606, 202606) == "2026-06"


def test_english_rows_are_english(public: Flask) -> None:
    rows = in_english(public).get("/disclosure/donations.json").get_json()["rows"]
    assert {row["fund"] for row in rows} <= {
        "Emergency aid fund",
        "Medical aid fund",
        "Development support fund",
        "General money",
    }
