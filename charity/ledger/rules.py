"""What a voucher must be before anybody may post it; pure functions over values.

Imports the standard library and the lowest layer only. Lines name accounts, funds and
places by code; ``Books`` holds what those codes mean on one day. Each check has a
second guard in the database (``sealing``) and a third that re-derives it (``checks``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

from charity.errors import N_, Problem, register
from charity.money import MAX_FEN, format_yuan
from charity.periods import Month

PROBLEMS = register(
    {
        "voucher_too_short": N_("A voucher has at least two lines; this one has %(count)s."),
        "line_one_side": N_("Line %(line)s must have an amount on exactly one side."),
        "line_sign": N_("Line %(line)s has the wrong sign: blue amounts are positive, red ones negative."),
        "amount_too_large": N_("“%(text)s” is too large to be booked."),
        "account_unknown": N_(
            "Line %(line)s: account %(account)s is not in the chart of %(on)s; choose one from the list."
        ),
        "account_not_postable": N_("Line %(line)s: account %(account)s is a heading; choose one below it."),
        "fund_unknown": N_("Line %(line)s: there is no fund %(fund)s open on %(on)s."),
        "fund_wrong_kind": N_(
            "Line %(line)s: account %(account)s cannot carry fund %(fund)s; "
            "restricted accounts take a restricted fund, unrestricted ones the general fund, "
            "agency ones agency money."
        ),
        "earmark_unknown": N_("Line %(line)s: earmark %(earmark)s does not belong to fund %(fund)s."),
        "money_place_missing": N_("Line %(line)s: say where the money lies (account %(account)s)."),
        "money_place_wrong": N_("Line %(line)s: %(place)s does not stand on account %(account)s."),
        "dimension_unknown": N_("Line %(line)s: there is no %(kind)s %(code)s."),
        "cash_flow_unknown": N_("Line %(line)s: there is no cash-flow item %(code)s."),
        "net_asset_change_missing": N_(
            "Line %(line)s: say what kind of net-asset change stands on account %(account)s."
        ),
        "summary_missing": N_("Line %(line)s: write a summary."),
        "summary_too_long": N_("Line %(line)s: a summary has at most %(limit)s characters; shorten it."),
        "summary_personal": N_(
            "Line %(line)s: the summary holds an identity, phone or bank number; write a code instead."
        ),
        "voucher_unbalanced": N_("Debit %(debit)s and credit %(credit)s differ by %(difference)s."),
        "fund_unbalanced": N_(
            "Inside fund %(fund)s (%(earmark)s) debit and credit differ by %(difference)s."
        ),
        "retag_place_missing": N_(
            "Value moves between funds, but no place of money is marked as the main one to re-tag cash on."
        ),
        "date_outside_month": N_("%(on)s does not lie in month %(month)s."),
        "red_without_target": N_("A red voucher names the voucher it reverses or corrects."),
        "attachment_missing": N_(
            "Attach the source document; only closing, opening and correction vouchers go without."
        ),
        "word_derived": N_("The word of this voucher is %(derived)s, not %(given)s; leave it empty."),
    }
)

#: Classes of spending for the ratios (regulations 2.3).
ACTIVITY_CLASSES = ("direct_aid", "project_staff", "project_running", "management", "fundraising", "other")

#: Kinds of net-asset change a hand line on 3101, 3102 or 3201 must name.
NET_ASSET_CHANGES = (
    "release",
    "restriction",
    "fund_transfer",
    "prior_year",
    "prior_year_close",
    "management_share",
)

#: Most characters of a summary (摘要).
SUMMARY_LIMIT = 200

#: Accounts whose hand lines name the kind of change.
_NET_ASSET_CODES = frozenset({"3101", "3102", "320101", "320102"})

_PERSONAL = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|1[3-9]\d{9}|\d{15,19})(?!\d)")


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """What an account code means in one chart."""

    id: int
    code: str
    name_zh: str
    name_en: str
    kind: str
    restriction: str
    is_postable: bool
    is_money: bool


@dataclass(frozen=True, slots=True)
class FundInfo:
    """What a fund code means; ``default_earmark`` is the code of its charter."""

    id: int
    code: str
    name: str
    kind: str
    opened_on: date
    closed_on: date | None
    default_earmark: str


@dataclass(frozen=True, slots=True)
class EarmarkInfo:
    """What an earmark code means."""

    id: int
    code: str
    name: str
    fund: str


@dataclass(frozen=True, slots=True)
class PlaceInfo:
    """What a money place's code means: the accounts that may stand on it."""

    id: int
    code: str
    name: str
    account: str
    agency_account: str | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class Books:
    """What the codes of one org mean on one day.

    Attributes:
        on: the day.
        org_code: code of the org, as the proof log names it.
        words: ``single`` (记) or ``three`` (收/付/转).
        guarded: (guard, kind of fund, account code) triples in force.
    """

    on: date
    org_code: str
    words: str
    accounts: Mapping[str, AccountInfo]
    funds: Mapping[str, FundInfo]
    earmarks: Mapping[str, EarmarkInfo]
    places: Mapping[str, PlaceInfo]
    designations: Mapping[str, int]
    projects: Mapping[str, int]
    cash_flow_items: Mapping[str, int]
    dimensions: Mapping[tuple[int, str], int]
    guarded: frozenset[tuple[str, str, str]]

    def main_place(self, *, is_agency: bool) -> PlaceInfo | None:
        """Return the place on which cash is re-tagged when the voucher names none."""
        for place in self.places.values():
            if place.is_main and (place.agency_account is not None or not is_agency):
                return place
        return None


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line as prepared: codes and fen; every dimension the books know.

    Attributes:
        account, fund, earmark, …: codes; an empty earmark means the fund's charter.
        debit_fen, credit_fen: exactly one not zero; negative on red vouchers.
        quantity_milli: thousandths of the unit.
    """

    account: str
    debit_fen: int = 0
    credit_fen: int = 0
    fund: str = "GEN"
    earmark: str = ""
    summary: str = ""
    designation: str = ""
    project: str = ""
    source_kind: str = ""
    source_id: int | None = None
    source_step: int | None = None
    money_place: str = ""
    place_id: int | None = None
    party_id: int | None = None
    counterparty_org_id: int | None = None
    activity_class: str = ""
    cash_flow: str = ""
    quantity_milli: int | None = None
    unit: str = ""
    is_retag: bool = False
    beneficiary_code: str = ""
    net_asset_change: str = ""
    dimension1: str = ""
    dimension2: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DraftLine:
        """Return the line that :meth:`to_json` wrote."""
        return cls(**data)

    def negated(self) -> DraftLine:
        """Return the same line in red: same account and side, negative amount."""
        return replace(self, debit_fen=-self.debit_fen, credit_fen=-self.credit_fen)


@dataclass(frozen=True, slots=True)
class DraftVoucher:
    """A voucher as prepared, lines in order; re-tag lines are added by ``completion_rules``."""

    voucher_on: date
    month: Month
    summary: str
    lines: tuple[DraftLine, ...]
    kind: str = "normal"
    colour: str = "blue"
    reverses_id: int | None = None
    corrects_id: int | None = None
    attachments: tuple[str, ...] = field(default=())

    @property
    def total_fen(self) -> int:
        """Return the sum of debits, in fen; re-tags are not counted, they move no money."""
        return sum(line.debit_fen for line in self.lines if not line.is_retag)

    def as_request(self) -> dict[str, Any]:
        """Return what identifies the request, for its hash."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["voucher_on"] = self.voucher_on.isoformat()
        data["month"] = self.month.code
        data["lines"] = [line.to_json() for line in self.lines]
        return data


