"""Records that are posted, and what follows from them by trigger.

The voucher and its lines are only ever inserted: lines first, the header last, whose
trigger checks the whole and seals it. Balances, day totals and guards are kept by the
database from the posted lines; no statement of the app may write them.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, TRIGGER_ONLY, Base, whole_numbers
from charity.ids import new_id
from charity.ledger.rules import ACTIVITY_CLASSES, NET_ASSET_CHANGES


def _one_of(column: str, values: tuple[str, ...]) -> str:
    """Return the condition that a column holds one of some words, or none."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _is_a_maker(column: str) -> str:
    """Return SQL that says whether a login is one of the makers, on both databases."""
    return f"REPLACE(',' || makers || ',', ',' || {column} || ',', '') <> ',' || makers || ','"


class Voucher(Base):
    """A posted voucher (记账凭证), sealed by the trigger on its insertion."""

    __tablename__ = "ledger_voucher"
    __table_args__ = (
        UniqueConstraint("org_id", "month", "word", "number"),
        UniqueConstraint("org_id", "idempotency_key"),
        UniqueConstraint("org_id", "id", "tx"),
        CheckConstraint("kind IN ('normal','opening','closing','correction')", name="kind"),
        CheckConstraint("colour IN ('blue','red')", name="colour"),
        CheckConstraint(
            "colour = 'blue' OR reverses_id IS NOT NULL OR corrects_id IS NOT NULL", name="red_names_voucher"
        ),
        CheckConstraint("reverses_id IS NULL OR corrects_id IS NULL", name="one_target"),
        CheckConstraint("reverses_id IS NULL OR colour = 'red'", name="reversal_is_red"),
        CheckConstraint(
            "kind = 'correction' OR (reverses_id IS NULL AND corrects_id IS NULL)",
            name="only_corrections_name",
        ),
        CheckConstraint(
            "kind <> 'correction' OR COALESCE(reverses_id, corrects_id, set_id) IS NOT NULL",
            name="correction_names",
        ),
        CheckConstraint("reviewer_id IS NOT NULL OR posting_rule_id IS NOT NULL", name="is_reviewed"),
        CheckConstraint(_is_a_maker("maker_id"), name="maker_is_listed"),
        CheckConstraint(
            f"reviewer_id IS NULL OR NOT ({_is_a_maker('reviewer_id')})", name="reviewer_not_maker"
        ),
        CheckConstraint(f"cashier_id IS NULL OR NOT ({_is_a_maker('cashier_id')})", name="cashier_not_maker"),
        CheckConstraint("kind <> 'opening' OR reviewer_id IS NOT NULL", name="opening_reviewed"),
        CheckConstraint(
            "cashier_id IS NULL OR reviewer_id IS NULL OR cashier_id <> reviewer_id",
            name="cashier_not_reviewer",
        ),
        CheckConstraint(f"NOT ({_is_a_maker('poster_id')})", name="poster_not_maker"),
        CheckConstraint("cashier_id IS NULL OR poster_id <> cashier_id", name="poster_not_cashier"),
        CheckConstraint("number > 0 AND line_count >= 2", name="number"),
        whole_numbers("month", "number", "line_count", "total_fen", "attachment_count"),
        Index(
            "ux_ledger_voucher_reverses",
            "org_id",
            "reverses_id",
            unique=True,
            sqlite_where=text("reverses_id IS NOT NULL"),
            postgresql_where=text("reverses_id IS NOT NULL"),
        ),
        Index(
            "ix_ledger_voucher_corrects",
            "org_id",
            "corrects_id",
            sqlite_where=text("corrects_id IS NOT NULL"),
            postgresql_where=text("corrects_id IS NOT NULL"),
        ),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Month of the books, ``YYYYMM`` or ``YYYY13``.
    month: Mapped[int] = mapped_column(Integer)
    #: 记, or 收/付/转 derived from the money lines.
    word: Mapped[str] = mapped_column(String(4))
    #: 1…n without a gap per month and word, in the order of dates.
    number: Mapped[int] = mapped_column(Integer)
    voucher_on: Mapped[date]
    #: normal, opening, closing or correction.
    kind: Mapped[str] = mapped_column(String(12))
    #: blue (lines ≥ 0) or red (lines ≤ 0).
    colour: Mapped[str] = mapped_column(String(4))
    #: Summary; codes, never a person's name.
    summary: Mapped[str] = mapped_column(String(200))
    #: How many lines, re-tags included.
    line_count: Mapped[int] = mapped_column(Integer)
    #: Sum of debits = sum of credits in fen, re-tags left out; negative on red.
    total_fen: Mapped[int]
    #: Attachments at the time of posting.
    attachment_count: Mapped[int] = mapped_column(Integer)
    #: Voucher reversed in full by this red one.
    reverses_id: Mapped[int | None]
    #: Voucher corrected in part by this one.
    corrects_id: Mapped[int | None]
    #: Vouchers of one set were posted together.
    set_id: Mapped[int | None]
    #: Rule that made it.
    posting_rule_id: Mapped[int | None]
    #: Staged batch it came from.
    batch_id: Mapped[int | None]
    #: Number of the paper or file it stands for.
    ref: Mapped[str] = mapped_column(String(80))
    #: Makes posting safe to repeat, with the hash of what was asked.
    idempotency_key: Mapped[str] = mapped_column(String(120))
    request_sha256: Mapped[str] = mapped_column(String(64))
    #: 制单, 稽核, 出纳签字, 记账: who and when; the maker is whoever wrote it last.
    maker_id: Mapped[int]
    #: Ids of all who wrote or changed it, joined with commas, the maker last; none of them
    #: reviews, signs or posts it.
    makers: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    reviewer_id: Mapped[int | None]
    reviewed_at: Mapped[datetime | None]
    cashier_id: Mapped[int | None]
    signed_at: Mapped[datetime | None]
    poster_id: Mapped[int]
    posted_at: Mapped[datetime]
    #: Transaction that posted it (PostgreSQL, set by trigger); 0 on SQLite.
    tx: Mapped[int] = mapped_column(default=0)


class VoucherLine(Base):
    """One posted line with every dimension; rows can never be back-filled."""

    __tablename__ = "ledger_voucher_line"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "voucher_id", "tx"],
            ["ledger_voucher.org_id", "ledger_voucher.id", "ledger_voucher.tx"],
            name="fk_ledger_voucher_line_voucher",
            deferrable=True,
            initially="DEFERRED",
        ),
        CheckConstraint("(debit_fen <> 0) <> (credit_fen <> 0)", name="one_side"),
        CheckConstraint("line_no > 0", name="line_no"),
        CheckConstraint("LENGTH(salt) = 32", name="salt"),
        CheckConstraint("LENGTH(commitments) > 0 AND LENGTH(commitments) % 32 = 0", name="commitments"),
        CheckConstraint(_one_of("activity_class", ACTIVITY_CLASSES), name="activity_class"),
        CheckConstraint(_one_of("net_asset_change", NET_ASSET_CHANGES), name="net_asset_change"),
        whole_numbers("line_no", "month", "debit_fen", "credit_fen", "quantity_milli"),
        Index(
            "ix_ledger_voucher_line_book",
            "org_id",
            "account_id",
            "fund_id",
            "voucher_on",
            "voucher_id",
            "line_no",
        ),
        Index(
            "ix_ledger_voucher_line_source",
            "org_id",
            "source_id",
            sqlite_where=text("source_id IS NOT NULL"),
            postgresql_where=text("source_id IS NOT NULL"),
        ),
        Index(
            "ix_ledger_voucher_line_money",
            "org_id",
            "money_place_id",
            "voucher_on",
            sqlite_where=text("money_place_id IS NOT NULL"),
            postgresql_where=text("money_place_id IS NOT NULL"),
        ),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    voucher_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: k of n, from 1.
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: Copies of the header's date and month, checked by its trigger, for paging by index.
    voucher_on: Mapped[date]
    month: Mapped[int] = mapped_column(Integer)
    summary: Mapped[str] = mapped_column(String(200))
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_account.id"))
    #: Exactly one of the two is not zero; fen.
    debit_fen: Mapped[int]
    credit_fen: Mapped[int]
    fund_id: Mapped[int]
    earmark_id: Mapped[int]
    designation_id: Mapped[int | None]
    project_id: Mapped[int | None]
    #: The business event behind the line: kind, id and step.
    source_kind: Mapped[str | None] = mapped_column(String(20))
    source_id: Mapped[int | None]
    source_step: Mapped[int | None] = mapped_column(Integer)
    money_place_id: Mapped[int | None]
    #: Unit (township, county …) the money is for or from.
    place_id: Mapped[int | None]
    party_id: Mapped[int | None]
    #: Other federation inside the system (系统内).
    counterparty_org_id: Mapped[int | None]
    #: Class for the ratios, see ``rules.ACTIVITY_CLASSES``.
    activity_class: Mapped[str | None] = mapped_column(String(20))
    cash_flow_item_id: Mapped[int | None]
    #: Quantity in thousandths of the unit.
    quantity_milli: Mapped[int | None]
    unit: Mapped[str | None] = mapped_column(String(20))
    #: Moves the fund tag of cash; outside turnover, journals and cash flow.
    is_retag: Mapped[bool] = mapped_column(Boolean)
    #: Case code of whoever is helped; never a name.
    beneficiary_code: Mapped[str | None] = mapped_column(String(40))
    #: Kind of net-asset change on hand lines of 3101, 3102, 3201.
    net_asset_change: Mapped[str | None] = mapped_column(String(20))
    dimension1_id: Mapped[int | None]
    dimension2_id: Mapped[int | None]
    #: 32 random bytes from which the salt of each field is derived; opened to nobody.
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    #: The commitments of all fields, 32 bytes each, see ``commitments``.
    commitments: Mapped[bytes] = mapped_column(LargeBinary)
    tx: Mapped[int] = mapped_column(default=0)


