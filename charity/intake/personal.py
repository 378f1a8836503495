"""Statements of a person's WeChat or Alipay account.

Imports errors and this package. They hold a person's whole life, so nothing in them is a
gift by itself: 收/支 says the direction, and what the platform counts as neither is told
so. A refund names its payment by the order number, whatever sign its amount carries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from charity.errors import N_, Problem, Refused, register
from charity.intake.cells import PLACEHOLDERS, parse_amount
from charity.intake.payments import CellReader, data_rows
from charity.intake.people import donor_kind_hint
from charity.intake.recognise import Recognition
from charity.intake.rows import IncomingRow, LineHasher
from charity.intake.table import Table
from charity.intake.totals import StatedTotals, Totals
from charity.money import format_yuan

PROBLEMS = register(
    {
        "payment_refunded": N_(
            "The platform says “%(status)s” of this payment; enter what stayed by hand, with its receipt."
        ),
        "personal_statement": N_(
            "%(name)s is the statement of a person's account. It can be booked only for a place of money "
            "whose account it is; collecting for the federation on anyone's own account is not allowed."
        ),
        "personal_sums_differ": N_(
            "The platform's own sums (in %(in_fen)s, out %(out_fen)s) are not those of the rows "
            "(in %(counted_in)s, out %(counted_out)s), which it says may happen; compare them."
        ),
    }
)

_DONE = re.compile(
    r"^(?:交易成功|支付成功|已存入零钱|已收钱|已收款|收款成功|已转账|朋友已收钱|对方已收钱|充值成功|已到账|已入账|充值完成|提现已到账|"
    r"转账成功|还款成功|代付成功|存入成功|退款成功|已全额退款|已退款.*|已退还|对方已退还)$"
)
_CLOSED = re.compile(r"关闭|失败|撤销|取消|已退还|冻结|解冻")
_FEE = re.compile(r"(?:服务费|手续费)[¥￥]?\s*(\d+(?:\.\d{1,2})?)")
#: Alipay appends to the order's number when it gives part of it back.
_SUFFIX = re.compile(r"[_*]")


def read_personal(table: Table, recognition: Recognition, stated: StatedTotals) -> list[IncomingRow]:
    """Return the rows of a person's statement, file order.

    Args:
        table: the statement.
        recognition: ``wechat_personal`` or ``alipay_personal``.
        stated: takes in the sums above the rows.
    """
    for index in range(max(recognition.header_row, 0)):
        stated.take(table.rows[index], index)
    channel = recognition.form.partition("_")[0]
    own = _own_account(table, recognition)
    reader, hasher = CellReader(recognition, table.rows), LineHasher()
    rows = []
    for index, cells in data_rows(table, recognition, stated):
        reader.take(cells, index)
        rows.append(_row(reader, hasher, index + 1, channel, own))
    return _settled(rows)


def _own_account(table: Table, recognition: Recognition) -> str:
    """Return the account that a line above the headings names; WeChat gives only a nickname."""
    for row in table.rows[: max(recognition.header_row, 0)]:
        for cell in row:
            if found := re.match(r"\s*(?:支付宝账[户号]|微信号)[:：]\s*\[?([^\]\s]{3,80})", cell):
                return found[1]
    return ""


def _row(cells: CellReader, hasher: LineHasher, row_no: int, channel: str, own: str) -> IncomingRow:
    """Return the row at hand."""
    day, moment = cells.moment("time")
    amount_fen = abs(cells.fen("amount"))
    direction, status, sort = cells.text("direction"), cells.text("status"), cells.text("kind")
    kind, is_credit = _kind(sort, status, direction)
    order = cells.number("reference")
    if not order:
        cells.note("reference_missing", "reference")
    if kind == "payment" and "退" in status:
        cells.note("payment_refunded", "status", status=status[:40])
    elif kind in ("payment", "refund") and not _DONE.match(status):
        cells.note("status_unknown", "status", status=status[:40])
    if not amount_fen and not any(problem.where == "amount" for problem in cells.problems):
        cells.note("row_amount_zero", "amount")
    is_refund = kind in ("refund", "transfer_back")
    original = _SUFFIX.split(order)[0] if is_refund else ""
    reference = f"{order}/退款" if is_refund and original == order else order
    name = cells.text("counterparty_name")
    name = "" if name in PLACEHOLDERS else name
    purpose, remark, account = (
        "" if text in PLACEHOLDERS else text
        for text in (cells.text("purpose"), cells.text("remark"), cells.text("counterparty_account"))
    )
    return IncomingRow(
        row_no=row_no,
        channel=channel,
        kind_hint=kind,
        occurred_on=day,
        occurred_at=moment,
        amount_fen=amount_fen,
        is_credit=is_credit,
        line_hash=hasher.hash_of(
            channel, kind, reference or "\x1e".join(cells.cells), str(amount_fen), str(moment)
        ),
        headers=cells.headers,
        cells=cells.cells,
        fee_fen=_fee(remark),
        reference=reference,
        merchant_reference=cells.number("merchant_reference"),
        refund_of=original,
        status=status,
        own_account=own,
        counterparty_name=name,
        counterparty_account=account,
        summary=sort,
        purpose=purpose,
        remark=remark,
        fund_hint=remark or purpose,
        donor_kind_hint=donor_kind_hint(name),
        problems=tuple(cells.problems),
    )


def _kind(sort: str, status: str, direction: str) -> tuple[str, bool]:
    """Return what a row is, and whether it is money in."""
    is_credit = direction == "收入"
    is_refund = "退款" in sort or status == "退款成功"
    if not is_refund and _CLOSED.search(status):
        return "neutral", is_credit
    if is_refund:
        # Money we paid that came back is no gift; what 不计收支 is, the payment tells below.
        return ("transfer_back", True) if is_credit else ("refund", False)
    if direction not in ("收入", "支出"):
        return "neutral", False
    return ("payment", True) if is_credit else ("other", False)


def _fee(remark: str) -> int:
    """Return the fee that WeChat writes into the remark."""
    found = _FEE.search(remark)
    try:
        return parse_amount(found[1]) if found else 0
    except Refused:
        return 0


def _settled(rows: Sequence[IncomingRow]) -> list[IncomingRow]:
    """Return the rows; a refund goes the other way than its payment, where the file has that."""
    paid = {row.reference: row.is_credit for row in rows if row.kind_hint in ("payment", "other")}
    done = []
    for row in rows:
        if row.kind_hint == "refund" and paid.get(row.refund_of) is False:
            row = row._replace(kind_hint="transfer_back", is_credit=True)
        done.append(row)
    return done


def compare_sums(
    rows: Sequence[IncomingRow], recognition: Recognition, stated: Totals, name: str
) -> tuple[Totals, list[Problem]]:
    """Return the sums of the rows as the platform counts them, and what is to be said of them.

    Counts of all rows must agree. Alipay says itself that its sums may differ from its rows
    (closed trades, refunds): there a difference is a note. Where WeChat differs the file was
    changed.
    """
    column = recognition.columns["direction"]
    totals = Totals(len(rows), 0, 0, 0, 0)
    for row in rows:
        side = {"收入": "in", "支出": "out"}.get(row.cells[column].strip(" \t`"))
        if side is not None:
            totals.add(f"{side}_count", 1)
            totals.add(f"{side}_fen", row.amount_fen)
    if recognition.form == "wechat_personal":
        return totals, []
    said = stated.as_dict()
    notes = []
    own = totals.as_dict()
    if any(said[key] != own[key] for key in ("in_fen", "out_fen", "in_count", "out_count") if key in said):
        params = {
            "in_fen": format_yuan(said.get("in_fen", 0)),
            "out_fen": format_yuan(said.get("out_fen", 0)),
            "counted_in": format_yuan(own["in_fen"]),
            "counted_out": format_yuan(own["out_fen"]),
        }
        notes.append(Problem("personal_sums_differ", params))
        stated.in_fen = stated.out_fen = stated.in_count = stated.out_count = None
    return totals, [Problem(item.code, {**item.params, "name": name}) for item in notes]
