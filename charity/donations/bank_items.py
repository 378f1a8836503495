"""Rows of a bank file that are no gift: interest, fees, transfers that came back.

Imports ``db`` and lower, the ledger and this feature. Each becomes a draft that a person
completes and another reviews; none is income of a donation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.drafts import load_calendar
from charity.donations.models import BankItem
from charity.donations.settings import setting_of
from charity.errors import N_, refuse
from charity.ids import new_id
from charity.ledger.books import load_books
from charity.ledger.drafting import DraftOrigin, make_draft
from charity.ledger.models import Account, Earmark, Fund, MoneyPlace
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.ledger.sealed_models import Voucher, VoucherLine
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month

register_acts({"donations.bank_item": N_("Drafted interest, a fee or a returned transfer")})

#: How long after a payment its return is looked for.
RETURN_DAYS = 60
_SUMMARIES = {"interest": "银行存款利息", "fee": "银行手续费", "returned": "退汇"}


@dataclass(frozen=True, slots=True)
class NewBankItem:
    """A row of a bank file about to be drafted.

    Attributes:
        kind: ``interest``, ``fee`` or ``returned``.
        place: code of the bank account.
        paper: SHA-256 of the file.
    """

    kind: str
    amount_fen: int
    on: date
    place: str
    event_key: str
    reference: str = ""
    paper: str = ""
    batch_id: int | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A posted payment that a returned transfer gives back.

    Attributes:
        voucher_id: its voucher.
        number: ``2026-03 记-0007``.
        fund, earmark: whose money it was.
    """

    voucher_id: int
    number: str
    fund: str
    earmark: str


def find_payment(session: Session, org_id: int, *, place: str, amount_fen: int, on: date) -> Payment | None:
    """Return the one posted payment of this amount that a transfer back can belong to.

    Args:
        place: code of the bank account.
        amount_fen: in fen.
        on: the day it came back; payments of the last ``RETURN_DAYS`` are looked at.

    Returns:
        None when there is none, or several, so that a person must say.
    """
    line = VoucherLine
    rows = session.execute(
        select(Voucher.id, Voucher.month, Voucher.word, Voucher.number, Fund.code, Earmark.code)
        .join(line, (line.org_id == Voucher.org_id) & (line.voucher_id == Voucher.id))
        .join(Account, Account.id == line.account_id)
        .join(MoneyPlace, (MoneyPlace.org_id == line.org_id) & (MoneyPlace.id == line.money_place_id))
        .join(Fund, (Fund.org_id == line.org_id) & (Fund.id == line.fund_id))
        .join(Earmark, (Earmark.org_id == line.org_id) & (Earmark.id == line.earmark_id))
        .where(
            line.org_id == org_id,
            MoneyPlace.code == place,
            Account.code == "1002",
            line.credit_fen == amount_fen,
            line.is_retag.is_(False),
            line.voucher_on.between(on - timedelta(days=RETURN_DAYS), on),
            Voucher.colour == "blue",
        )
        .limit(2)
    ).all()
    if len(rows) != 1:
        return None
    voucher_id, month, word, number, fund, earmark = rows[0]
    return Payment(voucher_id, f"{Month.from_code(month)} {word}-{number:04d}", fund, earmark)


def draft_bank_item(session: Session, *, actor: Actor, item: NewBankItem, on: date) -> int:
    """Write the row down and draft its voucher; return its key.

    Interest belongs to the fund the office has decided (490101 general, 490102 restricted);
    a fee falls on general money; money that came back is owed again (2209) until it is
    paid anew, in the fund it was paid from.

    Args:
        actor: becomes the maker; needs ``ledger.draft``.
        item: the row.
        on: today.

    Raises:
        Refused: ``permission_missing``.

    Source: posting rules P38, P51, P54.
    """
    if not actor.may("ledger.draft"):
        raise refuse("permission_missing", permission="ledger.draft")
    books = load_books(session, actor.org_id, on)
    day = load_calendar(session, actor.org_id, books.words).day_for(item.on, on)
    books = load_books(session, actor.org_id, day) if day != on else books
    payment = _payment_of(session, actor.org_id, item)
    fund = payment.fund if payment else "GEN"
    if item.kind == "interest":
        fund = setting_of(session, actor.org_id, "interest_fund", item.on)
    earmark = payment.earmark if payment else books.funds[fund].default_earmark
    item_id = new_id()
    summary = _SUMMARIES[item.kind] + (f" {payment.number}" if payment else "")
    voucher = DraftVoucher(
        voucher_on=day,
        month=Month.of(day),
        summary=summary,
        lines=_lines(item_id, item, fund, earmark, books),
        attachments=(item.paper,) if item.paper else (),
    )
    origin = DraftOrigin(batch_id=item.batch_id, ref=item.reference[:80])
    draft = make_draft(session, actor=actor, draft=voucher, origin=origin, books=books)
    session.add(_row(item_id, actor, item, payment, books, draft.id))
    session.flush()
    record(
        session,
        actor=actor,
        act="donations.bank_item",
        subject_kind="draft",
        summary=summary,
        amount_fen=item.amount_fen,
    )
    return item_id


def _payment_of(session: Session, org_id: int, item: NewBankItem) -> Payment | None:
    """Return the payment a returned transfer gives back; None for other items."""
    if item.kind != "returned":
        return None
    return find_payment(session, org_id, place=item.place, amount_fen=item.amount_fen, on=item.on)


def _row(
    item_id: int, actor: Actor, item: NewBankItem, payment: Payment | None, books: Books, draft_id: int
) -> BankItem:
    """Return the row of an item."""
    return BankItem(
        org_id=actor.org_id,
        id=item_id,
        kind=item.kind,
        amount_fen=item.amount_fen,
        money_place_id=books.places[item.place].id,
        booked_on=item.on,
        reference=item.reference[:80],
        original_voucher_id=payment.voucher_id if payment else None,
        draft_id=draft_id,
        event_key=item.event_key[:120],
        recorded_by=actor.user_id,
        recorded_at=actor.at,
    )


def _lines(
    item_id: int, item: NewBankItem, fund: str, earmark: str, books: Books
) -> tuple[DraftLine, DraftLine]:
    """Return the two lines of an item: money, and what it stands for."""
    is_general = books.funds[fund].kind == "general"
    is_in = item.kind != "fee"
    account = {
        "interest": "490101" if is_general else "490102",
        "fee": "530101",
        "returned": "2209",
    }[item.kind]
    money = DraftLine(
        account=books.places[item.place].account,
        debit_fen=item.amount_fen if is_in else 0,
        credit_fen=0 if is_in else item.amount_fen,
        fund=fund,
        earmark=earmark,
        money_place=item.place,
        source_kind="bank_item",
        source_id=item_id,
    )
    other = DraftLine(
        account=account,
        debit_fen=0 if is_in else item.amount_fen,
        credit_fen=item.amount_fen if is_in else 0,
        fund=fund,
        earmark=earmark,
        activity_class="management" if item.kind == "fee" else "",
        source_kind="bank_item",
        source_id=item_id,
    )
    return (money, other) if is_in else (other, money)
