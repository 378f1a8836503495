"""Every released schema upgrades with its books, and only when there is a way back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from charity import schema, triggers
from charity.config import Settings
from charity.db import prepare_engine, unit_of_work
from charity.errors import Problem, Refused
from charity.ledger import queries
from charity.ledger.attachments import store_attachment
from charity.periods import Month
from charity.places.models import Org
from charity.proofs.sequencer import SessionRunner, sequence
from charity.upkeep import upgrading
from charity.upkeep.backups import Made, make_backup
from charity.upkeep.checking import find_all
from charity.upkeep.revisions import known_revisions, revision_of
from tests.books import open_books
from tests.service.upkeep.conftest import AT
from tests.support import databases
from tests.support.bulk import post_many
from tests.support.databases import Database
from tests.support.releases import make_release

#: Vouchers in the books; ``benchmarks/upgrade.py`` takes 10,000.
COUNT = 500
#: The sample paper of the tests' books, which has no bytes anywhere.
SAMPLE = "paper.pdf aaaaaaaaaaaa"
RELEASES = known_revisions()[:-1]


@pytest.fixture(scope="session")
def full_books(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation of today's schema with many vouchers, a paper and a signed log."""
    folder = tmp_path_factory.mktemp("full")
    settings = databases.make_settings(folder, databases.copy_sqlite(sqlite_template, folder))
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        ledger = open_books(session)
        ledger.open_months("2026-01", "2026-03")
        with unit_of_work(session) as work:
            paper = store_attachment(
                work,
                actor=ledger.actor("maker"),
                data=b"a paper",
                name="paper.txt",
                media_type="text/plain",
                data_dir=folder,
            )
        post_many(ledger, COUNT, paper)
        sequence(SessionRunner(session), org_id=ledger.org_id, at=AT, settings=settings)
    engine.dispose()
    return settings


def _make(full: Settings, data: Path, database: Database, revision: str) -> Settings:
    """Make an installation as a release left it, with the books and files of the full one."""
    data.mkdir(exist_ok=True)
    for name in ("attachments", "proofs"):
        shutil.copytree(full.data_dir / name, data / name)
    settings = databases.make_settings(data, database)
    source = create_engine(full.database_url)
    prepare_engine(source)
    make_release(settings, revision, source)
    source.dispose()
    return settings


