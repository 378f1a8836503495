"""Sealed fields open only with their key, in their place, and match through hashes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from charity import sealed

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    before = sealed._ring
    sealed.configure(NEW)
    yield
    sealed._ring = before


def test_what_was_sealed_opens_again() -> None:
    assert sealed.unseal(sealed.seal("13800001234 𬭎", "a.b"), "a.b") == "13800001234 𬭎"


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert sealed.seal("x", "a.b") != sealed.seal("x", "a.b")


def test_the_clear_text_is_not_in_the_sealed_one() -> None:
    assert "13800001234" not in sealed.seal("13800001234", "a.b")


def test_a_value_moved_to_another_column_does_not_open() -> None:
    with pytest.raises(sealed.SealBroken, match="moved"):
        sealed.unseal(sealed.seal("x", "a.b"), "a.c")


def test_a_changed_value_does_not_open() -> None:
    stored = sealed.seal("x" * 30, "a.b")
    name, _, body = stored.partition(":")
    flipped = body[:20] + ("A" if body[20] != "A" else "B") + body[21:]
    with pytest.raises(sealed.SealBroken, match="changed"):
        sealed.unseal(f"{name}:{flipped}", "a.b")


def test_a_retired_key_still_opens() -> None:
    sealed.configure(OLD)
    stored = sealed.seal("x", "a.b")
    sealed.configure(NEW, [OLD])
    assert sealed.unseal(stored, "a.b") == "x"


def test_an_unknown_key_is_named() -> None:
    sealed.configure(OLD)
    stored = sealed.seal("x", "a.b")
    sealed.configure(NEW)
    with pytest.raises(sealed.SealBroken, match="not configured"):
        sealed.unseal(stored, "a.b")


def test_hashes_match_equal_texts_only() -> None:
    assert sealed.keyed_hash("371402198001010012") == sealed.keyed_hash("371402198001010012")
    assert sealed.keyed_hash("371402198001010012") != sealed.keyed_hash("371402198001010013")


def test_a_purpose_keeps_hashes_apart() -> None:
    assert sealed.keyed_hash("x", "address") != sealed.keyed_hash("x")


def test_hashes_outlive_a_change_of_key() -> None:
    sealed.configure(OLD)
    before = sealed.keyed_hash("x")
    sealed.configure(NEW, [OLD])
    assert sealed.keyed_hash("x") == before


def test_another_house_hashes_differently() -> None:
    ours = sealed.keyed_hash("x")
    sealed.configure(OLD)
    assert sealed.keyed_hash("x") != ours


def test_a_key_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sealed.configure(b"short")


def test_nothing_is_sealed_without_a_key() -> None:
    sealed._ring = None
    with pytest.raises(RuntimeError, match="configure"):
        sealed.seal("x", "a.b")


def test_empty_text_is_sealed_too() -> None:
    assert sealed.unseal(sealed.seal("", "a.b"), "a.b") == ""


def test_bytes_of_a_file_open_with_their_key_in_their_place_alone() -> None:
    stored = sealed.seal_bytes(b"13800001234:\x00", "attachment:ab")
    assert b"13800001234" not in stored
    assert sealed.unseal_bytes(stored, "attachment:ab") == b"13800001234:\x00"
    for changed in (stored[:-1] + bytes([stored[-1] ^ 1]), stored[:12], stored + b"x"):
        with pytest.raises(sealed.SealBroken, match="changed"):
            sealed.unseal_bytes(changed, "attachment:ab")
    with pytest.raises(sealed.SealBroken, match="moved"):
        sealed.unseal_bytes(stored, "attachment:cd")
    sealed.configure(OLD)
    with pytest.raises(sealed.SealBroken, match="not configured"):
        sealed.unseal_bytes(stored, "attachment:ab")
    assert not sealed.is_sealed_anew(stored)
