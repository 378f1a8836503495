"""The outbox as its page shows it: addresses masked, texts left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.messages import rules
from charity.messages.addresses import mask_email, spoken_phone
from charity.messages.models import Message
from charity.names import mask_phone

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message, without its text and without the address in clear.

    Attributes:
        id: the key, part of the address of its acts.
        kind: mail, phone.
        to: masked address or number.
        subject: what it is about.
        state: waiting, sent, failed.
        tries: how often it was tried.
        next_try_at: when it is tried again, while it waits.
        sent_at: when it was delivered.
        error: what the server or the caller said last.
        created_at: when the act wrote it.
        created_by_name: who caused it.
        may_again: whether it can be sent again.
    """

    id: int
    kind: rules.Kind
    to: str
    subject: str
    state: rules.State
    tries: int
    next_try_at: datetime
    sent_at: datetime | None
    error: str
    created_at: datetime
    created_by_name: str
    may_again: bool


@dataclass(frozen=True, slots=True)
class MessagePage:
    """One page of the outbox, newest first; ``next_before`` is 0 on the last page."""

    rows: tuple[MessageRow, ...]
    next_before: int


def _row(message: Message) -> MessageRow:
    is_mail = message.kind == "mail"
    return MessageRow(
        id=message.id,
        kind=message.kind,
        to=mask_email(message.recipient) if is_mail else mask_phone(spoken_phone(message.recipient)),
        subject=message.subject,
        state=message.state,
        tries=message.tries,
        next_try_at=message.next_try_at,
        sent_at=message.sent_at,
        error=message.error,
        created_at=message.created_at,
        created_by_name=message.created_by_name,
        may_again=is_mail and not rules.check_again(message.state),
    )


def outbox(
    session: Session, org_id: int, *, kind: str = "", state: str = "", before: int = 0, limit: int = PAGE_ROWS
) -> MessagePage:
    """Return one page of an org's messages, newest first.

    Args:
        session: any session.
        org_id: whose outbox.
        kind: mail or phone; empty for both.
        state: waiting, sent or failed; empty for all.
        before: ``next_before`` of the page before; 0 for the first.
        limit: how many rows.
    """
    query = select(Message).where(Message.org_id == org_id)
    if kind:
        query = query.where(Message.kind == kind)
    if state:
        query = query.where(Message.state == state)
    if before:
        query = query.where(Message.id < before)
    found = session.scalars(query.order_by(Message.id.desc()).limit(limit + 1)).all()
    rows = tuple(_row(message) for message in found[:limit])
    return MessagePage(rows, rows[-1].id if len(found) > limit else 0)


def calls_due(session: Session, org_id: int, at: datetime, limit: int = PAGE_ROWS) -> tuple[MessageRow, ...]:
    """Return the people to phone now, those who wait longest first."""
    query = (
        select(Message)
        .where(
            Message.org_id == org_id,
            Message.kind == "phone",
            Message.via == "",
            Message.state == "waiting",
            Message.next_try_at <= at,
        )
        .order_by(Message.next_try_at, Message.id)
        .limit(limit)
    )
    return tuple(_row(message) for message in session.scalars(query))


def count_by_state(session: Session, org_id: int) -> Mapping[str, int]:
    """Return how many messages of an org are in each state; every state is there."""
    query = select(Message.state, func.count()).where(Message.org_id == org_id).group_by(Message.state)
    found: dict[str, int] = dict(session.execute(query).all())
    return {state: found.get(state, 0) for state in rules.STATES}
