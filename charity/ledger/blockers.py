"""What keeps a month from being closed: the ledger's own reasons, and those of features above.

The ledger knows no gift and no file; a feature registers a function at import that answers
with what of it is not in the books yet. Closing asks all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from charity.errors import Problem
from charity.periods import Month


@dataclass(frozen=True, slots=True)
class Blocker:
    """What keeps a month from being closed, and where its cure is.

    Attributes:
        problem: the sentence.
        cure: endpoint of the page that cures it; empty for none.
        values: arguments of that page.
        label: English message id of the link; empty where the ledger's own pages name it.
    """

    problem: Problem
    cure: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


Source = Callable[[Session, int, Month], Sequence[Blocker]]

_sources: dict[str, Source] = {}


def register_blockers(feature: str, source: Source) -> None:
    """Register what of a feature keeps a month from being closed.

    Args:
        feature: its name; registering it again replaces the function.
        source: gets a session, the org and the month; reads only.
    """
    _sources[feature] = source


def blockers_above(session: Session, org_id: int, month: Month) -> list[Blocker]:
    """Return what the features above hold against closing a month, in the order of their names."""
    return [blocker for _, source in sorted(_sources.items()) for blocker in source(session, org_id, month)]
