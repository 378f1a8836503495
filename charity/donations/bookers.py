"""Booking staged rows: gifts, money nobody claims, refunds, settlements, items of the bank.

Imports ``db`` and lower, the ledger, the imports engine and this feature; registers itself
with the engine. Everything happens in the engine's transaction: what is refused here leaves
no trace, and the row is parked with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.bank_items import NewBankItem, draft_bank_item
from charity.donations.channels import channel_at, landings
from charity.donations.clearing import Payout, draft_settlement
from charity.donations.drafts import draft_next
from charity.donations.identifiers import Identifier, read_identifier, sort_credential
from charity.donations.judging import (
    choose_places,
    event_key,
    fingerprint,
    gift_words,
    giver_name,
    judge_rows,
    load_places,
    merchant_of,
)
from charity.donations.matching import DonorFacts, body_kind
from charity.donations.models import BankItem, Donation, Refund, Settlement
from charity.donations.recording import NewGift, insert_gifts, load_purposes
from charity.donations.refunds import NewRefund, record_refund
from charity.donations.returning import find_gift
from charity.donations.rules import PUBLICATIONS
from charity.donations.service import find_place, parts_by_rule
from charity.errors import N_, Problem, refuse, register
from charity.imports.kinds import (
    Booked,
    Booker,
    FileFacts,
    Link,
    RowToBook,
    register_kind,
    register_store,
)
from charity.intake.forms import FORM_NAMES
from charity.intake.rows import IncomingRow
from charity.ledger import attachments
from charity.ledger.books import load_books
from charity.ledger.media import media_type
from charity.ledger.models import Draft, Earmark, Fund, MoneyPlace
from charity.ledger.sealed_models import Voucher
from charity.periods import CHINA, Month, as_utc

PROBLEMS = register(
    {
        "refund_gift_unknown": N_("The gift this refund belongs to (%(reference)s) is not recorded."),
        "settlement_place_unknown": N_("It is not clear which platform paid this out."),
    }
)

#: Forms of the intake that this feature judges and books.
FORMS = tuple(form for form in FORM_NAMES if form != "unknown")

#: Gifts first: refunds and settlements lean on them, settlements on refunds too.
PHASES = (("skip",), ("gift", "unidentified"), ("refund", "returned", "interest", "fee"), ("settlement",))


class LedgerStore:
    """The ledger's store of source documents, as the imports engine asks for it."""

    def keep(self, session: Session, *, actor: Actor, data: bytes, name: str, data_dir: Path) -> str:
        """Keep bytes and return their SHA-256; what they are is told by themselves."""
        kind = media_type(data, name)
        return attachments.store_attachment(
            session, actor=actor, data=data, name=name, media_type=kind, data_dir=data_dir, is_sealed=True
        )

    def read(self, session: Session, *, org_id: int, sha256: str, data_dir: Path) -> bytes:
        """Return kept bytes."""
        return attachments.read_attachment(session, org_id=org_id, sha256=sha256, data_dir=data_dir)[1]


def book_rows(
    session: Session, actor: Actor, on: date, file: FileFacts, rows: Sequence[RowToBook]
) -> list[Booked | Problem]:
    """Book rows of one file; see ``imports.kinds.Booker``.

    Raises:
        Refused: ``permission_missing`` and whatever keeps the whole from being booked.
    """
    if not actor.may("imports.book"):
        raise refuse("permission_missing", permission="imports.book")
    results: dict[int, Booked | Problem] = {}
    gifts = [item for item in rows if item.action in ("gift", "unidentified")]
    results.update(_book_gifts(session, actor, on, file, gifts))
    for item in rows:
        if item.action == "refund":
            results[item.row.row_no] = _refund(session, actor, on, file, item.row)
        elif item.action == "settlement":
            results[item.row.row_no] = _settlement(session, actor, on, file, item)
        elif item.action in ("interest", "fee", "returned"):
            results[item.row.row_no] = _bank_item(session, actor, on, file, item)
    return [results[item.row.row_no] for item in rows]


def _day(row: IncomingRow) -> date:
    """Return the day of a row; the judge has refused rows without one."""
    day = row.booked_on or row.occurred_on
    if day is None:
        raise refuse("row_date_missing")
    return day


