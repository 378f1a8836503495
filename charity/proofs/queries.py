"""Proofs for people: that a line stands in the log, that a head contains an earlier one.

Reads → frozen dataclasses, which go to JSON as ``verify.py`` reads it. Openings are made
only of the fields that are asked for; from one salt no other follows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.commitments import FIELDS, field_salts
from charity.ledger.models import VoucherCounter
from charity.ledger.reading import PostedRecord, load_codes, read_vouchers
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from charity.proofs.checkpoints import find_log, known_keys, last_checkpoint
from charity.proofs.leaf_rules import month_openings
from charity.proofs.models import Checkpoint, LogLeaf, ProofLog
from charity.proofs.months import IS_FIRST_LINE, IS_LINE
from charity.proofs.note_rules import verifier_key
from charity.proofs.publishing import leaf_contents
from charity.proofs.rules import consistency_proof, inclusion_proof
from charity.proofs.tree import StoredTree

#: Forms of the files that verify.py reads.
PROOF_FORM = "charity-proof/v1"
CONSISTENCY_FORM = "charity-consistency/v1"
PACKAGE_FORM = "charity-package/v1"

#: Leaves read at a time for the auditors' package.
_CHUNK = 500
LIST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Opening:
    """A field of a line laid open.

    Attributes:
        field: its name, see ``ledger.commitments.FIELDS``.
        value: what was committed to.
        salt: 64 hexadecimal digits.
    """

    field: str
    value: str
    salt: str


@dataclass(frozen=True, slots=True)
class ProofBundle:
    """Proof that a leaf stands in a published tree; nothing more is needed to check it.

    Attributes:
        leaf: text of the leaf.
        index: its position, from 0.
        size: leaves of the tree.
        path: hashes of the audit path in hexadecimal, lowest first.
        checkpoint: the signed head of that tree.
        key: the log's public key, as verifiers are configured with it.
        openings: fields laid open; may be none.
    """

    leaf: str
    index: int
    size: int
    path: tuple[str, ...]
    checkpoint: str
    key: str
    openings: tuple[Opening, ...] = ()

    def opened(self, openings: Sequence[Opening]) -> ProofBundle:
        """Return the same proof with fields laid open."""
        return replace(self, openings=tuple(openings))

    def as_json(self) -> dict[str, Any]:
        """Return the bundle as ``verify.py`` reads it."""
        return {
            "form": PROOF_FORM,
            "leaf": self.leaf,
            "index": self.index,
            "size": self.size,
            "path": list(self.path),
            "checkpoint": self.checkpoint,
            "key": self.key,
            "openings": [[each.field, each.value, each.salt] for each in self.openings],
        }


@dataclass(frozen=True, slots=True)
class ConsistencyBundle:
    """Proof that a published tree begins with an earlier published one.

    Attributes:
        old: the earlier checkpoint.
        new: the later one.
        path: hashes in hexadecimal.
        old_key: public key of the earlier one.
        key: public key of the later one.
    """

    old: str
    new: str
    path: tuple[str, ...]
    old_key: str
    key: str

    def as_json(self) -> dict[str, Any]:
        """Return the bundle as ``verify.py`` reads it."""
        return {
            "form": CONSISTENCY_FORM,
            "old": self.old,
            "new": self.new,
            "path": list(self.path),
            "old_key": self.old_key,
            "key": self.key,
        }


@dataclass(frozen=True, slots=True)
class LineRef:
    """A posted line as people name it.

    Attributes:
        month: of the books.
        word: of its voucher.
        number: of its voucher.
        line_no: line k, from 1.
    """

    month: Month
    word: str
    number: int
    line_no: int

    def __str__(self) -> str:
        return f"{self.month} {self.word}-{self.number:04d} ({self.line_no})"


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One published checkpoint.

    Attributes:
        number: 1…n.
        tree_size: leaves it covers.
        root: hash of the tree in hexadecimal.
        signed_at: when, UTC.
        note: the text as published.
        key: public key that verifies it.
    """

    number: int
    tree_size: int
    root: str
    signed_at: datetime
    note: str
    key: str


def _key(log: ProofLog, checkpoint: Checkpoint) -> str:
    return verifier_key(log.origin, checkpoint.public_key)


def checkpoints(session: Session, org_id: int, limit: int = LIST_ROWS) -> list[CheckpointRow]:
    """Return the published checkpoints, newest first."""
    log = find_log(session, org_id)
    if log is None:
        return []
    query = select(Checkpoint).where(Checkpoint.org_id == org_id).order_by(Checkpoint.number.desc())
    return [
        CheckpointRow(
            row.number, row.tree_size, row.root_sha256.hex(), row.signed_at, row.note, _key(log, row)
        )
        for row in session.scalars(query.limit(limit))
    ]


