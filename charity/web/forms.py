"""The base of every form, and fields that speak the house's values.

A field's ``data`` is the value a service takes (fen, date, month, one clean line); what
was typed is kept for the page when it cannot be read. CSRF is on for every form.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext
from flask_wtf import FlaskForm
from flask_wtf.i18n import translations as library_translations
from wtforms import Field, FieldList, FormField, PasswordField, SelectChoice, StringField, ValidationError
from wtforms.widgets import DateInput, HiddenInput, TextArea, TextInput

from charity.errors import N_, SENTENCES, Named, Problem, Refused, Term, register
from charity.ids import ALPHABET, new_code
from charity.money import format_yuan, parse_yuan
from charity.names import clean_line
from charity.periods import Month, parse_date
from charity.web.filters import month as month_in_words
from charity.web.locale import language

PROBLEMS = register(
    {
        "amount_negative": N_("The amount must not be negative."),
        "amount_too_small": N_("The amount must be at least %(least)s yuan."),
        "text_too_long": N_("Write at most %(limit)s characters; these are %(count)s."),
        "form_key_missing": N_("This form has lost its key. Open the page again; nothing has been booked."),
    }
)

#: What the form library says, in our words where it is translated.
LIBRARY_SENTENCES = (
    N_("This field is required."),
    N_("Not a valid choice."),
    N_("Not a valid integer value."),
    N_("Not a valid decimal value."),
    N_("Invalid email address."),
    N_("Invalid input."),
)

_KEY_LENGTH = 26
_KEY = re.compile(rf"[{ALPHABET}]{{{_KEY_LENGTH}}}")
_LOOSE_DATE = re.compile(r"(\d{4})[./年-](\d{1,2})[./月-](\d{1,2})日?")


def sentence_of(problem: Problem) -> str:
    """Return the problem's sentence in the reader's language, its fields filled in."""
    params = {name: _in_language(value) for name, value in problem.params.items()}
    return gettext(SENTENCES[problem.code]) % params


def _in_language(value: Any) -> Any:
    """Return a value of a sentence in the reader's language; amounts and numbers as they are."""
    match value:
        case Term(message):
            return gettext(message)
        case Named(name, name_en):
            return (language() == "en" and name_en) or name
        case Month():
            return month_in_words(value)
    return value


