"""Numbers that tell two givers apart: checked, brought to one form, hashed, masked.

Imports python-stdnum, phonenumbers and ``sealed``. A number is kept sealed beside its
keyed hash; matching goes by the hash alone, and pages show the mask.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError

from charity import sealed
from charity.errors import N_, Problem, register
from charity.names import mask_account, mask_phone

PROBLEMS = register(
    {
        "id_number_wrong": N_(
            "“%(tail)s” is not the end of a right identity number; compare it with the card."
        ),
        "credit_code_wrong": N_(
            "“%(tail)s” is not the end of a right unified social credit code; compare it with the licence."
        ),
        "phone_wrong": N_("“%(tail)s” is not the end of a phone number that exists; ask again."),
        "account_wrong": N_("A bank account has 6 to 34 digits or letters."),
    }
)

#: Kinds of identifier → label.
IDENTIFIER_KINDS = {
    "id_number": N_("identity number"),
    "credit_code": N_("unified social credit code"),
    "phone": N_("phone"),
    "account": N_("account"),
}
#: Kinds that belong to one person or body alone.
CREDENTIALS = frozenset({"id_number", "credit_code"})

_SEPARATORS = re.compile(r"[\s\-－—–()（）]+")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number in its stored form.

    Attributes:
        kind: a key of :data:`IDENTIFIER_KINDS`.
        value: canonical text: upper case, no separators; a phone in E.164.
        hash: keyed hash that equal numbers share, over all features.
    """

    kind: str
    value: str
    hash: str

    @property
    def masked(self) -> str:
        """Return what a page may show.

        Source: masking table of regulations 5 (identity number: first 3, last 1).
        """
        if self.kind == "id_number":
            return f"{self.value[:3]}{'*' * max(len(self.value) - 4, 4)}{self.value[-1:]}"
        if self.kind == "phone":
            national = self.value.removeprefix("+86")
            return mask_phone(national)
        return self.value if self.kind == "credit_code" else mask_account(self.value)


def plain(text: str) -> str:
    """Return a number without separators, half width, upper case."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).lstrip("'’").upper()


def read_identifier(kind: str, text: str) -> tuple[Identifier | None, list[Problem]]:
    """Return a number in its stored form, or why it cannot be one.

    Args:
        kind: a key of :data:`IDENTIFIER_KINDS`.
        text: as typed; blank gives neither.

    Problems: ``id_number_wrong``, ``credit_code_wrong``, ``phone_wrong``, ``account_wrong``;
    they show the last four characters only.
    """
    compact = plain(text)
    if not compact:
        return None, []
    value = _READERS[kind](compact)
    if value is None:
        return None, [Problem(f"{kind}_wrong", {"tail": compact[-4:]}, kind)]
    return Identifier(kind, value, sealed.keyed_hash(value)), []


def sort_credential(text: str) -> str:
    """Return which kind a credential is: ``credit_code`` or ``id_number``.

    One identity number in 31 also passes the other check, so the birthday decides first.
    """
    compact = plain(text)
    if _read_id_number(compact) is not None:
        return "id_number"
    return "credit_code" if len(compact) == 18 and uscc.is_valid(compact) else "id_number"


@lru_cache(maxsize=8_192)
def _read_id_number(compact: str) -> str | None:
    """Read a resident identity number (GB 11643) or another known document number."""
    if re.fullmatch(r"\d{17}[\dX]", compact):
        try:
            ric.get_birth_date(compact)
        except ValidationError:
            return None
        return compact if compact[-1] == ric.calc_check_digit(compact) else None
    # Passports, permits and old numbers carry no check digit.
    return compact if re.fullmatch(r"[A-Z]{1,3}\d{6,10}|\d{15}|\d{8,10}", compact) else None


def _read_credit_code(compact: str) -> str | None:
    """Read a unified social credit code (GB 32100)."""
    return compact if uscc.is_valid(compact) else None


@lru_cache(maxsize=8_192)
def _read_phone(compact: str) -> str | None:
    """Read a phone number, of China unless it begins with another country's code."""
    try:
        number = phonenumbers.parse(compact, "CN")
    except phonenumbers.NumberParseException:
        return None
    is_mobile = re.fullmatch(r"(?:\+?86)?1[3-9]\d{9}", compact) is not None
    # Newly opened mobile ranges come before the library's tables know them.
    if not is_mobile and not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _read_account(compact: str) -> str | None:
    """Read a bank account or the payer's id in a platform; a masked one names nobody."""
    return compact if re.fullmatch(r"[0-9A-Z_@.]{6,64}", compact) else None


_READERS: dict[str, Callable[[str], str | None]] = {
    "id_number": _read_id_number,
    "credit_code": _read_credit_code,
    "phone": _read_phone,
    "account": _read_account,
}
