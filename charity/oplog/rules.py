"""What an entry of the operation log may say, and how it reads.

Pure. Owns two registers that features fill at import: the sentence of each act and the
label of each detail, so that the log reads as plain language and not as code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from charity.errors import N_
from charity.money import format_yuan
from charity.periods import CHINA, Month, as_utc

#: act code → English message id, e.g. ``ledger.post`` → “Posted vouchers”.
ACTS: dict[str, str] = {}
#: detail name → English message id of its label.
LABELS: dict[str, str] = {}
#: (detail name, stored value) → English message id, for values that are codes, e.g. roles.
WORDS: dict[tuple[str, str], str] = {}
#: kind of subject → English message id, e.g. ``user`` → “User”.
SUBJECTS: dict[str, str] = {}

_ACT = re.compile(r"[a-z]+\.[a-z_]+")

#: Names that must not be logged in clear: the log outlives every right to erasure.
_SENSITIVE = re.compile(
    r"(^|_)(password|secret|token|phone|email|diagnosis|identity_number|bank_account|account_number)(_|$)"
)


def _merge(register: dict[str, str], sentences: Mapping[str, str]) -> Mapping[str, str]:
    for name, sentence in sentences.items():
        if register.setdefault(name, sentence) != sentence:
            raise ValueError(f"two sentences for {name} in the operation log")
    return sentences


def register_acts(sentences: Mapping[str, str]) -> Mapping[str, str]:
    """Register the sentences of one feature's acts.

    Args:
        sentences: ``feature.verb`` → English message id in the past tense.

    Raises:
        ValueError: a malformed code, or two sentences for one.
    """
    for act in sentences:
        if not _ACT.fullmatch(act):
            raise ValueError(f"an act is written feature.verb, not {act}")
    return _merge(ACTS, sentences)


def register_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Register the labels of detail names; see :func:`register_acts`."""
    return _merge(LABELS, labels)


def register_subjects(subjects: Mapping[str, str]) -> Mapping[str, str]:
    """Register the words for kinds of subject; see :func:`register_acts`."""
    return _merge(SUBJECTS, subjects)


def register_words(name: str, words: Mapping[str, str]) -> None:
    """Register what the codes of one detail are called.

    Args:
        name: of the detail, e.g. ``role``.
        words: stored value → English message id.
    """
    WORDS.update({(name, value): word for value, word in words.items()})


register_labels({"reason": N_("Reason"), "count": N_("Count"), "amount_fen": N_("Amount (yuan)")})


@dataclass(frozen=True, slots=True)
class Change:
    """A detail that went from one value to another.

    Attributes:
        old: the value before; None when there was none.
        new: the value after; None when it was taken away.
    """

    old: Any
    new: Any


def stored_value(value: Any) -> Any:
    """Return a detail as JSON can hold it.

    Raises:
        TypeError: a value with no plain form; a float above all.
    """
    if isinstance(value, Change):
        return {"old": stored_value(value.old), "new": stored_value(value.new)}
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return as_utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Month):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        items = [stored_value(item) for item in value]
        return sorted(items) if isinstance(value, set | frozenset) else items
    raise TypeError(f"the operation log cannot hold a {type(value).__name__}")


def stored_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details as JSON, refusing names of sensitive fields in clear.

    A sensitive value is logged as its keyed hash, under a name that ends in ``_hash``.

    Raises:
        ValueError: a sensitive name without ``_hash``.
        TypeError: see :func:`stored_value`.
    """
    for name in details:
        if _SENSITIVE.search(name) and not name.endswith("_hash"):
            raise ValueError(f"{name} is sensitive: log its keyed hash as {name}_hash")
    return {name: stored_value(value) for name, value in details.items()}


def value_text(name: str, value: Any) -> str:
    """Return a stored detail value for people: yuan for ``…_fen``, a list with 、, a dash for none."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, list):
        return "、".join(value_text(name, item) for item in value)
    if name.endswith("_fen") and isinstance(value, int) and not isinstance(value, bool):
        return format_yuan(value)
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if name.endswith("_at") and isinstance(value, str):
        return f"{datetime.fromisoformat(value).astimezone(CHINA):%Y-%m-%d %H:%M}"
    if name.endswith("_hash") and isinstance(value, str):
        return f"#{value[:12]}"
    return str(value)
