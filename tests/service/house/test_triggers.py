"""What stands in the database is what stands in the text; every difference is named."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from charity import triggers
from charity.triggers import Trigger

SQLITE = """
CREATE TRIGGER sample_no_update BEFORE UPDATE ON sample
BEGIN SELECT RAISE(ABORT, '100% sealed; for good'); END;
CREATE TRIGGER sample_no_delete BEFORE DELETE ON sample
BEGIN SELECT RAISE(ABORT, '100% sealed; for good'); END;
"""
POSTGRESQL = """
CREATE FUNCTION sample_sealed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
  RAISE EXCEPTION '100%% sealed; for good';
END
$body$;
CREATE TRIGGER sample_no_change BEFORE UPDATE OF a, b OR DELETE OR TRUNCATE ON sample
FOR EACH STATEMENT EXECUTE FUNCTION sample_sealed();
"""
DECLARED = [Trigger("sample_sealed", "sample", SQLITE, POSTGRESQL)]


@pytest.fixture
def sealed_table(owner_connection: Connection) -> Connection:
    owner_connection.exec_driver_sql("CREATE TABLE sample (a INTEGER, b INTEGER)")
    triggers.install(owner_connection, DECLARED)
    return owner_connection


def test_nothing_differs_after_installing(sealed_table: Connection) -> None:
    assert triggers.compare(sealed_table, DECLARED) == []


def test_installing_twice_changes_nothing(sealed_table: Connection) -> None:
    triggers.install(sealed_table, DECLARED)
    assert triggers.compare(sealed_table, DECLARED) == []


def test_an_installed_trigger_guards(sealed_table: Connection) -> None:
    sealed_table.exec_driver_sql("INSERT INTO sample VALUES (1, 2)")
    with pytest.raises(DBAPIError, match="100% sealed; for good"):
        sealed_table.exec_driver_sql("UPDATE sample SET a = 2")


def test_a_missing_trigger_is_named(sealed_table: Connection, dialect: str) -> None:
    name = "sample_no_delete" if dialect == "sqlite" else "sample_no_change"
    sealed_table.exec_driver_sql(f"DROP TRIGGER {name}" + (" ON sample" if dialect == "postgresql" else ""))
    assert triggers.compare(sealed_table, DECLARED) == [f"the trigger {name} is missing"]


def test_a_changed_text_is_named(sealed_table: Connection, dialect: str) -> None:
    if dialect == "sqlite":
        sealed_table.exec_driver_sql("DROP TRIGGER sample_no_delete")
        sealed_table.exec_driver_sql(
            "CREATE TRIGGER sample_no_delete BEFORE DELETE ON sample BEGIN SELECT 1; END"
        )
        assert triggers.compare(sealed_table, DECLARED) == [
            "the trigger sample_no_delete differs from its text"
        ]
        return
    sealed_table.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION sample_sealed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        " SET search_path = public, pg_temp AS 'BEGIN RETURN NULL; END'"
    )
    assert triggers.compare(sealed_table, DECLARED) == ["the function sample_sealed differs from its text"]


def test_a_foreign_trigger_is_named_and_removed(sealed_table: Connection, dialect: str) -> None:
    text = (
        "CREATE TRIGGER stranger AFTER INSERT ON sample BEGIN SELECT 1; END"
        if dialect == "sqlite"
        else "CREATE TRIGGER stranger AFTER INSERT ON sample FOR EACH ROW EXECUTE FUNCTION sample_sealed()"
    )
    sealed_table.exec_driver_sql(text)
    assert "the trigger stranger" in triggers.compare(sealed_table, DECLARED)[0]
    triggers.install(sealed_table, DECLARED)
    assert triggers.compare(sealed_table, DECLARED) == []


@pytest.mark.postgresql_only
@pytest.mark.parametrize("state", ["DISABLE TRIGGER", "ENABLE TRIGGER", "ENABLE REPLICA TRIGGER"])
def test_a_trigger_that_does_not_always_fire_is_named(sealed_table: Connection, state: str) -> None:
    sealed_table.exec_driver_sql(f"ALTER TABLE sample {state} sample_no_change")
    assert triggers.compare(sealed_table, DECLARED) == ["the trigger sample_no_change does not always fire"]


@pytest.mark.postgresql_only
@pytest.mark.parametrize(
    "change", ["SECURITY INVOKER", "RESET search_path", "SET search_path = pg_temp, public"]
)
def test_a_function_without_its_rights_is_named(sealed_table: Connection, change: str) -> None:
    sealed_table.exec_driver_sql(f"ALTER FUNCTION sample_sealed() {change}")
    assert triggers.compare(sealed_table, DECLARED) == ["the function sample_sealed differs from its text"]
