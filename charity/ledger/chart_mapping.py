"""From the chart of 2004 to that of 2026: every old account has its place in the new chart.

Pure but for the table in ``data/chart_2004_to_2026.csv``. The same code means different
accounts in the two charts (1701, 5201, 5301, 5401), so that no code is ever looked up
without its chart. Source: 财会〔2004〕7号 and 财会〔2024〕25号, whose lists of accounts the
table sets side by side; transition by 财会〔2025〕6号: trial balance, mapping, opening
balance sheet. Which accounts split is read from the two lists; rows 待核实 against the
official annex.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from charity.config import ROOT
from charity.errors import N_, Problem, register
from charity.ledger.rules import Books

#: Charts an old system may state its accounts in.
OLD_CHART, NEW_CHART = "2004", "2026"

PROBLEMS = register(
    {
        "mapping_unknown": N_("%(at)s: there is no account %(account)s in the chart of %(chart)s."),
        "mapping_choice": N_(
            "%(at)s: account %(account)s %(name)s of 2004 splits in the chart of 2026. Write one of "
            "%(choices)s in the column 新科目编码; give each part a row of its own."
        ),
        "mapping_wrong_choice": N_(
            "%(at)s: account %(account)s of 2004 becomes %(choices)s in the chart of 2026, not %(given)s."
        ),
        "mapping_heading": N_(
            "%(at)s: account %(account)s is a heading; write the account below it in the column 新科目编码."
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Mapped:
    """What becomes of one account of 2004.

    Attributes:
        code, name: in the chart of 2004.
        new_code, new_name: in the chart of 2026, where nothing is to be decided.
        choices: accounts of 2026 one of which a person has to choose; empty where none.
    """

    code: str
    name: str
    new_code: str
    new_name: str
    choices: tuple[str, ...]


@cache
def mapping() -> Mapping[str, Mapped]:
    """Return every account of 2004 by its code, in the order of the chart."""
    path = ROOT / "ledger" / "data" / "chart_2004_to_2026.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["code_2004"]: Mapped(
                row["code_2004"],
                row["name_2004"],
                row["code_2026"],
                row["name_2026"],
                tuple(row["choices"].split()),
            )
            for row in csv.DictReader(file)
        }


def _old_account(at: str, code: str, given: str) -> tuple[str, list[Problem]]:
    """Return the account of 2026 for one of 2004, or why it is not settled."""
    # A charity may have opened accounts below four digits of its own; the four digits decide.
    found = mapping().get(code[:4])
    if found is None:
        return "", [Problem("mapping_unknown", {"at": at, "account": code, "chart": OLD_CHART})]
    values = {"at": at, "account": code, "name": found.name}
    if not found.choices:
        if given and not given.startswith(found.new_code):
            values |= {"choices": found.new_code, "given": given}
            return "", [Problem("mapping_wrong_choice", values)]
        return given or found.new_code, []
    values["choices"] = ", ".join(found.choices)
    if not given:
        return "", [Problem("mapping_choice", values)]
    if not given.startswith(found.choices):
        return "", [Problem("mapping_wrong_choice", {**values, "given": given})]
    return given, []


def resolve_account(
    at: str, code: str, given: str, *, chart: str, fund: str, place: str, books: Books
) -> tuple[str, list[Problem]]:
    """Return the postable account of 2026 that a row of another system stands for.

    Money stands on the account of its place; income and expense on the restricted or the
    unrestricted account, as the fund is.

    Args:
        at: sheet and row, for the sentences.
        code: account as the other system has it.
        given: account of 2026 that a person wrote beside it; empty for none.
        chart: ``2004`` or ``2026``.
        fund, place: codes; an unknown one is told elsewhere.
        books: the codes of the books on the first day.

    Problems: ``mapping_unknown``, ``mapping_choice``, ``mapping_wrong_choice``,
    ``mapping_heading``.
    """
    new, problems = _old_account(at, code, given) if chart == OLD_CHART else (given or code, [])
    if problems:
        return "", problems
    info, kind = books.places.get(place), books.funds[fund].kind if fund in books.funds else "general"
    if info is not None:
        own = info.agency_account if kind == "agency" else info.account
        if own is not None and own.startswith(new[:4]):
            return own, []
    account = books.accounts.get(new)
    if account is not None and account.restriction == "split":
        new = f"{new}{'02' if kind == 'restricted' else '01'}"
        account = books.accounts.get(new)
    if account is None:
        return "", [Problem("mapping_unknown", {"at": at, "account": new, "chart": NEW_CHART})]
    if not account.is_postable:
        return "", [Problem("mapping_heading", {"at": at, "account": new})]
    return new, []
