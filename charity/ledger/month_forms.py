"""Forms about months: the first one, statements of a month's end, the signed audit."""

from __future__ import annotations

from flask_babel import lazy_gettext
from wtforms import SelectField
from wtforms.validators import InputRequired

from charity.web.forms import BaseForm, DayField, LineField, MonthField, YuanField


class FirstMonthForm(BaseForm):
    """The month the books begin with."""

    month = MonthField(lazy_gettext("First month of the books"), [InputRequired()])


class AuditForm(BaseForm):
    """The day on which the audit of a year was signed."""

    audited_on = DayField(lazy_gettext("Audit signed on"), [InputRequired()])


class StatementForm(BaseForm):
    """What a bank statement or a cash count says of one place at the end of a day."""

    place = SelectField(lazy_gettext("Place of money"), [InputRequired()])
    on = DayField(lazy_gettext("At the end of"), [InputRequired()])
    balance = YuanField(lazy_gettext("Balance (yuan)"), [InputRequired()], least_fen=None)
    source = LineField(lazy_gettext("Statement or count it was read from"), [InputRequired()], limit=120)
