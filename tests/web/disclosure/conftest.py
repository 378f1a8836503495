"""A small demo year on a clean database, for pages that need real books behind them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import prepare_engine
from charity.demo.seed import Volume, seed_demo
from charity.users.passwords import passwords_for
from tests.support import databases

TODAY = date(2026, 4, 20)


@pytest.fixture(scope="session")
def seeded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with four months of the demo, made once a worker."""
    folder = tmp_path_factory.mktemp("seeded")
    settings = databases.make_settings(folder, databases.copy_sqlite(sqlite_template, folder))
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        seed_demo(
            session,
            today=TODAY,
            data_dir=settings.data_dir,
            passwords=passwords_for("test"),
            volume=Volume(wechat=12, persons=4, bodies=1, slips=2),
        )
    engine.dispose()
    return folder


@pytest.fixture
def books(seeded: Path, settings: Settings) -> Iterator[Session]:
    """A session on a copy of the seeded books."""
    shutil.copytree(seeded, settings.data_dir, dirs_exist_ok=True)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def public(books: Session, app: Flask, clock: object) -> Flask:
    """The app on those books, on the day they end."""
    clock.set(datetime(2026, 4, 20, 9, tzinfo=UTC))  # type: ignore[attr-defined]
    return app