def _book_gifts(
    session: Session, actor: Actor, on: date, file: FileFacts, items: Sequence[RowToBook]
) -> dict[int, Booked | Problem]:
    """Record gifts and unclaimed money; their drafts follow when all rows are in."""
    if not items:
        return {}
    books = load_books(session, actor.org_id, on)
    place = find_place(books, file.place)
    purposes = load_purposes(session, actor.org_id, on)
    landing = next((one for one in landings(session, actor.org_id, on) if one.code == file.place), None)
    gifts = []
    for item in items:
        row, is_gift = item.row, item.action == "gift"
        words = gift_words(row)
        at = row.occurred_at
        gifts.append(
            NewGift(
                donor=donor_facts(row) if is_gift else DonorFacts("anonymous"),
                amount_fen=row.amount_fen,
                fee_fen=row.fee_fen,
                channel=channel_at(landing, row.channel),
                money_place_id=place.id,
                reference=row.reference,
                received_on=_day(row),
                received_at=as_utc(at.replace(tzinfo=CHINA)) if at is not None else None,
                stated_purpose=words,
                parts=parts_by_rule(purposes, books, place, words, row.amount_fen) if is_gift else (),
                publish_as=row.publish_as if row.publish_as in PUBLICATIONS else "",
                nature="gift" if is_gift else "unidentified",
                event_key=event_key(row, file.place),
                source_id=file.id,
                source_form=file.form,
                row_no=row.row_no,
            )
        )
    ids = insert_gifts(session, actor=actor, gifts=gifts)
    return {item.row.row_no: Booked("gift", gift_id) for item, gift_id in zip(items, ids, strict=True)}


def donor_facts(row: IncomingRow) -> DonorFacts:
    """Return what a row says of its giver; numbers that are not right are left out.

    A payer in WeChat or Alipay is a natural person of whom only an account is known.
    """
    name = giver_name(row)
    wanted = [("phone", row.phone), ("account", row.counterparty_account)]
    if row.id_number:
        wanted.append((sort_credential(row.id_number), row.id_number))
    found: list[Identifier] = []
    for kind, text in wanted:
        identifier, _problems = read_identifier(kind, text)
        found += [identifier] if identifier else []
    is_body = row.donor_kind_hint == "body" or any(item.kind == "credit_code" for item in found)
    if name and is_body:
        kind = body_kind(name)
    else:
        kind = "person" if name or found else "anonymous"
    title = "" if row.receipt_title == name else row.receipt_title
    return DonorFacts(kind, name, tuple(found), title, row.address)


def _refund(session: Session, actor: Actor, on: date, file: FileFacts, row: IncomingRow) -> Booked | Problem:
    """Record a refund against the gift it gives back."""
    gift_id = _refunded_gift(session, actor.org_id, file, row)
    if gift_id is None:
        reference = row.refund_of or row.counterparty_name
        return Problem("refund_gift_unknown", {"reference": reference[:40]})
    refund = NewRefund(
        donation_id=gift_id,
        amount_fen=row.amount_fen,
        on=_day(row),
        place=file.place,
        reason=row.remark or row.status or row.summary or "refund",
        event_key=event_key(row, file.place),
        reference=row.reference,
        fee_back_fen=max(-row.fee_fen, 0),
        paper=file.sha256,
        batch_id=file.id,
    )
    became = record_refund(session, actor=actor, refund=refund, on=on)
    return became if isinstance(became, Problem) else Booked("refund", became)


def _refunded_gift(session: Session, org_id: int, file: FileFacts, row: IncomingRow) -> int | None:
    """Return the gift that a row gives back: by the order it names, else by giver and sum."""
    if row.refund_of:
        return session.scalar(
            select(Donation.id).where(
                Donation.org_id == org_id,
                Donation.reference == row.refund_of[:80],
                Donation.channel == row.channel,
            )
        )
    gift = find_gift(
        session,
        org_id,
        place=file.place,
        name=row.counterparty_name,
        amount_fen=row.amount_fen,
        on=_day(row),
    )
    return gift.id if gift is not None else None


def _settlement(
    session: Session, actor: Actor, on: date, file: FileFacts, item: RowToBook
) -> Booked | Problem:
    """Draft a platform's payout."""
    row = item.row
    text = f"{row.counterparty_name} {row.summary} {row.remark}"
    merchant = merchant_of(load_places(session, actor.org_id), text)
    if merchant is None:
        return Problem("settlement_place_unknown")
    fee = item.params.get("fee_fen")
    payout = Payout(
        place_id=merchant.id,
        bank=file.place,
        net_fen=row.amount_fen,
        on=_day(row),
        fee_fen=int(fee) if fee is not None else None,
        reference=row.reference,
        paper=file.sha256,
        event_key=event_key(row, file.place),
        batch_id=file.id,
    )
    became = draft_settlement(session, actor=actor, payout=payout, on=on)
    return became if isinstance(became, Problem) else Booked("settlement", became)


def _bank_item(session: Session, actor: Actor, on: date, file: FileFacts, item: RowToBook) -> Booked:
    """Draft interest, a fee or a returned transfer."""
    row = item.row
    new = NewBankItem(
        kind=item.action,
        amount_fen=row.amount_fen,
        on=_day(row),
        place=file.place,
        event_key=event_key(row, file.place),
        reference=row.reference,
        paper=file.sha256,
        batch_id=file.id,
    )
    return Booked(item.action, draft_bank_item(session, actor=actor, item=new, on=on))


