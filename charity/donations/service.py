"""Acts on gifts: record, allocate, claim, show, give a pile of slips.

One verb per act; flushes, never commits. Who also makes vouchers gets the draft in the
same act; otherwise the gift waits for the accountant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.channels import check_landing, landings
from charity.donations.drafts import draft_donations
from charity.donations.identifiers import Identifier, read_identifier
from charity.donations.matching import DonorFacts
from charity.donations.models import Allocation, Donation, Donor, Pledge
from charity.donations.purpose_rules import PurposeBook
from charity.donations.recording import (
    TOPIC,
    FixedPart,
    NewGift,
    insert_gifts,
    insert_parts,
    load_purposes,
    same_gift_key,
)
from charity.donations.refunds import load_donation
from charity.donations.rules import (
    Part,
    check_allocation,
    check_donor,
    check_gift,
    check_publication,
    close_allocation,
)
from charity.donations.standing import posted_fen
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.ledger.books import load_books
from charity.ledger.models import Draft
from charity.ledger.rules import Books, PlaceInfo
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record
from charity.web.cache import bump

PROBLEMS = register(
    {
        "gift_alike": N_(
            "Gift %(gift)s has the same day, amount and name. If this is another gift, say so and save again."
        ),
        "gift_place_unknown": N_("There is no place of money %(place)s open on %(on)s."),
        "gift_fund_unknown": N_("Line %(line)s: there is no fund %(fund)s open for gifts on %(on)s."),
        "gift_earmark_unknown": N_("Line %(line)s: %(earmark)s is no purpose of fund %(fund)s."),
        "gift_agency_place": N_(
            "Line %(line)s: agency money cannot lie at %(place)s; choose a bank account."
        ),
        "gift_in_books": N_(
            "Gift %(gift)s is in a voucher; reverse or discard that first, then change the gift."
        ),
        "gift_donor_unknown": N_("There is no such donor in these books."),
        "pledge_unknown": N_("There is no such open promise of this donor."),
        "allocation_split_many": N_(
            "Several gifts at once go to one fund; divide a single gift on its own page."
        ),
    }
)
register_acts(
    {
        "donations.record": N_("Recorded a gift"),
        "donations.allocate": N_("Allocated gifts to a fund"),
        "donations.unclaimed": N_("Booked gifts of unclear purpose as unclaimed"),
    }
)
register_labels({"fund": N_("Fund")})


@dataclass(frozen=True, slots=True)
class DonorEntry:
    """A giver as typed: numbers are checked and brought to one form by :meth:`facts`."""

    kind: str
    name: str = ""
    id_number: str = ""
    credit_code: str = ""
    phone: str = ""
    account: str = ""
    receipt_title: str = ""
    address: str = ""

    def facts(self) -> DonorFacts:
        """Return the giver in its stored form.

        Raises:
            Refused: ``gift_kind_unknown``, ``gift_name_missing``, ``gift_name_long``,
                ``id_number_wrong``, ``credit_code_wrong``, ``phone_wrong``, ``account_wrong``.
        """
        name = clean_line(self.name, len(self.name) + 1)
        problems = check_donor(self.kind, name)
        found: list[Identifier] = []
        for kind in ("id_number", "credit_code", "phone", "account"):
            identifier, wrong = read_identifier(kind, getattr(self, kind))
            problems += wrong
            found += [identifier] if identifier else []
        refuse_if(problems)
        return DonorFacts(
            kind=self.kind,
            name=name,
            identifiers=tuple(found),
            receipt_title=clean_line(self.receipt_title),
            address=clean_line(self.address, 300),
        )


@dataclass(frozen=True, slots=True)
class GiftEntry:
    """A gift as typed.

    Attributes:
        donor: the giver; left aside when ``donor_id`` names one that is known.
        place: code of the place the money came in.
        parts: empty to let the learned words decide from ``stated_purpose``.
        publish_as: empty for the donor's recorded choice, else the default of the kind.
        is_another: the clerk has seen the gift that looks the same.
        is_unidentified: nobody knows whose money it is (待认领).
    """

    donor: DonorEntry
    amount_fen: int
    channel: str
    place: str
    received_on: date
    donor_id: int | None = None
    received_at: datetime | None = None
    reference: str = ""
    stated_purpose: str = ""
    parts: tuple[Part, ...] = ()
    publish_as: str = ""
    shows_amount: bool = True
    unit_id: int | None = None
    pledge_id: int | None = None
    attachments: tuple[str, ...] = ()
    is_another: bool = False
    is_unidentified: bool = False


def need(actor: Actor, *permissions: str) -> None:
    """Refuse an actor who holds none of these permissions."""
    if not any(actor.may(permission) for permission in permissions):
        raise refuse("permission_missing", permission=permissions[0])


def find_place(books: Books, code: str) -> PlaceInfo:
    """Return a place of money.

    Raises:
        Refused: ``gift_place_unknown``.
    """
    place = books.places.get(code)
    if place is None:
        raise refuse("gift_place_unknown", "place", place=code, on=books.on)
    return place


def fix_parts(books: Books, place: PlaceInfo, total_fen: int, parts: Sequence[Part]) -> tuple[FixedPart, ...]:
    """Return the parts of a gift with their keys, the open one closed.

    Raises:
        Refused: ``allocation_…``, ``gift_fund_unknown``, ``gift_earmark_unknown``,
            ``gift_agency_place``.
    """
    refuse_if(check_allocation(total_fen, parts))
    problems: list[Problem] = []
    for number, part in enumerate(parts, start=1):
        problems += _check_part(books, place, number, part)
    refuse_if(problems)
    fixed = []
    for part in close_allocation(total_fen, parts):
        fund = books.funds[part.fund]
        earmark = books.earmarks[part.earmark or fund.default_earmark]
        fixed.append(FixedPart(fund.id, earmark.id, part.amount_fen or 0))
    return tuple(fixed)


def _check_part(books: Books, place: PlaceInfo, number: int, part: Part) -> list[Problem]:
    """Return what is wrong with the codes of one part."""
    where = f"parts-{number - 1}"
    fund = books.funds.get(part.fund)
    if (
        fund is None
        or fund.opened_on > books.on
        or (fund.closed_on is not None and fund.closed_on < books.on)
    ):
        values: dict[str, object] = {"line": number, "fund": part.fund, "on": books.on}
        return [Problem("gift_fund_unknown", values, where)]
    earmark = books.earmarks.get(part.earmark or fund.default_earmark)
    if earmark is None or earmark.fund != part.fund:
        values = {"line": number, "fund": part.fund, "earmark": part.earmark}
        return [Problem("gift_earmark_unknown", values, where)]
    if fund.kind == "agency" and place.agency_account is None:
        return [Problem("gift_agency_place", {"line": number, "place": place.name}, where)]
    return []


def record_donation(session: Session, *, actor: Actor, gift: GiftEntry, on: date, key: str) -> Donation:
    """Record a gift of money; draft its voucher when the actor makes vouchers too.

    Args:
        actor: needs ``donations.record``.
        gift: as typed.
        on: today.
        key: the form's key; the same key gives the same gift.

    Raises:
        Refused: what is wrong with gift, donor or allocation; ``gift_alike`` once, when a
            gift of the same day, amount and name is there already.

    Source: posting rules P01, P02, P16, P53.
    """
    need(actor, "donations.record")
    known = session.scalar(
        select(Donation).where(Donation.org_id == actor.org_id, Donation.event_key == f"form:{key}")
    )
    if known is not None:
        return known
    new = Desk(session, actor.org_id, on).prepare(gift, f"form:{key}")
    if not gift.is_another and not gift.is_unidentified:
        name = _donor_name(session, actor.org_id, gift.donor_id) or new.donor.name
        refuse_if(check_alike(session, actor.org_id, gift.received_on, gift.amount_fen, name))
    gift_id = insert_gifts(session, actor=actor, gifts=[new])[0]
    donation = load_donation(session, actor.org_id, gift_id)
    record(
        session,
        actor=actor,
        act="donations.record",
        subject_kind="donation",
        subject_no=donation.public_no,
        amount_fen=donation.amount_fen,
    )
    draft_if_maker(session, actor=actor, donation_ids=[gift_id], on=on)
    session.refresh(donation)
    return donation


class Desk:
    """What typed gifts are checked against: codes and learned words, looked up once."""

    def __init__(self, session: Session, org_id: int, on: date) -> None:
        """Look up the books of an org as they stand today."""
        self._session, self._org_id, self._on = session, org_id, on
        self.books = load_books(session, org_id, on)
        self.purposes = load_purposes(session, org_id, on)
        self._landings = {place.code: place for place in landings(session, org_id, on)}

    def prepare(self, gift: GiftEntry, event_key: str) -> NewGift:
        """Return a typed gift checked and with keys, ready to be written.

        Raises:
            Refused: everything that is wrong with it.
        """
        facts = DonorFacts("anonymous") if gift.is_unidentified or gift.donor_id else gift.donor.facts()
        refuse_if(check_gift(gift.amount_fen, gift.received_on, gift.channel, on=self._on))
        refuse_if(check_publication(gift.publish_as) if gift.publish_as else [])
        place = find_place(self.books, gift.place)
        refuse_if(self.check_place(gift.place, gift.channel))
        if gift.donor_id is not None and _donor_name(self._session, self._org_id, gift.donor_id) is None:
            raise refuse("gift_donor_unknown", "donor_id")
        if gift.pledge_id is not None:
            _check_pledge(self._session, self._org_id, gift.pledge_id, gift.donor_id)
        return NewGift(
            donor=facts,
            donor_id=gift.donor_id,
            amount_fen=gift.amount_fen,
            channel=gift.channel,
            money_place_id=place.id,
            received_on=gift.received_on,
            received_at=gift.received_at,
            reference=clean_line(gift.reference, 80),
            stated_purpose=clean_line(gift.stated_purpose, 400),
            parts=self._parts(gift, place),
            publish_as=gift.publish_as,
            shows_amount=gift.shows_amount,
            nature="unidentified" if gift.is_unidentified else "gift",
            unit_id=gift.unit_id,
            pledge_id=gift.pledge_id,
            attachments=gift.attachments,
            event_key=event_key,
        )

    def check_place(self, place: str, channel: str) -> list[Problem]:
        """Return why a channel's money cannot arrive at a place, or that there is no such place."""
        if place not in self.books.places:
            return [Problem("gift_place_unknown", {"place": place, "on": self.books.on}, "place")]
        return check_landing(self._landings.get(place), channel)

    def _parts(self, gift: GiftEntry, place: PlaceInfo) -> tuple[FixedPart, ...]:
        """Return the parts typed, else those the purpose's words name."""
        if gift.is_unidentified:
            return ()
        if gift.parts:
            return fix_parts(self.books, place, gift.amount_fen, gift.parts)
        return parts_by_rule(self.purposes, self.books, place, gift.stated_purpose, gift.amount_fen)


