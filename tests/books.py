"""Books in an accountant's notation: a mini-journal read from text, and its printer.

A journal is vouchers parted by blank lines. The first line of a voucher is its date and
summary, with ``!correction`` or ``!opening`` where it is not a normal one. Each further
line is side, account (with ``@place`` for money), amount in yuan and fund (with
``/earmark`` below it), then ``key=value`` for anything else::

    2026-01-05 普通捐款
      借 1002@B1   50,000.00  GEN
      贷 410101    50,000.00  GEN
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from charity.db import Actor, unit_of_work
from charity.ids import new_id
from charity.ledger import chart, drafting, posting, setup, spending
from charity.ledger.models import Attachment, Earmark, Fund
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.ledger.sealed_models import Balance, FundGuard
from charity.money import format_yuan, parse_yuan
from charity.periods import Month, months_between
from charity.places.models import Org

PERMISSIONS = {
    "maker": {"ledger.read", "ledger.draft", "ledger.hold"},
    "reviewer": {"ledger.read", "ledger.review", "ledger.post", "ledger.approve_rule"},
    "cashier": {"ledger.read", "ledger.sign"},
    "chief": {
        "ledger.read",
        "ledger.review",
        "ledger.post",
        "ledger.close",
        "ledger.setup",
        "ledger.approve_rule",
        "ledger.hold",
    },
}

PAPER = "a" * 64


def read_lines(text: str) -> list[DraftLine]:
    """Return the lines of one voucher of a mini-journal."""
    lines = []
    for row in text.strip().splitlines():
        side, account, amount, fund, *more = row.split()
        code, _, place = account.partition("@")
        fund_code, _, earmark = fund.partition("/")
        values: dict[str, Any] = dict(part.split("=", 1) for part in more)
        fen = parse_yuan(amount)
        lines.append(
            DraftLine(
                code,
                debit_fen=fen if side == "借" else 0,
                credit_fen=fen if side == "贷" else 0,
                fund=fund_code,
                earmark=earmark,
                money_place=place,
                **values,
            )
        )
    return lines


def read_journal(text: str) -> list[DraftVoucher]:
    """Return the vouchers of a mini-journal."""
    vouchers = []
    for block in re.split(r"\n\s*\n", text.strip()):
        head, _, body = block.strip().partition("\n")
        match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:\s+!(\w+))?(?:\s+#(\d{4}-\d\d))?\s+(.+)", head.strip())
        assert match, f"not the head of a voucher: {head}"
        on = date.fromisoformat(match[1])
        kind = match[2] or "normal"
        month = Month.parse(match[3]) if match[3] else Month.of(on)
        paper = (PAPER,) if kind == "normal" else ()
        vouchers.append(
            DraftVoucher(on, month, match[4], tuple(read_lines(body)), kind=kind, attachments=paper)
        )
    return vouchers


def print_lines(lines: Any) -> str:
    """Return lines in the notation of :func:`read_lines`."""
    rows = []
    for line in lines:
        side, fen = ("借", line.debit_fen) if line.debit_fen else ("贷", line.credit_fen)
        account = f"{line.account}@{line.money_place}" if line.money_place else line.account
        fund = line.fund if line.earmark in ("", line.fund) else f"{line.fund}/{line.earmark}"
        mark = "  (重标)" if line.is_retag else ""
        rows.append(f"{side} {account:<12} {format_yuan(fen):>14}  {fund}{mark}")
    return "\n".join(rows)


@dataclass
class Ledger:
    """One org's books with its staff, as the tests act on them."""

    session: Session
    org_id: int
    at: datetime = datetime(2026, 12, 31, 4, 0, tzinfo=UTC)
    on: date = date(2027, 12, 31)
    ids: dict[str, int] = field(
        default_factory=lambda: {"maker": 11, "reviewer": 12, "cashier": 13, "chief": 14}
    )
    org: Any = None

    def actor(self, role: str) -> Actor:
        """Return a member of staff."""
        return Actor(self.ids[role], self.org_id, role, frozenset(PERMISSIONS[role]), self.at)

    def draft(self, voucher: DraftVoucher, **origin: Any) -> int:
        """Make a draft and return its id."""
        with unit_of_work(self.session) as session:
            made = drafting.make_draft(
                session, actor=self.actor("maker"), draft=voucher, origin=drafting.DraftOrigin(**origin)
            )
            return made.id

    def approve(self, *draft_ids: int) -> None:
        """Submit, review and, where money moves, sign."""
        with unit_of_work(self.session) as session:
            drafting.submit_drafts(session, actor=self.actor("maker"), draft_ids=draft_ids)
        with unit_of_work(self.session) as session:
            rows = drafting.review_drafts(session, actor=self.actor("reviewer"), draft_ids=draft_ids)
            money = [row.id for row in rows if row.has_money]
        if money:
            with unit_of_work(self.session) as session:
                drafting.sign_drafts(session, actor=self.actor("cashier"), draft_ids=money)

    def post_drafts(self, *draft_ids: int) -> list[posting.PostedVoucher]:
        """Post drafts as the chief accountant."""
        with unit_of_work(self.session) as session:
            return posting.post_drafts(session, actor=self.actor("chief"), draft_ids=draft_ids, on=self.on)

    def post(self, journal: str, **origin: Any) -> list[posting.PostedVoucher]:
        """Make, approve and post the vouchers of a mini-journal, one by one."""
        posted = []
        for voucher in read_journal(journal):
            draft_id = self.draft(voucher, **origin)
            self.approve(draft_id)
            posted += self.post_drafts(draft_id)
        return posted

    def run(self, drafts: Any) -> list[posting.PostedVoucher]:
        """Approve and post drafts that a service made, together."""
        ids = [draft.id for draft in drafts]
        self.approve(*ids)
        return self.post_drafts(*ids)

    def act(self, verb: Any, role: str, **values: Any) -> Any:
        """Run one service verb in a unit of work as a member of staff."""
        with unit_of_work(self.session) as session:
            return verb(session, actor=self.actor(role), **values)

    def open_months(self, first: str, last: str) -> None:
        """Open the months from first to last."""
        with unit_of_work(self.session) as session:
            for month in months_between(Month.parse(first), Month.parse(last)):
                setup.open_month(session, actor=self.actor("chief"), month=month)

    def approved_rule(self, code: str, on: date = date(2026, 1, 1)) -> int:
        """Write a posting rule, have two other people approve it, and return its id."""
        rule = self.act(setup.write_posting_rule, "chief", code=code, text=code, on=on)
        for user_id in (self.ids["reviewer"], 99):
            with unit_of_work(self.session) as session:
                who = Actor(user_id, self.org_id, "second", frozenset({"ledger.approve_rule"}), self.at)
                setup.approve_posting_rule(session, actor=who, rule_id=rule.id)
        return int(rule.id)

    def hold(self, fund: str, yuan: str, earmark: str = "", on: date = date(2026, 12, 31)) -> int:
        """Set money aside and return the hold's id."""
        return int(
            self.act(
                spending.place_hold,
                "maker",
                fund=fund,
                earmark=earmark,
                amount_fen=parse_yuan(yuan),
                subject="CASE-1",
                on=on,
            )
        )

    def guard(self) -> dict[str, tuple[str, str]]:
        """Return fund/earmark → (available, held) in yuan."""
        self.session.rollback()
        rows = self.session.execute(
            select(Fund.code, Earmark.code, FundGuard.available_fen, FundGuard.held_fen)
            .join(Fund, (Fund.org_id == FundGuard.org_id) & (Fund.id == FundGuard.fund_id))
            .join(Earmark, (Earmark.org_id == FundGuard.org_id) & (Earmark.id == FundGuard.earmark_id))
            .where(FundGuard.org_id == self.org_id)
            .order_by(Fund.position, Fund.code, Earmark.code)
        )
        return {
            (fund if fund == earmark else f"{fund}/{earmark}"): (format_yuan(free), format_yuan(held))
            for fund, earmark, free, held in rows
        }

    def balances(self) -> dict[tuple[str, str], int]:
        """Return (account, fund) → debit less credit in fen, all months, closing left out."""
        from charity.ledger.reading import load_codes

        self.session.rollback()
        codes = load_codes(self.session, self.org_id)
        result: dict[tuple[str, str], int] = {}
        for row in self.session.scalars(
            select(Balance).where(Balance.org_id == self.org_id, Balance.entry_class != "closing")
        ):
            key = (codes.accounts[row.account_id], codes.funds[row.fund_id])
            result[key] = result.get(key, 0) + row.debit_fen - row.credit_fen
        return {key: fen for key, fen in result.items() if fen}


