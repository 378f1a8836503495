"""Books of one org, ready to be posted to."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.books import Ledger, open_books
from tests.service.ledger.forging import stage

__all__ = ["stage"]


@pytest.fixture
def ledger(session: Session) -> Ledger:
    """An org's books with all months of 2026 open."""
    opened = open_books(session)
    opened.open_months("2026-01", "2026-12")
    return opened
