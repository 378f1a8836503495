"""What raw SQL may not do: refused to the app role, found and named when the owner does it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import begin_write, unit_of_work
from charity.ids import new_id
from charity.ledger import attachments, closing, setup
from charity.ledger.checks import CHECKS, attachment_check, run_checks
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from charity.users.models import RoleGrant
from tests.books import Ledger
from tests.builders import make_user

_V = "(SELECT MAX(id) FROM ledger_voucher)"

#: name → (table whose triggers the owner must drop first, statement, words of the finding)
TAMPERINGS = {
    "amount on one side": (
        "ledger_voucher_line",
        f"UPDATE ledger_voucher_line SET debit_fen = debit_fen + 1 WHERE voucher_id = {_V} AND line_no = 1",
        ["2026-03 记-0002", "amount"],
    ),
    "amount on both sides": (
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET debit_fen = debit_fen * 2, credit_fen = credit_fen * 2"
        f" WHERE voucher_id = {_V}",
        ["2026-03 记-0002", "line 1", "line 2", "amount"],
    ),
    "delete a line": (
        "ledger_voucher_line",
        f"DELETE FROM ledger_voucher_line WHERE voucher_id = {_V} AND line_no = 2",
        ["2026-03 记-0002", "lines in place of"],
    ),
    "renumber": (
        "ledger_voucher",
        f"UPDATE ledger_voucher SET number = 9 WHERE id = {_V}",
        ["2026-03 记-0009", "a number is missing"],
    ),
    "date": (
        "ledger_voucher",
        f"UPDATE ledger_voucher SET voucher_on = '2026-03-30' WHERE id = {_V}",
        ["2026-03 记-0002", "date"],
    ),
    "account": (
        "ledger_voucher_line",
        f"""UPDATE ledger_voucher_line SET account_id = (SELECT id FROM ledger_account WHERE code = '490101')
            WHERE voucher_id = {_V} AND line_no = 2""",
        ["2026-03 记-0002", "account"],
    ),
    "fund and earmark": (
        "ledger_voucher_line",
        f"""UPDATE ledger_voucher_line SET fund_id = (SELECT id FROM ledger_fund WHERE code = 'F1'),
            earmark_id = (SELECT id FROM ledger_earmark WHERE code = 'F1') WHERE voucher_id = {_V}""",
        ["2026-03 记-0002", "fund", "earmark"],
    ),
    "earmark": (
        "ledger_voucher_line",
        f"""UPDATE ledger_voucher_line SET earmark_id = (SELECT id FROM ledger_earmark WHERE code = 'F1')
            WHERE voucher_id = {_V}""",
        ["2026-03 记-0002", "earmark"],
    ),
    "maker": (
        "ledger_voucher",
        f"UPDATE ledger_voucher SET maker_id = 77, makers = '77' WHERE id = {_V}",
        ["2026-03 记-0002", "signers"],
    ),
    "summary": (
        "ledger_voucher_line",
        f"UPDATE ledger_voucher_line SET summary = '改' WHERE voucher_id = {_V} AND line_no = 1",
        ["2026-03 记-0002", "summary"],
    ),
    "summary of the header": (
        "ledger_voucher",
        f"UPDATE ledger_voucher SET summary = '改' WHERE id = {_V}",
        ["2026-03 记-0002", "place_in_books"],
    ),
    "key of the header": (
        "ledger_voucher",
        f"UPDATE ledger_voucher SET idempotency_key = 'other' WHERE id = {_V}",
        ["2026-03 记-0002", "place_in_books"],
    ),
    "earlier maker": (
        "ledger_voucher",
        f"UPDATE ledger_voucher SET makers = '99,' || makers WHERE id = {_V}",
        ["2026-03 记-0002", "signers"],
    ),
    "kind of an account": (
        "ledger_account",
        "UPDATE ledger_account SET kind = 'asset' WHERE code = '510102'",
        ["account 510102", "its kind is asset, not expense"],
    ),
    "name of an account": (
        "ledger_account",
        "UPDATE ledger_account SET name_zh = '改' WHERE code = '1002'",
        ["account 1002", "its name_zh is 改"],
    ),
    "kind of a fund": (
        "ledger_fund",
        "UPDATE ledger_fund SET kind = 'general' WHERE code = 'F2'",
        ["fund F2", "fund_kind", "2026-03 记-0002: line 2", "cannot carry fund F2"],
    ),
    "approved posting rule": (
        "ledger_posting_rule",
        "UPDATE ledger_posting_rule SET text = '改'",
        ["posting rule P01 version 1", "rule_text"],
    ),
    "frozen month": (
        "ledger_fund_month",
        "UPDATE ledger_fund_month SET is_frozen = (1 = 1) WHERE month = 202603",
        ["fund F2 2026-03", "no incident froze it"],
    ),
    "salt": (
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET salt ="
        f" (SELECT salt FROM ledger_voucher_line WHERE voucher_id <> {_V} LIMIT 1)"
        f" WHERE voucher_id = {_V} AND line_no = 1",
        ["2026-03 记-0002", "salt"],
    ),
    "balance": (
        "ledger_balance",
        "UPDATE ledger_balance SET debit_fen = debit_fen + 100 WHERE debit_fen <> 0",
        ["kept", "the lines give"],
    ),
    "guard": (
        "ledger_fund_guard",
        "UPDATE ledger_fund_guard SET available_fen = available_fen + 100",
        ["the guard keeps"],
    ),
    "month end": (
        "ledger_fund_month",
        "UPDATE ledger_fund_month SET available_fen = available_fen + 100",
        ["2026-03: ", "keeps"],
    ),
    "day total": (
        "ledger_day_total",
        "UPDATE ledger_day_total SET credit_fen = credit_fen + 100",
        ["kept", "the lines give"],
    ),
    "counter lowered": (
        "ledger_voucher_counter",
        "UPDATE ledger_voucher_counter SET last_no = 1 WHERE month = 202603",
        ["2026-03 记", "the counter says 1"],
    ),
    "closed month re-opened": (
        "ledger_period",
        "UPDATE ledger_period SET is_open = (1 = 1) WHERE month = 202602",
        ["2026-02 记", "stands open again"],
    ),
    "attachment taken away": (
        "ledger_voucher_attachment",
        f"DELETE FROM ledger_voucher_attachment WHERE voucher_id = {_V}",
        ["2026-03 记-0002", "attachments"],
    ),
}


@pytest.fixture
def books(ledger: Ledger, tmp_path: Path) -> Ledger:
    """Two vouchers of March with a real attachment; January and February are closed."""
    ledger.post("2026-03-05 捐款\n  借 1002@B1 100.00 F2\n  贷 410102 100.00 F2")
    with unit_of_work(ledger.session) as work:
        sha256 = attachments.store_attachment(
            work,
            actor=ledger.actor("maker"),
            data=b"%PDF-paper",
            name="回单.pdf",
            media_type="application/pdf",
            data_dir=tmp_path,
        )
    from dataclasses import replace

    from tests.books import read_journal

    (voucher,) = read_journal("2026-03-06 捐款\n  借 1002@B1 30.00 F2\n  贷 410102 30.00 F2")
    draft_id = ledger.draft(replace(voucher, attachments=(sha256,)))
    ledger.approve(draft_id)
    ledger.post_drafts(draft_id)
    rule = ledger.act(setup.write_posting_rule, "chief", code="P01", text="非限定捐款", on=date(2026, 1, 1))
    ledger.act(setup.approve_posting_rule, "reviewer", rule_id=rule.id)
    usual, ledger.ids["reviewer"] = ledger.ids["reviewer"], 15
    ledger.act(setup.approve_posting_rule, "reviewer", rule_id=rule.id)
    ledger.ids["reviewer"] = usual
    for number in (1, 2):
        ledger.act(closing.close_month, "chief", month=Month(2026, number), on=date(2026, 3, 9))
    assert run_checks(ledger.session, ledger.org_id) == []
    ledger.session.rollback()
    return ledger


#: name → (statement that an app may run, words of the finding): texts change lawfully, but with an act.
SILENT = {
    "purpose of a fund": ("UPDATE ledger_fund SET purpose = '改' WHERE code = 'F2'", "fund F2: was changed"),
    "text of an earmark": (
        "UPDATE ledger_earmark SET text = '改' WHERE code = 'F2'",
        "earmark F2: was changed after it was opened: purpose",
    ),
    "name of a place of money": (
        "UPDATE ledger_money_place SET name = '改' WHERE code = 'B1'",
        "money place B1: was changed after it was opened: full_name",
    ),
    "signed audit": (
        "UPDATE ledger_book_year SET audited_on = '2027-03-01'",
        "audit of 2026: no act of the operation log tells of it",
    ),
}


@pytest.mark.parametrize("name", sorted(SILENT))
def test_a_text_changed_without_an_act_is_found(books: Ledger, name: str) -> None:
    statement, words = SILENT[name]
    with unit_of_work(books.session) as work:
        work.execute(text(statement))
    told = "\n".join(f"{f.where}: {f.message}" for f in run_checks(books.session, books.org_id))
    assert words in told


def test_roles_that_must_not_meet_are_found(books: Ledger) -> None:
    """The login of the cashier is given the reviewer's role behind the app's back."""
    user = make_user(books.session, org_id=books.org_id, username="liu")
    with unit_of_work(books.session) as work:
        for role in ("cashier", "reviewer"):
            work.add(
                RoleGrant(
                    org_id=books.org_id,
                    id=new_id(),
                    user_id=user.id,
                    role=role,
                    reason="",
                    granted_by=0,
                    granted_at=books.at,
                )
            )
    told = "\n".join(f"{f.where}: {f.message}" for f in run_checks(books.session, books.org_id))
    assert "login liu: holds roles that must not meet (cashier_reviews): cashier, reviewer" in told


def as_app(session: Session, statement: str) -> None:
    """Run one statement as the app would, in a writing transaction, and commit it."""
    begin_write(session)
    try:
        session.execute(text(statement))
        session.connection().commit()
    finally:
        session.rollback()


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_the_app_role_is_refused(books: Ledger, name: str) -> None:
    _, statement, _ = TAMPERINGS[name]
    with pytest.raises(DBAPIError):
        as_app(books.session, statement)
    assert run_checks(books.session, books.org_id) == []


def drop_triggers(owner: Connection, table: str) -> None:
    """Take the table's triggers away, as only the owner can."""
    if owner.dialect.name == "sqlite":
        names = owner.exec_driver_sql(
            f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'"
        ).scalars()
        for name in list(names):
            owner.exec_driver_sql(f'DROP TRIGGER "{name}"')
        return
    owner.exec_driver_sql(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_the_owner_is_found_out_and_the_row_is_named(
    books: Ledger, owner_connection: Connection, name: str
) -> None:
    table, statement, words = TAMPERINGS[name]
    drop_triggers(owner_connection, table)
    owner_connection.execute(text(statement))
    books.session.rollback()
    found = run_checks(books.session, books.org_id, CHECKS)
    told = "\n".join(f"{finding.where}: {finding.message}" for finding in found)
    for word in words:
        assert word in told, told


def test_a_dropped_trigger_is_found_and_named(books: Ledger, owner_connection: Connection) -> None:
    if owner_connection.dialect.name == "sqlite":
        owner_connection.exec_driver_sql("DROP TRIGGER ledger_voucher_no_update")
        word = "ledger_voucher_no_update is missing"
    else:
        owner_connection.exec_driver_sql("DROP TRIGGER ledger_voucher_no_change ON ledger_voucher")
        word = "ledger_voucher_no_change is missing"
    books.session.rollback()
    assert word in "\n".join(f.message for f in run_checks(books.session, books.org_id))


def test_the_app_role_cannot_drop_a_trigger(books: Ledger) -> None:
    table = "" if books.session.connection().dialect.name == "sqlite" else " ON ledger_voucher"
    name = "ledger_voucher_no_update" if not table else "ledger_voucher_no_change"
    with pytest.raises(DBAPIError):
        as_app(books.session, f"DROP TRIGGER {name}{table}")


def test_changed_bytes_of_an_attachment_are_found(books: Ledger, tmp_path: Path) -> None:
    check = attachment_check(tmp_path)
    assert [f.message for f in check(books.session, books.org_id)] == [
        "its file is missing"
    ]  # the sample paper
    (path,) = (tmp_path / "attachments").glob("*/*")
    path.write_bytes(b"%PDF-other")
    found = check(books.session, books.org_id)
    assert [f.message for f in found if f.where.startswith("回单.pdf")] == ["its bytes were changed"]
    path.unlink()
    assert "its file is missing" in [
        f.message for f in check(books.session, books.org_id) if "回单" in f.where
    ]


def _columns(session: Session, table: str) -> list[str]:
    rows = session.execute(text(f"SELECT * FROM {table} WHERE 1 = 0"))
    return list(rows.keys())


@pytest.fixture
def copy_line(books: Ledger) -> Iterator[str]:
    """A statement that adds a third line to a sealed voucher."""
    columns = _columns(books.session, "ledger_voucher_line")
    values = ", ".join("3" if name == "line_no" else f'"{name}"' for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    yield (
        f"INSERT INTO ledger_voucher_line ({names}) SELECT {values} FROM ledger_voucher_line"
        f" WHERE voucher_id = {_V} AND line_no = 1"
    )


def test_a_line_is_not_slipped_under_the_seal(books: Ledger, copy_line: str) -> None:
    with pytest.raises(DBAPIError, match="voucher_sealed"):
        as_app(books.session, copy_line)


def test_the_owner_slipping_a_line_in_is_found(
    books: Ledger, copy_line: str, owner_connection: Connection
) -> None:
    drop_triggers(owner_connection, "ledger_voucher_line")
    owner_connection.execute(text(copy_line))
    books.session.rollback()
    told = "\n".join(f"{f.where}: {f.message}" for f in run_checks(books.session, books.org_id))
    assert "2026-03 记-0002: has 3 lines in place of 2" in told


def test_lines_swapped_are_found(books: Ledger, owner_connection: Connection) -> None:
    drop_triggers(owner_connection, "ledger_voucher_line")
    for old, new in ((1, 99), (2, 1), (99, 2)):
        owner_connection.execute(
            text(
                f"UPDATE ledger_voucher_line SET line_no = {new} WHERE voucher_id = {_V} AND line_no = {old}"
            )
        )
    books.session.rollback()
    told = "\n".join(f"{f.where}: {f.message}" for f in run_checks(books.session, books.org_id))
    assert "2026-03 记-0002: line 1: changed after posting: place_in_books" in told


def test_a_header_is_not_put_in_again(books: Ledger, owner_connection: Connection) -> None:
    columns = _columns(books.session, "ledger_voucher")
    names = ", ".join(f'"{name}"' for name in columns)
    forged = {"maker_id": "88", "makers": "'88'"}
    values = ", ".join(forged.get(name, f'"{name}"') for name in columns)
    verb = "INSERT OR REPLACE" if owner_connection.dialect.name == "sqlite" else "INSERT"
    statement = f"{verb} INTO ledger_voucher ({names}) SELECT {values} FROM ledger_voucher WHERE id = {_V}"
    with pytest.raises(DBAPIError):
        as_app(books.session, statement)
    if owner_connection.dialect.name == "sqlite":
        with pytest.raises(DBAPIError):
            owner_connection.execute(text(statement))  # even without the app's own rules
        drop_triggers(owner_connection, "ledger_voucher")
        owner_connection.execute(text(statement))
        books.session.rollback()
        told = "\n".join(f"{f.where}: {f.message}" for f in run_checks(books.session, books.org_id))
        assert "2026-03 记-0002" in told and "signers" in told


def test_nothing_is_inserted_between_numbers_or_into_a_closed_month(books: Ledger) -> None:
    header = dict(
        books.session.execute(select(Voucher.__table__).order_by(Voucher.id.desc())).mappings().first()
    )
    for changes in (
        {"number": 1},
        {"number": 7},
        {"month": 202602, "voucher_on": date(2026, 2, 9), "number": 1},
    ):
        begin_write(books.session)
        with pytest.raises(DBAPIError):
            books.session.execute(
                insert(Voucher).values({**header, **changes, "id": 5, "idempotency_key": "other"})
            )
        books.session.rollback()


def test_a_header_without_lines_and_lines_without_a_header_are_refused(books: Ledger) -> None:
    header = dict(
        books.session.execute(select(Voucher.__table__).order_by(Voucher.id.desc())).mappings().first()
    )
    begin_write(books.session)
    books.session.execute(
        text("UPDATE ledger_voucher_counter SET last_no = last_no + 1 WHERE month = 202603")
    )
    with pytest.raises(DBAPIError, match="voucher_lines_missing"):
        books.session.execute(
            insert(Voucher).values({**header, "id": 5, "idempotency_key": "other", "number": 3})
        )
    books.session.rollback()
    columns = _columns(books.session, "ledger_voucher_line")
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join("5" if name == "voucher_id" else f'"{name}"' for name in columns)
    source = f"FROM ledger_voucher_line WHERE voucher_id = {_V}"
    statement = f"INSERT INTO ledger_voucher_line ({names}) SELECT {values} {source}"
    with pytest.raises(DBAPIError):
        as_app(books.session, statement)


def test_a_month_is_not_opened_twice_nor_its_counter_put_back(books: Ledger) -> None:
    books.act(setup.open_month, "chief", month=Month(2026, 2))  # opening what was opened changes nothing
    for statement in (
        "DELETE FROM ledger_period WHERE month = 202602",
        "DELETE FROM ledger_voucher_counter WHERE month = 202602",
        "UPDATE ledger_voucher_counter SET is_open = (1 = 1) WHERE month = 202602",
    ):
        with pytest.raises(DBAPIError):
            as_app(books.session, statement)
