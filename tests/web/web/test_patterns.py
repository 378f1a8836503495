"""The page of patterns, and each macro by itself."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from charity.periods import Month
from charity.web import filters
from charity.web.charts import Point, bar_chart, share_bar, waterfall
from tests.support.pages import page


@pytest.fixture
def macros(shell):
    """Return a macro file's macros in English: ``macros("money").amount(0)``."""
    with shell.test_request_context(headers={"Accept-Language": "en"}):
        yield lambda name: shell.jinja_env.get_template(f"macros/{name}.html").module


@pytest.mark.parametrize("code", ["zh_Hans", "zh_Hant", "en"])
def test_every_component_stands_on_one_sound_page(member, code) -> None:
    client = member("reviewer")
    client.set_cookie("language", code)
    found = page(client.get("/office/patterns"))
    assert len(found.headings) == 1
    assert (found.unlabelled, found.repeated_ids, found.unclosed) == ([], [], [])


def test_the_page_is_in_chinese_throughout(member) -> None:
    found = page(member("reviewer").get("/office/patterns"))
    allowed = {"CSV", "JSON", "Ctrl", "Enter", "English", "GEN", "reviewer", "role", "of"}
    words = set(re.findall(r"\b[A-Za-z]{2,}\b", re.sub(r"[DA]-[\w-]+", "", found.text)))
    assert words - allowed == set()


def test_patterns_are_for_members_only(visitor) -> None:
    assert visitor.get("/office/patterns").status_code == 302


def test_every_page_of_the_demo_says_so(shell, visitor) -> None:
    assert "演示" not in visitor.get("/fail/404").text
    settings = shell.extensions["charity.settings"]
    shell.extensions["charity.settings"] = replace(settings, environment="demo")
    text = visitor.get("/fail/404").text
    assert re.search(r"<title>演示 ·", text)
    assert "人物、捐赠和数字均为虚构" in text


def test_the_office_warns_where_nothing_is_encrypted(shell, member) -> None:
    settings = shell.extensions["charity.settings"]
    shell.extensions["charity.settings"] = replace(settings, environment="production")
    assert "当前连接未加密" in member("reviewer").get("/office/").text


def squeezed(markup: object) -> str:
    return re.sub(r"\s+", " ", str(markup)).strip()


@pytest.mark.parametrize(
    ("fen", "shown"),
    [
        (123_450, '<data class="num" value="123450">1,234.50</data>'),
        (-123_450, '<data class="num is-red" value="-123450">−1,234.50 <small>(reversal)</small></data>'),
    ],
)
def test_an_amount_carries_its_fen_and_a_word_when_negative(macros, fen, shown) -> None:
    assert squeezed(macros("money").amount(fen, "reversal")) == shown


def test_zero_is_a_dash_that_is_read_as_zero(macros) -> None:
    shown = squeezed(macros("money").amount(0))
    assert 'value="0"' in shown
    assert '<span aria-hidden="true">–</span>' in shown
    assert '<span class="visually-hidden">zero</span>' in shown


def test_money_in_a_sentence_has_its_sign_in_front(macros) -> None:
    assert macros("money").money(-5) == '<data class="num" value="-5">−¥0.05</data>'


def test_what_comes_from_people_is_escaped(macros) -> None:
    assert "<b>" not in macros("status").status("draft", "<b>x</b>")
    assert "<b>" not in macros("table").cell("<b>", "<b>")
    assert "<b>" not in macros("empty").empty("<b>")


def test_a_pager_without_pages_is_nothing(macros) -> None:
    assert squeezed(macros("pager").pager()) == ""
    assert 'rel="next"' in macros("pager").pager(older_url="/x")


@pytest.mark.parametrize(("days", "shown"), [(1, "1 day overdue"), (3, "3 days overdue")])
def test_late_is_late(macros, days, shown) -> None:
    assert shown in macros("status").overdue(days)


def test_a_job_of_unknown_length_has_no_value(macros) -> None:
    assert "value" not in macros("status").progress("/jobs/1.json", 0, 0, "x").split(">")[1]


def test_a_button_form_carries_its_token_and_its_question(macros) -> None:
    shown = macros("form").act("/void", "Void", confirm="Void it?")
    assert 'name="csrf_token"' in shown
    assert 'data-confirm="Void it?"' in shown


def test_charts_have_a_finding_a_text_and_a_table(macros) -> None:
    points = [Point("a", 300, "F1", "/a"), Point("b", 100)]
    for drawing in (bar_chart("Finding", points, "Text"), share_bar("Finding", points, "Text")):
        shown = macros("chart").chart(drawing)
        assert "<figcaption>Finding</figcaption>" in shown
        assert 'aria-label="Text"' in shown
        assert shown.count('<a href="/a">a</a>') == 2
        assert 'value="300"' in shown
    alone = macros("chart").chart(waterfall("F", [Point("a", 5), Point("b", 5)]), with_table=False)
    assert "<table" not in alone


@pytest.mark.parametrize(
    ("language", "fen", "shown"),
    [
        ("zh-CN", 999_999, "9,999.99 元"),
        ("zh-CN", 1_000_000, "1.00 万元"),
        ("zh-CN", 1_234_567_890, "1,234.57 万元"),
        ("zh-CN", -1_000_000, "−1.00 万元"),
        ("en", 99_999_999, "¥999,999.99"),
        ("en", 100_000_000, "¥1.00 million"),
        ("en", 1_234_567_890, "¥12.35 million"),
        ("en", -100_500_000, "−¥1.01 million"),
    ],
)
def test_a_headline_has_one_unit(shell, language, fen, shown) -> None:
    with shell.test_request_context(headers={"Accept-Language": language}):
        assert filters.wan(fen) == shown


def test_days_instants_months_and_hours_read_as_people_write_them(shell) -> None:
    with shell.test_request_context():
        assert filters.day(date(2026, 3, 5)) == "2026-03-05"
        assert filters.day_long(date(2026, 3, 5)) == "2026年3月5日"
        assert filters.instant(datetime(2026, 3, 5, 17, 30, tzinfo=UTC)) == "2026-03-06 01:30"
        assert filters.month(Month(2026, 3)) == filters.month(202603) == "2026年3月"
        assert filters.month(202613) == "2026年审计调整期"
        assert [filters.hours(m) for m in (0, 45, 60, 75)] == [
            "0 分钟",
            "45 分钟",
            "1 小时",
            "1 小时 15 分钟",
        ]


def test_values_are_translated_and_shares_written(shell) -> None:
    with shell.test_request_context():
        assert filters.translated("Cancel") == "取消"
        assert filters.translated("Close", "dialog") == "关闭"
        assert filters.translated("") == ""
        assert [filters.basis_points(n) for n in (0, 5, 12_990, -250)] == [
            "0.00%",
            "0.05%",
            "129.90%",
            "−2.50%",
        ]
        assert filters.mask("张三丰") == "张*丰"
        assert filters.capital(100) == "人民币壹元整"
