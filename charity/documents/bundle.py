"""Bundles: many documents in one ZIP file, the same bytes for the same files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import BinaryIO

#: The earliest date a ZIP file knows; the clock would make every bundle differ.
_DATE = (1980, 1, 1, 0, 0, 0)
#: PDF, XLSX and pictures are compressed already.
_PACKED = {".pdf", ".xlsx", ".zip", ".png", ".jpg", ".jpeg"}


def zip_documents(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a ZIP file.

    Args:
        files: name and bytes, in the order they shall stand; names may have folders.

    Raises:
        ValueError: a name twice, empty, absolute, or one that leaves its folder.
    """
    target = io.BytesIO()
    write_bundle(target, files)
    return target.getvalue()


def write_bundle(target: BinaryIO, files: Iterable[tuple[str, bytes]]) -> None:
    """Write a ZIP file as the documents come, for packs too large to hold.

    Args:
        target: an open file that can be written.
        files: as for :func:`zip_documents`; taken one by one.

    Raises:
        ValueError: as :func:`zip_documents`; what was written is then worthless.
    """
    taken: set[str] = set()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files:
            _check_name(name)
            if name.casefold() in taken:
                raise ValueError(f"two documents are called {name!r}")
            taken.add(name.casefold())
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3  # Unix, on every machine.
            entry.external_attr = 0o644 << 16
            is_packed = PurePosixPath(name).suffix.casefold() in _PACKED
            entry.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    is_plain = name == str(path) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
    if name in ("", ".") or not is_plain or ":" in name or not name.isprintable():
        raise ValueError(f"{name!r} is not a name inside a bundle")
