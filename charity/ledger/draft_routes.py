"""The voucher form (制单): write, change, look at what it would book, submit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.db import Actor, transact
from charity.errors import Refused
from charity.ids import key_of
from charity.ledger import drafting
from charity.ledger.common_routes import (
    ID,
    blueprint,
    draft_or_404,
    keep_papers,
    me,
    reading,
)
from charity.ledger.completion_rules import complete
from charity.ledger.correction_queries import correction_outlook, prior_year_lines
from charity.ledger.draft_queries import (
    draft_lines,
    draft_view,
    read_draft,
)
from charity.ledger.drafting import DraftOrigin, request_hash
from charity.ledger.entry_routes import (
    LOOKS,
    Desk,
    first_day,
    form_page,
    look,
    sent_form,
    shortages_of,
    show,
    typed_draft,
)
from charity.ledger.forms import VoucherForm, line_data
from charity.ledger.judging import draft_value
from charity.ledger.models import Draft
from charity.ledger.reading import read_voucher
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.web.access import permission_required
from charity.web.forms import new_key
from charity.web.render import render


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
    values: dict[str, object] = {}
    if after is not None:
        values = {
            "saved": _("Submitted for review: %(summary)s.", summary=after.summary),
            "saved_url": url_for("ledger.draft", draft_id=after.id),
            "shortages": shortages_of(after),
        }
    return show(form_page(form, desk, (), **values))


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


def submit_saved(
    actor: Actor, draft_id: int, form: VoucherForm, desk: Desk, papers: Sequence[str], url: str
) -> ResponseReturnValue:
    """Submit a draft that has just been saved; what keeps it back is shown in the form."""
    row = draft_or_404(actor, draft_id)
    desk.change(row)
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
            preview_url=url_for("ledger.preview_draft", draft=draft_id),
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
        "preview_url": url_for("ledger.preview_draft", draft=row.id),
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
    desk.change(row)
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
    _look_as_asked(desk)
    dropped = set(request.form.getlist("drop"))
    papers = [sha256 for sha256 in request.form.getlist("attachments") if sha256 not in dropped]
    draft = typed_draft(form, desk, papers) if form.typed_lines() else None
    chosen = request.form.get("chosen_files", "0")
    return render("ledger/_preview.html", desk.outlook(draft, is_paper_chosen=chosen != "0"))


def _look_as_asked(desk: Desk) -> None:
    """Let the desk know which draft is changed, or which voucher corrected, by the address."""
    actor = desk.actor
    if (key := key_of(request.args.get("draft", ""))) is not None:
        row = reading().get(Draft, (actor.org_id, key))
        if row is not None:
            desk.change(row)
    elif (key := key_of(request.args.get("target", ""))) is not None:
        try:
            found = correction_outlook(reading(), actor, key, desk.books.on, desk.names)
        except Refused:
            return
        desk.correct(found.reversal)
