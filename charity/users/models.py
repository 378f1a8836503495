"""Logins, their membership of orgs, and roles granted and withdrawn."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id
from charity.sealed import SealedText


class User(Base):
    """A login: one person, in whichever orgs."""

    __tablename__ = "users_user"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Small letters, digits, dot, hyphen, underscore; never changes, so that logs stay readable.
    username: Mapped[str] = mapped_column(String(30), unique=True)
    #: The name signed with.
    display_name: Mapped[str] = mapped_column(String(80))
    #: Pinyin of the name, for order.
    sort_key: Mapped[str] = mapped_column(String(240))
    #: What the name is found by: folded, pinyin, initials.
    search: Mapped[str] = mapped_column(String(300))
    #: Mail address, sealed; None for people without one.
    email: Mapped[str | None] = mapped_column(SealedText("users_user.email"))
    #: E.164 number, sealed; None for people without one.
    phone: Mapped[str | None] = mapped_column(SealedText("users_user.phone"))
    #: The org that made the login; only its administrators change name and addresses or make links.
    home_org_id: Mapped[int] = mapped_column(Id, ForeignKey("places_org.id"))
    #: Who changed the mail address last, and when; None while it is the first one.
    email_changed_by: Mapped[int | None] = mapped_column(Id)
    email_changed_at: Mapped[datetime | None]
    #: Argon2id; empty until the person has chosen a password.
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    #: When the password was last chosen.
    password_at: Mapped[datetime | None]
    #: Rises with each new password or mail address and when the login is closed; sessions and links
    #: name it.
    session_epoch: Mapped[int] = mapped_column(default=1)
    #: Whether the person may sign in at all.
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    #: zh_Hans, zh_Hant, en; empty to follow the browser.
    language: Mapped[str] = mapped_column(String(8), default="")
    created_at: Mapped[datetime]


class Membership(Base):
    """A person's time in an org; who comes back begins a new one."""

    __tablename__ = "users_membership"
    __table_args__ = (
        CheckConstraint("until_on IS NULL OR until_on >= from_on", name="dates_in_order"),
        Index(
            "uq_users_membership_open",
            "org_id",
            "user_id",
            unique=True,
            sqlite_where=text("until_on IS NULL"),
            postgresql_where=text("until_on IS NULL"),
        ),
    )

    org_id: Mapped[int] = mapped_column(
        Id, ForeignKey("places_org.id"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users_user.id"), index=True)
    #: The place the person sits at, sees it and what lies below; None for the whole org.
    unit_id: Mapped[int | None] = mapped_column(Id, ForeignKey("places_unit.id"))
    #: First day.
    from_on: Mapped[date] = mapped_column(Date)
    #: Last day; None while it lasts.
    until_on: Mapped[date | None] = mapped_column(Date)


class RoleGrant(Base):
    """A role given to a person in an org, and taken back; the rows are the history."""

    __tablename__ = "users_role_grant"
    __table_args__ = (
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_by_somebody"),
        CheckConstraint("granted_by <> user_id", name="not_to_oneself"),
        Index(
            "uq_users_role_grant_held",
            "org_id",
            "user_id",
            "role",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    org_id: Mapped[int] = mapped_column(
        Id, ForeignKey("places_org.id"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users_user.id"))
    #: Code of the role; the table of roles is in the rules.
    role: Mapped[str] = mapped_column(String(30))
    #: Why it was given.
    reason: Mapped[str] = mapped_column(String(200))
    #: The login that gave it; 0 for the command line.
    granted_by: Mapped[int] = mapped_column(Id)
    granted_at: Mapped[datetime]
    #: The login that took it back; None while it is held.
    revoked_by: Mapped[int | None] = mapped_column(Id)
    revoked_at: Mapped[datetime | None]
    #: Why it was taken back.
    revoke_reason: Mapped[str] = mapped_column(String(200), default="")
