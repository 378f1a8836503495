"""Papers sent by form are judged by content, and handed out so that they cannot act as our page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import transact
from charity.errors import Refused
from charity.ledger.attachments import SIZE_LIMIT, keep_paper
from charity.places.models import Org
from tests.builders import make_actor

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def kept(session: Session, data_dir: Path, data: bytes, name: str) -> str:
    org_id = session.scalars(select(Org.id)).one()
    return transact(
        lambda own: keep_paper(own, actor=make_actor(org_id), data=data, name=name, data_dir=data_dir),
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
