"""The store of finished pages stays within its bytes and drops the longest unused."""

from __future__ import annotations

from datetime import date

from charity.web.cache import PAGE_BYTES, PageStore, StoredPage


def page(size: int) -> StoredPage:
    return StoredPage(1, (), ((), date(2026, 3, 18)), "mark", b"x" * size)


def test_what_was_put_is_got() -> None:
    store = PageStore(100)
    store.put(("a",), page(10))
    assert store.get(("a",)) == page(10)
    assert store.get(("b",)) is None


def test_the_longest_unused_is_dropped_first() -> None:
    store = PageStore(100)
    for name in "ab":
        store.put((name,), page(40))
    store.get(("a",))
    store.put(("c",), page(40))
    assert [store.get((name,)) is None for name in "abc"] == [False, True, False]


def test_a_new_page_takes_the_place_of_the_old_one() -> None:
    store = PageStore(100)
    for _ in range(5):
        store.put(("a",), page(60))
    store.put(("b",), page(40))
    assert store.get(("a",)) == page(60)
    assert store.get(("b",)) == page(40)


def test_a_page_too_large_is_not_kept() -> None:
    store = PageStore(10 * PAGE_BYTES)
    store.put(("a",), page(PAGE_BYTES + 1))
    assert store.get(("a",)) is None
