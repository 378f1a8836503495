"""Records of retention: legal holds. A hold is released once, and otherwise stays as it was."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import Base, Id


class LegalHold(Base):
    """Records that may not go, whatever their term says (暂停销毁)."""

    __tablename__ = "retention_hold"
    __table_args__ = (
        CheckConstraint("from_year <= until_year", name="years"),
        CheckConstraint("reason <> ''", name="reason"),
        CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="released"),
        CheckConstraint("released_by <> placed_by", name="two_people"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: Time-ordered key, made by the app.
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    #: Code of a class; empty for all.
    class_code: Mapped[str] = mapped_column(String(20), default="")
    #: First and last accounting year that is held.
    from_year: Mapped[int] = mapped_column(Integer)
    until_year: Mapped[int] = mapped_column(Integer)
    #: Why: which claim, case, audit or request; no person's name.
    reason: Mapped[str] = mapped_column(String(300))
    placed_by: Mapped[int] = mapped_column(Id)
    placed_by_name: Mapped[str] = mapped_column(String(80))
    placed_at: Mapped[datetime]
    #: Another person than who placed it.
    released_by: Mapped[int | None] = mapped_column(Id)
    released_by_name: Mapped[str] = mapped_column(String(80), default="")
    released_at: Mapped[datetime | None]
    release_reason: Mapped[str] = mapped_column(String(300), default="")
