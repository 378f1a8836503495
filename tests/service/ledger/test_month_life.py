"""The life of a month walked whole: each act on each month, as far as its year's month 13 is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from charity.db import unit_of_work
from charity.ledger import closing, drafting, setup
from charity.ledger.models import BookYear, Draft, Period
from charity.periods import Month
from tests.books import Ledger, open_books, read_journal
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

ON = date(2027, 4, 1)
THIRTEENTH = Month(2026, 13)
ACTS = ("open", "close", "submit", "carry")
NOT_OPEN, CLOSED, NONE = "close_not_open", "period_closed", "period_not_open"
NOT_HERE = "carry_not_here"
#: State of month 13 → month → state after each of ``ACTS``, or the refusal. The books begin in
#: December 2026, which is closed; January and February 2027 are open, March comes next.
#: What is open already is opened again without a word, and a draft may be made for any month.
LIFE: dict[str, dict[str, tuple[str, ...]]] = {
    "none": {
        "2026-12": ("closed", NOT_OPEN, CLOSED, NOT_HERE),
        "2026-13": ("open", NOT_OPEN, NONE, "draft"),
        "2027-01": ("open", "close_month13", "submitted", NOT_HERE),
        "2027-02": ("open", "close_earlier_open close_month13", "submitted", NOT_HERE),
        "2027-03": ("open", NOT_OPEN, NONE, NOT_HERE),
        "2027-05": ("period_gap", NOT_OPEN, NONE, NOT_HERE),
        "2027-13": ("month13_early", NOT_OPEN, NONE, "nothing_to_carry"),
    },
    "open": {
        "2026-13": ("open", "close_audit close_carry_forward", "submitted", "draft"),
        "2027-01": ("open", "closed", "submitted", NOT_HERE),
        "2027-02": ("open", "close_earlier_open", "submitted", NOT_HERE),
    },
    "audited": {"2026-13": ("open", "close_carry_forward", "submitted", "draft")},
    "carried": {"2026-13": ("open", "closed", "submitted", "nothing_to_carry")},
    "closed": {
        "2026-13": ("closed", NOT_OPEN, CLOSED, "nothing_to_carry"),
        "2027-01": ("open", "closed", "submitted", NOT_HERE),
        "2027-13": ("month13_early", NOT_OPEN, NONE, "nothing_to_carry"),
    },
}


@pytest.fixture
def books(session: object) -> Ledger:
    """Books from December 2026 on, with a gift in it; December is closed."""
    ledger = open_books(session)  # type: ignore[arg-type]
    ledger.open_months("2026-12", "2027-02")
    ledger.post("2026-12-05 捐款\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN")
    ledger.act(closing.close_month, "chief", month=Month(2026, 12), on=ON)
    return ledger


def bring(ledger: Ledger, thirteenth: str) -> None:
    """Bring month 13 into a state."""
    if thirteenth != "none":
        ledger.act(setup.open_month, "chief", month=THIRTEENTH)
    if thirteenth in ("audited", "carried", "closed"):
        ledger.act(closing.sign_audit, "chief", year=2026, audited_on=ON)
    if thirteenth in ("carried", "closed"):
        ledger.run([ledger.act(closing.make_closing_draft, "maker", month=THIRTEENTH)])
    if thirteenth == "closed":
        ledger.act(closing.close_month, "chief", month=THIRTEENTH, on=ON)


def state_of(ledger: Ledger, month: Month) -> str:
    """Tell whether a month is open."""
    row = ledger.session.get(Period, (ledger.org_id, month.code))
    return "none" if row is None else "open" if row.is_open else "closed"


def last_draft(ledger: Ledger) -> str:
    """Tell the state of the draft made last."""
    return ledger.session.scalars(select(Draft.state).order_by(Draft.id.desc())).first() or ""


def submit(ledger: Ledger, month: Month) -> None:
    """Make a voucher without money in a month and hand it to review."""
    name = f" #{month}" if month.number == 13 else ""
    (value,) = read_journal(f"{month.first_on}{name} 物资\n  借 1201 1.00 GEN\n  贷 410101 1.00 GEN")
    maker = ledger.actor("maker")
    row = drafting.make_draft(ledger.session, actor=maker, draft=value)
    drafting.submit_drafts(ledger.session, actor=maker, draft_ids=[row.id])


@pytest.mark.parametrize("thirteenth", LIFE)
def test_every_act_on_every_month(books: Ledger, thirteenth: str) -> None:
    bring(books, thirteenth)
    session, chief, maker = books.session, books.actor("chief"), books.actor("maker")
    found = {}
    for name in LIFE[thirteenth]:
        month = Month.parse(name)
        verbs: dict[str, tuple[Callable[[], Any], Callable[[], str]]] = {
            "open": (
                partial(setup.open_month, session, actor=chief, month=month),
                partial(state_of, books, month),
            ),
            "close": (
                partial(closing.close_month, session, actor=chief, month=month, on=ON),
                partial(state_of, books, month),
            ),
            "submit": (partial(submit, books, month), partial(last_draft, books)),
            "carry": (
                partial(closing.make_closing_draft, session, actor=maker, month=month),
                partial(last_draft, books),
            ),
        }
        found[name] = tuple(answer(session, *verbs[act]) for act in ACTS)
    assert found == LIFE[thirteenth]


#: State of month 13 → answer to signing the audit on a day, and on another one.
AUDIT = {
    "none": ("audit_needs_month13", "audit_needs_month13"),
    "open": (str(ON), "2027-03-31"),
    "audited": (str(ON), "audit_signed"),
    "carried": (str(ON), "audit_signed"),
    "closed": (str(ON), "audit_signed"),
}


@pytest.mark.parametrize("thirteenth", AUDIT)
def test_an_audit_is_signed_once_whatever_its_month_13_is(books: Ledger, thirteenth: str) -> None:
    bring(books, thirteenth)

    def sign(on: date) -> str:
        act = partial(closing.sign_audit, books.session, actor=books.actor("chief"), year=2026, audited_on=on)
        return answer(books.session, act, lambda: str(books.session.get_one(BookYear, key).audited_on))

    key = (books.org_id, 2026)
    assert (sign(ON), sign(date(2027, 3, 31))) == AUDIT[thirteenth]


def test_a_draft_that_waits_keeps_its_month_open_until_it_is_discarded(books: Ledger) -> None:
    """Whatever its state: being prepared, submitted, reviewed or signed."""
    bring(books, "open")
    (value,) = read_journal("2027-01-05 捐款\n  借 1002@B1 1.00 GEN\n  贷 410101 1.00 GEN")
    draft_id = books.draft(value)
    close = partial(
        closing.close_month, books.session, actor=books.actor("chief"), month=Month(2027, 1), on=ON
    )
    found = []
    for step in (
        None,
        (drafting.submit_drafts, "maker"),
        (drafting.review_drafts, "reviewer"),
        (drafting.sign_drafts, "cashier"),
    ):
        if step is not None:
            with unit_of_work(books.session) as work:
                step[0](work, actor=books.actor(step[1]), draft_ids=[draft_id])
        found.append(answer(books.session, close, lambda: "closed"))
    assert found == ["close_drafts"] * 4
    books.act(drafting.return_draft, "reviewer", draft_id=draft_id, reason="重复")
    books.act(drafting.discard_draft, "maker", draft_id=draft_id, reason="重复", on=ON)
    assert answer(books.session, close, lambda: "closed") == "closed"
