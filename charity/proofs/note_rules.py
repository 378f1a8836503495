"""Checkpoints as text: a tree head in the form of C2SP tlog-checkpoint and signed-note.

Pure; the standard library only. The signature itself is made and checked in ``signing``.
Source: c2sp.org/tlog-checkpoint, c2sp.org/signed-note (Ed25519, type 0x01).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

#: Type byte of Ed25519 in key ids and verifier keys.
ED25519 = b"\x01"
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
#: Longest note that is read, in bytes: sixteen signatures with room to spare.
MAX_NOTE_BYTES = 100_000

_SIGNATURE_LINE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9]\d{0,18}")


class BadNote(ValueError):
    """A text is not a checkpoint."""


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line.

    Attributes:
        name: name of the key.
        key_id: its four bytes.
        signature: the bytes behind them.
    """

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says.

    Attributes:
        origin: name of the log.
        size: leaves of the tree.
        root: its hash, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed, closed by a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint as published.

    Attributes:
        head: what it says.
        text: the signed text.
        signatures: in their order; those of unknown keys too.
    """

    head: TreeHead
    text: str
    signatures: tuple[NoteSignature, ...]


def key_id(name: str, public_key: bytes) -> bytes:
    """Return the four bytes that stand for an Ed25519 key in signature lines."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """Return the public key as verifiers are configured with it: ``name+id+key``."""
    encoded = base64.b64encode(ED25519 + public_key).decode("ascii")
    return f"{name}+{key_id(name, public_key).hex()}+{encoded}"


def note_text(head: TreeHead, signatures: list[NoteSignature]) -> str:
    """Return a signed checkpoint."""
    lines = [
        f"\u2014 {each.name} {base64.b64encode(each.key_id + each.signature).decode('ascii')}\n"
        for each in signatures
    ]
    return f"{head.text()}\n{''.join(lines)}"


def read_note(text: str) -> Note:
    """Return the parts of a checkpoint; nothing is believed until a signature is checked.

    Raises:
        BadNote: it does not have the form of a signed checkpoint.
    """
    if len(text.encode()) > MAX_NOTE_BYTES or any(ch < " " and ch != "\n" for ch in text):
        raise BadNote("it is too long or holds control characters")
    signed, blank, tail = text.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise BadNote("it has no signature below a blank line")
    lines = signed.split("\n")
    if len(lines) < 3 or not all(lines):
        raise BadNote("it lacks origin, size or root")
    if not _SIZE.fullmatch(lines[1]):
        raise BadNote("its size is not a number")
    root = _decoded(lines[2])
    if len(root) != 32:
        raise BadNote("its root is not 32 bytes long")
    signatures = tuple(_signature(line) for line in tail.splitlines())
    return Note(TreeHead(lines[0], int(lines[1]), root), signed + "\n", signatures)


def _decoded(text: str) -> bytes:
    """Return bytes from standard base64.

    Raises:
        BadNote: it is something else.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("it holds something that is not base64") from None


def _signature(line: str) -> NoteSignature:
    """Return one signature line.

    Raises:
        BadNote: it does not have the form of one.
    """
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise BadNote("a signature line is malformed")
    raw = _decoded(match[2])
    if len(raw) <= KEY_ID_BYTES:
        raise BadNote("a signature line is too short")
    return NoteSignature(match[1], raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])
