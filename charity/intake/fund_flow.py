"""Bills of a merchant's money movements: WeChat 资金账单, Alipay 账务明细.

Imports errors and this package. Where the trade bill tells gifts, these tell every
movement of the merchant's balance: payments, each fee in a row of its own, refunds, and
what was paid out to the bank. A payment's own fee is put to the payment; its row stays to
be seen and counted, and is not booked again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from charity.errors import N_, register
from charity.intake.payments import CellReader, data_rows
from charity.intake.recognise import Recognition
from charity.intake.rows import IncomingRow, LineHasher
from charity.intake.table import Table
from charity.intake.totals import StatedTotals

PROBLEMS = register(
    {
        "flow_direction_unknown": N_("“%(text)s” does not say whether money came in or went out."),
        "flow_both_sides": N_("The row has an amount on both sides, money in and money out; correct it."),
    }
)

_FEE = re.compile(r"手续费|服务费|收费")
_REFUND = re.compile(r"退款|退费|退回")
_PAYOUT = re.compile(r"提现|结算|转账到银行|付款到银行|出金|转出")
_PAYMENT = re.compile(r"交易|付款|支付|收款|转账|红包|捐")
#: Merchants often write their refund number as the order's number with letters before or after.
_ORDER = re.compile(r"\d{20,32}")


def read_fund_flow(table: Table, recognition: Recognition, stated: StatedTotals) -> list[IncomingRow]:
    """Return the rows of a bill of movements, file order.

    Args:
        table: the bill.
        recognition: ``wechat_fund_flow`` or ``alipay_fund_flow``.
        stated: takes in the total lines.
    """
    channel = recognition.form.partition("_")[0]
    reader, hasher = CellReader(recognition, table.rows), LineHasher()
    rows = []
    for index, cells in data_rows(table, recognition, stated):
        reader.take(cells, index)
        rows.append(_row(reader, hasher, index + 1, channel))
    return _with_fees(rows)


def _row(cells: CellReader, hasher: LineHasher, row_no: int, channel: str) -> IncomingRow:
    """Return the row at hand."""
    day, moment = cells.moment("time")
    amount_fen, is_credit = _amount(cells)
    words = f"{cells.text('name')} {cells.text('status')}"
    kind = _kind(words, is_credit)
    order, serial = cells.number("reference"), cells.number("serial")
    if not serial:
        cells.note("reference_missing", "reference")
    is_refund = kind == "refund"
    number = order if kind == "payment" or (is_refund and channel == "wechat") else serial
    ours = cells.number("merchant_reference")
    refund_of = _refund_of(channel, order, ours) if is_refund else ""
    return IncomingRow(
        row_no=row_no,
        channel=channel,
        kind_hint=kind,
        occurred_on=day,
        occurred_at=moment,
        amount_fen=amount_fen,
        is_credit=is_credit,
        line_hash=hasher.hash_of(channel, "movement", serial or "\x1e".join(cells.cells), str(amount_fen)),
        headers=cells.headers,
        cells=cells.cells,
        balance_fen=cells.fen("balance") if cells.text("balance") else None,
        reference=number or serial,
        merchant_reference=ours,
        # The order a fee was taken for; it is put to that payment below.
        refund_of=refund_of if is_refund else (order if kind == "fee" else ""),
        status=words.strip(),
        counterparty_account=cells.text("counterparty_account"),
        purpose=cells.text("purpose"),
        remark=cells.text("remark"),
        fund_hint=cells.text("purpose") or cells.text("remark"),
        problems=tuple(cells.problems),
    )


def _amount(cells: CellReader) -> tuple[int, bool]:
    """Return amount and direction: from a word, or from two columns of which one is filled.

    Whatever sign stands before the amount, the word or the column decides.
    """
    if cells.text("direction"):
        text = cells.text("direction")
        if text not in ("收入", "支出"):
            cells.note("flow_direction_unknown", "amount", text=text[:20])
        amount, is_credit = abs(cells.fen("amount")), text == "收入"
    else:
        gain, spend = abs(cells.fen("credit")), abs(cells.fen("debit"))
        if gain and spend:
            cells.note("flow_both_sides", "amount")
        amount, is_credit = (gain, True) if gain else (spend, False)
    if not amount and not any(problem.where == "amount" for problem in cells.problems):
        cells.note("row_amount_zero", "amount")
    return amount, is_credit


def _kind(words: str, is_credit: bool) -> str:
    """Return what a movement is by the platform's words."""
    if _FEE.search(words):
        return "fee"
    if _REFUND.search(words):
        # A payout that came back into the balance is no gift.
        return "other" if is_credit else "refund"
    if _PAYOUT.search(words):
        return "other" if is_credit else "payout"
    if _PAYMENT.search(words) and is_credit:
        return "payment"
    return "other"


def _refund_of(channel: str, order: str, ours: str) -> str:
    """Return the order a refund gives back, empty when the bill does not say.

    Alipay gives the order itself. WeChat gives the refund's number, and the merchant's own
    beside it, in which the order's number may stand.
    """
    if channel == "alipay":
        return order
    found = _ORDER.search(ours)
    return found[0] if found else ""


def _with_fees(rows: Sequence[IncomingRow]) -> list[IncomingRow]:
    """Return the rows with each order's fee at its payment; such a fee's own row is neutral."""
    payments = {row.reference for row in rows if row.kind_hint == "payment"}
    fees: dict[str, int] = {}
    for row in rows:
        if row.kind_hint == "fee" and row.refund_of in payments:
            fees[row.refund_of] = fees.get(row.refund_of, 0) - row.signed_fen
    done = []
    for row in rows:
        if row.kind_hint == "payment":
            row = row._replace(fee_fen=fees.pop(row.reference, 0))
        elif row.kind_hint == "fee":
            row = row._replace(kind_hint="neutral" if row.refund_of in payments else "fee")
        done.append(row)
    return done
