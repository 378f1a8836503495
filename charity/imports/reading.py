"""From a file's bytes to judged rows: parse, keep, judge; in chunks when there are many.

Imports ``db`` and lower, and this feature. The judge that fills the preview is the one
that is asked again at booking.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from charity.errors import SENTENCES, Problem, Refused
from charity.ids import new_ids
from charity.imports.kinds import FileFacts, Judgement, booker_of
from charity.imports.models import ImportFile, ImportMapping, ImportRow
from charity.imports.rules import action_of
from charity.imports.stored_rows import problem_json, row_text, row_value
from charity.intake.mapping import Mapping as ColumnMapping
from charity.intake.read import FILE_NOTE_CODES, ParsedFile, read_file
from charity.intake.rows import IncomingRow
from charity.names import clean_line

#: Rows read in, judged or booked in one transaction (design of the ledger 3.3).
CHUNK = 500
#: Rows that are read in at once, within the request that drops the file.
INLINE_ROWS = 1_000
#: Problems that say “this file is known, and must not be booked”: no mapping helps.
ALIEN_CODES = frozenset({"form_payout"})


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person has said about a file.

    Attributes:
        mapping: which column is what.
        year: of days written without one.
        received_on: the day of rows that state none.
    """

    mapping: ColumnMapping | None = None
    year: int | None = None
    received_on: date | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the answers as JSON-able values."""
        return {
            "mapping": self.mapping.to_json() if self.mapping else None,
            "year": self.year,
            "received_on": self.received_on.isoformat() if self.received_on else None,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Answers:
        """Return the answers that :meth:`to_json` gave."""
        mapping, day = kept.get("mapping"), kept.get("received_on")
        return cls(
            ColumnMapping.from_json(mapping) if mapping else None,
            kept.get("year"),
            date.fromisoformat(day) if day else None,
        )


def parse(session: Session, org_id: int, data: bytes, name: str, answers: Answers) -> ParsedFile:
    """Return a file read with a person's answers, else with the answer remembered for its headings.

    Raises:
        Refused: the file cannot be read, or is one that must not be booked.
    """
    parsed = read_file(data, name, answers.mapping, year=answers.year, received_on=answers.received_on)
    if parsed.form == "unknown" and answers.mapping is None:
        aliens = [problem for problem in parsed.problems if problem.code in ALIEN_CODES]
        if aliens:
            raise Refused(*aliens)
        remembered = session.get(ImportMapping, (org_id, parsed.recognition.signature))
        if remembered is not None:
            mapping = ColumnMapping.from_json(remembered.answer)
            return read_file(data, name, mapping, year=answers.year, received_on=answers.received_on)
    return parsed


def describe_file(file: ImportFile, parsed: ParsedFile) -> None:
    """Write what the whole file says of itself into its row."""
    file.form, file.signature = parsed.form, parsed.recognition.signature
    file.row_count = len(parsed.rows)
    file.stated, file.counted = parsed.totals.stated.as_dict(), parsed.totals.counted.as_dict()
    file.first_on, file.last_on = parsed.first_on, parsed.last_on
    file.opening_fen, file.closing_fen = parsed.opening_fen, parsed.closing_fen
    booker = booker_of(parsed.form)
    file.own_tail = parsed.own_account[-4:]
    file.own_hash = booker.fingerprint(parsed.own_account) if booker and parsed.own_account else ""
    file.problems = [problem_json(problem) for problem in parsed.problems]
    file.is_sound = parsed.is_bookable


def file_problems(file: ImportFile, *, notes: bool = True) -> list[Problem]:
    """Return what was found about the file as a whole.

    Args:
        notes: False leaves out what only informs.
    """
    return [
        Problem(kept["code"], kept["params"], kept["where"])
        for kept in file.problems
        if kept["code"] in SENTENCES and (notes or kept["code"] not in FILE_NOTE_CODES)
    ]


def facts_of(session: Session, file: ImportFile) -> FileFacts:
    """Return what judge and booker need to know of a staged file."""
    org_id, file_id = file.org_id, file.id

    def references(wanted: Collection[str]) -> Mapping[str, int]:
        """Look references up among the payments of this file."""
        found: dict[str, int] = {}
        texts = sorted(set(wanted) - {""})
        for start in range(0, len(texts), CHUNK):
            rows = session.execute(
                select(ImportRow.reference, func.min(ImportRow.row_no))
                .where(
                    ImportRow.org_id == org_id,
                    ImportRow.file_id == file_id,
                    ImportRow.reference.in_(texts[start : start + CHUNK]),
                    ImportRow.is_credit,
                )
                .group_by(ImportRow.reference)
            )
            found.update(dict(rows.all()))
        return found

    return FileFacts(file.id, file.public_no, file.sha256, file.form, file.place, references)


def references_of(parsed: ParsedFile) -> Callable[[Collection[str]], Mapping[str, int]]:
    """Return the look-up of references among the payments of a file as it was read."""
    first: dict[str, int] = {}
    for row in parsed.rows:
        if row.is_credit and row.reference:
            first.setdefault(row.reference, row.row_no)
    return lambda wanted: {text: first[text] for text in wanted if text in first}


def facts_of_parsed(file: ImportFile, parsed: ParsedFile) -> FileFacts:
    """Return what judge and booker need of a file that is being read in: not all rows are kept yet."""
    return FileFacts(file.id, file.public_no, file.sha256, file.form, file.place, references_of(parsed))


def judge_values(
    session: Session, org_id: int, on: date, facts: FileFacts, rows: Sequence[IncomingRow]
) -> list[Judgement]:
    """Return the verdicts on rows, by whoever books files of this form; reads only."""
    booker = booker_of(facts.form)
    if booker is None:
        return [Judgement("ask", "import_form_unbookable") for _ in rows]
    return booker.judge(session, org_id, on, facts, rows)


def keep_rows(
    session: Session, file: ImportFile, rows: Sequence[IncomingRow], facts: FileFacts, on: date
) -> None:
    """Judge rows as they come out of the file and keep them."""
    if not rows:
        return
    verdicts = judge_values(session, file.org_id, on, facts, rows)
    values = [
        {
            "org_id": file.org_id,
            "id": row_id,
            "file_id": file.id,
            "row_no": row.row_no,
            "line_hash": row.line_hash,
            "place": file.place,
            "on": row.booked_on or row.occurred_on,
            "amount_fen": row.amount_fen,
            "is_credit": row.is_credit,
            "name": clean_line(row.counterparty_name, 200),
            "words": words_of(row),
            "reference": row.reference[:80],
            "content": row_text(row),
            **verdict_values(said, ""),
        }
        for row_id, row, said in zip(new_ids(len(rows)), rows, verdicts, strict=True)
    ]
    session.connection().execute(insert(ImportRow), values)


def verdict_values(said: Judgement, decision: str) -> dict[str, Any]:
    """Return the columns a verdict sets; a decision made before stands."""
    return {
        "verdict": said.verdict,
        "reason": said.reason,
        "reason_params": problem_json(Problem(said.reason, said.params))["params"],
        "target": said.target[:120],
        "action": action_of(said.verdict, decision),
        "state": "staged",
    }


def words_of(row: IncomingRow) -> str:
    """Return the payer's own words, each once, for the list."""
    parts = (row.fund_hint, row.purpose, row.remark, row.summary)
    return clean_line(" · ".join(dict.fromkeys(part.strip() for part in parts if part.strip())), 200)


