"""Lists and statements on paper: any table of typed columns, A4, paged.

The same columns go to XLSX and CSV. Heads repeat on every page, a total never stands
alone at the head of one, and the foot carries page, number of pages and the hash of what
is printed. Zero is a dash; a negative figure is red and has a minus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from charity.documents import fonts
from charity.documents.columns import Column, Value, plain_text
from charity.documents.words import Language
from charity.errors import refuse_if

RowKind = Literal["plain", "heading", "subtotal", "total"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        values: in the order of the columns; a heading may have its title alone.
        kind: ``heading`` spans the table; ``subtotal`` and ``total`` are bold and ruled.
        indent: steps to the right of the first column.
    """

    values: Sequence[Value]
    kind: RowKind = "plain"
    indent: int = 0


@dataclass(frozen=True, slots=True)
class TableReport:
    """A list or statement, whole.

    Attributes:
        title: e.g. 业务活动表.
        org_name: the legal entity.
        language: of the page foot and of the file; the rest is given.
        made_on: the business date of the file.
        as_of: e.g. 截至 2026-03-31; under the title.
        unit: e.g. 单位：元; at the right above the table; may be empty.
        notes: lines below the table: what is counted, source, whom to ask.
        columns: at least one.
        rows: top first; none prints ``empty`` instead.
        empty: what to say of no rows, e.g. 本月无关联方交易.
        is_landscape: None lets the widths decide.
        is_demo: printed across the pages.
    """

    title: str
    org_name: str
    language: Language
    made_on: date
    columns: Sequence[Column]
    rows: Sequence[Row]
    as_of: str = ""
    unit: str = ""
    notes: Sequence[str] = ()
    empty: str = ""
    is_landscape: bool | None = None
    is_demo: bool = False

    @property
    def sha256(self) -> str:
        """Return the hash of everything printed, 64 hexadecimal digits.

        One line a row, cells parted by tabs, as the CSV writes them; heads before rows.
        """
        lines = [self.title, self.org_name, self.as_of, self.unit, *self.notes]
        lines.append("\t".join(f"{column.group}|{column.title}" for column in self.columns))
        for row in self.rows:
            cells = zip(self.columns, row.values, strict=False)
            lines.append("\t".join(plain_text(column, value, grouped=False) for column, value in cells))
        return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def render_table(report: TableReport) -> bytes:
    """Return a table as A4 pages, PDF/A-2b, tagged.

    Raises:
        Refused: ``character_not_printable``.
        ValueMisplaced: a value is not of its column's kind.
        ValueError: no column, or a row that is neither as long as the columns nor a heading.
    """
    columns = report.columns
    if not columns:
        raise ValueError("a table has at least one column")
    texts = {"title": report.title, "org_name": report.org_name, "as_of": report.as_of, "unit": report.unit}
    texts["empty"] = report.empty
    texts |= {f"notes-{place}": note for place, note in enumerate(report.notes)}
    for place, row in enumerate(report.rows):
        if len(row.values) != len(columns) and not (row.kind == "heading" and len(row.values) == 1):
            raise ValueError(f"row {place} has {len(row.values)} values for {len(columns)} columns")
        texts[f"rows-{place}"] = "\n".join(value for value in row.values if isinstance(value, str))
    texts |= {f"columns-{place}": f"{column.group}\n{column.title}" for place, column in enumerate(columns)}
    refuse_if(fonts.check_printable(texts))
    from charity.documents.table_page import draw_table

    return draw_table(report)
