"""Every account of 2004 lands once in the chart of 2026, by statement section unchanged."""

from __future__ import annotations

import pytest

from charity.ledger.chart_mapping import mapping, resolve_account
from tests.openings import balance, story
from tests.unit.ledger.test_opening_rules import BALANCES, Rows, books, read


def resolve(code: str, given: str = "", fund: str = "GEN", place: str = "", chart: str = "2004") -> object:
    found, problems = resolve_account(
        "科目余额 2", code, given, chart=chart, fund=fund, place=place, books=books()
    )
    return found or problems[0].code


def test_every_account_of_2004_has_a_place_that_exists() -> None:
    codes = books().accounts
    assert len(mapping()) == 48
    for row in mapping().values():
        assert row.new_code in codes
        assert all(choice in codes for choice in row.choices)


@pytest.mark.parametrize(
    ("code", "new"),
    [
        ("1701", "1801"),
        ("2401", "2503"),
        ("5201", "530101"),
        ("5301", "540101"),
        ("5401", "590101"),
        ("2204", "2204"),
    ],
)
def test_the_same_code_means_another_account(code: str, new: str) -> None:
    """1701, 5201, 5301 and 5401 changed their meaning; none is looked up without its chart."""
    fund = "AGENCY" if code == "1701" else "GEN"
    given = "5301" if code == "5201" else ""  # an impairment part would go to 5501
    assert resolve(code, given, fund) == new


@pytest.mark.parametrize(
    ("code", "choices"),
    [("1301", "1301, 1701"), ("1402", "1402, 1403"), ("1601", "1601, 1602"), ("5201", "5301, 5501")],
)
def test_an_account_that_splits_asks_for_a_decision(code: str, choices: str) -> None:
    _, problems = resolve_account("科目余额 2", code, "", chart="2004", fund="GEN", place="", books=books())
    assert [problem.code for problem in problems] == ["mapping_choice"]
    assert choices in problems[0].sentence()
    assert not str(resolve(code, choices.split(", ")[1])).startswith("mapping")


def test_a_decision_must_be_one_of_those_offered() -> None:
    assert resolve("1601", "1501") == "mapping_wrong_choice"
    assert resolve("2204", "2206") == "mapping_wrong_choice"


def test_what_is_in_neither_chart_is_told() -> None:
    assert resolve("8888") == "mapping_unknown"
    assert resolve("1403") == "mapping_unknown", "1403 came with the chart of 2026"


def test_income_follows_the_fund_and_money_its_place() -> None:
    assert resolve("4101", fund="F1") == "410102"
    assert resolve("4101", fund="GEN") == "410101"
    assert resolve("1009", place="W1") == "100901"
    assert resolve("1002", fund="AGENCY", place="B1") == "100291"
    assert resolve("100201", fund="F1", place="B1") == "1002", (
        "an account of the charity's own below four digits"
    )


def test_a_carry_over_from_2004_keeps_every_section_of_the_balance_sheet() -> None:
    """Assets, liabilities and net assets in sum as before; each old balance lands once.

    无形资产 stood net at 300 in 2004; at cost it is 500 less 200 written off.
    """
    rows: Rows = story()
    rows[BALANCES] += [
        balance("1601", "GEN", "500", closing="500", new_account="1601"),
        balance("1601", "GEN", "-200", closing="-200", new_account="1602"),
        balance("2401", "GEN", "-100", closing="-100"),
        balance("1501", "GEN", "800", closing="800"),
    ]
    rows[BALANCES][5] = balance("3101", "GEN", "-101000", closing="-101000")
    rows["前三年指标"][0]["net_assets"] = "501000"
    plan, problems = read(rows, chart="2004")
    assert problems == []
    assert plan is not None
    sums: dict[str, int] = {}
    for line in plan.vouchers[0][1]:
        kind = books().accounts[line.account].kind.replace("contra_", "")
        sums[kind] = sums.get(kind, 0) + line.debit_fen - line.credit_fen
    assert sums == {"asset": 50_110_000, "liability": -10_000, "net_asset": -50_100_000}
    assert len(plan.vouchers[0][1]) == 8
