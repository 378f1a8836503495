"""Checkpoints are signed notes that other people's verifiers can read."""

from __future__ import annotations

import base64

import pytest

from charity.proofs.note_rules import (
    BadNote,
    Note,
    NoteSignature,
    TreeHead,
    key_id,
    note_text,
    read_note,
    verifier_key,
)
from charity.proofs.signing import is_signed_by, public_key_of, sign

SEED = bytes.fromhex("33" * 32)
HEAD = TreeHead("example.org/proofs", 9, bytes(range(32)))

#: A key and a note that the Go project's documentation signs.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def test_a_checkpoint_reads_as_the_specification_shows_it() -> None:
    lines = sign(HEAD, SEED).split("\n")
    assert lines[:4] == ["example.org/proofs", "9", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith("— example.org/proofs ")
    assert len(base64.b64decode(lines[4].split(" ")[2])) == 4 + 64
    assert lines[5:] == [""]


def test_a_checkpoint_is_read_back_and_verified() -> None:
    note = read_note(sign(HEAD, SEED))
    assert note.head == HEAD
    assert is_signed_by(note, public_key_of(SEED))


def test_keys_and_signatures_are_those_of_other_implementations() -> None:
    name, shown_id, encoded = GO_KEY.split("+", 2)
    public = base64.b64decode(encoded)[1:]
    assert key_id(name, public).hex() == shown_id
    assert verifier_key(name, public) == GO_KEY
    raw = base64.b64decode(GO_SIGNATURE)
    note = Note(TreeHead(name, 1, bytes(32)), GO_TEXT, (NoteSignature(name, raw[:4], raw[4:]),))
    assert is_signed_by(note, public)


@pytest.mark.parametrize(
    ("old", "new"), [("\n9\n", "\n8\n"), ("AAEC", "BAEC"), ("example.org", "example.com")]
)
def test_a_changed_checkpoint_is_not_signed(old: str, new: str) -> None:
    note = read_note(sign(HEAD, SEED).replace(old, new, 1))
    assert not is_signed_by(note, public_key_of(SEED))


def test_another_key_has_not_signed() -> None:
    assert not is_signed_by(read_note(sign(HEAD, SEED)), public_key_of(bytes(32)))


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    own = read_note(sign(HEAD, SEED)).signatures[0]
    witness = NoteSignature("witness.example/w1", b"abcd", bytes(72))
    note = read_note(note_text(HEAD, [witness, own]))
    assert note.signatures == (witness, own)
    assert is_signed_by(note, public_key_of(SEED))


GOOD = sign(HEAD, SEED)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no signature"),
        (HEAD.text(), "no signature"),
        (GOOD.removesuffix("\n"), "no signature"),
        (GOOD.replace("\n9\n", "\n09\n"), "not a number"),
        (GOOD.replace("\n9\n", "\n-9\n"), "not a number"),
        (GOOD.replace("\n9\n", "\n\n"), "lacks"),
        (GOOD.replace("AAEC", "AAE*"), "not base64"),
        (GOOD.replace("AAECAwQF", "AwQF"), "32 bytes"),
        (GOOD.replace("— ", "- "), "malformed"),
        (GOOD.replace("\n9\n", "\n9\n\x07"), "control characters"),
        (GOOD + "— short " + base64.b64encode(b"abcd").decode() + "\n", "too short"),
        ("x" * 100_001, "too long"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadNote, match=reason):
        read_note(text)
