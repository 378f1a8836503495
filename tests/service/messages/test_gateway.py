"""Text messages: handed to a real HTTP gateway, and a call again when it does not take them."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import UnsafeSettings
from charity.db import Actor, transact
from charity.errors import Refused
from charity.messages import gateway, queries, rules, service
from charity.messages.delivery import Delivery
from charity.messages.gateway import GatewayRefused, parse_gateway
from charity.messages.models import Message
from tests.builders import make_actor, make_org
from tests.support.gateways import Gateway, serving

if TYPE_CHECKING:
    from tests.conftest import Clock


@pytest.fixture
def actor(session: Session, clock: Clock) -> Actor:
    return make_actor(make_org(session).id, at=clock())


def call(session: Session, actor: Actor) -> int:
    """Put somebody on the list, and hand the words to the gateway."""
    key = transact(
        lambda own: (
            service.ask_to_phone(own, actor=actor, to="13800001234", subject="告知结果", body="已批准").id
        ),
        session=session,
    )
    transact(partial(service.send_by_sms, actor=actor, message_id=key), session=session)
    return key


def deliver(session: Session, clock: Clock, url: str, **more: str) -> Delivery:
    return gateway.deliver_due(
        partial(transact, session=session), parse_gateway(url, "token-1", **more), clock=clock
    )


def test_the_gateway_gets_number_and_words(session: Session, actor: Actor, clock: Clock) -> None:
    own = Gateway()
    key = call(session, actor)
    assert queries.calls_due(session, actor.org_id, clock()) == ()
    with serving(own) as url:
        assert deliver(session, clock, url, fields="mobile,content") == Delivery(sent=1)
        assert deliver(session, clock, url) == Delivery()
    path, headers, body = own.asked[0]
    assert (path, headers["Authorization"]) == ("/send", "Bearer token-1")
    assert json.loads(body) == {"mobile": "+8613800001234", "content": "已批准"}
    assert session.get_one(Message, (actor.org_id, key)).state == "sent"


def test_a_gateway_may_want_a_form(session: Session, actor: Actor, clock: Clock) -> None:
    own = Gateway()
    call(session, actor)
    with serving(own) as url:
        deliver(session, clock, url, form="form")
    assert parse_qs(own.asked[0][2]) == {"phone": ["+8613800001234"], "text": ["已批准"]}


def test_what_the_gateway_never_takes_is_a_call_at_once(session: Session, actor: Actor, clock: Clock) -> None:
    own = Gateway()
    own.answers = [(400, "no such number +8613800001234")]
    key = call(session, actor)
    with serving(own) as url:
        assert deliver(session, clock, url) == Delivery(failed=1)
    row = queries.calls_due(session, actor.org_id, clock())[0]
    assert row.id == key
    assert row.error.startswith("400 no such number") and "13800001234" not in row.error


def test_a_gateway_that_is_away_is_tried_again_and_then_a_person_calls(
    session: Session, actor: Actor, clock: Clock
) -> None:
    call(session, actor)
    own = Gateway()
    with serving(own) as url:
        pass
    for _ in range(rules.MAX_TRIES - 1):
        assert deliver(session, clock, url) == Delivery(waiting=1)
        clock.advance(hours=7)
    assert deliver(session, clock, url) == Delivery(failed=1)
    assert len(queries.calls_due(session, actor.org_id, clock())) == 1


def test_a_worker_that_dies_while_asking_leaves_a_call_in_the_end(
    session: Session, actor: Actor, clock: Clock
) -> None:
    """Each claim counts as a try; the one after the last makes it a call again."""
    call(session, actor)
    for _ in range(rules.MAX_TRIES + 1):
        transact(lambda own: service.claim_sms_due(own, at=clock(), limit=5), session=session)
        clock.advance(hours=7)
    assert session.scalars(select(Message.via)).one() == ""
    assert len(queries.calls_due(session, actor.org_id, clock() + timedelta(hours=7))) == 1


def test_sending_twice_sends_once(session: Session, actor: Actor, clock: Clock) -> None:
    own = Gateway()
    key = call(session, actor)
    transact(partial(service.send_by_sms, actor=actor, message_id=key), session=session)
    with serving(own) as url:
        deliver(session, clock, url)
    with pytest.raises(Refused) as caught:
        transact(partial(service.send_by_sms, actor=actor, message_id=key), session=session)
    assert caught.value.codes == ["message_sent"]
    assert len(own.asked) == 1


def test_a_busy_gateway_is_no_refusal(clock: Clock) -> None:
    own = Gateway()
    own.answers = [(429, "slow down"), (503, "later")]
    with serving(own) as url:
        for _ in range(2):
            with pytest.raises(GatewayRefused) as caught:
                gateway.send(parse_gateway(url), "+8613800001234", "x")
            assert caught.value.is_permanent is False


@pytest.mark.parametrize(
    ("url", "fields", "form"),
    [
        ("ftp://sms.example.org", "a,b", "json"),
        ("http://sms.example.org/send", "a,b", "json"),
        ("https://sms.example.org", "a", "json"),
        ("https://sms.example.org", "a,b", "xml"),
    ],
)
def test_a_gateway_that_would_leak_or_cannot_work_is_refused(url: str, fields: str, form: str) -> None:
    with pytest.raises(UnsafeSettings):
        parse_gateway(url, "", fields, form)
