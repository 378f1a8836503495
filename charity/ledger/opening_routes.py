"""Pages of the opening: template, judgement, preview, approval by a second person, what came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flask import Response, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.errors import Refused, refuse_if
from charity.ledger import opening, opening_queries
from charity.ledger.common_routes import ID, blueprint, me, reading
from charity.ledger.opening_forms import ApproveForm, TicketForm, WithdrawForm, WorkbookForm
from charity.ledger.opening_plan import Purse
from charity.ledger.opening_queries import (
    NumberRow,
    OpeningRow,
    OpenItemRow,
    StockRow,
    TicketRow,
    YearRow,
)
from charity.ledger.opening_template import template
from charity.periods import Month
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, prepared, status_of
from charity.web.context import settings, today
from charity.web.render import Sentence, problems_of, render


@dataclass(frozen=True, slots=True)
class VoucherSummary:
    """One voucher that taking over will post."""

    name: str
    month: Month
    lines: int
    total_fen: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking the books over will do.

    Attributes:
        purses: fund and earmark by fund and earmark.
        total: their sum.
        vouchers: in the order they are posted.
        counts: sheet → how many rows it brings.
        is_summed: whether the months passed stand together in the last of them.
    """

    purses: tuple[Purse, ...]
    total: Purse
    vouchers: tuple[VoucherSummary, ...]
    counts: tuple[tuple[str, int], ...]
    is_summed: bool


@dataclass(frozen=True, slots=True)
class OpeningPage:
    """Books from another system.

    Attributes:
        row: what waits or was taken; None while nothing is.
        preview: of what waits; None when it does not tie any more.
        first_month: first month of the books; None while there is none.
        upload, withdraw: forms.
        problems: what does not tie, in the order of the sheets.
        may_prepare, may_approve: what the reader can do now.
        is_own: whether the reader prepared what waits.
    """

    row: OpeningRow | None
    preview: Preview | None
    first_month: Month | None
    upload: WorkbookForm
    withdraw: WithdrawForm
    problems: tuple[Sentence, ...]
    may_prepare: bool
    may_approve: bool
    is_own: bool
    items: tuple[OpenItemRow, ...]
    stock: tuple[StockRow, ...]
    tickets: tuple[TicketRow, ...]
    numbers: tuple[NumberRow, ...]
    years: tuple[YearRow, ...]
    ticket_form: TicketForm


def _may_approve() -> bool:
    return all(me().may(code) for code in ("ledger.review", "ledger.post", "ledger.close"))


def _preview(row: OpeningRow) -> tuple[Preview | None, tuple[Sentence, ...]]:
    """Judge what waits once more, as the books stand now."""
    actor = me()
    try:
        book = opening.kept_book(
            reading(), org_id=actor.org_id, sha256=row.sha256, data_dir=settings().data_dir
        )
        plan, problems = opening.read_opening(reading(), org_id=actor.org_id, book=book, today=today())
    except Refused as refused:
        return None, tuple(problems_of(refused))
    if plan is None or problems:
        return None, tuple(problems_of(Refused(*problems)))
    sums = [
        sum(getattr(purse, f"{name}_fen") for purse in plan.purses)
        for name in ("opening", "in", "out", "closing", "spendable", "held")
    ]
    vouchers = tuple(
        VoucherSummary(
            str(_("Opening balances of the year"))
            if plan.has_opening and place == 0
            else str(_("Turnover of the months passed")),
            month,
            len(lines),
            sum(line.debit_fen for line in lines),
        )
        for place, (month, lines) in enumerate(plan.vouchers)
    )
    counts = tuple((sheet, len(rows)) for sheet, rows in plan.file.rows.items())
    return Preview(plan.purses, Purse("", "", *sums), vouchers, counts, plan.is_summed), ()


def _page(
    upload: WorkbookForm | None = None,
    withdraw: WithdrawForm | None = None,
    ticket: TicketForm | None = None,
    problems: tuple[Sentence, ...] = (),
    status: int = 200,
) -> ResponseReturnValue:
    actor, session = me(), reading()
    row = opening_queries.opening_row(session, actor.org_id)
    preview = None
    if row is not None and row.state == "proposed":
        preview, more = _preview(row)
        problems = problems or more
    page = OpeningPage(
        row=row,
        preview=preview,
        first_month=opening_queries.first_month(session, actor.org_id),
        upload=upload or WorkbookForm(formdata=None),
        withdraw=withdraw or WithdrawForm(formdata=None),
        problems=problems,
        may_prepare=actor.may("ledger.draft"),
        may_approve=_may_approve(),
        is_own=row is not None and row.proposer_id == actor.user_id,
        items=tuple(opening_queries.open_items(session, actor.org_id)),
        stock=tuple(opening_queries.opened_stock(session, actor.org_id)),
        tickets=tuple(opening_queries.owed_tickets(session, actor.org_id)),
        numbers=tuple(opening_queries.old_numbers(session, actor.org_id)),
        years=tuple(opening_queries.year_figures(session, actor.org_id)),
        ticket_form=ticket or TicketForm(formdata=None),
    )
    return render("ledger/opening.html", page, status)


