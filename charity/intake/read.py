"""One dropped file → everything that is known about it.

Imports errors, money and this package. The one door for the features above: they get
rows with their problems, the file's totals against the counted ones, and what a preview
or a mapping screen shows. Nothing here books anything.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from charity.errors import N_, Problem, Refused, refuse, register
from charity.intake.bank import read_bank
from charity.intake.cells import parse_amount
from charity.intake.donor_list import read_donor_list
from charity.intake.exchange import format_of, read_exchange
from charity.intake.forms import CHANNEL_FORMS, FUND_FLOW_FORMS, PERSONAL_FORMS
from charity.intake.fund_flow import read_fund_flow
from charity.intake.limits import MAX_BYTES
from charity.intake.mapping import Mapping
from charity.intake.parcels import is_zip, unpack
from charity.intake.payments import read_alipay, read_wechat
from charity.intake.personal import compare_sums, read_personal
from charity.intake.recognise import Recognition, apply_mapping, recognise, refuse_merged_data
from charity.intake.rows import IncomingRow
from charity.intake.table import Table, read_tables
from charity.intake.totals import (
    BalanceBreak,
    FileTotals,
    StatedTotals,
    Totals,
    balance_chain,
    balance_problems,
    counted_totals,
)

PROBLEMS = register(
    {
        "accounts_mixed": N_(
            "%(name)s holds rows of several bank accounts of ours (%(accounts)s); export one account a file."
        ),
        "rows_absent": N_("%(name)s has headings but no row below them."),
        "zip_left": N_(
            "%(name)s holds further files (%(files)s) that are no statements; only “%(file)s” was read."
        ),
        "sheets_left": N_(
            "%(name)s has further filled sheets (%(sheets)s); only “%(sheet)s” was read. "
            "If they hold rows, drop each as a file of its own."
        ),
    }
)

#: File problems that inform the reader and do not keep the file from being booked.
FILE_NOTE_CODES = frozenset(
    {"personal_statement", "personal_sums_differ", "rows_absent", "sheets_left", "zip_left"}
)


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A file, read.

    Attributes:
        name: the file's name as dropped.
        sha256: of the file, hexadecimal.
        size_bytes: of the file.
        kind: ``csv``, ``xlsx``, ``xls``, ``ods``, ``ofx``, ``mt940`` or ``camt053``.
        sheet: the sheet that was read, empty for text.
        encoding: the text's encoding, empty for workbooks.
        recognition: form, headings, columns; guesses when the form is ``unknown``.
        rows: file order; empty when the form is ``unknown``.
        totals: stated by the file against counted, fen.
        problems: about the file as a whole; rows carry their own.
        notes: (row number, text) of lines that were read as neither row nor total.
        own_account: our account or merchant number, empty when not given or several.
        first_on: day of the earliest row by booking day where given; None without rows.
        last_on: day of the latest.
        opening_fen: balance before the earliest row; None without a running balance.
        closing_fen: balance after the latest row.
        balance_breaks: rows whose balance does not follow, file order.
    """

    name: str
    sha256: str
    size_bytes: int
    kind: str
    sheet: str
    encoding: str
    recognition: Recognition
    rows: tuple[IncomingRow, ...] = field(repr=False, default=())
    totals: FileTotals = field(default_factory=FileTotals)
    problems: tuple[Problem, ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    own_account: str = ""
    first_on: date | None = None
    last_on: date | None = None
    opening_fen: int | None = None
    closing_fen: int | None = None
    balance_breaks: tuple[BalanceBreak, ...] = ()

    @property
    def form(self) -> str:
        """Return the form, a key of :data:`charity.intake.recognise.FORM_NAMES`."""
        return self.recognition.form

    @property
    def form_name(self) -> str:
        """Return the message id of the form's name."""
        return self.recognition.form_name

    @property
    def is_bookable(self) -> bool:
        """Say whether nothing but notes stands at the file itself; rows are judged one by one."""
        return self.form != "unknown" and all(item.code in FILE_NOTE_CODES for item in self.problems)


def read_file(
    data: bytes,
    name: str,
    mapping: Mapping | None = None,
    *,
    year: int | None = None,
    received_on: date | None = None,
) -> ParsedFile:
    """Return everything a file says.

    Args:
        data: the whole file.
        name: its name as dropped; used in sentences only.
        mapping: a person's answer for a file that is not recognised; it wins over
            recognition.
        year: the year of days written without one in a donor list; None asks.
        received_on: the day of a donor list's rows that state none; None asks.

    Raises:
        Refused: the file cannot be read, or not without mixing rows up; one sentence
            says what is wrong, where, and what to do.
    """
    with _without_cycle_search():
        return _read(data, name, mapping, year, received_on)


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """Keep the garbage collector from walking a million fresh cells again and again.

    Reading makes no cycles, and the walks cost a quarter of the time of a large file.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(slots=True)
class _Found:
    """A table with what it was recognised as, and what is to be said of the file."""

    table: Table
    recognition: Recognition
    problems: list[Problem]


def _read(
    data: bytes, name: str, mapping: Mapping | None, year: int | None, received_on: date | None
) -> ParsedFile:
    found = _unpacked(data, name, mapping) if is_zip(data) else _found(data, name, mapping)
    table, recognition, problems = found.table, found.recognition, found.problems
    stated = StatedTotals()
    rows: list[IncomingRow] = []
    notes: list[tuple[int, str]] = []
    form = recognition.form
    if form == "wechat_merchant_v2":
        rows = read_wechat(table, recognition, stated)
        if not stated.totals.as_dict() and not stated.problems:
            problems.append(Problem("totals_missing"))
    elif form == "alipay_merchant":
        rows = read_alipay(table, recognition, stated)
    elif form in FUND_FLOW_FORMS:
        rows = read_fund_flow(table, recognition, stated)
        if not stated.totals.as_dict() and not stated.problems:
            problems.append(Problem("totals_missing"))
    elif form in CHANNEL_FORMS:
        rows = read_personal(table, recognition, stated)
    elif form == "donor_list":
        gifts = read_donor_list(table, recognition, stated, year, received_on)
        refuse_merged_data(table, recognition, gifts.row_indexes)
        rows, notes = gifts.rows, gifts.notes
        problems += gifts.problems
    elif form != "unknown":
        export = read_bank(table, recognition, stated)
        refuse_merged_data(table, recognition, [row.row_no - 1 for row in export.rows])
        rows, notes = export.rows, export.notes
    if form in PERSONAL_FORMS:
        problems.append(Problem("personal_statement", {"name": table.name}))
    return _judged(table, recognition, rows, notes, stated, problems)


def _found(data: bytes, name: str, mapping: Mapping | None) -> _Found:
    """Return the table of a file that is no archive."""
    kind = format_of(data) if len(data) <= MAX_BYTES else ""
    if kind:
        statement = read_exchange(data, kind, name[:120])
        return _Found(statement.table, statement.recognition, statement.problems)
    table, recognition = _chosen(read_tables(data, name), mapping)
    return _Found(table, recognition, list(recognition.problems))


def _unpacked(data: bytes, name: str, mapping: Mapping | None) -> _Found:
    """Return the one statement of a ZIP; what else it holds is named.

    Raises:
        Refused: ``zip_several``, ``file_too_large``, and what the archive or the only file
            in it is refused for.
    """
    if len(data) > MAX_BYTES:
        raise refuse("file_too_large", name=name[:120], limit=MAX_BYTES // 2**20)
    known: _Found | None = None
    other: _Found | None = None
    refusal: Refused | None = None
    files = unpack(data, name[:120])
    for packed in files:
        try:
            found = _found(packed.read(), packed.name, mapping)
        except Refused as refused:
            if refused.codes == ["file_zip_bomb"]:
                raise
            refusal = refusal or refused
            continue
        if found.recognition.form == "unknown":
            other = other or found
        elif known is not None:
            # Two are one too many: the rest is not even unpacked.
            shown = f"{known.table.name}、{found.table.name}"
            raise refuse("zip_several", name=name[:120], files=shown)
        else:
            known = found
    one = known or (other if refusal is None else None)
    if one is None:
        raise refusal or refuse("zip_empty", name=name[:120])
    rest = [packed.name for packed in files if packed.name != one.table.name]
    if rest:
        params = {"name": name[:120], "files": "、".join(rest[:5]), "file": one.table.name}
        one.problems.append(Problem("zip_left", params))
    # The file is the one that was dropped: its bytes are kept and known again.
    one.table = replace(one.table, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    return one


def _chosen(tables: list[Table], mapping: Mapping | None) -> tuple[Table, Recognition]:
    """Return the first sheet that is recognised (or fits the answer), else the first."""
    if mapping is not None:
        refusal: Refused | None = None
        for table in tables:
            try:
                return table, apply_mapping(table, mapping)
            except Refused as refused:
                refusal = refusal or refused
        if refusal is not None:
            raise refusal
    found = [(table, recognise(table)) for table in tables]
    return next((pair for pair in found if pair[1].form != "unknown"), found[0])


def _judged(
    table: Table,
    recognition: Recognition,
    rows: list[IncomingRow],
    notes: list[tuple[int, str]],
    stated: StatedTotals,
    problems: list[Problem],
) -> ParsedFile:
    """Compare the file with itself and put the result together."""
    counted, notes_of_sums = _counted(table, recognition, rows, stated)
    totals = FileTotals(stated.totals, counted)
    problems += notes_of_sums
    if recognition.form != "unknown":
        problems += stated.problems
        if not any(item.code == "total_line_differs" for item in problems):
            problems += totals.differences()
    accounts = sorted({row.own_account for row in rows} - {""})
    if len(accounts) > 1:
        shown = "、".join(accounts[:3])
        problems.append(Problem("accounts_mixed", {"name": table.name, "accounts": shown}))
    chain = balance_chain(rows if len(accounts) < 2 else [])
    problems += balance_problems(chain, stated)
    if recognition.form != "unknown" and not rows:
        problems.append(Problem("rows_absent", {"name": table.name}))
    if table.other_sheets:
        sheets = "、".join(table.other_sheets[:5])
        problems.append(Problem("sheets_left", {"name": table.name, "sheets": sheets, "sheet": table.sheet}))
    days = [row.booked_on or row.occurred_on for row in rows]
    known = [day for day in days if day is not None]
    return ParsedFile(
        name=table.name,
        sha256=table.sha256,
        size_bytes=table.size_bytes,
        kind=table.kind,
        sheet=table.sheet,
        encoding=table.encoding,
        recognition=recognition,
        rows=tuple(rows),
        totals=totals,
        problems=tuple(problems),
        notes=tuple(notes),
        own_account=accounts[0] if len(accounts) == 1 else "",
        first_on=min(known, default=None),
        last_on=max(known, default=None),
        opening_fen=chain.opening_fen,
        closing_fen=chain.closing_fen,
        balance_breaks=chain.breaks,
    )


def _counted(
    table: Table, recognition: Recognition, rows: list[IncomingRow], stated: StatedTotals
) -> tuple[Totals, list[Problem]]:
    """Return the totals of the rows as this form of file counts them."""
    form = recognition.form
    if form in CHANNEL_FORMS and form in PERSONAL_FORMS:
        return compare_sums(rows, recognition, stated.totals, table.name)
    counted = counted_totals(rows, is_channel=form in CHANNEL_FORMS)
    if form == "alipay_merchant":
        counted.printed_fen = _printed_fen(rows, recognition)
    return counted, []


def _printed_fen(rows: list[IncomingRow], recognition: Recognition) -> int:
    """Return the amount column added up as printed; Alipay's footer counts refunds so."""
    column, total = recognition.columns["amount"], 0
    for row in rows:
        try:
            total += parse_amount(row.cells[column], recognition.unit_fen)
        except Refused:
            continue
    return total


def describe(parsed: ParsedFile) -> dict[str, Any]:
    """Return a summary of a file as JSON-able values; amounts in fen, days ISO.

    It names no giver: counts, sums, problem codes with their first sentence.
    """
    row_problems = Counter(problem.code for row in parsed.rows for problem in row.problems)
    first: dict[str, str] = {}
    for row in parsed.rows:
        for problem in row.problems:
            first.setdefault(problem.code, f"{row.row_no}: {problem.sentence()}")
    return {
        "name": parsed.name,
        "sha256": parsed.sha256,
        "size_bytes": parsed.size_bytes,
        "kind": parsed.kind,
        "sheet": parsed.sheet,
        "encoding": parsed.encoding,
        "form": parsed.form,
        "variant": parsed.recognition.variant,
        "confidence": parsed.recognition.confidence,
        "header_row": parsed.recognition.header_row + 1,
        "columns": dict(parsed.recognition.columns),
        "guesses": {
            guess.header or str(guess.column + 1): guess.field for guess in parsed.recognition.guesses
        },
        "rows": len(parsed.rows),
        "bookable_rows": sum(row.is_bookable for row in parsed.rows),
        "kinds": dict(Counter(row.kind_hint for row in parsed.rows)),
        "stated": parsed.totals.stated.as_dict(),
        "counted": parsed.totals.counted.as_dict(),
        "own_account": parsed.own_account,
        "first_on": parsed.first_on.isoformat() if parsed.first_on else None,
        "last_on": parsed.last_on.isoformat() if parsed.last_on else None,
        "opening_fen": parsed.opening_fen,
        "closing_fen": parsed.closing_fen,
        "balance_breaks": len(parsed.balance_breaks),
        "problems": [{"code": item.code, "sentence": item.sentence()} for item in parsed.problems],
        "row_problems": {code: {"count": row_problems[code], "first": first[code]} for code in first},
        "notes": len(parsed.notes),
    }
