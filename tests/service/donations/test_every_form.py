"""Every sample file, from its bytes to posted vouchers, by the services that the pages use.

For each form: what is sure is booked, what asks is decided by a person, the vouchers are
reviewed, signed and posted, and the books change by what was booked, to the fen. The same
file, and the same rows in another file, then change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from charity.donations import purposes
from charity.donations.models import Donation, Refund, Settlement
from charity.donations.rules import Part
from charity.donations.service import allocate
from charity.imports import service
from charity.imports.models import ImportFile, ImportRow
from charity.ledger.sealed_models import Voucher
from tests.gifts import Office, assert_sound
from tests.unit.intake.making import repacked

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"
DAY = date(2026, 11, 25)
#: General money, and the aid payment of 3,000.00 from each account that later comes back.
BEFORE = """
2026-10-01 普通捐款
  借 1002@B1  500,000.00  GEN
  贷 410101   500,000.00  GEN

2026-10-01 普通捐款
  借 1002@P1  500,000.00  GEN
  贷 410101   500,000.00  GEN

2026-11-03 急难救助款
  借 510101   3,000.00  GEN
  贷 1002@B1  3,000.00  GEN

2026-11-03 急难救助款
  借 510101   3,000.00  GEN
  贷 1002@P1  3,000.00  GEN"""


@dataclass(frozen=True)
class Case:
    """A sample and what comes of it.

    Attributes:
        name: of the file.
        place: where it is from; empty when the file itself finds it.
        before: samples that are booked first.
        gifts: gifts and unclaimed sums recorded of it.
        refunds: refunds recorded of it.
        verdicts: how many rows were judged what when it was dropped.
    """

    name: str
    place: str
    gifts: int
    refunds: int
    verdicts: dict[str, int]
    before: tuple[str, ...] = ()


_BILL, _PAID = "wechat_trade_20261118.csv", "wechat_trade_20261120_success.csv"
_WEEK = {"new": 3, "settlement": 1, "other": 1, "returned": 1, "ask": 1, "fee": 1, "interest": 1}
_CARD = {"new": 3, "other": 1, "returned": 1, "ask": 1, "fee": 1, "interest": 1}
_NOVEMBER = {"new": 5, "ask": 1, "settlement": 1, "other": 1, "interest": 1}


def _week(name: str) -> Case:
    """Return a corporate account's week: three gifts, one of them given back, and the platform's payout."""
    return Case(name, "B1", 3, 1, _WEEK, (_PAID,))


def _card(name: str, place: str) -> Case:
    return Case(name, place, 3, 1, _CARD)


CASES = [
    Case(_BILL, "W1", 33, 1, {"new": 33, "refund": 1}),
    Case("wechat_trade_20261119_new.csv", "W1", 12, 1, {"new": 12, "refund": 1}, (_BILL,)),
    Case(_PAID, "W1", 5, 0, {"new": 5}),
    Case("wechat_trade_20261120_refund.csv", "W1", 0, 1, {"refund": 1}, (_PAID,)),
    Case("wechat_fund_flow_20261118.csv", "W1", 10, 1, {"ask": 10, "other": 10, "refund": 1}),
    Case("wechat_person_20261118.csv", "W1", 3, 0, {"new": 2, "ask": 2, "other": 2}),
    Case("wechat_person_20261118.xlsx", "W1", 3, 0, {"new": 2, "ask": 2, "other": 2}),
    Case("alipay_merchant_20261118.csv", "W1", 6, 1, {"new": 6, "refund": 1}),
    Case("alipay_merchant_20261118.zip", "W1", 6, 1, {"new": 6, "refund": 1}),
    Case("alipay_account_20261118.csv", "W1", 6, 1, {"ask": 6, "other": 2, "refund": 1}),
    Case("alipay_person_20261118.csv", "W1", 2, 1, {"new": 2, "refund": 1, "other": 3, "ask": 1}),
    Case("ccb_new_202611.csv", "B1", 6, 0, _NOVEMBER),
    Case("icbc_new_202611.csv", "B1", 6, 0, _NOVEMBER),
    Case("icbc_202611.xlsx", "B1", 6, 0, _NOVEMBER),
    Case("abc_new_202611.csv", "B1", 6, 0, _NOVEMBER),
    Case("rural_bank_202611.csv", "B1", 5, 0, {"new": 4, "ask": 1, "other": 1, "interest": 1}),
    _week("boc_202611.csv"),
    _week("cmb_202611.xlsx"),
    _week("cmbc_202611.csv"),
    _week("pab_202611.csv"),
    _week("spdb_202611.xlsx"),
    _week("citic_202611.xlsx"),
    _week("statement_202611_1.ofx"),
    _week("statement_202611_2.ofx"),
    _week("statement_202611.sta"),
    _week("statement_202611.xml"),
    _card("icbc_person_202611.csv", ""),
    _card("abc_person_202611.csv", "P1"),
    _card("boc_person_202611.csv", ""),
    _card("ccb_person_202611.xlsx", ""),
    _card("cmb_person_202611.csv", "P1"),
    _card("bocom_person_202611.csv", "P1"),
]


@pytest.fixture
def desk(office: Office) -> Office:
    """The office in November, with a second account that was once a person's card."""
    office.ledger.open_months("2026-05", "2026-11")
    office.at, office.on = datetime(2026, 11, 25, 4, tzinfo=UTC), DAY
    office.open_account("P1", "收款卡 尾号 0031", "9999000011110031", agency_account="100291")
    office.ledger.post(BEFORE)
    for word, fund in (("医疗", "F2"), ("急难", "F1"), ("发展帮扶", "F3")):
        office.act(purposes.learn_purpose, keyword=word, fund=fund, on=DAY)
    return office


