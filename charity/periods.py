"""Months of the books, dates of business and legal time limits.

Imports the standard library and ``errors`` only. A business date is the org's own
(Asia/Shanghai), an instant is UTC; nothing here reads the clock.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from charity.errors import N_, refuse, register

PROBLEMS = register(
    {
        "month_unreadable": N_("“%(text)s” is not a month; write it like 2026-03, month 13 like 2026-13."),
        "date_unreadable": N_("“%(text)s” is not a date; write it like 2026-03-15."),
    }
)

CHINA = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the books; month 13 is the audit-adjustment period (审计调整期).

    Attributes:
        year: the accounting year, which is the calendar year (会计法 art. 11).
        number: 1…13.
    """

    year: int
    number: int

    def __post_init__(self) -> None:
        if not (1900 <= self.year <= 9999 and 1 <= self.number <= 13):
            raise ValueError(f"no such month: {self.year}-{self.number}")

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the calendar month of a day."""
        return cls(day.year, day.month)

    @classmethod
    def from_code(cls, code: int) -> Month:
        """Return the month of a stored code, e.g. ``202613``."""
        return cls(code // 100, code % 100)

    @classmethod
    def parse(cls, text: str) -> Month:
        """Return the month written ``YYYY-MM`` (``YYYY-13`` for month 13).

        Raises:
            Refused: ``month_unreadable``.
        """
        match = re.fullmatch(r"(\d{4})-(\d{2})", text.strip())
        if match is None or not (1 <= int(match[2]) <= 13 and int(match[1]) >= 1900):
            raise refuse("month_unreadable", text=text[:20])
        return cls(int(match[1]), int(match[2]))

    @property
    def code(self) -> int:
        """Return the stored form ``YYYYMM``, which sorts by time."""
        return self.year * 100 + self.number

    @property
    def first_on(self) -> date:
        """Return the first day; month 13 is one day, 31 December."""
        return date(self.year, 12, 31) if self.number == 13 else date(self.year, self.number, 1)

    @property
    def last_on(self) -> date:
        """Return the last day."""
        number = min(self.number, 12)
        return date(self.year, number, calendar.monthrange(self.year, number)[1])

    def holds(self, day: date) -> bool:
        """Say whether a voucher of that day may stand in this month."""
        return self.first_on <= day <= self.last_on

    def next(self) -> Month:
        """Return the calendar month after this one; month 13 is never *next*."""
        return Month(self.year, self.number + 1) if self.number < 12 else Month(self.year + 1, 1)

    def previous(self) -> Month:
        """Return the calendar month before this one."""
        if self.number == 13:
            return Month(self.year, 12)
        return Month(self.year, self.number - 1) if self.number > 1 else Month(self.year - 1, 12)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


def months_between(first: Month, last: Month) -> Iterator[Month]:
    """Yield the calendar months from the first to the last, both included."""
    month = first
    while month <= last:
        yield month
        month = month.next()


def parse_date(text: str) -> date:
    """Return the day written ``YYYY-MM-DD``.

    Raises:
        Refused: ``date_unreadable``.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise refuse("date_unreadable", text=text[:20]) from None


def add_months(day: date, count: int) -> date:
    """Return the corresponding day ``count`` months later, or that month's last day.

    Source: 民法典 (2020) art. 202–203.
    """
    index = day.year * 12 + day.month - 1 + count
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_days(day: date, count: int) -> date:
    """Return the last day of a term of days; the first day is not counted (民法典 art. 201)."""
    return day + timedelta(days=count)


def business_date(instant: datetime, zone: ZoneInfo = CHINA) -> date:
    """Return the org's date at an instant.

    Raises:
        ValueError: the instant has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant carries its time zone")
    return instant.astimezone(zone).date()


def as_utc(instant: datetime) -> datetime:
    """Return the instant in UTC; a naive one, as SQLite gives it back, is taken as UTC."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
