"""The tree is that of RFC 6962: known roots and paths, and a naive model beside it."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.proofs import rules

#: The eight leaves on which Certificate Transparency's implementations agree.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
#: Their roots after 1, 2 … 8 leaves.
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
#: (index, size) → audit path, as published with them.
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
#: (old size, size) → consistency proof, as published with them.
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def naive_root(leaves: tuple[bytes, ...]) -> bytes:
    """The tree hash as the RFC defines it, recursively."""
    if not leaves:
        return rules.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return rules.node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(m: int, leaves: tuple[bytes, ...]) -> list[bytes]:
    """PATH(m, D[n]) of the RFC."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: tuple[bytes, ...], is_whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of the RFC."""
    if m == len(leaves):
        return [] if is_whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, leaves[:k], is_whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


@lru_cache
def hashes(count: int) -> tuple[bytes, ...]:
    """So many different leaf hashes."""
    return tuple(rules.leaf_hash(str(number).encode()) for number in range(count))


def node_of(leaves: tuple[bytes, ...]) -> rules.Node:
    """Perfect subtrees of a tree held in a list."""

    def node(level: int, number: int) -> bytes:
        part = leaves[number << level : (number + 1) << level]
        assert len(part) == 1 << level, "a subtree beyond the tree was asked for"
        return rules.perfect_root(part)

    return node


sizes = st.integers(1, 70)


def test_the_published_roots_come_out() -> None:
    frontier = rules.Frontier()
    for content, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(rules.leaf_hash(content))
        assert frontier.root().hex() == root
    assert rules.Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_the_published_paths_come_out(index: int, size: int) -> None:
    leaves = tuple(rules.leaf_hash(content) for content in LEAVES)
    path = rules.inclusion_proof(index, size, node_of(leaves))
    assert [each.hex() for each in path] == PATHS[index, size]
    assert rules.is_included(index, size, leaves[index], path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "size"), CONSISTENCY)
def test_the_published_consistency_proofs_come_out(old: int, size: int) -> None:
    leaves = tuple(rules.leaf_hash(content) for content in LEAVES)
    path = rules.consistency_proof(old, size, node_of(leaves))
    assert [each.hex() for each in path] == CONSISTENCY[old, size]
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[size - 1])
    assert rules.is_consistent(old, size, *roots, path)


@given(st.integers(0, 70))
def test_the_root_is_that_of_the_definition(size: int) -> None:
    leaves = hashes(70)[:size]
    assert rules.frontier_of(leaves).root() == naive_root(leaves)
    assert rules.root_of(size, node_of(hashes(70))) == naive_root(leaves)


@given(sizes)
def test_appending_completes_the_perfect_subtrees(size: int) -> None:
    frontier, found = rules.Frontier(), {}
    for leaf in hashes(70)[:size]:
        for level, number, sha256 in frontier.append(leaf):
            assert (level, number) not in found
            found[level, number] = sha256
    node = node_of(hashes(70)[:size])
    assert found == {
        (level, number): node(level, number) for level in range(1, 7) for number in range(size >> level)
    }


@given(sizes)
def test_a_frontier_is_the_same_after_storing(size: int) -> None:
    frontier = rules.frontier_of(hashes(70)[:size])
    loaded = rules.Frontier.load(size, frontier.dump())
    frontier.append(hashes(71)[70])
    loaded.append(hashes(71)[70])
    assert (loaded.size, loaded.root()) == (frontier.size, frontier.root())


@pytest.mark.parametrize(("size", "stored"), [(3, b"\0" * 32), (4, b""), (-1, b""), (0, b"\0" * 32)])
def test_a_frontier_of_another_size_is_not_loaded(size: int, stored: bytes) -> None:
    with pytest.raises(ValueError, match="frontier"):
        rules.Frontier.load(size, stored)


@pytest.mark.parametrize("count", [0, 3, 6])
def test_only_powers_of_two_are_perfect(count: int) -> None:
    with pytest.raises(ValueError, match="perfect"):
        rules.perfect_root(hashes(count))


@given(sizes, st.data())
def test_every_leaf_is_proved_as_the_definition_says(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = hashes(70)[:size]
    path = rules.inclusion_proof(index, size, node_of(hashes(70)))
    assert path == naive_path(index, leaves)
    assert rules.is_included(index, size, leaves[index], path, naive_root(leaves))


@given(sizes, st.data())
def test_a_changed_proof_of_a_leaf_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves, root = hashes(70)[:size], naive_root(hashes(70)[:size])
    path = rules.inclusion_proof(index, size, node_of(leaves))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index)) if size > 1 else -1
    assert not rules.is_included(other, size, leaves[index], path, root)
    assert not rules.is_included(index, size, rules.leaf_hash(b"another"), path, root)
    assert not rules.is_included(index, size, leaves[index], [*path, root], root)
    assert not rules.is_included(index, index, leaves[index], path, root)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        broken = [*path[:at], bytes(32), *path[at + 1 :]]
        assert not rules.is_included(index, size, leaves[index], broken, root)
        assert not rules.is_included(index, size, leaves[index], path[:-1], root)


@given(sizes, st.data())
def test_every_earlier_tree_is_proved_as_the_definition_says(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    leaves = hashes(70)[:size]
    path = rules.consistency_proof(old, size, node_of(leaves))
    assert path == naive_subproof(old, leaves, True)
    assert rules.is_consistent(old, size, naive_root(leaves[:old]), naive_root(leaves), path)


@given(sizes, st.data())
def test_a_rewritten_history_has_no_proof(size: int, data: st.DataObject) -> None:
    """An earlier tree in which one leaf was another is contained in no later one."""
    old = data.draw(st.integers(1, size))
    leaves = hashes(70)[:size]
    path = rules.consistency_proof(old, size, node_of(leaves))
    at = data.draw(st.integers(0, old - 1))
    other = (*leaves[:at], rules.leaf_hash(b"another"), *leaves[at + 1 : old])
    assert not rules.is_consistent(old, size, naive_root(other), naive_root(leaves), path)
    assert not rules.is_consistent(old, size, naive_root(leaves[:old]), naive_root(other), path)
    if path:
        short = path[:-1]
        assert not rules.is_consistent(old, size, naive_root(leaves[:old]), naive_root(leaves), short)
    long = [*path, bytes(32)]
    assert not rules.is_consistent(old, size, naive_root(leaves[:old]), naive_root(leaves), long)


def test_everything_begins_with_nothing() -> None:
    root = naive_root(hashes(3))
    assert rules.consistency_proof(0, 3, node_of(hashes(3))) == []
    assert rules.is_consistent(0, 3, rules.EMPTY_ROOT, root, [])
    assert not rules.is_consistent(0, 3, bytes(32), root, [])
    assert not rules.is_consistent(3, 2, root, root, [])


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0)])
def test_a_leaf_beyond_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        rules.inclusion_proof(index, size, node_of(hashes(3)))


def test_a_larger_tree_is_in_no_smaller_one() -> None:
    with pytest.raises(ValueError, match="smaller"):
        rules.consistency_proof(4, 3, node_of(hashes(4)))
