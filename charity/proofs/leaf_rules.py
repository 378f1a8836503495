"""What the log's leaves say beside those of voucher lines: months and the operation log.

Pure; the standard library and the lowest layer only. A line's leaf is made by
``ledger.commitments``. Everything here is published: a format may grow a version, never
change. Leaves are UTF-8 text, one fact a line, amounts in fen, parts parted by blanks;
a blank inside a code is written ``%20``, a percent sign ``%25`` and an asterisk ``%2A``.
A month's figures are committed to, not told: the only payment of a fund in a month would
tell what one household got.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from charity.periods import as_utc

#: Longest part of a month's leaf, in bytes: an entry of a bundle holds 65,535.
MAX_PART_BYTES = 60_000
#: First word of a line of a month's leaf that is covered → how many words name it.
_COVERED = {"statement": 2, "balance": 3}
#: A commitment as it is written, with the blank before it.
_COMMITMENT_BYTES = 65
_SALT_BYTES = 32

#: Start of the chain over the operation log.
CHAIN_START = bytes(32)

#: Name, in leaves, of the log of the installation itself, which belongs to no org.
HOUSE = "*"

#: Columns of an entry of the operation log that version 1 of the chain covers.
ENTRY_FIELDS = (
    "org_id",
    "id",
    "at",
    "user_id",
    "user_name",
    "user_search",
    "act",
    "subject_kind",
    "subject_no",
    "summary",
    "details",
    "search",
    "address_hash",
)


@dataclass(frozen=True, slots=True)
class WordNumbers:
    """The numbers of one word in a month.

    Attributes:
        word: 记, 收, 付 or 转.
        first: number of the first voucher; 0 when there is none.
        last: number of the last one; 0 when there is none.
    """

    word: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One account in one fund, in fen.

    Attributes:
        account: its code.
        fund: its code.
        opening_fen: debit less credit before the month.
        debit_fen: turnover of the month, re-tags and closing vouchers included.
        credit_fen: likewise.
    """

    account: str
    fund: str
    opening_fen: int
    debit_fen: int
    credit_fen: int

    @property
    def closing_fen(self) -> int:
        """Return debit less credit at the end of the month."""
        return self.opening_fen + self.debit_fen - self.credit_fen


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """What is said of a month when it is closed.

    Attributes:
        org: code of the org.
        month: ``YYYYMM``.
        closed_at: when it was closed, UTC.
        words: the numbers given, one row a word in order.
        line_count: lines of its vouchers.
        lines_sha256: SHA-256 over the leaf hashes of these lines by word, number, line.
        rows: the trial balance by account and fund, in order; rows without any figure
            are left out.
        statements: name → SHA-256 in hexadecimal of each statement made for the month.
    """

    org: str
    month: int
    closed_at: datetime
    words: tuple[WordNumbers, ...]
    line_count: int
    lines_sha256: bytes
    rows: tuple[TrialRow, ...]
    statements: Mapping[str, str]


def token(text: str) -> str:
    """Return a code as one word of a leaf."""
    return "".join(f"%{ord(ch):02X}" if ch.isspace() or ch in "%*" else ch for ch in text)


def instant_text(instant: datetime) -> str:
    """Return an instant as leaves and chains write it: UTC, with microseconds."""
    return as_utc(instant).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def month_leaves(facts: MonthFacts) -> list[bytes]:
    """Return what the leaves of a closed month say in clear: one, or several parts where it is long.

    What is published of each is :func:`covered`.
    """
    lines = [f"closed {instant_text(facts.closed_at)}"]
    lines += [f"word {each.word} {each.first}-{each.last}" for each in facts.words]
    lines.append(f"lines {facts.line_count} {facts.lines_sha256.hex()}")
    lines += [f"statement {token(name)} {sha256}" for name, sha256 in sorted(facts.statements.items())]
    lines += [
        f"balance {token(row.account)} {token(row.fund)} {row.opening_fen} {row.debit_fen}"
        f" {row.credit_fen} {row.closing_fen}"
        for row in facts.rows
    ]
    parts: list[list[str]] = [[]]
    size = 0
    for line in lines:
        length = len(line.encode()) + 1 + _COMMITMENT_BYTES
        if size + length > MAX_PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += length
    head = f"charity-month/v1 {token(facts.org)} {facts.month}"
    return [
        "\n".join([f"{head} {number}/{len(parts)}", *part, ""]).encode()
        for number, part in enumerate(parts, start=1)
    ]


