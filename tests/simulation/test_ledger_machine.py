"""The ledger beside a model of plain integers: whatever is done, in whatever order, both agree.

Right and wrong acts are drawn alike: the wrong person, more than there is, closed months,
a red voucher reversed, a draft posted twice, a hold settled twice, stale corrections.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, unit_of_work
from charity.errors import Refused
from charity.ledger import closing, corrections, drafting, posting, setup, spending
from charity.ledger.checks import run_checks
from charity.ledger.models import Draft, Earmark, Fund, Period, VoucherCounter
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.ledger.sealed_models import FundGuard, Voucher
from charity.periods import Month
from tests.books import PAPER, PERMISSIONS, Ledger, open_books
from tests.simulation.ledger_model import (
    CASH,
    CHIEF,
    HEART,
    MAKER,
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
templates = st.sampled_from(("gift", "gift", "aid", "owe", "pay", "move"))
#: How far a new draft is taken by the right people.
stages = st.sampled_from(("draft", "submitted", "reviewed", "signed", "posted", "posted"))
picks = st.integers(0, 30)
strangers = st.tuples(st.sampled_from((11, 12, 13, 14)), st.sampled_from(tuple(PERMISSIONS)))
#: Mostly the right person; now and then anybody, with any role.
someone = st.none() | st.none() | strangers
acts = st.sampled_from(("submit", "recall", "review", "return", "sign", "discard"))

WALK = (("submitted", "submit"), ("reviewed", "review"), ("signed", "sign"), ("posted", "post"))


class LedgerMachine(RuleBasedStateMachine):
    """Acts on one org's books, each done by the ledger and by the model."""

    def __init__(self, session: Session, code: str) -> None:
        super().__init__()
        self.session = session
        self.ledger: Ledger = open_books(session, code=code, is_default=False)
        self.model = Model()

    # -- both sides of one act

    def run(self, verb: Callable[..., Any], who: Person, **values: Any) -> tuple[Any, list[str]]:
        """Do an act in the books; return its result, or the codes of the refusal."""
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
                money_place="B1" if account == CASH else "",
            )
            for debit, credit, account, purse in lines
        )
        return DraftVoucher(on, Month.of(on), "模拟", values, attachments=(PAPER,))

    def walk(self, draft_id: int, stage: str) -> None:
        """Take a draft on by the right people until it is refused or far enough."""
        for state, act in WALK:
            draft = self.model.drafts[draft_id]
            if act == "sign" and not draft.has_money:
                continue
            if draft.state == stage or not self.take(draft_id, act, USUAL[act]):
                return
            if state == stage:
                return

    def take(self, draft_id: int, act: str, who: Person) -> bool:
        """Take one step; say whether it was done."""
        if act == "post":
            return self.post([draft_id], who)
        expected = self.model.step(draft_id, act, who)
        verbs: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
            "submit": (drafting.submit_drafts, {"draft_ids": [draft_id]}),
            "review": (drafting.review_drafts, {"draft_ids": [draft_id]}),
            "sign": (drafting.sign_drafts, {"draft_ids": [draft_id]}),
            "recall": (drafting.recall_draft, {"draft_id": draft_id}),
            "return": (drafting.return_draft, {"draft_id": draft_id, "reason": "金额不符"}),
            "discard": (drafting.discard_draft, {"draft_id": draft_id, "reason": "重复", "on": TODAY}),
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
        for purse, fen in zip(PURSES, fens, strict=True):
            if fen:
                self.write("gift", purse, fen, date(2026, 1, 5), "posted")

    def write(
        self, template: str, purse: Purse, fen: int, on: date, stage: str, hold: int | None = None
    ) -> int:
        lines = lines_of(template, purse, fen)
        made, refused = self.run(
            drafting.make_draft,
            MAKER,
            draft=self.voucher(lines, on),
            origin=drafting.DraftOrigin(hold_id=hold),
        )
        assert not refused
        self.model.drafts[made] = ModelDraft(lines, on, MAKER[0], hold=hold)
        self.walk(made, stage)
        return int(made)

    @rule(template=templates, purse=purses, fen=amounts, on=days, stage=stages)
    def write_one(self, template: str, purse: Purse, fen: int, on: date, stage: str) -> None:
        if template == "move" and purse[0] == "GEN":
            template = "aid"
        self.write(template, purse, fen, on, stage)

    @precondition(lambda self: self.model.drafts)
    @rule(place=picks, act=acts, stranger=someone)
    def step(self, place: int, act: str, stranger: Person | None) -> None:
        self.take(self.pick(self.model.drafts, place), act, stranger or USUAL[act])

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
        version = self.session.scalar(select(Draft.version).where(Draft.id == draft_id)) or 0
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
        self.write("aid", purse, max(1, fen + change), on, stage, hold=hold_id)

    @precondition(lambda self: self.model.vouchers)
    @rule(place=picks, on=days, stage=stages)
    def reverse(self, place: int, on: date, stage: str) -> None:
        voucher_id = self.pick(self.model.vouchers, place)
        expected = self.model.correction_codes(voucher_id, on)
        made, refused = self.run(corrections.reverse_voucher, MAKER, voucher_id=voucher_id, on=on)
        if self.agree(refused, expected):
            self.model.drafts[made] = self.model.reversal(voucher_id, on, MAKER[0])
            self.walk(made, stage)

    @precondition(lambda self: self.model.vouchers)
    @rule(place=picks, right_fen=st.integers(-1, 60_000), on=days, stage=stages)
    def differ(self, place: int, right_fen: int, on: date, stage: str) -> None:
        voucher_id = self.pick(self.model.vouchers, place)
        expected, draft = self.model.difference(voucher_id, right_fen, on, MAKER[0])
        made, refused = self.run(
            corrections.difference_voucher,
            MAKER,
            voucher_id=voucher_id,
            amounts={1: right_fen, 2: right_fen},
            on=on,
        )
        if self.agree(refused, expected):
            self.model.drafts[made] = draft
            self.walk(made, stage)

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
        model, org_id = self.model, self.ledger.org_id
        guards = self.session.execute(
            select(Fund.code, Earmark.code, FundGuard.available_fen, FundGuard.held_fen)
            .join(Fund, (Fund.org_id == FundGuard.org_id) & (Fund.id == FundGuard.fund_id))
            .join(Earmark, (Earmark.org_id == FundGuard.org_id) & (Earmark.id == FundGuard.earmark_id))
            .where(FundGuard.org_id == org_id)
        ).all()
        found = {(fund, earmark): (free, held) for fund, earmark, free, held in guards if free or held}
        wanted = {purse: (model.available[purse], model.held[purse]) for purse in PURSES}
        assert found == {purse: pair for purse, pair in wanted.items() if any(pair)}
        assert self.ledger.balances() == {key: fen for key, fen in model.balances.items() if fen}
        assert sum(model.balances.values()) == 0
        self._numbers_and_months(org_id)
        states = self.session.execute(select(Draft.id, Draft.state).where(Draft.org_id == org_id))
        assert dict(states.all()) == {key: draft.state for key, draft in model.drafts.items()}

    def _numbers_and_months(self, org_id: int) -> None:
        """Compare the numbers given and the months."""
        numbers = self.session.execute(
            select(Voucher.id, Voucher.month, Voucher.number).where(Voucher.org_id == org_id)
        )
        assert {key: (month, number) for key, month, number in numbers} == {
            key: (voucher.draft.month, voucher.number) for key, voucher in self.model.vouchers.items()
        }
        counters = self.session.execute(
            select(VoucherCounter.month, VoucherCounter.last_no, VoucherCounter.is_open).where(
                VoucherCounter.org_id == org_id
            )
        )
        given = {month: (last_no, stands) for month, last_no, stands in counters}
        posted = [voucher.draft.month for voucher in self.model.vouchers.values()]
        assert given == {month: (posted.count(month), s) for month, s in self.model.is_open.items()}
        months = select(Period.month, Period.is_open).where(Period.org_id == org_id)
        assert dict(self.session.execute(months).all()) == self.model.is_open

    def teardown(self) -> None:
        self.session.rollback()
        assert run_checks(self.session, self.ledger.org_id) == []


def test_the_ledger_agrees_with_plain_integers_whatever_is_done(session: Session) -> None:
    codes = itertools.count(1)
    run_state_machine_as_test(
        lambda: LedgerMachine(session, f"SIM{next(codes)}"),
        settings=settings(max_examples=9, stateful_step_count=18, phases=(Phase.generate,)),
    )
