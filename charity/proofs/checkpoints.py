"""Checkpoints: what was published, whether it lies in this tree, and the next one. Never commits.

The file of a checkpoint is there before its row is written. So every row of a checkpoint
was published, the file is never older than the rows, and what was published is known even
when the books come back from a backup: a head that does not contain it is not signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.errors import N_, Problem, refuse_if, register
from charity.proofs.folder import LogFolder
from charity.proofs.models import Checkpoint, ProofLog, Restoration
from charity.proofs.note_rules import BadNote, Note, TreeHead, read_note
from charity.proofs.rules import Frontier, consistency_proof, is_consistent, root_of
from charity.proofs.signing import is_signed_by, public_key_of, sign
from charity.proofs.tree import StoredTree, TreeDamaged
from charity.web.cache import bump

PROBLEMS = register(
    {
        "checkpoint_not_contained": N_(
            "The books in this database do not contain checkpoint %(size)s, which was already published; "
            "they look like an older backup (%(own)s leaves). Nothing was signed. "
            "Restore the newest backup."
        ),
        "checkpoint_file_missing": N_(
            "The file of the last published checkpoint (%(path)s) is missing. Nothing was signed. "
            "Restore the data folder from its backup, or publish the files anew from the books."
        ),
        "checkpoint_file_broken": N_(
            "The file of the last published checkpoint (%(path)s) is damaged, or not signed by this log. "
            "Nothing was signed. Restore it from its backup."
        ),
        "checkpoint_replayed": N_(
            "The file of the last published checkpoint (%(path)s) was replaced by an older one "
            "(%(size)s leaves, %(signed)s were signed). Nothing was signed. Restore the newer file."
        ),
        "restored_unconfirmed": N_(
            "These books come from the backup %(backup)s, and nobody has said yet what was published last. "
            "Nothing is signed. Give the last published checkpoint: flask proofs confirm FILE."
        ),
    }
)

#: Topic of public pages that show the log.
TOPIC = "proofs"


def find_log(session: Session, org_id: int) -> ProofLog | None:
    """Return the org's log; None before its first leaf."""
    return session.get(ProofLog, org_id, populate_existing=True)


def folder_of(log: ProofLog, data_dir: Path) -> LogFolder:
    """Return where the published files of a log stand, below the data folder."""
    return LogFolder.of(data_dir, log.folder)


def refuse_fork(session: Session, log: ProofLog, settings: Settings) -> None:
    """Refuse to go on with a log whose last published checkpoint does not lie in this tree.

    Raises:
        Refused: see :func:`check_restored`, :func:`check_published`.
    """
    keys = trusted_keys(session, log, public_key_of(settings.sign_key))
    refuse_if(check_restored(session, log.org_id))
    refuse_if(check_published(session, log, folder_of(log, settings.data_dir), keys))


def check_restored(session: Session, org_id: int) -> list[Problem]:
    """Return why a restored log may not go on: its last published head was not given yet.

    Problems: ``restored_unconfirmed``.
    """
    query = select(Restoration.kind, Restoration.backup).where(Restoration.org_id == org_id)
    last = session.execute(query.order_by(Restoration.number.desc()).limit(1)).first()
    if last is None or last.kind != "restored":
        return []
    return [Problem("restored_unconfirmed", {"backup": last.backup})]


def known_keys(session: Session, org_id: int) -> list[bytes]:
    """Return the public keys that the log's checkpoints were signed with, newest first."""
    rows = session.execute(
        select(Checkpoint.public_key, func.max(Checkpoint.number))
        .where(Checkpoint.org_id == org_id)
        .group_by(Checkpoint.public_key)
    )
    return [key for key, _ in sorted(rows, key=lambda row: -row[1])]


def trusted_keys(session: Session, log: ProofLog, own: bytes | None = None) -> list[bytes]:
    """Return the keys whose signature is believed: on record, the log's first, this house's own.

    Args:
        log: the org's log.
        own: public key of the signing key in use, where it is at hand.
    """
    keys = [*known_keys(session, log.org_id), log.public_key, *([own] if own else [])]
    return list(dict.fromkeys(keys))


def last_checkpoint(session: Session, org_id: int) -> Checkpoint | None:
    """Return the newest checkpoint; None before the first."""
    query = select(Checkpoint).where(Checkpoint.org_id == org_id).order_by(Checkpoint.number.desc())
    return session.scalars(query.limit(1)).first()


def check_published(
    session: Session, log: ProofLog, folder: LogFolder, keys: Iterable[bytes]
) -> list[Problem]:
    """Return why nothing may be signed: the last published checkpoint does not lie in this tree.

    Args:
        session: sees the tree as it stands.
        log: the org's log.
        folder: its published files.
        keys: see :func:`trusted_keys`.

    Problems: ``checkpoint_file_missing``, ``checkpoint_file_broken``,
    ``checkpoint_replayed``, ``checkpoint_not_contained``.
    """
    text = folder.read_checkpoint()
    return check_note(session, log, str(folder.checkpoint_path), text, keys)


