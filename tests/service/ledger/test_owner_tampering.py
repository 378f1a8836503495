"""What the owner can do past every guard, and how the checks name it.

Each case is one transaction of the owner's: triggers off, a change, the checks, all taken back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.orm import Session

from charity.ledger.checks import run_checks
from tests.service.ledger.forging import ODD_ACCOUNTS, Stage
from tests.service.ledger.test_tampering import drop_triggers

_HEAD = "UPDATE ledger_voucher SET {} WHERE id = :gift"
_LINE = "UPDATE ledger_voucher_line SET {} WHERE voucher_id = :gift AND line_no = 2"

#: Change → (table whose triggers are taken off first, statement, words of a finding).
CHANGES: dict[str, tuple[str, str, str]] = {
    "opened again in March": ("ledger_voucher", _HEAD.format("kind = 'opening'"), "that is not their first"),
    "carried forward with money": (
        "ledger_voucher",
        _HEAD.format("kind = 'closing'"),
        "carries forward more than",
    ),
    "a correction of nothing": ("ledger_voucher", _HEAD.format("kind = 'correction'"), "names nothing"),
    "another word": ("ledger_voucher", _HEAD.format("word = '付'"), "its lines give 记"),
    "an invented rule": (
        "ledger_voucher",
        _HEAD.format("posting_rule_id = 77"),
        "had not approved",
    ),
    "no cashier": ("ledger_voucher", _HEAD.format("cashier_id = NULL"), "without the cashier's signature"),
    "a target on a normal voucher": (
        "ledger_voucher",
        _HEAD.format("corrects_id = (SELECT MIN(id) FROM ledger_voucher WHERE org_id = :org)"),
        "names a voucher and is no correction",
    ),
    "more attachments than there are": (
        "ledger_voucher",
        _HEAD.format("attachment_count = 5"),
        "has 1 attachments in place of 5",
    ),
    "no paper": ("ledger_voucher", _HEAD.format("attachment_count = 0"), "without a source document"),
    "no cash-flow item": (
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET cash_flow_item_id = NULL WHERE voucher_id = :gift",
        "has no cash-flow item",
    ),
    "an unknown project": ("ledger_voucher_line", _LINE.format("project_id = 999"), "names a project that"),
    "an unknown party": ("ledger_voucher_line", _LINE.format("party_id = 999"), "names a party that"),
    "an unknown unit": ("ledger_voucher_line", _LINE.format("place_id = 999"), "names a unit that"),
    "an unknown federation": (
        "ledger_voucher_line",
        _LINE.format("counterparty_org_id = 999"),
        "names a federation that",
    ),
    "a class of no list": ("ledger_voucher_line", _LINE.format("activity_class = 'x'"), "activity class x"),
    "a change of no list": (
        "ledger_voucher_line",
        _LINE.format("net_asset_change = 'x'"),
        "net-asset change x",
    ),
    "a reversal of less": (
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET project_id = (SELECT id FROM ledger_project_tag WHERE org_id = :org)"
        " WHERE line_no = 2 AND voucher_id = (SELECT reverses_id FROM ledger_voucher"
        " WHERE org_id = :org AND reverses_id IS NOT NULL)",
        "more than there was",
    ),
    "a fund closed before": (
        "ledger_fund",
        "UPDATE ledger_fund SET closed_on = '2026-01-31' WHERE code = 'F2'",
        "stands on the fund F2, which was closed",
    ),
    "another kind of fund": (
        "ledger_fund",
        "UPDATE ledger_fund SET kind = 'general' WHERE code = 'F2'",
        "cannot carry fund F2",
    ),
    "another restriction": (
        "ledger_account",
        "UPDATE ledger_account SET restriction = 'any' WHERE code = '410102'",
        "its restriction is any, not yes",
    ),
    "a guard that ends": (
        "ledger_guard_rule",
        "UPDATE ledger_guard_rule SET until_on = '2026-12-31' WHERE guard = 'money'",
        "does not count as declared",
    ),
    "a guard that counts more": (
        "ledger_guard_rule",
        "INSERT INTO ledger_guard_rule (id, guard, fund_kind, account_id, from_on, source)"
        " SELECT 7, 'money', 'restricted', id, from_on, '' FROM ledger_account WHERE code = '1122'",
        "account 1122: is not declared",
    ),
    "no month ends": ("ledger_fund_month", "DELETE FROM ledger_fund_month", "has no row for this month"),
    "somebody else's hold": (
        "ledger_hold",
        "UPDATE ledger_hold SET placed_by = 99",
        "was placed by somebody else",
    ),
    "a smaller hold": (
        "ledger_hold",
        "UPDATE ledger_hold SET amount_fen = 50 WHERE id ="
        " (SELECT hold_id FROM ledger_hold_event WHERE kind = 'settled')",
        "holds 0.50, its voucher moves -1.00",
    ),
    "no unique reversal": (
        "ledger_voucher",
        "DROP INDEX ux_ledger_voucher_reverses",
        "index ux_ledger_voucher_reverses is missing",
    ),
    "an index of another shape": (
        "ledger_voucher",
        "CREATE INDEX ix_ledger_voucher_mine ON ledger_voucher (summary)",
        "index ix_ledger_voucher_mine is not declared",
    ),
}

#: Constraint on the words of a column → dropped, so that PostgreSQL's owner can write what it refuses.
_DROPPED = {
    "a class of no list": "ck_ledger_voucher_line_activity_class",
    "a change of no list": "ck_ledger_voucher_line_net_asset_change",
    "a correction of nothing": "ck_ledger_voucher_correction_names",
    "a target on a normal voucher": "ck_ledger_voucher_only_corrections_name",
}


@contextmanager
def owners(stage: Stage) -> Iterator[Connection]:
    """Give the owner's connection in a transaction that is taken back."""
    stage.session.rollback()
    url = stage.owner_url
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path, isolation_level=None))
    else:
        engine = create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.exec_driver_sql("ROLLBACK") if engine.dialect.name == "sqlite" else connection.rollback()
    engine.dispose()


