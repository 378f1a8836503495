"""A desk for tests of receipts: gifts in the books, a clerk who issues, a reviewer who voids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor, transact
from charity.donations.models import Donation
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry, record_donation
from charity.ledger import corrections
from charity.proofs.sequencer import SessionRunner, sequence
from charity.receipts import service
from charity.receipts.composing import Press, Wording
from charity.receipts.gift_lines import gift_lines
from charity.receipts.models import Receipt
from charity.users.models import User
from tests.books import PAPER
from tests.gifts import NOON, TODAY, Office, open_office

T = TypeVar("T")

ISSUES = frozenset({"receipts.issue", "donations.read", "donations.record", "ledger.draft"})
VOIDS = frozenset({"receipts.void", "donations.read"})
PUBLIC_URL = "https://cishan.example"


@dataclass
class Desk:
    """An office that issues receipts."""

    office: Office
    press: Press
    at: datetime = NOON
    on: date = TODAY
    _count: int = 0

    @property
    def session(self) -> Session:
        """The session of the test."""
        return self.office.session

    @property
    def org_id(self) -> int:
        """The org."""
        return self.office.org_id

    def clerk(self, permissions: frozenset[str] = ISSUES) -> Actor:
        """Return who issues."""
        return Actor(11, self.org_id, "王登记", permissions, self.at)

    def reviewer(self) -> Actor:
        """Return who voids."""
        return Actor(12, self.org_id, "周稽核", VOIDS, self.at)

    def run(self, verb: Callable[..., T], *, actor: Actor | None = None, **values: Any) -> T:
        """Run one verb in a unit of work, as the clerk unless said otherwise."""
        who = actor or self.clerk()
        return transact(lambda own: verb(own, actor=who, **values), session=self.session)

    def give(self, yuan_fen: int = 50_000, *, is_posted: bool = True, **values: Any) -> Donation:
        """Record a gift of fen, and post its voucher unless told not to."""
        self._count += 1
        donor = values.pop("donor", DonorEntry("person", name=f"捐赠人{self._count}"))
        parts = values.pop("parts", (Part("F2"),))
        gift = GiftEntry(
            donor=donor,
            amount_fen=yuan_fen,
            channel="bank",
            place="B1",
            received_on=values.pop("received_on", date(2026, 3, 17)),
            attachments=(PAPER,),
            parts=parts,
            **values,
        )
        self.office.ledger.at = self.at
        donation = self.run(record_donation, gift=gift, on=self.on, key=f"gift{self._count}")
        if is_posted:
            self.office.post_all()
        return self.gift(donation.id)

    def gift(self, donation_id: int) -> Donation:
        """Return a gift as it stands."""
        self.session.rollback()
        query = select(Donation).where(Donation.org_id == self.org_id, Donation.id == donation_id)
        return self.session.scalars(query.execution_options(populate_existing=True)).one()

    def issue(self, donation: Donation, *, key: str = "", **words: Any) -> Receipt:
        """Issue the receipt of a gift."""
        self._count += 1
        return self.run(
            service.issue_receipt,
            donation_id=donation.id,
            on=self.on,
            key=key or f"form{self._count}",
            press=self.press,
            wording=Wording(**words) if words else None,
        )

    def void(self, receipt: Receipt, reason: str = "金额有误") -> Receipt:
        """Void a receipt as the reviewer."""
        return self.run(service.void_receipt, actor=self.reviewer(), receipt_id=receipt.id, reason=reason)

    def reverse(self, donation_id: int) -> None:
        """Take the voucher of a gift back in full."""
        lines = gift_lines(self.session, self.org_id, [donation_id])[donation_id]
        draft = self.office.ledger.act(
            corrections.reverse_voucher, "maker", voucher_id=lines[0].voucher_id, on=date(2026, 3, 18)
        )
        self.office.ledger.run([draft])

    def publish_proofs(self, settings: Settings) -> None:
        """Bring the proof log up to date and sign it."""
        sequence(SessionRunner(self.session), org_id=self.org_id, at=self.at, settings=settings)


def open_desk(session: Session, data_dir: Path) -> Desk:
    """Open an office with books, posting rules and people whose names are printed."""
    office = open_office(session, data_dir)

    def hire(own: Session) -> None:
        for user_id, name in ((11, "王登记"), (12, "周稽核"), (13, "吴出纳"), (14, "郑主管")):
            own.add(
                User(
                    id=user_id,
                    username=f"staff{user_id}",
                    home_org_id=office.org_id,
                    display_name=name,
                    sort_key=name,
                    search=name,
                    created_at=NOON,
                )
            )

    transact(hire, session=session)
    return Desk(office, Press(data_dir, PUBLIC_URL))
