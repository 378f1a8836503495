"""Which form a table has, where its headings stand, and what each column holds.

Imports errors and this package. Recognition goes by the words of the headings, in any
order and among others, never by the file's name. What is not recognised comes back as
``unknown`` with a guess for each column, so that a person can answer once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from charity.errors import N_, Problem, Refused, refuse, register
from charity.intake.cells import FEN_PER_UNIT, PADDING, parse_amount, parse_moment
from charity.intake.forms import BANK_HEADINGS, FORM_NAMES
from charity.intake.limits import HEADER_ROWS, column_letters
from charity.intake.mapping import Mapping, check_mapping, mapping_signature
from charity.intake.people import donor_kind_hint
from charity.intake.table import Table
from charity.intake.vocabulary import fold_header, header_forms, match_headers, unit_fen

PROBLEMS = register(
    {
        "cells_merged": N_(
            "The cells %(cells)s are merged inside the table of %(name)s; split them, fill in each cell, "
            "and drop the file again."
        ),
        "columns_repeated": N_(
            "The heading “%(heading)s” stands twice in %(name)s (columns %(first)s and %(second)s); put the "
            "list in one block of columns."
        ),
        "form_unknown": N_("The columns of %(name)s are not known; say which column is what."),
        "form_payout": N_("%(name)s looks like a list of money paid out, not of gifts."),
        "unit_contradictory": N_(
            "%(name)s names two units for the amount, %(first)s and %(second)s; keep the right one."
        ),
    }
)

_AMOUNT, _CREDIT = frozenset({"amount"}), frozenset({"credit"})
#: (form, vocabulary, fields it must have, fields of which it must have one); tried in order.
_PLATFORM_FIELDS: tuple[tuple[str, str, frozenset[str], frozenset[str]], ...] = (
    ("wechat_fund_flow", "wechat_flow", frozenset({"time", "reference", "serial", "direction"}), _AMOUNT),
    ("alipay_fund_flow", "alipay_flow", frozenset({"time", "reference", "serial", "debit"}), _CREDIT),
    ("wechat_personal", "wechat_person", frozenset({"time", "direction", "status", "method"}), _AMOUNT),
    ("alipay_personal", "alipay_person", frozenset({"time", "direction", "status", "method"}), _AMOUNT),
    ("wechat_merchant_v2", "wechat", frozenset({"time", "reference", "status"}), _AMOUNT | {"refund_amount"}),
    ("alipay_merchant", "alipay", frozenset({"time", "reference", "status"}), _AMOUNT),
)
#: A bank's table has at least two of these beside day and amount.
_BANK_COMPANY = frozenset(
    {
        "balance",
        "counterparty",
        "counterparty_account",
        "counterparty_name",
        "payee_name",
        "payer_name",
        "purpose",
        "reference",
        "remark",
        "summary",
    }
)
#: A list of donors has none of these.
_BANK_ALONE = frozenset({"debit", "credit", "direction", "balance", "counterparty", "counterparty_name"})
_TITLE_UNIT = re.compile(r"单位[:：]?\s*(?:人民币)?\s*[:：/]?\s*(万元|千元|亿元|元|分)(?![\u4e00-\u9fff])")
_PAYOUT = re.compile(r"发放|救助名单|补助|慰问金|领取|签领|工资|报销|受助")


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """One column as a mapping screen shows it.

    Attributes:
        column: index from 0.
        header: the heading, empty when there is none.
        samples: up to three filled cells below it.
        field: the field it seems to hold, empty when nothing suggests one.
    """

    column: int
    header: str
    samples: tuple[str, ...]
    field: str


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a table is.

    Attributes:
        form: a key of :data:`FORM_NAMES`.
        variant: ``old``, ``new``, ``xlsx`` or empty.
        header_row: index of the row of headings, -1 when there is none.
        data_row: index of the first row below the headings.
        headers: the headings as written, without padding.
        columns: field → column index.
        unit_fen: fen in one unit of the amount columns.
        confidence: 0 … 100 percent.
        signature: the key an answer about these headings is remembered under.
        guesses: one a column, filled for ``unknown`` only.
        problems: about the file as a whole.
        channel: the rows' channel where an answer sets it, else empty.
        unsigned_is_credit: see :class:`Mapping`.
    """

    form: str
    variant: str
    header_row: int
    data_row: int
    headers: tuple[str, ...]
    columns: dict[str, int]
    unit_fen: int
    confidence: int
    signature: str
    guesses: tuple[ColumnGuess, ...] = ()
    problems: tuple[Problem, ...] = ()
    channel: str = ""
    unsigned_is_credit: bool | None = None

    @property
    def form_name(self) -> str:
        """Return the message id of the form's name."""
        return FORM_NAMES[self.form]


