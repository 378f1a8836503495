"""The list of gifts: nothing hidden is found by subtraction, and nothing in the books is left out."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.disclosure.gift_queries import (
    GiftFilter,
    GiftRow,
    Remainder,
    gift_rows,
    gift_totals,
    remainders,
)
from charity.donations import refunds
from charity.donations.fund_periods import fund_periods, spent_since
from charity.donations.rules import Part
from charity.donations.service import DonorEntry
from charity.ledger.models import Fund
from charity.periods import Month
from tests.books import PAPER
from tests.receipting import Desk, open_desk

MARCH = Month(2026, 3)
COMPANY = DonorEntry("company", name="海岱云帆纺织有限公司")


@pytest.fixture
def desk(session: Session, tmp_path: Path) -> Desk:
    return open_desk(session, tmp_path)


def hide(desk: Desk, fen: int, **values: Any) -> str:
    """Take a gift of a company whose name may be shown and whose amount may not; return its number."""
    values = {"donor": COMPANY, "publish_as": "name", "shows_amount": False, "is_another": True} | values
    return desk.give(fen, **values).public_no


def rows(desk: Desk, **wanted: Any) -> list[GiftRow]:
    desk.session.rollback()
    return gift_rows(desk.session, desk.org_id, GiftFilter(**wanted), 50)


def names(desk: Desk) -> set[str]:
    return {row.name for row in rows(desk) if row.amount_fen is None}


def fund_id(desk: Desk, code: str) -> int:
    return desk.session.scalars(select(Fund.id).where(Fund.org_id == desk.org_id, Fund.code == code)).one()


def test_a_name_stands_without_amount_only_beside_four_others(desk: Desk) -> None:
    """The fund's total of the year is public: less the amounts shown it is the one hidden."""
    for _ in range(4):
        hide(desk, 1_000_000)
    assert names(desk) == {"A kind organisation"}
    hide(desk, 1_000_000)
    assert names(desk) == {COMPANY.name}


def test_one_part_that_tells_takes_the_name_off_all(desk: Desk) -> None:
    """Five share the second fund; the sixth has a part alone in the third, under the same number."""
    for _ in range(5):
        hide(desk, 1_000_000)
    number = hide(desk, 500_000, parts=(Part("F2", amount_fen=100_000), Part("F3")))
    found = {(row.fund, row.name) for row in rows(desk) if row.public_no == number}
    assert found == {("F2", "A kind organisation"), ("F3", "A kind organisation")}


def test_hidden_amounts_are_summed_over_the_whole_list_alone(desk: Desk) -> None:
    for _ in range(5):
        hide(desk, 1_000_000)
    desk.give(2_000)

    def totals(**wanted: Any) -> tuple[int | None, int]:
        found = gift_totals(desk.session, desk.org_id, GiftFilter(**wanted))
        return found.hidden_fen, found.hidden_count

    assert totals() == (5_000_000, 5)
    for wanted in ({"fund": "F2"}, {"channel": "bank"}, {"month": MARCH}):
        assert totals(**wanted) == (None, 5)


def test_rows_and_what_is_not_listed_are_the_income(desk: Desk) -> None:
    """A county enters a sum by hand: the list is silent about it, the income is not."""
    desk.give(3_000, parts=(Part("F1"),))
    desk.office.ledger.post("2026-03-18 拨入\n  借 1002@B1 14,000.00 F1\n  贷 410102 14,000.00 F1")

    def left(**wanted: Any) -> list[Remainder]:
        return remainders(desk.session, desk.org_id, GiftFilter(**wanted))

    (by_hand,) = left()
    assert (by_hand.fund, by_hand.fen, by_hand.line_count) == ("F1", 1_400_000, 1)
    assert left(fund="F1") == left(month=MARCH) == left()
    assert left(fund="F2") == left(month=Month(2026, 2)) == left(channel="bank") == []
    listed = sum(row.amount_fen or 0 for row in rows(desk, fund="F1"))
    assert -desk.office.ledger.balances()["410102", "F1"] == listed + by_hand.fen
    assert remainders(desk.session, desk.org_id, GiftFilter(), 2025) == []


