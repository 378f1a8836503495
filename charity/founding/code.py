"""The one-time code that protects the set-up page: whoever can read the data folder may set up.

A file for its owner only; it goes when the federation is founded.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from charity.ids import fold_code, new_code

_LENGTH = 16


def _path(data_dir: Path) -> Path:
    return data_dir / "setup-code"


def setup_code(data_dir: Path) -> tuple[str, bool]:
    """Return the code, made once, in groups of four, and whether it was made just now."""
    path = _path(data_dir)
    fresh = new_code(_LENGTH)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _grouped(path.read_text(encoding="ascii").strip()), False
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(fresh)
    return _grouped(fresh), True


def is_right(data_dir: Path, given: str) -> bool:
    """Say whether a code as typed is the one in the data folder; blanks and hyphens do not count."""
    path = _path(data_dir)
    if not path.exists():
        return False
    plain = fold_code(given).replace("-", "")
    return hmac.compare_digest(plain.encode(), path.read_text(encoding="ascii").strip().encode())


def spend(data_dir: Path) -> None:
    """Take the code away; the set-up is over."""
    _path(data_dir).unlink(missing_ok=True)


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
