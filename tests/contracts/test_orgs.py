"""What lets a province distribute data by org: tables that grow are keyed by it, no query forgets it."""

from __future__ import annotations

import pytest
from sqlalchemy import Table, create_engine, select, update
from sqlalchemy.orm import Session

from charity import schema
from charity.db import Base, watch_orgs
from charity.ledger.models import Draft, Fund
from charity.messages.models import Message

#: Shared by all orgs of an installation, or a login's own, which serves several orgs.
SHARED = {
    "upkeep_backup",
    "users_authenticator_app",
    "users_factor_reset",
    "users_passkey",
    "users_recovery_code",
    "users_session",
    "ledger_account",
    "ledger_cash_flow_item",
    "ledger_guard_rule",
    "places_org",
    "places_unit",
    "users_user",
    "web_rate_limit",
}


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    schema.load_tables()
    return dict(Base.metadata.tables)


def test_every_table_that_grows_has_its_org_first_in_the_key(tables: dict[str, Table]) -> None:
    others = {name for name, table in tables.items() if list(table.primary_key)[0].name != "org_id"}
    assert others == SHARED


def test_a_key_from_one_growing_table_to_another_stays_inside_the_org(tables: dict[str, Table]) -> None:
    wrong = [
        f"{name}: {key.name}"
        for name, table in tables.items()
        for key in table.foreign_key_constraints
        if key.referred_table.name not in SHARED | {"proofs_log"} and "org_id" not in key.column_keys
    ]
    assert wrong == []


@pytest.fixture
def watched() -> Session:
    schema.load_tables()
    engine = create_engine("sqlite://")
    for model in (Draft, Fund, Message):
        Base.metadata.tables[model.__tablename__].create(engine)
    watch_orgs(engine)
    return Session(engine)


@pytest.mark.parametrize(
    "statement",
    [
        select(Draft.id),
        select(Draft.id).where(Draft.state == "draft"),
        select(Draft.id, Draft.org_id).where(Draft.id == 1),
        select(Draft.id).join(Fund, Fund.org_id == Draft.org_id),
        update(Message).values(state="sent"),
    ],
    ids=["bare", "by state", "org only shown", "org only joined", "update"],
)
def test_a_statement_on_a_growing_table_names_an_org(watched: Session, statement: object) -> None:
    with watched, pytest.raises(RuntimeError, match="names no org"):
        watched.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "statement",
    [
        select(Draft.id).where(Draft.org_id == 1),
        select(Draft.id).where(Draft.org_id.in_([1, 2])),
        select(Draft.id).execution_options(across_orgs=True),
        select(Fund.code).where(Fund.org_id == 1),
    ],
    ids=["one org", "some orgs", "all, and says so", "another table"],
)
def test_one_that_does_or_says_that_it_serves_all_is_let_through(watched: Session, statement: object) -> None:
    with watched:
        assert watched.execute(statement).all() == []  # type: ignore[call-overload]
