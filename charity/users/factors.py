"""The second factor of a login: the app's digits and recovery codes. Never commits.

Digits are taken once: the row keeps the last time step used (RFC 6238, 5.2). Passkeys
stand in ``passkeys``; what the two share – how many factors a person has, what happens
when the last one goes – stands here.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse
from charity.ids import fold_code, new_code, new_id
from charity.oplog import rules as log_rules
from charity.oplog.service import record
from charity.sealed import keyed_hash
from charity.users import door_rules
from charity.users.door_models import AuthenticatorApp, OpenSession, Passkey, RecoveryCode
from charity.users.models import User

log_rules.register_acts(
    {
        "users.add_factor": N_("Set up a second factor"),
        "users.remove_factor": N_("Removed a second factor"),
        "users.make_codes": N_("Made new recovery codes"),
        "users.use_code": N_("Used a recovery code"),
        "users.prove": N_("Showed the second factor"),
        "users.factor_refused": N_("Was refused at the second factor"),
    }
)
log_rules.register_labels({"factor": N_("Second factor")})
#: Kinds of second factor, and what they are called.
FACTORS = {
    "app": N_("app with six digits"),
    "passkey": N_("passkey"),
    "recovery_code": N_("recovery code"),
}
log_rules.register_words("factor", FACTORS)


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey as its owner sees it: key of the row, name, whether synced, when made and used."""

    id: int
    name: str
    is_synced: bool
    made_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Factors:
    """What a login can show beside its password.

    Attributes:
        has_app: whether an app is in force.
        app_at: since when; None without.
        passkeys: the latest made last.
        codes_left: recovery codes not used yet.
    """

    has_app: bool
    app_at: datetime | None
    passkeys: tuple[PasskeyRow, ...]
    codes_left: int

    @property
    def is_any(self) -> bool:
        """Say whether there is a second factor; recovery codes alone are none."""
        return self.has_app or bool(self.passkeys)


