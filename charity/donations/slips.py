"""A pile of slips or envelopes in one sitting: a grid with totals counted by hand before.

Imports ``db`` and lower, the ledger and this feature. The pile is taken whole or not at
all; the control totals cannot be clicked away. The list of what was entered is kept as the
source document of the vouchers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.documents.columns import Column
from charity.documents.spreadsheet import write_csv
from charity.donations.models import Donation, Donor, SlipBatch
from charity.donations.recording import NewGift, insert_gifts
from charity.donations.rules import Part, check_slips
from charity.donations.service import Desk, DonorEntry, GiftEntry, draft_if_maker, need
from charity.errors import N_, Problem, Refused, refuse_if, register
from charity.ids import new_id, new_public_no
from charity.ledger.attachments import store_attachment
from charity.ledger.books import load_books
from charity.oplog.rules import register_acts, register_subjects
from charity.oplog.service import record

PROBLEMS = register(
    {
        "slip_name_missing": N_(
            "Row %(row)s has no name. Type it, or show the slip as anonymous where the giver left none."
        )
    }
)
register_acts({"donations.slips": N_("Entered a pile of slips")})
register_subjects({"slips": N_("Pile of slips")})


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip of a pile as typed.

    Attributes:
        row: its place in the grid, from 0, for the problems' addresses.
        fund: code; empty to let the purpose decide.
        reference: number printed on the slip.
    """

    row: int
    donor: DonorEntry
    amount_fen: int
    stated_purpose: str = ""
    fund: str = ""
    earmark: str = ""
    reference: str = ""
    publish_as: str = ""


@dataclass(frozen=True, slots=True)
class Pile:
    """What was counted before typing, and what all slips share.

    Attributes:
        place: code of the place of money.
        channel: a key of ``rules.CHANNELS``.
        expected_count, expected_fen: counted and added up by hand.
    """

    place: str
    channel: str
    received_on: date
    expected_count: int
    expected_fen: int


def book_slips(
    session: Session,
    *,
    actor: Actor,
    pile: Pile,
    slips: Sequence[Slip],
    on: date,
    key: str,
    data_dir: Path,
) -> SlipBatch:
    """Record a pile of slips, all or none; drafts follow when the actor makes vouchers.

    Args:
        actor: needs ``donations.record``.
        pile: what was counted before typing.
        slips: as typed, blank rows left out.
        on: today.
        key: the form's key; the same key gives the same pile.
        data_dir: the data folder, where the list is kept.

    Raises:
        Refused: ``slip_count_differs``, ``slip_total_differs``, ``slips_missing``, and every
            slip's problems, with its row as their place.
    """
    need(actor, "donations.record")
    event_key = f"slips:{key}"
    known = session.scalar(
        select(SlipBatch).where(SlipBatch.org_id == actor.org_id, SlipBatch.event_key == event_key)
    )
    if known is not None:
        return known
    batch_id = new_id()
    gifts = _prepared(session, actor.org_id, pile, slips, on, event_key, batch_id)
    ids = insert_gifts(session, actor=actor, gifts=gifts)
    public_no = new_public_no("S")
    sheet = _sheet(session, actor.org_id, public_no, pile, ids)
    name = f"{public_no}.csv"
    sha256 = store_attachment(
        session, actor=actor, data=sheet, name=name, media_type="text/csv", data_dir=data_dir
    )
    values = _batch_values(actor, pile, gifts, public_no, sha256)
    session.execute(insert(SlipBatch).values(id=batch_id, event_key=event_key, **values))
    record(
        session,
        actor=actor,
        act="donations.slips",
        subject_kind="slips",
        subject_no=public_no,
        count=len(gifts),
        amount_fen=pile.expected_fen,
    )
    draft_if_maker(session, actor=actor, donation_ids=ids, on=on)
    return session.get_one(SlipBatch, (actor.org_id, batch_id))


def _prepared(
    session: Session,
    org_id: int,
    pile: Pile,
    slips: Sequence[Slip],
    on: date,
    event_key: str,
    batch_id: int,
) -> list[NewGift]:
    """Return the slips as gifts; refuse the pile with every problem found in it."""
    problems = check_slips(pile.expected_count, pile.expected_fen, [slip.amount_fen for slip in slips])
    desk = Desk(session, org_id, on)
    problems += desk.check_place(pile.place, pile.channel)
    gifts: list[NewGift] = []
    for number, slip in enumerate(slips, start=1):
        try:
            gifts.append(_gift(desk, pile, slip, f"{event_key}:{number}", batch_id))
        except Refused as refused:
            of_row = [problem for problem in refused.problems if problem.where != "place"]
            problems += [_at_row(problem, slip.row) for problem in of_row]
    refuse_if(problems)
    return gifts


def _batch_values(
    actor: Actor, pile: Pile, gifts: Sequence[NewGift], public_no: str, sha256: str
) -> dict[str, object]:
    """Return the columns of a pile."""
    return {
        "org_id": actor.org_id,
        "public_no": public_no,
        "money_place_id": gifts[0].money_place_id,
        "received_on": pile.received_on,
        "slip_count": len(gifts),
        "total_fen": pile.expected_fen,
        "sha256": sha256,
        "recorded_by": actor.user_id,
        "recorded_at": actor.at,
    }


def _gift(desk: Desk, pile: Pile, slip: Slip, event_key: str, batch_id: int) -> NewGift:
    """Return a slip as a gift, checked."""
    donor = slip.donor
    if not donor.name.strip() and slip.publish_as == "anonymous":
        donor = replace(donor, kind="anonymous")  # a slip without a name, marked 匿名: nobody knows the giver
    entry = GiftEntry(
        donor=donor,
        amount_fen=slip.amount_fen,
        channel=pile.channel,
        place=pile.place,
        received_on=pile.received_on,
        reference=slip.reference,
        stated_purpose=slip.stated_purpose,
        parts=(Part(slip.fund, slip.earmark),) if slip.fund else (),
        publish_as=slip.publish_as,
    )
    new = desk.prepare(entry, event_key)
    return replace(new, source_id=batch_id, source_form="slips", row_no=slip.row + 1)


def _at_row(problem: Problem, row: int) -> Problem:
    """Return a slip's problem with its place in the grid."""
    name = problem.where or "name"
    name = "fund" if name.startswith("parts") else name
    if problem.code == "gift_name_missing":
        return Problem("slip_name_missing", {"row": row + 1}, f"slips-{row}-name")
    return Problem(problem.code, problem.params, f"slips-{row}-{name}")


def _sheet(session: Session, org_id: int, public_no: str, pile: Pile, ids: Sequence[int]) -> bytes:
    """Return the list of a pile as CSV, the source document its vouchers name."""
    books = load_books(session, org_id, pile.received_on)
    place = books.places[pile.place]
    rows = session.execute(
        select(
            Donation.public_no, Donor.name, Donation.amount_fen, Donation.stated_purpose, Donation.reference
        )
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .where(Donation.org_id == org_id, Donation.id.in_(ids))
        .order_by(Donation.id)
    )
    columns = [Column("序号", "count"), Column("捐赠编号"), Column("捐赠人"), Column("金额（元）", "money")]
    columns += [Column("用途"), Column("单据号")]
    values: list[list[str | int]] = [
        [number, gift_no, name, fen, words, reference]
        for number, (gift_no, name, fen, words, reference) in enumerate(rows, start=1)
    ]
    values.append(
        [len(ids), f"合计 {public_no} {pile.received_on} {place.code}", "", pile.expected_fen, "", ""]
    )
    return write_csv(columns, values, bom=True)