def check_draft(draft: DraftVoucher, books: Books) -> list[Problem]:
    """Return what keeps a completed draft from being submitted; empty when it is sound."""
    problems = []
    if len(draft.lines) < 2:
        problems.append(Problem("voucher_too_short", {"count": len(draft.lines)}))
    if not draft.month.holds(draft.voucher_on):
        problems.append(Problem("date_outside_month", {"on": draft.voucher_on, "month": draft.month}))
    if draft.colour == "red" and draft.reverses_id is None and draft.corrects_id is None:
        problems.append(Problem("red_without_target"))
    for number, line in enumerate(draft.lines, start=1):
        problems += check_line(number, line, draft, books)
    return problems + (_check_retag_place(draft, books) or check_balance(draft.lines))


def _check_retag_place(draft: DraftVoucher, books: Books) -> list[Problem]:
    """Return whether value moves between own funds while there is no place to re-tag cash on.

    A draft that names one place, or has a main one to fall back on, was completed with its re-tags.
    """
    moved = [
        problem.params["fund"] for problem in check_balance(draft.lines) if problem.code == "fund_unbalanced"
    ]
    is_own = all(code in books.funds and books.funds[code].kind != "agency" for code in moved)
    if not moved or not is_own or draft.kind not in ("normal", "correction"):
        return []
    return [Problem("retag_place_missing")] if books.main_place(is_agency=False) is None else []


