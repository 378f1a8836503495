"""Rate limits kept as rows, so that they hold across workers and restarts.

A limit is keyed by its subject first (sign-in, receipt, phone) and by the address only
second, so that a village behind one address is not locked out.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from werkzeug.exceptions import TooManyRequests

from charity.db import transact
from charity.sealed import keyed_hash
from charity.web.context import now
from charity.web.models import RateLimit


def subject_hash(name: str, subject: str) -> str:
    """Return the keyed hash that stands for a subject; no address is kept in clear."""
    return keyed_hash(f"{name}\0{subject}", "rate limit")


def spend(session: Session, *, name: str, subject: str, limit: int, window_s: int, at: datetime) -> bool:
    """Count one try and say whether it was still allowed; a refused try is not counted.

    The windows are fixed, but the last window's tries count on in the share of it that
    still lies within ``window_s``, so that no double burst fits around its end.

    Args:
        session: a writing transaction, committed by the caller even if the try fails.
        name: what is limited, e.g. ``sign_in``.
        subject: who is limited, e.g. a login name or ``client_address()``.
        limit: tries allowed within the window.
        window_s: length of the window, in seconds.
        at: the instant of the try, UTC.
    """
    key = subject_hash(name, subject)
    elapsed_s = int(at.timestamp()) % window_s
    start = datetime.fromtimestamp(int(at.timestamp()) - elapsed_s, UTC)
    window = timedelta(seconds=window_s)
    earlier = session.scalar(
        select(RateLimit.count).where(RateLimit.subject_hash == key, RateLimit.window_start == start - window)
    )
    room = limit - (earlier or 0) * (window_s - elapsed_s) // window_s
    if room <= 0:
        return False
    count = _count_one(session, key, start, start + 2 * window, room)
    if count == 1:
        session.execute(delete(RateLimit).where(RateLimit.expires_at < at))
    return count is not None


def _count_one(session: Session, key: str, start: datetime, expires_at: datetime, room: int) -> int | None:
    """Raise the window's count by one while it is below ``room``; None when it is not."""
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(RateLimit).values(
        subject_hash=key, window_start=start, count=1, expires_at=expires_at
    )
    statement = statement.on_conflict_do_update(
        index_elements=[RateLimit.subject_hash, RateLimit.window_start],
        set_={"count": RateLimit.count + 1},
        where=RateLimit.count < room,
    ).returning(RateLimit.count)
    found: int | None = session.scalar(statement)
    return found


def give_back(session: Session, *, name: str, subject: str, window_s: int, at: datetime) -> None:
    """Uncount a try that turned out to be right; arguments as in :func:`spend`."""
    start = datetime.fromtimestamp(int(at.timestamp()) - int(at.timestamp()) % window_s, UTC)
    key = subject_hash(name, subject)
    session.execute(
        update(RateLimit)
        .where(RateLimit.subject_hash == key, RateLimit.window_start == start, RateLimit.count > 0)
        .values(count=RateLimit.count - 1)
    )


def forget(session: Session, *, name: str, subject: str) -> None:
    """Uncount every try of a subject, once its right has been shown another way."""
    key = subject_hash(name, subject)
    session.execute(delete(RateLimit).where(RateLimit.subject_hash == key))


def charge(*, name: str, subject: str, limit: int, window_s: int) -> None:
    """Count one try in a transaction of its own and refuse the request beyond the limit.

    To be called before the act's own transaction, whose failure must not uncount it.

    Raises:
        TooManyRequests: the subject has no try left in the window.
    """
    at = now()
    if not transact(
        lambda session: spend(session, name=name, subject=subject, limit=limit, window_s=window_s, at=at)
    ):
        raise TooManyRequests(retry_after=window_s)


def uncharge(*, name: str, subject: str, window_s: int) -> None:
    """Take back a try that :func:`charge` counted in this request, because it turned out right.

    Counting first and giving back keeps parallel tries from slipping past the limit.
    """
    at = now()
    transact(lambda session: give_back(session, name=name, subject=subject, window_s=window_s, at=at))


def client_address() -> str:
    """Return the client's address behind the trusted proxies; of IPv6 the /64 network.

    An IPv4 address written as IPv6 (``::ffff:192.0.2.7``) is that IPv4 address. What a
    proxy names without being an address (``unknown``) shares one limit.
    """
    if not request.remote_addr:
        return "local"  # a Unix socket without a trusted proxy's header
    try:
        address = ipaddress.ip_address(_bare(request.remote_addr))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return str(address)


def _bare(text: str) -> str:
    """Return an address without zone, brackets and port, which some proxies add."""
    text = text.partition("%")[0]
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
