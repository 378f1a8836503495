"""Posted vouchers: found by anything one knows of them, shown as on paper, printed, never changed."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from charity.config import Settings
from charity.ledger import attachments, corrections, evidence, printing, setup
from charity.ledger.evidence import Evidence
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.ledger.sealed_models import VoucherAttachment
from charity.periods import Month
from tests.books import PAPER, Ledger
from tests.support.pages import page

BOOKS = """
2026-01-05 普通捐款
  借 1002@B1   50,000.00  GEN
  贷 410101    50,000.00  GEN

2026-01-08 医疗定向捐款
  借 1002@B1  100,000.00  F2
  贷 410102   100,000.00  F2

2026-02-10 医疗救助 A-2026-0007
  借 510102   30,000.00  F2  activity_class=direct_aid
  贷 1002@B1  30,000.00  F2
"""


@pytest.fixture
def posted(ledger: Ledger) -> list[Any]:
    """Three vouchers, the first of them reversed in red."""
    found = ledger.post(BOOKS)
    red = ledger.act(
        corrections.reverse_voucher, "maker", voucher_id=found[0].voucher_id, on=date(2026, 2, 11)
    )
    return found + ledger.run([red])


def summaries(response: Any) -> list[str]:
    rows = next(iter(page(response).tables.values()), [[]])[1:]
    return [row[3] for row in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["注销1月5日记-0001号凭证", "医疗救助 A-2026-0007", "医疗定向捐款", "普通捐款"]),
        ({"month": "2026-01"}, ["医疗定向捐款", "普通捐款"]),
        ({"number": "记-0002", "month": "2026-01"}, ["医疗定向捐款"]),
        ({"number": "1"}, ["医疗救助 A-2026-0007", "普通捐款"]),
        ({"number": "nothing"}, []),
        ({"from_on": "2026-02-01", "until_on": "2026-02-10"}, ["医疗救助 A-2026-0007"]),
        ({"fund": "F2"}, ["医疗救助 A-2026-0007", "医疗定向捐款"]),
        ({"account": "5101"}, ["医疗救助 A-2026-0007"]),
        ({"account": "410101 捐赠收入", "fund": "GEN"}, ["注销1月5日记-0001号凭证", "普通捐款"]),
        ({"least": "60,000"}, ["医疗定向捐款"]),
        ({"most": "30000"}, ["医疗救助 A-2026-0007"]),
        ({"text": "a-2026"}, ["医疗救助 A-2026-0007"]),
        ({"text": "100%"}, []),
        ({"kind": "red"}, ["注销1月5日记-0001号凭证"]),
        ({"kind": "opening"}, []),
    ],
)
def test_vouchers_are_found_by_what_one_knows(
    auditor: FlaskClient, posted: list[Any], query: dict[str, str], expected: list[str]
) -> None:
    found = summaries(auditor.get("/office/vouchers", query_string=query))
    assert [text.partition(" reversal")[0].partition(" taken back")[0] for text in found] == expected


def test_the_list_counts_and_sums_what_the_filter_finds(auditor: FlaskClient, posted: list[Any]) -> None:
    shown = page(auditor.get("/office/vouchers?fund=F2"))
    assert list(shown.tables) == ["2 vouchers · ¥130,000.00"]


def test_the_list_goes_on_by_key(
    auditor: FlaskClient, posted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from charity.ledger import voucher_queries

    monkeypatch.setattr(voucher_queries.list_vouchers, "__kwdefaults__", {"cursor": "", "limit": 3})
    first = auditor.get("/office/vouchers")
    following = [link for link in page(first).links if "after=" in link]
    assert len(summaries(first)) == 3 and len(following) == 1
    second = auditor.get(following[0])
    assert summaries(second) == ["普通捐款 taken back"]
    assert "/office/vouchers" in page(second).links


def test_a_voucher_is_shown_as_on_paper_with_its_signatures(auditor: FlaskClient, posted: list[Any]) -> None:
    shown = page(auditor.get("/office/vouchers/2026-02/记/1"))
    assert shown.headings == ["2026-02 记-0001"]
    lines = shown.table("Lines of the voucher")
    assert lines[1][0] == "医疗救助 A-2026-0007"
    assert lines[1][1].startswith("510102 Programme")
    assert "Activity class: direct aid" in lines[1][1]
    assert lines[1][2:] == ["Medical aid fund", "30,000.00", ""]
    assert lines[-1] == ["Total 人民币叁万元整", "30,000.00", "30,000.00"]
    for person in ("accountant", "reviewer", "cashier", "chief-accountant"):
        assert person in shown.text
    assert "1 attachment" in shown.text


def test_a_red_voucher_says_so_and_leads_both_ways(auditor: FlaskClient, posted: list[Any]) -> None:
    red = page(auditor.get("/office/vouchers/2026-02/记/2"))
    assert "(reversal)" in red.text and "−50,000.00 (reversal)" in red.text
    assert "Takes back in full 2026-01 记-0001" in red.text
    original = page(auditor.get("/office/vouchers/2026-01/记/1"))
    assert "This voucher was taken back in full by 2026-02 记-0002" in original.text
    assert "/office/vouchers/2026-02/%E8%AE%B0/2" in original.links


def test_features_above_say_what_they_know_of_a_voucher(
    auditor: FlaskClient, ledger: Ledger, evidence_of_gifts: list[Any]
) -> None:
    lines = (
        DraftLine("1002", debit_fen=100, money_place="B1"),
        DraftLine("410101", credit_fen=100, source_kind="gift", source_id=77, source_step=1),
    )
    on = date(2026, 3, 2)
    draft_id = ledger.draft(DraftVoucher(on, Month.of(on), "收到捐款", lines, attachments=(PAPER,)))
    ledger.approve(draft_id)
    ledger.post_drafts(draft_id)
    shown = page(auditor.get("/office/vouchers/2026-03/记/1"))
    assert "Gift D-TEST" in shown.text and "/office/months" in shown.links
    assert evidence_of_gifts[0].sources == (("gift", 77),)


@pytest.fixture
def evidence_of_gifts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    asked: list[Any] = []

    def provider(_session: Any, _actor: Any, facts: Any) -> list[Evidence]:
        asked.append(facts)
        return [Evidence("Gift", "D-TEST", "ledger.months")]

    monkeypatch.setattr(evidence, "_providers", {})
    evidence.register_evidence("tests", provider)
    yield asked


@pytest.mark.parametrize(
    "url",
    [
        "/office/vouchers/2026-01/记/99",
        "/office/vouchers/2026-01/付/1",
        "/office/vouchers/2026-14/记/1",
        "/office/vouchers/x/记/1",
        "/office/vouchers/2026-01/记/99999999999999999999",
        "/office/attachments/" + "b" * 64,
    ],
)
def test_what_is_not_there_is_not_found(auditor: FlaskClient, posted: list[Any], url: str) -> None:
    assert auditor.get(url).status_code == 404


def test_a_voucher_is_printed_on_its_sheet_and_two_on_a4(
    auditor: FlaskClient, posted: list[Any], pdftotext: Callable[[bytes], str]
) -> None:
    sheet = auditor.get("/office/vouchers/2026-02/记/2.pdf")
    assert sheet.content_type == "application/pdf"
    assert sheet.headers["Content-Disposition"] == 'inline; filename="voucher-2026-02-0002.pdf"'
    box = PdfReader(io.BytesIO(sheet.data)).pages[0].mediabox
    assert (round(box.width * 25.4 / 72), round(box.height * 25.4 / 72)) == (240, 140)
    text = pdftotext(sheet.data)
    assert "记账凭证" in text.replace(" ", "") and "红字" in text and "-50,000.00" in text
    assert "银行存款" in text and "海岱市慈善总会" in text

    whole = auditor.get("/office/vouchers.pdf?month=2026-01&word=记&paper=a4")
    pages = PdfReader(io.BytesIO(whole.data)).pages
    assert len(pages) == 1, "two vouchers stand on one sheet of A4"
    assert (round(pages[0].mediabox.width * 25.4 / 72), round(pages[0].mediabox.height * 25.4 / 72)) == (
        210,
        297,
    )


def test_marked_vouchers_are_printed_and_nothing_or_too_many_is_refused(
    auditor: FlaskClient, posted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(row.voucher_id) for row in posted[:3]]
    marked = auditor.get("/office/vouchers.pdf", query_string={"ids": ids})
    assert len(PdfReader(io.BytesIO(marked.data)).pages) == 3
    nothing = auditor.get("/office/vouchers.pdf")
    assert nothing.status_code == 422 and "no voucher to print" in page(nothing).text
    monkeypatch.setattr(printing, "PRINT_LIMIT", 2)
    many = auditor.get("/office/vouchers.pdf", query_string={"ids": ids})
    assert many.status_code == 422 and "More than 2 vouchers" in page(many).text


def test_month_thirteen_is_named_on_paper(
    auditor: FlaskClient, ledger: Ledger, pdftotext: Callable[[bytes], str]
) -> None:
    ledger.open_months("2026-04", "2026-12")
    ledger.act(setup.open_month, "chief", month=Month(2026, 13))
    ledger.on = date(2027, 1, 1)
    ledger.post("2026-12-31 #2026-13 审计调整\n  借 530101  5.00  GEN\n  贷 2204    5.00  GEN")
    text = pdftotext(auditor.get("/office/vouchers/2026-13/记/1.pdf").data)
    assert "2026年审计调整期" in text.replace(" ", "")


def stored(ledger: Ledger, settings: Settings, data: bytes, name: str, kind: str) -> str:
    return str(
        ledger.act(
            attachments.store_attachment,
            "maker",
            data=data,
            name=name,
            media_type=kind,
            data_dir=settings.data_dir,
        )
    )


def test_a_picture_is_shown_and_a_page_is_only_handed_over(
    auditor: FlaskClient, ledger: Ledger, settings: Settings
) -> None:
    picture = stored(ledger, settings, b"\x89PNG\r\n\x1a\nx", "收据.png", "image/png")
    shown = auditor.get(f"/office/attachments/{picture}")
    assert shown.data == b"\x89PNG\r\n\x1a\nx"
    assert shown.headers["Content-Disposition"].startswith("inline; filename*=UTF-8''%E6%94%B6")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    download = auditor.get(f"/office/attachments/{picture}?download=1")
    assert download.headers["Content-Disposition"].startswith("attachment;")
    script = stored(ledger, settings, b"<script>alert(1)</script>", "x.html", "text/html")
    handed = auditor.get(f"/office/attachments/{script}")
    assert handed.headers["Content-Disposition"].startswith("attachment;")


def test_a_paper_whose_file_is_gone_is_said_to_be_missing(
    auditor: FlaskClient, ledger: Ledger, settings: Settings
) -> None:
    sha256 = stored(ledger, settings, b"%PDF-1.7", "a.pdf", "application/pdf")
    shutil.rmtree(settings.data_dir / "attachments")
    response = auditor.get(f"/office/attachments/{sha256}")
    assert response.status_code == 422 and "restore it from the backup" in page(response).text


def test_a_late_paper_is_added_once_and_never_taken_away(
    cashier: FlaskClient, ledger: Ledger, posted: list[Any]
) -> None:
    url = "/office/vouchers/2026-01/记/1/papers"

    def file() -> dict[str, Any]:
        return {"files": (io.BytesIO(b"%PDF-1.7 late"), "银行回单.pdf")}

    assert cashier.post(url, data=file()).status_code == 303
    assert cashier.post(url, data=file()).status_code == 303
    shown = page(cashier.get("/office/vouchers/2026-01/记/1"))
    assert "银行回单.pdf" in shown.text
    assert "1 of them was added after posting" in shown.text
    ledger.session.rollback()
    query = select(VoucherAttachment).where(VoucherAttachment.voucher_id == posted[0].voucher_id)
    assert [row.position for row in ledger.session.scalars(query.order_by(VoucherAttachment.position))] == [
        1,
        2,
    ]
    nothing = cashier.post(url)
    assert nothing.status_code == 422 and "Choose the file to add" in page(nothing).text


def test_an_auditor_adds_nothing(auditor: FlaskClient, posted: list[Any]) -> None:
    response = auditor.post(
        "/office/vouchers/2026-01/记/1/papers", data={"files": (io.BytesIO(b"%PDF-1.7 x"), "x.pdf")}
    )
    assert response.status_code == 403


def test_vouchers_of_another_organisation_are_not_there(
    app: Flask, posted: list[Any], as_role: Callable[..., FlaskClient]
) -> None:
    stranger = as_role("auditor", org_code="XIAJIN")
    assert stranger.get("/xiajin/office/vouchers/2026-01/记/1").status_code == 404
    assert stranger.get("/xiajin/office/attachments/" + PAPER).status_code == 404
    marked = stranger.get("/xiajin/office/vouchers.pdf", query_string={"ids": [str(posted[0].voucher_id)]})
    assert marked.status_code == 422
    assert page(stranger.get("/xiajin/office/vouchers")).tables == {}
