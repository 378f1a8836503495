"""verify.py, as a stranger runs it: standard library alone, on files that may have been tampered with."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from charity.config import resource_dir
from charity.ledger.commitments import FIELDS, commit_line, field_salts, leaf_bytes
from charity.proofs import rules
from charity.proofs.note_rules import TreeHead, verifier_key
from charity.proofs.signing import public_key_of, sign

PROGRAM = resource_dir("static") / "verify.py"
SEED = bytes.fromhex("33" * 32)
ORIGIN = "example.org/proofs"
KEY = verifier_key(ORIGIN, public_key_of(SEED))
LINES = 11
Change = Callable[[dict[str, Any]], None]


def values_of(number: int) -> list[str]:
    values = ["" for _ in FIELDS]
    values[FIELDS.index("amount")] = f"credit:{number}00"
    values[FIELDS.index("fund")] = "F2"
    values[FIELDS.index("summary")] = "捐款"
    return values


def salt_of(number: int) -> bytes:
    return bytes([number]) * 32


def leaf_of(number: int) -> bytes:
    place = {"org": "CITY", "month": 202603, "word": "记", "number": number, "line": 1, "lines": 1}
    return leaf_bytes(place, commit_line(salt_of(number), values_of(number)))


LEAVES = [rules.leaf_hash(leaf_of(number)) for number in range(1, LINES + 1)]


def node(level: int, number: int) -> bytes:
    return rules.perfect_root(LEAVES[number << level : (number + 1) << level])


def checkpoint(size: int, seed: bytes = SEED) -> str:
    return sign(TreeHead(ORIGIN, size, rules.root_of(size, node)), seed)


def opening(number: int, field: str) -> list[str]:
    at = FIELDS.index(field)
    return [field, values_of(number)[at], field_salts(salt_of(number))[at].hex()]


def proof(index: int = 6, size: int = LINES) -> dict[str, Any]:
    return {
        "form": "charity-proof/v1",
        "leaf": leaf_of(index + 1).decode(),
        "index": index,
        "size": size,
        "path": [each.hex() for each in rules.inclusion_proof(index, size, node)],
        "checkpoint": checkpoint(size),
        "key": KEY,
        "openings": [opening(index + 1, "amount"), opening(index + 1, "fund")],
    }


def consistency(old: int = 6, size: int = LINES) -> dict[str, Any]:
    return {
        "form": "charity-consistency/v1",
        "old": checkpoint(old),
        "new": checkpoint(size),
        "path": [each.hex() for each in rules.consistency_proof(old, size, node)],
        "old_key": KEY,
        "key": KEY,
    }


def package() -> list[dict[str, Any]]:
    head = {"form": "charity-package/v1", "size": LINES, "checkpoint": checkpoint(LINES), "key": KEY}
    rows = [
        {"leaf": leaf_of(n).decode(), "openings": [opening(n, field) for field in FIELDS]}
        for n in range(1, LINES + 1)
    ]
    return [head, *rows]


def program() -> ModuleType:
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("verify", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def verify(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run the program in this process and return its exit code and words."""
    path, main = tmp_path / "proof.json", program().main

    def run(text: str, *arguments: str) -> tuple[int, str]:
        path.write_text(text, encoding="utf-8")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            try:
                main(["verify.py", str(path), *arguments])
            except SystemExit as ended:
                return 1, said.getvalue() + str(ended)
        return 0, said.getvalue()

    return run


