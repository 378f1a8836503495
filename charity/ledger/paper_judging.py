"""Whether a file may become a source document: told by its content, never by its name alone.

A paper is kept for thirty years and opened by people who did not send it. So its kind must
be one the archive knows, its name must not claim another, and nothing in it may act when
it is opened. Uses pikepdf for PDF; no database.
Source: 财会〔2024〕11号 art. 27; 会计档案管理办法 (2015) art. 8; GB/T 33190-2016 (OFD).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping

from charity.errors import N_, Problem, register
from charity.ledger.media import media_type

PROBLEMS = register(
    {
        "attachment_kind": N_(
            "%(name)s is no paper the archive can keep."
            " Use PDF, OFD, XML, an image, Word, Excel, CSV or text."
        ),
        "attachment_mismatch": N_(
            "%(name)s is not what its name says: its content is %(kind)s."
            " Rename it, or choose the right file."
        ),
        "attachment_page": N_(
            "%(name)s is a web page or holds one, which can act when it is opened. Send it as PDF."
        ),
        "attachment_macro": N_("%(name)s holds a macro or a program. Save it without, or send it as PDF."),
        "attachment_script": N_("%(name)s holds a script that runs when it is opened. Print it to PDF anew."),
        "attachment_locked": N_("%(name)s is locked with a password. Save it without one."),
        "attachment_bomb": N_("%(name)s unpacks to more than it may. Send it as PDF."),
    }
)

#: Media type → endings a name may have; a name without any ending claims nothing.
KINDS: Mapping[str, frozenset[str]] = {
    "application/pdf": frozenset({"pdf"}),
    "application/ofd": frozenset({"ofd"}),
    "application/xml": frozenset({"xml"}),
    "image/png": frozenset({"png"}),
    "image/jpeg": frozenset({"jpg", "jpeg", "jfif"}),
    "image/gif": frozenset({"gif"}),
    "image/webp": frozenset({"webp"}),
    "image/tiff": frozenset({"tif", "tiff"}),
    "text/plain": frozenset({"csv", "txt"}),
    "application/x-ole-storage": frozenset({"xls", "doc", "et", "wps"}),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": frozenset({"xlsx"}),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": frozenset({"docx"}),
}
#: What a container must hold to be what it says.
_ROOTS = {
    "application/ofd": "OFD.xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xl/workbook.xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "word/document.xml",
}
#: A container unpacks to at most so many bytes, in so many files.
UNPACKED_LIMIT = 300 * 1024 * 1024
FILES_LIMIT = 10_000

_MARKUP = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|svg|script)\b", re.I)
_ACTIVE_XML = re.compile(
    rb"<\s*(?:[a-z0-9]+:)?(?:script|svg|html|iframe|object|embed|foreignObject)\b"
    rb"|<\?xml-stylesheet|<!ENTITY|\son[a-z]+\s*=|javascript:",
    re.I,
)
_ACTIVE_PDF = re.compile(rb"/(?:JavaScript|JS|Launch|RichMedia|XFA)\b")
#: The same names where pikepdf reads the objects: as a key, or as the kind of an action.
_PDF_KEYS = ("/JS", "/JavaScript", "/RichMediaContent", "/XFA")
_PDF_ACTIONS = ("/JavaScript", "/Launch", "/RichMediaExecute", "/ImportData")


def check_paper(data: bytes, name: str) -> list[Problem]:
    """Return why a file may not be kept as a source document; empty when it may.

    Args:
        data: the whole file; an empty one is refused elsewhere.
        name: as sent, cleaned.

    Problems: ``attachment_kind``, ``attachment_mismatch``, ``attachment_page``,
    ``attachment_macro``, ``attachment_script``, ``attachment_locked``, ``attachment_bomb``.
    """
    kind = media_type(data, name)
    if _MARKUP.match(data[:4096]):
        return [Problem("attachment_page", {"name": name}, "attachments")]
    if kind not in KINDS:
        return [Problem("attachment_kind", {"name": name}, "attachments")]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending and ending not in KINDS[kind]:
        said = {"name": name, "kind": sorted(KINDS[kind])[0].upper()}
        return [Problem("attachment_mismatch", said, "attachments")]
    judge = _JUDGES.get(kind, _JUDGES_OF_ZIP if kind in _ROOTS else _nothing)
    return list(judge(data, name, kind))


def _nothing(data: bytes, name: str, kind: str) -> Iterator[Problem]:
    """Find nothing: a picture or plain text acts in no program that shows it."""
    return iter(())


def _judge_xml(data: bytes, name: str, kind: str) -> Iterator[Problem]:
    """Find scripts, style sheets and entities; an e-invoice (数电票) has none of them."""
    if _ACTIVE_XML.search(data):
        yield Problem("attachment_page", {"name": name}, "attachments")


def _judge_ole(data: bytes, name: str, kind: str) -> Iterator[Problem]:
    """Find macros in the old formats of Word and Excel by the names of their streams."""
    if any(mark.encode("utf-16-le") in data for mark in ("_VBA_PROJECT", "Macros", "VBA\0")):
        yield Problem("attachment_macro", {"name": name}, "attachments")


def _judge_zip(data: bytes, name: str, kind: str) -> Iterator[Problem]:
    """Look at the list of a container before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        yield Problem("attachment_kind", {"name": name}, "attachments")
        return
    if len(entries) > FILES_LIMIT or sum(entry.file_size for entry in entries) > UNPACKED_LIMIT:
        yield Problem("attachment_bomb", {"name": name}, "attachments")
        return
    names = {entry.filename for entry in entries}
    if any(entry.flag_bits & 1 for entry in entries):
        yield Problem("attachment_locked", {"name": name}, "attachments")
    elif _ROOTS[kind] not in names:
        said = {"name": name, "kind": "ZIP"}
        yield Problem("attachment_mismatch", said, "attachments")
    elif any("vbaproject" in one.lower() or one.lower().endswith((".exe", ".js", ".vbs")) for one in names):
        yield Problem("attachment_macro", {"name": name}, "attachments")


