"""Source documents (原始凭证), kept as files under the hash of their bytes.

The file is written and flushed before its row, so that a row never names bytes that are
not there; the same bytes are kept once. Files that hold persons' numbers, as those of banks
and donor lists, are sealed at rest; the hash is always that of the clear bytes.
Source: 会计法 (2024) art. 14; 财会〔2024〕11号 art. 27.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from charity import sealed
from charity.db import Actor
from charity.errors import N_, refuse, refuse_if, register
from charity.ledger.media import media_type
from charity.ledger.models import Attachment
from charity.ledger.paper_judging import check_paper
from charity.names import clean_line

PROBLEMS = register(
    {
        "attachment_empty": N_("%(name)s is empty; choose the file again."),
        "attachment_too_large": N_("%(name)s is larger than %(limit)s MB; scan it in grey or split it."),
        "attachment_missing_bytes": N_(
            "The file of this attachment is not in the store; restore it from the backup."
        ),
    }
)

#: Largest attachment, in bytes.
SIZE_LIMIT = 30 * 1024 * 1024


def attachment_path(data_dir: Path, sha256: str) -> Path:
    """Return where the bytes of an attachment stand."""
    return data_dir / "attachments" / sha256[:2] / sha256[2:]


def sealed_path(data_dir: Path, sha256: str) -> Path:
    """Return where the bytes of an attachment stand when they are sealed."""
    return attachment_path(data_dir, sha256).with_suffix(".sealed")


def stored_bytes(data_dir: Path, sha256: str) -> bytes | None:
    """Return the clear bytes of an attachment; None when its file is gone. The one way to read them.

    Raises:
        SealBroken: they are sealed, and no key of this process opens them.
    """
    plain, locked = attachment_path(data_dir, sha256), sealed_path(data_dir, sha256)
    # The sealed one twice: it may take the place of the other between two looks.
    for path in (locked, plain, locked):
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            continue
        return found if path == plain else sealed.unseal_bytes(found, _context(sha256))
    return None


def seal_stored(data_dir: Path, sha256: str) -> bool:
    """Seal an attachment under the newest key, if it is clear or an older key sealed it.

    Returns:
        Whether anything was changed.

    Raises:
        SealBroken: it is sealed, and no key of this process opens it.
    """
    plain, locked = attachment_path(data_dir, sha256), sealed_path(data_dir, sha256)
    has_plain = plain.exists()
    is_due = not sealed.is_sealed_anew(locked.read_bytes()) if locked.exists() else has_plain
    if is_due:
        data = stored_bytes(data_dir, sha256)
        assert data is not None
        _write(locked, sealed.seal_bytes(data, _context(sha256)))
    if has_plain:
        plain.unlink()
    return is_due or has_plain


def sealed_hashes(data_dir: Path) -> list[str]:
    """Return the hashes of all attachments that are sealed."""
    found = (data_dir / "attachments").glob("*/*.sealed")
    return sorted(path.parent.name + path.stem for path in found)


def _context(sha256: str) -> str:
    """Return what sealed bytes are bound to: nothing else opens as this attachment."""
    return f"attachment:{sha256}"


def store_attachment(
    session: Session,
    *,
    actor: Actor,
    data: bytes,
    name: str,
    media_type: str,
    data_dir: Path,
    is_sealed: bool = False,
) -> str:
    """Keep a source document and return the SHA-256 of its bytes, in hexadecimal.

    The same bytes again give the same answer and change nothing.

    Args:
        data: the file as it came.
        name: its name; cleaned and cut.
        media_type: as told by the browser or the file's kind.
        data_dir: the data folder.
        is_sealed: the file holds persons' numbers and is sealed at rest; not when the same
            bytes stand there in clear already, which ``flask reseal`` seals.

    Raises:
        Refused: ``attachment_empty``, ``attachment_too_large``.
    """
    shown = _shown(name)
    _check_size(data, shown)
    sha256 = hashlib.sha256(data).hexdigest()
    plain, locked = attachment_path(data_dir, sha256), sealed_path(data_dir, sha256)
    if is_sealed and not plain.exists():
        write_once(locked, sealed.seal_bytes(data, _context(sha256)))
    elif not locked.exists():
        write_once(plain, data)
    known = session.scalar(
        select(Attachment.sha256).where(Attachment.org_id == actor.org_id, Attachment.sha256 == sha256)
    )
    if known is None:
        session.execute(
            insert(Attachment).values(
                org_id=actor.org_id,
                sha256=sha256,
                name=shown,
                media_type=clean_line(media_type, 80) or "application/octet-stream",
                size=len(data),
                stored_by=actor.user_id,
                stored_at=actor.at,
            )
        )
    return sha256


def judge_paper(data: bytes, name: str) -> str:
    """Return the kind of a source document a person has sent, once its content was judged.

    It takes its time, so it is asked before a transaction opens.

    Raises:
        Refused: those of :func:`store_attachment`, and the problems of
            :func:`charity.ledger.paper_judging.check_paper`.
    """
    shown = _shown(name)
    # Size first: what is too large is not opened.
    _check_size(data, shown)
    refuse_if(check_paper(data, shown))
    return media_type(data, shown)


def _shown(name: str) -> str:
    """Return the name of a file without folders and signs that do not show."""
    return clean_line(Path(name.replace("\\", "/")).name, 200) or "file"


def _check_size(data: bytes, shown: str) -> None:
    """Refuse a file that is empty or larger than the store takes."""
    if not data:
        raise refuse("attachment_empty", "attachments", name=shown)
    if len(data) > SIZE_LIMIT:
        raise refuse("attachment_too_large", "attachments", name=shown, limit=SIZE_LIMIT // 1024 // 1024)


def write_once(path: Path, data: bytes) -> None:
    """Write a file whole and flushed, or leave the one that is there."""
    if not path.exists():
        _write(path, data)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole and flushed, in the place of the one that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_attachment(
    session: Session, *, org_id: int, sha256: str, data_dir: Path
) -> tuple[Attachment, bytes]:
    """Return an attachment's row and bytes.

    Raises:
        Refused: ``attachment_unknown``, or ``attachment_missing_bytes`` when the file is gone.
    """
    row = session.get(Attachment, (org_id, sha256))
    if row is None:
        raise refuse("attachment_unknown", "attachments")
    data = stored_bytes(data_dir, sha256)
    if data is None:
        raise refuse("attachment_missing_bytes", "attachments")
    return row, data