@pytest.fixture
def verify_alone(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run the program in an empty folder, by itself, without site packages."""

    def run(text: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "proof.json").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(PROGRAM), "proof.json", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        return done.returncode, done.stdout + done.stderr

    return run


Verify = Callable[..., tuple[int, str]]


def test_it_is_short_and_needs_nothing_but_the_standard_library() -> None:
    text = PROGRAM.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    names = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert names <= set(sys.stdlib_module_names)


def test_it_runs_by_itself_on_good_and_tampered_files(verify_alone: Verify) -> None:
    code, said = verify_alone(json.dumps(proof()))
    assert code == 0, said
    assert verify_alone(json.dumps(consistency()), KEY)[0] == 0
    assert verify_alone(as_lines(package()))[0] == 0
    for change in (change_leaf, change_amount, change_root):
        data = proof()
        change(data)
        code, said = verify_alone(json.dumps(data))
        assert code == 1 and "FAILED" in said and "Traceback" not in said


def test_without_a_file_it_says_how_it_is_called() -> None:
    with pytest.raises(SystemExit, match=r"python3 verify.py FILE \[KEY\]"):
        program().main(["verify.py"])


def test_it_knows_the_fields_of_the_leaf() -> None:
    assert tuple(program().FIELDS) == FIELDS


def test_a_line_is_proved_and_what_was_opened_is_shown(verify: Verify) -> None:
    code, said = verify(json.dumps(proof()))
    assert code == 0, said
    assert "amount = credit:700" in said and "fund = F2" in said
    assert "记 7 1/1" in said


def test_it_says_what_a_proof_cannot_do(verify: Verify) -> None:
    for text in (json.dumps(proof()), "{}"):
        said = verify(text)[1]
        assert "能发现事后改动，不能证明当初没写错" in said
        assert "does not prove that an entry was right" in said


def test_the_key_is_shown_and_may_be_demanded(verify: Verify) -> None:
    code, said = verify(json.dumps(proof()), KEY)
    assert (code, KEY in said) == (0, True)
    other = verifier_key(ORIGIN, public_key_of(bytes(32)))
    code, said = verify(json.dumps(proof()), other)
    assert code == 1 and "another key" in said


def change_leaf(data: dict[str, Any]) -> None:
    data["leaf"] = data["leaf"].replace("记 7 ", "记 8 ")


def change_amount(data: dict[str, Any]) -> None:
    data["openings"][0][1] = "credit:70000"


def change_salt(data: dict[str, Any]) -> None:
    data["openings"][0][2] = "00" * 32


def change_field(data: dict[str, Any]) -> None:
    data["openings"][0][0] = "account"


def invent_field(data: dict[str, Any]) -> None:
    data["openings"][0][0] = "colour"


def change_index(data: dict[str, Any]) -> None:
    data["index"] = 5


def make_index_negative(data: dict[str, Any]) -> None:
    data["index"] = -1


def change_size(data: dict[str, Any]) -> None:
    data["size"] = 12


def shorten_path(data: dict[str, Any]) -> None:
    data["path"].pop()


def lengthen_path(data: dict[str, Any]) -> None:
    data["path"].append("00" * 32)


def change_path(data: dict[str, Any]) -> None:
    data["path"][0] = "00" * 32


def change_root(data: dict[str, Any]) -> None:
    data["checkpoint"] = data["checkpoint"].replace("\n11\n", "\n12\n")


def change_origin(data: dict[str, Any]) -> None:
    data["checkpoint"] = sign(TreeHead("other.org/proofs", LINES, rules.root_of(LINES, node)), SEED)


def sign_otherwise(data: dict[str, Any]) -> None:
    data["checkpoint"] = checkpoint(LINES, bytes(32))


def change_key(data: dict[str, Any]) -> None:
    data["key"] = verifier_key(ORIGIN, public_key_of(bytes(32)))


def cut_signature(data: dict[str, Any]) -> None:
    data["checkpoint"] = data["checkpoint"][:-20] + "\n"


def drop_leaf(data: dict[str, Any]) -> None:
    del data["leaf"]


def use_other_checkpoint(data: dict[str, Any]) -> None:
    data["checkpoint"], data["size"] = checkpoint(10), 10


@pytest.mark.parametrize(
    "change",
    [
        change_leaf,
        change_amount,
        change_salt,
        change_field,
        invent_field,
        change_index,
        make_index_negative,
        change_size,
        shorten_path,
        lengthen_path,
        change_path,
        change_root,
        change_origin,
        sign_otherwise,
        change_key,
        cut_signature,
        drop_leaf,
        use_other_checkpoint,
    ],
)
def test_a_tampered_proof_is_refused(verify: Verify, change: Change) -> None:
    data = proof()
    change(data)
    code, said = verify(json.dumps(data))
    assert code == 1
    assert "FAILED" in said


def test_what_was_opened_wrongly_is_named(verify: Verify) -> None:
    data = proof()
    change_amount(data)
    assert "does not fit: amount" in verify(json.dumps(data))[1]


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"form": "charity-proof/v9"}', "\x00", '"x"', "1"])
def test_another_file_is_refused_without_a_traceback(verify: Verify, text: str) -> None:
    code, said = verify(text)
    assert code == 1
    assert "FAILED" in said and "Traceback" not in said


@pytest.mark.parametrize(("old", "size"), [(1, 11), (4, 11), (6, 11), (8, 11), (10, 11), (11, 11)])
def test_two_checkpoints_of_one_history_are_consistent(verify: Verify, old: int, size: int) -> None:
    code, said = verify(json.dumps(consistency(old, size)))
    assert code == 0, said


def rewrite_past(data: dict[str, Any]) -> None:
    """The earlier checkpoint is signed, but over another sixth line."""
    other = [*LEAVES[:5], rules.leaf_hash(b"another")]
    root = rules.frontier_of(other).root()
    data["old"] = sign(TreeHead(ORIGIN, 6, root), SEED)


def swap(data: dict[str, Any]) -> None:
    data["old"], data["new"] = data["new"], data["old"]


def empty_path(data: dict[str, Any]) -> None:
    data["path"] = []


@pytest.mark.parametrize("change", [rewrite_past, swap, empty_path, shorten_path, lengthen_path, change_path])
def test_a_rewritten_history_is_refused(verify: Verify, change: Change) -> None:
    data = consistency()
    change(data)
    code, said = verify(json.dumps(data))
    assert code == 1 and "FAILED" in said


def as_lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"


def test_an_auditors_package_is_built_again(verify: Verify) -> None:
    code, said = verify(as_lines(package()))
    assert code == 0, said
    assert "all 11 leaves" in said


@pytest.mark.parametrize("change", ["leave out", "swap", "double", "cut", "open otherwise"])
def test_a_tampered_package_is_refused(verify: Verify, change: str) -> None:
    rows = package()
    if change == "leave out":
        del rows[4]
    elif change == "swap":
        rows[4], rows[5] = rows[5], rows[4]
    elif change == "double":
        rows.append(rows[-1])
    elif change == "cut":
        rows.pop()
    else:
        rows[4]["openings"][4][1] = "credit:1"
    code, said = verify(as_lines(rows))
    assert code == 1 and "FAILED" in said


@hypothesis_settings(max_examples=10)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511))
def test_its_signatures_are_those_of_the_library(seed: bytes, message: bytes, bit: int) -> None:
    is_signed = program()._is_signed
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert is_signed(public, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not is_signed(public, message, bytes(flipped))
    assert not is_signed(public, message + b".", signature)
    assert not is_signed(public, message, signature + b"\0")


def test_a_signature_with_the_order_added_is_refused() -> None:
    """A second form of the same signature: s + L is the same number, and is not accepted."""
    module = program()
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    signature = private.sign(b"x")
    s = int.from_bytes(signature[32:], "little") + module.ORDER
    public = private.public_key().public_bytes_raw()
    assert not module._is_signed(public, b"x", signature[:32] + s.to_bytes(32, "little"))
