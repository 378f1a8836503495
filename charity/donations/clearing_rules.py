"""Money a platform holds for us (募捐平台待结算): whose it is, and what a settlement takes.

Pure. A settlement pays gifts of several funds in one sum less fees. Its lines follow the
funds of the gifts it pays, oldest first, so that no fund's clearing account is ever wrong;
the fee falls on general money unless a filed plan lets the fund bear it.
Source: posting rules P03, P04; design of the ledger 3.4; 慈善法 (2023) art. 27, 61.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from charity.money import split_fen

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lot:
    """Money of one fund and earmark that reached a platform on one day, not settled yet."""

    on: date
    fund: str
    earmark: str
    fen: int


@dataclass(frozen=True, slots=True)
class PlatformDay:
    """One day's gifts at a platform, as its bill states them, in fen.

    Attributes:
        on: the day.
        gross_fen: gifts less refunds.
        fee_fen: fees less fees given back.
    """

    on: date
    gross_fen: int
    fee_fen: int

    @property
    def net_fen(self) -> int:
        """Return what the platform pays out for the day."""
        return self.gross_fen - self.fee_fen


@dataclass(frozen=True, slots=True)
class Coverage:
    """The days a settlement pays, and what they were before fees, in fen."""

    from_on: date
    until_on: date
    gross_fen: int
    fee_fen: int


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """One line of a settlement's voucher before re-tags: bank, fee or clearing."""

    role: str
    fund: str
    earmark: str
    fen: int


def open_lots(additions: Iterable[Lot], taken: Mapping[Key, int]) -> list[Lot]:
    """Return what is left of each lot, oldest first.

    Args:
        additions: everything that ever came in.
        taken: (fund, earmark) → everything taken since, in fen; the oldest lots of the same
            fund and earmark were taken first.
    """
    rest = defaultdict(int, taken)
    left = []
    for lot in sorted(additions, key=lambda lot: (lot.on, lot.fund, lot.earmark)):
        used = min(lot.fen, rest[lot.fund, lot.earmark])
        rest[lot.fund, lot.earmark] -= used
        if lot.fen > used:
            left.append(Lot(lot.on, lot.fund, lot.earmark, lot.fen - used))
    return left


def take_lots(lots: Sequence[Lot], fen: int) -> dict[Key, int]:
    """Return (fund, earmark) → fen that a sum takes out of the lots, oldest first.

    Raises:
        ValueError: the lots hold less than the sum.
    """
    taken: dict[Key, int] = defaultdict(int)
    for lot in lots:
        used = min(lot.fen, fen)
        if used:
            taken[lot.fund, lot.earmark] += used
            fen -= used
    if fen:
        raise ValueError("the platform holds less than is taken")
    return dict(taken)


def match_days(days: Sequence[PlatformDay], net_fen: int) -> Coverage | None:
    """Return the days whose net is exactly what the bank received, or None.

    First the run of days from the oldest one not settled; then any single day, because a
    platform may pay two days in the wrong order; then a run that begins later, as after a
    day it holds back, when no other run makes the same sum.

    Args:
        days: not settled yet, oldest first.
        net_fen: what arrived at the bank, in fen.
    """
    gross = fee = 0
    for day in days:
        gross, fee = gross + day.gross_fen, fee + day.fee_fen
        if gross - fee == net_fen:
            return Coverage(days[0].on, day.on, gross, fee)
    for day in days:
        if day.net_fen == net_fen:
            return Coverage(day.on, day.on, day.gross_fen, day.fee_fen)
    runs = []
    for first in range(1, len(days)):
        gross = fee = 0
        for day in days[first:]:
            gross, fee = gross + day.gross_fen, fee + day.fee_fen
            if gross - fee == net_fen:
                runs.append(Coverage(days[first].on, day.on, gross, fee))
    return runs[0] if len(runs) == 1 else None


def settlement_lines(
    taken: Mapping[Key, int], fee_fen: int, general: Key, bearers: Collection[str] = ()
) -> list[SettlementLine]:
    """Return the lines of a settlement; the ledger adds the re-tag where general money pays.

    What general money pays for others is first kept back from its own share of the payout,
    then from the largest other share, so that the bank's lines sum to what arrived.

    Args:
        taken: (fund, earmark) → gross in fen, from :func:`take_lots`.
        fee_fen: the platform's fee, 0 or more, less than the gross.
        general: fund and earmark of general money.
        bearers: funds whose filed plan budgets fundraising cost.

    Returns:
        ``bank`` (debit), ``fee`` (debit) and ``clearing`` (credit) lines, none of zero.
    """
    keys = sorted(taken)
    shares = dict(zip(keys, split_fen(fee_fen, [taken[key] for key in keys]), strict=True))
    bank = dict(taken)
    fees: dict[Key, int] = defaultdict(int)
    owed = 0
    for key in keys:
        if key[0] in bearers or key == general:
            fees[key] += shares[key]
            bank[key] -= shares[key]
        else:
            fees[general] += shares[key]
            owed += shares[key]
    for key in sorted(keys, key=lambda key: (key != general, -taken[key], key)):
        kept = min(owed, bank[key])
        bank[key] -= kept
        owed -= kept
    rows = [("bank", key, bank[key]) for key in keys]
    rows += [("fee", key, fees[key]) for key in sorted(fees)]
    rows += [("clearing", key, taken[key]) for key in keys]
    return [SettlementLine(role, key[0], key[1], fen) for role, key, fen in rows if fen]
