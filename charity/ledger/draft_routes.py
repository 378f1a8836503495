"""The voucher form (制单): write, change, look at what it would book, submit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.db import Actor, transact
from charity.errors import Refused
from charity.ids import key_of
from charity.ledger import drafting, queries
from charity.ledger.common_routes import (
    ID,
    blueprint,
    draft_or_404,
    keep_papers,
    me,
    names_of,
    reading,
)
from charity.ledger.completion_rules import complete
from charity.ledger.correction_queries import prior_year_lines
from charity.ledger.draft_queries import (
    AttachmentView,
    attachment_views,
    draft_lines,
    draft_view,
    read_draft,
)
from charity.ledger.drafting import DraftOrigin, draft_value, request_hash
from charity.ledger.entry_queries import EntryChoices, Preview, entry_choices, preview
from charity.ledger.forms import VoucherForm, compact, line_data
from charity.ledger.models import Draft
from charity.ledger.naming import BookNames, LineView
from charity.ledger.reading import read_voucher
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.periods import Month
from charity.web.access import permission_required
from charity.web.context import today
from charity.web.forms import new_key
from charity.web.render import Sentence, render, sentence

#: Empty lines added by the button that works without JavaScript.
MORE_LINES = 3


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an entry would book, as shown.

    Attributes:
        preview: lines added, sums and funds; None while there is nothing to tell.
        sentences: what keeps it from being submitted.
    """

    preview: Preview | None
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class VoucherFormPage:
    """The voucher form.

    Attributes:
        form: what was typed, kept whatever happens.
        choices: what the lists offer.
        papers: source documents attached so far.
        outlook: what would be booked; None until asked for.
        action_url: where the form is sent; without the page's address for a correction.
        cancel_url: the way out.
        stage: ``new``, ``edit`` or ``correct``; decides heading and buttons.
        saved: one sentence on what is kept already, and the page of it; may be empty.
        saved_url: see ``saved``.
        returned_reason: why the reviewer gave it back.
        other_lines: what another person has saved meanwhile.
        open_months: months that take vouchers, in order.
        has_month13: whether the audit adjustments of a year are open.
        target: number of the voucher that is corrected; empty otherwise.
    """

    form: VoucherForm
    choices: EntryChoices
    papers: tuple[AttachmentView, ...]
    outlook: Outlook | None
    action_url: str
    cancel_url: str
    stage: str
    saved: str
    saved_url: str
    returned_reason: str
    other_lines: tuple[LineView, ...]
    open_months: tuple[Month, ...]
    has_month13: bool
    target: str


class Desk:
    """What handling one request of the voucher form needs at hand."""

    def __init__(self, actor: Actor, on: date) -> None:
        self.actor = actor
        self.names: BookNames = names_of(actor)
        self.choices = entry_choices(reading(), actor.org_id, on, self.names)

    @property
    def books(self) -> Books:
        """Return what the codes mean on the voucher's day."""
        return self.choices.books

    def outlook(self, draft: DraftVoucher | None, *, has_papers: bool = True) -> Outlook:
        """Return what an entry would book; what is said of papers only where they are at hand."""
        if draft is None or not draft.lines:
            return Outlook(None, ())
        found = preview(reading(), self.actor.org_id, draft, self.books, self.names)
        problems = [p for p in found.problems if has_papers or p.code != "attachment_missing"]
        return Outlook(found, tuple(sentence(problem) for problem in problems))


def sent_form(actor: Actor) -> tuple[VoucherForm, Desk]:
    """Return the form as sent, and what its codes mean on its day."""
    form = VoucherForm(formdata=compact(request.form))
    desk = Desk(actor, form.voucher_on.data or today())
    form.offer(desk.choices)
    return form, desk


def form_page(form: VoucherForm, desk: Desk, papers: Sequence[str], **values: object) -> VoucherFormPage:
    """Return the page of the form with what every showing of it has in common."""
    form.fill_up()
    form.offer(desk.choices)
    months = queries.open_months(reading(), desk.actor.org_id)
    page = VoucherFormPage(
        form=form,
        choices=desk.choices,
        papers=attachment_views(reading(), desk.actor.org_id, papers),
        outlook=None,
        action_url=url_for("ledger.new_draft"),
        cancel_url=url_for("ledger.drafts"),
        stage="new",
        saved="",
        saved_url="",
        returned_reason="",
        other_lines=(),
        open_months=tuple(months),
        has_month13=any(month.number == 13 for month in months),
        target="",
    )
    return replace(page, **values)  # type: ignore[arg-type]


def show(page: VoucherFormPage, status: int = 200) -> ResponseReturnValue:
    """Answer with the form."""
    return render("ledger/draft_form.html", page, status)


def first_day(actor: Actor) -> date:
    """Return the date a new voucher begins with: today, or the last open month's last day."""
    months = [m for m in queries.open_months(reading(), actor.org_id) if m.number != 13]
    now = today()
    if not months or any(month.holds(now) for month in months):
        return now
    return min(months[-1].last_on, now)


