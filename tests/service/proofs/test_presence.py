"""A proof log that is taken away, or begun anew, is found; one that is a minute late is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.ledger.checks import Finding, run_checks
from charity.proofs import file_checks
from charity.proofs.checkpoints import last_checkpoint
from charity.proofs.checks import checks
from charity.proofs.folder import LogFolder
from charity.proofs.models import Checkpoint, ProofLog
from tests.books import Ledger, open_books
from tests.service.proofs.conftest import AT, GIFTS, Run, tamper

#: In the order in which rows name one another.
TABLES = ("proofs_checkpoint", "proofs_oplog_link", "proofs_leaf", "proofs_node", "proofs_log")

Look = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes beside these tests, so nothing is waited for."""
    monkeypatch.setattr(file_checks, "_WAIT_S", 0)


@pytest.fixture
def look(session: Session, settings: Settings) -> Look:
    """Run every check some time after the last posting: ``look(ledger, hours=2)``."""

    def call(ledger: Ledger, *, hours: float = 2) -> list[str]:
        session.rollback()
        now: datetime = ledger.at + timedelta(hours=hours)
        found: list[Finding] = run_checks(session, ledger.org_id, checks(settings.data_dir, now))
        return [f"{finding.check}: {finding.where}: {finding.message}" for finding in found]

    return call


def empty(connection: Connection, *tables: str) -> None:
    """Take all rows of tables away, as only their owner can."""
    for table in tables:
        if connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar_one():
            tamper(connection, table, f"DELETE FROM {table}")


def test_books_whose_sequencer_has_not_run_yet_are_in_order(ledger: Ledger, look: Look) -> None:
    ledger.post(GIFTS)
    assert look(ledger, hours=0.9) == []


def test_an_org_without_vouchers_needs_no_log(session: Session, look: Look) -> None:
    assert look(open_books(session), hours=900) == []


def test_books_without_a_log_an_hour_after_posting_are_named(ledger: Ledger, look: Look) -> None:
    ledger.post(GIFTS)
    assert look(ledger) == [
        "proof log: 2 vouchers: are posted and no proof log holds them: it was taken away, or no worker runs"
    ]


def test_a_voucher_the_sequencer_left_out_is_named(ledger: Ledger, run: Run, look: Look) -> None:
    ledger.post(GIFTS)
    run(ledger)
    assert look(ledger) == []
    ledger.post("2026-02-05 捐款\n  借 1002@B1 1.00 GEN\n  贷 410101 1.00 GEN")
    (told,) = look(ledger)
    assert told.startswith("proof log: 2026-02 记-0001: was posted 2026-12-31 04:00 UTC and is not in")


def test_the_newest_checkpoint_taken_away_is_named(
    log: Ledger, owner_connection: Connection, look: Look
) -> None:
    last = "(SELECT MAX(number) FROM proofs_checkpoint)"
    tamper(owner_connection, "proofs_checkpoint", f"DELETE FROM proofs_checkpoint WHERE number = {last}")
    (told,) = look(log)
    assert told.startswith("published checkpoint: ")
    assert told.endswith("was published, but the books end with checkpoint 1: its row was taken away")


def test_all_checkpoints_taken_away_are_named(log: Ledger, owner_connection: Connection, look: Look) -> None:
    empty(owner_connection, "proofs_checkpoint")
    told = "\n".join(look(log))
    assert "was published, but the books end with checkpoint 0" in told
    assert "and no checkpoint: they were taken away, or nothing was signed" in told


def test_a_log_taken_away_is_named_by_what_it_published(
    log: Ledger, owner_connection: Connection, look: Look
) -> None:
    empty(owner_connection, *TABLES)
    told = "\n".join(look(log))
    assert "a checkpoint was published, but the books hold no proof log: it was taken away" in told
    assert "3 vouchers: are posted and no proof log holds them" in told


def test_a_log_taken_away_with_its_files_and_begun_anew_is_named(
    log: Ledger, owner_connection: Connection, run: Run, look: Look, folder: LogFolder
) -> None:
    empty(owner_connection, *TABLES)
    owner_connection.commit()
    shutil.rmtree(folder.root)
    run(log, at=AT + timedelta(days=2))
    told = look(log, hours=50)
    assert len(told) == 1 and told[0].endswith("it was begun anew"), told


def test_a_checkpoint_published_beside_the_check_is_no_finding(
    log: Ledger, session: Session, look: Look, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read, then a server posts and signs, then the rows are read."""
    real, calls = LogFolder.read_checkpoint, []

    def read_then_publish(folder: LogFolder) -> str | None:
        text = real(folder)
        if not calls:
            calls.append(1)
            session.rollback()
            log.post("2026-02-20 捐款\n  借 1002@B1 1.00 GEN\n  贷 410101 1.00 GEN")
            run(log)
        return text

    before = last_checkpoint(session, log.org_id)
    assert before is not None
    size = before.tree_size
    monkeypatch.setattr(LogFolder, "read_checkpoint", read_then_publish)
    assert look(log, hours=0.5) == []
    session.rollback()
    after = session.scalars(select(Checkpoint).order_by(Checkpoint.number.desc())).first()
    assert after is not None and after.tree_size > size
    assert session.get(ProofLog, log.org_id) is not None
