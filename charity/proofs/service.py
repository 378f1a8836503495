"""Appending to the proof log, and asking for it. Never commits.

Leaves are appended for posted lines in the order of month, word and number, for months
that were closed, and for the operation log as it stands. May be run again after a kill
at any line; ``sequencer`` puts it together with publishing and signing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from sqlalchemy import Table, func, insert, or_, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor
from charity.jobs.models import Job
from charity.jobs.service import enqueue
from charity.ledger.models import Period, VoucherCounter
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.periods import Month
from charity.places.models import Org
from charity.proofs.chaining import chain_entries, chain_head
from charity.proofs.checkpoints import refuse_fork
from charity.proofs.leaf_rules import HOUSE, covered, month_leaves, oplog_leaf, token
from charity.proofs.models import LogLeaf, LogNode, ProofLog
from charity.proofs.months import IS_FIRST_LINE, IS_MONTH, month_facts
from charity.proofs.rules import Frontier, leaf_hash
from charity.proofs.signing import public_key_of
from charity.proofs.tile_rules import HEIGHT
from charity.proofs.tree import line_leaf

#: Kind of the job that brings the log up to date.
JOB_KIND = "proofs.sequence"
#: Lines appended in one transaction: about a fifth of a second on two small cores.
APPEND_LIMIT = 2_000
#: Org id of entries that belong to the installation itself.
HOUSE_ORG_ID = 0


@dataclass(frozen=True, slots=True)
class Appended:
    """What one append did.

    Attributes:
        leaves: appended now.
        tree_size: leaves in all.
        has_more: whether another append finds work.
    """

    leaves: int
    tree_size: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Numbers of one month and word that are posted and not yet in the tree."""

    month: int
    word: str
    mark: int
    last_no: int
    must_close: bool


