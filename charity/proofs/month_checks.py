"""The leaf of every closed month derived again from the lines below it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.checks import LIMIT, Finding
from charity.ledger.models import Account, Fund, Period, VoucherCounter
from charity.periods import Month
from charity.proofs.checkpoints import find_log
from charity.proofs.leaf_rules import (
    MonthFacts,
    TrialRow,
    WordNumbers,
    covered,
    month_leaves,
    statements_of,
)
from charity.proofs.models import LogLeaf, ProofLog
from charity.proofs.months import IS_MONTH, statement_hashes, trial_rows
from charity.proofs.walking import each_leaf


@dataclass(slots=True)
class _Books:
    """Figures of the lines walked so far, by month.

    Attributes:
        turnover: month → (account, fund) → debit and credit in fen.
        leaves: month → word, number, line and leaf hash of each line.
    """

    turnover: dict[int, dict[tuple[str, str], tuple[int, int]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    leaves: dict[int, list[tuple[str, int, int, bytes]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: Any, account: str, fund: str) -> None:
        """Take up the leaf of a line."""
        self.leaves[row.month].append((row.word, row.number, row.line_no, row.leaf_sha256))
        debit, credit = self.turnover[row.month].get((account, fund), (0, 0))
        self.turnover[row.month][account, fund] = (
            debit + (row.debit_fen or 0),
            credit + (row.credit_fen or 0),
        )

    def rows(self, month: int) -> tuple[TrialRow, ...]:
        """Return the trial balance of a month over the lines so far."""
        figures: dict[tuple[str, str], tuple[int, int, int]] = {}
        for code in sorted(self.turnover):
            for key, (debit, credit) in self.turnover[code].items():
                opening, *_ = figures.get(key, (0, 0, 0))
                if code < month:
                    figures[key] = (opening + debit - credit, 0, 0)
                elif code == month:
                    figures[key] = (opening, debit, credit)
        return trial_rows(figures)


def check_months(session: Session, org_id: int) -> list[Finding]:
    """Derive what the log says of each closed month from the lines that stood below it."""
    log = find_log(session, org_id)
    if log is None:
        return []
    accounts = dict(session.execute(select(Account.id, Account.code)).all())
    funds = dict(session.execute(select(Fund.id, Fund.code).where(Fund.org_id == org_id)).all())
    said, found = _said(session, org_id)
    books = _Books()
    for row in each_leaf(session, org_id):
        if row.kind == "line":
            books.add(row, accounts.get(row.account_id, "?"), funds.get(row.fund_id, "?"))
        elif row.kind == "month" and row.line_no == 1:
            expected = _expected(session, log, books, row.month, said[row.month])
            if said[row.month] != expected:
                message = _first_difference(said[row.month], expected)
                found.append(Finding("proof months", str(Month.from_code(row.month)), message))
    return found[:LIMIT]


def _said(session: Session, org_id: int) -> tuple[dict[int, list[bytes]], list[Finding]]:
    """Return month → what its leaves say in clear, in order, and which leaves hide something else."""
    rows = session.execute(
        select(LogLeaf.month, LogLeaf.content, LogLeaf.clear, LogLeaf.salt)
        .where(LogLeaf.org_id == org_id, IS_MONTH)
        .order_by(LogLeaf.month, LogLeaf.line_no)
    )
    said: dict[int, list[bytes]] = defaultdict(list)
    found: list[Finding] = []
    for month, content, clear, salt in rows:
        assert month is not None and clear is not None and salt is not None
        said[month].append(clear)
        if len(salt) != 32 or covered(clear, salt) != content:
            message = "its figures or its salt were changed: they do not open the leaf"
            found.append(Finding("proof months", str(Month.from_code(month)), message))
    return said, found


def _expected(
    session: Session, log: ProofLog, books: _Books, month: int, said: Sequence[bytes]
) -> list[bytes]:
    """Return the leaves that a month should have.

    A statement that this version cannot make any more is taken as it was said.
    """
    period = session.get(Period, (log.org_id, month))
    if period is None or period.closed_at is None:
        return []
    leaves = sorted(books.leaves[month])
    words = session.scalars(
        select(VoucherCounter.word).where(VoucherCounter.org_id == log.org_id, VoucherCounter.month == month)
    )
    numbers = {word: max((leaf[1] for leaf in leaves if leaf[0] == word), default=0) for word in words}
    named = statements_of(said)
    fresh = statement_hashes(session, log.org_id, Month.from_code(month))
    return month_leaves(
        MonthFacts(
            org=log.org_code,
            month=month,
            closed_at=period.closed_at,
            words=tuple(WordNumbers(word, min(1, last), last) for word, last in sorted(numbers.items())),
            line_count=len(leaves),
            lines_sha256=hashlib.sha256(b"".join(leaf[3] for leaf in leaves)).digest(),
            rows=books.rows(month),
            statements={name: fresh.get(name, sha256) for name, sha256 in named.items()},
        )
    )


def _first_difference(said: Sequence[bytes], expected: Sequence[bytes]) -> str:
    """Return where what was said of a month departs from what the lines give."""
    old = [line for leaf in said for line in leaf.decode(errors="replace").splitlines()]
    new = [line for leaf in expected for line in leaf.decode().splitlines()]
    for left, right in zip_longest(old, new, fillvalue="nothing"):
        if left != right:
            return f"the leaf says “{left}”, the books give “{right}”"
    return "the leaf is written otherwise than the books give it"
