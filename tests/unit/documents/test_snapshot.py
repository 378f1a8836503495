"""A snapshot is read back exactly or refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.documents.receipt import Allocation, GiftKind, ReceiptDocument
from charity.documents.snapshot import SnapshotUnreadable
from charity.documents.voucher import VoucherDocument
from charity.documents.words import Language
from tests.unit.documents.samples import RECEIPT, VOUCHER

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_PART = st.builds(Allocation, _TEXT, _TEXT, _TEXT, st.integers(1, 10**13), _TEXT)


@given(
    st.builds(
        replace,
        st.just(RECEIPT),
        language=st.sampled_from(get_args(Language)),
        kind=st.sampled_from(get_args(GiftKind)),
        donor_title=_TEXT,
        purpose=_TEXT,
        amount_fen=st.integers(1, 10**15),
        received_on=st.dates(),
        is_demo=st.booleans(),
        allocations=st.lists(_PART, max_size=3).map(tuple),
    )
)
def test_a_receipt_comes_back_as_it_was(document: ReceiptDocument) -> None:
    text = document.to_json()
    again = ReceiptDocument.from_json(text)
    assert again == document
    assert again.to_json() == text
    assert again.sha256 == document.sha256


def test_a_voucher_comes_back_as_it_was() -> None:
    assert VoucherDocument.from_json(VOUCHER.to_json()) == VOUCHER


def test_the_json_is_canonical_and_names_its_format() -> None:
    text = RECEIPT.to_json()
    content = json.loads(text)
    assert content["format"] == "receipt/1"
    assert content["received_on"] == "2026-03-05"
    assert content["allocations"][0]["amount_fen"] == 1234567
    assert text == json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def test_the_hash_follows_every_field() -> None:
    assert RECEIPT.sha256 != replace(RECEIPT, issued_on=date(2026, 3, 7)).sha256


def changed(**values: object) -> str:
    return json.dumps({**json.loads(RECEIPT.to_json()), **values})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "not JSON"),
        ("[]", "format receipt/1"),
        (changed(format="receipt/2"), "format receipt/1"),
        (VOUCHER.to_json(), "format receipt/1"),
        (changed(colour="red"), r"fields differ: \['colour'\]"),
        (changed(amount_fen=1.5), "amount_fen: float"),
        (changed(amount_fen=True), "amount_fen: bool"),
        (changed(amount_fen="100"), "amount_fen: str"),
        (changed(kind="promise"), "kind"),
        (changed(language="fr"), "language"),
        (changed(issued_on="2026-02-30"), "issued_on: not a date"),
        (changed(allocations=[{}]), r"allocations\[0\]: fields differ"),
        (changed(allocations={}), "allocations"),
        (changed(is_demo=0), "is_demo"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(SnapshotUnreadable, match=said):
        ReceiptDocument.from_json(text)


def test_a_missing_field_is_refused() -> None:
    content = json.loads(RECEIPT.to_json())
    del content["reviewer"]
    with pytest.raises(SnapshotUnreadable, match="reviewer"):
        ReceiptDocument.from_json(json.dumps(content))
