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
    "wechat_trade_20261120_success.csv": ("wechat_merchant_v2", 5, 5, 18_001, 0, 108, []),
    "wechat_trade_20261120_refund.csv": ("wechat_merchant_v2", 1, 1, 0, 5_000, -30, []),
    "wechat_fund_flow_20261118.csv": ("wechat_fund_flow", 21, 21, 146_071, 16_542, 836, []),
    "wechat_person_20261118.csv": ("wechat_personal", 6, 6, 19_450, 850, 0, ["personal_statement"]),
    "wechat_person_20261118.xlsx": ("wechat_personal", 6, 6, 19_450, 850, 0, ["personal_statement"]),
    "alipay_account_20261118.csv": ("alipay_fund_flow", 9, 9, 42_601, 25_120, 120, []),
    "alipay_person_20261118.csv": ("alipay_personal", 7, 7, 28_800, 4_700, 0, ["personal_statement"]),
    "alipay_merchant_20261118.zip": ("alipay_merchant", 7, 7, 42_601, 5_000, 0, ["zip_left"]),
    "ccb_old_202610.csv": ("bank_ccb_corporate", 13, 13, 12_655_331, 1_801_500, 0, []),
    "ccb_new_202611.csv": ("bank_ccb_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "icbc_old_202610.csv": ("bank_icbc_corporate", 10, 10, 11_244_764, 1_801_500, 0, []),
    "icbc_new_202611.csv": ("bank_icbc_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "icbc_202611.xlsx": ("bank_icbc_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "abc_old_202610.csv": ("bank_abc_corporate", 10, 10, 11_244_764, 1_801_500, 0, []),
    "abc_new_202611.csv": ("bank_abc_corporate", 9, 9, 5_063_872, 4_560_000, 0, []),
    "boc_202611.csv": ("bank_boc_corporate", 9, 9, 3_389_098, 321_500, 0, []),
    "cmb_202611.xlsx": ("bank_cmb_corporate", 9, 9, 3_389_098, 321_500, 0, []),
    "cmbc_202611.csv": ("bank_cmbc_corporate", 9, 9, 3_389_098, 321_500, 0, []),
    "pab_202611.csv": ("bank_pab_corporate", 9, 9, 3_389_098, 321_500, 0, []),
    "spdb_202611.xlsx": ("bank_spdb_corporate", 9, 9, 3_389_098, 321_500, 0, []),
    "citic_202611.xlsx": ("bank_citic_corporate", 9, 9, 3_389_098, 321_500, 0, []),
    "icbc_person_202611.csv": ("bank_icbc_personal", 8, 8, 3_371_205, 321_500, 0, ["personal_statement"]),
    "abc_person_202611.csv": ("bank_abc_personal", 8, 8, 3_371_205, 321_500, 0, ["personal_statement"]),
    "boc_person_202611.csv": ("bank_boc_personal", 8, 8, 3_371_205, 321_500, 0, ["personal_statement"]),
    "ccb_person_202611.xlsx": ("bank_ccb_personal", 8, 8, 3_371_205, 321_500, 0, ["personal_statement"]),
    "cmb_person_202611.csv": ("bank_cmb_personal", 8, 8, 3_371_205, 321_500, 0, ["personal_statement"]),
    "bocom_person_202611.csv": ("bank_bocom_personal", 8, 8, 3_371_205, 321_500, 0, ["personal_statement"]),
    "statement_202611_1.ofx": ("bank_ofx", 9, 9, 3_389_098, 321_500, 0, []),
    "statement_202611_2.ofx": ("bank_ofx", 9, 9, 3_389_098, 321_500, 0, []),
    "statement_202611.sta": ("bank_mt940", 9, 9, 3_389_098, 321_500, 0, []),
    "statement_202611.xml": ("bank_camt053", 9, 9, 3_389_098, 321_500, 0, []),
    "rural_bank_202611.csv": ("bank_generic", 7, 7, 1_173_305, 4_560_000, 0, []),
    "donors_202611.csv": ("donor_list", 9, 6, 3_156_660, 0, 0, []),
    "donors_202611.xlsx": ("donor_list", 4, 4, 15_550_000, 0, 0, ["sheets_left"]),
    "unknown.csv": ("unknown", 0, 0, 0, 0, 0, ["form_unknown"]),
    "bad_statement.sta": ("bank_mt940", 9, 9, 3_389_198, 321_500, 0, ["statement_differs"]),
    "bad_balance.csv": ("bank_ccb_corporate", 8, 8, 5_063_872, 0, 0, ["balance_broken"]),
}
_REFUSED = {
    "bad_cut_off.csv": "file_truncated",
    "bad_entity.xml": "markup_doctype",
    "bad_formula.xlsx": "formula_without_value",
    "bad_merged.xlsx": "cells_merged",
    "bad_truncated.xlsx": "workbook_truncated",
}


def _data(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def test_every_sample_is_expected_and_explained() -> None:
    files = {path.name for path in SAMPLES.iterdir() if path.is_file() and path.suffix not in (".py", ".md")}
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
    assert kinds == {"payment", "settlement", "interest", "fee", "transfer_back", "refund", "other"}


def test_a_refund_of_the_day_before_names_an_order_of_that_day() -> None:
    names = ("wechat_trade_20261118.csv", "wechat_trade_20261119_new.csv")
    before, after = (read_file(_data(name), name) for name in names)
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
        if not name.endswith((".xlsx", ".zip")):
            assert path.read_bytes() == _data(name), name
        elif name in _SHOWN:
            # The packing of a zip may differ from one zlib to the next, its contents may not.
            assert _contents(path.read_bytes()) == _contents(_data(name)), name


def _contents(data: bytes) -> dict[str, Any]:
    described = describe(read_file(data, "x"))
    return {key: value for key, value in described.items() if key not in ("sha256", "size_bytes")}


def test_one_week_has_the_same_rows_in_every_form_that_gives_balances() -> None:
    """Day, side, amount, other account and balance: what a bank booked, whoever writes it down."""
    names = (
        "statement_202611.sta",
        "cmbc_202611.csv",
        "cmb_202611.xlsx",
        "spdb_202611.xlsx",
        "citic_202611.xlsx",
    )
    hashes = [{row.line_hash for row in read_file(_data(name), name).rows} for name in names]
    assert all(found == hashes[0] for found in hashes)


def test_the_unpacked_file_has_the_rows_of_its_zip() -> None:
    names = ("alipay_merchant_20261118.zip", "alipay_merchant_20261118.csv")
    packed, plain = (read_file(_data(name), name) for name in names)
    assert [row.line_hash for row in packed.rows] == [row.line_hash for row in plain.rows]
    assert "业务明细" in packed.name
