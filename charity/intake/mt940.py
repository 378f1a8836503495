"""SWIFT MT940, the customer statement message, as banks hand it to companies.

Imports errors and this package. One file holds statements one after the other; each has
its own account and its own balances, which must tie. The free text of field 86 is read in
its two common layouts: numbered subfields (``?20``, ``>20``) and words between strokes
(``/NAME/…``). Source: SWIFT Standards MT, category 9, MT 940.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from charity.errors import refuse
from charity.intake.limits import MAX_CELL_CHARACTERS
from charity.intake.statements import Entry, Statement, refuse_many, unreadable

_TAG = re.compile(r":(20|21|25P?|28C?|60[FM]|61|86|62[FM]|64|65|13D|90[CD]|34F|NS):")
_ENTRY = re.compile(
    r"(?P<value>\d{6})(?P<entry>\d{4})?(?P<back>R)?(?P<mark>[CD])[A-Z]?(?P<amount>\d{1,15},\d*)"
    r"(?P<type>[A-Z][A-Z0-9]{3})(?P<rest>.*)",
    re.DOTALL,
)
_BALANCE = re.compile(r"(?P<mark>[CD])\d{6}(?P<currency>[A-Z]{3})(?P<amount>\d{1,15},\d*)\s*")
_LINE = re.compile(r"[^\r\n]+")
_SUBFIELD = re.compile(r"[?>](\d\d)")
_WORD = re.compile(r"/(NAME|ORDP|BENM|ACCT|IBAN|REMI|EREF|BIC|TRTP)/")
#: Transaction types that say what a movement is → the word a bank of ours would use.
_TYPES = {"RTI": "退汇", "INT": "利息", "CHG": "手续费", "COM": "手续费", "RTR": "退汇"}


def is_mt940(head: str) -> bool:
    """Say whether text begins like an MT940."""
    is_headed = re.search(r"(?m)^(?:\{[14]:.*)?:20:", head) is not None
    return (is_headed and _FIELD_25.search(head) is not None) or _BALANCE_LINE.match(head) is not None


_FIELD_25 = re.compile(r"(?m)^:(?:25P?|60[FM]|28C?):")
_BALANCE_LINE = re.compile(r"\s*:60[FM]:[CD]\d{6}[A-Z]{3}")


def _fields(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, tag, content) of each field; a dash alone ends a message (tag ``-``)."""
    number, tag, parts, size = 0, "", list[str](), 0
    line_no, counted = 1, 0
    # Blank lines are stepped over, however many: only what stands in a line costs time.
    for filled in _LINE.finditer(text):
        line_no, counted = line_no + text.count("\n", counted, filled.start()), filled.start()
        line = filled[0]
        found = _TAG.match(line) or _TAG.match(line[line.find("{4:") + 3 :] if "{4:" in line else "")
        is_end = line.strip() in ("-", "-}")
        if found or is_end:
            if tag:
                yield number, tag, "\n".join(parts)
            number, tag = line_no, found[1] if found else ""
            parts = [found.string[found.end() :]] if found else []
            size = len(parts[0]) if parts else 0
            if is_end:
                yield line_no, "-", ""
        elif tag and line.strip():
            parts.append(line)
            size += len(line)
        if size > MAX_CELL_CHARACTERS:
            raise refuse(
                "cell_too_long", str(number), name=name, cell=tag, row=number, limit=MAX_CELL_CHARACTERS
            )
    if tag:
        yield number, tag, "\n".join(parts)


def read_mt940(text: str, name: str) -> list[Statement]:
    """Return the statements of a file.

    Raises:
        Refused: ``statement_cut_off``, ``statement_entry_outside`` or what
            :func:`charity.intake.statements.unreadable` refuses.
    """
    statements: list[Statement] = []
    open_one: Statement | None = None
    last: Entry | None = None
    count = 0
    for line, tag, content in _fields(text, name):
        if tag == "20":
            _refuse_open(open_one, name)
            open_one, last = Statement(line), None
            statements.append(open_one)
        elif tag in ("-", "21", "28", "28C", "64", "65"):
            last = None
        elif open_one is None or (tag == "61" and (open_one.opening is None or open_one.closing is not None)):
            raise refuse("statement_entry_outside", str(line), name=name, line=line)
        elif tag in ("25", "25P"):
            open_one.account = content.partition("\n")[0].rpartition("/")[2].strip()
        elif tag[:2] == "60":
            if open_one.opening is None:
                open_one.opening, open_one.currency = _balance(content, line, name)
        elif tag[:2] == "62":
            open_one.closing, last = _balance(content, line, name)[0], None
        elif tag == "61":
            last = _entry(content, line, name)
            open_one.entries.append(last)
            count += 1
            refuse_many(count, name)
        elif tag == "86" and last is not None:
            _take_details(last, content)
    _refuse_open(open_one, name)
    return statements


