"""Reads of the office: gifts, the queue of unclear purposes.

Whether a gift is in the books is asked of its draft and of the posted vouchers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from charity.donations.models import Allocation, Donation, Donor, Pledge, Refund
from charity.donations.standing import Entry, Purse, claim_fell, entries_of, purses_of, stands
from charity.errors import N_
from charity.ids import key_of
from charity.ledger.models import Draft, Earmark, Fund, MoneyPlace, Party
from charity.ledger.sealed_models import Voucher
from charity.names import fold_text

PAGE_ROWS, FILE_ROWS = 50, 20_000

#: Where a gift stands on its way into the books → label.
GIFT_STATES: Mapping[str, str] = {
    "waiting": N_("purpose unclear"),
    "held": N_("held back"),
    "undrafted": N_("waits for its voucher"),
    "drafted": N_("voucher being prepared"),
    "posted": N_("in the books"),
    "reversed": N_("voucher reversed"),
    "unidentified": N_("giver unknown"),
}


@dataclass(frozen=True, slots=True)
class GiftFilter:
    """What the list of gifts is asked for; empty fields ask nothing.

    Attributes:
        text: number of the gift, reference of the bank, or part of the donor's name, its
            pinyin or initials.
        least_fen, most_fen: amount in fen, both included.
        from_on, until_on: day received, both included.
        fund: code of a fund one of its parts goes to.
        channel: a key of ``rules.CHANNELS``.
        state: a key of :data:`GIFT_STATES`.
        donor_id: gifts of this donor and of those merged into it.
    """

    text: str = ""
    least_fen: int | None = None
    most_fen: int | None = None
    from_on: date | None = None
    until_on: date | None = None
    fund: str = ""
    channel: str = ""
    state: str = ""
    donor_id: int | None = None


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of a gift: fund and earmark with their names, the amount in fen.

    Attributes:
        earmark_name: empty for the fund's charter.
        is_by_word: whether a learned word chose it.
    """

    fund: str
    fund_name: str
    earmark: str
    earmark_name: str
    amount_fen: int
    is_by_word: bool

    @property
    def purse(self) -> str:
        """Return fund and earmark as one text."""
        return f"{self.fund_name}／{self.earmark_name}" if self.earmark_name else self.fund_name


@dataclass(frozen=True, slots=True)
class GiftRow:
    """One gift of the list; amounts in fen.

    Attributes:
        amount_fen: what stands in the books, refunds not counted; before that what was recorded.
        recorded_fen: as first recorded; it differs where a correction changed the gift.
        parts: where it stands in the books, before that how it is allocated.
        donor: name as recorded; empty for an unknown giver.
        donor_no: number of the donor.
        state: a key of :data:`GIFT_STATES`.
        month, word, number: of the posted voucher; None before.
        blocked_by: problem code that kept it from being drafted.
    """

    id: int
    public_no: str
    donor: str
    donor_no: str
    amount_fen: int
    recorded_fen: int
    received_on: date
    channel: str
    reference: str
    stated_purpose: str
    state: str
    blocked_by: str
    draft_id: int | None
    month: int | None
    word: str
    number: int | None
    parts: tuple[PartRow, ...]

    @property
    def funds(self) -> str:
        """Return the purses of its parts in one text, for files."""
        return "; ".join(part.purse for part in self.parts)

    @property
    def voucher(self) -> str:
        """Return month and number of its voucher in one text; empty before it is posted."""
        if self.number is None or self.month is None:
            return ""
        return f"{self.month // 100}-{self.month % 100:02d} {self.word}-{self.number:04d}"

    @property
    def cursor(self) -> str:
        """Return where the rows after this one begin."""
        return f"{self.received_on.isoformat()}~{self.id}"