@dataclass(slots=True)
class _Appender:
    """Collects leaves and completed nodes behind a frontier and writes them together.

    Attributes:
        session: the writing session.
        log: the log's row, held.
        frontier: the tree's right edge, leaves not yet written included.
        count: leaves added.
    """

    session: Session
    log: ProofLog
    frontier: Frontier
    count: int = 0
    _leaves: list[dict[str, Any]] = field(default_factory=list)
    _nodes: list[dict[str, Any]] = field(default_factory=list)

    def add(self, content: bytes, *, is_kept: bool = True, **columns: Any) -> None:
        """Append one leaf.

        Args:
            content: its bytes.
            is_kept: whether they are stored; a line's are made again from the line.
            columns: kind and place, see :class:`LogLeaf`.
        """
        org_id, position, sha256 = self.log.org_id, self.frontier.size, leaf_hash(content)
        row = {"org_id": org_id, "position": position, "leaf_sha256": sha256, **_NO_PLACE, **columns}
        self._leaves.append(row | {"content": content if is_kept else None})
        for level, number, node in self.frontier.append(sha256):
            if level % HEIGHT == 0:
                self._nodes.append(
                    {"org_id": org_id, "level": level // HEIGHT, "number": number, "sha256": node}
                )
        self.count += 1

    def flush(self) -> None:
        """Write what was collected, then the log's own row."""
        if not self._leaves:
            return
        self.session.execute(insert(_LEAF), self._leaves)
        if self._nodes:
            self.session.execute(insert(_NODE), self._nodes)
        self._leaves, self._nodes = [], []
        self.log.tree_size, self.log.frontier = self.frontier.size, self.frontier.dump()
        self.session.flush()


#: Tables, so that rows go in without the detour over objects.
_LEAF = cast(Table, LogLeaf.__table__)
_NODE = cast(Table, LogNode.__table__)
_NO_PLACE: dict[str, Any] = dict.fromkeys(
    ("month", "word", "number", "voucher_id", "line_no", "salt", "clear")
)


def append_leaves(
    session: Session, *, org_id: int, at: datetime, settings: Settings, limit: int = APPEND_LIMIT
) -> Appended:
    """Append leaves for posted lines, closed months and the operation log that have none yet.

    Inside a month and word, numbers are given under a lock that is held until the commit;
    so whoever sees a number sees every lower one, and walking the numbers from the last
    leaf misses no transaction, however late it commits.

    Args:
        session: a writing session.
        org_id: whose books.
        at: the present instant; recorded when the log begins.
        settings: name the public address, for the log's name.
        limit: lines at about; a voucher is never cut.

    Raises:
        Refused: see ``checkpoints.check_published``; a log that cannot be signed does not grow.
    """
    log = _lock_log(session, org_id, at, settings)
    refuse_fork(session, log, settings)
    appender = _Appender(session, log, Frontier.load(log.tree_size, log.frontier))
    has_more = _append_books(appender, limit)
    appender.flush()
    for owner in [] if has_more else chain_owners(session, org_id):
        has_more = _append_oplog(appender, owner, limit) or has_more
    appender.flush()
    return Appended(appender.count, log.tree_size, has_more)


def begin_log(session: Session, *, org_id: int, at: datetime, settings: Settings) -> ProofLog:
    """Begin an org's log before its first leaf; one that is there stays as it is.

    Args:
        session: a writing session.
        org_id: whose books.
        at: the instant it counts from.
        settings: name the public address, for the log's name.
    """
    return _lock_log(session, org_id, at, settings)


def _lock_log(session: Session, org_id: int, at: datetime, settings: Settings) -> ProofLog:
    """Return the org's log, held by this transaction; begin it when there is none."""
    log = session.get(ProofLog, org_id, with_for_update=True, populate_existing=True)
    if log is not None:
        return log
    # Two runs that both see no log meet at the org's row.
    org = session.get_one(Org, org_id, with_for_update=True)
    log = session.get(ProofLog, org_id, with_for_update=True, populate_existing=True)
    if log is None:
        host = org.host or urlsplit(settings.public_url).netloc
        prefix = "" if org.is_default or org.host else f"/{org.slug}"
        log = ProofLog(
            org_id=org_id,
            org_code=token(org.code),
            origin=f"{host}{prefix}/proofs",
            folder=org.slug,
            tree_size=0,
            frontier=b"",
            public_key=public_key_of(settings.sign_key),
            started_at=at,
        )
        session.add(log)
        session.flush()
    return log


def _append_books(appender: _Appender, limit: int) -> bool:
    """Append lines and closed months by month, word and number; say whether more are left."""
    session, log = appender.session, appender.log
    stretches = _stretches(session, log.org_id)
    for at, stretch in enumerate(stretches):
        mark = stretch.mark
        while mark < stretch.last_no:
            if appender.count >= limit:
                return True
            mark = _append_vouchers(appender, stretch, mark, limit - appender.count)
        is_last_word = at + 1 == len(stretches) or stretches[at + 1].month != stretch.month
        if stretch.must_close and is_last_word:
            appender.flush()
            facts = month_facts(session, log, Month.from_code(stretch.month))
            for part, clear in enumerate(month_leaves(facts), start=1):
                salt = os.urandom(32)
                appender.add(
                    covered(clear, salt),
                    kind="month",
                    month=stretch.month,
                    line_no=part,
                    salt=salt,
                    clear=clear,
                )
    return False


def _stretches(session: Session, org_id: int) -> list[_Stretch]:
    """Return what is posted or closed and not in the tree, by month and word.

    A closed month without its leaf is there with all its words.
    """
    counter = VoucherCounter
    mark = (
        select(func.coalesce(func.max(LogLeaf.number), 0))
        .where(
            LogLeaf.org_id == counter.org_id,
            LogLeaf.month == counter.month,
            LogLeaf.word == counter.word,
            IS_FIRST_LINE,
        )
        .scalar_subquery()
    )
    has_leaf = (
        select(LogLeaf.position)
        .where(LogLeaf.org_id == counter.org_id, LogLeaf.month == counter.month, IS_MONTH)
        .exists()
    )
    must_close = ~Period.is_open & ~has_leaf
    rows = session.execute(
        select(counter.month, counter.word, mark, counter.last_no, must_close)
        .join(Period, (Period.org_id == counter.org_id) & (Period.month == counter.month))
        .where(counter.org_id == org_id, or_(must_close, counter.last_no > mark))
        .order_by(counter.month, counter.word)
    )
    return [_Stretch(month, word, low, high, bool(closes)) for month, word, low, high, closes in rows]


def has_books_waiting(session: Session, org_id: int) -> bool:
    """Say whether posted lines or closed months have no leaf yet."""
    return bool(_stretches(session, org_id))


def oldest_waiting_at(session: Session, org_id: int) -> datetime | None:
    """Return when the oldest voucher without a leaf was posted; None when none waits."""
    found = [
        session.scalar(
            select(Voucher.posted_at).where(
                Voucher.org_id == org_id,
                Voucher.month == stretch.month,
                Voucher.word == stretch.word,
                Voucher.number == stretch.mark + 1,
            )
        )
        for stretch in _stretches(session, org_id)
        if stretch.last_no > stretch.mark
    ]
    return min((instant for instant in found if instant is not None), default=None)


def _append_vouchers(appender: _Appender, stretch: _Stretch, mark: int, limit: int) -> int:
    """Append the lines of the next vouchers of a stretch and return the last number."""
    last_no = _whole_vouchers(appender.session, appender.log.org_id, stretch, mark, limit)
    rows = appender.session.execute(
        select(Voucher.id, Voucher.number, Voucher.line_count, VoucherLine.line_no, VoucherLine.commitments)
        .select_from(Voucher)
        .join(VoucherLine, (VoucherLine.org_id == Voucher.org_id) & (VoucherLine.voucher_id == Voucher.id))
        .where(
            Voucher.org_id == appender.log.org_id,
            Voucher.month == stretch.month,
            Voucher.word == stretch.word,
            Voucher.number > mark,
            Voucher.number <= last_no,
        )
        .order_by(Voucher.number, VoucherLine.line_no)
    )
    org, month, word = appender.log.org_code, stretch.month, stretch.word
    for voucher_id, number, lines, line_no, commitments in rows:
        appender.add(
            line_leaf(org, month, word, number, line_no, lines, commitments),
            is_kept=False,
            kind="line",
            month=month,
            word=word,
            number=number,
            voucher_id=voucher_id,
            line_no=line_no,
        )
    return last_no


def _whole_vouchers(session: Session, org_id: int, stretch: _Stretch, mark: int, limit: int) -> int:
    """Return the number up to which vouchers behind a mark have about ``limit`` lines, one at least."""
    rows = session.execute(
        select(Voucher.number, Voucher.line_count)
        .where(
            Voucher.org_id == org_id,
            Voucher.month == stretch.month,
            Voucher.word == stretch.word,
            Voucher.number > mark,
            Voucher.number <= stretch.last_no,
        )
        .order_by(Voucher.number)
        .limit(max(1, limit))
    )
    lines, last_no = 0, stretch.last_no
    for number, line_count in rows:
        lines, last_no = lines + line_count, number
        if lines >= limit:
            break
    return last_no


def chain_owners(session: Session, org_id: int) -> list[int]:
    """Return whose operation logs an org's tree commits to: its own, the default org the house's too."""
    is_default = session.scalar(select(Org.is_default).where(Org.id == org_id))
    return [org_id, HOUSE_ORG_ID] if is_default else [org_id]


def _append_oplog(appender: _Appender, owner: int, limit: int) -> bool:
    """Chain entries of the operation log and commit to the chain; say whether more are left.

    Once after each closed month the whole log is looked through, at once.
    """
    session, mark = appender.session, HOUSE if owner == HOUSE_ORG_ID else None
    committed, is_full = _committed(session, appender.log.org_id, mark)
    count = chain_entries(session, owner, is_full=is_full, limit=None if is_full else limit)
    if count == limit and not is_full:
        return True
    head = chain_head(session, owner)
    if head.count > committed:
        salt = os.urandom(32)
        content = oplog_leaf(mark or appender.log.org_code, head.count, salt, head.sha256)
        appender.add(content, kind="log", number=head.count, word=mark, salt=salt)
    return False


def _committed(session: Session, org_id: int, mark: str | None) -> tuple[int, bool]:
    """Return how many entries of a chain the tree commits to, and whether a month was closed since.

    Args:
        mark: column ``word`` of its leaves, which tells the house's log from the org's.
    """
    is_own = LogLeaf.word.is_(None) if mark is None else LogLeaf.word == mark
    last = session.execute(
        select(LogLeaf.number, LogLeaf.position)
        .where(LogLeaf.org_id == org_id, LogLeaf.kind == "log", is_own)
        .order_by(LogLeaf.position.desc())
        .limit(1)
    ).first()
    closed = session.scalar(select(func.max(LogLeaf.position)).where(LogLeaf.org_id == org_id, IS_MONTH))
    if last is None:
        return 0, closed is not None
    return last.number or 0, closed is not None and closed > last.position


def request_sequencing(session: Session, *, actor: Actor) -> None:
    """Have the log brought up to date soon; called in the transaction of a posting or closing.

    One waiting job is enough for any number of acts. A job already running may have
    passed the new lines, so it does not count.
    """
    waiting = select(Job.id).where(Job.org_id == actor.org_id, Job.kind == JOB_KIND, Job.state == "queued")
    if session.execute(waiting.limit(1)).first() is None:
        enqueue(session, actor=actor, kind=JOB_KIND)
