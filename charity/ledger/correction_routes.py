"""Correcting what is posted: only the lawful ways are offered, with what each will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import Problem, Refused
from charity.ledger import corrections, drafting
from charity.ledger.books import load_books
from charity.ledger.common_routes import (
    NUMBER,
    blueprint,
    is_english,
    keep_papers,
    me,
    names_of,
    reading,
    voucher_or_404,
    voucher_url,
)
from charity.ledger.correction_forms import AmountsForm, ReverseForm
from charity.ledger.correction_queries import (
    CorrectionOutlook,
    Shortfall,
    correction_outlook,
    difference_preview,
)
from charity.ledger.entry_queries import Preview
from charity.ledger.entry_routes import (
    LOOKS,
    Desk,
    Outlook,
    first_day,
    form_page,
    look,
    sent_form,
    show,
    typed_draft,
)
from charity.ledger.forms import VoucherForm, line_data
from charity.ledger.models import Draft
from charity.ledger.naming import BookNames, load_names
from charity.ledger.people import rule_reviews, signer_names
from charity.ledger.sheets import Sheet, voucher_sheet
from charity.web.access import permission_required
from charity.web.render import Sentence, render, sentence


@dataclass(frozen=True, slots=True)
class CorrectPage:
    """What may be done about one posted voucher.

    Attributes:
        number: of the voucher, with its month.
        at: its month, word and number, for addresses.
        outlook: the lawful ways.
        refusal: why the ordinary ways are closed; None when they are open.
        reversal: what a reversal in full would book.
        form: date of the red voucher.
        amounts_url, anew_url, prior_url: the other ways.
        pending: addresses of drafts that correct it already.
    """

    number: str
    at: Mapping[str, Any]
    sheet: Sheet
    people: Mapping[int, str]
    outlook: CorrectionOutlook
    refusal: Sentence | None
    reversal: Outlook
    form: ReverseForm
    pending: tuple[str, ...]
    prior_url: str


@dataclass(frozen=True, slots=True)
class AmountsPage:
    """Right amounts for the lines of a posted voucher.

    Attributes:
        rows: (line with what is left, its field) in order.
        ahead: what it would book; None until worked out.
        shortfalls: restricted funds it would overdraw.
    """

    number: str
    at: Mapping[str, Any]
    outlook: CorrectionOutlook
    form: AmountsForm
    rows: tuple[tuple[Any, Any], ...]
    ahead: Outlook | None
    shortfalls: tuple[Shortfall, ...]


class Case:
    """One posted voucher under correction: who corrects it, and what may be done."""

    def __init__(self, month: str, word: str, number: int, on: date | None = None) -> None:
        self.actor: Actor = me()
        self.at: dict[str, Any] = {"month": month, "word": word, "number": number}
        self.voucher_id = voucher_or_404(self.actor, month, word, number)
        self.names: BookNames = names_of(self.actor)
        self.on = on or first_day(self.actor)
        self.outlook = correction_outlook(reading(), self.actor, self.voucher_id, self.on, self.names)

    @property
    def number(self) -> str:
        """Return the number as people say it, with its month."""
        return f"{self.outlook.record.month} {self.outlook.record.number_text}"

    @property
    def url(self) -> str:
        """Return the address of the voucher's page."""
        return voucher_url(self.outlook.record.month, self.at["word"], self.at["number"])


@blueprint.get(f"/vouchers/<month>/<word>/<{NUMBER}:number>/correct")
@permission_required("ledger.draft")
def correct(month: str, word: str, number: int) -> ResponseReturnValue:
    """Show the accountant which corrections are lawful, and what each will do."""
    case = Case(month, word, number)
    return _correct_page(case, ReverseForm(formdata=None, data={"on": case.on}))


def _correct_page(case: Case, form: ReverseForm, status: int = 200) -> ResponseReturnValue:
    outlook = case.outlook
    rule_id = outlook.record.header["posting_rule_id"]
    rules = rule_reviews(reading(), case.actor.org_id, [rule_id])
    sheet = voucher_sheet(outlook.record, case.names, rules.get(rule_id or 0))
    reversal = outlook.reversal
    problems = reversal.problems if reversal else ()
    page = CorrectPage(
        number=case.number,
        at=case.at,
        sheet=sheet,
        people=signer_names(reading(), sheet.people),
        outlook=outlook,
        refusal=sentence(outlook.refusal) if outlook.refusal else None,
        reversal=Outlook(reversal, tuple(sentence(problem) for problem in problems)),
        form=form,
        pending=tuple(url_for("ledger.draft", draft_id=key) for key in outlook.pending),
        prior_url=url_for("ledger.new_draft", prior=case.voucher_id) if outlook.is_prior_year else "",
    )
    return render("ledger/correct.html", page, status)


