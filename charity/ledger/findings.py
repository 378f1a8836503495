"""What a check finds, and how two sets of figures are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from charity.money import format_yuan

#: Findings of one check at the most; the first ones name the place.
LIMIT = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be.

    Attributes:
        check: name of the check.
        where: the row, as people say it.
        message: what differs, in English.
    """

    check: str
    where: str
    message: str


Check = Callable[[Session, int], list[Finding]]


def compare(
    check: str, fresh: Any, kept: Any, width: int, name: Callable[[tuple[Any, ...]], str]
) -> list[Finding]:
    """Return where two sets of rows differ; the first ``width`` columns are the key.

    Args:
        fresh: rows derived from the posted lines.
        kept: rows as a projection keeps them; rows of zeros count as none.
        name: gives a key as people say it.
    """
    want = {tuple(row[:width]): tuple(row[width:]) for row in fresh}
    have = {tuple(row[:width]): tuple(row[width:]) for row in kept}
    found = []
    for key in sorted(want.keys() | have.keys(), key=str):
        expected, present = want.get(key), have.get(key)
        if expected != present and (any(expected or ()) or any(present or ())):
            shown = amounts(present), amounts(expected)
            found.append(Finding(check, name(key), f"kept {shown[0]}, the lines give {shown[1]}"))
            if len(found) >= LIMIT:
                break
    return found


def amounts(values: tuple[Any, ...] | None) -> str:
    """Return amounts for a message."""
    return "nothing" if values is None else " / ".join(map(amount, values))


def amount(value: Any) -> str:
    """Return an amount for a message; one that is no whole number is shown as it is stored."""
    return format_yuan(value) if isinstance(value, int) else repr(value)
