"""What waits for a person in the office: each feature tells its part, the overview shows it.

``web`` knows no draft and no gift; a feature registers a function at import that answers
with what waits for the person who asks, each with the page where it is dealt with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from charity.db import Actor


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits.

    Attributes:
        label: what it is, in the reader's language.
        url: the page where it is dealt with.
        count: how many; None where a number says nothing.
        detail: one more sentence; may be empty.
        state: ``warn`` or ``bad`` for what is late or wrong, ``info`` for what is only
            told, empty for ordinary work.
    """

    label: str
    url: str
    count: int | None = None
    detail: str = ""
    state: str = ""


Source = Callable[[Session, Actor], Sequence[Waiting]]

_sources: dict[str, tuple[int, Source]] = {}


def register(feature: str, source: Source, order: int = 50) -> None:
    """Register what waits in one feature.

    Args:
        feature: its name; registering it again replaces the function.
        source: gets a reading session and the reader; answers in the order to be shown,
            leaving out what the reader has nothing to do with.
        order: place among the features.
    """
    _sources[feature] = (order, source)


def waiting(session: Session, actor: Actor) -> tuple[Waiting, ...]:
    """Return all that waits for a person, in order of the features."""
    ordered = sorted(_sources.items(), key=lambda pair: (pair[1][0], pair[0]))
    return tuple(row for _, (_, source) in ordered for row in source(session, actor))
