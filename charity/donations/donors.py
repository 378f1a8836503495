"""Acts on donors: add, edit, find likely duplicates, merge, part again, reveal a number.

Imports ``db`` and lower and this feature. A merge only says that two records are one
person; no gift, party or receipt is moved, so it can be undone and loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, aliased

from charity.db import Actor
from charity.donations.identifiers import CREDENTIALS
from charity.donations.matching import SHARED_ANONYMOUS, add_identifiers, insert_donors
from charity.donations.models import Donor, DonorIdentifier, DonorMerge
from charity.donations.recording import TOPIC
from charity.donations.rules import NATURAL_KINDS, check_publication
from charity.donations.service import DonorEntry, need
from charity.errors import N_, refuse, refuse_if, register
from charity.ids import new_id
from charity.ledger.models import Party
from charity.names import clean_line, fold_text, pinyin_key, search_text
from charity.oplog.rules import register_acts, register_labels, register_subjects
from charity.oplog.service import record
from charity.web.cache import bump

PROBLEMS = register(
    {
        "donor_unknown": N_("There is no such donor in these books."),
        "donor_changed": N_("Someone changed this donor meanwhile; reload it and make your change again."),
        "donor_shared": N_("This record stands for all unknown givers; it cannot be changed or merged."),
        "donor_same": N_("Choose two different donors."),
        "donor_merged": N_("%(name)s is part of another donor already; open that one."),
        "donor_not_merged": N_("This donor stands alone; there is nothing to part."),
        "donor_kinds_differ": N_("A person and a body are never the same donor."),
        "identifier_unknown": N_("There is no such number at this donor."),
    }
)
register_acts(
    {
        "donations.add_donor": N_("Added a donor"),
        "donations.edit_donor": N_("Changed a donor"),
        "donations.merge": N_("Merged two donors"),
        "donations.part": N_("Parted merged donors"),
        "donations.distinct": N_("Said that two donors are different"),
        "donations.reveal": N_("Looked at a donor's number"),
    }
)
register_subjects({"donor": N_("Donor")})
register_labels({"into_no": N_("Other donor"), "number_kind": N_("Kind of number")})
register_labels({"number_hash": N_("Number (keyed hash)")})


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two donors that may be one.

    Attributes:
        first_id, second_id: the older and the newer record.
        is_likely: they share a number and a name, or a credential; else a person asks.
        reasons: what they share: ``name`` or a kind of number.
    """

    first_id: int
    second_id: int
    is_likely: bool
    reasons: tuple[str, ...]


def load_donor(session: Session, org_id: int, donor_id: int) -> Donor:
    """Return a donor of these books, locked for change.

    Raises:
        Refused: ``donor_unknown``.
    """
    row = session.scalar(select(Donor).where(Donor.org_id == org_id, Donor.id == donor_id).with_for_update())
    if row is None:
        raise refuse("donor_unknown")
    return row


def public_no_of(session: Session, org_id: int, donor_id: int) -> str:
    """Return the random number of a donor's handle in the ledger."""
    return session.scalar(select(Party.public_no).where(Party.org_id == org_id, Party.id == donor_id)) or ""


def add_donor(session: Session, *, actor: Actor, donor: DonorEntry) -> Donor:
    """Add a donor by hand, even where one of the same name is there.

    Raises:
        Refused: what is wrong with it, see ``DonorEntry.facts``.
    """
    need(actor, "donations.record")
    donor_id = new_id()
    insert_donors(session, actor=actor, donors=[(donor_id, donor.facts())])
    row = load_donor(session, actor.org_id, donor_id)
    record(
        session,
        actor=actor,
        act="donations.add_donor",
        subject_kind="donor",
        subject_no=public_no_of(session, actor.org_id, donor_id),
    )
    return row


def edit_donor(
    session: Session,
    *,
    actor: Actor,
    donor_id: int,
    version: int,
    donor: DonorEntry,
    publish_choice: str,
    note: str,
    on: date,
) -> Donor:
    """Change a donor; numbers given are added, none is taken away.

    Args:
        version: the version the page was loaded with.
        donor: as typed; empty numbers leave those on record.
        publish_choice: the donor's standing choice for later gifts; empty for none.
        note: what the office should know.
        on: today; the day of a new choice.

    Raises:
        Refused: ``donor_changed``, ``donor_shared``, ``publication_unknown`` and what is
            wrong with the entry.
    """
    need(actor, "donations.record")
    facts = donor.facts()
    refuse_if(check_publication(publish_choice) if publish_choice else [])
    row = load_donor(session, actor.org_id, donor_id)
    _refuse_shared(row)
    if row.version != version:
        raise refuse("donor_changed")
    row.kind, row.name, row.folded = facts.kind, facts.name, facts.folded
    row.search_text, row.pinyin_key = search_text(facts.name), pinyin_key(facts.name)[:200]
    row.receipt_title, row.note = facts.receipt_title, clean_line(note, 400)
    if facts.address:
        row.address = facts.address
    if publish_choice != row.publish_choice:
        row.publish_choice, row.chosen_on = publish_choice, on if publish_choice else None
    row.version += 1
    add_identifiers(session, actor=actor, identifiers={donor_id: list(facts.identifiers)})
    session.flush()
    bump(session, actor.org_id, TOPIC)
    record(
        session,
        actor=actor,
        act="donations.edit_donor",
        subject_kind="donor",
        subject_no=public_no_of(session, actor.org_id, donor_id),
    )
    return row


