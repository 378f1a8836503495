"""The archive of a backup: a plain tar whose last member lists the others with their hashes.

Imports the standard library and the pure rules only. It is written beside its place and
moved there once it is on the disk, so that half a backup is never taken for one.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from charity.errors import refuse
from charity.upkeep.rules import BadManifest, Manifest, Member, read_manifest

#: Name of the last member.
MANIFEST = "manifest.json"
_CHUNK = 1024 * 1024


class _Hashing(io.RawIOBase):
    """Passes bytes on, in one direction, and keeps their hash and count."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def _note(self, data: bytes) -> bytes:
        self._sha256.update(data)
        self.size += len(data)
        return data

    def read(self, size: int = -1, /) -> bytes:
        return self._note(self._file.read(size))

    def write(self, data: Any, /) -> int:
        return self._file.write(self._note(bytes(data)))

    def tell(self) -> int:
        """Return how many bytes went through."""
        return self.size

    def hexdigest(self) -> str:
        """Return the SHA-256 of what went through, in hexadecimal."""
        return self._sha256.hexdigest()


class ArchiveWriter:
    """Adds members to an archive and remembers their hashes."""

    def __init__(self, file: IO[bytes], at: datetime) -> None:
        self._hashing = _Hashing(file)
        self._tar = tarfile.TarFile(fileobj=self._hashing, mode="w", format=tarfile.PAX_FORMAT)
        self._at = at

    def add_file(self, path: str, source: Path) -> Member:
        """Add a file under a path."""
        with source.open("rb") as file:
            return self._add(path, file, os.fstat(file.fileno()).st_size)

    def add_bytes(self, path: str, data: bytes) -> Member:
        """Add bytes under a path."""
        return self._add(path, io.BytesIO(data), len(data))

    def _add(self, path: str, file: IO[bytes], size: int) -> Member:
        info = tarfile.TarInfo(path)
        info.size, info.mtime, info.mode = size, int(self._at.timestamp()), 0o600
        hashing = _Hashing(file)
        self._tar.addfile(info, hashing)
        return Member(path, hashing.hexdigest(), size)

    def close(self, manifest: Manifest) -> tuple[str, int]:
        """Add the manifest and end the archive; return its SHA-256 and its bytes."""
        self.add_bytes(MANIFEST, manifest.to_json().encode())
        self._tar.close()
        return self._hashing.hexdigest(), self._hashing.size


@contextmanager
def writing(path: Path, at: datetime) -> Iterator[ArchiveWriter]:
    """Write an archive whole or not at all; readable by its owner only."""
    part = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield ArchiveWriter(file, at)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def manifest_of(path: Path) -> Manifest:
    """Return what a backup says of itself; its members are not looked at.

    Raises:
        Refused: ``archive_unreadable``.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            file = tar.extractfile(MANIFEST)
            text = file.read().decode() if file else ""
        return read_manifest(text)
    except (OSError, tarfile.TarError, KeyError, UnicodeDecodeError, BadManifest) as error:
        raise refuse("archive_unreadable", name=path.name, reason=_reason(error)) from None


def _reason(error: Exception) -> str:
    """Return why an archive cannot be read, in a few words."""
    return (error.strerror or "") if isinstance(error, OSError) else str(error).strip("'\"")[:200]


def unpack(path: Path, manifest: Manifest, folder: Path) -> None:
    """Write every member of a backup below a folder, each held to its hash.

    Nothing is taken from the archive but plain files that its list names.

    Raises:
        Refused: ``archive_unreadable``, ``archive_changed``, ``archive_unlisted``.
    """
    wanted = {member.path: member for member in (manifest.database, *manifest.files)}
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                if info.name == MANIFEST:
                    continue
                member = wanted.pop(info.name, None)
                source = tar.extractfile(info) if info.isfile() else None
                if member is None or source is None:
                    raise refuse("archive_unlisted", path=info.name[:200])
                _write(source, folder / member.path, member)
    except (OSError, tarfile.TarError) as error:
        raise refuse("archive_unreadable", name=path.name, reason=_reason(error)) from None
    if wanted:
        raise refuse("archive_changed", path=min(wanted))


def _write(source: IO[bytes], target: Path, member: Member) -> None:
    """Write one member, and see that it is what the list says."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hashing = _Hashing(source)
    with target.open("wb") as file:
        while data := hashing.read(_CHUNK):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if (hashing.hexdigest(), hashing.size) != (member.sha256, member.size):
        raise refuse("archive_changed", path=member.path)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
