"""What books bring from another system beside their balances, and the act that took it.

The figures themselves stand in posted vouchers of the kind ``opening``. These rows keep
what a voucher line cannot say: who owes what, which goods, which invoices are still to be
issued, what the years before gave, where a voucher of the old system is found.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, Base
from charity.ids import new_id
from charity.sealed import SealedText


class Opening(Base):
    """Books taken over from another system: proposed by one person, approved by another."""

    __tablename__ = "ledger_opening"
    __table_args__ = (
        CheckConstraint("state IN ('proposed','taken','withdrawn')", name="state"),
        CheckConstraint("approver_id IS NULL OR approver_id <> proposer_id", name="two"),
        CheckConstraint("(state = 'taken') = (taken_at IS NOT NULL)", name="taken"),
        ForeignKeyConstraint(["org_id", "sha256"], ["ledger_attachment.org_id", "ledger_attachment.sha256"]),
        # One opening waits, one is taken, at the most: a second tab finds the first one.
        Index(
            "ux_ledger_opening_state",
            "org_id",
            "state",
            unique=True,
            sqlite_where=text("state <> 'withdrawn'"),
            postgresql_where=text("state <> 'withdrawn'"),
        ),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: proposed, taken or withdrawn.
    state: Mapped[str] = mapped_column(String(10), default="proposed")
    #: SHA-256 of the workbook; the second person approves these very bytes.
    sha256: Mapped[str] = mapped_column(String(64))
    #: First month kept here, ``YYYYMM``.
    start_month: Mapped[int] = mapped_column(Integer)
    #: Name of the system the books come from.
    system: Mapped[str] = mapped_column(String(60))
    #: Who prepared it, and when.
    proposer_id: Mapped[int]
    proposed_at: Mapped[datetime]
    #: Who approved it; None until then.
    approver_id: Mapped[int | None]
    taken_at: Mapped[datetime | None]
    #: Why it was withdrawn.
    reason: Mapped[str] = mapped_column(String(200), default="")


class OpenItem(Base):
    """A receivable or payable of one party as it stood when the books were taken over (往来款)."""

    __tablename__ = "ledger_open_item"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_account.id"))
    fund_id: Mapped[int]
    earmark_id: Mapped[int]
    #: Handle of the party; a line that settles the item names it.
    party_id: Mapped[int]
    #: Name of the party, sealed.
    name: Mapped[str] = mapped_column(SealedText("ledger_open_item.name"))
    #: Debit less credit, in fen: what is owed to us is positive.
    amount_fen: Mapped[int]
    #: Day it arose; None when the old system does not say.
    since_on: Mapped[date | None]
    #: Number of the old voucher or paper.
    ref: Mapped[str] = mapped_column(String(80), default="")


class OpenedStock(Base):
    """Goods in store when the books were taken over (存货结存)."""

    __tablename__ = "ledger_opened_stock"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_account.id"))
    fund_id: Mapped[int]
    earmark_id: Mapped[int]
    #: What it is, with its make.
    item: Mapped[str] = mapped_column(String(120))
    unit: Mapped[str] = mapped_column(String(20))
    #: Quantity in thousandths of the unit.
    quantity_milli: Mapped[int]
    #: Book value, in fen.
    value_fen: Mapped[int]
    #: Where it lies.
    store: Mapped[str] = mapped_column(String(80), default="")
    #: Last day of use; None for goods that do not perish.
    expires_on: Mapped[date | None]


class OwedTicket(Base):
    """A gift received before, whose official invoice (捐赠票据) is still to be issued."""

    __tablename__ = "ledger_owed_ticket"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Name of the donor, sealed.
    name: Mapped[str] = mapped_column(SealedText("ledger_owed_ticket.name"))
    amount_fen: Mapped[int]
    received_on: Mapped[date]
    #: Number of the gift in the old system.
    ref: Mapped[str] = mapped_column(String(80), default="")
    #: Number of the invoice once it is issued; None until then.
    invoice_number: Mapped[str | None] = mapped_column(String(40))
    #: Who recorded it, and when.
    issued_by: Mapped[int | None]
    issued_at: Mapped[datetime | None]


class OldNumber(Base):
    """Vouchers of the old system that a month's turnover sums up, kept as a reference."""

    __tablename__ = "ledger_old_number"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: ``YYYYMM``.
    month: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    word: Mapped[str] = mapped_column(String(4), primary_key=True)
    #: First and last number, and how many there are.
    first_no: Mapped[int] = mapped_column(Integer)
    last_no: Mapped[int] = mapped_column(Integer)
    count: Mapped[int] = mapped_column(Integer)


class YearFigure(Base):
    """A year before the books began here, for ratios that look three years back.

    Source: 民发〔2016〕189号 art. 10 (three-year average of income and of net assets).
    """

    __tablename__ = "ledger_year_figure"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: All income of the year, in fen.
    income_fen: Mapped[int]
    #: Spending on charitable activities.
    programme_fen: Mapped[int]
    #: Administrative expenses.
    admin_fen: Mapped[int]
    #: All expenses.
    expense_fen: Mapped[int]
    #: Net assets at the year's end, and the restricted part of them.
    net_assets_fen: Mapped[int]
    restricted_fen: Mapped[int]


APPEND_ONLY.update({"ledger_open_item", "ledger_opened_stock", "ledger_old_number", "ledger_year_figure"})