@blueprint.get("/setup/opening", endpoint="opening")
@permission_required("ledger.read")
def opening_page() -> ResponseReturnValue:
    """Show accountants where books from another system stand: template, preview, what came."""
    return _page()


@blueprint.get("/setup/opening/template.xlsx")
@permission_required("ledger.read")
def opening_template() -> ResponseReturnValue:
    """Give the template, with the codes of these books on its first sheet."""
    purses, places = opening_queries.codes_in_use(reading(), me().org_id)
    return Response(
        template(purses, places),
        content_type=opening.MEDIA_TYPE,
        headers={"Content-Disposition": 'attachment; filename="opening-template.xlsx"'},
    )


def _sound_book(data: bytes, name: str) -> opening.OpeningBook:
    """Read a workbook and judge it as the books stand, before anybody has to wait for it."""
    book = opening.read_book(data, name)
    _plan, problems = opening.read_opening(reading(), org_id=me().org_id, book=book, today=today())
    refuse_if(problems)
    return book


@blueprint.post("/setup/opening")
@permission_required("ledger.draft")
def propose_opening() -> ResponseReturnValue:
    """Let an accountant hand in the workbook; whatever does not tie is told."""
    form = WorkbookForm()
    if form.validate_on_submit():
        upload = form.file.data
        data, name = upload.read(), upload.filename or "workbook.xlsx"
        book = prepared(form, lambda: _sound_book(data, name))
        verb = partial(
            opening.propose_opening,
            actor=me(),
            data=data,
            name=name,
            data_dir=settings().data_dir,
            today=today(),
            book=book,
        )
        if book is not None and carried_out(form, verb):
            return done(_("Everything ties. A second person approves it now."), url_for("ledger.opening"))
    return _page(upload=form, status=422)


@dataclass(frozen=True, slots=True)
class ApprovePage:
    """What approving does, before it is done.

    Attributes:
        row: what waits.
        preview: what it brings.
        form: the will to do it.
        problems: why the last try was refused.
    """

    row: OpeningRow
    preview: Preview
    form: ApproveForm
    problems: tuple[Sentence, ...]


@blueprint.route("/setup/opening/<sha256>/approve", methods=["GET", "POST"])
@permission_required("ledger.close")
def approve_opening(sha256: str) -> ResponseReturnValue:
    """Tell the second person what taking the books over means, and do it."""
    actor, form = me(), ApproveForm()
    here = {"sha256": sha256, "data_dir": settings().data_dir}
    book = prepared(form, lambda: opening.kept_book(reading(), org_id=actor.org_id, **here))
    verb = partial(opening.approve_opening, actor=actor, today=today(), book=book, **here)
    if book is not None and carried_out(form, verb):
        return done(_("The books were taken over."), url_for("ledger.opening"))
    row = opening_queries.opening_row(reading(), actor.org_id)
    if row is None or row.state != "proposed" or row.sha256 != sha256:
        return redirect(url_for("ledger.opening"), 303)  # taken, replaced or withdrawn meanwhile
    preview, problems = _preview(row)
    if preview is None:
        return _page(problems=problems, status=422)
    return render("ledger/approve_opening.html", ApprovePage(row, preview, form, problems), status_of(form))


@blueprint.post("/setup/opening/withdraw")
@permission_required("ledger.read")
def withdraw_opening() -> ResponseReturnValue:
    """Put aside what waits, with a reason."""
    form = WithdrawForm()
    verb = partial(opening.withdraw_opening, actor=me(), reason=form.reason.data or "")
    if carried_out(form, verb):
        return done(_("The opening was withdrawn."), url_for("ledger.opening"))
    return _page(withdraw=form, status=422)


@blueprint.post(f"/setup/opening/tickets/<{ID}:ticket_id>")
@permission_required("ledger.draft")
def issue_owed(ticket_id: int) -> ResponseReturnValue:
    """Record the number of an invoice owed from before."""
    form = TicketForm()
    verb = partial(
        opening.issue_owed,
        actor=me(),
        ticket_id=ticket_id,
        invoice_number=form.invoice_number.data or "",
    )
    if carried_out(form, verb):
        return done(_("The invoice is recorded."), url_for("ledger.opening"))
    return _page(ticket=form, status=422)
