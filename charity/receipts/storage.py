"""Issued documents as files under the hash of their bytes; written once, read with a check."""

from __future__ import annotations

import hashlib
from pathlib import Path

from charity.ledger.attachments import write_once


def document_path(data_dir: Path, sha256: str) -> Path:
    """Return where the bytes of an issued document stand."""
    return data_dir / "documents" / sha256[:2] / sha256[2:]


def keep_document(data_dir: Path, data: bytes) -> str:
    """Keep a document before its row names it; return the SHA-256 of its bytes in hexadecimal."""
    sha256 = hashlib.sha256(data).hexdigest()
    write_once(document_path(data_dir, sha256), data)
    return sha256


def read_document(data_dir: Path, sha256: str) -> bytes | None:
    """Return the bytes of a document; None when its file is gone."""
    path = document_path(data_dir, sha256)
    return path.read_bytes() if path.is_file() else None
