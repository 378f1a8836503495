"""What a file says as a whole, told to people and machines."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

from charity.errors import SENTENCES, Refused
from charity.intake.__main__ import main
from charity.intake.read import describe, read_file
from charity.intake.rows import NOTE_CODES, IncomingRow, same_row_key
from tests.unit.intake.making import BANK_HEADER, csv_bytes, wechat_bill, wechat_line

_SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"
_BILL = wechat_bill(wechat_line(1), wechat_line(2, amount="十元"), totals="2,20.00,0.00,0.00,0.12")


def _row(**fields: object) -> IncomingRow:
    given = {
        "row_no": 2,
        "channel": "bank",
        "kind_hint": "payment",
        "occurred_on": None,
        "occurred_at": None,
        "amount_fen": 100,
        "is_credit": True,
        "line_hash": "0" * 64,
        "headers": ("甲", "甲", ""),
        "cells": ("1", "2", "3", "4"),
    }
    return IncomingRow(**given | fields)  # type: ignore[arg-type]


def test_a_file_is_described_in_plain_values_without_a_givers_name() -> None:
    bank = csv_bytes(BANK_HEADER, "20261108,101112,,100.00,1100.00,苏禾青,9999001,转存,,,S1")
    for data in (_BILL, bank, b"a,b\n1,2\n"):
        text = json.dumps(describe(read_file(data, "x.csv")), ensure_ascii=False)
        assert "苏禾青" not in text
        assert "oHaidai" not in text
    described = describe(read_file(_BILL, "x.csv"))
    assert (described["form"], described["rows"], described["bookable_rows"]) == ("wechat_merchant_v2", 2, 1)
    assert described["stated"]["in_fen"] == 2_000
    assert described["row_problems"]["amount_in_words"]["count"] == 1
    assert [item["code"] for item in described["problems"]] == ["total_in_differs"]


def test_a_refused_file_keeps_its_name_out_of_nothing() -> None:
    with pytest.raises(Refused) as caught:
        read_file(b"", "空" * 300)
    assert len(caught.value.problems[0].params["name"]) == 120


def test_the_hash_of_the_file_is_its_own() -> None:
    assert read_file(_BILL, "a").sha256 == read_file(_BILL, "b").sha256
    assert read_file(_BILL, "a").size_bytes == len(_BILL)


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(was_enabled: bool) -> None:
    (gc.enable if was_enabled else gc.disable)()
    try:
        read_file(_BILL, "a")
        with pytest.raises(Refused):
            read_file(b"", "a")
        assert gc.isenabled() is was_enabled
    finally:
        gc.enable()


def test_cells_with_the_same_heading_are_all_kept() -> None:
    assert _row().raw == {"甲": "1", "甲#2": "2", "#3": "3", "#4": "4"}


def test_only_notes_leave_a_row_bookable() -> None:
    assert _row().is_bookable
    assert SENTENCES.keys() >= NOTE_CODES


@pytest.mark.parametrize(
    ("fields", "is_same"),
    [
        ({"row_no": 9, "channel": "other", "line_hash": "1" * 64, "remark": "好"}, True),
        ({"counterparty_name": "苏 禾 青"}, True),
        ({"counterparty_name": "陆知遥"}, False),
        ({"amount_fen": 101}, False),
        ({"is_credit": False}, False),
    ],
)
def test_rows_that_may_be_one_share_a_key(fields: dict[str, object], is_same: bool) -> None:
    key = same_row_key(_row(counterparty_name="苏禾青"))
    assert (same_row_key(_row(**{"counterparty_name": "苏禾青"} | fields)) == key) is is_same


def test_a_row_without_a_name_is_known_by_its_account() -> None:
    keys = {same_row_key(_row(counterparty_account=account)) for account in ("99991", "99992", "99991")}
    assert len(keys) == 2


def test_the_command_says_what_each_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(_SAMPLES)]) == 0
    said = capsys.readouterr().out
    for text in (
        "wechat_trade_20261118.csv: wechat_merchant_v2",
        "bad_merged.xlsx: refused",
        "breaks 1",
        "guesses",
    ):
        assert text in said
    assert "苏禾青" not in said


def test_the_command_speaks_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", str(_SAMPLES / "unknown.csv"), str(_SAMPLES / "bad_cut_off.csv")]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["form"], second["form"]) == ("unknown", "refused")
    assert second["refused"][0]["code"] == "file_truncated"


def test_the_command_without_a_file_says_how_to_call_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "charity.intake", str(_SAMPLES / "unknown.csv")]
    done = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    assert done.stdout.startswith("unknown.csv: unknown")
