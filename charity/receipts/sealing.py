"""The database's own guards of receipts and invoices.

An issued row never changes but for being voided once; no row goes; a number follows the
last one; the counter grows by one. Prints and batches only grow.
"""

from __future__ import annotations

from collections.abc import Sequence

from charity.receipts.models import Invoice, Receipt
from charity.triggers import Trigger, append_only, register

_VOID_COLUMNS = frozenset({"state", "void_reason", "voided_by", "voided_by_name", "voided_at"})


def _fixed(columns: Sequence[str]) -> list[str]:
    """Return the columns that never change."""
    return [name for name in columns if name not in _VOID_COLUMNS]


def _void_once(table: str, columns: Sequence[str], from_state: str, birth: str, born: str) -> Trigger:
    """Return the guard of a table whose rows are only ever voided.

    Args:
        table: its name.
        columns: all of them.
        from_state: the state that may become void.
        birth: SQL over NEW that must hold of a new row.
        born: what the refusal of another row says.
    """
    fixed = _fixed(columns)
    same_sqlite = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in fixed)
    same_postgresql = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in fixed)
    step = f"OLD.state = '{from_state}' AND NEW.state = 'void'"
    changed, kept = f"ledger: {table} may only be voided", f"ledger: {table} keeps every row"
    sqlite = f"""
CREATE TRIGGER {table}_only_void BEFORE UPDATE ON {table}
WHEN NOT ({step} AND {same_sqlite})
BEGIN SELECT RAISE(ABORT, '{changed}'); END;
CREATE TRIGGER {table}_kept BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{kept}'); END;
CREATE TRIGGER {table}_born BEFORE INSERT ON {table}
WHEN NOT ({birth}) OR EXISTS (SELECT 1 FROM {table} r WHERE r.org_id = NEW.org_id AND r.id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'ledger: {born}'); END;
"""
    postgresql = f"""
CREATE FUNCTION {table}_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NOT ({birth}) THEN
      RAISE EXCEPTION 'ledger: {born}';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF {step} AND {same_postgresql} THEN
      RETURN NEW;
    END IF;
    RAISE EXCEPTION '{changed}';
  END IF;
  RAISE EXCEPTION '{kept}';
END $$;
CREATE TRIGGER {table}_guard BEFORE INSERT OR UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION {table}_guard();
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger: % may only grow', TG_TABLE_NAME;
END $$;
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
    return Trigger(f"{table}_void_once", table, sqlite, postgresql)


def _counter() -> Trigger:
    """Return the guard of the counter: it begins at nought and grows by one."""
    grows = "NEW.org_id = OLD.org_id AND NEW.year = OLD.year AND NEW.last_no = OLD.last_no + 1"
    message = "ledger: receipts_counter grows by one"
    known = "SELECT 1 FROM receipts_counter c WHERE c.org_id = NEW.org_id AND c.year = NEW.year"
    sqlite = f"""
CREATE TRIGGER receipts_counter_begins BEFORE INSERT ON receipts_counter
WHEN NEW.last_no <> 0 OR EXISTS ({known})
BEGIN SELECT RAISE(ABORT, '{message}'); END;
CREATE TRIGGER receipts_counter_grows BEFORE UPDATE ON receipts_counter
WHEN NOT ({grows})
BEGIN SELECT RAISE(ABORT, '{message}'); END;
CREATE TRIGGER receipts_counter_kept BEFORE DELETE ON receipts_counter
BEGIN SELECT RAISE(ABORT, '{message}'); END;
"""
    postgresql = f"""
CREATE FUNCTION receipts_counter_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' AND NEW.last_no = 0 THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF {grows} THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '{message}';
END $$;
CREATE TRIGGER receipts_counter_grows BEFORE INSERT OR UPDATE OR DELETE ON receipts_counter
  FOR EACH ROW EXECUTE FUNCTION receipts_counter_grows();
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger: % may only grow', TG_TABLE_NAME;
END $$;
CREATE TRIGGER receipts_counter_no_truncate BEFORE TRUNCATE ON receipts_counter
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
    return Trigger("receipts_counter_grows", "receipts_counter", sqlite, postgresql)


_NEXT_NUMBER = (
    "NEW.state = 'issued' AND EXISTS (SELECT 1 FROM receipts_counter c WHERE c.org_id = NEW.org_id"
    " AND c.year = NEW.year AND c.last_no = NEW.sequence)"
)

register(
    [
        _counter(),
        _void_once(
            "receipts_receipt",
            [column.name for column in Receipt.__table__.columns],
            "issued",
            _NEXT_NUMBER,
            "a receipt takes the next number",
        ),
        _void_once(
            "receipts_invoice",
            [column.name for column in Invoice.__table__.columns],
            "registered",
            "NEW.state IN ('registered', 'red')",
            "an invoice is registered before it is void",
        ),
        append_only("receipts_print", ("org_id", "id")),
        append_only("receipts_batch", ("org_id", "id")),
    ]
)