@dataclass(slots=True)
class _Candidate:
    form: str
    header_row: int
    columns: dict[str, int]
    confidence: int
    variant: str = ""
    repeated: tuple[tuple[str, int, int], ...] = ()
    problems: list[Problem] = field(default_factory=list)


def recognise(table: Table) -> Recognition:
    """Return the form of a table, its row of headings and its columns.

    Raises:
        Refused: ``cells_merged`` or ``columns_repeated``, when reading on would mix rows up.
    """
    best: _Candidate | None = None
    for row in range(min(HEADER_ROWS, len(table.rows))):
        found = _candidate(table, row)
        if found and (best is None or _weight(found) > _weight(best)):
            best = found
    if best is None or best.form == "unknown":
        return _unknown(table, best)
    return _settled(table, best)


def _weight(candidate: _Candidate) -> tuple[bool, int, int]:
    return candidate.form != "unknown", len(candidate.columns), candidate.confidence


def _candidate(table: Table, row: int) -> _Candidate | None:
    """Return what a row would be as the row of headings, None when it is none."""
    cells = table.rows[row]
    if sum(1 for cell in cells if cell.strip(PADDING)) < 2:
        return None
    words = {form for cell in cells for form in header_forms(cell)}
    for form, kind, needed, either in _PLATFORM_FIELDS:
        columns = match_headers(cells, kind).columns
        if needed <= columns.keys() and columns.keys() & either:
            return _Candidate(form, row, columns, 95)
    bank, donor = _bank_candidate(table, row, words), _donor_candidate(table, row)
    if bank and donor and not bank.columns.keys() & _BANK_ALONE:
        return donor
    return bank or donor


def _bank_candidate(table: Table, row: int, words: set[str]) -> _Candidate | None:
    matched = match_headers(table.rows[row], "bank")
    columns = matched.columns
    if not columns.keys() & {"day", "time", "booked"}:
        return None
    has_sides = {"debit", "credit"} <= columns.keys()
    if not has_sides and "amount" not in columns:
        return None
    repeated = tuple(item for item in matched.repeated if item[0] in ("debit", "credit", "amount", "balance"))
    for form, variant, telling in BANK_HEADINGS:
        # A bank whose form has one amount writes a sign to money out: all in has none.
        if telling <= words:
            return _Candidate(form, row, columns, 95, variant, repeated)
    if not has_sides and "direction" not in columns and not _is_signed(table, row, columns["amount"]):
        return None
    company = len(columns.keys() & _BANK_COMPANY)
    if company < 2:
        return None
    return _Candidate("bank_generic", row, columns, min(90, 50 + 8 * company), "", repeated)


def _is_signed(table: Table, row: int, column: int) -> bool:
    """Say whether any amount below the headings carries a sign."""
    cells = (line[column].strip(PADDING) for line in table.rows[row + 1 :] if column < len(line))
    return any(cell[:1] in "+-－−" and cell[1:2].isdigit() for cell in cells if cell)


def _donor_candidate(table: Table, row: int) -> _Candidate | None:
    matched = match_headers(table.rows[row], "donor")
    columns = matched.columns
    if not {"counterparty_name", "amount"} <= columns.keys():
        return None
    titles = "".join(cell for line in table.rows[: row + 1] for cell in line)
    is_gift = re.search(r"捐|善款|爱心|慈善", titles) is not None
    if _PAYOUT.search(titles) and not re.search(r"捐|善款", titles):
        return _Candidate("unknown", row, {}, 0, problems=[Problem("form_payout", {"name": table.name})])
    repeated = tuple(item for item in matched.repeated if item[0] in ("counterparty_name", "amount"))
    return _Candidate("donor_list", row, columns, 90 if is_gift else 60, "", repeated)


