"""Forms of the outbox."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import SelectField
from wtforms.validators import Optional

from charity.messages.rules import KIND_LABELS, STATE_LABELS
from charity.web.filters import translated
from charity.web.forms import BaseForm, LineField


class OutboxFilter(BaseForm):
    class Meta(BaseForm.Meta):
        csrf = False

    kind = SelectField(_("Kind of message"), [Optional()])
    state = SelectField(_("State"), [Optional()])

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        first = ("", _("everything"))
        self.kind.choices = [first, *((kind, translated(label)) for kind, label in KIND_LABELS.items())]
        self.state.choices = [first, *((state, translated(label)) for state, label in STATE_LABELS.items())]


class CallForm(BaseForm):
    note = LineField(_("Note"), [Optional()], limit=200)
