"""The page of patterns: every component once, with invented data and the hardest texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from flask_babel import gettext as _
from wtforms import BooleanField, RadioField, SearchField, SelectField
from wtforms.validators import InputRequired, Optional

from charity.periods import Month
from charity.web.charts import Chart, Point, bar_chart, share_bar, waterfall
from charity.web.forms import (
    BaseForm,
    DayField,
    IdempotencyField,
    LineField,
    MonthField,
    ParagraphField,
    YuanField,
    choices_of,
)

#: The longest real kind of name, and one with a character few fonts have.
LONG_NAME = "德州市陵城区经济开发区东方红路街道锦绣川爱心企业家联谊会慈善帮扶发展促进中心有限公司"
RARE_NAME = "李𬭎"


FUNDS = (("F1", "急难救助基金"), ("F2", "医疗救助基金"), ("F3", "发展帮扶基金"))


class PatternForm(BaseForm):
    """One field of each kind."""

    amount = YuanField("", [InputRequired()])
    received_on = DayField("", [InputRequired()])
    month = MonthField("", [Optional()])
    donor = LineField("", [InputRequired()], limit=40)
    note = ParagraphField("", [Optional()], limit=500)
    fund = SelectField("", choices=choices_of(FUNDS))
    publish_as = RadioField("", choices=[])
    is_confirmed = BooleanField("")
    idempotency_key = IdempotencyField()


class PatternFilter(BaseForm):
    """The fields of a list's filter."""

    class Meta(BaseForm.Meta):
        csrf = False

    text = SearchField("", [Optional()])
    since_on = DayField("", [Optional()])


@dataclass(frozen=True, slots=True)
class PatternRow:
    """One invented gift.

    Attributes:
        number: its public number.
        received_on: the day the money came.
        donor: the name as published.
        fund_code: fund.
        fund_name: the fund's name.
        amount_fen: in fen; negative for a refund.
        state: state for the tag.
        state_label: its word.
    """

    number: str
    received_on: date
    donor: str
    fund_code: str
    fund_name: str
    amount_fen: int
    state: str
    state_label: str


@dataclass(frozen=True, slots=True)
class PatternsPage:
    """Invented data for every component.

    Attributes:
        form: a form as sent back with problems.
        filter: a list's filter.
        rows: gifts, newest first.
        movement: (label, fen, tone) from opening to closing.
        charts: one of each kind.
        states: (state, word) of the tags.
        signatures: (act, name) of a voucher.
        instant: an instant for the evidence line.
        month: a month of the books.
        audit_month: a month 13.
        minutes: service time.
        big_fen: an amount of eight digits of yuan.
    """

    form: PatternForm
    filter: PatternFilter
    rows: tuple[PatternRow, ...]
    movement: tuple[tuple[str, int, str], ...]
    charts: tuple[Chart, ...]
    states: tuple[tuple[str, str], ...]
    signatures: tuple[tuple[str, str], ...]
    instant: datetime
    month: Month
    audit_month: Month
    minutes: int
    big_fen: int


def patterns_page() -> PatternsPage:
    """Return the page of patterns in the reader's language."""
    return PatternsPage(
        form=_form(),
        filter=_filter(),
        rows=_rows(),
        movement=_movement(),
        charts=_charts(),
        states=_states(),
        signatures=(
            (_("Maker"), "王会计"),
            (_("Reviewer"), "陈稽核"),
            (_("Cashier"), "刘出纳"),
            (_("Posted by"), ""),
        ),
        instant=datetime(2026, 3, 18, 1, 5, tzinfo=UTC),
        month=Month(2026, 3),
        audit_month=Month(2026, 13),
        minutes=1_250,
        big_fen=1_234_567_890,
    )


def _form() -> PatternForm:
    form = PatternForm(formdata=None, donor=LONG_NAME, received_on=date(2026, 3, 18), fund="F2")
    labels = {
        "amount": _("Amount (yuan)"),
        "received_on": _("Day received"),
        "month": _("Month of the books"),
        "donor": _("Donor"),
        "note": _("Note"),
        "fund": _("Fund"),
        "publish_as": _("Shown to the public as"),
        "is_confirmed": _("The donor has agreed to this"),
    }
    for name, label in labels.items():
        form[name].label.text = label
    publish_as = (("name", _("full name")), ("masked", _("masked name")), ("anonymous", _("anonymous")))
    form.publish_as.choices = choices_of(publish_as)
    form.amount.raw_data = ["1.234,50"]
    form.amount.errors = [
        _("“%(text)s” can be read in two ways; write it out in plain yuan.", text="1.234,50")
    ]
    return form


def _filter() -> PatternFilter:
    form = PatternFilter(formdata=None)
    form.text.label.text = _("Number or donor")
    form.since_on.label.text = _("From day")
    return form


def _rows() -> tuple[PatternRow, ...]:
    emergency, medical, support = "急难救助基金", "医疗救助基金", "发展帮扶基金"
    posted, submitted = _("posted"), _("submitted")
    return (
        PatternRow(
            "D-7Q2M-9KXW-3F", date(2026, 3, 18), LONG_NAME, "F2", medical, 1_234_567_890, "posted", posted
        ),
        PatternRow(
            "D-0B4R-T81Z-M6", date(2026, 3, 17), RARE_NAME, "F1", emergency, 3_000, "submitted", submitted
        ),
        PatternRow("D-K3VH-52PD-9C", date(2026, 3, 17), "爱心人士", "F3", support, -50_000, "posted", posted),
    )


def _movement() -> tuple[tuple[str, int, str], ...]:
    return (
        (_("Opening balance"), 86_543_210, ""),
        (_("Came in"), 23_456_789, "in"),
        (_("Went out"), -19_876_543, "out"),
        (_("Moved between funds"), -1_000_000, "moved"),
        (_("Closing balance"), 89_123_456, "left"),
    )


def _charts() -> tuple[Chart, ...]:
    funds = [
        Point("医疗救助基金", 52_340_000, "F2"),
        Point("急难救助基金", 18_765_432, "F1"),
        Point("发展帮扶基金", 9_000_000, "F3"),
        Point(_("Refunds"), -1_500_000, ""),
    ]
    return (
        bar_chart(_("Medical aid took in two thirds of the year's gifts"), funds),
        share_bar(_("Of every 100 yuan, 65 went to medical aid"), funds[:3]),
        waterfall(
            _("The fund ends the month with a little more than it began with"),
            [Point(label, fen, tone) for label, fen, tone in _movement()],
        ),
    )


def _states() -> tuple[tuple[str, str], ...]:
    return (
        ("draft", _("draft")),
        ("submitted", _("submitted")),
        ("posted", _("posted")),
        ("held", _("held")),
        ("rejected", _("rejected")),
        ("void", _("void")),
    )
