"""Finding the donor of a gift among those known, for one gift or five hundred at once.

Imports ``db`` and lower and this feature. A gift joins a donor that is surely the same:
the same credential, or the same name with the same phone or account, or the same full
name of a body. Everything weaker makes a new donor and a proposal for a person; nobody is
ever merged here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.identifiers import CREDENTIALS, Identifier
from charity.donations.models import Donor, DonorIdentifier
from charity.donations.rules import NATURAL_KINDS
from charity.ids import new_ids, new_public_no
from charity.ledger.models import Party
from charity.names import fold_text, pinyin_key, search_text

#: Key of the one donor that stands for all givers of whom nothing is known.
SHARED_ANONYMOUS = "anonymous"

_PUBLIC_BODY = re.compile(
    r"政府|[局办委厅署院]$|街道|办事处|村民委员会|居民委员会|村委|居委|委员会|法院|检察院|学校|大学|学院|中学|小学|"
    r"幼儿园|医院|部队|大队|支队"
)
_ORGANISATION = re.compile(r"协会|学会|商会|联合会|慈善|基金会|促进会|工会|寺$|教会|教堂|合作社|总会")


@dataclass(frozen=True, slots=True)
class DonorFacts:
    """What is known of the giver of one gift.

    Attributes:
        kind: a key of ``rules.DONOR_KINDS``.
        name: as given, one clean line; empty when not known.
        identifiers: numbers in their stored form.
        receipt_title: name on the invoice; empty for the same.
        address: postal address.
    """

    kind: str
    name: str = ""
    identifiers: tuple[Identifier, ...] = ()
    receipt_title: str = ""
    address: str = ""

    @property
    def folded(self) -> str:
        """Return the name for comparison."""
        return fold_text(self.name)[:200]

    @property
    def is_nobody(self) -> bool:
        """Say whether nothing at all is known."""
        return not self.name and not self.identifiers


@dataclass(slots=True)
class _Known:
    """A donor as far as matching needs it."""

    id: int
    kind: str
    folded: str
    hashes: set[tuple[str, str]] = field(default_factory=set)

    def credential(self, kind: str) -> set[str]:
        """Return the hashes of one kind of number."""
        return {text for own, text in self.hashes if own == kind}


def body_kind(name: str) -> str:
    """Return which kind of body a name looks like: public_body, organisation or company."""
    if "公司" in name or "集团" in name:
        return "company"
    if _ORGANISATION.search(name):
        return "organisation"
    return "public_body" if _PUBLIC_BODY.search(name) else "company"


class DonorFinder:
    """The donors that some gifts may be from, looked up once and kept up with new ones."""

    def __init__(self, session: Session, org_id: int, facts: Sequence[DonorFacts]) -> None:
        """Look up everyone who shares a number, or the name of a body, with these givers."""
        self._by_hash: dict[tuple[str, str], list[_Known]] = defaultdict(list)
        self._by_name: dict[str, list[_Known]] = defaultdict(list)
        known: dict[int, _Known] = {}
        hashes = sorted({identifier.hash for item in facts for identifier in item.identifiers})
        names = sorted({item.folded for item in facts if item.kind not in NATURAL_KINDS and item.folded})
        for part in _parts(hashes):
            condition = Donor.id.in_(
                select(DonorIdentifier.donor_id).where(
                    DonorIdentifier.org_id == org_id, DonorIdentifier.hash.in_(part)
                )
            )
            _load(session, org_id, condition, known)
        for part in _parts(names):
            _load(session, org_id, Donor.folded.in_(part) & Donor.kind.not_in(NATURAL_KINDS), known)
        self._roots = _roots(session, org_id, known)
        for donor in known.values():
            self._index(donor)

    def _index(self, donor: _Known) -> None:
        for key in donor.hashes:
            self._by_hash[key].append(donor)
        if donor.folded and donor.kind not in NATURAL_KINDS:
            self._by_name[donor.folded].append(donor)

    def find(self, facts: DonorFacts) -> int | None:
        """Return the donor who is surely the same, None when there is none."""
        folded = facts.folded
        own = {(identifier.kind, identifier.hash) for identifier in facts.identifiers}
        for kind, text in sorted(own, key=lambda key: key[0] not in CREDENTIALS):
            for donor in self._by_hash.get((kind, text), ()):
                is_open_name = kind in CREDENTIALS and (not folded or not donor.folded)
                if (donor.folded == folded or is_open_name) and not _contradicts(donor, own):
                    return self._roots.get(donor.id, donor.id)
        if facts.kind not in NATURAL_KINDS and folded:
            for donor in self._by_name.get(folded, ()):
                if not _contradicts(donor, own):
                    return self._roots.get(donor.id, donor.id)
        return None

    def add(self, donor_id: int, facts: DonorFacts) -> None:
        """Take in a donor made a moment ago."""
        hashes = {(identifier.kind, identifier.hash) for identifier in facts.identifiers}
        self._index(_Known(donor_id, facts.kind, facts.folded, hashes))


def _contradicts(donor: _Known, own: Iterable[tuple[str, str]]) -> bool:
    """Say whether a credential of the same kind differs: then they are two."""
    for kind, text in own:
        other = donor.credential(kind) if kind in CREDENTIALS else set()
        if other and text not in other:
            return True
    return False


def _parts(values: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    """Yield runs of values short enough for one statement."""
    return (values[start : start + size] for start in range(0, len(values), size))


def _load(session: Session, org_id: int, condition: object, known: dict[int, _Known]) -> None:
    """Add the donors of a condition with all their numbers."""
    rows = session.execute(
        select(Donor.id, Donor.kind, Donor.folded, DonorIdentifier.kind, DonorIdentifier.hash)
        .outerjoin(
            DonorIdentifier,
            (DonorIdentifier.org_id == Donor.org_id) & (DonorIdentifier.donor_id == Donor.id),
        )
        .where(Donor.org_id == org_id, condition)  # type: ignore[arg-type]
        .order_by(Donor.id)
    )
    for donor_id, kind, folded, number_kind, text in rows:
        donor = known.setdefault(donor_id, _Known(donor_id, kind, folded))
        if text is not None:
            donor.hashes.add((number_kind, text))


def _roots(session: Session, org_id: int, known: dict[int, _Known]) -> dict[int, int]:
    """Return donor → the donor it was found to be."""
    if not known:
        return {}
    result: dict[int, int] = {}
    ids = sorted(known)
    for start in range(0, len(ids), 500):
        rows = session.execute(
            select(Donor.id, Donor.root_id).where(
                Donor.org_id == org_id, Donor.id.in_(ids[start : start + 500])
            )
        )
        result.update(dict(rows.all()))
    return result


def find_or_make_donors(session: Session, *, actor: Actor, facts: Sequence[DonorFacts]) -> list[int]:
    """Return the donor of each gift, known or new, in order.

    Two givers of the batch that are surely the same share one new donor. Givers of whom
    nothing is known share the org's one unknown donor.

    Args:
        actor: recorded as who made a new donor.
        facts: any number; five hundred cost a handful of statements.
    """
    finder = DonorFinder(session, actor.org_id, facts)
    nobody = shared_donor(session, actor=actor) if any(item.is_nobody for item in facts) else 0
    result: list[int] = []
    fresh: list[tuple[int, DonorFacts]] = []
    added: dict[int, list[Identifier]] = {}
    spare = iter(new_ids(len(facts)))
    for item in facts:
        if item.is_nobody:
            result.append(nobody)
            continue
        donor_id = finder.find(item)
        if donor_id is None:
            donor_id = next(spare)
            fresh.append((donor_id, item))
            finder.add(donor_id, item)
        elif item.identifiers:
            added.setdefault(donor_id, []).extend(item.identifiers)
        result.append(donor_id)
    insert_donors(session, actor=actor, donors=fresh)
    add_identifiers(session, actor=actor, identifiers=added)
    return result


def insert_donors(session: Session, *, actor: Actor, donors: Sequence[tuple[int, DonorFacts]]) -> None:
    """Write new donors with their handles in the ledger and their numbers."""
    if not donors:
        return
    org_id = actor.org_id
    parties = [
        {"org_id": org_id, "id": donor_id, "public_no": new_public_no("P"), "kind": item.kind}
        for donor_id, item in donors
    ]
    session.connection().execute(insert(Party), parties)
    session.connection().execute(
        insert(Donor), [_donor_row(actor, donor_id, item) for donor_id, item in donors]
    )
    add_identifiers(
        session,
        actor=actor,
        identifiers={donor_id: list(item.identifiers) for donor_id, item in donors},
        are_new=True,
    )


def _donor_row(actor: Actor, donor_id: int, facts: DonorFacts) -> dict[str, object]:
    """Return the columns of a new donor."""
    return {
        "org_id": actor.org_id,
        "id": donor_id,
        "kind": facts.kind,
        "name": facts.name,
        "folded": facts.folded,
        "search_text": search_text(facts.name) if facts.name else "",
        "pinyin_key": pinyin_key(facts.name)[:200] if facts.name else "",
        "root_id": donor_id,
        "shared_key": None,
        "receipt_title": facts.receipt_title[:200],
        "address": facts.address[:300],
        "publish_choice": "",
        "chosen_on": None,
        "note": "",
        "made_by": actor.user_id,
        "made_at": actor.at,
        "version": 1,
    }


def add_identifiers(
    session: Session,
    *,
    actor: Actor,
    identifiers: dict[int, list[Identifier]],
    are_new: bool = False,
) -> None:
    """Write numbers that donors do not have yet.

    Args:
        identifiers: donor → numbers.
        are_new: the donors were made a moment ago and have none.
    """
    wanted = {
        (donor_id, item.kind, item.hash): item for donor_id, items in identifiers.items() for item in items
    }
    if wanted and not are_new:
        ids = sorted(identifiers)
        for start in range(0, len(ids), 500):
            rows = session.execute(
                select(DonorIdentifier.donor_id, DonorIdentifier.kind, DonorIdentifier.hash).where(
                    DonorIdentifier.org_id == actor.org_id,
                    DonorIdentifier.donor_id.in_(ids[start : start + 500]),
                )
            )
            for key in rows:
                wanted.pop(key, None)
    if not wanted:
        return
    values = [
        {
            "org_id": actor.org_id,
            "id": row_id,
            "donor_id": donor_id,
            "kind": item.kind,
            "hash": text,
            "value": item.value,
            "masked": item.masked,
            "made_at": actor.at,
        }
        for row_id, ((donor_id, _kind, text), item) in zip(new_ids(len(wanted)), wanted.items(), strict=True)
    ]
    session.connection().execute(insert(DonorIdentifier), values)


def shared_donor(session: Session, *, actor: Actor) -> int:
    """Return the one donor that stands for givers of whom nothing is known; made when first needed."""
    known = session.scalar(
        select(Donor.id).where(Donor.org_id == actor.org_id, Donor.shared_key == SHARED_ANONYMOUS)
    )
    if known is not None:
        return known
    donor_id = new_ids(1)[0]
    session.connection().execute(
        insert(Party).values(org_id=actor.org_id, id=donor_id, public_no=new_public_no("P"), kind="anonymous")
    )
    row = _donor_row(actor, donor_id, DonorFacts("anonymous"))
    session.connection().execute(insert(Donor).values({**row, "shared_key": SHARED_ANONYMOUS}))
    return donor_id
