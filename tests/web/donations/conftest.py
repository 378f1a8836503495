"""Books with gifts behind the pages, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.receipting import Desk, open_desk


@pytest.fixture
def desk(session: Session, tmp_path: Path) -> Desk:
    return open_desk(session, tmp_path)


@pytest.fixture
def clerk(desk: Desk, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("gift_clerk"))


@pytest.fixture
def accountant(desk: Desk, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("accountant"))


@pytest.fixture
def reader(desk: Desk, as_role: Callable[..., FlaskClient]) -> FlaskClient:
    return _english(as_role("reviewer"))


def _english(client: FlaskClient) -> FlaskClient:
    client.set_cookie("language", "en")
    return client
