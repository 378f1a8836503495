"""How the tree is cut into files: tiles of 256 hashes and bundles of 256 entries.

Pure; the standard library only. Source: c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Hashes of a full tile, and the levels of the binary tree that one tile spans.
WIDTH = 256
HEIGHT = 8
#: Longest entry a bundle can hold, in bytes.
MAX_ENTRY_BYTES = 65_535

_LENGTH = struct.Struct(">H")
_PATH = re.compile(r"(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """One file of the tree.

    Attributes:
        level: 0 for leaf hashes; each level stands for eight of the binary tree.
        number: from 0 inside its level.
        width: 1…256; below 256 it is partial.
        is_entries: the bundle of the leaves themselves, not of their hashes; level 0.
    """

    level: int
    number: int
    width: int = WIDTH
    is_entries: bool = False

    @property
    def path(self) -> str:
        """Return its address below ``tile/``: ``0/x001/234``, ``entries/000.p/7``."""
        name, rest = f"{self.number % 1000:03d}", self.number // 1000
        while rest:
            name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{'entries' if self.is_entries else self.level}/{name}{suffix}"

    @property
    def before(self) -> int:
        """Return how many leaves a tree must have for this file to stand in it."""
        return (self.number * WIDTH + self.width) << (HEIGHT * self.level)


def parse_tile_path(path: str) -> Tile | None:
    """Return the tile of an address below ``tile/``; None when it is not written properly."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level, digits, width = match.groups()
    tile = Tile(
        0 if level == "entries" else int(level),
        int(digits.replace("x", "").replace("/", "")),
        int(width) if width else WIDTH,
        level == "entries",
    )
    return tile if tile.path == path and tile.level <= 63 and tile.width <= WIDTH else None


def hashes_at(level: int, size: int) -> int:
    """Return how many hashes a tile level holds for a tree of a size."""
    return size >> (HEIGHT * level)


def new_tiles(old_size: int, size: int) -> Iterator[Tile]:
    """Yield the tiles that a tree of ``size`` leaves needs and one of ``old_size`` did not.

    Bundles come with their leaf tiles; each level follows the one below.
    """
    level = 0
    while (count := hashes_at(level, size)) > 0:
        done = hashes_at(level, old_size)
        for number in range(done // WIDTH, -(-count // WIDTH) if count > done else 0):
            width = min(WIDTH, count - number * WIDTH)
            if level == 0:
                yield Tile(0, number, width, is_entries=True)
            yield Tile(level, number, width)
        level += 1


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """Return a bundle: each entry behind its length in two bytes.

    Raises:
        ValueError: an entry is longer than 65,535 bytes.
    """
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError("an entry of the log has at most 65,535 bytes")
    return b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)


def unpack_entries(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        ValueError: it ends inside an entry.
    """
    entries, at = [], 0
    while at < len(bundle):
        if at + 2 > len(bundle):
            raise ValueError("the bundle ends inside a length")
        (length,) = _LENGTH.unpack_from(bundle, at)
        at += 2 + length
        if at > len(bundle):
            raise ValueError("the bundle ends inside an entry")
        entries.append(bundle[at - length : at])
    return entries
