"""Public pages: a cached one beside a static file, and the lists at 10,000 and 1,000,000 gifts.

The gifts are written straight into the tables, with the triggers dropped for the filling
only: what is measured is reading, and posting a million gifts would take the evening.
"""

from __future__ import annotations

import itertools
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from flask.testing import FlaskClient
from sqlalchemy import Boolean, Integer, LargeBinary, String, Table, create_engine
from sqlalchemy.orm import Session

from benchmarks import Measure
from charity import create_app, schema
from charity.config import load_settings, resource_dir
from charity.db import Base, db, prepare_engine
from tests.books import open_books
from tests.support.databases import KEYS

FEW, MANY = 10_000, 1_000_000
#: Gifts in one voucher, as a channel's day would be booked.
PER_VOUCHER = 50
#: Pages read for one figure of a list; answers asked of the server for one figure.
PAGES, ANSWERS = 25, 600

ADDRESSES = (
    "/",
    "/disclosure/donations?month=2026-03&fund=F1",
    "/disclosure/donations?on=2026-03-15",
    "/disclosure/donations?number=G5000",
)


def _environ(folder: Path) -> dict[str, str]:
    """Return the environment of an app whose data lie in a folder."""
    return {"CHARITY_ENV": "test", "CHARITY_DATA": str(folder), **KEYS}


def _insert(table: str, source: str, **values: str) -> str:
    """Return SQL that writes a row for each of a source; what is not given is empty.

    Args:
        source: what follows FROM; ``n.i`` counts from 1.
        values: column → SQL.
    """
    made: Table = Base.metadata.tables[table]
    parts = []
    for column in made.columns:
        if column.name in values:
            parts.append(values[column.name])
        elif column.nullable:
            parts.append("NULL")
        elif isinstance(column.type, LargeBinary):
            parts.append("x''")
        elif isinstance(column.type, Integer | Boolean):
            parts.append("0")
        else:
            parts.append("''" if isinstance(column.type, String) else "0")
    names = ", ".join(f'"{column.name}"' for column in made.columns)
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(parts)} FROM {source}"


def _count_to(count: int) -> str:
    return (
        f"(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {count})"
        " SELECT i FROM c) AS n"
    )


@dataclass(frozen=True)
class _Shape:
    """What the rows of the filling name: ids of one org's books, and how gifts lie in time."""

    org: int
    funds: tuple[int, ...]
    earmarks: tuple[int, ...]
    place: int
    income: int
    cash: int
    vouchers: int

    #: Which voucher the gift ``n.i`` stands in, and on which line.
    GIFT_VOUCHER: ClassVar[str] = f"((n.i - 1) / {PER_VOUCHER} + 1)"
    GIFT_LINE: ClassVar[str] = f"((n.i - 1) % {PER_VOUCHER} + 1)"
    FEN: ClassVar[str] = "n.i % 9000 + 100"

    def day(self, voucher: str) -> str:
        """Return the day of a voucher: two years from April 2024 on, evenly."""
        return f"date('2024-04-01', '+' || (({voucher}) * 730 / {self.vouchers + 1}) || ' days')"

    def month(self, voucher: str) -> str:
        return f"CAST(strftime('%Y%m', {self.day(voucher)}) AS INTEGER)"

    def purse(self) -> dict[str, str]:
        """Return org, fund and earmark of the gift ``n.i``: each fund gets a third."""
        third = "CASE n.i % 3 WHEN 0 THEN {} WHEN 1 THEN {} ELSE {} END"
        return {
            "org_id": str(self.org),
            "fund_id": third.format(*self.funds),
            "earmark_id": third.format(*self.earmarks),
        }


def _shape(target: sqlite3.Connection, org: int, count: int) -> _Shape:
    """Return the ids that the filling needs."""

    def one(sql: str) -> int:
        return int(target.execute(sql).fetchone()[0])

    def three(table: str) -> tuple[int, ...]:
        return tuple(one(f"SELECT id FROM {table} WHERE org_id = {org} AND code = 'F{k}'") for k in (1, 2, 3))

    return _Shape(
        org=org,
        funds=three("ledger_fund"),
        earmarks=three("ledger_earmark"),
        place=one(f"SELECT id FROM ledger_money_place WHERE org_id = {org} AND code = 'B1'"),
        income=one("SELECT id FROM ledger_account WHERE code = '410102'"),
        cash=one("SELECT id FROM ledger_account WHERE code = '1002'"),
        vouchers=count // PER_VOUCHER,
    )


