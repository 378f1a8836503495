"""Forms of gifts: one gift, its parts, a pile of slips, a claim, a refund, donors, promises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, NumberRange, Optional
from wtforms.widgets import HiddenInput

from charity.donations.channels import Landing, fitting_places
from charity.donations.purpose_rules import KEYWORD_LIMIT
from charity.donations.queries import GIFT_STATES
from charity.donations.rules import CHANNELS, DONOR_KINDS, NAME_LIMIT, PUBLICATIONS, Part
from charity.donations.service import DonorEntry
from charity.errors import Problem
from charity.ledger.rules import Books
from charity.web.filters import translated
from charity.web.forms import (
    BaseForm,
    DayField,
    IdempotencyField,
    LineField,
    ParagraphField,
    YuanField,
    choices_of,
)

#: Rows of the grid of slips at first, and added by its button.
SLIP_ROWS = 20
#: Most rows a pile may have.
SLIP_LIMIT = 500
#: Rows of an allocation at first.
PART_ROWS = 2
#: What the choice among known donors says for a giver who is none of them.
NEW_DONOR = "new"


def labelled(labels: Any, first: str = "", *, without: Iterable[str] = ()) -> list[Any]:
    """Return choices of codes with their words; ``first`` labels the empty one, if there is one."""
    left_out = set(without)
    pairs = [(code, translated(label)) for code, label in labels.items() if code not in left_out]
    return choices_of(([("", first)] if first else []) + pairs)


def place_choices(books: Books) -> list[Any]:
    """Return the places of money open on the books' day."""
    return choices_of((code, f"{place.name} {code}") for code, place in sorted(books.places.items()))


def landing_choices(places: Sequence[Landing]) -> list[Any]:
    """Return the places at which money of gifts lies; what is on its way out is none."""
    return choices_of((one.code, f"{one.name} {one.code}") for one in places if one.kind != "transit")


class LandingField(SelectField):
    """The place a gift arrived at: the usual one of its channel until another is chosen.

    The script of the form reads from the field which places fit which channel.
    """

    def offer(self, places: Sequence[Landing], channel: str | None) -> None:
        """Offer places and choose the usual one of a channel where none is chosen."""
        self.choices = landing_choices(places)
        fitting = {one: fitting_places(places, one) for one in CHANNELS}
        self.render_kw = {"data-places": json.dumps(fitting)}
        if not self.data and self.raw_data is None:
            self.data = next(iter(fitting.get(channel or "", ())), "")


def fund_choices(books: Books, first: str = "") -> list[Any]:
    """Return the funds open on the books' day."""
    pairs = [
        (code, fund.name)
        for code, fund in sorted(books.funds.items())
        if fund.opened_on <= books.on and (fund.closed_on is None or fund.closed_on >= books.on)
    ]
    return choices_of(([("", first)] if first else []) + pairs)


def earmark_choices(books: Books, first: str) -> list[Any]:
    """Return the earmarks that are narrower than a fund's charter, with their fund."""
    charters = {fund.default_earmark for fund in books.funds.values()}
    pairs = [
        (code, f"{books.funds[one.fund].name}／{one.name}")
        for code, one in sorted(books.earmarks.items())
        if code not in charters and one.fund in books.funds
    ]
    return choices_of([("", first), *pairs])


class _Get(BaseForm):
    """A form sent by GET: the filters of a list."""

    class Meta(BaseForm.Meta):
        csrf = False


class _Inner(BaseForm):
    """A row of another form, which carries the token."""

    class Meta(BaseForm.Meta):
        csrf = False


class GiftFilterForm(_Get):
    """What the list of gifts is asked for."""

    text = LineField(
        _l("Donor, gift number or reference"), [Optional()], limit=80, render_kw={"type": "search"}
    )
    least = YuanField(_l("Amount from (yuan)"), [Optional()])
    most = YuanField(_l("Amount up to (yuan)"), [Optional()])
    from_on = DayField(_l("Received from"), [Optional()])
    until_on = DayField(_l("Received until"), [Optional()])
    fund = SelectField(_l("Fund"), [Optional()], validate_choice=False)
    channel = SelectField(_l("Channel"), [Optional()], validate_choice=False)
    state = SelectField(_l("State"), [Optional()], validate_choice=False)

    def offer(self, books: Books) -> None:
        """Give the lists what the books offer."""
        every = _("all")
        self.fund.choices = fund_choices(books, every)
        self.channel.choices = labelled(CHANNELS, every)
        self.state.choices = labelled(GIFT_STATES, every)


