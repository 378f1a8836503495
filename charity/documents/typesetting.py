"""Typesetting: lines broken as Chinese is read, and text fitted into a box.

Pure but for the widths of the fonts. Invariants: no line begins with closing punctuation
or ends with opening punctuation (避头尾); a number or a Latin word is broken only when it
is longer than a whole line; joining the lines gives the text back, blanks at breaks aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from charity.documents.fonts import text_width, visible

#: Never at the beginning of a line.
_CLOSING = "，。、；：？！…—～·％‰℃）》〉」』】〕〗｝］”’,.;:?!%)]}>»-–/々ー"
#: Never at the end of a line.
_OPENING = "（《〈「『【〔〖｛［“‘([{<«￥¥$＄№"
_CLOSERS, _OPENERS = f"[{re.escape(_CLOSING)}]", f"[{re.escape(_OPENING)}]"
#: Latin words, numbers and addresses hold together; every other character stands alone.
_LATIN = r"0-9A-Za-z\u00c0-\u024f\u0370-\u04ff@#&+*=_'~/%"
_WORD = rf"[{_LATIN}.,:?-]*[{_LATIN}]"
_UNIT = re.compile(rf"(?:{_OPENERS}\s*)*(?:{_WORD}|……|——|\S)(?:\s*{_CLOSERS})*|\s+")
#: Where a word longer than a line may be cut: an address after its own punctuation.
_INNER = re.compile(r"[^/?&=._-]*[/?&=._-]+|[^/?&=._-]+")


#: A width found by adding up differs from the sum by less than this, in points.
_HAIR = 0.01


@dataclass(frozen=True, slots=True)
class Block:
    """Text set in lines.

    Attributes:
        lines: the lines, top first; at least one, which may be empty.
        size: size of the letters in points.
        leading: distance between base lines in points.
        is_cut: the text did not fit even at the smallest size and ends with an ellipsis.
    """

    lines: tuple[str, ...]
    size: float
    leading: float
    is_cut: bool = False

    @property
    def height(self) -> float:
        """Return the height from the top of the first line to the foot of the last, in points."""
        return self.size + self.leading * (len(self.lines) - 1)


def wrap(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Return the lines of a text that is set in a width.

    A line end in the text starts a new line. Blanks at the beginning of a paragraph stay
    as its indent; blanks where a line is broken vanish.

    Args:
        text: any text; what has no shape is left out.
        width: of the box, in points.
        size: of the letters, in points.
        bold: whether it is set in the bold face.

    Raises:
        Refused: ``character_not_printable``.
    """
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lines += _wrap_paragraph(visible(paragraph), width + _HAIR, size, bold)
    return lines


def _wrap_paragraph(text: str, width: float, size: float, bold: bool) -> list[str]:
    if text_width(text, size, bold=bold) <= width:
        return [text.rstrip()]
    lines = _filled(text, width, size, bold)
    # One or two characters alone on the last line look lost: lines a little shorter help.
    for letters in (1, 2, 3):
        if len(lines[-1]) > 2:
            break
        shorter = _filled(text, width - letters * size, size, bold)
        if len(shorter) == len(lines):
            lines = shorter
    return lines


def _filled(text: str, width: float, size: float, bold: bool) -> list[str]:
    lines: list[str] = []
    line, used = "", 0.0
    for unit in _units(text, width, size, bold):
        extent = text_width(unit, size, bold=bold)
        if line and used + text_width(unit.rstrip(), size, bold=bold) > width:
            lines.append(line.rstrip())
            line, used = "", 0.0
            if unit.isspace():
                continue
        line, used = line + unit, used + extent
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _units(text: str, width: float, size: float, bold: bool) -> Iterator[str]:
    """Yield what must stay on one line; what is wider than a line is cut up."""
    for match in _UNIT.finditer(text):
        unit = match.group()
        if text_width(unit, size, bold=bold) <= width:
            yield unit
            continue
        for part in _INNER.findall(unit) or [unit]:
            if text_width(part, size, bold=bold) <= width:
                yield part
            else:
                yield from part


def longest_unit(text: str, *, bold: bool = False) -> float:
    """Return the width of the longest piece that holds together, for a size of one point."""
    return max((text_width(unit, 1, bold=bold) for unit in _UNIT.findall(visible(text))), default=0.0)


def fit(
    text: str,
    width: float,
    height: float,
    *,
    largest: float,
    smallest: float,
    bold: bool = False,
    spread: float = 1.35,
    one_line: bool = True,
) -> Block:
    """Return the text in the largest size at which it fits into a box.

    Lines are added before the letters shrink. With ``one_line``, a single line at two
    thirds of the largest size or more goes before, since a name is read at once.

    Args:
        text: any text.
        width: of the box, in points.
        height: of the box, in points.
        largest: size to begin with, in points.
        smallest: size to stop at, in points; text that still does not fit is cut with an
            ellipsis and ``is_cut`` is set.
        bold: whether it is set in the bold face.
        spread: leading as a multiple of the size.
        one_line: whether one line of smaller letters is better than two of larger ones,
            and two lines of like length better than a full one and a short one.

    Raises:
        Refused: ``character_not_printable``.
    """
    extent = text_width(visible(text), 1, bold=bold)
    if one_line and "\n" not in text and extent > 0:
        alone = min(largest, int(width / extent * 4) / 4)
        if alone >= max(smallest, largest * 2 / 3) and alone <= height:
            return Block((visible(text),), alone, alone * spread)
    size = largest
    while True:
        lines = wrap(text, width, size, bold=bold)
        block = Block(tuple(lines), size, size * spread)
        if block.height <= height:
            alike = even(lines, text, width, size, bold=bold) if one_line else lines
            return Block(tuple(alike), size, size * spread)
        if size <= smallest:
            return _cut(block, width, height, bold)
        size = max(smallest, size - 0.5)


def even(lines: list[str], text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Return a text of two or three lines broken so that the lines are alike in length.

    Keeps a name from leaving one lone character on its last line.
    """
    if not 2 <= len(lines) <= 3 or "\n" in text:
        return lines
    narrow, wide = width / 2, width
    while wide - narrow > size / 2:
        middle = (narrow + wide) / 2
        if len(wrap(text, middle, size, bold=bold)) <= len(lines):
            wide = middle
        else:
            narrow = middle
    return wrap(text, wide, size, bold=bold)


def _cut(block: Block, width: float, height: float, bold: bool) -> Block:
    room = max(1, int((height - block.size) / block.leading) + 1)
    lines = list(block.lines[:room])
    last = lines[-1]
    while last and text_width(last + "…", block.size, bold=bold) > width:
        last = last[:-1]
    return Block((*lines[:-1], last + "…"), block.size, block.leading, is_cut=True)
