"""Two people at once: one of them is done, the other is told why not, and the books hold.

Each script runs with either act in front, and on PostgreSQL once more with the second between what
the first has judged and what it writes.
"""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.ledger.checks import SHARED, CHECKS, run_checks
from tests.books import Ledger, open_books
from tests.faults.interleaving import interleave
from tests.faults.scripts import SCRIPTS

pytestmark = [pytest.mark.both_databases, pytest.mark.slow]


def _books(session: Session, settings: Settings, code: str) -> Ledger:
    """Return books of an org beside others, with four open months."""
    ledger = open_books(session, code=code, is_default=False)
    ledger.open_months("2026-01", "2026-04")
    ledger.org = settings
    return ledger


@pytest.mark.parametrize("name", SCRIPTS)
def test_two_acts_at_once(name: str, session: Session, settings: Settings, dialect: str) -> None:
    script, found = SCRIPTS[name], {}
    for order in ("first", "second", "race")[: 3 if dialect == "postgresql" else 2]:
        ledger = _books(session, settings, f"O-{order}")
        acts = script.begin(ledger)
        session.rollback()
        acts = acts[::-1] if order == "second" else acts
        answers = interleave(settings.database_url, *acts, "write" if order == "race" else "commit")
        found[order] = answers[::-1] if order == "second" else answers
        session.rollback()
        assert run_checks(session, ledger.org_id, [c for c in CHECKS if c not in SHARED]) == []
    import pathlib

    q = pathlib.Path("/tmp/fx/answers")
    q.write_text((q.read_text() if q.exists() else "") + f"{dialect} {name}: {found}\n")
