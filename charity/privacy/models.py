"""The register of requests of data persons (个人信息主体请求)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id
from charity.privacy.rules import KINDS, REASONS, STATES, SUBJECTS
from charity.sealed import SealedText


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


class DataRequest(Base):
    """What one person asked for, who took it in, who decided, what was told."""

    __tablename__ = "privacy_request"
    __table_args__ = (
        UniqueConstraint("org_id", "public_no"),
        CheckConstraint(_one_of("subject_kind", tuple(SUBJECTS)), name="subject_known"),
        CheckConstraint(_one_of("kind", tuple(KINDS)), name="kind_known"),
        CheckConstraint(_one_of("state", tuple(STATES)), name="state_known"),
        CheckConstraint(_one_of("refusal", ("", *REASONS)), name="refusal_known"),
        CheckConstraint("(state = 'refused') = (refusal <> '')", name="refused_with_reason"),
        CheckConstraint(
            "(state IN ('fulfilled', 'refused')) = (decided_by IS NOT NULL)", name="decided_by_somebody"
        ),
        CheckConstraint("decided_by IS NULL OR decided_by <> recorded_by", name="second_person"),
        Index("ix_privacy_request_due", "org_id", "state", "due_on"),
    )

    org_id: Mapped[int] = mapped_column(
        Id, ForeignKey("places_org.id"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Random number by which office and person name the request.
    public_no: Mapped[str] = mapped_column(String(20))
    #: donor or user.
    subject_kind: Mapped[str] = mapped_column(String(8))
    #: Number of the donor, or the login name.
    subject_no: Mapped[str] = mapped_column(String(40))
    #: copy, correct, erase.
    kind: Mapped[str] = mapped_column(String(8))
    #: In the person's words, sealed.
    wish: Mapped[str] = mapped_column(SealedText("privacy_request.wish"))
    received_on: Mapped[date] = mapped_column(Date)
    #: Last day for the answer.
    due_on: Mapped[date] = mapped_column(Date)
    #: received, verified, fulfilled, refused, withdrawn.
    state: Mapped[str] = mapped_column(String(10))
    recorded_by: Mapped[int] = mapped_column(Id)
    recorded_at: Mapped[datetime]
    #: How the person showed who it is; no numbers.
    verified_how: Mapped[str] = mapped_column(String(200), default="")
    verified_by: Mapped[int | None] = mapped_column(Id)
    verified_at: Mapped[datetime | None]
    #: Key of the reason; empty unless refused.
    refusal: Mapped[str] = mapped_column(String(20), default="")
    #: What the person was told, sealed; empty until decided.
    answer: Mapped[str] = mapped_column(SealedText("privacy_request.answer"), default="")
    decided_by: Mapped[int | None] = mapped_column(Id)
    decided_at: Mapped[datetime | None]
