"""A month does not close over money that came in and is in no voucher."""

from __future__ import annotations

from datetime import date

from charity.db import transact
from charity.donations import service
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry
from charity.errors import Refused
from charity.imports import service as import_service
from charity.ledger import closing
from charity.periods import Month
from tests.books import PAPER
from tests.gifts import TODAY, Move, Office, assert_sound, bank_export

JANUARY, FEBRUARY = Month(2026, 1), Month(2026, 2)


def record(office: Office, received_on: date, key: str, **values: object) -> int:
    entry = GiftEntry(DonorEntry("person", "张三"), 10_000, "bank", "B1", received_on, **values)  # type: ignore[arg-type]
    return office.act(service.record_donation, gift=entry, on=TODAY, key=key).id


def blockers(office: Office, month: Month) -> dict[str, tuple[str, object]]:
    """Return problem code → page that cures it, how many."""
    office.session.rollback()
    found = closing.close_blockers(office.session, office.org_id, month, TODAY)
    return {one.problem.code: (one.cure, one.problem.params.get("count")) for one in found}


def test_a_month_waits_for_its_gifts(office: Office) -> None:
    """A clerk who makes no vouchers records two gifts of January; nobody says what one is for."""
    office.permissions = frozenset({"donations.record"})
    undrafted = record(office, date(2026, 1, 20), "K1", parts=(Part("F1"),), attachments=(PAPER,))
    unclear = record(office, date(2026, 1, 21), "K2", stated_purpose="请多保重")
    record(office, date(2026, 2, 3), "K3", parts=(Part("F1"),))
    assert blockers(office, JANUARY) == {
        "close_gifts_unclear": ("donations.unclear", 1),
        "close_gifts_undrafted": ("donations.gifts", 1),
    }
    office.permissions = frozenset({"donations.record", "ledger.draft"})
    office.act(service.draft_gift, donation_id=undrafted, on=TODAY)
    office.act(service.book_unclaimed, donation_ids=[unclear], on=TODAY)
    assert blockers(office, JANUARY) == {"close_drafts": ("ledger.drafts", 2)}


def test_a_gift_held_back_says_so(office: Office) -> None:
    gift_id = record(office, date(2026, 1, 20), "K1", stated_purpose="请多保重")

    def hold(own: object) -> None:
        donation = service.load_donation(own, office.org_id, gift_id)  # type: ignore[arg-type]
        donation.is_allocated, donation.blocked_by = True, "fund_unknown"

    transact(hold, session=office.session)
    assert blockers(office, JANUARY) == {"close_gifts_held": ("donations.gifts", 1)}


def test_a_month_waits_for_the_rows_of_dropped_files(office: Office) -> None:
    moves = [
        Move("5.00", "甲某", "捐款", at="2026-01-17 10:00:00"),
        Move("6.00", "乙某", at="2026-01-18 10:00:00"),
    ]
    file = office.stage(bank_export(moves))
    assert blockers(office, JANUARY) == {"close_rows_open": ("imports.file", 2)}
    office.act(import_service.decide_rows, file_id=file.id, row_nos=[3], action="skip")
    office.book(file)
    assert "close_rows_open" not in blockers(office, JANUARY)
    office.post_all()
    assert blockers(office, JANUARY) == {}
    assert_sound(office)


def test_a_file_nobody_can_read_yet_is_waited_for(office: Office) -> None:
    office.stage("甲列,乙列\r\n王五,30.00\r\n".encode(), name="odd.csv")
    assert blockers(office, JANUARY) == {"close_files_unread": ("imports.files", 1)}


def test_only_gifts_that_wait_for_their_purpose_go_to_220901_so(office: Office) -> None:
    gift_id = record(office, date(2026, 1, 20), "K1", parts=(Part("F1"),))
    for permissions, code in (
        ({"donations.record"}, "gift_in_books"),
        ({"donations.read"}, "permission_missing"),
    ):
        office.permissions = frozenset(permissions)
        try:
            office.act(service.book_unclaimed, donation_ids=[gift_id], on=TODAY)
        except Refused as refused:
            assert refused.codes == [code]
        else:
            raise AssertionError(code)
