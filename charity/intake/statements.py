"""Statements in the banks' own exchange formats, laid out as one table of rows.

Imports errors, money and this package. OFX, MT940 and camt.053 name what they hold; each
reader hands over :class:`Entry` values, and from here on they are rows of a bank like any
other. A row keeps the number of the line it begins in, so that a sentence can name it. An
opening balance makes every row's balance known, and with it the row the same in each form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from charity.errors import N_, Problem, Refused, refuse, register
from charity.intake.limits import MAX_CELL_CHARACTERS, MAX_ROWS
from charity.intake.mapping import mapping_signature
from charity.intake.recognise import Recognition
from charity.intake.table import Table
from charity.money import MAX_FEN, format_yuan

PROBLEMS = register(
    {
        "statement_cut_off": N_(
            "%(name)s is cut off: the statement that begins in line %(line)s has no end; export it again."
        ),
        "statement_entry_outside": N_(
            "Line %(line)s of %(name)s is a movement outside any statement; export the whole statement again."
        ),
        "statement_amount_unreadable": N_(
            "Line %(line)s of %(name)s holds “%(text)s”, which is not an amount; "
            "ask the bank for the file anew."
        ),
        "statement_balance_unreadable": N_(
            "Line %(line)s of %(name)s holds “%(text)s”, which is not a balance; "
            "ask the bank for the file anew."
        ),
        "statement_count_unreadable": N_(
            "Line %(line)s of %(name)s holds “%(text)s”, which is not a count; "
            "ask the bank for the file anew."
        ),
        "statement_day_unreadable": N_(
            "Line %(line)s of %(name)s holds “%(text)s”, which is not a day; ask the bank for the file anew."
        ),
        "statement_direction_unreadable": N_(
            "Line %(line)s of %(name)s holds “%(text)s”, which is not money in or out; "
            "ask the bank for the file anew."
        ),
        "statement_movement_unreadable": N_(
            "Line %(line)s of %(name)s holds “%(text)s”, which is not a movement; "
            "ask the bank for the file anew."
        ),
        "statement_differs": N_(
            "The statement from line %(line)s on states %(opening)s before and %(closing)s after; its rows "
            "make a difference of %(counted)s. Export it again."
        ),
        "statement_other_message": N_(
            "%(name)s is no statement of an account (%(kind)s); ask the bank for the statement, camt.053."
        ),
        "statement_empty": N_("%(name)s holds no statement of an account; export it again."),
    }
)

#: Headings of the table; each is the word of its field in the vocabulary of banks.
HEADINGS = {
    "day": "交易日期",
    "booked": "记账日期",
    "time": "交易时间",
    "amount": "交易金额",
    "balance": "余额",
    "currency": "币种",
    "counterparty_name": "对方户名",
    "counterparty_account": "对方账号",
    "counterparty_bank": "对方开户行",
    "summary": "摘要",
    "purpose": "用途",
    "remark": "附言",
    "reference": "交易流水号",
    "merchant_reference": "企业流水号",
    "own_account": "本方账号",
}
#: Beyond this many lines rows are numbered one after the other instead.
_MAX_LINES = 500_000


@dataclass(slots=True)
class Entry:
    """One movement of a statement.

    Attributes:
        line: line of the file it begins in, from 1.
        amount: signed, a point before the decimals, exactly as the file has them.
        texts: the other fields of :data:`HEADINGS` that the file gives.
    """

    line: int
    amount: str
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Statement:
    """One statement of one account.

    Attributes:
        line: line it begins in.
        account: our account.
        currency: of all its amounts.
        opening: signed balance before, None when not given.
        closing: signed balance after.
        entries: in the order of the file.
    """

    line: int
    account: str = ""
    currency: str = ""
    opening: str | None = None
    closing: str | None = None
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A file of statements as a table.

    Attributes:
        table: row index + 1 is the line of the file.
        recognition: form and columns.
        problems: about the file as a whole.
    """

    table: Table
    recognition: Recognition
    problems: list[Problem]


