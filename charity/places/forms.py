"""Forms of the map and of the organisation's details."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, SearchField, SelectField
from wtforms.validators import InputRequired, Optional

from charity.places.rules import KIND_LABELS, QUALIFICATIONS
from charity.web.filters import translated
from charity.web.forms import BaseForm, DayField, LineField


class UnitFilter(BaseForm):
    class Meta(BaseForm.Meta):
        csrf = False

    text = SearchField(_("Name or code"), [Optional()])
    below = SelectField(_("Below"), [Optional()])
    with_closed = BooleanField(_("Closed units as well"))


class UnitForm(BaseForm):
    kind = SelectField(_("Kind of unit"))
    code = LineField(_("Code"), [InputRequired()], limit=12, render_kw={"inputmode": "numeric"})
    name = LineField(_("Name"), [InputRequired()], limit=60)
    name_en = LineField(_("English name"), [Optional()], limit=80)
    parent_code = SelectField(_("Belongs to"), [Optional()])
    from_on = DayField(_("First day"), [InputRequired()])

    def __init__(self, parents: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.kind.choices = [(kind, translated(label)) for kind, label in KIND_LABELS.items()]
        self.parent_code.choices = [("", "–"), *parents]


class RenameForm(BaseForm):
    name = LineField(_("Name"), [InputRequired()], limit=60)
    name_en = LineField(_("English name"), [Optional()], limit=80)


class CloseForm(BaseForm):
    until_on = DayField(_("Last day"), [InputRequired()])
    replaced_by_code = SelectField(_("Replaced by"), [Optional()])

    def __init__(self, successors: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.replaced_by_code.choices = [("", "–"), *successors]


class ImportForm(BaseForm):
    file = FileField(
        _("List (CSV)"), [FileRequired(_("Choose a file."))], render_kw={"accept": ".csv,text/csv"}
    )
    from_on = DayField(_("First day of rows without one"), [InputRequired()])


class OrgForm(BaseForm):
    name = LineField(_("Full name"), [InputRequired()], limit=80)
    short_name = LineField(_("Short name"), [InputRequired()], limit=20)
    name_en = LineField(_("English name"), [Optional()], limit=120)
    credit_code = LineField(_("Social credit code"), [Optional()], limit=30)
    is_public_fundraiser = BooleanField(_("Holds the certificate for public fundraising"))
    contact_phone = LineField(_("Phone for the public"), [Optional()], limit=40)
    contact_mail = LineField(_("Mail for the public"), [Optional()], limit=120)
    host = LineField(_("Host name of its own"), [Optional()], limit=120)


class QualificationForm(BaseForm):
    kind = SelectField(_("Qualification"))
    number = LineField(_("Number"), [InputRequired()], limit=80)
    issued_by = LineField(_("Issued by"), [Optional()], limit=80)
    from_on = DayField(_("Valid from"), [InputRequired()])
    until_on = DayField(_("Valid until"), [Optional()])

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.kind.choices = [(kind, translated(label)) for kind, label in QUALIFICATIONS.items()]
