"""Commitments to the fields of a posted line, from which the proof log is made.

Imports the standard library only. Each field of a line is committed to on its own, so
that one can be opened without the others: ``commitment = SHA-256(salt ‖ value)`` with
the salts of a line are the bytes of ``SHAKE-256(line salt)``, 32 for each field in order.
The line salt is 32 random bytes made at posting and opened to nobody; opening a field
gives its value and its own salt, from which no other follows.
The leaf of a line is its place in clear and the commitments in the order of ``FIELDS``.
The format is part of what is published: it may grow a version, never change. The last
field ties the line to its voucher and holds what else the header says; it is never opened.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence

#: Version of the leaf format.
VERSION = 1

#: The fields of version 1 in order; the number of a field is its position from 0.
FIELDS = (
    "date",
    "kind",
    "summary",
    "account",
    "amount",
    "fund",
    "earmark",
    "designation",
    "project",
    "source",
    "money_place",
    "place",
    "party",
    "counterparty_org",
    "activity_class",
    "cash_flow_item",
    "quantity",
    "is_retag",
    "beneficiary",
    "dimensions",
    "net_asset_change",
    "links",
    "signers",
    "attachments",
    "place_in_books",
)

SALT_BYTES = 32
HASH_BYTES = 32

_SALTS = struct.Struct("32s" * len(FIELDS))


def field_salts(line_salt: bytes) -> list[bytes]:
    """Return the salts of all fields of a line, in the order of FIELDS.

    Raises:
        ValueError: the line salt is not 32 bytes long.
    """
    if len(line_salt) != SALT_BYTES:
        raise ValueError("a line salt has 32 bytes")
    stream = hashlib.shake_256(line_salt).digest(SALT_BYTES * len(FIELDS))
    return list(_SALTS.unpack(stream))


def commit_field(salt: bytes, value: str) -> bytes:
    """Return the commitment of one field: SHA-256 of its salt and its UTF-8 value."""
    return hashlib.sha256(salt + value.encode()).digest()


def commit_line(line_salt: bytes, values: Sequence[str]) -> bytes:
    """Return the commitments of all fields of a line, 32 bytes each, in the order of FIELDS.

    Args:
        line_salt: 32 random bytes of this line alone.
        values: the text of each field, empty where the line has none.

    Raises:
        ValueError: the salt or the number of values is wrong.
    """
    sha256 = hashlib.sha256
    return b"".join(
        [
            sha256(salt + value.encode()).digest()
            for salt, value in zip(field_salts(line_salt), values, strict=True)
        ]
    )


def leaf_bytes(place: Mapping[str, str | int], commitments: bytes) -> bytes:
    """Return the bytes of a line's leaf: its place in clear, then the commitments in hex.

    Args:
        place: ``org, month, word, number, line, lines`` – code of the org, month
            ``YYYYMM``, word and number of the voucher, line k of n.
        commitments: what :func:`commit_line` gave.
    """
    head = "charity-line/v{v} {org} {month} {word} {number} {line}/{lines}".format(v=VERSION, **place)
    return f"{head}\n{commitments.hex(chr(10), HASH_BYTES)}\n".encode()


def differing_fields(line_salt: bytes, values: Sequence[str], commitments: bytes) -> list[str]:
    """Return the names of the fields whose stored commitment no longer fits the value."""
    fresh = commit_line(line_salt, values)
    return [
        name
        for i, name in enumerate(FIELDS)
        if fresh[i * HASH_BYTES : (i + 1) * HASH_BYTES] != commitments[i * HASH_BYTES : (i + 1) * HASH_BYTES]
    ]
