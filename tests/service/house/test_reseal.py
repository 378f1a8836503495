"""A new field key takes over while old rows stay readable, and hashes go on matching."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Table, select, text
from sqlalchemy.orm import Session

from charity import sealed
from charity.config import UnsafeSettings, load_settings
from charity.db import Base, transact
from charity.ids import new_id
from charity.places.models import Org
from charity.users.models import User
from tests.builders import make_org

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    before = sealed._ring
    sealed.configure(OLD)
    yield
    sealed._ring = before


def table(name: str) -> Table:
    return Base.metadata.tables[name]


def add(session: Session, username: str, email: str | None) -> None:
    org_id = session.scalar(select(Org.id)) or make_org(session).id

    def work(own: Session) -> None:
        own.add(
            User(
                id=new_id(),
                username=username,
                home_org_id=org_id,
                display_name=username,
                sort_key=username,
                search=username,
                email=email,
                created_at=datetime(2026, 3, 18, tzinfo=UTC),
            )
        )

    transact(work, session=session)


def stored(session: Session) -> list[str]:
    session.rollback()
    rows = session.scalars(text("SELECT email FROM users_user WHERE email IS NOT NULL ORDER BY username"))
    return [row.partition(":")[0] for row in rows]


def test_rows_of_an_old_key_are_sealed_anew_and_none_twice(session: Session) -> None:
    for username in ("a", "b", "c"):
        add(session, username, f"{username}@example.org")
    add(session, "without", None)
    sealed.configure(NEW, [OLD])
    add(session, "d", "d@example.org")
    old_name = stored(session)[0]
    work = partial(sealed.reseal, table=table("users_user"), limit=2)
    assert [transact(work, session=session) for _ in range(3)] == [2, 1, 0]
    assert len(set(stored(session))) == 1 and old_name not in stored(session)
    sealed.configure(NEW)
    session.expire_all()
    emails = session.scalars(select(User.email).order_by(User.username)).all()
    assert emails == ["a@example.org", "b@example.org", "c@example.org", "d@example.org", None]


def test_a_table_without_sealed_columns_has_nothing_to_do(session: Session) -> None:
    work = partial(sealed.reseal, table=table("places_unit"))
    assert transact(work, session=session) == 0


def test_retired_keys_are_read_from_the_settings(tmp_path: Path) -> None:
    environ = {"CHARITY_ENV": "test", "CHARITY_DATA": str(tmp_path)}
    assert load_settings(environ).retired_field_keys == ()
    two = f"{OLD.hex()}, {NEW.hex()}"
    assert load_settings({**environ, "CHARITY_RETIRED_FIELD_KEYS": two}).retired_field_keys == (OLD, NEW)


@pytest.mark.parametrize("text", ["xyz", "00", OLD.hex() + ",11"])
def test_a_malformed_retired_key_stops_the_start(tmp_path: Path, text: str) -> None:
    environ = {"CHARITY_ENV": "test", "CHARITY_DATA": str(tmp_path), "CHARITY_RETIRED_FIELD_KEYS": text}
    with pytest.raises(UnsafeSettings, match="RETIRED"):
        load_settings(environ)
