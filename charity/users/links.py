"""Signed links to choose a password: they end with time and with their first use.

Imports itsdangerous. A link names the login and its session epoch; choosing a password
raises the epoch, so that the link, and every other one, is spent without a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from charity.errors import N_, refuse, register

PROBLEMS = register(
    {
        "link_broken": N_("This link is not complete. Copy it whole, or ask for a new one."),
        "link_expired": N_("This link is no longer valid. Ask for a new one."),
    }
)

_SALT = "charity.users.password-link"


@dataclass(frozen=True, slots=True)
class LinkClaim:
    """What a link says.

    Attributes:
        username: whose password.
        epoch: session epoch of that login when the link was made.
        until: when it ends, UTC.
    """

    username: str
    epoch: int
    until: datetime


def make_token(secret_key: str, *, username: str, epoch: int, at: datetime, life: timedelta) -> str:
    """Return the last part of a link that works from now for the given time."""
    serializer = URLSafeSerializer(secret_key, salt=_SALT)
    return str(serializer.dumps([username, epoch, int((at + life).timestamp())]))


def read_token(secret_key: str, token: str, at: datetime) -> LinkClaim:
    """Return what a link says; whether its epoch still holds is for the service to see.

    Raises:
        Refused: ``link_broken``, ``link_expired``.
    """
    try:
        username, epoch, until = URLSafeSerializer(secret_key, salt=_SALT).loads(token)
    except BadSignature:
        raise refuse("link_broken") from None
    if at.timestamp() > until:
        raise refuse("link_expired")
    return LinkClaim(username, epoch, datetime.fromtimestamp(until, at.tzinfo))
