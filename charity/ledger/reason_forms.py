"""Forms that ask for one sentence before an act."""

from __future__ import annotations

from flask_babel import lazy_gettext
from wtforms.validators import InputRequired, Optional

from charity.web.forms import BaseForm, LineField, ParagraphField


class ReasonForm(BaseForm):
    """Why it is done; kept in the operation log."""

    reason = LineField(lazy_gettext("Reason"), [InputRequired()], limit=200)


class NoteForm(BaseForm):
    """What there is to say about it."""

    note = ParagraphField(lazy_gettext("Note"), [Optional()], limit=400)


class ConfirmForm(BaseForm):
    """Nothing but the will to do it."""
