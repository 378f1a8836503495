"""Fonts: which characters can be printed, and by which face.

Two vendored faces (Noto Sans SC, 通用规范汉字表 complete) and one the operator may add. They
are read once a process, at the first use. Invariant: a character that no face has is
named and refused; nothing is ever printed as a blank or a box.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from charity.errors import N_, Problem, Refused, register

if TYPE_CHECKING:
    from charity.documents.fonts.typefaces import Typeface

PROBLEMS = register(
    {
        "character_not_printable": N_(
            "No font here can print %(characters)s. Ask the operator to set a fallback font that has it."
        ),
    }
)

FOLDER = Path(__file__).resolve().parent
#: Names under which the faces stand in ReportLab's registry.
REGULAR = "Charity-Regular"
BOLD = "Charity-Bold"
FALLBACK = "Charity-Fallback"

#: Combining marks and variation selectors that may follow a letter this product prints.
_MARKS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f"
    "\U000e0100-\U000e01ef]"
)

_lock = threading.Lock()
_fallback_path: Path | None = None
_faces: _Faces | None = None


class FallbackFontUnusable(Exception):
    """The operator's fallback font cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Faces:
    """The faces in the order they are asked, for plain and for bold text."""

    plain: tuple[Typeface, ...]
    bold: tuple[Typeface, ...]


def use_fallback(path: Path | None) -> None:
    """Set the font that is asked after the vendored ones, or take it away.

    Called once at start-up; documents made afterwards use it.

    Args:
        path: a TrueType file or collection, e.g. HanaMinB.ttf; None for no fallback.

    Raises:
        FallbackFontUnusable: no such file, or its outlines are not TrueType.
    """
    global _fallback_path, _faces
    if path is not None:
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise FallbackFontUnusable(
                f"The fallback font {path} cannot be read: {error.strerror}."
            ) from None
        if magic not in (b"\0\1\0\0", b"true", b"ttcf"):
            raise FallbackFontUnusable(
                f"The fallback font {path} has no TrueType outlines; use a .ttf file such as HanaMinB.ttf."
            )
    with _lock:
        if path != _fallback_path:
            _fallback_path, _faces = path, None


def faces(*, bold: bool = False) -> tuple[Typeface, ...]:
    """Return the faces in the order they are asked; the first call reads the files."""
    global _faces
    loaded = _faces
    if loaded is None:
        with _lock:
            if _faces is None:
                _faces = _load()
            loaded = _faces
    return loaded.bold if bold else loaded.plain


@cache
def _vendored() -> tuple[Typeface, Typeface]:
    from charity.documents.fonts.typefaces import Typeface

    return (
        Typeface.open(REGULAR, FOLDER / "NotoSansSC-Regular.ttf"),
        Typeface.open(BOLD, FOLDER / "NotoSansSC-Bold.ttf"),
    )


def _load() -> _Faces:
    regular, heavy = _vendored()
    last: tuple[Typeface, ...] = ()
    if _fallback_path is not None:
        from charity.documents.fonts.typefaces import Typeface

        try:
            last = (Typeface.open(FALLBACK, _fallback_path),)
        except Exception as error:
            raise FallbackFontUnusable(
                f"The fallback font {_fallback_path} cannot be used: {error}."
            ) from error
    return _Faces(plain=(regular, *last), bold=(heavy, regular, *last))


def visible(text: str) -> str:
    """Return text as it is drawn: tabs and line ends as blanks, marks without a shape gone.

    A base letter and its combining marks are joined to one character where Unicode has
    one; nothing else is normalised, since a compatibility character in a name is that name.
    Private-use characters stay: they stand for a real character and must be refused.
    """
    if text.isprintable() and not _MARKS.search(text):
        return text
    out: list[str] = []
    for ch in text:
        if ch in "\t\n\r\v\f\u2028\u2029":
            out.append(" ")
        elif unicodedata.combining(ch) and out:
            joined = unicodedata.normalize("NFC", out[-1] + ch)
            out[-1:] = list(joined)
        elif not _is_shapeless(ch):
            out.append(ch)
    return "".join(out)


def _is_shapeless(ch: str) -> bool:
    return (
        unicodedata.category(ch) in ("Cc", "Cf")
        or "\ufe00" <= ch <= "\ufe0f"
        or "\U000e0100" <= ch <= "\U000e01ef"
    )


def missing_characters(text: str) -> str:
    """Return the characters no face has, each once, in the order they appear."""
    chain = faces()
    if set(text) <= chain[0].widths.keys():
        return ""
    found = dict.fromkeys(ch for ch in visible(text) if not any(ch in face.widths for face in chain))
    return "".join(found)


def check_printable(texts: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each text that has a character no face can print.

    Args:
        texts: name of the field → its text; the name becomes the problem's ``where``.

    Problems: ``character_not_printable``, naming each character and its code point.
    """
    return [
        Problem("character_not_printable", {"characters": describe(missing)}, where)
        for where, text in texts.items()
        if (missing := missing_characters(text))
    ]


def describe(characters: str) -> str:
    """Return characters with their code points, for a sentence: ``𠮷 (U+20BB7)``."""
    return ", ".join(f"{ch} (U+{ord(ch):04X})" for ch in characters)


def runs(text: str, *, bold: bool = False) -> Iterator[tuple[Typeface, str]]:
    """Yield the text cut into pieces, each with the first face that has all of it.

    Raises:
        Refused: ``character_not_printable``.
    """
    chain = faces(bold=bold)
    if set(text) <= chain[0].widths.keys():
        if text:
            yield chain[0], text
        return
    piece, current = "", chain[0]
    for ch in visible(text):
        face = next((face for face in chain if ch in face.widths), None)
        if face is None:
            raise Refused(*check_printable({"": text}))
        if face is not current:
            if piece:
                yield current, piece
            piece, current = "", face
        piece += ch
    if piece:
        yield current, piece


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of one line of text in points."""
    widths = faces(bold=bold)[0].widths
    try:
        return sum([widths[ch] for ch in text]) * size / 1000
    except KeyError:
        return sum(face.text_width(piece) for face, piece in runs(text, bold=bold)) * size / 1000
