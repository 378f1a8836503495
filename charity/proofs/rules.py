"""The Merkle tree of RFC 6962: hashes, roots, proofs of inclusion and of consistency.

Pure; the standard library only. A tree is never held whole: an append needs its
:class:`Frontier`, a proof asks for perfect subtrees by level and number, wherever they
are kept. Source: RFC 6962 sections 2.1, 2.1.1, 2.1.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

HASH_BYTES = 32

#: Root of a tree without leaves.
EMPTY_ROOT = hashlib.sha256().digest()

#: ``(level, number)`` → hash of the perfect subtree over leaves
#: ``number·2^level … (number+1)·2^level − 1``.
Node = Callable[[int, int], bytes]


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 of 0x00 and its bytes."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 of 0x01 and its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over 1, 2, 4, 8 … hashes of one level.

    Raises:
        ValueError: their number is not a power of two.
    """
    row = list(hashes)
    if not row or len(row) & (len(row) - 1):
        raise ValueError("a perfect subtree has 1, 2, 4, 8 … hashes")
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


@dataclass(slots=True)
class Frontier:
    """The right edge of a growing tree: the hashes of its perfect subtrees, largest first.

    Attributes:
        size: leaves so far.
        hashes: one hash for each binary one of ``size``.
    """

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    @classmethod
    def load(cls, size: int, stored: bytes) -> Frontier:
        """Return the frontier written by :meth:`dump`.

        Raises:
            ValueError: the bytes do not fit the size.
        """
        if size < 0 or len(stored) != HASH_BYTES * size.bit_count():
            raise ValueError("the stored frontier does not fit its size")
        return cls(size, [stored[i : i + HASH_BYTES] for i in range(0, len(stored), HASH_BYTES)])

    def dump(self) -> bytes:
        """Return the hashes one after another, as they are stored."""
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append one leaf hash.

        Returns:
            (level, number, hash) of every perfect subtree that it completes above the
            leaves, lowest first; usually none or one.
        """
        completed = []
        number, carry, level = self.size, leaf, 0
        while number & 1:
            carry, level, number = node_hash(self.hashes.pop(), carry), level + 1, number >> 1
            completed.append((level, number, carry))
        self.hashes.append(carry)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root of the tree so far."""
        if not self.hashes:
            return EMPTY_ROOT
        *rest, result = self.hashes
        for left in reversed(rest):
            result = node_hash(left, result)
        return result


def frontier_of(leaves: Iterable[bytes]) -> Frontier:
    """Return the frontier over leaf hashes in order."""
    result = Frontier()
    for leaf in leaves:
        result.append(leaf)
    return result


def _split(count: int) -> int:
    """Return the largest power of two below ``count``, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def range_hash(first: int, before: int, node: Node) -> bytes:
    """Return the Merkle tree hash over the leaves ``first … before − 1``.

    Args:
        first: start of a range as RFC 6962 cuts them, so that its parts are aligned.
        before: exclusive end.
        node: gives the perfect subtrees.
    """
    count = before - first
    if count == 0:
        return EMPTY_ROOT
    if count & (count - 1) == 0 and first % count == 0:
        level = count.bit_length() - 1
        return node(level, first >> level)
    middle = first + _split(count)
    return node_hash(range_hash(first, middle, node), range_hash(middle, before, node))


def root_of(size: int, node: Node) -> bytes:
    """Return the root of the first ``size`` leaves."""
    return range_hash(0, size, node)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the audit path of a leaf, lowest hash first.

    Args:
        index: the leaf, from 0.
        size: leaves of the tree the proof is for.
        node: gives the perfect subtrees of any tree that holds these leaves.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("the leaf is not in a tree of this size")
    path: list[bytes] = []
    first, before = 0, size
    while before - first > 1:
        middle = first + _split(before - first)
        if index < middle:
            path.append(range_hash(middle, before, node))
            before = middle
        else:
            path.append(range_hash(first, middle, node))
            first = middle
    return path[::-1]


def root_by_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to from a leaf hash; None when it cannot fit.

    Args:
        index: the leaf, from 0.
        size: leaves of the tree.
        leaf: its leaf hash.
        path: as :func:`inclusion_proof` gives it.
    """
    if not 0 <= index < size:
        return None
    result, number, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if number & 1 or number == last:
            result = node_hash(sibling, result)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        number, last = number >> 1, last >> 1
    return result if last == 0 else None


def is_included(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Say whether a path proves a leaf hash to stand at an index below a root."""
    return root_by_inclusion(index, size, leaf, path) == root


def consistency_proof(old_size: int, size: int, node: Node) -> list[bytes]:
    """Return the proof that a tree begins with an earlier one; empty from 0 or to itself.

    Args:
        old_size: leaves of the earlier tree.
        size: leaves of the later one.
        node: gives the perfect subtrees of the later tree.

    Raises:
        ValueError: the earlier tree is larger.
    """
    if not 0 <= old_size <= size:
        raise ValueError("the earlier tree is the smaller one")
    if old_size in (0, size):
        return []
    path: list[bytes] = []
    first, before, is_whole = 0, size, True
    while old_size != before:
        middle = first + _split(before - first)
        if old_size <= middle:
            path.append(range_hash(middle, before, node))
            before = middle
        else:
            path.append(range_hash(first, middle, node))
            first, is_whole = middle, False
    if not is_whole:
        path.append(range_hash(first, before, node))
    return path[::-1]


def is_consistent(old_size: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    """Say whether a proof shows that the tree of ``root`` begins with the one of ``old_root``."""
    if not 0 <= old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    steps = list(path)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    number, last = old_size - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and old == old_root and new == root
