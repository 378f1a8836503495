"""How an accounting voucher looks, on its own sheet or two on A4.

A fixed grid of rows; a line whose text needs more takes two rows or three, so nothing is
cut off. Red amounts are red, have a minus, and the voucher says 红字: never colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charity.documents.archival import DocumentInfo
from charity.documents.canvas import A4, HouseCanvas, mm
from charity.documents.colours import INK, INK_SOFT, LINE, LINE_STRONG, RED_FIGURE, Colour
from charity.documents.fonts import text_width
from charity.documents.marks import draw_watermark
from charity.documents.typesetting import Block, fit
from charity.documents.voucher import Paper, VoucherDocument, VoucherLineDocument
from charity.money import capital_yuan, format_yuan

SHEET = (240 * mm, 140 * mm)
_TITLES = {"收": "收款凭证", "付": "付款凭证", "转": "转账凭证"}
#: Rows of the grid, and their height.
_ROWS, _ROW = 7, 11.3 * mm
_HEAD, _TOTAL = 7 * mm, 9.4 * mm
#: Columns as shares of the width: summary, account, fund, debit, credit.
_SHARES = (0.27, 0.29, 0.18, 0.13, 0.13)
_HEADS = ("摘要", "会计科目", "基金／限定用途", "借方金额", "贷方金额")
_TEXT, _SMALLEST, _PAD = 9.0, 6.5, 4.0


@dataclass(frozen=True, slots=True)
class _Row:
    """One line set into its cells.

    Attributes:
        cells: summary, account, fund, debit, credit.
        rows: how many rows of the grid it takes.
        is_red: whether its amounts take back.
    """

    cells: tuple[Block, ...]
    rows: int
    is_red: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """One sheet of a voucher."""

    voucher: VoucherDocument
    rows: tuple[_Row, ...]
    part: int
    parts: int


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where one sheet's grid is drawn: left edge, top of everything, width of the grid."""

    x: float
    top: float
    width: float

    @property
    def edges(self) -> tuple[float, ...]:
        """Return the x of every vertical line of the grid."""
        found = [self.x]
        for share in _SHARES:
            found.append(found[-1] + share * self.width)
        return tuple(found)


def draw_vouchers(vouchers: Sequence[VoucherDocument], paper: Paper) -> bytes:
    """Return one PDF of vouchers in their order."""
    first, last = vouchers[0], vouchers[-1]
    numbers = _number_text(first) if first is last else f"{_number_text(first)} – {_number_text(last)}"
    info = DocumentInfo(
        title=f"{_title(first)} {numbers}",
        author=first.org_name,
        subject=f"{first.dated_on.isoformat()} – {last.dated_on.isoformat()}",
        language="zh_Hans",
        made_on=last.dated_on,
    )
    if paper == "a4":
        size, slots = A4, [_Slot(25 * mm, 297 * mm - 8 * mm, 174 * mm), _Slot(25 * mm, 140 * mm, 174 * mm)]
    else:
        size, slots = SHEET, [_Slot(14 * mm, 135 * mm, 214 * mm)]
    canvas = HouseCanvas(info, size)
    parts = [part for voucher in vouchers for part in _parts(voucher, slots[0])]
    for start in range(0, len(parts), len(slots)):
        sheet = parts[start : start + len(slots)]
        if any(part.voucher.is_demo for part in sheet):
            draw_watermark(canvas, "zh_Hans")
        if len(slots) > 1:
            canvas.rule(0, 148.5 * mm, A4[0], 148.5 * mm, colour=LINE, dash=(3, 3))
        for part, slot in zip(sheet, slots, strict=False):
            with canvas.element("Sect"):
                _draw_part(canvas, part, slot)
        canvas.end_page()
    return canvas.finish()


def _title(voucher: VoucherDocument) -> str:
    return _TITLES.get(voucher.word, "记账凭证")


def _number_text(voucher: VoucherDocument, part: int = 1, parts: int = 1) -> str:
    if not voucher.number:
        return "未记账"
    share = f" {part}/{parts}" if parts > 1 else ""
    return f"{voucher.word}字第 {voucher.number}{share} 号"


def _amount(fen: int) -> str:
    return format_yuan(fen) if fen else ""