def told(stage: Stage, connection: Connection, org: str = "CITY") -> Sequence[str]:
    """Return what the checks find but for the missing triggers and the odd accounts of the cases."""
    odd = {f"account {code}" for code, *_ in ODD_ACCOUNTS}
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        found = run_checks(session, stage.ledgers[org].org_id)
    return [f"{f.where}: {f.message}" for f in found if f.check != "triggers" and f.where not in odd]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_owners_is_named(stage: Stage, change: str) -> None:
    table, statement, words = CHANGES[change]
    values = {"gift": stage.vouchers["gift"], "org": stage.ledgers["CITY"].org_id}
    named = {name: value for name, value in values.items() if f":{name}" in statement}
    with owners(stage) as owner:
        drop_triggers(owner, table)
        if change in _DROPPED and owner.dialect.name == "postgresql":
            owner.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {_DROPPED[change]}"))
        owner.execute(text(statement), named)
        found = told(stage, owner)
    assert any(words in line for line in found), found


def test_figures_that_are_no_numbers_are_named_and_break_no_check(stage: Stage) -> None:
    """Only SQLite's owner can store them; PostgreSQL refuses by type whoever asks."""
    if stage.session.get_bind().dialect.name == "postgresql":
        return
    with owners(stage) as owner:
        for table in ("ledger_voucher", "ledger_voucher_line", "ledger_balance", "ledger_fund_guard"):
            drop_triggers(owner, table)
        for statement in (
            "UPDATE ledger_voucher_line SET debit_fen = 0.5 WHERE voucher_id = :gift AND line_no = 1",
            "UPDATE ledger_voucher SET total_fen = '7abc' WHERE id = :gift",
        ):
            owner.execute(text(statement), {"gift": stage.vouchers["gift"]})
        owner.execute(text("UPDATE ledger_balance SET debit_fen = '7abc'"))
        owner.execute(text("UPDATE ledger_fund_guard SET available_fen = 0.5"))
        found = "\n".join(told(stage, owner))
    for words in (
        "line 1: debit_fen is 0.5, no whole number of fen",
        "total_fen is '7abc', no whole number",
        "kept '7abc'",
        "the guard keeps 0.5",
    ):
        assert words in found, found


#: What PostgreSQL's owner can take away or give without touching a row → words of a finding.
SILENT = {
    "ALTER TABLE ledger_fund_guard DROP CONSTRAINT ck_ledger_fund_guard_available": (
        "ledger_fund_guard: check ck_ledger_fund_guard_available is missing"
    ),
    "ALTER TABLE ledger_fund_guard DROP CONSTRAINT ck_ledger_fund_guard_held,"
    " ADD CONSTRAINT ck_ledger_fund_guard_held CHECK (held_fen >= -1)": (
        "ledger_fund_guard: check ck_ledger_fund_guard_held differs from its declaration"
    ),
    "ALTER TABLE ledger_voucher DROP CONSTRAINT ck_ledger_voucher_poster_not_maker": (
        "check ck_ledger_voucher_poster_not_maker is missing"
    ),
    "ALTER TABLE ledger_voucher_line DROP CONSTRAINT fk_ledger_voucher_line_voucher": (
        "key fk_ledger_voucher_line_voucher is missing"
    ),
    "ALTER TABLE ledger_voucher_attachment ALTER COLUMN position DROP NOT NULL": (
        "ledger_voucher_attachment: column position differs"
    ),
    "GRANT UPDATE ON ledger_fund_guard TO PUBLIC": "the role PUBLIC may UPDATE ledger_fund_guard",
    "GRANT UPDATE (available_fen) ON ledger_fund_guard TO PUBLIC": (
        "the role PUBLIC may UPDATE ledger_fund_guard.available_fen"
    ),
}


@pytest.mark.parametrize("stage", [pytest.param("postgresql", marks=[pytest.mark.postgres])], indirect=True)
@pytest.mark.parametrize("statement", SILENT)
def test_what_leaves_no_trace_in_the_rows_is_named(stage: Stage, statement: str) -> None:
    with owners(stage) as owner:
        owner.execute(text(statement))
        found = told(stage, owner)
    assert any(SILENT[statement] in line for line in found), found
