"""Four ways through the office, each a row of acts that can be asked for twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import transact
from charity.donations import checks as gift_checks
from charity.imports import booking, service
from charity.imports.models import ImportFile
from charity.ledger import checks, closing, corrections, drafting, posting, setup, spending
from charity.ledger.models import Draft
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from charity.proofs import checks as proof_checks
from charity.proofs.sequencer import SessionRunner, sequence
from tests.books import open_books, read_journal, read_lines
from tests.faults.breaking import sizes
from tests.gifts import Office, Pay, wechat_bill

GIFT = "2026-03-05 捐款\n  借 1002@B1 900.00 F1\n  贷 410102 900.00 F1"
AID = "2026-03-06 救助\n  借 510102 120.00 F1\n  贷 1002@B1 120.00 F1"
BOTH = "2026-03-06 两项\n  借 510102 30.00 F1\n  借 510101 40.00 GEN\n  贷 1002@B1 70.00 F1"
GENERAL = "2026-03-05 捐款\n  借 1002@B1 500.00 GEN\n  贷 410101 500.00 GEN"


@dataclass(frozen=True)
class Act:
    """One act of a flow.

    Attributes:
        name: of the act, for people.
        run: does it, in one transaction or several.
        again: what a second time is refused with; nothing where it answers as the first time.
        logs: tables that tell of each run, a second one that finds nothing to do included.
    """

    name: str
    run: Callable[[], Any]
    again: str = ""
    logs: frozenset[str] = frozenset()


@dataclass
class House:
    """An office whose acts are tried again when the database asks for it."""

    office: Office
    settings: Settings

    def act(self, verb: Any, role: str, **values: Any) -> Any:
        """Run one verb as a member of staff."""
        ledger = self.office.ledger
        return transact(lambda own: verb(own, actor=ledger.actor(role), **values), session=ledger.session)

    def draft(self, journal: str, key: str, **origin: Any) -> Any:
        """Make a draft with a key."""
        (value,) = read_journal(journal)
        return self.act(
            drafting.make_draft,
            "maker",
            draft=value,
            origin=drafting.DraftOrigin(idempotency_key=key, **origin),
        )

    def drafts(self, *keys: str) -> list[Draft]:
        """Return drafts by their keys, in the order asked."""
        self.office.session.rollback()
        query = select(Draft).where(Draft.org_id == self.office.org_id, Draft.idempotency_key.in_(keys))
        found = {row.idempotency_key: row for row in self.office.session.scalars(query)}
        return [found[key] for key in keys]

    def ids(self, *keys: str) -> list[int]:
        """Return the ids of drafts by their keys."""
        return [row.id for row in self.drafts(*keys)]

    def steps(self, *keys: str) -> list[Act]:
        """Return submitting, reviewing, signing and posting these drafts together."""
        wrong = "draft_wrong_state"

        def sign() -> Any:
            money = [row.id for row in self.drafts(*keys) if row.has_money]
            return self.act(drafting.sign_drafts, "cashier", draft_ids=money)

        def post() -> Any:
            on = self.office.ledger.on
            return self.act(posting.post_drafts, "chief", draft_ids=self.ids(*keys), on=on)

        return [
            Act(
                "submit", lambda: self.act(drafting.submit_drafts, "maker", draft_ids=self.ids(*keys)), wrong
            ),
            Act(
                "review",
                lambda: self.act(drafting.review_drafts, "reviewer", draft_ids=self.ids(*keys)),
                wrong,
            ),
            Act("sign", sign, wrong),
            Act("post", post),
        ]

    def findings(self) -> list[Any]:
        """Return what every check of books, gifts and proofs finds."""
        self.office.session.rollback()
        wanted = [check for check in checks.CHECKS if check not in checks.SHARED]
        wanted += [*gift_checks.CHECKS, *proof_checks.checks(self.settings.data_dir)]
        return checks.run_checks(self.office.session, self.office.org_id, wanted)

    def story(self, without: frozenset[str]) -> dict[str, Any]:
        """Return what the books tell, without the ids: numbers, amounts, guards, rows by table.

        Args:
            without: tables whose rows are not counted.
        """
        office = self.office
        guard, balances = office.ledger.guard(), office.ledger.balances()
        query = select(Voucher).where(Voucher.org_id == office.org_id)
        vouchers = office.session.scalars(query.order_by(Voucher.month, Voucher.number)).all()
        return {
            "guard": guard,
            "balances": balances,
            "vouchers": [(v.month, v.number, v.colour, v.summary, v.total_fen) for v in vouchers],
            "sizes": sizes(office.session, office.org_id, without),
        }


def open_house(session: Session, settings: Settings, code: str) -> House:
    """Open an office beside others, with four open months and approved rules."""
    ledger = open_books(session, code=code, is_default=False)
    ledger.open_months("2026-01", "2026-04")
    office = Office(ledger, settings.data_dir)
    office.approve_rules()
    return House(office, settings)


def import_flow(house: House) -> list[Act]:
    """A bill is dropped, its rows become gifts and drafts, the drafts are posted."""
    office = house.office
    bill = wechat_bill(
        [Pay("1", "100.00", fee="0.60"), Pay("2", "50.00"), Pay("3", "20.00", payer="openid-0002")]
    )

    def file_id() -> int:
        office.session.rollback()
        return office.session.scalars(select(ImportFile.id).where(ImportFile.org_id == office.org_id)).one()

    def post() -> Any:
        ledger = office.ledger
        if fresh := [draft.id for draft in office.drafts("draft")]:
            house.act(drafting.submit_drafts, "maker", draft_ids=fresh)
            house.act(drafting.review_drafts, "reviewer", draft_ids=fresh)
        if unsigned := [draft.id for draft in office.drafts("reviewed") if draft.has_money]:
            house.act(drafting.sign_drafts, "cashier", draft_ids=unsigned)
        ready = [draft.id for draft in office.drafts("reviewed", "signed")]
        house.act(posting.post_drafts, "chief", draft_ids=ready, on=ledger.on)

    return [
        Act("stage", lambda: office.stage(bill)),
        Act("start", lambda: office.act(service.start_booking, file_id=file_id()), "import_running"),
        Act("book", lambda: booking.book_job(office.run(), file_id()), logs=frozenset({"oplog_entry"})),
        Act("end", office.end_jobs),
        Act("post", post),
    ]


def posting_flow(house: House) -> list[Act]:
    """Gifts, then money set aside and spent, one voucher over two funds, posted as one batch."""
    keys = ("aid", "both")

    def hold() -> int:
        return int(
            house.act(
                spending.place_hold,
                "maker",
                fund="F1",
                earmark="",
                amount_fen=15_000,
                subject="CASE-1",
                on=date(2026, 3, 6),
                idempotency_key="hold",
            )
        )

    return [
        Act("gift", lambda: house.draft(GIFT, "gift")),
        Act("general gift", lambda: house.draft(GENERAL, "general")),
        *house.steps("gift", "general"),
        Act("hold", hold),
        Act("aid", lambda: house.draft(AID, "aid", hold_id=hold())),
        Act("both", lambda: house.draft(BOTH, "both")),
        *house.steps(*keys),
    ]


def correction_flow(house: House) -> list[Act]:
    """Aid of the wrong fund is taken back in red and entered right in blue, as one set."""
    right = read_lines("  借 510101 110.00 GEN\n  贷 1002@B1 110.00 GEN")

    def correct() -> Any:
        house.office.session.rollback()
        (aid,) = house.drafts("aid")
        return house.act(
            corrections.correct_voucher,
            "maker",
            voucher_id=aid.voucher_id,
            lines=right,
            on=date(2026, 3, 9),
            idempotency_key="wrong",
        )

    return [
        Act("gift", lambda: house.draft(GIFT, "gift")),
        Act("general gift", lambda: house.draft(GENERAL, "general")),
        *house.steps("gift", "general"),
        Act("aid", lambda: house.draft(AID, "aid")),
        *house.steps("aid"),
        Act("correct", correct),
        *house.steps("wrong/red", "wrong/blue"),
    ]


def closing_flow(house: House) -> list[Act]:
    """Two months are closed, a further one is opened, and the proof log takes it all up."""
    office, ledger = house.office, house.office.ledger
    values = {"money_place": "B1", "on": date(2026, 1, 31), "balance_fen": 0, "source": "statement"}

    def proofs() -> Any:
        runner = SessionRunner(office.session)
        return sequence(runner, org_id=office.org_id, at=ledger.at, settings=house.settings)

    def close(month: int) -> Act:
        run = partial(house.act, closing.close_month, "chief", month=Month(2026, month), on=ledger.on)
        return Act(f"close {month}", run, "close_not_open")

    return [
        Act("gift", lambda: house.draft(GIFT, "gift")),
        *house.steps("gift"),
        Act("statement", lambda: house.act(closing.state_balance, "cashier", **values)),
        close(1),
        Act("proofs", proofs),
        close(2),
        Act("open", lambda: house.act(setup.open_month, "chief", month=Month(2026, 5))),
        Act("proofs again", proofs),
    ]


FLOWS: dict[str, Callable[[House], list[Act]]] = {
    "a file of gifts": import_flow,
    "a batch": posting_flow,
    "a correction set": correction_flow,
    "closing months": closing_flow,
}
