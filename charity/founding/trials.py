"""Trying mail server and gateway on the spot: a real message to a real address."""

from __future__ import annotations

import smtplib
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from charity.errors import N_, refuse, register
from charity.messages.addresses import parse_email, parse_phone
from charity.messages.delivery import MailServer, connect
from charity.messages.gateway import GatewayRefused, SmsGateway, send

PROBLEMS = register(
    {
        "trial_mail_failed": N_("The mail server did not take the test mail: %(said)s"),
        "trial_sms_failed": N_("The gateway did not take the test message: %(said)s"),
    }
)

#: What the test messages say; the reader is the person who sets up.
MAIL_TEXT = (
    "这是慈善账本系统的测试邮件。收到即表示邮件设置可用。\n\nTest mail of the charity ledger: mail works."
)
SMS_TEXT = "慈善账本系统测试短信，收到即表示短信设置可用。"


def try_mail(server: MailServer, *, sender: str, to: str, at: datetime, timeout_s: float = 20) -> None:
    """Send a test mail and wait for the server's word.

    Args:
        sender: From address.
        to: who gets it.
        at: its date.

    Raises:
        Refused: ``email_malformed``, ``trial_mail_failed`` with what the server said.
    """
    address = parse_email(to)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = sender, address, "测试邮件 / Test mail"
    message["Date"] = format_datetime(at)
    message.set_content(MAIL_TEXT)
    try:
        connection = connect(server, timeout_s)
        try:
            connection.send_message(message, from_addr=parseaddr(sender)[1], to_addrs=[address])
        finally:
            connection.close()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise refuse("trial_mail_failed", "mail-url", said=_said(error)) from error


def try_sms(gateway: SmsGateway, *, to: str, timeout_s: float = 20) -> None:
    """Send a test message and wait for the gateway's word.

    Raises:
        Refused: ``phone_malformed``, ``trial_sms_failed`` with what the gateway said.
    """
    number = parse_phone(to)
    try:
        send(gateway, number, SMS_TEXT, timeout_s)
    except GatewayRefused as error:
        raise refuse("trial_sms_failed", "sms-url", said=_said(error)) from error


def _said(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