@blueprint.get("/drafts/new")
@permission_required("ledger.draft")
def new_draft() -> ResponseReturnValue:
    """Show the accountant an empty voucher, or one filled in from another."""
    actor = me()
    after = _saved_before(actor)
    desk = Desk(actor, after.voucher_on if after else first_day(actor))
    lines = _copied(actor, desk)
    form = VoucherForm(
        formdata=None,
        data={"voucher_on": desk.books.on, "lines": line_data(lines, desk.choices, has_origin=False)},
    )
    saved = url = ""
    if after is not None:
        url = url_for("ledger.draft", draft_id=after.id)
        saved = _("Submitted for review: %(summary)s.", summary=after.summary)
    return show(form_page(form, desk, (), saved=saved, saved_url=url))


def _saved_before(actor: Actor) -> Draft | None:
    """Return the draft submitted a moment ago, named by the address."""
    key = key_of(request.args.get("after", ""))
    return reading().get(Draft, (actor.org_id, key)) if key is not None else None


def _copied(actor: Actor, desk: Desk) -> tuple[DraftLine, ...]:
    """Return the lines to begin with: those of the draft or posted voucher the address names.

    ``prior`` names a voucher of a past year, whose error is corrected through 3201.
    """
    for name in ("draft", "voucher", "prior"):
        key = key_of(request.args.get(name, ""))
        if key is None:
            continue
        try:
            if name == "draft":
                return draft_lines(read_draft(reading(), actor.org_id, key))
            record = read_voucher(reading(), actor.org_id, key)
        except Refused:
            return ()
        if name == "prior":
            return prior_year_lines(record, desk.books)
        lines = tuple(line.value for line in record.lines if not line.value.is_retag)
        return lines if record.header["colour"] == "blue" else ()
    return ()


@blueprint.post("/drafts/new")
@permission_required("ledger.draft")
def save_new_draft() -> ResponseReturnValue:
    """Save what the accountant has written, and submit it when asked to."""
    actor = me()
    form, desk = sent_form(actor)
    papers, problems = keep_papers(actor)
    asked = request.form.get("act", "save")
    if asked in LOOKS and not problems:
        return look(form, desk, papers, asked)
    draft = typed_draft(form, desk, papers)
    if draft is None or problems:
        form.add_problems(problems)
        return show(form_page(form, desk, papers), 422)
    key = f"form-{form.idempotency_key.data}"
    origin = DraftOrigin(idempotency_key=key)
    try:
        saved = transact(
            lambda session: drafting.make_draft(session, actor=actor, draft=draft, origin=origin).id
        )
    except Refused as refused:
        if "key_reused" in refused.codes:
            form.idempotency_key.data = new_key()
            form.form_errors.append(
                _("This form was saved before, with other contents. Send it again to save a second voucher.")
            )
        else:
            form.add_line_problems(refused.problems)
        return show(form_page(form, desk, papers, outlook=desk.outlook(draft)), 422)
    if asked != "submit":
        flash(_("Saved. It is still with you; submit it when it is complete."))
        return redirect(url_for("ledger.draft", draft_id=saved), 303)
    return submit_saved(actor, saved, form, desk, papers, url_for("ledger.new_draft", after=saved))


def typed_draft(
    form: VoucherForm, desk: Desk, papers: Sequence[str], stored: Sequence[DraftLine] = ()
) -> DraftVoucher | None:
    """Return what was typed as a voucher; None when something cannot be read."""
    is_readable = form.validate()
    draft = form.resolve(desk.choices, stored)
    return replace(draft, attachments=tuple(papers)) if draft is not None and is_readable else None


#: Acts of the form that change nothing: more lines, papers taken off, what would be booked.
LOOKS = ("add", "drop", "preview")


def look(
    form: VoucherForm, desk: Desk, papers: Sequence[str], asked: str, **values: object
) -> ResponseReturnValue:
    """Show the form again without saving it."""
    if asked != "preview":
        if asked == "add":
            form.fill_up(len(form.lines) + MORE_LINES)
        return show(form_page(form, desk, papers, **values))
    draft = typed_draft(form, desk, papers)
    status = 422 if draft is None else 200
    return show(form_page(form, desk, papers, outlook=desk.outlook(draft), **values), status)


def submit_saved(
    actor: Actor, draft_id: int, form: VoucherForm, desk: Desk, papers: Sequence[str], url: str
) -> ResponseReturnValue:
    """Submit a draft that has just been saved; what keeps it back is shown in the form."""
    row = draft_or_404(actor, draft_id)
    if row.state != "draft":
        return redirect(url, 303)  # sent twice: the first sending has submitted it
    try:
        transact(partial(drafting.submit_drafts, actor=actor, draft_ids=[draft_id]))
    except Refused as refused:
        row = draft_or_404(actor, draft_id)
        form.version.data = row.version
        form.version.raw_data = None
        form.add_line_problems(refused.problems)
        page = form_page(
            form,
            desk,
            papers,
            stage="edit",
            action_url=url_for("ledger.edit_draft", draft_id=draft_id),
            cancel_url=url_for("ledger.draft", draft_id=draft_id),
            outlook=desk.outlook(draft_value(row)),
            saved=_("What you entered is saved as a draft. It was not submitted."),
            saved_url=url_for("ledger.draft", draft_id=draft_id),
        )
        return show(page, 422)
    return redirect(url, 303)


