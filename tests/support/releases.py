"""Databases as released versions left them: their schema, their guards, and books inside.

The books are posted by today's code and carried over row by row, as far as the release
had the columns; its own guards, kept at its release, are then put in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from alembic import command
from sqlalchemy import Engine, column, insert, inspect, select
from sqlalchemy import table as light_table
from sqlalchemy.engine import Connection

from charity import grants, schema, triggers
from charity.config import Settings
from charity.db import Base, unit_of_work
from charity.ids import new_id
from charity.ledger import posting
from charity.ledger.books import load_books
from charity.ledger.completion_rules import complete
from charity.ledger.models import Draft
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.periods import Month
from charity.upkeep.revisions import released_triggers
from tests.books import Ledger

#: Vouchers posted in one transaction, and rows carried over at once.
_AT_ONCE = 500


def post_many(ledger: Ledger, count: int, paper: str, on: date = date(2026, 3, 5)) -> None:
    """Post many small gifts through the ledger's own posting, many in a transaction.

    Args:
        ledger: with the month open.
        count: of vouchers.
        paper: SHA-256 of a source document in the store.
        on: their date.
    """
    books = load_books(ledger.session, ledger.org_id, on)
    lines = (
        DraftLine("1002", debit_fen=10_000, fund="F2", money_place="B1"),
        DraftLine("410102", credit_fen=10_000, fund="F2"),
    )
    whole = complete(DraftVoucher(on, Month.of(on), "捐款", lines), books)
    signed: dict[str, Any] = {
        "org_id": ledger.org_id,
        "state": "signed",
        "kind": "normal",
        "colour": "blue",
        "voucher_on": on,
        "month": int(f"{on:%Y%m}"),
        "summary": "捐款",
        "lines": [line.to_json() for line in whole.lines],
        "attachments": [paper],
        "has_money": True,
        "total_fen": 10_000,
        "ref": "",
        "request_sha256": "0" * 64,
        "incident_reason": "",
        "maker_id": 11,
        "makers": [11],
        "made_at": ledger.at,
        "reviewer_id": 12,
        "reviewed_at": ledger.at,
        "cashier_id": 13,
        "signed_at": ledger.at,
        "returned_reason": "",
        "version": 1,
    }
    for start in range(0, count, _AT_ONCE):
        ids = [new_id() for _ in range(min(_AT_ONCE, count - start))]
        with unit_of_work(ledger.session) as session:
            session.execute(
                insert(Draft), [{**signed, "id": key, "idempotency_key": f"k{key}"} for key in ids]
            )
        with unit_of_work(ledger.session) as session:
            posting.post_drafts(session, actor=ledger.actor("chief"), draft_ids=ids, on=date(2026, 12, 31))


def make_release(settings: Settings, revision: str, source: Engine) -> None:
    """Make an empty database one of a released revision that holds the rows of another.

    Args:
        settings: with the owner's address of the empty database.
        revision: the release.
        source: a database of today's schema.
    """
    config = schema.migration_config(settings)
    config.attributes["is_draft"] = True  # today's guards may stand on tables it does not have
    command.upgrade(config, revision)
    schema.load_tables()
    with schema.owner_engine(settings) as engine:
        with engine.begin() as target, source.connect() as rows:
            _carry_over(rows, target)
        with engine.begin() as target:
            triggers.install(target, released_triggers(revision))
            grants.install(target, settings)


def _carry_over(rows: Connection, target: Connection) -> None:
    """Insert every row of one database into another, in the columns both have."""
    present = inspect(target)
    for table in Base.metadata.sorted_tables:
        if not present.has_table(table.name):
            continue
        names = {found["name"] for found in present.get_columns(table.name)}
        columns = [known for known in table.columns if known.name in names]
        # The release knows neither the columns that came later nor their defaults.
        released = light_table(table.name, *(column(known.name, known.type) for known in columns))
        query = select(*columns).order_by(*table.primary_key.columns)
        for chunk in rows.execution_options(yield_per=_AT_ONCE).execute(query).partitions():
            values: Sequence[dict[str, Any]] = [
                {known.name: value for known, value in zip(columns, row, strict=True)} for row in chunk
            ]
            target.execute(insert(released), values)