class VoucherAttachment(Base):
    """A source document of a posted voucher; more may be added, none taken away."""

    __tablename__ = "ledger_voucher_attachment"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "sha256"], ["ledger_attachment.org_id", "ledger_attachment.sha256"]),
        ForeignKeyConstraint(
            ["org_id", "voucher_id"],
            ["ledger_voucher.org_id", "ledger_voucher.id"],
            name="fk_ledger_voucher_attachment_voucher",
            deferrable=True,
            initially="DEFERRED",
        ),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    voucher_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: Order, from 1.
    position: Mapped[int] = mapped_column(Integer)


class Balance(Base):
    """Turnover per account, fund, earmark, month and class of entry; kept by trigger."""

    __tablename__ = "ledger_balance"
    __table_args__ = (
        whole_numbers("debit_fen", "credit_fen", "line_count"),
        Index("ix_ledger_balance_month", "org_id", "month"),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    earmark_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: normal (corrections too), opening, closing or retag.
    entry_class: Mapped[str] = mapped_column(String(8), primary_key=True)
    debit_fen: Mapped[int]
    credit_fen: Mapped[int]
    line_count: Mapped[int]


class DayTotal(Base):
    """Turnover of a money place per account and day, re-tags left out; kept by trigger."""

    __tablename__ = "ledger_day_total"
    __table_args__ = (whole_numbers("debit_fen", "credit_fen", "line_count"),)

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    money_place_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    on: Mapped[date] = mapped_column(primary_key=True)
    debit_fen: Mapped[int]
    credit_fen: Mapped[int]
    line_count: Mapped[int]


class CashFlowTotal(Base):
    """Cash in and out per month, fund and item of the statement; kept by trigger."""

    __tablename__ = "ledger_cash_flow_total"
    __table_args__ = (whole_numbers("debit_fen", "credit_fen"),)

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cash_flow_item_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    debit_fen: Mapped[int]
    credit_fen: Mapped[int]


class FundGuard(Base):
    """What a fund and earmark may still spend, and what is held; kept by trigger.

    ``available_fen`` is the signed sum over guarded accounts less what is held.
    """

    __tablename__ = "ledger_fund_guard"
    __table_args__ = (
        CheckConstraint("available_fen >= 0 OR incident_id IS NOT NULL", name="available"),
        CheckConstraint("held_fen >= 0", name="held"),
        whole_numbers("available_fen", "held_fen"),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    earmark_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    available_fen: Mapped[int] = mapped_column(default=0)
    held_fen: Mapped[int] = mapped_column(default=0)
    #: Open incident that freezes it; None in the ordinary course.
    incident_id: Mapped[int | None]


class FundMonth(Base):
    """What a fund and earmark could spend at the end of each opened month; kept by trigger.

    A voucher dated into an earlier open month is thereby checked at every later month's end.
    """

    __tablename__ = "ledger_fund_month"
    __table_args__ = (
        CheckConstraint("available_fen >= 0 OR is_frozen", name="available"),
        whole_numbers("available_fen"),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    earmark_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    available_fen: Mapped[int] = mapped_column(default=0)
    is_frozen: Mapped[bool] = mapped_column(Boolean, default=False)


class StockGuard(Base):
    """Book value of goods in store per fund and earmark; never below zero; kept by trigger."""

    __tablename__ = "ledger_stock_guard"
    __table_args__ = (CheckConstraint("value_fen >= 0", name="value"), whole_numbers("value_fen"))

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    earmark_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value_fen: Mapped[int] = mapped_column(default=0)


class Hold(Base):
    """Money set aside for one payment (已批未付); one hold an instalment."""

    __tablename__ = "ledger_hold"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        whole_numbers("amount_fen"),
        UniqueConstraint("org_id", "idempotency_key"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    fund_id: Mapped[int]
    earmark_id: Mapped[int]
    amount_fen: Mapped[int]
    placed_on: Mapped[date]
    #: Day on which somebody is asked whether it still stands; it never drops by itself.
    ask_on: Mapped[date | None]
    #: Code of what it is for; never a person's name.
    subject: Mapped[str] = mapped_column(String(80))
    idempotency_key: Mapped[str] = mapped_column(String(120))
    placed_by: Mapped[int]
    placed_at: Mapped[datetime]


class HoldEvent(Base):
    """A step of a hold: placed, then settled by a voucher, or released."""

    __tablename__ = "ledger_hold_event"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "hold_id"], ["ledger_hold.org_id", "ledger_hold.id"]),
        CheckConstraint("step_no IN (1, 2)", name="step_no"),
        CheckConstraint("(step_no = 1) = (kind = 'placed')", name="first_is_placed"),
        CheckConstraint("kind IN ('placed','settled','released')", name="kind"),
        CheckConstraint("(kind = 'settled') = (voucher_id IS NOT NULL)", name="settled_by_voucher"),
        # Settled before its voucher is sealed, and never without it.
        ForeignKeyConstraint(
            ["org_id", "voucher_id"],
            ["ledger_voucher.org_id", "ledger_voucher.id"],
            name="fk_ledger_hold_event_voucher",
            deferrable=True,
            initially="DEFERRED",
        ),
        # One voucher settles one hold.
        Index(
            "ux_ledger_hold_event_voucher",
            "org_id",
            "voucher_id",
            unique=True,
            sqlite_where=text("voucher_id IS NOT NULL"),
            postgresql_where=text("voucher_id IS NOT NULL"),
        ),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hold_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: 1 placed, 2 settled or released.
    step_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(10))
    #: Voucher that paid it; it may cost less than was held.
    voucher_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(200), default="")
    acted_by: Mapped[int]
    acted_at: Mapped[datetime]


