"""Acts on messages: write, send again, report a call; and the steps of a delivery.

Never commits. A message is written in the transaction of the act it tells of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, refuse_if
from charity.ids import new_id
from charity.messages import rules
from charity.messages.addresses import parse_email, parse_phone, spoken_phone
from charity.messages.models import Message, MessageFile
from charity.names import clean_line
from charity.oplog import rules as log_rules
from charity.oplog.service import record

log_rules.register_acts(
    {
        "messages.again": N_("Sent a message again"),
        "messages.by_sms": N_("Sent a text message instead of calling"),
        "messages.reveal": N_("Looked at a phone number to call it"),
        "messages.told": N_("Told a person by phone"),
        "messages.unreached": N_("Did not reach a person by phone"),
    }
)
log_rules.register_subjects({"message": N_("Message")})
log_rules.register_labels({"tries": N_("Tries")})


@dataclass(frozen=True, slots=True)
class File:
    """A file to send along.

    Attributes:
        name: as the reader sees it.
        media_type: e.g. ``application/pdf``.
        content: the bytes.
    """

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class CallSheet:
    """What the caller needs; showing it is logged.

    Attributes:
        message_id: the message.
        number: as it is dialled here.
        subject: what the call is about.
        body: what is to be said.
    """

    message_id: int
    number: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail taken for delivery.

    Attributes:
        org_id: the org.
        message_id: the message.
        recipient: the address in clear.
        subject: one line.
        body: plain text.
        files: to be attached.
        tries: this try included.
        created_at: the mail's own date.
    """

    org_id: int
    message_id: int
    recipient: str
    subject: str
    body: str
    files: tuple[File, ...]
    tries: int
    created_at: datetime


def _write(session: Session, actor: Actor, kind: rules.Kind, to: str, subject: str, body: str) -> Message:
    message = Message(
        org_id=actor.org_id,
        id=new_id(),
        kind=kind,
        recipient=to,
        subject=clean_line(subject, 200),
        body=body,
        state="waiting",
        next_try_at=actor.at,
        created_at=actor.at,
        created_by_name=clean_line(actor.name, 80),
    )
    session.add(message)
    session.flush()
    return message


def send_mail(
    session: Session, *, actor: Actor, to: str, subject: str, body: str, files: Sequence[File] = ()
) -> Message:
    """Write a mail in the transaction of the act; a worker delivers it.

    Args:
        session: the writing session of the act.
        actor: who causes it; its org signs.
        to: one mail address.
        subject: one line that names nobody and holds no secret: it is shown in the outbox.
        body: plain text.
        files: sent along, in this order.

    Raises:
        Refused: ``email_malformed``.
    """
    message = _write(session, actor, "mail", parse_email(to), subject, body)
    for position, file in enumerate(files, 1):
        session.add(
            MessageFile(
                org_id=message.org_id,
                message_id=message.id,
                position=position,
                name=clean_line(file.name, 120),
                media_type=file.media_type,
                sha256=hashlib.sha256(file.content).hexdigest(),
                content=file.content,
            )
        )
    session.flush()
    return message


def ask_to_phone(session: Session, *, actor: Actor, to: str, subject: str, body: str) -> Message:
    """Put a person on the list of people to phone.

    Args:
        session: the writing session of the act.
        actor: who causes it.
        to: the phone number as written by a person.
        subject: what it is about; names nobody.
        body: what is to be said.

    Raises:
        Refused: ``phone_malformed``.
    """
    return _write(session, actor, "phone", parse_phone(to), subject, body)


def _own_message(session: Session, actor: Actor, message_id: int) -> Message:
    if not actor.may("messages.send"):
        raise refuse("message_may_not")
    message = session.get(Message, (actor.org_id, message_id), with_for_update=True)
    if message is None:
        raise refuse("message_missing")
    return message


def send_again(session: Session, *, actor: Actor, message_id: int) -> Message:
    """Try a message at once that failed or waits, with a fresh count of tries.

    Raises:
        Refused: ``message_may_not``, ``message_missing``, ``message_sent``.
    """
    message = _own_message(session, actor, message_id)
    refuse_if(rules.check_again(message.state))
    tries = message.tries
    message.state, message.tries, message.next_try_at, message.error = "waiting", 0, actor.at, ""
    record(
        session,
        actor=actor,
        act="messages.again",
        subject_kind="message",
        subject_no=message.subject,
        tries=tries,
    )
    session.flush()
    return message


def _call(session: Session, actor: Actor, message_id: int) -> Message:
    message = _own_message(session, actor, message_id)
    if message.kind != "phone":
        raise refuse("message_is_mail")
    return message


def reveal_call(session: Session, *, actor: Actor, message_id: int) -> CallSheet:
    """Return number and words for a call, and log who looked.

    Raises:
        Refused: ``message_may_not``, ``message_missing``, ``message_is_mail``.
    """
    message = _call(session, actor, message_id)
    record(session, actor=actor, act="messages.reveal", subject_kind="message", subject_no=message.subject)
    return CallSheet(message.id, spoken_phone(message.recipient), message.subject, message.body)