@blueprint.get(f"/drafts/<{ID}:draft_id>/edit")
@permission_required("ledger.draft")
def edit_draft(draft_id: int) -> ResponseReturnValue:
    """Show the maker a draft to be changed."""
    actor = me()
    row = draft_or_404(actor, draft_id)
    desk = Desk(actor, row.voucher_on)
    view = draft_view(reading(), actor, row, desk.names)
    if not view.is_editable:
        return redirect(url_for("ledger.draft", draft_id=draft_id), 303)
    lines = shown_lines(draft_value(row), desk.books)
    form = VoucherForm(
        formdata=None,
        data={
            "version": row.version,
            "voucher_on": row.voucher_on,
            "is_month13": row.month % 100 == 13,
            "lines": line_data(lines, desk.choices),
        },
    )
    return show(form_page(form, desk, row.attachments, **_edit_values(row)))


def _edit_values(row: Draft) -> dict[str, object]:
    """Return what the form of a stored draft says beside the lines."""
    return {
        "stage": "edit",
        "action_url": url_for("ledger.edit_draft", draft_id=row.id),
        "cancel_url": url_for("ledger.draft", draft_id=row.id),
        "returned_reason": row.returned_reason,
    }


def shown_lines(draft: DraftVoucher, books: Books) -> tuple[DraftLine, ...]:
    """Return the lines a person entered, without cash-flow items the books give by themselves.

    An item shown in the form would stay when the accounts around it are changed.
    """
    own = tuple(line for line in draft.lines if not line.is_retag)
    bare = tuple(replace(line, cash_flow="") for line in own)
    given = complete(replace(draft, lines=bare), books).lines
    return tuple(
        replace(line, cash_flow="") if line.cash_flow == same.cash_flow else line
        for line, same in zip(own, given, strict=False)
    )


@blueprint.post(f"/drafts/<{ID}:draft_id>/edit")
@permission_required("ledger.draft")
def save_draft(draft_id: int) -> ResponseReturnValue:
    """Save a changed draft, unless another tab or person has changed it meanwhile."""
    actor = me()
    row = draft_or_404(actor, draft_id)
    form, desk = sent_form(actor)
    papers, problems = keep_papers(actor)
    asked = request.form.get("act", "save")
    if asked in LOOKS and not problems:
        return look(form, desk, papers, asked, **_edit_values(row))
    draft = typed_draft(form, desk, papers, stored=shown_lines(draft_value(row), desk.books))
    if draft is not None:
        draft = replace(
            draft, kind=row.kind, colour=row.colour, reverses_id=row.reverses_id, corrects_id=row.corrects_id
        )
    if draft is None or problems:
        form.add_problems(problems)
        return show(form_page(form, desk, papers, **_edit_values(row)), 422)
    version = form.version.data or 0
    if row.version != version and _is_same(row, draft, desk.books):
        version = row.version  # sent twice: it is saved already
    elif (refused := _save(actor, draft_id, version, draft)) is not None:
        return _show_refused(actor, draft_id, form, desk, papers, draft, refused)
    url = url_for("ledger.draft", draft_id=draft_id)
    if asked == "submit":
        return submit_saved(actor, draft_id, form, desk, papers, url)
    flash(_("Saved. It is still with you; submit it when it is complete."))
    return redirect(url, 303)


def _is_same(row: Draft, draft: DraftVoucher, books: Books) -> bool:
    """Say whether a stored draft already has the contents that were sent."""
    return request_hash(complete(draft, books)) == request_hash(draft_value(row))


def _save(actor: Actor, draft_id: int, version: int, draft: DraftVoucher) -> Refused | None:
    """Save a changed draft; return the refusal, if there is one."""
    try:
        transact(partial(drafting.edit_draft, actor=actor, draft_id=draft_id, version=version, draft=draft))
    except Refused as refused:
        return refused
    return None


def _show_refused(
    actor: Actor,
    draft_id: int,
    form: VoucherForm,
    desk: Desk,
    papers: Sequence[str],
    draft: DraftVoucher,
    refused: Refused,
) -> ResponseReturnValue:
    """Show a refused change: what was typed, and what another has saved meanwhile."""
    row = draft_or_404(actor, draft_id)
    values = _edit_values(row)
    if "draft_changed" in refused.codes:
        lines = enumerate(draft_lines(row), start=1)
        values["other_lines"] = tuple(desk.names.line(n, line, row.summary) for n, line in lines)
        form.version.data, form.version.raw_data = row.version, None
    form.add_line_problems(refused.problems)
    return show(form_page(form, desk, papers, outlook=desk.outlook(draft), **values), 422)


@blueprint.post("/drafts/preview")
@permission_required("ledger.draft")
def preview_draft() -> ResponseReturnValue:
    """Tell the voucher form, while it is being filled in, what would be booked."""
    form, desk = sent_form(me())
    draft = typed_draft(form, desk, ()) if form.typed_lines() else None
    return render("ledger/_preview.html", desk.outlook(draft, has_papers=False))