def like_pattern(text: str) -> str:
    """Return a pattern that finds a text anywhere."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _gifts(org_id: int) -> Select[*tuple[Any, ...]]:
    """Return the gifts of an org with donor, draft and voucher."""
    return (
        select(
            Donation,
            Donor.name,
            Party.public_no,
            Draft.state,
            Voucher.month,
            Voucher.word,
            Voucher.number,
            stands(),
            claim_fell(),
        )
        .join(Donor, and_(Donor.org_id == Donation.org_id, Donor.id == Donation.donor_id))
        .join(Party, and_(Party.org_id == Donation.org_id, Party.id == Donation.donor_id))
        .outerjoin(Draft, and_(Draft.org_id == Donation.org_id, Draft.id == Donation.draft_id))
        .outerjoin(Voucher, and_(Voucher.org_id == Draft.org_id, Voucher.id == Draft.voucher_id))
        .where(Donation.org_id == org_id)
    )


def _in_state(state: str) -> ColumnElement[bool]:
    """Return the condition of a state; the states exclude one another."""
    is_unclaimed = or_(Donation.nature == "unidentified", claim_fell())
    is_gift, is_clear = ~is_unclaimed, Donation.is_allocated
    has_no_draft = or_(Donation.draft_id.is_(None), Draft.state == "discarded")
    conditions: dict[str, ColumnElement[bool]] = {
        "unidentified": is_unclaimed,
        "waiting": and_(is_gift, ~is_clear),
        "held": and_(is_gift, is_clear, has_no_draft, Donation.blocked_by != ""),
        "undrafted": and_(is_gift, is_clear, has_no_draft, Donation.blocked_by == ""),
        "drafted": and_(is_gift, is_clear, Draft.state.not_in(("posted", "discarded"))),
        "posted": and_(is_gift, is_clear, Draft.state == "posted", stands() > 0),
        "reversed": and_(is_gift, is_clear, Draft.state == "posted", stands() <= 0),
    }
    return conditions[state]


def _state_of(donation: Donation, draft_state: str | None, stands_fen: int | None, fell: bool) -> str:
    """Return where a gift stands, as :func:`_in_state` finds it.

    A voucher reversed and made anew in one set leaves the gift in the books.
    """
    if donation.nature == "unidentified" or fell:
        return "unidentified"
    if not donation.is_allocated:
        return "waiting"
    if draft_state in (None, "discarded"):
        return "held" if donation.blocked_by else "undrafted"
    if draft_state != "posted":
        return "drafted"
    return "posted" if (stands_fen or 0) > 0 else "reversed"


def _conditions(org_id: int, wanted: GiftFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter."""
    found: list[ColumnElement[bool]] = []
    if wanted.least_fen is not None:
        found.append(Donation.amount_fen >= wanted.least_fen)
    if wanted.most_fen is not None:
        found.append(Donation.amount_fen <= wanted.most_fen)
    if wanted.from_on:
        found.append(Donation.received_on >= wanted.from_on)
    if wanted.until_on:
        found.append(Donation.received_on <= wanted.until_on)
    if wanted.channel:
        found.append(Donation.channel == wanted.channel)
    if wanted.state in GIFT_STATES:
        found.append(_in_state(wanted.state))
    if wanted.donor_id is not None:
        found.append(Donor.root_id == wanted.donor_id)
    if wanted.fund:
        to_fund = (
            select(Allocation.donation_id)
            .join(Fund, and_(Fund.org_id == Allocation.org_id, Fund.id == Allocation.fund_id))
            .where(Allocation.org_id == org_id, Fund.code == wanted.fund)
        )
        found.append(Donation.id.in_(to_fund))
    if wanted.text:
        found.append(_text_condition(wanted.text))
    return found


def _text_condition(text: str) -> ColumnElement[bool]:
    """Return the condition of a search: numbers exactly, the reference's start, the name's any part."""
    number = text.strip().upper()
    reference = text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = [Donation.public_no == number, Donation.reference.like(f"{reference}%", escape="\\")]
    if folded := fold_text(text):
        found.append(Donor.search_text.like(like_pattern(folded), escape="\\"))
    return or_(*found)


def read_cursor(text: str) -> tuple[date, int] | None:
    """Return day and key after which a page begins; None for the first page."""
    on, _tilde, key = text.partition("~")
    number = key_of(key)
    if number is None:
        return None
    try:
        return date.fromisoformat(on), number
    except ValueError:
        return None


def list_gifts(
    session: Session,
    org_id: int,
    wanted: GiftFilter,
    *,
    before: tuple[date, int] | None = None,
    limit: int = PAGE_ROWS,
) -> list[GiftRow]:
    """Return gifts by the day received, the newest first.

    Args:
        before: day and key of the last row of the page before; None for the first.
        limit: how many at most.
    """
    query = _gifts(org_id).where(*_conditions(org_id, wanted))
    if before is not None:
        query = query.where(tuple_(Donation.received_on, Donation.id) < before)
    rows = session.execute(query.order_by(Donation.received_on.desc(), Donation.id.desc()).limit(limit)).all()
    parts = standing_parts(session, org_id, [row[0].id for row in rows])
    return [_gift_row(row, parts) for row in rows]


