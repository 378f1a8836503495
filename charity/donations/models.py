"""Records of gifts: donors, gifts and their parts, refunds, settlements, pledges, rules.

A donor's key is the key of the party handle in the ledger, so that posted lines name a
donor without knowing a name. Nothing here repeats whether a gift is posted: that is asked
of the draft and the posted lines.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, Base
from charity.ids import new_id
from charity.sealed import SealedText


def _org_key() -> Mapped[int]:
    """Return the org's part of a primary key."""
    return mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)


def _key() -> Mapped[int]:
    """Return a row's own part of a primary key."""
    return mapped_column(primary_key=True, default=new_id, autoincrement=False)


class Donor(Base):
    """Who gives (捐赠人); a merged donor keeps its row and its gifts."""

    __tablename__ = "donations_donor"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "id"], ["ledger_party.org_id", "ledger_party.id"]),
        CheckConstraint(
            "kind IN ('person','company','public_body','organisation','group','anonymous')", name="kind"
        ),
        CheckConstraint("publish_choice IN ('','name','masked','anonymous')", name="publish_choice"),
        UniqueConstraint("org_id", "shared_key"),
        Index("ix_donations_donor_folded", "org_id", "folded"),
        Index("ix_donations_donor_root", "org_id", "root_id"),
        Index("ix_donations_donor_order", "org_id", "pinyin_key", "id"),
    )

    org_id: Mapped[int] = _org_key()
    #: The same as the party's in the ledger.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: person, company, public_body, organisation, group or anonymous.
    kind: Mapped[str] = mapped_column(String(20))
    #: Name as given; empty for an unknown giver.
    name: Mapped[str] = mapped_column(String(200))
    #: The name folded for comparison.
    folded: Mapped[str] = mapped_column(String(200))
    #: Folded name, pinyin and initials, for the search.
    search_text: Mapped[str] = mapped_column(Text)
    #: Pinyin of the name, for the order of lists on both databases.
    pinyin_key: Mapped[str] = mapped_column(String(200))
    #: The donor this one was found to be; itself when it stands alone.
    root_id: Mapped[int]
    #: ``anonymous`` on the one donor that stands for givers of whom nothing is known.
    shared_key: Mapped[str | None] = mapped_column(String(20))
    #: Name on invoices, where it differs.
    receipt_title: Mapped[str] = mapped_column(String(200), default="")
    #: Postal address.
    address: Mapped[str] = mapped_column(SealedText("donations_donor.address"), default="")
    #: The donor's own standing choice: name, masked, anonymous; empty: none recorded.
    publish_choice: Mapped[str] = mapped_column(String(12), default="")
    #: The day on which the choice was given.
    chosen_on: Mapped[date | None]
    #: What the office should know; never about health or need.
    note: Mapped[str] = mapped_column(String(400), default="")
    made_by: Mapped[int]
    made_at: Mapped[datetime]
    #: Grows with each change, so that two tabs do not overwrite one another.
    version: Mapped[int] = mapped_column(Integer, default=1)


class DonorIdentifier(Base):
    """A number of a donor: sealed, with the keyed hash by which it is matched."""

    __tablename__ = "donations_identifier"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "donor_id"], ["donations_donor.org_id", "donations_donor.id"]),
        CheckConstraint("kind IN ('id_number','credit_code','phone','account')", name="kind"),
        UniqueConstraint("org_id", "donor_id", "kind", "hash"),
        Index("ix_donations_identifier_hash", "org_id", "hash"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    donor_id: Mapped[int]
    #: id_number, credit_code, phone or account.
    kind: Mapped[str] = mapped_column(String(12))
    #: Keyed hash of the canonical value.
    hash: Mapped[str] = mapped_column(String(64))
    #: The canonical value.
    value: Mapped[str] = mapped_column(SealedText("donations_identifier.value"))
    #: What pages may show.
    masked: Mapped[str] = mapped_column(String(40))
    made_at: Mapped[datetime]


class DonorMerge(Base):
    """One donor found to be another, by a person, with a reason; undone by a second row."""

    __tablename__ = "donations_merge"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "donor_id"], ["donations_donor.org_id", "donations_donor.id"]),
        ForeignKeyConstraint(["org_id", "into_id"], ["donations_donor.org_id", "donations_donor.id"]),
        CheckConstraint("act IN ('merge','part','distinct')", name="act"),
        Index("ix_donations_merge_donor", "org_id", "donor_id"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: The donor that was merged, parted again, or found to be a different one.
    donor_id: Mapped[int]
    into_id: Mapped[int]
    #: merge: is the other one; part: is not, after all; distinct: a proposal was declined.
    act: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(400))
    acted_by: Mapped[int]
    acted_at: Mapped[datetime]


