"""The bare driver of the peak: the same rows, as many commits, one connection, nothing checked.

It writes what a peak left behind into a copy of the books as they stood before it, without
triggers and foreign keys, through ``sqlite3`` or ``psycopg`` alone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from charity.db import Base
from tests.support.postgres import PostgresServer

#: Table → the column that names the voucher; the headers last.
GROWING = {
    "ledger_voucher_line": "voucher_id",
    "ledger_voucher_attachment": "voucher_id",
    "ledger_voucher": "id",
}
#: Sums that each posting brings up to date.
KEPT = (
    "ledger_balance",
    "ledger_day_total",
    "ledger_cash_flow_total",
    "ledger_fund_month",
    "ledger_fund_guard",
    "ledger_voucher_counter",
    "donations_gift_total",
)
#: Steps from a draft to a signed one, each a commit of its own.
_STEPS = ("submitted", "reviewed", "signed")


@dataclass(frozen=True, slots=True)
class Place:
    """Books of one database, as the app and as a bare driver open them.

    Attributes:
        url: for the app.
        connect: opens a DBAPI connection in which each transaction is begun by hand.
        mark: how the driver writes a parameter.
        begin: how a writing transaction begins.
    """

    url: str
    connect: Callable[[], Any]
    mark: str
    begin: str


def file_place(path: Path) -> Place:
    """Return the place of an SQLite file."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return Place(f"sqlite:///{path}", connect, "?", "BEGIN IMMEDIATE")


def server_place(server: PostgresServer, name: str, url: str) -> Place:
    """Return the place of a database of a server."""

    def connect() -> Any:
        import psycopg

        return psycopg.connect(host=str(server.folder), user="postgres", dbname=name, autocommit=True)

    return Place(url, connect, "%s", "BEGIN")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of staging and of posting what a peak left behind."""

    staging_s: float
    posting_s: float


class _Table:
    """The rows of one table in a driver's own values, and the statement that inserts them."""

    def __init__(self, connection: Any, place: Place, name: str) -> None:
        self.name = name
        table = Base.metadata.tables[name]
        self.columns = [column.name for column in table.columns]
        names = ", ".join(f'"{column}"' for column in self.columns)
        order = ", ".join(f'"{column.name}"' for column in table.primary_key)
        cursor = connection.execute(f"SELECT {names} FROM {name} ORDER BY {order}")
        self.rows = [tuple(map(_plain, row)) for row in cursor.fetchall()]
        marks = ", ".join([place.mark] * len(self.columns))
        self.insert = f"INSERT INTO {name} ({names}) VALUES ({marks})"
        sets = ", ".join(f'"{column}" = excluded."{column}"' for column in self.columns)
        self.upsert = f"{self.insert} ON CONFLICT ({order}) DO UPDATE SET {sets}"

    def leave_out(self, target: Any) -> None:
        """Leave out the rows that stood there before the peak."""
        known = {row[0] for row in target.execute(f"SELECT id FROM {self.name}").fetchall()}
        self.rows = [row for row in self.rows if row[self.column("id")] not in known]

    def column(self, name: str) -> int:
        """Return the place of a column in a row."""
        return self.columns.index(name)

    def by(self, name: str) -> dict[Any, list[tuple[Any, ...]]]:
        """Return the rows by the value of a column."""
        found: dict[Any, list[tuple[Any, ...]]] = {}
        for row in self.rows:
            found.setdefault(row[self.column(name)], []).append(row)
        return found


def _plain(value: Any) -> Any:
    """Return a value as the driver takes it back."""
    if isinstance(value, dict | list):
        from psycopg.types.json import Json

        return Json(value)
    return value


class Bare:
    """Writes again what a peak left behind."""

    def __init__(self, source: Place, target: Place) -> None:
        """Read the rows of the peak.

        Args:
            source: the books after it.
            target: the same books before it, with triggers switched off.
        """
        connection = source.connect()
        self._place, self._target = source, target.connect()
        self._cursor = self._target.cursor()
        self._drafts = _Table(connection, source, "ledger_draft")
        self._jobs = _Table(connection, source, "jobs_job")
        self._growing = [(_Table(connection, source, name), column) for name, column in GROWING.items()]
        self._kept = [_Table(connection, source, name) for name in KEPT]
        self._log = _Table(connection, source, "oplog_entry")
        for table in (self._drafts, self._jobs, self._log, self._growing[-1][0]):
            table.leave_out(self._target)
        self._entries = iter(self._log.rows)
        connection.close()

    def write(self) -> Times:
        """Write it all; return how long each half took."""
        began = time.perf_counter()
        self._stage()
        staged = time.perf_counter()
        self._post()
        ended = time.perf_counter()
        self._target.close()
        return Times(staged - began, ended - staged)

    def _run(self, parts: Sequence[tuple[str, Sequence[tuple[Any, ...]]]], log: int) -> None:
        """Write rows and entries of the log in one transaction."""
        self._cursor.execute(self._place.begin)
        for statement, rows in parts:
            if rows:
                self._cursor.executemany(statement, rows)
        if entries := list(islice(self._entries, log)):
            self._cursor.executemany(self._log.insert, entries)
        self._cursor.execute("COMMIT")

    def _update(self, state: str) -> str:
        mark = self._place.mark
        return (
            f"UPDATE ledger_draft SET state = '{state}', version = version + 1"
            f" WHERE org_id = {mark} AND id = {mark}"
        )

    def _stage(self) -> None:
        """Insert drafts as many at a time as they were made, sign them step by step, write the jobs."""
        table = self._drafts
        key, state = table.column("idempotency_key"), table.column("state")
        org, own = table.column("org_id"), table.column("id")
        staged: dict[str, list[tuple[Any, ...]]] = {}
        for row in sorted(table.rows, key=lambda row: row[own]):
            staged.setdefault(str(row[key]).rpartition("-")[0], []).append(row)
        for part in staged.values():
            fresh = [(*row[:state], "draft", *row[state + 1 :]) for row in part]
            self._run([(table.insert, fresh)], len(part))
            for step in _STEPS:
                self._run([(self._update(step), [(row[org], row[own]) for row in part])], 1)
        for row in self._jobs.rows:
            self._run([(self._jobs.insert, [row])], 2)

    def _batches(self) -> Iterator[list[Any]]:
        """Yield the vouchers of each transaction: they share the instant of posting."""
        table = self._growing[-1][0]
        at, own = table.column("posted_at"), table.column("id")
        rows = sorted(table.rows, key=lambda row: (row[at], row[own]))
        for _at, group in groupby(rows, lambda row: row[at]):
            yield [row[own] for row in group]

    def _post(self) -> None:
        """Insert lines, papers and headers, keep the totals, mark the drafts, write the job's progress."""
        table = self._drafts
        voucher, org, own = table.column("voucher_id"), table.column("org_id"), table.column("id")
        draft_of = {row[voucher]: (row[org], row[own]) for row in table.rows}
        grown = [(rows.insert, rows.by(column)) for rows, column in self._growing]
        progress = self._jobs.rows[-1:]
        for batch in self._batches():
            parts = [
                (insert, [row for key in batch for row in found.get(key, ())]) for insert, found in grown
            ]
            parts += [(kept.upsert, kept.rows) for kept in self._kept]
            parts.append((self._update("posted"), [draft_of[key] for key in batch]))
            parts.append((self._jobs.upsert, progress))
            self._run(parts, 1)
