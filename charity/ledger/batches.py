"""Posting many at once: a person releases vouchers, the org's poster carries it out.

The person is recorded as 记账. The poster is a job in the lane ``posting``: its lease lets
one run per org at any moment, and whoever lost the lease cannot commit. Each chunk is one
transaction with the vouchers, their drafts and the job's progress in it, so that a kill
at any line neither loses nor doubles. What cannot be posted is parked with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from charity.db import Actor
from charity.errors import N_, Problem, Refused, refuse, refuse_if, register
from charity.ids import new_id
from charity.jobs import rules as job_rules
from charity.jobs.models import Job
from charity.jobs.pacing import Pace
from charity.jobs.service import asked_before, enqueue, register_handler
from charity.ledger import states
from charity.ledger.drafting import facts, load_drafts
from charity.ledger.judging import check_month
from charity.ledger.models import Draft
from charity.ledger.posting import BATCH_LIMIT, PostedVoucher, post_drafts
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month

PROBLEMS = register(
    {
        "batch_empty": N_("Nothing was chosen to be posted; mark at least one voucher."),
        "batch_too_large": N_(
            "%(count)s vouchers are too many for one release; choose at most %(most)s, then the others."
        ),
        "draft_changed_since": N_(
            "This voucher was changed after it was released; look at it again and release it anew."
        ),
    }
)
register_acts({"ledger.release_batch": N_("Released a batch for posting")})

#: The kind of the poster's jobs.
KIND = "ledger.post"
#: Vouchers a person posts at once; more are released to the poster.
AT_ONCE = 50
#: Vouchers of one release.
RELEASE_LIMIT = 5000
#: Milliseconds of work in one transaction of the poster, once it takes more than ``AT_ONCE``: a person
#: at the desk hardly waits.
CHUNK_MS = 50
#: Vouchers whose reasons are kept with the job; further ones are counted.
KEPT = 200

#: Drafts that are posted together, each with the version that was released.
Unit = list[list[int]]


def release_batch(
    session: Session, *, actor: Actor, drafts: Mapping[int, int], on: date, key: int | None = None
) -> Job:
    """Release drafts for posting; the poster acts, and the person is recorded as 记账.

    The person's rights are asked here and again in each transaction of the poster.

    Args:
        actor: needs ``ledger.post``.
        drafts: draft → version that was looked at, at most ``RELEASE_LIMIT``; with the others of
            their sets. One that was changed since is not posted.
        on: today; nothing is dated after it.
        key: id the asking page was made with; a second press answers with the same job.

    Raises:
        Refused: ``permission_missing``, ``batch_empty``, ``batch_too_large``, ``draft_unknown``,
            ``job_key_reused``, and what keeps the first draft back when none can be posted.
    """
    if not actor.may("ledger.post"):
        raise refuse("permission_missing", permission="ledger.post")
    if not drafts:
        raise refuse("batch_empty")
    if len(drafts) > RELEASE_LIMIT:
        raise refuse("batch_too_large", count=len(drafts), most=RELEASE_LIMIT)
    rows = _rows(session, actor.org_id, list(drafts))
    if len(rows) != len(drafts):
        raise refuse("draft_unknown")
    units = [[[row.id, drafts[row.id]] for row in unit] for unit in in_units(rows)]
    params = {"units": units, "on": on.isoformat()}
    job_id = key or new_id()
    known = asked_before(session, actor=actor, kind=KIND, params=params, job_id=job_id)
    if known is not None:
        return known
    found = [states.check_step("post", facts(row), actor.user_id, actor.permissions) for row in rows]
    if all(found):
        refuse_if(found[0])
    job = enqueue(
        session,
        actor=actor,
        kind=KIND,
        params=params,
        total=len(rows),
        job_id=job_id,
        url=f"/office/batches/{job_id}",
    )
    record(session, actor=actor, act="ledger.release_batch", subject_kind="draft", count=len(rows))
    return job


def _rows(session: Session, org_id: int, draft_ids: Sequence[int]) -> list[Draft]:
    """Return what releasing needs of drafts, in the order of their numbers-to-be."""
    columns = load_only(
        Draft.state,
        Draft.has_money,
        Draft.posting_rule_id,
        Draft.maker_id,
        Draft.makers,
        Draft.reviewer_id,
        Draft.cashier_id,
        Draft.month,
        Draft.voucher_on,
        Draft.set_id,
        Draft.version,
    )
    rows: list[Draft] = []
    for start in range(0, len(draft_ids), 500):
        part = draft_ids[start : start + 500]
        query = select(Draft).where(Draft.org_id == org_id, Draft.id.in_(part)).options(columns)
        rows += session.scalars(query)
    return sorted(rows, key=lambda row: (row.month, row.voucher_on, row.id))


def in_units(rows: Sequence[Draft]) -> list[list[Draft]]:
    """Cut drafts in the order of their numbers into the smallest parts that are posted by themselves.

    A set is never cut, and what is dated between its vouchers goes with it, for numbers follow
    the dates. Were such a part too large for one transaction, its sets stand alone.
    """
    last = {row.set_id: place for place, row in enumerate(rows) if row.set_id is not None}
    units: list[list[Draft]] = []
    part: list[Draft] = []
    end = 0
    for place, row in enumerate(rows):
        part.append(row)
        end = max(end, last[row.set_id] if row.set_id is not None else place)
        if place == end:
            units += [part] if len(part) <= BATCH_LIMIT else by_sets(part)
            part, end = [], place + 1
    return units


def by_sets(rows: Sequence[Draft]) -> list[list[Draft]]:
    """Return the drafts of each set together and the others alone, in the order of their first."""
    found: dict[tuple[str, int], list[Draft]] = {}
    for row in rows:
        found.setdefault(("set", row.set_id) if row.set_id is not None else ("", row.id), []).append(row)
    return list(found.values())


@dataclass(slots=True)
class Progress:
    """How far a release is; the job's checkpoint.

    Attributes:
        at: units done.
        posted: vouchers posted by it.
        before: drafts that somebody else had posted meanwhile.
        numbers: ``YYYYMM word`` → first and last number given, and how many.
        parked_count: drafts that were not posted.
        parked: the first ``KEPT`` of them, each with its stored problem.
    """

    at: int = 0
    posted: int = 0
    before: int = 0
    numbers: dict[str, list[int]] = field(default_factory=dict)
    parked_count: int = 0
    parked: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def after(self, units: int, chunk: Chunk) -> Progress:
        """Return how far the release is after one more chunk."""
        numbers = dict(self.numbers)
        for voucher in chunk.posted:
            key = f"{voucher.month} {voucher.word}"
            first, last, count = numbers.get(key, [voucher.number, voucher.number, 0])
            numbers[key] = [min(first, voucher.number), max(last, voucher.number), count + 1]
        fresh = [(key, job_rules.stored(problem)) for key, problem in chunk.parked.items()]
        return Progress(
            self.at + units,
            self.posted + len(chunk.posted),
            self.before + chunk.before,
            numbers,
            self.parked_count + len(fresh),
            (self.parked + fresh)[:KEPT],
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """What came of one transaction.

    Attributes:
        posted: vouchers it posted.
        before: drafts that were posted already.
        parked: draft → why it was not posted.
    """

    posted: Sequence[PostedVoucher]
    before: int
    parked: Mapping[int, Problem]


def post_chunk(session: Session, *, actor: Actor, drafts: Sequence[tuple[int, int]], on: date) -> Chunk:
    """Post what can be posted of released drafts, in this transaction.

    Args:
        actor: recorded as 记账; must still hold ``ledger.post``.
        drafts: draft and released version, in the order of their numbers; whole sets.
        on: today when they were released.

    Raises:
        Refused: ``permission_missing``; nothing of the chunk is posted then.
    """
    if not actor.may("ledger.post"):
        raise refuse("permission_missing", permission="ledger.post")
    versions = dict(drafts)
    rows = load_drafts(session, actor.org_id, versions)
    waiting = [row for row in rows if row.state != "posted"]
    parked = _kept_back(session, actor, waiting, versions)
    sound = [row for row in waiting if row.id not in parked]
    groups = [[row.id for row in group] for group in by_sets(sound)]
    posted, refused_ones = post_or_park(session, actor=actor, groups=groups, on=on) if groups else ([], {})
    return Chunk(posted, len(rows) - len(waiting), parked | refused_ones)


def _kept_back(
    session: Session, actor: Actor, rows: Sequence[Draft], versions: Mapping[int, int]
) -> dict[int, Problem]:
    """Return what each draft shows by itself; a month that was closed keeps back all of its drafts."""
    months = {row.month: check_month(session, actor.org_id, Month.from_code(row.month)) for row in rows}
    found: dict[int, Problem] = {}
    for row in rows:
        problems = states.check_step("post", facts(row), actor.user_id, actor.permissions)
        if not problems and row.version != versions[row.id]:
            problems = [Problem("draft_changed_since")]
        problems += months[row.month]
        if problems:
            found[row.id] = problems[0]
    return found


def post_or_park(
    session: Session, *, actor: Actor, groups: Sequence[Sequence[int]], on: date
) -> tuple[list[PostedVoucher], dict[int, Problem]]:
    """Post what can be posted and say why the rest cannot; one bad draft never sinks the others.

    Each try stands behind a savepoint; what is refused is halved until the bad group stands alone.

    Args:
        groups: drafts that are posted together or not at all, in the order of their numbers.

    Returns:
        The vouchers, and draft id → problem of those that were not posted.
    """
    try:
        with session.begin_nested():
            ids = [draft_id for group in groups for draft_id in group]
            return post_drafts(session, actor=actor, draft_ids=ids, on=on), {}
    except Refused as refused:
        if len(groups) == 1:
            return [], dict.fromkeys(groups[0], refused.problems[0])
    middle = len(groups) // 2
    vouchers: list[PostedVoucher] = []
    parked: dict[int, Problem] = {}
    for part in (groups[:middle], groups[middle:]):
        posted, refused_ones = post_or_park(session, actor=actor, groups=part, on=on)
        vouchers += posted
        parked.update(refused_ones)
    return vouchers, parked


def _chunks(units: Sequence[Unit], first: int, pace: Pace) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield how many units come next, and their drafts: as many as the pace allows, at least one unit."""
    at = first
    while at < len(units):
        end, count = at + 1, len(units[at])
        while end < len(units) and count + len(units[end]) <= pace.size:
            count += len(units[end])
            end += 1
        yield end - at, [(draft_id, version) for unit in units[at:end] for draft_id, version in unit]
        at = end


