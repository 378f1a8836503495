"""The database's own guards of the books, as text for SQLite and PostgreSQL.

Every law that a service keeps is kept here a second time: what a voucher is when it is
sealed (``_CHECKS``), what follows from it (``_PROJECTIONS``), and what may never change.
The message of a refusal is ``ledger:`` and the problem code, which ``refusals`` turns
back into a sentence. The app role may not write what these triggers write.
"""

from __future__ import annotations

from charity.triggers import Trigger, append_only, register

#: Lines of the voucher being sealed, with what they name.
_LINES = """ledger_voucher_line l
    LEFT JOIN ledger_account a ON a.id = l.account_id
    LEFT JOIN ledger_fund f ON f.org_id = l.org_id AND f.id = l.fund_id
    LEFT JOIN ledger_earmark e ON e.org_id = l.org_id AND e.id = l.earmark_id
    LEFT JOIN ledger_money_place p ON p.org_id = l.org_id AND p.id = l.money_place_id
    WHERE l.org_id = NEW.org_id AND l.voucher_id = NEW.id"""

_OWN = "FROM ledger_voucher_line l WHERE l.org_id = NEW.org_id AND l.voucher_id = NEW.id"

#: Code → condition under which a voucher is refused; ``{…}`` parts differ between databases.
_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "voucher_exists",
        # Three look-ups by index: an OR over them would walk all vouchers of the org.
        """EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.id = NEW.id)
    OR EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
      AND v.idempotency_key = NEW.idempotency_key)
    OR EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
      AND v.month = NEW.month AND v.word = NEW.word AND v.number = NEW.number)""",
    ),
    (
        "period_closed",
        """NOT EXISTS (SELECT 1 FROM ledger_voucher_counter c WHERE c.org_id = NEW.org_id
    AND c.month = NEW.month AND c.word = NEW.word AND c.is_open AND c.last_no >= NEW.number)""",
    ),
    (
        "number_not_next",
        """NEW.number <> 1 + (SELECT COALESCE(MAX(v.number), 0) FROM ledger_voucher v
    WHERE v.org_id = NEW.org_id AND v.month = NEW.month AND v.word = NEW.word)""",
    ),
    (
        "date_out_of_order",
        """EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.month = NEW.month
    AND v.word = NEW.word AND v.number = NEW.number - 1 AND v.voucher_on > NEW.voucher_on)""",
    ),
    ("date_outside_month", "NEW.month <> {month_of_date} AND NOT (NEW.month = {year_13} AND {is_last_day})"),
    (
        "voucher_lines_missing",
        f"(SELECT COUNT(*) <> NEW.line_count OR MAX(l.line_no) <> NEW.line_count {_OWN})",
    ),
    (
        "voucher_unbalanced",
        f"(SELECT SUM(l.debit_fen) <> NEW.total_fen OR SUM(l.credit_fen) <> NEW.total_fen {_OWN})",
    ),
    (
        "fund_unbalanced",
        f"""EXISTS (SELECT 1 {_OWN} GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id
    HAVING SUM(l.debit_fen) <> SUM(l.credit_fen))""",
    ),
    (
        "colour_mixed",
        f"""EXISTS (SELECT 1 {_OWN} AND ((NEW.colour = 'blue' AND (l.debit_fen < 0 OR l.credit_fen < 0))
    OR (NEW.colour = 'red' AND (l.debit_fen > 0 OR l.credit_fen > 0))))""",
    ),
    (
        "target_not_blue",
        """COALESCE(NEW.reverses_id, NEW.corrects_id) IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
      AND v.id = COALESCE(NEW.reverses_id, NEW.corrects_id) AND v.colour = 'blue')""",
    ),
    (
        # What is left of a voucher after all its corrections, this one included.
        "correction_stale",
        """COALESCE(NEW.reverses_id, NEW.corrects_id) IS NOT NULL AND EXISTS (SELECT 1
    FROM ledger_voucher_line l WHERE l.org_id = NEW.org_id AND NOT l.is_retag
      AND l.voucher_id IN (SELECT NEW.id UNION ALL SELECT COALESCE(NEW.reverses_id, NEW.corrects_id)
        UNION ALL SELECT v.id FROM ledger_voucher v WHERE v.org_id = NEW.org_id
          AND v.corrects_id = COALESCE(NEW.reverses_id, NEW.corrects_id)
        UNION ALL SELECT v.id FROM ledger_voucher v WHERE v.org_id = NEW.org_id
          AND v.reverses_id = COALESCE(NEW.reverses_id, NEW.corrects_id))
    GROUP BY {+}l.account_id, {+}l.fund_id, {+}l.earmark_id, l.debit_fen <> 0
    HAVING SUM(l.debit_fen + l.credit_fen) < 0)""",
    ),
    (
        "line_unsound",
        f"""EXISTS (SELECT 1 FROM {_LINES}
    AND (a.id IS NULL OR f.id IS NULL OR e.id IS NULL OR e.fund_id <> l.fund_id OR NOT a.is_postable
      OR a.restriction = 'split' OR a.from_on > NEW.voucher_on OR a.until_on < NEW.voucher_on
      OR (a.restriction = 'yes' AND f.kind <> 'restricted') OR (a.restriction = 'no' AND f.kind <> 'general')
      OR (a.restriction = 'agency') <> (f.kind = 'agency') OR a.is_money <> (p.id IS NOT NULL)
      OR (p.id IS NOT NULL AND l.account_id <> p.account_id
        AND l.account_id <> COALESCE(p.agency_account_id, 0))
      OR l.voucher_on <> NEW.voucher_on OR l.month <> NEW.month OR (l.is_retag AND NOT a.is_money)
      OR (a.code IN ('3101', '3102', '320101', '320102') AND NEW.kind <> 'closing' AND NEW.kind <> 'opening'
        AND l.net_asset_change IS NULL)))""",
    ),
    (
        "retag_unbalanced",
        f"""EXISTS (SELECT 1 {_OWN} AND l.is_retag GROUP BY {{+}}l.account_id, {{+}}l.money_place_id
    HAVING SUM(l.debit_fen) <> SUM(l.credit_fen))""",
    ),
    (
        "cashier_missing",
        f"""NEW.cashier_id IS NULL AND NEW.kind IN ('normal', 'correction') AND EXISTS (SELECT 1 FROM {_LINES}
    AND a.is_money AND NOT l.is_retag)""",
    ),
    (
        "attachment_missing",
        """NEW.attachment_count <> (SELECT COUNT(*) FROM ledger_voucher_attachment t
      WHERE t.org_id = NEW.org_id AND t.voucher_id = NEW.id)
    OR (NEW.attachment_count = 0 AND NEW.kind = 'normal')""",
    ),
    (
        "fund_frozen",
        """NEW.kind <> 'correction' AND EXISTS (SELECT 1 FROM ledger_voucher_line l
    JOIN ledger_fund f ON f.org_id = l.org_id AND f.id = l.fund_id
    JOIN ledger_guard_rule r ON r.guard = 'money' AND r.fund_kind = f.kind AND r.account_id = l.account_id
      AND r.from_on <= NEW.voucher_on AND COALESCE(r.until_on, NEW.voucher_on) >= NEW.voucher_on
    JOIN ledger_fund_guard g ON g.org_id = l.org_id AND g.fund_id = l.fund_id AND g.earmark_id = l.earmark_id
    WHERE l.org_id = NEW.org_id AND l.voucher_id = NEW.id AND g.incident_id IS NOT NULL
    GROUP BY {+}l.fund_id, {+}l.earmark_id HAVING SUM(l.debit_fen - l.credit_fen) < 0)""",
    ),
)

