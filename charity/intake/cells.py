"""One cell's text → an amount in fen, a day, a moment.

Imports money and periods. Nothing is guessed: what can be read in two ways is refused
with a sentence that asks. The common forms take a short way, because a day's file has
a hundred thousand rows; everything else goes through the same careful rules.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from charity.errors import N_, Refused, refuse, register
from charity.money import MAX_FEN, parse_yuan

PROBLEMS = register(
    {
        "amount_in_words": N_("“%(text)s” is written in words; write the amount in digits, like 1000.00."),
        "amount_per_period": N_(
            "“%(text)s” is an amount per month, per year or per head; write the yuan received this time."
        ),
        "amount_unit_contradictory": N_(
            "“%(text)s” carries another unit than its column (%(unit)s); write the number alone."
        ),
        "date_ambiguous": N_("“%(text)s” can be read as several days; write it like 2026-03-15."),
        "date_incomplete": N_("“%(text)s” does not say the day; write it like 2026-03-15."),
        "year_missing": N_("“%(text)s” does not say the year; give the year for this file."),
        "row_date_unreadable": N_("“%(text)s” is not a date; write it like 2026-03-15."),
        "time_unreadable": N_("“%(text)s” is not a time of day; write it like 08:35:33."),
    }
)

#: Fen in one unit of an amount column.
FEN_PER_UNIT = {"分": 1, "元": 100, "千元": 100_000, "万元": 1_000_000, "亿元": 10_000_000_000}

#: What exports write around a cell: blanks, tabs, WeChat's backtick, a stray byte order mark.
PADDING = " \t\r\n`\u3000\xa0\ufeff\x00"

#: What exports write into a cell to say that there is nothing.
PLACEHOLDERS = frozenset({"-", "--", "---", "—", "——", "/", "\\", "无", "null", "NULL", "N/A"})

_FIRST_YEAR, _LAST_YEAR = 1990, 2099
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3}){1,2}\.[0-9]{2}")
_GROUPED = re.compile(r"-?(?:\d{1,16}|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")
_WORDS = re.compile(
    r"(?=.*[零〇一二三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟两])"
    r"(?:人民币)?[零〇一二三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟两\d.]+[元圆块]?"
    r"(?:[零一二三四五六七八九壹贰叁肆伍陆柒捌玖]角)?(?:[零一二三四五六七八九壹贰叁肆伍陆柒捌玖]分)?[整正]?"
)
_PER_PERIOD = re.compile(r"[/每](?:个?月|年|季度?|次|人|户|天|日|周)")
_SEVERAL = re.compile(rf"{_NUMBER}\D*[-+*×xX~、至到或和/;]\s*\D*{_NUMBER}|约|左右|以上|\d余|\d多|^\(.*\)$")


def parse_amount(text: str, unit_fen: int = 100) -> int:
    """Return the fen of an amount cell.

    Args:
        text: the cell, padding already stripped; a sign is kept.
        unit_fen: fen in one unit of the column (100 for 元, 1,000,000 for 万元).

    Raises:
        Refused: ``amount_unreadable``, ``amount_ambiguous``, ``amount_too_fine``,
            ``amount_too_large``, ``amount_in_words``, ``amount_per_period`` or
            ``amount_unit_contradictory``.
    """
    if unit_fen == 100 and text[-3:-2] == ".":
        digits = text[:-3] + text[-2:]
        if digits.isdecimal() and digits.isascii() and 2 < len(digits) < 14:
            return int(digits)
        if _THOUSANDS.fullmatch(text):
            return int(digits.replace(",", ""))
    return _parse_amount(text, unit_fen)


@lru_cache(maxsize=65_536)
def _parse_amount(text: str, unit_fen: int) -> int:
    plain = unicodedata.normalize("NFKC", text).strip().removeprefix("+")
    plain = re.sub(r"(?<=\d)(元|圆)[整正]$", r"\1", plain).replace("圆", "元")
    if _PER_PERIOD.search(plain):
        raise refuse("amount_per_period", text=text[:40])
    if unit_fen != 100 and _GROUPED.fullmatch(plain):
        return _scaled(plain, unit_fen, text)
    if unit_fen != 100 and not (unit_fen == FEN_PER_UNIT["万元"] and "万" in plain):
        unit = next(name for name, fen in FEN_PER_UNIT.items() if fen == unit_fen)
        if re.fullmatch(rf"[-+¥￥]*{_NUMBER}\s*(?:元|万元?)|[¥￥]{_NUMBER}", plain):
            raise refuse("amount_unit_contradictory", text=text[:40], unit=unit)
    try:
        return parse_yuan(plain)
    except Refused as refused:
        code = refused.codes[0]
        if code == "amount_unreadable" and _WORDS.fullmatch(plain):
            code = "amount_in_words"
        elif code == "amount_unreadable" and _SEVERAL.search(plain):
            code = "amount_ambiguous"
        raise refuse(code, text=text[:40]) from None


def _scaled(plain: str, unit_fen: int, text: str) -> int:
    fen = Decimal(plain.replace(",", "")) * unit_fen
    if fen != fen.to_integral_value():
        raise refuse("amount_too_fine", text=text[:40])
    if abs(fen) > MAX_FEN:
        raise refuse("amount_too_large", text=text[:40])
    return int(fen)


_CLOCK = (
    r"(?P<half>上午|下午|AM|PM)?\s*(?P<hour>\d{1,2})[:.时点](?P<minute>\d{1,2})"
    r"(?:[:.分](?P<second>\d{1,2})(?:\.\d+)?)?[分秒]?\s*(?P<after>AM|PM)?"
)
_WRITTEN = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?"
    rf"\s*(?:\(?(?:星期|周)[一二三四五六日天]\)?)?(?:[T\s,-]*{_CLOCK})?",
    re.IGNORECASE,
)
_DIGITS = re.compile(
    rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)(?:[T\s]*(?:(?P<packed>\d{{6}}|\d{{4}})(?:\.\d+)?|{_CLOCK}))?",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(r"(?P<month>\d{1,2})\s*(?:月|[-/.])\s*(?P<day>\d{1,2})\s*[日号]?")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")


def parse_moment(text: str, year: int | None = None) -> tuple[date, datetime | None]:
    """Return the day and, where the text has a time of day, the local moment.

    Understood: ``2026-11-05 10:11:12``, ``20261105``, ``20261105101112``, ``2026/1/5``,
    ``2026年3月5日``, ``2026-11-05-10.11.12.123456``, a spreadsheet's serial number
    (days since 1899-12-30, with a fraction for the time).

    Args:
        text: the cell, padding already stripped.
        year: the year of days written without one; None asks.

    Raises:
        Refused: ``row_date_unreadable``, ``date_incomplete``, ``date_ambiguous``,
            ``year_missing``.
    """
    if len(text) == 19 and text[4] == "-":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            if moment.tzinfo is None and _FIRST_YEAR <= moment.year <= _LAST_YEAR:
                return moment.date(), moment
    return _parse_moment(text, year)


@lru_cache(maxsize=16_384)
def _parse_moment(text: str, year: int | None) -> tuple[date, datetime | None]:
    plain = unicodedata.normalize("NFKC", text).strip()
    found = _WRITTEN.fullmatch(plain) or _DIGITS.fullmatch(plain)
    if found:
        return _built(text, found.groupdict())
    if _SERIAL.fullmatch(plain):
        return _from_serial(text, Decimal(plain))
    if found := _MONTH_DAY.fullmatch(plain):
        if year is None:
            raise refuse("year_missing", text=text[:20])
        return _built(text, {"year": str(year), **found.groupdict()})
    if re.fullmatch(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?:\s+.*)?|\d{2}年\d{1,2}月\d{1,2}日?", plain):
        raise refuse("date_ambiguous", text=text[:20])
    if re.fullmatch(r"\d{4}\s*[-/.年]\s*\d{1,2}\s*月?(?:份|[上中下]旬|初|底)?|\d{6}", plain):
        raise refuse("date_incomplete", text=text[:20])
    raise refuse("row_date_unreadable", text=text[:20])


def _built(text: str, parts: dict[str, str | None]) -> tuple[date, datetime | None]:
    try:
        day = date(int(parts["year"] or 0), int(parts["month"] or 0), int(parts["day"] or 0))
        clock = None
        if packed := parts.get("packed"):
            clock = time(int(packed[:2]), int(packed[2:4]), int(packed[4:] or 0))
        elif parts.get("hour"):
            clock = _clock_of(parts)
    except ValueError:
        raise refuse("row_date_unreadable", text=text[:20]) from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise refuse("row_date_unreadable", text=text[:20])
    return day, datetime.combine(day, clock) if clock is not None else None


def _clock_of(parts: dict[str, str | None]) -> time:
    hour = int(parts["hour"] or 0)
    half = (parts.get("half") or parts.get("after") or "").upper()
    if half in ("下午", "PM") and hour < 12:
        hour += 12
    elif half in ("上午", "AM") and hour == 12:
        hour = 0
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0))


def _from_serial(text: str, serial: Decimal) -> tuple[date, datetime | None]:
    days = int(serial)
    day = date(1899, 12, 30) + timedelta(days=days)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise refuse("row_date_unreadable", text=text[:20])
    if serial == days:
        return day, None
    seconds = int((serial - days) * 86_400 + Decimal("0.5"))
    return day, datetime.combine(day, time()) + timedelta(seconds=min(seconds, 86_399))


@lru_cache(maxsize=16_384)
def parse_clock(text: str) -> time:
    """Return a time of day written alone.

    ``08:35:33``, ``083533`` and the same as a number that lost its leading zero
    (``83533``, ``533`` for 00:05:33), or a spreadsheet's fraction of a day.

    Raises:
        Refused: ``time_unreadable``.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        if re.fullmatch(r"\d{1,6}", plain):
            digits = plain.zfill(6)
            return time(int(digits[:2]), int(digits[2:4]), int(digits[4:]))
        if re.fullmatch(r"0?\.\d+", plain):
            seconds = int(Decimal(plain) * 86_400 + Decimal("0.5"))
            return (
                datetime.combine(date(2000, 1, 1), time()) + timedelta(seconds=min(seconds, 86_399))
            ).time()
        if found := re.fullmatch(_CLOCK, plain, re.IGNORECASE):
            return _clock_of(found.groupdict())
    except ValueError:
        pass
    raise refuse("time_unreadable", text=text[:20])


def is_damaged_number(text: str) -> bool:
    """Say whether a long number lost its last digits in a spreadsheet (``6.22202E+18``)."""
    return re.fullmatch(r"\d(?:\.\d+)?[Ee]\+?\d{2}", text) is not None


def clean_account(text: str) -> str:
    """Return an account or order number without blanks, hyphens and a text marker."""
    if text.isalnum() and text.isascii():
        return text
    return re.sub(r"[\s\-－]", "", unicodedata.normalize("NFKC", text)).lstrip("'’")
