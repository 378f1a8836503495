"""Money as integers of fen (分): reading, showing, splitting, capital amounts.

Imports the standard library and ``errors`` only. Invariant: no amount is ever a float;
what cannot be read exactly is refused with a sentence, never rounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from charity.errors import N_, Refused, refuse, register

PROBLEMS = register(
    {
        "amount_unreadable": N_(
            "“%(text)s” is not an amount in yuan; write it like 1234.50, with at most two decimals."
        ),
        "amount_too_fine": N_("“%(text)s” is finer than one fen; write at most two decimals."),
        "amount_ambiguous": N_("“%(text)s” can be read in two ways; write it out in plain yuan."),
        "amount_too_large": N_("“%(text)s” is too large to be booked."),
    }
)

#: Largest amount of one line: 100 billion yuan, in fen; well inside BIGINT sums.
MAX_FEN = 10_000_000_000_000

_PLAIN = re.compile(r"-?\d{1,16}(\.\d+)?")
_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")


def parse_yuan(text: str) -> int:
    """Return the fen of an amount written in yuan by a person or a file.

    Full-width digits, ``¥``, ``元``, ``万元``/``万``, thousands commas and surrounding
    blanks are understood. ``1,23`` or ``1.234,50`` are ambiguous and refused.

    Args:
        text: e.g. ``1234.5``, ``１，２３４．５０元``, ``3.5万元``, ``-12.00``.

    Raises:
        Refused: ``amount_unreadable``, ``amount_ambiguous``, ``amount_too_fine`` or
            ``amount_too_large``.
    """
    plain = unicodedata.normalize("NFKC", text).replace("−", "-").strip()
    plain = re.sub(r"^(-?)(?:人民币|RMB|CNY|[¥￥])\s*", r"\1", plain)
    plain = re.sub(r"^([¥￥])-", "-", plain)
    shift = 2
    if plain.endswith(("万元", "万")):
        plain, shift = plain.removesuffix("元").removesuffix("万").rstrip(), 6
    elif plain.endswith("元"):
        plain = plain.removesuffix("元").rstrip()
    if "," in plain:
        if not _GROUPED.fullmatch(plain):
            code = "amount_ambiguous" if re.fullmatch(r"-?[\d.,]+", plain) else "amount_unreadable"
            raise refuse(code, text=text[:40])
        plain = plain.replace(",", "")
    if not _PLAIN.fullmatch(plain):
        raise refuse("amount_unreadable", text=text[:40])
    whole, _, decimals = plain.lstrip("-").partition(".")
    if len(decimals.rstrip("0")) > shift:
        raise refuse("amount_too_fine", text=text[:40])
    fen = int(whole + decimals[:shift].ljust(shift, "0"))
    if fen > MAX_FEN:
        raise refuse("amount_too_large", text=text[:40])
    return -fen if plain.startswith("-") else fen


def format_yuan(fen: int, *, grouped: bool = True) -> str:
    """Return yuan with two decimals: ``-1,234.50``; ungrouped for CSV and JSON."""
    sign, whole = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{whole // 100:{',' if grouped else ''}d}.{whole % 100:02d}"


def format_wan(fen: int) -> str:
    """Return the number of 万元 with two decimals, rounded half up, for headlines only."""
    sign, wan = ("-" if fen < 0 else ""), (abs(fen) + 5_000) // 10_000
    return f"{sign}{wan // 100:,d}.{wan % 100:02d}"


def split_fen(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Return parts proportional to the weights that sum to the total exactly.

    Largest remainder; ties go to the earlier part. A negative total splits as the
    mirror of the positive one.

    Args:
        total_fen: the amount to split, in fen.
        weights: one non-negative weight a part, not all zero.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and not all zero")
    sign, total = (-1 if total_fen < 0 else 1), abs(total_fen)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_UNITS = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万")


def _capital_group(value: int) -> str:
    """Return the capital form of 1…9999, with inner zeros."""
    text, is_gap = "", False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit:
            text += ("零" if is_gap and text else "") + _DIGITS[digit] + _UNITS[place]
            is_gap = False
        else:
            is_gap = True
    return text


def _capital_integer(yuan: int) -> str:
    """Return the capital form of the whole yuan, empty for zero."""
    text, is_gap = "", False
    for group in (3, 2, 1, 0):
        value = yuan // 10 ** (4 * group) % 10**4
        if value:
            if text and (value < 1000 or is_gap):
                text += "零"
            text += _capital_group(value) + _GROUPS[group]
            is_gap = False
        elif text:
            is_gap = True
        if group == 3 and value and yuan // 10**8 % 10**4 == 0:
            text += "亿"
    return text


def capital_yuan(fen: int) -> str:
    """Return the amount in capital characters (大写金额) with 人民币 in front.

    A whole yuan or jiao ends in 整; a fen does not. A zero in the yuan's last place
    before a jiao is written 零.

    Args:
        fen: the amount; a red amount is negative and reads 负.

    Raises:
        TypeError: not an integer.
        ValueError: ten quadrillion yuan or more.

    Source: 会计基础工作规范 (财政部令第98号) art. 52(3); 正确填写票据和结算凭证的基本规定.
    """
    if not isinstance(fen, int) or isinstance(fen, bool):
        raise TypeError("an amount is an integer of fen")
    sign, amount = ("负" if fen < 0 else ""), abs(fen)
    yuan, jiao, cent = amount // 100, amount // 10 % 10, amount % 10
    if yuan >= 10**16:
        raise ValueError("the amount is too large for capital characters")
    text = _capital_integer(yuan) + "元" if yuan else ""
    if not jiao and not cent:
        return f"人民币{sign}{text or '零元'}整"
    if yuan and (not jiao or yuan % 10 == 0):
        text += "零"
    if jiao:
        text += _DIGITS[jiao] + "角"
    return f"人民币{sign}{text}{_DIGITS[cent] + '分' if cent else '整'}"


__all__ = [
    "MAX_FEN",
    "Refused",
    "capital_yuan",
    "format_wan",
    "format_yuan",
    "parse_yuan",
    "split_fen",
]