def month_openings(clear: bytes, salt: bytes) -> list[tuple[str, str, bytes]]:
    """Return what opens the commitments of a month's leaf, in order.

    Args:
        clear: one part, from :func:`month_leaves`.
        salt: 32 random bytes of this part alone.

    Returns:
        For each covered line its name (``balance 1002 F1``), its value (opening, debit,
        credit and closing in fen) and a salt of its own, from which no other follows.

    Raises:
        ValueError: the salt is not 32 bytes long.
    """
    if len(salt) != _SALT_BYTES:
        raise ValueError("the salt of a month has 32 bytes")
    rows = []
    for line in clear.decode().splitlines():
        words = line.split(" ")
        if count := _COVERED.get(words[0]):
            rows.append((" ".join(words[:count]), " ".join(words[count:])))
    stream = hashlib.shake_256(salt).digest(_SALT_BYTES * len(rows))
    return [
        (name, value, stream[_SALT_BYTES * at : _SALT_BYTES * (at + 1)])
        for at, (name, value) in enumerate(rows)
    ]


def covered(clear: bytes, salt: bytes) -> bytes:
    """Return the leaf that is published of a month: names in clear, each figure a commitment.

    A commitment is the SHA-256 of its salt and its UTF-8 value, in hexadecimal.
    """
    hidden = {
        f"{name} {value}": f"{name} {hashlib.sha256(own + value.encode()).hexdigest()}"
        for name, value, own in month_openings(clear, salt)
    }
    lines = clear.decode().splitlines()
    return "\n".join([*(hidden.get(line, line) for line in lines), ""]).encode()


def statements_of(leaves: Sequence[bytes]) -> dict[str, str]:
    """Return name (as written) → SHA-256 of the statements that a month's leaves name in clear."""
    rows = (line.split(" ") for leaf in leaves for line in leaf.decode().splitlines())
    return {row[1]: row[2] for row in rows if row[0] == "statement" and len(row) == 3}


def entry_bytes(entry: Mapping[str, Any]) -> bytes:
    """Return the bytes of an entry of the operation log that its chain covers.

    Args:
        entry: column → value, as the database gives it back.
    """
    values = {name: entry[name] for name in ENTRY_FIELDS}
    values["at"] = instant_text(values["at"])
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return b"charity-oplog-entry/v1\n" + text.encode()


def chain(previous: bytes, entry: bytes) -> bytes:
    """Return the chain's value after one more entry: SHA-256 of the value before and its bytes."""
    return hashlib.sha256(previous + entry).digest()


def oplog_leaf(org: str, count: int, salt: bytes, head: bytes) -> bytes:
    """Return the leaf that commits to an operation log as it stands.

    The value of the chain is salted: it covers few and guessable entries at a time.

    Args:
        org: code of the org, or :data:`HOUSE`.
        count: entries chained so far.
        salt: 32 random bytes, opened to auditors.
        head: value of the chain after the last of them.
    """
    commitment = hashlib.sha256(salt + head).hexdigest()
    return f"charity-oplog/v1 {org if org == HOUSE else token(org)} {count} {commitment}\n".encode()


def read_oplog_leaf(content: bytes) -> tuple[str, int, str]:
    """Return org, count and commitment that such a leaf says.

    Raises:
        ValueError: it is something else.
    """
    form, org, count, commitment = content.decode().removesuffix("\n").split(" ")
    if form != "charity-oplog/v1":
        raise ValueError("not a leaf of the operation log")
    return org, int(count), commitment
