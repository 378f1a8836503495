"""Columns of a table and how their values read, the same in PDF, XLSX and CSV.

Standard library only. Money stays an integer of fen until the last moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from charity.money import format_yuan

#: ``money`` fen · ``count`` an integer · ``time`` minutes · ``share`` basis points.
Kind = Literal["text", "money", "count", "date", "time", "share"]
Value = str | int | date | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: head of the column.
        kind: how its values are read; ``money`` values are fen, ``time`` minutes,
            ``share`` basis points, and all three are integers.
        group: a title over this and the neighbours that have the same; PDF and XLSX only.
    """

    title: str
    kind: Kind = "text"
    group: str = ""

    @property
    def is_number(self) -> bool:
        """Say whether values stand at the right edge."""
        return self.kind not in ("text", "date")


class ValueMisplaced(TypeError):
    """A value is not of its column's kind; the message names the column."""


def check_value(column: Column, value: Value) -> None:
    """Refuse a value that its column cannot hold.

    None is an empty cell everywhere, and text may stand in any column (a note such as
    未经审计 where a figure would be).

    Raises:
        ValueMisplaced: a number in a column of text or dates, a date among numbers, or a
            fraction, which is never money.
    """
    if value is None or isinstance(value, str):
        return
    is_right = type(value) is date if column.kind == "date" else type(value) is int and column.is_number
    if not is_right:
        raise ValueMisplaced(f"{type(value).__name__} in the column “{column.title}” of {column.kind}")


def plain_text(column: Column, value: Value, *, grouped: bool) -> str:
    """Return a value as text.

    Args:
        column: where it stands.
        value: what stands there; None gives an empty text.
        grouped: thousands separated, for people; False for files.
    """
    check_value(column, value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if column.kind == "money":
        return format_yuan(value, grouped=grouped)
    if column.kind == "share":
        return f"{format_yuan(value, grouped=grouped)}%"
    if column.kind == "time":
        hours, minutes = divmod(abs(value), 60)
        return f"{'-' if value < 0 else ''}{hours}:{minutes:02d}"
    return f"{value:,d}" if grouped else str(value)


def groups(columns: Sequence[Column]) -> list[tuple[str, int, int]]:
    """Return the runs of columns under one group title as (title, first, number)."""
    found: list[tuple[str, int, int]] = []
    for place, column in enumerate(columns):
        if found and column.group and found[-1][0] == column.group:
            title, first, number = found[-1]
            found[-1] = (title, first, number + 1)
        else:
            found.append((column.group, place, 1))
    return found
