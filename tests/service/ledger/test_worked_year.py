"""The worked year: twenty-one events, the guards after each, the balances at the end."""

from __future__ import annotations

import pytest

from charity.errors import Refused
from charity.ledger import corrections
from tests.books import Ledger

OPENING = """
2026-01-01 !opening 年初余额
  借 1002@B1  100,000.00  GEN
  借 1002@B1  120,000.00  F1
  借 1002@B1  200,000.00  F2
  借 1002@B1   80,000.00  F3
  借 1201      30,000.00  F1
  借 1501      60,000.00  GEN
  贷 1502      20,000.00  GEN
  贷 2209       5,000.00  GEN
  贷 3101     135,000.00  GEN
  贷 3102     150,000.00  F1
  贷 3102     200,000.00  F2
  贷 3102      80,000.00  F3
"""

#: (journal, guards in yuan after it: GEN, F1, F2, F3, AGENCY)
EVENTS = [
    (
        """
2026-01-05 普通捐款
  借 1002@B1   50,000.00  GEN
  贷 410101    50,000.00  GEN""",
        ("150,000.00", "120,000.00", "200,000.00", "80,000.00", None),
    ),
    (
        """
2026-01-08 医疗定向捐款
  借 1002@B1  100,000.00  F2
  贷 410102   100,000.00  F2""",
        ("150,000.00", "120,000.00", "300,000.00", "80,000.00", None),
    ),
    (
        """
2026-02-03 平台捐款
  借 100901@W1  20,000.00  F1
  贷 410102     20,000.00  F1

2026-02-05 平台结算（方案列支募捐成本）
  借 1002@B1    19,880.00  F1
  借 540102        120.00  F1
  贷 100901@W1  20,000.00  F1""",
        ("150,000.00", "139,880.00", "300,000.00", "80,000.00", None),
    ),
    (
        """
2026-02-10 捐赠药品
  借 1201      40,000.00  F2
  贷 410102    40,000.00  F2

2026-02-11 药品运费
  借 540101       800.00  GEN
  贷 1002@B1      800.00  GEN""",
        ("149,200.00", "139,880.00", "300,000.00", "80,000.00", None),
    ),
    (
        """
2026-02-20 捐赠电脑，名义金额
  借 1501           1.00  GEN
  贷 410101         1.00  GEN""",
        ("149,200.00", "139,880.00", "300,000.00", "80,000.00", None),
    ),
    (
        """
2026-03-02 捐赠审计服务
  借 530101    15,000.00  GEN
  贷 410101    15,000.00  GEN""",
        ("149,200.00", "139,880.00", "300,000.00", "80,000.00", None),
    ),
    (
        """
2026-03-10 代收助学款
  借 100291@B1  30,000.00  AGENCY
  贷 2601       30,000.00  AGENCY

2026-03-12 代付助学款
  借 2601       18,000.00  AGENCY
  贷 100291@B1  18,000.00  AGENCY""",
        ("149,200.00", "139,880.00", "300,000.00", "80,000.00", "12,000.00"),
    ),
    (
        """
2026-04-01 政府补助
  借 1002@B1   60,000.00  F3
  贷 440102    60,000.00  F3""",
        ("149,200.00", "139,880.00", "300,000.00", "140,000.00", "12,000.00"),
    ),
    (
        """
2026-04-15 医疗救助
  借 510102    95,000.00  F2
  贷 1002@B1   70,000.00  F2
  贷 1201      25,000.00  F2""",
        ("149,200.00", "139,880.00", "230,000.00", "140,000.00", "12,000.00"),
    ),
    (
        """
2026-05-06 急难救助
  借 510102    45,000.00  F1
  贷 1002@B1   45,000.00  F1""",
        ("149,200.00", "94,880.00", "230,000.00", "140,000.00", "12,000.00"),
    ),
    (
        """
2026-05-31 按协议解除管理费
  借 3102   5,000.00  F2   net_asset_change=management_share
  贷 3101   5,000.00  GEN  net_asset_change=management_share""",
        ("154,200.00", "94,880.00", "225,000.00", "140,000.00", "12,000.00"),
    ),
    (
        """
2026-06-30 计提工资
  借 510101    12,000.00  GEN
  借 530101    18,000.00  GEN
  贷 2204      30,000.00  GEN

2026-06-30 发放工资
  借 2204      30,000.00  GEN
  贷 1002@B1   30,000.00  GEN""",
        ("124,200.00", "94,880.00", "225,000.00", "140,000.00", "12,000.00"),
    ),
    (
        """
2026-07-31 折旧
  借 530101     1,000.00  GEN
  贷 1502       1,000.00  GEN""",
        ("124,200.00", "94,880.00", "225,000.00", "140,000.00", "12,000.00"),
    ),
    (
        """
2026-08-05 限定投资收益
  借 1002@B1    3,000.00  F3
  贷 460102     3,000.00  F3""",
        ("124,200.00", "94,880.00", "225,000.00", "143,000.00", "12,000.00"),
    ),
    (
        """
2026-09-01 经捐赠人同意调剂
  借 3102   10,000.00  F3  net_asset_change=fund_transfer
  贷 3102   10,000.00  F1  net_asset_change=fund_transfer""",
        ("124,200.00", "104,880.00", "225,000.00", "133,000.00", "12,000.00"),
    ),
    (
        """
2026-09-10 应退捐款（外部原因）
  借 410102     2,000.00  F2
  贷 2209       2,000.00  F2""",
        ("124,200.00", "104,880.00", "223,000.00", "133,000.00", "12,000.00"),
    ),
    (
        """
2026-09-12 应退捐款（自身原因）
  借 530102     1,000.00  F1
  贷 2209       1,000.00  F1""",
        ("124,200.00", "103,880.00", "223,000.00", "133,000.00", "12,000.00"),
    ),
    (
        """
2026-10-09 补记2025年救助
  借 320102     3,000.00  F1  net_asset_change=prior_year
  贷 1002@B1    3,000.00  F1

2026-10-09 结转以前年度调整
  借 3102       3,000.00  F1  net_asset_change=prior_year_close
  贷 320102     3,000.00  F1  net_asset_change=prior_year_close""",
        ("124,200.00", "100,880.00", "223,000.00", "133,000.00", "12,000.00"),
    ),
    (
        """
2026-11-03 误记捐款
  借 1002@B1    6,000.00  F1
  贷 410102     6,000.00  F1""",
        ("124,200.00", "106,880.00", "223,000.00", "133,000.00", "12,000.00"),
    ),
]

