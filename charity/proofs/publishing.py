"""Writing the tree's files: hash tiles and entry bundles of what the books hold.

Reads the committed tree and writes below the data folder; a file says only what the
database said when it was written, and is written again until a checkpoint covers it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor
from charity.errors import N_
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.oplog.rules import register_acts, register_subjects
from charity.oplog.service import record
from charity.proofs.checkpoints import find_log, folder_of, last_checkpoint, refuse_fork
from charity.proofs.folder import LogFolder
from charity.proofs.models import LogLeaf, ProofLog
from charity.proofs.rules import leaf_hash
from charity.proofs.tile_rules import WIDTH, Tile, new_tiles, pack_entries
from charity.proofs.tree import TreeDamaged, line_leaf, tile_hashes

register_acts({"proofs.rebuild": N_("Wrote the files of the proof log anew")})
register_subjects({"checkpoint": N_("Checkpoint")})


def leaf_contents(session: Session, log: ProofLog, first: int, before: int) -> list[tuple[bytes, bytes]]:
    """Return leaf and stored leaf hash of the positions ``first … before − 1``, in order.

    A line's leaf is made again from the commitments of the line.
    """
    rows = session.execute(
        select(
            LogLeaf.content,
            LogLeaf.leaf_sha256,
            LogLeaf.line_no,
            Voucher.month,
            Voucher.word,
            Voucher.number,
            Voucher.line_count,
            VoucherLine.commitments,
        )
        .select_from(LogLeaf)
        .outerjoin(Voucher, (Voucher.org_id == LogLeaf.org_id) & (Voucher.id == LogLeaf.voucher_id))
        .outerjoin(
            VoucherLine,
            (VoucherLine.org_id == LogLeaf.org_id)
            & (VoucherLine.voucher_id == LogLeaf.voucher_id)
            & (VoucherLine.line_no == LogLeaf.line_no),
        )
        .where(LogLeaf.org_id == log.org_id, LogLeaf.position >= first, LogLeaf.position < before)
        .order_by(LogLeaf.position)
    )
    result = []
    for content, sha256, line_no, month, word, number, lines, commitments in rows:
        if content is None:
            place = (month or 0, word or "", number or 0, line_no or 0, lines or 0)
            content = line_leaf(log.org_code, *place, commitments or b"")
        result.append((content, sha256))
    return result


def tile_bytes(session: Session, log: ProofLog, tile: Tile) -> bytes:
    """Return the bytes of a tile or bundle from the books.

    Raises:
        TreeDamaged: a hash is missing, or a leaf no longer fits its hash.
    """
    if not tile.is_entries:
        hashes = tile_hashes(session, log.org_id, tile.level, tile.number, tile.width)
        if len(hashes) != tile.width:
            raise TreeDamaged(f"tile {tile.path} of the proof log is incomplete")
        return b"".join(hashes)
    first = tile.number * WIDTH
    leaves = leaf_contents(session, log, first, first + tile.width)
    if len(leaves) != tile.width:
        raise TreeDamaged(f"bundle {tile.path} of the proof log is incomplete")
    for position, (content, sha256) in enumerate(leaves, start=first):
        if leaf_hash(content) != sha256:
            raise TreeDamaged(f"leaf {position} of the proof log no longer fits its line")
    return pack_entries([content for content, _ in leaves])


def write_tiles(session: Session, log: ProofLog, folder: LogFolder, tiles: Sequence[Tile]) -> None:
    """Write tiles and bundles from the books.

    Raises:
        TreeDamaged: see :func:`tile_bytes`.
    """
    folder.write_tiles((tile, tile_bytes(session, log, tile)) for tile in tiles)


def drop_partials(folder: LogFolder, old_size: int, size: int) -> None:
    """Remove the partial tiles that a published tree has in full.

    Args:
        folder: of the log.
        old_size: leaves of the checkpoint before.
        size: leaves of the published one.
    """
    for tile in new_tiles(old_size, size):
        if tile.width == WIDTH:
            folder.drop_partials(tile)


def rebuild_files(session: Session, *, actor: Actor, settings: Settings) -> int:
    """Write all files of the last checkpoint anew from the books, after the folder was lost.

    For the operator, from the command line; the act stands in the operation log.

    Args:
        session: a writing session.
        actor: who does it, for which org.
        settings: the data folder and the key.

    Returns:
        How many leaves the files hold; 0 when nothing has been published yet.

    Raises:
        Refused: ``checkpoint_not_contained`` and the like when a checkpoint that is there
            does not lie in these books: then there is a newer backup to restore.
        TreeDamaged: a leaf no longer fits its line.
    """
    log, last = find_log(session, actor.org_id), last_checkpoint(session, actor.org_id)
    if log is None or last is None:
        return 0
    folder = folder_of(log, settings.data_dir)
    is_lost = folder.read_checkpoint() is None
    if not is_lost:
        refuse_fork(session, log, settings)
    write_tiles(session, log, folder, list(new_tiles(0, last.tree_size)))
    if is_lost:
        folder.write_checkpoint(last.note)
    record(
        session,
        actor=actor,
        act="proofs.rebuild",
        subject_kind="checkpoint",
        subject_no=str(last.number),
        count=last.tree_size,
    )
    return last.tree_size
