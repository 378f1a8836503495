"""Receipts in the office: read first, issued once, handed over, voided by another person."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from charity.db import db
from charity.donations.service import DonorEntry
from charity.jobs.worker import Worker
from charity.receipts.models import Receipt
from tests.receipting import Desk
from tests.support.pages import faults, page

if TYPE_CHECKING:
    from tests.conftest import Clock


def key_of(markup: str) -> str:
    """Return the idempotency key a form carries."""
    found = re.search(r'name="key"[^>]*value="(\w+)"', markup)
    assert found
    return found[1]


def words(data: bytes) -> str:
    return "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(data)).pages)


def test_a_receipt_is_read_and_issued_once(desk: Desk, clerk: FlaskClient) -> None:
    gift = desk.give(123_456, donor=DonorEntry("person", name="李晓㛃"), stated_purpose="给孩子们")
    url = f"/office/receipts/new?gift={gift.public_no}"
    shown = clerk.get(url)
    assert faults(page(shown)) == []
    assert "李晓㛃" in page(shown).text and "壹仟贰佰叁拾肆元伍角陆分" in page(shown).text
    sent = {"language": "zh_Hans", "title": "李晓㛃", "purpose": "给孩子们", "key": key_of(shown.text)}
    first, second = clerk.post(url, data=sent), clerk.post(url, data=sent)
    assert first.status_code == 303
    assert first.location == "/office/receipts/2026-000001" == second.location
    found = page(clerk.get(first.location))
    assert faults(found) == [] and "Receipt 2026-000001" in found.headings[0]
    listed = page(clerk.get("/office/receipts"))
    assert faults(listed) == []
    assert listed.table("Receipts, newest first")[1][:2] == ["2026-000001", "李晓㛃"]


def test_an_unposted_gift_is_refused_on_the_page(desk: Desk, clerk: FlaskClient) -> None:
    gift = desk.give(is_posted=False)
    url = f"/office/receipts/new?gift={gift.public_no}"
    assert "post its voucher first" in page(clerk.get(url)).text
    sent = {"language": "zh_Hans", "title": "", "purpose": "", "key": "0" * 26}
    assert clerk.post(url, data=sent).status_code == 422


def test_a_text_too_long_is_shown_at_its_field(desk: Desk, clerk: FlaskClient) -> None:
    gift = desk.give()
    url = f"/office/receipts/new?gift={gift.public_no}"
    sent = {"language": "zh_Hans", "title": "甲", "purpose": "用" * 201, "key": key_of(clerk.get(url).text)}
    refused = clerk.post(url, data=sent)
    assert refused.status_code == 422 and "a receipt has room for 200" in page(refused).text
    assert "用" * 201 in refused.text


def test_an_unknown_gift_or_receipt_has_no_page(desk: Desk, clerk: FlaskClient) -> None:
    for url in ("new?gift=D-0000", "2026-000009", "2026-000009/mail", "batches/R-0", "batches/R-0.pdf"):
        assert clerk.get(f"/office/receipts/{url}").status_code == 404
    assert clerk.get("/office/invoices/123456/1234567/void").status_code == 403


def test_the_first_download_is_the_original(desk: Desk, clerk: FlaskClient) -> None:
    desk.issue(desk.give())
    first = clerk.post("/office/receipts/2026-000001/download")
    again = clerk.post("/office/receipts/2026-000001/download")
    assert first.headers["Content-Type"] == "application/pdf"
    assert "补打" not in words(first.data) and "补打" in words(again.data)
    assert clerk.get("/office/receipts/2026-000001/download").status_code == 405


def test_a_missing_file_is_told_and_nothing_is_handed_over(desk: Desk, clerk: FlaskClient) -> None:
    receipt = desk.issue(desk.give())
    folder = desk.press.data_dir / "documents" / receipt.bytes_sha256[:2]
    (folder / receipt.bytes_sha256[2:]).unlink()
    assert clerk.post("/office/receipts/2026-000001/download").status_code == 303
    assert "restore it from the backup" in page(clerk.get("/office/receipts/2026-000001")).text


def test_the_reviewer_voids_and_the_clerk_issues_another(
    desk: Desk, clerk: FlaskClient, reviewer: FlaskClient
) -> None:
    desk.issue(desk.give())
    url = "/office/receipts/2026-000001/void"
    assert clerk.get(url).status_code == 403
    asked = page(reviewer.get(url))
    assert faults(asked) == [] and "It keeps its number" in asked.text
    assert reviewer.post(url, data={"reason": ""}).status_code == 422
    assert reviewer.post(url, data={"reason": "抬头写错"}).status_code == 303
    assert reviewer.post(url, data={"reason": "抬头写错"}).status_code == 422
    assert "抬头写错" in page(reviewer.get("/office/receipts/2026-000001")).text
    assert "作废" in words(clerk.post("/office/receipts/2026-000001/download").data)
    again = "/office/receipts/2026-000001/reissue"
    shown = clerk.get(again)
    assert faults(page(shown)) == []
    sent = {"language": "zh_Hans", "title": "新抬头", "purpose": "", "key": key_of(shown.text)}
    assert clerk.post(again, data=sent).location == "/office/receipts/2026-000002"
    assert (
        "In place of the voided receipt 2026-000001" in page(clerk.get("/office/receipts/2026-000002")).text
    )


def test_a_reviewer_issues_nothing(desk: Desk, reviewer: FlaskClient) -> None:
    gift = desk.give()
    desk.issue(desk.give())
    for url in (
        f"/office/receipts/new?gift={gift.public_no}",
        "/office/receipts/2026-000001/mail",
        "/office/receipts/2026-000001/reissue",
        f"/office/receipts/waive/{gift.public_no}",
        f"/office/invoices/new?gift={gift.public_no}",
    ):
        assert reviewer.get(url).status_code == 403
    assert reviewer.post("/office/receipts/missing").status_code == 403


def test_a_mail_goes_to_the_outbox(desk: Desk, clerk: FlaskClient) -> None:
    desk.issue(desk.give())
    url = "/office/receipts/2026-000001/mail"
    assert faults(page(clerk.get(url))) == []
    assert clerk.post(url, data={"to": "nobody"}).status_code == 422
    assert clerk.post(url, data={"to": "li@example.org"}).status_code == 303
    assert "捐赠确认函 2026-000001" in page(clerk.get("/office/messages")).text


def test_gifts_without_receipt_are_listed_by_age(desk: Desk, clerk: FlaskClient) -> None:
    from datetime import date

    old, new = desk.give(received_on=date(2026, 2, 1)), desk.give(is_posted=False)
    found = page(clerk.get("/office/receipts/missing"))
    assert faults(found) == []
    rows = found.table("Gifts without receipt")[1:]
    assert [row[0] for row in rows] == [old.public_no, new.public_no]
    assert "45 days overdue" in rows[0][4] and "not posted yet" in rows[1][5]
    assert [row[1] for row in found.table("Waiting by age")[1:]] == ["1", "0", "1", "0"]
    url = f"/office/receipts/waive/{old.public_no}"
    assert faults(page(clerk.get(url))) == []
    assert clerk.post(url, data={"kind": "waived", "reason": ""}).status_code == 422
    assert clerk.post(url, data={"kind": "waived", "reason": "来电放弃"}).status_code == 303
    left = page(clerk.get("/office/receipts/missing")).table("Gifts without receipt")
    assert [row[0] for row in left[1:]] == [new.public_no]


def test_a_receipt_whose_gift_was_given_back_stands_out(desk: Desk, clerk: FlaskClient) -> None:
    posted = desk.issue(desk.give(50_000))
    desk.reverse(posted.donation_id)
    found = page(clerk.get("/office/receipts/missing"))
    assert found.table("Given back or reversed after the receipt")[1] == ["2026-000001", "500.00", "–zero"]
    assert "Have it voided" in page(clerk.get("/office/receipts/2026-000001")).text


def test_a_batch_is_issued_by_a_job(app: Flask, desk: Desk, clerk: FlaskClient, clock: Clock) -> None:
    import threading

    gifts = [desk.give(10_000 * number) for number in (1, 2, 3)]
    waiting = desk.give(is_posted=False)
    sent = {"gifts": [gift.public_no for gift in (*gifts, waiting)], "language": "zh_Hans"}
    started = clerk.post("/office/receipts/missing", data=sent)
    assert started.status_code == 303
    with app.app_context():
        Worker(db.engine, clock, threading.Event()).run_one()
    ended = page(clerk.get(started.location))
    assert "3 receipts were issued; 1 gifts were left out." in ended.text
    (url,) = [link for link in ended.links if "/batches/" in link]
    shown = page(clerk.get(url))
    assert faults(shown) == [] and "2026-000001 – 2026-000003" in shown.text
    assert shown.table("Gifts left out")[1] == [waiting.public_no, "not in the books as income yet"]
    merged = PdfReader(io.BytesIO(clerk.get(f"{url}.pdf").data))
    assert len(merged.pages) == 3 and "补打" not in merged.pages[0].extract_text()
    bundle = zipfile.ZipFile(io.BytesIO(clerk.get(f"{url}.zip").data))
    assert bundle.namelist() == [f"2026-00000{number}.pdf" for number in (1, 2, 3)]
    assert "补打" in words(clerk.post("/office/receipts/2026-000002/download").data)


def test_a_batch_of_nothing_is_refused(desk: Desk, clerk: FlaskClient) -> None:
    desk.give()
    refused = clerk.post("/office/receipts/missing", data={"language": "zh_Hans"})
    assert refused.status_code == 422 and "Choose at least one gift." in page(refused).text


@pytest.mark.parametrize("name", ["receipts", "receipts/missing", "invoices"])
@pytest.mark.parametrize("fmt", ["csv", "json"])
def test_every_list_has_its_files(desk: Desk, clerk: FlaskClient, name: str, fmt: str) -> None:
    desk.issue(desk.give())
    desk.give()
    answer = clerk.get(f"/office/{name}.{fmt}")
    assert answer.status_code == 200 and len(answer.data) > 60


def test_the_list_is_filtered(desk: Desk, clerk: FlaskClient) -> None:
    desk.issue(desk.give(donor=DonorEntry("person", name="王小明")))
    desk.void(desk.issue(desk.give()))
    caption = "Receipts, newest first"
    void = page(clerk.get("/office/receipts?state=void")).table(caption)
    assert [row[0] for row in void[1:]] == ["2026-000002"]
    named = page(clerk.get("/office/receipts?text=wangxiaoming")).table(caption)
    assert [row[0] for row in named[1:]] == ["2026-000001"]
    assert [r[0] for r in page(clerk.get("/office/receipts?text=2026-2")).table(caption)[1:]] == [
        "2026-000002"
    ]
    assert "No receipt fits" in page(clerk.get("/office/receipts?from_on=2027-01-01")).text


def test_official_invoices_are_registered_voided_and_taken_back(
    desk: Desk, clerk: FlaskClient, reviewer: FlaskClient
) -> None:
    gift = desk.give(50_000)
    url = f"/office/invoices/new?gift={gift.public_no}"
    assert faults(page(clerk.get("/office/invoices/new"))) == [] == faults(page(clerk.get(url)))
    sent = {
        "invoice_code": "37060126",
        "invoice_number": "0000000001",
        "check_code": "a1b2c3",
        "issued_on": "2026-03-18",
        "amount_fen": "500.00",
    }
    assert clerk.post(url, data=sent).status_code == 303
    twice = clerk.post(url, data=sent)
    assert twice.status_code == 422 and "is registered already" in page(twice).text
    red_url = "/office/invoices/37060126/0000000001/red"
    assert clerk.get(red_url).status_code == 403
    assert faults(page(reviewer.get(red_url))) == []
    assert reviewer.post(red_url, data=sent | {"invoice_number": "0000000002"}).status_code == 303
    listed = page(reviewer.get("/office/invoices"))
    assert faults(listed) == [] and "taken back by 37060126 0000000002" in listed.text
    assert clerk.post(url, data=sent | {"invoice_number": "0000000003"}).status_code == 303
    void_url = "/office/invoices/37060126/0000000003/void"
    assert faults(page(reviewer.get(void_url))) == []
    assert reviewer.post(void_url, data={"reason": "开错"}).status_code == 303
    assert reviewer.post(void_url, data={"reason": "开错"}).status_code == 422
    only = page(reviewer.get("/office/invoices?state=void")).table("Official invoices, last registered first")
    assert [row[0] for row in only[1:]] == ["37060126 0000000003"]


def test_other_roles_read_and_visitors_sign_in(
    desk: Desk, client: FlaskClient, as_role: Callable[..., FlaskClient]
) -> None:
    desk.issue(desk.give())
    auditor = as_role("auditor")
    assert auditor.get("/office/receipts/2026-000001").status_code == 200
    assert auditor.post("/office/receipts/2026-000001/download").status_code == 303
    assert client.get("/office/receipts").status_code in (302, 303)
    assert as_role("case_worker").get("/office/receipts").status_code == 403


def test_receipts_of_another_org_are_not_there(
    desk: Desk, app: Flask, as_role: Callable[..., FlaskClient]
) -> None:
    desk.issue(desk.give())
    other = as_role("gift_clerk", org_code="XJ")
    assert other.get("/xj/office/receipts/2026-000001").status_code == 404
    assert other.get("/office/receipts/2026-000001").status_code == 403
    assert desk.session.scalars(select(Receipt.number)).all() == ["2026-000001"]
