"""A form is told by the words of its headings, in any order, among others, in an early row."""

from __future__ import annotations

import random
from typing import Any

import pytest

from charity.intake.forms import FORM_NAMES
from charity.intake.recognise import Recognition, recognise
from charity.intake.table import read_table
from charity.intake.vocabulary import FIELD_LABELS, VOCABULARIES, match_headers, total_label, unit_fen
from tests.unit.intake.making import (
    BANK_HEADER,
    DONOR_HEADER,
    WECHAT_HEADER,
    csv_bytes,
    wechat_line,
    xlsx,
)
from tests.unit.intake.refusing import assert_refused

_CCB_OLD = (
    "记账日期,交易时间,凭证种类,凭证号,借方发生额/元,贷方发生额/元,余额/元,钞汇标志,对方户名,对方账号,摘要,备注,"
    "账户明细编号-交易流水号,企业流水号,本方账号,本方账户名称,本方账户开户机构"
)
_CCB_NEW = (
    "账号,账户名称,交易时间,借方发生额/元(支取),贷方发生额/元(收入),余额,币种,"
    "对方户名,对方账号,对方开户机构,记账日期,摘要,备注"
)
_ICBC_OLD = (
    "凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方行号,"
    "摘要,用途,对方单位名称,余额,个性化信息"
)
_ICBC_NEW = "本方账号,对方账号,交易时间,借/贷,金额,凭证号,对方单位,对方行号,用途,摘要,附言,个性化信息"
_ABC_OLD = (
    "交易日期,交易时间戳,收入金额,支出金额,本次余额,手续费总额,交易方式,交易行名,交易类别,对方省市,对方账号,对方户名,"
    "交易说明,交易摘要,交易附言"
)
_ABC_NEW = "交易时间,收入金额,支出金额,账户余额,交易行名,对方省市,对方账号,对方户名,交易用途"
_FORMS = [
    (_CCB_OLD, "bank_ccb_corporate", "old"),
    (_CCB_NEW, "bank_ccb_corporate", "new"),
    (_ICBC_OLD, "bank_icbc_corporate", "old"),
    (_ICBC_NEW, "bank_icbc_corporate", "new"),
    ("借贷标志,转入金额,转出金额,余额,摘要,用途,交易时间", "bank_icbc_corporate", "xlsx"),
    (_ABC_OLD, "bank_abc_corporate", "old"),
    (_ABC_NEW, "bank_abc_corporate", "new"),
    (
        "交易日期,主机交易流水号,借方发生额,贷方发生额,账户余额,凭证号,摘要,对方账号,对方账号名称,对方开户行,交易时间",
        "bank_cmbc_corporate",
        "",
    ),
    ("交易日期,账号,借,贷,账户余额,对方账户,对方账户名称,交易流水号,摘要,用途", "bank_pab_corporate", ""),
    ("交易日期,交易时间,申请日期,借方金额,贷方金额,余额,摘要", "bank_spdb_corporate", ""),
    ("交易日,交易时间,交易类型,借方金额,贷方金额,余额,摘要", "bank_cmb_corporate", ""),
    ("交易日期,交易时间,借方发生额,贷方发生额,账户余额,摘要", "bank_citic_corporate", ""),
    (
        "交易类型[ Transaction Type ],付款人名称[ Payer's Name ],收款人名称[ Payee's Name ],"
        "交易日期[ Transaction Date ],交易货币[ Trade Currency ],交易金额[ Trade Amount ],"
        "交易后余额[ After-transaction balance ],起息日期[ Value Date ]",
        "bank_boc_corporate",
        "",
    ),
    (
        "交易日期,摘要,交易场所,交易国家或地区简称,钞/汇,交易金额(收入),交易金额(支出),交易币种,记账金额(收入),记账金额(支出),"
        "记账币种,余额,对方户名",
        "bank_icbc_personal",
        "",
    ),
    (
        "交易日期,交易时间,交易摘要,交易金额,本次余额,对手信息,日 志 号,交易渠道,交易附言",
        "bank_abc_personal",
        "",
    ),
    (
        "记账日期,记账时间,币别,金额,余额,交易名称,渠道,网点名称,附言,对方账户名,对方卡号/账号,对方开户行,借记卡号",
        "bank_boc_personal",
        "",
    ),
    ("序号,摘要,币别,钞汇,交易日期,交易金额,账户余额,交易地点/附言,对方账号与户名", "bank_ccb_personal", ""),
    ("记账日期,货币,交易金额,联机余额,交易摘要,对手信息,客户摘要", "bank_cmb_personal", ""),
    (
        "序号,交易日期,交易时间,交易类型,借贷,交易金额,余额,对方账号,对方户名,交易地点,摘要",
        "bank_bocom_personal",
        "",
    ),
    (
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,"
        "业务凭证号",
        "wechat_fund_flow",
        "",
    ),
    (
        "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注",
        "alipay_fund_flow",
        "",
    ),
    (
        "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注",
        "wechat_personal",
        "",
    ),
    (
        "交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注",
        "alipay_personal",
        "",
    ),
    ("日期,存入金额,支取金额,余额,对方名称,客户附言", "bank_generic", ""),
    (BANK_HEADER, "bank_generic", ""),
    (WECHAT_HEADER, "wechat_merchant_v2", ""),
    (DONOR_HEADER, "donor_list", ""),
    ("序号,爱心人士,捐赠金额（万元）,捐赠时间,指定用途,备注", "donor_list", ""),
    ("单位名称,捐款数额,到账日期,统一社会信用代码,票据抬头", "donor_list", ""),
    ("捐贈人,捐款金額,日期,聯繫電話", "donor_list", ""),
    ("姓名,金额", "donor_list", ""),
]


