"""A bundle holds every document once, under a name that stays inside it."""

from __future__ import annotations

import io
import zipfile

import pytest

from charity.documents.bundle import write_bundle, zip_documents

FILES = [("2026/捐赠确认函 2026-000001.pdf", b"%PDF-1.7"), ("清单.csv", "甲,乙\r\n".encode() * 50)]


def test_a_bundle_gives_back_its_files_in_order() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_documents(FILES))) as archive:
        assert archive.testzip() is None
        assert [(entry.filename, archive.read(entry)) for entry in archive.infolist()] == FILES
        pdf, table = archive.infolist()
        assert pdf.compress_type == zipfile.ZIP_STORED
        assert table.compress_size < table.file_size


def test_the_same_files_give_the_same_bytes() -> None:
    assert zip_documents(FILES) == zip_documents(iter(FILES))


def test_a_bundle_can_be_written_as_documents_come() -> None:
    target = io.BytesIO()
    write_bundle(target, iter(FILES))
    assert target.getvalue() == zip_documents(FILES)


@pytest.mark.parametrize(
    "name", ["", ".", "/a.pdf", "../a.pdf", "a/../b.pdf", "a\\b.pdf", "C:a.pdf", "a\n.pdf", "a//b"]
)
def test_a_name_that_leaves_the_bundle_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name inside a bundle"):
        zip_documents([(name, b"")])


def test_two_documents_of_one_name_are_refused_whatever_the_case() -> None:
    with pytest.raises(ValueError, match="two documents"):
        zip_documents([("a.pdf", b"1"), ("A.pdf", b"2")])