def _refuse_shared(*donors: Donor) -> None:
    """Refuse the record that stands for all unknown givers."""
    if any(donor.shared_key == SHARED_ANONYMOUS for donor in donors):
        raise refuse("donor_shared")


def propose_duplicates(session: Session, org_id: int, *, limit: int = 100) -> list[DuplicatePair]:
    """Return pairs of donors that may be one, likely ones first; nothing is changed.

    The same credential, or the same name with the same phone or account, is likely; a
    shared phone or account alone, or the same name of a person, asks. Pairs that a person
    found to be different are left out.

    Args:
        limit: at most so many pairs of each kind of sign.
    """
    signs: dict[tuple[int, int], set[str]] = {}
    names: dict[tuple[int, int], bool] = {}
    for first, second, kind, same_name in _sharing_numbers(session, org_id, limit):
        signs.setdefault((first, second), set()).add(kind)
        names[first, second] = same_name
    for first, second in _sharing_names(session, org_id, limit):
        signs.setdefault((first, second), set()).add("name")
        names[first, second] = True
    distinct = _distinct_pairs(session, org_id, signs)
    pairs = []
    for pair, kinds in signs.items():
        if pair in distinct:
            continue
        reasons = kinds | ({"name"} if names[pair] else set())
        is_likely = bool(kinds & CREDENTIALS) or ("name" in reasons and len(reasons) > 1)
        pairs.append(DuplicatePair(*pair, is_likely, tuple(sorted(reasons))))
    return sorted(pairs, key=lambda pair: (not pair.is_likely, pair.first_id, pair.second_id))


def _sharing_numbers(session: Session, org_id: int, limit: int) -> list[tuple[int, int, str, bool]]:
    """Return pairs of donors that share a number, with its kind and whether the names agree."""
    mine, other = aliased(DonorIdentifier), aliased(DonorIdentifier)
    first, second = aliased(Donor), aliased(Donor)
    rows = session.execute(
        select(first.id, second.id, mine.kind, first.folded == second.folded)
        .select_from(mine)
        .join(other, (other.org_id == mine.org_id) & (other.hash == mine.hash) & (other.kind == mine.kind))
        .join(first, (first.org_id == mine.org_id) & (first.id == mine.donor_id))
        .join(second, (second.org_id == other.org_id) & (second.id == other.donor_id))
        .where(
            mine.org_id == org_id,
            mine.donor_id < other.donor_id,
            first.root_id == first.id,
            second.root_id == second.id,
        )
        .order_by(second.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1], row[2], bool(row[3])) for row in rows]


