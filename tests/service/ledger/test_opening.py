"""Books from another system: right columns for months and year, one act, two people, no number."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.disclosure.queries import movements
from charity.donations.fund_periods import fund_periods, year_span
from charity.errors import Refused
from charity.ledger import closing, opening, setup
from charity.ledger.book_queries import BookFilter, book_page
from charity.ledger.models import CashFlowItem, Draft, Fund, MoneyPlace, Period
from charity.ledger.naming import load_names
from charity.ledger.opening_models import OldNumber, Opening, OpenItem, OwedTicket, YearFigure
from charity.ledger.opening_rows import BALANCES, HOLDS, NUMBERS, PARTIES, STOCK, TICKETS
from charity.ledger.queries import fund_cards, guards, months, trial_balance
from charity.ledger.sealed_models import Balance, CashFlowTotal, Voucher
from charity.periods import Month
from charity.proofs.sequencer import SessionRunner, sequence
from charity.upkeep.checking import all_checks
from tests.books import Ledger, open_books
from tests.openings import START, balance, by_month, story, workbook
from tests.service.ledger.test_laws import aid, gift

TODAY = date(2026, 9, 3)
SEPTEMBER = Month(2026, 9)


@pytest.fixture
def books(session: Session) -> Ledger:
    """Books with funds and places of money, and no month yet."""
    return open_books(session)


def propose(ledger: Ledger, folder: Path, data: bytes) -> Opening:
    row: Opening = ledger.act(
        opening.propose_opening, "maker", data=data, name="期初.xlsx", data_dir=folder, today=TODAY
    )
    return row


def take(ledger: Ledger, folder: Path, data: bytes) -> Opening:
    """Have a workbook prepared by one person and approved by another."""
    sha256 = propose(ledger, folder, data).sha256
    row: Opening = ledger.act(opening.approve_opening, "chief", sha256=sha256, data_dir=folder, today=TODAY)
    return row


def moved(ledger: Ledger, first: Month, last: Month) -> dict[str, tuple[int, int, int, int]]:
    """Return fund → opening, in, out and left in yuan, as the public page has them."""
    rows = movements(ledger.session, ledger.org_id, first, last)
    return {
        row.code: (row.opening_fen // 100, row.in_fen // 100, row.out_fen // 100, row.closing_fen // 100)
        for row in rows
    }


def findings(ledger: Ledger, folder: Path) -> list[object]:
    """Run every check that ``flask check`` runs; the sample paper alone has no bytes."""
    ledger.session.rollback()
    found = [f for check in all_checks(folder) for f in check(ledger.session, ledger.org_id)]
    return [f for f in found if not f.where.startswith("paper.pdf")]


@pytest.mark.parametrize("rows", [story(), by_month()], ids=["one sum", "month by month"])
def test_going_live_in_september_gives_month_and_year_their_columns(
    books: Ledger, settings: Settings, rows: dict[str, list[dict[str, str]]]
) -> None:
    """500,000 at the year's start, 400,000 of it restricted.

    Restricted: 400,000 + 300,000 − 250,000 = 450,000 until August; September + 20,000 −
    10,000 = 460,000. The year: 400,000 + 320,000 − 260,000 = 460,000.
    """
    take(books, settings.data_dir, workbook(rows))
    books.post(gift("2026-09-02", "20000", "F1"))
    books.post(aid("2026-09-03", "10000", "F1"))

    assert moved(books, SEPTEMBER, SEPTEMBER)["F1"] == (450_000, 20_000, 10_000, 460_000)
    assert moved(books, *year_span(2026))["F1"] == (400_000, 320_000, 260_000, 460_000)
    assert moved(books, *year_span(2026))["GEN"] == (100_000, 0, 0, 100_000)

    session, org_id = books.session, books.org_id
    trial = {row.account: row for row in trial_balance(session, org_id, SEPTEMBER, "F1").rows}
    bank = trial["1002"]
    assert (bank.opening_fen, bank.debit_fen, bank.credit_fen) == (45_000_000, 2_000_000, 1_000_000)
    assert bank.closing_fen == 46_000_000
    assert trial["410102"].closing_fen == -32_000_000
    assert trial_balance(session, org_id, SEPTEMBER).is_balanced
    january = {row.account: row.opening_fen for row in trial_balance(session, org_id, Month(2026, 1)).rows}
    assert january == {"1002": 50_000_000, "3101": -10_000_000, "3102": -40_000_000}
    card = next(card for card in fund_cards(session, org_id) if card.code == "F1")
    assert (card.net_assets_fen, card.spendable_fen) == (46_000_000, 46_000_000)
    assert findings(books, settings.data_dir) == []


def test_the_year_month_by_month_is_the_fund_s_year(books: Ledger, settings: Settings) -> None:
    take(books, settings.data_dir, workbook(by_month()))
    fund = books.session.scalars(select(Fund.id).where(Fund.code == "F1")).one()
    periods = fund_periods(books.session, books.org_id, fund, 2026)
    assert sum(p.in_fen for p in periods) == 30_000_000
    assert sum(p.out_fen for p in periods) == 25_000_000
    assert moved(books, Month(2026, 2), Month(2026, 2))["F1"] == (400_000, 100_000, 50_000, 450_000)
    assert moved(books, Month(2026, 8), Month(2026, 8))["F1"] == (450_000, 0, 0, 450_000)


def test_the_account_book_shows_opening_and_turnover_where_they_belong(
    books: Ledger, settings: Settings
) -> None:
    """The opening is the balance brought forward; the months passed are rows of their month."""
    take(books, settings.data_dir, workbook(by_month()))
    names = load_names(books.session, books.org_id, is_english=False)

    def page(month: Month) -> tuple[int, int, int, list[str]]:
        found = book_page(books.session, books.org_id, BookFilter("1002", month, "F1"), names)
        return found.opening_fen, found.debit_fen, found.credit_fen, [r.number_text for r in found.rows]

    assert page(Month(2026, 1)) == (40_000_000, 0, 0, [])
    assert page(Month(2026, 2)) == (40_000_000, 10_000_000, 5_000_000, ["前期", "前期"])
    assert page(SEPTEMBER) == (45_000_000, 0, 0, [])


def test_the_opening_uses_no_number_of_the_year_s_words(books: Ledger, settings: Settings) -> None:
    take(books, settings.data_dir, workbook(by_month()))
    posted = books.post(gift("2026-09-02", "1", "F1"))
    assert (posted[0].word, posted[0].number) == ("记", 1)
    rows = books.session.execute(
        select(Voucher.month, Voucher.word, Voucher.number, Voucher.kind).order_by(
            Voucher.month, Voucher.word
        )
    ).all()
    assert [tuple(row) for row in rows] == [
        (202601, "期初", 1, "opening"),
        (202602, "前期", 1, "opening"),
        (202607, "前期", 1, "opening"),
        (202609, "记", 1, "normal"),
    ]
    states = {row.month: row.is_open for row in months(books.session, books.org_id)}
    assert [m.number for m, is_open in states.items() if is_open] == [9]
    assert len(states) == 9


def test_cash_flows_and_places_of_money_come_along(books: Ledger, settings: Settings) -> None:
    take(books, settings.data_dir, workbook(story()))
    flows = books.session.execute(
        select(CashFlowItem.code, CashFlowTotal.month, CashFlowTotal.debit_fen, CashFlowTotal.credit_fen)
        .join(CashFlowTotal, CashFlowTotal.cash_flow_item_id == CashFlowItem.id)
        .where(CashFlowTotal.org_id == books.org_id)
        .order_by(CashFlowItem.code)
    ).all()
    assert [tuple(row) for row in flows] == [
        ("aid_out", 202608, 0, 25_000_000),
        ("donations_in", 202608, 30_000_000, 0),
    ]
    place = books.session.scalars(select(MoneyPlace.id).where(MoneyPlace.code == "B1")).one()
    assert closing.place_balance(books.session, books.org_id, place, date(2026, 8, 31)) == 55_000_000


def test_a_movement_between_own_places_has_no_flow(books: Ledger, settings: Settings) -> None:
    """5,000 drawn from the bank into the cash box: turnover on both, no flow, and it ties."""
    rows = story()
    rows[BALANCES][4] = balance("1002", "GEN", "100000", credit="5000", closing="95000", place="B1")
    rows[BALANCES].append(balance("1001", "GEN", debit="5000", closing="5000", place="C1"))
    take(books, settings.data_dir, workbook(rows))
    total = books.session.scalar(
        select(func.sum(CashFlowTotal.debit_fen)).where(CashFlowTotal.org_id == books.org_id)
    )
    assert total == 30_000_000
    assert findings(books, settings.data_dir) == []


def lists() -> dict[str, list[dict[str, str]]]:
    """Return the story with a payable, goods, money set aside, an invoice owed, old numbers."""
    rows = story()
    rows[BALANCES] += [
        balance("2209", "F1", credit="8000", closing="-8000"),
        balance("1002", "F2", debit="8000", closing="8000", place="B1"),
        balance("1201", "F2", "30000", closing="30000"),
        balance("3102", "F2", "-30000", closing="-30000"),
        balance("4101", "F2", credit="8000", closing="-8000"),
    ]
    rows[BALANCES][0] = balance("1002", "F1", "400000", "308000", "250000", "458000", place="B1")
    rows["现金流量"] += [
        {"fund": "F1", "item": "收到的其他与业务活动有关的现金", "amount": "8000"},
        {"fund": "F2", "item": "接受捐赠收到的现金", "amount": "8000"},
    ]
    rows["前三年指标"][0] |= {"net_assets": "530000", "restricted": "430000"}
    rows[PARTIES] = [
        {
            "account": "2209",
            "fund": "F1",
            "name": "海岱康复器材公司",
            "kind": "单位",
            "credit": "8000",
            "on": "2026-08-20",
        }
    ]
    rows[STOCK] = [
        {"account": "1201", "fund": "F2", "item": "轮椅", "unit": "辆", "quantity": "12.5", "value": "30000"}
    ]
    rows[HOLDS] = [{"fund": "F1", "subject": "F1-2026-0007", "amount": "20000", "ask_on": "2026-10-01"}]
    rows[TICKETS] = [{"name": "某捐赠人", "amount": "200", "on": "2026-08-30", "ref": "旧-118"}]
    rows[NUMBERS] = [{"month": "2026-08", "word": "记", "first": "1", "last": "214", "number": "214"}]
    return rows


def test_parties_goods_holds_invoices_and_old_numbers_come_along(books: Ledger, settings: Settings) -> None:
    take(books, settings.data_dir, workbook(lists()))
    session = books.session
    item = session.scalars(select(OpenItem)).one()
    assert (item.name, item.amount_fen, item.since_on) == ("海岱康复器材公司", -800_000, date(2026, 8, 20))
    assert (
        "海岱" not in session.connection().exec_driver_sql("SELECT name FROM ledger_open_item").scalar_one()
    )
    # 450,000 of cash and the 8,000 owed: 450,000 may be spent, 20,000 of it is set aside.
    free = {row.fund: (row.available_fen, row.held_fen) for row in guards(session, books.org_id)}
    assert free["F1"] == (43_000_000, 2_000_000)
    assert session.scalars(select(YearFigure.net_assets_fen)).one() == 53_000_000
    assert session.scalars(select(OldNumber.last_no)).one() == 214
    ref = session.scalar(select(Voucher.ref).where(Voucher.month == 202608))
    assert ref == "记1–214"
    ticket = session.scalars(select(OwedTicket)).one()
    books.act(opening.issue_owed, "maker", ticket_id=ticket.id, invoice_number="0012345678")
    with pytest.raises(Refused) as again:
        books.act(opening.issue_owed, "maker", ticket_id=ticket.id, invoice_number="0012345679")
    assert again.value.codes == ["ticket_unknown"]
    assert findings(books, settings.data_dir) == []


def test_an_invoice_owed_needs_its_number_and_the_right(books: Ledger, settings: Settings) -> None:
    take(books, settings.data_dir, workbook(lists()))
    ticket = books.session.scalars(select(OwedTicket.id)).one()
    with pytest.raises(Refused) as empty:
        books.act(opening.issue_owed, "maker", ticket_id=ticket, invoice_number=" ")
    assert empty.value.codes == ["ticket_number_missing"]
    with pytest.raises(Refused) as other:
        books.act(opening.issue_owed, "cashier", ticket_id=ticket, invoice_number="1")
    assert other.value.codes == ["permission_missing"]


def test_the_proof_log_takes_the_opening_and_the_months_it_closed(books: Ledger, settings: Settings) -> None:
    take(books, settings.data_dir, workbook(lists()))
    books.session.rollback()
    sequence(SessionRunner(books.session), org_id=books.org_id, at=books.at, settings=settings)
    assert findings(books, settings.data_dir) == []


def test_books_that_begin_in_january_have_an_opening_alone(books: Ledger, settings: Settings) -> None:
    rows = story()
    rows[BALANCES] = [
        balance("1002", "F1", "400000", closing="400000", place="B1"),
        balance("3102", "F1", "-400000", closing="-400000"),
        balance("1002", "GEN", "100000", closing="100000", place="B1"),
        balance("3101", "GEN", "-100000", closing="-100000"),
    ]
    del rows["现金流量"]
    take(books, settings.data_dir, workbook(rows, {**START, "start": "2026-01"}))
    assert moved(books, *year_span(2026))["F1"] == (400_000, 0, 0, 400_000)
    assert [(m.month.number, m.is_open) for m in months(books.session, books.org_id)] == [(1, True)]


@pytest.mark.sqlite_only
def test_of_very_many_faults_the_first_are_told_and_the_others_counted(books: Ledger) -> None:
    rows = story()
    rows[BALANCES] = [balance("9999", "F1")] * (opening.MAX_SHOWN + 5)
    book = opening.read_book(workbook(rows), "期初.xlsx")
    plan, problems = opening.read_opening(books.session, org_id=books.org_id, book=book, today=TODAY)
    assert plan is None
    assert {problem.code for problem in problems[:-1]} == {"mapping_unknown"}
    assert (len(problems), problems[-1].code) == (opening.MAX_SHOWN + 1, "opening_more")
    assert problems[-1].params["count"] >= 5


def test_approving_twice_takes_once(books: Ledger, settings: Settings) -> None:
    first = take(books, settings.data_dir, workbook(story()))
    again = books.act(
        opening.approve_opening, "chief", sha256=first.sha256, data_dir=settings.data_dir, today=TODAY
    )
    assert (again.id, again.state) == (first.id, "taken")
    assert books.session.scalar(select(func.count()).select_from(Voucher)) == 2
    with pytest.raises(Refused) as other:
        propose(books, settings.data_dir, workbook(by_month()))
    assert other.value.codes == ["opening_taken"]


def test_the_same_workbook_is_prepared_once_and_another_takes_its_place(
    books: Ledger, settings: Settings
) -> None:
    first = propose(books, settings.data_dir, workbook(story()))
    assert propose(books, settings.data_dir, workbook(story())).id == first.id
    second = propose(books, settings.data_dir, workbook(by_month()))
    states = dict(books.session.execute(select(Opening.id, Opening.state)).all())
    assert states == {first.id: "withdrawn", second.id: "proposed"}
    with pytest.raises(Refused) as stale:
        books.act(
            opening.approve_opening, "chief", sha256=first.sha256, data_dir=settings.data_dir, today=TODAY
        )
    assert stale.value.codes == ["opening_none"]


def test_one_person_cannot_prepare_and_approve(books: Ledger, settings: Settings) -> None:
    row = propose(books, settings.data_dir, workbook(story()))
    books.ids["chief"] = books.ids["maker"]
    with pytest.raises(Refused) as caught:
        books.act(
            opening.approve_opening, "chief", sha256=row.sha256, data_dir=settings.data_dir, today=TODAY
        )
    assert caught.value.codes == ["opening_same_person"]


@pytest.mark.parametrize(
    ("act", "role"), [("propose", "cashier"), ("approve", "reviewer"), ("withdraw", "cashier")]
)
def test_each_step_asks_for_its_right(books: Ledger, settings: Settings, act: str, role: str) -> None:
    """The reviewer of these books may not close months, so that he cannot approve either."""
    row = propose(books, settings.data_dir, workbook(story()))
    common = {"data_dir": settings.data_dir, "today": TODAY}
    verbs = {
        "propose": (opening.propose_opening, {"data": b"x", "name": "x.xlsx", **common}),
        "approve": (opening.approve_opening, {"sha256": row.sha256, **common}),
        "withdraw": (opening.withdraw_opening, {"reason": "不对"}),
    }
    verb, values = verbs[act]
    with pytest.raises(Refused) as caught:
        books.act(verb, role, **values)
    assert caught.value.codes == ["permission_missing"]


def test_an_opening_is_withdrawn_with_a_reason(books: Ledger, settings: Settings) -> None:
    propose(books, settings.data_dir, workbook(story()))
    with pytest.raises(Refused) as silent:
        books.act(opening.withdraw_opening, "maker", reason=" ")
    assert silent.value.codes == ["reason_missing"]
    books.act(opening.withdraw_opening, "maker", reason="科目余额有误")
    with pytest.raises(Refused) as none:
        books.act(opening.withdraw_opening, "maker", reason="再来")
    assert none.value.codes == ["opening_none"]


def test_books_with_months_of_their_own_take_no_opening(books: Ledger, settings: Settings) -> None:
    books.open_months("2026-09", "2026-09")
    with pytest.raises(Refused) as caught:
        propose(books, settings.data_dir, workbook(story()))
    assert caught.value.codes == ["opening_months_open"]


def test_books_that_close_monthly_begin_with_a_year(books: Ledger, settings: Settings) -> None:
    books.act(setup.open_year, "chief", year=2026, closing="month")
    with pytest.raises(Refused) as caught:
        propose(books, settings.data_dir, workbook(story()))
    assert caught.value.codes == ["opening_closing_monthly"]


def test_a_failure_half_way_leaves_nothing(books: Ledger, settings: Settings) -> None:
    """A fund is closed between preparing and approving: nothing is opened, posted or kept."""
    row = propose(books, settings.data_dir, workbook(lists()))
    fund = books.session.scalars(select(Fund).where(Fund.code == "F2")).one()
    fund.closed_on = date(2025, 12, 31)
    books.session.commit()
    with pytest.raises(Refused) as caught:
        books.act(
            opening.approve_opening, "chief", sha256=row.sha256, data_dir=settings.data_dir, today=TODAY
        )
    assert "opening_fund_unknown" in caught.value.codes
    for model in (Period, Voucher, Draft, Balance, OpenItem):
        assert books.session.scalar(select(func.count()).select_from(model)) == 0
