"""The rest of what must tie before books are taken over, and the plan it leads to; pure.

Cash with its flows, parties and goods with their accounts, money set aside with what there
is, the year before with the year's start. A plan stands only when nothing differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from charity.errors import N_, Problem, register
from charity.ledger.chart import CASH_FLOW_ITEMS
from charity.ledger.completion_rules import is_own_money
from charity.ledger.opening_rows import (
    CASH,
    HOLDS,
    NUMBERS,
    PARTIES,
    STOCK,
    TICKETS,
    YEARS,
    OpeningFile,
    SheetRow,
)
from charity.ledger.opening_rules import (
    Scene,
    check_dates,
    check_purse,
    check_ties,
    closing_by,
    key_of_row,
    month_lines,
    purse_of,
    read_scene,
)
from charity.ledger.rules import Books, DraftLine, guarded_deltas
from charity.money import format_yuan
from charity.periods import Month

PROBLEMS = register(
    {
        "opening_cash_month": N_("%(at)s: the turnover comes month by month, so name the month of the flow."),
        "opening_cash_fund": N_("%(at)s: there is no fund %(fund)s."),
        "opening_cash_differs": N_(
            "现金流量 %(month)s: the flows change cash by %(flows)s, the accounts by "
            "%(cash)s; the difference "
            "is %(difference)s."
        ),
        "opening_cash_room": N_(
            "现金流量 %(month)s: fund %(fund)s has flows of %(flows)s on the side %(side)s, but its cash and "
            "bank moved only %(room)s there."
        ),
        "opening_items_differ": N_(
            "%(sheet)s: account %(account)s, fund %(fund)s (%(earmark)s): the rows give "
            "%(rows)s, the balance "
            "is %(balance)s; the difference is %(difference)s."
        ),
        "opening_quantity": N_("%(at)s: goods have a quantity above nothing, and a value not below it."),
        "opening_hold_amount": N_("%(at)s: write an amount above nothing."),
        "opening_hold_short": N_(
            "已批未付: fund %(fund)s (%(earmark)s) can spend %(available)s, but %(held)s are "
            "approved and not "
            "paid; %(short)s are missing."
        ),
        "opening_year_missing": N_(
            "前三年指标: the year %(year)s is missing; the year's start has %(amount)s of net assets."
        ),
        "opening_year_differs": N_(
            "%(at)s: %(what)s at the end of %(year)s is %(year_end)s, the year's start has %(opening)s; the "
            "difference is %(difference)s."
        ),
        "opening_year_outside": N_("%(at)s: the years before are %(first)s to %(last)s, each once."),
        "opening_numbers": N_("%(at)s: the numbers must rise and lie in a month passed, each word once."),
    }
)

#: Receivables and payables whose balance the parties must explain.
PARTY_ACCOUNTS = ("1121", "1122", "1141", "2202", "2203", "2209")
#: Goods whose balance the list of goods must explain.
STOCK_ACCOUNTS = ("1201", "1801")
_IN_ITEMS = frozenset(code for code, _, _, _, direction in CASH_FLOW_ITEMS if direction == "in")


@dataclass(frozen=True, slots=True)
class Purse:
    """One row of the preview: what a fund and earmark bring, in fen."""

    fund: str
    earmark: str
    opening_fen: int
    in_fen: int
    out_fen: int
    closing_fen: int
    spendable_fen: int
    held_fen: int


@dataclass(frozen=True, slots=True)
class OpeningPlan:
    """What taking the books over will do.

    Attributes:
        file: what the workbook says.
        vouchers: month and lines; the year's opening first (its month is January), then
            the months passed. Empty ones are left out.
        has_opening: whether the first of them is the year's opening.
        purses: the preview, by fund and earmark.
        items: parties and goods → account, fund and earmark in the chart of 2026.
        is_summed: whether the months passed came as one sum.
    """

    file: OpeningFile
    vouchers: tuple[tuple[Month, tuple[DraftLine, ...]], ...]
    has_opening: bool
    purses: tuple[Purse, ...]
    items: Mapping[str, tuple[tuple[SheetRow, tuple[str, str, str]], ...]]
    is_summed: bool


def judge(file: OpeningFile, books: Books, today: date) -> tuple[OpeningPlan | None, list[Problem]]:
    """Return the plan of books that tie, or everything that does not.

    Args:
        file: what the workbook says.
        books: the codes of the org on the first day of the year.
        today: books begin in a month that has begun.

    Problems: those of :mod:`charity.ledger.opening_rules`, :mod:`charity.ledger.chart_mapping`
    and this module.
    """
    if problems := check_dates(file.start, today):
        return None, problems
    scene, problems = read_scene(file, books)
    if problems:
        return None, problems
    problems = check_ties(scene)
    vouchers, more = _with_flows(scene)
    items, unknown = _items(scene)
    problems += [*more, *unknown, *_check_years(scene), *_check_numbers(scene), *_check_tickets(scene)]
    if not unknown:
        problems += _check_items(scene, items)
    problems += _check_holds(scene)
    if problems:
        return None, problems
    has_opening = bool(vouchers[0][1])
    kept = tuple((month, tuple(lines)) for month, lines in vouchers if lines)
    is_summed = len(scene.passed) > 1 and not scene.has_months
    return OpeningPlan(file, kept, has_opening, tuple(_purses(scene)), items, is_summed), []


def _flows(scene: Scene, month: Month) -> dict[str, dict[str, int]]:
    """Return fund → item → amount of one month; of all months when they came as one sum."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in scene.file.rows[CASH]:
        if not scene.has_months or row.month() == month:
            found[row.text("fund")][row.text("item")] += row.fen("amount")
    return found


