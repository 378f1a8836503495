"""Forms of the opening."""

from __future__ import annotations

from flask_babel import lazy_gettext
from flask_wtf.file import FileField, FileRequired
from wtforms.validators import InputRequired

from charity.web.forms import BaseForm, LineField


class WorkbookForm(BaseForm):
    """The workbook with the books of another system."""

    file = FileField(
        lazy_gettext("Filled-in template (XLSX)"),
        [FileRequired(lazy_gettext("Choose a file."))],
        render_kw={"accept": ".xlsx"},
    )


class ApproveForm(BaseForm):
    """The will to take books over; the page states what happens."""


class WithdrawForm(BaseForm):
    """Why an opening is put aside."""

    reason = LineField(lazy_gettext("Reason"), [InputRequired()], limit=200)


class TicketForm(BaseForm):
    """The number of an invoice that was owed from before."""

    invoice_number = LineField(lazy_gettext("Number of the invoice"), [InputRequired()], limit=40)
