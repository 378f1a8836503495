"""Forms of corrections: a date, right amounts, a reason."""

from __future__ import annotations

from flask_babel import lazy_gettext
from wtforms import FieldList, FormField, IntegerField
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput

from charity.web.forms import BaseForm, DayField, IdempotencyField, ParagraphField, YuanField


class ReverseForm(BaseForm):
    """When the red voucher is dated."""

    idempotency_key = IdempotencyField()
    on = DayField(lazy_gettext("Date of the red voucher"), [InputRequired()])


class AmountForm(BaseForm):
    """The right amount of one line."""

    class Meta(BaseForm.Meta):
        csrf = False

    line_no = IntegerField("", [InputRequired()], widget=HiddenInput())
    amount = YuanField(lazy_gettext("Right amount"), [InputRequired()])


class AmountsForm(BaseForm):
    """The right amounts of a voucher, and why the books were wrong."""

    idempotency_key = IdempotencyField()
    on = DayField(lazy_gettext("Date of the correction"), [InputRequired()])
    lines = FieldList(FormField(AmountForm))
    reason = ParagraphField(lazy_gettext("Reason"), [Optional()], limit=400)
