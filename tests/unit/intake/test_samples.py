"""The sample files show what they say, and the script beside them writes them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from charity.errors import Refused
from charity.intake.mapping import Mapping
from charity.intake.read import describe, read_file

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"

#: File → form, rows, bookable rows, money in, money out, fee (fen), problems of the file.
_SHOWN: dict[str, tuple[str, int, int, int, int, int, list[str]]] = {
    "wechat_trade_20261118.csv": ("wechat_merchant_v2", 34, 34, 442_595, 6_666, 2_617, []),
    "wechat_trade_20261119_new.csv": ("wechat_merchant_v2", 13, 13, 147_439, 10_000, 824, []),
    "alipay_merchant_20261118.csv": ("alipay_merchant", 7, 7, 42_601, 5_000, 0, []),
    "ccb_old_202610.csv": ("bank_ccb_corporate", 13, 13, 12_655_331, 1_801_500, 0, []),
    "ccb_new_202611.csv": ("bank_ccb_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "icbc_old_202610.csv": ("bank_icbc_corporate", 10, 10, 11_244_764, 1_801_500, 0, []),
    "icbc_new_202611.csv": ("bank_icbc_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "icbc_202611.xlsx": ("bank_icbc_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "abc_old_202610.csv": ("bank_abc_corporate", 10, 10, 11_244_764, 1_801_500, 0, []),
    "abc_new_202611.csv": ("bank_abc_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "rural_bank_202611.csv": ("bank_generic", 7, 7, 1_173_305, 4_560_000, 0, []),
    "donors_202611.csv": ("donor_list", 9, 6, 3_156_660, 0, 0, []),
    "donors_202611.xlsx": ("donor_list", 4, 4, 15_550_000, 0, 0, ["sheets_left"]),
    "unknown.csv": ("unknown", 0, 0, 0, 0, 0, ["form_unknown"]),
    "bad_balance.csv": ("bank_ccb_corporate", 8, 8, 5_063_872, 0, 0, ["balance_broken"]),
}
_REFUSED = {
    "bad_cut_off.csv": "file_truncated",
    "bad_formula.xlsx": "formula_without_value",
    "bad_merged.xlsx": "cells_merged",
    "bad_truncated.xlsx": "workbook_truncated",
}


def _data(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def test_every_sample_is_expected_and_explained() -> None:
    files = {path.name for path in SAMPLES.iterdir() if path.suffix in (".csv", ".xlsx")}
    assert files == _SHOWN.keys() | _REFUSED.keys()
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(files) if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", _SHOWN)
def test_a_sample_is_read_as_its_readme_says(name: str) -> None:
    parsed = read_file(_data(name), name)
    form, rows, bookable, in_fen, out_fen, fee_fen, problems = _SHOWN[name]
    counted = parsed.totals.counted
    assert (parsed.form, len(parsed.rows), sum(row.is_bookable for row in parsed.rows)) == (
        form,
        rows,
        bookable,
    )
    assert (counted.in_fen, counted.out_fen, counted.fee_fen or 0) == (in_fen, out_fen, fee_fen)
    assert [problem.code for problem in parsed.problems] == problems


@pytest.mark.parametrize("name", _REFUSED)
def test_a_bad_sample_is_assert_refused_a_sentence(name: str) -> None:
    with pytest.raises(Refused) as caught:
        read_file(_data(name), name)
    assert caught.value.codes == [_REFUSED[name]]
    assert name in caught.value.problems[0].sentence()


@pytest.mark.parametrize("name", _SHOWN)
def test_the_same_file_has_the_same_hashes_and_no_two_rows_share_one(name: str) -> None:
    first, second = (read_file(_data(name), name) for _ in range(2))
    hashes = [row.line_hash for row in first.rows]
    assert hashes == [row.line_hash for row in second.rows]
    assert len(set(hashes)) == len(hashes)


def test_the_two_forms_of_one_bank_share_the_rows_they_both_have() -> None:
    old, new = (read_file(_data(name), name) for name in ("ccb_old_202610.csv", "ccb_new_202611.csv"))
    shared = {row.line_hash for row in old.rows} & {row.line_hash for row in new.rows}
    assert shared == {row.line_hash for row in new.rows[:3]}


def test_the_samples_of_banks_show_every_kind_of_row() -> None:
    names = [name for name, shown in _SHOWN.items() if shown[0].startswith("bank")]
    kinds = {row.kind_hint for name in names for row in read_file(_data(name), name).rows}
    assert kinds == {"payment", "settlement", "interest", "fee", "transfer_back", "other"}


def test_a_refund_of_the_day_before_names_an_order_of_that_day() -> None:
    before, after = (read_file(_data(name), name) for name in list(_SHOWN)[:2])
    orders = {row.reference for row in before.rows}
    assert [row.refund_of in orders for row in after.rows if row.refund_of] == [True]


def test_the_unknown_sample_is_read_by_an_answer() -> None:
    unknown = read_file(_data("unknown.csv"), "unknown.csv").recognition
    fields = {guess.field: guess.column for guess in unknown.guesses}
    parsed = read_file(_data("unknown.csv"), "unknown.csv", Mapping("donor_list", unknown.headers, fields))
    assert [row.amount_fen for row in parsed.rows] == [10_000, 25_050, 800_000]


def test_the_script_writes_the_same_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-B", str(SAMPLES / "make.py"), str(tmp_path)], check=True)
    written = {path.name: path for path in tmp_path.iterdir()}
    assert written.keys() == _SHOWN.keys() | _REFUSED.keys()
    for name, path in written.items():
        if name.endswith(".csv"):
            assert path.read_bytes() == _data(name), name
        elif name in _SHOWN:
            # The packing of a zip may differ from one zlib to the next, its contents may not.
            assert _contents(path.read_bytes()) == _contents(_data(name)), name


def _contents(data: bytes) -> dict[str, Any]:
    described = describe(read_file(data, "x"))
    return {key: value for key, value in described.items() if key not in ("sha256", "size_bytes")}
