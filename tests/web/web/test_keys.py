"""The keys of the office in a real browser, on the page of patterns."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(shell, live_server, browser, member):
    """The page of patterns as a reviewer has it open, in English."""
    client = member("reviewer")
    cookie = client.get_cookie("session")
    context = browser.new_context(locale="en-GB")
    context.add_cookies([{"name": "session", "value": cookie.value, "url": live_server}])
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{live_server}/office/patterns")
    yield page
    context.close()
    assert errors == []


def amount(page, line: int, side: str):
    return page.locator(f'[name="lines-{line}-{side}"]')


def test_totals_and_the_difference_of_each_fund_run_along(desk) -> None:
    amount(desk, 2, "debit").fill("1,000.50")
    assert desk.locator('[data-total="debit"]').inner_text() == "13,000.50"
    assert desk.locator("[data-difference]").inner_text() == "医疗 1,000.50"
    desk.locator('[name="lines-2-fund"]').select_option("F1")
    assert desk.locator("[data-difference]").inner_text() == "急难 1,000.50"
    assert desk.locator("[data-difference]").get_attribute("data-state") == "bad"


def test_an_amount_that_cannot_be_read_is_never_summed(desk) -> None:
    amount(desk, 2, "debit").fill("1.234,50")
    assert desk.locator('[data-total="debit"]').inner_text() == "?"


def test_equals_fills_what_balances_the_fund(desk) -> None:
    amount(desk, 0, "debit").fill("12345.67")
    amount(desk, 2, "debit").press("=")
    assert amount(desk, 2, "debit").input_value() == ""
    assert amount(desk, 2, "credit").input_value() == "345.67"
    assert desk.locator("[data-difference]").inner_text() == ""


def test_space_turns_an_amount_to_the_other_side(desk) -> None:
    amount(desk, 0, "debit").press(" ")
    assert amount(desk, 0, "debit").input_value() == ""
    assert amount(desk, 0, "credit").input_value() == "12000.00"


def test_enter_moves_on_and_copies_the_summary_above(desk) -> None:
    desk.locator('[name="lines-2-summary"]').press("Enter")
    assert desk.locator('[name="lines-2-summary"]').input_value() == "拨付医疗救助款 A-2026-0312"
    assert desk.evaluate("document.activeElement.name") == "lines-2-account"
    assert desk.url.endswith("/office/patterns")


def test_enter_at_the_end_begins_a_new_line(desk) -> None:
    amount(desk, 2, "credit").press("Enter")
    assert desk.locator("[data-line]").count() == 4
    assert desk.evaluate("document.activeElement.name") == "lines-3-summary"


def test_control_enter_sends_the_form(desk) -> None:
    with desk.expect_navigation():
        amount(desk, 0, "debit").press("Control+Enter")
    assert "lines-0-debit=12000.00" in desk.url


def test_the_button_adds_a_line_without_leaving_the_page(desk) -> None:
    desk.get_by_role("button", name="Add a line").click()
    assert desk.locator("[data-line]").count() == 4


def test_a_slash_opens_the_filter_and_a_question_mark_the_keys(desk) -> None:
    desk.locator("h1").click()
    desk.keyboard.press("/")
    assert desk.evaluate("document.activeElement.type") == "search"
    desk.locator("h1").click()
    desk.keyboard.press("?")
    assert desk.get_by_role("dialog").get_by_text("fill the amount that balances the fund").is_visible()


def test_an_error_summary_has_the_focus_when_the_page_opens(desk) -> None:
    assert desk.evaluate("document.activeElement.className") == "error-summary"


def test_nothing_scrolls_sideways_on_a_phone(desk) -> None:
    desk.set_viewport_size({"width": 360, "height": 800})
    assert desk.evaluate("document.documentElement.scrollWidth") == 360


def test_the_page_of_patterns_is_accessible(desk) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(desk)
    assert found.violations_count == 0, found.generate_report()