class DonorFilterForm(_Get):
    """What the list of donors is asked for."""

    text = LineField(_l("Name, initials or number"), [Optional()], limit=80, render_kw={"type": "search"})
    kind = SelectField(_l("Kind of donor"), [Optional()], validate_choice=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = labelled(DONOR_KINDS, _("all"))


class PartForm(_Inner):
    """One line of an allocation; the one without an amount takes the rest."""

    fund = SelectField(_l("Fund"), [Optional()])
    earmark = SelectField(_l("Earmark"), [Optional()])
    amount = YuanField(_l("Amount (yuan)"), [Optional()])


class PartsForm(BaseForm):
    """What every form with an allocation shares."""

    parts = FieldList(FormField(PartForm), min_entries=PART_ROWS, max_entries=20)

    def offer_parts(self, books: Books) -> None:
        """Give the lines' lists what the books offer."""
        funds = fund_choices(books, _("choose a fund"))
        earmarks = earmark_choices(books, _("the fund's charter"))
        for line in self.parts:
            line.form.fund.choices, line.form.earmark.choices = funds, earmarks

    def chosen_parts(self) -> tuple[Part, ...]:
        """Return the lines that name a fund or an amount, in their order."""
        return tuple(
            Part(line.form.fund.data or "", line.form.earmark.data or "", line.form.amount.data)
            for line in self.parts
            if line.form.fund.data or line.form.amount.data is not None
        )

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Show problems at their fields; those of a line at the line's fund."""
        super().add_problems(_at_lines(problems))


def _at_lines(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems with the address of a line made that of a field of the line."""
    found = []
    for problem in problems:
        where = problem.where
        if where == "parts":
            where = "parts-0-amount"
        elif where.startswith("parts-") and where.count("-") == 1:
            where = f"{where}-fund"
        found.append(Problem(problem.code, problem.params, where))
    return found


class GiverForm(PartsForm):
    """A giver as typed or chosen, and the parts of what was given."""

    donor_no = HiddenField()
    kind = SelectField(_l("Kind of donor"), [Optional()], default="person")
    name = LineField(_l("Name"), [Optional()], limit=NAME_LIMIT, render_kw={"autocomplete": "off"})
    phone = LineField(_l("Phone"), [Optional()], limit=40, render_kw={"autocomplete": "off"})
    id_number = LineField(_l("Identity number"), [Optional()], limit=40, render_kw={"autocomplete": "off"})
    credit_code = LineField(
        _l("Unified social credit code"), [Optional()], limit=40, render_kw={"autocomplete": "off"}
    )
    account = LineField(_l("Account number"), [Optional()], limit=60, render_kw={"autocomplete": "off"})
    receipt_title = LineField(_l("Name on the receipt, if another"), [Optional()], limit=NAME_LIMIT)
    address = LineField(_l("Address"), [Optional()], limit=300, render_kw={"autocomplete": "off"})
    #: A known donor of the same name, or ``new``; empty while nobody was asked.
    known = RadioField(_l("Is it one of these?"), [Optional()], validate_choice=False, choices=[])

    def entry(self) -> DonorEntry:
        """Return the giver as typed."""
        return DonorEntry(
            kind=self.kind.data or "",
            name=self.name.data or "",
            id_number=self.id_number.data or "",
            credit_code=self.credit_code.data or "",
            phone=self.phone.data or "",
            account=self.account.data or "",
            receipt_title=self.receipt_title.data or "",
            address=self.address.data or "",
        )

    def offer(self, books: Books) -> None:
        """Give the lists what the books offer."""
        self.offer_parts(books)
        self.kind.choices = labelled(DONOR_KINDS)


class GiftForm(GiverForm):
    """One gift of money."""

    amount = YuanField(_l("Amount (yuan)"), [InputRequired()])
    channel = SelectField(_l("Channel"), [InputRequired()])
    place = LandingField(_l("Place of money"), [InputRequired()])
    received_on = DayField(_l("Received on"), [InputRequired()])
    reference = LineField(_l("Reference of bank or slip"), [Optional()], limit=80)
    stated_purpose = LineField(_l("Purpose in the giver's words"), [Optional()], limit=400)
    publish_as = SelectField(_l("Shown to the public as"), [Optional()])
    shows_amount = BooleanField(_l("The public may see the amount"), default=True)
    is_unidentified = BooleanField(_l("Nobody knows yet whose money this is"))
    is_another = BooleanField(_l("This is another gift, not the same one again"))
    pledge_no = HiddenField()
    key = IdempotencyField()

    def offer_places(self, places: Sequence[Landing]) -> None:
        """Offer the places of money, the usual one of the channel chosen."""
        self.place.offer(places, self.channel.data or next(iter(CHANNELS)))

    def offer(self, books: Books) -> None:
        super().offer(books)
        self.channel.choices = labelled(CHANNELS)
        self.publish_as.choices = labelled(PUBLICATIONS, _("as the donor chose before"))


class AllocateForm(PartsForm):
    """Which funds a gift is for."""

    def offer(self, books: Books) -> None:
        """Give the lines' lists what the books offer."""
        self.offer_parts(books)


class PublicationForm(BaseForm):
    """How a gift is shown, and why that changes."""

    publish_as = RadioField(_l("Shown to the public as"), [InputRequired()])
    shows_amount = BooleanField(_l("The public may see the amount"))
    reason = LineField(_l("Reason"), [InputRequired()], limit=400)
    version = IntegerField("", [InputRequired()], widget=HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.publish_as.choices = labelled(PUBLICATIONS)


class RefundForm(BaseForm):
    """Money given back of a gift."""

    amount = YuanField(_l("Amount given back (yuan)"), [InputRequired()])
    refunded_on = DayField(_l("Given back on"), [InputRequired()])
    place = SelectField(_l("Paid out of"), [InputRequired()])
    reference = LineField(_l("Reference of bank or platform"), [Optional()], limit=80)
    reason = LineField(_l("Reason"), [InputRequired()], limit=400)
    key = IdempotencyField()

    def __init__(self, places: Sequence[Landing], today: date, **kwargs: Any) -> None:
        """Offer the places of money; nothing is given back after ``today``."""
        super().__init__(**kwargs)
        self.place.choices = landing_choices(places)
        self._today = today

    def validate(self, extra_validators: Any = None) -> bool:
        """Refuse a day that has not come yet."""
        is_sound = bool(super().validate(extra_validators))
        day = self.refunded_on.data
        if day is not None and day > self._today:
            self.refunded_on.errors = [*self.refunded_on.errors, _("This day has not come yet.")]
            return False
        return is_sound


class ClaimForm(GiverForm):
    """The giver of money that nobody had claimed."""

    publish_as = SelectField(_l("Shown to the public as"), [Optional()])
    reason = LineField(_l("How the giver was found"), [InputRequired()], limit=400)

    def offer(self, books: Books) -> None:
        super().offer(books)
        self.kind.choices = labelled(DONOR_KINDS, without=("anonymous",))
        self.publish_as.choices = labelled(PUBLICATIONS, _("as the donor chose before"))


class SlipForm(_Inner):
    """One slip of a pile; a row without anything typed is no slip."""

    name = LineField(_l("Donor"), [Optional()], limit=NAME_LIMIT)
    kind = SelectField(_l("Kind of donor"), [Optional()], default="person")
    amount = YuanField(_l("Amount (yuan)"), [Optional()])
    stated_purpose = LineField(_l("Purpose in the giver's words"), [Optional()], limit=400)
    fund = SelectField(_l("Fund"), [Optional()])
    reference = LineField(_l("Slip number"), [Optional()], limit=80)
    publish_as = SelectField(_l("Shown as"), [Optional()])

    @property
    def is_blank(self) -> bool:
        """Say whether nothing was typed into the row."""
        texts = (self.name.data, self.stated_purpose.data, self.fund.data, self.reference.data)
        return not any(texts) and self.amount.data is None and not any(self.amount.raw_data or ())


class PileForm(BaseForm):
    """A pile of slips with what was counted by hand before."""

    place = LandingField(_l("Place of money"), [InputRequired()])
    channel = SelectField(_l("Channel"), [InputRequired()], default="cash")
    received_on = DayField(_l("Received on"), [InputRequired()])
    expected_count = IntegerField(
        _l("Slips counted by hand"),
        [InputRequired(), NumberRange(1, SLIP_LIMIT)],
        render_kw={"inputmode": "numeric", "class": "num", "autocomplete": "off"},
    )
    expected_total = YuanField(_l("Sum added up by hand (yuan)"), [InputRequired()])
    slips = FieldList(FormField(SlipForm), min_entries=SLIP_ROWS, max_entries=SLIP_LIMIT)
    key = IdempotencyField()

    def offer(self, books: Books) -> None:
        """Give the lists what the books offer."""
        self.channel.choices = labelled(CHANNELS)
        kinds = labelled(DONOR_KINDS)
        funds, shown = fund_choices(books, _("by the purpose")), labelled(PUBLICATIONS, _("as usual"))
        for slip in self.slips:
            slip.form.kind.choices, slip.form.fund.choices = kinds, funds
            slip.form.publish_as.choices = shown

    def offer_places(self, places: Sequence[Landing]) -> None:
        """Offer the places of money, the usual one of the channel chosen."""
        self.place.offer(places, self.channel.data)

    def add_rows(self, books: Books) -> None:
        """Add empty rows, as far as a pile goes."""
        for _row in range(min(SLIP_ROWS, SLIP_LIMIT - len(self.slips))):
            self.slips.append_entry()
        self.offer(books)


class DecideForm(BaseForm):
    """The fund of a gift whose purpose was unclear; the button pressed says which."""

    gift = HiddenField()
    #: Sent by the button pressed; a hidden field of this name would be sent first and win.
    fund = StringField("", [InputRequired(_l("Press the button of a fund."))])
    earmark = SelectField(_l("Earmark"), [Optional()])
    keyword = LineField(_l("Remember this word for later gifts"), [Optional()], limit=400)
    with_same = BooleanField(_l("Also the others with the same words"), default=True)

    def offer(self, books: Books) -> None:
        """Give the list what the books offer."""
        self.earmark.choices = earmark_choices(books, _("the fund's charter"))


class WordForm(BaseForm):
    """A word and the fund it means."""

    keyword = LineField(
        _l("Word to learn"), [Optional()], limit=400, render_kw={"autocomplete": "off", "size": KEYWORD_LIMIT}
    )
    fund = SelectField(_l("Fund"), [InputRequired()])
    earmark = SelectField(_l("Earmark"), [Optional()])
    place = SelectField(_l("Only at this place of money"), [Optional()])

    def offer(self, books: Books) -> None:
        """Give the lists what the books offer."""
        self.fund.choices = fund_choices(books, _("choose a fund"))
        self.earmark.choices = earmark_choices(books, _("the fund's charter"))
        self.place.choices = [*choices_of([("", _("everywhere"))]), *place_choices(books)]


class DonorForm(BaseForm):
    """A donor's own details; numbers given are added, none is taken away."""

    kind = SelectField(_l("Kind of donor"), [InputRequired()])
    name = LineField(_l("Name"), [InputRequired()], limit=NAME_LIMIT)
    phone = LineField(_l("Add a phone"), [Optional()], limit=40, render_kw={"autocomplete": "off"})
    id_number = LineField(
        _l("Add an identity number"), [Optional()], limit=40, render_kw={"autocomplete": "off"}
    )
    credit_code = LineField(
        _l("Add a unified social credit code"), [Optional()], limit=40, render_kw={"autocomplete": "off"}
    )
    account = LineField(
        _l("Add an account number"), [Optional()], limit=60, render_kw={"autocomplete": "off"}
    )
    receipt_title = LineField(_l("Name on the receipt, if another"), [Optional()], limit=NAME_LIMIT)
    address = LineField(_l("New address"), [Optional()], limit=300, render_kw={"autocomplete": "off"})
    publish_choice = SelectField(_l("Standing choice of the donor"), [Optional()])
    note = ParagraphField(_l("Note for the office"), [Optional()], limit=400)
    version = IntegerField("", [InputRequired()], widget=HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = labelled(DONOR_KINDS, without=("anonymous",))
        self.publish_choice.choices = labelled(PUBLICATIONS, _("none recorded"))

    def entry(self) -> DonorEntry:
        """Return the donor as typed."""
        names = ("kind", "name", "phone", "id_number", "credit_code", "account", "receipt_title", "address")
        return DonorEntry(**{name: self[name].data or "" for name in names})


class ReasonForm(BaseForm):
    """Why something is done that stays in the log."""

    reason = LineField(_l("Reason"), [InputRequired()], limit=400)


class RevealForm(ReasonForm):
    """Which number is looked at, and why."""

    identifier = HiddenField(validators=[InputRequired()])


class PairForm(ReasonForm):
    """What a person found about two donors that may be one."""

    first = HiddenField()
    second = HiddenField()
    #: Sent by the button pressed.
    act = StringField("")


class PledgeForm(BaseForm):
    """A promise to give."""

    donor_no = HiddenField()
    kind = SelectField(_l("Kind of donor"), [Optional()], default="company")
    name = LineField(_l("Name"), [Optional()], limit=NAME_LIMIT)
    amount = YuanField(_l("Amount promised (yuan)"), [InputRequired()])
    promised_on = DayField(_l("Promised on"), [InputRequired()])
    due_on = DayField(_l("To be paid by"), [Optional()])
    stated_purpose = LineField(_l("Purpose in the giver's words"), [Optional()], limit=400)
    agreement_ref = LineField(_l("Number of the agreement"), [Optional()], limit=120)
    key = IdempotencyField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = labelled(DONOR_KINDS, without=("anonymous",))


def known_choices(rows: Sequence[tuple[str, str]]) -> list[Any]:
    """Return known donors as a choice, with the one who is none of them at the end."""
    return choices_of([*rows, (NEW_DONOR, _("No, another giver"))])