def data_of(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def counts(file_rows: list[ImportRow]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in file_rows:
        found[row.verdict] = found.get(row.verdict, 0) + 1
    return found


def decide(desk: Office, file: ImportFile) -> None:
    """Answer what asks, as a person would: money in is a gift, a gift given back a refund."""
    for row in desk.rows(file):
        if row.state == "staged" and row.verdict == "ask":
            action = "skip"
            if row.is_credit and row.reason not in ("row_kind_unclear", "row_return_unmatched"):
                action = "gift" if row.name or row.reference else "unidentified"
            elif row.reason == "row_refund_doubtful":
                action = "refund"
            desk.act(service.decide_rows, file_id=file.id, row_nos=[row.row_no], action=action)


def parked(desk: Office, file: ImportFile) -> list[ImportRow]:
    return [row for row in desk.rows(file) if row.state == "parked"]


def take_through(desk: Office, file: ImportFile) -> list[ImportRow]:
    """Take a dropped file all the way to posted vouchers; return the rows that could not be booked.

    Gifts without a clear purpose are put to general money, as a person does in the queue.
    """
    decide(desk, file)
    desk.book(file)
    desk.session.rollback()
    waiting = desk.session.scalars(
        select(Donation.id).where(~Donation.is_allocated, Donation.nature == "gift")
    ).all()
    if waiting:
        desk.act(allocate, donation_ids=list(waiting), parts=[Part("GEN", "", None)], on=DAY)
    if parked(desk, file):
        desk.book(file)
    left = parked(desk, file)
    if left:
        desk.act(service.decide_rows, file_id=file.id, row_nos=[row.row_no for row in left], action="skip")
        desk.book(file)
    desk.post_all()
    return left


def money(desk: Office) -> int:
    """Return what stands at banks and platforms, fen."""
    balances = desk.ledger.balances()
    return sum(fen for (account, _fund), fen in balances.items() if account in ("1002", "100901"))


def count(desk: Office, model: type) -> int:
    desk.session.rollback()
    return desk.session.scalar(select(func.count()).select_from(model)) or 0


def another_file(name: str) -> bytes:
    """Return the same rows in other bytes, as downloaded a second time."""
    data = data_of(name)
    if name.endswith((".xlsx", ".zip")):
        return repacked(data, {"docProps/second.txt": b"x"})
    return data + b"\n"


def assert_booked_once(desk: Office, case: Case) -> None:
    for name in case.before:
        take_through(desk, desk.stage(data_of(name), name, place="W1"))
    before, gifts, refunds = money(desk), count(desk, Donation), count(desk, Refund)
    file = desk.stage(data_of(case.name), case.name, **({"place": case.place} if case.place else {}))
    assert file.place == (case.place or "P1")
    assert counts(desk.rows(file)) == case.verdicts
    left = take_through(desk, file)
    # A payout whose bill is not among the samples waits; nothing else does.
    assert {row.verdict for row in left} <= (set() if case.before else {"settlement"})
    rows = desk.rows(file)
    assert {row.state for row in rows} <= {"booked", "skipped"}
    assert file.state == "booked"
    assert (count(desk, Donation) - gifts, count(desk, Refund) - refunds) == (case.gifts, case.refunds)
    moved = sum(
        (row.amount_fen if row.is_credit else -row.amount_fen)
        # What a platform pays out was at the platform before: only its fee leaves us.
        for row in rows
        if row.state == "booked" and row.action != "settlement"
    )
    assert money(desk) - before == moved - _fees_settled(desk)
    assert_sound(desk)
    assert_nothing_twice(desk, case, rows)


def _fees_settled(desk: Office) -> int:
    return desk.session.scalar(select(func.coalesce(func.sum(Settlement.fee_fen), 0))) or 0


def assert_nothing_twice(desk: Office, case: Case, rows: list[ImportRow]) -> None:
    """The same bytes, and the same rows in other bytes, change nothing."""
    done = money(desk), count(desk, Voucher), count(desk, Donation), count(desk, Refund)
    booked = {row.row_no for row in rows if row.state == "booked"}
    second = desk.stage(another_file(case.name), case.name, **({"place": case.place} if case.place else {}))
    again = desk.rows(second)
    assert {row.row_no for row in again if row.verdict == "booked"} == booked
    desk.act(
        service.decide_rows,
        file_id=second.id,
        row_nos=[row.row_no for row in again if row.verdict != "booked"] or [again[0].row_no],
        action="skip" if len(booked) < len(again) else "",
    )
    desk.book(second)
    desk.post_all()
    assert (money(desk), count(desk, Voucher), count(desk, Donation), count(desk, Refund)) == done


@pytest.mark.sqlite_only
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_sample_is_booked_to_the_fen_and_only_once(desk: Office, case: Case) -> None:
    assert_booked_once(desk, case)


@pytest.mark.postgresql_only
@pytest.mark.parametrize("name", ["statement_202611.xml", "alipay_person_20261118.csv"])
def test_the_other_database_books_the_same(desk: Office, name: str) -> None:
    assert_booked_once(desk, next(case for case in CASES if case.name == name))


@pytest.mark.sqlite_only
def test_another_form_of_the_same_statement_books_nothing_unasked(desk: Office) -> None:
    """MT940 is booked; the OFX of the same week has neither its clock nor its balances."""
    take_through(desk, desk.stage(data_of(_PAID), _PAID, place="W1"))
    take_through(desk, desk.stage(data_of("statement_202611.sta"), "statement_202611.sta", place="B1"))
    name = "statement_202611_1.ofx"
    rows = desk.rows(desk.stage(data_of(name), name, place="B1"))
    assert {row.verdict for row in rows} <= {"ask", "other", "booked"}
    told = {row.reason for row in rows if row.verdict == "ask"}
    assert {"row_alike", "row_alike_elsewhere"} <= told
