"""Digits and codes work once; a lost factor is taken off by two; sessions end on the server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import Refused
from charity.users import factor_resets, factors, passkeys, policies, queries, sessions
from charity.users.door_models import AuthenticatorApp, FactorReset, OpenSession, Passkey
from charity.users.door_rules import FACTOR_TRIES, SESSIONS_MOST, Policy
from charity.users.models import User
from charity.users.sessions import Where
from tests.builders import NOON, OPENED_ON, make_actor, make_org, make_user
from tests.doors import actor_of, acts, digits_at, enrol_app

HERE = Where("Firefox · Linux", "x" * 43, "192.0.2.7")
SITE = ("localhost", "http://localhost:5000")


@pytest.fixture
def org_id(session: Session) -> int:
    return make_org(session).id


@pytest.fixture
def lisi(session: Session, org_id: int) -> Actor:
    make_user(session, org_id=org_id, username="lisi", roles=("cashier",), display_name="李四")
    return actor_of(session, "lisi", org_id=org_id, at=NOON)


def later(actor: Actor, **parts: float) -> Actor:
    return make_actor(
        actor.org_id,
        *actor.permissions,
        at=actor.at + timedelta(**parts),
        user_id=actor.user_id,
        name=actor.name,
    )


def refused(session: Session, work: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        transact(work, session=session)
    return caught.value.codes


def use(session: Session, actor: Actor, code: str) -> str:
    return transact(lambda own: factors.use_code(own, actor=actor, code=code), session=session)


def test_digits_work_once(session: Session, lisi: Actor) -> None:
    secret, _ = enrol_app(session, lisi)
    at = later(lisi, seconds=60)
    code = digits_at(secret, at.at)
    assert use(session, at, code) == "app"
    assert refused(session, lambda own: factors.use_code(own, actor=at, code=code)) == ["factor_wrong"]
    assert refused(session, lambda own: factors.use_code(own, actor=later(at, seconds=20), code=code)) == [
        "factor_wrong"
    ], "nor in the step after"


def test_the_digits_that_set_an_app_up_do_not_sign_in_as_well(session: Session, lisi: Actor) -> None:
    secret, _ = enrol_app(session, lisi)
    code = digits_at(secret, lisi.at)
    assert refused(session, lambda own: factors.use_code(own, actor=lisi, code=code)) == ["factor_wrong"]


def test_the_step_before_is_taken_and_none_earlier_or_later(session: Session, lisi: Actor) -> None:
    secret, _ = enrol_app(session, lisi)
    at = later(lisi, minutes=10)
    for seconds in (-60, 30):
        code = digits_at(secret, at.at + timedelta(seconds=seconds))
        assert refused(session, lambda own, c=code: factors.use_code(own, actor=at, code=c)) == [
            "factor_wrong"
        ]
    assert use(session, at, digits_at(secret, at.at - timedelta(seconds=30))) == "app"
    assert use(session, at, digits_at(secret, at.at)) == "app", "the present one is still good"


def test_digits_may_be_typed_as_an_input_method_does(session: Session, lisi: Actor) -> None:
    secret, _ = enrol_app(session, lisi)
    at = later(lisi, minutes=1)
    wide = digits_at(secret, at.at).translate({ord("0") + k: ord("０") + k for k in range(10)})
    assert use(session, at, f"{wide[:3]} {wide[3:]}") == "app"


def test_a_recovery_code_works_once_however_it_is_typed(session: Session, lisi: Actor) -> None:
    _, codes = enrol_app(session, lisi)
    assert len(codes) == len(set(codes)) == 10
    assert use(session, lisi, codes[0].lower().replace("-", " ").replace("0", "o")) == "recovery_code"
    assert refused(session, lambda own: factors.use_code(own, actor=lisi, code=codes[0])) == ["factor_wrong"]
    assert factors.factors_of(session, lisi.user_id).codes_left == 9
    assert acts(session)[-1] == "users.use_code"


def test_new_codes_make_the_old_ones_worthless(session: Session, lisi: Actor) -> None:
    _, codes = enrol_app(session, lisi)
    transact(lambda own: factors.make_codes(own, actor=lisi), session=session)
    assert refused(session, lambda own: factors.use_code(own, actor=lisi, code=codes[0])) == ["factor_wrong"]


def test_the_database_shows_neither_secret_nor_code(session: Session, lisi: Actor) -> None:
    secret, codes = enrol_app(session, lisi)
    session.rollback()
    stored = [str(row) for row in session.execute(text("SELECT * FROM users_authenticator_app")).all()]
    stored += [str(row) for row in session.execute(text("SELECT * FROM users_recovery_code")).all()]
    assert secret not in "".join(stored) and codes[0].replace("-", "") not in "".join(stored)


def begin_app(actor: Actor, session_id: int = 1) -> Any:
    return lambda own: factors.begin_app(own, actor=actor, session_id=session_id)


def confirm_app(actor: Actor, code: str, session_id: int = 1) -> Any:
    return lambda own: factors.confirm_app(own, actor=actor, session_id=session_id, code=code)


def test_a_secret_waits_a_quarter_of_an_hour(session: Session, lisi: Actor) -> None:
    secret = transact(begin_app(lisi), session=session)
    late = later(lisi, minutes=15, seconds=1)
    assert refused(session, confirm_app(late, digits_at(secret, late.at))) == ["app_expired"]
    assert not factors.factors_of(session, lisi.user_id).has_app
    assert refused(session, confirm_app(lisi, "12345")) == ["factor_wrong"]


def test_a_secret_waits_for_the_session_that_asked(session: Session, lisi: Actor) -> None:
    secret = transact(begin_app(lisi, 7), session=session)
    code = digits_at(secret, lisi.at)
    assert factors.waiting_secret(session, user_id=lisi.user_id, session_id=8, at=lisi.at) is None
    assert refused(session, confirm_app(lisi, code, 8)) == ["app_expired"]
    assert len(transact(confirm_app(lisi, code, 7), session=session)) == 10
    at = later(lisi, minutes=1)
    assert use(session, at, digits_at(secret, at.at)) == "app"


def test_an_app_in_force_is_not_replaced_unseen(session: Session, lisi: Actor) -> None:
    enrol_app(session, lisi)
    assert refused(session, begin_app(lisi)) == ["app_expired"]


def test_the_last_factor_stays_where_one_is_asked_for(session: Session, lisi: Actor) -> None:
    enrol_app(session, lisi)
    stay = refused(session, lambda own: factors.remove_app(own, actor=lisi, is_demanded=True))
    assert stay == ["factor_demanded"]
    transact(lambda own: factors.remove_app(own, actor=lisi, is_demanded=False), session=session)
    left = factors.factors_of(session, lisi.user_id)
    assert not left.is_any and left.codes_left == 0
    gone = refused(session, lambda own: factors.remove_app(own, actor=lisi, is_demanded=False))
    assert gone == ["factor_missing"]


def key_of(session: Session, actor: Actor, name: str = "蓝色密钥", number: int = 0) -> int:
    """Put a passkey into the table as if a device had made it."""

    def work(own: Session) -> int:
        row = Passkey(
            id=actor.user_id + 1 + number,
            user_id=actor.user_id,
            credential_id="abc",
            credential_sha256=f"{number:064}",
            public_key=b"x",
            sign_count=0,
            name=name,
            made_at=actor.at,
        )
        own.add(row)
        own.flush()
        return row.id

    return transact(work, session=session)


def test_a_passkey_is_removed_by_its_owner_alone(session: Session, lisi: Actor, org_id: int) -> None:
    key = key_of(session, lisi)
    make_user(session, org_id=org_id, username="wangwu")
    other = actor_of(session, "wangwu", org_id=org_id, at=NOON)

    def remove(actor: Actor, is_demanded: bool = False) -> Any:
        return lambda own: passkeys.remove_passkey(own, actor=actor, passkey_id=key, is_demanded=is_demanded)

    assert refused(session, remove(other)) == ["passkey_missing"]
    assert refused(session, remove(lisi, is_demanded=True)) == ["factor_demanded"]
    assert transact(remove(lisi), session=session) == "蓝色密钥"


def begin(session: Session, actor: Actor, stage: str = "whole", where: Where = HERE) -> tuple[str, int]:
    """Begin a session; return its token and key."""
    session.rollback()
    login = queries.LoginUser(actor.user_id, actor.name, "lisi", 1, "")
    token = transact(
        lambda own: sessions.begin(own, user=login, where=where, stage=stage, at=actor.at), session=session
    )
    found = sessions.find(session, token, actor.at)
    assert found is not None
    return token, found.id


def test_a_question_to_a_passkey_is_good_for_one_answer(session: Session, lisi: Actor) -> None:
    key_of(session, lisi)
    _, key = begin(session, lisi, "half")
    asked = transact(
        lambda own: passkeys.ask_to_show(own, user_id=lisi.user_id, session_id=key, site=SITE, at=lisi.at),
        session=session,
    )
    assert json.loads(asked)["rpId"] == "localhost"

    def take(own):
        return passkeys.take_question(own, session_id=key, purpose="show", at=lisi.at)

    assert len(transact(take, session=session)) == 43
    assert refused(session, take) == ["passkey_refused"]


def test_a_question_to_a_passkey_is_open_for_five_minutes(session: Session, lisi: Actor) -> None:
    key_of(session, lisi)
    _, key = begin(session, lisi, "half")
    transact(
        lambda own: passkeys.ask_to_show(own, user_id=lisi.user_id, session_id=key, site=SITE, at=lisi.at),
        session=session,
    )
    late = lisi.at + timedelta(minutes=5, seconds=1)

    def take(own):
        return passkeys.take_question(own, session_id=key, purpose="show", at=late)

    assert refused(session, take) == ["passkey_refused"]


@pytest.mark.parametrize(
    "answer", ["", "[]", "{}", '{"id": "abc"}', '{"id": "other"}', '{"id": 7}', "x" * 999]
)
def test_an_answer_that_is_none_is_refused(session: Session, lisi: Actor, answer: str) -> None:
    key_of(session, lisi)

    def work(own: Session) -> None:
        passkeys.use_passkey(
            own, user_id=lisi.user_id, question=b"q" * 43, answer=answer, site=SITE, at=lisi.at
        )

    assert refused(session, work) == ["passkey_refused"]


def test_a_key_no_device_has_made_is_refused(session: Session, lisi: Actor) -> None:
    for answer in ("", "{}", '{"id": "abc", "rawId": "abc", "response": {}, "type": "public-key"}'):

        def work(own: Session, text: str = answer) -> None:
            passkeys.add_passkey(own, actor=lisi, question=b"q", answer=text, name="x", site=SITE)

        assert refused(session, work) == ["passkey_refused"]


def test_a_session_ends_on_the_server(session: Session, lisi: Actor) -> None:
    token, key = begin(session, lisi)
    assert sessions.find(session, token, lisi.at + timedelta(minutes=60)) is not None
    assert sessions.find(session, token, lisi.at + timedelta(minutes=60, seconds=1)) is None
    transact(lambda own: sessions.end_own(own, actor=lisi, session_id=key), session=session)
    assert sessions.find(session, token, lisi.at) is None
    again = refused(session, lambda own: sessions.end_own(own, actor=lisi, session_id=key))
    assert again == ["session_missing"]


def test_a_half_session_opens_nothing_and_ends_soon(session: Session, lisi: Actor) -> None:
    token, _ = begin(session, lisi, "half")
    found = sessions.find(session, token, lisi.at + timedelta(minutes=10))
    assert found is not None and found.stage == "half"
    assert sessions.find(session, token, lisi.at + timedelta(minutes=10, seconds=1)) is None
    assert sessions.list_open(session, user_id=lisi.user_id, current_id=0, at=lisi.at) == ()


def test_nobody_ends_the_session_of_another(session: Session, lisi: Actor, org_id: int) -> None:
    token, key = begin(session, lisi)
    make_user(session, org_id=org_id, username="wangwu")
    other = actor_of(session, "wangwu", org_id=org_id, at=NOON)
    refusal = refused(session, lambda own: sessions.end_own(own, actor=other, session_id=key))
    assert refusal == ["session_missing"]
    assert sessions.find(session, token, lisi.at) is not None


def test_all_others_end_and_this_one_stays(session: Session, lisi: Actor) -> None:
    old, _ = begin(session, lisi)
    own, key = begin(session, later(lisi, seconds=1))
    count = transact(lambda s: sessions.end_others(s, actor=lisi, current_id=key), session=session)
    assert count == 1
    assert sessions.find(session, old, lisi.at) is None
    assert sessions.find(session, own, lisi.at) is not None


def test_of_too_many_sessions_the_oldest_ends(session: Session, lisi: Actor) -> None:
    first, _ = begin(session, lisi)
    for k in range(SESSIONS_MOST):
        last, _ = begin(session, later(lisi, seconds=k + 1))
    at = lisi.at + timedelta(minutes=1)
    assert sessions.find(session, first, at) is None
    assert sessions.find(session, last, at) is not None


def test_the_token_is_not_in_the_database_and_the_address_is_sealed(session: Session, lisi: Actor) -> None:
    token, _ = begin(session, lisi)
    session.rollback()
    row = str(session.execute(text("SELECT * FROM users_session")).all())
    assert token not in row and HERE.device_token not in row and HERE.address not in row
    assert session.scalars(select(OpenSession.address)).all() == [HERE.address]


def test_a_device_is_new_once(session: Session, lisi: Actor) -> None:
    def is_new(token):
        return sessions.is_new_device(session, user_id=lisi.user_id, device_token=token)

    assert not is_new(HERE.device_token), "the very first sign-in alarms nobody"
    begin(session, lisi)
    assert not is_new(HERE.device_token)
    assert is_new("y" * 43)


def test_sessions_are_forgotten_after_half_a_year(session: Session, lisi: Actor) -> None:
    begin(session, lisi)

    def forget(days):
        return transact(lambda own: sessions.forget(own, at=lisi.at + timedelta(days=days)), session=session)

    assert (forget(180), forget(181), forget(182)) == (0, 1, 0)


@pytest.fixture
def administrators(session: Session, org_id: int) -> tuple[Actor, Actor]:
    found = []
    for username in ("admin1", "admin2"):
        make_user(session, org_id=org_id, username=username, roles=("administrator",))
        plain = actor_of(session, username, org_id=org_id, at=NOON)
        found.append(make_actor(org_id, "users.manage", at=NOON, user_id=plain.user_id, name=plain.name))
    return found[0], found[1]


def ask(actor: Actor, username: str = "lisi", reason: str = "当面核对身份证") -> Any:
    return lambda own: factor_resets.ask_reset(
        own, actor=actor, username=username, reason=reason, on=OPENED_ON
    )


def decide(actor: Actor, act: str = "confirm", username: str = "lisi") -> Any:
    return lambda own: factor_resets.decide_reset(own, actor=actor, username=username, act=act, on=OPENED_ON)


def test_two_administrators_take_a_lost_factor_off(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    first, second = administrators
    enrol_app(session, lisi)
    token, _ = begin(session, lisi)
    transact(ask(first), session=session)
    assert refused(session, ask(second)) == ["reset_pending"]
    assert refused(session, decide(first)) == ["reset_needs_second"]
    assert factors.factors_of(session, lisi.user_id).is_any
    transact(decide(second), session=session)
    left = factors.factors_of(session, lisi.user_id)
    assert not left.is_any and left.codes_left == 0
    assert sessions.find(session, token, lisi.at) is None, "every session has ended"
    assert refused(session, decide(second)) == ["reset_missing"]
    assert acts(session)[-2:] == ["users.ask_reset", "users.confirm_reset"]


def test_a_reset_waits_in_the_organisation_that_asked_alone(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    enrol_app(session, lisi)
    transact(ask(administrators[0]), session=session)
    other = make_org(session, code="XJ", name="夏津县慈善总会", name_en="Xiajin").id
    found = [
        factor_resets.waiting_reset(session, org_id=org_id, username="lisi", at=NOON)
        for org_id in (lisi.org_id, other)
    ]
    assert [row is not None for row in found] == [True, False]


def test_a_reset_can_be_declined_by_either(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    enrol_app(session, lisi)
    for actor in administrators:
        transact(ask(administrators[0]), session=session)
        transact(decide(actor, "decline"), session=session)
    assert factors.factors_of(session, lisi.user_id).is_any


def test_a_reset_of_yesterday_is_asked_for_anew(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    first, second = administrators
    enrol_app(session, lisi)
    transact(ask(first), session=session)
    assert refused(session, decide(later(second, hours=25))) == ["reset_expired"]
    transact(ask(later(second, hours=25)), session=session)
    transact(decide(later(first, hours=26)), session=session)
    assert not factors.factors_of(session, lisi.user_id).is_any


def test_the_own_factor_is_not_taken_off_this_way(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    first, second = administrators
    enrol_app(session, first)
    assert refused(session, ask(first, "admin1")) == ["reset_of_self"]
    transact(ask(second, "admin1"), session=session)
    assert refused(session, decide(first, "confirm", "admin1")) == ["reset_of_self"]


def test_what_a_reset_is_refused_for(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    first, _ = administrators
    assert refused(session, ask(first)) == ["reset_needless"]
    enrol_app(session, lisi)
    assert refused(session, ask(first, reason=" ")) == ["reason_missing"]
    assert refused(session, ask(first, "nobody")) == ["user_missing"]
    assert refused(session, ask(lisi, "admin1")) == ["users_may_not"]


def test_the_database_itself_wants_two_people(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    enrol_app(session, lisi)
    transact(ask(administrators[0]), session=session)

    def work(own: Session) -> None:
        row = own.scalars(select(FactorReset)).one()
        row.state, row.decided_by = "done", row.asked_by
        own.flush()

    with pytest.raises(Exception, match="second_person"):
        transact(work, session=session)


def test_the_operator_has_the_last_way(session: Session, lisi: Actor, org_id: int) -> None:
    enrol_app(session, lisi)

    def force(name, why):
        return lambda own: factor_resets.force_reset(own, actor=make_actor(org_id), username=name, reason=why)

    assert refused(session, force("nobody", "x")) == ["username_unknown"]
    assert refused(session, force("lisi", "")) == ["reason_missing"]
    transact(force("lisi", "两位管理员手机均遗失"), session=session)
    assert refused(session, force("lisi", "x")) == ["reset_needless"]
    assert acts(session)[-1] == "users.force_reset"


def test_a_policy_is_set_by_an_administrator_with_a_reason(
    session: Session, lisi: Actor, administrators: tuple[Actor, Actor]
) -> None:
    def put(actor, policy, why):
        return lambda own: policies.set_policy(own, actor=actor, policy=policy, reason=why)

    assert refused(session, put(lisi, Policy("money"), "x")) == ["users_may_not"]
    assert refused(session, put(administrators[0], Policy("money"), "")) == ["reason_missing"]
    assert refused(session, put(administrators[0], Policy("money", 3), "x")) == ["step_up_range"]
    transact(put(administrators[0], Policy("money", 30), "理事会决议"), session=session)
    org_id, on = lisi.org_id, OPENED_ON
    assert policies.policy_of(session, org_id, Policy("offered", 15)) == Policy("money", 15)
    assert policies.is_demanded_of(session, user_id=lisi.user_id, floor=Policy(), on=on)
    assert [row.reason for row in policies.history(session, org_id)] == ["理事会决议"]


def test_a_factor_goes_with_nobody_elses(session: Session, lisi: Actor, org_id: int) -> None:
    """A code of one login opens no other."""
    _, codes = enrol_app(session, lisi)
    make_user(session, org_id=org_id, username="wangwu")
    other = actor_of(session, "wangwu", org_id=org_id, at=NOON)
    enrol_app(session, other)
    assert refused(session, lambda own: factors.use_code(own, actor=other, code=codes[0])) == ["factor_wrong"]
    assert session.scalars(select(User.username).order_by(User.username)).all()[-1] == "wangwu"
    assert len(session.scalars(select(AuthenticatorApp)).all()) == 2
    assert FACTOR_TRIES.name < 30, "a million digits are not guessed in a working day"
