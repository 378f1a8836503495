"""The database's guards of months, years and counters: in order, one way, never taken back."""

from __future__ import annotations

from charity.ledger.trigger_texts import both_databases
from charity.triggers import Trigger

_PERIOD_OPEN = """INSERT INTO ledger_fund_month (org_id, fund_id, earmark_id, month, available_fen, is_frozen)
    SELECT m.org_id, m.fund_id, m.earmark_id, NEW.month, m.available_fen, m.is_frozen
    FROM ledger_fund_month m WHERE m.org_id = NEW.org_id AND m.month =
      (SELECT MAX(x.month) FROM ledger_fund_month x WHERE x.org_id = m.org_id AND x.fund_id = m.fund_id
        AND x.earmark_id = m.earmark_id AND x.month < NEW.month)
    ON CONFLICT DO NOTHING"""

_PERIOD_CHANGED = (
    "NEW.org_id <> OLD.org_id OR NEW.month <> OLD.month OR NEW.opened_by <> OLD.opened_by"
    " OR NEW.opened_at <> OLD.opened_at"
)
_NO_YEAR = """NOT EXISTS (SELECT 1 FROM ledger_book_year y WHERE y.org_id = NEW.org_id
    AND y.year = NEW.month / 100)"""
#: Behind the last calendar month stands the next one; 2026-12 + 89 is 2027-01.
_GAP = """NEW.month % 100 NOT BETWEEN 1 AND 13 OR (NEW.month % 100 <> 13 AND NEW.month <> (
    SELECT MAX(q.month) + CASE WHEN MAX(q.month) % 100 = 12 THEN 89 ELSE 1 END FROM ledger_period q
    WHERE q.org_id = NEW.org_id AND q.month % 100 <> 13))"""
_EARLY_13 = """NEW.month % 100 = 13 AND NOT EXISTS (SELECT 1 FROM ledger_period q
    WHERE q.org_id = NEW.org_id AND q.month = NEW.month - 1)"""
#: An opening's own series stands beside them, until the first voucher of these books.
_FOREIGN_WORD = """NOT (NEW.word IN ('期初', '前期') AND NOT EXISTS (SELECT 1 FROM ledger_voucher v
    WHERE v.org_id = NEW.org_id AND v.kind <> 'opening'))
    AND NOT EXISTS (SELECT 1 FROM ledger_book_year y WHERE y.org_id = NEW.org_id
    AND y.year = NEW.month / 100 AND ((y.words = 'single' AND NEW.word = '记')
      OR (y.words = 'three' AND NEW.word IN ('收', '付', '转'))))"""
_YEAR_IN_USE = """EXISTS (SELECT 1 FROM ledger_period q WHERE q.org_id = OLD.org_id
    AND q.month BETWEEN OLD.year * 100 + 1 AND OLD.year * 100 + 13)"""
_OPEN_DRAFT = """NOT NEW.is_open AND EXISTS (SELECT 1 FROM ledger_draft d WHERE d.org_id = NEW.org_id
    AND d.month = NEW.month AND d.state NOT IN ('posted', 'discarded'))"""
_EARLIER_OPEN = """NOT NEW.is_open AND EXISTS (SELECT 1 FROM ledger_period q WHERE q.org_id = NEW.org_id
    AND q.month < NEW.month AND q.month % 100 <> 13 AND q.is_open)"""

_AUDIT_MISSING = """NOT NEW.is_open AND NEW.month % 100 = 13 AND NOT EXISTS (SELECT 1 FROM ledger_book_year y
    WHERE y.org_id = NEW.org_id AND y.year = NEW.month / 100 AND y.audited_on IS NOT NULL)"""

#: Guards of ``ledger_book_year``, ``ledger_period`` and ``ledger_voucher_counter``.
TRIGGERS: list[Trigger] = [
    both_databases(
        "ledger_book_year_change",
        "BEFORE UPDATE",
        "ledger_book_year",
        [
            (
                "year_fixed",
                f"""(NEW.org_id <> OLD.org_id OR NEW.year <> OLD.year OR NEW.words <> OLD.words
    OR NEW.closing <> OLD.closing OR NEW.chart <> OLD.chart) AND {_YEAR_IN_USE}""",
            ),
            ("year_audited", "OLD.audited_on IS NOT NULL AND NEW.audited_on {differs} OLD.audited_on"),
        ],
        [],
    ),
    both_databases(
        "ledger_book_year_delete", "BEFORE DELETE", "ledger_book_year", [("year_fixed", _YEAR_IN_USE)], []
    ),
    both_databases("ledger_period_opened", "AFTER INSERT", "ledger_period", [], [_PERIOD_OPEN]),
    both_databases(
        "ledger_period_insert",
        "BEFORE INSERT",
        "ledger_period",
        [
            (
                "period_exists",
                """NOT NEW.is_open OR EXISTS (SELECT 1 FROM ledger_period q
    WHERE q.org_id = NEW.org_id AND q.month = NEW.month)""",
            ),
            ("year_missing", _NO_YEAR),
            ("period_gap", _GAP),
            ("month13_early", _EARLY_13),
        ],
        [],
    ),
    both_databases(
        "ledger_period_change",
        "BEFORE UPDATE",
        "ledger_period",
        [
            ("period_closed", f"NOT OLD.is_open OR {_PERIOD_CHANGED}"),
            ("period_has_drafts", _OPEN_DRAFT),
            ("audit_missing", _AUDIT_MISSING),
            ("earlier_period_open", _EARLIER_OPEN),
        ],
        [],
    ),
    both_databases(
        "ledger_period_delete", "BEFORE DELETE", "ledger_period", [("period_closed", "1 = 1")], []
    ),
    both_databases(
        "ledger_voucher_counter_insert",
        "BEFORE INSERT",
        "ledger_voucher_counter",
        [
            (
                "period_closed",
                """NEW.last_no <> 0 OR NOT NEW.is_open OR EXISTS (SELECT 1 FROM ledger_voucher_counter c
    WHERE c.org_id = NEW.org_id AND c.month = NEW.month AND c.word = NEW.word)
    OR NOT EXISTS (SELECT 1 FROM ledger_period q
      WHERE q.org_id = NEW.org_id AND q.month = NEW.month AND q.is_open)""",
            ),
            ("word_not_derived", _FOREIGN_WORD),
        ],
        [],
    ),
    both_databases(
        "ledger_voucher_counter_change",
        "BEFORE UPDATE",
        "ledger_voucher_counter",
        [
            ("period_closed", "NOT OLD.is_open"),
            (
                "counter_lowered",
                """NEW.last_no < OLD.last_no OR NEW.org_id <> OLD.org_id OR NEW.month <> OLD.month
    OR NEW.word <> OLD.word""",
            ),
        ],
        [],
    ),
    both_databases(
        "ledger_voucher_counter_delete",
        "BEFORE DELETE",
        "ledger_voucher_counter",
        [("period_closed", "1 = 1")],
        [],
    ),
]
