"""The outbox in the office: nobody's address in clear, a call is shown one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.messages import delivery, queries, routes, service
from charity.messages.models import Message
from charity.places.models import Org
from tests.builders import make_actor
from tests.support.pages import faults, page

if TYPE_CHECKING:
    from tests.conftest import Clock

CAPTION = "Messages, newest first"


@pytest.fixture
def clerk(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    client = as_role("gift_clerk")
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def actor(clerk: FlaskClient, session: Session, clock: Clock) -> Actor:
    return make_actor(session.scalars(select(Org.id)).one(), at=clock())


def mail(session: Session, actor: Actor, to: str = "zhang@example.org", subject: str = "捐赠确认函") -> int:
    return transact(
        lambda own: service.send_mail(own, actor=actor, to=to, subject=subject, body="secret words").id,
        session=session,
    )


def phone(session: Session, actor: Actor) -> int:
    return transact(
        lambda own: (
            service.ask_to_phone(
                own, actor=actor, to="13800001234", subject="告知结果", body="已批准 2000 元"
            ).id
        ),
        session=session,
    )


def test_the_outbox_shows_no_address_and_no_text(clerk: FlaskClient, actor: Actor, session: Session) -> None:
    mail(session, actor)
    phone(session, actor)
    response = clerk.get("/office/messages")
    text = response.get_data(as_text=True)
    assert faults(page(response)) == []
    assert "zhang@" not in text and "secret words" not in text and "1380000" not in text
    assert "Mail z***@example.org" in text and "Waiting to go out 2" in text


def test_it_says_that_no_mail_server_is_set_up(clerk: FlaskClient, actor: Actor) -> None:
    assert "No mail server is set up" in page(clerk.get("/office/messages")).text


def test_the_outbox_is_filtered_and_paged(
    clerk: FlaskClient, actor: Actor, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(queries.PAGE_ROWS + 2):
        mail(session, actor, subject=f"letter {number}.")
    phone(session, actor)
    first = page(clerk.get("/office/messages?kind=mail"))
    (older,) = [link for link in first.links if "before=" in link]
    second = page(clerk.get(older))
    assert [row[0] for row in second.table(CAPTION)[1:]] == ["letter 1.", "letter 0."]
    assert "No message fits this filter." in page(clerk.get("/office/messages?state=failed")).text


def test_a_failed_mail_is_sent_again(
    clerk: FlaskClient, actor: Actor, session: Session, clock: Clock
) -> None:
    message_id = mail(session, actor)

    def give_up(own: Session) -> None:
        (taken,) = service.claim_due(own, at=clock(), limit=1)
        service.mark_unsent(own, taken, error="550 no", is_permanent=True)

    transact(give_up, session=session)
    assert "550 no" in page(clerk.get("/office/messages")).text
    assert clerk.post(f"/office/messages/{message_id}/again").status_code == 303
    session.rollback()
    session.expire_all()
    assert session.get_one(Message, (actor.org_id, message_id)).state == "waiting"


def test_a_reader_of_the_outbox_sends_nothing(
    as_role: Callable[..., FlaskClient], actor: Actor, session: Session
) -> None:
    message_id = mail(session, actor)
    reader = as_role("supervisor")
    assert "Send again" not in reader.get("/office/messages").get_data(as_text=True)
    assert reader.post(f"/office/messages/{message_id}/again").status_code == 403
    assert reader.get("/office/calls").status_code == 403


def test_a_person_is_phoned_and_told(clerk: FlaskClient, actor: Actor, session: Session) -> None:
    message_id = phone(session, actor)
    listed = page(clerk.get("/office/calls"))
    assert faults(listed) == [] and "138****1234" in listed.text.replace(" ", "")
    sheet = page(clerk.post(f"/office/calls/{message_id}"))
    assert faults(sheet) == [] and "已批准 2000 元" in sheet.text and "tel:13800001234" in sheet.links
    told = clerk.post(f"/office/calls/{message_id}/told", data={"note": "本人接听"})
    assert told.headers["Location"] == "/office/calls"
    assert "Nobody is to be phoned now." in page(clerk.get("/office/calls")).text
    again = clerk.post(f"/office/calls/{message_id}/told", data={"note": ""})
    assert again.status_code == 422


def test_a_person_who_was_not_reached_comes_back_later(
    clerk: FlaskClient, actor: Actor, session: Session, clock: Clock
) -> None:
    message_id = phone(session, actor)
    clerk.post(f"/office/calls/{message_id}/unreached", data={"note": "无人接听"})
    assert "Nobody is to be phoned now." in page(clerk.get("/office/calls")).text
    clock.advance(hours=4)
    assert queries.calls_due(session, actor.org_id, clock()) != ()


def test_without_a_mail_server_mail_waits(
    app: Flask,
    clerk: FlaskClient,
    actor: Actor,
    session: Session,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(delivery, "deliver_due", lambda *values, **names: asked.append(names))
    with app.app_context():
        routes.deliver(clock())
    assert asked == []


def test_with_a_mail_server_the_worker_delivers(
    app: Flask,
    clerk: FlaskClient,
    actor: Actor,
    session: Session,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataclasses import replace

    asked: list[str] = []
    monkeypatch.setattr(delivery, "deliver_due", lambda run, server, **names: asked.append(server.host))
    app.extensions["charity.settings"] = replace(
        app.extensions["charity.settings"], smtp_url="smtp://mail.example.org"
    )
    with app.app_context():
        routes.deliver(clock())
    assert asked == ["mail.example.org"]
