"""Files that hold persons' numbers are sealed at rest, checked by the hash of their clear bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from charity import sealed
from charity.ledger import attachments
from charity.ledger.checks import attachment_check
from tests.books import Ledger

pytestmark = pytest.mark.sqlite_only

OLD, NEW = b"o" * 32, b"n" * 32
LIST = "姓名,手机号\n张三,13805341234\n".encode()


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    before = sealed._ring
    sealed.configure(OLD)
    yield
    sealed._ring = before


def keep(ledger: Ledger, folder: Path, data: bytes = LIST, *, is_sealed: bool = True) -> str:
    sha256: str = ledger.act(
        attachments.store_attachment,
        "maker",
        data=data,
        name="名单.csv",
        media_type="text/plain",
        data_dir=folder,
        is_sealed=is_sealed,
    )
    return sha256


def found(ledger: Ledger, folder: Path, sha256: str) -> list[str]:
    """Return what the check says of one attachment; the sample paper has no bytes."""
    findings = attachment_check(folder)(ledger.session, ledger.org_id)
    return [finding.message for finding in findings if finding.where.endswith(sha256[:12])]


def in_clear(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and b"13805341234" in path.read_bytes()]


def test_it_is_sealed_at_rest_and_read_in_clear(ledger: Ledger, tmp_path: Path) -> None:
    sha256 = keep(ledger, tmp_path)
    assert keep(ledger, tmp_path) == sha256
    assert in_clear(tmp_path) == []
    row, data = attachments.read_attachment(
        ledger.session, org_id=ledger.org_id, sha256=sha256, data_dir=tmp_path
    )
    assert (data, row.size) == (LIST, len(LIST))
    assert found(ledger, tmp_path, sha256) == []


def test_what_was_changed_moved_or_lost_is_found(ledger: Ledger, tmp_path: Path) -> None:
    sha256, other = keep(ledger, tmp_path), keep(ledger, tmp_path, LIST + b"x")
    path = attachments.sealed_path(tmp_path, sha256)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    changed = "its bytes were changed, or are sealed with another key"
    assert found(ledger, tmp_path, sha256) == [changed]
    path.write_bytes(attachments.sealed_path(tmp_path, other).read_bytes())
    assert found(ledger, tmp_path, sha256) == [changed]
    path.unlink()
    assert found(ledger, tmp_path, sha256) == ["its file is missing"]
    assert found(ledger, tmp_path, other) == []


def test_a_new_key_seals_files_anew_and_none_twice(ledger: Ledger, tmp_path: Path) -> None:
    sha256 = keep(ledger, tmp_path)
    sealed.configure(NEW, [OLD])
    assert attachments.sealed_hashes(tmp_path) == [sha256]
    assert [attachments.seal_stored(tmp_path, sha256) for _ in range(2)] == [True, False]
    sealed.configure(NEW)
    assert attachments.stored_bytes(tmp_path, sha256) == LIST
    sealed.configure(OLD)
    assert found(ledger, tmp_path, sha256) == ["its bytes were changed, or are sealed with another key"]


def test_what_lay_in_clear_is_sealed_and_the_clear_file_goes(ledger: Ledger, tmp_path: Path) -> None:
    sha256 = keep(ledger, tmp_path, is_sealed=False)
    assert keep(ledger, tmp_path) == sha256 and len(in_clear(tmp_path)) == 1
    assert attachments.seal_stored(tmp_path, sha256)
    assert in_clear(tmp_path) == [] and attachments.stored_bytes(tmp_path, sha256) == LIST
    assert keep(ledger, tmp_path, is_sealed=False) == sha256
    assert in_clear(tmp_path) == []
    assert found(ledger, tmp_path, sha256) == []
    assert not attachments.seal_stored(tmp_path, "0" * 64)
