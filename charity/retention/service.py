"""Acts of retention: place a legal hold, and have another person release it. Never commits."""

from __future__ import annotations

from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, refuse_if
from charity.ids import new_id
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record
from charity.retention import rules
from charity.retention.models import LegalHold

register_acts(
    {
        "retention.hold": N_("Placed a legal hold"),
        "retention.release": N_("Released a legal hold"),
    }
)
register_labels(
    {"record_class": N_("Class of records"), "from_year": N_("First year"), "until_year": N_("Last year")}
)


def place_hold(session: Session, *, actor: Actor, span: rules.HoldSpan, reason: str) -> LegalHold:
    """Hold records of a class and some years, whatever their term says.

    Args:
        session: a writing session.
        actor: needs ``retention.hold``.
        span: the class, or all, and the accounting years, both included.
        reason: which claim, case, audit or request; no person's name.

    Raises:
        Refused: ``permission_missing``, ``hold_class_unknown``, ``hold_years_reversed``,
            ``hold_reason_missing``.
    """
    _check_permission(actor)
    refuse_if(rules.check_hold(span, reason))
    hold = LegalHold(
        org_id=actor.org_id,
        id=new_id(),
        class_code=span.class_code,
        from_year=span.from_year,
        until_year=span.until_year,
        reason=clean_line(reason, 300),
        placed_by=actor.user_id,
        placed_by_name=actor.name,
        placed_at=actor.at,
    )
    session.add(hold)
    session.flush()
    _record(session, actor, "retention.hold", hold, hold.reason)
    return hold


def release_hold(session: Session, *, actor: Actor, hold_id: int, reason: str) -> LegalHold:
    """Release a hold; whoever placed it may not.

    Raises:
        Refused: ``permission_missing``, ``hold_missing``, ``hold_released``,
            ``hold_releaser_is_placer``, ``hold_reason_missing``.
    """
    _check_permission(actor)
    hold = session.get(LegalHold, (actor.org_id, hold_id), with_for_update=True)
    if hold is None:
        raise refuse("hold_missing")
    refuse_if(
        rules.check_release(
            is_released=hold.released_at is not None,
            placed_by=hold.placed_by,
            user_id=actor.user_id,
            reason=reason,
        )
    )
    hold.released_by, hold.released_by_name, hold.released_at = actor.user_id, actor.name, actor.at
    hold.release_reason = clean_line(reason, 300)
    session.flush()
    _record(session, actor, "retention.release", hold, hold.release_reason)
    return hold


def _check_permission(actor: Actor) -> None:
    """Refuse a login that may not hold records.

    Raises:
        Refused: ``permission_missing``.
    """
    if not actor.may("retention.hold"):
        raise refuse("permission_missing", permission="retention.hold")


def _record(session: Session, actor: Actor, act: str, hold: LegalHold, reason: str) -> None:
    """Write what was done into the operation log."""
    record(
        session,
        actor=actor,
        act=act,
        reason=reason,
        record_class=hold.class_code or "*",
        from_year=hold.from_year,
        until_year=hold.until_year,
    )
