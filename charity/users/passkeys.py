"""Passkeys (WebAuthn) as a second factor. Never commits.

The question a device signs is kept in the row of the session that asked, with what it
was asked for; it is good for five minutes and for one answer of that kind: what was asked
to show a key never takes a new one. A passkey is asked for after the password and never in
its place: offices share machines, and a borrowed phone must not be enough.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import refuse
from charity.ids import new_id
from charity.names import clean_line
from charity.oplog.service import record
from charity.users import door_rules, factors
from charity.users.door_models import OpenSession, Passkey
from charity.users.models import User

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

#: What a question is for: a new key, or a key that is there already.
Purpose = Literal["make", "show"]


def _user_handle(user_id: int) -> bytes:
    """Return what a device files a key under: no name, no inner key."""
    return hashlib.sha256(f"charity passkey {user_id}".encode()).digest()


def _ask(session: Session, session_id: int, purpose: Purpose, at: datetime) -> bytes:
    """Write a fresh question into a session's row and return its bytes."""
    challenge = secrets.token_urlsafe(32)
    row = session.get_one(OpenSession, session_id)
    row.challenge, row.challenge_at = f"{purpose}:{challenge}", at
    session.flush()
    return challenge.encode()


def _described(rows: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn import base64url_to_bytes
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor as Descriptor

    return [Descriptor(id=base64url_to_bytes(row.credential_id)) for row in rows]


def _rows(session: Session, user_id: int) -> list[Passkey]:
    query = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
    return list(session.scalars(query))


def ask_to_make(
    session: Session, *, actor: Actor, session_id: int, username: str, site: tuple[str, str], org_name: str
) -> str:
    """Return what the browser is to hand to ``navigator.credentials.create``, as JSON.

    Args:
        session: a writing session.
        actor: whose passkey it will be.
        session_id: the session that asks.
        username: shown by the device beside the name.
        site: name and origin, see :func:`charity.users.door_rules.passkey_site`.
        org_name: shown by the device.

    Raises:
        Refused: ``passkey_too_many``.
    """
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    held = _rows(session, actor.user_id)
    if len(held) >= door_rules.PASSKEYS_MOST:
        raise refuse("passkey_too_many", most=door_rules.PASSKEYS_MOST)
    options = generate_registration_options(
        rp_id=site[0],
        rp_name=org_name,
        user_id=_user_handle(actor.user_id),
        user_name=username,
        user_display_name=actor.name,
        challenge=_ask(session, session_id, "make", actor.at),
        exclude_credentials=_described(held),
        authenticator_selection=AuthenticatorSelectionCriteria(
            # Found by the login's list of keys; a slot on a small security key is not used up.
            resident_key=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
    )
    return options_to_json(options)


def add_passkey(
    session: Session, *, actor: Actor, question: bytes, answer: str, name: str, site: tuple[str, str]
) -> tuple[str, ...]:
    """Keep a new passkey; return recovery codes when it is the first factor, else none.

    Args:
        session: a writing session.
        actor: whose.
        question: what :func:`take_question` gave.
        answer: JSON the browser made of the new credential.
        name: what the person calls it.
        site: name and origin.

    Raises:
        Refused: ``passkey_refused``, ``passkey_known``, ``passkey_too_many``.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    factors.lock(session, actor.user_id)
    held = factors.factors_of(session, actor.user_id)
    if len(held.passkeys) >= door_rules.PASSKEYS_MOST:
        raise refuse("passkey_too_many", most=door_rules.PASSKEYS_MOST)
    try:
        made = verify_registration_response(
            credential=answer, expected_challenge=question, expected_rp_id=site[0], expected_origin=site[1]
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise refuse("passkey_refused") from None
    digest = hashlib.sha256(made.credential_id).hexdigest()
    if session.scalar(select(Passkey.id).where(Passkey.credential_sha256 == digest)) is not None:
        raise refuse("passkey_known")
    session.add(
        Passkey(
            id=new_id(),
            user_id=actor.user_id,
            credential_id=bytes_to_base64url(made.credential_id),
            credential_sha256=digest,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=clean_line(name, 60) or "passkey",
            is_synced=made.credential_backed_up,
            made_at=actor.at,
        )
    )
    factors.drop_begun(session, actor.user_id)
    record(session, actor=actor, act="users.add_factor", factor="passkey")
    return () if held.is_any else factors.make_codes(session, actor=actor)


def take_question(session: Session, *, session_id: int, purpose: Purpose, at: datetime) -> bytes:
    """Return the open question of a session, which is closed by it whatever the answer is.

    To be called in a transaction of its own: a wrong answer must not leave it open.

    Args:
        session: a writing session.
        session_id: the session that asked.
        purpose: what the answer is for; a question asked for something else is none.
        at: the present instant.

    Raises:
        Refused: ``passkey_refused``.
    """
    row = session.scalars(select(OpenSession).where(OpenSession.id == session_id).with_for_update()).one()
    (asked_for, _, asked), asked_at = row.challenge.partition(":"), row.challenge_at
    row.challenge, row.challenge_at = "", None
    session.flush()
    is_open = asked_at is not None and at - asked_at <= door_rules.CHALLENGE_LIFE
    if not asked or asked_for != purpose or not is_open:
        raise refuse("passkey_refused")
    return asked.encode()


def ask_to_show(
    session: Session, *, user_id: int, session_id: int, site: tuple[str, str], at: datetime
) -> str:
    """Return what the browser is to hand to ``navigator.credentials.get``, as JSON; empty without passkey."""
    from webauthn import generate_authentication_options, options_to_json

    held = _rows(session, user_id)
    if not held:
        return ""
    options = generate_authentication_options(
        rp_id=site[0],
        challenge=_ask(session, session_id, "show", at),
        allow_credentials=_described(held),
    )
    return options_to_json(options)


def use_passkey(
    session: Session, *, user_id: int, question: bytes, answer: str, site: tuple[str, str], at: datetime
) -> None:
    """Take the answer of a passkey of this login.

    Raises:
        Refused: ``passkey_refused``; also when the device's counter went back, the mark
            of a copied key.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    session.scalars(select(User.id).where(User.id == user_id).with_for_update()).one()
    row = _named_in(session, user_id, answer)
    try:
        used = verify_authentication_response(
            credential=answer,
            expected_challenge=question,
            expected_rp_id=site[0],
            expected_origin=site[1],
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise refuse("passkey_refused") from None
    row.sign_count, row.used_at = used.new_sign_count, at
    session.flush()


def _named_in(session: Session, user_id: int, answer: str) -> Passkey:
    """Return the login's passkey an answer names.

    Raises:
        Refused: ``passkey_refused``.
    """
    try:
        named = json.loads(answer)
        credential_id = named["id"] if isinstance(named, dict) else ""
    except (ValueError, KeyError):
        raise refuse("passkey_refused") from None
    row = session.scalar(
        select(Passkey).where(Passkey.user_id == user_id, Passkey.credential_id == str(credential_id))
    )
    if row is None:
        raise refuse("passkey_refused")
    return row


def remove_passkey(session: Session, *, actor: Actor, passkey_id: int, is_demanded: bool) -> str:
    """Remove a passkey from the own login and return what it was called.

    Raises:
        Refused: ``passkey_missing``, ``factor_demanded`` for the last factor where one is asked for.
    """
    factors.lock(session, actor.user_id)
    row = session.get(Passkey, passkey_id)
    if row is None or row.user_id != actor.user_id:
        raise refuse("passkey_missing")
    held = factors.factors_of(session, actor.user_id)
    if is_demanded and not held.has_app and len(held.passkeys) == 1:
        raise refuse("factor_demanded")
    name = row.name
    session.execute(delete(Passkey).where(Passkey.id == passkey_id))
    factors.drop_codes_of_none(session, actor.user_id)
    record(session, actor=actor, act="users.remove_factor", factor="passkey")
    return name
