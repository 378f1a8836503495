"""Booking is in chunks that are all or nothing; a bad row, a kill or a cancel sinks nothing else."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.db import transact
from charity.donations import bookers
from charity.donations.models import Donation
from charity.errors import Problem, Refused, refuse
from charity.imports import booking, kinds, reading, service, staging
from charity.imports.kinds import RowToBook
from charity.jobs import service as jobs
from charity.jobs import worker
from charity.jobs.models import Job
from tests.gifts import Move, Office, Pay, assert_sound, bank_export, donor_list, wechat_bill

if TYPE_CHECKING:
    from tests.conftest import Clock


def gifts(office: Office) -> list[tuple[int | None, int]]:
    office.session.rollback()
    query = select(Donation.row_no, Donation.amount_fen).order_by(Donation.row_no)
    return [(row[0], row[1]) for row in office.session.execute(query)]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 4)


@pytest.fixture
def bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A booker that refuses any chunk with the order “BAD”, as a constraint would."""

    def book(session: Any, actor: Any, on: Any, file: Any, rows: list[RowToBook]) -> Any:
        became = bookers.book_rows(session, actor, on, file, rows)
        if any(item.row.reference == "BAD" for item in rows):
            raise refuse("gift_amount", most="1.00")
        return became

    booker = replace(bookers.BOOKER, book=book)
    monkeypatch.setitem(kinds._bookers, "wechat_merchant_v2", booker)


def test_a_bill_is_booked_row_by_row_and_says_what_became_of_each(office: Office) -> None:
    file = office.stage(wechat_bill([Pay("1", "100.00"), Pay("2", "50.00")]))
    result = office.book(file)
    assert (result["booked"], result["parked"], result["skipped"]) == (2, 0, 0)
    assert [(row.state, row.event_kind) for row in office.rows(file)] == [("booked", "gift")] * 2
    office.session.expire_all()
    assert staging.load_file(office.session, office.org_id, file.id).state == "booked"
    assert gifts(office) == [(2, 10_000), (3, 5_000)]
    office.post_all()
    assert_sound(office)


def test_a_bad_row_is_parked_with_its_reason_and_the_others_are_booked(office: Office, bad_row: None) -> None:
    pays = [Pay(f"42{n}", "1.00") for n in range(7)]
    file = office.stage(wechat_bill([*pays[:3], Pay("BAD", "9.00"), *pays[3:]]))
    result = office.book(file)
    assert (result["booked"], result["parked"]) == (7, 1)
    row = office.rows(file)[3]
    assert (row.state, row.reason, row.reason_params) == ("parked", "gift_amount", {"most": "1.00"})
    assert len(gifts(office)) == 7
    assert_sound(office)


