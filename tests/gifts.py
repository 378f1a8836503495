"""Files and an office for tests of imports and gifts: written here, in the shape of real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.donations import bookers
from charity.donations.drafts import POSTING_RULES
from charity.donations.models import Refund
from charity.imports import booking, service, staging
from charity.imports.models import ImportFile, ImportRow
from charity.ledger import drafting, posting, setup
from charity.ledger.models import Draft
from charity.money import format_yuan, parse_yuan
from charity.sealed import keyed_hash
from tests.books import Ledger, open_books

T = TypeVar("T")

#: Noon in China on 18 March 2026.
NOON = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
TODAY = date(2026, 3, 18)

CLERK = frozenset(
    {
        "imports.stage",
        "imports.book",
        "donations.read",
        "donations.record",
        "donations.reveal",
        "ledger.read",
        "ledger.draft",
    }
)

WECHAT_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,"
    "货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,"
    "商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_FOOT = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
BANK_HEAD = "交易时间,收入金额,支出金额,账户余额,交易行名,对方省市,对方账号,对方户名,交易用途"


@dataclass(frozen=True)
class Pay:
    """One trade of a WeChat bill; a refund names the order it gives back."""

    order: str
    yuan: str
    words: str = "捐款"
    at: str = "2026-03-17 10:00:00"
    payer: str = "openid-0001"
    fee: str = "0"
    refund_no: str = ""


def wechat_bill(pays: Sequence[Pay], *, stated: Mapping[str, str] | None = None) -> bytes:
    """Return a WeChat merchant bill whose totals are right, unless other ones are given."""
    lines = [WECHAT_HEAD]
    paid = refunds = fees = 0
    for pay in pays:
        fen, is_refund = parse_yuan(pay.yuan), bool(pay.refund_no)
        fees += parse_yuan(pay.fee)
        paid, refunds = (paid, refunds + fen) if is_refund else (paid + fen, refunds)
        amount, refund = ("0.00", pay.yuan) if is_refund else (pay.yuan, "0.00")
        cells = [pay.at, "wx0001", "1900000109", "0", "", pay.order, f"M{pay.order}", pay.payer, "JSAPI"]
        cells += ["REFUND" if is_refund else "SUCCESS", "OTHERS", "CNY", amount, "0.00"]
        cells += [pay.refund_no or "0", f"R{pay.refund_no}" if is_refund else "0", refund, "0.00"]
        cells += ["ORIGINAL" if is_refund else "", "SUCCESS" if is_refund else "", pay.words, "", pay.fee]
        cells += ["0.60%", amount, refund, ""]
        lines.append(",".join(f"`{cell}" for cell in cells))
    totals = {
        "count": str(len(pays)),
        "paid": format_yuan(paid, grouped=False),
        "refunds": format_yuan(refunds, grouped=False),
        "fees": format_yuan(fees, grouped=False),
        **(stated or {}),
    }
    foot = [totals["count"], totals["paid"], totals["refunds"], "0.00", totals["fees"], totals["paid"]]
    foot.append(totals["refunds"])
    lines += [WECHAT_FOOT, ",".join(f"`{cell}" for cell in foot)]
    return "\r\n".join(lines).encode("utf-8-sig") + b"\r\n"


@dataclass(frozen=True)
class Move:
    """One row of a bank export: money in, or out where ``is_out``."""

    yuan: str
    name: str = ""
    words: str = ""
    at: str = "2026-03-17 10:00:00"
    account: str = ""
    is_out: bool = False


def bank_export(moves: Sequence[Move], *, opening: str = "100000.00") -> bytes:
    """Return an export of the Agricultural Bank's form with a running balance and totals."""
    balance = parse_yuan(opening)
    lines, sums, counts = [BANK_HEAD], {False: 0, True: 0}, {False: 0, True: 0}
    for move in moves:
        fen = parse_yuan(move.yuan)
        balance += -fen if move.is_out else fen
        sums[move.is_out] += fen
        counts[move.is_out] += 1
        sides = ["", move.yuan] if move.is_out else [move.yuan, ""]
        cells = [move.at, *sides, format_yuan(balance, grouped=False), "某支行", "山东", move.account]
        lines.append(",".join([*cells, move.name, move.words]))
    lines.append("总收入笔数,总收入金额,总支出笔数,总支出金额")
    totals = [str(counts[False]), format_yuan(sums[False], grouped=False)]
    totals += [str(counts[True]), format_yuan(sums[True], grouped=False)]
    lines.append(",".join(totals))
    return "\r\n".join(lines).encode("gb18030") + b"\r\n"


