"""What deploy/ hands to a server does what it says: roles on a real server, units with real commands."""

from __future__ import annotations

import configparser
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from charity import grants, schema
from charity.config import Settings, UnsafeSettings, load_settings
from charity.upkeep.snapshots import find_program
from tests.support import databases, source
from tests.support.databases import Database
from tests.support.postgres import PostgresServer

DEPLOY = source.ROOT / "deploy"
NAMES = {"database": "deployed", "owner": "deploy_owner", "app": "deploy_app", "auditor": "deploy_auditor"}


def run_roles(server: PostgresServer) -> None:
    """Run deploy/postgresql/roles.sql with names of the test's own."""
    names = [part for name, value in NAMES.items() for part in ("-v", f"{name}={value}")]
    passwords = {f"CHARITY_{role}_PASSWORD": f"p'{role}" for role in ("OWNER", "APP", "AUDITOR")}
    done = subprocess.run(
        [find_program("psql"), "-X", *names, "-f", DEPLOY / "postgresql" / "roles.sql", "postgres"],
        env={"PATH": os.environ["PATH"], "PGHOST": str(server.folder), "PGUSER": "postgres", **passwords},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "p'" not in done.stdout + done.stderr


@pytest.fixture
def deployed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An installation whose roles and database the script made."""
    server: PostgresServer = request.getfixturevalue("postgres_server")
    run_roles(server)
    made = Database(
        "postgresql", server.url("deployed", "deploy_app"), server.url("deployed", "deploy_owner")
    )
    settings = databases.make_settings(
        tmp_path, made, CHARITY_APP_ROLE="deploy_app", CHARITY_AUDITOR_ROLE="deploy_auditor"
    )
    schema.upgrade(settings)
    yield replace(settings, environment="production")
    server.drop("deployed")
    server.run(*(f"DROP ROLE {NAMES[role]}" for role in ("owner", "app", "auditor")))


@pytest.mark.postgresql_only
def test_the_roles_may_do_what_they_must_and_no_more(deployed: Settings, request) -> None:
    """Run twice; the app runs as its role, not as the owner, and each role is refused the rest."""
    server: PostgresServer = request.getfixturevalue("postgres_server")
    run_roles(server)
    app = create_engine(deployed.database_url)
    grants.refuse_unsafe_role(app, deployed)
    owner = create_engine(deployed.owner_url)
    with pytest.raises(UnsafeSettings):
        grants.refuse_unsafe_role(owner, deployed)
    auditor = create_engine(server.url("deployed", "deploy_auditor"))
    refused = [
        (app, "CREATE TABLE x (id int)"),
        (app, "ALTER TABLE oplog_entry DISABLE TRIGGER USER"),
        (app, "DELETE FROM ledger_voucher"),
        (app, "CREATE ROLE y"),
        (auditor, "INSERT INTO web_topic_version (org_id, topic, version) VALUES (1, 'x', 1)"),
        (auditor, "CREATE TABLE x (id int)"),
        (owner, "CREATE ROLE y"),
    ]
    for engine, statement in refused:
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement))
    for engine in (app, auditor):
        with engine.begin() as connection:
            assert connection.execute(text("SELECT COUNT(*) FROM ledger_voucher")).scalar_one() == 0
    with app.begin() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "15s"
    for engine in (app, owner, auditor):
        engine.dispose()


@pytest.mark.postgresql_only
def test_the_app_role_is_enough_for_a_backup(deployed: Settings, tmp_path_factory) -> None:
    from charity.upkeep.backups import make_backup
    from tests.service.upkeep.conftest import AT

    engine = create_engine(deployed.database_url)
    made = make_backup(engine, deployed, at=AT, folder=tmp_path_factory.mktemp("b"))
    engine.dispose()
    assert made.manifest.dialect == "postgresql"


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(re.sub(r"\\\n\s*", "", (DEPLOY / "systemd" / name).read_text()))
    return parser


UNITS = ["charity-app.service", "charity-worker.service", "charity-backup.service"]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_may_not_do_what_it_need_not(name: str) -> None:
    service = unit(name)["Service"]
    assert service["User"] == "charity"
    for option in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID"):
        assert service[option] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_that_runs_away_does_not_take_the_machine_along(name: str) -> None:
    service = unit(name)["Service"]
    assert re.fullmatch(r"[1-4]G", service["MemoryMax"])
    assert 32 <= int(service["TasksMax"]) <= 512


@pytest.mark.sqlite_only
def test_whoever_makes_backups_may_write_to_their_folder() -> None:
    """The timer's command, and the worker once a schedule is set; pages never do."""
    from charity.jobs import worker
    from charity.upkeep import routes

    sample = (DEPLOY / "charity.env.example").read_text()
    folder = re.search(r"(?m)^CHARITY_BACKUP_DIR=(.+)$", sample)
    assert folder is not None
    assert worker._periodic["upkeep.backup"].run is routes.make_due_backup
    for name in ("charity-worker.service", "charity-backup.service"):
        assert unit(name)["Service"]["ReadWritePaths"].removeprefix("-") == folder[1]
    assert "ReadWritePaths" not in unit("charity-app.service")["Service"]


@pytest.mark.sqlite_only
def test_the_units_start_commands_that_there_are(tmp_path: Path) -> None:
    environ = {**os.environ, "CHARITY_ENV": "test", "CHARITY_DATA": str(tmp_path)}
    for name in UNITS:
        program, *arguments = unit(name)["Service"]["ExecStart"].split()
        module = {"granian": "granian", "charity": "charity.cli"}[Path(program).name]
        code = f"import sys; sys.argv[0] = 'x'; from {module} import main; main()"
        if module == "granian":
            code = "from granian.cli import entrypoint; entrypoint()"
            arguments = arguments[:-1]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments, "--help"],
            cwd=source.ROOT,
            env=environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "Usage" in done.stdout


@pytest.mark.sqlite_only
def test_the_sample_of_settings_names_settings_that_there_are(tmp_path: Path) -> None:
    lines = [line for line in (DEPLOY / "charity.env.example").read_text().splitlines() if line[:1].isupper()]
    given = dict(line.split("=", 1) for line in lines)
    told = source.text(source.ROOT / "docs" / "settings.md")
    assert [name for name in given if f"| `{name}` |" not in told] == []
    keys = {name: secrets.token_hex(32) for name in databases.KEYS}
    filled = {**given, **keys, "CHARITY_DATA": str(tmp_path), "DATABASE_URL": ""}
    settings = load_settings(filled)
    assert (settings.environment, settings.is_secure, settings.log_form) == ("production", True, "json")
    with pytest.raises(UnsafeSettings):
        load_settings({**given, "CHARITY_DATA": str(tmp_path)})
