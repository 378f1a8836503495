"""Whether a file may become a source document: told by its content, never by its name alone.

A paper is kept for thirty years and opened by people who did not send it. So its kind must
be one the archive knows, its name must not claim another, and nothing in it may act when
it is opened. A PDF is read by a process of its own; no database.
Source: 财会〔2024〕11号 art. 27; 会计档案管理办法 (2015) art. 8; GB/T 33190-2016 (OFD).
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from charity.errors import N_, Problem, register
from charity.intake.archive import Unlistable, listed
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
        "attachment_heavy": N_(
            "%(name)s cannot be looked through within the memory a paper may take. Print it to PDF anew."
        ),
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
#: A sign of a name written by its number, as PDF allows for every sign.
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
#: The program that reads a PDF, what it may say, and the seconds it may take on a busy machine.
_READER = Path(__file__).with_name("pdf_reader.py")
_WORDS = frozenset({"acts", "still", "locked", "broken", "much"})
_LONGEST = 60
#: Two at once, so that many papers together stay bounded as well.
_readers = threading.BoundedSemaphore(2)


def check_paper(data: bytes, name: str) -> list[Problem]:
    """Return why a file may not be kept as a source document; empty when it may.

    Args:
        data: the whole file; an empty one is refused elsewhere.
        name: as sent, cleaned.

    Problems: ``attachment_kind``, ``attachment_mismatch``, ``attachment_page``,
    ``attachment_macro``, ``attachment_script``, ``attachment_locked``, ``attachment_bomb``,
    ``attachment_heavy``.
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
    """Look at the list of a container before anything is unpacked, if it is short enough to be one."""
    try:
        entries = listed(data, FILES_LIMIT)
    except Unlistable as refused:
        code = "attachment_bomb" if refused.is_long else "attachment_kind"
        yield Problem(code, {"name": name}, "attachments")
        return
    if sum(entry.file_size for entry in entries) > UNPACKED_LIMIT:
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
    PDF, and people's programs open it all the same. Nothing may be packed in such a one.
    """
    found = _look_into_pdf(data)
    if found == "broken":
        plain = _ESCAPED.sub(lambda match: bytes((int(match[1], 16),)), data)
        found = "acts" if _ACTIVE_PDF.search(plain) else "much" if b"/XRef" in plain else "still"
    codes = {"locked": "attachment_locked", "acts": "attachment_script", "much": "attachment_heavy"}
    if found in codes:
        yield Problem(codes[found], {"name": name}, "attachments")


def _look_into_pdf(data: bytes) -> str:
    """Return the word of a bounded process that reads a PDF; ``much`` when it did not end well."""
    with _readers:
        try:
            # It inherits no setting and no key: it reads bytes of strangers.
            done = subprocess.run(
                [sys.executable, "-I", str(_READER)],
                input=data,
                capture_output=True,
                env={},
                timeout=_LONGEST,
            )
        except subprocess.TimeoutExpired:
            return "much"
    word = done.stdout.decode("ascii", "replace")
    return word if done.returncode == 0 and word in _WORDS else "much"


Judge = Callable[[bytes, str, str], Iterator[Problem]]
_JUDGES: Mapping[str, Judge] = {
    "application/pdf": _judge_pdf,
    "application/xml": _judge_xml,
    "application/x-ole-storage": _judge_ole,
}
_JUDGES_OF_ZIP: Judge = _judge_zip
