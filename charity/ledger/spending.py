"""Money is spent only where money is: holds, and the check before an act.

The guard refuses acts without override. A hold sets money aside when a payment is
approved; a voucher settles it; a hold is never dropped by time alone.
Source: design of the ledger 3.1(5); 慈善法 (2023) art. 54.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Named, Problem, refuse, refuse_if, register
from charity.ids import new_id
from charity.ledger.books import load_books
from charity.ledger.models import Earmark, Fund, Period
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
            "%(fund)s is short %(short)s: it can spend %(available)s, %(needed)s is asked (%(vouchers)s). "
            "Wait for money to arrive, ask for less, or choose a fund whose purpose fits."
        ),
        "fund_overdrawn_later": N_(
            "%(fund)s would be short %(short)s at the end of %(month)s, because money came later than it "
            "is spent (%(vouchers)s). Date the payment after the money arrived."
        ),
        "fund_frozen": N_(
            "%(fund)s is frozen by an open incident (%(vouchers)s); cover the overdraft first."
        ),
        "hold_amount": N_("A hold is for more than zero."),
        "hold_unknown": N_("There is no such hold in these books."),
        "hold_ended": N_("This hold was settled or released already."),
        "hold_too_small": N_(
            "%(held)s is held for this payment, the voucher takes %(needed)s from %(fund)s (%(earmark)s). "
            "Pay less, or release the hold and place a larger one."
        ),
        "hold_not_paid": N_(
            "This voucher takes no money from %(fund)s (%(earmark)s), for which the hold was placed. "
            "Name the hold of this payment, or none."
        ),
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


#: One voucher about to be posted: the draft, its change per fund and earmark in fen, the
#: hold it settles.
Spending = tuple[DraftVoucher, Mapping[Key, int], int | None]

#: Vouchers named in one sentence; the others are counted.
_NAMED = 5


@dataclass(slots=True)
class _Purse:
    """What one fund and earmark can spend, now and at each month's end, as acts run by.

    Attributes:
        name: fund, and earmark where it is narrower.
        now_fen: what can be spent.
        months: opened month → what could be spent at its end.
        is_frozen: whether an open incident stands against it.
        brought_fen, taken_fen: what the acts gave and took so far.
        takers: the vouchers that took.
        worst: the sentence for the deepest overdraft so far, and how deep it is.
    """

    name: Named
    now_fen: int = 0
    months: dict[int, int] = field(default_factory=dict)
    is_frozen: bool = False
    first_fen: int = 0
    brought_fen: int = 0
    taken_fen: int = 0
    takers: list[str] = field(default_factory=list)
    worst: tuple[int, Problem] | None = None

    def fresh(self) -> _Purse:
        """Return the purse as it stands before any act."""
        return _Purse(self.name, self.now_fen, dict(self.months), self.is_frozen, self.now_fen)

    def give_back(self, fen: int) -> None:
        """Take up what a settled hold had set aside."""
        self.now_fen += fen
        self.brought_fen += fen

    def take(self, draft: DraftVoucher, delta: int) -> None:
        """Apply one voucher's change, and keep the sentence for what it overdraws."""
        is_correction = draft.kind == "correction"
        if delta < 0:
            self.takers.append(f"{draft.voucher_on} {draft.summary}".rstrip())
        if self.is_frozen:
            if delta < 0 and not is_correction:
                self._keep(0, "fund_frozen", {})
            if is_correction:
                return
        self.now_fen += delta
        self.brought_fen += max(delta, 0)
        self.taken_fen += max(-delta, 0)
        for month, fen in self.months.items():
            if month >= draft.month.code:
                self.months[month] = fen + delta
        if delta < 0:
            self._judge(draft.month.code)

    def _judge(self, month: int) -> None:
        """Keep the sentence for an overdraft now, or at the end of the first month that has one."""
        if self.now_fen < 0:
            available = self.first_fen + self.brought_fen
            values = {"available": format_yuan(available), "needed": format_yuan(self.taken_fen)}
            self._keep(-self.now_fen, "fund_overdrawn", values)
            return
        for later, fen in sorted(self.months.items()):
            if later >= month and fen < 0:
                self._keep(-fen, "fund_overdrawn_later", {"month": Month.from_code(later)})
                return

    def _keep(self, short_fen: int, code: str, values: Mapping[str, Any]) -> None:
        """Keep a sentence when nothing worse is known; an overdraft now stands before a later one."""
        if self.worst is not None:
            known_fen, known = self.worst
            if known.code != code and known.code != "fund_overdrawn_later":
                return
            if known.code == code and known_fen >= short_fen:
                return
        named = "；".join(self.takers[:_NAMED])
        if len(self.takers) > _NAMED:
            named += f" … ({len(self.takers)})"
        params = {"fund": self.name, "short": format_yuan(short_fen), "vouchers": named, **values}
        self.worst = short_fen, Problem(code, params)


