"""Bills of money movements, statements of persons, and the ZIP around a bill."""

from __future__ import annotations

import io
import zipfile

import pytest

from charity.intake.bank import split_party
from charity.intake.parcels import member_name
from charity.intake.read import ParsedFile, read_file
from tests.unit.intake.making import csv_bytes, xlsx
from tests.unit.intake.refusing import assert_refused

FLOW = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,"
    "资金变更提交申请人,备注,业务凭证号"
)
ORDER = "4200009999202611180000000006"


def flow(*rows: tuple[str, str, str, str, str], totals: str) -> bytes:
    lines = [
        f"`2026-11-18 09:00:0{number},`{order},`S{number},`{word},`{word},`{side},`{yuan},`,`system,`,`{ours}"
        for number, (order, word, side, yuan, ours) in enumerate(rows)
    ]
    label = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
    return csv_bytes(FLOW, *lines, label, ",".join(f"`{value}" for value in totals.split(",")))


def read(data: bytes) -> ParsedFile:
    return read_file(data, "x")


def test_a_fee_is_put_to_its_payment_and_its_own_row_is_neutral() -> None:
    parsed = read(
        flow(
            (ORDER, "交易", "收入", "10.00", "P1"), (ORDER, "扣除交易手续费", "支出", "0.06", "P1"),
            totals="2,1,10.00,1,0.06",
        )
    )  # fmt: skip
    assert parsed.problems == ()
    assert [(row.kind_hint, row.fee_fen) for row in parsed.rows] == [("payment", 6), ("neutral", 0)]


def test_a_fee_without_its_payment_stays_a_fee_and_names_it() -> None:
    row = read(flow((ORDER, "扣除交易手续费", "支出", "0.06", "P1"), totals="1,0,0,1,0.06")).rows[0]
    assert (row.kind_hint, row.refund_of) == ("fee", ORDER)


@pytest.mark.parametrize("sign", ["", "-", "+"])
def test_a_refund_is_money_out_whatever_its_sign(sign: str) -> None:
    row = read(flow(("50300", "退款", "支出", f"{sign}10.00", f"RF{ORDER}"), totals="1,0,0,1,10.00")).rows[0]
    assert (row.kind_hint, row.signed_fen, row.refund_of) == ("refund", -1_000, ORDER)


def test_what_is_paid_out_or_comes_back_is_no_gift() -> None:
    rows = read(
        flow(
            ("1", "提现", "支出", "9.00", ""), ("2", "提现退回", "收入", "9.00", ""),
            ("3", "充值", "收入", "1.00", ""),
            totals="3,2,10.00,1,9.00",
        )
    ).rows  # fmt: skip
    assert [row.kind_hint for row in rows] == ["payout", "other", "other"]


def test_a_bill_of_movements_without_its_end_is_not_booked() -> None:
    data = flow((ORDER, "交易", "收入", "10.00", "P1"), totals="1,1,10.00,0,0")
    cut = data[: data.index("资金流水总笔数".encode())]
    assert [problem.code for problem in read(cut).problems] == ["totals_missing"]
    wrong = flow((ORDER, "交易", "收入", "10.00", "P1"), totals="1,1,11.00,0,0")
    assert [problem.code for problem in read(wrong).problems] == ["total_in_differs"]


def test_a_word_that_is_no_direction_is_a_problem_of_the_row() -> None:
    row = read(flow((ORDER, "交易", "未知", "10.00", "P1"), totals="1,0,0,1,10.00")).rows[0]
    assert [problem.code for problem in row.problems] == ["flow_direction_unknown"]


ACCOUNT = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,"
    "交易渠道,业务类型,备注"
)


def test_the_alipay_account_names_the_order_of_a_refund() -> None:
    row = read(
        csv_bytes(
            ACCOUNT,
            "S1,O1,,捐款,2026-11-18 10:00:00,,0.00,-5.00,1.00,,交易退款,",
            "#支出合计：1笔，共-5.00元",
        )
    ).rows[0]
    assert (row.kind_hint, row.refund_of, row.reference, row.signed_fen) == ("refund", "O1", "S1", -500)
    both = read(csv_bytes(ACCOUNT, "S1,O1,,捐款,2026-11-18 10:00:00,,5.00,-5.00,1.00,,在线支付,")).rows[0]
    assert "flow_both_sides" in [problem.code for problem in both.problems]


PERSON = "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注"
ALI = (
    "交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注"
)


def person(kind: str, side: str, state: str, order: str = "A1", remark: str = "/") -> str:
    return (
        f"2026-11-18 10:00:00,{kind},苏禾青,收款方备注:捐款,{side},¥5.00,零钱,{state},{order}\t,/\t,{remark}"
    )


@pytest.mark.parametrize(
    ("line", "kind", "signed_fen", "codes"),
    [
        (person("二维码收款", "收入", "已收钱"), "payment", 500, []),
        (person("商户消费", "支出", "支付成功"), "other", -500, []),
        (person("零钱提现", "/", "提现已到账", remark="服务费¥0.10"), "neutral", -500, []),
        (person("商户消费-退款", "收入", "已全额退款"), "transfer_back", 500, []),
        (person("转账", "收入", "已退还"), "neutral", 500, []),
        (person("二维码收款", "收入", "已退款(￥1.00)"), "payment", 500, ["payment_refunded"]),
        (person("二维码收款", "收入", "待确认"), "payment", 500, ["status_unknown"]),
    ],
)
def test_a_row_of_a_person_is_what_side_and_state_say(
    line: str, kind: str, signed_fen: int, codes: list[str]
) -> None:
    row = read(csv_bytes(PERSON, line)).rows[0]
    assert (row.kind_hint, row.signed_fen) == (kind, signed_fen)
    assert [problem.code for problem in row.problems] == codes


