"""Rate limits are rows: right across workers and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import transact
from charity.web.limits import client_address, spend
from charity.web.models import RateLimit

pytestmark = pytest.mark.both_databases

#: Begins a window of 60 s.
NOON = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)


@pytest.fixture
def spend_at(session: Session) -> Iterator:
    """Try at an instant: ``spend_at(NOON, "138…")`` says whether it was allowed."""

    def _spend(at: datetime, subject: str = "13800000000", limit: int = 3, name: str = "code") -> bool:
        return transact(
            lambda s: spend(s, name=name, subject=subject, limit=limit, window_s=60, at=at), session=session
        )

    return _spend


def test_the_limit_is_how_often_and_not_once_more(spend_at) -> None:
    assert [spend_at(NOON) for _ in range(5)] == [True, True, True, False, False]


def test_another_subject_and_another_name_have_tries_of_their_own(spend_at) -> None:
    assert not any(spend_at(NOON, limit=0) for _ in range(2))
    [spend_at(NOON) for _ in range(3)]
    assert spend_at(NOON, subject="13900000000")
    assert spend_at(NOON, name="sign_in")


def test_the_limit_ends_with_its_time(spend_at) -> None:
    assert [spend_at(NOON) for _ in range(4)][-1] is False
    assert spend_at(NOON + timedelta(seconds=120))


def test_no_double_burst_fits_around_the_end_of_a_window(spend_at) -> None:
    late, next_window = NOON + timedelta(seconds=59), NOON + timedelta(seconds=61)
    assert [spend_at(late) for _ in range(3)] == [True, True, True]
    # 59 of 60 seconds of the last window still count: 3 × 59 ÷ 60 = 2.
    assert [spend_at(next_window) for _ in range(2)] == [True, False]


def test_a_refused_try_does_not_lengthen_the_wait(spend_at) -> None:
    for _ in range(10):
        spend_at(NOON)
    later = NOON + timedelta(seconds=90)
    # Half of three tries still counts; ten would have filled the window.
    assert [spend_at(later) for _ in range(3)] == [True, True, False]


def test_no_subject_is_kept_in_clear(spend_at, session) -> None:
    spend_at(NOON)
    row = session.scalars(select(RateLimit)).one()
    assert "13800000000" not in row.subject_hash
    assert len(row.subject_hash) == 64


def test_rows_that_count_for_nothing_any_more_are_deleted(spend_at, session) -> None:
    spend_at(NOON)
    spend_at(NOON + timedelta(seconds=121), subject="another")
    assert session.scalar(select(func.count()).select_from(RateLimit)) == 1


def test_a_try_too_many_is_told_when_to_come_back(visitor) -> None:
    answers = [visitor.post("/limited", data={"who": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert visitor.post("/limited", data={"who": "b"}).status_code == 200


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "local"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:5555", "192.0.2.7"),
        ("[2001:db8:1:2::7]:5555", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_address_is_the_hosts_or_its_ipv6_network(shell: Flask, remote: str, address: str) -> None:
    with shell.test_request_context(environ_base={"REMOTE_ADDR": remote}):
        assert client_address() == address
