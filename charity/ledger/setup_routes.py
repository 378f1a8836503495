"""Settings of the books: chart, funds and earmarks, places of money, dimensions, rules, years."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity import sealed
from charity.errors import N_, refuse, register
from charity.ledger import setup
from charity.ledger.common_routes import ID, act, blueprint, is_english, me, reading
from charity.ledger.filter_forms import ChartFilterForm
from charity.ledger.models import PostingRule
from charity.ledger.month_queries import YearRow, years
from charity.ledger.people import signer_names
from charity.ledger.setup_forms import (
    CLOSINGS,
    EARMARK_SOURCES,
    FUND_KINDS,
    PLACE_ACCOUNTS,
    PLACE_KINDS,
    WORDS,
    DesignationForm,
    DimensionForm,
    DimensionValueForm,
    EarmarkForm,
    FundForm,
    PlaceForm,
    ProjectForm,
    RuleForm,
    YearForm,
)
from charity.ledger.setup_queries import (
    AccountRow,
    DimensionRow,
    FundRow,
    MoneyPlaceRow,
    RuleRow,
    TagRow,
    account_rows,
    designation_rows,
    dimension_rows,
    fund_rows,
    money_place_rows,
    project_rows,
    rule_rows,
)
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import today
from charity.web.forms import BaseForm, choices_of
from charity.web.render import Sentence, render

PROBLEMS = register({"year_fixed": N_("The settings of %(year)s are fixed already; they hold for the year.")})

#: Kind of an account, and which funds it takes → message ids.
ACCOUNT_KINDS: Mapping[str, str] = {
    "asset": N_("asset"),
    "contra_asset": N_("deduction from assets"),
    "liability": N_("liability"),
    "net_asset": N_("net assets"),
    "income": N_("income"),
    "expense": N_("expense"),
}
RESTRICTIONS: Mapping[str, str] = {
    "any": N_("every fund but agency money"),
    "no": N_("general money only"),
    "yes": N_("restricted funds only"),
    "split": N_("heading, nothing is booked on it"),
    "agency": N_("agency money only"),
}
RULE_STATES: Mapping[str, str] = {
    "in_force": N_("in force"),
    "waiting": N_("waits for approval"),
    "coming": N_("approved, begins later"),
    "superseded": N_("replaced by a later version"),
}


@dataclass(frozen=True, slots=True)
class ChartPage:
    """The chart of accounts, for reading."""

    filter: ChartFilterForm
    rows: tuple[AccountRow, ...]
    kinds: Mapping[str, str]
    restrictions: Mapping[str, str]


@blueprint.get("/setup/chart")
@permission_required("ledger.read")
def chart() -> ResponseReturnValue:
    """Show the chart of accounts to whoever looks for the right one."""
    form = ChartFilterForm(formdata=request.args)
    form.validate()
    rows = account_rows(reading(), text=form.text.data or "", is_english=is_english())
    return render("ledger/chart.html", ChartPage(form, tuple(rows), ACCOUNT_KINDS, RESTRICTIONS))


@dataclass(frozen=True, slots=True)
class SetupFormPage:
    """One thing to be added to the settings.

    Attributes:
        title, lead: what it is, and what to know before.
        form: what was typed.
        label: of the button.
        cancel_url: the list it belongs to.
    """

    title: str
    lead: str
    form: BaseForm
    label: str
    cancel_url: str


def _added(form: BaseForm, verb: Any, texts: tuple[str, str, str], endpoint: str) -> ResponseReturnValue:
    """Add something to the settings, or show the form, with what kept it back.

    Args:
        texts: title, lead and label of the button, in the reader's language.
        endpoint: the list to go on to.
    """
    if not form.is_submitted() and "on" in form:
        form["on"].data = today()
    if carried_out(form, verb):
        return done(_("Added."), url_for(endpoint))
    return render(
        "ledger/setup_form.html",
        SetupFormPage(texts[0], texts[1], form, texts[2], url_for(endpoint)),
        status_of(form),
    )


@dataclass(frozen=True, slots=True)
class SetupFundsPage:
    """Funds with their earmarks."""

    rows: tuple[FundRow, ...]
    kinds: Mapping[str, str]
    sources: Mapping[str, str]


@blueprint.get("/setup/funds")
@permission_required("ledger.read")
def setup_funds() -> ResponseReturnValue:
    """Show the funds and their earmarks, with the papers they rest on."""
    rows = tuple(fund_rows(reading(), me().org_id))
    return render("ledger/setup_funds.html", SetupFundsPage(rows, FUND_KINDS, EARMARK_SOURCES))


@blueprint.route("/setup/funds/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def open_fund() -> ResponseReturnValue:
    """Open a fund by agreement."""
    form = FundForm()
    verb = partial(
        setup.open_fund,
        actor=me(),
        code=form.code.data or "",
        name=form.name.data or "",
        name_en=form.name_en.data or "",
        kind=form.kind.data,
        purpose=form.purpose.data or "",
        on=form.on.data or today(),
        document_ref=form.document_ref.data or "",
        position=len(fund_rows(reading(), me().org_id)) + 1,
    )
    lead = _("A fund is opened by agreement, never nested, and has no bank account of its own.")
    return _added(form, verb, (_("Open a fund"), lead, _("Open the fund")), "ledger.setup_funds")


@blueprint.route("/setup/earmarks/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def open_earmark() -> ResponseReturnValue:
    """Open an earmark below a fund, or a matter of agency money."""
    form = EarmarkForm()
    rows = fund_rows(reading(), me().org_id)
    form.fund.choices = choices_of((row.code, f"{row.code} {row.name}") for row in rows)
    verb = partial(
        setup.open_earmark,
        actor=me(),
        fund=form.fund.data,
        code=form.code.data or "",
        name=form.name.data or "",
        text=form.text.data or "",
        source=form.source.data,
        on=form.on.data or today(),
        document_ref=form.document_ref.data or "",
    )
    lead = _("Only a provider of the money or the law restricts; a wish of the council is a designation.")
    return _added(form, verb, (_("Open an earmark"), lead, _("Open the earmark")), "ledger.setup_funds")


@dataclass(frozen=True, slots=True)
class SetupPlacesPage:
    """Places of money."""

    rows: tuple[MoneyPlaceRow, ...]
    kinds: Mapping[str, str]


@blueprint.get("/setup/places")
@permission_required("ledger.read")
def setup_places() -> ResponseReturnValue:
    """Show where money lies."""
    rows = tuple(money_place_rows(reading(), me().org_id))
    return render("ledger/setup_places.html", SetupPlacesPage(rows, PLACE_KINDS))


@blueprint.route("/setup/places/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def open_place() -> ResponseReturnValue:
    """Open a place of money; of its number only the tail and a keyed hash are kept."""
    form = PlaceForm()
    number = re.sub(r"[^0-9A-Za-z]", "", form.number.data or "")
    own, agency = PLACE_ACCOUNTS.get(form.kind.data or "", ("", ""))
    verb = partial(
        setup.open_money_place,
        actor=me(),
        code=form.code.data or "",
        name=form.name.data or "",
        kind=form.kind.data,
        account=own,
        on=form.on.data or today(),
        agency_account=agency if form.holds_agency.data else "",
        number_tail=number[-4:],
        number_hash=sealed.keyed_hash(number) if number else "",
        institution=form.institution.data or "",
        is_main=form.is_main.data,
    )
    lead = _("Of the number only the last four digits and a keyed hash are kept, to recognise its files.")
    return _added(form, verb, (_("Open a place of money"), lead, _("Open it")), "ledger.setup_places")


@dataclass(frozen=True, slots=True)
class SetupTagsPage:
    """Projects and designations that lines may carry."""

    projects: tuple[TagRow, ...]
    designations: tuple[TagRow, ...]


@blueprint.get("/setup/tags")
@permission_required("ledger.read")
def setup_tags() -> ResponseReturnValue:
    """Show the projects and the council's designations that lines may carry."""
    org_id = me().org_id
    page = SetupTagsPage(tuple(project_rows(reading(), org_id)), tuple(designation_rows(reading(), org_id)))
    return render("ledger/setup_tags.html", page)


