"""A desk that takes gifts, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.receipting import Desk, open_desk


@pytest.fixture
def desk(session: Session, tmp_path: Path) -> Desk:
    return open_desk(session, tmp_path)
