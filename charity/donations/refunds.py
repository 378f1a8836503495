"""Money given back: the refund of a gift, linked to it, drafted for a person's review.

Imports ``db`` and lower, the ledger and this feature. A refund is never income and never a
negative gift: it takes back, part by part, what the gift brought (posting rule P55).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.clearing import held_lots
from charity.donations.drafts import load_calendar
from charity.donations.models import Donation, Refund
from charity.donations.recording import TOPIC
from charity.donations.rules import REFUND_STEP, check_refund, refund_parts
from charity.donations.standing import Purse, drafted_purses, purses_of
from charity.errors import N_, Problem, refuse, register
from charity.ids import new_id
from charity.ledger.books import load_books
from charity.ledger.drafting import DraftOrigin, make_draft
from charity.ledger.models import Draft, MoneyPlace
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.money import format_yuan
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_subjects
from charity.oplog.service import record
from charity.periods import Month
from charity.web.cache import bump

PROBLEMS = register(
    {
        "donation_unknown": N_("There is no such gift in these books."),
        "refund_not_posted": N_(
            "Gift %(gift)s is not in the books; post its voucher first, then record what was given back."
        ),
        "refund_paper": N_(
            "Attach the bank's slip or the giver's letter; without it the voucher cannot be submitted."
        ),
        "refund_uncovered": N_(
            "The platform holds %(held)s yuan of this gift's fund, less than is given back; "
            "book the refund when later gifts cover it, or from the bank."
        ),
        "refund_unidentified": N_("Claim the money for a giver first, then give it back."),
    }
)
register_acts({"donations.refund": N_("Recorded a refund")})
register_subjects({"donation": N_("Gift")})


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A refund about to be written down.

    Attributes:
        place: code of the place the money went out of.
        fee_back_fen: fee the platform gave back.
        reason: why; the platform's own word for rows of a file.
        paper: SHA-256 of the paper or file.
    """

    donation_id: int
    amount_fen: int
    on: date
    place: str
    reason: str
    event_key: str
    reference: str = ""
    fee_back_fen: int = 0
    paper: str = ""
    batch_id: int | None = None


