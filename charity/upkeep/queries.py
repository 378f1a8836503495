"""Reads of upkeep: the latest backups, and restores of an org's books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.proofs.models import Restoration
from charity.upkeep.models import Backup


def latest_backups(session: Session, limit: int = 30) -> Sequence[Backup]:
    """Return the latest backups, newest first."""
    return session.scalars(
        select(Backup).order_by(Backup.started_at.desc(), Backup.id.desc()).limit(limit)
    ).all()


def last_begun_at(session: Session) -> datetime | None:
    """Return when the last backup began that is done or under way; a failed one is tried again."""
    return session.scalar(select(func.max(Backup.started_at)).where(Backup.state != "failed"))


def restorations(session: Session, org_id: int) -> Sequence[Restoration]:
    """Return the restores of an org's books and their confirmations, newest first."""
    query = select(Restoration).where(Restoration.org_id == org_id)
    return session.scalars(query.order_by(Restoration.number.desc())).all()