def choices_of(pairs: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """Return choices for a select or radio field; its library deprecates plain pairs.

    Args:
        pairs: value sent and label shown, in order.
    """
    return [SelectChoice(value, label) for value, label in pairs]


def strip(value: Any) -> Any:
    """Return text without blanks around it; anything else as it is."""
    return value.strip() if isinstance(value, str) else value


class _Translations:
    """Sentences of the form library: our catalogue first, then the library's own."""

    def gettext(self, text: str) -> str:
        own = gettext(text)
        return own if own != text else str(library_translations.gettext(text))

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        return str(library_translations.ngettext(singular, plural, count))


class BaseForm(FlaskForm):
    """A form with CSRF, stripped texts and problems shown at their fields."""

    class Meta(FlaskForm.Meta):
        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Any:
            kind = unbound_field.field_class
            if issubclass(kind, StringField) and not issubclass(kind, PasswordField):
                options["filters"] = [strip, *unbound_field.kwargs.get("filters", ())]
            return super().bind_field(form, unbound_field, options)

        def get_translations(self, form: Any) -> _Translations:
            return _Translations()

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Show problems at the fields their ``where`` names, the others above the form.

        Args:
            problems: e.g. ``refused.problems`` of a service; values stay as typed.
        """
        fields = {field.name: field for field in every_field(self)}
        for problem in problems:
            field = fields.get(problem.where)
            if field is None:
                self.form_errors.append(sentence_of(problem))
            else:
                field.errors = [*field.errors, sentence_of(problem)]

    def summary(self) -> list[tuple[str, str, str]]:
        """Return (id of the field or empty, its label or empty, sentence) of every error."""
        whole = [("", "", str(error)) for error in self.form_errors]
        return whole + [
            (field.id, str(field.label.text), str(error))
            for field in every_field(self)
            for error in field.errors
            if isinstance(error, str) or hasattr(error, "__html__")
        ]


def every_field(form: Iterable[Field]) -> Iterator[Field]:
    """Yield the fields of a form and of the forms and lists inside it, in order."""
    for field in form:
        if isinstance(field, FormField):
            yield from every_field(field.form)
        elif isinstance(field, FieldList):
            yield from every_field(field.entries)
        else:
            yield field


class _TypedField(Field):
    """A field that reads a text into a value and keeps the text if it cannot.

    ``data`` is None for an empty field and for one that could not be read.
    """

    widget = TextInput()

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if text:
            try:
                self.data = self.read(text)
            except Refused as refused:
                raise ValueError(sentence_of(refused.problems[0])) from None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.write(self.data)

    def read(self, text: str) -> Any:
        """Return the value of a text; a field that cannot read it raises ``Refused``."""
        return text

    def write(self, value: Any) -> str:
        """Return the text of a value."""
        return str(value)


class YuanField(_TypedField):
    """An amount typed in yuan; ``data`` is the integer of fen, None when empty.

    Use ``InputRequired`` where it must be given: ``DataRequired`` would refuse zero.
    """

    def __init__(
        self, label: Any = None, validators: Any = None, least_fen: int | None = 0, **kwargs: Any
    ) -> None:
        """Make the field.

        Args:
            least_fen: smallest amount allowed, in fen; None allows negative ones.
        """
        keywords = {
            "inputmode": "decimal",
            "autocomplete": "off",
            "class": "num",
            **(kwargs.pop("render_kw", None) or {}),
        }
        super().__init__(label, validators, render_kw=keywords, **kwargs)
        self.least_fen = least_fen

    def read(self, text: str) -> int:
        return parse_yuan(text)

    def write(self, value: Any) -> str:
        return format_yuan(value, grouped=False)

    def pre_validate(self, form: Any) -> None:
        if self.data is None or self.least_fen is None or self.data >= self.least_fen:
            return
        if self.least_fen == 0:
            raise ValidationError(sentence_of(Problem("amount_negative")))
        least = format_yuan(self.least_fen)
        raise ValidationError(sentence_of(Problem("amount_too_small", {"least": least})))


class DayField(_TypedField):
    """A date of business; ``data`` is a ``date``, None when empty.

    Beside ``2026-03-05`` it reads 2026/3/5, 2026.3.5 and 2026年3月5日.
    """

    widget = DateInput()

    def read(self, text: str) -> date:
        plain = unicodedata.normalize("NFKC", text)
        if match := _LOOSE_DATE.fullmatch(plain):
            plain = f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"
        return parse_date(plain)

    def write(self, value: Any) -> str:
        return str(value.isoformat())


class MonthField(_TypedField):
    """A month of the books, ``2026-03`` or ``2026-13``; ``data`` is a ``Month``.

    A text field: the browser's month picker knows no month 13.
    """

    def __init__(self, label: Any = None, validators: Any = None, **kwargs: Any) -> None:
        keywords = {"inputmode": "numeric", "placeholder": "2026-03", **(kwargs.pop("render_kw", None) or {})}
        super().__init__(label, validators, render_kw=keywords, **kwargs)

    def read(self, text: str) -> Month:
        return Month.parse(unicodedata.normalize("NFKC", text))


class LineField(StringField):
    """One line of text; ``data`` is clean (one blank between words, no controls).

    A longer text is refused with a sentence, never cut.
    """

    def __init__(self, label: Any = None, validators: Any = None, limit: int = 200, **kwargs: Any) -> None:
        keywords = {"maxlength": limit, **(kwargs.pop("render_kw", None) or {})}
        super().__init__(label, validators, render_kw=keywords, **kwargs)
        self.limit = limit

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        if valuelist:
            self.data = self.clean(valuelist[0])

    def clean(self, text: str) -> str:
        """Return the text as it is kept."""
        return clean_line(text, len(text) + 1)

    def pre_validate(self, form: Any) -> None:
        count = len(self.data or "")
        if count > self.limit:
            raise ValidationError(
                sentence_of(Problem("text_too_long", {"limit": self.limit, "count": count}))
            )


class ParagraphField(LineField):
    """Text of several lines, each of them clean; empty lines at the ends are dropped."""

    widget = TextArea()

    def clean(self, text: str) -> str:
        lines = (clean_line(line, len(line) + 1) for line in text.splitlines())
        return "\n".join(lines).strip()


def new_key() -> str:
    """Return a random key for one showing of a form."""
    return new_code(_KEY_LENGTH)


class IdempotencyField(Field):
    """A hidden key made when the form is first shown and kept when it is shown again.

    The service books one act for one key, so that a double click, a reload and the back
    button are safe. Autocomplete is off: Firefox would put an old key into a new form.
    """

    widget = HiddenInput()

    def __init__(
        self, label: Any = None, validators: Any = None, default: Callable[[], str] = new_key, **kwargs: Any
    ) -> None:
        super().__init__(
            label or "", validators, default=default, render_kw={"autocomplete": "off"}, **kwargs
        )

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        given = valuelist[0] if valuelist else ""
        if not _KEY.fullmatch(given):
            raise ValueError(sentence_of(Problem("form_key_missing")))
        self.data = given

    def _value(self) -> str:
        return str(self.data)
