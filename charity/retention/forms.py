"""Forms of legal holds."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange

from charity.retention.rules import CLASSES
from charity.web.filters import translated
from charity.web.forms import BaseForm, LineField

_YEARS = NumberRange(min=1990, max=2200)
_DIGITS = {"inputmode": "numeric"}


class HoldForm(BaseForm):
    class_code = SelectField(_("Class of records"))
    from_year = IntegerField(_("First year"), [InputRequired(), _YEARS], render_kw=_DIGITS)
    until_year = IntegerField(_("Last year"), [InputRequired(), _YEARS], render_kw=_DIGITS)
    reason = LineField(_("Reason"), [InputRequired()], limit=300)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        named = [(code, translated(each.label)) for code, each in CLASSES.items()]
        self.class_code.choices = [("", _("All classes")), *named]


class ReleaseForm(BaseForm):
    reason = LineField(_("Reason"), [InputRequired()], limit=300)