class Incident(Base):
    """A fund found overdrawn by a correction of fact that general money could not bear.

    The fund is frozen, and the incident stands by name until it is covered.
    """

    __tablename__ = "ledger_incident"
    __table_args__ = (CheckConstraint("declared_by <> seconded_by", name="two_people"),)

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    fund_id: Mapped[int]
    earmark_id: Mapped[int]
    #: Month from which the month ends may stand below zero.
    month: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    set_id: Mapped[int]
    #: Who declared it, and the second person.
    declared_by: Mapped[int]
    seconded_by: Mapped[int]
    declared_at: Mapped[datetime]


class IncidentCover(Base):
    """The end of an incident: the fund is back at zero or above."""

    __tablename__ = "ledger_incident_cover"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "incident_id"], ["ledger_incident.org_id", "ledger_incident.id"]),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    incident_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    covered_by: Mapped[int]
    covered_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text, default="")


APPEND_ONLY.update(
    {
        "ledger_voucher",
        "ledger_voucher_line",
        "ledger_voucher_attachment",
        "ledger_hold",
        "ledger_hold_event",
        "ledger_incident",
        "ledger_incident_cover",
    }
)
TRIGGER_ONLY.update(
    {
        "ledger_balance",
        "ledger_day_total",
        "ledger_cash_flow_total",
        "ledger_fund_guard",
        "ledger_fund_month",
        "ledger_stock_guard",
    }
)
