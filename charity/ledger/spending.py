"""Money is spent only where money is: holds, and the check before an act.

The guard refuses acts without override. A hold sets money aside when a payment is
approved; a voucher settles it; a hold is never dropped by time alone.
Source: design of the ledger 3.1(5); 慈善法 (2023) art. 54.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.ids import new_id
from charity.ledger.books import load_books
from charity.ledger.models import Earmark, Fund
from charity.ledger.refusals import refused_by_database
from charity.ledger.rules import DraftVoucher, FundInfo
from charity.ledger.sealed_models import FundGuard, FundMonth, Hold, HoldEvent
from charity.money import format_yuan
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month
from charity.web.cache import bump

PROBLEMS = register(
    {
        "fund_overdrawn": N_(
            "%(on)s: %(fund)s (%(earmark)s) is short %(short)s. "
            "It can spend %(available)s, %(needed)s is asked. "
            "Wait for money to arrive, ask for less, or choose a fund whose purpose fits."
        ),
        "fund_overdrawn_later": N_(
            "%(on)s: %(fund)s (%(earmark)s) would be short %(short)s at the end of %(month)s, "
            "because the money came later. Date the payment after the money arrived."
        ),
        "fund_frozen": N_("%(fund)s (%(earmark)s) is frozen by an open incident; cover the overdraft first."),
        "hold_amount": N_("A hold is for more than zero."),
        "hold_unknown": N_("There is no such hold in these books."),
        "hold_ended": N_("This hold was settled or released already."),
        "hold_too_small": N_("The hold is %(held)s, the voucher takes %(needed)s."),
    }
)
register_acts(
    {
        "ledger.hold": N_("Set money aside for a payment"),
        "ledger.release": N_("Released money set aside"),
    }
)

#: Topic of public pages that show posted figures, holds among them.
PUBLIC_TOPIC = "ledger"

Key = tuple[str, str]


class _Purses:
    """What each fund and earmark can spend, now and at each month's end, as acts run by."""

    def __init__(self, session: Session, org_id: int, keys: Sequence[Key]) -> None:
        funds = dict(session.execute(select(Fund.code, Fund.id).where(Fund.org_id == org_id)).all())
        earmarks = dict(
            session.execute(select(Earmark.code, Earmark.id).where(Earmark.org_id == org_id)).all()
        )
        self.now: dict[Key, int] = {}
        self.frozen: set[Key] = set()
        self.months: dict[Key, dict[int, int]] = {}
        for key in keys:
            ids = (funds[key[0]], earmarks[key[1]])
            guard = session.get(FundGuard, (org_id, *ids), populate_existing=True)
            self.now[key] = guard.available_fen if guard else 0
            if guard is not None and guard.incident_id is not None:
                self.frozen.add(key)
            rows = session.execute(
                select(FundMonth.month, FundMonth.available_fen).where(
                    FundMonth.org_id == org_id, FundMonth.fund_id == ids[0], FundMonth.earmark_id == ids[1]
                )
            )
            self.months[key] = dict(rows.all())

    def spend(self, key: Key, delta: int, month: int, is_correction: bool) -> tuple[int, int] | None:
        """Apply a change; return (month or 0 for now, shortfall) where it goes below zero."""
        if key in self.frozen and is_correction:
            return None
        self.now[key] += delta
        if delta < 0 and self.now[key] < 0:
            return 0, -self.now[key]
        for later, fen in self.months[key].items():
            if later >= month:
                self.months[key][later] = fen + delta
                if delta < 0 and fen + delta < 0:
                    return later, -(fen + delta)
        return None


def check_spending(
    session: Session, org_id: int, items: Sequence[tuple[DraftVoucher, Mapping[Key, int], int | None]]
) -> list[Problem]:
    """Return the first overdraft that posting these vouchers in order would make.

    Args:
        items: (draft, change per fund and earmark in fen, hold it settles).
    """
    keys = sorted({key for _, deltas, _ in items for key in deltas})
    if not keys:
        return []
    purses = _Purses(session, org_id, keys)
    for draft, deltas, hold_id in items:
        released = _held(session, org_id, hold_id) if hold_id is not None else {}
        for key, fen in released.items():
            if key in purses.now:
                purses.now[key] += fen
        for key, delta in deltas.items():
            is_correction = draft.kind == "correction"
            if key in purses.frozen and delta < 0 and not is_correction:
                return [Problem("fund_frozen", {"fund": key[0], "earmark": key[1]})]
            before = purses.now[key]
            short = purses.spend(key, delta, draft.month.code, is_correction)
            if short is not None:
                return [_overdrawn(draft, key, before, delta, short)]
    return []


def _overdrawn(draft: DraftVoucher, key: Key, before: int, delta: int, short: tuple[int, int]) -> Problem:
    """Return the sentence for an overdraft: date, fund, amount short, next step."""
    values = {"on": draft.voucher_on, "fund": key[0], "earmark": key[1], "short": format_yuan(short[1])}
    if short[0] == 0 or short[0] == draft.month.code and before + delta < 0:
        needed = {"available": format_yuan(before), "needed": format_yuan(-delta)}
        return Problem("fund_overdrawn", {**values, **needed})
    return Problem("fund_overdrawn_later", {**values, "month": Month.from_code(short[0])})


def _held(session: Session, org_id: int, hold_id: int) -> dict[Key, int]:
    """Return what an open hold gives back when it is settled, by fund and earmark codes."""
    row = session.execute(
        select(Fund.code, Earmark.code, Hold.amount_fen)
        .join(Fund, (Fund.org_id == Hold.org_id) & (Fund.id == Hold.fund_id))
        .join(Earmark, (Earmark.org_id == Hold.org_id) & (Earmark.id == Hold.earmark_id))
        .where(Hold.org_id == org_id, Hold.id == hold_id)
    ).one_or_none()
    if row is None:
        raise refuse("hold_unknown")
    if session.get(HoldEvent, (org_id, hold_id, 2)) is not None:
        raise refuse("hold_ended")
    return {(row[0], row[1]): row[2]}