def _sharing_names(session: Session, org_id: int, limit: int) -> list[tuple[int, int]]:
    """Return pairs of donors of one name and sort, the newest first; each with the oldest of them."""
    first = aliased(Donor)
    oldest = (
        select(func.min(first.id))
        .where(
            first.org_id == org_id,
            first.folded == Donor.folded,
            first.root_id == first.id,
            _is_natural(first) == _is_natural(Donor),
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(oldest, Donor.id)
        .where(Donor.org_id == org_id, Donor.folded != "", Donor.root_id == Donor.id, Donor.id > oldest)
        .order_by(Donor.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def _is_natural(donor: type[Donor]) -> ColumnElement[bool]:
    """Return the condition of donors who are natural persons."""
    return donor.kind.in_(sorted(NATURAL_KINDS))


def _distinct_pairs(session: Session, org_id: int, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return which of these pairs a person found to be different donors."""
    ids = sorted({donor_id for pair in pairs for donor_id in pair})
    found: set[tuple[int, int]] = set()
    for start in range(0, len(ids), 500):
        rows = session.execute(
            select(DonorMerge.donor_id, DonorMerge.into_id).where(
                DonorMerge.org_id == org_id,
                DonorMerge.act == "distinct",
                DonorMerge.donor_id.in_(ids[start : start + 500]),
            )
        )
        found |= {(min(row), max(row)) for row in rows}
    return found


def merge_donors(session: Session, *, actor: Actor, donor_id: int, into_id: int, reason: str) -> Donor:
    """Say that one donor is another; gifts, parties and receipts stay where they are.

    Args:
        actor: needs ``donations.record``.
        donor_id: the record that is to belong to the other.
        into_id: the record that stands for both.
        reason: kept for good.

    Returns:
        The donor that stands for both.

    Raises:
        Refused: ``reason_missing``, ``donor_same``, ``donor_shared``, ``donor_merged``,
            ``donor_kinds_differ``, ``donor_unknown``.
    """
    need(actor, "donations.record")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    if donor_id == into_id:
        raise refuse("donor_same")
    first, second = (load_donor(session, actor.org_id, i) for i in sorted((donor_id, into_id)))
    donor, into = (first, second) if first.id == donor_id else (second, first)
    _refuse_shared(donor, into)
    for row in (donor, into):
        if row.root_id != row.id:
            raise refuse("donor_merged", name=row.name)
    if (donor.kind in NATURAL_KINDS) != (into.kind in NATURAL_KINDS):
        raise refuse("donor_kinds_differ")
    session.execute(
        update(Donor)
        .where(Donor.org_id == actor.org_id, Donor.root_id == donor.id)
        .values(root_id=into.id, version=Donor.version + 1)
        .execution_options(synchronize_session=False)
    )
    _write_merge(session, actor, donor.id, into.id, "merge", reason)
    session.expire(donor)
    return into


def part_donor(session: Session, *, actor: Actor, donor_id: int, reason: str) -> Donor:
    """Undo a merge: the donor stands for itself again, with those merged into it before.

    Raises:
        Refused: ``reason_missing``, ``donor_not_merged``, ``donor_unknown``.
    """
    need(actor, "donations.record")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    donor = load_donor(session, actor.org_id, donor_id)
    if donor.root_id == donor.id:
        raise refuse("donor_not_merged")
    into_id = donor.root_id
    own = _below(session, actor.org_id, donor.id)
    session.execute(
        update(Donor)
        .where(Donor.org_id == actor.org_id, Donor.id.in_(own))
        .values(root_id=donor.id, version=Donor.version + 1)
        .execution_options(synchronize_session=False)
    )
    _write_merge(session, actor, donor.id, into_id, "part", reason)
    session.expire(donor)
    return donor


def _below(session: Session, org_id: int, donor_id: int) -> list[int]:
    """Return a donor and those that belong to it, by the acts since, oldest first."""
    belongs: dict[int, int] = {}
    acts = session.execute(
        select(DonorMerge.donor_id, DonorMerge.into_id, DonorMerge.act)
        .where(DonorMerge.org_id == org_id, DonorMerge.act != "distinct")
        .order_by(DonorMerge.id)
    )
    for child, into, act in acts:
        if act == "merge":
            belongs[child] = into
        else:
            belongs.pop(child, None)
    found, frontier = [donor_id], [donor_id]
    while frontier:
        frontier = [child for child, into in belongs.items() if into in frontier]
        found += frontier
    return found


def keep_distinct(session: Session, *, actor: Actor, donor_id: int, other_id: int, reason: str) -> None:
    """Say that two donors are different; they are not proposed again.

    Raises:
        Refused: ``reason_missing``, ``donor_same``, ``donor_unknown``.
    """
    need(actor, "donations.record")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    if donor_id == other_id:
        raise refuse("donor_same")
    for known in sorted((donor_id, other_id)):
        load_donor(session, actor.org_id, known)
    _write_merge(session, actor, donor_id, other_id, "distinct", reason)


def _write_merge(session: Session, actor: Actor, donor_id: int, into_id: int, act: str, reason: str) -> None:
    """Write what a person found about two donors, and log it."""
    session.add(
        DonorMerge(
            org_id=actor.org_id,
            id=new_id(),
            donor_id=donor_id,
            into_id=into_id,
            act=act,
            reason=clean_line(reason, 400),
            acted_by=actor.user_id,
            acted_at=actor.at,
        )
    )
    session.flush()
    bump(session, actor.org_id, TOPIC)
    record(
        session,
        actor=actor,
        act=f"donations.{act}",
        subject_kind="donor",
        subject_no=public_no_of(session, actor.org_id, donor_id),
        into_no=public_no_of(session, actor.org_id, into_id),
        reason=clean_line(reason, 400),
    )


def reveal_identifier(
    session: Session, *, actor: Actor, donor_id: int, identifier_id: int, reason: str
) -> str:
    """Return a donor's number in clear; who looked and why stays in the log.

    Args:
        actor: needs ``donations.reveal``.

    Raises:
        Refused: ``permission_missing``, ``reason_missing``, ``identifier_unknown``.

    Source: 个人信息保护法 art. 28, 51.
    """
    need(actor, "donations.reveal")
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    row = session.get(DonorIdentifier, (actor.org_id, identifier_id))
    if row is None or row.donor_id != donor_id:
        raise refuse("identifier_unknown")
    record(
        session,
        actor=actor,
        act="donations.reveal",
        subject_kind="donor",
        subject_no=public_no_of(session, actor.org_id, donor_id),
        number_kind=row.kind,
        number_hash=row.hash,
        reason=clean_line(reason, 400),
    )
    return row.value


def similar_donors(session: Session, org_id: int, name: str, *, limit: int = 10) -> Sequence[Donor]:
    """Return donors of the same name, for a clerk who is about to add one."""
    folded = fold_text(name)[:200]
    if not folded:
        return ()
    return session.scalars(
        select(Donor)
        .where(Donor.org_id == org_id, Donor.folded == folded, Donor.root_id == Donor.id)
        .order_by(Donor.id)
        .limit(limit)
    ).all()
