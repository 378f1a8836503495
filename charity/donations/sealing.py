"""The database's own guards of gifts: what is in a posted voucher does not change beside it.

A gift's amount, day, place and number are fixed once its voucher is posted, and so are its
parts, until that voucher is reversed in full. Merges, settings and piles of slips only grow.
"""

from __future__ import annotations

from charity.donations import total_sealing
from charity.triggers import Trigger, append_only, register

#: Whether a gift (its draft in {draft}) stands in a posted voucher that was not reversed.
_POSTED = """EXISTS (SELECT 1 FROM ledger_draft d WHERE d.org_id = {row}.org_id AND d.id = {draft}
    AND d.state = 'posted' AND NOT EXISTS (SELECT 1 FROM ledger_voucher r
      WHERE r.org_id = d.org_id AND r.reverses_id = d.voucher_id))"""

_FACTS = ("public_no", "amount_fen", "received_on", "money_place_id", "reference", "event_key")

_MESSAGE = "ledger: gift_in_posted_voucher"


def _gift_sqlite() -> str:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _FACTS)
    posted = _POSTED.format(row="OLD", draft="OLD.draft_id")
    return f"""
CREATE TRIGGER donations_donation_fixed BEFORE UPDATE ON donations_donation
WHEN ({changed}) AND {posted}
BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END;
CREATE TRIGGER donations_donation_kept BEFORE DELETE ON donations_donation
WHEN {posted}
BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END;
"""


def _gift_postgresql() -> str:
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _FACTS)
    posted = _POSTED.format(row="OLD", draft="OLD.draft_id")
    return f"""
CREATE FUNCTION donations_donation_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF ({changed}) AND {posted} THEN
      RAISE EXCEPTION '{_MESSAGE}';
    END IF;
    RETURN NEW;
  END IF;
  IF {posted} THEN
    RAISE EXCEPTION '{_MESSAGE}';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER donations_donation_fixed BEFORE UPDATE OR DELETE ON donations_donation
  FOR EACH ROW EXECUTE FUNCTION donations_donation_fixed();
"""


def _part_condition(row: str) -> str:
    """Return the condition under which a part may not change: a claim gives parts to a posted receipt."""
    posted = _POSTED.format(row="g", draft="g.draft_id")
    return f"""EXISTS (SELECT 1 FROM donations_donation g WHERE g.org_id = {row}.org_id
    AND g.id = {row}.donation_id AND g.nature = 'gift' AND {posted})"""


def _part_sqlite() -> str:
    triggers = [
        f"CREATE TRIGGER donations_allocation_{event.lower()} BEFORE {event} ON donations_allocation"
        f" WHEN {_part_condition(row)} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END;"
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD"))
    ]
    return "\n".join(triggers)


def _part_postgresql() -> str:
    return f"""
CREATE FUNCTION donations_allocation_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF {_part_condition("NEW")} THEN
      RAISE EXCEPTION '{_MESSAGE}';
    END IF;
    RETURN NEW;
  END IF;
  IF {_part_condition("OLD")} THEN
    RAISE EXCEPTION '{_MESSAGE}';
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER donations_allocation_fixed BEFORE INSERT OR UPDATE OR DELETE ON donations_allocation
  FOR EACH ROW EXECUTE FUNCTION donations_allocation_fixed();
"""


register(
    [
        Trigger("donations_donation_fixed", "donations_donation", _gift_sqlite(), _gift_postgresql()),
        Trigger("donations_allocation_fixed", "donations_allocation", _part_sqlite(), _part_postgresql()),
        append_only("donations_merge", ("org_id", "id")),
        append_only("donations_setting", ("org_id", "id")),
        append_only("donations_slip_batch", ("org_id", "id")),
        *total_sealing.TRIGGERS,
    ]
)