def place_hold(
    session: Session,
    *,
    actor: Actor,
    fund: str,
    earmark: str,
    amount_fen: int,
    subject: str,
    on: date,
    idempotency_key: str = "",
    ask_on: date | None = None,
) -> int:
    """Set money aside for one payment and return the hold's id.

    Args:
        actor: needs ``ledger.hold``.
        fund, earmark: codes; an empty earmark means the fund's charter.
        amount_fen: more than zero.
        subject: code of what it is for; never a person's name.
        on: business date.
        idempotency_key: the same key gives the same hold.
        ask_on: day on which somebody is asked whether it still stands.

    Raises:
        Refused: ``fund_overdrawn``, ``fund_frozen``, ``fund_unknown``, ``hold_amount``,
            ``permission_missing``, ``key_reused``.
    """
    if not actor.may("ledger.hold"):
        raise refuse("permission_missing", permission="ledger.hold")
    if amount_fen <= 0:
        raise refuse("hold_amount", "amount")
    info, key, earmark_id = _purse(session, actor.org_id, fund, earmark, on)
    repeat = idempotency_key or f"hold-{new_id()}"
    known = session.scalar(select(Hold).where(Hold.org_id == actor.org_id, Hold.idempotency_key == repeat))
    if known is not None:
        if (known.fund_id, known.amount_fen) != (info.id, amount_fen):
            raise refuse("key_reused")
        return known.id
    refuse_if(_check_hold(session, actor.org_id, key, amount_fen, on))
    hold_id = new_id()
    values = {
        "id": hold_id,
        "fund_id": info.id,
        "earmark_id": earmark_id,
        "amount_fen": amount_fen,
        "placed_on": on,
        "ask_on": ask_on,
        "subject": subject,
        "idempotency_key": repeat,
    }
    _insert_hold(session, actor, values)
    record(
        session,
        actor=actor,
        act="ledger.hold",
        subject_kind="hold",
        subject_no=subject,
        summary=fund,
        amount_fen=amount_fen,
    )
    return hold_id


def _insert_hold(session: Session, actor: Actor, values: dict[str, Any]) -> None:
    """Write a hold with its first step; the guard follows by trigger and may refuse."""
    own = {"org_id": actor.org_id, "placed_by": actor.user_id, "placed_at": actor.at}
    try:
        session.execute(insert(Hold).values({**values, **own}))
        _event(session, actor, values["id"], 1, "placed")
    except DBAPIError as error:
        raise refused_by_database(error) from error


def _purse(session: Session, org_id: int, fund: str, earmark: str, on: date) -> tuple[FundInfo, Key, int]:
    """Return the fund, its key with the earmark, and the earmark's id, or refuse."""
    books = load_books(session, org_id, on)
    info = books.funds.get(fund)
    if info is None:
        raise refuse("fund_unknown", "fund", line=1, fund=fund, on=on)
    key = (fund, earmark or info.default_earmark)
    if key[1] not in books.earmarks or books.earmarks[key[1]].fund != fund:
        raise refuse("earmark_unknown", "earmark", line=1, earmark=earmark, fund=fund)
    return info, key, books.earmarks[key[1]].id


def _check_hold(session: Session, org_id: int, key: Key, amount_fen: int, on: date) -> list[Problem]:
    """Return why a hold cannot be placed now."""
    purses = _Purses(session, org_id, [key])
    if key in purses.frozen:
        return [Problem("fund_frozen", {"fund": key[0], "earmark": key[1]})]
    short = amount_fen - purses.now[key]
    if short <= 0:
        return []
    values = {"on": on, "fund": key[0], "earmark": key[1], "short": format_yuan(short)}
    return [
        Problem(
            "fund_overdrawn",
            {**values, "available": format_yuan(purses.now[key]), "needed": format_yuan(amount_fen)},
            "amount",
        )
    ]


def _event(
    session: Session,
    actor: Actor,
    hold_id: int,
    step_no: int,
    kind: str,
    voucher_id: int | None = None,
    reason: str = "",
) -> None:
    """Write one step of a hold; the guard follows by trigger."""
    bump(session, actor.org_id, PUBLIC_TOPIC)
    session.execute(
        insert(HoldEvent).values(
            org_id=actor.org_id,
            hold_id=hold_id,
            step_no=step_no,
            kind=kind,
            voucher_id=voucher_id,
            reason=reason,
            acted_by=actor.user_id,
            acted_at=actor.at,
        )
    )


def settle_hold(session: Session, *, actor: Actor, hold_id: int, voucher_id: int) -> None:
    """End a hold by the voucher that pays it; called by posting, before the header is sealed."""
    _held(session, actor.org_id, hold_id)
    _event(session, actor, hold_id, 2, "settled", voucher_id)


def release_hold(session: Session, *, actor: Actor, hold_id: int, reason: str) -> None:
    """Give money set aside back to its fund, with a reason.

    Raises:
        Refused: ``hold_unknown``, ``hold_ended``, ``reason_missing``, ``permission_missing``.
    """
    if not actor.may("ledger.hold"):
        raise refuse("permission_missing", permission="ledger.hold")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    (key, fen), *_ = _held(session, actor.org_id, hold_id).items()
    _event(session, actor, hold_id, 2, "released", reason=reason.strip()[:200])
    record(
        session,
        actor=actor,
        act="ledger.release",
        subject_kind="hold",
        summary=key[0],
        amount_fen=fen,
        reason=reason.strip()[:200],
    )
