"""What became of a row between the preview and its booking is said at the row, and nothing is booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from charity.db import unit_of_work
from charity.donations import bookers
from charity.errors import Refused
from charity.imports import kinds, service
from charity.imports.models import ImportFile
from charity.ledger import setup
from charity.ledger.models import MoneyPlace
from charity.sealed import keyed_hash
from tests.books import Ledger
from tests.gifts import Move, Office, Pay, assert_sound, bank_export, wechat_bill

OWN = "9999000088888888"
BILL = "wechat_merchant_v2"


@pytest.mark.sqlite_only
def test_a_row_that_is_something_else_at_booking_is_not_booked_as_shown(office: Office) -> None:
    """A transfer from an own account would be left out; then the account's number is taken off."""
    values = {"code": "B9", "name": "一般户", "kind": "bank", "account": "1002", "on": date(2026, 1, 1)}
    office.ledger.act(setup.open_money_place, "chief", number_hash=keyed_hash(OWN), **values)
    file = office.stage(bank_export([Move("5.00", "本会", "捐款", account=OWN)]), place="B1")
    assert office.verdicts(file) == ["other"]
    with unit_of_work(office.session) as own:
        own.execute(update(MoneyPlace).where(MoneyPlace.code == "B9").values(number_hash=""))
    assert office.book(file)["parked"] == 1
    (row,) = office.rows(file)
    assert (row.verdict, row.state, row.reason) == ("new", "parked", "verdict_changed")


@pytest.mark.postgresql_only
@pytest.mark.parametrize("keeps_its_word", [False, True])
def test_a_row_that_another_file_booked_in_this_moment_is_booked_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, keeps_its_word: bool
) -> None:
    """The other file is booked after this one's rows were judged anew and before they are written.

    Tried again at once, the row is seen to be booked; a judge that does not see it puts it aside.
    """
    first_word: list[Any] = []
    first = office.stage(wechat_bill([Pay("42", "2.00")]))
    second = office.stage(wechat_bill([Pay("42", "2.00"), Pay("43", "3.00")]))
    second_id, waits = second.id, [second]

    def judge(session: Session, org_id: int, on: date, file: Any, rows: Sequence[Any]) -> Any:
        said = bookers.BOOKER.judge(session, org_id, on, file, rows)
        if file.id != second_id and waits:
            book_beside(office, waits.pop())
            first_word.extend(said)
        return first_word if keeps_its_word and file.id != second_id else said

    monkeypatch.setitem(kinds._bookers, BILL, replace(bookers.BOOKER, judge=judge))
    found = office.book(first)
    assert (found["parked"], found["skipped"]) == ((1, 0) if keeps_its_word else (0, 1))
    assert [row.state for row in office.rows(second)] == ["booked", "booked"]
    if keeps_its_word:
        assert [(row.state, row.reason) for row in office.rows(first)] == [("parked", "row_clash")]
        monkeypatch.undo()
        assert office.book(first)["skipped"] == 1, "tried again it is seen to be booked"
    assert_sound(office)


def book_beside(office: Office, file: ImportFile) -> None:
    """Book a file in a session of its own."""
    with Session(office.session.get_bind()) as session:
        Office(Ledger(session, office.org_id), office.data_dir).book(session.merge(file))


@pytest.mark.sqlite_only
def test_a_file_of_a_kind_that_nobody_books_any_more_is_not_booked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was staged under an earlier release."""
    file = office.stage(wechat_bill([Pay("41", "1.00")]))
    monkeypatch.delitem(kinds._bookers, BILL)
    with pytest.raises(Refused) as caught:
        office.act(service.start_booking, file_id=file.id)
    assert caught.value.codes == ["import_form_unbookable"]
