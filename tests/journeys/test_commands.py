"""The commands of docs/cli.md as a script runs them: what goes in, what comes out, how they exit.

An office of three people. A file of vouchers is taken, once; a bill is judged, then booked,
once; the trial balance and the guard say what is there; the check is green until somebody
edits a posted line behind the ledger's back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup
from sqlalchemy.engine import Connection

from charity import create_app
from charity.config import Settings, load_settings
from charity.db import db
from tests.builders import make_user
from tests.conftest import Clock
from tests.gifts import Office, Pay, wechat_bill
from tests.support.databases import KEYS
from tests.support.offices import database

__all__ = ["database"]

HEAD = "date,word,summary,account,fund,earmark,debit,credit,project,money_place,cash_flow,ref,reverses\n"
GIFT = "2026-03-05,,捐款,1002,F1,,1000.00,,,B1,,G-1,\n2026-03-05,,捐款,410102,F1,,,1000.00,,,,G-1,\n"
AID = "2026-03-06,,救助,510102,F1,,300.00,,,,,A-1,\n2026-03-06,,救助,1002,F1,,,300.00,,B1,,A-1,\n"
TOO_MUCH = AID.replace("300.00", "1000.01").replace("A-1", "A-2")
RED = "2026-03-09,,冲救助,510102,F1,,-300.00,,,,,R-1,A-1\n2026-03-09,,冲救助,1002,F1,,,-300.00,,B1,,R-1,A-1\n"
PEOPLE = ("--as", "zhang", "--reviewed-by", "li", "--signed-by", "wang")

#: Runs one command; gives the exit code, standard output (read as JSON with ``--json``) and standard error.
Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def flask(office: Office, settings: Settings, clock: Clock) -> Iterator[Run]:
    """The commands on an office with an accountant, a reviewer and a cashier."""
    for username, role in (("zhang", "accountant"), ("li", "reviewer"), ("wang", "cashier")):
        make_user(office.session, org_id=office.org_id, username=username, roles=(role,))
    office.session.rollback()
    app = create_app(settings, clock=clock)

    def run(*args: str) -> tuple[int, Any, str]:
        group = FlaskGroup(create_app=lambda: app, set_debug_flag=False)
        done = CliRunner().invoke(group, args, catch_exceptions=False)
        out = json.loads(done.stdout) if "--json" in args and done.stdout else done.stdout
        return done.exit_code, out, done.stderr

    yield run
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def file_of(folder: Path, text: str | bytes, name: str = "vouchers.csv") -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def found(flask: Run) -> list[str]:
    """Return what ``check`` finds, without the paper of the fixture, which has no file."""
    findings = flask("check", "--json")[1]["findings"]
    return [f"{f['where']}: {f['message']}" for f in findings if not f["where"].startswith("paper.pdf")]


def test_vouchers_by_file_are_posted_once_and_counted_everywhere(flask: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, HEAD + GIFT + AID)
    code, answer, _ = flask("vouchers", "import", path, *PEOPLE, "--json")
    assert code == 0
    assert [(v["ref"], v["state"], v["month"], v["word"], v["number"]) for v in answer["vouchers"]] == [
        ("G-1", "posted", "2026-03", "记", 1),
        ("A-1", "posted", "2026-03", "记", 2),
    ]
    code, answer, _ = flask("vouchers", "import", path, *PEOPLE, "--json")
    assert code == 0
    assert [v["was_there_before"] for v in answer["vouchers"]] == [True, True]
    code, answer, _ = flask("trial-balance", "--month", "2026-03", "--fund", "F1", "--json")
    rows = {row["account"]: row for row in answer["rows"]}
    assert (code, answer["is_balanced"], answer["debit_fen"]) == (0, True, 130_000)
    assert (rows["1002"]["debit_fen"], rows["1002"]["credit_fen"], rows["1002"]["closing_fen"]) == (
        100_000,
        30_000,
        70_000,
    )
    code, answer, _ = flask("guard", "--json")
    guard = {row["earmark"]: row for row in answer["guards"]}["F1"]
    assert (code, guard["available_fen"], guard["held_fen"], guard["is_frozen"]) == (0, 70_000, 0, False)
    assert found(flask) == []


def test_a_red_file_takes_a_voucher_back(flask: Run, tmp_path: Path) -> None:
    assert flask("vouchers", "import", file_of(tmp_path, HEAD + GIFT + AID), *PEOPLE)[0] == 0
    code, answer, _ = flask("vouchers", "import", file_of(tmp_path, HEAD + RED, "red.csv"), *PEOPLE, "--json")
    assert (code, answer["vouchers"][0]["number"]) == (0, 3)
    balance = flask("trial-balance", "--month", "2026-03", "--fund", "F1", "--json")[1]
    # Red shrinks the turnover of the same side: nothing is left to show of the aid.
    assert {row["account"]: row["debit_fen"] for row in balance["rows"]} == {"1002": 100_000, "410102": 0}


def test_without_a_reviewer_there_are_only_drafts(flask: Run, tmp_path: Path) -> None:
    code, answer, _ = flask("vouchers", "import", file_of(tmp_path, HEAD + GIFT), "--as", "zhang", "--json")
    assert (code, [(v["state"], v["number"]) for v in answer["vouchers"]]) == (0, [("draft", None)])


def test_a_refusal_names_ref_code_and_sentence_and_leaves_nothing_behind(flask: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, HEAD + GIFT + TOO_MUCH)
    code, answer, _ = flask("vouchers", "import", path, *PEOPLE, "--json")
    assert code == 1
    assert [(p["code"], p["where"]) for p in answer["problems"]] == [("fund_overdrawn", "A-2")]
    assert "0.01" in answer["problems"][0]["message"]
    assert flask("trial-balance", "--month", "2026-03", "--json")[1]["rows"] == []


@pytest.mark.parametrize(
    "args",
    [
        ("trial-balance", "--month", "2026-14"),
        ("trial-balance", "--month", "2026-03", "--org", "NOWHERE"),
        ("guard", "--org", "NOWHERE"),
        ("vouchers", "import", "{file}", "--as", "nobody"),
        ("vouchers", "import", "no such file.csv", "--as", "zhang"),
        ("vouchers", "import", "{file}"),
        ("import", "{file}", "--as", "nobody"),
    ],
    ids=" ".join,
)
def test_wrong_use_exits_with_2_and_says_why(flask: Run, tmp_path: Path, args: tuple[str, ...]) -> None:
    path = file_of(tmp_path, HEAD + GIFT)
    code, _, said = flask(*(arg.format(file=path) for arg in args))
    assert code == 2
    assert said.strip()


@pytest.mark.parametrize("command", [("check",), ("orgs",), ("guard",), ("worker",), ("reseal",)])
def test_a_command_without_a_database_says_what_to_set(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Nobody told where the books lie: an empty database is opened, and nothing is asked of it."""
    app = create_app(load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(tmp_path), **KEYS}))
    group = FlaskGroup(create_app=lambda: app, set_debug_flag=False)
    done = CliRunner().invoke(group, command, catch_exceptions=False)
    assert done.exit_code == 2 and "Set CHARITY_DATA" in done.stderr
    with app.app_context():
        db.engine.dispose()


