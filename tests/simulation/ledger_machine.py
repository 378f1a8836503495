"""The ledger beside a model of plain integers: whatever is done, in whatever order, both agree.

Right and wrong acts are drawn alike: the wrong person, more than there is, closed months,
a red voucher reversed, a draft posted twice, a hold settled twice, stale corrections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from charity.db import Actor, unit_of_work
from charity.errors import Refused
from charity.ledger import closing, corrections, drafting, posting, setup, spending
from charity.ledger.checks import CHECKS, SHARED, run_checks
from charity.ledger.models import Account, Draft, Earmark, Fund, Period, VoucherCounter
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.ledger.sealed_models import Balance, FundGuard, Voucher
from charity.periods import Month
from tests.books import PAPER, PERMISSIONS, Ledger, open_books
from tests.simulation.ledger_model import (
    AGENCY,
    CHIEF,
    GENERAL,
    HEART,
    MAKER,
    MONEY,
    PURSES,
    USUAL,
    Line,
    Model,
    Person,
    Purse,
    edited,
    lines_of,
)
from tests.simulation.ledger_model import Draft as ModelDraft

AT = datetime(2027, 1, 31, 4, 0, tzinfo=UTC)
TODAY = date(2027, 1, 31)

amounts = st.integers(1, 60_000)
purses = st.sampled_from(PURSES)
days = st.builds(date, st.just(2026), st.sampled_from((1, 1, 2, 2, 3, 4)), st.sampled_from((5, 15, 25)))
templates = st.sampled_from(("gift", "gift", "aid", "owe", "pay", "move", "split"))
#: How far a new draft is taken by the right people.
stages = st.sampled_from(("draft", "submitted", "reviewed", "signed", "posted", "posted"))
picks = st.integers(0, 30)
strangers = st.tuples(st.sampled_from((11, 12, 13, 14)), st.sampled_from(tuple(PERMISSIONS)))
#: Mostly the right person; now and then anybody, with any role.
someone = st.none() | st.none() | strangers
acts = st.sampled_from(("submit", "recall", "review", "return", "sign", "discard"))

#: What a check asks of the books at the end of an example; what all orgs share is asked at the very end.
OWN_CHECKS = tuple(check for check in CHECKS if check not in SHARED)

_ORG: Any = bindparam("org_id")
_PURSE = (Fund.code, Earmark.code)
_GUARDS = (
    select(*_PURSE, FundGuard.available_fen, FundGuard.held_fen)
    .join(Fund, (Fund.org_id == FundGuard.org_id) & (Fund.id == FundGuard.fund_id))
    .join(Earmark, (Earmark.org_id == FundGuard.org_id) & (Earmark.id == FundGuard.earmark_id))
    .where(FundGuard.org_id == _ORG)
)
_BALANCES = (
    select(Balance.entry_class, Account.code, *_PURSE, Balance.month, Balance.debit_fen, Balance.credit_fen)
    .join(Account, Account.id == Balance.account_id)
    .join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id))
    .join(Earmark, (Earmark.org_id == Balance.org_id) & (Earmark.id == Balance.earmark_id))
    .where(Balance.org_id == _ORG)
)
_NUMBERS = select(Voucher.id, Voucher.month, Voucher.number).where(Voucher.org_id == _ORG)
_COUNTERS = select(VoucherCounter.month, VoucherCounter.last_no, VoucherCounter.is_open).where(
    VoucherCounter.org_id == _ORG
)
_MONTHS = select(Period.month, Period.is_open).where(Period.org_id == _ORG)
_STATES = select(Draft.id, Draft.state).where(Draft.org_id == _ORG)

WALK = (("submitted", "submit"), ("reviewed", "review"), ("signed", "sign"), ("posted", "post"))


class LedgerMachine(RuleBasedStateMachine):
    """Acts on one org's books, each done by the ledger and by the model."""

    #: Acts done or refused so far, over all examples.
    acts_done = 0

    def __init__(self, session: Session, code: str) -> None:
        super().__init__()
        self.session = session
        self.ledger: Ledger = open_books(session, code=code, is_default=False)
        self.model = Model()

    # -- both sides of one act

    def run(self, verb: Callable[..., Any], who: Person, **values: Any) -> tuple[Any, list[str]]:
        """Do an act in the books; return its result, or the codes of the refusal."""
        LedgerMachine.acts_done += 1
        actor = Actor(who[0], self.ledger.org_id, who[1], frozenset(PERMISSIONS[who[1]]), AT)
        try:
            with unit_of_work(self.session) as work:
                result = verb(work, actor=actor, **values)
                return getattr(result, "id", result), []
        except Refused as refused:
            return None, refused.codes

    @staticmethod
    def agree(refused: Sequence[str], expected: set[str]) -> bool:
        """Hold the ledger's answer to the model's; say whether the act was done."""
        assert bool(refused) == bool(expected), f"the ledger says {refused}, the model {expected}"
        assert not refused or refused[0] in expected, f"the ledger says {refused}, the model {expected}"
        return not refused

    def voucher(self, lines: Sequence[Line], on: date) -> DraftVoucher:
        """Return lines of the model as a voucher of the ledger."""
        values = tuple(
            DraftLine(
                account,
                debit_fen=debit,
                credit_fen=credit,
                fund=purse[0],
                earmark=purse[1],
                money_place="B1" if account in MONEY else "",
            )
            for debit, credit, account, purse in lines
        )
        return DraftVoucher(on, Month.of(on), "模拟", values, attachments=(PAPER,))

    def walk(self, draft_ids: Sequence[int], stage: str) -> None:
        """Take drafts on together by the right people until they are refused or far enough."""
        for state, act in WALK:
            drafts = {key: self.model.drafts[key] for key in draft_ids}
            if act == "sign":
                drafts = {key: draft for key, draft in drafts.items() if draft.has_money}
            if drafts and not self.take(list(drafts), act, USUAL[act]):
                return
            if state == stage:
                return

    def take(self, draft_ids: Sequence[int], act: str, who: Person) -> bool:
        """Take one step; say whether it was done."""
        if act == "post":
            return self.post(draft_ids, who)
        expected = self.model.step(draft_ids, act, who)
        many, one = {"draft_ids": draft_ids}, {"draft_id": draft_ids[0]}
        verbs: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
            "submit": (drafting.submit_drafts, many),
            "review": (drafting.review_drafts, many),
            "sign": (drafting.sign_drafts, many),
            "recall": (drafting.recall_draft, one),
            "return": (drafting.return_draft, {**one, "reason": "金额不符"}),
            "discard": (drafting.discard_draft, {**one, "reason": "重复", "on": TODAY}),
        }
        verb, values = verbs[act]
        _, refused = self.run(verb, who, **values)
        return self.agree(refused, expected)

    def post(self, draft_ids: Sequence[int], who: Person) -> bool:
        """Post drafts together; numbers are the model's, what was posted before keeps its own."""
        before = {i for i in draft_ids if self.model.drafts[i].state == "posted"}
        expected, numbers = self.model.post(draft_ids, who)
        posted, refused = self.run(posting.post_drafts, who, draft_ids=draft_ids, on=TODAY)
        if not self.agree(refused, expected):
            return False
        for answer in posted:
            assert answer.was_posted_before == (answer.draft_id in before)
            if answer.draft_id in before:
                assert self.model.vouchers[answer.voucher_id].number == answer.number
            else:
                self.model.name_voucher(answer.draft_id, answer.voucher_id)
                assert numbers[answer.draft_id] == answer.number
        return True

    def pick(self, keys: Any, place: int) -> int:
        """Return one of the newest ids; which one is drawn."""
        found = list(keys)
        return int(found[-1 - place % len(found)])

    # -- rules

    @initialize(fens=st.lists(st.integers(0, 90_000), min_size=len(PURSES), max_size=len(PURSES)))
    def begin(self, fens: list[int]) -> None:
        for month in (1, 2, 3):
            self.open(month, CHIEF)
        self.open_heart(CHIEF)
        gifts = [lines_of("gift", purse, fen) for purse, fen in zip(PURSES, fens, strict=True) if fen]
        own = [lines for lines in gifts if lines[0][3] != AGENCY]
        for batch in (own, [lines for lines in gifts if lines[0][3] == AGENCY]):
            if batch:
                self.write(tuple(line for lines in batch for line in lines), date(2026, 1, 5), "posted")

    def write(self, lines: tuple[Line, ...], on: date, stage: str, hold: int | None = None) -> None:
        """Make a draft, twice with one key, and take it on."""
        key = f"key-{len(self.model.drafts)}"
        origin = drafting.DraftOrigin(hold_id=hold, idempotency_key=key)
        value = self.voucher(lines, on)
        made, refused = self.run(drafting.make_draft, MAKER, draft=value, origin=origin)
        assert not refused
        if len(self.model.drafts) % 4 == 0:
            again = self.run(drafting.make_draft, MAKER, draft=value, origin=origin)
            assert again == (made, [])
            other = replace(value, summary="别的")
            assert self.run(drafting.make_draft, MAKER, draft=other, origin=origin) == (None, ["key_reused"])
        self.model.drafts[made] = ModelDraft(lines, on, MAKER[0], hold=hold)
        self.walk([made], stage)

    @rule(template=templates, purse=purses, second=purses, fen=amounts, on=days, stage=stages)
    def write_one(self, template: str, purse: Purse, second: Purse, fen: int, on: date, stage: str) -> None:
        self.write(lines_of(template, purse, fen, second), on, stage)

    @precondition(lambda self: self.model.drafts)
    @rule(place=picks, act=acts, stranger=someone)
    def step(self, place: int, act: str, stranger: Person | None) -> None:
        self.take([self.pick(self.model.drafts, place)], act, stranger or USUAL[act])

    @precondition(lambda self: self.model.drafts)
    @rule(places=st.lists(picks, min_size=1, max_size=3), stranger=someone)
    def post_some(self, places: list[int], stranger: Person | None) -> None:
        ready = [i for i, d in self.model.drafts.items() if d.state in ("reviewed", "signed", "posted")]
        ids = [self.pick(ready or self.model.drafts, place) for place in places]
        self.post(list(dict.fromkeys(ids)), stranger or CHIEF)

    @precondition(lambda self: self.model.drafts)
    @rule(place=picks, fen=amounts, purse=purses, who=st.sampled_from((MAKER, (12, "maker"), CHIEF)))
    def edit(self, place: int, fen: int, purse: Purse, who: Person) -> None:
        draft_id = self.pick(self.model.drafts, place)
        draft = self.model.drafts[draft_id]
        version = (
            self.session.scalar(
                select(Draft.version).where(Draft.org_id == self.ledger.org_id, Draft.id == draft_id)
            )
            or 0
        )
        lines = lines_of("aid", purse, fen)
        values = {"draft_id": draft_id, "draft": self.voucher(lines, draft.on)}
        if draft.is_correction and draft.state == "draft":
            return  # a correction is edited through its own page
        expected = {"draft_wrong_state"} if draft.state != "draft" else set()
        expected = expected or ({"permission_missing"} if who[1] != "maker" else set())
        _, refused = self.run(drafting.edit_draft, who, version=version + 1, **values)
        self.agree(refused, expected or {"draft_changed"})
        _, refused = self.run(drafting.edit_draft, who, version=version, **values)
        if self.agree(refused, expected):
            self.model.drafts[draft_id] = edited(draft, lines, who[0])

    @rule(purse=purses, fen=amounts, stranger=someone)
    def hold(self, purse: Purse, fen: int, stranger: Person | None) -> None:
        who = stranger or MAKER
        expected = self.model.place_hold(purse, fen, who)
        values = {"fund": purse[0], "earmark": purse[1], "amount_fen": fen, "subject": "CASE", "on": TODAY}
        hold_id, refused = self.run(spending.place_hold, who, **values)
        if self.agree(refused, expected):
            self.model.hold_placed(hold_id, purse, fen)

    @precondition(lambda self: self.model.holds)
    @rule(place=picks, stranger=someone)
    def release(self, place: int, stranger: Person | None) -> None:
        hold_id, who = self.pick(self.model.holds, place), stranger or MAKER
        expected = self.model.release_hold(hold_id, who)
        _, refused = self.run(spending.release_hold, who, hold_id=hold_id, reason="不再需要")
        self.agree(refused, expected)

    @precondition(lambda self: self.model.holds)
    @rule(place=picks, on=days, change=st.sampled_from((0, 0, -1, 1)), stage=stages)
    def pay_hold(self, place: int, on: date, change: int, stage: str) -> None:
        hold_id = self.pick(self.model.holds, place)
        purse, fen = self.model.holds[hold_id]
        self.write(lines_of("aid", purse, max(1, fen + change)), on, stage, hold=hold_id)

    @precondition(lambda self: self.model.vouchers)
    @rule(place=picks, on=days, stage=stages)
    def reverse(self, place: int, on: date, stage: str) -> None:
        voucher_id = self.pick(self.model.vouchers, place)
        expected = self.model.correction_codes(voucher_id, on)
        made, refused = self.run(corrections.reverse_voucher, MAKER, voucher_id=voucher_id, on=on)
        if self.agree(refused, expected):
            self.model.drafts[made] = self.model.reversal(voucher_id, on, MAKER[0])
            self.walk([made], stage)

    @precondition(lambda self: self.model.vouchers)
    @rule(place=picks, change=st.integers(-9_000, 9_000), on=days, stage=stages, is_of_fact=st.booleans())
    def differ(self, place: int, change: int, on: date, stage: str, is_of_fact: bool) -> None:
        """Change two amounts of a voucher, with or without moving what that overspends to GEN."""
        voucher_id = self.pick(self.model.vouchers, place)
        left = list(self.model.vouchers[voucher_id].left.values())
        expected, draft = self.model.difference(voucher_id, change, on, MAKER[0])
        values = {"voucher_id": voucher_id, "on": on}
        values["amounts"] = {1: left[0] + change, len(left): left[-1] + change}
        short = self.model.overspends(draft)
        if not is_of_fact or len(left) > 2 or sum(short.values()) > self.model.available[GENERAL]:
            made, refused = self.run(corrections.difference_voucher, MAKER, **values)
            if self.agree(refused, expected):
                self.model.drafts[made] = draft
                self.walk([made], stage)
            return
        made, refused = self.run(corrections.correct_fact, MAKER, reason="记错", **values)
        if self.agree(refused, expected):
            moves = [ModelDraft(lines_of("move", p, fen), on, MAKER[0]) for p, fen in short.items()]
            self.walk_set(made, [*moves, draft], stage)

    @precondition(lambda self: self.model.vouchers)
    @rule(place=picks, template=templates, purse=purses, fen=amounts, on=days, stage=stages)
    def correct(self, place: int, template: str, purse: Purse, fen: int, on: date, stage: str) -> None:
        """Take a voucher back in red and enter the right one in blue, as one set."""
        voucher_id, lines = self.pick(self.model.vouchers, place), lines_of(template, purse, fen)
        expected = self.model.correction_codes(voucher_id, on)
        right = self.voucher(lines, on)
        values = {"voucher_id": voucher_id, "on": on, "lines": right.lines, "attachments": right.attachments}
        made, refused = self.run(corrections.correct_voucher, MAKER, **values)
        if self.agree(refused, expected):
            red = self.model.reversal(voucher_id, on, MAKER[0])
            self.walk_set(made, [red, ModelDraft(lines, on, MAKER[0])], stage)

    def walk_set(self, made: Sequence[Draft], drafts: Sequence[ModelDraft], stage: str) -> None:
        """Take the drafts of a set on together."""
        assert len(made) == len(drafts)
        ids = [row.id for row in made]
        for draft_id, draft in zip(ids, drafts, strict=True):
            draft.set_no = ids[0]
            self.model.drafts[draft_id] = draft
        self.walk(ids, stage)

    @rule(month=st.sampled_from((1, 1, 2, 3)), is_over=st.booleans(), stranger=someone)
    def close(self, month: int, is_over: bool, stranger: Person | None) -> None:
        who, value = stranger or CHIEF, Month(2026, month)
        expected = self.model.close_month(value.code, is_over, who)
        on = TODAY if is_over else value.last_on
        _, refused = self.run(closing.close_month, who, month=value, on=on)
        assert set(refused) == expected

    @rule(month=st.sampled_from((4, 5)), stranger=someone)
    def open_another(self, month: int, stranger: Person | None) -> None:
        self.open(month, stranger or CHIEF)

    def open(self, month: int, who: Person) -> None:
        value = Month(2026, month)
        expected = self.model.open_month(value.code, who)
        _, refused = self.run(setup.open_month, who, month=value)
        self.agree(refused, expected)

    def open_heart(self, who: Person) -> None:
        """Open the earmark; a second time its code is taken."""
        fund, code = HEART
        values = {"fund": fund, "code": code, "name": "心脏病", "text": "仅用于心脏病", "source": "provider"}
        for expected in (set(), {"code_taken"}):
            _, refused = self.run(setup.open_earmark, who, on=date(2026, 1, 1), **values)
            self.agree(refused, expected)

    # -- after every act

    @invariant()
    def books_are_the_models(self) -> None:
        self.session.rollback()
        model = self.model
        guards = {(fund, earmark): (free, held) for fund, earmark, free, held in self.ask(_GUARDS)}
        wanted = {purse: (model.available[purse], model.held[purse]) for purse in PURSES}
        assert {purse: pair for purse, pair in guards.items() if any(pair)} == {
            purse: pair for purse, pair in wanted.items() if any(pair)
        }
        self._turnover()
        posted = Counter(voucher.draft.month for voucher in model.vouchers.values())
        assert {key: (month, number) for key, month, number in self.ask(_NUMBERS)} == {
            key: (voucher.draft.month, voucher.number) for key, voucher in model.vouchers.items()
        }
        assert {month: (last_no, stands) for month, last_no, stands in self.ask(_COUNTERS)} == {
            month: (posted[month], stands) for month, stands in model.is_open.items()
        }
        assert dict(self.ask(_MONTHS)) == model.is_open
        assert dict(self.ask(_STATES)) == {key: draft.state for key, draft in model.drafts.items()}

    def ask(self, query: Any) -> Any:
        """Return the rows of a query over this org's books."""
        return self.session.connection().execute(query, {"org_id": self.ledger.org_id}).all()

    def _turnover(self) -> None:
        """Compare both sides of every account, and what re-tags brought each purse."""
        turnover: Counter[tuple[str, Purse, int, bool]] = Counter()
        retags: Counter[tuple[Purse, int]] = Counter()
        for entry_class, account, fund, earmark, month, debit, credit in self.ask(_BALANCES):
            if entry_class == "retag":
                retags[(fund, earmark), month] += debit - credit
            else:
                turnover[account, (fund, earmark), month, True] += debit
                turnover[account, (fund, earmark), month, False] += credit
        assert turnover == self.model.turnover  # a Counter counts what is not there as none
        assert retags == self.model.retags and sum(retags.values()) == 0

    def teardown(self) -> None:
        self.session.rollback()
        assert run_checks(self.session, self.ledger.org_id, OWN_CHECKS) == []
        self.session.rollback()
        self.session.expunge_all()


@dataclass
class Machines:
    """Makes the machine of one example after another; each has books of its own."""

    session: Session
    numbers: Iterator[int]

    def __call__(self) -> LedgerMachine:
        self.last = LedgerMachine(self.session, f"SIM{next(self.numbers)}")
        return self.last
