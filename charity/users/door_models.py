"""What guards the door: sessions, second factors, the rules of an org about them, resets.

Tables of persons, not of orgs: a login signs in once, in whichever orgs it works. What
could open a door by itself is sealed (the secret of an app) or hashed (tokens, codes).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id
from charity.sealed import SealedText


def _key() -> Mapped[int]:
    """Return a row's primary key."""
    return mapped_column(Id, primary_key=True, autoincrement=False)


def _person() -> Mapped[int]:
    """Return the login a row belongs to."""
    return mapped_column(Id, ForeignKey("users_user.id"), index=True)


class OpenSession(Base):
    """One sign-in on one device; the cookie names it by a token kept here as a hash alone."""

    __tablename__ = "users_session"
    __table_args__ = (
        CheckConstraint("stage IN ('half', 'whole')", name="stage_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_how = '')", name="ended_somehow"),
        Index("ix_users_session_device", "user_id", "device_hash"),
    )

    id: Mapped[int] = _key()
    user_id: Mapped[int] = _person()
    #: SHA-256 of the token in the cookie, in hexadecimal.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    #: Session epoch of the login at the sign-in; with another one the session is over.
    epoch: Mapped[int]
    #: half: the password was right, the second factor is awaited; whole: signed in.
    stage: Mapped[str] = mapped_column(String(5))
    #: Browser and system in words, as far as the browser tells.
    device: Mapped[str] = mapped_column(String(80))
    #: Hash of the long-lived cookie of this browser, by which a new device is told.
    device_hash: Mapped[str] = mapped_column(String(64))
    #: Network address of the sign-in, sealed.
    address: Mapped[str] = mapped_column(SealedText("users_session.address"))
    #: When it began.
    started_at: Mapped[datetime] = mapped_column(index=True)
    #: The last request of the office that was noted, at most once a minute.
    seen_at: Mapped[datetime]
    #: When a second factor was last shown; None when none was.
    proved_at: Mapped[datetime | None]
    #: Whether the person must set up a second factor before anything else.
    must_enrol: Mapped[bool] = mapped_column(Boolean, default=False)
    #: What is asked of a passkey (make, show) and the question it is to sign; empty when none is open.
    challenge: Mapped[str] = mapped_column(String(100), default="")
    #: When it was asked; None when none is open.
    challenge_at: Mapped[datetime | None]
    #: When it was ended by an act; None while it lasts or when it only ran out.
    ended_at: Mapped[datetime | None]
    #: sign_out, self (from another session), administrator, whole (the second step was done), restored.
    ended_how: Mapped[str] = mapped_column(String(20), default="")


class AuthenticatorApp(Base):
    """The app that shows six digits (RFC 6238): one a person."""

    __tablename__ = "users_authenticator_app"

    user_id: Mapped[int] = mapped_column(
        Id, ForeignKey("users_user.id"), primary_key=True, autoincrement=False
    )
    #: The shared secret, base 32, sealed; while it waits, with the session that asked for it.
    secret: Mapped[str] = mapped_column(SealedText("users_authenticator_app.secret"))
    made_at: Mapped[datetime]
    #: When the person showed that the app works; None: not in force.
    confirmed_at: Mapped[datetime | None]
    #: The last time step whose digits were used; none up to it is taken again.
    last_step: Mapped[int] = mapped_column(default=0)


class Passkey(Base):
    """A key held by a device or a security key (WebAuthn); any number a person."""

    __tablename__ = "users_passkey"

    id: Mapped[int] = _key()
    user_id: Mapped[int] = _person()
    #: What the device calls the key, base64url.
    credential_id: Mapped[str] = mapped_column(Text)
    #: SHA-256 of it, in hexadecimal; a key belongs to one login.
    credential_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    #: Public half, COSE.
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    #: Counter of the device; 0 where it keeps none.
    sign_count: Mapped[int]
    #: What the person calls it.
    name: Mapped[str] = mapped_column(String(60))
    #: Whether it is kept in the cloud of a maker and works on several devices.
    is_synced: Mapped[bool] = mapped_column(Boolean, default=False)
    made_at: Mapped[datetime]
    #: Last use; None before the first.
    used_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """One code for the day on which phone and passkey are lost; used once."""

    __tablename__ = "users_recovery_code"

    id: Mapped[int] = _key()
    user_id: Mapped[int] = _person()
    #: Keyed hash of the code; it has 120 bits of chance, so no slow hash is needed.
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime]
    #: When it was used; None while it waits.
    used_at: Mapped[datetime | None]


class FactorReset(Base):
    """A lost second factor, taken off by two administrators: one asks, another confirms."""

    __tablename__ = "users_factor_reset"
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'done', 'declined')", name="state_known"),
        CheckConstraint("asked_by <> user_id", name="not_for_oneself"),
        CheckConstraint(
            "decided_by IS NULL OR (decided_by <> asked_by AND decided_by <> user_id)", name="second_person"
        ),
        CheckConstraint("(state = 'asked') = (decided_by IS NULL)", name="decided_by_somebody"),
        Index(
            "uq_users_factor_reset_open",
            "user_id",
            unique=True,
            sqlite_where=text("state = 'asked'"),
            postgresql_where=text("state = 'asked'"),
        ),
    )

    id: Mapped[int] = _key()
    user_id: Mapped[int] = _person()
    #: The org whose administrators act.
    org_id: Mapped[int] = mapped_column(Id, ForeignKey("places_org.id"))
    #: asked, done, declined.
    state: Mapped[str] = mapped_column(String(8))
    #: How the asker made sure who asks.
    reason: Mapped[str] = mapped_column(String(200))
    asked_by: Mapped[int] = mapped_column(Id)
    asked_at: Mapped[datetime]
    #: The second administrator; None while it waits.
    decided_by: Mapped[int | None] = mapped_column(Id)
    decided_at: Mapped[datetime | None]


class SignInPolicy(Base):
    """What an org asks of its people at the door; the latest row holds, none is changed."""

    __tablename__ = "users_sign_in_policy"
    __table_args__ = (
        CheckConstraint("second_factor IN ('offered', 'money', 'everyone')", name="second_factor_known"),
        CheckConstraint("step_up_min >= 0", name="step_up_not_negative"),
    )

    org_id: Mapped[int] = mapped_column(
        Id, ForeignKey("places_org.id"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = _key()
    #: offered, money (whoever moves or books money or gives roles), everyone.
    second_factor: Mapped[str] = mapped_column(String(8))
    #: Minutes a proof counts for acts on money; 0: not asked again.
    step_up_min: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(String(200))
    set_by: Mapped[int] = mapped_column(Id)
    set_at: Mapped[datetime]
