"""Recording acts. May import ``db`` and lower; owns the only INSERT into the log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from charity import sealed
from charity.db import Actor
from charity.ids import new_id
from charity.names import clean_line, fold_text, search_text
from charity.oplog import rules
from charity.oplog.models import OpLogEntry

#: Key of ``session.info`` under which the shell leaves the network address of the request.
ADDRESS = "charity.address"

#: Who acts when nobody is signed in: jobs of the house, the command line, a failed sign-in.
SYSTEM_USER_ID = 0


def _words(value: Any) -> str:
    """Return the text of a stored value for searching."""
    if isinstance(value, dict):
        return " ".join(_words(part) for part in value.values())
    if isinstance(value, list):
        return " ".join(_words(part) for part in value)
    return "" if value is None or isinstance(value, bool) else fold_text(str(value))


def record(
    session: Session,
    *,
    actor: Actor,
    act: str,
    subject_kind: str = "",
    subject_no: str = "",
    summary: str = "",
    **details: Any,
) -> int:
    """Write one entry in the transaction of the act it tells of.

    Args:
        session: the writing session of the act.
        actor: who acts; ``actor.at`` is the instant logged.
        act: a code registered with :func:`charity.oplog.rules.register_acts`.
        subject_kind: what was acted on, e.g. ``voucher``.
        subject_no: its number as people say it, e.g. ``2026-03 记-0007``; never an inner id.
        summary: one line, without a person's sensitive data.
        details: values by name; :class:`charity.oplog.rules.Change` for old → new.

    Returns:
        The id of the entry, for the proofs' sequencer.

    Raises:
        ValueError: an unregistered act, or a sensitive value in clear.
        TypeError: a value JSON cannot hold, such as a float.
    """
    if act not in rules.ACTS:
        raise ValueError(f"the act {act} has no sentence in the operation log")
    stored = rules.stored_details(details)
    address = session.info.get(ADDRESS, "")
    entry_id = new_id()
    session.execute(
        insert(OpLogEntry).values(
            org_id=actor.org_id,
            id=entry_id,
            at=actor.at,
            user_id=actor.user_id,
            user_name=clean_line(actor.name, 80),
            user_search=search_text(actor.name)[:240],
            act=act,
            subject_kind=subject_kind,
            subject_no=clean_line(subject_no, 120),
            summary=clean_line(summary, 300),
            details=stored,
            search=f"{fold_text(subject_no)} {fold_text(summary)} {_words(stored)}",
            address_hash=sealed.keyed_hash(address, "address") if address else "",
        )
    )
    return entry_id
