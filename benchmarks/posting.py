"""Posting: drafts to sealed vouchers, beside the bare driver writing the same rows.

The bare side inserts and updates the very rows that posting left behind, in all tables,
with the same indexes and as many commits, and checks nothing: no triggers, no
commitments, no sums.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from benchmarks import Measure
from benchmarks._bare import GROWING, KEPT
from charity import schema
from charity.config import load_settings
from charity.db import prepare_engine, unit_of_work
from charity.ledger import posting
from tests.books import PAPER, open_books
from tests.support.bulk import signed_gifts

#: Vouchers posted for one figure.
COUNT = 3000


def open_database(folder: Path) -> tuple[str, Session]:
    """Return an empty sealed database and a session on it."""
    settings = load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(folder)})
    with schema.owner_engine(settings) as engine, engine.begin() as connection:
        schema.create_tables(connection, settings)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    return settings.database_url.removeprefix("sqlite:///"), Session(engine)


def _ours(folder: Path, chunk: int) -> tuple[float, str, list[list[int]]]:
    """Return the seconds of posting, the database it left, and the vouchers of each transaction."""
    path, session = open_database(folder)
    ledger = open_books(session)
    ledger.open_months("2026-03", "2026-03")
    ids, batches = signed_gifts(ledger, COUNT, PAPER), []
    began = time.perf_counter()
    for start in range(0, COUNT, chunk):
        with unit_of_work(session) as work:
            posted = posting.post_drafts(
                work, actor=ledger.actor("chief"), draft_ids=ids[start : start + chunk], on=date(2026, 12, 31)
            )
        batches.append([voucher.voucher_id for voucher in posted])
    spent = time.perf_counter() - began
    session.close()
    return spent, path, batches


def _rows(source: sqlite3.Connection, table: str) -> tuple[str, list[str], list[tuple[Any, ...]]]:
    """Return the insert statement of a table, its columns, and its rows in the order they came."""
    columns = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    rows = source.execute(f"SELECT {names} FROM {table} ORDER BY rowid").fetchall()
    return f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", columns, rows


def _by_voucher(source: sqlite3.Connection, table: str, column: str) -> tuple[str, dict[int, list[Any]]]:
    """Return the insert statement of a table and its rows by voucher."""
    statement, columns, rows = _rows(source, table)
    place, found = columns.index(column), dict[int, list[Any]]()
    for row in rows:
        found.setdefault(row[place], []).append(row)
    return statement, found


def bare_seconds(folder: Path, source_path: str, batches: Sequence[Sequence[int]]) -> float:
    """Return the seconds of the bare driver writing the rows that posting left behind.

    Args:
        folder: an empty one.
        source_path: the database that was posted to.
        batches: the ids of the vouchers of each transaction.
    """
    path, session = open_database(folder)
    session.close()
    source = sqlite3.connect(source_path)
    target = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
        target.execute(f"PRAGMA {pragma}")
    for (name,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        target.execute(f"DROP TRIGGER {name}")
    growing = [_by_voucher(source, table, column) for table, column in GROWING.items()]
    kept = [_rows(source, table) for table in KEPT]
    log = _rows(source, "oplog_entry")
    statement, columns, drafts = _rows(source, "ledger_draft")
    target.execute("BEGIN")
    target.executemany(statement, drafts)
    target.execute("COMMIT")
    key, voucher = columns.index("id"), columns.index("voucher_id")
    draft_of = {row[voucher]: row[key] for row in drafts}
    began = time.perf_counter()
    for batch in batches:
        target.execute("BEGIN IMMEDIATE")
        for insert_row, found in growing:
            target.executemany(insert_row, [row for voucher_id in batch for row in found.get(voucher_id, ())])
        target.executemany(
            "UPDATE ledger_draft SET state = 'posted', version = version + 1 WHERE id = ?",
            [(draft_of[voucher_id],) for voucher_id in batch],
        )
        for insert_row, _, rows in kept:
            target.executemany(insert_row, rows)
        target.executemany(log[0], log[2][-1:])
        target.execute("COMMIT")
    spent = time.perf_counter() - began
    target.close()
    source.close()
    return spent


def run() -> list[Measure]:
    """Return vouchers a second at 50 and at 500 a transaction, beside the bare driver's."""
    measures = []
    for chunk in (50, 500):
        times = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
                ours, path, batches = _ours(Path(first), chunk)
                times.append((ours, bare_seconds(Path(second), path, batches)))
        ours, bare = sorted(times)[1]
        measures.append(
            Measure(
                f"posting, SQLite, {chunk} vouchers a transaction",
                COUNT / ours,
                "/s",
                COUNT / bare,
                f"{ours / bare:.1f} times the bare driver; aim {5 if chunk == 50 else 3.5}",
            )
        )
    return measures
