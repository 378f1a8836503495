"""Which exchange format of banks a file is in, and its rows: OFX, MT940, camt.053.

Imports this package. The format is told from the first bytes, never from the name.
"""

from __future__ import annotations

import hashlib

from charity.errors import Problem, Refused, refuse
from charity.intake.camt053 import is_camt, read_camt
from charity.intake.limits import MAX_STATEMENT_BYTES
from charity.intake.mt940 import is_mt940, read_mt940
from charity.intake.ofx import is_ofx, read_ofx
from charity.intake.statements import StatementFile, statement_file
from charity.intake.text import decode

_HEAD_BYTES = 4_096


def format_of(data: bytes) -> str:
    """Return ``ofx``, ``mt940`` or ``camt053``, empty for any other file."""
    head = data[:_HEAD_BYTES].decode("latin-1").replace("\x00", "")
    if is_ofx(head):
        return "ofx"
    if head.lstrip("\xef\xbb\xbf\xff\xfe \t\r\n").startswith("<") and is_camt(head):
        return "camt053"
    return "mt940" if is_mt940(head.removeprefix("\xef\xbb\xbf")) else ""


def read_exchange(data: bytes, kind: str, name: str) -> StatementFile:
    """Return the rows of a file of one format.

    Args:
        data: the whole file, within the limits.
        kind: as :func:`format_of` tells.
        name: for the sentences.

    Raises:
        Refused: ``file_too_large``; see the readers of the formats and :func:`statement_file`.
    """
    if len(data) > MAX_STATEMENT_BYTES:
        raise refuse("file_too_large", name=name, limit=MAX_STATEMENT_BYTES // 2**20)
    problems: list[Problem] = []
    encoding = "XML"
    if kind == "camt053":
        statements, problems = read_camt(data, name)
    else:
        text, encoding = _text(data, name)
        statements = read_ofx(text, name) if kind == "ofx" else read_mt940(text, name)
    found = statement_file(
        statements,
        form=f"bank_{kind}",
        kind=kind,
        encoding=encoding,
        data_size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        name=name,
    )
    return StatementFile(found.table, found.recognition, problems + found.problems)


def _text(data: bytes, name: str) -> tuple[str, str]:
    """Return the text; foreign banks write Latin letters in their own single bytes."""
    try:
        return decode(data, name)
    except Refused:
        return data.decode("cp1252", "replace"), "Windows-1252"
