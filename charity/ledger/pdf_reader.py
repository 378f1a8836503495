"""Reads one PDF in a process of its own and says in one word what it found.

Run as a program: the file comes by standard input, the word goes to standard output. A PDF
of a few kilobytes can ask for gigabytes as soon as it is opened, by packing a stream into
itself, and no reading of its bytes tells beforehand. So memory and time are bounded from
outside, and what asks for more ends this process and no other. Imports pikepdf and nothing
of this package.
"""

from __future__ import annotations

import contextlib
import io
import re
import resource
import sys
from collections.abc import Iterator

import pikepdf
from pikepdf import settings

#: Memory of the process, program included: a scan of 30 MB needs a third of it.
MEMORY_LIMIT = 640 * 1024 * 1024
#: Seconds of the processor.
SECONDS = 10
#: What one stream may unpack to, and how many layers deep.
STREAM_LIMIT = 64 * 1024 * 1024
LAYERS = 2
#: Most entries of one list or dictionary.
ENTRIES = 1_000_000

#: What the reader says of a packed stream it did not open; nothing in it was looked at.
_LEFT = re.compile(r"limit|unfilterable|bad_alloc")
#: Names that make a PDF act, where pikepdf reads the objects: as a key, or as the kind of an action.
_KEYS = ("/JS", "/JavaScript", "/RichMediaContent", "/XFA")
_ACTIONS = ("/JavaScript", "/Launch", "/RichMediaExecute", "/ImportData")


def bound() -> None:
    """Bound what this process may take, and what one stream may unpack to.

    Where the system forbids a process to bound itself, the limits of the reader stand alone.
    """
    wanted = (
        (resource.RLIMIT_AS, MEMORY_LIMIT),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    )
    for kind, most in wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))
    settings.set_qpdf_limits(
        flate_max_memory=STREAM_LIMIT,
        run_length_max_memory=STREAM_LIMIT,
        png_max_memory=STREAM_LIMIT,
        tiff_max_memory=STREAM_LIMIT,
        dct_max_memory=STREAM_LIMIT,
        max_stream_filters=LAYERS,
        parser_max_container_size=ENTRIES,
    )


def look(data: bytes) -> str:
    """Return ``acts``, ``still``, ``locked``, ``broken``, or ``much`` for what passes a limit."""
    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            is_active = any(acts(entry) for entry in pdf.objects)
            if settings.qpdf_limit_errors() or any(_LEFT.search(said) for said in pdf.get_warnings()):
                return "much"
    except pikepdf.PasswordError:
        return "locked"
    except MemoryError:
        return "much"
    except (pikepdf.PdfError, ValueError, RecursionError):
        return "much" if settings.qpdf_limit_errors() else "broken"
    return "acts" if is_active else "still"


def acts(entry: object, depth: int = 0) -> bool:
    """Say whether an object of a PDF, or one written inside it, acts when the file is opened."""
    if isinstance(entry, pikepdf.Array) and depth < 20:
        return any(acts(inner, depth + 1) for inner in _parts(entry))
    if not isinstance(entry, pikepdf.Dictionary | pikepdf.Stream) or depth >= 20:
        return False
    if any(key in entry for key in _KEYS) or str(entry.get("/S", "")) in _ACTIONS:
        return True
    return any(acts(inner, depth + 1) for inner in _parts(entry))


def _parts(entry: object) -> Iterator[object]:
    """Yield what stands inside an object itself; what it refers to is an object of its own."""
    if isinstance(entry, pikepdf.Array):
        inner = list(entry)
    elif isinstance(entry, pikepdf.Stream):
        inner = [entry.stream_dict]
    elif isinstance(entry, pikepdf.Dictionary):
        inner = list(entry.values())
    else:
        inner = []
    for part in inner:
        if isinstance(part, pikepdf.Object) and not part.is_indirect:
            yield part


if __name__ == "__main__":
    bound()
    try:
        found = look(sys.stdin.buffer.read())
    except MemoryError:
        found = "much"
    sys.stdout.write(found)
