"""Small files for the intake's tests: CSV, XLSX, ODS and the old XLS, whole or with one fault."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

Cell = str | int | float

BANK_HEADER = "交易日期,交易时间,借方发生额,贷方发生额,余额,对方户名,对方账号,摘要,用途,附言,交易流水号"
DONOR_HEADER = "姓名,捐款金额,日期,意向"
WECHAT_HEADER = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,"
    "代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率"
)
WECHAT_LABELS = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额"


def csv_bytes(*lines: str, encoding: str = "utf-8") -> bytes:
    """Return lines as a text file."""
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


def csv_rows(rows: Iterable[Sequence[str]], encoding: str = "utf-8") -> bytes:
    """Return rows as CSV, quoted where needed."""
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode(encoding)


def wechat_line(
    number: int, *, amount: str = "10.00", fee: str = "0.06000", good: str = "急难救助基金", **other: str
) -> str:
    """Return one payment of a WeChat bill; ``other`` sets cells by heading."""
    cells = dict.fromkeys(WECHAT_HEADER.split(","), "0")
    cells |= {
        "交易时间": f"2026-11-18 10:{number % 60:02d}:00",
        "商户号": "1999999901",
        "微信订单号": f"42000099990000000000{number:08d}",
        "商户订单号": f"HD{number:06d}",
        "用户标识": "oHaidai",
        "交易状态": "SUCCESS",
        "货币种类": "CNY",
        "总金额": amount,
        "退款金额": "0.00",
        "退款类型": "",
        "退款状态": "",
        "商品名称": good,
        "手续费": fee,
    }
    cells |= other
    return ",".join(f"`{cell}" for cell in cells.values())


def wechat_refund(number: int, *, amount: str, state: str = "SUCCESS", fee: str = "-0.06000") -> str:
    """Return the refund of one payment."""
    other = {
        "交易状态": "REFUND",
        "微信退款单号": f"5030000000{number:08d}",
        "商户退款单号": f"RF{number}",
        "退款金额": amount,
        "退款状态": state,
    }
    return wechat_line(number, amount="0.00", fee=fee, **other)


def wechat_bill(*lines: str, totals: str) -> bytes:
    """Return a WeChat bill; ``totals`` are the five values of its last line."""
    values = ",".join(f"`{value}" for value in totals.split(","))
    return csv_bytes(WECHAT_HEADER, *lines, WECHAT_LABELS, values)


def xlsx(
    rows: Sequence[Sequence[Any]], finish: Callable[[Any, Any], None] | None = None, **sheets: Any
) -> bytes:
    """Return an XLSX of one sheet 名单.

    Args:
        rows: cells as typed.
        finish: called with the book and the sheet, may add to them.
        sheets: further sheets, each with its first row.
    """
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("名单")
    for row, cells in enumerate(rows):
        sheet.write_row(row, 0, cells)
    if finish is not None:
        finish(book, sheet)
    for name, cells in sheets.items():
        book.add_worksheet(name).write_row(0, 0, cells)
    book.close()
    return stream.getvalue()


def repacked(data: bytes, changed: Mapping[str, bytes]) -> bytes:
    """Return a zip with some parts replaced or added."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, changed.get(part, old.read(part)))
        for part in changed.keys() - set(old.namelist()):
            new.writestr(part, changed[part])
    return stream.getvalue()


def xlsx_with_sheet(body: str) -> bytes:
    """Return an XLSX whose one sheet has this XML inside ``sheetData``."""
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/'
        f'spreadsheetml/2006/main"><sheetData>{body}</sheetData></worksheet>'
    )
    return repacked(xlsx([["捐款人"]]), {"xl/worksheets/sheet1.xml": xml.encode()})


def xlsx_cell(reference: str, inside: str, kind: str = "n") -> str:
    """Return the XML of one cell of an XLSX."""
    return f'<c r="{reference}" t="{kind}">{inside}</c>'


def xlsx_rows(*rows: tuple[int, str]) -> bytes:
    """Return an XLSX of rows given as (number, XML of the cells)."""
    return xlsx_with_sheet("".join(f'<row r="{number}">{cells}</row>' for number, cells in rows))


def crowded_zip(count: int) -> bytes:
    """Return a ZIP whose directory lists many entries while its end records speak of one."""
    local = b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    listed = b"".join(
        b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, *[0] * 7, 6, *[0] * 6) + b"%06x" % number
        for number in range(count)
    )
    end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(listed), len(local), 0)
    return local + listed + end


