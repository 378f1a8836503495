"""Text messages through a configured HTTP gateway; what it cannot deliver becomes a call again.

Imports the standard library below the feature only. One POST a message; every gateway names
its two fields in its own way, so the names are settings. The answer's status decides: 2xx is
taken, 4xx will not change by trying again. The database is touched before and after the
gateway is asked, never while waiting for it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from sqlalchemy.orm import Session

from charity.config import UnsafeSettings, is_local
from charity.messages import service
from charity.messages.delivery import Delivery, RunInTransaction
from charity.messages.service import Outgoing
from charity.names import mask_phone

T = TypeVar("T")

TIMEOUT_S = 20
BATCH = 50


@dataclass(frozen=True, slots=True)
class SmsGateway:
    """Where text messages are handed over.

    Attributes:
        url: ``https://…``; plain http only inside the own network.
        token: sent as ``Authorization: Bearer``; empty for none.
        phone_field, text_field: what the gateway calls number and text.
        is_form: whether it takes a form instead of JSON.
    """

    url: str
    token: str = field(default="", repr=False)
    phone_field: str = "phone"
    text_field: str = "text"
    is_form: bool = False


class GatewayRefused(Exception):
    """The gateway did not take a message; ``is_permanent`` when trying again is useless."""

    def __init__(self, said: str, *, is_permanent: bool) -> None:
        self.is_permanent = is_permanent
        super().__init__(said)


def parse_gateway(url: str, token: str = "", fields: str = "phone,text", form: str = "json") -> SmsGateway:
    """Return the gateway of the settings ``SMS_URL``, ``SMS_TOKEN``, ``SMS_FIELDS``, ``SMS_FORMAT``.

    Raises:
        UnsafeSettings: no https address, http across a public network, or fields that are
            not two names.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UnsafeSettings("SMS_URL must look like https://sms.example.org/send.")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise UnsafeSettings("SMS_URL must be https: numbers and texts would cross the network in clear.")
    names = [name.strip() for name in fields.split(",")]
    if len(names) != 2 or not all(names):
        raise UnsafeSettings("SMS_FIELDS names the gateway's two fields, e.g. mobile,content.")
    if form not in ("json", "form"):
        raise UnsafeSettings("SMS_FORMAT is json or form.")
    return SmsGateway(url, token, names[0], names[1], form == "form")


def send(gateway: SmsGateway, phone: str, text: str, timeout_s: float = TIMEOUT_S) -> None:
    """Hand one message over.

    Args:
        phone: E.164, e.g. ``+8613800001234``.
        text: what the person reads.

    Raises:
        GatewayRefused: it was not taken.
    """
    parts = urlsplit(gateway.url)
    values = {gateway.phone_field: phone, gateway.text_field: text}
    body = urlencode(values).encode() if gateway.is_form else json.dumps(values, ensure_ascii=False).encode()
    kind = "application/x-www-form-urlencoded" if gateway.is_form else "application/json"
    headers = {"Content-Type": f"{kind}; charset=utf-8"}
    if gateway.token:
        headers["Authorization"] = f"Bearer {gateway.token}"
    host, port = parts.hostname or "", parts.port
    connection: HTTPConnection
    if parts.scheme == "https":
        connection = HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
    else:
        connection = HTTPConnection(host, port, timeout=timeout_s)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body, headers)
        with connection.getresponse() as answer:
            said = answer.read(300).decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        raise GatewayRefused(f"{type(error).__name__}: {error}", is_permanent=False) from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        # 408 and 429 ask for patience; other answers of 4xx stay what they are.
        is_permanent = 400 <= answer.status < 500 and answer.status not in (408, 429)
        plain = f"{answer.status} {said}".replace(phone, mask_phone(phone))
        raise GatewayRefused(plain, is_permanent=is_permanent)


def deliver_due(
    run: RunInTransaction, gateway: SmsGateway, *, clock: Callable[[], datetime], limit: int = BATCH
) -> Delivery:
    """Hand over the text messages that are due; safe to run in several processes at once.

    Args:
        run: runs one writing transaction, usually ``transact``.
        gateway: where to hand them over.
        clock: the present instant, UTC.
        limit: how many at most this time.
    """
    at = clock()
    taken = run(lambda session: service.claim_sms_due(session, at=at, limit=limit))
    states = [_deliver(run, gateway, message, clock) for message in taken]
    return Delivery(states.count("sent"), states.count("waiting"), states.count("failed"))


def _deliver(
    run: RunInTransaction, gateway: SmsGateway, message: Outgoing, clock: Callable[[], datetime]
) -> str:
    """Hand over one message and write down what became of it."""
    try:
        send(gateway, message.recipient, message.body)
    except GatewayRefused as refused:
        said, is_permanent = str(refused), refused.is_permanent

        def write(session: Session) -> bool:
            return service.give_back_to_phone(
                session, message, error=said, is_permanent=is_permanent, at=clock()
            )

        return "failed" if run(write) else "waiting"
    run(lambda session: service.mark_sent(session, message, at=clock()))
    return "sent"
