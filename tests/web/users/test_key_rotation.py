"""Changing the keys of the house: what lapses, what goes on, and that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from charity import create_app, sealed
from charity.config import Settings
from charity.db import db, transact
from charity.ledger.attachments import sealed_path, store_attachment
from charity.users import factors
from charity.users.links import make_token
from tests.builders import NOON, make_org, make_user
from tests.doors import GOOD, actor_of, digits_at, enrol_app, set_password, sign_in
from tests.support.visitor import Visitor

if TYPE_CHECKING:
    from tests.conftest import Clock

NEW = b"n" * 32


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    before = sealed._ring
    yield
    sealed._ring = before


def restarted(settings: Settings, clock: Clock, **changes: object) -> Flask:
    """Return the app as it would start again with other keys."""
    made = create_app(replace(settings, **changes), clock=clock)
    made.test_client_class = Visitor
    return made


def closed(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_a_new_secret_key_ends_every_session_and_link(
    app: Flask, session: Session, settings: Settings, clock: Clock
) -> None:
    make_user(session, org_id=make_org(session).id, username="lisi", roles=("cashier",))
    set_password(session, "lisi")
    client = app.test_client()
    sign_in(client, "lisi")
    cookie = client.get_cookie("session")
    assert cookie is not None and client.get("/office/profile").status_code == 200
    token = make_token(settings.secret_key, username="lisi", epoch=1, at=clock(), life=timedelta(hours=1))
    assert client.get(f"/password/choose/{token}").status_code == 200
    other = restarted(settings, clock, secret_key="44" * 32)
    again = other.test_client()
    again.set_cookie("session", cookie.value)
    assert again.get("/office/profile").status_code == 302
    assert again.get(f"/password/choose/{token}").status_code == 410
    assert sign_in(again, "lisi").status_code == 303, "passwords do not hang on it"
    closed(other)


def test_a_new_field_key_keeps_second_factors_and_codes(
    app: Flask, session: Session, settings: Settings, clock: Clock
) -> None:
    org_id = make_org(session).id
    make_user(session, org_id=org_id, username="lisi", roles=("cashier",), email="li@example.org")
    set_password(session, "lisi")
    lisi = actor_of(session, "lisi", org_id=org_id, at=NOON)
    secret, codes = enrol_app(session, lisi)
    kept = {"data": b"a list", "name": "a.csv", "media_type": "text/plain", "data_dir": settings.data_dir}
    sha256 = transact(lambda own: store_attachment(own, actor=lisi, is_sealed=True, **kept), session=session)
    other = restarted(settings, clock, field_key=NEW, retired_field_keys=(settings.field_key,))
    with other.app_context():
        result = other.test_cli_runner().invoke(args=["reseal"])
    assert result.exit_code == 0 and not result.output.startswith("0 rows")
    assert "and 1 files" in result.output
    assert sealed.is_sealed_anew(sealed_path(settings.data_dir, sha256).read_bytes())
    session.rollback()
    stored = session.execute(
        text("SELECT secret FROM users_authenticator_app UNION SELECT email FROM users_user")
    )
    name = sealed.seal("x", "y").partition(":")[0]
    assert {row[0].partition(":")[0] for row in stored} == {name}, "no row needs the old key to be read"
    clock.advance(minutes=2)
    client = other.test_client()
    sign_in(client, "lisi", GOOD)
    answer = client.post("/sign-in/second", data={"factor_code": digits_at(secret, clock())})
    assert answer.status_code == 303
    session.rollback()
    session.expire_all()
    kind = transact(lambda own: factors.use_code(own, actor=lisi, code=codes[0]), session=session)
    assert kind == "recovery_code", "hashes are keyed by the oldest key"
    closed(other)


def test_no_key_is_shown_by_the_settings(settings: Settings) -> None:
    shown = repr(settings)
    for key in (
        settings.secret_key,
        settings.field_key.hex(),
        settings.sign_key.hex(),
        str(settings.sign_key),
    ):
        assert key not in shown
