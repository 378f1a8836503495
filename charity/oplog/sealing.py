"""The database's own refusal to change the operation log.

Imports ``triggers`` only; the texts are installed after the migrations and compared at
start-up. On SQLite a REPLACE deletes without firing delete triggers unless
``recursive_triggers`` is on, and an outsider's connection need not set it; so an insert
over an existing row is refused before it can delete one. The hidden row id is a second
way to name a row to replace, and is guarded as well.
"""

from __future__ import annotations

from charity.triggers import Trigger, register

_SQLITE = """
CREATE TRIGGER oplog_entry_no_update BEFORE UPDATE ON oplog_entry
BEGIN
  SELECT RAISE(ABORT, 'oplog_entry is sealed: the operation log only grows');
END;
CREATE TRIGGER oplog_entry_no_delete BEFORE DELETE ON oplog_entry
BEGIN
  SELECT RAISE(ABORT, 'oplog_entry is sealed: the operation log only grows');
END;
CREATE TRIGGER oplog_entry_no_replace BEFORE INSERT ON oplog_entry
WHEN EXISTS (SELECT 1 FROM oplog_entry WHERE org_id = NEW.org_id AND id = NEW.id)
  OR EXISTS (SELECT 1 FROM oplog_entry WHERE rowid = NEW.rowid)
BEGIN
  SELECT RAISE(ABORT, 'oplog_entry is sealed: the operation log only grows');
END;
"""

# Of the statement, not the row: it refuses even where no row would have been touched.
_POSTGRESQL = """
CREATE FUNCTION oplog_entry_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'oplog_entry is sealed: the operation log only grows' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER oplog_entry_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON oplog_entry
FOR EACH STATEMENT EXECUTE FUNCTION oplog_entry_sealed();
"""

register([Trigger("oplog_entry_sealed", "oplog_entry", _SQLITE, _POSTGRESQL)])