def open_books(session: Session, *, code: str = "CITY", is_default: bool = True) -> Ledger:
    """Set up an org with the 2026 chart, three funds, GEN, AGENCY and a bank account."""
    with unit_of_work(session) as work:
        chart.install_chart(work)
        org = Org(
            id=new_id(),
            code=code,
            slug=code.lower(),
            name="海岱市慈善总会",
            short_name="市慈善总会",
            name_en="Haidai Charity Federation",
            credit_code=f"51371400MJE{new_id() % 10**7:07d}",
            legal_form="association",
            is_public_fundraiser=True,
            is_default=is_default,
            opened_on=date(2026, 1, 1),
        )
        work.add(org)
        work.flush()
        ledger = Ledger(session, org.id)
        _set_up(work, ledger)
    return ledger


#: code, name, English name, kind, colour
FUNDS = (
    ("F1", "急难救助基金", "Emergency aid fund", "restricted", "emergency"),
    ("F2", "医疗救助基金", "Medical aid fund", "restricted", "medical"),
    ("F3", "发展帮扶基金", "Development support fund", "restricted", "development"),
    ("GEN", "非限定资金", "General money", "general", "general"),
    ("AGENCY", "受托代理", "Agency money", "agency", "general"),
)
#: code, name, kind, account, agency account, whether it is the main one
PLACES = (
    ("B1", "基本户", "bank", "1002", "100291", True),
    ("W1", "募捐平台", "merchant", "100901", "", False),
    ("T1", "代发在途", "transit", "100902", "", False),
    ("C1", "现金", "cash", "1001", "100191", False),
)


def _set_up(work: Session, ledger: Ledger) -> None:
    """Open the funds and places of money, and store a sample paper."""
    chief, on = ledger.actor("chief"), date(2026, 1, 1)
    for position, (fund, name, name_en, kind, colour) in enumerate(FUNDS):
        setup.open_fund(
            work,
            actor=chief,
            code=fund,
            name=name,
            name_en=name_en,
            kind=kind,
            purpose=name,
            on=on,
            colour=colour,
            position=position,
        )
    for place, name, kind, account, agency, is_main in PLACES:
        setup.open_money_place(
            work,
            actor=chief,
            code=place,
            name=name,
            kind=kind,
            account=account,
            agency_account=agency,
            on=on,
            is_main=is_main,
        )
    work.execute(
        insert(Attachment).values(
            org_id=ledger.org_id,
            sha256=PAPER,
            name="paper.pdf",
            media_type="application/pdf",
            size=1,
            stored_by=11,
            stored_at=ledger.at,
        )
    )
