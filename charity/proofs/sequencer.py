"""One run of the sequencer: append, write the files, sign; as a job and now and then.

Leaves are committed first, so that a file or a signature never speaks of something that
may be rolled back; then the files of the committed leaves are written; then the head is
signed. Killed anywhere, the next run goes on from what is there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import db, transact
from charity.errors import N_, Refused
from charity.jobs.service import register_handler
from charity.jobs.worker import JobContext, register_periodic
from charity.places.models import Org
from charity.proofs.chaining import unchained
from charity.proofs.checkpoints import (
    find_log,
    folder_of,
    last_checkpoint,
    refuse_fork,
    sign_checkpoint,
)
from charity.proofs.folder import LogFolder
from charity.proofs.models import ProofLog
from charity.proofs.publishing import drop_partials, write_tiles
from charity.proofs.service import (
    APPEND_LIMIT,
    JOB_KIND,
    append_leaves,
    chain_owners,
    has_books_waiting,
)
from charity.proofs.tile_rules import Tile, new_tiles
from charity.proofs.tree import TreeDamaged
from charity.web.context import settings as app_settings

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: How often every worker looks whether something was left behind, in seconds.
EVERY_S = 60.0
#: Tiles written between two looks at whether the job was cancelled.
_TILES = 32


class Runner(Protocol):
    """Opens transactions for a run; a job's context is one."""

    def transact(self, work: Callable[[Session], T], /) -> T:
        """Run the work in one writing transaction of its own."""

    def read(self, work: Callable[[Session], T], /) -> T:
        """Run a query in a fresh transaction."""


@dataclass(frozen=True, slots=True)
class SessionRunner:
    """Opens transactions on one session, which must have nothing under way.

    Attributes:
        session: any session of the app.
    """

    session: Session

    def transact(self, work: Callable[[Session], T], /) -> T:
        """Run the work in one writing transaction, again on deadlock."""
        return transact(work, session=self.session)

    def read(self, work: Callable[[Session], T], /) -> T:
        """Run a query on what is committed now."""
        self.session.rollback()
        return work(self.session)


@dataclass(frozen=True, slots=True)
class Sequenced:
    """What a run did.

    Attributes:
        leaves: appended.
        tree_size: leaves that the last checkpoint covers; 0 before the first.
        note: that checkpoint; empty before the first.
    """

    leaves: int
    tree_size: int
    note: str


def sequence(
    runner: Runner, *, org_id: int, at: datetime, settings: Settings, limit: int = APPEND_LIMIT
) -> Sequenced:
    """Bring an org's log up to date and sign it; nothing new is nothing done.

    Args:
        runner: opens the transactions; :class:`SessionRunner` where there is no job.
        org_id: whose log.
        at: the present instant.
        settings: the data folder, the signing key, the public address.
        limit: lines a transaction, at about.

    Raises:
        Refused: ``checkpoint_not_contained``, ``checkpoint_replayed``,
            ``checkpoint_file_missing``, ``checkpoint_file_broken``; nothing is signed then.
        TreeDamaged: a leaf no longer fits its line; nothing is signed then.
    """
    leaves, has_more = 0, True
    while has_more:
        appended = runner.transact(
            lambda session: append_leaves(session, org_id=org_id, at=at, settings=settings, limit=limit)
        )
        leaves, has_more = leaves + appended.leaves, appended.has_more
    size = appended.tree_size
    if size == 0:
        return Sequenced(leaves, 0, "")
    old_size = runner.read(lambda session: _published_size(session, org_id, settings))
    _write_files(runner, org_id, list(new_tiles(old_size, size)), settings)

    def end(session: Session) -> Sequenced:
        row = sign_checkpoint(session, org_id=org_id, size=size, at=at, settings=settings)
        return Sequenced(leaves, row.tree_size, row.note)

    done = runner.transact(end)
    runner.read(lambda session: drop_partials(_folder(session, org_id, settings), old_size, size))
    return done


def _folder(session: Session, org_id: int, settings: Settings) -> LogFolder:
    """Return the folder of an org's log, which has begun."""
    return folder_of(session.get_one(ProofLog, org_id), settings.data_dir)


def _published_size(session: Session, org_id: int, settings: Settings) -> int:
    """Return how many leaves the last checkpoint covers, provided that this tree holds it.

    Asked before the first file is touched: tiles of a fork must not replace published ones.
    """
    log = session.get_one(ProofLog, org_id, populate_existing=True)
    refuse_fork(session, log, settings)
    last = last_checkpoint(session, org_id)
    return 0 if last is None else last.tree_size


def _write_files(runner: Runner, org_id: int, tiles: list[Tile], settings: Settings) -> None:
    """Write tiles and bundles, some at a time."""

    def write(session: Session) -> None:
        log = session.get_one(ProofLog, org_id)
        write_tiles(session, log, folder_of(log, settings.data_dir), some)

    for start in range(0, len(tiles), _TILES):
        some = tiles[start : start + _TILES]
        runner.read(write)


def _handle(context: JobContext) -> Mapping[str, Any]:
    """Do the job ``proofs.sequence``."""
    done = sequence(context, org_id=context.org_id, at=context.now, settings=app_settings())
    return {
        "text": N_("The proof log now has %(leaves)s leaves."),
        "params": {"leaves": done.tree_size},
        "url": "",
    }


def is_due(session: Session, org_id: int, at: datetime) -> bool:
    """Say whether a run has something to do that should not wait.

    Posted lines, closed months and leaves without a checkpoint never wait; a log in which
    people only read and sign in is committed to once an hour.
    """
    log, last = find_log(session, org_id), last_checkpoint(session, org_id)
    if has_books_waiting(session, org_id):
        return True
    if log is not None and last is not None:
        if log.tree_size > last.tree_size:
            return True
        if at - last.signed_at < timedelta(hours=1):
            return False
    return any(unchained(session, owner, is_full=False, limit=1) for owner in chain_owners(session, org_id))


def catch_up(at: datetime) -> None:
    """Bring every org's log up to date, whoever forgot to ask; one's trouble stops no other."""
    with Session(db.engine) as session:
        runner = SessionRunner(session)
        orgs = runner.read(lambda own: list(own.scalars(select(Org.id).order_by(Org.id))))
        for org_id in orgs:
            try:
                if runner.read(lambda own, org_id=org_id: is_due(own, org_id, at)):  # type: ignore[misc]
                    sequence(runner, org_id=org_id, at=at, settings=app_settings())
            except (Refused, TreeDamaged):
                said = {"org_id": org_id}
                logger.exception("the proof log of org %s was not signed", org_id, extra={"said": said})


register_handler(JOB_KIND, _handle, title=N_("Bring the proof log up to date"), lane="proofs")
register_periodic(JOB_KIND, EVERY_S, catch_up)
