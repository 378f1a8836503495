"""Forms of the voucher: its lines as typed, resolved into the values the rules judge."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, FormField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput

from charity.errors import N_, Problem, Refused, refuse, register
from charity.ledger.entry_queries import Choice, EntryChoices
from charity.ledger.lookup import account_code, code_of
from charity.ledger.naming import (
    ACTIVITY_CLASS_LABELS,
    NET_ASSET_CHANGE_LABELS,
    quantity_text,
)
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.money import MAX_FEN
from charity.periods import Month
from charity.web.forms import (
    BaseForm,
    DayField,
    IdempotencyField,
    LineField,
    YuanField,
    choices_of,
    every_field,
    sentence_of,
)

PROBLEMS = register(
    {
        "quantity_unreadable": N_(
            "“%(text)s” is not a quantity; write a number with at most three decimals, like 12.5."
        ),
        "month13_date": N_("The audit adjustments of a year are dated 31 December."),
    }
)

#: Lines a fresh form shows.
FIRST_LINES = 4
#: Lines one form holds at most; longer vouchers come from files.
MOST_LINES = 200

_LINE_KEY = re.compile(r"lines-(\d+)-(\w+)")
_TYPED = ("account", "debit", "credit")
_QUANTITY = re.compile(r"(-?\d{1,12})(?:\.(\d{1,3}))?")

#: Problem code → the field of a line it stands at.
_FIELD_OF = {
    "account_unknown": "account",
    "account_not_postable": "account",
    "fund_unknown": "fund",
    "fund_wrong_kind": "fund",
    "earmark_unknown": "fund",
    "money_place_missing": "money_place",
    "money_place_wrong": "money_place",
    "line_one_side": "debit",
    "line_sign": "debit",
    "amount_too_large": "debit",
    "summary_missing": "summary",
    "summary_personal": "summary",
    "cash_flow_unknown": "cash_flow",
    "net_asset_change_missing": "net_asset_change",
}
_DIMENSION_OF = {
    "designation": "designation",
    "project": "project",
    "dimension 1": "dimension1",
    "dimension 2": "dimension2",
    "activity class": "activity_class",
}


class LineForm(BaseForm):
    """One line of a voucher as typed."""

    class Meta(BaseForm.Meta):
        csrf = False

    #: Place of the line in the stored draft, so that what the form does not show is kept.
    origin = IntegerField("", [Optional()], widget=HiddenInput())
    #: Browsers cut a pasted text at ``maxlength`` without a word; a longer one is told instead.
    summary = LineField(
        lazy_gettext("Summary"), [Optional()], limit=200, render_kw={"maxlength": False, "data-limit": 200}
    )
    account = StringField(lazy_gettext("Account"), [Optional()])
    fund = SelectField(lazy_gettext("Fund / earmark"), [Optional()], validate_choice=False)
    money_place = SelectField(lazy_gettext("Place of money"), [Optional()], validate_choice=False)
    debit = YuanField(lazy_gettext("Debit"), [Optional()])
    credit = YuanField(lazy_gettext("Credit"), [Optional()])
    project = StringField(lazy_gettext("Project"), [Optional()])
    cash_flow = StringField(lazy_gettext("Cash-flow item"), [Optional()])
    designation = StringField(lazy_gettext("Designation"), [Optional()])
    activity_class = SelectField(lazy_gettext("Activity class"), [Optional()], validate_choice=False)
    net_asset_change = SelectField(lazy_gettext("Net-asset change"), [Optional()], validate_choice=False)
    beneficiary_code = LineField(lazy_gettext("Case code"), [Optional()], limit=40)
    quantity = StringField(lazy_gettext("Quantity"), [Optional()])
    unit = LineField(lazy_gettext("Unit of measure"), [Optional()], limit=20)
    dimension1 = StringField("", [Optional()])
    dimension2 = StringField("", [Optional()])

    #: Fields below the line, folded until one of them is used or wrong.
    FURTHER = (
        "project",
        "cash_flow",
        "designation",
        "activity_class",
        "net_asset_change",
        "beneficiary_code",
        "quantity",
        "unit",
        "dimension1",
        "dimension2",
    )

    @property
    def is_typed(self) -> bool:
        """Say whether the line counts: an account or an amount stands in it."""
        return any((self[name].raw_data or [self[name].data or ""])[0] for name in _TYPED)

    @property
    def is_opened(self) -> bool:
        """Say whether the further fields are shown: one is used, or something is wrong there."""
        return any(self[name].data or self[name].errors for name in self.FURTHER)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return (id of the field, sentence) of everything wrong in the line."""
        return [(field.id, str(error)) for field in self for error in field.errors]


