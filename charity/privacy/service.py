"""Acts on requests of data persons. Never commits.

A deletion takes away what no law keeps and leaves the rest, in one transaction with its
log entry; nothing of what was deleted is logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.models import Donor, DonorIdentifier
from charity.donations.recording import TOPIC
from charity.errors import N_, refuse, refuse_if
from charity.ids import new_id, new_public_no
from charity.names import clean_line
from charity.oplog import rules as log_rules
from charity.oplog.service import record
from charity.privacy import holdings, rules
from charity.privacy.models import DataRequest
from charity.privacy.queries import is_handed_over
from charity.retention.queries import hold_over
from charity.users import factors, queries
from charity.users.door_models import OpenSession
from charity.users.models import User
from charity.web.cache import bump

log_rules.register_acts(
    {
        "privacy.record": N_("Wrote down a request of a data person"),
        "privacy.verify": N_("Made sure who makes a request"),
        "privacy.fulfil": N_("Granted a request of a data person"),
        "privacy.refuse": N_("Refused a request of a data person"),
        "privacy.withdraw": N_("Noted that a request was withdrawn"),
        "privacy.hand_over": N_("Handed over the copy of what is held about a person"),
        "privacy.own_copy": N_("Took a copy of what is held about the own login"),
    }
)
log_rules.register_subjects({"data_request": N_("Request of a data person")})
log_rules.register_labels(
    {
        "request_kind": N_("Kind of request"),
        "refusal": N_("Reason of refusal"),
        "erased": N_("Deleted"),
        "kept": N_("Kept by law"),
    }
)
log_rules.register_words("request_kind", {key: label for key, (label, _) in rules.KINDS.items()})
log_rules.register_words("refusal", {key: label for key, (label, _) in rules.REASONS.items()})


@dataclass(frozen=True, slots=True)
class Wish:
    """A request as it was made.

    Attributes:
        subject_kind: donor or user.
        subject_no: number of the donor, or login name.
        kind: copy, correct or erase.
        text: in the person's words.
        received_on: the day it came in.
    """

    subject_kind: str
    subject_no: str
    kind: str
    text: str
    received_on: date


def record_request(session: Session, *, actor: Actor, wish: Wish, on: date) -> DataRequest:
    """Write a request down.

    Raises:
        Refused: ``request_may_not``, ``request_kind``, ``request_subject``, ``request_wish``,
            ``request_day``.
    """
    if not actor.may("privacy.handle"):
        raise refuse("request_may_not")
    if wish.kind not in rules.KINDS or wish.subject_kind not in rules.SUBJECTS:
        raise refuse("request_kind", "kind")
    if not wish.text.strip():
        raise refuse("request_wish", "wish")
    if wish.received_on > on:
        raise refuse("request_day", "received_on")
    if holdings.subject_id(session, actor.org_id, wish.subject_kind, wish.subject_no) is None:
        raise refuse("request_subject", "subject_no")
    number = wish.subject_no.strip()
    row = DataRequest(
        org_id=actor.org_id,
        id=new_id(),
        public_no=new_public_no("P"),
        subject_kind=wish.subject_kind,
        subject_no=number.upper() if wish.subject_kind == "donor" else number.casefold(),
        kind=wish.kind,
        wish=wish.text.strip(),
        received_on=wish.received_on,
        due_on=rules.due_on(wish.received_on),
        state="received",
        recorded_by=actor.user_id,
        recorded_at=actor.at,
    )
    session.add(row)
    session.flush()
    _log(session, actor, "record", row)
    return row


def _log(session: Session, actor: Actor, act: str, row: DataRequest, **details: Any) -> None:
    record(
        session,
        actor=actor,
        act=f"privacy.{act}",
        subject_kind="data_request",
        subject_no=row.public_no,
        request_kind=row.kind,
        **details,
    )


def _locked(session: Session, actor: Actor, public_no: str) -> DataRequest:
    """Return a request, locked.

    Raises:
        Refused: ``request_missing``.
    """
    row = session.scalar(
        select(DataRequest)
        .where(DataRequest.org_id == actor.org_id, DataRequest.public_no == public_no)
        .with_for_update()
    )
    if row is None:
        raise refuse("request_missing")
    return row


def _step(session: Session, actor: Actor, public_no: str, act: str) -> DataRequest:
    """Return a request, locked, on which the actor may do an act; its state is the next one.

    Raises:
        Refused: ``request_missing`` and the problems of :func:`charity.privacy.rules.check_act`.
    """
    row = _locked(session, actor, public_no)
    is_recorder = row.recorded_by == actor.user_id
    refuse_if(rules.check_act(row.state, act, permissions=actor.permissions, is_recorder=is_recorder))
    row.state = rules.TRANSITIONS[row.state, act].state
    return row


def verify_identity(session: Session, *, actor: Actor, public_no: str, how: str) -> None:
    """Note how the person showed who it is.

    Raises:
        Refused: see :func:`_step`; ``request_how``.
    """
    with session.no_autoflush:
        row = _step(session, actor, public_no, "verify")
        if not (shown := clean_line(how, 200)):
            raise refuse("request_how", "how")
        row.verified_how, row.verified_by, row.verified_at = shown, actor.user_id, actor.at
    session.flush()
    _log(session, actor, "verify", row)


def withdraw_request(session: Session, *, actor: Actor, public_no: str) -> None:
    """Note that the person has withdrawn the request.

    Raises:
        Refused: see :func:`_step`.
    """
    row = _step(session, actor, public_no, "withdraw")
    session.flush()
    _log(session, actor, "withdraw", row)


def refuse_request(session: Session, *, actor: Actor, public_no: str, reason: str, answer: str) -> None:
    """Refuse a request with a reason the law knows and what the person is told.

    Raises:
        Refused: see :func:`_step`; ``request_reason``, ``request_answer``.
    """
    with session.no_autoflush:
        row = _step(session, actor, public_no, "refuse")
        if reason not in rules.REASONS:
            raise refuse("request_reason", "reason")
        _decide(row, actor, answer)
        row.refusal = reason
    session.flush()
    _log(session, actor, "refuse", row, refusal=reason)


def _decide(row: DataRequest, actor: Actor, answer: str) -> None:
    if not answer.strip():
        raise refuse("request_answer", "answer")
    row.answer, row.decided_by, row.decided_at = answer.strip(), actor.user_id, actor.at


def fulfil_request(session: Session, *, actor: Actor, public_no: str, answer: str, on: date) -> None:
    """Grant a request; a deletion is carried out at once, as far as no law keeps the data.

    Args:
        session: the writing session.
        actor: who decides; not the one who wrote it down.
        public_no: of the request.
        answer: what the person is told.
        on: today.

    Raises:
        Refused: see :func:`_step`; ``request_answer``, ``request_subject``, ``request_held``,
            ``request_staff``, ``request_elsewhere``.
    """
    with session.no_autoflush:
        row = _step(session, actor, public_no, "fulfil")
        _decide(row, actor, answer)
    session.flush()
    details: dict[str, Any] = {}
    if row.kind == "erase":
        _erase(session, actor, row, on)
        erased, kept = rules.erased_and_kept(row.subject_kind)
        details = {"erased": [one.key for one in erased], "kept": [one.key for one in kept]}
    _log(session, actor, "fulfil", row, **details)


def _erase(session: Session, actor: Actor, row: DataRequest, on: date) -> None:
    """Delete what no law keeps and no hold covers."""
    key = holdings.subject_id(session, actor.org_id, row.subject_kind, row.subject_no)
    if key is None:
        raise refuse("request_subject")
    first = holdings.first_year(session, actor.org_id, row.subject_kind, key)
    hold = hold_over(session, actor.org_id, rules.HELD_IN[row.subject_kind], first, on.year)
    if hold is not None:
        raise refuse("request_held", reason=hold.reason, first=hold.from_year, last=hold.until_year)
    if row.subject_kind == "donor":
        _erase_donor(session, actor.org_id, key)
        return
    if queries.standing(session, actor.org_id, key, on) is not None:
        raise refuse("request_staff")
    _erase_user(session, actor.org_id, key)


def _erase_donor(session: Session, org_id: int, donor_id: int) -> None:
    ids = holdings.merged_ids(session, org_id, donor_id)
    session.execute(
        delete(DonorIdentifier).where(
            DonorIdentifier.org_id == org_id,
            DonorIdentifier.donor_id.in_(ids),
            DonorIdentifier.kind.not_in(holdings.TAX_NUMBERS),
        )
    )
    session.execute(
        update(Donor)
        .where(Donor.org_id == org_id, Donor.id.in_(ids))
        .values(address="", note="", version=Donor.version + 1)
    )
    bump(session, org_id, TOPIC)


def _erase_user(session: Session, org_id: int, user_id: int) -> None:
    user = session.scalars(select(User).where(User.id == user_id).with_for_update()).one()
    if user.home_org_id != org_id:
        raise refuse("request_elsewhere")
    if user.is_active:
        # The login works in another org: it is that one's to decide.
        raise refuse("request_staff")
    user.email = user.phone = None
    factors.drop_all(session, user_id)
    session.execute(delete(OpenSession).where(OpenSession.user_id == user_id))


def copy_for(session: Session, *, actor: Actor, public_no: str) -> tuple[DataRequest, dict[str, Any]]:
    """Return a granted request and the copy to be handed over, once, and log that it was.

    Raises:
        Refused: ``request_missing``, ``request_subject``, and the problems of
            :func:`charity.privacy.rules.check_hand_over`.
    """
    if not actor.may("privacy.handle"):
        raise refuse("request_may_not")
    row = _locked(session, actor, public_no)
    refuse_if(
        rules.check_hand_over(
            row.subject_kind,
            row.kind,
            row.state,
            permissions=actor.permissions,
            days=(actor.at - row.decided_at).days if row.decided_at else 0,
            is_handed_over=is_handed_over(session, actor.org_id, public_no),
        )
    )
    key = holdings.subject_id(session, actor.org_id, row.subject_kind, row.subject_no)
    if key is None:
        raise refuse("request_subject")
    _log(session, actor, "hand_over", row)
    return row, holdings.gather(session, actor.org_id, row.subject_kind, key)


def own_copy(session: Session, *, actor: Actor) -> dict[str, Any]:
    """Return what is held about the own login, and log that it was taken."""
    record(session, actor=actor, act="privacy.own_copy")
    return holdings.gather(session, actor.org_id, "user", actor.user_id, is_own=True)
