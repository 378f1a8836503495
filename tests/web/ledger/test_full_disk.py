"""The disk runs full while vouchers are posted: a sentence, nothing lost, nothing half-done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from charity.db import db
from charity.ledger.checks import run_checks
from charity.ledger.models import Draft
from charity.ledger.sealed_models import Voucher
from tests.books import Ledger, read_journal
from tests.support.disks import Disk, small_disk

GIFT = "2026-03-05 捐款\n  借 1002@B1 1.00 F1\n  贷 410102 1.00 F1"
#: As many as are posted at once; more would be handed to the poster.
COUNT = 50


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    with small_disk(tmp_path_factory.mktemp("disk"), monkeypatch) as made:
        yield made


@pytest.fixture
def tmp_path(disk: Disk) -> Path:
    """The folder of the database and of all files, on the small disk."""
    return disk.folder


def _posted(ledger: Ledger) -> list[int]:
    ledger.session.rollback()
    return list(ledger.session.scalars(select(Voucher.number).order_by(Voucher.number)))


def test_posting_into_a_full_disk(app: Flask, chief: FlaskClient, ledger: Ledger, disk: Disk) -> None:
    """Vouchers are posted until there is no room: what was acknowledged stands, the rest can wait."""
    with app.app_context():
        engine = db.engine
    ids = [ledger.draft(read_journal(GIFT)[0]) for _ in range(COUNT)]
    ledger.approve(*ids)
    disk.fill(engine)
    done = 0
    while (
        response := chief.post("/office/post", data={"act": "post", "ids": [str(ids[done])]})
    ).status_code == 303:
        done += 1
    assert response.status_code == 507
    assert "The disk of the server is full" in response.text and "make room" in response.text
    assert _posted(ledger) == list(range(1, done + 1))
    states = ledger.session.scalars(select(Draft.state).order_by(Draft.id)).all()
    assert list(states) == ["posted"] * done + ["signed"] * (COUNT - done)
    assert run_checks(ledger.session, ledger.org_id) == []
    ledger.session.rollback()
    disk.make_room()
    rest = [str(draft_id) for draft_id in ids[done:]]
    assert chief.post("/office/post", data={"act": "post", "ids": rest}).status_code == 303
    assert _posted(ledger) == list(range(1, COUNT + 1))
    assert run_checks(ledger.session, ledger.org_id) == []
