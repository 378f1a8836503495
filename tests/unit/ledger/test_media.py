"""A file is what its bytes say, and only what carries no script is shown in the window."""

from __future__ import annotations

import pytest

from charity.ledger.media import SHOWN, media_type
from charity.ledger.naming import quantity_text


@pytest.mark.parametrize(
    ("data", "name", "kind", "is_shown"),
    [
        (b"%PDF-1.7 x", "发票.pdf", "application/pdf", True),
        (b"\x89PNG\r\n\x1a\n", "a.exe", "image/png", True),
        (b"\xff\xd8\xff\xe0", "a", "image/jpeg", True),
        (b"GIF89a", "a.gif", "image/gif", True),
        (b"RIFF\x00\x00\x00\x00WEBPVP8", "a.webp", "image/webp", True),
        (b"II*\x00", "scan.tif", "image/tiff", False),
        (b"PK\x03\x04", "电子发票.ofd", "application/ofd", False),
        (b"PK\x03\x04", "a.zip", "application/zip", False),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "a.xml", "application/xml", False),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls", "application/x-ole-storage", False),
        (b"a,b\n", "a.csv", "text/plain", False),
        (b"<script>", "a.pdf", "application/octet-stream", False),
        (b"<svg onload='x'>", "a.svg", "application/octet-stream", False),
        (b"", "leer.txt", "text/plain", False),
    ],
)
def test_a_file_is_what_its_bytes_say(data: bytes, name: str, kind: str, is_shown: bool) -> None:
    assert media_type(data, name) == kind
    assert (kind in SHOWN) is is_shown


@pytest.mark.parametrize(
    ("milli", "text"), [(0, "0"), (1000, "1"), (1500, "1.5"), (1, "0.001"), (-2050, "-2.05")]
)
def test_a_quantity_reads_as_a_plain_number(milli: int, text: str) -> None:
    assert quantity_text(milli) == text
