"""Forms of the settings of the books."""

from __future__ import annotations

from flask_babel import lazy_gettext
from wtforms import BooleanField, IntegerField, RadioField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional, Regexp

from charity.errors import N_
from charity.web.forms import BaseForm, DayField, LineField, ParagraphField, choices_of

#: Kinds of fund, sources of an earmark, kinds of a place: stored form → message id.
FUND_KINDS = {
    "restricted": N_("restricted by donors or law"),
    "general": N_("general money"),
    "agency": N_("agency money, only forwarded"),
}
EARMARK_SOURCES = {
    "charter": N_("the fund's charter"),
    "provider": N_("who gave the money"),
    "law": N_("the law"),
    "agency": N_("a matter of agency money: principal and recipient"),
}
PLACE_KINDS = {
    "bank": N_("bank account"),
    "merchant": N_("merchant number of a platform"),
    "cash": N_("cash box"),
    "transit": N_("payments in transit"),
}
#: Kind of a place → (account of own money, account of agency money).
PLACE_ACCOUNTS = {
    "bank": ("1002", "100291"),
    "merchant": ("100901", "100991"),
    "cash": ("1001", "100191"),
    "transit": ("100902", ""),
}
WORDS = {
    "single": N_("one word for all vouchers: 记"),
    "three": N_("three words derived from the money: 收, 付, 转"),
}
CLOSINGS = {
    "year": N_("once, at the end of the year"),
    "month": N_("each month"),
}

_CODE = Regexp(
    r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    message=lazy_gettext("Use letters, digits, hyphen, point and underscore only."),
)


def _choices(labels: dict[str, str], *leave_out: str) -> list[SelectChoice]:
    """Return a table of labels as choices, translated when shown."""
    shown = ((code, text) for code, text in labels.items() if code not in leave_out)
    return choices_of((code, lazy_gettext(text)) for code, text in shown)


class FundForm(BaseForm):
    """A fund, opened by agreement."""

    code = LineField(lazy_gettext("Code"), [InputRequired(), _CODE], limit=20)
    name = LineField(lazy_gettext("Name"), [InputRequired()], limit=80)
    name_en = LineField(lazy_gettext("English name"), [InputRequired()], limit=120)
    kind = RadioField(lazy_gettext("Kind"), [InputRequired()], choices=_choices(FUND_KINDS))
    purpose = ParagraphField(lazy_gettext("Purpose, as published"), [InputRequired()], limit=2000)
    document_ref = LineField(lazy_gettext("Agreement or resolution"), [InputRequired()], limit=120)
    on = DayField(lazy_gettext("First day"), [InputRequired()])


class EarmarkForm(BaseForm):
    """A purpose narrower than its fund, or one matter of agency money."""

    fund = SelectField(lazy_gettext("Fund"), [InputRequired()])
    code = LineField(lazy_gettext("Code"), [InputRequired(), _CODE], limit=40)
    name = LineField(lazy_gettext("Name"), [InputRequired()], limit=120)
    text = ParagraphField(lazy_gettext("The restriction in full, as agreed"), [InputRequired()], limit=2000)
    source = RadioField(
        lazy_gettext("Who restricts"), [InputRequired()], choices=_choices(EARMARK_SOURCES, "charter")
    )
    document_ref = LineField(lazy_gettext("Agreement, plan or law"), [InputRequired()], limit=120)
    on = DayField(lazy_gettext("First day"), [InputRequired()])


class PlaceForm(BaseForm):
    """A place where money lies."""

    code = LineField(lazy_gettext("Code"), [InputRequired(), _CODE], limit=20)
    name = LineField(lazy_gettext("Name"), [InputRequired()], limit=120)
    kind = RadioField(lazy_gettext("Kind"), [InputRequired()], choices=_choices(PLACE_KINDS))
    institution = LineField(lazy_gettext("Bank or platform"), [Optional()], limit=80)
    number = StringField(lazy_gettext("Account or merchant number"), [Optional()])
    holds_agency = BooleanField(lazy_gettext("Agency money may lie here too"))
    is_main = BooleanField(lazy_gettext("Main place: re-tags of cash are booked here"))
    on = DayField(lazy_gettext("First day"), [InputRequired()])


class ProjectForm(BaseForm):
    """A project as a dimension of the books."""

    code = LineField(lazy_gettext("Code"), [InputRequired(), _CODE], limit=40)
    name = LineField(lazy_gettext("Name"), [InputRequired()], limit=120)
    name_en = LineField(lazy_gettext("English name"), [Optional()], limit=120)


class DesignationForm(BaseForm):
    """A wish of the council inside general money."""

    code = LineField(lazy_gettext("Code"), [InputRequired(), _CODE], limit=40)
    name = LineField(lazy_gettext("Name"), [InputRequired()], limit=120)
    document_ref = LineField(lazy_gettext("Resolution"), [InputRequired()], limit=120)


class DimensionForm(BaseForm):
    """The name of one of the two user-defined dimensions."""

    name = LineField(lazy_gettext("Name"), [InputRequired()], limit=60)


class DimensionValueForm(BaseForm):
    """A value of a user-defined dimension."""

    code = LineField(lazy_gettext("Code"), [InputRequired(), _CODE], limit=40)
    name = LineField(lazy_gettext("Name"), [InputRequired()], limit=120)


class RuleForm(BaseForm):
    """A new version of a posting rule."""

    code = LineField(lazy_gettext("Code"), [InputRequired(), _CODE], limit=10)
    text = ParagraphField(lazy_gettext("What it does, in a sentence"), [InputRequired()], limit=2000)
    on = DayField(lazy_gettext("First day of use"), [InputRequired()])


class YearForm(BaseForm):
    """The settings of a year of books, fixed for the year."""

    year = IntegerField(lazy_gettext("Year"), [InputRequired(), NumberRange(2000, 2100)])
    words = RadioField(lazy_gettext("Voucher words"), [InputRequired()], choices=_choices(WORDS))
    closing = RadioField(
        lazy_gettext("Carry-forward of income and expense"), [InputRequired()], choices=_choices(CLOSINGS)
    )
