"""Reads of the books from kept balances: trial balance, funds, guards, months.

Every figure is a sum over posted lines, kept by the database's own triggers; nothing is
computed twice. Amounts are fen; debit positive unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from charity.db import sum_of
from charity.ledger.models import Account, Draft, Earmark, Fund, Period, VoucherCounter
from charity.ledger.rules import number_text
from charity.ledger.sealed_models import Balance, FundGuard, Incident, IncidentCover, Voucher
from charity.periods import Month

#: Classes of entry that are turnover; openings are not, re-tags count in fund books only.
TURNOVER = ("normal", "closing")


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One account of a trial balance, fen; opening and closing are debit less credit."""

    account: str
    name_zh: str
    name_en: str
    opening_fen: int
    debit_fen: int
    credit_fen: int

    @property
    def closing_fen(self) -> int:
        """Return the balance at the end of the month."""
        return self.opening_fen + self.debit_fen - self.credit_fen


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The trial balance (试算平衡表) of a month, one row per account moved, in chart order."""

    month: Month
    fund: str
    rows: tuple[TrialRow, ...]

    @property
    def debit_fen(self) -> int:
        """Return the turnover on the debit side."""
        return sum(row.debit_fen for row in self.rows)

    @property
    def credit_fen(self) -> int:
        """Return the turnover on the credit side."""
        return sum(row.credit_fen for row in self.rows)

    @property
    def is_balanced(self) -> bool:
        """Say whether turnover, opening and closing balances all tie."""
        opening = sum(row.opening_fen for row in self.rows)
        return self.debit_fen == self.credit_fen and opening == 0


def trial_balance(session: Session, org_id: int, month: Month, fund: str = "") -> TrialBalance:
    """Return the trial balance of a month, over all funds or for one.

    An opening voucher stands in the opening column of its own month. Re-tag lines move
    nothing over all funds and are left out there; inside one fund they are counted.

    Args:
        org_id: whose books.
        month: any month; month 13 follows December.
        fund: code of one fund; empty for all.
    """
    classes = (*TURNOVER, "retag") if fund else TURNOVER
    is_before = (Balance.month < month.code) | (
        (Balance.month == month.code) & (Balance.entry_class == "opening")
    )
    is_now = (Balance.month == month.code) & Balance.entry_class.in_(classes)
    query = (
        select(
            Account.code,
            Account.name_zh,
            Account.name_en,
            sum_of(case((is_before, Balance.debit_fen - Balance.credit_fen), else_=0)),
            sum_of(case((is_now, Balance.debit_fen), else_=0)),
            sum_of(case((is_now, Balance.credit_fen), else_=0)),
        )
        .join(Account, Account.id == Balance.account_id)
        .where(Balance.org_id == org_id, Balance.month <= month.code)
        .group_by(Account.code, Account.name_zh, Account.name_en)
        .order_by(Account.code)
    )
    if fund:
        query = query.join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id)).where(
            Fund.code == fund
        )
    else:
        query = query.where(Balance.entry_class != "retag")
    rows = [TrialRow(*row) for row in session.execute(query)]
    return TrialBalance(
        month, fund, tuple(row for row in rows if row.opening_fen or row.debit_fen or row.credit_fen)
    )


@dataclass(frozen=True, slots=True)
class GuardRow:
    """What one fund and earmark can spend and has set aside, in fen."""

    fund: str
    fund_name: str
    fund_kind: str
    earmark: str
    earmark_name: str
    available_fen: int
    held_fen: int
    is_frozen: bool


def guards(session: Session, org_id: int) -> list[GuardRow]:
    """Return the guard of every fund and earmark that has one, in the order of funds."""
    rows = session.execute(
        select(
            Fund.code,
            Fund.name,
            Fund.kind,
            Earmark.code,
            Earmark.name,
            FundGuard.available_fen,
            FundGuard.held_fen,
            FundGuard.incident_id.is_not(None),
        )
        .join(Fund, (Fund.org_id == FundGuard.org_id) & (Fund.id == FundGuard.fund_id))
        .join(Earmark, (Earmark.org_id == FundGuard.org_id) & (Earmark.id == FundGuard.earmark_id))
        .where(FundGuard.org_id == org_id)
        .order_by(Fund.position, Fund.code, Earmark.is_default.desc(), Earmark.code)
    )
    return [GuardRow(*row[:7], bool(row[7])) for row in rows]


@dataclass(frozen=True, slots=True)
class FundCard:
    """What a fund is made of, in fen.

    ``net_assets = spendable + held + in_transit + goods + other`` for restricted funds,
    whose payables are already off what they can spend; for GEN, guarded on cash, its
    payables stand as their own minus: ``… − payables``.
    """

    id: int
    code: str
    name: str
    name_en: str
    kind: str
    colour: str
    purpose: str
    purpose_en: str
    net_assets_fen: int
    spendable_fen: int
    held_fen: int
    in_transit_fen: int
    goods_fen: int
    payables_fen: int
    other_fen: int
    is_frozen: bool


_PAYABLE_KINDS = ("liability",)


def fund_cards(session: Session, org_id: int, until: Month | None = None) -> list[FundCard]:
    """Return the card of every fund, in order.

    Args:
        org_id: whose books.
        until: last month counted for the assets; None for all that is posted. Holds are
            those of now.
    """
    sums = _fund_sums(session, org_id, until)
    held: dict[int, tuple[int, bool]] = {}
    for fund_id, held_fen, frozen in session.execute(
        select(FundGuard.fund_id, sum_of(FundGuard.held_fen), func.count(FundGuard.incident_id))
        .where(FundGuard.org_id == org_id)
        .group_by(FundGuard.fund_id)
    ):
        held[fund_id] = (held_fen, bool(frozen))
    funds = session.scalars(select(Fund).where(Fund.org_id == org_id).order_by(Fund.position, Fund.code))
    return [_card(fund, sums.get(fund.id, {}), *held.get(fund.id, (0, False))) for fund in funds]


def _fund_sums(session: Session, org_id: int, until: Month | None) -> dict[int, dict[tuple[str, str], int]]:
    """Return fund → (kind, code) → debit less credit, in fen."""
    query = (
        select(Balance.fund_id, Account.kind, Account.code, sum_of(Balance.debit_fen - Balance.credit_fen))
        .join(Account, Account.id == Balance.account_id)
        .where(Balance.org_id == org_id)
        .group_by(Balance.fund_id, Account.kind, Account.code)
    )
    if until is not None:
        query = query.where(Balance.month <= until.code)
    result: dict[int, dict[tuple[str, str], int]] = {}
    for fund_id, kind, code, fen in session.execute(query):
        result.setdefault(fund_id, {})[kind, code] = fen
    return result


def _card(fund: Fund, sums: dict[tuple[str, str], int], held_fen: int, is_frozen: bool) -> FundCard:
    """Return one fund's card from its sums."""

    def total(*codes: str) -> int:
        return sum(fen for (_, code), fen in sums.items() if code in codes)

    cash = total("1001", "1002", "100191", "100291")
    transit = total("100902")
    goods = total("1201", "1801")
    liabilities = -sum(fen for (kind, _), fen in sums.items() if kind == "liability")
    assets = sum(fen for (kind, _), fen in sums.items() if kind in ("asset", "contra_asset"))
    payables = liabilities - (-total("2601"))
    spendable = cash - held_fen - (payables if fund.kind == "restricted" else 0)
    return FundCard(
        id=fund.id,
        code=fund.code,
        name=fund.name,
        name_en=fund.name_en,
        kind=fund.kind,
        colour=fund.colour,
        purpose=fund.purpose,
        purpose_en=fund.purpose_en,
        net_assets_fen=assets - (payables if fund.kind != "agency" else 0),
        spendable_fen=spendable,
        held_fen=held_fen,
        in_transit_fen=transit,
        goods_fen=goods,
        payables_fen=payables if fund.kind == "general" else 0,
        other_fen=assets - cash - transit - goods,
        is_frozen=is_frozen,
    )


