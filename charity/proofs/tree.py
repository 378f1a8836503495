"""The stored tree: perfect subtrees read from leaves and nodes, tile by tile.

May import ``db`` and lower, and this feature's models and rules. A proof reads a few
hundred hashes, however large the tree.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.commitments import leaf_bytes
from charity.proofs.models import LogLeaf, LogNode
from charity.proofs.rules import perfect_root
from charity.proofs.tile_rules import HEIGHT, WIDTH


class TreeDamaged(Exception):
    """Hashes that a tree of this size needs are not there; ``flask check`` says which."""


def line_leaf(
    org: str, month: int, word: str, number: int, line_no: int, lines: int, commitments: bytes
) -> bytes:
    """Return the leaf of a posted line.

    Args:
        org: code of the org as the log writes it.
        month: ``YYYYMM``.
        word: of its voucher.
        number: of its voucher.
        line_no: line k …
        lines: … of n.
        commitments: as stored with the line.
    """
    place: dict[str, str | int] = {"org": org, "month": month, "word": word, "number": number}
    return leaf_bytes(place | {"line": line_no, "lines": lines}, commitments)


def tile_hashes(session: Session, org_id: int, level: int, number: int, width: int = WIDTH) -> list[bytes]:
    """Return up to ``width`` hashes of a tile, in order.

    Args:
        level: 0 for leaf hashes.
        number: the tile, from 0.
        width: how many are wanted; fewer come where the tree ends.
    """
    first = number * WIDTH
    if level == 0:
        query = select(LogLeaf.leaf_sha256).where(
            LogLeaf.org_id == org_id, LogLeaf.position >= first, LogLeaf.position < first + width
        )
        return list(session.scalars(query.order_by(LogLeaf.position)))
    nodes = select(LogNode.sha256).where(
        LogNode.org_id == org_id,
        LogNode.level == level,
        LogNode.number >= first,
        LogNode.number < first + width,
    )
    return list(session.scalars(nodes.order_by(LogNode.number)))


class StoredTree:
    """Gives the perfect subtrees of an org's tree; tiles once read are kept.

    One object serves one task: it does not see what is appended to a tile it has read.
    """

    def __init__(self, session: Session, org_id: int) -> None:
        self._session = session
        self._org_id = org_id
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def node(self, level: int, number: int) -> bytes:
        """Return the hash of a perfect subtree; see :data:`charity.proofs.rules.Node`.

        Raises:
            TreeDamaged: a hash is missing.
        """
        tile_level, inside = divmod(level, HEIGHT)
        first = number << inside
        tile = self._tile(tile_level, first // WIDTH)
        start = first % WIDTH
        hashes = tile[start : start + (1 << inside)]
        if len(hashes) != 1 << inside:
            raise TreeDamaged(f"tile {tile_level}/{first // WIDTH} of the proof log is incomplete")
        return perfect_root(hashes)

    def _tile(self, level: int, number: int) -> list[bytes]:
        key = (level, number)
        if key not in self._tiles:
            self._tiles[key] = tile_hashes(self._session, self._org_id, level, number)
        return self._tiles[key]
