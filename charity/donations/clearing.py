"""Settlements of a platform: whose money arrived, what it cost, and the draft that says so.

Imports ``db`` and lower, the ledger and this feature. What a platform holds is derived from
the posted lines, the drafts under way and nothing else; ``clearing_rules`` decides what a
settlement takes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, sum_of
from charity.donations.clearing_rules import (
    Coverage,
    Key,
    Lot,
    PlatformDay,
    match_days,
    open_lots,
    settlement_lines,
    take_lots,
)
from charity.donations.drafts import load_calendar
from charity.donations.models import Allocation, Donation, Refund, Settlement
from charity.donations.settings import setting_of
from charity.errors import N_, Problem, refuse, register
from charity.ids import new_id
from charity.ledger.books import load_books
from charity.ledger.drafting import DraftOrigin, make_draft
from charity.ledger.models import Account, Draft, Earmark, Fund, MoneyPlace
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.ledger.sealed_models import VoucherLine
from charity.ledger.setup import rule_in_force
from charity.money import format_yuan
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record
from charity.periods import Month

PROBLEMS = register(
    {
        "settlement_uncovered": N_(
            "%(net)s yuan arrived, but the gifts booked for %(place)s make only %(held)s so far. "
            "Book the platform's bill of those days, and say the purpose of gifts that wait for one; then "
            "book this row again."
        ),
        "settlement_differs": N_(
            "No run of days of %(place)s makes %(net)s yuan net; the nearest is %(nearest)s. Compare it "
            "with the platform's statement, or say the fee it kept and book the row again."
        ),
        "settlement_fee": N_("A fee is zero or more and less than the sum paid out."),
    }
)
register_acts({"donations.settle": N_("Drafted a platform's settlement")})
register_labels({"fee_fen": N_("Fee (yuan)")})

CLEARING = "100901"
#: How far before the last settlement an unpaid day is still looked for.
_LOOK_BACK = timedelta(days=31)
_OPEN_DRAFTS = ("draft", "submitted", "reviewed", "signed")


@dataclass(frozen=True, slots=True)
class Payout:
    """A sum a platform paid into a bank account.

    Attributes:
        place_id: the platform's place of money.
        bank: code of the bank account it arrived in.
        net_fen: what arrived.
        on: the day.
        fee_fen: what a person says the platform kept; None to find it out from the bills.
        reference: the bank's serial number.
        paper: SHA-256 of the file it stands in.
        event_key: names the row once for all.
        batch_id: staged file.
    """

    place_id: int
    bank: str
    net_fen: int
    on: date
    fee_fen: int | None
    reference: str
    paper: str
    event_key: str
    batch_id: int | None = None


def held_lots(session: Session, org_id: int, place_id: int) -> list[Lot]:
    """Return what a platform holds for us, oldest first: posted and drafted, less taken.

    Money of a gift counts from its draft on, a settlement's or refund's from its own, so
    that several of one morning do not take the same money twice.
    """
    additions, taken = _posted(session, org_id, place_id)
    additions += _drafted_gifts(session, org_id, place_id)
    for key, fen in _pending(session, org_id, place_id):
        taken[key] += fen
    return open_lots(additions, taken)


def _posted(session: Session, org_id: int, place_id: int) -> tuple[list[Lot], dict[Key, int]]:
    """Return what posted lines brought to a platform's clearing and took from it."""
    line = VoucherLine
    rows = session.execute(
        select(line.voucher_on, Fund.code, Earmark.code, sum_of(line.debit_fen), sum_of(line.credit_fen))
        .join(Account, Account.id == line.account_id)
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(line.org_id == org_id, line.money_place_id == place_id, Account.code == CLEARING)
        .group_by(line.voucher_on, Fund.code, Earmark.code)
    )
    lots: list[Lot] = []
    taken: dict[Key, int] = defaultdict(int)
    for on, fund, earmark, debit, credit in rows:
        if debit > 0:
            lots.append(Lot(on, fund, earmark, debit))
        # A red reversal of a gift is a negative debit: it takes back like a credit.
        taken[fund, earmark] += credit - min(debit, 0)
    return lots, taken