def _parts(voucher: VoucherDocument, slot: _Slot) -> Iterator[_Part]:
    """Yield the sheets of a voucher: rows go on while they fit the grid."""
    sheets: list[list[_Row]] = [[]]
    for line in voucher.lines:
        row = _set_line(line, slot)
        if sum(other.rows for other in sheets[-1]) + row.rows > _ROWS:
            sheets.append([])
        sheets[-1].append(row)
    for part, rows in enumerate(sheets, 1):
        yield _Part(voucher, tuple(rows), part, len(sheets))


def _set_line(line: VoucherLineDocument, slot: _Slot) -> _Row:
    fund = "\n".join(text for text in (line.fund_name, line.earmark_name) if text)
    texts = (
        line.summary,
        f"{line.account_code} {line.account_name}",
        f"{fund}\n〔重标〕" if line.is_retag else fund,
        _amount(line.debit_fen),
        _amount(line.credit_fen),
    )
    for rows in range(1, _ROWS + 1):
        smallest = _SMALLEST if rows < _ROWS else 4.0
        cells = tuple(
            fit(
                text,
                share * slot.width - 2 * _PAD,
                rows * _ROW - 5,
                largest=_TEXT,
                smallest=smallest if place < 3 else 4.0,
                spread=1.2,
                one_line=place > 2,
            )
            for place, (text, share) in enumerate(zip(texts, _SHARES, strict=True))
        )
        if not any(cell.is_cut for cell in cells):
            break
    return _Row(cells, rows, line.debit_fen < 0 or line.credit_fen < 0)


def _draw_part(canvas: HouseCanvas, part: _Part, slot: _Slot) -> None:
    grid_top = slot.top - 21 * mm
    _draw_head(canvas, part, slot)
    grid_foot = grid_top - _HEAD - _ROWS * _ROW - _TOTAL
    _draw_grid(canvas, part, slot, grid_top, grid_foot)
    with canvas.element("Table"):
        with canvas.element("TR"):
            for left, right, head in zip(slot.edges, slot.edges[1:], _HEADS, strict=False):
                node = canvas.node("TH", scope="Column")
                canvas.text((left + right) / 2, grid_top - 13.5, head, 9, bold=True, align="center", tag=node)
        y = grid_top - _HEAD
        for row in part.rows:
            with canvas.element("TR"):
                _draw_row(canvas, row, slot, y)
            y -= row.rows * _ROW
        _draw_total(canvas, part, slot, grid_foot)
    if part.part == part.parts and (foot := grid_foot + _TOTAL) < y - 1:
        # Empty rows are struck out from the last amount to the total: rule 51 (6).
        left, right = slot.edges[3], slot.edges[5]
        canvas.rule(right - 3, y - 3, left + 3, foot + 3, colour=LINE_STRONG, weight=0.6)
    _draw_attachments(canvas, part, slot, grid_top, grid_foot)
    _draw_signatures(canvas, part, slot, grid_foot - 13)


def _draw_head(canvas: HouseCanvas, part: _Part, slot: _Slot) -> None:
    """Draw title, org, date and number above the grid."""
    voucher, middle, right = part.voucher, slot.x + slot.width / 2, slot.x + slot.width
    title = _title(voucher)
    base = slot.top - 9.5 * mm
    width = canvas.text(middle, base, title, 19, bold=True, align="center", spacing=9, tag="H1")
    for drop in (5.0, 7.0):
        canvas.rule(
            middle - width / 2 - 8, base - drop, middle + width / 2 + 8, base - drop, colour=INK, weight=0.5
        )
    below = slot.top - 18.5 * mm
    day = voucher.dated_on
    dated = f"{day.year} 年 {day.month} 月 {day.day} 日"
    canvas.text(
        middle, below, f"{dated}　{voucher.month_text}" if voucher.month_text else dated, 10, align="center"
    )
    org = fit(voucher.org_name, slot.width * 0.34, 22, largest=10, smallest=5, spread=1.2)
    canvas.block(slot.x, below + org.height - org.size * 0.12, org)
    number = _number_text(voucher, part.part, part.parts)
    if voucher.is_red:
        number = f"{number}　红字"
    canvas.text(right, below, number, 10.5, bold=True, align="right", colour=_ink(voucher.is_red))


def _ink(is_red: bool) -> Colour:
    return RED_FIGURE if is_red else INK