def parts_by_rule(
    purposes: PurposeBook, books: Books, place: PlaceInfo, words: str, amount_fen: int
) -> tuple[FixedPart, ...]:
    """Return the whole gift on the fund its words name; empty when a person must say."""
    target = purposes.target_of(words, place.id)
    if target is None or (books.funds[target.fund].kind == "agency" and place.agency_account is None):
        return ()
    fund_id, earmark_id = books.funds[target.fund].id, books.earmarks[target.earmark].id
    return (FixedPart(fund_id, earmark_id, amount_fen, target.rule_id),)


def _donor_name(session: Session, org_id: int, donor_id: int | None) -> str | None:
    """Return the name of a donor of these books; None when there is none."""
    if donor_id is None:
        return None
    return session.scalar(select(Donor.name).where(Donor.org_id == org_id, Donor.id == donor_id))


def _check_pledge(session: Session, org_id: int, pledge_id: int, donor_id: int | None) -> None:
    """Refuse a promise that is not open or not this donor's."""
    pledge = session.get(Pledge, (org_id, pledge_id))
    if pledge is None or pledge.state != "open" or pledge.donor_id != donor_id:
        raise refuse("pledge_unknown", "pledge_id")


def check_alike(
    session: Session, org_id: int, received_on: date, amount_fen: int, name: str
) -> list[Problem]:
    """Return whether a gift of the same day, amount and name is recorded already."""
    key = same_gift_key(received_on, amount_fen, name)
    if not key:
        return []
    other = session.scalar(
        select(Donation.public_no).where(Donation.org_id == org_id, Donation.same_key == key).limit(1)
    )
    return [Problem("gift_alike", {"gift": other}, "is_another")] if other else []


