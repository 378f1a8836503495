"""Charts as values: what a page shows as SVG, worked out before the template sees it.

Pure: lengths and places are integers of a drawing 1,000 units wide, so that a template
draws without calculating. A chart always stands above the table it draws; the axis
begins at zero, and negative figures go to its left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from charity.money import split_fen

#: Width of every drawing, in its own units.
WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Point:
    """One figure to draw.

    Attributes:
        label: what it is, in the reader's language.
        fen: the amount, in fen; may be negative.
        tone: ``in``, ``out``, ``left``, ``moved``, a fund's code (``F1`` …) or empty.
        url: the evidence behind it; may be empty.
    """

    label: str
    fen: int
    tone: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure as drawn.

    Attributes:
        point: the figure.
        x: left edge, 0…1000.
        width: length; at least 2 for a figure that is not zero.
        share_bp: share of the whole in basis points; 0 where there is no whole.
    """

    point: Point
    x: int
    width: int
    share_bp: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and what it says.

    Attributes:
        kind: ``bars``, ``share`` or ``waterfall``.
        title: the finding, a full sentence.
        text: the same for those who do not see it.
        bars: in the order drawn.
        zero_x: place of the zero line; 0 at the left edge.
    """

    kind: str
    title: str
    text: str
    bars: tuple[Bar, ...]
    zero_x: int = 0


def bar_chart(title: str, points: Sequence[Point], text: str = "") -> Chart:
    """Return horizontal bars in the order given, scaled to the largest figure.

    Args:
        title: the finding.
        points: sorted by the caller; none is left out.
        text: text alternative; the title when empty.
    """
    figures = [0, *(point.fen for point in points)]
    low, high = min(figures), max(figures)
    bars = tuple(_span(point, 0, point.fen, low, high) for point in points)
    return Chart("bars", title, text or title, bars, _place(0, low, high))


def waterfall(title: str, points: Sequence[Point], text: str = "") -> Chart:
    """Return 期初 + 收 − 支 ± 转 = 期末 as steps.

    Args:
        title: the finding.
        points: the opening figure, the signed movements, then the closing figure, which
            must be their sum.
        text: text alternative; the title when empty.

    Raises:
        ValueError: the closing figure is not the sum of those before it.
    """
    if sum(point.fen for point in points[:-1]) != points[-1].fen:
        raise ValueError("the closing figure must be the sum of the opening and the movements")
    edges, level = [], 0
    for index, point in enumerate(points):
        start = 0 if index in (0, len(points) - 1) else level
        level = point.fen if index in (0, len(points) - 1) else level + point.fen
        edges.append((start, level))
    levels = [0, *(level for _start, level in edges)]
    low, high = min(levels), max(levels)
    bars = tuple(
        _span(point, start, end, low, high) for point, (start, end) in zip(points, edges, strict=True)
    )
    return Chart("waterfall", title, text or title, bars, _place(0, low, high))


def share_bar(title: str, points: Sequence[Point], text: str = "") -> Chart:
    """Return one bar of 100 %: 每 100 元去向.

    Args:
        title: the finding.
        points: non-negative parts of a whole, not all zero.
        text: text alternative; the title when empty.

    Raises:
        ValueError: a part is negative, or there is nothing to share.
    """
    weights = [point.fen for point in points]
    bars, x = [], 0
    shares = split_fen(10_000, weights)
    for point, width, share_bp in zip(points, split_fen(WIDTH, weights), shares, strict=True):
        bars.append(Bar(point, x, width, share_bp))
        x += width
    return Chart("share", title, text or title, tuple(bars))


def _place(fen: int, low: int, high: int) -> int:
    """Return where a figure stands between both ends of the axis."""
    return (fen - low) * WIDTH // (high - low) if high > low else 0


def _span(point: Point, start: int, end: int, low: int, high: int) -> Bar:
    """Return the bar from one figure to another; what is not zero can be seen."""
    left, right = sorted((_place(start, low, high), _place(end, low, high)))
    width = max(right - left, 2 if start != end else 0)
    return Bar(point, min(left, WIDTH - width), width)
