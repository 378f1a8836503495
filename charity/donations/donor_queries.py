"""Reads of the office about givers: the list, one donor, likely duplicates, promises.

Reads → frozen dataclasses. Numbers leave this module masked; a number in clear comes from
``donors.reveal_identifier`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from charity.donations.donors import propose_duplicates, similar_donors
from charity.donations.models import Donation, Donor, DonorIdentifier, Pledge
from charity.donations.queries import PAGE_ROWS, like_pattern
from charity.donations.standing import given_fen
from charity.ledger.models import Party
from charity.names import fold_text


@dataclass(frozen=True, slots=True)
class DonorRow:
    """One donor of the list, with those merged into it.

    Attributes:
        public_no: random number by which the office names the donor.
        kind: a key of ``rules.DONOR_KINDS``.
        gift_count: gifts recorded.
        total_fen: their sum in fen, as recorded.
        last_on: day of the latest; None without gifts.
        masked: its numbers as pages may show them.
    """

    id: int
    public_no: str
    name: str
    kind: str
    pinyin_key: str
    gift_count: int
    total_fen: int
    last_on: date | None
    masked: tuple[str, ...]

    @property
    def numbers(self) -> str:
        """Return the masked numbers as one text, for files."""
        return "; ".join(self.masked)


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """A number of a donor, masked; ``donor_id`` says whose, where donors were merged."""

    id: int
    donor_id: int
    kind: str
    masked: str


@dataclass(frozen=True, slots=True)
class DonorFacts:
    """One donor as its page shows it.

    Attributes:
        row: what the list shows of it.
        root: the donor it was found to be; None when it stands for itself.
        merged: donors found to be this one.
        has_address: whether an address is kept; it is shown on request alone.
        is_shared: whether it stands for all unknown givers.
    """

    row: DonorRow
    root: DonorRow | None
    merged: tuple[DonorRow, ...]
    identifiers: tuple[IdentifierRow, ...]
    receipt_title: str
    has_address: bool
    publish_choice: str
    chosen_on: date | None
    note: str
    is_shared: bool
    version: int


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two donors that may be one, and what they share: ``name`` or a kind of number."""

    first: DonorRow
    second: DonorRow
    is_likely: bool
    reasons: tuple[str, ...]


def list_donors(
    session: Session,
    org_id: int,
    text: str = "",
    *,
    kind: str = "",
    after: tuple[str, int] | None = None,
    limit: int = PAGE_ROWS,
) -> list[DonorRow]:
    """Return donors that stand for themselves, by pinyin.

    Args:
        text: part of the name, its pinyin or initials, or the donor's number.
        kind: a key of ``rules.DONOR_KINDS``; empty for all.
        after: pinyin and key of the last row of the page before; None for the first.
        limit: how many at most.
    """
    query = select(Donor.id).where(Donor.org_id == org_id, Donor.root_id == Donor.id)
    if kind:
        query = query.where(Donor.kind == kind)
    if text:
        party = select(Party.id).where(Party.org_id == org_id, Party.public_no == text.strip().upper())
        found = [Donor.id.in_(party)]
        if folded := fold_text(text):
            found.append(Donor.search_text.like(like_pattern(folded), escape="\\"))
        query = query.where(or_(*found))
    if after is not None:
        query = query.where(tuple_(Donor.pinyin_key, Donor.id) > after)
    ids = session.scalars(query.order_by(Donor.pinyin_key, Donor.id).limit(limit)).all()
    return donor_rows(session, org_id, ids)


def donor_rows(session: Session, org_id: int, donor_ids: Sequence[int]) -> list[DonorRow]:
    """Return donors in the order asked, each with the gifts of those merged into it."""
    found: dict[int, DonorRow] = {}
    for start in range(0, len(donor_ids), 500):
        some = donor_ids[start : start + 500]
        masked = _masked(session, org_id, some)
        sums = _sums(session, org_id, some)
        rows = session.execute(
            select(Donor.id, Party.public_no, Donor.name, Donor.kind, Donor.pinyin_key)
            .join(Party, and_(Party.org_id == Donor.org_id, Party.id == Donor.id))
            .where(Donor.org_id == org_id, Donor.id.in_(some))
        )
        for donor_id, public_no, name, kind, pinyin in rows:
            count, total, last = sums.get(donor_id, (0, 0, None))
            numbers = tuple(masked.get(donor_id, ()))
            found[donor_id] = DonorRow(donor_id, public_no, name, kind, pinyin, count, total, last, numbers)
    return [found[donor_id] for donor_id in donor_ids if donor_id in found]


def _sums(session: Session, org_id: int, donor_ids: Sequence[int]) -> dict[int, tuple[int, int, date | None]]:
    """Return donor → how many gifts, their sum in fen, the latest day; with merged donors."""
    rows = session.execute(
        select(Donor.root_id, func.count(), func.sum(given_fen()), func.max(Donation.received_on))
        .join(Donation, and_(Donation.org_id == Donor.org_id, Donation.donor_id == Donor.id))
        .where(Donor.org_id == org_id, Donor.root_id.in_(donor_ids))
        .group_by(Donor.root_id)
    )
    return {row[0]: (row[1], int(row[2]), row[3]) for row in rows}


