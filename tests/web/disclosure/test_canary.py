"""Planted names, numbers, diagnoses and telling amounts are on no public page, file or tile."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import unit_of_work
from charity.demo.office import Office
from charity.demo.seed import CITY_STAFF
from charity.donations.drafts import draft_donations
from charity.donations.models import Donation, Donor
from charity.donations.publication import set_publication
from charity.donations.service import DonorEntry, GiftEntry, Part, record_donation
from charity.ledger import closing, setup
from charity.ledger.attachments import store_attachment
from charity.ledger.rules import DraftLine
from charity.ledger.sealed_models import VoucherLine
from charity.periods import Month
from charity.places.models import Org
from charity.proofs.note_rules import read_note
from charity.proofs.sequencer import SessionRunner, sequence
from charity.proofs.tile_rules import new_tiles
from charity.receipts.composing import Press
from charity.receipts.service import issue_receipt
from charity.receipts.storage import read_document
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


def plant(books: Session, settings: Settings) -> Office:
    """Give as somebody who wants to stay unknown, and help somebody who must; then close both months.

    The fund of the help has five payments in March and a single one in April, whose amount
    would name its case in every figure of that month.
    """
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
    office.finish_papers()
    help_somebody(office)
    for month in (Month(2026, 3), Month(2026, 4)):
        office.act(closing.close_month, "chief", month=month, on=office.on)
    return office


def help_somebody(office: Office) -> None:
    """Pay six cases from a fund of their own: five in March, the telling one alone in April."""
    office.act(
        setup.open_fund,
        "chief",
        code="F7",
        name="应急救助",
        name_en="Urgent aid",
        kind="restricted",
        purpose="应急救助",
        on=date(2026, 3, 1),
    )
    office.on = date(2026, 5, 10)
    money = DraftLine("1002", debit_fen=5_000_000, fund="F7", money_place="B1")
    office.voucher(
        date(2026, 3, 31), "基金启动", (money, DraftLine("410102", credit_fen=5_000_000, fund="F7"))
    )
    office.finish_papers()
    days = [date(2026, 3, 31)] * 5 + [date(2026, 4, 28)]
    for number, (on, fen) in enumerate(
        zip(days, (10_000, 20_000, 30_000, 40_000, 50_000, TELLING[1]), strict=True)
    ):
        case = f"F7-CANARY-{number}"
        line = DraftLine(
            "510102", debit_fen=fen, fund="F7", activity_class="direct_aid", beneficiary_code=case
        )
        office.voucher(
            on, f"应急救助 个案{case}", (line, DraftLine("1002", credit_fen=fen, fund="F7", money_place="B1"))
        )
    office.finish_papers()


@dataclass
class Crawl:
    """What a visitor without a login got to see.

    Attributes:
        seen: address → text, once for each language.
        kinds: media type → how many answers of it.
    """

    client: FlaskClient
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def walk(self, start: Sequence[str], language: str) -> None:
        """Follow every link from some addresses.

        Each row of the list of gifts leads to the proof of its line; of those a few will do.
        """
        self.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
        waiting, known, proofs = list(start), set(start), 0
        while waiting and len(known) < 400:
            path = waiting.pop()
            response = self.client.get(path)
            assert response.status_code < 500, path
            self.kinds[f"{response.status_code} {response.mimetype}"] += 1
            text = response.data.decode("utf-8", "replace")
            self.seen[language, path] = text
            if "html" not in response.content_type:
                continue
            for link in re.findall(r'(?:href|src)="(/[^"#]*)', text):
                address = link.replace("&amp;", "&")
                if address.startswith(("/proofs?", "/linxi/proofs?")) and address not in known:
                    proofs += 1
                    if proofs > 10:
                        continue
                if address not in known and not address.startswith(("/static", "/language", "/sign")):
                    known.add(address)
                    waiting.append(address)


def log_files(client: FlaskClient) -> tuple[list[str], int]:
    """Return the addresses of every tile and bundle of the published log, and its number of leaves."""
    answer = client.get("/proofs/checkpoint")
    assert answer.status_code == 200
    size = read_note(answer.text).head.size
    return [f"/proofs/tile/{tile.path}" for tile in new_tiles(0, size)], size


def receipts_of(office: Office, settings: Settings, pdftotext: Callable[[bytes], str]) -> dict[str, str]:
    """Issue the receipts of five gifts in the books, the unknown donor's too; return donor → text."""
    press = Press(settings.data_dir, "https://example.org")
    rows = office.session.execute(
        select(Donation, Donor.name)
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .where(Donation.org_id == office.org_id, Donation.nature == "gift", Donation.draft_id.is_not(None))
        .order_by((Donation.amount_fen == TELLING[0]).desc(), Donation.amount_fen.desc())
        .limit(5)
    ).all()
    texts: dict[str, str] = {}
    for number, (gift_id, name) in enumerate([(gift.id, name) for gift, name in rows]):
        receipt = office.act(
            issue_receipt, "clerk", donation_id=gift_id, on=office.on, key=f"canary{number}", press=press
        )
        document = read_document(settings.data_dir, receipt.bytes_sha256)
        assert document is not None
        texts[name] = pdftotext(document)
    return texts


