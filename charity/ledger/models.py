"""Records that may still change: chart, funds, earmarks, places of money, months, drafts.

What is posted stands in ``sealed_models``. Codes are stable names, never changed once used.
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
)
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, OWNER_ONLY, Base, whole_numbers
from charity.ids import new_id


class Account(Base):
    """One account of a dated chart (会计科目); shared by all orgs."""

    __tablename__ = "ledger_account"
    __table_args__ = (
        UniqueConstraint("chart", "code"),
        CheckConstraint(
            "kind IN ('asset','contra_asset','liability','net_asset','income','expense')", name="kind"
        ),
        CheckConstraint("restriction IN ('any','no','yes','split','agency')", name="restriction"),
        CheckConstraint("normal_side IN ('D','C')", name="normal_side"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Version of the chart, e.g. ``cn-2026``; the same code means different accounts in two charts.
    chart: Mapped[str] = mapped_column(String(20))
    #: Account code, e.g. ``410102``.
    code: Mapped[str] = mapped_column(String(20))
    #: Chinese name, parts joined with 「—」.
    name_zh: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(120))
    #: asset, contra_asset, liability, net_asset, income or expense.
    kind: Mapped[str] = mapped_column(String(20))
    #: Side on which the balance normally stands: D or C.
    normal_side: Mapped[str] = mapped_column(String(1))
    #: Which funds may stand on it: any (not agency), no (GEN), yes (restricted), split (none), agency.
    restriction: Mapped[str] = mapped_column(String(10))
    #: Row of the statement it falls on, e.g. ``BS-A01``.
    statement_line: Mapped[str] = mapped_column(String(20))
    #: Whether a voucher line may stand on it; parents may not.
    is_postable: Mapped[bool] = mapped_column(Boolean)
    #: Whether it is money (现金, 银行存款, 其他货币资金), so that a line names a money place.
    is_money: Mapped[bool] = mapped_column(Boolean)
    #: First day on which it may be used.
    from_on: Mapped[date]
    #: Last day on which it may be used; None while in force.
    until_on: Mapped[date | None]


class CashFlowItem(Base):
    """One row of the statement of cash flows (现金流量项目); shared by all orgs."""

    __tablename__ = "ledger_cash_flow_item"

    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Code used in files, e.g. ``donations_in``.
    code: Mapped[str] = mapped_column(String(40), unique=True)
    #: Chinese name as on the statement.
    name_zh: Mapped[str] = mapped_column(String(80))
    #: English name.
    name_en: Mapped[str] = mapped_column(String(120))
    #: operating, investing or financing.
    section: Mapped[str] = mapped_column(String(20))
    #: ``in`` or ``out``.
    direction: Mapped[str] = mapped_column(String(3))
    #: Order on the statement.
    position: Mapped[int] = mapped_column(Integer)


class Fund(Base):
    """A purse with its own purpose (专项基金); a dimension over the org's bank accounts.

    Never nested, never with a bank account of its own (山东省慈善条例 art. 34).
    """

    __tablename__ = "ledger_fund"
    __table_args__ = (
        UniqueConstraint("org_id", "code"),
        CheckConstraint("kind IN ('restricted','general','agency')", name="kind"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Code, e.g. ``F1``, ``GEN``, ``AGENCY``.
    code: Mapped[str] = mapped_column(String(20))
    #: Name shown to people.
    name: Mapped[str] = mapped_column(String(80))
    #: English name.
    name_en: Mapped[str] = mapped_column(String(120))
    #: restricted, general or agency.
    kind: Mapped[str] = mapped_column(String(12))
    #: What the money is for, as published.
    purpose: Mapped[str] = mapped_column(Text)
    #: English text of the purpose.
    purpose_en: Mapped[str] = mapped_column(Text, default="")
    #: Agreement or resolution by which it was opened.
    document_ref: Mapped[str] = mapped_column(String(120), default="")
    #: Colour key on pages: emergency, medical, development, general.
    colour: Mapped[str] = mapped_column(String(20), default="general")
    #: Order on pages.
    position: Mapped[int] = mapped_column(Integer, default=0)
    #: First and last day of use.
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]


class Earmark(Base):
    """A purpose narrower than its fund (限定用途), or one matter of agency money.

    Each fund has one default earmark, its charter. In AGENCY an earmark is one matter:
    a principal and a recipient.
    """

    __tablename__ = "ledger_earmark"
    __table_args__ = (
        UniqueConstraint("org_id", "code"),
        ForeignKeyConstraint(["org_id", "fund_id"], ["ledger_fund.org_id", "ledger_fund.id"]),
        Index("ix_ledger_earmark_fund", "org_id", "fund_id"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: The fund it belongs to.
    fund_id: Mapped[int]
    #: Code, unique in the org, e.g. ``F2-HEART``; the default earmark has the fund's code.
    code: Mapped[str] = mapped_column(String(40))
    #: Name shown to people.
    name: Mapped[str] = mapped_column(String(120))
    #: English name.
    name_en: Mapped[str] = mapped_column(String(120), default="")
    #: The restriction in full, as agreed.
    text: Mapped[str] = mapped_column(Text, default="")
    #: Who restricts: charter, provider, law or agency; a council never does.
    source: Mapped[str] = mapped_column(String(12))
    #: Agreement, plan or law.
    document_ref: Mapped[str] = mapped_column(String(120), default="")
    #: Whether it is the fund's charter, used when nothing narrower is named.
    is_default: Mapped[bool] = mapped_column(Boolean, default=False)
    #: First and last day of use.
    from_on: Mapped[date]
    until_on: Mapped[date | None]


class Designation(Base):
    """A council's wish inside GEN (理事会指定); never a restriction."""

    __tablename__ = "ledger_designation"
    __table_args__ = (UniqueConstraint("org_id", "code"),)

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Code and name.
    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120))
    #: Resolution by which it was made.
    document_ref: Mapped[str] = mapped_column(String(120), default="")


