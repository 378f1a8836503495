"""What is filled in by rule when a draft is saved: earmarks, cash-flow items, re-tag lines.

Pure, like ``rules``. Value that moves between funds carries an automatic pair of re-tag
lines on cash; they count in fund books only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from charity.ledger.rules import Books, DraftLine, DraftVoucher, PlaceInfo

#: Cash-flow item by account on the other side, for money in and out, longest code first.
_CASH_FLOW_IN = (
    ("100901", "donations_in"),
    ("4101", "donations_in"),
    ("4201", "fees_in"),
    ("4301", "services_in"),
    ("2203", "services_in"),
    ("4401", "subsidies_in"),
    ("4501", "sales_in"),
    ("1121", "sales_in"),
    ("4601", "investment_income_in"),
    ("1101", "investments_sold_in"),
    ("14", "investments_sold_in"),
    ("1509", "assets_sold_in"),
    ("1501", "assets_sold_in"),
    ("1601", "assets_sold_in"),
    ("2101", "loans_in"),
    ("2501", "loans_in"),
    ("", "other_operating_in"),
)
_CASH_FLOW_OUT = (
    ("5101", "aid_out"),
    ("3201", "aid_out"),
    ("100902", "aid_out"),
    ("2204", "staff_out"),
    ("1201", "purchases_out"),
    ("2202", "purchases_out"),
    ("1141", "purchases_out"),
    ("2206", "taxes_out"),
    ("5201", "taxes_out"),
    ("1501", "assets_bought_out"),
    ("1505", "assets_bought_out"),
    ("1601", "assets_bought_out"),
    ("1701", "assets_bought_out"),
    ("1101", "investments_made_out"),
    ("14", "investments_made_out"),
    ("2101", "loans_repaid_out"),
    ("2501", "loans_repaid_out"),
    ("", "other_operating_out"),
)


def default_cash_flow(line: DraftLine, others: Iterable[str]) -> str:
    """Return the cash-flow item of a money line from the accounts on the other side.

    A movement between two places of own money has none, so that it is counted once.

    Source: 民间非营利组织会计制度 财会〔2024〕25号, statement of cash flows; rows 待核实.
    """
    # Red takes back on the side of its original, so the side decides, not the sign.
    table = _CASH_FLOW_IN if line.debit_fen else _CASH_FLOW_OUT
    codes = list(others)
    for prefix, item in table:
        if any(code.startswith(prefix) for code in codes):
            return item
    return ""


def complete(draft: DraftVoucher, books: Books) -> DraftVoucher:
    """Return the draft with earmarks, cash-flow items and re-tag lines filled in.

    Value that moves between funds or earmarks carries a pair of re-tag lines on cash, so
    that the voucher balances inside each. Agency money is never re-tagged.

    Args:
        draft: as entered; existing re-tag lines are made anew.
        books: the codes of the org on the voucher's day.
    """
    own = [_with_earmark(line, books) for line in draft.lines if not line.is_retag]
    if draft.kind in ("normal", "correction"):
        own = _with_cash_flow(own, books)
    return replace(draft, lines=tuple(own + _retags(own, draft, books)))


def _with_earmark(line: DraftLine, books: Books) -> DraftLine:
    """Return the line with its fund's charter where it names no earmark."""
    fund = books.funds.get(line.fund)
    return line if line.earmark or fund is None else replace(line, earmark=fund.default_earmark)


def is_own_money(code: str, books: Books) -> bool:
    """Say whether an account is own money in hand (agency money and unsettled platforms are not)."""
    account = books.accounts.get(code)
    return account is not None and account.is_money and account.restriction != "agency" and code != "100901"


def _with_cash_flow(lines: Sequence[DraftLine], books: Books) -> list[DraftLine]:
    """Return the lines with a cash-flow item on each line of own money."""
    result = []
    for line in lines:
        if line.cash_flow or not is_own_money(line.account, books):
            result.append(line)
            continue
        # The other side of a blue debit is a credit; red keeps the sides of its original.
        is_debit = line.debit_fen != 0
        others = [o.account for o in lines if (o.debit_fen != 0) != is_debit]
        if others and all(is_own_money(code, books) for code in others):
            result.append(line)
        else:
            outside = [code for code in others if not is_own_money(code, books)]
            result.append(replace(line, cash_flow=default_cash_flow(line, outside)))
    return result


def _retags(lines: Sequence[DraftLine], draft: DraftVoucher, books: Books) -> list[DraftLine]:
    """Return the cash re-tag lines that make each fund and earmark balance."""
    if draft.kind in ("opening", "closing"):
        return []
    excess: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        excess[line.fund, line.earmark] += line.debit_fen - line.credit_fen
    moved = {key: fen for key, fen in excess.items() if fen}
    if not moved or sum(moved.values()) != 0:
        return []
    if any((fund := books.funds.get(code)) is None or fund.kind == "agency" for code, _ in moved):
        return []
    place = _retag_place(lines, books)
    if place is None:
        return []
    is_red = draft.colour == "red"
    result = []
    for (fund_code, earmark), fen in moved.items():
        is_debit = (fen < 0) != is_red
        amount = -fen if is_debit else fen
        result.append(
            DraftLine(
                account=place.account,
                debit_fen=amount if is_debit else 0,
                credit_fen=0 if is_debit else amount,
                fund=fund_code,
                earmark=earmark,
                summary=draft.summary,
                money_place=place.code,
                is_retag=True,
            )
        )
    return result


def _retag_place(lines: Sequence[DraftLine], books: Books) -> PlaceInfo | None:
    """Return the one place the voucher names, else the main one."""
    named = {line.money_place for line in lines if line.money_place}
    if len(named) == 1:
        place = books.places.get(named.pop())
        if place is not None and books.accounts[place.account].restriction != "agency":
            return place
    return books.main_place(is_agency=False)
