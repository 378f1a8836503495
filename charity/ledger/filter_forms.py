"""Forms of filters: plain GET forms whose wrong entries are named, not passed over."""

from __future__ import annotations

from flask_babel import lazy_gettext
from wtforms import SearchField, StringField
from wtforms.validators import Optional

from charity.web.forms import BaseForm, DayField, LineField, YuanField


class FilterForm(BaseForm):
    """A filter: nothing is changed by it, so it carries no token."""

    class Meta(BaseForm.Meta):
        csrf = False


class DraftFilterForm(FilterForm):
    """What narrows a list of drafts down."""

    text = SearchField(lazy_gettext("Summary or reference"), [Optional()])
    from_on = DayField(lazy_gettext("From"), [Optional()])
    until_on = DayField(lazy_gettext("Until"), [Optional()])
    least = YuanField(lazy_gettext("At least (yuan)"), [Optional()])
    most = YuanField(lazy_gettext("At most (yuan)"), [Optional()])
    maker = LineField(lazy_gettext("Maker"), [Optional()], limit=40)


class VoucherFilterForm(FilterForm):
    """What narrows the list of posted vouchers down."""

    text = SearchField(lazy_gettext("Summary or reference"), [Optional()])
    number = StringField(lazy_gettext("Number"), [Optional()])
    from_on = DayField(lazy_gettext("From"), [Optional()])
    until_on = DayField(lazy_gettext("Until"), [Optional()])
    account = StringField(lazy_gettext("Account"), [Optional()])
    least = YuanField(lazy_gettext("At least (yuan)"), [Optional()])
    most = YuanField(lazy_gettext("At most (yuan)"), [Optional()])


class HoldFilterForm(FilterForm):
    """What narrows the list of money set aside down."""

    text = SearchField(lazy_gettext("What it is for"), [Optional()])


class ChartFilterForm(FilterForm):
    """What narrows the chart down."""

    text = SearchField(lazy_gettext("Code, name or pinyin"), [Optional()])
