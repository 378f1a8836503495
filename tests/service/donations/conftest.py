from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.gifts import Office, open_office


@pytest.fixture
def office(session: Session, tmp_path: Path) -> Office:
    """An office with three funds, a bank account, a WeChat number and approved rules."""
    return open_office(session, tmp_path)