def draft_if_maker(session: Session, *, actor: Actor, donation_ids: Sequence[int], on: date) -> list[Draft]:
    """Draft the vouchers of gifts when the actor makes vouchers; else leave them waiting."""
    if not actor.may("ledger.draft"):
        return []
    return draft_donations(session, actor=actor, donation_ids=donation_ids, on=on)


def is_in_books(session: Session, donation: Donation) -> bool:
    """Say whether a living draft holds the gift, or anything of it stands in posted vouchers."""
    if donation.draft_id is None:
        return False
    draft = session.get(Draft, (donation.org_id, donation.draft_id), populate_existing=True)
    if draft is None or draft.state == "discarded":
        return False
    if draft.state != "posted":
        return True
    return posted_fen(session, donation.org_id, [donation.id]).get(donation.id, (0, 0))[0] > 0


def draft_gift(session: Session, *, actor: Actor, donation_id: int, on: date) -> list[Draft]:
    """Draft the voucher of one gift that has none, or whose voucher was discarded or reversed.

    Args:
        actor: becomes the maker; needs ``ledger.draft``.
        on: today.

    Raises:
        Refused: ``permission_missing``, ``donation_unknown``, ``gift_entered``.
    """
    need(actor, "ledger.draft")
    donation = load_donation(session, actor.org_id, donation_id)
    if is_in_books(session, donation):
        raise refuse("gift_entered", gift=donation.public_no)
    return draft_donations(session, actor=actor, donation_ids=[donation_id], on=on)