def _judge_pdf(data: bytes, name: str, kind: str) -> Iterator[Problem]:
    """Find scripts, programs to start and forms with code, packed object streams included.

    A file pikepdf cannot read is judged by its plain bytes alone: scanners write broken
    PDF, and people's programs open it all the same.
    """
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            is_active = any(_acts(entry) for entry in pdf.objects)
    except pikepdf.PasswordError:
        yield Problem("attachment_locked", {"name": name}, "attachments")
        return
    except (pikepdf.PdfError, ValueError, RecursionError):
        is_active = bool(_ACTIVE_PDF.search(data))
    if is_active:
        yield Problem("attachment_script", {"name": name}, "attachments")


def _acts(entry: object, depth: int = 0) -> bool:
    """Say whether an object of a PDF, or one written inside it, acts when the file is opened."""
    import pikepdf

    if isinstance(entry, pikepdf.Array) and depth < 20:
        return any(_acts(inner, depth + 1) for inner in _parts(entry))
    if not isinstance(entry, pikepdf.Dictionary | pikepdf.Stream) or depth >= 20:
        return False
    if any(key in entry for key in _PDF_KEYS) or str(entry.get("/S", "")) in _PDF_ACTIONS:
        return True
    return any(_acts(inner, depth + 1) for inner in _parts(entry))


def _parts(entry: object) -> Iterator[object]:
    """Yield what stands inside an object itself; what it refers to is an object of its own."""
    import pikepdf

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


Judge = Callable[[bytes, str, str], Iterator[Problem]]
_JUDGES: Mapping[str, Judge] = {
    "application/pdf": _judge_pdf,
    "application/xml": _judge_xml,
    "application/x-ole-storage": _judge_ole,
}
_JUDGES_OF_ZIP: Judge = _judge_zip
