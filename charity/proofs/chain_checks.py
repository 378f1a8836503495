"""The chain over the operation log derived again, entry by entry, and its anchors in the tree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.checks import LIMIT, Finding
from charity.proofs.chaining import each_link, horizon, unchained
from charity.proofs.checkpoints import find_log
from charity.proofs.leaf_rules import CHAIN_START, HOUSE, chain, entry_bytes, instant_text, read_oplog_leaf
from charity.proofs.models import LogLeaf, OplogLink
from charity.proofs.service import HOUSE_ORG_ID


def check_chain(session: Session, org_id: int) -> list[Finding]:
    """Chain the operation log again and compare each link, then what the tree committed to."""
    if find_log(session, org_id) is None:
        return []
    found: list[Finding] = []
    for chain_org_id, name, leaves in _anchors(session, org_id):
        found += _check_links(session, chain_org_id, name, leaves)
        found += _check_missed(session, chain_org_id, name)
    return found[:LIMIT]


def _anchors(session: Session, org_id: int) -> list[tuple[int, str, list[Any]]]:
    """Return org id, name and leaves of each chain that this org's tree commits to."""
    rows = session.execute(
        select(LogLeaf.position, LogLeaf.number, LogLeaf.word, LogLeaf.content, LogLeaf.salt)
        .where(LogLeaf.org_id == org_id, LogLeaf.kind == "log")
        .order_by(LogLeaf.position)
    ).all()
    own = [row for row in rows if row.word != HOUSE]
    house = [row for row in rows if row.word == HOUSE]
    anchors = [(org_id, "operation log", own)]
    return [*anchors, (HOUSE_ORG_ID, "operation log of the installation", house)] if house else anchors


def _entry_text(row: Mapping[str, Any]) -> str:
    """Return an entry as people say it."""
    if row["at"] is None:
        return f"entry {row['entry_id']}"
    return f"{instant_text(row['at'])[:19]} {row['act']} {row['subject_no']}".rstrip()


def _check_links(session: Session, org_id: int, name: str, leaves: list[Any]) -> list[Finding]:
    """Return the first link that does not fit its entry, and anchors that do not fit the chain.

    One changed entry breaks every later link; the first is the one that was changed.
    """
    wanted: dict[int, list[Any]] = {}
    for leaf in leaves:
        wanted.setdefault(leaf.number, []).append(leaf)
    found: list[Finding] = []
    value, count = CHAIN_START, 0
    for row in each_link(session, org_id):
        where = f"{name}, link {row['position']}: {_entry_text(row)}"
        if row["position"] != count:
            return [*found, Finding("operation log", where, f"follows link {count - 1}: links are missing")]
        if row["at"] is None:
            return [*found, Finding("operation log", where, "the entry is not there any more")]
        value = chain(value, entry_bytes(row))
        if value != row["link_sha256"]:
            return [*found, Finding("operation log", where, "the entry or its link was changed")]
        count += 1
        found += [
            Finding("operation log", f"leaf {leaf.position} ({name}, {count} entries)", message)
            for leaf in wanted.pop(count, [])
            if (message := _check_anchor(leaf, count, value))
        ]
    found += [
        Finding("operation log", f"leaf {leaf.position}", f"commits to {number} entries, {count} are chained")
        for number, rest in sorted(wanted.items())
        for leaf in rest
    ]
    return found


def _check_anchor(leaf: Any, count: int, value: bytes) -> str:
    """Return how a leaf departs from the chain it commits to; empty when it does not."""
    try:
        _, said, commitment = read_oplog_leaf(leaf.content)
    except ValueError:
        return "cannot be read"
    if said != count or hashlib.sha256(leaf.salt + value).hexdigest() != commitment:
        return "the log was changed after the tree committed to it"
    return ""


def _check_missed(session: Session, org_id: int, name: str) -> list[Finding]:
    """Return entries that the sequencer has passed by for longer than it looks back."""
    last = session.scalar(
        select(OplogLink.entry_id)
        .where(OplogLink.org_id == org_id)
        .order_by(OplogLink.entry_id.desc())
        .limit(1)
    )
    if last is None:
        return []
    passed = horizon(last)
    return [
        Finding("operation log", f"{name}: {_entry_text(entry)}", "was never chained")
        for entry in unchained(session, org_id, is_full=True, limit=LIMIT)
        if entry["id"] <= passed
    ]
