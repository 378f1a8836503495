"""A dropped file is recognised by content, kept once, judged, and answers are remembered."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from charity.errors import Refused
from charity.imports import booking, service, staging
from charity.imports.models import ImportMapping
from charity.imports.reading import Answers
from charity.intake.mapping import Mapping
from charity.jobs.models import Job
from charity.ledger import setup
from charity.ledger.attachments import stored_bytes
from tests.gifts import TODAY, Move, Office, Pay, bank_export, donor_list, wechat_bill


def refusal(office: Office, verb: object, **values: object) -> list[str]:
    with pytest.raises(Refused) as refused:
        office.act(verb, **values)  # type: ignore[arg-type]
    return refused.value.codes


def test_a_bill_is_known_by_its_content_and_kept_under_its_hash(office: Office) -> None:
    data = wechat_bill([Pay("1", "100.00", fee="0.60"), Pay("2", "50.00")])
    file = office.stage(data, "照片.png")
    assert (file.form, file.state, file.place) == ("wechat_merchant_v2", "judged", "W1")
    assert (file.row_count, file.stated["in_fen"], file.counted["in_fen"]) == (2, 15_000, 15_000)
    assert office.verdicts(file) == ["new", "new"]
    assert stored_bytes(office.data_dir, file.sha256) == data


def test_the_same_bytes_are_the_same_file(office: Office) -> None:
    data = wechat_bill([Pay("1", "100.00")])
    first = office.stage(data, "a.csv")
    again = office.act(staging.stage_file, data=data, name="b.csv", data_dir=office.data_dir, on=TODAY)
    assert (again.file.id, again.was_known) == (first.id, True)


def test_what_rows_hold_is_sealed_at_rest(office: Office) -> None:
    file = office.stage(donor_list([["李四", "200", "2026-03-17", "助学", "13805341234"]]))
    kept = [path.read_bytes() for path in office.data_dir.rglob("*") if path.is_file()]
    assert kept and not [data for data in kept if b"13805341234" in data]
    raw = office.session.connection().exec_driver_sql("SELECT content FROM imports_row").scalar_one()
    assert "13805341234" not in raw
    assert "13805341234" in office.rows(file)[0].content


def test_a_list_of_donors_asks_where_its_money_lies(office: Office) -> None:
    file = office.stage(donor_list([["李四", "200", "2026-03-17", "", ""]]))
    assert (file.form, file.place) == ("donor_list", "")
    assert refusal(office, service.start_booking, file_id=file.id) == ["import_place_missing"]
    assert refusal(office, staging.choose_place, file_id=file.id, place="XX", on=TODAY) == [
        "import_place_unknown"
    ]
    placed = office.act(staging.choose_place, file_id=file.id, place="B1", on=TODAY)
    assert placed.place == "B1"
    assert [row.place for row in office.rows(file)] == ["B1"]


def test_a_file_finds_its_place_by_the_number_it_names(office: Office) -> None:
    from charity.sealed import keyed_hash

    for code, number in (("W2", "1900000109"), ("W3", "1900000777")):
        office.ledger.act(
            setup.open_money_place,
            "chief",
            code=code,
            name="微信商户",
            kind="merchant",
            account="100901",
            on=date(2026, 1, 1),
            number_hash=keyed_hash(number),
        )
    assert office.stage(wechat_bill([Pay("1", "1.00")])).place == "W2"


def test_a_file_whose_totals_differ_is_shown_and_not_booked(office: Office) -> None:
    file = office.stage(wechat_bill([Pay("1", "100.00")], stated={"paid": "100.01"}))
    assert [problem["code"] for problem in file.problems] == ["total_in_differs"]
    assert not file.is_sound
    assert refusal(office, service.start_booking, file_id=file.id) == [
        "import_not_bookable",
        "total_in_differs",
    ]


def test_a_broken_running_balance_keeps_a_file_from_being_booked(office: Office) -> None:
    lines = bank_export([Move("500.00", "甲", "捐款"), Move("8.00", "乙", "捐款")]).split(b"\r\n")
    lines[2] = lines[2].replace(b"100508.00", b"100509.00")
    file = office.stage(b"\r\n".join(lines))
    assert "balance_broken" in [problem["code"] for problem in file.problems]
    assert refusal(office, service.start_booking, file_id=file.id)[0] == "import_not_bookable"


PAYOUT = "姓名,身份证号,救助金额,金额,领取日期,签领\n".encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"%PDF-1.7 rest", "file_is_pdf"),
        (PAYOUT, "form_payout"),
    ],
)
def test_what_must_not_be_booked_is_refused_at_the_door(office: Office, data: bytes, code: str) -> None:
    values = {"data": data, "name": "x", "data_dir": office.data_dir, "on": TODAY}
    assert refusal(office, staging.stage_file, **values) == [code]


UNKNOWN = "甲列,乙列,丙列\r\n王五,30.00,2026-03-17\r\n赵六,20.00,2026-03-17\r\n".encode()


def answer_of(headers: tuple[str, ...]) -> Mapping:
    return Mapping("donor_list", headers, {"counterparty_name": 0, "amount": 1, "day": 2})


def test_an_unknown_file_asks_and_the_answer_is_remembered(office: Office) -> None:
    file = office.stage(UNKNOWN)
    assert (file.form, file.state) == ("unknown", "unmapped")
    parsed = staging.parsed_again(office.session, file, office.data_dir)
    answers = Answers(mapping=answer_of(parsed.recognition.headers))
    file = office.act(
        staging.answer_file, file_id=file.id, answers=answers, data_dir=office.data_dir, on=TODAY
    )
    assert (file.form, file.state, file.row_count) == ("donor_list", "judged", 2)
    kept = office.session.scalars(select(ImportMapping)).one()
    assert (kept.signature, kept.answered_by_name) == (answers.mapping.signature, "王会计")  # type: ignore[union-attr]
    next_file = office.stage(UNKNOWN.replace(b"30.00", b"31.00"))
    assert (next_file.form, next_file.state) == ("donor_list", "judged")


def test_an_answer_that_names_no_amount_is_refused(office: Office) -> None:
    file = office.stage(UNKNOWN)
    wrong = Mapping("donor_list", ("甲列", "乙列", "丙列"), {"counterparty_name": 0})
    values = {"answers": Answers(mapping=wrong), "data_dir": office.data_dir, "on": TODAY}
    assert refusal(office, staging.answer_file, file_id=file.id, **values) == ["mapping_amount_missing"]


def test_a_list_without_days_gets_its_day_from_a_person(office: Office) -> None:
    file = office.stage(donor_list([["李四", "200"]], head="捐赠人,捐赠金额"), place="B1")
    assert not file.is_sound
    answers = Answers(received_on=date(2026, 3, 16))
    file = office.act(
        staging.answer_file, file_id=file.id, answers=answers, data_dir=office.data_dir, on=TODAY
    )
    assert file.is_sound
    assert [row.on for row in office.rows(file)] == [date(2026, 3, 16)]


def test_a_booked_file_is_not_read_in_another_way(office: Office) -> None:
    file = office.stage(donor_list([["李四", "200", "2026-03-17", "", ""], ["", "1", "2026-03-17", "", ""]]))
    office.act(staging.choose_place, file_id=file.id, place="B1", on=TODAY)
    office.book(file)
    values = {"answers": Answers(year=2026), "data_dir": office.data_dir, "on": TODAY}
    assert refusal(office, staging.answer_file, file_id=file.id, **values) == ["import_rows_booked"]
    assert refusal(office, staging.choose_place, file_id=file.id, place="C1", on=TODAY) == [
        "import_rows_booked"
    ]


def test_a_file_is_set_aside_with_a_reason_and_can_be_dropped_again(office: Office) -> None:
    data = wechat_bill([Pay("1", "100.00")])
    file = office.stage(data)
    assert refusal(office, staging.set_aside, file_id=file.id, reason=" ") == ["reason_missing"]
    aside = office.act(staging.set_aside, file_id=file.id, reason="拖错了文件")
    assert (aside.state, [row.state for row in office.rows(file)]) == ("cancelled", ["skipped"])
    assert refusal(office, staging.set_aside, file_id=file.id, reason="又") == ["import_state"]
    assert office.stage(data).id != file.id


def test_a_file_that_is_booked_in_part_is_not_set_aside(office: Office) -> None:
    file = office.stage(bank_export([Move("5.00", "甲", "捐款"), Move("6.00", "乙", "")]))
    office.book(file)
    assert refusal(office, staging.set_aside, file_id=file.id, reason="不要了") == ["import_part_booked"]


def test_a_stranger_file_is_not_there(office: Office) -> None:
    assert refusal(office, service.start_booking, file_id=1) == ["import_unknown"]


def test_each_act_needs_its_permission(office: Office) -> None:
    file = office.stage(wechat_bill([Pay("1", "1.00")]))
    office.permissions = frozenset()
    values = {"data": b"x", "name": "x", "data_dir": office.data_dir, "on": TODAY}
    assert refusal(office, staging.stage_file, **values) == ["permission_missing"]
    assert refusal(office, staging.choose_place, file_id=file.id, place="W1", on=TODAY) == [
        "permission_missing"
    ]
    assert refusal(office, service.start_booking, file_id=file.id) == ["permission_missing"]
    assert refusal(office, service.decide_rows, file_id=file.id, row_nos=[2], action="skip") == [
        "permission_missing"
    ]


def test_a_long_file_is_read_by_a_job_that_goes_on_after_a_kill(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from charity.imports import reading

    monkeypatch.setattr(reading, "CHUNK", 3)
    monkeypatch.setattr(reading, "INLINE_ROWS", 3)
    file = office.stage(wechat_bill([Pay(f"42{n}", "1.00") for n in range(10)]))
    file_id = file.id
    assert (file.state, office.session.scalars(select(Job.kind)).all()) == ("reading", ["imports.read"])
    assert refusal(office, staging.set_aside, file_id=file_id, reason="x") == ["import_running"]
    run = office.run(fail_at=3)
    with pytest.raises(KeyboardInterrupt):
        booking.read_job(run, file_id, office.data_dir, {})
    assert len(office.rows(file)) == 6
    result = booking.read_job(office.run(), file_id, office.data_dir, {"rows": 6})
    assert result["params"] == {"count": 10}
    assert [row.row_no for row in office.rows(file)] == list(range(2, 12))
    office.end_jobs()
    office.session.expire_all()
    assert staging.load_file(office.session, office.org_id, file_id).state == "judged"


def test_a_long_file_is_judged_anew_by_a_job(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from charity.imports import reading

    rows = [[f"李{n}", "200", "2026-03-17", "", ""] for n in "一二三四五六七"]
    file = office.stage(donor_list(rows))
    monkeypatch.setattr(reading, "CHUNK", 3)
    monkeypatch.setattr(reading, "INLINE_ROWS", 3)
    office.act(staging.choose_place, file_id=file.id, place="B1", on=TODAY)
    assert {row.place for row in office.rows(file)} == {""}
    booking.judge_job(office.run(), file.id, {})
    assert {row.place for row in office.rows(file)} == {"B1"}
