"""Settings: read once from the environment and the data folder.

Imports the standard library only. Every setting stands in docs/settings.md. What the
environment does not name is looked up in ``settings.toml`` in the data folder, which the
set-up writes, readable by its owner only. Secrets stand in the one or the other, never in
the database. What would run unsafely is refused with a sentence.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ROOT = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """Return the folder of templates, static files or migrations.

    An installed wheel carries them inside the package, a checkout beside it.
    """
    inside = ROOT / name
    return inside if inside.is_dir() else ROOT.parent / name


@dataclass(frozen=True)
class Settings:
    """What the app needs to know before it starts.

    Attributes:
        data_dir: folder of the embedded database, attachments, issued documents, keys.
        database_url: SQLAlchemy URL; the default is ``charity.db`` in the data folder.
        owner_url: URL of the owner role, used for migrations only.
        secret_key: signs sessions and links.
        field_key: 32 bytes that encrypt sensitive fields and key their hashes.
        retired_field_keys: earlier field keys, newest first; they open, but no longer seal.
        sign_key: 32-byte seed of the Ed25519 key that signs checkpoints.
        public_url: address of the public pages; decides cookie security and QR addresses.
        trusted_proxies: how many proxies in front are trusted for the client address.
        environment: ``production``, ``demo``, ``development`` or ``test``.
        smtp_url: ``smtp://user:password@host:port``; empty: mail waits in the outbox.
        mail_from: sender address.
        sms_url: HTTP gateway for text messages; empty: calls are made by people.
        sms_token: sent to the gateway as bearer token.
        sms_fields: the gateway's names of number and text, parted by a comma.
        sms_format: ``json`` or ``form``.
        app_role: PostgreSQL role the app runs as; granted by the migrations.
        auditor_role: PostgreSQL role that may read only.
        zone: the orgs' time zone.
        second_factor: least that is asked at sign-in: ``offered``, ``money`` or ``everyone``.
        step_up_min: minutes a second factor counts for acts on money; 0: not asked again.
        fallback_font: TrueType file asked for characters the vendored fonts lack.
        backup_dir: folder of the backups; None until one is set.
        backup_hours: hours between two scheduled backups; 0 makes none.
        backup_keep: how many of the newest backups stay; 0 keeps all.
        metrics_token: who shows it reads the metrics; empty: only this machine does.
        log_form: ``json`` for a line of JSON an event, ``text`` for people.
    """

    data_dir: Path
    database_url: str
    owner_url: str
    secret_key: str = field(repr=False)
    field_key: bytes = field(repr=False)
    sign_key: bytes = field(repr=False)
    retired_field_keys: tuple[bytes, ...] = field(default=(), repr=False)
    public_url: str = "http://127.0.0.1:5000"
    trusted_proxies: int = 0
    environment: str = "production"
    smtp_url: str = field(default="", repr=False)
    mail_from: str = "charity@localhost"
    sms_url: str = field(default="", repr=False)
    sms_token: str = field(default="", repr=False)
    sms_fields: str = "phone,text"
    sms_format: str = "json"
    app_role: str = "charity_app"
    auditor_role: str = "charity_auditor"
    zone: ZoneInfo = ZoneInfo("Asia/Shanghai")
    second_factor: str = "offered"
    step_up_min: int = 0
    fallback_font: Path | None = None
    backup_dir: Path | None = None
    backup_hours: int = 0
    backup_keep: int = 14
    metrics_token: str = field(default="", repr=False)
    log_form: str = "text"

    @property
    def is_secure(self) -> bool:
        """Say whether the public address is served over TLS."""
        return self.public_url.startswith("https://")

    @property
    def is_demo(self) -> bool:
        """Say whether pages and documents must carry 演示."""
        return self.environment == "demo"


class UnsafeSettings(Exception):
    """The settings would run unsafely; the message says which and what to do."""


#: Names of the settings file; what it may hold. The folder itself and the two switches
#: stand in the environment, or they would have to be known before they are read.
SETTINGS_FILE = "settings.toml"
FILE_SETTINGS = (
    "CHARITY_ENV",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "CHARITY_SECRET_KEY",
    "CHARITY_FIELD_KEY",
    "CHARITY_RETIRED_FIELD_KEYS",
    "CHARITY_SIGN_KEY",
    "PUBLIC_URL",
    "CHARITY_ALLOW_HTTP",
    "TRUSTED_PROXIES",
    "SMTP_URL",
    "MAIL_FROM",
    "SMS_URL",
    "SMS_TOKEN",
    "SMS_FIELDS",
    "SMS_FORMAT",
    "CHARITY_APP_ROLE",
    "CHARITY_AUDITOR_ROLE",
    "CHARITY_ZONE",
    "CHARITY_FALLBACK_FONT",
    "CHARITY_SECOND_FACTOR",
    "CHARITY_STEP_UP_MINUTES",
    "CHARITY_BACKUP_DIR",
    "CHARITY_BACKUP_HOURS",
    "CHARITY_BACKUP_KEEP",
    "CHARITY_METRICS_TOKEN",
    "CHARITY_LOG",
)
#: Folders that other machines get copies of; an SQLite file in one is torn sooner or later.
_SYNCED = re.compile(
    r"dropbox|onedrive|google ?drive|icloud|nextcloud|owncloud|syncthing|nutstore|baidunetdisk"
    r"|坚果云|百度网盘",
    re.I,
)


def is_local(host: str) -> bool:
    """Say whether a host lies on this machine or in an office network, by its name or address."""
    if host == "localhost" or host.endswith((".local", ".lan", ".internal", ".home.arpa")):
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host
    return address.is_private or address.is_loopback or address.is_link_local


def _is_open(path: Path, mask: int = 0o077) -> bool:
    """Say whether others than the owner may open a file or folder; unknown on Windows."""
    return os.name != "nt" and bool(path.stat().st_mode & mask)


def read_settings_file(data_dir: Path) -> dict[str, str]:
    """Return the settings kept in the data folder; empty when there are none.

    Raises:
        UnsafeSettings: others may read it, it is no TOML, or it names no setting of ours.
    """
    path = data_dir / SETTINGS_FILE
    if not path.exists():
        return {}
    if _is_open(path):
        raise UnsafeSettings(f"{path} can be read by others. It holds secrets: chmod 600 {path}")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnsafeSettings(f"{path} cannot be read: {error}") from None
    if unknown := sorted(found.keys() - set(FILE_SETTINGS)):
        raise UnsafeSettings(
            f"{path} names {', '.join(unknown)}, which are no settings; see docs/settings.md."
        )
    return {name: str(value) for name, value in found.items()}


def write_settings_file(data_dir: Path, values: Mapping[str, str]) -> Path:
    """Keep settings in the data folder, beside those already there; an empty value takes one away.

    Written whole, for its owner only, and put in place in one step.

    Args:
        data_dir: the data folder.
        values: names of :data:`FILE_SETTINGS` and their texts.
    """
    if unknown := sorted(values.keys() - set(FILE_SETTINGS)):
        raise ValueError(f"no settings: {', '.join(unknown)}")
    kept = {name: text for name, text in {**read_settings_file(data_dir), **values}.items() if text}
    lines = ["# Written by the set-up; read under the environment. See docs/settings.md."]
    lines += [
        f"{name} = {json.dumps(kept[name], ensure_ascii=False)}" for name in FILE_SETTINGS if name in kept
    ]
    path = data_dir / SETTINGS_FILE
    fresh = path.with_suffix(f".{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    return path


def _hex_key(name: str, text: str) -> bytes:
    """Return the 32 bytes of a key written in hexadecimal."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise UnsafeSettings(f"{name} must be 64 hexadecimal digits (32 bytes).")
    return key


