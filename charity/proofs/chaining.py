"""The chain over the operation log: every entry in turn, anchored in the tree.

An act never waits for the chain. Entries are taken up in the order of their ids; one
whose transaction committed late finds its place behind those chained before it, within
a day by looking back, and at the latest when a month is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from charity.ids import earlier, new_id
from charity.oplog.models import OpLogEntry
from charity.proofs.leaf_rules import CHAIN_START, chain, entry_bytes
from charity.proofs.models import OplogLink

#: How long a transaction may stay open and still have its entries chained at the next run.
LOOK_BACK_HOURS = 24

_ENTRY = OpLogEntry.__table__
_LINK = OplogLink.__table__


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far a chain goes.

    Attributes:
        count: entries chained.
        sha256: value after the last of them.
    """

    count: int
    sha256: bytes


def chain_head(session: Session, org_id: int) -> ChainHead:
    """Return how far the chain of an org's entries goes; 0 for the installation's own."""
    last = session.execute(
        select(_LINK.c.position, _LINK.c.sha256)
        .where(_LINK.c.org_id == org_id)
        .order_by(_LINK.c.position.desc())
        .limit(1)
    ).first()
    return ChainHead(0, CHAIN_START) if last is None else ChainHead(last.position + 1, last.sha256)


def unchained(
    session: Session, org_id: int, *, is_full: bool, limit: int | None = None
) -> list[Mapping[str, Any]]:
    """Return the entries that are not chained yet, by id.

    Args:
        is_full: look through the whole log; else from a day before the last one chained.
        limit: at most so many; None for all.
    """
    query = select(_ENTRY).where(
        _ENTRY.c.org_id == org_id,
        ~select(_LINK.c.entry_id)
        .where(_LINK.c.org_id == _ENTRY.c.org_id, _LINK.c.entry_id == _ENTRY.c.id)
        .exists(),
    )
    if not is_full:
        last = session.scalar(select(func.max(_LINK.c.entry_id)).where(_LINK.c.org_id == org_id))
        if last is not None:
            query = query.where(_ENTRY.c.id > horizon(last))
    rows = session.execute(query.order_by(_ENTRY.c.id).limit(limit)).mappings()
    return [dict(row) for row in rows]


def horizon(last: int) -> int:
    """Return the id behind which entries are looked for: a day before the last one chained.

    A clock that ran ahead and was set back makes ids that lie before the last one; then it is
    a day before now.

    Args:
        last: the largest id chained so far.
    """
    return earlier(min(last, new_id()), hours=LOOK_BACK_HOURS)


def chain_entries(session: Session, org_id: int, *, is_full: bool, limit: int | None) -> int:
    """Chain the next entries and return how many they were.

    Args:
        org_id: whose entries; 0 for the installation's own.
        is_full: see :func:`unchained`.
        limit: at most so many; None for all.
    """
    head = chain_head(session, org_id)
    links = []
    value = head.sha256
    for position, entry in enumerate(
        unchained(session, org_id, is_full=is_full, limit=limit), start=head.count
    ):
        value = chain(value, entry_bytes(entry))
        links.append({"org_id": org_id, "position": position, "entry_id": entry["id"], "sha256": value})
    if links:
        session.execute(insert(OplogLink), links)
    return len(links)


def each_link(session: Session, org_id: int, *, chunk: int = 1000) -> Iterator[Mapping[str, Any]]:
    """Yield position, link value and entry of every link, in the order of the chain."""
    position = 0
    while True:
        query = (
            select(
                _LINK.c.position,
                _LINK.c.entry_id,
                _LINK.c.sha256.label("link_sha256"),
                *(column for column in _ENTRY.c),
            )
            .outerjoin(_ENTRY, (_ENTRY.c.org_id == _LINK.c.org_id) & (_ENTRY.c.id == _LINK.c.entry_id))
            .where(_LINK.c.org_id == org_id, _LINK.c.position >= position)
            .order_by(_LINK.c.position)
            .limit(chunk)
        )
        rows = [dict(row) for row in session.execute(query).mappings()]
        yield from rows
        if len(rows) < chunk:
            return
        position = rows[-1]["position"] + 1
