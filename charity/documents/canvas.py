"""The house canvas: one page surface for every document.

Wraps ReportLab's canvas as the writer of pages and objects. Invariants: everything drawn
is either a tagged piece of the structure tree or an artifact; every letter comes from an
embedded face; the file is PDF/A-2b and the same input gives the same bytes. Coordinates
are points from the lower left corner; ``mm`` converts.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

from charity.documents import archival, fonts
from charity.documents.archival import DocumentInfo
from charity.documents.colours import INK, Colour
from charity.documents.tagging import Element, LinkArea, StructureRoot, reference
from charity.documents.typesetting import Block, fit

Align = Literal["left", "center", "right"]

mm = 72 / 25.4
A4 = (210 * mm, 297 * mm)
A5_LANDSCAPE = (210 * mm, 148 * mm)

#: From here on the second pass costs less than the size it saves.
_MANY_OBJECTS = 3_000
#: Control points of a quarter circle as a share of its radius.
_ROUND = 0.5523


class HouseCanvas:
    """A document under way.

    Args:
        info: title, author, subject, language and date of the file.
        page_size: width and height in points.
    """

    def __init__(self, info: DocumentInfo, page_size: tuple[float, float]) -> None:
        fonts.faces()
        self.info = info
        self.width, self.height = page_size
        self._canvas = Canvas(
            io.BytesIO(),
            pagesize=page_size,
            pdfVersion=(1, 7),
            invariant=1,
            initialFontName=fonts.REGULAR,
            lang=info.language_tag,
        )
        self._document = self._canvas._doc
        # ReportLab begins the file's identity with an environment variable's date.
        self._document.signature = hashlib.md5(usedforsecurity=False)
        self._tree = StructureRoot()
        self._stack = [self._tree.top]
        self._is_marked = False
        self._fill: Colour | None = None
        self._stroke: Colour | None = None
        self._links: list[LinkArea] = []
        self._tree.begin_page()

    # Structure

    @contextmanager
    def element(self, tag: str, *, alt: str = "", scope: str = "", columns: int = 1) -> Iterator[Element]:
        """Open an element of the structure tree around what follows.

        Args:
            tag: standard structure type, e.g. ``Sect``, ``Table``, ``TR``, ``TH``.
            alt: the text that stands for a picture.
            scope: ``Row`` or ``Column`` for a ``TH``.
            columns: how many columns a cell spans.
        """
        node = self.node(tag, alt=alt, scope=scope, columns=columns)
        self._stack.append(node)
        try:
            yield node
        finally:
            self._stack.pop()

    @contextmanager
    def within(self, element: Element) -> Iterator[None]:
        """Add what follows to an element made before, e.g. a table over several pages."""
        self._stack.append(element)
        try:
            yield
        finally:
            self._stack.pop()

    @contextmanager
    def row(self, *, is_tagged: bool = True) -> Iterator[None]:
        """Open a row of a table, or an artifact where the row repeats what was said."""
        if is_tagged:
            with self.element("TR"):
                yield
        else:
            with self.artifact():
                yield

    def node(self, tag: str, *, alt: str = "", scope: str = "", columns: int = 1) -> Element:
        """Return a new element at this place of the reading order, to be drawn now or later."""
        node = Element(tag, self._stack[-1], alt=alt)
        if scope or columns > 1:
            parts = (f"/Scope/{scope}" if scope else "") + (f"/ColSpan {columns}" if columns > 1 else "")
            node.attributes = f"/A<</O/Table{parts}>>"
        return node

    @contextmanager
    def content(
        self, element: Element | str | None, *, alt: str = "", language: str = ""
    ) -> Iterator[Element]:
        """Mark what is drawn inside as the content of an element.

        Args:
            element: one reserved before, or the tag of a new one.
            alt: the text that stands for a picture.
            language: BCP 47, where it differs from the document's.
        """
        if element is None:
            raise RuntimeError("what is drawn outside of an artifact needs a tag")
        node = element if isinstance(element, Element) else Element(element, self._stack[-1], alt=alt)
        if language:
            node.language = language
        self._begin(f"/{node.tag} <</MCID {self._tree.mark(node)}>> BDC")
        try:
            yield node
        finally:
            self._end()

    @contextmanager
    def artifact(self) -> Iterator[None]:
        """Mark what is drawn inside as decoration that is not read out."""
        self._begin("/Artifact BMC")
        try:
            yield
        finally:
            self._end()

    def _begin(self, operator: str) -> None:
        if self._is_marked:
            raise RuntimeError("marked content does not nest")
        self._is_marked = True
        self._emit(operator)

    def _end(self) -> None:
        self._emit("EMC")
        self._is_marked = False

    def _emit(self, operators: str) -> None:
        self._canvas._code.append(operators)

    def _draw(self, operators: str) -> None:
        """Emit drawing operators; outside of marked content they are an artifact."""
        self._emit(operators if self._is_marked else f"/Artifact BMC\n{operators}\nEMC")

    # Colour

    def _use_fill(self, colour: Colour) -> None:
        if colour != self._fill:
            self._emit(f"{colour.operands} rg")
            self._fill = colour

    def _use_stroke(self, colour: Colour) -> None:
        if colour != self._stroke:
            self._emit(f"{colour.operands} RG")
            self._stroke = colour

    # Text

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = INK,
        align: Align = "left",
        spacing: float = 0.0,
        tag: str | Element | None = "P",
    ) -> float:
        """Draw one line of text and return its width in points.

        Args:
            x: left end, middle or right end of the line, by ``align``.
            y: base line.
            text: what to draw; what has no shape is left out.
            size: of the letters, in points.
            bold: whether to use the bold face.
            colour: of the letters.
            align: which point of the line ``x`` is.
            spacing: added after each letter but the last, in points.
            tag: structure type, or the element it belongs to; not used, and may be None,
                inside ``content`` or ``artifact``.

        Raises:
            Refused: ``character_not_printable``.
        """
        pieces = list(fonts.runs(text, bold=bold))
        letters = sum(len(piece) for _, piece in pieces)
        width = sum(face.text_width(piece) for face, piece in pieces) * size / 1000
        width += spacing * max(0, letters - 1)
        if not letters:
            return 0.0
        start = x - (width if align == "right" else width / 2 if align == "center" else 0.0)
        self._use_fill(colour)
        operators = ["BT", f"1 0 0 1 {number(start)} {number(y)} Tm"]
        if spacing:
            operators.append(f"{number(spacing)} Tc")
        for face, piece in pieces:
            for subset, codes in face.font.splitString(piece, self._document):
                name = face.font.getSubsetInternalName(subset, self._document)
                operators.append(f"{name} {number(size)} Tf <{codes.hex()}> Tj")
        if spacing:
            operators.append("0 Tc")
        operators.append("ET")
        drawn = " ".join(operators)
        if self._is_marked:
            self._emit(drawn)
        else:
            with self.content(tag, language=self._language_of(text)):
                self._emit(drawn)
        return width

    def _language_of(self, text: str) -> str:
        """Return ``zh`` for Chinese inside an English document, so that it is read as such."""
        if self.info.language == "en" and any(
            "\u3400" <= ch <= "\u9fff" or ch >= "\U00020000" for ch in text
        ):
            return "zh"
        return ""

    def block(
        self,
        x: float,
        top: float,
        block: Block,
        *,
        bold: bool = False,
        colour: Colour = INK,
        align: Align = "left",
        tag: str | Element | None = "P",
    ) -> float:
        """Draw lines of text below ``top`` as one element and return their height.

        The first base line lies 0.88 of the size below the top, where Han characters
        have their upper edge.
        """
        y = top - block.size * 0.88
        if self._is_marked:
            self._lines(x, y, block, bold, colour, align)
        else:
            with self.content(tag, language=self._language_of("".join(block.lines))):
                self._lines(x, y, block, bold, colour, align)
        return block.height

    def fitted(
        self,
        x: float,
        y: float,
        text: str,
        box: tuple[float, float],
        *,
        largest: float,
        smallest: float = 4.5,
        bold: bool = False,
        colour: Colour = INK,
        align: Align = "left",
        tag: str | Element | None = "P",
    ) -> None:
        """Draw a text on a base line, smaller or in lines around it where it is too long.

        Args:
            x: left end, middle or right end, by ``align``.
            y: base line of a text that takes one line.
            text: what to draw.
            box: width and height that may be taken, in points.
            largest: size to begin with. smallest: size to stop at.
            bold: whether to use the bold face.
            colour: of the letters.
            align: which point ``x`` is.
            tag: structure type or element.
        """
        block = fit(text, *box, largest=largest, smallest=smallest, bold=bold, spread=1.2)
        top = y + block.size * 0.88
        if len(block.lines) > 1:
            top = y + largest * 0.36 + block.height / 2
        self.block(x, top, block, bold=bold, colour=colour, align=align, tag=tag)

    def _lines(self, x: float, y: float, block: Block, bold: bool, colour: Colour, align: Align) -> None:
        for place, line in enumerate(block.lines):
            self.text(x, y - place * block.leading, line, block.size, bold=bold, colour=colour, align=align)

    # Shapes

    def rule(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        colour: Colour,
        weight: float = 0.5,
        dash: tuple[float, float] | None = None,
    ) -> None:
        """Draw a straight line."""
        self._use_stroke(colour)
        pattern = f"[{dash[0]:g} {dash[1]:g}] 0 d " if dash else ""
        after = " [] 0 d" if dash else ""
        self._draw(
            f"{pattern}{number(weight)} w {number(x1)} {number(y1)} m {number(x2)} {number(y2)} l S{after}"
        )

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: Colour | None = None,
        stroke: Colour | None = None,
        weight: float = 0.5,
    ) -> None:
        """Draw a rectangle from its lower left corner."""
        self._paint(f"{number(x)} {number(y)} {number(width)} {number(height)} re", fill, stroke, weight)

    def path(
        self, operators: str, *, fill: Colour | None = None, stroke: Colour | None = None, weight: float = 0.5
    ) -> None:
        """Draw a path given as PDF path operators."""
        self._paint(operators, fill, stroke, weight)

    def disc(self, x: float, y: float, radius: float, *, fill: Colour) -> None:
        """Draw a filled circle around a point."""
        r, k = radius, radius * _ROUND
        points = [(r, k, k, r, 0, r), (-k, r, -r, k, -r, 0), (-r, -k, -k, -r, 0, -r), (k, -r, r, -k, r, 0)]
        curves = " ".join(
            " ".join(number(value + (x, y)[index % 2]) for index, value in enumerate(point)) + " c"
            for point in points
        )
        self._paint(f"{number(x + r)} {number(y)} m {curves}", fill, None, 0)

    def _paint(self, path: str, fill: Colour | None, stroke: Colour | None, weight: float) -> None:
        if fill is not None:
            self._use_fill(fill)
        if stroke is not None:
            self._use_stroke(stroke)
        how = "B" if fill and stroke else "f" if fill else "S"
        width = f"{number(weight)} w " if stroke else ""
        self._draw(f"{width}{path} {how}")

    @contextmanager
    def placed(self, x: float, y: float, *, angle: float = 0.0, scale: float = 1.0) -> Iterator[None]:
        """Move the origin to a point, turned by degrees, until the end of the block."""
        turn = math.radians(angle)
        a, b = scale * math.cos(turn), scale * math.sin(turn)
        self._emit(f"q {a:.5f} {b:.5f} {-b:.5f} {a:.5f} {number(x)} {number(y)} cm")
        fill, stroke = self._fill, self._stroke
        try:
            yield
        finally:
            self._emit("Q")
            self._fill, self._stroke = fill, stroke

    @contextmanager
    def clipped(self, x: float, y: float, width: float, height: float) -> Iterator[None]:
        """Draw only inside a rectangle until the end of the block."""
        self._emit(f"q {number(x)} {number(y)} {number(width)} {number(height)} re W n")
        fill, stroke = self._fill, self._stroke
        try:
            yield
        finally:
            self._emit("Q")
            self._fill, self._stroke = fill, stroke

    def outlined(self, x: float, y: float, text: str, size: float, *, colour: Colour, weight: float) -> None:
        """Draw a line of hollow letters around a middle, so that what lies below stays legible."""
        self._use_stroke(colour)
        self._emit(f"{number(weight)} w 1 Tr")
        self.text(x, y, text, size, bold=True, align="center", spacing=size * 0.12)
        self._emit("0 Tr")

    def image(self, data: bytes, x: float, y: float, width: float, height: float, *, alt: str) -> None:
        """Draw a picture (PNG or JPEG) from its lower left corner.

        Args:
            data: the file's bytes; transparency is kept.
            alt: the text that stands for it.
        """
        with self.content("Figure", alt=alt):
            self._canvas.drawImage(ImageReader(io.BytesIO(data)), x, y, width, height, mask="auto")

    def link(self, element: Element, rectangle: tuple[float, float, float, float], address: str) -> None:
        """Make a rectangle of this page open an address, as part of a ``Link`` element."""
        area = LinkArea(len(self._tree.pages) - 1, rectangle, address, address)
        self._tree.link(element, area)
        self._links.append(area)

    # Pages

    def end_page(self) -> None:
        """Finish this page and begin the next one of the same size."""
        self._canvas.showPage()
        page = self._document.Pages.pages[-1]
        stream = "\n".join(page.stream) if isinstance(page.stream, list) else page.stream
        self._document.updateSignature(stream)
        page.Contents = pdfdoc.PDFStream(content=stream, filters=[pdfdoc.PDFZCompress])
        # ReportLab writes an empty /Trans, which PDF/A forbids, and knows no tags.
        page.Trans = None
        page.__NoDefault__ = [*page.__NoDefault__, "StructParents", "Tabs"]
        page.StructParents = len(self._tree.pages) - 1
        page.Tabs = "/S"
        page.Links = self._links
        self._links = []
        self._fill = self._stroke = None
        self._tree.begin_page()

    def finish(self) -> bytes:
        """Return the file. The canvas must not be used afterwards.

        A long file is packed once more: its thousands of small objects for the structure
        tree shrink to a tenth as compressed object streams, which ReportLab cannot write.
        """
        if not self._tree.pages[-1]:
            self._tree.pages.pop()
        archival.declare(self._document, self.info)
        self._document.Catalog.StructTreeRoot = self._tree
        self._tree.attach(self._document)
        for page in self._document.Pages.pages:
            if page.Links:
                page.Annots = pdfdoc.PDFArray([reference(self._document, area) for area in page.Links])
        data: bytes = self._canvas.getpdfdata()
        return archival.packed(data) if self._document.objectcounter > _MANY_OBJECTS else data


def number(value: float) -> str:
    """Return a coordinate with at most two decimals, never with an exponent."""
    return f"{round(value, 2):g}"