def _key(environ: Mapping[str, str], name: str, data_dir: Path, may_make: bool) -> bytes:
    """Return a 32-byte key from the environment (hex) or the data folder."""
    if text := environ.get(name):
        return _hex_key(name, text)
    path = data_dir / "keys" / f"{name.lower()}.hex"
    if path.exists():
        if _is_open(path):
            raise UnsafeSettings(f"{path} can be read by others. It is a key: chmod 600 {path}")
        return _hex_key(name, path.read_text())
    if not may_make:
        raise UnsafeSettings(
            f"{name} is not set. Set it to 64 random hexadecimal digits, or start once with "
            "CHARITY_MAKE_KEYS=1 to have it made in the data folder."
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text().strip())
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_bytes(32).hex())
    return bytes.fromhex(path.read_text().strip())


def _retired_keys(text: str, data_dir: Path) -> tuple[bytes, ...]:
    """Return the keys of a list parted by commas; without one, those that a restore left behind.

    Raises:
        UnsafeSettings: one of them is not 32 bytes in hexadecimal.
    """
    kept = data_dir / "keys" / "charity_retired_field_keys.hex"
    if not text and kept.exists():
        text = kept.read_text()
    try:
        keys = tuple(bytes.fromhex(part) for part in text.split(",") if part.strip())
    except ValueError:
        keys = (b"",)
    if any(len(key) != 32 for key in keys):
        raise UnsafeSettings(
            "CHARITY_RETIRED_FIELD_KEYS holds keys of 64 hexadecimal digits, parted by commas."
        )
    return keys


