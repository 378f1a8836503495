"""Passkeys as a device makes them: each belongs to one login, and a login keeps ten."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.orm import Session
from webauthn.helpers import bytes_to_base64url

from charity.db import Actor, transact
from charity.users import passkeys
from charity.users.door_rules import PASSKEYS_MOST
from tests.builders import NOON, make_org, make_user
from tests.doors import actor_of
from tests.service.users.test_factors import SITE, begin, key_of, refused

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def org_id(session: Session) -> int:
    return make_org(session).id


@pytest.fixture
def lisi(session: Session, org_id: int) -> Actor:
    make_user(session, org_id=org_id, username="lisi", roles=("cashier",), display_name="李四")
    return actor_of(session, "lisi", org_id=org_id, at=NOON)


def made_by_a_device(question: bytes) -> str:
    """Return what a browser answers with a new key of a device, without any attestation."""
    point = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_numbers()
    cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
    key = b"k" * 16
    head = hashlib.sha256(SITE[0].encode()).digest() + b"\x41" + bytes(4)
    data = head + bytes(16) + len(key).to_bytes(2, "big") + key + cbor2.dumps(cose)
    client = {"type": "webauthn.create", "challenge": bytes_to_base64url(question), "origin": SITE[1]}
    answer = {
        "clientDataJSON": bytes_to_base64url(json.dumps(client).encode()),
        "attestationObject": bytes_to_base64url(
            cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        ),
    }
    named = {"id": bytes_to_base64url(key), "rawId": bytes_to_base64url(key), "type": "public-key"}
    return json.dumps(named | {"response": answer})


def test_a_passkey_belongs_to_one_login(session: Session, lisi: Actor, org_id: int) -> None:
    make_user(session, org_id=org_id, username="wangwu")
    other = actor_of(session, "wangwu", org_id=org_id, at=NOON)
    answer = made_by_a_device(b"q" * 32)

    def add(actor: Actor) -> Any:
        return lambda own: passkeys.add_passkey(
            own, actor=actor, question=b"q" * 32, answer=answer, name="x", site=SITE
        )

    assert len(transact(add(lisi), session=session)) == 10, "recovery codes come with the first factor"
    assert refused(session, add(lisi)) == ["passkey_known"]
    assert refused(session, add(other)) == ["passkey_known"]


def test_a_login_keeps_ten_passkeys(session: Session, lisi: Actor) -> None:
    """An eleventh is neither asked for nor taken."""
    for number in range(PASSKEYS_MOST):
        key_of(session, lisi, number=number)
    _, key = begin(session, lisi)
    values = {"username": "lisi", "site": SITE, "org_name": "市慈善总会"}
    assert refused(session, lambda own: passkeys.ask_to_make(own, actor=lisi, session_id=key, **values)) == [
        "passkey_too_many"
    ]
    answer = made_by_a_device(b"q" * 32)
    assert refused(
        session,
        lambda own: passkeys.add_passkey(
            own, actor=lisi, question=b"q" * 32, answer=answer, name="x", site=SITE
        ),
    ) == ["passkey_too_many"]
