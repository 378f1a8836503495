"""The database's guards of what posted lines name: kinds, codes and approved rules stay.

A fund that turned from restricted to general, or an account from expense to asset, would
change what every posted line on it means. Names, texts and dates may change; what a code
is may not. Imports the ground floor and the text of triggers only.
"""

from __future__ import annotations

from collections.abc import Sequence

from charity.ledger.trigger_texts import table_trigger
from charity.triggers import Trigger


def _changed(columns: Sequence[str]) -> str:
    """Return SQL that says whether one of these columns is given another value, on both databases."""
    return " OR ".join(
        f"NEW.{name} <> OLD.{name} OR (NEW.{name} IS NULL) <> (OLD.{name} IS NULL)" for name in columns
    )


def _fixed(table: str, columns: Sequence[str], when: str = "") -> list[Trigger]:
    """Return the guards of a table whose rows stay and whose columns keep their values.

    Args:
        columns: those that never change.
        when: SQL about the old row under which it holds; empty for always.
    """
    change, removal = _changed(columns), "1 = 1"
    if when:
        change = f"({when}) AND ({change})"
    code = f"{table.removeprefix('ledger_')}_fixed"
    return [
        table_trigger(f"{table}_fixed", "BEFORE UPDATE", table, [(code, change)], []),
        table_trigger(f"{table}_kept", "BEFORE DELETE", table, [(code, removal)], []),
    ]


_MONTH_OPENED = """EXISTS (SELECT 1 FROM ledger_period q WHERE q.org_id = OLD.org_id
    AND q.month > OLD.year * 100 AND q.month < OLD.year * 100 + 99)"""

MASTER_TRIGGERS: list[Trigger] = [
    *_fixed(
        "ledger_account",
        ("id", "chart", "code", "kind", "normal_side", "restriction", "is_postable", "is_money"),
    ),
    *_fixed("ledger_fund", ("org_id", "id", "code", "kind")),
    *_fixed("ledger_earmark", ("org_id", "id", "fund_id", "code", "source", "is_default")),
    *_fixed("ledger_money_place", ("org_id", "id", "code", "kind", "account_id", "agency_account_id")),
    *_fixed(
        "ledger_posting_rule",
        (
            "org_id",
            "id",
            "code",
            "version",
            "text",
            "from_on",
            "author_id",
            "first_approver_id",
            "second_approver_id",
            "approved_at",
        ),
        "OLD.approved_at IS NOT NULL",
    ),
    table_trigger(
        "ledger_posting_rule_written",
        "BEFORE UPDATE",
        "ledger_posting_rule",
        [
            (
                "posting_rule_fixed",
                _changed(("org_id", "id", "code", "version", "text", "from_on", "author_id")),
            )
        ],
        [],
    ),
    table_trigger(
        "ledger_book_year_fixed",
        "BEFORE UPDATE",
        "ledger_book_year",
        [
            (
                "book_year_fixed",
                f"{_MONTH_OPENED} AND ({_changed(('org_id', 'year', 'words', 'closing', 'chart'))})",
            ),
            ("book_year_audited", f"OLD.audited_on IS NOT NULL AND ({_changed(('audited_on',))})"),
        ],
        [],
    ),
    table_trigger(
        "ledger_book_year_kept", "BEFORE DELETE", "ledger_book_year", [("book_year_fixed", "1 = 1")], []
    ),
]