def test_a_correction_is_told_from_a_refund(desk: Desk) -> None:
    """A gift entered twice by mistake is reversed: no money went back to anybody."""
    wrong, given_back = desk.give(1_000), desk.give(2_000)
    desk.reverse(wrong.id)
    refund = refunds.NewRefund(
        donation_id=given_back.id,
        amount_fen=2_000,
        on=desk.on,
        place="B1",
        reason="捐赠人撤回",
        event_key="r1",
        paper=PAPER,
    )
    desk.run(refunds.record_refund, refund=refund, on=desk.on)
    desk.office.post_all()
    kinds = {(row.public_no, row.amount_fen): row.kind for row in rows(desk)}
    assert kinds == {
        (wrong.public_no, 1_000): "gift",
        (wrong.public_no, -1_000): "correction",
        (given_back.public_no, 2_000): "gift",
        (given_back.public_no, -2_000): "refund",
    }


def test_a_gift_is_found_by_its_number_and_by_the_day_it_came_or_was_booked(desk: Desk) -> None:
    """The earlier one was told late: vouchers stand in the order of dates, so it was booked later."""
    late = desk.give(2_000, received_on=date(2026, 3, 17)).public_no
    early = desk.give(1_000, received_on=date(2026, 3, 5), parts=(Part("F1"),)).public_no
    assert [row.public_no for row in rows(desk, number=early)] == [early]
    assert rows(desk, number="D-0000-0000-00") == []
    (row,) = rows(desk, on=date(2026, 3, 5))
    assert row.public_no == early and row.booked_on == date(2026, 3, 17)
    assert [row.public_no for row in rows(desk, on=date(2026, 3, 17))] == [early, late]
    assert [row.public_no for row in rows(desk, on=date(2026, 3, 17), fund="F1")] == [early]
    assert [row.public_no for row in rows(desk, on=date(2026, 3, 5), number=early)] == [early]
    assert rows(desk, on=date(2026, 3, 5), number=late) == rows(desk, on=date(2026, 3, 4)) == []


def test_pages_of_a_day_give_every_gift_once(desk: Desk) -> None:
    given = [desk.give(1_000).public_no for _ in range(5)]
    found: list[GiftRow] = []
    after = None
    while page := gift_rows(desk.session, desk.org_id, GiftFilter(on=date(2026, 3, 17), after=after), 2):
        found += page
        month, word, number, line = page[-1].key.split(".")
        after = (int(month), word, int(number), int(line))
    assert [row.public_no for row in found] == given[::-1]


def test_what_was_spent_since_two_gifts_differs_by_whole_periods(desk: Desk) -> None:
    """Two receipts of neighbouring months, one payment between them: their paths say the same."""
    ledger = desk.office.ledger
    ledger.open_months("2026-04", "2026-08")
    for month, payments in ((4, 6), (5, 1), (6, 5), (7, 2), (8, 3)):
        gift = f"2026-{month:02d}-01 捐款\n  借 1002@B1 100.00 F2\n  贷 410102 100.00 F2"
        aid = f"2026-{month:02d}-02 救助\n  借 510102 1.00 F2\n  贷 1002@B1 1.00 F2"
        ledger.post("\n\n".join([gift, *[aid] * payments]))
    desk.session.rollback()
    fund = fund_id(desk, "F2")
    periods = fund_periods(desk.session, desk.org_id, fund, 2026)
    assert [(p.first, p.last, p.out_fen) for p in periods] == [
        (202604, 202604, 600),
        (202605, 202606, 600),
        (202607, 202608, 500),
    ]
    answers = [spent_since(desk.session, desk.org_id, fund, Month(2026, month)) for month in range(4, 9)]
    assert [(str(a.since), a.fen) for a in answers] == [
        ("2026-04", 1700),
        ("2026-05", 1100),
        ("2026-05", 1100),
        ("2026-07", 500),
        ("2026-07", 500),
    ]
    assert {a.fen - b.fen for a, b in pairwise(answers)} <= {0, *(p.out_fen for p in periods)}


def test_a_hidden_gift_merges_the_months_of_its_fund(desk: Desk) -> None:
    desk.office.ledger.open_months("2026-04", "2026-04")
    desk.office.ledger.post("2026-04-01 捐款\n  借 1002@B1 100.00 F2\n  贷 410102 100.00 F2")
    desk.give(2_000)
    fund = fund_id(desk, "F2")

    def spans() -> list[tuple[int, int]]:
        desk.session.rollback()
        return [(p.first, p.last) for p in fund_periods(desk.session, desk.org_id, fund, 2026)]

    assert spans() == [(202603, 202603), (202604, 202604)]
    hide(desk, 1_000_000)
    assert spans() == [(202603, 202604)]
