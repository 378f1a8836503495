"""An error says what happened, what was kept and what to do next."""

from __future__ import annotations

import pytest

from charity.web.errors import TEXTS


@pytest.mark.parametrize("status", sorted(set(TEXTS) - {401}))
def test_each_status_has_a_page_in_words(visitor, status) -> None:
    answer = visitor.get(f"/fail/{status}", headers={"Accept-Language": "en"})
    title, what, next_step = TEXTS[status]
    assert answer.status_code == status
    assert all(text in answer.text for text in (f"<h1>{title}</h1>", what, next_step))
    assert answer.text.count("<h1") == 1
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_status_without_words_of_its_own_borrows_them(visitor) -> None:
    answer = visitor.get("/fail/409", headers={"Accept-Language": "en"})
    assert answer.status_code == 409
    assert TEXTS[400][0] in answer.text


def test_without_a_sign_in_page_401_is_a_page(visitor, monkeypatch) -> None:
    monkeypatch.setattr("charity.web.errors.SIGN_IN", "nobody.sign_in")
    answer = visitor.get("/review", headers={"Accept-Language": "en"})
    assert answer.status_code == 401
    assert "Please sign in" in answer.text


def test_a_crash_tells_nothing_and_asks_nothing_of_the_database(shell, visitor) -> None:
    def broken(slug, host):
        raise RuntimeError("no database")

    shell.extensions["charity.org_loader"] = broken
    shell.config["PROPAGATE_EXCEPTIONS"] = False
    answer = visitor.get("/crash", headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "a secret detail" not in answer.text


def test_an_error_of_a_json_address_is_json(visitor) -> None:
    answer = visitor.get("/nothing.json", headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert answer.json["error"] == "There is no such page"


def test_405_names_the_methods_allowed(visitor) -> None:
    answer = visitor.post("/where")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_refusal_no_route_caught_is_a_page_with_its_sentences(visitor) -> None:
    visitor.get("/language/en")
    answer = visitor.post("/refuse")
    assert answer.status_code == 422
    assert 'data-code="amount_negative"' in answer.text
    assert "The amount must not be negative." in answer.text


def test_a_form_without_its_token_is_out_of_date(visitor) -> None:
    answer = visitor.post("/form", has_token=False, headers={"Accept-Language": "en"})
    assert answer.status_code == 400
    assert "This form is out of date" in answer.text


def test_a_request_that_is_too_large_is_refused(shell, visitor) -> None:
    shell.config["MAX_CONTENT_LENGTH"] = 10
    answer = visitor.post("/form", data={"note": "x" * 100})
    assert answer.status_code == 413