def _gifts(shape: _Shape, count: int) -> Iterator[str]:
    """Yield the SQL that writes donors, gifts and their parts."""
    yield _insert(
        "donations_donor",
        _count_to(1000),
        org_id=str(shape.org),
        id="n.i",
        kind="'person'",
        name="'捐赠人' || n.i",
        public_no="'P' || n.i",
        created_at="'2024-04-01'",
        made_at="'2024-04-01'",
    )
    yield _insert(
        "donations_donation",
        _count_to(count),
        org_id=str(shape.org),
        id="n.i",
        public_no="'G' || n.i",
        event_key="'E' || n.i",
        donor_id="n.i % 1000 + 1",
        amount_fen=shape.FEN,
        channel="'wechat'",
        money_place_id=str(shape.place),
        received_on=shape.day(shape.GIFT_VOUCHER),
        nature="'gift'",
        is_allocated="1",
        publish_as="'name'",
        shows_amount="1",
        receipt_state="'none'",
        draft_id=shape.GIFT_VOUCHER,
        source_id="n.i / 1000",
    )
    yield _insert(
        "donations_allocation",
        _count_to(count),
        **shape.purse(),
        donation_id="n.i",
        position="1",
        amount_fen=shape.FEN,
    )


def _vouchers(shape: _Shape, count: int) -> Iterator[str]:
    """Yield the SQL that writes vouchers, a line for each gift, and one of cash."""
    yield _insert(
        "ledger_voucher",
        _count_to(shape.vouchers),
        org_id=str(shape.org),
        id="n.i",
        month=shape.month("n.i"),
        word="'记'",
        number="n.i",
        voucher_on=shape.day("n.i"),
        kind="'normal'",
        colour="'blue'",
        summary="'捐款'",
        line_count=str(PER_VOUCHER + 1),
        idempotency_key="'K' || n.i",
        made_at="'2024-04-01'",
        posted_at="'2024-04-01'",
    )
    sealed = {"summary": "'捐款'", "salt": "zeroblob(32)", "commitments": "zeroblob(800)"}
    yield _insert(
        "ledger_voucher_line",
        _count_to(count),
        **shape.purse(),
        **sealed,
        voucher_id=shape.GIFT_VOUCHER,
        line_no=shape.GIFT_LINE,
        voucher_on=shape.day(shape.GIFT_VOUCHER),
        month=shape.month(shape.GIFT_VOUCHER),
        account_id=str(shape.income),
        credit_fen=shape.FEN,
        source_kind="'gift'",
        source_id="n.i",
        source_step="1",
    )
    yield _insert(
        "ledger_voucher_line",
        "(SELECT voucher_id AS i, SUM(credit_fen) AS fen FROM ledger_voucher_line"
        f" WHERE org_id = {shape.org} GROUP BY voucher_id) AS n",
        **shape.purse(),
        **sealed,
        voucher_id="n.i",
        line_no=str(PER_VOUCHER + 1),
        voucher_on=shape.day("n.i"),
        month=shape.month("n.i"),
        account_id=str(shape.cash),
        debit_fen="n.fen",
        money_place_id=str(shape.place),
    )


def _totals(shape: _Shape) -> Iterator[str]:
    """Yield the SQL that sums up what triggers would have kept."""
    key = "org_id, account_id, fund_id, earmark_id, month"
    yield f"""INSERT INTO ledger_balance ({key}, entry_class, debit_fen, credit_fen, line_count)
        SELECT {key}, 'normal', SUM(debit_fen), SUM(credit_fen), COUNT(*)
        FROM ledger_voucher_line WHERE org_id = {shape.org} GROUP BY {key}"""
    yield f"""INSERT INTO donations_gift_total
          (org_id, month, fund_id, channel, shows_amount, amount_fen, line_count)
        SELECT org_id, month, fund_id, 'wechat', 1, SUM(credit_fen), COUNT(*) FROM ledger_voucher_line
        WHERE org_id = {shape.org} AND source_kind = 'gift' GROUP BY org_id, month, fund_id"""
    yield f"""UPDATE ledger_voucher_counter SET last_no = COALESCE((SELECT MAX(v.number) FROM ledger_voucher v
        WHERE v.org_id = {shape.org} AND v.month = ledger_voucher_counter.month), 0)"""
    yield f"""INSERT INTO ledger_fund_guard (org_id, fund_id, earmark_id, available_fen, held_fen)
        SELECT org_id, fund_id, earmark_id, SUM(debit_fen), 0 FROM ledger_balance
        WHERE org_id = {shape.org} AND account_id = {shape.cash} GROUP BY org_id, fund_id, earmark_id"""


def _fill(path: str, org: int, count: int) -> None:
    """Write gifts of two years with their vouchers and totals."""
    target = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "cache_size=-200000", "ignore_check_constraints=ON"):
        target.execute(f"PRAGMA {pragma}")
    kept = target.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    target.execute("BEGIN")
    for name, _ in kept:
        target.execute(f"DROP TRIGGER {name}")
    shape = _shape(target, org, count)
    for statement in (*_gifts(shape, count), *_vouchers(shape, count), *_totals(shape)):
        target.execute(statement)
    for _, sql in kept:
        target.execute(sql)
    target.execute("COMMIT")
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    target.close()