def test_a_parked_row_is_tried_again_with_the_next_booking(
    office: Office, bad_row: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = office.stage(wechat_bill([Pay("1", "1.00"), Pay("BAD", "9.00")]))
    office.book(file)
    monkeypatch.setitem(kinds._bookers, "wechat_merchant_v2", bookers.BOOKER)
    assert office.book(file)["booked"] == 1
    assert [row.state for row in office.rows(file)] == ["booked", "booked"]


@pytest.mark.parametrize("fail_at", [1, 2, 4, 6, 8])
def test_a_kill_at_any_chunk_leaves_nothing_half_booked(
    office: Office, small_chunks: None, fail_at: int
) -> None:
    pays = [Pay(f"42{n}", f"{n + 1}.00", "捐款") for n in range(9)]
    file = office.stage(wechat_bill([*pays, Pay("423", "1.00", refund_no="R1")]))
    try:
        office.book(file, fail_at=fail_at)
    except KeyboardInterrupt:
        assert_sound(office)
        booked = [row for row in office.rows(file) if row.state == "booked"]
        assert len(gifts(office)) == sum(row.event_kind == "gift" for row in booked)
        booking.book_job(office.run(), file.id)
    assert [row.state for row in office.rows(file)] == ["booked"] * 10
    assert gifts(office) == [(n + 2, (n + 1) * 100) for n in range(9)]
    drafted = office.session.scalar(
        select(func.count()).select_from(Donation).where(Donation.draft_id.is_(None))
    )
    assert drafted == 0
    office.post_all()
    assert_sound(office)


def test_the_same_row_in_an_overlapping_file_is_not_booked_twice(office: Office) -> None:
    moves = [Move(f"{n}.00", f"捐赠人{n}", "捐款", at=f"2026-03-1{n} 10:00:00") for n in range(1, 6)]
    first = office.stage(bank_export(moves[:3]))
    assert office.book(first)["booked"] == 3
    opening = "100006.00"
    second = office.stage(
        bank_export([Move("3.00", "捐赠人3", "捐款", at="2026-03-13 10:00:00")], opening="100003.00")
    )
    assert office.verdicts(second) == ["booked"]
    third = office.stage(bank_export(moves[3:], opening=opening))
    assert office.verdicts(third) == ["new", "new"]
    assert office.book(third)["booked"] == 2
    assert len(gifts(office)) == 5
    assert refused_codes(office, second.id) == []
    assert_sound(office)


def refused_codes(office: Office, file_id: int) -> list[str]:
    """Book a file of which everything is booked already: its rows are left out."""
    try:
        office.act(service.start_booking, file_id=file_id)
    except Refused as refused:
        return refused.codes
    booking.book_job(office.run(), file_id)
    office.end_jobs()
    return []


def test_two_overlapping_files_that_are_staged_at_once_book_each_row_once(office: Office) -> None:
    pays = [Pay(f"42{n}", "1.00") for n in range(6)]
    first, second = office.stage(wechat_bill(pays[:4])), office.stage(wechat_bill(pays[2:]))
    assert office.verdicts(second) == ["new"] * 4
    assert office.book(first)["booked"] == 4
    result = office.book(second)
    assert (result["booked"], result["skipped"]) == (2, 2)
    assert office.verdicts(second) == ["booked", "booked", "new", "new"]
    assert len(gifts(office)) == 6


def test_an_order_that_stands_twice_in_one_file_is_booked_once(office: Office) -> None:
    file = office.stage(wechat_bill([Pay("1", "1.00"), Pay("2", "2.00"), Pay("1", "1.00")]))
    rows = office.rows(file)
    assert [row.verdict for row in rows] == ["new", "new", "booked"]
    assert (rows[2].reason, rows[2].reason_params) == ("row_repeated", {"row": 2})
    assert office.book(file)["booked"] == 2


def test_rows_that_ask_wait_while_the_others_are_booked(office: Office) -> None:
    file = office.stage(bank_export([Move("5.00", "甲", "捐款"), Move("6.00", "乙", "")]))
    assert office.verdicts(file) == ["new", "ask"]
    office.book(file)
    office.session.expire_all()
    assert staging.load_file(office.session, office.org_id, file.id).state == "judged"
    office.act(service.decide_rows, file_id=file.id, row_nos=[3], action="unidentified")
    office.book(file)
    assert [row.state for row in office.rows(file)] == ["booked", "booked"]
    assert sorted(draft.total_fen for draft in office.drafts()) == [500, 600]


def test_money_nobody_explains_goes_to_220901_for_all_rows_at_once(office: Office) -> None:
    file = office.stage(bank_export([Move("5.00", "甲", ""), Move("6.00", "乙", "")]))
    rows = office.act(service.decide_alike, file_id=file.id, verdict="ask", action="unidentified")
    assert len(rows) == 2
    assert office.act(service.decide_alike, file_id=file.id, verdict="ask", action="gift") == []
    office.book(file)
    office.post_all()
    assert office.ledger.balances()["220901", "GEN"] == -1_100
    assert_sound(office)


@pytest.mark.parametrize(
    ("row_nos", "action", "code"),
    [
        ([99], "skip", "row_unknown"),
        ([2], "fee", "decision_not_possible"),
        ([3], "gift", "decision_not_possible"),
    ],
)
def test_a_decision_is_refused_for(office: Office, row_nos: list[int], action: str, code: str) -> None:
    file = office.stage(bank_export([Move("5.00", "甲", ""), Move("6.00", "乙", "", is_out=True)]))
    with pytest.raises(Refused) as refused:
        office.act(service.decide_rows, file_id=file.id, row_nos=row_nos, action=action)
    assert refused.value.codes == [code]


def test_a_decision_can_be_taken_back_until_the_row_is_booked(office: Office) -> None:
    file = office.stage(bank_export([Move("5.00", "甲", "捐款"), Move("6.00", "乙", "")]))
    office.act(service.decide_rows, file_id=file.id, row_nos=[2], action="skip")
    office.act(service.decide_rows, file_id=file.id, row_nos=[2], action="")
    assert office.book(file)["booked"] == 1
    with pytest.raises(Refused) as refused:
        office.act(service.decide_rows, file_id=file.id, row_nos=[2], action="skip")
    assert refused.value.codes == ["row_ended"]


def test_a_file_without_anything_to_book_says_so(office: Office) -> None:
    file = office.stage(bank_export([Move("6.00", "乙", "")]))
    with pytest.raises(Refused) as refused:
        office.act(service.start_booking, file_id=file.id)
    assert refused.value.codes == ["import_nothing"]


def test_a_row_judged_differently_at_booking_is_not_booked_as_shown(office: Office) -> None:
    file = office.stage(bank_export([Move("6.00", "乙", "捐款")]))
    office.stage(donor_list([["乙", "6", "2026-03-17", "", ""]]), "list.csv", place="B1")
    other = office.session.merge(office.stage(donor_list([["乙", "6.00", "2026-03-17", "", ""]]), place="B1"))
    office.book(other)
    result = office.book(file)
    assert (result["booked"], result["parked"]) == (0, 1)
    row = office.rows(file)[0]
    assert (row.state, row.verdict, row.reason) == ("parked", "ask", "row_alike")


def test_booking_needs_the_permission_while_it_runs(office: Office) -> None:
    file = office.stage(wechat_bill([Pay("1", "1.00")]))
    office.act(service.start_booking, file_id=file.id)
    office.permissions = frozenset({"imports.stage"})
    with pytest.raises(Refused) as refused:
        booking.book_job(office.run(), file.id)
    assert refused.value.codes == ["permission_missing"]
    assert [row.state for row in office.rows(file)] == ["staged"]


def test_a_file_is_not_booked_twice_at_the_same_time(office: Office) -> None:
    file = office.stage(wechat_bill([Pay("1", "1.00")]))
    office.act(service.start_booking, file_id=file.id)
    for verb, values in (
        (service.start_booking, {}),
        (service.decide_rows, {"row_nos": [2], "action": "skip"}),
        (staging.set_aside, {"reason": "x"}),
    ):
        with pytest.raises(Refused) as refused:
            office.act(verb, file_id=file.id, **values)  # type: ignore[arg-type]
        assert refused.value.codes == ["import_running"]


def test_the_worker_books_cancels_between_chunks_and_goes_on(
    office: Office, clock: Clock, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_load_actor", lambda _session, _org, _user, _at: office.clerk())
    file = office.stage(wechat_bill([Pay(f"42{n}", "1.00") for n in range(12)]))
    job = office.act(service.start_booking, file_id=file.id)
    job_id = job.id
    calls = iter(range(100))
    read_ids = booking._read_ids

    def cancelling(run: Any, file_id: int, actions: Any) -> list[int]:
        if next(calls) == 3:  # the second chunk of gifts is about to be read
            cancel_elsewhere(office, job_id)
        return read_ids(run, file_id, actions)

    monkeypatch.setattr(booking, "_read_ids", cancelling)
    own = worker.Worker(office.session.get_bind(), clock, threading.Event(), name="test")  # type: ignore[arg-type]
    assert own.run_one()
    office.session.rollback()
    office.session.expire_all()
    assert office.session.get_one(Job, (office.org_id, job_id)).state == "cancelled"
    booked = [row.state for row in office.rows(file)].count("booked")
    assert 0 < booked < 12
    monkeypatch.setattr(booking, "_read_ids", read_ids)
    office.act(service.start_booking, file_id=file.id)
    assert own.run_one()
    assert len(gifts(office)) == 12
    assert_sound(office)


def cancel_elsewhere(office: Office, job_id: int) -> None:
    """Cancel a job from another session, as a person at a page does."""
    with Session(office.session.get_bind()) as session:
        transact(lambda own: jobs.cancel(own, actor=office.clerk(), job_id=job_id), session=session)


def test_every_verdict_reason_has_a_sentence(office: Office) -> None:
    file = office.stage(bank_export([Move("6.00", "乙", ""), Move("5.00", "", "", is_out=True)]))
    for row in office.rows(file):
        assert Problem(row.reason, row.reason_params).sentence()