def test_the_fee_of_a_person_stands_in_the_remark() -> None:
    assert (
        read(csv_bytes(PERSON, person("零钱提现", "/", "提现已到账", remark="服务费¥0.10"))).rows[0].fee_fen
        == 10
    )


def test_a_refund_of_alipay_goes_the_other_way_than_its_payment() -> None:
    line = "2026-11-18 10:00:00,{},甲,/,捐款,{},5.00,余额,{},{}\t,,"
    rows = read(
        csv_bytes(
            ALI,
            line.format("收款", "收入", "交易成功", "G1"),
            line.format("退款", "不计收支", "退款成功", "G1_1"),
            line.format("日用百货", "支出", "交易成功", "B1"),
            line.format("退款", "不计收支", "退款成功", "B1_1"),
            line.format("日用百货", "支出", "交易关闭", "B2"),
            line.format("退款", "不计收支", "退款成功", "X_1"),
        )
    ).rows  # fmt: skip
    assert [(row.kind_hint, row.is_credit, row.refund_of) for row in rows] == [
        ("payment", True, ""),
        ("refund", False, "G1"),
        ("other", False, ""),
        ("transfer_back", True, "B1"),
        ("neutral", False, ""),
        ("refund", False, "X"),
    ]


def test_sums_of_a_person_are_compared_as_each_platform_means_them() -> None:
    """WeChat's own sums must be those of the rows; Alipay says itself that its may differ."""
    lines = ("共1笔记录,,", "收入：1笔 6.00元,,", "支出：0笔 0.00元,,")
    wechat = read(csv_bytes(*lines, PERSON, person("二维码收款", "收入", "已收钱")))
    assert [problem.code for problem in wechat.problems] == ["personal_statement", "total_in_differs"]
    row = "2026-11-18 10:00:00,收款,甲,/,捐款,收入,5.00,余额,交易成功,G1\t,,"
    alipay = read(csv_bytes(*lines, ALI, row))
    assert [problem.code for problem in alipay.problems] == ["personal_statement", "personal_sums_differ"]
    assert alipay.is_bookable
    short = read(csv_bytes("共2笔记录,,", ALI, row))
    assert "total_count_differs" in [problem.code for problem in short.problems]


@pytest.mark.parametrize(
    ("text", "name", "account"),
    [
        ("苏禾青 9999000011112222", "苏禾青", "9999000011112222"),
        ("9999****2222/苏禾青", "苏禾青", "9999****2222"),
        ("海岱电力公司99999999", "海岱电力公司", "99999999"),
        ("9999000011112222", "", "9999000011112222"),
        ("苏禾青", "苏禾青", ""),
        ("第99中学", "第99中学", ""),
    ],
)
def test_name_and_account_in_one_cell_are_told_apart(text: str, name: str, account: str) -> None:
    assert split_party(text) == (name, account)


def test_a_card_with_nothing_but_money_in_needs_no_sign() -> None:
    header = "记账日期,货币,交易金额,联机余额,交易摘要,对手信息,客户摘要"
    row = read(csv_bytes(header, "2026-11-18,CNY,5.00,105.00,转账汇款,苏禾青 99990000,捐款")).rows[0]
    assert (row.signed_fen, row.counterparty_name, row.counterparty_account) == (500, "苏禾青", "99990000")


def packed(**files: bytes) -> bytes:
    """Return a ZIP; the last underscore of a name stands for its dot."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, data in files.items():
            parts.writestr(".".join(name.rsplit("_", 1)), data)
    return stream.getvalue()


LIST = csv_bytes("姓名,捐款金额,日期", "苏禾青,1.00,2026-11-18")


def test_a_zip_is_read_as_the_statement_inside_it() -> None:
    parsed = read(packed(a_csv=LIST, b_txt=b"hello"))
    assert (parsed.form, parsed.name, len(parsed.rows)) == ("donor_list", "a.csv", 1)
    assert [problem.code for problem in parsed.problems] == ["zip_left"]
    assert parsed.is_bookable
    assert read(packed(a_xlsx=xlsx([["姓名", "捐款金额"], ["苏禾青", 1]]))).form == "donor_list"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (packed(a_csv=LIST, b_csv=LIST + b"\n"), "zip_several"),
        (packed(a_zip=packed(a_csv=LIST)), "zip_nested"),
        (packed(**{f"a{number}_csv": LIST for number in range(21)}), "zip_too_many"),
        (packed(a_pdf=b"%PDF-1.7 x"), "file_is_pdf"),
        (packed(**{"__MACOSX/a_csv": LIST}), "zip_empty"),
        (packed(a_csv=LIST)[:-30], "workbook_truncated"),
        (packed(a_csv=b"0" * (20 * 2**20)), "file_zip_bomb"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_zip_that_is_not_one_statement_is_refused(data: bytes, code: str) -> None:
    with assert_refused(code):
        read(data)


def test_a_locked_zip_says_where_its_password_is() -> None:
    data = bytearray(packed(a_csv=LIST))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with assert_refused("zip_encrypted") as problem:
        read(bytes(data))
    assert "password" in problem[0].sentence()


def test_names_of_a_zip_are_read_as_chinese_programs_write_them() -> None:
    assert member_name("业务明细.csv".encode("gb18030").decode("cp437"), 0) == "业务明细.csv"
    assert member_name("业务明细.csv".encode().decode("cp437"), 0) == "业务明细.csv"
    assert member_name("业务明细.csv", 0x800) == "业务明细.csv"
