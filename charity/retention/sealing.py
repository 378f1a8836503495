"""The database's own guard of legal holds: released once by another person, never removed."""

from __future__ import annotations

from charity.triggers import Trigger, register

#: What must stay the same; the rest is written once, when a hold is released.
_FIXED = (
    "org_id",
    "id",
    "class_code",
    "from_year",
    "until_year",
    "reason",
    "placed_by",
    "placed_by_name",
    "placed_at",
)
_CHANGED = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in _FIXED)
_SAID = "retention: a hold is released once and stays"

register(
    [
        Trigger(
            "retention_hold_stays",
            "retention_hold",
            f"""
CREATE TRIGGER retention_hold_no_change BEFORE UPDATE ON retention_hold BEGIN
  SELECT RAISE(ABORT, '{_SAID}') WHERE OLD.released_at IS NOT NULL OR {_CHANGED};
END;
CREATE TRIGGER retention_hold_no_delete BEFORE DELETE ON retention_hold BEGIN
  SELECT RAISE(ABORT, '{_SAID}');
END;
CREATE TRIGGER retention_hold_no_replace BEFORE INSERT ON retention_hold BEGIN
  SELECT RAISE(ABORT, '{_SAID}')
  WHERE EXISTS (SELECT 1 FROM retention_hold WHERE org_id = NEW.org_id AND id = NEW.id);
END;
""",
            f"""
CREATE FUNCTION retention_hold_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN RAISE EXCEPTION '{_SAID}'; END IF;
  IF OLD.released_at IS NOT NULL OR {_CHANGED} THEN RAISE EXCEPTION '{_SAID}'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_hold_stays BEFORE UPDATE OR DELETE ON retention_hold
  FOR EACH ROW EXECUTE FUNCTION retention_hold_stays();
""",
        )
    ]
)
