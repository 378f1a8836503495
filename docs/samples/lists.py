"""Donor lists, a file nobody knows, and workbooks with one fault each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from common import BODIES, PEOPLE, text_of, workbook


def donors_csv() -> bytes:
    """A list as an office keeps it: titles, full-width digits, subtotals, several ways to write a day."""
    rows: list[Sequence[str]] = [
        ["海岱市慈善总会2026年11月捐款登记表"],
        ["填报单位：海岱市慈善总会岱南工作站", "", "", "", "", "", "", "单位：元"],
        ["序号", "捐款人", "捐款金额(元)", "捐款日期", "意向", "是否匿名", "联系电话", "捐赠方式", "备注"],
        ["一、单位捐款"],
        ["1", BODIES[1], "20,000.00", "2026-11-03", "发展帮扶基金", "否", "", "对公转账", ""],
        ["2", BODIES[2], "５０００元", "2026/11/5", "发展帮扶", "", "", "转账", "村口路灯"],
        ["", "小计", "25,000.00", "", "", "", "", "", ""],
        ["二、个人捐款"],
        ["3", PEOPLE[2], "200", "2026年11月6日", "急难救助", "", "", "微信", ""],
        ["4", "爱心人士", "1000", "20261109", "医疗救助", "是", "", "现金", ""],
        ["5", PEOPLE[5], "0.5万", "11月11日", "医疗救助", "匿名", "", "支付宝", "替父母捐"],
        ["6", PEOPLE[8], "￥66.60", "2026.11.12", "", "", "", "微信", ""],
        [],
        ["7", PEOPLE[4], "一千", "2026-11-13", "急难救助", "", "", "现金", "要问清金额"],
        ["8", PEOPLE[3], "100元/月", "2026-11-14", "急难救助", "", "", "微信", "月捐"],
        ["9", PEOPLE[0], "300.00", "11/12/2026", "急难救助", "", "", "微信", "日期两可"],
        ["", "小计", "6,566.60", "", "", "", "", "", ""],
        ["合计", "", "31,566.60", "", "", "", "", "", ""],
        ["注：以上善款均已入账。"],
        ["制表人：温以宁", "", "", "审核人：陆知遥"],
    ]
    return text_of(rows).encode("gb18030")


def donors_xlsx() -> bytes:
    """A list in 万元 with merged titles, real dates, numbers and a computed total; a second filled sheet."""
    stream, book = workbook()
    sheet = book.add_worksheet("捐赠名单")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.merge_range(0, 0, 0, 6, "海岱市“慈善一日捐”企业捐赠名单")
    sheet.merge_range(1, 4, 1, 6, "单位：万元")
    sheet.write_row(
        2, 0, ["序号", "单位名称", "统一社会信用代码", "捐赠金额", "捐赠时间", "指定用途", "票据抬头"]
    )
    amounts = (10, 3.5, 0.8, 1.25)
    for number, amount in enumerate(amounts):
        sheet.write_number(3 + number, 0, number + 1)
        sheet.write_row(3 + number, 1, [BODIES[number], ""])
        sheet.write_number(3 + number, 3, amount)
        sheet.write_datetime(
            3 + number, 4, datetime.fromisoformat("2026-11-03") + timedelta(days=number), day
        )
        sheet.write_row(3 + number, 5, ["急难救助基金" if number % 2 else "不限定", BODIES[number]])
    sheet.merge_range(7, 0, 7, 2, "合计")
    sheet.write_formula(7, 3, "=SUM(D4:D7)", None, sum(amounts))
    other = book.add_worksheet("说明")
    other.write(0, 0, "本表由示例数据组成。")
    other.write(1, 0, "金额以万元计。")
    book.close()
    return stream.getvalue()


def unknown_csv() -> bytes:
    """Headings of no known form: the mapping screen asks, and its answer is remembered."""
    rows: list[Sequence[str]] = [
        ["谁", "何时", "多少", "给谁用", "怎么找到他"],
        [PEOPLE[0], "2026-11-08", "100.00", "急难救助", "19900000001"],
        [PEOPLE[1], "2026-11-09", "250.50", "医疗救助", "19900000002"],
        [BODIES[0], "2026-11-10", "8000.00", "发展帮扶", "19900000003"],
    ]
    return text_of(rows).encode()


def bad_formula() -> bytes:
    """A workbook whose total and one amount were never computed."""
    stream, book = workbook()
    sheet = book.add_worksheet("名单")
    sheet.write_row(0, 0, ["捐款人", "金额", "日期"])
    sheet.write_row(1, 0, [PEOPLE[0], 100, "2026-11-08"])
    sheet.write(2, 0, PEOPLE[1])
    sheet.write_formula(2, 1, "=B2*2", None, "")
    sheet.write(2, 2, "2026-11-09")
    book.close()
    return stream.getvalue()


def bad_merged() -> bytes:
    """A workbook in which one name is merged over two gifts."""
    stream, book = workbook()
    sheet = book.add_worksheet("名单")
    sheet.write_row(0, 0, ["捐款人", "金额", "日期"])
    sheet.merge_range(1, 0, 2, 0, PEOPLE[0])
    for row, amount in ((1, 100), (2, 200)):
        sheet.write_number(row, 1, amount)
        sheet.write(row, 2, "2026-11-08")
    book.close()
    return stream.getvalue()
