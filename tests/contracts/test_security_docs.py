"""The pages on security say what is so: every line has its proof, every column and key its place."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from charity import schema
from charity.db import Base
from charity.sealed import SealedText
from tests.support import source

_DOCS = source.ROOT / "docs"
_STATES = {"met", "not applicable", "not met"}
#: Requirements of levels 1 and 2 in each chapter of ASVS 5.0.0.
_LEVEL_2 = {1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 7, 9: 7, 10: 29, 11: 14, 12: 9, 13: 13,
            14: 9, 15: 13, 16: 16, 17: 7}  # fmt: skip
#: Requirements of level 3 that were to be worked through besides.
_LEVEL_3 = set(
    """
    2.3.5 8.1.3 8.1.4 8.2.4 8.3.2 8.3.3 8.4.2 11.1.3 11.1.4 11.2.4 11.2.5 11.3.4 11.3.5 11.5.2 11.6.2
    11.7.1 11.7.2 15.4.1 15.4.2 15.4.3 15.4.4 16.5.4
    """.split()
)
_PATH = re.compile(
    r"`((?:tests|charity|docs|static|templates)/[\w./-]+|pyproject\.toml|requirements\.lock)(?:::(\w+))?`"
)
#: Names of columns under which something about a person is kept.
_PERSONAL = re.compile(
    r"(^|_)(name|name_en|title|address|phone|email|recipient|body|content|note|search|search_text|folded"
    r"|pinyin_key|sort_key|device|summary|details|reason|wish|answer|snapshot|masked|username|value|secret)$"
)
_CRYPTOGRAPHY = {"cryptography", "argon2", "pyotp", "webauthn", "itsdangerous", "hmac", "secrets"}


@cache
def lines() -> list[tuple[str, str, str, str, str]]:
    """Return id, level, gist, state and proof of every line of the list."""
    rows = re.findall(r"^\| (\d+\.\d+\.\d+) \|(.*)\|$", source.text(_DOCS / "security.md"), re.M)
    found = []
    for number, rest in rows:
        cells = [cell.strip() for cell in rest.split(" | ")]
        assert len(cells) == 4, f"{number} has {len(cells)} cells"
        found.append((number, cells[0], cells[1], cells[2], cells[3]))
    return found


def test_every_requirement_of_level_2_has_one_line() -> None:
    numbers = [number for number, *_ in lines()]
    assert sorted(numbers) == sorted(set(numbers)), "a line stands twice"
    counted = dict.fromkeys(_LEVEL_2, 0)
    for number, level, *_ in lines():
        if level in "12":
            counted[int(number.partition(".")[0])] += 1
    assert counted == _LEVEL_2
    assert sum(counted.values()) == 253


def test_the_chapters_of_level_3_are_there_too() -> None:
    assert {number for number, level, *_ in lines() if level == "3"} >= _LEVEL_3


def test_no_line_is_empty() -> None:
    wrong = []
    for number, level, gist, state, proof in lines():
        if level not in "123" or len(gist) < 4 or state not in _STATES or len(proof) < 6:
            wrong.append(number)
        elif state == "met" and not _PATH.search(proof):
            wrong.append(f"{number}: met, and nothing shows it")
    assert wrong == []


def test_the_count_on_the_page_is_that_of_its_lines() -> None:
    states = [state for *_, state, _ in lines()]
    sentence = re.sub(r"\s+", " ", source.text(_DOCS / "security.md"))
    for state in _STATES:
        assert f"{states.count(state)} {state}" in sentence


def functions_of(path: str) -> set[str]:
    """Return the names of the functions in a file, those inside classes too."""
    tree = source.tree(source.ROOT / path)
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", ["security.md", "keys.md", "threats.md", "personal-data.md"])
def test_every_test_and_page_named_is_there(document: str) -> None:
    missing = []
    for path, function in _PATH.findall(source.text(_DOCS / document)):
        if not (source.ROOT / path).exists():
            missing.append(path)
        elif function and function not in functions_of(path):
            missing.append(f"{path}::{function}")
    assert missing == []


def columns() -> dict[str, bool]:
    """Return every column that may hold a person → whether it is sealed."""
    schema.load_tables()
    return {
        f"{table.name}.{column.name}": isinstance(column.type, SealedText)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, SealedText) or _PERSONAL.search(column.name)
    }


def test_every_column_that_may_hold_a_person_is_in_the_inventory() -> None:
    page = source.text(_DOCS / "personal-data.md")
    inventory = dict(re.findall(r"^\| `(\w+\.\w+)` \| ([ABC]) \|", page, re.M))
    others = set(re.findall(r"`(\w+\.\w+)`", page.partition("## Looks like it")[2]))
    held = columns()
    assert len(held) > 50
    assert sorted(set(held) - set(inventory) - others) == [], "a column with no place in personal-data.md"
    assert sorted(set(inventory) - set(held)) == [], "the inventory names what is not there"
    unsealed = [name for name, kind in inventory.items() if kind == "A" and not held[name]]
    assert unsealed == [], "class A is sealed"
    assert [name for name, is_sealed in held.items() if is_sealed and inventory.get(name) != "A"] == []


def test_every_file_that_uses_cryptography_is_in_the_inventory() -> None:
    page = source.text(_DOCS / "keys.md")
    named = set(re.findall(r"^\| `(charity/[\w/]+\.py)` \|", page, re.M))
    users = {
        source.relative(path)
        for path in source.package_files()
        if "os.urandom" in source.text(path)
        or any(name.partition(".")[0] in _CRYPTOGRAPHY for _, name in source.imports(source.tree(path)))
    }
    assert len(users) > 8
    assert users == named


def test_no_broken_hash_is_used_where_it_matters() -> None:
    """A PDF names its file by an MD5, which guards nothing and says so."""
    used = {
        found
        for path in source.package_files()
        for found, rest in re.findall(r"hashlib\.(\w+)\(([^\n]*)", source.text(path))
        if "usedforsecurity=False" not in rest
    }
    assert used <= {"sha256", "shake_256", "sha3_256", "file_digest"}
    assert "sha256" in used