def _recognised(*lines: str, name: str = "x.csv") -> Recognition:
    return recognise(read_table(csv_bytes(*lines), name))


@pytest.mark.parametrize(("header", "form", "variant"), _FORMS)
def test_a_form_is_known_by_its_headings(header: str, form: str, variant: str) -> None:
    found = _recognised(header)
    assert (found.form, found.variant, found.header_row, found.data_row) == (form, variant, 0, 1)
    assert found.form_name == FORM_NAMES[form]


@pytest.mark.parametrize(("header", "form", "variant"), _FORMS)
def test_the_order_of_the_columns_and_further_ones_do_not_matter(
    header: str, form: str, variant: str
) -> None:
    words = header.split(",")
    order = random.Random(header).sample(words, len(words))
    mixed = ["网点编号", *order[:2], "柜员", *order[2:], "打印次数"]
    plain, found = _recognised(header), _recognised(",".join(mixed))
    assert (found.form, found.variant) == (form, variant)
    assert {field: words[column] for field, column in plain.columns.items()} == {
        field: mixed[column] for field, column in found.columns.items()
    }


@pytest.mark.parametrize(("header", "form", "_variant"), _FORMS)
def test_the_headings_may_stand_in_any_of_the_first_rows(header: str, form: str, _variant: str) -> None:
    titles = [f"第{number}行说明" for number in range(39)]
    assert _recognised(*titles, header).header_row == 39
    assert _recognised("一行", *titles, header).form == "unknown"
    assert FORM_NAMES[form]


def test_english_names_in_brackets_are_passed_over() -> None:
    header = (
        "交易日期[ Transaction Date ],交易时间[ Transaction time ],交易金额[ Trade Amount ],"
        "交易后余额[ After-transaction balance ],摘要[ Reference ],付款人名称[ Payer's Name ],"
        "收款人名称[ Payee's Name ]"
    )
    found = _recognised(header, "20261108,101112,-12.00,100.00,转账,海岱市慈善总会,苏禾青")
    assert found.form == "bank_generic"
    assert found.columns.keys() >= {"day", "time", "amount", "balance", "summary", "payer_name", "payee_name"}


def test_one_amount_without_sign_or_side_is_no_bank_form() -> None:
    header = "交易日期,交易金额,余额,摘要,对方户名"
    assert _recognised(header, "20261108,12.00,100.00,转账,苏禾青").form == "unknown"
    assert _recognised(header, "20261108,-12.00,100.00,转账,苏禾青").form == "bank_generic"


def test_a_list_with_signed_amounts_is_still_a_donor_list() -> None:
    assert _recognised("姓名,金额,日期,备注,用途", "苏禾青,+12.00,2026-11-08,,助学").form == "donor_list"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("姓名,身份证号,救助金额,金额,领取日期,签领", "form_payout"),
    ],
)
def test_a_file_that_must_not_be_booked_is_named(line: str, code: str) -> None:
    found = _recognised(line)
    assert (found.form, found.header_row) == ("unknown", 0)
    assert [problem.code for problem in found.problems] == [code]
    assert found.problems[0].sentence()


def test_a_payout_list_is_told_by_its_title() -> None:
    assert _recognised("十一月慰问金发放表", "姓名,金额").problems[0].code == "form_payout"
    assert _recognised("为发放慰问金募集的捐款", "姓名,金额").form == "donor_list"


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        (("单位：万元", "姓名,金额"), 1_000_000),
        (("填报单位：海岱站,单位：元", "姓名,金额"), 100),
        (("姓名,捐赠金额（万元）",), 1_000_000),
        (("姓名,捐款金额(元)",), 100),
        (("姓名,捐赠金额/千元",), 100_000),
        (("姓名,金额",), 100),
        (("捐赠单位：万元宝公司", "姓名,金额"), 100),
    ],
)
def test_the_unit_comes_from_the_heading_or_a_title(lines: tuple[str, ...], unit: int) -> None:
    assert _recognised(*lines).unit_fen == unit


