"""Identifiers: time-ordered keys for the inside, random numbers for the outside.

Imports the standard library only. An inner id never leaves the house; a public number
tells nothing about order or count.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

#: Crockford's base 32: no I, L, O or U, so that a number can be read out on the phone.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

#: Keys are 63 bits wide; a longer number is none of ours, and no database integer holds it.
_KEY_LIMIT = 2**63

_EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
_SEQUENCE_BITS = 22
_lock = threading.Lock()
_last_ms = 0
_sequence = 0


def new_id() -> int:
    """Return a 63-bit id, larger than every earlier one of this process.

    41 bits of milliseconds since 2024, then 22 bits that start at random in each
    millisecond, so that two processes hardly ever meet and a clash is retried.
    """
    return new_ids(1)[0]


def new_ids(count: int) -> list[int]:
    """Return ``count`` ids in rising order; see :func:`new_id`."""
    global _last_ms, _sequence
    with _lock:
        now = max(int(time.time() * 1000) - _EPOCH_MS, _last_ms)
        if now > _last_ms:
            _last_ms, _sequence = now, int.from_bytes(os.urandom(3)) >> 3
        first = (_last_ms << _SEQUENCE_BITS) + _sequence
        _sequence += count
        # A long run borrows from the coming milliseconds; order is kept.
        _last_ms += _sequence >> _SEQUENCE_BITS
        _sequence &= (1 << _SEQUENCE_BITS) - 1
        return list(range(first, first + count))


def earlier(key: int, *, hours: int) -> int:
    """Return an id made so many hours before another; ids above it were made later."""
    return key - (hours * 3_600_000 << _SEQUENCE_BITS)


_random_bytes: Callable[[int], bytes] = os.urandom


def use_random_bytes(random_bytes: Callable[[int], bytes]) -> None:
    """Replace the random source of codes; for the demo alone, whose figures must come out again."""
    global _random_bytes
    _random_bytes = random_bytes


def new_code(length: int = 10) -> str:
    """Return a random code of the given length (5 bits a character)."""
    # 32 letters divide 256 evenly, so that each is as likely as the next.
    return "".join([ALPHABET[byte & 31] for byte in _random_bytes(length)])


def new_public_no(prefix: str) -> str:
    """Return a random public number such as ``D-7Q2M-9KXW-3F``."""
    code = new_code(10)
    return f"{prefix}-{code[:4]}-{code[4:8]}-{code[8:]}"


def fold_code(text: str) -> str:
    """Return a code as typed by a person in its stored form: upper case, no blanks, O→0, I/L→1."""
    folded = "".join(text.upper().split()).replace("—", "-").replace("－", "-")
    return folded.translate(str.maketrans("OIL", "011"))


def key_of(text: str) -> int | None:
    """Return the inner id, or other 63-bit number, that an address part stands for.

    None when it stands for none: what is no number, and what no database integer holds.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return int(text) if int(text) < _KEY_LIMIT else None