class Donation(Base):
    """One gift of money (捐赠)."""

    __tablename__ = "donations_donation"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "donor_id"], ["donations_donor.org_id", "donations_donor.id"]),
        ForeignKeyConstraint(
            ["org_id", "money_place_id"], ["ledger_money_place.org_id", "ledger_money_place.id"]
        ),
        ForeignKeyConstraint(["org_id", "pledge_id"], ["donations_pledge.org_id", "donations_pledge.id"]),
        UniqueConstraint("org_id", "public_no"),
        UniqueConstraint("org_id", "event_key"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("nature IN ('gift','unidentified')", name="nature"),
        CheckConstraint("channel IN ('bank','wechat','alipay','cash','other')", name="channel"),
        CheckConstraint("publish_as IN ('name','masked','anonymous')", name="publish_as"),
        CheckConstraint("receipt_state IN ('none','issued','anonymous','waived')", name="receipt_state"),
        Index("ix_donations_donation_received", "org_id", "received_on", "id"),
        Index("ix_donations_donation_donor", "org_id", "donor_id"),
        Index("ix_donations_donation_same", "org_id", "same_key"),
        Index("ix_donations_donation_reference", "org_id", "reference"),
        Index("ix_donations_donation_draft", "org_id", "draft_id"),
        Index("ix_donations_donation_source", "org_id", "source_id"),
        Index(
            "ix_donations_donation_waiting",
            "org_id",
            "id",
            sqlite_where=text("NOT is_allocated"),
            postgresql_where=text("NOT is_allocated"),
        ),
        Index(
            "ix_donations_donation_undrafted",
            "org_id",
            "source_id",
            "money_place_id",
            "received_on",
            "id",
            sqlite_where=text("draft_id IS NULL AND is_allocated AND blocked_by = ''"),
            postgresql_where=text("draft_id IS NULL AND is_allocated AND blocked_by = ''"),
        ),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: Random number by which donor and office name the gift.
    public_no: Mapped[str] = mapped_column(String(20))
    donor_id: Mapped[int]
    amount_fen: Mapped[int]
    #: What the platform keeps of it, in fen, as its bill says; the gift is booked in full.
    fee_fen: Mapped[int] = mapped_column(default=0)
    #: bank, wechat, alipay, cash or other.
    channel: Mapped[str] = mapped_column(String(10))
    #: Where the money came in.
    money_place_id: Mapped[int]
    #: Serial number of the bank or platform, number of the slip.
    reference: Mapped[str] = mapped_column(String(80), default="")
    #: The day the money arrived, and the moment where it is known.
    received_on: Mapped[date]
    received_at: Mapped[datetime | None]
    #: The giver's own words about the purpose.
    stated_purpose: Mapped[str] = mapped_column(String(400), default="")
    #: gift; unidentified while nobody knows whose it is (待认领).
    nature: Mapped[str] = mapped_column(String(12), default="gift")
    #: Whether its parts are settled; a gift of unclear purpose waits for a person.
    is_allocated: Mapped[bool] = mapped_column(Boolean, default=False)
    #: name, masked or anonymous; belongs to the gift, not to the giver.
    publish_as: Mapped[str] = mapped_column(String(12))
    #: Whether the public sees the amount.
    shows_amount: Mapped[bool] = mapped_column(Boolean, default=True)
    #: Unit (county, township) that brought it in.
    unit_id: Mapped[int | None]
    pledge_id: Mapped[int | None]
    #: Papers: SHA-256 of agreements, slips, letters.
    attachments: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: The voucher being prepared or posted for its receipt; None before.
    draft_id: Mapped[int | None]
    #: Problem code that kept it from being drafted; empty in the ordinary course.
    blocked_by: Mapped[str] = mapped_column(String(60), default="")
    #: The voucher that takes it out of 220901 once its giver is known.
    claim_draft_id: Mapped[int | None]
    #: none, issued, anonymous (issued without a name) or waived.
    receipt_state: Mapped[str] = mapped_column(String(12), default="none")
    #: File, batch of slips or nothing; the form it was read from; its row there.
    source_id: Mapped[int | None]
    source_form: Mapped[str] = mapped_column(String(40), default="")
    row_no: Mapped[int | None] = mapped_column(Integer)
    #: Names the event once for all: platform and order number, or place and row.
    event_key: Mapped[str] = mapped_column(String(120))
    #: Equal for two gifts a person should compare: day, amount, name.
    same_key: Mapped[str] = mapped_column(String(64))
    recorded_by: Mapped[int]
    recorded_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)


