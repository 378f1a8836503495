"""Files the invented federation receives: WeChat bills and bank exports, as real ones look."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from charity.demo.cast import AMOUNTS, COMPANIES, GIVEN, PURPOSES, SURNAMES

#: Invented numbers; the same as in docs/samples, so that those files find their place.
MERCHANT = "1999999901"
BANK_ACCOUNT = "99990000000000000001"

_WECHAT = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,"
    "商品名称,商户数据包,手续费,费率"
)
_BANK = (
    "账号,账户名称,交易时间,借方发生额/元（支取）,贷方发生额/元（收入）,余额,币种,对方户名,对方账号,对方开户机构,"
    "记账日期,摘要,备注"
)


@dataclass(frozen=True, slots=True)
class Credit:
    """One row of a bank export: money in (positive) or out, in fen."""

    at: datetime
    fen: int
    name: str
    account: str
    summary: str
    remark: str


def _yuan(fen: int) -> str:
    """Return plain yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


def days_of(first: date, last: date) -> list[date]:
    """Return the days from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def person_name(chance: random.Random) -> str:
    """Return an invented person's name."""
    return chance.choice(SURNAMES) + chance.choice(GIVEN)


def _weighted(chance: random.Random, pairs: Sequence[tuple[object, int]]) -> object:
    """Return one value by its weight."""
    return chance.choices([value for value, _ in pairs], [weight for _, weight in pairs])[0]


def wechat_bill(chance: random.Random, days: Sequence[date], count: int) -> tuple[bytes, dict[date, int]]:
    """Return a WeChat merchant bill over some days, and fen a day."""
    moments = sorted(
        datetime.combine(
            chance.choice(days), time(chance.randrange(7, 23), chance.randrange(60), chance.randrange(60))
        )
        for _ in range(count)
    )
    out = io.StringIO(newline="")
    out.write("\ufeff" + _WECHAT + "\r\n")
    total, per_day = 0, dict[date, int]()
    for number, moment in enumerate(moments):
        fen = 100 * int(str(_weighted(chance, AMOUNTS)))
        total += fen
        per_day[moment.date()] = per_day.get(moment.date(), 0) + fen
        order = f"42000099{moment:%Y%m%d}{number:012d}"
        purpose = str(_weighted(chance, PURPOSES))
        cells = [
            f"{moment:%Y-%m-%d %H:%M:%S}", "wx9999000000000000", MERCHANT, "0", "", order,
            f"HD{moment:%Y%m%d}{number:06d}", f"oHaidai{chance.randrange(10**12):018d}", "JSAPI", "SUCCESS",
            "OTHERS", "CNY", _yuan(fen), "0.00", "0", "0", "0.00", "0.00", "", "", purpose, "", "0.00000",
            "0.00%",
        ]  # fmt: skip
        out.write(",".join("`" + cell for cell in cells) + "\r\n")
    out.write("总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额\r\n")
    out.write(",".join("`" + cell for cell in (str(count), _yuan(total), "0.00", "0.00", "0.00")) + "\r\n")
    return out.getvalue().encode(), per_day


def gift_credits(chance: random.Random, days: Sequence[date], persons: int, bodies: int) -> list[Credit]:
    """Return bank transfers of gifts: many persons, some bodies."""
    rows = []
    for number in range(persons + bodies):
        is_body = number >= persons
        name = chance.choice(COMPANIES) if is_body else person_name(chance)
        yuan = (
            chance.choice((2000, 5000, 8000, 10000, 20000))
            if is_body
            else chance.choice((100, 200, 300, 500, 800, 1000, 2000))
        )
        moment = datetime.combine(
            chance.choice(days), time(chance.randrange(8, 18), chance.randrange(60), chance.randrange(60))
        )
        purpose = str(_weighted(chance, PURPOSES))
        rows.append(
            Credit(
                moment,
                yuan * 100,
                name,
                f"99991{chance.randrange(10**11):011d}",
                "转账存入",
                f"捐款 {purpose}",
            )
        )
    return rows


def bank_export(rows: Sequence[Credit], opening_fen: int) -> tuple[bytes, int]:
    """Return a bank export in GB18030, oldest row first, and the balance after it in fen."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_BANK.split(","))
    balance = opening_fen
    for row in sorted(rows, key=lambda r: r.at):
        balance += row.fen
        paid, received = (_yuan(-row.fen), "0") if row.fen < 0 else ("0", _yuan(row.fen))
        writer.writerow(
            [
                BANK_ACCOUNT,
                "海岱市慈善总会",
                f"{row.at:%Y%m%d %H:%M:%S}",
                paid,
                received,
                _yuan(balance),
                "人民币元",
                row.name,
                row.account,
                "示例银行海岱支行",
                f"{row.at:%Y%m%d}",
                row.summary,
                row.remark,
            ]  # fmt: skip
        )
    return out.getvalue().encode("gb18030"), balance
