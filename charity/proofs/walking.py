"""Walking the tree leaf by leaf, for checks; imports models and the ledger's readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.sealed_models import VoucherLine
from charity.periods import Month
from charity.proofs.models import LogLeaf

#: Leaves read at a time.
CHUNK = 2_000


def place_text(row: Any) -> str:
    """Return what a leaf stands for, as people say it: ``2026-03 记-0007 line 2``."""
    if row.kind == "log":
        return f"operation log, {row.number} entries"
    if row.kind == "month":
        return f"{Month.from_code(row.month)} closed, part {row.line_no}"
    return f"{Month.from_code(row.month)} {row.word}-{row.number:04d} line {row.line_no}"


def leaf_chunks(session: Session, org_id: int) -> Iterator[list[Any]]:
    """Yield the leaves in order, some at a time, with account, fund and amounts of a line.

    Gaps in the positions are passed over; whoever walks looks for them.
    """
    after = -1
    while True:
        query = (
            select(
                *LogLeaf.__table__.c,
                VoucherLine.account_id,
                VoucherLine.fund_id,
                VoucherLine.debit_fen,
                VoucherLine.credit_fen,
            )
            .select_from(LogLeaf)
            .outerjoin(
                VoucherLine,
                (VoucherLine.org_id == LogLeaf.org_id)
                & (VoucherLine.voucher_id == LogLeaf.voucher_id)
                & (VoucherLine.line_no == LogLeaf.line_no),
            )
            .where(LogLeaf.org_id == org_id, LogLeaf.position > after)
            .order_by(LogLeaf.position)
            .limit(CHUNK)
        )
        rows = list(session.execute(query).all())
        if rows:
            yield rows
        if len(rows) < CHUNK:
            return
        after = rows[-1].position


def each_leaf(session: Session, org_id: int) -> Iterator[Any]:
    """Yield the leaves one by one; see :func:`leaf_chunks`."""
    for rows in leaf_chunks(session, org_id):
        yield from rows
