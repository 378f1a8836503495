"""The reader of pages sees what a person sees, and finds what is wrong with a page."""

from __future__ import annotations

import pytest

from tests.support.pages import Page, faults

GOOD = """<!doctype html><html lang="zh-Hans"><head><title>基金</title>
<link rel="stylesheet" href="/static/a.css">
</head><body><h1>基金 <small>F1</small></h1><p>还能用的钱<br>12.00</p>
<table><caption>余额</caption><tr><th>基金<th>元</tr><tr><td>急难<td>1,234.50</tr></table>
<form><label for="q">查询</label><input id="q" name="q"><input type="hidden" name="token">
<label>日 <input name="d"></label>
</form><a href="/funds">全部</a></body></html>"""


def test_a_good_page_has_no_fault() -> None:
    assert faults(Page.of(GOOD)) == []


def test_a_table_is_read_by_its_caption() -> None:
    assert Page.of(GOOD).table("余额") == [["基金", "元"], ["急难", "1,234.50"]]


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(AssertionError, match="there are .'余额'"):
        Page.of(GOOD).table("收支")


def test_text_and_links_are_read() -> None:
    found = Page.of(GOOD)
    assert "还能用的钱 12.00" in found.text
    assert found.links == ["/funds"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('lang="zh-Hans"', "", "no lang"),
        ("<title>基金</title>", "", "no title"),
        ("<h1>", "<h1>一</h1><h1>", "2 h1"),
        ('<label for="q">查询</label>', "", "the field q has no label"),
        ("<p>", '<p id="q">', "the id q stands twice"),
        ("<p>", "<div><p>", "<div> is not balanced"),
        ("<p>", "<p></section>", "</section> is not balanced"),
        ("/static/a.css", "//cdn.example/a.css", "//cdn.example/a.css is not ours"),
    ],
)
def test_a_fault_is_found(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    assert faults(Page.of(GOOD.replace(old, new, 1))) == [fault]