def donor_list(
    rows: Sequence[Sequence[str]], *, head: str = "捐赠人,捐赠金额,捐赠日期,指定用途,电话"
) -> bytes:
    """Return a list of donors as a charity office types it."""
    body = [head, *(",".join(row) for row in rows)]
    return "\r\n".join(["慈善捐赠名单", *body]).encode("utf-8-sig")


@dataclass
class DirectRun:
    """Runs the work of a job without a worker, chunk by chunk; fails where it is told to."""

    session: Session
    org_id: int
    who: Callable[[], Actor]
    chunks: int = 0
    fail_at: int | None = None
    progress: list[tuple[int | None, int | None]] = field(default_factory=list)

    def actor(self, session: Session) -> Actor:
        """Return who acts."""
        return self.who()

    def transact(
        self,
        work: Callable[[Session], T],
        *,
        done: int | None = None,
        total: int | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> T:
        """Run one chunk; the one that is to fail leaves no trace, as after a kill."""
        self.chunks += 1

        def chunk(session: Session) -> T:
            result = work(session)
            if self.fail_at == self.chunks:
                raise KeyboardInterrupt("the worker was killed")
            return result

        result = transact(chunk, session=self.session)
        self.progress.append((done, total))
        return result

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a query."""
        self.session.rollback()
        return work(self.session)


@dataclass
class Office:
    """An org with books, a clerk who does everything with gifts, and staff who post."""

    ledger: Ledger
    data_dir: Path
    permissions: frozenset[str] = CLERK
    at: datetime = NOON
    on: date = TODAY

    @property
    def session(self) -> Session:
        """The session of the test."""
        return self.ledger.session

    @property
    def org_id(self) -> int:
        """The org."""
        return self.ledger.org_id

    def clerk(self) -> Actor:
        """Return the clerk, who is the maker of vouchers."""
        return Actor(11, self.org_id, "王会计", self.permissions, self.at)

    def act(self, verb: Callable[..., T], **values: Any) -> T:
        """Run one verb as the clerk in a unit of work."""
        return transact(lambda own: verb(own, actor=self.clerk(), **values), session=self.session)

    def open_account(self, code: str, name: str, number: str, **values: Any) -> None:
        """Open a bank account whose number is on record."""
        self.ledger.act(
            setup.open_money_place,
            "chief",
            code=code,
            name=name,
            kind="bank",
            account="1002",
            on=date(2026, 1, 1),
            number_tail=number[-4:],
            number_hash=keyed_hash(number),
            **values,
        )

    def stage(self, data: bytes, name: str = "bill.csv", **values: Any) -> ImportFile:
        """Drop a file."""
        staged = self.act(
            staging.stage_file,
            data=data,
            name=name,
            data_dir=self.data_dir,
            on=self.on,
            **values,
        )
        return staged.file

    def run(self, **values: Any) -> DirectRun:
        """Return a run of jobs as the clerk."""
        return DirectRun(self.session, self.org_id, self.clerk, **values)

    def book(self, file: ImportFile, **values: Any) -> dict[str, Any]:
        """Start and run the booking of a file; returns the job's result."""
        file_id = file.id
        self.act(service.start_booking, file_id=file_id)
        run = self.run(**values)
        try:
            return booking.book_job(run, file_id)
        finally:
            self.end_jobs()

    def end_jobs(self) -> None:
        """End the jobs of this org, whose work the test runs itself."""
        from sqlalchemy import update

        from charity.jobs.models import Job

        transact(
            lambda own: own.execute(
                update(Job).where(Job.org_id == self.org_id).values(state="done", lease_until=None)
            ),
            session=self.session,
        )

    def rows(self, file: ImportFile) -> list[ImportRow]:
        """Return the rows of a file as they stand."""
        from sqlalchemy import select

        self.session.rollback()
        query = select(ImportRow).where(ImportRow.org_id == self.org_id, ImportRow.file_id == file.id)
        return list(
            self.session.scalars(query.order_by(ImportRow.row_no).execution_options(populate_existing=True))
        )

    def verdicts(self, file: ImportFile) -> list[str]:
        """Return the verdicts of a file's rows, in order."""
        return [row.verdict for row in self.rows(file)]

    def drafts(self, *states: str) -> list[Draft]:
        """Return the drafts in some states, or all, oldest first."""
        from sqlalchemy import select

        self.session.rollback()
        query = select(Draft).where(Draft.org_id == self.org_id).order_by(Draft.id)
        query = query.where(Draft.state.in_(states)) if states else query
        return list(self.session.scalars(query.execution_options(populate_existing=True)))

    def post_all(self) -> list[posting.PostedVoucher]:
        """Submit, review, sign and post every open draft, day by day, what is given back last."""
        made = {draft.id: draft.voucher_on for draft in self.drafts("draft")}
        back = set(self.session.scalars(select(Refund.draft_id).where(Refund.org_id == self.org_id)))
        self.session.rollback()
        if made:
            self.ledger.act(drafting.submit_drafts, "maker", draft_ids=list(made))
        waves: dict[tuple[date, bool], list[int]] = {
            (draft.voucher_on, False): [] for draft in self.drafts("reviewed", "signed")
        }
        for key, day in made.items():
            waves.setdefault((day, key in back), []).append(key)
        return [posted for wave in sorted(waves) for posted in self._post(wave[0], waves[wave])]

    def _post(self, day: date, made: Sequence[int]) -> list[posting.PostedVoucher]:
        """Review what was submitted; sign and post it with all of the day that is reviewed already."""
        if made:
            self.ledger.act(drafting.review_drafts, "reviewer", draft_ids=made)
        unsigned = [d.id for d in self.drafts("reviewed") if d.has_money and d.voucher_on <= day]
        if unsigned:
            self.ledger.act(drafting.sign_drafts, "cashier", draft_ids=unsigned)
        ready = [draft.id for draft in self.drafts("reviewed", "signed") if draft.voucher_on <= day]
        return self.ledger.post_drafts(*ready) if ready else []

    def approve_rules(self) -> None:
        """Write the posting rules of gifts and have two people approve them."""
        approvers = [
            Actor(user_id, self.org_id, "稽核", frozenset({"ledger.approve_rule"}), self.at)
            for user_id in (12, 15)
        ]

        def work(own: Session) -> None:
            for code, text in POSTING_RULES.items():
                rule = setup.write_posting_rule(
                    own, actor=self.ledger.actor("chief"), code=code, text=text, on=date(2026, 1, 1)
                )
                for who in approvers:
                    setup.approve_posting_rule(own, actor=who, rule_id=rule.id)

        transact(work, session=self.session)


def assert_sound(office: Office) -> None:
    """Assert that every check of the ledger and of gifts finds nothing."""
    from charity.donations.checks import CHECKS
    from charity.ledger import checks

    office.session.rollback()
    found = checks.run_checks(office.session, office.org_id, [*checks.CHECKS, *CHECKS])
    assert found == [], found


def open_office(session: Session, data_dir: Path, *, with_rules: bool = True) -> Office:
    """Open an office with the months January to April 2026 and approved posting rules."""
    assert bookers.BOOKER.name == "donations"
    ledger = open_books(session)
    ledger.open_months("2026-01", "2026-04")
    office = Office(ledger, data_dir)
    if with_rules:
        office.approve_rules()
    return office
