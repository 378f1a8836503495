"""The kept totals of gifts, derived again from the posted lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.donations.models import Donation
from charity.donations.total_models import GiftTotal
from charity.ledger.checks import LIMIT, Check, Finding
from charity.ledger.models import Account, Fund
from charity.ledger.sealed_models import VoucherLine
from charity.money import format_yuan
from charity.periods import Month


def check_gift_totals(session: Session, org_id: int) -> list[Finding]:
    """Compare the totals the public page shows with the lines they are made of."""
    line = VoucherLine
    key = (line.month, line.fund_id, Donation.channel, Donation.shows_amount)
    fresh = session.execute(
        select(*key, sum_of(line.credit_fen - line.debit_fen), func.count())
        .join(Account, (Account.id == line.account_id) & (Account.kind == "income"))
        .join(Donation, (Donation.org_id == line.org_id) & (Donation.id == line.source_id))
        .where(line.org_id == org_id, line.source_kind == "gift")
        .group_by(*key)
    )
    total = GiftTotal
    kept = session.execute(
        select(
            total.month, total.fund_id, total.channel, total.shows_amount, total.amount_fen, total.line_count
        ).where(total.org_id == org_id)
    )
    want, have = _by_key(fresh), _by_key(kept)
    funds = dict(session.execute(select(Fund.id, Fund.code).where(Fund.org_id == org_id)).all())
    found = []
    for row in sorted(want.keys() | have.keys(), key=str):
        expected, present = want.get(row, (0, 0)), have.get(row, (0, 0))
        if expected != present:
            where = f"{Month.from_code(row[0])} {funds.get(row[1], row[1])} {row[2]}"
            text = f"the page shows {format_yuan(present[0])}, the lines give {format_yuan(expected[0])}"
            found.append(Finding("gift totals", where, text))
    return found[:LIMIT]


def _by_key(rows: Any) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Return rows by their first four columns."""
    return {(*row[:3], bool(row[3])): (int(row[4]), int(row[5])) for row in rows}


CHECKS: Sequence[Check] = (check_gift_totals,)
