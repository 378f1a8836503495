"""ISO 20022 camt.053, the bank-to-customer statement, in whichever version.

Imports errors and this package. The XML is read as a stream and only one movement is kept
at a time; a document type is refused, so that no entity can expand and nothing outside
the file is read. A movement that gathers several payments becomes one row a payment when
their amounts make it up. Source: ISO 20022 message definition camt.053.001.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from charity.errors import N_, Problem, Refused, refuse, register
from charity.intake.statements import Entry, Statement, fen_of, refuse_many, unreadable
from charity.intake.totals import FileTotals, Totals

PROBLEMS = register(
    {
        "markup_damaged": N_(
            "%(name)s is damaged in line %(line)s and cannot be read; export it again and drop it "
            "as it comes."
        ),
        "markup_doctype": N_(
            "%(name)s declares a document type in line %(line)s, which no bank's statement does; "
            "it was not opened."
        ),
    }
)

#: Deepest nesting, and most elements of one movement; honest files stay far below.
_MAX_DEPTH, _MAX_ELEMENTS = 40, 100_000
_MESSAGE = re.compile(r"camt\.(\d{3})\.\d{3}")
#: Elements between the root and a movement whose children are not kept together.
_FRAMES = frozenset({"Document", "BkToCstmrStmt", "Stmt"})


def is_camt(head: str) -> bool:
    """Say whether text begins like an ISO 20022 message of cash management."""
    return _MESSAGE.search(head) is not None or "<BkToCstmr" in head


class _Node:
    """One element while its movement is read."""

    __slots__ = ("attributes", "children", "line", "tag", "text")

    def __init__(self, tag: str, line: int, attributes: dict[str, str]) -> None:
        self.tag, self.line, self.attributes = tag, line, attributes
        self.text = ""
        self.children: list[_Node] = []

    def find(self, path: str) -> _Node | None:
        """Return the first element below, named step by step."""
        node: _Node | None = self
        for step in path.split("/"):
            node = next((child for child in node.children if child.tag == step), None) if node else None
        return node

    def said(self, *paths: str) -> str:
        """Return the text of the first of several elements that has any."""
        for path in paths:
            found = self.find(path)
            if found is not None and found.text.strip():
                return found.text.strip()
        return ""

    def all(self, *steps: str) -> list[_Node]:
        """Return every element below along some steps."""
        nodes = [self]
        for step in steps:
            nodes = [child for node in nodes for child in node.children if child.tag == step]
        return nodes


class _Reader:
    """Builds each movement, turns it into entries and lets it go."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: list[_Node] = []
        self._elements = self._rows = 0
        self._totals: list[tuple[int, int]] = []
        self.statements: list[Statement] = []
        self.problems: list[Problem] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def _refuse_doctype(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        raise refuse("markup_doctype", str(line), name=self._name, line=line)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        node = _Node(tag.rpartition(" ")[2], self.parser.CurrentLineNumber, attributes)
        self._elements += 1
        if len(self._stack) >= _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise refuse("markup_damaged", str(node.line), name=self._name, line=node.line)
        if node.tag == "Stmt":
            self.statements.append(Statement(node.line))
            self._totals = []
        if node.tag not in _FRAMES and node.tag != "Ntry" and self._stack:
            self._stack[-1].children.append(node)
        elif node.tag in ("Stmt", "Ntry"):
            self._elements = 0
        self._stack.append(node)

    def _data(self, text: str) -> None:
        if self._stack:
            self._stack[-1].text += text

    def _end(self, _tag: str) -> None:
        node = self._stack.pop()
        if node.tag == "Ntry" and self.statements:
            self._take_movement(node)
        elif node.tag == "Stmt":
            self._take_head(node)

    def _take_movement(self, node: _Node) -> None:
        """Turn a booked movement into its entries; pending ones are not money yet."""
        state = node.said("Sts/Cd", "Sts") or "BOOK"
        if state != "BOOK":
            return
        amount = _amount_of(node, self._name)
        self._totals.append((fen_of(amount) or 0, node.line))
        self.statements[-1].entries += _entries(node, amount, self._name)
        self._rows += 1
        refuse_many(self._rows, self._name)

    def _take_head(self, node: _Node) -> None:
        """Take in account and balances, and compare the summary with the movements."""
        statement = self.statements[-1]
        statement.account = node.said("Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Id/PrtryAcct/Id")
        statement.currency = node.said("Acct/Ccy")
        for balance in node.all("Bal"):
            kind = balance.said("Tp/CdOrPrtry/Cd", "Tp/Cd")
            if kind in ("OPBD", "PRCD") and (statement.opening is None or kind == "OPBD"):
                statement.opening = _amount_of(balance, self._name)
            elif kind == "CLBD":
                statement.closing = _amount_of(balance, self._name)
        summary = node.find("TxsSummry")
        if summary is not None:
            totals = FileTotals(self._stated(summary), self._counted())
            self.problems += totals.differences()

    def _stated(self, summary: _Node) -> Totals:
        """Return what the summary of a statement says."""
        totals = Totals()
        for name, path in (
            ("count", "TtlNtries"),
            ("in_count", "TtlCdtNtries"),
            ("out_count", "TtlDbtNtries"),
        ):
            text = summary.said(f"{path}/NbOfNtries")
            if text:
                if not text.isdecimal() or len(text) > 9:
                    raise unreadable(self._name, summary.line, text, "count")
                setattr(totals, name, int(text))
        for name, path in (("in_fen", "TtlCdtNtries"), ("out_fen", "TtlDbtNtries")):
            text = summary.said(f"{path}/Sum")
            fen = fen_of(text) if text else None
            if text and fen is None:
                raise unreadable(self._name, summary.line, text, "amount")
            setattr(totals, name, fen)
        return totals

    def _counted(self) -> Totals:
        """Return what the movements of the statement make."""
        ins = [fen for fen, _line in self._totals if fen >= 0]
        outs = [-fen for fen, _line in self._totals if fen < 0]
        return Totals(len(self._totals), len(ins), len(outs), sum(ins), sum(outs))


def _amount_of(node: _Node, name: str) -> str:
    """Return the signed amount of a movement or balance, as written."""
    text = node.said("Amt")
    if not re.fullmatch(r"\d{1,15}(?:\.\d*)?", text):
        raise unreadable(name, node.line, text, "amount")
    side = node.said("CdtDbtInd")
    if side not in ("CRDT", "DBIT"):
        raise unreadable(name, node.line, side, "direction")
    return ("-" if side == "DBIT" else "") + text.rstrip(".")


def _entries(node: _Node, amount: str, name: str) -> list[Entry]:
    """Return the rows of a movement: one a payment where their amounts make it up."""
    common = {
        "booked": _day(node, "BookgDt"),
        "day": _day(node, "BookgDt") or _day(node, "ValDt"),
        "currency": _currency(node),
        "summary": "冲正" if node.said("RvslInd") in ("true", "1") else "",
        "reference": node.said("AcctSvcrRef", "NtryRef"),
    }
    is_in = not amount.startswith("-")
    parts = [part for detail in node.all("NtryDtls") for part in detail.all("TxDtls")]
    amounts = [part.said("Amt", "AmtDtls/TxAmt/Amt") for part in parts]
    whole = fen_of(amount.lstrip("-"))
    if len(parts) > 1 and whole is not None:
        fens = [fen_of(text) if re.fullmatch(r"\d{1,15}(?:\.\d+)?", text) else None for text in amounts]
        if None not in fens and sum(fen or 0 for fen in fens) == whole:
            sign = "" if is_in else "-"
            return [
                Entry(part.line, sign + text, common | _details(part, node, is_in, common))
                for part, text in zip(parts, amounts, strict=True)
            ]
    only = parts[0] if len(parts) == 1 else _Node("TxDtls", node.line, {})
    return [Entry(node.line, amount, common | _details(only, node, is_in, common))]


def _currency(node: _Node) -> str:
    found = node.find("Amt")
    return found.attributes.get("Ccy", "") if found is not None else ""


def _day(node: _Node, tag: str) -> str:
    """Return a day as written, in the bank's own zone."""
    return node.said(f"{tag}/Dt", f"{tag}/DtTm")[:10]


def _details(part: _Node, node: _Node, is_in: bool, common: dict[str, str]) -> dict[str, str]:
    """Return who, which account and what for, of one payment of a movement."""
    side = "Dbtr" if is_in else "Cdtr"
    words = [item.text.strip() for item in part.all("RmtInf", "Ustrd") if item.text.strip()]
    words.append(part.said("RmtInf/Strd/CdtrRefInf/Ref"))
    back = "退汇" if part.find("RtrInf") is not None else ""
    # The payment's own number, where it has one, tells the payments of one movement apart.
    return {
        "summary": " ".join(filter(None, (common["summary"], back))),
        "reference": part.said("Refs/AcctSvcrRef", "Refs/TxId") or common["reference"],
        "merchant_reference": part.said("Refs/EndToEndId"),
        "counterparty_name": part.said(f"RltdPties/{side}/Nm", f"RltdPties/{side}/Pty/Nm"),
        "counterparty_account": part.said(
            f"RltdPties/{side}Acct/Id/IBAN", f"RltdPties/{side}Acct/Id/Othr/Id"
        ),
        "counterparty_bank": part.said(
            f"RltdAgts/{side}Agt/FinInstnId/Nm", f"RltdAgts/{side}Agt/FinInstnId/BIC"
        ),
        "remark": " ".join(filter(None, words)),
        "purpose": part.said("AddtlTxInf", "Purp/Prtry") or node.said("AddtlNtryInf"),
    }


def read_camt(data: bytes, name: str) -> tuple[list[Statement], list[Problem]]:
    """Return the statements of a message, and where its own summaries differ.

    Args:
        data: the whole file; its own declaration says the encoding.
        name: for the sentences.

    Raises:
        Refused: ``markup_damaged``, ``markup_doctype``, ``statement_other_message`` or what
            :func:`charity.intake.statements.unreadable` refuses.
    """
    head = data[:4_096].decode("latin-1").replace("\x00", "")
    kind = _MESSAGE.search(head)
    is_other = kind is not None and kind[1] != "053" and "<BkToCstmrStmt" not in head
    if is_other or "<BkToCstmrAcctRpt" in head or "<BkToCstmrDbtCdtNtfctn" in head:
        raise refuse("statement_other_message", name=name, kind=kind[0] if kind else "camt")
    reader = _Reader(name)
    try:
        reader.parser.Parse(data, True)
    except Refused:
        raise
    except (expat.ExpatError, ValueError, LookupError):
        line = reader.parser.CurrentLineNumber
        raise refuse("markup_damaged", str(line), name=name, line=line) from None
    return reader.statements, reader.problems
