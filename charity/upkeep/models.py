"""Records of upkeep: which backups were made, and which restores were tried out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, Base, Id
from charity.upkeep.rules import BACKUP_STATES, BackupState

_STATES = ", ".join(f"'{state}'" for state in BACKUP_STATES)
_RUNNING = text("state = 'running'")


class Backup(Base):
    """One backup of the whole installation (备份)."""

    __tablename__ = "upkeep_backup"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state_known"),
        CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended"),
        # Two at once would only slow each other down; the index lets one begin.
        Index(
            "uq_upkeep_backup_running", "state", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING
        ),
        Index("ix_upkeep_backup_started", "started_at"),
    )

    #: Time-ordered key, made by the app.
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: running, done, failed.
    state: Mapped[BackupState] = mapped_column(String(8))
    #: Whether the schedule asked for it, and no person.
    is_scheduled: Mapped[bool]
    #: Id in its manifest, 32 hexadecimal digits.
    manifest_id: Mapped[str] = mapped_column(String(32))
    #: File name of the archive.
    name: Mapped[str] = mapped_column(String(80))
    #: Folder it was written to.
    folder: Mapped[str] = mapped_column(String(400))
    #: Schema revision it holds.
    revision: Mapped[str] = mapped_column(String(32), default="")
    #: Bytes of the archive.
    size: Mapped[int] = mapped_column(default=0)
    #: SHA-256 of the archive, in hexadecimal.
    sha256: Mapped[str] = mapped_column(String(64), default="")
    #: Why it failed, in English; empty otherwise.
    problem: Mapped[str] = mapped_column(String(400), default="")
    started_at: Mapped[datetime]
    #: Done or failed.
    ended_at: Mapped[datetime | None]


class Drill(Base):
    """A restore that was tried out (恢复演练); recorded once, never changed."""

    __tablename__ = "upkeep_drill"
    __table_args__ = (
        CheckConstraint("took_ms >= 0 AND vouchers >= 0", name="counted"),
        Index("ix_upkeep_drill_at", "org_id", "drilled_at"),
    )

    #: The org in whose name it was recorded; the drill is of the whole installation.
    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: Time-ordered key, made by the app.
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: When the restore was tried, UTC.
    drilled_at: Mapped[datetime]
    #: The login that did it, and its name at the time.
    drilled_by: Mapped[int] = mapped_column(Id)
    drilled_by_name: Mapped[str] = mapped_column(String(80))
    #: File name of the backup.
    backup_name: Mapped[str] = mapped_column(String(80))
    #: When that backup was made.
    backup_made_at: Mapped[datetime]
    #: SHA-256 of the archive, in hexadecimal.
    backup_sha256: Mapped[str] = mapped_column(String(64))
    #: Posted vouchers found in it, over all orgs.
    vouchers: Mapped[int]
    #: How long restoring and verifying took, in milliseconds.
    took_ms: Mapped[int]
    #: Whether everything was as it must be.
    has_passed: Mapped[bool]
    #: What was found, in English, at most twenty sentences.
    findings: Mapped[list[Any]] = mapped_column(JSON, default=list)
    recorded_at: Mapped[datetime]


APPEND_ONLY.add("upkeep_drill")
