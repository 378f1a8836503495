"""Planted names, numbers, diagnoses and telling amounts are on no public page, file or tile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import unit_of_work
from charity.demo.office import Office
from charity.demo.seed import CITY_STAFF
from charity.donations.drafts import draft_donations
from charity.donations.models import Donation, Donor
from charity.donations.publication import set_publication
from charity.donations.service import DonorEntry, GiftEntry, Part, record_donation
from charity.ledger.attachments import store_attachment
from charity.ledger.rules import DraftLine
from charity.places.models import Org
from tests.web.disclosure.conftest import TODAY

#: What must never leave the house: text → what it is.
CANARIES = {
    "金丝雀": "name of a person who is helped",
    "卡那瑞": "name of an anonymous donor",
    "13912345678": "phone number",
    "371402198001010012": "identity number",
    "6222020200112233445": "bank account",
    "急性淋巴细胞白血病": "diagnosis",
    "海岱路88号": "address",
}
#: Amounts that would tell who got or gave them, in every form they could take.
TELLING = (3_812_345, 1_765_432)


def forms(fen: int) -> set[str]:
    """Return the ways an amount can be written."""
    yuan = f"{fen // 100}.{fen % 100:02d}"
    return {str(fen), yuan, f"{fen // 100:,}.{fen % 100:02d}"}


def plant(books: Session, settings: Settings) -> None:
    """Give as somebody who wants to stay unknown, and help somebody who must."""
    org_id = books.scalars(select(Org.id).where(Org.is_default)).one()
    office = Office(books, org_id, settings.data_dir, CITY_STAFF, TODAY)
    donor = DonorEntry(
        kind="person",
        name="卡那瑞",
        phone="13912345678",
        id_number="371402198001010012",
        account="6222020200112233445",
        address="海岱路88号",
    )
    paper = office.act(
        store_attachment,
        "make",
        data="银行回单 卡那瑞".encode(),
        name="回单.txt",
        media_type="text/plain",
        data_dir=settings.data_dir,
    )
    gift = GiftEntry(
        attachments=(paper,),
        donor=donor,
        amount_fen=TELLING[0],
        channel="bank",
        place="B1",
        received_on=TODAY,
        stated_purpose="给金丝雀治急性淋巴细胞白血病",
        parts=(Part("F2"),),
        shows_amount=False,
    )
    with unit_of_work(books) as session:
        record_donation(session, actor=office.actor("clerk"), gift=gift, on=TODAY, key="canary")
    waiting = books.scalars(
        select(Donation.id).where(Donation.draft_id.is_(None), Donation.org_id == org_id)
    ).all()
    with unit_of_work(books) as session:
        draft_donations(session, actor=office.actor("make"), donation_ids=list(waiting), on=TODAY)
    for number, fen in enumerate((TELLING[1], 10_000, 20_000, 30_000, 40_000, 50_000)):
        case = f"F2-CANARY-{number}"
        line = DraftLine(
            "510102", debit_fen=fen, fund="F2", activity_class="direct_aid", beneficiary_code=case
        )
        money = DraftLine("1002", credit_fen=fen, fund="F2", money_place="B1")
        office.voucher(TODAY, f"医疗救助 个案{case}", (line, replace(money)))
    office.finish_papers()


def crawl(client: FlaskClient, start: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield address and text of everything an anonymous visitor can reach.

    Each row of the list of gifts leads to the proof of its line; of those a few will do.
    """
    waiting, seen, proofs = list(start), set(start), 0
    while waiting and len(seen) < 400:
        path = waiting.pop()
        response = client.get(path)
        assert response.status_code < 500, path
        text = response.data.decode("utf-8", "replace")
        yield path, text
        if "html" not in response.content_type:
            continue
        for link in re.findall(r'(?:href|src)="(/[^"#]*)', text):
            address = link.replace("&amp;", "&")
            if address.startswith(("/proofs?", "/linxi/proofs?")) and address not in seen:
                proofs += 1
                if proofs > 10:
                    continue
            if address not in seen and not address.startswith(("/static", "/language", "/sign")):
                seen.add(address)
                waiting.append(address)


def test_no_canary_is_on_any_public_page_file_or_tile(
    public: Flask, books: Session, settings: Settings
) -> None:
    plant(books, settings)
    months = [TODAY - timedelta(days=31 * n) for n in range(3)]
    start = (
        "/",
        "/linxi/",
        "/proofs",
        "/proofs/checkpoint",
        "/verify.py",
        "/lookup",
        "/verify",
        "/healthz",
    ) + tuple(
        f"/disclosure/donations{ending}?month={month:%Y-%m}"
        for month in months
        for ending in ("", ".csv", ".json")
    )
    client = public.test_client()
    forbidden = dict.fromkeys([*CANARIES], "text") | {
        form: "amount" for fen in TELLING for form in forms(fen)
    }
    count = 0
    for language in ("zh-CN", "en"):
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
        for path, text in crawl(client, start):
            count += 1
            for canary in forbidden:
                assert canary not in text, f"{canary} stands on {path}"
    assert count > 40


def test_a_change_of_privacy_shows_in_the_next_response(
    public: Flask, books: Session, settings: Settings
) -> None:
    client = public.test_client()
    row = next(
        r
        for r in client.get("/disclosure/donations.json").get_json()["rows"]
        if "有限公司" in r["display_name"]
    )
    gift = books.scalars(select(Donation).where(Donation.public_no == row["public_no"])).one()
    name = books.get_one(Donor, (gift.org_id, gift.donor_id)).name
    office = Office(books, gift.org_id, settings.data_dir, CITY_STAFF, date(2026, 4, 20))
    gift_id, version = gift.id, gift.version
    with unit_of_work(books) as session:
        set_publication(
            session,
            actor=office.actor("clerk"),
            donation_id=gift_id,
            version=version,
            publish_as="anonymous",
            shows_amount=False,
            reason="捐赠人来信",
        )
    shown = client.get(f"/disclosure/donations.json?month={row['voucher'][:7]}").get_json()["rows"]
    changed = next(r for r in shown if r["public_no"] == row["public_no"])
    assert changed["display_name"] != name and changed["amount_fen"] is None