@dataclass(frozen=True, slots=True)
class MonthRow:
    """One month of the books: how many vouchers, how many drafts still wait."""

    month: Month
    is_open: bool
    vouchers: int
    waiting: int
    closed_on: date | None


def months(session: Session, org_id: int) -> list[MonthRow]:
    """Return the months of an org's books, the newest first."""
    counts: dict[int, int] = dict(
        session.execute(
            select(VoucherCounter.month, sum_of(VoucherCounter.last_no))
            .where(VoucherCounter.org_id == org_id)
            .group_by(VoucherCounter.month)
        ).all()
    )
    waiting: dict[int, int] = dict(
        session.execute(
            select(Draft.month, func.count())
            .where(Draft.org_id == org_id, Draft.state.not_in(("posted", "discarded")))
            .group_by(Draft.month)
        ).all()
    )
    rows = session.scalars(select(Period).where(Period.org_id == org_id).order_by(Period.month.desc()))
    return [
        MonthRow(
            Month.from_code(row.month),
            row.is_open,
            counts.get(row.month, 0),
            waiting.get(row.month, 0),
            row.closed_at.date() if row.closed_at else None,
        )
        for row in rows
    ]


def open_months(session: Session, org_id: int) -> list[Month]:
    """Return the open months in order."""
    codes = session.scalars(
        select(Period.month).where(Period.org_id == org_id, Period.is_open).order_by(Period.month)
    )
    return [Month.from_code(code) for code in codes]


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An open incident of an overdrawn fund."""

    id: int
    fund: str
    earmark: str
    available_fen: int
    reason: str


def open_incidents(session: Session, org_id: int) -> list[IncidentRow]:
    """Return the incidents that are not covered yet, oldest first."""
    covered = select(IncidentCover.incident_id).where(IncidentCover.org_id == org_id)
    rows = session.execute(
        select(Incident.id, Fund.code, Earmark.code, FundGuard.available_fen, Incident.reason)
        .join(Fund, (Fund.org_id == Incident.org_id) & (Fund.id == Incident.fund_id))
        .join(Earmark, (Earmark.org_id == Incident.org_id) & (Earmark.id == Incident.earmark_id))
        .join(
            FundGuard,
            (FundGuard.org_id == Incident.org_id)
            & (FundGuard.fund_id == Incident.fund_id)
            & (FundGuard.earmark_id == Incident.earmark_id),
        )
        .where(Incident.org_id == org_id, Incident.id.not_in(covered))
        .order_by(Incident.id)
    )
    return [IncidentRow(*row) for row in rows]


def voucher_numbers(session: Session, org_id: int, ids: Sequence[int]) -> dict[int, str]:
    """Return id → number as people say it, e.g. ``2026-03 记-0007``."""
    if not ids:
        return {}
    rows = session.execute(
        select(Voucher.id, Voucher.month, Voucher.word, Voucher.number).where(
            Voucher.org_id == org_id, Voucher.id.in_(ids)
        )
    )
    return {key: f"{Month.from_code(month)} {number_text(word, number)}" for key, month, word, number in rows}
