"""A disk that is full when a paper or an issued receipt is to be kept: none of it, then all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import is_disk_full
from charity.ledger.attachments import attachment_path, read_attachment, store_attachment
from charity.ledger.checks import run_checks
from charity.ledger.models import Attachment
from charity.receipts import checks as receipt_checks
from charity.receipts.composing import Press
from charity.receipts.models import Receipt
from tests.books import Ledger, open_books
from tests.receipting import PUBLIC_URL, open_desk
from tests.support.disks import Disk, small_disk


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
