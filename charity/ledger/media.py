"""What kind of file a source document is, told by its bytes and never by what it claims.

Standard library only. A browser is shown inside its window only what cannot carry a
script; everything else is handed over as a download.
"""

from __future__ import annotations

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
#: Ending of a ZIP container → what it holds; OFD is the national format of e-vouchers (GB/T 33190).
_CONTAINERS = {
    "ofd": "application/ofd",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
#: Kinds a browser may show in its own window.
SHOWN = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"})


def media_type(data: bytes, name: str) -> str:
    """Return the media type of a file; ``application/octet-stream`` when it is not known.

    Args:
        data: the whole file, or its first kilobyte.
        name: its name, which tells containers apart.
    """
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    ending = name.rpartition(".")[2].lower()
    if data.startswith(b"PK\x03\x04"):
        return _CONTAINERS.get(ending, "application/zip")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"):
        return "application/xml"
    if ending in ("csv", "txt") and b"\x00" not in data[:1024]:
        return "text/plain"
    return "application/octet-stream"
