"""Deciding about rows, one by one or all alike, and booking what is decided."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.ids import key_of
from charity.imports import queries, rules, service
from charity.imports.common_routes import act, blueprint, file_or_404, hide_numbers, me, reading_session
from charity.imports.forms import FeeForm
from charity.imports.models import ImportFile
from charity.imports.preview_routes import EventLink, event_links, file_page, names_of
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.filters import translated
from charity.web.render import Sentence, render, sentence


@blueprint.post("/<number>/decide")
@permission_required("imports.book")
def decide(number: str) -> ResponseReturnValue:
    """Decide about one row by one key, and go on to the next that waits."""
    row_text, _colon, action = request.form.get("decide", "").partition(":")
    row_no = min(key_of(row_text) or 0, 99_999_999)
    found, refused = act(number, service.decide_rows, row_nos=[row_no], action=action)
    if refused:
        return render("imports/file.html", file_page(found, refused=refused), 422)
    following = queries.next_open_row(reading_session(), me().org_id, found.id, row_no) or row_no
    return redirect(_here(found, following), 303)


def _here(found: ImportFile, at: int) -> str:
    """Return the address of the preview as filtered, with the focus on a row."""
    verdict, only_open = request.args.get("verdict") or None, request.args.get("open") or None
    address = url_for("imports.file", number=found.public_no, verdict=verdict, open=only_open, at=at or None)
    return f"{address}#row-{at}" if at else address


@blueprint.post("/<number>/decide-all")
@permission_required("imports.book")
def decide_all(number: str) -> ResponseReturnValue:
    """Decide about every open row of a verdict at once."""
    verdict, action = request.form.get("verdict", ""), request.form.get("action", "")
    found, refused = act(number, service.decide_alike, verdict=verdict, action=action)
    if refused:
        return render("imports/file.html", file_page(found, refused=refused), 422)
    return redirect(url_for("imports.file", number=found.public_no, verdict=verdict or None), 303)


@blueprint.post("/<number>/book")
@permission_required("imports.book")
def book(number: str) -> ResponseReturnValue:
    """Start the booking of what is decided; the page then shows how far it is."""
    found, refused = act(number, service.start_booking)
    if refused:
        return render("imports/file.html", file_page(found, refused=refused), 422)
    return redirect(url_for("imports.file", number=found.public_no), 303)


@dataclass(frozen=True, slots=True)
class RowPage:
    """One row of a file as it was read.

    Attributes:
        cells: (heading, cell) as in the file where something is wrong with the row; numbers
            of people and accounts show their ends only.
        facts: (label, value) of what was understood.
        reason: why it is judged so.
        problems: what is wrong with the row.
        fee_form: asked of a platform's payout.
        link: what it became; None without a page.
        target: where it goes, in words; empty for nowhere.
    """

    file: ImportFile
    row: queries.RowView
    verdict: str
    state: str
    reason: Sentence | None
    facts: tuple[tuple[str, str], ...]
    cells: tuple[tuple[str, str], ...]
    problems: tuple[Sentence, ...]
    fee_form: FeeForm | None
    actions: dict[str, str]
    keys: dict[str, str]
    may_decide: bool
    link: EventLink | None
    target: str


@blueprint.route("/<number>/rows/<int:row_no>", methods=["GET", "POST"])
@permission_required("imports.read")
def row(number: str, row_no: int) -> ResponseReturnValue:
    """Show one row in full, and take the fee of a platform's payout."""
    found = file_or_404(number)
    known = queries.find_row(reading_session(), me().org_id, found.id, row_no)
    if known is None:
        abort(404)
    view, value, _kept = known
    may_decide = me().may("imports.book") and found.state == "judged" and bool(view.actions)
    form = FeeForm() if may_decide and "settlement" in view.actions else None
    file_id = found.id
    if form is not None and carried_out(
        form,
        lambda session: service.decide_rows(
            session,
            actor=me(),
            file_id=file_id,
            row_nos=[row_no],
            action="settlement",
            params={"fee_fen": form.fee.data},
        ),
    ):
        return done(_("The fee was noted; book the file again."), url_for("imports.file", number=number))
    facts = [
        (_("Serial number"), value.reference),
        (_("Our own number"), value.merchant_reference),
        (_("Other side"), hide_numbers(value.counterparty_name)),
        (_("Account of the other side"), hide_numbers(value.counterparty_account)),
        (_("Bank of the other side"), value.counterparty_bank),
        (_("Summary given by the bank"), hide_numbers(value.summary)),
        (_("Purpose of the payment"), hide_numbers(value.purpose)),
        (_("Remark"), hide_numbers(value.remark)),
        (_("Gives back the order"), value.refund_of),
    ]
    page = RowPage(
        file=found,
        row=view,
        verdict=translated(rules.VERDICTS[view.verdict]),
        state=translated(rules.ROW_STATES[view.state]),
        reason=sentence(view.reason) if view.reason is not None and view.is_open else None,
        facts=tuple((label, text) for label, text in facts if text),
        cells=tuple((heading, hide_numbers(text)) for heading, text in value.raw.items()),
        problems=tuple(sentence(problem) for problem in value.problems),
        fee_form=form,
        actions={code: translated(label) for code, label in rules.ACTIONS.items()},
        keys=dict(rules.ACTION_KEYS),
        may_decide=may_decide,
        link=event_links(found, [view]).get(row_no),
        target=names_of(found, [view]).get(view.target, view.target),
    )
    return render("imports/row.html", page, status_of(form) if form is not None else 200)
