"""Every state machine is walked whole: each state of each table stands in the test that walks it.

A table with states is found by its constraint, so that a new one asks for its walk. What has
states without a column for them (a month, a hold, a session) stands beside.
"""

from __future__ import annotations

import ast
import re

import pytest
from sqlalchemy import CheckConstraint, Table

from charity.db import Base
from charity.ledger import states
from tests.support import source

#: Table → the test that tries every act in every state of it.
WALKS = {
    "donations_donation": "service/receipts/test_receipt_life.py",
    "donations_pledge": "service/donations/test_donor_lives.py",
    "imports_file": "service/imports/test_file_life.py",
    "imports_row": "service/imports/test_file_life.py",
    "jobs_job": "service/jobs/test_job_life.py",
    "ledger_draft": "service/ledger/test_draft_life.py",
    "ledger_opening": "service/ledger/test_small_lives.py",
    "messages_message": "service/messages/test_message_life.py",
    "privacy_request": "service/privacy/test_request_life.py",
    "receipts_invoice": "service/receipts/test_receipt_life.py",
    "receipts_receipt": "service/receipts/test_receipt_life.py",
    "upkeep_backup": "service/upkeep/test_backup.py",
    "users_factor_reset": "service/users/test_door_lives.py",
}
#: What has states in other columns → its walk, and the states as they are called there.
BESIDE = {
    "ledger_period": ("service/ledger/test_month_life.py", {"none", "open", "audited", "carried", "closed"}),
    "ledger_hold_event": ("service/ledger/test_small_lives.py", {"placed", "settled", "released"}),
    "ledger_incident": ("service/ledger/test_small_lives.py", {"short", "made good", "covered"}),
    "ledger_posting_rule": ("service/ledger/test_small_lives.py", {"written", "half approved", "in force"}),
    "ledger_owed_ticket": ("service/ledger/test_small_lives.py", {"owed", "issued"}),
    "donations_donation": (
        "service/donations/test_gift_life.py",
        {"waiting", "drafted", "undrafted", "posted", "reversed", "unidentified", "claim drafted", "claimed"},
    ),
    "donations_merge": ("service/donations/test_donor_lives.py", {"two", "merged", "parted"}),
    "retention_hold": ("service/retention/test_retention.py", {"placed", "released"}),
    "users_membership": ("service/users/test_door_lives.py", {"elsewhere", "here", "ended"}),
    "users_session": ("service/users/test_door_lives.py", {"half", "whole", "idle", "ended"}),
}


def tables() -> dict[str, set[str]]:
    """Return table → its states, from the constraint on a column whose name ends in ``state``."""
    source.import_everything()
    found = {table.name: listed(table) for table in Base.metadata.tables.values()}
    found["ledger_draft"] = set(states.STATES)
    return {name: words for name, words in found.items() if words}


def listed(table: Table) -> set[str]:
    """Return the words a table's column of states may hold."""
    words: set[str] = set()
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            match = re.fullmatch(r"\w*state IN \(([^()]*)\)", str(constraint.sqltext))
            words |= set(re.findall(r"'(\w+)'", match[1])) if match else set()
    return words


def named_in(path: str) -> set[str]:
    """Return every text in quotes of a test, and the words of it."""
    nodes = ast.walk(source.tree(source.ROOT / "tests" / path))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts | {word for text in texts for word in text.split()}


def test_every_table_of_states_has_its_walk() -> None:
    assert set(tables()) == set(WALKS)


@pytest.mark.parametrize("table", WALKS)
def test_a_walk_names_every_state_of_its_table(table: str) -> None:
    assert tables()[table] - named_in(WALKS[table]) == set()


@pytest.mark.parametrize("table", BESIDE)
def test_a_walk_names_every_state_that_has_no_column(table: str) -> None:
    path, words = BESIDE[table]
    assert table in Base.metadata.tables, "the table is not there any more"
    assert words - named_in(path) == set()
