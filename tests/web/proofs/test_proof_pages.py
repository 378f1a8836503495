"""The public addresses of the log, as a reader, a monitor and an auditor meet them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings, resource_dir
from charity.db import db, transact
from charity.jobs.models import Job
from charity.jobs.worker import Worker
from charity.oplog.models import OpLogEntry
from charity.proofs import rules, sequencer, service
from charity.proofs.folder import LogFolder
from charity.proofs.note_rules import read_note
from charity.proofs.sequencer import SessionRunner, sequence
from charity.proofs.tile_rules import unpack_entries
from tests.books import Ledger, open_books
from tests.service.proofs.conftest import AID, GIFTS, close
from tests.support.pages import faults, page

if TYPE_CHECKING:
    from tests.conftest import Clock


@pytest.fixture
def books(session: Session) -> Ledger:
    """An org with two gifts posted, nothing sequenced."""
    opened = open_books(session)
    opened.open_months("2026-01", "2026-02")
    opened.post(GIFTS)
    return opened


def run(books: Ledger, settings: Settings) -> None:
    sequence(SessionRunner(books.session), org_id=books.org_id, at=books.at, settings=settings)
    books.session.rollback()


@pytest.fixture
def log(books: Ledger, settings: Settings) -> Ledger:
    """The same with two checkpoints: 5 leaves, then a closed month and another voucher, 9."""
    run(books, settings)
    books.post(AID)
    close(books, "2026-01")
    run(books, settings)
    return books


@pytest.fixture
def english(client: FlaskClient) -> FlaskClient:
    client.set_cookie("language", "en")
    return client


def test_before_the_first_checkpoint_the_page_says_what_will_stand_there(
    books: Ledger, english: FlaskClient
) -> None:
    shown = page(english.get("/proofs"))
    assert faults(shown) == []
    assert "Nothing is published yet" in shown.text
    assert english.get("/proofs/checkpoint").status_code == 404
    assert english.get("/proofs/key").status_code == 404
    assert english.get("/proofs/tile/0/000.p/1").status_code == 404


def test_the_page_tells_the_head_and_what_it_cannot_prove(log: Ledger, english: FlaskClient) -> None:
    response = english.get("/proofs")
    shown = page(response)
    assert faults(shown) == []
    root = read_note(english.get("/proofs/checkpoint").get_data(as_text=True)).head.root.hex()
    assert root in shown.text and "127.0.0.1:5000/proofs" in shown.text
    assert "it does not prove that an entry was right when it was made" in shown.text
    assert [row[1] for row in shown.table("Earlier checkpoints, newest first")[1:]] == ["5"]


def test_the_page_speaks_chinese(log: Ledger, client: FlaskClient) -> None:
    client.set_cookie("language", "zh_Hans")
    shown = page(client.get("/proofs"))
    assert faults(shown) == [] and shown.language.startswith("zh")


def test_every_link_of_the_page_leads_somewhere(log: Ledger, english: FlaskClient) -> None:
    links = [link for link in page(english.get("/proofs")).links if link.startswith(("/proofs", "/verify"))]
    assert len(links) > 6
    assert {link: english.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_the_checkpoint_is_text_that_is_never_stale(log: Ledger, client: FlaskClient) -> None:
    response = client.get("/proofs/checkpoint")
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert read_note(response.get_data(as_text=True)).head.size == 9


def test_a_monitor_builds_the_tree_from_tiles_and_bundles(log: Ledger, client: FlaskClient) -> None:
    head = read_note(client.get("/proofs/checkpoint").get_data(as_text=True)).head
    tile, bundle = client.get("/proofs/tile/0/000.p/9"), client.get("/proofs/tile/entries/000.p/9")
    for response in (tile, bundle):
        assert response.content_type == "application/octet-stream"
        assert "immutable" in response.headers["Cache-Control"]
    hashes = [tile.data[at : at + 32] for at in range(0, len(tile.data), 32)]
    assert [rules.leaf_hash(entry) for entry in unpack_entries(bundle.data)] == hashes
    assert rules.frontier_of(hashes).root() == head.root


def test_bundles_name_no_field_of_a_line(log: Ledger, client: FlaskClient) -> None:
    """Months are in clear by fund and account; lines show their place and commitments alone."""
    entries = [entry.decode() for entry in unpack_entries(client.get("/proofs/tile/entries/000.p/9").data)]
    lines = [text for text in entries if text.startswith("charity-line/")]
    assert len(lines) == 6
    for text in lines:
        head, *rest = text.removesuffix("\n").split("\n")
        assert head.split(" ")[1] == "CITY"
        assert all(len(row) == 64 and set(row) <= set("0123456789abcdef") for row in rest)


@pytest.mark.parametrize(
    "path",
    [
        "0/000",
        "0/000.p/8",
        "0/000.p/10",
        "1/000.p/1",
        "entries/000",
        "0/0",
        "0/000.p/9/x",
        "checkpoint",
        "..%2f",
    ],
)
def test_what_is_not_published_is_not_there(log: Ledger, client: FlaskClient, path: str) -> None:
    assert client.get(f"/proofs/tile/{path}").status_code == 404


def test_a_tile_beyond_the_checkpoint_is_not_shown(
    log: Ledger, client: FlaskClient, settings: Settings
) -> None:
    """Written, but not signed yet: it may still be written anew."""
    from charity.proofs.tile_rules import Tile

    LogFolder.of(settings.data_dir, "city").write_tiles([(Tile(0, 0, 10), bytes(320))])
    assert client.get("/proofs/tile/0/000.p/10").status_code == 404


def test_a_damaged_checkpoint_shows_no_tile(log: Ledger, client: FlaskClient, settings: Settings) -> None:
    LogFolder.of(settings.data_dir, "city").write_checkpoint("nothing")
    assert client.get("/proofs/tile/0/000.p/9").status_code == 404


def test_a_reader_downloads_program_and_proof_and_verifies(
    log: Ledger, english: FlaskClient, tmp_path: Path
) -> None:
    (tmp_path / "verify.py").write_bytes(english.get("/verify.py").data)
    key = english.get("/proofs/key").get_data(as_text=True).strip()
    asked = "month=2026-02&word=记&number=1&line=2"
    addresses = (f"/proofs/line.json?{asked}", "/proofs/consistency/5/9")
    for number, address in enumerate(addresses):
        response = english.get(address)
        assert response.headers["Content-Disposition"].startswith("attachment")
        (tmp_path / f"{number}.json").write_bytes(response.data)
        done = subprocess.run(
            [sys.executable, "-I", "-S", "verify.py", f"{number}.json", key],
            cwd=tmp_path,
            env={"PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_verify_py_is_shown_as_text(client: FlaskClient, log: Ledger) -> None:
    response = client.get("/verify.py")
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.data == (resource_dir("static") / "verify.py").read_bytes()


def test_a_line_is_looked_up(log: Ledger, english: FlaskClient) -> None:
    shown = page(english.get("/proofs?month=2026-02&word=记&number=1&line=2"))
    assert faults(shown) == []
    assert "2026-02 记-0001, line 2 is in the log." in shown.text
    assert any("/proofs/line.json" in link for link in shown.links)


def test_a_voucher_without_a_line_shows_all_its_lines(log: Ledger, english: FlaskClient) -> None:
    """Who knows the number of the voucher alone finds the own line among them."""
    shown = page(english.get("/proofs?month=2026-02&word=记&number=1"))
    assert faults(shown) == []
    assert [f"2026-02 记-0001, line {line} is in the log." in shown.text for line in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    assert "#answer" in english.get("/proofs").text


def test_numbers_no_database_holds_are_not_there(log: Ledger, english: FlaskClient) -> None:
    big = "9" * 30
    assert english.get(f"/proofs/consistency/1/{big}").status_code == 404
    for asked in (
        f"month=2026-02&number={big}",
        f"month=2026-02&number=1&line={big}",
        "month=2026-02&number=²",
    ):
        assert english.get(f"/proofs?{asked}").status_code == 404, asked
        assert english.get(f"/proofs/line.json?{asked}").status_code == 404, asked


@pytest.mark.parametrize(
    "asked",
    ["month=2026-02&number=9", "month=x&number=1", "month=2026-02&number=x", "month=2026-02&number=1&line=9"],
)
def test_a_line_that_is_not_there_is_said_to_be_missing(
    log: Ledger, english: FlaskClient, asked: str
) -> None:
    response = english.get(f"/proofs?{asked}")
    assert response.status_code == 404
    assert "covers no such line" in page(response).text
    assert english.get(f"/proofs/line.json?{asked}").status_code == 404


def test_only_published_heads_are_compared(log: Ledger, client: FlaskClient) -> None:
    assert client.get("/proofs/consistency/4/9").status_code == 404
    assert client.get("/proofs/consistency/9/5").status_code == 404


def test_the_page_changes_with_the_next_checkpoint(
    books: Ledger, english: FlaskClient, settings: Settings
) -> None:
    run(books, settings)
    before = english.get("/proofs").headers["ETag"]
    assert english.get("/proofs").headers["ETag"] == before
    books.post(AID)
    run(books, settings)
    assert english.get("/proofs").headers["ETag"] != before


def test_the_office_sees_how_far_the_log_is(log: Ledger, as_role: Callable[..., FlaskClient]) -> None:
    log.post(AID.replace("2026-02-15", "2026-02-20").replace("70,000", "1,000"))
    auditor = as_role("auditor")
    auditor.set_cookie("language", "en")
    shown = page(auditor.get("/office/proofs"))
    assert faults(shown) == []
    assert "Lines waiting for a checkpoint 2" in shown.text
    assert [row[2] for row in shown.table("Checkpoints, newest first")[1:]] == ["9", "5"]


def test_the_office_page_is_whole_without_a_log(as_role: Callable[..., FlaskClient]) -> None:
    shown = page(as_role("auditor").get("/office/proofs"))
    assert faults(shown) == []


def test_an_auditor_fetches_everything_and_the_log_knows(
    log: Ledger, as_role: Callable[..., FlaskClient], session: Session
) -> None:
    response = as_role("auditor").get("/office/proofs/package.jsonl")
    rows = [json.loads(line) for line in response.get_data(as_text=True).splitlines()]
    assert rows[0]["form"] == "charity-package/v1" and len(rows) == 10
    session.rollback()
    acts = session.scalars(select(OpLogEntry.act).where(OpLogEntry.org_id == log.org_id)).all()
    assert list(acts).count("proofs.export") == 1


def test_a_cashier_does_not_fetch_the_package(log: Ledger, as_role: Callable[..., FlaskClient]) -> None:
    assert as_role("cashier").get("/office/proofs/package.jsonl").status_code == 403


def test_the_voucher_s_page_leads_to_its_proof(log: Ledger, as_role: Callable[..., FlaskClient]) -> None:
    reader = as_role("auditor")
    reader.set_cookie("language", "en")
    log.post(AID.replace("2026-02-15", "2026-02-20").replace("70,000", "1,000"))
    links = page(reader.get("/office/vouchers?month=2026-02")).links
    texts = [page(reader.get(link)).text for link in links if "/vouchers/2026-02" in link]
    assert any("Proof log covered by a signed checkpoint" in text for text in texts), links
    assert any("waits for the next checkpoint" in text for text in texts)


@pytest.fixture
def worker(app: Flask, clock: Clock) -> Iterator[Worker]:
    with app.app_context():
        yield Worker(db.engine, clock, threading.Event())
        db.session.remove()


def test_the_job_brings_the_log_up_to_date(books: Ledger, worker: Worker, client: FlaskClient) -> None:
    actor = books.actor("chief")
    transact(lambda own: service.request_sequencing(own, actor=actor), session=books.session)
    assert worker.run_one()
    books.session.rollback()
    job = books.session.scalars(select(Job).where(Job.kind == service.JOB_KIND)).one()
    assert (job.state, job.result["params"]) == ("done", {"leaves": 5})
    assert read_note(client.get("/proofs/checkpoint").get_data(as_text=True)).head.size == 5


def test_what_nobody_asked_for_is_caught_up_with(
    books: Ledger, app: Flask, clock: Clock, client: FlaskClient, settings: Settings
) -> None:
    """Every org in turn; the trouble of one stops no other, and is written down."""
    county = open_books(books.session, code="XJ", is_default=False)
    books.session.rollback()
    with app.app_context():
        sequencer.catch_up(clock())
        sizes = {
            name: read_note(LogFolder.of(settings.data_dir, name).read_checkpoint() or "").head.size
            for name in ("city", "xj")
        }
        assert sizes == {"city": 5, "xj": 1}
        LogFolder.of(settings.data_dir, "city").write_checkpoint("nothing")
        books.post(AID)
        county.open_months("2026-01", "2026-01")
        county.post(GIFTS)
        caught: list[Any] = []
        handler = logging.Handler()
        handler.emit = caught.append  # type: ignore[method-assign]
        logger = logging.getLogger("charity.proofs.sequencer")
        logger.addHandler(handler)
        try:
            sequencer.catch_up(clock())
        finally:
            logger.removeHandler(handler)
        assert len(caught) == 1 and "was not signed" in caught[0].getMessage()
        assert read_note(LogFolder.of(settings.data_dir, "xj").read_checkpoint() or "").head.size == 6
        db.session.remove()