def _gift_row(row: Any, parts: Mapping[int, tuple[PartRow, ...]]) -> GiftRow:
    """Return a gift as a row of the list."""
    donation, donor, donor_no, draft_state, month, word, number, stands_fen, fell = row
    state = _state_of(donation, draft_state, stands_fen, bool(fell))
    return GiftRow(
        id=donation.id,
        public_no=donation.public_no,
        donor=donor,
        donor_no=donor_no,
        amount_fen=int(stands_fen) if state == "posted" else donation.amount_fen,
        recorded_fen=donation.amount_fen,
        received_on=donation.received_on,
        channel=donation.channel,
        reference=donation.reference,
        stated_purpose=donation.stated_purpose,
        state=state,
        blocked_by=donation.blocked_by,
        draft_id=donation.draft_id if draft_state not in (None, "discarded") else None,
        month=month,
        word=word or "",
        number=number,
        parts=parts.get(donation.id, ()),
    )


def standing_parts(session: Session, org_id: int, gift_ids: Sequence[int]) -> dict[int, tuple[PartRow, ...]]:
    """Return gift → its parts as the posted lines say; as allocated while none is posted."""
    found = parts_of(session, org_id, gift_ids)
    for gift_id, purses in purses_of(session, org_id, gift_ids).items():
        by_word = {(part.fund, part.earmark): part.is_by_word for part in found.get(gift_id, ())}
        standing = tuple(_part_row(purse, by_word) for purse in purses if purse.fen > 0)
        if standing:
            found[gift_id] = standing
    return found


def _part_row(purse: Purse, by_word: Mapping[tuple[str, str], bool]) -> PartRow:
    """Return what stands in one purse as a part of the gift."""
    chosen = by_word.get((purse.fund, purse.earmark), False)
    return PartRow(purse.fund, purse.fund_name, purse.earmark, purse.earmark_name, purse.fen, chosen)


def parts_of(session: Session, org_id: int, gift_ids: Sequence[int]) -> dict[int, tuple[PartRow, ...]]:
    """Return gift → its parts in their order; a gift without parts is left out."""
    found: dict[int, list[PartRow]] = {}
    for start in range(0, len(gift_ids), 500):
        rows = session.execute(
            select(
                Allocation.donation_id,
                Fund.code,
                Fund.name,
                Earmark.code,
                Earmark.name,
                Earmark.is_default,
                Allocation.amount_fen,
                Allocation.rule_id,
            )
            .join(Fund, and_(Fund.org_id == Allocation.org_id, Fund.id == Allocation.fund_id))
            .join(Earmark, and_(Earmark.org_id == Allocation.org_id, Earmark.id == Allocation.earmark_id))
            .where(Allocation.org_id == org_id, Allocation.donation_id.in_(gift_ids[start : start + 500]))
            .order_by(Allocation.donation_id, Allocation.position)
        )
        for gift_id, fund, fund_name, earmark, earmark_name, is_default, fen, rule_id in rows:
            name = "" if is_default else earmark_name
            found.setdefault(gift_id, []).append(
                PartRow(fund, fund_name, earmark, name, fen, rule_id is not None)
            )
    return {gift_id: tuple(parts) for gift_id, parts in found.items()}


@dataclass(frozen=True, slots=True)
class RefundRow:
    """Money given back of a gift, in fen; ``state`` is that of its draft."""

    amount_fen: int
    refunded_on: date
    reason: str
    draft_id: int | None
    state: str


@dataclass(frozen=True, slots=True)
class GiftFacts:
    """One gift as its page shows it.

    Attributes:
        row: what the list shows of it.
        donor_kind: a key of ``rules.DONOR_KINDS``.
        place: name of the place of money.
        left_fen: what has not been given back, in fen.
        entries: the posted vouchers that made it what it is, in the order of posting.
        receipt_state: a key of ``publication.RECEIPT_STATES``.
        claim_draft_id: the voucher that took it out of 220901.
        pledge_no: number of the promise it keeps; empty for none.
        is_free: whether no living voucher holds it, so that its parts may change.
    """

    row: GiftRow
    donor_kind: str
    place: str
    place_code: str
    left_fen: int
    publish_as: str
    shows_amount: bool
    receipt_state: str
    attachments: tuple[str, ...]
    claim_draft_id: int | None
    pledge_no: str
    source_form: str
    recorded_at: datetime
    version: int
    refunds: tuple[RefundRow, ...]
    entries: tuple[Entry, ...]

    @property
    def is_corrected(self) -> bool:
        """Say whether a correction voucher changed what it is."""
        return any(entry.role == "correction" for entry in self.entries)

    @property
    def is_free(self) -> bool:
        """Say whether its parts may be changed."""
        return self.row.state in ("waiting", "held", "undrafted", "reversed")