def _drafted_gifts(session: Session, org_id: int, place_id: int) -> list[Lot]:
    """Return the gifts of a platform whose voucher is being prepared."""
    rows = session.execute(
        select(Donation.received_on, Fund.code, Earmark.code, sum_of(Allocation.amount_fen))
        .join(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
        .join(Allocation, (Allocation.org_id == Donation.org_id) & (Allocation.donation_id == Donation.id))
        .join(Fund, (Fund.org_id == Allocation.org_id) & (Fund.id == Allocation.fund_id))
        .join(Earmark, (Earmark.org_id == Allocation.org_id) & (Earmark.id == Allocation.earmark_id))
        .where(
            Donation.org_id == org_id,
            Donation.money_place_id == place_id,
            Draft.state.in_(_OPEN_DRAFTS),
        )
        .group_by(Donation.received_on, Fund.code, Earmark.code)
    )
    return [Lot(on, fund, earmark, fen) for on, fund, earmark, fen in rows]


def _pending(session: Session, org_id: int, place_id: int) -> Iterator[tuple[Key, int]]:
    """Yield what settlements and refunds under way will take."""
    for parts in session.scalars(
        select(Settlement.parts)
        .join(Draft, (Draft.org_id == Settlement.org_id) & (Draft.id == Settlement.draft_id))
        .where(
            Settlement.org_id == org_id,
            Settlement.money_place_id == place_id,
            Draft.state.in_(_OPEN_DRAFTS),
        )
    ):
        for fund, earmark, fen in parts:
            yield (fund, earmark), fen
    for parts in session.scalars(
        select(Refund.parts)
        .join(Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id))
        .where(Refund.org_id == org_id, Refund.money_place_id == place_id, Draft.state.in_(_OPEN_DRAFTS))
    ):
        for fund, earmark, fen in parts:
            yield (fund, earmark), fen


def open_days(session: Session, org_id: int, place_id: int, until: date) -> list[PlatformDay]:
    """Return the days of a platform's bills that no settlement has paid yet, oldest first.

    Args:
        until: last day taken.
    """
    paid = _paid_days(session, org_id, place_id)
    since = max((last for _first, last in paid), default=until) - _LOOK_BACK if paid else date.min
    gifts = select(Donation.received_on, sum_of(Donation.amount_fen), sum_of(Donation.fee_fen)).where(
        Donation.org_id == org_id,
        Donation.money_place_id == place_id,
        Donation.received_on.between(since, until),
        Donation.draft_id.is_not(None),
    )
    refunds = select(Refund.refunded_on, sum_of(Refund.amount_fen), sum_of(Refund.fee_back_fen)).where(
        Refund.org_id == org_id,
        Refund.money_place_id == place_id,
        Refund.refunded_on.between(since, until),
    )
    gross: dict[date, int] = defaultdict(int)
    fees: dict[date, int] = defaultdict(int)
    for on, amount, fee in session.execute(gifts.group_by(Donation.received_on)):
        gross[on] += amount
        fees[on] += fee
    for on, amount, fee in session.execute(refunds.group_by(Refund.refunded_on)):
        gross[on] -= amount
        fees[on] -= fee
    days = (on for on in sorted(gross) if not any(first <= on <= last for first, last in paid))
    return [PlatformDay(on, gross[on], fees[on]) for on in days]


def _paid_days(session: Session, org_id: int, place_id: int) -> list[tuple[date, date]]:
    """Return the runs of days that settlements have paid, drafts included."""
    rows = session.execute(
        select(Settlement.from_on, Settlement.until_on)
        .join(Draft, (Draft.org_id == Settlement.org_id) & (Draft.id == Settlement.draft_id))
        .where(
            Settlement.org_id == org_id,
            Settlement.money_place_id == place_id,
            Settlement.until_on.is_not(None),
            Draft.state != "discarded",
        )
        .order_by(Settlement.until_on.desc())
        .limit(100)
    )
    return [(first, last) for first, last in rows if first is not None and last is not None]


def _cover(session: Session, org_id: int, payout: Payout, held_fen: int, place: str) -> Coverage | Problem:
    """Return what a payout pays: the days it fits, or the fee a person said."""
    net = payout.net_fen
    if payout.fee_fen is not None:
        if payout.fee_fen < 0:
            return Problem("settlement_fee", where="fee")
        gross = net + payout.fee_fen
        covered: Coverage | None = Coverage(payout.on, payout.on, gross, payout.fee_fen)
    else:
        days = open_days(session, org_id, payout.place_id, payout.on)
        covered = match_days(days, net)
        if covered is None and held_fen >= net:
            nearest = min((day.net_fen for day in _running(days)), key=lambda fen: abs(fen - net), default=0)
            values = {"net": format_yuan(net), "nearest": format_yuan(nearest), "place": place}
            return Problem("settlement_differs", values)
    if covered is None or covered.gross_fen > held_fen:
        values = {"net": format_yuan(net), "held": format_yuan(held_fen), "place": place}
        return Problem("settlement_uncovered", values)
    return covered


def _running(days: list[PlatformDay]) -> Iterator[PlatformDay]:
    """Yield the runs of days from the oldest one on, and each day alone."""
    gross = fee = 0
    for day in days:
        gross, fee = gross + day.gross_fen, fee + day.fee_fen
        yield PlatformDay(day.on, gross, fee)
        yield day


