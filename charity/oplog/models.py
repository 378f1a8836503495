"""The record of the operation log; sealed against every change (see ``sealing``)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, Base, Id

APPEND_ONLY.add("oplog_entry")


class OpLogEntry(Base):
    """One act of one person. Rows are never changed; proofs chain them elsewhere."""

    __tablename__ = "oplog_entry"
    __table_args__ = (
        CheckConstraint("act <> ''", name="act_named"),
        Index("ix_oplog_entry_at", "org_id", "at", "id"),
        Index("ix_oplog_entry_user", "org_id", "user_id", "at"),
        Index("ix_oplog_entry_subject", "org_id", "subject_kind", "subject_no"),
    )

    #: The org in whose books or name the act was done; 0 for the installation itself.
    org_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Time-ordered key, made by the app.
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: The instant of the act, UTC.
    at: Mapped[datetime]
    #: The login that acted; 0 for the system and for people who are not signed in.
    user_id: Mapped[int] = mapped_column(Id)
    #: The name signed with at that time; names may change later, the log does not.
    user_name: Mapped[str] = mapped_column(String(80))
    #: What the name is found by: folded, pinyin, initials.
    user_search: Mapped[str] = mapped_column(String(240))
    #: ``feature.verb``.
    act: Mapped[str] = mapped_column(String(60))
    #: What was acted on: ``voucher``, ``user`` …; empty when the act has no single subject.
    subject_kind: Mapped[str] = mapped_column(String(40), default="")
    #: Its number or name as people say it, never an inner id.
    subject_no: Mapped[str] = mapped_column(String(120), default="")
    #: One line in the actor's words, without sensitive data.
    summary: Mapped[str] = mapped_column(String(300), default="")
    #: Names and values; ``{"old": …, "new": …}`` for a change. Sensitive values as keyed hashes.
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: What the content is found by: folded number, summary and values.
    search: Mapped[str] = mapped_column(Text)
    #: Keyed hash of the network address; empty for jobs and the command line.
    address_hash: Mapped[str] = mapped_column(String(64), default="")
