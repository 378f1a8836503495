"""A page takes a frozen dataclass; a table is a page, a CSV and a JSON at one address."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import pytest
from jinja2 import UndefinedError

from charity.errors import Problem, Refused
from charity.web.render import problems_of, render


@dataclass
class Loose:
    title: str = "x"


@dataclass(frozen=True)
class Short:
    status: int = 200


@pytest.mark.parametrize("page", [Loose(), {"title": "x"}, Short])
def test_a_page_must_be_a_frozen_dataclass(shell, page) -> None:
    with shell.test_request_context(), pytest.raises(TypeError, match="frozen dataclass"):
        render("errors/error.html", page)


def test_a_name_the_page_does_not_have_is_an_error(shell) -> None:
    with shell.test_request_context(), pytest.raises(UndefinedError):
        render("errors/error.html", Short())


def test_problems_are_sentences_in_the_readers_language(shell) -> None:
    refused = Refused(Problem("amount_too_small", {"least": "5.00"}, "lines-0-amount"))
    with shell.test_request_context(headers={"Accept-Language": "en"}):
        found = problems_of(refused)
    assert [(s.where, s.code, s.text) for s in found] == [
        ("lines-0-amount", "amount_too_small", "The amount must be at least 5.00 yuan.")
    ]


def test_csv_for_people_has_titles_yuan_and_a_mark_for_excel(visitor) -> None:
    answer = visitor.get("/gifts.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.data.startswith("\ufeff".encode())
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows == [["编号", "金额（元）"], ["D-1", "1234.50"], ["'=D-2", "-1.00"]]


def test_csv_for_programs_has_keys_and_no_mark(visitor) -> None:
    text = visitor.get("/gifts.csv?plain=1").text
    assert text.splitlines()[0] == "number,amount_fen"


def test_json_keeps_money_as_fen(visitor) -> None:
    answer = visitor.get("/gifts.json")
    assert answer.json == {
        "name": "gifts",
        "columns": [
            {"key": "number", "title": "编号", "kind": "text"},
            {"key": "amount_fen", "title": "金额（元）", "kind": "money"},
        ],
        "rows": [{"number": "D-1", "amount_fen": 123_450}, {"number": "=D-2", "amount_fen": -100}],
    }


def test_files_of_public_tables_may_be_fetched_by_other_sites(visitor) -> None:
    headers = visitor.get("/gifts.json").headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Access-Control-Allow-Origin" not in visitor.get("/gifts").headers


def test_an_ending_that_is_no_file_is_not_found(visitor) -> None:
    assert visitor.get("/gifts.xml").status_code == 404
