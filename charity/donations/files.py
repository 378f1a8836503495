"""A file from the command line: recognised, judged and booked in one go, or only judged.

Imports ``db`` and lower, the imports engine and this feature. The same judge and the same
booking as on the pages; the same file again books nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.bookers import BOOKER
from charity.errors import Problem, Refused, refuse, refuse_if
from charity.imports import booking, reading, service, staging
from charity.imports.inline import InlineRun
from charity.imports.kinds import FileFacts, Judgement
from charity.imports.models import ImportFile, ImportRow
from charity.imports.reading import Answers
from charity.intake.read import ParsedFile


def import_file(
    *,
    actor: Actor,
    data: bytes,
    name: str,
    on: date,
    data_dir: Path,
    is_dry_run: bool = False,
    place: str = "",
    session: Session | None = None,
) -> dict[str, Any]:
    """Read a file in, judge its rows and book those that need no person.

    Args:
        actor: needs ``imports.stage`` and, unless nothing is to be booked, ``imports.book``
            and ``ledger.draft``; becomes the maker of the drafts.
        data: the file.
        name: its name.
        on: today.
        data_dir: the data folder.
        is_dry_run: judge only; nothing is kept.
        place: code of the place of money; empty to find it out.
        session: the session to use; that of the app's context when None.

    Returns:
        ``file`` (name, hash, number, place, state), ``form``, ``rows`` in file order
        (``row_no``, ``verdict``, ``reason`` as an English sentence, ``amount_fen`` signed,
        ``action``, ``target``), ``totals`` (stated and counted, problems), ``booked``.

    Raises:
        Refused: the file cannot be read, contradicts itself, or leaves its place open.
    """
    run = InlineRun(actor, session)
    if is_dry_run:
        return run.read(lambda own: _judged(own, actor, data, name, on, place))
    parsed = run.read(lambda own: reading.parse(own, actor.org_id, data, name, Answers()))
    staged = run.transact(
        lambda own: staging.stage_file(
            own,
            actor=actor,
            data=data,
            name=name,
            data_dir=data_dir,
            on=on,
            place=place,
            parsed=parsed,
            is_inline=True,
        )
    )
    file_id = staged.file.id
    if run.read(lambda own: staging.load_file(own, actor.org_id, file_id).state) == "reading":
        done = run.read(lambda own: _rows_read(own, actor.org_id, file_id))
        booking.read_job(run, file_id, data_dir, {"rows": done})
    booked = 0
    if run.transact(lambda own: _is_to_book(own, actor, file_id)):
        booked = booking.book_job(run, file_id)["booked"]
    return run.read(lambda own: _booked(own, actor, file_id, booked))


def _rows_read(session: Session, org_id: int, file_id: int) -> int:
    """Return how many rows an earlier try has read in."""
    query = select(ImportRow.id).where(ImportRow.org_id == org_id, ImportRow.file_id == file_id)
    return len(session.scalars(query).all())


def _is_to_book(session: Session, actor: Actor, file_id: int) -> bool:
    """Say whether rows wait to be booked; refuse a file that cannot be."""
    file = staging.load_file(session, actor.org_id, file_id)
    if file.state == "booked":
        return False
    if file.state == "unmapped":
        raise Refused(*(reading.file_problems(file) or [Problem("import_form_unbookable")]))
    try:
        service.prepare_booking(session, actor=actor, file_id=file_id)
    except Refused as refused:
        if refused.codes == ["import_nothing"]:
            return False
        raise
    return True


def _judged(session: Session, actor: Actor, data: bytes, name: str, on: date, place: str) -> dict[str, Any]:
    """Return what booking would do; nothing is kept."""
    if not actor.may("imports.stage"):
        raise refuse("permission_missing", permission="imports.stage")
    parsed = reading.parse(session, actor.org_id, data, name, Answers())
    refuse_if(parsed.problems if parsed.form == "unknown" else ())
    sha256 = hashlib.sha256(data).hexdigest()
    choices = BOOKER.places(session, actor.org_id, parsed.form, BOOKER.fingerprint(parsed.own_account))
    matching = [choice.code for choice in choices if choice.is_match]
    place = place or (matching[0] if len(matching) == 1 else "")
    facts = FileFacts(0, "", sha256, parsed.form, place, reading.references_of(parsed))
    verdicts: list[Judgement] = []
    for start in range(0, len(parsed.rows), reading.CHUNK):
        rows = parsed.rows[start : start + reading.CHUNK]
        verdicts += reading.judge_values(session, actor.org_id, on, facts, rows)
    rows_told = [
        _row(row.row_no, said.verdict, said.reason, said.params, row.signed_fen, said.target)
        for row, said in zip(parsed.rows, verdicts, strict=True)
    ]
    file = {"name": name, "sha256": sha256, "number": "", "place": place, "state": "not kept"}
    return {
        "file": file,
        "form": parsed.form,
        "rows": rows_told,
        "totals": _totals(parsed),
        "booked": 0,
    }


def _row(row_no: int, verdict: str, reason: str, params: Any, signed_fen: int, target: str) -> dict[str, Any]:
    """Return a row as it is told."""
    sentence = Problem(reason, params).sentence() if reason else ""
    return {
        "row_no": row_no,
        "verdict": verdict,
        "reason": sentence,
        "amount_fen": signed_fen,
        "target": target,
    }


def _totals(parsed: ParsedFile) -> dict[str, Any]:
    """Return the totals of a parsed file."""
    return {
        "stated": parsed.totals.stated.as_dict(),
        "counted": parsed.totals.counted.as_dict(),
        "problems": [problem.sentence() for problem in parsed.problems],
    }


def _booked(session: Session, actor: Actor, file_id: int, booked: int) -> dict[str, Any]:
    """Return what became of a kept file."""
    file: ImportFile = staging.load_file(session, actor.org_id, file_id)
    rows: Sequence[ImportRow] = session.scalars(
        select(ImportRow)
        .where(ImportRow.org_id == actor.org_id, ImportRow.file_id == file_id)
        .order_by(ImportRow.row_no)
    ).all()
    told = [
        {
            **_row(
                row.row_no,
                row.verdict,
                row.reason,
                row.reason_params,
                row.amount_fen if row.is_credit else -row.amount_fen,
                row.target,
            ),
            "state": row.state,
        }
        for row in rows
    ]
    return {
        "file": {
            "name": file.name,
            "sha256": file.sha256,
            "number": file.public_no,
            "place": file.place,
            "state": file.state,
        },
        "form": file.form,
        "rows": told,
        "totals": {
            "stated": dict(file.stated),
            "counted": dict(file.counted),
            "problems": [problem.sentence() for problem in reading.file_problems(file)],
        },
        "booked": booked,
    }
