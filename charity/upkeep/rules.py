"""What a backup says of itself, when one is due, and which old ones may go. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from charity.errors import N_, register

#: Form of the manifest; a new one is read beside the old ones, which stay readable.
FORM = "charity-backup/v1"

BackupState = Literal["running", "done", "failed"]
BACKUP_STATES: tuple[BackupState, ...] = ("running", "done", "failed")
#: A backup that is still running after this long was killed.
GIVEN_UP_AFTER = timedelta(hours=6)
#: How old the newest backup may be before an upgrade.
FRESH_FOR = timedelta(hours=24)

#: Folder of everything but the database, inside an archive.
FILES = "files"
#: Folders of the data folder that the product keeps files in, and that a backup holds.
FOLDERS = ("attachments", "documents", "proofs")

_NAME = re.compile(r"charity-(\d{8}T\d{6}Z)-([0-9a-f]{8})\.tar")

PROBLEMS = register(
    {
        "backup_running": N_("Another backup is under way since %(since)s. Wait for it."),
        "backup_folder_missing": N_(
            "No folder for backups is set. Set CHARITY_BACKUP_DIR, or name one with --out."
        ),
        "backup_folder_inside": N_(
            "%(folder)s lies inside the data folder, so it would go with it. Choose a folder on another disk."
        ),
        "backup_failed": N_("The backup was not finished: %(reason)s. Nothing was kept."),
        "program_missing": N_("%(program)s is not installed here; it comes with PostgreSQL."),
        "archive_unreadable": N_("%(name)s is not a backup of this product, or is cut off: %(reason)s."),
        "archive_changed": N_("%(path)s in the backup does not fit its hash. Use another backup."),
        "archive_unlisted": N_("%(path)s is in the backup but not in its list. Use another backup."),
        "archive_foreign": N_(
            "%(path)s is in the backup, but this product puts no such file into one. Use another backup."
        ),
        "archive_forged": N_(
            "The list of the backup was not sealed with the field key of this house, or was changed "
            "afterwards. Use another backup."
        ),
        "archive_newer": N_(
            "The backup is of revision %(revision)s, which this version does not know. Install the version "
            "that made it."
        ),
        "target_not_empty": N_("%(target)s is not empty. Nothing was restored; choose an empty one."),
        "target_wrong_kind": N_(
            "This is a backup of %(dialect)s; it cannot be restored to %(target)s. Give the address of such "
            "a database."
        ),
        "key_does_not_fit": N_(
            "The key %(name)s in use is not the one this backup was made with. Restore the keys first: "
            "flask restore --keys FILE."
        ),
        "keys_locked": N_("The file of keys does not open: wrong passphrase, or the file was changed."),
        "passphrase_short": N_("The passphrase needs at least %(count)s characters."),
    }
)


def archive_name(at: datetime, backup_id: str) -> str:
    """Return the file name of a backup: the UTC instant, then the first digits of its id."""
    return f"charity-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{backup_id[:8]}.tar"


def made_at_of(name: str) -> datetime | None:
    """Return when the backup of a file name was made; None for any other file."""
    match = _NAME.fullmatch(name)
    return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None


def surplus(names: Iterable[str], keep: int) -> list[str]:
    """Return the backups that may go, oldest first; other files are never named.

    Args:
        names: of the files in a folder.
        keep: how many of the newest stay; 0 keeps all.
    """
    if keep <= 0:
        return []
    dated = sorted(((made_at_of(name), name) for name in names if made_at_of(name)), key=str)
    return [name for _, name in dated[:-keep]]


def newest(names: Iterable[str]) -> str | None:
    """Return the newest backup among file names; None when there is none."""
    return max((name for name in names if made_at_of(name)), default=None)


def is_due(last_done_at: datetime | None, hours: int, at: datetime) -> bool:
    """Say whether a backup is to be made now.

    Args:
        last_done_at: when the newest one began; None before the first.
        hours: between two; 0 for none.
        at: the present instant.
    """
    return hours > 0 and (last_done_at is None or at - last_done_at >= timedelta(hours=hours))


def is_late(last_done_at: datetime | None, hours: int, at: datetime) -> bool:
    """Say whether a backup should long be there: twice the span, and an hour, have gone by."""
    if hours <= 0:
        return False
    return last_done_at is None or at - last_done_at > timedelta(hours=2 * hours + 1)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup.

    Attributes:
        path: inside the archive, parted by slashes.
        sha256: of its bytes, in hexadecimal.
        size: in bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BackedUpOrg:
    """The books of one org as they stand in a backup.

    Attributes:
        code: the org's.
        vouchers: how many are posted.
        tree_size: leaves its last checkpoint covers; 0 before the first.
        checkpoint: that checkpoint as published; empty before the first.
    """

    code: str
    vouchers: int
    tree_size: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        id: 32 hexadecimal digits.
        made_at: the instant its snapshot was taken, UTC.
        product: version of the product.
        dialect: ``sqlite`` or ``postgresql``.
        revision: of the schema.
        database: the member with the database.
        files: every other member, by path.
        orgs: by code.
        keys: name of a key → its public fingerprint.
        seal: HMAC of everything above under the field key; empty from the first release.
    """

    id: str
    made_at: datetime
    product: str
    dialect: str
    revision: str
    database: Member
    files: tuple[Member, ...]
    orgs: tuple[BackedUpOrg, ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    seal: str = ""

    def to_json(self) -> str:
        """Return the manifest as text, one file a line."""
        head = {
            "form": FORM,
            "id": self.id,
            "made_at": self.made_at.isoformat(),
            "product": self.product,
            "dialect": self.dialect,
            "revision": self.revision,
            "database": asdict(self.database),
            "orgs": [asdict(org) for org in self.orgs],
            "keys": dict(self.keys),
            **({"seal": self.seal} if self.seal else {}),
        }
        files = ",\n".join(json.dumps(asdict(file), ensure_ascii=False) for file in self.files)
        return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "files": [\n{files}\n]}}\n'


