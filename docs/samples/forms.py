"""Bank exports described by their columns: corporate forms, and statements of a person's account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from banks import TENPAY, Movement, movement, with_balances
from common import BODIES, FEDERATION, PEOPLE, text_of, workbook, yuan

#: The card of the cashier's old collecting account, which was made over to the federation.
CARD, CARD_END = "9999000011110031", "0031"

Cell = Callable[[Movement, int], str]

#: One account of a week: a gift and its return, a payment that came back, interest, a fee, and
#: what WeChat paid out for 20 November.
WEEK = [
    movement("11-18 09:12:05", 500_00, PEOPLE[0], "转账存入", "捐款", "医疗救助基金"),
    movement("11-18 10:20:31", 200_00, PEOPLE[3], "转账存入", "捐赠", "急难救助"),
    movement("11-19 11:30:00", -3_000_00, PEOPLE[6], "转账支取", "急难救助款", "急救2026-0102"),
    movement("11-20 09:15:44", 3_000_00, PEOPLE[6], "退汇", "账号户名不符", "退汇 急救2026-0102"),
    movement("11-20 10:00:00", -200_00, PEOPLE[3], "转账支取", "退捐", "捐赠人误转 退还捐款"),
    movement("11-20 14:22:10", -15_00, "", "手续费", "转账手续费", ""),
    movement("11-20 17:20:10", 30_000_00, BODIES[1], "转账存入", "捐赠", "冬季送温暖 急难救助基金"),
    movement("11-21 00:10:05", 12_05, "", "结息", "活期结息", ""),
    movement("11-21 08:35:33", 178_93, TENPAY[0], "转账存入", "结算款", "微信支付结算1120"),
]
#: The same without the platform, as on a person's account.
PERSON = [item for item in WEEK if item.name != TENPAY[0]]
OPENING = 8_000_000


def day(item: Movement, _balance: int) -> str:
    """Return 20261118."""
    return f"{item.at:%Y%m%d}"


def dashed_day(item: Movement, _balance: int) -> str:
    """Return 2026-11-18."""
    return f"{item.at:%Y-%m-%d}"


def clock(item: Movement, _balance: int) -> str:
    """Return 091205."""
    return f"{item.at:%H%M%S}"


def bare_clock(item: Movement, _balance: int) -> str:
    """Return 91205, a time that a spreadsheet took for a number."""
    return f"{item.at:%H%M%S}".lstrip("0") or "0"


def colon_clock(item: Movement, _balance: int) -> str:
    """Return 09:12:05."""
    return f"{item.at:%H:%M:%S}"


def debit(item: Movement, _balance: int) -> str:
    """Return money out, empty for money in."""
    return yuan(-item.fen, grouped=True) if item.fen < 0 else ""


def credit(item: Movement, _balance: int) -> str:
    """Return money in, empty for money out."""
    return yuan(item.fen, grouped=True) if item.fen > 0 else ""


def plus_or_minus(item: Movement, _balance: int) -> str:
    """Return +500.00 or -3000.00."""
    return ("+" if item.fen > 0 else "") + yuan(item.fen)


def signed(item: Movement, _balance: int) -> str:
    """Return 500.00 or -3,000.00."""
    return yuan(item.fen, grouped=True)


def unsigned(item: Movement, _balance: int) -> str:
    """Return the amount alone."""
    return yuan(abs(item.fen))


def balance(_item: Movement, balance_fen: int) -> str:
    """Return the balance."""
    return yuan(balance_fen, grouped=True)


def name(item: Movement, _balance: int) -> str:
    """Return the other side."""
    return item.name


def account(item: Movement, _balance: int) -> str:
    """Return the other side's account."""
    return item.account


def bank(item: Movement, _balance: int) -> str:
    """Return the other side's bank."""
    return item.bank


def word(place: int) -> Cell:
    """Return summary (0), purpose (1) or remark (2)."""
    return lambda item, _balance: item.words[place]


def words(item: Movement, _balance: int) -> str:
    """Return purpose and remark."""
    return " ".join(filter(None, item.words[1:]))


def fixed(text: str) -> Cell:
    """Return the same text in each row."""
    return lambda _item, _balance: text


def filled(cell: Cell, empty: str) -> Cell:
    """Return a cell that says so when it is empty."""
    return lambda item, balance_fen: cell(item, balance_fen) or empty


def number(prefix: str) -> Cell:
    """Return a serial number made of the moment."""
    return lambda item, _balance: f"{prefix}{item.at:%y%m%d%H%M%S}"


def export(
    titles: Iterable[Sequence[str]],
    columns: Sequence[tuple[str, Cell]],
    movements: Iterable[Movement],
    *,
    newest_first: bool = False,
) -> list[Sequence[str]]:
    """Return title lines, headings and rows."""
    rows = [
        [cell(item, left) for _heading, cell in columns] for item, left in with_balances(movements, OPENING)
    ]
    return [*titles, [heading for heading, _cell in columns], *(reversed(rows) if newest_first else rows)]


