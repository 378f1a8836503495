"""What leaves say of months and of the operation log."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from charity.proofs.leaf_rules import (
    CHAIN_START,
    ENTRY_FIELDS,
    HOUSE,
    MAX_PART_BYTES,
    MonthFacts,
    TrialRow,
    WordNumbers,
    chain,
    covered,
    entry_bytes,
    month_leaves,
    month_openings,
    oplog_leaf,
    read_oplog_leaf,
    statements_of,
    token,
)
from charity.proofs.tile_rules import MAX_ENTRY_BYTES

CLOSED = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def facts(rows: tuple[TrialRow, ...]) -> MonthFacts:
    return MonthFacts(
        org="CITY",
        month=202601,
        closed_at=CLOSED,
        words=(WordNumbers("付", 0, 0), WordNumbers("收", 1, 2)),
        line_count=4,
        lines_sha256=bytes(32),
        rows=rows,
        statements={"position": "ab" * 32, "activities": "cd" * 32},
    )


def test_the_leaf_of_a_month_reads_line_by_line() -> None:
    """Opening, debit, credit, closing, in fen; debit positive."""
    (leaf,) = month_leaves(facts((TrialRow("1002", "GEN", 500, 700, 200), TrialRow("4101 X", "F*", 0, 0, 5))))
    assert leaf.decode().splitlines() == [
        "charity-month/v1 CITY 202601 1/1",
        "closed 2026-02-03T04:05:06.000000Z",
        "word 付 0-0",
        "word 收 1-2",
        f"lines 4 {'0' * 64}",
        f"statement activities {'cd' * 32}",
        f"statement position {'ab' * 32}",
        "balance 1002 GEN 500 700 200 1000",
        "balance 4101%20X F%2A 0 0 5 -5",
    ]
    assert leaf.endswith(b"\n")


def test_what_is_published_of_a_month_names_every_figure_and_tells_none() -> None:
    (clear,) = month_leaves(facts((TrialRow("1002", "GEN", 500, 700, 200),)))
    leaf = covered(clear, b"s" * 32)
    opened = month_openings(clear, b"s" * 32)
    assert [(name, value) for name, value, _ in opened] == [
        ("statement activities", "cd" * 32),
        ("statement position", "ab" * 32),
        ("balance 1002 GEN", "500 700 200 1000"),
    ]
    assert leaf.decode().splitlines() == [
        *clear.decode().splitlines()[:5],
        *(f"{name} {hashlib.sha256(salt + value.encode()).hexdigest()}" for name, value, salt in opened),
    ]
    assert b"700" not in leaf and b"cdcd" not in leaf
    assert len({salt for *_, salt in opened}) == 3
    with pytest.raises(ValueError, match="32 bytes"):
        covered(clear, b"short")


def test_statements_are_read_back_from_a_leaf() -> None:
    assert statements_of(month_leaves(facts(()))) == {"activities": "cd" * 32, "position": "ab" * 32}


def test_a_long_balance_is_cut_into_parts_that_fit_a_bundle() -> None:
    rows = tuple(TrialRow(f"{number:06d}", "FUND", 10**14, 10**14, 10**14) for number in range(3_000))
    leaves = month_leaves(facts(rows))
    assert len(leaves) == 8
    published = [covered(leaf, bytes(32)) for leaf in leaves]
    assert all(len(leaf) <= MAX_PART_BYTES + 100 < MAX_ENTRY_BYTES for leaf in (*leaves, *published))
    heads = [leaf.decode().splitlines()[0].split(" ")[-1] for leaf in leaves]
    assert heads == [f"{part}/8" for part in range(1, 9)]
    body = [line for leaf in leaves for line in leaf.decode().splitlines()[1:]]
    assert sum(line.startswith("balance ") for line in body) == 3_000


@pytest.mark.parametrize(
    ("text", "written"),
    [("DZ", "DZ"), ("a b", "a%20b"), ("100%", "100%25"), ("*", "%2A"), ("a\u3000b", "a%3000b")],
)
def test_a_code_is_one_word(text: str, written: str) -> None:
    assert token(text) == written


def entry(**values: Any) -> dict[str, Any]:
    known: dict[str, Any] = dict.fromkeys(ENTRY_FIELDS, "")
    return known | {"org_id": 1, "id": 2, "at": CLOSED, "user_id": 3, "details": {"b": 1, "a": "字"}} | values


def test_the_bytes_of_an_entry_are_fixed() -> None:
    assert entry_bytes(entry(act="ledger.post")).decode() == (
        "charity-oplog-entry/v1\n"
        '{"act":"ledger.post","address_hash":"","at":"2026-02-03T04:05:06.000000Z",'
        '"details":{"a":"字","b":1},"id":2,"org_id":1,"search":"","subject_kind":"","subject_no":"",'
        '"summary":"","user_id":3,"user_name":"","user_search":""}'
    )


@pytest.mark.parametrize("field", ENTRY_FIELDS)
def test_every_field_of_an_entry_is_covered(field: str) -> None:
    changed = {"at": datetime(2026, 2, 3, 4, 5, 7, tzinfo=UTC)}.get(field, 99)
    assert entry_bytes(entry(**{field: changed})) != entry_bytes(entry())


def test_a_chain_depends_on_every_entry_before() -> None:
    one = chain(chain(CHAIN_START, b"a"), b"b")
    assert one == hashlib.sha256(hashlib.sha256(bytes(32) + b"a").digest() + b"b").digest()
    assert one != chain(chain(CHAIN_START, b"b"), b"a")


def test_the_leaf_of_the_operation_log_hides_its_chain_behind_a_salt() -> None:
    salt, head = b"s" * 32, b"h" * 32
    leaf = oplog_leaf("CITY", 7, salt, head)
    assert leaf.decode() == f"charity-oplog/v1 CITY 7 {hashlib.sha256(salt + head).hexdigest()}\n"
    assert read_oplog_leaf(leaf) == ("CITY", 7, hashlib.sha256(salt + head).hexdigest())
    assert read_oplog_leaf(oplog_leaf(HOUSE, 1, salt, head))[0] == "*"


@pytest.mark.parametrize("content", [b"", b"charity-month/v1 A 1 b\n", b"charity-oplog/v1 A x b\n", b"\xff"])
def test_another_leaf_is_not_read_as_one(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says depends on what is wrong.
        read_oplog_leaf(content)
