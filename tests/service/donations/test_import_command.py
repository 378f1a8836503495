"""One file from the command line: judged alone, or booked, and only once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from charity.donations.files import import_file
from charity.donations.models import Donation
from charity.errors import Refused
from charity.imports import reading
from charity.imports.models import ImportFile
from charity.jobs.models import Job
from tests.gifts import TODAY, Move, Office, Pay, assert_sound, bank_export, donor_list, wechat_bill


def run(office: Office, data: bytes, **values: Any) -> dict[str, Any]:
    return import_file(
        actor=office.clerk(),
        data=data,
        name="file.csv",
        on=TODAY,
        data_dir=office.data_dir,
        session=office.session,
        **values,
    )


BILL = wechat_bill([Pay("41", "1.00"), Pay("42", "2.00", "给村里修路"), Pay("41", "0.50", refund_no="9")])


def test_a_dry_run_judges_and_keeps_nothing(office: Office) -> None:
    answer = run(office, BILL, is_dry_run=True)
    assert [(row["verdict"], row["amount_fen"], row["target"]) for row in answer["rows"]] == [
        ("new", 100, "GEN"),
        ("new", 200, "?"),
        ("refund", -50, "#2"),
    ]
    assert answer["rows"][1]["reason"].startswith("The purpose is not clear")
    assert (answer["form"], answer["booked"], answer["file"]["place"]) == ("wechat_merchant_v2", 0, "W1")
    assert answer["totals"]["stated"]["in_fen"] == 300
    assert office.session.scalar(select(func.count()).select_from(ImportFile)) == 0


def test_a_file_is_booked_once(office: Office) -> None:
    first = run(office, BILL)
    assert (first["booked"], first["file"]["state"]) == (3, "booked")
    assert [row["state"] for row in first["rows"]] == ["booked"] * 3
    second = run(office, BILL)
    assert (second["booked"], second["file"]["number"]) == (0, first["file"]["number"])
    assert office.session.scalar(select(func.count()).select_from(Donation)) == 2
    assert office.session.scalar(select(func.count()).select_from(Job)) == 0
    assert_sound(office)


def test_rows_that_ask_are_left_to_a_person(office: Office) -> None:
    answer = run(office, bank_export([Move("5.00", "甲", ""), Move("6.00", "乙", "捐款")]))
    assert [(row["verdict"], row["state"]) for row in answer["rows"]] == [
        ("ask", "staged"),
        ("new", "booked"),
    ]
    assert answer["booked"] == 1
    again = run(office, bank_export([Move("5.00", "甲", "")]), is_dry_run=True)
    assert again["booked"] == 0


def test_a_long_file_is_read_and_booked_without_a_job(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 3)
    monkeypatch.setattr(reading, "INLINE_ROWS", 3)
    assert run(office, wechat_bill([Pay(f"42{n}", "1.00") for n in range(8)]))["booked"] == 8
    assert office.session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_list_needs_its_place(office: Office) -> None:
    data = donor_list([["李四", "200", "2026-03-17", "", ""]])
    with pytest.raises(Refused) as refused:
        run(office, data)
    assert refused.value.codes == ["import_place_missing"]
    assert run(office, donor_list([["李四", "201", "2026-03-17", "", ""]]), place="B1")["booked"] == 1


def test_an_unknown_file_and_one_that_contradicts_itself_are_refused(office: Office) -> None:
    for is_dry_run in (True, False):
        with pytest.raises(Refused) as refused:
            run(office, "甲列,乙列\n1,2\n".encode(), is_dry_run=is_dry_run)
        assert refused.value.codes == ["form_unknown"]
    with pytest.raises(Refused) as refused:
        run(office, wechat_bill([Pay("41", "1.00")], stated={"paid": "2.00"}))
    assert refused.value.codes == ["import_not_bookable", "total_in_differs"]


def test_half_a_fen_is_refused_and_named(office: Office) -> None:
    answer = run(office, donor_list([["李四", "0.005", "2026-03-17", "", ""]]), place="B1", is_dry_run=True)
    assert answer["rows"][0]["verdict"] == "error"
    assert "finer than one fen" in answer["rows"][0]["reason"]


def test_a_name_of_five_hundred_characters_is_refused_and_the_rest_is_booked(office: Office) -> None:
    lines = bank_export([Move("5.00", "甲" * 500, "捐款"), Move("6.00", "乙", "捐款")])
    answer = run(office, lines)
    assert [(row["verdict"], row["state"]) for row in answer["rows"]] == [
        ("error", "staged"),
        ("new", "booked"),
    ]
    assert "at most 200" in answer["rows"][0]["reason"]


def test_judging_needs_the_permission(office: Office) -> None:
    office.permissions = frozenset()
    with pytest.raises(Refused) as refused:
        run(office, BILL, is_dry_run=True)
    assert refused.value.codes == ["permission_missing"]
