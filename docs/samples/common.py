"""What all samples share: invented names, CSV and XLSX with the same bytes every time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

FEDERATION = "海岱市慈善总会"
PEOPLE = ("苏禾青", "陆知遥", "温以宁", "顾南星", "姜晚照", "程砚秋", "白予安", "柳望舒", "闻人语", "祝祎")
BODIES = (
    "海岱市云帆纺织有限公司",
    "海岱市麦穗食品有限公司",
    "岱南县青禾农机专业合作社",
    "海岱市第九实验小学",
    "海岱市临河建筑工程集团有限公司",
)


def yuan(fen: int, *, grouped: bool = False) -> str:
    """Return yuan with two decimals."""
    sign, whole = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{whole // 100:{',' if grouped else ''}d}.{whole % 100:02d}"


def text_of(rows: Iterable[Sequence[str]], *, end: str = "\r\n") -> str:
    """Return rows as CSV."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator=end).writerows(rows)
    return stream.getvalue()


def workbook() -> tuple[io.BytesIO, Any]:
    """Return a new workbook and the stream it is written to; the date inside it is fixed."""
    stream = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(stream, options)
    book.set_properties({"created": datetime.fromisoformat("2026-11-20"), "author": FEDERATION})
    return stream, book