def _run(context: Any) -> Mapping[str, Any]:
    """Post a release, chunk by chunk, from where the last committed one ended."""
    units: list[Unit] = context.params["units"]
    on = date.fromisoformat(context.params["on"])
    total = sum(map(len, units))
    progress = Progress(**context.checkpoint)
    done = sum(map(len, units[: progress.at]))
    pace = Pace(most=BATCH_LIMIT, least=AT_ONCE, aim_ms=CHUNK_MS)
    for count, drafts in _chunks(units, progress.at, pace):

        def work(session: Session, drafts: Sequence[tuple[int, int]] = drafts) -> Chunk:
            with pace.timed(len(drafts)):
                return post_chunk(session, actor=context.actor(session), drafts=drafts, on=on)

        def reached(chunk: Chunk, before: Progress = progress, count: int = count) -> Mapping[str, Any]:
            return asdict(before.after(count, chunk))

        done += len(drafts)
        context.transact(work, done=done, total=total, checkpoint=reached)
        progress = Progress(**context.checkpoint)
    return {
        "text": N_("Posted %(posted)s of %(total)s; %(parked)s could not be posted."),
        "params": {"posted": progress.posted, "total": total, "parked": progress.parked_count},
        "url": f"/office/batches/{context.claim.job_id}",
    }


register_handler(KIND, _run, title=N_("Posting vouchers"), lane="posting")