@blueprint.route("/setup/projects/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def add_project() -> ResponseReturnValue:
    """Add a project as a dimension of the books."""
    form = ProjectForm()
    verb = partial(
        setup.add_project_tag,
        actor=me(),
        code=form.code.data or "",
        name=form.name.data or "",
        name_en=form.name_en.data or "",
    )
    return _added(form, verb, (_("Add a project"), "", _("Add it")), "ledger.setup_tags")


@blueprint.route("/setup/designations/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def add_designation() -> ResponseReturnValue:
    """Add a council's designation inside general money."""
    form = DesignationForm()
    verb = partial(
        setup.add_designation,
        actor=me(),
        code=form.code.data or "",
        name=form.name.data or "",
        document_ref=form.document_ref.data or "",
    )
    lead = _("A tag inside general money. It restricts nothing, and the council can lift it.")
    return _added(form, verb, (_("Add a designation"), lead, _("Add it")), "ledger.setup_tags")


@dataclass(frozen=True, slots=True)
class SetupDimensionsPage:
    """The two dimensions an org defines itself."""

    rows: tuple[DimensionRow, ...]


@blueprint.get("/setup/dimensions")
@permission_required("ledger.read")
def setup_dimensions() -> ResponseReturnValue:
    """Show the dimensions the organisation defines itself."""
    rows = tuple(dimension_rows(reading(), me().org_id))
    return render("ledger/setup_dimensions.html", SetupDimensionsPage(rows))


@blueprint.route("/setup/dimensions/<int(max=2):slot>/name", methods=["GET", "POST"])
@permission_required("ledger.setup")
def name_dimension(slot: int) -> ResponseReturnValue:
    """Name one of the two user-defined dimensions."""
    if slot not in (1, 2):
        abort(404)
    form = DimensionForm()
    if not form.is_submitted():
        form.name.data = dimension_rows(reading(), me().org_id)[slot - 1].name
    verb = partial(setup.name_dimension, actor=me(), slot=slot, name=form.name.data or "")
    title = _("Name dimension %(slot)s", slot=slot)
    lead = _("For instance township, or vehicle. Posted lines keep the values they have.")
    return _added(form, verb, (title, lead, _("Name it")), "ledger.setup_dimensions")


@blueprint.route("/setup/dimensions/<int(max=2):slot>/values/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def add_dimension_value(slot: int) -> ResponseReturnValue:
    """Add a value of a user-defined dimension."""
    found = next(
        (row for row in dimension_rows(reading(), me().org_id) if row.slot == slot and row.name), None
    )
    if found is None:
        abort(404)
    form = DimensionValueForm()
    verb = partial(
        setup.add_dimension_value,
        actor=me(),
        slot=slot,
        code=form.code.data or "",
        name=form.name.data or "",
    )
    title = _("Add a value of %(name)s", name=found.name)
    return _added(form, verb, (title, "", _("Add it")), "ledger.setup_dimensions")


@dataclass(frozen=True, slots=True)
class SetupRulesPage:
    """Posting rules with their versions.

    Attributes:
        may_approve: rules the reader may approve now.
        problems: why the last act was refused.
    """

    rows: tuple[RuleRow, ...]
    states: Mapping[str, str]
    people: Mapping[int, str]
    may_approve: frozenset[int]
    problems: tuple[Sentence, ...]


def _rules_page(problems: tuple[Sentence, ...] = ()) -> ResponseReturnValue:
    actor = me()
    rows = tuple(rule_rows(reading(), actor.org_id, today()))
    ids = [key for row in rows for key in (row.author_id, row.first_approver_id, row.second_approver_id)]
    waiting = (row for row in rows if row.approved_at is None and actor.may("ledger.approve_rule"))
    page = SetupRulesPage(
        rows=rows,
        states=RULE_STATES,
        people=signer_names(reading(), ids),
        may_approve=frozenset(
            row.id for row in waiting if actor.user_id not in (row.author_id, row.first_approver_id)
        ),
        problems=problems,
    )
    return render("ledger/setup_rules.html", page, 422 if problems else 200)


@blueprint.get("/setup/rules")
@permission_required("ledger.read")
def setup_rules() -> ResponseReturnValue:
    """Show the rules by which the system makes vouchers, with every version."""
    return _rules_page()


@blueprint.route("/setup/rules/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def write_rule() -> ResponseReturnValue:
    """Write a new version of a posting rule; two others approve it."""
    form = RuleForm()
    verb = partial(
        setup.write_posting_rule,
        actor=me(),
        code=form.code.data or "",
        text=form.text.data or "",
        on=form.on.data or today(),
    )
    lead = _("A known code gets a new version. It is in force once two others have approved it.")
    return _added(form, verb, (_("Write a posting rule"), lead, _("Write it")), "ledger.setup_rules")


@blueprint.post(f"/setup/rules/<{ID}:rule_id>/approve")
@permission_required("ledger.approve_rule")
def approve_rule(rule_id: int) -> ResponseReturnValue:
    """Approve a posting rule, as first or second person."""
    if reading().get(PostingRule, (me().org_id, rule_id)) is None:
        abort(404)
    rule, problems = act(partial(setup.approve_posting_rule, actor=me(), rule_id=rule_id))
    if problems or rule is None:
        return _rules_page(problems)
    message = _("Approved; it is in force.") if rule.approved_at else _("Approved; one more person must.")
    return done(message, url_for("ledger.setup_rules"))


@dataclass(frozen=True, slots=True)
class SetupYearsPage:
    """The settings of each year of books."""

    rows: tuple[YearRow, ...]
    words: Mapping[str, str]
    closings: Mapping[str, str]


@blueprint.get("/setup/years")
@permission_required("ledger.read")
def setup_years() -> ResponseReturnValue:
    """Show how vouchers are numbered and carried forward, year by year."""
    return render(
        "ledger/setup_years.html", SetupYearsPage(tuple(years(reading(), me().org_id)), WORDS, CLOSINGS)
    )


@blueprint.route("/setup/years/new", methods=["GET", "POST"])
@permission_required("ledger.setup")
def fix_year() -> ResponseReturnValue:
    """Fix the settings of a year before its first month opens."""
    form = YearForm()
    known = [row.year for row in years(reading(), me().org_id)]
    if not form.is_submitted():
        form.year.data = known[0] + 1 if known else today().year
        form.words.data, form.closing.data = "single", "year"

    def verb(session: Session) -> None:
        if form.year.data in known:
            raise refuse("year_fixed", "year", year=form.year.data)
        setup.open_year(
            session, actor=me(), year=form.year.data or 0, words=form.words.data, closing=form.closing.data
        )

    lead = _("The settings hold for the whole year and cannot be changed once they are fixed.")
    return _added(form, verb, (_("Fix a year of books"), lead, _("Fix them")), "ledger.setup_years")
