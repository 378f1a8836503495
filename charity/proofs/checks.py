"""The proof log checked against the books and against itself, everything derived again.

Each check names the first wrong rows it meets. ``CHECKS`` need the database alone;
``file_checks`` compares with the published files, which tell what was said before a
backup was restored or a row rewritten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.ledger.checks import LIMIT, Check, Finding
from charity.ledger.commitments import commit_line, differing_fields
from charity.ledger.reading import PostedRecord, load_codes, read_vouchers
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from charity.proofs.chain_checks import check_chain
from charity.proofs.checkpoints import check_restored, find_log
from charity.proofs.file_checks import file_checks
from charity.proofs.models import Checkpoint, LogLeaf, LogNode, ProofLog
from charity.proofs.month_checks import check_months
from charity.proofs.months import IS_LINE
from charity.proofs.note_rules import BadNote, read_note
from charity.proofs.presence_checks import presence_checks
from charity.proofs.rules import Frontier, leaf_hash
from charity.proofs.signing import is_signed_by
from charity.proofs.tile_rules import HEIGHT
from charity.proofs.tree import line_leaf
from charity.proofs.walking import each_leaf, leaf_chunks, place_text

#: Name of the finding that a restore itself brings about.
RESTORED = "restored books"
#: Vouchers read at a time.
_VOUCHERS = 200


def check_leaves(session: Session, org_id: int) -> list[Finding]:
    """Derive the leaf of every line from the line itself, salt and values, and compare."""
    log = find_log(session, org_id)
    if log is None:
        return []
    codes = load_codes(session, org_id)
    found: list[Finding] = []
    for rows in leaf_chunks(session, org_id):
        ids = list(dict.fromkeys(row.voucher_id for row in rows if row.kind == "line"))
        records: dict[int, PostedRecord] = {}
        for start in range(0, len(ids), _VOUCHERS):
            for record in read_vouchers(session, org_id, ids[start : start + _VOUCHERS], codes):
                records[record.header["id"]] = record
        fresh = {key: _lines_of(record) for key, record in records.items()}
        for row in rows:
            if row.kind == "line" and (message := _compare_leaf(log, row, records, fresh)):
                found.append(Finding("proof leaves", f"{place_text(row)} (leaf {row.position})", message))
        if len(found) >= LIMIT:
            break
    return found[:LIMIT]


def _lines_of(record: PostedRecord) -> dict[int, tuple[bytes, bytes, list[str]]]:
    """Return line number → salt, stored commitments and values of a voucher's lines."""
    values = record.committed_values()
    return {
        line.line_no: (line.salt, line.commitments, own)
        for line, own in zip(record.lines, values, strict=True)
    }


def _compare_leaf(
    log: ProofLog,
    row: Any,
    records: Mapping[int, PostedRecord],
    fresh: Mapping[int, Mapping[int, tuple[bytes, bytes, list[str]]]],
) -> str:
    """Return how a line's leaf differs from the line; empty when it does not."""
    line = fresh.get(row.voucher_id, {}).get(row.line_no)
    if line is None:
        return "stands for a line that is not there"
    salt, stored, values = line
    header = records[row.voucher_id].header
    numbers = (header["month"], header["word"], header["number"], row.line_no, header["line_count"])
    try:
        commitments = commit_line(salt, values)
    except ValueError:
        return "the salt of the line was changed"
    if leaf_hash(line_leaf(log.org_code, *numbers, commitments)) == row.leaf_sha256:
        return "" if commitments == stored else "the commitments kept with the line were changed"
    if leaf_hash(line_leaf(log.org_code, *numbers, stored)) != row.leaf_sha256:
        return "the leaf is not that of this line"
    fields = differing_fields(salt, values, stored)
    what = "the salt" if len(fields) == len(values) else ", ".join(fields)
    return f"the line was changed after it was put into the log: {what}"


def check_coverage(session: Session, org_id: int) -> list[Finding]:
    """Find lines without a leaf although the sequencer has passed their number."""
    counted: dict[tuple[int, str], dict[int, int]] = defaultdict(dict)
    for month, word, number, count in session.execute(
        select(LogLeaf.month, LogLeaf.word, LogLeaf.number, func.count())
        .where(LogLeaf.org_id == org_id, LogLeaf.kind == "line")
        .group_by(LogLeaf.month, LogLeaf.word, LogLeaf.number)
    ):
        counted[month or 0, word or ""][number or 0] = count
    found: list[Finding] = []
    for voucher in session.execute(
        select(Voucher.id, Voucher.month, Voucher.word, Voucher.number, Voucher.line_count)
        .where(Voucher.org_id == org_id)
        .order_by(Voucher.month, Voucher.word, Voucher.number)
    ):
        numbers = counted.get((voucher.month, voucher.word), {})
        if voucher.number <= max(numbers, default=0) and numbers.get(voucher.number) != voucher.line_count:
            found += _missing_leaves(session, org_id, voucher)
        if len(found) >= LIMIT:
            break
    return found[:LIMIT]


