"""The published files compared with the books: the last checkpoint, tiles and bundles."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import wraps
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import begin_snapshot
from charity.ledger.checks import LIMIT, Check, Finding
from charity.proofs.checkpoints import (
    check_note,
    find_log,
    folder_of,
    last_checkpoint,
    trusted_keys,
)
from charity.proofs.folder import LogFolder
from charity.proofs.models import Checkpoint, ProofLog
from charity.proofs.note_rules import read_note
from charity.proofs.rules import leaf_hash
from charity.proofs.tile_rules import WIDTH, Tile, new_tiles, unpack_entries
from charity.proofs.tree import tile_hashes

#: How often a check of files looks before it tells of a finding, and the wait between, in seconds.
_LOOKS, _WAIT_S = 3, 0.2


def file_checks(data_dir: Path) -> Sequence[Check]:
    """Return the checks that need the data folder.

    Args:
        data_dir: with the published files of every log.
    """

    def check_published_checkpoint(session: Session, org_id: int) -> list[Finding]:
        """Compare the published checkpoint with the tree and with the rows: signed, contained, on record.

        The file is read before the snapshot begins: a server beside may publish meanwhile.
        """
        log = find_log(session, org_id)
        if log is None:
            return []
        folder = folder_of(log, data_dir)
        text, where = folder.read_checkpoint(), str(folder.checkpoint_path)
        begin_snapshot(session)
        log = session.get_one(ProofLog, org_id)
        problems = check_note(session, log, where, text, trusted_keys(session, log))
        found = [Finding("published checkpoint", where, problem.sentence()) for problem in problems]
        if not found and text is not None and not _is_on_record(session, org_id, text):
            last = last_checkpoint(session, org_id)
            number = 0 if last is None else last.number
            message = f"was published, but the books end with checkpoint {number}: its row was taken away"
            found.append(Finding("published checkpoint", where, message))
        return found

    def check_published_tiles(session: Session, org_id: int) -> list[Finding]:
        """Compare every published tile and bundle with the hashes in the books."""
        log, last = find_log(session, org_id), last_checkpoint(session, org_id)
        if log is None or last is None:
            return []
        folder = folder_of(log, data_dir)
        found: list[Finding] = []
        for tile in new_tiles(0, last.tree_size):
            if message := _compare(session, log, folder, tile):
                found.append(Finding("published tiles", f"tile/{tile.path}", message))
            if len(found) >= LIMIT:
                break
        return found

    return (settled(check_published_checkpoint), settled(check_published_tiles))


def _is_on_record(session: Session, org_id: int, text: str) -> bool:
    """Say whether a published head, which can be read, has a row of its size."""
    size = read_note(text).head.size
    query = select(Checkpoint.number).where(Checkpoint.org_id == org_id, Checkpoint.tree_size == size)
    return session.scalar(query.limit(1)) is not None


def settled(check: Check) -> Check:
    """Return a check that looks again before it says something of files.

    A sequencer at work beside it writes files a moment before their rows, and drops tiles
    that a fuller one replaces; what is wrong stays wrong.
    """

    @wraps(check)
    def look_again(session: Session, org_id: int) -> list[Finding]:
        for _ in range(_LOOKS - 1):
            begin_snapshot(session)
            if not check(session, org_id):
                return []
            time.sleep(_WAIT_S)
        begin_snapshot(session)
        return check(session, org_id)

    return look_again


def _compare(session: Session, log: ProofLog, folder: LogFolder, tile: Tile) -> str:
    """Return how a published file departs from the books; empty when it does not."""
    data = folder.read_tile(tile)
    if data is None:
        return "its file is missing; publish the files anew"
    hashes = tile_hashes(session, log.org_id, 0 if tile.is_entries else tile.level, tile.number, tile.width)
    if not tile.is_entries:
        return "" if data == b"".join(hashes) else "does not fit the hashes in the books"
    try:
        entries = unpack_entries(data)
    except ValueError as error:
        return str(error)
    for position, (entry, sha256) in enumerate(zip(entries, hashes, strict=False), start=tile.number * WIDTH):
        if leaf_hash(entry) != sha256:
            return f"leaf {position} in it does not fit its hash in the books"
    return "" if len(entries) == len(hashes) else f"holds {len(entries)} leaves in place of {len(hashes)}"