#: Guarded lines of the voucher, per kind of guard.
_GUARDED = """FROM ledger_voucher_line l
    JOIN ledger_fund f ON f.org_id = l.org_id AND f.id = l.fund_id
    JOIN ledger_guard_rule r ON r.guard = '{guard}' AND r.fund_kind = f.kind AND r.account_id = l.account_id
      AND r.from_on <= NEW.voucher_on AND COALESCE(r.until_on, NEW.voucher_on) >= NEW.voucher_on
    WHERE l.org_id = NEW.org_id AND l.voucher_id = NEW.id"""
_MONEY = _GUARDED.format(guard="money")
_STOCK = _GUARDED.format(guard="stock")

# What an opening brings of the months passed (前期) is turnover of its month, or the year's
# columns would begin on the day of the change of systems.
_ENTRY_CLASS = """CASE WHEN l.is_retag THEN 'retag' WHEN NEW.kind = 'correction' THEN 'normal'
    WHEN NEW.kind = 'opening' AND NEW.word = '前期' THEN 'normal' ELSE NEW.kind END"""

#: What follows from a sealed voucher, in order; the fund guard is touched last.
_PROJECTIONS: tuple[str, ...] = (
    f"""INSERT INTO ledger_balance (org_id, account_id, fund_id, earmark_id, month, entry_class,
      debit_fen, credit_fen, line_count)
    SELECT l.org_id, l.account_id, l.fund_id, l.earmark_id, l.month, {_ENTRY_CLASS},
      SUM(l.debit_fen), SUM(l.credit_fen), COUNT(*) {_OWN}
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
    {_OWN} AND {{+}}l.money_place_id IS NOT NULL AND NOT l.is_retag
    GROUP BY {{+}}l.org_id, {{+}}l.money_place_id, {{+}}l.account_id, {{+}}l.voucher_on
    ORDER BY {{+}}l.money_place_id, {{+}}l.account_id
    ON CONFLICT (org_id, money_place_id, account_id, "on") DO UPDATE SET
      debit_fen = ledger_day_total.debit_fen + excluded.debit_fen,
      credit_fen = ledger_day_total.credit_fen + excluded.credit_fen,
      line_count = ledger_day_total.line_count + excluded.line_count""",
    f"""INSERT INTO ledger_cash_flow_total (org_id, month, fund_id, cash_flow_item_id, debit_fen, credit_fen)
    SELECT l.org_id, l.month, l.fund_id, l.cash_flow_item_id, SUM(l.debit_fen), SUM(l.credit_fen)
    {_OWN} AND {{+}}l.cash_flow_item_id IS NOT NULL AND NOT l.is_retag
    GROUP BY {{+}}l.org_id, {{+}}l.month, {{+}}l.fund_id, {{+}}l.cash_flow_item_id
    ORDER BY {{+}}l.fund_id, {{+}}l.cash_flow_item_id
    ON CONFLICT (org_id, month, fund_id, cash_flow_item_id) DO UPDATE SET
      debit_fen = ledger_cash_flow_total.debit_fen + excluded.debit_fen,
      credit_fen = ledger_cash_flow_total.credit_fen + excluded.credit_fen""",
    f"""INSERT INTO ledger_stock_guard (org_id, fund_id, earmark_id, account_id, value_fen)
    SELECT DISTINCT l.org_id, {{+}}l.fund_id, {{+}}l.earmark_id, {{+}}l.account_id, 0 {_STOCK}
    ON CONFLICT DO NOTHING""",
    f"""UPDATE ledger_stock_guard SET value_fen = value_fen + d.delta_fen
    FROM (SELECT l.fund_id, l.earmark_id, l.account_id, SUM(l.debit_fen - l.credit_fen) AS delta_fen {_STOCK}
      GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id, {{+}}l.account_id) AS d
    WHERE ledger_stock_guard.org_id = NEW.org_id AND ledger_stock_guard.fund_id = d.fund_id
      AND ledger_stock_guard.earmark_id = d.earmark_id AND ledger_stock_guard.account_id = d.account_id""",
    f"""INSERT INTO ledger_fund_month (org_id, fund_id, earmark_id, month, available_fen, is_frozen)
    SELECT DISTINCT l.org_id, {{+}}l.fund_id, {{+}}l.earmark_id, m.month, 0, {{false}}
    {_MONEY.replace("WHERE", "JOIN ledger_period m ON m.org_id = l.org_id AND m.month >= NEW.month WHERE")}
    ON CONFLICT DO NOTHING""",
    f"""UPDATE ledger_fund_month SET available_fen = available_fen + d.delta_fen
    FROM (SELECT l.fund_id, l.earmark_id, SUM(l.debit_fen - l.credit_fen) AS delta_fen {_MONEY}
      GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id) AS d
    WHERE ledger_fund_month.org_id = NEW.org_id AND ledger_fund_month.fund_id = d.fund_id
      AND ledger_fund_month.earmark_id = d.earmark_id AND ledger_fund_month.month >= NEW.month
      AND d.delta_fen <> 0""",
    f"""INSERT INTO ledger_fund_guard (org_id, fund_id, earmark_id, available_fen, held_fen)
    SELECT DISTINCT l.org_id, {{+}}l.fund_id, {{+}}l.earmark_id, 0, 0 {_MONEY} ON CONFLICT DO NOTHING""",
    f"""UPDATE ledger_fund_guard SET available_fen = available_fen + d.delta_fen
    FROM (SELECT l.fund_id, l.earmark_id, SUM(l.debit_fen - l.credit_fen) AS delta_fen {_MONEY}
      GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id) AS d
    WHERE ledger_fund_guard.org_id = NEW.org_id AND ledger_fund_guard.fund_id = d.fund_id
      AND ledger_fund_guard.earmark_id = d.earmark_id AND d.delta_fen <> 0""",
)