def _load_purses(session: Session, org_id: int, keys: Iterable[Key]) -> dict[Key, _Purse]:
    """Return what funds and earmarks can spend, by their codes."""
    rows = session.execute(
        select(
            Fund.id,
            Fund.code,
            Fund.name,
            Fund.name_en,
            Earmark.id,
            Earmark.code,
            Earmark.name,
            Earmark.name_en,
            Earmark.is_default,
        )
        .join(Earmark, (Earmark.org_id == Fund.org_id) & (Earmark.fund_id == Fund.id))
        .where(Fund.org_id == org_id)
    ).all()
    wanted = set(keys)
    opened = session.scalars(select(Period.month).where(Period.org_id == org_id)).all()
    purses: dict[Key, _Purse] = {}
    for row in rows:
        key = (row[1], row[5])
        if key in wanted:
            narrow = ("", "") if row[8] else (f"／{row[6]}", f" / {row[7] or row[6]}")
            purse = _Purse(Named(row[2] + narrow[0], (row[3] or row[2]) + narrow[1]))
            # A month before the first money of a purse has no row yet, and nothing in it.
            purse.months = dict.fromkeys(opened, 0)
            purses[key] = _fill(session, org_id, row[0], row[4], purse)
    return purses


def _fill(session: Session, org_id: int, fund_id: int, earmark_id: int, purse: _Purse) -> _Purse:
    """Put in what a purse can spend now and at each month's end."""
    guard = session.get(FundGuard, (org_id, fund_id, earmark_id), populate_existing=True)
    if guard is not None:
        purse.now_fen = purse.first_fen = guard.available_fen
        purse.is_frozen = guard.incident_id is not None
    rows = session.execute(
        select(FundMonth.month, FundMonth.available_fen).where(
            FundMonth.org_id == org_id, FundMonth.fund_id == fund_id, FundMonth.earmark_id == earmark_id
        )
    )
    purse.months |= dict(rows.all())
    return purse


def check_spending(session: Session, org_id: int, items: Sequence[Spending]) -> list[Problem]:
    """Return every fund and earmark that posting these vouchers in order would overdraw.

    Args:
        items: in the order of their numbers.

    Returns:
        One problem a fund and earmark, naming the vouchers that take from it.
    """
    return check_each_spending(session, org_id, [items])


def check_each_spending(session: Session, org_id: int, groups: Sequence[Sequence[Spending]]) -> list[Problem]:
    """Return the overdrafts of several acts, each judged against what can be spent now.

    Args:
        groups: vouchers that are posted together stand in one.
    """
    judged = [
        items
        for items in groups
        if any(hold_id is not None or any(fen < 0 for fen in deltas.values()) for _, deltas, hold_id in items)
    ]
    keys = {key for items in judged for _, deltas, _ in items for key in deltas}
    loaded = _load_purses(session, org_id, keys)
    problems: list[Problem] = []
    for items in judged:
        purses = {key: purse.fresh() for key, purse in loaded.items()}
        for draft, deltas, hold_id in items:
            if hold_id is not None:
                key, fen = _held(session, org_id, hold_id)
                if wrong := _check_settles(key, fen, deltas.get(key, 0)):
                    return wrong
                purses[key].give_back(fen)
            for key, delta in deltas.items():
                purses[key].take(draft, delta)
        problems += [purse.worst[1] for purse in purses.values() if purse.worst is not None]
    return problems


def _check_settles(key: Key, held_fen: int, delta_fen: int) -> list[Problem]:
    """Return why a voucher does not pay what was set aside: from this purse, and no more than was held."""
    purse = {"fund": key[0], "earmark": key[1]}
    if delta_fen >= 0:
        return [Problem("hold_not_paid", purse)]
    if -delta_fen > held_fen:
        amounts = {"held": format_yuan(held_fen), "needed": format_yuan(-delta_fen)}
        return [Problem("hold_too_small", {**purse, **amounts})]
    return []


def _held(session: Session, org_id: int, hold_id: int) -> tuple[Key, int]:
    """Return the purse of an open hold, by fund and earmark codes, and what it sets aside."""
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
    return (row[0], row[1]), row[2]


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
        on, idempotency_key: business date; the same key gives the same hold.
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
        return _same_hold(known, (info.id, earmark_id, amount_fen, subject))
    refuse_if(_check_hold(session, actor.org_id, key, amount_fen, on, subject))
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


def _same_hold(known: Hold, asked: tuple[int, int, int, str]) -> int:
    """Return the hold a key was given for, or refuse the key: another purse, amount or subject."""
    if (known.fund_id, known.earmark_id, known.amount_fen, known.subject) != asked:
        raise refuse("key_reused")
    return known.id


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


def _check_hold(
    session: Session, org_id: int, key: Key, amount_fen: int, on: date, subject: str
) -> list[Problem]:
    """Return why a hold cannot be placed now."""
    purse = _load_purses(session, org_id, [key])[key]
    values = {"fund": purse.name, "vouchers": f"{on} {subject}"}
    if purse.is_frozen:
        return [Problem("fund_frozen", values)]
    short = amount_fen - purse.now_fen
    if short <= 0:
        return []
    amounts = {"available": format_yuan(purse.now_fen), "needed": format_yuan(amount_fen)}
    return [Problem("fund_overdrawn", {**values, **amounts, "short": format_yuan(short)}, "amount")]


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
    key, fen = _held(session, actor.org_id, hold_id)
    try:
        _event(session, actor, hold_id, 2, "released", reason=reason.strip()[:200])
    except DBAPIError as error:
        raise refused_by_database(error) from error
    record(
        session,
        actor=actor,
        act="ledger.release",
        subject_kind="hold",
        summary=key[0],
        amount_fen=fen,
        reason=reason.strip()[:200],
    )
