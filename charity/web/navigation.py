"""Entries of the office's and the public pages' navigation, registered by the features.

An entry is shown to those who may open it; the order inside a group is given, never
that of registration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flask import current_app

from charity.db import Actor
from charity.errors import N_

Area = Literal["office", "public"]

#: Groups of the office in the order of the side bar: key → title, an English message id.
GROUPS: dict[str, str] = {
    "today": N_("Today"),
    "money_in": N_("Money in"),
    "money_out": N_("Money out"),
    "books": N_("Books"),
    "disclosure": N_("Disclosure"),
    "settings": N_("Settings"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the navigation.

    Attributes:
        area: ``office`` or ``public``.
        endpoint: where it leads.
        label: English message id.
        permission: who sees it in the office; None for every member.
        order: place inside the group, rising.
        group: key of :data:`GROUPS`; empty on public pages.
    """

    area: Area
    endpoint: str
    label: str
    permission: str | None
    order: int
    group: str


@dataclass(frozen=True, slots=True)
class EntryGroup:
    """A run of entries under a title, which is an English message id or empty."""

    label: str
    entries: tuple[Entry, ...]


_entries: dict[tuple[Area, str], Entry] = {}


def register(
    area: Area, endpoint: str, label: str, permission: str | None = None, order: int = 50, group: str = ""
) -> None:
    """Add a link to the navigation; a second one to the same endpoint replaces the first.

    Args:
        area: ``office`` or ``public``.
        endpoint: where it leads.
        label: English message id.
        permission: who sees it in the office; None for every member.
        order: place inside the group.
        group: key of :data:`GROUPS`, or its title; empty on public pages.

    Raises:
        ValueError: the office has no such group.
    """
    group = next((key for key, title in GROUPS.items() if title == group), group)
    if area == "office" and group not in GROUPS:
        raise ValueError(f"the office has no group of entries {group!r}; there are {', '.join(GROUPS)}")
    _entries[area, endpoint] = Entry(area, endpoint, label, permission, order, group)


def groups(area: Area, actor: Actor | None = None) -> tuple[EntryGroup, ...]:
    """Return the entries one may use, grouped and in order; empty groups are left out."""
    shown: dict[str, list[Entry]] = {}
    for entry in sorted(_entries.values(), key=lambda entry: (entry.order, entry.endpoint)):
        if entry.area == area and _is_open(entry, actor):
            shown.setdefault(entry.group, []).append(entry)
    return tuple(EntryGroup(GROUPS.get(key, ""), tuple(shown[key])) for key in ("", *GROUPS) if key in shown)


def _is_open(entry: Entry, actor: Actor | None) -> bool:
    """Say whether the entry's page is part of this app and open to the actor."""
    if entry.endpoint not in current_app.view_functions:
        return False
    return entry.permission is None or (actor is not None and actor.may(entry.permission))
