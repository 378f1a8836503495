"""The commands of upkeep as a server runs them: what they say, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from charity.config import Settings, load_settings
from charity.errors import Refused
from charity.proofs.sequencer import SessionRunner, sequence
from charity.upkeep import keyfile
from tests.books import Ledger
from tests.builders import client_as
from tests.support import databases
from tests.web.upkeep.test_health import NOW

GIFT = "2026-03-05 捐款\n  借 1002@B1 1.00 F1\n  贷 410102 1.00 F1"
PASSPHRASE = "seven quiet cranes over water"


@pytest.fixture
def run(app: Flask, books: Ledger) -> Callable[..., tuple[int, str]]:
    """Run a command; return its exit code and what it said."""
    client_as(app, "administrator")
    runner: FlaskCliRunner = app.test_cli_runner()

    def call(*arguments: object, **environ: str) -> tuple[int, str]:
        books.session.rollback()
        with app.app_context():  # as the flask program opens it
            result = runner.invoke(args=[str(part) for part in arguments], env=environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return call


@pytest.fixture
def admin(app: Flask, books: Ledger) -> str:
    """The login name of an administrator."""
    from charity.users.models import User

    client_as(app, "administrator")
    books.session.rollback()
    name = books.session.query(User.username).order_by(User.id.desc()).first()
    books.session.rollback()
    assert name is not None
    return str(name[0])


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


def test_backup_restore_drill_and_confirmation_from_the_command_line(
    run: Callable[..., tuple[int, str]], admin: str, books: Ledger, app: Flask, folder: Path
) -> None:
    """A whole drill: back up with keys, restore elsewhere with them, verify, record, confirm the head."""
    settings: Settings = app.extensions["charity.settings"]
    books.post(GIFT)
    sequence(SessionRunner(books.session), org_id=books.org_id, at=NOW, settings=settings)
    keys = folder / "keys.json"
    code, said = run(
        "backup", "--out", folder / "b", "--keys-to", keys, "--json", CHARITY_KEYS_PASSPHRASE=PASSPHRASE
    )
    assert code == 0, said
    made = json.loads(said)
    assert (made["vouchers"], made["revision"]) == (1, "0002")
    code, said = run(
        "restore",
        made["file"],
        "--to",
        folder / "new",
        "--keys",
        keys,
        "--verify",
        "--drill",
        admin,
        "--report",
        folder / "drill.json",
        CHARITY_KEYS_PASSPHRASE=PASSPHRASE,
    )
    # The sample paper of the tests has no bytes: a drill finds that, says it and fails.
    assert code == 1
    assert "paper.pdf" in said
    assert "1 vouchers verified; 1 findings." in said
    code, said = run("drills", "record", folder / "drill.json", "--as", admin)
    assert (code, "is recorded already" in said) == (1, True)
    elsewhere = load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(folder / "new")})
    assert keyfile.keys_of(elsewhere) == keyfile.keys_of(settings)


def test_restored_books_are_confirmed_from_a_file(
    run: Callable[..., tuple[int, str]], admin: str, books: Ledger, app: Flask, folder: Path
) -> None:
    settings: Settings = app.extensions["charity.settings"]
    books.post(GIFT)
    sequence(SessionRunner(books.session), org_id=books.org_id, at=NOW, settings=settings)
    head = settings.data_dir / "proofs" / "city" / "checkpoint"
    code, said = run("proofs", "confirm", head, "--as", admin)
    assert (code, "nothing to confirm" in said) == (1, True)
    code, said = run("proofs", "rebuild", "--as", admin)
    assert (code, "leaves were written" in said) == (0, True)


def test_health_is_said_with_an_exit_code(run: Callable[..., tuple[int, str]], owner_connection) -> None:
    from sqlalchemy import text

    code, said = run("health")
    assert code == 0
    assert "ok    The database answers" in said
    owner_connection.execute(text("DROP TRIGGER oplog_entry_no_update"))
    code, said = run("health", "--json")
    assert (code, json.loads(said)["status"]) == (1, "fail")


def test_an_upgrade_asks_for_a_way_back(run: Callable[..., tuple[int, str]], folder: Path) -> None:
    code, said = run("upgrade", "--check-only", "--json")
    assert (code, json.loads(said)["problems"][0]["code"]) == (1, "upgrade_backup_missing")
    made = json.loads(run("backup", "--out", folder, "--json")[1])
    code, said = run("upgrade", "--backup", made["file"], "--json")
    assert (code, json.loads(said[said.index("{") :])["is_done"]) == (0, True)


def test_wrong_use_is_told_apart_from_a_refusal(run: Callable[..., tuple[int, str]], folder: Path) -> None:
    assert run("backup", "--keep", "-1")[0] == 2
    assert run("restore", folder / "none.tar", "--to", folder / "x")[0] == 2
    code, said = run("backup")
    assert (code, "CHARITY_BACKUP_DIR" in said) == (1, True)
    (folder / "bad.tar").write_text("no archive")
    code, said = run("restore", folder / "bad.tar", "--to", folder / "x")
    assert (code, "not a backup of this product" in said) == (1, True)
    (folder / "there").write_text("x")
    code, said = run(
        "backup", "--out", folder / "b", "--keys-to", folder / "there", CHARITY_KEYS_PASSPHRASE=PASSPHRASE
    )
    assert (code, "is there already" in said) == (2, True)
    (folder / "report.json").write_text("not JSON")
    assert run("drills", "record", folder / "report.json", "--as", "nobody")[0] == 1


def test_a_file_of_keys_opens_with_its_passphrase_only(folder: Path, settings: Settings) -> None:
    path, keys = folder / "keys.json", keyfile.keys_of(settings)
    keyfile.write_keys(path, keys, PASSPHRASE)
    assert path.stat().st_mode & 0o077 == 0
    assert [value for value in keys.values() if value in path.read_text()] == []
    assert keyfile.read_keys(path, PASSPHRASE) == keys
    for wrong in (PASSPHRASE + "x", ""):
        with pytest.raises(Refused) as refused:
            keyfile.read_keys(path, wrong)
        assert refused.value.codes == ["keys_locked"]
    # Turned round, and not a letter changed: the last one of a part may stand for no bit at all.
    for part in ("salt", "nonce", "sealed"):
        values = json.loads(path.read_text())
        path.write_text(json.dumps(values | {part: values[part][-4::-1] + values[part][-3:]}))
        with pytest.raises(Refused):
            keyfile.read_keys(path, PASSPHRASE)
        path.write_text(json.dumps(values))
    assert keyfile.read_keys(path, PASSPHRASE) == keys


def test_a_short_passphrase_is_refused(folder: Path) -> None:
    with pytest.raises(Refused) as refused:
        keyfile.write_keys(folder / "keys.json", {}, "short")
    assert refused.value.codes == ["passphrase_short"]


def test_a_data_folder_made_for_the_keys_is_nobody_elses(folder: Path, settings: Settings) -> None:
    """Restoring to a new folder puts the keys first; the app refuses a folder that others may enter."""
    keyfile.place_keys(keyfile.keys_of(settings), folder / "new")
    assert [path.stat().st_mode & 0o077 for path in (folder / "new", folder / "new" / "keys")] == [0, 0]


def test_retired_keys_come_back_with_the_others(folder: Path, settings: Settings) -> None:
    retired = replace(settings, retired_field_keys=(b"\x07" * 32,))
    keyfile.place_keys(keyfile.keys_of(retired), folder)
    found = load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(folder)})
    assert (found.field_key, found.retired_field_keys) == (settings.field_key, (b"\x07" * 32,))
    assert databases.KEYS["CHARITY_SIGN_KEY"] == found.sign_key.hex()
