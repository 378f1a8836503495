"""How a donation receipt looks: A5 landscape, a letter on the left, its proof on the right.

Drawn from the snapshot only. The letter grows from the top (title, donor, thanks, amount)
and its facts grow from the foot; what is between them is white, and a long name takes
from the white before any letter shrinks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charity.documents.archival import DocumentInfo
from charity.documents.canvas import A5_LANDSCAPE, HouseCanvas, mm
from charity.documents.colours import (
    CINNABAR,
    CINNABAR_PALE,
    INK,
    INK_SOFT,
    LINE,
    PAPER,
    PAPER_WARM,
    SLATE,
    WHITE,
    Colour,
    fund_colour,
)
from charity.documents.fonts import text_width
from charity.documents.marks import draw_copy_mark, draw_void_mark, draw_watermark
from charity.documents.qr import qr_path
from charity.documents.receipt import ReceiptDocument
from charity.documents.typesetting import Block, fit, wrap
from charity.documents.words import capital_text, date_text
from charity.money import format_yuan

_WIDTH, _HEIGHT = A5_LANDSCAPE
#: Left and right edge of the letter, and of the proof beside it.
_LEFT, _RIGHT = 13 * mm, 146 * mm
_PROOF_LEFT, _PROOF_RIGHT = 154 * mm, 199 * mm
_PROOF_MIDDLE = (_PROOF_LEFT + _PROOF_RIGHT) / 2
_TOP, _FOOT = _HEIGHT - 13 * mm, 12.5 * mm
_OUTER, _INNER = 6.2 * mm, 7.6 * mm
_LABEL = 7.2
_FACT = 9.0
#: At most so many allocations are listed; more are summed up in a last line.
_ALLOCATIONS = 4


@dataclass(frozen=True, slots=True)
class _Scale:
    """Sizes in points, of the ordinary page and of one with a very long name.

    Attributes:
        title: letters of the title.
        thanks: letters of the sentence of thanks.
        figure: letters of the amount.
        text_height: room for items and for the purpose, each.
        row_gap: white above and below the text of a row.
    """

    title: float
    thanks: float
    figure: float
    text_height: float
    row_gap: float

    @property
    def amount_height(self) -> float:
        """Return the height of the amount and its capital form."""
        return self.figure + 20


_ROOMY = _Scale(title=27, thanks=8.8, figure=24, text_height=30, row_gap=5.6)
_TIGHT = _Scale(title=19, thanks=7.2, figure=15, text_height=30, row_gap=2.4)
#: A donor's name smaller than this makes the page tight.
_SMALLEST_ROOMY_NAME = 9.0


@dataclass(frozen=True, slots=True)
class _Fact:
    """A label and its texts, one below the other.

    Attributes:
        label: short, before the first text.
        x: left end of the label.
        indent: distance from the label to the texts.
        parts: each text with the colour of the dot before it; None for no dot.
    """

    label: str
    x: float
    indent: float
    parts: tuple[tuple[Block, Colour | None], ...]

    @property
    def height(self) -> float:
        """Return the height of all texts in points."""
        return sum(block.height for block, _ in self.parts) + 2.5 * (len(self.parts) - 1)


def draw_receipts(
    documents: Sequence[ReceiptDocument], *, copy: bool, void_numbers: frozenset[str], seal: bytes | None
) -> bytes:
    """Return one PDF with a page for each receipt."""
    first, last = documents[0], documents[-1]
    numbers = first.receipt_number if first is last else f"{first.receipt_number} – {last.receipt_number}"
    info = DocumentInfo(
        title=f"{first.words.title} {numbers}",
        author=first.org_name,
        subject=first.words.not_an_invoice,
        language=first.language,
        made_on=last.issued_on,
    )
    canvas = HouseCanvas(info, A5_LANDSCAPE)
    for document in documents:
        with canvas.element("Sect"):
            _draw_page(canvas, document, copy, document.receipt_number in void_numbers, seal)
        canvas.end_page()
    return canvas.finish()


def _draw_page(
    canvas: HouseCanvas, document: ReceiptDocument, copy: bool, void: bool, seal: bytes | None
) -> None:
    _draw_paper(canvas)
    if document.is_demo:
        draw_watermark(canvas, document.language, margin=_INNER)
    _draw_border(canvas)
    void_mark = canvas.node("P") if void else None
    copy_mark = canvas.node("P") if copy else None
    proof_top = _draw_numbers(canvas, document)
    _draw_letter(canvas, document)
    _draw_disclaimer(canvas, document)
    _draw_proof(canvas, document, proof_top)
    if seal is not None and document.seal_sha256:
        side = 27 * mm
        alt = document.words.seal_alt.format(document.org_name)
        canvas.image(seal, _RIGHT - side - 2, _FOOT + 20, side, side, alt=alt)
    if copy_mark is not None:
        draw_copy_mark(canvas, document.language, copy_mark, _RIGHT, _TOP - 19)
    if void_mark is not None:
        draw_void_mark(canvas, document.language, void_mark)


def _notched(left: float, low: float, right: float, high: float, notch: float) -> str:
    """Return the path of a rectangle whose corners step inwards."""
    corners = [
        *((left, low + notch), (left + notch, low + notch), (left + notch, low)),
        *((right - notch, low), (right - notch, low + notch), (right, low + notch)),
        *((right, high - notch), (right - notch, high - notch), (right - notch, high)),
        *((left + notch, high), (left + notch, high - notch), (left, high - notch)),
    ]
    steps = [f"{x:.2f} {y:.2f} {'l' if place else 'm'}" for place, (x, y) in enumerate(corners)]
    return " ".join([*steps, "h"])


#: The rectangle of the outer border, and where the letter ends and the proof begins.
_SHEET = (_OUTER, _OUTER, _WIDTH - 2 * _OUTER, _HEIGHT - 2 * _OUTER)
_FOLD = 150 * mm
_STEPPED = _notched(_INNER, _INNER, _WIDTH - _INNER, _HEIGHT - _INNER, 3.2 * mm)


def _draw_paper(canvas: HouseCanvas) -> None:
    """Draw the field of the letter and, inside the border, that of the proof."""
    with canvas.artifact():
        canvas.rectangle(*_SHEET, fill=PAPER)
        with canvas.clipped(_FOLD, _INNER, _WIDTH - _INNER - _FOLD, _HEIGHT - 2 * _INNER):
            canvas.path(_STEPPED, fill=PAPER_WARM)


def _draw_border(canvas: HouseCanvas) -> None:
    """Draw two rules around the sheet, the inner one stepped at the corners, and the fold."""
    with canvas.artifact():
        canvas.rectangle(*_SHEET, stroke=CINNABAR, weight=1.1)
        canvas.path(_STEPPED, stroke=CINNABAR, weight=0.4)
        low, high = _INNER + 4 * mm, _HEIGHT - _INNER - 4 * mm
        canvas.rule(_FOLD, low, _FOLD, high, colour=CINNABAR_PALE, weight=0.6, dash=(2, 2.4))


def _draw_letter(canvas: HouseCanvas, document: ReceiptDocument) -> None:
    """Draw org, title, donor, thanks and amount from the top, the facts from the foot."""
    width = _RIGHT - _LEFT
    donor_text = document.words.greeting.format(document.donor_title)
    for scale in (_ROOMY, _TIGHT):
        facts = list(_fact_rows(document, scale))
        facts_top = _FOOT + 21 + sum(_row_height(row, scale) for row in facts)
        org = fit(document.org_name, width - 60, 22, largest=10.5, smallest=6, bold=True)
        lines = wrap(document.words.thanks, width, scale.thanks)
        thanks = Block(tuple(lines), scale.thanks, scale.thanks * 1.6)
        title_foot = _TOP - org.height - scale.title * 1.5
        room = title_foot - facts_top - thanks.height - scale.amount_height
        donor = fit(donor_text, width, room - 12, largest=14.5, smallest=5, bold=True, spread=1.3)
        if donor.size >= _SMALLEST_ROOMY_NAME and not donor.is_cut:
            break
    gap = min(26.0, (room - donor.height) / 3.4)
    canvas.block(_LEFT, _TOP, org, bold=True, colour=CINNABAR)
    spacing = 0.4 if document.language == "en" else scale.title / 5
    title_base = _TOP - org.height - scale.title * 1.24
    canvas.text(_LEFT, title_base, document.words.title, scale.title, bold=True, spacing=spacing, tag="H1")
    y = title_foot - gap * 0.9
    y -= canvas.block(_LEFT, y, donor, bold=True, tag="H2") + gap * 0.6
    y -= canvas.block(_LEFT, y, thanks, colour=INK_SOFT) + gap * 0.9
    _draw_amount(canvas, document, y, _LEFT + facts[0][0].indent, scale)
    _draw_facts(canvas, facts, facts_top, scale)


def _draw_amount(canvas: HouseCanvas, document: ReceiptDocument, top: float, x: float, scale: _Scale) -> None:
    words = document.words
    label = words.amount if document.kind == "money" else words.value
    figure = f"¥{format_yuan(document.amount_fen)}"
    capital = capital_text(document.amount_fen, document.language)
    base = top - scale.figure * 0.8
    with canvas.element("Table"):
        with canvas.element("TR"):
            canvas.text(_LEFT, base, label, _LABEL, colour=INK_SOFT, tag=canvas.node("TH", scope="Row"))
            canvas.text(x, base - 1, figure, scale.figure, bold=True, colour=CINNABAR, tag="TD")
        with canvas.element("TR"):
            canvas.text(
                _LEFT, base - 18, words.capital, _LABEL, colour=INK_SOFT, tag=canvas.node("TH", scope="Row")
            )
            canvas.fitted(x, base - 18, capital, (_RIGHT - x, 14), largest=10.5, bold=True, tag="TD")


def _fact_rows(document: ReceiptDocument, scale: _Scale) -> Iterator[list[_Fact]]:
    """Yield the rows of facts, top first, each set to its width."""
    words = document.words
    labels = (
        words.kind,
        words.received_on,
        words.channel,
        words.purpose,
        words.items,
        words.amount,
        words.capital,
    )
    indent = max(text_width(label, _LABEL) for label in labels) + 9
    width = _RIGHT - _LEFT
    middle = _LEFT + width * 0.53

    def fact(label: str, text: str, x: float, room: float, height: float = 11.0) -> _Fact:
        return _Fact(
            label,
            x,
            indent,
            ((fit(text, room - indent, height, largest=_FACT, smallest=4.5, spread=1.25), None),),
        )

    left, right = middle - _LEFT - 10, _RIGHT - middle
    yield [
        fact(words.kind, words.kinds[document.kind], _LEFT, left),
        fact(words.received_on, date_text(document.received_on, document.language), middle, right),
    ]
    yield [
        fact(words.channel, document.channel or "–", _LEFT, left),
        fact(words.voucher, _voucher_text(document), middle, right),
    ]
    if document.items or document.valuation:
        bracket = "（{}）" if document.language != "en" else " ({})"
        items = document.items + (bracket.format(document.valuation) if document.valuation else "")
        yield [fact(words.items, items, _LEFT, width, scale.text_height)]
    yield [fact(words.purpose, document.purpose or words.no_purpose, _LEFT, width, scale.text_height)]
    yield [_Fact(words.fund, _LEFT, indent, tuple(_allocation_parts(document, width - indent)))]
    third = (width - 16) / 3
    people = (
        (words.handler, document.handler),
        (words.reviewer, document.reviewer),
        (words.issued_on, date_text(document.issued_on, document.language)),
    )
    yield [
        _Fact(label, x, own, ((fit(text, third - own, 11, largest=_FACT, smallest=4.5, spread=1.25), None),))
        for place, (label, text) in enumerate(people)
        if (own := text_width(label, _LABEL) + 7) and (x := _LEFT + place * (third + 8))
    ]


def _voucher_text(document: ReceiptDocument) -> str:
    """Return the voucher of the whole gift; a dash where each part names its own."""
    numbers = {part.voucher_number for part in document.allocations}
    if numbers <= {""}:
        return document.words.not_posted
    return numbers.pop() if len(numbers) == 1 else "–"


def _allocation_parts(document: ReceiptDocument, width: float) -> Iterator[tuple[Block, Colour | None]]:
    """Yield a line for each allocation; beyond the fourth they are summed up."""
    words, parts = document.words, document.allocations
    if not parts:
        yield fit(words.not_booked, width, 10, largest=_FACT, smallest=6), None
        return
    shown = parts if len(parts) <= _ALLOCATIONS else parts[: _ALLOCATIONS - 1]
    is_one_voucher = len({part.voucher_number for part in parts}) == 1
    for part in shown:
        pieces = [part.fund_name, part.earmark_name]
        if len(parts) > 1:
            pieces += [f"¥{format_yuan(part.amount_fen)}", "" if is_one_voucher else part.voucher_number]
        text = words.separator.join(piece for piece in pieces if piece)
        height = 20 if len(shown) == 1 else 11
        yield (
            fit(text, width - 9, height, largest=_FACT, smallest=4.5, spread=1.2),
            fund_colour(part.fund_code),
        )
    if rest := parts[len(shown) :]:
        amount = f"¥{format_yuan(sum(part.amount_fen for part in rest))}"
        yield fit(words.more_funds.format(len(rest), amount), width - 9, 10, largest=_FACT, smallest=6), SLATE


def _row_height(row: list[_Fact], scale: _Scale) -> float:
    return max(fact.height for fact in row) + 2 * scale.row_gap


def _draw_facts(canvas: HouseCanvas, rows: list[list[_Fact]], top: float, scale: _Scale) -> None:
    y = top
    with canvas.element("Table"):
        for row in rows:
            canvas.rule(_LEFT, y, _RIGHT, y, colour=LINE, weight=0.4)
            with canvas.element("TR"):
                for fact in row:
                    _draw_fact(canvas, fact, y - scale.row_gap)
            y -= _row_height(row, scale)


def _draw_fact(canvas: HouseCanvas, fact: _Fact, top: float) -> None:
    base = top - max(fact.parts[0][0].size * 0.88, _LABEL * 0.95)
    canvas.text(fact.x, base, fact.label, _LABEL, colour=INK_SOFT, tag=canvas.node("TH", scope="Row"))
    cell = canvas.node("TD")
    for block, colour in fact.parts:
        x = fact.x + fact.indent
        if colour is not None:
            canvas.disc(x + 2.6, top - block.size * 0.53, 2.3, fill=colour)
            x += 9
        canvas.block(x, top, block, tag=cell)
        top -= block.height + 2.5


def _draw_disclaimer(canvas: HouseCanvas, document: ReceiptDocument) -> None:
    words, width = document.words, _RIGHT - _LEFT
    y = _FOOT + 21
    canvas.rule(_LEFT, y, _RIGHT, y, colour=CINNABAR, weight=0.7)
    canvas.fitted(_LEFT, y - 12, words.not_an_invoice, (width, 9), largest=8.4, bold=True)
    canvas.text(_LEFT, y - 22, words.invoice_hint, 6.6, colour=INK_SOFT)


def _draw_numbers(canvas: HouseCanvas, document: ReceiptDocument) -> float:
    """Draw number and check code at the head of the proof; return the height below them."""
    words = document.words
    y = _TOP - 7
    code = document.check_code
    half = len(code) // 2
    spaced = f"{code[:half]} {code[half:]}" if len(code) >= 8 else code
    for label, value in ((words.number, document.receipt_number), (words.check_code, spaced)):
        canvas.text(_PROOF_MIDDLE, y, label, _LABEL, colour=INK_SOFT, align="center")
        box = (_PROOF_RIGHT - _PROOF_LEFT, 16)
        canvas.fitted(_PROOF_MIDDLE, y - 16, value, box, largest=12.5, bold=True, align="center")
        y -= 37
    return y


def _draw_proof(canvas: HouseCanvas, document: ReceiptDocument, top: float) -> None:
    """Draw the QR code, its address and the notes; the foot holds the snapshot's hash."""
    words, middle, width = document.words, _PROOF_MIDDLE, _PROOF_RIGHT - _PROOF_LEFT
    foot = _draw_proof_notes(canvas, document, middle, width)
    y, side = top, 40 * mm
    address = fit(document.verify_url, width, 34, largest=6.8, smallest=4.5, spread=1.3)
    y -= side - 12 + max(0.0, y + 12 - foot - side - address.height - 30) * 0.38
    _draw_qr(canvas, document, middle - side / 2, y, side)
    canvas.text(middle, y - 13, words.verify, 8.4, bold=True, align="center", colour=CINNABAR)
    link = canvas.node("Link")
    canvas.block(middle, y - 20, address, align="center", colour=INK_SOFT, tag=link)
    canvas.link(link, (_PROOF_LEFT, y - 22 - address.height, _PROOF_RIGHT, y + side), document.verify_url)


def _draw_proof_notes(canvas: HouseCanvas, document: ReceiptDocument, middle: float, width: float) -> float:
    """Draw contact, replaced number and hash at the foot; return the height above them."""
    foot = _FOOT + 3
    canvas.text(middle, foot, f"SHA-256 {document.sha256[:16]}", 5.4, colour=INK_SOFT, align="center")
    y = foot + 11
    replaces = document.words.replaces.format(document.replaces_number) if document.replaces_number else ""
    for note in (document.org_contact, replaces):
        if note:
            block = fit(note, width, 26, largest=6.8, smallest=4.5, spread=1.3)
            canvas.block(middle, y + block.height, block, align="center", colour=INK_SOFT)
            y += block.height + 5
    return y


def _draw_qr(canvas: HouseCanvas, document: ReceiptDocument, x: float, y: float, side: float) -> None:
    code = qr_path(document.verify_url)
    with canvas.artifact():
        canvas.rectangle(x, y, side, side, fill=WHITE)
    alt = document.words.qr_alt.format(document.verify_url)
    with canvas.content("Figure", alt=alt), canvas.placed(x, y, scale=side / code.modules):
        canvas.path(code.operators, fill=INK)