def check_note(
    session: Session, log: ProofLog, path: str, text: str | None, keys: Iterable[bytes]
) -> list[Problem]:
    """Return what :func:`check_published` does, of a text read before the session's snapshot began.

    Args:
        path: of the file, for people.
        text: what it said; None when it is not there.
    """
    last = last_checkpoint(session, log.org_id)
    if text is None:
        return [Problem("checkpoint_file_missing", {"path": path})] if last is not None else []
    try:
        note = read_published(text, log, keys)
    except BadNote:
        return [Problem("checkpoint_file_broken", {"path": path})]
    if last is not None and note.head.size < last.tree_size:
        values = {"path": path, "size": note.head.size, "signed": last.tree_size}
        return [Problem("checkpoint_replayed", values)]
    heads = [note.head]
    if last is not None:
        heads.append(TreeHead(log.origin, last.tree_size, last.root_sha256))
    for head in heads:
        if not contains(session, log, head):
            return [Problem("checkpoint_not_contained", {"size": head.size, "own": log.tree_size})]
    return []


def read_published(text: str, log: ProofLog, keys: Iterable[bytes]) -> Note:
    """Return the published checkpoint, signed in the log's name.

    Raises:
        BadNote: it is malformed, another log's, or no known key has signed it.
    """
    note = read_note(text)
    if note.head.origin != log.origin:
        raise BadNote(f"it belongs to {note.head.origin}")
    if not any(is_signed_by(note, key) for key in keys):
        raise BadNote("its signature is not valid")
    return note


def contains(session: Session, log: ProofLog, head: TreeHead) -> bool:
    """Say whether the stored tree begins with a published one, by a consistency proof.

    A tree whose own hashes are missing contains nothing.
    """
    if not 0 < head.size <= log.tree_size:
        return False
    tree = StoredTree(session, log.org_id)
    try:
        if root_of(head.size, tree.node) != head.root:
            return False
        path = consistency_proof(head.size, log.tree_size, tree.node)
        root = Frontier.load(log.tree_size, log.frontier).root()
    except (TreeDamaged, ValueError):
        return False
    return is_consistent(head.size, log.tree_size, head.root, root, path)


def sign_checkpoint(
    session: Session, *, org_id: int, size: int, at: datetime, settings: Settings
) -> Checkpoint:
    """Sign the tree of the first ``size`` leaves, publish it as a file, and record it.

    A checkpoint that is in the file but not in the books, because the process died in
    between, is recorded as it was published. The same head is signed again only with
    another key.

    Args:
        session: a writing session.
        org_id: whose log; it has leaves.
        size: leaves whose tiles are written.
        at: the present instant.
        settings: the key and the data folder.

    Raises:
        Refused: see :func:`check_restored`, :func:`check_published`.
    """
    log = session.get_one(ProofLog, org_id, with_for_update=True, populate_existing=True)
    own = public_key_of(settings.sign_key)
    folder, keys = folder_of(log, settings.data_dir), trusted_keys(session, log, own)
    refuse_if(check_restored(session, org_id))
    refuse_if(check_published(session, log, folder, keys))
    last = last_checkpoint(session, org_id)
    text = folder.read_checkpoint()
    if text is not None and (last is None or text != last.note):
        note = read_published(text, log, keys)
        signer = next(key for key in keys if is_signed_by(note, key))
        last = _record(session, log, last, note.head, text, signer, at)
    if last is not None and (last.tree_size > size or (last.tree_size == size and last.public_key == own)):
        return last
    head = TreeHead(log.origin, size, root_of(size, StoredTree(session, org_id).node))
    if not contains(session, log, head):
        raise TreeDamaged("the stored hashes of the proof log do not lead to its frontier")
    signed = sign(head, settings.sign_key)
    folder.write_checkpoint(signed)
    return _record(session, log, last, head, signed, own, at)


def _record(
    session: Session,
    log: ProofLog,
    last: Checkpoint | None,
    head: TreeHead,
    note: str,
    public_key: bytes,
    at: datetime,
) -> Checkpoint:
    """Record a published checkpoint and let the public pages show it."""
    row = Checkpoint(
        org_id=log.org_id,
        number=1 if last is None else last.number + 1,
        tree_size=head.size,
        root_sha256=head.root,
        note=note,
        public_key=public_key,
        signed_at=at,
    )
    session.add(row)
    session.flush()
    bump(session, log.org_id, TOPIC)
    return row
