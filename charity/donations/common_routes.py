"""What the pages of gifts share: the blueprint, finding or 404, givers chosen, papers kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, abort, current_app
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from charity.db import Actor, db
from charity.donations import donor_queries, queries
from charity.donations.channels import Landing, landings
from charity.donations.forms import NEW_DONOR, GiverForm, known_choices
from charity.donations.rules import DONOR_KINDS
from charity.errors import SENTENCES, Problem
from charity.ledger.books import load_books
from charity.ledger.common_routes import keep_papers
from charity.ledger.draft_queries import AttachmentView, attachment_views
from charity.ledger.models import Draft
from charity.ledger.rules import Books
from charity.web.acts import carried_out
from charity.web.context import current_actor, today
from charity.web.filters import money, translated
from charity.web.forms import BaseForm

blueprint = Blueprint("donations", __name__)


def reading() -> Session:
    """Return the request's session, for reading."""
    return db.session()


def me() -> Actor:
    """Return who asks."""
    return current_actor()


def books_today() -> Books:
    """Return the codes of the actor's books as they stand today."""
    return load_books(reading(), me().org_id, today())


def places_today() -> tuple[Landing, ...]:
    """Return the places of money of the actor's books as gifts see them."""
    return landings(reading(), me().org_id, today())


def gift_or_404(public_no: str) -> queries.GiftFacts:
    """Return a gift of the reader's org by number."""
    found = queries.find_gift(reading(), me().org_id, public_no.strip().upper())
    if found is None:
        abort(404)
    return found


def donor_or_404(public_no: str) -> donor_queries.DonorFacts:
    """Return a donor of the reader's org by number."""
    found = donor_queries.find_donor(reading(), me().org_id, public_no)
    if found is None:
        abort(404)
    return found


def labels_of(codes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return code → its word in the reader's language."""
    return {code: translated(label) for code, label in codes}


def blocked_sentence(code: str) -> str:
    """Return why a gift was not drafted; the names and amounts of that moment are not kept."""
    if not code:
        return ""
    text = translated(SENTENCES.get(code, ""))
    if text and "%(" not in text:
        return text
    return _("The books do not take it as it is (%(code)s). Look at its funds and its place.", code=code)


def where_they_stand(drafts: Iterable[Draft]) -> str:
    """Return who has to act next on drafts that were just made, as a sentence for each step."""
    counts = {"submit": 0, "review": 0, "sign": 0, "post": 0}
    for draft in drafts:
        counts[_next_step(draft)] += 1
    sentences = {
        "submit": lambda num: ngettext(
            "%(num)s is with its maker, to be completed and submitted.",
            "%(num)s are with their maker, to be completed and submitted.",
            num,
        ),
        "review": lambda num: ngettext("%(num)s waits for review.", "%(num)s wait for review.", num),
        "sign": lambda num: ngettext(
            "%(num)s is reviewed by rule and waits for the cashier.",
            "%(num)s are reviewed by rule and wait for the cashier.",
            num,
        ),
        "post": lambda num: ngettext(
            "%(num)s is reviewed by rule and waits to be posted.",
            "%(num)s are reviewed by rule and wait to be posted.",
            num,
        ),
    }
    return " ".join(sentences[step](count) for step, count in counts.items() if count)


def _next_step(draft: Draft) -> str:
    """Return the step that a fresh draft waits for."""
    if draft.state == "draft":
        return "submit"
    if draft.state == "submitted":
        return "review"
    return "sign" if draft.has_money and draft.state == "reviewed" else "post"


def has_page(endpoint: str) -> bool:
    """Say whether a page of another feature is part of this app."""
    return endpoint in current_app.view_functions


def kept_papers(form: BaseForm) -> tuple[tuple[AttachmentView, ...], tuple[Problem, ...]]:
    """Keep the files that came with a form; return all its papers, and what could not be kept."""
    if not form.is_submitted():
        return (), ()
    hashes, problems = keep_papers(me())
    return attachment_views(reading(), me().org_id, hashes), problems


def carried_out_with(form: BaseForm, problems: Iterable[Problem], work: Callable[[Session], Any]) -> bool:
    """Run the act of a form unless a file could not be kept; say whether it was done."""
    found = list(problems)
    if not found:
        return carried_out(form, work)
    form.validate_on_submit()
    form.add_problems(found)
    return False


def chosen_donor(form: GiverForm) -> donor_queries.DonorRow | None:
    """Return the known donor the form names, or the one ticked among those of the same name."""
    ticked = form.known.data if form.known.data not in (None, "", NEW_DONOR) else ""
    return donor_of(ticked or form.donor_no.data or "")


def donor_of(number: str) -> donor_queries.DonorRow | None:
    """Return the donor of a number, or the one it was merged into; None where there is none."""
    found = donor_queries.find_donor(reading(), me().org_id, number) if number else None
    return (found.root or found.row) if found else None


def offer_known(form: GiverForm) -> bool:
    """Offer known donors of the typed name; say whether a person must choose among them first.

    Bodies of the same full name are the same donor without being asked; people are not.
    """
    rows = donor_queries.likely_donors(reading(), me().org_id, form.name.data or "")
    form.known.choices = known_choices([(row.public_no, described(row)) for row in rows])
    return bool(rows) and form.kind.data in ("person", "group") and not form.known.data


def ask_who(form: GiverForm, problems: Iterable[Problem]) -> None:
    """Let the form ask whether it is one of the known donors; what else is wrong is said with it."""
    form.validate_on_submit()
    form.add_problems(problems)
    form.known.errors = [_("Donors of this name are known. Say whether it is one of them.")]


def described(row: donor_queries.DonorRow) -> str:
    """Return what tells a known donor from another of the same name."""
    texts = [row.name, translated(DONOR_KINDS[row.kind]), *row.masked]
    if row.gift_count:
        gifts = _("%(count)s gifts, together %(sum)s", count=row.gift_count, sum=money(row.total_fen))
        texts.append(gifts)
    return " · ".join(texts)
