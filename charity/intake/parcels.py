"""A ZIP as platforms send it: one or two tables inside, names in GBK.

Imports errors and this package. The archive is checked before anything is unpacked; what
is inside is read as if it had been dropped alone. Nothing is unpacked to disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from charity.errors import N_, refuse, register
from charity.intake.archive import Archive, Unlistable, listed
from charity.intake.limits import MAX_PARTS

PROBLEMS = register(
    {
        "zip_empty": N_("%(name)s holds no file; download it again."),
        "zip_encrypted": N_(
            "%(name)s is locked with the password that came with the message; "
            "unpack it with that and drop the file inside."
        ),
        "zip_several": N_(
            "%(name)s holds several statements (%(files)s); unpack it and drop each as a file of its own."
        ),
        "zip_nested": N_("%(name)s holds another archive (%(file)s); unpack it and drop the file inside."),
        "zip_too_many": N_("%(name)s holds more than %(limit)s files; drop the one with the rows alone."),
    }
)

_MAX_FILES = 20
#: A ZIP with one of these is a document of an office program.
_DOCUMENT_PARTS = frozenset({"[Content_Types].xml", "content.xml", "mimetype", "META-INF/manifest.xml"})
_UTF8_FLAG = 0x800


@dataclass(frozen=True, slots=True)
class Packed:
    """One file of a ZIP, unpacked when it is read.

    Attributes:
        name: its name, without folders.
    """

    name: str
    _archive: Archive
    _key: str
    _zip_name: str

    def read(self) -> bytes:
        """Return its bytes; all that is read of a ZIP counts against one limit.

        Raises:
            Refused: ``zip_nested``, ``file_unreadable`` or ``file_zip_bomb``.
        """
        data = self._archive.read(self._key)
        if is_zip(data):
            raise refuse("zip_nested", name=self._zip_name, file=self.name[:80])
        return data


def is_zip(data: bytes) -> bool:
    """Say whether a file is a ZIP that is neither a workbook nor another document."""
    if not data.startswith(b"PK\x03\x04"):
        return False
    try:
        return _DOCUMENT_PARTS.isdisjoint(part.filename for part in listed(data, MAX_PARTS))
    except Unlistable:
        # Damaged, or not to be listed: its beginning tells, so that the sentence is about what it was.
        return not any(part.encode() in data[:4_000] for part in _DOCUMENT_PARTS)


def member_name(name: str, flags: int) -> str:
    """Return a name as it was meant: Chinese programs write GBK and do not say so."""
    if not flags & _UTF8_FLAG:
        try:
            raw = name.encode("cp437")
        except UnicodeEncodeError:
            return name
        for encoding in ("utf-8", "gb18030"):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                continue
    return name


def unpack(data: bytes, name: str) -> list[Packed]:
    """Return the files of a ZIP, in its order; folders and a computer's own files left out.

    Raises:
        Refused: ``zip_empty``, ``zip_encrypted``, ``zip_too_many``, and what
            :class:`charity.intake.archive.Archive` refuses.
    """
    archive = Archive(data, name, encrypted="zip_encrypted")
    files: list[Packed] = []
    for key, part in archive.parts.items():
        shown = PurePosixPath(member_name(key, part.flag_bits).replace("\\", "/"))
        if key.endswith("/") or shown.name.startswith(".") or "__MACOSX" in shown.parts or not shown.name:
            continue
        if len(files) == _MAX_FILES:
            raise refuse("zip_too_many", name=name, limit=_MAX_FILES)
        files.append(Packed(shown.name[:120], archive, key, name))
    if not files:
        raise refuse("zip_empty", name=name)
    return files
