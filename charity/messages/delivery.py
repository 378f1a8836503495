"""Delivery over SMTP: one connection a batch, verified TLS, honest about failures.

Imports the standard library below the feature only. The database is touched before and
after the server is asked, never while waiting for it.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy.orm import Session

from charity import sealed
from charity.config import UnsafeSettings
from charity.messages import service
from charity.messages.addresses import mask_email
from charity.messages.service import Outgoing

T = TypeVar("T")

#: How long one answer of the server may take, in seconds.
TIMEOUT_S = 20
BATCH = 50


class RunInTransaction(Protocol):
    """``charity.db.transact``, or the same with a session of one's own."""

    def __call__(self, work: Callable[[Session], T], /) -> T:
        """Run the work in one writing transaction."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over.

    Attributes:
        host: name or address.
        port: 465 for TLS from the start, else 25 or 587.
        user: empty without sign-in.
        password: for the user.
        is_tls_from_start: ``smtps://``.
        is_tls_required: STARTTLS or nothing; so wherever a password crosses a network.
        ca_file: certificates to trust instead of the system's; empty for the system's.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    is_tls_from_start: bool = False
    is_tls_required: bool = False
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one batch.

    Attributes:
        sent: taken by the server.
        waiting: to be tried again.
        failed: waiting for a person.
    """

    sent: int = 0
    waiting: int = 0
    failed: int = 0


def _is_here(host: str) -> bool:
    """Say whether the host is this machine, where nothing crosses a network."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_server(url: str) -> MailServer:
    """Return the server of a setting such as ``smtps://user:password@mail.example.org``.

    ``smtp://`` asks for STARTTLS, and insists on it when there is a password or the
    query says ``?tls=required``. ``?ca=/path/to.pem`` names the certificates to trust.

    Raises:
        UnsafeSettings: another scheme, or no host.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise UnsafeSettings("SMTP_URL must look like smtps://user:password@mail.example.org:465.")
    is_tls = parts.scheme == "smtps"
    query = parse_qs(parts.query)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    is_required = query.get("tls") == ["required"] or (bool(password) and not _is_here(parts.hostname))
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if is_tls else 587 if user else 25),
        user=user,
        password=password,
        is_tls_from_start=is_tls,
        is_tls_required=is_required and not is_tls,
        ca_file=query.get("ca", [""])[0],
    )


def message_id(mail: Outgoing, sender: str) -> str:
    """Return the Message-ID: the same at each try, telling nothing about inner ids."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{sealed.keyed_hash(f'{mail.org_id}.{mail.message_id}', 'message')[:40]}@{domain}>"


def compose(mail: Outgoing, sender: str) -> EmailMessage:
    """Return the mail as it goes over the wire: plain text, UTF-8, marked as automatic."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = message_id(mail, sender)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body)
    for file in mail.files:
        main, _, sub = file.media_type.partition("/")
        message.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
    return message


def connect(server: MailServer, timeout_s: float = TIMEOUT_S) -> smtplib.SMTP:
    """Return an open, signed-in connection.

    Raises:
        OSError, smtplib.SMTPException: the server is away, or refuses TLS or the sign-in.
    """
    tls = ssl.create_default_context(cafile=server.ca_file or None)
    connection: smtplib.SMTP
    if server.is_tls_from_start:
        connection = smtplib.SMTP_SSL(server.host, server.port, timeout=timeout_s, context=tls)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=timeout_s)
    try:
        connection.ehlo()
        if not server.is_tls_from_start:
            if connection.has_extn("starttls"):
                connection.starttls(context=tls)
                connection.ehlo()
            elif server.is_tls_required:
                raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS, and a password needs it")
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _failure(error: Exception, mail: Outgoing) -> tuple[str, bool]:
    """Return what to write down, without the address, and whether trying again is useless."""
    code, answer = 0, str(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, raw = next(iter(error.recipients.values()))
        answer = _text(raw)
    elif isinstance(error, smtplib.SMTPResponseException):
        code, answer = error.smtp_code, _text(error.smtp_error)
    said = f"{code} {answer}" if code else f"{type(error).__name__}: {answer}"
    return said.replace(mail.recipient, mask_email(mail.recipient)), 500 <= code < 600


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def deliver_due(
    run: RunInTransaction,
    server: MailServer,
    *,
    sender: str,
    clock: Callable[[], datetime],
    limit: int = BATCH,
    timeout_s: float = TIMEOUT_S,
) -> Delivery:
    """Hand over the mails that are due; safe to run in several processes at once.

    Args:
        run: runs one writing transaction, usually ``transact``.
        server: where to hand them over.
        sender: From address.
        clock: the present instant, UTC.
        limit: how many at most this time.
        timeout_s: how long one answer may take, in seconds.
    """
    at = clock()
    mails = run(lambda session: service.claim_due(session, at=at, limit=limit))
    if not mails:
        return Delivery()
    try:
        connection = connect(server, timeout_s)
    except (OSError, smtplib.SMTPException) as error:
        return _all_unsent(run, mails, error)
    outcomes: list[str] = []
    try:
        for mail in mails:
            outcomes.append(_deliver(run, connection, mail, sender, clock))
    finally:
        connection.close()
    return Delivery(outcomes.count("sent"), outcomes.count("waiting"), outcomes.count("failed"))


def _all_unsent(run: RunInTransaction, mails: Sequence[Outgoing], error: Exception) -> Delivery:
    """Write down for each mail that the server could not be reached; no mail is at fault."""

    def write(session: Session) -> list[str]:
        return [
            service.mark_unsent(session, mail, error=_failure(error, mail)[0], is_permanent=False)
            for mail in mails
        ]

    states = run(write)
    return Delivery(0, states.count("waiting"), states.count("failed"))


def _deliver(
    run: RunInTransaction,
    connection: smtplib.SMTP,
    mail: Outgoing,
    sender: str,
    clock: Callable[[], datetime],
) -> str:
    """Hand over one mail and write down what became of it."""
    try:
        message = compose(mail, sender)
        connection.send_message(message, from_addr=parseaddr(sender)[1], to_addrs=[mail.recipient])
    except (OSError, smtplib.SMTPException) as error:
        said, is_permanent = _failure(error, mail)
    except (ValueError, LookupError) as error:
        # A mail that cannot even be put together must not sink those behind it.
        said, is_permanent = _failure(error, mail)[0], True
    else:
        run(lambda session: service.mark_sent(session, mail, at=clock()))
        return "sent"
    return run(lambda session: service.mark_unsent(session, mail, error=said, is_permanent=is_permanent))
