"""Upgrading the first release with 10,000 vouchers, and backing it up and restoring it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import create_engine

from benchmarks import Measure
from benchmarks.posting import open_database
from charity.config import load_settings, system_clock
from charity.db import prepare_engine, unit_of_work
from charity.ledger.attachments import store_attachment
from charity.proofs.sequencer import SessionRunner, sequence
from charity.upkeep import upgrading
from charity.upkeep.backups import make_backup
from charity.upkeep.restoring import restore_backup
from tests.books import open_books
from tests.support.bulk import post_many
from tests.support.databases import KEYS
from tests.support.releases import make_release

T = TypeVar("T")
COUNT = 10_000
RELEASE = "0001"


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what a work returned, and its seconds."""
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def _fill(folder: Path) -> float:
    """Post the vouchers and sign the log in a folder; return the seconds of posting."""
    settings = load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(folder), **KEYS})
    _, session = open_database(folder)
    ledger = open_books(session)
    ledger.open_months("2026-01", "2026-03")
    with unit_of_work(session) as work:
        paper = store_attachment(
            work,
            actor=ledger.actor("maker"),
            data=b"a paper",
            name="paper.txt",
            media_type="text/plain",
            data_dir=folder,
        )
    _, posted_s = _timed(lambda: post_many(ledger, COUNT, paper))
    sequence(SessionRunner(session), org_id=ledger.org_id, at=ledger.at, settings=settings)
    session.close()
    return posted_s


def run() -> list[Measure]:
    """Return the seconds of each step."""
    with tempfile.TemporaryDirectory() as base:
        full, old = Path(base, "full"), Path(base, "old")
        for folder in (full, old):
            folder.mkdir()
        posted_s = _fill(full)
        for name in ("attachments", "proofs"):
            (full / name).rename(old / name)
        settings = load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(old), **KEYS})
        source = create_engine(f"sqlite:///{full / 'charity.db'}")
        prepare_engine(source)
        make_release(settings, RELEASE, source)
        engine, at = create_engine(settings.database_url), system_clock()
        prepare_engine(engine)
        made, backup_s = _timed(lambda: make_backup(engine, settings, at=at, folder=Path(base, "backups")))
        engine.dispose()
        _, upgrade_s = _timed(lambda: upgrading.upgrade(settings, at=at, archive=made.path))
        restored, restore_s = _timed(
            lambda: restore_backup(made.path, settings, target=Path(base, "new"), at=at, is_verified=True)
        )
    size = f"{made.size / 2**20:.0f} MB"
    found = [line for line in restored.findings if "paper.pdf aaaaaaaaaaaa" not in line]
    return [
        Measure(f"posting {COUNT:,} vouchers", posted_s, "s"),
        Measure(f"backup of {RELEASE} with {COUNT:,} vouchers", backup_s, "s", remark=size),
        Measure(f"upgrade of {RELEASE}, pre-check included", upgrade_s, "s"),
        Measure("restore, upgrade and verify elsewhere", restore_s, "s", remark=f"{len(found)} findings"),
    ]
