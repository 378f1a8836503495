"""The 2026 chart of accounts (科目表), the rows of the cash-flow statement, and what guards count.

Installed once; what is there stays. Source: 财会〔2024〕25号, in force 2026-01-01; sub-accounts
below four digits are this product's own.
"""

from __future__ import annotations

import csv
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import ROOT
from charity.ids import new_id
from charity.ledger.models import Account, CashFlowItem, GuardRule

CHART = "cn-2026"
#: First day of the 2026 chart; source 财会〔2024〕25号; sub-accounts are this product's own.
CHART_FROM = date(2026, 1, 1)

_MONEY = ("1001", "1002", "1009")

#: code, 中文, English, section, direction – rows 待核实 against the official form.
CASH_FLOW_ITEMS = (
    ("donations_in", "接受捐赠收到的现金", "Cash received from donations", "operating", "in"),
    ("fees_in", "收取会费收到的现金", "Cash received from membership fees", "operating", "in"),
    ("services_in", "提供服务收到的现金", "Cash received from services", "operating", "in"),
    ("sales_in", "销售商品收到的现金", "Cash received from sales of goods", "operating", "in"),
    ("subsidies_in", "政府补助收到的现金", "Cash received from government grants", "operating", "in"),
    (
        "other_operating_in",
        "收到的其他与业务活动有关的现金",
        "Other operating cash received",
        "operating",
        "in",
    ),
    ("aid_out", "提供捐赠或者资助支付的现金", "Cash paid as donations or aid", "operating", "out"),
    ("staff_out", "支付给员工以及为员工支付的现金", "Cash paid to and for staff", "operating", "out"),
    ("purchases_out", "购买商品、接受服务支付的现金", "Cash paid for goods and services", "operating", "out"),
    ("taxes_out", "支付的各项税费", "Taxes paid", "operating", "out"),
    (
        "other_operating_out",
        "支付的其他与业务活动有关的现金",
        "Other operating cash paid",
        "operating",
        "out",
    ),
    ("investments_sold_in", "收回投资所收到的现金", "Cash from investments recovered", "investing", "in"),
    ("investment_income_in", "取得投资收益所收到的现金", "Cash from investment income", "investing", "in"),
    (
        "assets_sold_in",
        "处置长期资产所收回的现金",
        "Cash from disposal of long-term assets",
        "investing",
        "in",
    ),
    (
        "other_investing_in",
        "收到的其他与投资活动有关的现金",
        "Other investing cash received",
        "investing",
        "in",
    ),
    ("assets_bought_out", "购建长期资产所支付的现金", "Cash paid for long-term assets", "investing", "out"),
    ("investments_made_out", "对外投资所支付的现金", "Cash paid for investments", "investing", "out"),
    (
        "other_investing_out",
        "支付的其他与投资活动有关的现金",
        "Other investing cash paid",
        "investing",
        "out",
    ),
    ("loans_in", "借款所收到的现金", "Cash from borrowing", "financing", "in"),
    (
        "other_financing_in",
        "收到的其他与筹资活动有关的现金",
        "Other financing cash received",
        "financing",
        "in",
    ),
    ("loans_repaid_out", "偿还借款所支付的现金", "Cash paid to repay loans", "financing", "out"),
    ("interest_out", "偿付利息所支付的现金", "Cash paid as interest", "financing", "out"),
    (
        "other_financing_out",
        "支付的其他与筹资活动有关的现金",
        "Other financing cash paid",
        "financing",
        "out",
    ),
)

_CASH = ("1001", "1002")
_PAYABLES = ("2201", "2202", "2203", "2204", "2206", "2209", "2301")
_GUARD_SOURCE = "慈善法 (2023) art. 54; ledger law 5"


def declared_accounts() -> list[dict[str, Any]]:
    """Return the columns of every account of the 2026 chart but its id, chart order."""
    with (ROOT / "ledger" / "data" / "chart_2026.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parents = {r["code"] for r in rows if r["restricted"] == "split" or r["code"] == "1421"}
    return [
        {
            "chart": CHART,
            "code": row["code"],
            "name_zh": row["name_zh"],
            "name_en": row["name_en"],
            "kind": row["type"],
            "normal_side": row["normal_side"],
            "restriction": row["restricted"],
            "statement_line": row["statement_line"],
            "is_postable": row["code"] not in parents,
            "is_money": row["code"][:4] in _MONEY,
            "from_on": CHART_FROM,
            "until_on": None,
        }
        for row in rows
    ]


def install_chart(session: Session) -> None:
    """Install the 2026 chart, the cash-flow items and the guards; what is there stays.

    The owner's act, done when the database is sealed: the app may only read what its
    guards go by.
    """
    if session.scalar(select(Account.id).where(Account.chart == CHART).limit(1)) is not None:
        return
    accounts = {values["code"]: Account(id=new_id(), **values) for values in declared_accounts()}
    session.add_all(accounts.values())
    session.flush()
    _install_items(session)
    _install_guards(session, accounts)


def _install_items(session: Session) -> None:
    """Install the rows of the statement of cash flows."""
    for position, (code, name_zh, name_en, section, direction) in enumerate(CASH_FLOW_ITEMS, start=1):
        session.add(
            CashFlowItem(
                code=code,
                name_zh=name_zh,
                name_en=name_en,
                section=section,
                direction=direction,
                position=position,
            )
        )
    session.flush()


def declared_guards() -> list[tuple[str, str, str]]:
    """Return (guard, kind of fund, account code) of everything the guards count since the chart began."""
    rules = [("money", "restricted", code) for code in _CASH + _PAYABLES]
    rules += [("money", "general", code) for code in _CASH]
    rules += [("money", "agency", code) for code in ("100191", "100291")]
    rules += [("stock", kind, "1201") for kind in ("restricted", "general")]
    rules += [("stock", "agency", "1801")]
    return rules


def _install_guards(session: Session, accounts: dict[str, Account]) -> None:
    """Install what counts for the guards."""
    for guard, kind, code in declared_guards():
        session.add(
            GuardRule(
                guard=guard,
                fund_kind=kind,
                account_id=accounts[code].id,
                from_on=CHART_FROM,
                until_on=None,
                source=_GUARD_SOURCE,
            )
        )
    session.flush()
