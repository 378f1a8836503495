"""What the judge says of statements of persons, bills of movements, and money given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import select

from charity.donations.models import Donation, Refund
from charity.errors import Refused
from charity.imports import service
from charity.imports.models import ImportFile
from charity.imports.reading import facts_of, judge_values
from charity.imports.stored_rows import row_value
from tests.gifts import Move, Office, Pay, bank_export, wechat_bill

CARD = "卡号: 9999****%s\r\n记账日期,货币,交易金额,联机余额,交易摘要,对手信息,客户摘要\r\n"
FLOW = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,"
    "账户结余（元）,备注,业务凭证号"
)


def card(*rows: str, end: str = "0031") -> bytes:
    return (CARD % end + "".join(f"2026-03-17,CNY,{row}\r\n" for row in rows)).encode()


def flow(*rows: str, totals: str) -> bytes:
    lines = [",".join(f"`{cell}" for cell in row.split(",")) for row in rows]
    last = ",".join(f"`{cell}" for cell in totals.split(","))
    label = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
    return "\r\n".join([FLOW, *lines, label, last, ""]).encode()


def judged(office: Office, file: ImportFile) -> list[tuple[str, str]]:
    return [(row.verdict, row.reason) for row in office.rows(file)]


def open_card(office: Office) -> None:
    office.open_account("P1", "收款卡", "9999000011110031")


def test_a_card_finds_its_place_by_the_end_of_its_number(office: Office) -> None:
    open_card(office)
    file = office.stage(card("5.00,5.00,转账,苏禾青 99990000,捐款", "2.00,7.00,转账,陆知遥 99990001,"))
    assert file.place == "P1"
    assert judged(office, file) == [("new", ""), ("ask", "row_unidentified")]


def test_a_card_of_nobody_waits_for_its_place_and_is_not_booked_for_another(office: Office) -> None:
    """No place is guessed, although only one bank account is open; the wrong one is refused."""
    file = office.stage(card("5.00,5.00,转账,苏禾青 99990000,捐款"))
    assert file.place == ""
    open_card(office)
    with pytest.raises(Refused) as refused:
        office.stage(card("5.00,5.00,转账,苏禾青 99990000,捐款", end="7777"), place="P1")
    assert refused.value.codes == ["import_place_other"]


def test_a_row_of_another_account_is_judged_by_its_own_number(office: Office) -> None:
    """Behind the refusal of the file: whatever put it at this place, the row itself says otherwise."""
    file = office.stage(card("5.00,5.00,转账,苏禾青 99990000,捐款", end="7777"))
    open_card(office)
    rows = office.rows(file)
    facts = replace(facts_of(office.session, file), place="P1")
    (verdict,) = judge_values(office.session, office.org_id, office.on, facts, [row_value(rows[0].content)])
    assert (verdict.verdict, verdict.reason) == ("error", "row_account_other")


def test_a_payout_on_a_card_is_asked_about(office: Office) -> None:
    open_card(office)
    file = office.stage(card("5.00,5.00,转账,财付通支付科技有限公司 99990000,零钱提现"))
    assert judged(office, file) == [("ask", "row_settlement_unknown")]


ROWS = (
    "2026-03-17 10:00:00,41,S1,交易,交易,收入,100.00,100.00,,P41",
    "2026-03-17 10:00:00,41,S2,扣除交易手续费,交易手续费,支出,0.60,99.40,,P41",
    "2026-03-17 11:00:00,42,S3,扣除交易手续费,交易手续费,支出,0.10,99.30,,P42",
    "2026-03-17 23:00:00,9,S4,提现,结算,支出,90.00,9.30,,T1",
)


def test_a_bill_of_movements_asks_for_the_trade_bill_first(office: Office) -> None:
    file = office.stage(flow(*ROWS, totals="4,1,100.00,3,90.70"))
    assert judged(office, file) == [
        ("ask", "row_bill_better"),
        ("other", "row_neutral"),
        ("ask", "row_fee_alone"),
        ("other", "row_payout"),
    ]


def test_a_bill_of_movements_after_the_trade_bill_books_nothing_twice(office: Office) -> None:
    office.book(office.stage(wechat_bill([Pay("41", "100.00", fee="0.60")])))
    file = office.stage(flow(*ROWS[:2], totals="2,1,100.00,1,0.60"))
    assert judged(office, file)[0] == ("booked", "row_booked")


@pytest.mark.parametrize("order", ["trade bill first", "movements first"])
def test_one_refund_in_two_bills_is_given_back_once(office: Office, order: str) -> None:
    paid = "4200009999202603170000000041"
    bill = wechat_bill(
        [Pay(paid, "100.00"), Pay(paid, "40.00", refund_no="50300041", at="2026-03-17 12:00:00")]
    )
    movements = flow(
        f"2026-03-17 10:00:00,{paid},S1,交易,交易,收入,100.00,100.00,,P41",
        f"2026-03-17 12:00:00,50300041,S2,退款,退款,支出,40.00,60.00,,RF{paid}",
        totals="2,1,100.00,1,40.00",
    )
    for data in (bill, movements) if order == "trade bill first" else (movements, bill):
        file = office.stage(data)
        asks = [row.row_no for row in office.rows(file) if row.verdict == "ask"]
        if asks:
            office.act(service.decide_rows, file_id=file.id, row_nos=asks, action="gift")
        if "staged" in {row.state for row in office.rows(file)}:
            office.book(file)
    office.session.rollback()
    assert [refund.amount_fen for refund in office.session.scalars(select(Refund))] == [4_000]
    assert len(office.session.scalars(select(Donation)).all()) == 1


def gift_and_return(office: Office, gifts: Sequence[Move], back: Move) -> list[tuple[str, str]]:
    office.book(office.stage(bank_export(gifts)))
    return judged(office, office.stage(bank_export([back], opening="7.00")))


BACK = Move("200.00", "苏禾青", "退捐 误转", "2026-03-18 09:00:00", is_out=True)


def test_a_refund_at_the_bank_finds_the_one_gift_of_this_giver_and_sum(office: Office) -> None:
    gifts = [
        Move("200.00", "苏禾青", "捐款"),
        Move("300.00", "苏禾青", "捐款"),
        Move("200.00", "陆知遥", "捐款"),
    ]
    office.book(office.stage(bank_export(gifts)))
    file = office.stage(bank_export([BACK], opening="100700.00"))
    gift = office.session.scalars(select(Donation).where(Donation.row_no == 2)).one()
    assert [(row.verdict, row.target) for row in office.rows(file)] == [("refund", gift.public_no)]
    office.book(file)
    refund = office.session.scalars(select(Refund)).one()
    assert (refund.donation_id, refund.amount_fen) == (gift.id, 20_000)


def test_a_refund_of_two_like_gifts_or_of_none_is_asked_about(office: Office) -> None:
    two = [Move("200.00", "苏禾青", "捐款"), Move("200.00", "苏禾青", "捐款 第二笔", "2026-03-17 11:00:00")]
    assert gift_and_return(office, two, BACK) == [("ask", "row_refund_doubtful")]


def test_money_that_comes_back_to_us_is_no_gift_whatever_its_words(office: Office) -> None:
    file = office.stage(bank_export([Move("50.00", "示例商店", "退款 爱心物资 捐赠")]))
    assert judged(office, file) == [("ask", "row_return_unmatched")]


def test_a_partial_refund_of_alipay_in_two_bills_is_asked_about(office: Office) -> None:
    head = (
        "支付宝交易号,商户订单号,业务类型,商品名称,完成时间,对方账户,商家实收（元）,服务费（元）,"
        "退款批次号/请求号,备注"
    )
    detail = "\r\n".join(
        [
            head,
            "A1,M1,交易,捐款,2026-03-17 10:00:00,甲,100.00,0.00,,",
            "A1,M1,退款,捐款,2026-03-17 12:00:00,甲,-40.00,0.00,RF1,",
            "",
        ]
    ).encode("gb18030")
    office.book(office.stage(detail))
    account = (
        "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,"
        "账户余额（元）,业务类型,备注\r\n"
        "S9,A1,M1,捐款,2026-03-17 12:00:00,甲,0.00,-40.00,60.00,交易退款,\r\n#支出合计：1笔，共-40.00元\r\n"
    ).encode("gb18030")
    assert judged(office, office.stage(account)) == [("ask", "row_refund_alike")]


def test_a_number_that_stands_twice_is_a_question(office: Office) -> None:
    row = "<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260317<TRNAMT>5.00<FITID>1<NAME>苏禾青<MEMO>捐款</STMTTRN>\n"
    data = (
        "OFXHEADER:100\n<OFX><STMTRS><CURDEF>CNY<BANKACCTFROM><ACCTID>1</BANKACCTFROM>\n"
        f"{row}{row}</STMTRS></OFX>\n"
    ).encode()
    assert judged(office, office.stage(data)) == [("new", ""), ("ask", "row_twice")]


def test_a_company_file_of_another_number_is_refused_for_the_place(office: Office) -> None:
    office.open_account("B9", "一般户", "9999000088888888")
    data = (
        "OFXHEADER:100\n<OFX><STMTRS><CURDEF>CNY<BANKACCTFROM><ACCTID>9999000077777777</BANKACCTFROM>\n"
        "<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260317<TRNAMT>5.00<FITID>1<MEMO>捐款</STMTTRN></STMTRS></OFX>\n"
    ).encode()
    with pytest.raises(Refused) as refused:
        office.stage(data, place="B9")
    assert refused.value.codes == ["import_place_other"]
