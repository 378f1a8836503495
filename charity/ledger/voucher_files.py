"""Vouchers from a CSV file: lines with the same ref are one voucher.

The file itself is the source document. The same file or ref twice books nothing twice;
a file is taken whole or not at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, Refused, refuse, refuse_if, register
from charity.ledger.attachments import store_attachment
from charity.ledger.books import load_books
from charity.ledger.completion_rules import complete
from charity.ledger.corrections import remainder
from charity.ledger.drafting import (
    DraftOrigin,
    check_known,
    make_draft,
    review_drafts,
    sign_drafts,
    submit_drafts,
)
from charity.ledger.judging import check_submission
from charity.ledger.models import Draft
from charity.ledger.posting import post_drafts
from charity.ledger.reading import read_voucher
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.ledger.sealed_models import Voucher
from charity.money import parse_yuan
from charity.periods import Month, parse_date

T = TypeVar("T")

PROBLEMS = register(
    {
        "csv_not_utf8": N_("The file is not UTF-8; save it as CSV UTF-8."),
        "csv_columns": N_("The first row must name the columns; missing: %(missing)s."),
        "csv_broken": N_(
            "The file is broken at row %(row)s: a field of more than 131,072 characters, or a quotation mark "
            "without its pair. Save it as CSV UTF-8 again."
        ),
        "csv_too_long": N_(
            "Row %(row)s: %(column)s has %(count)s characters; at most %(limit)s can be kept. Shorten it."
        ),
        "csv_control": N_(
            "Row %(row)s: %(column)s holds a control character; delete the field and type it anew."
        ),
        "csv_empty": N_("The file has no voucher lines."),
        "csv_row": N_("Row %(row)s: %(problem)s"),
        "csv_ref_missing": N_("Row %(row)s has no ref; lines of one voucher share a ref."),
        "csv_mixed": N_("Ref %(ref)s: %(column)s differs between its rows (from row %(row)s on)."),
        "csv_ref_taken": N_(
            "Ref %(ref)s was imported before with other contents: %(voucher)s. Give the new voucher another "
            "ref; what is posted is corrected, not imported anew."
        ),
        "csv_target_unknown": N_("Ref %(ref)s: no posted voucher is called %(target)s."),
    }
)

COLUMNS = (
    "date",
    "word",
    "summary",
    "account",
    "fund",
    "earmark",
    "debit",
    "credit",
    "project",
    "money_place",
    "cash_flow",
    "ref",
    "reverses",
)
_NEEDED = frozenset({"date", "summary", "account", "fund", "debit", "credit", "ref"})


#: Column → most characters of it that the books can keep.
_LIMITS = {"summary": 200, "ref": 80}


@dataclass(frozen=True, slots=True)
class FileVoucher:
    """One voucher of a file: its rows as values, in order.

    Attributes:
        row_nos: number of each row in the file; the heads are row 1.
    """

    ref: str
    on: date
    month: Month
    word: str
    summary: str
    reverses: str
    lines: tuple[DraftLine, ...]
    row_nos: tuple[int, ...]

    @property
    def is_red(self) -> bool:
        """Say whether its amounts are negative."""
        return any((line.debit_fen or line.credit_fen) < 0 for line in self.lines)


@dataclass(frozen=True, slots=True)
class ImportedVoucher:
    """What became of one voucher of a file."""

    ref: str
    state: str
    month: Month
    word: str
    number: int | None
    total_fen: int
    was_there_before: bool


def read_vouchers_csv(data: bytes) -> list[FileVoucher]:
    """Return the vouchers of a CSV file, in the order of their first rows.

    Raises:
        Refused: ``csv_not_utf8``, ``csv_broken``, ``csv_columns``, ``csv_empty``, ``csv_row``,
            ``csv_too_long``, ``csv_control``, ``csv_ref_missing``, ``csv_mixed``.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refuse("csv_not_utf8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = sorted(_NEEDED - {name.strip() for name in reader.fieldnames or ()})
        if missing:
            raise refuse("csv_columns", missing=", ".join(missing))
        given = list(reader)
    except csv.Error:
        raise refuse("csv_broken", row=reader.line_num + 1) from None
    groups: dict[str, list[dict[str, str]]] = {}
    problems: list[Problem] = []
    for number, raw in enumerate(given, start=2):
        row = {
            (key or "").strip(): (value or "").strip() for key, value in raw.items() if isinstance(value, str)
        }
        if not any(row.values()):
            continue
        if wrong := _check_texts(number, row):
            problems += wrong
            continue
        if not row.get("ref"):
            problems.append(Problem("csv_ref_missing", {"row": number}, f"row {number}"))
            continue
        groups.setdefault(row["ref"], []).append({**row, "#": str(number)})
    if not groups and not problems:
        raise refuse("csv_empty")
    found = [_voucher(ref, rows, problems) for ref, rows in groups.items()]
    refuse_if(sorted(problems, key=lambda problem: int(str(problem.params["row"]))))
    return [voucher for voucher in found if voucher is not None]


def _check_texts(number: int, row: dict[str, str]) -> list[Problem]:
    """Return which texts of a row the books cannot keep as they are."""
    problems = []
    for column, text in row.items():
        values = {"row": number, "column": column}
        if any(ord(character) < 32 for character in text):
            problems.append(Problem("csv_control", values, f"row {number}"))
        elif len(text) > (limit := _LIMITS.get(column, 60)):
            sizes = {"count": len(text), "limit": limit}
            problems.append(Problem("csv_too_long", {**values, **sizes}, f"row {number}"))
    return problems


def _voucher(ref: str, rows: Sequence[dict[str, str]], problems: list[Problem]) -> FileVoucher | None:
    """Return one voucher from its rows; what is wrong in them joins the problems."""
    count = len(problems)
    for column in ("date", "word", "reverses"):
        other = next((row for row in rows if row.get(column, "") != rows[0].get(column, "")), None)
        if other is not None:
            values = {"ref": ref, "column": column, "row": int(other["#"])}
            problems.append(Problem("csv_mixed", values, f"row {other['#']}"))
    day = _tried(rows[0], problems, lambda: _date(rows[0]["date"]))
    lines = [_tried(row, problems, partial(_line, row)) for row in rows]
    if day is None or len(problems) > count:
        return None
    on, month = day
    return FileVoucher(
        ref=ref,
        on=on,
        month=month,
        word=rows[0].get("word", ""),
        summary=rows[0]["summary"],
        reverses=rows[0].get("reverses", ""),
        lines=tuple(line for line in lines if line is not None),
        row_nos=tuple(int(row["#"]) for row in rows),
    )


def _tried(row: dict[str, str], problems: list[Problem], read: Callable[[], T]) -> T | None:
    """Return what a row says; None when it cannot be read, which joins the problems."""
    try:
        return read()
    except Refused as refused:
        number = int(row["#"])
        values = {"row": number, "problem": refused.problems[0].sentence()}
        problems.append(Problem("csv_row", values, f"row {number}"))
        return None


def _date(text: str) -> tuple[date, Month]:
    """Return the day and month of a date; ``2026-13`` is 31 December in month 13."""
    if text.endswith("-13") and len(text) == 7:
        month = Month.parse(text)
        return month.last_on, month
    on = parse_date(text)
    return on, Month.of(on)


def _line(row: dict[str, str]) -> DraftLine:
    """Return one row as a voucher line."""
    debit, credit = (parse_yuan(row[side]) if row[side] else 0 for side in ("debit", "credit"))
    return DraftLine(
        row["account"],
        debit_fen=debit,
        credit_fen=credit,
        fund=row["fund"] or "GEN",
        earmark=row.get("earmark", ""),
        summary=row["summary"],
        project=row.get("project", ""),
        money_place=row.get("money_place", ""),
        cash_flow=row.get("cash_flow", ""),
        net_asset_change=row.get("net_asset_change", ""),
        activity_class=row.get("activity_class", ""),
    )


def import_vouchers(
    session: Session,
    *,
    maker: Actor,
    reviewer: Actor | None,
    cashier: Actor | None,
    data: bytes,
    name: str,
    on: date,
    data_dir: Path,
) -> list[ImportedVoucher]:
    """Take a file of vouchers whole, or refuse it whole.

    Args:
        maker: makes the drafts.
        reviewer: reviews and posts them; None: they stay drafts.
        cashier: signs those that move money.
        data: the file, which becomes the source document of each voucher.
        on: today.
        data_dir: the data folder.

    Raises:
        Refused: everything wrong in the rows, each with its row; then what keeps the first
            voucher from being taken, with its ref.
    """
    vouchers = read_vouchers_csv(data)
    paper = store_attachment(
        session, actor=maker, data=data, name=name, media_type="text/csv", data_dir=data_dir
    )
    known = _known_refs(session, maker.org_id, [voucher.ref for voucher in vouchers])
    fresh = [voucher for voucher in vouchers if voucher.ref not in known]
    refuse_if(_check_rows(session, maker.org_id, fresh, paper, is_posted=reviewer is not None))
    rows: list[Draft] = []
    for voucher in vouchers:
        row = _make(session, maker, voucher, paper, known)
        rows.append(row)
        if reviewer is not None and row.state != "posted":
            _advance(session, maker, reviewer, cashier, row, voucher.ref, on)
    return [_answer(session, row, row.ref in known) for row in rows]


def _check_rows(
    session: Session, org_id: int, vouchers: Sequence[FileVoucher], paper: str, *, is_posted: bool
) -> list[Problem]:
    """Return everything wrong in vouchers not taken before, each with its ref and row.

    One that names another is judged when it is taken: what it corrects may stand in the
    same file.

    Args:
        is_posted: they are to be posted; drafts alone may still be unsound.
    """
    books: dict[date, Books] = {}
    problems: list[Problem] = []
    for voucher in vouchers:
        if voucher.reverses:
            continue
        if voucher.on not in books:
            books[voucher.on] = load_books(session, org_id, voucher.on)
        codes = books[voucher.on]
        colour = "red" if voucher.is_red else "blue"
        draft = DraftVoucher(
            voucher.on, voucher.month, voucher.summary, voucher.lines, colour=colour, attachments=(paper,)
        )
        found = check_known(draft, codes, voucher.word)
        if not found and is_posted:
            found = check_submission(session, org_id, complete(draft, codes), codes)
        problems += [replace(problem, where=_place(voucher, problem)) for problem in found]
    return problems


def _place(voucher: FileVoucher, problem: Problem) -> str:
    """Return where in the file a problem stands: its ref, and its row where it is a line's."""
    kind, _, number = problem.where.partition("-")
    if kind == "lines" and number.isdigit() and int(number) < len(voucher.row_nos):
        return f"{voucher.ref}, row {voucher.row_nos[int(number)]}"
    return voucher.ref


def _known_refs(session: Session, org_id: int, refs: Sequence[str]) -> set[str]:
    """Return the refs of a file that were taken before."""
    known: set[str] = set()
    for start in range(0, len(refs), 500):
        keys = [f"csv/{ref}" for ref in refs[start : start + 500]]
        found = session.scalars(
            select(Draft.ref).where(Draft.org_id == org_id, Draft.idempotency_key.in_(keys))
        )
        known.update(found)
    return known


def _make(session: Session, maker: Actor, voucher: FileVoucher, paper: str, known: set[str]) -> Draft:
    """Return the draft of one voucher, made now or before."""
    try:
        if voucher.ref in known:
            row = session.scalars(
                select(Draft).where(
                    Draft.org_id == maker.org_id, Draft.idempotency_key == f"csv/{voucher.ref}"
                )
            ).one()
            refuse_if(_check_same(session, maker, voucher, row))
            return row
        draft = _draft(session, maker, voucher, paper)
        origin = DraftOrigin(idempotency_key=f"csv/{voucher.ref}", ref=voucher.ref, word=voucher.word)
        return make_draft(session, actor=maker, draft=draft, origin=origin)
    except Refused as refused:
        raise _named(voucher.ref, refused) from None


def _check_same(session: Session, maker: Actor, voucher: FileVoucher, row: Draft) -> list[Problem]:
    """Return whether a ref taken before now stands for something else."""
    books = load_books(session, maker.org_id, voucher.on)
    value = DraftVoucher(voucher.on, voucher.month, voucher.summary, voucher.lines, row.kind, row.colour)
    asked = complete(value, books)
    same = (
        row.voucher_on == voucher.on
        and row.month == voucher.month.code
        and [line.to_json() for line in asked.lines] == row.lines
    )
    if same:
        return []
    posted = session.get(Voucher, (row.org_id, row.voucher_id)) if row.voucher_id is not None else None
    month = Month.from_code(row.month)
    name = f"{month} {posted.word}-{posted.number:04d}" if posted else f"{row.voucher_on} {row.summary}"
    return [Problem("csv_ref_taken", {"ref": voucher.ref, "voucher": name})]


def _draft(session: Session, maker: Actor, voucher: FileVoucher, paper: str) -> DraftVoucher:
    """Return a voucher of a file as a draft; one that names another corrects or reverses it."""
    colour = "red" if voucher.is_red else "blue"
    draft = DraftVoucher(
        voucher.on, voucher.month, voucher.summary, voucher.lines, colour=colour, attachments=(paper,)
    )
    if not voucher.reverses:
        return draft
    target = _target(session, maker.org_id, voucher)
    original = read_voucher(session, maker.org_id, target)
    left = {(_shape(part.line), part.fen) for part in remainder(session, maker.org_id, original) if part.fen}
    books = load_books(session, maker.org_id, voucher.on)
    asked = {
        (_shape(line), -(line.debit_fen + line.credit_fen))
        for line in complete(draft, books).lines
        if not line.is_retag
    }
    is_full = voucher.is_red and left == asked
    return replace(
        draft,
        kind="correction",
        reverses_id=target if is_full else None,
        corrects_id=None if is_full else target,
    )


def _shape(line: DraftLine) -> tuple[str, str, str, str, bool]:
    """Return what identifies a line for comparing a reversal with its original."""
    return line.account, line.fund, line.earmark, line.money_place, line.debit_fen != 0


def _target(session: Session, org_id: int, voucher: FileVoucher) -> int:
    """Return the voucher that a row names by ref or by number (``2026-03 记-7``)."""
    found = session.scalar(
        select(Voucher.id).where(
            Voucher.org_id == org_id, Voucher.ref == voucher.reverses, Voucher.colour == "blue"
        )
    )
    if found is None and " " in voucher.reverses:
        month, _, number = voucher.reverses.partition(" ")
        word, _, digits = number.partition("-")
        if digits.isdigit() and len(month) == 7:
            found = session.scalar(
                select(Voucher.id).where(
                    Voucher.org_id == org_id,
                    Voucher.month == Month.parse(month).code,
                    Voucher.word == word,
                    Voucher.number == int(digits),
                )
            )
    if found is None:
        raise refuse("csv_target_unknown", ref=voucher.ref, target=voucher.reverses)
    return found


def _advance(
    session: Session, maker: Actor, reviewer: Actor, cashier: Actor | None, row: Draft, ref: str, on: date
) -> None:
    """Take one draft through review, signature and posting, as far as it has not gone."""
    try:
        if row.state == "draft":
            submit_drafts(session, actor=maker, draft_ids=[row.id])
        if row.state == "submitted":
            review_drafts(session, actor=reviewer, draft_ids=[row.id])
        if row.state == "reviewed" and row.has_money and cashier is not None:
            sign_drafts(session, actor=cashier, draft_ids=[row.id])
        post_drafts(session, actor=reviewer, draft_ids=[row.id], on=on)
    except Refused as refused:
        raise _named(ref, refused) from None


def _named(ref: str, refused: Refused) -> Refused:
    """Return a refusal that keeps its codes and names the ref it stands at."""
    return Refused(*(Problem(p.code, p.params, where=ref) for p in refused.problems))


def _answer(session: Session, row: Draft, was_there_before: bool) -> ImportedVoucher:
    """Return what became of a draft."""
    month = Month.from_code(row.month)
    posted = session.get(Voucher, (row.org_id, row.voucher_id)) if row.voucher_id is not None else None
    return ImportedVoucher(
        ref=row.ref,
        state=row.state,
        month=month,
        word=posted.word if posted else "",
        number=posted.number if posted else None,
        total_fen=row.total_fen,
        was_there_before=was_there_before,
    )
