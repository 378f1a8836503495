"""Further bills of the platforms: money movements, partial bills, persons' statements, a ZIP."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta

from channels import FIRST_DAY, alipay, backticked, wechat_rows
from common import PEOPLE, text_of, yuan
from forms import CARD, xlsx


def wechat_fund_flow() -> bytes:
    """WeChat 资金账单 of 18 November: the first ten orders of the trade bill, each fee in its own row."""
    header = (
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,"
        "资金变更提交申请人,备注,业务凭证号"
    )
    left = 12_345
    rows: list[list[str]] = []

    def add(at: datetime, order: str, words: tuple[str, str], fen: int, remark: str, ours: str) -> None:
        nonlocal left
        left += fen
        serial = f"1999999901{at:%Y%m%d}{len(rows):010d}"
        side = "收入" if fen > 0 else "支出"
        amounts = [side, yuan(abs(fen)), yuan(left)]
        rows.append([f"{at:%Y-%m-%d %H:%M:%S}", order, serial, *words, *amounts, "system", remark, ours])

    paid = wechat_rows(FIRST_DAY, 10)
    for at, order, ours, fen, fee in paid:
        add(at, order, ("交易", "交易"), fen, "", ours)
        if fee:
            add(at, order, ("扣除交易手续费", "交易手续费"), -fee, "结算总金额", ours)
    at, order, ours, fen, fee = paid[6]
    late = at.replace(hour=23, minute=20, second=0)
    add(late, "50300099992026111800001", ("退款", "退款"), -fen, "重复捐款", f"RF{order}")
    add(late, order, ("退还交易手续费", "交易手续费"), fee, "退款", ours)
    add(late + timedelta(minutes=10), "1000000000202611189999", ("提现", "结算"), -90_00, "", "TX20261118")
    gains = [row for row in rows if row[5] == "收入"]
    spends = [row for row in rows if row[5] == "支出"]
    total = [str(len(rows)), str(len(gains)), _sum(gains, 6), str(len(spends)), _sum(spends, 6)]
    label = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
    return f"{header}\r\n{backticked(rows)}{label}\r\n{backticked([total])}".encode()


def _sum(rows: Sequence[Sequence[str]], column: int) -> str:
    return yuan(sum(int(row[column].replace(".", "")) for row in rows))


def wechat_success_only() -> bytes:
    """The WeChat trade bill that holds paid orders alone: no columns of refunds."""
    header = (
        "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
        "代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注"
    )
    paid = wechat_rows(FIRST_DAY + timedelta(days=2), 5)
    rows = [
        [
            f"{at:%Y-%m-%d %H:%M:%S}", "wx9999000000000000", "1999999901", "0", "", order, ours,
            f"oHaidai{number:021d}", "JSAPI", "SUCCESS", "OTHERS", "CNY", yuan(fen), "0.00", "医疗救助基金",
            "", f"{yuan(fee)}000", "0.60%", yuan(fen), "",
        ]
        for number, (at, order, ours, fen, fee) in enumerate(paid)
    ]  # fmt: skip
    total, fees = sum(item[3] for item in paid), sum(item[4] for item in paid)
    label = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    summary = [[str(len(rows)), yuan(total), "0.00", "0.00", f"{yuan(fees)}000", yuan(total), "0.00"]]
    return f"{header}\r\n{backticked(rows)}{label}\r\n{backticked(summary)}".encode()


def wechat_refund_only() -> bytes:
    """The WeChat trade bill that holds refunds alone, with the two moments of each."""
    header = (
        "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
        "代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
        "手续费,费率,订单金额,申请退款金额,费率备注"
    )
    _, order, ours, fen, fee = wechat_rows(FIRST_DAY + timedelta(days=2), 5)[3]
    row = [
        "2026-11-20 03:12:00", "wx9999000000000000", "1999999901", "0", "", order, ours, f"oHaidai{3:021d}",
        "JSAPI", "REFUND", "OTHERS", "CNY", "0.00", "0.00", "2026-11-20 20:00:00", "2026-11-20 20:01:07",
        "50300099992026112000001", "RF20261120000001", yuan(fen), "0.00", "ORIGINAL", "SUCCESS",
        "医疗救助基金", "", f"{yuan(-fee)}000", "0.60%", "0.00", yuan(fen), "",
    ]  # fmt: skip
    label = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    summary = [["1", "0.00", yuan(fen), "0.00", f"{yuan(-fee)}000", "0.00", yuan(fen)]]
    return f"{header}\r\n{backticked([row])}{label}\r\n{backticked(summary)}".encode()


def alipay_account() -> bytes:
    """Alipay 账务明细 of 18 November: the orders of the 业务明细, a refund, a fee, a payout."""
    header = (
        "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,"
        "收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注"
    )
    left, number = 50_000, 0
    lines: list[str] = []
    sums = {True: [0, 0], False: [0, 0]}

    def add(order: str, fen: int, kind: str, remark: str = "") -> None:
        nonlocal left, number
        left, number = left + fen, number + 1
        at = FIRST_DAY + timedelta(hours=9 + number, minutes=10, seconds=9)
        sides = (f"{yuan(fen)},0.00") if fen > 0 else f"0.00,{yuan(fen)}"
        count_and_sum = sums[fen > 0]
        count_and_sum[0], count_and_sum[1] = count_and_sum[0] + 1, count_and_sum[1] + fen
        lines.append(
            f"9999{number:016d}\t,{order}\t,HDA{number:012d}\t,医疗救助基金,{at:%Y-%m-%d %H:%M:%S},"
            f"**某(999******99),{sides},{yuan(left)},支付宝,{kind},{remark}"
        )

    amounts = [1000, 5000, 20000, 1, 6600, 10000]
    orders = [f"20261118220099990000000{place:06d}" for place in range(len(amounts))]
    for order, fen in zip(orders, amounts, strict=True):
        add(order, fen, "在线支付")
    add(orders[2], -120, "收费", "服务费")
    add(orders[1], -5000, "交易退款", "退款")
    add("20261118009999", -20_000, "提现", "转出到银行")
    head = [
        "#支付宝账务明细查询", "#账号：[20889999000000000156]",
        "#起始日期：[2026年11月18日 00:00:00]   终止日期：[2026年11月19日 00:00:00]",
        "#-----------------------------------------账务明细列表----------------------------------------",
        header,
    ]  # fmt: skip
    foot = ["#-----------------------------------------账务明细列表结束------------------------------------"]
    foot += [
        f"#支出合计：{sums[False][0]}笔，共{yuan(sums[False][1])}元",
        f"#收入合计：{sums[True][0]}笔，共{yuan(sums[True][1])}元",
    ]
    return ("\r\n".join([*head, *lines, *foot]) + "\r\n").encode("gb18030")


_WECHAT_PERSON = (
    ("11-18 09:01:22", "二维码收款", PEOPLE[1], "收款方备注:捐急难救助", "收入", 100_00, "已收钱"),
    ("11-18 10:15:40", "转账", PEOPLE[2], "转账备注:爱心捐款 医疗救助", "收入", 66_00, "已存入零钱"),
    ("11-18 12:00:00", "商户消费", "示例便利店", "饮用水", "支出", 8_50, "支付成功"),
    ("11-18 13:30:00", "二维码收款", PEOPLE[4], "收款方备注:二维码收款", "收入", 20_00, "已收钱"),
    ("11-18 18:20:10", "零钱提现", "示例银行(0031)", "/", "/", 150_00, "提现已到账"),
    ("11-18 19:00:00", "商户消费-退款", "示例便利店", "饮用水", "收入", 8_50, "已全额退款"),
)


def _wechat_person() -> list[list[str]]:
    """Return a WeChat statement of a person as rows, newest first as WeChat writes it."""
    rows = []
    for number, (at, kind, name, good, side, fen, state) in enumerate(_WECHAT_PERSON):
        # A refund stands under the number of its payment.
        order = f"10000499990000{2 if '退款' in kind else number:08d}"
        remark = "服务费¥0.15" if kind == "零钱提现" else "/"
        cells = [f"2026-{at}", kind, name, good, side, f"¥{yuan(fen)}", "零钱", state, order, "/", remark]
        rows.append(cells)
    told = []
    for title, side in (("收入", "收入"), ("支出", "支出"), ("中性交易", "/")):
        sums = [item[5] for item in _WECHAT_PERSON if item[4] == side]
        told.append([f"{title}：{len(sums)}笔 {yuan(sum(sums))}元"])
    head = [
        ["微信支付账单明细"], ["微信昵称：[示例]"],
        ["起始时间：[2026-11-18 00:00:00] 终止时间：[2026-11-18 23:59:59]"], ["导出类型：[全部]"],
        ["导出时间：[2026-11-19 08:00:00]"], [], [f"共{len(rows)}笔记录"], *told, ["注："],
        ["1. 充值/提现/理财通购买/零钱通存取/信用卡还款等交易，将计入中性交易"], [],
        ["----------------------微信支付账单明细列表--------------------"],
        "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注".split(","),
    ]  # fmt: skip
    return [*head, *reversed(rows)]


def wechat_person_csv() -> bytes:
    """A person's WeChat statement: sums above the rows, ¥ in amounts, a tab after numbers."""
    rows = _wechat_person()
    tabbed = [[*row[:8], f"{row[8]}\t", f"{row[9]}\t", row[10]] if len(row) == 11 else row for row in rows]
    return text_of([*rows[:15], *tabbed[15:]]).encode("utf-8-sig")