def _missing_leaves(session: Session, org_id: int, voucher: Any) -> list[Finding]:
    """Return the lines of a voucher that have no leaf."""
    present = set(
        session.scalars(
            select(LogLeaf.line_no).where(LogLeaf.org_id == org_id, LogLeaf.voucher_id == voucher.id, IS_LINE)
        )
    )
    where = f"{Month.from_code(voucher.month)} {voucher.word}-{voucher.number:04d} line"
    return [
        Finding("proof coverage", f"{where} {line_no}", "has no leaf, although later ones have")
        for line_no in range(1, voucher.line_count + 1)
        if line_no not in present
    ]


def check_tree(session: Session, org_id: int) -> list[Finding]:
    """Build the tree again: positions, leaf bytes, inner nodes, frontier, and every signed root."""
    log = find_log(session, org_id)
    if log is None:
        return []
    heads = _heads(session, org_id)
    nodes = {
        (row.level, row.number): row.sha256
        for row in session.execute(
            select(LogNode.level, LogNode.number, LogNode.sha256).where(LogNode.org_id == org_id)
        )
    }
    frontier, found = Frontier(), []
    for row in each_leaf(session, org_id):
        where = f"leaf {row.position} ({place_text(row)})"
        if row.position != frontier.size:
            found.append(
                Finding("proof tree", where, f"follows leaf {frontier.size - 1}: leaves are missing")
            )
            return found
        if row.content is not None and leaf_hash(row.content) != row.leaf_sha256:
            found.append(Finding("proof tree", where, "its text no longer fits its hash"))
        for level, number, sha256 in frontier.append(row.leaf_sha256):
            if level % HEIGHT == 0 and nodes.pop((level // HEIGHT, number), None) != sha256:
                message = "does not fit the leaves below it"
                found.append(Finding("proof tree", f"node {level // HEIGHT}/{number}", message))
        found += _wrong_roots(heads.pop(frontier.size, []), frontier)
        if len(found) >= LIMIT:
            return found[:LIMIT]
    found += [
        Finding("proof tree", f"node {a}/{b}", "stands above leaves that are not there") for a, b in nodes
    ]
    found += [
        Finding("proof tree", f"checkpoint {row.number}", f"covers {size} leaves, {frontier.size} are there")
        for size, rows in heads.items()
        for row in rows
    ]
    if (log.tree_size, log.frontier) != (frontier.size, frontier.dump()):
        found.append(Finding("proof tree", "log", f"its row says {log.tree_size} leaves or another frontier"))
    return found[:LIMIT]


def _heads(session: Session, org_id: int) -> dict[int, list[Any]]:
    """Return tree size → checkpoints of that size."""
    heads: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(
        select(Checkpoint.number, Checkpoint.tree_size, Checkpoint.root_sha256)
        .where(Checkpoint.org_id == org_id)
        .order_by(Checkpoint.number)
    ):
        heads[row.tree_size].append(row)
    return heads


def _wrong_roots(rows: Sequence[Any], frontier: Frontier) -> list[Finding]:
    """Return the checkpoints of this size whose root is another."""
    return [
        Finding(
            "proof tree", f"checkpoint {row.number}", f"its root is not that of the {row.tree_size} leaves"
        )
        for row in rows
        if row.root_sha256 != frontier.root()
    ]


def check_checkpoints(session: Session, org_id: int) -> list[Finding]:
    """Read every checkpoint again: numbers, growth, text against columns, signature."""
    log = find_log(session, org_id)
    if log is None:
        return []
    found, last_number, last_size = [], 0, 0
    query = select(Checkpoint).where(Checkpoint.org_id == org_id).order_by(Checkpoint.number)
    for row in session.scalars(query, execution_options={"populate_existing": True}):
        messages = []
        if row.number != last_number + 1:
            messages.append(f"follows checkpoint {last_number}: one is missing")
        if row.tree_size < last_size:
            messages.append(f"covers {row.tree_size} leaves after {last_size}: an older one was put last")
        try:
            note = read_note(row.note)
        except BadNote as bad:
            messages.append(f"cannot be read: {bad}")
        else:
            if (note.head.origin, note.head.size, note.head.root) != (
                log.origin,
                row.tree_size,
                row.root_sha256,
            ):
                messages.append("its text says something else than its row")
            if not is_signed_by(note, row.public_key):
                messages.append("its signature is not valid")
        found += [Finding("checkpoints", f"checkpoint {row.number}", message) for message in messages]
        last_number, last_size = row.number, row.tree_size
    return found[:LIMIT]


def check_restoration(session: Session, org_id: int) -> list[Finding]:
    """Tell that books come from a backup and wait for the last published checkpoint."""
    return [Finding(RESTORED, "proof log", problem.sentence()) for problem in check_restored(session, org_id)]


CHECKS: Sequence[Check] = (
    check_leaves,
    check_coverage,
    check_tree,
    check_checkpoints,
    check_months,
    check_chain,
    check_restoration,
)


def checks(data_dir: Path, now: datetime | None = None) -> list[Check]:
    """Return every check of the proof log.

    Args:
        data_dir: with the published files.
        now: the present instant; None: that of the newest posting stands for it.
    """
    return [*presence_checks(data_dir, now), *CHECKS, *file_checks(data_dir)]
