"""Lists of drafts, and the three desks they pass: 待稽核, 待出纳签字, 待记账."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_
from charity.ledger import drafting, queries
from charity.ledger.batch_queries import OpenBatch, open_batches
from charity.ledger.batch_routes import release_page
from charity.ledger.batches import AT_ONCE, RELEASE_LIMIT
from charity.ledger.common_routes import (
    Option,
    act,
    blueprint,
    ids_given,
    me,
    month_options,
    month_or_none,
    names_of,
    options,
    reading,
)
from charity.ledger.draft_queries import (
    OPEN_STATES,
    PAGE_ROWS,
    DraftFilter,
    DraftRow,
    count_drafts,
    find_drafts,
    list_drafts,
    read_rows,
    whole_sets,
)
from charity.ledger.filter_forms import DraftFilterForm
from charity.ledger.outlook import PostingOutlook, posting_outlook
from charity.ledger.people import find_signers, signer_names
from charity.ledger.posting import BATCH_LIMIT, PostedVoucher, post_drafts
from charity.ledger.states import STATE_LABELS
from charity.periods import Month
from charity.web.access import permission_required
from charity.web.acts import done
from charity.web.addresses import same_page
from charity.web.context import today
from charity.web.render import Sentence, render, sentence

#: Queue → (heading, what one does there, permission, label of the bulk act).
QUEUES: Mapping[str, tuple[str, str, str, str]] = {
    "review": (
        N_("To review"),
        N_("Compare each voucher with its papers; what is wrong goes back with a reason."),
        "ledger.review",
        N_("Approve what is marked"),
    ),
    "sign": (
        N_("To sign as cashier"),
        N_("Vouchers that move money. Sign what has really been received or paid."),
        "ledger.sign",
        N_("Sign what is marked"),
    ),
    "post": (
        N_("To post"),
        N_("Posted is for good: numbers are given in the order of dates, and nothing is taken back."),
        "ledger.post",
        N_("Post what is marked …"),
    ),
}
#: Drafts of a filter in one release: room is left for the others of their sets.
_FOUND_MOST = RELEASE_LIMIT * 4 // 5
#: Ways to narrow the list of drafts down by state.
_STATES = (*OPEN_STATES, "posted", "discarded")


@dataclass(frozen=True, slots=True)
class RowShown:
    """A draft in a list with the sentence that keeps the reader from the queue's act."""

    row: DraftRow
    refusal: Sentence | None


@dataclass(frozen=True, slots=True)
class DraftsPage:
    """A list of drafts, or one of the three queues.

    Attributes:
        queue: ``review``, ``sign``, ``post``; empty for the list of all.
        act_url: where marked ones are sent; empty without a bulk act.
        act_label: message id of the bulk act.
        all_url: where everything the filter finds is sent; empty where the page's rows are all.
        open_batches: releases that the poster has not finished, in the queue of posting.
        count: how many the filter finds in all.
        problems: why the last act was refused.
        marked: drafts that stay marked after a refusal.
        states: states to choose from; empty in a queue.
        months: months to choose from.
        is_mine: whether only the reader's own are shown.
        labels: state → message id.
        people: login id → name.
    """

    heading: str
    lead: str
    queue: str
    rows: tuple[RowShown, ...]
    count: int
    newer_url: str
    older_url: str
    filter: DraftFilterForm
    states: tuple[Option, ...]
    months: tuple[Option, ...]
    act_url: str
    act_label: str
    all_url: str
    open_batches: tuple[OpenBatch, ...]
    problems: tuple[Sentence, ...]
    marked: frozenset[int]
    reason: str
    is_mine: bool
    labels: Mapping[str, str]
    people: Mapping[int, str]


def _filter(form: DraftFilterForm, queue: str, actor: Actor) -> DraftFilter:
    """Return what the address asks for."""
    chosen = request.args.get("state", "")
    month = month_or_none(request.args.get("month", ""))
    return DraftFilter(
        states=(chosen,) if chosen in _STATES else OPEN_STATES,
        queue=queue,
        month=month.code if month else None,
        from_on=form.from_on.data,
        until_on=form.until_on.data,
        maker_ids=_makers(form.maker.data or "", actor),
        least_fen=form.least.data,
        most_fen=form.most.data,
        text=form.text.data or "",
    )


def _makers(name: str, actor: Actor) -> tuple[int, ...] | None:
    """Return whose drafts are looked for; None for everybody's."""
    if name:
        return tuple(find_signers(reading(), name))
    return (actor.user_id,) if request.args.get("mine") else None


