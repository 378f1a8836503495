"""Names of backups, which may go, when one is due, and what a manifest may say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.upkeep.rules import (
    BackedUpOrg,
    BadManifest,
    Manifest,
    Member,
    archive_name,
    is_due,
    is_inside,
    is_late,
    made_at_of,
    newest,
    read_manifest,
    surplus,
)

AT = datetime(2026, 11, 30, 0, 20, tzinfo=UTC)
GOOD = Manifest(
    id="ab" * 16,
    made_at=AT,
    product="0.1.0",
    dialect="sqlite",
    revision="0002",
    database=Member("database.sqlite.gz", "0" * 64, 7),
    files=(Member("files/attachments/aa/bb", "1" * 64, 3), Member("files/文件", "2" * 64, 0)),
    orgs=(BackedUpOrg("CITY", 12, 40, "note\n"),),
    keys={"CHARITY_SIGN_KEY": "ff"},
)


def test_a_name_tells_when() -> None:
    name = archive_name(AT, "1a2b3c4d" + "0" * 24)
    assert name == "charity-20261130T002000Z-1a2b3c4d.tar"
    assert made_at_of(name) == AT
    assert made_at_of(".charity-20261130T002000Z-1a2b3c4d.tar.part") is None


NAMES = [archive_name(AT + timedelta(hours=hour), f"{hour:08d}") for hour in range(4)]


@pytest.mark.parametrize(("keep", "gone"), [(0, []), (1, NAMES[:3]), (3, NAMES[:1]), (9, [])])
def test_the_newest_stay_and_foreign_files_are_never_named(keep: int, gone: list[str]) -> None:
    files = [NAMES[2], "letter.txt", NAMES[0], "charity-old.tar", NAMES[3], NAMES[1]]
    assert surplus(files, keep) == gone
    assert newest(files) == NAMES[3]
    assert newest(["letter.txt"]) is None


@pytest.mark.parametrize(
    ("minutes", "hours", "due", "late"),
    [
        (None, 6, True, True),
        (None, 0, False, False),
        (359, 6, False, False),
        (360, 6, True, False),
        (780, 6, True, False),
        (781, 6, True, True),
        (99_999, 0, False, False),
    ],
)
def test_a_backup_is_due_after_its_span_and_late_after_two(minutes, hours, due, late) -> None:
    last = None if minutes is None else AT - timedelta(minutes=minutes)
    assert (is_due(last, hours, AT), is_late(last, hours, AT)) == (due, late)


def test_a_manifest_comes_back_as_it_was() -> None:
    assert read_manifest(GOOD.to_json()) == GOOD
    assert read_manifest(replace(GOOD, files=()).to_json()).files == ()


@pytest.mark.parametrize(
    "change",
    [
        {"form": "charity-backup/v9"},
        {"made_at": 5},
        {"database": {"path": "x"}},
        {"files": [{"path": "../x", "sha256": "0", "size": 1}]},
        {"orgs": None},
    ],
)
def test_a_text_that_is_no_manifest_is_refused(change) -> None:
    with pytest.raises(BadManifest):
        read_manifest(json.dumps(json.loads(GOOD.to_json()) | change))


@given(st.text())
def test_whatever_is_read_nothing_but_a_refusal_comes_of_it(text: str) -> None:
    with pytest.raises(BadManifest):
        read_manifest(text)


@pytest.mark.parametrize("path", ["a", "files/attachments/aa/bb", "files/文件"])
def test_a_path_below_the_folder_is_inside(path: str) -> None:
    assert is_inside(path)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", "a\\..\\b"])
def test_a_path_that_leads_out_is_not(path: str) -> None:
    assert not is_inside(path)
