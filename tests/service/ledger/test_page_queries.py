"""What the pages read agrees with the books, on both databases."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from charity.db import Actor, unit_of_work
from charity.errors import Refused
from charity.ledger import attachments, drafting, setup, spending
from charity.ledger.book_queries import BookFilter, book_page, each_row
from charity.ledger.draft_queries import DraftFilter, count_drafts, list_drafts
from charity.ledger.fund_queries import HoldFilter, open_holds, purse_rows, sum_holds
from charity.ledger.late_papers import add_papers
from charity.ledger.month_queries import carry_rows, next_months
from charity.ledger.naming import BookNames, load_names
from charity.ledger.outlook import posting_outlook
from charity.ledger.printing import vouchers_between
from charity.ledger.queries import fund_cards, trial_balance
from charity.ledger.reading import read_voucher
from charity.ledger.voucher_queries import (
    VoucherFilter,
    list_vouchers,
    neighbours,
    sum_vouchers,
    voucher_view,
)
from charity.money import parse_yuan
from charity.periods import Month
from tests.books import PAPER, Ledger, read_journal
from tests.service.ledger.test_worked_year import run_year


@pytest.fixture
def year(ledger: Ledger) -> Ledger:
    """The worked year, with money set aside at its end."""
    run_year(ledger)
    ledger.hold("F2", "1,000.00")
    ledger.session.rollback()
    return ledger


def names_of(ledger: Ledger) -> BookNames:
    return load_names(ledger.session, ledger.org_id)


def test_the_parts_of_every_fund_add_up_to_its_card(year: Ledger) -> None:
    rows = purse_rows(year.session, year.org_id, names_of(year))
    cards = {card.code: card for card in fund_cards(year.session, year.org_id)}
    guard = year.guard()
    for row in rows:
        parts = row.spendable_fen + row.held_fen + row.transit_fen + row.goods_fen + row.other_fen
        assert row.net_assets_fen == parts - row.payables_fen
        assert row.spendable_fen == parse_yuan(guard[row.fund][0])
        assert row.held_fen == parse_yuan(guard[row.fund][1])
        card = cards[row.fund]
        assert (row.net_assets_fen, row.goods_fen, row.payables_fen) == (
            card.net_assets_fen,
            card.goods_fen,
            card.payables_fen,
        )


def test_every_account_page_ends_where_the_trial_balance_does(year: Ledger) -> None:
    names = names_of(year)
    checked = 0
    for month in (Month(2026, 1), Month(2026, 5), Month(2026, 12)):
        for fund in ("", "F1", "F2", "GEN", "AGENCY"):
            for row in trial_balance(year.session, year.org_id, month, fund).rows:
                wanted = BookFilter(row.account, month, fund)
                page = book_page(year.session, year.org_id, wanted, names)
                lines = list(each_row(year.session, year.org_id, wanted, names))
                assert page.opening_fen == row.opening_fen
                assert (page.debit_fen, page.credit_fen) == (row.debit_fen, row.credit_fen)
                assert sum(line.debit_fen for line in lines) == row.debit_fen
                assert (lines[-1].balance_fen if lines else page.opening_fen) == row.closing_fen
                checked += 1
    assert checked > 60


def test_an_account_is_read_by_pages_as_it_is_read_at_once(year: Ledger) -> None:
    names, cursor, seen = names_of(year), "", []
    for number in range(1, 10):
        fund = f"F{number % 3 + 1}"
        year.post(
            f"2026-12-21 捐款{number}\n  借 1002@B1  {number}.00  {fund}\n  贷 410102  {number}.00  {fund}"
        )
    wanted = BookFilter("1002", Month(2026, 12))
    whole = book_page(year.session, year.org_id, wanted, names, limit=1000)
    while True:
        page = book_page(year.session, year.org_id, wanted, names, cursor=cursor, limit=2)
        assert page.before_fen == (seen[-1].balance_fen if seen else page.opening_fen)
        seen += page.rows
        cursor = page.next_cursor
        if not cursor:
            break
    assert tuple(seen) == whole.rows and len(seen) == 9
    broken = book_page(year.session, year.org_id, wanted, names, cursor="2026-12-21~x~1", limit=2)
    assert broken.rows == whole.rows[:2]


def test_the_list_of_vouchers_goes_through_every_one_once(year: Ledger) -> None:
    names, cursor, seen = names_of(year), "", []
    while True:
        rows, cursor = list_vouchers(
            year.session, year.org_id, VoucherFilter(), names, cursor=cursor, limit=4
        )
        seen += [(row.month, row.word, row.number) for row in rows]
        if not cursor:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == sum_vouchers(year.session, year.org_id, VoucherFilter())[0]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (VoucherFilter(fund="AGENCY"), [(202603, 3), (202603, 2)]),
        (VoucherFilter(account="3201"), [(202610, 2), (202610, 1)]),
        (VoucherFilter(kind="red"), [(202611, 2)]),
        (VoucherFilter(kind="opening"), [(202601, 1)]),
        (VoucherFilter(text="药品"), [(202602, 4), (202602, 3)]),
        (VoucherFilter(text="100%"), []),
        (VoucherFilter(from_on=date(2026, 4, 1), until_on=date(2026, 4, 30)), [(202604, 2), (202604, 1)]),
        (VoucherFilter(least_fen=15_000_000), [(202601, 1)]),
        (VoucherFilter(most_fen=100), [(202602, 5)]),
        (VoucherFilter(number=2, word="记", month=202609), [(202609, 2)]),
    ],
)
def test_vouchers_are_found_on_both_databases(
    year: Ledger, wanted: VoucherFilter, numbers: list[tuple[int, int]]
) -> None:
    rows, _cursor = list_vouchers(year.session, year.org_id, wanted, names_of(year))
    assert [(row.month, row.number) for row in rows] == numbers


def test_a_voucher_knows_its_neighbours_and_what_took_it_back(year: Ledger) -> None:
    red = vouchers_between(year.session, year.org_id, Month(2026, 11), "记", 2, 2)[0]
    view = voucher_view(year.session, year.org_id, red, names_of(year))
    assert [(row.tie, row.number) for row in view.relatives] == [("reverses", 1)]
    assert neighbours(year.session, year.org_id, view.header) == (1, 0)
    first = vouchers_between(year.session, year.org_id, Month(2026, 11), "记", 1, 1)[0]
    found = voucher_view(year.session, year.org_id, first, names_of(year))
    assert [(row.tie, row.number_text) for row in found.relatives] == [("reversed_by", "2026-11 记-0002")]


def test_the_outlook_is_what_posting_then_does(year: Ledger) -> None:
    journal = """
