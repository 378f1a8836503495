"""Files of the tree are named and cut as c2sp.org/tlog-tiles says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.proofs.tile_rules import (
    WIDTH,
    Tile,
    hashes_at,
    new_tiles,
    pack_entries,
    parse_tile_path,
    unpack_entries,
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "0/000"),
        (Tile(0, 1_234_067), "0/x001/x234/067"),
        (Tile(1, 999, 17), "1/999.p/17"),
        (Tile(0, 1000, 255, is_entries=True), "entries/x001/000.p/255"),
        (Tile(63, 0), "63/000"),
    ],
)
def test_a_tile_has_one_address(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_tile_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0/0",
        "00/000",
        "64/000",
        "0/x000/000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/07",
        "0/000/",
        "0/001/002",
        "0/x001",
        "entries",
        "entries/000/000",
        "../checkpoint",
        "0/000.p/1/..",
        "0/٠٠٠",
    ],
)
def test_nothing_else_is_an_address(path: str) -> None:
    assert parse_tile_path(path) is None


@given(st.integers(0, 5), st.integers(0, 10**9), st.integers(1, WIDTH), st.booleans())
def test_every_tile_is_found_again_by_its_address(
    level: int, number: int, width: int, is_entries: bool
) -> None:
    tile = Tile(0 if is_entries else level, number, width, is_entries)
    assert parse_tile_path(tile.path) == tile


def test_the_example_of_the_specification() -> None:
    """70,000 leaves: 273 full tiles and one of 112; one full tile and one of 17; one of 1."""
    hashes = [tile for tile in new_tiles(0, 70_000) if not tile.is_entries]
    by_level = {level: [tile.width for tile in hashes if tile.level == level] for level in range(4)}
    assert by_level == {0: [256] * 273 + [112], 1: [256, 17], 2: [1], 3: []}
    bundles = [tile.width for tile in new_tiles(0, 70_000) if tile.is_entries]
    assert bundles == [256] * 273 + [112]


@given(st.integers(0, 200_000), st.integers(0, 3_000))
def test_a_grown_tree_writes_what_changed_and_nothing_else(old: int, more: int) -> None:
    size = old + more
    before = {tile.path for tile in new_tiles(0, old)}
    after = {tile.path for tile in new_tiles(0, size)}
    assert {tile.path for tile in new_tiles(old, size)} == after - before


@given(st.integers(1, 100_000))
def test_every_tile_lies_inside_its_tree(size: int) -> None:
    assert all(0 < tile.before <= size for tile in new_tiles(0, size))
    assert hashes_at(1, size) == size // 256


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    assert unpack_entries(pack_entries(entries)) == entries


def test_an_entry_is_preceded_by_its_length_in_two_bytes() -> None:
    assert pack_entries([b"abc", b""]) == b"\x00\x03abc\x00\x00"


def test_an_entry_of_65536_bytes_is_too_long() -> None:
    assert len(pack_entries([bytes(65_535)])) == 65_537
    with pytest.raises(ValueError, match=r"65,535"):
        pack_entries([bytes(65_536)])


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x02a", b"\x00\x01ab"])
def test_a_cut_bundle_is_noticed(bundle: bytes) -> None:
    with pytest.raises(ValueError, match="ends inside"):
        unpack_entries(bundle)
