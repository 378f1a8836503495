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


def _stored(path: Path) -> str | None:
    """Return the code of the file; empty when it is not the whole of one, None when there is no file."""
    try:
        code = path.read_bytes().strip().decode("ascii", "replace")
    except FileNotFoundError:
        return None
    return code if len(code) == _LENGTH and code.isascii() else ""


def setup_code(data_dir: Path) -> tuple[str, bool]:
    """Return the code, made once, in groups of four, and whether it was made just now.

    The file comes into being whole, under its name, and only where there is none: whoever
    looks at the same time is given the same code. One that broke off, as on a full disk,
    is taken away first.
    """
    path = _path(data_dir)
    while not (stored := _stored(path)):
        code, fresh = new_code(_LENGTH), path.with_name(f".{path.name}.{new_code(_LENGTH)}")
        try:
            if stored is None:
                _write(fresh, code)
                os.link(fresh, path)
                return _grouped(code), True
            os.rename(path, fresh)
            if _stored(fresh):  # meanwhile somebody has made it whole
                os.link(fresh, path)
        except (FileExistsError, FileNotFoundError):
            continue
        finally:
            fresh.unlink(missing_ok=True)
    return _grouped(stored), False


def _write(path: Path, code: str) -> None:
    """Write a new file for its owner only, down to the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(code)
        file.flush()
        os.fsync(file.fileno())


def is_right(data_dir: Path, given: str) -> bool:
    """Say whether a code as typed is the one in the data folder; blanks and hyphens do not count."""
    stored, plain = _stored(_path(data_dir)) or "", fold_code(given).replace("-", "")
    return bool(stored) and hmac.compare_digest(plain.encode(), stored.encode())


def spend(data_dir: Path) -> None:
    """Take the code away; the set-up is over."""
    _path(data_dir).unlink(missing_ok=True)


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