class VoucherForm(BaseForm):
    """A voucher being prepared."""

    idempotency_key = IdempotencyField()
    version = IntegerField("", [Optional()], default=0, widget=HiddenInput())
    voucher_on = DayField(lazy_gettext("Date"), [InputRequired()])
    is_month13 = BooleanField(lazy_gettext("belongs to the audit adjustments of the year (month 13)"))
    lines = FieldList(FormField(LineForm))

    def offer(self, choices: EntryChoices) -> None:
        """Give the lines' lists what the books offer, and keep what is chosen already."""
        for line in self.lines:
            _offer_lists(line.form, choices)

    def fill_up(self, least: int = FIRST_LINES) -> None:
        """Add empty lines until there are some to write in; one always stands at the end."""
        while len(self.lines) < MOST_LINES and (
            len(self.lines) < least or not self.lines or self.lines[-1].form.is_typed
        ):
            self.lines.append_entry({"fund": self.lines[-1].form.fund.data if self.lines else "GEN"})

    def blank_line(self, choices: EntryChoices) -> LineForm:
        """Return an empty line whose names carry ``__index__``, which a script numbers."""
        form = LineForm(formdata=None, prefix="lines-__index__-", data={"fund": "GEN"})
        _offer_lists(form, choices)
        return form

    def typed_lines(self) -> list[LineForm]:
        """Return the lines that count, in order."""
        return [line.form for line in self.lines if line.form.is_typed]

    def month(self) -> Month | None:
        """Return the month of the books; None while the date cannot be read."""
        day = self.voucher_on.data
        if day is None:
            return None
        return Month(day.year, 13) if self.is_month13.data else Month.of(day)

    def resolve(self, choices: EntryChoices, stored: Sequence[DraftLine] = ()) -> DraftVoucher | None:
        """Return what was typed as a voucher; None when something cannot be read.

        What cannot be read is shown at its field. An empty summary repeats the one above.

        Args:
            choices: what the codes mean on the voucher's day.
            stored: the lines of the draft as loaded, whose further dimensions are kept.
        """
        month = self.month()
        if month is None:
            return None
        if month.number == 13 and not month.holds(self.voucher_on.data):
            self.voucher_on.errors = [sentence_of(Problem("month13_date"))]
            return None
        lines: list[DraftLine] = []
        for form in self.typed_lines():
            above = lines[-1].summary if lines else ""
            line = _line(form, choices, stored, above)
            if line is not None:
                lines.append(line)
        if any(form.problems for form in self.typed_lines()):
            return None
        return DraftVoucher(self.voucher_on.data, month, lines[0].summary if lines else "", tuple(lines))

    def add_line_problems(self, problems: Iterable[Problem]) -> None:
        """Show problems at the fields of their lines, the others above the form."""
        typed = self.typed_lines()
        placed = []
        for problem in problems:
            line, name = _place(problem)
            if line is not None and name and line < len(typed):
                placed.append(replace(problem, where=typed[line][name].name))
            else:
                placed.append(problem)
        self.add_problems(placed)

    def fields_in_error(self) -> list[str]:
        """Return the ids of fields that carry an error."""
        return [field.id for field in every_field(self) if field.errors]


def _place(problem: Problem) -> tuple[int | None, str]:
    """Return the line (from 0) and field a problem of the rules stands at."""
    match = re.fullmatch(r"lines-(\d+)", problem.where)
    if match is None:
        return None, ""
    if problem.code == "dimension_unknown":
        return int(match[1]), _DIMENSION_OF.get(str(problem.params.get("kind")), "project")
    return int(match[1]), _FIELD_OF.get(problem.code, "summary")


def _offer_lists(form: LineForm, choices: EntryChoices) -> None:
    """Fill the lists of one line."""
    # The code stands in front, so that typing it finds the fund.
    purses = [Choice(c.code, f"{c.code.rpartition('/')[2]} {c.name}") for c in choices.purses]
    _offer(form.fund, purses, has_empty=False)
    _offer(form.money_place, choices.places, empty=lazy_gettext("by itself"))
    _offer(form.activity_class, [Choice(c, t) for c, t in ACTIVITY_CLASS_LABELS.items()], is_id=True)
    changes = [Choice(code, label) for code, label in NET_ASSET_CHANGE_LABELS.items()]
    _offer(form.net_asset_change, changes, is_id=True)
    for field, offered in (
        (form.project, choices.projects),
        (form.cash_flow, choices.cash_flow_items),
        (form.designation, choices.designations),
    ):
        names = _names(offered)
        if not field.raw_data and list(names.values()).count(names.get(field.data or "", "")) == 1:
            field.data = names[field.data]  # a stored code is shown by its name, as a person types it
    for slot in (1, 2):
        form[f"dimension{slot}"].label.text = choices.dimension_kinds.get(slot, "")


def _offer(
    field: Any, choices: Iterable[Choice], *, has_empty: bool = True, empty: Any = "", is_id: bool = False
) -> None:
    """Fill a list of choices; a value that is no longer offered stays choosable where it stands.

    Args:
        has_empty: whether nothing may be chosen, shown as ``empty``.
        is_id: the names are message ids.
    """
    found = [("", empty)] if has_empty else []
    found += [(c.code, lazy_gettext(c.name) if is_id else c.name) for c in choices]
    if field.data and field.data not in {code for code, _ in found}:
        found.append((field.data, field.data))
    field.choices = choices_of(found)


