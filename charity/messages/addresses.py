"""Mail addresses and phone numbers: canonical forms, so that equal ones match.

Imports the standard library, phonenumbers and ``errors``.
"""

from __future__ import annotations

import re
import unicodedata

from charity.errors import N_, refuse, register

PROBLEMS = register(
    {
        "email_malformed": N_("“%(text)s” is not a mail address; write it like name@example.org."),
        "phone_malformed": N_(
            "“%(text)s” is not a phone number; write a mobile number or a landline with its area code."
        ),
    }
)

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


def parse_email(text: str) -> str:
    """Return a mail address in its canonical form: ASCII, the domain in lower case.

    Raises:
        Refused: ``email_malformed``.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    local, _, domain = plain.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        domain = ""
    labels = domain.split(".")
    is_whole = len(labels) >= 2 and all(_LABEL.fullmatch(label) for label in labels)
    if not (_LOCAL.fullmatch(local) and len(local) <= 64 and is_whole and len(domain) <= 253):
        raise refuse("email_malformed", text=text[:60])
    return f"{local}@{domain}"


def parse_phone(text: str) -> str:
    """Return a phone number as E.164, e.g. ``+8613800001234``; without a prefix it is a Chinese one.

    Raises:
        Refused: ``phone_malformed``.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", text), "CN")
    except phonenumbers.NumberParseException:
        raise refuse("phone_malformed", text=text[:30]) from None
    if not phonenumbers.is_possible_number(number):
        raise refuse("phone_malformed", text=text[:30])
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def spoken_phone(number: str) -> str:
    """Return an E.164 number as people dial it here: a Chinese one without +86."""
    import phonenumbers

    parsed = phonenumbers.parse(number, None)
    style = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    if parsed.country_code == 86:
        style = phonenumbers.PhoneNumberFormat.NATIONAL
    return str(phonenumbers.format_number(parsed, style))


def mask_email(address: str) -> str:
    """Return a mail address with its first letter and domain only: ``z***@example.org``."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}" if local else "***"
