"""The life of a message walked whole: what people and what workers do with it, in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.messages import rules, service
from charity.messages.models import Message, MessageFile
from charity.messages.service import Outgoing
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

AT = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
LATER = AT + timedelta(days=1)
CLERK = Actor(7, 1, "王会计", frozenset({"messages.send"}), AT)

#: What a person does.
ACTS = ("again", "told", "unreached", "by sms")
MAIL, SENT = "message_is_mail", "message_sent"
#: Kind and state → answer to each of ``ACTS``.
LIFE = {
    ("mail", "waiting"): ("waiting", MAIL, MAIL, MAIL),
    ("mail", "sent"): (SENT, MAIL, MAIL, MAIL),
    ("mail", "failed"): ("waiting", MAIL, MAIL, MAIL),
    ("phone", "waiting"): ("waiting", "sent", "waiting", "waiting"),
    ("phone", "sent"): (SENT, SENT, SENT, SENT),
    ("phone", "failed"): ("waiting", "sent", "failed", "waiting"),
}
#: What became of a try that a worker began while the mail was waiting.
WORDS = ("taken", "trouble", "final no")
#: State the mail has by now → state after each of ``WORDS``: what was taken was delivered.
TRIES = {
    "waiting": ("sent", "waiting", "failed"),
    "sent": ("sent", "sent", "sent"),
    "failed": ("sent", "failed", "failed"),
}


def write(session: Session, kind: str, state: str) -> tuple[int, Outgoing | None]:
    """Write a message and bring it into a state; return it, and a try that was begun before."""

    def work(own: Session) -> tuple[int, Outgoing | None]:
        if kind == "phone":
            message = service.ask_to_phone(own, actor=CLERK, to="13800001234", subject="x", body="y")
            tried = None
        else:
            files = [service.File("a.pdf", "application/pdf", b"x")]
            message = service.send_mail(own, actor=CLERK, to="a@b.cn", subject="x", body="y", files=files)
            (tried,) = service.claim_due(own, at=AT, limit=1)
        if state == "sent":
            message.sent_at = AT
        if state == "failed":
            message.tries = rules.MAX_TRIES
        message.state = state
        return message.id, tried

    return transact(work, session=session)


def reader(session: Session, key: int) -> Callable[[], str]:
    return lambda: session.get_one(Message, (1, key), populate_existing=True).state


@pytest.mark.parametrize(("kind", "state"), LIFE)
def test_whatever_a_person_does_in_every_state(session: Session, kind: str, state: str) -> None:
    key, _ = write(session, kind, state)
    values: dict[str, Any] = {"actor": CLERK, "message_id": key}
    verbs = {
        "again": lambda: service.send_again(session, **values),
        "told": lambda: service.report_call(session, is_reached=True, **values),
        "unreached": lambda: service.report_call(session, is_reached=False, **values),
        "by sms": lambda: service.send_by_sms(session, **values),
    }
    found = {act: answer(session, verbs[act], reader(session, key)) for act in ACTS}
    assert found == dict(zip(ACTS, LIFE[kind, state], strict=True))


@pytest.mark.parametrize("state", TRIES)
def test_whatever_a_worker_hears_in_every_state(session: Session, state: str) -> None:
    key, tried = write(session, "mail", state)
    assert tried is not None
    words = {
        "taken": lambda: service.mark_sent(session, tried, at=LATER),
        "trouble": lambda: service.mark_unsent(session, tried, error="450", is_permanent=False),
        "final no": lambda: service.mark_unsent(session, tried, error="550", is_permanent=True),
    }
    found = {word: answer(session, words[word], reader(session, key)) for word in WORDS}
    assert found == dict(zip(WORDS, TRIES[state], strict=True))


@pytest.mark.parametrize(("state", "count"), [("waiting", 1), ("sent", 0), ("failed", 0)])
def test_only_what_waits_is_taken_for_delivery(session: Session, state: str, count: int) -> None:
    write(session, "mail", state)
    taken = transact(lambda own: service.claim_due(own, at=LATER, limit=9), session=session)
    assert len(taken) == count


def test_a_mail_taken_after_it_was_given_up_is_not_sent_without_its_files(session: Session) -> None:
    """The server was slow: the mail counts as failed by the time it is taken, and nobody sends it again."""
    key, tried = write(session, "mail", "failed")
    assert tried is not None
    transact(lambda own: service.mark_sent(own, tried, at=LATER), session=session)
    message = session.get_one(Message, (1, key), populate_existing=True)
    assert (message.state, message.sent_at) == ("sent", LATER)
    assert session.get_one(MessageFile, (1, key, 1)).content is None