def _database_url(text: str) -> str:
    """Return a database address with the driver this product uses."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", text)


def _refuse_unsafe(settings: Settings, *, allows_http: bool) -> None:
    """Refuse what must not serve an office: plain http outside it, weak keys, an open database.

    Raises:
        UnsafeSettings: the first thing that is wrong, and what to do.
    """
    address = urlsplit(settings.public_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UnsafeSettings("PUBLIC_URL must be a whole address, like https://ledger.example.org.")
    if address.scheme == "http" and not is_local(address.hostname) and not allows_http:
        raise UnsafeSettings(
            f"PUBLIC_URL {settings.public_url} is plain http outside an office network: passwords and data "
            "would be readable on the way. Serve it over https, or set CHARITY_ALLOW_HTTP=1 if something in "
            "front of it encrypts."
        )
    keys = [bytes.fromhex(settings.secret_key), settings.field_key, settings.sign_key]
    if len({*keys, *settings.retired_field_keys}) < len(keys) + len(settings.retired_field_keys):
        raise UnsafeSettings("Two keys are the same; each needs 64 random hexadecimal digits of its own.")
    if any(len(set(key)) < 12 for key in keys):
        # 32 random bytes have fewer than 12 different values less than once in 10^25 times.
        raise UnsafeSettings("A key is not random: make it with openssl rand -hex 32.")
    if settings.database_url.startswith("sqlite"):
        _refuse_open_database(Path(settings.database_url.partition(":///")[2]))


def _refuse_open_database(path: Path) -> None:
    """Refuse an embedded database that others can open, or that a program copies about."""
    folder = path.resolve().parent
    if synced := _SYNCED.search(str(folder)):
        raise UnsafeSettings(
            f"{folder} lies in a folder that is synchronised ({synced[0]}): the database would be torn. "
            "Move the data folder, and back it up instead."
        )
    if folder.exists() and _is_open(folder, 0o007) and (not path.exists() or _is_open(path, 0o007)):
        raise UnsafeSettings(f"{folder} is open to everybody on this machine: chmod 700 {folder}")


def _one_of(text: str, name: str) -> str:
    """Return what is asked at the door.

    Raises:
        UnsafeSettings: no such word; a slip of the pen must not leave the door open.
    """
    if text not in ("offered", "money", "everyone"):
        raise UnsafeSettings(f"{name} must be offered, money or everyone.")
    return text


def _minutes(text: str) -> int:
    """Return how long a second factor counts, in minutes.

    Raises:
        UnsafeSettings: no number from 0 to 720.
    """
    if not (text.isascii() and text.isdigit() and (text == "0" or 5 <= int(text) <= 720)):
        raise UnsafeSettings("CHARITY_STEP_UP_MINUTES must be 0, or from 5 to 720.")
    return int(text)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process.

    Args:
        environ: names and values; the process environment when None.

    Raises:
        UnsafeSettings: a key is missing outside development and demo, or something would
            run unsafely.
    """
    values = dict(os.environ) if environ is None else dict(environ)
    data_dir = Path(values.get("CHARITY_DATA", "var")).resolve()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    values = {**read_settings_file(data_dir), **values}
    environment = values.get("CHARITY_ENV", "development")
    if environment not in ("production", "demo", "development", "test"):
        raise UnsafeSettings("CHARITY_ENV must be production, demo, development or test.")
    may_make = environment != "production" or values.get("CHARITY_MAKE_KEYS") == "1"
    url = _database_url(values.get("DATABASE_URL") or f"sqlite:///{data_dir / 'charity.db'}")
    try:
        zone = ZoneInfo(values.get("CHARITY_ZONE", "Asia/Shanghai"))
    except (ZoneInfoNotFoundError, ValueError):
        raise UnsafeSettings("CHARITY_ZONE must be a time zone, like Asia/Shanghai.") from None
    settings = Settings(
        data_dir=data_dir,
        database_url=url,
        owner_url=_database_url(values.get("DATABASE_OWNER_URL") or url),
        secret_key=_key(values, "CHARITY_SECRET_KEY", data_dir, may_make).hex(),
        field_key=_key(values, "CHARITY_FIELD_KEY", data_dir, may_make),
        retired_field_keys=_retired_keys(values.get("CHARITY_RETIRED_FIELD_KEYS", ""), data_dir),
        sign_key=_key(values, "CHARITY_SIGN_KEY", data_dir, may_make),
        public_url=values.get("PUBLIC_URL", "http://127.0.0.1:5000").rstrip("/"),
        trusted_proxies=_count(values, "TRUSTED_PROXIES", 0),
        environment=environment,
        smtp_url=values.get("SMTP_URL", ""),
        mail_from=values.get("MAIL_FROM", "charity@localhost"),
        sms_url=values.get("SMS_URL", ""),
        sms_token=values.get("SMS_TOKEN", ""),
        sms_fields=values.get("SMS_FIELDS", "phone,text"),
        sms_format=values.get("SMS_FORMAT", "json"),
        app_role=values.get("CHARITY_APP_ROLE", "charity_app"),
        auditor_role=values.get("CHARITY_AUDITOR_ROLE", "charity_auditor"),
        zone=zone,
        second_factor=_one_of(values.get("CHARITY_SECOND_FACTOR", "offered"), "CHARITY_SECOND_FACTOR"),
        step_up_min=_minutes(values.get("CHARITY_STEP_UP_MINUTES", "0")),
        fallback_font=_font(values.get("CHARITY_FALLBACK_FONT")),
        **_upkeep(values, environment),
    )
    if environment == "production":
        _refuse_unsafe(settings, allows_http=values.get("CHARITY_ALLOW_HTTP") == "1")
    return settings


