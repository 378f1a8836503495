"""Merchant bills of WeChat and Alipay: payments, refunds that find their order, totals."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from charity.intake.read import ParsedFile, read_file
from charity.intake.rows import IncomingRow
from tests.unit.intake.making import (
    WECHAT_HEADER,
    WECHAT_LABELS,
    csv_bytes,
    wechat_bill,
    wechat_line,
    wechat_refund,
)

_ONE = "1,10.00,0.00,0.00,0.06"


def _codes(parsed: ParsedFile) -> list[str]:
    return [problem.code for problem in parsed.problems]


def _row(*lines: str, totals: str = _ONE) -> IncomingRow:
    return read_file(wechat_bill(*lines, totals=totals), "bill.csv").rows[-1]


def _problems(row: IncomingRow) -> list[str]:
    for problem in row.problems:
        assert "%(" not in problem.sentence()
    return [problem.code for problem in row.problems]


def test_a_payment_is_read_whole() -> None:
    row = _row(wechat_line(1, 商户数据包="src=mp"))
    assert row == IncomingRow(
        row_no=2,
        channel="wechat",
        kind_hint="payment",
        occurred_on=date(2026, 11, 18),
        occurred_at=datetime(2026, 11, 18, 10, 1),
        amount_fen=1_000,
        is_credit=True,
        fee_fen=6,
        reference="4200009999000000000000000001",
        merchant_reference="HD000001",
        status="SUCCESS",
        own_account="1999999901",
        counterparty_account="oHaidai",
        purpose="急难救助基金",
        remark="src=mp",
        fund_hint="急难救助基金",
        line_hash=row.line_hash,
        headers=row.headers,
        cells=row.cells,
    )
    assert row.raw["微信订单号"] == "4200009999000000000000000001"
    assert row.is_bookable


def test_a_refund_names_the_order_it_gives_back() -> None:
    bill = wechat_bill(
        wechat_line(1), wechat_refund(1, amount="4.00", fee="-0.02000"), totals="2,10.00,4.00,0.00,0.04"
    )
    parsed = read_file(bill, "bill.csv")
    payment, refund = parsed.rows
    assert (refund.kind_hint, refund.is_credit, refund.amount_fen, refund.fee_fen) == (
        "refund",
        False,
        400,
        -2,
    )
    assert refund.refund_of == payment.reference
    assert (refund.reference, refund.merchant_reference) == ("503000000000000001", "RF1")
    assert _codes(parsed) == []
    assert parsed.totals.counted.as_dict() == parsed.totals.counted.as_dict() | parsed.totals.stated.as_dict()


def test_a_refund_of_an_order_of_another_day_stands_alone() -> None:
    row = _row(wechat_refund(7, amount="10.00"), totals="1,0.00,10.00,0.00,-0.06")
    assert (row.refund_of, row.is_bookable) == ("4200009999000000000000000007", True)


def test_refunds_above_the_payment_are_a_problem_of_the_last() -> None:
    lines = (wechat_line(1), wechat_refund(1, amount="6.00"), wechat_refund(1, amount="6.00"))
    rows = read_file(wechat_bill(*lines, totals="3,10.00,12.00,0.00,-0.06"), "x").rows
    assert [_problems(row) for row in rows] == [[], [], ["refund_exceeds_payment"]]


@pytest.mark.parametrize("state", ["PROCESSING", "FAIL", "CHANGE"])
def test_a_refund_that_is_not_finished_waits_for_a_person(state: str) -> None:
    row = _row(wechat_refund(1, amount="1.00", state=state), totals="1,0.00,1.00,0.00,-0.06")
    assert _problems(row) == ["refund_unfinished"]
    assert not row.is_bookable


def test_an_order_that_was_revoked_gives_its_money_back() -> None:
    row = _row(
        wechat_line(1, amount="0.00", 交易状态="REVOKED", 退款金额="10.00", 微信退款单号="503"),
        totals="1,0.00,10.00,0.00,0.06",
    )
    assert (row.kind_hint, row.amount_fen, row.reference) == ("refund", 1_000, "503")


def test_the_bill_of_refunds_alone_takes_the_moment_of_the_refund() -> None:
    header = WECHAT_HEADER.replace("微信退款单号", "退款申请时间,退款成功时间,微信退款单号")
    line = wechat_refund(1, amount="1.00").replace(
        "`5030000000", "`2026-11-19 01:00:00,`2026-11-19 01:00:05,`5030000000"
    )
    data = csv_bytes(header, line, WECHAT_LABELS, "`1,`0.00,`1.00,`0.00,`-0.06")
    row = read_file(data, "x").rows[0]
    assert row.occurred_at == datetime(2026, 11, 19, 1, 0, 5)
    assert row.line_hash == _row(wechat_refund(1, amount="1.00"), totals="1,0.00,1.00,0.00,-0.06").line_hash


def test_the_bill_of_payments_alone_has_no_refund_columns() -> None:
    header = (
        "交易时间,商户号,微信订单号,商户订单号,交易状态,货币种类,应结订单金额,代金券金额,"
        "商品名称,手续费,费率,订单金额,费率备注"
    )
    line = (
        "`2026-11-18 10:00:00,`1999999901,`42,`HD1,`SUCCESS,`CNY,`9.00,`1.00,`急难救助,`0.05,`0.60%,`10.00,`"
    )
    labels = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    parsed = read_file(csv_bytes(header, line, labels, "`1,`9.00,`0.00,`0.00,`0.05,`10.00,`0.00"), "x")
    assert (parsed.rows[0].amount_fen, _codes(parsed)) == (900, [])


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"交易状态": "NOTPAY"}, "status_unknown"),
        ({"货币种类": "USD"}, "row_currency_foreign"),
        ({"微信订单号": ""}, "reference_missing"),
        ({"微信订单号": "4.00123E+27"}, "number_damaged"),
        ({"总金额": "0.00"}, "row_amount_not_positive"),
        ({"总金额": "-1.00"}, "row_amount_not_positive"),
        ({"总金额": "1.005"}, "amount_too_fine"),
        ({"总金额": "十元"}, "amount_in_words"),
        ({"手续费": "0.00600"}, "amount_too_fine"),
        ({"交易时间": "2026-13-01 00:00:00"}, "row_date_unreadable"),
        ({"商品名称": "=1+1"}, "cell_formula"),
    ],
)
def test_a_bad_cell_is_a_problem_of_its_row_alone(cells: dict[str, str], code: str) -> None:
    bill = wechat_bill(
        wechat_line(1), wechat_line(2, **cells), wechat_line(3), totals="3,30.00,0.00,0.00,0.18"
    )
    rows = read_file(bill, "x").rows
    assert [_problems(row) for row in rows] == [[], [code], []]
    assert [row.is_bookable for row in rows] == [True, False, True]


def test_a_row_without_its_moment_is_kept_and_says_so() -> None:
    parsed = read_file(wechat_bill(wechat_line(1, 交易时间=""), totals=_ONE), "x")
    assert _problems(parsed.rows[0]) == ["row_date_missing"]
    assert (parsed.first_on, parsed.last_on) == (None, None)


def test_a_comma_in_the_name_of_a_good_shifts_nothing() -> None:
    row = _row(wechat_line(1, good="急难,救助,基金"))
    assert (row.purpose, row.fee_fen, _problems(row)) == ("急难,救助,基金", 6, [])


def test_a_row_with_a_cell_too_many_says_that_it_shifted() -> None:
    row = _row(wechat_line(1) + ",`多")
    assert _problems(row) == ["row_cells_shifted"]


@pytest.mark.parametrize(
    ("totals", "code"),
    [
        ("2,10.00,0.00,0.00,0.06", "total_count_differs"),
        ("1,10.01,0.00,0.00,0.06", "total_in_differs"),
        ("1,10.00,0.01,0.00,0.06", "total_refund_differs"),
        ("1,10.00,0.00,0.00,0.07", "total_fee_differs"),
        ("1,10.00,0.00,0.00,零", "totals_unreadable"),
        ("1.5,10.00,0.00,0.00,0.06", "totals_unreadable"),
    ],
)
def test_totals_must_be_the_files_own(totals: str, code: str) -> None:
    parsed = read_file(wechat_bill(wechat_line(1), totals=totals), "x")
    assert _codes(parsed) == [code]
    assert "%(" not in parsed.problems[0].sentence()
    assert not parsed.is_bookable


def test_a_bill_without_its_total_lines_is_probably_cut() -> None:
    parsed = read_file(csv_bytes(WECHAT_HEADER, wechat_line(1), wechat_line(2)), "x")
    assert (_codes(parsed), len(parsed.rows)) == (["totals_missing"], 2)


def test_two_days_pasted_together_add_up() -> None:
    first, second = (wechat_bill(wechat_line(number), totals=_ONE) for number in (1, 2))
    parsed = read_file(first + second, "x")
    assert (_codes(parsed), len(parsed.rows), parsed.totals.stated.count) == ([], 2, 2)


def test_a_day_without_payments_has_no_rows_and_no_fault() -> None:
    parsed = read_file(wechat_bill(totals="0,0.00,0.00,0.00,0.00"), "x")
    assert (_codes(parsed), parsed.is_bookable) == (["rows_absent"], True)


def test_two_merchant_numbers_in_one_file_are_a_problem() -> None:
    bill = wechat_bill(wechat_line(1), wechat_line(2, 商户号="1999999902"), totals="2,20.00,0.00,0.00,0.12")
    parsed = read_file(bill, "x")
    assert (_codes(parsed), parsed.own_account) == (["accounts_mixed"], "")


def test_an_overlapping_bill_gives_the_same_rows_the_same_hash() -> None:
    first = read_file(wechat_bill(wechat_line(1), wechat_line(2), totals="2,20.00,0.00,0.00,0.12"), "a")
    second = read_file(wechat_bill(wechat_line(2), wechat_line(3), totals="2,20.00,0.00,0.00,0.12"), "b")
    assert first.rows[1].line_hash == second.rows[0].line_hash
    assert len({row.line_hash for row in (*first.rows, *second.rows)}) == 3


def test_a_payment_and_its_refund_have_different_hashes() -> None:
    bill = wechat_bill(wechat_line(1), wechat_refund(1, amount="10.00"), totals="2,10.00,10.00,0.00,0.00")
    payment, refund = read_file(bill, "x").rows
    assert payment.line_hash != refund.line_hash


# -- Alipay ---------------------------------------------------------------------------

_ALIPAY_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,对方账户,"
    "订单金额（元）,商家实收（元）,退款批次号/请求号,服务费（元）,备注"
)


def _alipay_line(order: str, kind: str, amount: str, *, batch: str = "", fee: str = "-0.02") -> str:
    times = "2026-11-18 16:01:34,2026-11-18 16:01:38"
    start = f"{order}\t,\tHD{order}\t,{kind},助学捐赠,{times},**某(199******89)\t"
    return f"{start},{amount},{amount},{batch}\t,{fee},好"


def _alipay(*lines: str, footer: str) -> ParsedFile:
    body = csv_bytes(
        "#支付宝业务明细查询", "#账号：[2088]", _ALIPAY_HEADER, *lines, footer, encoding="gb18030"
    )
    return read_file(body, "x")


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_refund_of_alipay_goes_out_whatever_its_sign(sign: str) -> None:
    total = "14.00" if not sign else "6.00"
    parsed = _alipay(
        _alipay_line("2026111822", "交易", "10.00"),
        _alipay_line("2026111822", "退款", f"{sign}4.00", batch="RF1", fee="0.00"),
        footer=f"#交易合计：2笔，商家实收共{total}元，商家优惠共0.00元",
    )
    assert _codes(parsed) == []
    payment, refund = parsed.rows
    assert (payment.channel, payment.amount_fen, payment.fee_fen, payment.remark) == (
        "alipay",
        1_000,
        -2,
        "好",
    )
    assert (refund.kind_hint, refund.is_credit, refund.amount_fen) == ("refund", False, 400)
    assert (refund.refund_of, refund.reference) == (payment.reference, "RF1")


def test_the_footer_of_alipay_is_compared() -> None:
    parsed = _alipay(_alipay_line("1", "交易", "10.00"), footer="#交易合计：2笔，商家实收共10.01元")
    assert _codes(parsed) == ["total_count_differs", "total_printed_differs"]


def test_an_unknown_business_of_alipay_is_asked_about() -> None:
    parsed = _alipay(_alipay_line("1", "保证金", "10.00"), footer="#交易合计：1笔")
    assert _problems(parsed.rows[0]) == ["status_unknown"]


def test_an_unreadable_amount_of_alipay_stays_with_its_row() -> None:
    parsed = _alipay(_alipay_line("1", "交易", "十元"), footer="#交易合计：1笔")
    assert _problems(parsed.rows[0]) == ["amount_in_words"]
