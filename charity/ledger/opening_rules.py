"""Whether books from another system tie, and what lines they become; pure.

Nothing is taken before everything ties: each row by itself, each fund and earmark, the
months with the year, cash with its flows, the parties and the goods with their accounts,
the year before with the year's start. Each difference names sheet, row and amount.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from charity.errors import N_, Problem, register
from charity.ledger.chart import CHART_FROM
from charity.ledger.chart_mapping import resolve_account
from charity.ledger.opening_rows import (
    BALANCES,
    MONTHS,
    NUMBERS,
    OpeningFile,
    SheetRow,
)
from charity.ledger.rules import Books, guarded_deltas
from charity.ledger.rules import DraftLine as Line
from charity.money import format_yuan
from charity.periods import Month

PROBLEMS = register(
    {
        "opening_start_early": N_(
            "Books here begin in 2026 with the chart of that year; %(month)s is earlier."
        ),
        "opening_start_late": N_(
            "%(month)s has not begun yet; take the books over when the month before is done."
        ),
        "opening_empty": N_("The sheet of balances has no amounts; there is nothing to take over."),
        "opening_fund_unknown": N_("%(at)s: there is no fund %(fund)s open on %(on)s; open it first."),
        "opening_earmark_unknown": N_("%(at)s: fund %(fund)s has no earmark %(earmark)s; open it first."),
        "opening_place_unknown": N_(
            "%(at)s: account %(account)s is money: write a place of money that stands on it, not “%(place)s”."
        ),
        "opening_fund_kind": N_(
            "%(at)s: account %(account)s cannot carry fund %(fund)s; restricted accounts take a restricted "
            "fund, unrestricted ones the general fund, agency ones agency money."
        ),
        "opening_twice": N_(
            "%(at)s: the same account, fund, earmark and place already stand in row %(first)s."
        ),
        "opening_row_differs": N_(
            "%(at)s: %(opening)s at the year's start and the turnover give %(expected)s, the sheet says "
            "%(closing)s; the difference is %(difference)s."
        ),
        "opening_unbalanced": N_(
            "%(sheet)s: fund %(fund)s (%(earmark)s), %(column)s: debit less credit is "
            "%(difference)s and must "
            "be nothing."
        ),
        "opening_result_open": N_(
            "%(at)s: income and expense begin a year with nothing; %(account)s has %(amount)s."
        ),
        "opening_turnover_early": N_(
            "%(at)s: books that begin in January have no turnover before; delete it."
        ),
        "opening_month_outside": N_("%(at)s: %(month)s does not lie between January and %(last)s."),
        "opening_months_differ": N_(
            "%(at)s: the months give %(months)s on the side %(side)s, the year so far says %(year)s; the "
            "difference is %(difference)s."
        ),
        "opening_overdrawn": N_(
            "Fund %(fund)s (%(earmark)s) could spend %(amount)s at the end of %(month)s: "
            "money was lent to it. "
            "Book the loan in the old books first, or leave the sheet 分月发生额 empty if it "
            "was paid back since."
        ),
    }
)

#: A fund and earmark, and a place of money where the account is money: what a row is about.
Key = tuple[str, str, str, str]


@dataclass(slots=True)
class Position:
    """What one account, fund, earmark and place carry, in fen.

    Attributes:
        at, number: sheet and row it stands in.
        opening: debit less credit at the year's start.
        debit, credit: turnover of the months passed.
        closing: debit less credit at the end of them, as the sheet says.
        months: month → debit and credit; empty when the months came as one sum.
    """

    at: str
    number: int
    opening: int
    debit: int
    credit: int
    closing: int
    months: dict[Month, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """What rows are judged against.

    Attributes:
        file: what the workbook says.
        books: the codes on the first day of the year.
        positions: the sheet of balances, by what it is about, in its order.
    """

    file: OpeningFile
    books: Books
    positions: Mapping[Key, Position]

    @property
    def passed(self) -> tuple[Month, ...]:
        """Return the months passed in the other system."""
        return tuple(Month(self.file.start.year, number) for number in range(1, self.file.start.number))

    @property
    def has_months(self) -> bool:
        """Say whether the turnover came month by month."""
        return bool(self.file.rows[MONTHS])


def purse_of(row: SheetRow, books: Books) -> tuple[str, str]:
    """Return fund and earmark of a row; an empty earmark is the fund's charter."""
    fund = row.text("fund")
    earmark = row.text("earmark")
    return fund, earmark or (books.funds[fund].default_earmark if fund in books.funds else "")


