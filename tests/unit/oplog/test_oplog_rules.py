"""What an entry may say: registers, plain values, nothing sensitive in clear."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum

import pytest

from charity.oplog.rules import (
    ACTS,
    Change,
    register_acts,
    stored_details,
    stored_value,
    value_text,
)
from charity.periods import Month


class Colour(Enum):
    red = "red"


def test_an_act_is_registered_under_feature_and_verb() -> None:
    register_acts({"oplog.test_made": "Made a test"})
    assert ACTS["oplog.test_made"] == "Made a test"


def test_an_act_may_be_registered_twice_with_one_sentence() -> None:
    register_acts({"oplog.test_twice": "Did it"})
    register_acts({"oplog.test_twice": "Did it"})
    assert ACTS["oplog.test_twice"] == "Did it"


def test_two_sentences_for_one_act_are_refused() -> None:
    register_acts({"oplog.test_clash": "Did it"})
    with pytest.raises(ValueError, match="two sentences"):
        register_acts({"oplog.test_clash": "Did something else"})


@pytest.mark.parametrize("code", ["posted", "Ledger.post", "ledger.post-it", "ledger."])
def test_a_malformed_act_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=r"feature\.verb"):
        register_acts({code: "Did it"})


def test_values_are_kept_in_a_form_json_can_hold() -> None:
    kept = stored_details(
        {
            "day_on": date(2026, 3, 15),
            "at": datetime(2026, 3, 15, 1, 2, tzinfo=UTC),
            "month": Month(2026, 13),
            "colour": Colour.red,
            "roles": {"reviewer", "accountant"},
            "amount_fen": Change(100, 250),
            "none": None,
        }
    )
    assert kept == {
        "day_on": "2026-03-15",
        "at": "2026-03-15T01:02:00+00:00",
        "month": "2026-13",
        "colour": "red",
        "roles": ["accountant", "reviewer"],
        "amount_fen": {"old": 100, "new": 250},
        "none": None,
    }


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        stored_value(0.1)


@pytest.mark.parametrize(
    "name", ["phone", "email", "new_password", "identity_number", "bank_account", "diagnosis"]
)
def test_a_sensitive_value_in_clear_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="keyed hash"):
        stored_details({name: "x"})


def test_a_sensitive_value_may_be_logged_as_its_hash() -> None:
    assert stored_details({"phone_hash": "ab12"}) == {"phone_hash": "ab12"}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("amount_fen", 123450, "1,234.50"),
        ("amount_fen", -5, "-0.05"),
        ("reason", "", "–"),
        ("reason", None, "–"),
        ("roles", ["a", "b"], "a、b"),
        ("roles", [], "–"),
        ("is_active", True, "✓"),
        ("is_active", False, "✗"),
        ("ended_at", "2026-03-15T16:30:00+00:00", "2026-03-16 00:30"),
        ("phone_hash", "0123456789abcdef", "#0123456789ab"),
        ("count", 3, "3"),
    ],
)
def test_a_value_reads_as_people_write_it(name: str, value: object, text: str) -> None:
    assert value_text(name, value) == text
