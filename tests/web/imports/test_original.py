"""A file as it was dropped is handed out to who says why, noted, and never opens in the browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.ledger.attachments import attachment_path, sealed_path, stored_bytes, write_once
from charity.ledger.models import Attachment
from charity.oplog.models import OpLogEntry
from tests.doors import acts
from tests.gifts import Office

PHONE, IDENTITY = "13805341234", "11010519491231002X"
LIST = f"姓名,手机号,身份证号,金额,日期\n张三,{PHONE},{IDENTITY},100.00,2026-03-01\n".encode()
BANK = "日期,收入,支出,余额,对方户名,摘要\n2026-03-01,100.00,,100.00,甲,捐款\n".encode()
SCRIPT = (
    b"%PDF-1.4,a,b\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>"
    b"endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n"
)


def drop(client: FlaskClient, session: Session, data: bytes, kind: str = "text/csv") -> tuple[str, str]:
    """Drop a file; return its address and that of its bytes among the papers."""
    client.set_cookie("language", "en")
    taken = client.post("/office/imports", data={"files": (io.BytesIO(data), "名单.csv", kind)})
    assert taken.status_code == 303
    session.rollback()
    sha256 = session.scalars(select(Attachment.sha256).where(Attachment.name == "名单.csv")).one()
    return taken.headers["Location"], f"/office/attachments/{sha256}"


def test_the_file_is_handed_out_with_a_reason_and_noted(
    office: Office, as_role: Callable[..., FlaskClient], session: Session
) -> None:
    page, paper = drop(as_role("gift_clerk"), session, LIST)
    for role in ("auditor", "cashier", "reviewer"):
        client = as_role(role)
        client.set_cookie("language", "en")
        shown = client.get(paper)
        assert (shown.status_code, shown.headers["Location"]) == (303, f"{page}/original")
        assert PHONE not in client.get(f"{page}/original").text
        noted = len(acts(session))
        refused = client.post(f"{page}/original", data={"reason": " "})
        assert refused.status_code == 422 and PHONE not in refused.text
        assert len(acts(session)) == noted
        answer = client.post(f"{page}/original", data={"reason": "年度审计抽查"})
        assert answer.data == LIST
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert acts(session)[noted:] == ["imports.hand_out"]
    entry = session.scalars(select(OpLogEntry).order_by(OpLogEntry.id.desc())).first()
    assert entry is not None
    assert (entry.summary, entry.details["reason"]) == ("名单.csv", "年度审计抽查")


def test_who_does_not_see_files_gets_none_through_a_voucher(
    office: Office, as_role: Callable[..., FlaskClient], session: Session
) -> None:
    page, paper = drop(as_role("gift_clerk"), session, LIST)
    archivist = as_role("archivist")
    assert archivist.get(paper).headers["Location"] == f"{page}/original"
    assert archivist.post(f"{page}/original", data={"reason": "x"}).status_code == 403


@pytest.mark.parametrize(
    "data", [b"%s\n%s%s" % (BANK[:20], SCRIPT, BANK), BANK + SCRIPT], ids=["within", "at the end"]
)
def test_what_a_browser_calls_a_pdf_never_opens_in_one(
    office: Office, as_role: Callable[..., FlaskClient], session: Session, data: bytes
) -> None:
    cashier = as_role("cashier")
    page, _paper = drop(cashier, session, data, "application/pdf")
    answer = cashier.post(f"{page}/original", data={"reason": "对账"})
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].endswith("sandbox")
    kept = session.scalars(select(Attachment.media_type).where(Attachment.name == "名单.csv")).one()
    assert kept == "text/plain"


def test_files_are_sealed_at_rest_and_older_ones_by_the_next_run(
    office: Office, app: Flask, as_role: Callable[..., FlaskClient], session: Session, settings: Settings
) -> None:
    def in_clear() -> list[Path]:
        files = [path for path in (settings.data_dir / "attachments").rglob("*") if path.is_file()]
        assert files
        return [path for path in files if IDENTITY.encode() in path.read_bytes()]

    _page, paper = drop(as_role("gift_clerk"), session, LIST)
    sha256 = paper.rpartition("/")[2]
    assert in_clear() == []
    sealed_path(settings.data_dir, sha256).unlink()
    write_once(attachment_path(settings.data_dir, sha256), LIST)  # as an earlier version kept it
    with app.app_context():
        told = app.test_cli_runner().invoke(args=["reseal"])
    assert "and 1 files" in told.output
    assert in_clear() == [] and stored_bytes(settings.data_dir, sha256) == LIST
