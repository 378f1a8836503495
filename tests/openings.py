"""Workbooks of another system, written cell by cell; all of it invented.

The federation of the story has 500,000 at the start of 2026, 400,000 of it in the
emergency fund, and goes live on 1 September; until then 300,000 came in and 250,000 went
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charity.documents.columns import Column
from charity.documents.spreadsheet import Sheet, write_xlsx
from charity.ledger.opening_rows import BALANCES, CASH, INFO, INFO_LINES, MONTHS, SHEETS, YEARS

#: Rows as people would write them: column key → text.
Rows = Mapping[str, Sequence[Mapping[str, str]]]

START = {"start": "2026-09", "system": "旧账软件", "chart": "2026"}


def balance(
    account: str,
    fund: str,
    opening: str = "",
    debit: str = "",
    credit: str = "",
    closing: str = "",
    **more: str,
) -> dict[str, str]:
    """Return a row of balances; a minus in front puts a balance on the credit side."""
    row = {"account": account, "fund": fund, "debit": debit, "credit": credit, **more}
    for key, text in (("opening", opening), ("closing", closing)):
        row[f"{key}_credit" if text.startswith("-") else f"{key}_debit"] = text.lstrip("-")
    return row


def story() -> dict[str, list[dict[str, str]]]:
    """Return the rows of the federation of the story, its months as one sum."""
    return {
        BALANCES: [
            balance("1002", "F1", "400000", "300000", "250000", "450000", place="B1"),
            balance("3102", "F1", "-400000", closing="-400000"),
            balance("4101", "F1", credit="300000", closing="-300000"),
            balance("5101", "F1", debit="250000", closing="250000"),
            balance("1002", "GEN", "100000", closing="100000", place="B1"),
            balance("3101", "GEN", "-100000", closing="-100000"),
        ],
        CASH: [
            {"fund": "F1", "item": "接受捐赠收到的现金", "amount": "300000"},
            {"fund": "F1", "item": "提供捐赠或者资助支付的现金", "amount": "250000"},
        ],
        YEARS: [
            {
                "year": "2025",
                "income": "900000",
                "programme": "700000",
                "admin": "60000",
                "expense": "780000",
                "net_assets": "500000",
                "restricted": "400000",
            }
        ],
    }


def by_month() -> dict[str, list[dict[str, str]]]:
    """Return the story with what came in and went out month by month."""
    rows = story()
    rows[MONTHS], rows[CASH] = [], []
    for month, come_in, go_out in (("2026-02", "100000", "50000"), ("2026-07", "200000", "200000")):
        rows[MONTHS] += [
            {
                "month": month,
                "account": "1002",
                "fund": "F1",
                "place": "B1",
                "debit": come_in,
                "credit": go_out,
            },
            {"month": month, "account": "4101", "fund": "F1", "credit": come_in},
            {"month": month, "account": "5101", "fund": "F1", "debit": go_out},
        ]
        rows[CASH] += [
            {"month": month, "fund": "F1", "item": "接受捐赠收到的现金", "amount": come_in},
            {"month": month, "fund": "F1", "item": "提供捐赠或者资助支付的现金", "amount": go_out},
        ]
    return rows


def workbook(rows: Rows, info: Mapping[str, str] = START, leave_out: Sequence[str] = ()) -> bytes:
    """Return a workbook with these rows below the headings of the template.

    Args:
        rows: sheet → rows; an empty cell may be left out.
        info: the lines of the first sheet.
        leave_out: names of sheets that are not there at all.
    """
    first = Sheet(
        INFO,
        (Column("项目"), Column("内容")),
        [[title, info.get(key, "")] for key, title in INFO_LINES.items()],
    )
    sheets = [first] + [
        Sheet(
            name,
            [Column(column.title) for column in columns],
            [[row.get(column.key, "") or None for column in columns] for row in rows.get(name, ())],
        )
        for name, columns in SHEETS.items()
    ]
    return write_xlsx([sheet for sheet in sheets if sheet.name not in leave_out])