class BadManifest(ValueError):
    """A text is not the manifest of a backup."""


def read_manifest(text: str) -> Manifest:
    """Return a manifest from its text.

    Raises:
        BadManifest: it is something else, or of a form this version cannot read.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        if values["form"] != FORM:
            raise BadManifest(f"its form is {values['form']}")
        manifest = Manifest(
            id=str(values["id"]),
            made_at=datetime.fromisoformat(values["made_at"]),
            product=str(values["product"]),
            dialect=str(values["dialect"]),
            revision=str(values["revision"]),
            database=Member(**values["database"]),
            files=tuple(Member(**row) for row in values["files"]),
            orgs=tuple(BackedUpOrg(**row) for row in values["orgs"]),
            keys=dict(values["keys"]),
            seal=str(values.get("seal", "")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadManifest(f"{type(error).__name__}: {error}") from None
    except json.JSONDecodeError as error:
        raise BadManifest(str(error)) from None
    for member in (manifest.database, *manifest.files):
        if not is_inside(member.path):
            raise BadManifest(f"{member.path} leads out of the folder")
    return manifest


def foreign_path(manifest: Manifest) -> str:
    """Return a path that no release has put into a backup; empty when there is none.

    Keys, settings and whatever else stands loose in a data folder decide how the house
    runs; from an archive they could only come by another's hand.
    """
    for member in manifest.files:
        parts = member.path.split("/")
        if len(parts) < 3 or parts[0] != FILES or parts[1] == "keys" or parts[1].startswith("."):
            return member.path
    return "" if "/" not in manifest.database.path else manifest.database.path


def is_inside(path: str) -> bool:
    """Say whether a path stays below the folder it is joined to."""
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and "\\" not in path and not {"", ".", ".."} & set(parts)