def check_purse(row: SheetRow, books: Books) -> list[Problem]:
    """Return whether a row's fund or earmark is unknown."""
    fund, earmark = purse_of(row, books)
    info = books.funds.get(fund)
    if info is None or info.opened_on > books.on or (info.closed_on and info.closed_on < books.on):
        return [Problem("opening_fund_unknown", {"at": row.at, "fund": fund, "on": books.on})]
    found = books.earmarks.get(earmark)
    if found is None or found.fund != fund:
        return [Problem("opening_earmark_unknown", {"at": row.at, "fund": fund, "earmark": earmark})]
    return []


def key_of_row(row: SheetRow, file: OpeningFile, books: Books) -> tuple[Key | None, list[Problem]]:
    """Return what a row is about, in the chart of 2026, or why it is not settled."""
    problems = check_purse(row, books)
    if problems:
        return None, problems
    fund, earmark = purse_of(row, books)
    place = row.text("place") if "place" in row.cells else ""
    code, problems = resolve_account(
        row.at,
        row.text("account"),
        row.text("new_account"),
        chart=file.chart,
        fund=fund,
        place=place,
        books=books,
    )
    if problems:
        return None, problems
    account, kind = books.accounts[code], books.funds[fund].kind
    takes = {"any": kind != "agency", "no": kind == "general", "yes": kind == "restricted"}
    if not takes.get(account.restriction, kind == "agency"):
        return None, [Problem("opening_fund_kind", {"at": row.at, "account": code, "fund": fund})]
    info = books.places.get(place)
    is_wrong = info is None or code not in (info.account, info.agency_account)
    if account.is_money and is_wrong:
        return None, [Problem("opening_place_unknown", {"at": row.at, "account": code, "place": place})]
    return (code, fund, earmark, place if account.is_money else ""), []


def read_scene(file: OpeningFile, books: Books) -> tuple[Scene, list[Problem]]:
    """Return the balances by what they are about, with the months put to them."""
    positions: dict[Key, Position] = {}
    problems: list[Problem] = []
    for row in file.rows[BALANCES]:
        key, more = key_of_row(row, file, books)
        problems += more
        if key is None:
            continue
        if key in positions:
            problems.append(Problem("opening_twice", {"at": row.at, "first": positions[key].number}))
            continue
        positions[key] = Position(
            row.at,
            row.number,
            row.fen("opening_debit") - row.fen("opening_credit"),
            row.fen("debit"),
            row.fen("credit"),
            row.fen("closing_debit") - row.fen("closing_credit"),
        )
    scene = Scene(file, books, positions)
    return scene, problems + _read_months(scene)


def _read_months(scene: Scene) -> list[Problem]:
    """Put the turnover of each month to its position; return what does not fit."""
    problems: list[Problem] = []
    for row in scene.file.rows[MONTHS]:
        key, more = key_of_row(row, scene.file, scene.books)
        problems += more
        month = row.month()
        if key is None or month is None:
            continue
        if month not in scene.passed:
            last = scene.passed[-1] if scene.passed else scene.file.start
            problems.append(Problem("opening_month_outside", {"at": row.at, "month": month, "last": last}))
            continue
        position = scene.positions.get(key)
        if position is None:
            amount = format_yuan(row.fen("debit") or row.fen("credit"))
            values = {"at": row.at, "side": "借/贷", "months": amount}
            values |= {"year": format_yuan(0), "difference": amount}
            problems.append(Problem("opening_months_differ", values))
            continue
        debit, credit = position.months.get(month, (0, 0))
        position.months[month] = (debit + row.fen("debit"), credit + row.fen("credit"))
    return problems


def check_dates(start: Month, today: date) -> list[Problem]:
    """Return whether books cannot begin in a month: too early for the chart, or not there yet."""
    if start.first_on < CHART_FROM:
        return [Problem("opening_start_early", {"month": start})]
    if start.number == 13 or start.first_on > today:
        return [Problem("opening_start_late", {"month": start})]
    return []


def check_ties(scene: Scene) -> list[Problem]:
    """Return every row and every fund that does not tie by itself, and funds that were overdrawn."""
    if not any(p.opening or p.debit or p.credit for p in scene.positions.values()):
        return [Problem("opening_empty")]
    problems = [problem for key, p in scene.positions.items() for problem in _check_row(scene, key, p)]
    problems += _check_purses(scene)
    return problems or _check_guards(scene)


