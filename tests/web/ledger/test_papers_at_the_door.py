"""Papers sent by form are judged by content, and handed out so that they cannot act as our page."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import transact
from charity.errors import Problem, Refused
from charity.ledger import attachments
from charity.ledger.attachments import SIZE_LIMIT, judge_paper, store_attachment
from charity.ledger.paper_judging import check_paper
from charity.places.models import Org
from tests.builders import make_actor

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def kept(session: Session, data_dir: Path, data: bytes, name: str) -> str:
    actor, kind = make_actor(session.scalars(select(Org.id)).one()), judge_paper(data, name)
    return transact(
        lambda own: store_attachment(
            own, actor=actor, data=data, name=name, media_type=kind, data_dir=data_dir
        ),
        session=session,
    )


@pytest.mark.parametrize(
    ("data", "name", "disposition", "is_sandboxed"),
    [
        (PNG, "照片.png", "inline", True),
        (b"%PDF-1.7 x", "发票.pdf", "inline", False),
        (b"<?xml version='1.0'?><EInvoice/>", "数电票.xml", "attachment", True),
        (b"a,b\n", "流水.csv", "attachment", True),
    ],
)
def test_a_paper_is_handed_out_by_its_kind_and_cannot_act(
    as_role: Callable[..., FlaskClient],
    session: Session,
    settings: Settings,
    data: bytes,
    name: str,
    disposition: str,
    is_sandboxed: bool,
) -> None:
    client = as_role("auditor")
    answer = client.get(f"/office/attachments/{kept(session, settings.data_dir, data, name)}")
    assert answer.headers["Content-Disposition"].startswith(disposition)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert policy.endswith("sandbox") is is_sandboxed


def test_what_a_form_sends_is_judged_before_it_is_kept(
    app: Flask, as_role: Callable[..., FlaskClient], session: Session, settings: Settings
) -> None:
    as_role("auditor")
    with pytest.raises(Refused) as caught:
        kept(session, settings.data_dir, b"<script>alert(1)</script>", "发票.pdf")
    assert caught.value.codes == ["attachment_page"]
    assert not (settings.data_dir / "attachments").exists()


def test_what_is_too_large_is_not_opened(
    as_role: Callable[..., FlaskClient], session: Session, settings: Settings
) -> None:
    as_role("auditor")
    with pytest.raises(Refused) as caught:
        kept(session, settings.data_dir, b"MZ" + bytes(SIZE_LIMIT), "a.pdf")
    assert caught.value.codes == ["attachment_too_large"]


def test_a_paper_is_looked_through_while_others_can_write(
    as_role: Callable[..., FlaskClient],
    session: Session,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Judging takes seconds for a large file; the one writing transaction is not held for them."""
    path = session.get_bind().engine.url.database
    looked: list[str] = []

    def check(data: bytes, name: str) -> list[Problem]:
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # raises while somebody writes
        other.execute("ROLLBACK")
        other.close()
        looked.append(name)
        return check_paper(data, name)

    monkeypatch.setattr(attachments, "check_paper", check)
    form = {"files": [(io.BytesIO(PNG), "一.png"), (io.BytesIO(PNG + b"2"), "二.png")]}
    as_role("accountant").post("/office/drafts/new", data=form)
    assert looked == ["一.png", "二.png"]
    assert len(list((settings.data_dir / "attachments").rglob("*/*"))) == 2
