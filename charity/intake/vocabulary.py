"""The words that headings use, and the field each one means.

Imports the standard library and errors. Columns are found by name, in any order, among
others; one heading means different fields in different files (用途 is the payment's
purpose in a bank's export and the donor's wish in a list), so each kind of file has its
own vocabulary. Within a field the words stand in order of preference.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from charity.errors import N_
from charity.intake.cells import FEN_PER_UNIT
from charity.intake.platform_words import PLATFORM_WORDS

#: Traditional characters of headings, so that 捐贈日期 and 捐赠日期 are one word.
_SIMPLIFIED = str.maketrans(
    "額備註號戶帳賬總計時間贈電話證單項對開銀類態餘幣摘發現稱訊",
    "额备注号户账账总计时间赠电话证单项对开银类态余币摘发现称讯",
)

_UNIT = re.compile(r"[/(\[]?[-+]?(?:单位:?)?(?:人民币)?(万元|千元|亿元|元|分|rmb|cny)[)\]]?(?=\(|$)")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")

BANK = {
    "day": ("交易日期", "交易日", "发生日期", "业务日期", "日期"),
    "booked": ("记账日期", "入账日期", "会计日期", "账务日期", "记账日"),
    "time": ("交易时间", "交易时间戳", "时间", "记账时间", "发生时间", "入账时间"),
    "debit": (
        "借方发生额",
        "借方发生额(支取)",
        "借方发生额(支出)",
        "借方金额",
        "借方",
        "借",
        "支出金额",
        "支出",
        "支取金额",
        "转出金额",
        "付款金额",
        "取出金额",
        "支出额",
        "记账金额(支出)",
        "交易金额(支出)",
    ),
    "credit": (
        "贷方发生额",
        "贷方发生额(收入)",
        "贷方发生额(存入)",
        "贷方金额",
        "贷方",
        "贷",
        "收入金额",
        "收入",
        "存入金额",
        "转入金额",
        "收款金额",
        "收入额",
        "记账金额(收入)",
        "交易金额(收入)",
    ),
    "amount": ("交易金额", "发生额", "金额", "收支金额", "交易额", "发生金额", "记账金额"),
    "direction": (
        "借/贷",
        "借贷标志",
        "借贷",
        "借贷方向",
        "借/贷标志",
        "借贷标记",
        "收/支",
        "收支",
        "收支类型",
        "收支标志",
        "收支方向",
        "交易方向",
        "方向",
        "往来标志",
    ),
    "balance": ("余额", "账户余额", "本次余额", "交易后余额", "联机余额", "当前余额", "结余", "账户结余"),
    "reference": (
        "账户明细编号-交易流水号",
        "交易流水号",
        "主机交易流水号",
        "核心流水号",
        "银行流水号",
        "流水号",
        "日志号",
        "柜员流水号",
        "业务流水号",
        "交易参考号",
        "账户明细编号",
    ),
    "merchant_reference": ("企业流水号", "企业流水", "客户流水号", "业务编号"),
    "counterparty_name": (
        "对方户名",
        "对方名称",
        "对方单位名称",
        "对方单位",
        "对方账户名称",
        "对方账户名",
        "对方账号名称",
        "收/付方名称",
        "收(付)方名称",
        "对手户名",
        "对手名称",
        "交易对方",
        "交易对手",
    ),
    "counterparty": ("对手信息", "对方账号与户名", "对方户名与账号", "对方信息", "交易对手信息"),
    "counterparty_account": (
        "对方账号",
        "对方账户",
        "对方卡号/账号",
        "对方卡号",
        "收/付方账号",
        "收(付)方账号",
        "对手账号",
    ),
    "counterparty_bank": (
        "对方开户行",
        "对方行名",
        "对方开户机构",
        "对方开户银行",
        "对方银行",
        "交易行名",
        "对方行号",
    ),
    "payer_name": ("付款人名称", "付款方名称", "付款人户名", "付款人"),
    "payer_account": ("付款人账号", "付款方账号"),
    "payee_name": ("收款人名称", "收款方名称", "收款人户名", "收款人"),
    "payee_account": ("收款人账号", "收款方账号"),
    "summary": ("摘要", "交易摘要", "交易类型", "业务类型", "交易名称", "业务名称", "交易类别"),
    "purpose": ("用途", "交易用途", "资金用途"),
    "remark": (
        "附言",
        "交易附言",
        "客户附言",
        "备注",
        "客户摘要",
        "交易备注",
        "打印附言",
        "交易地点/附言",
        "留言",
    ),
    "remark_more": ("个性化信息", "交易说明", "交易详情", "说明", "附加信息", "备注"),
    "own_account": ("本方账号", "账号", "本方账户", "我方账号", "查询账号", "卡号", "借记卡号"),
    "currency": ("记账币种", "币种", "交易货币", "货币", "币别", "交易币种"),
    "fee": ("手续费总额", "手续费"),
}
DONOR = {
    "counterparty_name": (
        "捐赠人姓名",
        "捐款人姓名",
        "捐赠人名称",
        "捐赠人",
        "捐款人",
        "捐赠者",
        "捐款者",
        "捐助人",
        "捐献人",
        "捐赠方",
        "捐赠方名称",
        "捐赠人/单位",
        "捐款人/单位",
        "捐赠单位/个人",
        "捐款单位/个人",
        "捐赠单位或个人",
        "捐款单位或个人",
        "单位/个人",
        "个人/单位",
        "姓名/单位",
        "姓名或单位",
        "姓名/名称",
        "爱心人士",
        "爱心单位",
        "爱心企业",
        "姓名",
        "名称",
        "捐赠单位",
        "捐款单位",
        "捐赠企业",
        "单位名称",
        "企业名称",
        "公司名称",
    ),
    "body_name": ("捐赠单位", "捐款单位", "捐赠企业", "爱心企业", "单位名称", "企业名称", "公司名称", "单位"),
    "amount": (
        "捐赠金额",
        "捐款金额",
        "捐款数额",
        "捐赠数额",
        "捐款额",
        "捐赠额",
        "善款金额",
        "捐资金额",
        "捐款",
        "捐赠款",
        "金额",
        "数额",
        "到账金额",
        "实收金额",
        "交易金额",
    ),
    "day": (
        "捐赠日期",
        "捐款日期",
        "捐赠时间",
        "捐款时间",
        "到账日期",
        "到账时间",
        "收款日期",
        "收款时间",
        "交易时间",
        "交易日期",
        "日期",
        "时间",
    ),
    "fund_hint": (
        "捐赠意向",
        "捐款意向",
        "意向",
        "指定用途",
        "捐赠用途",
        "捐款用途",
        "定向用途",
        "用途",
        "捐赠项目",
        "捐款项目",
        "项目名称",
        "项目",
        "专项基金",
        "基金",
        "捐赠方向",
    ),
    "is_anonymous": ("是否匿名", "匿名"),
    "is_public": ("是否公开", "是否公示", "是否愿意公开", "是否同意公开", "公示方式", "公开方式"),
    "phone": ("联系电话", "电话", "手机号码", "手机号", "手机", "电话号码", "联系方式"),
    "id_number": (
        "身份证号",
        "身份证号码",
        "身份证",
        "证件号码",
        "证件号",
        "身份证号/信用代码",
        "统一社会信用代码",
        "社会信用代码",
        "信用代码",
        "纳税人识别号",
        "税号",
    ),
    "credit_code": ("统一社会信用代码", "社会信用代码", "信用代码", "纳税人识别号", "税号"),
    "method": ("捐赠方式", "捐款方式", "支付方式", "付款方式", "捐赠渠道", "支付渠道", "渠道", "方式"),
    "receipt_title": ("票据抬头", "发票抬头", "收据抬头", "抬头", "开票名称", "票据名称"),
    "address": ("联系地址", "通讯地址", "邮寄地址", "地址", "住址"),
    "donor_kind": ("捐赠人类型", "捐赠类型", "捐款类型", "类型", "性质", "类别"),
    "reference": ("交易单号", "流水号", "交易流水号", "订单号", "转账单号", "凭证号"),
    "remark": ("备注", "留言", "说明", "附言", "捐赠留言", "备注说明"),
    "serial": ("序号", "编号", "no", "no."),
}
VOCABULARIES: dict[str, dict[str, tuple[str, ...]]] = {**PLATFORM_WORDS, "bank": BANK, "donor": DONOR}

#: Labels of the fields a mapping screen offers, by kind of file.
FIELD_LABELS = {
    "day": N_("Day of the payment"),
    "booked": N_("Booking day"),
    "time": N_("Time of the payment"),
    "debit": N_("Money out"),
    "credit": N_("Money in"),
    "amount": N_("Amount"),
    "direction": N_("In or out"),
    "balance": N_("Balance after the row"),
    "reference": N_("Serial number"),
    "merchant_reference": N_("Our own number"),
    "counterparty_name": N_("Name of the other side"),
    "counterparty": N_("Name and account of the other side in one"),
    "counterparty_account": N_("Account of the other side"),
    "counterparty_bank": N_("Bank of the other side"),
    "summary": N_("Summary given by the bank"),
    "purpose": N_("Purpose of the payment"),
    "remark": N_("Remark"),
    "remark_more": N_("Further remark"),
    "own_account": N_("Our own bank account"),
    "currency": N_("Currency"),
    "fee": N_("Fee"),
    "body_name": N_("Name of the organisation"),
    "fund_hint": N_("Wish of the donor"),
    "is_anonymous": N_("Anonymous, yes or no"),
    "is_public": N_("May be published, yes or no"),
    "phone": N_("Phone"),
    "id_number": N_("Identity number or credit code"),
    "method": N_("Way of giving"),
    "receipt_title": N_("Name on the invoice"),
    "address": N_("Address"),
    "donor_kind": N_("Person or organisation"),
}


@lru_cache(maxsize=8_192)
def fold_header(text: str) -> str:
    """Return a heading for comparison: half width, no blanks, no marks, simplified."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED)
    folded = "".join(ch for ch in folded if unicodedata.category(ch)[0] not in "ZC")
    return folded.strip("`*#:'\"")


