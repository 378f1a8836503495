"""Months of the books: which are open, what keeps one from being closed, closing it for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.db import transact
from charity.errors import N_, Refused
from charity.ledger import closing, setup
from charity.ledger.blockers import Blocker
from charity.ledger.closing import close_blockers, close_month, make_closing_draft
from charity.ledger.common_routes import act, blueprint, me, month_or_404, names_of, reading
from charity.ledger.month_forms import AuditForm, FirstMonthForm, StatementForm
from charity.ledger.month_queries import (
    CarryRow,
    PlaceRow,
    YearRow,
    carry_rows,
    closed_by,
    next_months,
    place_rows,
    years,
)
from charity.ledger.people import signer_names
from charity.ledger.queries import MonthRow, months
from charity.ledger.reason_forms import ConfirmForm
from charity.periods import Month
from charity.web.access import PermissionMissing, may_open, permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import today
from charity.web.filters import month as month_text
from charity.web.forms import choices_of
from charity.web.render import Sentence, problems_of, render, sentence

#: Problem code or endpoint of a blocker → (page that cures it, label of the link).
CURES: Mapping[str, tuple[str, str]] = {
    "close_assertion": ("ledger.balances", N_("Look at the statements of this month")),
    "close_unbalanced": ("ledger.trial_balance", N_("Trial balance")),
    "close_agency": ("ledger.funds", N_("Funds")),
    "ledger.drafts": ("ledger.drafts", N_("Go to the drafts")),
    "ledger.months": ("ledger.months", N_("Go to the months")),
    "ledger.funds": ("ledger.funds", N_("Funds")),
    "ledger.carry_forward": ("ledger.carry_forward", N_("Carry forward …")),
}


@dataclass(frozen=True, slots=True)
class MonthShown:
    """One month in the list.

    Attributes:
        closed_by: name of who closed it; empty while open.
        is_next_to_close: whether it is the earliest open calendar month, or month 13.
    """

    row: MonthRow
    closed_by: str
    is_next_to_close: bool


@dataclass(frozen=True, slots=True)
class MonthsPage:
    """The months of the books, newest first.

    Attributes:
        next: calendar month that may be opened now; None while the first is not chosen.
        thirteenth: month 13 that may be opened now; None when none may.
        first_form: the month to begin with; None once there are months.
        years: settings and audit of each year.
        audit_form: day on which the audit was signed.
        problems: why the last act was refused.
    """

    rows: tuple[MonthShown, ...]
    next: Month | None
    thirteenth: Month | None
    first_form: FirstMonthForm | None
    years: tuple[YearRow, ...]
    audit_form: AuditForm
    problems: tuple[Sentence, ...]


def _months_page(
    problems: Sequence[Sentence] = (),
    status: int = 200,
    first: FirstMonthForm | None = None,
    audit: AuditForm | None = None,
) -> ResponseReturnValue:
    actor = me()
    rows = months(reading(), actor.org_id)
    closers = closed_by(reading(), actor.org_id)
    people = signer_names(reading(), closers.values())
    opened = sorted(row.month for row in rows if row.is_open and row.month.number != 13)
    following, thirteenth = next_months([row.month for row in rows])
    page = MonthsPage(
        rows=tuple(
            MonthShown(
                row,
                people.get(closers.get(row.month.code, 0), ""),
                row.is_open and (row.month.number == 13 or row.month == opened[0]),
            )
            for row in rows
        ),
        next=following,
        thirteenth=thirteenth,
        first_form=None
        if rows
        else first or FirstMonthForm(formdata=None, data={"month": Month.of(today())}),
        years=tuple(years(reading(), actor.org_id)),
        audit_form=audit or AuditForm(formdata=None),
        problems=tuple(problems),
    )
    return render("ledger/months.html", page, status)


def _first_form() -> FirstMonthForm:
    """Return the form of the first month, this one proposed."""
    return FirstMonthForm(formdata=None, data={"month": Month.of(today())})


@blueprint.get("/months", endpoint="months")
@permission_required("ledger.read")
def months_page() -> ResponseReturnValue:
    """Show which months take vouchers, and which are closed for good."""
    return _months_page()


@blueprint.post("/months/<month>/open")
@permission_required("ledger.close")
def open_month(month: str) -> ResponseReturnValue:
    """Open the next month, or the audit adjustments of a year."""
    wanted = month_or_404(month)
    _result, problems = act(partial(setup.open_month, actor=me(), month=wanted))
    if problems:
        return _months_page(problems, 422)
    return done(_("%(month)s is open.", month=month_text(wanted)), url_for("ledger.months"))


@blueprint.post("/months/first")
@permission_required("ledger.close")
def open_first_month() -> ResponseReturnValue:
    """Open the month the books begin with."""
    form = FirstMonthForm()
    month = form.month.data or Month.of(today())
    if carried_out(form, partial(setup.open_month, actor=me(), month=month)):
        return done(_("%(month)s is open.", month=month_text(month)), url_for("ledger.months"))
    return _months_page((), 422, first=form)


@blueprint.post("/years/<int(max=9999):year>/audit")
@permission_required("ledger.close")
def sign_audit(year: int) -> ResponseReturnValue:
    """Record that the audit of a year is signed; month 13 may then be closed."""
    form = AuditForm()
    verb = partial(closing.sign_audit, actor=me(), year=year, audited_on=form.audited_on.data or date.min)
    if carried_out(form, verb):
        return done(_("The audit of %(year)s is recorded.", year=str(year)), url_for("ledger.months"))
    return _months_page((), 422, audit=form)


@dataclass(frozen=True, slots=True)
class BlockerShown:
    """What keeps a month from being closed, with the page that cures it."""

    text: Sentence
    url: str
    label: str


@dataclass(frozen=True, slots=True)
class ClosePage:
    """Closing a month: what is in the way, or what will happen.

    Attributes:
        month: the month.
        blockers: in order; empty when it may be closed.
        vouchers: how many it has.
        form: the will to do it.
        problems: why the last try was refused.
    """

    month: Month
    blockers: tuple[BlockerShown, ...]
    vouchers: int
    form: ConfirmForm
    problems: tuple[Sentence, ...]


def _cure(blocker: Blocker, month: Month) -> BlockerShown:
    """Return a blocker with its link."""
    if blocker.label:
        url = url_for(blocker.cure, **dict(blocker.values)) if may_open(blocker.cure) else ""
        return BlockerShown(sentence(blocker.problem), url, _(blocker.label))
    endpoint, label = CURES.get(blocker.problem.code) or CURES.get(blocker.cure, ("", ""))
    values: dict[str, Any] = {}
    if endpoint in ("ledger.drafts", "ledger.balances", "ledger.carry_forward", "ledger.trial_balance"):
        values["month"] = str(month)
    url = url_for(endpoint, **values) if endpoint and may_open(endpoint) else ""
    return BlockerShown(sentence(blocker.problem), url, _(label) if label else "")


@blueprint.route("/months/<month>/close", methods=["GET"])
@permission_required("ledger.read")
def close(month: str) -> ResponseReturnValue:
    """Show what keeps a month from being closed; when nothing does, say what closing means."""
    return _close_page(month_or_404(month))


def _close_page(month: Month, problems: Sequence[Sentence] = (), status: int = 200) -> ResponseReturnValue:
    actor = me()
    row = next((row for row in months(reading(), actor.org_id) if row.month == month), None)
    if row is None:
        abort(404)
    if not row.is_open:
        return redirect(url_for("ledger.months"), 303)
    blockers = close_blockers(reading(), actor.org_id, month, today())
    page = ClosePage(
        month=month,
        blockers=tuple(_cure(blocker, month) for blocker in blockers),
        vouchers=row.vouchers,
        form=ConfirmForm(formdata=None),
        problems=tuple(problems),
    )
    return render("ledger/close.html", page, status)


@blueprint.post("/months/<month>/close")
@permission_required("ledger.close")
def close_for_good(month: str) -> ResponseReturnValue:
    """Close a month, for good."""
    wanted = month_or_404(month)
    try:
        transact(partial(close_month, actor=me(), month=wanted, on=today()))
    except Refused as refused:
        if "close_not_open" in refused.codes:
            return redirect(url_for("ledger.months"), 303)  # sent twice: it is closed already
        return _close_page(wanted, problems_of(refused), 422)
    return done(_("%(month)s is closed for good.", month=month_text(wanted)), url_for("ledger.months"))


@dataclass(frozen=True, slots=True)
class CarryPage:
    """Carrying income and expense forward to net assets, before the voucher is made.

    Attributes:
        rows: per fund and earmark.
        problems: why the last try was refused.
    """

    month: Month
    rows: tuple[CarryRow, ...]
    form: ConfirmForm
    problems: tuple[Sentence, ...]


@blueprint.get("/months/<month>/carry-forward")
@permission_required("ledger.draft")
def carry_forward(month: str) -> ResponseReturnValue:
    """Show what would be carried forward to net assets."""
    return _carry_page(month_or_404(month))


def _carry_page(month: Month, problems: Sequence[Sentence] = (), status: int = 200) -> ResponseReturnValue:
    actor = me()
    rows = carry_rows(reading(), actor.org_id, month, names_of(actor))
    page = CarryPage(month, tuple(rows), ConfirmForm(formdata=None), tuple(problems))
    return render("ledger/carry_forward.html", page, status)


@blueprint.post("/months/<month>/carry-forward")
@permission_required("ledger.draft")
def make_carry_forward(month: str) -> ResponseReturnValue:
    """Prepare the closing voucher; another person reviews and posts it."""
    actor, wanted = me(), month_or_404(month)

    def work(session: Session) -> int:
        return make_closing_draft(session, actor=actor, month=wanted).id

    draft_id, problems = act(work)
    if problems or draft_id is None:
        return _carry_page(wanted, problems, 422)
    message = _("The closing voucher is prepared. Submit it; another person reviews and posts it.")
    return done(message, url_for("ledger.draft", draft_id=draft_id))


@dataclass(frozen=True, slots=True)
class BalancesPage:
    """What the books and the statements say at a month's end, place by place.

    Attributes:
        rows: every place of money in use.
        form: a statement or a count to be entered.
        may_state: whether the reader may enter one.
    """

    month: Month
    rows: tuple[PlaceRow, ...]
    form: StatementForm
    may_state: bool


@blueprint.route("/months/<month>/balances", methods=["GET", "POST"])
@permission_required("ledger.read")
def balances(month: str) -> ResponseReturnValue:
    """Enter what bank statements and cash counts say; the close compares them with the books."""
    actor, wanted = me(), month_or_404(month)
    may_state = actor.may("ledger.sign") or actor.may("ledger.draft")
    if request.method == "POST" and not may_state:
        raise PermissionMissing("ledger.sign")
    rows = place_rows(reading(), actor.org_id, wanted)
    form = StatementForm()
    form.place.choices = choices_of((row.code, f"{row.code} {row.name}") for row in rows)
    if not form.is_submitted():
        form.on.data = wanted.last_on

    verb = partial(
        closing.state_balance,
        actor=actor,
        money_place=form.place.data or "",
        on=form.on.data or wanted.last_on,
        balance_fen=form.balance.data or 0,
        source=form.source.data or "",
    )
    if carried_out(form, verb):
        return done(_("The balance is recorded."), url_for("ledger.balances", month=str(wanted)))
    return render("ledger/balances.html", BalancesPage(wanted, tuple(rows), form, may_state), status_of(form))