def _settled(table: Table, found: _Candidate) -> Recognition:
    headers = tuple(cell.strip(PADDING) for cell in table.rows[found.header_row])
    for name, first, second in found.repeated:
        raise refuse(
            "columns_repeated",
            name,
            name=table.name,
            heading=headers[first],
            first=column_letters(first),
            second=column_letters(second),
        )
    unit, problems = _unit_of(table, found)
    data_row = _below_headings(table, found.header_row, found.columns)
    return Recognition(
        form=found.form,
        variant=found.variant,
        header_row=found.header_row,
        data_row=data_row,
        headers=headers,
        columns=found.columns,
        unit_fen=unit,
        confidence=found.confidence,
        signature=mapping_signature(headers),
        problems=tuple(found.problems + problems),
    )


def _unit_of(table: Table, found: _Candidate) -> tuple[int, list[Problem]]:
    """Return the amount's unit, from its heading or from a title line (单位：万元)."""
    header = table.rows[found.header_row]
    named = {
        unit_fen(header[found.columns[key]]) for key in ("amount", "debit", "credit") if key in found.columns
    }
    named.discard(0)
    titles = " ".join(cell for line in table.rows[: found.header_row + 1] for cell in line if len(cell) < 100)
    stated = _TITLE_UNIT.search(titles)
    title_unit = FEN_PER_UNIT[stated[1]] if stated and found.form in ("donor_list", "bank_generic") else 0
    if title_unit:
        named.add(title_unit)
    if len(named) > 1:
        first, second = (name for name, fen in FEN_PER_UNIT.items() if fen in sorted(named)[:2])
        params = {"name": table.name, "first": first, "second": second}
        return 100, [Problem("unit_contradictory", params, str(found.header_row + 1))]
    return (named.pop() if named else 100), []


def _below_headings(table: Table, header_row: int, columns: dict[str, int]) -> int:
    """Return the first row below the headings; merged headings may reach further down.

    Raises:
        Refused: ``cells_merged`` when a heading spans columns of two fields.
    """
    below = header_row + 1
    used = set(columns.values())
    for top, left, bottom, right in table.merged:
        if top <= header_row <= bottom:
            if right > left and len(used & set(range(left, right + 1))) > 0 and top == header_row:
                raise _merged(table, (top, left, bottom, right))
            below = max(below, bottom + 1)
    return below


def refuse_merged_data(table: Table, recognition: Recognition, row_indexes: Sequence[int]) -> None:
    """Refuse merged cells that span several of the given data rows.

    Raises:
        Refused: ``cells_merged``.
    """
    rows = set(row_indexes)
    for top, left, bottom, right in table.merged:
        if bottom > top and sum(row in rows for row in range(max(top, recognition.data_row), bottom + 1)) > 1:
            raise _merged(table, (top, left, bottom, right))


def _merged(table: Table, area: tuple[int, int, int, int]) -> Refused:
    top, left, bottom, right = area
    cells = f"{column_letters(left)}{top + 1}:{column_letters(right)}{bottom + 1}"
    return refuse("cells_merged", cells, name=table.name, cells=cells)


def _unknown(table: Table, alien: _Candidate | None) -> Recognition:
    """Return what a mapping screen needs about a table nobody knows, or may not book."""
    header_row = alien.header_row if alien else _likely_header(table)
    problems = alien.problems if alien else [Problem("form_unknown", {"name": table.name})]
    headers = tuple(cell.strip(PADDING) for cell in table.rows[header_row]) if header_row >= 0 else ()
    width = max((len(row) for row in table.rows[: HEADER_ROWS * 5]), default=0)
    headers = headers or ("",) * width
    below = table.rows[header_row + 1 : header_row + 200]
    return Recognition(
        form="unknown",
        variant="",
        header_row=header_row,
        data_row=header_row + 1,
        headers=headers,
        columns={},
        unit_fen=100,
        confidence=0,
        signature=mapping_signature(headers),
        guesses=_guesses(headers, below),
        problems=tuple(problems),
    )


def _likely_header(table: Table) -> int:
    """Return the first row as wide as most rows whose cells are all words; -1 for none."""
    top = table.rows[:HEADER_ROWS]
    widths = Counter(sum(1 for cell in row if cell.strip(PADDING)) for row in table.rows[:200])
    widths.pop(0, None)
    usual = max(widths, key=lambda width: (widths[width] * (width > 1), width), default=0)
    for index, row in enumerate(top):
        cells = [cell.strip(PADDING) for cell in row if cell.strip(PADDING)]
        if len(cells) >= max(2, usual - 1) and not any(
            re.fullmatch(r"[-+¥￥\d.,:/\s]+", cell) for cell in cells
        ):
            return index
    return -1


