"""The published files of a log: its checkpoint, tiles and bundles, in the data folder.

Imports the standard library and the pure rules only. A file is written beside its place,
flushed, and moved there, so that a reader never sees half of one and a power cut leaves
the old or the new one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from charity.proofs.tile_rules import WIDTH, Tile

#: Folder of all logs, below the data folder.
ALL_LOGS = "proofs"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all; see :func:`flush_folder`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def flush_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk, so that they survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class LogFolder:
    """Where the files of one log stand.

    Attributes:
        root: ``<data folder>/proofs/<folder>``.
    """

    root: Path

    @classmethod
    def of(cls, data_dir: Path, folder: str) -> LogFolder:
        """Return the folder of a log.

        Args:
            data_dir: the data folder.
            folder: the log's own name in it.
        """
        return cls(data_dir / ALL_LOGS / folder)

    @property
    def checkpoint_path(self) -> Path:
        """Return where the last published checkpoint stands."""
        return self.root / "checkpoint"

    def read_checkpoint(self) -> str | None:
        """Return the last published checkpoint; None before the first."""
        try:
            return self.checkpoint_path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return None

    def write_checkpoint(self, note: str) -> None:
        """Publish a checkpoint."""
        write_whole(self.checkpoint_path, note.encode())
        flush_folder(self.root)

    def tile_path(self, tile: Tile) -> Path:
        """Return where a tile or bundle stands."""
        return self.root / "tile" / tile.path

    def read_tile(self, tile: Tile) -> bytes | None:
        """Return the bytes of a tile or bundle; None when it is not there."""
        try:
            return self.tile_path(tile).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write_tiles(self, tiles: Iterable[tuple[Tile, bytes]]) -> None:
        """Write tiles and bundles; on return they are on the disk."""
        folders = set()
        for tile, data in tiles:
            path = self.tile_path(tile)
            write_whole(path, data)
            folders.add(path.parent)
        for folder in sorted(folders):
            flush_folder(folder)

    def drop_partials(self, tile: Tile) -> None:
        """Remove the partial forms of a tile whose full form is published."""
        full = self.tile_path(Tile(tile.level, tile.number, WIDTH, tile.is_entries))
        shutil.rmtree(full.parent / f"{full.name}.p", ignore_errors=True)
