"""What a check of the books finds. Imports the standard library and SQLAlchemy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

#: Findings of one check at the most; the first ones name the place.
LIMIT = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be.

    Attributes:
        check: name of the check.
        where: the row, as people say it.
        message: what differs, in English.
    """

    check: str
    where: str
    message: str


Check = Callable[[Session, int], list[Finding]]