def draft_settlement(session: Session, *, actor: Actor, payout: Payout, on: date) -> int | Problem:
    """Draft the voucher of a settlement (P04) and return the settlement's key, or what is missing.

    Where the days of the bills explain the sum to the fen and rule P04 is in force, the
    draft counts as reviewed; a fee that a person said is reviewed by another.

    Args:
        actor: becomes the maker; needs ``ledger.draft``.
        payout: what arrived.
        on: today.

    Raises:
        Refused: ``permission_missing``.

    Source: posting rule P04; 慈善法 (2023) art. 61.
    """
    if not actor.may("ledger.draft"):
        raise refuse("permission_missing", permission="ledger.draft")
    place = session.get_one(MoneyPlace, (actor.org_id, payout.place_id))
    lots = held_lots(session, actor.org_id, payout.place_id)
    covered = _cover(session, actor.org_id, payout, sum(lot.fen for lot in lots), place.name)
    if isinstance(covered, Problem):
        return covered
    taken = take_lots(lots, covered.gross_fen)
    books = load_books(session, actor.org_id, on)
    day = load_calendar(session, actor.org_id, books.words).day_for(payout.on, on)
    books = load_books(session, actor.org_id, day) if day != on else books
    plans = setting_of(session, actor.org_id, "fee_plans", payout.on)
    settlement_id = new_id()
    voucher = _voucher(settlement_id, payout, place.code, taken, covered, books, day, frozenset(plans))
    is_found = payout.fee_fen is None
    rule = rule_in_force(session, actor.org_id, "P04", day) if is_found else None
    origin = DraftOrigin(
        posting_rule_id=rule.id if rule is not None else None,
        batch_id=payout.batch_id,
        ref=payout.reference[:80],
    )
    draft = make_draft(session, actor=actor, draft=voucher, origin=origin, books=books)
    session.add(_settlement_row(settlement_id, actor, payout, covered, taken, books, draft.id))
    session.flush()
    record(
        session,
        actor=actor,
        act="donations.settle",
        subject_kind="draft",
        summary=voucher.summary,
        amount_fen=payout.net_fen,
        fee_fen=covered.fee_fen,
    )
    return settlement_id


def _settlement_row(
    settlement_id: int,
    actor: Actor,
    payout: Payout,
    covered: Coverage,
    taken: dict[Key, int],
    books: Books,
    draft_id: int,
) -> Settlement:
    """Return the row of a settlement."""
    is_found = payout.fee_fen is None
    return Settlement(
        org_id=actor.org_id,
        id=settlement_id,
        money_place_id=payout.place_id,
        bank_place_id=books.places[payout.bank].id,
        settled_on=payout.on,
        net_fen=payout.net_fen,
        fee_fen=covered.fee_fen,
        from_on=covered.from_on if is_found else None,
        until_on=covered.until_on if is_found else None,
        parts=[[fund, earmark, fen] for (fund, earmark), fen in sorted(taken.items())],
        draft_id=draft_id,
        event_key=payout.event_key,
        recorded_by=actor.user_id,
        recorded_at=actor.at,
    )


def _voucher(
    settlement_id: int,
    payout: Payout,
    platform: str,
    taken: dict[Key, int],
    covered: Coverage,
    books: Books,
    day: date,
    bearers: frozenset[str],
) -> DraftVoucher:
    """Return the voucher of a settlement; general money's share of the fee is re-tagged on top."""
    general = ("GEN", books.funds["GEN"].default_earmark)
    lines = []
    for line in settlement_lines(taken, covered.fee_fen, general, bearers):
        is_general = books.funds[line.fund].kind == "general"
        account, place = {
            "bank": (books.places[payout.bank].account, payout.bank),
            "fee": ("540101" if is_general else "540102", ""),
            "clearing": (books.places[platform].account, platform),
        }[line.role]
        is_credit = line.role == "clearing"
        lines.append(
            DraftLine(
                account=account,
                debit_fen=0 if is_credit else line.fen,
                credit_fen=line.fen if is_credit else 0,
                fund=line.fund,
                earmark=line.earmark,
                money_place=place,
                activity_class="fundraising" if line.role == "fee" else "",
                source_kind="settlement",
                source_id=settlement_id,
            )
        )
    summary = f"平台结算 {platform} {payout.on.isoformat()}"
    return DraftVoucher(
        voucher_on=day,
        month=Month.of(day),
        summary=summary,
        lines=tuple(lines),
        attachments=(payout.paper,) if payout.paper else (),
    )
