"""Many vouchers at once: what releasing them will do, the release, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from sqlalchemy import select

from charity.errors import refuse
from charity.ids import key_of, new_id
from charity.jobs import rules as job_rules
from charity.ledger.batch_queries import BatchView, batch_view
from charity.ledger.batches import release_batch
from charity.ledger.common_routes import ID, act, blueprint, me, names_of, reading
from charity.ledger.draft_queries import DraftRow, read_rows
from charity.ledger.models import Draft
from charity.ledger.outlook import PostingOutlook, posting_outlook
from charity.ledger.states import STATE_LABELS
from charity.web.access import permission_required
from charity.web.acts import done
from charity.web.context import today
from charity.web.filters import translated
from charity.web.render import Sentence, problems_of, render, sentence

#: Drafts named one by one before a release; the others are counted.
_NAMED = 50


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """What releasing many drafts will do; nothing is released yet.

    Attributes:
        key: key of the release, so that a second press asks for the same.
        drafts: each draft with the version looked at, as the form carries it.
        outlook: count, sums, numbers, funds afterwards.
        kept: drafts that cannot be posted as they stand, and why; the first of them.
        kept_count: how many there are.
        shortages: the funds that posting all of them would overdraw.
        left_over: drafts found beyond what one release takes.
        problems: why the act was refused.
    """

    key: int
    drafts: str
    outlook: PostingOutlook
    kept: tuple[tuple[DraftRow, Sentence], ...]
    kept_count: int
    shortages: tuple[Sentence, ...]
    left_over: int
    problems: tuple[Sentence, ...]


def release_page(
    ids: Sequence[int], *, left_over: int = 0, problems: Sequence[Sentence] = (), status: int = 200
) -> ResponseReturnValue:
    """Say what releasing drafts to the poster will do.

    Args:
        ids: whole sets.
        left_over: drafts found beyond them.
        problems: why the release was refused.
        status: 422 after a refusal.
    """
    actor = me()
    names = names_of(actor)
    outlook = posting_outlook(reading(), actor, ids, today(), names)
    first = list(outlook.problems)[:_NAMED]
    kept = tuple(
        (row, sentence(outlook.problems[row.id])) for row in read_rows(reading(), actor, first, "post", names)
    )
    page = ReleasePage(
        key=new_id(),
        drafts=" ".join(f"{key}.{version}" for key, version in _versions(actor.org_id, ids).items()),
        outlook=outlook,
        kept=kept,
        kept_count=len(outlook.problems),
        shortages=tuple(sentence(problem) for problem in outlook.shortages),
        left_over=left_over,
        problems=tuple(problems),
    )
    return render("ledger/release_marked.html", page, status)


def _versions(org_id: int, ids: Sequence[int]) -> Mapping[int, int]:
    """Return draft → version as it stands now."""
    found: dict[int, int] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        rows = reading().execute(
            select(Draft.id, Draft.version).where(Draft.org_id == org_id, Draft.id.in_(part))
        )
        found.update(dict(rows.all()))
    return found


def _drafts_given() -> dict[int, int]:
    """Return draft → version as the form carries them; what is none is passed over."""
    found: dict[int, int] = {}
    for part in request.form.get("drafts", "").split():
        draft_id, _, version = part.partition(".")
        key, seen = key_of(draft_id), key_of(version)
        if key is not None and seen is not None:
            found[key] = seen
    return found


@blueprint.post("/batches")
@permission_required("ledger.post")
def release_marked() -> ResponseReturnValue:
    """Release drafts to the poster; a second press leads to the same release."""
    actor, drafts, key = me(), _drafts_given(), key_of(request.form.get("key", ""))
    if key is None:
        problems = tuple(problems_of(refuse("job_key_reused")))
        return release_page(list(drafts), problems=problems, status=422)
    work = partial(release_batch, actor=actor, drafts=drafts, on=today(), key=key)
    job, problems = act(lambda session: work(session).id)
    if job is None:
        return release_page(list(drafts), problems=problems, status=422)
    message = ngettext(
        "%(num)s voucher is handed to the poster.", "%(num)s vouchers are handed to the poster.", len(drafts)
    )
    return done(message, url_for("jobs.job", job_id=job))


@dataclass(frozen=True, slots=True)
class BatchPage:
    """What came of a release.

    Attributes:
        batch: how far it is, what was posted and what was left.
        state: its state in words.
        parked: drafts left, each with the state it has now and why it was not posted.
        problems: why the whole stopped.
        has_ended: whether nothing will change any more.
        job_url: the page of its job; empty once it has ended, or for whom it is not to see.
    """

    batch: BatchView
    state: str
    parked: tuple[tuple[DraftRow, str, Sentence], ...]
    problems: tuple[Sentence, ...]
    has_ended: bool
    job_url: str


@blueprint.get(f"/batches/<{ID}:job_id>")
@permission_required("ledger.read")
def batch(job_id: int) -> ResponseReturnValue:
    """Show what the poster made of a release: numbers given, and what stays in the queue and why."""
    actor = me()
    found = batch_view(reading(), actor, job_id, names_of(actor))
    if found is None:
        abort(404)
    may_follow = found.released_by_id == actor.user_id or actor.may("jobs.read")
    has_ended = found.state in job_rules.ENDED
    page = BatchPage(
        batch=found,
        state=translated(job_rules.STATE_LABELS[found.state]),
        parked=tuple(
            (row, translated(STATE_LABELS[row.state]), sentence(problem)) for row, problem in found.parked
        ),
        problems=tuple(sentence(problem) for problem in found.problems),
        has_ended=has_ended,
        job_url=url_for("jobs.job", job_id=job_id) if may_follow and not has_ended else "",
    )
    return render("ledger/batch.html", page)
