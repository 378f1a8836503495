"""Opened books behind the app, for pages about the house."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import prepare_engine
from tests.books import Ledger, open_books


@pytest.fixture
def books(settings: Settings) -> Iterator[Ledger]:
    """An org with open books."""
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        ledger = open_books(session)
        ledger.open_months("2026-03", "2026-03")
        yield ledger
    engine.dispose()
