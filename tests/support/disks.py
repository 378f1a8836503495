"""A small disk of a test's own that can be filled and emptied again.

As root it is a real one, a tmpfs of a few megabytes. Where nothing may be mounted, SQLite is told
not to grow and files are refused as the system would refuse them.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

#: More than a database with an office in it, less than anybody waits for.
_SIZE = "24m"


@dataclass
class Disk:
    """A disk that is full when the test says so.

    Attributes:
        folder: the folder on it.
        is_real: whether it is a file system of its own.
    """

    folder: Path
    is_real: bool
    patch: pytest.MonkeyPatch
    _engines: list[tuple[Engine, Any]] = field(default_factory=list)

    def fill(self, *engines: Engine) -> None:
        """Leave no room; engines are those whose database stands on the disk."""
        if self.is_real:
            with (self.folder / "ballast").open("wb", buffering=0) as ballast:
                for size in (2**16, 2**12, 1):
                    _write_until_full(ballast.fileno(), size)
            return
        self.patch.setattr(os, "fsync", _no_room)
        for engine in engines:
            event.listen(engine, "connect", _stop_growing, insert=True)
            self._engines.append((engine, _stop_growing))
            engine.dispose()

    def make_room(self) -> None:
        """Take the ballast away again."""
        if self.is_real:
            (self.folder / "ballast").unlink()
            return
        self.patch.undo()
        for engine, listener in self._engines:
            event.remove(engine, "connect", listener)
            engine.dispose()
        self._engines.clear()


def _write_until_full(handle: int, size: int) -> None:
    """Write until the disk says that it is full."""
    try:
        while True:
            os.write(handle, b"\0" * size)
    except OSError as error:
        assert error.errno == errno.ENOSPC


def _no_room(_handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _stop_growing(connection: Any, _record: object) -> None:
    """Let a database stay as large as it is."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")


@contextmanager
def small_disk(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Give a small disk mounted at a folder, or one that only behaves so."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0777", "tmpfs", str(folder)]
    has_mount = shutil.which("mount") is not None
    is_real = has_mount and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield Disk(folder, is_real, patch)
    finally:
        if is_real:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)
