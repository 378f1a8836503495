"""What every page with the voucher form does: read it, look ahead, show it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import request, url_for
from flask.typing import ResponseReturnValue

from charity.db import Actor
from charity.ledger import queries
from charity.ledger.common_routes import names_of, reading
from charity.ledger.draft_queries import OPEN_STATES, AttachmentView, attachment_views, sisters
from charity.ledger.entry_queries import EntryChoices, Preview, entry_choices, preview
from charity.ledger.forms import VoucherForm, compact
from charity.ledger.judging import check_money, draft_value
from charity.ledger.models import Draft
from charity.ledger.naming import BookNames, LineView
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.periods import Month
from charity.web.context import today
from charity.web.render import Sentence, render, sentence

#: Empty lines added by the button that works without JavaScript.
MORE_LINES = 3


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an entry would book, as shown.

    Attributes:
        preview: lines added, sums and funds; None while there is nothing to tell.
        sentences: what keeps it from being submitted.
        shortages: what it would overdraw now; it may be submitted, but not reviewed.
        is_short: whether a fund would be overdrawn, told here or elsewhere on the page.
    """

    preview: Preview | None
    sentences: tuple[Sentence, ...]
    shortages: tuple[Sentence, ...] = ()
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class VoucherFormPage:
    """The voucher form.

    Attributes:
        form: what was typed, kept whatever happens.
        choices: what the lists offer.
        papers: source documents attached so far.
        outlook: what would be booked; None until asked for.
        action_url: where the form is sent; without the page's address for a correction.
        preview_url: where a script asks what would be booked.
        cancel_url: the way out.
        stage: ``new``, ``edit`` or ``correct``; decides heading and buttons.
        saved: one sentence on what is kept already, and the page of it; may be empty.
        saved_url: see ``saved``.
        shortages: what the voucher just submitted waits for.
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
    preview_url: str
    cancel_url: str
    stage: str
    saved: str
    saved_url: str
    shortages: tuple[Sentence, ...]
    returned_reason: str
    other_lines: tuple[LineView, ...]
    open_months: tuple[Month, ...]
    has_month13: bool
    target: str


class Desk:
    """What handling one request of the voucher form needs at hand.

    Attributes:
        kind: of the voucher written; corrections and openings go without papers.
        beside: completed vouchers of its set, posted in front of it.
        hold_id: hold it pays.
    """

    def __init__(self, actor: Actor, on: date) -> None:
        self.actor = actor
        self.names: BookNames = names_of(actor)
        self.choices = entry_choices(reading(), actor.org_id, on, self.names)
        self.kind = "normal"
        self.beside: tuple[DraftVoucher, ...] = ()
        self.hold_id: int | None = None

    @property
    def books(self) -> Books:
        """Return what the codes mean on the voucher's day."""
        return self.choices.books

    def change(self, row: Draft) -> Desk:
        """Look at entries as at changes of a stored draft."""
        others = sisters(reading(), self.actor.org_id, row)
        self.kind, self.hold_id = row.kind, row.hold_id
        self.beside = tuple(draft_value(other) for other in others if other.state in OPEN_STATES)
        return self

    def correct(self, reversal: Preview | None) -> Desk:
        """Look at entries as at the right voucher, posted behind the red one."""
        self.kind = "correction"
        self.beside = (reversal.draft,) if reversal is not None else ()
        return self

    def outlook(self, draft: DraftVoucher | None, *, is_paper_chosen: bool = False) -> Outlook:
        """Return what an entry would book.

        Args:
            draft: what was typed; None when it cannot be read.
            is_paper_chosen: papers stand in the form that are not sent yet.
        """
        if draft is None or not draft.lines:
            return Outlook(None, ())
        found = preview(
            reading(),
            self.actor.org_id,
            replace(draft, kind=self.kind),
            self.books,
            self.names,
            beside=self.beside,
            hold_id=self.hold_id,
        )
        problems = [p for p in found.problems if not (is_paper_chosen and p.code == "attachment_missing")]
        return Outlook(
            found,
            tuple(sentence(problem) for problem in problems),
            tuple(sentence(problem) for problem in found.shortages),
            is_short=bool(found.shortages),
        )


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
        preview_url=url_for("ledger.preview_draft"),
        cancel_url=url_for("ledger.drafts"),
        stage="new",
        saved="",
        saved_url="",
        shortages=(),
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


def shortages_of(row: Draft) -> tuple[Sentence, ...]:
    """Return what a draft that waits would overdraw now."""
    if row.state not in OPEN_STATES:
        return ()
    return tuple(sentence(problem) for problem in check_money(reading(), row.org_id, [row]))


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
