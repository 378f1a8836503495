"""Reads for the page of the opening: what waits, what was taken, the lists it brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.models import Account, Attachment, Earmark, Fund, MoneyPlace, Period
from charity.ledger.opening_models import OldNumber, OpenedStock, Opening, OpenItem, OwedTicket, YearFigure
from charity.ledger.people import signer_names
from charity.periods import Month


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """An opening that waits or was taken.

    Attributes:
        state: proposed or taken.
        proposer_id: who prepared it, who therefore cannot approve it.
        approver: name; empty until approved.
    """

    state: str
    sha256: str
    file_name: str
    start: Month
    system: str
    proposer_id: int
    proposer: str
    proposed_at: datetime
    approver: str
    taken_at: datetime | None


def opening_row(session: Session, org_id: int) -> OpeningRow | None:
    """Return the opening that was taken, else the one that waits; None when there is neither."""
    row = session.execute(
        select(Opening, Attachment.name)
        .join(Attachment, (Attachment.org_id == Opening.org_id) & (Attachment.sha256 == Opening.sha256))
        .where(Opening.org_id == org_id, Opening.state != "withdrawn")
        .order_by(Opening.state.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    found, name = row
    people = signer_names(session, (found.proposer_id, found.approver_id))
    return OpeningRow(
        found.state,
        found.sha256,
        name,
        Month.from_code(found.start_month),
        found.system,
        found.proposer_id,
        people.get(found.proposer_id, ""),
        found.proposed_at,
        people.get(found.approver_id or 0, ""),
        found.taken_at,
    )


def first_month(session: Session, org_id: int) -> Month | None:
    """Return the first month of the books, None while there is none."""
    code = session.scalar(select(Period.month).where(Period.org_id == org_id).order_by(Period.month).limit(1))
    return Month.from_code(code) if code is not None else None


@dataclass(frozen=True, slots=True)
class OpenItemRow:
    """A receivable (positive) or payable as it was taken over, in fen."""

    account: str
    fund: str
    earmark: str
    name: str
    amount_fen: int
    since_on: date | None
    ref: str


def open_items(session: Session, org_id: int) -> list[OpenItemRow]:
    """Return what was owed when the books were taken over, by account and age."""
    rows = session.execute(
        select(Account.code, Fund.code, Earmark.code, OpenItem)
        .join(Account, Account.id == OpenItem.account_id)
        .join(Fund, (Fund.org_id == OpenItem.org_id) & (Fund.id == OpenItem.fund_id))
        .join(Earmark, (Earmark.org_id == OpenItem.org_id) & (Earmark.id == OpenItem.earmark_id))
        .where(OpenItem.org_id == org_id)
        .order_by(Account.code, OpenItem.since_on, OpenItem.id)
    )
    return [
        OpenItemRow(account, fund, earmark, item.name, item.amount_fen, item.since_on, item.ref)
        for account, fund, earmark, item in rows
    ]


@dataclass(frozen=True, slots=True)
class StockRow:
    """Goods as they were taken over; quantity in thousandths of the unit, value in fen."""

    account: str
    fund: str
    item: str
    unit: str
    quantity_milli: int
    value_fen: int
    store: str
    expires_on: date | None

    @property
    def quantity(self) -> str:
        """Return the quantity with its unit, as people write it."""
        whole, part = divmod(self.quantity_milli, 1000)
        digits = f".{part:03d}".rstrip("0") if part else ""
        return f"{whole}{digits} {self.unit}"


def opened_stock(session: Session, org_id: int) -> list[StockRow]:
    """Return the goods that were in store when the books were taken over."""
    rows = session.execute(
        select(Account.code, Fund.code, OpenedStock)
        .join(Account, Account.id == OpenedStock.account_id)
        .join(Fund, (Fund.org_id == OpenedStock.org_id) & (Fund.id == OpenedStock.fund_id))
        .where(OpenedStock.org_id == org_id)
        .order_by(Account.code, Fund.position, OpenedStock.id)
    )
    return [
        StockRow(
            account, fund, row.item, row.unit, row.quantity_milli, row.value_fen, row.store, row.expires_on
        )
        for account, fund, row in rows
    ]


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A gift from before whose official invoice is, or was, to be issued."""

    id: int
    name: str
    amount_fen: int
    received_on: date
    ref: str
    invoice_number: str


def owed_tickets(session: Session, org_id: int) -> list[TicketRow]:
    """Return invoices owed from before, those still to be issued first."""
    rows = session.scalars(
        select(OwedTicket)
        .where(OwedTicket.org_id == org_id)
        .order_by(OwedTicket.invoice_number.is_not(None), OwedTicket.received_on, OwedTicket.id)
    )
    return [
        TicketRow(row.id, row.name, row.amount_fen, row.received_on, row.ref, row.invoice_number or "")
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class NumberRow:
    """Vouchers of the old system that stand behind the turnover of a month."""

    month: Month
    word: str
    first_no: int
    last_no: int
    count: int


def old_numbers(session: Session, org_id: int) -> list[NumberRow]:
    """Return the numbers of the old system's vouchers, in order."""
    rows = session.scalars(
        select(OldNumber).where(OldNumber.org_id == org_id).order_by(OldNumber.month, OldNumber.word)
    )
    return [NumberRow(Month.from_code(r.month), r.word, r.first_no, r.last_no, r.count) for r in rows]


@dataclass(frozen=True, slots=True)
class YearRow:
    """A year before the books began here, in fen."""

    year: int
    income_fen: int
    programme_fen: int
    admin_fen: int
    expense_fen: int
    net_assets_fen: int
    restricted_fen: int


def year_figures(session: Session, org_id: int) -> list[YearRow]:
    """Return the years before the books began here, oldest first."""
    rows = session.scalars(select(YearFigure).where(YearFigure.org_id == org_id).order_by(YearFigure.year))
    return [
        YearRow(
            row.year,
            row.income_fen,
            row.programme_fen,
            row.admin_fen,
            row.expense_fen,
            row.net_assets_fen,
            row.restricted_fen,
        )
        for row in rows
    ]


def codes_in_use(
    session: Session, org_id: int
) -> tuple[Sequence[tuple[str, str, str]], Sequence[tuple[str, str]]]:
    """Return (fund, earmark, name) and (place, name), for the template's explanation."""
    purses = session.execute(
        select(Fund.code, Earmark.code, Earmark.name)
        .join(Earmark, (Earmark.org_id == Fund.org_id) & (Earmark.fund_id == Fund.id))
        .where(Fund.org_id == org_id)
        .order_by(Fund.position, Fund.code, Earmark.is_default.desc(), Earmark.code)
    )
    places = session.execute(
        select(MoneyPlace.code, MoneyPlace.name).where(MoneyPlace.org_id == org_id).order_by(MoneyPlace.code)
    )
    return [(row[0], row[1], row[2]) for row in purses], [(row[0], row[1]) for row in places]