def _list_page(
    queue: str,
    problems: Sequence[Sentence] = (),
    marked: Sequence[int] = (),
    status: int = 200,
    reason: str = "",
) -> ResponseReturnValue:
    """Show a list of drafts, with what kept the last act back."""
    actor = me()
    names = names_of(actor)
    form = DraftFilterForm(formdata=request.args)
    wanted = _filter(form, queue, actor) if form.validate() else None
    rows: tuple[DraftRow, ...] = ()
    cursor, count = "", 0
    if wanted is not None:
        after = request.args.get("after", "")
        rows, cursor = list_drafts(reading(), actor, wanted, names, cursor=after, limit=PAGE_ROWS)
        count = count_drafts(reading(), actor.org_id, wanted)
    heading, lead, _permission, label = QUEUES.get(
        queue, (N_("Drafts"), N_("Vouchers that are not posted yet; only these can be changed."), "", "")
    )
    months = queries.open_months(reading(), actor.org_id)
    page = DraftsPage(
        heading=_(heading),
        lead=_(lead),
        queue=queue,
        rows=tuple(RowShown(row, sentence(row.problem) if row.problem else None) for row in rows),
        count=count,
        newer_url=same_page(after=None) if request.args.get("after") else "",
        older_url=same_page(after=cursor) if cursor else "",
        filter=form,
        states=() if queue else _state_options(),
        months=month_options(months, request.args.get("month", ""), _("all months")),
        act_url=url_for(f"ledger.{queue}_marked") if queue else "",
        act_label=label,
        all_url=same_page(after=None) if queue == "post" and count > AT_ONCE else "",
        open_batches=open_batches(reading(), actor.org_id) if queue == "post" else (),
        problems=tuple(problems),
        marked=frozenset(marked),
        reason=reason,
        is_mine=bool(request.args.get("mine")),
        labels=STATE_LABELS,
        people=signer_names(reading(), (row.maker_id for row in rows)),
    )
    return render("ledger/drafts.html", page, status)


def _state_options() -> tuple[Option, ...]:
    pairs = ((state, _(STATE_LABELS[state])) for state in _STATES)
    return options(pairs, request.args.get("state", ""), _("all that are open"))


@blueprint.get("/drafts")
@permission_required("ledger.read")
def drafts() -> ResponseReturnValue:
    """Show anyone of the office what is being prepared, and where it stands."""
    return _list_page("")


@blueprint.get("/review")
@permission_required("ledger.review")
def review() -> ResponseReturnValue:
    """Show the reviewer what waits for 稽核."""
    return _list_page("review")


@blueprint.get("/sign")
@permission_required("ledger.sign")
def sign() -> ResponseReturnValue:
    """Show the cashier the money vouchers that wait for a signature."""
    return _list_page("sign")


@blueprint.get("/post")
@permission_required("ledger.post")
def post() -> ResponseReturnValue:
    """Show the poster what is ready to be posted."""
    return _list_page("post")


def _marked(queue: str, verb: Callable[..., Any], said: Callable[[int], str]) -> ResponseReturnValue:
    """Do a queue's act for the marked drafts, all or none."""
    actor, ids = me(), ids_given()
    if not ids:
        return _list_page(queue, _nothing_marked(), status=422)
    result, problems = act(partial(verb, actor=actor, draft_ids=ids))
    if problems:
        return _list_page(queue, problems, ids, 422)
    return done(said(len(result or ())), url_for(f"ledger.{queue}"))


def _nothing_marked() -> tuple[Sentence, ...]:
    return (Sentence("", "nothing_marked", _("Mark at least one voucher first.")),)


@blueprint.post("/review")
@permission_required("ledger.review")
def review_marked() -> ResponseReturnValue:
    """Approve the marked drafts, or give them back with one reason."""
    if request.form.get("act") != "return":
        return _marked("review", drafting.review_drafts, _said_reviewed)
    ids, reason, actor = ids_given(), request.form.get("reason", ""), me()
    if not ids:
        return _list_page("review", _nothing_marked(), status=422, reason=reason)

    def work(session: Session) -> None:
        for draft_id in ids:
            drafting.return_draft(session, actor=actor, draft_id=draft_id, reason=reason)

    _result, problems = act(work)
    if problems:
        return _list_page("review", problems, ids, 422, reason)
    count = len(ids)
    message = ngettext(
        "%(num)s voucher went back to its maker.", "%(num)s vouchers went back to their makers.", count
    )
    return done(message, url_for("ledger.review"))