def load_donation(session: Session, org_id: int, donation_id: int) -> Donation:
    """Return a gift of these books, locked for change.

    Raises:
        Refused: ``donation_unknown``.
    """
    row = session.scalar(
        select(Donation)
        .where(Donation.org_id == org_id, Donation.id == donation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise refuse("donation_unknown")
    return row


def record_refund(session: Session, *, actor: Actor, refund: NewRefund, on: date) -> int | Problem:
    """Write a refund down and draft its voucher; return its key, or what keeps it from being drafted.

    Args:
        actor: becomes the maker; needs ``ledger.draft``.
        refund: what was given back.
        on: today.

    Raises:
        Refused: ``permission_missing``, ``donation_unknown``, ``reason_missing``.

    Source: posting rules P24, P26, P55.
    """
    if not actor.may("ledger.draft"):
        raise refuse("permission_missing", permission="ledger.draft")
    if not refund.reason.strip():
        raise refuse("reason_missing", "reason")
    donation = load_donation(session, actor.org_id, refund.donation_id)
    purses = _purses(session, donation, refund)
    problems = _check(donation, refund, purses)
    if problems:
        return problems[0]
    books = load_books(session, actor.org_id, on)
    day = load_calendar(session, actor.org_id, books.words).day_for(refund.on, on)
    books = load_books(session, actor.org_id, day) if day != on else books
    if not refund.paper:
        return Problem("refund_paper", where="files")
    parts = _split(purses, refund.amount_fen)
    problem = _check_held(session, actor.org_id, refund, {key[:2]: key[2] for key in parts}, books)
    if problem is not None:
        return problem
    refund_id = new_id()
    lines = _lines(donation, parts, refund, books)
    voucher = DraftVoucher(
        voucher_on=day,
        month=Month.of(day),
        summary=f"退还捐赠 {donation.public_no}",
        lines=lines,
        attachments=(refund.paper,) if refund.paper else (),
    )
    origin = DraftOrigin(batch_id=refund.batch_id, ref=donation.public_no)
    draft = make_draft(session, actor=actor, draft=voucher, origin=origin, books=books)
    session.add(_row(refund_id, actor, refund, parts, books, draft.id))
    session.flush()
    bump(session, actor.org_id, TOPIC)
    record(
        session,
        actor=actor,
        act="donations.refund",
        subject_kind="donation",
        subject_no=donation.public_no,
        amount_fen=refund.amount_fen,
        reason=clean_line(refund.reason, 400),
    )
    return refund_id


def draft_of(session: Session, org_id: int, refund_id: int) -> Draft:
    """Return the draft of a refund that was just recorded."""
    refund = session.get_one(Refund, (org_id, refund_id))
    return session.get_one(Draft, (org_id, refund.draft_id))


def _purses(session: Session, donation: Donation, refund: NewRefund) -> tuple[Purse, ...]:
    """Return what of a gift may be given back: what stands in posted vouchers.

    A platform's file tells of a refund that has happened, often on the day of the gift: it is
    drafted beside the gift's own draft, and posting takes it only once the gift stands.
    """
    purses = purses_of(session, donation.org_id, [donation.id]).get(donation.id, ())
    if purses or refund.batch_id is None or donation.draft_id is None:
        return purses
    draft = session.get(Draft, (donation.org_id, donation.draft_id), populate_existing=True)
    if draft is None or draft.state in ("posted", "discarded"):
        return ()
    return drafted_purses(session, donation.org_id, donation.id)


def _check(donation: Donation, refund: NewRefund, purses: Sequence[Purse]) -> list[Problem]:
    """Return why a gift cannot be given back so.

    A gift that is not in the books is not given back: its draft may still be discarded, and
    then money would have left for an income that never was.
    """
    if donation.nature == "unidentified":
        return [Problem("refund_unidentified")]
    if not any(purse.fen > 0 for purse in purses):
        return [Problem("refund_not_posted", {"gift": donation.public_no})]
    open_fen = sum(purse.left_fen for purse in purses if purse.left_fen > 0)
    return check_refund(refund.amount_fen, min(open_fen, sum(purse.left_fen for purse in purses)))


def _split(purses: Sequence[Purse], amount_fen: int) -> list[tuple[str, str, int]]:
    """Return how a refund falls on what stands of a gift: fund, earmark, fen."""
    open_purses = [purse for purse in purses if purse.left_fen > 0]
    left = [purse.left_fen for purse in open_purses]
    amounts = refund_parts(left, [0] * len(left), amount_fen)
    return [(purse.fund, purse.earmark, fen) for purse, fen in zip(open_purses, amounts, strict=True) if fen]


def _check_held(
    session: Session, org_id: int, refund: NewRefund, wanted: dict[tuple[str, str], int], books: Books
) -> Problem | None:
    """Return whether a platform gives back more than it holds of the gift's own money."""
    place = session.get_one(MoneyPlace, (org_id, books.places[refund.place].id))
    if place.kind != "merchant":
        return None
    held: dict[tuple[str, str], int] = dict.fromkeys(wanted, 0)
    for lot in held_lots(session, org_id, place.id):
        if (lot.fund, lot.earmark) in held:
            held[lot.fund, lot.earmark] += lot.fen
    if all(held[key] >= fen for key, fen in wanted.items()):
        return None
    return Problem("refund_uncovered", {"held": format_yuan(sum(held.values()))})


def _lines(
    donation: Donation, parts: Sequence[tuple[str, str, int]], refund: NewRefund, books: Books
) -> tuple[DraftLine, ...]:
    """Return the lines: income back in debit, the place of money in credit, part by part."""
    place = books.places[refund.place]
    debits, credits = [], []
    for position, (fund, earmark, fen) in enumerate(parts, start=1):
        kind = books.funds[fund].kind
        account = {"restricted": "410102", "general": "410101", "agency": "2601"}[kind]
        money = (place.agency_account or "") if kind == "agency" else place.account
        debits.append(
            DraftLine(
                account=account,
                debit_fen=fen,
                fund=fund,
                earmark=earmark,
                source_kind="gift",
                source_id=donation.id,
                source_step=REFUND_STEP + position,
                party_id=donation.donor_id,
            )
        )
        credits.append(
            DraftLine(account=money, credit_fen=fen, fund=fund, earmark=earmark, money_place=place.code)
        )
    return (*debits, *credits)


def _row(
    refund_id: int,
    actor: Actor,
    refund: NewRefund,
    parts: Sequence[tuple[str, str, int]],
    books: Books,
    draft_id: int,
) -> Refund:
    """Return the row of a refund."""
    return Refund(
        org_id=actor.org_id,
        id=refund_id,
        donation_id=refund.donation_id,
        amount_fen=refund.amount_fen,
        fee_back_fen=refund.fee_back_fen,
        parts=[list(part) for part in parts],
        refunded_on=refund.on,
        money_place_id=books.places[refund.place].id,
        reference=refund.reference[:80],
        reason=clean_line(refund.reason, 400),
        draft_id=draft_id,
        event_key=refund.event_key[:120],
        recorded_by=actor.user_id,
        recorded_at=actor.at,
    )
