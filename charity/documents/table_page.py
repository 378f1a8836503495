"""How a list or statement looks on A4: fine rules, tabular figures, nothing cut off.

First the widths of the columns are found from every value, then rows are set and shared
out over pages, then drawn; so the number of pages is known when the first is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charity.documents.archival import DocumentInfo
from charity.documents.canvas import A4, Align, HouseCanvas, mm
from charity.documents.colours import CINNABAR, INK, INK_SOFT, LINE, LINE_STRONG, RED_FIGURE
from charity.documents.columns import Column, Value, groups, plain_text
from charity.documents.fonts import text_width
from charity.documents.marks import draw_watermark
from charity.documents.tables import Row, TableReport
from charity.documents.typesetting import Block, longest_unit, wrap
from charity.documents.words import Language

_MARGIN = 16 * mm
_TOP, _FOOT = 15 * mm, 15 * mm
_PAD, _GAP = 3.2, 2.8
_INDENT = 12.0
#: Sizes of the letters tried until all columns fit side by side.
_SIZES = (8.6, 8.0, 7.4, 6.8, 6.2, 5.6, 5.0)
#: Letters of a column of text: the least, what it gets before any other gets more, and
#: the longest word it is widened for.
_NARROWEST, _COMFORTABLE, _LONGEST_WORD = 6.0, 20.0, 14.0
_PAGES: dict[Language, str] = {
    "zh_Hans": "第 {} 页，共 {} 页",
    "zh_Hant": "第 {} 頁，共 {} 頁",
    "en": "Page {} of {}",
}


#: The lines of one cell.
Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _SetRow:
    """A row in lines.

    Attributes:
        row: the row itself.
        cells: the lines of each cell.
        height: in points, white included.
    """

    row: Row
    cells: tuple[Lines, ...]
    height: float


@dataclass(frozen=True, slots=True)
class _Layout:
    """Page, columns and letters of one report.

    Attributes:
        page: width and height in points.
        edges: left edge of every column, and the right edge of the last.
        size: of the letters.
    """

    page: tuple[float, float]
    edges: tuple[float, ...]
    size: float

    @property
    def leading(self) -> float:
        """Return the distance between base lines."""
        return self.size * 1.38

    def room(self, place: int) -> float:
        """Return the width for the text of a column."""
        return self.edges[place + 1] - self.edges[place] - 2 * _PAD


def draw_table(report: TableReport) -> bytes:
    """Return the PDF of a report."""
    texts = [[_cell_text(column, value) for column, value in _cells(report, row)] for row in report.rows]
    layout = _layout(report, texts)
    heads = tuple(
        tuple(wrap(c.title, layout.room(i), layout.size, bold=True)) for i, c in enumerate(report.columns)
    )
    has_groups = any(column.group for column in report.columns)
    head_height = max(len(lines) for lines in heads) * layout.leading + 2 * _GAP
    head_height += (layout.leading + 2 * _GAP) if has_groups else 0.0
    room = layout.page[1] - _TOP - _FOOT - head_height - _heading_height(report)
    set_rows = [
        piece
        for row, cells in zip(report.rows, texts, strict=True)
        for piece in _pieces(_set_row(row, cells, layout), layout, room - 2 * layout.leading)
    ]
    notes = [tuple(wrap(note, layout.page[0] - 2 * _MARGIN, 7.4)) for note in report.notes]
    notes_height = sum(len(lines) for lines in notes) * 10.6 + 10
    pages = _pages(set_rows, layout, head_height, _heading_height(report), notes_height)
    info = DocumentInfo(
        report.title, report.org_name, report.as_of or report.title, report.language, report.made_on
    )
    canvas = HouseCanvas(info, layout.page)
    digest = f"SHA-256 {report.sha256[:16]}"
    table = None
    for number, rows in enumerate(pages, 1):
        if report.is_demo:
            draw_watermark(canvas, report.language)
        y = layout.page[1] - _TOP
        if number == 1:
            y = _draw_heading(canvas, report, layout, y)
            table = canvas.node("Table")
        assert table is not None
        with canvas.within(table):
            y = _draw_head(canvas, report.columns, heads, layout, y, is_first=number == 1)
            for row in rows:
                y = _draw_row(canvas, report.columns, row, layout, y)
        if not report.rows:
            canvas.text(_MARGIN + _PAD, y - 14, report.empty or "–", layout.size, colour=INK_SOFT)
            y -= 22
        if number == len(pages):
            _draw_notes(canvas, notes, y - 12)
        _draw_foot(canvas, report, layout, _PAGES[report.language].format(number, len(pages)), digest)
        canvas.end_page()
    return canvas.finish()


def _cells(report: TableReport, row: Row) -> list[tuple[Column, Value]]:
    return list(zip(report.columns, row.values, strict=False))


def _cell_text(column: Column, value: Value) -> str:
    return "–" if value == 0 and column.is_number else plain_text(column, value, grouped=True)


def _layout(report: TableReport, texts: list[list[str]]) -> _Layout:
    """Choose page and letters: the largest at which the columns stand side by side.

    Columns of money are given one width where there is room, so that a statement looks
    like one; turning the page goes before smaller letters.
    """
    full, least = _natural_widths(report, texts)
    money = [place for place, column in enumerate(report.columns) if column.kind == "money"]
    widest = max((least[place] for place in money), default=0.0)
    alike = [widest if place in money else value for place, value in enumerate(least)]
    portrait, landscape = A4, (A4[1], A4[0])
    tries = {None: (portrait, landscape), True: (landscape,), False: (portrait,)}[report.is_landscape]
    for size in _SIZES:
        for page in tries:
            room = page[0] - 2 * _MARGIN
            for needs in (alike, least):
                if sum(needs) * size + 2 * _PAD * len(needs) <= room:
                    return _Layout(page, _edges(full, needs, size, room), size)
    page = tries[-1]
    room = page[0] - 2 * _MARGIN
    size = (room - 2 * _PAD * len(least)) / sum(least)
    return _Layout(page, _edges(least, least, size, room), size)


def _natural_widths(report: TableReport, texts: list[list[str]]) -> tuple[list[float], list[float]]:
    """Return for each column its full width and the least it needs, as multiples of the size.

    A figure is never broken, so a column of figures needs all of its width; a column of
    text can be broken down to its longest word.
    """
    full: list[float] = []
    least: list[float] = []
    for place, column in enumerate(report.columns):
        head, head_unit = text_width(column.title, 1, bold=True), longest_unit(column.title, bold=True)
        widest, longest = 0.0, 0.0
        for row, cells in zip(report.rows, texts, strict=True):
            if place < len(cells) and row.kind != "heading":
                indent = row.indent * _INDENT / _SIZES[-1] if place == 0 else 0.0
                extent = text_width(cells[place], 1, bold=row.kind != "plain") + indent
                widest = max(widest, extent)
                if not column.is_number and extent > longest:
                    longest = max(longest, longest_unit(cells[place], bold=row.kind != "plain") + indent)
        full.append(max(widest, head))
        if column.is_number or column.kind == "date":
            least.append(max(widest, head_unit, min(head, 4.0)))
        else:
            word = min(longest, _LONGEST_WORD)
            least.append(min(max(widest, head), max(_NARROWEST, word, head_unit)))
    return full, least


def _edges(full: list[float], least: list[float], size: float, room: float) -> tuple[float, ...]:
    """Return the edges of the columns over a width.

    Each gets the least it needs; what is left goes first to the columns that want more,
    up to a good width for reading, then to those that want more than that.
    """
    widths = [value * size + 2 * _PAD for value in least]
    for limit in (_COMFORTABLE, math.inf):
        spare = max(0.0, room - sum(widths))
        wants = [
            max(0.0, min(want, limit) * size + 2 * _PAD - have)
            for want, have in zip(full, widths, strict=True)
        ]
        share = min(1.0, spare / sum(wants)) if sum(wants) > 0 else 0.0
        widths = [have + want * share for have, want in zip(widths, wants, strict=True)]
    rest = max(0.0, room - sum(widths)) / len(widths)
    edges = [_MARGIN]
    for width in widths:
        edges.append(edges[-1] + width + rest)
    return tuple(edges)


def _set_row(row: Row, texts: list[str], layout: _Layout) -> _SetRow:
    is_bold = row.kind != "plain"
    if row.kind == "heading":
        room = layout.edges[-1] - layout.edges[0] - 2 * _PAD - row.indent * _INDENT
        cells: tuple[Lines, ...] = (tuple(wrap(texts[0], room, layout.size, bold=True)),)
    else:
        cells = tuple(
            tuple(
                wrap(
                    text, layout.room(i) - (row.indent * _INDENT if i == 0 else 0), layout.size, bold=is_bold
                )
            )
            for i, text in enumerate(texts)
        )
    lines = max(len(cell) for cell in cells)
    return _SetRow(row, cells, lines * layout.leading + 2 * _GAP)


def _pieces(row: _SetRow, layout: _Layout, room: float) -> Iterator[_SetRow]:
    """Yield a row, cut into several where it is taller than a page has room."""
    most = max(1, int((room - 2 * _GAP) / layout.leading))
    count = max(len(cell) for cell in row.cells)
    if count <= most:
        yield row
        return
    for start in range(0, count, most):
        cells = tuple(cell[start : start + most] or ("",) for cell in row.cells)
        height = max(len(cell) for cell in cells) * layout.leading + 2 * _GAP
        yield _SetRow(row.row, cells, height)


def _heading_height(report: TableReport) -> float:
    return 46.0 + (13.0 if report.as_of or report.unit else 0.0)


def _pages(
    rows: Sequence[_SetRow], layout: _Layout, head: float, heading: float, notes: float
) -> list[list[_SetRow]]:
    """Share the rows out; a heading keeps its first row, a total the row before it."""
    full = layout.page[1] - _TOP - _FOOT - 14 - head
    pages: list[list[_SetRow]] = [[]]
    left = full - heading
    for place, row in enumerate(rows):
        is_last = place == len(rows) - 1
        follower = rows[place + 1].height if row.row.kind == "heading" and not is_last else 0.0
        if pages[-1] and row.height + follower + (notes if is_last else 0.0) > left:
            carried = (
                [pages[-1].pop()] if row.row.kind in ("total", "subtotal") and len(pages[-1]) > 1 else []
            )
            pages.append(carried)
            left = full - sum(other.height for other in carried)
        pages[-1].append(row)
        left -= row.height
    return pages


def _draw_heading(canvas: HouseCanvas, report: TableReport, layout: _Layout, top: float) -> float:
    middle, width = layout.page[0] / 2, layout.page[0] - 2 * _MARGIN
    canvas.fitted(middle, top - 8, report.org_name, (width, 11), largest=8.6, colour=INK_SOFT, align="center")
    if report.language != "en" and len(report.title) < 16:
        canvas.text(middle, top - 29, report.title, 17, bold=True, align="center", spacing=2.0, tag="H1")
    else:
        box = (width, 22)
        canvas.fitted(middle, top - 29, report.title, box, largest=17, bold=True, align="center", tag="H1")
    canvas.rule(middle - 14, top - 37, middle + 14, top - 37, colour=CINNABAR, weight=1.4)
    if report.as_of:
        canvas.fitted(_MARGIN, top - 52, report.as_of, (width * 0.72, 12), largest=8.6, colour=INK_SOFT)
    if report.unit:
        x, box = layout.page[0] - _MARGIN, (width * 0.26, 12)
        canvas.fitted(x, top - 52, report.unit, box, largest=8.6, colour=INK_SOFT, align="right")
    return top - _heading_height(report)


def _draw_head(
    canvas: HouseCanvas,
    columns: Sequence[Column],
    heads: Sequence[Lines],
    layout: _Layout,
    top: float,
    *,
    is_first: bool,
) -> float:
    """Draw the heads; on later pages they are decoration, since a reader has heard them."""
    left, right = layout.edges[0], layout.edges[-1]
    canvas.rule(left, top, right, top, colour=INK, weight=0.9)
    lines = max(len(head) for head in heads)
    y = top
    if any(column.group for column in columns):
        y = _draw_groups(canvas, columns, layout, top, is_first)
    height = lines * layout.leading + 2 * _GAP
    with canvas.row(is_tagged=is_first):
        for place, (column, head) in enumerate(zip(columns, heads, strict=True)):
            x, align = _anchor(column, layout, place)
            block = Block(head, layout.size, layout.leading)
            block_top = y - (height - block.height) / 2
            node = canvas.node("TH", scope="Column") if is_first else None
            canvas.block(x, block_top, block, bold=True, align=align, tag=node)
    canvas.rule(left, y - height, right, y - height, colour=LINE_STRONG, weight=0.6)
    return y - height


def _draw_groups(
    canvas: HouseCanvas, columns: Sequence[Column], layout: _Layout, top: float, is_first: bool
) -> float:
    height = layout.leading + 2 * _GAP
    with canvas.row(is_tagged=is_first):
        for title, first, number in groups(columns):
            left, right = layout.edges[first], layout.edges[first + number]
            node = canvas.node("TH", scope="Column", columns=number) if is_first else None
            if not title:
                continue
            middle, base, box = (left + right) / 2, top - _GAP - layout.size, (right - left - 4, height)
            canvas.fitted(
                middle, base, title, box, largest=layout.size, smallest=3, bold=True, align="center", tag=node
            )
            canvas.rule(left + 2, top - height, right - 2, top - height, colour=LINE_STRONG, weight=0.4)
    return top - height


def _anchor(column: Column, layout: _Layout, place: int) -> tuple[float, Align]:
    if column.is_number:
        return layout.edges[place + 1] - _PAD, "right"
    return layout.edges[place] + _PAD, "left"


def _draw_row(
    canvas: HouseCanvas, columns: Sequence[Column], set_row: _SetRow, layout: _Layout, top: float
) -> float:
    row = set_row.row
    left, right = layout.edges[0], layout.edges[-1]
    is_bold = row.kind != "plain"
    if row.kind in ("subtotal", "total"):
        canvas.rule(left, top, right, top, colour=LINE_STRONG, weight=0.6)
    with canvas.row():
        for place, (column, cell) in enumerate(zip(columns, set_row.cells, strict=False)):
            x, align = _anchor(column, layout, place)
            value = row.values[place]
            is_negative = column.is_number and type(value) is int and value < 0
            if place == 0:
                x += row.indent * _INDENT if align == "left" else 0.0
            spans = len(columns) if row.kind == "heading" else 1
            node = canvas.node("TH" if spans > 1 else "TD", columns=spans)
            if cell != ("",):
                colour = RED_FIGURE if is_negative else INK
                block = Block(cell, layout.size, layout.leading)
                canvas.block(x, top - _GAP, block, bold=is_bold, colour=colour, align=align, tag=node)
    foot = top - set_row.height
    strong = row.kind == "total"
    canvas.rule(left, foot, right, foot, colour=INK if strong else LINE, weight=0.9 if strong else 0.4)
    return foot


def _draw_notes(canvas: HouseCanvas, notes: Sequence[Lines], top: float) -> None:
    for lines in notes:
        canvas.block(_MARGIN, top, Block(lines, 7.4, 10.6), colour=INK_SOFT)
        top -= len(lines) * 10.6


def _draw_foot(canvas: HouseCanvas, report: TableReport, layout: _Layout, pages: str, digest: str) -> None:
    width, y = layout.page[0], _FOOT - 8
    with canvas.artifact():
        canvas.rule(_MARGIN, y + 11, width - _MARGIN, y + 11, colour=LINE, weight=0.4)
        canvas.text(width / 2, y, pages, 7, colour=INK_SOFT, align="center")
        canvas.text(width - _MARGIN, y, digest, 6, colour=INK_SOFT, align="right")
        canvas.fitted(_MARGIN, y, report.org_name, (width * 0.3, 9), largest=7, smallest=3.5, colour=INK_SOFT)
