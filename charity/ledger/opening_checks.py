"""What an opening brought beside its vouchers, held against the books again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.checks import LIMIT, Check, Finding
from charity.ledger.models import Account, Earmark, Fund
from charity.ledger.opening_models import OpenedStock, Opening, OpenItem, YearFigure
from charity.ledger.sealed_models import Balance, Voucher
from charity.money import format_yuan


def check_opening(session: Session, org_id: int) -> list[Finding]:
    """Compare parties, goods and the year before with the balances that were taken over."""
    taken = session.scalar(select(Opening).where(Opening.org_id == org_id, Opening.state == "taken"))
    if taken is None:
        return []
    found = _check_lists(session, org_id, taken.start_month) + _check_year(session, org_id, taken.start_month)
    named = session.scalar(
        select(Voucher.id).where(Voucher.org_id == org_id, Voucher.kind == "opening").limit(1)
    )
    if named is None:
        found.append(Finding("opening", str(taken.start_month), "was taken, but has no voucher"))
    return found[:LIMIT]


def _check_lists(session: Session, org_id: int, start: int) -> list[Finding]:
    """Return accounts that their parties or goods no longer explain."""
    listed: dict[tuple[int, int, int], int] = {}
    for model, amount in ((OpenItem, OpenItem.amount_fen), (OpenedStock, OpenedStock.value_fen)):
        rows = session.execute(
            select(model.account_id, model.fund_id, model.earmark_id, sum_of(amount))
            .where(model.org_id == org_id)
            .group_by(model.account_id, model.fund_id, model.earmark_id)
        )
        listed.update({(row[0], row[1], row[2]): row[3] for row in rows})
    rows = session.execute(
        select(
            Balance.account_id,
            Balance.fund_id,
            Balance.earmark_id,
            Account.code,
            Fund.code,
            Earmark.code,
            sum_of(Balance.debit_fen - Balance.credit_fen),
        )
        .join(Account, Account.id == Balance.account_id)
        .join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id))
        .join(Earmark, (Earmark.org_id == Balance.org_id) & (Earmark.id == Balance.earmark_id))
        # Books that begin in January have their opening in that month itself.
        .where(
            Balance.org_id == org_id,
            (Balance.month < start) | (Balance.entry_class == "opening"),
            Balance.account_id.in_({key[0] for key in listed}),
        )
        .group_by(
            Balance.account_id, Balance.fund_id, Balance.earmark_id, Account.code, Fund.code, Earmark.code
        )
    )
    booked = {(row[0], row[1], row[2]): (f"{row[3]} {row[4]} {row[5]}", row[6]) for row in rows}
    return [
        Finding(
            "opening",
            booked.get(key, (f"account {key[0]}", 0))[0],
            f"the list gives {format_yuan(listed.get(key, 0))}, the balance was "
            f"{format_yuan(booked.get(key, ('', 0))[1])}",
        )
        for key in sorted(listed.keys() | booked.keys())
        if listed.get(key, 0) != booked.get(key, ("", 0))[1]
    ]


def _check_year(session: Session, org_id: int, start: int) -> list[Finding]:
    """Return whether the year before ends with other net assets than the first year begins with."""
    figure = session.get(YearFigure, (org_id, start // 100 - 1))
    if figure is None:
        return []
    opened = session.scalar(
        select(sum_of(Balance.credit_fen - Balance.debit_fen))
        .join(Account, Account.id == Balance.account_id)
        .where(Balance.org_id == org_id, Balance.entry_class == "opening", Account.kind == "net_asset")
    )
    if opened == figure.net_assets_fen:
        return []
    message = (
        f"ends with {format_yuan(figure.net_assets_fen)}, the books begin with {format_yuan(opened or 0)}"
    )
    return [Finding("opening", str(figure.year), message)]


CHECKS: Sequence[Check] = (check_opening,)
