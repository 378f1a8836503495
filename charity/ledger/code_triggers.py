"""The database's guards of what vouchers name: codes keep their meaning once they are there.

A fund that changed its kind, a place that moved to another account or a rule that was
changed after two people approved it would give posted vouchers another meaning. Names,
texts and dates of closing may change; what is committed to and judged by may not.
"""

from __future__ import annotations

from collections.abc import Sequence

from charity.ledger.trigger_texts import both_databases
from charity.triggers import Trigger


def _kept(table: str, columns: Sequence[str]) -> list[Trigger]:
    """Return the guards of a coded table: these columns stay, and no row is taken away."""
    changed = " OR ".join(f"NEW.{column} {{differs}} OLD.{column}" for column in ("org_id", "id", *columns))
    return [
        both_databases(f"{table}_fixed", "BEFORE UPDATE", table, [("code_fixed", changed)], []),
        both_databases(f"{table}_kept", "BEFORE DELETE", table, [("code_fixed", "1 = 1")], []),
    ]


_RULE_WRITTEN = " OR ".join(
    f"NEW.{column} <> OLD.{column}"
    for column in ("org_id", "id", "code", "version", "text", "from_on", "author_id")
)

_RULES = [
    both_databases(
        "ledger_posting_rule_insert",
        "BEFORE INSERT",
        "ledger_posting_rule",
        [
            (
                "rule_approved_at_birth",
                "COALESCE(NEW.first_approver_id, NEW.second_approver_id) IS NOT NULL"
                " OR NEW.approved_at IS NOT NULL",
            )
        ],
        [],
    ),
    both_databases(
        "ledger_posting_rule_change",
        "BEFORE UPDATE",
        "ledger_posting_rule",
        [
            ("rule_fixed", f"OLD.approved_at IS NOT NULL OR {_RULE_WRITTEN}"),
            (
                # One act, one approval: the second comes after the first.
                "rule_same_person",
                "(OLD.first_approver_id IS NOT NULL"
                " AND NEW.first_approver_id {differs} OLD.first_approver_id)"
                " OR (NEW.second_approver_id IS NOT NULL AND OLD.first_approver_id IS NULL)",
            ),
        ],
        [],
    ),
    both_databases(
        "ledger_posting_rule_delete", "BEFORE DELETE", "ledger_posting_rule", [("rule_fixed", "1 = 1")], []
    ),
]

TRIGGERS: list[Trigger] = [
    *_kept("ledger_fund", ("code", "kind")),
    *_kept("ledger_earmark", ("code", "fund_id", "source", "is_default")),
    *_kept("ledger_money_place", ("code", "kind", "account_id", "agency_account_id")),
    *_kept("ledger_designation", ("code",)),
    *_kept("ledger_project_tag", ("code",)),
    *_kept("ledger_dimension_value", ("code", "slot")),
    *_kept("ledger_party", ("public_no",)),
    *_RULES,
]
