"""Holds, incidents, posting rules, openings and owed invoices: every act in every state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor, unit_of_work
from charity.ledger import corrections, drafting, opening, posting, setup, spending
from charity.ledger.drafting import DraftOrigin
from charity.ledger.models import Draft, PostingRule
from charity.ledger.opening_models import Opening, OwedTicket
from charity.ledger.opening_rows import TICKETS
from charity.ledger.queries import open_incidents
from charity.ledger.sealed_models import HoldEvent, IncidentCover
from tests.books import Ledger, open_books, read_journal
from tests.openings import by_month, story, workbook
from tests.service.ledger.test_laws import aid, gift
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

ON = date(2026, 3, 31)
TODAY = date(2026, 9, 3)


def walk(session: Session, verbs: dict[str, Callable[[], Any]], now: Callable[[], str]) -> dict[str, str]:
    """Return what each act answers."""
    return {act: answer(session, verb, now) for act, verb in verbs.items()}


def approved(ledger: Ledger, journal: str, **origin: Any) -> int:
    """Return a draft that is ready to be posted."""
    draft_id = ledger.draft(read_journal(journal)[0], **origin)
    ledger.approve(draft_id)
    return draft_id


#: State of a hold of 100.00 → answers.
HOLDS = {
    "placed": {"again": "placed", "pay": "settled", "release": "released"},
    "settled": {"again": "settled", "pay": "hold_ended", "release": "hold_ended"},
    "released": {"again": "released", "pay": "hold_ended", "release": "hold_ended"},
}


@pytest.mark.parametrize("state", HOLDS)
def test_a_hold_ends_once(ledger: Ledger, state: str) -> None:
    """Placed again under its own key it is the same hold, whatever became of it."""
    ledger.post(gift("2026-03-01", "1000", "F1"))
    place = {"fund": "F1", "earmark": "", "amount_fen": 10_000, "subject": "C-1", "on": ON}
    hold_id = ledger.act(spending.place_hold, "maker", idempotency_key="k", **place)
    payments = [approved(ledger, aid("2026-03-02", "90", "F1"), hold_id=hold_id) for _ in range(2)]
    if state == "settled":
        ledger.post_drafts(payments.pop())
    if state == "released":
        ledger.act(spending.release_hold, "maker", hold_id=hold_id, reason="撤回")
    own, maker, chief = ledger.session, ledger.actor("maker"), ledger.actor("chief")
    verbs = {
        "again": partial(spending.place_hold, own, actor=maker, idempotency_key="k", **place),
        "pay": partial(posting.post_drafts, own, actor=chief, draft_ids=[payments[0]], on=ON),
        "release": partial(spending.release_hold, own, actor=maker, hold_id=hold_id, reason="撤回"),
    }
    last = select(HoldEvent.kind).order_by(HoldEvent.step_no.desc()).limit(1)
    assert walk(own, verbs, lambda: own.execute(last).scalar_one()) == HOLDS[state]


#: State of an incident → answers; the payment of 1.00 is reviewed, a gift of 1.00 posted.
INCIDENTS = {
    "short": {"cover": "fund_overdrawn", "review": "fund_frozen", "give": "posted"},
    "made good": {"cover": "covered", "review": "fund_frozen", "give": "posted"},
    "covered": {"cover": "incident_unknown", "review": "reviewed", "give": "posted"},
}


@pytest.mark.parametrize("state", INCIDENTS)
def test_a_frozen_fund_is_covered_before_it_spends_again(ledger: Ledger, state: str) -> None:
    """95.00 of a gift of 100.00 are spent; the gift was 10.00."""
    (first,) = ledger.post(gift("2026-03-05", "100", "F2"))
    ledger.post(aid("2026-03-06", "95", "F2"))
    values = {"amounts": {1: 1_000, 2: 1_000}, "on": date(2026, 3, 7), "reason": "多记一位"}
    ledger.run(ledger.act(corrections.correct_fact, "maker", voucher_id=first.voucher_id, **values))
    (incident,) = open_incidents(ledger.session, ledger.org_id)
    if state != "short":
        ledger.post(gift("2026-03-08", "90", "F2"))
    if state == "covered":
        ledger.act(corrections.cover_incident, "chief", incident_id=incident.id, note="补足")
    payment = ledger.draft(read_journal(aid("2026-03-09", "1", "F2"))[0])
    ledger.act(drafting.submit_drafts, "maker", draft_ids=[payment])
    more = approved(ledger, gift("2026-03-09", "1", "F2"))
    own, chief, reviewer = ledger.session, ledger.actor("chief"), ledger.actor("reviewer")

    def state_of(draft_id: int) -> str:
        return own.get_one(Draft, (ledger.org_id, draft_id)).state

    def covered() -> str:
        cover = own.get(IncidentCover, (ledger.org_id, incident.id))
        return "open" if cover is None else "covered"

    cover = partial(corrections.cover_incident, own, actor=chief, incident_id=incident.id, note="补足")
    review = partial(drafting.review_drafts, own, actor=reviewer, draft_ids=[payment])
    give = partial(posting.post_drafts, own, actor=chief, draft_ids=[more], on=ON)
    found = {
        "cover": answer(own, cover, covered),
        "review": answer(own, review, partial(state_of, payment)),
        "give": answer(own, give, partial(state_of, more)),
    }
    assert found == INCIDENTS[state]


#: State of a posting rule → who approves, or what is made by it → answer.
SAME, NOT_YET = "rule_same_person", "rule_not_approved"
RULES = {
    "written": {"author": SAME, "first": "half approved", "second": "half approved", "make": NOT_YET},
    "half approved": {"author": SAME, "first": SAME, "second": "in force", "make": NOT_YET},
    "in force": {"author": "in force", "first": "in force", "second": "in force", "make": "reviewed"},
}


@pytest.mark.parametrize("state", RULES)
def test_a_posting_rule_is_in_force_after_two_others_approved_it(ledger: Ledger, state: str) -> None:
    """What is in force is approved again without a word; nobody is added to it."""
    rule = ledger.act(setup.write_posting_rule, "chief", code="P01", text="捐款", on=date(2026, 1, 1))
    rule_id, own = rule.id, ledger.session
    people = {"author": ledger.ids["chief"], "first": 31, "second": 32}

    def approve(who: str) -> Any:
        actor = Actor(people[who], ledger.org_id, who, frozenset({"ledger.approve_rule"}), ledger.at)
        return setup.approve_posting_rule(own, actor=actor, rule_id=rule_id)

    def now() -> str:
        row = own.get_one(PostingRule, (ledger.org_id, rule_id))
        return "in force" if row.approved_at else "half approved" if row.first_approver_id else "written"

    for who in {"written": (), "half approved": ("first",), "in force": ("first", "second")}[state]:
        with unit_of_work(own):
            approve(who)
    found = walk(own, {who: partial(approve, who) for who in people}, now)
    (value,) = read_journal(gift("2026-03-09", "1", "F2"))
    made = DraftOrigin(posting_rule_id=rule_id)
    make = partial(drafting.make_draft, own, actor=ledger.actor("maker"), draft=value, origin=made)
    found["make"] = answer(own, make, lambda: own.execute(select(Draft.state)).scalar_one())
    assert found == RULES[state]


NONE, TAKEN = "opening_none", "opening_taken"
#: State of the books' opening → answers; ``this`` is the workbook prepared first.
OPENINGS = {
    "none": {"this": "proposed", "other": "proposed", "approve": NONE, "withdraw": NONE},
    "proposed": {
        "this": "proposed",
        "other": "withdrawn proposed",
        "approve": "taken",
        "withdraw": "withdrawn",
    },
    "withdrawn": {
        "this": "withdrawn proposed",
        "other": "withdrawn proposed",
        "approve": NONE,
        "withdraw": NONE,
    },
    "taken": {"this": TAKEN, "other": TAKEN, "approve": "taken", "withdraw": NONE},
}


@pytest.fixture
def books(session: Session) -> Ledger:
    """Books with funds and places of money, and no month yet."""
    return open_books(session)


@pytest.mark.parametrize("state", OPENINGS)
def test_books_are_taken_over_once(books: Ledger, settings: Settings, state: str) -> None:
    """Approved again, an opening that was taken answers with what was taken."""
    own, common = books.session, {"data_dir": settings.data_dir, "today": TODAY}
    files = {"this": workbook(story()), "other": workbook(by_month())}
    sha256 = hashlib.sha256(files["this"]).hexdigest()

    def propose(which: str) -> Any:
        values = {"data": files[which], "name": "期初.xlsx", **common}
        return opening.propose_opening(own, actor=books.actor("maker"), **values)

    def approve() -> Any:
        return opening.approve_opening(own, actor=books.actor("chief"), sha256=sha256, **common)

    def withdraw() -> None:
        opening.withdraw_opening(own, actor=books.actor("maker"), reason="科目余额有误")

    def now() -> str:
        return " ".join(own.scalars(select(Opening.state).order_by(Opening.id)))

    if state != "none":
        with unit_of_work(own):
            propose("this")
    if state in ("withdrawn", "taken"):
        with unit_of_work(own):
            withdraw() if state == "withdrawn" else approve()
    verbs = {"this": partial(propose, "this"), "other": partial(propose, "other")}
    assert walk(own, verbs | {"approve": approve, "withdraw": withdraw}, now) == OPENINGS[state]


#: State of an invoice owed from before → answer to recording its number.
OWED = {"owed": "issued", "issued": "ticket_unknown"}


@pytest.mark.parametrize("state", OWED)
def test_an_owed_invoice_is_issued_once(books: Ledger, settings: Settings, state: str) -> None:
    rows = story()
    rows[TICKETS] = [{"name": "某捐赠人", "amount": "200", "on": "2026-08-30", "ref": "旧-118"}]
    common = {"data_dir": settings.data_dir, "today": TODAY}
    values = {"data": workbook(rows), "name": "期初.xlsx"}
    row = books.act(opening.propose_opening, "maker", **values, **common)
    books.act(opening.approve_opening, "chief", sha256=row.sha256, **common)
    own = books.session
    ticket = own.execute(select(OwedTicket.id)).scalar_one()
    issue = {"ticket_id": ticket, "invoice_number": "00012345"}
    if state == "issued":
        books.act(opening.issue_owed, "maker", **issue)
    act = partial(opening.issue_owed, own, actor=books.actor("maker"), **issue)
    number = select(OwedTicket.invoice_number)
    assert answer(own, act, lambda: "issued" if own.execute(number).scalar_one() else "owed") == OWED[state]