def check_line(number: int, line: DraftLine, draft: DraftVoucher, books: Books) -> list[Problem]:
    """Return the problems of one line."""
    where = f"lines-{number - 1}"
    problems = _check_amount(number, line, draft.colour, where)
    summary = line.summary or draft.summary
    if not summary.strip():
        problems.append(Problem("summary_missing", {"line": number}, where))
    elif len(summary) > SUMMARY_LIMIT:
        problems.append(Problem("summary_too_long", {"line": number, "limit": SUMMARY_LIMIT}, where))
    elif _PERSONAL.search(summary):
        problems.append(Problem("summary_personal", {"line": number}, where))
    account = books.accounts.get(line.account)
    if account is None:
        return [
            *problems,
            Problem("account_unknown", {"line": number, "account": line.account, "on": books.on}, where),
        ]
    if not account.is_postable:
        problems.append(Problem("account_not_postable", {"line": number, "account": line.account}, where))
    problems += _check_fund(number, line, account, books, where)
    problems += _check_place(number, line, account, books, where)
    problems += _check_dimensions(number, line, books, where)
    is_hand_line = line.account in _NET_ASSET_CODES and draft.kind not in ("closing", "opening")
    if is_hand_line and line.net_asset_change not in NET_ASSET_CHANGES:
        problems.append(Problem("net_asset_change_missing", {"line": number, "account": line.account}, where))
    return problems


def _check_amount(number: int, line: DraftLine, colour: str, where: str) -> list[Problem]:
    """Return the problems of a line's amount."""
    if (line.debit_fen != 0) == (line.credit_fen != 0):
        return [Problem("line_one_side", {"line": number}, where)]
    amount = line.debit_fen or line.credit_fen
    if (amount < 0) != (colour == "red"):
        return [Problem("line_sign", {"line": number}, where)]
    if abs(amount) > MAX_FEN:
        return [Problem("amount_too_large", {"text": format_yuan(amount)}, where)]
    return []


def _check_fund(
    number: int, line: DraftLine, account: AccountInfo, books: Books, where: str
) -> list[Problem]:
    """Return the problems of a line's fund and earmark."""
    fund = books.funds.get(line.fund)
    if (
        fund is None
        or fund.opened_on > books.on
        or (fund.closed_on is not None and fund.closed_on < books.on)
    ):
        return [Problem("fund_unknown", {"line": number, "fund": line.fund, "on": books.on}, where)]
    allowed = {
        "any": fund.kind != "agency",
        "no": fund.kind == "general",
        "yes": fund.kind == "restricted",
        "agency": fund.kind == "agency",
    }.get(account.restriction, True)
    if not allowed:
        return [
            Problem("fund_wrong_kind", {"line": number, "account": line.account, "fund": line.fund}, where)
        ]
    earmark = books.earmarks.get(line.earmark)
    if earmark is None or earmark.fund != line.fund:
        return [
            Problem("earmark_unknown", {"line": number, "earmark": line.earmark, "fund": line.fund}, where)
        ]
    return []


def _check_place(
    number: int, line: DraftLine, account: AccountInfo, books: Books, where: str
) -> list[Problem]:
    """Return the problems of a line's place of money."""
    if account.is_money and not line.money_place:
        return [Problem("money_place_missing", {"line": number, "account": line.account}, where)]
    if not line.money_place:
        return []
    place = books.places.get(line.money_place)
    if place is None or not account.is_money or line.account not in (place.account, place.agency_account):
        return [
            Problem(
                "money_place_wrong",
                {"line": number, "place": line.money_place, "account": line.account},
                where,
            )
        ]
    return []