def wechat_person_xlsx() -> bytes:
    """The same as the XLSX that WeChat sends today."""
    return xlsx(_wechat_person())


_ALIPAY_PERSON = (
    ("11-18 09:01:22", "转账红包", PEOPLE[5], "捐款 急难救助", "收入", 88_00, "交易成功", "01"),
    ("11-18 10:15:40", "日用百货", "示例文具店", "收据本", "支出", 35_00, "交易成功", "02"),
    ("11-18 11:15:40", "日用百货", "示例文具店", "印泥", "支出", 12_00, "交易关闭", "03"),
    ("11-18 12:30:00", "退款", "示例文具店", "退款-收据本", "不计收支", 35_00, "退款成功", "02_1"),
    ("11-18 14:00:00", "收款", PEOPLE[6], "收款码 爱心捐助", "收入", 200_00, "交易成功", "04"),
    ("11-18 15:00:00", "退款", PEOPLE[6], "退款-收款码", "不计收支", 50_00, "退款成功", "04_1"),
    ("11-18 16:00:00", "转账", "余额宝", "转入余额宝", "不计收支", 100_00, "交易成功", "05"),
)


def alipay_person() -> bytes:
    """A person's Alipay statement: padded cells, refunds counted as neither side."""
    rows = []
    for at, kind, name, good, side, fen, state, end in _ALIPAY_PERSON:
        order = f"2026111822009999{end}\t"
        cells = [f"2026-{at}", kind, name, "/", good, side, yuan(fen), "余额", state, order]
        rows.append(",".join(f"{cell:<16}" for cell in [*cells, "\t", ""]) + ",")
    told = []
    for title in ("收入", "支出", "不计收支"):
        sums = [item[5] for item in _ALIPAY_PERSON if item[4] == title]
        told.append(f"{title}：{len(sums)}笔 {yuan(sum(sums))}元")
    lines = [
        "-" * 84, "导出信息：", "姓名：示例", f"支付宝账户：{CARD}",
        "起始时间：[2026-11-18 00:00:00]    终止时间：[2026-11-18 23:59:59]", "导出交易类型：[全部]",
        f"共{len(rows)}笔记录", *told, "", "特别提示：", "1.本明细仅供个人对账使用。", "",
        "------------------------支付宝（示例）  电子客户回单------------------------",
        "交易时间            ,交易分类                ,交易对方                ,对方账号                ,"
        "商品说明                ,收/支                 ,金额                  ,收/付款方式              ,"
        "交易状态                ,交易订单号     ,商家订单号           ,备注                  ,",
        *reversed(rows),
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


def alipay_zip() -> bytes:
    """What Alipay sends a merchant: a ZIP with the statement and its summary, names in GBK."""
    summary = (
        "#支付宝业务汇总查询\r\n门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）\r\n"
        "合计,,6,1,426.01,426.01\r\n"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, data in (
            ("20889999000000000156_20261118_业务明细.csv", alipay()),
            ("20889999000000000156_20261118_业务明细(汇总).csv", summary.encode("gb18030")),
        ):
            part = _GbkName(name, (2026, 11, 19, 8, 0, 0))
            part.create_system = 0
            packed.writestr(part, data)
    return stream.getvalue()


class _GbkName(zipfile.ZipInfo):
    """A part of a ZIP whose name is written in GBK, as Chinese programs do, without a word about it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode("gb18030"), self.flag_bits
