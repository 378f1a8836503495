"""States of receipts and invoices, numbers as typed: every act in every state."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.receipts.rules import (
    INVOICE_STATES,
    INVOICE_TRANSITIONS,
    STATES,
    TRANSITIONS,
    check_invoice_act,
    check_invoice_total,
    check_reissue,
    check_void,
    fold_number,
    fold_verify_code,
    receipt_number,
)


@pytest.mark.parametrize("state", STATES)
def test_a_receipt_does_in_each_state_what_the_table_says(state: str) -> None:
    assert (check_void(state, "n") == []) == ((state, "void") in TRANSITIONS)
    assert (check_reissue(state, "n", "") == []) == ((state, "reissue") in TRANSITIONS)
    assert check_reissue(state, "n", "later") != []


@pytest.mark.parametrize(("state", "act"), list(itertools.product(INVOICE_STATES, ("void", "red"))))
def test_an_invoice_does_in_each_state_what_the_table_says(state: str, act: str) -> None:
    is_open = (state, act) in INVOICE_TRANSITIONS
    assert (check_invoice_act(state, act, "n", is_reddened=False) == []) == is_open
    assert check_invoice_act(state, act, "n", is_reddened=True) != []


@given(st.integers(2024, 2200), st.integers(1, 999_999_999))
def test_a_number_is_found_again_however_it_is_typed(year: int, sequence: int) -> None:
    number = receipt_number(year, sequence)
    for typed in (number, f" {year}-{sequence} ", f"{year}－{sequence:07d}", number.replace("0", "o")):
        assert fold_number(typed) == number


@given(st.text(max_size=80))
def test_any_text_is_folded_to_something_short(text: str) -> None:
    assert len(fold_number(text)) <= 40 and len(fold_verify_code(text)) <= 20


@pytest.mark.parametrize(
    "typed",
    [
        "7q2m 9kxw 3f00 1111 2222",
        "7Q2M-9KXW-3F00-1111-2222",
        "https://cishan.example/xj/verify/7Q2M9KXW3F0011112222",
        "https://cishan.example/verify/7Q2M9KXW3F0011112222/?from=wechat",
    ],
)
def test_a_verify_code_is_read_from_code_or_address(typed: str) -> None:
    assert fold_verify_code(typed) == "7Q2M9KXW3F0011112222"


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.integers(1, 10**12))
def test_invoices_come_to_the_gift_at_the_most(gift: int, invoiced: int, amount: int) -> None:
    assert (check_invoice_total("D", gift, invoiced, amount) == []) == (invoiced + amount <= gift)
