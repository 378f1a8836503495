"""Books with papers and a proof log, a folder for backups, and a place to restore them to."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import prepare_engine, unit_of_work
from charity.ledger.attachments import store_attachment
from charity.places.models import Org
from charity.proofs.sequencer import Sequenced, SessionRunner, sequence
from charity.upkeep.backups import Made, make_backup
from charity.upkeep.restoring import Restored, restore_backup
from tests.books import Ledger, open_books
from tests.support import databases
from tests.support.databases import Database

AT = datetime(2026, 12, 31, 5, 0, tzinfo=UTC)

GIFT = """
2026-01-05 普通捐款
  借 1002@B1   50,000.00  GEN
  贷 410101    50,000.00  GEN
"""


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """The app's engine."""
    made = create_engine(settings.database_url)
    prepare_engine(made)
    yield made
    made.dispose()


def _furnish(database: Database, folder: Path) -> None:
    """Open an org's books in a database, post a gift, keep a paper and publish the log."""
    settings = databases.make_settings(folder, database)
    engine = create_engine(database.url)
    prepare_engine(engine)
    with Session(engine) as session:
        opened = open_books(session)
        opened.open_months("2026-01", "2026-03")
        with unit_of_work(session) as work:
            store_attachment(
                work,
                actor=opened.actor("maker"),
                data=b"%PDF-1.7 a paper",
                name="paper.pdf",
                media_type="application/pdf",
                data_dir=settings.data_dir,
            )
        opened.post(GIFT)
        sequence(SessionRunner(session), org_id=opened.org_id, at=AT, settings=settings)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_furnished(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder every SQLite test copies: a furnished installation."""
    folder = tmp_path_factory.mktemp("furnished")
    _furnish(databases.copy_sqlite(sqlite_template, folder), folder)
    connection = sqlite3.connect(folder / "charity.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return folder


@pytest.fixture(scope="session")
def postgresql_furnished(
    request: pytest.FixtureRequest, postgresql_template: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The database and folder every PostgreSQL test copies."""
    server, folder = request.getfixturevalue("postgres_server"), tmp_path_factory.mktemp("furnished")
    server.create("template_furnished", postgresql_template)
    _furnish(databases.postgresql_database(server, "template_furnished"), folder)
    return "template_furnished", folder


@pytest.fixture
def database(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[Database]:
    """A furnished installation of this test's own; its data folder is ``tmp_path``."""
    if dialect == "sqlite":
        shutil.copytree(request.getfixturevalue("sqlite_furnished"), tmp_path, dirs_exist_ok=True)
        yield databases.sqlite_database(tmp_path / "charity.db")
        return
    name, folder = request.getfixturevalue("postgresql_furnished")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with databases.copy_postgresql(request.getfixturevalue("postgres_server"), name) as copy:
        yield copy


@pytest.fixture
def ledger(session: Session) -> Ledger:
    """An org with one posted gift and a paper in the store."""
    org_id = session.scalars(select(Org.id)).one()
    session.rollback()
    return Ledger(session, org_id)


@dataclass
class House:
    """One installation and what is done with it.

    Attributes:
        engine: the app's.
        settings: of the installation.
        ledger: its books.
        folder: of its backups.
        targets: gives an empty place to restore to: data folder, and address for PostgreSQL.
    """

    engine: Engine
    settings: Settings
    ledger: Ledger
    folder: Path
    targets: Callable[[], tuple[Path, str]]

    def sign(self) -> Sequenced:
        """Bring the proof log up to date and publish it."""
        runner = SessionRunner(self.ledger.session)
        return sequence(runner, org_id=self.ledger.org_id, at=AT, settings=self.settings)

    def back_up(self, *, after_min: int = 0, **values: object) -> Made:
        """Make a backup."""
        self.ledger.session.rollback()
        at = AT + timedelta(minutes=after_min)
        known = {"at": at, "folder": self.folder, **values}
        return make_backup(self.engine, self.settings, **known)  # type: ignore[arg-type]

    def restore(self, archive: Path, **values: object) -> Restored:
        """Restore a backup to an empty place."""
        target, url = self.targets()
        known = {"target": target, "url": url, "at": AT, **values}
        return restore_backup(archive, self.settings, **known)  # type: ignore[arg-type]


@pytest.fixture
def targets(
    request: pytest.FixtureRequest, dialect: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], tuple[Path, str]]]:
    """Give empty places to restore to."""
    made: list[str] = []

    def give() -> tuple[Path, str]:
        target = tmp_path_factory.mktemp("restored")
        if dialect == "sqlite":
            return target, ""
        server = request.getfixturevalue("postgres_server")
        name = f"restored_{len(made)}"
        server.create(name)
        made.append(name)
        return target, server.url(name, "charity_owner")

    yield give
    for name in made:
        request.getfixturevalue("postgres_server").drop(name)


@pytest.fixture
def house(
    engine: Engine,
    settings: Settings,
    ledger: Ledger,
    targets: Callable[[], tuple[Path, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> House:
    """An installation with a signed log."""
    return House(engine, settings, ledger, tmp_path_factory.mktemp("backups"), targets)


@pytest.fixture
def opened() -> Iterator[Callable[[Settings], Session]]:
    """Open sessions on other installations."""
    sessions: list[Session] = []

    def give(settings: Settings) -> Session:
        engine = create_engine(settings.database_url)
        prepare_engine(engine)
        sessions.append(Session(engine))
        return sessions[-1]

    yield give
    for session in sessions:
        session.close()
        session.get_bind().dispose()  # type: ignore[union-attr]


def elsewhere(house: House, restored: Restored, session: Session) -> House:
    """Return the house as it goes on with restored books."""
    ledger = replace(house.ledger, session=session)
    return replace(house, engine=session.get_bind(), settings=restored.settings, ledger=ledger)
