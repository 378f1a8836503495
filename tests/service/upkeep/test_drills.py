"""A restore that was tried out is recorded with what it found, and stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import Actor, unit_of_work
from charity.errors import Refused
from charity.oplog.models import OpLogEntry
from charity.upkeep import drills
from charity.upkeep.models import Drill
from tests.service.upkeep.conftest import AT, House


def actor(house: House) -> Actor:
    return Actor(1, house.ledger.org_id, "administrator", frozenset(), AT + timedelta(hours=1))


def recorded(house: House, report: drills.DrillReport) -> Drill:
    with unit_of_work(house.ledger.session) as work:
        return drills.record_drill(work, actor=actor(house), report=report)


@pytest.fixture
def report(house: House) -> drills.DrillReport:
    """The report of a restore that found everything but the bytes of the tests' sample paper."""
    found = house.restore(house.back_up().path, is_verified=True)
    clean = replace(found, findings=tuple(line for line in found.findings if "attachments" not in line))
    return drills.report_of(clean, at=AT, took_ms=1500)


def test_a_drill_says_when_who_which_and_what(
    house: House, report: drills.DrillReport, session: Session
) -> None:
    recorded(house, drills.read_report(report.to_json()))
    (row,) = drills.drills(session)
    assert (row.drilled_by_name, row.backup_name, row.vouchers, row.has_passed, row.took_ms) == (
        "administrator",
        report.backup_name,
        1,
        True,
        1500,
    )
    assert row.backup_sha256 == report.backup_sha256
    assert session.scalar(select(OpLogEntry.act).order_by(OpLogEntry.id.desc())) == "upkeep.drill"


@pytest.mark.sqlite_only
def test_a_drill_that_found_something_has_failed(house: House, report: drills.DrillReport) -> None:
    row = recorded(house, replace(report, findings=("CITY  vouchers  记-0001: changed",)))
    assert (row.has_passed, row.findings) == (False, ["CITY  vouchers  记-0001: changed"])


@pytest.mark.sqlite_only
def test_a_restore_that_was_not_verified_is_no_drill(house: House) -> None:
    with pytest.raises(Refused) as refused:
        drills.report_of(house.restore(house.back_up().path), at=AT, took_ms=1)
    assert refused.value.codes == ["drill_unverified"]


@pytest.mark.sqlite_only
def test_one_restore_is_one_drill(house: House, report: drills.DrillReport) -> None:
    recorded(house, report)
    with pytest.raises(Refused) as refused:
        recorded(house, report)
    assert refused.value.codes == ["drill_recorded"]


@pytest.mark.sqlite_only
def test_a_drill_of_tomorrow_is_refused(house: House, report: drills.DrillReport) -> None:
    with pytest.raises(Refused) as refused:
        recorded(house, replace(report, drilled_at=AT + timedelta(days=1)))
    assert refused.value.codes == ["drill_in_future"]


@pytest.mark.sqlite_only
def test_something_else_than_a_report_is_refused(report: drills.DrillReport) -> None:
    good = report.to_json()
    for wrong in (
        {},
        {**good, "form": "other"},
        {**good, "vouchers": "many"},
        {**good, "drilled_at": "2026"},
    ):
        with pytest.raises(Refused) as refused:
            drills.read_report(wrong)
        assert refused.value.codes == ["drill_unreadable"]


def test_a_recorded_drill_is_never_removed(house: House, report: drills.DrillReport) -> None:
    recorded(house, report)
    with pytest.raises(DBAPIError), unit_of_work(house.ledger.session) as work:
        work.execute(delete(Drill))
    assert drills.drills(house.ledger.session)
