"""Snapshots: what a document says, kept as JSON and read back exactly.

An issued document is drawn from its snapshot only, so that a copy years later says what
the original said. Standard library only. Invariant: ``load(type(d), dump(d)) == d``; an
unknown format, field or type is refused rather than guessed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints


class Snapshot(Protocol):
    """A frozen dataclass that names its format, e.g. ``receipt/1``."""

    FORMAT: ClassVar[str]


T = TypeVar("T", bound=Snapshot)


class SnapshotUnreadable(Exception):
    """A stored snapshot is not of the format asked for; the message says where."""


def dump(document: Snapshot) -> str:
    """Return a snapshot as JSON: keys sorted, no blanks, characters as they are."""
    content = {"format": document.FORMAT, **_plain(document)}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(document: Snapshot) -> str:
    """Return the SHA-256 of a snapshot's JSON in UTF-8, 64 hexadecimal digits."""
    return hashlib.sha256(dump(document).encode("utf-8")).hexdigest()


def load(kind: type[T], text: str) -> T:
    """Return the snapshot stored as JSON.

    Args:
        kind: the dataclass expected.
        text: what :func:`dump` returned.

    Raises:
        SnapshotUnreadable: another format, a field too many or missing, a wrong type.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise SnapshotUnreadable(f"not JSON: {error}") from None
    if not isinstance(content, dict) or content.pop("format", None) != kind.FORMAT:
        raise SnapshotUnreadable(f"not a snapshot of the format {kind.FORMAT}")
    value: T = _typed(kind, content, kind.__name__)
    return value


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


@cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _typed(hint: Any, value: Any, where: str) -> Any:
    """Return the value of a type, or say where it does not fit."""
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, dict):
        hints = _hints(hint)
        if hints.keys() != value.keys():
            raise SnapshotUnreadable(f"{where}: fields differ: {sorted(hints.keys() ^ value.keys())}")
        return hint(**{name: _typed(hints[name], item, f"{where}.{name}") for name, item in value.items()})
    if get_origin(hint) is tuple and isinstance(value, list):
        item_hint = get_args(hint)[0]
        return tuple(_typed(item_hint, item, f"{where}[{place}]") for place, item in enumerate(value))
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint is date and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise SnapshotUnreadable(f"{where}: not a date") from None
    if type(value) is hint:
        return value
    raise SnapshotUnreadable(f"{where}: {type(value).__name__} where {hint} belongs")
