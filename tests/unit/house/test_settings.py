"""Settings come from the environment, then from the data folder; what is unsafe is refused."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from charity.config import (
    FILE_SETTINGS,
    SETTINGS_FILE,
    Settings,
    UnsafeSettings,
    is_local,
    load_settings,
    read_settings_file,
    write_settings_file,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of a production server."""
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


def load(folder: Path, **environ: str) -> Settings:
    """Load the settings of a production server with keys in its environment."""
    keys = {
        name: secrets.token_hex(32)
        for name in ("CHARITY_SECRET_KEY", "CHARITY_FIELD_KEY", "CHARITY_SIGN_KEY")
    }
    given = {"CHARITY_ENV": "production", "CHARITY_DATA": str(folder), "PUBLIC_URL": "https://l.example"}
    wanted = {**given, **keys, **environ}
    return load_settings({name: text for name, text in wanted.items() if text})


def refusal(folder: Path, **environ: str) -> str:
    with pytest.raises(UnsafeSettings) as caught:
        load(folder, **environ)
    return str(caught.value)


def test_the_environment_stands_over_the_file(folder: Path) -> None:
    write_settings_file(folder, {"CHARITY_ZONE": "Asia/Urumqi", "MAIL_FROM": "a@b.example"})
    assert str(load(folder).zone) == "Asia/Urumqi"
    assert load(folder, MAIL_FROM="c@d.example").mail_from == "c@d.example"


def test_the_file_keeps_what_is_not_named_and_drops_what_is_empty(folder: Path) -> None:
    write_settings_file(folder, {"SMTP_URL": 'smtps://u:"p\\w"@h', "MAIL_FROM": "a@b.example"})
    write_settings_file(folder, {"MAIL_FROM": "", "SMS_URL": "https://s.example"})
    assert read_settings_file(folder) == {"SMTP_URL": 'smtps://u:"p\\w"@h', "SMS_URL": "https://s.example"}
    assert (folder / SETTINGS_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [SETTINGS_FILE]
    with pytest.raises(ValueError, match="SHOE_SIZE"):
        write_settings_file(folder, {"SHOE_SIZE": "43"})


def test_every_setting_can_stand_in_the_file_but_those_that_say_where_it_is() -> None:
    import re

    from tests.support import source

    told = set(re.findall(r"^\| `([A-Z_]+)` \|", source.text(source.ROOT / "docs" / "settings.md"), re.M))
    assert told - set(FILE_SETTINGS) == {"CHARITY_DATA", "CHARITY_MAKE_KEYS"}
    assert set(FILE_SETTINGS) <= told


@pytest.mark.parametrize(
    ("text", "said"),
    [("= 1", "cannot be read"), ('SHOE_SIZE = "43"', "SHOE_SIZE"), ("\udcff", "cannot be read")],
)
def test_a_file_that_is_wrong_says_so(folder: Path, text: str, said: str) -> None:
    path = folder / SETTINGS_FILE
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    assert said in refusal(folder)


def test_a_file_that_others_can_read_is_refused(folder: Path) -> None:
    write_settings_file(folder, {"MAIL_FROM": "a@b.example"}).chmod(0o640)
    assert "chmod 600" in refusal(folder)


@pytest.mark.parametrize("url", ["http://ledger.example", "http://8.8.8.8", "http://ledger.example:8000/"])
def test_plain_http_outside_an_office_network_is_refused(folder: Path, url: str) -> None:
    assert "plain http" in refusal(folder, PUBLIC_URL=url)
    assert load(folder, PUBLIC_URL=url, CHARITY_ALLOW_HTTP="1").is_secure is False


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5", "http://192.168.1.9:8000", "http://ledger", "http://a.lan"]
)
def test_plain_http_inside_an_office_network_runs(folder: Path, url: str) -> None:
    assert load(folder, PUBLIC_URL=url).public_url == url


@pytest.mark.parametrize("url", ["ledger.example", "ftp://ledger.example", "https://"])
def test_what_is_no_address_is_refused(folder: Path, url: str) -> None:
    assert "whole address" in refusal(folder, PUBLIC_URL=url)


def test_keys_that_are_equal_weak_or_broken_are_refused(folder: Path) -> None:
    same = secrets.token_hex(32)
    assert "the same" in refusal(folder, CHARITY_FIELD_KEY=same, CHARITY_SIGN_KEY=same)
    assert "the same" in refusal(folder, CHARITY_FIELD_KEY=same, CHARITY_RETIRED_FIELD_KEYS=same)
    assert "not random" in refusal(folder, CHARITY_SIGN_KEY="11" * 32)
    assert "not random" in refusal(folder, CHARITY_SIGN_KEY="0123456789abcdef" * 4)
    assert "64 hexadecimal" in refusal(folder, CHARITY_SIGN_KEY="xyz")


def test_keys_are_made_in_production_only_when_asked(folder: Path) -> None:
    none = {"CHARITY_SECRET_KEY": "", "CHARITY_FIELD_KEY": "", "CHARITY_SIGN_KEY": ""}
    assert "CHARITY_MAKE_KEYS=1" in refusal(folder, **none)
    made = load(folder, CHARITY_MAKE_KEYS="1", **none)
    assert load(folder, **none).field_key == made.field_key
    path = folder / "keys" / "charity_field_key.hex"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    assert "It is a key" in refusal(folder, **none)


def test_an_embedded_database_that_others_can_open_is_refused(folder: Path) -> None:
    folder.chmod(0o755)
    assert "chmod 700" in refusal(folder)
    (folder / "charity.db").touch(mode=0o600)
    assert load(folder).environment == "production", "the file itself is closed"


@pytest.mark.parametrize("name", ["Dropbox", "OneDrive - 慈善", "坚果云"])
def test_an_embedded_database_in_a_synchronised_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "data"
    folder.mkdir(parents=True, mode=0o700)
    assert "synchronised" in refusal(folder)


@pytest.mark.parametrize("text", ["x", "-3", "1.5", "１"])
@pytest.mark.parametrize("name", ["TRUSTED_PROXIES", "CHARITY_BACKUP_HOURS", "CHARITY_BACKUP_KEEP"])
def test_a_count_that_is_none_is_refused(folder: Path, name: str, text: str) -> None:
    assert name in refusal(folder, **{name: text})


def test_a_font_that_is_not_there_is_refused(folder: Path) -> None:
    assert "CHARITY_FALLBACK_FONT" in refusal(folder, CHARITY_FALLBACK_FONT="/nowhere/font.ttf")


def test_a_zone_that_is_none_is_refused(folder: Path) -> None:
    assert "CHARITY_ZONE" in refusal(folder, CHARITY_ZONE="Mars/Olympus")


def test_a_new_data_folder_is_the_owner_s_alone(tmp_path: Path) -> None:
    load(tmp_path / "new" / "data")
    assert (tmp_path / "new" / "data").stat().st_mode & 0o077 == 0


def test_what_counts_as_an_office_network() -> None:
    near = ["localhost", "ledger", "10.1.1.1", "172.20.0.1", "[fd00::1]", "::1", "box.local", "x.internal"]
    assert all(is_local(host) for host in near)
    assert not any(
        is_local(host) for host in ("8.8.8.8", "ledger.example", "2001:4860:4860::8888", ""[:0] + "a.cn")
    )
