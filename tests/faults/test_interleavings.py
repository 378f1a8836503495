"""Two people at once: one of them is done, the other is told why not, and the books hold.

Each script runs with either act in front, and on PostgreSQL once more with the second between what
the first has judged and what it writes.
"""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.ledger.checks import CHECKS, SHARED, run_checks
from tests.books import Ledger, open_books
from tests.faults.interleaving import interleave
from tests.faults.scripts import SCRIPTS

#: What all orgs share is asked elsewhere.
OWN_CHECKS = [check for check in CHECKS if check not in SHARED]

pytestmark = [pytest.mark.both_databases, pytest.mark.slow]


def _books(session: Session, settings: Settings, code: str) -> Ledger:
    """Return books of an org beside others, with four open months."""
    ledger = open_books(session, code=code, is_default=False)
    ledger.open_months("2026-01", "2026-04")
    ledger.org = settings
    return ledger


@pytest.mark.parametrize("name", SCRIPTS)
def test_two_acts_at_once(name: str, session: Session, settings: Settings, dialect: str) -> None:
    script = SCRIPTS[name]
    expected = script.postgresql if dialect == "postgresql" else script.sqlite
    for order, wanted in zip(("first", "second", "race"), expected, strict=False):
        ledger = _books(session, settings, f"O-{order}")
        acts = script.begin(ledger)
        session.rollback()
        acts = acts[::-1] if order == "second" else acts
        answers = interleave(settings.database_url, *acts, "write" if order == "race" else "commit")
        assert (order, answers[::-1] if order == "second" else answers) == (order, wanted)
        session.rollback()
        assert run_checks(session, ledger.org_id, OWN_CHECKS) == []