def _with_flows(scene: Scene) -> tuple[list[tuple[Month, list[DraftLine]]], list[Problem]]:
    """Return the lines of each month, money split by cash-flow item, and what does not fit."""
    problems = []
    for row in scene.file.rows[CASH]:
        if row.text("fund") not in scene.books.funds:
            problems.append(Problem("opening_cash_fund", {"at": row.at, "fund": row.text("fund")}))
        if scene.has_months and row.month() not in scene.passed:
            problems.append(Problem("opening_cash_month", {"at": row.at}))
    opening, *months = month_lines(scene)
    result = [opening]
    for month, lines in months:
        split, more = _split(scene.books, month, lines, _flows(scene, month))
        result.append((month, split))
        problems += more
    return result, problems


def _split(
    books: Books, month: Month, lines: Sequence[DraftLine], flows: Mapping[str, Mapping[str, int]]
) -> tuple[list[DraftLine], list[Problem]]:
    """Give the money lines of a month their cash-flow items, in the order of lines and items.

    What a line has beyond them moved between two places of own money and has no item.
    """
    money = [line for line in lines if is_own_money(line.account, books)]
    cash = sum(line.debit_fen - line.credit_fen for line in money)
    net = sum(fen if item in _IN_ITEMS else -fen for items in flows.values() for item, fen in items.items())
    if cash != net:
        values = {"month": month, "flows": format_yuan(net), "cash": format_yuan(cash)}
        return list(lines), [
            Problem("opening_cash_differs", {**values, "difference": format_yuan(net - cash)})
        ]
    left = {
        (fund, side): {item: abs(fen) for item, fen in items.items() if fen and _side(item, fen) == side}
        for fund, items in flows.items()
        for side in ("借", "贷")
    }
    result: list[DraftLine] = []
    for line in lines:
        if not is_own_money(line.account, books):
            result.append(line)
            continue
        result += _parts(line, left.get((line.fund, "借" if line.debit_fen else "贷"), {}))
    problems = []
    for (fund, side), items in left.items():
        if rest := sum(items.values()):
            room = sum(
                line.debit_fen if side == "借" else line.credit_fen for line in money if line.fund == fund
            )
            values = {"month": month, "fund": fund, "side": side, "room": format_yuan(room)}
            problems.append(Problem("opening_cash_room", {**values, "flows": format_yuan(room + rest)}))
    return result, problems


def _side(item: str, fen: int) -> str:
    """Return the side a flow stands on; money that came back stands on the other one."""
    return "借" if (item in _IN_ITEMS) == (fen > 0) else "贷"


def _parts(line: DraftLine, left: dict[str, int]) -> Iterator[DraftLine]:
    """Yield a money line cut by the items that are left; they are used up."""
    rest = line.debit_fen or line.credit_fen
    for item, fen in left.items():
        if taken := min(rest, fen):
            left[item] = fen - taken
            rest -= taken
            yield _sized(line, taken, item)
    if rest:
        yield _sized(line, rest, "")


def _sized(line: DraftLine, fen: int, item: str) -> DraftLine:
    """Return a line with another amount on its side."""
    if line.debit_fen:
        return replace(line, debit_fen=fen, cash_flow=item)
    return replace(line, credit_fen=fen, cash_flow=item)


def _items(
    scene: Scene,
) -> tuple[dict[str, tuple[tuple[SheetRow, tuple[str, str, str]], ...]], list[Problem]]:
    """Return parties and goods with account, fund and earmark, and what cannot be placed."""
    found: dict[str, tuple[tuple[SheetRow, tuple[str, str, str]], ...]] = {}
    problems: list[Problem] = []
    for sheet in (PARTIES, STOCK):
        rows = []
        for row in scene.file.rows[sheet]:
            key, more = key_of_row(row, scene.file, scene.books)
            problems += more
            if key is not None:
                rows.append((row, key[:3]))
        found[sheet] = tuple(rows)
    return found, problems