def test_no_canary_is_on_any_public_page_file_or_tile(
    public: Flask, books: Session, settings: Settings, clock: Any
) -> None:
    office = plant(books, settings)
    clock.set(office.at())
    sequence(SessionRunner(books), org_id=office.org_id, at=office.at(), settings=settings)
    client = public.test_client()
    tiles, size = log_files(client)
    months = [date(2026, number, 1) for number in range(1, 6)]
    start = [
        "/",
        "/linxi/",
        "/proofs",
        "/proofs/checkpoint",
        "/verify.py",
        "/lookup",
        "/verify",
        "/healthz",
        *tiles,
    ]
    start += [
        f"/disclosure/donations{ending}?month={month:%Y-%m}"
        for month in months
        for ending in ("", ".csv", ".json")
    ]
    crawl = Crawl(client)
    for language in ("zh-CN", "en"):
        crawl.walk(start, language)
    forbidden = [*CANARIES, *(form for fen in TELLING for form in forms(fen))]
    for (_, path), text in crawl.seen.items():
        for canary in forbidden:
            assert canary not in text, f"{canary} stands on {path}"
    bundles = [text for (_, path), text in crawl.seen.items() if "/entries/" in path]
    entries = sum(text.count("charity-line/") for text in bundles)
    own = VoucherLine.org_id == office.org_id
    lines = books.scalar(select(func.count()).select_from(VoucherLine).where(own)) or 0
    assert entries == 2 * lines > 200 and size > lines
    assert crawl.kinds["200 application/octet-stream"] == 2 * len(tiles) >= 8
    assert crawl.kinds["200 text/html"] >= 60 and crawl.kinds["200 text/csv"] >= 10
    assert crawl.kinds["200 application/json"] >= 10
    assert any("应急救助" in text for text in crawl.seen.values())


def test_no_receipt_tells_of_anybody_else(
    public: Flask, books: Session, settings: Settings, pdftotext: Callable[[bytes], str]
) -> None:
    """The unknown donor's own receipt holds the name and the amount: so the reading finds what there is."""
    texts = receipts_of(plant(books, settings), settings, pdftotext)
    assert len(texts) == 5
    own = texts.pop("卡那瑞")
    assert "卡那瑞" in own and any(form in own for form in forms(TELLING[0]))
    helped = ["金丝雀", "急性淋巴细胞白血病", *forms(TELLING[1])]
    assert not [word for word in helped if word in own]
    forbidden = [*CANARIES, *(form for fen in TELLING for form in forms(fen))]
    for name, text in texts.items():
        assert [word for word in forbidden if word in text] == [], name


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