def drop_rows(session: Session, file: ImportFile) -> None:
    """Forget the rows of a file that is to be read in another way; none is booked."""
    session.execute(
        delete(ImportRow).where(
            ImportRow.org_id == file.org_id, ImportRow.file_id == file.id, ImportRow.state != "booked"
        )
    )


def judge_again(session: Session, file: ImportFile, rows: Sequence[ImportRow], on: date) -> None:
    """Judge kept rows anew and write the verdicts down; decisions stand.

    Args:
        rows: of this file, neither booked nor left out.
        on: today.
    """
    values = [row_value(row.content) for row in rows]
    verdicts = judge_values(session, file.org_id, on, facts_of(session, file), values)
    changes = [
        {"org_id": row.org_id, "id": row.id, "place": file.place, **verdict_values(said, row.decision)}
        for row, said in zip(rows, verdicts, strict=True)
    ]
    write_rows(session, changes)


def write_rows(session: Session, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write columns of rows, each named by ``org_id`` and ``id``; rows that set the same columns together."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in changes:
        names = tuple(sorted(change.keys() - {"org_id", "id"}))
        values = {f"new_{name}": change[name] for name in names}
        groups.setdefault(names, []).append({**values, "at_org": change["org_id"], "at_id": change["id"]})
    for names, rows in groups.items():
        statement = (
            update(ImportRow)
            .where(ImportRow.org_id == bindparam("at_org"), ImportRow.id == bindparam("at_id"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )
        session.connection().execute(statement, rows)


def rows_after(session: Session, file: ImportFile, row_no: int, limit: int = CHUNK) -> list[ImportRow]:
    """Return the next rows of a file that are still open, in the file's order."""
    return list(
        session.scalars(
            select(ImportRow)
            .where(
                ImportRow.org_id == file.org_id,
                ImportRow.file_id == file.id,
                ImportRow.row_no > row_no,
                ImportRow.state.in_(("staged", "parked")),
            )
            .order_by(ImportRow.row_no)
            .limit(limit)
            .execution_options(populate_existing=True)
        )
    )


def remember(
    session: Session, file: ImportFile, mapping: ColumnMapping, who: tuple[int, str, datetime]
) -> None:
    """Remember an answer for every file with these headings.

    Args:
        who: user id, name and instant.
    """
    known = session.get(ImportMapping, (file.org_id, mapping.signature))
    if known is None:
        known = ImportMapping(org_id=file.org_id, signature=mapping.signature)
        session.add(known)
    known.answer = mapping.to_json()
    known.answered_by, known.answered_by_name, known.answered_at = who
    session.flush()
