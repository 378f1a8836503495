"""What a monitor is told: words and figures, no secret; a failure takes the app out, a warning does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from charity.config import Settings, UnsafeSettings, load_settings
from charity.db import unit_of_work
from charity.ids import new_id
from charity.jobs.models import Job
from charity.upkeep import health
from charity.upkeep.models import Backup
from tests.books import Ledger
from tests.support import databases

NOW = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)


def states(client: FlaskClient) -> dict[str, str]:
    return client.get("/healthz").json["probes"]


def test_a_sound_house_says_so_without_saying_more(client: FlaskClient, books: Ledger) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert list(answer.json["probes"]) == sorted(health.LABELS)
    assert answer.headers["Cache-Control"] == "no-store"
    for canary in ("22" * 32, "33" * 32, "sqlite", "charity.db", "海岱"):
        assert canary not in answer.text


def test_a_database_that_is_away_is_a_failure(client: FlaskClient, monkeypatch) -> None:
    def broken(*_: object, **__: object):
        raise OperationalError("SELECT 1", {}, Exception("password is hunter2"))

    monkeypatch.setattr("charity.upkeep.health.Session.execute", broken)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json["probes"] == {"database": "fail", "disk": "ok"}
    assert "hunter2" not in answer.text


def test_an_older_schema_is_a_failure(client: FlaskClient, owner_connection) -> None:
    owner_connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert client.get("/healthz").status_code == 503
    assert states(client)["schema"] == "fail"


def test_a_guard_that_is_gone_is_a_failure(client: FlaskClient, owner_connection) -> None:
    owner_connection.execute(text("DROP TRIGGER oplog_entry_no_update"))
    assert client.get("/healthz").status_code == 503
    assert states(client)["triggers"] == "fail"


@pytest.mark.parametrize(("free", "state", "status"), [(10**6, "fail", 503), (5 * 10**8, "warn", 200)])
def test_a_disk_that_fills_up_is_told_in_time(client, monkeypatch, free, state, status) -> None:
    monkeypatch.setattr(
        "charity.upkeep.health.shutil.disk_usage", lambda _path: type("Usage", (), {"free": free})
    )
    assert client.get("/healthz").status_code == status
    assert states(client)["disk"] == state


def test_a_job_that_nobody_takes_is_a_warning(client: FlaskClient, books: Ledger, clock) -> None:
    with unit_of_work(books.session) as work:
        work.add(
            Job(
                org_id=books.org_id,
                id=new_id(),
                kind="ledger.post",
                state="queued",
                created_by=11,
                created_by_name="maker",
                created_at=NOW - timedelta(minutes=14),
            )
        )
    assert states(client)["jobs"] == "ok"
    clock.advance(minutes=5)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["probes"]["jobs"]) == (200, "warn")


def test_a_line_without_a_leaf_is_a_warning_after_ten_minutes(client, books: Ledger, clock) -> None:
    books.at = NOW
    books.post("2026-03-05 捐款\n  借 1002@B1 1.00 F1\n  贷 410102 1.00 F1")
    clock.set(NOW + timedelta(minutes=9))
    assert states(client)["proofs"] == "ok"
    clock.set(NOW + timedelta(minutes=11))
    assert states(client)["proofs"] == "warn"


class TestBackups:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, backup_hours=6)

    def test_a_backup_that_is_late_is_a_warning(self, client, books: Ledger, clock) -> None:
        assert states(client)["backup"] == "warn"
        with unit_of_work(books.session) as work:
            work.add(
                Backup(
                    id=new_id(),
                    state="done",
                    is_scheduled=True,
                    manifest_id="0" * 32,
                    name="a.tar",
                    folder="/",
                    started_at=NOW,
                    ended_at=NOW,
                )
            )
        clock.advance(hours=12)
        assert states(client)["backup"] == "ok"
        clock.advance(hours=2)
        assert states(client)["backup"] == "warn"


def test_many_who_ask_at_once_run_the_probes_once(app: Flask, monkeypatch) -> None:
    """The first one is held until the others have come to the door."""
    counted, arrived, lock = [], threading.Barrier(4), threading.Lock()
    examine = health.examine

    class Door:
        def __enter__(self) -> None:
            inside.append(lock.acquire(blocking=False))
            if not inside[-1]:
                arrived.wait(30)
                lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()

    def held(*values: object) -> object:
        counted.append(1)
        arrived.wait(30)
        return examine(*values)

    inside: list[bool] = []
    monkeypatch.setattr("charity.upkeep.routes._examining", Door())
    monkeypatch.setattr(health, "examine", held)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: app.test_client().get("/healthz").status_code, range(4)))
    assert (found, len(counted), inside.count(True)) == ([200] * 4, 1, 1)


def test_the_probes_run_once_in_five_seconds(client, clock, monkeypatch) -> None:
    counted: list[int] = []
    examine = health.examine
    monkeypatch.setattr(health, "examine", lambda *a: counted.append(1) or examine(*a))
    for _ in range(3):
        client.get("/healthz")
    assert len(counted) == 1
    clock.advance(seconds=6)
    client.get("/healthz")
    assert len(counted) == 2


def test_metrics_are_figures_with_their_help(client: FlaskClient, books: Ledger) -> None:
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "charity_up 1" in lines
    assert 'charity_probe_state{probe="triggers"} 0' in lines
    assert "charity_jobs_stuck 0" in lines
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {line.split()[2] for line in lines if line.startswith("# HELP")} == names
    assert {line.split("{")[0].split()[0] for line in lines if not line.startswith("#")} == names


def test_metrics_are_read_on_this_machine_only(client: FlaskClient, books: Ledger) -> None:
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code == 404
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert client.get("/metrics", headers={header: "198.51.100.7"}).status_code == 404
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200


class TestToken:
    TOKEN = "a-token-of-more-than-twenty-characters"

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, metrics_token=self.TOKEN)

    def test_with_a_token_metrics_are_read_by_who_shows_it(self, client, books: Ledger) -> None:
        assert client.get("/metrics").status_code == 404
        assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
        sent = {"Authorization": f"Bearer {self.TOKEN}", "X-Forwarded-For": "198.51.100.7"}
        assert client.get("/metrics", headers=sent).status_code == 200


@pytest.mark.parametrize(("name", "value"), [("CHARITY_METRICS_TOKEN", "short"), ("CHARITY_LOG", "xml")])
def test_a_setting_that_would_do_harm_is_refused(tmp_path, name: str, value: str) -> None:
    environ = {"CHARITY_ENV": "test", "CHARITY_DATA": str(tmp_path), **databases.KEYS, name: value}
    with pytest.raises(UnsafeSettings, match=name):
        load_settings(environ)


def test_the_state_of_the_house_is_one_page(as_role: Callable[..., FlaskClient], books: Ledger) -> None:
    page = as_role("auditor").get("/office/upkeep", headers={"Accept-Language": "en"}).text
    for words in ("State of the system", "No backup was made so far", "No restore was tried so far"):
        assert words in page
    assert as_role("cashier").get("/office/upkeep").status_code == 403


def test_the_page_shows_what_was_backed_up_and_tried(
    app: Flask, as_role: Callable[..., FlaskClient], books: Ledger, tmp_path_factory
) -> None:
    from charity.db import Actor, db
    from charity.upkeep.backups import make_backup
    from charity.upkeep.drills import record_drill, report_of
    from charity.upkeep.restoring import restore_backup

    settings: Settings = app.extensions["charity.settings"]
    with app.app_context():
        made = make_backup(db.engine, settings, at=NOW, folder=tmp_path_factory.mktemp("b"))
        found = restore_backup(
            made.path, settings, target=tmp_path_factory.mktemp("r"), at=NOW, is_verified=True
        )
        actor = Actor(11, books.org_id, "老张", frozenset(), NOW)
        with unit_of_work(books.session) as work:
            record_drill(work, actor=actor, report=report_of(found, at=NOW, took_ms=2500))
    page = as_role("auditor").get("/office/upkeep", headers={"Accept-Language": "en"}).text
    for words in (made.path.name, made.sha256[:12], "老张", "2.5"):
        assert words in page


def test_the_schedule_makes_a_backup_when_one_is_due(app: Flask, books: Ledger, tmp_path_factory) -> None:
    from charity.upkeep.routes import make_due_backup

    folder = tmp_path_factory.mktemp("scheduled")
    app.extensions["charity.settings"] = replace(
        app.extensions["charity.settings"], backup_dir=folder, backup_hours=6, backup_keep=2
    )
    with app.app_context():
        for hours in (0, 5, 6, 7, 12, 18):
            make_due_backup(NOW + timedelta(hours=hours))
    assert len(list(folder.glob("charity-*.tar"))) == 2
    books.session.rollback()
    assert books.session.query(Backup).count() == 4
