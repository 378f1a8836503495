"""The life of a request of a data person walked whole: every act in every state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from charity.db import transact
from charity.privacy import rules, service
from charity.privacy.models import DataRequest
from charity.privacy.service import Wish
from tests.builders import NOON, make_actor, make_user
from tests.gifts import TODAY, Office
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

ACTS = (*rules.ACTS, "hand over")
NO, SHUT = "request_act", "request_not_open"
#: State → answer to verify, fulfil, refuse, withdraw and the handing over of the copy.
LIFE = {
    "received": ("verified", NO, "refused", "withdrawn", SHUT),
    "verified": (NO, "fulfilled", "refused", "withdrawn", SHUT),
    "fulfilled": (NO, NO, NO, NO, "fulfilled"),
    "refused": (NO, NO, NO, NO, SHUT),
    "withdrawn": (NO, NO, NO, NO, SHUT),
}
#: State → the acts that lead there.
WAYS: dict[str, Sequence[str]] = {
    "received": (),
    "verified": ("verify",),
    "fulfilled": ("verify", "fulfil"),
    "refused": ("refuse",),
    "withdrawn": ("withdraw",),
}


def verb(office: Office, act: str, number: str) -> Callable[[Any], Any]:
    """Return one act on a request, by whoever may do it."""
    clerk = make_actor(office.org_id, "privacy.handle", at=NOON, user_id=11)
    decider = make_actor(office.org_id, "privacy.decide", at=NOON, user_id=12)
    told = {"public_no": number, "answer": "已答复"}
    return {
        "verify": partial(service.verify_identity, actor=clerk, public_no=number, how="当面核对"),
        "fulfil": partial(service.fulfil_request, actor=decider, on=TODAY, **told),
        "refuse": partial(service.refuse_request, actor=decider, reason="identity", **told),
        "withdraw": partial(service.withdraw_request, actor=clerk, public_no=number),
        "hand over": partial(service.copy_for, actor=clerk, public_no=number),
    }[act]


@pytest.mark.parametrize("state", LIFE)
def test_every_act_in_every_state(office: Office, state: str) -> None:
    make_user(office.session, org_id=office.org_id, username="lisi")
    wish = Wish("user", "lisi", "copy", "我的信息", TODAY)
    clerk = make_actor(office.org_id, "privacy.handle", at=NOON, user_id=11)
    record = partial(service.record_request, actor=clerk, wish=wish, on=TODAY)
    number = transact(lambda own: record(own).public_no, session=office.session)
    for act in WAYS[state]:
        transact(verb(office, act, number), session=office.session)
    now = partial(office.session.scalar, select(DataRequest.state))
    found = [answer(office.session, partial(verb(office, act, number), office.session), now) for act in ACTS]
    assert dict(zip(ACTS, found, strict=True)) == dict(zip(ACTS, LIFE[state], strict=True))
    assert now() == state
    assert set(LIFE) == set(rules.STATES)
