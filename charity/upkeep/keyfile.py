"""The keys of an installation in a file of their own, sealed under a passphrase.

Imports cryptography and the ground floor only. A backup never holds a key: who finds one
must not be able to open it. This file goes another way, and to another safe.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from charity.config import Settings
from charity.errors import refuse
from charity.proofs.signing import public_key_of
from charity.sealed import is_mark, key_name, mark
from charity.upkeep.rules import Manifest

FORM = "charity-keys/v1"
#: Purpose of the key under the field key that seals the list of a backup.
_SEAL = "backup list"
#: Fewest characters of a passphrase.
PASSPHRASE_LENGTH = 12
#: Cost of scrypt: 64 MB and about a fifth of a second.
_N, _R, _P = 2**16, 8, 1


def keys_of(settings: Settings) -> dict[str, str]:
    """Return every key in use by the name of its setting, in hexadecimal."""
    keys = {
        "CHARITY_SECRET_KEY": settings.secret_key,
        "CHARITY_FIELD_KEY": settings.field_key.hex(),
        "CHARITY_SIGN_KEY": settings.sign_key.hex(),
    }
    if settings.retired_field_keys:
        keys["CHARITY_RETIRED_FIELD_KEYS"] = ",".join(key.hex() for key in settings.retired_field_keys)
    return keys


def fingerprints(settings: Settings) -> dict[str, str]:
    """Return what tells the keys apart and opens nothing: stands in every backup's manifest."""
    return {
        "CHARITY_FIELD_KEY": key_name(settings.field_key),
        "CHARITY_SIGN_KEY": public_key_of(settings.sign_key).hex(),
    }


def misfits(settings: Settings, wanted: Mapping[str, str]) -> list[str]:
    """Return the names of the keys in use that do not open what a backup holds.

    A field key that has been retired since still opens.
    """
    field_names = {key_name(key) for key in (settings.field_key, *settings.retired_field_keys)}
    found = []
    if wanted.get("CHARITY_FIELD_KEY", "") not in field_names:
        found.append("CHARITY_FIELD_KEY")
    if wanted.get("CHARITY_SIGN_KEY") != public_key_of(settings.sign_key).hex():
        found.append("CHARITY_SIGN_KEY")
    return found


def sealed_list(manifest: Manifest, settings: Settings) -> Manifest:
    """Return the list of a backup with its seal, by which this house knows its own again."""
    text = replace(manifest, seal="").to_json()
    return replace(manifest, seal=mark(settings.field_key, text, _SEAL))


def is_own(manifest: Manifest, settings: Settings) -> bool:
    """Say whether the list of a backup carries the seal of a field key in use or retired."""
    text = replace(manifest, seal="").to_json()
    keys = (settings.field_key, *settings.retired_field_keys)
    return any(is_mark(manifest.seal, key, text, _SEAL) for key in keys)


def write_keys(path: Path, keys: Mapping[str, str], passphrase: str) -> None:
    """Seal keys into a new file, readable by its owner only.

    Raises:
        Refused: ``passphrase_short``.
        FileExistsError: there is a file of that name.
    """
    if len(passphrase) < PASSPHRASE_LENGTH:
        raise refuse("passphrase_short", count=PASSPHRASE_LENGTH)
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_derive(passphrase, salt)).encrypt(nonce, json.dumps(dict(keys)).encode(), FORM.encode())
    parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    text = json.dumps(
        {"form": FORM, **{name: base64.b64encode(part).decode() for name, part in parts.items()}}
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def read_keys(path: Path, passphrase: str) -> dict[str, str]:
    """Return the keys of a file.

    Raises:
        Refused: ``keys_locked``.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        salt, nonce, sealed = (base64.b64decode(values[name]) for name in ("salt", "nonce", "sealed"))
        opened = AESGCM(_derive(passphrase, salt)).decrypt(nonce, sealed, FORM.encode())
        return {str(name): str(value) for name, value in json.loads(opened).items()}
    except (OSError, ValueError, KeyError, TypeError, InvalidTag):
        raise refuse("keys_locked") from None


def place_keys(keys: Mapping[str, str], data_dir: Path) -> None:
    """Write keys to ``keys/`` of a data folder, where settings find them; none is replaced.

    Raises:
        FileExistsError: there is such a key already.
    """
    folder = data_dir / "keys"
    for made in (data_dir, folder):  # a mode holds for the last folder of a path only
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, value in keys.items():
        handle = os.open(folder / f"{name.lower()}.hex", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(value)


def _derive(passphrase: str, salt: bytes) -> bytes:
    """Return the key that a passphrase stands for."""
    return Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode())