def _check_row(scene: Scene, key: Key, position: Position) -> Iterator[Problem]:
    """Yield what does not tie in one row."""
    expected = position.opening + position.debit - position.credit
    if expected != position.closing:
        yield Problem(
            "opening_row_differs",
            {
                "at": position.at,
                "opening": format_yuan(position.opening),
                "expected": format_yuan(expected),
                "closing": format_yuan(position.closing),
                "difference": format_yuan(position.closing - expected),
            },
        )
    if scene.books.accounts[key[0]].kind in ("income", "expense") and position.opening:
        values = {"at": position.at, "account": key[0], "amount": format_yuan(position.opening)}
        yield Problem("opening_result_open", values)
    if not scene.passed and (position.debit or position.credit):
        yield Problem("opening_turnover_early", {"at": position.at})
    if scene.has_months:
        sums = [sum(pair[side] for pair in position.months.values()) for side in (0, 1)]
        for name, months, year in (("借", sums[0], position.debit), ("贷", sums[1], position.credit)):
            if months != year:
                values = {"at": position.at, "side": name, "months": format_yuan(months)}
                values |= {"year": format_yuan(year), "difference": format_yuan(months - year)}
                yield Problem("opening_months_differ", values)


def _net_of_month(month: Month, position: Position) -> int:
    """Return debit less credit of one month."""
    debit, credit = position.months.get(month, (0, 0))
    return debit - credit


def _check_purses(scene: Scene) -> Iterator[Problem]:
    """Yield each fund and earmark in which debit and credit differ."""
    tables: list[tuple[str, str, Callable[[Position], int]]] = [
        (BALANCES, "年初余额", lambda p: p.opening),
        (BALANCES, "本年累计发生额", lambda p: p.debit - p.credit),
    ]
    if scene.has_months:
        tables += [(MONTHS, str(month), partial(_net_of_month, month)) for month in scene.passed]
    for sheet, column, take in tables:
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for (_, fund, earmark, _), position in scene.positions.items():
            sums[fund, earmark] += take(position)
        for (fund, earmark), fen in sums.items():
            if fen:
                values = {"sheet": sheet, "fund": fund, "earmark": earmark, "column": column}
                yield Problem("opening_unbalanced", {**values, "difference": format_yuan(fen)})


def _check_guards(scene: Scene) -> list[Problem]:
    """Return each fund and earmark that could spend less than nothing at a month's end."""
    found: list[Problem] = []
    standing: dict[tuple[str, str], int] = defaultdict(int)
    for month, lines in month_lines(scene):
        for key, fen in guarded_deltas(lines, scene.books).items():
            standing[key] += fen
            if standing[key] < 0:
                values = {"fund": key[0], "earmark": key[1], "month": month}
                found.append(Problem("opening_overdrawn", {**values, "amount": format_yuan(standing[key])}))
    return found


def month_lines(scene: Scene) -> list[tuple[Month, list[Line]]]:
    """Return the lines of the year's opening, then those of each month passed, without flows.

    The first entry is January's opening. Turnover that came as one sum stands in the last
    month passed; an amount below zero goes to the other side, where it moves the balance
    alike.
    """
    first = Month(scene.file.start.year, 1)
    result = [(first, [_line(key, p.opening) for key, p in scene.positions.items() if p.opening])]
    months = scene.passed if scene.has_months else scene.passed[-1:]
    for month in months:
        lines: list[Line] = []
        for key, p in scene.positions.items():
            debit, credit = p.months.get(month, (0, 0)) if scene.has_months else (p.debit, p.credit)
            lines += [_line(key, fen) for fen in (debit, -credit) if fen]
        result.append((month, lines))
    return result


def _line(key: Key, fen: int) -> Line:
    """Return a blue line: a debit for a positive amount, a credit for a negative one."""
    account, fund, earmark, place = key
    return Line(
        account,
        debit_fen=max(fen, 0),
        credit_fen=max(-fen, 0),
        fund=fund,
        earmark=earmark,
        money_place=place,
    )


def closing_by(scene: Scene, accounts: Iterable[str]) -> dict[tuple[str, str, str], int]:
    """Return account, fund and earmark → closing balance, of some accounts."""
    wanted = set(accounts)
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for (account, fund, earmark, _), position in scene.positions.items():
        if account in wanted:
            found[account, fund, earmark] += position.closing
    return {key: fen for key, fen in found.items() if fen}


def number_refs(rows: Mapping[str, Sequence[SheetRow]]) -> dict[Month | None, str]:
    """Return month → numbers of the old vouchers, as the new one names them."""
    found: dict[Month | None, list[str]] = defaultdict(list)
    for row in rows[NUMBERS]:
        found[row.month()].append(f"{row.text('word')}{row.cells['first']}–{row.cells['last']}")
    return {month: "、".join(parts)[:80] for month, parts in found.items()}
