"""The database's own guards of the books: sealing a voucher, and what follows from it.

Every law that a service keeps is kept here a second time: what a voucher is when it is
sealed (``voucher_checks``), what follows from it (``_PROJECTIONS``), and what may never
change. The message of a refusal is ``ledger:`` and the problem code, which ``refusals``
turns back into a sentence. The app role may not write what these triggers write.
"""

from __future__ import annotations

from charity.ledger import code_triggers, hold_triggers, month_triggers
from charity.ledger.trigger_texts import postgresql_trigger, sqlite_trigger
from charity.ledger.voucher_checks import CHECKS, LINE_CHECKS, MONEY, OWN, STOCK
from charity.triggers import Trigger, append_only, register

# What an opening brings of the months passed (前期) is turnover of its month, or the year's
# columns would begin on the day of the change of systems.
_ENTRY_CLASS = """CASE WHEN l.is_retag THEN 'retag' WHEN NEW.kind = 'correction' THEN 'normal'
    WHEN NEW.kind = 'opening' AND NEW.word = '前期' THEN 'normal' ELSE NEW.kind END"""

#: What follows from a sealed voucher, in order; the fund guard is touched last.
_PROJECTIONS: tuple[str, ...] = (
    f"""INSERT INTO ledger_balance (org_id, account_id, fund_id, earmark_id, month, entry_class,
      debit_fen, credit_fen, line_count)
    SELECT l.org_id, l.account_id, l.fund_id, l.earmark_id, l.month, {_ENTRY_CLASS},
      SUM(l.debit_fen), SUM(l.credit_fen), COUNT(*) {OWN}
    GROUP BY {{+}}l.org_id, {{+}}l.account_id, {{+}}l.fund_id, {{+}}l.earmark_id, {{+}}l.month, {_ENTRY_CLASS}
    ORDER BY {{+}}l.account_id, {{+}}l.fund_id, {{+}}l.earmark_id
    ON CONFLICT (org_id, account_id, fund_id, earmark_id, month, entry_class) DO UPDATE SET
      debit_fen = ledger_balance.debit_fen + excluded.debit_fen,
      credit_fen = ledger_balance.credit_fen + excluded.credit_fen,
      line_count = ledger_balance.line_count + excluded.line_count""",
    f"""INSERT INTO ledger_day_total (org_id, money_place_id, account_id, "on",
      debit_fen, credit_fen, line_count)
    SELECT l.org_id, l.money_place_id, l.account_id, l.voucher_on,
      SUM(l.debit_fen), SUM(l.credit_fen), COUNT(*)
    {OWN} AND {{+}}l.money_place_id IS NOT NULL AND NOT l.is_retag
    GROUP BY {{+}}l.org_id, {{+}}l.money_place_id, {{+}}l.account_id, {{+}}l.voucher_on
    ORDER BY {{+}}l.money_place_id, {{+}}l.account_id
    ON CONFLICT (org_id, money_place_id, account_id, "on") DO UPDATE SET
      debit_fen = ledger_day_total.debit_fen + excluded.debit_fen,
      credit_fen = ledger_day_total.credit_fen + excluded.credit_fen,
      line_count = ledger_day_total.line_count + excluded.line_count""",
    f"""INSERT INTO ledger_cash_flow_total (org_id, month, fund_id, cash_flow_item_id, debit_fen, credit_fen)
    SELECT l.org_id, l.month, l.fund_id, l.cash_flow_item_id, SUM(l.debit_fen), SUM(l.credit_fen)
    {OWN} AND {{+}}l.cash_flow_item_id IS NOT NULL AND NOT l.is_retag
    GROUP BY {{+}}l.org_id, {{+}}l.month, {{+}}l.fund_id, {{+}}l.cash_flow_item_id
    ORDER BY {{+}}l.fund_id, {{+}}l.cash_flow_item_id
    ON CONFLICT (org_id, month, fund_id, cash_flow_item_id) DO UPDATE SET
      debit_fen = ledger_cash_flow_total.debit_fen + excluded.debit_fen,
      credit_fen = ledger_cash_flow_total.credit_fen + excluded.credit_fen""",
    f"""INSERT INTO ledger_stock_guard (org_id, fund_id, earmark_id, account_id, value_fen)
    SELECT DISTINCT l.org_id, {{+}}l.fund_id, {{+}}l.earmark_id, {{+}}l.account_id, 0 {STOCK}
    ON CONFLICT DO NOTHING""",
    f"""UPDATE ledger_stock_guard SET value_fen = value_fen + d.delta_fen
    FROM (SELECT l.fund_id, l.earmark_id, l.account_id, SUM(l.debit_fen - l.credit_fen) AS delta_fen {STOCK}
      GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id, {{+}}l.account_id) AS d
    WHERE ledger_stock_guard.org_id = NEW.org_id AND ledger_stock_guard.fund_id = d.fund_id
      AND ledger_stock_guard.earmark_id = d.earmark_id AND ledger_stock_guard.account_id = d.account_id""",
    f"""INSERT INTO ledger_fund_month (org_id, fund_id, earmark_id, month, available_fen, is_frozen)
    SELECT DISTINCT l.org_id, {{+}}l.fund_id, {{+}}l.earmark_id, m.month, 0, {{false}}
    {MONEY.replace("WHERE", "JOIN ledger_period m ON m.org_id = l.org_id AND m.month >= NEW.month WHERE")}
    ON CONFLICT DO NOTHING""",
    f"""UPDATE ledger_fund_month SET available_fen = available_fen + d.delta_fen
    FROM (SELECT l.fund_id, l.earmark_id, SUM(l.debit_fen - l.credit_fen) AS delta_fen {MONEY}
      GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id) AS d
    WHERE ledger_fund_month.org_id = NEW.org_id AND ledger_fund_month.fund_id = d.fund_id
      AND ledger_fund_month.earmark_id = d.earmark_id AND ledger_fund_month.month >= NEW.month
      AND d.delta_fen <> 0""",
    f"""INSERT INTO ledger_fund_guard (org_id, fund_id, earmark_id, available_fen, held_fen)
    SELECT DISTINCT l.org_id, {{+}}l.fund_id, {{+}}l.earmark_id, 0, 0 {MONEY} ON CONFLICT DO NOTHING""",
    f"""UPDATE ledger_fund_guard SET available_fen = available_fen + d.delta_fen
    FROM (SELECT l.fund_id, l.earmark_id, SUM(l.debit_fen - l.credit_fen) AS delta_fen {MONEY}
      GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id) AS d
    WHERE ledger_fund_guard.org_id = NEW.org_id AND ledger_fund_guard.fund_id = d.fund_id
      AND ledger_fund_guard.earmark_id = d.earmark_id AND d.delta_fen <> 0""",
)