class ProjectTag(Base):
    """A charity project as a dimension of the books; its record proper lives with the projects."""

    __tablename__ = "ledger_project_tag"
    __table_args__ = (UniqueConstraint("org_id", "code"),)

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Code and name.
    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120))
    #: English name.
    name_en: Mapped[str] = mapped_column(String(120), default="")


class Party(Base):
    """A handle for whoever stands on the other side; names live where they can be erased."""

    __tablename__ = "ledger_party"
    __table_args__ = (UniqueConstraint("org_id", "public_no"),)

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Random number; the only thing about a party that the proof log commits to.
    public_no: Mapped[str] = mapped_column(String(20))
    #: person, company, public_body, organisation, group or anonymous.
    kind: Mapped[str] = mapped_column(String(20))


class MoneyPlace(Base):
    """Where money lies (资金存放处): a bank account, merchant number, cash box."""

    __tablename__ = "ledger_money_place"
    __table_args__ = (
        UniqueConstraint("org_id", "code"),
        CheckConstraint("kind IN ('bank','merchant','cash','transit')", name="kind"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Code, e.g. ``B1``.
    code: Mapped[str] = mapped_column(String(20))
    #: Name shown in the office, e.g. 「建行基本户 尾号 0017」.
    name: Mapped[str] = mapped_column(String(120))
    #: bank, merchant (platform clearing), cash or transit.
    kind: Mapped[str] = mapped_column(String(10))
    #: The ledger account own money stands on.
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_account.id"))
    #: The ledger account agency money stands on; None where agency money may not lie.
    agency_account_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_account.id"))
    #: Last four digits of the account or merchant number; the number itself is sealed elsewhere.
    number_tail: Mapped[str] = mapped_column(String(8), default="")
    #: Keyed hash of the number, to recognise files of this place.
    number_hash: Mapped[str] = mapped_column(String(64), default="")
    #: Bank or payment body.
    institution: Mapped[str] = mapped_column(String(80), default="")
    #: Whether re-tags and unnamed money use this place.
    is_main: Mapped[bool] = mapped_column(Boolean, default=False)
    #: First and last day of use.
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]


class DimensionKind(Base):
    """One of the two user-defined dimensions of a line (自定义辅助核算; 财会〔2024〕12号 art. 20)."""

    __tablename__ = "ledger_dimension_kind"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: 1 or 2.
    slot: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: Name of the dimension.
    name: Mapped[str] = mapped_column(String(60))


class DimensionValue(Base):
    """A value of a user-defined dimension."""

    __tablename__ = "ledger_dimension_value"
    __table_args__ = (UniqueConstraint("org_id", "slot", "code"),)

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Which of the two dimensions.
    slot: Mapped[int] = mapped_column(Integer)
    #: Code and name.
    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120))


