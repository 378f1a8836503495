"""One draft's page, and the steps people take with it: submit, recall, review, return, sign, discard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.ledger import drafting
from charity.ledger.common_routes import ID, act, blueprint, draft_or_404, me, names_of, reading
from charity.ledger.draft_queries import DraftView, draft_view, next_waiting, sisters
from charity.ledger.entry_routes import shortages_of
from charity.ledger.people import signer_names
from charity.ledger.queries import voucher_numbers
from charity.ledger.states import STATE_LABELS
from charity.web.access import permission_required
from charity.web.acts import done
from charity.web.context import today
from charity.web.render import Sentence, render, sentence


@dataclass(frozen=True, slots=True)
class DraftPage:
    """One draft, as on paper, with the steps the reader may take.

    Attributes:
        view: the draft.
        refusals: step → why the reader may not take it.
        problems: why the last act was refused.
        reason: what was typed as a reason.
        sisters: (draft id, summary, state) of the other drafts of its set.
        target: number and address of the voucher it corrects.
        posted: number and address of the voucher it became.
        next_url: the next draft that waits for the reader; empty when none does.
        labels: state → message id.
        shortages: what it would overdraw now; then nobody can review or sign it.
    """

    view: DraftView
    refusals: Mapping[str, Sentence]
    problems: tuple[Sentence, ...]
    reason: str
    sisters: tuple[tuple[int, str, str], ...]
    target: tuple[str, str] | None
    posted: tuple[str, str] | None
    next_url: str
    labels: Mapping[str, str]
    people: Mapping[int, str]
    shortages: tuple[Sentence, ...]


def _draft_page(
    draft_id: int, problems: Sequence[Sentence] = (), status: int = 200, reason: str = ""
) -> ResponseReturnValue:
    actor = me()
    row = draft_or_404(actor, draft_id)
    view = draft_view(reading(), actor, row, names_of(actor))
    linked = [key for key in (view.target_id, view.voucher_id) if key is not None]
    numbers = voucher_numbers(reading(), actor.org_id, linked)
    others = sisters(reading(), actor.org_id, row)
    following = next_waiting(reading(), actor, row)
    page = DraftPage(
        view=view,
        refusals={step: sentence(problem) for step, problem in view.refusals.items()},
        problems=tuple(problems),
        reason=reason,
        sisters=tuple((other.id, other.summary, other.state) for other in others),
        target=_link(view.target_id, numbers),
        posted=_link(view.voucher_id, numbers),
        next_url=url_for("ledger.draft", draft_id=following) if following else "",
        labels=STATE_LABELS,
        people=signer_names(reading(), view.sheet.people),
        shortages=() if problems else shortages_of(row),
    )
    return render("ledger/draft.html", page, status)


def _link(voucher_id: int | None, numbers: Mapping[int, str]) -> tuple[str, str] | None:
    """Return number and address of a voucher's page."""
    if voucher_id is None or voucher_id not in numbers:
        return None
    month, _blank, number = numbers[voucher_id].partition(" ")
    word, _dash, digits = number.partition("-")
    return numbers[voucher_id], url_for("ledger.voucher", month=month, word=word, number=int(digits))


@blueprint.get(f"/drafts/<{ID}:draft_id>")
@permission_required("ledger.read")
def draft(draft_id: int) -> ResponseReturnValue:
    """Show one draft to whoever makes, checks, signs or posts it."""
    return _draft_page(draft_id)


def _step(draft_id: int, verb: Callable[[Session], Any], message: str) -> ResponseReturnValue:
    """Take one step with one draft; a refusal is shown on its page."""
    _result, problems = act(verb)
    if problems:
        return _draft_page(draft_id, problems, 422, request.form.get("reason", ""))
    return done(message, url_for("ledger.draft", draft_id=draft_id))


@blueprint.post(f"/drafts/<{ID}:draft_id>/submit")
@permission_required("ledger.draft")
def submit_draft(draft_id: int) -> ResponseReturnValue:
    """Hand a draft to review."""
    actor = me()
    row = draft_or_404(actor, draft_id)
    others = (other.id for other in sisters(reading(), actor.org_id, row) if other.state == row.state)
    verb = partial(drafting.submit_drafts, actor=actor, draft_ids=[draft_id, *others])
    return _step(draft_id, verb, _("Submitted for review."))


@blueprint.post(f"/drafts/<{ID}:draft_id>/recall")
@permission_required("ledger.draft")
def recall_draft(draft_id: int) -> ResponseReturnValue:
    """Take an own draft back from review."""
    verb = partial(drafting.recall_draft, actor=me(), draft_id=draft_id)
    return _step(draft_id, verb, _("It is with you again."))


@blueprint.post(f"/drafts/<{ID}:draft_id>/review")
@permission_required("ledger.review")
def review_draft(draft_id: int) -> ResponseReturnValue:
    """Approve one draft (稽核)."""
    verb = partial(drafting.review_drafts, actor=me(), draft_ids=[draft_id])
    return _step(draft_id, verb, _("Reviewed."))


@blueprint.post(f"/drafts/<{ID}:draft_id>/return")
@permission_required("ledger.review")
def return_draft(draft_id: int) -> ResponseReturnValue:
    """Give a voucher back to its maker with a reason."""
    reason = request.form.get("reason", "")
    verb = partial(drafting.return_draft, actor=me(), draft_id=draft_id, reason=reason)
    return _step(draft_id, verb, _("It went back to its maker."))


@blueprint.post(f"/drafts/<{ID}:draft_id>/sign")
@permission_required("ledger.sign")
def sign_draft(draft_id: int) -> ResponseReturnValue:
    """Sign one money voucher as cashier."""
    verb = partial(drafting.sign_drafts, actor=me(), draft_ids=[draft_id])
    return _step(draft_id, verb, _("Signed."))


@blueprint.post(f"/drafts/<{ID}:draft_id>/discard")
@permission_required("ledger.draft")
def discard_draft(draft_id: int) -> ResponseReturnValue:
    """Set a draft aside for good; the reason stays in the log."""
    reason = request.form.get("reason", "")
    verb = partial(drafting.discard_draft, actor=me(), draft_id=draft_id, reason=reason, on=today())
    return _step(draft_id, verb, _("Discarded. Nothing of it is in the books."))
