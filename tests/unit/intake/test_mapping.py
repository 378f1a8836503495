"""A person's answer about an unknown file: how it is kept, found again and applied."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from charity.errors import Refused
from charity.intake.mapping import Mapping, check_mapping, mapping_signature
from charity.intake.read import read_file
from charity.intake.recognise import recognise
from charity.intake.table import read_table
from tests.unit.intake.making import csv_bytes, xlsx
from tests.unit.intake.refusing import assert_refused

_HEADERS = ("谁", "何时", "多少", "给谁用")
_FIELDS = {"counterparty_name": 0, "day": 1, "amount": 2, "fund_hint": 3}
_LIST = Mapping("donor_list", _HEADERS, _FIELDS)


def _file(*lines: str) -> bytes:
    return csv_bytes("某站登记", ",".join(_HEADERS), *lines)


def test_an_answer_turns_an_unknown_file_into_rows() -> None:
    data = _file("苏禾青,2026-11-08,100.00,急难救助", "合计,,100.00,")
    assert read_file(data, "x").form == "unknown"
    parsed = read_file(data, "x", _LIST)
    assert (parsed.form, len(parsed.rows), parsed.problems) == ("donor_list", 1, ())
    row = parsed.rows[0]
    assert (row.counterparty_name, row.occurred_on, row.amount_fen, row.fund_hint) == (
        "苏禾青",
        date(2026, 11, 8),
        10_000,
        "急难救助",
    )


def test_an_answer_is_found_again_by_the_headings_in_whatever_order() -> None:
    unknown = recognise(read_table(_file("苏禾青,2026-11-08,100.00,急难救助"), "x"))
    assert unknown.signature == _LIST.signature
    turned = csv_bytes("多 少,给谁用：,谁,何时,", "１００,助学,陆知遥,2026-11-09")
    assert recognise(read_table(turned, "x")).signature == _LIST.signature
    row = read_file(turned, "x", _LIST).rows[0]
    assert (row.counterparty_name, row.amount_fen, row.fund_hint) == ("陆知遥", 10_000, "助学")


def test_an_answer_survives_being_stored() -> None:
    answer = Mapping("bank_generic", _HEADERS, {"day": 1, "amount": 2}, "万元", "cash", True)
    stored: dict[str, Any] = json.loads(json.dumps(answer.to_json(), ensure_ascii=False))
    assert Mapping.from_json(stored) == answer
    assert Mapping.from_json({"form": "donor_list", "headers": ["谁"], "fields": {}}).unit == "元"


def test_an_answer_sets_unit_channel_and_direction() -> None:
    answer = Mapping("bank_generic", _HEADERS, {"day": 1, "amount": 2}, "万元", "alipay", False)
    row = read_file(_file("苏禾青,2026-11-08,1.5,付"), "x", answer).rows[0]
    assert (row.amount_fen, row.is_credit, row.channel) == (1_500_000, False, "alipay")


def test_amounts_without_a_sign_need_their_direction_said() -> None:
    answer = Mapping("bank_generic", _HEADERS, {"day": 1, "amount": 2, "summary": 3})
    with assert_refused("mapping_direction_missing"):
        read_file(_file("苏禾青,2026-11-08,1.50,存"), "x", answer)
    signed = read_file(_file("苏禾青,2026-11-08,1.50,存", "陆知遥,2026-11-09,-1.00,付"), "x", answer)
    assert [row.is_credit for row in signed.rows] == [True, False]


def test_an_answer_for_other_headings_is_refused() -> None:
    with assert_refused("mapping_outdated"):
        read_file(csv_bytes("谁,何时,多少", "苏禾青,2026-11-08,1"), "x", _LIST)


def test_a_file_without_headings_is_known_by_its_width() -> None:
    answer = Mapping("donor_list", ("", "", ""), {"counterparty_name": 0, "day": 1, "amount": 2})
    parsed = read_file(csv_bytes("苏禾青,2026-11-08,1.00", "陆知遥,2026-11-09,2.00"), "x", answer)
    assert [row.amount_fen for row in parsed.rows] == [100, 200]
    with assert_refused("mapping_outdated"):
        read_file(csv_bytes("苏禾青,2026-11-08,1.00,", "陆知遥,2026-11-09,2.00,好"), "x", answer)


def test_an_answer_looks_through_all_sheets() -> None:
    data = xlsx([["说明"]], 名册=list(_HEADERS))
    assert read_file(data, "x", _LIST).sheet == "名册"


@pytest.mark.parametrize(
    ("form", "fields", "codes"),
    [
        ("donor_list", {"day": 1}, ["mapping_name_missing", "mapping_amount_missing"]),
        ("bank_generic", {"credit": 2}, ["mapping_day_missing", "mapping_amount_missing"]),
        ("bank_generic", {"day": 1, "debit": 2, "credit": 3}, []),
        ("donor_list", {**_FIELDS, "mood": 1}, ["mapping_unknown_field"]),
        ("donor_list", {**_FIELDS, "phone": 9}, ["mapping_unknown_field"]),
    ],
)
def test_an_incomplete_answer_is_refused(form: str, fields: dict[str, int], codes: list[str]) -> None:
    answer = Mapping(form, _HEADERS, fields)
    assert [refused.codes[0] for refused in check_mapping(answer)] == codes
    if codes:
        with pytest.raises(Refused) as caught:
            read_file(_file("苏禾青,2026-11-08,1,助学"), "x", answer)
        assert caught.value.codes == codes[:1]


@pytest.mark.parametrize(("form", "unit"), [("wechat_merchant_v2", "元"), ("donor_list", "美元")])
def test_an_answer_of_an_impossible_kind_is_a_mistake_of_the_caller(form: str, unit: str) -> None:
    with pytest.raises(ValueError, match="no such form"):
        Mapping(form, _HEADERS, {}, unit)


def test_a_signature_does_not_depend_on_order_or_width() -> None:
    assert mapping_signature(["谁", "何时"]) == mapping_signature([" 何时：", "", "谁"])
    assert mapping_signature(["谁"]) != mapping_signature(["谁", "何时"])
    assert mapping_signature(["", ""]) != mapping_signature(["", "", ""])