@blueprint.post(f"/vouchers/<month>/<word>/<{NUMBER}:number>/correct")
@permission_required("ledger.draft")
def reverse(month: str, word: str, number: int) -> ResponseReturnValue:
    """Prepare the red voucher that takes a posted one back in full, and submit it."""
    form = ReverseForm()
    case = Case(month, word, number, form.on.data)
    if not form.validate():
        return _correct_page(case, form, 422)

    def work(session: Session) -> list[Draft]:
        draft = corrections.reverse_voucher(
            session,
            actor=case.actor,
            voucher_id=case.voucher_id,
            on=case.on,
            idempotency_key=f"red-{form.idempotency_key.data}",
        )
        return _submitted(session, case.actor, [draft])

    try:
        drafts = transact(work)
    except Refused as refused:
        form.add_problems(refused.problems)
        return _correct_page(case, form, 422)
    return _prepared(drafts)


def _submitted(session: Session, actor: Actor, drafts: Sequence[Draft]) -> list[Draft]:
    """Submit drafts of a correction; those submitted by an earlier sending stay as they are."""
    waiting = [draft.id for draft in drafts if draft.state == "draft"]
    if waiting:
        drafting.submit_drafts(session, actor=actor, draft_ids=waiting)
    return list(drafts)


def _prepared(drafts: Sequence[Draft]) -> ResponseReturnValue:
    """Lead to the prepared correction."""
    flash(_("The correction is prepared and submitted for review. Nothing is booked before it is posted."))
    return redirect(url_for("ledger.draft", draft_id=drafts[0].id), 303)


@blueprint.get(f"/vouchers/<month>/<word>/<{NUMBER}:number>/anew")
@permission_required("ledger.draft")
def correct_anew(month: str, word: str, number: int) -> ResponseReturnValue:
    """Show the voucher form, filled in from the wrong voucher, to write the right one."""
    case = Case(month, word, number)
    if case.outlook.refusal is not None:
        return _correct_page(case, ReverseForm(formdata=None, data={"on": case.on}), 422)
    desk = Desk(case.actor, case.on).correct(case.outlook.reversal)
    lines = [row.value for row in case.outlook.record.lines if not row.value.is_retag]
    form = VoucherForm(formdata=None, data={"voucher_on": case.on, "lines": line_data(lines, desk.choices)})
    papers = case.outlook.record.attachments
    return show(form_page(form, desk, papers, **_anew_values(case)))


def _anew_values(case: Case) -> dict[str, object]:
    """Return what the voucher form says when it corrects another."""
    return {
        "stage": "correct",
        "action_url": url_for("ledger.save_anew", **case.at),
        "preview_url": url_for("ledger.preview_draft", target=case.voucher_id),
        "cancel_url": url_for("ledger.correct", **case.at),
        "target": case.number,
    }


@blueprint.post(f"/vouchers/<month>/<word>/<{NUMBER}:number>/anew")
@permission_required("ledger.draft")
def save_anew(month: str, word: str, number: int) -> ResponseReturnValue:
    """Prepare the red reversal and the right voucher as one set, and submit both."""
    form, desk = sent_form(me())
    case = Case(month, word, number, form.voucher_on.data)
    desk.correct(case.outlook.reversal)
    papers, problems = keep_papers(case.actor)
    asked = request.form.get("act", "submit")
    if asked in LOOKS and not problems:
        return look(form, desk, papers, asked, **_anew_values(case))
    stored = [row.value for row in case.outlook.record.lines if not row.value.is_retag]
    draft = typed_draft(form, desk, papers, stored=stored)
    if draft is None or problems:
        form.add_problems(problems)
        return show(form_page(form, desk, papers, **_anew_values(case)), 422)

    def work(session: Session) -> list[Draft]:
        drafts = corrections.correct_voucher(
            session,
            actor=case.actor,
            voucher_id=case.voucher_id,
            lines=draft.lines,
            on=draft.voucher_on,
            attachments=draft.attachments,
            idempotency_key=f"anew-{form.idempotency_key.data}",
        )
        return _submitted(session, case.actor, drafts)

    try:
        drafts = transact(work)
    except Refused as refused:
        form.add_line_problems(refused.problems)
        return show(form_page(form, desk, papers, outlook=desk.outlook(draft), **_anew_values(case)), 422)
    return _prepared(drafts)


