"""Forms of staged files: drop, place, year and day, columns, setting aside."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from flask_wtf.file import MultipleFileField
from wtforms import IntegerField, RadioField, SelectField
from wtforms.validators import InputRequired, NumberRange, Optional

from charity.imports.kinds import PlaceChoice
from charity.intake.mapping import MAPPABLE_FORMS
from charity.intake.recognise import ColumnGuess
from charity.intake.vocabulary import FIELD_LABELS, VOCABULARIES
from charity.web.filters import translated
from charity.web.forms import BaseForm, DayField, LineField, YuanField, choices_of

UNITS = ("元", "万元", "千元", "分", "亿元")
CHANNELS = {
    "": _l("as the file says"),
    "bank": _l("bank transfer"),
    "cash": _l("cash"),
    "wechat": _l("WeChat"),
    "alipay": _l("Alipay"),
    "other": _l("another way"),
}

_FORMS = {"bank_generic": _l("a bank statement"), "donor_list": _l("a list of donors")}
_DIRECTIONS = {"": _l("told by the file"), "in": _l("money in"), "out": _l("money out")}


class DropForm(BaseForm):
    """Files to take in."""

    files = MultipleFileField(_l("Files"))


class PlaceForm(BaseForm):
    """Which account or merchant number a file is from."""

    place = SelectField(_l("This file is from"), [InputRequired()])

    def offer(self, choices: Sequence[PlaceChoice], chosen: str) -> None:
        """Offer the places; before one is chosen, an empty choice."""
        pairs = [(choice.code, f"{choice.label} ({choice.code})") for choice in choices]
        self.place.choices = choices_of(pairs if chosen else [("", "–"), *pairs])
        if not self.is_submitted():
            self.place.data = chosen


class DayForm(BaseForm):
    """What a list leaves open: the day of its rows, the year of its days."""

    received_on = DayField(_l("Day on which all rows without a day arrived"), [Optional()])
    year = IntegerField(_l("Year of days written without one"), [Optional(), NumberRange(1990, 2099)])


class ReasonForm(BaseForm):
    """Why a file is set aside, or handed out."""

    reason = LineField(_l("Reason"), [InputRequired()], limit=400)


class FeeForm(BaseForm):
    """What a platform kept of a payout."""

    fee = YuanField(_l("Fee the platform kept (yuan)"), [InputRequired()])


class ColumnsForm(BaseForm):
    """What kind of file it is, and what each column holds (the columns are fields ``column-0`` …)."""

    form = RadioField(_l("This file is"), [InputRequired()])
    unit = SelectField(_l("Unit of the amounts"))
    channel = SelectField(_l("The money came by"))
    direction = SelectField(_l("Amounts without sign or direction are"))

    def offer(self) -> None:
        """Offer the kinds of file that columns can be named for, units, ways, directions."""
        self.form.choices = choices_of((form, str(_FORMS[form])) for form in MAPPABLE_FORMS)
        self.unit.choices = choices_of((unit, unit) for unit in UNITS)
        self.channel.choices = choices_of((code, str(label)) for code, label in CHANNELS.items())
        self.direction.choices = choices_of((code, str(label)) for code, label in _DIRECTIONS.items())


def field_choices() -> list[tuple[str, str]]:
    """Return every field a column can hold, with its label, sorted by label."""
    names = dict.fromkeys(name for kind in MAPPABLE_FORMS.values() for name in VOCABULARIES[kind])
    pairs = [(name, translated(FIELD_LABELS[name])) for name in names if name in FIELD_LABELS]
    return [("", "–"), *sorted(pairs, key=lambda pair: pair[1])]


def likely_form(guesses: Sequence[ColumnGuess]) -> str:
    """Return which kind the columns look like: a bank's file has sides or a balance."""
    fields = {guess.field for guess in guesses}
    return "bank_generic" if fields & {"debit", "credit", "balance", "direction"} else "donor_list"
