"""Merchant bills of the payment channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from common import yuan

FIRST_DAY = datetime.fromisoformat("2026-11-18")


def wechat_rows(day: datetime, count: int) -> list[tuple[datetime, str, str, int, int]]:
    """Return (moment, order, our number, fen, fee) of a day's payments."""
    amounts = (1, 1000, 2000, 5000, 10000, 50, 6666, 20000, 100000, 1314, 520, 888)
    rows = []
    for number in range(count):
        at = day + timedelta(minutes=3 + 41 * number, seconds=7 * number % 60)
        fen = amounts[number % len(amounts)] + 100 * (number // len(amounts))
        order = f"4200009999{at:%Y%m%d}{number:010d}"
        rows.append((at, order, f"HD{at:%Y%m%d}{number:06d}", fen, (fen * 6 + 500) // 1000))
    return rows


def backticked(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as WeChat writes them: a backtick before each cell, nothing quoted."""
    return "".join(",".join(f"`{cell}" for cell in row) + "\r\n" for row in rows)


def wechat_v2() -> bytes:
    """WeChat merchant trade bill with 总金额: 33 payments, one refund, two summary lines."""
    header = (
        "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,"
        "代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,"
        "手续费,费率"
    )
    paid = wechat_rows(FIRST_DAY, 33)
    goods = ("急难救助基金", "医疗救助基金", "发展帮扶基金", "急难救助基金,冬季送温暖", "不限定用途")
    common = ["wx9999000000000000", "1999999901", "0", ""]
    rows = [
        [
            f"{at:%Y-%m-%d %H:%M:%S}", *common, order, ours, f"oHaidai{number % 19:021d}", "JSAPI", "SUCCESS",
            "OTHERS", "CNY", yuan(fen), "0.00", "0", "0", "0.00", "0.00", "", "", goods[number % 5],
            f"src=mp&n={number}", f"{yuan(fee)}000", "0.60%",
        ]
        for number, (at, order, ours, fen, fee) in enumerate(paid)
    ]  # fmt: skip
    at, order, ours, fen, fee = paid[6]
    rows.append(
        [
            "2026-11-18 23:20:00", *common, order, ours, f"oHaidai{6:021d}", "JSAPI", "REFUND", "OTHERS",
            "CNY", "0.00", "0.00", "50300099992026111800001", "RF20261118000001", yuan(fen), "0.00",
            "ORIGINAL", "SUCCESS", goods[1], "src=mp&n=6", f"{yuan(-fee)}000", "0.60%",
        ]
    )  # fmt: skip
    fees = sum(item[4] for item in paid) - fee
    summary = [[str(len(rows)), yuan(sum(item[3] for item in paid)), yuan(fen), "0.00", f"{yuan(fees)}000"]]
    label = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额"
    return f"\ufeff{header}\r\n{backticked(rows)}{label}\r\n{backticked(summary)}".encode()


def wechat_v3() -> bytes:
    """WeChat merchant trade bill of today, with 应结订单金额: a refund of an order of the day before."""
    header = (
        "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
        "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,"
        "申请退款金额,费率备注"
    )
    paid = wechat_rows(FIRST_DAY + timedelta(days=1), 12)
    common = ["wx9999000000000000", "1999999901", "0", ""]
    rows = [
        [
            f"{at:%Y-%m-%d %H:%M:%S}", *common, order, ours, f"oHaidai{number:021d}", "NATIVE", "SUCCESS",
            "OTHERS", "CNY", yuan(fen), "0.00", "0", "0", "0.00", "0.00", "", "", "急难救助基金", "",
            f"{yuan(fee)}000", "0.60%", yuan(fen), "0.00", "",
        ]
        for number, (at, order, ours, fen, fee) in enumerate(paid)
    ]  # fmt: skip
    _, order, ours, fen, fee = wechat_rows(FIRST_DAY, 33)[7]
    rows.insert(
        3,
        [
            "2026-11-19 02:00:00", *common, order, ours, f"oHaidai{7:021d}", "JSAPI", "REFUND", "OTHERS",
            "CNY", "0.00", "0.00", "50300099992026111900001", "RF20261119000001", "100.00", "0.00",
            "ORIGINAL", "SUCCESS", "发展帮扶基金", "", "-0.60000", "0.60%", "0.00", "100.00", "",
        ],
    )  # fmt: skip
    total, fees = sum(item[3] for item in paid), sum(item[4] for item in paid) - 60
    summary = [[str(len(rows)), yuan(total), "100.00", "0.00", f"{yuan(fees)}000", yuan(total), "100.00"]]
    label = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    return f"{header}\r\n{backticked(rows)}{label}\r\n{backticked(summary)}".encode()


def alipay() -> bytes:
    """Alipay merchant statement: comment lines, a tab after numbers, a refund written with a plus."""
    header = (
        "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
        "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
        "退款批次号/请求号,服务费（元）,分润（元）,备注"
    )
    lines = [
        "#支付宝业务明细查询",
        "#账号：[20889999000000000156]",
        "#起始日期：[2026年11月18日 00:00:00]   终止日期：[2026年11月19日 00:00:00]",
        "#-----------------------------------------业务明细列表----------------------------------------",
        header,
    ]
    amounts = [1000, 5000, 20000, 1, 6600, 10000]
    for number, fen in enumerate([*amounts, 5000]):
        is_refund = number == len(amounts)
        at = FIRST_DAY + timedelta(hours=9 + number, minutes=10, seconds=5)
        order = f"20261118220099990000000{1 if is_refund else number:06d}"
        kind, batch = ("退款", "RF2026111801\t") if is_refund else ("交易", "\t")
        times = f"{at:%Y-%m-%d %H:%M:%S},{at + timedelta(seconds=4):%Y-%m-%d %H:%M:%S}"
        lines.append(
            f"{order}\t,HDA20261118{number:04d}\t,{kind},医疗救助基金,{times},\t,\t,\t,\t,**某(999******99)\t,"
            f"{yuan(fen)},{yuan(fen)},0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,{batch},0.00,0.00,"
        )
    lines.append(
        "#-----------------------------------------业务明细列表结束------------------------------------"
    )
    lines.append(
        f"#交易合计：{len(amounts) + 1}笔，商家实收共{yuan(sum(amounts) + 5000)}元，商家优惠共0.00元"
    )
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")
