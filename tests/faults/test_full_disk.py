"""A disk that is full when a paper or an issued receipt is to be kept: none of it, then all of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from charity.db import is_disk_full
from charity.ledger.attachments import attachment_path, read_attachment, store_attachment
from charity.ledger.checks import run_checks
from charity.ledger.models import Attachment
from charity.ledger.sealed_models import Voucher
from charity.receipts import checks as receipt_checks
from charity.receipts.composing import Press
from charity.receipts.models import Receipt
from tests.books import Ledger, open_books, read_journal
from tests.faults.interleaving import engines
from tests.receipting import PUBLIC_URL, open_desk
from tests.support.databases import postgresql_database
from tests.support.disks import Disk, small_disk
from tests.support.postgres import OWNER, PostgresServer

GIFT = "2026-03-05 捐款\n  借 1002@B1 1.00 F1\n  贷 410102 1.00 F1"


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The disk of the files; the database stands on another one."""
    with small_disk(tmp_path_factory.mktemp("disk"), monkeypatch) as made:
        yield made


def _files(disk: Disk) -> list[str]:
    """Return the files on the disk beside the ballast."""
    found = (path for path in disk.folder.rglob("*") if path.is_file())
    return sorted(path.name for path in found if path.name != "ballast")


def test_a_paper_is_kept_whole_or_not_at_all(session: Session, disk: Disk) -> None:
    """No row without its file, no half a file; the same paper again is kept once there is room."""
    ledger: Ledger = open_books(session)
    values = {"data": b"%PDF-1.7 " + b"x" * 200_000, "name": "发票.pdf", "media_type": "application/pdf"}
    disk.fill()
    with pytest.raises(OSError) as caught:
        ledger.act(store_attachment, "maker", data_dir=disk.folder, **values)
    assert is_disk_full(caught.value)
    assert _files(disk) == []
    assert session.scalar(select(func.count()).select_from(Attachment)) == 1  # that of the books
    session.rollback()
    disk.make_room()
    sha256 = ledger.act(store_attachment, "maker", data_dir=disk.folder, **values)
    assert attachment_path(disk.folder, sha256).exists()
    kept = read_attachment(session, org_id=ledger.org_id, sha256=sha256, data_dir=disk.folder)
    assert kept[1] == values["data"]


def test_a_receipt_that_cannot_be_kept_uses_no_number(session: Session, disk: Disk) -> None:
    """The second receipt finds no room; issued again it has the number behind the first."""
    desk = open_desk(session, disk.folder)
    desk.press = Press(disk.folder, PUBLIC_URL)
    first, second = desk.give(), desk.give()
    numbers = [desk.issue(first).number]
    files = _files(disk)
    disk.fill()
    with pytest.raises(OSError) as caught:
        desk.issue(second)
    assert is_disk_full(caught.value)
    assert _files(disk) == files
    assert session.scalar(select(func.count()).select_from(Receipt)) == 1
    session.rollback()
    disk.make_room()
    numbers.append(desk.issue(second).number)
    assert numbers == ["2026-000001", "2026-000002"]
    assert run_checks(session, desk.org_id, receipt_checks.CHECKS) == []


def _refuse_rows(owner: Connection) -> None:
    """Let PostgreSQL say what it says when a disk is full, where no small one can be mounted."""
    owner.exec_driver_sql(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END$$"
    )
    owner.exec_driver_sql(
        "CREATE TRIGGER no_room BEFORE INSERT ON ledger_voucher FOR EACH ROW EXECUTE FUNCTION no_room()"
    )


@contextmanager
def _tiny_database(server: PostgresServer, template: str, patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a disk and a database that stands on it, in a tablespace of its own."""
    folder = server.folder / "tiny"
    folder.mkdir()
    with small_disk(folder, patch) as disk:
        owner = server.folder.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        server.run(f"CREATE TABLESPACE tiny LOCATION '{folder}'")
        server.run(f'CREATE DATABASE tiny OWNER {OWNER} TEMPLATE "{template}" TABLESPACE tiny')
        try:
            yield disk, postgresql_database(server, "tiny")
        finally:
            server.drop("tiny")
            server.run("DROP TABLESPACE tiny")


@pytest.mark.postgres
def test_posting_into_a_full_tablespace(
    postgres_server: PostgresServer, postgresql_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL has no room for a further row: what was told stands, and the rest is posted later."""
    with (
        _tiny_database(postgres_server, postgresql_template, monkeypatch) as (disk, database),
        engines(database.url) as make,
        Session(make()) as session,
        create_engine(database.owner_url, poolclass=NullPool).connect() as connection,
    ):
        owner = connection.execution_options(isolation_level="AUTOCOMMIT")
        ledger = open_books(session)
        ledger.open_months("2026-03", "2026-03")
        ids = [ledger.draft(read_journal(GIFT)[0]) for _ in range(25)]
        ledger.approve(*ids)
        ledger.post_drafts(*ids[:3])
        disk.fill()
        if not disk.is_real:
            _refuse_rows(owner)
        posted = 3
        with pytest.raises(DBAPIError) as caught:
            for draft_id in ids[3:]:
                ledger.post_drafts(draft_id)
                posted += 1
        assert is_disk_full(caught.value)
        assert _numbers(session) == list(range(1, posted + 1))
        if disk.is_real:
            assert run_checks(session, ledger.org_id) == []
        session.rollback()
        disk.make_room()
        if not disk.is_real:
            owner.exec_driver_sql("DROP FUNCTION no_room CASCADE")
        ledger.post_drafts(*ids[posted:])
        assert _numbers(session) == list(range(1, 26))
        assert run_checks(session, ledger.org_id) == []


def _numbers(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(Voucher.number).order_by(Voucher.number)))