@pytest.fixture(scope="session", params=RELEASES)
def release(
    request: pytest.FixtureRequest, full_books: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A revision, and the data folder of an SQLite installation of it."""
    data = tmp_path_factory.mktemp("release")
    _make(full_books, data, databases.sqlite_database(data / "charity.db"), request.param)
    return request.param, data


@pytest.fixture
def released(
    request: pytest.FixtureRequest,
    dialect: str,
    full_books: Settings,
    release: tuple[str, Path],
    tmp_path: Path,
) -> Iterator[Settings]:
    """An installation as a release left it, of this test's own."""
    revision, made = release
    data, folder = tmp_path / "data", tmp_path / "backups"
    if dialect == "sqlite":
        shutil.copytree(made, data)
        settings = databases.make_settings(data, databases.sqlite_database(data / "charity.db"))
        yield replace(settings, backup_dir=folder)
        return
    server = request.getfixturevalue("postgres_server")
    server.create("released")
    settings = _make(full_books, data, databases.postgresql_database(server, "released"), revision)
    yield replace(settings, backup_dir=folder)
    server.drop("released")


def back_up(settings: Settings) -> Made:
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    made = make_backup(engine, settings, at=AT)
    engine.dispose()
    return made


def balances(settings: Settings) -> list[object]:
    engine = create_engine(settings.database_url)
    with Session(engine) as session:
        org_id = session.scalars(select(Org.id)).one()
        found = queries.trial_balance(session, org_id, Month.parse("2026-03"), "")
    engine.dispose()
    return list(found.rows)


def test_every_release_has_left_its_guards() -> None:
    """The triggers of a release are kept with its migration; without them nothing can be compared."""
    from charity.upkeep.revisions import released_triggers

    assert RELEASES[:1] == ["0001"]
    assert [release for release in RELEASES if len(released_triggers(release)) < 10] == []


def test_a_release_upgrades_with_its_books(released: Settings) -> None:
    """500 vouchers posted under the old schema: the same balances, every check passed, sealed anew."""
    assert back_up(released).manifest.orgs[0].vouchers == COUNT
    before = balances(released)
    standing = upgrading.upgrade(released, at=AT + timedelta(hours=1))
    assert standing.vouchers == {"CITY": COUNT}
    with schema.owner_engine(released) as engine, engine.connect() as connection:
        assert revision_of(connection) == known_revisions()[-1]
        assert triggers.compare(connection) == []
    engine = create_engine(released.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        orgs = [(key, code) for key, code in session.execute(select(Org.id, Org.code))]
        found = find_all(session, orgs, released.data_dir)
        assert [finding for _, finding in found if finding.where != SAMPLE] == []
    engine.dispose()
    assert balances(released) == before != []


def test_a_backup_of_a_release_is_restored_to_this_version(
    released: Settings, tmp_path: Path, targets
) -> None:
    from charity.upkeep.restoring import restore_backup

    target, url = targets()
    restored = restore_backup(
        back_up(released).path, released, target=target, url=url, at=AT, is_verified=True
    )
    assert [line for line in restored.findings if SAMPLE not in line] == []
    assert restored.manifest.revision in RELEASES
    with schema.owner_engine(restored.settings) as engine, engine.connect() as connection:
        assert revision_of(connection) == known_revisions()[-1]


def problems(settings: Settings, at=AT, archive: Path | None = None) -> list[Problem]:
    with schema.owner_engine(settings) as engine, engine.connect() as connection:
        return upgrading.check_upgrade(connection, settings, at=at, archive=archive)[1]


def codes(settings: Settings, **values) -> list[str]:
    return [problem.code for problem in problems(settings, **values)]


@pytest.mark.sqlite_only
def test_without_a_fresh_backup_of_these_books_nothing_is_begun(released: Settings) -> None:
    assert codes(released) == ["upgrade_backup_missing"]
    made = back_up(released)
    assert codes(released) == []
    assert codes(released, at=AT + timedelta(hours=25)) == ["upgrade_backup_old"]
    made.path.write_bytes(made.path.read_bytes()[:-20_000])
    assert codes(released) == ["archive_unreadable"]
    with pytest.raises(Refused) as refused:
        upgrading.upgrade(released, at=AT)
    assert refused.value.codes == ["archive_unreadable"]


@pytest.mark.sqlite_only
def test_a_backup_that_lacks_vouchers_is_not_enough(released: Settings, monkeypatch) -> None:
    back_up(released)
    monkeypatch.setattr(upgrading, "_vouchers", lambda _connection: {"CITY": COUNT + 1})
    (problem,) = problems(released)
    assert problem.code == "upgrade_backup_other"
    assert f"{COUNT} vouchers in place of {COUNT + 1}" in problem.sentence()


@pytest.mark.sqlite_only
def test_a_full_disk_is_told_before_and_not_during(released: Settings, monkeypatch) -> None:
    back_up(released)
    monkeypatch.setattr(upgrading, "SPARE_BYTES", 2**60)
    assert codes(released) == ["upgrade_disk_low"]


@pytest.mark.sqlite_only
def test_an_open_job_is_waited_for(released: Settings) -> None:
    with schema.owner_engine(released) as engine, engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO jobs_job (org_id, id, kind, state, done, total, params, checkpoint, result,"
                " problem, lease_by, cancel_asked, tries, created_by, created_by_name, created_at, version)"
                " VALUES (1, 1, 'ledger.post', 'queued', 0, 0, '{}', '{}', '{}', '[]', '', 0, 0, 1, 'x',"
                " '2026-12-31', 1)"
            )
        )
    back_up(released)
    assert codes(released) == ["upgrade_jobs_open"]


@pytest.mark.sqlite_only
def test_a_guard_that_was_taken_away_stops_the_upgrade(released: Settings) -> None:
    back_up(released)
    with schema.owner_engine(released) as engine, engine.begin() as connection:
        connection.execute(text("DROP TRIGGER oplog_entry_no_update"))
    (problem,) = problems(released)
    assert problem.code == "upgrade_triggers_differ"
    assert "oplog_entry_no_update is missing" in problem.sentence()


@pytest.mark.sqlite_only
def test_a_database_of_a_newer_version_is_left_alone(released: Settings) -> None:
    with schema.owner_engine(released) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert codes(released) == ["upgrade_revision_unknown"]


@pytest.mark.sqlite_only
def test_an_empty_database_needs_no_backup(tmp_path: Path) -> None:
    settings = databases.make_settings(tmp_path, databases.sqlite_database(tmp_path / "new.db"))
    assert upgrading.upgrade(settings, at=AT).revision == ""
    with schema.owner_engine(settings) as engine, engine.connect() as connection:
        assert triggers.compare(connection) == []
