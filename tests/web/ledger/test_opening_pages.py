"""The pages of the opening: one hands in, another approves, everybody of the books sees it."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from charity import sealed
from charity.config import Settings
from charity.db import prepare_engine
from charity.ledger import opening
from charity.ledger.opening_rows import BALANCES, TICKETS
from tests.books import open_books
from tests.builders import make_user
from tests.conftest import Clock
from tests.openings import by_month, story, workbook
from tests.support import databases
from tests.support.pages import page

URL = "/office/setup/opening"


@pytest.fixture(scope="session")
def sqlite_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean database with an org's funds and staff, and no month yet."""
    folder = tmp_path_factory.mktemp("no-months")
    # The template of this folder has months; this one is made from an empty database.
    path = databases.sqlite_template(folder)
    settings = databases.make_settings(folder, databases.sqlite_database(path))
    sealed.configure(settings.field_key)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        ledger = open_books(session)
        for role in ("accountant", "reviewer", "cashier", "chief_accountant", "auditor"):
            name = role.replace("_", "-")
            make_user(session, org_id=ledger.org_id, username=name, roles=(role,))
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def roles(as_role: Callable[..., FlaskClient], clock: Clock) -> Callable[[str], FlaskClient]:
    """Signed-in members of staff on 3 September."""
    clock.set(datetime(2026, 9, 3, 4, 0, tzinfo=UTC))

    def signed_in(role: str) -> FlaskClient:
        client = as_role(role)
        client.set_cookie("language", "en")
        return client

    return signed_in


def hand_in(client: FlaskClient, data: bytes, url: str = URL) -> TestResponse:
    return client.post(url, data={"file": (io.BytesIO(data), "期初.xlsx")})


def test_books_are_handed_in_looked_through_and_taken_by_another(
    roles: Callable[[str], FlaskClient],
) -> None:
    accountant, chief = roles("accountant"), roles("chief_accountant")
    rows = by_month()
    rows[TICKETS] = [{"name": "某捐赠人", "amount": "200", "on": "2026-08-30", "ref": "旧-118"}]
    assert hand_in(accountant, workbook(rows)).status_code == 303
    seen = page(accountant.get(URL))
    assert "Look through and approve" not in seen.text
    told = "Books from another system to approve"
    assert told in page(chief.get("/office/")).text
    assert told not in page(accountant.get("/office/")).text
    brought = page(chief.get(URL)).table("What each fund brings")
    assert brought[1][:5] == ["F1", "400,000.00", "300,000.00", "250,000.00", "450,000.00"]
    link = next(link for link in page(chief.get(URL)).links if link.endswith("/approve"))
    assert "3 vouchers are posted" in page(chief.get(link)).text
    assert chief.post(link).headers["Location"] == URL
    assert chief.post(link).status_code == 303  # a second click finds it taken
    taken = page(chief.get(URL))
    assert "is the first month kept here" in taken.text
    assert told not in page(chief.get("/office/")).text
    ticket = next(link for link in _forms(accountant) if "/tickets/" in link)
    assert accountant.post(ticket, data={"invoice_number": ""}).status_code == 422
    assert accountant.post(ticket, data={"invoice_number": "0012345678"}).status_code == 303
    assert "0012345678" in page(roles("auditor").get(URL)).text
    vouchers = page(chief.get("/office/vouchers?month=2026-01")).text
    assert "期初" in vouchers and "期初-0001" not in vouchers
    assert chief.get("/office/vouchers/2026-01/期初/1").status_code == 200


def _forms(client: FlaskClient) -> list[str]:
    import re

    return re.findall(r'action="([^"]+)"', client.get(URL).text)


def test_what_does_not_tie_is_shown_and_nothing_is_kept(roles: Callable[[str], FlaskClient]) -> None:
    rows = story()
    rows[BALANCES][0]["closing_debit"] = "449999.99"
    response = hand_in(roles("accountant"), workbook(rows))
    assert response.status_code == 422
    text = page(response).text
    assert "科目余额 2" in text and "-0.01" in text
    assert "Withdraw it" not in page(roles("accountant").get(URL)).text


def test_a_file_that_is_no_workbook_says_so(roles: Callable[[str], FlaskClient]) -> None:
    assert hand_in(roles("accountant"), b"not a workbook").status_code == 422
    assert roles("accountant").post(URL, data={}).status_code == 422


def test_a_workbook_is_read_while_others_can_write(
    roles: Callable[[str], FlaskClient], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a large one takes seconds; the one writing transaction is not held for them."""
    path = session.get_bind().engine.url.database
    read: list[str] = []

    def reading(data: bytes, name: str) -> opening.OpeningBook:
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # raises while somebody writes
        other.execute("ROLLBACK")
        other.close()
        read.append(name)
        return usual(data, name)

    usual = opening.read_book
    monkeypatch.setattr(opening, "read_book", reading)
    accountant, chief = roles("accountant"), roles("chief_accountant")
    assert hand_in(accountant, workbook(story())).status_code == 303
    assert read == ["期初.xlsx"]
    link = next(link for link in page(chief.get(URL)).links if link.endswith("/approve"))
    read.clear()
    assert chief.post(link).headers["Location"] == URL
    assert read == ["期初.xlsx"]


def test_a_workbook_far_longer_than_books_is_refused(
    roles: Callable[[str], FlaskClient], settings: Settings
) -> None:
    rows = story()
    rows[TICKETS] = [{"name": "某", "amount": "1", "on": "2026-08-30", "ref": str(n)} for n in range(10_001)]
    response = hand_in(roles("accountant"), workbook(rows))
    assert response.status_code == 422
    assert "未开票据" in page(response).text and "more than can be read" in page(response).text
    assert not (settings.data_dir / "attachments").exists()


def test_who_prepared_it_does_not_approve_and_can_withdraw(roles: Callable[[str], FlaskClient]) -> None:
    accountant = roles("accountant")
    hand_in(accountant, workbook(story()))
    assert accountant.post(f"{URL}/withdraw", data={"reason": ""}).status_code == 422
    assert accountant.post(f"{URL}/withdraw", data={"reason": "口径有误"}).status_code == 303
    assert "Withdraw it" not in page(accountant.get(URL)).text


def test_a_workbook_that_was_replaced_is_not_approved(roles: Callable[[str], FlaskClient]) -> None:
    """The chief looks at one workbook while the accountant hands in another."""
    accountant, chief = roles("accountant"), roles("chief_accountant")
    hand_in(accountant, workbook(story()))
    link = next(link for link in page(chief.get(URL)).links if link.endswith("/approve"))
    hand_in(accountant, workbook(by_month()))
    assert chief.get(link).headers["Location"] == URL
    assert chief.post(link).headers["Location"] == URL
    assert "Look through and approve" in page(chief.get(URL)).text


def test_the_template_is_a_workbook_with_the_codes_of_these_books(
    roles: Callable[[str], FlaskClient],
) -> None:
    from charity.intake.workbook import read_workbook

    response = roles("accountant").get(f"{URL}/template.xlsx")
    sheets = {sheet.sheet: sheet.rows for sheet in read_workbook(response.data, "xlsx", "t.xlsx")}
    assert any("急难救助基金" in cell for row in sheets["填表说明"] for cell in row)


def test_books_with_months_say_that_it_is_too_late(roles: Callable[[str], FlaskClient]) -> None:
    chief = roles("chief_accountant")
    chief.post("/office/months/first", data={"month": "2026-09"})
    assert "months of their own since" in page(chief.get(URL)).text
    assert hand_in(roles("accountant"), workbook(story())).status_code == 422
