"""What features above hold against vouchers about to be posted.

The ledger knows lines and not what they stand for. A feature registers a function at
import; posting asks it inside its own transaction, and what it answers is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from charity.errors import Problem
from charity.ledger.rules import DraftVoucher

#: Gets a session, the org and the drafts of one batch in the order of their numbers.
Objection = Callable[[Session, int, Sequence[DraftVoucher]], list[Problem]]

_objections: dict[str, Objection] = {}


def register_objection(feature: str, check: Objection) -> None:
    """Register what a feature checks before vouchers are posted.

    Args:
        feature: its name; registering it again replaces the function.
        check: returns problems with the sentences of the feature; reads only.
    """
    _objections[feature] = check


def objections(session: Session, org_id: int, drafts: Sequence[DraftVoucher]) -> list[Problem]:
    """Return what any feature holds against these drafts, in the order of the features' names."""
    return [problem for _, check in sorted(_objections.items()) for problem in check(session, org_id, drafts)]