def unit_fen(text: str) -> int:
    """Return the fen of the unit a heading names, 0 when it names none.

    ``捐赠金额（万元）`` → 1,000,000; ``借方发生额/元(支取)`` → 100.
    """
    found = re.search(r"[/(\[](?:单位:?)?(?:人民币)?(万元|千元|亿元|元|分)(?=[)\](]|$)", fold_header(text))
    if found is None and fold_header(text).endswith("万元"):
        return FEN_PER_UNIT["万元"]
    return FEN_PER_UNIT[found[1]] if found else 0


def header_forms(text: str) -> Iterator[str]:
    """Yield a heading as written, then without its unit, then without its brackets."""
    folded = fold_header(text)
    if len(folded) > 40:
        return
    yield folded
    without_unit = _UNIT.sub("", folded)
    if without_unit != folded:
        yield without_unit
    without_brackets = _BRACKETS.sub("", without_unit)
    if without_brackets != without_unit:
        yield without_brackets


_TOTAL = re.compile(
    r"(?:本页|本月|本日|当日|本期|全部|以上|累计|捐款|捐赠|收入|支出|金额|人民币)?"
    r"(?:合计|总计|小计|累计|共计|总额|总数|合計|總計)(?:金额|人民币|笔数|人数)?[\d.,:;¥()大小写人民币元圆角分整笔条人次户家"
    r"零壹贰叁肆伍陆柒捌玖拾佰仟万亿]*"
)


