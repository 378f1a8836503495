"""The navigation shows what one may open, in a fixed order."""

from __future__ import annotations

import pytest

from charity.db import Actor
from charity.web import navigation


@pytest.fixture
def actor(clock) -> Actor:
    return Actor(7, 1, "王会计", frozenset({"probe.review"}), clock())


@pytest.fixture
def entries(shell, monkeypatch):
    """An empty navigation, and a request to ask it in."""
    monkeypatch.setattr(navigation, "_entries", {})
    with shell.test_request_context():
        yield lambda area, actor: [
            (group.label, [entry.endpoint for entry in group.entries])
            for group in navigation.groups(area, actor)
        ]


def test_groups_and_entries_stand_in_their_order(entries, actor) -> None:
    navigation.register("office", "probe.where", "Where", order=20, group="settings")
    navigation.register("office", "probe.crash", "Crash", order=10, group="settings")
    navigation.register("office", "probe.members", "Members", group="today")
    assert entries("office", actor) == [
        ("Today", ["probe.members"]),
        ("Settings", ["probe.crash", "probe.where"]),
    ]


def test_an_entry_without_the_permission_is_left_out_with_its_group(entries, actor) -> None:
    navigation.register("office", "probe.review", "Review", "probe.review", group="books")
    navigation.register("office", "probe.where", "Pay", "probe.pay", group="money_out")
    assert entries("office", actor) == [("Books", ["probe.review"])]


def test_public_entries_need_nobody(entries) -> None:
    navigation.register("public", "probe.where", "Where")
    navigation.register("office", "probe.crash", "Crash", group="today")
    assert entries("public", None) == [("", ["probe.where"])]


def test_a_second_entry_for_a_page_replaces_the_first(entries, actor) -> None:
    for label in ("Old", "New"):
        navigation.register("office", "probe.where", label, group="today")
    assert [entry.label for entry in navigation.groups("office", actor)[0].entries] == ["New"]


def test_a_page_that_is_not_there_has_no_entry(entries, actor) -> None:
    navigation.register("office", "elsewhere.page", "Elsewhere", group="today")
    assert entries("office", actor) == []


def test_a_group_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no group of entries 'misc'"):
        navigation.register("office", "probe.where", "Where", group="misc")


def test_a_group_may_be_named_by_its_title(entries, actor) -> None:
    navigation.register("office", "probe.where", "Where", group="Money in")
    assert entries("office", actor) == [("Money in", ["probe.where"])]


def test_the_open_page_is_marked(member) -> None:
    text = member("reviewer").get("/office/").text
    assert '<a href="/office/" aria-current="page">' in text