def finish_file(session: Session, actor: Actor, on: date, file: FileFacts) -> int:
    """Draft the next voucher of the gifts of a file; see ``imports.kinds.Booker``."""
    return draft_next(session, actor=actor, source_id=file.id, on=on)


def event_links(session: Session, org_id: int, events: Sequence[Booked]) -> dict[Booked, Link]:
    """Return the page of what each row became: a gift's own, else its voucher being prepared."""
    found: dict[Booked, Link] = {}
    gift_ids = {event.id for event in events if event.kind == "gift"}
    refund_ids = {event.id for event in events if event.kind == "refund"}
    gifts = (
        select(Donation.id, Donation.public_no, Draft.state)
        .outerjoin(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
        .where(Donation.org_id == org_id, Donation.id.in_(gift_ids))
    )
    refunds = (
        select(Refund.id, Donation.public_no, Draft.state)
        .join(Donation, (Donation.org_id == Refund.org_id) & (Donation.id == Refund.donation_id))
        .outerjoin(Draft, (Draft.org_id == Refund.org_id) & (Draft.id == Refund.draft_id))
        .where(Refund.org_id == org_id, Refund.id.in_(refund_ids))
    )
    for kind, query in (("gift", gifts), ("refund", refunds)):
        for event_id, number, draft_state in session.execute(query):
            link = Link(number, "donations.gift", {"public_no": number}, _progress(draft_state))
            found[Booked(kind, event_id)] = link
    for event in events:
        draft_id = None if event in found else _draft_of(session, org_id, event)
        if draft_id is not None:
            state = session.scalar(select(Draft.state).where(Draft.org_id == org_id, Draft.id == draft_id))
            found[event] = Link("", "ledger.draft", {"draft_id": draft_id}, _progress(state))
    return found


def _progress(state: str | None) -> str:
    """Return how far the voucher of an event is, by the state of its draft."""
    return "undrafted" if state in (None, "discarded") else str(state)


def file_vouchers(session: Session, org_id: int, file_id: int) -> list[Link]:
    """Return the vouchers made from a file, by date; see ``imports.kinds.Booker``."""
    drafts = session.execute(
        select(Draft.id, Draft.summary, Draft.state, Draft.voucher_id)
        .where(Draft.org_id == org_id, Draft.batch_id == file_id, Draft.state != "discarded")
        .order_by(Draft.voucher_on, Draft.id)
        .limit(200)
    ).all()
    posted = {
        voucher.id: voucher
        for voucher in session.scalars(
            select(Voucher).where(
                Voucher.org_id == org_id, Voucher.id.in_([draft.voucher_id for draft in drafts])
            )
        )
    }
    return [_voucher_link(draft, posted.get(draft.voucher_id)) for draft in drafts]


def _voucher_link(draft: Any, voucher: Voucher | None) -> Link:
    """Return the page of a posted voucher, or of its draft before."""
    if voucher is None:
        return Link(draft.summary, "ledger.draft", {"draft_id": draft.id}, draft.state)
    month = Month.from_code(voucher.month)
    label = f"{month} {voucher.word}-{voucher.number:04d} {draft.summary}"
    values = {"month": str(month), "word": voucher.word, "number": voucher.number}
    return Link(label, "ledger.voucher", values, "posted")


def target_names(session: Session, org_id: int, targets: Collection[str]) -> dict[str, str]:
    """Return target → name: a fund with its earmark, a place of money; others are left out."""
    funds = dict(session.execute(select(Fund.code, Fund.name).where(Fund.org_id == org_id)).all())
    earmarks = dict(session.execute(select(Earmark.code, Earmark.name).where(Earmark.org_id == org_id)).all())
    places = dict(
        session.execute(select(MoneyPlace.code, MoneyPlace.name).where(MoneyPlace.org_id == org_id)).all()
    )
    found = {}
    for target in targets:
        fund, _slash, earmark = target.partition("/")
        if fund in funds:
            found[target] = f"{funds[fund]}／{earmarks.get(earmark, earmark)}" if earmark else funds[fund]
        elif target in places:
            found[target] = places[target]
    return found


def _draft_of(session: Session, org_id: int, event: Booked) -> int | None:
    """Return the draft of a settlement or an item of the bank."""
    if event.kind == "settlement":
        query = select(Settlement.draft_id).where(Settlement.org_id == org_id, Settlement.id == event.id)
    else:
        query = select(BankItem.draft_id).where(BankItem.org_id == org_id, BankItem.id == event.id)
    return session.scalar(query)


BOOKER = Booker(
    name="donations",
    judge=judge_rows,
    book=book_rows,
    finish=finish_file,
    places=choose_places,
    links=event_links,
    vouchers=file_vouchers,
    names=target_names,
    fingerprint=fingerprint,
    phases=PHASES,
)
register_kind(FORMS, BOOKER)
register_store(LedgerStore())