def _refuse_open(statement: Statement | None, name: str) -> None:
    """Refuse a statement that has no closing balance: its end was not sent."""
    if statement is not None and statement.closing is None:
        raise refuse("statement_cut_off", str(statement.line), name=name, line=statement.line)


def _amount(text: str) -> str:
    """Return an amount with a point; MT940 writes ``6800,`` and ``233,15``."""
    return text.replace(",", ".").rstrip(".")


def _balance(content: str, line: int, name: str) -> tuple[str, str]:
    """Return a signed balance and its currency."""
    found = _BALANCE.fullmatch(content)
    if found is None:
        raise unreadable(name, line, content, "balance")
    return ("-" if found["mark"] == "D" else "") + _amount(found["amount"]), found["currency"]


def _entry(content: str, line: int, name: str) -> Entry:
    """Return a movement of field 61; a reversal (RC, RD) goes the other way."""
    found = _ENTRY.match(content)
    if found is None:
        raise unreadable(name, line, content.partition("\n")[0], "movement")
    is_out = (found["mark"] == "D") != (found["back"] is not None)
    told = ("冲正" if found["back"] else "", _TYPES.get(found["type"][1:], ""))
    rest, _, more = found["rest"].partition("\n")
    own, _, bank = rest.partition("//")
    value = f"20{found['value']}"
    texts = {
        "day": _entry_day(value, found["entry"]),
        "summary": " ".join(filter(None, told)),
        "remark": more.strip(),
        "reference": bank.strip(),
        "merchant_reference": "" if own.strip() == "NONREF" else own.strip(),
    }
    return Entry(line, ("-" if is_out else "") + _amount(found["amount"]), texts)


def _entry_day(value: str, entry: str | None) -> str:
    """Return the booking day; the value date where no other is given.

    A value date may be the 30th of February, where interest counts thirty days a month;
    the booking day cannot. It comes without a year: the one nearest to the value date.
    """
    if not entry:
        return value
    near, best = int(value[:4]) * 12 + int(value[4:6]), ""
    for year in (int(value[:4]) - 1, int(value[:4]), int(value[:4]) + 1):
        try:
            date(year, int(entry[:2]), int(entry[2:]))
        except ValueError:
            continue
        months = year * 12 + int(entry[:2])
        if not best or abs(months - near) < abs(int(best[:4]) * 12 + int(best[4:6]) - near):
            best = f"{year}{entry}"
    return best or value


def _take_details(entry: Entry, content: str) -> None:
    """Take in field 86: who, which account, what for."""
    texts = entry.texts
    joined = content.replace("\n", "")
    if _SUBFIELD.match(joined[3:6]) or re.match(r"\d{3}[?>]", joined.strip()):
        parts = _SUBFIELD.split(joined)
        codes: dict[str, str] = {}
        for code, text in zip(parts[1::2], parts[2::2], strict=True):
            codes[code] = codes.get(code, "") + text
        said = "".join(text for code, text in sorted(codes.items()) if "20" <= code <= "29" or code >= "60")
        found = {
            "summary": codes.get("00", ""),
            "remark": said,
            "counterparty_name": codes.get("32", "") + codes.get("33", ""),
            "counterparty_account": codes.get("38", "") or codes.get("31", ""),
            "counterparty_bank": codes.get("30", ""),
        }
    else:
        parts = _WORD.split(joined)
        words = dict(zip(parts[1::2], (part.strip("/ ") for part in parts[2::2]), strict=True))
        found = {
            "counterparty_name": words.get("NAME", ""),
            "counterparty_account": words.get("ACCT", "") or words.get("IBAN", ""),
            "counterparty_bank": words.get("BIC", ""),
            "remark": words.get("REMI", "") if words else content,
        }
    for key, text in found.items():
        texts[key] = " ".join(filter(None, (texts.get(key, ""), text.strip())))