def _line(form: LineForm, choices: EntryChoices, stored: Sequence[DraftLine], above: str) -> DraftLine | None:
    """Return one typed line as a value; None when something in it cannot be read."""
    books = choices.books
    fund, _, earmark = (form.fund.data or "").partition("/")
    kind = books.funds[fund].kind if fund in books.funds else ""
    origin = form.origin.data
    base = stored[origin] if origin is not None and 0 <= origin < len(stored) else DraftLine("")
    values: dict[str, Any] = {
        "account": _resolved(form.account, lambda text: account_code(text, books.accounts, kind)),
        "fund": fund,
        "earmark": earmark,
        "summary": form.summary.data or above,
        "debit_fen": form.debit.data or 0,
        "credit_fen": form.credit.data or 0,
        "money_place": form.money_place.data or "",
        "activity_class": form.activity_class.data or "",
        "net_asset_change": form.net_asset_change.data or "",
        "beneficiary_code": form.beneficiary_code.data or "",
        "unit": form.unit.data or "",
        "quantity_milli": _resolved(form.quantity, read_quantity),
        "is_retag": False,
    }
    for name, offered in (
        ("project", choices.projects),
        ("cash_flow", choices.cash_flow_items),
        ("designation", choices.designations),
        ("dimension1", choices.dimensions.get(1, ())),
        ("dimension2", choices.dimensions.get(2, ())),
    ):
        values[name] = _resolved(form[name], lambda text, o=offered: code_of(text, _names(o)))
    if form.problems:
        return None
    account = books.accounts.get(values["account"])
    if account is not None and not account.is_money:
        values["money_place"] = ""  # the list keeps the last choice; a line without money has no place
    elif account is not None and not values["money_place"]:
        values["money_place"] = _only_place(account.code, choices)
    return replace(base, **values)


def _only_place(account: str, choices: EntryChoices) -> str:
    """Return the place of money that is meant when none is named: the only one, or the main one."""
    fitting = [p for p in choices.books.places.values() if account in (p.account, p.agency_account)]
    main = [place for place in fitting if place.is_main]
    chosen = main if main else fitting
    return chosen[0].code if len(chosen) == 1 else ""


def _names(choices: Sequence[Choice]) -> Mapping[str, str]:
    return {choice.code: choice.name for choice in choices}


def _resolved(field: Any, read: Any) -> Any:
    """Return what a field's text means; what cannot be read is shown at the field."""
    try:
        return read(field.data or "")
    except Refused as refused:
        field.errors = [*field.errors, *(sentence_of(problem) for problem in refused.problems)]
        return None


def read_quantity(text: str) -> int | None:
    """Return thousandths of a quantity typed by a person, None when empty.

    Raises:
        Refused: ``quantity_unreadable``.
    """
    plain = unicodedata.normalize("NFKC", text).replace(",", "").strip()
    if not plain:
        return None
    match = _QUANTITY.fullmatch(plain)
    if match is None:
        raise refuse("quantity_unreadable", text=text[:20])
    milli = abs(int(match[1])) * 1000 + int((match[2] or "").ljust(3, "0"))
    if milli > MAX_FEN:
        raise refuse("quantity_unreadable", text=text[:20])
    return -milli if plain.startswith("-") else milli


def compact(data: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the form's data with empty lines gone and the others numbered anew.

    A line with a summary but neither account nor amount was begun by the Enter key; it is
    kept at the end, so that a line's number on the page is its number in every sentence.
    """
    rest: list[tuple[str, str]] = []
    lines: dict[int, dict[str, str]] = {}
    for key, value in data.items(multi=True):
        match = _LINE_KEY.fullmatch(key)
        if match is None:
            rest.append((key, value))
        else:
            lines.setdefault(int(match[1]), {})[match[2]] = value
    ordered = [lines[number] for number in sorted(lines)]
    real = [line for line in ordered if any(line.get(name, "").strip() for name in _TYPED)]
    begun = [line for line in ordered if line not in real and line.get("summary", "").strip()]
    for number, line in enumerate([*real, *begun][:MOST_LINES]):
        rest += [(f"lines-{number}-{name}", value) for name, value in line.items()]
    return MultiDict(rest)


def line_data(
    lines: Sequence[DraftLine], choices: EntryChoices, *, has_origin: bool = True
) -> list[dict[str, Any]]:
    """Return stored lines as the form shows them: ``1002 银行存款``, ``F2/F2-HEART``.

    Args:
        has_origin: False for lines taken over from elsewhere as new ones.
    """
    names = {choice.code: choice.name for choice in choices.accounts}
    found = []
    for place, line in enumerate(lines):
        fund = choices.books.funds.get(line.fund)
        is_charter = fund is None or line.earmark in ("", fund.default_earmark)
        account = f"{line.account} {names[line.account]}" if line.account in names else line.account
        data: dict[str, Any] = {name: getattr(line, name, "") for name in LineForm.FURTHER}
        data |= {
            "origin": place if has_origin else None,
            "summary": line.summary,
            "account": account,
            "fund": line.fund if is_charter else f"{line.fund}/{line.earmark}",
            "money_place": line.money_place,
            "debit": line.debit_fen or None,
            "credit": line.credit_fen or None,
            "quantity": "" if line.quantity_milli is None else quantity_text(line.quantity_milli),
        }
        found.append(data)
    return found
