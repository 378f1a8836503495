"""Receipts are issued once, from the books, with numbers that leave no gap."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from charity.db import transact
from charity.documents.receipt import ReceiptDocument
from charity.donations.rules import Part
from charity.donations.service import DonorEntry
from charity.errors import Refused
from charity.ledger import corrections
from charity.ledger.reading import read_voucher
from charity.oplog.models import OpLogEntry
from charity.receipts import checks, service
from charity.receipts.gift_lines import gift_lines
from charity.receipts.models import Receipt, ReceiptCounter
from charity.receipts.storage import document_path
from tests.books import PAPER
from tests.receipting import PUBLIC_URL, VOIDS, Desk


def findings(desk: Desk) -> list[str]:
    desk.session.rollback()
    every = checks.checks(desk.press.data_dir)
    return [f"{f.check}: {f.where} {f.message}" for check in every for f in check(desk.session, desk.org_id)]


def said(receipt: Receipt) -> ReceiptDocument:
    return ReceiptDocument.from_json(receipt.snapshot)


def refused(desk: Desk, donation_id: int, **values: object) -> list[str]:
    with pytest.raises(Refused) as caught:
        desk.run(
            service.issue_receipt,
            donation_id=donation_id,
            on=desk.on,
            key="refused",
            press=desk.press,
            **values,
        )
    desk.session.rollback()
    return caught.value.codes


def test_a_receipt_says_what_the_books_hold(desk: Desk) -> None:
    gift = desk.give(
        1_234_567,
        parts=(Part("F2", amount_fen=1_000_000), Part("GEN")),
        stated_purpose="先天性心脏病儿童手术",
    )
    receipt = desk.issue(gift)
    document = said(receipt)
    assert (receipt.number, receipt.amount_fen, receipt.state) == ("2026-000001", 1_234_567, "issued")
    assert [(a.fund_code, a.amount_fen) for a in document.allocations] == [
        ("F2", 1_000_000),
        ("GEN", 234_567),
    ]
    assert [part.voucher_number for part in document.allocations] == [
        "2026-03 记-0001 第3行",
        "2026-03 记-0001 第4行",
    ]
    assert (document.handler, document.reviewer) == ("王登记", "郑主管")
    assert document.purpose == "、".join(a.earmark_name or a.fund_name for a in document.allocations)
    assert document.donor_title == "捐赠人1"
    assert document.verify_url == f"{PUBLIC_URL}/verify/{receipt.verify_code}"
    assert len(receipt.check_code) == 10 and len(receipt.verify_code) == 20
    assert desk.gift(gift.id).receipt_state == "issued"
    assert findings(desk) == []


def test_the_donor_s_own_words_are_not_printed_by_themselves(desk: Desk) -> None:
    """They may name whom the donor wants to help; what was booked is said, in each language."""
    gift = desk.give(parts=(Part("F1"),), stated_purpose="给邻村王家的孩子治病")
    first = desk.issue(desk.gift(gift.id))
    assert said(first).purpose == "急难救助基金"
    assert said(first).allocations[0].voucher_number == "2026-03 记-0001 第2行"
    desk.void(first)
    english = said(desk.issue(desk.gift(gift.id), language="en", purpose="急难救助基金"))
    assert english.purpose == english.allocations[0].fund_name == "Emergency aid fund"
    assert english.allocations[0].voucher_number == "2026-03 记-0001 line 2"


def test_the_issued_bytes_are_kept_under_their_hash(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    data = document_path(desk.press.data_dir, receipt.bytes_sha256).read_bytes()
    assert hashlib.sha256(data).hexdigest() == receipt.bytes_sha256
    assert (
        receipt.number
        in PdfReader(document_path(desk.press.data_dir, receipt.bytes_sha256)).pages[0].extract_text()
    )


def test_numbers_run_without_a_gap_and_begin_anew_each_year(desk: Desk) -> None:
    first, second = desk.issue(desk.give()), desk.issue(desk.give())
    unposted = desk.give(is_posted=False)
    assert refused(desk, unposted.id) == ["receipt_gift_unposted"]
    third = desk.issue(desk.give())
    assert [r.number for r in (first, second, third)] == ["2026-000001", "2026-000002", "2026-000003"]
    desk.on = desk.on.replace(year=2027)
    assert desk.issue(desk.give()).number == "2027-000001"
    assert findings(desk) == []


def test_a_refused_receipt_takes_no_number(desk: Desk) -> None:
    gift = desk.give()
    with pytest.raises(Refused) as caught:
        desk.issue(gift, title="𪚥")
    assert "character_not_printable" in caught.value.codes
    desk.session.rollback()
    assert desk.session.scalars(select(ReceiptCounter)).all() == []
    with pytest.raises(Refused) as caught:
        desk.issue(gift, purpose="用" * 201)
    assert caught.value.codes == ["receipt_text_too_long"]
    assert caught.value.problems[0].where == "purpose"


def test_a_double_click_issues_one_receipt(desk: Desk) -> None:
    gift = desk.give()
    first, again = desk.issue(gift, key="same"), desk.issue(gift, key="same")
    assert first.id == again.id
    assert len(desk.session.scalars(select(Receipt)).all()) == 1


def test_a_gift_has_one_valid_receipt(desk: Desk) -> None:
    gift = desk.give()
    desk.issue(gift)
    assert refused(desk, gift.id) == ["receipt_exists"]


def test_an_unposted_gift_has_no_receipt(desk: Desk) -> None:
    assert refused(desk, desk.give(is_posted=False).id) == ["receipt_gift_unposted"]


def test_an_unknown_gift_has_no_receipt(desk: Desk) -> None:
    assert refused(desk, 1) == ["donation_unknown"]


def test_a_receipt_speaks_a_known_language(desk: Desk) -> None:
    gift = desk.give()
    with pytest.raises(Refused) as caught:
        desk.issue(gift, language="fr")
    assert caught.value.codes == ["receipt_language_unknown"]
    desk.session.rollback()
    assert said(desk.issue(gift, language="en")).org_name == "Haidai Charity Federation"


def test_only_who_may_issue_issues(desk: Desk) -> None:
    gift = desk.give()
    with pytest.raises(Refused) as caught:
        desk.run(
            service.issue_receipt,
            actor=desk.clerk(VOIDS),
            donation_id=gift.id,
            on=desk.on,
            key="x",
            press=desk.press,
        )
    assert caught.value.codes == ["permission_missing"]


@pytest.mark.parametrize("name", ["李晓㛃", "王䶮", "赵𬭎", "阿依古丽·买买提", "O’Neill & Söhne"])
def test_rare_characters_stand_on_the_receipt(desk: Desk, name: str, tmp_path: Path) -> None:
    receipt = desk.issue(desk.give(donor=DonorEntry("person", name=name)))
    text = PdfReader(document_path(tmp_path, receipt.bytes_sha256)).pages[0].extract_text()
    assert said(receipt).donor_title == name
    assert name.replace(" ", "") in text.replace(" ", "").replace("\n", "")


def test_the_invoice_title_goes_before_the_name(desk: Desk) -> None:
    donor = DonorEntry("company", name="海岱机械", receipt_title="海岱机械制造有限公司")
    assert said(desk.issue(desk.give(donor=donor))).donor_title == "海岱机械制造有限公司"


def test_an_anonymous_gift_bears_no_name(desk: Desk) -> None:
    gift = desk.give(donor=DonorEntry("anonymous"))
    assert said(desk.issue(gift)).donor_title == "爱心人士"
    assert desk.gift(gift.id).receipt_state == "anonymous"
    assert findings(desk) == []


def test_an_anonymous_gift_bears_the_title_asked_for(desk: Desk) -> None:
    gift = desk.give(donor=DonorEntry("anonymous"))
    assert said(desk.issue(gift, title="一位老兵")).donor_title == "一位老兵"
    assert desk.gift(gift.id).receipt_state == "issued"


def test_money_held_for_others_is_no_income_and_has_no_receipt(desk: Desk) -> None:
    gift = desk.give(parts=(Part("AGENCY"),))
    assert refused(desk, gift.id) == ["receipt_gift_unposted"]


def test_issuing_is_in_the_log(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    acts = desk.session.scalars(select(OpLogEntry.subject_no).where(OpLogEntry.act == "receipts.issue"))
    assert acts.all() == [receipt.number]


def test_a_gift_is_waived_with_a_reason(desk: Desk) -> None:
    gift = desk.give()
    values = {"donation_id": gift.id, "kind": "waived"}
    with pytest.raises(Refused) as caught:
        desk.run(service.waive_receipt, **values, reason=" ")
    assert caught.value.codes == ["reason_missing"]
    desk.run(service.waive_receipt, **values, reason="来电放弃")
    assert desk.gift(gift.id).receipt_state == "waived"


def test_a_waiver_is_anonymous_or_waived(desk: Desk) -> None:
    with pytest.raises(Refused) as caught:
        desk.run(service.waive_receipt, donation_id=desk.give().id, kind="issued", reason="x")
    assert caught.value.codes == ["receipt_waiver_kind"]


def test_a_gift_with_a_receipt_is_not_waived(desk: Desk) -> None:
    gift = desk.give()
    desk.issue(gift)
    with pytest.raises(Refused) as caught:
        desk.run(service.waive_receipt, donation_id=gift.id, kind="waived", reason="x")
    assert caught.value.codes == ["receipt_gift_has_one"]


def test_a_rolled_back_issue_gives_its_number_back(desk: Desk) -> None:
    gift = desk.give()

    def broken(own: object) -> None:
        service.issue_receipt(
            own,  # type: ignore[arg-type]
            actor=desk.clerk(),
            donation_id=gift.id,
            on=desk.on,
            key="lost",
            press=desk.press,
        )
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transact(broken, session=desk.session)
    assert desk.issue(gift).number == "2026-000001"
    assert findings(desk) == []


def test_a_corrected_gift_has_a_receipt_over_what_stands_that_names_every_voucher(desk: Desk) -> None:
    """35,000.00 was typed for 3,500.00, and a difference took 31,500.00 back."""
    gift = desk.give(3_500_000, parts=(Part("F1"),))
    line = gift_lines(desk.session, desk.org_id, [gift.id])[gift.id][0]
    amounts = {1: 350_000, 2: 350_000}
    difference = desk.office.ledger.act(
        corrections.difference_voucher, "maker", voucher_id=line.voucher_id, amounts=amounts, on=desk.on
    )
    desk.office.ledger.run([difference])
    document = said(desk.issue(gift))
    assert document.amount_fen == 350_000
    assert [a.voucher_number for a in document.allocations] == ["2026-03 记-0001、2026-03 记-0002"]
    assert findings(desk) == []


def test_a_gift_made_anew_has_a_receipt_that_names_the_right_voucher_only(desk: Desk) -> None:
    gift = desk.give(50_000, parts=(Part("F1"),))
    line = gift_lines(desk.session, desk.org_id, [gift.id])[gift.id][0]
    right = [
        replace(posted.value, fund="F2", earmark="F2")
        for posted in read_voucher(desk.session, desk.org_id, line.voucher_id).lines
    ]
    desk.session.rollback()
    desk.office.ledger.act(
        corrections.correct_voucher,
        "maker",
        voucher_id=line.voucher_id,
        lines=right,
        on=desk.on,
        attachments=(PAPER,),
    )
    desk.office.post_all()
    document = said(desk.issue(gift))
    assert [(a.fund_code, a.amount_fen, a.voucher_number) for a in document.allocations] == [
        ("F2", 50_000, "2026-03 记-0002 第2行")
    ]
    assert findings(desk) == []