def _draw_grid(canvas: HouseCanvas, part: _Part, slot: _Slot, top: float, foot: float) -> None:
    taken = [row.rows for row in part.rows]
    heights = [0, *taken, *[1] * (_ROWS - sum(taken))]
    with canvas.artifact():
        y = top - _HEAD
        for place, height in enumerate(heights):
            y -= height * _ROW
            is_edge = place in (0, len(heights) - 1)
            colour, weight = (LINE_STRONG, 0.7) if is_edge else (LINE, 0.5)
            canvas.rule(slot.x, y, slot.x + slot.width, y, colour=colour, weight=weight)
        for place, x in enumerate(slot.edges[1:-1]):
            end = foot if place >= 2 else foot + _TOTAL
            canvas.rule(x, top, x, end, colour=LINE_STRONG, weight=0.5)
        canvas.rectangle(slot.x, foot, slot.width, top - foot, stroke=INK, weight=1.0)


def _draw_row(canvas: HouseCanvas, row: _Row, slot: _Slot, top: float) -> None:
    for place, (block, left, right) in enumerate(zip(row.cells, slot.edges, slot.edges[1:], strict=False)):
        node = canvas.node("TD")
        if block.lines == ("",):
            continue
        y = top - (row.rows * _ROW - block.height) / 2
        if place < 3:
            canvas.block(left + _PAD, y, block, tag=node)
        else:
            canvas.block(right - _PAD, y, block, align="right", colour=_ink(row.is_red), tag=node)


def _draw_total(canvas: HouseCanvas, part: _Part, slot: _Slot, foot: float) -> None:
    """Draw the total of the whole voucher on its last sheet, a note on the others."""
    base = foot + _TOTAL / 2 - 3.4
    with canvas.element("TR"):
        node = canvas.node("TD", columns=3)
        if part.part < part.parts:
            canvas.text(slot.x + _PAD, base, f"转下页（{part.part + 1}/{part.parts}）", 9, tag=node)
            canvas.node("TD")
            canvas.node("TD")
            return
        lines = [line for line in part.voucher.lines if not line.is_retag]
        debit_fen = sum(line.debit_fen for line in lines)
        credit_fen = sum(line.credit_fen for line in lines)
        width = slot.edges[3] - slot.x - 2 * _PAD
        words, colour = f"合计　{capital_yuan(debit_fen)}", _ink(debit_fen < 0)
        x = slot.x + _PAD
        canvas.fitted(x, base, words, (width, 14), largest=10, bold=True, colour=colour, tag=node)
        for place, fen in ((4, debit_fen), (5, credit_fen)):
            figure = f"{'-' if fen < 0 else ''}¥{format_yuan(abs(fen))}"
            x, room = slot.edges[place] - _PAD, slot.edges[place] - slot.edges[place - 1] - 2 * _PAD
            colour, cell = _ink(fen < 0), canvas.node("TD")
            size = min(9.5, 9.5 * room / text_width(figure, 9.5, bold=True))
            canvas.text(x, base, figure, size, bold=True, align="right", colour=colour, tag=cell)


def _draw_attachments(canvas: HouseCanvas, part: _Part, slot: _Slot, top: float, foot: float) -> None:
    """Draw 附件 n 张 down the right edge."""
    pieces = ["附", "件", str(part.voucher.attachment_count), "张"]
    x = slot.x + slot.width + 4 * mm
    y = (top + foot) / 2 + 30
    with canvas.content("P"):
        for piece in pieces:
            is_figure = piece.isdigit()
            y -= 17
            canvas.text(x, y, piece, 10 if is_figure else 9.5, bold=is_figure, align="center")


def _draw_signatures(canvas: HouseCanvas, part: _Part, slot: _Slot, base: float) -> None:
    voucher = part.voucher
    signers = (
        ("会计主管", voucher.chief_accountant),
        ("记账", voucher.poster),
        ("稽核", voucher.reviewer),
        ("出纳", voucher.cashier),
        ("制单", voucher.maker),
    )
    step = slot.width / len(signers)
    for place, (duty, name) in enumerate(signers):
        x = slot.x + place * step
        x += canvas.text(x, base, duty, 9, colour=INK_SOFT) + 6
        room = slot.x + (place + 1) * step - x - 6
        if name:
            canvas.fitted(x, base, name, (room, 13), largest=9.5)
    canvas.text(slot.x, base - 11, f"SHA-256 {voucher.sha256[:16]}", 5.4, colour=INK_SOFT)