def test_a_bill_is_judged_then_booked_once(flask: Run, tmp_path: Path) -> None:
    bill = wechat_bill([Pay("41", "1.00"), Pay("42", "2.00", "给村里修路"), Pay("41", "0.50", refund_no="9")])
    path = file_of(tmp_path, bill, "bill.csv")
    code, judged, _ = flask("import", path, "--dry-run", "--as", "zhang", "--json")
    assert (code, judged["form"], judged["booked"]) == (0, "wechat_merchant_v2", 0)
    assert [(row["verdict"], row["amount_fen"]) for row in judged["rows"]] == [
        ("new", 100),
        ("new", 200),
        ("refund", -50),
    ]
    assert flask("import", path, "--as", "zhang", "--json")[1]["booked"] == 3
    assert flask("import", path, "--as", "zhang", "--json")[1]["booked"] == 0


def test_a_file_nobody_can_read_is_refused_with_a_sentence(flask: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, b"PK\x03\x04broken", "broken.xlsx")
    code, answer, _ = flask("import", path, "--as", "zhang", "--json")
    assert code == 1
    assert answer["problems"][0]["message"]


def test_a_line_edited_behind_the_ledgers_back_is_named(
    flask: Run, tmp_path: Path, owner_connection: Connection
) -> None:
    assert flask("vouchers", "import", file_of(tmp_path, HEAD + GIFT), *PEOPLE)[0] == 0
    trigger = "ledger_voucher_line_no_update"
    if owner_connection.dialect.name == "postgresql":
        owner_connection.exec_driver_sql("ALTER TABLE ledger_voucher_line DISABLE TRIGGER USER")
    else:
        owner_connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    owner_connection.exec_driver_sql("UPDATE ledger_voucher_line SET summary = '别的' WHERE line_no = 1")
    assert any("记-0001" in finding and "line 1" in finding for finding in found(flask))
    code, said, _ = flask("check")
    assert code == 1
    assert "findings." in said


def test_the_orgs_are_listed(flask: Run) -> None:
    code, answer, _ = flask("orgs", "--json")
    assert (code, [(row["code"], row["is_default"]) for row in answer["orgs"]]) == (0, [("CITY", True)])
