"""Forged vouchers: well formed, rightly committed to, with one fault each; the database refuses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from charity.ledger.checks import run_checks
from charity.ledger.voucher_checks import CHECKS, LINE_FAULTS
from tests.service.ledger.forging import FORGED, ODD_ACCOUNTS, Forgery, Id, Stage


def _account(code: str) -> Mapping[str, Any]:
    return {"account_id": Id("account", code)}


def _fund(code: str) -> Mapping[str, Any]:
    return {"fund_id": Id("fund", code), "earmark_id": Id("earmark", code)}


def _amounts(first: Any, second: Any) -> Mapping[int, Mapping[str, Any]]:
    return {1: {"debit_fen": first}, 2: {"credit_fen": second}}


_NO_CASHIER = {"cashier_id": None, "signed_at": None}
_NO_PAPER = {"attachment_count": 0}
_BY_RULE = {"reviewer_id": None, "reviewed_at": None}
_CORRECTION = {"kind": "correction", **_NO_PAPER}
_RED = {"kind": "correction", "colour": "red", "total_fen": -1_000, **_NO_PAPER}
_RED_LINES = _amounts(-1_000, -1_000)


def _settled(fund: str) -> str:
    """Return the statement that lets a forged voucher settle the hold of a fund."""
    return (
        "INSERT INTO ledger_hold_event"
        " (org_id, hold_id, step_no, kind, voucher_id, reason, acted_by, acted_at)"
        f" SELECT h.org_id, h.id, 2, 'settled', {FORGED}, '', h.placed_by, h.placed_at FROM ledger_hold h"
        f" JOIN ledger_fund f ON f.id = h.fund_id WHERE h.org_id = :org AND f.code = '{fund}'"
        " AND h.amount_fen = 200"
    )


#: A rule of CITY that nobody approved.
_RULE = "(SELECT MAX(id) FROM ledger_posting_rule)"

#: Refusal (a problem code or a constraint) and name of the law → the forgery.
VOUCHERS: dict[tuple[str, str], Forgery] = {
    ("voucher_exists", "a number is given once"): Forgery(head={"number": 1}, bump=0),
    ("period_closed", "no voucher comes into a closed month"): Forgery(
        head={"month": 202602, "voucher_on": date(2026, 2, 9), "number": 1}, bump=0
    ),
    ("number_not_next", "numbers have no gap"): Forgery(bump=2),
    ("date_out_of_order", "numbers follow the dates"): Forgery(head={"voucher_on": date(2026, 3, 1)}),
    ("date_outside_month", "a voucher lies in its month"): Forgery(head={"voucher_on": date(2026, 4, 1)}),
    ("word_not_derived", "money in is 收"): Forgery("three gift", {"word": "转"}, org="THREE"),
    ("word_not_derived", "money out is 付"): Forgery("three aid", {"word": "收"}, org="THREE"),
    ("word_not_derived", "without money it is 转"): Forgery("three goods", {"word": "付"}, org="THREE"),
    ("opening_late", "books are opened in their first month"): Forgery(
        head={"kind": "opening", **_NO_CASHIER, **_NO_PAPER}
    ),
    ("rule_not_approved", "a rule that nobody approved reviews nothing"): Forgery(
        head={**_BY_RULE, "posting_rule_id": Id("posting_rule", "P01")}
    ),
    ("rule_not_approved", "a rule that is not there reviews nothing"): Forgery(
        head={**_BY_RULE, "posting_rule_id": 424_242}
    ),
    ("voucher_lines_missing", "every line is there"): Forgery(head={"line_count": 3}),
    ("voucher_lines_missing", "lines are 1 to n"): Forgery(lines={2: {"line_no": 3}}),
    ("voucher_unbalanced", "the total is the sum of debits"): Forgery(head={"total_fen": 9_999}),
    ("voucher_unbalanced", "debit equals credit"): Forgery(lines=_amounts(10_000, 9_999)),
    ("fund_unbalanced", "each fund balances"): Forgery(lines={2: _fund("F1")}),
    ("fund_unbalanced", "each earmark balances"): Forgery(lines={2: {"earmark_id": Id("earmark", "F1")}}),
    ("colour_mixed", "blue lines are not negative"): Forgery(
        head={"total_fen": 9_000}, added=[(1, {"debit_fen": -1_000}), (2, {"credit_fen": -1_000})]
    ),
    ("colour_mixed", "red lines are not positive"): Forgery(
        "general", {**_RED, "corrects_id": Id("voucher", "general"), "total_fen": 1_000}
    ),
    ("target_not_blue", "a red voucher is not corrected"): Forgery(
        "general", {**_RED, "corrects_id": Id("voucher", "red")}, _RED_LINES
    ),
    ("target_not_blue", "an opening voucher is not corrected"): Forgery(
        "opening",
        {**_RED, "month": 202603, "cashier_id": 13, "corrects_id": Id("voucher", "opening")},
        _RED_LINES,
    ),
    ("target_not_blue", "a difference is not corrected"): Forgery(
        "general", {**_RED, "corrects_id": Id("voucher", "more")}, _RED_LINES
    ),
    ("target_not_blue", "what is corrected is there"): Forgery(
        "general", {**_RED, "corrects_id": 424_242}, _RED_LINES
    ),
    ("correction_prior_year", "a past year is not taken back in red"): Forgery(
        "december",
        {
            **_RED,
            "reverses_id": Id("voucher", "december"),
            "month": 202701,
            "voucher_on": date(2027, 1, 9),
        },
        _RED_LINES,
    ),
    ("correction_stale", "nothing goes below zero"): Forgery(
        "general",
        {**_RED, "total_fen": -2_001, "corrects_id": Id("voucher", "general")},
        _amounts(-2_001, -2_001),
    ),
    ("correction_stale", "a reversal takes back everything"): Forgery(
        "general", {**_RED, "reverses_id": Id("voucher", "general")}, _RED_LINES
    ),
    ("correction_stale", "a reversal takes back line for line"): Forgery(
        "general",
        {**_RED, "total_fen": -2_000, "reverses_id": Id("voucher", "general")},
        {
            1: {"debit_fen": -2_000},
            2: {"credit_fen": -2_000, "project_id": Id("project_tag", "P1")},
        },
    ),
    ("correction_stale", "what was reversed stays reversed"): Forgery(
        "general", {**_CORRECTION, "corrects_id": Id("voucher", "reversed")}
    ),
    ("cash_flow_missing", "money in says where from"): Forgery(lines={1: {"cash_flow_item_id": None}}),
    ("cash_flow_missing", "money out says what for"): Forgery("aid", lines={2: {"cash_flow_item_id": None}}),
    ("retag_unbalanced", "a re-tag moves no money"): Forgery(
        "move", lines={3: {**_account("1001"), "money_place_id": Id("money_place", "C1")}}
    ),
    ("cashier_missing", "the cashier signs what moves money"): Forgery(head=_NO_CASHIER),
    ("attachment_missing", "a normal voucher has its paper"): Forgery(head=_NO_PAPER),
    ("attachment_missing", "attachments are counted"): Forgery(head={"attachment_count": 2}),
    ("hold_mismatched", "a hold is paid from its own purse"): Forgery("aid", before=[_settled("GEN")]),
    ("hold_mismatched", "a hold pays no more than was set aside"): Forgery("aid", before=[_settled("F2")]),
    ("hold_mismatched", "money that comes in pays nothing"): Forgery(before=[_settled("F2")]),
    ("fund_frozen", "a frozen fund pays nothing"): Forgery("spent"),
    ("ck_ledger_voucher_kind", "kinds are four"): Forgery(head={"kind": "other"}),
    ("ck_ledger_voucher_colour", "colours are two"): Forgery(
        "general", {**_CORRECTION, "colour": "gold", "corrects_id": Id("voucher", "general")}
    ),
    ("ck_ledger_voucher_red_names_voucher", "red names what it takes back"): Forgery(
        "general", {**_RED, "set_id": 1}, _RED_LINES
    ),
    ("ck_ledger_voucher_one_target", "a voucher corrects or reverses"): Forgery(
        "general",
        {
            **_RED,
            "total_fen": -2_000,
            "reverses_id": Id("voucher", "general"),
            "corrects_id": Id("voucher", "general"),
        },
        _amounts(-2_000, -2_000),
    ),
    ("ck_ledger_voucher_only_corrections_name", "what names a voucher is a correction"): Forgery(
        "general", {"corrects_id": Id("voucher", "general")}
    ),
    ("ck_ledger_voucher_correction_names", "a correction names something"): Forgery("general", _CORRECTION),
    ("ck_ledger_voucher_is_reviewed", "every voucher is reviewed"): Forgery(head=_BY_RULE),
    ("ck_ledger_voucher_opening_reviewed", "no rule opens the books"): Forgery(
        "three gift",
        {
            **_BY_RULE,
            **_NO_CASHIER,
            **_NO_PAPER,
            "kind": "opening",
            "word": "收",
            "posting_rule_id": 7,
        },
        before=[
            "INSERT INTO ledger_posting_rule (org_id, id, code, version, text, from_on, author_id)"
            " VALUES (:org, 7, 'P50', 1, '', '2026-01-01', 11)",
            "UPDATE ledger_posting_rule SET first_approver_id = 12 WHERE id = 7",
            "UPDATE ledger_posting_rule SET second_approver_id = 14, approved_at = '2026-01-01 00:00:00'"
            " WHERE id = 7",
        ],
        org="THREE",
    ),
    ("ck_ledger_voucher_reviewer_not_maker", "maker and reviewer differ"): Forgery(head={"reviewer_id": 11}),
    ("ck_ledger_voucher_cashier_not_maker", "maker and cashier differ"): Forgery(head={"cashier_id": 11}),
    ("ck_ledger_voucher_cashier_not_reviewer", "reviewer and cashier differ"): Forgery(
        head={"cashier_id": 12}
    ),
    ("ck_ledger_voucher_poster_not_maker", "maker and poster differ"): Forgery(head={"poster_id": 11}),
    ("ck_ledger_voucher_poster_not_cashier", "cashier and poster differ"): Forgery(head={"poster_id": 13}),
    ("ck_ledger_voucher_line_one_side", "a line has one side"): Forgery(lines={1: {"credit_fen": 1}}),
    ("ck_ledger_voucher_line_salt", "a salt has 32 bytes"): Forgery(lines={1: {"salt": b"short"}}),
    ("ck_ledger_voucher_line_commitments", "a line is committed to"): Forgery(
        lines={1: {"commitments": b""}}
    ),
    ("ck_ledger_voucher_line_activity_class", "activity classes are a list"): Forgery(
        lines={2: {"activity_class": "other_than_these"}}
    ),
    ("ck_ledger_voucher_line_net_asset_change", "net-asset changes are a list"): Forgery(
        lines={2: {"net_asset_change": "whatever"}}
    ),
    ("(?i)foreign.key", "an account is in the chart"): Forgery(lines={2: {"account_id": 999}}),
}

#: Name of the fault of a line (``voucher_checks.LINE_FAULTS``) → the forgery.
LINES: dict[str, Forgery] = {
    "earmark unknown": Forgery(lines={0: {"earmark_id": 999}}),
    "earmark of another fund": Forgery(lines={0: {"earmark_id": Id("earmark", "F1")}}),
    "account is a heading": Forgery(lines={2: _account("1421")}),
    "account is split": Forgery("general", lines={2: _account("4990")}),
    "account before its first day": Forgery("general", lines={2: _account("4991")}),
    "account after its last day": Forgery("general", lines={2: _account("4992")}),
    "restricted account without a restricted fund": Forgery("general", lines={2: _account("410102")}),
    "unrestricted account in a restricted fund": Forgery(lines={2: _account("410101")}),
    "agency apart from agency": Forgery("agency", lines={2: _account("2209")}),
    "money and its place": Forgery(lines={1: {"money_place_id": None}}),
    "place that is not there": Forgery(lines={2: {"money_place_id": 999}}),
    "account of another place": Forgery(lines={1: {"money_place_id": Id("money_place", "C1")}}),
    "date of the line": Forgery(lines={2: {"voucher_on": date(2026, 3, 19)}}),
    "month of the line": Forgery(lines={2: {"month": 202604}}),
    "re-tag on what is no money": Forgery(
        added=[
            (2, {"credit_fen": 1_000, "is_retag": True}),
            (2, {"debit_fen": 1_000, "credit_fen": 0, "is_retag": True}),
        ],
    ),
    "net-asset change unnamed": Forgery("general", lines={2: _account("3101")}),
    "closing beyond income and expense": Forgery(head={"kind": "closing", **_NO_CASHIER, **_NO_PAPER}),
    "fund not open yet": Forgery(lines={0: _fund("F9")}),
    "fund closed": Forgery(
        lines={0: _fund("F8")}, before=["UPDATE ledger_fund SET closed_on = '2026-03-19' WHERE code = 'F8'"]
    ),
    "earmark ended": Forgery(
        lines={0: _fund("F8")},
        before=["UPDATE ledger_earmark SET until_on = '2026-03-19' WHERE code = 'F8'"],
    ),
    "place closed": Forgery(
        before=["UPDATE ledger_money_place SET closed_on = '2026-03-19' WHERE code = 'B1'"]
    ),
    "designation unknown": Forgery(lines={2: {"designation_id": 999}}),
    "project unknown": Forgery(lines={2: {"project_id": 999}}),
    "party unknown": Forgery(lines={2: {"party_id": 999}}),
    "first dimension unknown": Forgery(lines={2: {"dimension1_id": Id("dimension_value", "D2")}}),
    "second dimension unknown": Forgery(lines={2: {"dimension2_id": Id("dimension_value", "D1")}}),
    "cash-flow item unknown": Forgery(lines={1: {"cash_flow_item_id": 999}}),
    "unit unknown": Forgery(lines={2: {"place_id": 999}}),
    "federation unknown": Forgery(lines={2: {"counterparty_org_id": 999}}),
}

#: What only SQLite would take for a number (law 1).
NO_NUMBERS = {
    "a fraction of a fen": Forgery(head={"total_fen": 0.5}, lines=_amounts(0.5, 0.5)),
    "a text": Forgery(head={"total_fen": 7}, lines=_amounts("7abc", "7abc")),
}

_BASES = ("gift", "general", "aid", "agency", "move", "goods", "three gift", "three aid", "three goods")


def _base(name: str) -> Forgery:
    return Forgery(name, org="THREE" if name.startswith("three") else "CITY")


@pytest.mark.parametrize("name", _BASES)
def test_a_sound_copy_passes_every_guard(stage: Stage, name: str) -> None:
    assert stage.is_accepted(_base(name))


def test_what_is_closed_still_carries_forward_and_is_still_put_right(stage: Stage) -> None:
    """F2, GEN, their charters and the bank account are closed on 19 March."""
    closed = [
        "UPDATE ledger_fund SET closed_on = '2026-03-19' WHERE code IN ('F2', 'GEN')",
        "UPDATE ledger_earmark SET until_on = '2026-03-19' WHERE code IN ('F2', 'GEN')",
        "UPDATE ledger_money_place SET closed_on = '2026-03-19' WHERE code = 'B1'",
    ]
    net_assets = {"debit_fen": 0, "credit_fen": 10_000, **_account("3102"), "cash_flow_item_id": None}
    carried = {1: {**net_assets, "money_place_id": None}, 2: {"debit_fen": 10_000, "credit_fen": 0}}
    assert stage.is_accepted(
        Forgery(head={"kind": "closing", **_NO_CASHIER, **_NO_PAPER}, lines=carried, before=closed)
    )
    red = {**_RED, "total_fen": -2_000, "reverses_id": Id("voucher", "general")}
    assert stage.is_accepted(Forgery("general", red, _amounts(-2_000, -2_000), before=closed))


@pytest.mark.parametrize(("code", "law"), VOUCHERS, ids=lambda value: value)
def test_a_forged_voucher_is_refused(stage: Stage, code: str, law: str) -> None:
    pattern = code if code.startswith(("ck_", "(?i)")) else rf"ledger: {code}\b"
    with pytest.raises(DBAPIError) as caught:
        stage.try_out(VOUCHERS[code, law])
    assert re.search(pattern, str(caught.value.orig)), str(caught.value.orig)


@pytest.mark.parametrize("fault", LINES)
def test_a_forged_line_is_refused(stage: Stage, fault: str) -> None:
    with pytest.raises(DBAPIError, match="ledger: line_unsound"):
        stage.try_out(LINES[fault])


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_whole_number_is_refused(stage: Stage, name: str) -> None:
    if stage.session.get_bind().dialect.name == "sqlite":
        with pytest.raises(DBAPIError, match="whole_numbers"):
            stage.try_out(NO_NUMBERS[name])
    elif name == "a text":
        with pytest.raises(DBAPIError, match="invalid input syntax"):
            stage.try_out(NO_NUMBERS[name])


def test_every_check_has_its_forgery() -> None:
    assert {code for code, _ in CHECKS} - {code for code, _ in VOUCHERS} == {"line_unsound"}
    assert [name for name, _ in LINE_FAULTS] == list(LINES)


def test_the_books_of_the_cases_are_sound(stage: Stage) -> None:
    """The owner's odd accounts are named, and nothing else is found."""
    stage.session.rollback()
    for ledger in stage.ledgers.values():
        found = [f.where for f in run_checks(stage.session, ledger.org_id)]
        assert found == [f"account {code}" for code, *_ in ODD_ACCOUNTS]