class Allocation(Base):
    """One part of a gift: a fund, an earmark and an amount; the parts sum to the gift."""

    __tablename__ = "donations_allocation"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "donation_id"], ["donations_donation.org_id", "donations_donation.id"]
        ),
        ForeignKeyConstraint(["org_id", "fund_id"], ["ledger_fund.org_id", "ledger_fund.id"]),
        ForeignKeyConstraint(["org_id", "earmark_id"], ["ledger_earmark.org_id", "ledger_earmark.id"]),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_donations_allocation_fund", "org_id", "fund_id", "donation_id"),
    )

    org_id: Mapped[int] = _org_key()
    donation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: 1, 2, 3 …; the step of its voucher line.
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fund_id: Mapped[int]
    earmark_id: Mapped[int]
    amount_fen: Mapped[int]
    #: Rule that chose it; None: a person did.
    rule_id: Mapped[int | None]


class PurposeRule(Base):
    """A learned word and the fund it means; replaced by a new version, never changed."""

    __tablename__ = "donations_purpose_rule"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "fund_id"], ["ledger_fund.org_id", "ledger_fund.id"]),
        ForeignKeyConstraint(["org_id", "earmark_id"], ["ledger_earmark.org_id", "ledger_earmark.id"]),
        UniqueConstraint("org_id", "keyword", "money_place_id", "version"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: Folded word; empty: the default of the place.
    keyword: Mapped[str] = mapped_column(String(40))
    #: The place it holds for; 0 for all.
    money_place_id: Mapped[int] = mapped_column(default=0)
    fund_id: Mapped[int]
    earmark_id: Mapped[int]
    #: 1, 2, 3 … of this word and place.
    version: Mapped[int] = mapped_column(Integer)
    made_by: Mapped[int]
    made_by_name: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime]
    #: When a newer version or a person ended it; None while in force.
    retired_at: Mapped[datetime | None]