def allocate(
    session: Session, *, actor: Actor, donation_ids: Sequence[int], parts: Sequence[Part], on: date
) -> list[Donation]:
    """Say which funds gifts are for; they are drafted when the actor makes vouchers.

    Args:
        actor: needs ``donations.record`` or ``imports.book``.
        donation_ids: one gift with any parts, or several with one fund.
        parts: lines of the allocation; at most one without an amount takes the rest.
        on: today.

    Raises:
        Refused: ``gift_in_books``, ``allocation_split_many`` and what is wrong with the parts;
            nothing is allocated then.
    """
    need(actor, "donations.record", "imports.book")
    if len(donation_ids) > 1 and (len(parts) != 1 or parts[0].amount_fen is not None):
        raise refuse("allocation_split_many", "parts")
    books = load_books(session, actor.org_id, on)
    places = {place.id: place for place in books.places.values()}
    changed = []
    for donation_id in donation_ids:
        donation = load_donation(session, actor.org_id, donation_id)
        if donation.nature != "gift" or is_in_books(session, donation):
            raise refuse("gift_in_books", gift=donation.public_no)
        place = places[donation.money_place_id]
        fixed = fix_parts(books, place, donation.amount_fen, parts)
        _replace_parts(session, donation, fixed)
        changed.append(donation)
    session.flush()
    bump(session, actor.org_id, TOPIC)
    record(
        session,
        actor=actor,
        act="donations.allocate",
        subject_kind="donation",
        subject_no=changed[0].public_no if len(changed) == 1 else "",
        fund=[f"{part.fund}/{part.earmark}" if part.earmark else part.fund for part in parts],
        count=len(changed),
        amount_fen=sum(donation.amount_fen for donation in changed),
    )
    draft_if_maker(session, actor=actor, donation_ids=[d.id for d in changed], on=on)
    return changed


def book_unclaimed(
    session: Session, *, actor: Actor, donation_ids: Sequence[int], on: date
) -> list[Donation]:
    """Book gifts of unclear purpose to 220901 until it is known what they are for.

    The giver stays on record; claiming the money later moves it into its funds.

    Args:
        actor: needs ``donations.record`` or ``imports.book``; the voucher is drafted when the
            actor makes vouchers too.
        donation_ids: gifts that wait for their purpose.
        on: today.

    Raises:
        Refused: ``permission_missing``, ``donation_unknown``, ``gift_in_books``.

    Source: posting rule P53.
    """
    need(actor, "donations.record", "imports.book")
    changed = []
    for donation_id in donation_ids:
        donation = load_donation(session, actor.org_id, donation_id)
        if donation.nature != "gift" or donation.is_allocated or is_in_books(session, donation):
            raise refuse("gift_in_books", gift=donation.public_no)
        donation.nature, donation.is_allocated, donation.blocked_by = "unidentified", True, ""
        donation.version += 1
        changed.append(donation)
    session.flush()
    record(
        session,
        actor=actor,
        act="donations.unclaimed",
        subject_kind="donation",
        subject_no=changed[0].public_no if len(changed) == 1 else "",
        count=len(changed),
        amount_fen=sum(donation.amount_fen for donation in changed),
    )
    draft_if_maker(session, actor=actor, donation_ids=[d.id for d in changed], on=on)
    return changed


def _replace_parts(session: Session, donation: Donation, parts: Sequence[FixedPart]) -> None:
    """Give a gift other parts and let it be drafted anew."""
    session.execute(
        delete(Allocation).where(Allocation.org_id == donation.org_id, Allocation.donation_id == donation.id)
    )
    insert_parts(session, donation.org_id, donation.id, parts)
    donation.is_allocated, donation.blocked_by = True, ""
    donation.version += 1