@blueprint.get(f"/vouchers/<month>/<word>/<{NUMBER}:number>/amounts")
@permission_required("ledger.draft")
def correct_amounts(month: str, word: str, number: int) -> ResponseReturnValue:
    """Show the amounts of a posted voucher, to write the right ones beside them."""
    case = Case(month, word, number)
    if case.outlook.refusal is not None:
        return _correct_page(case, ReverseForm(formdata=None, data={"on": case.on}), 422)
    lines = [{"line_no": row.line.number, "amount": row.left_fen} for row in case.outlook.amounts]
    form = AmountsForm(formdata=None, data={"on": case.on, "lines": lines})
    return _amounts_page(case, form)


def _amounts_page(
    case: Case,
    form: AmountsForm,
    ahead: Outlook | None = None,
    shortfalls: Sequence[Shortfall] = (),
    status: int = 200,
) -> ResponseReturnValue:
    fields = {entry.form.line_no.data: entry.form for entry in form.lines}
    rows = tuple((row, fields[row.line.number]) for row in case.outlook.amounts if row.line.number in fields)
    page = AmountsPage(case.number, case.at, case.outlook, form, rows, ahead, tuple(shortfalls))
    return render("ledger/correct_amounts.html", page, status)


@blueprint.post(f"/vouchers/<month>/<word>/<{NUMBER}:number>/amounts")
@permission_required("ledger.draft")
def save_amounts(month: str, word: str, number: int) -> ResponseReturnValue:
    """Prepare a voucher over the differences; one that overdraws a fund needs a reason."""
    form = AmountsForm()
    case = Case(month, word, number, form.on.data)
    if case.outlook.refusal is not None or not form.validate():
        if case.outlook.refusal is not None:
            form.add_problems([case.outlook.refusal])
        return _amounts_page(case, form, status=422)
    amounts = {entry.form.line_no.data: entry.form.amount.data for entry in form.lines}
    books = load_books(reading(), case.actor.org_id, case.on)
    names = load_names(reading(), case.actor.org_id, is_english=is_english())
    found, shortfalls = difference_preview(reading(), case.actor.org_id, case.outlook, amounts, books, names)
    ahead = _ahead(found, shortfalls)
    if request.form.get("act") == "preview":
        return _amounts_page(case, form, ahead, shortfalls)
    if shortfalls and not form.reason.data:
        form.add_problems([Problem("reason_missing", where="reason")])
        return _amounts_page(case, form, ahead, shortfalls, 422)
    try:
        drafts = transact(
            partial(_correct_amounts, case=case, amounts=amounts, form=form, shortfalls=shortfalls)
        )
    except Refused as refused:
        form.add_problems(refused.problems)
        return _amounts_page(case, form, ahead, shortfalls, 422)
    return _prepared(drafts)


def _ahead(found: Preview | None, shortfalls: Sequence[Shortfall]) -> Outlook:
    """Return what a difference would book; a shortfall that is told with its way out is not told twice."""
    if found is None:
        return Outlook(None, ())
    short = () if shortfalls else found.shortages
    return Outlook(
        found,
        tuple(sentence(problem) for problem in found.problems),
        tuple(sentence(problem) for problem in short),
        is_short=bool(found.shortages),
    )


def _correct_amounts(
    session: Session,
    *,
    case: Case,
    amounts: Mapping[int, int],
    form: AmountsForm,
    shortfalls: Sequence[Shortfall],
) -> list[Draft]:
    """Prepare the difference, or the whole set of a correction of fact, and submit it."""
    key = f"amounts-{form.idempotency_key.data}"
    actor, voucher_id, on = case.actor, case.voucher_id, case.on
    if shortfalls:
        drafts = corrections.correct_fact(
            session,
            actor=actor,
            voucher_id=voucher_id,
            amounts=amounts,
            on=on,
            reason=form.reason.data,
            idempotency_key=key,
        )
    else:
        drafts = [
            corrections.difference_voucher(
                session, actor=actor, voucher_id=voucher_id, amounts=amounts, on=on, idempotency_key=key
            )
        ]
    return _submitted(session, actor, drafts)