def find_gift(session: Session, org_id: int, public_no: str) -> GiftFacts | None:
    """Return one gift by its number; None when there is none."""
    found = session.execute(_gifts(org_id).where(Donation.public_no == public_no)).first()
    if found is None:
        return None
    donation: Donation = found[0]
    row = _gift_row(found, standing_parts(session, org_id, [donation.id]))
    purses = purses_of(session, org_id, [donation.id]).get(donation.id, ())
    refunds = refunds_of(session, org_id, donation.id)
    place = session.get_one(MoneyPlace, (org_id, donation.money_place_id))
    pledge = session.get(Pledge, (org_id, donation.pledge_id)) if donation.pledge_id else None
    return GiftFacts(
        row=row,
        donor_kind=session.get_one(Donor, (org_id, donation.donor_id)).kind,
        place=place.name,
        place_code=place.code,
        left_fen=sum(purse.left_fen for purse in purses) if row.state == "posted" else row.amount_fen,
        publish_as=donation.publish_as,
        shows_amount=donation.shows_amount,
        receipt_state=donation.receipt_state,
        attachments=tuple(donation.attachments),
        claim_draft_id=donation.claim_draft_id,
        pledge_no=pledge.public_no if pledge else "",
        source_form=donation.source_form,
        recorded_at=donation.recorded_at,
        version=donation.version,
        refunds=refunds,
        entries=entries_of(session, org_id, donation.id),
    )


def refunds_of(session: Session, org_id: int, gift_id: int) -> tuple[RefundRow, ...]:
    """Return the refunds of a gift, the oldest first, with the state of their drafts."""
    rows = session.execute(
        select(Refund, Draft.state)
        .outerjoin(Draft, and_(Draft.org_id == Refund.org_id, Draft.id == Refund.draft_id))
        .where(Refund.org_id == org_id, Refund.donation_id == gift_id)
        .order_by(Refund.id)
    )
    return tuple(
        RefundRow(one.amount_fen, one.refunded_on, one.reason, one.draft_id, state or "draft")
        for one, state in rows
    )


def has_refund(session: Session, org_id: int, event_key: str) -> bool:
    """Say whether a refund of this key is recorded already."""
    query = select(Refund.id).where(Refund.org_id == org_id, Refund.event_key == event_key[:120])
    return session.scalar(query) is not None


def gift_of_key(session: Session, org_id: int, key: str) -> str:
    """Return the number of the gift a form with this key recorded; empty when it recorded none."""
    query = select(Donation.public_no).where(Donation.org_id == org_id, Donation.event_key == f"form:{key}")
    return session.scalar(query) or ""


def count_in_state(session: Session, org_id: int, state: str) -> int:
    """Return how many gifts stand in a state of :data:`GIFT_STATES`."""
    query = _gifts(org_id).where(_in_state(state)).with_only_columns(func.count())
    return session.execute(query).scalar_one()


def waiting_gifts(
    session: Session, org_id: int, *, after_id: int = 0, limit: int = PAGE_ROWS
) -> list[GiftRow]:
    """Return gifts whose purpose a person must say, in the order they were recorded.

    Args:
        after_id: key of the gift left for later; 0 for the first.
    """
    query = _gifts(org_id).where(Donation.is_allocated.is_(False), Donation.id > after_id)
    rows = session.execute(query.order_by(Donation.id).limit(limit)).all()
    return [_gift_row(row, {}) for row in rows]


def same_words(session: Session, org_id: int, words: str, *, limit: int = 500) -> list[int]:
    """Return the keys of waiting gifts with exactly these words, oldest first; none for no words."""
    if not words:
        return []
    query = select(Donation.id).where(
        Donation.org_id == org_id, Donation.is_allocated.is_(False), Donation.stated_purpose == words
    )
    return list(session.scalars(query.order_by(Donation.id).limit(limit)))


def still_waiting(session: Session, org_id: int, gift_ids: Sequence[int]) -> list[int]:
    """Return which of these gifts are not allocated yet, in the order given; at most 500 are asked."""
    asked = list(gift_ids)[:500]
    query = select(Donation.id).where(
        Donation.org_id == org_id, Donation.id.in_(asked), Donation.is_allocated.is_(False)
    )
    found = set(session.scalars(query))
    return [gift_id for gift_id in asked if gift_id in found]
