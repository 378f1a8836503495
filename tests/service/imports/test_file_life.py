"""The lives of a dropped file and of its rows walked whole: every act in every state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from charity.donations import bookers
from charity.errors import refuse
from charity.imports import kinds, reading, rules, service, staging
from charity.imports.models import ImportFile, ImportRow
from charity.imports.reading import Answers
from tests.gifts import TODAY, Move, Office, bank_export
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

UNKNOWN = "甲,乙,丙\n5.00,某人,x\n".encode()
ACTS = ("drop again", "map", "place", "decide", "book", "set aside")
NO, RUNNING = "import_state", "import_running"
#: State of a file → answer to each of ``ACTS``. While its rows are read, booked or judged by a
#: job nothing is done with it; one that was set aside is dropped anew as another file.
FILES = {
    "unmapped": ("unmapped", "unmapped", NO, NO, NO, "cancelled"),
    "reading": ("reading", NO, NO, NO, NO, RUNNING),
    "judged": ("judged", "judged", "judged", "judged", "judged", "cancelled"),
    "booking": ("judged", RUNNING, RUNNING, RUNNING, RUNNING, RUNNING),
    "booked in part": (
        "judged",
        "import_rows_booked",
        "judged",
        "row_ended",
        "import_nothing",
        "import_part_booked",
    ),
    "booked": ("booked", NO, NO, NO, NO, NO),
    "cancelled": ("cancelled judged", NO, NO, NO, NO, NO),
}


def bring(office: Office, state: str, patch: pytest.MonkeyPatch) -> tuple[bytes, ImportFile]:
    """Drop a file and bring it into a state."""
    rest = [Move("6.00", "乙", "")] if state == "booked in part" else []
    data = UNKNOWN if state == "unmapped" else bank_export([Move("5.00", "甲", "捐款"), *rest])
    if state == "reading":
        patch.setattr(reading, "INLINE_ROWS", 0)
    file = office.stage(data)
    if state == "booking":
        office.act(service.start_booking, file_id=file.id)
    if state.startswith("booked"):
        office.book(file)
    if state == "cancelled":
        office.act(staging.set_aside, file_id=file.id, reason="重复")
    return data, file


@pytest.mark.parametrize("state", FILES)
def test_every_act_on_a_file_in_every_state(
    office: Office, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    data, file = bring(office, state, monkeypatch)
    own, clerk, file_id = office.session, office.clerk(), file.id
    here: dict[str, Any] = {"actor": clerk, "file_id": file_id}
    drop = {"data": data, "name": "b.csv", "data_dir": office.data_dir}
    answers = {"answers": Answers(), "data_dir": office.data_dir}
    verbs: dict[str, Callable[[], Any]] = {
        "drop again": partial(staging.stage_file, own, actor=clerk, on=TODAY, **drop),
        "map": partial(staging.answer_file, own, on=TODAY, **answers, **here),
        "place": partial(staging.choose_place, own, place="B1", on=TODAY, **here),
        "decide": partial(service.decide_rows, own, row_nos=[2], action="skip", **here),
        "book": partial(service.start_booking, own, **here),
        "set aside": partial(staging.set_aside, own, reason="重复", **here),
    }

    def now() -> str:
        return " ".join(own.scalars(select(ImportFile.state).order_by(ImportFile.id)))

    found = {act: answer(own, verbs[act], now) for act in ACTS}
    assert found == dict(zip(ACTS, FILES[state], strict=True))
    assert set(rules.FILE_STATES) <= set(FILES)


#: State of a row → answer to a choice, to leaving it out, and to taking a decision back.
ENDED = ("row_ended",) * 3
ROWS = {
    "staged": ("staged", "staged", "staged"),
    "parked": ("staged", "staged", "staged"),
    "booked": ENDED,
    "skipped": ENDED,
}


@pytest.mark.parametrize("state", ROWS)
def test_every_decision_about_a_row_in_every_state(
    office: Office, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """The second row waits, so that the file is not at its end."""

    def book(*_: Any) -> Any:
        raise refuse("gift_amount", most="1.00")

    file = office.stage(bank_export([Move("5.00", "甲", "捐款"), Move("6.00", "乙", "")]))
    if state == "parked":
        monkeypatch.setitem(kinds._bookers, file.form, replace(bookers.BOOKER, book=book))
    if state == "skipped":
        office.act(service.decide_rows, file_id=file.id, row_nos=[2], action="skip")
    if state != "staged":
        office.book(file)
    own, file_id = office.session, file.id
    here = {"actor": office.clerk(), "file_id": file_id, "row_nos": [2]}

    def now() -> str:
        return own.scalars(select(ImportRow.state).order_by(ImportRow.row_no)).first() or ""

    own.rollback()
    assert now() == state
    found = tuple(
        answer(own, partial(service.decide_rows, own, action=action, **here), now)
        for action in ("gift", "skip", "")
    )
    assert found == ROWS[state]
    assert set(ROWS) == set(rules.ROW_STATES)


def test_a_booked_row_is_not_opened_again_by_a_page_from_before(office: Office) -> None:
    """The decision “gift” is taken back when the gift is recorded: the file would count as unbooked."""
    file = office.stage(bank_export([Move("5.00", "甲", ""), Move("6.00", "乙", "")]))
    office.act(service.decide_rows, file_id=file.id, row_nos=[2], action="gift")
    office.book(file)
    own, here = office.session, {"actor": office.clerk(), "file_id": file.id}
    back = partial(service.decide_rows, own, row_nos=[2], action="", **here)
    assert answer(own, back, str) == "row_ended"
    assert answer(own, partial(staging.set_aside, own, reason="x", **here), str) == "import_part_booked"
