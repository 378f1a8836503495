"""Sealed fields and files, which are encrypted at rest, and keyed hashes for matching them.

Imports SQLAlchemy and cryptography only. ``configure`` is called once by ``create_app``.
Every stored value names the key that sealed it, so that a new key can take over while
old rows stay readable; ``reseal`` then carries them across. A value is bound to its
column: moved to another one it does not open.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Table, Text, or_, select, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

_NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed value does not open: wrong key, wrong column, or changed bytes."""


@dataclass(frozen=True, slots=True)
class _Key:
    """One sealing key and the short name it leaves on what it seals."""

    name: str
    cipher: AESGCM


@dataclass(frozen=True, slots=True)
class _Ring:
    """The keys of this process: the first one seals, every one opens."""

    keys: tuple[_Key, ...]
    hash_key: bytes


_ring: _Ring | None = None


def _derive(field_key: bytes, purpose: str) -> bytes:
    """Return a 32-byte key for one purpose, so that no key ever serves two."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"charity/{purpose}".encode()).derive(
        field_key
    )


def key_name(field_key: bytes) -> str:
    """Return the short name a field key leaves on what it seals; it opens nothing."""
    return _derive(field_key, "field name")[:4].hex()


def mark(field_key: bytes, text: str, purpose: str) -> str:
    """Return the HMAC-SHA256 of a text in hexadecimal, under a key of its own for the purpose.

    Unlike :func:`keyed_hash` it needs no ring: a backup names the key it was made under.
    """
    return hmac.digest(_derive(field_key, purpose), text.encode(), "sha256").hex()


def is_mark(given: str, field_key: bytes, text: str, purpose: str) -> bool:
    """Say whether a mark is the one of a text, compared in constant time."""
    return hmac.compare_digest(given.encode(), mark(field_key, text, purpose).encode())


def configure(field_key: bytes, retired: Sequence[bytes] = ()) -> None:
    """Set the keys of this process.

    Args:
        field_key: the 32 bytes that seal from now on.
        retired: earlier keys, newest first, that still open what they sealed. The
            oldest one goes on keying the hashes: with another key nothing kept so far
            would be found again.

    Raises:
        ValueError: a key is not 32 bytes long.
    """
    global _ring
    every = (field_key, *retired)
    if any(len(key) != 32 for key in every):
        raise ValueError("a field key is 32 bytes long")
    keys = tuple(_Key(key_name(key), AESGCM(_derive(key, "field"))) for key in every)
    _ring = _Ring(keys, _derive(every[-1], "field hash"))


def _keys() -> _Ring:
    if _ring is None:
        raise RuntimeError("sealed.configure(field_key) has not been called")
    return _ring


def seal(text: str, context: str) -> str:
    """Return the text encrypted under the newest key, as ``name:base64``.

    Args:
        text: the clear text.
        context: where it will stand, e.g. ``users_user.email``; needed again to open it.
    """
    key = _keys().keys[0]
    nonce = os.urandom(_NONCE_BYTES)
    sealed = key.cipher.encrypt(nonce, text.encode(), context.encode())
    return f"{key.name}:{base64.b64encode(nonce + sealed).decode('ascii')}"


def unseal(stored: str, context: str) -> str:
    """Return the clear text of a sealed value.

    Raises:
        SealBroken: no key of this process opens it in this context.
    """
    name, _, body = stored.partition(":")
    for key in _keys().keys:
        if key.name == name:
            raw = base64.b64decode(body)
            try:
                return key.cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()
            except InvalidTag:
                raise SealBroken(f"a value in {context} was changed or moved") from None
    raise SealBroken(f"a value in {context} is sealed with the key {name}, which is not configured")


def seal_bytes(data: bytes, context: str) -> bytes:
    """Return a file's bytes encrypted under the newest key, after the name of that key.

    Args:
        data: the clear bytes.
        context: what they are, e.g. ``attachment:`` and their hash; needed again to open them.
    """
    key = _keys().keys[0]
    nonce = os.urandom(_NONCE_BYTES)
    return key.name.encode("ascii") + b":" + nonce + key.cipher.encrypt(nonce, data, context.encode())


def unseal_bytes(stored: bytes, context: str) -> bytes:
    """Return the clear bytes of a sealed file.

    Raises:
        SealBroken: no key of this process opens it in this context.
    """
    name, _, body = stored.partition(b":")
    for key in _keys().keys:
        if key.name.encode("ascii") == name:
            try:
                return key.cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], context.encode())
            except (InvalidTag, ValueError):
                raise SealBroken(f"{context} was changed or moved") from None
    raise SealBroken(f"{context} is sealed with a key that is not configured")


def is_sealed_anew(stored: bytes) -> bool:
    """Say whether sealed bytes are sealed under the newest key."""
    return stored.startswith(_keys().keys[0].name.encode("ascii") + b":")


def keyed_hash(text: str, purpose: str = "") -> str:
    """Return the HMAC-SHA256 of a text in hexadecimal: equal texts match, none can be read back.

    Args:
        text: in its canonical form (folded, E.164 …); hashing forgives nothing.
        purpose: keeps hashes of different kinds apart, e.g. ``address``; empty for matching
            identity numbers, accounts and phones across features.
    """
    return hmac.digest(_keys().hash_key, f"{purpose}\0{text}".encode(), "sha256").hex()


class SealedText(TypeDecorator[str]):
    """A text column that is encrypted at rest and clear in Python; it cannot be searched."""

    impl = Text
    cache_ok = True

    def __init__(self, context: str) -> None:
        """Bind the column to its own name, e.g. ``SealedText("users_user.email")``."""
        super().__init__()
        self.context = context

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Seal on the way in."""
        return None if value is None else seal(value, self.context)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        """Open on the way out."""
        return None if value is None else unseal(value, self.context)


def reseal(session: Session, table: Table, limit: int = 500) -> int:
    """Seal again, under the newest key, rows of one table that an older key sealed.

    Call it until it returns 0; then no row of the table needs a retired key any more.

    Args:
        session: a writing session.
        table: any table of the project; one without sealed columns has nothing to do.
        limit: how many rows at most in this transaction.

    Returns:
        How many rows were changed.
    """
    sealed = [column for column in table.columns if isinstance(column.type, SealedText)]
    if not sealed:
        return 0
    current = _keys().keys[0].name + ":%"
    raw = {column: type_coerce(column, Text()) for column in sealed}
    is_old = or_(*(text.is_not(None) & text.not_like(current) for text in raw.values()))
    keys = list(table.primary_key.columns)
    every = {"across_orgs": True}  # one key seals them all
    rows = session.execute(select(*keys, *sealed).where(is_old).limit(limit), execution_options=every).all()
    for row in rows:
        values = {column: row._mapping[column] for column in sealed}
        match = [column == row._mapping[column] for column in keys]
        session.execute(update(table).where(*match).values(values), execution_options=every)
    return len(rows)