def _guesses(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[ColumnGuess, ...]:
    named = {
        column: name
        for kind in ("donor", "bank")
        for name, column in match_headers(headers, kind).columns.items()
    }
    guesses = []
    taken = set(named.values())
    for column, header in enumerate(headers):
        cells = [row[column].strip(PADDING) for row in rows if column < len(row)]
        samples = tuple(dict.fromkeys(cell[:60] for cell in cells if cell))[:3]
        name = named.get(column, "")
        if not name and (by_content := _field_by_content(header, samples)) not in taken:
            name = by_content
            taken.add(name)
        guesses.append(ColumnGuess(column, header, samples, name))
    return tuple(guesses)


def _field_by_content(header: str, samples: Sequence[str]) -> str:
    """Return the field that a column's cells look like, empty when they look like nothing."""
    if not samples:
        return ""
    if all(re.fullmatch(r"1[3-9]\d{9}", cell) for cell in samples):
        return "phone"
    if all(re.fullmatch(r"\d{17}[\dXx]", cell) for cell in samples):
        return "id_number"
    if all(_reads(parse_moment, cell) and not re.fullmatch(r"\d{5}(\.\d+)?", cell) for cell in samples):
        return "day"
    if all(_reads(parse_amount, cell) and len(cell) < 16 for cell in samples):
        return "amount" if any("." in cell or len(cell) > 2 for cell in samples) else ""
    if all(re.search(r"救助|帮扶|扶贫|助学|基金|项目|慰问", cell) for cell in samples):
        return "fund_hint"
    is_name = re.search(r"名|人|户|单位|谁|name", header or "名", re.IGNORECASE)
    if is_name and all(donor_kind_hint(cell) for cell in samples):
        return "counterparty_name"
    return ""


def _reads(parse: object, cell: str) -> bool:
    try:
        parse(cell)  # type: ignore[operator]
    except Refused:
        return False
    return True


def apply_mapping(table: Table, mapping: Mapping) -> Recognition:
    """Return the recognition of a table by a person's answer.

    The headings are looked for in the first rows; columns are found by their heading, so
    that the answer holds when their order changes.

    Raises:
        Refused: ``mapping_outdated``, ``mapping_direction_missing``, or why the answer
            cannot be used (:func:`charity.intake.mapping.check_mapping`).
    """
    for refused in check_mapping(mapping):
        raise refused
    header_row = _row_of(table, mapping)
    if header_row is None:
        raise refuse("mapping_outdated", name=table.name)
    headers = (
        tuple(cell.strip(PADDING) for cell in table.rows[header_row]) if header_row >= 0 else mapping.headers
    )
    folded = [fold_header(header) for header in headers]
    columns: dict[str, int] = {}
    for name, index in mapping.fields.items():
        word = fold_header(mapping.headers[index])
        same = [column for column, header in enumerate(folded) if header == word]
        columns[name] = index if not word or index in same or not same else same[0]
    has_direction = {"debit", "credit"} <= columns.keys() or "direction" in columns
    is_open = mapping.form == "bank_generic" and not has_direction and mapping.unsigned_is_credit is None
    if is_open and not _is_signed(table, header_row, columns["amount"]):
        raise refuse("mapping_direction_missing", "unsigned_is_credit", name=table.name)
    return Recognition(
        form=mapping.form,
        variant="",
        header_row=header_row,
        data_row=_below_headings(table, header_row, columns) if header_row >= 0 else 0,
        headers=headers,
        columns=columns,
        unit_fen=FEN_PER_UNIT[mapping.unit],
        confidence=100,
        signature=mapping.signature,
        channel=mapping.channel,
        unsigned_is_credit=mapping.unsigned_is_credit,
    )


def _row_of(table: Table, mapping: Mapping) -> int | None:
    """Return the row the answer's headings stand in, -1 when it was given for none."""
    if not any(mapping.headers):
        width = max((len(row) for row in table.rows[: HEADER_ROWS * 5]), default=0)
        return -1 if width == len(mapping.headers) else None
    for index, row in enumerate(table.rows[:HEADER_ROWS]):
        if mapping_signature(row) == mapping.signature:
            return index
    return None