_LOCK_GUARDS = """PERFORM 1 FROM ledger_fund_guard g WHERE g.org_id = NEW.org_id
    AND (g.fund_id, g.earmark_id) IN (SELECT l.fund_id, l.earmark_id FROM ledger_voucher_line l
      WHERE l.org_id = NEW.org_id AND l.voucher_id = NEW.id)
    ORDER BY g.fund_id, g.earmark_id FOR UPDATE"""

#: Two corrections of one voucher in one moment: the second waits and sees the first.
_LOCK_TARGET = """PERFORM 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
    AND v.id = COALESCE(NEW.reverses_id, NEW.corrects_id) FOR UPDATE"""

_SEAL = Trigger(
    "ledger_voucher_seal",
    "ledger_voucher",
    sqlite_trigger("ledger_voucher_seal", "BEFORE INSERT", "ledger_voucher", list(CHECKS), []),
    postgresql_trigger(
        "ledger_voucher_seal",
        "BEFORE INSERT",
        "ledger_voucher",
        list(CHECKS),
        ["NEW.tx := txid_current()"],
        first=[_LOCK_TARGET],
    ),
)
_PROJECT = Trigger(
    "ledger_voucher_project",
    "ledger_voucher",
    sqlite_trigger("ledger_voucher_project", "AFTER INSERT", "ledger_voucher", [], list(_PROJECTIONS)),
    postgresql_trigger(
        "ledger_voucher_project",
        "AFTER INSERT",
        "ledger_voucher",
        [],
        [*_PROJECTIONS[:-1], _LOCK_GUARDS, _PROJECTIONS[-1]],
    ),
)

_LINE = Trigger(
    "ledger_voucher_line_seal",
    "ledger_voucher_line",
    sqlite_trigger("ledger_voucher_line_seal", "BEFORE INSERT", "ledger_voucher_line", list(LINE_CHECKS), []),
    postgresql_trigger(
        "ledger_voucher_line_seal",
        "BEFORE INSERT",
        "ledger_voucher_line",
        list(LINE_CHECKS),
        ["NEW.tx := txid_current()"],
    ),
)

TRIGGERS: list[Trigger] = [
    _LINE,
    _SEAL,
    _PROJECT,
    *hold_triggers.TRIGGERS,
    *month_triggers.TRIGGERS,
    *code_triggers.TRIGGERS,
    append_only("ledger_voucher", ["org_id", "id"]),
    append_only("ledger_voucher_line", ["org_id", "voucher_id", "line_no"]),
    append_only("ledger_voucher_attachment", ["org_id", "voucher_id", "sha256"]),
    append_only("ledger_attachment", ["org_id", "sha256"]),
    append_only("ledger_hold", ["org_id", "id"]),
    append_only("ledger_hold_event", ["org_id", "hold_id", "step_no"]),
    append_only("ledger_incident", ["org_id", "id"]),
    append_only("ledger_incident_cover", ["org_id", "incident_id"]),
    append_only("ledger_balance_assertion", ["org_id", "id"]),
    append_only("ledger_open_item", ["org_id", "id"]),
    append_only("ledger_opened_stock", ["org_id", "id"]),
    append_only("ledger_old_number", ["org_id", "month", "word"]),
    append_only("ledger_year_figure", ["org_id", "year"]),
]

register(TRIGGERS)