def test_two_units_are_asked_about() -> None:
    found = _recognised("单位：万元", "姓名,捐款金额(元)")
    assert [problem.code for problem in found.problems] == ["unit_contradictory"]
    assert "元" in found.problems[0].sentence()


def test_a_list_in_two_blocks_of_columns_is_refused() -> None:
    with assert_refused("columns_repeated") as problem:
        _recognised("序号,姓名,金额,序号,姓名,金额", "1,苏禾青,10,2,陆知遥,20")
    assert (problem[0].params["first"], problem[0].params["second"]) in (("B", "E"), ("C", "F"))


def test_two_words_for_one_field_take_the_better_one() -> None:
    header = "交易日期,交易金额,记账金额,借贷标志,余额,摘要,附言,备注"
    words = header.split(",")
    columns = match_headers(words, "bank").columns
    assert words[columns["amount"]] == "交易金额"
    assert (words[columns["remark"]], words[columns["remark_more"]]) == ("附言", "备注")


def test_a_body_beside_a_person_is_its_own_field() -> None:
    assert match_headers(["姓名", "单位名称", "金额"], "donor").columns["body_name"] == 1
    assert match_headers(["单位名称", "金额"], "donor").columns["counterparty_name"] == 0


def test_merged_headings_over_two_fields_are_refused() -> None:
    def finish(_book: Any, sheet: Any) -> None:
        sheet.merge_range(0, 1, 0, 2, "捐款金额")

    with assert_refused("cells_merged") as problem:
        recognise(read_table(xlsx([["姓名", "", ""], ["", "现金", "转账"], ["苏禾青", 1, 2]], finish), "x"))
    assert problem[0].params["cells"] == "B1:C1"


def test_headings_merged_downwards_push_the_first_row_down() -> None:
    def finish(_book: Any, sheet: Any) -> None:
        sheet.merge_range(0, 0, 1, 0, "姓名")
        sheet.merge_range(0, 1, 1, 1, "金额")

    found = recognise(read_table(xlsx([[], [], ["苏禾青", 1]], finish), "x"))
    assert (found.header_row, found.data_row) == (0, 2)


def test_an_unknown_table_comes_with_samples_and_guesses() -> None:
    found = _recognised(
        "谁,何时,多少,给谁用,怎么找到他,号码",
        "苏禾青,2026-11-08,100.00,急难救助,19900000001,370101199001010006",
        "陆知遥,2026-11-09,250.50,医疗救助,19900000002,370101199001010014",
    )
    assert [problem.code for problem in found.problems] == ["form_unknown"]
    assert [guess.field for guess in found.guesses] == [
        "counterparty_name",
        "day",
        "amount",
        "fund_hint",
        "phone",
        "id_number",
    ]
    assert found.guesses[2].samples == ("100.00", "250.50")
    assert found.headers[0] == "谁"


def test_a_table_without_headings_is_guessed_by_its_cells() -> None:
    found = _recognised("苏禾青,2026-11-08,100.00", "陆知遥,2026-11-09,250.50")
    assert (found.header_row, found.data_row, found.headers) == (-1, 0, ("", "", ""))
    assert [guess.field for guess in found.guesses] == ["counterparty_name", "day", "amount"]


def test_every_field_of_a_mapping_screen_has_a_label() -> None:
    fields = VOCABULARIES["bank"].keys() | VOCABULARIES["donor"].keys()
    inner = {"serial", "credit_code", "payer_name", "payer_account", "payee_name", "payee_account"}
    assert fields - inner == FIELD_LABELS.keys()


@pytest.mark.parametrize(
    ("heading", "fen"),
    [
        ("金额", 0),
        ("捐赠金额（万元）", 1_000_000),
        ("借方发生额/元(支取)", 100),
        ("金额(分)", 1),
        ("捐款万元", 1_000_000),
    ],
)
def test_a_heading_names_its_unit(heading: str, fen: int) -> None:
    assert unit_fen(heading) == fen


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("合计", "合计"),
        ("合  计：", "合计"),
        ("总计金额", "合计"),
        ("本页小计", "小计"),
        ("人民币合计", "合计"),
        ("合计（大写）：叁万元整", "合计"),
        ("合计12笔", "合计"),
        ("合计文化传媒有限公司", ""),
        ("总工会", ""),
        ("小计划", ""),
        ("", ""),
    ],
)
def test_a_total_line_is_known_by_its_first_word(text: str, label: str) -> None:
    assert total_label(text) == label


def test_wechat_headings_may_carry_backticks_and_a_byte_order_mark() -> None:
    header = ",".join(f"`{word}" for word in WECHAT_HEADER.split(","))
    assert _recognised(header, wechat_line(1)).form == "wechat_merchant_v2"
    assert recognise(read_table(b"\xef\xbb\xbf" + csv_bytes(WECHAT_HEADER), "x")).form == "wechat_merchant_v2"