def _check_dimensions(number: int, line: DraftLine, books: Books, where: str) -> list[Problem]:
    """Return the problems of a line's further dimensions."""
    problems = []
    named = (
        ("designation", line.designation, line.designation in books.designations),
        ("project", line.project, line.project in books.projects),
        ("dimension 1", line.dimension1, (1, line.dimension1) in books.dimensions),
        ("dimension 2", line.dimension2, (2, line.dimension2) in books.dimensions),
        ("activity class", line.activity_class, line.activity_class in ACTIVITY_CLASSES),
    )
    for kind, code, is_known in named:
        if code and not is_known:
            problems.append(Problem("dimension_unknown", {"line": number, "kind": kind, "code": code}, where))
    if line.cash_flow and line.cash_flow not in books.cash_flow_items:
        problems.append(Problem("cash_flow_unknown", {"line": number, "code": line.cash_flow}, where))
    return problems


def check_balance(lines: Sequence[DraftLine]) -> list[Problem]:
    """Return what does not balance: the voucher, then each fund and earmark.

    Source: design of the ledger 3.1(2); invariants 1 and 2.
    """
    debit, credit = sum(line.debit_fen for line in lines), sum(line.credit_fen for line in lines)
    if debit != credit:
        values = {"debit": format_yuan(debit), "credit": format_yuan(credit)}
        return [Problem("voucher_unbalanced", {**values, "difference": format_yuan(debit - credit)})]
    excess: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        excess[line.fund, line.earmark] += line.debit_fen - line.credit_fen
    return [
        Problem("fund_unbalanced", {"fund": fund, "earmark": earmark, "difference": format_yuan(fen)})
        for (fund, earmark), fen in excess.items()
        if fen
    ]


def check_attachments(draft: DraftVoucher) -> list[Problem]:
    """Return whether a source document is missing (会计基础工作规范 art. 51(4))."""
    if draft.attachments or draft.kind != "normal":
        return []
    return [Problem("attachment_missing", where="attachments")]


def has_money_lines(lines: Iterable[DraftLine], books: Books) -> bool:
    """Say whether the cashier has to sign: money itself moves, not only its tag."""
    return any(books.accounts[line.account].is_money and not line.is_retag for line in lines)


def derive_word(lines: Iterable[DraftLine], books: Books) -> str:
    """Return the word of a voucher: 记, or 收/付/转 from its money lines.

    Money in only gives 收, money out only or between two places 付, none 转.
    """
    if books.words == "single":
        return "记"
    moved = [line for line in lines if books.accounts[line.account].is_money and not line.is_retag]
    if not moved:
        return "转"
    return "收" if all(line.debit_fen != 0 for line in moved) else "付"


def words_of(words: str) -> tuple[str, ...]:
    """Return the words of a year's books, in order."""
    return ("记",) if words == "single" else ("收", "付", "转")


#: Series of their own beside the year's words: the year's opening balances, and the turnover
#: of the months passed in another system. They take no number from 记 and show none.
OPENING_SERIES, TAKEN_OVER_SERIES = "期初", "前期"
UNNUMBERED_SERIES = (OPENING_SERIES, TAKEN_OVER_SERIES)


def number_text(word: str, number: int) -> str:
    """Return a voucher's number as people say it: ``记-0007``; an opening has only its name."""
    if word in UNNUMBERED_SERIES and number == 1:
        return word
    return f"{word}-{number:04d}"


def check_word(given: str, lines: Sequence[DraftLine], books: Books) -> list[Problem]:
    """Return whether a word given in a file is not the derived one."""
    derived = derive_word(lines, books)
    return (
        [Problem("word_derived", {"derived": derived, "given": given})] if given not in ("", derived) else []
    )


def guarded_deltas(
    lines: Iterable[DraftLine], books: Books, guard: str = "money"
) -> dict[tuple[str, str], int]:
    """Return what a voucher changes per fund and earmark on guarded accounts, in fen, signed.

    Source: design of the ledger 3.1(5): cash and bank less payables for restricted
    funds, cash and bank for GEN and for each agency matter.
    """
    result: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        if (guard, books.funds[line.fund].kind, line.account) in books.guarded:
            result[line.fund, line.earmark] += line.debit_fen - line.credit_fen
    return {key: fen for key, fen in result.items() if fen}


def takes_restricted(deltas: Mapping[tuple[str, str], int], books: Books) -> bool:
    """Say whether a voucher takes from a restricted fund or agency money.

    In a set such vouchers are posted behind those that bring money.

    Args:
        deltas: from :func:`guarded_deltas`.
    """
    return any(books.funds[fund].kind != "general" and fen < 0 for (fund, _), fen in deltas.items())