def _said_reviewed(count: int) -> str:
    return str(ngettext("%(num)s voucher is reviewed.", "%(num)s vouchers are reviewed.", count))


@blueprint.post("/sign")
@permission_required("ledger.sign")
def sign_marked() -> ResponseReturnValue:
    """Sign the marked money vouchers as cashier."""

    def said(count: int) -> str:
        return str(ngettext("%(num)s voucher is signed.", "%(num)s vouchers are signed.", count))

    return _marked("sign", drafting.sign_drafts, said)


@dataclass(frozen=True, slots=True)
class PostPage:
    """What posting the marked drafts will do; nothing is posted yet.

    Attributes:
        ids: the drafts, in the order of their numbers.
        outlook: count, sums, numbers, funds afterwards.
        refusals: drafts that are kept back, and why.
        shortages: the funds that posting them would overdraw.
        problems: why the act was refused, if for something else.
    """

    ids: tuple[int, ...]
    outlook: PostingOutlook
    refusals: tuple[tuple[DraftRow, Sentence], ...]
    shortages: tuple[Sentence, ...]
    problems: tuple[Sentence, ...]


@blueprint.post("/post")
@permission_required("ledger.post")
def post_marked() -> ResponseReturnValue:
    """Say what posting the marked drafts will do, then, on a second press, post them.

    More than ``AT_ONCE``, or everything that the filter finds, is released to the poster.
    """
    actor, on = me(), today()
    if request.form.get("act") == "all":
        return _release_found(actor)
    ids = whole_sets(reading(), actor.org_id, ids_given(limit=BATCH_LIMIT))
    if not ids:
        return _list_page("post", _nothing_marked(), status=422)
    if len(ids) > AT_ONCE:
        return release_page(ids)
    if request.form.get("act") != "post":
        return _post_page(ids)
    posted, problems = act(partial(post_drafts, actor=actor, draft_ids=ids, on=on))
    if problems or posted is None:
        return _post_page(ids, problems, 422)
    return done(_said_posted(posted), url_for("ledger.post"))


def _release_found(actor: Actor) -> ResponseReturnValue:
    """Say what releasing everything that the queue's filter finds will do."""
    form = DraftFilterForm(formdata=request.args)
    wanted = _filter(form, "post", actor) if form.validate() else None
    found = find_drafts(reading(), actor.org_id, wanted, _FOUND_MOST) if wanted is not None else []
    if wanted is None or not found:
        return _list_page("post", _nothing_marked(), status=422)
    left_over = count_drafts(reading(), actor.org_id, wanted) - len(found)
    return release_page(whole_sets(reading(), actor.org_id, found), left_over=left_over)


def _said_posted(posted: Sequence[PostedVoucher]) -> str:
    """Return the sentence on what was posted: how many, from which number to which."""
    groups: dict[tuple[int, str], list[int]] = {}
    for voucher in posted:
        groups.setdefault((voucher.month, voucher.word), []).append(voucher.number)
    ranges = "；".join(
        f"{Month.from_code(month)} {word}-{min(numbers):04d}"
        + (f" … {word}-{max(numbers):04d}" if len(numbers) > 1 else "")
        for (month, word), numbers in sorted(groups.items())
    )
    if len(posted) == 1:
        return str(_("Posted as %(number)s.", number=ranges))
    return str(_("%(count)s vouchers are posted: %(numbers)s.", count=len(posted), numbers=ranges))


def _post_page(
    ids: Sequence[int], problems: Sequence[Sentence] = (), status: int = 200
) -> ResponseReturnValue:
    actor = me()
    names = names_of(actor)
    rows = read_rows(reading(), actor, ids, "post", names)
    outlook = posting_outlook(reading(), actor, ids, today(), names)
    by_id = {row.id: row for row in rows}
    refusals = tuple((by_id[key], sentence(problem)) for key, problem in outlook.problems.items())
    shortages = tuple(sentence(problem) for problem in outlook.shortages)
    told = {shown.code for shown in (*shortages, *(refusal for _row, refusal in refusals))}
    others = tuple(problem for problem in problems if problem.code not in told)
    page = PostPage(tuple(row.id for row in rows), outlook, refusals, shortages, others)
    return render("ledger/post_marked.html", page, status)