_SQLITE_PARTS = {
    # Without statistics SQLite would walk the whole org along an index that happens to
    # have the order of a GROUP BY; a unary plus keeps it on the lines of the voucher.
    "+": "+",
    "month_of_date": "CAST(strftime('%Y%m', NEW.voucher_on) AS INTEGER)",
    "year_13": "CAST(strftime('%Y', NEW.voucher_on) AS INTEGER) * 100 + 13",
    "is_last_day": "strftime('%m-%d', NEW.voucher_on) = '12-31'",
    "false": "0",
}
_POSTGRESQL_PARTS = {
    "+": "",
    "month_of_date": "CAST(to_char(NEW.voucher_on, 'YYYYMM') AS integer)",
    "year_13": "CAST(to_char(NEW.voucher_on, 'YYYY') AS integer) * 100 + 13",
    "is_last_day": "to_char(NEW.voucher_on, 'MM-DD') = '12-31'",
    "false": "false",
}


def _fill(text: str, parts: dict[str, str]) -> str:
    """Return a fragment with the parts of one database put in."""
    for name, value in parts.items():
        text = text.replace("{" + name + "}", value)
    return text


def _sqlite_trigger(name: str, event: str, table: str, checks: list[tuple[str, str]], acts: list[str]) -> str:
    """Return one SQLite trigger: refusals first, then statements."""
    body = [
        f"SELECT RAISE(ABORT, 'ledger: {code}') WHERE {_fill(when, _SQLITE_PARTS)};" for code, when in checks
    ]
    body += [_fill(act, _SQLITE_PARTS) + ";" for act in acts]
    return f"CREATE TRIGGER {name} {event} ON {table} BEGIN\n" + "\n".join(body) + "\nEND;\n"


