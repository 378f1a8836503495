"""The app role gets what the tables allow, the auditor reads, an unsafe role is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity import db, grants
from charity.config import Settings, UnsafeSettings
from tests.support.postgres import APP, AUDITOR, OWNER, PostgresServer

pytestmark = pytest.mark.postgresql_only


@pytest.fixture
def tables(owner_connection: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Three tables of the three kinds, with their rights."""
    monkeypatch.setattr(grants, "APPEND_ONLY", {"growing"})
    monkeypatch.setattr(grants, "TRIGGER_ONLY", {"projected"})
    for name in ("growing", "projected", "plain"):
        owner_connection.exec_driver_sql(f"CREATE TABLE {name} (a INTEGER)")
    assert grants.install(owner_connection, settings) == []
    return owner_connection


STATEMENTS = {
    "SELECT": "SELECT * FROM {}",
    "INSERT": "INSERT INTO {} VALUES (1)",
    "UPDATE": "UPDATE {} SET a = 2",
    "DELETE": "DELETE FROM {}",
    "TRUNCATE": "TRUNCATE {}",
    "TRIGGER": "CREATE TRIGGER t BEFORE INSERT ON {} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "DROP": "DROP TABLE {}",
}
ALLOWED = {
    ("app", "plain"): {"SELECT", "INSERT", "UPDATE", "DELETE"},
    ("app", "growing"): {"SELECT", "INSERT"},
    ("app", "projected"): {"SELECT"},
    ("auditor", "plain"): {"SELECT"},
    ("auditor", "growing"): {"SELECT"},
    ("auditor", "projected"): {"SELECT"},
}


def allowed(url: str, table: str) -> set[str]:
    """Return which statements a role gets through with."""
    engine, through = create_engine(url), set()
    for name, statement in STATEMENTS.items():
        with engine.connect() as connection:
            try:
                connection.exec_driver_sql(statement.format(table))
            except DBAPIError as error:
                assert "permission denied" in str(error) or "must be owner" in str(error)
            else:
                through.add(name)
    engine.dispose()
    return through


@pytest.mark.parametrize(("role", "table"), ALLOWED)
def test_a_role_may_do_what_its_table_allows_and_nothing_else(
    tables: Connection, settings: Settings, role: str, table: str
) -> None:
    names = {"app": APP, "auditor": AUDITOR}
    assert allowed(settings.owner_url.replace(OWNER, names[role]), table) == ALLOWED[role, table]


def test_a_right_granted_by_hand_does_not_stay(tables: Connection, settings: Settings) -> None:
    tables.exec_driver_sql(f"GRANT UPDATE ON growing TO {APP}")
    grants.install(tables, settings)
    assert allowed(settings.database_url, "growing") == {"SELECT", "INSERT"}


def test_the_app_cannot_make_a_table(session: Session) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        session.connection().exec_driver_sql("CREATE TABLE mine (a INTEGER)")


def test_a_role_that_does_not_exist_is_told(tables: Connection, settings: Settings) -> None:
    assert grants.install(tables, replace(settings, auditor_role="nobody_yet")) == ["nobody_yet"]


def test_every_table_of_the_project_has_its_rights(session: Session) -> None:
    connection = session.connection()
    rows = connection.exec_driver_sql(
        "SELECT c.relname, r.name, has_table_privilege(c.oid, r.name) FROM pg_class c,"
        " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS r(name)"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
    ).all()
    found = {table: {right for name, right, has in rows if name == table and has} for table, _, _ in rows}
    assert db.APPEND_ONLY & found.keys()
    assert found == {table: grants.table_rights(table) for table in found}


@pytest.fixture
def engine_of(settings: Settings) -> Iterator[dict[str, Engine]]:
    """Engines of the roles an app might be pointed at."""
    engines = {
        role: create_engine(settings.owner_url.replace(OWNER, role))
        for role in (OWNER, APP, AUDITOR, "postgres")
    }
    yield engines
    for engine in engines.values():
        engine.dispose()


@pytest.mark.parametrize(
    ("role", "why"), [("postgres", "is a superuser"), (OWNER, "owns tables, owns the database")]
)
@pytest.mark.parametrize("environment", ["production", "demo"])
def test_an_unsafe_role_is_refused(
    engine_of: dict[str, Engine], settings: Settings, role: str, why: str, environment: str
) -> None:
    with pytest.raises(UnsafeSettings, match=why):
        grants.refuse_unsafe_role(engine_of[role], replace(settings, environment=environment))


def test_a_member_of_the_owner_is_refused(
    engine_of: dict[str, Engine], settings: Settings, postgres_server: PostgresServer
) -> None:
    postgres_server.run(f"GRANT {OWNER} TO {APP}")
    try:
        with pytest.raises(UnsafeSettings, match="owns tables"):
            grants.refuse_unsafe_role(engine_of[APP], replace(settings, environment="production"))
    finally:
        postgres_server.run(f"REVOKE {OWNER} FROM {APP}")


def test_the_app_role_is_accepted(engine_of: dict[str, Engine], settings: Settings) -> None:
    production = replace(settings, environment="production")
    assert grants.refuse_unsafe_role(engine_of[APP], production) is None


def test_development_runs_as_any_role(engine_of: dict[str, Engine], settings: Settings) -> None:
    assert (
        grants.refuse_unsafe_role(engine_of["postgres"], replace(settings, environment="development")) is None
    )