def verifier_keys(session: Session, org_id: int) -> list[str]:
    """Return the public keys that the log's checkpoints were signed with, newest first."""
    log = find_log(session, org_id)
    return [] if log is None else [verifier_key(log.origin, key) for key in known_keys(session, org_id)]


def proof_of(session: Session, org_id: int, ref: LineRef) -> ProofBundle | None:
    """Return the proof of a line by its number, without openings; None when there is none."""
    voucher_id = session.scalar(
        select(Voucher.id).where(
            Voucher.org_id == org_id,
            Voucher.month == ref.month.code,
            Voucher.word == ref.word,
            Voucher.number == ref.number,
        )
    )
    return None if voucher_id is None else inclusion_of(session, org_id, voucher_id, ref.line_no)


def covered_lines(session: Session, org_id: int, ref: LineRef) -> list[LineRef]:
    """Return the lines of a voucher that the newest checkpoint covers, in order.

    Args:
        ref: names the voucher; its line is left aside.
    """
    last = last_checkpoint(session, org_id)
    if last is None:
        return []
    lines = session.scalars(
        select(LogLeaf.line_no)
        .join(Voucher, (Voucher.org_id == LogLeaf.org_id) & (Voucher.id == LogLeaf.voucher_id))
        .where(
            LogLeaf.org_id == org_id,
            Voucher.month == ref.month.code,
            Voucher.word == ref.word,
            Voucher.number == ref.number,
            LogLeaf.position < last.tree_size,
            IS_LINE,
        )
        .order_by(LogLeaf.line_no)
    )
    return [replace(ref, line_no=line or 0) for line in lines]


def is_covered(session: Session, org_id: int, voucher_id: int) -> bool:
    """Say whether a published checkpoint covers all lines of a voucher."""
    last = last_checkpoint(session, org_id)
    position = session.scalar(
        select(func.max(LogLeaf.position)).where(
            LogLeaf.org_id == org_id, LogLeaf.voucher_id == voucher_id, IS_LINE
        )
    )
    return last is not None and position is not None and position < last.tree_size


