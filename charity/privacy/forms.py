"""Forms of requests of data persons."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_babel import lazy_pgettext
from wtforms import SelectField
from wtforms.validators import InputRequired

from charity.privacy.rules import KINDS, REASONS, SUBJECTS
from charity.web.filters import translated
from charity.web.forms import BaseForm, DayField, LineField, ParagraphField


class RequestForm(BaseForm):
    subject_kind = SelectField(_("Who asks"))
    subject_no = LineField(_("Donor number or login name"), [InputRequired()], limit=40)
    kind = SelectField(_("Kind of request"))
    wish = ParagraphField(_("In the person's words"), [InputRequired()], limit=1000)
    received_on = DayField(lazy_pgettext("request", "Received on"), [InputRequired()])

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.subject_kind.choices = [(key, translated(label)) for key, label in SUBJECTS.items()]
        self.kind.choices = [(key, translated(label)) for key, (label, _) in KINDS.items()]


class VerifyForm(BaseForm):
    how = LineField(_("How the person showed who it is"), [InputRequired()], limit=200)


class AnswerForm(BaseForm):
    answer = ParagraphField(_("What the person is told"), [InputRequired()], limit=2000)


class RefusalForm(AnswerForm):
    reason = SelectField(_("Reason of refusal"))

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.reason.choices = [("", "–")] + [(key, translated(label)) for key, (label, _) in REASONS.items()]
