"""Records of staged files: the file, its rows as read, and remembered answers about columns."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base
from charity.ids import new_id
from charity.sealed import SealedText


class ImportFile(Base):
    """A file a person dropped; its bytes are a source document (原始凭证) of what it makes."""

    __tablename__ = "imports_file"
    __table_args__ = (
        CheckConstraint("state IN ('unmapped','reading','judged','booked','cancelled')", name="state"),
        UniqueConstraint("org_id", "public_no"),
        Index(
            "ux_imports_file_sha256",
            "org_id",
            "sha256",
            unique=True,
            sqlite_where=text("state <> 'cancelled'"),
            postgresql_where=text("state <> 'cancelled'"),
        ),
        Index("ix_imports_file_dropped", "org_id", "id"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Random number, part of the page's address.
    public_no: Mapped[str] = mapped_column(String(20))
    #: SHA-256 of the bytes, under which the store keeps them.
    sha256: Mapped[str] = mapped_column(String(64))
    #: Name the file came with.
    name: Mapped[str] = mapped_column(String(200))
    size_bytes: Mapped[int]
    #: What it was recognised as, a form of the intake; ``unknown`` before a mapping.
    form: Mapped[str] = mapped_column(String(40))
    #: Key of its headings, under which an answer about columns is remembered.
    signature: Mapped[str] = mapped_column(String(64), default="")
    #: Answers given for this file: year, received_on and the mapping.
    answers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: Code of the place of money it is from; empty until known.
    place: Mapped[str] = mapped_column(String(20), default="")
    #: Last digits of the account or merchant number the file itself states, and its fingerprint.
    own_tail: Mapped[str] = mapped_column(String(8), default="")
    own_hash: Mapped[str] = mapped_column(String(64), default="")
    #: unmapped, reading, judged, booked or cancelled.
    state: Mapped[str] = mapped_column(String(10))
    #: Rows in all; rows read so far are counted from the rows.
    row_count: Mapped[int] = mapped_column(default=0)
    #: What the file states of itself and what was counted: name → count or fen.
    stated: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    counted: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    #: First and last day of its rows.
    first_on: Mapped[date | None]
    last_on: Mapped[date | None]
    #: Balance before the first and after the last row, in fen; None without one.
    opening_fen: Mapped[int | None]
    closing_fen: Mapped[int | None]
    #: What is wrong with the file as a whole: ``{"code", "params"}``.
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    #: Whether the file agrees with itself, so that rows of it may be booked.
    is_sound: Mapped[bool] = mapped_column(Boolean, default=True)
    #: The job that reads, judges or books it, or did so last.
    job_id: Mapped[int | None]
    dropped_by: Mapped[int]
    dropped_by_name: Mapped[str] = mapped_column(String(80))
    dropped_at: Mapped[datetime]
    #: When its last row was booked or left out.
    ended_at: Mapped[datetime | None]


class ImportRow(Base):
    """One row of a staged file: what it says, what it was judged to be, what became of it."""

    __tablename__ = "imports_row"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "file_id"], ["imports_file.org_id", "imports_file.id"]),
        UniqueConstraint("org_id", "file_id", "row_no"),
        CheckConstraint("state IN ('staged','booked','skipped','parked')", name="state"),
        # The same row of two overlapping files is booked once, whatever two jobs believe.
        Index(
            "ux_imports_row_booked",
            "org_id",
            "place",
            "line_hash",
            unique=True,
            sqlite_where=text("state = 'booked'"),
            postgresql_where=text("state = 'booked'"),
        ),
        Index("ix_imports_row_next", "org_id", "file_id", "state", "action", "on", "row_no"),
        Index("ix_imports_row_verdict", "org_id", "file_id", "verdict", "row_no"),
        Index("ix_imports_row_reference", "org_id", "file_id", "reference"),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    file_id: Mapped[int]
    #: Number of the row as a spreadsheet shows it, from 1.
    row_no: Mapped[int] = mapped_column(Integer)
    #: Same for the same row in two exports of one place.
    line_hash: Mapped[str] = mapped_column(String(64))
    #: The file's place, repeated for the unique index.
    place: Mapped[str] = mapped_column(String(20), default="")
    #: Day of the payment; the file's first day where the row cannot be read.
    on: Mapped[date | None]
    amount_fen: Mapped[int]
    is_credit: Mapped[bool] = mapped_column(Boolean)
    #: Name of the other side; empty in platforms' files.
    name: Mapped[str] = mapped_column(String(200), default="")
    #: What the payer wrote, shortened for the list.
    words: Mapped[str] = mapped_column(String(200), default="")
    #: Serial number of the bank or platform.
    reference: Mapped[str] = mapped_column(String(80), default="")
    #: The whole row as JSON; it may hold phones, accounts and identity numbers.
    content: Mapped[str] = mapped_column(SealedText("imports_row.content"))
    #: What the judge says, see ``rules.VERDICTS``, and why: a problem code and its values.
    verdict: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(60), default="")
    reason_params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: Where it would go: fund and earmark, or what it belongs to; codes only.
    target: Mapped[str] = mapped_column(String(120), default="")
    #: What a person chose instead of the verdict's own action, with what else was said.
    decision: Mapped[str] = mapped_column(String(12), default="")
    decision_params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    decided_by: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    #: Verdict and decision put together; empty while a person must decide.
    action: Mapped[str] = mapped_column(String(12), default="")
    #: staged, booked, skipped or parked.
    state: Mapped[str] = mapped_column(String(8), default="staged")
    #: What it became: kind and key of the event.
    event_kind: Mapped[str] = mapped_column(String(20), default="")
    event_id: Mapped[int | None]


class ImportMapping(Base):
    """A person's answer to “which column is what”, remembered for files with these headings."""

    __tablename__ = "imports_mapping"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: Key of the headings.
    signature: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: The answer, as ``intake.Mapping.to_json`` gives it.
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    answered_by: Mapped[int]
    answered_by_name: Mapped[str] = mapped_column(String(80))
    answered_at: Mapped[datetime]