def _postgresql_trigger(
    name: str,
    event: str,
    table: str,
    checks: list[tuple[str, str]],
    acts: list[str],
    result: str = "NEW",
    first: list[str] | None = None,
) -> str:
    """Return one PostgreSQL function with the owner's rights and its trigger."""
    body = [f"  {act};" for act in first or ()]
    body += [
        f"  IF {_fill(when, _POSTGRESQL_PARTS)} THEN RAISE EXCEPTION 'ledger: {code}'; END IF;"
        for code, when in checks
    ]
    body += ["  " + _fill(act, _POSTGRESQL_PARTS) + ";" for act in acts]
    lines = "\n".join(body)
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
{lines}
  RETURN {result};
END $$;
CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}();
"""


def _trigger(name: str, event: str, table: str, checks: list[tuple[str, str]], acts: list[str]) -> Trigger:
    """Return a trigger whose text is the same on both databases but for small parts."""
    result = "OLD" if "DELETE" in event else "NEW"
    return Trigger(
        name,
        table,
        _sqlite_trigger(name, event, table, checks, acts),
        _postgresql_trigger(name, event, table, checks, acts, result),
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
    _sqlite_trigger("ledger_voucher_seal", "BEFORE INSERT", "ledger_voucher", list(_CHECKS), []),
    _postgresql_trigger(
        "ledger_voucher_seal",
        "BEFORE INSERT",
        "ledger_voucher",
        list(_CHECKS),
        ["NEW.tx := txid_current()"],
        first=[_LOCK_TARGET],
    ),
)
_PROJECT = Trigger(
    "ledger_voucher_project",
    "ledger_voucher",
    _sqlite_trigger("ledger_voucher_project", "AFTER INSERT", "ledger_voucher", [], list(_PROJECTIONS)),
    _postgresql_trigger(
        "ledger_voucher_project",
        "AFTER INSERT",
        "ledger_voucher",
        [],
        [*_PROJECTIONS[:-1], _LOCK_GUARDS, _PROJECTIONS[-1]],
    ),
)

_LINE_CHECKS = [
    (
        "voucher_sealed",
        """EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.id = NEW.voucher_id)
    OR EXISTS (SELECT 1 FROM ledger_voucher_line l WHERE l.org_id = NEW.org_id
      AND l.voucher_id = NEW.voucher_id AND l.line_no = NEW.line_no)""",
    )
]
_LINE = Trigger(
    "ledger_voucher_line_seal",
    "ledger_voucher_line",
    _sqlite_trigger("ledger_voucher_line_seal", "BEFORE INSERT", "ledger_voucher_line", _LINE_CHECKS, []),
    _postgresql_trigger(
        "ledger_voucher_line_seal",
        "BEFORE INSERT",
        "ledger_voucher_line",
        _LINE_CHECKS,
        ["NEW.tx := txid_current()"],
    ),
)

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
_SQLITE_PARTS["true"] = "1"
_POSTGRESQL_PARTS["true"] = "true"

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
_OPEN_DRAFT = """NOT NEW.is_open AND EXISTS (SELECT 1 FROM ledger_draft d WHERE d.org_id = NEW.org_id
    AND d.month = NEW.month AND d.state NOT IN ('posted', 'discarded'))"""
_EARLIER_OPEN = """NOT NEW.is_open AND EXISTS (SELECT 1 FROM ledger_period q WHERE q.org_id = NEW.org_id
    AND q.month < NEW.month AND q.month % 100 <> 13 AND q.is_open)"""
_AUDIT_MISSING = """NOT NEW.is_open AND NEW.month % 100 = 13 AND NOT EXISTS (SELECT 1 FROM ledger_book_year y
    WHERE y.org_id = NEW.org_id AND y.year = NEW.month / 100 AND y.audited_on IS NOT NULL)"""

TRIGGERS: list[Trigger] = [
    _LINE,
    _SEAL,
    _PROJECT,
    _trigger(
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
        ],
        [],
    ),
    _trigger("ledger_hold_event_guard", "AFTER INSERT", "ledger_hold_event", [], [_HOLD_GUARD]),
    _trigger("ledger_incident_freeze", "AFTER INSERT", "ledger_incident", [], _INCIDENT_FREEZE),
    _trigger(
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
    _trigger("ledger_incident_cover_end", "AFTER INSERT", "ledger_incident_cover", [], _COVER),
    _trigger("ledger_period_opened", "AFTER INSERT", "ledger_period", [], [_PERIOD_OPEN]),
    _trigger(
        "ledger_period_insert",
        "BEFORE INSERT",
        "ledger_period",
        [
            (
                "period_exists",
                """NOT NEW.is_open OR EXISTS (SELECT 1 FROM ledger_period q
    WHERE q.org_id = NEW.org_id AND q.month = NEW.month)""",
            )
        ],
        [],
    ),
    _trigger(
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
    _trigger("ledger_period_delete", "BEFORE DELETE", "ledger_period", [("period_closed", "1 = 1")], []),
    _trigger(
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
            )
        ],
        [],
    ),
    _trigger(
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
    _trigger(
        "ledger_voucher_counter_delete",
        "BEFORE DELETE",
        "ledger_voucher_counter",
        [("period_closed", "1 = 1")],
        [],
    ),
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
