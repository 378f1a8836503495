"""Money that nobody claimed (220901 待认领) finds its giver.

Imports ``db`` and lower, the ledger and this feature. The receipt stays as it was posted;
a second voucher takes the amount out of 220901 and into the funds, with the re-tag of cash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.drafts import load_calendar
from charity.donations.matching import find_or_make_donors
from charity.donations.models import Allocation, Donation, Donor
from charity.donations.origins import papers_of_gift
from charity.donations.recording import TOPIC, FixedPart, insert_parts, same_gift_key
from charity.donations.refunds import load_donation
from charity.donations.rules import CLAIM_STEP, Part, default_publication
from charity.donations.service import DonorEntry, fix_parts, need
from charity.donations.standing import claim_fell, posted_fen
from charity.errors import N_, refuse, register
from charity.ledger.books import load_books
from charity.ledger.drafting import DraftOrigin, make_draft
from charity.ledger.models import Draft, MoneyPlace
from charity.ledger.rules import Books, DraftLine, DraftVoucher, PlaceInfo
from charity.ledger.setup import rule_in_force
from charity.names import clean_line
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month
from charity.web.cache import bump

PROBLEMS = register(
    {
        "claim_not_waiting": N_("Gift %(gift)s is not waiting for a giver."),
        "claim_not_posted": N_("The receipt of %(gift)s is not posted yet; post it first, then claim it."),
        "claim_paper": N_(
            "Attach the paper that shows the money, e.g. the bank's slip; no file it came from is kept here."
        ),
        "claim_reason": N_("Say how the giver was found; it is kept with the gift."),
    }
)
register_acts({"donations.claim": N_("Found the giver of unclaimed money")})


def claim_unidentified(
    session: Session,
    *,
    actor: Actor,
    donation_id: int,
    donor: DonorEntry,
    parts: Sequence[Part],
    reason: str,
    on: date,
    donor_id: int | None = None,
    publish_as: str = "",
    attachments: tuple[str, ...] = (),
) -> Draft:
    """Give unclaimed money to its giver and draft the voucher that moves it into the funds.

    Args:
        actor: needs ``ledger.draft``; becomes the maker.
        donor: the giver; left aside when ``donor_id`` names one that is known.
        reason: how the giver was found.
        publish_as: empty for the default.
        attachments: proof, e.g. the giver's slip; the file the receipt was read from, and its
            own papers, go with it.

    Raises:
        Refused: ``claim_not_waiting``, ``claim_not_posted``, ``claim_reason``, ``claim_paper``
            and what is wrong with giver and parts.

    Source: posting rule P53.
    """
    need(actor, "ledger.draft")
    if not reason.strip():
        raise refuse("claim_reason", "reason")
    donation = _claimable(session, actor.org_id, donation_id)
    papers = tuple(dict.fromkeys([*attachments, *papers_of_gift(session, donation)]))
    if not papers:
        raise refuse("claim_paper", "files")
    books = load_books(session, actor.org_id, on)
    place = books.places[session.get_one(MoneyPlace, (actor.org_id, donation.money_place_id)).code]
    # What stands, not what was recorded: the receipt may have been corrected meanwhile.
    fen = posted_fen(session, actor.org_id, [donation.id])[donation.id][0]
    fixed = fix_parts(books, place, fen, parts)
    giver = _giver(session, actor, donor, donor_id)
    insert_parts(session, actor.org_id, donation.id, fixed)
    donation.donor_id, donation.nature = giver.id, "gift"
    donation.publish_as = publish_as or giver.publish_choice or default_publication(giver.kind)
    donation.same_key = same_gift_key(donation.received_on, donation.amount_fen, giver.name)
    draft = _draft(session, actor, donation, fixed, place, papers, on, is_proved=bool(attachments))
    donation.claim_draft_id, donation.version = draft.id, donation.version + 1
    session.flush()
    bump(session, actor.org_id, TOPIC)
    record(
        session,
        actor=actor,
        act="donations.claim",
        subject_kind="donation",
        subject_no=donation.public_no,
        amount_fen=fen,
        reason=clean_line(reason, 400),
    )
    return draft


def _giver(session: Session, actor: Actor, donor: DonorEntry, donor_id: int | None) -> Donor:
    """Return the giver: the known one, else one found or made from what was typed.

    Raises:
        Refused: ``gift_donor_unknown`` and what is wrong with the giver typed.
    """
    giver_id = donor_id or find_or_make_donors(session, actor=actor, facts=[donor.facts()])[0]
    giver = session.get(Donor, (actor.org_id, giver_id))
    if giver is None:
        raise refuse("gift_donor_unknown", "donor_id")
    return giver


def _claimable(session: Session, org_id: int, donation_id: int) -> Donation:
    """Return unclaimed money whose receipt is posted; that of a claim that fell waits anew.

    Raises:
        Refused: ``donation_unknown``, ``claim_not_waiting``, ``claim_not_posted``.
    """
    donation = load_donation(session, org_id, donation_id)
    if donation.nature != "unidentified" and not _take_back(session, donation):
        raise refuse("claim_not_waiting", gift=donation.public_no)
    receipt = session.get(Draft, (org_id, donation.draft_id)) if donation.draft_id else None
    stands = posted_fen(session, org_id, [donation.id]).get(donation.id, (0, 0))[0]
    if receipt is None or receipt.state != "posted" or stands <= 0:
        raise refuse("claim_not_posted", gift=donation.public_no)
    return donation


def _take_back(session: Session, donation: Donation) -> bool:
    """Undo a claim whose voucher was discarded or taken back; say whether there was one."""
    own = (Donation.org_id == donation.org_id, Donation.id == donation.id)
    if session.scalar(select(Donation.id).where(*own, claim_fell())) is None:
        return False
    donation.nature, donation.claim_draft_id = "unidentified", None
    session.flush()
    session.execute(
        delete(Allocation).where(Allocation.org_id == donation.org_id, Allocation.donation_id == donation.id)
    )
    return True


def _draft(
    session: Session,
    actor: Actor,
    donation: Donation,
    parts: Sequence[FixedPart],
    place: PlaceInfo,
    papers: tuple[str, ...],
    on: date,
    *,
    is_proved: bool,
) -> Draft:
    """Draft the voucher of a claim; by rule P53 where a proof of the giver is attached."""
    calendar = load_calendar(session, actor.org_id, load_books(session, actor.org_id, on).words)
    day = calendar.day_for(on, on)
    books = load_books(session, actor.org_id, day)
    voucher = DraftVoucher(
        voucher_on=day,
        month=Month.of(day),
        summary=f"认领捐赠 {donation.public_no}",
        lines=claim_lines(donation, parts, place, books),
        attachments=papers,
    )
    rule = rule_in_force(session, actor.org_id, "P53", day) if is_proved else None
    origin = DraftOrigin(posting_rule_id=rule.id if rule is not None else None, ref=donation.public_no)
    return make_draft(session, actor=actor, draft=voucher, origin=origin, books=books)


def claim_lines(
    donation: Donation, parts: Sequence[FixedPart], place: PlaceInfo, books: Books
) -> tuple[DraftLine, ...]:
    """Return the lines of a claim: 220901 in debit, income or agency debt in credit.

    Agency money may not be re-tagged: it moves between the two accounts of the bank, in
    lines of its own.
    """
    funds = {info.id: code for code, info in books.funds.items()}
    earmarks = {info.id: code for code, info in books.earmarks.items()}
    lines = [
        DraftLine(
            account="220901",
            debit_fen=sum(part.amount_fen for part in parts),
            fund="GEN",
            source_kind="gift",
            source_id=donation.id,
            source_step=CLAIM_STEP,
        )
    ]
    for position, part in enumerate(parts, start=1):
        fund = funds[part.fund_id]
        kind = books.funds[fund].kind
        account = {"restricted": "410102", "general": "410101", "agency": "2601"}[kind]
        credit = DraftLine(
            account=account,
            credit_fen=part.amount_fen,
            fund=fund,
            earmark=earmarks[part.earmark_id],
            source_kind="gift",
            source_id=donation.id,
            source_step=CLAIM_STEP + position,
            party_id=donation.donor_id,
        )
        lines.append(credit)
        if kind == "agency":
            lines.append(
                DraftLine(
                    account=place.agency_account or "",
                    debit_fen=part.amount_fen,
                    fund=fund,
                    earmark=credit.earmark,
                    money_place=place.code,
                )
            )
            lines.append(
                DraftLine(
                    account=place.account, credit_fen=part.amount_fen, fund="GEN", money_place=place.code
                )
            )
    return tuple(lines)