LAST = """
2026-12-20 限定完全解除
  借 3102   20,000.00  F3   net_asset_change=release
  贷 3101   20,000.00  GEN  net_asset_change=release
"""


def run_year(ledger: Ledger) -> None:
    """Post the opening and the twenty-one events, comparing the guards after each."""
    ledger.post(OPENING)
    for number, (journal, expected) in enumerate(EVENTS, start=1):
        posted = ledger.post(journal)
        free = {key: values[0] for key, values in ledger.guard().items()}
        found = tuple(free.get(code) for code in ("GEN", "F1", "F2", "F3", "AGENCY"))
        assert found == expected, f"after event {number}: {found}"
    from datetime import date

    red = ledger.act(
        corrections.reverse_voucher, "maker", voucher_id=posted[0].voucher_id, on=date(2026, 11, 5)
    )
    ledger.run([red])
    assert ledger.guard()["F1"] == ("100,880.00", "0.00")
    ledger.post(LAST)
    assert {k: v[0] for k, v in ledger.guard().items()} == {
        "F1": "100,880.00",
        "F2": "223,000.00",
        "F3": "113,000.00",
        "GEN": "144,200.00",
        "AGENCY": "12,000.00",
    }


@pytest.fixture
def year(ledger: Ledger) -> Ledger:
    """Books at the end of the worked year."""
    run_year(ledger)
    return ledger


def test_the_worked_year_gives_its_balances_to_the_fen(year: Ledger) -> None:
    found = year.balances()

    def total(*codes: str, fund: str = "") -> int:
        return sum(fen for (code, own), fen in found.items() if code in codes and fund in ("", own))

    assert total("1002", "100901") == 584_080_00
    assert {f: total("1002", fund=f) for f in ("GEN", "F1", "F2", "F3")} == {
        "GEN": 144_200_00,
        "F1": 101_880_00,
        "F2": 225_000_00,
        "F3": 113_000_00,
    }
    assert total("1201") == 45_000_00
    assert total("1501") + total("1502") == 39_001_00
    assert total("100291") == 12_000_00 and total("2601") == -12_000_00
    assert total("2209") == -8_000_00
    assert (-total("410101"), -total("410102")) == (65_001_00, 158_000_00)
    assert -total("440102") == 60_000_00 and -total("460102") == 3_000_00
    assert (total("510101"), total("510102")) == (12_000_00, 140_000_00)
    assert (total("530101"), total("530102")) == (34_000_00, 1_000_00)
    assert (total("540101"), total("540102")) == (800_00, 120_00)

    def net_assets(fund: str) -> int:
        codes = {code for code, own in found if own == fund and code[0] in "345"}
        return -sum(total(code, fund=fund) for code in codes)

    assert {f: net_assets(f) for f in ("F1", "F2", "F3", "GEN")} == {
        "F1": 130_880_00,
        "F2": 238_000_00,
        "F3": 113_000_00,
        "GEN": 178_201_00,
    }
    assert sum(net_assets(f) for f in ("F1", "F2", "F3")) == 481_880_00


def test_a_hold_stops_at_the_last_fen_after_the_worked_year(year: Ledger) -> None:
    with pytest.raises(Refused) as refused:
        year.hold("F1", "100,880.01")
    assert refused.value.codes == ["fund_overdrawn"]
    assert refused.value.problems[0].params["short"] == "0.01"
    year.hold("F1", "100,880.00")
    assert year.guard()["F1"] == ("0.00", "100,880.00")
    found = year.balances()
    assert -sum(fen for (code, fund), fen in found.items() if fund == "F1" and code[0] in "345") == 130_880_00
