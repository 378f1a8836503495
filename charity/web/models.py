"""Rows the shell itself keeps: rate limits and versions of public topics."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id


class RateLimit(Base):
    """How often one subject did one thing in one window of time."""

    __tablename__ = "web_rate_limit"

    #: Keyed hash of the limit's name and its subject (phone, address, login), in hexadecimal.
    subject_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: First instant of the window.
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    #: Number of tries in the window.
    count: Mapped[int] = mapped_column(default=1)
    #: Instant after which the row counts for nothing any more and is deleted.
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TopicVersion(Base):
    """A number that rises whenever something public about a topic changes."""

    __tablename__ = "web_topic_version"

    #: The org the topic belongs to.
    org_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Name of the topic, e.g. ``donations``.
    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: Rises by one with every writing transaction that touches the topic; from 1.
    version: Mapped[int] = mapped_column(default=1)