def ods(rows: str) -> bytes:
    """Return an ODS whose one table 名单 has this XML of rows."""
    spaces = "".join(
        f' xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"'
        for prefix in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{spaces} '
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
        f'<office:body><office:spreadsheet><table:table table:name="名单">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as parts:
        parts.writestr("mimetype", kind)
        parts.writestr("META-INF/manifest.xml", manifest)
        parts.writestr("content.xml", content)
    return stream.getvalue()


def ods_cell(text: str, attributes: str = "") -> str:
    """Return an ODS cell of text; ``attributes`` are further ones."""
    kind = 'office:value-type="string"'
    return f"<table:table-cell {kind} {attributes}><text:p>{text}</text:p></table:table-cell>"


def ods_line(cells: str, times: int = 1) -> str:
    """Return an ODS row of the XML of its cells, repeated."""
    return f'<table:table-row table:number-rows-repeated="{times}">{cells}</table:table-row>'


def ods_row(*cells: str) -> str:
    """Return an ODS row of text cells."""
    return ods_line("".join(map(ods_cell, cells)))


def record(kind: int, payload: bytes) -> bytes:
    """Return one BIFF record."""
    return struct.pack("<HH", kind, len(payload)) + payload


def _string(text: str) -> bytes:
    return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def biff_stream(rows: Sequence[Sequence[Cell]], *, extra: bytes = b"", before: bytes = b"") -> bytes:
    """Return a BIFF8 workbook stream of one sheet 名单.

    Args:
        rows: cells; texts go through the shared strings.
        extra: further records of the sheet.
        before: further records of the workbook.
    """
    texts = list(dict.fromkeys(cell for row in rows for cell in row if isinstance(cell, str) and cell))
    strings = record(0xFC, struct.pack("<II", len(texts), len(texts)) + b"".join(map(_string, texts)))
    begin = struct.pack("<HHHHII", 0x600, 5, 0, 1997, 0, 6)
    title = "名单".encode("utf-16-le")
    length = len(record(0x809, begin)) + len(before) + 4 + 8 + len(title) + len(strings) + 4
    bound = record(0x85, struct.pack("<IHBB", length, 0, 2, 1) + title)
    cells = b""
    for row, line in enumerate(rows):
        for column, cell in enumerate(line):
            place = struct.pack("<HHH", row, column, 0)
            if isinstance(cell, str) and cell:
                cells += record(0xFD, place + struct.pack("<I", texts.index(cell)))
            elif not isinstance(cell, str):
                cells += record(0x203, place + struct.pack("<d", cell))
    sheet = record(0x809, struct.pack("<HHHHII", 0x600, 16, 0, 1997, 0, 6)) + cells + extra
    return record(0x809, begin) + before + bound + strings + record(0x0A, b"") + sheet + record(0x0A, b"")


def error_cell(row: int, column: int, code: int) -> bytes:
    """Return the record of an error value."""
    return record(0x205, struct.pack("<HHHBB", row, column, 0, code, 1))


def number_cell(row: int, column: int, value: float) -> bytes:
    """Return the record of a number."""
    return record(0x203, struct.pack("<HHHd", row, column, 0, value))


def xls(stream: bytes, *, stream_name: str = "Workbook", pad: bool = True) -> bytes:
    """Return a compound file with one stream.

    Args:
        stream: its bytes.
        stream_name: ``Workbook`` for Excel.
        pad: lengthen it to 4,096 bytes, so that it lies in whole sectors; else it is
            kept in the small sectors when short.
    """
    if pad:
        stream = stream.ljust(4096, b"\0")
    is_small = len(stream) < 4096
    body = stream.ljust(-(-len(stream) // 512) * 512, b"\0")
    count = len(body) // 512
    free, end = 0xFFFFFFFF, 0xFFFFFFFE
    # Sectors: 0 table, 1 directory, 2 small-sector table, 3… the stream.
    table = [0xFFFFFFFD, end, end, *range(4, 3 + count), end]
    assert len(table) <= 128
    small = [*range(1, -(-len(stream) // 64)), end] if is_small else []
    first = 0 if is_small else 3

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = (name + "\0").encode("utf-16-le")
        head = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, free, free, child)
        return head + bytes(36) + struct.pack("<IQ", start, size)

    root = entry("Root Entry", 5, 1, 3 if is_small else end, len(body) if is_small else 0)
    directory = root + entry(stream_name, 2, free, first, len(stream)) + 2 * bytes(128)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    header += bytes(6) + struct.pack("<IIIII", 0, 1, 1, 0, 4096)
    header += struct.pack("<IIII", 2 if is_small else end, 1 if is_small else 0, end, 0)
    header += struct.pack("<109I", 0, *[free] * 108)
    sectors = struct.pack("<128I", *table, *[free] * (128 - len(table)))
    minis = struct.pack("<128I", *small, *[free] * (128 - len(small)))
    return header + sectors + directory + minis + body
