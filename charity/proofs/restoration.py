"""What a restored backup may not do: sign, before the last published head is known to lie in it.

A backup brings back its own files too, so nothing in it tells what was published after
it. Only somebody outside knows: a supervisor's mail, a printed report, a reader's copy.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.proofs.checkpoints import (
    check_restored,
    contains,
    find_log,
    last_checkpoint,
    read_published,
    trusted_keys,
)
from charity.proofs.models import ProofLog, Restoration
from charity.proofs.note_rules import BadNote
from charity.proofs.signing import public_key_of

register_acts({"proofs.confirm": N_("Confirmed the last published checkpoint after a restore")})
PROBLEMS = register(
    {
        "head_unreadable": N_(
            "This is not a checkpoint that this log has signed. Take it as it was published, with its "
            "signature."
        ),
        "head_not_newest": N_(
            "This checkpoint covers %(size)s leaves, the restored books know of one over %(own)s. Look for "
            "the newest one that was published."
        ),
        "head_not_asked": N_("These books do not come from a backup; there is nothing to confirm."),
    }
)


def mark_restored(session: Session, *, org_id: int, at: datetime, backup: str) -> None:
    """Record that the org's log comes from a backup; from now on nothing is signed.

    Args:
        session: a writing session on the restored database.
        org_id: whose log; without one there is nothing to record.
        at: the instant of the restore.
        backup: name of the backup.
    """
    log = find_log(session, org_id)
    if log is not None:
        _add(session, log, kind="restored", at=at, by="", backup=backup, note="")


def confirm_head(session: Session, *, actor: Actor, note: str, settings: Settings) -> int:
    """Take the last published checkpoint from outside; when these books contain it they sign again.

    Args:
        session: a writing session.
        actor: who looked for it; recorded.
        note: the checkpoint as published.
        settings: this house's own key.

    Returns:
        How many leaves the checkpoint covers.

    Raises:
        Refused: ``head_not_asked``, ``head_unreadable``, ``head_not_newest``,
            ``checkpoint_not_contained``: then these books are not the newest.
    """
    log = find_log(session, actor.org_id)
    if log is None or not check_restored(session, actor.org_id):
        raise refuse("head_not_asked")
    try:
        head = read_published(note, log, trusted_keys(session, log, public_key_of(settings.sign_key))).head
    except BadNote:
        raise refuse("head_unreadable") from None
    last = last_checkpoint(session, actor.org_id)
    if last is not None and head.size < last.tree_size:
        raise refuse("head_not_newest", size=head.size, own=last.tree_size)
    if not contains(session, log, head):
        refuse_if([Problem("checkpoint_not_contained", {"size": head.size, "own": log.tree_size})])
    _add(session, log, kind="confirmed", at=actor.at, by=actor.name, backup="", note=note)
    record(session, actor=actor, act="proofs.confirm", subject_kind="checkpoint", count=head.size)
    return head.size


def _add(
    session: Session, log: ProofLog, *, kind: str, at: datetime, by: str, backup: str, note: str
) -> None:
    """Add the next row."""
    number = session.scalar(select(func.max(Restoration.number)).where(Restoration.org_id == log.org_id)) or 0
    session.add(
        Restoration(
            org_id=log.org_id,
            number=number + 1,
            kind=kind,
            at=at,
            by_name=by,
            backup=backup,
            tree_size=log.tree_size,
            note=note,
        )
    )
    session.flush()
