"""Posting: drafts to sealed vouchers, beside the bare driver writing the same rows.

The bare side inserts and updates the very rows that posting left behind, in all tables,
with the same indexes and as many commits, and checks nothing: no triggers, no
commitments, no sums.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from benchmarks import Measure
from charity import schema
from charity.config import load_settings
from charity.db import prepare_engine, unit_of_work
from charity.ids import new_id
from charity.ledger import posting
from charity.ledger.books import load_books
from charity.ledger.models import Draft
from charity.ledger.rules import DraftLine, DraftVoucher, complete
from charity.periods import Month
from tests.books import PAPER, Ledger, open_books

#: Vouchers posted for one figure.
COUNT = 3000

_GROWING = ("ledger_voucher_line", "ledger_voucher_attachment", "ledger_voucher", "oplog_entry")
_KEPT = (
    "ledger_balance",
    "ledger_day_total",
    "ledger_cash_flow_total",
    "ledger_fund_month",
    "ledger_fund_guard",
    "ledger_voucher_counter",
)


def _open(folder: Path) -> tuple[str, Session]:
    """Return an empty sealed database and a session on it."""
    settings = load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(folder)})
    with schema.owner_engine(settings) as engine, engine.begin() as connection:
        schema.create_tables(connection, settings)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    return settings.database_url.removeprefix("sqlite:///"), Session(engine)


def _drafts(ledger: Ledger, count: int) -> list[int]:
    """Return signed drafts of gifts, made in bulk."""
    on = date(2026, 3, 5)
    books = load_books(ledger.session, ledger.org_id, on)
    lines = (
        DraftLine("1002", debit_fen=10_000, fund="F2", money_place="B1"),
        DraftLine("410102", credit_fen=10_000, fund="F2"),
    )
    whole = complete(DraftVoucher(on, Month.of(on), "捐款", lines), books)
    rows = [
        {
            "org_id": ledger.org_id,
            "id": new_id(),
            "state": "signed",
            "kind": "normal",
            "colour": "blue",
            "voucher_on": on,
            "month": 202603,
            "summary": "捐款",
            "lines": [line.to_json() for line in whole.lines],
            "attachments": [PAPER],
            "has_money": True,
            "total_fen": 10_000,
            "ref": "",
            "idempotency_key": f"bench-{new_id()}",
            "request_sha256": "0" * 64,
            "incident_reason": "",
            "maker_id": 11,
            "made_at": ledger.at,
            "reviewer_id": 12,
            "reviewed_at": ledger.at,
            "cashier_id": 13,
            "signed_at": ledger.at,
            "returned_reason": "",
            "version": 1,
        }
        for _ in range(count)
    ]
    with unit_of_work(ledger.session) as session:
        session.execute(insert(Draft), rows)
    return [int(row["id"]) for row in rows]


def _ours(folder: Path, chunk: int) -> tuple[float, str]:
    """Return the seconds of posting and the database it left."""
    path, session = _open(folder)
    ledger = open_books(session)
    ledger.open_months("2026-03", "2026-03")
    ids = _drafts(ledger, COUNT)
    began = time.perf_counter()
    for start in range(0, COUNT, chunk):
        with unit_of_work(session) as work:
            posting.post_drafts(
                work, actor=ledger.actor("chief"), draft_ids=ids[start : start + chunk], on=date(2026, 12, 31)
            )
    spent = time.perf_counter() - began
    session.close()
    return spent, path


def _rows(source: sqlite3.Connection, table: str) -> tuple[str, list[tuple[Any, ...]]]:
    """Return the insert statement of a table and its rows in the order they came."""
    columns = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    rows = source.execute(f"SELECT {names} FROM {table} ORDER BY rowid").fetchall()
    return f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", rows


def _bare(folder: Path, source_path: str, chunk: int) -> float:
    """Return the seconds of the bare driver writing the rows of a posted database."""
    path, session = _open(folder)
    session.close()
    source = sqlite3.connect(source_path)
    target = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
        target.execute(f"PRAGMA {pragma}")
    for (name,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        target.execute(f"DROP TRIGGER {name}")
    growing = {table: _rows(source, table) for table in _GROWING}
    kept = {table: _rows(source, table) for table in _KEPT}
    statement, drafts = _rows(source, "ledger_draft")
    target.execute("BEGIN")
    target.executemany(statement, drafts)
    target.execute("COMMIT")
    per_voucher = {t: max(1, len(rows) // COUNT) for t, (_, rows) in growing.items() if t != "oplog_entry"}
    finished = [("posted", row[1]) for row in drafts]
    began = time.perf_counter()
    for start in range(0, COUNT, chunk):
        target.execute("BEGIN IMMEDIATE")
        for table, times in per_voucher.items():
            insert_row, rows = growing[table]
            target.executemany(insert_row, rows[start * times : (start + chunk) * times])
        target.executemany(
            "UPDATE ledger_draft SET state = ?, version = version + 1 WHERE id = ?",
            finished[start : start + chunk],
        )
        for insert_row, rows in kept.values():
            target.executemany(insert_row, rows)
        insert_row, rows = growing["oplog_entry"]
        target.executemany(insert_row, rows[-1:])
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
                ours, path = _ours(Path(first), chunk)
                times.append((ours, _bare(Path(second), path, chunk)))
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