def _count(values: dict[str, str], name: str, usual: int) -> int:
    """Return a setting that counts something.

    Raises:
        UnsafeSettings: it is no whole number from 0 on.
    """
    text = values.get(name) or str(usual)
    if not (text.isascii() and text.isdigit()):
        raise UnsafeSettings(f"{name} must be a whole number from 0 on, not {text!r}.")
    return int(text)


def _font(path: str | None) -> Path | None:
    """Return the file of the further font.

    Raises:
        UnsafeSettings: it is not there.
    """
    if path and not Path(path).is_file():
        raise UnsafeSettings(f"CHARITY_FALLBACK_FONT names {path}, which is no file.")
    return Path(path) if path else None


def _upkeep(values: dict[str, str], environment: str) -> dict[str, Any]:
    """Return the settings of backups, metrics and logs.

    Raises:
        UnsafeSettings: one of them would do harm.
    """
    log_form = values.get("CHARITY_LOG") or ("json" if environment == "production" else "text")
    if log_form not in ("json", "text"):
        raise UnsafeSettings("CHARITY_LOG must be json or text.")
    token = values.get("CHARITY_METRICS_TOKEN", "")
    if token and len(token) < 20:
        raise UnsafeSettings("CHARITY_METRICS_TOKEN needs at least 20 characters, or nothing at all.")
    folder = values.get("CHARITY_BACKUP_DIR")
    return {
        "backup_dir": Path(folder).resolve() if folder else None,
        "backup_hours": _count(values, "CHARITY_BACKUP_HOURS", 0),
        "backup_keep": _count(values, "CHARITY_BACKUP_KEEP", 14),
        "metrics_token": token,
        "log_form": log_form,
    }


def system_clock() -> datetime:
    """Return the present instant in UTC; the only place that reads the clock."""
    return datetime.now(UTC)
