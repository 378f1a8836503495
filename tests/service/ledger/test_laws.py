"""The laws of the books, one test for what is allowed and one for each refusal."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from charity.errors import Refused
from charity.ledger import closing, corrections, drafting, posting, setup
from charity.ledger.checks import run_checks
from charity.ledger.queries import fund_cards, open_incidents, trial_balance
from charity.ledger.reading import read_voucher
from charity.ledger.rules import DraftLine
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from tests.books import Ledger, open_books, read_journal


def refused(ledger: Ledger, journal: str) -> list[str]:
    """Return the codes with which a journal is refused."""
    with pytest.raises(Refused) as caught:
        ledger.post(journal)
    return caught.value.codes


def gift(on: str, yuan: str, fund: str, earmark: str = "") -> str:
    """Return a gift as a mini-journal."""
    account = "410101" if fund == "GEN" else "410102"
    tag = f"{fund}/{earmark}" if earmark else fund
    return f"{on} 捐款\n  借 1002@B1 {yuan} {tag}\n  贷 {account} {yuan} {tag}"


def aid(on: str, yuan: str, fund: str, earmark: str = "") -> str:
    """Return a payment of aid as a mini-journal."""
    account = "510101" if fund == "GEN" else "510102"
    tag = f"{fund}/{earmark}" if earmark else fund
    return f"{on} 救助\n  借 {account} {yuan} {tag}\n  贷 1002@B1 {yuan} {tag}"


def test_money_for_heart_disease_is_not_spent_as_general_medical_aid(ledger: Ledger) -> None:
    ledger.act(
        setup.open_earmark,
        "chief",
        fund="F2",
        code="F2-HEART",
        name="心脏病救助",
        text="仅用于心脏病救助",
        source="provider",
        on=date(2026, 1, 1),
    )
    ledger.post(gift("2026-01-05", "800000", "F2", "F2-HEART"))
    ledger.post(gift("2026-01-06", "200000", "F2"))
    assert refused(ledger, aid("2026-01-07", "200000.01", "F2")) == ["fund_overdrawn"]
    ledger.post(aid("2026-01-07", "200000.00", "F2"))
    assert ledger.guard()["F2"] == ("0.00", "0.00")
    assert ledger.guard()["F2/F2-HEART"] == ("800,000.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []


def test_money_that_came_in_january_is_not_spent_in_december(ledger: Ledger) -> None:
    ledger.open_months("2027-01", "2027-01")
    ledger.post(gift("2026-12-31", "1000", "F1"))
    ledger.post(gift("2027-01-03", "10000", "F1"))
    with pytest.raises(Refused) as caught:
        ledger.post(aid("2026-12-31", "5000", "F1"))
    assert caught.value.codes == ["fund_overdrawn_later"]
    assert caught.value.problems[0].params["short"] == "4,000.00"
    ledger.post(aid("2027-01-05", "5000", "F1"))
    assert ledger.guard()["F1"] == ("6,000.00", "0.00")


def test_aid_of_30_december_before_the_money_is_refused(ledger: Ledger) -> None:
    ledger.open_months("2027-01", "2027-01")
    ledger.post(gift("2026-12-30", "1000", "F1"))
    ledger.post(gift("2027-01-03", "10000", "F1"))
    with pytest.raises(Refused) as caught:
        ledger.post(aid("2026-12-30", "5000", "F1"))
    assert caught.value.problems[0].params["short"] == "4,000.00"


def test_a_receipt_voucher_into_a_closed_month_is_refused_whatever_its_word(session: object) -> None:
    ledger = open_books(session, code="THREE")  # type: ignore[arg-type]
    ledger.act(setup.open_year, "chief", year=2026, words="three")
    ledger.open_months("2026-03", "2026-04")
    ledger.post("2026-03-05 转账\n  借 1501 1.00 GEN\n  贷 410101 1.00 GEN")
    ledger.act(closing.close_month, "chief", month=Month(2026, 3), on=date(2026, 4, 5))
    draft_id = ledger.draft(read_journal(gift("2026-03-09", "10", "GEN"))[0])
    with pytest.raises(Refused) as caught:
        ledger.approve(draft_id)
    assert caught.value.codes == ["period_closed"]
    assert "2026-04" in str(caught.value.problems[0].params["next"])


def _gift_of_march_was_ten_times_too_large(ledger: Ledger) -> int:
    """A gift to F2 was booked as 10,000.00 but was 1,000.00; 9,500.00 of it is spent."""
    ledger.post(gift("2026-01-05", "50000", "GEN"))
    posted = ledger.post(gift("2026-03-05", "10000", "F2"))
    ledger.post(aid("2026-03-20", "9500", "F2"))
    for number in (1, 2, 3):
        ledger.act(closing.close_month, "chief", month=Month(2026, number), on=date(2026, 4, 2))
    return posted[0].voucher_id


def test_a_difference_that_would_overdraw_is_refused_alone(ledger: Ledger) -> None:
    voucher_id = _gift_of_march_was_ten_times_too_large(ledger)
    draft = ledger.act(
        corrections.difference_voucher,
        "maker",
        voucher_id=voucher_id,
        amounts={1: 100_000, 2: 100_000},
        on=date(2026, 4, 3),
    )
    with pytest.raises(Refused) as caught:
        ledger.run([draft])
    assert caught.value.codes == ["fund_overdrawn"]


def test_a_correction_of_fact_moves_the_overspend_to_general_money(ledger: Ledger) -> None:
    voucher_id = _gift_of_march_was_ten_times_too_large(ledger)
    march = trial_balance(ledger.session, ledger.org_id, Month(2026, 3))
    drafts = ledger.act(
        corrections.correct_fact,
        "maker",
        voucher_id=voucher_id,
        amounts={1: 100_000, 2: 100_000},
        on=date(2026, 4, 3),
        reason="银行回单复核，多记一位",
    )
    assert len(drafts) == 2
    with pytest.raises(Refused) as alone:
        ledger.run([drafts[1]])
    assert alone.value.codes == ["set_incomplete"]
    ids = [draft.id for draft in drafts]
    ledger.approve(drafts[0].id)
    posted = ledger.post_drafts(*ids)
    assert ledger.guard()["F2"] == ("0.00", "0.00")
    assert ledger.guard()["GEN"] == ("41,500.00", "0.00")
    assert trial_balance(ledger.session, ledger.org_id, Month(2026, 3)) == march
    found = ledger.balances()
    assert found["510101", "GEN"] == 850_000 and found["510102", "F2"] == 100_000
    red = next(p for p in posted if p.draft_id == drafts[1].id)
    assert (
        read_voucher(ledger.session, ledger.org_id, red.voucher_id).header["summary"]
        == "订正3月5日记-0001号凭证"
    )
    with pytest.raises(Refused) as caught:
        ledger.act(corrections.reverse_voucher, "maker", voucher_id=red.voucher_id, on=date(2026, 4, 4))
    assert caught.value.codes == ["red_not_reversed"]
    assert run_checks(ledger.session, ledger.org_id) == []


def test_where_general_money_cannot_bear_it_the_fund_is_frozen_until_covered(ledger: Ledger) -> None:
    posted = ledger.post(gift("2026-03-05", "10000", "F2"))
    ledger.post(aid("2026-03-20", "9500", "F2"))
    drafts = ledger.act(
        corrections.correct_fact,
        "maker",
        voucher_id=posted[0].voucher_id,
        amounts={1: 100_000, 2: 100_000},
        on=date(2026, 4, 3),
        reason="多记一位",
    )
    ledger.run(drafts)
    assert ledger.guard()["F2"] == ("-8,500.00", "0.00")
    (incident,) = open_incidents(ledger.session, ledger.org_id)
    assert incident.available_fen == -850_000
    with pytest.raises(Refused) as caught:
        ledger.hold("F2", "1")
    assert caught.value.codes == ["fund_frozen"]
    assert refused(ledger, aid("2026-04-05", "1", "F2")) == ["fund_frozen"]
    with pytest.raises(Refused) as early:
        ledger.act(corrections.cover_incident, "chief", incident_id=incident.id, note="")
    assert early.value.codes == ["fund_overdrawn"]
    ledger.post(gift("2026-04-06", "8500", "F2"))
    ledger.act(corrections.cover_incident, "chief", incident_id=incident.id, note="新捐款补足")
    assert open_incidents(ledger.session, ledger.org_id) == []
    ledger.post(gift("2026-04-07", "100", "F2"))
    ledger.post(aid("2026-04-08", "100", "F2"))
    assert run_checks(ledger.session, ledger.org_id) == []


def test_a_full_reversal_covers_the_original_and_its_differences(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-03-05", "1000", "GEN"))
    for fen in (120_000, 80_000):
        ledger.run(
            [
                ledger.act(
                    corrections.difference_voucher,
                    "maker",
                    voucher_id=posted.voucher_id,
                    amounts={1: fen, 2: fen},
                    on=date(2026, 3, 9),
                )
            ]
        )
    assert ledger.balances()["1002", "GEN"] == 80_000
    red = ledger.act(corrections.reverse_voucher, "maker", voucher_id=posted.voucher_id, on=date(2026, 3, 10))
    assert red.summary == "注销3月5日记-0001号凭证"
    ledger.run([red])
    assert ledger.balances() == {}
    with pytest.raises(Refused) as caught:
        ledger.act(corrections.reverse_voucher, "maker", voucher_id=posted.voucher_id, on=date(2026, 3, 11))
    assert caught.value.codes == ["voucher_reversed"]
    assert run_checks(ledger.session, ledger.org_id) == []


def test_a_difference_never_takes_a_line_below_zero(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-03-05", "1000", "GEN"))
    with pytest.raises(Refused) as caught:
        ledger.act(
            corrections.difference_voucher,
            "maker",
            voucher_id=posted.voucher_id,
            amounts={1: -1, 2: -1},
            on=date(2026, 3, 9),
        )
    assert caught.value.codes == ["correction_below_zero"] * 2
    with pytest.raises(Refused) as same:
        ledger.act(
            corrections.difference_voucher,
            "maker",
            voucher_id=posted.voucher_id,
            amounts={1: 100_000},
            on=date(2026, 3, 9),
        )
    assert same.value.codes == ["correction_empty"]


def test_red_and_right_blue_are_one_set(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-03-05", "1000", "F1"))
    drafts = ledger.act(
        corrections.correct_voucher,
        "maker",
        voucher_id=posted.voucher_id,
        lines=[
            DraftLine("1002", debit_fen=100_000, fund="F2", money_place="B1"),
            DraftLine("410102", credit_fen=100_000, fund="F2"),
        ],
        on=date(2026, 3, 9),
    )
    ledger.run(drafts)
    assert ledger.guard()["F1"] == ("0.00", "0.00") and ledger.guard()["F2"] == ("1,000.00", "0.00")
    assert run_checks(ledger.session, ledger.org_id) == []


def test_an_error_of_a_past_year_goes_through_3201(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-03-05", "1000", "F1"))
    ledger.open_months("2027-01", "2027-01")
    with pytest.raises(Refused) as caught:
        ledger.act(corrections.reverse_voucher, "maker", voucher_id=posted.voucher_id, on=date(2027, 1, 9))
    assert caught.value.codes == ["correction_prior_year"]


def test_opening_and_closing_vouchers_are_not_corrected(ledger: Ledger) -> None:
    (posted,) = ledger.post("2026-01-01 !opening 年初余额\n  借 1002@B1 10.00 GEN\n  贷 3101 10.00 GEN")
    with pytest.raises(Refused) as caught:
        ledger.act(corrections.reverse_voucher, "maker", voucher_id=posted.voucher_id, on=date(2026, 1, 9))
    assert caught.value.codes == ["correction_closing"]


def test_a_correction_needs_an_open_month(ledger: Ledger) -> None:
    (posted,) = ledger.post(gift("2026-01-05", "10", "GEN"))
    ledger.act(closing.close_month, "chief", month=Month(2026, 1), on=date(2026, 2, 2))
    with pytest.raises(Refused) as caught:
        ledger.act(corrections.reverse_voucher, "maker", voucher_id=posted.voucher_id, on=date(2026, 1, 30))
    assert caught.value.codes == ["correction_period"]


def test_numbers_follow_the_dates_inside_a_month_and_word(ledger: Ledger) -> None:
    ledger.post(gift("2026-03-10", "10", "GEN"))
    assert refused(ledger, gift("2026-03-09", "10", "GEN")) == ["date_before_last"]
    ids = [
        ledger.draft(v)
        for v in read_journal(gift("2026-03-12", "1", "GEN") + "\n\n" + gift("2026-03-11", "2", "GEN"))
    ]
    ledger.approve(*ids)
    later, earlier = ledger.post_drafts(*ids)
    assert (earlier.number, later.number) == (2, 3)


def test_posting_again_answers_with_the_same_voucher(ledger: Ledger) -> None:
    (voucher,) = read_journal(gift("2026-03-10", "10", "GEN"))
    draft_id = ledger.draft(voucher, idempotency_key="slip-7")
    assert ledger.draft(voucher, idempotency_key="slip-7") == draft_id
    ledger.approve(draft_id)
    first = ledger.post_drafts(draft_id)
    again = ledger.post_drafts(draft_id)
    assert again[0].voucher_id == first[0].voucher_id and again[0].was_posted_before
    (other,) = read_journal(gift("2026-03-10", "11", "GEN"))
    with pytest.raises(Refused) as caught:
        ledger.draft(other, idempotency_key="slip-7")
    assert caught.value.codes == ["key_reused"]


def test_nothing_is_dated_after_today(ledger: Ledger) -> None:
    ledger.on = date(2026, 3, 9)
    assert refused(ledger, gift("2026-03-10", "10", "GEN")) == ["voucher_future"]


def test_a_fund_card_adds_up(ledger: Ledger) -> None:
    ledger.post(gift("2026-03-01", "1000", "F1"))
    ledger.post("2026-03-02 平台\n  借 100901@W1 50.00 F1\n  贷 410102 50.00 F1")
    ledger.post("2026-03-03 物资\n  借 1201 30.00 F1\n  贷 410102 30.00 F1")
    ledger.post("2026-03-04 代发\n  借 100902@T1 200.00 F1\n  贷 1002@B1 200.00 F1")
    ledger.post("2026-03-05 应付\n  借 510102 20.00 F1\n  贷 2209 20.00 F1")
    ledger.hold("F1", "100")
    card = next(c for c in fund_cards(ledger.session, ledger.org_id) if c.code == "F1")
    assert (card.spendable_fen, card.held_fen, card.in_transit_fen) == (68_000, 10_000, 20_000)
    assert (card.goods_fen, card.other_fen, card.payables_fen) == (3_000, 5_000, 0)
    assert card.net_assets_fen == sum(
        (card.spendable_fen, card.held_fen, card.in_transit_fen, card.goods_fen, card.other_fen)
    )
    assert card.net_assets_fen == 106_000


def test_goods_leave_the_store_only_where_they_are(ledger: Ledger) -> None:
    ledger.post("2026-03-03 物资\n  借 1201 30.00 F1\n  贷 410102 30.00 F1")
    codes = refused(ledger, "2026-03-04 发放\n  借 510102 30.01 F1\n  贷 1201 30.01 F1")
    assert codes == ["stock_overdrawn_meanwhile"]
    ledger.post("2026-03-04 发放\n  借 510102 30.00 F1\n  贷 1201 30.00 F1")
    assert run_checks(ledger.session, ledger.org_id) == []


@pytest.mark.parametrize(
    ("journal", "code"),
    [
        ("2026-03-01 差一分\n  借 1002@B1 10.00 GEN\n  贷 410101 9.99 GEN", "voucher_unbalanced"),
        ("2026-03-01 科目\n  借 1002@B1 10.00 GEN\n  贷 9999 10.00 GEN", "account_unknown"),
        ("2026-03-01 标题科目\n  借 1002@B1 10.00 GEN\n  贷 4101 10.00 GEN", "account_not_postable"),
        ("2026-03-01 基金\n  借 1002@B1 10.00 F9\n  贷 410102 10.00 F9", "fund_unknown"),
        ("2026-03-01 限定进非限定\n  借 1002@B1 10.00 F1\n  贷 410101 10.00 F1", "fund_wrong_kind"),
        ("2026-03-01 代理\n  借 1002@B1 10.00 AGENCY\n  贷 2601 10.00 AGENCY", "fund_wrong_kind"),
        ("2026-03-01 限定用途\n  借 1002@B1 10.00 F1/F2\n  贷 410102 10.00 F1/F2", "earmark_unknown"),
        ("2026-03-01 存放处\n  借 1002 10.00 GEN\n  贷 410101 10.00 GEN", "money_place_missing"),
        ("2026-03-01 存放处\n  借 1002@C1 10.00 GEN\n  贷 410101 10.00 GEN", "money_place_wrong"),
        ("2026-03-01 项目\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN project=NONE", "dimension_unknown"),
        ("2026-03-01 现金流\n  借 1002@B1 10.00 GEN cash_flow=x\n  贷 410101 10.00 GEN", "cash_flow_unknown"),
        ("2026-03-01 净资产\n  借 1002@B1 10.00 GEN\n  贷 3101 10.00 GEN", "net_asset_change_missing"),
        ("2026-03-01 电话13800138000\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN", "summary_personal"),
        ("2026-03-01 一行\n  借 1002@B1 10.00 GEN", "voucher_too_short"),
        ("2026-03-01 负数\n  借 1002@B1 -10.00 GEN\n  贷 410101 -10.00 GEN", "line_sign"),
        ("2026-03-01 代理跨基金\n  借 2601 10.00 AGENCY\n  贷 410101 10.00 GEN", "fund_unbalanced"),
    ],
)
def test_what_a_voucher_must_not_be(ledger: Ledger, journal: str, code: str) -> None:
    assert code in refused(ledger, journal)


def test_a_voucher_needs_its_paper(ledger: Ledger) -> None:
    from dataclasses import replace

    (voucher,) = read_journal(gift("2026-03-01", "10", "GEN"))
    draft_id = ledger.draft(replace(voucher, attachments=()))
    with pytest.raises(Refused) as caught:
        ledger.approve(draft_id)
    assert caught.value.codes == ["attachment_missing"]
    with pytest.raises(Refused) as unknown:
        ledger.draft(replace(voucher, attachments=("b" * 64,)))
    assert unknown.value.codes == ["attachment_unknown"]


def test_a_word_given_by_a_file_must_be_the_derived_one(ledger: Ledger) -> None:
    (voucher,) = read_journal(gift("2026-03-01", "10", "GEN"))
    with pytest.raises(Refused) as caught:
        ledger.draft(voucher, word="收")
    assert caught.value.codes == ["word_derived"]


def test_two_tabs_do_not_overwrite_one_another(ledger: Ledger) -> None:
    (voucher,) = read_journal(gift("2026-03-01", "10", "GEN"))
    draft_id = ledger.draft(voucher)
    ledger.act(drafting.edit_draft, "maker", draft_id=draft_id, version=1, draft=voucher)
    with pytest.raises(Refused) as caught:
        ledger.act(drafting.edit_draft, "maker", draft_id=draft_id, version=1, draft=voucher)
    assert caught.value.codes == ["draft_changed"]


def test_posting_takes_part_of_a_batch_never(ledger: Ledger) -> None:
    good, bad = read_journal(gift("2026-03-01", "10", "F1") + "\n\n" + aid("2026-03-02", "10.01", "F1"))
    ledger.post(gift("2026-02-01", "10.01", "F1"))
    ids = [ledger.draft(good), ledger.draft(bad)]
    ledger.approve(*ids)
    ledger.hold("F1", "10.01")
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(*ids)
    assert caught.value.codes == ["fund_overdrawn"]
    ledger.session.rollback()
    assert len(ledger.session.scalars(select(Voucher.id)).all()) == 1
    assert ledger.guard() == {"F1": ("0.00", "10.01")}


def test_a_batch_has_a_limit(ledger: Ledger) -> None:
    with pytest.raises(ValueError):
        ledger.post_drafts(*range(posting.BATCH_LIMIT + 1))
