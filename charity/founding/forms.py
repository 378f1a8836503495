"""The form of the set-up page; its keys are those of the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext as _
from flask_babel import lazy_pgettext
from flask_wtf.file import FileField
from wtforms import BooleanField, FieldList, FormField, PasswordField, SelectField
from wtforms.validators import Optional

from charity.errors import Problem
from charity.founding.plan import COLOUR_NAMES, KEYS, LISTS
from charity.ledger.setup_forms import FUND_KINDS, PLACE_KINDS
from charity.places.rules import LEGAL_FORMS, QUALIFICATIONS
from charity.web.filters import translated
from charity.web.forms import BaseForm, LineField, ParagraphField, choices_of


class _Part(BaseForm):
    class Meta(BaseForm.Meta):
        csrf = False


def _chosen(words: dict[str, str], *, empty: bool = False) -> Any:
    """Return the choices of a list, translated when it is shown."""

    def choices() -> Any:
        first = [("", "–")] if empty else []
        return choices_of([*first, *((code, translated(text)) for code, text in words.items())])

    return choices


class OrgPart(_Part):
    name = LineField(_("Full name"), limit=80)
    short_name = LineField(_("Short name"), limit=20)
    name_en = LineField(_("English name"), [Optional()], limit=120)
    code = LineField(_("Code"), limit=12)
    slug = LineField(_("Address part"), limit=30)
    credit_code = LineField(_("Social credit code"), limit=30)
    legal_form = SelectField(_("Legal form"), choices=_chosen(dict(LEGAL_FORMS)))
    books_from = LineField(_("First day of the books"), limit=20, render_kw={"placeholder": "2026-01-01"})


class QualificationPart(_Part):
    kind = SelectField(_("Qualification"), choices=_chosen(dict(QUALIFICATIONS), empty=True))
    number = LineField(_("Number"), limit=80)
    issued_by = LineField(_("Issued by"), [Optional()], limit=80)
    from_on = LineField(_("Valid from"), limit=20, render_kw={"placeholder": "2026-01-01"})
    until_on = LineField(_("Valid until"), [Optional()], limit=20)


class FundPart(_Part):
    code = LineField(_("Code"), limit=20)
    name = LineField(_("Name"), limit=80)
    name_en = LineField(_("English name"), limit=120)
    kind = SelectField(_("Kind"), choices=_chosen(FUND_KINDS))
    purpose = ParagraphField(_("Purpose, as published"), limit=2000, render_kw={"rows": 2})
    document_ref = LineField(_("Agreement or resolution"), limit=120)
    colour = SelectField(
        _("Colour on pages"),
        choices=_chosen(COLOUR_NAMES),
        default="general",
    )


class PlacePart(_Part):
    code = LineField(_("Code"), limit=20)
    name = LineField(_("Name"), limit=120)
    kind = SelectField(_("Kind"), choices=_chosen(PLACE_KINDS))
    institution = LineField(_("Bank or platform"), [Optional()], limit=80)
    number = LineField(_("Account or merchant number"), [Optional()], limit=60)
    holds_agency = BooleanField(_("Agency money may lie here too"))
    is_main = BooleanField(_("Main place: re-tags of cash are booked here"))


class PersonPart(_Part):
    username = LineField(_("Login name"), limit=40)
    name = LineField(lazy_pgettext("person", "Name"), limit=80)
    email = LineField(_("Mail address"), [Optional()], limit=200)
    phone = LineField(_("Phone number"), [Optional()], limit=30)


class MailPart(_Part):
    url = LineField(
        _("Mail server"), [Optional()], limit=300, render_kw={"placeholder": "smtps://user:password@host:465"}
    )
    sender = LineField(_("Sender address"), [Optional()], limit=200)


class SmsPart(_Part):
    url = LineField(_("Gateway"), [Optional()], limit=300, render_kw={"placeholder": "https://…"})
    token = PasswordField(_("Token"), [Optional()])
    fields = LineField(_("Its fields for number and text"), [Optional()], limit=60, default="phone,text")
    format = SelectField(
        _("Format"), choices=choices_of([("json", "JSON"), ("form", "form")]), default="json"
    )


class SitePart(_Part):
    public_url = LineField(_("Public address"), limit=200)
    zone = LineField(_("Time zone"), [Optional()], limit=40, default="Asia/Shanghai")
    allow_http = BooleanField(_("Something in front of this server encrypts (TLS)"))


#: What a row must have to count, where it is not the code.
_NAMING = {"qualifications": "kind", "administrators": "username"}


class SetupForm(BaseForm):
    code = LineField(_("Set-up code"), limit=40, render_kw={"autocomplete": "off"})
    org = FormField(OrgPart)
    qualifications = FieldList(FormField(QualificationPart), min_entries=4)
    funds = FieldList(FormField(FundPart))
    places = FieldList(FormField(PlacePart))
    units = FileField(_("List of units (CSV)"), [Optional()], render_kw={"accept": ".csv,text/csv"})
    administrators = FieldList(FormField(PersonPart), min_entries=2)
    site = FormField(SitePart)
    mail = FormField(MailPart)
    sms = FormField(SmsPart)

    def plan_data(self) -> dict[str, Any]:
        """Return what was typed, as the file would say it; rows without a name are left out."""
        data: dict[str, Any] = {}
        self._kept: dict[str, list[int]] = {}
        for part, keys in KEYS.items():
            if part not in LISTS:
                data[part] = {key: self[part].form[key].data for key in keys if key in self[part].form}
                continue
            named = _NAMING.get(part, "code")
            rows = [
                {key: entry.form[key].data for key in keys if key in entry.form}
                for entry in self[part].entries
            ]
            self._kept[part] = [n for n, row in enumerate(rows) if row[named] or row.get("name")]
            data[part] = [rows[n] for n in self._kept[part]]
        return data

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Show problems at their fields, whose rows may stand behind rows left empty."""
        super().add_problems(replace(problem, where=self._own_place(problem.where)) for problem in problems)

    def _own_place(self, where: str) -> str:
        part, _dash, rest = where.partition("-")
        number, _dash, key = rest.partition("-")
        kept: list[int] = getattr(self, "_kept", {}).get(part, [])
        return f"{part}-{kept[int(number)]}-{key}" if number.isdigit() and int(number) < len(kept) else where
