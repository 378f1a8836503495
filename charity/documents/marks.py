"""Marks that lie over a page: 补打, 作废 and 演示.

They are part of what the page says, so the first two are read out before the rest; the
third lies below everything and is decoration for the eye, and the texts say it too.
"""

from __future__ import annotations

from charity.documents.canvas import HouseCanvas
from charity.documents.colours import CINNABAR, WATERMARK
from charity.documents.fonts import text_width
from charity.documents.tagging import Element
from charity.documents.words import MARKS, Language


def draw_watermark(canvas: HouseCanvas, language: Language, *, margin: float = 0.0) -> None:
    """Draw 演示 in pale letters all over, below everything drawn afterwards.

    Args:
        canvas: at the beginning of a page.
        language: of the word.
        margin: width of the edge that stays free, in points.
    """
    word = MARKS[language].demo
    size = min(canvas.width, canvas.height) / 6.5
    step_x, step_y = text_width(word, size, bold=True) * 1.55, size * 1.9
    inside = (margin, margin, canvas.width - 2 * margin, canvas.height - 2 * margin)
    with canvas.artifact(), canvas.clipped(*inside):
        row = 0
        y = size * 0.35
        while y < canvas.height:
            x = -step_x / 2 * (row % 2)
            while x < canvas.width:
                with canvas.placed(x + step_x / 2, y, angle=18):
                    canvas.text(0, 0, word, size, bold=True, align="center", colour=WATERMARK)
                x += step_x
            y += step_y
            row += 1


def draw_copy_mark(canvas: HouseCanvas, language: Language, element: Element, right: float, y: float) -> None:
    """Draw 补打 in a small frame, a little turned like a stamp, left of an edge."""
    word = MARKS[language].copy
    size = 15.0 if language != "en" else 11.0
    width = text_width(word, size, bold=True) + 14
    with canvas.content(element), canvas.placed(right - width / 2 - 3, y, angle=8):
        canvas.rectangle(-width / 2, -size * 0.75, width, size * 1.5, stroke=CINNABAR, weight=1.2)
        canvas.text(0, -size * 0.36, word, size, bold=True, align="center", colour=CINNABAR)


def draw_void_mark(canvas: HouseCanvas, language: Language, element: Element) -> None:
    """Draw 作废 large and hollow across the page, so that what it voids can still be read."""
    word = MARKS[language].void
    size = min(canvas.width, canvas.height) * (0.34 if language != "en" else 0.3)
    with canvas.content(element), canvas.placed(canvas.width / 2, canvas.height / 2, angle=16):
        canvas.outlined(0, -size * 0.36, word, size, colour=CINNABAR, weight=1.6)
