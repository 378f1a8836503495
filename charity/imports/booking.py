"""The work behind staged files: reading long ones, judging anew, booking in chunks.

Each chunk is one transaction that is all or nothing and commits with its progress. A chunk
that is refused is halved until the row that cannot be booked stands alone; it is parked with
its reason and the others go on. After a kill the next worker goes on with the rows that
are still waiting, because a booked row says so itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Row, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, Refused
from charity.imports import reading
from charity.imports.kinds import Booked, Booker, FileFacts, RowToBook, booker_of, file_store
from charity.imports.models import ImportFile, ImportRow
from charity.imports.reading import Answers
from charity.imports.rules import action_of
from charity.imports.staging import load_file
from charity.imports.stored_rows import problem_json, row_value
from charity.jobs.service import register_handler
from charity.jobs.worker import JobContext
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import business_date
from charity.places.models import Org

T = TypeVar("T")

register_acts({"imports.booked": N_("Booked rows of a file")})

#: Problems of the person or the server, not of a row: they end the job.
_GENERAL = frozenset({"permission_missing", "job_owner_gone"})


class Run(Protocol):
    """What the work needs of whoever runs it: a job's context, or the command line."""

    @property
    def org_id(self) -> int:
        """The org of the file."""

    def actor(self, session: Session) -> Actor:
        """Return who acts, with the permissions held now."""

    def transact(
        self,
        work: Callable[[Session], T],
        *,
        done: int | None = None,
        total: int | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> T:
        """Run one chunk; its effect and its progress commit together."""

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a query."""


@dataclass(slots=True)
class Progress:
    """How far booking is.

    Attributes:
        done: rows and events worked on.
        total: rows and events in all.
        booked: rows that became events; ``parked`` those that could not.
    """

    done: int = 0
    total: int = 0
    booked: int = 0
    parked: int = 0
    skipped: int = 0
    _ids: list[int] = field(default_factory=list)


def read_job(run: Run, file_id: int, data_dir: Path, checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Read the rows of a long file in, judged, chunk by chunk.

    Args:
        run: runs the chunks.
        file_id: the file.
        data_dir: the data folder.
        checkpoint: ``{"rows": n}`` rows read by an earlier worker.

    Returns:
        The job's result.
    """

    def load(session: Session) -> tuple[bytes, str, Answers]:
        file = load_file(session, run.org_id, file_id)
        data = file_store().read(session, org_id=file.org_id, sha256=file.sha256, data_dir=data_dir)
        return data, file.name, Answers.from_json(file.answers)

    data, name, answers = run.read(load)
    parsed = run.read(lambda session: reading.parse(session, run.org_id, data, name, answers))
    count, start = len(parsed.rows), int(checkpoint.get("rows", 0))
    while start < count:
        stop = min(start + reading.CHUNK, count)

        def keep(session: Session, start: int = start, stop: int = stop) -> None:
            file = load_file(session, run.org_id, file_id)
            facts = reading.facts_of_parsed(file, parsed)
            on = _today(run.actor(session).at)
            reading.keep_rows(session, file, parsed.rows[start:stop], facts, on)

        run.transact(keep, done=stop, total=count, checkpoint={"rows": stop})
        start = stop

    def finish(session: Session) -> str:
        file = load_file(session, run.org_id, file_id, for_change=True)
        if file.state == "reading":
            file.state = "judged"
        return file.public_no

    return _result(run, N_("%(count)s rows read"), count, run.transact(finish))


def judge_job(run: Run, file_id: int, checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Judge every open row of a long file anew, chunk by chunk."""
    row_no, done = int(checkpoint.get("row_no", 0)), int(checkpoint.get("done", 0))
    while True:

        def judge(session: Session, row_no: int = row_no) -> tuple[int, int]:
            file = load_file(session, run.org_id, file_id)
            rows = reading.rows_after(session, file, row_no)
            reading.judge_again(session, file, rows, _today(run.actor(session).at))
            return (rows[-1].row_no, len(rows)) if rows else (row_no, 0)

        row_no, count = run.transact(judge, done=done, checkpoint={"row_no": row_no, "done": done})
        if not count:
            break
        done += count
    public_no = run.read(lambda session: load_file(session, run.org_id, file_id).public_no)
    return _result(run, N_("%(count)s rows judged"), done, public_no)


def book_job(run: Run, file_id: int) -> dict[str, Any]:
    """Book every decided row of a file, then let the booker finish what they became.

    Args:
        run: runs the chunks; each commits on its own.
        file_id: the file; rows booked before stay as they are.

    Returns:
        The job's result, with the counts ``booked``, ``parked`` and ``skipped``.

    Raises:
        Refused: a problem of the person, e.g. ``permission_missing``.
    """
    progress = Progress()
    progress.total = run.read(lambda session: _count_waiting(session, run.org_id, file_id))
    phases = run.read(lambda session: _booker(load_file(session, run.org_id, file_id)).phases)
    for actions in phases:
        while ids := _read_ids(run, file_id, actions):
            _book_chunk(run, file_id, ids, progress)
        _finish(run, file_id, progress)
    public_no = run.transact(lambda session: _end(session, run, file_id, progress))
    result = _result(run, N_("%(count)s rows booked"), progress.booked, public_no)
    return {**result, "booked": progress.booked, "parked": progress.parked, "skipped": progress.skipped}


def _today(at: datetime) -> date:
    """Return the business date of an instant."""
    return business_date(at)


def _result(run: Run, text: str, count: int, public_no: str) -> dict[str, Any]:
    """Return a job's result: a sentence, and the page of the file."""
    slug = run.read(
        lambda session: session.scalar(select(Org.slug).where(Org.id == run.org_id, ~Org.is_default))
    )
    url = f"{'/' + slug if slug else ''}/office/imports/{public_no}"
    return {"text": text, "params": {"count": count}, "import_no": public_no, "url": url}


def _waiting(org_id: int, file_id: int) -> tuple[Any, ...]:
    """Return the conditions of rows that booking has to do with."""
    return (
        ImportRow.org_id == org_id,
        ImportRow.file_id == file_id,
        ImportRow.state == "staged",
        ImportRow.action != "",
    )


def _count_waiting(session: Session, org_id: int, file_id: int) -> int:
    """Return how many steps booking has: each row, and each gift once more for its draft."""
    conditions = _waiting(org_id, file_id)
    rows = session.scalar(select(func.count()).select_from(ImportRow).where(*conditions)) or 0
    gifts = session.scalar(
        select(func.count())
        .select_from(ImportRow)
        .where(*conditions, ImportRow.action.in_(("gift", "unidentified")))
    )
    return rows + (gifts or 0)


def _finish(run: Run, file_id: int, progress: Progress) -> None:
    """Let the booker work on what the rows became, until nothing is left."""
    while True:
        done = min(progress.done, progress.total)
        count = run.transact(lambda session: _finish_some(session, run, file_id), done=done)
        if not count:
            return
        progress.done += count


def _read_ids(run: Run, file_id: int, actions: Sequence[str]) -> list[int]:
    """Return the next rows to book of some actions."""
    return run.read(lambda session: _next_ids(session, run.org_id, file_id, actions))


def _next_ids(session: Session, org_id: int, file_id: int, actions: Sequence[str]) -> list[int]:
    """Return the next rows to book, in the order of days; banks export newest first as well."""
    return list(
        session.scalars(
            select(ImportRow.id)
            .where(*_waiting(org_id, file_id), ImportRow.action.in_(actions))
            .order_by(ImportRow.action, ImportRow.on, ImportRow.row_no)
            .limit(reading.CHUNK)
        )
    )


def _book_chunk(run: Run, file_id: int, ids: Sequence[int], progress: Progress) -> None:
    """Book rows in one transaction; when it is refused, in halves, down to the bad row."""
    counts = Progress()
    try:
        counts = run.transact(
            lambda session: _book(session, run, file_id, ids),
            done=min(progress.done + len(ids), progress.total),
            total=progress.total,
        )
    except (Refused, IntegrityError) as error:
        problem = error.problems[0] if isinstance(error, Refused) else Problem("row_clash")
        if problem.code in _GENERAL:
            raise
        if len(ids) > 1:
            middle = len(ids) // 2
            _book_chunk(run, file_id, ids[:middle], progress)
            _book_chunk(run, file_id, ids[middle:], progress)
            return
        run.transact(lambda session: _park(session, run.org_id, ids[0], problem))
        counts.parked = 1
    progress.done += len(ids)
    progress.booked += counts.booked
    progress.parked += counts.parked
    progress.skipped += counts.skipped


def _park(session: Session, org_id: int, row_id: int, problem: Problem) -> None:
    """Put a row aside with the reason why it could not be booked."""
    reading.write_rows(session, [_parked(org_id, row_id, problem)])


def _parked(org_id: int, row_id: int, problem: Problem) -> dict[str, Any]:
    """Return the columns of a parked row."""
    params = problem_json(problem)["params"]
    return {
        "org_id": org_id,
        "id": row_id,
        "state": "parked",
        "reason": problem.code,
        "reason_params": params,
        "event_kind": "",
        "event_id": None,
    }


def _book(session: Session, run: Run, file_id: int, ids: Sequence[int]) -> Progress:
    """Judge rows once more and book those that are still what the preview said."""
    file = load_file(session, run.org_id, file_id)
    booker = _booker(file)
    actor = run.actor(session)
    on = _today(actor.at)
    facts = reading.facts_of(session, file)
    rows = _locked(session, run.org_id, ids)
    values = [row_value(row.content) for row in rows]
    verdicts = reading.judge_values(session, run.org_id, on, facts, values)
    counts, changes = Progress(), []
    wanted: list[Row[Any]] = []
    items: list[RowToBook] = []
    for row, value, said in zip(rows, values, verdicts, strict=True):
        action = action_of(said.verdict, row.decision)
        if action == "skip":
            ended = reading.verdict_values(said, row.decision)
            changes.append({"org_id": row.org_id, "id": row.id, **ended, "state": "skipped"})
            counts.skipped += 1
        elif action != row.action:
            judged = reading.verdict_values(said, row.decision)
            parked = _parked(row.org_id, row.id, Problem(said.reason or "verdict_changed", said.params))
            changes.append({**judged, **parked})
            counts.parked += 1
        else:
            wanted.append(row)
            items.append(RowToBook(value, action, row.decision_params, bool(row.decision)))
    changes += _book_items(session, booker, actor, on, facts, wanted, items, counts)
    reading.write_rows(session, changes)
    return counts


def _booker(file: ImportFile) -> Booker:
    """Return who books the file; the act that started the job made sure there is one."""
    booker = booker_of(file.form)
    if booker is None:
        raise Refused(Problem("import_form_unbookable"))
    return booker


def _book_items(
    session: Session,
    booker: Booker,
    actor: Actor,
    on: date,
    facts: FileFacts,
    rows: Sequence[Row[Any]],
    items: Sequence[RowToBook],
    counts: Progress,
) -> list[dict[str, Any]]:
    """Hand rows to the booker and return what is to be written into them."""
    if not items:
        return []
    changes: list[dict[str, Any]] = []
    for row, became in zip(rows, booker.book(session, actor, on, facts, items), strict=True):
        if isinstance(became, Booked):
            event = {"event_kind": became.kind, "event_id": became.id}
            changes.append({"org_id": row.org_id, "id": row.id, "state": "booked", **event})
            counts.booked += 1
        else:
            changes.append(_parked(row.org_id, row.id, became))
            counts.parked += 1
    return changes


def _locked(session: Session, org_id: int, ids: Sequence[int]) -> list[Row[Any]]:
    """Return rows in the order asked, locked, those still waiting only."""
    columns = (ImportRow.org_id, ImportRow.id, ImportRow.content, ImportRow.decision, ImportRow.action)
    query = (
        select(*columns, ImportRow.decision_params)
        .where(ImportRow.org_id == org_id, ImportRow.id.in_(ids), ImportRow.state == "staged")
        .order_by(ImportRow.id)
        .with_for_update()
    )
    found = {row.id: row for row in session.execute(query)}
    return [found[row_id] for row_id in ids if row_id in found]


def _finish_some(session: Session, run: Run, file_id: int) -> int:
    """Let the booker go on with what the rows became; 0 when nothing is left."""
    file = load_file(session, run.org_id, file_id)
    actor = run.actor(session)
    return _booker(file).finish(session, actor, _today(actor.at), reading.facts_of(session, file))


def _end(session: Session, run: Run, file_id: int, progress: Progress) -> str:
    """Close the file when no row waits any more, and log what was done."""
    file = load_file(session, run.org_id, file_id, for_change=True)
    actor = run.actor(session)
    is_open = session.scalar(
        select(ImportRow.id)
        .where(
            ImportRow.org_id == file.org_id,
            ImportRow.file_id == file.id,
            ImportRow.state.in_(("staged", "parked")),
        )
        .limit(1)
    )
    if is_open is None and file.state == "judged":
        file.state, file.ended_at = "booked", actor.at
    record(
        session,
        actor=actor,
        act="imports.booked",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        count=progress.booked,
    )
    return file.public_no


_data_dir: Callable[[], Path] | None = None


def use_data_dir(data_dir: Callable[[], Path]) -> None:
    """Say where the bytes of dropped files are; called by the shell, which knows the settings."""
    global _data_dir
    _data_dir = data_dir


def _read_handler(context: JobContext) -> dict[str, Any]:
    """Run the job ``imports.read``."""
    if _data_dir is None:
        raise RuntimeError("imports.booking.use_data_dir has not been called")
    return read_job(context, int(context.params["file_id"]), _data_dir(), context.checkpoint)


def _judge_handler(context: JobContext) -> dict[str, Any]:
    """Run the job ``imports.judge``."""
    return judge_job(context, int(context.params["file_id"]), context.checkpoint)


def _book_handler(context: JobContext) -> dict[str, Any]:
    """Run the job ``imports.book``."""
    return book_job(context, int(context.params["file_id"]))


# One lane: two files of one org that overlap are booked one after the other.
register_handler("imports.read", _read_handler, title=N_("Reading a file in"), lane="imports")
register_handler("imports.judge", _judge_handler, title=N_("Judging the rows of a file"), lane="imports")
register_handler("imports.book", _book_handler, title=N_("Booking the rows of a file"), lane="imports")
