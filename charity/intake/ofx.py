"""OFX: version 1 in SGML, where elements need no end, and version 2 in XML.

Imports errors and this package. One tokenizer reads both, because the tags are the same.
It knows the five entities of XML and no others, and nothing it reads can define one: a
document type is refused. Source: Open Financial Exchange 1.6 and 2.2, chapters 2 and 11.
"""

from __future__ import annotations

import html
import re

from charity.errors import refuse
from charity.intake.statements import Entry, Statement, refuse_many, unreadable

_HEAD = re.compile(r"OFXHEADER\s*[:=]|<OFX>", re.IGNORECASE)
_TOKEN = re.compile(r"<(?P<end>/?)(?P<tag>[A-Za-z0-9._]+)[^<>]*>(?P<text>[^<]*)")
_AMOUNT = re.compile(r"[-+]?\d{0,15}(?:[.,]\d*)?")
_MOMENT = re.compile(r"(?P<day>\d{8})(?P<time>\d{6})?(?:\.\d+)?(?:\[[^\]]*\])?")
#: Transaction types that say what a movement is → the word a bank of ours would use.
_TYPES = {"INT": "利息", "FEE": "手续费", "SRVCHG": "服务费"}
_STATEMENTS = ("STMTRS", "CCSTMTRS")
#: Elements of a movement → field.
_FIELDS = {
    "NAME": "counterparty_name",
    "ACCTID": "counterparty_account",
    "BANKID": "counterparty_bank",
    "MEMO": "remark",
    "FITID": "reference",
    "CHECKNUM": "merchant_reference",
    "REFNUM": "merchant_reference",
    "CURSYM": "currency",
}


def is_ofx(head: str) -> bool:
    """Say whether text begins like an OFX file."""
    return _HEAD.search(head) is not None


class _Reader:
    """Reads the elements of one file in their order."""

    def __init__(self, text: str, name: str) -> None:
        self._name, self._text = name, text
        self._rows = 0
        self.statements: list[Statement] = []
        self._open: Statement | None = None
        self._entry: Entry | None = None
        self._is_own_account = self._is_ledger = False

    def read(self) -> list[Statement]:
        """Return the statements."""
        line, counted = 1, 0
        for found in _TOKEN.finditer(self._text):
            tag, text = found["tag"].upper(), html.unescape(found["text"].strip())
            line, counted = line + self._text.count("\n", counted, found.start()), found.start()
            if found["end"]:
                self._end(tag)
            else:
                self._start(tag, text, line)
        unfinished = self._entry or self._open
        if unfinished is not None:
            raise refuse("statement_cut_off", name=self._name, line=unfinished.line)
        return self.statements

    def _end(self, tag: str) -> None:
        if tag == "STMTTRN":
            self._entry = None
        elif tag in _STATEMENTS:
            self._open = None
        elif tag in ("BANKACCTFROM", "CCACCTFROM"):
            self._is_own_account = False

    def _start(self, tag: str, text: str, line: int) -> None:
        if tag in _STATEMENTS:
            if self._open is not None:
                raise refuse("statement_cut_off", name=self._name, line=self._open.line)
            self._open = Statement(line)
            self.statements.append(self._open)
        elif tag == "STMTTRN":
            if self._entry is not None:
                raise refuse("statement_cut_off", name=self._name, line=self._entry.line)
            if self._open is None:
                raise refuse("statement_entry_outside", str(line), name=self._name, line=line)
            self._entry = Entry(line, "")
            self._open.entries.append(self._entry)
            self._rows += 1
            refuse_many(self._rows, self._name)
        elif self._entry is not None:
            self._take(self._entry, tag, text, line)
        elif self._open is not None:
            self._take_head(self._open, tag, text)

    def _take_head(self, statement: Statement, tag: str, text: str) -> None:
        """Take in an element of the statement itself."""
        if tag in ("BANKACCTFROM", "CCACCTFROM"):
            self._is_own_account = True
        elif tag == "ACCTID" and self._is_own_account:
            statement.account = text
        elif tag == "CURDEF":
            statement.currency = text.upper()

    def _take(self, entry: Entry, tag: str, text: str, line: int) -> None:
        """Take in an element of a movement."""
        if tag == "TRNAMT":
            if not _AMOUNT.fullmatch(text) or not re.search(r"\d", text):
                raise unreadable(self._name, line, text, "amount")
            entry.amount = text.replace(",", ".").removeprefix("+").rstrip(".")
        elif tag in ("DTPOSTED", "DTUSER"):
            found = _MOMENT.fullmatch(text)
            if found is None:
                raise unreadable(self._name, line, text, "day")
            # The day the payer acted, beside the bank's; midnight and noon stand for “no time”.
            is_whole = found["time"] in (None, "000000", "120000")
            moment = found["day"] if is_whole else f"{found['day']} {found['time']}"
            entry.texts["booked" if tag == "DTPOSTED" else "day"] = found["day"]
            entry.texts.setdefault("time", "" if is_whole else moment)
        elif tag == "TRNTYPE":
            entry.texts["summary"] = _TYPES.get(text.upper(), "")
        elif tag in _FIELDS and text and not entry.texts.get(_FIELDS[tag]):
            entry.texts[_FIELDS[tag]] = text


def read_ofx(text: str, name: str) -> list[Statement]:
    """Return the statements of a file.

    The day is the one written, in the bank's own zone; a decimal comma is a point.

    Raises:
        Refused: ``statement_cut_off``, ``statement_entry_outside``, ``file_unreadable`` or
            what :func:`charity.intake.statements.unreadable` refuses.
    """
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise refuse("file_unreadable", name=name, part="DOCTYPE")
    statements = _Reader(text, name).read()
    if not re.search(r"</OFX>\s*\Z", text, re.IGNORECASE):
        raise refuse("statement_cut_off", name=name, line=statements[-1].line if statements else 1)
    for entry in (entry for statement in statements for entry in statement.entries):
        entry.texts["day"] = entry.texts.get("day") or entry.texts.pop("booked", "")
        if not entry.amount:
            raise unreadable(name, entry.line, "", "amount")
    return statements
