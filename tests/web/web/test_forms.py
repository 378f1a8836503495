"""Fields give the house's values and keep what was typed when they cannot."""

from __future__ import annotations

import re

import pytest
from wtforms import FieldList, FormField

from charity.errors import Problem, refuse
from charity.ids import ALPHABET
from charity.web.forms import BaseForm, LineField, YuanField, every_field, new_key

KEY = "0123456789ABCDEFGHJKMNPQRS"


@pytest.fixture
def send(visitor):
    """Post the probe's form in English and return what it made of it."""

    def _send(**values: str) -> dict:
        visitor.set_cookie("language", "en")
        return visitor.post("/form", data={"amount": "1", "key": KEY, **values}).json

    return _send


def test_a_whole_form_gives_values(send) -> None:
    found = send(
        amount=" 1,234.50元 ",
        red="-3",
        day="2026年3月5日",
        month="2026-13",
        line=" 多  余\t空格 ",
        note="一 \r\n\r\n二\n\n",
    )
    assert found["valid"] is True
    assert found["data"] == {
        "amount": "123450",
        "red": "-300",
        "day": "2026-03-05",
        "month": "2026-13",
        "line": "多 余 空格",
        "note": "一\n\n二",
        "key": KEY,
    }


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("amount", "1.234,50", "can be read in two ways"),
        ("amount", "", "This field is required."),
        ("amount", "-5", "The amount must be at least 0.01 yuan."),
        ("amount", "0", "The amount must be at least 0.01 yuan."),
        ("day", "2026-02-30", "is not a date"),
        ("month", "2026-14", Problem("month_unreadable", {"text": "2026-14"}).sentence()),
        ("line", "十一个字的一行文字太长了", Problem("text_too_long", {"limit": 10, "count": 12}).sentence()),
        ("note", "长" * 21, Problem("text_too_long", {"limit": 20, "count": 21}).sentence()),
        ("key", "short", Problem("form_key_missing").sentence()),
        ("key", "", Problem("form_key_missing").sentence()),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(send, field, typed, sentence) -> None:
    found = send(**{field: typed})
    assert found["valid"] is False
    assert list(found["errors"]) == [field]
    assert sentence in found["errors"][field][0]


def test_a_text_that_is_exactly_as_long_as_allowed_is_taken(send) -> None:
    assert send(line="正好十个字的一行文字")["valid"] is True


def test_what_was_typed_is_kept_on_the_page(send) -> None:
    html = send(amount="1.234,50", day="31.2.")["html"]
    assert 'value="1.234,50"' in html["amount"]
    assert 'value="31.2."' in html["day"]


def test_an_amount_cannot_be_negative_unless_the_field_says_so(shell) -> None:
    class Form(BaseForm):
        amount = YuanField()

    with shell.test_request_context(method="POST", data={"amount": "-1"}):
        form = Form(meta={"csrf": False})
        assert not form.validate()
        assert form.amount.data == -100


def test_a_value_from_the_office_is_written_plainly(shell) -> None:
    class Form(BaseForm):
        amount = YuanField()

    with shell.test_request_context():
        assert 'value="1234567.80"' in str(Form(amount=123_456_780).amount())


def test_the_key_is_kept_when_the_form_is_shown_again(send) -> None:
    assert f'value="{KEY}"' in send(amount="x")["html"]["key"]


def test_a_bad_key_gets_a_new_one_so_that_the_next_try_goes_through(send) -> None:
    shown = re.search(r'value="([^"]*)"', send(key="bad")["html"]["key"])
    assert shown is not None
    assert send(key=shown[1])["valid"] is True


def test_the_key_is_never_filled_in_by_the_browser(send) -> None:
    assert 'autocomplete="off"' in send()["html"]["key"]


def test_each_showing_of_a_form_has_a_key_of_its_own() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 26 and set(key) <= set(ALPHABET) for key in keys)


def test_the_forms_own_sentences_are_in_the_readers_language(visitor) -> None:
    visitor.set_cookie("language", "zh_Hans")
    assert visitor.post("/form", data={"key": KEY}).json["errors"]["amount"] == ["此项必填。"]


class Line(BaseForm):
    amount = YuanField("Amount")


class Lines(BaseForm):
    title = LineField("Title")
    lines = FieldList(FormField(Line), min_entries=2)


@pytest.fixture
def lines(shell):
    with shell.test_request_context(headers={"Accept-Language": "en"}):
        yield Lines(meta={"csrf": False})


def test_problems_of_a_service_stand_at_their_fields(lines) -> None:
    problem = Problem("amount_negative", where="lines-1-amount")
    lines.add_problems([problem, Problem("amount_negative", where="title")])
    assert lines.lines[1].form.amount.errors == ["The amount must not be negative."]
    assert [(id, label) for id, label, _text in lines.summary()] == [
        ("title", "Title"),
        ("lines-1-amount", "Amount"),
    ]


def test_a_problem_of_the_whole_stands_above_the_form(lines) -> None:
    lines.add_problems(refuse("amount_too_small", least="5.00").problems)
    assert lines.summary() == [("", "", "The amount must be at least 5.00 yuan.")]


def test_every_field_is_found_in_lists_and_inner_forms(lines) -> None:
    names = [field.name for field in every_field(lines) if "csrf" not in field.name]
    assert names == ["title", "lines-0-amount", "lines-1-amount"]


def test_filters_of_a_field_are_kept_beside_the_stripping(shell) -> None:
    class Form(BaseForm):
        code = LineField(filters=[lambda value: value and value.upper()])

    for _ in range(2):
        with shell.test_request_context(method="POST", data={"code": " ab "}):
            assert Form(meta={"csrf": False}).code.data == "AB"
