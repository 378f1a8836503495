"""Books with a proof log, and what the tests do with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Protocol

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.ledger import closing
from charity.ledger.checks import Finding, run_checks
from charity.periods import Month
from charity.proofs.checks import checks
from charity.proofs.folder import LogFolder
from charity.proofs.models import LogLeaf
from charity.proofs.sequencer import Sequenced, SessionRunner, sequence
from tests.books import Ledger, open_books

AT = datetime(2026, 12, 31, 5, 0, tzinfo=UTC)

GIFTS = """
2026-01-05 普通捐款
  借 1002@B1   50,000.00  GEN
  贷 410101    50,000.00  GEN

2026-01-08 医疗定向捐款
  借 1002@B1  100,000.00  F2
  贷 410102   100,000.00  F2
"""

AID = """
2026-02-15 医疗救助
  借 510102    70,000.00  F2
  贷 1002@B1   70,000.00  F2
"""


class Run(Protocol):
    """Runs the sequencer over a ledger."""

    def __call__(self, ledger: Ledger, **values: Any) -> Sequenced:
        """Return what the run did."""


@pytest.fixture
def ledger(session: Session) -> Ledger:
    """An org's books with the first months of 2026 open."""
    opened = open_books(session)
    opened.open_months("2026-01", "2026-03")
    return opened


@pytest.fixture
def run(session: Session, settings: Settings) -> Run:
    """Run the sequencer: ``run(ledger)``, ``run(ledger, limit=1)``."""

    def call(ledger: Ledger, **values: Any) -> Sequenced:
        known = {"org_id": ledger.org_id, "at": AT, "settings": settings} | values
        return sequence(SessionRunner(session), **known)

    return call


@pytest.fixture
def log(ledger: Ledger, run: Run) -> Ledger:
    """Books with four lines in a signed log, then January closed and two lines more."""
    ledger.post(GIFTS)
    run(ledger)
    ledger.post(AID)
    close(ledger, "2026-01")
    run(ledger)
    return ledger


@pytest.fixture
def findings(session: Session, settings: Settings) -> Callable[[Ledger], list[Finding]]:
    """Run every check of the proof log."""

    def call(ledger: Ledger) -> list[Finding]:
        session.rollback()
        return run_checks(session, ledger.org_id, checks(settings.data_dir))

    return call


@pytest.fixture
def folder(settings: Settings) -> LogFolder:
    """The published files of the ledger's log."""
    return LogFolder.of(settings.data_dir, "city")


def close(ledger: Ledger, month: str, on: date = date(2027, 2, 15)) -> None:
    """Close a month that is over."""
    ledger.act(closing.close_month, "chief", month=Month.parse(month), on=on)


def leaves(session: Session, ledger: Ledger) -> list[tuple[Any, ...]]:
    """Return position, kind, month, word, number and line of every leaf, in order."""
    session.rollback()
    rows = session.execute(
        select(LogLeaf.position, LogLeaf.kind, LogLeaf.month, LogLeaf.word, LogLeaf.number, LogLeaf.line_no)
        .where(LogLeaf.org_id == ledger.org_id)
        .order_by(LogLeaf.position)
    )
    return [tuple(row) for row in rows]


def tamper(connection: Connection, table: str, statement: str, **values: Any) -> None:
    """Change a sealed table as its owner could: switch the triggers off, then write."""
    if connection.dialect.name == "sqlite":
        names = connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"),
            {"table": table},
        )
        for (name,) in names.all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
    else:
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    done = connection.execute(text(statement), values)
    assert done.rowcount > 0, "the tampering hit no row"
