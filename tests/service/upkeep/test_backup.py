"""A backup holds everything of one instant but the keys, and comes back whole."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import unit_of_work
from charity.errors import Refused
from charity.ids import new_id
from charity.ledger.attachments import read_attachment, sealed_path, store_attachment
from charity.ledger.sealed_models import Voucher
from charity.upkeep.archives import manifest_of
from charity.upkeep.checking import find_all
from charity.upkeep.models import Backup
from charity.upkeep.restoring import verify
from tests.service.upkeep.conftest import AT, GIFT, House

Opened = Callable[[Settings], Session]


def test_a_backup_comes_back_whole(house: House, opened: Opened) -> None:
    """One gift, one paper, a signed log: the same vouchers, files and findings elsewhere."""
    made = house.back_up()
    restored = house.restore(made.path, is_verified=True)
    # The sample paper of the tests has no bytes, there as here.
    assert [line for line in restored.findings if "attachments" not in line] == []
    assert restored.vouchers == 1
    session = opened(restored.settings)
    assert session.scalar(select(func.count()).select_from(Voucher)) == 1
    here, there = house.settings.data_dir, restored.settings.data_dir
    for name in ("attachments", "proofs"):
        files = [path.relative_to(here) for path in (here / name).rglob("*") if path.is_file()]
        assert files
        assert [f for f in files if (there / f).read_bytes() != (here / f).read_bytes()] == []


@pytest.mark.sqlite_only
def test_a_sealed_file_stays_sealed_in_it_and_opens_where_it_is_restored(
    house: House, opened: Opened
) -> None:
    data = "姓名,手机号\n张三,13805341234\n".encode()
    kept = {"data": data, "name": "名单.csv", "media_type": "text/plain", "is_sealed": True}
    sha256 = house.ledger.act(store_attachment, "maker", data_dir=house.settings.data_dir, **kept)
    made = house.back_up()
    with tarfile.open(made.path) as tar:
        members = [tar.extractfile(name).read() for name in tar.getnames()]  # type: ignore[union-attr]
    assert not [member for member in members if data in member]
    restored = house.restore(made.path, is_verified=True)
    assert [line for line in restored.findings if sha256[:12] in line] == []
    there, org_id = restored.settings.data_dir, house.ledger.org_id
    wanted = {"org_id": org_id, "sha256": sha256, "data_dir": there}
    assert read_attachment(opened(restored.settings), **wanted)[1] == data
    sealed_path(there, sha256).write_bytes(b"changed")
    again = verify(restored.settings, restored.manifest)
    assert [line.rpartition(": ")[2] for line in again if sha256[:12] in line] == [
        "its bytes were changed, or are sealed with another key"
    ]


@pytest.mark.sqlite_only
def test_what_is_posted_after_the_snapshot_is_not_in_it_and_nothing_is_torn(house: House) -> None:
    made = house.back_up()
    house.ledger.post(GIFT)
    house.sign()
    restored = house.restore(made.path, is_verified=True)
    assert restored.vouchers == 1
    assert [line for line in restored.findings if "attachments" not in line] == []


def test_a_head_that_is_published_and_not_yet_recorded_is_kept(house: House) -> None:
    """The sequencer died between the file and its row: the check says so until its next run."""
    from charity.proofs import checkpoints

    house.ledger.post(GIFT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            house.sign()
    house.ledger.session.rollback()
    published = (house.settings.data_dir / "proofs" / "city" / "checkpoint").read_text()
    restored = house.restore(house.back_up().path, is_verified=True)
    (told,) = [line for line in restored.findings if "attachments" not in line]
    assert told.startswith("CITY  published checkpoint") and told.endswith("its row was taken away")
    assert (restored.settings.data_dir / "proofs" / "city" / "checkpoint").read_text() == published
    house.sign()
    found = find_all(house.ledger.session, [(house.ledger.org_id, "CITY")], house.settings.data_dir)
    assert [finding for _, finding in found if finding.check != "attachments"] == []


@pytest.mark.sqlite_only
def test_keys_and_loose_files_are_never_in_it(house: House) -> None:
    data = house.settings.data_dir
    (data / "keys").mkdir(exist_ok=True)
    (data / "keys" / "charity_field_key.hex").write_text("22" * 32)
    (data / "settings.env").write_text("SMTP_URL=smtp://user:secret@example.org")
    made = house.back_up()
    with tarfile.open(made.path) as tar:
        names = tar.getnames()
    assert [name for name in names if "keys" in name or "settings" in name] == []
    text = made.path.read_bytes()
    for secret in (b"22" * 32, b"33" * 32, b"11" * 32, b"user:secret"):
        assert secret not in text
    assert made.path.stat().st_mode & 0o077 == 0


@pytest.mark.sqlite_only
def test_the_manifest_tells_schema_heads_and_every_file(house: House) -> None:
    made = house.back_up()
    manifest = manifest_of(made.path)
    assert manifest == made.manifest
    assert manifest.revision == "0002"
    (org,) = manifest.orgs
    assert (org.code, org.vouchers) == ("CITY", 1)
    assert org.checkpoint == (house.settings.data_dir / "proofs" / "city" / "checkpoint").read_text()
    assert org.tree_size > 0
    with tarfile.open(made.path) as tar:
        assert set(tar.getnames()) - {"manifest.json"} == {
            manifest.database.path,
            *(member.path for member in manifest.files),
        }


@pytest.mark.sqlite_only
def test_only_the_newest_are_kept_and_nothing_else_is_touched(house: House) -> None:
    (house.folder / "letter.txt").write_text("not a backup")
    names = [house.back_up(after_min=n, keep=2).path.name for n in range(3)]
    assert sorted(path.name for path in house.folder.iterdir()) == sorted(["letter.txt", *names[1:]])


@pytest.mark.sqlite_only
def test_a_backup_is_recorded_with_hash_and_size(house: House, session: Session) -> None:
    made = house.back_up(is_scheduled=True)
    row = session.scalars(select(Backup)).one()
    assert (row.state, row.name, row.sha256, row.size, row.is_scheduled) == (
        "done",
        made.path.name,
        made.sha256,
        made.path.stat().st_size,
        True,
    )


def _running(session: Session, minutes: int) -> None:
    with unit_of_work(session) as work:
        work.add(
            Backup(
                id=new_id(),
                state="running",
                is_scheduled=False,
                manifest_id="0" * 32,
                name="x.tar",
                folder="/",
                started_at=AT - timedelta(minutes=minutes),
            )
        )


#: State of the backup before → the states after another was begun, or the refusal.
BEFORE = {
    "none": "done",
    "running": "backup_running",
    "running for hours": "done failed",
    "done": "done done",
    "failed": "done failed",
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("state", BEFORE)
def test_a_backup_begins_whatever_became_of_the_one_before_unless_it_runs(
    house: House, session: Session, state: str
) -> None:
    """One that has run for hours was killed and is given up."""
    if state != "none":
        _running(session, 7 * 60 if state == "running for hours" else 5)
    if state in ("done", "failed"):
        with unit_of_work(session) as work:
            work.execute(update(Backup).values(state=state, ended_at=AT))
    try:
        house.back_up()
    except Refused as refused:
        found = " ".join(refused.codes)
    else:
        session.rollback()
        found = " ".join(sorted(session.scalars(select(Backup.state))))
    assert found == BEFORE[state]


def test_two_backups_do_not_run_at_once(house: House, session: Session) -> None:
    _running(session, 5)
    with pytest.raises(Refused) as refused:
        house.back_up()
    assert refused.value.codes == ["backup_running"]


@pytest.mark.sqlite_only
def test_a_folder_inside_the_data_folder_is_refused(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.back_up(folder=house.settings.data_dir / "backups")
    assert refused.value.codes == ["backup_folder_inside"]


@pytest.mark.sqlite_only
def test_without_a_folder_nothing_is_made(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.back_up(folder=None)
    assert refused.value.codes == ["backup_folder_missing"]


@pytest.mark.sqlite_only
def test_a_disk_that_fills_up_leaves_no_half_backup(
    house: House, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("charity.upkeep.archives.ArchiveWriter.close", full)
    with pytest.raises(Refused) as refused:
        house.back_up()
    assert refused.value.codes == ["backup_failed"]
    assert list(house.folder.iterdir()) == []
    session.rollback()
    row = session.scalars(select(Backup)).one()
    assert (row.state, row.problem) == ("failed", "No space left on device")


@pytest.mark.postgresql_only
def test_a_missing_program_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charity.upkeep.snapshots.shutil.which", lambda _name: None)
    monkeypatch.setattr("charity.upkeep.snapshots.glob.glob", lambda _pattern: [])
    with pytest.raises(Refused) as refused:
        house.back_up()
    assert refused.value.codes == ["program_missing"]


def _with(archive: Path, change: Callable[[str, bytes], bytes | None], *more: tuple[str, bytes]) -> Path:
    """Write an archive anew with changed members."""
    import io

    changed = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(changed, "w") as new:
        members = [(info.name, old.extractfile(info).read()) for info in old if info.isfile()]  # type: ignore[union-attr]
        for name, data in [*members, *more]:
            data = change(name, data)
            if data is not None:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return changed


def assert_refused(house: House, archive: Path, code: str, **values: object) -> None:
    target, url = house.targets()
    with pytest.raises(Refused) as refused:
        house.restore(archive, **{"target": target, "url": url, **values})
    assert refused.value.codes == [code]
    assert [path for path in target.iterdir() if path.name != "keys"] in ([], [target / "there"])


@pytest.mark.sqlite_only
def test_a_changed_member_is_refused(house: House) -> None:
    def change(name: str, data: bytes) -> bytes:
        return data + b"x" if name.startswith("files/attachments") else data

    assert_refused(house, _with(house.back_up().path, change), "archive_changed")


@pytest.mark.sqlite_only
def test_a_missing_member_is_refused(house: House) -> None:
    def change(name: str, data: bytes) -> bytes | None:
        return None if name.startswith("files/attachments") else data

    assert_refused(house, _with(house.back_up().path, change), "archive_changed")


@pytest.mark.sqlite_only
def test_a_member_that_is_not_listed_is_refused(house: House) -> None:
    changed = _with(house.back_up().path, lambda _name, data: data, ("../escape", b"x"))
    assert_refused(house, changed, "archive_unlisted")


def _planted(archive: Path, path: str, *, is_sealed: bool = True) -> Path:
    """Write an archive anew with a further file that its list names with its right hash.

    Args:
        archive: the backup.
        path: of the file.
        is_sealed: keep the seal, which does not fit any more; else none, as of the first release.
    """
    data = b'SMTP_URL = "smtps://elsewhere.example:465"\n'

    def change(name: str, old: bytes) -> bytes:
        if name != "manifest.json":
            return old
        listed = json.loads(old)
        listed["files"].append({"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)})
        if not is_sealed:
            del listed["seal"]
        return json.dumps(listed).encode()

    return _with(archive, change, (path, data))


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "path",
    [
        "files/settings.toml",
        "files/setup-code",
        "files/charity.db-wal",
        "files/keys/charity_secret_key.hex",
        "files/.hidden/x",
        "elsewhere/attachments/x",
        "loose",
    ],
)
def test_settings_and_keys_cannot_be_planted_by_an_archive(house: House, path: str) -> None:
    assert_refused(house, _planted(house.back_up().path, path), "archive_foreign")


@pytest.mark.sqlite_only
def test_a_list_that_was_changed_under_its_seal_is_refused(house: House) -> None:
    """A paper put in with its right hash, and a seal of other hands."""
    archive = house.back_up().path
    assert_refused(house, _planted(archive, "files/attachments/aa/bb"), "archive_forged")
    assert manifest_of(archive).seal not in ("", manifest_of(house.back_up(after_min=1).path).seal)


@pytest.mark.sqlite_only
def test_a_backup_of_the_first_release_has_no_seal_and_says_so(house: House) -> None:
    told: list[str] = []
    archive = _planted(house.back_up().path, "files/attachments/aa/bb", is_sealed=False)
    assert house.restore(archive, tell=told.append).vouchers == 1
    assert any("no seal" in line for line in told)


@pytest.mark.sqlite_only
def test_a_folder_that_is_not_the_products_is_left_out_and_named(house: House) -> None:
    """An earlier release backed up such folders; its archives still come back."""
    restored = house.restore(_planted(house.back_up().path, "files/notes/settings.toml", is_sealed=False))
    assert [line for line in restored.findings if "notes/" in line] == list(restored.findings) != []
    assert not (restored.settings.data_dir / "notes").exists()
    (house.settings.data_dir / "notes").mkdir()
    (house.settings.data_dir / "notes" / "x").write_text("an operator's own")
    with tarfile.open(house.back_up(after_min=1).path) as tar:
        assert [name for name in tar.getnames() if "notes" in name] == []


@pytest.mark.sqlite_only
def test_what_is_restored_is_open_to_its_owner_only(house: House) -> None:
    """Whatever the folder and the umask say."""
    target, url = house.targets()
    target.chmod(0o755)
    before = os.umask(0o022)
    try:
        house.restore(house.back_up().path, target=target, url=url)
    finally:
        os.umask(before)
    found = [target, *target.rglob("*")]
    assert len(found) > 5
    assert [path for path in found if path.stat().st_mode & 0o077] == []


@pytest.mark.sqlite_only
def test_an_archive_that_is_cut_off_is_refused(house: House) -> None:
    made = house.back_up()
    cut = made.path.with_name("cut.tar")
    cut.write_bytes(made.path.read_bytes()[:-20_000])
    assert_refused(house, cut, "archive_unreadable")


@pytest.mark.sqlite_only
def test_a_list_that_leads_out_of_the_folder_is_refused(house: House) -> None:
    def change(name: str, data: bytes) -> bytes:
        return data.replace(b"files/attachments", b"../../../attachm") if name == "manifest.json" else data

    assert_refused(house, _with(house.back_up().path, change), "archive_unreadable")


@pytest.mark.sqlite_only
def test_a_backup_of_a_newer_version_is_refused(house: House) -> None:
    def change(name: str, data: bytes) -> bytes:
        if name != "manifest.json":
            return data
        return json.dumps(json.loads(data) | {"revision": "9999"}).encode()

    assert_refused(house, _with(house.back_up().path, change), "archive_newer")


@pytest.mark.sqlite_only
def test_other_keys_are_refused_before_anything_is_written(house: House) -> None:
    made = house.back_up()
    for name, changed in (
        ("CHARITY_FIELD_KEY", replace(house.settings, field_key=b"\x01" * 32)),
        ("CHARITY_SIGN_KEY", replace(house.settings, sign_key=b"\x02" * 32)),
    ):
        other = replace(house, settings=changed)
        with pytest.raises(Refused) as refused:
            other.restore(made.path)
        assert refused.value.codes == ["key_does_not_fit"]
        assert refused.value.problems[0].params == {"name": name}


@pytest.mark.sqlite_only
def test_a_retired_field_key_still_fits(house: House) -> None:
    made = house.back_up()
    changed = replace(house.settings, field_key=b"\x01" * 32, retired_field_keys=(house.settings.field_key,))
    assert replace(house, settings=changed).restore(made.path).vouchers == 1


@pytest.mark.sqlite_only
def test_a_target_that_holds_something_is_refused(house: House) -> None:
    target, url = house.targets()
    (target / "there").write_text("x")
    with pytest.raises(Refused) as refused:
        house.restore(house.back_up().path, target=target, url=url)
    assert refused.value.codes == ["target_not_empty"]
    assert [path.name for path in target.iterdir()] == ["there"]


@pytest.mark.postgresql_only
def test_a_database_with_tables_is_refused(house: House) -> None:
    assert_refused(house, house.back_up().path, "target_not_empty", url=house.settings.owner_url)


def test_the_kind_of_database_must_fit(house: House) -> None:
    dialect = house.engine.dialect.name
    url = "postgresql://owner@/x?host=/nowhere" if dialect == "sqlite" else ""
    assert_refused(house, house.back_up().path, "target_wrong_kind", url=url)


def test_a_tampered_guard_is_found(house: House, owner_connection) -> None:
    from sqlalchemy import text

    drop = "DROP TRIGGER upkeep_drill_no_delete"
    if owner_connection.dialect.name == "postgresql":
        drop = "ALTER TABLE upkeep_drill DISABLE TRIGGER USER"
    owner_connection.execute(text(drop))
    restored = house.restore(house.back_up().path)
    assert restored.findings
    assert all("trigger" in line for line in restored.findings)
