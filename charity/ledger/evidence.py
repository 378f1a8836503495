"""What features above know of a posted voucher: its gift, its case, its place in the proof log.

The ledger itself knows none of them. A feature registers a function at import; the
voucher's page shows what it answers, each with the page that leads on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from charity.db import Actor


@dataclass(frozen=True, slots=True)
class VoucherFacts:
    """A posted voucher as it is told to the features above.

    Attributes:
        voucher_id: inner key.
        month, word, number: its number.
        line_count: re-tags included.
        sources: (kind, id) of the business events behind its lines.
    """

    voucher_id: int
    month: int
    word: str
    number: int
    line_count: int
    sources: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing a feature knows of a voucher.

    Attributes:
        label: English message id, e.g. “Gift” or “Proof log”.
        text: what to show, in the reader's language or a number.
        endpoint: page that leads on; empty for none.
        values: arguments of the endpoint.
        state: ``ok``, ``warn``, ``bad`` or empty.
    """

    label: str
    text: str
    endpoint: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""


Provider = Callable[[Session, Actor, VoucherFacts], Sequence[Evidence]]

_providers: dict[str, Provider] = {}


def register_evidence(feature: str, provider: Provider) -> None:
    """Register what a feature knows of vouchers.

    Args:
        feature: its name; registering it again replaces the function.
        provider: gets a reading session, the reader and the voucher; leaves out what the
            reader may not see.
    """
    _providers[feature] = provider


def evidence_of(session: Session, actor: Actor, facts: VoucherFacts) -> tuple[Evidence, ...]:
    """Return all that is known of a voucher, in the order of the features' names."""
    return tuple(
        found for _, provider in sorted(_providers.items()) for found in provider(session, actor, facts)
    )
