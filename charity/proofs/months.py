"""What the log says of a closed month, derived from the lines that stand in the tree.

Only lines below the leaf count, so that an adjustment posted later into month 13 of the
year before does not change what was said.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from sqlalchemy import ColumnElement, case, func, literal_column, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.models import Account, Fund, Period, VoucherCounter
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.periods import Month
from charity.proofs.leaf_rules import MonthFacts, TrialRow, WordNumbers
from charity.proofs.models import LogLeaf, ProofLog

#: (session, org id, month) → SHA-256 in hexadecimal of a statement's figures.
Statement = Callable[[Session, int, Month], str]

#: Literal, so that both databases see that a partial index answers.
IS_LINE = LogLeaf.kind == literal_column("'line'")
IS_FIRST_LINE = IS_LINE & (LogLeaf.line_no == literal_column("1"))
IS_MONTH = LogLeaf.kind == literal_column("'month'")

_statements: dict[str, Statement] = {}


def register_statement(name: str, digest: Statement) -> None:
    """Have the leaf of each closed month name the hash of a statement; called at import.

    Args:
        name: short and stable, e.g. ``activities``.
        digest: gives the hash of the statement's figures, not of its looks, so that it
            comes out the same as long as the books are the same.

    Raises:
        ValueError: a malformed name, or two statements of one name.
    """
    if not re.fullmatch(r"[a-z_]+", name):
        raise ValueError(f"a statement is named in small letters, not {name}")
    if _statements.setdefault(name, digest) != digest:
        raise ValueError(f"two statements are called {name}")


def statement_hashes(session: Session, org_id: int, month: Month) -> dict[str, str]:
    """Return name → SHA-256 of the registered statements of a month."""
    return {name: digest(session, org_id, month) for name, digest in sorted(_statements.items())}


def month_facts(session: Session, log: ProofLog, month: Month) -> MonthFacts:
    """Return what the leaf of a closed month says, all its lines being in the tree.

    Args:
        session: sees the leaves appended so far.
        log: the org's log.
        month: closed.
    """
    period = session.get_one(Period, (log.org_id, month.code))
    assert period.closed_at is not None
    leaves = session.scalars(
        select(LogLeaf.leaf_sha256)
        .where(LogLeaf.org_id == log.org_id, LogLeaf.month == month.code, IS_LINE)
        .order_by(LogLeaf.word, LogLeaf.number, LogLeaf.line_no)
    ).all()
    return MonthFacts(
        org=log.org_code,
        month=month.code,
        closed_at=period.closed_at,
        words=_numbers(session, log.org_id, month),
        line_count=len(leaves),
        lines_sha256=hashlib.sha256(b"".join(leaves)).digest(),
        rows=_trial_balance(session, log.org_id, month),
        statements=statement_hashes(session, log.org_id, month),
    )


def _numbers(session: Session, org_id: int, month: Month) -> tuple[WordNumbers, ...]:
    """Return the numbers given in a month, by word."""
    highest = (
        select(func.coalesce(func.max(LogLeaf.number), 0))
        .where(
            LogLeaf.org_id == VoucherCounter.org_id,
            LogLeaf.month == VoucherCounter.month,
            LogLeaf.word == VoucherCounter.word,
            IS_FIRST_LINE,
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(VoucherCounter.word, highest).where(
            VoucherCounter.org_id == org_id, VoucherCounter.month == month.code
        )
    )
    return tuple(WordNumbers(word, min(1, last), last) for word, last in sorted(map(tuple, rows)))


def _trial_balance(session: Session, org_id: int, month: Month) -> tuple[TrialRow, ...]:
    """Return the trial balance by account and fund over the lines in the tree.

    Of a closed month every line is there; of one still open, an audit's month 13 of an
    earlier year, the vouchers up to its last leaf.
    """
    codes = session.execute(
        select(Period.month, Period.is_open).where(Period.org_id == org_id, Period.month <= month.code)
    ).all()
    closed = VoucherLine.month.in_([code for code, is_open in codes if not is_open])
    figures = _sums(session, org_id, month, closed)
    for code in (code for code, is_open in codes if is_open):
        for numbers in _numbers(session, org_id, Month.from_code(code)):
            posted = select(Voucher.id).where(
                Voucher.org_id == org_id,
                Voucher.month == code,
                Voucher.word == numbers.word,
                Voucher.number <= numbers.last,
            )
            for key, more in _sums(session, org_id, month, VoucherLine.voucher_id.in_(posted)).items():
                opening, debit, credit = figures.get(key, (0, 0, 0))
                figures[key] = (opening + more[0], debit + more[1], credit + more[2])
    return trial_rows(figures)


def _sums(
    session: Session, org_id: int, month: Month, which: ColumnElement[bool]
) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return (account, fund) → balance before a month, its debit and its credit, in fen.

    Args:
        which: the lines meant, none after the month.
    """
    line = VoucherLine
    is_own = line.month == month.code
    rows = session.execute(
        select(
            Account.code,
            Fund.code,
            sum_of(case((is_own, 0), else_=line.debit_fen - line.credit_fen)),
            sum_of(case((is_own, line.debit_fen), else_=0)),
            sum_of(case((is_own, line.credit_fen), else_=0)),
        )
        .select_from(line)
        .join(Account, Account.id == line.account_id)
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .where(line.org_id == org_id, which)
        .group_by(Account.code, Fund.code)
    )
    return {(account, fund): (opening, debit, credit) for account, fund, opening, debit, credit in rows}


def trial_rows(figures: dict[tuple[str, str], tuple[int, int, int]]) -> tuple[TrialRow, ...]:
    """Return the rows of a trial balance in order, those without any figure left out.

    Args:
        figures: (account, fund) → opening balance, debit and credit turnover, in fen.
    """
    return tuple(
        TrialRow(account, fund, *values) for (account, fund), values in sorted(figures.items()) if any(values)
    )