def xlsx(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as XLSX, every cell as text."""
    stream, book = workbook()
    sheet = book.add_worksheet("交易明细")
    for index, cells in enumerate(rows):
        sheet.write_row(index, 0, cells)
    book.close()
    return stream.getvalue()


def cmbc() -> bytes:
    """China Minsheng Bank, corporate: headings in row 12, time without its leading zero."""
    titles = [["中国民生银行账户交易明细（示例）"], ["账号：99990000000000000005"], *[[]] * 9]
    columns = [
        ("交易日期", day), ("主机交易流水号", number("MS")), ("借方发生额", debit), ("贷方发生额", credit),
        ("账户余额", balance), ("凭证号", fixed("")), ("摘要", words), ("对方账号", account),
        ("对方账号名称", name), ("对方开户行", bank), ("交易时间", bare_clock),
    ]  # fmt: skip
    return text_of(export(titles, columns, WEEK)).encode("gb18030")


def pab() -> bytes:
    """Ping An Bank, corporate: the sides are called 借 and 贷."""
    columns = [
        ("交易日期", dashed_day), ("账号", fixed("99990000000000000006")), ("借", debit), ("贷", credit),
        ("账户余额", balance), ("对方账户", account), ("对方账户名称", name), ("交易流水号", number("PA")),
        ("摘要", word(0)), ("用途", words),
    ]  # fmt: skip
    return text_of(export([], columns, WEEK)).encode("gb18030")


def boc() -> bytes:
    """Bank of China, corporate: Chinese and English in each heading, one signed amount."""
    titles = [["查询账号[ Inquirer account number ]", "99990000000000000007"], []]

    def party(is_payer: bool, cell: Cell, own: str) -> Cell:
        return lambda item, left: cell(item, left) if (item.fen > 0) == is_payer else own

    columns = [
        ("交易类型[ Transaction Type ]", fixed("转账")), ("业务类型[ Business type ]", word(0)),
        ("付款人账号[ Debit Account No. ]", party(True, account, "99990000000000000007")),
        ("付款人名称[ Payer's Name ]", party(True, name, FEDERATION)),
        ("收款人账号[ Payee's Account Number ]", party(False, account, "99990000000000000007")),
        ("收款人名称[ Payee's Name ]", party(False, name, FEDERATION)),
        ("交易日期[ Transaction Date ]", day), ("交易时间[ Transaction time ]", clock),
        ("交易货币[ Trade Currency ]", fixed("CNY")), ("交易金额[ Trade Amount ]", signed),
        ("交易后余额[ After-transaction balance ]", balance), ("起息日期[ Value Date ]", day),
        ("交易流水号[ Transaction reference number ]", number("BC")), ("摘要[ Reference ]", word(0)),
        ("用途[ Purpose ]", word(1)), ("附言[ Remark ]", word(2)),
    ]  # fmt: skip
    return text_of(export(titles, columns, WEEK, newest_first=True)).encode("utf-8-sig")


def spdb() -> bytes:
    """SPD Bank, corporate: a day of application beside the day of the transaction."""
    titles = [["浦发银行账户明细（示例）"], ["账号：", "99990000000000000008"]]
    columns = [
        ("交易日期", day), ("交易时间", clock), ("申请日期", day), ("借方金额", debit), ("贷方金额", credit),
        ("余额", balance), ("摘要", words), ("对方账号", account), ("对方户名", name),
    ]  # fmt: skip
    return xlsx(export(titles, columns, WEEK))


def cmb() -> bytes:
    """China Merchants Bank, corporate: 交易日 and 收(付)方."""
    titles = [["招商银行账务明细（示例）"], ["账号：99990000000000000009"]]
    columns = [
        ("交易日", day), ("交易时间", colon_clock), ("交易类型", word(0)), ("借方金额", debit),
        ("贷方金额", credit), ("余额", balance), ("摘要", words), ("收(付)方名称", name),
        ("收(付)方账号", account), ("流水号", number("CM")),
    ]  # fmt: skip
    return xlsx(export(titles, columns, WEEK))


def citic() -> bytes:
    """China CITIC Bank, corporate."""
    titles = [["中信银行账户明细（示例）"], ["账号：99990000000000000010"]]
    columns = [
        ("交易日期", dashed_day), ("交易时间", colon_clock), ("借方发生额", debit), ("贷方发生额", credit),
        ("账户余额", balance), ("对方账号", account), ("对方户名", name), ("摘要", words),
    ]  # fmt: skip
    return xlsx(export(titles, columns, WEEK))


def icbc_person() -> bytes:
    """ICBC, a person's card: padded cells with tabs, a masked number, a total line."""
    columns = [
        ("交易日期", dashed_day), ("摘要", words), ("交易详情", fixed("")), ("交易场所", fixed("网上银行")),
        ("交易国家或地区简称", fixed("CHN")), ("钞/汇", fixed("钞")), ("交易金额(收入)", fixed("-")),
        ("交易金额(支出)", fixed("-")), ("交易币种", fixed("-")), ("记账金额(收入)", credit),
        ("记账金额(支出)", debit), ("记账币种", fixed("人民币")), ("余额", balance), ("对方户名", name),
        ("对方账户", account),
    ]  # fmt: skip
    head, *rows = export([], columns, PERSON, newest_first=True)
    lines = ["明细查询文件下载", "", f'卡号: 9999****{CARD_END},"卡别名: "', ""]
    lines += ["子账户序号: 00000,子账户类别: 活期", "", ",".join(head)]
    lines += [",".join(f'"{cell:<20}\t"' for cell in row) + "," for row in rows]
    gains, spends = sums(PERSON)
    total = f'"{yuan(gains, grouped=True)}\t","{yuan(spends, grouped=True)}\t",'
    lines += [" ", f"人民币合计,,,,,,,,,{total}"]
    return "\r\n".join(lines).encode("utf-8-sig") + b"\r\n"


def sums(movements: Iterable[Movement]) -> tuple[int, int]:
    """Return money in and money out."""
    amounts = [item.fen for item in movements]
    return sum(fen for fen in amounts if fen > 0), -sum(fen for fen in amounts if fen < 0)


def joined(item: Movement, _balance: int) -> str:
    """Return name and account of the other side in one cell."""
    return f"{item.name} {item.account}".strip()


def abc_person() -> bytes:
    """Agricultural Bank of China, a person's card: signs, name and account in one cell."""
    columns = [
        ("交易日期", day), ("交易时间", clock), ("交易摘要", word(0)), ("交易金额", plus_or_minus),
        ("本次余额", balance), ("对手信息", filled(joined, "--")), ("日 志 号", number("")),
        ("交易渠道", fixed("掌上银行")), ("交易附言", words),
    ]  # fmt: skip
    return text_of(export([], columns, PERSON)).encode("gb18030")


def boc_person() -> bytes:
    """Bank of China, a person's card: long dashes for nothing, the card's last four digits."""
    dashes = "-------------------"
    columns = [
        ("记账日期", dashed_day), ("记账时间", colon_clock), ("币别", fixed("人民币")), ("金额", signed),
        ("余额", balance), ("交易名称", word(0)), ("渠道", fixed("网银")), ("网点名称", fixed(dashes)),
        ("附言", filled(words, "----------")), ("对方账户名", filled(name, dashes)),
        ("对方卡号/账号", filled(account, dashes)), ("对方开户行", filled(bank, dashes)),
        ("借记卡号", fixed(CARD_END)),
    ]  # fmt: skip
    return text_of(export([["中国银行交易流水明细单（示例）"]], columns, PERSON, newest_first=True)).encode()


def ccb_person() -> bytes:
    """China Construction Bank, a person's card: account and name in one cell, stroke between."""

    def side(item: Movement, _balance: int) -> str:
        return f"{item.account}/{item.name}" if item.name else ""

    titles = [["中国建设银行个人活期账户全部交易明细（示例）"], [f"卡号/账号：{CARD}", "", "客户名称：示例"]]
    columns = [
        ("摘要", word(0)), ("币别", fixed("人民币元")), ("钞汇", fixed("钞")), ("交易日期", day),
        ("交易金额", signed), ("账户余额", balance), ("交易地点/附言", words), ("对方账号与户名", side),
    ]  # fmt: skip
    return xlsx(export(titles, columns, PERSON))


def cmb_person() -> bytes:
    """China Merchants Bank, a person's card: no number anywhere in the file."""
    columns = [
        ("记账日期", dashed_day), ("货币", fixed("CNY")), ("交易金额", signed), ("联机余额", balance),
        ("交易摘要", word(0)), ("对手信息", joined), ("客户摘要", words),
    ]  # fmt: skip
    return text_of(export([], columns, PERSON)).encode()


def bocom_person() -> bytes:
    """Bank of Communications, a person's card: 借 Dr and 贷 Cr."""
    columns = [
        ("交易日期", dashed_day), ("交易时间", colon_clock), ("交易类型", word(0)),
        ("借贷", lambda item, _left: "贷 Cr" if item.fen > 0 else "借 Dr"), ("交易金额", unsigned),
        ("余额", lambda _item, left: yuan(left)), ("对方账号", account), ("对方户名", name),
        ("交易地点", fixed("网上银行")), ("摘要", words),
    ]  # fmt: skip
    return text_of(export([], columns, PERSON)).encode()