class Refund(Base):
    """Money given back of a gift; its voucher is reviewed by a person."""

    __tablename__ = "donations_refund"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "donation_id"], ["donations_donation.org_id", "donations_donation.id"]
        ),
        UniqueConstraint("org_id", "event_key"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_donations_refund_donation", "org_id", "donation_id"),
        Index("ix_donations_refund_place", "org_id", "money_place_id", "refunded_on"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    donation_id: Mapped[int]
    amount_fen: Mapped[int]
    #: Fee the platform gave back, in fen.
    fee_back_fen: Mapped[int] = mapped_column(default=0)
    #: (fund code, earmark code, fen) given back of what stood of the gift.
    parts: Mapped[list[Any]] = mapped_column(JSON)
    refunded_on: Mapped[date]
    #: Where the money went out.
    money_place_id: Mapped[int]
    reference: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(400))
    draft_id: Mapped[int | None]
    event_key: Mapped[str] = mapped_column(String(120))
    recorded_by: Mapped[int]
    recorded_at: Mapped[datetime]


class Settlement(Base):
    """Money a platform paid out to a bank account (平台结算)."""

    __tablename__ = "donations_settlement"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "money_place_id"], ["ledger_money_place.org_id", "ledger_money_place.id"]
        ),
        UniqueConstraint("org_id", "event_key"),
        CheckConstraint("net_fen > 0 AND fee_fen >= 0", name="amount"),
        Index("ix_donations_settlement_place", "org_id", "money_place_id", "until_on"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: The platform's place of money, and the bank account it paid into.
    money_place_id: Mapped[int]
    bank_place_id: Mapped[int]
    settled_on: Mapped[date]
    #: What arrived, and what the platform kept, in fen.
    net_fen: Mapped[int]
    fee_fen: Mapped[int]
    #: The days it pays, where they were found; None when a person said the fee.
    from_on: Mapped[date | None]
    until_on: Mapped[date | None]
    #: (fund code, earmark code, gross fen) taken out of clearing.
    parts: Mapped[list[Any]] = mapped_column(JSON)
    draft_id: Mapped[int | None]
    event_key: Mapped[str] = mapped_column(String(120))
    recorded_by: Mapped[int]
    recorded_at: Mapped[datetime]


class BankItem(Base):
    """A row of a bank file that is neither a gift nor a payment: interest, fee, returned transfer."""

    __tablename__ = "donations_bank_item"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "money_place_id"], ["ledger_money_place.org_id", "ledger_money_place.id"]
        ),
        UniqueConstraint("org_id", "event_key"),
        CheckConstraint("kind IN ('interest','fee','returned')", name="kind"),
        CheckConstraint("amount_fen > 0", name="amount"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: interest, fee or returned.
    kind: Mapped[str] = mapped_column(String(10))
    amount_fen: Mapped[int]
    money_place_id: Mapped[int]
    booked_on: Mapped[date]
    reference: Mapped[str] = mapped_column(String(80), default="")
    #: The posted payment that came back.
    original_voucher_id: Mapped[int | None]
    draft_id: Mapped[int | None]
    event_key: Mapped[str] = mapped_column(String(120))
    recorded_by: Mapped[int]
    recorded_at: Mapped[datetime]


class Pledge(Base):
    """A promise to give (承诺); it makes no entry, gifts reduce it (P12)."""

    __tablename__ = "donations_pledge"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "donor_id"], ["donations_donor.org_id", "donations_donor.id"]),
        UniqueConstraint("org_id", "public_no"),
        UniqueConstraint("org_id", "event_key"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("state IN ('open','withdrawn')", name="state"),
        Index("ix_donations_pledge_due", "org_id", "due_on", "id"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    public_no: Mapped[str] = mapped_column(String(20))
    donor_id: Mapped[int]
    amount_fen: Mapped[int]
    promised_on: Mapped[date]
    #: The day by which it is to be paid; None when not agreed.
    due_on: Mapped[date | None]
    stated_purpose: Mapped[str] = mapped_column(String(400), default="")
    #: Number of the agreement, and its scan.
    agreement_ref: Mapped[str] = mapped_column(String(120), default="")
    attachments: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: open or withdrawn; what has been paid is the sum of its gifts.
    state: Mapped[str] = mapped_column(String(10), default="open")
    withdrawn_reason: Mapped[str] = mapped_column(String(400), default="")
    event_key: Mapped[str] = mapped_column(String(120))
    recorded_by: Mapped[int]
    recorded_at: Mapped[datetime]


class SlipBatch(Base):
    """A pile of slips entered in one sitting, with the totals counted by hand before."""

    __tablename__ = "donations_slip_batch"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "money_place_id"], ["ledger_money_place.org_id", "ledger_money_place.id"]
        ),
        UniqueConstraint("org_id", "public_no"),
        UniqueConstraint("org_id", "event_key"),
    )

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    public_no: Mapped[str] = mapped_column(String(20))
    money_place_id: Mapped[int]
    received_on: Mapped[date]
    slip_count: Mapped[int]
    total_fen: Mapped[int]
    #: The list of slips as kept with the vouchers.
    sha256: Mapped[str] = mapped_column(String(64))
    event_key: Mapped[str] = mapped_column(String(120))
    recorded_by: Mapped[int]
    recorded_at: Mapped[datetime]


class Setting(Base):
    """A dated decision about gifts, with its source; the newest that has begun is in force."""

    __tablename__ = "donations_setting"
    __table_args__ = (UniqueConstraint("org_id", "name", "from_on"),)

    org_id: Mapped[int] = _org_key()
    id: Mapped[int] = _key()
    #: Name, see ``settings.SETTINGS``.
    name: Mapped[str] = mapped_column(String(40))
    from_on: Mapped[date]
    value: Mapped[Any] = mapped_column(JSON)
    #: Resolution, plan or law it comes from.
    source: Mapped[str] = mapped_column(String(200))
    made_by: Mapped[int]
    made_at: Mapped[datetime]


APPEND_ONLY.update({"donations_merge", "donations_setting", "donations_slip_batch"})
