"""What a voucher's total and its signatures say: no re-tags, every maker, the rule that reviewed."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from charity.db import unit_of_work
from charity.ledger import drafting, setup
from charity.ledger.checks import run_checks
from charity.ledger.draft_queries import DraftFilter, list_drafts
from charity.ledger.models import Draft
from charity.ledger.naming import load_names
from charity.ledger.outlook import posting_outlook
from charity.ledger.printing import voucher_documents
from charity.ledger.sealed_models import Voucher
from charity.ledger.voucher_queries import VoucherFilter, list_vouchers, sum_vouchers, voucher_view
from tests.books import Ledger, read_journal
from tests.builders import make_user

CLAIM = """
2026-03-05 认领来款
  借 220901  200.00  GEN
  贷 410102  200.00  F2
"""
UNCLAIMED = """
2026-03-01 未知来款
  借 1002@B1  200.00  GEN
  贷 220901   200.00  GEN
"""


def test_re_tags_are_left_out_of_every_total(ledger: Ledger) -> None:
    """A receipt of 200.00 is claimed for F2: two lines of 200.00, two re-tags, a total of 200.00."""
    ledger.post(UNCLAIMED)
    draft_id = ledger.draft(read_journal(CLAIM)[0])
    names = load_names(ledger.session, ledger.org_id)
    ((row,), _) = list_drafts(ledger.session, ledger.actor("reviewer"), DraftFilter(), names)
    assert (row.total_fen, row.line_count) == (20_000, 4)
    ledger.approve(draft_id)
    ahead = posting_outlook(ledger.session, ledger.actor("chief"), [draft_id], ledger.on, names)
    assert (ahead.total_fen, ahead.numbers[0].total_fen) == (20_000, 20_000)
    (posted,) = ledger.post_drafts(draft_id)
    rows, _ = list_vouchers(ledger.session, ledger.org_id, VoucherFilter(text="认领"), names)
    assert [voucher.total_fen for voucher in rows] == [20_000]
    assert sum_vouchers(ledger.session, ledger.org_id, VoucherFilter()) == (2, 40_000)
    sheet = voucher_view(ledger.session, ledger.org_id, posted.voucher_id, names).sheet
    assert (len(sheet.lines), sheet.debit_fen, sheet.credit_fen) == (4, 20_000, 20_000)
    assert run_checks(ledger.session, ledger.org_id) == []


def test_the_seal_refuses_a_total_that_counts_re_tags(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from charity.errors import Refused
    from charity.ledger import posting

    ledger.post(UNCLAIMED)
    draft_id = ledger.draft(read_journal(CLAIM)[0])
    ledger.approve(draft_id)
    real = posting._header_row
    monkeypatch.setattr(
        posting, "_header_row", lambda item, actor: {**real(item, actor), "total_fen": 40_000}
    )
    with pytest.raises(Refused) as caught:
        ledger.post_drafts(draft_id)
    assert caught.value.problems[0].params == {"code": "voucher_unbalanced"}


def test_the_seal_refuses_whoever_changed_it_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of states is passed by; the constraint of the header is not."""
    from charity.errors import Refused
    from charity.ledger import states

    (voucher,) = read_journal(UNCLAIMED)
    draft_id = ledger.draft(voucher)
    first, ledger.ids["maker"] = ledger.ids["maker"], 21
    ledger.act(drafting.edit_draft, "maker", draft_id=draft_id, version=1, draft=voucher)
    ledger.approve(draft_id)
    ledger.ids["chief"] = first
    monkeypatch.setattr(states, "check_step", lambda *_: [])
    with pytest.raises((Refused, DBAPIError), match="poster_not_maker"):
        ledger.post_drafts(draft_id)
    ledger.session.rollback()
    assert ledger.session.scalars(select(Voucher)).all() == []


def test_everybody_who_wrote_it_stands_on_the_voucher(ledger: Ledger) -> None:
    first = make_user(ledger.session, org_id=ledger.org_id, username="zhang", display_name="张会计")
    second = make_user(ledger.session, org_id=ledger.org_id, username="li", display_name="李会计")
    (voucher,) = read_journal(UNCLAIMED)
    ledger.ids["maker"] = first.id
    draft_id = ledger.draft(voucher)
    ledger.ids["maker"] = second.id
    ledger.act(drafting.edit_draft, "maker", draft_id=draft_id, version=1, draft=voucher)
    ledger.approve(draft_id)
    (posted,) = ledger.post_drafts(draft_id)
    names = load_names(ledger.session, ledger.org_id)
    maker = voucher_view(ledger.session, ledger.org_id, posted.voucher_id, names).sheet.signatures[0]
    assert (maker.user_id, maker.earlier_ids) == (second.id, (first.id,))
    (paper,) = voucher_documents(ledger.session, ledger.org_id, [posted.voucher_id])
    assert paper.maker == "张会计、李会计"
    assert run_checks(ledger.session, ledger.org_id) == []


def test_the_rule_that_reviewed_stands_where_the_reviewer_would(ledger: Ledger) -> None:
    people = {
        role: make_user(ledger.session, org_id=ledger.org_id, username=username, display_name=name)
        for role, username, name in (("chief", "chen", "陈主管"), ("a", "qian", "钱甲"), ("b", "sun", "孙乙"))
    }
    ledger.ids["chief"] = people["chief"].id
    rule = ledger.act(setup.write_posting_rule, "chief", code="P01", text="非限定捐款", on=date(2026, 1, 1))
    for key in ("a", "b"):
        ledger.ids["reviewer"] = people[key].id
        ledger.act(setup.approve_posting_rule, "reviewer", rule_id=rule.id)
    draft_id = ledger.draft(read_journal(UNCLAIMED)[0], posting_rule_id=rule.id)
    ledger.act(drafting.sign_drafts, "cashier", draft_ids=[draft_id])
    (posted,) = ledger.post_drafts(draft_id)
    names = load_names(ledger.session, ledger.org_id)
    sheet = voucher_view(ledger.session, ledger.org_id, posted.voucher_id, names).sheet
    reviewer = sheet.signatures[1]
    assert reviewer.user_id is None and reviewer.rule is not None
    assert (reviewer.rule.code, reviewer.rule.version, reviewer.rule.text) == ("P01", 1, "非限定捐款")
    assert people["a"].id in sheet.people and people["chief"].id in sheet.people
    (paper,) = voucher_documents(ledger.session, ledger.org_id, [posted.voucher_id])
    assert paper.reviewer == "规则P01／钱甲、孙乙批准"
    with unit_of_work(ledger.session) as work:
        assert work.get_one(Draft, (ledger.org_id, draft_id)).state == "posted"
