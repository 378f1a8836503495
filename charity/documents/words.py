"""Words printed on documents in three languages.

Documents do not use the web catalogues: an issued paper must not change when a page's
wording does. Names and data are printed as they are, whatever the language.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from charity.money import capital_yuan

Language = Literal["zh_Hans", "zh_Hant", "en"]

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
#: Only the fixed characters of amounts are exchanged, never a name.
_TRADITIONAL = str.maketrans("币贰叁陆万亿负圆", "幣貳叁陸萬億負圓")


def date_text(day: date, language: Language) -> str:
    """Return a date as people write it: ``2026年3月5日``, ``5 March 2026``."""
    if language == "en":
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日"


def capital_text(fen: int, language: Language) -> str:
    """Return the amount in capital characters, traditional ones for ``zh_Hant``."""
    text = capital_yuan(fen)
    return text.translate(_TRADITIONAL) if language == "zh_Hant" else text


@dataclass(frozen=True, slots=True)
class MarkWords:
    """Marks that may lie over any document."""

    copy: str
    void: str
    demo: str


MARKS: dict[Language, MarkWords] = {
    "zh_Hans": MarkWords(copy="补打", void="作废", demo="演示"),
    "zh_Hant": MarkWords(copy="補打", void="作廢", demo="示範"),
    "en": MarkWords(copy="DUPLICATE", void="VOID", demo="DEMO"),
}
