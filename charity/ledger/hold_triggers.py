"""The database's guards of money set aside and of funds found overdrawn."""

from __future__ import annotations

from charity.ledger.trigger_texts import both_databases
from charity.triggers import Trigger

_HOLD_GUARD = """UPDATE ledger_fund_guard SET
      available_fen = available_fen + CASE WHEN NEW.kind = 'placed' THEN -h.amount_fen ELSE h.amount_fen END,
      held_fen = held_fen + CASE WHEN NEW.kind = 'placed' THEN h.amount_fen ELSE -h.amount_fen END
    FROM ledger_hold h WHERE h.org_id = NEW.org_id AND h.id = NEW.hold_id
      AND ledger_fund_guard.org_id = h.org_id AND ledger_fund_guard.fund_id = h.fund_id
      AND ledger_fund_guard.earmark_id = h.earmark_id"""

_INCIDENT_FREEZE = [
    """INSERT INTO ledger_fund_guard (org_id, fund_id, earmark_id, available_fen, held_fen)
    SELECT NEW.org_id, NEW.fund_id, NEW.earmark_id, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM ledger_fund_guard g
      WHERE g.org_id = NEW.org_id AND g.fund_id = NEW.fund_id AND g.earmark_id = NEW.earmark_id)""",
    """UPDATE ledger_fund_guard SET incident_id = NEW.id
    WHERE org_id = NEW.org_id AND fund_id = NEW.fund_id AND earmark_id = NEW.earmark_id""",
    """UPDATE ledger_fund_month SET is_frozen = {true}
    WHERE org_id = NEW.org_id AND fund_id = NEW.fund_id AND earmark_id = NEW.earmark_id
      AND month >= NEW.month""",
]
_COVER = [
    """UPDATE ledger_fund_month SET is_frozen = {false} WHERE org_id = NEW.org_id AND available_fen >= 0
      AND EXISTS (SELECT 1 FROM ledger_incident i WHERE i.org_id = NEW.org_id AND i.id = NEW.incident_id
        AND i.fund_id = ledger_fund_month.fund_id AND i.earmark_id = ledger_fund_month.earmark_id)""",
    """UPDATE ledger_fund_guard SET incident_id = NULL
    WHERE org_id = NEW.org_id AND incident_id = NEW.incident_id""",
]
#: Guards of ``ledger_hold_event``, ``ledger_incident`` and ``ledger_incident_cover``.
TRIGGERS: list[Trigger] = [
    both_databases(
        "ledger_hold_event_check",
        "BEFORE INSERT",
        "ledger_hold_event",
        [
            (
                "fund_frozen",
                """NEW.kind = 'placed' AND EXISTS (SELECT 1 FROM ledger_hold h JOIN ledger_fund_guard g
    ON g.org_id = h.org_id AND g.fund_id = h.fund_id AND g.earmark_id = h.earmark_id
    WHERE h.org_id = NEW.org_id AND h.id = NEW.hold_id AND g.incident_id IS NOT NULL)""",
            ),
            (
                "fund_overdrawn",
                """NEW.kind = 'placed' AND NOT EXISTS (SELECT 1 FROM ledger_hold h JOIN ledger_fund_guard g
    ON g.org_id = h.org_id AND g.fund_id = h.fund_id AND g.earmark_id = h.earmark_id
    WHERE h.org_id = NEW.org_id AND h.id = NEW.hold_id)""",
            ),
            (
                "hold_not_open",
                """NEW.step_no = 2 AND NOT EXISTS (SELECT 1 FROM ledger_hold_event x
    WHERE x.org_id = NEW.org_id AND x.hold_id = NEW.hold_id AND x.step_no = 1)""",
            ),
            (
                # Its voucher is sealed after it, in the same transaction, and judges the amount.
                "voucher_sealed",
                """EXISTS (SELECT 1 FROM ledger_voucher v
    WHERE v.org_id = NEW.org_id AND v.id = NEW.voucher_id)""",
            ),
        ],
        [],
    ),
    both_databases("ledger_hold_event_guard", "AFTER INSERT", "ledger_hold_event", [], [_HOLD_GUARD]),
    both_databases("ledger_incident_freeze", "AFTER INSERT", "ledger_incident", [], _INCIDENT_FREEZE),
    both_databases(
        "ledger_incident_cover_check",
        "BEFORE INSERT",
        "ledger_incident_cover",
        [
            (
                "fund_overdrawn",
                """EXISTS (SELECT 1 FROM ledger_fund_guard g WHERE g.org_id = NEW.org_id
    AND g.incident_id = NEW.incident_id AND g.available_fen < 0)""",
            )
        ],
        [],
    ),
    both_databases("ledger_incident_cover_end", "AFTER INSERT", "ledger_incident_cover", [], _COVER),
]
