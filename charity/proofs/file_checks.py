"""The published files compared with the books: the last checkpoint, tiles and bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from charity.ledger.checks import LIMIT, Check, Finding
from charity.proofs.checkpoints import (
    check_published,
    find_log,
    folder_of,
    last_checkpoint,
    trusted_keys,
)
from charity.proofs.folder import LogFolder
from charity.proofs.models import ProofLog
from charity.proofs.rules import leaf_hash
from charity.proofs.tile_rules import WIDTH, Tile, new_tiles, unpack_entries
from charity.proofs.tree import tile_hashes


def file_checks(data_dir: Path) -> Sequence[Check]:
    """Return the checks that need the data folder.

    Args:
        data_dir: with the published files of every log.
    """

    def check_published_checkpoint(session: Session, org_id: int) -> list[Finding]:
        """Compare the published checkpoint with the tree: signed, contained, none newer on record."""
        log = find_log(session, org_id)
        if log is None:
            return []
        folder = folder_of(log, data_dir)
        problems = check_published(session, log, folder, trusted_keys(session, log))
        where = str(folder.checkpoint_path)
        return [Finding("published checkpoint", where, problem.sentence()) for problem in problems]

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

    return (check_published_checkpoint, check_published_tiles)


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
