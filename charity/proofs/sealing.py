"""The database's own guards of the proof log, as text for SQLite and PostgreSQL.

What was appended never changes; positions follow one another without a gap; a line's
leaf names its own voucher and comes in the order of numbers, whole vouchers only; a
month's leaf comes after its last line; a signed head never shrinks. The texts are the
same on both databases.
"""

from __future__ import annotations

from dataclasses import dataclass

from charity.triggers import Trigger, append_only, register


@dataclass(frozen=True, slots=True)
class _Check:
    """One reason to refuse a row.

    Attributes:
        code: what is said.
        query: condition that reads tables; ``1 = 1`` where ``when`` says it all.
        when: condition over NEW and OLD alone, asked first: on PostgreSQL a condition
            with a query costs some ten times as much, and most rows need only one.
    """

    code: str
    query: str = "1 = 1"
    when: str = "1 = 1"


def _guard(name: str, event: str, table: str, checks: list[_Check]) -> Trigger:
    """Return a trigger that refuses a row for the first reason that holds.

    On PostgreSQL its look-ups are planned without sequential scans: a plan made while the
    table was empty is kept for the session, and would walk all leaves for each further one.

    Args:
        name: of the trigger and its function.
        event: ``BEFORE INSERT`` or the like.
        table: where it stands.
        checks: the reasons.
    """
    sqlite = "\n".join(
        f"SELECT RAISE(ABORT, 'proofs: {check.code}') WHERE ({check.when}) AND ({check.query});"
        for check in checks
    )
    postgresql = "\n".join(
        f"  IF {check.when} THEN\n    IF {check.query} THEN RAISE EXCEPTION 'proofs: {check.code}'; END IF;"
        "\n  END IF;"
        for check in checks
    )
    return Trigger(
        name,
        table,
        f"CREATE TRIGGER {name} {event} ON {table} BEGIN\n{sqlite}\nEND;\n",
        f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
{postgresql}
  RETURN {"OLD" if "DELETE" in event else "NEW"};
END $$;
CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}();
""",
    )


#: Whether the new leaf goes on with the voucher of the leaf before it.
_GOES_ON = "NEW.kind = 'line' AND NEW.line_no > 1"
_FIRST_LINE = "NEW.kind = 'line' AND NEW.line_no = 1"

_LEAF_CHECKS = [
    _Check("leaf_hash_length", when="LENGTH(NEW.leaf_sha256) <> 32"),
    _Check(
        "leaf_not_first",
        "EXISTS (SELECT 1 FROM proofs_leaf p WHERE p.org_id = NEW.org_id)",
        when="NEW.position = 0",
    ),
    # Positions below the one before are there by the same rule, the key keeps out a second.
    _Check(
        "leaf_not_next",
        """NOT EXISTS (SELECT 1 FROM proofs_leaf p WHERE p.org_id = NEW.org_id
    AND p.position = NEW.position - 1)""",
        when=f"NEW.position <> 0 AND NOT ({_GOES_ON})",
    ),
    _Check(
        "leaf_out_of_order",
        """NOT EXISTS (SELECT 1 FROM proofs_leaf p WHERE p.org_id = NEW.org_id
    AND p.position = NEW.position - 1 AND p.kind = 'line' AND p.line_no = NEW.line_no - 1
    AND p.voucher_id = NEW.voucher_id AND p.number = NEW.number AND p.word = NEW.word
    AND p.month = NEW.month)""",
        when=_GOES_ON,
    ),
    _Check(
        "leaf_of_other_voucher",
        """NOT EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
    AND v.id = NEW.voucher_id AND v.month = NEW.month AND v.word = NEW.word AND v.number = NEW.number)""",
        when=_FIRST_LINE,
    ),
    _Check(
        "voucher_out_of_order",
        """NEW.number <> 1 + COALESCE((SELECT MAX(p.number)
    FROM proofs_leaf p WHERE p.org_id = NEW.org_id AND p.month = NEW.month AND p.word = NEW.word
      AND p.kind = 'line' AND p.line_no = 1), 0)""",
        when=_FIRST_LINE,
    ),
    _Check(
        "voucher_cut_short",
        """EXISTS (SELECT 1 FROM proofs_leaf p JOIN ledger_voucher v
      ON v.org_id = p.org_id AND v.id = p.voucher_id
    WHERE p.org_id = NEW.org_id AND p.position = NEW.position - 1 AND p.kind = 'line'
      AND p.line_no < v.line_count)""",
        when=f"NOT ({_GOES_ON})",
    ),
    _Check(
        "month_not_closed",
        """NOT EXISTS (SELECT 1 FROM ledger_period m
    WHERE m.org_id = NEW.org_id AND m.month = NEW.month AND NOT m.is_open)""",
        when="NEW.kind = 'month'",
    ),
    _Check(
        "month_before_its_lines",
        """EXISTS (SELECT 1 FROM ledger_voucher_counter c
    WHERE c.org_id = NEW.org_id AND c.month = NEW.month AND c.last_no <> COALESCE((SELECT MAX(p.number)
      FROM proofs_leaf p WHERE p.org_id = c.org_id AND p.month = c.month AND p.word = c.word
        AND p.kind = 'line' AND p.line_no = 1), 0))""",
        when="NEW.kind = 'month'",
    ),
]

_LOG_CHANGED = (
    "NEW.org_id <> OLD.org_id OR NEW.org_code <> OLD.org_code OR NEW.origin <> OLD.origin"
    " OR NEW.folder <> OLD.folder OR NEW.public_key <> OLD.public_key OR NEW.started_at <> OLD.started_at"
)

TRIGGERS: list[Trigger] = [
    _guard("proofs_leaf_guard", "BEFORE INSERT", "proofs_leaf", _LEAF_CHECKS),
    _guard(
        "proofs_node_guard",
        "BEFORE INSERT",
        "proofs_node",
        [
            _Check(
                "node_not_next",
                """NEW.number <> COALESCE((SELECT MAX(n.number) + 1 FROM proofs_node n
    WHERE n.org_id = NEW.org_id AND n.level = NEW.level), 0)""",
            ),
            _Check("node_hash_length", when="LENGTH(NEW.sha256) <> 32"),
        ],
    ),
    _guard(
        "proofs_checkpoint_guard",
        "BEFORE INSERT",
        "proofs_checkpoint",
        [
            _Check(
                "checkpoint_not_next",
                """NEW.number <> 1 + COALESCE((SELECT MAX(c.number) FROM proofs_checkpoint c
    WHERE c.org_id = NEW.org_id), 0)""",
            ),
            _Check(
                "checkpoint_shrinks",
                """EXISTS (SELECT 1 FROM proofs_checkpoint c WHERE c.org_id = NEW.org_id
    AND c.number = NEW.number - 1 AND (c.tree_size > NEW.tree_size
      OR (c.tree_size = NEW.tree_size AND c.root_sha256 <> NEW.root_sha256)))""",
            ),
            _Check(
                "checkpoint_beyond_log",
                """NOT EXISTS (SELECT 1 FROM proofs_log g WHERE g.org_id = NEW.org_id
    AND g.tree_size >= NEW.tree_size)""",
            ),
        ],
    ),
    _guard(
        "proofs_oplog_link_guard",
        "BEFORE INSERT",
        "proofs_oplog_link",
        [
            _Check(
                "link_not_next",
                """NEW.position <> COALESCE((SELECT MAX(k.position) + 1 FROM proofs_oplog_link k
    WHERE k.org_id = NEW.org_id), 0)""",
            ),
            _Check("link_hash_length", when="LENGTH(NEW.sha256) <> 32"),
        ],
    ),
    _guard(
        "proofs_log_start",
        "BEFORE INSERT",
        "proofs_log",
        [
            _Check("log_not_empty", when="NEW.tree_size <> 0 OR LENGTH(NEW.frontier) <> 0"),
            _Check("log_exists", "EXISTS (SELECT 1 FROM proofs_log g WHERE g.org_id = NEW.org_id)"),
        ],
    ),
    _guard(
        "proofs_log_change",
        "BEFORE UPDATE",
        "proofs_log",
        [
            _Check("log_renamed", when=_LOG_CHANGED),
            _Check("log_shrinks", when="NEW.tree_size < OLD.tree_size"),
            _Check(
                "log_size_wrong",
                """NEW.tree_size <> COALESCE((SELECT MAX(p.position) + 1 FROM proofs_leaf p
    WHERE p.org_id = NEW.org_id), 0)""",
            ),
        ],
    ),
    _guard("proofs_log_delete", "BEFORE DELETE", "proofs_log", [_Check("log_deleted")]),
    append_only("proofs_leaf", ["org_id", "position"]),
    append_only("proofs_node", ["org_id", "level", "number"]),
    append_only("proofs_checkpoint", ["org_id", "number"]),
    append_only("proofs_oplog_link", ["org_id", "position"]),
    append_only("proofs_restoration", ["org_id", "number"]),
]

register(TRIGGERS)
