"""A person's answer to “which column is what”, and the key it is remembered under.

Imports errors and this package's vocabulary. An answer is stored by whoever remembers
it (as JSON); here it is only a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from charity.errors import N_, Refused, refuse, register
from charity.intake.cells import FEN_PER_UNIT
from charity.intake.vocabulary import VOCABULARIES, fold_header

PROBLEMS = register(
    {
        "mapping_amount_missing": N_("No column is named for the amount; choose one."),
        "mapping_day_missing": N_("No column is named for the day; choose one."),
        "mapping_direction_missing": N_(
            "The amounts of %(name)s carry no sign; say whether its rows are money in or money out."
        ),
        "mapping_name_missing": N_("No column is named for the donor's name; choose one."),
        "mapping_outdated": N_(
            "The headings of %(name)s are not the ones the remembered answer was given for; answer again."
        ),
        "mapping_unknown_field": N_("“%(field)s” is not a field that a column can hold."),
    }
)

#: The forms a person may map a file to, with the vocabulary of their fields.
MAPPABLE_FORMS = {"bank_generic": "bank", "donor_list": "donor"}


@dataclass(frozen=True, slots=True)
class Mapping:
    """Which column of a file holds which field.

    Attributes:
        form: ``bank_generic`` or ``donor_list``.
        headers: the headings the answer was given for, in their order; all empty when
            the file has no row of headings.
        fields: field → index into ``headers``.
        unit: the unit of the amount column: ``分``, ``元``, ``千元``, ``万元`` or ``亿元``.
        channel: the channel of the rows (``bank``, ``wechat``, ``alipay``, ``cash``, ``other``).
        unsigned_is_credit: in a bank file with one amount column and neither sign nor
            direction, all rows are money in (True) or out (False); None when not needed.
    """

    form: str
    headers: tuple[str, ...]
    fields: dict[str, int]
    unit: str = "元"
    channel: str = ""
    unsigned_is_credit: bool | None = None

    def __post_init__(self) -> None:
        if self.form not in MAPPABLE_FORMS or self.unit not in FEN_PER_UNIT:
            raise ValueError(f"no such form or unit: {self.form}, {self.unit}")

    @property
    def signature(self) -> str:
        """Return the key this answer is remembered under."""
        return mapping_signature(self.headers)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON-able values."""
        return {
            "form": self.form,
            "headers": list(self.headers),
            "fields": dict(self.fields),
            "unit": self.unit,
            "channel": self.channel,
            "unsigned_is_credit": self.unsigned_is_credit,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Mapping:
        """Return the answer that :meth:`to_json` gave."""
        return cls(
            form=stored["form"],
            headers=tuple(stored["headers"]),
            fields={str(key): int(value) for key, value in stored["fields"].items()},
            unit=stored.get("unit", "元"),
            channel=stored.get("channel", ""),
            unsigned_is_credit=stored.get("unsigned_is_credit"),
        )


def mapping_signature(headers: Sequence[str]) -> str:
    """Return the key of a row of headings: 64 hexadecimal digits.

    Order, blanks, width of the characters and empty headings do not matter; a file
    without headings is known by its number of columns.
    """
    words = sorted(filter(None, map(fold_header, headers)))
    content = "\x1f".join(words) if words else f"columns {len(headers)}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def check_mapping(mapping: Mapping) -> list[Refused]:
    """Return why an answer cannot be used, one refusal a reason; empty when it can.

    Problems: ``mapping_unknown_field``, ``mapping_name_missing``, ``mapping_amount_missing``,
    ``mapping_day_missing``.
    """
    vocabulary = VOCABULARIES[MAPPABLE_FORMS[mapping.form]]
    wrong = [
        refuse("mapping_unknown_field", where=name, field=name)
        for name, column in mapping.fields.items()
        if name not in vocabulary or not 0 <= column < len(mapping.headers)
    ]
    has = mapping.fields.keys()
    if mapping.form == "donor_list":
        missing = [] if "counterparty_name" in has else ["name"]
        missing += [] if "amount" in has else ["amount"]
    else:
        missing = [] if has & {"day", "time", "booked"} else ["day"]
        missing += [] if "amount" in has or {"debit", "credit"} <= has else ["amount"]
    return wrong + [refuse(f"mapping_{name}_missing", where=name) for name in missing]
