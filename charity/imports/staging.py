"""Taking files in: drop, answer, place, set aside.

One verb per act; flushes, never commits. A file that is too long for one request is read
and judged by jobs, which the row of the file names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, refuse_if
from charity.ids import new_id, new_public_no
from charity.imports import reading
from charity.imports.kinds import PlaceChoice, booker_of, file_store
from charity.imports.models import ImportFile, ImportRow
from charity.imports.reading import Answers
from charity.imports.rules import check_file_act
from charity.intake.mapping import Mapping as ColumnMapping
from charity.intake.read import ParsedFile, read_file
from charity.jobs import rules as job_rules
from charity.jobs.models import Job
from charity.jobs.service import enqueue
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels, register_subjects
from charity.oplog.service import record

register_acts(
    {
        "imports.stage": N_("Dropped a file"),
        "imports.answer": N_("Said how a file is to be read"),
        "imports.place": N_("Said which account a file is from"),
        "imports.cancel": N_("Set a file aside"),
    }
)
register_subjects({"import": N_("File")})
register_labels({"form": N_("Kind of file"), "place": N_("Place of money")})


@dataclass(frozen=True, slots=True)
class Staged:
    """A dropped file.

    Attributes:
        file: its row.
        was_known: the same bytes were dropped before; nothing was done.
    """

    file: ImportFile
    was_known: bool


def need(actor: Actor, permission: str) -> None:
    """Refuse an actor without a permission."""
    if not actor.may(permission):
        raise refuse("permission_missing", permission=permission)


def load_file(session: Session, org_id: int, file_id: int, *, for_change: bool = False) -> ImportFile:
    """Return a file of these books.

    Raises:
        Refused: ``import_unknown``.
    """
    query = select(ImportFile).where(ImportFile.org_id == org_id, ImportFile.id == file_id)
    file = session.scalar(query.with_for_update() if for_change else query)
    if file is None:
        raise refuse("import_unknown")
    return file


def is_working(session: Session, file: ImportFile) -> bool:
    """Say whether a job is reading, judging or booking the file."""
    if file.job_id is None:
        return False
    state = session.scalar(select(Job.state).where(Job.org_id == file.org_id, Job.id == file.job_id))
    return state is not None and state not in job_rules.ENDED


def load_for(session: Session, actor: Actor, file_id: int, act: str) -> ImportFile:
    """Return a file locked for an act that its state and jobs allow."""
    file = load_file(session, actor.org_id, file_id, for_change=True)
    refuse_if(check_file_act(file.state, act))
    if is_working(session, file):
        raise refuse("import_running")
    return file


def stage_file(
    session: Session,
    *,
    actor: Actor,
    data: bytes,
    name: str,
    data_dir: Path,
    on: date,
    place: str = "",
    parsed: ParsedFile | None = None,
    is_inline: bool = False,
) -> Staged:
    """Take in a dropped file: recognise it, keep it, read its rows and judge them.

    The same bytes again are the same file. A long file is read by a job.

    Args:
        actor: needs ``imports.stage``.
        data: the file as it came.
        name: its name; used for people only, what it is is told from its content.
        data_dir: the data folder.
        on: today.
        place: code of its place of money; empty to find it out.
        parsed: the file as read by ``reading.parse`` before the transaction, so that a long
            one holds up nobody; None to read it now.
        is_inline: leave a long file to the caller, who runs ``booking.read_job`` itself.

    Raises:
        Refused: ``permission_missing``; why it cannot be read; ``form_personal`` and the
            like for a file that must not be booked.
    """
    need(actor, "imports.stage")
    sha256 = hashlib.sha256(data).hexdigest()
    known = session.scalar(
        select(ImportFile).where(
            ImportFile.org_id == actor.org_id, ImportFile.sha256 == sha256, ImportFile.state != "cancelled"
        )
    )
    if known is not None:
        return Staged(known, True)
    parsed = parsed or reading.parse(session, actor.org_id, data, name, Answers())
    file_store().keep(session, actor=actor, data=data, name=name, data_dir=data_dir)
    file = _new_file(actor, parsed, name, data)
    reading.describe_file(file, parsed)
    if place:
        _check_place(place_choices(session, file), file, place)
    file.place = place or _matching_place(session, file)
    session.add(file)
    session.flush()
    _tell(session, actor, file)
    if file.state == "reading" and not (is_inline and file.row_count > reading.INLINE_ROWS):
        _read_or_enqueue(session, actor, file, parsed, on)
    return Staged(file, False)


def _tell(session: Session, actor: Actor, file: ImportFile) -> None:
    """Log that a file was dropped: its name, what it is, how many rows."""
    record(
        session,
        actor=actor,
        act="imports.stage",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        form=file.form,
        count=file.row_count,
    )


def _new_file(actor: Actor, parsed: ParsedFile, name: str, data: bytes) -> ImportFile:
    """Return the row of a file that was just dropped."""
    return ImportFile(
        org_id=actor.org_id,
        id=new_id(),
        public_no=new_public_no("I"),
        sha256=parsed.sha256,
        name=clean_line(name, 200) or "file",
        size_bytes=len(data),
        form=parsed.form,
        state="unmapped" if parsed.form == "unknown" else "reading",
        dropped_by=actor.user_id,
        dropped_by_name=clean_line(actor.name, 80),
        dropped_at=actor.at,
        answers=Answers().to_json(),
    )


def _matching_place(session: Session, file: ImportFile) -> str:
    """Return the one place that the file itself points to: by its number, or by its balance.

    A file that states no number goes on from the file before it when it opens with the
    balance at which that one closed; where it opens otherwise, a person says whose it is.
    """
    choices = place_choices(session, file)
    matching = [choice.code for choice in choices if choice.is_match]
    if file.own_hash or file.opening_fen is None:
        return matching[0] if len(matching) == 1 else ""
    closed = {choice.code: _closing_before(session, file, choice.code) for choice in choices}
    following = [code for code, closing in closed.items() if closing == file.opening_fen]
    if len(following) == 1:
        return following[0]
    unlike = len(matching) == 1 and closed[matching[0]] not in (None, file.opening_fen)
    return matching[0] if len(matching) == 1 and not unlike else ""


def _closing_before(session: Session, file: ImportFile, place: str) -> int | None:
    """Return the balance at which the last earlier file of a place closed; None without one."""
    if file.first_on is None:
        return None
    return session.scalar(
        select(ImportFile.closing_fen)
        .where(
            ImportFile.org_id == file.org_id,
            ImportFile.place == place,
            ImportFile.state.in_(("judged", "booked")),
            ImportFile.closing_fen.is_not(None),
            ImportFile.last_on < file.first_on,
        )
        .order_by(ImportFile.last_on.desc(), ImportFile.id.desc())
        .limit(1)
    )


def place_choices(session: Session, file: ImportFile) -> list[PlaceChoice]:
    """Return the places a file may be from."""
    booker = booker_of(file.form)
    return booker.places(session, file.org_id, file.form, file.own_hash) if booker else []


def _check_place(choices: Sequence[PlaceChoice], file: ImportFile, place: str) -> None:
    """Refuse a place that a file of this kind is not from, or whose number is another one."""
    found = next((choice for choice in choices if choice.code == place), None)
    if found is None:
        raise refuse("import_place_unknown", "place", place=place)
    if found.is_other:
        raise refuse("import_place_other", "place", tail=file.own_tail, place=found.label)


def _read_or_enqueue(session: Session, actor: Actor, file: ImportFile, parsed: ParsedFile, on: date) -> None:
    """Read the rows now when they are few, else by a job."""
    file.state = "reading"
    if file.row_count <= reading.INLINE_ROWS:
        facts = reading.facts_of_parsed(file, parsed)
        for start in range(0, file.row_count, reading.CHUNK):
            reading.keep_rows(session, file, parsed.rows[start : start + reading.CHUNK], facts, on)
        file.state = "judged"
        session.flush()
        return
    session.flush()
    job = enqueue(
        session, actor=actor, kind="imports.read", params={"file_id": file.id}, total=file.row_count
    )
    file.job_id = job.id
    session.flush()


@dataclass(frozen=True, slots=True)
class Reread:
    """A file read with a person's answers, before the transaction that keeps its rows.

    Attributes:
        answers: the new ones, and those given before.
        parsed: the file as they let it be read.
    """

    answers: Answers
    parsed: ParsedFile


def read_again(session: Session, *, actor: Actor, file_id: int, answers: Answers, data_dir: Path) -> Reread:
    """Read a file with what a person says about it; nothing is kept.

    Raises:
        Refused: ``permission_missing``, ``import_unknown``, and why it cannot be read so.
    """
    need(actor, "imports.stage")
    file = load_file(session, actor.org_id, file_id)
    data = file_store().read(session, org_id=file.org_id, sha256=file.sha256, data_dir=data_dir)
    kept = Answers.from_json(file.answers)
    whole = Answers(answers.mapping or kept.mapping, answers.year or kept.year, answers.received_on)
    return Reread(whole, reading.parse(session, file.org_id, data, file.name, whole))


def answer_file(
    session: Session,
    *,
    actor: Actor,
    file_id: int,
    answers: Answers,
    data_dir: Path,
    on: date,
    reread: Reread | None = None,
) -> ImportFile:
    """Read a file with what a person says about it; an answer about columns is remembered.

    Args:
        actor: needs ``imports.stage``.
        answers: the columns, the year, the day of all rows.
        data_dir: the data folder, where the bytes are.
        on: today.
        reread: what :func:`read_again` gave before the transaction; None, or other answers
            given meanwhile, let it be read now.

    Raises:
        Refused: ``import_state``, ``import_running``, ``import_rows_booked``, and why the file
            cannot be read so, e.g. ``mapping_incomplete``.
    """
    need(actor, "imports.stage")
    file = load_for(session, actor, file_id, "map")
    booked = count_rows(session, file, "booked")
    if booked:
        raise refuse("import_rows_booked", count=booked)
    kept = Answers.from_json(file.answers)
    whole = Answers(answers.mapping or kept.mapping, answers.year or kept.year, answers.received_on)
    if reread is None or reread.answers != whole:
        reread = read_again(session, actor=actor, file_id=file_id, answers=answers, data_dir=data_dir)
    parsed = reread.parsed
    reading.drop_rows(session, file)
    file.answers = whole.to_json()
    reading.describe_file(file, parsed)
    file.place = file.place or _matching_place(session, file)
    if answers.mapping is not None:
        reading.remember(session, file, answers.mapping, (actor.user_id, actor.name, actor.at))
    record(
        session,
        actor=actor,
        act="imports.answer",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        form=file.form,
        count=file.row_count,
    )
    if file.form == "unknown":
        file.state = "unmapped"
        session.flush()
        return file
    _read_or_enqueue(session, actor, file, parsed, on)
    return file


def parsed_again(session: Session, file: ImportFile, data_dir: Path, *, is_raw: bool = False) -> ParsedFile:
    """Return a kept file read once more, for the screen that asks about its columns.

    Args:
        is_raw: without the answers given so far, so that every column is shown.
    """
    data = file_store().read(session, org_id=file.org_id, sha256=file.sha256, data_dir=data_dir)
    if is_raw:
        return read_file(data, file.name)
    return reading.parse(session, file.org_id, data, file.name, Answers.from_json(file.answers))


def mapping_of(
    parsed: ParsedFile,
    form: str,
    fields: Mapping[str, int],
    *,
    unit: str,
    channel: str,
    unsigned_is_credit: bool | None = None,
) -> ColumnMapping:
    """Return a person's answer about the columns of a parsed file.

    Args:
        form: ``bank_generic`` or ``donor_list``.
        fields: field → column index, from 0.
        unit: unit of the amount column, e.g. ``元``.
        channel: channel of the rows; empty where the form says it.
        unsigned_is_credit: what amounts without sign and direction are; None when told.
    """
    return ColumnMapping(
        form=form,
        headers=parsed.recognition.headers,
        fields=dict(fields),
        unit=unit,
        channel=channel,
        unsigned_is_credit=unsigned_is_credit,
    )


def choose_place(session: Session, *, actor: Actor, file_id: int, place: str, on: date) -> ImportFile:
    """Say which account or merchant number a file is from; its rows are judged anew.

    Raises:
        Refused: ``import_state``, ``import_running``, ``import_place_unknown``,
            ``import_place_other``, ``import_rows_booked``.
    """
    need(actor, "imports.stage")
    file = load_for(session, actor, file_id, "place")
    _check_place(place_choices(session, file), file, place)
    booked = count_rows(session, file, "booked")
    if booked and place != file.place:
        raise refuse("import_rows_booked", count=booked)
    file.place = place
    session.flush()
    record(
        session,
        actor=actor,
        act="imports.place",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        place=place,
    )
    judge_file(session, actor=actor, file=file, on=on)
    return file


def judge_file(session: Session, *, actor: Actor, file: ImportFile, on: date) -> None:
    """Judge every open row of a file anew: at once when they are few, else by a job."""
    count = count_rows(session, file, "staged", "parked")
    if count <= reading.INLINE_ROWS:
        row_no = 0
        while rows := reading.rows_after(session, file, row_no):
            reading.judge_again(session, file, rows, on)
            row_no = rows[-1].row_no
        session.flush()
        return
    job = enqueue(session, actor=actor, kind="imports.judge", params={"file_id": file.id}, total=count)
    file.job_id = job.id
    session.flush()


def count_rows(session: Session, file: ImportFile, *states: str) -> int:
    """Return how many rows of a file are in these states."""
    return (
        session.scalar(
            select(func.count())
            .select_from(ImportRow)
            .where(ImportRow.org_id == file.org_id, ImportRow.file_id == file.id, ImportRow.state.in_(states))
        )
        or 0
    )


def may_set_aside(actor: Actor, file: ImportFile) -> bool:
    """Say whether a person may put a file away: the own one, or any for who books files."""
    return actor.may("imports.book") or (actor.may("imports.stage") and actor.user_id == file.dropped_by)


def set_aside(session: Session, *, actor: Actor, file_id: int, reason: str) -> ImportFile:
    """Put a file away of which nothing is booked; the reason stays in the log.

    Args:
        actor: who dropped the file, or who books files.

    Raises:
        Refused: ``permission_missing``, ``reason_missing``, ``import_state``,
            ``import_running``, ``import_part_booked``.
    """
    need(actor, "imports.stage")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    file = load_for(session, actor, file_id, "cancel")
    if not may_set_aside(actor, file):
        raise refuse("permission_missing", permission="imports.book")
    booked = count_rows(session, file, "booked")
    if booked:
        raise refuse("import_part_booked", count=booked)
    file.state, file.ended_at = "cancelled", actor.at
    session.execute(
        update(ImportRow)
        .where(ImportRow.org_id == file.org_id, ImportRow.file_id == file.id)
        .values(state="skipped", action="skip")
        .execution_options(synchronize_session=False)
    )
    session.flush()
    record(
        session,
        actor=actor,
        act="imports.cancel",
        subject_kind="import",
        subject_no=file.public_no,
        summary=file.name,
        reason=clean_line(reason, 400),
    )
    return file
