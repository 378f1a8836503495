"""What the app's own statements may not do to the tables that guards go by."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import begin_write
from tests.service.ledger.forging import Stage

_PERIOD = (
    "INSERT INTO ledger_period (org_id, month, is_open, opened_by, opened_at)"
    " SELECT org_id, {month}, (1 = 1), opened_by, opened_at FROM ledger_period"
    " WHERE org_id = :org AND month = 202603"
)
_RULE = (
    "INSERT INTO ledger_posting_rule"
    " (org_id, id, code, version, text, from_on, author_id, first_approver_id,"
    " second_approver_id, approved_at)"
    " VALUES (:org, 7, 'P99', 1, '', '2026-01-01', 11, {first}, {second}, {at})"
)
_BORN = _RULE.format(first="NULL", second="NULL", at="NULL")
_FIRST = "UPDATE ledger_posting_rule SET first_approver_id = 12 WHERE org_id = :org AND id = 7"
_SECOND = (
    "UPDATE ledger_posting_rule SET second_approver_id = 14, approved_at = '2026-01-01 00:00:00'"
    " WHERE org_id = :org AND id = 7"
)
_SETTLE = (
    "INSERT INTO ledger_hold_event (org_id, hold_id, step_no, kind, voucher_id, reason, acted_by, acted_at)"
    " SELECT h.org_id, h.id, {step}, '{kind}', {voucher}, '', 11, h.placed_at FROM ledger_hold h"
    " JOIN ledger_fund f ON f.org_id = h.org_id AND f.id = h.fund_id WHERE h.org_id = :org"
    " AND f.code = 'F2' AND h.amount_fen = 200"
)
_PAID = "(SELECT MAX(id) FROM ledger_voucher WHERE org_id = :org)"
#: Only the owner may: no right on PostgreSQL, not authorized on SQLite.
_OWNERS = r"permission denied|not authorized|prohibited"

#: Law → (statements of the app, the last of which is refused; what the refusal says).
STATEMENTS: dict[str, tuple[list[str], str]] = {
    "what guards count is the owner's": (
        ["UPDATE ledger_guard_rule SET until_on = '2026-03-31' WHERE guard = 'money'"],
        _OWNERS,
    ),
    "no guard is taken away": (["DELETE FROM ledger_guard_rule"], _OWNERS),
    "no guard is added": (
        [
            "INSERT INTO ledger_guard_rule (id, guard, fund_kind, account_id, from_on, source)"
            " SELECT 7, 'money', 'restricted', id, from_on, '' FROM ledger_account WHERE code = '1122'"
        ],
        _OWNERS,
    ),
    "money stays money": (["UPDATE ledger_account SET is_money = (1 = 0) WHERE code = '1002'"], _OWNERS),
    "an account keeps its restriction": (
        ["UPDATE ledger_account SET restriction = 'any' WHERE code = '410102'"],
        _OWNERS,
    ),
    "no account is added": (
        [
            "INSERT INTO ledger_account SELECT 7, 'cn-2026', '1002X', name_zh, name_en, kind, normal_side,"
            " restriction, statement_line, is_postable, is_money, from_on, until_on"
            " FROM ledger_account WHERE code = '4901'"
        ],
        _OWNERS,
    ),
    "cash-flow items are the owner's": (["UPDATE ledger_cash_flow_item SET direction = 'in'"], _OWNERS),
    "a fund keeps its kind": (["UPDATE ledger_fund SET kind = 'general' WHERE code = 'F2'"], "code_fixed"),
    "a fund keeps its code": (["UPDATE ledger_fund SET code = 'FX' WHERE code = 'F2'"], "code_fixed"),
    "no fund is taken away": (["DELETE FROM ledger_fund WHERE code = 'F9'"], "code_fixed|foreign key"),
    "an earmark stays in its fund": (
        [
            "UPDATE ledger_earmark SET fund_id = (SELECT id FROM ledger_fund WHERE code = 'F1'"
            " AND org_id = :org) WHERE code = 'F2' AND org_id = :org"
        ],
        "code_fixed",
    ),
    "no council restricts": (["UPDATE ledger_earmark SET source = 'law'"], "code_fixed"),
    "no earmark is taken away": (["DELETE FROM ledger_earmark WHERE code = 'F9'"], "code_fixed"),
    "a place stays on its account": (
        [
            "UPDATE ledger_money_place SET account_id = (SELECT id FROM ledger_account WHERE code = '1001')"
            " WHERE code = 'B1'"
        ],
        "code_fixed",
    ),
    "a place keeps its agency account": (
        ["UPDATE ledger_money_place SET agency_account_id = NULL WHERE code = 'B1'"],
        "code_fixed",
    ),
    "no place is taken away": (["DELETE FROM ledger_money_place WHERE code = 'T1'"], "code_fixed"),
    "a project keeps its code": (["UPDATE ledger_project_tag SET code = 'X'"], "code_fixed"),
    "a dimension keeps its slot": (["UPDATE ledger_dimension_value SET slot = 2"], "code_fixed"),
    "a year keeps its words": (
        ["UPDATE ledger_book_year SET words = 'three' WHERE org_id = :org AND year = 2026"],
        "year_fixed",
    ),
    "a year keeps how it closes": (
        ["UPDATE ledger_book_year SET closing = 'month' WHERE org_id = :org AND year = 2026"],
        "year_fixed",
    ),
    "a year in use is not taken away": (
        ["DELETE FROM ledger_book_year WHERE org_id = :org AND year = 2026"],
        "year_fixed",
    ),
    "no month comes before the first": ([_PERIOD.format(month=202512)], "year_missing|period_gap"),
    "no month is left out": ([_PERIOD.format(month=202703)], "period_gap"),
    "there is no month 14": ([_PERIOD.format(month=202614)], "period_gap"),
    "month 13 follows December": ([_PERIOD.format(month=202713)], "month13_early"),
    "a month belongs to a year of books": (
        [*(_PERIOD.format(month=202700 + n) for n in range(2, 13)), _PERIOD.format(month=202801)],
        "year_missing",
    ),
    "a month opens open": ([_PERIOD.format(month=202702).replace("(1 = 1)", "(1 = 0)")], "period_exists"),
    "no word is invented": (
        [
            "INSERT INTO ledger_voucher_counter (org_id, month, word, last_no, is_open)"
            " VALUES (:org, 202603, '付', 0, (1 = 1))"
        ],
        "word_not_derived",
    ),
    "a rule is not approved at birth": ([_RULE.format(first=12, second="NULL", at="NULL")], "rule_approved"),
    "two approve one after the other": (
        [_BORN, _SECOND.replace("SET ", "SET first_approver_id = 12, ")],
        "rule_same_person",
    ),
    "no one approves twice": (
        [_BORN, _FIRST, _SECOND.replace("= 14", "= 12")],
        "ck_ledger_posting_rule_two",
    ),
    "no author approves": ([_BORN, _FIRST, _SECOND.replace("= 14", "= 11")], "ck_ledger_posting_rule_author"),
    "approval is by two": (
        [_BORN, "UPDATE ledger_posting_rule SET approved_at = '2026-01-01 00:00:00' WHERE id = 7"],
        "ck_ledger_posting_rule_approved",
    ),
    "an approved rule stays": (
        [_BORN, _FIRST, _SECOND, "UPDATE ledger_posting_rule SET from_on = '2025-01-01' WHERE id = 7"],
        "rule_fixed",
    ),
    "a written rule stays": ([_BORN, "UPDATE ledger_posting_rule SET text = 'x' WHERE id = 7"], "rule_fixed"),
    "no rule is taken away": ([_BORN, "DELETE FROM ledger_posting_rule WHERE id = 7"], "rule_fixed"),
    "an incident has two people": (
        [
            "INSERT INTO ledger_incident (org_id, id, fund_id, earmark_id, month, reason, set_id,"
            " declared_by, seconded_by, declared_at)"
            " SELECT f.org_id, 7, f.id, e.id, 202603, '', 1, 9, 9, v.made_at"
            " FROM ledger_fund f JOIN ledger_earmark e ON e.fund_id = f.id"
            " JOIN ledger_voucher v ON v.org_id = f.org_id WHERE f.code = 'F8' LIMIT 1"
        ],
        "ck_ledger_incident_two_people",
    ),
    "a voucher sealed before settles nothing": (
        [_SETTLE.format(step=2, kind="settled", voucher=_PAID)],
        "voucher_sealed",
    ),
    "a hold is settled by a voucher": (
        [_SETTLE.format(step=2, kind="settled", voucher="NULL")],
        "ck_ledger_hold_event_settled_by_voucher",
    ),
    "a voucher that never comes settles nothing": (
        [_SETTLE.format(step=2, kind="settled", voucher=5)],
        r"(?i)foreign key",
    ),
}


@pytest.mark.parametrize("law", STATEMENTS)
def test_the_app_is_refused(stage: Stage, law: str) -> None:
    statements, says = STATEMENTS[law]
    session, org = stage.session, {"org": stage.ledgers["CITY"].org_id}
    session.rollback()
    begin_write(session)
    try:
        for statement in statements[:-1]:
            session.execute(text(statement), org)
        with pytest.raises(DBAPIError) as caught:
            session.execute(text(statements[-1]), org)
            session.connection().commit()
    finally:
        session.rollback()
    assert re.search(says, str(caught.value.orig)), str(caught.value.orig)


def test_what_may_change_changes(stage: Stage) -> None:
    """Names, texts and days of closing are no part of what vouchers mean; nor is an approval in order."""
    session, org = stage.session, {"org": stage.ledgers["CITY"].org_id}
    session.rollback()
    begin_write(session)
    for statement in (
        "UPDATE ledger_fund SET name = '新名', closed_on = '2026-12-31' WHERE code = 'F9'",
        "UPDATE ledger_earmark SET text = '新文', until_on = '2026-12-31' WHERE code = 'F9'",
        "UPDATE ledger_money_place SET is_main = (1 = 0), closed_on = '2026-12-31' WHERE org_id = :org",
        "UPDATE ledger_book_year SET audited_on = '2027-03-01' WHERE org_id = :org AND year = 2026",
        _PERIOD.format(month=202613),
        _PERIOD.format(month=202702),
        _BORN,
        _FIRST,
        _SECOND,
    ):
        assert session.execute(text(statement), org).rowcount >= 1
    session.rollback()


_SQLITE = {
    "checks stay on": "PRAGMA ignore_check_constraints = ON",
    "triggers fire on replacement": "PRAGMA recursive_triggers = OFF",
    "keys stay on": "PRAGMA foreign_keys = OFF",
    "the schema is not written": "PRAGMA writable_schema = ON",
    "no trigger is made": "CREATE TRIGGER t AFTER UPDATE ON ledger_draft BEGIN SELECT 1; END",
    "no trigger of a session is made": (
        "CREATE TEMP TRIGGER t AFTER UPDATE ON ledger_draft BEGIN"
        " UPDATE ledger_fund_guard SET available_fen = 999900; END"
    ),
    "no table is renamed": "ALTER TABLE ledger_fund_guard RENAME TO guard",
    "no column is added": "ALTER TABLE ledger_voucher ADD COLUMN note TEXT",
    "no table is made": "CREATE TABLE mine (a INTEGER)",
    "no table of a session is made": "CREATE TEMP TABLE ledger_voucher (a INTEGER)",
    "no view is made": "CREATE VIEW v AS SELECT 1",
    "no index is dropped": "DROP INDEX ux_ledger_voucher_reverses",
    "no table is dropped": "DROP TABLE ledger_hold",
    "no file is attached": "ATTACH DATABASE ':memory:' AS other",
    "the catalogue is not written": "DELETE FROM sqlite_master",
    "statistics are the owner's": "ANALYZE",
}


@pytest.mark.sqlite_only  # on PostgreSQL the roles refuse it, see house/test_grants.py
@pytest.mark.parametrize("law", _SQLITE)
def test_sqlite_refuses_the_app_what_would_unmake_a_guard(session: Session, law: str) -> None:
    begin_write(session)
    with pytest.raises(DBAPIError, match=r"not authorized|prohibited|may not be modified"):
        session.execute(text(_SQLITE[law]))