def total_label(text: str) -> str:
    """Return the word of a total line's first cell (合计, 小计 …), empty when it is none."""
    folded = fold_header(text)
    if len(folded) > 60 or not _TOTAL.fullmatch(folded):
        return ""
    return "小计" if "小计" in folded else "合计"


def _lookup(words: dict[str, tuple[str, ...]]) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for name, synonyms in words.items():
        for rank, word in enumerate(synonyms):
            found.setdefault(word, []).append((rank, name))
    return found


_LOOKUPS = {kind: _lookup(words) for kind, words in VOCABULARIES.items()}
_EVERY_WORD = frozenset(word for lookup in _LOOKUPS.values() for word in lookup)


def is_heading(text: str) -> bool:
    """Say whether a cell is a heading of any kind of file."""
    return any(form in _EVERY_WORD for form in header_forms(text))


@dataclass(frozen=True, slots=True)
class Matched:
    """The fields found in a row of headings.

    Attributes:
        columns: field → column index, from 0.
        repeated: (field, first column, second column) where one word stands twice.
    """

    columns: dict[str, int]
    repeated: tuple[tuple[str, int, int], ...]


def match_headers(headers: Sequence[str], kind: str) -> Matched:
    """Return which column holds which field, for one kind of file.

    The preferred word of a field wins; a column serves one field only, except that the
    second choice of a column is taken when its first field has a better one (备注 beside
    附言 becomes the further remark).
    """
    offers: list[tuple[int, int, int, str]] = []
    for column, header in enumerate(headers):
        for form_no, form in enumerate(header_forms(header)):
            for rank, name in _LOOKUPS[kind].get(form, ()):
                offers.append((rank + 100 * form_no, list(VOCABULARIES[kind]).index(name), column, name))
            if form in _LOOKUPS[kind]:
                break
    columns: dict[str, int] = {}
    taken: set[int] = set()
    repeated = []
    ranks: dict[str, int] = {}
    for rank, _order, column, name in sorted(offers):
        if name in columns:
            if ranks[name] == rank and column not in taken:
                repeated.append((name, columns[name], column))
        elif column not in taken:
            columns[name], ranks[name] = column, rank
            taken.add(column)
    if "body_name" in columns and "counterparty_name" not in columns:
        columns["counterparty_name"] = columns.pop("body_name")
    return Matched(columns, tuple(repeated))
