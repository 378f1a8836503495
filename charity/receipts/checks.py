"""Receipts checked against themselves and the books; run by ``flask check``."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.documents.receipt import ReceiptDocument
from charity.documents.snapshot import SnapshotUnreadable
from charity.donations.models import Donation
from charity.ledger.checks import LIMIT, Check, Finding
from charity.money import format_yuan
from charity.receipts.gift_lines import gift_lines, net_fen
from charity.receipts.models import Receipt, ReceiptBatch, ReceiptCounter
from charity.receipts.rules import receipt_number
from charity.receipts.storage import read_document

_CHUNK = 500


def _each(session: Session, org_id: int) -> Iterator[list[Receipt]]:
    """Yield all receipts of an org by number, some hundreds at a time."""
    year, sequence = 0, 0
    while True:
        rows = list(
            session.scalars(
                select(Receipt)
                .where(
                    Receipt.org_id == org_id,
                    (Receipt.year > year) | ((Receipt.year == year) & (Receipt.sequence > sequence)),
                )
                .order_by(Receipt.year, Receipt.sequence)
                .limit(_CHUNK)
            )
        )
        if not rows:
            return
        year, sequence = rows[-1].year, rows[-1].sequence
        yield rows


def check_numbers(session: Session, org_id: int) -> list[Finding]:
    """Find numbers that are missing, too many, or do not agree with the counter."""
    last: dict[int, int] = dict(
        session.execute(
            select(ReceiptCounter.year, ReceiptCounter.last_no).where(ReceiptCounter.org_id == org_id)
        ).all()
    )
    seen: dict[int, int] = defaultdict(int)
    found: list[Finding] = []
    for rows in _each(session, org_id):
        for row in rows:
            missing = range(seen[row.year] + 1, row.sequence)
            found += [
                Finding("receipt numbers", receipt_number(row.year, number), "is missing")
                for number in missing[:LIMIT]
            ]
            if row.number != receipt_number(row.year, row.sequence):
                found.append(Finding("receipt numbers", row.number, "is not the number of its place"))
            seen[row.year] = row.sequence
    for year in sorted(last.keys() | seen.keys()):
        if last.get(year, 0) != seen[year]:
            message = f"the counter stands at {last.get(year, 0)}, the last receipt is {seen[year]}"
            found.append(Finding("receipt numbers", str(year), message))
    return found[:LIMIT]


def check_snapshots(session: Session, org_id: int) -> list[Finding]:
    """Find receipts whose snapshot is not the one issued, or says other things than the row."""
    found: list[Finding] = []
    for rows in _each(session, org_id):
        for row in rows:
            found += [Finding("receipt snapshots", row.number, text) for text in _snapshot_faults(row)]
        if len(found) >= LIMIT:
            break
    return found[:LIMIT]


def _snapshot_faults(row: Receipt) -> list[str]:
    """Return what is wrong with one receipt's snapshot."""
    if hashlib.sha256(row.snapshot.encode()).hexdigest() != row.snapshot_sha256:
        return ["its snapshot was changed after issue"]
    try:
        document = ReceiptDocument.from_json(row.snapshot)
    except SnapshotUnreadable as error:
        return [f"its snapshot cannot be read: {error}"]
    said = {
        "number": (document.receipt_number, row.number),
        "check code": (document.check_code, row.check_code),
        "amount": (document.amount_fen, row.amount_fen),
        "date of issue": (document.issued_on, row.issued_on),
        "language": (document.language, row.language),
        "verify code": (document.verify_url.rpartition("/")[2], row.verify_code),
    }
    return [f"its {name} differs from its snapshot" for name, (one, other) in said.items() if one != other]


def check_one_valid(session: Session, org_id: int) -> list[Finding]:
    """Find gifts with two valid receipts, and gifts whose state disagrees with their receipts."""
    counts = (
        select(Receipt.donation_id, func.count().label("valid"))
        .where(Receipt.org_id == org_id, Receipt.state == "issued")
        .group_by(Receipt.donation_id)
        .subquery()
    )
    rows = session.execute(
        select(Donation.public_no, Donation.receipt_state, func.coalesce(counts.c.valid, 0))
        .outerjoin(counts, counts.c.donation_id == Donation.id)
        .where(
            Donation.org_id == org_id,
            (counts.c.valid > 1)
            | ((counts.c.valid > 0) & Donation.receipt_state.not_in(("issued", "anonymous")))
            | (counts.c.valid.is_(None) & (Donation.receipt_state == "issued")),
        )
        .order_by(Donation.id)
        .limit(LIMIT)
    )
    return [
        Finding("one receipt a gift", number, f"has {valid} valid receipts and is marked {state}")
        for number, state, valid in rows
    ]


def check_amounts(session: Session, org_id: int) -> list[Finding]:
    """Find valid receipts whose amount the books never held for their gift.

    A gift given back after its receipt is no fault of the receipt: what the books held at
    its issue counts as well as what they hold now. Such receipts stand on the list of
    exceptions until they are voided.
    """
    found: list[Finding] = []
    for rows in _each(session, org_id):
        valid = [row for row in rows if row.state == "issued"]
        lines = gift_lines(session, org_id, sorted({row.donation_id for row in valid}))
        for row in valid:
            own = lines.get(row.donation_id, [])
            now, then = net_fen(own), net_fen(own, until=row.issued_at)
            if row.amount_fen not in (now, then):
                message = f"confirms {format_yuan(row.amount_fen)}, the books hold {format_yuan(now)}"
                found.append(Finding("receipt amounts", row.number, message))
        if len(found) >= LIMIT:
            break
    return found[:LIMIT]


CHECKS: Sequence[Check] = (check_numbers, check_snapshots, check_one_valid, check_amounts)


def file_check(data_dir: Path) -> Check:
    """Return the check that the issued files are there and unchanged.

    Args:
        data_dir: the data folder.
    """

    def check_files(session: Session, org_id: int) -> list[Finding]:
        """Find issued files that are gone or differ from their hash."""
        wanted = [(row.number, row.bytes_sha256) for rows in _each(session, org_id) for row in rows]
        for batch in session.scalars(select(ReceiptBatch).where(ReceiptBatch.org_id == org_id)):
            wanted += [(batch.public_no, sha) for sha in (batch.pdf_sha256, batch.zip_sha256) if sha]
        found = []
        for where, sha256 in wanted:
            data = read_document(data_dir, sha256)
            if data is None:
                found.append(Finding("receipt files", where, "its issued file is gone"))
            elif hashlib.sha256(data).hexdigest() != sha256:
                found.append(Finding("receipt files", where, "its issued file was changed"))
            if len(found) >= LIMIT:
                break
        return found

    return check_files


def checks(data_dir: Path) -> list[Check]:
    """Return every check of receipts.

    Args:
        data_dir: the data folder, with the issued files.
    """
    return [*CHECKS, file_check(data_dir)]