def factors_of(session: Session, user_id: int) -> Factors:
    """Return the second factors of a login."""
    app = session.get(AuthenticatorApp, user_id)
    confirmed_at = app.confirmed_at if app else None
    passkeys = session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id))
    left = session.scalar(
        select(func.count())
        .select_from(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    )
    return Factors(
        has_app=confirmed_at is not None,
        app_at=confirmed_at,
        passkeys=tuple(
            PasskeyRow(row.id, row.name, row.is_synced, row.made_at, row.used_at) for row in passkeys
        ),
        codes_left=left or 0,
    )


def lock(session: Session, user_id: int) -> User:
    """Return a login, locked: what is done to its factors is done one after another."""
    return session.scalars(select(User).where(User.id == user_id).with_for_update()).one()


def begin_app(session: Session, *, actor: Actor, session_id: int) -> str:
    """Make a secret for an app and return it, base 32; it is in force once it was confirmed.

    A secret that is in force already stays so until the new one is confirmed elsewhere:
    it must be removed first. One that waits is seen and confirmed by the session alone in
    which the password was given, so that nobody else's session puts an app of its own in.

    Args:
        session: a writing session.
        actor: whose app it will be.
        session_id: the session that asks.

    Raises:
        Refused: ``app_expired`` when an app is in force.
    """
    lock(session, actor.user_id)
    row = session.get(AuthenticatorApp, actor.user_id)
    if row is not None and row.confirmed_at is not None:
        raise refuse("app_expired")
    secret = pyotp.random_base32(32)
    if row is None:
        row = AuthenticatorApp(user_id=actor.user_id)
        session.add(row)
    row.secret, row.made_at, row.confirmed_at, row.last_step = f"{secret} {session_id}", actor.at, None, 0
    session.flush()
    return secret


def waiting_secret(session: Session, *, user_id: int, session_id: int, at: datetime) -> str | None:
    """Return the secret this session has asked for; None when there is none or it is too old."""
    row = session.get(AuthenticatorApp, user_id)
    if row is None or row.confirmed_at is not None or at - row.made_at > door_rules.ENROL_LIFE:
        return None
    secret, _, asker = row.secret.partition(" ")
    return secret if asker == str(session_id) else None


def otpauth_address(secret: str, *, username: str, issuer: str) -> str:
    """Return the address an app reads from a QR code (Key URI format)."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


def matching_step(secret: str, code: str, *, after: int, at: datetime) -> int | None:
    """Return the time step whose digits were typed; None when they fit none that may be used.

    The present step and the one before are taken, for a phone that is a little slow and a
    person who types (RFC 6238, 5.2), each once.

    Args:
        secret: base 32.
        code: as typed, folded.
        after: the last step used.
        at: the server's instant.
    """
    totp, now = pyotp.TOTP(secret), int(at.timestamp()) // door_rules.STEP_S
    found = None
    for step in (now - 1, now):
        # Each candidate is compared, in constant time, whatever the first one gave.
        if hmac.compare_digest(totp.generate_otp(step), code) and step > after:
            found = step
    return found


def confirm_app(session: Session, *, actor: Actor, session_id: int, code: str) -> tuple[str, ...]:
    """Put the waiting app in force; return recovery codes when they are the first, else none.

    Args:
        session: a writing session.
        actor: whose app.
        session_id: the session that asked for its secret.
        code: the first digits, as typed.

    Raises:
        Refused: ``app_expired``, ``factor_wrong``.
    """
    lock(session, actor.user_id)
    had_any = factors_of(session, actor.user_id).is_any
    secret = waiting_secret(session, user_id=actor.user_id, session_id=session_id, at=actor.at)
    if secret is None:
        raise refuse("app_expired", "code")
    step = matching_step(secret, digits_of(code), after=0, at=actor.at)
    if step is None:
        raise refuse("factor_wrong", "code")
    row = session.get_one(AuthenticatorApp, actor.user_id)
    row.secret, row.confirmed_at, row.last_step = secret, actor.at, step
    drop_begun(session, actor.user_id)
    record(session, actor=actor, act="users.add_factor", factor="app")
    return () if had_any else make_codes(session, actor=actor)


def digits_of(text: str) -> str:
    """Return the digits of a code as typed: full-width ones too, without blanks."""
    plain = "".join(text.split())
    # Every decimal digit of Unicode has its value; anything else makes the code wrong.
    return "".join(str(int(sign)) if sign.isdecimal() else "?" for sign in plain)[:20]


def make_codes(session: Session, *, actor: Actor) -> tuple[str, ...]:
    """Make ten recovery codes in place of all earlier ones; they are shown this once."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == actor.user_id))
    codes = [new_code(door_rules.RECOVERY_LENGTH) for _ in range(door_rules.RECOVERY_CODES)]
    for code in codes:
        session.add(
            RecoveryCode(id=new_id(), user_id=actor.user_id, code_hash=code_hash(code), made_at=actor.at)
        )
    session.flush()
    record(session, actor=actor, act="users.make_codes", count=len(codes))
    return tuple("-".join(code[k : k + 4] for k in range(0, len(code), 4)) for code in codes)


def code_hash(code: str) -> str:
    """Return the keyed hash of a recovery code as typed."""
    return keyed_hash(fold_code(code).replace("-", ""), "recovery code")


def use_code(session: Session, *, actor: Actor, code: str) -> str:
    """Take the digits of the app or a recovery code; return which kind it was.

    Args:
        session: a writing session.
        actor: whose second factor; who is about to sign in, or acts.
        code: as typed.

    Raises:
        Refused: ``factor_wrong``.
    """
    lock(session, actor.user_id)
    app = session.get(AuthenticatorApp, actor.user_id)
    if app is not None and app.confirmed_at is not None:
        step = matching_step(app.secret, digits_of(code), after=app.last_step, at=actor.at)
        if step is not None:
            app.last_step = step
            session.flush()
            return "app"
    row = session.scalar(
        select(RecoveryCode).where(
            RecoveryCode.user_id == actor.user_id,
            RecoveryCode.code_hash == code_hash(code),
            RecoveryCode.used_at.is_(None),
        )
    )
    if row is None or not factors_of(session, actor.user_id).is_any:
        raise refuse("factor_wrong", "code")
    row.used_at = actor.at
    session.flush()
    record(session, actor=actor, act="users.use_code")
    return "recovery_code"


def remove_app(session: Session, *, actor: Actor, is_demanded: bool) -> None:
    """Remove the app from the own login.

    Args:
        session: a writing session.
        actor: whose.
        is_demanded: whether a second factor is asked of this login.

    Raises:
        Refused: ``factor_missing``, ``factor_demanded`` for the last one where one is asked for.
    """
    lock(session, actor.user_id)
    held = factors_of(session, actor.user_id)
    if not held.has_app:
        raise refuse("factor_missing")
    if is_demanded and not held.passkeys:
        raise refuse("factor_demanded")
    session.execute(delete(AuthenticatorApp).where(AuthenticatorApp.user_id == actor.user_id))
    drop_codes_of_none(session, actor.user_id)
    record(session, actor=actor, act="users.remove_factor", factor="app")


def drop_codes_of_none(session: Session, user_id: int) -> None:
    """Delete the recovery codes of a login that has no second factor any more."""
    session.flush()
    session.expire_all()
    if not factors_of(session, user_id).is_any:
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


def drop_begun(session: Session, user_id: int) -> None:
    """Close what was begun for a login: a secret that waits, questions for a new passkey.

    Called when a factor comes into force: what another session began with the password
    alone, before there was a factor to show, must not be finished after it.
    """
    session.flush()
    session.execute(
        delete(AuthenticatorApp).where(
            AuthenticatorApp.user_id == user_id, AuthenticatorApp.confirmed_at.is_(None)
        )
    )
    session.execute(
        update(OpenSession)
        .where(OpenSession.user_id == user_id, OpenSession.challenge.startswith("make:"))
        .values(challenge="", challenge_at=None)
    )


def drop_all(session: Session, user_id: int) -> None:
    """Delete every second factor of a login, its recovery codes too; the caller logs why."""
    for table in (AuthenticatorApp, Passkey, RecoveryCode):
        session.execute(delete(table).where(table.user_id == user_id))


def record_refused(session: Session, *, actor: Actor, username: str) -> None:
    """Log a second factor that was refused."""
    record(session, actor=actor, act="users.factor_refused", subject_kind="user", subject_no=username)


def known_kinds(held: Factors) -> Sequence[str]:
    """Return the kinds of factor a login can show now."""
    kinds = ["app"] if held.has_app else []
    kinds += ["passkey"] if held.passkeys else []
    return kinds + (["recovery_code"] if held.codes_left else [])