2026-12-22 捐款甲
  借 1002@B1  100.00  F1
  贷 410102   100.00  F1

2026-12-23 救助 A-2026-0099
  借 510102   40.00  F1
  贷 1002@B1  40.00  F1
"""
    ids = [year.draft(voucher) for voucher in read_journal(journal)]
    year.approve(*ids)
    names = names_of(year)
    ahead = posting_outlook(year.session, year.actor("chief"), ids, year.on, names)
    assert (ahead.count, ahead.total_fen, ahead.problems, ahead.shortages) == (2, 14_000, {}, ())
    (change,) = ahead.funds
    posted = year.post_drafts(*ids)
    (numbers,) = ahead.numbers
    assert [row.number for row in posted] == [numbers.first_no, numbers.last_no]
    assert parse_yuan(year.guard()["F1"][0]) == change.after_fen
    assert posting_outlook(year.session, year.actor("chief"), ids, year.on, names).count == 0


def test_a_voucher_that_pays_a_hold_gives_it_back_in_the_outlook(year: Ledger) -> None:
    hold_id = year.hold("F1", "500.00")
    journal = "2026-12-22 救助 A-2026-0100\n  借 510102  480.00  F1\n  贷 1002@B1  480.00  F1"
    draft_id = year.draft(read_journal(journal)[0], hold_id=hold_id)
    year.approve(draft_id)
    names = names_of(year)
    (change,) = posting_outlook(year.session, year.actor("chief"), [draft_id], year.on, names).funds
    assert change.change_fen == 50_000 - 48_000
    year.post_drafts(draft_id)
    assert parse_yuan(year.guard()["F1"][0]) == change.after_fen


def test_drafts_are_listed_by_key_and_counted(year: Ledger) -> None:
    for number in range(1, 6):
        lines = f"  借 1002@B1  {number}.00  GEN\n  贷 410101  {number}.00  GEN"
        year.draft(read_journal(f"2026-12-2{number} 捐款{number}\n{lines}")[0])
    names, cursor, seen = names_of(year), "", []
    wanted = DraftFilter(states=("draft",))
    actor = year.actor("reviewer")
    while True:
        rows, cursor = list_drafts(year.session, actor, wanted, names, cursor=cursor, limit=2)
        seen += [row.summary for row in rows]
        if not cursor:
            break
    assert seen == [f"捐款{number}" for number in range(1, 6)]
    assert count_drafts(year.session, year.org_id, wanted) == 5
    by_amount = DraftFilter(least_fen=200, most_fen=400, text="捐")
    assert count_drafts(year.session, year.org_id, by_amount) == 3
    assert count_drafts(year.session, year.org_id, DraftFilter(maker_ids=())) == 0


def test_holds_are_listed_until_they_end(year: Ledger) -> None:
    second = year.hold("F3", "20.00")
    names = names_of(year)
    rows, cursor = open_holds(year.session, year.org_id, HoldFilter(), names, year.on, limit=1)
    assert [row.fund for row in rows] == ["F2"] and cursor
    rest, _end = open_holds(year.session, year.org_id, HoldFilter(), names, year.on, cursor=cursor)
    assert [row.id for row in rest] == [second]
    year.act(spending.release_hold, "maker", hold_id=second, reason="撤回")
    assert sum_holds(year.session, year.org_id, HoldFilter()) == (1, 100_000)


def test_what_is_carried_forward_is_the_change_of_net_assets(year: Ledger) -> None:
    rows = {
        row.fund: row.net_fen
        for row in carry_rows(year.session, year.org_id, Month(2026, 12), names_of(year))
    }
    assert rows == {
        "F1": 2_000_000 - 4_612_000,
        "F2": 13_800_000 - 9_500_000,
        "F3": 6_300_000,
        "GEN": 6_500_100 - 4_680_000,
    }


def test_months_open_one_after_the_other_and_thirteen_once() -> None:
    assert next_months([]) == (None, None)
    assert next_months([Month(2026, 3)]) == (Month(2026, 4), None)
    assert next_months([Month(2026, 12)]) == (Month(2027, 1), Month(2026, 13))
    assert next_months([Month(2026, 12), Month(2026, 13)]) == (Month(2027, 1), None)


def test_a_late_paper_is_refused_to_who_only_reads_and_when_it_is_not_stored(ledger: Ledger) -> None:
    (posted,) = ledger.post("2026-01-05 捐款\n  借 1002@B1  1.00  GEN\n  贷 410101  1.00  GEN")
    auditor = Actor(99, ledger.org_id, "审计", frozenset({"ledger.read"}), ledger.at)
    cases = (
        (auditor, [PAPER], "permission_missing"),
        (ledger.actor("maker"), [], "paper_not_chosen"),
        (ledger.actor("maker"), ["b" * 64], "attachment_unknown"),
    )
    for actor, papers, code in cases:
        with pytest.raises(Refused) as refused, unit_of_work(ledger.session) as session:
            add_papers(session, actor=actor, voucher_id=posted.voucher_id, papers=papers)
        assert refused.value.codes == [code]


def test_late_papers_stand_behind_the_others(ledger: Ledger, tmp_path: Path) -> None:
    (posted,) = ledger.post("2026-01-05 捐款\n  借 1002@B1  1.00  GEN\n  贷 410101  1.00  GEN")
    sha256 = ledger.act(
        attachments.store_attachment,
        "cashier",
        data=b"%PDF-1.7 late",
        name="回单.pdf",
        media_type="application/pdf",
        data_dir=tmp_path,
    )
    papers = [PAPER, sha256]
    assert ledger.act(add_papers, "cashier", voucher_id=posted.voucher_id, papers=papers) == 1
    assert ledger.act(add_papers, "cashier", voucher_id=posted.voucher_id, papers=papers) == 0
    record = read_voucher(ledger.session, ledger.org_id, posted.voucher_id)
    assert record.attachments == (PAPER, sha256) and record.header["attachment_count"] == 1


def test_a_value_of_a_dimension_is_added_once(ledger: Ledger) -> None:
    ledger.act(setup.name_dimension, "chief", slot=1, name="乡镇")
    ledger.act(setup.add_dimension_value, "chief", slot=1, code="V", name="甲")
    with pytest.raises(Refused) as refused:
        ledger.act(setup.add_dimension_value, "chief", slot=1, code="V", name="乙")
    assert refused.value.codes == ["code_taken"]


def test_names_are_those_of_the_reader_s_language(ledger: Ledger) -> None:
    chinese, english = names_of(ledger), load_names(ledger.session, ledger.org_id, is_english=True)
    assert (chinese.account("1002"), english.account("1002")) == ("银行存款", "Bank deposits")
    assert (chinese.fund("F2"), english.fund("F2")) == ("医疗救助基金", "Medical aid fund")
    assert chinese.purse("F2", "F2") == "医疗救助基金" and chinese.fund("F9") == "F9"
    row = read_journal("2026-01-05 捐款\n  借 1002@B1  1.00  GEN\n  贷 410101  1.00  GEN")[0]
    ledger.act(drafting.make_draft, "maker", draft=row)
    line = chinese.line(1, row.lines[0], row.summary)
    assert (line.account_name, line.place_name, line.summary) == ("银行存款", "基本户", "捐款")
