"""The filter of the operation log: by person, time and content (财会〔2024〕12号 art. 32)."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import SearchField, SelectField
from wtforms.validators import Optional

from charity.oplog.rules import ACTS
from charity.web.filters import translated
from charity.web.forms import BaseForm, DayField


class LogFilterForm(BaseForm):
    class Meta(BaseForm.Meta):
        csrf = False

    who = SearchField(_("Person"), [Optional()])
    from_on = DayField(_("From"), [Optional()])
    until_on = DayField(_("Until"), [Optional()])
    act = SelectField(_("Act"), [Optional()])
    text = SearchField(_("Content"), [Optional()])

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        named = sorted((translated(sentence), act) for act, sentence in ACTS.items())
        self.act.choices = [("", _("everything")), *((act, name) for name, act in named)]