class GuardRule(Base):
    """What counts for a guard, from when to when: money that may be spent, goods in store.

    For restricted funds own cash and bank less payables; for GEN own cash and bank; for
    agency money its cash. Platform clearing, transit, receivables and assets never count.
    Source: design of the ledger 3.1(5); 慈善法 (2023) art. 54.
    """

    __tablename__ = "ledger_guard_rule"
    __table_args__ = (
        UniqueConstraint("guard", "fund_kind", "account_id", "from_on"),
        CheckConstraint("guard IN ('money','stock')", name="guard"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: money or stock.
    guard: Mapped[str] = mapped_column(String(8))
    #: Kind of fund it holds for.
    fund_kind: Mapped[str] = mapped_column(String(12))
    #: Account whose debit less credit counts.
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_account.id"))
    #: First and last day.
    from_on: Mapped[date]
    until_on: Mapped[date | None]
    #: Where the rule comes from.
    source: Mapped[str] = mapped_column(String(200))


class BookYear(Base):
    """The settings of one year of books, fixed once its first month is open."""

    __tablename__ = "ledger_book_year"
    __table_args__ = (
        CheckConstraint("words IN ('single','three')", name="words"),
        CheckConstraint("closing IN ('month','year')", name="closing"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: Accounting year.
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: ``single``: 记; ``three``: 收, 付, 转, derived from the money lines.
    words: Mapped[str] = mapped_column(String(8), default="single")
    #: ``month``: 月结转; ``year``: 年结转.
    closing: Mapped[str] = mapped_column(String(8), default="year")
    #: Chart in force.
    chart: Mapped[str] = mapped_column(String(20), default="cn-2026")
    #: When the audit of the year was signed; None: statements say 未经审计.
    audited_on: Mapped[date | None]


class Period(Base):
    """A month of the books; opened once, closed once, never re-opened."""

    __tablename__ = "ledger_period"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: ``YYYYMM``; ``YYYY13`` for the audit-adjustment period.
    month: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: False once closed.
    is_open: Mapped[bool] = mapped_column(Boolean, default=True)
    #: Who opened it and when.
    opened_by: Mapped[int]
    opened_at: Mapped[datetime]
    #: Who closed it and when.
    closed_by: Mapped[int | None]
    closed_at: Mapped[datetime | None]


class VoucherCounter(Base):
    """The last number given in one month and word; made when the month opens."""

    __tablename__ = "ledger_voucher_counter"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "month"], ["ledger_period.org_id", "ledger_period.month"]),
        CheckConstraint("last_no >= 0", name="last_no"),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: 记, 收, 付 or 转.
    word: Mapped[str] = mapped_column(String(4), primary_key=True)
    #: Last number given; 0 before the first.
    last_no: Mapped[int] = mapped_column(Integer, default=0)
    #: False once the month is closed.
    is_open: Mapped[bool] = mapped_column(Boolean, default=True)


class PostingRule(Base):
    """A versioned rule by which the system makes drafts (自动生成凭证规则).

    Two people approve it; then its drafts count as reviewed.
    Source: 财会〔2024〕11号 art. 17.
    """

    __tablename__ = "ledger_posting_rule"
    __table_args__ = (
        UniqueConstraint("org_id", "code", "version"),
        CheckConstraint("second_approver_id IS NULL OR second_approver_id <> first_approver_id", name="two"),
        CheckConstraint("author_id <> first_approver_id AND author_id <> second_approver_id", name="author"),
        CheckConstraint("(approved_at IS NULL) = (second_approver_id IS NULL)", name="approved"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: Code of the event, e.g. ``P02``.
    code: Mapped[str] = mapped_column(String(10))
    #: 1, 2, 3 …; the newest approved one is used.
    version: Mapped[int] = mapped_column(Integer)
    #: What it does, in a sentence.
    text: Mapped[str] = mapped_column(Text)
    #: First day of use.
    from_on: Mapped[date]
    #: Who wrote it, and the two who approved it.
    author_id: Mapped[int]
    first_approver_id: Mapped[int | None]
    second_approver_id: Mapped[int | None]
    #: When the second approval came; None: not in force.
    approved_at: Mapped[datetime | None]


class Draft(Base):
    """A voucher being prepared (制单); freely edited until it is posted."""

    __tablename__ = "ledger_draft"
    __table_args__ = (
        UniqueConstraint("org_id", "idempotency_key"),
        CheckConstraint("state IN ('draft','submitted','reviewed','signed','posted','discarded')", "state"),
        CheckConstraint("colour IN ('blue','red')", name="colour"),
        whole_numbers("total_fen"),
        Index("ix_ledger_draft_state", "org_id", "state", "voucher_on", "id"),
        Index("ix_ledger_draft_month", "org_id", "month", "state"),
        Index("ix_ledger_draft_batch", "org_id", "batch_id"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    #: draft, submitted, reviewed, signed, posted or discarded.
    state: Mapped[str] = mapped_column(String(12), default="draft")
    #: normal, opening, closing or correction.
    kind: Mapped[str] = mapped_column(String(12), default="normal")
    #: blue or red.
    colour: Mapped[str] = mapped_column(String(4), default="blue")
    #: Date of the voucher and the month it falls into (``YYYY13`` for month 13).
    voucher_on: Mapped[date]
    month: Mapped[int] = mapped_column(Integer)
    #: Summary of the whole; codes, never a person's name.
    summary: Mapped[str] = mapped_column(String(200))
    #: The lines, as ``rules.DraftLine`` values in order.
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    #: SHA-256 of the attachments, in order.
    attachments: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: Whether the cashier has to sign: it has money lines.
    has_money: Mapped[bool] = mapped_column(Boolean, default=False)
    #: Sum of debits in fen, re-tags left out.
    total_fen: Mapped[int] = mapped_column(default=0)
    #: Voucher it reverses in full, or corrects in part.
    reverses_id: Mapped[int | None]
    corrects_id: Mapped[int | None]
    #: Drafts of one set are posted together or not at all.
    set_id: Mapped[int | None]
    #: Rule that made it; None when made by hand.
    posting_rule_id: Mapped[int | None]
    #: Staged batch it came from.
    batch_id: Mapped[int | None]
    #: Number of the paper or file it stands for.
    ref: Mapped[str] = mapped_column(String(80), default="")
    #: Key that makes the act safe to repeat, and the hash of what was asked.
    idempotency_key: Mapped[str] = mapped_column(String(120))
    request_sha256: Mapped[str] = mapped_column(String(64))
    #: Hold paid by this voucher.
    hold_id: Mapped[int | None]
    #: Incident declared with it (a correction of fact that general money cannot bear).
    incident_reason: Mapped[str] = mapped_column(Text, default="")
    #: The maker is whoever wrote it last.
    maker_id: Mapped[int]
    #: Everybody who wrote or changed it, in the order of their last change; the maker last.
    makers: Mapped[list[int]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime]
    reviewer_id: Mapped[int | None]
    reviewed_at: Mapped[datetime | None]
    cashier_id: Mapped[int | None]
    signed_at: Mapped[datetime | None]
    #: Why it was returned, last time.
    returned_reason: Mapped[str] = mapped_column(String(400), default="")
    voucher_id: Mapped[int | None]
    #: Grows with each change, so that two tabs do not overwrite one another.
    version: Mapped[int] = mapped_column(Integer, default=1)
    #: 期初 or 前期 of an opening, which takes no number of the year's words; else empty.
    series: Mapped[str] = mapped_column(String(4), default="", server_default="")


class Attachment(Base):
    """A source document (原始凭证), kept under the hash of its bytes."""

    __tablename__ = "ledger_attachment"

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: SHA-256 of the bytes, 64 hexadecimal digits; also its name in the store.
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: Name the file came with.
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(80))
    size: Mapped[int]
    stored_by: Mapped[int]
    stored_at: Mapped[datetime]


class BalanceAssertion(Base):
    """What a bank statement or a cash count says a money place holds at the end of a day."""

    __tablename__ = "ledger_balance_assertion"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "money_place_id"], ["ledger_money_place.org_id", "ledger_money_place.id"]
        ),
        UniqueConstraint("org_id", "money_place_id", "on", "source"),
        whole_numbers("balance_fen"),
    )

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(primary_key=True, default=new_id, autoincrement=False)
    money_place_id: Mapped[int]
    #: The day at whose end the balance stands.
    on: Mapped[date]
    balance_fen: Mapped[int]
    #: File, statement or count it was read from.
    source: Mapped[str] = mapped_column(String(120))
    stated_by: Mapped[int]
    stated_at: Mapped[datetime]


APPEND_ONLY.update({"ledger_attachment", "ledger_balance_assertion"})
# Shared by all orgs, so they carry no trigger: nobody but the owner writes them.
OWNER_ONLY.update({"ledger_account", "ledger_cash_flow_item", "ledger_guard_rule"})