def last_line(session: Session, org_id: int) -> LineRef | None:
    """Return the last line that the newest checkpoint covers; None without any."""
    last = last_checkpoint(session, org_id)
    if last is None:
        return None
    row = session.execute(
        select(LogLeaf.month, LogLeaf.word, LogLeaf.number, LogLeaf.line_no)
        .where(LogLeaf.org_id == org_id, LogLeaf.position < last.tree_size, LogLeaf.kind == "line")
        .order_by(LogLeaf.position.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return LineRef(Month.from_code(row.month or 0), row.word or "", row.number or 0, row.line_no or 0)


def lines_waiting(session: Session, org_id: int) -> int:
    """Return how many posted lines have no leaf yet."""
    counter = VoucherCounter
    mark = (
        select(func.coalesce(func.max(LogLeaf.number), 0))
        .where(
            LogLeaf.org_id == counter.org_id,
            LogLeaf.month == counter.month,
            LogLeaf.word == counter.word,
            IS_FIRST_LINE,
        )
        .scalar_subquery()
    )
    behind = (
        select(counter.month, counter.word, mark.label("mark"))
        .where(counter.org_id == org_id, counter.last_no > mark)
        .subquery()
    )
    query = (
        select(sum_of(Voucher.line_count))
        .join(
            behind,
            (Voucher.month == behind.c.month)
            & (Voucher.word == behind.c.word)
            & (Voucher.number > behind.c.mark),
        )
        .where(Voucher.org_id == org_id)
    )
    return session.scalar(query) or 0


def inclusion_of(session: Session, org_id: int, voucher_id: int, line_no: int) -> ProofBundle | None:
    """Return the proof of one posted line, without openings.

    Args:
        voucher_id: a posted voucher of the org.
        line_no: line k, from 1.

    Returns:
        None while no published checkpoint covers the line.
    """
    return inclusions_of(session, org_id, [(voucher_id, line_no)])[0]


def inclusions_of(
    session: Session, org_id: int, lines: Sequence[tuple[int, int]]
) -> list[ProofBundle | None]:
    """Return the proofs of posted lines, in their order; tiles are read once for all.

    Args:
        lines: (voucher id, line number) of each.
    """
    log, last = find_log(session, org_id), last_checkpoint(session, org_id)
    if log is None or last is None:
        return [None for _ in lines]
    tree = StoredTree(session, org_id)
    return [_bundle(session, log, last, tree, voucher_id, line_no) for voucher_id, line_no in lines]


def _bundle(
    session: Session, log: ProofLog, last: Checkpoint, tree: StoredTree, voucher_id: int, line_no: int
) -> ProofBundle | None:
    """Return the proof of one line below a checkpoint; None when it does not stand there."""
    index = session.scalar(
        select(LogLeaf.position).where(
            LogLeaf.org_id == log.org_id,
            LogLeaf.voucher_id == voucher_id,
            LogLeaf.line_no == line_no,
            LogLeaf.position < last.tree_size,
            IS_LINE,
        )
    )
    if index is None:
        return None
    ((content, _),) = leaf_contents(session, log, index, index + 1)
    path = inclusion_proof(index, last.tree_size, tree.node)
    return ProofBundle(
        leaf=content.decode(),
        index=index,
        size=last.tree_size,
        path=tuple(each.hex() for each in path),
        checkpoint=last.note,
        key=_key(log, last),
    )


def openings(record: PostedRecord, line_no: int, fields: Collection[str]) -> tuple[Opening, ...]:
    """Return the openings of chosen fields of a line, in the order of the leaf.

    Args:
        record: from ``ledger.reading``.
        line_no: line k, from 1.
        fields: names of ``ledger.commitments.FIELDS``.

    Raises:
        ValueError: a field that does not exist.
    """
    if unknown := set(fields) - set(FIELDS):
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    line, values = record.lines[line_no - 1], record.committed_values()[line_no - 1]
    return tuple(
        Opening(field, value, salt.hex())
        for field, value, salt in zip(FIELDS, values, field_salts(line.salt), strict=True)
        if field in fields
    )


def consistency_of(session: Session, org_id: int, old_size: int, size: int) -> ConsistencyBundle | None:
    """Return the proof that one published tree begins with another.

    Args:
        old_size: leaves of the earlier checkpoint.
        size: leaves of the later one.

    Returns:
        None unless both sizes were published and the first is not larger.
    """
    log = find_log(session, org_id)
    rows = {
        row.tree_size: row
        for row in session.scalars(
            select(Checkpoint)
            .where(Checkpoint.org_id == org_id, Checkpoint.tree_size.in_((old_size, size)))
            .order_by(Checkpoint.number)
        )
    }
    if log is None or not {old_size, size} <= rows.keys() or old_size > size:
        return None
    path = consistency_proof(old_size, size, StoredTree(session, org_id).node)
    old, new = rows[old_size], rows[size]
    return ConsistencyBundle(
        old.note, new.note, tuple(each.hex() for each in path), _key(log, old), _key(log, new)
    )


def audit_package(session: Session, org_id: int) -> Iterator[str]:
    """Yield the auditors' package: every leaf of the last checkpoint with every field laid open.

    One JSON object a line, the first naming the checkpoint; ``verify.py`` builds the
    whole tree from it again. It shows everything the books hold: for auditors only.
    Yields nothing before the first checkpoint.
    """
    log, last = find_log(session, org_id), last_checkpoint(session, org_id)
    if log is None or last is None:
        return
    head = {"form": PACKAGE_FORM, "size": last.tree_size, "checkpoint": last.note, "key": _key(log, last)}
    yield json.dumps(head, ensure_ascii=False)
    codes = load_codes(session, org_id)
    for first in range(0, last.tree_size, _CHUNK):
        before = min(first + _CHUNK, last.tree_size)
        places = session.execute(
            select(LogLeaf.voucher_id, LogLeaf.line_no, LogLeaf.salt, LogLeaf.clear)
            .where(LogLeaf.org_id == org_id, LogLeaf.position >= first, LogLeaf.position < before)
            .order_by(LogLeaf.position)
        ).all()
        ids = sorted({row.voucher_id for row in places if row.voucher_id is not None})
        records = {
            record.header["id"]: record
            for start in range(0, len(ids), 200)
            for record in read_vouchers(session, org_id, ids[start : start + 200], codes)
        }
        for (content, _), row in zip(leaf_contents(session, log, first, before), places, strict=True):
            leaf: dict[str, Any] = {"leaf": content.decode()}
            if row.voucher_id is not None:
                opened = openings(records[row.voucher_id], row.line_no, FIELDS)
                leaf["openings"] = [[each.field, each.value, each.salt] for each in opened]
            elif row.clear is not None:
                leaf["openings"] = [
                    [name, value, salt.hex()] for name, value, salt in month_openings(row.clear, row.salt)
                ]
            elif row.salt is not None:
                leaf["salt"] = row.salt.hex()
            yield json.dumps(leaf, ensure_ascii=False)