def _masked(session: Session, org_id: int, donor_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return donor → its own numbers, masked."""
    rows = session.execute(
        select(DonorIdentifier.donor_id, DonorIdentifier.masked)
        .where(DonorIdentifier.org_id == org_id, DonorIdentifier.donor_id.in_(donor_ids))
        .order_by(DonorIdentifier.id)
    )
    found: dict[int, list[str]] = {}
    for donor_id, masked in rows:
        found.setdefault(donor_id, []).append(masked)
    return found


def donor_id_of(session: Session, org_id: int, public_no: str) -> int | None:
    """Return a donor's key by its number; None when there is none."""
    return session.scalar(
        select(Donor.id)
        .join(Party, and_(Party.org_id == Donor.org_id, Party.id == Donor.id))
        .where(Donor.org_id == org_id, Party.public_no == public_no.strip().upper())
    )


def find_donor(session: Session, org_id: int, public_no: str) -> DonorFacts | None:
    """Return one donor by its number; None when there is none."""
    donor_id = donor_id_of(session, org_id, public_no)
    if donor_id is None:
        return None
    donor = session.get_one(Donor, (org_id, donor_id))
    merged = session.scalars(
        select(Donor.id)
        .where(Donor.org_id == org_id, Donor.root_id == donor.id, Donor.id != donor.id)
        .order_by(Donor.id)
    ).all()
    is_root = donor.root_id == donor.id
    return DonorFacts(
        row=donor_rows(session, org_id, [donor.id])[0],
        root=None if is_root else donor_rows(session, org_id, [donor.root_id])[0],
        merged=tuple(donor_rows(session, org_id, merged)),
        identifiers=_identifiers(session, org_id, [donor.id, *merged]),
        receipt_title=donor.receipt_title,
        has_address=bool(donor.address),
        publish_choice=donor.publish_choice,
        chosen_on=donor.chosen_on,
        note=donor.note,
        is_shared=donor.shared_key is not None,
        version=donor.version,
    )


def _identifiers(session: Session, org_id: int, donor_ids: Iterable[int]) -> tuple[IdentifierRow, ...]:
    """Return the numbers of donors, masked."""
    rows = session.execute(
        select(DonorIdentifier.id, DonorIdentifier.donor_id, DonorIdentifier.kind, DonorIdentifier.masked)
        .where(DonorIdentifier.org_id == org_id, DonorIdentifier.donor_id.in_(sorted(donor_ids)))
        .order_by(DonorIdentifier.kind, DonorIdentifier.id)
    )
    return tuple(IdentifierRow(*row) for row in rows)


def likely_donors(session: Session, org_id: int, name: str) -> list[DonorRow]:
    """Return known donors of the same name, for a clerk who is about to write one down."""
    return donor_rows(session, org_id, [donor.id for donor in similar_donors(session, org_id, name)])


def duplicate_pairs(session: Session, org_id: int) -> tuple[PairRow, ...]:
    """Return pairs of donors that may be one, likely ones first."""
    pairs = propose_duplicates(session, org_id)
    ids = sorted({donor_id for pair in pairs for donor_id in (pair.first_id, pair.second_id)})
    rows = {row.id: row for row in donor_rows(session, org_id, ids)}
    return tuple(
        PairRow(rows[pair.first_id], rows[pair.second_id], pair.is_likely, pair.reasons) for pair in pairs
    )


@dataclass(frozen=True, slots=True)
class PledgeRow:
    """One promise; amounts in fen.

    Attributes:
        paid_fen: the sum of the gifts recorded for it.
        left_fen: what is still to come, zero or more.
        state: open or withdrawn.
    """

    id: int
    public_no: str
    donor: str
    donor_no: str
    amount_fen: int
    paid_fen: int
    left_fen: int
    promised_on: date
    due_on: date | None
    stated_purpose: str
    agreement_ref: str
    state: str
    withdrawn_reason: str


def list_pledges(session: Session, org_id: int, *, public_no: str = "", limit: int = 500) -> list[PledgeRow]:
    """Return promises, open ones first, by the day they are due.

    Args:
        public_no: one of them by its number; empty for all.
    """
    paid = (
        select(func.sum(given_fen()))
        .where(Donation.org_id == Pledge.org_id, Donation.pledge_id == Pledge.id)
        .scalar_subquery()
    )
    party = aliased(Party)
    query = (
        select(Pledge, Donor.name, party.public_no, paid)
        .join(Donor, and_(Donor.org_id == Pledge.org_id, Donor.id == Pledge.donor_id))
        .join(party, and_(party.org_id == Pledge.org_id, party.id == Pledge.donor_id))
        .where(Pledge.org_id == org_id)
        .order_by(Pledge.state, Pledge.due_on.is_(None), Pledge.due_on, Pledge.id)
        .limit(limit)
    )
    if public_no:
        query = query.where(Pledge.public_no == public_no)
    return [
        PledgeRow(
            id=one.id,
            public_no=one.public_no,
            donor=name,
            donor_no=donor_no,
            amount_fen=one.amount_fen,
            paid_fen=int(came or 0),
            left_fen=max(0, one.amount_fen - int(came or 0)),
            promised_on=one.promised_on,
            due_on=one.due_on,
            stated_purpose=one.stated_purpose,
            agreement_ref=one.agreement_ref,
            state=one.state,
            withdrawn_reason=one.withdrawn_reason,
        )
        for one, name, donor_no, came in session.execute(query)
    ]