def fen_of(text: str) -> int | None:
    """Return the fen of an amount a format writes, None when it is finer than a fen or no number."""
    try:
        fen = Decimal(text) * 100
    except InvalidOperation:
        return None
    return int(fen) if fen.is_finite() and fen == fen.to_integral_value() and abs(fen) <= MAX_FEN else None


def refuse_many(count: int, name: str) -> None:
    """Refuse a file as soon as it has more rows than can be taken in.

    Raises:
        Refused: ``rows_too_many``.
    """
    if count > MAX_ROWS:
        raise refuse("rows_too_many", name=name, limit=MAX_ROWS)


def unreadable(name: str, line: int, text: str, what: str) -> Refused:
    """Return the refusal of a field that is not what it must be.

    Args:
        name: of the file.
        line: where the field stands.
        text: what stands there.
        what: ``amount``, ``balance``, ``count``, ``day``, ``direction`` or ``movement``.
    """
    return refuse(f"statement_{what}_unreadable", str(line), name=name, line=line, text=text[:40])


def statement_file(
    statements: Sequence[Statement],
    *,
    form: str,
    kind: str,
    encoding: str,
    data_size: int,
    sha256: str,
    name: str,
) -> StatementFile:
    """Return statements as one table.

    Raises:
        Refused: ``statement_empty``, ``rows_too_many`` or ``cell_too_long``.
    """
    if not statements:
        raise refuse("statement_empty", name=name)
    refuse_many(sum(len(item.entries) for item in statements), name)
    problems: list[Problem] = []
    fields = list(HEADINGS)
    rows: list[list[str]] = [list(HEADINGS.values())]
    blank: list[str] = []
    last_line = max((entry.line for item in statements for entry in item.entries), default=1)
    is_numbered = last_line > _MAX_LINES
    for statement in statements:
        balances = _balances(statement, problems)
        for entry, balance in zip(statement.entries, balances, strict=True):
            cells = entry.texts | {
                "amount": entry.amount,
                "balance": balance,
                "currency": entry.texts.get("currency") or statement.currency,
                "own_account": statement.account,
            }
            if any(len(text) > MAX_CELL_CHARACTERS for text in cells.values()):
                raise refuse(
                    "cell_too_long", name=name, cell=entry.line, row=entry.line, limit=MAX_CELL_CHARACTERS
                )
            if not is_numbered and entry.line > len(rows) + 1:
                rows.extend([blank] * (entry.line - len(rows) - 1))
            rows.append([_one_line(cells.get(key, "")) for key in fields])
    table = Table(kind, "", encoding, rows, sha256, name, data_size)
    used = [key for key in fields if any(len(row) > 1 and row[fields.index(key)] for row in rows[1:])]
    columns = {key: fields.index(key) for key in {*used, "day", "amount"}}
    headers = tuple(HEADINGS.values())
    recognition = Recognition(form, "", 0, 1, headers, columns, 100, 100, mapping_signature(headers))
    return StatementFile(table, recognition, problems)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _balances(statement: Statement, problems: list[Problem]) -> list[str]:
    """Return the balance after each entry; blank when the statement does not give or hold them."""
    blank = [""] * len(statement.entries)
    opening = fen_of(statement.opening) if statement.opening is not None else None
    closing = fen_of(statement.closing) if statement.closing is not None else None
    amounts = [fen_of(entry.amount) for entry in statement.entries]
    if opening is None or closing is None or None in amounts:
        # An amount that cannot be read is told at its own row.
        return blank
    running, balances = opening, []
    for amount in amounts:
        running += amount or 0
        balances.append(format_yuan(running))
    if running != closing:
        params = {
            "line": statement.line,
            "opening": format_yuan(opening),
            "closing": format_yuan(closing),
            "counted": format_yuan(running - opening),
        }
        problems.append(Problem("statement_differs", params, str(statement.line)))
        return blank
    return balances
