"""Whether the proof log is there at all: begun with the books, holding them, signed.

A log that is taken away leaves nothing to compare, so its absence is the finding. What
was posted a moment ago may still wait for the sequencer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.ledger.checks import Check, Finding
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from charity.places.models import Org
from charity.proofs.checkpoints import find_log, last_checkpoint
from charity.proofs.folder import LogFolder
from charity.proofs.models import LogLeaf, ProofLog
from charity.proofs.months import IS_FIRST_LINE

#: How long a posted voucher may wait for its leaf; the sequencer looks every minute.
LEAF_GRACE = timedelta(hours=1)
#: How long after the first posting a log may begin.
START_GRACE = timedelta(days=1)


def presence_checks(data_dir: Path, now: datetime | None) -> Sequence[Check]:
    """Return the check that the proof log has not been taken away or begun anew.

    Args:
        data_dir: with the published files.
        now: the present instant; None: that of the newest posting stands for it.
    """

    def check_presence(session: Session, org_id: int) -> list[Finding]:
        """Find books without a log, a log begun after them, vouchers and heads it does not hold."""
        ends = select(func.min(Voucher.posted_at), func.max(Voucher.posted_at))
        first, newest = _pair(session.execute(ends.where(Voucher.org_id == org_id)).one())
        log = find_log(session, org_id)
        before = None if newest is None else (now or newest) - LEAF_GRACE
        if log is None:
            return _without_log(session, org_id, data_dir, before)
        found = []
        if first is not None and log.started_at - first > START_GRACE:
            message = (
                f"began {log.started_at:%Y-%m-%d %H:%M}, the first voucher was posted {first:%Y-%m-%d %H:%M}"
            )
            found.append(Finding("proof log", log.origin, f"{message}: it was begun anew"))
        if before is not None:
            found += _left_out(session, org_id, before)
        return found + _unsigned(session, log, before)

    return (check_presence,)


def _pair(row: Any) -> tuple[datetime | None, datetime | None]:
    """Return the instants of the first and the newest posting; None without any."""
    return row[0], row[1]


def _without_log(session: Session, org_id: int, data_dir: Path, before: datetime | None) -> list[Finding]:
    """Return what says that there was a log, or must be one."""
    slug = session.execute(select(Org.slug).where(Org.id == org_id)).scalar_one()
    folder, found = LogFolder.of(data_dir, slug), []
    if folder.read_checkpoint() is not None:
        message = "a checkpoint was published, but the books hold no proof log: it was taken away"
        found.append(Finding("proof log", str(folder.checkpoint_path), message))
    waiting = _count(session, org_id, before)
    if waiting:
        message = "are posted and no proof log holds them: it was taken away, or no worker runs"
        found.append(Finding("proof log", f"{waiting} vouchers", message))
    return found


def _count(session: Session, org_id: int, before: datetime | None) -> int:
    """Return how many vouchers were posted before an instant."""
    if before is None:
        return 0
    query = select(func.count()).where(Voucher.org_id == org_id, Voucher.posted_at < before)
    return session.execute(query).scalar_one()


def _left_out(session: Session, org_id: int, before: datetime) -> list[Finding]:
    """Return the first voucher that should long be in the log and is not."""
    has_leaf = (
        select(LogLeaf.position)
        .where(LogLeaf.org_id == Voucher.org_id, LogLeaf.voucher_id == Voucher.id, LogLeaf.kind == "line")
        .exists()
    )
    row = session.execute(
        select(Voucher.month, Voucher.word, Voucher.number, Voucher.posted_at)
        .where(Voucher.org_id == org_id, Voucher.posted_at < before, ~has_leaf)
        .order_by(Voucher.month, Voucher.word, Voucher.number)
        .limit(1)
    ).one_or_none()
    if row is None:
        return []
    where = f"{Month.from_code(row.month)} {row.word}-{row.number:04d}"
    message = f"was posted {row.posted_at:%Y-%m-%d %H:%M} UTC and is not in the proof log"
    return [Finding("proof log", where, message)]


def _unsigned(session: Session, log: ProofLog, before: datetime | None) -> list[Finding]:
    """Return whether leaves stand there and no head was ever signed."""
    if before is None or log.tree_size == 0 or last_checkpoint(session, log.org_id) is not None:
        return []
    oldest = session.scalar(
        select(func.min(Voucher.posted_at))
        .join(LogLeaf, (LogLeaf.org_id == Voucher.org_id) & (LogLeaf.voucher_id == Voucher.id))
        .where(Voucher.org_id == log.org_id, IS_FIRST_LINE)
    )
    if oldest is None or oldest >= before:
        return []
    message = f"holds {log.tree_size} leaves and no checkpoint: they were taken away, or nothing was signed"
    return [Finding("proof log", log.origin, message)]