def report_call(
    session: Session, *, actor: Actor, message_id: int, is_reached: bool, note: str = ""
) -> Message:
    """Write down how a call went: told, or to be called again later.

    After :data:`charity.messages.rules.MAX_TRIES` calls the message counts as failed.

    Raises:
        Refused: ``message_may_not``, ``message_missing``, ``message_is_mail``, ``message_sent``.
    """
    message = _call(session, actor, message_id)
    refuse_if(rules.check_again(message.state))
    message.tries += 1
    message.error = clean_line(note, 300)
    if is_reached:
        message.state, message.sent_at = "sent", actor.at
    else:
        message.state = rules.state_after_failure(message.tries, is_permanent=False)
        message.next_try_at = actor.at + rules.PHONE_WAIT
    record(
        session,
        actor=actor,
        act="messages.told" if is_reached else "messages.unreached",
        subject_kind="message",
        subject_no=message.subject,
        summary=note,
        tries=message.tries,
    )
    session.flush()
    return message


def send_by_sms(session: Session, *, actor: Actor, message_id: int) -> Message:
    """Have the gateway send the words of a call; what it cannot deliver comes back to the list.

    Raises:
        Refused: ``message_may_not``, ``message_missing``, ``message_is_mail``, ``message_sent``.
    """
    message = _call(session, actor, message_id)
    refuse_if(rules.check_again(message.state))
    if message.via != "sms":
        message.via, message.state, message.tries = "sms", "waiting", 0
        message.next_try_at, message.error = actor.at, ""
        session.flush()
        record(
            session, actor=actor, act="messages.by_sms", subject_kind="message", subject_no=message.subject
        )
    return message


def claim_sms_due(session: Session, *, at: datetime, limit: int) -> tuple[Outgoing, ...]:
    """Take text messages that are due, oldest first; see :func:`claim_due`."""
    return _claim(session, (Message.via == "sms") & (Message.kind == "phone"), at, limit)


def give_back_to_phone(
    session: Session, message: Outgoing, *, error: str, is_permanent: bool, at: datetime
) -> bool:
    """Write why a text message did not go out; say whether a person has to call now.

    After :data:`charity.messages.rules.MAX_TRIES`, or when trying again is useless, it is a
    call again, due at once.
    """
    is_call = rules.state_after_failure(message.tries, is_permanent=is_permanent) == "failed"
    values: dict[str, object] = {"error": clean_line(error, 300)}
    if is_call:
        values |= {"via": "", "tries": 0, "next_try_at": at}
    session.execute(
        update(Message)
        .where(Message.org_id == message.org_id, Message.id == message.message_id, Message.state == "waiting")
        .values(**values)
    )
    return is_call


def claim_due(session: Session, *, at: datetime, limit: int) -> tuple[Outgoing, ...]:
    """Take mails that are due, oldest first.

    Each is counted as tried and put off as if it had failed, before the server is asked:
    should this process die, the mail is tried again later, with the same Message-ID.

    Args:
        session: a writing session.
        at: the present instant.
        limit: how many at most.
    """
    return _claim(session, Message.kind == "mail", at, limit)


def _claim(session: Session, which: ColumnElement[bool], at: datetime, limit: int) -> tuple[Outgoing, ...]:
    """Take messages of one way that are due, each counted as tried before anybody is asked."""
    query = (
        select(Message)
        .where(Message.state == "waiting", which, Message.next_try_at <= at)
        .order_by(Message.next_try_at, Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = []
    for message in session.scalars(query, execution_options={"across_orgs": True}).all():
        if message.tries >= rules.MAX_TRIES:
            # Every try ended without a word: it is probably what kills the worker.
            message.state = "failed" if message.kind == "mail" else "waiting"
            message.via = ""
            continue
        message.tries += 1
        message.next_try_at = rules.next_try_at(message.tries, at)
        taken.append(_outgoing(session, message))
    session.flush()
    return tuple(taken)


def _outgoing(session: Session, message: Message) -> Outgoing:
    query = (
        select(MessageFile)
        .where(MessageFile.org_id == message.org_id, MessageFile.message_id == message.id)
        .order_by(MessageFile.position)
    )
    files = [
        File(file.name, file.media_type, file.content)
        for file in session.scalars(query)
        if file.content is not None
    ]
    return Outgoing(
        org_id=message.org_id,
        message_id=message.id,
        recipient=message.recipient,
        subject=message.subject,
        body=message.body,
        files=tuple(files),
        tries=message.tries,
        created_at=message.created_at,
    )


def mark_sent(session: Session, mail: Outgoing, *, at: datetime) -> None:
    """Write that the server took a mail, and drop its copies of files.

    Also of one that was given up meanwhile: what the server took is delivered, and is not
    sent once more without its files.
    """
    session.execute(
        update(Message)
        .where(Message.org_id == mail.org_id, Message.id == mail.message_id, Message.state != "sent")
        .values(state="sent", sent_at=at, error="")
    )
    session.execute(
        update(MessageFile)
        .where(MessageFile.org_id == mail.org_id, MessageFile.message_id == mail.message_id)
        .values(content=None)
    )


def mark_unsent(session: Session, mail: Outgoing, *, error: str, is_permanent: bool) -> rules.State:
    """Write why a mail did not go out; return whether it waits or has failed."""
    state = rules.state_after_failure(mail.tries, is_permanent=is_permanent)
    session.execute(
        update(Message)
        .where(Message.org_id == mail.org_id, Message.id == mail.message_id, Message.state == "waiting")
        .values(state=state, error=clean_line(error, 300))
    )
    return state
