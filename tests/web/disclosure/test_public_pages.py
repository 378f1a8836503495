"""The public pages: figures that add up, open their rows, and are the same in every form."""

from __future__ import annotations

import csv
import io

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.checks import run_checks
from charity.money import parse_yuan
from charity.places.models import Org
from tests.support.pages import page


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