def prepare(folder: Path, count: int) -> dict[str, str]:
    """Make a database with so many gifts in a folder; return the environment of its app."""
    environ = _environ(folder)
    settings = load_settings(environ)
    schema.upgrade(settings)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        ledger = open_books(session)
        ledger.open_months("2026-01", "2026-03")
    engine.dispose()
    _fill(settings.database_url.removeprefix("sqlite:///"), ledger.org_id, count)
    return environ


@contextmanager
def _client(count: int) -> Iterator[FlaskClient]:
    """Give a reader of an app with so many gifts."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            load_settings(prepare(Path(folder), count)), clock=lambda: datetime(2026, 3, 31, 4, tzinfo=UTC)
        )
        yield app.test_client()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _read(client: FlaskClient, address: str, turn: int) -> None:
    """Read a page; its key holds the whole query string, so that each turn is a new page."""
    response = client.get(f"{address}{'&' if '?' in address else '?'}turn={turn}")
    has_rows = "?" not in address or "捐赠人".encode() in response.data
    if response.status_code != 200 or not has_rows:
        raise AssertionError(f"{address}: {response.status_code}")


def _lists() -> dict[str, list[float]]:
    """Return the median seconds of each page with few gifts and with many, never from the cache."""
    turns = itertools.count()
    with _client(FEW) as few, _client(MANY) as many:
        return {
            address: _in_turns(
                lambda address=address: _read(few, address, next(turns)),  # type: ignore[misc]
                lambda address=address: _read(many, address, next(turns)),  # type: ignore[misc]
                each=1,
                rounds=PAGES,
            )
            for address in ADDRESSES
        }


@contextmanager
def _served(folder: Path, environ: dict[str, str]) -> Iterator[int]:
    """Give the port of granian serving the app, and a folder of files beside it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    where = ("--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    files = ("--static-path-route", "/bare", "--static-path-mount", str(folder))
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--log-level", "error"]
    root = resource_dir("templates").parent
    with subprocess.Popen(
        [*command, *where, *files, "wsgi:app"], cwd=root, env={**os.environ, **environ}
    ) as server:
        try:
            while server.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            else:
                raise RuntimeError("granian did not start")
            yield port
        finally:
            server.terminate()
            server.wait()


class _Reader:
    """Asks for one address again and again over one connection, with no work of its own."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()

    def __call__(self) -> bytes:
        """Return the body of one answer, which must be a good one."""
        self._connection.sendall(self._request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(head[:200])
        _, has_length, rest = head.lower().partition(b"content-length:")
        if not has_length:  # granian sends its files in chunks; only their end matters here
            while not body.endswith(b"0\r\n\r\n"):
                body += self._receive()
            return body
        while len(body) < int(rest.partition(b"\r\n")[0]):
            body += self._receive()
        return body

    def _receive(self) -> bytes:
        part = self._connection.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part

    def close(self) -> None:
        self._connection.close()


def _in_turns(*works: Callable[[], object], each: int, rounds: int) -> list[float]:
    """Return the median seconds of one call of each, taken in turns, after one that does not count."""
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    for _ in range(rounds):
        for work, into in zip(works, times, strict=True):
            began = time.perf_counter()
            for _ in range(each):
                work()
            into.append((time.perf_counter() - began) / each)
    return [statistics.median(found) for found in times]


def _cached() -> Measure:
    """Return the answers a second of a cached page, beside a file of the same bytes."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as files:
        environ = prepare(Path(folder), FEW)
        with _served(Path(files), environ) as port:
            page = _Reader(port, "/")
            body = page()
            (Path(files) / "page.html").write_bytes(body)
            file = _Reader(port, "/bare/page.html")
            page_s, file_s = _in_turns(page, file, each=ANSWERS // 10, rounds=10)
            page.close()
            file.close()
    share = round(100 * file_s / page_s)
    remark = f"{len(body)} bytes, one connection; {share} % of the file's rate; aim 70 %"
    return Measure("front page from the cache, granian", 1 / page_s, "/s", 1 / file_s, remark)


def run() -> list[Measure]:
    """Return the cached page's rate, then each list at a million gifts beside ten thousand."""
    lists = _lists()
    return [
        _cached(),
        *(
            Measure(
                f"{address} at {MANY:,} gifts, not cached",
                1000 * many,
                "ms",
                1000 * few,
                f"{many / few:.2f} times {FEW:,} gifts; aim 1.5",
            )
            for address, (few, many) in lists.items()
        ),
    ]
