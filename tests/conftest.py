"""Fixtures of every test: a clean database, the app on it, a clock that is set, a browser.

A test that asks for ``database``, ``session`` or ``app`` gets a database of its own.
Under tests/service, tests/journeys and tests/simulation it runs once on SQLite and once
on PostgreSQL; elsewhere on SQLite, unless it is marked ``both_databases``.
"""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from charity import sealed
from charity.config import Settings
from charity.db import prepare_engine
from tests.support import databases, needs, postgres, screen
from tests.support.databases import Database
from tests.support.visitor import Visitor

hypothesis_settings.register_profile(
    "suite",
    deadline=None,  # a busy machine is no fault of the code
    derandomize=needs.is_ci(),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("suite")

_BOTH = ("service", "journeys", "simulation")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")
    parser.addoption(
        "--fast", action="store_true", help="unit and service tests on SQLite, without the slow ones"
    )


def _dialects(metafunc: pytest.Metafunc) -> list[str]:
    """Return the databases a test runs on."""
    node = metafunc.definition
    if node.get_closest_marker("postgresql_only"):
        return ["postgresql"]
    folder = node.path.relative_to(metafunc.config.rootpath / "tests").parts[0]
    both = (folder in _BOTH or node.get_closest_marker("both_databases")) and not node.get_closest_marker(
        "sqlite_only"
    )
    return ["sqlite", "postgresql"] if both else ["sqlite"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dialect" in metafunc.fixturenames:
        values = [
            pytest.param(dialect, marks=[pytest.mark.postgres] if dialect == "postgresql" else [])
            for dialect in _dialects(metafunc)
        ]
        metafunc.parametrize("dialect", values, scope="function")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept = list(items)
    for item in items:
        if "demo" in getattr(item, "fixturenames", ()):
            # One worker takes them all (--dist loadgroup), so that the demo is made once.
            item.add_marker(pytest.mark.xdist_group("demo"))
    if config.getoption("--fast"):
        folders = {config.rootpath / "tests" / name for name in ("unit", "service")}
        kept = [i for i in kept if folders & set(i.path.parents)]
        kept = [i for i in kept if not (i.get_closest_marker("slow") or i.get_closest_marker("postgres"))]
    if config.getoption("--update-golden"):
        kept = [i for i in kept if "golden" in getattr(i, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def _skip_reasons(config: pytest.Config) -> list[str]:
    """Return why tests were skipped, once a test."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return [str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if needs.is_ci() and session.exitstatus == 0 and _skip_reasons(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if reasons := _skip_reasons(config):
        terminalreporter.write_line(needs.summary(reasons), yellow=True)
        if needs.is_ci():
            terminalreporter.write_line("Under CI=true a skipped test is a failure.", red=True)


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse every connection beyond this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session", autouse=True)
def field_key() -> None:
    """Set the keys of sealed fields, as ``create_app`` does."""
    sealed.configure(bytes.fromhex(databases.KEYS["CHARITY_FIELD_KEY"]))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A PostgreSQL server of this worker's own, with the three roles."""
    with postgres.start_server(postgres.binaries() or needs.missing("PostgreSQL")) as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file every SQLite database is copied from."""
    return databases.sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgresql_template(
    postgres_server: postgres.PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The name of the database every PostgreSQL database is copied from."""
    return databases.postgresql_template(postgres_server, tmp_path_factory.mktemp("template"))


@pytest.fixture
def database(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[Database]:
    """A clean, sealed database of this test's own."""
    if dialect == "sqlite":
        yield databases.copy_sqlite(request.getfixturevalue("sqlite_template"), tmp_path)
        return
    server = request.getfixturevalue("postgres_server")
    with databases.copy_postgresql(server, request.getfixturevalue("postgresql_template")) as copy:
        yield copy


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """The settings of the app under test; its data folder is the test's own."""
    return databases.make_settings(tmp_path, database)


@pytest.fixture
def session(settings: Settings) -> Iterator[Session]:
    """A session of the app role, with the connection rules of the app."""
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def owner_connection(settings: Settings) -> Iterator[Connection]:
    """A connection of the owner's, each statement its own transaction: for tampering."""
    if settings.owner_url.startswith("sqlite"):
        # As an outsider would open the file: none of the app's rules apply.
        engine = create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(settings.owner_url.removeprefix("sqlite:///"))
        )
    else:
        engine = create_engine(settings.owner_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    engine.dispose()


class Clock:
    """The time, as the test sets it."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def __call__(self) -> datetime:
        return self.instant

    def set(self, instant: datetime) -> None:
        """Set the present instant; without a zone it is UTC."""
        self.instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)

    def advance(self, **parts: float) -> None:
        """Let time pass: ``advance(hours=2)``."""
        self.instant += timedelta(**parts)


@pytest.fixture
def clock() -> Clock:
    """The clock of the app: noon in China on Wednesday 18 March 2026 until it is set."""
    return Clock(datetime(2026, 3, 18, 4, 0, tzinfo=UTC))


@pytest.fixture
def app(settings: Settings, clock: Clock) -> Iterator[Flask]:
    """The app on a clean database, with the clock of the test."""
    from charity import create_app
    from charity.db import db

    made = create_app(settings, clock=clock)
    made.test_client_class = Visitor
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor without a login."""
    return app.test_client()


@pytest.fixture
def as_role(app: Flask) -> Callable[..., FlaskClient]:
    """Return a signed-in client: ``as_role("cashier")``; the same login each time."""
    from tests.builders import client_as

    return lambda role, **values: client_as(app, role, **values)


@pytest.fixture
def live_server(app: Flask) -> Iterator[str]:
    """The address of the app on a port of its own, served by threads of this process."""
    with screen.serve(app) as address:
        yield address


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app on the demo's data; tests read it and leave it as it is."""
    from charity.db import db
    from tests.support.demo import make_demo

    app = make_demo(tmp_path_factory.mktemp("demo"))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; one process a worker."""
    from playwright.sync_api import sync_playwright

    path = needs.needed("Chromium", "chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def pdftotext() -> Callable[[bytes], str]:
    """Return the text layer of a PDF, as poppler reads it."""
    import subprocess

    program = needs.needed("poppler-utils", "pdftotext")

    def read(document: bytes) -> str:
        result = subprocess.run(
            [program, "-layout", "-", "-"], input=document, capture_output=True, check=True
        )
        return result.stdout.decode()

    return read


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with an approved file in tests/golden: ``golden("statements.txt", text)``."""
    folder = request.config.rootpath / "tests" / "golden"

    def compare(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"tests/golden/{name} is not there yet; run with --update-golden and read it"
        assert text == path.read_text(encoding="utf-8")

    return compare


os.environ.setdefault("TZ", "UTC")
