"""Triggers that keep the totals of posted gifts, so that a total costs the same for ever."""

from __future__ import annotations

from charity.triggers import Trigger

_COLUMNS = "org_id, month, fund_id, channel, shows_amount, amount_fen, line_count"

_ADD = """ON CONFLICT (org_id, month, fund_id, channel, shows_amount) DO UPDATE SET
      amount_fen = donations_gift_total.amount_fen + excluded.amount_fen,
      line_count = donations_gift_total.line_count + excluded.line_count"""

_INCOME = "JOIN ledger_account a ON a.id = l.account_id AND a.kind = 'income' AND l.source_kind = 'gift'"

_POSTED = f"""INSERT INTO donations_gift_total ({_COLUMNS})
    SELECT l.org_id, l.month, {{+}}l.fund_id, d.channel, d.shows_amount,
      SUM(l.credit_fen - l.debit_fen), COUNT(*)
    FROM ledger_voucher_line l {_INCOME}
    JOIN donations_donation d ON d.org_id = l.org_id AND d.id = l.source_id
    WHERE l.org_id = NEW.org_id AND l.voucher_id = NEW.id
    GROUP BY l.org_id, l.month, {{+}}l.fund_id, d.channel, d.shows_amount {_ADD}"""


def _moved(row: str, sign: str) -> str:
    """Return the statement that takes a gift's lines from a key or adds them to one."""
    return f"""INSERT INTO donations_gift_total ({_COLUMNS})
    SELECT l.org_id, l.month, {{+}}l.fund_id, {row}.channel, {row}.shows_amount,
      {sign}SUM(l.credit_fen - l.debit_fen), {sign}COUNT(*)
    FROM ledger_voucher_line l {_INCOME}
    WHERE l.org_id = NEW.org_id AND l.source_id = NEW.id
      AND (NEW.shows_amount <> OLD.shows_amount OR NEW.channel <> OLD.channel)
    GROUP BY l.org_id, l.month, {{+}}l.fund_id {_ADD}"""


def _both(name: str, event: str, table: str, acts: list[str]) -> Trigger:
    """Return a trigger with the same statements on both databases."""
    lite = ";\n".join(act.replace("{+}", "+") for act in acts)
    full = ";\n  ".join(act.replace("{+}", "") for act in acts)
    return Trigger(
        name,
        table,
        f"CREATE TRIGGER {name} {event} ON {table} BEGIN\n{lite};\nEND;\n",
        f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
  {full};
  RETURN NEW;
END $$;
CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}();
""",
    )


TRIGGERS = [
    _both("donations_gift_posted", "AFTER INSERT", "ledger_voucher", [_POSTED]),
    _both(
        "donations_gift_changed",
        "AFTER UPDATE",
        "donations_donation",
        [_moved("OLD", "-"), _moved("NEW", "")],
    ),
]
