"""The outbox. Recipient and text are sealed: a reset link is as good as a password."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id
from charity.messages.rules import KINDS, STATES, Kind, State
from charity.sealed import SealedText


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


class Message(Base):
    """One mail to send, or one person to phone."""

    __tablename__ = "messages_message"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_listed(KINDS)})", name="kind_known"),
        CheckConstraint(f"state IN ({_listed(STATES)})", name="state_known"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_when"),
        Index("ix_messages_message_due", "state", "kind", "next_try_at"),
    )

    #: The org in whose name it is sent.
    org_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Time-ordered key, made by the app; its keyed hash is the Message-ID.
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: mail, phone.
    kind: Mapped[Kind] = mapped_column(String(8))
    #: Mail address or E.164 number, sealed.
    recipient: Mapped[str] = mapped_column(SealedText("messages_message.recipient"))
    #: Shown in the outbox, so it names nobody and holds no secret.
    subject: Mapped[str] = mapped_column(String(200))
    #: What is sent or to be said, sealed.
    body: Mapped[str] = mapped_column(SealedText("messages_message.body"))
    #: waiting, sent, failed.
    state: Mapped[State] = mapped_column(String(8), default="waiting")
    #: How often it was tried.
    tries: Mapped[int] = mapped_column(default=0)
    #: When it is due; while a worker tries, already the instant after a failure.
    next_try_at: Mapped[datetime]
    #: When the server took it, or the person was told.
    sent_at: Mapped[datetime | None]
    #: What the server or the caller said last; never the address.
    error: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime]
    #: Who caused it, by name.
    created_by_name: Mapped[str] = mapped_column(String(80))
    #: ``sms`` while the gateway is to send the words of a call; else empty.
    via: Mapped[str] = mapped_column(String(4), default="", server_default="")


class MessageFile(Base):
    """One file that goes with a mail."""

    __tablename__ = "messages_file"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "message_id"], ["messages_message.org_id", "messages_message.id"], ondelete="CASCADE"
        ),
    )

    #: The message's org.
    org_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: The message.
    message_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: 1…n in the order given.
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: File name as the reader sees it.
    name: Mapped[str] = mapped_column(String(120))
    #: E.g. ``application/pdf``.
    media_type: Mapped[str] = mapped_column(String(80))
    #: SHA-256 of the bytes, hexadecimal.
    sha256: Mapped[str] = mapped_column(String(64))
    #: The bytes; dropped once delivered, since the issued document has its own place.
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
