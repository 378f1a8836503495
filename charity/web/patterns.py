"""The page of patterns: every component once, with invented data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PatternsPage:
    """Invented data for every component."""

    name: str


def patterns_page() -> PatternsPage:
    """Return the page of patterns."""
    return PatternsPage("x")
