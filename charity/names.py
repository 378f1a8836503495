"""Names of people and bodies: folding, masking, pinyin for search and order.

Imports the standard library and pypinyin. Masking is decided here once, so that two
pages can never show two halves of one name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: The name of a natural person who has made no choice (design 4).
KIND_PERSON = "爱心人士"

#: Compound surnames that stay one unit when a name is masked.
_COMPOUND = frozenset(
    "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 长孙 令狐 宇文 司徒 轩辕 端木 南宫".split()
)

#: Surnames whose usual reading differs from the character's.
_SURNAMES = {
    "仇": "qiu",
    "单": "shan",
    "解": "xie",
    "曾": "zeng",
    "任": "ren",
    "盖": "ge",
    "查": "zha",
    "朴": "piao",
}


def fold_text(text: str) -> str:
    """Return text for comparison: NFKC, lower case, without blanks and punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(ch for ch in folded if not unicodedata.category(ch).startswith(("P", "Z", "C")))


def clean_line(text: str, limit: int = 200) -> str:
    """Return one line of text: blanks folded, control characters gone, cut at the limit."""
    visible = "".join(ch if unicodedata.category(ch)[0] != "C" else " " for ch in text)
    return re.sub(r"\s+", " ", visible).strip()[:limit]


def mask_name(name: str) -> str:
    """Return a person's name masked: 李四 → 李*, 张三丰 → 张*丰, 欧阳小明 → 欧**明.

    Source: 个人信息保护法 art. 25; masking table of the project's regulations page.
    """
    plain = name.strip()
    if len(plain) <= 1:
        return "*"
    if len(plain) == 2:
        return plain[0] + "*"
    return plain[0] + "*" * (len(plain) - 2) + plain[-1]


def mask_phone(number: str) -> str:
    """Return a phone number with its middle hidden: 138****1234."""
    return number[:3] + "****" + number[-4:] if len(number) >= 7 else "****"


def mask_account(number: str) -> str:
    """Return a bank account as its last four digits only."""
    return "****" + number[-4:] if len(number) > 4 else "****"


@lru_cache(maxsize=20_000)
def pinyin_key(name: str) -> str:
    """Return the full pinyin of a name, lower case, for ordering on both databases."""
    from pypinyin import Style, lazy_pinyin

    parts = lazy_pinyin(name, style=Style.NORMAL)
    if name[:2] not in _COMPOUND and name[:1] in _SURNAMES and parts:
        parts[0] = _SURNAMES[name[0]]
    return " ".join(parts).casefold()


@lru_cache(maxsize=20_000)
def search_text(name: str) -> str:
    """Return what a search looks through: folded name, full pinyin, initials."""
    syllables = pinyin_key(name).split()
    return f"{fold_text(name)} {''.join(syllables)} {''.join(s[:1] for s in syllables)}"
