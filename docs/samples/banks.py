"""Corporate exports of banks, as each bank's form has it; all accounts begin with 9999."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import BODIES, FEDERATION, PEOPLE, text_of, workbook, yuan

CCB, ICBC, ABC, RURAL = (
    "99990000000000000001",
    "9999000000000000002",
    "99990000000000003",
    "999900000000000000004",
)
TENPAY = ("深圳市财付通支付科技有限公司（示例）", "99990000000000000901", "示例银行深圳分行")
ALIPAY = ("支付宝（中国）网络技术有限公司（示例）", "99990000000000000902", "示例银行杭州分行")


@dataclass(frozen=True, slots=True)
class Movement:
    """One row of an account.

    Attributes:
        at: local moment.
        fen: positive in, negative out.
        name: the other side; ``account`` and ``bank`` are its own.
        words: summary, purpose, remark.
    """

    at: datetime
    fen: int
    name: str
    account: str
    bank: str
    words: tuple[str, str, str]


def movement(text: str, fen: int, name: str, summary: str, purpose: str = "", remark: str = "") -> Movement:
    """Return a movement; ``text`` is ``MM-DD HH:MM:SS`` of 2026."""
    known = {TENPAY[0]: TENPAY, ALIPAY[0]: ALIPAY}
    number = 9999100000000000 + sum(map(ord, name))
    side = known.get(name) or ((name, str(number), "示例银行海岱支行") if name else ("", "", ""))
    return Movement(datetime.fromisoformat(f"2026-{text}"), fen, *side, (summary, purpose, remark))


OCTOBER = [
    movement("10-26 09:12:05", 500_000, BODIES[0], "转账存入", "捐款", "捐急难救助基金"),
    movement("10-26 15:40:31", 20_000, PEOPLE[0], "转账存入", "捐赠", "为患病学生尽一点心"),
    movement("10-28 08:35:33", 3_581_64, TENPAY[0], "转账存入", "结算款", "微信支付结算1027"),
    movement(
        "10-29 10:03:17", -1_200_000, "岱南县人民医院（示例）", "转账支取", "医疗救助款", "医救2026-0417"
    ),
    movement("10-30 16:22:48", -1_500, "", "手续费", "对公转账手续费", ""),
    movement(
        "11-02 09:01:02", 10_000_000, BODIES[4], "转账存入", "定向捐赠", "用于发展帮扶基金 岱南县青禾村灌溉渠"
    ),
    movement("11-03 11:30:00", -300_000, PEOPLE[6], "转账支取", "急难救助款", "急救2026-0102"),
    movement("11-04 09:15:44", 300_000, PEOPLE[6], "退汇", "账号户名不符", "退汇 急救2026-0102"),
    movement("11-05 14:05:09", -300_000, PEOPLE[6], "转账支取", "急难救助款", "急救2026-0102 重付"),
    movement("11-06 10:20:30", 66_600, PEOPLE[9], "转账存入", "捐款", "祝好人一生平安"),
]
NOVEMBER = [
    movement("11-11 09:30:12", 880_00, PEOPLE[1], "转账存入", "捐款", "医疗救助"),
    movement("11-11 09:30:12", 880_00, PEOPLE[1], "转账存入", "捐款", "医疗救助"),
    movement("11-12 08:31:40", 12_345_67, ALIPAY[0], "转账存入", "结算款", "支付宝结算20261111"),
    movement("11-13 16:59:59", 5_000_00, BODIES[3], "转账存入", "捐款", "师生爱心捐 一日捐"),
    movement("11-16 10:00:00", -45_600_00, BODIES[2], "转账支取", "项目款", "青禾村灌溉渠首款"),
    movement("11-17 13:45:21", 200_00, PEOPLE[3], "转账存入", "", ""),
    movement("11-18 23:58:41", 99_00, PEOPLE[7], "转账存入", "捐赠", "99公益 急难救助"),
    movement("11-20 00:10:05", 1_234_05, "", "结息", "单位活期结息", ""),
    movement("11-20 17:20:10", 30_000_00, BODIES[1], "转账存入", "捐赠", "冬季送温暖 急难救助基金"),
]


def with_balances(movements: Iterable[Movement], opening_fen: int) -> list[tuple[Movement, int]]:
    """Return each movement with the balance after it."""
    rows, balance = [], opening_fen
    for item in movements:
        balance += item.fen
        rows.append((item, balance))
    return rows


def ccb_old() -> bytes:
    """China Construction Bank, old form: five title lines, thousands separated, overlaps the new one."""
    rows: list[Sequence[str]] = [
        ["中国建设银行单位活期存款明细账（示例）"],
        ["账号", CCB, "户名", FEDERATION],
        ["开户机构", "示例银行海岱分行", "币种", "人民币元"],
        ["起始日期", "20261026", "截止日期", "20261112"],
        [],
        "记账日期,交易时间,凭证种类,凭证号,借方发生额/元,贷方发生额/元,余额/元,钞汇标志,对方户名,对方账号,摘要,备注,"
        "账户明细编号-交易流水号,企业流水号,本方账号,本方账户名称,本方账户开户机构".split(","),
    ]
    for number, (item, balance) in enumerate(with_balances(OCTOBER + NOVEMBER[:3], 8_000_000), 101):
        summary, purpose, remark = item.words
        rows.append(
            [
                f"{item.at:%Y%m%d}",
                f"{item.at:%Y%m%d %H:%M:%S}",
                "电子转账凭证",
                "",
                yuan(-item.fen, grouped=True) if item.fen < 0 else "0.00",
                yuan(item.fen, grouped=True) if item.fen > 0 else "0.00",
                yuan(balance, grouped=True),
                "钞",
                item.name,
                item.account,
                summary,
                " ".join(filter(None, (purpose, remark))),
                f"{number}-9999{item.at:%y%m%d}{number:06d}",
                f"HD{number:06d}",
                CCB,
                FEDERATION,
                "示例银行海岱分行",
            ]
        )
    return text_of(rows).encode("gb18030")


def ccb_new() -> bytes:
    """China Construction Bank, new form: the unused side is 0 or -, booking day beside the moment."""
    header = (
        "账号,账户名称,交易时间,借方发生额/元(支取),贷方发生额/元(收入),余额,币种,对方户名,对方账号,对方开户机构,"
        "记账日期,摘要,备注"
    ).split(",")
    opening = 8_000_000 + sum(item.fen for item in OCTOBER)
    rows = [header]
    for number, (item, balance) in enumerate(with_balances(NOVEMBER, opening)):
        summary, purpose, remark = item.words
        unused = "-" if number % 2 else "0"
        booked = item.at + timedelta(days=1) if item.at.hour == 23 else item.at
        rows.append(
            [
                CCB,
                FEDERATION,
                f"{item.at:%Y%m%d %H:%M:%S}",
                yuan(-item.fen) if item.fen < 0 else unused,
                yuan(item.fen) if item.fen > 0 else unused,
                yuan(balance),
                "人民币元",
                item.name,
                item.account,
                item.bank,
                f"{booked:%Y%m%d}",
                summary,
                " ".join(filter(None, (purpose, remark))),
            ]
        )
    return text_of(rows).encode("gb18030")


def icbc_old() -> bytes:
    """ICBC, old form: a first line in brackets, a tab after each cell, newest row first."""
    header = (
        "凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方行号,"
        "摘要,用途,对方单位名称,余额,个性化信息"
    )
    rows = ["[HISTORYDETAIL]", f"查询账号：{ICBC}  {FEDERATION}  2026-10-26 至 2026-11-06", header]
    for item, balance in reversed(with_balances(OCTOBER, 1_234_567)):
        cells = [
            "0",
            ICBC,
            item.account,
            f"{item.at:%Y-%m-%d %H:%M:%S}",
            "贷" if item.fen > 0 else "借",
            yuan(-item.fen, grouped=True) if item.fen < 0 else "",
            yuan(item.fen, grouped=True) if item.fen > 0 else "",
            "999100000000" if item.account else "",
            item.words[0],
            item.words[1],
            item.name,
            yuan(balance, grouped=True),
            item.words[2],
        ]
        rows.append(",".join(f'"{cell}\t"' if "," in cell else f"{cell}\t" for cell in cells))
    return ("\r\n".join(rows) + "\r\n").encode("gb18030")


def icbc_new() -> bytes:
    """ICBC, new form: one amount column, the side in 借/贷, no balance."""
    rows: list[Sequence[str]] = [
        [f"账号：{ICBC}"],
        ["查询时间：2026-11-20 18:00:00"],
        "本方账号,对方账号,交易时间,借/贷,金额,凭证号,对方单位,对方行号,用途,摘要,附言,个性化信息".split(","),
    ]
    rows += [
        [
            ICBC,
            item.account,
            f"{item.at:%Y-%m-%d %H:%M:%S}",
            "贷" if item.fen > 0 else "借",
            yuan(abs(item.fen)),
            "0",
            item.name,
            "999100000000" if item.account else "",
            item.words[1],
            item.words[0],
            item.words[2],
            "",
        ]
        for item in NOVEMBER
    ]
    return text_of(rows).encode("utf-8-sig")


def icbc_xlsx() -> bytes:
    """ICBC as XLSX: 转入金额 and 转出金额 as numbers, the moment as a real date."""
    stream, book = workbook()
    sheet = book.add_worksheet("账户明细")
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet.merge_range(0, 0, 0, 8, "账户明细（示例）")
    sheet.write_row(1, 0, ["账号", ICBC, "户名", FEDERATION])
    sheet.write_row(
        3, 0, ["借贷标志", "转入金额", "转出金额", "余额", "摘要", "用途", "交易时间", "对方户名", "对方账号"]
    )
    for row, (item, balance) in enumerate(with_balances(NOVEMBER, 2_000_000), 4):
        sheet.write(row, 0, "贷" if item.fen > 0 else "借")
        sheet.write_number(row, 1 if item.fen > 0 else 2, abs(item.fen) / 100)
        sheet.write_number(row, 3, balance / 100)
        sheet.write_row(row, 4, [item.words[0], " ".join(filter(None, item.words[1:]))])
        sheet.write_datetime(row, 6, item.at, moment)
        sheet.write_row(row, 7, [item.name, item.account])
    book.close()
    return stream.getvalue()


def abc_old() -> bytes:
    """Agricultural Bank of China, old form: fifteen columns, the moment as one long stamp."""
    header = (
        "交易日期,交易时间戳,收入金额,支出金额,本次余额,手续费总额,交易方式,交易行名,交易类别,对方省市,对方账号,对方户名,"
        "交易说明,交易摘要,交易附言"
    ).split(",")
    rows = [header]
    for item, balance in with_balances(OCTOBER, 300_000_000):
        rows.append(
            [
                f"{item.at:%Y%m%d}",
                f"{item.at:%Y-%m-%d-%H.%M.%S}.000000",
                yuan(item.fen) if item.fen > 0 else "",
                yuan(-item.fen) if item.fen < 0 else "",
                yuan(balance),
                "0.00",
                "网上银行",
                "海岱示例支行",
                "转账",
                "海岱",
                item.account,
                item.name,
                item.words[1],
                item.words[0],
                item.words[2],
            ]
        )
    return text_of(rows).encode("gb18030")


def abc_new() -> bytes:
    """Agricultural Bank of China, new form: two footer lines with counts and sums."""
    header = "交易时间,收入金额,支出金额,账户余额,交易行名,对方省市,对方账号,对方户名,交易用途".split(",")
    rows = [header]
    for item, balance in with_balances(NOVEMBER, 300_000_000):
        rows.append(
            [
                f"{item.at:%Y-%m-%d %H:%M:%S}",
                yuan(item.fen, grouped=True) if item.fen > 0 else "",
                yuan(-item.fen, grouped=True) if item.fen < 0 else "",
                yuan(balance, grouped=True),
                "海岱示例支行",
                "海岱",
                item.account,
                item.name,
                " ".join(filter(None, item.words)),
            ]
        )
    gains = [item.fen for item in NOVEMBER if item.fen > 0]
    spends = [-item.fen for item in NOVEMBER if item.fen < 0]
    rows.append(["总收入笔数", "总收入金额", "总支出笔数", "总支出金额"])
    rows.append([str(len(gains)), yuan(sum(gains)), str(len(spends)), yuan(sum(spends))])
    return text_of(rows).encode("gb18030")


def rural_bank() -> bytes:
    """A rural commercial bank: a form of no known bank; time without its leading zero, a total line."""
    rows: list[Sequence[str]] = [
        ["岱南农村商业银行（示例）对公账户交易明细"],
        [f"账号：{RURAL}", "", f"户名：{FEDERATION}"],
        ["期初余额：100,000.00", "", "", "单位：元"],
        "序号,交易日期,交易时间,收入,支出,余额,对方名称,对方账号,摘要,附言".split(","),
    ]
    movements = with_balances(OCTOBER[:2] + NOVEMBER[3:8], 10_000_000)
    for number, (item, balance) in enumerate(movements, 1):
        rows.append(
            [
                str(number),
                f"{item.at:%Y%m%d}",
                f"{item.at:%H%M%S}".lstrip("0"),
                yuan(item.fen, grouped=True) if item.fen > 0 else "-",
                yuan(-item.fen, grouped=True) if item.fen < 0 else "-",
                yuan(balance, grouped=True),
                item.name,
                item.account,
                item.words[0],
                " ".join(filter(None, item.words[1:])),
            ]
        )
    gains = sum(item.fen for item, _ in movements if item.fen > 0)
    spends = sum(-item.fen for item, _ in movements if item.fen < 0)
    rows.append(["合计", "", "", yuan(gains, grouped=True), yuan(spends, grouped=True), "", "", "", "", ""])
    rows.append([f"期末余额：{yuan(movements[-1][1], grouped=True)}"])
    return text_of(rows).encode("gb18030")


def broken_balance() -> bytes:
    """The new form of China Construction Bank with one row taken out: the running balance breaks."""
    lines = ccb_new().splitlines(keepends=True)
    return b"".join(lines[:5] + lines[6:])