def _check_items(
    scene: Scene, items: Mapping[str, Sequence[tuple[SheetRow, tuple[str, str, str]]]]
) -> Iterator[Problem]:
    """Yield accounts that the rows of parties or goods do not explain."""
    for sheet, accounts in ((PARTIES, PARTY_ACCOUNTS), (STOCK, STOCK_ACCOUNTS)):
        sums: dict[tuple[str, str, str], int] = defaultdict(int)
        for row, key in items[sheet]:
            sums[key] += row.fen("value") if sheet == STOCK else row.fen("debit") - row.fen("credit")
            if sheet == STOCK and (row.fen("value") < 0 or int(row.cells["quantity"]) <= 0):
                yield Problem("opening_quantity", {"at": row.at})
        closing = closing_by(scene, {*accounts, *(key[0] for key in sums)})
        for key in sorted(sums.keys() | closing.keys()):
            rows, balance = sums.get(key, 0), closing.get(key, 0)
            if rows != balance:
                values = {"sheet": sheet, "account": key[0], "fund": key[1], "earmark": key[2]}
                values |= {"rows": format_yuan(rows), "balance": format_yuan(balance)}
                yield Problem("opening_items_differ", {**values, "difference": format_yuan(rows - balance)})


def _available(scene: Scene) -> dict[tuple[str, str], int]:
    """Return what each fund and earmark can spend at the end of the months passed."""
    lines = [line for _, part in month_lines(scene) for line in part]
    return guarded_deltas(lines, scene.books)


def _held(scene: Scene) -> dict[tuple[str, str], int]:
    """Return what is approved and not paid, by fund and earmark."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    for row in scene.file.rows[HOLDS]:
        held[purse_of(row, scene.books)] += row.fen("amount")
    return held


def _check_holds(scene: Scene) -> Iterator[Problem]:
    """Yield holds that are none, and funds that cannot bear theirs."""
    for row in scene.file.rows[HOLDS]:
        yield from check_purse(row, scene.books)
        if row.fen("amount") <= 0:
            yield Problem("opening_hold_amount", {"at": row.at})
    available = _available(scene)
    for key, fen in _held(scene).items():
        if fen > available.get(key, 0):
            values = {"fund": key[0], "earmark": key[1], "held": format_yuan(fen)}
            values |= {"available": format_yuan(available.get(key, 0))}
            yield Problem("opening_hold_short", {**values, "short": format_yuan(fen - available.get(key, 0))})


def _check_tickets(scene: Scene) -> Iterator[Problem]:
    """Yield owed invoices without an amount."""
    for row in scene.file.rows[TICKETS]:
        if row.fen("amount") <= 0:
            yield Problem("opening_hold_amount", {"at": row.at})


def _check_years(scene: Scene) -> Iterator[Problem]:
    """Yield years that are not the three before, and a year's end that is not this one's start."""
    last = scene.file.start.year - 1
    years = [int(row.cells["year"]) for row in scene.file.rows[YEARS]]
    for row, year in zip(scene.file.rows[YEARS], years, strict=True):
        if not last - 2 <= year <= last or years.count(year) > 1:
            yield Problem("opening_year_outside", {"at": row.at, "first": last - 2, "last": last})
    net = {
        code: -sum(p.opening for key, p in scene.positions.items() if key[0] in codes)
        for code, codes in (
            ("net_assets", ("3101", "3102", "320101", "320102")),
            ("restricted", ("3102", "320102")),
        )
    }
    if net["net_assets"] and last not in years:
        amount = format_yuan(net["net_assets"])
        yield Problem("opening_year_missing", {"year": last, "amount": amount})
    for row in scene.file.rows[YEARS]:
        if int(row.cells["year"]) != last:
            continue
        for code, what in (("net_assets", "净资产"), ("restricted", "限定性净资产")):
            if row.fen(code) != net[code]:
                values = {"at": row.at, "what": what, "year": last, "year_end": format_yuan(row.fen(code))}
                values |= {"opening": format_yuan(net[code])}
                yield Problem(
                    "opening_year_differs", {**values, "difference": format_yuan(row.fen(code) - net[code])}
                )


def _check_numbers(scene: Scene) -> Iterator[Problem]:
    """Yield old voucher numbers that are no run of a month passed."""
    seen = set()
    for row in scene.file.rows[NUMBERS]:
        key = (row.month(), row.text("word"))
        first, last, count = (int(row.cells[name]) for name in ("first", "last", "number"))
        if key in seen or row.month() not in scene.passed or not 0 < first <= last or count < 1:
            yield Problem("opening_numbers", {"at": row.at})
        seen.add(key)


def _purses(scene: Scene) -> Iterator[Purse]:
    """Yield what each fund and earmark bring: net assets at the start, in, out and left."""
    available, held = _available(scene), _held(scene)
    sums: dict[tuple[str, str], list[int]] = {}
    for (account, fund, earmark, _), p in scene.positions.items():
        row = sums.setdefault((fund, earmark), [0, 0, 0])
        kind = scene.books.accounts[account].kind
        if kind == "net_asset":
            row[0] -= p.opening
            row[1 if p.credit > p.debit else 2] += abs(p.credit - p.debit)
        elif kind in ("income", "expense"):
            row[1 if kind == "income" else 2] += (p.credit - p.debit) * (1 if kind == "income" else -1)
    for (fund, earmark), (opening, came_in, went_out) in sums.items():
        free = available.get((fund, earmark), 0)
        set_aside = held.get((fund, earmark), 0)
        yield Purse(
            fund,
            earmark,
            opening,
            came_in,
            went_out,
            opening + came_in - went_out,
            free - set_aside,
            set_aside,
        )
