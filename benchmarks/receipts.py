"""Receipts against a bare ReportLab canvas that draws the same letters and the same code.

Bare means: ReportLab's own fonts, the very strings of our page at the same places, the QR
code of the same address with the same mask, no tags, no PDF/A, no checks. Both variants
take turns, so that a busy machine slows both; the ratio is the point.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import islice
from typing import Any

import segno
from reportlab.pdfbase import pdfmetrics, ttfonts
from reportlab.pdfgen.canvas import Canvas

from benchmarks import Measure
from charity.documents import fonts
from charity.documents.canvas import A5_LANDSCAPE, HouseCanvas
from charity.documents.qr import MASK, QUIET
from charity.documents.receipt import Allocation, ReceiptDocument, render_receipt, render_receipts

ROUNDS = 41
PAGES = 40

DOCUMENT = ReceiptDocument(
    language="zh_Hans",
    org_name="某某市慈善总会",
    receipt_number="2026-000123",
    check_code="7Q2M9KXW3F",
    verify_url="https://cishan.example/verify/7Q2M9KXW3F",
    donor_title="某某县第一中学二〇〇六级校友会",
    amount_fen=1234567,
    kind="money",
    received_on=date(2026, 3, 5),
    channel="银行转账",
    handler="李晓㛃",
    reviewer="王䶮",
    issued_on=date(2026, 3, 6),
    purpose="先天性心脏病儿童手术救助",
    allocations=(Allocation("F2", "医疗救助基金", "儿童先心病手术", 1234567, "2026-03 记-12"),),
    org_contact="某某市人民路 1 号",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One string of a page: where, what, how large, which face."""

    x: float
    y: float
    text: str
    size: float
    bold: bool


def documents() -> Iterator[ReceiptDocument]:
    """Yield receipts with an address each, so that no code is drawn from the cache."""
    number = 0
    while True:
        number += 1
        code = f"{number:010d}"
        yield replace(DOCUMENT, check_code=code, verify_url=f"https://cishan.example/verify/{code}")


@contextmanager
def recorded() -> Iterator[list[Line]]:
    """Collect the strings our canvas draws."""
    lines: list[Line] = []
    original = HouseCanvas.text

    def text(self: HouseCanvas, x: float, y: float, text: str, size: float, **options: Any) -> float:
        width = original(self, x, y, text, size, **options)
        shift = {"right": width, "center": width / 2}.get(options.get("align", "left"), 0.0)
        lines.append(Line(x - shift, y, text, size, options.get("bold", False)))
        return width

    HouseCanvas.text = text  # type: ignore[method-assign]
    try:
        yield lines
    finally:
        HouseCanvas.text = original  # type: ignore[method-assign]


def draw_bare(canvas: Canvas, lines: list[Line], address: str) -> None:
    """Draw strings and code the way a first script would."""
    for line in lines:
        canvas.setFont("Bare-Bold" if line.bold else "Bare-Regular", line.size)
        canvas.drawString(line.x, line.y, line.text)
    matrix = segno.make_qr(address, error="m", mask=MASK, boost_error=False).matrix
    module = 113 / (len(matrix) + 2 * QUIET)
    path = canvas.beginPath()
    for row, cells in enumerate(matrix):
        start = None
        for place, cell in enumerate([*cells, 0]):
            if cell and start is None:
                start = place
            elif not cell and start is not None:
                path.rect(440 + start * module, 250 - row * module, (place - start) * module, module)
                start = None
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.showPage()


def render_bare(lines: list[Line], addresses: list[str]) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A5_LANDSCAPE, invariant=1, initialFontName="Bare-Regular")
    for address in addresses:
        draw_bare(canvas, lines, address)
    canvas.save()
    return target.getvalue()


def medians(ours: Callable[[], object], bare: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median seconds of both, taken in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for variant, into in zip((ours, bare), times, strict=True):
            begun = time.perf_counter()
            variant()
            into.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def _ours(source: Iterator[ReceiptDocument], pages: int) -> bytes:
    return render_receipts(islice(source, pages))


def _bare(lines: list[Line], source: Iterator[ReceiptDocument], pages: int) -> bytes:
    return render_bare(lines, [document.verify_url for document in islice(source, pages)])


def run() -> list[Measure]:
    """Return milliseconds a receipt, alone and in a file of many, beside the bare canvas's."""
    for name, file in (("Bare-Regular", "NotoSansSC-Regular.ttf"), ("Bare-Bold", "NotoSansSC-Bold.ttf")):
        pdfmetrics.registerFont(ttfonts.TTFont(name, str(fonts.FOLDER / file), asciiReadable=False))
    with recorded() as lines:
        render_receipt(DOCUMENT)
    source = documents()
    measures = []
    for name, pages, rounds in (("one page", 1, ROUNDS), (f"{PAGES} in one file, each", PAGES, 5)):
        ours, bare = medians(
            partial(_ours, source, pages),
            partial(_bare, lines, source, pages),
            rounds,
        )
        remark = f"tagged PDF/A-2b in {ours / bare:.2f} of the bare canvas's time"
        measures.append(Measure(f"receipt, {name}", ours * 1000 / pages, "ms", bare * 1000 / pages, remark))
    return measures
