"""Every check of every feature: what ``flask check`` runs, and a restore is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from charity import schema
from charity.db import begin_snapshot
from charity.disclosure import checks as public_checks
from charity.donations import checks as gift_checks
from charity.ledger import checks as ledger_checks
from charity.ledger import opening_checks
from charity.ledger.checks import Check, Finding
from charity.proofs import checks as proof_checks
from charity.receipts import checks as receipt_checks


def all_checks(data_dir: Path, now: datetime | None = None) -> list[Check]:
    """Return the checks of every feature, the ledger's first.

    Args:
        data_dir: the data folder.
        now: the present instant; None: that of the newest posting stands for it.
    """
    return [
        *ledger_checks.CHECKS,
        *opening_checks.CHECKS,
        ledger_checks.attachment_check(data_dir),
        *proof_checks.checks(data_dir, now),
        *gift_checks.CHECKS,
        *receipt_checks.checks(data_dir),
        *public_checks.CHECKS,
    ]


def find_all(
    session: Session, orgs: Sequence[tuple[int, str]], data_dir: Path, now: datetime | None = None
) -> list[tuple[str, Finding]]:
    """Return everything that is not as it must be, with the code of its org; ``*`` for all orgs.

    Args:
        session: reads the books.
        orgs: (id, code) of the orgs to check.
        data_dir: the data folder that belongs to them.
        now: the present instant; None: that of the newest posting stands for it.
    """
    faults = schema.faults(session.connection().engine)
    found = [("*", Finding("triggers", "database", fault)) for fault in faults]
    found += [("*", finding) for check in ledger_checks.SHARED for finding in check(session, 0)]
    for org_id, code in orgs:
        for check in all_checks(data_dir, now):
            if check not in (ledger_checks.check_triggers, *ledger_checks.SHARED):
                begin_snapshot(session)
                found += [(code, finding) for finding in check(session, org_id)]
    return found
