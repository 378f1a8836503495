"""Settings: read once from the environment and the data folder.

Imports the standard library only. Every setting stands in docs/settings.md. Secrets
come from the environment; in development and the demo they are made once and kept in
the data folder, readable by its owner only.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

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
        app_role: PostgreSQL role the app runs as; granted by the migrations.
        auditor_role: PostgreSQL role that may read only.
        zone: the orgs' time zone.
        second_factor: least that is asked at sign-in: ``offered``, ``money`` or ``everyone``.
        step_up_min: minutes a second factor counts for acts on money; 0: not asked again.
        fallback_font: TrueType file asked for characters the vendored fonts lack.
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
    app_role: str = "charity_app"
    auditor_role: str = "charity_auditor"
    zone: ZoneInfo = ZoneInfo("Asia/Shanghai")
    second_factor: str = "offered"
    step_up_min: int = 0
    fallback_font: Path | None = None

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


def _key(environ: dict[str, str], name: str, data_dir: Path, may_make: bool) -> bytes:
    """Return a 32-byte key from the environment (hex) or the data folder."""
    if text := environ.get(name):
        key = bytes.fromhex(text)
        if len(key) != 32:
            raise UnsafeSettings(f"{name} must be 64 hexadecimal digits (32 bytes).")
        return key
    path = data_dir / "keys" / f"{name.lower()}.hex"
    if path.exists():
        return bytes.fromhex(path.read_text().strip())
    if not may_make:
        raise UnsafeSettings(f"{name} is not set. Set it to 64 random hexadecimal digits.")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text().strip())
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_bytes(32).hex())
    return bytes.fromhex(path.read_text().strip())


def _retired_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys of a list parted by commas.

    Raises:
        UnsafeSettings: one of them is not 32 bytes in hexadecimal.
    """
    try:
        keys = tuple(bytes.fromhex(part) for part in text.split(",") if part.strip())
    except ValueError:
        keys = (b"",)
    if any(len(key) != 32 for key in keys):
        raise UnsafeSettings(
            "CHARITY_RETIRED_FIELD_KEYS holds keys of 64 hexadecimal digits, parted by commas."
        )
    return keys


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


def load_settings(environ: dict[str, str] | None = None) -> Settings:
    """Return the settings of this process.

    Args:
        environ: names and values; the process environment when None.

    Raises:
        UnsafeSettings: a key is missing outside development and demo.
    """
    values = dict(os.environ) if environ is None else environ
    environment = values.get("CHARITY_ENV", "development")
    if environment not in ("production", "demo", "development", "test"):
        raise UnsafeSettings("CHARITY_ENV must be production, demo, development or test.")
    data_dir = Path(values.get("CHARITY_DATA", "var")).resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    may_make = environment != "production"
    url = values.get("DATABASE_URL") or f"sqlite:///{data_dir / 'charity.db'}"
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    owner = values.get("DATABASE_OWNER_URL") or url
    if owner.startswith("postgresql://"):
        owner = "postgresql+psycopg://" + owner.removeprefix("postgresql://")
    return Settings(
        data_dir=data_dir,
        database_url=url,
        owner_url=owner,
        secret_key=_key(values, "CHARITY_SECRET_KEY", data_dir, may_make).hex(),
        field_key=_key(values, "CHARITY_FIELD_KEY", data_dir, may_make),
        retired_field_keys=_retired_keys(values.get("CHARITY_RETIRED_FIELD_KEYS", "")),
        sign_key=_key(values, "CHARITY_SIGN_KEY", data_dir, may_make),
        public_url=values.get("PUBLIC_URL", "http://127.0.0.1:5000").rstrip("/"),
        trusted_proxies=int(values.get("TRUSTED_PROXIES", "0")),
        environment=environment,
        smtp_url=values.get("SMTP_URL", ""),
        mail_from=values.get("MAIL_FROM", "charity@localhost"),
        app_role=values.get("CHARITY_APP_ROLE", "charity_app"),
        auditor_role=values.get("CHARITY_AUDITOR_ROLE", "charity_auditor"),
        zone=ZoneInfo(values.get("CHARITY_ZONE", "Asia/Shanghai")),
        second_factor=_one_of(values.get("CHARITY_SECOND_FACTOR", "offered"), "CHARITY_SECOND_FACTOR"),
        step_up_min=_minutes(values.get("CHARITY_STEP_UP_MINUTES", "0")),
        fallback_font=Path(font) if (font := values.get("CHARITY_FALLBACK_FONT")) else None,
    )


def system_clock() -> datetime:
    """Return the present instant in UTC; the only place that reads the clock."""
    return datetime.now(UTC)
